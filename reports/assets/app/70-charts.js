// Charts: each is drawn from the table beneath it, when it comes into sight, and again when its choices change.

const drawings = new Map();

// Name the function that draws: rows and {width, data} to an element.
function drawing(name, draw) {
  drawings.set(name, draw);
}

const drawn = new WeakMap(); // figure to what draws it again

async function prepareChart(figure) {
  if (drawn.has(figure)) return;
  drawn.set(figure, () => null);
  const data = await read(`data-${figure.dataset.chart}`);
  const rows = rowsOf(data.rows).map((row) => withCell(row, data.columns));
  const chosen = {};
  const place = figure.querySelector(".drawing");
  const twin = prepareTwin(figure, data.columns);
  const draw = () => {
    const shown = rows.filter((row) => data.facets.every((key) => !chosen[key] || row[key] === chosen[key]));
    const width = Math.max(300, Math.min(place.clientWidth || 640, 1100));
    place.replaceChildren(shown.length ? drawings.get(figure.dataset.drawing)(shown, { width, data }) : element("p", {}, words("nothing to draw")));
    place.setAttribute("role", place.querySelector("a") ? "group" : "img");
    nameAsAWhole(place);
    twin(shown);
  };
  for (const key of data.facets) {
    const offered = [...new Set(rows.map((row) => row[key]))];
    const [, label] = data.columns.find(([name]) => name === key);
    if (offered.length < 2) continue;
    const every = words("all");
    const all = offered.includes(every) ? [] : [element("option", { value: "" }, every)];
    chosen[key] = offered.includes(every) ? every : data.narrow.includes(key) ? offered[0] : "";
    const select = element("select", { onchange: (event) => { chosen[key] = event.target.value; draw(); } }, all, offered.map((value) => element("option", { value }, value)));
    select.value = chosen[key];
    figure.querySelector(".facets").append(element("label", {}, label, select));
  }
  drawn.set(figure, draw);
  draw();
  new ResizeObserver(onceSettled(draw, place)).observe(place);
}

// A drawing has one name; what Plot calls its parts is for programmers.
function nameAsAWhole(place) {
  for (const part of place.querySelectorAll("g[aria-label]")) part.removeAttribute("aria-label");
}

// A row of a cell knows the rest from the cell.
function withCell(row, columns) {
  const cell = report.cells[row.cell];
  return cell ? Object.fromEntries(columns.map(([key]) => [key, key in row ? row[key] : cell[key]])) : row;
}

// The table beneath a chart: once it is opened, it holds the rows that are drawn, and sorts.
function prepareTwin(figure, columns) {
  const details = figure.querySelector(".twin");
  let [rows, table] = [[], null];
  const fill = () => table.clear().rows.add(rows).draw();
  details.addEventListener("toggle", () => {
    if (!details.open || table) return;
    const made = element("table", { class: "plain" }, element("caption", {}, figure.querySelector("h3").textContent));
    details.querySelector("table").replaceWith(made);
    table = new DataTable(made, {
      deferRender: true, pageLength: 25, order: [], autoWidth: false, language: tableWords(), layout: LAYOUT,
      columns: columns.filter(([, label]) => label).map(([key, title, kind], place) => ({
        data: key, title, className: kind === "text" ? "" : "count", type: kind === "text" ? "string" : "known",
        render: (value, type, row) => (type === "display" && place === 0 && row.cell !== undefined ? cellLink(row, value) : shownAs(kind)(value, type)),
      })),
    });
    fill();
  });
  return (drawn) => {
    rows = drawn;
    if (table) fill();
  };
}

const cellLink = (row, text) => element("a", { href: address(report.cells[row.cell]) }, text);

// Call again when an element's width has changed and stays.
function onceSettled(draw, place) {
  let [width, waiting] = [place.clientWidth, 0];
  return () => {
    clearTimeout(waiting);
    waiting = setTimeout(() => {
      if (place.clientWidth && Math.abs(place.clientWidth - width) > 8) {
        width = place.clientWidth;
        draw();
      }
    }, 150);
  };
}

function prepareCharts() {
  const sight = new IntersectionObserver((seen) => {
    for (const { isIntersecting, target } of seen) if (isIntersecting) prepareChart(target);
  }, { rootMargin: "200px" });
  for (const figure of document.querySelectorAll("figure[data-drawing]")) {
    sight.observe(figure);
    read(`data-${figure.dataset.chart}`); // paper does not wait
  }
  addEventListener("beforeprint", () => document.querySelectorAll("figure[data-drawing]").forEach(prepareChart));
}

// Colours and letters of backends are the same in every chart.
function seriesColour(name) {
  const names = [...new Set(report.columns.map((who) => who.backend))];
  const place = names.indexOf(name);
  return `var(--series-${(place < 0 ? names.length : place) % 16 + 1})`;
}
