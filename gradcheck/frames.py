"""A run's tables for pandas: cells, what documents print, samples of time; as CSV and Parquet, and back."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gradcheck.errors import MissingExtra
from gradcheck.records import Measurement, PublishedCheck

if TYPE_CHECKING:
    import pandas


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """How long a cell took in one round: seconds per call, NaN for a round missed."""

    suite: str
    problem: str
    point: str
    backend: str
    device: str
    dtype: str
    operator: str
    group: str
    round: int
    seconds: float


TABLES: dict[str, type[Any]] = {"cells": Measurement, "published": PublishedCheck, "samples": Sample}
_COLUMN_TYPES = {
    "float": "float64",
    "int": "int64",
    "bool": "bool",
    "str": "str",
    "Outcome": "str",
    "tuple[float, ...]": "object",
}


def frame(kind: type[Any], records: Iterable[Any]) -> pandas.DataFrame:
    """One row per record, one column per field, typed also where there is no row."""
    names = [field.name for field in fields(kind)]
    made = _pandas().DataFrame(
        [[getattr(record, name) for name in names] for record in records], columns=names
    )
    if "outcome" in names:
        made["outcome"] = [outcome.value for outcome in made["outcome"]]
    return _typed(kind, made)


def samples(cells: Iterable[Measurement]) -> Iterable[Sample]:
    """Every sample of some cells."""
    shared = [field.name for field in fields(Sample)][:-2]
    for cell in cells:
        where = {name: getattr(cell, name) for name in shared}
        for number, seconds in enumerate(cell.samples):
            yield Sample(**where, round=number, seconds=seconds)


def write_csv(table: pandas.DataFrame, path: Path) -> None:
    """Write a table as CSV: texts in quotes, lists of samples as JSON."""
    if "samples" in table:
        table = table.assign(samples=[json.dumps(list(row)) for row in table["samples"]])
    table.to_csv(path, index=False, na_rep="nan", quoting=csv.QUOTE_NONNUMERIC)


def write_parquet(table: pandas.DataFrame, path: Path) -> None:
    """Write a table as Parquet.

    Raises
    ------
    MissingExtra
        Without pyarrow.
    """
    try:
        table.to_parquet(path, index=False)
    except ImportError as error:
        raise MissingExtra("Parquet export", "pyarrow", "reports") from error


WRITERS = {"csv": write_csv, "parquet": write_parquet}


def read_frame(path: Path | str) -> pandas.DataFrame:
    """Read a table that :meth:`gradcheck.Results.export` wrote, equal to the one it wrote."""
    path = Path(path)
    kind = TABLES[path.stem]
    if path.suffix == ".parquet":
        table = _pandas().read_parquet(path)
    else:
        table = _pandas().read_csv(path, dtype=str, keep_default_na=False)
        for name in _declared(kind, "bool"):
            table[name] = table[name] == "True"
    if "samples" in table:
        table["samples"] = [_numbers(row) for row in table["samples"]]
    return _typed(kind, table)


def _numbers(row: Any) -> tuple[float, ...]:
    return tuple(float(sample) for sample in (json.loads(row) if isinstance(row, str) else row))


def _typed(kind: type[Any], table: pandas.DataFrame) -> pandas.DataFrame:
    types = {name: to for of, to in _COLUMN_TYPES.items() for name in _declared(kind, of)}
    typed: pandas.DataFrame = table.astype(types)
    return typed


def _declared(kind: type[Any], type_name: str) -> Sequence[str]:
    return [field.name for field in fields(kind) if field.type == type_name]


def _pandas() -> Any:
    try:
        import pandas as pd
    except ImportError as error:
        raise MissingExtra("a table of results", "pandas", "reports") from error
    return pd
