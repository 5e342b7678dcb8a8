"""PyTorch: torch.autograd in reverse, torch.func in forward mode, on the CPU or a CUDA device."""

from __future__ import annotations

from typing import Any

import numpy as np

from gradcheck.backends.base import Backend, Blocks, Differentiator
from gradcheck.problems import Bound


class TorchDifferentiator(Differentiator):
    """torch.autograd on one device."""

    def __init__(self, device: str) -> None:
        import array_api_compat.torch
        import torch

        from gradcheck.namespaces import Extended

        self.xp = Extended(array_api_compat.torch, {"xlogy": torch.xlogy})
        self._torch = torch
        self._device = torch.device(device)

    def array(self, x: np.ndarray) -> Any:
        return self._torch.tensor(x, device=self._device)

    def numpy(self, x: Any) -> np.ndarray:
        return x.numpy(force=True) if isinstance(x, self._torch.Tensor) else np.asarray(x)

    def synchronize(self) -> None:
        if self._device.type == "cuda":
            self._torch.cuda.synchronize(self._device)

    def vjp(self, f: Bound, xs: Blocks, cotangent: Any) -> Any:
        leaves = self._leaves(xs)
        return self._pull(f(*leaves), leaves, cotangent)

    def jvp(self, f: Bound, xs: Blocks, tangents: Blocks) -> Any:
        return self._torch.func.jvp(f, tuple(xs), tuple(tangents))[1]

    def jacobian(self, f: Bound, xs: Blocks) -> Any:
        leaves = self._leaves(xs)
        y = f(*leaves)
        rows = [self._pull(entry, leaves, None, keep=True) for entry in y.reshape(-1)]
        return [
            self._torch.stack(column).reshape((*y.shape, *x.shape))
            for column, x in zip(zip(*rows, strict=True), xs, strict=True)
        ]

    def hvp(self, f: Bound, xs: Blocks, tangents: Blocks) -> Any:
        leaves = self._leaves(xs)
        slope = sum((g * v).sum() for g, v in zip(self._gradient(f, leaves), tangents, strict=True))
        return self._pull(slope, leaves, None)

    def hessian(self, f: Bound, xs: Blocks) -> Any:
        leaves = self._leaves(xs)
        blocks = []
        for g in self._gradient(f, leaves):
            rows = [self._pull(entry, leaves, None, keep=True) for entry in g.reshape(-1)]
            columns = zip(zip(*rows, strict=True), xs, strict=True)
            blocks.append([self._torch.stack(column).reshape((*g.shape, *x.shape)) for column, x in columns])
        return blocks

    def _leaves(self, xs: Blocks) -> list[Any]:
        return [x.detach().requires_grad_() for x in xs]

    def _gradient(self, f: Bound, leaves: Blocks) -> Any:
        return self._pull(f(*leaves), leaves, None, graph=True)

    def _pull(
        self, y: Any, leaves: Blocks, cotangent: Any, *, keep: bool = False, graph: bool = False
    ) -> Any:
        if not y.requires_grad:
            return [self._torch.zeros_like(x) for x in leaves]
        return self._torch.autograd.grad(
            y, leaves, cotangent, retain_graph=keep or graph, create_graph=graph, materialize_grads=True
        )


def _devices() -> tuple[str, ...]:
    import torch

    return ("cpu", *(("cuda",) if torch.cuda.is_available() else ()))


torch = Backend(
    name="torch",
    title="torch.autograd",
    load=TorchDifferentiator,
    devices=_devices,
    requires="torch",
    extra="torch",
)
