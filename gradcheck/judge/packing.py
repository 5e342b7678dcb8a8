"""Between lists of arrays and what users return: one tree per differentiable argument."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from gradcheck.judge.binding import Binding
from gradcheck.judge.frameworks import frameworks
from gradcheck.judge.subject import (
    Arrays,
    BrokenPromise,
    Subject,
    read_arguments,
)
from gradcheck.judge.trees import is_leaf, leaves, shape_of
from gradcheck.judge.verdict import Finding


class Packing:
    """Between lists of arrays and what users return: one tree per differentiable argument."""

    def __init__(self, binding: Binding, subject: Subject) -> None:
        self._binding = binding
        self._subject = subject
        arguments = binding.arguments
        starts, position = [], 0
        for tree in arguments.tree:
            count = sum(1 for _ in leaves(tree))
            starts.append((position, position + count))
            position += count
        everything = read_arguments(binding.names, arguments.tree, None)
        self._starts = starts
        self._differentiable = [i for i, s in enumerate(starts) if _within(everything.positions, s)]
        self._wanted = [i for i, s in enumerate(starts) if _within(arguments.positions, s)]
        self.tangent_names = [f"tangent of {binding.names[i]}" for i in self._differentiable]

    def tangents(self, arrays: Arrays) -> list[Any]:
        """Tangents as trees like the differentiable arguments; zeros where nothing is differentiated."""
        arguments = self._binding.arguments
        filled: list[Any] = [None] * len(arguments.natives)
        every = read_arguments(self._binding.names, arguments.tree, None)
        zeros = [np.zeros(slot.shape) for slot in every.slots]
        for position, native in zip(every.positions, every.own(zeros), strict=True):
            filled[position] = native
        for position, native in zip(arguments.positions, arguments.own(arrays), strict=True):
            filled[position] = native
        trees = self._binding.tree(filled)
        return [trees[i] for i in self._differentiable]

    def unpack(self, result: Any, mode: str) -> list[Any]:
        """The raw array for every differentiated leaf, None where the user returns None.

        Raises
        ------
        BrokenPromise
            When the answer is not one tree per argument.
        """
        arguments = self._binding.arguments
        raw: dict[int, Any] = {}
        for i, tree in self._per_argument(result, mode).items():
            start, stop = self._starts[i]
            below = _matched(arguments.tree[i], tree, self._binding.names[i], mode)
            raw.update(zip(range(start, stop), below, strict=True))
        return [
            None if (leaf := raw[position]) is None else _as_array(leaf, slot.path, mode)
            for position, slot in zip(arguments.positions, arguments.slots, strict=True)
        ]

    def _per_argument(self, result: Any, mode: str) -> dict[int, Any]:
        trees, names = self._binding.arguments.tree, self._binding.names
        if isinstance(result, Mapping) and set(result) == {names[i] for i in self._differentiable}:
            return {i: result[names[i]] for i in self._differentiable}
        several = isinstance(result, (tuple, list))
        if len(self._differentiable) == 1:
            only = self._differentiable[0]
            if several and len(result) == len(trees) and (len(trees) > 1 or is_leaf(trees[only])):
                return {only: result[only]}
            if several and len(result) == 1 and shape_of(trees[only]) != shape_of(result):
                return {only: result[0]}
            return {only: result}
        for chosen in (range(len(trees)), self._differentiable, self._wanted):
            if several and len(result) == len(chosen):
                return {i: part for i, part in zip(chosen, result, strict=True) if i in self._wanted}
        if not several and len(self._wanted) == 1:
            return {self._wanted[0]: result}
        count = len(result) if several else 1
        wanted = len(self._differentiable)
        raise broken(
            mode,
            "",
            f"returns {count} arrays for {wanted} differentiable arguments",
            "wrong shape",
            wanted,
            count,
        )

    def check(self, raw: Sequence[Any], mode: str) -> None:
        """Shapes of a gradient against those of the inputs."""
        for gradient, slot in zip(raw, self._subject.inputs, strict=True):
            if gradient is not None and np.asarray(gradient).dtype.kind in "iub" and np.ndim(gradient):
                raise broken(mode, slot.path, "wrong dtype", "wrong dtype", slot.dtype, gradient.dtype.name)
            if gradient is not None and np.shape(gradient) != slot.shape:
                raise broken(mode, slot.path, "wrong shape", "wrong shape", slot.shape, np.shape(gradient))

    def outputs(self, result: Any, mode: str) -> list[Any]:
        """The raw tangent of every floating output."""
        template = self._binding.template
        if is_leaf(template) and isinstance(result, (tuple, list)) and len(result) == 1:
            result = result[0]
        below = _matched(template, result, "output", mode)
        return [
            None if below[at] is None else _as_array(below[at], slot.path or "output", mode)
            for (at, _, _), slot in zip(self._binding.floating, self._subject.outputs, strict=True)
        ]

    def matrices(self, raw: Sequence[Any], mode: str) -> list[np.ndarray]:
        """Jacobians as matrices, one row per output entry and one column per input entry."""
        output = self._subject.outputs[0]
        made = []
        for block, slot in zip(raw, self._subject.inputs, strict=True):
            array = np.zeros((output.size, slot.size)) if block is None else np.asarray(block)
            if array.shape not in ((*output.shape, *slot.shape), (output.size, slot.size)):
                expected = (*output.shape, *slot.shape)
                cause = "transposed" if array.shape == (*slot.shape, *output.shape) else "wrong shape"
                raise broken(mode, slot.path, "wrong shape", cause, expected, array.shape)
            made.append(array.reshape(output.size, slot.size))
        return made


def _within(positions: Sequence[int], span: tuple[int, int]) -> bool:
    return any(span[0] <= position < span[1] for position in positions)


def _matched(tree: Any, given: Any, path: str, mode: str) -> list[Any]:
    """Leaves of a given tree in the order of another's; a None stands for all that is below."""
    if given is None:
        return [None for _ in leaves(tree)]
    if is_leaf(tree):
        if isinstance(given, (tuple, list)) and len(given) == 1:
            given = given[0]
        if isinstance(given, (tuple, dict)):
            raise broken(mode, path, f"a {shape_of(given)} where one array belongs", "wrong shape")
        return [given]
    if is_leaf(given) or len(_parts(given)) != len(_parts(tree)):
        fault = f"a {shape_of(given)} where a {shape_of(tree)} belongs"
        raise broken(mode, path, fault, "wrong shape")
    found: list[Any] = []
    other = dict(_parts(given))
    for (suffix, child), (_, by_order) in zip(_parts(tree), _parts(given), strict=True):
        found += _matched(child, other.get(suffix, by_order), path + suffix, mode)
    return found


def _parts(tree: Any) -> list[tuple[str, Any]]:
    from gradcheck.judge.trees import _children

    return list(_children(tree) or ())


def _as_array(leaf: Any, path: str, mode: str) -> np.ndarray:
    if hasattr(leaf, "toarray"):  # SciPy's sparse arrays
        leaf = leaf.toarray()
    known = frameworks()
    framework = next((f for f in known if f.owns(leaf)), None)
    array = framework.to_numpy(leaf) if framework else np.asarray(leaf)
    if array.dtype.kind not in "fciub" and array.dtype.name != "bfloat16":
        raise broken(mode, path, f"returns {type(leaf).__name__}, no numbers", "wrong dtype")
    return array


def broken(
    mode: str, path: str, message: str, cause: str, expected: Any = None, got: Any = None
) -> BrokenPromise:
    """What to raise for an answer of the wrong form."""
    detail = f": got {got}, expected {expected}" if expected is not None else ""
    return BrokenPromise(
        Finding(
            kind="contract",
            mode=mode,
            path=path,
            message=message + detail,
            cause=cause,
            expected=expected,
            got=got,
        )
    )
