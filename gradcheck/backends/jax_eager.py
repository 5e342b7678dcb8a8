"""JAX as it runs without ``jax.jit``: its transforms, operation by operation, on the CPU or a CUDA device."""

from __future__ import annotations

import math
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from gradcheck.backends.base import Backend, Blocks, Call, Differentiator
from gradcheck.devices import CPU, threads
from gradcheck.problems import Bound

if TYPE_CHECKING:
    import numpy as np

DTYPES = ("float64", "float32", "float16", "bfloat16")


class JaxDifferentiator(Differentiator):
    """JAX's transforms on one device; double precision is on for the whole process from here on."""

    def __init__(self, device: str) -> None:
        if "jax" not in sys.modules:  # XLA reads these once: a process keeps the threads of its first device
            os.environ["NPROC"] = str(threads(device))
            os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")  # others need the GPU too
        import jax

        from gradcheck.namespaces import Extended

        self._jax: Any = jax
        self._jax.config.update("jax_enable_x64", True)
        if not (_has_plugins() or self._jax.config.jax_platforms):
            self._jax.config.update("jax_platforms", "cpu")  # else it warns of a GPU it has no driver for
        self._device = jax.devices("cpu" if device in CPU else device)[0]
        self.xp = Extended(jax.numpy, {"xlogy": jax.scipy.special.xlogy})

    def array(self, x: np.ndarray) -> Any:
        # XLA borrows an aligned array, may_alias=False or not, and copies others after device_put returns.
        return self._jax.block_until_ready(self._jax.device_put(x.copy(), self._device))

    def where(self, x: Any) -> str:
        return "cuda" if isinstance(x, self._jax.Array) and x.device.platform != "cpu" else "cpu"

    def synchronize(self, result: Any) -> None:
        self._jax.block_until_ready(result)

    def settings(self) -> Mapping[str, Any]:
        config = self._jax.config
        return {
            "platform": self._device.platform,
            "x64": config.jax_enable_x64,
            "matmul_precision": config.jax_default_matmul_precision or "default",
            **{name: os.environ.get(name, "") for name in ("NPROC", "XLA_FLAGS")},
        }

    def peak_bytes(self, call: Callable[[], Any]) -> float:
        before, _, after = self._device.memory_stats(), call(), self._device.memory_stats()
        if not after:  # on the CPU nobody tells: XLA keeps what it has freed, and what is resident stays so
            return math.nan
        # The mark of a GPU cannot be set back: it tells of this call if the call has raised it.
        raised = after["peak_bytes_in_use"] > before["peak_bytes_in_use"]
        return float(after["peak_bytes_in_use"] - before["bytes_in_use"]) if raised else math.nan

    def complaint(self, error: Exception) -> str:
        said = [part for part in error.args if isinstance(part, str)]  # a cause may stand before it
        return super().complaint(Exception(said[0])) if said else super().complaint(error)

    def prepare(self, operator: str, f: Bound, xs: Blocks, *extra: Any) -> Call:
        if operator != "jacobian":
            return super().prepare(operator, f, xs, *extra)
        rows, columns = math.prod(self._jax.eval_shape(f, *xs).shape), sum(x.size for x in xs)
        by = self._jax.jacrev if rows <= columns else self._jax.jacfwd
        jacobian = by(f, _all(xs))
        return lambda xs: jacobian(*xs)

    def vjp(self, f: Bound, xs: Blocks, cotangent: Any) -> Any:
        return self._jax.vjp(f, *xs)[1](cotangent)

    def jvp(self, f: Bound, xs: Blocks, tangents: Blocks) -> Any:
        return self._jax.jvp(f, tuple(xs), tuple(tangents))[1]

    def gradient(self, f: Bound, xs: Blocks) -> Any:
        return self._jax.grad(f, _all(xs))(*xs)

    def jacobian(self, f: Bound, xs: Blocks) -> Any:
        return self.prepare("jacobian", f, xs)(xs)

    def hvp(self, f: Bound, xs: Blocks, tangents: Blocks) -> Any:
        return self._jax.jvp(self._jax.grad(f, _all(xs)), tuple(xs), tuple(tangents))[1]

    def hessian(self, f: Bound, xs: Blocks) -> Any:
        return self._jax.hessian(f, _all(xs))(*xs)


def _all(xs: Blocks) -> tuple[int, ...]:
    return tuple(range(len(xs)))


def _has_plugins() -> bool:
    """Whether JAX has drivers of other devices than the CPU."""
    return find_spec("jax_plugins") is not None


def devices() -> tuple[str, ...]:
    """The devices present; a process of its own asks, because asking starts JAX with the threads it finds."""
    if not _has_plugins():
        return CPU
    asked = [sys.executable, "-P", "-c", "import jax; jax.devices('cuda')"]
    return CPU if subprocess.run(asked, capture_output=True, check=False).returncode else (*CPU, "cuda")


jax_eager = Backend(
    name="jax-eager",
    title="JAX, operation by operation",
    load=JaxDifferentiator,
    devices=devices,
    requires="jax",
    extra="jax",
    dtypes=DTYPES,
    on_request="every operation is compiled for every shape",
)
