"""PyTorch tensors, modules and ``torch.autograd.Function``."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch

from gradcheck.judge.frameworks.base import Framework, Function
from gradcheck.judge.trees import Named


class Torch(Framework):
    """Tensors on any device; strides of the NumPy arrays given are kept."""

    name = "torch"
    modes = ("reverse", "forward", "batched", "linearized")

    def owns(self, leaf: Any) -> bool:
        return isinstance(leaf, torch.Tensor)

    def dtype(self, leaf: Any) -> str:
        return str(leaf.dtype).removeprefix("torch.")

    def to_numpy(self, leaf: Any) -> np.ndarray:
        plain = leaf.detach().to("cpu").resolve_conj().resolve_neg()
        if plain.layout != torch.strided:
            plain = plain.to_dense()
        if plain.dtype == torch.bfloat16:
            plain = plain.float()
        array: np.ndarray = plain.numpy(force=True)
        return array

    def like(self, array: np.ndarray, leaf: Any, dtype: str) -> Any:
        array = np.asarray(array)
        if any(stride < 0 for stride in array.strides) or not array.flags.writeable:
            array = array.copy()
        tensor = torch.from_numpy(array)
        return tensor.to(device=leaf.device, dtype=getattr(torch, dtype))

    def pull(
        self,
        f: Function,
        xs: Sequence[Any],
        cotangents: Sequence[Any],
        between: Callable[[], object] | None = None,
    ) -> list[Any]:
        inputs = [x.detach().requires_grad_() for x in xs]
        with torch.enable_grad():
            outputs = f(*inputs)
        if between is not None:
            between()
        pairs = [
            (y, c)
            for y, c in zip(outputs, cotangents, strict=True)
            if y.requires_grad and (len(outputs) == 1 or bool(c.any()))  # zeros are passed on as undefined
        ]
        if not pairs:
            return [None] * len(inputs)
        ys, given = zip(*pairs, strict=True)
        return list(torch.autograd.grad(ys, inputs, given, allow_unused=True))

    def push(self, f: Function, xs: Sequence[Any], tangents: Sequence[Any]) -> list[Any]:
        from torch.autograd import forward_ad

        with _unwarned(), forward_ad.dual_level():
            make: Any = forward_ad.make_dual
            unpack: Any = forward_ad.unpack_dual
            # requiring gradients, so that a gradient taken inside does not cut the tangents off
            primals = [x.detach().requires_grad_() for x in xs]
            duals = [make(x, t.contiguous()) for x, t in zip(primals, tangents, strict=True)]
            pairs = [unpack(y) for y in f(*duals)]
            return [
                torch.zeros_like(pair.primal) if pair.tangent is None else pair.tangent.clone()
                for pair in pairs
            ]

    def batched(self, f: Function, xs: Sequence[Any], cotangents: Sequence[Sequence[Any]]) -> list[list[Any]]:
        stacks = [torch.stack(list(column)) for column in zip(*cotangents, strict=True)]
        if (together := _mapped(f, xs, stacks)) is not None:
            return [[stack[at] for stack in together] for at in range(len(cotangents))]
        inputs = [x.detach().requires_grad_() for x in xs]
        with torch.enable_grad():
            outputs = f(*inputs)
        pulled = torch.autograd.grad(
            outputs, inputs, stacks, allow_unused=True, is_grads_batched=True, materialize_grads=True
        )
        return [[stack[at] for stack in pulled] for at in range(len(cotangents))]

    def linearized(self, f: Function, xs: Sequence[Any], tangents: Sequence[Any]) -> list[Any]:
        with _unwarned():
            _, push = torch.func.linearize(lambda *values: tuple(f(*values)), *(x.detach() for x in xs))
            return list(push(*tangents))

    def gradient(self, f: Function, cotangents: Sequence[Any]) -> Function:
        def pulled(*xs: Any) -> list[Any]:
            inputs = [x if x.requires_grad else x.detach().requires_grad_() for x in xs]
            with torch.enable_grad():
                outputs = f(*inputs)
                pairs = [(y, c) for y, c in zip(outputs, cotangents, strict=True) if y.requires_grad]
                if not pairs:
                    return [torch.zeros_like(x) for x in inputs]
                ys, given = zip(*pairs, strict=True)
                return list(
                    torch.autograd.grad(
                        ys, inputs, given, create_graph=True, allow_unused=True, materialize_grads=True
                    )
                )

        return pulled

    def wanted(self, leaf: Any) -> bool:
        return bool(leaf.requires_grad)

    def differentiable(self, f: Function, xs: Sequence[Any]) -> list[bool]:
        with torch.enable_grad():
            return [bool(y.requires_grad) for y in f(*(x.detach().requires_grad_() for x in xs))]

    def module(self, f: Any) -> tuple[Callable[..., Any], dict[str, Any]] | None:
        if not isinstance(f, torch.nn.Module):
            return None

        def call(parameters: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
            wide = any(p.dtype in (torch.float64, torch.complex128) for p in parameters.values())
            # buffers are copied: a layer that updates its statistics would be another function each time
            buffers = {name: _widened(buffer, wide).clone() for name, buffer in f.named_buffers()}
            return torch.func.functional_call(f, {**parameters, **buffers}, args, kwargs)

        return call, Named(f.named_parameters())


@contextmanager
def _unwarned() -> Iterator[None]:
    """Torch warns of its own machinery, which is no fault of the rule's."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _mapped(f: Function, xs: Sequence[Any], stacks: Sequence[Any]) -> Sequence[Any] | None:
    """Reverse mode mapped over inputs and cotangents at once; None where the function cannot be mapped."""
    count = len(stacks[0])
    beside = [x.detach() * (1 - 2.0**-8) + 2.0**-10 for x in xs]
    inputs = [torch.stack([other] * (count - 1) + [x.detach()]) for x, other in zip(xs, beside, strict=True)]

    def single(values: Sequence[Any], cotangents: Sequence[Any]) -> Any:
        return torch.func.vjp(lambda *inner: tuple(f(*inner)), *values)[1](tuple(cotangents))

    try:
        with _unwarned():
            pulled: Sequence[Any] = torch.func.vmap(single)(inputs, list(stacks))
    except RuntimeError:  # what it says of functions written in the older style, or that look at their values
        return None
    return pulled


def _widened(buffer: Any, wide: bool) -> Any:
    return buffer.double() if wide and buffer.is_floating_point() else buffer
