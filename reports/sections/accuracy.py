"""How right: the correct digits of every backend in every dtype."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from ..cells import column, group
from ..chart import Chart, Column, figure
from ..page import Section
from ..spreads import by_suite, spread
from ..standings import RIGHT

if TYPE_CHECKING:
    from ..report import Report


def _render(report: Report) -> str:
    rows, words = list(accuracy_rows(report)), report.words
    if not rows:
        return ""
    chart = Chart(
        name="accuracy",
        title=words("Correct digits of right answers"),
        caption=words(
            "A line for every backend, from the fewest to the most correct decimal digits among its right "
            "answers: the bar holds the middle half of them, and the sign is the median. Longer to the "
            "right is better; float64 holds almost 16 digits, float32 about 7, float16 and bfloat16 about "
            "3. A derivative that loses digits loses them for everyone, so compare backends. Failed "
            "answers have no digits and are only counted, in the table."
        ),
        columns=(
            Column("suite", words("Suite")),
            Column("dtype", words("Dtype")),
            Column("device", words("Device")),
            Column("backend", words("Backend")),
            Column("right", words("Right"), "number"),
            Column("failed", words("Failed"), "number"),
            Column("least", words("Fewest"), "digits"),
            Column("lower", words("Lower quartile"), "digits"),
            Column("median", words("Median"), "digits"),
            Column("upper", words("Upper quartile"), "digits"),
            Column("most", words("Most"), "digits"),
        ),
        rows=rows,
        facets=("suite", "dtype", "device"),
    )
    return figure(chart, words)


def accuracy_rows(report: Report) -> Iterator[tuple[Any, ...]]:
    """Every column that got something right, over the run and in every suite."""
    for suite, cells in by_suite(report.cells, report.words("all")).items():
        by_column = group(cells, column)
        for who in report.columns:
            asked = by_column.get(who, [])
            digits = [cell.digits for cell in asked if cell.outcome in RIGHT and math.isfinite(cell.digits)]
            failed = sum(cell.outcome.failed for cell in asked)
            if digits:
                yield (suite, who.dtype, who.device, who.backend, len(digits), failed, *spread(digits))


accuracy = Section(name="accuracy", title="Accuracy", order=56, render=_render, page="pictures")
