"""Building a program with less in it: constants folded, equal operations met once, identities applied.

Every identity holds to rounding for finite values away from the ends of the range, derivatives included: a
product of a chain rule whose factors cancel has the value that the chain has in the limit.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from gradcheck.engine.core import (
    Node,
    Primitive,
    add,
    apply,
    broadcast_to,
    multiply,
    negative,
    reduce_sum,
    reshape,
)
from gradcheck.engine.plan.program import Op, describe, frozen
from gradcheck.engine.rules.comparison import greater, greater_equal
from gradcheck.engine.rules.elementary import divide, power, sqrt, square, subtract
from gradcheck.engine.rules.manipulation import permute_dims

_EXACT = 1 << 53  # integers below this are floats
_TAME = 2.0**64  # numbers up to this, and down to its reciprocal, may change places in a product
_LARGEST_PATTERN = 1 << 18
_SMALL = 4096  # constants up to this many entries are folded

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
_REDUCTIONS = frozenset({"sum", "max", "min", "mean", "prod"})

Rule = Callable[..., Op | None]
_RULES: dict[str, list[Rule]] = {}


def identity(*names: str) -> Callable[[Rule], Rule]:
    """Declare ``rule(build, like, *inputs, **params)``: an equal value for a primitive's, or None."""

    def declare(rule: Rule) -> Rule:
        for name in names:
            _RULES.setdefault(name, []).append(rule)
        return rule

    return declare


_cast: Primitive = Primitive(name="cast", forward=lambda x, dtype: dtype.type(x))


