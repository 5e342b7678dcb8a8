"""What a problem of the benchmark consists of."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np

Args = tuple[Any, ...]


@dataclass(frozen=True, kw_only=True)
class Work:
    """A function, what is asked of it, and the best hand-written NumPy that answers.

    Attributes
    ----------
    f
        ``f(xp, *args)`` in array-API style; it runs on NumPy, on the engine and on most peers.
    make
        The seeded inputs, made anew in every process.
    floor
        ``floor(*args)`` answers without any engine; its arrays are fresh, since a caller keeps them.
    other_floor
        A second way by hand; the faster of the two is the floor.
    ask
        ``value_and_grad``, ``jacobian``, ``hessian``, ``sparse hessian`` or ``hvp``. Tangents of an ``hvp``
        are the last arguments, as many as ``wrt``.
    goal
        What a plan may take, in units of the floor.
    numba
        Whether the plan is also measured as machine code.
    operations
        Their number, where the time of one is of interest.
    """

    name: str
    title: str
    f: Callable[..., Any]
    make: Callable[[], Args]
    floor: Callable[..., Any]
    ask: str = "value_and_grad"
    wrt: tuple[int, ...] = (0,)
    other_floor: Callable[..., Any] | None = None
    goal: float | None = None
    numba: bool = False
    operations: int = 0

    @property
    def positions(self) -> int | tuple[int, ...]:
        """``wrt`` as most frameworks take it: one position is a number."""
        return self.wrt if len(self.wrt) > 1 else self.wrt[0]

    def split(self, args: Args) -> tuple[Args, Args]:
        """The function's arguments, and the tangents after them."""
        count = len(self.wrt) if self.ask == "hvp" else 0
        cut = len(args) - count
        return args[:cut], args[cut:]

    def of(self, f: Callable[..., Any], args: Args) -> Callable[..., Any]:
        """A function of the ``wrt`` arguments alone, the others fixed."""

        def restricted(*values: Any) -> Any:
            merged = list(args)
            for position, value in zip(self.wrt, values, strict=True):
                merged[position] = value
            return f(*merged)

        return restricted

    @property
    def size(self) -> int:
        """Entries of all inputs."""
        return sum(prod(np.shape(arg)) for arg in self.make())


def names(chosen: str, name: str) -> bool:
    """Whether ``P7`` or ``P7a`` means this name; ``P1`` does not mean ``P10``."""
    return re.match(re.escape(chosen) + r"(?!\d)", name) is not None


def by_rows(matrix: Any) -> list[np.ndarray]:
    """The arrays of a sparse matrix in the one form in which all are compared."""
    rows = matrix.tocsr()
    rows.sum_duplicates()
    rows.eliminate_zeros()
    return [rows.indptr, rows.indices, rows.data]


def seeded(number: int) -> np.random.Generator:
    return np.random.default_rng(number)
