"""Jacobians as sums of terms: entries whose rows and columns are known, and whose values are computed.

Rows and columns are arrays of integers, made from shapes alone; values are arrays of the program, which may
be smaller where they broadcast.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np

from gradcheck.engine.core import add, broadcast_to, multiply, primal_of, reduce_sum, shape_of
from gradcheck.engine.places import Places, compact, everywhere, is_everywhere, laid_out, picked
from gradcheck.engine.rules.rows import shaped


@dataclass(frozen=True, eq=False, slots=True)
class Term:
    """Entries of a Jacobian: flat ``rows`` and ``columns`` broadcast together, ``values`` to their shape.

    ``whole``: the rows are all entries of the output, in its shape.
    """

    rows: Places
    columns: Places
    values: Any
    whole: bool = False

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the entries."""
        return _joint(self.rows, self.columns)

    @property
    def work(self) -> int:
        """How much there is to compute."""
        return max(prod(shape_of(self.values)), self.rows.size, self.columns.size)

    def places(self, width: int) -> Places:
        """Places in the flat Jacobian with so many columns."""
        return self.rows * width + self.columns


def identity(x: Any) -> Term:
    """The Jacobian of an input in itself."""
    places = everywhere(x.shape)
    primal = primal_of(x)
    one = 1.0 if type(primal) is float else np.result_type(primal).type(1)
    return Term(places, places, one, whole=True)


def merged(terms: list[Term]) -> list[Term]:
    """Terms with one pattern as one."""
    merged: list[Term] = []
    for term in terms:
        for at, other in enumerate(merged):
            if _same(term.rows, other.rows) and _same(term.columns, other.columns):
                merged[at] = Term(term.rows, term.columns, add(other.values, term.values), term.whole)
                break
        else:
            merged.append(term)
    return merged


def _same(a: Places, b: Places) -> bool:
    return a is b or (a.shape == b.shape and (a.size == 0 or a.flat[0] == b.flat[0]) and np.array_equal(a, b))


def filled(terms: Sequence[Term], shape: tuple[int, ...], width: int) -> Term:
    """One term with every entry in place of many."""
    places = [term.places(width) for term in terms]
    return grid(laid_out([term.values for term in terms], places, (*shape, width)), shape, width)


def grid(values: Any, shape: tuple[int, ...], width: int) -> Term:
    """A term with every entry, of an output of a shape and an input of a width."""
    columns = np.arange(width).reshape((1,) * len(shape) + (width,))
    return Term(everywhere(shape)[..., None], columns, values)


def _joint(rows: Places, columns: Places) -> tuple[int, ...]:
    """The shape to which two arrays of one rank broadcast."""
    sizes = [n if m == 1 else m for m, n in zip(rows.shape, columns.shape, strict=True)]
    return tuple(sizes)


def settled(rows: Places, columns: Places, values: Any, made: tuple[int, ...]) -> Term:
    """A term in its simplest form: what differs in no row and no column is summed."""
    rows, columns = np.asarray(rows), np.asarray(columns)
    rank = max(rows.ndim, columns.ndim)
    rows = rows.reshape((1,) * (rank - rows.ndim) + rows.shape)
    columns = columns.reshape((1,) * (rank - columns.ndim) + columns.shape)
    shape = _joint(rows, columns)
    if 0 in shape:
        return Term(rows, columns, values)
    rows, columns = compact(rows), compact(columns)
    both = list(zip(shape, rows.shape, columns.shape, strict=True))
    repeated = [axis for axis, (size, row, column) in enumerate(both) if size > 1 and row == 1 == column]
    if repeated:
        held = (1,) * (rank - len(shape_of(values))) + shape_of(values)
        summed = tuple(axis for axis in repeated if held[axis] > 1)
        times = prod(shape[axis] for axis in repeated if held[axis] == 1)
        if summed:
            values = reduce_sum(shaped(values, held), axis=summed, keepdims=True)
        if times > 1:
            values = multiply(values, float(times))
    if is_everywhere(rows, prod(made)) and columns.size <= rows.size:
        wide = np.broadcast_to(columns, _joint(rows, columns))
        if wide.size == rows.size:
            return Term(rows.reshape(made), wide.reshape(made), folded(values, wide.shape, made), whole=True)
    kept = tuple(axis for axis, size in enumerate(_joint(rows, columns)) if size != 1)
    if len(kept) < rank:
        held = (1,) * (rank - len(shape_of(values))) + shape_of(values)
        values = shaped(values, tuple(held[axis] for axis in kept) if prod(held) != 1 else ())
        rows, columns = (x.reshape([x.shape[axis] for axis in kept]) for x in (rows, columns))
    return Term(rows, columns, values)


