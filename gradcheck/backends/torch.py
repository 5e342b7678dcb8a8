"""PyTorch as it runs without compiling: torch.autograd, operation by operation, on the CPU or with CUDA."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

from gradcheck.backends.base import Backend, Blocks, Call, Differentiator
from gradcheck.devices import CPU, threads
from gradcheck.problems import Bound

DTYPES = ("float64", "float32", "float16", "bfloat16")


class TorchDifferentiator(Differentiator):
    """torch.autograd on one device; the number of threads is the whole process's."""

    def __init__(self, device: str) -> None:
        import array_api_compat.torch
        import torch

        from gradcheck.namespaces import Extended

        torch.set_num_threads(threads(device))
        self.xp = Extended(array_api_compat.torch, {"xlogy": torch.xlogy})
        self._torch: Any = torch
        self._device = torch.device("cpu" if device in CPU else device)

    def array(self, x: np.ndarray) -> Any:
        if x.dtype.name == "bfloat16":  # torch knows no NumPy dtype for it: the bits are the same
            return self.array(x.view(np.int16)).view(self._torch.bfloat16)
        copy = np.array(x, order="C")  # torch takes no negative strides, and warns where it may not write
        return self._torch.from_numpy(copy).to(self._device)

    def numpy(self, x: Any) -> np.ndarray:
        if not isinstance(x, self._torch.Tensor):
            return np.asarray(x)
        if x.dtype is self._torch.bfloat16:
            import ml_dtypes

            return self.numpy(x.view(self._torch.int16)).view(ml_dtypes.bfloat16)
        array: np.ndarray = x.numpy(force=True)
        return array

    def where(self, x: Any) -> str:
        return str(x.device.type) if isinstance(x, self._torch.Tensor) else "cpu"

    def synchronize(self, result: Any) -> None:
        if self._device.type == "cuda":
            self._torch.cuda.synchronize(self._device)

    def elapsed(self, call: Call, pool: Iterable[tuple[Any, ...]]) -> float:
        if self._device.type != "cuda":
            return super().elapsed(call, pool)
        cuda = self._torch.cuda
        stream = cuda.current_stream(self._device)
        begin, end = cuda.Event(enable_timing=True), cuda.Event(enable_timing=True)
        begin.record(stream)
        for arguments in pool:
            call(*arguments)
        end.record(stream)
        end.synchronize()
        return float(begin.elapsed_time(end)) / 1000  # it is in milliseconds

    def peak_bytes(self, call: Callable[[], Any]) -> float:
        if self._device.type != "cuda":
            return super().peak_bytes(call)
        cuda = self._torch.cuda
        cuda.reset_peak_memory_stats(self._device)  # to what is held now
        held = cuda.memory_allocated(self._device)
        call()
        return float(cuda.max_memory_allocated(self._device) - held)

    def settings(self) -> Mapping[str, Any]:
        torch = self._torch
        return {
            "threads": torch.get_num_threads(),
            "matmul_precision": torch.get_float32_matmul_precision(),
            "tf32_matmul": torch.backends.cuda.matmul.allow_tf32,
            "tf32_cudnn": torch.backends.cudnn.allow_tf32,
            "deterministic": torch.are_deterministic_algorithms_enabled(),
        }

    def lacks(self, error: Exception) -> bool:
        return super().lacks(error) or "Low precision dtypes not supported" in str(error)

    def vjp(self, f: Bound, xs: Blocks, cotangent: Any) -> Any:
        leaves = self._leaves(xs)
        return self._pull([f(*leaves)], leaves, [cotangent])

    def jvp(self, f: Bound, xs: Blocks, tangents: Blocks) -> Any:
        dual = self._torch.autograd.forward_ad
        with dual.dual_level():
            y, slope = dual.unpack_dual(f(*map(dual.make_dual, xs, tangents)))
        return self._torch.zeros_like(y) if slope is None else slope

    def jacobian(self, f: Bound, xs: Blocks) -> Any:
        leaves = self._leaves(xs)
        return self._rows(f(*leaves), leaves)

    def hvp(self, f: Bound, xs: Blocks, tangents: Blocks) -> Any:
        leaves = self._leaves(xs)
        return self._pull(self._slopes(f, leaves), leaves, tangents)  # H is symmetric: v H is H v

    def hessian(self, f: Bound, xs: Blocks) -> Any:
        leaves = self._leaves(xs)
        return [self._rows(slope, leaves) for slope in self._slopes(f, leaves)]

    def _leaves(self, xs: Blocks) -> list[Any]:
        return [x.detach().requires_grad_() for x in xs]

    def _slopes(self, f: Bound, leaves: Blocks) -> Any:
        """The gradient, to be differentiated again."""
        return self._pull([f(*leaves)], leaves, [None], create_graph=True)

    def _rows(self, y: Any, leaves: Blocks) -> list[Any]:
        """The Jacobian, a pullback a row through one graph: what torch.autograd does unless told otherwise.

        All rows in one batch is the way of torch.func, and a backend of its own.
        """
        size = y.numel()
        if not size:
            return [y.new_zeros((*y.shape, *x.shape)) for x in leaves]
        units = self._torch.eye(size, dtype=y.dtype, device=y.device).reshape((size, *y.shape))
        rows = [self._pull([y], leaves, [unit], retain_graph=True) for unit in units]
        columns = zip(zip(*rows, strict=True), leaves, strict=True)
        return [self._torch.stack(column).reshape((*y.shape, *x.shape)) for column, x in columns]

    def _pull(self, ys: Blocks, leaves: Blocks, cotangents: Blocks, **graph: bool) -> Any:
        moving = [(y, w) for y, w in zip(ys, cotangents, strict=True) if y.requires_grad]
        if not moving:
            return [self._torch.zeros_like(x) for x in leaves]
        ends, cotangents = zip(*moving, strict=True)
        return self._torch.autograd.grad(ends, leaves, cotangents, materialize_grads=True, **graph)


def devices() -> tuple[str, ...]:
    """The devices present."""
    import torch

    return (*CPU, "cuda") if torch.cuda.is_available() else CPU


torch = Backend(
    name="torch",
    title="torch.autograd",
    load=TorchDifferentiator,
    devices=devices,
    requires="torch",
    extra="torch",
    dtypes=DTYPES,
)
