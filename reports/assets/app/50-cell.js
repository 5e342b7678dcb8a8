// The drill-down: all that is known of one cell, in a dialog that has an address of its own.

let depth = 0; // cells opened one from the other since a page was seen; 0 when none was

function openCell(path) {
  const cell = report.cells.find((one) => PATH.every((key, place) => one[key] === path[place]));
  const dialog = document.getElementById("cell");
  if (history.state === null) {
    const next = dialog.open ? depth && depth + 1 : Number(displayed !== null);
    history.replaceState({ depth: next }, "");
  }
  depth = history.state.depth;
  dialog.replaceChildren(...(cell ? cellParts(cell) : [element("h2", { id: "cell-title" }, words("This run has no such cell")), closer()]));
  if (!dialog.open) dialog.showModal();
  dialog.scrollTop = 0;
}

function closeCell() {
  const dialog = document.getElementById("cell");
  if (dialog.open) dialog.close();
}

// A cell that is closed leaves the address to the page behind it.
function leaveCell() {
  if (!location.hash.startsWith("#cell/")) return;
  if (depth) history.go(-depth);
  else history.replaceState(null, "", displayed ?? "#verdict");
}

const closer = () => element("button", { type: "button", class: "close", autofocus: true, onclick: () => document.getElementById("cell").close() }, words("Close"));

function cellParts(cell) {
  return [
    element("div", { class: "dialog-head" },
      element("h2", { id: "cell-title" }, badge(cell.known), ` ${cell.operator} `, element("a", { href: problemAddress(cell) }, cell.problem)), closer()),
    element("p", { class: "point" }, [cell.suite, cell.point, cell.backend, cell.device, cell.dtype].join(" · ")),
    element("p", { class: "sentence" }, cell.known.sentence, cell.reason ? `: ${cell.reason}` : ""),
    comparison(cell),
    timing(cell),
    repeat(cell),
    rivals(cell),
  ];
}

function facts(pairs) {
  const shown = pairs.filter(([, value]) => value !== "" && value !== UNKNOWN && value !== null);
  return shown.length ? element("dl", { class: "facts" }, shown.map(([name, value]) => element("div", {}, element("dt", {}, name), element("dd", {}, value)))) : null;
}

// What came, with its first wrong digit marked.
function marked(cell) {
  const [start, end] = [cell.right, cell.right + cell.wrong];
  return cell.wrong ? [cell.got.slice(0, start), element("mark", {}, cell.got.slice(start, end)), cell.got.slice(end)] : cell.got;
}

function comparison(cell) {
  if (!cell.got && !cell.true) return null;
  const row = (name, value) => element("div", {}, element("dt", {}, name), element("dd", { class: "num" }, value));
  return element("section", {}, element("h3", {}, words("Worst entry"), cell.index ? element("span", { class: "point" }, ` ${cell.index}`) : ""),
    element("dl", { class: "digits" }, row(words("got"), cell.got ? marked(cell) : UNKNOWN), row(words("true"), cell.true || UNKNOWN)),
    facts([
      [words("correct digits"), written.digits(cell.digits)],
      [words("error in ulps"), written.number(cell.ulps)],
      [words("relative error"), written.number(cell.relative_error)],
      [words("roundings this value may suffer"), written.number(cell.condition)],
      [words("truth"), cell.truth ? words("%(kind)s, %(digits)s digits certified", { kind: words(cell.truth), digits: written.number(cell.truth_digits) }) : ""],
      [words("inputs, outputs"), cell.inputs ? `${count(cell.inputs)}, ${count(cell.outputs)}` : ""],
    ]));
}

function timing(cell) {
  const times = facts([
    [words("median"), known(cell.median) ? words("%(median)s (%(low)s to %(high)s)", { median: written.seconds(cell.median), low: written.seconds(cell.low), high: written.seconds(cell.high) }) : ""],
    [words("beside the fastest"), known(cell.ratio) ? written.ratio(cell.ratio) + (cell.level ? ` ${words("level")}` : "") : ""],
    [words("first call"), written.seconds(cell.first_call)],
    [words("of it, preparing"), written.seconds(cell.prepare)],
    [words("in a fresh process"), written.seconds(cell.cold)],
    [words("transfer"), written.seconds(cell.transfer)],
    [words("peak memory"), written.bytes(cell.peak_bytes)],
    [words("samples"), cell.samples.length ? words("%(n)s of %(calls)s calls each", { n: cell.samples.length, calls: count(cell.calls) }) : ""],
  ]);
  return times && element("section", {}, element("h3", {}, words("Time")), times, cell.samples.length > 1 ? samples(cell) : null);
}

function samples(cell) {
  const rounds = cell.samples.map((seconds, round) => ({ round: round + 1, seconds })).filter((sample) => sample.seconds !== null);
  const picture = Plot.plot({
    width: Math.min(560, innerWidth - 70), height: 130, marginLeft: 70, ariaLabel: words("Time of every round"),
    x: { label: words("round"), tickFormat: "d", ticks: 6 },
    y: { label: null, tickFormat: written.seconds, ticks: 4, grid: true },
    marks: [
      Plot.rect([cell], { x1: 0.5, x2: cell.samples.length + 0.5, y1: "low", y2: "high", fill: "var(--series-1)", fillOpacity: 0.15 }),
      Plot.ruleY([cell.median], { stroke: "var(--series-1)" }),
      Plot.dot(rounds, { x: "round", y: "seconds", r: 2.5, fill: "currentColor" }),
    ],
  });
  nameAsAWhole(picture);
  return picture;
}

function repeat(cell) {
  const text = command(cell);
  const copy = element("button", { type: "button", onclick: async (event) => {
    await navigator.clipboard?.writeText(text).catch(() => null);
    event.target.textContent = words("Copied");
  } }, words("Copy"));
  return element("section", {}, element("h3", {}, words("Ask again")), element("div", { class: "command" }, element("code", {}, text), copy));
}

// The same question to everyone else.
function rivals(cell) {
  const others = report.places[cell.place].cells.filter((one) => one.operator === cell.operator);
  if (others.length < 2) return null;
  return element("section", {}, element("h3", {}, words("The same question to all")), element("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": words("The same question to all") },
    element("table", { class: "plain" },
      element("thead", {}, element("tr", {}, [words("Backend"), words("Outcome"), words("Digits"), words("got"), words("Time")].map((name) => element("th", { scope: "col" }, name)))),
      element("tbody", {}, others.map((one) => element("tr", { "aria-current": one === cell ? "true" : false },
        element("th", { scope: "row" }, element("a", { href: address(one) }, one.backend), element("span", { class: "point" }, ` ${one.device} ${one.dtype}`)),
        element("td", {}, badge(one.known)), element("td", { class: "count" }, written.digits(one.digits)), element("td", { class: "num" }, one.got),
        element("td", { class: "count" }, known(one.median) ? written.seconds(one.median) : "")))))));
}
