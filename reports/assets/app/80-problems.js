// A problem's own part of the page: everyone's answers, its source, its inputs, and the pictures of its function.

const articles = new Map(); // suite and problem to their article

function prepareProblems() {
  for (const article of document.querySelectorAll("article.problem")) {
    articles.set(article.id.split("/").slice(1).map(decodeURIComponent).join("\u0000"), article);
  }
  fillTable();
}

// The table repeats, from the problems' own parts, what each function is and which mistake it is there to catch.
function fillTable() {
  const table = document.querySelector("table.problems");
  const heading = table?.tHead.rows[0];
  const repeated = { formula: words("Function"), mistake: words("Catches") };
  for (const text of Object.values(repeated)) heading?.lastElementChild.before(element("th", { scope: "col" }, text));
  for (const row of table?.tBodies[0].rows ?? []) {
    const article = document.getElementById(row.querySelector("a").hash.slice(1));
    for (const kind of Object.keys(repeated)) {
      const found = article.querySelector(`.${kind}`)?.cloneNode(true).childNodes ?? [];
      row.lastElementChild.before(element("td", { class: kind }, ...found));
    }
  }
}

// The problem that an address names, or the table of all of them.
function showProblem([suite, problem]) {
  const chosen = articles.get(`${suite}\u0000${problem}`) ?? null;
  document.getElementById("problems").classList.toggle("chosen", chosen !== null);
  for (const article of articles.values()) article.classList.toggle("shown", article === chosen);
  if (chosen && !chosen.classList.contains("furnished")) furnish(chosen, suite, problem);
}

async function furnish(article, suite, problem) {
  article.classList.add("furnished");
  const { codes, studies } = await readStudies();
  const code = codes.find(([a, b]) => a === suite && b === problem)?.[2];
  const places = report.places.filter((place) => place.suite === suite && place.problem === problem);
  const around = new Map(studies.filter((study) => study.suite === suite && study.problem === problem).map((study) => [study.point, study]));
  const points = [...new Set([...places.map((place) => place.point), ...around.keys()])];
  const shown = element("div", {});
  const turnTo = (point) => shown.replaceChildren(...atPoint(places.find((place) => place.point === point), around.get(point)));
  article.prepend(element("p", {}, element("a", { href: "#problems" }, words("All problems"))));
  article.append(
    code ? element("details", { class: "source" }, element("summary", {}, words("Source code")), element("pre", {}, element("code", {}, code))) : "",
    points.length > 1 ? element("div", { class: "facets" }, element("label", {}, words("Point"),
      element("select", { onchange: (event) => turnTo(points[event.target.value]) }, points.map((point, place) => element("option", { value: place }, point))))) : "",
    shown);
  if (points.length) turnTo(points[0]);
  article.querySelectorAll("p.formula").forEach(reachable);
}

// All that is known at a point.
function atPoint(place, study) {
  return [place && answers(place), study && inputs(study), ...(study ? picturesOf(study, "h4") : [])].filter(Boolean);
}

// Everyone's answers: a line for every backend, a column for every operator.
function answers(place) {
  const operators = [...new Set(place.cells.map((cell) => cell.operator))];
  const columns = [...new Set(place.cells.map((cell) => cell.column))].sort((a, b) => a - b);
  const cell = (column, operator) => place.cells.find((one) => one.column === column && one.operator === operator);
  const answer = (one) => (one ? element("a", { href: address(one), title: one.reason || one.known.sentence }, badge(one.known, written.digits(one.digits) || one.known.label)) : "");
  return element("div", { class: "scroll", role: "region", tabindex: 0, "aria-label": words("Answers of all backends") },
    element("table", { class: "plain answers" },
      element("caption", {}, words("Answers of all backends, with their correct digits. An answer opens to all that is known of it.")),
      element("thead", {}, element("tr", {}, element("th", { scope: "col" }, words("Backend")), operators.map((name) => element("th", { scope: "col" }, name)))),
      element("tbody", {}, columns.map((column) => {
        const { backend, device, dtype } = report.columns[column];
        return element("tr", {}, element("th", { scope: "row" }, element("span", { class: "name" }, backend), element("span", { class: "point" }, ` ${device} ${dtype}`)),
          operators.map((operator) => element("td", {}, answer(cell(column, operator)))));
      }))));
}

function inputs(study) {
  const text = Object.entries(study.inputs).map(([name, value]) => `${name} = ${typeof value === "string" ? value : JSON.stringify(value)}`).join("\n");
  return element("details", { class: "source" }, element("summary", {}, words("Inputs in full")), element("pre", {}, element("code", {}, text)));
}

// Places among the text that stand for a picture of some study, drawn when they come into sight.
function prepareExamples() {
  const sight = new IntersectionObserver((seen) => {
    for (const { isIntersecting, target } of seen) {
      if (!isIntersecting) continue;
      sight.unobserve(target);
      readStudies().then(({ studies }) => target.replaceChildren(pictureOf(target.dataset.picture, studies[target.dataset.study], "h4")));
    }
  }, { rootMargin: "300px" });
  for (const place of document.querySelectorAll(".example-place")) sight.observe(place);
}
