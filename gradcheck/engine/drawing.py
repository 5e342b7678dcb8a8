"""A graph as a picture from left to right: DOT text, and SVG in the layout of Graphviz's ``dot``.

Graphviz comes inside the wheel of pygraphviz; no program need be installed. It only places the boxes,
whose sizes are given, so a picture does not depend on the fonts of the machine that draws it.

Layout: E. R. Gansner et al., "A technique for drawing directed graphs", IEEE Trans. Softw. Eng. 19 (1993).
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from html import escape
from threading import Lock
from typing import Any

from gradcheck.errors import MissingExtra

_ADVANCE, _LINE, _MARGIN = 7.9, 18, 6  # pixels: of a monospaced letter of size 13, of a line, around all
_PADDING = {
    "input": (17, 16),
    "operation": (11, 11),
    "output": (15, 14),
}  # each side; above and below together
_ROUND = {"input": 22, "operation": 6, "output": 22}
_WIDEST = 34  # letters in a box
_GRAPHVIZ = Lock()  # its library keeps global state
_SUBSCRIPTS = str.maketrans("-0123456789", "₋₀₁₂₃₄₅₆₇₈₉")

_STYLE = """
.gradcheck-graph { font: 13px ui-monospace, Menlo, Consolas, "DejaVu Sans Mono", monospace; }
.gradcheck-graph { max-width: 100%; height: auto; }
.gradcheck-graph:root { color: #1f2328; color-scheme: light dark; }
.gradcheck-graph text { fill: currentColor; text-anchor: middle; dominant-baseline: central; }
.gradcheck-graph .box { fill: currentColor; fill-opacity: .04; stroke: currentColor; stroke-opacity: .45; }
.gradcheck-graph .input .box { fill: #2f7ae5; fill-opacity: .13; stroke: #2f7ae5; stroke-opacity: 1; }
.gradcheck-graph .output .box { fill: #1a8a42; fill-opacity: .15; stroke: #1a8a42; stroke-opacity: 1; }
.gradcheck-graph .name { font-weight: 600; }
.gradcheck-graph .slope { fill: #c55a11; }
.gradcheck-graph path { fill: none; stroke: currentColor; stroke-opacity: .55; stroke-width: 1.2; }
.gradcheck-graph .tip { fill: currentColor; fill-opacity: .7; }
.gradcheck-graph .idle { opacity: .45; }
.gradcheck-graph .idle path { stroke-dasharray: 4 3; }
@media (prefers-color-scheme: dark) {
.gradcheck-graph:root { color: #e6edf3; }
.gradcheck-graph:root .slope { fill: #f0883e; }
}
"""


@dataclass(frozen=True)
class Box:
    """A node of the picture.

    Attributes
    ----------
    name, text
        Its name, and how it is computed; of an input what the user calls it.
    value
        Its value as text.
    slope
        The derivative of the output by it as text; may be empty.
    kind
        ``input``, ``operation`` or ``output``.
    idle
        Whether no derivative passes through it.
    """

    name: str
    text: str
    value: str
    slope: str = ""
    kind: str = "operation"
    idle: bool = False

    @property
    def lines(self) -> list[tuple[str, str]]:
        """The text, each line with its class."""
        name = f"{self.name} = {self.text}" if self.text else self.name
        given = (("name", name), ("value", self.value), ("slope", self.slope))
        return [(role, text) for role, text in given if text]


@dataclass(frozen=True)
class Arrow:
    """From a value to where it is used, by position of their boxes; labelled by a derivative, or nothing."""

    tail: int
    head: int
    label: str = ""
    idle: bool = False


def dot(boxes: Sequence[Box], arrows: Sequence[Arrow]) -> str:
    """The graph in the DOT language."""
    shapes = {"input": "ellipse", "operation": "box", "output": "doubleoctagon"}
    lines = [
        *(
            f"  n{at} [shape={shapes[box.kind]}, label={_quoted(*(text for _, text in box.lines))}"
            f"{', style=dashed' if box.idle else ''}];"
            for at, box in enumerate(boxes)
        ),
        *(f"  n{arrow.tail} -> n{arrow.head}{_attributes(arrow)};" for arrow in arrows),
    ]
    return "\n".join(["digraph {", "  rankdir=LR;", *lines, "}"]) + "\n"


def svg(boxes: Sequence[Box], arrows: Sequence[Arrow], title: str) -> str:
    """The graph as an SVG document that follows the colours, light or dark, of where it is shown.

    Raises
    ------
    MissingExtra
        When pygraphviz is not installed.
    """
    cards = [[(role, _shortened(text)) for role, text in _pretty(box).lines] for box in boxes]
    sizes = [_size(box.kind, card) for box, card in zip(boxes, cards, strict=True)]
    placed = _laid_out(sizes, arrows)
    width, height = (float(end) for end in placed["bb"].split(",")[2:])

    def point(text: str) -> tuple[float, float]:
        x, y = text.split(",")
        return float(x) + _MARGIN, height - float(y) + _MARGIN

    edges = [_edge(arrow, found, point) for arrow, found in zip(arrows, placed.get("edges", ()), strict=True)]
    nodes = [
        _node(box, card, size, point(found["pos"]))
        for box, card, size, found in zip(boxes, cards, sizes, placed["objects"], strict=True)
    ]
    w, h = width + 2 * _MARGIN, height + 2 * _MARGIN
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="gradcheck-graph" role="img" width="{w:.0f}" '
        f'height="{h:.0f}" viewBox="0 0 {w:.0f} {h:.0f}">'
    )
    return "\n".join(
        [head, f"<title>{escape(title)}</title>", f"<style>{_STYLE}</style>", *edges, *nodes, "</svg>\n"]
    )


def _size(kind: str, card: Sequence[tuple[str, str]]) -> tuple[float, float]:
    beside, above = _PADDING[kind]
    height = len(card) * _LINE + above
    return max(max(len(text) for _, text in card) * _ADVANCE + 2 * beside, height), height


def _laid_out(sizes: Sequence[tuple[float, float]], arrows: Sequence[Arrow]) -> Any:
    """Where ``dot`` puts boxes and labels of these sizes, and along which curves the arrows run."""
    try:
        from pygraphviz import AGraph
    except ModuleNotFoundError as error:
        raise MissingExtra("the drawn graph", "pygraphviz", "graph") from error
    lines = [
        "digraph { rankdir=LR; nodesep=0.28; ranksep=0.42;",
        'node [shape=box, fixedsize=true, label=""];',
        *(f"n{at} [width={w / 72:.4f}, height={h / 72:.4f}];" for at, (w, h) in enumerate(sizes)),
        *(f"n{arrow.tail} -> n{arrow.head} [label={_space(arrow.label)}];" for arrow in arrows),
        "}",
    ]
    with _GRAPHVIZ:
        return json.loads(AGraph(string="\n".join(lines)).draw(prog="dot", format="json0"))


def _space(label: str) -> str:
    """An empty label of the size that the text will take."""
    if not label:
        return '""'
    frame = 'BORDER="0" CELLBORDER="0" CELLSPACING="0" CELLPADDING="0" FIXEDSIZE="TRUE"'
    width = len(label) * _ADVANCE + 6
    return f'<<TABLE {frame} WIDTH="{width:.0f}" HEIGHT="{_LINE}"><TR><TD></TD></TR></TABLE>>'


def _edge(arrow: Arrow, found: Any, point: Any) -> str:
    end, *curve = [point(text.removeprefix("e,")) for text in found["pos"].split()]
    start, *rest = [f"{x:.1f},{y:.1f}" for x, y in curve]
    (x, y), (ex, ey) = curve[-1], end
    length = ((ex - x) ** 2 + (ey - y) ** 2) ** 0.5 or 1.0
    across, down = 3.5 * (ey - y) / length, -3.5 * (ex - x) / length
    tip = f"{ex:.1f},{ey:.1f} {x + across:.1f},{y + down:.1f} {x - across:.1f},{y - down:.1f}"
    label = ""
    if arrow.label:
        at = point(found["lp"])
        label = f'<text class="slope" x="{at[0]:.1f}" y="{at[1]:.1f}">{escape(arrow.label)}</text>'
    return (
        f'<g class="arrow{" idle" if arrow.idle else ""}"><path d="M{start} C{" ".join(rest)}"/>'
        f'<polygon class="tip" points="{tip}"/>{label}</g>'
    )


def _node(
    box: Box, card: Sequence[tuple[str, str]], size: tuple[float, float], at: tuple[float, float]
) -> str:
    (w, h), (x, y) = size, at
    top = y - (len(card) - 1) * _LINE / 2
    lines = [
        f'<text class="{role}" x="{x:.1f}" y="{top + i * _LINE:.1f}">{escape(text)}</text>'
        for i, (role, text) in enumerate(card)
    ]
    told = escape("\n".join(text for _, text in box.lines))
    return (
        f'<g class="{box.kind}{" idle" if box.idle else ""}"><title>{told}</title>'
        f'<rect class="box" x="{x - w / 2:.1f}" y="{y - h / 2:.1f}" width="{w:.1f}" height="{h:.1f}" '
        f'rx="{_ROUND[box.kind]}"/>{"".join(lines)}</g>'
    )


def _pretty(box: Box) -> Box:
    """With the numbers of nodes as subscripts; what the user calls an input stays."""
    text = box.text if box.kind == "input" else _subscripted(box.text)
    return replace(box, name=_subscripted(box.name), text=text, slope=_subscripted(box.slope))


def _subscripted(text: str) -> str:
    return re.sub(
        r"(?<!\w)(d\w+/d)?v(-?\d+)\b", lambda at: f"{at[1] or ''}v{at[2].translate(_SUBSCRIPTS)}", text
    )


def _shortened(text: str) -> str:
    return text if len(text) <= _WIDEST else text[: _WIDEST - 1] + "…"


def _quoted(*lines: str) -> str:
    inner = "\\n".join(line.replace("\\", "\\\\").replace('"', '\\"') for line in lines)
    return f'"{inner}"'


def _attributes(arrow: Arrow) -> str:
    given = [f"label={_quoted(arrow.label)}"] if arrow.label else []
    given += ["style=dashed"] if arrow.idle else []
    return f" [{', '.join(given)}]" if given else ""
