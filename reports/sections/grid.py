"""Who is right, and by how many digits: problems down, backends across, operators on opening a row."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..cells import (
    Column,
    Place,
    attempted,
    column,
    columns,
    failures,
    group,
    headings,
    operator_order,
    place,
    place_order,
    starts,
    worst,
)
from ..markup import render
from ..page import Section

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from gradcheck import Measurement, Results


@dataclass(frozen=True, slots=True, kw_only=True)
class Tile:
    """One field of the grid."""

    cell: Measurement
    digits: float
    ulps: float | None
    title: str
    start: bool
    partial: bool
    failure: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A problem at a point, and its operators."""

    place: Place
    tiles: list[Tile | None]
    operators: list[tuple[str, list[Tile | None]]]


def _render(results: Results) -> str:
    if not results.cells:
        return ""
    by_column = group(results.cells, column)
    every = columns(results)
    shown = [who for who in every if any(map(attempted, by_column[who]))] or every
    numbers = {id(cell): number for number, cell in enumerate(failures(results), start=1)}
    by_place = group(results.cells, place)
    by_suite = group(sorted(by_place, key=place_order), lambda where: where.suite)
    return render(
        "grid.html",
        absent=[(who, _reasons(by_column[who])) for who in every if who not in shown],
        headings=headings(shown),
        suites=[
            (
                suite,
                [_row(where, by_place[where], shown, numbers) for where in places],
                sum(any(cell.outcome.failed for cell in by_place[where]) for where in places),
            )
            for suite, places in by_suite.items()
        ],
    )


def _reasons(cells: Sequence[Measurement]) -> list[str]:
    return sorted({cell.outcome.value for cell in cells})


def _row(
    where: Place, cells: Sequence[Measurement], shown: Sequence[Column], numbers: Mapping[int, int]
) -> Row:
    by_operator = group(cells, lambda cell: cell.operator)
    return Row(
        place=where,
        tiles=_tiles(cells, shown, numbers),
        operators=[
            (operator, _tiles(by_operator[operator], shown, numbers))
            for operator in sorted(by_operator, key=operator_order)
        ],
    )


def _tiles(
    cells: Sequence[Measurement], shown: Sequence[Column], numbers: Mapping[int, int]
) -> list[Tile | None]:
    by_column = group(cells, column)
    return [
        _tile(by_column[who], numbers, start=start) if who in by_column else None
        for who, start in zip(shown, starts(shown), strict=True)
    ]


def _tile(cells: Sequence[Measurement], numbers: Mapping[int, int], *, start: bool) -> Tile:
    cell = worst(cells)
    digits = [one.digits for one in cells if one.outcome.ran and math.isfinite(one.digits)]
    return Tile(
        cell=cell,
        digits=min(digits, default=math.nan),
        ulps=None if math.isnan(cell.ulps) else cell.ulps,
        title=f"{cell.operator}: {cell.outcome.value}",
        start=start,
        partial=attempted(cell) and not all(map(attempted, cells)),
        failure=numbers.get(id(cell)),
    )


grid = Section(name="grid", title="Accuracy", order=20, render=_render)
