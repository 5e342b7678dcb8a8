"""Making the operations of a program: constants folded, equal operations met once, identities applied."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np

from gradcheck.engine.core import Node, Primitive, apply, broadcast_to
from gradcheck.engine.plan.hazards import covered_by, is_masked, risk_of
from gradcheck.engine.plan.program import Op, describe, frozen
from gradcheck.engine.rules.rows import axes_of
from gradcheck.half import HALF

_EXACT = 1 << 53  # integers below this are floats
_SMALL = 4096  # constants up to this many entries are folded

_REDUCTIONS = frozenset({"sum", "max", "min", "mean", "prod"})

Rule = Callable[..., Op | None]
_cast: Primitive = Primitive(name="cast", forward=lambda x, dtype: dtype.type(x))


@cache
def _rounding(primitive: Primitive) -> Primitive:
    """A primitive that answers in half precision."""
    exact = primitive.evaluate is primitive.forward
    return primitive if exact else replace(primitive, forward=primitive.evaluate)


class Builder:
    """Makes operations; equal ones are one.

    ``identities`` has, for the name of a primitive, rules that may know an equal value for less. ``checked``
    tells whether results must be looked at for NaN.
    """

    def __init__(self, identities: Mapping[str, Sequence[Rule]]) -> None:
        self._identities = identities
        self._known: dict[Any, Op] = {}
        self.checked = False

    def constant(self, value: Any) -> Op:
        """A value known beforehand."""
        if isinstance(value, np.ndarray) and value.size > 1:
            first = value.flat[0]
            signs = np.signbit(value) if value.dtype.kind == "f" else None
            if signs is not None and np.all(value == first) and np.all(signs == signs.flat[0]):
                return self.broadcast(self.constant(first), Like(value.shape, value.dtype))
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
            op = self.apply(primitive, operands, params, Like(*describe(output)))
            if op.primitive is primitive and op.inputs and op.inputs[0] is operands[0]:
                op.aliases |= np.may_share_memory(output, inputs[0])
            values.append(op)
        return values

    def apply(self, primitive: Primitive, inputs: Sequence[Op], params: Mapping[str, Any], like: Any) -> Op:
        """The value of a primitive, simplified; ``like`` has the shape and dtype it must have."""
        inputs = tuple(inputs)
        if primitive.name in _REDUCTIONS:
            axis, kept = params.get("axis"), bool(params.get("keepdims"))
            params = {**params, "axis": _one_way(axis, inputs[0]), "keepdims": kept}
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
            plain = tuple(map(bare, inputs))
            weak = tuple(self._weak(op, plain, like) for op in plain)
            if any(new is not old for new, old in zip(weak, inputs, strict=True)):
                shape = np.broadcast_shapes(*(op.shape for op in weak))
                dtype = None if all(op.dtype is None for op in weak) else like.dtype
                made = self.apply(primitive, weak, params, Like(shape, dtype))
                return self.broadcast(made, like)
        for rule in self._identities.get(primitive.name, ()):
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
        return self._make(_cast, (op,), {"dtype": dtype}, Like(shape, dtype))

    def pointwise(self, primitive: Primitive, *inputs: Op | float) -> Op:
        """A pointwise primitive, its shape and dtype inferred."""
        ops = [op if isinstance(op, Op) else self.constant(op) for op in inputs]
        shape = np.broadcast_shapes(*(op.shape for op in ops))
        if all(op.dtype is None for op in ops):
            return self.apply(primitive, ops, {}, Like(shape, None))
        dtype = np.result_type(*(1.0 if op.dtype is None else op.dtype for op in ops))
        if primitive.pull is None:
            dtype = np.dtype(bool)  # a comparison
        return self.apply(primitive, ops, {}, Like(shape, dtype))

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
        primitive = _rounding(primitive) if like.dtype == HALF else primitive
        key = (id(primitive), tuple(map(id, inputs)), frozen(params))
        if key not in self._known:
            covered = covered_by(primitive.name, inputs, params, like)
            self._known[key] = Op(
                primitive,
                inputs,
                dict(params),
                like.shape,
                like.dtype,
                risk=risk_of(primitive, inputs),
                masked=is_masked(primitive, inputs, covered),
                covered=None if covered is not None and covered.all() else covered,
                born=len(self._known),
            )
        return self._known[key]


class Like:
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


def _one_way(axis: Any, op: Op) -> Any:
    """One way to write the axes of a reduction."""
    axes = axes_of(op, None if axis is None else tuple(map(int, np.atleast_1d(axis))))
    if axis is None or len(axes) == len(op.shape):
        return None
    return axes[0] if len(axes) == 1 else axes


def bare(op: Op) -> Op:
    """A value without the axes it was only stretched along: pointwise work broadcasts by itself."""
    while op.name == "broadcast_to" or (op.name == "reshape" and op.size == 1 and not op.inputs[0].shape):
        op = op.inputs[0]
    return op
