"""The identities that leave a program with less to do.

Every identity holds to rounding for finite values away from the ends of the range, derivatives included: a
product of a chain rule whose factors cancel has the value that the chain has in the limit.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from gradcheck.engine.core import add, multiply, negative, reduce_sum, reshape
from gradcheck.engine.plan.build import Builder, Like, Rule
from gradcheck.engine.plan.hazards import is_sum_of_shares
from gradcheck.engine.plan.program import Op
from gradcheck.engine.rules.comparison import greater, greater_equal
from gradcheck.engine.rules.elementary import absolute, divide, exp, power, sqrt, square, subtract
from gradcheck.engine.rules.manipulation import permute_dims
from gradcheck.engine.rules.rows import axes_of, kept_shape

_TAME = 2.0**64  # numbers up to this, and down to its reciprocal, may change places in a product
IDENTITIES: dict[str, list[Rule]] = {}


def identity(*names: str) -> Callable[[Rule], Rule]:
    """Declare ``rule(build, like, *inputs, **params)``: an equal value for a primitive's, or None."""

    def declare(rule: Rule) -> Rule:
        for name in names:
            IDENTITIES.setdefault(name, []).append(rule)
        return rule

    return declare


def _tame(*numbers: Any) -> bool:
    """Whether numbers are so far from the ends of the range that their place in a product does not matter."""
    return all(type(c) in (int, float) and 1 / _TAME <= abs(c) <= _TAME for c in numbers)


@identity("carried")
def _chained(build: Builder, like: Any, flow: Op, partial: Op) -> Op | None:
    """A link of the chain rule; a plain product unless it may be where a branch was not taken."""
    cancelled = _cancelled(build, flow, partial)
    if cancelled is not None:
        return cancelled
    if flow.masked and partial.risk:
        return None  # the strong product of the eager rules
    build.checked |= (partial.risk == 2 and flow.constant is None) or flow.risk == 2
    return build.pointwise(multiply, flow, partial)


@identity("multiply")
def _product(build: Builder, like: Any, a: Op, b: Op) -> Op | None:
    c = a.number
    if c is not None:
        if c == 1:
            return b
        if c == 0 and b.risk == 0:
            return build.constant(0.0)
        if c == -1:
            return build.pointwise(negative, b)
        if b.name == "negative":
            return build.pointwise(multiply, -c, b.inputs[0])
        if b.name in ("multiply", "divide") and _tame(c, b.inputs[0].number):
            assert b.primitive is not None
            return build.pointwise(b.primitive, c * b.inputs[0].number, b.inputs[1])
        if b.name == "multiply":
            for x, y in (b.inputs, b.inputs[::-1]):
                if x.name == "multiply" and _tame(c, x.inputs[0].number):
                    inner = build.pointwise(multiply, x.inputs[1], y)
                    return build.pointwise(multiply, c * x.inputs[0].number, inner)
        return None
    for x, y in ((a, b), (b, a)):
        if x.name == "negative":
            return build.pointwise(negative, build.pointwise(multiply, x.inputs[0], y))
        if x.name == "multiply" and _tame(x.inputs[0].number) and like.dtype is None:
            return build.pointwise(multiply, x.inputs[0], build.pointwise(multiply, x.inputs[1], y))
        if x.name == "divide" and _tame(x.inputs[0].number) and y.shape == like.shape == x.shape:
            over = build.pointwise(divide, y, x.inputs[1])
            return build.pointwise(multiply, x.inputs[0], over)
        if x.name == "divide" and x.inputs[1] is y and is_sum_of_shares(y):
            return x.inputs[0]
    return build.pointwise(square, a) if a is b else None


