"""Determinants, right at singular matrices to every order.

The derivative of a determinant is the matrix of its cofactors, which is finite where the inverse is not.
The cofactors of ``A = U S V^H`` are those of the diagonal ``S`` between ``det(U V^H) conj(U)`` and ``V^T``,
and these are products of singular values: nothing is divided. Likewise for the derivatives of cofactors:
sums over permutations (Leibniz) of products of the singular values that remain.
"""

from __future__ import annotations

from itertools import permutations
from typing import Any, NamedTuple

import numpy as np

from gradcheck.engine.core import (
    Primitive,
    add,
    carry,
    conj,
    is_complex,
    multiply,
    reduce_sum,
)
from gradcheck.engine.rules.elementary import imag, real
from gradcheck.engine.rules.linear_algebra import adjoint, batched, inverse, matrix_transpose
from gradcheck.engine.rules.manipulation import expand_dims, getitem, stack
from gradcheck.half import in_single

__all__ = ["det", "slogdet"]

_WELL_CONDITIONED = 1e3  # then det A inv(A)^T loses at most three digits, and costs a tenth of the SVD


@in_single
def _minor_sums(a: Any, *directions: Any) -> Any:
    """The derivative of the cofactors of ``a`` along all the directions; the cofactors for none."""
    n = np.shape(a)[-1]
    shape = np.broadcast_shapes(*(np.shape(x) for x in (a, *directions)))
    dtype = np.result_type(a, *directions)
    if len(directions) >= max(n, 1):
        return np.zeros(shape, dtype)  # cofactors are polynomials of degree n - 1
    if n == 1:
        return np.ones(shape, dtype)
    if n == 2:
        x = np.broadcast_to(directions[0] if directions else a, shape)
        return (x[..., ::-1, ::-1] * np.array([[1, -1], [-1, 1]])).astype(dtype)
    if n == 3:
        x, y = (*directions, a, a)[:2]
        return (_crossed_rows(x, y) * (1 if directions else 0.5)).astype(dtype)
    if not directions:
        quick = _by_inverse(a)
        if quick is not None:
            return quick
    u, s, vh = np.linalg.svd(a)
    u_, v = _adjoint(u), _adjoint(vh)
    core = _diagonal_minor_sums(s, [u_ @ e @ v for e in directions])
    phase = np.linalg.det(u) * np.linalg.det(vh)
    return (phase[..., None, None] * (np.conj(u) @ core @ np.conj(vh))).astype(dtype)


def _adjoint(x: Any) -> Any:
    return np.conj(np.swapaxes(x, -1, -2))


def _crossed_rows(x: Any, y: Any) -> Any:
    """Twice the cofactors of a 3 x 3 matrix as a bilinear form."""
    x1, x2 = (np.roll(x, -by, axis=-2) for by in (1, 2))
    y1, y2 = (np.roll(y, -by, axis=-2) for by in (1, 2))
    return np.cross(x1, y2) + np.cross(y1, x2)


def _by_inverse(a: Any) -> Any:
    try:
        inverted = np.linalg.inv(a)
    except np.linalg.LinAlgError:
        return None
    size = np.linalg.norm(a, axis=(-2, -1)) * np.linalg.norm(inverted, axis=(-2, -1))
    if not np.all(size < _WELL_CONDITIONED * np.shape(a)[-1]):
        return None
    return np.linalg.det(a)[..., None, None] * np.swapaxes(inverted, -1, -2)


def _diagonal_minor_sums(s: Any, directions: list[Any]) -> Any:
    """The same for the diagonal matrix of ``s``.

    The derivative of det along E_1 ... E_m is the sum over permutations p and over distinct indices i_1 ...
    i_m of sign(p) (E_1)[i_1, i_p(1)] ... (E_m)[i_m, i_p(m)] times the product of the other entries of s;
    here it is taken in the entry [i_m, i_p(m)] of the last.
    """
    last, n = len(directions), s.shape[-1]
    names = "abcdefgh"[: last + 1]
    rest = _products_of_others(s, last + 1)
    total = 0
    for order in permutations(range(last + 1)):
        entries = ["..." + names[at] + names[order[at]] for at in range(last)]
        out = names[last] if order[last] == last else names[last] + names[order[last]]
        part = np.einsum(",".join(["..." + names, *entries]) + "->..." + out, rest, *directions)
        total = total + _sign(order) * (part[..., None] * np.eye(n, dtype=s.dtype) if len(out) == 1 else part)
    return total


