// What plots of a run share: one colour and one sign for every series, ticks, labels, ranges, and points that open cells.

const SIGNS = ["circle", "square", "triangle", "diamond", "star", "cross", "wye"];
const ADVANCE = 7; // pixels that a letter takes
const TIP = { fontSize: 12, lineHeight: 1.3 };

// Names of rows by those of the keys in which they differ; the first key is always said.
function naming(rows, keys) {
  const told = keys.filter((key, place) => place === 0 || new Set(rows.map((row) => row[key])).size > 1);
  return (row) => told.map((key) => row[key]).join(" ");
}

// The series among some rows, told apart by keys of which the first is the backend: what each is called, and the
// scales that give it the colour of its backend and a sign.
function seriesOf(rows, keys) {
  const name = naming(rows, keys);
  const kind = (row) => keys.slice(1).map((key) => row[key]).join(" ");
  const kinds = [...new Set(rows.map(kind))];
  const backends = [...new Set(report.columns.map((who) => who.backend))];
  const rank = (row) => backends.indexOf(row.backend);
  const first = [...new Map(rows.map((row) => [name(row), row])).values()].sort((one, other) => rank(one) - rank(other));
  const names = first.map(name);
  return {
    name,
    names,
    color: { domain: names, range: first.map((row) => seriesColour(row.backend)) },
    symbol: { domain: names, range: first.map((row) => SIGNS[(rank(row) + 3 * kinds.indexOf(kind(row))) % SIGNS.length]) },
  };
}

// A plot whose letters can be read, with the signs of its series.
function plotted({ series, ...options }) {
  const scales = series ? { color: series.color, symbol: series.symbol } : {};
  return Plot.plot({ className: "plot", marginLeft: 64, marginRight: 16, marginBottom: 40, ...scales, ...options });
}

function legend(series) {
  if (series.names.length < 2) return null;
  return element("ul", { class: "legend-of-series" }, series.names.map((name, place) => element("li", {},
    Plot.plot({ width: 14, height: 14, margin: 0, axis: null, ariaHidden: "true",
      marks: [Plot.dot([0], { frameAnchor: "middle", r: 4.5, symbol: series.symbol.range[place], fill: series.color.range[place] })] }), name)));
}

// Labels of ticks, which are 1, 2 or 5 times a power of ten.
const timesTick = (value) => `${Number(value.toPrecision(1))}×`;
const secondsTick = (value) => written.seconds(value).replace(/\.0+(?!\d)/, "");
const powerTick = (value) => {
  const [digit, exponent] = value.toExponential(0).split("e");
  return `${digit === "1" ? "" : `${digit}·`}10${String(Number(exponent)).replace(/./g, (sign) => SUPERSCRIPTS[sign])}`;
};
const percentTick = (value) => `${Math.round(100 * value)} %`;

// Ticks of a logarithmic axis: 1, 2 and 5 within few powers of ten, powers alone within many.
function decades(low, high, most) {
  const [first, last] = [Math.floor(Math.log10(low)), Math.ceil(Math.log10(high))];
  const exponents = Array.from({ length: last - first + 1 }, (_, n) => first + n);
  const within = (tick) => tick >= low && tick <= high;
  const fine = exponents.flatMap((exponent) => [1, 2, 5].map((digit) => Number(`${digit}e${exponent}`))).filter(within);
  if (fine.length <= most) return fine;
  const powers = exponents.filter((exponent) => within(Number(`1e${exponent}`)));
  const step = Math.ceil(powers.length / most);
  return powers.filter((exponent) => exponent % step === 0).map((exponent) => Number(`1e${exponent}`));
}

// A logarithmic axis over some numbers, a little wider than they reach.
function logarithmic(values, width, written, options) {
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const domain = [low * 0.9, high * 1.1];
  return { type: "log", domain, ticks: decades(...domain, Math.max(2, Math.floor(width / 64))), tickFormat: written, ...options };
}

function quantile(sorted, part) {
  const at = part * (sorted.length - 1);
  const low = Math.floor(at);
  return sorted[low] + (at - low) * ((sorted[low + 1] ?? sorted[low]) - sorted[low]);
}

function spread(values) {
  const sorted = Float64Array.from(values).sort();
  return Object.fromEntries(["least", "lower", "median", "upper", "most"].map((name, place) => [name, quantile(sorted, place / 4)]));
}

// One line for every row, from its least to its most: a bar over the middle half, a sign at the median.
function ranges(rows, { width, kind, x, marks = [] }) {
  const name = naming(rows, ["backend", "device", "dtype"]);
  const named = rows.map((row) => ({ ...row, name: name(row) }));
  const room = Math.min(0.4 * width, 16 + ADVANCE * Math.max(...named.map((row) => row.name.length)));
  const told = (row) => [row.name, ...[["fewest", row.least], ["lower quartile", row.lower], ["median", row.median], ["upper quartile", row.upper], ["most", row.most]]
    .map(([name, value]) => `${words(name)} ${written[kind](value)}`)].join("\n");
  return plotted({
    series: seriesOf(rows, ["backend"]), width, height: 60 + 26 * rows.length, marginLeft: room, marginTop: 24,
    x: { grid: true, ...x },
    y: { domain: named.map((row) => row.name), label: null },
    marks: [
      Plot.axisY({ textOverflow: "ellipsis", lineWidth: (room - 12) / 12, tickSize: 0 }),
      ...marks,
      Plot.ruleY(named, { x1: "least", x2: "most", y: "name", stroke: "backend" }),
      Plot.barX(named, { x1: "lower", x2: "upper", y: "name", fill: "backend", fillOpacity: 0.4, insetTop: 5, insetBottom: 5 }),
      Plot.dot(named, { x: "median", y: "name", fill: "backend", symbol: "backend", r: 4.5, stroke: "var(--page)", strokeWidth: 1, title: told, tip: TIP }),
    ],
  });
}

// Channels of a point that stands for a cell: what it says, and where it leads.
function ofCell(series, say) {
  const told = (row) => [series.name(row), `${row.problem} ${row.point}`, `${row.operator} ${row.dtype} ${row.device}`, say(row)].join("\n");
  return { title: told, ariaLabel: (row) => told(row).replaceAll("\n", ", "), href: (row) => address(report.cells[row.cell]), tip: TIP };
}

// The links of a plot take one stop of the Tab key; arrow keys go from one to the next.
function walkable(plot) {
  const links = [...plot.querySelectorAll("a")];
  links.forEach((link, place) => link.setAttribute("tabindex", place ? -1 : 0));
  plot.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    const [here, next] = [event.target, links[links.indexOf(event.target) + step]];
    if (!next) return;
    event.preventDefault();
    here.setAttribute("tabindex", -1);
    next.setAttribute("tabindex", 0);
    next.focus();
  });
  return plot;
}
