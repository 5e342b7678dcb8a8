const MOST_QUESTIONS = 40; // that can be read one below the other

drawing("speed", (rows, { width }) => {
  const asked = new Map();
  for (const row of rows) {
    const key = joined(row, ["suite", "problem", "point", "operator", "dtype"]);
    asked.set(key, [...(asked.get(key) ?? []), row]);
  }
  return asked.size > MOST_QUESTIONS ? ratiosToFastest(rows, width) : everyQuestion([...asked.values()], rows, width);
});

function everyQuestion(asked, rows, width) {
  const series = seriesOf(rows, ["backend", "device"]);
  const label = naming(rows, ["problem", "operator", "dtype", "suite"]);
  const fastest = (of) => Math.min(...of.map((row) => row.median));
  const questions = asked.map((of) => ({ label: `${label(of[0])} ${of[0].point}`, fastest: fastest(of), of })).sort((a, b) => a.fastest - b.fastest);
  const points = questions.flatMap((question, place) => question.of.map((row) => ({ ...row, place, series: series.name(row) })));
  const plot = plotted({
    series, width, height: 70 + 38 * questions.length, marginLeft: 8,
    x: logarithmic(rows.flatMap((row) => [row.low, row.high]), width, secondsTick, { label: words("seconds per call"), axis: "both" }),
    y: { type: "band", domain: questions.map((_, place) => place), axis: null },
    marks: [
      Plot.gridX({ strokeOpacity: 0.12 }),
      Plot.ruleY(questions, { y: (_, place) => place, strokeOpacity: 0.25 }),
      Plot.rect(questions, { x1: "fastest", x2: (question) => question.fastest * (1 + report.floor), y: (_, place) => place, insetTop: 9, insetBottom: 9, fill: "currentColor", fillOpacity: 0.18 }),
      Plot.text(questions, { y: (_, place) => place, text: "label", frameAnchor: "left", textAnchor: "start", dy: -12, textOverflow: "ellipsis", lineWidth: (width - 30) / 12, stroke: "var(--page)", strokeWidth: 4, fill: "currentColor" }),
      Plot.ruleY(points, { x1: "low", x2: "high", y: "place", stroke: "series", strokeWidth: 2 }),
      Plot.dot(points, { x: "median", y: "place", fill: "series", symbol: "series", r: 4.5, stroke: "var(--page)", strokeWidth: 0.75,
        ...ofCell(series, (row) => `${written.seconds(row.median)} (${written.seconds(row.low)} … ${written.seconds(row.high)}), ${written.ratio(row.ratio)}`) }),
    ],
  });
  return element("div", {}, legend(series), walkable(plot));
}

function ratiosToFastest(rows, width) {
  const raced = rows.filter((row) => known(row.ratio) && row.ratio > 0);
  if (!raced.length) return element("p", {}, words("nobody to compare with"));
  const byWho = new Map();
  for (const row of raced) {
    const key = joined(row, WHO);
    if (!byWho.has(key)) byWho.set(key, { backend: row.backend, device: row.device, dtype: row.dtype, ratios: [] });
    byWho.get(key).ratios.push(row.ratio);
  }
  const lines = [...byWho.values()].map((line) => ({ ...line, ...spread(line.ratios) }));
  return ranges(lines, {
    width,
    kind: "ratio",
    x: logarithmic(lines.flatMap((line) => [line.least, line.most]), 0.7 * width, timesTick, { label: words("times the fastest") }),
    marks: [Plot.rect([1], { x1: 1, x2: 1 + report.floor, fill: "currentColor", fillOpacity: 0.12 })],
  });
}
