"""Every failed cell: the worst entry, what came and what is true, why, and how to repeat it."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .. import cells
from ..markup import render
from ..notation import quotient
from ..page import Section

if TYPE_CHECKING:
    from gradcheck import Measurement, Results

_OPEN = 60  # beyond this many failures the groups start closed, so that what follows stays in reach


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A failed cell and what is said beside it."""

    number: int
    cell: Measurement
    quotient: str
    command: list[str]


def _render(results: Results) -> str:
    failed = cells.failures(results)
    if not failed:
        return ""
    seed = results.environment.get("seed")
    entries = [
        Entry(number=number, cell=cell, quotient=quotient(cell.got, cell.true), command=_command(cell, seed))
        for number, cell in enumerate(failed, start=1)
    ]
    groups = cells.group(entries, lambda entry: cells.column(entry.cell))
    return render("failures.html", groups=list(groups.items()), opened=len(failed) <= _OPEN)


def _command(cell: Measurement, seed: object) -> list[str]:
    """The command that repeats a cell, quoted for a shell, in the parts a line may break between."""
    options = {
        "--select": cell.problem,
        "--backend": cell.backend,
        "--device": cell.device,
        "--dtype": cell.dtype,
        "--operator": cell.operator,
        "--seed": seed,
    }
    chosen = [shlex.join((option, str(value))) for option, value in options.items() if value is not None]
    return [shlex.join(("gradcheck", "run", cell.suite)), *chosen]


failures = Section(name="failures", title="Failures", order=50, render=_render)