def folded(values: Any, old: tuple[int, ...], new: tuple[int, ...]) -> Any:
    """Values that broadcast to one shape, so that they broadcast to another of the same entries."""
    shape = shape_of(values)
    if prod(shape) == 1:
        return shaped(values, ())
    if old == new and len(shape) == len(old):
        return values
    if prod(shape) != prod(old):
        values = broadcast_to(values, shape=old)
    return shaped(values, new)


def gathered(term: Term, sources: Places, given: tuple[int, ...], made: tuple[int, ...]) -> Term:
    """A term whose row ``i`` is row ``sources[i]`` of another, or nothing where that is negative."""
    flat = sources.reshape(-1)
    if term.whole:
        if not flat.size or flat.min() >= 0:
            return _taken(term, sources, everywhere(made), made)
        rows = np.flatnonzero(flat >= 0)
        return _taken(term, flat[rows], rows, made)
    size = prod(given)
    named = np.bincount(flat[flat >= 0], minlength=size)
    order = np.argsort(flat, kind="stable")[np.count_nonzero(flat < 0) :]
    starts = np.cumsum(named) - named
    times = named[term.rows]
    if times.size and times.min() == times.max() > 0:
        copies = np.arange(times.flat[0]).reshape((-1,) + (1,) * term.rows.ndim)
        return settled(order[starts[term.rows] + copies], term.columns, term.values, made)
    axes = [axis for axis, extent in enumerate(term.rows.shape) if extent > 1]
    if len(axes) == 1:  # whole slices are left out, or repeated
        axis = axes[0]
        along = times.reshape(-1)
        lines = np.repeat(np.arange(len(along)), along)
        rows = order[starts[term.rows.reshape(-1)[lines]] + _counted(along)]
        shape = tuple(len(rows) if at == axis else 1 for at in range(term.rows.ndim))
        key: tuple[Any, ...] = (slice(None),) * axis
        columns = term.columns if term.columns.shape[axis] == 1 else term.columns[(*key, lines)]
        values = term.values
        held = (1,) * (term.rows.ndim - len(shape_of(values))) + shape_of(values)
        if held[axis] > 1:
            values = picked(values, everywhere(held)[(*key, lines)])
        return settled(rows.reshape(shape), columns, values, made)
    entries = everywhere(term.shape).reshape(-1)
    times = np.broadcast_to(times, term.shape).reshape(-1)
    entries = np.repeat(entries, times)
    rows = np.broadcast_to(term.rows, term.shape).reshape(-1)[entries]
    return _taken(term, entries, order[starts[rows] + _counted(times)], made)


def spread(term: Term, given: tuple[int, ...], made: tuple[int, ...]) -> Term:
    """The term of an array that is broadcast."""
    return term if given == made else gathered(term, np.broadcast_to(everywhere(given), made), given, made)


def _counted(times: Places) -> Places:
    """0, 1, 2... for every run of so many."""
    return np.arange(times.sum()) - np.repeat(np.cumsum(times) - times, times)


def _taken(term: Term, entries: Places, rows: Places, made: tuple[int, ...]) -> Term:
    """Some entries of a term, in other rows."""
    shape = term.shape
    columns = np.broadcast_to(term.columns, shape).reshape(-1)[entries]
    held = shape_of(term.values)
    values = term.values
    if held:
        values = picked(values, np.broadcast_to(everywhere(held), shape).reshape(-1)[entries])
    return settled(rows, columns, values, made)


def carried_to(term: Term, targets: Places, made: tuple[int, ...]) -> Term:
    """A term whose row ``i`` is now row ``targets[i]``."""
    return settled(targets.reshape(-1)[term.rows], term.columns, term.values, made)
