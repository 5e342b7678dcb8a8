"""Derivatives of functions: the operators people call.

Every transform takes a function of arrays. An argument, and an output but for ``grad``, may be nested:
dicts, lists, tuples, named tuples and dataclasses of arrays and numbers. What is differentiated by are
its floating-point leaves; other leaves (integers, masks, strings, ``None``) are constants, and ``None``
stands for them in the answer. ``wrt`` is the position, or the positions, of the arguments to differentiate
by; with one position the answer has that argument's structure, with several it is a tuple. Keyword
arguments are constants. An answer has the dtype of the input it belongs to and memory of its own; a Python
float in gives a Python float out. All transforms nest to any order.

Complex numbers. ``jvp`` is the directional derivative. A pullback is the adjoint of that real-linear map,
``Re <u, J v> = Re <J^H u, v>`` with ``<a, b> = sum(conj(a) b)``; of a holomorphic function it is the
conjugate transpose of the complex derivative. The gradient of a real function of a complex z is therefore
``2 df/d(conj z) = df/dx + i df/dy``, the direction of steepest ascent, as in PyTorch (JAX has its
conjugate). What belongs to a real input is real. A Jacobian's columns are derivatives along the real axis
of each entry: where the function is holomorphic that is the complex derivative, elsewhere it is half of what
there is to know, and ``jvp`` along ``1j`` is the other half.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from functools import update_wrapper
from math import prod
from typing import Any

import numpy as np

from gradcheck.engine.array import Array
from gradcheck.engine.core import Tape, Traced, add, as_number, is_complex, primal_of, real, reshape, shape_of
from gradcheck.engine.namespace import xp
from gradcheck.engine.rules.manipulation import concat, getitem, stack
from gradcheck.engine.structure import accumulated, compressed, dense, full, sparse_matrix
from gradcheck.engine.terms import Term
from gradcheck.engine.trees import describe, flatten, flatten_like, is_leaf
from gradcheck.errors import BadArgument

Function = Callable[..., Any]
Wrt = int | tuple[int, ...]
_NO_KEYWORDS: dict[str, Any] = {}


def vjp(f: Function, *xs: Any, unbroadcast: Callable[..., Any] | None = None) -> tuple[Any, Function]:
    """Value and pullback: ``y, pullback = vjp(f, *xs)``.

    Parameters
    ----------
    f
        Function of ``len(xs)`` arguments.
    *xs
        Floating-point arrays or containers of arrays, all differentiated by.
    unbroadcast
        See :meth:`Tape.pull`.

    Returns
    -------
    y, pullback
        The value, and a function from a cotangent of the structure and shapes of ``y`` to a tuple of
        cotangents, one per input, of its structure, shapes and dtypes. It may be called any number of times.

    Raises
    ------
    BadArgument
        When an input is not floating-point, or a cotangent has another shape than ``y``.
    """
    run = _Run(f, xs, tuple(range(len(xs))))

    def pullback(cotangent: Any) -> tuple[Any, ...]:
        flow = {}
        leaves = _same_containers("cotangent", "output", run.output, cotangent)
        given = run.seeds(run.outputs, leaves, "cotangent")
        if given:
            keep = [x.index for x in run.inputs]
            flow = run.tape.pull(given, keep=keep, unbroadcast=unbroadcast)
        return tuple(argument.answer(flow) for argument in run.arguments)

    return run.value(), pullback


def jvp(f: Function, xs: Sequence[Any], tangents: Sequence[Any]) -> tuple[Any, Any]:
    """Value and directional derivative ``J v``, both in the structure of the output.

    Whatever stands in ``tangents`` for a constant leaf is not looked at.

    Raises
    ------
    BadArgument
        When an input is not floating-point, or a tangent has another shape than its input.
    """
    run = _Run(f, xs, tuple(range(len(xs))))
    if len(tangents) != len(xs):
        raise BadArgument("tangents", f"{len(xs)}, one for every input", len(tangents))
    flat = [
        tangent
        for argument, x, tree in zip(run.arguments, xs, tangents, strict=True)
        for of, tangent in zip(argument.slots, _same_containers("tangent", "input", x, tree), strict=True)
        if of is not None
    ]
    flow = run.push(flat)
    parts = [_owned(flow, y.index if _is_on(y, run.tape) else -1, _primal(y, run.tape)) for y in run.outputs]
    return run.value(), run.rebuild(parts)


def grad(f: Function, wrt: Wrt = 0) -> Function:
    """The gradient of a scalar function, as a function of the same arguments.

    Raises
    ------
    BadArgument
        When called, if the function's output is not a real scalar.
    """
    both = value_and_grad(f, wrt)
    return _of(f, lambda *args, **constants: both(*args, **constants)[1])


def value_and_grad(f: Function, wrt: Wrt = 0) -> Function:
    """Value and gradient of a scalar function in one pass."""

    def evaluate(*args: Any, **constants: Any) -> tuple[Any, Any]:
        if isinstance(wrt, int) and 0 <= wrt < len(args) and is_leaf(args[wrt]):
            tape = Tape(Array)  # the short way for one array
            x = tape.input(_floating(args[wrt]))
            output = f(*args[:wrt], x, *args[wrt + 1 :], **constants)
            number = type(primal_of(x)) is float and _is_on(output, tape) and type(primal_of(output)) is float
            if number:  # by a number: forwards costs the same, and a plan of it stores nothing
                return output.primal, _owned(tape.push({x.index: 1.0}), output.index, x.primal)
            y, flow = _pulled(tape, output, (x.index,))
            return y, _owned(flow, x.index, x.primal)
        run = _Run(f, args, wrt, constants)
        y, flow = _pulled(run.tape, run.output, [x.index for x in run.inputs])
        return y, run.answers([argument.answer(flow) for argument in run.arguments])

    return _of(f, evaluate)


def jacobian(f: Function, wrt: Wrt = 0, *, sparse: bool = False) -> Function:
    """The Jacobian, of shape output + input: by structure, or forward or reverse, whichever costs less.

    With containers it is nested: the output's structure, and within it the input's. Where ``sparse``, each is
    a ``scipy.sparse.csr_array`` of shape (output size, input size), whose pattern depends on no data; under
    an enclosing derivative it cannot be.
    """

    def evaluate(*args: Any, **constants: Any) -> Any:
        return _blocks(_Run(f, args, wrt, constants), sparse=sparse)

    return _of(f, evaluate)


def hessian(f: Function, wrt: Wrt = 0, *, sparse: bool = False) -> Function:
    """The Hessian of a scalar function, of shape input + input: forward over reverse.

    With containers, or several positions, it is nested: the input's structure, and within it the input's.
    ``sparse`` is as in :func:`jacobian`.

    Raises
    ------
    BadArgument
        When called, if an input is complex: products with its Hessian are ``hvp``'s.
    """

    def evaluate(*args: Any, **constants: Any) -> Any:
        run = _Run(grad(f, wrt), args, wrt, constants)
        if any(is_complex(x) for x in run.inputs):
            raise BadArgument("hessian", "real inputs (hvp takes complex ones)", "a complex one")
        return _blocks(run, columns=True, sparse=sparse)

    return _of(f, evaluate)


def hvp(f: Function, xs: Sequence[Any], tangents: Sequence[Any]) -> tuple[Any, ...]:
    """Hessian of a scalar function times tangents, one answer per input: forward over reverse, no Hessian."""
    products = jvp(grad(f, tuple(range(len(xs)))), xs, tangents)[1]
    return tuple(_numbers(x, product) for x, product in zip(xs, products, strict=True))


def _of(f: Function, derivative: Function) -> Function:
    """The derivative, which takes what ``f`` takes: ``inspect.signature`` says so."""
    return update_wrapper(derivative, f, assigned=(), updated=())


class _Argument:
    """An argument under differentiation: its leaves, and on the tape those that are floating-point."""

    __slots__ = ("given", "rebuild", "slots")

    def __init__(self, tape: Tape, x: Any) -> None:
        leaves, self.rebuild = flatten(x)
        if len(leaves) == 1 and leaves[0] is x:  # no container: it is meant to be differentiated by
            self.given = tape.input(_floating(x))
            self.slots: list[Any] = [self.given]
            return
        self.slots = [tape.input(_floating(leaf)) if _is_floating(leaf) else None for leaf in leaves]
        self.given = self.rebuild(
            [leaf if slot is None else slot for leaf, slot in zip(leaves, self.slots, strict=True)]
        )

    def answer(self, flow: Mapping[int, Any]) -> Any:
        """The cotangents of the leaves, in the argument's structure."""
        return self.rebuild(
            [None if slot is None else _owned(flow, slot.index, slot.primal) for slot in self.slots]
        )


