"""Matrix products and linear systems; leading axes are batches, as in the array-API standard.

Adjoints of the linear system: M. Giles, "An extended collection of matrix derivative results for forward
and reverse mode algorithmic differentiation", Oxford NA report 08/01, 2008, section 2.3.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from gradcheck.engine.core import Primitive, bilinear, reshape, shape_of
from gradcheck.engine.rules.elementary import negative
from gradcheck.engine.rules.manipulation import permute_dims

_A = np.array([[4.0, 1.0], [2.0, 3.0]])
_B = np.array([[1.0, -2.0, 0.5], [0.25, 3.0, -1.0]])


def transpose(x: Any) -> Any:
    """Swap the last two axes."""
    rank = len(shape_of(x))
    return permute_dims(x, axes=(*range(rank - 2), rank - 1, rank - 2))


def _product(forward: Any) -> Primitive:
    return bilinear(
        "matmul",
        forward,
        lambda g, a, b: matmul_matrices(g, transpose(b)),
        lambda g, a, b: matmul_matrices(transpose(a), g),
        points=((_A, _B),),
        symbol="{} @ {}",
    )


matmul_matrices: Primitive = _product(np.matmul)


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


def _solve_pull(position: int, g: Any, x: Any, a: Any, b: Any) -> Any:
    adjoint = solve(transpose(a), g)
    if position == 1:
        return adjoint
    rank = len(shape_of(b))
    column, solution = (adjoint, x) if rank > 1 else (_column(adjoint), _column(x))
    return negative(matmul_matrices(column, transpose(solution)))


def _solve_push(position: int, tangent: Any, x: Any, a: Any, b: Any) -> Any:
    return solve(a, tangent) if position == 1 else negative(solve(a, matmul(tangent, x)))


def _column(x: Any) -> Any:
    return reshape(x, shape=(*shape_of(x), 1))


solve: Primitive = Primitive(
    name="solve",
    forward=np.linalg.solve,
    push=_solve_push,
    pull=_solve_pull,
    points=((_A, _B), (_A, np.array([1.0, -2.0]))),
    arity=2,
)
