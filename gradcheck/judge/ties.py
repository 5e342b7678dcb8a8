"""Points at which slopes exist along every direction and yet do not add up: ties and crossing kinks.

There a derivative is right when it is a limit, or a mixture of limits, of the derivatives around the point
(F. H. Clarke, "Optimization and Nonsmooth Analysis", 1983, section 2.1): its slope along a direction lies
among the slopes along that direction at points nearby.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from gradcheck.judge.examination import Outcome
from gradcheck.judge.frameworks.base import DOUBLE
from gradcheck.judge.probes import FINE_FIRST, FINE_ROWS, FINEST, direction, probe, rounded
from gradcheck.judge.subject import Arrays, Spent
from gradcheck.judge.trial import Trial

_ROWS = 4
_MANY = 1 << 16
_AWAY, _FIRST = 2.0**-8, 6
_AWAY_LOW, _FIRST_LOW = 2.0**-3, 3  # in low precision
_NEIGHBOURS = 16
_ROUGH = 1e-3
_ROUGH_LOW = 0.05  # in low precision


def has_ties(trial: Trial) -> bool:
    """Whether some input has entries of the same magnitude, or a zero."""
    for x in trial.truth.point:
        if 1 < x.size <= _MANY:
            entries = np.abs(x.reshape(-1))
            if np.unique(entries).size < x.size or not entries.all():
                return True
    return False


def adds_up(trial: Trial, outcome: Outcome) -> bool:
    """Whether slopes are additive: along sums and differences of directions."""
    if trial.native.size < 2:
        return True
    whole = outcome.direction
    other = next((p.direction for p in trial.probes if p.direction is not whole), whole)
    fresh = direction(trial.truth, trial.rng)
    others = (other, [-d for d in other], fresh, [-d for d in fresh])
    return all(_additive(trial, outcome, whole, second) for second in others)


def _additive(trial: Trial, outcome: Outcome, one: Arrays, other: Arrays) -> bool:
    """On the shortest steps there are: longer ones may cross kinks that only lie near."""
    both = [a + b for a, b in zip(one, other, strict=True)]
    fine = bool(trial.fine)
    slopes = []
    for along in (one, other, both):
        there = rounded(trial.truth, along, FINEST) if fine else along
        rows, first = (FINE_ROWS, FINE_FIRST) if fine else (None, 0)
        sampled = probe(trial.truth, there, trial.sketch, rows=rows, first=first)
        column = sampled.ladder.columns(outcome.weights[None, :])
        if column.slopes.infinite[0] or not column.central.error[0] <= _ROUGH * column.range[0]:
            return True  # too near to an edge or too noisy to say that they do not
        slopes.append((column.central, there))
    # rounding makes the sum of two directions another one; its slope is off by as much
    value = [float(s.value[0]) for s, _ in slopes]
    bars = sum(float(s.error[0]) for s, _ in slopes)
    slack = sum(
        float(np.abs(a + b - c).max(initial=0.0) / max(np.abs(c).max(initial=0.0), 1e-300))
        for a, b, c in zip(slopes[0][1], slopes[1][1], slopes[2][1], strict=True)
    )
    return not abs(value[0] + value[1] - value[2]) > 2 * bars + 4 * slack * max(map(abs, value))


def nearby(trial: Trial, outcome: Outcome) -> tuple[float, float]:
    """Least and greatest slope along the outcome's direction at points around the one on trial."""
    low, high = np.inf, -np.inf
    coarse = trial.truth.unit > DOUBLE
    away, first = (_AWAY_LOW, _FIRST_LOW) if coarse else (_AWAY, _FIRST)
    rough = _ROUGH_LOW if coarse else _ROUGH
    for _ in range(_NEIGHBOURS):
        offset = direction(trial.truth, trial.rng)
        point = [x + away * d for x, d in zip(trial.truth.point, offset, strict=True)]
        moved = replace(trial.truth, point=point)
        try:
            one = probe(moved, outcome.direction, trial.sketch, noise=outcome.noise, rows=_ROWS, first=first)
        except Spent:
            raise
        except Exception:  # outside the domain a function may raise whatever it likes
            continue
        column = one.ladder.columns(outcome.weights[None, :])
        value, error = float(column.central.value[0]), float(column.central.error[0])
        if error <= rough * column.range[0]:
            low, high = min(low, value - error), max(high, value + error)
    return low, high


def changes(trial: Trial, outcome: Outcome) -> bool:
    """Whether the slope along the outcome's direction is another one beside the point."""
    low, high = nearby(trial, outcome)
    if low > high:
        return False
    here = float(outcome.ladder.central.value[0])
    return bool(high - low > 2 * _ROUGH * max(abs(low), abs(high), abs(here)))
