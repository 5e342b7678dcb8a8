"""Directions to look along, and what the function does along them.

Every entry of a direction is a random sign times a magnitude in [0.5, 1.5] times a typical size of its input,
so that no single entry can hide and pairs cancel seldom. Entries are rounded so that every step of the ladder
is added without rounding.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from gradcheck.judge.blockwise import PIECE
from gradcheck.judge.frameworks.base import DOUBLE
from gradcheck.judge.subject import Arrays, Slot, Spent, Subject, cast, flat
from gradcheck.numeric.ladder import LONGEST, RATIO, ROWS, Ladder, Line, climb

_MOST_OUTPUTS = 1 << 16
_SAMPLE = 1 << 16  # entries whose mean tells the middle of a leaf
_HUGE = 1 << 18  # entries from which directions are kept in single precision

_ROWS = {DOUBLE: ROWS, 2.0**-23: 7}
_FEWEST = 4  # half precision


def rows_for(unit: float) -> int:
    """How many steps there are between the longest and what numbers of that spacing can resolve."""
    return _ROWS.get(unit, _FEWEST)


FINE_FIRST, FINE_ROWS = 9, 10
"""A ladder of much shorter steps, for what lies very near to the point."""

FINEST = LONGEST * float(RATIO) ** (1 - FINE_FIRST - FINE_ROWS)


def rounded(subject: Subject, along: Arrays, shortest: float) -> Arrays:
    """A direction whose multiples down to a step are added without rounding."""
    unit = subject.unit
    made = []
    for x, d in zip(subject.point, along, strict=True):
        source, target = _coordinates(np.ascontiguousarray(x)), _coordinates(d.copy())
        moving = target != 0
        rounded_part = _on_grid(np.abs(source.astype(np.float64)), target, unit / shortest)
        made.append(_like(np.where(moving, rounded_part, 0.0), d))
    return made


def _like(coordinates: np.ndarray, d: np.ndarray) -> np.ndarray:
    shaped: np.ndarray = coordinates.view(d.dtype).reshape(d.shape)
    return shaped


def _on_grid(size: np.ndarray, d: np.ndarray, relative: float) -> np.ndarray:
    """Steps rounded to multiples of a power of two above ``relative`` times the larger of point and step."""
    _, exponent = np.frexp(np.maximum(size, np.abs(d)))
    grain = np.ldexp(relative, exponent)
    steps: np.ndarray = np.rint(d / grain)
    if not steps.all():
        steps = np.where(steps == 0, np.copysign(1.0, d), steps)
    steps *= grain
    return steps


def symmetric_inputs(subject: Subject) -> list[int]:
    """Inputs that are symmetric or Hermitian matrices of which the function reads one triangle only.

    Such a function stands for one on symmetric matrices, and only steps among these say something about it.
    """
    found = []
    centre = flat(subject.centre)
    for leaf, x in enumerate(subject.point):
        if x.ndim < 2 or x.shape[-1] != x.shape[-2] or x.shape[-1] < 2 or x.size > _SAMPLE:
            continue
        if not np.array_equal(x, np.conj(np.swapaxes(x, -1, -2))):
            continue
        for triangle in (np.triu, np.tril):
            step = triangle(
                np.full(x.shape, LONGEST * subject.typical[leaf]), 1 if triangle is np.triu else -1
            )
            moved = subject.copied()
            moved[leaf] += step.astype(x.dtype)
            try:
                unmoved = np.array_equal(flat(subject.value(moved)), centre)
            except Spent:
                raise
            except Exception:  # outside the domain a function may raise whatever it likes
                unmoved = False
            if unmoved:
                found.append(leaf)
                break
    return found


def symmetrised(along: Arrays, leaves: Sequence[int]) -> Arrays:
    """A direction made symmetric in some inputs."""
    for leaf in leaves:
        d = along[leaf]
        along[leaf] = np.tril(d) + np.conj(np.swapaxes(np.tril(d, -1), -1, -2))
    return along


def direction(subject: Subject, rng: np.random.Generator, *, by_entry: bool = False, sign: int = 0) -> Arrays:
    """A random direction of all inputs.

    Parameters
    ----------
    subject
        What is judged.
    rng
        Where signs and magnitudes come from.
    by_entry
        Scale every entry by its own size instead of its leaf's typical one; zeros by the latter.
    sign
        1 or -1 for a direction of one sign, 0 for random signs, 2 for signs towards the middle of each leaf.
    """
    unit = subject.unit
    shortest = LONGEST * float(RATIO) ** (1 - rows_for(unit))
    return [
        _drawn(x, slot, rng, size if not by_entry else -size, sign, max(unit, slot.unit) / shortest)
        for x, slot, size in zip(subject.point, subject.inputs, subject.typical, strict=True)
    ]


def _drawn(
    x: np.ndarray, slot: Slot, rng: np.random.Generator, size: float, sign: int, relative: float
) -> np.ndarray:
    """Steps of a typical size; by entry where that is negative, with its magnitude for zeros."""
    huge = x.size >= _HUGE and not slot.is_complex
    made = np.empty(x.shape, np.complex128 if slot.is_complex else np.float32 if huge else np.float64)
    target, source = _coordinates(made), _coordinates(np.ascontiguousarray(x))
    middle = float(np.mean(source[:_SAMPLE])) if sign == 2 and source.size else 0.0
    for start in range(0, target.size, PIECE):
        here = source[start : start + PIECE]
        part = np.abs(here).astype(np.float64, copy=False)
        d = rng.random(part.size)
        d -= 0.5
        d += np.copysign(0.5, d)
        if sign == 2:
            d = np.abs(d) * np.where(here > middle, -1.0, 1.0)
        elif sign:
            d = np.abs(d) * sign
        d *= size if size > 0 else np.where(part > 0, part, -size)
        target[start : start + PIECE] = _on_grid(part, d, relative * (8 if huge else 1))
    return made


def _coordinates(x: np.ndarray) -> np.ndarray:
    """Real coordinates of all entries, as a view where possible."""
    array = x.reshape(-1)
    return array.view(array.real.dtype) if array.dtype.kind == "c" else array


def tied_direction(subject: Subject, rng: np.random.Generator) -> Arrays:
    """A random direction in which entries of a leaf that are equal, or opposite, stay so."""
    made = []
    for x, d in zip(subject.point, direction(subject, rng), strict=True):
        entries = x.reshape(-1)
        _, first, inverse = np.unique(np.abs(entries), return_index=True, return_inverse=True)
        alike = np.abs(d.reshape(-1))[first][inverse.reshape(-1)] * rng.choice([-1.0, 1.0])
        made.append((alike * np.where(entries.real < 0, -1.0, 1.0)).reshape(x.shape).astype(d.dtype))
    return made


@dataclass(frozen=True, slots=True)
class Sketch:
    """Real coordinates of the outputs, added up with random signs in groups where there are very many."""

    signs: np.ndarray | None
    starts: np.ndarray | None

    @classmethod
    def of(cls, count: int, rng: np.random.Generator) -> Sketch:
        """One group per coordinate, or as many as can be kept for all steps."""
        if count <= _MOST_OUTPUTS:
            return cls(None, None)
        starts = np.linspace(0, count, _MOST_OUTPUTS // 16, endpoint=False).astype(np.int64)
        return cls((1 - 2 * rng.integers(0, 2, count, dtype=np.int8)), starts)

    def down(self, outputs: np.ndarray) -> np.ndarray:
        """Sums of outputs by group."""
        if self.signs is None or self.starts is None:
            return outputs
        sums: np.ndarray = np.add.reduceat(outputs * self.signs, self.starts)
        return sums

    def up(self, weights: np.ndarray) -> np.ndarray:
        """The cotangent of the outputs for one of the sums."""
        if self.signs is None or self.starts is None:
            return weights
        counts = np.diff(np.append(self.starts, self.signs.size))
        spread: np.ndarray = np.repeat(weights, counts) * self.signs
        return spread


@dataclass(frozen=True, slots=True)
class Probe:
    """A direction, and the samples taken along it."""

    direction: Arrays
    ladder: Ladder


def line(subject: Subject, along: Sequence[np.ndarray], sketch: Sketch, count: int) -> Line:
    """The function of a step along a direction; NaN for all outputs where it raises or leaves its domain."""
    plain = all(slot.held == d.dtype.name for slot, d in zip(subject.inputs, along, strict=True))

    def phi(step: float) -> np.ndarray:
        moved = []
        for x, d in zip(subject.point, along, strict=True):
            there = np.multiply(d, step, dtype=np.result_type(d, np.float64))
            there += x
            moved.append(there)
        try:
            return sketch.down(flat(subject.value(moved if plain else cast(moved, subject.inputs))))
        except Spent:
            raise
        except Exception:  # outside the domain a function may raise whatever it likes
            return np.full(count, np.nan)

    return phi


def probe(
    subject: Subject,
    along: Arrays,
    sketch: Sketch,
    *,
    noise: np.ndarray | None = None,
    rows: int | None = None,
    first: int = 0,
) -> Probe:
    """Sample along a direction."""
    count = rows_for(subject.unit) if rows is None else rows
    centre = sketch.down(flat(subject.centre))
    phi = line(subject, along, sketch, centre.size)
    return Probe(along, climb(phi, centre, unit=subject.unit, rows=count, first=first, noise=noise))


def restricted(along: Arrays, leaf: int, chosen: slice | np.ndarray | int) -> Arrays:
    """A direction with all but some entries of one leaf set to 0."""
    made = [np.zeros_like(d) for d in along]
    made[leaf].reshape(-1)[chosen] = along[leaf].reshape(-1)[chosen]
    return made
