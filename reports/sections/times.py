"""How fast: the median time of each derivative, beside the fastest right answer of its row."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..cells import Column, Place, column_order, dtype_order, group, headings
from ..markup import render
from ..notation import ratio, seconds
from ..page import Section
from ..race import Lap, derivative

if TYPE_CHECKING:
    from gradcheck import Measurement

    from ..language import Words
    from ..report import Report


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One field: a time, what is said below it, and its class in the style sheet."""

    text: str
    note: str = ""
    tone: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A derivative at a point in a dtype, by everyone who was timed."""

    place: Place
    asked: str
    entries: list[Entry | None]


def _render(report: Report) -> str:
    timed = [cell for cell in report.cells if report.lap(cell)]
    if not timed:
        return ""
    shown = sorted({_runner(cell) for cell in timed}, key=column_order(report.results))
    rows = [row for cells in group(timed, _place).values() for row in _rows(cells, shown, report)]
    return render(
        "times.html",
        report.words,
        headings=headings(shown),
        suites=list(group(rows, lambda row: row.place.suite).items()),
    )


def _place(cell: Measurement) -> Place:
    return Place(cell.suite, cell.problem, cell.point)


def _runner(cell: Measurement) -> Column:
    """A column without its dtype: dtypes are rows here."""
    return Column(cell.backend, cell.device, "")


def _rows(cells: Sequence[Measurement], shown: Sequence[Column], report: Report) -> list[Row]:
    asked = derivative([cell.operator for cell in cells])
    by_dtype = group((cell for cell in cells if cell.operator == asked), lambda cell: cell.dtype)
    rows = []
    for dtype in sorted(by_dtype, key=dtype_order):
        by_runner = {_runner(cell): cell for cell in by_dtype[dtype]}
        entries = [
            _entry(by_runner[who], report.laps[id(by_runner[who])], report.words)
            if who in by_runner
            else None
            for who in shown
        ]
        rows.append(Row(place=_place(cells[0]), asked=f"{asked} {dtype}", entries=entries))
    return rows


def _entry(cell: Measurement, lap: Lap, words: Words) -> Entry:
    text = seconds(lap.median)
    spread = f" ±{lap.spread:.0%}" if len(cell.samples) > 1 else ""
    if cell.outcome.failed or not cell.outcome.ran:
        return Entry(text=text, note=f"{cell.outcome.letter} {words(cell.outcome.value)}", tone="late")
    if lap.fastest:
        return Entry(text=text, note=words("fastest") + spread, tone="first")
    if math.isnan(lap.ratio):
        return Entry(text=text, note=spread.strip())
    level = f" {words('level')}" if lap.level else ""
    return Entry(text=text, note=f"{ratio(lap.ratio)}{level}{spread}", tone=_heat(lap.ratio))


def _heat(times: float) -> str:
    """How far behind, in steps."""
    return next((tone for limit, tone in ((2, ""), (10, "h1"), (100, "h2")) if times < limit), "h3")


times = Section(name="times", title="Times", order=60, render=_render)
