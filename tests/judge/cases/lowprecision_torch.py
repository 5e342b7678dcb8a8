"""The same in torch, where autograd's own derivative is right: float32, float16 and bfloat16."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch

from cases import FAIL, Case
from cases.lowprecision import ERRORS, SIZES

FUNCTIONS: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "sum of squares": lambda x: (x * x).sum(),
    "mean of sines": lambda x: x.sin().mean(),
    "norm": lambda x: x.norm(),
    "logsumexp": lambda x: x.logsumexp(0),
    "sin": torch.sin,
    "exp": torch.exp,
    "tanh": torch.tanh,
    "cube": lambda x: x**3,
    "relu": torch.relu,
    "gelu": torch.nn.functional.gelu,
    "softmax": lambda x: x.softmax(0),
    "normalisation": lambda x: (x - x.mean()) / (x.square().mean() + 1).sqrt(),
}

SMALLEST = {"relu": 100, "softmax": 2, "normalisation": 2}  # smaller ones may have no slope at all


def right(name: str, dtype: str, size: int, seed: int) -> Case:
    """Autograd's derivative of a function in a dtype."""
    x = np.random.default_rng([seed, size, len(name)]).normal(size=size)
    tensor = torch.from_numpy(x).to(getattr(torch, dtype))
    return Case(f"torch, {name} of {size} in {dtype}, seed {seed}", FUNCTIONS[name], (tensor,))


def spoilt(name: str, dtype: str, size: int, seed: int, error: float, everywhere: bool) -> Case:
    """Autograd's derivative off by a relative error, everywhere or in one of the large entries."""
    (x,) = right(name, dtype, size, seed).args
    generator = np.random.default_rng(seed)
    cotangent = torch.from_numpy(generator.choice([-1.0, 1.0], FUNCTIONS[name](x).shape))
    magnitude = _gradient(name, x.double(), cotangent).abs()
    chosen = int(generator.choice(np.flatnonzero(magnitude >= magnitude.max() / 4)))

    def backward(x: Any, cotangent: Any) -> Any:
        factor = torch.ones_like(x)
        factor[slice(None) if everywhere else chosen] += error
        return _gradient(name, x, cotangent) * factor

    class Spoilt(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return FUNCTIONS[name](x)

        @staticmethod
        def backward(ctx, cotangent):
            return backward(*ctx.saved_tensors, cotangent)

    where = "everywhere" if everywhere else f"at {chosen}"
    title = f"torch, {name} of {size} in {dtype}, seed {seed}, {error:g} off {where}"
    return Case(title, Spoilt.apply, (x,), expect=FAIL)


def _gradient(name: str, x: torch.Tensor, cotangent: torch.Tensor) -> torch.Tensor:
    with torch.enable_grad():
        x = x.detach().requires_grad_()
        y = FUNCTIONS[name](x)
        return torch.autograd.grad(y, x, cotangent)[0]


def cases(dtype: str, seed: int) -> Iterator[Case]:
    """One right and two wrong cases per function, of one size each."""
    for number, name in enumerate(FUNCTIONS):
        size = max(SIZES[(number + seed) % len(SIZES)], SMALLEST.get(name, 1))
        yield right(name, dtype, size, seed)
        for everywhere in (False, True):
            yield spoilt(name, dtype, size, seed, ERRORS[dtype], everywhere)


CASES = tuple(case for dtype in ("float32", "float16", "bfloat16") for case in cases(dtype, 0))
