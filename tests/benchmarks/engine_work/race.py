"""The coordinator: one process a framework, rounds in random order, one of them at work at a time."""

from __future__ import annotations

import multiprocessing
import os
import random
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from statistics import median
from typing import Any

import numpy as np

from engine_work.work import Work
from engine_work.worker import SETTINGS, serve

OURS = ("floor", "other floor", "eager", "plan", "numba")
PATIENCE = 240.0  # seconds a framework has for any one thing
LARGEST_ERROR = {"float32": 1e-4, "float64": 1e-9}  # of the largest entry


class Failed(Exception):
    """A framework could not do what it was asked."""


@contextmanager
def settings() -> Iterator[None]:
    """Number libraries and the allocator read them when they are loaded, so a child is born with them."""
    before = dict(os.environ)
    os.environ.update(SETTINGS)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


class Side:
    """A framework in its process, born when first needed and again after a crash."""

    def __init__(self, module: str) -> None:
        self.module = module
        self.process: Any = None
        self.ways: list[str] = []
        self.broken = ""

    def ask(self, *message: Any) -> Any:
        """The answer to a message; raises ``Failed`` with the reason."""
        if self.process is None:
            self.start()
        self.connection.send(message)
        return self._answer()

    def start(self) -> None:
        """Bring the process to life; one that cannot load its framework is not tried again."""
        if self.broken:
            raise Failed(self.broken)
        context = multiprocessing.get_context("spawn")
        self.connection, theirs = context.Pipe()
        self.process = context.Process(target=serve, args=(theirs, self.module), daemon=True)
        with settings():
            self.process.start()
        theirs.close()
        try:
            self.ways = self._answer()
        except Failed as failure:
            self.broken = str(failure)
            self.stop()
            raise

    def stop(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.join()
            self.connection.close()
            self.process = None

    def _answer(self) -> Any:
        try:
            if not self.connection.poll(PATIENCE):
                raise Failed(f"no answer in {PATIENCE:.0f} s")
            fine, answer = self.connection.recv()
        except (Failed, EOFError, OSError) as error:
            self.stop()
            raise Failed(str(error) or "the process died") from None
        if not fine:
            raise Failed(answer)
        return answer


@dataclass
class Result:
    """What was seen of one problem, by column: medians and first calls in seconds, peaks in bytes."""

    work: Work
    size: int
    reference: list[Any] = field(default_factory=list)
    times: dict[str, float] = field(default_factory=dict)
    first: dict[str, float] = field(default_factory=dict)
    peaks: dict[str, tuple[int, int]] = field(default_factory=dict)
    wrong: dict[str, str] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)

    def ratio(self, mine: str, other: str) -> float | None:
        """How many times longer the other takes."""
        if mine not in self.times or other not in self.times:
            return None
        return self.times[other] / self.times[mine]


def race(
    works: Sequence[Work], modules: Sequence[str], rounds: int, peaks: Sequence[str] = ()
) -> list[Result]:
    """Every problem, by every module; the first module answers for the floor, which judges the others.

    ``peaks`` names the problems whose peak memory is asked.
    """
    sides = [Side(module) for module in modules]
    try:
        for side in sides:
            warm(side)
        return [run(work, sides, rounds, work.name in peaks) for work in works]
    finally:
        for side in sides:
            side.stop()


def warm(side: Side) -> None:
    """Meet what a framework does once in its life, so that no problem is charged for it."""
    with suppress(Failed):
        side.start()
    for way in side.ways:
        with suppress(Failed):
            side.ask("load", "P1", way)


def run(work: Work, sides: Sequence[Side], rounds: int, peaks: bool) -> Result:
    result = Result(work, work.size)
    entrants = [entrant for side in sides for entrant in prepared(work, side, result)]
    assert "floor" in result.first, f"no floor of {work.name}: {result.failed}"
    agreeing = [way for _, way in entrants if "floor" not in way]
    assert agreeing or not result.wrong, f"nobody agrees with the floor of {work.name}: {result.wrong}"
    samples: dict[str, list[float]] = {way: [] for _, way in entrants}
    order = random.Random(work.name)
    for _ in range(rounds):
        order.shuffle(entrants)
        for side, way in list(entrants):
            try:
                samples[way].append(side.ask("time", way))
            except Failed as failure:
                result.failed[way] = str(failure)
                entrants.remove((side, way))
    result.times = {way: median(seen) for way, seen in samples.items() if seen and way not in result.failed}
    by_hand = [result.times[way] for way in ("floor", "other floor") if way in result.times]
    result.times["floor"] = min(by_hand)
    for way in ("floor", "plan", "eager") if peaks else ():
        try:
            result.peaks[way] = sides[0].ask("peak", work.name, way)
        except Failed as failure:
            result.failed.setdefault(way, str(failure))
    return result


def prepared(work: Work, side: Side, result: Result) -> list[tuple[Side, str]]:
    """The ways of a framework that answer rightly, ready to be timed."""
    ready = []
    try:
        side.ask("drop")
    except Failed as failure:
        result.failed[side.module.rpartition("_")[2]] = str(failure)
        return []
    for way in side.ways:
        try:
            loaded = side.ask("load", work.name, way)
        except Failed as failure:
            result.failed[way] = str(failure)
            continue
        if loaded is None:
            continue
        seconds, answer = loaded
        if way == "floor":
            result.reference = answer
        error = distance(answer, result.reference, strict=way in OURS)
        if error is None:
            result.first[way] = seconds
            ready.append((side, way))
        else:
            result.wrong[way] = error
    try:
        side.ask("settle")
    except Failed as failure:
        result.failed |= {way: str(failure) for _, way in ready}
        return []
    return ready


def distance(answer: Sequence[Any], reference: Sequence[Any], *, strict: bool) -> str | None:
    """What is wrong with an answer; None when nothing is. Peers may have shapes of their own."""
    if len(answer) != len(reference):
        return f"{len(answer)} arrays instead of {len(reference)}"
    for given, wanted in zip(answer, reference, strict=True):
        if given.size != wanted.size or (strict and given.shape != wanted.shape):
            return f"shape {given.shape} instead of {wanted.shape}"
        if strict and "f" in (given.dtype.kind, wanted.dtype.kind) and given.dtype != wanted.dtype:
            return f"{given.dtype} instead of {wanted.dtype}"
        error = np.max(np.abs(given.reshape(wanted.shape) - wanted)) / np.max(np.abs(wanted))
        tolerance = LARGEST_ERROR.get(wanted.dtype.name, 0)
        if not error <= tolerance:
            return f"error {error:.1e} of the largest entry"
    return None
