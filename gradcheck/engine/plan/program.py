"""Programs: operations in order, each value named once, equal operations met once, dead ones dropped."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from gradcheck.engine.core import Primitive

_NUMBERS = (bool, int, float, complex)


@dataclass(eq=False, slots=True)
class Op:
    """A value of a program: an input, a constant, or a primitive applied to other values.

    Attributes
    ----------
    primitive
        None for inputs and constants.
    shape, dtype
        Of the value; ``dtype`` is None for a Python number, which NumPy lets other operands decide about.
    constant
        The value of a constant, else None.
    risk
        0: finite; 1: finite where the inputs are; 2: may be infinite or NaN all the same.
    masked
        Whether entries may be 0 because a branch was not taken.
    covered
        For a scattered array: where it is not 0 by its making.
    aliases
        Whether the value was seen to share the memory of its first operand.
    born
        Place in the order of making, in which operations can be done.
    """

    primitive: Primitive | None
    inputs: tuple[Op, ...]
    params: Mapping[str, Any]
    shape: tuple[int, ...]
    dtype: np.dtype[Any] | None
    constant: Any = None
    risk: int = 1
    masked: bool = False
    covered: Any = None
    aliases: bool = False
    born: float = 0

    @property
    def name(self) -> str:
        """Name of the primitive; empty for inputs and constants."""
        return self.primitive.name if self.primitive is not None else ""

    @property
    def size(self) -> int:
        """Number of entries."""
        return int(np.prod(self.shape)) if self.shape else 1

    @property
    def number(self) -> Any:
        """The Python number that a constant is, else None."""
        return self.constant if type(self.constant) in _NUMBERS else None

    def like(self, other: Op) -> bool:
        """Whether two values have one shape and dtype."""
        return self.shape == other.shape and self.dtype == other.dtype


@dataclass(slots=True)
class Program:
    """Inputs, outputs, and the operations between them in an order in which they can be done.

    ``checked`` says that a result that is not finite may be wrong, and must be asked of the eager rules.
    """

    inputs: list[Op]
    outputs: list[Op]
    checked: bool = False
    ops: list[Op] = field(init=False)

    def __post_init__(self) -> None:
        self.ops = live(self.outputs)
        if self.scalar:
            self.ops = on_demand(reversed(self.outputs))  # a slope's values with it, rather than long before

    @property
    def has_numbers(self) -> bool:
        """Whether some operation is on Python numbers, which raise where NumPy says inf or NaN."""
        return any(op.dtype is None for op in self.ops)

    @property
    def scalar(self) -> bool:
        """Whether every value is a Python number."""
        return all(op.dtype is None for op in (*self.inputs, *self.ops))


def live(outputs: Iterable[Op]) -> list[Op]:
    """The operations that outputs depend on, in order of birth."""
    found: dict[int, Op] = {}
    waiting = list(outputs)
    while waiting:
        op = waiting.pop()
        if op.primitive is not None and id(op) not in found:
            found[id(op)] = op
            waiting.extend(op.inputs)
    return sorted(found.values(), key=lambda op: op.born)


def on_demand(outputs: Iterable[Op]) -> list[Op]:
    """The operations that outputs depend on, youngest operands first, the others as late as they can."""

    def operands(op: Op) -> Iterator[Op]:
        return iter(sorted(op.inputs, key=lambda x: -x.born))

    ordered: list[Op] = []
    seen: set[int] = set()
    for output in outputs:
        stack = [(output, operands(output))] if id(output) not in seen else []
        seen.add(id(output))
        while stack:
            op, rest = stack[-1]
            child = next((x for x in rest if id(x) not in seen), None)
            if child is not None:
                seen.add(id(child))
                stack.append((child, operands(child)))
                continue
            stack.pop()
            if op.primitive is not None:
                ordered.append(op)
    return ordered


def describe(value: Any) -> tuple[tuple[int, ...], np.dtype[Any] | None]:
    """Shape and dtype of a value; the dtype of a Python number is None."""
    if type(value) in _NUMBERS:
        return (), None
    array = np.asarray(value)
    return array.shape, array.dtype


def frozen(value: Any) -> Any:
    """A hashable stand-in for a parameter."""
    if isinstance(value, slice):
        return ("slice", value.start, value.stop, value.step)
    if isinstance(value, (tuple, list)):
        return tuple(map(frozen, value))
    if isinstance(value, Mapping):
        return tuple((key, frozen(value[key])) for key in sorted(value))
    if isinstance(value, np.ndarray):
        return ("array", value.shape, value.dtype.str, value.tobytes())
    return (type(value), value)


def is_basic(key: Any) -> bool:
    """Whether an index is made of integers and slices, so that it shows a view."""
    keys = key if isinstance(key, tuple) else (key,)
    plain = (int, np.integer, slice, type(None), type(Ellipsis))
    return all(isinstance(k, plain) and not isinstance(k, (bool, np.bool)) for k in keys)


def made(
    primitive: Primitive,
    inputs: tuple[Op, ...],
    shape: tuple[int, ...],
    born: float,
    params: Mapping[str, Any],
) -> Op:
    """An operation that a pass puts between others, of its first operand's dtype."""
    return Op(primitive, inputs, params, shape, inputs[0].dtype, born=born)


def become(op: Op, primitive: Primitive, inputs: tuple[Op, ...], params: Mapping[str, Any]) -> None:
    """Let an operation have the same value in another way."""
    op.primitive, op.inputs, op.params = primitive, inputs, params
