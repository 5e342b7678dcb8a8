"""The same promises broken inside ``torch.autograd.Function``: what a rule written for torch gets wrong.

Torch stands between the rule and its caller: it adds gradients up, casts and reshapes them, so some of these
show only as wrong values.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from cases import FAIL, NOT_PASS, PASS, Case
from cases.contract import AFFINE, LAYOUT, SHAPE, STALE

Backward = Callable[..., Any]


def grid(*shape: int) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(len(shape)).normal(size=shape or (3, 4)))


def function(forward: Any, backward: Backward, **more: Any) -> Any:
    """A new autograd function that saves its inputs; ``backward(ctx, *saved, *cotangents)``."""

    def save(ctx: Any, *inputs: Any) -> Any:
        ctx.save_for_backward(*inputs)
        return forward(*inputs)

    def back(ctx: Any, *cotangents: Any) -> Any:
        return backward(ctx, *ctx.saved_tensors, *cotangents)

    return type(
        "Rule",
        (torch.autograd.Function,),
        {"forward": staticmethod(save), "backward": staticmethod(back), **more},
    )


def sine(name: str, backward: Backward, *causes: str, expect: frozenset[str] = FAIL) -> Case:
    """The sine of a grid, with a rule that should be ``cotangent * cos(x)``."""
    rule = function(torch.sin, backward)
    return Case(f"torch, {name}", rule.apply, (grid(),), expect=expect, causes=causes)


def as_if_contiguous(tensor: torch.Tensor) -> torch.Tensor:
    """What a kernel sees that reads memory from the first entry on; zeros where there is no more."""
    if tensor.is_contiguous():
        return tensor
    memory = torch.empty(0, dtype=tensor.dtype).set_(tensor.untyped_storage())[tensor.storage_offset() :]
    seen = torch.zeros(tensor.numel(), dtype=tensor.dtype)
    seen[: len(memory)] = memory[: tensor.numel()]
    return seen.reshape(tensor.shape)


def fresh() -> list[Case]:
    """Every case, with nothing remembered."""
    return [*kept_promises(), *memory(), *state(), *form(), *several_outputs(), *plain()]


def kept_promises() -> list[Case]:
    return [
        sine("right", lambda ctx, x, c: c * x.cos(), expect=PASS),
        Case(
            "torch, view of the cotangent",
            function(lambda x: x.reshape(4, 3), lambda ctx, x, c: c.reshape(3, 4)).apply,
            (grid(),),
        ),
        Case("torch, the cotangent itself", function(lambda x: x + 1, lambda ctx, x, c: c).apply, (grid(),)),
        Case(
            "torch, one gradient twice",
            function(torch.add, lambda ctx, x, y, c: (c, c)).apply,
            (grid(), grid() + 1),
        ),
    ]


def memory() -> list[Case]:
    def scaling(ctx, x, c):
        return c.mul_(x.cos())

    def spoiling(ctx, x, c):
        gradient = c * x.cos()
        x.detach().mul_(1.5)
        return gradient

    def touched(ctx, x, c):
        gradient = c * x.cos()
        c.data[0, 0] += 1
        return gradient

    return [
        sine("cotangent taken for contiguous", lambda ctx, x, c: as_if_contiguous(c) * x.cos(), *LAYOUT),
        sine("input taken for contiguous", lambda ctx, x, c: c * as_if_contiguous(x).cos(), *LAYOUT),
        sine(
            "cotangent viewed flat",
            lambda ctx, x, c: (c.view(-1) * x.cos().reshape(-1)).reshape(x.shape),
            *LAYOUT,
        ),
        sine("cotangent scaled in place", scaling, "mutates its cotangent"),
        sine("one entry of the cotangent moved", touched, "mutates its cotangent"),
        sine("saved input scaled", spoiling, "mutates its input"),
        Case(
            "torch, function scales its input unmarked",
            function(lambda x: x.detach().mul_(2).div(2).sin(), lambda ctx, x, c: c * x.cos()).apply,
            (grid(),),
            expect=FAIL,
            causes=("mutates its input",),
        ),
    ]


def state() -> list[Case]:
    total = torch.zeros(3, 4, dtype=torch.float64)
    buffer = torch.zeros(3, 4, dtype=torch.float64)
    generator = torch.Generator().manual_seed(5)
    kept: list[torch.Tensor] = []
    calls = [0]

    def adding(ctx, x, c):
        total.add_(c * x.cos())
        return total.clone()

    def once(ctx, x, c):
        calls[0] += 1
        if calls[0] > 1:
            raise RuntimeError("the buffers of this derivative are gone")
        return c * x.cos()

    def keeping(x):
        kept[:] = [x.detach().cos()]
        return x.sin()

    def first(ctx, x, c):
        kept_first.append(x.cos())
        return c * kept_first[0]

    kept_first: list[torch.Tensor] = []
    return [
        sine("adds to the last result", adding, "accumulates over calls"),
        sine(
            "one buffer for every result",
            lambda ctx, x, c: torch.mul(c, x.cos(), out=buffer),
            *STALE,
            "not repeatable",
        ),
        sine(
            "a thousandth of noise",
            lambda ctx, x, c: (
                c * x.cos() * (1 + 1e-3 * torch.randn(3, 4, generator=generator, dtype=c.dtype))
            ),
            "not repeatable",
            "stateful RNG",
        ),
        sine("works once", once),
        sine("slope of the first call ever", first, *STALE),
        Case(
            "torch, slope of the last evaluation",
            function(keeping, lambda ctx, x, c: c * kept[0]).apply,
            (grid(),),
            expect=FAIL,
            causes=STALE,
        ),
        sine("cotangent ignored", lambda ctx, x, c: x.cos(), *AFFINE),
        sine("a thousandth added", lambda ctx, x, c: c * x.cos() + 1e-3, *AFFINE),
        sine("magnitude of the cotangent", lambda ctx, x, c: c.abs() * x.cos(), *AFFINE),
        sine(
            "nan at a zero cotangent",
            lambda ctx, x, c: c * x.cos() * (c.abs().sum() / c.abs().sum()),
            "non-finite",
        ),
        Case(
            "torch, dropout",
            lambda x: torch.nn.functional.dropout(x, 0.5, training=True),
            (grid(),),
            expect=NOT_PASS,
            causes=("stateful RNG", "not repeatable"),
        ),
    ]


def form() -> list[Case]:
    product = (grid(), grid() + 1)
    return [
        sine("nothing", lambda ctx, x, c: None, "None returned", "detached"),
        sine("flat", lambda ctx, x, c: (c * x.cos()).ravel(), *SHAPE),
        sine("transposed shape", lambda ctx, x, c: (c * x.cos()).T, *SHAPE),
        sine("float32 inside", lambda ctx, x, c: c.float() * x.float().cos()),
        sine("two for one", lambda ctx, x, c: (c * x.cos(), c)),
        Case(
            "torch, nothing for one of two",
            function(torch.mul, lambda ctx, x, y, c: (c * y, None)).apply,
            product,
            expect=FAIL,
            causes=("None returned", "detached"),
        ),
        Case(
            "torch, one of two", function(torch.mul, lambda ctx, x, y, c: c * y).apply, product, expect=FAIL
        ),
        Case(
            "torch, swapped",
            function(torch.mul, lambda ctx, x, y, c: (c * x, c * y)).apply,
            product,
            expect=FAIL,
        ),
        Case(
            "torch, not conjugated",
            function(torch.square, lambda ctx, z, c: 2 * z * c).apply,
            (torch.tensor([1 + 2j, -0.5 + 1j], dtype=torch.complex128),),
            expect=FAIL,
            causes=("conjugated",),
        ),
    ]


def several_outputs() -> list[Case]:
    """Torch passes None for the cotangent of an output nobody used, if the rule asks for that."""

    def forward(ctx, x):
        ctx.save_for_backward(x)
        ctx.set_materialize_grads(False)
        return x.sin(), x.exp()

    def careless(ctx, a, b):
        (x,) = ctx.saved_tensors
        return a * x.cos() + b * x.exp()

    def careful(ctx, a, b):
        (x,) = ctx.saved_tensors
        return (0 if a is None else a * x.cos()) + (0 if b is None else b * x.exp())

    def of(backward):
        return type(
            "Two",
            (torch.autograd.Function,),
            {"forward": staticmethod(forward), "backward": staticmethod(backward)},
        )

    return [
        Case("torch, undefined cotangent met", of(careful).apply, (grid(),)),
        Case("torch, undefined cotangent not met", of(careless).apply, (grid(),), expect=FAIL),
    ]


def plain() -> list[Case]:
    """No rule at all: a graph that was cut."""
    return [
        Case(
            "torch, half of it detached",
            lambda x: (x.detach() * x).sum(),
            (grid(),),
            expect=FAIL,
            causes=("factor 1/2", "detached", "dropped"),
        ),
        Case(
            "torch, detached for one of two",
            lambda x, y: x * y.detach(),
            (grid(), grid() + 1),
            expect=FAIL,
            causes=("detached",),
        ),
        Case(
            "torch, through numpy",
            lambda x: torch.from_numpy(np.sin(x.detach().numpy())) + 0 * x,
            (grid(),),
            expect=FAIL,
            causes=("detached",),
        ),
    ]
