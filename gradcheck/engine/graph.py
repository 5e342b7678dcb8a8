"""The computation graph of one evaluation, in Wengert notation, with its three tables.

``v-1, v0`` are the inputs, ``v1, v2, ...`` the operations in order of birth, which is the order in which
Python carries them out: ``ln x1 + x1 * x2 - sin x2`` adds before it takes the sine, so the sum is v3 and
the sine v4, where a listing by hand may have them the other way round. The forward primal table holds the
values, the forward tangent table their derivatives along one input, the reverse adjoint table the
derivatives of the output by each of them.

Notation after A. Griewank and A. Walther, "Evaluating Derivatives", 2nd ed., SIAM 2008, section 2.2.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from gradcheck.engine.array import Array
from gradcheck.engine.core import Node, Primitive, Tape, Traced, add, apply, primal_of, shape_of, sum_to
from gradcheck.engine.drawing import Arrow, Box, dot, svg
from gradcheck.engine.listing import (
    Contribution,
    Evaluation,
    Steps,
    Table,
    brief,
    constant,
    expression,
    sentence,
    substituted,
)
from gradcheck.engine.transforms import _floating, _is_floating
from gradcheck.engine.trees import _NAMESPACE, Rebuild, flatten, is_leaf
from gradcheck.errors import BadArgument, MissingExtra, NotTraceable

_MOST_SHOWN = 200  # nodes that a notebook draws unasked


@dataclass(frozen=True, repr=False)
class Graph:
    """An ordered, explicit computation graph; ``print`` lists it, a notebook draws it.

    Attributes
    ----------
    tape
        Its nodes in order of birth; the inputs come first.
    inputs
        Names of the inputs; of a nested argument one for every array in it, such as ``x1['W']``.
    output
        Index of the output's node.
    arguments
        Names of the function's arguments.
    decisions
        Index of a node to the truth value by which the function chose a branch.
    """

    tape: Tape
    inputs: tuple[str, ...]
    output: int
    arguments: tuple[str, ...]
    decisions: Mapping[int, bool] = field(default_factory=dict)

    def name(self, index: int) -> str:
        """Wengert name of a node: inputs end at ``v0``, operations begin at ``v1``."""
        return f"v{index - len(self.inputs) + 1}"

    def expression(self, index: int) -> str:
        """How a node is computed, for example ``v-1 * v0``."""
        primitive, _, params, _, _ = self.tape.nodes[index]
        if primitive is None:
            return self.inputs[index]
        return expression(primitive, self._operands(index, self.name), params)

    @property
    def result(self) -> str:
        """What the output is called: ``y``, or ``f`` where an input is called so."""
        return next(name for name in ("y", "f", "out", "result", "_") if name not in self.inputs)

    @property
    def operations(self) -> dict[str, str]:
        """Name to expression of every node, inputs included, in order."""
        return {self.name(i): self.expression(i) for i in range(len(self.tape.nodes))}

    def primals(self) -> list[Any]:
        """The value of every node."""
        return [output for *_, output in self.tape.nodes]

    def tangents(self, name: str) -> list[Any]:
        """The derivative of every node along one input, seeded with ones there."""
        if name not in self.inputs:
            raise BadArgument("input", f"one of {', '.join(self.inputs)}", name)
        seed = self.inputs.index(name)
        return self._filled(_smooth(self.tape).push({seed: _one(self.primals()[seed])}))

    def backward(self) -> list[Any]:
        """The derivative of the output, summed over its entries, by every node: the adjoints."""
        return self._filled(_smooth(self.tape).pull({self.output: _one(self.primals()[self.output])}))

    def forward(self, *values: Any) -> Graph:
        """The same operations at other inputs, in order.

        Comparisons are operations and are made anew. Where the function itself chose a branch by one of
        them (``if x > 0``), it must come out as before.

        Raises
        ------
        BadArgument
            When the inputs do not fit, or another branch would be taken.
        """
        if len(values) != len(self.arguments):
            expected = f"{len(self.arguments)} inputs ({', '.join(self.arguments)})"
            raise BadArgument("values", expected, len(values))
        given: dict[str, Any] = {}
        for name, value in zip(self.arguments, values, strict=True):
            names, leaves, _ = _leaves(value, name)
            given |= zip(names, leaves, strict=True)
        absent = [name for name in self.inputs if name not in given]
        if absent:
            raise BadArgument("values", f"the inputs {', '.join(self.inputs)}", f"none for {absent[0]}")
        nodes: list[Node] = []
        for index, (primitive, inputs, params, parents, output) in enumerate(self.tape.nodes):
            if primitive is None:
                nodes.append((None, (), params, (), _alike(given[self.inputs[index]], output)))
                continue
            sources = dict(parents)
            operands = tuple(nodes[sources[at]][-1] if at in sources else x for at, x in enumerate(inputs))
            value = apply(primitive, operands, params)
            nodes.append((primitive, operands, params, parents, value))
            decided = self.decisions.get(index)
            if decided is not None and bool(primal_of(value)) != decided:
                expected = (
                    f"inputs at which {self.name(index)} = {self.expression(index)} is {decided}, as traced"
                )
                raise BadArgument("values", f"{expected} (trace the function at these instead)", not decided)
        return replace(self, tape=Tape(self.tape.box, nodes))

    def table(self, *along: str) -> Table:
        """The three tables side by side.

        Parameters
        ----------
        *along
            Names of the inputs along which tangents are shown; the first input when not given.
        """
        chosen = along or self.inputs[:1]
        columns = ("step", "value", *(f"dv/d{name}" for name in chosen), f"d{self.result}/dv")
        steps = [f"{name} = {text}" for name, text in self.operations.items()]
        tangents = [self.tangents(name) for name in chosen]
        rows = zip(steps, self.primals(), *tangents, self.backward(), strict=True)
        return Table(columns, tuple(rows))

    def steps(self) -> Steps:
        """Every step of both sweeps, with its numbers: ``print(graph.steps())``."""
        backward, totals = self._contributions()
        nodes = self.tape.nodes
        zeros = self._filled({})
        forward = tuple(
            Evaluation(self.name(i), self.expression(i), self._substituted(i), output)
            for i, (*_, output) in enumerate(nodes)
        )
        gradient = tuple((name, self.name(i), totals.get(i, zeros[i])) for i, name in enumerate(self.inputs))
        return Steps(
            forward, tuple(backward), self.result, self.name(self.output), nodes[self.output][-1], gradient
        )

    def in_words(self) -> str:
        """The evaluation as a sequence of sentences."""
        values = self.primals()
        inputs = [f"{name} = {brief(value)}" for name, value in zip(self.inputs, values, strict=False)]
        lines = [f"Start from {', '.join(inputs)}."]
        for i, (primitive, _, params, _, output) in enumerate(self.tape.nodes):
            if primitive is not None:
                said = sentence(primitive, self._operands(i, self._called), params)
                lines.append(f"{i - len(self.inputs) + 1}. {said}: {self.name(i)} = {brief(output)}.")
        answer = f"{self.result} = {self._called(self.output)} = {brief(values[self.output])}"
        return "\n".join([*lines, f"The answer is {answer}."])

    def dot(self) -> str:
        """The graph in the DOT language, inputs on the left and the output on the right."""
        return dot(*self._picture())

    def svg(self) -> str:
        """The graph as a picture, an SVG document.

        A box shows how a node is computed, its value, and the derivative of the output by it; an arrow
        between numbers the derivative of what it leads to by what it comes from.

        Raises
        ------
        MissingExtra
            When pygraphviz is not installed.
        """
        return svg(*self._picture(), title=f"Computation graph of {self.result}({', '.join(self.inputs)})")

    def _repr_svg_(self) -> str | None:
        try:
            return self.svg() if len(self.tape.nodes) <= _MOST_SHOWN else None
        except MissingExtra:
            return None

    def __str__(self) -> str:
        lines = [f"{name} = {text}" for name, text in self.operations.items()]
        return "\n".join([*lines, f"{self.result} = {self.name(self.output)}"])

    __repr__ = __str__

    def _called(self, index: int) -> str:
        return self.inputs[index] if index < len(self.inputs) else self.name(index)

    def _operands(self, index: int, called: Callable[[int], str]) -> list[str]:
        _, inputs, _, parents, _ = self.tape.nodes[index]
        sources = dict(parents)
        return [called(sources[at]) if at in sources else constant(x) for at, x in enumerate(inputs)]

    def _substituted(self, index: int) -> str:
        primitive, _, params, _, _ = self.tape.nodes[index]
        if primitive is None:
            return ""
        nodes = self.tape.nodes
        return substituted(primitive, self._operands(index, lambda at: brief(nodes[at][-1])), params)

    def _filled(self, flow: Mapping[int, Any]) -> list[Any]:
        return [flow[i] if i in flow else _zero(output) for i, (*_, output) in enumerate(self.tape.nodes)]

    def _contributions(self) -> tuple[list[Contribution], dict[int, Any]]:
        """The backward sweep written out: what every node adds to its operands' adjoints."""
        nodes = _smooth(self.tape).nodes
        totals = {self.output: _one(nodes[self.output][-1])}
        found = []
        for index in range(len(nodes) - 1, -1, -1):
            primitive, inputs, params, parents, output = nodes[index]
            if index not in totals or primitive is None:
                continue
            adjoint, repeated = totals[index], len({parent for _, parent in parents}) < len(parents)
            for position, parent in parents:
                part = primitive.pull(position, adjoint, output, *inputs, **params)
                part = sum_to(part, shape_of(inputs[position]))
                first = parent not in totals
                totals[parent] = part if first else add(totals[parent], part)
                found.append(
                    Contribution(
                        result=self.result,
                        node=self.name(index),
                        parent=self.name(parent),
                        operand=position + 1 if repeated else 0,
                        expression=self.expression(index),
                        adjoint=adjoint,
                        partial=_partial(nodes[index], position),
                        part=part,
                        total=totals[parent],
                        first=first,
                    )
                )
        return found, totals

    def _picture(self) -> tuple[list[Box], list[Arrow]]:
        nodes, smooth = self.tape.nodes, _smooth(self.tape)
        adjoints = smooth.pull({self.output: _one(nodes[self.output][-1])})
        boxes, arrows = [], []
        for index, (primitive, _, _, parents, output) in enumerate(nodes):
            slope = ""
            if index in adjoints and not shape_of(output):
                slope = f"d{self.result}/d{self.name(index)} = {brief(adjoints[index])}"
            kind = "input" if primitive is None else "operation"
            named = self.name(index), self.expression(index)
            boxes.append(Box(*named, brief(output), slope, kind, idle=index not in adjoints))
            passing = dict(smooth.nodes[index][3])
            for position, parent in parents:
                partial = _partial(nodes[index], position) if position in passing else None
                label = "" if partial is None else brief(partial)
                arrows.append(
                    Arrow(parent, index, label, idle=index not in adjoints or position not in passing)
                )
        boxes.append(Box(self.result, "", brief(nodes[self.output][-1]), kind="output"))
        arrows.append(Arrow(self.output, len(nodes)))
        return boxes, arrows


