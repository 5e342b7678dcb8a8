"""What every column of a run comes to: outcomes, digits, and its place in the race."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import geometric_mean, median
from typing import TYPE_CHECKING

from gradcheck import Measurement, Outcome

from .cells import Column, attempted, column, group
from .notation import UNKNOWN, count, ratio
from .race import derivative

if TYPE_CHECKING:
    from .report import Report

RIGHT = (Outcome.EXACT, Outcome.OK)


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """One column of the run."""

    who: Column
    outcomes: list[tuple[Outcome, int]]
    right: int
    failed: int
    not_run: int
    median: float
    fewest: float
    slowdown: str
    won: str


def standings(report: Report) -> list[Standing]:
    """Every column of a run, in order."""
    by_column = group(report.cells, column)
    ratios, won = _races(report)
    return [_standing(who, by_column[who], ratios.get(who, []), won[who]) for who in report.columns]


def _standing(who: Column, cells: Sequence[Measurement], ratios: Sequence[float], won: int) -> Standing:
    counts = Counter(cell.outcome for cell in cells)
    digits = [cell.digits for cell in cells if cell.outcome in RIGHT and math.isfinite(cell.digits)]
    return Standing(
        who=who,
        outcomes=[(outcome, counts[outcome]) for outcome in Outcome if counts[outcome]],
        right=sum(counts[outcome] for outcome in RIGHT),
        failed=sum(cell.outcome.failed for cell in cells),
        not_run=sum(not attempted(cell) for cell in cells),
        median=median(digits) if digits else math.nan,
        fewest=min(digits, default=math.nan),
        slowdown=ratio(geometric_mean(ratios)) if ratios else UNKNOWN,
        won=f"{count(won)} / {count(len(ratios))}" if ratios else UNKNOWN,
    )


def _races(report: Report) -> tuple[dict[Column, list[float]], Counter[Column]]:
    """Each column's ratios to the fastest derivative, and how often it was the fastest."""
    ratios: dict[Column, list[float]] = {}
    won: Counter[Column] = Counter()
    for row in report.by_place.values():
        asked = derivative([cell.operator for cell in row if cell.samples])
        for cell in row:
            lap = report.lap(cell) if cell.operator == asked else None
            if lap is not None and math.isfinite(lap.ratio):
                ratios.setdefault(column(cell), []).append(lap.ratio)
                won[column(cell)] += lap.fastest
    return ratios, won
