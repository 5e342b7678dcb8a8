// Pages: the address says which one is shown, and what is open on it.

const visits = new Map(); // page to what is done when it is shown: (rest of the path) => void

function visiting(page, visit) {
  visits.set(page, [...(visits.get(page) ?? []), visit]);
}

function pageOf(name) {
  const target = document.getElementById(name);
  return target?.closest(".page") ?? null;
}

let displayed = null; // the address of the page that is shown, whatever cell is open on it

const ALIASES = { problem: "problems", backend: "backends" };

function route() {
  const [path, query = ""] = location.hash.slice(1).split("?");
  const [name, ...rest] = path.split("/").map((part) => {
    try { return decodeURIComponent(part); } catch { return part; }
  });
  if (name === "cell") {
    if (!document.querySelector(".page.shown")) show(document.querySelector(".page"), []);
    if (filter.passing === null) chosenBy("");
    openCell(rest);
    return;
  }
  closeCell();
  if (location.hash === displayed) return;
  displayed = location.hash;
  chosenBy(query);
  const page = pageOf(ALIASES[name] ?? name) ?? document.querySelector(".page");
  show(page, ALIASES[name] ? rest : []);
  const target = ALIASES[name] ? null : document.getElementById(name);
  if (target && !target.classList.contains("page") && target !== page.firstElementChild) target.scrollIntoView();
  else scrollTo(0, 0);
}

function show(page, rest) {
  for (const one of document.querySelectorAll(".page")) one.classList.toggle("shown", one === page);
  for (const link of document.querySelectorAll("nav a")) {
    if (link.hash === `#${page.dataset.page}`) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  for (const visit of visits.get(page.dataset.page) ?? []) visit(rest);
  enliven(page);
}

// Past the head of the page, without leaving the page.
function skip(event) {
  event.preventDefault();
  document.getElementById("main").focus();
}

async function start() {
  document.documentElement.classList.add("scripted");
  await Promise.all([loadLibraries(), load()]);
  document.getElementById("cell").addEventListener("close", leaveCell);
  document.querySelector(".skip").addEventListener("click", skip);
  prepareTables();
  prepareGrid();
  visiting("cells", prepareCells);
  prepareProblems();
  visiting("problems", showProblem);
  visiting("backends", showBackend);
  prepareExamples();
  prepareCharts();
  history.scrollRestoration = "manual"; // the page behind a cell stays where it is
  addEventListener("hashchange", route);
  route();
  document.documentElement.classList.add("ready");
}
