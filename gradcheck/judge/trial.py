"""The state of one trial: who is judged, by what samples, and what a derivative answers when it is asked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from gradcheck.errors import GradcheckError
from gradcheck.judge.blockwise import fingerprint, norm_of_product
from gradcheck.judge.frameworks.base import DOUBLE, name_of, unit_of
from gradcheck.judge.probes import FINE_FIRST, FINE_ROWS, FINEST, Probe, Sketch, probe, rounded
from gradcheck.judge.subject import (
    Arrays,
    BrokenPromise,
    Claim,
    Meter,
    Slot,
    Spent,
    Subject,
    cast,
    flat,
    inner,
    unflat,
)
from gradcheck.judge.verdict import Finding

ROUNDINGS = 2**15
"""Roundings that each entry of a derivative is allowed, whatever the function."""


@dataclass
class Trial:
    """One function at one point.

    Attributes
    ----------
    native
        The subject in the user's own precision.
    truth
        The same in float64 where the function allows it.
    rng
        Source of every random draw.
    sketch
        How outputs are grouped.
    probes
        Directions with their samples.
    weights
        Cotangents of the grouped outputs, as rows.
    """

    native: Subject
    truth: Subject
    rng: np.random.Generator
    meter: Meter
    sketch: Sketch
    probes: list[Probe] = field(default_factory=list)
    weights: list[np.ndarray] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    symmetric: list[int] = field(default_factory=list)
    """Inputs that move among symmetric matrices only."""
    fixed_layout: bool = False
    """Whether the function gives something else, or fails, for inputs in another memory layout."""
    heard: dict[tuple[int, int], Answer] = field(default_factory=dict)
    """Answers to the weights that are already known, by claim and row."""
    elsewhere: dict[int, tuple[int, ...]] = field(default_factory=dict)
    """Digests of the answers at another point, by claim: the first that each was asked."""

    @cached_property
    def fine(self) -> list[Probe]:
        """The same directions on much shorter steps; none in low precision."""
        if self.truth.unit > DOUBLE:
            return []
        return [
            probe(
                self.truth,
                rounded(self.truth, p.direction, FINEST),
                self.sketch,
                rows=FINE_ROWS,
                first=FINE_FIRST,
            )
            for p in self.probes
        ]

    @cached_property
    def reach(self) -> float:
        """How far the first weighted sum of outputs goes along the probes, or could if an output doubled."""
        ways = [float(p.ladder.columns(self.weights[0][None, :]).range[0]) for p in self.probes]
        outputs = np.abs(self.weights[0] * self.probes[0].ladder.centre)
        return max(*ways, float(np.max(outputs, initial=0.0)))

    @property
    def order(self) -> int:
        """Order of the derivative judged."""
        return self.native.order

    def cotangents(self, weights: np.ndarray, subject: Subject | None = None) -> Arrays:
        """A row of weights as arrays like the outputs."""
        slots = (subject or self.truth).outputs
        return [np.array(c) for c in cast(unflat(self.sketch.up(weights), slots), slots)]

    def pull(self, claim: Claim, weights: np.ndarray, subject: Subject | None = None) -> Answer:
        """What a reverse claim answers to a row of weights."""
        subject = subject or self.truth
        known = next((i for i, row in enumerate(self.weights) if row is weights), -1)
        if (id(claim), known) in self.heard:
            return self.heard[id(claim), known]
        return ask(claim, subject, subject.copied(), self.cotangents(weights, subject))

    def push(self, claim: Claim, tangents: Arrays, subject: Subject | None = None) -> Answer:
        """What a forward claim answers to a direction."""
        subject = subject or self.truth
        return ask(claim, subject, subject.copied(), [np.array(t) for t in cast(tangents, subject.inputs)])

    def grouped(self, outputs: Sequence[np.ndarray]) -> np.ndarray:
        """Outputs, or tangents of outputs, as the probes' samples hold them."""
        return self.sketch.down(flat(outputs))


