"""Calls a spoilt derivative in the right one's place, and finds out whether that makes a difference."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

import numpy as np

from gradcheck import saboteurs
from gradcheck.catalogue import collect
from gradcheck.judge.trees import leaves
from gradcheck.saboteurs.base import Derivative, copied

Spoil = Callable[[Derivative], Derivative]


def watched(function: Any, saboteur: str, record: Callable[[str], None]) -> Any:
    """A function spoilt by a saboteur, or as it is where the name is empty; ``record`` hears what happens."""
    if isinstance(function, (staticmethod, classmethod)):
        return type(function)(watched(function.__func__, saboteur, record))
    spoil = collect(saboteurs, saboteurs.Saboteur)[saboteur].spoil if saboteur else _unchanged
    watch = _Watch(function, spoil)

    @wraps(function)
    def called(*args: Any, **kwargs: Any) -> Any:
        record("called")
        answer = watch(*args, **kwargs)
        if watch.changed:
            record("changed")
        return answer

    return called


def _unchanged(derivative: Derivative) -> Derivative:
    return derivative


class _Watch:
    """The spoilt derivative.

    A call has changed nothing when it answered as the right derivative, left the arguments as that did, and
    did not touch the answer before. The right one may write things down for its caller, so it is asked again
    only where the spoilt one has asked it about other arguments alone.
    """

    def __init__(self, right: Derivative, spoil: Spoil) -> None:
        self.changed = False
        self._right = right
        self._spoilt = spoil(self._asked)
        self._inner: list[tuple[_Seen, _Seen, _Seen]] = []
        self._last: Any = None

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if self.changed:
            return self._spoilt(*args, **kwargs)
        self._inner.clear()
        before, last = _Seen((args, kwargs)), _Seen(self._last)
        answer = self._spoilt(*args, **kwargs)
        after = _Seen((args, kwargs))
        if all(before != asked for asked, _, _ in self._inner):
            self._asked(*args, **kwargs)
        self.changed = (before, after, _Seen(answer)) not in self._inner or last != _Seen(self._last)
        self._last = answer
        return answer

    def _asked(self, *args: Any, **kwargs: Any) -> Any:
        if self.changed:
            return self._right(*args, **kwargs)
        before = _Seen((args, kwargs))
        answer = self._right(*args, **kwargs)
        self._inner.append((before, _Seen((args, kwargs)), _Seen(answer)))
        return answer


class _Seen:
    """The leaves of a tree as they are now: arrays by value, everything else by identity."""

    __hash__ = None  # type: ignore[assignment]

    def __init__(self, tree: Any) -> None:
        self._leaves = [(path, leaf, _values(leaf)) for path, leaf in leaves(tree)]

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, _Seen) or len(self._leaves) != len(other._leaves):
            return False
        pairs = zip(self._leaves, other._leaves, strict=True)
        return all(
            path == other_path and (leaf is other_leaf if values is None else _equal(values, other_values))
            for (path, leaf, values), (other_path, other_leaf, other_values) in pairs
        )


def _values(leaf: Any) -> np.ndarray | None:
    """A copy of an array's values; None for what is no array, or is traced and has none."""
    if not hasattr(leaf, "dtype") and not isinstance(leaf, (int, float, complex)):
        return None
    try:
        return copied(leaf)
    except Exception:  # a traced array may raise anything
        return None


def _equal(one: np.ndarray, other: np.ndarray | None) -> bool:
    if other is None or (one.shape, one.dtype) != (other.shape, other.dtype):
        return False
    return np.array_equal(one, other, equal_nan=one.dtype.kind in "fc")
