"""How an evaluation is written down for people: expressions, tables, and every step of both sweeps."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from gradcheck.engine.core import Primitive, primal_of

_SYMBOLS = {
    "equal": "{} == {}",
    "not_equal": "{} != {}",
    "less": "{} < {}",
    "less_equal": "{} <= {}",
    "greater": "{} > {}",
    "greater_equal": "{} >= {}",
}

_SENTENCES = {
    "abs": "Take the absolute value of {}",
    "add": "Add {} and {}",
    "cos": "Take the cosine of {}",
    "divide": "Divide {} by {}",
    "exp": "Take the exponential of {}",
    "getitem": "Take an entry, or a part, of {}",
    "log": "Take the natural logarithm of {}",
    "matmul": "Take the matrix product of {} and {}",
    "max": "Take the largest entry of {}",
    "maximum": "Take the larger of {} and {}",
    "mean": "Take the mean of the entries of {}",
    "min": "Take the smallest entry of {}",
    "minimum": "Take the smaller of {} and {}",
    "multiply": "Multiply {} by {}",
    "negative": "Change the sign of {}",
    "permute_dims": "Permute the axes of {}",
    "power": "Raise {} to the power {}",
    "reshape": "Give another shape to {}",
    "sin": "Take the sine of {}",
    "sqrt": "Take the square root of {}",
    "square": "Square {}",
    "subtract": "From {} subtract {}",
    "sum": "Add up the entries of {}",
    "tan": "Take the tangent of {}",
    "tanh": "Take the hyperbolic tangent of {}",
    "where": "Where {} holds take {}, elsewhere {}",
}


def brief(value: Any) -> str:
    """A number to 6 significant digits; of an array its shape."""
    value = primal_of(value)
    if np.ndim(value):
        return f"array{_shape(value)}"
    number = np.asarray(value)[()]
    return f"{number:.6g}" if number.dtype.kind in "fc" else str(number)


def constant(value: Any) -> str:
    """An operand that is not traced: a number, or the shape of an array."""
    value = primal_of(value)
    return f"const{_shape(value)}" if np.size(value) != 1 else brief(np.asarray(value).item())


def expression(primitive: Primitive, operands: Sequence[str], params: Mapping[str, Any]) -> str:
    """How an operation is written, for example ``v-1 * v0``, given how its operands are."""
    if primitive.name == "getitem":
        return f"{operands[0]}[{_key(params['key'])}]"
    words = _words(params)
    symbol = primitive.symbol or _SYMBOLS.get(primitive.name, "")
    if symbol and not words:
        return symbol.format(*operands)
    return f"{primitive.name}({', '.join([*operands, *words])})"


def substituted(primitive: Primitive, operands: Sequence[str], params: Mapping[str, Any]) -> str:
    """The same with values in place of names: one with a sign is put in parentheses between symbols."""
    called = not (primitive.symbol or primitive.name in _SYMBOLS)
    return expression(primitive, operands if called else [*map(enclosed, operands)], params)


def sentence(primitive: Primitive, operands: Sequence[str], params: Mapping[str, Any]) -> str:
    """What an operation does, for example ``Multiply x1 by x2``."""
    template = _SENTENCES.get(primitive.name)
    text = template.format(*operands) if template else f"Apply {primitive.name} to {_series(operands)}"
    words = [f"[{_key(params['key'])}]"] if primitive.name == "getitem" else _words(params)
    return f"{text} ({', '.join(words)})" if words else text


def enclosed(number: str) -> str:
    """A number that starts with a sign, or has one within, in parentheses."""
    plain = number.replace("e-", "").replace("e+", "")
    return f"({number})" if "-" in plain or "+" in plain else number


def _series(words: Sequence[str]) -> str:
    return " and ".join(filter(None, [", ".join(words[:-1]), words[-1]]))


def _shape(value: Any) -> str:
    return str(list(np.shape(value))).replace(" ", "")


def _words(params: Mapping[str, Any]) -> list[str]:
    return [
        f"{key}={_param(value)}" for key, value in params.items() if value is not None and value is not False
    ]


def _param(value: Any) -> str:
    if isinstance(value, (np.ndarray, np.generic)):
        return constant(value)
    if isinstance(value, (type, np.dtype)):
        return np.dtype(value).name
    return repr(value)


def _key(key: Any) -> str:
    if isinstance(key, tuple):
        return ", ".join(map(_key, key)) or "()"
    if isinstance(key, slice):
        ends = ["" if end is None else str(end) for end in (key.start, key.stop, key.step)]
        return ":".join(ends if ends[2] else ends[:2])
    if isinstance(key, (np.ndarray, list)):
        return constant(np.asarray(key))
    return "..." if key is Ellipsis else str(key)


@dataclass(frozen=True)
class Table:
    """Columns of values, one row for every node; pandas takes it as ``DataFrame(t.rows, columns=t.columns)``.

    Attributes
    ----------
    columns
        ``step``, ``value``, one ``dv/d(input)`` for each input asked for, and ``dy/dv``.
    rows
        The step as text, then the values themselves: numbers and arrays, not text.
    """

    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]

    def __iter__(self) -> Iterator[tuple[Any, ...]]:
        return iter(self.rows)

    def __len__(self) -> int:
        return len(self.rows)

    def __str__(self) -> str:
        lines = [self.columns, *((step, *map(brief, values)) for step, *values in self.rows)]
        first, *others = [max(map(len, column)) for column in zip(*lines, strict=True)]
        return "\n".join(
            "  ".join([step.ljust(first), *(text.rjust(w) for text, w in zip(texts, others, strict=True))])
            for step, *texts in lines
        )


@dataclass(frozen=True)
class Evaluation:
    """One step of the forward sweep: ``v2 = v-1 * v0 = 2 * 5 = 10``."""

    node: str
    expression: str
    substituted: str
    value: Any

    def __str__(self) -> str:
        parts = [self.node, self.expression, self.substituted, brief(self.value)]
        return " = ".join(text for at, text in enumerate(parts) if text and text != parts[at - 1])


@dataclass(frozen=True)
class Contribution:
    """One step of the backward sweep: what a node adds to the adjoint of one of its operands.

    Attributes
    ----------
    result
        What the output is called.
    node, parent
        Names of the node and of the operand.
    operand
        Its position, from 1, when the node uses the same operand more than once; else 0.
    expression
        How the node is computed.
    adjoint
        The adjoint of the node.
    partial
        The derivative of the node by the operand where both are numbers, else None.
    part
        What is added.
    total
        The adjoint of the operand so far.
    first
        Whether nothing had been added to it before.
    """

    result: str
    node: str
    parent: str
    operand: int
    expression: str
    adjoint: Any
    partial: Any
    part: Any
    total: Any
    first: bool

    def __str__(self) -> str:
        y = self.result
        through = f" (operand {self.operand})" if self.operand else ""
        if self.partial is None:
            how = f"d{y}/d{self.node} pulled back through {self.expression}{through} = {brief(self.part)}"
        else:
            product = f"{brief(self.adjoint)} * {enclosed(brief(self.partial))}"
            how = f"d{y}/d{self.node} * d{self.node}/d{self.parent}{through} = {product} = {brief(self.part)}"
        so_far = "" if self.first or np.ndim(primal_of(self.total)) else f", in all {brief(self.total)}"
        return f"d{y}/d{self.parent} {'=' if self.first else '+='} {how}{so_far}"


@dataclass(frozen=True)
class Steps:
    """Every step forward and backward; ``print`` shows them, iteration yields them.

    Attributes
    ----------
    forward, backward
        The steps, in order.
    result, output
        What the output is called, and the name of its node.
    value
        Its value.
    gradient
        Name and node of every input, and the derivative of the output by it.
    """

    forward: tuple[Evaluation, ...]
    backward: tuple[Contribution, ...]
    result: str
    output: str
    value: Any
    gradient: tuple[tuple[str, str, Any], ...]

    def __iter__(self) -> Iterator[Evaluation | Contribution]:
        yield from self.forward
        yield from self.backward

    def __len__(self) -> int:
        return len(self.forward) + len(self.backward)

    def __str__(self) -> str:
        y = self.result
        summed = ", the derivative of the sum of its entries" if np.ndim(primal_of(self.value)) else ""
        return "\n".join(
            [
                "forward",
                *map(str, self.forward),
                f"{y} = {self.output} = {brief(self.value)}",
                "",
                "backward",
                f"d{y}/d{self.output} = {brief(np.ones_like(primal_of(self.value)))}{summed}",
                *map(str, self.backward),
                *(f"d{y}/d{name} = d{y}/d{node} = {brief(adjoint)}" for name, node, adjoint in self.gradient),
            ]
        )
