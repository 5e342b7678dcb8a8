"""Agreement of derivatives among themselves: <v, J u> = <J^T v, u>, and <u, H w> = <w, H u>.

Rounding is the only tolerance, so that these see below what the function's own noise hides. The sizes
compared with are those of the terms, never that of the inner product, which may vanish (J. Claerbout, "Earth
Soundings Analysis", 1992, chapter 5, the dot-product test).
"""

from __future__ import annotations

import numpy as np

from gradcheck.judge.subject import BrokenPromise, Claim, cast, inner, unflat
from gradcheck.judge.trial import Answer, Trial, ask
from gradcheck.judge.verdict import Finding

_LOOSE = 2.0**13


def transposes(trial: Trial, claims: list[Claim]) -> list[Finding]:
    """Every forward claim against every reverse one."""
    found = []
    for forward in (claim for claim in claims if claim.forward):
        for reverse in (claim for claim in claims if not claim.forward):
            finding = _transpose(trial, forward, reverse)
            found += [finding] if finding else []
    return found


def _transpose(trial: Trial, forward: Claim, reverse: Claim) -> Finding | None:
    direction, weights = trial.probes[0].direction, trial.weights[0]
    try:
        pushed, pulled = trial.push(forward, direction), trial.pull(reverse, weights)
        moved = _moved(trial, forward, reverse)
    except BrokenPromise:
        return None
    cotangent = unflat(trial.sketch.up(weights), trial.truth.outputs)
    ahead, back = inner(pushed.arrays, cotangent), pulled.along(direction)
    size = float(np.hypot(pushed.size_along(cotangent), pulled.size_along(direction)))
    unit = max(pushed.unit, pulled.unit)
    wobble = abs((moved[0] - moved[1]) - (ahead - back))
    if not abs(ahead - back) > _LOOSE * unit * size + 4 * wobble:
        return None
    return Finding(
        kind="value",
        mode="transpose",
        order=trial.order,
        expected=ahead,
        got=back,
        bar=_LOOSE * unit * size,
        cause="not the transpose of the forward mode",
        message=f"<v, {forward.mode} u> is not <{reverse.mode} v, u>",
    )


def _moved(trial: Trial, forward: Claim, reverse: Claim) -> tuple[float, float]:
    """Both products with every input moved by a rounding: what their own arithmetic does to them."""
    truth, direction, weights = trial.truth, trial.probes[0].direction, trial.weights[0]
    nudged = [
        x * (1 + slot.unit * trial.rng.integers(-1, 2, x.shape))
        for x, slot in zip(truth.point, truth.inputs, strict=True)
    ]
    xs = cast(nudged, truth.inputs)
    pushed = ask(forward, truth, [x.copy() for x in xs], [d.copy() for d in cast(direction, truth.inputs)])
    pulled = ask(reverse, truth, xs, trial.cotangents(weights))
    cotangent = unflat(trial.sketch.up(weights), truth.outputs)
    return inner(pushed.arrays, cotangent), pulled.along(direction)


def symmetric(trial: Trial, claim: Claim) -> list[Finding]:
    """The derivative of a gradient is symmetric."""
    one, other = (p.direction for p in trial.probes[:2])
    try:
        first, second = _curved(trial, claim, one), _curved(trial, claim, other)
    except BrokenPromise:
        return []
    left, right = first.along(other), second.along(one)
    size = float(np.hypot(first.size_along(other), second.size_along(one)))
    bar = _LOOSE * max(first.unit, second.unit) * size
    if not abs(left - right) > bar:
        return []
    return [
        Finding(
            kind="value",
            mode=claim.mode,
            order=trial.order,
            expected=left,
            got=right,
            bar=bar,
            cause="not symmetric",
            message="<u, H w> is not <w, H u>",
        )
    ]


def _curved(trial: Trial, claim: Claim, direction: list[np.ndarray]) -> Answer:
    given = [d.copy() for d in cast(direction, trial.truth.inputs)]
    return ask(claim, trial.truth, trial.truth.copied(), given)
