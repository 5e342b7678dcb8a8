"""The parts of Markdown that reports are made of; what a run says stays text, whatever it holds."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from html import escape

_LONGEST = 200  # characters of a text
_UNDERSCORE = r"(?<![^\W_])_|_(?![^\W_])"  # within a word it means nothing
_MARKS = re.compile(rf"[\\`*\[\]|~$]|{_UNDERSCORE}")
_LINKS = re.compile(r"[&<>@]|:(?=//)|(?<=www)\.", re.IGNORECASE)


def text(words: str) -> str:
    """Words that mean nothing in Markdown or HTML, name nobody and link nowhere, in one line."""
    line = re.sub(" +", " ", "".join(letter if letter.isprintable() else " " for letter in words))
    cut = line if len(line) <= _LONGEST else f"{line[:_LONGEST]}…"
    unmarked = _MARKS.sub(lambda found: f"\\{found[0]}", cut)
    return _LINKS.sub(lambda found: f"&#{ord(found[0])};", unmarked)


def table(headings: Sequence[str], rows: Iterable[Sequence[str]], right: Sequence[str] = ()) -> str:
    """A table of texts; the columns named in ``right`` are numbers."""
    rule = ["--:" if heading in right else ":--" for heading in headings]
    lines = [[text(heading) for heading in headings], rule, *([text(part) for part in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def details(title: str, *parts: str) -> str:
    """Parts that show when their title is opened."""
    return "\n\n".join([f"<details><summary>{escape(title)}</summary>", *parts, "</details>"])


def code(language: str, lines: Sequence[str]) -> str:
    """Lines of code, in a fence longer than any run of backticks in them."""
    body = "\n".join(lines)
    fence = "`" * (1 + max([2, *map(len, re.findall("`+", body))]))
    return f"{fence}{language}\n{body}\n{fence}"
