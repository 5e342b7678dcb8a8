// A function of two numbers: its level curves with the gradient across them, and its surface with the tangent plane.

picture("surface", {
  part: "surface",
  order: 2,
  title: () => words("Level curves and the tangent plane"),
  shows: (study) => study.surface !== null,
  caption(part) {
    if (!smooth(part)) return words("At (%(names)s) = (%(at)s) there is no finite gradient. The small arrows point to where the function rises fastest, straight across the level curves.", { names: part.names.join(", "), at: part.at.map(brief).join(", ") });
    const said = { names: part.names.join(", "), at: part.at.map(brief).join(", "), gradient: part.gradient.map(brief).join(", ") };
    const gradient = words("At (%(names)s) = (%(at)s) the gradient is (%(gradient)s). It points to where the function rises fastest, straight across the level curve through the point, the dashed one; the closer the curves lie, the longer it is.", said);
    const plane = words("On the surface its two entries are the slopes of the plane that touches it there, one along each axis.");
    return sameScale(part) ? `${gradient} ${plane}` : `${gradient} ${words("The axes have different scales here, which bends the right angle.")} ${plane}`;
  },
  table(part) {
    const { xs, ys, z } = gridOf(part);
    const few = (all) => all.map((_, place) => place).filter((place) => place % 5 === 0);
    return {
      columns: [[part.names[0], "number"], [part.names[1], "number"], [words("value"), "number"]],
      rows: few(ys).flatMap((j) => few(xs).map((i) => [xs[i], ys[j], z(i, j)])),
    };
  },
  draw(part, width) {
    const each = width >= 700 ? Math.floor((width - 24) / 2) : width;
    return element("div", { class: "beside" }, levelCurves(part, each), surfaceAbove(part, each));
  },
});

// Whether there is a gradient, and with it a plane that touches.
const smooth = ({ value, gradient }) => [value, ...gradient].every(known);

const span = ([low, high]) => high - low;

// Whether one unit is as long on both axes, which shows right angles as such.
function sameScale({ x, y }) {
  const ratio = span(x) / span(y);
  return ratio > 0.4 && ratio < 2.5;
}

// The samples as a function of their place; NaN where the function is undefined or out of the picture.
function gridOf({ x, y, z, columns }) {
  const flat = heights(z);
  const rows = flat.length / columns;
  return { xs: evenly(x, columns), ys: evenly(y, rows), flat, z: (i, j) => (flat[j * columns + i] >= z.low - 1e-9 && flat[j * columns + i] <= z.high + 1e-9 ? flat[j * columns + i] : NaN) };
}

// The value anywhere, between samples by proportion.
function between({ x, y }, { xs, ys, z }) {
  return (a, b) => {
    const [s, t] = [((a - x[0]) / span(x)) * (xs.length - 1), ((b - y[0]) / span(y)) * (ys.length - 1)];
    const [i, j] = [Math.min(Math.max(Math.floor(s), 0), xs.length - 2), Math.min(Math.max(Math.floor(t), 0), ys.length - 2)];
    const [u, v] = [s - i, t - j];
    return (1 - v) * ((1 - u) * z(i, j) + u * z(i + 1, j)) + v * ((1 - u) * z(i, j + 1) + u * z(i + 1, j + 1));
  };
}

// About so many round numbers within a range.
function roundNumbers(low, high, many) {
  const rough = (high - low) / many;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].find((factor) => factor * power >= rough) * power;
  const first = Math.ceil(low / step);
  return Array.from({ length: Math.floor(high / step) - first + 1 }, (_, place) => Number(((first + place) * step).toPrecision(12)));
}

const tint = (share) => `color-mix(in oklab, var(--series-1) ${Math.round(8 + 50 * share)}%, var(--card))`;

