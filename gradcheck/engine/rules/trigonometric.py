"""Circular and hyperbolic functions and their inverses."""

from __future__ import annotations

import numpy as np

from gradcheck.engine.core import Primitive, add, elementwise, multiply
from gradcheck.engine.rules.elementary import divide, negative, sqrt, square

sin: Primitive = elementwise("sin", np.sin, lambda y, x: cos(x), points=((0.0,), (1.0,), (12.0,)))

cos: Primitive = elementwise("cos", np.cos, lambda y, x: negative(sin(x)), points=((0.0,), (1.0,), (12.0,)))

tan: Primitive = elementwise("tan", np.tan, lambda y, x: add(1.0, square(y)), points=((0.0,), (1.0,)))

sinh: Primitive = elementwise("sinh", np.sinh, lambda y, x: cosh(x), points=((1e-9,), (2.0,)))

cosh: Primitive = elementwise("cosh", np.cosh, lambda y, x: sinh(x), points=((0.0,), (2.0,)))

# 1 - tanh^2 is 0 from x = 19 on; 1 / cosh^2 keeps the tail.
tanh: Primitive = elementwise(
    "tanh", np.tanh, lambda y, x: divide(1.0, square(cosh(x))), points=((1e-9,), (0.5,), (20.0,), (-20.0,))
)

# 1 - x^2 as one operation: as a product its value does not cancel near 1, as -2 x its derivative not near 0.
_complement: Primitive = elementwise(
    "complement", lambda x: (1 - x) * (1 + x), lambda y, x: multiply(-2.0, x)
)

asin: Primitive = elementwise(
    "asin", np.arcsin, lambda y, x: divide(1.0, sqrt(_complement(x))), points=((0.0,), (0.6,), (1e-9,))
)

acos: Primitive = elementwise(
    "acos", np.arccos, lambda y, x: divide(-1.0, sqrt(_complement(x))), points=((0.0,), (0.6,), (1e-9,))
)

atan: Primitive = elementwise(
    "atan", np.arctan, lambda y, x: divide(1.0, add(1.0, square(x))), points=((0.0,), (3.0,))
)
