"""A Hessian product against second differences of the function, where no gradient is given."""

from __future__ import annotations

import numpy as np

from gradcheck.judge.probes import probe
from gradcheck.judge.subject import Arrays, Claim
from gradcheck.judge.trial import ROUNDINGS, Answer, Trial
from gradcheck.judge.verdict import Finding
from gradcheck.numeric.ladder import Estimate


def curvatures(trial: Trial, claim: Claim) -> tuple[list[Finding], float]:
    """Findings on ``u H u`` along both probes and along their sum, and the widest relative error bar."""
    one, other = trial.probes[:2]
    sum_of_both = [a + b for a, b in zip(one.direction, other.direction, strict=True)]
    along = probe(trial.truth, sum_of_both, trial.sketch, noise=one.ladder.noise)
    found, floors = [], []
    for direction, estimate in (
        (one.direction, one.ladder.curvature),
        (other.direction, other.ladder.curvature),
        (sum_of_both, along.ladder.curvature),
    ):
        answer = trial.push(claim, direction)
        finding, floor = _compared(trial, claim, answer, direction, estimate)
        found += [finding] if finding else []
        floors.append(floor)
    return found, max(floors)


def _compared(
    trial: Trial, claim: Claim, answer: Answer, direction: Arrays, estimate: Estimate
) -> tuple[Finding | None, float]:
    got, expected = answer.along(direction), float(estimate.value[0])
    size = max(answer.size_along(direction), abs(expected))
    bar = 2 * float(estimate.error[0]) + ROUNDINGS * answer.unit * size
    if np.isfinite(got) and abs(got - expected) <= bar:
        if bar > 0.1 * size and size > 0:
            return _finding(trial, claim, "unresolved", expected, got, bar), bar / size
        return None, bar / size if size else 0.0
    return _finding(
        trial, claim, "value" if np.isfinite(expected) else "unresolved", expected, got, bar
    ), np.inf


def _finding(trial: Trial, claim: Claim, kind: str, expected: float, got: float, bar: float) -> Finding:
    from gradcheck.judge.causes import named_ratio

    ratio = got / expected if abs(expected) > bar else np.nan
    what = (
        "wrong curvature along a direction"
        if kind == "value"
        else "the error bar is as wide as the curvature"
    )
    cause = (
        (named_ratio(ratio, []) or "dropped term")
        if kind == "value"
        else "error bar as wide as the curvature"
    )
    return Finding(
        kind=kind, mode=claim.mode, order=2, expected=expected, got=got, bar=bar, cause=cause, message=what
    )
