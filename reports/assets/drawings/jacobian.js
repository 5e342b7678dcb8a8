// Where a Jacobian has entries, and of which sign and size.

picture("jacobian", {
  part: "pattern",
  order: 3,
  title: () => words("The Jacobian: which output depends on which input"),
  shows: (study) => study.pattern !== null,
  caption(part) {
    const columns = columnsOf(part);
    const said = { rows: count(part.rows), columns: count(columns), entries: count(part.entries.length), share: written.percent(1 - part.entries.length / (part.rows * columns)) };
    const blocks = part.blocks.length > 1 ? ` ${words("A line parts the columns of one input from those of the next.")}` : "";
    return words("One row for each of the %(rows)s outputs, one column for each of the %(columns)s numbers put in, arrays row by row. %(entries)s entries are not 0; %(share)s are, and stay empty. Colour and sign say whether an output rises (+) or falls (−) with the input, and the depth of the colour how fast.", said) + blocks;
  },
  table: ({ entries }) => ({ columns: [[words("row"), "number"], [words("column"), "number"], [words("value"), "number"]], rows: entries.slice(0, 1000) }),
  draw(part, width) {
    const columns = columnsOf(part);
    const [left, top] = [34, 40];
    const size = Math.min(46, (width - left - 8) / columns, 560 / part.rows);
    const largest = Math.max(...part.entries.map(([, , value]) => Math.abs(value)).filter(known), 1e-300);
    const starts = part.blocks.map((_, place) => part.blocks.slice(0, place).reduce((sum, [, length]) => sum + length, 0));
    const blocks = part.blocks.map(([name, length], place) => ({ name: part.blocks.length > 1 || length !== columns ? `${name} (${length})` : name, start: starts[place], middle: starts[place] + length / 2 }));
    const bar = size < 14 ? 0.3 : 0; // small signs: what is negative is a bar, what is positive a square
    const deepest = size < 14 ? 0.85 : 0.4; // so that what is written on it can be read
    const text = size >= 34 ? ([, , value]) => brief(Number(value.toPrecision(2))) : ([, , value]) => (value < 0 ? "−" : "+");
    return Plot.plot({
      width: Math.max(140, left + 8 + size * columns), height: top + 8 + size * part.rows, marginLeft: left, marginTop: top, marginRight: 8, marginBottom: 8, style: { fontSize: "12px" },
      x: { domain: [0, columns], axis: null }, y: { domain: [part.rows, 0], axis: null },
      opacity: { type: "identity" },
      marks: [
        Plot.rect([0], { x1: 0, x2: columns, y1: 0, y2: part.rows, stroke: "var(--edge)", fill: "var(--card)" }),
        Plot.rect(part.entries, {
          x1: ([, column]) => column, x2: ([, column]) => column + 1,
          y1: ([row, , value]) => row + (value < 0 ? bar : 0), y2: ([row, , value]) => row + 1 - (value < 0 ? bar : 0),
          fill: ([, , value]) => (value < 0 ? "var(--series-2)" : "var(--series-1)"), fillOpacity: ([, , value]) => 0.15 + (deepest * Math.abs(value)) / largest, inset: size > 8 ? 0.5 : 0,
        }),
        size >= 14 ? Plot.text(part.entries, { x: ([, column]) => column + 0.5, y: ([row]) => row + 0.5, text, fontSize: 12, fill: "currentColor" }) : null,
        Plot.ruleX(starts.slice(1), { stroke: "currentColor", strokeWidth: 1.5 }),
        Plot.text(blocks, { x: "middle", y: () => 0, dy: -14, text: "name", fontSize: 13, fontWeight: 600 }),
        Plot.text([0, part.rows - 1], { x: () => 0, y: (row) => row + 0.5, dx: -8, text: (row) => String(row), textAnchor: "end", fill: "var(--soft)" }),
      ],
    });
  },
});

const columnsOf = ({ blocks }) => blocks.reduce((sum, [, length]) => sum + length, 0);
