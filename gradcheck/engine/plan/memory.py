"""Which values share memory: views, results written in place, and temporaries used again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from gradcheck.engine.plan.program import Op, Program, is_basic

LASTING = frozenset({"permute_dims", "expand_dims", "flip", "squeeze", "broadcast_to", "getitem"})


def is_view(op: Op) -> bool:
    """Whether a value shares the memory of its operand."""
    if op.name == "broadcast_to":
        return op.inputs[0].dtype is not None
    if op.name == "reshape":
        return op.inputs[0].dtype is not None  # or else a copy
    if op.name == "getitem":
        return bool(op.shape) and is_basic(op.params["key"])  # a single entry is a copy
    return op.name in LASTING or op.aliases


def is_contiguous(op: Op) -> bool:
    """Whether a value in a buffer lies in one piece, so that its reshape is a view."""
    return not is_view(op) or (op.name == "reshape" and is_contiguous(op.inputs[0]))


def hosts(program: Program, uses: Mapping[int, int]) -> dict[int, int]:
    """What is written in place on the way to an output: operation to the operand that it replaces."""
    found: dict[int, int] = {}
    waiting = [op for op in program.outputs if op.primitive is not None]
    for op in waiting:
        if not op.shape or op.primitive is None or not isinstance(op.primitive.forward, np.ufunc):
            continue
        if not op.primitive.pointwise or id(op) in found:
            continue
        for x in op.inputs:
            if writes(x) and x.like(op) and uses.get(id(x)) == id(op):
                found[id(op)] = id(x)
                waiting.append(x)
                break
    return found


def writes(op: Op) -> bool:
    """Whether an operation can write its result where it is told to."""
    if op.primitive is None:
        return False
    plain = isinstance(op.primitive.forward, np.ufunc) and op.primitive.pointwise
    return plain or op.name in ("assemble", "matmul", "product", "where", "sum")


class Temporaries:
    """Names of arrays of a block's size; one is used again once its value is no longer needed.

    ``scratch`` are blocks of results with their dtypes and the operations that write them: until then they
    serve as temporaries.
    """

    def __init__(self, scratch: Mapping[str, tuple[Any, int]]) -> None:
        self.dtypes: list[np.dtype[Any]] = []
        self._scratch = scratch
        self._free = list(scratch)

    def take(self, dtype: np.dtype[Any], until: int) -> str:
        """A temporary of a dtype, needed until an operation."""
        for name in reversed(self._free):
            known, written = self._scratch.get(name) or (self.dtypes[int(name[1:])], until)
            if known == dtype and until <= written:
                self._free.remove(name)
                return name
        self.dtypes.append(dtype)
        return f"t{len(self.dtypes) - 1}"

    def give(self, name: str) -> None:
        """A temporary's value is no longer needed; other names are not minded."""
        if (name[:1] == "t" or name in self._scratch) and name not in self._free:
            self._free.append(name)
