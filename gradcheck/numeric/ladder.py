"""Slopes of a function along a line, from samples on both sides at steps that shrink by four.

One set of samples answers every question: the central slope, the slope on each side, whether they differ
(a kink), whether they grow without bound (a jump, an infinite slope), and how far each may be off.

The samples are extrapolated to step 0 (L. F. Richardson 1911; C. Ridders, "Accurate computation of F'(x) and
F'(x)F''(x)", Adv. Eng. Softw. 4(2), 1982, 75-76). Agreement of two entries of the table may be luck, so every
entry is also charged the error its samples carry, measured beforehand (:mod:`gradcheck.numeric.noise`) and
once more from the samples themselves: short steps that scatter show noise, short steps that agree on another
slope show that the long ones overlooked something.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import NamedTuple

import numpy as np

from gradcheck.numeric.noise import noise_level

RATIO = 4
LONGEST = 2.0**-3
ROWS = 12
SHORTEST = LONGEST * float(RATIO) ** (1 - ROWS)
"""Powers of two, so that x + h d is exact where d is a multiple of ulp(x) / SHORTEST."""

_COLUMNS = 5
_BLOCK = 4096
_SPACING = 1.5  # shortest steps between the samples that noise is read off: close, and no step of the ladder
_FLAT = 64  # ulps
_STAIRS = 5  # smallest changes that must be multiples of a unit
_PARTS = 6  # units that the least of them may have
_ULPS = (
    2  # of the largest sample, that one sample may be off at least: elementary functions are allowed as much
)
_REPEATS = 4  # standard deviations of noise that one sample is allowed

Line = Callable[[float], np.ndarray]


@dataclass(frozen=True, slots=True)
class Estimate:
    """A derivative and how far it may be off, by entry; NaN and infinity where nothing finite was seen."""

    value: np.ndarray
    error: np.ndarray


class _Table(NamedTuple):
    """Extrapolations as linear combinations of the rows: one row of weights per entry of the table."""

    weights: np.ndarray
    coarser: np.ndarray
    finer: np.ndarray
    finest: np.ndarray
    """Row of the shortest step an entry uses."""


@lru_cache(maxsize=32)
def _table(rows: int, power: int) -> _Table:
    """Richardson's table for errors in powers of ``h**power``."""
    weights, coarser, finer, finest = [], [], [], []
    column = np.eye(rows)
    for j in range(1, min(_COLUMNS, rows - 1) + 1):
        factor = float(RATIO) ** (power * j)
        following = (factor * column[1:] - column[:-1]) / (factor - 1)
        weights += list(following)
        coarser += list(column[:-1])
        finer += list(column[1:])
        finest += list(range(j, rows))
        column = following
    return _Table(np.array(weights), np.array(coarser), np.array(finer), np.array(finest))


def extrapolate(
    quotients: np.ndarray, steps: np.ndarray, noise: np.ndarray, power: int, degree: int = 1
) -> Estimate:
    """Limit at step 0 of difference quotients whose error goes in powers of ``step**power``.

    Parameters
    ----------
    quotients
        One row per step, longest first; rows that are not finite are left out.
    steps
        The steps, each a quarter of the one before.
    noise
        Error of a quotient times ``step**degree``, by column.
    power
        2 for central quotients, 1 for one-sided ones.
    degree
        Order of the derivative.
    """
    scales = steps**degree
    if quotients.shape[1] <= _BLOCK:
        return Estimate(*_extrapolate(quotients, scales, noise, power))
    blocks = [slice(at, at + _BLOCK) for at in range(0, quotients.shape[1], _BLOCK)]
    parts = [_extrapolate(quotients[:, block], scales, noise[block], power) for block in blocks]
    return Estimate(np.concatenate([v for v, _ in parts]), np.concatenate([e for _, e in parts]))


