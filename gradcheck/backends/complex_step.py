"""Complex step: f'(x) v = Im f(x + i h v) / h, without cancellation, for analytic functions.

Source: W. Squire and G. Trapp, "Using complex variables to estimate derivatives of real functions", SIAM
Review 40(1), 1998. Comparisons, absolute values and inner products look at real parts here, which keeps
them piecewise analytic.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from gradcheck.backends.base import Backend, Blocks, Differentiator
from gradcheck.problems import Bound

_STEP = {"float64": 2.0**-540, "float32": 2.0**-76}  # h^2 underflows: the truncation error is exactly nothing


def _absolute(x: Any) -> Any:
    return np.where(np.real(x) < 0, -x, x)[()]


def _larger(x: Any, y: Any) -> Any:
    return np.where(np.real(x) >= np.real(y), x, y)[()]


def _smaller(x: Any, y: Any) -> Any:
    return np.where(np.real(x) <= np.real(y), x, y)[()]


def _logaddexp(x: Any, y: Any) -> Any:
    ordered = np.real(x) >= np.real(y)
    high, low = np.where(ordered, x, y), np.where(ordered, y, x)
    return (high + _log1p(np.exp(low - high)))[()]


def _first_order(function: Any, slope: Any) -> Any:
    """A function whose complex version loses tiny real parts, by its first-order expansion instead."""

    def extended(x: Any) -> Any:
        real = np.real(x)
        return function(real) + 1j * (slope(real) * np.imag(x)) if np.iscomplexobj(x) else function(x)

    return extended


_expm1 = _first_order(np.expm1, np.exp)
_log1p = _first_order(np.log1p, lambda x: 1 / (1 + x))


def _xlogy(x: Any, y: Any) -> Any:
    """SciPy's has no single-precision complex version."""
    zero = x == 0
    return np.where(zero, x * 0, x * np.log(np.where(zero, y * 0 + 1, y)))[()]


class ComplexStepDifferentiator(Differentiator):
    """First derivatives from one complex evaluation per input direction."""

    def __init__(self) -> None:
        from gradcheck.namespaces import Extended, numpy_xp

        self.xp = Extended(
            numpy_xp,
            {
                "abs": _absolute,
                "expm1": _expm1,
                "log1p": _log1p,
                "logaddexp": _logaddexp,
                "maximum": _larger,
                "minimum": _smaller,
                "vecdot": lambda x, y, axis=-1: np.sum(x * y, axis=axis),
                "xlogy": _xlogy,
            },
        )

    def jvp(self, f: Bound, xs: Blocks, tangents: Blocks) -> Any:
        h = _STEP[np.asarray(xs[0]).dtype.name]
        return np.imag(f(*(x + 1j * (h * v) for x, v in zip(xs, tangents, strict=True)))) / h


complex_step = Backend(
    name="complex-step",
    title="imaginary part of one complex evaluation per direction",
    operators=("value", "gradient", "jacobian", "jvp", "vjp"),
    load=lambda device: ComplexStepDifferentiator(),
    dtypes=("float64", "float32"),  # NumPy has no complex numbers of fewer bits
)
