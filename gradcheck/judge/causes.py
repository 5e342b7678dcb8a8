"""The likely mistake behind a wrong derivative: which simple change would make it right."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from gradcheck.judge.subject import Slot

_NEAR = 1e-3


def named_ratio(ratio: float, sizes: Sequence[int]) -> str:
    """What a claim that is ``ratio`` times the truth got wrong; empty where the number says nothing.

    Parameters
    ----------
    ratio
        Claimed over true.
    sizes
        Counts that a sum or a mean may have run over: sizes of arrays and of their axes.
    """
    known = [
        (-1.0, "sign"),
        (0.0, "detached (zero)"),
        (2.0, "factor 2"),
        (0.5, "factor 1/2"),
        (-2.0, "factor -2"),
    ]
    known += [(float(n), f"factor n (n = {n})") for n in sizes if n > 2]
    known += [(1.0 / n, f"factor 1/n (n = {n})") for n in sizes if n > 2]
    for value, name in known:
        if abs(ratio - value) <= _NEAR * max(abs(value), _NEAR):
            return name
    return ""


def counts(inputs: Sequence[Slot], outputs: Sequence[Slot]) -> list[int]:
    """Sizes and axis lengths that a forgotten or surplus factor n may be."""
    found: dict[int, None] = {}
    for slot in (*inputs, *outputs):
        found.update(dict.fromkeys((slot.size, *slot.shape)))
    return list(found)


def rearranged(gradient: np.ndarray) -> Iterator[tuple[str, np.ndarray]]:
    """The gradient with its entries moved as common mistakes move them, and the mistake."""
    if gradient.ndim >= 2 and gradient.shape[-1] == gradient.shape[-2] and gradient.shape[-1] > 1:
        yield "transposed", np.swapaxes(gradient, -1, -2)
    if gradient.ndim >= 2 and gradient.size > 1:
        yield "transposed", np.reshape(gradient, gradient.shape[::-1]).T
    if gradient.dtype.kind == "c":
        yield "conjugated", np.conj(gradient)
    for axis in range(gradient.ndim):
        if gradient.shape[axis] > 1:
            yield "shifted index", np.roll(gradient, 1, axis)
            yield "shifted index", np.roll(gradient, -1, axis)
            yield "reversed axis", np.flip(gradient, axis)
