"""A function bound to the user's arguments: between lists of arrays and the trees it takes and returns."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import Any

import numpy as np  # noqa: TC002 - what a signature names is imported plainly

from gradcheck.judge.frameworks.base import Framework
from gradcheck.judge.request import Request
from gradcheck.judge.subject import (
    Arguments,
    Arrays,
    Slot,
    read_outputs,
)
from gradcheck.judge.trees import is_leaf, leaves, rebuild


@dataclass
class Binding:
    """A function bound to the user's arguments, in the user's own arrays.

    ``template`` is the tree of the first output, and ``floating`` says which of its leaves are numbers with
    derivatives, in what framework.
    """

    request: Request
    arguments: Arguments
    names: list[str]
    precise: Framework | None
    template: Any = None
    floating: list[tuple[int, Any, Framework]] = field(default_factory=list)
    _bare: bool = False

    def values(self, xs: Arrays) -> list[tuple[str, np.ndarray]]:
        """Path and value of every floating output."""
        if self.precise is None:
            return self._read(self._call(self.arguments.filled(xs)))
        with self.precise.precise():
            return self._read(self._call(self.arguments.filled(xs)))

    def _read(self, tree: Any) -> list[tuple[str, np.ndarray]]:
        if self._bare and type(tree) is type(self.template):
            return [("", self.floating[0][2].to_numpy(tree))]
        named = read_outputs(tree)
        if not self.floating:
            self.template = tree
            self._bare = is_leaf(tree)
            at = {id(leaf): i for i, (_, leaf) in enumerate(leaves(tree))}
            self.floating = [(at[id(leaf)], leaf, framework) for _, leaf, framework in named]
        return [(path, framework.to_numpy(leaf)) for path, leaf, framework in named]

    def natively(self, *xs: Any) -> list[Any]:
        """The floating outputs as the framework sees them, from its own arrays."""
        filled = list(self.arguments.natives)
        for position, x in zip(self.arguments.positions, xs, strict=True):
            filled[position] = x
        found = [leaf for _, leaf in leaves(self._call(filled))]
        return [found[at] for at, _, _ in self.floating]

    def outputs_like(self, arrays: Sequence[np.ndarray], slots: Sequence[Slot]) -> list[Any]:
        """Arrays like the floating outputs."""
        return [
            framework.like(array, leaf, slot.dtype)
            for array, slot, (_, leaf, framework) in zip(arrays, slots, self.floating, strict=True)
        ]

    def tree_like_output(self, arrays: Sequence[np.ndarray], slots: Sequence[Slot]) -> Any:
        """Arrays as a tree like the output's; None at leaves that are no floating-point numbers."""
        made: list[Any] = [None for _ in leaves(self.template)]
        for (at, _, _), native in zip(self.floating, self.outputs_like(arrays, slots), strict=True):
            made[at] = native
        return rebuild(self.template, made)

    def tree(self, filled: Sequence[Any]) -> tuple[Any, ...]:
        """The positional arguments from all their leaves."""
        if self.arguments.plain:
            return tuple(filled)
        result: tuple[Any, ...] = rebuild(self.arguments.tree, filled)
        return result

    def _call(self, filled: Sequence[Any]) -> Any:
        return self.request.f(*self.tree(filled), **self.request.kwargs)

    def context(self) -> Any:
        """Where float64 stays float64, if that is wanted."""
        return self.precise.precise() if self.precise else nullcontext()
