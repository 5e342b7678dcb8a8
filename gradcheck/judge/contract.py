"""What a derivative promises beside its values: memory, layouts, repetition, linearity."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from itertools import pairwise

import numpy as np

from gradcheck.judge.blockwise import differ, largest, pieces, same
from gradcheck.judge.subject import Arrays, BrokenPromise, Claim, Spent, Subject, cast
from gradcheck.judge.trial import Answer, Trial, ask
from gradcheck.judge.verdict import Finding

_LOOSE = 2.0**12
"""Roundings that another order of summation may cost."""


def check(trial: Trial, claim: Claim) -> list[Finding]:
    """Every promise of a claim, in the user's own precision.

    Raises
    ------
    BrokenPromise
        When an answer cannot be compared at all: wrong shape or dtype, None, an exception.
    """
    trial.elsewhere[id(claim)] = _asked_elsewhere(trial, claim)
    given, xs = _given(trial, claim, 0), trial.native.copied()
    trial.native.value(xs)  # what it keeps of its inputs is what the derivative may change
    answer = ask(claim, trial.native, xs, given)
    found = list(_memory(trial, claim, answer, xs, given))
    found += _constants(trial, claim)
    del xs
    seen = answer.digest
    other = _given(trial, claim, 1)
    turned = _answer_or_none(trial, claim, trial.native.copied(), _fortran(other))
    second = turned or ask(claim, trial.native, trial.native.copied(), other)
    if turned is None:
        what = f"a {claim.seed}"
        found.append(_broken(trial, claim, "layout assumption", f"fails for {what} in Fortran order"))
    if answer.digest != seen:
        text = "the result changes when the derivative is called again"
        return [*found, _broken(trial, claim, "stale buffer", text)]
    first, second = replace(answer, raw=()), replace(second, raw=())
    del answer, turned
    if trial.truth is trial.native and not claim.forward:
        trial.heard[id(claim), 0], trial.heard[id(claim), 1] = first, second
    if not all(np.all(np.isfinite(g)) for g in first.arrays) or any(f.failed for f in found):
        return found
    if not (claim.linear and all(g.size < 2 for g in given)):
        found += _linearity(trial, claim, first, second)
    if trial.native.size >= _HUGE:  # asked again when it is needed
        trial.heard.pop((id(claim), 1), None)
    del second
    if not any(f.failed for f in found):
        found += _layouts(trial, claim, first)
    if claim.late is not None and not any(f.failed for f in found):
        found += _late(trial, claim, first)
    if len(trial.native.outputs) > 1 and not claim.forward and not any(f.failed for f in found):
        found += _outputs_alone(trial, claim, first)
    return found


def remembers(trial: Trial, claim: Claim) -> bool:
    """Whether a claim gave the same answer when it was first asked, at another point."""
    first = trial.heard.get((id(claim), 0))
    if first is None or not any(np.any(g) for g in first.arrays):
        return False
    return trial.elsewhere.get(id(claim)) == first.digest


def _asked_elsewhere(trial: Trial, claim: Claim) -> tuple[int, ...]:
    """The first answer ever is one for another point: whatever is remembered from it is wrong here."""
    try:
        return ask(claim, trial.native, _beside(trial), _given(trial, claim, 0)).digest
    except BrokenPromise:
        return ()


def _constants(trial: Trial, claim: Claim) -> Iterator[Finding]:
    for constant, before in trial.native.constants:
        if not same(constant, before):
            constant[...] = before
            yield _broken(
                trial, claim, "mutates its input", "changes an argument that is not differentiated in place"
            )


def _late(trial: Trial, claim: Claim, first: Answer) -> list[Finding]:
    late = replace(claim, call=claim.late or claim.call)
    answer = ask(late, trial.native, trial.native.copied(), _given(trial, claim, 0))
    if not _answers_differ(trial, claim, first, answer):
        return []
    text = "answers for the function's last evaluation, which may be one at other inputs"
    return [_broken(trial, claim, "stale buffer", text)]


def check_function(trial: Trial) -> list[Finding]:
    """What the function itself promises: it leaves its inputs alone and repeats itself."""
    subject = trial.native
    xs = subject.copied()
    once = [y.copy() for y in subject.value(xs)]
    found = []
    for slot, x, before in zip(subject.inputs, xs, subject.point, strict=True):
        if not same(x, before):
            found.append(
                _finding(
                    subject, "function", slot.path, "mutates its input", "the function changes it in place"
                )
            )
    again = subject.value(subject.copied())
    for y, other, slot in zip(once, again, subject.outputs, strict=True):
        if _differ(y, other, slot.unit) and largest(y - other) > _RANDOM * largest(y):
            moved = largest(y - other) / largest(y)
            raise BrokenPromise(
                Finding(
                    kind="unresolved",
                    mode="function",
                    order=subject.order,
                    path=slot.path,
                    message=f"two calls of the function differ by {moved:.0%}; fix its seed or state",
                    cause="stateful RNG",
                )
            )
    moved = max((largest(y - other) for y, other in zip(once, again, strict=True) if y.size), default=0.0)
    level = max((float(np.max(p.ladder.noise, initial=0.0)) for p in trial.probes), default=0.0)
    trial.fixed_layout = not _takes_other_layouts(subject, once, _OUTLIER * max(moved, level))
    if trial.fixed_layout:
        text = "inputs in another memory layout give another value"
        kind = "note" if all(claim.foreign for claim in subject.claims) else "contract"
        found.append(_finding(subject, "function", "", "layout assumption", text, kind))
    return found


def _takes_other_layouts(subject: Subject, once: Arrays, noise: float) -> bool:
    """Whether the function gives the same for other strides, but for its noise; a view of memory does not."""
    try:
        turned = subject.value(_arranged(subject.point, subject))
    except Spent:
        raise
    except Exception:
        return False
    return not any(
        differ(y, other, _LOOSE * slot.unit * largest(y) + noise)
        for y, other, slot in zip(once, turned, subject.outputs, strict=True)
        if y.size
    )


_RANDOM = 1e-3
_OUTLIER = 16.0
_HUGE = 1 << 18
_TINIEST = {2.0**-10: 2.0**-16}
"""What numbers of few exponents lose where they underflow, by spacing."""


def _given(trial: Trial, claim: Claim, at: int) -> Arrays:
    if claim.forward:
        return [d.copy() for d in cast(trial.probes[at % len(trial.probes)].direction, trial.native.inputs)]
    return [c.copy() for c in trial.cotangents(trial.weights[at % len(trial.weights)], trial.native)]


def _memory(
    trial: Trial,
    claim: Claim,
    answer: Answer,
    xs: Arrays,
    given: Arrays,
) -> Iterator[Finding]:
    what = claim.seed
    for slot, x, before in zip(trial.native.inputs, xs, trial.native.point, strict=True):
        if not same(x, before):
            yield _broken(
                trial, claim, "mutates its input", f"changes {slot.path or 'an input'} in place", slot.path
            )
    for c, before in zip(given, _given(trial, claim, 0), strict=True):
        if not same(c, before):
            yield _broken(trial, claim, f"mutates its {what}", f"changes its {what} in place")
    arrays = [a for a in answer.raw if isinstance(a, np.ndarray) and a.size]
    if claim.foreign:
        return
    for memory, name in ((given, f"its {what}"), (xs, "an input")):
        if any(np.may_share_memory(a, b) for a in arrays for b in memory):
            cause = f"aliases {name}"
            yield _finding(
                trial.native, claim.mode, "", cause, f"the result shares memory with {name}", "note"
            )
    if any(np.may_share_memory(a, b) for i, a in enumerate(arrays) for b in arrays[:i]):
        text = "two results share memory"
        yield _finding(trial.native, claim.mode, "", "aliases another result", text, "note")


def _layouts(trial: Trial, claim: Claim, first: Answer) -> list[Finding]:
    """The same values in another layout, after the function was called elsewhere: the same answer."""
    _call_elsewhere(trial)
    given = _given(trial, claim, 0)
    if _agrees(trial, claim, first, _turned_point(trial), _arranged(given)):
        return _stretched(trial, claim)
    plain = [ask(claim, trial.native, trial.native.copied(), _copies(given)) for _ in range(3)]
    if any(_answers_differ(trial, claim, first, p) for p in plain):
        return [_unsteady(trial, claim, first)]
    what = f"a {claim.seed}"
    if _agrees(trial, claim, first, trial.native.copied(), _arranged(given)):
        what = "an input"
    return [_laid_out(trial, claim, first, given, f"{what} in another memory layout (strided)")]


def _stretched(trial: Trial, claim: Claim) -> list[Finding]:
    """Constant cotangents with strides of zero, as a sum's backward gives them."""
    given = _given(trial, claim, 0)
    if all(g.size < 2 for g in given):
        return []
    flat = [np.full(g.shape, 0.75, g.dtype) for g in given]
    straight = ask(claim, trial.native, trial.native.copied(), flat)
    wide = [np.broadcast_to(np.array(0.75, g.dtype), g.shape) for g in given]
    if _agrees(trial, claim, straight, trial.native.copied(), wide):
        return []
    what = f"a {claim.seed} with strides of zero"
    return [_laid_out(trial, claim, straight, flat, what)]


