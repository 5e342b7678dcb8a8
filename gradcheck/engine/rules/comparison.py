"""Comparisons, predicates and rounding: constant between their jumps, so nothing flows through them."""

from __future__ import annotations

import numpy as np

from gradcheck.engine.core import Primitive, piecewise_constant
from gradcheck.engine.rules.elementary import floor_divide, sign

__all__ = [
    "all_",
    "any_",
    "bitwise_and",
    "bitwise_invert",
    "bitwise_left_shift",
    "bitwise_or",
    "bitwise_right_shift",
    "bitwise_xor",
    "ceil",
    "count_nonzero",
    "equal",
    "floor",
    "floor_divide",
    "greater",
    "greater_equal",
    "isfinite",
    "isinf",
    "isnan",
    "less",
    "less_equal",
    "logical_and",
    "logical_not",
    "logical_or",
    "logical_xor",
    "not_equal",
    "round_",
    "sign",
    "signbit",
    "stop_gradient",
    "trunc",
]

equal: Primitive = piecewise_constant("equal", np.equal, arity=2, scalar="a == b")

not_equal: Primitive = piecewise_constant("not_equal", np.not_equal, arity=2, scalar="a != b")

less: Primitive = piecewise_constant("less", np.less, arity=2, scalar="a < b")

less_equal: Primitive = piecewise_constant("less_equal", np.less_equal, arity=2, scalar="a <= b")

greater: Primitive = piecewise_constant("greater", np.greater, arity=2, scalar="a > b")

greater_equal: Primitive = piecewise_constant("greater_equal", np.greater_equal, arity=2, scalar="a >= b")

isfinite: Primitive = piecewise_constant("isfinite", np.isfinite, scalar="isfinite(a)")

isinf: Primitive = piecewise_constant("isinf", np.isinf, scalar="isinf(a)")

isnan: Primitive = piecewise_constant("isnan", np.isnan, scalar="isnan(a)")

logical_and: Primitive = piecewise_constant("logical_and", np.logical_and, arity=2)

logical_or: Primitive = piecewise_constant("logical_or", np.logical_or, arity=2)

logical_not: Primitive = piecewise_constant("logical_not", np.logical_not)

floor: Primitive = piecewise_constant("floor", np.floor, scalar="float(floor(a))")

ceil: Primitive = piecewise_constant("ceil", np.ceil, scalar="float(ceil(a))")

round_: Primitive = piecewise_constant("round", np.rint)

trunc: Primitive = piecewise_constant("trunc", np.trunc, scalar="float(trunc(a))")

signbit: Primitive = piecewise_constant("signbit", np.signbit, scalar="copysign(1.0, a) < 0")

logical_xor: Primitive = piecewise_constant("logical_xor", np.logical_xor, arity=2)

bitwise_and: Primitive = piecewise_constant("bitwise_and", np.bitwise_and, arity=2)

bitwise_or: Primitive = piecewise_constant("bitwise_or", np.bitwise_or, arity=2)

bitwise_xor: Primitive = piecewise_constant("bitwise_xor", np.bitwise_xor, arity=2)

bitwise_invert: Primitive = piecewise_constant("bitwise_invert", np.invert)

bitwise_left_shift: Primitive = piecewise_constant("bitwise_left_shift", np.left_shift, arity=2)

bitwise_right_shift: Primitive = piecewise_constant("bitwise_right_shift", np.right_shift, arity=2)

stop_gradient: Primitive = piecewise_constant("stop_gradient", lambda x: x, scalar="a", pointwise=True)

count_nonzero: Primitive = piecewise_constant("count_nonzero", np.count_nonzero, params=("axis",))

all_: Primitive = piecewise_constant("all", np.all, params=("axis",))

any_: Primitive = piecewise_constant("any", np.any, params=("axis",))
