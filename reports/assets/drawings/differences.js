// The V of numeric differentiation: truncation falls with the step, rounding rises as the step shrinks.

const EPSILON = 2 ** -52;

// Which step errs least, in words; nothing where no step stays in the domain.
function bestStep(part, scheme, name) {
  const tried = part.steps.map((h, place) => ({ h, error: part[scheme][place] })).filter(({ error }) => known(error));
  if (!tried.length) return "";
  const { h, error } = tried.reduce((one, other) => (other.error < one.error ? other : one));
  return words("%(name)s %(h)s, with an error of %(error)s", { name, h: written.number(h), error: written.number(error) });
}

picture("differences", {
  part: "differences",
  order: 5,
  title: () => words("Difference quotients: the error against the step"),
  shows: (study) => study.differences !== null,
  caption(part) {
    const best = [bestStep(part, "forward", words("forward")), bestStep(part, "central", words("central"))].filter(Boolean).join("; ");
    return [
      words("A long step errs because the function is curved: by an amount that falls with h forward, with h² centrally. A short one errs because two nearly equal values are subtracted: what is left of them is rounding, about ε f / h, which grows as h shrinks."),
      best && words("Between the two lies the best step: %(best)s.", { best }),
      part.ladder && words("The band holds the steps by which gradcheck measures; extrapolating from all of them, it is sure up to %(bar)s, the dashed line, and is off by %(error)s.", { bar: written.number(part.ladder.bar), error: written.number(part.ladder.error) }),
    ].filter(Boolean).join(" ");
  },
  table: (part) => ({
    columns: [[words("step h"), "number"], [words("error, forward"), "number"], [words("error, central"), "number"]],
    rows: part.steps.map((h, place) => [h, part.forward[place], part.central[place]]),
  }),
  draw(part, width, study) {
    const errors = [...part.forward, ...part.central].filter((error) => known(error) && error > 0);
    const floor = Math.min(EPSILON / 4, ...errors) / 2; // where an error of 0 is drawn
    const ceiling = Math.max(1, ...errors.filter((error) => error < 1e3)) * 3;
    const drawn = (error) => (known(error) ? Math.min(Math.max(error, floor), ceiling) : NaN);
    const along = (scheme) => part.steps.map((h, place) => ({ h, error: drawn(part[scheme][place]), zero: part[scheme][place] === 0 }));
    const rounding = study.curve && part.relative ? part.steps.map((h) => ({ h, error: (EPSILON * Math.abs(study.curve.value)) / (h * Math.abs(Number(part.true))) }))
      .filter(({ error }) => error > floor && error < ceiling) : [];
    const beside = (rows, place, text, options) => Plot.text(rows.filter(({ error }) => known(error)).slice(place, place + 1), { x: "h", y: "error", text: () => text, fontSize: 13, ...options });
    const schemes = [
      { scheme: "forward", colour: "var(--series-2)", symbol: "triangle", name: words("forward"), order: "h", at: 8, dx: -4, dy: -14, textAnchor: "end" },
      { scheme: "central", colour: "var(--series-1)", symbol: "circle", name: words("central"), order: "h²", at: 10, dx: 12, dy: 12, textAnchor: "start" },
    ];
    const { ladder } = part;
    return Plot.plot({
      width, height: Math.min(380, 0.75 * width), marginLeft: 52, marginBottom: 42, marginRight: 40, style: { fontSize: "12px" },
      x: { type: "log", label: words("step h"), tickFormat: powerOfTen, ticks: width / 70 },
      y: { type: "log", label: part.relative ? words("relative error") : words("error"), domain: [floor, ceiling], tickFormat: powerOfTen, ticks: 8, grid: true },
      marks: [
        ladder ? Plot.rect([ladder], { x1: (one) => one.steps[1], x2: (one) => one.steps[0], y1: floor, y2: ceiling, fill: "currentColor", fillOpacity: 0.09 }) : null,
        ladder && ladder.bar < ceiling ? Plot.ruleY([drawn(ladder.bar)], { stroke: "currentColor", strokeDasharray: "5 4" }) : null,
        Plot.line(rounding, { x: "h", y: "error", stroke: "var(--soft)", strokeDasharray: "2 4" }),
        beside(rounding, Math.floor(rounding.length * 0.7), "ε f / h", { dx: 26, dy: -10, fill: "var(--soft)" }),
        schemes.map(({ scheme, colour, symbol, name, order, at, dx, dy, textAnchor }) => [
          Plot.line(along(scheme), { x: "h", y: "error", stroke: colour, strokeWidth: 1.2 }),
          Plot.dot(along(scheme), { x: "h", y: "error", fill: (one) => (one.zero ? "var(--card)" : colour), stroke: colour, symbol, r: 3 }),
          beside(along(scheme), at, `${name}, ${order}`, { dx, dy, textAnchor, fill: colour, stroke: "var(--page)", strokeWidth: 4, fontWeight: 600 }),
        ]),
      ],
    });
  },
});
