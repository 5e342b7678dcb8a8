"""JAX as it is meant: every operator traced, lowered and compiled whole by XLA before the first call."""

from __future__ import annotations

from typing import Any

from gradcheck.backends.base import Backend, Blocks, Call
from gradcheck.backends.jax_eager import DTYPES, JaxDifferentiator, devices
from gradcheck.problems import Bound


class JittedDifferentiator(JaxDifferentiator):
    """The transforms of JAX as executables for the shapes at hand; who drops a call drops its executable."""

    def prepare(self, operator: str, f: Bound, xs: Blocks, *extra: Any) -> Call:
        prepare = super().prepare

        def traced(constants: Any, xs: Blocks, *extra: Any) -> Any:
            return prepare(operator, f.over(constants), xs, *extra)(xs, *extra)

        # Constants are data: XLA would fold what it closes over, and hold it in the executable.
        constants = f.constants
        executable = self._jax.jit(traced).lower(constants, xs, *extra).compile()
        return lambda xs, *extra: executable(constants, xs, *extra)


jax = Backend(
    name="jax",
    title="JAX, compiled whole by jax.jit",
    load=JittedDifferentiator,
    devices=devices,
    requires="jax",
    extra="jax",
    dtypes=DTYPES,
)
