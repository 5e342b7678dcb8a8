"""Nested arguments and outputs: dicts, lists, tuples, named tuples and dataclasses of arrays.

An array or a number is a tree of one leaf and never meets the library; ``optree`` is loaded with the first
container. ``None`` is an empty tree.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np

from gradcheck.engine.core import Traced

Leaves = list[Any]
Rebuild = Callable[[Sequence[Any]], Any]  # leaves to a tree of the same structure

_NAMESPACE = "gradcheck.engine"  # of the dataclasses that optree is told about
_FLAT = frozenset({float, int, bool, complex, np.ndarray, np.float64, np.float32})


def is_leaf(tree: Any) -> bool:
    """Whether a value is one array or number."""
    return type(tree) in _FLAT or isinstance(tree, (Traced, np.ndarray, np.generic))


def flatten(tree: Any) -> tuple[Leaves, Rebuild]:
    """The leaves of a tree, and the function that puts others in their place."""
    if is_leaf(tree):
        return [tree], _only
    leaves, structure = _flattened(tree)
    return leaves, structure.unflatten


def structure(tree: Any) -> Any:
    """The containers of a tree without its leaves: hashable, and equal for equal containers."""
    return None if is_leaf(tree) else _flattened(tree)[1]


def flatten_like(tree: Any, other: Any) -> Leaves:
    """What stands in ``other`` where the leaves of ``tree`` stand.

    Raises
    ------
    ValueError
        When ``other`` has other containers than ``tree``.
    """
    if is_leaf(tree):
        return [other]
    _learn(other)
    found: Leaves = _flattened(tree)[1].flatten_up_to(other)
    return found


def describe(tree: Any) -> str:
    """The containers of a tree, every leaf an asterisk, for a message."""
    return "*" if is_leaf(tree) else _describe(_flattened(tree)[1])


def _describe(structure: Any) -> str:
    if structure.is_leaf():
        return "*"
    kind, children = structure.type, [_describe(child) for child in structure.children()]
    if issubclass(kind, dict):
        pairs = zip(structure.entries(), children, strict=True)
        return "{" + ", ".join(f"{key!r}: {child}" for key, child in pairs) + "}"
    listed = ", ".join(children)
    if kind is list:
        return f"[{listed}]"
    if kind is tuple:
        return f"({listed},)" if len(children) == 1 else f"({listed})"
    return "None" if kind is type(None) else f"{kind.__name__}({listed})"


def _only(leaves: Sequence[Any]) -> Any:
    (leaf,) = leaves
    return leaf


def _flattened(tree: Any) -> tuple[Leaves, Any]:
    import optree

    while True:
        leaves, structure = optree.tree_flatten(tree, namespace=_NAMESPACE)
        new = {type(leaf) for leaf in leaves if is_dataclass(leaf) and not isinstance(leaf, type)}
        if not new:
            return leaves, structure
        for kind in new:
            _register(kind)


def _learn(tree: Any) -> None:
    """Make the dataclasses within a tree known."""
    if not is_leaf(tree):
        _flattened(tree)


def _register(kind: type) -> None:
    """Tell optree about a dataclass.

    One is rebuilt field by field without its constructor, which may expect plain arrays; where the
    constructor computes fields of its own (``init=False``) it has to run.
    """
    import optree

    names = [field.name for field in fields(kind) if field.init]
    computes = len(names) < len(fields(kind))

    def take(tree: Any) -> tuple[tuple[Any, ...], None, tuple[str, ...]]:
        return tuple(getattr(tree, name) for name in names), None, tuple(names)

    def make(_: None, children: Iterable[Any]) -> Any:
        values = dict(zip(names, children, strict=True))
        if computes:
            return kind(**values)
        made: Any = object.__new__(kind)
        for name, value in values.items():
            object.__setattr__(made, name, value)
        return made

    with suppress(ValueError):  # another thread was first
        optree.register_pytree_node(kind, take, make, namespace=_NAMESPACE)  # type: ignore[arg-type]
