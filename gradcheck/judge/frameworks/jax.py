"""JAX arrays, ``custom_vjp`` and ``custom_jvp`` functions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from gradcheck.judge.frameworks.base import Framework, Function


class Jax(Framework):
    """JAX; complex cotangents follow its convention and are conjugated on the way in and out."""

    name = "jax"
    modes = ("reverse", "forward", "batched", "linearized")

    def owns(self, leaf: Any) -> bool:
        return isinstance(leaf, jax.Array)

    def dtype(self, leaf: Any) -> str:
        return str(leaf.dtype)

    def to_numpy(self, leaf: Any) -> np.ndarray:
        array = np.asarray(leaf)
        return array.astype(np.float32) if array.dtype.name == "bfloat16" else array

    def like(self, array: np.ndarray, leaf: Any, dtype: str) -> Any:
        return jnp.asarray(array, dtype=dtype)

    def pull(
        self,
        f: Function,
        xs: Sequence[Any],
        cotangents: Sequence[Any],
        between: Callable[[], object] | None = None,
    ) -> list[Any]:
        _, pullback = jax.vjp(lambda *values: list(f(*values)), *xs)
        if between is not None:
            between()
        return [jnp.conj(g) for g in pullback([jnp.conj(c) for c in cotangents])]

    def push(self, f: Function, xs: Sequence[Any], tangents: Sequence[Any]) -> list[Any]:
        return list(jax.jvp(lambda *values: list(f(*values)), tuple(xs), tuple(tangents))[1])

    def batched(self, f: Function, xs: Sequence[Any], cotangents: Sequence[Sequence[Any]]) -> list[list[Any]]:
        _, pullback = jax.vjp(lambda *values: list(f(*values)), *xs)
        stacks = [jnp.conj(jnp.stack(list(column))) for column in zip(*cotangents, strict=True)]
        pulled = jax.vmap(pullback)(stacks)
        return [[jnp.conj(stack[at]) for stack in pulled] for at in range(len(cotangents))]

    def linearized(self, f: Function, xs: Sequence[Any], tangents: Sequence[Any]) -> list[Any]:
        _, push = jax.linearize(lambda *values: list(f(*values)), *xs)
        return list(push(*tangents))

    def gradient(self, f: Function, cotangents: Sequence[Any]) -> Function:
        return lambda *xs: self.pull(f, xs, cotangents)

    def precise(self) -> Any:
        return jax.enable_x64(True)
