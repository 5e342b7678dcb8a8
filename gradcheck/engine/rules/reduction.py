"""Reductions along axes. Entries that tie for a maximum or minimum share the cotangent equally."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from gradcheck.engine.core import (
    Primitive,
    conj,
    is_complex,
    multiply,
    piecewise_constant,
    reduce_sum,
    reshape,
    restore_axes,
)
from gradcheck.engine.rules.casting import astype, dtype_of
from gradcheck.engine.rules.comparison import not_equal
from gradcheck.engine.rules.cumulative import product_of_others
from gradcheck.engine.rules.elementary import absolute, direction, divide, nonzero_or_one, power, real
from gradcheck.engine.rules.rows import Axes, kept_shape, rows

__all__ = ["max_", "min_", "p_norm", "prod", "sum_", "vector_norm"]

_MATRIX = np.array([[1.0, 5.0], [7.0, 2.0]])

sum_ = reduce_sum


def _reduction(name: str, forward: Any, slope: Any) -> Primitive:
    """A reduction from ``slope(output, x, axis, **given)``, the cotangents of entries for a cotangent of 1.

    The output comes to ``slope`` with its axes kept.
    """

    def partial(output: Any, x: Any, axis: Any, given: dict[str, Any]) -> Any:
        return slope(reshape(output, shape=kept_shape(x, axis, True)), x, axis, **given)

    def push(
        position: int,
        tangent: Any,
        output: Any,
        x: Any,
        axis: Any = None,
        keepdims: bool = False,
        **given: Any,
    ) -> Any:
        flow = multiply(tangent, _conjugate(partial(output, x, axis, given)))
        total = reduce_sum(flow, axis=axis, keepdims=keepdims)
        return total if is_complex(output) or not is_complex(total) else real(total)

    def pull(
        position: int,
        cotangent: Any,
        output: Any,
        x: Any,
        axis: Any = None,
        keepdims: bool = False,
        **given: Any,
    ) -> Any:
        return multiply(restore_axes(cotangent, x, axis, keepdims), partial(output, x, axis, given))

    return Primitive(
        name=name,
        forward=lambda x, *, axis=None, keepdims=False, **given: forward(
            x, axis=axis, keepdims=keepdims, **given
        ),
        push=push,
        pull=pull,
        points=((_MATRIX,),),
        params=("axis",),
    )


def _conjugate(x: Any) -> Any:
    return conj(x) if is_complex(x) else x


def _shares(output: Any, x: Any, *, axis: Any) -> Any:
    best = np.equal(x, output)
    return best / np.sum(best, axis=axis, keepdims=True, dtype=np.result_type(x))


# The share of each entry in the extremum of its group.
_winners: Primitive = piecewise_constant("winners", _shares, arity=2)


def _extremum(name: str, reduce: Any) -> Primitive:
    return _reduction(name, reduce, lambda y, x, axis: _winners(y, x, axis=axis))


max_: Primitive = _extremum("max", np.max)

min_: Primitive = _extremum("min", np.min)


def _product_slope(y: Any, x: Any, axis: Any) -> Any:
    flat, back = rows(x, axis)
    return _conjugate(back(product_of_others(flat, -1)))


prod: Primitive = _reduction(
    "prod", lambda x, *, axis, keepdims: np.prod(x, axis=axis, keepdims=keepdims), _product_slope
)


def _norm(x: Any, *, axis: Any, keepdims: bool, ord: float = 2) -> Any:  # noqa: A002 - NumPy's name
    if ord == 2 and axis is None and not keepdims:
        length = np.sqrt(np.vdot(x, x).real)
        if 1e-15 < length < 1e15:  # far from where squares leave the range, of float32 as well
            return length
    size = np.abs(x)
    with np.errstate(over="ignore", under="ignore"):
        y = _root_of_powers(size, axis, ord)
    tiny, huge = np.finfo(size.dtype).tiny, np.finfo(size.dtype).max
    if size.size and np.any((y < tiny ** (1 / max(ord, 2)) * 2) | (y > huge / 2)):
        top = np.max(size, axis=axis, keepdims=True)
        top = np.where((top > 0) & np.isfinite(top), top, 1).astype(size.dtype)
        y = top * _root_of_powers(size / top, axis, ord)
    return y if keepdims else y.reshape(kept_shape(x, axis, False))[()]


def _root_of_powers(size: Any, axis: Any, ord: float) -> Any:  # noqa: A002
    if ord == 2:
        return np.sqrt(np.sum(np.square(size), axis=axis, keepdims=True))
    return np.sum(size**ord, axis=axis, keepdims=True) ** (1 / ord)


def _norm_slope(y: Any, x: Any, axis: Any, ord: float = 2) -> Any:  # noqa: A002
    if ord == 2:
        return divide(x, nonzero_or_one(y))
    return multiply(direction(x), power(divide(absolute(x), nonzero_or_one(y)), float(ord - 1)))


# (sum |x|^p)^(1/p) for p > 0; 0 has the derivative 0.
p_norm: Primitive = _reduction("p_norm", _norm, _norm_slope)


def vector_norm(x: Any, axis: Axes = None, keepdims: bool = False, ord: float = 2) -> Any:  # noqa: A002
    """The p-norm of the entries along axes; at 0 its derivative is 0."""
    if ord == math.inf:
        return max_(absolute(x), axis=axis, keepdims=keepdims)
    if ord == -math.inf:
        return min_(absolute(x), axis=axis, keepdims=keepdims)
    if ord == 1:
        return reduce_sum(absolute(x), axis=axis, keepdims=keepdims)
    if ord == 0:
        return reduce_sum(astype(not_equal(x, 0), _real_type(x)), axis=axis, keepdims=keepdims)
    return p_norm(x, axis=axis, keepdims=keepdims, ord=ord)


def _real_type(x: Any) -> Any:
    return np.finfo(dtype_of(x)).dtype
