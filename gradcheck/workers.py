"""Where backends run: in this process, or each in a worker process that may hang, die or eat memory.

Worker processes and their supervision are pebble's: of the kept libraries it is the one that loses no good
job to a bad one. Added here: a process group for each worker, so that what it has started dies with it, a
limit on memory, and an end when the coordinator is gone. Suites and backends travel by value (cloudpickle),
so that a user's file needs no installation.
"""

from __future__ import annotations

import math
import multiprocessing
import os
import pickle
import signal
import threading
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeout
from contextlib import contextmanager
from itertools import count
from types import TracebackType
from typing import Any, NamedTuple, Protocol, Self

import cloudpickle
from pebble import ProcessExpired, ProcessPool

from gradcheck.backends.base import Backend
from gradcheck.devices import threads
from gradcheck.errors import GradcheckError
from gradcheck.memory import held, kill_group
from gradcheck.problems import Instance
from gradcheck.session import Session
from gradcheck.yardstick import yardstick

_THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")
_WATCH = 0.05  # seconds between two looks at the memory of workers at work
_FAMILY = 10  # looks from one to the next at what they have started, too: that lists all processes
_FAREWELL = 5.0  # seconds to wait, after an exception, for threads that it may have left asleep for ever


class TimedOut(GradcheckError):
    """No result within the limit; the worker was killed."""


class OutOfMemory(GradcheckError):
    """The worker held more than it may and was killed."""


class Died(GradcheckError):
    """The worker process ended without a result."""


class Seat(NamedTuple):
    """A backend's name and a device: what has a process of its own; copies, which are timed, have others."""

    backend: str
    device: str
    copy: int = 0


class Staff(Protocol):
    """What runs sessions: :class:`InProcess` or :class:`Workers`."""

    def submit(self, seat: Seat, method: str, *arguments: Any) -> Future[Any]:
        """Hand a call of a session's method to the seat's session."""

    def cold(self, seat: Seat, method: str, *arguments: Any) -> Future[Any]:
        """The same in a session that has done nothing before."""

    def dismiss(self, seat: Seat) -> None:
        """End a seat's session; the next call begins another."""

    def parcel(self, instance: Instance) -> Instance | bytes:
        """An instance as it travels to sessions."""


class InProcess:
    """Run everything here and now: simple to debug, and no protection from hangs and crashes."""

    def __init__(self, backends: Mapping[str, Backend]) -> None:
        self._backends = backends
        self._sessions: dict[Seat, Session] = {}

    def submit(self, seat: Seat, method: str, *arguments: Any) -> Future[Any]:
        """Call the method, and keep its result or exception."""
        if seat not in self._sessions:
            self._sessions[seat] = Session(self._backends[seat.backend], seat.device)
        future: Future[Any] = Future()
        try:
            future.set_result(getattr(self._sessions[seat], method)(*arguments))
        except Exception as error:
            future.set_exception(error)
        return future

    def cold(self, seat: Seat, method: str, *arguments: Any) -> Future[Any]:
        """Nothing is cold in a process that runs already: not a number."""
        future: Future[Any] = Future()
        future.set_result(math.nan)
        return future

    def dismiss(self, seat: Seat) -> None:
        """Drop the session."""
        self._sessions.pop(seat, None)

    def parcel(self, instance: Instance) -> Instance:
        """The instance itself."""
        return instance

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass


class Workers:
    """One persistent process per seat, started on first use and again after it was lost.

    Parameters
    ----------
    backends
        By name.
    limit
        Seconds one call may take.
    memory
        Bytes one worker, with the processes it starts, may hold; None for no limit.
    """

    def __init__(self, backends: Mapping[str, Backend], limit: float, memory: int | None = None) -> None:
        self._backends, self._limit, self._memory = backends, limit, memory
        self._desks: dict[Seat, _Desk] = {}
        self._over = threading.Event()
        self._watch = threading.Thread(target=self._watch_memory, daemon=True)

    def submit(self, seat: Seat, method: str, *arguments: Any) -> Future[Any]:
        """Hand a call to the seat's worker; the future raises TimedOut, OutOfMemory or Died if it is lost."""
        if seat not in self._desks:
            self._desks[seat] = _Desk(self._backends[seat.backend], seat.device)
        return self._desks[seat].submit(self._limit, method, arguments)

    def cold(self, seat: Seat, method: str, *arguments: Any) -> Future[Any]:
        """Hand a call to a worker that is started for it and has done nothing before."""
        desk = _Desk(self._backends[seat.backend], seat.device)
        future = desk.submit(self._limit, method, arguments)
        future.add_done_callback(lambda _: desk.leave())
        return future

    def dismiss(self, seat: Seat) -> None:
        """Let the seat's worker end, and do not wait for it."""
        if seat in self._desks:
            self._desks.pop(seat).leave()

    def parcel(self, instance: Instance) -> bytes:
        """The instance pickled."""
        pickled: bytes = cloudpickle.dumps(instance)
        return pickled

    def __enter__(self) -> Self:
        self._watch.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        if error is not None:
            for desk in self._desks.values():
                desk.end()
        for leaving in [desk.leave() for desk in self._desks.values()]:
            # Ctrl-C within Condition.notify loses a wake-up of pebble's (CPython's gh-92530, mended in part).
            leaving.join(_FAREWELL if error is not None else None)

    def _watch_memory(self) -> None:
        if self._memory is None:
            return
        for look in count():
            if self._over.wait(_WATCH):
                return
            for desk in list(self._desks.values()):
                if desk.busy and desk.pid and held(desk.pid, family=look % _FAMILY == 0) > self._memory:
                    desk.kill_for_memory()


