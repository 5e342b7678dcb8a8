"""Arithmetic, powers, exponentials and logarithms.

Conventions where there is a choice: at a tie ``maximum`` and ``minimum`` share the cotangent equally,
which is a subgradient; ``abs`` at 0 has the derivative 0.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from gradcheck.engine.core import Primitive, add, elementwise, linear, multiply, primal_of, where

subtract: Primitive = elementwise(
    "subtract",
    np.subtract,
    lambda y, a, b: 1.0,
    lambda y, a, b: -1.0,
    points=((2.0, -3.0),),
    symbol="{} - {}",
)

negative: Primitive = linear(
    "negative", np.negative, lambda g, x: negative(g), points=((2.0,),), symbol="-{}"
)

divide: Primitive = elementwise(
    "divide",
    np.divide,
    lambda y, a, b: divide(1.0, b),
    lambda y, a, b: negative(divide(y, b)),
    points=((2.0, -3.0), (0.0, 5.0)),
    symbol="{} / {}",
)

square: Primitive = elementwise(
    "square", np.square, lambda y, x: multiply(2.0, x), points=((3.0,), (0.0,)), symbol="{}^2"
)


def _power_base(y: Any, base: Any, exponent: Any) -> Any:
    if type(exponent) in (int, float):
        return multiply(exponent, power(base, exponent - 1)) if exponent else 0.0
    # A power with exponent 0 is constant, also at base 0, where the formula would be 0 * 0^-1.
    constant = np.equal(primal_of(exponent), 0) & np.equal(primal_of(base), 0)
    lowered = subtract(where(constant, 1.0, exponent) if np.any(constant) else exponent, 1)
    return multiply(exponent, power(base, lowered))


def _power_exponent(y: Any, base: Any, exponent: Any) -> Any:
    # 0^k is 0 for every k > 0, so its derivative in k is 0, not 0 * ln 0.
    zero = np.equal(primal_of(base), 0)
    return multiply(y, log(where(zero, 1.0, base) if np.any(zero) else base))


power: Primitive = elementwise(
    "power",
    np.power,
    _power_base,
    _power_exponent,
    points=((2.0, 3.0), (2.0, -1.5), (0.5, 0.0), (3.0, 1.0)),
    symbol="{}^{}",
)

absolute: Primitive = elementwise(
    "abs", np.abs, lambda y, x: np.sign(primal_of(x)), points=((-2.0,), (3.0,)), symbol="|{}|"
)

exp: Primitive = elementwise("exp", np.exp, lambda y, x: y, points=((0.0,), (1.5,), (-30.0,)))

expm1: Primitive = elementwise("expm1", np.expm1, lambda y, x: exp(x), points=((1e-9,), (1.0,)))

log: Primitive = elementwise(
    "log", np.log, lambda y, x: divide(1.0, x), points=((2.0,), (1e-8,), (1.0,)), symbol="ln {}"
)

log1p: Primitive = elementwise(
    "log1p", np.log1p, lambda y, x: divide(1.0, add(1.0, x)), points=((1e-9,), (2.0,))
)

log2: Primitive = elementwise(
    "log2", np.log2, lambda y, x: divide(1 / math.log(2), x), points=((2.0,), (3.0,))
)

sqrt: Primitive = elementwise("sqrt", np.sqrt, lambda y, x: divide(0.5, y), points=((2.0,), (1e-12,)))

# The logistic function of the difference keeps both tails; exp(a - y) loses the digits that y has not.
logaddexp: Primitive = elementwise(
    "logaddexp",
    np.logaddexp,
    lambda y, a, b: divide(1.0, add(1.0, exp(subtract(b, a)))),
    lambda y, a, b: divide(1.0, add(1.0, exp(subtract(a, b)))),
    points=((1.0, 2.0), (0.0, 0.0), (1000.0, 999.0), (40.0, 0.0)),
)


def _xlogy(x: Any, y: Any) -> Any:
    zero = np.equal(x, 0) & ~np.isnan(y)
    return np.where(zero, np.multiply(x, 0), np.multiply(x, np.log(np.where(zero, 1, y))))[()]


def _xlogy_y(out: Any, x: Any, y: Any) -> Any:
    # 0 log y is 0 for every y, also as y tends to 0: the quotient 0/0 is 0 here.
    zero = np.equal(primal_of(x), 0) & np.equal(primal_of(y), 0)
    return divide(x, where(zero, 1.0, y) if np.any(zero) else y)


xlogy: Primitive = elementwise(
    "xlogy", _xlogy, lambda out, x, y: log(y), _xlogy_y, points=((2.0, 3.0), (0.0, 3.0)), symbol="{} ln {}"
)


def _share(y: Any, mine: Any, other: Any) -> Any:
    """1 where this argument was chosen, 1/2 at a tie, 0 elsewhere."""
    y, mine, other = primal_of(y), primal_of(mine), primal_of(other)
    return np.where(np.equal(mine, other), 0.5, np.equal(mine, y)).astype(np.result_type(y))


def _choice(name: str, forward: Any) -> Primitive:
    return elementwise(
        name,
        forward,
        lambda y, a, b: _share(y, a, b),
        lambda y, a, b: _share(y, b, a),
        points=((2.0, -3.0), (-3.0, 2.0)),
    )


maximum: Primitive = _choice("maximum", np.maximum)

minimum: Primitive = _choice("minimum", np.minimum)
