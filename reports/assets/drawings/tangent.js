// A function and its tangent, seen closer and closer: what a derivative is.

picture("tangent", {
  part: "curve",
  order: 1,
  title: () => words("The function and its tangent, closer and closer"),
  shows: (study) => study.curve !== null,
  caption: ({ at, slope }) => words("The function is the solid line, its tangent at %(at)s the dashed one, with the slope %(slope)s. Each picture shows the box that is marked in the one before. The distance between the two shrinks faster than the picture, until no eye tells them apart: near the point the function is its tangent, and the slope of that line is the derivative.", { at: brief(at), slope: brief(slope) }),
  table: ({ zooms }) => ({
    columns: [[words("Distance from the point, up to"), "number"], [words("Largest gap to the tangent"), "number"], [words("Gap in terms of that distance"), "percent"]],
    rows: zooms.map(({ half, gap }) => [half, gap, gap / half]),
  }),
  draw(curve, width) {
    const beside = width >= 620;
    const each = beside ? Math.floor((width - 24) / curve.zooms.length) : width;
    return element("div", { class: "beside" }, curve.zooms.map((zoom, place) => closeUp(curve, zoom, curve.zooms[place + 1], each)));
  },
});

function closeUp({ at, value, slope }, { half, x, y }, next, width) {
  const samples = heights(y).map((height, place) => ({ x: evenly(x, y.moves.length)[place], y: height }));
  const tangent = x.map((end) => ({ x: end, y: value + slope * (end - at) }));
  const margin = 0.06 * (y.high - y.low);
  return Plot.plot({
    width, height: 230, marginLeft: 58, marginRight: 16, marginBottom: 34, style: { fontSize: "12px" }, ariaLabel: `± ${brief(half)}`,
    x: { domain: x, ticks: 3, label: null },
    y: { domain: [y.low - margin, y.high + margin], ticks: 4, label: null, grid: true },
    marks: [
      next ? Plot.rect([next], { x1: ({ x }) => x[0], x2: ({ x }) => x[1], y1: ({ y }) => y.low, y2: ({ y }) => y.high, stroke: "currentColor", strokeOpacity: 0.6, fill: "currentColor", fillOpacity: 0.08, clip: true }) : null,
      Plot.line(samples, { x: "x", y: "y", stroke: "var(--series-1)", strokeWidth: 2, clip: true }),
      Plot.line(tangent, { x: "x", y: "y", stroke: "var(--series-2)", strokeWidth: 1.6, strokeDasharray: "6 4", clip: true }),
      Plot.dot([{ x: at, y: value }], { x: "x", y: "y", r: 4, fill: "currentColor" }),
      Plot.text([`${brief(at)} ± ${brief(half)}`], { frameAnchor: "top", dy: -14, fontSize: 13, fontWeight: 600 }),
    ],
  });
}
