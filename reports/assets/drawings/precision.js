const MOST_POINTS = 2000; // that a browser draws at once without keeping its reader waiting
const COLUMN = 0.15; // powers of ten between backends, where errors cannot be told from none

drawing("precision", (rows, { width }) => {
  const series = seriesOf(rows, ["backend", "device"]);
  const step = Math.ceil(rows.length / MOST_POINTS);
  const sorted = [...rows].sort((a, b) => a.median - b.median).filter((_, place) => place % step === 0);
  const least = Math.min(1, ...rows.map((row) => row.relative_error).filter((error) => error > 0));
  const points = sorted.map((row) => ({ ...row, series: series.name(row), shown: shownError(row, row.edge ?? least, series) }));
  const edges = [...new Map(rows.filter((row) => row.edge).map((row) => [row.dtype, row.edge]))];
  const plot = plotted({
    series, width, height: Math.max(340, 0.5 * width), marginTop: 46,
    x: logarithmic([...points.map((point) => point.shown), ...edges.map(([, edge]) => edge)], width, powerTick, { label: words("relative error"), grid: true }),
    y: logarithmic(points.map((point) => point.median), 400, secondsTick, { label: words("seconds per call"), grid: true }),
    marks: [
      Plot.ruleX(edges, { x: ([, edge]) => edge, strokeOpacity: 0.6 }),
      Plot.text(edges, { x: ([, edge]) => edge, text: ([dtype]) => dtype, frameAnchor: "top", dy: -14 }),
      Plot.dot(points, { x: "shown", y: "median", fill: "series", symbol: "series", r: 4, fillOpacity: 0.75,
        ...ofCell(series, (row) => words("%(time)s, relative error %(error)s", { time: written.seconds(row.median), error: written.number(row.relative_error) })) }),
    ],
  });
  const thinned = step > 1 && element("p", {}, words("%(shown)s of %(all)s answers are drawn, evenly picked by their time; choose a suite or a backend to see all.", { shown: count(points.length), all: count(rows.length) }));
  return element("div", {}, legend(series), walkable(plot), thinned);
});

// Where an error is drawn: one within the rounding of the dtype left of it, in the column of its series.
function shownError(row, edge, series) {
  return row.relative_error > edge ? row.relative_error : edge * 10 ** (-COLUMN * (1 + series.names.indexOf(series.name(row))));
}