class _Desk:
    """One seat's process, through a pool of one, and what is known of it."""

    def __init__(self, backend: Backend, device: str) -> None:
        context = multiprocessing.get_context("spawn")
        self._hello, theirs = context.Pipe(duplex=False)
        load = cloudpickle.dumps((backend, device))
        self._pool = ProcessPool(
            max_workers=1, context=context, initializer=_begin, initargs=(theirs, load, threads(device))
        )
        self._pid = 0
        self._latest: Future[Any] | None = None
        self._reading = threading.Lock()
        self._greedy: set[int] = set()

    @property
    def pid(self) -> int:
        """Of the process at work now; 0 before the first."""
        with self._reading:
            while self._hello.poll():
                self._pid = self._hello.recv()
        return self._pid

    @property
    def busy(self) -> bool:
        """Whether a call is under way."""
        return self._latest is not None and not self._latest.done()

    def submit(self, limit: float, method: str, arguments: tuple[Any, ...]) -> Future[Any]:
        """Hand over a call."""
        load = cloudpickle.dumps((method, arguments))
        inner = self._pool.schedule(_call, args=(load,), timeout=limit)
        outer: Future[Any] = Future()
        inner.add_done_callback(lambda done: self._settle(done, outer, limit))
        self._latest = outer
        return outer

    def kill_for_memory(self) -> None:
        """End the process, and remember why."""
        self._greedy.add(self._pid)
        kill_group(self._pid)

    def end(self) -> None:
        """Take no more calls, and end those under way."""
        self._pool.stop()  # type: ignore[no-untyped-call]
        kill_group(self.pid)

    def leave(self) -> threading.Thread:
        """End when all is done; what does it can be waited for."""
        leaving = threading.Thread(target=self._close, daemon=True)
        leaving.start()
        return leaving

    def _close(self) -> None:
        self._pool.close()  # type: ignore[no-untyped-call]
        self._pool.join()

    def _settle(self, done: Any, outer: Future[Any], limit: float) -> None:
        """Pass a result on; say in one sentence what became of a lost one."""
        pid = self.pid
        try:
            outer.set_result(done.result())
        except FutureTimeout:
            kill_group(pid)
            outer.set_exception(TimedOut(f"no answer within {limit:g} s"))
        except ProcessExpired as error:
            lost = error.pid or pid
            kill_group(lost)
            outer.set_exception(_greedy() if lost in self._greedy else Died(_ended(error.exitcode)))
        except BaseException as error:
            outer.set_exception(error)


def _greedy() -> OutOfMemory:
    return OutOfMemory("held more memory than a worker may")


def _ended(code: int) -> str:
    """How a process ended, by its exit code."""
    if code >= 0:
        return f"the worker process ended with code {code}"
    try:
        name = signal.Signals(-code).name
    except ValueError:
        name = str(-code)
    return f"the worker process was ended by signal {name}"


_session: Session | None = None


def _begin(hello: Any, load: bytes, cores: int) -> None:
    """Make a new process the worker of one seat, before any library is loaded."""
    global _session
    if hasattr(os, "setsid"):
        os.setsid()  # Ctrl-C is for the coordinator, and what a worker starts can be ended with it
    for variable in _THREAD_VARIABLES:
        os.environ[variable] = str(cores)
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_follow, args=(parent,), daemon=True).start()
    backend, device = pickle.loads(load)
    _session = Session(backend, device, alone=True)
    hello.send(os.getpid())


def _follow(parent: Any) -> None:
    """Do not outlive the coordinator."""
    parent.join()
    kill_group(os.getpid())


def _call(load: bytes) -> Any:
    method, arguments = pickle.loads(load)
    try:
        return getattr(_session, method)(*arguments)
    except Exception as error:
        raise _travelling(error) from None


def _travelling(error: Exception) -> Exception:
    """An exception that survives the way to the coordinator: itself where it does, or its text."""
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:
        return RuntimeError(f"{type(error).__name__}: {error}")
    return error


def found_devices(backends: Mapping[str, Backend], limit: float = 60.0) -> dict[str, Sequence[str]]:
    """The devices that installed backends find here; none for one that fails to say."""
    found: dict[str, Sequence[str]] = {}
    with Workers(backends, limit) as staff:
        pending = {name: staff.submit(Seat(name, "cpu"), "devices") for name in backends}
        for name, one in pending.items():
            try:
                found[name] = one.result()
            except Exception:
                found[name] = ()
    return found


@contextmanager
def staffed(
    backends: Mapping[str, Backend], *, isolated: bool, limit: float, memory: int | None
) -> Iterator[Staff]:
    """Sessions in processes of their own, or here; one of them is the yardstick's."""
    everybody = {**backends, yardstick.name: yardstick}
    with Workers(everybody, limit, memory) if isolated else InProcess(everybody) as staff:
        yield staff
