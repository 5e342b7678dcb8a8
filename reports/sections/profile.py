"""Who is how far behind, and how often: performance profiles.

Source: E. Dolan and J. Moré, "Benchmarking optimization software with performance profiles", Mathematical
Programming 91(2), 2002.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import stats

from gradcheck import Measurement

from ..cells import Column as Who
from ..cells import column, group, place
from ..chart import Chart, Column, figure
from ..markup import render
from ..page import Section
from ..race import derivative
from ..spreads import by_suite

if TYPE_CHECKING:
    from ..report import Report

_FACTORS = (1, 1.1, 1.25, 1.5, 2, 3, 5, 7, 10, 15, 20, 30, 50, 70, 100, 200, 500, 1000, 3000, 10_000, 100_000)


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """What one column's ratios to the fastest come to.

    Attributes
    ----------
    who
        The column.
    ratios
        One for every derivative that it got right and that someone else got right as well.
    races
        How many such derivatives there are in its dtype.
    """

    who: Who
    ratios: Sequence[float]
    races: int

    def within(self, factor: float) -> float:
        """Of all races, the part that it finished within a factor of the fastest."""
        return sum(ratio <= factor for ratio in self.ratios) / self.races

    @property
    def mean(self) -> tuple[float, float, float]:
        """The geometric mean of the ratios, with the 95 % interval of Student's t; NaN ends for one ratio."""
        logs = np.log(self.ratios)
        reach = math.nan
        if logs.size > 1:
            reach = float(stats.t.ppf(0.975, logs.size - 1) * np.std(logs, ddof=1) / logs.size**0.5)
        middle = float(np.mean(logs))
        with np.errstate(over="ignore"):
            mean, low, high = np.exp((middle, middle - reach, middle + reach))
        return float(mean), float(low), float(high)


def _render(report: Report) -> str:
    found, words = records(report), report.words
    if not found:
        return ""
    chart = Chart(
        name="profile",
        title=words("How often within a factor of the fastest"),
        caption=words(
            "For every factor, the part of all derivatives that a backend computes rightly and in at most "
            "that many times the fastest one's time. At 1, on the left, that is how often nobody is "
            "faster; on the right, how much it can do at all. A curve above another is better at every "
            "factor. Derivatives count that two backends or more got right; a wrong or missing answer is "
            "within no factor."
        ),
        columns=(
            Column("suite", words("Suite")),
            Column("dtype", words("Dtype")),
            Column("device", words("Device")),
            Column("backend", words("Backend")),
            Column("factor", words("Factor"), "ratio"),
            Column("part", words("Part within it"), "percent"),
        ),
        rows=list(profile_rows(found)),
        facets=("suite", "dtype", "device"),
        narrow=("dtype", "device"),
    )
    return figure(chart, words) + render("profile.html", words, records=found[words("all")])


def records(report: Report) -> Mapping[str, Sequence[Record]]:
    """The columns that took part in races, over the run and in every suite."""
    entrants = [cell for of_place in report.by_place.values() for cell in _entrants(report, of_place)]
    suites = by_suite(entrants, report.words("all"))
    found = {suite: _records(report, cells) for suite, cells in suites.items()}
    return {suite: of_suite for suite, of_suite in found.items() if of_suite}


def _entrants(report: Report, cells: Sequence[Measurement]) -> Iterator[Measurement]:
    """Of the cells of a place those of the first derivative that have a ratio to the fastest."""
    asked = derivative([cell.operator for cell in cells if cell.samples])
    for cell in cells:
        lap = report.lap(cell)
        if cell.operator == asked and lap is not None and math.isfinite(lap.ratio):
            yield cell


def _records(report: Report, entrants: Sequence[Measurement]) -> Sequence[Record]:
    by_dtype = group(entrants, lambda cell: cell.dtype)
    races = {dtype: len(group(of, place)) for dtype, of in by_dtype.items()}
    ratios = {
        who: [report.laps[id(cell)].ratio for cell in of] for who, of in group(entrants, column).items()
    }
    return [
        Record(who=who, ratios=ratios[who], races=races[who.dtype]) for who in report.columns if who in ratios
    ]


def profile_rows(found: Mapping[str, Sequence[Record]]) -> Iterator[tuple[Any, ...]]:
    """Every column at every factor, up to the first that holds all ratios of its suite."""
    for suite, of_suite in found.items():
        slowest = max(ratio for record in of_suite for ratio in record.ratios)
        last = next((n for n, factor in enumerate(_FACTORS) if factor >= slowest), len(_FACTORS))
        for record in of_suite:
            who = record.who
            for factor in _FACTORS[: last + 1]:
                yield suite, who.dtype, who.device, who.backend, factor, round(record.within(factor), 3)


profile = Section(name="profile", title="Performance profile", order=59, render=_render, page="pictures")
