// One choice of cells for the grid and the table of cells; it stands in the address, so that it can be shared.

const CHOICES = ["suite", "backend", "operator", "dtype", "device", "outcome"];
const filter = { chosen: {}, text: "", listeners: [], passing: null };

function passes(cell) {
  return CHOICES.every((key) => !filter.chosen[key] || (key === "outcome" ? fitsOutcome(cell) : cell[key] === filter.chosen[key]))
    && (!filter.text || `${cell.problem} ${cell.point} ${cell.reason}`.toLowerCase().includes(filter.text));
}

function fitsOutcome(cell) {
  return filter.chosen.outcome === "failed" ? cell.known.failed : cell.outcome === filter.chosen.outcome;
}

function refilter() {
  filter.passing = new Set(report.cells.filter(passes));
  for (const listener of filter.listeners) listener();
  for (const bar of document.querySelectorAll(".filter")) showChoice(bar);
}

function choose(key, value) {
  if (key === "text") filter.text = value.toLowerCase();
  else filter.chosen[key] = value;
  const query = new URLSearchParams();
  for (const name of CHOICES) if (filter.chosen[name]) query.set(name, filter.chosen[name]);
  if (filter.text) query.set("text", filter.text);
  const path = location.hash.split("?")[0] || "#verdict";
  displayed = String(query) ? `${path}?${query}` : path;
  history.replaceState(null, "", displayed);
  refilter();
}

// Take the choice that an address holds.
function chosenBy(text) {
  const query = new URLSearchParams(text);
  const before = JSON.stringify([filter.chosen, filter.text]);
  filter.chosen = Object.fromEntries(CHOICES.filter((key) => query.get(key)).map((key) => [key, query.get(key)]));
  filter.text = (query.get("text") ?? "").toLowerCase();
  if (filter.passing === null || before !== JSON.stringify([filter.chosen, filter.text])) refilter();
}

function values(key) {
  const present = [...new Set(report.cells.map((cell) => cell[key]))];
  if (key !== "outcome") return present.map((value) => [value, value]);
  const outcomes = present.map((name) => report.outcomes.get(name)).sort((a, b) => a.severity - b.severity);
  return [["failed", words("any failure")], ...outcomes.map((outcome) => [outcome.name, outcome.label])];
}

function filterBar() {
  const labels = { suite: words("Suite"), backend: words("Backend"), operator: words("Operator"), dtype: words("Dtype"), device: words("Device"), outcome: words("Outcome") };
  const selects = CHOICES.map((key) => [key, values(key)]).filter(([, offered]) => offered.length > 1).map(([key, offered]) =>
    element("label", {}, labels[key], element("select", { name: key, onchange: (event) => choose(key, event.target.value) },
      element("option", { value: "" }, words("all")), offered.map(([value, text]) => element("option", { value }, text)))));
  const search = element("label", {}, words("Search"), element("input", { type: "search", name: "text", placeholder: words("problem, point, reason"),
    oninput: (event) => choose("text", event.target.value) }));
  const clear = element("button", { type: "button", class: "clear", onclick: clearChoice }, words("Clear"));
  const bar = element("form", { class: "filter", role: "search", onsubmit: (event) => event.preventDefault() },
    selects, search, clear, element("output", { "aria-live": "polite" }));
  if (filter.passing) showChoice(bar);
  return bar;
}

function clearChoice() {
  filter.chosen = {};
  choose("text", "");
}

function showChoice(bar) {
  for (const select of bar.querySelectorAll("select")) select.value = filter.chosen[select.name] ?? "";
  const search = bar.querySelector("input");
  if (search.value.toLowerCase() !== filter.text) search.value = filter.text;
  bar.querySelector("output").textContent = words("%(n)s of %(all)s cells", { n: count(filter.passing.size), all: count(report.cells.length) });
  bar.querySelector(".clear").hidden = filter.passing.size === report.cells.length;
}
