"""Functions made of primitives: they cost no rule."""

from __future__ import annotations

from math import prod as _size
from typing import Any

from gradcheck.engine.core import multiply, reduce_sum, reshape, shape_of
from gradcheck.engine.rules.elementary import divide
from gradcheck.engine.rules.linear_algebra import matmul, transpose
from gradcheck.engine.rules.manipulation import getitem

__all__ = ["matmul", "matrix_transpose", "mean", "prod", "reciprocal", "squeeze", "vecdot"]

matrix_transpose = transpose


def mean(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """Arithmetic mean along axes."""
    total = reduce_sum(x, axis=axis, keepdims=keepdims)
    return divide(total, _size(shape_of(x)) // max(_size(shape_of(total)), 1))


def prod(x: Any, axis: int | None = None, keepdims: bool = False) -> Any:
    """Product along an axis, or of all entries; never divides by an entry, so zeros are no special case."""
    if axis is None:
        kept = (1,) * len(shape_of(x))
        x, axis = reshape(x, shape=(_size(shape_of(x)),)), 0
    else:
        axis %= len(shape_of(x))
        kept = tuple(1 if at == axis else size for at, size in enumerate(shape_of(x)))
    lead = (slice(None),) * axis
    result = getitem(x, key=(*lead, 0))
    for at in range(1, shape_of(x)[axis]):
        result = multiply(result, getitem(x, key=(*lead, at)))
    return reshape(result, shape=kept) if keepdims else result


def reciprocal(x: Any) -> Any:
    """``1 / x``."""
    return divide(1.0, x)


def squeeze(x: Any, axis: int | tuple[int, ...]) -> Any:
    """Drop axes of size 1."""
    axes = {at % len(shape_of(x)) for at in ((axis,) if isinstance(axis, int) else axis)}
    return reshape(x, shape=tuple(size for at, size in enumerate(shape_of(x)) if at not in axes))


def vecdot(a: Any, b: Any, axis: int = -1) -> Any:
    """Inner products along an axis."""
    return reduce_sum(multiply(a, b), axis=axis)
