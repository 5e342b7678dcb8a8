"""Studies as the page's scripts draw them: as fine as an eye sees, and no larger."""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping, Sequence
from decimal import MAX_EMAX, MIN_EMIN, Context, Decimal
from itertools import chain
from typing import TYPE_CHECKING, Any

from .embedding import rounded

if TYPE_CHECKING:
    from gradcheck import Study

_LEVELS = 1000  # of a picture's height, so that a level is less than a pixel
_FAR = sys.float_info.max / 8  # so that no difference of what is drawn overflows
_TAIL = 0.05  # of the values, at each end, may leave a picture to keep the others apart
_MARGIN = 0.6  # of what the others span, that a picture shows beyond them
_EXACT = Context(prec=60, Emax=MAX_EMAX, Emin=MIN_EMIN, traps=[])


def drawable(study: Study) -> dict[str, Any]:
    """What is drawn of a study."""
    return {
        "suite": study.suite,
        "problem": study.problem,
        "point": study.point,
        "inputs": study.inputs,
        "steps": study.steps,
        "pattern": study.pattern,
        "curve": _curve(study.curve) if study.curve else None,
        "surface": _surface(study.surface) if study.surface else None,
        "differences": _differences(study.differences) if study.differences else None,
    }


def levels(values: Sequence[float]) -> dict[str, Any]:
    """Values as steps between the levels of a picture.

    ``low`` and ``high`` are what the picture shows; ``moves`` says by how many times ``level`` each value
    lies above the one before, or None for no number. Values far outside, as near a pole, are drawn in to
    where they are just out of sight.
    """
    low, high = window(values)
    level = (high - low) / _LEVELS
    moves: list[int | None] = []
    last = 0
    for value in values:
        if not math.isfinite(value):
            moves.append(None)
            continue
        now = round((min(max(value, 2 * low - high), 2 * high - low) - low) / level)
        moves.append(now - last)
        last = now
    return {"low": low, "high": high, "level": level, "moves": moves}


def window(values: Sequence[float]) -> tuple[float, float]:
    """What a picture shows of some values: all of them, unless a few would leave no room for the others."""
    finite = sorted(max(-_FAR, min(value, _FAR)) for value in values if math.isfinite(value))
    if not finite:
        return -1.0, 1.0
    cut = int(_TAIL * len(finite))
    least, most = finite[cut], finite[-1 - cut]
    margin = _MARGIN * (most - least)
    low, high = max(finite[0], least - margin), min(finite[-1], most + margin)
    if (high - low) / _LEVELS >= sys.float_info.min:
        return low, high
    room = max(1.0, abs(low) / _LEVELS)
    return low - room, low + room


def _curve(curve: Mapping[str, Any]) -> dict[str, Any]:
    at, value, slope = curve["at"], curve["value"], curve["slope"]

    def gap(x: Sequence[float], y: Sequence[float]) -> float:
        """How far the function is from its tangent."""
        gaps = [abs(b - value - slope * (a - at)) for a, b in zip(x, y, strict=True)]
        return rounded(max(filter(math.isfinite, gaps), default=math.nan), 3)

    zooms = [
        {
            "half": zoom["half"],
            "x": _ends(zoom["x"]),
            "y": levels(zoom["y"]),
            "gap": gap(zoom["x"], zoom["y"]),
        }
        for zoom in curve["zooms"]
    ]
    return {"at": at, "value": value, "slope": slope, "zooms": zooms}


def _surface(surface: Mapping[str, Any]) -> dict[str, Any]:
    return {
        **{key: surface[key] for key in ("names", "at", "value", "gradient")},
        "x": _ends(surface["x"]),
        "y": _ends(surface["y"]),
        "columns": len(surface["x"]),
        "z": levels([*chain.from_iterable(surface["z"])]),
    }


def _ends(axis: Sequence[float]) -> list[float]:
    """The ends of an axis, which is sampled evenly."""
    return [axis[0], axis[-1]]


def _differences(found: Mapping[str, Any]) -> dict[str, Any]:
    """Difference quotients by their errors: relative, unless the truth is 0.

    The errors are taken from all digits of the truth, of which floating point has but half.
    """
    true = Decimal(found["true"])
    unit = abs(true) or Decimal(1)

    def error(value: float) -> float:
        return _relative(_EXACT.subtract(Decimal(value), true), unit) if math.isfinite(value) else math.nan

    ladder = found["ladder"]
    return {
        "true": found["true"],
        "relative": bool(true),
        "steps": found["steps"],
        "forward": [error(value) for value in found["forward"]],
        "central": [error(value) for value in found["central"]],
        "ladder": ladder
        and {
            "steps": ladder["steps"],
            "error": error(ladder["value"]),
            "bar": _relative(ladder["error"], unit),
        },
    }


def _relative(error: Decimal | float, unit: Decimal) -> float:
    """An error in units that may lie below all floating-point numbers."""
    return rounded(float(_EXACT.divide(abs(Decimal(error)), unit)), 3)
