"""Truth for sized points, where balls would take hours: the closed form in extended precision.

The function and its closed form run once on :class:`gradcheck.running_error.Rounded` arrays of
``np.longdouble``. What comes out is the truth, to the digits which that precision leaves, and beside every
entry its rounding bound: n-term sums lose digits, and the bound says how many. Of an answer with many entries
a seeded sample of positions is judged.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from flint import arb

from gradcheck import running_error
from gradcheck.balls import evaluation
from gradcheck.dtypes import FORMATS, is_floating
from gradcheck.errors import TruthUnavailable
from gradcheck.namespaces import numpy_xp
from gradcheck.problems import Instance
from gradcheck.running_error import Rounded, exact, running_xp
from gradcheck.truth import Entry, Truth

JUDGED = 4096  # positions, at most
_FLOAT64 = FORMATS["float64"].unit
_BITS = 128  # hold two doubles side by side
_STEP = 2.0**-10  # of central differences, relative to every input
_EXACT = 100.0  # digits of an answer without any rounding

Function = Callable[..., Any]
Judged = tuple[np.ndarray, np.ndarray]


def positions(size: int) -> np.ndarray:
    """The positions of a flat answer that are judged: all, or the two ends and a sample that never changes.

    Blocks that do not divide a length leave their remainder at its end.
    """
    if size <= JUDGED:
        return np.arange(size)
    inner = np.random.default_rng(size).choice(size - 2, JUDGED - 2, replace=False) + 1
    return np.concatenate([[0], np.sort(inner), [size - 1]])


class Extended:
    """The truth of one sized instance in one dtype, at the positions that are judged.

    Parameters
    ----------
    instance
        The problem and its point; for a gradient the problem returns a scalar and has a closed form ``jac``.
    dtype
        Name of the dtype: inputs are rounded to it, and the rounding bounds are for it.
    """

    def __init__(self, instance: Instance, dtype: str) -> None:
        self.instance = instance
        self.dtype = dtype
        self.layout = instance.layout
        self._name = instance.problem.name
        self._arrays = {
            name: array.astype(np.float64) if is_floating(array.dtype) else array
            for name, array in instance.cast(dtype).items()
        }
        self._runs: dict[str, Judged] = {}

    def share(self, other: Extended) -> None:
        """Reuse the runs of another dtype whose inputs are the same numbers: they count roundings."""
        pairs = zip(self._arrays.values(), other._arrays.values(), strict=True)
        if all(np.array_equal(mine, theirs) for mine, theirs in pairs):
            self._runs = other._runs

    def truth(self, operator: str, seeds: Mapping[str, Sequence[np.ndarray]]) -> Truth:
        """The truth of an operator's answer at the ``positions`` of its size.

        Parameters
        ----------
        operator
            ``value`` or ``gradient``.
        seeds
            Not used: neither operator takes any.

        Raises
        ------
        TruthUnavailable
            For another operator; when there is no closed form, or it disagrees with the function; when one of
            them does not run in extended precision.
        """
        if operator not in ("value", "gradient"):
            raise TruthUnavailable(f"{self._name}: at a sized point only value and gradient are asked")
        value, roundings = self._judged(operator)
        own = float(np.finfo(running_error.WIDE).eps) / 2
        return Truth(
            kind="closed form" if own < _FLOAT64 else "closed form in float64",
            entries=_entries(value, roundings, own, self.dtype),
            digits=_digits(value, roundings, own),
        )

    def _judged(self, operator: str) -> Judged:
        if operator not in self._runs:
            self._runs[operator] = self._value() if operator == "value" else self._gradient()
        return self._runs[operator]

    def _value(self) -> Judged:
        return _sampled([self._followed(self.instance.problem.fn)])

    def _gradient(self) -> Judged:
        """The closed form, once it agrees with the function."""
        jac = self.instance.problem.jac
        if jac is None:
            raise TruthUnavailable(f"{self._name}: a sized point needs a closed form; give a jac")
        slopes = self._followed(jac)
        blocks = slopes if isinstance(slopes, tuple) else (slopes,)
        shapes = tuple(block.shape for block in blocks)
        if self.layout.output != () or shapes != self.layout.inputs:
            raise TruthUnavailable(
                f"{self._name}: output {self.layout.output} and closed form {shapes} for inputs "
                f"{self.layout.inputs}; a sized point needs a scalar function and its jac"
            )
        self._confirm(blocks)
        return _sampled(blocks)

    def _followed(self, function: Function) -> Any:
        """A function's answer on the exactly cast inputs, with the roundings it may have suffered."""
        inputs = [exact(array) for array in self._arrays.values()]
        try:
            answer = function(running_xp, *inputs)
        except Exception as error:  # the function is anybody's code
            raise TruthUnavailable(f"{self._name}: does not run in extended precision ({error})") from error
        for part in answer if isinstance(answer, tuple) else (answer,):
            if not isinstance(part, Rounded) or part.dtype != running_error.WIDE:
                raise TruthUnavailable(f"{self._name}: loses extended precision on its way")
        return answer

    def _confirm(self, slopes: Sequence[Rounded]) -> None:
        """Believe a closed form that has the function's own slope along a seeded direction.

        The slope is a central difference in float64, extrapolated from two steps: what the extrapolation
        changes bounds its truncation, and the roundings of function and inputs over the step bound its noise.
        """
        names = self.instance.problem.wrt
        start = [self._arrays[name] for name in names]
        signs = self.instance.direction("confirm", self.layout.inputs)
        along = [sign * np.where(x == 0, 1.0, np.abs(x)) for sign, x in zip(signs, start, strict=True)]
        function = self.instance.bind(numpy_xp, self._arrays)

        def difference(step: float) -> float:
            ahead = function(*(x + step * v for x, v in zip(start, along, strict=True)))
            behind = function(*(x - step * v for x, v in zip(start, along, strict=True)))
            return float(ahead - behind) / (2 * step)

        coarse, fine = difference(_STEP), difference(_STEP / 2)
        seen = fine + (fine - coarse) / 3
        doubles = [slope.value.astype(np.float64) for slope in slopes]
        claimed = float(sum(np.vdot(slope, v) for slope, v in zip(doubles, along, strict=True)))
        moved = float(sum(np.vdot(np.abs(slope), np.abs(v)) for slope, v in zip(doubles, along, strict=True)))
        _, (roundings,) = self._judged("value")
        noise = 4 * _FLOAT64 * (float(roundings) + moved) / _STEP
        if not abs(claimed - seen) <= abs(seen - coarse) + noise:
            raise TruthUnavailable(
                f"{self._name}: along one direction the closed form rises by {claimed:.10g}, "
                f"the function by {seen:.10g}; mend jac"
            )


