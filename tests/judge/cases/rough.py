"""Right derivatives of functions that are hard to measure: chaos, noise, low precision inside, iterations."""

from __future__ import annotations

import zlib
from typing import Any

import numpy as np

from cases import Case
from gradcheck import draws

STEPS = 20


def _logistic(x):
    for _ in range(STEPS):
        x = 3.9 * x * (1 - x)
    return x


def _logistic_vjp(x, cotangent):
    slope = np.ones_like(x)
    for _ in range(STEPS):
        slope, x = slope * 3.9 * (1 - 2 * x), 3.9 * x * (1 - x)
    return cotangent * slope


def _smooth(x):
    return np.sum(np.sin(x) * np.exp(x / 2))


def _smooth_vjp(x, cotangent):
    return cotangent * np.exp(x / 2) * (np.cos(x) + np.sin(x) / 2)


def jitter(x: Any) -> float:
    """A number in [-1, 1] that depends on every bit of x and on nothing else."""
    return zlib.crc32(np.ascontiguousarray(x).tobytes()) / 2**31 - 1


def _noisy(level):
    return lambda x: _smooth(x) * (1 + level * jitter(x))


def _noisy_entries(x):
    noise = np.array([jitter(entry) for entry in x])
    return np.exp(x) * (1 + 1e-8 * noise)


def _rounded(x):
    return np.exp(np.sin(x.astype(np.float32))).astype(np.float64)


def _root(x):
    """Newton's iteration for the square root."""
    guess = (1 + x) / 2
    for _ in range(12):
        guess = (guess + x / guess) / 2
    return guess


def _euler(x):
    """The oscillator of van der Pol, by 40 steps of Euler's method."""
    for _ in range(40):
        x = x + 0.05 * np.array([x[1], (1 - x[0] ** 2) * x[1] - x[0]])
    return x


def _euler_vjp(x, cotangent):
    path = [x]
    for _ in range(39):
        x = x + 0.05 * np.array([x[1], (1 - x[0] ** 2) * x[1] - x[0]])
        path.append(x)
    for a, b in path[::-1]:
        jacobian = np.array([[0, 1], [-2 * a * b - 1, 1 - a * a]])
        cotangent = cotangent + 0.05 * jacobian.T @ cotangent
    return cotangent


def _cancelling(x):
    """1 - cos x, in the form that loses digits."""
    return 1 - np.cos(x)


CASES = (
    Case("logistic map", _logistic, (draws.uniform(0.1, 0.9, 3),), vjp=_logistic_vjp, analytic=True),
    Case("noise of 1e-8", _noisy(1e-8), (draws.normal(4),), vjp=_smooth_vjp, exact=_smooth),
    Case("noise of 1e-6", _noisy(1e-6), (draws.normal(4),), vjp=_smooth_vjp, exact=_smooth),
    Case(
        "noise in every entry",
        _noisy_entries,
        (draws.normal(4),),
        vjp=lambda x, c: c * np.exp(x),
        exact=np.exp,
    ),
    Case(
        "float32 inside",
        _rounded,
        (draws.normal(4),),
        vjp=lambda x, c: c * np.exp(np.sin(x)) * np.cos(x),
        exact=lambda x: np.exp(np.sin(x)),
    ),
    Case(
        "newton's iteration",
        _root,
        (draws.uniform(0.5, 4, 4),),
        vjp=lambda x, c: c / (2 * np.sqrt(x)),
        analytic=True,
    ),
    Case("euler steps", _euler, (draws.normal(2),), vjp=_euler_vjp, analytic=True),
    Case(
        "cancellation",
        _cancelling,
        (draws.uniform(1e-4, 1e-3, 4),),
        vjp=lambda x, c: c * np.sin(x),
        analytic=True,
    ),
    Case(
        "large argument of a sine",
        np.sin,
        (draws.uniform(1e6, 1e6 + 5, 4),),
        vjp=lambda x, c: c * np.cos(x),
        analytic=True,
    ),
    Case(
        "difference of large numbers",
        lambda x: (1e6 + x) ** 2 - 1e12,
        (draws.normal(4),),
        vjp=lambda x, c: 2 * c * (1e6 + x),
        analytic=True,
    ),
    Case(
        "saturated sigmoid",
        lambda x: 1 / (1 + np.exp(-x)),
        (np.array([-30.0, -12.0, 9.0]),),
        vjp=lambda x, c: c * np.exp(-x) / (1 + np.exp(-x)) ** 2,
        analytic=True,
    ),
)
