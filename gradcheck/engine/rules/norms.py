"""Norms of matrices: reductions of their entries or of their singular values."""

from __future__ import annotations

from typing import Any

import numpy as np

from gradcheck.engine.core import Primitive, piecewise_constant, reduce_sum, reshape, shape_of
from gradcheck.engine.rules.decompositions import nuclear_norm, svdvals
from gradcheck.engine.rules.elementary import absolute
from gradcheck.engine.rules.reduction import max_, min_, vector_norm
from gradcheck.errors import BadArgument
from gradcheck.half import in_single

__all__ = ["matrix_norm", "matrix_rank"]


def matrix_norm(x: Any, *, keepdims: bool = False, ord: Any = "fro") -> Any:  # noqa: A002 - the standard's name
    """A norm of matrices: ``fro``, ``nuc``, 1, -1, 2, -2, inf or -inf.

    Singular values or sums that tie for an extremum share the derivative equally, which is a subgradient.
    """
    if ord == "fro":
        return vector_norm(x, axis=(-2, -1), keepdims=keepdims)
    reduce = max_ if ord in (1, 2, np.inf) else min_
    if ord == "nuc":
        norm = nuclear_norm(x)
    elif ord in (2, -2):
        norm = reduce(svdvals(x), axis=-1)
    elif ord in (1, -1):
        norm = reduce(reduce_sum(absolute(x), axis=-2), axis=-1)
    elif ord in (np.inf, -np.inf):
        norm = reduce(reduce_sum(absolute(x), axis=-1), axis=-1)
    else:
        raise BadArgument("ord of matrix_norm", "'fro', 'nuc', 1, 2, inf or the negative of a number", ord)
    return reshape(norm, shape=(*shape_of(norm), 1, 1)) if keepdims else norm


@in_single
def _rank(x: Any, *, rtol: Any = None) -> Any:
    return np.linalg.matrix_rank(x, rtol=rtol)


matrix_rank: Primitive = piecewise_constant("matrix_rank", _rank, params=("rtol",))
