"""Kinds of arguments: what a plan is made for, and the source that recognises it and takes it apart."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from gradcheck.engine.trees import flatten, structure
from gradcheck.errors import BadArgument

_DATA = (float, complex)
_PLAIN = (tuple, list, dict)


def kind(x: Any) -> Any:
    """A hashable description of what a plan depends on: containers, shapes, dtypes, and what is no data."""
    if isinstance(x, (np.ndarray, np.generic)) and x.dtype.kind in "biufc":
        return (type(x), x.shape, x.dtype)
    if type(x) in _DATA:
        return type(x)
    parts = children(x)
    if parts is not None:
        keys = tuple(x) if type(x) is dict else None if type(x) in _PLAIN else structure(x)
        return (type(x), keys, tuple(kind(part) for _, part in parts))
    try:
        hash(x)
    except TypeError:
        raise BadArgument(
            "engine.compile", "arrays, numbers, hashable values, or containers of them", type(x).__name__
        ) from None
    return (type(x), x)


def is_data(x: Any) -> bool:
    """Whether a value is brought by every call, rather than being part of the kind."""
    return type(x) in _DATA or isinstance(x, (np.ndarray, np.generic))


def children(x: Any) -> list[tuple[str, Any]] | None:
    """How each part of a container is written, ``{}`` being the container, and the part; None for a leaf."""
    if type(x) in (tuple, list):
        return [(f"{{}}[{at}]", part) for at, part in enumerate(x)]
    if type(x) is dict and all(type(key) in (str, int) for key in x):
        return [(f"{{}}[{_escaped(key)}]", part) for key, part in x.items()]
    if x is None or is_data(x):
        return None
    leaves, _ = flatten(x)
    if len(leaves) == 1 and leaves[0] is x:
        return None
    return [(f"flatten({{}})[0][{at}]", part) for at, part in enumerate(leaves)]


def _escaped(key: Any) -> str:
    return repr(key).replace("{", "{{").replace("}", "}}")


def leaves(x: Any, text: str) -> Iterator[tuple[str, Any]]:
    """Every leaf that is data, with the source that gets it."""
    parts = children(x)
    if parts is not None:
        for path, part in parts:
            yield from leaves(part, path.format(text))
    elif is_data(x):
        yield text, x


def guards(x: Any, text: str, names: dict[str, Any]) -> Iterator[str]:
    """Conditions under which a value is of the kind of ``x``; what they refer to goes into ``names``."""

    def name(value: Any) -> str:
        known = f"{value}_" if isinstance(value, np.dtype) else getattr(value, "__name__", "")
        free = isinstance(value, (np.dtype, type)) and known.isidentifier()
        if not free or names.setdefault(known, value) is not value:
            known = f"g{len(names)}"
            names[known] = value
        return known

    if type(x) in _DATA:
        yield f"{text}.__class__ is {type(x).__name__}"
    elif is_data(x):
        yield f"{text}.__class__ is {name(type(x))}"
        if x.shape or isinstance(x, np.ndarray):
            yield f"{text}.shape == {x.shape}"
        yield f"{text}.dtype is {name(x.dtype)}"
    else:
        yield f"{text}.__class__ is {name(type(x))}"
        parts = children(x)
        if parts is None:
            yield f"{text} == {name(x)}"
            return
        if type(x) is dict:
            yield f"list({text}) == {name(list(x))}"
        elif type(x) in _PLAIN:
            yield f"len({text}) == {len(parts)}"
        else:
            names |= {"structure": structure, "flatten": flatten}
            yield f"structure({text}) == {name(structure(x))}"
        for path, part in parts:
            yield from guards(part, path.format(text), names)


def rebuilt(x: Any, values: Iterator[Any]) -> Any:
    """The same containers with other data."""
    parts = children(x)
    if parts is None:
        return next(values) if is_data(x) else x
    made = [rebuilt(part, values) for _, part in parts]
    if type(x) is dict:
        return dict(zip(x, made, strict=True))
    return type(x)(made) if type(x) in (tuple, list) else flatten(x)[1](made)
