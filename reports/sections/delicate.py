"""Delicate points: where users met wrong derivatives, and what every backend returns there."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..cells import Column, Place, attempted, column, dtype_order, group, headings, starts, worst
from ..markup import render
from ..page import Section

if TYPE_CHECKING:
    from gradcheck import Measurement, Outcome, Subject

    from ..report import Report

_SUITE = "delicate"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A question at a delicate point that somebody failed.

    ``asked`` is the worst cell that knows the truth: its entry stands in the row; ``answers`` are by column.
    """

    place: Place
    subject: Subject | None
    asked: Measurement
    answers: Sequence[Measurement | None]


def _render(report: Report) -> str:
    subjects = {(one.suite, one.problem): one for one in report.results.subjects}
    places = {where: cells for where, cells in report.by_place.items() if _is_delicate(where, subjects)}
    asked = [cell for cells in places.values() for cell in cells if attempted(cell)]
    if not asked:
        return ""
    dtype = min({cell.dtype for cell in asked}, key=dtype_order)
    present = {column(cell) for cell in asked if cell.dtype == dtype}
    shown = [who for who in report.columns if who in present]
    rows = [row for where, cells in places.items() for row in _rows(where, cells, shown, subjects)]
    by_place = group(rows, lambda row: row.place)
    return render(
        "delicate.html",
        report.words,
        dtype=dtype,
        headings=headings(shown),
        starts=starts(shown),
        totals=[_failures(cell for cell in asked if column(cell) == who) for who in shown],
        rows=by_place,
        total=len(rows),
        agreed=[
            (where, subjects.get(where[:2]))
            for where, cells in places.items()
            if where not in by_place and any(attempted(cell) and cell.dtype == dtype for cell in cells)
        ],
    )


def _is_delicate(where: Place, subjects: Mapping[tuple[str, str], Subject]) -> bool:
    subject = subjects.get(where[:2])
    return where.suite == _SUITE or bool(subject and subject.thread)


def _rows(
    where: Place,
    cells: Sequence[Measurement],
    shown: Sequence[Column],
    subjects: Mapping[tuple[str, str], Subject],
) -> list[Row]:
    rows = []
    for of_operator in group(cells, lambda cell: cell.operator).values():
        by_column = {column(cell): cell for cell in of_operator}
        answers = [by_column.get(who) for who in shown]
        present = [cell for cell in answers if cell is not None]
        failed = [cell for cell in present if cell.outcome.failed]
        if failed:
            # the truth of an entry is known to whoever answered; one who raised knows none
            knowing = [[cell for cell in some if cell.true] for some in (failed, present)]
            asked = worst(knowing[0] or knowing[1] or failed)
            rows.append(Row(place=where, subject=subjects.get(where[:2]), asked=asked, answers=answers))
    return rows


def _failures(cells: Iterable[Measurement]) -> list[tuple[Outcome, int]]:
    counts = Counter(cell.outcome for cell in cells if cell.outcome.failed)
    return sorted(counts.items(), key=lambda item: (-item[1], item[0].value))


delicate = Section(name="delicate", title="Delicate points", order=75, render=_render)