def trace(f: Callable[..., Any], names: Sequence[str] = ()) -> Callable[..., Graph]:
    """A function that evaluates ``f`` and returns the :class:`Graph` of the evaluation.

    Parameters
    ----------
    f
        Function of arrays that returns one array. An argument may be nested: a dict, list, tuple or
        dataclass of arrays; what is not floating-point within it is a constant.
    names
        Names of the arguments in listings; ``x1, x2, ...`` when not given.

    Examples
    --------
    >>> graph = trace(lambda x1, x2: x1 * x2)(2.0, 5.0)
    >>> print(graph)
    v-1 = x1
    v0 = x2
    v1 = v-1 * v0
    y = v1
    >>> graph.backward()
    [5.0, 2.0, 1.0]
    """

    def evaluate(*xs: Any) -> Graph:
        labels = tuple(names) or tuple(f"x{i + 1}" for i in range(len(xs)))
        if len(labels) != len(xs):
            raise BadArgument("names", f"{len(xs)}, one for every input", len(labels))
        try:
            return _graph(f, xs, labels, _Program())
        except NotTraceable:  # a comparison is wanted as an array, for an index: then it is a constant
            return _graph(f, xs, labels, Tape(Array))

    return evaluate


class _Watched(Array):
    """A traced array that remembers by which truth value the function chose a branch."""

    __slots__ = ()

    def __bool__(self) -> bool:
        truth = bool(primal_of(self))
        if isinstance(self.tape, _Program):
            self.tape.decisions[self.index] = truth
        return truth


