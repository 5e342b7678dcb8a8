"""A process of its own for each framework: it prepares one problem at a time and times itself on demand."""

from __future__ import annotations

import gc
import importlib
import os
import tracemalloc
import warnings
from itertools import repeat
from time import perf_counter
from typing import Any

SAMPLE = 2e-3  # seconds that a sample lasts at least

SETTINGS = {
    **{f"{name}_NUM_THREADS": "1" for name in ("OMP", "OPENBLAS", "MKL", "NUMBA", "VECLIB", "NUMEXPR")},
    "XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1",
    "NPROC": "1",  # XLA counts processors
    "JAX_ENABLE_X64": "1",
    "JAX_PLATFORMS": "cpu",
    "TF_NUM_INTRAOP_THREADS": "1",
    "TF_NUM_INTEROP_THREADS": "1",
    "TF_CPP_MIN_LOG_LEVEL": "3",
    "CUDA_VISIBLE_DEVICES": "-1",
    # glibc would give large arrays back to the system, or keep them, by the history of its heap
    "MALLOC_MMAP_THRESHOLD_": str(2**25),
    "MALLOC_TRIM_THRESHOLD_": str(2**31 - 1),
}


def seconds_of(call: Any, args: Any, times: int) -> float:
    """Seconds one call takes, of so many in a row."""
    before = perf_counter()
    for _ in repeat(None, times):
        call(*args)
    return (perf_counter() - before) / times


def fitting(call: Any, args: Any) -> int:
    """How many calls make a sample."""
    times = 1
    while (seconds := seconds_of(call, args, times) * times) < SAMPLE:
        times *= 2 if seconds <= 0 else max(2, min(10, int(1.2 * SAMPLE / seconds)))
    return times


class Bench:
    """The ways one framework has of solving the problem at hand.

    A side is a module with ``WAYS``, from a column's name to ``(work) -> (call, args)``, or None where it
    has no way, and ``arrays(answer)``, which makes NumPy arrays of an answer. It may have
    ``fresh(answer, call, args)``: whether a caller may keep the answer.
    """

    def __init__(self, side: Any) -> None:
        self.side = side
        self.ways: dict[str, Any] = {}
        self.times: dict[str, int] = {}

    def load(self, name: str, way: str) -> Any:
        """Prepare: seconds of the first call, with all that makes it possible, and its answer."""
        from engine_work.works import WORKS

        gc.collect()
        before = perf_counter()
        made = self.side.WAYS[way](WORKS[name])
        if made is None:
            return None
        call, args = made
        answer = call(*args)
        first = perf_counter() - before
        fresh = getattr(self.side, "fresh", None)
        if fresh and not fresh(answer, call, args):
            raise ValueError("an answer shares memory with an input or with another answer")
        self.ways[way] = made
        return first, self.side.arrays(answer)

    def settle(self) -> None:
        """Warm up, and choose how many calls a sample has."""
        gc.collect()
        gc.freeze()  # what the frameworks hold is not for the collector to visit in a sample
        for way, (call, args) in self.ways.items():
            self.times[way] = fitting(call, args)

    def time(self, way: str) -> float:
        call, args = self.ways[way]
        times = self.times[way]
        if times > 1:
            call(*args)  # the caches have been another process's
        return seconds_of(call, args, times)

    def peak(self, name: str, way: str) -> tuple[int, int]:
        """Bytes held between calls, and the most that a later call has beside the inputs."""
        from engine_work.works import WORKS

        self.drop()
        work = WORKS[name]
        tracemalloc.start()
        try:
            call, args = self.side.WAYS[way](work)
            gc.collect()
            inputs = sum(getattr(arg, "nbytes", 0) for arg in args)
            call(*args)
            gc.collect()
            held = tracemalloc.get_traced_memory()[0] - inputs
            tracemalloc.reset_peak()
            call(*args)
            return held, tracemalloc.get_traced_memory()[1] - inputs
        finally:
            tracemalloc.stop()

    def drop(self) -> None:
        self.ways.clear()
        self.times.clear()
        gc.unfreeze()
        gc.collect()


def pin() -> None:
    """Work on one processor, the same for all: some frameworks count processors whatever they are told."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})


def serve(connection: Any, side: str) -> None:
    """Answer ``(method, *arguments)`` with ``(True, result)`` or ``(False, reason)`` until None comes."""
    pin()
    os.environ.update(SETTINGS)
    warnings.simplefilter("ignore")
    try:
        bench = Bench(importlib.import_module(side))
    except Exception as error:
        connection.send((False, reason(error)))
        return
    connection.send((True, list(bench.side.WAYS)))
    while (message := connection.recv()) is not None:
        method, *arguments = message
        try:
            reply = (True, getattr(bench, method)(*arguments))
        except Exception as error:
            reply = (False, reason(error))
        connection.send(reply)


def reason(error: Exception) -> str:
    return f"{type(error).__name__}: {error}".partition("\n")[0]
