// Ratios of times between two runs, with their intervals, beside the band of noise.
drawing("changes", (rows, { width }) => {
  const shown = rows.length <= 60 ? rows : [...rows.slice(0, 30), ...rows.slice(-30)]; // the ends tell most
  const floor = rows[0].floor;
  const narrow = width < 560;
  return Plot.plot({
    width, height: 60 + 18 * shown.length, marginLeft: narrow ? 20 : 380, marginRight: 20, ariaLabel: words("Time now over time before"),
    x: { type: "log", label: words("now ÷ before"), grid: true, tickFormat: (ratio) => written.ratio(ratio) },
    y: { domain: shown.map((_, place) => place), label: null, tickFormat: (place) => (narrow ? "" : `${shown[place].place}, ${shown[place].backend.split(" ")[0]}`), tickSize: 0 },
    marks: [
      Plot.rect([0], { x1: 1 / (1 + floor), x2: 1 + floor, fill: "var(--idle)" }),
      Plot.ruleX([1], { stroke: "var(--soft)" }),
      Plot.link(shown, { x1: "low", x2: "high", y1: (_, place) => place, y2: (_, place) => place, stroke: (row) => seriesColour(row.backend.split(" ")[0]) }),
      Plot.dot(shown, { x: "ratio", y: (_, place) => place, r: 3.5, stroke: (row) => seriesColour(row.backend.split(" ")[0]),
        fill: (row) => (row.real === words("yes") ? seriesColour(row.backend.split(" ")[0]) : "var(--page)"),
        title: (row) => `${row.place}\n${row.backend}\n${written.ratio(row.ratio)} (${written.ratio(row.low)} – ${written.ratio(row.high)})`, tip: true }),
    ],
  });
});
