"""What can go wrong where a program multiplies plainly: factors that are infinite, zeros that are masks.

The eager rules stop what flows back into a branch that was not taken: 0 times infinity is 0 there. A program
need not ask, where the factor is finite or the flow is no mask.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from gradcheck.engine.core import Primitive
from gradcheck.engine.plan.program import Op

_LARGEST_PATTERN = 1 << 18  # entries up to which it is kept where a scattered array is not 0
# Finite whatever the finite, or infinite, argument; NaN passes.
_BOUNDED = frozenset(
    {"atan", "atan2", "cos", "erf", "erfc", "sech_squared", "sigmoid", "sin", "softmax", "tanh"}
)
# Finite wherever their arguments are, overflow apart.
_CALM = frozenset(
    {
        *("abs", "add", "ceil", "clip", "conj", "floor", "max", "maximum", "min", "minimum", "multiply"),
        *("negative", "number", "real", "relu", "round", "softplus", "square", "subtract", "trunc", "where"),
        *(
            "broadcast_to",
            "concat",
            "expand_dims",
            "flip",
            "getitem",
            "lay",
            "permute_dims",
            "reshape",
            "roll",
        ),
        *(
            "scatter",
            "stack",
            "take",
            "tril",
            "triu",
            "carried",
            "cumulative_sum",
            "einsum",
            "matmul",
            "mean",
        ),
        "sum",
    }
)
_ROUNDING = frozenset({"ceil", "floor", "floor_divide", "round", "trunc"})


def is_masked(primitive: Primitive, inputs: Sequence[Op], covered: Any) -> bool:
    """Whether entries of an operation's value may be 0 because a branch was not taken."""
    name = primitive.name
    if covered is not None:
        return not covered.all()
    if primitive.pull is None or name == "lay":
        return True  # 0 where something was not chosen, or not laid
    if name == "where":
        return any(op.masked for op in inputs[1:]) or any(op.number == 0 for op in inputs[1:])
    if name in ("add", "subtract"):
        return all(op.masked for op in inputs)
    return any(op.masked for op in inputs)


def covered_by(name: str, inputs: Sequence[Op], params: Mapping[str, Any], like: Any) -> Any:
    """Where a scattered array, or a sum of such arrays, is not 0 by its making; None where not known."""
    if name == "scatter" and like.size <= _LARGEST_PATTERN:
        pattern = np.zeros(like.shape, bool)
        pattern[params["key"]] = True
        return pattern
    if name == "add" and all(op.covered is not None for op in inputs):
        return inputs[0].covered | inputs[1].covered
    return None


def risk_of(primitive: Primitive, inputs: Sequence[Op]) -> int:
    """0: finite; 1: finite where the program's inputs are; 2: may be infinite or NaN all the same."""
    name = primitive.name
    if primitive.pull is None and name not in _ROUNDING:
        return 0
    risk = max((op.risk for op in inputs), default=0)
    if name in _BOUNDED:
        return min(risk, 1)
    if name in _CALM or (name == "exp" and _is_below_its_maximum(inputs[0])):
        return risk
    if name == "divide" and (inputs[1].number or is_sum_of_shares(inputs[1])):
        return risk
    return risk if name == "log" and is_sum_of_shares(inputs[0]) else 2


def _is_below_its_maximum(op: Op) -> bool:
    """Whether a value is x - max(x), whose exponential cannot overflow."""
    return op.name == "subtract" and op.inputs[1].name == "max" and op.inputs[1].inputs[0] is op.inputs[0]


def is_sum_of_shares(op: Op) -> bool:
    """Whether a value is the sum of exp(x - max(x)), which is at least 1."""
    while op.name == "reshape":
        op = op.inputs[0]
    return op.name == "sum" and op.inputs[0].name == "exp" and _is_below_its_maximum(op.inputs[0].inputs[0])