class Builder:
    """Makes operations; equal ones are one. ``checked`` tells whether results must be looked at for NaN."""

    def __init__(self) -> None:
        self._known: dict[Any, Op] = {}
        self.checked = False

    def constant(self, value: Any) -> Op:
        """A value known beforehand."""
        if isinstance(value, np.ndarray) and value.size > 1:
            first = value.flat[0]
            signs = np.signbit(value) if value.dtype.kind == "f" else None
            if signs is not None and np.all(value == first) and np.all(signs == signs.flat[0]):
                return self.broadcast(self.constant(first), _Like(value.shape, value.dtype))
        number = type(value) in (bool, int, float, complex)
        key = ("constant", type(value), repr(value)) if number else ("constant", id(value))
        if key not in self._known:
            shape, dtype = describe(value)
            finite = np.asarray(value).dtype.kind not in "fc" or np.isfinite(value).all()
            masked = not np.all(value)
            op = Op(None, (), {}, shape, dtype, value, risk=0 if finite else 2, masked=masked)
            self._known[key] = op
        return self._known[key]

    def input(self, value: Any) -> Op:
        """A value that every call brings."""
        return Op(None, (), {}, *describe(value))

    def read(self, nodes: Sequence[Node]) -> list[Op]:
        """Every value of a recorded tape, simplified."""
        values: list[Op] = []
        for primitive, inputs, params, parents, output in nodes:
            if primitive is None:
                values.append(self.input(output))
                continue
            traced = dict(parents)
            operands = [
                values[traced[at]] if at in traced else self.constant(x) for at, x in enumerate(inputs)
            ]
            op = self.apply(primitive, operands, params, _Like(*describe(output)))
            if op.primitive is primitive and op.inputs and op.inputs[0] is operands[0]:
                op.aliases |= np.may_share_memory(output, inputs[0])
            values.append(op)
        return values

    def apply(self, primitive: Primitive, inputs: Sequence[Op], params: Mapping[str, Any], like: Any) -> Op:
        """The value of a primitive, simplified; ``like`` has the shape and dtype it must have."""
        inputs = tuple(inputs)
        if primitive.name in _REDUCTIONS:
            axis, kept = params.get("axis"), bool(params.get("keepdims"))
            params = {**params, "axis": _axes(axis, len(inputs[0].shape)), "keepdims": kept}
        if primitive.name in ("add", "multiply"):
            inputs = _sorted(inputs, numbers_first=primitive.name == "multiply")
        if inputs and all(op.primitive is None and op.constant is not None for op in inputs):
            small = sum(op.size for op in inputs) + int(np.prod(like.shape)) <= _SMALL
            if small and primitive is not broadcast_to:
                with np.errstate(all="ignore"):
                    value = apply(primitive, tuple(op.constant for op in inputs), params)
                kept = like.dtype is None or np.result_type(value) == like.dtype
                return self.constant(value if kept else np.asarray(value, like.dtype)[()])
        if primitive.pointwise:
            plain = tuple(map(_bare, inputs))
            bare = tuple(self._weak(op, plain, like) for op in plain)
            if any(new is not old for new, old in zip(bare, inputs, strict=True)):
                shape = np.broadcast_shapes(*(op.shape for op in bare))
                dtype = None if all(op.dtype is None for op in bare) else like.dtype
                made = self.apply(primitive, bare, params, _Like(shape, dtype))
                return self.broadcast(made, like)
        for rule in _RULES.get(primitive.name, ()):
            better = rule(self, like, *inputs, **params)
            if better is not None and better.dtype in (like.dtype, None):
                return self.broadcast(better, like)
        return self._make(primitive, inputs, params, like)

    def typed(self, op: Op, value: Any) -> Op:
        """A number in the dtype of the array, or NumPy scalar, that it stands for."""
        shape, dtype = describe(value)
        if op.dtype is not None or dtype is None:
            return op
        if op.number is not None:
            return self.constant(np.full(shape, op.number, dtype)[()])
        return self._make(_cast, (op,), {"dtype": dtype}, _Like(shape, dtype))

    def pointwise(self, primitive: Primitive, *inputs: Op | float) -> Op:
        """A pointwise primitive, its shape and dtype inferred."""
        ops = [op if isinstance(op, Op) else self.constant(op) for op in inputs]
        shape = np.broadcast_shapes(*(op.shape for op in ops))
        if all(op.dtype is None for op in ops):
            return self.apply(primitive, ops, {}, _Like(shape, None))
        dtype = np.result_type(*(1.0 if op.dtype is None else op.dtype for op in ops))
        if primitive.pull is None:
            dtype = np.dtype(bool)  # a comparison
        return self.apply(primitive, ops, {}, _Like(shape, dtype))

    def _weak(self, op: Op, operands: Sequence[Op], like: Any) -> Op:
        """A constant of one entry as a float, where another operand already has the dtype of the result."""
        if op.constant is None or op.size != 1 or type(op.constant) in (float, bool):
            return op
        decided = like.dtype is None or any(x.dtype == like.dtype and x.constant is None for x in operands)
        if decided and (like.dtype is None or like.dtype.kind == "f"):
            value = np.asarray(op.constant)
            if value.dtype.kind == "f" or (value.dtype.kind in "iu" and abs(value.item()) < _EXACT):
                return self.constant(float(value.item()))
        return op

    def known(self, primitive: Primitive, *inputs: Op) -> Op | None:
        """The value of a primitive that was met before."""
        return self._known.get((id(primitive), tuple(map(id, inputs)), ()))

    def broadcast(self, op: Op, like: Any) -> Op:
        """The same value in the shape asked for."""
        if op.shape == like.shape and (op.dtype == like.dtype or (op.dtype is None and not like.shape)):
            return op
        return self._make(broadcast_to, (op,), {"shape": like.shape}, like)

    def _make(self, primitive: Primitive, inputs: tuple[Op, ...], params: Mapping[str, Any], like: Any) -> Op:
        covered = _covered(primitive.name, inputs, params, like)
        masked = _is_masked(primitive, inputs, covered)
        risk = _risk(primitive, inputs)
        key = (id(primitive), tuple(map(id, inputs)), frozen(params))
        if key not in self._known:
            self._known[key] = Op(
                primitive,
                inputs,
                dict(params),
                like.shape,
                like.dtype,
                risk=risk,
                masked=masked,
                covered=None if covered is not None and covered.all() else covered,
                born=len(self._known),
            )
        return self._known[key]


class _Like:
    """Shape and dtype of a value that is not there yet."""

    __slots__ = ("dtype", "shape")

    def __init__(self, shape: tuple[int, ...], dtype: Any) -> None:
        self.shape = shape
        self.dtype = dtype

    @property
    def size(self) -> int:
        return int(np.prod(self.shape))


def _sorted(inputs: tuple[Op, ...], *, numbers_first: bool) -> tuple[Op, ...]:
    """Operands whose order does not matter, in one order."""
    a, b = inputs
    number_a, number_b = a.number is not None, b.number is not None
    if number_a != number_b:
        return (a, b) if number_a == numbers_first else (b, a)
    return (b, a) if b.born < a.born else (a, b)


def _axes(axis: Any, rank: int) -> Any:
    """One way to write the axes of a reduction."""
    if axis is None:
        return None
    axes = tuple(sorted(int(at) % rank for at in np.atleast_1d(axis)))
    return None if len(axes) == rank else axes[0] if len(axes) == 1 else axes


def _bare(op: Op) -> Op:
    """A value without the axes it was only stretched along: pointwise work broadcasts by itself."""
    while op.name == "broadcast_to" or (op.name == "reshape" and op.size == 1 and not op.inputs[0].shape):
        op = op.inputs[0]
    return op


