"""Functions of balls made of others: what :mod:`gradcheck.balls` has no series for by itself.

Quotients whose denominator may be 0 are taken from their Taylor series there, which is what makes them exact.
"""

from __future__ import annotations

import math
from itertools import count
from typing import Any

import numpy as np
from flint import arb, arb_series, ctx

from gradcheck.balls import FUNCTIONS, _both, _sqrt, _unary
from gradcheck.namespaces import Extended

__all__ = ["DERIVED"]

_square_root, _greater, _where = FUNCTIONS["sqrt"], FUNCTIONS["greater"], FUNCTIONS["where"]
_ONE = arb_series([1])


def _atan2(y: Any, x: Any) -> Any:
    """By the arc tangent of the quotient that does not divide by 0; at the origin there is no angle."""
    up, across = y[0], x[0]
    if up > 0 or up < 0:
        quarter = arb.pi() / 2 if up > 0 else -arb.pi() / 2
        return arb_series([quarter]) - (x / y).atan()
    if across > 0:
        return (y / x).atan()
    return arb_series([arb.nan()] * ctx.cap)  # the cut, where the angle jumps, and the origin


def _sinc(x: Any) -> Any:
    """``sin(pi x) / (pi x)``; near 0 by its Taylor coefficients there, as the quotient cancels."""
    angle = x * arb_series([arb.pi()])
    if abs(x[0]) > 1:
        return angle.sin() / angle
    rest = angle - arb_series([angle[0]])
    result = arb_series([0])
    for order in reversed(range(ctx.cap)):
        result = result * rest + arb_series([_sinc_coefficient(angle[0], order)])
    return result


def _sinc_coefficient(x: Any, order: int) -> Any:
    """The coefficient of ``h^order`` in ``sin(x + h) / (x + h)`` for ``|x| < 4``, its tail enclosed."""
    total = arb(0)
    for half in count((order + 1) // 2):
        power = 2 * half - order
        size = arb(math.comb(2 * half, order)) / math.factorial(2 * half + 1)
        total += (-1) ** half * size * (x**power if power else arb(1))
        # From here on a term is less than half of the one before it: the tail is less than the last term.
        if half > order + 4 and size * arb(4) ** power < arb(2) ** -(ctx.prec + 8):
            return total + arb(0, size * arb(4) ** power)
    raise AssertionError("the terms of a series that converges everywhere fall below any bound")


def _area(value: Any, slope: Any) -> Any:
    """An inverse hyperbolic function: its value at the constant term, and the integral of its slope."""
    return _unary(lambda x: arb_series([value(x[0])]) + (slope(x) * x.derivative()).integral())


def _variance(x: Any, axis: Any = None, correction: float = 0.0, keepdims: bool = False) -> Any:
    deviations = x - FUNCTIONS["mean"](x, axis=axis, keepdims=True)
    total = np.sum(deviations * deviations, axis=axis, keepdims=keepdims)
    return total / (np.size(x) // max(np.size(total), 1) - correction)


def _standard_deviation(x: Any, axis: Any = None, correction: float = 0.0, keepdims: bool = False) -> Any:
    return _square_root(_variance(x, axis, correction, keepdims))


def _clip(x: Any, min: Any = None, max: Any = None) -> Any:  # noqa: A002 - the standard's names
    held = x if min is None else FUNCTIONS["maximum"](x, min)
    return held if max is None else FUNCTIONS["minimum"](held, max)


def _vector_norm(x: Any, *, axis: Any = None, keepdims: bool = False) -> Any:
    return _square_root(np.sum(x * x, axis=axis, keepdims=keepdims))


def _determinant(a: Any) -> Any:
    """By expansion along the first row, which divides by nothing."""
    if len(a) == 1:
        return a[0, 0]
    minors = (np.delete(a[1:], at, axis=1) for at in range(len(a)))
    return sum((-1) ** at * a[0, at] * _determinant(minor) for at, minor in enumerate(minors))


def _sign_and_logarithm(a: Any) -> tuple[Any, Any]:
    determinant = _determinant(a)
    return _where(_greater(determinant, 0), 1.0, -1.0), FUNCTIONS["log"](FUNCTIONS["abs"](determinant))


DERIVED: dict[str, Any] = {
    "acosh": _area(lambda x: x.acosh(), lambda x: ((x - _ONE) * (x + _ONE)).rsqrt()),
    "asinh": _area(lambda x: x.asinh(), lambda x: (_ONE + x * x).rsqrt()),
    "atan2": _both(_atan2),
    "clip": _clip,
    "hypot": _both(lambda x, y: _sqrt(x * x + y * y)),
    "linalg": Extended(
        np.linalg, {"det": _determinant, "slogdet": _sign_and_logarithm, "vector_norm": _vector_norm}
    ),
    "sinc": _unary(_sinc),
    "std": _standard_deviation,
    "var": _variance,
}
