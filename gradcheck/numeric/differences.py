"""First and second derivatives along a line from function values, each with an error bar."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from gradcheck.numeric.ladder import ROWS, SHORTEST, Estimate, Ladder, climb
from gradcheck.numeric.noise import noise_level

Function = Callable[[float], np.ndarray]

_LOW_ROWS = 8  # steps that single precision resolves


def derivative(
    phi: Function,
    *,
    scale: float = 1.0,
    finest: float = 1e-6,
    order: int = 1,
    jitter: float = 0.0,
    noise: np.ndarray | float = 0.0,
) -> Estimate:
    """First or second derivative of ``phi`` at 0, extrapolated from a ladder of steps.

    Parameters
    ----------
    phi
        Function of a step to an array.
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
        Error of one sample where it is known (:func:`sample_noise`); never taken for less than some units in
        the last place of the largest sample.
    """
    with np.errstate(all="ignore"):
        first = _estimate(phi, scale, order, jitter, noise)
        if np.all(np.isfinite(first.value)):
            return first
        finer = _estimate(phi, finest, order, jitter, noise)
        return Estimate(
            np.where(np.isfinite(first.value), first.value, finer.value),
            np.where(np.isfinite(first.value), first.error, finer.error),
        )


def sample_noise(phi: Function, *, scale: float = 1.0) -> np.ndarray:
    """The error of one sample of ``phi`` near 0, measured: four standard deviations."""
    with np.errstate(all="ignore"):
        # So close that hardly a function varies; no multiple of an ulp, or sums would be exact.
        spacing = scale * 51.37 * np.finfo(np.atleast_1d(phi(0.0)).dtype).eps
        samples = [np.atleast_1d(phi(float(h))) for h in spacing * np.arange(8)]
        return 4 * noise_level(np.stack(samples))


def _estimate(phi: Function, scale: float, order: int, jitter: float, noise: np.ndarray | float) -> Estimate:
    centre = np.atleast_1d(phi(0.0))
    unit = float(np.finfo(centre.dtype).eps)

    def line(step: float) -> np.ndarray:
        return np.ravel(phi(step * scale)).astype(np.float64)

    level = np.broadcast_to(np.ravel(noise).astype(np.float64), centre.size)
    rows = ROWS if unit < SHORTEST else _LOW_ROWS
    ladder = climb(line, np.ravel(centre).astype(np.float64), unit=unit, rows=rows, noise=level)
    ladder = replace(ladder, noise=ladder.noise + jitter / scale * _steepest(ladder))
    estimate = ladder.central if order == 1 else ladder.curvature
    return Estimate(
        (estimate.value / scale**order).reshape(centre.shape),
        (estimate.error / scale**order).reshape(centre.shape),
    )


def _steepest(ladder: Ladder) -> np.ndarray:
    """Typical slope of the samples, by column."""
    finite = np.where(np.isfinite(ladder.quotients), np.abs(ladder.quotients), 0.0)
    steepest: np.ndarray = np.median(finite, axis=0)
    return steepest
