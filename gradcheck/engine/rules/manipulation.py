"""Moving entries about: every one is linear, so its push is itself and its pull is its transpose.

Below the primitives, the functions that are made of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any, Literal

import numpy as np

from gradcheck.engine.core import Primitive, broadcast_to, linear, reshape, shape_of, where
from gradcheck.errors import BadArgument

__all__ = [
    "broadcast_arrays",
    "broadcast_to",
    "concat",
    "diagonal",
    "expand_dims",
    "flip",
    "getitem",
    "meshgrid",
    "moveaxis",
    "pad",
    "permute_dims",
    "repeat",
    "reshape",
    "roll",
    "scatter",
    "stack",
    "swapaxes",
    "tile",
    "tril",
    "triu",
    "unstack",
]

_MATRIX = np.array([[1.0, -2.0, 3.0], [4.0, 5.0, -6.0]])

permute_dims: Primitive = linear(
    "permute_dims",
    lambda x, *, axes: np.transpose(x, axes),
    lambda g, x, *, axes: permute_dims(g, axes=tuple(int(at) for at in np.argsort(_positive(axes)))),
    params=("axes",),
)

expand_dims: Primitive = linear(
    "expand_dims",
    lambda x, *, axis=0: np.expand_dims(x, axis),
    lambda g, x, *, axis=0: reshape(g, shape=shape_of(x)),
    params=("axis",),
)

flip: Primitive = linear(
    "flip",
    lambda x, *, axis=None: np.flip(x, axis),
    lambda g, x, *, axis=None: flip(g, axis=axis),
    points=((_MATRIX,),),
    params=("axis",),
)

roll: Primitive = linear(
    "roll",
    lambda x, *, shift, axis=None: np.roll(x, shift, axis),
    lambda g, x, *, shift, axis=None: roll(g, shift=_opposite(shift), axis=axis),
    params=("shift", "axis"),
)

tril: Primitive = linear(
    "tril",
    lambda x, *, k=0: np.tril(x, k),
    lambda g, x, *, k=0: tril(g, k=k),
    points=((_MATRIX,),),
    params=("k",),
)

triu: Primitive = linear(
    "triu",
    lambda x, *, k=0: np.triu(x, k),
    lambda g, x, *, k=0: triu(g, k=k),
    points=((_MATRIX,),),
    params=("k",),
)


def _on_diagonal(x: Any, *, shape: tuple[int, ...], offset: int, axis1: int, axis2: int) -> Any:
    out = np.zeros(shape, np.result_type(x))
    at = np.arange(np.shape(x)[-1])
    np.moveaxis(out, (axis1, axis2), (-2, -1))[..., at - min(offset, 0), at + max(offset, 0)] = x
    return out


# Of the last two axes by default, as in the array-API standard.
diagonal: Primitive = linear(
    "diagonal",
    lambda x, *, offset=0, axis1=-2, axis2=-1: np.diagonal(x, offset, axis1, axis2),
    lambda g, x, *, offset=0, axis1=-2, axis2=-1: _place_diagonal(
        g, shape=shape_of(x), offset=offset, axis1=axis1, axis2=axis2
    ),
    points=((_MATRIX,),),
    params=("offset", "axis1", "axis2"),
)

_place_diagonal: Primitive = linear(
    "place_diagonal",
    _on_diagonal,
    lambda g, x, *, shape, offset, axis1, axis2: diagonal(g, offset=offset, axis1=axis1, axis2=axis2),
)

getitem: Primitive = linear(
    "getitem",
    lambda x, *, key: np.asarray(x)[key],
    lambda g, x, *, key: scatter(g, key=key, shape=shape_of(x)),
    params=("key",),
)


def _scatter(x: Any, *, key: Any, shape: tuple[int, ...]) -> Any:
    out = np.zeros(shape, np.result_type(x))
    if _lands_once(key):
        out[key] = x
    elif out.ndim == 1:
        np.add.at(out, key, x)
    else:
        # NumPy adds at flat positions many times faster than at tuples of them.
        places = np.arange(out.size).reshape(shape)[key]
        np.add.at(out.reshape(-1), np.ravel(places), np.ravel(np.broadcast_to(x, places.shape)))
    return out


def _lands_once(key: Any) -> bool:
    """Whether no entry is named twice: only arrays of positions can do that."""
    return all(
        part is None or part is Ellipsis or isinstance(part, (int, slice, np.integer)) or _is_mask(part)
        for part in (key if isinstance(key, tuple) else (key,))
    )


def _is_mask(part: Any) -> bool:
    return isinstance(part, np.ndarray) and part.dtype == bool


scatter: Primitive = linear(
    "scatter", _scatter, lambda g, x, *, key, shape: getitem(g, key=key), params=("key", "shape")
)


def _joined(name: str, forward: Any, part: Any) -> Primitive:
    """A list of arrays laid into one; ``part(position, shapes, axis, ndim)`` is where one of them lies."""

    def key(position: int, output: Any, arrays: tuple[Any, ...], axis: int) -> tuple[Any, ...]:
        rank = len(shape_of(output))
        lead = (slice(None),) * (axis % rank)
        return (*lead, part(position, [shape_of(array) for array in arrays], axis))

    def push(position: int, tangent: Any, output: Any, *arrays: Any, axis: int = 0) -> Any:
        return scatter(tangent, key=key(position, output, arrays, axis), shape=shape_of(output))

    def pull(position: int, cotangent: Any, output: Any, *arrays: Any, axis: int = 0) -> Any:
        return getitem(cotangent, key=key(position, output, arrays, axis))

    return Primitive(
        name=name, forward=forward, push=push, pull=pull, sequence=True, points=((_MATRIX, _MATRIX),)
    )


def _slice(position: int, shapes: list[tuple[int, ...]], axis: int) -> slice:
    start = sum(shape[axis] for shape in shapes[:position])
    return slice(start, start + shapes[position][axis])


stack: Primitive = _joined(
    "stack", lambda *xs, axis=0: np.stack(xs, axis), lambda position, shapes, axis: position
)

concat_arrays: Primitive = _joined("concat", lambda *xs, axis=0: np.concatenate(xs, axis), _slice)


def concat(arrays: Sequence[Any], axis: int | None = 0) -> Any:
    """Join arrays along an axis; without an axis, their entries as one vector."""
    if axis is None:
        arrays, axis = [reshape(x, shape=(prod(shape_of(x)),)) for x in arrays], 0
    return concat_arrays(arrays, axis=axis)


def unstack(x: Any, axis: int = 0) -> tuple[Any, ...]:
    """The slices along an axis."""
    at = axis % len(shape_of(x))
    return tuple(getitem(x, key=(slice(None),) * at + (i,)) for i in range(shape_of(x)[at]))


def moveaxis(x: Any, source: int | tuple[int, ...], destination: int | tuple[int, ...]) -> Any:
    """Move axes to other places; the others keep their order."""
    rank = len(shape_of(x))
    ends = dict(zip(_positive(destination, rank), _positive(source, rank), strict=True))
    others = iter(sorted(set(range(rank)) - set(ends.values())))
    return permute_dims(x, axes=tuple(ends[at] if at in ends else next(others) for at in range(rank)))


def swapaxes(x: Any, axis1: int, axis2: int) -> Any:
    """Exchange two axes."""
    axes = list(range(len(shape_of(x))))
    axes[axis1], axes[axis2] = axes[axis2], axes[axis1]
    return permute_dims(x, axes=tuple(axes))


def broadcast_arrays(*arrays: Any) -> tuple[Any, ...]:
    """All arrays in their common shape."""
    shape = np.broadcast_shapes(*map(shape_of, arrays))
    return tuple(broadcast_to(x, shape=shape) for x in arrays)


def meshgrid(*arrays: Any, indexing: Literal["xy", "ij"] = "xy") -> tuple[Any, ...]:
    """Coordinates of a grid from the coordinates along its axes."""
    order = list(range(len(arrays)))
    if indexing == "xy" and len(order) > 1:
        order[:2] = 1, 0
    sizes = [prod(shape_of(x)) for x in arrays]
    shape = tuple(sizes[at] for at in order)
    lines = [
        reshape(x, shape=tuple(size if other == at else 1 for other, size in zip(order, shape, strict=True)))
        for at, x in enumerate(arrays)
    ]
    return tuple(broadcast_to(line, shape=shape) for line in lines)


def repeat(x: Any, repeats: int | Sequence[int], axis: int | None = None) -> Any:
    """Every entry several times, or every slice along an axis."""
    if axis is None:
        x, axis = reshape(x, shape=(prod(shape_of(x)),)), 0
    shape = shape_of(x)
    axis %= len(shape)
    lead = (slice(None),) * axis
    if not isinstance(repeats, int):
        return getitem(x, key=(*lead, np.repeat(np.arange(shape[axis]), repeats)))
    wide = broadcast_to(
        expand_dims(x, axis=axis + 1), shape=(*shape[: axis + 1], repeats, *shape[axis + 1 :])
    )
    return reshape(wide, shape=(*shape[:axis], shape[axis] * repeats, *shape[axis + 1 :]))


def tile(x: Any, repetitions: int | tuple[int, ...]) -> Any:
    """The whole array several times along every axis."""
    times = (repetitions,) if isinstance(repetitions, int) else tuple(repetitions)
    rank = max(len(times), len(shape_of(x)))
    times = (1,) * (rank - len(times)) + times
    shape = (1,) * (rank - len(shape_of(x))) + shape_of(x)
    pairs = list(zip(times, shape, strict=True))
    apart = reshape(x, shape=tuple(size for _, own in pairs for size in (1, own)))
    wide = broadcast_to(apart, shape=tuple(size for pair in pairs for size in pair))
    return reshape(wide, shape=tuple(count * own for count, own in pairs))


def pad(x: Any, pad_width: Any, mode: str = "constant", constant_values: float = 0.0) -> Any:
    """Surround with a constant; ``pad_width`` as in NumPy: one number, one pair, or a pair for every axis."""
    if mode != "constant":
        raise BadArgument("mode of pad", "'constant'", mode)
    widths = np.broadcast_to(pad_width, (len(shape_of(x)), 2)).tolist()
    shape = tuple(size + sum(pair) for size, pair in zip(shape_of(x), widths, strict=True))
    inside = tuple(
        slice(before, before + size) for size, (before, _) in zip(shape_of(x), widths, strict=True)
    )
    placed = scatter(x, key=inside, shape=shape)
    if not constant_values:
        return placed
    within = np.zeros(shape, bool)
    within[inside] = True
    return where(within, placed, constant_values)


def _positive(axes: int | tuple[int, ...], rank: int | None = None) -> tuple[int, ...]:
    given = (axes,) if isinstance(axes, int) else tuple(axes)
    return tuple(int(at) % (len(given) if rank is None else rank) for at in given)


def _opposite(shift: int | tuple[int, ...]) -> int | tuple[int, ...]:
    return -shift if isinstance(shift, int) else tuple(-by for by in shift)
