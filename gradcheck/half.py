"""Half precision where a routine has none: it works in float32, and what it gives is rounded.

LAPACK and SciPy's special functions begin at float32; given float16, some raise and some answer in float64.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

import numpy as np

HALF = np.dtype(np.float16)


def lacks_half(routine: Callable[..., Any]) -> bool:
    """Whether a routine is a ufunc without a loop for float16."""
    return isinstance(routine, np.ufunc) and not any(loop.startswith("e") for loop in routine.types)


def in_single(routine: Callable[..., Any]) -> Callable[..., Any]:
    """A routine of arrays that takes float16 too."""

    @wraps(routine)
    def widened(*arrays: Any, **params: Any) -> Any:
        if not any(map(is_half, arrays)):
            return routine(*arrays, **params)
        result = routine(*(x.astype(np.float32) if is_half(x) else x for x in arrays), **params)
        return _rounded(result) if np.result_type(*arrays) == HALF else result

    return widened


def is_half(x: Any) -> bool:
    """Whether a value is an array, or a number, of float16."""
    return getattr(x, "dtype", None) == HALF


def _rounded(result: Any) -> Any:
    if isinstance(result, tuple):
        return type(result)(*map(_rounded, result))
    return result.astype(HALF) if result.dtype.kind == "f" else result
