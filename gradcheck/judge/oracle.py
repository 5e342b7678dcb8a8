"""A second measurement, made another way, before a derivative is called wrong.

Samples at irregular steps are fitted with polynomials of growing degree; the error bar follows from the
residuals, so that noise, oscillation and kinks which the first measurement overlooked widen it. What the
claim's own arithmetic may do to it is measured too, by moving the inputs by a rounding.
"""

from __future__ import annotations

import numpy as np
from numpy.polynomial import chebyshev

from gradcheck.judge.comparison import State
from gradcheck.judge.examination import Outcome
from gradcheck.judge.probes import line
from gradcheck.judge.subject import BrokenPromise, cast
from gradcheck.judge.trial import Trial, ask
from gradcheck.numeric.ladder import Estimate

AGREES_WITH_CLAIM = "a second measurement agrees with the claim, the first does not"

_NODES = 12
_DEGREES = (1, 3, 5, 7)


def confirm(trial: Trial, outcome: Outcome) -> str:
    """Whether a disagreement stands: empty when it does, else why not."""
    reading = outcome.reading
    if reading.state is not State.DISAGREES or not np.isfinite(reading.claimed):
        return ""
    wobble = _wobble(trial, outcome)
    if reading.miss <= reading.bar + wobble:
        return f"the claim itself moves by {wobble:.1g} when its inputs move by a rounding"
    if reading.at_kink or reading.reason:
        return ""
    rows = min(4, len(outcome.ladder.steps))
    window = outcome.ladder.window(rows)
    for shift in (0, rows - 1, rows + 1, -2):
        at = min(max(window + shift, 0), len(outcome.ladder.steps) - 1)
        second = _fitted(trial, outcome, 1.5 * float(outcome.ladder.steps[at]))
        value, bar = float(second.value[0]), float(second.error[0])
        away = abs(reading.claimed - value)
        if np.isfinite(bar) and bar < reading.miss / 2:
            if away <= bar + wobble:
                return AGREES_WITH_CLAIM
            return ""
    return "a second measurement is too uncertain to confirm the disagreement"


def _wobble(trial: Trial, outcome: Outcome) -> float:
    """How far the claimed slope moves when every input moves by a rounding or two; ties stay ties."""
    claim, subject = outcome.claim, trial.truth
    largest = 0.0
    for _ in range(2):
        moved = []
        for x, slot in zip(subject.point, subject.inputs, strict=True):
            moved.append(x * (1 + slot.unit * trial.rng.choice([-2, -1, 1, 2])))
        given = outcome.direction if claim.forward else trial.cotangents(outcome.weights)
        slots = subject.inputs if claim.forward else subject.outputs
        try:
            answer = ask(claim, subject, cast(moved, subject.inputs), cast(given, slots))
        except BrokenPromise:
            continue
        if claim.forward:
            slope = float(outcome.weights @ trial.grouped(answer.arrays))
        else:
            slope = answer.along(outcome.direction)
        if np.isfinite(slope):
            largest = max(largest, abs(slope - outcome.reading.claimed))
    # a claim that changes altogether between neighbouring inputs sits at a kink of its own, not in rounding
    return 4 * largest if largest < 1e-3 * max(abs(outcome.reading.claimed), outcome.reading.scale) else 0.0


def _fitted(trial: Trial, outcome: Outcome, reach: float) -> Estimate:
    """Slope at 0 from a fit over ``[-reach, reach]``, with the error its residuals and its degree leave."""
    phi = line(trial.truth, outcome.direction, trial.sketch, outcome.weights.size)
    angles = (np.arange(_NODES) + trial.rng.uniform(0.2, 0.8, _NODES)) * np.pi / _NODES
    nodes = np.cos(angles)
    centre = float(outcome.weights @ phi(0.0))
    values = np.array([float(outcome.weights @ phi(float(reach * t))) for t in nodes]) - centre
    kept = np.isfinite(values)
    if kept.sum() < _DEGREES[-1] + 3:
        return Estimate(np.array([np.nan]), np.array([np.inf]))
    best, bar, before = np.nan, np.inf, np.nan
    for degree in _DEGREES:
        basis = chebyshev.chebvander(nodes[kept], degree)
        coefficients, *_ = np.linalg.lstsq(basis, values[kept], rcond=None)
        residual = values[kept] - basis @ coefficients
        spread = np.sqrt(residual @ residual / (kept.sum() - degree - 1))
        row = np.array([0.0 if k % 2 == 0 else k * (-1.0) ** ((k - 1) // 2) for k in range(degree + 1)])
        covariance = np.linalg.pinv(basis.T @ basis)
        slope = float(row @ coefficients) / reach
        error = (4 * spread * np.sqrt(row @ covariance @ row) + 2.0**-50 * abs(centre)) / reach
        if np.isfinite(before) and error + abs(slope - before) < bar:
            best, bar = slope, error + abs(slope - before)
        before = slope
    return Estimate(np.array([best]), np.array([bar]))
