"""Order and position: what is found by comparing is constant, what is gathered from there is linear.

Indices are a second array, through which nothing flows, so another primitive may compute them. Entries
that tie keep their order.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from gradcheck.engine.core import Primitive, add, multiply, piecewise_constant, shape_of
from gradcheck.engine.rules.manipulation import getitem
from gradcheck.engine.rules.rows import Axes, kept_shape, rows, shaped, single_axis, up_to

__all__ = [
    "argmax",
    "argmin",
    "argsort",
    "cumulative_max",
    "cumulative_min",
    "isin",
    "median",
    "quantile",
    "searchsorted",
    "sort",
    "take",
    "take_along_axis",
    "top_k",
]


def _gathering(name: str, gather: Any, spread: Any) -> Primitive:
    """``gather(x, indices, axis)``, linear in ``x``; ``spread(g, indices, shape, axis)`` is its adjoint."""

    def scatter(g: Any, indices: Any, *, shape: tuple[int, ...], axis: int | None) -> Any:
        out = np.zeros(shape, np.result_type(g))
        spread(out, g, indices, axis)
        return out

    def forward(x: Any, indices: Any, *, axis: int | None = None) -> Any:
        return gather(x, indices, axis=axis)

    gathered = Primitive(
        name=name,
        forward=forward,
        push=lambda position, tangent, y, x, indices, axis=None: gathered(tangent, indices, axis=axis),
        pull=lambda position, g, y, x, indices, axis=None: scattered(
            g, indices, shape=shape_of(x), axis=axis
        ),
        arity=2,
        params=("axis",),
    )
    scattered = Primitive(
        name=f"{name}_adjoint",
        forward=scatter,
        push=lambda position, tangent, y, g, indices, shape, axis: scattered(
            tangent, indices, shape=shape, axis=axis
        ),
        pull=lambda position, cotangent, y, g, indices, shape, axis: gathered(cotangent, indices, axis=axis),
        arity=2,
    )
    return gathered


def _spread_taken(out: Any, g: Any, indices: Any, axis: int | None) -> None:
    if axis is None:
        np.add.at(out.reshape(-1), indices, g)
    else:
        np.add.at(out, (*(slice(None),) * (axis % out.ndim), indices), g)


def _spread_along(out: Any, g: Any, indices: Any, axis: int | None) -> None:
    if axis is None:
        out, axis = out.reshape(-1), 0
    axis %= out.ndim
    grid = list(np.ogrid[tuple(map(slice, np.shape(g)))])
    grid = [
        np.minimum(at, size - 1) for at, size in zip(grid, out.shape, strict=True)
    ]  # axes of size 1 broadcast
    grid[axis] = indices
    np.add.at(out, tuple(grid), g)


take: Primitive = _gathering("take", np.take, _spread_taken)

take_along_axis: Primitive = _gathering("take_along_axis", np.take_along_axis, _spread_along)


def _argsort(x: Any, *, axis: int = -1, descending: bool = False, stable: bool = True) -> Any:
    if not descending:
        return np.argsort(x, axis=axis, stable=stable)
    last = np.shape(x)[axis] - 1
    return last - np.flip(
        np.argsort(np.flip(x, axis), axis=axis, stable=stable), axis
    )  # ties keep their order


argsort: Primitive = piecewise_constant("argsort", _argsort, params=("axis",))

argmax: Primitive = piecewise_constant("argmax", np.argmax, params=("axis",))

argmin: Primitive = piecewise_constant("argmin", np.argmin, params=("axis",))

searchsorted: Primitive = piecewise_constant("searchsorted", np.searchsorted, arity=2, params=("side",))

isin: Primitive = piecewise_constant("isin", np.isin, arity=2)


def _running_positions(x: Any, *, axis: int, sign: int) -> Any:
    best = np.maximum.accumulate(x, axis) if sign > 0 else np.minimum.accumulate(x, axis)
    moved, extreme = np.moveaxis(x, axis, 0), np.moveaxis(best, axis, 0)
    fresh = np.ones(moved.shape, bool)
    fresh[1:] = extreme[1:] != extreme[:-1]
    at = np.arange(len(moved)).reshape((-1,) + (1,) * (moved.ndim - 1))
    return np.moveaxis(np.maximum.accumulate(np.where(fresh, at, 0), 0), 0, axis)


# Where the running maximum or minimum was first met.
_running_position: Primitive = piecewise_constant("running_position", _running_positions)


def _running_extremum(x: Any, axis: int, sign: int) -> Any:
    """Largest (sign 1) or smallest (-1) entry so far; of equal ones the first has the cotangent."""
    return take_along_axis(x, _running_position(x, axis=axis, sign=sign), axis=axis)


def cumulative_max(x: Any, axis: int | None = None) -> Any:
    """Largest entry so far."""
    return _running_extremum(x, single_axis(x, axis), 1)


def cumulative_min(x: Any, axis: int | None = None) -> Any:
    """Smallest entry so far."""
    return _running_extremum(x, single_axis(x, axis), -1)


def sort(x: Any, axis: int = -1, descending: bool = False, stable: bool = True) -> Any:
    """Entries in order along an axis."""
    return take_along_axis(x, argsort(x, axis=axis, descending=descending, stable=stable), axis=axis)


def top_k(x: Any, k: int, axis: int = -1) -> tuple[Any, Any]:
    """The ``k`` largest entries along an axis, in order, and where they are."""
    at = getitem(argsort(x, axis=axis, descending=True), key=up_to(x, axis, slice(k)))
    return take_along_axis(x, at, axis=axis), at


def quantile(x: Any, q: float, axis: Axes = None, keepdims: bool = False) -> Any:
    """The quantile at the number ``q``, linear between the two entries nearest to it."""
    flat, _ = rows(x, axis)
    ordered = sort(flat)
    place = q * (shape_of(flat)[-1] - 1)
    below = min(max(math.floor(place), 0), max(shape_of(flat)[-1] - 2, 0))
    low = getitem(ordered, key=(..., below))
    share = place - below
    if share:
        high = getitem(ordered, key=(..., below + 1))
        low = high if share == 1 else add(multiply(1 - share, low), multiply(share, high))
    return shaped(low, kept_shape(x, axis, keepdims))


def median(x: Any, axis: Axes = None, keepdims: bool = False) -> Any:
    """The middle entry, or the mean of the two in the middle."""
    return quantile(x, 0.5, axis, keepdims)
