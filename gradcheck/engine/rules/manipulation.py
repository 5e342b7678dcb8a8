"""Moving entries about: every one is linear, so its push is itself and its pull is its transpose."""

from __future__ import annotations

from typing import Any

import numpy as np

from gradcheck.engine.core import Primitive, broadcast_to, linear, reshape, shape_of

__all__ = [
    "broadcast_to",
    "concat",
    "expand_dims",
    "flip",
    "getitem",
    "permute_dims",
    "reshape",
    "scatter",
    "stack",
]

_MATRIX = np.array([[1.0, -2.0, 3.0], [4.0, 5.0, -6.0]])

permute_dims: Primitive = linear(
    "permute_dims",
    lambda x, *, axes: np.transpose(x, axes),
    lambda g, x, *, axes: permute_dims(g, axes=tuple(int(at) for at in np.argsort(axes))),
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
)

getitem: Primitive = linear(
    "getitem",
    lambda x, *, key: np.asarray(x)[key],
    lambda g, x, *, key: scatter(g, key=key, shape=shape_of(x)),
    params=("key",),
)


def _scatter(x: Any, *, key: Any, shape: tuple[int, ...]) -> Any:
    out = np.zeros(shape, np.result_type(x))
    np.add.at(out, key, x)
    return out


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

concat: Primitive = _joined("concat", lambda *xs, axis=0: np.concatenate(xs, axis), _slice)
