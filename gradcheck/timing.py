"""Time, measured side by side: rounds over all backends in an order drawn anew each round.

Machines drift; competitors that are timed one after the other differ by drift alone. A round takes one
sample of every cell of a group of problems, backend by backend, and keeps it raw; reports take medians.
"""

from __future__ import annotations

import math
import random
from collections.abc import Mapping, Sequence
from dataclasses import replace

from gradcheck import asking
from gradcheck.asking import Question
from gradcheck.backends.base import Backend
from gradcheck.problems import Instance
from gradcheck.results import Measurement
from gradcheck.workers import Died, InProcess, TimedOut, Workers

_BUDGET = 0.01  # seconds of samples after which a cell is not timed again

Group = Sequence[tuple[Instance, Sequence[Measurement]]]
_Place = tuple[int, int]  # instance and cell in a group


def timed(
    group: Group, backends: Mapping[str, Backend], workers: Workers | InProcess, *, rounds: int, seed: int
) -> list[list[Measurement]]:
    """The cells of a group of instances with their timing samples.

    Parameters
    ----------
    group
        Instances, each with its judged cells; cells without an answer are left alone.
    backends
        By name.
    workers
        Where they run.
    rounds
        Samples per cell, fewer for cells that take long.
    seed
        Of the order of the rounds.
    """
    order = random.Random(seed)
    samples: dict[_Place, list[float]] = {
        (i, j): []
        for i, (_, cells) in enumerate(group)
        for j, cell in enumerate(cells)
        if cell.calls and cell.outcome.ran
    }
    for _ in range(rounds):
        turns: dict[tuple[str, str], list[_Place]] = {}
        for (i, j), taken in samples.items():
            if sum(taken) < _BUDGET:
                cell = group[i][1][j]
                turns.setdefault((cell.backend, cell.device), []).append((i, j))
        for name, device in order.sample(sorted(turns), len(turns)):
            places = turns[name, device]
            for place, seconds in zip(
                places, _sample(group, places, backends[name], device, workers), strict=True
            ):
                samples[place].append(seconds)
    return [
        [replace(cell, samples=_finite(samples.get((i, j), ()))) for j, cell in enumerate(cells)]
        for i, (_, cells) in enumerate(group)
    ]


def _sample(
    group: Group, places: Sequence[_Place], backend: Backend, device: str, workers: Workers | InProcess
) -> list[float]:
    """One sample of every cell of one backend, in one visit to its worker."""
    visits: dict[int, list[tuple[Question, int]]] = {}
    for i, j in places:
        cell = group[i][1][j]
        visits.setdefault(i, []).append((Question(cell.operator, cell.dtype), cell.calls))
    batch = [(group[i][0], questions) for i, questions in visits.items()]
    try:
        samples: list[float] = workers.submit(backend.name, asking.clock, backend, device, batch).result()
    except (TimedOut, Died):
        return [math.inf] * len(places)  # spends the budget of these cells; infinite samples are dropped
    return samples


def _finite(samples: Sequence[float]) -> tuple[float, ...]:
    return tuple(sample for sample in samples if math.isfinite(sample))
