"""Who is fastest: medians with an interval, and ratios paired by round.

Rounds interleave the backends, so the ratio of two samples of one round is free of the drift that both
saw. A wrong answer has a time but takes no part in the race.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeVar

from gradcheck import median_interval, paired_ratio

from .cells import operator_order

if TYPE_CHECKING:
    from gradcheck import Measurement

K = TypeVar("K", bound=Hashable)


@dataclass(frozen=True, slots=True, kw_only=True)
class Lap:
    """The time of one cell.

    Attributes
    ----------
    median, low, high
        Seconds per call, with a 95 % interval of the median (the range, below six samples).
    ratio
        Times the fastest of the row; NaN for an answer that is not right, or for a lone one.
    fastest
        Whether it has the smallest median of the row; several may.
    level
        Whether its ratio's interval reaches 1, or the ratio is within the noise floor.
    """

    median: float
    low: float
    high: float
    ratio: float = math.nan
    fastest: bool = False
    level: bool = False

    @property
    def spread(self) -> float:
        """Half-width of the interval relative to the median: the larger side."""
        return max(self.high - self.median, self.median - self.low) / self.median


def lap(samples: Sequence[float]) -> Lap | None:
    """The median of the usable samples; nothing when there are none."""
    made = median_interval(samples)
    return None if math.isnan(made.value) else Lap(median=made.value, low=made.low, high=made.high)


def race(row: Mapping[K, Measurement], floor: float = 0.0) -> dict[K, Lap]:
    """The times of one row, each compared with the fastest right answer.

    ``floor`` is what identical calls of the run differ by, as a ratio less 1.
    """
    laps = {key: made for key, cell in row.items() if (made := lap(cell.samples)) is not None}
    right = [key for key in laps if row[key].outcome.ran and not row[key].outcome.failed]
    if len(right) < 2:
        return laps
    first = min(right, key=lambda key: (laps[key].median, row[key].backend, row[key].device))
    best = laps[first].median
    for key in right:
        against = paired_ratio(row[key].samples, row[first].samples)
        fastest = laps[key].median == best
        level = not fastest and (against.low <= 1 or against.value <= 1 + floor)
        laps[key] = replace(laps[key], ratio=against.value, fastest=fastest, level=level)
    return laps


def derivative(operators: Sequence[str]) -> str:
    """The first derivative among some operators: gradient or jacobian, else whatever there is."""
    for name in ("gradient", "jacobian"):
        if name in operators:
            return name
    return max(operators, key=lambda name: (name != "value", operator_order(name)), default="")
