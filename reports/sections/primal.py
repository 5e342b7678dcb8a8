"""What a gradient costs in evaluations of its function, by the same backend in the same rounds."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from gradcheck import Measurement, paired_ratio

from ..cells import column, group, place
from ..chart import Chart, Column, figure
from ..page import Section
from ..spreads import by_suite, spread

if TYPE_CHECKING:
    from ..report import Report


def _render(report: Report) -> str:
    rows, words = list(primal_rows(report)), report.words
    if not rows:
        return ""
    chart = Chart(
        name="primal",
        title=words("A gradient in evaluations of its function"),
        caption=words(
            "How many times as long as the function itself its gradient takes, by the same backend, "
            "paired by round: the line holds all functions, the bar the middle half of them, the sign is "
            "the median. In reverse mode a gradient costs a small multiple of the function however many "
            "inputs it has: in operations at most five times, a rule of thumb by Griewank and Walther, "
            "drawn as a line. Differences cost an evaluation or two for every input. Small functions show "
            "what a call costs, whatever it computes."
        ),
        columns=(
            Column("suite", words("Suite")),
            Column("dtype", words("Dtype")),
            Column("device", words("Device")),
            Column("backend", words("Backend")),
            Column("functions", words("Functions"), "number"),
            Column("least", words("Least"), "ratio"),
            Column("lower", words("Lower quartile"), "ratio"),
            Column("median", words("Median"), "ratio"),
            Column("upper", words("Upper quartile"), "ratio"),
            Column("most", words("Most"), "ratio"),
        ),
        rows=rows,
        facets=("suite", "dtype", "device"),
    )
    return figure(chart, words)


def primal_rows(report: Report) -> Iterator[tuple[Any, ...]]:
    """Every column that was timed at gradients and their functions, over the run and in every suite."""
    timed = [cell for cell in report.cells if cell.samples and cell.outcome.ran and not cell.outcome.failed]
    pairs = group(timed, lambda cell: (place(cell), column(cell)))
    costs = {id(gradient): cost for of in pairs.values() for gradient, cost in _costs(of)}
    gradients = [cell for cell in timed if id(cell) in costs]
    for suite, cells in by_suite(gradients, report.words("all")).items():
        by_column = group(cells, column)
        for who in report.columns:
            ratios = [costs[id(cell)] for cell in by_column.get(who, [])]
            if ratios:
                yield (suite, who.dtype, who.device, who.backend, len(ratios), *spread(ratios))


def _costs(cells: Sequence[Measurement]) -> Iterator[tuple[Measurement, float]]:
    """The gradient among the cells of one function, over its value; nothing where one of them is missing."""
    asked = {cell.operator: cell for cell in cells}
    if "gradient" in asked and "value" in asked:
        cost = paired_ratio(asked["gradient"].samples, asked["value"].samples).value
        if math.isfinite(cost):
            yield asked["gradient"], cost


primal = Section(name="primal", title="Cost of a gradient", order=60, render=_render, page="pictures")
