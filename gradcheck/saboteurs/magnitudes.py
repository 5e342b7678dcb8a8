"""Derivatives off by a relative amount, in some of their entries."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from gradcheck.saboteurs.base import (
    IN_PLACES,
    NOT_LINEAR,
    SEED,
    Saboteur,
    largest,
    namespace,
    of_array,
    positions,
)

Where = Callable[[Any], Any]


def _scaled(factor: float, where: Where) -> Callable[[Any], Any]:
    """Multiply the entries that a mask chooses."""

    def fault(array: Any) -> Any:
        return namespace(array).where(where(array), factor * array, array)

    return fault


def _everywhere(array: Any) -> Any:
    return positions(array) >= 0


def _random(array: Any) -> Any:
    return positions(array) == int(np.random.default_rng(SEED).integers(math.prod(array.shape)))


def _first_row(array: Any) -> Any:
    return positions(array) < (math.prod(array.shape[1:]) if array.shape else 0)


def _second_half(array: Any) -> Any:
    size = math.prod(array.shape)
    return positions(array) >= size - size // 2


def _opposite(amount: float) -> Callable[[Any], Any]:
    """Two errors that cancel in a sum over all entries."""

    def fault(array: Any) -> Any:
        xp = namespace(array)
        one = largest(array)
        other = xp.reshape(xp.roll(xp.reshape(one, (-1,)), 1), array.shape)
        change = amount * xp.sum(xp.where(one, array, xp.zeros_like(array)))
        return xp.where(one, array + change, array) - xp.where(other, change, xp.zeros_like(array))

    return fault


def _off(place: str, amount: str, where: Where, what: str) -> Saboteur:
    # which entry is the largest depends on the cotangent
    causes = (*IN_PLACES, NOT_LINEAR, "factor 2" if amount == "1" else "constant factor")
    fault = _scaled(1 + float(amount), where)
    return Saboteur(f"{place}-{amount}", f"{what} too large by {amount}", causes, of_array(fault))


def _pair(amount: str) -> Saboteur:
    title = f"two entries off by {amount}, their sum right"
    causes = (*IN_PLACES, NOT_LINEAR, "factor 2")
    return Saboteur(f"opposite-{amount}", title, causes, of_array(_opposite(float(amount))))


all_by_tenth = _off("all", "1e-1", _everywhere, "every entry")
all_by_thousandth = _off("all", "1e-3", _everywhere, "every entry")
all_by_millionth = _off("all", "1e-6", _everywhere, "every entry")
largest_by_all = _off("largest", "1", largest, "the largest entry")
largest_by_tenth = _off("largest", "1e-1", largest, "the largest entry")
largest_by_thousandth = _off("largest", "1e-3", largest, "the largest entry")
largest_by_millionth = _off("largest", "1e-6", largest, "the largest entry")
random_by_all = _off("random", "1", _random, "a random entry")
random_by_tenth = _off("random", "1e-1", _random, "a random entry")
random_by_thousandth = _off("random", "1e-3", _random, "a random entry")
random_by_millionth = _off("random", "1e-6", _random, "a random entry")
opposite_by_all = _pair("1")
opposite_by_tenth = _pair("1e-1")
opposite_by_thousandth = _pair("1e-3")
opposite_by_millionth = _pair("1e-6")
row_by_all = _off("row", "1", _first_row, "the first row")
row_by_tenth = _off("row", "1e-1", _first_row, "the first row")
row_by_thousandth = _off("row", "1e-3", _first_row, "the first row")
row_by_millionth = _off("row", "1e-6", _first_row, "the first row")
half_by_all = _off("half", "1", _second_half, "the second half")
half_by_tenth = _off("half", "1e-1", _second_half, "the second half")
half_by_thousandth = _off("half", "1e-3", _second_half, "the second half")
half_by_millionth = _off("half", "1e-6", _second_half, "the second half")
