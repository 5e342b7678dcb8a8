"""The one template environment: everything put into a page is escaped unless it is already markup."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import quote

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from gradcheck import Measurement

from . import notation
from .cells import column, place
from .formula import typeset
from .language import Words

FOLDER = Path(__file__).parent


class OfProblem(Protocol):
    """Whatever belongs to a problem."""

    @property
    def suite(self) -> str: ...

    @property
    def problem(self) -> str: ...


def breakable(name: str) -> Markup:
    """A name that may break after an underscore, where a column is narrow."""
    return Markup("_<wbr>").join(name.split("_"))


def problem_address(where: OfProblem) -> str:
    """The address of a problem's own part of the page."""
    return _address("problem", where.suite, where.problem)


def cell_address(cell: Measurement) -> str:
    """The address of what is known of one cell."""
    return _address("cell", *place(cell), *column(cell), cell.operator)


def _address(*parts: str) -> str:
    return "#" + "/".join(map(_quoted, parts))


def _quoted(part: str) -> str:
    return quote(part, safe="", errors="replace")  # half a surrogate pair is no text


@cache
def _environment(language: str) -> Environment:
    made = Environment(
        loader=FileSystemLoader(FOLDER / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.globals["words"] = Words(language)
    made.filters.update(
        breakable=breakable,
        brief=notation.brief,
        cell_address=cell_address,
        count=notation.count,
        decimal=notation.decimal,
        digits=notation.digits,
        magnitude=notation.magnitude,
        percent=notation.percent,
        problem_address=problem_address,
        ratio=notation.ratio,
        tone=notation.tone,
        typeset=typeset,
        urlencode=_quoted,
    )
    return made


def render(name: str, words: Words, **values: Any) -> Markup:
    """A template, filled in; ``parts.html`` holds the macros that templates share."""
    return Markup(_environment(words.language).get_template(name).render(values))
