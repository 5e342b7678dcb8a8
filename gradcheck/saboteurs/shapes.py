"""Shapes: what a broadcast operand gets back, and answers of another shape than their input's."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from gradcheck.saboteurs.base import Part, Saboteur, namespace, of_array, of_part


def _was_broadcast(part: Part) -> bool:
    """Whether the shape of an array broadcasts to the cotangent's, and is another one."""
    if part.cotangent is None or part.array.shape == part.cotangent.shape:
        return False
    try:
        shape = tuple(part.cotangent.shape)
        return np.broadcast_shapes(part.array.shape, shape) == shape
    except ValueError:
        return False


def _averaged(part: Part) -> Any:
    if not _was_broadcast(part):
        return part.array
    return part.array * (math.prod(part.array.shape) / math.prod(part.cotangent.shape))


def _not_reduced(part: Part) -> Any:
    if not _was_broadcast(part):
        return part.array
    return namespace(part.array).broadcast_to(part.array, part.cotangent.shape)


def _column(array: Any) -> Any:
    return namespace(array).reshape(array, (*array.shape, 1))


def _flat(array: Any) -> Any:
    return namespace(array).reshape(array, (-1,)) if len(array.shape) > 1 else array


mean_for_sum = Saboteur(
    "mean-for-sum",
    "a broadcast operand gets the mean",
    ("factor 1/n", "missing broadcast sum"),
    of_part(_averaged),
)
sum_missing = Saboteur(
    "sum-missing",
    "a broadcast operand is not summed",
    ("missing broadcast sum", "wrong shape"),
    of_part(_not_reduced),
)
column = Saboteur("column", "one axis of length 1 too many", ("wrong shape",), of_array(_column))
flat = Saboteur("flat", "matrices returned as vectors", ("wrong shape",), of_array(_flat))
