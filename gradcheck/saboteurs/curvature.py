"""Second derivatives: Hessian products that no Hessian has.

The faults are in the product with the last argument; a Jacobian in the Hessian's place is spoilt alike.
"""

from __future__ import annotations

import math
from typing import Any

from gradcheck.saboteurs.base import (
    IN_PLACES,
    Derivative,
    Memory,
    Saboteur,
    cotangent_of,
    floats,
    namespace,
    of_array,
    of_call,
    pieces,
    positions,
    replaced,
    with_cotangent,
)


def _rows_scaled(array: Any) -> Any:
    """Every row by a factor of its own, so that H[i, j] is no longer H[j, i]."""
    xp = namespace(array)
    return array * (1 + 0.1 * xp.astype(positions(array), array.dtype) / math.prod(array.shape))


def _diagonal(call: Derivative, args: tuple[Any, ...], memory: Memory) -> Any:
    """An entry answers to its own output alone, as if the function were elementwise."""
    (cotangent,) = floats(cotangent_of(args))
    xp = namespace(cotangent)
    answer = call(*args)
    spoilt = floats(answer)
    for mask in pieces(cotangent):
        single = xp.where(mask, cotangent, xp.zeros_like(cotangent))
        spoilt = [
            xp.where(mask, new, old) if old.shape == cotangent.shape else old
            for new, old in zip(floats(call(*with_cotangent(args, single))), spoilt, strict=True)
        ]
    return replaced(answer, lambda _: spoilt)


unsymmetric = Saboteur(
    "unsymmetric", "rows scaled, each by its own factor", IN_PLACES, of_array(_rows_scaled)
)
diagonal_only = Saboteur(
    "diagonal-only",
    "every entry answers to its own output",
    IN_PLACES,
    of_call(_diagonal),
)
