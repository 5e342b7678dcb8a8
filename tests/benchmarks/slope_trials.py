"""Times of problems over their sizes, all sizes and operators in rounds, in one process with one thread.

Seconds are those of the processor at work for this process: a slope is a matter of the code, and not of who
else uses the machine.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from math import ceil
from multiprocessing import get_context
from time import process_time
from typing import Any

from engine_work.race import settings

SAMPLE = 2e-3  # seconds that a sample lasts at least

Samples = dict[tuple[str, str, int], list[float]]  # by problem, operator and size


def measured(names: Sequence[str], rounds: int, largest: int) -> Samples:
    """Seconds per call of the engine, round by round, from a process that is born with one thread."""
    with settings(), ProcessPoolExecutor(1, get_context("spawn")) as pool:
        return pool.submit(_measured, names, rounds, largest).result()


def _measured(names: Sequence[str], rounds: int, largest: int) -> Samples:
    from gradcheck_suites import scaling

    from gradcheck.backends.engine import EngineDifferentiator

    engine, samples = EngineDifferentiator(), {}
    for name in names:  # the inputs of one problem at a time are held
        calls = {}
        for case in getattr(scaling, name).instances():
            if not 0 < case.point.size <= largest:
                continue
            arrays = case.cast("float64")
            f, xs = case.bind(engine.xp, arrays), [arrays[given] for given in case.problem.wrt]
            for operator in ("value", "gradient"):
                calls[name, operator, case.point.size] = engine.prepare(operator, f, xs), xs
        samples |= _in_rounds(calls, rounds, random.Random(name))
    return samples


def _in_rounds(
    calls: dict[Any, tuple[Callable[..., Any], Any]], rounds: int, order: random.Random
) -> Samples:
    for call, xs in calls.values():
        call(xs)
    often = {key: ceil(SAMPLE / max(_seconds(call, xs, 3), 1e-7)) for key, (call, xs) in calls.items()}
    samples: Samples = {key: [] for key in calls}
    for _ in range(rounds):
        for key in order.sample(sorted(calls), len(calls)):
            samples[key].append(_seconds(*calls[key], often[key]))
    return samples


def _seconds(call: Callable[..., Any], xs: Any, times: int) -> float:
    before = process_time()
    for _ in range(times):
        call(xs)
    return (process_time() - before) / times