def _extrapolate(
    quotients: np.ndarray, scales: np.ndarray, noise: np.ndarray, power: int
) -> tuple[np.ndarray, np.ndarray]:
    table = _table(len(scales), power)
    seen = np.isfinite(quotients)
    plain = quotients if seen.all() else np.where(seen, quotients, 0.0)
    column = np.arange(plain.shape[1])
    h = scales[:, None]
    values = table.weights @ plain
    spread = np.maximum(np.abs(values - table.coarser @ plain), np.abs(values - table.finer @ plain))
    amplified = np.abs(table.weights) @ (1 / scales)
    bars = spread + amplified[:, None] * noise
    if plain is not quotients:
        bars[(table.weights != 0).astype(float) @ ~seen > 0] = np.inf
    best = bars.argmin(axis=0)
    row = np.arange(len(scales))[:, None]
    for attempt in range(4):
        value, finest = values[best, column], table.finest[best]
        surplus, scatter = _second_look(plain, value, finest, row, h, noise, power, seen)
        overlooked = surplus.max(axis=0) > bars[best, column]
        if attempt == 3 or not overlooked.any():
            break
        # where short steps agree on another slope, only entries made of them may stand
        first = np.where(overlooked, surplus.argmax(axis=0), -1)
        shortened = np.where((table.finest[:, None] - first) >= 1, bars, np.inf)
        usable = overlooked & np.isfinite(shortened.min(axis=0))
        if not usable.any():
            break
        best = np.where(usable, shortened.argmin(axis=0), best)
    noise = np.maximum(noise, scatter)
    error = spread[best, column] + amplified[best] * noise + np.maximum(surplus.max(axis=0), 0)
    lost = ~np.isfinite(bars[best, column])
    return np.where(lost, np.nan, value), np.where(lost, np.inf, error)


