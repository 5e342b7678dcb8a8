"""CasADi: the function as a graph of scalars, differentiated as a graph and run by CasADi's virtual machine.

Source: J. Andersson, J. Gillis, G. Horn, J. Rawlings and M. Diehl, "CasADi: a software framework for
nonlinear optimization and optimal control", Mathematical Programming Computation 11, 2019, pp. 1-36.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from gradcheck.backends.base import Backend
from gradcheck.casadi_namespace import Evaluate, SymbolicDifferentiator, casadi_arrays


class CasadiDifferentiator(SymbolicDifferentiator):
    """CasADi's derivatives of expressions of its type SX."""

    def __init__(self) -> None:
        import casadi

        self._casadi = casadi
        self.arrays = casadi_arrays(casadi)
        self.xp = self.functions()

    def symbols(self, name: str, count: int) -> list[Any]:
        return list(self._casadi.SX.sym(name, count).elements())

    def derivative(self, operator: str, y: list[Any], x: list[Any], seed: list[Any]) -> Any:
        casadi = self._casadi
        of, by, along = map(self._column, (y, x, seed))
        if operator == "value":
            return of
        if operator in ("jvp", "vjp"):
            return casadi.jtimes(of, by, along, operator == "vjp")
        if operator == "jacobian":
            return casadi.vec(casadi.jacobian(of, by).T)  # CasADi flattens by columns
        if operator == "hessian":
            return casadi.vec(casadi.hessian(of, by)[0])
        gradient = casadi.gradient(of, by)
        return gradient if operator == "gradient" else casadi.jtimes(gradient, by, along)

    def compiled(self, variables: list[Any], memory: Any, answer: Any) -> Evaluate:
        casadi = self._casadi
        answer = casadi.densify(answer)
        result: Any = np.empty(answer.numel())
        buffer, run = casadi.Function("answer", [self._column(variables)], [answer]).buffer()
        buffer.set_arg(0, memoryview(memory))
        buffer.set_res(0, memoryview(result))
        return partial(_evaluate, run, result, buffer)

    def _column(self, entries: list[Any]) -> Any:
        return self._casadi.vertcat(self._casadi.SX(0, 1), *entries)  # also of none: then of type SX


def _evaluate(run: Callable[[], None], result: np.ndarray, buffer: Any) -> np.ndarray:
    """Run CasADi, which writes to ``result``; it needs its ``buffer`` to live."""
    run()
    return result.copy()


casadi = Backend(
    name="casadi",
    title="symbolic graph of scalars, run by CasADi's virtual machine",
    load=lambda device: CasadiDifferentiator(),
    requires="casadi",
    extra="casadi",
    dtypes=("float64",),
)
