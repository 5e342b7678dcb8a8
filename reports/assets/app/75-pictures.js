// Pictures of functions: each is drawn from a part of a study, and a table says what it shows.

const pictures = new Map();

// Name a picture: the `part` of a study it is drawn from, its place in the `order` of pictures, and functions:
// `shows`, whether a study has it; `title`; of the part, `caption` and `table`, columns [label, kind] and rows;
// `draw`, of the part, a width and the study, to an element.
function picture(name, made) {
  pictures.set(name, made);
}

let studied = null;

// Sources and studies of all problems; read when first asked for.
function readStudies() {
  studied ??= document.getElementById("data-problems") ? read("data-problems") : Promise.resolve({ codes: [], studies: [] });
  return studied;
}

function pictureOf(name, study, level) {
  const { part, title, caption, draw, table } = pictures.get(name);
  const place = element("div", { class: "drawing", role: "img", "aria-label": title() });
  const redraw = () => {
    place.replaceChildren(draw(study[part], Math.max(280, Math.min(place.clientWidth, 1000)), study));
    nameAsAWhole(place);
    reachable(place);
  };
  requestAnimationFrame(() => { // by then it stands in the page and has a width
    redraw();
    new ResizeObserver(onceSettled(redraw, place)).observe(place);
  });
  return element("figure", { class: "chart picture", "data-picture": name },
    element("figcaption", {}, element(level, {}, title()), element("p", {}, caption(study[part]))), place,
    twin(title(), () => table(study[part])));
}

// What scrolls is within the keyboard's reach.
function reachable(place) {
  if (place.scrollWidth > place.clientWidth) place.tabIndex = 0;
  else place.removeAttribute("tabindex");
}

// A table that is made when it is opened.
function twin(title, table) {
  const fill = ({ target }) => {
    if (target.open && target.childElementCount === 1) target.append(tableOf(title, table()));
  };
  return element("details", { class: "twin", ontoggle: fill }, element("summary", {}, words("The numbers of this picture")));
}

function tableOf(title, { columns, rows }) {
  const kind = (place) => (columns[place][1] === "text" ? "" : "count");
  return element("div", { class: "scroll", role: "region", tabindex: 0, "aria-label": title },
    element("table", { class: "plain" }, element("caption", { class: "unseen" }, title),
      element("thead", {}, element("tr", {}, columns.map(([label], place) => element("th", { scope: "col", class: kind(place) }, label)))),
      element("tbody", {}, rows.map((row) => element("tr", {}, row.map((value, place) => element("td", { class: kind(place) }, written[columns[place][1]](value))))))));
}

// All pictures there are of a study.
function picturesOf(study, level) {
  return [...pictures].filter(([, made]) => made.shows(study)).sort(([, one], [, other]) => one.order - other.order)
    .map(([name]) => pictureOf(name, study, level));
}

// Values that Python's `levels` wrote.
function heights({ low, level, moves }) {
  let at = 0;
  return moves.map((move) => (move === null ? NaN : low + level * (at += move)));
}

// So many numbers from one to another, evenly.
const evenly = ([first, last], many) => Array.from({ length: many }, (_, place) => first + ((last - first) * place) / (many - 1));

// A number with few digits, for a sentence.
const brief = (value) => (known(value) ? String(Number(value.toPrecision(4))).replace("e+", "e") : value ?? UNKNOWN);

const SUPERSCRIPTS = { "-": "⁻", 0: "⁰", 1: "¹", 2: "²", 3: "³", 4: "⁴", 5: "⁵", 6: "⁶", 7: "⁷", 8: "⁸", 9: "⁹" };

// Powers of ten on an axis; what lies between them goes unlabelled.
function powerOfTen(value) {
  const exponent = Math.log10(value);
  return Math.abs(exponent - Math.round(exponent)) < 1e-9 ? `10${String(Math.round(exponent)).replace(/./g, (sign) => SUPERSCRIPTS[sign])}` : "";
}
