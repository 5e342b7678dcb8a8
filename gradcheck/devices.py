"""Where backends compute: one thread and all cores are two devices, because nobody may mix their times.

``cpu`` is one thread, ``cpus`` every core this process may use, ``cuda`` the current CUDA device.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

CPU = ("cpu", "cpus")
DEVICES = (*CPU, "cuda")


def threads(device: str) -> int:
    """Threads that a library may use for its work on a device."""
    return cores() if device == "cpus" else 1


@contextmanager
def pinned(device: str) -> Iterator[None]:
    """Keep this thread on one core, the same for everybody, while one thread is what is measured."""
    if device != "cpu" or not hasattr(os, "sched_setaffinity"):
        yield
        return
    allowed = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {max(allowed)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, allowed)


def cores() -> int:
    """Cores this process may use."""
    available = getattr(os, "sched_getaffinity", None)
    return len(available(0)) if available else os.cpu_count() or 1
