"""Reductions along axes. Entries that tie for a maximum or minimum share the cotangent equally."""

from __future__ import annotations

from typing import Any

import numpy as np

from gradcheck.engine.core import Primitive, _restore_axes, multiply, primal_of, reduce_sum

sum_ = reduce_sum


def _winners(output: Any, x: Any, axis: Any, keepdims: bool) -> Any:
    """The share of each entry in the extremum of its group."""
    x, output = primal_of(x), primal_of(output)
    best = x == _restore_axes(output, x, axis, keepdims)
    return best / np.sum(best, axis=axis, keepdims=True, dtype=x.dtype)


def _push(position: int, tangent: Any, output: Any, x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    return reduce_sum(multiply(tangent, _winners(output, x, axis, keepdims)), axis=axis, keepdims=keepdims)


def _pull(
    position: int, cotangent: Any, output: Any, x: Any, axis: Any = None, keepdims: bool = False
) -> Any:
    return multiply(_restore_axes(cotangent, x, axis, keepdims), _winners(output, x, axis, keepdims))


def _extremum(name: str, reduce: Any) -> Primitive:
    return Primitive(
        name=name,
        forward=lambda x, *, axis=None, keepdims=False: reduce(x, axis=axis, keepdims=keepdims),
        push=_push,
        pull=_pull,
        points=((np.array([[1.0, 5.0], [7.0, 2.0]]),),),
        params=("axis",),
    )


max_: Primitive = _extremum("max", np.max)

min_: Primitive = _extremum("min", np.min)
