// Elements, words and numbers: text only ever enters the page as text.

const SVG = "http://www.w3.org/2000/svg";
const DRAWN = new Set(["svg", "g", "path", "rect", "circle", "text", "tspan"]);

function element(tag, attributes = {}, ...children) {
  const made = DRAWN.has(tag) ? document.createElementNS(SVG, tag) : document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (value === true) made.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) made.setAttribute(name, value);
  }
  made.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return made;
}

const held = new Map(); // what was read, by name: at once when it is asked for again

// The data of an element that Python's `embedded` wrote.
function read(id) {
  if (!held.has(id)) held.set(id, decoded(id));
  return held.get(id);
}

async function decoded(id) {
  const holder = document.getElementById(id);
  if (holder.dataset.coding === "json") return JSON.parse(holder.textContent);
  const bytes = Uint8Array.from(atob(holder.textContent), (letter) => letter.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return JSON.parse(await new Response(stream).text());
}

// A column that Python's `coded` made short.
const column = (given) => (Array.isArray(given) ? given : given.codes.map((code) => given.texts[code]));

// Rows that Python's `columnar` turned into columns.
function rowsOf(columns) {
  const keys = Object.keys(columns);
  const values = keys.map((key) => column(columns[key]));
  return (values[0] ?? []).map((_, row) => Object.fromEntries(keys.map((key, place) => [key, values[place][row]])));
}

let dictionary = {};

// words("%(n)s of %(all)s", {n, all}): the message in the reader's language, with values put in.
function words(message, values = {}) {
  return (dictionary[message] ?? message).replace(/%\((\w+)\)s/g, (_, name) => values[name]);
}

const UNKNOWN = "–";
const known = (value) => typeof value === "number" && Number.isFinite(value);

const count = (number) => String(number).replace(/\B(?=(\d{3})+$)/g, "\u202f");

function figures(value, digits) {
  const text = value.toPrecision(digits);
  return text.includes("e") ? text.replace("e+", "e") : text;
}

const written = {
  text: (value) => value ?? UNKNOWN,
  number(value) {
    if (!known(value)) return value ?? UNKNOWN;
    const size = Math.abs(value);
    if (size === 0 || (size >= 0.01 && size < 10)) return String(Number(value.toPrecision(2)));
    if (size >= 10 && size < 99999.5) return count(Math.round(value));
    return value.toExponential(1).replace("e+", "e");
  },
  digits: (value) => (known(value) ? (Math.floor(value * 10) / 10).toFixed(1) : ""),
  percent: (value) => (known(value) ? `${figures(100 * value, 3)} %` : UNKNOWN),
  ratio(value) {
    if (!known(value)) return UNKNOWN;
    return value < 10 ? `${value.toFixed(2)}×` : value < 100 ? `${value.toFixed(1)}×` : `${written.number(value)}×`;
  },
  seconds(value) {
    if (!known(value)) return UNKNOWN;
    const [unit, size] = [["ns", 1e-9], ["µs", 1e-6], ["ms", 1e-3]].find(([, size]) => value < 999.5 * size) ?? ["s", 1];
    const scaled = value / size;
    return `${scaled < 9.995 ? scaled.toFixed(2) : scaled < 99.95 ? scaled.toFixed(1) : count(Math.round(scaled))} ${unit}`;
  },
  bytes(value) {
    if (!known(value)) return UNKNOWN;
    const [unit, size] = [["B", 1], ["KiB", 2 ** 10], ["MiB", 2 ** 20]].find(([, size]) => value < 1000 * size) ?? ["GiB", 2 ** 30];
    return `${figures(value / size, 3)} ${unit}`;
  },
};
