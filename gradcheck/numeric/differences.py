"""Central differences along a line, extrapolated, each with an error bar.

A ladder of steps is extrapolated to zero (L. F. Richardson 1911; C. Ridders, "Accurate computation of
F'(x) and F'(x)F''(x)", Adv. Eng. Softw. 4(2), 1982). Agreement of two entries of the table may be luck, so
every entry is also charged the rounding error its samples carry; without that floor the error bar is
seldom true.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from gradcheck.numeric.noise import noise_level

Function = Callable[[float], np.ndarray]

_RATIO = 4.0
_ROWS = {1: 12, 2: 8}  # second differences drown in rounding at shorter steps
_COLUMNS = 6


@dataclass(frozen=True, slots=True)
class Estimate:
    """A derivative and how far it may be off, by entry; NaN and infinity where nothing finite was seen."""

    value: np.ndarray
    error: np.ndarray


def derivative(
    phi: Function,
    *,
    scale: float = 1.0,
    finest: float = 1e-6,
    order: int = 1,
    jitter: float = 0.0,
    noise: np.ndarray | float = 0.0,
) -> Estimate:
    """First or second derivative of ``phi`` at 0.

    Parameters
    ----------
    phi
        Function of a step to a flat array.
    scale
        Length over which ``phi`` is expected to vary; the longest step is an eighth of it. A step that
        leaves the domain (a value that is not finite) is left out.
    finest
        The scale tried next where every step left the domain.
    order
        1 or 2.
    jitter
        How far the argument itself is off where a step is added to it and rounded, in units of the step.
    noise
        Error of one sample where it is known (:func:`sample_noise`); never taken for less than two units in
        the last place of the largest sample.
    """
    with np.errstate(all="ignore"):
        centre = np.atleast_1d(phi(0.0))
        floor = np.fmax(noise, 2 * np.finfo(centre.dtype).eps * np.abs(centre))
        first = _extrapolated(phi, centre, scale / 8, order, jitter, floor)
        if np.all(np.isfinite(first.value)):
            return first
        finer = _extrapolated(phi, centre, finest / 8, order, jitter, floor)
        return Estimate(
            np.where(np.isfinite(first.value), first.value, finer.value),
            np.where(np.isfinite(first.value), first.error, finer.error),
        )


def sample_noise(phi: Function, *, scale: float = 1.0) -> np.ndarray:
    """The error of one sample of ``phi`` near 0, measured: four standard deviations."""
    with np.errstate(all="ignore"):
        # So close that hardly a function varies; no multiple of an ulp, or sums would be exact.
        spacing = scale * 51.37 * np.finfo(np.atleast_1d(phi(0.0)).dtype).eps
        return 4 * noise_level(_samples(phi, spacing * np.arange(8)))


def _extrapolated(
    phi: Function, centre: np.ndarray, longest: float, order: int, jitter: float, noise: np.ndarray
) -> Estimate:
    steps = longest * _RATIO ** -np.arange(_ROWS[order])
    ahead, behind = _samples(phi, steps), _samples(phi, -steps)
    column = steps.reshape(-1, *[1] * centre.ndim)
    size = np.max(np.abs(np.where(np.isfinite(ahead), ahead, 0)), axis=0)
    noise = np.fmax(noise, 2 * np.finfo(centre.dtype).eps * size) + jitter * np.abs(ahead - behind) / (
        2 * column
    )
    if order == 1:
        table, floor = (ahead - behind) / (2 * column), noise / column
    else:
        table, floor = (ahead - 2 * centre + behind) / column**2, 4 * noise / column**2
    plain, plain_floor = table, floor
    best, error = np.full(centre.shape, np.nan), np.full(centre.shape, np.inf)
    for j in range(1, _COLUMNS):
        factor = _RATIO ** (2 * j)
        finer = (factor * table[1:] - table[:-1]) / (factor - 1)
        floor = (factor * floor[1:] + floor[:-1]) / (factor - 1)
        disagreement = np.maximum(np.abs(finer - table[1:]), np.abs(finer - table[:-1]))
        for row, (value, bar) in enumerate(zip(finer, disagreement + floor, strict=True), start=j):
            bar = bar + _contradiction(value, plain[row:], plain_floor[row:])
            better = np.isfinite(value) & (bar < error)
            best, error = np.where(better, value, best), np.where(better, bar, error)
        table = finer
    return Estimate(best, error)


def _contradiction(value: np.ndarray, plain: np.ndarray, floor: np.ndarray) -> np.ndarray:
    """How much farther off the plain differences of shorter steps lie than that of the value's own step.

    Long steps across several periods, or past a nearby singularity, agree among themselves and are wrong;
    where the steps are short enough, the plain differences only come closer.
    """
    farther = np.abs(value - plain) - np.abs(value - plain[0]) - floor
    worst: np.ndarray = np.max(np.where(np.isfinite(farther), farther, 0), axis=0, initial=0)
    return worst


def _samples(phi: Function, steps: np.ndarray) -> np.ndarray:
    return np.stack([np.atleast_1d(phi(float(h))) for h in steps]).astype(np.float64)
