"""The engine in one page: primitives are recorded on a tape, and the tape is walked in either direction.

A *traced* value wraps a primal and its place on a tape. Applying a primitive to traced values computes
the primal and records a node, so nodes are born in topological order and no sort is ever needed. Walking
forwards pushes tangents, walking backwards pulls cotangents.

Derivatives nest by nesting primals: the primal of a traced value may itself be traced by an enclosing
derivative. A primitive belongs to the youngest tape among its arguments; its rule then works on primals,
which records the derivative's own arithmetic on the enclosing tape and nowhere else. There is no global
trace stack, so an exception leaves nothing behind and threads do not meet.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import numpy as np

_births = count()
_NUMBERS = frozenset({bool, int, float, np.bool})  # np.bool is what comparing two numbers gives


class Traced:
    """A value under differentiation: its primal, and the node of a tape that produced it."""

    __slots__ = ("index", "primal", "tape")

    def __init__(self, primal: Any, tape: Tape, index: int) -> None:
        self.primal = primal
        self.tape = tape
        self.index = index

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the array."""
        return shape_of(self.primal)


@dataclass(frozen=True, slots=True)
class Node:
    """One application of a primitive, or an input of the tape (``primitive`` is None).

    ``parents`` pairs each traced argument's position with the index of the node it came from.
    """

    primitive: Primitive | None
    inputs: tuple[Any, ...]
    params: Mapping[str, Any]
    parents: tuple[tuple[int, int], ...]
    output: Any


@dataclass(slots=True)
class Tape:
    """Nodes in order of birth. ``box`` is the class of traced values it hands out."""

    box: type[Traced]
    nodes: list[Node] = field(default_factory=list)
    birth: int = field(default_factory=lambda: next(_births))

    def input(self, primal: Any) -> Any:
        """Begin to trace a value."""
        return self.record(None, (), {}, (), primal)

    def record(
        self,
        primitive: Primitive | None,
        inputs: tuple[Any, ...],
        params: Mapping[str, Any],
        parents: tuple[tuple[int, int], ...],
        output: Any,
    ) -> Any:
        """Append a node and return its output, traced."""
        self.nodes.append(Node(primitive, inputs, params, parents, output))
        return self.box(output, self, len(self.nodes) - 1)

    def push(self, tangents: Mapping[int, Any]) -> dict[int, Any]:
        """Carry tangents of some nodes forward to every node that depends on them."""
        flow = dict(tangents)
        for index, node in enumerate(self.nodes):
            if node.primitive is None:
                continue
            parts = [
                node.primitive.push(position, flow[parent], node.output, *node.inputs, **node.params)
                for position, parent in node.parents
                if parent in flow
            ]
            if parts:
                flow[index] = _broadcast(_total(parts), shape_of(node.output))
        return flow

    def pull(
        self,
        cotangents: Mapping[int, Any],
        *,
        keep: Iterable[int] | None = None,
        unbroadcast: Callable[[Any, tuple[int, ...]], Any] | None = None,
    ) -> dict[int, Any]:
        """Carry cotangents of some nodes back to every node they depend on.

        Contributions of several uses add up; broadcasting is undone here, once for all primitives.

        Parameters
        ----------
        cotangents
            Node index to cotangent.
        keep
            The nodes whose cotangents are returned; all when not given. The others are freed on the way.
        unbroadcast
            ``(cotangent, shape)`` to the cotangent of an operand of that shape; a saboteur replaces it.
        """
        undo = unbroadcast or sum_to
        kept = None if keep is None else frozenset(keep)
        flow = dict(cotangents)
        for index in range(max(flow, default=-1), -1, -1):
            node = self.nodes[index]
            if index not in flow or node.primitive is None:
                continue
            cotangent = flow[index] if kept is None or index in kept else flow.pop(index)
            for position, parent in node.parents:
                part = node.primitive.pull(position, cotangent, node.output, *node.inputs, **node.params)
                part = undo(part, shape_of(node.inputs[position]))
                flow[parent] = _total([flow[parent], part]) if parent in flow else part
        return flow