class _Program(Tape):
    """A tape that keeps comparisons, so that the graph can be evaluated at other inputs."""

    __slots__ = ("decisions",)

    keeps_all = True

    def __init__(self) -> None:
        super().__init__(_Watched)
        self.decisions: dict[int, bool] = {}


def _graph(f: Callable[..., Any], xs: Sequence[Any], labels: tuple[str, ...], tape: Tape) -> Graph:
    inputs: list[str] = []

    def begin(x: Any, label: str) -> Any:
        names, leaves, rebuild = _leaves(x, label)
        given = list(leaves)
        for at, (name, leaf) in enumerate(zip(names, leaves, strict=True)):
            if name == label or _is_floating(leaf):
                given[at] = tape.input(_floating(leaf))
                inputs.append(name)
        return rebuild(given)

    output = f(*map(begin, xs, labels))
    if isinstance(output, (list, tuple, dict)):
        raise BadArgument(
            "function", "one array as its output (xp.stack joins several)", type(output).__name__
        )
    if not isinstance(output, Traced) or output.tape is not tape:
        raise BadArgument("function", "an output that depends on its inputs", "a constant")
    decisions = tape.decisions if isinstance(tape, _Program) else {}
    return Graph(tape, tuple(inputs), output.index, labels, decisions)


def _leaves(tree: Any, root: str) -> tuple[list[str], list[Any], Rebuild]:
    """Names of an argument's leaves, as Python reaches them; the leaves; and how to put others there."""
    leaves, rebuild = flatten(tree)
    if is_leaf(tree) or (len(leaves) == 1 and leaves[0] is tree):
        return [root], leaves, rebuild
    from optree import tree_accessors

    return [path.codify(root) for path in tree_accessors(tree, namespace=_NAMESPACE)], leaves, rebuild


