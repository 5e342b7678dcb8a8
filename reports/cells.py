"""Cells in the order people read: by place (suite, problem, point) and by column (backend, device, dtype).

A run may finish its cells in any order; every table sorts them the same way.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from typing import NamedTuple, TypeVar

from gradcheck import Measurement, Outcome, Results

K = TypeVar("K", bound=Hashable)
T = TypeVar("T")

OPERATORS = ("value", "gradient", "jacobian", "hessian", "jvp", "vjp", "hvp")


class Place(NamedTuple):
    """Where a derivative is asked for: a row."""

    suite: str
    problem: str
    point: str


class Column(NamedTuple):
    """Who is asked: a column."""

    backend: str
    device: str
    dtype: str


class Heading(NamedTuple):
    """A heading over some neighbouring columns."""

    text: str
    span: int


def place(cell: Measurement) -> Place:
    """The row of a cell."""
    return Place(cell.suite, cell.problem, cell.point)


def column(cell: Measurement) -> Column:
    """The column of a cell."""
    return Column(cell.backend, cell.device, cell.dtype)


def group(items: Iterable[T], key: Callable[[T], K]) -> dict[K, list[T]]:
    """Items by their key."""
    groups: dict[K, list[T]] = {}
    for item in items:
        groups.setdefault(key(item), []).append(item)
    return groups


def natural(text: str) -> tuple[object, ...]:
    """A sorting key that puts ``n=2`` before ``n=10``."""
    parts = re.split(r"([0-9]+)", text)
    return tuple((len(part.lstrip("0")), part.lstrip("0")) if i % 2 else part for i, part in enumerate(parts))


def place_order(where: Place) -> tuple[object, ...]:
    """A sorting key for rows."""
    return tuple(natural(part) for part in where)


def operator_order(name: str) -> tuple[int, str]:
    """A sorting key for operators: value first, then by rising order of derivative."""
    return (OPERATORS.index(name) if name in OPERATORS else len(OPERATORS), name)


def dtype_order(name: str) -> tuple[int, str]:
    """A sorting key for dtypes: wide ones first."""
    bits = re.search(r"[0-9]+", name)
    return (-int(bits[0][:4]) if bits else 0, name)


def column_order(results: Results) -> Callable[[Column], tuple[object, ...]]:
    """A sorting key for columns: backends as the run lists them, cpu first, wide dtypes first."""
    listed = results.environment.get("backends")
    names = list(listed) if isinstance(listed, Mapping) else []
    rank = {name: position for position, name in enumerate(names)}

    def key(who: Column) -> tuple[object, ...]:
        return (
            rank.get(who.backend, len(rank)),
            natural(who.backend),
            who.device != "cpu",
            natural(who.device),
            dtype_order(who.dtype),
        )

    return key


def columns(results: Results) -> list[Column]:
    """All columns in order."""
    return sorted({column(cell) for cell in results.cells}, key=column_order(results))


def attempted(cell: Measurement) -> bool:
    """Whether the backend was really asked."""
    return cell.outcome.ran or cell.outcome.failed


BY_SEVERITY = (
    *(outcome for outcome in Outcome if outcome.failed),
    *reversed([outcome for outcome in Outcome if outcome.ran and not outcome.failed]),
    *(outcome for outcome in Outcome if not outcome.ran and not outcome.failed),
)
_SEVERITY = {outcome: rank for rank, outcome in enumerate(BY_SEVERITY)}


def worst(cells: Sequence[Measurement]) -> Measurement:
    """The cell with the worst outcome; one that did not run counts least."""
    return min(cells, key=lambda cell: (_SEVERITY[cell.outcome], operator_order(cell.operator)))


def headings(shown: Sequence[Column]) -> list[list[Heading]]:
    """Rows of headings over the columns: backends, then devices and dtypes where there are several."""
    levels = [0, *(level for level in (1, 2) if len({who[level] for who in shown}) > 1)]
    rows = []
    for depth in range(1, len(levels) + 1):
        runs: list[tuple[tuple[str, ...], int]] = []
        for who in shown:
            path = tuple(who[level] for level in levels[:depth])
            if runs and runs[-1][0] == path:
                runs[-1] = (path, runs[-1][1] + 1)
            else:
                runs.append((path, 1))
        rows.append([Heading(path[-1], span) for path, span in runs])
    return rows


def starts(shown: Sequence[Column]) -> list[bool]:
    """For each column, whether its backend begins there."""
    return [i == 0 or shown[i - 1].backend != who.backend for i, who in enumerate(shown)]
