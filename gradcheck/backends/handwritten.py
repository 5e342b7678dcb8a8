"""Derivatives written by hand beside the problems: rules and closed forms, themselves on trial."""

from __future__ import annotations

from typing import Any

import numpy as np

from gradcheck.backends.base import Backend, Blocks, Differentiator
from gradcheck.errors import Unsupported
from gradcheck.problems import Bound


class HandwrittenDifferentiator(Differentiator):
    """A problem's own ``vjp`` rule where it has one, else its closed-form ``jac``."""

    def __init__(self) -> None:
        from gradcheck.namespaces import numpy_xp

        self.xp = numpy_xp

    def vjp(self, f: Bound, xs: Blocks, cotangent: Any) -> Any:
        if f.problem.vjp is None:
            rank = np.ndim(cotangent)
            return [np.tensordot(cotangent, block, axes=rank) for block in self._closed(f, xs)]
        return _blocks(f.problem.vjp(self.xp, *f.merged(xs), cotangent), xs)

    def jvp(self, f: Bound, xs: Blocks, tangents: Blocks) -> Any:
        shape = np.shape(f(*xs))
        blocks = zip(self._closed(f, xs), tangents, strict=True)
        terms = [np.tensordot(block, v, axes=np.ndim(v)) for block, v in blocks]
        return np.sum(terms, axis=0).reshape(shape)

    def jacobian(self, f: Bound, xs: Blocks) -> Any:
        return super().jacobian(f, xs) if f.problem.jac is None and f.problem.vjp else self._closed(f, xs)

    def _closed(self, f: Bound, xs: Blocks) -> Any:
        if f.problem.jac is None:
            raise Unsupported(
                "has only a pullback here" if f.problem.vjp else "has no hand-written rule here"
            )
        return _blocks(f.problem.jac(self.xp, *f.merged(xs)), xs)


def _blocks(blocks: Any, xs: Blocks) -> list[Any]:
    """One array per input; a formula has no dtype of its own, it takes the inputs'."""
    return [
        np.asarray(block, dtype=xs[0].dtype) for block in (blocks if isinstance(blocks, tuple) else (blocks,))
    ]


handwritten = Backend(
    name="handwritten",
    title="rules and closed forms written by hand beside the problems",
    operators=("value", "gradient", "jacobian", "jvp", "vjp"),
    load=lambda device: HandwrittenDifferentiator(),
    dtypes=("float64", "float32", "float16"),  # NumPy takes products of bfloat16 to float32
)