def _cancelled(build: Builder, flow: Op, partial: Op) -> Op | None:
    """A factor of the flow that the partial divides by, as where p log p meets 1/p."""
    sign, over, under = _factors(flow)
    other, more_over, more_under = _factors(partial)
    over, under = over + more_over, under + more_under
    shared = [op for op in over if any(op is divisor for divisor in under)]
    if not shared:
        return None
    for op in shared:
        if any(op is divisor for divisor in under):
            over = _without(over, op)
            under = _without(under, op)
    if flow.masked and (under or any(op.risk for op in over)):
        return None
    result = _multiplied(build, over)
    if under:
        divisor = _multiplied(build, under)
        # A quotient that the function itself does not have may be infinite where the eager product is 0.
        build.checked |= build.known(divide, result, divisor) is None
        result = build.pointwise(divide, result, divisor)
    return build.pointwise(multiply, float(sign * other), result)


def _factors(op: Op, depth: int = 6) -> tuple[float, list[Op], list[Op]]:
    """Sign, numerators and denominators of a product of products and quotients."""
    if depth and op.name == "negative":
        sign, over, under = _factors(op.inputs[0], depth - 1)
        return -sign, over, under
    if depth and op.name in ("multiply", "carried", "divide"):
        sign, over, under = _factors(op.inputs[0], depth - 1)
        other, more_over, more_under = _factors(op.inputs[1], depth - 1)
        if op.name == "divide":
            more_over, more_under = more_under, more_over
            other = 1 / other
        return sign * other, over + more_over, under + more_under
    if op.number:
        return op.number, [], []
    return 1.0, [op], []


def _multiplied(build: Builder, factors: Sequence[Op]) -> Op:
    result = build.constant(1.0)
    for factor in factors:
        result = build.pointwise(multiply, result, factor)
    return result


def _without(ops: Sequence[Op], one: Op) -> list[Op]:
    at = next(i for i, op in enumerate(ops) if op is one)
    return [*ops[:at], *ops[at + 1 :]]


@identity("divide")
def _divided(build: Builder, like: Any, a: Op, b: Op) -> Op | None:
    c = b.number
    if c is not None and _tame(c):
        mantissa, _ = np.frexp(c)
        if abs(mantissa) == 0.5:  # a power of two: its reciprocal is exact
            return build.pointwise(multiply, 1.0 / c, a)
    if a.name == "negative":
        return build.pointwise(negative, build.pointwise(divide, a.inputs[0], b))
    if not b.shape and a.size > 1 and is_sum_of_shares(b):  # at least 1, so that its reciprocal is a number
        return build.pointwise(multiply, a, build.pointwise(divide, 1.0, b))
    if b.name == "negative":
        return build.pointwise(negative, build.pointwise(divide, a, b.inputs[0]))
    return build.constant(1.0) if a is b and is_sum_of_shares(a) else None


@identity("add")
def _sum(build: Builder, like: Any, a: Op, b: Op) -> Op | None:
    if b.number == 0:
        return a
    if b.name == "negative":
        return build.pointwise(subtract, a, b.inputs[0])
    if a.name == "negative":
        return build.pointwise(subtract, b, a.inputs[0])
    (c, x), (d, y) = _multiple(a), _multiple(b)
    if x is not y or (c == -d and x.risk):
        return None
    return build.pointwise(multiply, float(c + d), x) if c != -d else build.constant(0.0)


def _multiple(op: Op) -> tuple[Any, Op]:
    """A value as a number times another."""
    if op.name == "multiply" and op.inputs[0].number is not None:
        return op.inputs[0].number, op.inputs[1]
    return (-1.0, op.inputs[0]) if op.name == "negative" else (1.0, op)


@identity("subtract")
def _difference(build: Builder, like: Any, a: Op, b: Op) -> Op | None:
    if b.number == 0:
        return a
    if a.number == 0:
        return build.pointwise(negative, b)
    if b.name == "negative":
        return build.pointwise(add, a, b.inputs[0])
    return build.constant(0.0) if a is b and a.risk == 0 else None


@identity("negative")
def _negated(build: Builder, like: Any, a: Op) -> Op | None:
    if a.name == "negative":
        return a.inputs[0]
    if a.name == "subtract":
        return build.pointwise(subtract, a.inputs[1], a.inputs[0])
    if a.name in ("multiply", "divide") and a.inputs[0].number is not None:
        assert a.primitive is not None
        return build.pointwise(a.primitive, -a.inputs[0].number, a.inputs[1])
    return None


