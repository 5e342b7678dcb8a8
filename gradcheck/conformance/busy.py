"""How many threads of this process are at work at once, on a machine that may be busy with other things."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from pathlib import Path
from statistics import mean
from time import perf_counter, process_time

_TASKS = Path("/proc/self/task")
_PAUSE = 0.001  # seconds between two looks
_LOOKS = 30  # at least so many
_SECONDS = (0.2, 5.0)  # at least and at most


def busy_threads(work: Callable[[], None]) -> float:
    """Mean number of threads at work, over the moments when any is, while some work is done repeatedly.

    Where the system lists its threads, one that is ready to run counts as one that runs: on a busy machine
    processor time would hide it. Elsewhere it is processor time over time.
    """
    if not _TASKS.is_dir():
        started, used = perf_counter(), process_time()
        while perf_counter() - started < _SECONDS[0]:
            work()
        return (process_time() - used) / (perf_counter() - started)
    looks: list[int] = []
    over = threading.Event()
    watch = threading.Thread(target=_watch, args=(looks, over))
    watch.start()
    least, most = _SECONDS
    started = perf_counter()
    try:
        while (spent := perf_counter() - started) < least or (len(looks) < _LOOKS and spent < most):
            work()
    finally:
        over.set()
        watch.join()
    return mean([look for look in looks if look] or [0])


def _watch(looks: list[int], over: threading.Event) -> None:
    own = str(threading.get_native_id())
    while not over.wait(_PAUSE):
        looks.append(sum(_at_work(task) for task in os.listdir(_TASKS) if task != own))


def _at_work(task: str) -> bool:
    """Whether a thread runs or is ready to: state R in the third field of its line."""
    try:
        line = (_TASKS / task / "stat").read_text()
    except OSError:
        return False  # it has ended
    return line.rpartition(")")[2].split()[0] == "R"  # a thread's name may hold spaces and brackets
