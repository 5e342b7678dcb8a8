"""Who is fastest: medians with an interval, and ratios paired by round.

Rounds interleave the backends, so the ratio of two samples of one round is free of the drift that both
saw. A wrong answer has a time but takes no part in the race.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from statistics import median
from typing import TYPE_CHECKING, TypeVar

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
        Whether its ratio's interval reaches 1, so that noise may have decided.
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
    usable = sorted(sample for sample in samples if math.isfinite(sample) and sample > 0)
    if not usable:
        return None
    first = _rank(len(usable))
    return Lap(median=median(usable), low=usable[first], high=usable[-1 - first])


def race(row: Mapping[K, Measurement]) -> dict[K, Lap]:
    """The times of one row, each compared with the fastest right answer."""
    laps = {key: made for key, cell in row.items() if (made := lap(cell.samples)) is not None}
    right = [key for key in laps if row[key].outcome.ran and not row[key].outcome.failed]
    if len(right) < 2:
        return laps
    first = min(right, key=lambda key: (laps[key].median, row[key].backend, row[key].device))
    best = laps[first].median
    for key in right:
        against = _paired(row[key].samples, row[first].samples)
        ratio = against.median if against else laps[key].median / best
        low = against.low if against else laps[key].low / laps[first].high
        fastest = laps[key].median == best
        laps[key] = replace(laps[key], ratio=ratio, fastest=fastest, level=not fastest and low <= 1)
    return laps


def derivative(operators: Sequence[str]) -> str:
    """The first derivative among some operators: gradient or jacobian, else whatever there is."""
    for name in ("gradient", "jacobian"):
        if name in operators:
            return name
    return max(operators, key=lambda name: (name != "value", operator_order(name)), default="")


def _paired(samples: Sequence[float], others: Sequence[float]) -> Lap | None:
    """Ratios round by round; nothing when the two did not share their rounds."""
    if len(samples) != len(others) or any(not other > 0 for other in others):
        return None
    return lap([one / other for one, other in zip(samples, others, strict=True)])


@cache
def _rank(size: int) -> int:
    """How many order statistics to leave out at each end for a 95 % interval of the median."""
    tail, rank = 0, 0
    for rank in range(size // 2 + 1):
        tail += math.comb(size, rank)
        if 40 * tail > 2**size:
            return max(rank - 1, 0)
    return rank