@identity("power")
def _power(build: Builder, like: Any, a: Op, b: Op) -> Op | None:
    k = b.number
    if k is None or a.number is not None:
        return None
    if k == 0:
        return build.constant(1.0)  # also of NaN
    if k == 1:
        return a
    if k == 2:
        return build.pointwise(square, a)
    if k in (3, 4):
        return build.pointwise(
            multiply, build.pointwise(square, a), a if k == 3 else build.pointwise(square, a)
        )
    if k == 0.5:
        return build.pointwise(sqrt, a)
    return build.pointwise(divide, 1.0, a) if k == -1 else None


@identity("power")
def _lowered(build: Builder, like: Any, a: Op, b: Op) -> Op | None:
    """a^(b - 1) is a^b / a; at a = 0 Python raises, and the eager rule then answers."""
    if like.dtype is not None or b.name != "subtract" or b.inputs[1].number != 1:
        return None
    whole = build.known(power, a, b.inputs[0])
    return build.pointwise(divide, whole, a) if whole is not None else None


@identity("sech_squared")
def _by_exponential(build: Builder, like: Any, x: Op) -> Op | None:
    """4 e / (1 + e)^2 for e = exp(-2 |x|), in steps that write where they are told."""
    if like.dtype is None or like.dtype.kind != "f":
        return None
    e = build.pointwise(exp, build.pointwise(multiply, -2.0, build.pointwise(absolute, x)))
    whole = build.pointwise(square, build.pointwise(add, e, 1.0))
    slope = build.pointwise(divide, build.pointwise(multiply, 4.0, e), whole)
    slope.risk = min(x.risk, 1)
    return slope


@identity("falls")
def _falling(build: Builder, like: Any, base: Op, exponent: Op) -> Op | None:
    # Python's power raises at 0^-1, and the eager rule then answers.
    return build.constant(1.0) if base.dtype is None and exponent.dtype is None else None


@identity("share")
def _shared(build: Builder, like: Any, y: Op, mine: Op, other: Op) -> Op | None:
    """1 above a number, 1/2 at it and 0 below or at NaN, without a choice of entries."""
    if y.name != "maximum" or like.dtype is None or other.number is None:
        return None
    halves = [
        build.apply(multiply, (build.constant(0.5), build.pointwise(above, mine, other)), {}, like)
        for above in (greater, greater_equal)
    ]
    share = build.apply(add, halves, {}, like)
    share.masked = True
    return share


@identity("where")
def _chosen(build: Builder, like: Any, condition: Op, a: Op, b: Op) -> Op | None:
    if a is b:
        return a
    return (a if condition.number else b) if condition.number is not None else None


@identity("stopped")
def _never_stopped(build: Builder, like: Any, flow: Op, partial: Op) -> Op | None:
    return None if flow.masked and partial.risk else build.constant(False)


@identity("reshape")
def _reshaped(build: Builder, like: Any, a: Op, *, shape: Any) -> Op | None:
    if a.shape == like.shape:
        return a
    if a.name == "reshape":
        return build.apply(reshape, a.inputs, {"shape": like.shape}, like)
    if a.name == "broadcast_to" and a.inputs[0].size == 1 and not a.inputs[0].shape:
        return build.broadcast(a.inputs[0], like)
    stretched = [x for x in a.inputs if x.shape]
    undone = all(x.name == "reshape" and x.shape == a.shape for x in stretched)
    if a.primitive is not None and a.primitive.pointwise and undone:
        inner = [_reshape(build, x, like.shape) if x.shape else x for x in a.inputs]
        return build.apply(a.primitive, inner, a.params, like)
    return None


def _reshape(build: Builder, op: Op, shape: tuple[int, ...]) -> Op:
    return build.apply(reshape, (op,), {"shape": shape}, Like(shape, op.dtype))


@identity("broadcast_to")
def _stretched(build: Builder, like: Any, a: Op, *, shape: Any) -> Op | None:
    if a.shape == like.shape and a.dtype == like.dtype:
        return a
    if a.name == "broadcast_to":
        return build.broadcast(a.inputs[0], like)
    return None


