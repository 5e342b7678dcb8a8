"""Entries picked from arrays and laid into arrays at places that are known beforehand.

Places are flat positions, arrays of integers made from shapes alone. Where they are evenly spaced the entries
are views: of a slice, or of a permutation of axes, and a diagonal is every (n+1)-th entry.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from math import prod
from typing import Any

import numpy as np

from gradcheck.engine.core import Primitive, Traced, broadcast_to, shape_of
from gradcheck.engine.rules.manipulation import getitem, permute_dims
from gradcheck.engine.rules.rows import shaped
from gradcheck.engine.trees import _NAMESPACE as NAMESPACE

Places = np.ndarray[Any, np.dtype[np.intp]]


def everywhere(shape: tuple[int, ...]) -> Places:
    """The places of all entries of an array."""
    return np.arange(prod(shape)).reshape(shape)


def compact(places: Places) -> Places:
    """Places with a size of 1 along the axes along which they are the same; so they broadcast back."""
    for axis, size in enumerate(places.shape):
        if size > 1 and places.size:
            first = places[(slice(None),) * axis + (slice(1),)]
            second = places[(slice(None),) * axis + (slice(1, 2),)]
            if places.strides[axis] == 0 or (first.flat[0] == second.flat[0] and np.all(places == first)):
                places = first
    return places


def is_everywhere(places: Places, size: int) -> bool:
    """Whether these are all places, in order."""
    if places.size != size:
        return False
    flat = places.reshape(-1)
    return size == 0 or bool(flat[0] == 0 and flat[-1] == size - 1 and np.all(flat[1:] - flat[:-1] == 1))


def evenly(places: Places) -> tuple[int, ...] | None:
    """The steps from place to place along every axis, where they are even."""
    if not places.size:
        return None
    start = places.flat[0]
    steps = []
    lattice = np.asarray(start)
    for axis, size in enumerate(places.shape):
        after = (0,) * axis + (1,) + (0,) * (places.ndim - axis - 1)
        steps.append(int(places[after] - start) if size > 1 else 0)
        lattice = lattice[..., None] + steps[-1] * np.arange(size)
    return tuple(steps) if np.array_equal(lattice, places) else None


def picked(x: Any, places: Places) -> Any:
    """The entries of ``x`` at flat places, in a shape that broadcasts to that of the places."""
    shape = shape_of(x)
    size = prod(shape)
    if size == 1:
        return shaped(x, ())
    places = compact(places)
    if is_everywhere(places, size):
        return shaped(x, places.shape)
    for source in dict.fromkeys((shape, (size,))):
        found = _key(places, source)
        if found is not None:
            key, order = found
            part = getitem(shaped(x, source), key=key)
            part = part if order == tuple(sorted(order)) else permute_dims(part, axes=order)
            return shaped(part, places.shape)
    return getitem(shaped(x, (size,)), key=places)


def _key(places: Places, shape: tuple[int, ...]) -> tuple[tuple[Any, ...], tuple[int, ...]] | None:
    """The basic index of places in an array of a shape, and the order in which its axes are theirs."""
    steps = evenly(places)
    if steps is None:
        return None
    start = int(places.flat[0])
    corner = [int(at) for at in np.unravel_index(start, shape)]
    key: list[Any] = list(corner)
    axes = []
    for size, step in zip(places.shape, steps, strict=True):
        if size == 1:
            continue
        apart = np.subtract(np.unravel_index(start + step, shape), corner)
        (moved,) = np.nonzero(apart)
        if len(moved) != 1 or moved[0] in axes:
            return None
        axis = int(moved[0])
        by = int(apart[axis])
        last = corner[axis] + by * (size - 1)
        if not 0 <= last < shape[axis]:
            return None
        end: int | None = last + (1 if by > 0 else -1)
        key[axis] = slice(corner[axis], None if end is not None and end < 0 else end, by)
        axes.append(axis)
    return tuple(key), tuple(sorted(axes).index(axis) for axis in axes)


@dataclass(frozen=True, eq=False, slots=True)
class Part:
    """Where one array goes: flat places of the shape that it broadcasts to.

    ``adds``: something may be there already. ``repeats``: a place may be named twice. ``key`` is the index of
    the places in a flat array; where they are even along several axes it is None, and ``frame`` has the shape
    of the view that shows them, its start and its steps.
    """

    places: Places
    adds: bool
    repeats: bool
    key: Any = field(init=False)
    frame: Any = field(init=False)

    def __post_init__(self) -> None:
        steps = None if self.repeats else evenly(self.places)
        key: Any = self.places
        frame = None
        if steps is not None:
            start, key = int(self.places.flat[0]), None
            frame = (self.places.shape, start, steps)
            if len(steps) == 1 and steps[0] >= 0:
                step = max(steps[0], 1)
                key = slice(start, start + step * (len(self.places) - 1) + 1, step)
        object.__setattr__(self, "key", key)
        object.__setattr__(self, "frame", frame)

    def write(self, flat: Any, value: Any) -> None:
        """Lay an array into a flat one."""
        key = self.key
        if key is None:
            shape, start, steps = self.frame
            width = flat.itemsize
            view: Any = np.ndarray(
                shape, flat.dtype, flat, start * width, tuple([step * width for step in steps])
            )
            if self.adds:
                view += value
            else:
                view[...] = value
        elif self.repeats:
            np.add.at(flat, key.reshape(-1), np.broadcast_to(value, key.shape).reshape(-1))
        elif self.adds:
            flat[key] += value
        else:
            flat[key] = value


@dataclass(frozen=True, eq=False, slots=True)
class Layout:
    """Where arrays go in one of a shape; ``full``: no place of it is left out."""

    shape: tuple[int, ...]
    parts: tuple[Part, ...]
    full: bool
    size: int = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "size", prod(self.shape))

    def only(self, position: int) -> Layout:
        """The same for one of the arrays alone."""
        part = self.parts[position]
        alone = Part(part.places, False, part.repeats)
        return Layout(self.shape, (alone,), full=not part.repeats and part.places.size == self.size)


def _laid(*values: Any, layout: Layout) -> Any:
    flat = (np.empty if layout.full else np.zeros)(layout.size, np.result_type(*values))
    for part, value in zip(layout.parts, values, strict=True):
        part.write(flat, value)
    return flat.reshape(layout.shape)


def _lay_push(position: int, tangent: Any, output: Any, *values: Any, layout: Layout) -> Any:
    return lay([tangent], layout=layout.only(position))


def _lay_pull(position: int, g: Any, output: Any, *values: Any, layout: Layout) -> Any:
    places = layout.parts[position].places
    return broadcast_to(picked(g, places), shape=places.shape)


# An array of zeros into which others are laid; where they overlap they add up.
lay: Primitive = Primitive(name="lay", forward=_laid, push=_lay_push, pull=_lay_pull, sequence=True)


def laid_out(values: Sequence[Any], places: Sequence[Places], shape: tuple[int, ...]) -> Any:
    """An array of a shape with values at places; they add up where places are named again."""
    size = prod(shape)
    if len(values) == 1 and is_everywhere(places[0], size):
        value = values[0]
        if prod(shape_of(value)) != size:
            value = broadcast_to(value, shape=places[0].shape)
        whole = shaped(value, shape)
        return whole if isinstance(whole, Traced) else np.array(whole)  # the value may be a caller's own
    parts, full = _parts(places, size)
    return lay(list(values), layout=Layout(shape, parts, full))


def _parts(places: Sequence[Places], size: int) -> tuple[tuple[Part, ...], bool]:
    taken = np.zeros(size, bool)
    count, blank, parts = 0, False, []
    for at in places:
        adds = bool(count and taken[at].any())
        taken[at] = True
        before, count = count, int(np.count_nonzero(taken))
        repeats = count - before != at.size and (not adds or _named_twice(at))
        blank |= (adds or repeats) and count > before  # adds to what is 0
        parts.append(Part(at, adds, repeats))
    return tuple(parts), count == size and not blank


def _named_twice(places: Places) -> bool:
    flat = np.sort(places, axis=None)
    return bool(np.any(flat[1:] == flat[:-1]))


@dataclass(frozen=True, eq=False, slots=True)
class Pattern:
    """Where the entries of a sparse matrix lie: compressed rows."""

    shape: tuple[int, int]
    columns: Any
    starts: Any

    def matrix(self, data: Any) -> Any:
        """The matrix with its entries."""
        from scipy.sparse import csr_array

        return csr_array((data, self.columns.copy(), self.starts.copy()), shape=self.shape)


class Compressed:
    """A sparse matrix in a program: its entries are computed, its pattern is known.

    It is a container of its entries; put back into it, they make the matrix.
    """

    __slots__ = ("data", "pattern")

    def __init__(self, data: Any, pattern: Pattern) -> None:
        _register()
        self.data = data
        self.pattern = pattern


@cache
def _register() -> None:
    import optree

    def take(matrix: Any) -> tuple[tuple[Any], Pattern]:
        return (matrix.data,), matrix.pattern

    def make(pattern: Any, entries: Any) -> Any:
        return pattern.matrix(*entries)

    kind: Any = Compressed
    optree.register_pytree_node(kind, take, make, namespace=NAMESPACE)


def by_rows(
    values: Sequence[Any], places: Sequence[Places], shape: tuple[int, int], dtype: Any
) -> tuple[Any, Pattern]:
    """Entries of a matrix of a shape by rows, and their pattern; what names one entry twice adds up."""
    every = np.concatenate([at.reshape(-1) for at in places]) if places else np.zeros(0, np.intp)
    order = np.argsort(every, kind="stable")
    ordered = every[order]
    first = np.ones(len(every), bool)
    first[1:] = ordered[1:] != ordered[:-1]
    rank = np.empty(len(every), np.intp)
    rank[order] = np.cumsum(first) - 1
    kept = ordered[first]
    width = max(shape[1], 1)
    integers = np.int32 if max(*shape, len(kept)) < np.iinfo(np.int32).max else np.int64
    starts = np.zeros(shape[0] + 1, integers)
    np.cumsum(np.bincount(kept // width, minlength=shape[0]), out=starts[1:])
    pattern = Pattern(shape, (kept % width).astype(integers), starts)
    data = laid_out(values, list(_split(rank, places)), (len(kept),)) if len(kept) else np.zeros(0, dtype)
    return data, pattern


def _split(ranks: Places, places: Sequence[Places]) -> Iterator[Places]:
    start = 0
    for at in places:
        yield ranks[start : start + at.size].reshape(at.shape)
        start += at.size
