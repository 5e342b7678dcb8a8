"""Rules for torch of which exactly one mode is wrong: reverse, forward, double backward, vectorised."""

from __future__ import annotations

from typing import Any

import torch

from cases import FAIL, Case
from cases.contract_torch import grid

BOTH = ("reverse", "forward")


def rule(backward: Any, push: Any) -> Any:
    """The sine with a reverse and a forward rule; both are given x and the direction."""

    class Sine(torch.autograd.Function):
        generate_vmap_rule = True

        @staticmethod
        def forward(x):
            return x.sin()

        @staticmethod
        def setup_context(ctx, inputs, _output):
            ctx.save_for_backward(*inputs)
            ctx.save_for_forward(*inputs)

        @staticmethod
        def backward(ctx, cotangent):
            return backward(*ctx.saved_tensors, cotangent)

        @staticmethod
        def jvp(ctx, tangent):
            return push(*ctx.saved_tensors, tangent)

    return Sine.apply


def right(x: torch.Tensor, direction: torch.Tensor) -> torch.Tensor:
    return direction * x.cos()


def wrong(x: torch.Tensor, direction: torch.Tensor) -> torch.Tensor:
    return 1.01 * direction * x.cos()


def missing(x: torch.Tensor, direction: torch.Tensor) -> torch.Tensor:
    return direction * x.detach().cos()


def doubled(x: torch.Tensor, direction: torch.Tensor) -> torch.Tensor:
    """Right in value; differentiated once more, twice what it should be."""
    slope = x.cos()
    return direction * (2 * slope - slope.detach())


def multiplied(batch: Any) -> Any:
    """The sine whose reverse rule is another Function, which vectorises as it is told."""

    class Slope(torch.autograd.Function):
        @staticmethod
        def forward(x, direction):
            return direction * x.cos()

        @staticmethod
        def setup_context(ctx, inputs, _output):
            ctx.save_for_backward(*inputs)

        @staticmethod
        def backward(ctx, cotangent):
            x, direction = ctx.saved_tensors
            return -cotangent * direction * x.sin(), cotangent * x.cos()

        @staticmethod
        def vmap(_info, in_dims, x, direction):
            return batch(in_dims, x, direction)

    return rule(Slope.apply, right)


def batch_right(in_dims, x, direction):
    return direction.movedim(in_dims[1], 0) * x.cos(), 0


def batch_first(in_dims, x, direction):
    """Every one of the batch answered as the first."""
    directions = direction.movedim(in_dims[1], 0)
    return (directions[:1] * x.cos()).expand(directions.shape), 0


def batch_summed(in_dims, x, direction):
    directions = direction.movedim(in_dims[1], 0)
    return directions.sum(0).expand(directions.shape) * x.cos(), 0


def batch_scaled(in_dims, x, direction):
    directions = direction.movedim(in_dims[1], 0)
    return directions * x.cos() / len(directions), 0


def fresh() -> list[Case]:
    """Every case."""
    x = grid()
    made = [
        Case("torch, both right", rule(right, right), (x,), options={"modes": BOTH}),
        Case(
            "torch, reverse off",
            rule(wrong, right),
            (x,),
            expect=FAIL,
            modes=("vjp",),
            options={"modes": BOTH},
        ),
        Case(
            "torch, forward off",
            rule(right, wrong),
            (x,),
            expect=FAIL,
            modes=("jvp",),
            options={"modes": BOTH},
        ),
        Case(
            "torch, both off",
            rule(wrong, wrong),
            (x,),
            expect=FAIL,
            modes=("vjp", "jvp"),
            options={"modes": BOTH},
        ),
        Case("torch, double backward right", rule(right, right), (x,), options={"order": 2}),
    ]
    for name, backward in {"missing": missing, "doubled": doubled}.items():
        made.append(
            Case(
                f"torch, double backward {name}",
                rule(backward, right),
                (x,),
                expect=FAIL,
                modes=("vjp", "hvp"),
                order=2,
                options={"order": 2},
            )
        )
    batched = {"modes": ("reverse", "batched")}
    made.append(Case("torch, vmap right", multiplied(batch_right), (x,), options=batched))
    for name, batch in {
        "of the first": batch_first,
        "of the sum": batch_summed,
        "averaged": batch_scaled,
    }.items():
        made.append(
            Case(
                f"torch, vmap {name}",
                multiplied(batch),
                (x,),
                expect=FAIL,
                modes=("batched",),
                options=batched,
            )
        )
    return made
