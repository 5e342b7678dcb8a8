"""Special functions of statistics and machine learning, with derivatives that keep their tails.

A slope is written by functions that do not cancel: the logistic function's as ``s(x) s(-x)``, never
``s (1 - s)``. Formulas: NIST Digital Library of Mathematical Functions, chapters 5, 7 and 10.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from scipy import special

from gradcheck.engine.core import Primitive, add, carry, elementwise, multiply, piecewise_constant
from gradcheck.engine.rules.elementary import divide, exp, log, log1p, negative, square, subtract
from gradcheck.engine.rules.trigonometric import tanh
from gradcheck.half import in_single

__all__ = [
    "digamma",
    "entr",
    "erf",
    "erfc",
    "erfinv",
    "exprel",
    "gamma",
    "gammaln",
    "i0",
    "i1",
    "log_ndtr",
    "log_sigmoid",
    "logaddexp",
    "logit",
    "ndtr",
    "polygamma",
    "rel_entr",
    "relu",
    "sigmoid",
    "sinc",
    "softplus",
    "xlog1py",
    "xlogy",
]

_LOGISTIC = ((0.0,), (1.5,), (40.0,), (-40.0,), (1e-9,))

# The slope of the logistic function; s s (s - s') would cancel near 0, where it is flat.
_bell: Primitive = elementwise(
    "bell",
    in_single(lambda x: np.multiply(special.expit(x), special.expit(np.negative(x)))),
    lambda y, x: negative(multiply(y, tanh(multiply(0.5, x)))),
)

sigmoid: Primitive = elementwise("sigmoid", special.expit, lambda y, x: _bell(x), points=_LOGISTIC)

softplus: Primitive = elementwise(
    "softplus", lambda x: np.logaddexp(x, 0.0), lambda y, x: sigmoid(x), points=(*_LOGISTIC, (37.43,))
)

logaddexp: Primitive = elementwise(
    "logaddexp",
    np.logaddexp,
    lambda y, a, b: sigmoid(subtract(a, b)),
    lambda y, a, b: sigmoid(subtract(b, a)),
    points=((1.0, 2.0), (0.0, 0.0), (1000.0, 999.0), (40.0, 0.0)),
)

logit: Primitive = elementwise(
    "logit",
    special.logit,
    lambda y, p: divide(1.0, multiply(p, subtract(1.0, p))),
    points=((0.25,), (1e-9,), (0.875,)),
)

_step: Primitive = piecewise_constant("step", lambda x: np.heaviside(x, 0.0), pointwise=True)

relu: Primitive = elementwise(
    "relu",
    lambda x: np.maximum(x, 0.0),
    lambda y, x: _step(x),
    scalar="a if a > 0 or a != a else 0.0",
    points=((-2.0,), (3.0,)),
)


def _narrow(function: Any) -> Any:
    """SciPy's two-argument loops take a Python float for a reason to widen float32."""
    return in_single(lambda x, y: function(x, y, dtype=np.result_type(x, y)))


xlogy: Primitive = elementwise(
    "xlogy",
    _narrow(special.xlogy),
    lambda out, x, y: log(y),
    lambda out, x, y: carry(x, divide(1.0, y)),  # 0 log y is 0 for every y, also as y tends to 0
    points=((2.0, 3.0), (0.0, 3.0)),
    symbol="{} ln {}",
)

xlog1py: Primitive = elementwise(
    "xlog1py",
    _narrow(special.xlog1py),
    lambda out, x, y: log1p(y),
    lambda out, x, y: carry(x, divide(1.0, add(1.0, y))),
    points=((2.0, 3.0), (2.0, 1e-9), (0.0, 3.0)),
)

entr: Primitive = elementwise(
    "entr", special.entr, lambda y, x: subtract(-1.0, log(x)), points=((0.25,), (1.0,), (3.0,))
)

rel_entr: Primitive = elementwise(
    "rel_entr",
    _narrow(special.rel_entr),
    lambda out, x, y: add(1.0, subtract(log(x), log(y))),
    lambda out, x, y: negative(divide(x, y)),
    points=((2.0, 3.0), (0.25, 0.5)),
)

# The Gaussian family.

erf: Primitive = elementwise(
    "erf",
    special.erf,
    lambda y, x: multiply(2 / math.sqrt(math.pi), exp(negative(square(x)))),
    scalar="erf(a)",
    points=((0.0,), (0.5,), (-3.0,)),
)

erfc: Primitive = elementwise(
    "erfc",
    special.erfc,
    lambda y, x: multiply(-2 / math.sqrt(math.pi), exp(negative(square(x)))),
    scalar="erfc(a)",
    points=((0.0,), (0.5,), (5.0,), (-3.0,)),
)

erfinv: Primitive = elementwise(
    "erfinv",
    special.erfinv,
    lambda y, x: multiply(math.sqrt(math.pi) / 2, exp(square(y))),
    points=((0.0,), (0.5,), (-0.9375,)),
)

ndtr: Primitive = elementwise(
    "ndtr",
    special.ndtr,
    lambda y, x: multiply(1 / math.sqrt(2 * math.pi), exp(multiply(-0.5, square(x)))),
    points=((0.0,), (0.5,), (-6.0,)),
)


