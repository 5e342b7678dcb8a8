"""Right numbers in wrong places: transposed, shifted, swapped, written twice."""

from __future__ import annotations

from typing import Any

from gradcheck.saboteurs.base import (
    IN_PLACES,
    Derivative,
    Memory,
    Saboteur,
    cotangent_of,
    floats,
    like,
    namespace,
    of_array,
    of_arrays,
    of_call,
    pieces,
    positions,
    replaced,
    with_cotangent,
)


def _reshaped_transpose(array: Any) -> Any:
    """The axes reversed, the shape kept."""
    xp = namespace(array)
    axes = tuple(reversed(range(len(array.shape))))
    return xp.reshape(xp.permute_dims(array, axes), array.shape)


def _transposed(array: Any) -> Any:
    square = len(array.shape) > 1 and array.shape[-1] == array.shape[-2]
    return namespace(array).matrix_transpose(array) if square else array


def _rolled(array: Any) -> Any:
    return namespace(array).roll(array, 1, axis=-1) if array.shape else array


def _reversed(array: Any) -> Any:
    return namespace(array).flip(array, axis=-1) if array.shape else array


def _repeated(array: Any) -> Any:
    """The second entry is the first one again."""
    xp = namespace(array)
    first = xp.reshape(array, (-1,))[0]
    return xp.where(positions(array) == 1, first, array)


def _swapped(arrays: list[Any]) -> list[Any]:
    """The first two arrays of one shape change places."""
    for one, array in enumerate(arrays):
        for other in range(one + 1, len(arrays)):
            if arrays[other].shape == array.shape:
                swapped = list(arrays)
                swapped[one], swapped[other] = arrays[other], array
                return swapped
    return arrays


def _last_write_wins(call: Derivative, args: tuple[Any, ...], memory: Memory) -> Any:
    """What several outputs contribute to an entry is assigned in turn where it should be added up."""
    answer = call(*args)
    (cotangent,) = floats(cotangent_of(args))
    xp = namespace(cotangent)
    spoilt = [xp.zeros_like(array) for array in floats(answer)]
    for mask in pieces(cotangent):
        touched = floats(call(*with_cotangent(args, like(mask, cotangent))))
        written = floats(call(*with_cotangent(args, xp.where(mask, cotangent, xp.zeros_like(cotangent)))))
        spoilt = [
            xp.where(mark != 0, new, old) for mark, new, old in zip(touched, written, spoilt, strict=True)
        ]
    return replaced(answer, lambda _: spoilt)


transposed = Saboteur("transposed", "square matrices transposed", ("transposed",), of_array(_transposed))
transposed_anyway = Saboteur(
    "transposed-anyway",
    "transposed, then put in the old shape",
    ("transposed", "shifted index", *IN_PLACES),
    of_array(_reshaped_transpose),
)
rolled = Saboteur("rolled", "moved on by one along the last axis", ("shifted index",), of_array(_rolled))
reversed_axis = Saboteur(
    "reversed",
    "the last axis back to front",
    ("reversed axis", "shifted index", "transposed", *IN_PLACES),
    of_array(_reversed),
)
repeated = Saboteur(
    "repeated",
    "the second entry is the first again",
    ("duplicated index", "detached", *IN_PLACES),
    of_array(_repeated),
)
swapped = Saboteur(
    "swapped",
    "two arrays of one shape exchanged",
    ("swapped with", "transposed", *IN_PLACES),
    of_arrays(_swapped),
)
last_write_wins = Saboteur(
    "last-write-wins",
    "assigned where it should be added up",
    ("duplicated index", "detached", *IN_PLACES),
    of_call(_last_write_wins),
)
