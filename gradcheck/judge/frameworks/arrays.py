"""NumPy arrays and Python numbers; their own derivative is the project's engine's."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from gradcheck.judge.frameworks.base import Framework, Function, name_of


class Arrays(Framework):
    """NumPy, differentiated by :mod:`gradcheck.engine`."""

    name = "NumPy"
    modes = ("reverse", "forward")

    def owns(self, leaf: Any) -> bool:
        return isinstance(leaf, (np.ndarray, np.generic, float, complex, int)) or hasattr(
            leaf, "__array_interface__"
        )

    def dtype(self, leaf: Any) -> str:
        return name_of(np.asarray(leaf).dtype)

    def to_numpy(self, leaf: Any) -> np.ndarray:
        return np.asarray(leaf)

    def like(self, array: np.ndarray, leaf: Any, dtype: str) -> Any:
        typed = array if name_of(array.dtype) == dtype else array.astype(_dtype(leaf, dtype))
        if isinstance(leaf, (float, complex)) and not isinstance(leaf, np.generic):
            return typed.item()
        return typed[()] if isinstance(leaf, np.generic) else typed

    def pull(
        self,
        f: Function,
        xs: Sequence[Any],
        cotangents: Sequence[Any],
        between: Callable[[], object] | None = None,
    ) -> list[Any]:
        from gradcheck.engine import vjp

        weights = [np.asarray(c) for c in cotangents]

        def weighted(*values: Any) -> Any:
            return _dot(f(*values), weights)

        _, pullback = vjp(weighted, *xs)
        if between is not None:
            between()
        return list(pullback(1.0))

    def push(self, f: Function, xs: Sequence[Any], tangents: Sequence[Any]) -> list[Any]:
        from gradcheck.engine import jvp

        count = len(f(*xs))
        return [jvp(lambda *values, at=at: f(*values)[at], xs, tangents)[1] for at in range(count)]

    def gradient(self, f: Function, cotangents: Sequence[Any]) -> Function:
        from gradcheck.engine import grad

        def pulled(*xs: Any) -> list[Any]:
            everything = tuple(range(len(xs)))
            return list(grad(lambda *values: _dot(f(*values), cotangents), everything)(*xs))

        return pulled


def _dot(outputs: Sequence[Any], weights: Sequence[Any]) -> Any:
    from gradcheck.engine import xp

    total: Any = 0.0
    for output, weight in zip(outputs, weights, strict=True):
        total = total + xp.sum(output * weight)
    return total


def _dtype(leaf: Any, dtype: str) -> Any:
    """NumPy knows a dtype of an extension package by the leaf that has it, not by its name."""
    own = getattr(leaf, "dtype", None)
    return own if own is not None and own.name == dtype else np.dtype(dtype)
