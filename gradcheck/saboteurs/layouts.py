"""Memory read as if it were C-contiguous: strided, transposed and broadcast arrays come out wrong."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.lib.array_utils import byte_bounds

from gradcheck.saboteurs.base import (
    NOT_LINEAR,
    Derivative,
    Memory,
    Saboteur,
    cotangent_of,
    in_numpy,
    like,
    of_call,
    split,
    with_cotangent,
    with_floats,
)


def _misread(position: int, leaf: Any) -> Any:
    """The numbers as they lie in memory, from the first on; 0 where the array's own memory ends."""
    if not hasattr(leaf, "strides") and not hasattr(leaf, "stride"):
        return leaf
    array = in_numpy(leaf)
    if array.flags.c_contiguous:
        return leaf
    low, high = byte_bounds(array)
    lowest = tuple(slice(-1, None) if stride < 0 else slice(0, 1) for stride in array.strides)
    count = min((high - low) // array.itemsize, array.size)
    memory = np.lib.stride_tricks.as_strided(array[lowest], (count,), (array.itemsize,))
    read = np.zeros(math.prod(array.shape), array.dtype)
    read[:count] = memory
    return like(read.reshape(array.shape), leaf)


def _cotangent(call: Derivative, args: tuple[Any, ...], memory: Memory) -> Any:
    return call(*with_cotangent(args, with_floats(cotangent_of(args), _misread)))


def _inputs(call: Derivative, args: tuple[Any, ...], memory: Memory) -> Any:
    at = split(args)
    return call(*(with_floats(arg, _misread) for arg in args[:at]), *args[at:])


cotangent_as_contiguous = Saboteur(
    "cotangent-as-contiguous",
    "the cotangent's strides ignored",
    ("layout assumption", NOT_LINEAR),
    of_call(_cotangent),
)
inputs_as_contiguous = Saboteur(
    "inputs-as-contiguous", "the strides of inputs ignored", ("layout assumption",), of_call(_inputs)
)
