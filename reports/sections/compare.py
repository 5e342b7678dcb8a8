"""What changed since an earlier run: outcomes, and times beyond what noise explains."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from gradcheck import BadResults, compare

from ..chart import Chart, Column, figure
from ..embedding import rounded
from ..markup import render
from ..page import Section

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gradcheck import Comparison

    from ..report import Report


def _render(report: Report) -> str:
    if report.before is None:
        return ""
    try:
        found = compare(report.before, report.results)
    except BadResults:
        return render("compare.html", report.words, found=None)
    return render(
        "compare.html",
        report.words,
        found=found,
        verdicts=sorted(found.verdicts, key=lambda verdict: not verdict.worse),
        drifted=math.isfinite(found.drift),
        picture=figure(_picture(found, report), report.words) if found.changes else "",
    )


def _picture(found: Comparison, report: Report) -> Chart:
    words = report.words
    return Chart(
        name="changes",
        title=words("Time now over time before"),
        caption=words(
            "Every derivative timed in both runs, slowest change first, in units of a yardstick timed in "
            "the same rounds, with 95 % intervals. The band is what identical calls differ by; filled "
            "points lie beyond noise."
        ),
        columns=(
            Column("place", words("Cell")),
            Column("backend", words("Backend")),
            Column("ratio", words("Now ÷ before"), "ratio"),
            Column("low", words("Low"), "ratio"),
            Column("high", words("High"), "ratio"),
            Column("real", words("Beyond noise")),
            Column("floor", ""),
        ),
        rows=_rows(found, words("yes"), words("no")),
        facets=("backend", "real"),
    )


def _rows(found: Comparison, yes: str, no: str) -> list[Sequence[str | float]]:
    return [
        (
            f"{change.after.suite}/{change.after.problem} {change.after.point} {change.after.operator}",
            f"{change.after.backend} {change.after.device} {change.after.dtype}",
            *(rounded(x, 4) for x in (change.ratio.value, change.ratio.low, change.ratio.high)),
            yes if change.real else no,
            rounded(found.floor, 3),
        )
        for change in found.changes
    ]


compare_runs = Section(name="compare", title="Compared", order=85, render=_render)
