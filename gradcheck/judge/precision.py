"""Low precision: the truth is taken from the same function in float64 where it can be had."""

from __future__ import annotations

import numpy as np

from gradcheck.draws import signed
from gradcheck.judge.blockwise import largest
from gradcheck.judge.frameworks.base import DOUBLE
from gradcheck.judge.subject import BrokenPromise, Claim, Subject, cast
from gradcheck.judge.trial import Trial, ask
from gradcheck.judge.verdict import Finding

_ALLOWED = {2.0**-23: 256.0, 2.0**-10: 24.0, 2.0**-7: 12.0}
"""Roundings of the typical entry that a low-precision derivative may be off, by spacing."""

_FAR = 0.25
_FORWARD = 16.0  # times the relative error of the value itself
_NEIGHBOURS = 3


def best(native: Subject) -> tuple[Subject, str]:
    """The subject to sample, and a line on why when it is not the user's own precision.

    A function that does not take float64, or returns something else in it, is sampled as it is; its measured
    noise then decides what can be seen.
    """
    if native.unit == DOUBLE or native.promote is None:
        return native, ""
    try:
        precise = native.promote()
        values = precise.centre
    except Exception as error:  # whatever a function does with arguments it was not written for
        return native, f"not judged in float64: the function raises {type(error).__name__} there"
    if precise.unit != DOUBLE:
        return native, f"not judged in float64: the function returns {precise.outputs[0].dtype} there"
    for y, wide in zip(native.centre, values, strict=True):
        size = float(np.max(np.abs(wide), initial=0.0))
        if (
            not np.all(np.isfinite(wide))
            or np.max(np.abs(y.astype(wide.dtype) - wide), initial=0.0) > _FAR * size
        ):
            return native, "not judged in float64: the function is another one there"
    precise.order = native.order
    return precise, "judged in float64, and in its own precision against that"


def compare(trial: Trial, claim: Claim, precise: Claim) -> list[Finding]:
    """The user's precision against float64, entry by entry.

    Neighbouring inputs show how far rounding scatters the answers; a right derivative is off by that much and
    by some roundings of its typical entry.
    """
    native, truth = trial.native, trial.truth
    count = trial.probes[0].ladder.centre.size
    weights = signed(count).sample(trial.rng)
    differences = []
    for neighbour in range(_NEIGHBOURS):
        low = native.copied() if neighbour == 0 else _nudged(trial)
        high = [x.astype(t.dtype) for x, t in zip(low, truth.point, strict=True)]
        if claim.forward:
            given, wide = trial.probes[0].direction, trial.probes[0].direction
        else:
            wide = trial.cotangents(weights, truth)
            given = trial.cotangents(weights, native)
            wide = [g.astype(w.dtype) for g, w in zip(given, wide, strict=True)]
        try:
            answer = ask(claim, native, low, [np.asarray(g) for g in _as_given(given, native, claim)])
            reference = ask(precise, truth, high, list(wide))
        except BrokenPromise:
            return []
        if reference.unit != DOUBLE:
            return []
        differences.append([(a - b, b) for a, b in zip(answer.arrays, reference.arrays, strict=True)])
    found = []
    slots = native.outputs if claim.forward else native.inputs
    forward = _forward_error(trial)
    for at, slot in enumerate(slots):
        off = np.stack([pairs[at][0] for pairs in differences])
        right = differences[0][at][1]
        if not off.size or not np.all(np.isfinite(off)):
            continue
        scatter = np.abs(off - off.mean(axis=0)).max(axis=0)
        typical = np.sqrt(np.mean(np.abs(right) ** 2))
        unit = max(slot.unit, native.unit)
        least = typical if claim.forward else max(typical, _through_outputs(trial, at))
        size = np.maximum(np.abs(right), least)
        allowed = 4 * scatter + (_ALLOWED.get(unit, 12.0) * unit + _FORWARD * forward) * size
        bad = np.abs(off.mean(axis=0)) > allowed
        if np.any(bad):
            found.append(_finding(claim, slot.path, right, off[0], bad, slot.dtype, native.order))
    return found


def _forward_error(trial: Trial) -> float:
    """Largest relative distance of the function's own value from its float64 value."""
    pairs = zip(trial.native.centre, trial.truth.centre, strict=True)
    return max((largest(low - wide) / (largest(wide) or 1.0) for low, wide in pairs), default=0.0)


def _through_outputs(trial: Trial, leaf: int) -> float:
    """Size of a derivative that is computed from the output: of a saturated tanh, say, 1 - y**2."""
    outputs = np.abs(trial.grouped(trial.truth.centre))
    return float(np.max(outputs, initial=0.0)) / trial.truth.typical[leaf]


def _nudged(trial: Trial) -> list[np.ndarray]:
    """The point with every entry moved by one or two roundings of its own precision."""
    moved = []
    for x, slot in zip(trial.native.point, trial.native.inputs, strict=True):
        steps = trial.rng.integers(-2, 3, x.shape) * slot.unit
        moved.append((x.astype(np.result_type(x.dtype, np.float64)) * (1 + steps)).astype(x.dtype))
    return moved


def _as_given(given: list[np.ndarray], native: Subject, claim: Claim) -> list[np.ndarray]:
    return cast(given, native.inputs if claim.forward else native.outputs)


def _finding(
    claim: Claim, path: str, right: np.ndarray, off: np.ndarray, bad: np.ndarray, dtype: str, order: int
) -> Finding:
    worst = np.unravel_index(int(np.argmax(np.where(bad, np.abs(off), 0))), right.shape)
    return Finding(
        kind="value",
        mode=claim.mode,
        order=order,
        path=path,
        index=tuple(int(i) for i in worst),
        expected=right[worst].item(),
        got=(right + off)[worst].item(),
        bar=float("nan"),
        cause=f"wrong in {dtype} only",
        message=f"in {dtype} it is farther from its own float64 answer than rounding explains",
    )
