"""The book of a run: what is in it is not done again, what comes is appended at once.

A killed run leaves at most one line that is cut off; it is dropped before anything is appended.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress
from itertools import chain
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from gradcheck.errors import BadResults
from gradcheck.records import Measurement, Record, Study, Subject, Timing
from gradcheck.results import FILE_NAME, LONE, Results, Writer


class Ledger:
    """The records of a run, in memory and, where a directory is given, in its results file.

    Parameters
    ----------
    directory
        Where the file goes; None keeps the run in memory.
    environment
        Of this run, or of what goes on with one.
    resume
        Whether to go on with the run that is there; a file that is there is replaced otherwise.

    Raises
    ------
    BadResults
        When the file cannot be written, or there is none to go on with.
    """

    def __init__(self, directory: Path | str | None, environment: Mapping[str, Any], *, resume: bool) -> None:
        self.cells: dict[str, Measurement] = {}
        self.timed: set[str] = set()
        self.subjects: set[Subject] = set()
        self.studied: set[tuple[str, str, str]] = set()
        self._environment = environment
        self._records: list[Record] = []
        self._file = self._writer = None
        if directory is None:
            return
        path = Path(directory) / FILE_NAME
        if resume:
            self._take_over(path)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = path.open("a" if resume else "w", encoding="utf-8", errors=LONE)
        except OSError as error:
            raise BadResults(
                str(path), f"cannot be written ({error.strerror})", "name another directory"
            ) from error
        self._path = path
        self._writer = Writer(self._file)
        self._writer.begin(environment)

    def add(self, record: Record) -> None:
        """Append a record."""
        self._records.append(record)
        self._remember(record)
        if self._writer:
            self._writer.add(record)

    def store(self) -> None:
        """Have the operating system put what was appended where a power cut cannot reach it."""
        if self._file:
            with suppress(OSError):
                os.fsync(self._file.fileno())

    def end(self, environment: Mapping[str, Any]) -> Results:
        """Say that the run came to its end, and give all of it."""
        if self._writer is None:
            return Results.assembled({**self._environment, **environment}, self._records)
        self._writer.end(environment)
        return Results.read(self._path)

    def _take_over(self, path: Path) -> None:
        old = Results.read(path)
        for record in chain[Record](old.cells, old.subjects, old.studies):
            self._remember(record)
        self.timed |= {cell.key for cell in old.cells if cell.stop}
        content = path.read_bytes()
        whole = content[: content.rfind(b"\n") + 1]
        if len(whole) < len(content):
            os.truncate(path, len(whole))

    def _remember(self, record: Record) -> None:
        match record:
            case Measurement():
                self.cells[record.key] = record
            case Timing():
                self.timed.add(record.key)
            case Subject():
                self.subjects.add(record)
            case Study():
                self.studied.add((record.suite, record.problem, record.point))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._file:
            self._file.close()
