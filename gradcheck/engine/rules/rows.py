"""Axes brought to the end and back, so that a rule need only work along the last axis."""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any

from gradcheck.engine.core import reshape, shape_of
from gradcheck.engine.rules.manipulation import permute_dims

Axes = int | tuple[int, ...] | None


def axes_of(x: Any, axis: Axes) -> tuple[int, ...]:
    """The axes meant, counted from the front, in the order in which they lie."""
    rank = len(shape_of(x))
    if axis is None:
        return tuple(range(rank))
    given = (axis,) if isinstance(axis, int) else axis
    if any(not -rank <= at < rank for at in given):
        raise ValueError(f"axis {axis} is out of bounds for an array with {rank} axes")
    return tuple(sorted(at % rank for at in given))


def single_axis(x: Any, axis: int | None) -> int:
    """The axis to run along; only an array of one axis may leave it open."""
    if axis is None and len(shape_of(x)) != 1:
        raise ValueError("an array of several axes needs the axis to run along")
    return axes_of(x, axis)[0]


def kept_shape(x: Any, axis: Axes, keepdims: bool) -> tuple[int, ...]:
    """Shape of a reduction of ``x`` along axes."""
    axes = axes_of(x, axis)
    return tuple(
        1 if at in axes else size for at, size in enumerate(shape_of(x)) if keepdims or at not in axes
    )


def rows(x: Any, axis: Axes) -> tuple[Any, Callable[[Any], Any]]:
    """``x`` with the axes as its last one, and the way back for an array of the same shape."""
    shape, axes = shape_of(x), axes_of(x, axis)
    others = tuple(at for at in range(len(shape)) if at not in axes)
    order = (*others, *axes)
    moved = x if order == tuple(range(len(shape))) else permute_dims(x, axes=order)
    inner = shape_of(moved)
    flat = (*inner[: len(others)], prod(inner[len(others) :]))

    def back(y: Any) -> Any:
        unfolded = y if flat == inner else reshape(y, shape=inner)
        return (
            unfolded
            if moved is x
            else permute_dims(unfolded, axes=tuple(order.index(at) for at in range(len(order))))
        )

    return moved if flat == inner else reshape(moved, shape=flat), back


def shaped(x: Any, shape: tuple[int, ...]) -> Any:
    """Reshaped, where that changes anything."""
    return x if shape_of(x) == shape else reshape(x, shape=shape)


def up_to(x: Any, axis: int, part: Any) -> tuple[Any, ...]:
    """The index of a part along one axis."""
    return (*(slice(None),) * (axis % len(shape_of(x))), part)