class _Run:
    """One evaluation of a function on a tape of its own, by the arguments chosen."""

    __slots__ = ("_outputs", "arguments", "inputs", "output", "rebuild", "single", "tape")

    def __init__(
        self, f: Function, args: Sequence[Any], wrt: Wrt, constants: Mapping[str, Any] = _NO_KEYWORDS
    ) -> None:
        self.tape = tape = Tape(Array)
        self.single = isinstance(wrt, int)
        merged = list(args)
        self.arguments = []
        for position in _positions(wrt, len(args)):
            argument = _Argument(tape, args[position])
            self.arguments.append(argument)
            merged[position] = argument.given
        self.inputs: list[Any] = [
            slot for argument in self.arguments for slot in argument.slots if slot is not None
        ]
        self.output = f(*merged, **constants)
        self._outputs: list[Any] | None = None

    @property
    def outputs(self) -> list[Any]:
        """The leaves of the output."""
        if self._outputs is None:
            leaves, self.rebuild = flatten(self.output)
            if self.output is None:
                leaves = [None]
            self._outputs = [_output(leaf) for leaf in leaves]
        return self._outputs

    def value(self) -> Any:
        """The output, no longer traced."""
        values = [_primal(y, self.tape) for y in self.outputs]
        return self.rebuild(values)

    def answers(self, parts: Sequence[Any]) -> Any:
        """One answer, or a tuple, as ``wrt`` asked."""
        return parts[0] if self.single else tuple(parts)

    def seeds(self, of: Sequence[Any], given: Sequence[Any], what: str) -> dict[int, Any]:
        """Node index to what is sent from there."""
        seeds: dict[int, Any] = {}
        for y, flow in zip(of, given, strict=True):
            sent = _as_flow(flow, y, what)
            if _is_on(y, self.tape):
                seeds[y.index] = add(seeds[y.index], sent) if y.index in seeds else sent
        return seeds

    def push(self, tangents: Sequence[Any]) -> dict[int, Any]:
        """The flow of tangents, one per input."""
        return self.tape.push(self.seeds(self.inputs, tangents, "tangent"))


