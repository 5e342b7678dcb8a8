"""What binds what in a formula: one rewriting of a row after another, the tightest first.

Indices bind tightest; then arguments, powers, divisions written close (``1/n``) and divisions written wide
(``a x / b``). What is left are factors and signs in a row.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import takewhile
from typing import Any

from markupsafe import Markup

from .mathml import Kind, Piece, applied, element, fenced, lined_up
from .names import BIG, FUNCTIONS, GREEK, INDEXED
from .reading import Group, Item, Token


def row(items: Sequence[Item]) -> Markup:
    """Items of one level as one element."""
    pieces = [_group(item) if isinstance(item, Group) else _token(item) for item in items]
    pieces = _raised(_applied(_indexed(pieces)))
    return lined_up(_divided(_divided(pieces, close=True), close=False))


def _token(token: Token) -> Piece:
    match token.kind:
        case "number":
            return _piece(token, "operand", element("mn", token.text))
        case "size":
            rows, _, columns = token.text.split(" ")
            last = element("mn" if columns.isdigit() else "mi", columns)
            return _piece(token, "operand", element("mrow", element("mn", rows), element("mo", "×"), last))
        case "name":
            return _name(token)
        case "word":
            # Not mtext, which counts as space: between two of them a comma would lose its own.
            return _piece(token, "word", element("mi", token.text, mathvariant="normal"))
        case _ if token.text == "...":
            return _piece(token, "name", element("mi", "…"))
        case _:
            return _piece(token, "sign", Markup())


def _name(token: Token) -> Piece:
    text = token.text
    if text in BIG:
        return _piece(token, "big", element("mo", BIG[text]))
    if text == "grad":
        return _piece(token, "operand", element("mi", "∇", mathvariant="normal"))
    if text in ("log2", "log10"):
        return _piece(token, "function", element("mi", "log"), index=element("mn", text[3:]))
    if text in FUNCTIONS:
        return _piece(token, "function", element("mi", text.replace("_", " ")))
    if text in GREEK or len(text) == 1:
        return _piece(token, "operand", element("mi", GREEK.get(text, text)))
    if match := INDEXED.fullmatch(text):
        base, index = filter(None, match.groups())
        lower = element("mn" if index.isdigit() else "mi", index)
        return _piece(token, "operand", element("mi", GREEK.get(base, base)), index=lower)
    return _piece(token, "name", element("mi", text))


def _group(group: Group) -> Piece:
    opening = group.opening.text
    sign = opening.partition(" ")[0]
    if sign in BIG:
        return _piece(group, "big", element("munder", element("mo", BIG[sign]), row(group.items)))
    parts = _split(group.items)
    if opening == "[" and all(_in_square_brackets(part) for part in parts):
        lines = [_split(line.items) for part in parts for line in part if isinstance(line, Group)]
        cells = [element("mtr", *(element("mtd", row(cell)) for cell in line)) for line in lines]
        return _piece(group, "operand", fenced("(", element("mtable", *cells), ")"))
    inner = row(group.items)
    drawn = fenced(opening, inner, group.closing.text)
    return _piece(group, "operand", drawn, inner=inner, listed=len(parts) > 1)


def _piece(item: Item, kind: Kind, base: Markup, **more: Any) -> Piece:
    text = item.opening.text if isinstance(item, Group) else item.text
    return Piece(kind=kind, text=text, start=item.start, end=item.end, base=base, **more)


def _split(items: Sequence[Item]) -> list[list[Item]]:
    """Items between commas."""
    parts: list[list[Item]] = [[]]
    for item in items:
        if isinstance(item, Token) and item.text == ",":
            parts.append([])
        else:
            parts[-1].append(item)
    return parts


def _in_square_brackets(part: Sequence[Item]) -> bool:
    return len(part) == 1 and isinstance(part[0], Group) and part[0].opening.text == "["


def _indexed(pieces: Sequence[Piece]) -> list[Piece]:
    """``x[i]``, ``f'``; the brackets of an expectation stay."""
    result: list[Piece] = []
    for piece in pieces:
        last = result[-1] if result else None
        if last is None or not last.is_factor or not last.touches(piece):
            result.append(piece)
        elif piece.text == "[" and piece.inner is not None and last.text != "E":
            result[-1] = last.lowered(piece.inner, piece.end)
        elif piece.text == "'":
            result[-1] = last.raised(element("mo", "′"), piece.end)
        else:
            result.append(piece)
    return result


