"""A primitive at one place, and the arrays that many places share."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

MATRIX = np.array([[1.0, -2.0, 3.0], [4.0, 5.0, -6.0]])
SQUARE = np.array([[4.0, 1.0], [2.0, 3.0]])
VECTOR = np.array([0.5, -1.5, 2.0])
TENSOR = np.linspace(-2, 3, 12).round(2).reshape(2, 3, 2)

# Intervals of DOMAINS.
NEAR_ZERO, POSITIVE, INSIDE = (-3.0, 3.0), (0.0625, 8.0), (-0.9375, 0.9375)


@dataclass(frozen=True)
class Case:
    """A primitive at one place: ``call`` closes over what is not differentiated.

    Attributes
    ----------
    name
        Of the primitive.
    call
        ``(xp, *inputs)``: the primitive from a namespace, applied.
    inputs
        Where.
    exact
        The same function for balls, where ``call`` does not do for them.
    label
        What is special about the place.
    """

    name: str
    call: Callable[..., Any]
    inputs: tuple[Any, ...]
    exact: Callable[..., Any] | None = None
    label: str = ""

    def __str__(self) -> str:
        return f"{self.name}-{self.label}" if self.label else self.name


def plainly(name: str) -> Callable[..., Any]:
    """The function of that name, applied to the inputs."""
    return lambda xp, *inputs: getattr(xp, name)(*inputs)


def joining(name: str, axis: int) -> Callable[..., Any]:
    """A function of a list of arrays."""
    return lambda xp, *inputs: getattr(xp, name)(list(inputs), axis=axis)
