"""Pieces of a formula in a row, as elements of MathML."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from markupsafe import Markup

_SIGNS = {
    "-": "−",
    "<-": "←",
    "->": "→",
    "<=": "≤",
    ">=": "≥",
    "!=": "≠",
    "*": "∗",
    ".": "⋅",
    "cross": "×",
    "|": "∣",
    "||": "∥",
}
_FENCES = {"<": ("⟨", "⟩"), "|": ("|", "|"), "||": ("‖", "‖")}

Kind = Literal["operand", "name", "function", "big", "word", "sign"]


def element(tag: str, *content: str, **attributes: str) -> Markup:
    """One element; whatever is not markup already is escaped."""
    written = Markup().join(Markup(' {}="{}"').format(name, value) for name, value in attributes.items())
    return Markup("<{0}{1}>{2}</{0}>").format(tag, written, Markup().join(content))


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """What stands in a row, and is not divided there.

    Attributes
    ----------
    kind
        What may stand beside it: an operand, one that begins with a long name, a function or a big operator
        without its argument, a word, or a sign.
    text
        As typed; the opening bracket of a group, nothing for what was put together.
    start, end
        Where it was typed: pieces that touch bind closer than others.
    base, index, power
        What is drawn; of a sign, nothing yet.
    inner
        What is drawn between the brackets of a group.
    listed
        Whether the group is a list, which needs its brackets.
    """

    kind: Kind
    text: str
    start: int
    end: int
    base: Markup
    index: Markup | None = None
    power: Markup | None = None
    inner: Markup | None = None
    listed: bool = False

    @property
    def is_operand(self) -> bool:
        """Whether it is complete in itself."""
        return self.kind in ("operand", "name")

    @property
    def is_factor(self) -> bool:
        """Whether it may be part of a product."""
        return self.is_operand or self.kind == "function"

    @property
    def markup(self) -> Markup:
        """The piece with all that is attached to it."""
        if self.index is not None and self.power is not None:
            return element("msubsup", self.base, self.index, self.power)
        if self.index is not None:
            return element("msub", self.base, self.index)
        return self.base if self.power is None else element("msup", self.base, self.power)

    @property
    def bare(self) -> Markup:
        """The piece without parentheses, for where a bar or a raised line groups as well."""
        grouped = self.text == "(" and self.index is None and self.power is None
        return self.inner if grouped and self.inner is not None and not self.listed else self.markup

    def touches(self, after: Piece) -> bool:
        """Whether nothing is typed between the two."""
        return self.end == after.start

    def lowered(self, index: Markup, end: int) -> Piece:
        """The piece with an index; with a second one, what was there is one base."""
        free = self.index is None and self.power is None
        whole = self if free else replace(self, base=self.markup, index=None, power=None)
        return replace(whole, index=index, end=end)

    def raised(self, power: Markup, end: int) -> Piece:
        """The piece to a power; to a second one, what was there is one base."""
        whole = self if self.power is None else replace(self, base=self.markup, index=None)
        return replace(whole, power=power, end=end)


def fenced(opening: str, inner: Markup, closing: str) -> Markup:
    """Brackets as high as what they hold; beside a line of letters a font's own are drawn better."""
    high = {} if any(tag in inner for tag in ("<mfrac", "<mtable", "<munder")) else {"stretchy": "false"}
    left, right = _FENCES.get(opening, (opening, closing))
    return element("mrow", element("mo", left, **high), inner, element("mo", right, **high))


def lined_up(pieces: Sequence[Piece]) -> Markup:
    """Pieces as one element."""
    if not pieces:
        return element("mrow")
    parts: list[Markup] = []
    for before, piece, after in zip((None, *pieces), pieces, (*pieces[1:], None), strict=False):
        gap = Markup() if before is None else _gap(before, piece)
        parts.extend((gap, _sign(before, piece, after) if piece.kind == "sign" else piece.markup))
    return element("mrow", *parts) if len(pieces) > 1 else parts[1]


def _sign(before: Piece | None, piece: Piece, after: Piece | None) -> Markup:
    """A sign, which keeps no distance from where it has no operand."""
    if piece.text in ("-", "+") and _unary(before, piece, after):
        return element("mo", _SIGNS.get(piece.text, "+"), form="prefix")
    if (
        piece.text == "."
        and before is not None
        and before.touches(piece)
        and (after is None or not piece.touches(after))
    ):
        return element("mo", ".", rspace="0")
    spaces = {}
    if before is None or piece.text == ":":
        spaces["lspace"] = "0"
    if after is None or piece.text == ":":
        spaces["rspace"] = "0"
    return element("mo", _SIGNS.get(piece.text, piece.text), **spaces)


def _unary(before: Piece | None, sign: Piece, after: Piece | None) -> bool:
    if before is None or before.kind in ("sign", "big"):
        return True
    return not before.is_operand and after is not None and sign.touches(after) and not before.touches(sign)


_TIMES = element("mo", "\u2062")
_APPLIED_TO = element("mo", "\u2061")
_THIN = element("mspace", width="0.17em")
_WIDE = element("mspace", width="0.3em")


def applied(function: Piece, argument: Piece) -> Markup:
    """A function with its argument in brackets."""
    return element("mrow", function.markup, _APPLIED_TO, argument.markup)


def _gap(before: Piece, after: Piece) -> Markup:
    """What is put between two pieces: nothing beside a sign, an unseen sign between factors."""
    kinds = {before.kind, after.kind}
    if "sign" in kinds:
        return _WIDE if "word" in kinds and before.text != "," and not before.touches(after) else Markup()
    if "word" in kinds or kinds == {"name"}:
        return _WIDE
    if before.kind == "function":
        return _APPLIED_TO + _THIN
    if before.kind == "big":
        return Markup()
    return _TIMES if kinds == {"operand"} else _TIMES + _THIN
