// The computation graph: values flow from left to right, adjoints from right to left, and arrows say what each step sends back.

const [LETTER, LINE] = [7.4, 17]; // pixels: of a letter, of a line

picture("graph", {
  part: "steps",
  order: 4,
  title: () => words("The computation, step by step, and its derivative back through it"),
  shows: (study) => study.steps.length > 0,
  caption: () => words("Every box is a step: how it is computed, its value, and below, coloured, its adjoint: how fast the result changes when this step does. Values are computed along the arrows. Adjoints come back against them: the number on an arrow is what the step at its head adds to the adjoint of the step at its tail, and a step that is used twice adds up what comes back from both."),
  table: traced,
  draw(steps, width) {
    const across = laidOut(steps, "LR");
    return drawnGraph(steps, across.graph().width <= width ? across : laidOut(steps, "TB"));
  },
});

const subscripted = (text) => text.replace(/\bv(-?\d+)\b|(?<=\W|^)v(-\d+)\b/g, (_, one, other) => `v${(one ?? other).replace(/./g, (sign) => "₋₀₁₂₃₄₅₆₇₈₉"["-0123456789".indexOf(sign)])}`);
const shortened = (text, most) => (text.length > most ? `${text.slice(0, most - 1)}…` : text);
const short = (text) => (/^-?[\d.]+(e[-+]?\d+)?$/i.test(text) ? brief(Number(text)) : shortened(text, 18));

// The lines of a box: what it is, its value, its adjoint.
const linesOf = ({ name, expression, value, adjoint }) => [shortened(subscripted(`${name} = ${expression}`), 30), short(value), `d = ${short(adjoint)}`];

function laidOut(steps, direction) {
  const graph = new dagre.Graph({ multigraph: true });
  graph.setGraph({ rankdir: direction, nodesep: 16, ranksep: 26, edgesep: 12, marginx: 6, marginy: 6 });
  steps.forEach((step, place) => graph.setNode(String(place), { width: Math.max(...linesOf(step).map((line) => line.length)) * LETTER + 18, height: 3 * LINE + 10 }));
  steps.forEach((step, place) => step.operands.forEach((operand, turn) => {
    const label = step.flows[turn] === "" ? "" : short(step.flows[turn]);
    graph.setEdge(String(operand), String(place), { label, labelpos: "c", width: label.length * LETTER + 8, height: LINE }, String(turn));
  }));
  dagre.layout(graph);
  return graph;
}

function drawnGraph(steps, graph) {
  const { width, height } = graph.graph();
  const used = new Set(steps.flatMap((step) => step.operands));
  const arrows = graph.edges().map((edge) => {
    const { points, label, x, y } = graph.edge(edge);
    return element("g", { class: label ? "arrow" : "arrow idle" }, element("path", { d: curved(points) }), element("path", { class: "tip", d: tipOf(points.at(-2), points.at(-1)) }),
      label ? [element("rect", { class: "behind", x: x - (label.length * LETTER) / 2 - 2, y: y - LINE / 2, width: label.length * LETTER + 4, height: LINE }), element("text", { class: "adjoint", x, y }, label)] : []);
  });
  const boxes = steps.map((step, place) => {
    const { x, y, width, height } = graph.node(String(place));
    const kind = step.operands.length === 0 ? "input" : used.has(place) ? "step" : "output";
    return element("g", { class: `box ${kind}` }, element("rect", { x: x - width / 2, y: y - height / 2, width, height, rx: kind === "step" ? 5 : height / 2.4 }),
      linesOf(step).map((line, row) => element("text", { class: ["name", "value", "adjoint"][row], x, y: y + (row - 1) * LINE }, line)));
  });
  return element("svg", { class: "graph", width: Math.ceil(width), height: Math.ceil(height), viewBox: `0 0 ${Math.ceil(width)} ${Math.ceil(height)}` }, arrows, boxes);
}

// A smooth line through the bends of an arrow.
function curved(points) {
  const at = ({ x, y }) => `${x.toFixed(1)},${y.toFixed(1)}`;
  const halfway = points.slice(1).map((point, place) => ({ x: (point.x + points[place].x) / 2, y: (point.y + points[place].y) / 2 }));
  return `M${at(points[0])}L${at(halfway[0])}${halfway.slice(1).map((end, place) => `Q${at(points[place + 1])} ${at(end)}`).join("")}L${at(points.at(-1))}`;
}

function tipOf(from, to) {
  const length = Math.hypot(to.x - from.x, to.y - from.y) || 1;
  const [ux, uy] = [(to.x - from.x) / length, (to.y - from.y) / length];
  const corner = (side) => `${(to.x - 8 * ux - side * 3.5 * uy).toFixed(1)},${(to.y - 8 * uy + side * 3.5 * ux).toFixed(1)}`;
  return `M${to.x.toFixed(1)},${to.y.toFixed(1)}L${corner(1)}L${corner(-1)}Z`;
}

// The evaluation trace: values and tangents from the top down, adjoints and what they are the sum of from the bottom up.
function traced(steps) {
  const inputs = Object.keys(steps[0].tangents);
  const returned = (place) => steps.flatMap((user) => user.operands.map((operand, turn) => (operand === place && user.flows[turn] ? `${short(user.flows[turn])} (${subscripted(user.name)})` : "")).filter(Boolean)).join(" + ");
  return {
    columns: [[words("Step"), "text"], [words("Expression"), "text"], [words("Value"), "text"], ...inputs.map((name) => [words("Tangent along %(input)s", { input: name }), "text"]), [words("Adjoint"), "text"], [words("Sum of (from)"), "text"]],
    rows: steps.map((step, place) => [subscripted(step.name), subscripted(step.expression), step.value, ...inputs.map((name) => step.tangents[name]), step.adjoint, returned(place)]),
  };
}