def _applied(pieces: Sequence[Piece]) -> list[Piece]:
    """``f(x)`` is one factor, and so is a root."""
    result: list[Piece] = []
    for piece in pieces:
        last = result[-1] if result else None
        if last is not None and last.text == "sqrt" and piece.is_operand:
            result[-1] = _joined("operand", last, piece, element("msqrt", piece.bare))
        elif last is not None and _takes(last, piece):
            result[-1] = _joined(
                "operand" if last.kind == "operand" else "name", last, piece, applied(last, piece)
            )
        else:
            result.append(piece)
    return result


def _takes(last: Piece, piece: Piece) -> bool:
    named = last.text[:1].isalpha() and (last.is_factor or last.kind == "big")
    return named and piece.is_operand and piece.text in ("(", "[") and last.touches(piece)


def _joined(kind: Kind, first: Piece, last: Piece, base: Markup) -> Piece:
    return Piece(kind=kind, text="", start=first.start, end=last.end, base=base)


def _raised(pieces: Sequence[Piece]) -> list[Piece]:
    """Powers, from the right: ``x^y^z`` is ``x^(y^z)``."""
    result: list[Piece] = []
    for piece in reversed(pieces):
        match result:
            case [Piece(text="^" | "**"), Piece(text="-"), power, *rest] if (
                piece.is_factor and power.is_factor
            ):
                minus = element("mo", "−", form="prefix")
                result = [piece.raised(element("mrow", minus, power.bare), power.end), *rest]
            case [Piece(text="^" | "**"), power, *rest] if piece.is_factor and power.is_factor:
                transposed = power.text == "T" and power.markup == power.base
                upright = element("mi", "T", mathvariant="normal") if transposed else power.bare
                result = [piece.raised(upright, power.end), *rest]
            case _:
                result = [piece, *result]
    return result


def _divided(pieces: Sequence[Piece], *, close: bool) -> list[Piece]:
    """Fractions; over a sum stands all that is before it, a sum included."""
    result: list[Piece] = []
    rest = list(pieces)
    while rest:
        piece = rest.pop(0)
        if (
            piece.text == "/"
            and result
            and rest
            and close == (result[-1].touches(piece) and piece.touches(rest[0]))
        ):
            below = _divisor(rest)
            summed = bool(below) and below[0].kind == "big"
            above = result[-1:] if close else _product(result[::-1], summed=summed)[::-1]
            if below and above and above[-1].is_operand:
                del rest[: len(below)], result[-len(above) :]
                fraction = element("mfrac", _ungrouped(above), _ungrouped(below))
                piece = _joined("operand", above[0], below[-1], fraction)
        result.append(piece)
    return result


def _divisor(pieces: Sequence[Piece]) -> list[Piece]:
    """One operand, with the functions before it; a sum goes on as far as its product."""
    if pieces[0].kind == "big":
        return _product(pieces, summed=True)
    functions = list(takewhile(lambda piece: piece.kind == "function", pieces))
    operand = pieces[len(functions) : len(functions) + 1]
    return [*functions, *operand] if operand and operand[0].is_operand else []


def _product(pieces: Sequence[Piece], *, summed: bool) -> list[Piece]:
    """The factors that pieces begin with."""
    return list(takewhile(lambda piece: piece.is_factor or (summed and piece.kind == "big"), pieces))


def _ungrouped(pieces: Sequence[Piece]) -> Markup:
    return pieces[0].bare if len(pieces) == 1 else lined_up(pieces)