function levelCurves(part, width) {
  const grid = gridOf(part);
  const { x, y, z, at, value, gradient } = part;
  const { low, high } = z;
  const thresholds = roundNumbers(low, high, 10);
  const [dx, dy] = [span(x) / (grid.xs.length - 1) / 2, span(y) / (grid.ys.length - 1) / 2];
  const placed = { width: grid.xs.length, height: grid.ys.length, x1: x[0] - dx, x2: x[1] + dx, y1: y[0] - dy, y2: y[1] + dy };
  const height = sameScale(part) ? Math.round(((width - 60) * span(y)) / span(x)) + 64 : Math.round(0.8 * width);
  const [right, up] = [(width - 60) / span(x), (height - 64) / span(y)]; // pixels a unit
  const arrows = fieldOf(part, grid).map((arrow) => ({ ...arrow, turn: turned(arrow.gx * right, arrow.gy * up) }));
  const longest = Math.max(...arrows.map(({ gx, gy }) => Math.hypot(gx, gy)), smooth(part) ? Math.hypot(...gradient) : 0, 1e-300);
  const own = smooth(part) ? [{ x: at[0], y: at[1], turn: turned(gradient[0] * right, gradient[1] * up) }] : [];
  return Plot.plot({
    width, height, marginLeft: 44, marginRight: 16, marginTop: 30, marginBottom: 34, style: { fontSize: "12px" }, ariaLabel: words("Level curves"),
    x: { domain: x, label: part.names[0], ticks: 6 }, y: { domain: y, label: part.names[1], ticks: 6 },
    color: { type: "threshold", domain: thresholds, range: [0, ...thresholds].map((_, place) => tint(place / thresholds.length)) },
    length: { type: "identity" },
    marks: [
      Plot.contour(grid.flat, { ...placed, fill: (value) => value, thresholds: [low, ...thresholds], clip: true }),
      Plot.contour(grid.flat, { ...placed, stroke: "currentColor", strokeOpacity: 0.55, thresholds, clip: true }),
      Plot.contour(grid.flat, { ...placed, stroke: "var(--series-2)", strokeWidth: 1.5, strokeDasharray: "5 3", thresholds: own.map(() => value), clip: true }),
      Plot.vector(arrows, { x: "x", y: "y", rotate: "turn", length: ({ gx, gy }) => 6 + (16 * Math.hypot(gx, gy)) / longest, anchor: "start", stroke: "currentColor", strokeOpacity: 0.7 }),
      Plot.text(labelled(part, grid, thresholds, [right, up]), { x: "x", y: "y", text: "text", fontSize: 12, fill: "currentColor", stroke: "var(--card)", strokeWidth: 4 }),
      Plot.vector(own, { x: "x", y: "y", rotate: "turn", length: () => ARROW, anchor: "start", stroke: "var(--series-2)", strokeWidth: 3 }),
      Plot.dot([{ x: at[0], y: at[1] }], { x: "x", y: "y", r: 5, fill: "var(--series-2)", stroke: "var(--card)" }),
    ],
  });
}

// Degrees from upwards, clockwise, of a direction.
const turned = (right, up) => (Math.atan2(right, up) * 180) / Math.PI;

// Gradients here and there, from the samples, away from the point itself.
function fieldOf({ x, y, at }, { xs, ys, z }) {
  const places = (many) => [0.1, 0.3, 0.5, 0.7, 0.9].map((share) => Math.round(share * (many - 1)));
  return places(ys.length).flatMap((j) => places(xs.length).map((i) => ({
    x: xs[i], y: ys[j], gx: (z(i + 1, j) - z(i - 1, j)) / (xs[i + 1] - xs[i - 1]), gy: (z(i, j + 1) - z(i, j - 1)) / (ys[j + 1] - ys[j - 1]),
  }))).filter(({ gx, gy, ...one }) => Number.isFinite(gx + gy) && Math.hypot((one.x - at[0]) / span(x), (one.y - at[1]) / span(y)) > 0.15);
}

const ARROW = 58; // pixels

// Where the levels are written: along the line of the gradient, but not on its arrow.
function labelled(part, grid, thresholds, [right, up]) {
  const value = between(part, grid);
  const { x, y, at } = part;
  const gradient = smooth(part) ? part.gradient : [span(x), span(y)];
  const size = Math.max(Math.abs(gradient[0] / span(x)), Math.abs(gradient[1] / span(y))) || 1;
  const [ex, ey] = [gradient[0] / size, gradient[1] / size];
  const path = evenly([-1, 1], 401).map((share) => ({ off: share * Math.hypot(ex * right, ey * up), x: at[0] + share * ex, y: at[1] + share * ey }))
    .filter((one) => one.x > x[0] && one.x < x[1] && one.y > y[0] && one.y < y[1] && (one.off < -16 || one.off > ARROW + 14));
  const found = [];
  for (let place = 1; place < path.length; place += 1) {
    const [before, after] = [value(path[place - 1].x, path[place - 1].y), value(path[place].x, path[place].y)];
    const crossed = thresholds.find((threshold) => (before - threshold) * (after - threshold) < 0);
    const last = found.at(-1);
    if (crossed !== undefined && (!last || path[place].off - last.off > 24)) found.push({ ...path[place], text: String(crossed) });
  }
  return found;
}

