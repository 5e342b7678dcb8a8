"""How fast: every timed question, by everyone who answered it right."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from ..chart import Chart, Column, asked, asked_columns, figure
from ..embedding import rounded
from ..page import Section

if TYPE_CHECKING:
    from ..report import Report


def _render(report: Report) -> str:
    rows, words = list(speed_rows(report)), report.words
    if not rows:
        return ""
    chart = Chart(
        name="speed",
        title=words("Time of one call, beside the fastest"),
        caption=words(
            "One row for every question, the quickest at the top; a sign for every backend that answers "
            "it right, at its median time, with the 95 % interval of the median as a line where it is "
            "wide enough to be seen. The shaded band begins at the fastest and is as wide as the noise "
            "floor of the run, by which identical calls differ: no difference within it counts. Where the "
            "choice leaves too many questions for that, the picture shows instead how many times slower "
            "than the fastest each backend is: over all questions the line, over the middle half of them "
            "the bar, in the median the sign. Choose a suite to see every question."
        ),
        columns=(
            *asked_columns(words),
            Column("median", words("Time"), "seconds"),
            Column("low", words("From"), "seconds"),
            Column("high", words("To"), "seconds"),
            Column("ratio", words("To fastest"), "ratio"),
            Column("cell", ""),
        ),
        rows=rows,
        facets=("suite", "operator", "dtype", "device"),
    )
    return figure(chart, words)


def speed_rows(report: Report) -> Iterator[tuple[Any, ...]]:
    """Every right answer that was timed; the last entry is the cell's number on the page."""
    for number, cell in enumerate(report.cells):
        lap = report.lap(cell)
        if lap is None or cell.outcome.failed or not cell.outcome.ran:
            continue
        times = (rounded(seconds, 3) for seconds in (lap.median, lap.low, lap.high))
        yield (*asked(cell), *times, None if math.isnan(lap.ratio) else rounded(lap.ratio, 3), number)


speed = Section(name="speed", title="Speed", order=57, render=_render, page="pictures")
