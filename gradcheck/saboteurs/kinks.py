"""Wrong only at special points: at exact zeros of the input, and where two entries are equal."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from gradcheck.saboteurs.base import IN_PLACES, NOT_LINEAR, Part, Saboteur, namespace, of_part


def _at_zeros(wrong: Callable[[Part], Any]) -> Callable[[Part], Any]:
    def fault(part: Part) -> Any:
        if part.x is None:
            return part.array
        return namespace(part.array).where(part.x == 0, wrong(part), part.array)

    return fault


def _slope_two(part: Part) -> Any:
    """Outside of the slopes on either side, [0, 1] for a rectifier; where the shapes tell the cotangent."""
    same = part.cotangent is not None and part.cotangent.shape == part.array.shape
    return 2 * part.cotangent if same else part.array


def _nan(part: Part) -> Any:
    return namespace(part.array).full_like(part.array, math.nan)


def _not_shared(part: Part) -> Any:
    """Equal entries along the last axis each get what they should share."""
    if part.x is None or not part.x.shape:
        return part.array
    xp = namespace(part.array)
    equal = xp.astype(part.x[..., :, None] == part.x[..., None, :], part.array.dtype)
    return xp.sum(equal * part.array[..., None, :], axis=-1)


off_at_zero = Saboteur(
    "off-at-zero",
    "1 too large where the input is exactly 0",
    (*IN_PLACES, NOT_LINEAR),
    of_part(_at_zeros(lambda part: part.array + 1)),
)
slope_two_at_zero = Saboteur(
    "slope-two-at-zero",
    "slope 2 where the input is exactly 0",
    (*IN_PLACES, "factor 2"),
    of_part(_at_zeros(_slope_two)),
)
zero_at_zero = Saboteur(
    "zero-at-zero",
    "0 where the input is exactly 0",
    (*IN_PLACES, "detached (zero)"),
    of_part(_at_zeros(lambda part: part.array * 0)),
)
nan_at_zero = Saboteur(
    "nan-at-zero", "NaN where the input is exactly 0", (*IN_PLACES, "non-finite"), of_part(_at_zeros(_nan))
)
ties_not_shared = Saboteur(
    "ties-not-shared",
    "equal entries get what they should share",
    (*IN_PLACES, "factor"),
    of_part(_not_shared),
)
