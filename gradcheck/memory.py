"""How much memory processes hold, and how much one call needs at its peak.

The peak is the kernel's own high-water mark, set back before the call (proc(5), ``clear_refs``); sampling
would miss what lives for a millisecond.
"""

from __future__ import annotations

import math
import os
import signal
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil

_STATUS, _CLEAR = Path("/proc/self/status"), Path("/proc/self/clear_refs")


def peak_bytes(call: Callable[[], Any]) -> float:
    """Bytes a call needs beyond what was resident before it; NaN where the system does not tell."""
    before = _mark("VmRSS")
    try:
        _CLEAR.write_text("5", encoding="ascii")
    except OSError:
        return math.nan
    call()
    return max(0.0, _mark("VmHWM") - before)


def _mark(name: str) -> float:
    try:
        lines = _STATUS.read_text(encoding="ascii").splitlines()
    except OSError:
        return math.nan
    return next((1024.0 * int(line.split()[1]) for line in lines if line.startswith(name)), math.nan)


def held(pid: int, *, family: bool = True) -> int:
    """Bytes resident in a process and, with its ``family``, its descendants; 0 when it is gone."""
    total = 0
    with suppress(psutil.Error):
        process = psutil.Process(pid)
        for one in (process, *(process.children(recursive=True) if family else ())):
            with suppress(psutil.Error):
                total += one.memory_info().rss
    return total


def kill_group(leader: int) -> None:
    """End a process that leads a group, and all that it has started, also where it is dead itself.

    Nothing is ended for 0, no process yet, which the system would take for the group of the caller.
    """
    if leader:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(leader, signal.SIGKILL)
