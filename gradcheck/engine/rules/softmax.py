"""Log-sum-exp and softmax along the last axis, exact in the tails.

Where one entry outweighs the rest, 1 - p loses what the rest is: values and derivatives are therefore
written by the sum over the others. Derivatives are right to every order because the largest entry m only
shifts: ``m + log(sum exp(x - m))`` does not depend on it.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from gradcheck.engine.core import (
    Primitive,
    add,
    broadcast_to,
    carry,
    is_finite,
    multiply,
    piecewise_constant,
    reduce_sum,
    shape_of,
    where,
)
from gradcheck.engine.rules.comparison import not_equal, stop_gradient
from gradcheck.engine.rules.elementary import exp, log, negative, subtract
from gradcheck.engine.rules.reduction import max_
from gradcheck.engine.rules.rows import Axes, kept_shape, rows, shaped
from gradcheck.engine.rules.sorting import take_along_axis

__all__ = ["log_softmax", "logsumexp", "softmax"]


def _peaks(x: Any) -> Any:
    return np.argmax(x, -1, keepdims=True) if np.size(x) else np.empty((*np.shape(x)[:-1], 0), np.intp)


_peak: Primitive = piecewise_constant("peak", _peaks)


def _finite_top(x: Any) -> Any:
    top = np.max(x, -1, keepdims=True, initial=-np.inf)
    return top if is_finite(top) else np.where(np.isfinite(top), top, top.dtype.type(0))


_top: Primitive = piecewise_constant("top", _finite_top)


def _others(x: Any, shift: Any) -> tuple[Any, Any]:
    """``exp(x - shift)`` of the largest entry, and the sum of all others, both with the axis kept."""
    e = np.subtract(x, shift)
    if not e.size:
        return np.zeros_like(shift), np.zeros_like(shift)
    np.exp(e, out=e)
    if e.ndim == 1:
        at = int(np.argmax(x))
        largest, e[at] = e[at : at + 1].copy(), 0
    else:
        peak = np.argmax(x, -1, keepdims=True)
        largest = np.take_along_axis(e, peak, -1)
        np.put_along_axis(e, peak, 0, -1)
    return largest, e.sum(-1, keepdims=True)


def _excess_values(x: Any, top: Any) -> Any:
    largest, rest = _others(x, top)
    with np.errstate(divide="ignore"):  # of no entries, or of zeros only, the logarithm is -inf
        return np.log1p(rest + (largest - 1))


def _excess_push(position: int, tangent: Any, y: Any, x: Any, top: Any) -> Any:
    return reduce_sum(multiply(tangent, _weights(x, top, stop_gradient(y))), axis=-1, keepdims=True)


def _excess_pull(position: int, g: Any, y: Any, x: Any, top: Any) -> Any:
    return _shared_out(g, x, top, stop_gradient(y))


# log(sum exp(x - top)), and the derivative of log(sum exp x): top is a shift that cancels.
_excess: Primitive = Primitive(
    name="excess", forward=_excess_values, push=_excess_push, pull=_excess_pull, arity=2
)


def _logsumexp_of_rows(x: Any) -> Any:
    """``log(sum(exp(x)))`` along the last axis, which is kept."""
    top = _top(x)
    return add(top, _excess(x, top))


def _weight_values(x: Any, top: Any, excess: Any) -> Any:
    out = np.subtract(x, top)
    out -= excess if is_finite(excess) else np.where(np.isfinite(excess), excess, 0)
    return np.exp(out, out=out)


# softmax of x, by the top and the excess that the value has already found.
_weights: Primitive = Primitive(
    name="softmax",
    forward=_weight_values,
    push=lambda position, tangent, y, x, top, excess: _tilt(y, tangent),
    pull=lambda position, g, y, x, top, excess: _tilt(y, g),
    arity=3,
)


def _shared_values(g: Any, x: Any, top: Any, excess: Any) -> Any:
    out = _weight_values(x, top, excess)
    return out * g if np.iscomplexobj(g) else np.multiply(out, g, out=out)


def _shared_push(position: int, tangent: Any, y: Any, g: Any, x: Any, top: Any, excess: Any) -> Any:
    if position == 0:
        return _shared_out(tangent, x, top, excess)
    return multiply(g, _tilt(_weights(x, top, excess), tangent))


def _shared_pull(position: int, cotangent: Any, y: Any, g: Any, x: Any, top: Any, excess: Any) -> Any:
    weights = _weights(x, top, excess)
    if position == 0:
        return _row_sum(multiply(cotangent, weights))
    return multiply(g, _tilt(weights, cotangent))


# g times the weights, in one array.
_shared_out: Primitive = Primitive(
    name="shared_out", forward=_shared_values, push=_shared_push, pull=_shared_pull, arity=4
)


def _softmax_values(x: Any) -> Any:
    out = np.subtract(x, _finite_top(x))
    np.exp(out, out=out)
    out /= out.sum(-1, keepdims=True)
    return out


_softmax_of_rows: Primitive = Primitive(
    name="softmax",
    forward=_softmax_values,
    push=lambda position, tangent, y, x: _tilt(y, tangent),
    pull=lambda position, g, y, x: _tilt(y, g),
)


def _tilted(p: Any, v: Any) -> Any:
    if not np.size(p):
        return np.array(v)
    d = np.subtract(v, np.take_along_axis(v, np.argmax(p, -1, keepdims=True), -1))
    d -= np.sum(p * d, -1, keepdims=True)
    d *= p
    return d


def _centred(p: Any, v: Any) -> Any:
    """``v`` as seen from its value at the largest weight: that entry is then exactly 0."""
    return subtract(v, take_along_axis(v, _peak(p), axis=-1))


def _row_sum(x: Any) -> Any:
    return reduce_sum(x, axis=-1, keepdims=True)


def _tilt_push(position: int, tangent: Any, y: Any, p: Any, v: Any) -> Any:
    if position == 1:
        return _tilt(p, tangent)
    d = _centred(p, v)
    mean = _row_sum(multiply(p, d))
    return subtract(multiply(tangent, subtract(d, mean)), multiply(p, _row_sum(multiply(tangent, d))))


def _tilt_pull(position: int, g: Any, y: Any, p: Any, v: Any) -> Any:
    if position == 1:
        return _tilt(p, g)
    d = _centred(p, v)
    mean = _row_sum(multiply(p, d))
    return subtract(multiply(g, subtract(d, mean)), multiply(d, _row_sum(multiply(p, g))))


# p (v - sum p v), the symmetric Jacobian of softmax applied to v.
_tilt: Primitive = Primitive(name="tilt", forward=_tilted, push=_tilt_push, pull=_tilt_pull, arity=2)


def _log_softmax_values(x: Any) -> Any:
    if not np.size(x):
        return np.array(x)
    top = _finite_top(x)
    largest, rest = _others(x, top)
    return np.subtract(x, top) - np.log1p(rest + (largest - 1))


def _around_mean(y: Any, v: Any) -> Any:
    """``v - sum p v`` for the weights ``p = exp(y)``."""
    p = exp(y)
    d = _centred(p, v)
    return subtract(d, _row_sum(multiply(p, d)))


def _taken_out(y: Any, g: Any) -> Any:
    """``g - p sum g``; at the largest weight ``g (1 - p) - p (sum of others)``, to keep a small 1 - p."""
    if not np.size(y):
        return np.array(g)
    peak = np.argmax(y, -1, keepdims=True)
    own, log_p = np.take_along_axis(g, peak, -1), np.take_along_axis(y, peak, -1)
    others = np.array(g)
    np.put_along_axis(others, peak, 0, -1)
    rest = others.sum(-1, keepdims=True)
    out = np.exp(y)
    out = np.multiply(out, -(own + rest), out=None if np.iscomplexobj(g) else out)
    out += others
    np.put_along_axis(out, peak, -(own * np.expm1(log_p) + np.exp(log_p) * rest), -1)
    return out


def _take_push(position: int, tangent: Any, out: Any, y: Any, g: Any) -> Any:
    if position == 1:
        return _take_out(y, tangent)
    return negative(multiply(multiply(exp(y), tangent), _row_sum(g)))


def _take_pull(position: int, cotangent: Any, out: Any, y: Any, g: Any) -> Any:
    if position == 1:
        return _around_mean(y, cotangent)
    return negative(multiply(multiply(exp(y), cotangent), _row_sum(g)))


_take_out: Primitive = Primitive(
    name="take_out", forward=_taken_out, push=_take_push, pull=_take_pull, arity=2
)

_log_softmax_of_rows: Primitive = Primitive(
    name="log_softmax",
    forward=_log_softmax_values,
    push=lambda position, tangent, y, x: _around_mean(y, tangent),
    pull=lambda position, g, y, x: _take_out(y, g),
)


def logsumexp(x: Any, axis: Axes = None, b: Any = None, keepdims: bool = False) -> Any:
    """``log(sum(b exp(x)))`` along axes."""
    if b is None:
        return shaped(_logsumexp_of_rows(rows(x, axis)[0]), kept_shape(x, axis, keepdims))
    shape = np.broadcast_shapes(shape_of(x), shape_of(b))
    x, b = _spread(x, shape), _spread(b, shape)
    counted = where(not_equal(b, 0), x, -np.inf)  # an entry of weight 0 sets no scale
    top = stop_gradient(_finite(max_(stop_gradient(counted), axis=axis, keepdims=True)))
    total = reduce_sum(carry(b, exp(subtract(x, top))), axis=axis, keepdims=True)
    return shaped(add(top, log(total)), kept_shape(x, axis, keepdims))


_finite: Primitive = piecewise_constant(
    "finite", lambda x: np.where(np.isfinite(x), x, np.zeros_like(x))[()], pointwise=True
)


def _spread(x: Any, shape: tuple[int, ...]) -> Any:
    return x if shape_of(x) == shape else broadcast_to(x, shape=shape)


def softmax(x: Any, axis: Axes = -1) -> Any:
    """``exp(x) / sum(exp(x))`` along axes."""
    flat, back = rows(x, axis)
    return back(_softmax_of_rows(flat))


def log_softmax(x: Any, axis: Axes = -1) -> Any:
    """Logarithm of :func:`softmax`."""
    flat, back = rows(x, axis)
    return back(_log_softmax_of_rows(flat))
