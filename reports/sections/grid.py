"""Who is right, and by how many digits: problems down, backends across."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..cells import Column, Place, attempted, column, group, headings, starts, worst
from ..markup import render
from ..page import Section

if TYPE_CHECKING:
    from gradcheck import Measurement

    from ..report import Report


@dataclass(frozen=True, slots=True, kw_only=True)
class Tile:
    """One field of the grid: the worst cell of a place and a column, and the number of the column."""

    cell: Measurement
    column: int
    digits: float
    start: bool
    partial: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A problem at a point, with its number among the places of the run."""

    number: int
    place: Place
    tiles: list[Tile | None]


def _render(report: Report) -> str:
    if not report.cells:
        return ""
    by_column = group(report.cells, column)
    shown = [who for who in report.columns if any(map(attempted, by_column[who]))] or report.columns
    rows = [
        Row(number=number, place=where, tiles=_tiles(cells, shown, report.columns))
        for number, (where, cells) in enumerate(report.by_place.items())
    ]
    return render(
        "grid.html",
        report.words,
        absent=[(who, _outcomes(by_column[who])) for who in report.columns if who not in shown],
        headings=headings(shown),
        totals=[standing for standing in report.standings if standing.who in shown],
        starts=starts(shown),
        suites=[
            (suite, of_suite, sum(map(_failed, of_suite)))
            for suite, of_suite in group(rows, lambda row: row.place.suite).items()
        ],
    )


def _outcomes(cells: Sequence[Measurement]) -> list[str]:
    return sorted({cell.outcome.value for cell in cells})


def _failed(row: Row) -> bool:
    return any(tile is not None and tile.cell.outcome.failed for tile in row.tiles)


def _tiles(
    cells: Sequence[Measurement], shown: Sequence[Column], columns: Sequence[Column]
) -> list[Tile | None]:
    by_column = group(cells, column)
    return [
        _tile(by_column[who], columns.index(who), start=start) if who in by_column else None
        for who, start in zip(shown, starts(shown), strict=True)
    ]


def _tile(cells: Sequence[Measurement], number: int, *, start: bool) -> Tile:
    cell = worst(cells)
    digits = [one.digits for one in cells if one.outcome.ran and math.isfinite(one.digits)]
    return Tile(
        cell=cell,
        column=number,
        digits=min(digits, default=math.nan),
        start=start,
        partial=attempted(cell) and not all(map(attempted, cells)),
    )


grid = Section(name="grid", title="Accuracy", order=20, page="verdict", render=_render)
