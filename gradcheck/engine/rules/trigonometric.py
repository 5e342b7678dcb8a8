"""Circular and hyperbolic functions and their inverses."""

from __future__ import annotations

from typing import Any

import numpy as np

from gradcheck.engine.core import Primitive, add, elementwise, is_complex, multiply
from gradcheck.engine.rules.elementary import _cosine, divide, hypot, negative, sqrt, square, subtract

sin: Primitive = elementwise(
    "sin", np.sin, lambda y, x: cos(x), scalar="sin(a)", points=((0.0,), (1.0,), (12.0,))
)

cos: Primitive = elementwise(
    "cos", np.cos, lambda y, x: negative(sin(x)), scalar="cos(a)", points=((0.0,), (1.0,), (12.0,))
)

tan: Primitive = elementwise(
    "tan", np.tan, lambda y, x: add(1.0, square(y)), scalar="tan(a)", points=((0.0,), (1.0,))
)

sinh: Primitive = elementwise(
    "sinh", np.sinh, lambda y, x: cosh(x), scalar="sinh(a)", points=((1e-9,), (2.0,))
)

cosh: Primitive = elementwise(
    "cosh", np.cosh, lambda y, x: sinh(x), scalar="cosh(a)", points=((0.0,), (2.0,))
)


def _sech_squares(x: Any) -> Any:
    if np.iscomplexobj(x):
        return 1 / np.square(np.cosh(x))
    e = np.exp(np.multiply(np.abs(x), -2.0))
    return np.multiply(e, 4.0) / np.square(np.add(e, 1.0))


# 1 / cosh^2; 1 - tanh^2 is 0 from x = 19 on, and cosh overflows.
_sech_squared: Primitive = elementwise(
    "sech_squared",
    _sech_squares,
    lambda y, x: multiply(-2.0, multiply(y, tanh(x))),
    scalar="1.0 / cosh(a) ** 2",
)

tanh: Primitive = elementwise(
    "tanh",
    np.tanh,
    lambda y, x: _sech_squared(x),
    scalar="tanh(a)",
    points=((1e-9,), (0.5,), (20.0,), (-20.0,)),
)

# 1 - x^2 as one operation: as a product its value does not cancel near 1, as -2 x its derivative not near 0.
_complement: Primitive = elementwise(
    "complement",
    lambda x: (1 - x) * (1 + x),
    lambda y, x: multiply(-2.0, x),
    scalar="(1.0 - a) * (1.0 + a)",
)

asin: Primitive = elementwise(
    "asin",
    np.arcsin,
    lambda y, x: divide(1.0, sqrt(_complement(x))),
    scalar="asin(a)",
    points=((0.0,), (0.6,), (1e-9,)),
)

acos: Primitive = elementwise(
    "acos",
    np.arccos,
    lambda y, x: divide(-1.0, sqrt(_complement(x))),
    scalar="acos(a)",
    points=((0.0,), (0.6,), (1e-9,)),
)

atan: Primitive = elementwise(
    "atan",
    np.arctan,
    lambda y, x: divide(1.0, add(1.0, square(x))),
    scalar="atan(a)",
    points=((0.0,), (3.0,)),
)

atan2: Primitive = elementwise(
    "atan2",
    np.arctan2,
    lambda angle, y, x: divide(_cosine(x, y), hypot(y, x)),
    lambda angle, y, x: negative(divide(_cosine(y, x), hypot(y, x))),
    scalar="atan2(a, b)",
    points=((1.0, 2.0), (1.0, -2.0), (-1.0, -2.0), (2.0, 0.0), (0.0, 2.0), (1e-9, 1.0)),
)


def _asinh_slope(y: Any, x: Any) -> Any:
    return divide(
        1.0, sqrt(add(1.0, square(x))) if is_complex(x) else hypot(1.0, x)
    )  # hypot does not overflow


asinh: Primitive = elementwise(
    "asinh", np.arcsinh, _asinh_slope, scalar="asinh(a)", points=((0.0,), (1e-9,), (3.0,), (-1e6,))
)

acosh: Primitive = elementwise(
    "acosh",
    np.arccosh,
    lambda y, x: divide(1.0, multiply(sqrt(subtract(x, 1.0)), sqrt(add(x, 1.0)))),
    scalar="acosh(a)",
    points=((1.25,), (3.0,), (1e6,)),
)

atanh: Primitive = elementwise(
    "atanh",
    np.arctanh,
    lambda y, x: divide(1.0, _complement(x)),
    scalar="atanh(a)",
    points=((0.0,), (1e-9,), (-0.5,), (0.9375,)),
)