@dataclass(frozen=True, kw_only=True)
class Primitive:
    """An operation the engine can differentiate: forward, push and pull in one entry.

    Attributes
    ----------
    name
        Its name in the array-API standard where it has one.
    forward
        The operation on NumPy arrays.
    push
        ``(position, tangent, output, *inputs, **params)``: what the tangent of the argument at that
        position adds to the output's tangent.
    pull
        ``(position, cotangent, output, *inputs, **params)``: the cotangent of that argument; it may
        still carry broadcast axes.
    points
        Arguments at which the rule is tested, the delicate ones above all.
    symbol
        How it is written in a listing, for example ``{} * {}``.
    params
        Names of the parameters that may be given by position after the arrays.
    sequence
        Whether the arrays come as one list (``stack([a, b])``).
    """

    name: str
    forward: Callable[..., Any]
    push: Callable[..., Any]
    pull: Callable[..., Any]
    points: tuple[tuple[Any, ...], ...] = ()
    symbol: str = ""
    arity: int = 1
    params: tuple[str, ...] = ()
    sequence: bool = False

    def __call__(self, *args: Any, **params: Any) -> Any:
        """Apply to arrays, traced or not."""
        if self.sequence:
            args = (*args[0], *args[1:])
        else:
            params |= dict(zip(self.params, args[self.arity :], strict=False))
            args = args[: self.arity]
        return apply(self, *args, **params)

    def __repr__(self) -> str:
        return f"Primitive({self.name})"


def apply(primitive: Primitive, *args: Any, **params: Any) -> Any:
    """Apply a primitive; record it on the youngest tape among its arguments, if there is one."""
    tapes = [arg.tape for arg in args if isinstance(arg, Traced)]
    if not tapes:
        value = primitive.forward(*args, **params)
        # A Python number stays one: a NumPy scalar in its place would widen float32 arrays it meets.
        weak = args and np.ndim(value) == 0 and all(type(arg) in _NUMBERS for arg in args)
        return value.item() if weak else value
    tape = max(tapes, key=lambda candidate: candidate.birth)
    inputs, parents = [], []
    for position, arg in enumerate(args):
        if isinstance(arg, Traced) and arg.tape is tape:
            inputs.append(arg.primal)
            parents.append((position, arg.index))
        else:
            inputs.append(arg)
    output = apply(primitive, *inputs, **params)
    return tape.record(primitive, tuple(inputs), params, tuple(parents), output)


def elementwise(
    name: str,
    forward: Callable[..., Any],
    *partials: Callable[..., Any],
    points: tuple[tuple[Any, ...], ...] = (),
    symbol: str = "",
) -> Primitive:
    """A broadcasting operation from its partial derivatives ``partial(output, *inputs)``, one an argument."""

    def carry(position: int, flow: Any, output: Any, *inputs: Any) -> Any:
        return _carried(flow, partials[position](output, *inputs))

    return Primitive(
        name=name, forward=forward, push=carry, pull=carry, points=points, symbol=symbol, arity=len(partials)
    )


def linear(
    name: str,
    forward: Callable[..., Any],
    transpose: Callable[..., Any],
    *,
    points: tuple[tuple[Any, ...], ...] = (),
    symbol: str = "",
    params: tuple[str, ...] = (),
) -> Primitive:
    """An operation linear in its one array; ``transpose(cotangent, x, **params)`` is its transpose."""

    def push(position: int, tangent: Any, output: Any, x: Any, **given: Any) -> Any:
        return entry(tangent, **given)

    def pull(position: int, cotangent: Any, output: Any, x: Any, **given: Any) -> Any:
        return transpose(cotangent, x, **given)

    entry = Primitive(
        name=name, forward=forward, push=push, pull=pull, points=points, symbol=symbol, params=params
    )
    return entry


def bilinear(
    name: str,
    forward: Callable[..., Any],
    left: Callable[..., Any],
    right: Callable[..., Any],
    *,
    points: tuple[tuple[Any, ...], ...] = (),
    symbol: str = "",
) -> Primitive:
    """An operation linear in each of two arrays; ``left(g, a, b)``, ``right(g, a, b)`` are its transposes."""

    def push(position: int, tangent: Any, output: Any, a: Any, b: Any) -> Any:
        return entry(tangent, b) if position == 0 else entry(a, tangent)

    def pull(position: int, cotangent: Any, output: Any, a: Any, b: Any) -> Any:
        return (left, right)[position](cotangent, a, b)

    entry = Primitive(name=name, forward=forward, push=push, pull=pull, points=points, symbol=symbol, arity=2)
    return entry


