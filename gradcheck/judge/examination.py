"""One claim on trial: its answers against the samples, entry by entry where needed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from gradcheck.judge.comparison import Reading, State, allowance, read
from gradcheck.judge.probes import Probe, probe, restricted, tied_direction
from gradcheck.judge.subject import Arrays, Claim
from gradcheck.judge.trial import ROUNDINGS, Answer, Trial
from gradcheck.numeric.ladder import ROWS, Ladder

_MOST_SPECIAL = 6  # outputs or inputs at a kink that are looked at one by one
_FEW_ROUNDINGS = 8
_SHORT = 5  # first step of a short ladder: long steps meet other kinks


@dataclass(frozen=True, slots=True, eq=False)
class Outcome:
    """One comparison: what was asked, along which direction, and what it came to."""

    claim: Claim
    weights: np.ndarray
    direction: Arrays
    ladder: Ladder
    reading: Reading
    answer: Answer
    noise: np.ndarray
    """Error of one sample of every output along this direction."""
    entry: tuple[int, int] | None = None
    """Leaf and flat index, where the direction moves a single entry."""


def examine(trial: Trial, claim: Claim) -> list[Outcome]:
    """All comparisons of a claim with the probes.

    Outputs at a kink, a jump or an edge are taken out of the sums and looked at one by one: within a sum, the
    slopes that are right for them would hide what is wrong elsewhere.
    """
    if claim.forward:
        return [outcome for at in range(len(trial.probes)) for outcome in _forward(trial, claim, at)]
    outcomes = [outcome for weights in trial.weights for outcome in _reverse(trial, claim, weights)]
    if all(o.reading.state is not State.OPEN and not o.reading.reason for o in outcomes):
        return outcomes
    special = special_outputs(trial)
    if len(special) < 2 or not special.any():
        return [*outcomes, *_coordinates(trial, claim, outcomes)]
    outcomes = []
    if not special.all():
        for weights in trial.weights:
            outcomes += _reverse(trial, claim, np.where(special, 0.0, weights))
    chosen = np.flatnonzero(special)
    if chosen.size > _MOST_SPECIAL:
        chosen = trial.rng.choice(chosen, _MOST_SPECIAL, replace=False)
        trial.notes.append(
            f"{_MOST_SPECIAL} of {int(special.sum())} outputs at a kink or edge were looked at"
        )
    for output in chosen:
        weights = np.zeros(special.size)
        weights[output] = trial.weights[0][output]
        single = list(_reverse(trial, claim, weights))
        outcomes += [*single, *_coordinates(trial, claim, single)]
    return outcomes


def special_outputs(trial: Trial) -> np.ndarray:
    """Outputs that are not smooth along some probe, neither on long steps nor on short ones."""
    special = np.zeros(trial.probes[0].ladder.centre.shape, bool)
    for at, one in enumerate(trial.probes):
        rough = _rough(one)
        special |= rough & _rough(trial.fine[at]) if rough.any() and trial.fine else rough
    return special


def _rough(one: Probe) -> np.ndarray:
    slopes = one.ladder.slopes
    rough: np.ndarray = slopes.kink | slopes.infinite | ~np.isfinite(slopes.central.value)
    return rough


def _reverse(trial: Trial, claim: Claim, weights: np.ndarray) -> Iterator[Outcome]:
    answer = trial.pull(claim, weights)
    for at, one in enumerate(trial.probes):
        outcome = compared(trial, claim, weights, one, answer)
        if not _clear(outcome) and trial.fine:
            closer = compared(trial, claim, weights, trial.fine[at], answer)
            outcome = closer if _clear(closer) else outcome
        yield outcome


def _clear(outcome: Outcome) -> bool:
    """Whether the samples show a smooth function and decide about the claim."""
    return outcome.reading.state is not State.OPEN and not outcome.reading.reason


def compared(
    trial: Trial,
    claim: Claim,
    weights: np.ndarray,
    one: Probe,
    answer: Answer,
    entry: tuple[int, int] | None = None,
) -> Outcome:
    """A reverse claim's answer beside what was sampled along one direction."""
    ladder = one.ladder.columns(weights[None, :])
    rounding = allowance(answer, one.direction, float(ladder.range[0]))
    # terms of any output may meet in a claim and cancel there
    widest = float(np.max(one.ladder.range, initial=0.0)) * float(np.max(np.abs(weights), initial=0.0))
    largest = float(np.max(np.abs(weights * one.ladder.centre), initial=0.0))
    rounding += _FEW_ROUNDINGS * answer.unit * max(widest, largest)
    reading = read(ladder, answer.along(one.direction), rounding)
    return Outcome(claim, weights, one.direction, ladder, reading, answer, one.ladder.noise, entry)


