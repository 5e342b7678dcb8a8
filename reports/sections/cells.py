"""Every cell in one table, to be filtered, sorted and searched; scripts fill it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..markup import render
from ..page import Section

if TYPE_CHECKING:
    from ..report import Report


def _render(report: Report) -> str:
    return render("cells.html", report.words, total=len(report.cells)) if report.cells else ""


cells = Section(name="cells", title="Cells", order=50, render=_render)
