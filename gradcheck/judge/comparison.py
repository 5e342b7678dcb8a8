"""A claimed slope against the measured one: agreement, disagreement, or no decision.

A tolerance is never scaled with the size of the problem or with the projected value. What is allowed is the
error bar of the measurement and the roundings of the claim.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

import numpy as np

from gradcheck.judge.subject import Arrays
from gradcheck.judge.trial import ROUNDINGS, Answer
from gradcheck.numeric.ladder import Ladder

COARSE = 0.1
"""Relative error bar above which a measurement says nothing."""


class State(Enum):
    """What a comparison came to."""

    AGREES = "agrees"
    DISAGREES = "disagrees"
    OPEN = "open"


@dataclass(frozen=True, slots=True)
class Reading:
    """One claimed slope and what was measured.

    ``low`` and ``high`` bound what a right claim may be; they differ by more than bars at a kink only.
    """

    state: State
    claimed: float
    low: float
    high: float
    bar: float
    scale: float
    reason: str = ""

    @property
    def expected(self) -> float:
        """Middle of what was measured."""
        if np.isinf(self.low) or np.isinf(self.high):
            return self.low if np.isinf(self.low) else self.high
        return self.low + (self.high - self.low) / 2

    @property
    def miss(self) -> float:
        """How far the claim lies outside of what was measured; NaN where that makes no sense."""
        if not np.isfinite(self.claimed):
            return np.inf
        return max(self.low - self.claimed, self.claimed - self.high, 0.0)

    @property
    def at_kink(self) -> bool:
        """Whether more than one slope is right."""
        return self.reason.startswith(("kink", "jump"))


def allowance(answer: Answer, along: Arrays, scale: float) -> float:
    """Rounding that a right derivative may carry into its product with a direction."""
    return ROUNDINGS * answer.unit * max(answer.size_along(along), scale * 2.0**-10)


def read(ladder: Ladder, claimed: float, rounding: float) -> Reading:
    """Compare a claim with the samples of one function along one direction.

    Parameters
    ----------
    ladder
        Samples of a single column.
    claimed
        The slope claimed.
    rounding
        What the claim may be off by its own arithmetic.
    """
    central = ladder.central
    value, bar = float(central.value[0]), float(central.error[0]) + rounding
    scale = max(abs(value) if np.isfinite(value) else 0.0, abs(claimed) if np.isfinite(claimed) else 0.0)
    scale = max(scale, float(ladder.range[0]))
    if np.isfinite(value) and np.isfinite(claimed) and abs(claimed - value) <= bar:
        if bar > COARSE * scale and not ladder.flat[0]:
            return Reading(State.OPEN, claimed, value, value, bar, scale, "error bar as wide as the slope")
        return Reading(State.AGREES, claimed, value, value, bar, scale)
    slopes = ladder.slopes
    sides = [
        (float(side.value[0]), float(side.error[0]) + rounding)
        for side in (slopes.left, slopes.right)
        if not np.isnan(side.value[0])
    ]
    if not sides:
        return Reading(State.OPEN, claimed, np.nan, np.nan, np.inf, scale, "no finite value beside the point")
    infinite = [slope for slope, _ in sides if np.isinf(slope)]
    if infinite:
        state = State.AGREES if claimed in infinite else State.OPEN
        low, high = min(s for s, _ in sides), max(s for s, _ in sides)
        return Reading(state, claimed, low, high, np.inf, scale, "infinite slope at the point")
    one_sided = not np.isfinite(value)
    if one_sided or slopes.kink[0]:
        low, high = min(s for s, _ in sides), max(s for s, _ in sides)
        bar = max(error for _, error in sides)
        inside = bool(np.isfinite(claimed)) and low - bar <= claimed <= high + bar
        what = "edge of the domain" if one_sided else "kink at the point"
        if slopes.isolated[0] and not inside:
            return Reading(State.OPEN, claimed, low, high, bar, scale, "isolated value at the point")
        if inside and bar > COARSE * max(scale, abs(low), abs(high)):
            return Reading(
                State.OPEN, claimed, low, high, bar, scale, f"{what}, error bar as wide as the slope"
            )
        return Reading(State.AGREES if inside else State.DISAGREES, claimed, low, high, bar, scale, what)
    if claimed == 0 and not ladder.quotients[-2:].any():
        return Reading(
            State.OPEN, claimed, value, value, bar, scale, "constant near the point, but not farther away"
        )
    if bar > COARSE * scale and not (np.isfinite(claimed) and abs(claimed - value) > 3 * bar):
        return Reading(State.OPEN, claimed, value, value, bar, scale, "error bar as wide as the slope")
    return Reading(State.DISAGREES, claimed, value, value, bar, scale)
