"""Running sums and products, and the linear recurrence that their derivatives are.

``y_i = a_i y_{i-1} + b_i`` is closed under differentiation: its tangent obeys the same recurrence, its
cotangent the same one backwards. So products are differentiated to any order without a division by an
entry, and zeros are no special case. The recurrence is solved by doubling, in ``log n`` passes over the
array: G. Blelloch, "Prefix sums and their applications", CMU-CS-90-190, 1990, section 1.4.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from gradcheck.engine.core import (
    Primitive,
    _adjoint,
    _strong_product,
    carry,
    linear,
    multiply,
    primal_of,
    shape_of,
)
from gradcheck.engine.rules.casting import astype
from gradcheck.engine.rules.elementary import subtract
from gradcheck.engine.rules.manipulation import concat
from gradcheck.engine.rules.rows import single_axis
from gradcheck.engine.rules.special import sigmoid

__all__ = ["cumulative_logsumexp", "cumulative_prod", "cumulative_sum"]


def _along(axis: int, reverse: bool, *arrays: Any) -> list[Any]:
    """Views whose first axis is the running one, in the order of running."""
    moved = [np.moveaxis(array, axis, 0) for array in arrays]
    return [array[::-1] for array in moved] if reverse else moved


def _delayed(x: Any, *, axis: int, reverse: bool = False, first: float = 0.0) -> Any:
    out = np.empty_like(x)
    source, target = _along(axis, reverse, x, out)
    target[:1] = first
    target[1:] = source[:-1]
    return out


# Each entry replaced by the one before it, the first one by a number.
_delay: Primitive = Primitive(
    name="delay",
    forward=_delayed,
    push=lambda position, tangent, y, x, axis, reverse=False, first=0.0: _delay(
        tangent, axis=axis, reverse=reverse
    ),
    pull=lambda position, g, y, x, axis, reverse=False, first=0.0: _delay(g, axis=axis, reverse=not reverse),
)


def _solved(a: Any, b: Any, *, axis: int, reverse: bool = False) -> Any:
    out = np.array(b, np.result_type(a, b))
    factor, value = _along(axis, reverse, np.array(a, out.dtype), out)
    step, size = 1, len(value)
    with np.errstate(over="ignore", under="ignore"):  # a window's product may overflow where nothing flows
        while step < size:
            value[step:] += _strong_product(value[:-step], factor[step:])
            factor[step:] = factor[step:] * factor[:-step]
            step *= 2
    return out


def _recurrence_push(
    position: int, tangent: Any, y: Any, a: Any, b: Any, *, axis: int, reverse: bool = False
) -> Any:
    before = _delay(y, axis=axis, reverse=reverse)
    source = tangent if position == 1 else multiply(tangent, before)
    return _recurrence(a, source, axis=axis, reverse=reverse)


def _recurrence_pull(
    position: int, g: Any, y: Any, a: Any, b: Any, *, axis: int, reverse: bool = False
) -> Any:
    cotangent = _pulled_back(g, a, axis, reverse)
    return (
        cotangent if position == 1 else multiply(cotangent, _adjoint(_delay(y, axis=axis, reverse=reverse)))
    )


def _pulled_back(g: Any, a: Any, axis: int, reverse: bool) -> Any:
    """Cotangents of the values: ``l_i = g_i + a_{i+1} l_{i+1}``."""
    after = _delay(_adjoint(a), axis=axis, reverse=not reverse)
    return _recurrence(after, g, axis=axis, reverse=not reverse)


# y_i = a_i y_{i-1} + b_i, from y_{-1} = 0.
_recurrence: Primitive = Primitive(
    name="recurrence", forward=_solved, push=_recurrence_push, pull=_recurrence_pull, arity=2
)


def _running(accumulate: Any) -> Any:
    def forward(x: Any, *, axis: int, reverse: bool = False) -> Any:
        return np.flip(accumulate(np.flip(x, axis), axis=axis), axis) if reverse else accumulate(x, axis=axis)

    return forward


_running_sum: Primitive = linear(
    "running_sum",
    _running(np.add.accumulate),
    lambda g, x, *, axis, reverse=False: _running_sum(g, axis=axis, reverse=not reverse),
    params=("axis", "reverse"),
)


def _product_push(position: int, tangent: Any, y: Any, x: Any, axis: int, reverse: bool = False) -> Any:
    before = _delay(y, axis=axis, reverse=reverse, first=1.0)
    return _recurrence(x, carry(tangent, before), axis=axis, reverse=reverse)


def _product_pull(position: int, g: Any, y: Any, x: Any, axis: int, reverse: bool = False) -> Any:
    before = _delay(y, axis=axis, reverse=reverse, first=1.0)
    return carry(_pulled_back(g, x, axis, reverse), _adjoint(before))


_running_product: Primitive = Primitive(
    name="running_product",
    forward=_running(np.multiply.accumulate),
    push=_product_push,
    pull=_product_pull,
    params=("axis", "reverse"),
)


def product_of_others(x: Any, axis: int) -> Any:
    """For each entry along an axis the product of all the others."""
    before = _delay(_running_product(x, axis=axis), axis=axis, first=1.0)
    after = _delay(_running_product(x, axis=axis, reverse=True), axis=axis, reverse=True, first=1.0)
    return multiply(before, after)


def _weight(y: Any, x: Any, axis: int, own: bool) -> Any:
    """The share of an entry in a running log-sum-exp, or of all before it."""
    before = _delay(y, axis=axis, first=-np.inf)
    return sigmoid(subtract(x, before) if own else subtract(before, x))


def _logsum_push(position: int, tangent: Any, y: Any, x: Any, axis: int) -> Any:
    return _recurrence(_weight(y, x, axis, False), multiply(tangent, _weight(y, x, axis, True)), axis=axis)


def _logsum_pull(position: int, g: Any, y: Any, x: Any, axis: int) -> Any:
    return multiply(_pulled_back(g, _weight(y, x, axis, False), axis, False), _weight(y, x, axis, True))


# y_i = logaddexp(y_{i-1}, x_i), whose derivative is a linear recurrence in the shares of the two.
_running_logsumexp: Primitive = Primitive(
    name="running_logsumexp",
    forward=lambda x, *, axis: np.logaddexp.accumulate(x, axis=axis),
    push=_logsum_push,
    pull=_logsum_pull,
    params=("axis",),
)


def _begun(y: Any, axis: int, first: float) -> Any:
    shape = tuple(1 if at == axis else size for at, size in enumerate(shape_of(y)))
    return concat([np.full(shape, first, np.result_type(primal_of(y))), y], axis=axis)


def cumulative_sum(x: Any, axis: int | None = None, dtype: Any = None, include_initial: bool = False) -> Any:
    """Sums of the entries so far."""
    axis = single_axis(x, axis)
    y = _running_sum(x if dtype is None else astype(x, dtype), axis=axis)
    return _begun(y, axis, 0.0) if include_initial else y


def cumulative_prod(x: Any, axis: int | None = None, dtype: Any = None, include_initial: bool = False) -> Any:
    """Products of the entries so far."""
    axis = single_axis(x, axis)
    y = _running_product(x if dtype is None else astype(x, dtype), axis=axis)
    return _begun(y, axis, 1.0) if include_initial else y


def cumulative_logsumexp(x: Any, axis: int | None = None) -> Any:
    """Log-sum-exp of the entries so far."""
    return _running_logsumexp(x, axis=single_axis(x, axis))