def _products_of_others(s: Any, count: int) -> Any:
    """For every choice of ``count`` distinct indices the product of the other entries of ``s``."""
    n = s.shape[-1]
    for _ in range(count - 1):
        s = np.where(np.eye(n, dtype=bool), s.dtype.type(1), s[..., None, :])
    ones = np.ones_like(s[..., :1])
    before = np.cumprod(np.concatenate([ones, s[..., :-1]], axis=-1), axis=-1)
    after = np.cumprod(np.concatenate([ones, s[..., :0:-1]], axis=-1), axis=-1)[..., ::-1]
    places = np.indices((n,) * count)
    distinct = [places[i] != places[j] for i in range(count) for j in range(i)]
    return np.where(np.all(distinct, axis=0), before * after, s.dtype.type(0)) if distinct else before * after


def _sign(order: tuple[int, ...]) -> int:
    inversions = sum(a > b for at, a in enumerate(order) for b in order[at:])
    return -1 if inversions % 2 else 1


def _minors_push(position: int, t: Any, output: Any, a: Any, *directions: Any) -> Any:
    if position == 0:
        return _minors([a, *directions, t])
    return _minors([a, *directions[: position - 1], t, *directions[position:]])


def _minors_pull(position: int, g: Any, output: Any, a: Any, *directions: Any) -> Any:
    conjugates = [_conjugate(x) for x in (a, *directions)]
    if position == 0:
        return _minors([*conjugates, g])
    return _minors([*conjugates[:position], g, *conjugates[position + 1 :]])


def _conjugate(x: Any) -> Any:
    return conj(x) if is_complex(x) else x


# The derivatives of det of every order in one primitive: symmetric in its directions, linear in each.
_minors: Primitive = Primitive(
    name="minors", forward=_minor_sums, push=_minors_push, pull=_minors_pull, sequence=True
)

det: Primitive = Primitive(
    name="det",
    forward=in_single(np.linalg.det),
    push=lambda position, t, y, a: reduce_sum(multiply(t, _minors([a])), axis=(-2, -1)),
    pull=lambda position, g, y, a: multiply(expand_dims(g, axis=(-2, -1)), _minors([_conjugate(a)])),
    points=(
        (np.array([[4.0, 1.0], [2.0, 3.0]]),),
        (np.array([[1.0, 2.0], [2.0, 4.0]]),),
        (np.diag([0.0, 1.0, 2.0]),),
    ),
)


class SlogdetResult(NamedTuple):
    """Sign, or phase, of a determinant and the logarithm of its absolute value."""

    sign: Any
    logabsdet: Any


def slogdet(a: Any) -> SlogdetResult:
    """Sign and logarithm of the absolute value of determinants.

    At a singular matrix the logarithm is -inf, and its gradient has entries inf, -inf where the cofactor is
    not 0 and NaN where it is.
    """
    both = _slogdet(a)
    logarithm = getitem(both, key=(..., 1))
    return SlogdetResult(getitem(both, key=(..., 0)), real(logarithm) if is_complex(a) else logarithm)


@in_single
def _invert(a: Any) -> Any:
    try:
        return np.linalg.inv(a)
    except np.linalg.LinAlgError:
        return batched(_invert_one)(a)


def _invert_one(a: Any) -> Any:
    try:
        return np.linalg.inv(a)
    except np.linalg.LinAlgError:
        with np.errstate(divide="ignore", invalid="ignore"):
            return _minor_sums(a).T / np.linalg.det(a)


_inverse: Primitive = inverse("inverse", _invert)


def _slogdet_push(position: int, t: Any, y: Any, a: Any) -> Any:
    slope = reduce_sum(carry(t, matrix_transpose(_inverse(a))), axis=(-2, -1))
    sign = getitem(y, key=(..., 0))
    if not is_complex(a):
        return stack([multiply(0.0, sign), slope], axis=-1)
    return stack([multiply(multiply(1j, sign), imag(slope)), real(slope)], axis=-1)


def _slogdet_pull(position: int, g: Any, y: Any, a: Any) -> Any:
    slope = getitem(g, key=(..., 1))
    if is_complex(a):
        turn = imag(multiply(getitem(g, key=(..., 0)), conj(getitem(y, key=(..., 0)))))
        slope = add(real(slope), multiply(1j, turn))
    return carry(expand_dims(slope, axis=(-2, -1)), adjoint(_inverse(a)))


_slogdet: Primitive = Primitive(
    name="slogdet",
    forward=in_single(lambda a: np.stack(np.linalg.slogdet(a), axis=-1)),
    push=_slogdet_push,
    pull=_slogdet_pull,
)
