"""What a run leaves behind: raw facts, one JSON line each, and their tidy pandas frames.

The first line of a file is the environment; then one line per cell and one per printed value. Reports
aggregate; this module never does.
"""

from __future__ import annotations

import csv
import json
import math
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, fields
from enum import Enum
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from gradcheck.errors import BadResults, MissingExtra

if TYPE_CHECKING:
    import pandas

SCHEMA = 1
FILE_NAME = "results.jsonl"


class Outcome(Enum):
    """Everything that can become of a cell; the value is the sentence people read."""

    EXACT = "exact", "E", "within the rounding bound of the dtype"
    OK = (
        "ok",
        "O",
        "right to the digits shown: within its own error bar, or half of the digits rounding leaves",
    )
    WRONG = "wrong", "W", "neither rounding nor a stated error bar explains the answer"
    NAN = "nan", "N", "not a finite number where a finite derivative exists"
    CONVENTION = "convention", "C", "a valid subgradient or one-sided value at a kink"
    LOST_TINY = "lost-tiny", "T", "a tiny nonzero derivative returned as 0"
    UNDEFINED = "undefined", "U", "no derivative exists there; the answer is shown"
    UNSUPPORTED = "unsupported", "-", "the backend does not offer this"
    NO_DEVICE = "no device", "D", "the backend has no such device here"
    NOT_INSTALLED = "not installed", "I", "the backend's package is not installed"
    TIMEOUT = "timeout", "L", "no answer within the time limit"
    CRASH = "crash", "X", "the process died"
    ERROR = "error", "!", "raised an exception"

    letter: str
    sentence: str

    def __new__(cls, code: str, letter: str, sentence: str) -> Outcome:
        member = object.__new__(cls)
        member._value_ = code
        member.letter = letter
        member.sentence = sentence
        return member

    @property
    def failed(self) -> bool:
        """Whether the cell speaks against the backend."""
        return self in _FAILED

    @property
    def ran(self) -> bool:
        """Whether an answer was obtained and judged."""
        return self in _JUDGED


