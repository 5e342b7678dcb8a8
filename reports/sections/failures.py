"""Every failed cell: the worst entry, what came and what is true, and why."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..aligned import compare_digits
from ..cells import column, group
from ..markup import render
from ..notation import quotient
from ..page import Section

if TYPE_CHECKING:
    from ..report import Report

_OPEN = 60  # beyond this many failures the groups start closed, so that what follows stays in reach
_MOST = 100  # of a column that stand in the page itself; the table of cells has them all


def _render(report: Report) -> str:
    failed = report.failures
    if not failed:
        return ""
    return render(
        "failures.html",
        report.words,
        groups=[
            (
                who,
                [
                    (cell, compare_digits(cell.got, cell.true), quotient(cell.got, cell.true))
                    for cell in cells[:_MOST]
                ],
                len(cells),
            )
            for who, cells in group(failed, column).items()
        ],
        opened=len(failed) <= _OPEN,
    )


failures = Section(name="failures", title="Failures", order=30, page="verdict", render=_render)
