"""What a derivative promises beside its values: memory, layouts, repetition, linearity. No differences are
taken.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace

import numpy as np

from gradcheck.judge.probes import typical_size
from gradcheck.judge.subject import Arrays, BrokenPromise, Claim, Subject, cast
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
    given = _given(trial, claim, 0)
    xs, held = trial.native.copied(), trial.native.copied()
    kept_xs, kept = _copies(xs), _copies(given)
    trial.native.value(held)
    answer = ask(claim, trial.native, xs, given)
    found = list(_memory(trial, claim, answer, (xs, held), kept_xs, given, kept))
    found += _constants(trial, claim)
    before = [None if a is None else np.array(a) for a in answer.raw]
    other = _given(trial, claim, 1)
    turned = _answer_or_none(trial, claim, trial.native.copied(), _fortran(other))
    second = turned or ask(claim, trial.native, trial.native.copied(), other)
    if turned is None:
        what = "a tangent" if claim.forward else "a cotangent"
        found.append(_broken(trial, claim, "layout assumption", f"fails for {what} in Fortran order"))
    if any(a is not None and not _same(np.asarray(a), b) for a, b in zip(answer.raw, before, strict=True)):
        found.append(
            _broken(trial, claim, "stale buffer", "the result changes when the derivative is called again")
        )
    first = Answer([_kept(b, a) for a, b in zip(answer.arrays, before, strict=True)], answer.unit, ())
    if trial.truth is trial.native and not claim.forward:
        trial.heard[id(claim), 0], trial.heard[id(claim), 1] = first, second
    if not all(np.all(np.isfinite(g)) for g in first.arrays) or any(f.failed for f in found):
        return found
    found += _layouts(trial, claim, first)
    if not any(f.failed for f in found):
        found += _linearity(trial, claim, first, second)
    if claim.late is not None and not any(f.failed for f in found):
        found += _late(trial, claim, first)
    if len(trial.native.outputs) > 1 and not claim.forward and not any(f.failed for f in found):
        found += _outputs_alone(trial, claim, first)
    return found


def remembers(trial: Trial, claim: Claim) -> bool:
    """Whether a claim gave the same answer when it was first asked, at another point."""
    early = trial.elsewhere.get(id(claim))
    first = trial.heard.get((id(claim), 0))
    if early is None or first is None or not any(np.any(g) for g in first.arrays):
        return False
    return all(_same(a, b) for a, b in zip(early.arrays, first.arrays, strict=True))


def _asked_elsewhere(trial: Trial, claim: Claim) -> Answer | None:
    """The first answer ever is one for another point, so that whatever is remembered from it is wrong
    here.
    """
    try:
        return ask(claim, trial.native, _beside(trial), _given(trial, claim, 0))
    except BrokenPromise:
        return None


def _constants(trial: Trial, claim: Claim) -> Iterator[Finding]:
    for constant, before in trial.native.constants:
        if not _same(constant, before):
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
    kept = _copies(xs)
    once = [y.copy() for y in subject.value(xs)]
    found = []
    for slot, x, before in zip(subject.inputs, xs, kept, strict=True):
        if not _same(x, before):
            found.append(
                _finding(
                    subject, "function", slot.path, "mutates its input", "the function changes it in place"
                )
            )
    again = subject.value(_arranged_point(subject))
    for y, other, slot in zip(once, again, subject.outputs, strict=True):
        if _differ(y, other, slot.unit):
            straight = subject.value(subject.copied())[subject.outputs.index(slot)]
            moved = float(np.nanmax(np.abs(y - straight), initial=0.0) / np.nanmax(np.abs(y), initial=1e-300))
            if _differ(y, straight, slot.unit) and moved > _RANDOM:
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
            if not _differ(y, straight, slot.unit):
                found.append(
                    _finding(
                        subject,
                        "function",
                        slot.path,
                        "layout assumption",
                        "another memory layout, another value",
                    )
                )
    return found


_RANDOM = 1e-3


def _given(trial: Trial, claim: Claim, at: int) -> Arrays:
    if claim.forward:
        return [d.copy() for d in cast(trial.probes[at % len(trial.probes)].direction, trial.native.inputs)]
    return [c.copy() for c in trial.cotangents(trial.weights[at % len(trial.weights)], trial.native)]


def _memory(
    trial: Trial,
    claim: Claim,
    answer: Answer,
    given_xs: tuple[Arrays, Arrays],
    kept_xs: Arrays,
    given: Arrays,
    kept: Arrays,
) -> Iterator[Finding]:
    what = "tangent" if claim.forward else "cotangent"
    xs, held = given_xs
    for slot, x, other, before in zip(trial.native.inputs, xs, held, kept_xs, strict=True):
        if not (_same(x, before) and _same(other, before)):
            yield _broken(
                trial, claim, "mutates its input", f"changes {slot.path or 'an input'} in place", slot.path
            )
    for c, before in zip(given, kept, strict=True):
        if not _same(c, before):
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
    if _agrees(trial, claim, first, _arranged_point(trial.native), _arranged(given)):
        return _stretched(trial, claim)
    third = _answer_or_none(trial, claim, _arranged_point(trial.native), _arranged(given))
    plain = [ask(claim, trial.native, trial.native.copied(), _copies(given)) for _ in range(3)]
    unsteady = next((p for p in plain if _answers_differ(trial, claim, first, p)), None)
    if unsteady is not None:
        return [_unsteady(trial, claim, first, third or plain[0], unsteady)]
    what = "a tangent" if claim.forward else "a cotangent"
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
    what = f"a {'tangent' if claim.forward else 'cotangent'} with strides of zero"
    return [_laid_out(trial, claim, straight, flat, what)]


def _laid_out(trial: Trial, claim: Claim, first: Answer, given: Arrays, what: str) -> Finding:
    """The layout is to blame only where the plain call goes on giving the first answer."""
    if not all(_agrees(trial, claim, first, trial.native.copied(), _copies(given)) for _ in range(4)):
        return _broken(trial, claim, "not repeatable", "the same call gives another result")
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


def _unsteady(trial: Trial, claim: Claim, first: Answer, third: Answer, plain: Answer) -> Finding:
    """The same question, another answer: it adds up, it remembers, or it is random."""
    size = sum(float(np.abs(g).sum()) for g in first.arrays)
    grown = sum(float(np.abs(g).sum()) for g in plain.arrays)
    steps = [
        sum(float(np.abs(b - a).sum()) for a, b in zip(x.arrays, y.arrays, strict=True))
        for x, y in ((first, third), (third, plain))
    ]
    trial.native.value(trial.native.copied())
    fresh = ask(claim, trial.native, trial.native.copied(), _given(trial, claim, 0))
    if not _answers_differ(trial, claim, first, fresh):
        return _broken(
            trial, claim, "stale buffer", "answers for the inputs of the function's last call, not its own"
        )
    if grown > 1.5 * size and steps[0] > 0.2 * size:
        return _broken(
            trial, claim, "accumulates over calls", "every call adds to the result of the one before"
        )
    again = ask(claim, trial.native, trial.native.copied(), _given(trial, claim, 0))
    if not _answers_differ(trial, claim, fresh, again):
        return _broken(trial, claim, "stale buffer", "the answer depends on what was called before")
    return _broken(trial, claim, "not repeatable", "the same call gives another result")


def _linearity(trial: Trial, claim: Claim, first: Answer, second: Answer) -> list[Finding]:
    one, other = _given(trial, claim, 0), _given(trial, claim, 1)
    what = "tangent" if claim.forward else "cotangent"
    mixed = [np.asarray(0.5 * a - 1.5 * b, a.dtype) for a, b in zip(one, other, strict=True)]
    expected = [0.5 * a - 1.5 * b for a, b in zip(first.arrays, second.arrays, strict=True)]
    sizes = [
        0.5 * a + 1.5 * b
        for a, b in zip(_sizes(trial, claim, first), _sizes(trial, claim, second), strict=True)
    ]

    def linear(answer: Answer | None) -> bool:
        return answer is not None and not any(
            np.any(np.abs(c - e) > 4 * _LOOSE * first.unit * size)
            for c, e, size in zip(answer.arrays, expected, sizes, strict=True)
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
    moved = [x + step * d for x, d in zip(trial.native.point, trial.probes[0].direction, strict=True)]
    return cast(moved, trial.native.inputs)


def _call_elsewhere(trial: Trial) -> None:
    """Have the function remember another point, if it remembers any."""
    with suppress(Exception):  # that point may lie outside its domain
        trial.native.value(_beside(trial))


def _copies(arrays: Sequence[np.ndarray]) -> Arrays:
    return [a.copy() for a in arrays]


def _arranged_point(subject: Subject) -> Arrays:
    """The point in another layout, but for what a module lays out itself."""
    turned = zip(subject.inputs, subject.copied(), _arranged(subject.point), strict=True)
    return [plain if slot.parameter else strided for slot, plain, strided in turned]


def _arranged(arrays: Sequence[np.ndarray]) -> Arrays:
    """The same values in memory laid out otherwise: Fortran order, every second element, never contiguous."""
    return [_strided(a) for a in arrays]


def _strided(a: np.ndarray) -> np.ndarray:
    if a.ndim == 0 or a.size < 2:
        return a.copy()
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


def _kept(before: np.ndarray | None, checked: np.ndarray) -> np.ndarray:
    return checked if before is None else before.astype(checked.dtype)


def _same(a: np.ndarray, b: np.ndarray | None) -> bool:
    return b is None or np.array_equal(a, b, equal_nan=a.dtype.kind in "fc")


def _largest(a: np.ndarray) -> float:
    return float(np.max(np.abs(np.where(np.isfinite(a), a, 0)), initial=0.0))


def _sizes(trial: Trial, claim: Claim, answer: Answer) -> list[float]:
    """How large an entry of each array could matter: what vanishes in one leaf is rounding of the others."""
    if claim.forward:
        return [_largest(a) for a in answer.arrays]
    typical = [typical_size(x) for x in trial.native.point]
    most = max((_largest(g) * s for g, s in zip(answer.arrays, typical, strict=True)), default=0.0)
    return [most / s for s in typical]


def _differ(a: np.ndarray, b: np.ndarray, unit: float, size: float = 0.0) -> bool:
    if a.size == 0:
        return False
    size = max(size, _largest(a))
    with np.errstate(invalid="ignore"):
        off = np.abs(a.astype(np.complex128) - b.astype(np.complex128)) > _LOOSE * unit * size
    return bool(np.any(off | (np.isfinite(a) != np.isfinite(b))))


def _answers_differ(trial: Trial, claim: Claim, a: Answer, b: Answer) -> bool:
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
