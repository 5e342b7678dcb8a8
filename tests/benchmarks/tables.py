"""Tables that the benchmarks print, and the counting of verdicts that goes into them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

WIDTH = 110
MOST_LISTED = 30


def show(
    capsys: Any, title: str, columns: Sequence[str], rows: Iterable[Sequence[Any]], notes: Any = ()
) -> None:
    """Print a table, and under it one line per note, at most so many."""
    table = Table(*columns, title=title, title_justify="left", header_style="bold", box=box.SIMPLE_HEAD)
    for row in rows:
        table.add_row(*(escape(_text(cell)) for cell in row))
    notes = list(notes)
    with capsys.disabled():
        console = Console(width=WIDTH)
        console.print()
        console.print(table)
        for note in notes[:MOST_LISTED]:
            console.print(f"  {note}"[:WIDTH], markup=False, highlight=False)
        if len(notes) > MOST_LISTED:
            console.print(f"  and {len(notes) - MOST_LISTED} more")


def _text(cell: Any) -> str:
    if cell is None:
        return "-"
    return f"{cell:.3g}" if isinstance(cell, float) else str(cell)


def share(part: int, of: int) -> str:
    """A count beside the whole: ``98/100``."""
    return f"{part}/{of}" if of else "-"


def percent(part: int, of: int) -> str:
    return f"{100 * part / of:.2f} %" if of else "-"


@dataclass
class Tally:
    """Verdicts, counted, with one line for each that was not the one wanted."""

    wanted: str = "pass"
    statuses: Counter[str] = field(default_factory=Counter)
    causes: Counter[str] = field(default_factory=Counter)
    lines: list[str] = field(default_factory=list)
    evaluations: list[int] = field(default_factory=list)

    def add(self, name: str, verdict: Any) -> None:
        """Count a verdict."""
        status = verdict.status.value
        self.statuses[status] += 1
        self.evaluations.append(verdict.evaluations)
        if status != self.wanted:
            reason = str(verdict).partition("\n")[0]
            self.causes[reason.partition(": ")[2]] += status == "inconclusive"
            self.lines.append(f"{name}: {reason}")

    def error(self, name: str, error: Exception) -> None:
        """Count a judge that raised."""
        self.statuses["error"] += 1
        self.lines.append(f"{name}: {type(error).__name__}: {error}")

    @property
    def count(self) -> int:
        return sum(self.statuses.values())

    @property
    def right(self) -> int:
        return self.statuses[self.wanted]

    @property
    def reasons(self) -> list[str]:
        """Causes of inconclusive verdicts, the commonest first."""
        return [f"{n} x {cause}" for cause, n in self.causes.most_common() if n]