def _positions(wrt: Wrt, count: int) -> tuple[int, ...]:
    positions = (wrt,) if isinstance(wrt, int) else wrt
    for position in positions:
        if not 0 <= position < count:
            raise BadArgument("wrt", f"positions below {count}, the number of arguments", position)
    if len(positions) > 1 and len(set(positions)) < len(positions):
        raise BadArgument("wrt", "positions that differ", wrt)
    return positions


def _is_floating(leaf: Any) -> bool:
    if isinstance(leaf, Traced):
        leaf = primal_of(leaf)
    if isinstance(leaf, (np.ndarray, np.generic)):
        return leaf.dtype.kind in "fc"
    return isinstance(leaf, (float, complex))


def _floating(x: Any) -> Any:
    if type(x) in (float, complex) or isinstance(x, Traced):
        return x
    array = x if type(x) is np.ndarray or isinstance(x, np.generic) else np.asarray(x)[()]
    if array.dtype.kind not in "fc":
        raise BadArgument("input", "a floating-point array (write 3.0 rather than 3)", array.dtype.name)
    return array


def _output(leaf: Any) -> Any:
    if type(leaf) is float or isinstance(leaf, Traced):
        return leaf
    array = np.asarray(leaf)
    if array.dtype.kind not in "biufc":
        raise BadArgument("function", "arrays, or containers of arrays, as its output", type(leaf).__name__)
    return array


