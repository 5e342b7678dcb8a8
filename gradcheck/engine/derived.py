"""Functions made of primitives: they cost no rule."""

from __future__ import annotations

import math
from math import prod as _size
from typing import Any

import numpy as np

from gradcheck.engine.core import add, is_complex, multiply, reduce_sum, reshape, shape_of
from gradcheck.engine.rules.elementary import (
    absolute,
    direction,
    divide,
    imag,
    maximum,
    minimum,
    real,
    reciprocal,
    square,
    subtract,
)
from gradcheck.engine.rules.linear_algebra import matmul, matrix_transpose
from gradcheck.engine.rules.manipulation import concat, getitem
from gradcheck.engine.rules.reduction import vector_norm
from gradcheck.engine.rules.rows import Axes, axes_of, kept_shape, up_to
from gradcheck.engine.rules.trigonometric import atan2

__all__ = [
    "angle",
    "clip",
    "deg2rad",
    "diff",
    "matmul",
    "matrix_transpose",
    "mean",
    "rad2deg",
    "reciprocal",
    "sign",
    "squeeze",
    "std",
    "trapezoid",
    "var",
]


# Entry by entry.


def clip(x: Any, min: Any = None, max: Any = None) -> Any:  # noqa: A002 - the standard's names
    """``x`` held between bounds; at a bound the two share the cotangent, as in ``maximum``."""
    held = x if min is None else maximum(x, min)
    return held if max is None else minimum(held, max)


def sign(x: Any) -> Any:
    """Sign of a real number, direction of a complex one."""
    return direction(x)


def angle(x: Any) -> Any:
    """Argument of complex numbers."""
    return atan2(imag(x), real(x))


def deg2rad(x: Any) -> Any:
    """Degrees to radians."""
    return multiply(x, math.pi / 180)


def rad2deg(x: Any) -> Any:
    """Radians to degrees."""
    return multiply(x, 180 / math.pi)


# Statistics.


def _count(x: Any, axis: Axes) -> int:
    return _size(shape_of(x)[at] for at in axes_of(x, axis))


def mean(x: Any, axis: Axes = None, keepdims: bool = False) -> Any:
    """Arithmetic mean along axes."""
    return divide(reduce_sum(x, axis=axis, keepdims=keepdims), _count(x, axis))


def _deviations(x: Any, axis: Axes) -> Any:
    return subtract(x, mean(x, axis, keepdims=True))


def var(x: Any, axis: Axes = None, correction: float = 0.0, keepdims: bool = False) -> Any:
    """Mean square deviation from the mean, with ``count - correction`` for the count."""
    deviations = _deviations(x, axis)
    squares = square(absolute(deviations) if is_complex(x) else deviations)
    return divide(reduce_sum(squares, axis=axis, keepdims=keepdims), _count(x, axis) - correction)


def std(x: Any, axis: Axes = None, correction: float = 0.0, keepdims: bool = False) -> Any:
    """Root of :func:`var`; of constants its derivative is 0."""
    length = vector_norm(_deviations(x, axis), axis=axis, keepdims=keepdims)
    return divide(length, float(np.sqrt(_count(x, axis) - correction)))


def diff(x: Any, axis: int = -1, n: int = 1, prepend: Any = None, append: Any = None) -> Any:
    """Differences of neighbours, ``n`` times, after something is put before or behind."""
    parts = [part for part in (prepend, x, append) if part is not None]
    y = concat(parts, axis=axis) if len(parts) > 1 else x
    for _ in range(n):
        y = subtract(
            getitem(y, key=up_to(y, axis, slice(1, None))), getitem(y, key=up_to(y, axis, slice(-1)))
        )
    return y


def trapezoid(y: Any, x: Any = None, dx: Any = 1.0, axis: int = -1) -> Any:
    """Integral along an axis by the trapezoidal rule, over places ``x`` or with a step ``dx``."""
    inner = add(getitem(y, key=up_to(y, axis, slice(1, None))), getitem(y, key=up_to(y, axis, slice(-1))))
    if x is None:
        step = dx
    else:
        step = diff(x, axis=axis if len(shape_of(x)) == len(shape_of(y)) else -1)
        if len(shape_of(step)) == 1:
            step = reshape(step, shape=(-1,) + (1,) * (len(shape_of(y)) - 1 - axis % len(shape_of(y))))
    return multiply(0.5, reduce_sum(multiply(step, inner), axis=axis))


def squeeze(x: Any, axis: int | tuple[int, ...]) -> Any:
    """Drop axes of size 1."""
    return reshape(x, shape=kept_shape(x, axis, False))
