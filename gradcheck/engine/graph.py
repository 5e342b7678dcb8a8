"""The computation graph of one evaluation, in Wengert notation, with its three tables.

``v-1, v0`` are the inputs, ``v1, v2, ...`` the operations in order of birth. The forward primal table
holds their values, the forward tangent table their derivatives along one input, the reverse adjoint
table the derivatives of the output by each of them.

Notation after A. Griewank and A. Walther, "Evaluating Derivatives", 2nd ed., SIAM 2008, section 2.2.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from gradcheck.engine.core import Node, Tape, Traced, apply, shape_of
from gradcheck.engine.transforms import _trace
from gradcheck.errors import BadArgument


@dataclass(frozen=True)
class Graph:
    """An ordered, explicit computation graph.

    Attributes
    ----------
    tape
        Its nodes in order of birth; the inputs come first.
    inputs
        Names of the inputs.
    output
        Index of the output's node.
    """

    tape: Tape
    inputs: tuple[str, ...]
    output: int

    def name(self, index: int) -> str:
        """Wengert name of a node: inputs end at ``v0``, operations begin at ``v1``."""
        return f"v{index - len(self.inputs) + 1}"

    def expression(self, index: int) -> str:
        """How a node is computed, for example ``v-1 * v0``."""
        node = self.tape.nodes[index]
        if node.primitive is None:
            return self.inputs[index]
        parents = dict(node.parents)
        operands = [
            self.name(parents[at]) if at in parents else _constant(value)
            for at, value in enumerate(node.inputs)
        ]
        params = [
            f"{key}={value}" for key, value in node.params.items() if value is not None and value is not False
        ]
        symbol = node.primitive.symbol or node.primitive.name + "({})"
        if node.primitive.symbol and not params:
            return symbol.format(*operands)
        return f"{node.primitive.name}({', '.join([*operands, *params])})"

    def primals(self) -> list[Any]:
        """The value of every node."""
        return [node.output for node in self.tape.nodes]

    def tangents(self, name: str) -> list[Any]:
        """The derivative of every node along one input, seeded with ones there."""
        if name not in self.inputs:
            raise BadArgument("input", f"one of {', '.join(self.inputs)}", name)
        seed = self.inputs.index(name)
        flow = self.tape.push({seed: np.ones_like(self.tape.nodes[seed].output)})
        return [flow.get(i, np.zeros(shape_of(node.output))) for i, node in enumerate(self.tape.nodes)]

    def backward(self) -> list[Any]:
        """The derivative of the output, summed over its entries, by every node: the adjoints."""
        flow = self.tape.pull({self.output: np.ones_like(self.tape.nodes[self.output].output)})
        return [flow.get(i, np.zeros(shape_of(node.output))) for i, node in enumerate(self.tape.nodes)]

    def forward(self, *values: Any) -> Graph:
        """The same operations at other inputs, in order; branches of the function are not taken anew."""
        if len(values) != len(self.inputs):
            raise BadArgument("values", f"{len(self.inputs)} inputs ({', '.join(self.inputs)})", len(values))
        nodes: list[Node] = []
        for index, node in enumerate(self.tape.nodes):
            if node.primitive is None:
                nodes.append(
                    replace(node, output=np.asarray(values[index], dtype=np.result_type(node.output)))
                )
                continue
            parents = dict(node.parents)
            inputs = tuple(
                nodes[parents[at]].output if at in parents else value for at, value in enumerate(node.inputs)
            )
            output = apply(node.primitive, *inputs, **node.params)
            nodes.append(replace(node, inputs=inputs, output=output))
        return replace(self, tape=Tape(self.tape.box, nodes))

    def __str__(self) -> str:
        lines = [f"{self.name(i)} = {self.expression(i)}" for i in range(len(self.tape.nodes))]
        return "\n".join([*lines, f"y = {self.name(self.output)}"])


def trace(f: Callable[..., Any], names: Sequence[str] = ()) -> Callable[..., Graph]:
    """A function that evaluates ``f`` and returns the :class:`Graph` of the evaluation.

    Parameters
    ----------
    f
        Function of arrays that returns one array.
    names
        Names of the inputs in listings; ``x1, x2, ...`` when not given.
    """

    def evaluate(*xs: Any) -> Graph:
        tape, inputs, output = _trace(f, xs)
        labels = tuple(names) or tuple(f"x{i + 1}" for i in range(len(inputs)))
        if len(labels) != len(inputs):
            raise BadArgument("names", f"{len(inputs)}, one for every input", len(labels))
        if not isinstance(output, Traced):
            raise BadArgument("function", "an output that depends on its inputs", "a constant")
        return Graph(tape, labels, output.index)

    return evaluate


def _constant(value: Any) -> str:
    array = np.asarray(value)
    return f"{array.item():.6g}" if array.size == 1 else "const" + str(list(array.shape)).replace(" ", "")
