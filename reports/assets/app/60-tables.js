// Tables that sort, filter and search: DataTables, told in the reader's language.

function tableWords() {
  return {
    search: words("Search"), searchPlaceholder: "", info: words("_START_ to _END_ of _TOTAL_"), infoEmpty: words("nothing"), infoFiltered: words("(of _MAX_)"),
    lengthMenu: words("_MENU_ rows a page"), zeroRecords: words("nothing fits"), emptyTable: words("nothing"), thousands: "\u202f",
    paginate: { first: "«", previous: "‹", next: "›", last: "»" },
    aria: { orderable: words("Sort"), orderableReverse: words("Sort the other way round"), orderableRemove: words("As it was"),
      paginate: { first: words("First page"), previous: words("Page before"), next: words("Next page"), last: words("Last page") } },
  };
}

const LAYOUT = { topStart: "search", topEnd: "info", bottomStart: "pageLength", bottomEnd: "paging" };

// Numbers, among which what is unknown comes last whichever way they are sorted.
function prepareTables() {
  const order = (sign) => (one, other) => (known(one) && known(other) ? sign * (one - other) : known(other) - known(one));
  DataTable.type("known", { order: { asc: order(1), desc: order(-1) }, className: "count" });
}

// Make the tables that are seen in a part of the page sort and search; long ones are shown a page at a time.
function enliven(part) {
  for (const table of part.querySelectorAll("table.sortable:not(.alive)")) {
    const closed = table.closest("details:not([open])");
    if (closed) {
      closed.addEventListener("toggle", () => enliven(closed), { once: true });
      continue;
    }
    table.classList.add("alive");
    const rows = table.tBodies[0]?.rows.length ?? 0;
    if (rows < 2) continue;
    const long = rows > 50;
    new DataTable(table, {
      paging: long, pageLength: 50, order: [], autoWidth: false, language: tableWords(),
      layout: rows > 25 ? { ...LAYOUT, bottomStart: long ? "pageLength" : null, bottomEnd: long ? "paging" : null } : { topStart: null, topEnd: null, bottomStart: null, bottomEnd: null },
    });
  }
}

// One column: how it is shown, and what it is sorted and searched by.
function shownAs(kind, node) {
  return (value, type) => (type === "display" ? (node ? node : written[kind])(value) : value ?? (type === "filter" ? "" : null));
}

let cellTable = null;

function prepareCells() {
  const place = document.querySelector("#cells .table-place");
  if (!place || cellTable) return;
  document.querySelector("#cells .filter-place").append(filterBar());
  const table = element("table", { class: "plain cells" }, element("caption", {}, words("All cells")));
  place.replaceChildren(table);
  const text = (key, title) => ({ data: key, title, render: shownAs("text") });
  const number = (key, title, kind) => ({ data: key, title, type: "known", render: shownAs(kind) });
  const severity = new Map([...report.outcomes.values()].map((outcome) => [outcome.name, outcome.severity]));
  cellTable = new DataTable(table, {
    data: report.cells, deferRender: true, pageLength: 50, order: [], autoWidth: false, language: tableWords(),
    layout: { topStart: null, topEnd: "info", bottomStart: "pageLength", bottomEnd: "paging" },
    columns: [
      { data: null, title: words("Problem"), render: (cell, type) => (type === "display" ? element("a", { href: address(cell) }, cell.problem) : cell.problem) },
      text("point", words("Point")),
      text("operator", words("Operator")),
      text("backend", words("Backend")),
      text("device", words("Device")),
      text("dtype", words("Dtype")),
      { data: "outcome", title: words("Outcome"), render: (name, type) => (type === "display" ? badge(report.outcomes.get(name)) : type === "sort" ? severity.get(name) : name) },
      number("digits", words("Digits"), "digits"),
      number("ulps", words("Ulps"), "number"),
      number("median", words("Time"), "seconds"),
      number("ratio", words("To fastest"), "ratio"),
    ],
  });
  cellTable.search.fixed("choice", (_, cell) => filter.passing.has(cell));
  cellTable.draw();
  filter.listeners.push(() => cellTable.draw());
}
