"""Sums of products over named axes: einsum and its relatives, all from one product of two operands.

An einsum of many operands is a sequence of products of two, in the order NumPy's ``einsum_path`` finds, so
that the pullback is as cheap as the function and nothing is multiplied twice.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from math import prod
from string import ascii_letters
from typing import Any, NamedTuple

import numpy as np

from gradcheck.engine.core import (
    Primitive,
    bilinear,
    conj,
    is_complex,
    multiply,
    reduce_sum,
    reshape,
    shape_of,
)
from gradcheck.engine.rules.linear_algebra import matmul_matrices
from gradcheck.engine.rules.manipulation import diagonal, moveaxis, permute_dims
from gradcheck.errors import BadArgument

__all__ = ["cross", "einsum", "inner", "kron", "outer", "tensordot", "trace", "vecdot"]


class _Layout(NamedTuple):
    """How a product of two operands becomes one of matrices: the order of axes, and how many of each."""

    left: tuple[int, ...]
    right: tuple[int, ...]
    out: tuple[int, ...]
    batch: int
    rows: int
    summed: int
    shared: tuple[tuple[int, int], ...]
    lonely: bool  # a letter of one operand alone is summed over


@lru_cache(maxsize=1024)
def _layout(left: str, right: str, out: str) -> _Layout:
    batch = [letter for letter in out if letter in left and letter in right]
    summed = [letter for letter in left if letter in right and letter not in out]
    rows = [letter for letter in left if letter not in right]
    columns = [letter for letter in right if letter not in left]
    have = [*batch, *rows, *columns]
    return _Layout(
        left=tuple(map(left.index, (*batch, *rows, *summed))),
        right=tuple(map(right.index, (*batch, *summed, *columns))),
        out=tuple(have.index(letter) for letter in out),
        batch=len(batch),
        rows=len(rows),
        summed=len(summed),
        shared=tuple((at, right.index(letter)) for at, letter in enumerate(left) if letter in right),
        lonely=len(have) != len(out),
    )


def _multiply_out(a: Any, b: Any, *, left: str, right: str, out: str) -> Any:
    """A product of two operands, summed over the letters that ``out`` lacks, as one matrix product."""
    a, b, layout = np.asarray(a), np.asarray(b), _layout(left, right, out)
    if layout.lonely or any(a.shape[one] != b.shape[two] for one, two in layout.shared):
        return np.einsum(f"{left},{right}->{out}", a, b)  # an axis of size 1 broadcasts
    one, two = a.transpose(layout.left), b.transpose(layout.right)
    batch, rows = one.shape[: layout.batch], one.shape[layout.batch : layout.batch + layout.rows]
    columns, k = two.shape[layout.batch + layout.summed :], prod(one.shape[layout.batch + layout.rows :])
    one, two = one.reshape((*batch, prod(rows), k)), two.reshape((*batch, k, prod(columns)))
    whole = np.matmul(one, two) if layout.summed else one * two
    return whole.reshape((*batch, *rows, *columns)).transpose(layout.out)[()]


def _contract_push(position: int, t: Any, y: Any, a: Any, b: Any, **letters: str) -> Any:
    return _contract(t, b, **letters) if position == 0 else _contract(a, t, **letters)


def _contract_pull(position: int, g: Any, y: Any, a: Any, b: Any, *, left: str, right: str, out: str) -> Any:
    mine, theirs, other = (left, right, b) if position == 0 else (right, left, a)
    return _contract(g, conj(other) if is_complex(other) else other, left=out, right=theirs, out=mine)


# Letters differ within an operand, and each is in the other operand or in the result: so it is in the pull.
_contract: Primitive = Primitive(
    name="contract", forward=_multiply_out, push=_contract_push, pull=_contract_pull, arity=2
)


def einsum(subscripts: str, *operands: Any) -> Any:
    """A sum of products in the Einstein convention, for example ``einsum("ij,jk->ik", a, b)``.

    Raises
    ------
    BadArgument
        When the subscripts do not fit the operands.
    """
    plan = _plan(subscripts, tuple(map(shape_of, operands)))
    parts = [_alone(x, *steps) for x, steps in zip(operands, plan.alone, strict=True)]
    for first, second, left, right, out, plain in plan.pairs:
        a, b = parts[first], parts[second]
        parts = [x for at, x in enumerate(parts) if at not in (first, second)]
        parts.append(matmul_matrices(a, b) if plain else _contract(a, b, left=left, right=right, out=out))
    (result,) = parts
    return permute_dims(result, axes=plan.order) if plan.order else result


def _alone(x: Any, diagonals: tuple[tuple[int, int], ...], summed: tuple[int, ...]) -> Any:
    for axis1, axis2 in diagonals:
        x = diagonal(x, axis1=axis1, axis2=axis2)
    return reduce_sum(x, axis=summed) if summed else x


class _Plan(NamedTuple):
    """What to do with the operands of an einsum.

    ``alone`` has for each the pairs of axes whose diagonal is taken and the axes to sum over, ``pairs`` the
    products: two positions in the list of what is left, the product going to its end, the letters, and
    whether it is a plain matrix product. ``order`` is how the last product's axes are permuted, if they are.
    """

    alone: tuple[tuple[tuple[tuple[int, int], ...], tuple[int, ...]], ...]
    pairs: tuple[tuple[int, int, str, str, str, bool], ...]
    order: tuple[int, ...]


@lru_cache(maxsize=1024)
def _plan(subscripts: str, shapes: tuple[tuple[int, ...], ...]) -> _Plan:
    given, out = _explicit(subscripts, shapes)
    alone, terms, sizes = [], [], []
    for at, (term, shape) in enumerate(zip(given, shapes, strict=True)):
        size = dict(sorted(zip(term, shape, strict=True), key=lambda pair: pair[1]))
        diagonals, term = _diagonals(term)
        others = set(out).union(*(other for place, other in enumerate(given) if place != at))
        alone.append((diagonals, tuple(place for place, letter in enumerate(term) if letter not in others)))
        terms.append("".join(letter for letter in term if letter in others))
        sizes.append(tuple(size[letter] for letter in terms[-1]))
    pairs = []
    for first, second in _order(tuple(terms), tuple(sizes), out):
        left, right = terms[first], terms[second]
        terms = [term for at, term in enumerate(terms) if at not in (first, second)]
        wanted = set(out).union(*terms)
        joined = dict.fromkeys(left + right)
        made = "".join(letter for letter in (joined if terms else out) if letter in wanted)
        shape, other = sizes[first], sizes[second]
        sizes = [size for at, size in enumerate(sizes) if at not in (first, second)]
        size = dict.fromkeys(joined, 0)
        for letter, count in (*zip(left, shape, strict=True), *zip(right, other, strict=True)):
            size[letter] = max(size[letter], count)
        plain = len(left) == len(right) == 2 and left[1] == right[0] and left[0] + right[1] == made
        pairs.append((first, second, left, right, made, plain and shape[1] == other[0]))
        terms.append(made)
        sizes.append(tuple(size[letter] for letter in made))
    (term,) = terms
    return _Plan(tuple(alone), tuple(pairs), () if term == out else tuple(map(term.index, out)))


def _diagonals(term: str) -> tuple[tuple[tuple[int, int], ...], str]:
    """Axes of equal letters, two at a time, and the letters that are left: of a diagonal at the end."""
    pairs = []
    for letter in dict.fromkeys(term):
        while term.count(letter) > 1:
            pair = term.index(letter), term.rindex(letter)
            term = "".join(c for place, c in enumerate(term) if place not in pair) + letter
            pairs.append(pair)
    return tuple(pairs), term


def _explicit(subscripts: str, shapes: tuple[tuple[int, ...], ...]) -> tuple[tuple[str, ...], str]:
    """Letters of the operands and of the result, without ellipses."""
    given, arrow, result = subscripts.replace(" ", "").partition("->")
    terms = given.split(",")
    fits = len(terms) == len(shapes) and all(
        len(shape) >= len(term) - 3 if "..." in term else len(shape) == len(term)
        for term, shape in zip(terms, shapes, strict=False)
    )
    if not fits or not set(given + result) <= {*ascii_letters, ",", "."}:
        raise BadArgument("subscripts of einsum", f"letters for operands of shapes {shapes}", subscripts)
    free = [letter for letter in ascii_letters if letter not in subscripts]
    hidden = [
        len(shape) - len(term) + 3 if "..." in term else 0 for term, shape in zip(terms, shapes, strict=True)
    ]
    dots = "".join(free[: max(hidden)])
    full = [term.replace("...", dots[len(dots) - count :]) for term, count in zip(terms, hidden, strict=True)]
    if arrow:
        out = result.replace("...", dots)
    else:
        plain = given.replace(",", "").replace(".", "")
        out = dots + "".join(sorted(letter for letter in set(plain) if plain.count(letter) == 1))
    if len(set(out)) < len(out) or not set(out) <= set("".join(full)):
        expected = "each letter of the result once, from an operand"
        raise BadArgument("subscripts of einsum", expected, subscripts)
    return tuple(full), out


def _order(terms: tuple[str, ...], shapes: tuple[tuple[int, ...], ...], out: str) -> list[tuple[int, int]]:
    """Which two operands are multiplied next; the product goes to the end of the list."""
    count = len(terms)
    if count < 3:
        return [(0, 1)] * (count - 1)
    blanks = [np.broadcast_to(0.0, shape) for shape in shapes]
    path, _ = np.einsum_path(f"{','.join(terms)}->{out}", *blanks, optimize="greedy")
    pairs, left = [], count
    for step in path[1:]:
        members = list(step)
        while len(members) > 1:  # NumPy may name more than two at once: they come one by one
            first, second = members[0], members[1]
            pairs.append((first, second))
            left -= 1
            members = [at - (at > first) - (at > second) for at in members[2:]] + [left - 1]
    return pairs


def tensordot(a: Any, b: Any, axes: int | tuple[Sequence[int], Sequence[int]] = 2) -> Any:
    """A product summed over the last axes of one operand and the first of the other, or over pairs of axes.

    Raises
    ------
    BadArgument
        When two axes that are summed over together differ in size.
    """
    m, n = len(shape_of(a)), len(shape_of(b))
    ones, twos = (range(m - axes, m), range(axes)) if isinstance(axes, int) else axes
    left, right = list(ascii_letters[:m]), list(ascii_letters[m : m + n])
    for one, two in zip(np.atleast_1d(ones), np.atleast_1d(twos), strict=True):
        right[two] = left[one]
        if shape_of(a)[one] != shape_of(b)[two]:
            raise BadArgument("axes of tensordot", "axes of equal size", (shape_of(a), shape_of(b)))
    out = [letter for letter in left + right if (letter in left) != (letter in right)]
    return _contract(a, b, left="".join(left), right="".join(right), out="".join(out))


def vecdot(a: Any, b: Any, axis: int = -1) -> Any:
    """Inner products along an axis, which is counted from the end; the first operand is conjugated."""
    return reduce_sum(multiply(conj(a) if is_complex(a) else a, b), axis=axis)


def inner(a: Any, b: Any) -> Any:
    """Sums of products over the last axes."""
    if not shape_of(a) or not shape_of(b):
        return multiply(a, b)
    return tensordot(a, b, axes=((-1,), (-1,)))


def outer(a: Any, b: Any) -> Any:
    """All products of an entry of one with an entry of the other."""
    return multiply(reshape(a, shape=(prod(shape_of(a)), 1)), reshape(b, shape=(1, prod(shape_of(b)))))


def kron(a: Any, b: Any) -> Any:
    """The Kronecker product: every entry of one times the whole of the other."""
    rank = max(len(shape_of(a)), len(shape_of(b)))
    rows, columns = ((1,) * (rank - len(shape_of(x))) + shape_of(x) for x in (a, b))
    left = reshape(a, shape=tuple(size for own in rows for size in (own, 1)))
    right = reshape(b, shape=tuple(size for own in columns for size in (1, own)))
    shape = tuple(m * n for m, n in zip(rows, columns, strict=True))
    return reshape(multiply(left, right), shape=shape)


def trace(x: Any, offset: int = 0) -> Any:
    """The sum of a diagonal of matrices."""
    return reduce_sum(diagonal(x, offset=offset), axis=-1)


cross_last: Primitive = bilinear(
    "cross",
    np.linalg.cross,
    lambda g, a, b: cross_last(conj(b) if is_complex(b) else b, g),
    lambda g, a, b: cross_last(g, conj(a) if is_complex(a) else a),
    points=((np.array([1.0, -2.0, 0.5]), np.array([0.25, 3.0, -1.0])),),
)


def cross(a: Any, b: Any, axis: int = -1) -> Any:
    """Cross products of vectors of three entries along an axis."""
    if axis == -1:
        return cross_last(a, b)
    return moveaxis(cross_last(moveaxis(a, axis, -1), moveaxis(b, axis, -1)), -1, axis)
