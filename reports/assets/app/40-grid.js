// The grid of verdicts: it follows the filter, its tiles open, and arrows walk among them.

function prepareGrid() {
  const grids = [...document.querySelectorAll("#grid table.grid:not(.totals)")];
  if (!grids.length) return;
  document.querySelector("#grid .filter-place").append(filterBar());
  for (const grid of grids) {
    grid.addEventListener("click", (event) => openTile(event.target.closest("td[data-c]")));
    grid.addEventListener("keydown", walk);
    for (const tile of grid.querySelectorAll("td[data-c]")) tile.tabIndex = -1;
    const first = grid.querySelector("td[data-c]");
    if (first) first.tabIndex = 0;
  }
  filter.listeners.push(() => showTiles(grids));
}

function cellsOf(tile) {
  const row = Number(tile.parentElement.dataset.r);
  return report.places[row].cells.filter((cell) => cell.column === Number(tile.dataset.c) && filter.passing.has(cell));
}

function openTile(tile) {
  const cells = tile ? cellsOf(tile) : [];
  if (cells.length) location.hash = address(worst(cells));
}

const STEPS = { ArrowRight: [0, 1], ArrowLeft: [0, -1], ArrowDown: [1, 0], ArrowUp: [-1, 0] };

function walk(event) {
  const tile = event.target.closest("td[data-c]");
  if (!tile) return;
  if (event.key === "Enter" || event.key === " ") {
    event.preventDefault();
    openTile(tile);
  }
  if (!(event.key in STEPS)) return;
  event.preventDefault();
  const [down, right] = STEPS[event.key];
  const rows = [...tile.closest("table").querySelectorAll("tr[data-r]:not([hidden])")];
  const row = rows[rows.indexOf(tile.parentElement) + down];
  const tiles = row ? [...row.querySelectorAll("td:not([hidden])")] : [];
  const next = tiles[[...tile.parentElement.querySelectorAll("td:not([hidden])")].indexOf(tile) + right];
  if (!next?.dataset.c) return;
  tile.tabIndex = -1;
  next.tabIndex = 0;
  next.focus();
}

// Rows and tiles of the cells that pass: the worst outcome and the fewest digits among them.
function showTiles(grids) {
  const passing = report.places.map(() => new Map());
  for (const cell of filter.passing) {
    const row = passing[cell.place];
    if (!row.has(cell.column)) row.set(cell.column, []);
    row.get(cell.column).push(cell);
  }
  for (const grid of grids) {
    let shown = 0;
    for (const row of grid.querySelectorAll("tr[data-r]")) {
      const tiles = passing[Number(row.dataset.r)];
      row.hidden = tiles.size === 0;
      shown += !row.hidden;
      if (!row.hidden) for (const tile of row.querySelectorAll("td[data-c]")) showTile(tile, tiles.get(Number(tile.dataset.c)));
    }
    grid.closest(".scroll").hidden = shown === 0;
  }
  document.querySelector("#grid .nothing").hidden = filter.passing.size > 0;
}

function showTile(tile, cells) {
  const start = tile.classList.contains("g") ? " g" : "";
  if (!cells) {
    tile.className = `none${start}`;
    tile.textContent = "";
    tile.removeAttribute("title");
    return;
  }
  const cell = worst(cells);
  const digits = Math.min(...cells.filter((one) => one.known.ran && known(one.digits)).map((one) => one.digits));
  tile.className = cell.known.tone + start;
  tile.title = `${cell.backend}, ${cell.operator}: ${cell.known.label}`;
  const partial = attempted(cell) && !cells.every(attempted);
  tile.replaceChildren(element("b", {}, cell.known.letter), partial ? element("sup", {}, "−") : "", Number.isFinite(digits) ? ` ${Math.floor(digits)}` : "");
}