def _real_scalar(output: Any) -> Any:
    if isinstance(output, Traced) and type(output.primal) is float:
        return output
    if output is None or is_leaf(output):
        output = _output(output)
        if shape_of(output) != ():
            raise BadArgument("grad", "a function with a scalar output (or use jacobian)", shape_of(output))
        if is_complex(output):
            remedy = "a real output (take its real or abs, or use vjp)"
            raise BadArgument("grad", f"a function with {remedy}", np.result_type(primal_of(output)).name)
        return output
    raise BadArgument("grad", "a function with a scalar output (or use jacobian)", type(output).__name__)


def _pulled(tape: Tape, output: Any, keep: Sequence[int]) -> tuple[Any, dict[int, Any]]:
    """The value of a scalar output, and what it sends back; the tape is used up."""
    y = _real_scalar(output)
    if not (isinstance(y, Traced) and y.tape is tape):
        return y, {}
    return y.primal, tape.pull({y.index: _one(y)}, keep=keep, consume=True)


def _one(y: Any) -> Any:
    primal = primal_of(y)
    return 1.0 if type(primal) is float else np.result_type(primal).type(1)


def _same_containers(what: str, of: str, tree: Any, given: Any) -> list[Any]:
    try:
        return flatten_like(tree, given)
    except ValueError:
        kind = type(given).__name__
        raise BadArgument(what, f"the containers of the {of} ({describe(tree)})", kind) from None


def _as_flow(given: Any, of: Any, what: str) -> Any:
    """A tangent or cotangent in the dtype of what it belongs to."""
    sent = given
    if not isinstance(given, Traced):
        dtype = np.result_type(primal_of(of))
        array = np.asarray(given)
        if array.dtype.kind not in "biufc" or (array.dtype.kind == "c" != dtype.kind):
            kind = "an array" if dtype.kind == "c" else "a real array"
            raise BadArgument(what, f"{kind} for {dtype.name}", array.dtype.name)
        sent = array.astype(dtype, copy=False)
        if type(primal_of(of)) is float and sent.shape == ():
            sent = sent.item()
    if shape_of(sent) != shape_of(of):
        owner = "output" if what == "cotangent" else "input"
        raise BadArgument(what, f"the {owner}'s shape {shape_of(of)}", shape_of(sent))
    return sent


Blocks = tuple[Any, ...]


def _blocks(run: _Run, *, columns: bool = False, sparse: bool = False) -> Any:
    """The Jacobian of a run in blocks: the structure of its output, and within it that of its inputs."""
    outputs, inputs = run.outputs, run.inputs
    columns = columns or _columns_are_fewer(inputs, outputs)
    terms = accumulated(run.tape, inputs, outputs, rows=not columns, limited=not sparse)
    if terms is None:
        walked = _walked(run, columns)
        terms = [
            [[full(block, y, x)] for block, x in zip(row, inputs, strict=True)]
            for row, y in zip(walked, outputs, strict=True)
        ]
    parts = []
    for y, row in zip(outputs, terms, strict=True):
        found = iter([_block(entries, y, x, sparse) for entries, x in zip(row, inputs, strict=True)])
        parts.append(
            run.answers(
                [
                    argument.rebuild([None if slot is None else next(found) for slot in argument.slots])
                    for argument in run.arguments
                ]
            )
        )
    return run.rebuild(parts)


def _columns_are_fewer(inputs: Sequence[Any], outputs: Sequence[Any]) -> bool:
    """Whether to walk by columns; a complex row is the adjoint's, not the derivative's."""
    n, k = (sum(prod(shape_of(x)) for x in ends) for ends in (inputs, outputs))
    return n < k or any(is_complex(x) for x in (*outputs, *inputs))


def _walked(run: _Run, columns: bool) -> list[Blocks]:
    """The blocks of every output, by one walk for each row or for each column of all."""
    outputs = run.outputs
    sizes = [prod(shape_of(y)) for y in outputs]
    joined = outputs[0] if len(outputs) == 1 else _joined(outputs, sizes)
    walk = _by_columns if columns else _by_rows
    blocks = walk(run.tape, run.inputs, joined)
    if len(outputs) == 1:
        return [blocks]
    ends = np.cumsum(sizes).tolist()
    return [
        tuple(
            reshape(getitem(block, key=slice(end - size, end)), shape=(*shape_of(y), *x.shape))
            for block, x in zip(blocks, run.inputs, strict=True)
        )
        for y, size, end in zip(outputs, sizes, ends, strict=True)
    ]


