"""Nested arguments: dicts, lists, tuples and dataclasses of leaves, each leaf with the path one would write.

``None`` is an empty tree. Everything that is no container is a leaf.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import fields, is_dataclass, replace
from typing import Any


class Named(dict[str, Any]):
    """Leaves under dotted names of their own, such as the parameters of a module."""


def _children(tree: Any) -> Iterator[tuple[str, Any]] | None:
    """Suffix of the path and value of every child; None for a leaf."""
    if isinstance(tree, Named):
        return ((f".{name}", child) for name, child in tree.items())
    if isinstance(tree, Mapping):
        return ((f"[{key!r}]", child) for key, child in tree.items())
    if isinstance(tree, tuple) and hasattr(tree, "_fields"):
        return ((f".{name}", getattr(tree, name)) for name in tree._fields)
    if isinstance(tree, (list, tuple)):
        return ((f"[{at}]", child) for at, child in enumerate(tree))
    if is_dataclass(tree) and not isinstance(tree, type):
        return ((f".{field.name}", getattr(tree, field.name)) for field in fields(tree) if field.init)
    return None


def leaves(tree: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Path and value of every leaf, in order."""
    if tree is None:
        return
    children = _children(tree)
    if children is None:
        yield path.removeprefix("."), tree
        return
    for suffix, child in children:
        yield from leaves(child, path + suffix)


def rebuild(tree: Any, values: Iterable[Any]) -> Any:
    """The same tree with other leaves, taken in order."""
    return _rebuild(tree, iter(values))


def _rebuild(tree: Any, values: Iterator[Any]) -> Any:
    if tree is None:
        return None
    children = _children(tree)
    if children is None:
        return next(values)
    made = [_rebuild(child, values) for _, child in children]
    if isinstance(tree, Mapping):
        filled = dict(zip(tree, made, strict=True))
        return filled if type(tree) is dict else type(tree)(filled)  # type: ignore[call-arg]
    if isinstance(tree, tuple) and hasattr(tree, "_fields"):
        return type(tree)(*made)
    if isinstance(tree, (list, tuple)):
        return type(tree)(made)
    names = [field.name for field in fields(tree) if field.init]
    return replace(tree, **dict(zip(names, made, strict=True)))


def is_leaf(tree: Any) -> bool:
    """Whether a value is a leaf."""
    return tree is not None and _children(tree) is None


def shape_of(tree: Any) -> str:
    """The containers of a tree in words, for a message."""
    if tree is None:
        return "None"
    children = _children(tree)
    if children is None:
        return type(tree).__name__
    return f"{type(tree).__name__} of {sum(1 for _ in children)}"
