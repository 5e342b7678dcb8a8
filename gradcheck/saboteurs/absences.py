"""What is not there: zeros, ``None``, dropped entries, numbers that are none."""

from __future__ import annotations

import math
from typing import Any

from gradcheck.saboteurs.base import (
    IN_PLACES,
    NOT_LINEAR,
    Saboteur,
    largest,
    namespace,
    of_array,
    of_arrays,
    positions,
)


def _drop_largest(array: Any) -> Any:
    """The largest entry set to 0."""
    xp = namespace(array)
    return xp.where(largest(array), xp.zeros_like(array), array)


def _drop_last(array: Any) -> Any:
    xp = namespace(array)
    return xp.where(positions(array) == math.prod(array.shape) - 1, xp.zeros_like(array), array)


def _drop_small(array: Any) -> Any:
    xp = namespace(array)
    small = xp.abs(array) < xp.max(xp.abs(array)) / 10
    return xp.where(small, xp.zeros_like(array), array)


def _last_zero(arrays: list[Any]) -> list[Any]:
    return [*arrays[:-1], namespace(arrays[-1]).zeros_like(arrays[-1])] if len(arrays) > 1 else arrays


def _filled(value: float) -> Any:
    """Every entry is one number."""
    return lambda array: namespace(array).full_like(array, value)


def _one(value: float) -> Any:
    def fault(array: Any) -> Any:
        return namespace(array).where(largest(array), _filled(value)(array), array)

    return fault


all_zero = Saboteur("zero", "every entry 0", ("detached (zero)",), of_array(_filled(0.0)))
one_zero = Saboteur("one-zero", "the last of several arrays 0", ("detached (zero)",), of_arrays(_last_zero))
none = Saboteur(
    "none",
    "None in place of the last array",
    ("None returned", "detached (zero)"),
    of_arrays(lambda arrays: [*arrays[:-1], None]),
)
largest_dropped = Saboteur(
    "largest-dropped",
    "the largest entry 0",
    ("detached (zero)", NOT_LINEAR, *IN_PLACES),
    of_array(_drop_largest),
)
last_dropped = Saboteur(
    "last-dropped", "the last entry 0", ("detached (zero)", *IN_PLACES), of_array(_drop_last)
)
small_dropped = Saboteur(
    "small-dropped",
    "small entries 0",
    ("detached (zero)", NOT_LINEAR, *IN_PLACES),
    of_array(_drop_small),
)
all_nan = Saboteur("nan", "every entry NaN", ("non-finite",), of_array(_filled(math.nan)))
all_infinite = Saboteur("infinite", "every entry infinite", ("non-finite",), of_array(_filled(math.inf)))
one_nan = Saboteur("one-nan", "the largest NaN", ("non-finite",), of_array(_one(math.nan)))
one_infinite = Saboteur("one-infinite", "the largest infinite", ("non-finite",), of_array(_one(math.inf)))
