"""SymPy: the derivative as a formula, written out as NumPy code.

Source: A. Meurer et al., "SymPy: symbolic computing in Python", PeerJ Computer Science 3, 2017, e103.
Formulas stay as SymPy makes them: simplifying can take for ever.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from gradcheck.backends.base import Backend, Blocks, Call
from gradcheck.casadi_namespace import Evaluate, SymbolicDifferentiator
from gradcheck.errors import Unsupported
from gradcheck.problems import Bound
from gradcheck.sympy_namespace import parts, sympy_arrays, written

_MOST = 200_000  # parts of formulas, once for each variable; SymPy takes seconds for so many


class SympyDifferentiator(SymbolicDifferentiator):
    """Formulas by ``sympy.diff``."""

    def __init__(self) -> None:
        import sympy

        self._sympy = sympy
        self.arrays = sympy_arrays(sympy)
        self.xp = self.functions()

    def prepare(self, operator: str, f: Bound, xs: Blocks, *extra: Any) -> Call:
        try:
            return super().prepare(operator, f, xs, *extra)
        except RecursionError as error:
            raise Unsupported("walks formulas by recursion, and this one is nested too deep") from error

    def symbols(self, name: str, count: int) -> list[Any]:
        return [self._sympy.Symbol(f"{name}{at}", real=True) for at in range(count)]

    def derivative(self, operator: str, y: list[Any], x: list[Any], seed: list[Any]) -> Any:
        def slopes(of: list[Any]) -> list[Any]:
            return [self._sympy.diff(entry, variable) for entry in of for variable in x]

        def along(slopes: list[Any]) -> Any:
            return self._sympy.Add(*(slope * v for slope, v in zip(slopes, seed, strict=True)))

        work = parts(y) * len(x) ** {"value": 0, "hvp": 2, "hessian": 2}.get(operator, 1)
        if work > _MOST:
            raise Unsupported(f"walks formulas as trees, here of {work} parts, and stops at {_MOST}")
        if operator == "value":
            return y
        if operator == "vjp":
            return slopes([along(y)])
        if operator == "jvp":
            return [along(slopes([entry])) for entry in y]
        if operator == "hvp":
            return slopes([along(slopes(y))])
        return slopes(slopes(y)) if operator == "hessian" else slopes(y)

    def compiled(self, variables: list[Any], memory: np.ndarray, answer: Any) -> Evaluate:
        return partial(_evaluate, written(self._sympy, variables, answer), memory)


def _evaluate(function: Callable[..., Any], memory: np.ndarray) -> np.ndarray:
    with np.errstate(all="ignore"):
        return np.array(function(*memory), dtype=np.float64)


sympy = Backend(
    name="sympy",
    title="formulas by SymPy, written out as NumPy code",
    load=lambda device: SympyDifferentiator(),
    requires="sympy",
    extra="sympy",
    dtypes=("float64",),
)
