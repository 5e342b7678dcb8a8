"""An answer against the truth: the outcome, the worst entry, its digits and ulps.

The rounding bound of the truth is the only yardstick: it follows from the dtype, the function and the
point. Within it an answer is exact. An answer that states an error bar is ok within that bar; one that
states none is ok as long as half of the digits that rounding leaves are right, and two of the largest entry's
are; its digits say how ok.

A bound counts one rounding a step. Vectorised elementary functions are allowed four of them, in ulps (NumPy
documentation, "CPU/SIMD optimizations": up to 4 ulp). In 16 bits functions are computed in float32 and
rounded once; two are left there, for a pullback takes about as many steps as the evaluation.

Where rounding alone may change an answer by more than its size, or numbers on the way leave the range of the
dtype, an answer that is right all the same is exact, and of any other nothing can be said.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from flint import arb

from gradcheck.balls import evaluation
from gradcheck.dtypes import FORMATS
from gradcheck.operators import Layout
from gradcheck.records import Outcome
from gradcheck.truth import Entry, Truth, decimal

ULPS_OF_A_FUNCTION = {"float64": 4, "float32": 4, "float16": 2, "bfloat16": 2}
_STEPS_IN_A_RULE = 4  # of which each may lose what a number out of range loses
_FEWEST_DIGITS = 1e-2
_BITS = 256

# The worst entry of an answer is the one whose outcome comes last here.
_SEVERITY = (
    Outcome.EXACT,
    Outcome.OK,
    Outcome.CONVENTION,
    Outcome.UNDEFINED,
    Outcome.UNSUPPORTED,
    Outcome.LOST_TINY,
    Outcome.NAN,
    Outcome.WRONG,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """What became of an answer; the fields are those of :class:`gradcheck.records.Measurement`."""

    outcome: Outcome
    reason: str
    relative_error: float
    ulps: float
    condition: float
    digits: float
    index: str
    got: str
    true: str


@dataclass(frozen=True, slots=True)
class _Judged:
    position: int
    outcome: Outcome
    error: float
    entry: Entry
    excess: float  # error in units of what was allowed
    reason: str = ""  # why nothing can be said


def judge(
    answer: np.ndarray, bars: np.ndarray | None, truth: Truth, operator: str, layout: Layout, dtype: str
) -> Judgement:
    """Compare a flat answer with the truth, entry by entry.

    Parameters
    ----------
    answer
        The flat answer, in the dtype the backend gave.
    bars
        The error bars the backend states, or None when it claims to be exact up to rounding.
    truth, operator, layout, dtype
        What to compare with, and how entries are named.
    """
    scale = _scale(truth.entries)
    bars = np.zeros(answer.shape) if bars is None else bars
    with evaluation(_BITS, 1):
        judged = [
            _entry(at, float(got), float(bar), entry, scale, dtype)
            for at, (got, bar, entry) in enumerate(zip(answer, bars, truth.entries, strict=True))
        ]
    if not judged:
        return _nothing_to_judge()
    worst = max(judged, key=lambda one: (_SEVERITY.index(one.outcome), one.excess))
    return _describe(worst, answer, operator, layout, dtype)


def _scale(entries: Sequence[Entry]) -> float:
    return max((_size(entry) for entry in entries if entry.defined), default=0.0)


def _size(entry: Entry) -> float:
    return max(abs(float(entry.low.mid())), abs(float(entry.high.mid())))


def _entry(at: int, got: float, bar: float, entry: Entry, scale: float, dtype: str) -> _Judged:
    if not entry.defined:
        if math.isinf(entry.beyond):
            return _Judged(at, Outcome.UNSUPPORTED, math.nan, entry, 0.0, _out_of_range(dtype))
        limits = {entry.left, entry.right} & {"+inf", "-inf"}
        honest = not math.isfinite(got) or not limits
        return _Judged(at, Outcome.UNDEFINED, math.nan, entry, 0.0 if honest else 1.0)
    if not math.isfinite(got):
        outcome, reason = _of_no_number(got, bar, entry, dtype)
        return _Judged(at, outcome, 0.0 if outcome is Outcome.EXACT else math.inf, entry, math.inf, reason)
    error = _distance(got, entry)
    excess = error / entry.bound if entry.bound else (math.inf if error else 0.0)
    outcome, reason = _of_number(got, error, bar, entry, scale, dtype)
    return _Judged(at, outcome, error, entry, excess, reason)


def _of_no_number(got: float, bar: float, entry: Entry, dtype: str) -> tuple[Outcome, str]:
    true, largest = float(entry.low.mid()), FORMATS[dtype].largest
    if abs(true) > largest and got * true > 0:
        return Outcome.EXACT, ""
    reaches_out = math.isinf(got) and 0 < largest - abs(true) <= bar
    if math.isinf(bar) or reaches_out:
        return Outcome.UNSUPPORTED, _WIDE_BAR
    if math.isinf(entry.beyond):
        return Outcome.UNSUPPORTED, _out_of_range(dtype)
    return Outcome.NAN, ""


def _of_number(
    got: float, error: float, bar: float, entry: Entry, scale: float, dtype: str
) -> tuple[Outcome, str]:
    magnitude, number = abs(float(entry.low.mid())), FORMATS[dtype]
    allowed = ULPS_OF_A_FUNCTION[dtype] * entry.bound
    decides = allowed < scale if scale else math.isfinite(allowed)
    right = allowed if decides else ULPS_OF_A_FUNCTION[dtype] * number.half_ulp(magnitude)
    if error <= right:
        return (Outcome.EXACT if entry.smooth else Outcome.CONVENTION), ""
    if error <= bar:
        if not (bar < max(magnitude, scale / 10) if scale else math.isfinite(bar)):
            return Outcome.UNSUPPORTED, _WIDE_BAR
        return (Outcome.OK if entry.smooth else Outcome.CONVENTION), ""
    if error <= allowed:
        return Outcome.UNSUPPORTED, _NO_BOUND if math.isinf(allowed) else _WIDE_BOUND
    if error <= allowed + _STEPS_IN_A_RULE * entry.beyond:
        return Outcome.UNSUPPORTED, _out_of_range(dtype)
    if not entry.smooth:
        return Outcome.WRONG, ""
    if not bar and error <= min(math.sqrt(allowed * magnitude), _FEWEST_DIGITS * scale):
        return Outcome.OK, ""
    lost = got == 0 and magnitude < number.epsilon * max(scale, 1.0)
    return (Outcome.LOST_TINY if lost else Outcome.WRONG), ""


_WIDE_BAR = "states an error bar wider than the derivative itself"
_NO_BOUND = "rounding alone may change this answer without bound in this dtype"
_WIDE_BOUND = "rounding alone may change this answer by more than its size in this dtype"


def _out_of_range(dtype: str) -> str:
    return f"beyond the range of {dtype} on the way"


def _distance(got: float, entry: Entry) -> float:
    """How far the answer lies from the truth, or from the interval of one-sided derivatives."""
    at = arb(got)
    if entry.smooth:
        return float(abs(at - entry.low).mid())
    if at < entry.low:
        return float((entry.low - at).mid())
    return float((at - entry.high).mid()) if at > entry.high else 0.0


def _describe(worst: _Judged, answer: np.ndarray, operator: str, layout: Layout, dtype: str) -> Judgement:
    entry, error = worst.entry, worst.error
    got = repr(answer[worst.position].item())
    magnitude = _size(entry) if entry.defined else math.nan
    u = FORMATS[dtype].unit
    relative = error / magnitude if magnitude else (0.0 if error == 0 else math.nan)
    index = layout.path(operator, worst.position)
    return Judgement(
        outcome=worst.outcome,
        reason=_reason(worst, index, got, dtype),
        relative_error=relative,
        ulps=_ulps(error, magnitude, dtype),
        condition=entry.bound / (u * magnitude) if entry.defined and magnitude else math.nan,
        digits=_digits(relative, u),
        index=index,
        got=got,
        true=entry.text(),
    )


def _ulps(error: float, magnitude: float, dtype: str) -> float:
    if math.isnan(error):
        return math.nan
    return error / FORMATS[dtype].spacing(magnitude) if magnitude <= FORMATS[dtype].largest else math.inf


def _digits(relative: float, u: float) -> float:
    """Correct decimal digits; at most what the dtype holds, at least none."""
    if math.isnan(relative):
        return math.nan
    most = -math.log10(u)
    return most if relative <= u else max(0.0, min(most, -math.log10(relative)))


def _reason(worst: _Judged, index: str, got: str, dtype: str) -> str:
    outcome, entry = worst.outcome, worst.entry
    if outcome is Outcome.EXACT:
        return ""
    explained = f"rounding explains {ULPS_OF_A_FUNCTION[dtype] * entry.bound:.1e}"
    if outcome is Outcome.UNDEFINED:
        return f"at {index}: {entry.text()}; answered {got}"
    if outcome is Outcome.CONVENTION:
        return f"at {index}: one-sided values {entry.text(6)}; answered {got}"
    if outcome is Outcome.OK:
        return f"at {index}: off by {worst.error:.1e}, {explained}"
    if outcome is Outcome.UNSUPPORTED:
        return worst.reason
    if outcome is Outcome.LOST_TINY:
        return f"at {index}: the derivative is {decimal(entry.low, 6)}, answered 0"
    return f"at {index}: answered {got}, true {entry.text(17)}, {explained}"


def _nothing_to_judge() -> Judgement:
    nan = math.nan
    return Judgement(
        outcome=Outcome.EXACT,
        reason="",
        relative_error=0.0,
        ulps=0.0,
        condition=nan,
        digits=nan,
        index="",
        got="",
        true="",
    )
