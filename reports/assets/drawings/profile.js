drawing("profile", (rows, { width }) => {
  const series = seriesOf(rows, ["backend", "device", "dtype"]);
  const points = rows.map((row) => ({ ...row, series: series.name(row) }));
  const plot = plotted({
    series, width, height: Math.max(320, 0.45 * width),
    x: logarithmic(rows.map((row) => row.factor), width, timesTick, { label: words("times the fastest"), grid: true }),
    y: { label: words("part of the derivatives"), domain: [0, 1], tickFormat: percentTick, grid: true },
    marks: [
      Plot.line(points, { x: "factor", y: "part", stroke: "series", z: "series" }),
      Plot.dot(points, { x: "factor", y: "part", fill: "series", symbol: "series", r: 4,
        title: (row) => words("%(who)s: %(part)s within %(factor)s", { who: row.series, part: written.percent(row.part), factor: written.ratio(row.factor) }), tip: TIP }),
    ],
  });
  return element("div", {}, legend(series), plot);
});
