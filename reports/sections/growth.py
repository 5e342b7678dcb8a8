"""How times grow with n, and what that lets one expect of sizes that nobody measured."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from gradcheck import Cost, measured_costs, median_interval, project

from ..cells import column, operator_order, place, place_order
from ..chart import Chart, Column, figure
from ..embedding import rounded
from ..markup import render
from ..notation import magnitude, seconds
from ..page import Section

if TYPE_CHECKING:
    from ..report import Report

MODEL = 8.9e8  # parameters of Stable Diffusion
_FURTHER = 10  # times the largest size: how far the picture looks ahead


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One question to one backend, in words.

    Attributes
    ----------
    cost
        What was measured and fitted.
    slope, memory
        The exponents of time and of memory, with their intervals.
    largest
        The largest size.
    median
        The time there.
    projected
        The time of a model, with its interval.
    """

    cost: Cost
    slope: str
    memory: str
    largest: str
    median: str
    projected: str


def _render(report: Report) -> str:
    costs, words = _costs(report), report.words
    if not costs:
        return ""
    chart = Chart(
        name="growth",
        title=words("Time against n"),
        caption=words(
            "Both axes go up in powers of ten, so a cost of n to the power p is a straight line of slope "
            "p: twice as steep is squared. A sign for the median time at every size, with its 95 % "
            "interval; the line is the law a + b n^p that fits them, where a is what a call costs before "
            "it does anything and bends the line at small n, and joins the medians where no such law "
            "fits. The dashed end is a projection to ten times the largest size, with the interval that "
            "the fit leaves: nothing there was measured. It is missing where the slope is not known well "
            "enough."
        ),
        columns=(
            Column("suite", words("Suite")),
            Column("problem", words("Problem")),
            Column("operator", words("Operator")),
            Column("dtype", words("Dtype")),
            Column("device", words("Device")),
            Column("backend", words("Backend")),
            Column("n", words("n"), "number"),
            Column("seconds", words("Time"), "seconds"),
            Column("low", words("From"), "seconds"),
            Column("high", words("To"), "seconds"),
            Column("fitted", words("By the law"), "seconds"),
            Column("kind", words("Kind")),
        ),
        rows=[row for cost in costs for row in growth_rows(cost, words("measured"), words("projection"))],
        facets=("suite", "problem", "operator", "dtype", "device"),
    )
    lines = [_line(cost) for cost in costs]
    return figure(chart, words) + render("growth.html", words, lines=lines, model=magnitude(MODEL))


def _costs(report: Report) -> Sequence[Cost]:
    rank = {who: number for number, who in enumerate(report.columns)}
    return sorted(
        measured_costs(report.results),
        key=lambda cost: (
            place_order(place(cost.largest)),
            operator_order(cost.largest.operator),
            rank[column(cost.largest)],
        ),
    )


def growth_rows(cost: Cost, measured: str, projected: str) -> Iterator[tuple[Any, ...]]:
    """Every size of one question to one backend; at last a projection, where the slope is clear."""
    cell, law = cost.largest, cost.time
    asked = cell.suite, cell.problem, cell.operator, cell.dtype, cell.device, cell.backend
    for one in cost.cells:
        median = median_interval(one.samples)
        times = (rounded(time, 3) for time in (median.value, median.low, median.high))
        fitted = law.fixed + law.factor * one.size**law.slope.value
        yield (*asked, one.size, *times, None if law.bent else rounded(fitted, 3), measured)
    if law.clear:
        ahead = project(law, _FURTHER * cell.size)
        times = (rounded(time, 3) for time in (ahead.value, ahead.low, ahead.high))
        yield (*asked, _FURTHER * cell.size, *times, None, projected)


def _line(cost: Cost) -> Line:
    slope = cost.time.slope
    memory = cost.memory.slope if cost.memory is not None else None
    ahead = project(cost.time, MODEL) if cost.time.clear else None
    return Line(
        cost=cost,
        slope=f"{slope.value:.2f}{'*' if cost.time.bent else ''} ({slope.low:.2f} … {slope.high:.2f})",
        memory=f"{memory.value:.2f} ({memory.low:.2f} … {memory.high:.2f})" if memory else "",
        largest=magnitude(cost.largest.size),
        median=seconds(cost.seconds),
        projected=f"{_long(ahead.value)} ({_long(ahead.low)} … {_long(ahead.high)})" if ahead else "?",
    )


def _long(time: float) -> str:
    """A time that may be longer than a person waits."""
    return seconds(time) if time < 1e4 else f"{magnitude(float(f'{time:.1e}'))} s"


growth = Section(name="growth", title="Growth of the cost", order=61, render=_render, page="pictures")
