// The run: every cell as an object, and the places, columns and outcomes they belong to.

const report = { cells: [], places: [], columns: [], outcomes: new Map() };

const WHERE = ["suite", "problem", "point"];
const WHO = ["backend", "device", "dtype"];
const PATH = [...WHERE, ...WHO, "operator"];

const joined = (cell, keys) => keys.map((key) => cell[key]).join("\u0000");

// The libraries lie compressed in the page, whose policy knows them by their digest.
async function loadLibraries() {
  document.head.append(element("script", {}, await read("libraries")));
}

async function load() {
  const data = await read("data");
  dictionary = data.words;
  report.seed = data.seed;
  report.floor = data.floor;
  report.columns = data.columns.map(([backend, device, dtype]) => ({ backend, device, dtype }));
  data.outcomes.forEach((outcome, severity) => report.outcomes.set(outcome.name, { ...outcome, severity }));
  report.cells = rowsOf(data.cells);
  const columnOf = new Map(report.columns.map((who, number) => [joined(who, WHO), number]));
  const placeOf = new Map();
  for (const cell of report.cells) {
    const where = joined(cell, WHERE);
    if (!placeOf.has(where)) {
      placeOf.set(where, report.places.length);
      report.places.push({ suite: cell.suite, problem: cell.problem, point: cell.point, cells: [] });
    }
    cell.place = placeOf.get(where);
    cell.column = columnOf.get(joined(cell, WHO));
    cell.known = report.outcomes.get(cell.outcome);
    cell.samples = cell.samples?.map((off) => (off === null ? null : cell.median * (1 + off / 1000))) ?? [];
    report.places[cell.place].cells.push(cell);
  }
}

const address = (cell) => `#cell/${PATH.map((key) => encodeURIComponent(cell[key])).join("/")}`;
const problemAddress = (cell) => `#problem/${encodeURIComponent(cell.suite)}/${encodeURIComponent(cell.problem)}`;

// The cell with the worst outcome; one that did not run counts least.
const worst = (cells) => cells.reduce((one, other) => (other.known.severity < one.known.severity ? other : one));

const attempted = (cell) => cell.known.ran || cell.known.failed;

function badge(outcome, text) {
  return element("span", { class: `badge ${outcome.tone}` }, element("b", {}, outcome.letter), ` ${text ?? outcome.label}`);
}

// The command that repeats a cell, quoted for a shell.
function command(cell) {
  const quoted = (text) => (/^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'"'"'`)}'`);
  const options = { select: cell.problem, backend: cell.backend, device: cell.device, dtype: cell.dtype, operator: cell.operator, seed: report.seed };
  return ["gradcheck run", quoted(cell.suite), ...Object.entries(options).filter(([, value]) => value !== null)
    .map(([name, value]) => `--${name} ${quoted(String(value))}`)].join(" ");
}
