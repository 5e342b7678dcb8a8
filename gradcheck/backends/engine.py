"""The project's own reverse-mode engine on NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np

from gradcheck.backends.base import Backend, Blocks, Differentiator
from gradcheck.problems import Bound


class EngineDifferentiator(Differentiator):
    """Calls the engine's transforms; ``unbroadcast`` is for saboteurs."""

    def __init__(self, unbroadcast: Any = None) -> None:
        from gradcheck import engine

        self.xp = engine.xp
        self._engine = engine
        self._unbroadcast = unbroadcast

    def value(self, f: Bound, xs: Blocks) -> Any:
        return f(*xs)

    def vjp(self, f: Bound, xs: Blocks, cotangent: Any) -> Any:
        return self._engine.vjp(f, *xs, unbroadcast=self._unbroadcast)[1](cotangent)

    def jvp(self, f: Bound, xs: Blocks, tangents: Blocks) -> Any:
        return self._engine.jvp(f, xs, tangents)[1]

    def hvp(self, f: Bound, xs: Blocks, tangents: Blocks) -> Any:
        return self._engine.hvp(f, xs, tangents)

    def jacobian(self, f: Bound, xs: Blocks) -> Any:
        return self._engine.jacobian(f, wrt=tuple(range(len(xs))))(*map(np.asarray, xs))


engine = Backend(
    name="engine",
    title="reverse mode on NumPy, this project's own",
    load=lambda device: EngineDifferentiator(),
    dtypes=("float64", "float32", "float16"),
)
