drawing("growth", (rows, { width }) => {
  const series = seriesOf(rows, ["backend", "device", "dtype"]);
  const asked = new Map();
  for (const row of rows) {
    const key = joined(row, ["suite", "problem", "operator"]);
    asked.set(key, [...(asked.get(key) ?? []), { ...row, series: series.name(row) }]);
  }
  const columns = width > 720 && asked.size > 1 ? 2 : 1;
  const each = Math.floor((width - 24 * (columns - 1)) / columns);
  const plots = [...asked.values()].map((of) => element("div", {}, element("h4", {}, `${of[0].problem} ${of[0].operator}`), growing(of, series, each)));
  return element("div", {}, legend(series), element("div", { class: "multiples" }, plots));
});

// Times at all sizes, the law that fits them, and where it leads beyond the largest.
function growing(rows, series, width) {
  const ahead = rows.filter((row) => row.kind === words("projection"));
  const measured = rows.filter((row) => !ahead.includes(row));
  const largest = new Map(measured.map((row) => [row.series, row]));
  const beyond = ahead.flatMap((row) => [largest.get(row.series), row]);
  const told = (row) => [row.series, `n = ${written.number(row.n)}, ${row.kind}`, `${written.seconds(row.seconds)} (${written.seconds(row.low)} … ${written.seconds(row.high)})`].join("\n");
  return plotted({
    series, width, height: Math.max(280, 0.6 * width),
    x: logarithmic(rows.map((row) => row.n), width, powerTick, { label: "n", grid: true }),
    y: logarithmic(rows.flatMap((row) => [row.low, row.high, lawOrMedian(row)]), 300, secondsTick, { label: words("seconds per call"), grid: true }),
    marks: [
      Plot.line(measured, { x: "n", y: lawOrMedian, stroke: "series", z: "series" }),
      Plot.line(beyond, { x: "n", y: lawOrMedian, stroke: "series", z: "series", strokeDasharray: "5 4" }),
      Plot.ruleX(rows, { x: "n", y1: "low", y2: "high", stroke: "series", strokeWidth: 2 }),
      Plot.dot(measured, { x: "n", y: "seconds", fill: "series", symbol: "series", r: 4, title: told, tip: TIP }),
      Plot.dot(ahead, { x: "n", y: "seconds", stroke: "series", symbol: "series", r: 4, title: told, tip: TIP }),
      Plot.text(ahead.slice(0, 1), { x: "n", text: () => words("projection"), frameAnchor: "bottom", dy: -6, dx: 6, textAnchor: "end", fillOpacity: 0.8 }),
    ],
  });
}

const lawOrMedian = (row) => row.fitted ?? row.seconds;
