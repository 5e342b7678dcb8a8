"""A session with a backend on a device: this runs beside the framework, in the process that loaded it.

A question is an operator in a dtype, put to one problem at one point. The reply is plain data: the flat
answer, what was raised, whether an input was changed, and how long it took. What a session has prepared for
a question stays prepared until it is told to forget, and is timed as it was asked.
"""

from __future__ import annotations

import math
import pickle
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import cycle, islice
from statistics import median
from time import perf_counter
from typing import Any

import numpy as np
import threadpoolctl

from gradcheck.backends.base import Answer, Backend, Differentiator, ShapeMismatch, flatten
from gradcheck.devices import pinned, threads
from gradcheck.problems import Instance
from gradcheck.results import Worker

_POOL = 4  # different inputs that timed calls go through in turn
_SETTLED = 0.05  # halves of the warm-up agree within this


@dataclass(frozen=True, slots=True)
class Question:
    """An operator in a dtype."""

    operator: str
    dtype: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What a backend answered.

    Attributes
    ----------
    flat, bars
        The flat answer and the error bars stated with it.
    raised
        Type and first line of an exception; empty when there was none.
    unsupported, out_of_memory
        What the exception says: that the backend does not offer this, or that memory ran out.
    fault
        A breach of contract: a wrong shape or dtype, or a changed input.
    prepare, first_call, transfer
        Seconds; see :class:`gradcheck.results.Measurement`.
    """

    flat: np.ndarray | None = None
    bars: np.ndarray | None = None
    raised: str = ""
    unsupported: bool = False
    out_of_memory: bool = False
    fault: str = ""
    prepare: float = math.nan
    first_call: float = math.nan
    transfer: float = math.nan


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How a call is timed: a sample is long enough, and taken once times have settled.

    Attributes
    ----------
    sample
        Seconds that a sample takes at least.
    warm_up
        Seconds of calls before the first sample that counts, at most; fewer once halves of them agree.
    """

    sample: float = 5e-4
    warm_up: float = 3e-3


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One timing sample: seconds per call, over how many calls, and what was found before the first one."""

    seconds: float
    calls: int
    stationary: bool
    peak_bytes: float


@dataclass(frozen=True, slots=True)
class Item:
    """A cell as a session sees it: its key, its instance (pickled where processes differ), its question."""

    key: str
    instance: Instance | bytes
    question: Question


@dataclass(slots=True)
class _Prepared:
    """A call that answers a question, and the arguments it is timed with."""

    call: Any
    given: Mapping[str, Any]
    pool: Sequence[tuple[Any, ...]]
    calls: int = 0
    stationary: bool = True
    peak_bytes: float = math.nan


class Session:
    """A backend on a device.

    Parameters
    ----------
    backend, device
        Which; the framework is imported with the first question.
    alone
        Whether this process is the session's own, so that the threads of its libraries may be set.
    """

    def __init__(self, backend: Backend, device: str, *, alone: bool = False) -> None:
        self._backend, self._device, self._alone = backend, device, alone
        self._prepared: dict[str, _Prepared] = {}
        self._instances: dict[bytes, Instance] = {}
        self._loading = 0.0  # seconds spent on importing the framework

    @cached_property
    def _differentiator(self) -> Differentiator:
        loaded = self._backend.load(self._device)
        if self._alone:
            threadpoolctl.threadpool_limits(threads(self._device))
        return loaded

    def devices(self) -> Sequence[str]:
        """The devices the backend finds here."""
        started = perf_counter()
        found = tuple(self._backend.devices())
        self._loading += perf_counter() - started
        return found

    def greet(self) -> Worker:
        """Load the framework, and say what it is and how it is set."""
        started = perf_counter()
        differentiator = self._differentiator
        self._loading += perf_counter() - started
        count = 10_000
        pools = {
            f"{pool['internal_api']} {pool['version'] or ''}".strip(): int(pool["num_threads"])
            for pool in threadpoolctl.threadpool_info()
        }
        return Worker(
            backend=self._backend.name,
            device=self._device,
            version=self._backend.version,
            title=self._backend.title,
            start=self._loading,
            overhead=differentiator.elapsed(lambda *_: None, islice(cycle([((),)]), count)) / count,
            threads=pools,
            settings=dict(differentiator.settings()),
        )

    def ask(self, item: Item) -> Reply:
        """Put a question; an exception becomes a reply."""
        try:
            with np.errstate(all="ignore"):
                return self._ask(item)
        except ShapeMismatch as error:
            return Reply(fault=str(error))
        except Exception as error:
            return self._raised(error)

    def clock(self, items: Sequence[Item], pace: Pace) -> list[Sample | None]:
        """One timing sample for every item; None for one that raises."""
        with np.errstate(all="ignore"), pinned(self._device):
            return [self._clock(item, pace) for item in items]

    def cold(self, item: Item) -> float:
        """Seconds from the question to the answer; cold when nothing was asked before."""
        differentiator = self._differentiator
        with np.errstate(all="ignore"):
            started = perf_counter()
            prepared = self._prepare(item)
            differentiator.synchronize(prepared.call(*prepared.pool[0]))
            return perf_counter() - started

    def apply(self, function: Callable[[Backend, str], Any]) -> Any:
        """What a function makes of the backend and the device."""
        return function(self._backend, self._device)

    def forget(self) -> None:
        """Let go of all that was prepared."""
        self._prepared.clear()
        self._instances.clear()

    def _raised(self, error: Exception) -> Reply:
        framework = vars(self).get("_differentiator") or Differentiator()  # loading it may be what failed
        text = framework.complaint(error)
        if framework.lacks(error):
            return Reply(raised=text, unsupported=True)
        name = type(error).__name__
        memory = isinstance(error, MemoryError) or name == "OutOfMemoryError"
        return Reply(raised=f"{name}: {text}" if text else name, out_of_memory=memory)

    def _ask(self, item: Item) -> Reply:
        differentiator = self._differentiator
        instance = self._open(item.instance)
        started = perf_counter()
        prepared = self._prepare(item)
        compiled = perf_counter()
        before = [np.array(differentiator.numpy(array)) for array in prepared.given.values()]
        called = perf_counter()
        result = prepared.call(*prepared.pool[0])
        differentiator.synchronize(result)
        answered = perf_counter()
        changed = [
            name
            for (name, array), old in zip(prepared.given.items(), before, strict=True)
            if not np.array_equal(differentiator.numpy(array), old, equal_nan=True)
        ]
        self._prepared[item.key] = prepared
        if instance.problem.refuses:
            return Reply(fault=f"accepted what must be refused: {instance.problem.refuses}")
        flat, bars = _flat(differentiator, result, item.question, instance)
        return Reply(
            flat=flat,
            bars=bars,
            fault=_fault(changed, flat, item.question),
            prepare=compiled - started,
            first_call=(compiled - started) + (answered - called),
            transfer=self._transfer(prepared, result) if self._device == "cuda" else math.nan,
        )

    def _open(self, instance: Instance | bytes) -> Instance:
        if isinstance(instance, Instance):
            return instance
        if instance not in self._instances:
            self._instances[instance] = pickle.loads(instance)
        return self._instances[instance]

    def _prepare(self, item: Item) -> _Prepared:
        """The call that answers a question, and the arrays handed to it by name."""
        differentiator, question = self._differentiator, item.question
        instance = self._open(item.instance)
        inputs = {name: differentiator.array(array) for name, array in instance.cast(question.dtype).items()}
        names = instance.problem.wrt
        xs = [inputs[name] for name in names]
        given = dict(inputs)
        extra: list[Any] = []
        if question.operator in ("jvp", "hvp"):
            extra = [[differentiator.array(v.astype(question.dtype)) for v in instance.seeds["tangent"]]]
            given |= {f"tangent of {name}": v for name, v in zip(names, extra[0], strict=True)}
        elif question.operator == "vjp":
            extra = [differentiator.array(instance.seeds["cotangent"][0].astype(question.dtype))]
            given["cotangent"] = extra[0]
        f = instance.bind(differentiator.xp, inputs)
        call = differentiator.prepare(question.operator, f, xs, *extra)
        return _Prepared(call, given, [(xs, *extra)])

    def _clock(self, item: Item, pace: Pace) -> Sample | None:
        try:
            prepared = self._prepared.get(item.key) or self._prepare(item)
            if not prepared.calls:
                self._warm_up(prepared, item, pace)
                self._prepared[item.key] = prepared
            seconds = self._seconds(prepared, prepared.calls)
        except Exception:  # a cell that answered when it was asked; whatever is wrong now, it has no time
            return None
        return Sample(
            seconds=seconds,
            calls=prepared.calls,
            stationary=prepared.stationary,
            peak_bytes=prepared.peak_bytes,
        )

    def _seconds(self, prepared: _Prepared, calls: int) -> float:
        """Seconds per call, over some calls at different inputs."""
        return self._differentiator.elapsed(prepared.call, islice(cycle(prepared.pool), calls)) / calls

    def _warm_up(self, prepared: _Prepared, item: Item, pace: Pace) -> None:
        """Find how many calls make a sample, and call until times have settled."""
        prepared.pool = list(self._neighbours(prepared, item))
        prepared.peak_bytes = self._differentiator.peak_bytes(lambda: self._seconds(prepared, 1))
        calls, spent, seen = 1, 0.0, list[float]()
        while (seconds := self._seconds(prepared, calls)) * calls < pace.sample:
            calls *= 2
        seen.append(seconds)
        while not (settled := _settled(seen)) and spent < pace.warm_up:
            seen.append(self._seconds(prepared, calls))
            spent += seen[-1] * calls
        prepared.calls, prepared.stationary = calls, settled

    def _neighbours(self, prepared: _Prepared, item: Item) -> Iterator[tuple[Any, ...]]:
        """The point and points close by, towards 0: no answer of one call can serve the next."""
        xs, *extra = prepared.pool[0]
        yield xs, *extra
        cast = self._open(item.instance).cast(item.question.dtype)
        at = [cast[name] for name in self._open(item.instance).problem.wrt]
        for step in range(1, _POOL):
            near = 1 - step * 2.0**-12
            yield [self._differentiator.array(np.asarray(x * near, x.dtype)) for x in at], *extra

    def _transfer(self, prepared: _Prepared, result: Any) -> float:
        """Seconds to move the inputs to the device and the answer back."""
        differentiator = self._differentiator
        there = [differentiator.numpy(x) for x in prepared.pool[0][0]]
        started = perf_counter()
        differentiator.synchronize([differentiator.array(x) for x in there])
        _plain(differentiator, result.blocks if isinstance(result, Answer) else result)
        return perf_counter() - started


def _settled(seen: Sequence[float]) -> bool:
    """Whether the medians of both halves agree."""
    if len(seen) < 2:
        return False
    half = len(seen) // 2
    early, late = median(seen[:half]), median(seen[half:])
    return abs(early - late) <= _SETTLED * late


def _fault(changed: Sequence[str], flat: np.ndarray, question: Question) -> str:
    if changed:
        return f"the call changed its input {', '.join(changed)}"
    if flat.dtype != question.dtype:
        return f"answered in {flat.dtype} where {question.dtype} was asked"
    return ""


def _plain(differentiator: Differentiator, blocks: Any) -> Any:
    nested = isinstance(blocks, (list, tuple))
    return [_plain(differentiator, block) for block in blocks] if nested else differentiator.numpy(blocks)


def _flat(
    differentiator: Differentiator, result: Any, question: Question, instance: Instance
) -> tuple[np.ndarray, np.ndarray | None]:
    layout = instance.layout
    if isinstance(result, Answer):
        # Differences are taken in double precision of function values in the dtype.
        flat = flatten(question.operator, _plain(differentiator, result.blocks), layout)
        bars = flatten(question.operator, _plain(differentiator, result.errors), layout)
        return flat.astype(question.dtype), bars
    return flatten(question.operator, _plain(differentiator, result), layout), None
