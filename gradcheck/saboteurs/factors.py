"""Signs, factors and what else happens to a number: absolute values, bounds, conjugates."""

from __future__ import annotations

import math
from typing import Any

from gradcheck.saboteurs.base import IN_PLACES, NOT_LINEAR, Saboteur, namespace, of_array, of_arrays


def _last_negated(arrays: list[Any]) -> list[Any]:
    return [*arrays[:-1], -arrays[-1]] if len(arrays) > 1 else arrays


def _clipped(array: Any) -> Any:
    """Bounded by half of its largest magnitude."""
    xp = namespace(array)
    size = xp.abs(array)
    bound = xp.max(size) / 2
    return xp.where(size > bound, array * (bound / size), array)


def _conjugate(array: Any) -> Any:
    xp = namespace(array)
    return xp.conj(array) if xp.isdtype(array.dtype, "complex floating") else array


def _real_part(array: Any) -> Any:
    return (array + _conjugate(array)) / 2


sign = Saboteur("sign", "every entry times -1", ("sign",), of_array(lambda array: -array))
sign_of_one = Saboteur("sign-of-one", "the last of several times -1", ("sign",), of_arrays(_last_negated))
absolute = Saboteur(
    "absolute",
    "signs lost",
    ("sign", NOT_LINEAR, *IN_PLACES),
    of_array(lambda array: array * 0 + namespace(array).abs(array)),
)
twice = Saboteur("twice", "every entry times 2", ("factor 2",), of_array(lambda array: 2 * array))
half = Saboteur("half", "every entry times 1/2", ("factor 1/2",), of_array(lambda array: array / 2))
times_n = Saboteur(
    "times-n",
    "times the number of entries",
    ("factor n",),
    of_array(lambda array: array * math.prod(array.shape)),
)
over_n = Saboteur(
    "over-n",
    "divided by the number of entries",
    ("factor 1/n",),
    of_array(lambda array: array / math.prod(array.shape)),
)
clipped = Saboteur(
    "clipped", "bounded by half of the largest", (NOT_LINEAR, "factor 1/2", *IN_PLACES), of_array(_clipped)
)
conjugated = Saboteur("conjugated", "conjugated", ("conjugated",), of_array(_conjugate))
imaginary_dropped = Saboteur(
    "imaginary-dropped",
    "the imaginary part dropped",
    IN_PLACES,
    of_array(_real_part),
)
