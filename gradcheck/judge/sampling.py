"""Where the judge looks: two directions, cotangents that weigh outputs alike, and what would drown."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from gradcheck.draws import signed
from gradcheck.judge.blockwise import PIECE, largest
from gradcheck.judge.comparison import State
from gradcheck.judge.examination import Outcome, compared
from gradcheck.judge.frameworks.base import DOUBLE
from gradcheck.judge.probes import Probe, direction, probe, symmetric_inputs, symmetrised
from gradcheck.judge.subject import Claim
from gradcheck.judge.trial import Trial

_FAINT = 1e-3  # a relative error that every part of a derivative should show
_FEW = 100
_TINY = 2.0**-16  # of the largest contribution: entries below cannot be judged beside it
_SPREAD = 2.0  # decades
_WEAK = 2.0**-20  # of the largest slope: outputs below are weighed apart
_WEAK_LOW = 2.0**-6  # where large weights might overflow


def take_samples(trial: Trial) -> None:
    """Two directions, and cotangents that give every output the same weight."""
    truth = trial.truth
    trial.symmetric = symmetric_inputs(truth)
    if trial.symmetric:
        paths = ", ".join(truth.inputs[leaf].path for leaf in trial.symmetric)
        trial.notes.append(f"one triangle of {paths} is read: judged among symmetric matrices")
    for by_entry in (False, True):
        along = symmetrised(direction(truth, trial.rng, by_entry=by_entry), trial.symmetric)
        one = probe(truth, along, trial.sketch)
        for sign in (1, -1, 2):
            if not _outside(one):
                break
            along = direction(truth, trial.rng, by_entry=by_entry, sign=sign)
            other = probe(truth, symmetrised(along, trial.symmetric), trial.sketch)
            one = other if _outside(other) < _outside(one) else one
        trial.probes.append(one)
    trial.weights += _balanced(trial)


def _balanced(trial: Trial) -> list[np.ndarray]:
    """Cotangents that weigh all outputs alike; outputs that would need too much weight get one apart."""
    ladder = trial.probes[0].ladder
    clear = ladder.range > 2.0**10 * ladder.floor
    largest = float(np.max(ladder.range, initial=0.0, where=clear)) or 1.0
    weak = _WEAK if trial.native.unit == DOUBLE else _WEAK_LOW
    small = clear & (ladder.range < weak * largest)
    scale = np.where(clear, np.maximum(ladder.range, weak * largest), largest) / largest

    def drawn(scale: np.ndarray) -> np.ndarray:
        weights: np.ndarray = signed(scale.size).sample(trial.rng) / scale
        return weights

    # the second spreads widely, so that what depends on the size of a cotangent shows
    rows = [drawn(scale), drawn(scale) * 10.0 ** trial.rng.uniform(-_SPREAD, 0, scale.size)]
    if small.any():
        weakest = float(np.max(ladder.range, where=small, initial=0.0))
        rows.append(np.where(small, drawn(np.where(small, ladder.range / weakest, 1.0)), 0.0))
    return rows


def _outside(one: Probe) -> int:
    """How many outputs have no value on either side."""
    ahead, behind = one.ladder.ahead[-2:], one.ladder.behind[-2:]
    return int(np.sum(np.isnan(ahead).any(axis=0) & np.isnan(behind).any(axis=0)))


def faint(trial: Trial, claim: Claim, outcomes: Sequence[Outcome]) -> Iterator[Outcome]:
    """A direction of the entries whose contribution would drown in the error bar of the others."""
    settled = [o for o in outcomes if o.reading.state is State.AGREES and not o.reading.reason]
    if claim.forward or not settled or len(settled) < len(outcomes):
        return
    first = settled[0]
    pairs = list(zip(first.answer.arrays, first.direction, strict=True))
    most = max((largest(g * d) for g, d in pairs if g.size <= PIECE), default=0.0)
    if any(g.size > PIECE for g, _ in pairs) or not most:
        return
    drowned = []
    for g, d in pairs:
        share = np.abs(g * d)
        low = _FAINT * share < first.reading.bar
        many = low.all() or np.count_nonzero(low & (share > 0) & (share < _TINY * most)) * _FEW > low.size
        drowned.append(low if d.size and (many or d.size <= _FEW) else np.zeros(d.shape, bool))
    if not any(low.any() for low in drowned) or all(low.all() for low in drowned):
        return
    quiet = [np.where(low, d, 0.0) for low, d in zip(drowned, first.direction, strict=True)]
    one = probe(trial.truth, quiet, trial.sketch, noise=trial.probes[0].ladder.noise)
    found = compared(trial, claim, first.weights, one, first.answer)
    if found.reading.state is not State.OPEN:
        yield found
