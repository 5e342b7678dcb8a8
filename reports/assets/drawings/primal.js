const CHEAP = 5; // evaluations: A. Griewank and A. Walther, "Evaluating Derivatives", 2nd ed., SIAM 2008

drawing("primal", (rows, { width }) => ranges(rows, {
  width,
  kind: "ratio",
  x: logarithmic([1, 2 * CHEAP, ...rows.flatMap((row) => [row.least, row.most])], 0.7 * width, timesTick, { label: words("evaluations of the function") }),
  marks: [
    Plot.ruleX([CHEAP], { strokeDasharray: "6 4" }),
    Plot.text([CHEAP], { x: (factor) => factor, frameAnchor: "top", dy: -16, text: () => words("rule of thumb: 5") }),
  ],
}));
