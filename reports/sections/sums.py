"""Why dot products differ in their last digits: every computed sum beside what rounding may do to it."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gradcheck import Measurement
from gradcheck import sums as dot_products

from ..markup import render
from ..notation import parse
from ..page import Section

if TYPE_CHECKING:
    from ..report import Report

# Problems whose value is a dot product of positive numbers: it is its own sum of absolute values.
_PROBLEMS = ("dot_by_sum", "dot_by_matmul", "dot_by_loop")
_DTYPES = ("float64", "float32")
_SPAN = (1e-30, 1e30)  # far from where float32 ends


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One computed sum."""

    cell: Measurement
    terms: int
    got: str
    ulps: float
    pairwise: float
    recursive: float
    by: str


def _render(report: Report) -> str:
    lines = [line for cell in report.cells for line in _line(cell)]
    if not lines:
        return ""
    words = report.words
    said = {
        "pairwise": words("adding by halves"),
        "recursive": words("adding one after the other"),
        "": words("not by rounding"),
    }
    return render("sums.html", words, lines=lines, said=said)


def _line(cell: Measurement) -> Iterator[Line]:
    """The sum a cell computed; nothing where it is no such cell, or its answer no number."""
    if cell.problem not in _PROBLEMS or cell.operator != "value" or cell.dtype not in _DTYPES:
        return
    true, terms = parse(cell.true), cell.inputs // 2
    if true is None or not true.is_finite() or not _SPAN[0] < true < _SPAN[1]:
        return
    if terms < 1 or not math.isfinite(cell.ulps):
        return
    bounds = dot_products.bounds(terms, float(true), dtype=cell.dtype)
    yield Line(
        cell=cell,
        terms=terms,
        got=cell.got,
        ulps=cell.ulps,
        pairwise=bounds.pairwise,
        recursive=bounds.recursive,
        by=bounds.explaining(cell.ulps),
    )


sums = Section(name="sums", title="Sums and their last digits", order=62, render=_render, page="pictures")
