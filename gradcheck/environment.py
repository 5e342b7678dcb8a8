"""Where and with what a run is made: machine, versions, load, seed; all JSON values."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import psutil

from gradcheck.devices import cores

_PACKAGES = ("gradcheck", "numpy", "scipy", "python-flint", "mpmath", "array-api-compat")


def describe(seed: int, backends: Mapping[str, str]) -> dict[str, Any]:
    """The machine and the packages, before a run begins."""
    return {
        "seed": seed,
        "machine": {
            "cpu": _cpu_model(),
            "cores": cores(),
            "memory": psutil.virtual_memory().total,
            "architecture": platform.machine(),
            "system": f"{platform.system()} {platform.release()}",
            "governor": _governor(),
        },
        "python": platform.python_version(),
        "packages": {name: version(name) for name in _PACKAGES},
        "backends": dict(backends),
        "load before": load(),
    }


def load() -> float:
    """Processes that wanted to run, on average over the last minute."""
    return round(float(psutil.getloadavg()[0]), 2)


def _cpu_model() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else platform.processor() or platform.machine()


def _governor() -> str:
    """How the system sets the clock frequency, where it says so."""
    path = Path("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor")
    return path.read_text(encoding="utf-8").strip() if os.access(path, os.R_OK) else "unknown"