def _sampled(blocks: Sequence[Rounded]) -> Judged:
    """Values and roundings of the judged positions among all entries of some arrays."""
    at = positions(sum(block.size for block in blocks))
    values, roundings, start = [], [], 0
    for block in blocks:
        inside = at[(at >= start) & (at < start + block.size)] - start
        values.append(block.value.flat[inside])
        roundings.append(block.roundings.flat[inside])
        start += block.size
    return np.concatenate(values), np.concatenate(roundings)


def _entries(value: np.ndarray, roundings: np.ndarray, own: float, dtype: str) -> list[Entry]:
    """Every entry with its bound: half a unit in the last place, as often as the value may be rounded.

    The truth is rounded as often in its own precision. An entry that is 0 has no size, and may be off by what
    its neighbours may.
    """
    number = FORMATS[dtype]
    size = np.abs(value).astype(np.float64)
    bounds = np.maximum(roundings * (number.unit + own), [number.half_ulp(x) for x in size.tolist()])
    bounds[value == 0] = np.max(bounds, initial=0.0)
    beyond = np.where(size > number.largest, np.inf, 0.0)
    beyond[(size > 0) & (size < number.smallest)] = number.lost
    with evaluation(_BITS, 1):
        balls = [_ball(x, own * float(r)) for x, r in zip(value, roundings, strict=True)]
    return [
        Entry(low=ball, high=ball, bound=bound, beyond=far)
        if ball.is_finite()
        else Entry(reason="no finite value here")
        for ball, bound, far in zip(balls, bounds.tolist(), beyond.tolist(), strict=True)
    ]


def _ball(x: Any, radius: float) -> Any:
    """A number of extended precision as the two doubles it is the sum of."""
    high = float(x)
    return arb(high, radius) + arb(float(x - high) if math.isfinite(high) else 0.0)


def _digits(value: np.ndarray, roundings: np.ndarray, own: float) -> float:
    """Digits that are certain in the worst entry."""
    rounded = roundings > 0
    if not np.any(rounded):
        return _EXACT
    with np.errstate(divide="ignore", invalid="ignore"):
        relative = own * roundings[rounded] / np.abs(value[rounded]).astype(np.float64)
    worst = float(np.max(relative))
    return round(max(0.0, -math.log10(worst)), 1) if math.isfinite(worst) and worst else 0.0
