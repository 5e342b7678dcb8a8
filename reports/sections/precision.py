"""Work against precision: what an answer takes, and what it is worth."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from ..chart import Chart, Column, asked, asked_columns, figure
from ..embedding import rounded
from ..page import Section

if TYPE_CHECKING:
    from ..report import Report

# What rounding to nearest changes at most, relative to the value.
_ROUNDING = {"float64": 2.0**-53, "float32": 2.0**-24, "float16": 2.0**-11, "bfloat16": 2.0**-8}


def _render(report: Report) -> str:
    rows, words = list(precision_rows(report)), report.words
    if not rows:
        return ""
    chart = Chart(
        name="precision",
        title=words("Time and error of every answer"),
        caption=words(
            "A sign for every answer that was timed, wrong ones too: further left is more accurate, "
            "further down is faster, and both at once is best. An error of 0, or one within the rounding "
            "of the dtype, cannot be told from perfect: it stands left of the line that bears the dtype's "
            "name, in a column of its backend, and the table has the error itself. A sign opens its cell; "
            "arrow keys go from one to the next."
        ),
        columns=(
            *asked_columns(words),
            Column("median", words("Time"), "seconds"),
            Column("relative_error", words("Relative error"), "number"),
            Column("edge", ""),
            Column("cell", ""),
        ),
        rows=rows,
        facets=("suite", "operator", "dtype", "device", "backend"),
        narrow=("dtype",),
    )
    return figure(chart, words)


def precision_rows(report: Report) -> Iterator[tuple[Any, ...]]:
    """Every timed answer with an error, the rounding of its dtype, and the cell's number on the page."""
    for number, cell in enumerate(report.cells):
        lap = report.lap(cell)
        if lap is None or not math.isfinite(cell.relative_error):
            continue
        measured = rounded(lap.median, 3), rounded(cell.relative_error, 3)
        yield (*asked(cell), *measured, _ROUNDING.get(cell.dtype), number)


precision = Section(
    name="precision", title="Accuracy against time", order=58, render=_render, page="pictures"
)
