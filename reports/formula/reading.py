"""Formulas as people type them, read into tokens and brackets.

Every text can be read: a bracket that is never closed is a sign like any other.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

Kind = Literal["number", "size", "name", "word", "sign", "opening"]

_DEEPEST = 20  # brackets within brackets; no one reads more

_TOKEN = re.compile(
    r"""
      (?P<size>    (?<![\w.^]) \d+ \ x\  (?: \d+ | n (?=\ table) ) \b )
    | (?P<number>  \d+ (?: \.\d+ )? )
    | (?P<opening> (?: sum | prod ) \ over (?:\ all )? (?= \ [^()]* \ of\b )
                 | [(\[{]
                 | (?<! [\w)\]'|] ) (?: \|\|? (?![\s|]) | < (?![\s<>=-]) ) )
    | (?P<sign>    \.\.\. | <- | -> | <= | >= | != | \*\* | \|\|
                 | (?<= \b\w\  ) cross (?= \ (?: \w\b | \( ) ) )
    | (?P<name>    [^\W\d_] -th\b
                 | [^\W\d_]{2,} (?: ['’]s\b | (?: ['’-] [^\W\d_]{2,} )+ )
                 | [^\W\d_] \w* )
    | (?P<other>   \S )
    """,
    re.VERBOSE,
)
_CLOSING = {"(": ")", "[": "]", "{": "}", "<": ">", "|": "|", "||": "||"}


@dataclass(frozen=True, slots=True)
class Token:
    """The smallest thing that is read, with its place in the formula."""

    kind: Kind
    text: str
    start: int

    @property
    def end(self) -> int:
        """Where the next one may touch it."""
        return self.start + len(self.text)


@dataclass(frozen=True, slots=True)
class Group:
    """What stands between two brackets; ``sum over`` and ``of`` are such a pair."""

    opening: Token
    items: tuple[Item, ...]
    closing: Token

    @property
    def start(self) -> int:
        """Where the opening bracket begins."""
        return self.opening.start

    @property
    def end(self) -> int:
        """Where the closing bracket ends."""
        return self.closing.end


Item = Token | Group


def read(formula: str) -> tuple[Item, ...]:
    """The tokens and groups of a formula, in order."""
    levels: list[tuple[Token, list[Item]]] = [(Token("sign", "", 0), [])]
    end = 0
    for token in _tokens(formula):
        closed = _closes(token, [opening for opening, _ in levels], touching=token.start == end)
        end = token.end
        if closed:
            while len(levels) > closed + 1:
                _unopen(levels)
            opening, items = levels.pop()
            levels[-1][1].append(Group(opening, tuple(items), token))
        elif token.kind == "opening" and len(levels) <= _DEEPEST:
            levels.append((token, []))
        else:
            levels[-1][1].append(replace(token, kind="sign") if token.kind == "opening" else token)
    while len(levels) > 1:
        _unopen(levels)
    return tuple(levels[0][1])


def _tokens(formula: str) -> Iterator[Token]:
    for match in _TOKEN.finditer(formula):
        kind = match.lastgroup
        yield Token("sign" if kind == "other" else kind, match[0], match.start())  # type: ignore[arg-type]


def _closes(token: Token, openings: Sequence[Token], *, touching: bool) -> int:
    """The level that a token closes, or 0; an open bar may be a relation, so it does not stand in the way."""
    for level in range(len(openings) - 1, 0, -1):
        opening = openings[level].text
        weak = opening not in "([{"
        if token.text == _CLOSING.get(opening, "of") and (touching or opening not in ("<", "|", "||")):
            return level
        if not weak:
            break
    return 0


def _unopen(levels: list[tuple[Token, list[Item]]]) -> None:
    opening, items = levels.pop()
    levels[-1][1].extend((replace(opening, kind="sign"), *items))