def _joined(outputs: Sequence[Any], sizes: Sequence[int]) -> Any:
    """All outputs in one vector: one walk then serves them all."""
    if not outputs:
        return np.zeros(0)
    return concat([reshape(y, shape=(size,)) for y, size in zip(outputs, sizes, strict=True)])


def _block(terms: Sequence[Term], y: Any, x: Any, sparse: bool) -> Any:
    if sparse:
        data, pattern = compressed(terms, y, x)
        return sparse_matrix(_in_dtype(data, y, x), pattern, x)
    return _in_dtype(dense(terms, y, x), y, x)


def _in_dtype(block: Any, y: Any, x: Any) -> Any:
    """A block in the dtype of its input, but complex where its output is."""
    if is_complex(block) and not is_complex(y) and not is_complex(x):
        block = real(block)
    if isinstance(block, Traced):
        number = type(primal_of(x)) is float and block.shape == () and type(primal_of(block)) is not float
        return as_number(block) if number else block
    if type(primal_of(x)) is float and block.shape == ():
        return block.item()
    return block.astype(np.result_type(block, np.complex64) if is_complex(block) else x.dtype, copy=False)


def _by_rows(tape: Tape, inputs: Sequence[Any], output: Any) -> Blocks:
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


def _by_columns(tape: Tape, inputs: Sequence[Any], output: Any) -> Blocks:
    """One push per input entry."""
    blocks = []
    for x in inputs:
        columns = []
        for basis in np.eye(prod(x.shape), dtype=x.dtype):
            flow = tape.push({x.index: basis.reshape(x.shape)}) if _is_on(output, tape) else {}
            reached = _is_on(output, tape) and output.index in flow
            columns.append(flow[output.index] if reached else _zeros(output))
        shape = (*shape_of(output), *x.shape)
        blocks.append(reshape(stack(columns, axis=-1), shape=shape) if columns else np.zeros(shape, x.dtype))
    return tuple(blocks)


def _is_on(x: Any, tape: Tape) -> bool:
    return isinstance(x, Traced) and x.tape is tape


def _primal(x: Any, tape: Tape) -> Any:
    return x.primal if isinstance(x, Traced) and x.tape is tape else x


def _owned(flow: Mapping[int, Any], index: int, like: Any) -> Any:
    """What has arrived at a node, in the type of its primal, in memory that is shared with nothing else.

    The pull of a sum is a view, that of an identity its own seed; only what none other holds is not copied.
    """
    if index not in flow:
        return _zeros(like)
    alone = _references(flow, index) == _ALONE
    value = flow[index]
    if type(value) is float is type(like):
        return value
    plain = primal_of(like)
    if isinstance(value, Traced):
        if type(plain) is float:
            return value if type(primal_of(value)) is float else as_number(value)
        dtype = np.result_type(plain)
        return value if np.result_type(primal_of(value)) == dtype else xp.astype(value, dtype)
    if type(plain) in (float, complex):
        return type(plain)(value)
    if isinstance(plain, np.generic):
        return plain.dtype.type(value)
    if alone and type(value) is np.ndarray and value.base is None and value.dtype == plain.dtype:
        return value
    return np.array(value, np.result_type(plain))


def _numbers(x: Any, tree: Any) -> Any:
    """The tree, with a Python float where ``x`` has one."""
    if type(x) is not float and is_leaf(x):
        return tree
    leaves, rebuild = flatten(x)
    parts = zip(leaves, flatten_like(x, tree), strict=True)
    return rebuild(
        [
            float(part) if type(leaf) is float and not isinstance(part, Traced) else part
            for leaf, part in parts
        ]
    )


def _references(flow: Mapping[int, Any], index: int) -> int:
    return sys.getrefcount(flow[index])


_ALONE = _references({0: np.zeros(1)}, 0)


def _zeros(x: Any) -> Any:
    primal = primal_of(x)
    if type(primal) is float:
        return 0.0
    return np.zeros(shape_of(primal), np.result_type(primal))[()]