def _smooth(tape: Tape) -> Tape:
    """The tape with comparisons and the like as constants: no derivative passes through them."""
    still = {
        i for i, (primitive, *_) in enumerate(tape.nodes) if primitive is not None and primitive.pull is None
    }
    if not still:
        return tape
    nodes: list[Node] = []
    for i, (primitive, inputs, params, parents, output) in enumerate(tape.nodes):
        if i in still:
            nodes.append((None, (), {}, (), output))
        else:
            passing = tuple((position, parent) for position, parent in parents if parent not in still)
            nodes.append((primitive, inputs, params, passing, output))
    return Tape(tape.box, nodes)


def _partial(node: Node, position: int) -> Any:
    """The derivative of a number by an operand that is a number; None where either is an array."""
    primitive, inputs, params, _, output = node
    assert isinstance(primitive, Primitive)
    if shape_of(output) or shape_of(inputs[position]) or primitive.pull is None:
        return None
    return primitive.pull(position, _one(output), output, *inputs, **params)


def _one(value: Any) -> Any:
    return 1.0 if type(value) is float else np.ones(shape_of(value), _slope_type(value))[()]


def _zero(value: Any) -> Any:
    return 0.0 if type(value) is float else np.zeros(shape_of(value), _slope_type(value))[()]


def _slope_type(value: Any) -> Any:
    dtype = np.result_type(primal_of(value))
    return dtype if dtype.kind in "fc" else np.dtype(float)


def _alike(given: Any, before: Any) -> Any:
    """A value in the type of the one it replaces."""
    if isinstance(given, Traced):
        return given
    if type(before) is float and np.ndim(given) == 0:
        return float(given)
    return np.asarray(given, dtype=np.result_type(primal_of(before)))[()]
