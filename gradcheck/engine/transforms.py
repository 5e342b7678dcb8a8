"""Derivatives of functions: the operators people call.

Every transform takes a function of arrays that returns one array. ``wrt`` is the position, or the
positions, of the arguments to differentiate by; with one position the answer is one array, with several
a tuple. All of them nest to any order.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod
from typing import Any

import numpy as np

from gradcheck.engine.array import Array
from gradcheck.engine.core import Tape, Traced, primal_of, reshape, shape_of
from gradcheck.engine.rules.manipulation import concat, getitem, stack
from gradcheck.errors import BadArgument

Function = Callable[..., Any]
Wrt = int | tuple[int, ...]


def vjp(f: Function, *xs: Any, unbroadcast: Callable[..., Any] | None = None) -> tuple[Any, Function]:
    """Value and pullback: ``y, pullback = vjp(f, *xs)``.

    Parameters
    ----------
    f
        Function of ``len(xs)`` arrays.
    *xs
        Floating-point arrays, all differentiated by.
    unbroadcast
        See :meth:`Tape.pull`.

    Returns
    -------
    y, pullback
        The value, and a function from a cotangent of the shape of ``y`` to a tuple of cotangents, one per
        input, of its shape and dtype. It may be called any number of times.

    Raises
    ------
    BadArgument
        When an input is not floating-point, or a cotangent has another shape than ``y``.
    """
    tape, inputs, output = _trace(f, xs)

    def pullback(cotangent: Any) -> tuple[Any, ...]:
        given = _as_flow(cotangent, output)
        if shape_of(given) != shape_of(output):
            raise BadArgument("cotangent", f"the output's shape {shape_of(output)}", shape_of(given))
        flow = {}
        if _is_on(output, tape):
            keep = [x.index for x in inputs]
            flow = tape.pull({output.index: given}, keep=keep, unbroadcast=unbroadcast)
        return tuple(_own(flow[x.index]) if x.index in flow else _zeros(x) for x in inputs)

    return _primal(output, tape), pullback


def jvp(f: Function, xs: Sequence[Any], tangents: Sequence[Any]) -> tuple[Any, Any]:
    """Value and directional derivative ``J v``.

    Raises
    ------
    BadArgument
        When an input is not floating-point, or a tangent has another shape than its input.
    """
    tape, inputs, output = _trace(f, xs)
    return _primal(output, tape), _push(tape, inputs, output, tangents)


def grad(f: Function, wrt: Wrt = 0) -> Function:
    """The gradient of a scalar function, as a function of the same arguments.

    Raises
    ------
    BadArgument
        When called, if the function's output is not a scalar.
    """
    both = value_and_grad(f, wrt)
    return lambda *args: both(*args)[1]


def value_and_grad(f: Function, wrt: Wrt = 0) -> Function:
    """Value and gradient of a scalar function in one pass."""

    def evaluate(*args: Any) -> tuple[Any, Any]:
        restricted, xs = _restrict(f, args, wrt)
        y, pullback = vjp(restricted, *xs)
        if shape_of(y) != ():
            raise BadArgument("grad", "a function with a scalar output (or use jacobian)", shape_of(y))
        return y, _one_or_all(pullback(np.ones((), np.result_type(primal_of(y)))), wrt)

    return evaluate


def jacobian(f: Function, wrt: Wrt = 0) -> Function:
    """The Jacobian, of shape output + input; forward or reverse, whichever takes fewer passes."""

    def evaluate(*args: Any) -> Any:
        restricted, xs = _restrict(f, args, wrt)
        tape, inputs, output = _trace(restricted, xs)
        n, k = sum(prod(shape_of(x)) for x in inputs), prod(shape_of(output))
        walk = _by_columns if n < k else _by_rows
        return _one_or_all(walk(tape, inputs, output), wrt)

    return evaluate


def hessian(f: Function, wrt: int = 0) -> Function:
    """The Hessian of a scalar function in one argument, of shape input + input: forward over reverse."""

    def evaluate(*args: Any) -> Any:
        restricted, xs = _restrict(f, args, wrt)
        tape, inputs, output = _trace(grad(restricted), xs)
        return _by_columns(tape, inputs, output)[0]

    return evaluate


def hvp(f: Function, xs: Sequence[Any], tangents: Sequence[Any]) -> tuple[Any, ...]:
    """Hessian of a scalar function times tangents, one array per input: forward over reverse, no Hessian."""
    everything = tuple(range(len(xs)))
    sizes = [prod(np.shape(primal_of(x))) for x in xs]

    def flat_gradient(*args: Any) -> Any:
        parts = grad(f, everything)(*args)
        return concat([reshape(part, shape=(size,)) for part, size in zip(parts, sizes, strict=True)])

    _, flat = jvp(flat_gradient, xs, tangents)
    return _split(flat, [shape_of(x) for x in map(_floating, xs)])


def _trace(f: Function, xs: Sequence[Any]) -> tuple[Tape, list[Array], Any]:
    tape = Tape(Array)
    inputs = [tape.input(_floating(x)) for x in xs]
    output = f(*inputs)
    if isinstance(output, Traced):
        return tape, inputs, output
    constant = None if isinstance(output, (list, tuple, dict)) else np.asarray(output)
    if constant is None or constant.dtype == object:
        raise BadArgument(
            "function", "one array as its output (xp.stack joins several)", type(output).__name__
        )
    return tape, inputs, constant


def _floating(x: Any) -> Any:
    if isinstance(x, Traced):
        return x
    array = np.asarray(x)
    if array.dtype.kind not in "fc":
        raise BadArgument("input", "a floating-point array (write 3.0 rather than 3)", array.dtype.name)
    return array


def _push(tape: Tape, inputs: Sequence[Array], output: Any, tangents: Sequence[Any]) -> Any:
    if len(tangents) != len(inputs):
        raise BadArgument("tangents", f"{len(inputs)}, one for every input", len(tangents))
    seeds = {}
    for x, tangent in zip(inputs, tangents, strict=True):
        given = _as_flow(tangent, x)
        if shape_of(given) != x.shape:
            raise BadArgument("tangent", f"the input's shape {x.shape}", shape_of(given))
        seeds[x.index] = given
    flow = tape.push(seeds) if _is_on(output, tape) else {}
    return flow[output.index] if _is_on(output, tape) and output.index in flow else _zeros(output)


def _as_flow(given: Any, of: Any) -> Any:
    """A tangent or cotangent in the dtype of what it belongs to."""
    return given if isinstance(given, Traced) else np.asarray(given, np.result_type(primal_of(of)))


def _by_rows(tape: Tape, inputs: Sequence[Array], output: Any) -> tuple[Any, ...]:
    """One pull per output entry."""
    out = shape_of(output)
    keep = [x.index for x in inputs]
    rows = []
    for basis in np.eye(prod(out), dtype=np.result_type(primal_of(output))):
        flow = tape.pull({output.index: basis.reshape(out)}, keep=keep) if _is_on(output, tape) else {}
        rows.append([flow.get(x.index, _zeros(x)) for x in inputs])
    return tuple(
        reshape(stack([row[at] for row in rows]), shape=(*out, *x.shape))
        if rows
        else np.zeros((*out, *x.shape), x.dtype)
        for at, x in enumerate(inputs)
    )


def _by_columns(tape: Tape, inputs: Sequence[Array], output: Any) -> tuple[Any, ...]:
    """One push per input entry."""
    blocks = []
    for at, x in enumerate(inputs):
        columns = []
        for basis in np.eye(prod(x.shape), dtype=x.dtype):
            tangents = [
                basis.reshape(x.shape) if i == at else _zeros(other) for i, other in enumerate(inputs)
            ]
            columns.append(_push(tape, inputs, output, tangents))
        shape = (*shape_of(output), *x.shape)
        blocks.append(reshape(stack(columns, axis=-1), shape=shape) if columns else np.zeros(shape, x.dtype))
    return tuple(blocks)


def _restrict(f: Function, args: tuple[Any, ...], wrt: Wrt) -> tuple[Function, list[Any]]:
    """The function of the selected arguments alone, and their values."""
    positions = (wrt,) if isinstance(wrt, int) else wrt
    for position in positions:
        if not 0 <= position < len(args):
            raise BadArgument("wrt", f"positions below {len(args)}, the number of arguments", position)

    def restricted(*values: Any) -> Any:
        merged = list(args)
        for position, value in zip(positions, values, strict=True):
            merged[position] = value
        return f(*merged)

    return restricted, [args[position] for position in positions]


def _one_or_all(parts: tuple[Any, ...], wrt: Wrt) -> Any:
    return parts[0] if isinstance(wrt, int) else parts


def _split(flat: Any, shapes: Sequence[tuple[int, ...]]) -> tuple[Any, ...]:
    parts, start = [], 0
    for shape in shapes:
        parts.append(reshape(getitem(flat, key=slice(start, start + prod(shape))), shape=shape))
        start += prod(shape)
    return tuple(parts)


def _is_on(x: Any, tape: Tape) -> bool:
    return isinstance(x, Traced) and x.tape is tape


def _primal(x: Any, tape: Tape) -> Any:
    return x.primal if isinstance(x, Traced) and x.tape is tape else x


def _own(x: Any) -> Any:
    """An array that shares memory with no other: the pull of a sum is a view, of an identity its own seed."""
    return x if isinstance(x, Traced) else np.array(x)


def _zeros(x: Any) -> Any:
    return np.zeros(shape_of(x), np.result_type(primal_of(x)))
