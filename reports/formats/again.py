"""The command that asks one cell again."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import PurePath
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gradcheck import Measurement


def command(cell: Measurement, environment: Mapping[str, object]) -> str:
    """``gradcheck run ...`` for a cell of a run, quoted for a shell."""
    options = {
        "--select": cell.problem,
        "--backend": cell.backend,
        "--device": cell.device,
        "--dtype": cell.dtype,
        "--operator": cell.operator,
        "--seed": environment.get("seed"),
    }
    chosen = [part for option, value in options.items() if value is not None for part in (option, str(value))]
    return shlex.join(["gradcheck", "run", _suite(cell.suite, environment), *chosen])


def _suite(name: str, environment: Mapping[str, object]) -> str:
    """A suite as it was named in the call: by its file, where it has one."""
    plan = environment.get("plan")
    named = plan.get("suites", ()) if isinstance(plan, Mapping) else ()
    return next((given for given in named if given.endswith(".py") and PurePath(given).stem == name), name)
