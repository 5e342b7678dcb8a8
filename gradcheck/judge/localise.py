"""Which entry is wrong: by halving the support of a direction, in log n measurements.

The slope along a direction is the sum of the slopes along its halves, so that only one half is measured and
the other follows (group testing: F. K. Hwang, "A method for detecting all defective members in a population
by group testing", J. Am. Stat. Assoc. 67, 1972, 605-608).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gradcheck.judge.causes import counts, named_ratio, rearranged
from gradcheck.judge.comparison import COARSE, allowance
from gradcheck.judge.examination import Outcome
from gradcheck.judge.probes import Probe, probe, restricted
from gradcheck.judge.subject import Arrays, BrokenPromise, Spent, inner
from gradcheck.judge.trial import Trial
from gradcheck.judge.verdict import Finding

_MOST = 10  # entries named one by one
_ROWS = 4
_SLIGHT = 0.2  # an entry farther off than this lacks a term rather than digits


@dataclass(frozen=True, slots=True)
class _Measured:
    """A slope along part of a direction: claimed, measured, and how far either may be off."""

    claimed: float
    value: float
    bar: float

    @property
    def miss(self) -> float:
        return self.claimed - self.value

    @property
    def bad(self) -> bool:
        return not abs(self.miss) <= self.bar

    def less(self, part: _Measured) -> _Measured:
        """What is left when a part is taken away."""
        return _Measured(self.claimed - part.claimed, self.value - part.value, self.bar + part.bar)


@dataclass(frozen=True, slots=True)
class _Segment:
    leaf: int
    start: int
    stop: int
    measured: _Measured


class Search:
    """The wrong entries behind one disagreement."""

    def __init__(self, trial: Trial, outcome: Outcome) -> None:
        self._trial = trial
        self._outcome = outcome
        steps = len(outcome.ladder.steps)
        self._rows = min(_ROWS, steps)
        self._first = outcome.ladder.first + outcome.ladder.window(self._rows)
        self._noise = outcome.noise
        self._columns = outcome.weights[None, :]
        self.consistent = True
        """Whether every entry found wrong among others is wrong alone too; at a tie it need not be."""

    def findings(self) -> list[Finding]:
        """One finding per wrong entry or slice; what the budget allows."""
        found: list[Finding] = []
        try:
            for segment in self._leaves():
                found += self._leaf(segment, _MOST - len(found))
        except Spent:
            self._trial.notes.append("the budget ended the search for wrong entries")
        return found

    def _sampled(self, direction: Arrays) -> Probe:
        """The function along a direction, at the few steps that served best along the whole."""
        return probe(
            self._trial.truth,
            direction,
            self._trial.sketch,
            noise=self._noise,
            rows=self._rows,
            first=self._first,
        )

    def measure(self, direction: Arrays) -> _Measured:
        """The slope along a direction from few steps, beside what is claimed."""
        one = self._sampled(direction)
        ladder = one.ladder.columns(self._columns)
        if self._outcome.claim.forward:
            answer = self._trial.push(self._outcome.claim, direction)
            claimed = float(self._outcome.weights @ self._trial.grouped(answer.arrays))
            rounding = 256 * answer.unit * abs(claimed)
        else:
            answer = self._outcome.answer
            claimed = answer.along(direction)
            rounding = allowance(answer, direction, 0.0)
        central = ladder.central
        return _Measured(claimed, float(central.value[0]), float(central.error[0]) + rounding)

    def _leaves(self) -> list[_Segment]:
        """The leaves with something wrong."""
        direction = self._outcome.direction
        moving = [leaf for leaf, d in enumerate(direction) if d.size and np.any(d)]
        segments = []
        for leaf in moving:
            measured = self.measure(restricted(direction, leaf, slice(None)))
            segments.append(_Segment(leaf, 0, direction[leaf].size, measured))
        bad = [segment for segment in segments if segment.measured.bad]
        return sorted(bad, key=lambda s: -abs(s.measured.miss) / max(s.measured.bar, 1e-300))

    def _leaf(self, whole: _Segment, most: int) -> list[Finding]:
        cause = self._leaf_cause(whole)
        entries = self._entries(whole, 1 if cause else most)
        path = self._trial.truth.inputs[whole.leaf].path
        if not entries:
            return [self._finding(whole.leaf, None, whole.measured, cause, path)]
        found = [self._entry(segment, cause) for segment in entries]
        return [found[0]] if cause else found

    def _entries(self, whole: _Segment, most: int) -> list[_Segment]:
        """Smallest parts with something wrong, the worst halves first."""
        found: list[_Segment] = []
        waiting = [whole]
        while waiting and len(found) < most:
            segment = waiting.pop()
            if segment.stop - segment.start == 1:
                found.append(segment)
                continue
            middle = (segment.start + segment.stop) // 2
            half = restricted(self._outcome.direction, segment.leaf, slice(segment.start, middle))
            left = _Segment(segment.leaf, segment.start, middle, self.measure(half))
            right = _Segment(segment.leaf, middle, segment.stop, segment.measured.less(left.measured))
            bad = [part for part in (left, right) if part.measured.bad]
            if not bad:
                found.append(segment)
            waiting += sorted(bad, key=lambda s: abs(s.measured.miss))
        return found

    def _leaf_cause(self, whole: _Segment) -> str:
        """The one change that would make the whole leaf right along two directions; empty where none does."""
        if self._outcome.claim.forward:
            return self._constant_ratio([whole.measured])
        leaf, trial = whole.leaf, self._trial
        directions = [restricted(p.direction, leaf, slice(None)) for p in trial.probes[:2]]
        readings = [
            whole.measured if p.direction is self._outcome.direction else self.measure(d)
            for p, d in zip(trial.probes, directions, strict=False)
        ]
        gradient = self._outcome.answer.arrays[leaf]
        if not np.any(gradient):
            return "detached (zero)"
        for cause, moved in rearranged(gradient):
            if all(
                abs(inner([moved], [d[leaf]]) - m.value) <= m.bar
                for d, m in zip(directions, readings, strict=True)
            ):
                return cause
        if gradient.dtype.kind == "c" and self._conjugated(leaf, directions):
            return "conjugated"
        cause = self._constant_ratio(readings)
        return cause or self._swapped(leaf, directions, readings)

    def _conjugated(self, leaf: int, directions: list[Arrays]) -> bool:
        """Whether the conjugate of the answer to a real cotangent would be right."""
        weights, start = self._outcome.weights.copy(), 0
        for slot in self._trial.truth.outputs:
            if slot.is_complex:
                weights[start + 1 : start + 2 * slot.size : 2] = 0
            start += slot.coordinates
        if self._trial.sketch.signs is not None or not np.any(weights):
            return False
        gradient = np.conj(self._trial.pull(self._outcome.claim, weights).arrays[leaf])
        for direction in directions:
            one = self._sampled(direction)
            central = one.ladder.columns(weights[None, :]).central
            bar = float(central.error[0]) + 2.0**-40 * abs(float(central.value[0]))
            if not abs(inner([gradient], [direction[leaf]]) - float(central.value[0])) <= bar:
                return False
        return True

    def _constant_ratio(self, readings: list[_Measured]) -> str:
        usable = [m for m in readings if abs(m.value) > 8 * m.bar]
        if not usable:
            return ""
        ratios = [m.claimed / m.value for m in usable]
        spread = max(ratios) - min(ratios)
        if spread > sum((abs(r) + 1) * m.bar / abs(m.value) for r, m in zip(ratios, usable, strict=True)):
            return ""
        sizes = counts(self._trial.truth.inputs, self._trial.truth.outputs)
        named = named_ratio(ratios[0], sizes)
        return named or (f"constant factor {ratios[0]:.10g}" if len(usable) > 1 else "")

    def _swapped(self, leaf: int, directions: list[Arrays], readings: list[_Measured]) -> str:
        """Whether another leaf's gradient would fit here."""
        for other, gradient in enumerate(self._outcome.answer.arrays):
            if other == leaf or gradient.shape != self._outcome.answer.arrays[leaf].shape:
                continue
            fits = [
                abs(inner([gradient], [d[leaf]]) - m.value) <= m.bar
                for d, m in zip(directions, readings, strict=True)
            ]
            if all(fits):
                return f"swapped with {self._trial.truth.inputs[other].path}"
        return ""

    def _entry(self, segment: _Segment, cause: str) -> Finding:
        """A wrong entry with the numbers a person compares."""
        leaf, slot = segment.leaf, self._trial.truth.inputs[segment.leaf]
        if segment.stop - segment.start > 1:
            index = _as_index(segment.start, segment.stop, slot.shape)
            return self._finding(leaf, index, segment.measured, cause or "dropped term", slot.path)
        alone = restricted(self._outcome.direction, leaf, segment.start)
        measured = self.measure(alone)
        if self.consistent:
            rest = [d - a for d, a in zip(self._outcome.direction, alone, strict=True)]
            self.consistent = measured.bad and self._adds_up(measured, self.measure(rest))
        if not measured.bad:
            measured = segment.measured
        if not cause:
            sizes = counts(self._trial.truth.inputs, self._trial.truth.outputs)
            ratio = measured.claimed / measured.value if abs(measured.value) > measured.bar else np.nan
            cause = named_ratio(ratio, sizes) or self._local_cause(segment, measured, ratio)
        index = tuple(int(i) for i in np.unravel_index(segment.start, slot.shape))
        return self._finding(leaf, index, measured, cause, slot.path, float(_length(alone[leaf])))

    def _adds_up(self, alone: _Measured, rest: _Measured) -> bool:
        """Whether the slopes of an entry and of all others add up to that of the whole direction."""
        whole = self._outcome.ladder.central
        bars = alone.bar + rest.bar + float(whole.error[0])
        return bool(abs(alone.value + rest.value - float(whole.value[0])) <= 2 * bars)

    def _local_cause(self, segment: _Segment, measured: _Measured, ratio: float) -> str:
        x = self._trial.truth.point[segment.leaf].reshape(-1)
        here = x[segment.start]
        if here == 0 and np.any(x != 0):
            return "wrong only at zeros/ties/kinks"
        if x.size <= 1 << 16 and np.count_nonzero(x == here) > 1 and np.any(x != here):
            return "wrong only at zeros/ties/kinks"
        if abs(measured.value) > measured.bar and 0 < measured.claimed / measured.value < 1:
            n = measured.value / measured.claimed
            if abs(n - round(n)) < 1e-3 and round(n) > 1:
                return "duplicated index"
        close = abs(ratio - 1) < _SLIGHT
        return f"entry off by a factor {ratio:.10g}" if close else "dropped term"

    def _finding(
        self,
        leaf: int,
        index: tuple[object, ...] | None,
        measured: _Measured,
        cause: str,
        path: str,
        length: float = 0.0,
    ) -> Finding:
        """In units of the entry where a single one moved, of the slope along the direction otherwise."""
        output, weight = "", 1.0
        if length and index is not None:
            position = int(np.ravel_multi_index(index, self._trial.truth.inputs[leaf].shape))  # type: ignore[arg-type]
            output, weight, measured = self._narrowed(leaf, position, measured)
        unit = length * weight if length else 1.0
        return Finding(
            kind="value",
            mode=self._outcome.claim.mode,
            order=self._trial.order,
            path=path,
            index=index,
            output=output,
            expected=measured.value / unit,
            got=measured.claimed / unit,
            bar=measured.bar / abs(unit),
            cause=cause or "dropped term",
            message="wrong derivative" if length else "wrong slope along a direction",
        )

    def _narrowed(self, leaf: int, position: int, measured: _Measured) -> tuple[str, float, _Measured]:
        """The output that an entry is wrong for, its weight, and the slope of that output alone.

        Found by halving the cotangent; empty and 1 where a single output cannot be told.
        """
        weights = self._outcome.weights
        used = np.flatnonzero(weights)
        if used.size == 1:
            name = self._name(int(used[0])) if weights.size > 1 else ""
            return name, float(weights[used[0]]), measured
        if self._outcome.claim.forward or self._trial.sketch.signs is not None:
            return "", 1.0, measured
        alone = restricted(self._outcome.direction, leaf, position)
        one = self._sampled(alone)
        try:
            while used.size > 1:
                half, rest = used[: used.size // 2], used[used.size // 2 :]
                used = half if self._of_outputs(one, half).bad else rest
            last = self._of_outputs(one, used)
        except BrokenPromise:
            return "", 1.0, measured
        if not last.bad:
            return "", 1.0, measured
        return self._name(int(used[0])), float(weights[used[0]]), last

    def _of_outputs(self, one: Probe, chosen: np.ndarray) -> _Measured:
        """Claimed and measured slope of some of the outputs."""
        weights = np.zeros_like(self._outcome.weights)
        weights[chosen] = self._outcome.weights[chosen]
        answer = self._trial.pull(self._outcome.claim, weights)
        central = one.ladder.columns(weights[None, :]).central
        bar = float(central.error[0]) + allowance(answer, one.direction, 0.0)
        return _Measured(answer.along(one.direction), float(central.value[0]), bar)

    def _name(self, position: int) -> str:
        """Path and index of an output coordinate."""
        for slot in self._trial.truth.outputs:
            count = slot.coordinates
            if position < count:
                entry = position // (2 if slot.is_complex else 1)
                index = np.unravel_index(entry, slot.shape) if slot.shape else ()
                part = (".real", ".imag")[position % 2] if slot.is_complex else ""
                subscript = f"[{', '.join(str(int(i)) for i in index)}]" if len(index) else ""
                return f"{slot.path or 'output'}{subscript}{part}"
            position -= count
        return ""


def non_finite(trial: Trial, outcome: Outcome) -> list[Finding]:
    """Entries of an answer that are NaN or infinite, and what they should be."""
    found: list[Finding] = []
    direction = trial.probes[0].direction
    for leaf, (g, slot) in enumerate(zip(outcome.answer.arrays, trial.truth.inputs, strict=True)):
        bad = np.flatnonzero(~np.isfinite(g.reshape(-1)))
        for position in bad[: _MOST - len(found)]:
            index = tuple(int(i) for i in np.unravel_index(position, slot.shape))
            alone = restricted(direction, leaf, position)
            one = probe(trial.truth, alone, trial.sketch)
            slopes = one.ladder.columns(outcome.weights[None, :]).slopes
            got = g.reshape(-1)[position]
            if slopes.infinite[0]:
                found.append(_unbounded(trial, outcome, slot.path, index, got, "is infinite"))
                continue
            usable = [s for s in (slopes.central, slopes.right, slopes.left) if np.isfinite(s.value[0])]
            if not usable:
                continue
            if usable[0].error[0] > COARSE * abs(usable[0].value[0]) > 0:
                found.append(_unbounded(trial, outcome, slot.path, index, got, "cannot be measured"))
                continue
            unit = float(_length(alone[leaf])) * (
                float(outcome.weights[0]) if outcome.weights.size == 1 else 1.0
            )
            found.append(
                Finding(
                    kind="value",
                    mode=outcome.claim.mode,
                    order=trial.order,
                    path=slot.path,
                    index=index,
                    expected=float(usable[0].value[0]) / unit,
                    got=got.item(),
                    bar=float(usable[0].error[0]) / abs(unit),
                    cause="non-finite",
                    message="not a finite number",
                )
            )
    return found


def _unbounded(
    trial: Trial, outcome: Outcome, path: str, index: tuple[int, ...], got: np.ndarray, what: str
) -> Finding:
    return Finding(
        kind="note" if np.isinf(got) and what == "is infinite" else "unresolved",
        mode=outcome.claim.mode,
        order=trial.order,
        path=path,
        index=index,
        got=got.item(),
        message=f"the slope {what} here, and the derivative says {got.item()}",
        cause=f"the slope {what} at the point",
    )


def _length(direction: np.ndarray) -> float:
    """The step of the single entry that moves; its sign counts for real entries."""
    moving = direction.reshape(-1)[np.flatnonzero(direction.reshape(-1))]
    return float(np.abs(moving[0])) if moving.dtype.kind == "c" else float(moving[0])


def _as_index(start: int, stop: int, shape: tuple[int, ...]) -> tuple[object, ...]:
    """A range of flat positions as slices, where it is one; the flat range otherwise."""
    inner_size = int(np.prod(shape[1:])) if len(shape) > 1 else 1
    first, last = start // inner_size, -(-stop // inner_size)
    return (slice(first, last),)
