"""The console, its tables and its progress bar: no colour of its own, so that no background swallows it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from io import TextIOWrapper

from rich import box
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

WIDTH = 80


def console() -> Console:
    """Standard output: as wide as the terminal, 80 columns where there is none; brackets are brackets."""
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # what it cannot show must not end a run
    return Console(width=None if sys.stdout.isatty() else WIDTH, markup=False, emoji=False, highlight=False)


def table(*columns: str, right: Sequence[str] = ()) -> Table:
    """A table with a line below its headings; numbers stand on the right."""
    made = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for column in columns:
        number = column in right
        made.add_column(
            column, justify="right" if number else "left", overflow="fold", no_wrap=number and len(column) < 8
        )
    return made


class Bar:
    """A progress bar with the time left, on a terminal; nothing elsewhere."""

    def __enter__(self) -> Callable[[int, int, str], None]:
        self._bar = Progress(
            TextColumn("{task.description:<40.40}"),
            BarColumn(bar_width=None),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            console=Console(stderr=True),
            transient=True,
            disable=not sys.stderr.isatty(),
        )
        self._bar.start()
        task = self._bar.add_task("starting", total=None)

        def advance(done: int, total: int, label: str) -> None:
            self._bar.update(task, completed=done, total=total, description=label)

        return advance

    def __exit__(self, *_: object) -> None:
        self._bar.stop()
