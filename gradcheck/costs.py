"""How the cost of every question of a run grows with n, where a problem declares sizes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from gradcheck.results import Measurement, Results
from gradcheck.scaling import FEWEST, Growth, fit, fit_rounds
from gradcheck.statistics import median_interval


@dataclass(frozen=True, slots=True)
class Cost:
    """One question to one backend over all sizes.

    Attributes
    ----------
    cells
        By rising size, right answers only.
    time, memory
        How seconds and peak bytes grow; memory is None where too few sizes need any that can be seen.
    """

    cells: Sequence[Measurement]
    time: Growth
    memory: Growth | None

    @property
    def largest(self) -> Measurement:
        """The cell of the largest size."""
        return self.cells[-1]

    @property
    def seconds(self) -> float:
        """The median time at the largest size."""
        return median_interval(self.largest.samples).value


def measured_costs(results: Results) -> list[Cost]:
    """Every question that was timed at four sizes or more."""
    groups: dict[tuple[str, ...], dict[int, Measurement]] = {}
    for cell in results.cells:
        timed = any(math.isfinite(sample) for sample in cell.samples)
        if cell.size and timed and cell.outcome.ran and not cell.outcome.failed:
            who = cell.backend, cell.device, cell.dtype
            groups.setdefault((cell.suite, cell.problem, cell.operator, *who), {})[cell.size] = cell
    return [_cost([found[n] for n in sorted(found)]) for found in groups.values() if len(found) >= FEWEST]


def _cost(cells: Sequence[Measurement]) -> Cost:
    held = [cell for cell in cells if cell.peak_bytes > 0]
    memory = (
        fit([cell.size for cell in held], [cell.peak_bytes for cell in held]) if len(held) >= FEWEST else None
    )
    return Cost(cells, fit_rounds([cell.size for cell in cells], [cell.samples for cell in cells]), memory)
