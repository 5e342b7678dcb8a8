"""A run in a file: its records, one JSON line each.

The first line of a file is the environment, and every time the run is gone on with there is another such
line. A cell has a line when it is judged and one when it is timed, under one key; every other record
(:mod:`gradcheck.records`) has a line of its own. Lines are only ever appended. Reports aggregate; this module
never does.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from functools import partial
from itertools import chain
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from gradcheck import frames
from gradcheck.errors import BadResults
from gradcheck.notebook import notebook
from gradcheck.records import KINDS, Record, identity
from gradcheck.records import Control as Control
from gradcheck.records import Measurement as Measurement
from gradcheck.records import Outcome as Outcome
from gradcheck.records import PublishedCheck as PublishedCheck
from gradcheck.records import Study as Study
from gradcheck.records import Subject as Subject
from gradcheck.records import Timing as Timing
from gradcheck.records import Worker as Worker
from gradcheck.records import Yardstick as Yardstick
from gradcheck.summary import Summary

if TYPE_CHECKING:
    import pandas

SCHEMA = 2
FILE_NAME = "results.jsonl"
LONE = "backslashreplace"  # half a surrogate pair, which UTF-8 has not, as the escape that JSON has for it

_NAMES = {kind: name for name, kind in KINDS.items()}
_NOT_FINITE = ("nan", "inf", "-inf")


@dataclass(frozen=True, kw_only=True)
class Results:
    """A run: its environment, its cells, and whatever else was found out, kind by kind.

    ``finished`` tells whether the run came to its end; one that was interrupted can be gone on with.
    """

    environment: Mapping[str, Any]
    cells: tuple[Measurement, ...]
    published: tuple[PublishedCheck, ...] = ()
    controls: tuple[Control, ...] = ()
    yardsticks: tuple[Yardstick, ...] = ()
    workers: tuple[Worker, ...] = ()
    subjects: tuple[Subject, ...] = ()
    studies: tuple[Study, ...] = ()
    finished: bool = True

    def to_frame(self) -> pandas.DataFrame:
        """One row per cell, one column per attribute; ``outcome`` holds the code as text.

        Raises
        ------
        MissingExtra
            Without pandas.
        """
        return frames.frame(Measurement, self.cells)

    def published_frame(self) -> pandas.DataFrame:
        """One row per printed number."""
        return frames.frame(PublishedCheck, self.published)

    def samples_frame(self) -> pandas.DataFrame:
        """One row per cell and round: how long a call took."""
        return frames.frame(frames.Sample, frames.samples(self.cells))

    @property
    def summary(self) -> Summary:
        """What the run comes to: a sentence, a line for every backend, failures that are alike together."""
        listed = self.environment.get("backends")
        return Summary(self.cells, self.published, tuple(listed) if isinstance(listed, Mapping) else ())

    def failures(self) -> list[Measurement]:
        """The cells that speak against a backend."""
        return [cell for cell in self.cells if cell.outcome.failed]

    def write(self, path: Path | str) -> Path:
        """Write the run as JSON lines; :meth:`read` gives back an equal value."""
        path = Path(path)
        with path.open("w", encoding="utf-8", errors=LONE) as file:
            writer = Writer(file)
            writer.begin(self.environment)
            described = self.workers, self.subjects, self.studies
            measured = self.cells, self.published, self.controls, self.yardsticks
            for record in chain[Record](*described, *measured):
                writer.add(record)
            if self.finished:
                writer.end({})
        return path

    @classmethod
    def read(cls, path: Path | str) -> Results:
        """Read a run from its file or from the directory that holds it.

        A truncated last line, as a killed run leaves it, is ignored. Of two lines about one cell the later
        counts.

        Raises
        ------
        BadResults
            When there is no such file, it is no results file, or its schema is another.
        """
        path = Path(path)
        path = path / FILE_NAME if path.is_dir() else path
        try:
            lines = path.read_bytes().removesuffix(b"\n").split(b"\n")
        except OSError as error:
            raise BadResults(
                str(path), f"cannot be read ({error})", "name a run's directory or file"
            ) from error
        records = list(_parse(path, lines))
        if not records or records[0]["record"] != "run":
            raise BadResults(
                str(path), "does not start with a run's environment", "name a file gradcheck wrote"
            )
        if records[0].get("schema") != SCHEMA:
            raise BadResults(
                str(path),
                f"has schema {records[0].get('schema')}, this version reads {SCHEMA}",
                "repeat the run, or read it with the version that wrote it",
            )
        return cls._of(path, records)

    @classmethod
    def _of(cls, path: Path, lines: list[dict[str, Any]]) -> Results:
        known: dict[str, list[Any]] = {"run": [], "end": [], **{name: [] for name in KINDS}}
        for number, line in enumerate(lines, start=1):
            name = line["record"]
            if name not in known:  # of a later version
                continue
            try:
                known[name].append(_restored(line))
            except (KeyError, TypeError, ValueError, OverflowError) as error:
                raise BadResults(
                    str(path), f"line {number} is no {name} ({error})", "name a file gradcheck wrote"
                ) from error
        begun, ended = known.pop("run"), known.pop("end")
        resumed = {"resumed": begun[1:]} if len(begun) > 1 else {}
        environment = {**begun[0], **(ended[-1] if ended else {}), **resumed}
        records = chain.from_iterable(known.values())
        return cls.assembled(environment, records, finished=lines[-1]["record"] == "end")

    @classmethod
    def assembled(
        cls, environment: Mapping[str, Any], records: Iterable[Record], *, finished: bool = True
    ) -> Results:
        """A run from its records in the order they came; of two about one thing the later counts."""
        found: dict[type, dict[Any, Any]] = {kind: {} for kind in KINDS.values()}
        for record in records:
            found[type(record)][identity(record)] = record
        return cls(
            environment=environment,
            cells=tuple(_timed(cell, found[Timing]) for cell in found[Measurement].values()),
            published=tuple(found[PublishedCheck].values()),
            controls=tuple(found[Control].values()),
            yardsticks=tuple(found[Yardstick].values()),
            workers=tuple(found[Worker].values()),
            subjects=tuple(found[Subject].values()),
            studies=tuple(found[Study].values()),
            finished=finished,
        )

    def export(self, directory: Path | str, forms: Sequence[str] = ("csv", "parquet")) -> list[Path]:
        """Write ``cells``, ``published`` and ``samples`` as CSV, as Parquet, or both.

        :func:`gradcheck.frames.read_frame` reads either back.

        Raises
        ------
        MissingExtra
            Without pandas, or without pyarrow for Parquet.
        """
        tables = {"cells": self.to_frame, "published": self.published_frame, "samples": self.samples_frame}
        written = []
        for name, table in tables.items():
            made = table()
            for form in forms:
                path = Path(directory) / f"{name}.{form}"
                frames.WRITERS[form](made, path)
                written.append(path)
        return written

    def _repr_html_(self) -> str:
        return notebook(self.summary)


class Writer:
    """Append records to an open file, each flushed at once, so that a killed run keeps what it finished."""

    def __init__(self, file: IO[str]) -> None:
        self._file = file

    def begin(self, environment: Mapping[str, Any]) -> None:
        """Say that a run begins, or is gone on with, and where."""
        self._line({"record": "run", "schema": SCHEMA, "environment": dict(environment)})

    def end(self, environment: Mapping[str, Any]) -> None:
        """Say that the run came to its end, with what is only known then."""
        self._line({"record": "end", "environment": dict(environment)})

    def add(self, record: Record) -> None:
        """Append one record."""
        content = {key: _to_json(value) for key, value in _plain(record).items()}
        self._line({"record": _NAMES[type(record)], **content})

    def _line(self, content: Mapping[str, Any]) -> None:
        line = json.dumps(content, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        self._file.write(line + "\n")
        self._file.flush()


def _timed(cell: Measurement, timings: Mapping[str, Timing]) -> Measurement:
    """A cell with the times found under its key."""
    timing = timings.get(cell.key)
    if timing is None:
        return cell
    return replace(cell, **{f.name: getattr(timing, f.name) for f in fields(Timing)})


def _plain(record: Any) -> dict[str, Any]:
    content = {f.name: getattr(record, f.name) for f in fields(record)}
    if "outcome" in content:
        content["outcome"] = record.outcome.value
    return content


def _to_json(value: Any) -> Any:
    """JSON has no NaN or infinity: they become text, and come back by the field's type."""
    if isinstance(value, Mapping):
        return {key: _to_json(part) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [_to_json(part) for part in value]
    return repr(value) if isinstance(value, float) and not math.isfinite(value) else value


def _numbers(value: Any) -> Any:
    """Nested numbers from their JSON form."""
    if isinstance(value, dict):
        return {key: _numbers(part) for key, part in value.items()}
    if isinstance(value, list):
        return [_numbers(part) for part in value]
    return float(value) if value in _NOT_FINITE else value


def _parse(path: Path, lines: list[bytes]) -> Iterator[dict[str, Any]]:
    for number, line in enumerate(lines, start=1):
        try:
            record = json.loads(line)
        except (ValueError, RecursionError) as error:  # no JSON, or not even UTF-8, or nested without end
            if number == len(lines) and number > 1:
                return
            raise BadResults(
                str(path), f"line {number} is not JSON", "name a file gradcheck wrote"
            ) from error
        if not isinstance(record, dict) or not isinstance(record.get("record"), str):
            raise BadResults(str(path), f"line {number} is no record", "name a file gradcheck wrote")
        yield record


def _restored(line: Mapping[str, Any]) -> Any:
    """A record, or the environment that stands on the line of a run or of its end."""
    kind = KINDS.get(line["record"])
    if kind is None:
        return _a(dict, line["environment"])
    return kind(**{name: read(line[name]) for name, read in _READERS[kind].items() if name in line})


def _reader(declared: str) -> Callable[[Any], Any]:
    """What makes a value of the type that a field declares."""
    declared, _, absent = declared.partition(" | ")
    if declared == "float":
        return float
    if declared == "Outcome":
        return {outcome.value: outcome for outcome in Outcome}.__getitem__
    if declared == "tuple[float, ...]":
        return lambda value: tuple(map(float, value))
    if declared.startswith("tuple"):
        return lambda value: tuple(_a(list, value))
    if declared == "Numbers":
        return lambda value: None if absent and value is None else _numbers(_a(dict, value))
    return partial(_a, _JSON[declared.partition("[")[0]])


_JSON: Mapping[str, type[Any]] = {"str": str, "int": int, "bool": bool, "Mapping": dict}


def _a(wanted: type[Any], value: Any) -> Any:
    """A value, which has to be of that type."""
    if not isinstance(value, wanted):
        raise TypeError(f"{value!r:.40} is no {wanted.__name__}")
    return value


_READERS = {kind: {f.name: _reader(str(f.type)) for f in fields(kind)} for kind in KINDS.values()}
"""What makes the value of each field from its JSON form."""