def _laid_out(trial: Trial, claim: Claim, first: Answer, given: Arrays, what: str) -> Finding:
    """The layout is to blame only where the plain call goes on giving the first answer."""
    for _ in range(4):
        plain = ask(claim, trial.native, trial.native.copied(), _copies(given))
        if _answers_differ(trial, claim, first, plain):
            return _unsteady(trial, claim, first)
    return _broken(trial, claim, "layout assumption", f"{what} changes the result")


def _answer_or_none(trial: Trial, claim: Claim, xs: Arrays, given: Arrays) -> Answer | None:
    try:
        return ask(claim, trial.native, xs, given)
    except BrokenPromise:
        return None


def _agrees(trial: Trial, claim: Claim, first: Answer, xs: Arrays, given: Arrays) -> bool:
    """Whether other arrays of the same values give the same answer; raising is no answer."""
    answer = _answer_or_none(trial, claim, xs, given)
    return answer is not None and not _answers_differ(trial, claim, first, answer)


def _unsteady(trial: Trial, claim: Claim, first: Answer) -> Finding:
    """The same question, another answer: it adds up, it remembers, or it is random."""
    trial.native.value(trial.native.copied())
    calls = [ask(claim, trial.native, trial.native.copied(), _given(trial, claim, 0)) for _ in range(3)]
    if not _answers_differ(trial, claim, first, calls[0]):
        text = "answers for the inputs of the function's last call, not its own"
        return _broken(trial, claim, "stale buffer", text)
    steps = [
        Answer([y - x for x, y in zip(a.arrays, b.arrays, strict=True)], first.unit, ())
        for a, b in pairwise(calls)
    ]
    if any(np.any(s) for s in steps[0].arrays) and not _answers_differ(trial, claim, *steps):
        return _broken(
            trial, claim, "accumulates over calls", "every call adds to the result of the one before"
        )
    if not any(_answers_differ(trial, claim, calls[0], call) for call in calls[1:]):
        return _broken(trial, claim, "stale buffer", "the answer depends on what was called before")
    return _broken(trial, claim, "not repeatable", "the same call gives another result")


