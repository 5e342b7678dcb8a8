"""Arithmetic, powers, exponentials and logarithms.

Conventions where there is a choice: at a tie ``maximum`` and ``minimum`` share the cotangent equally,
which is a subgradient; ``abs`` and ``hypot`` at 0 have the derivative 0.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from gradcheck.engine.core import (
    Primitive,
    add,
    carry,
    conj,
    elementwise,
    is_complex,
    linear,
    multiply,
    negative,
    piecewise_constant,
    where,
)

__all__ = [
    "absolute",
    "add",
    "cbrt",
    "conj",
    "copysign",
    "divide",
    "exp",
    "exp2",
    "expm1",
    "floor_divide",
    "fmod",
    "hypot",
    "imag",
    "log",
    "log1p",
    "log2",
    "log10",
    "maximum",
    "minimum",
    "multiply",
    "negative",
    "positive",
    "power",
    "real",
    "reciprocal",
    "remainder",
    "sign",
    "sqrt",
    "square",
    "subtract",
    "where",
]

subtract: Primitive = elementwise(
    "subtract",
    np.subtract,
    lambda y, a, b: 1.0,
    lambda y, a, b: -1.0,
    scalar="a - b",
    points=((2.0, -3.0),),
    symbol="{} - {}",
)

divide: Primitive = elementwise(
    "divide",
    np.divide,
    lambda y, a, b: divide(1.0, b),
    lambda y, a, b: negative(divide(y, b)),
    scalar="a / b",
    points=((2.0, -3.0), (0.0, 5.0)),
    symbol="{} / {}",
)


def reciprocal(x: Any) -> Any:
    """``1 / x``."""
    return divide(1.0, x)


square: Primitive = elementwise(
    "square", np.square, lambda y, x: multiply(2.0, x), scalar="a * a", points=((3.0,), (0.0,)), symbol="{}^2"
)


# 1, but 0 at 0^0: a power with exponent 0 is constant, also at base 0, where its slope would be 0 * 0^-1.
_falls: Primitive = piecewise_constant(
    "falls",
    lambda a, b: np.not_equal(a, 0) | np.not_equal(b, 0),
    arity=2,
    scalar="float(a != 0 or b != 0)",
    pointwise=True,
)


def _power_base(y: Any, base: Any, exponent: Any) -> Any:
    constant = type(exponent) in (int, float)
    if constant and not exponent:
        return 0.0
    lowered = subtract(exponent, 1 if constant else _falls(base, exponent))
    return multiply(exponent, power(base, lowered))


power: Primitive = elementwise(
    "power",
    np.power,
    _power_base,
    lambda y, base, exponent: carry(y, log(base)),  # 0^k is 0 for every k > 0: its slope in k is 0 there
    scalar="pow(a, b)",
    points=((2.0, 3.0), (2.0, -1.5), (0.5, 0.0), (3.0, 1.0)),
    symbol="{}^{}",
)

sign: Primitive = piecewise_constant("sign", np.sign, scalar="copysign(1.0, a) if a else a")

positive: Primitive = linear("positive", np.positive, lambda g, x: g, scalar="a", points=((2.0,),))

real: Primitive = Primitive(
    name="real",
    forward=np.real,
    push=lambda position, tangent, y, x: real(tangent),
    pull=lambda position, g, y, x: g,
    points=((2.0,),),
    pointwise=True,
)

imag: Primitive = Primitive(
    name="imag",
    forward=np.imag,
    push=lambda position, tangent, y, x: imag(tangent),
    pull=lambda position, g, y, x: multiply(1j if is_complex(x) else 0.0, g),
    points=((2.0,),),
    pointwise=True,
)


def nonzero_or_one(x: Any) -> Any:
    """1 in place of 0: what a numerator that is 0 there may be divided by."""
    return where(_zero(x), 1.0, x)


_zero: Primitive = piecewise_constant("zero", lambda x: np.equal(x, 0), scalar="a == 0.0", pointwise=True)


def direction(x: Any) -> Any:
    """``x / |x|``, and 0 at 0."""
    return divide(x, nonzero_or_one(absolute(x))) if is_complex(x) else sign(x)


def _abs_push(position: int, tangent: Any, y: Any, x: Any) -> Any:
    return real(carry(tangent, conj(direction(x)))) if is_complex(x) else carry(tangent, sign(x))


absolute: Primitive = Primitive(
    name="abs",
    forward=np.abs,
    push=_abs_push,
    pull=lambda position, cotangent, y, x: carry(cotangent, direction(x)),
    scalar="fabs(a)",
    points=((-2.0,), (3.0,)),
    symbol="|{}|",
)

exp: Primitive = elementwise(
    "exp", np.exp, lambda y, x: y, scalar="exp(a)", points=((0.0,), (1.5,), (-30.0,))
)

expm1: Primitive = elementwise(
    "expm1", np.expm1, lambda y, x: exp(x), scalar="expm1(a)", points=((1e-9,), (1.0,))
)

log: Primitive = elementwise(
    "log",
    np.log,
    lambda y, x: divide(1.0, x),
    scalar="log(a)",
    points=((2.0,), (1e-8,), (1.0,)),
    symbol="ln {}",
)

log1p: Primitive = elementwise(
    "log1p", np.log1p, lambda y, x: divide(1.0, add(1.0, x)), scalar="log1p(a)", points=((1e-9,), (2.0,))
)

log2: Primitive = elementwise(
    "log2", np.log2, lambda y, x: divide(1 / math.log(2), x), scalar="log2(a)", points=((2.0,), (3.0,))
)

log10: Primitive = elementwise(
    "log10", np.log10, lambda y, x: divide(1 / math.log(10), x), scalar="log10(a)", points=((2.0,), (1000.0,))
)

exp2: Primitive = elementwise(
    "exp2", np.exp2, lambda y, x: multiply(math.log(2), y), scalar="exp2(a)", points=((0.0,), (3.5,))
)

cbrt: Primitive = elementwise(
    "cbrt",
    np.cbrt,
    lambda y, x: divide(1 / 3, square(y)),
    scalar="cbrt(a)",
    points=((8.0,), (-2.0,), (1e-12,)),
)

sqrt: Primitive = elementwise(
    "sqrt", np.sqrt, lambda y, x: divide(0.5, y), scalar="sqrt(a)", points=((2.0,), (1e-12,))
)


def _chosen(y: Any, mine: Any, other: Any) -> Any:
    return np.where(np.equal(mine, other), 0.5, np.equal(mine, y)).astype(np.result_type(y))[()]


_share: Primitive = piecewise_constant(
    "share", _chosen, arity=3, scalar="0.5 if b == c else float(a == b)", pointwise=True
)


def _choice(name: str, forward: Any, scalar: str) -> Primitive:
    """1 where this argument was chosen, 1/2 at a tie, 0 elsewhere."""
    return elementwise(
        name,
        forward,
        lambda y, a, b: _share(y, a, b),
        lambda y, a, b: _share(y, b, a),
        scalar=scalar,
        points=((2.0, -3.0), (-3.0, 2.0)),
    )


maximum: Primitive = _choice("maximum", np.maximum, "a if a >= b or a != a else b")

minimum: Primitive = _choice("minimum", np.minimum, "a if a <= b or a != a else b")

# a / hypot(a, b), and 0 at the origin. A primitive: the quotient rule would cancel where b is small.
_cosine: Primitive = elementwise(
    "cosine",
    lambda a, b: np.divide(a, (size := np.hypot(a, b)) + np.equal(size, 0)),
    lambda y, a, b: divide(square(_cosine(b, a)), nonzero_or_one(hypot(a, b))),
    lambda y, a, b: negative(divide(multiply(y, _cosine(b, a)), nonzero_or_one(hypot(a, b)))),
    scalar="a / (hypot(a, b) or 1.0)",
)

hypot: Primitive = elementwise(
    "hypot",
    np.hypot,
    lambda y, a, b: _cosine(a, b),
    lambda y, a, b: _cosine(b, a),
    scalar="hypot(a, b)",
    points=((3.0, -4.0), (1e30, 1e30), (1.0, 1e-9), (0.0, 2.0)),
)

floor_divide: Primitive = piecewise_constant("floor_divide", np.floor_divide, arity=2)

# The multiple of b that fmod takes away.
_whole: Primitive = piecewise_constant(
    "whole", lambda a, b: np.rint(np.divide(np.subtract(a, np.fmod(a, b)), b)), arity=2, pointwise=True
)

remainder: Primitive = elementwise(
    "remainder",
    np.remainder,
    lambda y, a, b: 1.0,
    lambda y, a, b: negative(floor_divide(a, b)),
    points=((7.5, 2.0), (-7.5, 2.0), (7.5, -2.0)),
)

fmod: Primitive = elementwise(
    "fmod",
    np.fmod,
    lambda y, a, b: 1.0,
    lambda y, a, b: negative(_whole(a, b)),
    points=((7.5, 2.0), (-7.5, 2.0), (7.5, -2.0)),
)

# The sign that copysign turns a by; 0 at 0, where its graph has the kink of abs.
_turn: Primitive = piecewise_constant(
    "turn", lambda a, b: np.multiply(np.sign(a), np.copysign(np.ones_like(b), b)), arity=2, pointwise=True
)

copysign: Primitive = elementwise(
    "copysign",
    np.copysign,
    lambda y, a, b: _turn(a, b),
    lambda y, a, b: 0.0,
    scalar="copysign(a, b)",
    points=((2.0, -3.0), (-2.0, -3.0), (-2.0, 3.0)),
)