def _forward(trial: Trial, claim: Claim, at: int) -> Iterator[Outcome]:
    """Every output entry; those that do not agree at first sight are read one by one."""
    one = trial.probes[at]
    answer = trial.push(claim, one.direction)
    pushed = trial.grouped(answer.arrays)
    central = one.ladder.central
    size = np.where(np.isfinite(pushed), np.abs(pushed), 0.0)
    rounding = ROUNDINGS * answer.unit * np.maximum(size, one.ladder.range * 2.0**-10)
    with np.errstate(invalid="ignore"):
        clear = np.abs(pushed - central.value) <= central.error + rounding
    doubtful = np.flatnonzero(~clear)
    worst = np.argsort(-np.nan_to_num(np.abs(pushed - central.value)[doubtful], nan=np.inf))
    shown = [*doubtful[worst][:_MOST_SPECIAL], *_widest(one.ladder, clear)]
    for output in dict.fromkeys(int(i) for i in shown):
        weights = np.zeros(pushed.size)
        weights[output] = 1.0
        column = one.ladder.at(np.array([output]))
        reading = read(column, float(pushed[output]), float(rounding[output]))
        outcome = Outcome(claim, weights, one.direction, column, reading, answer, one.ladder.noise)
        if not _clear(outcome) and trial.fine:
            closer = _pushed_closer(trial, claim, at, output, weights)
            outcome = closer if _clear(closer) else outcome
        yield outcome


def _pushed_closer(trial: Trial, claim: Claim, at: int, output: int, weights: np.ndarray) -> Outcome:
    one = trial.fine[at]
    answer = trial.push(claim, one.direction)
    column, slope = one.ladder.at(np.array([output])), float(trial.grouped(answer.arrays)[output])
    rounding = ROUNDINGS * answer.unit * max(abs(slope), float(column.range[0]) * 2.0**-10)
    return Outcome(
        claim, weights, one.direction, column, read(column, slope, rounding), answer, one.ladder.noise
    )


def _widest(ladder: Ladder, clear: np.ndarray) -> list[int]:
    """The agreeing output whose bar is widest in proportion: it decides what the check could have seen."""
    if not clear.any():
        return []
    with np.errstate(all="ignore"):
        ratio = np.where(clear, ladder.central.error / ladder.range, -1.0)
    return [int(np.nanargmax(np.where(np.isfinite(ratio), ratio, -1.0)))]


def _coordinates(trial: Trial, claim: Claim, outcomes: list[Outcome]) -> list[Outcome]:
    """Inputs at whose kinks an output sits, each alone, and the others together; and equal inputs as one.

    Where equal inputs move alike a tie stays a tie, so that the sum of their derivatives is decided.
    """
    at_kink = [o for o in outcomes if o.reading.reason.startswith(("kink", "edge"))]
    if not at_kink:
        return []
    first = at_kink[0]
    found = [moving_ties(trial, first)]
    rest = [d.copy() for d in first.direction]
    for leaf, index in _kinked_entries(trial, first):
        alone = restricted(first.direction, leaf, index)
        rest[leaf].reshape(-1)[index] = 0
        one = probe(trial.truth, alone, trial.sketch, noise=first.noise)
        found.append(compared(trial, claim, first.weights, one, first.answer, (leaf, index)))
    if len(found) > 1 and any(np.any(d) for d in rest):
        one = probe(trial.truth, rest, trial.sketch, noise=first.noise)
        found.append(compared(trial, claim, first.weights, one, first.answer))
    return found


def moving_ties(trial: Trial, outcome: Outcome) -> Outcome:
    """The same claim along a direction in which equal entries move alike."""
    tied = probe(trial.truth, tied_direction(trial.truth, trial.rng), trial.sketch)
    if not outcome.claim.forward:
        return compared(trial, outcome.claim, outcome.weights, tied, outcome.answer)
    answer = trial.push(outcome.claim, tied.direction)
    column = tied.ladder.columns(outcome.weights[None, :])
    slope = float(outcome.weights @ trial.grouped(answer.arrays))
    rounding = ROUNDINGS * answer.unit * abs(slope)
    reading = read(column, slope, rounding)
    return Outcome(outcome.claim, outcome.weights, tied.direction, column, reading, answer, tied.ladder.noise)


def _kinked_entries(trial: Trial, outcome: Outcome) -> list[tuple[int, int]]:
    """Entries that have a kink alone, by halving the support of the direction."""
    found: list[tuple[int, int]] = []
    open_segments = [(leaf, 0, d.size) for leaf, d in enumerate(outcome.direction) if d.size]
    tries = 0
    while open_segments and len(found) < _MOST_SPECIAL and tries < 64:
        leaf, start, stop = open_segments.pop()
        segment = restricted(outcome.direction, leaf, slice(start, stop))
        tries += 1
        short = probe(
            trial.truth,
            segment,
            trial.sketch,
            noise=outcome.noise,
            rows=max(4, len(trial.probes[0].ladder.steps) - _SHORT) if trial.truth.unit < 1e-12 else None,
            first=_SHORT if trial.truth.unit < 1e-12 and ROWS > _SHORT else 0,
        )
        slopes = short.ladder.columns(outcome.weights[None, :]).slopes
        if not (slopes.kink[0] or slopes.infinite[0] or not np.isfinite(slopes.central.value[0])):
            continue
        if stop - start == 1:
            found.append((leaf, start))
        else:
            middle = (start + stop) // 2
            open_segments += [(leaf, middle, stop), (leaf, start, middle)]
    return found
