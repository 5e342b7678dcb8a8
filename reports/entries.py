"""The problems of a run, each with all that is known of it, whichever of its records the run has."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gradcheck import Measurement, Study, Subject

from .cells import attempted, dtype_order, group, natural, worst

if TYPE_CHECKING:
    from .report import Report

_STATED = ("value", "gradient", "jacobian", "hessian")  # whose truth needs no direction


@dataclass(frozen=True, kw_only=True)
class Entry:
    """A problem.

    Attributes
    ----------
    subject
        What it is; of an older run no more than its name.
    studies
        What is seen around its points.
    cells
        Everyone's answers, in order.
    """

    subject: Subject
    studies: Mapping[str, Study]
    cells: Sequence[Measurement]

    @property
    def suite(self) -> str:
        """Its suite's name."""
        return self.subject.suite

    @property
    def problem(self) -> str:
        """Its name."""
        return self.subject.problem

    @property
    def worst(self) -> Measurement | None:
        """The worst of all answers."""
        return worst(self.cells) if self.cells else None

    @property
    def points(self) -> list[str]:
        """Where it is differentiated."""
        return list(dict.fromkeys([*(cell.point for cell in self.cells), *self.studies]))

    def truths(self, point: str) -> list[Measurement]:
        """For every operator a cell that holds the truth at a point, in the widest dtype."""
        stated = [
            cell
            for cell in self.cells
            if cell.point == point and cell.true and cell.operator in _STATED and attempted(cell)
        ]
        by_operator = group(stated, lambda cell: cell.operator)
        return [min(cells, key=lambda cell: dtype_order(cell.dtype)) for cells in by_operator.values()]


def entries(report: Report) -> list[Entry]:
    """Every problem of a run, by suite and name."""
    subjects = {(one.suite, one.problem): one for one in report.results.subjects}
    studies = group(report.results.studies, lambda one: (one.suite, one.problem))
    cells = group(report.cells, lambda cell: (cell.suite, cell.problem))
    names = sorted({*subjects, *studies, *cells}, key=lambda name: [natural(part) for part in name])
    return [
        Entry(
            subject=subjects.get(name) or Subject(suite=name[0], problem=name[1]),
            studies={one.point: one for one in studies.get(name, ())},
            cells=cells.get(name, ()),
        )
        for name in names
    ]
