"""Backends that are wrong on purpose: the engine with one fault in its derivatives; values stay right."""

from __future__ import annotations

from typing import Any

import numpy as np

from gradcheck.backends.base import Backend, Differentiator
from gradcheck.backends.engine import EngineDifferentiator
from gradcheck.engine.core import sum_to
from gradcheck.saboteurs import absences, factors, magnitudes, places, state
from gradcheck.saboteurs.base import Saboteur

_OPERATORS = ("gradient", "jacobian", "hessian", "jvp", "vjp", "hvp")


class Faulty(Differentiator):
    """The engine with every derivative spoilt."""

    def __init__(self, saboteur: Saboteur) -> None:
        engine = EngineDifferentiator()
        self.xp = engine.xp
        for operator in _OPERATORS:
            setattr(self, operator, saboteur.spoil(getattr(engine, operator)))


def _mean_of_broadcast(cotangent: Any, shape: tuple[int, ...]) -> Any:
    """Undo broadcasting by the mean, where the sum belongs."""
    right = sum_to(cotangent, shape)
    return right * (max(np.size(right), 1) / max(np.size(cotangent), 1)) if np.size(cotangent) else right


def _faulty(name: str, title: str, saboteur: Saboteur) -> Backend:
    return Backend(name=name, title=title, load=lambda device: Faulty(saboteur))


sign_flipped = _faulty("sign-flipped", "every derivative times -1", factors.sign)
doubled = _faulty("doubled", "every derivative times 2", factors.twice)
entry_dropped = _faulty(
    "entry-dropped", "the largest entry of every array set to 0", absences.largest_dropped
)
not_a_number = _faulty("not-a-number", "every derivative NaN", absences.all_nan)
infinite = _faulty("infinite", "every derivative infinite", absences.all_infinite)
zeros = _faulty("zeros", "every derivative 0", absences.all_zero)
transposed = _faulty(
    "transposed", "the axes of every array reversed, its shape kept", places.transposed_anyway
)
thousandth = _faulty("thousandth-off", "every derivative 0.1 % too large", magnitudes.all_by_thousandth)
input_mutated = _faulty("input-mutated", "an input changed in place", state.moves_inputs)
broadcast_mean = Backend(
    name="broadcast-mean",
    title="the cotangent of a broadcast operand averaged where it should be summed",
    load=lambda device: EngineDifferentiator(unbroadcast=_mean_of_broadcast),
)
