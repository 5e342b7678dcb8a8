"""The engine in one page: primitives are recorded on a tape, and the tape is walked in either direction.

A *traced* value wraps a primal and its place on a tape. Applying a primitive to traced values computes
the primal and records a node, so nodes are born in topological order and no sort is ever needed. Walking
forwards pushes tangents, walking backwards pulls cotangents.

Derivatives nest by nesting primals: the primal of a traced value may itself be traced by an enclosing
tape. A primitive belongs to the youngest tape among its arguments; its rule then works on primals, which
records the derivative's own arithmetic on the enclosing tape and nowhere else. There is no global trace
stack, so an exception leaves nothing behind and threads do not meet.

A Python float stays a Python float all the way: scalar work then costs what ``math`` costs.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import numpy as np

from gradcheck.half import in_single, lacks_half

_births = count()
_CHEAPER_AS_VIEW = 1 << 13  # entries up to which copying costs less than making a view
_NUMBERS = frozenset({bool, int, float, complex, np.bool})  # np.bool is what comparing two numbers gives


class Traced:
    """A value on a tape: its primal, and the index of the node that produced it."""

    __slots__ = ("index", "primal", "tape")

    def __init__(self, primal: Any, tape: Tape, index: int) -> None:
        self.primal = primal
        self.tape = tape
        self.index = index

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the array."""
        return shape_of(self.primal)


# One application of a primitive: (primitive, inputs, params, parents, output), the inputs and the output
# as primals. ``parents`` pairs the position of each traced input with the index of its node. An input of
# the tape has no primitive.
Node = tuple[Any, tuple[Any, ...], Mapping[str, Any], tuple[tuple[int, int], ...], Any]
NOTHING: dict[str, Any] = {}