def _is_masked(primitive: Primitive, inputs: Sequence[Op], covered: Any) -> bool:
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


def _covered(name: str, inputs: Sequence[Op], params: Mapping[str, Any], like: Any) -> Any:
    """Where a scattered array, or a sum of such arrays, is not 0 by its making; None where not known."""
    if name == "scatter" and like.size <= _LARGEST_PATTERN:
        pattern = np.zeros(like.shape, bool)
        pattern[params["key"]] = True
        return pattern
    if name == "add" and all(op.covered is not None for op in inputs):
        return inputs[0].covered | inputs[1].covered
    return None


def _risk(primitive: Primitive, inputs: Sequence[Op]) -> int:
    name = primitive.name
    if primitive.pull is None and name not in _ROUNDING:
        return 0
    risk = max((op.risk for op in inputs), default=0)
    if name in _BOUNDED:
        return min(risk, 1)
    if name in _CALM or (name == "exp" and _is_below_its_maximum(inputs[0])):
        return risk
    if name == "divide" and (inputs[1].number or _is_sum_of_shares(inputs[1])):
        return risk
    return risk if name == "log" and _is_sum_of_shares(inputs[0]) else 2


def _is_below_its_maximum(op: Op) -> bool:
    """X - max(x), whose exponential cannot overflow."""
    return op.name == "subtract" and op.inputs[1].name == "max" and op.inputs[1].inputs[0] is op.inputs[0]


def _is_sum_of_shares(op: Op) -> bool:
    """The sum of exp(x - max(x)), which is at least 1."""
    while op.name == "reshape":
        op = op.inputs[0]
    return op.name == "sum" and op.inputs[0].name == "exp" and _is_below_its_maximum(op.inputs[0].inputs[0])


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
    build.checked |= partial.risk == 2 and flow.constant is None
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
        if x.name == "divide" and x.inputs[1] is y and _is_sum_of_shares(y):
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
    if not b.shape and a.size > 1 and _is_sum_of_shares(b):  # at least 1, so that its reciprocal is a number
        return build.pointwise(multiply, a, build.pointwise(divide, 1.0, b))
    if b.name == "negative":
        return build.pointwise(negative, build.pointwise(divide, a, b.inputs[0]))
    return build.constant(1.0) if a is b and _is_sum_of_shares(a) else None


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
    return build.apply(reshape, (op,), {"shape": shape}, _Like(shape, op.dtype))


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
        gone = range(len(a.shape)) if axis is None else np.atleast_1d(axis)
        shape = tuple(size for at, size in enumerate(a.shape) if at not in gone)
        reduced = build.apply(reduce_sum, (a,), {"axis": axis, "keepdims": False}, _Like(shape, like.dtype))
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
                and _is_constant_along(constant, a.shape, axis)
            ):
                assert a.primitive is not None
                build.checked |= constant.risk == 2
                fixed = _without_axes(build, constant, a.shape, axis)
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
    kept = _Like((*first.shape[:-2], 1, first.shape[-1]), first.dtype)
    summed = build.apply(reduce_sum, (first,), {"axis": axis, "keepdims": True}, kept)
    row = build.apply(a.primitive, (summed, second), {}, _Like((*a.shape[:-2], 1, a.shape[-1]), a.dtype))
    return _reshape(build, row, like.shape)


def _has_shares(op: Op, depth: int = 4) -> bool:
    """Whether a product has a factor that is divided by a sum of shares."""
    if op.name == "divide" and _is_sum_of_shares(op.inputs[1]):
        return True
    products = ("multiply", "negative", "divide", "reshape")
    return depth > 0 and op.name in products and any(_has_shares(x, depth - 1) for x in op.inputs)


def _is_constant_along(op: Op, shape: tuple[int, ...], axis: Any) -> bool:
    """Whether a value that is broadcast to a shape is the same all along the axes."""
    lead = len(shape) - len(op.shape)
    axes = range(len(shape)) if axis is None else [int(at) % len(shape) for at in np.atleast_1d(axis)]
    return all(at < lead or op.shape[at - lead] == 1 for at in axes)


def _without_axes(build: Builder, op: Op, shape: tuple[int, ...], axis: Any) -> Op:
    """A value that is constant along reduced axes, in a shape that broadcasts to what they leave."""
    lead = len(shape) - len(op.shape)
    gone = range(len(shape)) if axis is None else np.atleast_1d(axis)
    kept = tuple(size for at, size in enumerate(op.shape, lead) if at not in gone)
    return op if kept == op.shape else _reshape(build, op, kept)
