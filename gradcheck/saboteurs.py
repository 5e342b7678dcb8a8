"""Backends that are wrong on purpose: the evidence that a good verdict means something.

Each is the engine with one fault. They are no entry point's; a test, or a user who wants to see the judge at
work, passes them to a plan.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from gradcheck.backends.base import Backend, Blocks, Differentiator
from gradcheck.backends.engine import EngineDifferentiator
from gradcheck.engine.core import sum_to
from gradcheck.problems import Bound

Fault = Callable[[np.ndarray], np.ndarray]

_OPERATORS = ("gradient", "jacobian", "hessian", "jvp", "vjp", "hvp")


class Faulty(Differentiator):
    """The engine with a fault in every array of every derivative; values stay right."""

    def __init__(self, fault: Fault) -> None:
        self._engine = EngineDifferentiator()
        self._fault = fault
        self.xp = self._engine.xp
        for operator in _OPERATORS:
            setattr(self, operator, self._spoilt(operator))

    def _spoilt(self, operator: str) -> Callable[..., Any]:
        right = getattr(self._engine, operator)

        def wrong(*args: Any) -> Any:
            return self._spoil(right(*args))

        return wrong

    def _spoil(self, blocks: Any) -> Any:
        if isinstance(blocks, (list, tuple)):
            return [self._spoil(block) for block in blocks]
        array = np.asarray(blocks)
        return np.asarray(self._fault(array), dtype=array.dtype)


class Mutating(EngineDifferentiator):
    """Right answers, and an input moved in place on the way."""

    def vjp(self, f: Bound, xs: Blocks, cotangent: Any) -> Any:
        answer = super().vjp(f, xs, cotangent)
        xs[0][...] = xs[0] + 1
        return answer


def _drop_largest(array: np.ndarray) -> np.ndarray:
    spoilt = array.copy()
    spoilt[np.unravel_index(np.argmax(np.abs(array)), array.shape)] = 0
    return spoilt


def _transpose(array: np.ndarray) -> np.ndarray:
    return np.transpose(array).reshape(array.shape)


def _mean_of_broadcast(cotangent: Any, shape: tuple[int, ...]) -> Any:
    """Undo broadcasting by the mean, where the sum belongs."""
    right = sum_to(cotangent, shape)
    return right * (max(np.size(right), 1) / max(np.size(cotangent), 1)) if np.size(cotangent) else right


def _faulty(name: str, title: str, fault: Fault) -> Backend:
    return Backend(name=name, title=title, load=lambda device: Faulty(fault))


sign_flipped = _faulty("sign-flipped", "every derivative times -1", np.negative)
doubled = _faulty("doubled", "every derivative times 2", lambda array: 2 * array)
entry_dropped = _faulty("entry-dropped", "the largest entry of every array set to 0", _drop_largest)
not_a_number = _faulty("not-a-number", "every derivative NaN", lambda array: np.full_like(array, np.nan))
infinite = _faulty("infinite", "every derivative infinite", lambda array: np.full_like(array, np.inf))
zeros = _faulty("zeros", "every derivative 0", np.zeros_like)
transposed = _faulty("transposed", "the axes of every array reversed, its shape kept", _transpose)
thousandth = _faulty("thousandth-off", "every derivative 0.1 % too large", lambda array: 1.001 * array)
broadcast_mean = Backend(
    name="broadcast-mean",
    title="the cotangent of a broadcast operand averaged where it should be summed",
    load=lambda device: EngineDifferentiator(unbroadcast=_mean_of_broadcast),
)
input_mutated = Backend(
    name="input-mutated", title="an input changed in place", load=lambda device: Mutating()
)
