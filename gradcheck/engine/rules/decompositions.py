"""Factorisations: Cholesky, QR, eigenvalues and eigenvectors of Hermitian matrices, singular values.

Sources: M. Giles, "An extended collection of matrix derivative results", Oxford NA report 08/01, 2008;
M. Seeger et al., "Auto-differentiating linear algebra", arXiv:1710.08717, 2017; I. Murray,
"Differentiation of the Cholesky decomposition", arXiv:1602.07527, 2016; J. Townsend, "Differentiating the
singular value decomposition", 2016.

A factorisation with several factors is one primitive whose output holds them all, below one another.

Matrices that should be Hermitian are replaced by their Hermitian part, so that the functions and their
derivatives are those of all entries: gradients are Hermitian.

Equal eigenvalues have no derivatives of their own, nor have their eigenvectors, but functions that are the
same for every choice of eigenvectors may have. What couples two equal eigenvalues, 0 / (w_j - w_i), is left
out where a function's cotangents do not couple their eigenvectors: this is right for functions of the
eigenvalues alone, such as ``tr(V diag(w^2) V^H)``. Where they do, the gradient is NaN, also of functions
that are smooth there, such as ``V diag(sqrt(w)) V^H``: they cannot be told from what is undefined. Tangents
show no such thing, so forward mode leaves the coupling out always, which is right for functions of the
eigenvalues alone. Second derivatives at equal eigenvalues are NaN, unless the coupling has the factor 0, as
that of the nuclear norm has. Values count as equal when they differ by no more than the rounding of the
factorisation. The same goes for equal singular values; a reciprocal of two that are 0 is left out as well.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from gradcheck.engine.core import (
    Primitive,
    Traced,
    add,
    carry,
    conj,
    is_complex,
    multiply,
    negative,
    piecewise_constant,
    primal_of,
    reduce_sum,
    shape_of,
    where,
)
from gradcheck.engine.rules.elementary import real, square, subtract
from gradcheck.engine.rules.linear_algebra import adjoint, matmul_matrices, product, solve_triangular
from gradcheck.engine.rules.manipulation import concat, diagonal, expand_dims, getitem, tril, triu
from gradcheck.errors import BadArgument
from gradcheck.half import in_single

__all__ = ["cholesky", "eigh", "eigvalsh", "qr", "svd", "svdvals"]

_SYMMETRIC = np.array([[4.0, 1.0, 0.5], [1.0, 3.0, -1.0], [0.5, -1.0, 2.0]])
_TALL = np.array([[4.0, 1.0], [2.0, 3.0], [-1.0, 0.5]])


class QRResult(NamedTuple):
    """An orthonormal and an upper triangular factor."""

    Q: Any
    R: Any


class EighResult(NamedTuple):
    """Eigenvalues in ascending order, and their eigenvectors as columns."""

    eigenvalues: Any
    eigenvectors: Any


class SVDResult(NamedTuple):
    """Left singular vectors as columns, singular values in descending order, right ones as rows."""

    U: Any
    S: Any
    Vh: Any


def _hermitian_part(x: Any) -> Any:
    return 0.5 * (x + np.conj(np.swapaxes(x, -1, -2)))


def hermitian(x: Any) -> Any:
    """``(x + x^H) / 2``."""
    return multiply(0.5, add(x, adjoint(x)))


def _skew(x: Any) -> Any:
    return multiply(0.5, subtract(x, adjoint(x)))


def _rows(packed: Any, start: int, stop: int | None = None) -> Any:
    return getitem(packed, key=(..., slice(start, stop), slice(None)))


def _row(packed: Any, at: int) -> Any:
    """One row, of real numbers."""
    row = getitem(packed, key=(..., at, slice(None)))
    return real(row) if is_complex(packed) else row


def _columns_times(x: Any, weights: Any) -> Any:
    """``x diag(weights)``."""
    return multiply(x, expand_dims(weights, axis=-2))


def _on_diagonal(weights: Any, n: int) -> Any:
    return where(np.eye(n, dtype=bool), expand_dims(weights, axis=-2), 0.0)


def _real_diagonal(x: Any) -> Any:
    entries = diagonal(x)
    return real(entries) if is_complex(x) else entries


# Cholesky.


def _lower_half(x: Any) -> Any:
    """The lower triangle, with half of the diagonal."""
    return multiply(0.5, add(tril(x), tril(x, k=-1)))


def _between(factor: Any, x: Any, *, lower: bool) -> Any:
    """``factor^-1 x factor^-H`` with a triangular factor."""
    left = solve_triangular(factor, x, lower=lower)
    return adjoint(solve_triangular(factor, adjoint(left), lower=lower))


def _cholesky_push(position: int, t: Any, factor: Any, a: Any) -> Any:
    return matmul_matrices(factor, _lower_half(_between(factor, hermitian(t), lower=True)))


def _cholesky_pull(position: int, g: Any, factor: Any, a: Any) -> Any:
    dual = adjoint(factor)
    return hermitian(_between(dual, _lower_half(matmul_matrices(dual, g)), lower=False))


cholesky_lower: Primitive = Primitive(
    name="cholesky",
    forward=in_single(lambda a: np.linalg.cholesky(_hermitian_part(a))),
    push=_cholesky_push,
    pull=_cholesky_pull,
    points=((_SYMMETRIC,),),
)


def cholesky(a: Any, *, upper: bool = False) -> Any:
    """The triangular factor of positive definite matrices."""
    factor = cholesky_lower(a)
    return adjoint(factor) if upper else factor


# QR: Q above R.


@in_single
def _qr_forward(a: Any) -> Any:
    return np.concatenate(np.linalg.qr(a), axis=-2)


def _upper(x: Any) -> Any:
    """What makes ``x`` upper triangular with a real diagonal by adding a skew-Hermitian matrix."""
    return add(add(triu(x, k=1), adjoint(tril(x, k=-1))), triu(tril(hermitian(x))))


def _qr_push(position: int, t: Any, packed: Any, a: Any) -> Any:
    m = shape_of(a)[-2]
    q, r = _rows(packed, 0, m), _rows(packed, m)
    w = adjoint(solve_triangular(adjoint(r), adjoint(t), lower=True))
    turned = _upper(matmul_matrices(adjoint(q), w))
    return concat([subtract(w, matmul_matrices(q, turned)), matmul_matrices(turned, r)], axis=-2)


def _qr_pull(position: int, g: Any, packed: Any, a: Any) -> Any:
    m = shape_of(a)[-2]
    q, r, g_q, g_r = _rows(packed, 0, m), _rows(packed, m), _rows(g, 0, m), _rows(g, m)
    turned = subtract(matmul_matrices(g_r, adjoint(r)), matmul_matrices(adjoint(q), g_q))
    above = triu(turned, k=1)
    whole = add(add(above, adjoint(above)), triu(tril(hermitian(turned))))
    return adjoint(solve_triangular(r, adjoint(add(g_q, matmul_matrices(q, whole)))))


_qr: Primitive = Primitive(name="qr", forward=_qr_forward, push=_qr_push, pull=_qr_pull)


def qr(a: Any, *, mode: str = "reduced") -> QRResult:
    """Orthonormal times upper triangular. The first columns must be linearly independent.

    Of a wide matrix the left square determines Q.

    Raises
    ------
    BadArgument
        For the mode complete of a tall matrix: the additional columns of Q are arbitrary.
    """
    m, n = shape_of(a)[-2:]
    if mode != "reduced" and not (mode == "complete" and m <= n):
        raise BadArgument("mode of qr", "'reduced'", mode)
    packed = _qr(getitem(a, key=(..., slice(0, m))) if n > m else a)
    q, r = _rows(packed, 0, m), _rows(packed, m)
    if n > m:
        rest = matmul_matrices(adjoint(q), getitem(a, key=(..., slice(m, n))))
        return QRResult(q, concat([r, rest], axis=-1))
    return QRResult(q, r)


# Reciprocals of differences and sums of eigenvalues.


def _pair_up(w: Any, sign: int) -> Any:
    return w[..., None, :] + sign * w[..., :, None]


def _rounding(x: Any, axis: int | tuple[int, ...]) -> Any:
    """What the factorisation of a matrix may round in numbers of that size: a modest multiple of n ulps."""
    return 8 * x.shape[-1] * np.finfo(x.dtype).eps * np.max(np.abs(x), axis=axis, initial=0, keepdims=True)


def _reciprocals(w: Any, *, sign: int, strict: bool) -> Any:
    pairs = _pair_up(w, sign)
    equal = np.abs(pairs) <= _rounding(w, axis=-1)[..., None]
    inverse = 1 / np.where(equal, w.dtype.type(np.nan if strict else 1), pairs)
    if not strict:
        return np.where(equal, w.dtype.type(0), inverse)
    return np.where(np.eye(w.shape[-1], dtype=bool), w.dtype.type(0), inverse) if sign < 0 else inverse


def _reciprocals_push(position: int, t: Any, y: Any, w: Any, *, sign: int, strict: bool) -> Any:
    moved = (add if sign > 0 else subtract)(expand_dims(t, axis=-2), expand_dims(t, axis=-1))
    return carry(moved, negative(square(_reciprocal_pairs(w, sign=sign, strict=True))))


def _reciprocals_pull(position: int, g: Any, y: Any, w: Any, *, sign: int, strict: bool) -> Any:
    moved = carry(g, negative(square(_reciprocal_pairs(w, sign=sign, strict=True))))
    return (add if sign > 0 else subtract)(reduce_sum(moved, axis=-2), reduce_sum(moved, axis=-1))


# 1 / (w_j + sign w_i) in row i and column j. Where the denominator is 0 it is NaN if strict, else 0;
# differences on the diagonal are no case of this, they are 0.
_reciprocal_pairs: Primitive = Primitive(
    name="reciprocal_pairs", forward=_reciprocals, push=_reciprocals_push, pull=_reciprocals_pull
)


def _gaps(w: Any, *, strict: bool) -> Any:
    return _reciprocal_pairs(w, sign=-1, strict=strict)


def _sums(w: Any, *, strict: bool) -> Any:
    return _reciprocal_pairs(w, sign=1, strict=strict)


def _coupled_forward(x: Any, w: Any) -> Any:
    rounding = _rounding(x, axis=(-2, -1))
    skew = 0.5 * (x - np.conj(np.swapaxes(x, -1, -2)))
    # Nearly equal eigenvalues would divide by next to nothing what is nothing but rounding.
    y = np.where(np.abs(skew) <= rounding, 0.0, skew) * _reciprocals(w, sign=-1, strict=False)
    joint = np.maximum(np.abs(x), np.swapaxes(np.abs(x), -1, -2)) > rounding
    equal = np.isnan(_reciprocals(w, sign=-1, strict=True))
    return np.where(joint & equal, np.nan, y).astype(x.dtype)


def _coupled_push(position: int, t: Any, y: Any, x: Any, w: Any) -> Any:
    gaps = _gaps(w, strict=True)
    if position == 0:
        return carry(_skew(t), gaps)
    moved = subtract(expand_dims(t, axis=-2), expand_dims(t, axis=-1))
    return carry(moved, negative(carry(y, gaps)))


def _coupled_pull(position: int, g: Any, y: Any, x: Any, w: Any) -> Any:
    gaps = _gaps(w, strict=True)
    if position == 0:
        return _skew(carry(g, gaps))
    slope = negative(carry(y, gaps))
    moved = carry(g, conj(slope) if is_complex(slope) else slope)
    moved = real(moved) if is_complex(moved) else moved
    return subtract(reduce_sum(moved, axis=-2), reduce_sum(moved, axis=-1))


# The skew part of the cotangents ``V^H gV`` over the gaps between eigenvalues.
_coupled: Primitive = Primitive(
    name="coupled", forward=_coupled_forward, push=_coupled_push, pull=_coupled_pull, arity=2
)

_held: Primitive = piecewise_constant("held", lambda x: x)


# Eigenvalues: a row of them, above the matrix of eigenvectors.


@in_single
def _eigh_forward(a: Any) -> Any:
    w, v = np.linalg.eigh(_hermitian_part(a))
    return np.concatenate([w[..., None, :], v], axis=-2)


def _eigh_slope(t: Any, packed: Any, *, strict: bool) -> Any:
    w, v = _row(packed, 0), _rows(packed, 1)
    turned = product(adjoint(v), hermitian(t), v)
    moved = matmul_matrices(v, carry(turned, _gaps(w, strict=strict)))
    return concat([expand_dims(_real_diagonal(turned), axis=-2), moved], axis=-2)


def _eigh_adjoint(g: Any, packed: Any) -> Any:
    w, v = _row(packed, 0), _rows(packed, 1)
    turned = _coupled(matmul_matrices(adjoint(v), _rows(g, 1)), w)
    inner = add(turned, _on_diagonal(_row(g, 0), shape_of(w)[-1]))
    return hermitian(product(v, inner, adjoint(v)))


_eigh: Primitive = Primitive(
    name="eigh",
    forward=_eigh_forward,
    push=lambda position, t, y, a: _eigh_slope(t, _strict_eigh(a, _held(y)), strict=False),
    pull=lambda position, g, y, a: _eigh_adjoint(g, _strict_eigh(a, _held(y))),
)

# Rules use the factors of ``a`` by this name: their own derivatives are then NaN where undefined.
_strict_eigh: Primitive = Primitive(
    name="strict_eigh",
    forward=lambda a, packed: packed,
    push=lambda position, t, y, a, packed: _eigh_slope(t, y, strict=True),
    pull=lambda position, g, y, a, packed: _eigh_adjoint(g, y),
    arity=2,
)

_eigenpairs: Primitive = piecewise_constant("eigenpairs", _eigh_forward)


def eigh(a: Any) -> EighResult:
    """Eigenvalues and eigenvectors of Hermitian matrices.

    Eigenvectors have a factor of absolute value 1 to choose: what depends on it has no derivative.
    """
    packed = _eigh(a)
    return EighResult(_row(packed, 0), _rows(packed, 1))


def _eigenvalue_slopes(t: Any, packed: Any) -> Any:
    v = _rows(packed, 1)
    return _real_diagonal(product(adjoint(v), hermitian(t), v))


eigvalsh: Primitive = Primitive(
    name="eigvalsh",
    forward=in_single(lambda a: np.linalg.eigvalsh(_hermitian_part(a))),
    push=lambda position, t, y, a: _eigenvalue_slopes(t, _strict_eigh(a, _eigenpairs(a))),
    pull=lambda position, g, y, a: eigen_sum(a, _eigenpairs(a), g),
    points=((_SYMMETRIC,),),
)


def _divided(steps: Any, gaps: Any, constant: bool) -> Any:
    """Divided differences of weights; 0 / 0 is 0 of weights that do not depend on the eigenvalues."""
    return (carry if constant else multiply)(steps, gaps)


def eigen_sum(a: Any, packed: Any, weights: Any) -> Any:
    """``V diag(weights) V^H`` from the eigenvectors of ``a``, which are in ``packed``."""
    return _eigen_sum(a, packed, weights, constant=not isinstance(weights, Traced))


def _eigen_sum_forward(a: Any, packed: Any, weights: Any, *, constant: bool) -> Any:
    v = packed[..., 1:, :]
    return (v * weights[..., None, :]) @ np.conj(np.swapaxes(v, -1, -2))


def _eigen_sum_slope(flow: Any, a: Any, packed: Any, weights: Any, constant: bool) -> Any:
    factors = _strict_eigh(a, packed)
    w, v = _row(factors, 0), _rows(factors, 1)
    turned = product(adjoint(v), hermitian(flow), v)
    steps = subtract(expand_dims(weights, axis=-2), expand_dims(weights, axis=-1))
    slopes = _divided(steps, _gaps(w, strict=True), constant)
    return product(v, carry(turned, slopes), adjoint(v))


def _eigen_sum_push(
    position: int, t: Any, y: Any, a: Any, packed: Any, weights: Any, *, constant: bool
) -> Any:
    return _eigen_sum_slope(t, a, packed, weights, constant) if position == 0 else eigen_sum(a, packed, t)


def _eigen_sum_pull(
    position: int, g: Any, y: Any, a: Any, packed: Any, weights: Any, *, constant: bool
) -> Any:
    if position == 0:
        return _eigen_sum_slope(g, a, packed, weights, constant)
    return _eigenvalue_slopes(g, _strict_eigh(a, packed))


# The derivative of ``V diag(weights) V^H`` along E is ``V D V^H`` with D_ij = (V^H E V)_ij
# (weights_j - weights_i) / (w_j - w_i) (Daleckii and Krein), and the same map is its own adjoint.
_eigen_sum: Primitive = Primitive(
    name="eigen_sum", forward=_eigen_sum_forward, push=_eigen_sum_push, pull=_eigen_sum_pull, arity=3
)


# Singular values: U, a row of singular values, and V, below one another.


@in_single
def _svd_forward(a: Any) -> Any:
    u, s, vh = np.linalg.svd(a, full_matrices=False)
    return np.concatenate([u, s[..., None, :], np.conj(np.swapaxes(vh, -1, -2))], axis=-2)


def _svd_parts(packed: Any, a: Any) -> tuple[Any, Any, Any]:
    m = shape_of(a)[-2]
    return _rows(packed, 0, m), _row(packed, m), _rows(packed, m + 1)


def _reciprocal(s: Any, *, strict: bool) -> Any:
    return multiply(2.0, diagonal(_sums(s, strict=strict)))


def _outside(u: Any, x: Any, weights: Any) -> Any:
    """``(1 - u u^H) x diag(weights)``."""
    return carry(subtract(x, product(u, adjoint(u), x)), expand_dims(weights, axis=-2))


def _is_basis(u: Any) -> bool:
    rows, columns = shape_of(u)[-2:]
    return rows == columns


def _svd_slope(t: Any, packed: Any, a: Any, *, strict: bool) -> Any:
    u, s, v = _svd_parts(packed, a)
    turned = product(adjoint(u), t, v)
    even = carry(hermitian(turned), _gaps(s, strict=strict))
    odd = carry(_skew(turned), _sums(s, strict=strict))
    inverse = _reciprocal(s, strict=strict)
    moved_u = matmul_matrices(u, add(even, odd))
    if not _is_basis(u):
        moved_u = add(moved_u, _outside(u, matmul_matrices(t, v), inverse))
    moved_v = matmul_matrices(v, subtract(even, odd))
    if not _is_basis(v):
        moved_v = add(moved_v, _outside(v, matmul_matrices(adjoint(t), u), inverse))
    return concat([moved_u, expand_dims(_real_diagonal(turned), axis=-2), moved_v], axis=-2)


def _svd_adjoint(g: Any, packed: Any, a: Any, *, strict: bool) -> Any:
    (u, s, v), (g_u, g_s, g_v) = _svd_parts(packed, a), _svd_parts(g, a)
    along_u, along_v = matmul_matrices(adjoint(u), g_u), matmul_matrices(adjoint(v), g_v)
    even = _coupled(add(along_u, along_v), s)
    odd = _skew(carry(subtract(along_u, along_v), _sums(s, strict=strict)))
    inner = add(add(even, odd), _on_diagonal(g_s, shape_of(s)[-1]))
    inverse = _reciprocal(s, strict=strict)
    total = product(u, inner, adjoint(v))
    if not _is_basis(u):
        total = add(total, matmul_matrices(_outside(u, g_u, inverse), adjoint(v)))
    if not _is_basis(v):
        total = add(total, matmul_matrices(u, adjoint(_outside(v, g_v, inverse))))
    return total


_svd: Primitive = Primitive(
    name="svd",
    forward=_svd_forward,
    push=lambda position, t, y, a: _svd_slope(t, _strict_svd(a, _held(y)), a, strict=False),
    pull=lambda position, g, y, a: _svd_adjoint(g, _strict_svd(a, _held(y)), a, strict=False),
)

_strict_svd: Primitive = Primitive(
    name="strict_svd",
    forward=lambda a, packed: packed,
    push=lambda position, t, y, a, packed: _svd_slope(t, y, a, strict=True),
    pull=lambda position, g, y, a, packed: _svd_adjoint(g, y, a, strict=True),
    arity=2,
)

_singular_triples: Primitive = piecewise_constant("singular_triples", _svd_forward)


def svd(a: Any, *, full_matrices: bool = True) -> SVDResult:
    """Singular values and vectors.

    Raises
    ------
    BadArgument
        For full matrices of a matrix that is not square: the additional vectors are arbitrary.
    """
    m, n = shape_of(a)[-2:]
    if full_matrices and m != n:
        raise BadArgument("full_matrices of svd", "False for a matrix that is not square", shape_of(a))
    u, s, v = _svd_parts(_svd(a), a)
    return SVDResult(u, s, adjoint(v))


def _singular_value_slopes(t: Any, packed: Any, a: Any) -> Any:
    u, _, v = _svd_parts(packed, a)
    return _real_diagonal(product(adjoint(u), t, v))


svdvals: Primitive = Primitive(
    name="svdvals",
    forward=in_single(lambda a: np.linalg.svd(a, compute_uv=False)),
    push=lambda position, t, y, a: _singular_value_slopes(t, _strict_svd(a, _singular_triples(a)), a),
    pull=lambda position, g, y, a: singular_sum(a, _singular_triples(a), g),
    points=((_TALL,), (_TALL.T,)),
)


def singular_sum(a: Any, packed: Any, weights: Any) -> Any:
    """``U diag(weights) V^H`` from the singular vectors of ``a``, which are in ``packed``."""
    return _singular_sum(a, packed, weights, constant=not isinstance(weights, Traced))


def _singular_sum_forward(a: Any, packed: Any, weights: Any, *, constant: bool) -> Any:
    m = np.shape(a)[-2]
    u, v = packed[..., :m, :], packed[..., m + 1 :, :]
    return (u * weights[..., None, :]) @ np.conj(np.swapaxes(v, -1, -2))


def _singular_sum_slope(flow: Any, a: Any, packed: Any, weights: Any, constant: bool) -> Any:
    u, s, v = _svd_parts(_strict_svd(a, packed), a)
    across, down = expand_dims(weights, axis=-2), expand_dims(weights, axis=-1)
    turned = product(adjoint(u), flow, v)
    even = carry(hermitian(turned), _divided(subtract(across, down), _gaps(s, strict=True), constant))
    odd = carry(_skew(turned), _divided(add(across, down), _sums(s, strict=True), constant))
    ratio = _divided(weights, _reciprocal(s, strict=True), constant)
    total = product(u, add(even, odd), adjoint(v))
    if not _is_basis(u):
        total = add(total, matmul_matrices(_outside(u, matmul_matrices(flow, v), ratio), adjoint(v)))
    if not _is_basis(v):
        beyond = _outside(v, matmul_matrices(adjoint(flow), u), ratio)
        total = add(total, matmul_matrices(u, adjoint(beyond)))
    return total


def _singular_sum_push(
    position: int, t: Any, y: Any, a: Any, packed: Any, weights: Any, *, constant: bool
) -> Any:
    if position == 0:
        return _singular_sum_slope(t, a, packed, weights, constant)
    return singular_sum(a, packed, t)


def _singular_sum_pull(
    position: int, g: Any, y: Any, a: Any, packed: Any, weights: Any, *, constant: bool
) -> Any:
    if position == 0:
        return _singular_sum_slope(g, a, packed, weights, constant)
    return _singular_value_slopes(g, _strict_svd(a, packed), a)


# As the sum of eigenvectors above, with divided sums for the skew part.
_singular_sum: Primitive = Primitive(
    name="singular_sum",
    forward=_singular_sum_forward,
    push=_singular_sum_push,
    pull=_singular_sum_pull,
    arity=3,
)


def polar(a: Any) -> Any:
    """The sum of the products of left and right singular vectors: the gradient of the nuclear norm."""
    *lead, m, n = shape_of(a)
    ones = np.ones((*lead, min(m, n)), np.finfo(np.result_type(primal_of(a))).dtype)
    return singular_sum(a, _singular_triples(a), ones)


# The sum of the singular values, as one primitive: its derivatives exist also where some are equal.
nuclear_norm: Primitive = Primitive(
    name="nuclear_norm",
    forward=in_single(lambda a: np.sum(np.linalg.svd(a, compute_uv=False), axis=-1)),
    push=lambda position, t, y, a: _real_inner(polar(a), t),
    pull=lambda position, g, y, a: multiply(expand_dims(g, axis=(-2, -1)), polar(a)),
    points=((_TALL,), (np.eye(2),)),
)


def _real_inner(a: Any, b: Any) -> Any:
    total = reduce_sum(multiply(conj(a) if is_complex(a) else a, b), axis=(-2, -1))
    return real(total) if is_complex(total) else total
