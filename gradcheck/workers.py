"""Where backends run: in this process, or each in a worker process that may hang or die.

Worker processes and their supervision are pebble's; suites and backends travel by value (cloudpickle), so
that a user's file needs no installation.
"""

from __future__ import annotations

import multiprocessing
import pickle
from collections.abc import Callable
from concurrent.futures import TimeoutError as FutureTimeout
from types import TracebackType
from typing import Any, Protocol, Self

import cloudpickle
from pebble import ProcessExpired, ProcessPool


class TimedOut(Exception):
    """No result within the limit; the worker was killed."""


class Died(Exception):
    """The worker process ended without a result."""


class Pending(Protocol):
    """A result on its way."""

    def result(self) -> Any:
        """Wait for it.

        Raises
        ------
        TimedOut, Died
            When the worker did not deliver.
        """


class InProcess:
    """Run everything here and now: simple to debug, and no protection from hangs and crashes."""

    def submit(self, worker: str, function: Callable[..., Any], *args: Any) -> Pending:
        """Call the function."""
        return _Deferred(lambda: function(*args))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass


class Workers:
    """One persistent process per worker name, started on first use and again after a hang or a crash.

    Parameters
    ----------
    limit
        Seconds one call may take.
    """

    def __init__(self, limit: float) -> None:
        self._limit = limit
        self._pools: dict[str, ProcessPool] = {}

    def submit(self, worker: str, function: Callable[..., Any], *args: Any) -> Pending:
        """Hand a call to the worker of that name."""
        if worker not in self._pools:
            context = multiprocessing.get_context("spawn")
            self._pools[worker] = ProcessPool(max_workers=1, context=context)
        load = cloudpickle.dumps((function, args))
        return _Promised(self._pools[worker].schedule(_call, args=(load,), timeout=self._limit), self._limit)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for pool in self._pools.values():
            if error is None:
                pool.close()  # type: ignore[no-untyped-call]
            else:
                pool.stop()  # type: ignore[no-untyped-call]
        for pool in self._pools.values():
            pool.join()


def _call(load: bytes) -> Any:
    function, args = pickle.loads(load)
    return function(*args)


class _Deferred:
    """Called where its result is asked for, so that an exception surfaces there, as a worker's does."""

    def __init__(self, call: Callable[[], Any]) -> None:
        self._call = call

    def result(self) -> Any:
        return self._call()


class _Promised:
    def __init__(self, future: Any, limit: float) -> None:
        self._future = future
        self._limit = limit

    def result(self) -> Any:
        try:
            return self._future.result()
        except FutureTimeout as error:
            raise TimedOut(f"no answer within {self._limit:g} s") from error
        except ProcessExpired as error:
            raise Died(f"the worker process ended with code {error.exitcode}") from error
