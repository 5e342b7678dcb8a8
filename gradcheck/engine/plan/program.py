"""Programs: operations in order, each value named once, equal operations met once, dead ones dropped."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from heapq import heapify, heappop, heappush
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
            self.ops = short_branches_first(self.ops)

    def uses(self) -> Counter[int]:
        """How often each value is used, by its id; an output is used once more."""
        counted = Counter(id(x) for op in self.ops for x in op.inputs)
        counted.update(map(id, self.outputs))
        return counted

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


def short_branches_first(ops: Sequence[Op]) -> list[Op]:
    """Operations in another order: of those that are ready, the one on which least depends.

    What leads nowhere far is done while its operands are at hand: a slope right after its value.
    """
    height: dict[int, int] = {}
    for op in reversed(ops):
        above = height.setdefault(id(op), 0) + 1
        for x in op.inputs:
            height[id(x)] = max(height.get(id(x), 0), above)
    known = set(map(id, ops))
    users: dict[int, list[Op]] = defaultdict(list)
    missing: dict[int, int] = {}
    for op in ops:
        operands = {id(x) for x in op.inputs} & known
        missing[id(op)] = len(operands)
        for operand in operands:
            users[operand].append(op)
    ready = [(height[id(op)], op.born, op) for op in ops if not missing[id(op)]]
    heapify(ready)
    ordered = []
    while ready:
        *_, op = heappop(ready)
        ordered.append(op)
        for user in users[id(op)]:
            missing[id(user)] -= 1
            if not missing[id(user)]:
                heappush(ready, (height[id(user)], user.born, user))
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