def _second_look(
    plain: np.ndarray,
    value: np.ndarray,
    finest: np.ndarray,
    row: np.ndarray,
    h: np.ndarray,
    noise: np.ndarray,
    power: int,
    seen: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """What shorter steps say of a value: by how much they contradict it, and how much they scatter.

    A deviation that shorter steps repeat is a contradiction; one that grows as steps shrink is noise.
    """
    deviation = np.abs(plain - value)
    own = np.take_along_axis(deviation, finest[None, :], axis=0)
    vanishing = 2 * own * float(RATIO) ** (-power * np.maximum(row - finest, 0))
    excess = np.where((row > finest) & seen, np.maximum(deviation - vanishing, 0), 0)
    scatter = excess * h
    shorter = np.zeros_like(scatter)
    shorter[:-1] = np.maximum.accumulate(scatter[::-1], axis=0)[::-1][1:]
    surplus = excess - np.maximum(noise, 2 * shorter) / h
    repeated = np.zeros_like(surplus)  # a contradiction is repeated by the next shorter step, noise is not
    repeated[:-1] = np.minimum(surplus[:-1], surplus[1:])
    return repeated, scatter.max(axis=0)


class Slopes(NamedTuple):
    """What the samples say at the point, by column."""

    central: Estimate
    right: Estimate
    left: Estimate
    """Infinite, with no error, where the slope grows without bound on that side; NaN outside the domain."""
    kink: np.ndarray
    """The two sides differ, by a kink or by a jump."""
    isolated: np.ndarray
    """The two sides join, and the value at 0 lies apart, as where equality is tested."""

    @property
    def infinite(self) -> np.ndarray:
        """Where the slope of a side is infinite."""
        result: np.ndarray = np.isinf(self.right.value) | np.isinf(self.left.value)
        return result


@dataclass(frozen=True)
class Ladder:
    """Samples of several functions of one step at ``0`` and at ``+-steps``.

    Attributes
    ----------
    steps
        Longest first, each a quarter of the one before.
    centre
        Values at 0, one column per function.
    ahead, behind
        Values at ``+steps`` and ``-steps``, one row per step; NaN outside the domain.
    noise
        Error of one sample, by column; never taken for less than some ulps of the largest.
    unit
        Relative spacing of the numbers the functions compute with.
    magnitude
        Size of the values, also where ``centre`` is only what they differ by.
    """

    steps: np.ndarray
    centre: np.ndarray
    ahead: np.ndarray
    behind: np.ndarray
    noise: np.ndarray
    unit: float
    magnitude: np.ndarray

    def columns(self, weights: np.ndarray) -> Ladder:
        """The ladder of linear combinations, one per row of ``weights``, less their values at 0."""
        # sums of differences: in a sum of values the differences would drown
        error = np.sqrt(weights**2 @ self.floor**2)  # errors of different outputs seldom conspire
        ahead, behind = (self.ahead - self.centre) @ weights.T, (self.behind - self.centre) @ weights.T
        magnitude = np.abs(weights) @ self.magnitude
        return Ladder(self.steps, np.zeros(len(weights)), ahead, behind, error, self.unit, magnitude)

    def at(self, chosen: np.ndarray) -> Ladder:
        """The ladder of some columns."""
        return Ladder(
            self.steps,
            self.centre[chosen],
            self.ahead[:, chosen],
            self.behind[:, chosen],
            self.noise[chosen],
            self.unit,
            self.magnitude[chosen],
        )

    @property
    def first(self) -> int:
        """How many steps of the full ladder are left out at the long end."""
        return round(float(np.log(LONGEST / self.steps[0]) / np.log(RATIO)))

    def window(self, rows: int) -> int:
        """First of so many neighbouring steps from which alone the slopes come out best."""
        starts = range(len(self.steps) - rows + 1)
        bars = [
            extrapolate(self.quotients[at : at + rows], self.steps[at : at + rows], self.floor, 2).error.max()
            for at in starts
        ]
        return int(np.argmin(bars))

    @cached_property
    def floor(self) -> np.ndarray:
        """Error of one sample: as measured, and some ulps of the largest at least."""
        floor: np.ndarray = np.maximum(self.noise, _ULPS * self.unit * self.size)
        return floor

    @cached_property
    def size(self) -> np.ndarray:
        """Largest finite sample in magnitude, by column."""
        largest: np.ndarray = np.abs(self.centre)
        for side in (self.ahead, self.behind):
            magnitude = np.abs(side)
            largest = np.fmax(largest, np.where(np.isfinite(magnitude), magnitude, 0).max(axis=0))
        return largest

    @cached_property
    def flat(self) -> np.ndarray:
        """Where the samples differ by no more than rounding of the values does."""
        within: np.ndarray = self.range * self.steps[0] <= _FLAT * self.unit * self.magnitude
        return within

    @cached_property
    def range(self) -> np.ndarray:
        """How far the samples lie from the centre at most, over the longest step: a slope to measure by."""
        ways = np.abs(np.concatenate([self.ahead, self.behind]) - self.centre)
        furthest: np.ndarray = np.where(np.isfinite(ways), ways, 0).max(axis=0) / self.steps[0]
        return furthest

    @cached_property
    def quotients(self) -> np.ndarray:
        """Central difference quotients."""
        quotients: np.ndarray = (self.ahead - self.behind) / (2 * self.steps[:, None])
        return quotients

    @cached_property
    def central(self) -> Estimate:
        """The slope, where both sides have the same."""
        return extrapolate(self.quotients, self.steps, self.floor, 2)

    @cached_property
    def curvature(self) -> Estimate:
        """The second derivative."""
        rows = slice(0, 8)  # second differences drown in rounding at shorter steps
        second = (self.ahead[rows] - 2 * self.centre + self.behind[rows]) / self.steps[rows, None] ** 2
        return extrapolate(second, self.steps[rows], 4 * self.floor, 2, degree=2)

    @cached_property
    def right(self) -> Estimate:
        """The slope to the right of 0; across a jump at 0, that of the values to its right."""
        return self._side(self.ahead)

    @cached_property
    def left(self) -> Estimate:
        """The slope to the left of 0; across a jump at 0, that of the values to its left."""
        mirrored = self._side(self.behind)
        return Estimate(-mirrored.value, mirrored.error)

    def _side(self, samples: np.ndarray) -> Estimate:
        h = self.steps[:, None]
        near = extrapolate((samples - self.centre) / h, self.steps, 2 * self.floor, 1)
        # quotients between neighbouring samples of one side never meet the centre
        beside = (samples[:-1] - samples[1:]) / (h[:-1] - h[1:])
        inside = extrapolate(beside, self.steps[:-1], 2 * self.floor * RATIO / (RATIO - 1), 1)
        infinite = _grows(beside, self.steps[:-1], 3 * self.floor)
        jump = _grows((samples - self.centre) / h, self.steps, 2 * self.floor) & ~infinite
        value = np.where(jump, inside.value, near.value)
        error = np.where(jump, inside.error, near.error)
        return Estimate(
            np.where(infinite, np.copysign(np.inf, beside[-1]), value), np.where(infinite, 0.0, error)
        )

    @cached_property
    def slopes(self) -> Slopes:
        """The slopes of both sides, and whether they differ."""
        h = self.steps[:, None]
        gap = (self.ahead - 2 * self.centre + self.behind) / h
        kink = _stays(gap, self.steps, 4 * self.floor)
        apart = _grows(self.quotients, self.steps, 2 * self.floor)
        jump = _grows(gap, self.steps, 4 * self.floor)
        isolated = jump & ~apart & ~np.isinf(self.right.value) & ~np.isinf(self.left.value)
        return Slopes(self.central, self.right, self.left, kink | apart | jump, isolated)


def _last_clear(values: np.ndarray, steps: np.ndarray, noise: np.ndarray) -> np.ndarray:
    """Row of the shortest step at which a value stands clear of its noise; -1 where none does."""
    clear = np.abs(values) > 8 * noise / steps[:, None]
    rows: np.ndarray = len(steps) - 1 - clear[::-1].argmax(axis=0)
    return np.where(clear.any(axis=0), rows, -1)


def _power(values: np.ndarray, steps: np.ndarray, noise: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The power of the step that a value follows at the shortest clear steps, and the row it was read at.

    The median over three pairs of neighbouring rows; NaN where fewer than three rows are clear.
    """
    last = _last_clear(values, steps, noise)
    column = np.arange(values.shape[1])
    with np.errstate(all="ignore"):
        magnitude = np.log(np.abs(values)) / np.log(RATIO)
        powers = [
            magnitude[np.maximum(last - k - 1, 0), column] - magnitude[np.maximum(last - k, 0), column]
            for k in range(3)
        ]
    power = np.median(np.stack(powers[:2] if len(steps) < 5 else powers), axis=0)
    return np.where(last >= 3, power, np.nan), last


def _stays(values: np.ndarray, steps: np.ndarray, noise: np.ndarray) -> np.ndarray:
    """Where a value tends to a limit other than 0 as steps shrink."""
    power, last = _power(values, steps, noise)
    column = np.arange(values.shape[1])
    limit = values[np.maximum(last, 0), column]
    row = np.arange(len(steps))[:, None]
    away = np.abs(values - limit) > np.abs(limit) / 2 + 2 * noise / steps[:, None]
    gone = ((row > last) & away & np.isfinite(values)).any(axis=0)
    stays: np.ndarray = (np.abs(power) < 0.3) & ~gone
    return stays


def _grows(values: np.ndarray, steps: np.ndarray, noise: np.ndarray) -> np.ndarray:
    """Where a value grows without bound as steps shrink: from step to step it changes no less.

    A limit is approached by changes that shrink with the steps; even a logarithm's do not.
    """
    changes = np.diff(values, axis=0)
    power, last = _power(changes, steps[1:], 2 * noise)
    row = np.arange(len(changes))[:, None]
    sign = np.where((row <= last) & (row >= last - 3), np.sign(changes), 0)
    steady = np.abs(sign.sum(axis=0)) == 4
    grows: np.ndarray = (power < 0.1) & (last >= len(changes) - 3) & steady
    return grows


def climb(
    line: Line,
    centre: np.ndarray,
    *,
    unit: float,
    rows: int = ROWS,
    first: int = 0,
    noise: np.ndarray | None = None,
) -> Ladder:
    """Sample a function of a step on a ladder.

    Parameters
    ----------
    line
        Function of a step to a flat float64 array; NaN outside its domain.
    centre
        Its value at 0.
    unit
        Relative spacing of the numbers it computes with.
    rows, first
        How many steps, and how many to leave out at the long end.
    noise
        Error of one sample where it is known already; measured when not given, with eight samples more.
    """
    steps = LONGEST * float(RATIO) ** -np.arange(first, first + rows)
    if noise is None:
        noise = _sample_noise(line, _SPACING * min(steps[-1], SHORTEST))
    ahead = np.stack([line(h) for h in steps])
    behind = np.stack([line(-h) for h in steps])
    stairs = np.maximum(_stairs(ahead - centre), _stairs(behind - centre))
    noise = np.maximum(noise, stairs)
    return Ladder(steps, centre, ahead, behind, noise, unit, np.abs(centre))


def _stairs(changes: np.ndarray) -> np.ndarray:
    """Height of the stairs of a function that stands still on short steps and changes in units; else 0."""
    size = np.abs(changes)
    still = (size[-1] == 0) & (size > 0).any(axis=0)
    if not still.any():
        return np.zeros(changes.shape[1])
    size = np.sort(np.where(np.isfinite(size) & (size > 0), size, np.inf), axis=0)[:_STAIRS]
    least = np.where(still, size[0], 1.0)
    units = np.where(np.isfinite(size), size, least) / least
    height = np.zeros(changes.shape[1])
    for parts in range(_PARTS, 0, -1):  # the least change may be of several units
        counts = parts * units
        whole = (np.abs(counts - np.rint(counts)) <= 2.0**-16 * counts) & (counts < 2.0**20)
        height = np.where(still & whole.all(axis=0) & (units.max(axis=0) > 1), least / parts, height)
    return height


def _sample_noise(line: Line, spacing: float) -> np.ndarray:
    """Error of one sample, measured on one side only: a kink or jump at the point is no noise."""
    noise = np.zeros(())
    for side in (1, -1):
        level = _REPEATS * noise_level(np.stack([line(side * k * spacing) for k in range(1, 9)]))
        noise = np.where(np.isfinite(level), level, noise)
        if np.all(np.isfinite(level)):
            break
    return np.broadcast_to(noise, level.shape)
