"""How a cost grows with n: its exponent with an interval, and what that says of models nobody runs here.

A call costs something before it has done anything, so small sizes lie above a power law and a straight line
through all points of a log-log plot is too flat: its interval excludes the exponent it is meant to find.
*The* slope is therefore the exponent p of ``t = a + b n^p`` with a fixed cost a >= 0, fitted to logarithms,
since noise of times is relative. The line's slope is kept beside it: what they differ by is the fixed cost.

The interval of p holds every exponent that fits the medians within their own intervals, whatever a and b: a
profile likelihood (G. Seber and C. Wild, "Nonlinear Regression", Wiley 1989, chapter 5). Resampling rounds
comes to the same, but not where a is 0, the edge of what it may be. Where no p fits so well, because caches
bend the line, the misfit itself is the noise, and the interval is Student's. A projection is what the same
fits, all of them, give at another n.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from scipy import stats

from gradcheck.errors import BadArgument
from gradcheck.statistics import Interval, median_interval

MODEL_SIZES: Mapping[str, tuple[float, float]] = MappingProxyType(
    {
        "VAE": (1e4, 1e6),
        "DCGAN": (1e7, 5e7),
        "Stable Diffusion": (8.9e8, 8.9e8),
        "GPT-class": (1e11, 1e11),
    }
)
"""Numbers of parameters, from the least to the greatest, that the course names as the scale of gradients."""

FEWEST = 4
STEEPEST = 5.0
_FINEST = 0.01  # of a median: no machine repeats itself better from one size to the next
_CLEAR = 0.5  # width of a slope's interval beyond which nothing is projected
_NORMAL, _CHI2 = 1.96, 3.84  # 95 % of a normal variable, and of its square
_OFFSETS = np.concatenate([[-np.inf], np.linspace(-15.0, 15.0, 121)])  # logarithm of fixed over growing cost
_GRID = 101


@dataclass(frozen=True, slots=True, kw_only=True)
class Growth:
    """A cost fitted over sizes.

    Attributes
    ----------
    sizes, costs
        What was measured.
    deviations
        Standard deviations of the logarithms of the costs.
    slope
        The exponent p of ``a + b n^p``.
    line
        The slope of the straight line through the logarithms.
    fixed, factor
        a and b where the fit is best.
    bent
        Whether the misfit is larger than the noise of the costs explains: they follow no such law.
    """

    sizes: tuple[float, ...]
    costs: tuple[float, ...]
    deviations: tuple[float, ...]
    slope: Interval
    line: Interval
    fixed: float
    factor: float
    bent: bool

    @property
    def clear(self) -> bool:
        """Whether the slope is known well enough to project with."""
        return self.slope.high - self.slope.low <= _CLEAR


def fit(
    sizes: Sequence[float], costs: Sequence[float], intervals: Sequence[tuple[float, float]] = ()
) -> Growth:
    """How a cost grows with n.

    Parameters
    ----------
    sizes
        At least four different ones.
    costs
        Median seconds, or peak bytes, one a size.
    intervals
        95 % intervals of the costs; without any, the fit's own misfit is all there is to judge it by.

    Raises
    ------
    BadArgument
        For fewer than four sizes, or anything that is not positive and finite.
    """
    for name, given in (("sizes", sizes), ("costs", costs)):
        if not all(0 < x < math.inf for x in given):
            raise BadArgument(name, "positive finite numbers", list(given))
    if len(set(sizes)) < FEWEST:
        raise BadArgument(
            "sizes", f"at least {FEWEST} different ones, to tell growth from noise", list(sizes)
        )
    if len(costs) != len(sizes) or len(intervals) not in (0, len(sizes)):
        raise BadArgument(
            "costs, intervals", f"one for each of {len(sizes)} sizes", (len(costs), len(intervals))
        )
    deviations = _deviations(intervals) if intervals else (_FINEST,) * len(sizes)
    misfit = _Misfit(sizes, costs, deviations)
    slope, least, offset, level = misfit.explored()
    return Growth(
        sizes=tuple(map(float, sizes)),
        costs=tuple(map(float, costs)),
        deviations=deviations,
        slope=slope,
        line=_line(misfit.x, misfit.y),
        fixed=math.exp(level + offset),
        factor=math.exp(level - slope.value * misfit.centre),
        bent=misfit.bent(least),
    )


def fit_rounds(sizes: Sequence[float], samples: Sequence[Sequence[float]]) -> Growth:
    """The same from the seconds of every round at every size: their medians, and the intervals of these."""
    medians = [median_interval(rounds) for rounds in samples]
    return fit(sizes, [median.value for median in medians], [(median.low, median.high) for median in medians])


def project(growth: Growth, n: float) -> Interval:
    """What a size would cost, with the interval that the fit leaves.

    Every exponent and fixed cost that fit the measurements as well as noise allows are taken to n, and the
    interval is what they give there. Passing from one level of memory to the next looks like a larger
    exponent, and ends: the interval also holds what the largest size measured would become by the nearest
    whole power of n. Levels that no measured size has reached are not foreseen.
    """
    if not 0 < n < math.inf:
        raise BadArgument("n", "a positive finite size", n)
    misfit = _Misfit(growth.sizes, growth.costs, growth.deviations)
    p = np.linspace(growth.slope.low, growth.slope.high, _GRID)
    least, best, level = misfit.best(np.array([growth.slope.value]))
    offsets = np.concatenate([misfit.best(p)[1][:, None], np.tile(_OFFSETS, (_GRID, 1))], axis=1)
    squares, levels = misfit.at(p[:, None], offsets)
    distance = math.log(n) - misfit.centre
    costs = levels + np.logaddexp(offsets, p[:, None] * distance)
    # at one exponent and offset the factor may still move by as much as the misfit leaves
    room = least[0] + misfit.allowance(least[0]) - squares
    reach = np.sqrt(np.maximum(room, 0.0) / np.sum(misfit.weights))
    fits = room >= 0
    value = float(level[0] + np.logaddexp(best[0], growth.slope.value * distance))
    low, high = np.min((costs - reach)[fits], initial=value), np.max((costs + reach)[fits], initial=value)
    ends = [math.exp(low), math.exp(high)]
    if n > max(growth.sizes):
        ends.append(_by_whole_power(growth, n))
    return Interval(math.exp(value), min(ends), max(ends))


def _by_whole_power(growth: Growth, n: float) -> float:
    cost, size = max(zip(growth.costs, growth.sizes, strict=True), key=lambda pair: pair[1])
    grown = max(cost - growth.fixed, 0.0) * (n / size) ** round(growth.slope.value)
    return growth.fixed + grown


def projection(
    time: Growth,
    n: float,
    *,
    memory: Growth | None = None,
    what: str = "a gradient of this function",
    unit: str = "parameters",
) -> str:
    """The projection in one sentence, which says that it is one.

    Parameters
    ----------
    time, memory
        Fits of seconds and of peak bytes over the same sizes.
    n
        The size asked for.
    what, unit
        What is computed, and what n counts.
    """
    place = f"n = {_power(min(time.sizes))} ... {_power(max(time.sizes))}"
    if not time.clear:
        slope = f"{time.slope.low:.2f} to {time.slope.high:.2f}"
        return f"{what} at {_power(n)} {unit} cannot be projected: from {place} its slope may be {slope}"
    seconds = project(time, n)
    scale, name = next((s, name) for s, name in _TIMES if seconds.value >= s or s == _TIMES[-1][0])
    about, low, high = (_short(x / scale) for x in (seconds.value, seconds.low, seconds.high))
    text = f"{what} at {_power(n)} {unit} would take about {about} {name} ({low} to {high})"
    if memory is not None and memory.clear:
        text += f" and {_bytes(project(memory, n).value)}"
    return f"{text}: a projection from {place}, not a measurement"


class _Misfit:
    """Weighted squares that ``log(a + b n^p)`` leaves of the logarithms of costs, with b fitted exactly.

    A fit is an exponent p and an offset, the logarithm of ``a / b n0^p`` with n0 the geometric mean of sizes.
    """

    def __init__(self, sizes: Sequence[float], costs: Sequence[float], deviations: Sequence[float]) -> None:
        logarithms = np.log(np.asarray(sizes, float))
        self.centre = float(np.mean(logarithms))
        self.x = logarithms - self.centre
        self.y = np.log(np.asarray(costs, float))
        self.weights = np.asarray(deviations, float) ** -2

    def at(self, p: np.ndarray, offset: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The squares at exponents and offsets, and the best level, the logarithm of ``b n0^p``."""
        rest = self.y - np.logaddexp(offset[..., None], p[..., None] * self.x)
        level = rest @ self.weights / np.sum(self.weights)
        return (rest - level[..., None]) ** 2 @ self.weights, level

    def best(self, p: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """For every exponent the least squares over all offsets, the offset, and the level."""
        offsets = np.tile(_OFFSETS, (p.size, 1))
        step = _OFFSETS[2] - _OFFSETS[1]
        while step > 1e-3:
            squares, _ = self.at(p[:, None], offsets)
            chosen = np.take_along_axis(offsets, np.argmin(squares, axis=1)[:, None], axis=1)
            offsets = np.concatenate([chosen, chosen + np.linspace(-step, step, 21)], axis=1)
            step /= 10
        squares, level = self.at(p, chosen[:, 0])
        return squares, chosen[:, 0], level

    def bent(self, least: float) -> bool:
        """Whether noise leaves as much misfit in less than one case of twenty."""
        return bool(least > stats.chi2.ppf(0.95, self.x.size - 3))

    def allowance(self, least: float) -> float:
        """How much more than the least a fit may leave; a misfit that noise does not explain is the noise."""
        if not self.bent(least):
            return _CHI2
        free = self.x.size - 3
        student = float(stats.t.ppf(0.975, free))
        return float(max(_CHI2, student**2 * least / free))

    def explored(self) -> tuple[Interval, float, float, float]:
        """The exponent with its interval; the least squares, and the offset and level that leave them."""
        low, high = 0.0, STEEPEST
        for _ in range(4):  # a hundred times finer each time, until the interval fills the grid
            p = np.linspace(low, high, _GRID)
            squares, offsets, levels = self.best(p)
            at = int(np.argmin(squares))
            inside = np.flatnonzero(squares <= squares[at] + self.allowance(squares[at]))
            low, high = float(p[max(inside[0] - 1, 0)]), float(p[min(inside[-1] + 1, _GRID - 1)])
        return Interval(float(p[at]), low, high), float(squares[at]), float(offsets[at]), float(levels[at])


def _deviations(intervals: Sequence[tuple[float, float]]) -> tuple[float, ...]:
    """Standard deviations of logarithms from 95 % intervals.

    An interval from some fifteen rounds is itself a guess, and a lucky narrow one would outweigh the others:
    each variance is drawn half-way to the mean of all. One without width, from a single round, is no guess at
    all, and the mean stands for it.
    """
    for low, high in intervals:
        if not 0 < low <= high < math.inf:
            raise BadArgument("intervals", "positive finite ends in order", (low, high))
    own = (np.log([high / low for low, high in intervals]) / (2 * _NORMAL)) ** 2
    known = own > 0
    mean = np.mean(own[known]) if np.any(known) else 0.0
    drawn = np.sqrt((np.where(known, own, mean) + mean) / 2)
    return tuple(float(deviation) for deviation in np.maximum(drawn, _FINEST))


def _line(x: np.ndarray, y: np.ndarray) -> Interval:
    found = stats.linregress(x, y)
    reach = float(stats.t.ppf(0.975, x.size - 2)) * float(found.stderr)
    return Interval(float(found.slope), float(found.slope) - reach, float(found.slope) + reach)


_TIMES = (
    (86400.0 * 365.25, "years"),
    (86400.0, "days"),
    (3600.0, "hours"),
    (60.0, "minutes"),
    (1.0, "s"),
    (1e-3, "ms"),
    (1e-6, "µs"),
)


def _short(x: float) -> str:
    """Two digits, without a power of ten while it has at most five."""
    return f"{x:.2g}" if abs(x) < 100 or abs(x) >= 1e5 else f"{float(f'{x:.2g}'):.0f}"


def _power(n: float) -> str:
    """A size as 1e3 or 8.9e8."""
    digits, exponent = f"{n:.1e}".split("e")
    return f"{digits.removesuffix('.0')}e{int(exponent)}"


def _bytes(x: float) -> str:
    for name in ("B", "KiB", "MiB", "GiB"):
        if x < 1024:
            return f"{x:.3g} {name}"
        x /= 1024
    return f"{x:.3g} TiB" if x < 1e3 else f"{x:.0f} TiB"
