"""Matrix products, linear systems, inverses and the exponential; leading axes are batches.

Adjoints of the linear system and the inverse: M. Giles, "An extended collection of matrix derivative
results for forward and reverse mode algorithmic differentiation", Oxford NA report 08/01, 2008, sections
2.2.3 and 2.3. Pullbacks are adjoints: of complex matrices they take the conjugate transpose.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.linalg

from gradcheck.engine.core import (
    Primitive,
    add,
    bilinear,
    conj,
    is_complex,
    multiply,
    negative,
    primal_of,
    reshape,
    shape_of,
)
from gradcheck.engine.rules.elementary import subtract
from gradcheck.engine.rules.manipulation import concat, getitem, permute_dims, tril, triu
from gradcheck.half import in_single

__all__ = [
    "expm",
    "inv",
    "matmul",
    "matrix_power",
    "matrix_transpose",
    "pinv",
    "solve",
    "solve_triangular",
]

_A = np.array([[4.0, 1.0], [2.0, 3.0]])
_B = np.array([[1.0, -2.0, 0.5], [0.25, 3.0, -1.0]])


def matrix_transpose(x: Any) -> Any:
    """Swap the last two axes."""
    rank = len(shape_of(x))
    return permute_dims(x, axes=(*range(rank - 2), rank - 1, rank - 2))


def adjoint(x: Any) -> Any:
    """The conjugate transpose of matrices."""
    flipped = matrix_transpose(x)
    return conj(flipped) if is_complex(x) else flipped


matmul_matrices: Primitive = bilinear(
    "matmul",
    np.matmul,
    lambda g, a, b: matmul_matrices(g, adjoint(b)),
    lambda g, a, b: matmul_matrices(adjoint(a), g),
    points=((_A, _B),),
    symbol="{} @ {}",
)


def matmul(a: Any, b: Any) -> Any:
    """Matrix product; a one-dimensional operand is a row on the left and a column on the right."""
    rows, columns = shape_of(a), shape_of(b)
    if not rows or not columns:
        return np.matmul(a, b)  # NumPy's own error for scalars
    left = reshape(a, shape=(1, *rows)) if len(rows) == 1 else a
    right = reshape(b, shape=(*columns, 1)) if len(columns) == 1 else b
    product = matmul_matrices(left, right)
    shape = list(shape_of(product))
    if len(columns) == 1:
        del shape[-1]
    if len(rows) == 1:
        del shape[-1 if len(columns) == 1 else -2]
    return reshape(product, shape=tuple(shape)) if len(shape) < len(shape_of(product)) else product


def product(*factors: Any) -> Any:
    """Several matrices multiplied, from the left."""
    result = factors[0]
    for factor in factors[1:]:
        result = matmul_matrices(result, factor)
    return result


def _whole(x: Any, **params: Any) -> Any:
    return x


def _system(
    name: str,
    forward: Callable[..., Any],
    points: tuple[tuple[Any, ...], ...],
    *,
    part: Callable[..., Any] = _whole,
    dual: Callable[..., dict[str, Any]] = dict,
    params: tuple[str, ...] = (),
) -> Primitive:
    """The solution of ``part(a) x = b``; ``dual`` gives the parameters for the adjoint matrix."""

    def push(position: int, tangent: Any, x: Any, a: Any, b: Any, **given: Any) -> Any:
        if position == 1:
            return entry(a, tangent, **given)
        return negative(_like(entry(a, matmul_matrices(part(tangent, **given), _columns(x, b)), **given), b))

    def pull(position: int, g: Any, x: Any, a: Any, b: Any, **given: Any) -> Any:
        y = entry(adjoint(a), _columns(g, b), **dual(**given))
        if position == 1:
            return _like(y, b)
        return negative(part(matmul_matrices(y, adjoint(_columns(x, b))), **given))

    entry = Primitive(name=name, forward=forward, push=push, pull=pull, points=points, arity=2, params=params)
    return entry


def _columns(x: Any, b: Any) -> Any:
    """What has the shape of a solution, as matrices: of a vector ``b`` solutions are vectors."""
    return reshape(x, shape=(*shape_of(x), 1)) if len(shape_of(b)) == 1 else x


def _like(x: Any, b: Any) -> Any:
    return reshape(x, shape=shape_of(x)[:-1]) if len(shape_of(b)) == 1 else x


solve: Primitive = _system("solve", in_single(np.linalg.solve), ((_A, _B), (_A, np.array([1.0, -2.0]))))


def batched(function: Callable[..., Any]) -> Callable[..., Any]:
    """A function of matrices, one at a time over leading axes that broadcast."""

    def apply(*matrices: Any) -> Any:
        lead = np.broadcast_shapes(*(np.shape(x)[:-2] for x in matrices))
        if not lead:
            return function(*matrices)
        whole = [np.broadcast_to(x, (*lead, *np.shape(x)[-2:])) for x in matrices]
        parts = [function(*(x[at] for x in whole)) for at in np.ndindex(*lead)]
        if not parts:
            return np.zeros((*lead, *np.shape(matrices[-1])[-2:]), np.result_type(*matrices))
        return np.stack(parts).reshape((*lead, *parts[0].shape))

    return apply


@in_single
def _substitute(a: Any, b: Any, *, lower: bool = False) -> Any:
    def one(matrix: Any, right: Any) -> Any:
        return scipy.linalg.solve_triangular(matrix, right, lower=lower, check_finite=False)

    if np.ndim(b) == 1:
        return batched(one)(a, np.reshape(b, (-1, 1)))[..., 0]
    return batched(one)(a, b)


# Only the triangle of ``a`` counts, the upper one unless ``lower``.
solve_triangular: Primitive = _system(
    "solve_triangular",
    _substitute,
    ((_A, _B), (_A, np.array([1.0, -2.0]))),
    part=lambda x, *, lower=False: tril(x) if lower else triu(x),
    dual=lambda *, lower=False: {"lower": not lower},
    params=("lower",),
)


def inverse(name: str, forward: Callable[[Any], Any], points: tuple[tuple[Any, ...], ...] = ()) -> Primitive:
    """A primitive with the derivative ``-y dx y`` of the inverse ``y``."""

    def push(position: int, tangent: Any, y: Any, x: Any) -> Any:
        return negative(product(y, tangent, y))

    def pull(position: int, g: Any, y: Any, x: Any) -> Any:
        return negative(product(adjoint(y), g, adjoint(y)))

    return Primitive(name=name, forward=forward, push=push, pull=pull, points=points)


inv: Primitive = inverse("inv", in_single(np.linalg.inv), ((_A,),))


def matrix_power(x: Any, n: int) -> Any:
    """``x`` multiplied by itself ``n`` times, or its inverse ``-n`` times."""
    if n == 0:
        identity = np.eye(shape_of(x)[-1], dtype=np.result_type(primal_of(x)))
        return np.broadcast_to(identity, shape_of(x))
    base = inv(x) if n < 0 else x
    result = None
    for bit in f"{abs(n):b}":
        result = base if result is None else matmul_matrices(result, result)
        if bit == "1" and result is not base:
            result = matmul_matrices(result, base)
    return result


# Golub and Pereyra, "The differentiation of pseudo-inverses and nonlinear least squares problems whose
# variables separate", SIAM J. Numer. Anal. 10, 1973, equation 4.12: right where the rank does not change.


def _pinv_push(position: int, t: Any, p: Any, a: Any, rtol: Any = None) -> Any:
    p_, t_ = adjoint(p), adjoint(t)
    rows, columns = product(p, p_, t_), product(t_, p_, p)
    outside = add(subtract(rows, product(rows, a, p)), subtract(columns, product(p, a, columns)))
    return subtract(outside, product(p, t, p))


def _pinv_pull(position: int, g: Any, p: Any, a: Any, rtol: Any = None) -> Any:
    p_, g_ = adjoint(p), adjoint(g)
    rows, columns = product(g_, p, p_), product(p_, p, g_)
    outside = add(subtract(rows, product(a, p, rows)), subtract(columns, product(columns, p, a)))
    return subtract(outside, product(p_, g, p_))


pinv: Primitive = Primitive(
    name="pinv",
    forward=in_single(lambda a, *, rtol=None: np.linalg.pinv(a, rtol=rtol)),
    push=_pinv_push,
    pull=_pinv_pull,
    points=((_A,), (_B,)),
    params=("rtol",),
)


# The matrix exponential: its derivative at A along E is the upper right block of exp [[A, E], [0, A]]
# (N. Higham, "Functions of Matrices", SIAM 2008, section 10.6), and so is the derivative of that.


@in_single
def _exponential_slope(a: Any, e: Any) -> Any:
    def one(matrix: Any, direction: Any) -> Any:
        return scipy.linalg.expm_frechet(matrix, direction, compute_expm=False, check_finite=False)

    return np.asarray(batched(one)(a, e), np.result_type(a, e))


def _block(a: Any, e: Any) -> Any:
    nothing = multiply(0.0, a)
    return concat([concat([a, e], axis=-1), concat([nothing, a], axis=-1)], axis=-2)


def _exponential_curvature(a: Any, e: Any, f: Any) -> Any:
    """The second derivative of the exponential at ``a``, along ``e`` and ``f``."""
    n = shape_of(a)[-1]
    whole = _expm_slope(_block(a, e), _block(f, multiply(0.0, f)))
    return getitem(whole, key=(..., slice(0, n), slice(n, 2 * n)))


def _slope_push(position: int, t: Any, y: Any, a: Any, e: Any) -> Any:
    return _expm_slope(a, t) if position == 1 else _exponential_curvature(a, e, t)


def _slope_pull(position: int, g: Any, y: Any, a: Any, e: Any) -> Any:
    a_ = adjoint(a)
    return _expm_slope(a_, g) if position == 1 else _exponential_curvature(a_, adjoint(e), g)


_expm_slope: Primitive = Primitive(
    name="expm_slope", forward=_exponential_slope, push=_slope_push, pull=_slope_pull, arity=2
)

expm: Primitive = Primitive(
    name="expm",
    forward=in_single(scipy.linalg.expm),
    push=lambda position, t, y, a: _expm_slope(a, t),
    pull=lambda position, g, y, a: _expm_slope(adjoint(a), g),
    points=((_A,),),
)
