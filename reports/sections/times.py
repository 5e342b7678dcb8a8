"""How fast: the median time of each derivative, beside the fastest right answer of its row."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING

from ..cells import (
    Column,
    Place,
    column_order,
    dtype_order,
    group,
    headings,
    operator_order,
    place,
    place_order,
)
from ..markup import render
from ..notation import ratio, seconds
from ..page import Section
from ..race import Lap, derivative, lap, race

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from gradcheck import Measurement, Results


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One field: a time, what is said below it, and its class in the style sheet."""

    text: str
    note: str = ""
    tone: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A problem at a point: the line that is always seen, then those that open."""

    place: Place
    lines: list[tuple[str, list[Entry | None]]]


def _render(results: Results) -> str:
    timed = [cell for cell in results.cells if lap(cell.samples) is not None]
    if not timed:
        return ""
    shown = sorted({_runner(cell) for cell in timed}, key=column_order(results))
    dtypes = sorted({cell.dtype for cell in timed}, key=dtype_order)
    by_place = group(timed, place)
    by_suite = groupby(sorted(by_place, key=place_order), key=lambda where: where.suite)
    return render(
        "times.html",
        headings=headings(shown),
        suites=[
            (suite, [_row(where, by_place[where], shown, dtypes) for where in places])
            for suite, places in by_suite
        ],
    )


def _runner(cell: Measurement) -> Column:
    """A column without its dtype: dtypes are lines here."""
    return Column(cell.backend, cell.device, "")


def _row(where: Place, cells: Sequence[Measurement], shown: Sequence[Column], dtypes: Sequence[str]) -> Row:
    asked = derivative([cell.operator for cell in cells])
    operators = sorted({asked, "value"}, key=operator_order, reverse=True)
    lines: list[tuple[str, list[Entry | None]]] = []
    for dtype in dtypes:
        of_dtype = [cell for cell in cells if cell.dtype == dtype]
        rows = {
            operator: {_runner(cell): cell for cell in of_dtype if cell.operator == operator}
            for operator in operators
        }
        races = {operator: race(row) for operator, row in rows.items() if row}
        for operator, laps in races.items():
            label = f"{operator} {dtype}"
            lines.append((label, [_entry(laps.get(who), rows[operator].get(who)) for who in shown]))
        if asked in races and asked != "value":
            if "value" in races:
                both = races[asked], races["value"]
                lines.append((f"{asked} ÷ value, {dtype}", [_relative(*both, who) for who in shown]))
            lines.append((f"first {asked}, {dtype}", [_first(rows[asked].get(who)) for who in shown]))
    return Row(place=where, lines=lines)


def _entry(made: Lap | None, cell: Measurement | None) -> Entry | None:
    if made is None or cell is None:
        return None
    text = seconds(made.median)
    spread = f" ±{made.spread:.0%}" if len(cell.samples) > 1 else ""
    if cell.outcome.failed or not cell.outcome.ran:
        return Entry(text=text, note=f"{cell.outcome.letter} {cell.outcome.value}", tone="late")
    if made.fastest:
        return Entry(text=text, note=f"fastest{spread}", tone="first")
    if math.isnan(made.ratio):
        return Entry(text=text, note=spread.strip())
    word = " level" if made.level else ""
    return Entry(text=text, note=f"{ratio(made.ratio)}{word}{spread}", tone=_heat(made.ratio))


def _heat(times: float) -> str:
    """How far behind, in steps."""
    return next((tone for limit, tone in ((2, ""), (10, "h1"), (100, "h2")) if times < limit), "h3")


def _relative(top: Mapping[Column, Lap], bottom: Mapping[Column, Lap], who: Column) -> Entry | None:
    if who not in top or who not in bottom:
        return None
    return Entry(text=ratio(top[who].median / bottom[who].median))


def _first(cell: Measurement | None) -> Entry | None:
    if cell is None or not math.isfinite(cell.first_call):
        return None
    return Entry(text=seconds(cell.first_call))


times = Section(name="times", title="Time", order=30, render=_render)
