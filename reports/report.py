"""What a page is about: a run, perhaps an earlier one to compare it with, and what sections share of both."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from gradcheck import Measurement, Results, noise_floor

from . import cells
from .cells import Column, Place
from .language import Words
from .race import Lap, race
from .standings import Standing, standings


@dataclass(frozen=True)
class Report:
    """A run as its readers see it.

    Attributes
    ----------
    results
        The run.
    before
        An earlier run to compare it with, or None.
    language
        Of the words on the page; what the run itself says stays as it is.
    """

    results: Results
    before: Results | None = None
    language: str = "en"

    @cached_property
    def words(self) -> Words:
        """The words of the page."""
        return Words(self.language)

    @cached_property
    def cells(self) -> Sequence[Measurement]:
        """All cells in the order people read: by place, operator and column."""
        return [cell for of_place in self.by_place.values() for cell in of_place]

    @cached_property
    def columns(self) -> list[Column]:
        """Every backend on every device in every dtype, in order."""
        return cells.columns(self.results)

    @cached_property
    def by_place(self) -> Mapping[Place, Sequence[Measurement]]:
        """Cells by their place, both in order."""
        rank = {who: number for number, who in enumerate(self.columns)}
        found = cells.group(self.results.cells, cells.place)
        return {
            where: sorted(
                found[where],
                key=lambda cell: (cells.operator_order(cell.operator), rank[cells.column(cell)]),
            )
            for where in sorted(found, key=cells.place_order)
        }

    @cached_property
    def floor(self) -> float:
        """What identical calls of the run differ by, as a ratio less 1."""
        return noise_floor(self.results.controls)

    @cached_property
    def laps(self) -> Mapping[int, Lap]:
        """The time of every timed cell, by the identity of the cell, beside the fastest of its question."""
        found: dict[int, Lap] = {}
        timed = (cell for cell in self.cells if cell.samples)
        for row in cells.group(timed, lambda cell: (cells.place(cell), cell.operator, cell.dtype)).values():
            entrants = {cells.column(cell): cell for cell in row}
            found |= {id(entrants[who]): lap for who, lap in race(entrants, self.floor).items()}
        return found

    def lap(self, cell: Measurement) -> Lap | None:
        """The time of a cell, or None for one without."""
        return self.laps.get(id(cell))

    @cached_property
    def standings(self) -> Sequence[Standing]:
        """What every column comes to, in order."""
        return standings(self)

    @cached_property
    def failures(self) -> Sequence[Measurement]:
        """The failed cells, by column, place and operator."""
        rank = {who: number for number, who in enumerate(self.columns)}
        failed = [cell for cell in self.cells if cell.outcome.failed]
        return sorted(failed, key=lambda cell: rank[cells.column(cell)])
