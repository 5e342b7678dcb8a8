"""A clock may be held against a backend: what it says is over is over, and every call counts.

All is judged by shares of one measurement, which a busy machine stretches alike, and by the middle or the
best of several.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import median
from time import perf_counter
from typing import Any

import numpy as np

from gradcheck.backends.base import Call
from gradcheck.conformance.busy import busy_threads
from gradcheck.conformance.check import check
from gradcheck.conformance.examples import work
from gradcheck.conformance.outcome import Failed, NotApplicable, reported
from gradcheck.conformance.trial import Posed, Trial
from gradcheck.devices import CPU, threads

_LONG = 0.02  # seconds: a call this long shows whether it was waited for
_ENOUGH = 0.001  # seconds: the least that will do where a larger function takes too long to prepare
_PATIENCE = 0.5  # seconds of preparation after which no larger function is tried, where they grow with it
_GROWTH = 3  # as much longer does preparing take where it grows with the function
_LARGEST = 8192
_ROUNDS = 5
_SPARE = 0.3  # busy threads more than those, for a moment


@check("a call that is said to be over has its result")
def waits_for_its_result(trial: Trial) -> str:
    """After synchronize, reading the result takes none of the work's time."""
    job = _long_job(trial)

    def late(round_: int) -> float:
        arguments = job.pool[round_ % len(job.pool)]
        started = perf_counter()
        result = job.call(*arguments)
        trial.differentiator.synchronize(result)
        over = perf_counter()
        job.posed.read(result)
        return (perf_counter() - over) / (perf_counter() - started)

    share = median(late(round_) for round_ in range(_ROUNDS))
    if share > 0.5:
        raise Failed(
            f"expected the work to be done after synchronize(), got {share:.0%} of its time after that"
        )
    return f"{share:.0%} of {job.seconds * 1e3:.0f} ms after synchronize()"


@check("elapsed() is the time until the results can be read")
def elapsed_ends_with_the_results(trial: Trial) -> str:
    """Beside a clock that is stopped when NumPy has them."""
    job = _long_job(trial)

    def share(_: int) -> float:
        results: list[Any] = []

        def keeping(*arguments: Any) -> Any:
            results.append(job.call(*arguments))
            return results[-1]

        started = perf_counter()
        claimed = trial.differentiator.elapsed(keeping, job.pool)
        for result in results:
            job.posed.read(result)
        return claimed / (perf_counter() - started)

    seen = median(share(round_) for round_ in range(_ROUNDS))
    if not 0.5 <= seen <= 1.5:
        raise Failed(f"expected elapsed() to be the time until results are read, got {seen:.0%} of it")
    return f"{seen:.0%} of the time until results are read"


@check("elapsed() grows with the number of calls")
def elapsed_counts_every_call(trial: Trial) -> str:
    """Six calls take three times as long as one, or more."""
    job = _long_job(trial)
    one, six = float("inf"), float("inf")
    for round_ in range(_ROUNDS):
        one = min(one, trial.differentiator.elapsed(job.call, job.pool[:1]))
        six = min(six, trial.differentiator.elapsed(job.call, (job.pool * 2)[:6]))
        if round_ and six >= 3 * one > 0:
            return f"{six / one:.1f} times one call's for six calls"
    raise Failed(
        f"expected six calls to take at least 3 times as long as one, got {six:.2g} s and {one:.2g} s"
    )


@check("uses as many threads as its device stands for")
def keeps_to_its_threads(trial: Trial) -> str:
    """Of two looks the one that saw less: what a process does now and then is not the backend's."""
    if trial.device not in CPU:
        raise NotApplicable(f"{trial.device} is not a number of threads")
    job, most = _long_job(trial), threads(trial.device)

    def work() -> None:
        for arguments in job.pool:
            trial.differentiator.synchronize(job.call(*arguments))

    busy = min(busy_threads(work) for _ in range(2))
    if busy > most + _SPARE:
        raise Failed(
            f"expected at most {most} busy threads on {trial.device}, got {busy:.1f}; "
            "a library may read its number of threads only when the process starts, as OMP_NUM_THREADS"
        )
    return f"{busy:.1f} busy of {most}"


@dataclass(frozen=True, slots=True)
class _Job:
    """A prepared call that takes long, its arguments at several inputs, and its seconds."""

    posed: Posed
    call: Call
    pool: list[tuple[Any, ...]]
    seconds: float


def _long_job(trial: Trial) -> _Job:
    """The derivative of a function made larger until it takes long enough; its value, without derivatives."""
    try:
        return _grown(trial, "gradient")
    except NotApplicable:
        return _grown(trial, "value")


def _grown(trial: Trial, operator: str) -> _Job:
    if operator not in trial.backend.operators:
        raise NotApplicable(f"does not declare {operator}")
    size, before = 2, math.inf
    while True:
        posed = trial.pose(work(size), operator)
        with reported(f"{posed}"):
            started = perf_counter()
            call = posed.prepare()
            prepared = perf_counter() - started
            pool = [([trial.differentiator.array(np.asarray(t, posed.dtype))],) for t in (0.5, 1.0, 1.5)]
            seconds = min(_until_read(posed, call, arguments) for arguments in pool)
        grows = prepared > _GROWTH * before
        last = (grows and prepared > _PATIENCE) or size >= _LARGEST
        if seconds >= _LONG or (last and seconds >= _ENOUGH):
            return _Job(posed, call, pool, seconds)
        if last:
            raise NotApplicable(f"its longest call takes {seconds:.1g} s, too short to look into")
        size, before = size * (2 if grows or seconds > _LONG / 100 else 4), prepared


def _until_read(posed: Posed, call: Call, arguments: tuple[Any, ...]) -> float:
    started = perf_counter()
    posed.read(call(*arguments))
    return perf_counter() - started