# The walks themselves need sums, products and reshapes; their rules are the first entries of the table.

add: Primitive = elementwise(
    "add", np.add, lambda y, a, b: 1.0, lambda y, a, b: 1.0, points=((2.0, -3.0),), symbol="{} + {}"
)

multiply: Primitive = elementwise(
    "multiply",
    np.multiply,
    lambda y, a, b: b,
    lambda y, a, b: a,
    points=((2.0, -3.0), (0.0, 5.0)),
    symbol="{} * {}",
)


def _carried(flow: Any, partial: Any) -> Any:
    """Flow times partial; 0, as of a branch not taken, stays 0 where the partial is infinite or NaN."""
    product = multiply(flow, partial)
    finite = np.isfinite(primal_of(product))
    if finite.all():
        return product
    stopped = np.equal(primal_of(flow), 0) & ~finite
    return where(stopped, 0.0, product) if np.any(stopped) else product


def _select(position: int, flow: Any, output: Any, condition: Any, a: Any, b: Any) -> Any:
    return where(condition, flow, 0.0) if position == 1 else where(condition, 0.0, flow)


where: Primitive = Primitive(
    name="where",
    forward=lambda condition, a, b: np.asarray(np.where(condition, a, b))[()],
    push=_select,
    pull=_select,
    points=((True, 2.0, -3.0), (False, 2.0, -3.0)),
    arity=3,
)

reshape: Primitive = linear(
    "reshape",
    lambda x, *, shape: np.reshape(x, shape),
    lambda g, x, *, shape: reshape(g, shape=shape_of(x)),
    params=("shape",),
)

broadcast_to: Primitive = linear(
    "broadcast_to",
    lambda x, *, shape: np.broadcast_to(x, shape),
    lambda g, x, *, shape: sum_to(g, shape_of(x)),
    params=("shape",),
)


def _restore_axes(g: Any, x: Any, axis: Any, keepdims: bool) -> Any:
    """Give a reduction's cotangent the shape of what was reduced."""
    shape = shape_of(x)
    reduced = range(len(shape)) if axis is None else np.atleast_1d(axis) % max(len(shape), 1)
    kept = tuple(1 if at in reduced else size for at, size in enumerate(shape))
    return broadcast_to(reshape(g, shape=kept), shape=shape)


reduce_sum: Primitive = linear(
    "sum",
    lambda x, *, axis=None, keepdims=False: np.sum(x, axis=axis, keepdims=keepdims),
    lambda g, x, *, axis=None, keepdims=False: _restore_axes(g, x, axis, keepdims),
    params=("axis",),
)


def sum_to(x: Any, shape: tuple[int, ...]) -> Any:
    """Sum over the axes along which an array of ``shape`` was broadcast to the shape of ``x``."""
    have = shape_of(x)
    if have == shape:
        return x
    if len(have) < len(shape):
        return broadcast_to(x, shape=shape)
    lead = len(have) - len(shape)
    axes = (*range(lead), *(lead + at for at, size in enumerate(shape) if size == 1 != have[lead + at]))
    summed = reduce_sum(x, axis=axes, keepdims=True) if axes else x
    return _broadcast(reshape(summed, shape=shape_of(summed)[lead:]), shape)


def shape_of(x: Any) -> tuple[int, ...]:
    """Shape of an array, a traced array or a Python scalar."""
    return getattr(x, "shape", ())


def primal_of(x: Any) -> Any:
    """The plain NumPy value under all enclosing derivatives."""
    while isinstance(x, Traced):
        x = x.primal
    return x


def _broadcast(x: Any, shape: tuple[int, ...]) -> Any:
    return x if shape_of(x) == shape else broadcast_to(x, shape=shape)


def _total(parts: list[Any]) -> Any:
    total = parts[0]
    for part in parts[1:]:
        total = add(total, part)
    return total