@dataclass(frozen=True, slots=True)
class Answer:
    """A derivative's answer, checked for form; ``unit`` is the spacing of the coarsest numbers in it."""

    arrays: Arrays
    unit: float
    raw: tuple[object, ...]

    def along(self, direction: Arrays) -> float:
        """Its inner product with a direction."""
        return inner(self.arrays, direction)

    @property
    def digest(self) -> tuple[int, ...]:
        """What tells it from other answers in a few numbers."""
        arrays = [g for g in self.raw or self.arrays if isinstance(g, np.ndarray)]
        return tuple(fingerprint(g) for g in arrays)

    def size_along(self, direction: Arrays) -> float:
        """Root of the sum of squares of that product's terms."""
        pairs = zip(self.arrays, direction, strict=True)
        return float(np.sqrt(sum(norm_of_product(g, d) for g, d in pairs)))


def one_line(error: Exception) -> str:
    """What an exception says, on one line of bearable length."""
    return " ".join(str(error).split())[:200].rstrip(".")


def ask(claim: Claim, subject: Subject, xs: Arrays, given: Arrays) -> Answer:
    """Call a derivative and look at what it returns.

    Raises
    ------
    BrokenPromise
        When it raises, or an array has the wrong shape or dtype, or is missing.
    """
    subject.meter.differentiate()
    try:
        raw = tuple(claim.call(xs, given))
    except (BrokenPromise, Spent, GradcheckError):
        raise
    except Exception as error:
        text = one_line(error)
        shape = any(word in text for word in ("shape", "broadcast", "dimension"))
        raise BrokenPromise(
            Finding(
                kind="contract",
                mode=claim.mode,
                order=subject.order,
                message=f"raises {type(error).__name__}: {text}",
                cause="wrong shape" if shape else "raises",
            )
        ) from error
    slots = subject.answers if claim.forward else subject.inputs
    arrays = [checked(array, slot, claim, subject) for array, slot in zip(raw, slots, strict=True)]
    units = [unit_of(name_of(np.asarray(array).dtype)) for array in raw if array is not None]
    unit = max([*units, subject.unit])
    return Answer(arrays, unit, raw)


def checked(array: np.ndarray | None, slot: Slot, claim: Claim, subject: Subject) -> np.ndarray:
    """One array of an answer, or the promise it breaks."""

    def broken(cause: str, expected: object, got: object) -> BrokenPromise:
        what = f"{cause}: got {got}, expected {expected}"
        return BrokenPromise(
            Finding(
                kind="contract",
                mode=claim.mode,
                order=subject.order,
                path=slot.path,
                message=what,
                cause=cause,
                expected=expected,
                got=got,
            )
        )

    if array is None:
        if claim.foreign:
            return np.zeros(slot.shape, np.complex128 if slot.is_complex else np.float64)
        raise broken("None returned", f"an array of shape {slot.shape}", None)
    if array.shape != slot.shape:
        raise broken(_shape_fault(array.shape, slot, subject), slot.shape, array.shape)
    kind = array.dtype.kind
    if kind in "iub" or (kind == "c") != slot.is_complex:
        raise broken("wrong dtype", slot.dtype, name_of(array.dtype))
    strict = not (claim.foreign or subject.promoted)
    if strict and array.ndim and unit_of(name_of(array.dtype)) != unit_of(slot.held):
        raise broken("wrong dtype", slot.dtype, name_of(array.dtype))
    return (
        array
        if name_of(array.dtype) in ("float64", "complex128")
        else array.astype(np.complex128 if kind == "c" else np.float64)
    )


def _shape_fault(shape: tuple[int, ...], slot: Slot, subject: Subject) -> str:
    outputs = {output.shape for output in subject.outputs}
    if shape in outputs or (len(shape) >= len(slot.shape) and np.prod(shape) > slot.size):
        try:
            wider = np.broadcast_shapes(shape, slot.shape) == shape
        except ValueError:
            wider = False
        if wider:
            return "missing broadcast sum"
    if shape == slot.shape[::-1]:
        return "transposed"
    return "wrong shape"