// How the surface is looked at: the turn of the axes, and how far above the eye is.
const [TURN, ABOVE, HEIGHT] = [(-35 * Math.PI) / 180, (28 * Math.PI) / 180, 0.75];

function surfaceAbove(part, width) {
  const grid = gridOf(part);
  const { x, y, z, at, value, gradient, names } = part;
  const height = Math.round(0.82 * width);
  const scale = 0.66 * width;
  const share = (number, [low, high]) => (number - low) / (high - low) - 0.5;
  const far = (a, b) => share(a, x) * Math.sin(TURN) + share(b, y) * Math.cos(TURN);
  const seen = (a, b, c) => [
    width / 2 + scale * (share(a, x) * Math.cos(TURN) - share(b, y) * Math.sin(TURN)),
    height / 2 - scale * (far(a, b) * Math.sin(ABOVE) + HEIGHT * share(c, [z.low, z.high]) * Math.cos(ABOVE)),
  ].map((pixels) => pixels.toFixed(1));
  const outline = (points, closed) => `M${points.map((point) => seen(...point).join(",")).join("L")}${closed ? "Z" : ""}`;
  const tiles = tilesOf(grid, z).sort((one, other) => far(...other.middle) - far(...one.middle));
  const plane = (a, b) => value + gradient[0] * (a - at[0]) + gradient[1] * (b - at[1]);
  const corners = smooth(part) ? cornersOf(part, plane) : [];
  const label = (text, a, b, c, dx, dy) => {
    const [px, py] = seen(a, b, c);
    return element("text", { x: px, y: py, dx, dy, "text-anchor": "middle" }, text);
  };
  const touching = seen(...at, value);
  return element("svg", { class: "surface", width, height, viewBox: `0 0 ${width} ${height}` },
    element("path", { class: "floor", d: outline([[x[0], y[0], z.low], [x[1], y[0], z.low], [x[1], y[1], z.low], [x[0], y[1], z.low]], true) }),
    tiles.map(({ edge, height }) => element("path", { class: "tile", d: outline(edge, true), style: `fill: ${tint(height)}` })),
    corners.length ? touchingPlane(corners, outline) : "",
    known(value) ? element("circle", { class: "touching", cx: touching[0], cy: touching[1], r: 5 }) : "",
    label(names[0], (x[0] + x[1]) / 2, y[0], z.low, 0, 22), label(names[1], x[1], (y[0] + y[1]) / 2, z.low, 20, 14));
}

function touchingPlane(corners, outline) {
  const [a, b, c, d] = corners.map((corner, place) => middle(corner, corners[(place + 1) % 4]));
  return [element("path", { class: "plane", d: outline(corners, true) }), element("path", { class: "plane lines", d: outline([a, c]) + outline([b, d]) })];
}

const middle = (one, other) => one.map((number, place) => (number + other[place]) / 2);

// The surface in tiles of a few samples a side; those with a hole are left out.
function tilesOf({ xs, ys, z }, { low, high }) {
  const step = Math.max(1, Math.round((xs.length - 1) / 10));
  const found = [];
  for (let j = 0; j + step < ys.length; j += step) {
    for (let i = 0; i + step < xs.length; i += step) {
      const along = evenly([0, step], step + 1);
      const edge = [...along.map((d) => [i + d, j]), ...along.slice(1).map((d) => [i + step, j + d]), ...along.slice(1).map((d) => [i + step - d, j + step]), ...along.slice(1, -1).map((d) => [i, j + step - d])]
        .map(([a, b]) => [xs[a], ys[b], z(a, b)]);
      if (edge.every(([, , c]) => Number.isFinite(c))) {
        found.push({ edge, middle: [(xs[i] + xs[i + step]) / 2, (ys[j] + ys[j + step]) / 2], height: (edge.reduce((sum, [, , c]) => sum + c, 0) / edge.length - low) / (high - low) });
      }
    }
  }
  return found;
}

// A part of the tangent plane around the point, small enough to stay in the picture.
function cornersOf({ x, y, z, at }, plane) {
  for (let reach = 0.3; ; reach /= 1.3) {
    const [dx, dy] = [reach * span(x), reach * span(y)];
    const corners = [[-1, -1], [1, -1], [1, 1], [-1, 1]].map(([a, b]) => [at[0] + a * dx, at[1] + b * dy]).map(([a, b]) => [a, b, plane(a, b)]);
    if (reach < 0.05 || corners.every(([, , c]) => c > z.low - 0.15 * (z.high - z.low) && c < z.high + 0.15 * (z.high - z.low))) return corners;
  }
}