_FAILED = frozenset(
    {Outcome.WRONG, Outcome.NAN, Outcome.LOST_TINY, Outcome.TIMEOUT, Outcome.CRASH, Outcome.ERROR}
)
_JUDGED = frozenset(
    {
        Outcome.EXACT,
        Outcome.OK,
        Outcome.WRONG,
        Outcome.NAN,
        Outcome.CONVENTION,
        Outcome.LOST_TINY,
        Outcome.UNDEFINED,
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """One cell: one question put to one backend, what came of it, and how long it took.

    Attributes
    ----------
    suite, problem, point, backend, device, dtype, operator
        Which cell.
    outcome, reason
        What became of it; the reason is empty only for ``exact``.
    relative_error
        Worst entry's error relative to the truth; NaN where nothing finite was compared.
    ulps
        Worst error in units in the last place of the truth, in the row's dtype.
    condition
        Rounding bound of that entry divided by half an ulp: how many roundings its value may suffer.
    digits
        Correct decimal digits of the worst entry, at most what the dtype holds.
    index, got, true
        The worst entry: its path, the answer and the truth (30 digits).
    truth, truth_digits
        Which truth judged the cell (``ball``, ``closed form``, ``differences``) and to how many
        certified digits.
    inputs, outputs
        Number of input and output entries.
    first_call
        Seconds of the first call; tracing and set-up included.
    calls
        Calls per timing sample.
    samples
        Seconds per call, one entry per interleaved round; raw.
    """

    suite: str
    problem: str
    point: str
    backend: str
    device: str
    dtype: str
    operator: str
    outcome: Outcome
    reason: str = ""
    relative_error: float = math.nan
    ulps: float = math.nan
    condition: float = math.nan
    digits: float = math.nan
    index: str = ""
    got: str = ""
    true: str = ""
    truth: str = ""
    truth_digits: float = math.nan
    inputs: int = 0
    outputs: int = 0
    first_call: float = math.nan
    calls: int = 0
    samples: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedCheck:
    """One number printed in a document, beside the truth.

    ``status`` is ``agrees`` (the truth rounds or truncates to what is printed), ``disagrees``, or
    ``undefined`` (the document claims a derivative where none exists).
    """

    suite: str
    problem: str
    point: str
    source: str
    quantity: str
    printed: str
    true: str
    status: str
    note: str = ""


@dataclass(frozen=True, kw_only=True)
class Results:
    """A run: its environment, its cells and the printed values it compared."""

    environment: Mapping[str, Any]
    cells: tuple[Measurement, ...]
    published: tuple[PublishedCheck, ...] = field(default=())

    def to_frame(self) -> pandas.DataFrame:
        """One row per cell, one column per attribute; ``outcome`` holds the code as text.

        Raises
        ------
        MissingExtra
            Without pandas.
        """
        return _frame(Measurement, map(_plain, self.cells))

    def published_frame(self) -> pandas.DataFrame:
        """One row per printed number."""
        return _frame(PublishedCheck, map(_plain, self.published))

    def failures(self) -> list[Measurement]:
        """The cells that speak against a backend."""
        return [cell for cell in self.cells if cell.outcome.failed]

    def write(self, path: Path | str) -> Path:
        """Write the run as JSON lines; :meth:`read` gives back an equal value."""
        path = Path(path)
        with path.open("w", encoding="utf-8") as file:
            writer = Writer(file, self.environment)
            records: tuple[Measurement | PublishedCheck, ...] = (*self.cells, *self.published)
            for record in records:
                writer.add(record)
        return path

    @classmethod
    def read(cls, path: Path | str) -> Results:
        """Read a run from its file or from the directory that holds it.

        A truncated last line, as a killed run leaves it, is ignored.

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
        if not records or records[0].get("record") != "run":
            raise BadResults(
                str(path), "does not start with a run's environment", "name a file gradcheck wrote"
            )
        if records[0].get("schema") != SCHEMA:
            raise BadResults(
                str(path),
                f"has schema {records[0].get('schema')}, this version reads {SCHEMA}",
                "repeat the run, or read it with the version that wrote it",
            )
        return cls(
            environment=records[0]["environment"],
            cells=tuple(_restore(Measurement, r) for r in records[1:] if r["record"] == "cell"),
            published=tuple(_restore(PublishedCheck, r) for r in records[1:] if r["record"] == "published"),
        )

    def export(self, directory: Path | str) -> list[Path]:
        """Write ``cells`` and ``published`` as CSV and Parquet; :func:`read_frame` reads either back.

        Raises
        ------
        MissingExtra
            Without pandas or pyarrow.
        """
        written = []
        for name, frame in (("cells", self.to_frame()), ("published", self.published_frame())):
            table, parquet = Path(directory) / f"{name}.csv", Path(directory) / f"{name}.parquet"
            text = frame.assign(**_as_text(frame))
            text.to_csv(table, index=False, na_rep="nan", quoting=csv.QUOTE_NONNUMERIC)
            try:
                frame.to_parquet(parquet, index=False)
            except ImportError as error:
                raise MissingExtra("Parquet export", "pyarrow", "reports") from error
            written += [table, parquet]
        return written

    def _repr_html_(self) -> str:
        return str(self.to_frame()._repr_html_())  # type: ignore[operator]


class Writer:
    """Append records to an open file, each flushed at once, so that a killed run keeps what it finished."""

    def __init__(self, file: IO[str], environment: Mapping[str, Any]) -> None:
        self._file = file
        self._line({"record": "run", "schema": SCHEMA, "environment": dict(environment)})

    def add(self, record: Measurement | PublishedCheck) -> None:
        """Append one cell or one printed value."""
        kind = "cell" if isinstance(record, Measurement) else "published"
        self._line({"record": kind, **{key: _to_json(value) for key, value in _plain(record).items()}})

    def _line(self, content: Mapping[str, Any]) -> None:
        self._file.write(json.dumps(content, ensure_ascii=False, allow_nan=False) + "\n")
        self._file.flush()


def read_frame(path: Path | str) -> pandas.DataFrame:
    """Read a frame that :meth:`Results.export` wrote, equal to the one it wrote."""
    path = Path(path)
    kind = Measurement if path.stem == "cells" else PublishedCheck
    if path.suffix == ".parquet":
        frame = _pandas().read_parquet(path)
        rows = frame.to_dict("records")
    else:
        rows = _pandas().read_csv(path, dtype=str, keep_default_na=False).to_dict("records")
    return _frame(kind, ({key: _typed(kind, str(key), value) for key, value in row.items()} for row in rows))


def environment(seed: int, backends: Mapping[str, str]) -> dict[str, Any]:
    """Where and with what a run was made: machine, versions, threads, seed; all JSON values."""
    import platform
    from importlib.metadata import version

    packages = ("gradcheck", "numpy", "scipy", "python-flint", "mpmath", "array-api-compat")
    threads = {name: os.environ[name] for name in _THREAD_VARIABLES if name in os.environ}
    return {
        "seed": seed,
        "machine": {
            "cpu": _cpu_model(),
            "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
            "architecture": platform.machine(),
            "system": f"{platform.system()} {platform.release()}",
        },
        "python": platform.python_version(),
        "packages": {name: version(name) for name in packages},
        "backends": dict(backends),
        "threads": threads or {"default": "chosen by each library"},
    }


_THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


def _cpu_model() -> str:
    import platform

    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else platform.processor() or platform.machine()


def _plain(record: Any) -> dict[str, Any]:
    content = asdict(record)
    if "outcome" in content:
        content["outcome"] = record.outcome.value
    return content


def _to_json(value: Any) -> Any:
    """JSON has no NaN or infinity: they become text, and come back by the field's type."""
    if isinstance(value, tuple):
        return [_to_json(part) for part in value]
    return repr(value) if isinstance(value, float) and not math.isfinite(value) else value


def _parse(path: Path, lines: list[bytes]) -> Iterator[dict[str, Any]]:
    for number, line in enumerate(lines, start=1):
        try:
            record = json.loads(line)
        except ValueError as error:  # no JSON, or not even UTF-8
            if number == len(lines) and number > 1:
                return
            raise BadResults(
                str(path), f"line {number} is not JSON", "name a file gradcheck wrote"
            ) from error
        if not isinstance(record, dict) or "record" not in record:
            raise BadResults(str(path), f"line {number} is no record", "name a file gradcheck wrote")
        yield record


def _restore(kind: type[Any], record: Mapping[str, Any]) -> Any:
    return kind(
        **{f.name: _typed(kind, f.name, record[f.name], enum=True) for f in fields(kind) if f.name in record}
    )


def _typed(kind: type[Any], name: str, value: Any, *, enum: bool = False) -> Any:
    """A field's value from its JSON, CSV or Parquet form."""
    declared = {f.name: str(f.type) for f in fields(kind)}[name]
    if declared == "Outcome":
        return Outcome(value) if enum else value  # type: ignore[call-arg]
    if declared == "float":
        return float(value)
    if declared == "int":
        return int(value)
    if declared.startswith("tuple"):
        return tuple(float(sample) for sample in (json.loads(value) if isinstance(value, str) else value))
    return value


def _as_text(frame: pandas.DataFrame) -> dict[str, Any]:
    if "samples" not in frame:
        return {}
    return {"samples": [json.dumps(list(samples)) for samples in frame["samples"]]}


def _frame(kind: type[Any], rows: Iterable[Mapping[str, Any]]) -> pandas.DataFrame:
    frame = _pandas().DataFrame(list(rows), columns=[f.name for f in fields(kind)])
    numeric = {f.name: str(f.type) for f in fields(kind) if f.type in _NUMPY_TYPES}
    typed: pandas.DataFrame = frame.astype({name: _NUMPY_TYPES[of] for name, of in numeric.items()})
    return typed


_NUMPY_TYPES = {"float": "float64", "int": "int64"}


def _pandas() -> Any:
    try:
        import pandas as pd
    except ImportError as error:
        raise MissingExtra("a table of results", "pandas", "reports") from error
    return pd
