"""The project's own engine with plans: every operator traced once, then run as straight-line NumPy."""

from __future__ import annotations

from functools import partial
from typing import Any

from gradcheck.backends.base import Backend, Blocks, Call
from gradcheck.backends.engine import EngineDifferentiator
from gradcheck.errors import NotTraceable, Unsupported
from gradcheck.problems import Bound


class PlanDifferentiator(EngineDifferentiator):
    """The engine's transforms, each compiled to a plan for the shapes at hand."""

    def prepare(self, operator: str, f: Bound, xs: Blocks, *extra: Any) -> Call:
        answer, constants = getattr(self, operator), f.constants

        def traced(constants: Any, xs: Blocks, *extra: Any) -> Any:  # data, which a plan would fold
            return answer(f.over(constants), xs, *extra)

        plan = self._engine.compile(traced)
        try:
            plan(constants, xs, *extra)  # a plan is written at the first call
        except NotTraceable as error:  # the steps depend on the data: one plan cannot serve other inputs
            raise Unsupported(f"no plan: {error}") from error
        return partial(plan, constants)

    def gradient(self, f: Bound, xs: Blocks) -> Any:
        return self._engine.grad(f, wrt=tuple(range(len(xs))))(*xs)

    def jacobian(self, f: Bound, xs: Blocks) -> Any:
        return self._engine.jacobian(f, wrt=tuple(range(len(xs))))(*xs)

    def hessian(self, f: Bound, xs: Blocks) -> Any:
        return self._engine.hessian(f, wrt=tuple(range(len(xs))))(*xs)


engine_plan = Backend(
    name="engine-plan",
    title="this project's engine, compiled to plans",
    load=lambda device: PlanDifferentiator(),
    dtypes=("float64", "float32", "float16"),
)
