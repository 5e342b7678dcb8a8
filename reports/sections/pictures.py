"""The page of pictures begins: what they have in common."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..markup import render
from ..page import Section

if TYPE_CHECKING:
    from ..report import Report


def _render(report: Report) -> str:
    return render("pictures.html", report.words) if report.cells else ""


pictures = Section(name="pictures", title="Pictures", order=55, render=_render)