def _linearity(trial: Trial, claim: Claim, first: Answer, second: Answer) -> list[Finding]:
    one, other = _given(trial, claim, 0), _given(trial, claim, 1)
    what = claim.seed
    mixed = [np.asarray(0.5 * a - 1.5 * b, a.dtype) for a, b in zip(one, other, strict=True)]
    sizes = [
        0.5 * a + 1.5 * b
        for a, b in zip(_sizes(trial, claim, first), _sizes(trial, claim, second), strict=True)
    ]

    def linear(answer: Answer | None) -> bool:
        if answer is None:
            return False
        lost = 4 * _TINIEST.get(first.unit, 0.0)
        parts = zip(answer.arrays, first.arrays, second.arrays, sizes, strict=True)
        return not any(
            np.any(np.abs(c - (0.5 * a - 1.5 * b)) > 4 * _LOOSE * first.unit * size + lost)
            for whole, one, other, size in parts
            for c, a, b in pieces(whole, one, other)
        )

    if not linear(_answer_or_none(trial, claim, trial.native.copied(), [_backwards(m) for m in mixed])):
        straight = ask(claim, trial.native, trial.native.copied(), _copies(other))
        if _answers_differ(trial, claim, straight, second):
            return [_laid_out(trial, claim, straight, other, f"a {what} in Fortran order")]
        if linear(_answer_or_none(trial, claim, trial.native.copied(), mixed)):
            where = f"a {what} in another memory layout (reversed)"
            return [_laid_out(trial, claim, first, one, where)]
        text = "the result for 0.5 a - 1.5 b is not 0.5 times that for a minus 1.5 times that for b"
        return [_broken(trial, claim, f"not linear in the {what}", text)]
    if claim.linear:
        return []
    silent = ask(claim, trial.native, trial.native.copied(), [np.zeros_like(g) for g in one])
    if not all(np.all(np.isfinite(g)) for g in silent.arrays):
        return [_broken(trial, claim, "non-finite", f"a {what} of zeros gives a result that is not finite")]
    if any(np.any(g != 0) for g in silent.arrays):
        text = f"a {what} of zeros gives a result that is not zero"
        return [_broken(trial, claim, f"not linear in the {what}", text)]
    return []


