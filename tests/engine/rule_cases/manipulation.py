"""Rules that move entries about."""

from collections.abc import Callable
from typing import Any

import numpy as np

from rule_cases.case import MATRIX, SQUARE, TENSOR, VECTOR, Case, joining


def indexing(key: Any) -> Callable[..., Any]:
    return lambda xp, x: x[key]


def scattering(
    key: Any, shape: tuple[int, ...], sources: Any
) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """The primitive, and the same as a product with the matrix that says what lands where."""
    matrix = np.zeros((int(np.prod(shape)), np.size(sources)))
    matrix[np.arange(matrix.shape[0]).reshape(shape)[key].ravel(), np.arange(np.size(sources))] = 1
    return (
        lambda xp, x: xp.scatter(x, key=key, shape=shape),
        lambda xp, x: np.reshape(matrix @ np.reshape(x, (-1,)), shape),
    )


CASES = [
    Case("broadcast_to", lambda xp, x: xp.broadcast_to(x, (2, 3)), (VECTOR,), label="new axis"),
    Case("broadcast_to", lambda xp, x: xp.broadcast_to(x, (2, 3)), (MATRIX[:, :1],), label="size 1"),
    Case("broadcast_to", lambda xp, x: xp.broadcast_to(x, (2, 3)), (2.0,), label="scalar"),
    Case("broadcast_to", lambda xp, x: xp.broadcast_to(x, (1, 3)), (VECTOR,), label="axis of size 1"),
    Case("reshape", lambda xp, x: xp.reshape(x, (3, 2)), (MATRIX,)),
    Case("reshape", lambda xp, x: xp.reshape(x, (-1,)), (MATRIX,), label="flat"),
    Case("expand_dims", lambda xp, x: xp.expand_dims(x, axis=1), (VECTOR,)),
    Case("expand_dims", lambda xp, x: xp.expand_dims(x, axis=-1), (MATRIX,), label="last"),
    Case("permute_dims", lambda xp, x: xp.permute_dims(x, (1, 0)), (MATRIX,)),
    Case("permute_dims", lambda xp, x: xp.permute_dims(x, (2, 0, 1)), (TENSOR,), label="cycle of three"),
    Case("flip", lambda xp, x: xp.flip(x, axis=1), (MATRIX,), label="one axis"),
    Case("getitem", indexing((1, 2)), (MATRIX,), label="entry"),
    Case("getitem", indexing(1), (MATRIX,), label="row"),
    Case("getitem", indexing((slice(None), -1)), (MATRIX,), label="last column"),
    Case("getitem", indexing((Ellipsis, slice(None, None, -2))), (MATRIX,), label="backwards in steps"),
    Case("getitem", indexing((slice(None), None)), (MATRIX,), label="new axis"),
    Case("getitem", indexing(np.array([0, 2, 0, 0])), (VECTOR,), label="repeated"),
    Case("getitem", indexing((np.array([0, 1]), np.array([2, 0]))), (MATRIX,), label="pairs"),
    Case("getitem", indexing(np.array([True, False, True])), (VECTOR,), label="mask"),
    Case("stack", joining("stack", 1), (MATRIX, MATRIX**2), label="axis 1"),
    Case("stack", joining("stack", -1), (VECTOR, VECTOR**2, VECTOR), label="last axis"),
    Case("stack", joining("stack", 0), (1.5, 2.5), label="scalars"),
    Case("concat", joining("concat", 1), (MATRIX, SQUARE), label="axis 1"),
    Case("concat", joining("concat", -1), (MATRIX, SQUARE), label="last axis"),
    Case("concat", joining("concat", 0), (VECTOR, VECTOR[:1]), label="vectors"),
]
for _key, _shape, _x in (
    ((slice(None), 1), (2, 3), np.array([1.0, 2.0])),
    (np.array([0, 2, 0]), (4,), VECTOR),
    ((np.array([1, 1]), np.array([2, 2])), (2, 3), np.array([1.0, 2.0])),
):
    _call, _exact = scattering(_key, _shape, _x)
    CASES.append(Case("scatter", _call, (_x,), exact=_exact, label=f"to {_shape}"))
