"""What samples of time say: medians with intervals, ratios paired by round, and many of them at once.

Times are skewed and drift, so everything here is made of medians and ranks. The interval of a median lies
between two of the samples, by the binomial distribution alone (W. J. Conover, "Practical Nonparametric
Statistics", 3rd ed., section 3.2): it covers at least 95 of 100 whatever the distribution, where the
percentiles of a bootstrap cover 92 or 93 with as few samples as a cell has. Only the ratio of two unpaired
medians is bootstrapped.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from scipy import special

_RESAMPLES = 1000


@dataclass(frozen=True, slots=True)
class Interval:
    """An estimate with a 95 % interval."""

    value: float
    low: float
    high: float

    @property
    def half_width(self) -> float:
        """The larger side of the interval, relative to the estimate."""
        return max(self.high - self.value, self.value - self.low) / abs(self.value)


@dataclass(frozen=True, slots=True)
class Bound:
    """What a further value stays within, and how likely it is to do so."""

    value: float
    coverage: float

    @property
    def of_100(self) -> int:
        """How many of 100 further values stay within, rounded down."""
        return math.floor(100 * self.coverage)


_NOTHING = Interval(math.nan, math.nan, math.nan)


def median_interval(samples: Sequence[float]) -> Interval:
    """The median of the samples that are positive and finite.

    The interval is their range below six, for which there is no other; NaN without any.
    """
    usable = np.sort(_usable(samples))
    if not usable.size:
        return _NOTHING
    out = _left_out(usable.size)
    return Interval(float(_middle(usable)), float(usable[out]), float(usable[-1 - out]))


def paired_ratio(samples: Sequence[float], others: Sequence[float]) -> Interval:
    """Samples over others, round by round, of the rounds both took part in: what both saw cancels.

    An interval that leaves 1 is the verdict of the sign test (Conover, section 3.4): a round in which the
    machine was busy with something else counts no more than any other.
    """
    return median_interval(_quotients(samples, others))


def ratio(samples: Sequence[float], others: Sequence[float]) -> Interval:
    """The ratio of two medians that share no rounds, as those of two runs.

    The interval is that of the bootstrap's percentiles (B. Efron, "Bootstrap methods: another look at the
    jackknife", Annals of Statistics 7(1), 1979), drawn from a fixed seed.
    """
    one, other = _usable(samples), _usable(others)
    if not one.size or not other.size:
        return _NOTHING
    drawn = _medians(one) / np.flip(_medians(other))
    low, high = np.quantile(drawn, (0.025, 0.975))
    return Interval(float(np.median(one) / np.median(other)), float(low), float(high))


def unpaired_p(samples: Sequence[float], others: Sequence[float]) -> float:
    """How likely ranks like these are where samples and others come from one distribution.

    Source: H. B. Mann and D. R. Whitney, "On a test of whether one of two random variables is stochastically
    larger than the other", Annals of Mathematical Statistics 18(1), 1947.
    """
    one, other = _usable(samples), _usable(others)
    if not one.size or not other.size:
        return math.nan
    from scipy import stats  # a second to import, and only comparisons ask for it

    return float(stats.mannwhitneyu(one, other).pvalue)


def prediction_bound(values: Sequence[float], level: float = 0.95) -> Bound:
    """What one more value of the same kind stays within; 0, which covers nothing, without any value.

    The k-th smallest of n is exceeded by the next with a probability of at most 1 - k / (n + 1), whatever the
    distribution, as long as any of them may come last. Where n is too small for the level (below 19 for
    95 %), the largest is taken, and covers less.

    Source: S. S. Wilks, "Determination of sample sizes for setting tolerance limits", Annals of Mathematical
    Statistics 12(1), 1941; as conformal prediction: V. Vovk, A. Gammerman and G. Shafer, "Algorithmic
    Learning in a Random World", 2005.
    """
    ordered = sorted(values)
    if not ordered:
        return Bound(0.0, 0.0)
    rank = min(math.ceil(level * (len(ordered) + 1)), len(ordered))
    return Bound(ordered[rank - 1], rank / (len(ordered) + 1))


def holm(p_values: Sequence[float]) -> list[float]:
    """p-values adjusted for their number; NaN stays NaN and does not count.

    Source: S. Holm, "A simple sequentially rejective multiple test procedure", Scandinavian Journal of
    Statistics 6(2), 1979.
    """
    given = np.asarray(p_values, float)
    adjusted = np.full(given.shape, np.nan)
    order = np.flatnonzero(~np.isnan(given))[np.argsort(given[~np.isnan(given)], kind="stable")]
    factors = np.arange(order.size, 0, -1)
    adjusted[order] = np.minimum(1.0, np.maximum.accumulate(factors * given[order]))
    return [float(p) for p in adjusted]


def _usable(samples: Sequence[float]) -> np.ndarray:
    array = np.asarray(samples, float)
    usable: np.ndarray = array[np.isfinite(array) & (array > 0)]
    return usable


def _quotients(samples: Sequence[float], others: Sequence[float]) -> Sequence[float]:
    """Quotients of the rounds both have, NaN where one missed it."""
    rounds = min(len(samples), len(others))
    with np.errstate(all="ignore"):
        quotients: Any = np.divide(samples[:rounds], others[:rounds])
    return quotients  # type: ignore[no-any-return]


def _middle(ordered: np.ndarray) -> float:
    """The median, without a sum that may overflow."""
    half = ordered.size // 2
    low, high = float(ordered[(ordered.size - 1) // 2]), float(ordered[half])
    return low + (high - low) / 2


@cache
def _left_out(size: int) -> int:
    """How many order statistics to leave out at each end for a 95 % interval of the median."""
    return max(math.ceil(special.bdtrik(0.025, size, 0.5)) - 1, 0) if size > 5 else 0


def _medians(samples: np.ndarray) -> np.ndarray:
    """Medians of samples drawn from the samples."""
    medians: np.ndarray = np.median(samples[_draws(samples.size)], axis=1)
    return medians


@cache
def _draws(size: int) -> np.ndarray:
    """Which samples are drawn, the same for all samples of a size."""
    return np.random.default_rng(size).integers(0, size, (_RESAMPLES, size))