@in_single
def _mills_ratio(x: Any) -> Any:
    """Density over distribution function of the normal law, by erfcx: neither factor may underflow."""
    return np.divide(math.sqrt(2 / math.pi), special.erfcx(np.multiply(-math.sqrt(0.5), x)))


_mills: Primitive = elementwise("mills", _mills_ratio, lambda y, x: negative(multiply(y, add(x, y))))

log_ndtr: Primitive = elementwise(
    "log_ndtr", special.log_ndtr, lambda y, x: _mills(x), points=((0.0,), (0.5,), (-6.0,), (5.0,))
)

# The gamma function and its logarithm.


def _of_order(name: str, forward: Callable[..., Any], slope: Callable[[Any, int], Any]) -> Primitive:
    """A family of functions ``forward(x, n=)`` whose slopes ``slope(x, n)`` are others of the family."""

    def carry_on(position: int, flow: Any, y: Any, x: Any, n: int) -> Any:
        return carry(flow, slope(x, n))

    return Primitive(name=name, forward=forward, push=carry_on, pull=carry_on, params=("n",))


def _polygamma_values(x: Any, *, n: int) -> Any:
    return np.asarray(special.polygamma(n, x)).astype(np.result_type(x))[()]


_polygamma: Primitive = _of_order("polygamma", _polygamma_values, lambda x, n: _polygamma(x, n=n + 1))

digamma: Primitive = elementwise(
    "digamma", special.psi, lambda y, x: _polygamma(x, n=1), points=((1.0,), (0.25,), (20.0,))
)

gammaln: Primitive = elementwise(
    "gammaln", special.gammaln, lambda y, x: digamma(x), points=((1.0,), (0.25,), (20.0,))
)

gamma: Primitive = elementwise(
    "gamma", special.gamma, lambda y, x: multiply(y, digamma(x)), points=((1.0,), (0.25,), (5.0,))
)

# Bessel functions.


def _spherical_forward(x: Any, *, n: int) -> Any:
    """SciPy's, but its power series (DLMF 10.53.1) where that converges fast and SciPy loses digits."""
    z = np.asarray(x, np.float64)
    near = np.abs(z) < n + 1
    half_square, tail = np.square(np.where(near, z, 0.0)) / 2, np.ones_like(z)
    for k in range(16 + n, 0, -1):
        tail = 1 - half_square / (k * (2 * n + 2 * k + 1)) * tail
    series = z**n / math.prod(range(1, 2 * n + 2, 2)) * tail
    return np.where(near, series, special.spherical_jn(n, z)).astype(np.result_type(x))[()]


def _spherical_slope(x: Any, n: int) -> Any:
    """``(n j_{n-1} - (n + 1) j_{n+1}) / (2 n + 1)``, which does not divide by x (DLMF 10.51.2)."""
    above = multiply((n + 1) / (2 * n + 1), _spherical(x, n=n + 1))
    return subtract(multiply(n / (2 * n + 1), _spherical(x, n=n - 1)), above) if n else negative(above)


_spherical: Primitive = _of_order("spherical_jn", _spherical_forward, _spherical_slope)

# sin(pi x) / (pi x) is the spherical Bessel function of order 0; its derivatives are those of higher order.
sinc: Primitive = elementwise(
    "sinc",
    np.sinc,
    lambda y, x: multiply(-math.pi, _spherical(multiply(math.pi, x), n=1)),
    points=((0.0,), (1e-9,), (0.5,), (-1.5,), (1.0,)),
)


def _confluent_values(x: Any, *, n: int) -> Any:
    return special.hyp1f1(1.0 + n, 2.0 + n, x).astype(np.result_type(x))[()]


def _confluent_slope(x: Any, n: int) -> Any:
    """Of Kummer's function M(1 + n, 2 + n, x) (DLMF 13.3.15)."""
    return multiply((n + 1) / (n + 2), _confluent(x, n=n + 1))


_confluent: Primitive = _of_order("kummer", _confluent_values, _confluent_slope)

# expm1(x) / x, 1 at 0; the quotient would cancel in its slope, Kummer's function does not.
exprel: Primitive = elementwise(
    "exprel", special.exprel, lambda y, x: _confluent_slope(x, 0), points=((0.0,), (1e-20,), (2.0,), (-3.0,))
)


@in_single
def _modified(x: Any, *, n: int) -> Any:
    return special.iv(n, x)


def _modified_slope(x: Any, n: int) -> Any:
    """``(I_{n-1} + I_{n+1}) / 2`` (DLMF 10.29.1)."""
    return multiply(0.5, add(_iv(x, n=n - 1), _iv(x, n=n + 1)))


_iv: Primitive = _of_order("iv", _modified, _modified_slope)

i0: Primitive = elementwise("i0", special.i0, lambda y, x: i1(x), points=((0.0,), (1.5,), (-3.0,)))

i1: Primitive = elementwise(
    "i1", special.i1, lambda y, x: _modified_slope(x, 1), points=((0.0,), (1.5,), (-3.0,))
)


def log_sigmoid(x: Any) -> Any:
    """Logarithm of the logistic function."""
    return negative(softplus(negative(x)))


def polygamma(n: int, x: Any) -> Any:
    """Derivative of order ``n`` of the digamma function."""
    return _polygamma(x, n=n)
