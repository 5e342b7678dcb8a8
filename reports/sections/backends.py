"""What every backend comes to over the run, and all that is known of each."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from gradcheck import Measurement, Outcome, Summary

from ..aligned import Digits, compare_digits
from ..cells import BY_SEVERITY, attempted, group, operator_order, place
from ..markup import render
from ..notation import UNKNOWN, seconds
from ..page import Section
from ..standings import RIGHT

if TYPE_CHECKING:
    from gradcheck import Worker

    from ..report import Report
    from ..standings import Standing

_WORST = 5  # answers of a backend that its part of the page shows
_REASONS = 15  # for which it was not asked, likewise
_NAMED = 3  # problems that a reason names


@dataclass(frozen=True, slots=True, kw_only=True)
class Process:
    """A process of a backend, in words."""

    device: str
    start: str
    overhead: str
    threads: str
    settings: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """What a backend was not asked for one reason."""

    outcome: Outcome
    reason: str
    cells: int
    operators: Sequence[str]
    problems: Sequence[str]
    others: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Backend:
    """All that the page says of a backend.

    Attributes
    ----------
    name, title, version
        Which.
    standings
        What it comes to on every device in every dtype.
    processes
        How its processes were found.
    outcomes, suites
        What became of its cells: for every suite, how many had each of the outcomes.
    worst
        Its worst answers, cut at the first wrong digit.
    gaps, further
        What it was not asked, most cells first, and how many reasons more there are.
    """

    name: str
    title: str
    version: str
    standings: Sequence[Standing]
    processes: Sequence[Process]
    outcomes: Sequence[Outcome]
    suites: Sequence[tuple[str, Sequence[int]]]
    worst: Sequence[tuple[Measurement, Digits]]
    gaps: Sequence[Gap]
    further: int

    @property
    def devices(self) -> list[str]:
        """Where it was asked."""
        return list(dict.fromkeys(line.who.device for line in self.standings))

    @property
    def dtypes(self) -> list[str]:
        """In which dtypes."""
        return list(dict.fromkeys(line.who.dtype for line in self.standings))


def _render(report: Report) -> str:
    if not report.cells:
        return ""
    lines = group(report.standings, lambda line: line.who.backend)
    cells = group(report.cells, lambda cell: cell.backend)
    workers = group(report.results.workers, lambda worker: worker.backend)
    found = [
        _backend(name, of_name, cells[name], workers.get(name, ()), _version(report, name))
        for name, of_name in lines.items()
    ]
    return render("backends.html", report.words, lines=report.standings, backends=found)


def _version(report: Report, name: str) -> str:
    """Of a backend whose process says none: as the run's environment has it."""
    listed = report.results.environment.get("backends")
    return str(listed.get(name, "")) if isinstance(listed, Mapping) else ""


def _backend(
    name: str,
    lines: Sequence[Standing],
    cells: Sequence[Measurement],
    workers: Sequence[Worker],
    version: str,
) -> Backend:
    counts = group(cells, lambda cell: cell.suite)
    outcomes = [outcome for outcome in BY_SEVERITY if any(cell.outcome is outcome for cell in cells)]
    gaps = _gaps(cells)
    return Backend(
        name=name,
        title=next((worker.title for worker in workers if worker.title), ""),
        version=next((worker.version for worker in workers if worker.version), version),
        standings=lines,
        processes=[_process(worker) for worker in workers],
        outcomes=outcomes,
        suites=[(suite, _counted(of_suite, outcomes)) for suite, of_suite in counts.items()],
        worst=[(cell, compare_digits(cell.got, cell.true)) for cell in _worst(cells)],
        gaps=gaps[:_REASONS],
        further=max(0, len(gaps) - _REASONS),
    )


def _process(worker: Worker) -> Process:
    return Process(
        device=worker.device,
        start=seconds(worker.start),
        overhead=seconds(worker.overhead),
        threads=_listed(worker.threads),
        settings=_listed(worker.settings),
    )


def _listed(named: Mapping[str, Any]) -> str:
    return ", ".join(f"{name}: {value}" for name, value in named.items()) or UNKNOWN


def _counted(cells: Sequence[Measurement], outcomes: Sequence[Outcome]) -> list[int]:
    counts = Counter(cell.outcome for cell in cells)
    return [counts[outcome] for outcome in outcomes]


def _worst(cells: Sequence[Measurement]) -> list[Measurement]:
    """Failures, those alike once, then the right answers with the fewest digits, one of a place."""
    failed = [fault.worst for fault in Summary(cells).faults]
    right = [cell for cell in cells if cell.outcome in RIGHT and math.isfinite(cell.digits)]
    ranked = group(sorted(right, key=lambda cell: cell.digits), place)
    return [*failed, *(of_place[0] for of_place in ranked.values())][:_WORST]


def _gaps(cells: Sequence[Measurement]) -> list[Gap]:
    idle = group(
        (cell for cell in cells if not attempted(cell)), lambda cell: (cell.outcome.value, cell.reason)
    )
    ranked = sorted(idle.items(), key=lambda item: (-len(item[1]), item[0]))
    return [_gap(alike) for _, alike in ranked]


def _gap(cells: Sequence[Measurement]) -> Gap:
    problems = list(dict.fromkeys(cell.problem for cell in cells))
    return Gap(
        outcome=cells[0].outcome,
        reason=cells[0].reason,
        cells=len(cells),
        operators=sorted({cell.operator for cell in cells}, key=operator_order),
        problems=problems[:_NAMED],
        others=max(0, len(problems) - _NAMED),
    )


backends = Section(name="backends", title="Backends", order=65, render=_render)