def _outputs_alone(trial: Trial, claim: Claim, first: Answer) -> list[Finding]:
    """The answers to each output's cotangent alone add up to the answer to all."""
    given = _given(trial, claim, 0)
    total = [np.zeros_like(g) for g in first.arrays]
    for at in range(len(given)):
        alone = [g if i == at else np.zeros_like(g) for i, g in enumerate(given)]
        try:
            answer = ask(claim, trial.native, trial.native.copied(), alone)
        except BrokenPromise as broken:
            path = trial.native.outputs[at].path
            text = f"fails when only output {path} has a cotangent: {broken.finding.message}"
            return [_broken(trial, claim, "undefined cotangent", text)]
        total = [t + g for t, g in zip(total, answer.arrays, strict=True)]
    if _answers_differ(trial, claim, first, Answer(total, first.unit, ())):
        text = "the results for each output alone do not add up to the result for all"
        return [_broken(trial, claim, "undefined cotangent", text)]
    return []


def _beside(trial: Trial) -> Arrays:
    """A point beside the one on trial."""
    step = 2.0**-6
    moved = []
    for x, d in zip(trial.native.point, trial.probes[0].direction, strict=True):
        there = d * d.dtype.type(step)
        there += x.astype(d.dtype, copy=False)
        moved.append(there)
    return cast(moved, trial.native.inputs)


def _call_elsewhere(trial: Trial) -> None:
    """Have the function remember another point, if it remembers any."""
    with suppress(Exception):  # that point may lie outside its domain
        trial.native.value(_beside(trial))


def _copies(arrays: Sequence[np.ndarray]) -> Arrays:
    return [a.copy() for a in arrays]


def _arranged(arrays: Sequence[np.ndarray], of: Subject | None = None) -> Arrays:
    """The same values laid out otherwise in memory, but for what a module lays out itself."""
    kept = [slot.parameter for slot in of.inputs] if of else [False] * len(arrays)
    return [a.copy() if keep else _strided(a) for a, keep in zip(arrays, kept, strict=True)]


def _turned_point(trial: Trial) -> Arrays:
    """The point in another layout, where the function takes that."""
    return trial.native.copied() if trial.fixed_layout else _arranged(trial.native.point, trial.native)


def _strided(a: np.ndarray) -> np.ndarray:
    if a.ndim == 0 or a.size < 2:
        return a.copy()
    if a.size >= _HUGE:  # gaps would double it
        return _backwards(a)
    roomy = np.full((*a.shape[::-1][:-1], 2 * a.shape[0]), 7, a.dtype)
    view = roomy[..., ::2].T
    view[...] = a
    return view


def _backwards(a: np.ndarray) -> np.ndarray:
    """The same values, the last ones first in memory."""
    turned = (slice(None, None, -1),) * a.ndim
    return np.array(a[turned])[turned] if a.ndim else a.copy()


def _fortran(arrays: Sequence[np.ndarray]) -> Arrays:
    return [np.array(a, order="F") for a in arrays]


def _sizes(trial: Trial, claim: Claim, answer: Answer) -> list[float]:
    """How large an entry of each array could matter: what vanishes in one leaf is rounding of the others, and
    what vanishes in all of them is rounding of what the function does nearby.
    """
    if claim.forward:
        return [largest(a) for a in answer.arrays]
    typical = trial.native.typical
    most = max((largest(g) * s for g, s in zip(answer.arrays, typical, strict=True)), default=0.0)
    most = max(most, trial.reach)
    return [most / s for s in typical]


def _differ(a: np.ndarray, b: np.ndarray, unit: float, size: float = 0.0) -> bool:
    return bool(a.size) and differ(a, b, _LOOSE * unit * max(size, largest(a)) + _TINIEST.get(unit, 0.0))


def _answers_differ(trial: Trial, claim: Claim, a: Answer, b: Answer) -> bool:
    if all(same(x, y) for x, y in zip(a.arrays, b.arrays, strict=True)):
        return False
    sizes = _sizes(trial, claim, a)
    return any(_differ(x, y, a.unit, size) for x, y, size in zip(a.arrays, b.arrays, sizes, strict=True))


def _broken(trial: Trial, claim: Claim, cause: str, message: str, path: str = "") -> Finding:
    return _finding(trial.native, claim.mode, path, cause, message)


def _finding(
    subject: Subject, mode: str, path: str, cause: str, message: str, kind: str = "contract"
) -> Finding:
    return Finding(kind=kind, mode=mode, order=subject.order, path=path, message=message, cause=cause)


def check_empty(trial: Trial, claim: Claim) -> list[Finding]:
    """Where there are no entries to differentiate, shapes and dtypes are all there is to promise."""
    slots = trial.native.inputs if claim.forward else trial.native.outputs
    given = [np.ones(slot.shape, slot.dtype) for slot in slots]
    ask(claim, trial.native, trial.native.copied(), given)
    return []