@identity("permute_dims")
def _permuted(build: Builder, like: Any, a: Op, *, axes: Any) -> Op | None:
    if tuple(axes) == tuple(range(len(a.shape))):
        return a
    if a.name == "permute_dims":
        inner = a.params["axes"]
        return build.apply(permute_dims, a.inputs, {"axes": tuple(inner[at] for at in axes)}, like)
    return None


@identity("sum")
def _summed(build: Builder, like: Any, a: Op, *, axis: Any = None, keepdims: bool = False) -> Op | None:
    if not a.shape or axis == ():
        return a
    if keepdims:
        shape = kept_shape(a, axis, keepdims=False)
        reduced = build.apply(reduce_sum, (a,), {"axis": axis, "keepdims": False}, Like(shape, like.dtype))
        return build.apply(reshape, (reduced,), {"shape": like.shape}, like)

    def total(x: Op) -> Op:
        return build.apply(reduce_sum, (x,), {"axis": axis, "keepdims": False}, like)

    if a.name == "negative":
        return build.pointwise(negative, total(a.inputs[0]))
    if a.name == "broadcast_to" and not a.inputs[0].shape and like.size:
        return build.pointwise(multiply, float(a.size // like.size), a.inputs[0])
    if a.name in ("multiply", "divide"):
        x, y = a.inputs
        for factor, constant in ((x, y), (y, x)) if a.name == "multiply" else ((x, y),):
            if constant.number is not None and not _tame(constant.number):
                continue
            if (
                factor.shape == a.shape
                and (constant.risk < 2 or _has_shares(constant))
                and _is_constant_along(constant, a, axis)
            ):
                assert a.primitive is not None
                build.checked |= constant.risk == 2
                fixed = _without_axes(build, constant, a, axis)
                return build.pointwise(a.primitive, total(factor), fixed)
    if a.name == "matmul" and axis == len(a.shape) - 2 and len(a.inputs[0].shape) == len(a.shape):
        return _rows_summed(build, like, a, axis)
    if (
        a.name in ("add", "subtract")
        and any(map(_has_shares, a.inputs))
        and all(x.shape == a.shape for x in a.inputs)
    ):
        (c, x), (d, y) = (_multiple(total(term)) for term in a.inputs)
        if x is y and c == (-d if a.name == "add" else d):
            return build.constant(0.0)  # nothing flows into a maximum that was taken off
    return None


def _rows_summed(build: Builder, like: Any, a: Op, axis: int) -> Op:
    """The sum of the rows of a product: the sum of the rows of its first factor, times the second."""
    assert a.primitive is not None
    first, second = a.inputs
    kept = Like((*first.shape[:-2], 1, first.shape[-1]), first.dtype)
    summed = build.apply(reduce_sum, (first,), {"axis": axis, "keepdims": True}, kept)
    row = build.apply(a.primitive, (summed, second), {}, Like((*a.shape[:-2], 1, a.shape[-1]), a.dtype))
    return _reshape(build, row, like.shape)


def _has_shares(op: Op, depth: int = 4) -> bool:
    """Whether a product has a factor that is divided by a sum of shares."""
    if op.name == "divide" and is_sum_of_shares(op.inputs[1]):
        return True
    products = ("multiply", "negative", "divide", "reshape")
    return depth > 0 and op.name in products and any(_has_shares(x, depth - 1) for x in op.inputs)


def _is_constant_along(op: Op, whole: Op, axis: Any) -> bool:
    """Whether a value that is broadcast to the shape of another is the same all along the axes."""
    lead = len(whole.shape) - len(op.shape)
    return all(at < lead or op.shape[at - lead] == 1 for at in axes_of(whole, axis))


def _without_axes(build: Builder, op: Op, whole: Op, axis: Any) -> Op:
    """A value that is constant along reduced axes, in a shape that broadcasts to what they leave."""
    lead, gone = len(whole.shape) - len(op.shape), axes_of(whole, axis)
    kept = tuple(size for at, size in enumerate(op.shape, lead) if at not in gone)
    return op if kept == op.shape else _reshape(build, op, kept)