class Tape:
    """Nodes in order of birth. ``box`` is the class of the traced values that it hands out.

    A tape that ``keeps_all`` records also what has no derivative, such as comparisons: it is a program.
    """

    __slots__ = ("birth", "box", "nodes")

    keeps_all = False

    def __init__(self, box: type[Traced], nodes: list[Node] | None = None) -> None:
        self.box = box
        self.nodes: list[Node] = [] if nodes is None else nodes
        self.birth = next(_births)

    def input(self, primal: Any) -> Any:
        """Begin to trace a value."""
        return self.record(None, (), NOTHING, (), primal)

    def record(
        self,
        primitive: Primitive | None,
        inputs: tuple[Any, ...],
        params: Mapping[str, Any],
        parents: tuple[tuple[int, int], ...],
        output: Any,
    ) -> Any:
        """Append a node and return its output, traced."""
        nodes = self.nodes
        nodes.append((primitive, inputs, params, parents, output))
        return self.box(output, self, len(nodes) - 1)

    def push(self, tangents: Mapping[int, Any]) -> dict[int, Any]:
        """Carry tangents of some nodes forward to every node that depends on them."""
        flow: list[Any] = [None] * len(self.nodes)
        for index, tangent in tangents.items():
            flow[index] = tangent
        for index, (primitive, inputs, params, parents, output) in enumerate(self.nodes):
            total = None
            for position, parent in parents:
                if flow[parent] is not None:
                    part = primitive.push(position, flow[parent], output, *inputs, **params)
                    total = part if total is None else _together(total, part)
            if total is not None:
                flow[index] = total if type(total) is float else _broadcast(total, shape_of(output))
        return {index: tangent for index, tangent in enumerate(flow) if tangent is not None}

    def pull(
        self,
        cotangents: Mapping[int, Any],
        *,
        keep: Iterable[int] | None = None,
        unbroadcast: Callable[[Any, tuple[int, ...]], Any] | None = None,
        consume: bool = False,
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
        consume
            Free each node once it is passed; the tape cannot be walked again.
        """
        nodes, undo = self.nodes, unbroadcast or sum_to
        kept = range(len(nodes)) if keep is None else frozenset(keep)
        flow: list[Any] = [None] * len(nodes)
        for index, cotangent in cotangents.items():
            flow[index] = cotangent
        for index in range(len(nodes) - 1, -1, -1):
            primitive, inputs, params, parents, output = nodes.pop() if consume else nodes[index]
            cotangent = flow[index]
            if cotangent is None or primitive is None:
                continue
            if index not in kept:
                flow[index] = None
            for position, parent in parents:
                part = primitive.pull(position, cotangent, output, *inputs, **params)
                if type(part) is not float:
                    part = undo(part, shape_of(inputs[position]))
                    if is_complex(part) and not is_complex(inputs[position]):
                        part = real(part)
                before = flow[parent]
                flow[parent] = part if before is None else _together(before, part)
        return {index: flow[index] for index in kept if flow[index] is not None}


@dataclass(frozen=True, kw_only=True, eq=False)
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
        still carry broadcast axes. None for an operation without derivative, such as a comparison.
    scalar
        The operation on Python floats, as an expression in ``a, b, c`` and the names of ``math``.
    points
        Arguments at which the rule is tested, the delicate ones above all.
    symbol
        How it is written in a listing, for example ``{} * {}``.
    params
        Names of the parameters that may be given by position after the arrays.
    sequence
        Whether the arrays come as one list (``stack([a, b])``).
    pointwise
        Whether each entry of the output depends on the corresponding, broadcast, entries of the inputs only.
    """

    name: str
    forward: Callable[..., Any]
    push: Callable[..., Any] | None = None
    pull: Callable[..., Any] | None = None
    scalar: str = ""
    points: tuple[tuple[Any, ...], ...] = ()
    symbol: str = ""
    arity: int = 1
    params: tuple[str, ...] = ()
    sequence: bool = False
    pointwise: bool = False
    kernel: Callable[..., Any] | None = field(init=False, default=None)
    evaluate: Callable[..., Any] = field(init=False)

    def __post_init__(self) -> None:
        names = ", ".join("abc"[: self.arity])
        kernel = eval(f"lambda {names}: {self.scalar}", vars(math)) if self.scalar else None
        object.__setattr__(self, "kernel", kernel)
        evaluate = in_single(self.forward) if lacks_half(self.forward) else self.forward
        object.__setattr__(self, "evaluate", evaluate)
        if isinstance(self.forward, np.ufunc) and self.forward.signature is None:
            object.__setattr__(self, "pointwise", True)

    def __call__(self, *args: Any, **params: Any) -> Any:
        """Apply to arrays, traced or not."""
        if self.kernel is not None and len(args) == 1 and isinstance(args[0], Traced) and not params:
            (x,) = args  # a number records itself in one step
            if type(x.primal) is float and self.pull is not None:
                try:
                    y = self.kernel(x.primal)
                except (ArithmeticError, ValueError):
                    return apply(self, args)
                return x.tape.record(self, (x.primal,), NOTHING, ((0, x.index),), y)
        if self.sequence:
            args = (*args[0], *args[1:])
        elif len(args) > self.arity:
            params |= dict(zip(self.params, args[self.arity :], strict=False))
            args = args[: self.arity]
        return apply(self, args, params)

    def __repr__(self) -> str:
        return f"Primitive({self.name})"


def apply(primitive: Primitive, args: tuple[Any, ...], params: Mapping[str, Any] = NOTHING) -> Any:
    """Apply a primitive; record it on the youngest tape among its arguments, if there is one."""
    tape = None
    for arg in args:
        if isinstance(arg, Traced) and arg.tape is not tape and (tape is None or arg.tape.birth > tape.birth):
            tape = arg.tape
    if tape is None:
        return _evaluate(primitive, args, params)
    inputs, parents = list(args), []
    for position, arg in enumerate(args):
        if isinstance(arg, Traced) and arg.tape is tape:
            inputs[position] = arg.primal
            parents.append((position, arg.index))
    output = apply(primitive, tuple(inputs), params)
    if primitive.pull is None and not tape.keeps_all:
        return output
    return tape.record(primitive, tuple(inputs), params, tuple(parents), output)


def _evaluate(primitive: Primitive, args: Any, params: Mapping[str, Any]) -> Any:
    for arg in args:
        if type(arg) not in _NUMBERS:
            return primitive.evaluate(*args, **params)
    if primitive.kernel is not None:
        try:
            return primitive.kernel(*args, **params)
        except (ArithmeticError, ValueError, TypeError):
            pass  # NumPy says inf or NaN where Python raises, and math has no complex numbers
    value = primitive.evaluate(*args, **params)
    # A Python number stays one: a NumPy scalar in its place would widen float32 arrays it meets.
    number = args and np.ndim(value) == 0 and isinstance(value, (np.generic, np.ndarray))
    return value.item() if number else value


def elementwise(
    name: str,
    forward: Callable[..., Any],
    *partials: Callable[..., Any],
    **given: Any,
) -> Primitive:
    """A broadcasting operation from its partial derivatives ``partial(output, *inputs)``, one an argument."""

    def push(position: int, tangent: Any, output: Any, *inputs: Any) -> Any:
        partial = partials[position](output, *inputs)
        if type(partial) is float is type(tangent):  # what carry does, without the call
            product = tangent * partial
            return product if product == product else _of_zero_and_infinity(tangent, partial)
        return carry(tangent, partial)

    def pull(position: int, cotangent: Any, output: Any, *inputs: Any) -> Any:
        partial = partials[position](output, *inputs)
        if type(partial) is float is type(cotangent):
            product = cotangent * partial
            return product if product == product else _of_zero_and_infinity(cotangent, partial)
        return carry(cotangent, _adjoint(partial))

    arity = len(partials)
    return Primitive(name=name, forward=forward, push=push, pull=pull, arity=arity, pointwise=True, **given)


def linear(
    name: str,
    forward: Callable[..., Any],
    transpose: Callable[..., Any],
    **options: Any,
) -> Primitive:
    """An operation linear in its one array; ``transpose(cotangent, x, **params)`` is its adjoint."""

    def push(position: int, tangent: Any, output: Any, x: Any, **given: Any) -> Any:
        return entry(tangent, **given)

    def pull(position: int, cotangent: Any, output: Any, x: Any, **given: Any) -> Any:
        return transpose(cotangent, x, **given)

    entry = Primitive(name=name, forward=forward, push=push, pull=pull, **options)
    return entry


def bilinear(
    name: str,
    forward: Callable[..., Any],
    left: Callable[..., Any],
    right: Callable[..., Any],
    **given: Any,
) -> Primitive:
    """An operation linear in each of two arrays; ``left(g, a, b)``, ``right(g, a, b)`` are its adjoints."""

    def push(position: int, tangent: Any, output: Any, a: Any, b: Any) -> Any:
        return entry(tangent, b) if position == 0 else entry(a, tangent)

    def pull(position: int, cotangent: Any, output: Any, a: Any, b: Any) -> Any:
        return (left, right)[position](cotangent, a, b)

    entry = Primitive(name=name, forward=forward, push=push, pull=pull, arity=2, **given)
    return entry


def piecewise_constant(name: str, forward: Callable[..., Any], **given: Any) -> Primitive:
    """An operation whose derivative is 0 wherever it has one: comparisons, rounding, positions."""
    return Primitive(name=name, forward=forward, **given)


# The walks themselves need sums, products and reshapes; their rules are the first entries of the table.

add: Primitive = elementwise(
    "add",
    np.add,
    lambda y, a, b: 1.0,
    lambda y, a, b: 1.0,
    scalar="a + b",
    points=((2.0, -3.0),),
    symbol="{} + {}",
)

negative: Primitive = linear(
    "negative", np.negative, lambda g, x: negative(g), scalar="-a", points=((2.0,),), symbol="-{}"
)

multiply: Primitive = elementwise(
    "multiply",
    np.multiply,
    lambda y, a, b: b,
    lambda y, a, b: a,
    scalar="a * b",
    points=((2.0, -3.0), (0.0, 5.0)),
    symbol="{} * {}",
)

conj: Primitive = linear("conj", np.conjugate, lambda g, x: conj(g), points=((2.0,),))

# Linear over the real numbers: its adjoint embeds them. What flows back to a real operand goes through it.
real: Primitive = linear("real", np.real, lambda g, x: g, points=((2.0,),))


# What has passed through arrays as the number that its input was.
as_number: Primitive = linear("number", lambda x: float(np.asarray(x).item()), lambda g, x: g)


def carry(flow: Any, partial: Any) -> Any:
    """Flow times partial, where 0 times infinity is 0.

    A flow of 0, as of a branch not taken, stays 0 though the partial be infinite or NaN; and an infinite flow
    stops at a partial of 0, as of a bound that holds: what does not move a number moves nothing behind it.
    """
    if type(partial) is float:
        if partial == 1.0:
            return flow
        if partial == -1.0:
            return negative(flow)
        if type(flow) is float:
            product = flow * partial
            return product if product == product else _of_zero_and_infinity(flow, partial)
    elif not isinstance(flow, Traced) and not isinstance(partial, Traced):
        return _strong_product(flow, partial)
    return carried(flow, partial)


def _of_zero_and_infinity(flow: float, partial: float) -> float:
    """A product of floats that came out as NaN: 0 where a factor is 0, unless the flow is NaN."""
    return 0.0 if not flow or (not partial and flow == flow) else math.nan


def _strong_product(flow: Any, partial: Any) -> Any:
    product = np.multiply(flow, partial)
    if is_finite(product):
        return product
    return np.where(_stopped(flow, partial), product.dtype.type(0), product)[()]


def is_finite(x: Any) -> bool:
    """Whether all entries are finite; most often one fast pass, a sum of squares, says so."""
    if x.dtype.char in "fd":
        flat = x.reshape(-1)
        # In pieces that no BLAS shares among threads.
        pieces = (flat[at : at + 8192] for at in range(0, flat.size, 8192)) if flat.size > 8192 else (flat,)
        if all(math.isfinite(np.vdot(piece, piece)) for piece in pieces):
            return True
    return bool(np.isfinite(x).all())


def _stopped(flow: Any, partial: Any) -> Any:
    return (np.equal(flow, 0) & ~np.isfinite(partial)) | (np.isinf(flow) & np.equal(partial, 0))


stopped: Primitive = piecewise_constant("stopped", _stopped, arity=2, pointwise=True)

carried: Primitive = bilinear(
    "carried",
    _strong_product,
    lambda g, flow, partial: carried(where(stopped(flow, partial), 0.0, g), _adjoint(partial)),
    lambda g, flow, partial: carried(g, _adjoint(flow)),
    scalar="a * b if a and (b or a != a) else 0.0",
    symbol="{} * {}",
    pointwise=True,
)


def _adjoint(partial: Any) -> Any:
    return conj(partial) if type(partial) is not float and is_complex(partial) else partial


def _select(position: int, flow: Any, output: Any, condition: Any, a: Any, b: Any) -> Any:
    return where(condition, flow, 0.0) if position == 1 else where(condition, 0.0, flow)


where: Primitive = Primitive(
    name="where",
    forward=lambda condition, a, b: np.asarray(np.where(condition, a, b))[()],
    push=_select,
    pull=_select,
    scalar="b if a else c",
    points=((True, 2.0, -3.0), (False, 2.0, -3.0)),
    arity=3,
    pointwise=True,
)

reshape: Primitive = linear(
    "reshape",
    lambda x, *, shape: np.reshape(x, shape),
    lambda g, x, *, shape: reshape(g, shape=shape_of(x)),
    params=("shape",),
)


def _stretch(x: Any, *, shape: tuple[int, ...]) -> Any:
    if math.prod(shape) > _CHEAPER_AS_VIEW:
        return np.broadcast_to(x, shape)
    out = np.empty(shape, np.result_type(x))
    out[...] = x
    return out


broadcast_to: Primitive = linear(
    "broadcast_to",
    _stretch,
    lambda g, x, *, shape: sum_to(g, shape_of(x)),
    params=("shape",),
)


def restore_axes(g: Any, x: Any, axis: Any, keepdims: bool) -> Any:
    """Give a reduction's cotangent the shape of what was reduced."""
    shape = shape_of(x)
    if axis is None:
        return broadcast_to(reshape(g, shape=()) if keepdims else g, shape=shape)
    reduced = np.atleast_1d(axis) % max(len(shape), 1)
    kept = tuple(1 if at in reduced else size for at, size in enumerate(shape))
    return broadcast_to(reshape(g, shape=kept), shape=shape)


reduce_sum: Primitive = linear(
    "sum",
    lambda x, *, axis=None, keepdims=False: np.sum(x, axis=axis, keepdims=keepdims),
    lambda g, x, *, axis=None, keepdims=False: restore_axes(g, x, axis, keepdims),
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
    """The plain NumPy value under all enclosing tapes."""
    while isinstance(x, Traced):
        x = x.primal
    return x


def is_complex(x: Any) -> bool:
    """Whether a value, traced or not, is complex."""
    x = primal_of(x)
    if type(x) is np.ndarray or type(x) is np.float64:
        kind: str = x.dtype.kind
        return kind == "c"
    return np.iscomplexobj(x)


def _together(a: Any, b: Any) -> Any:
    return a + b if type(a) is float is type(b) else add(a, b)


def _broadcast(x: Any, shape: tuple[int, ...]) -> Any:
    return x if shape_of(x) == shape else broadcast_to(x, shape=shape)
