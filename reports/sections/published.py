"""What the documents print: each printed number beside the truth, the wrong ones first."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..cells import Place, natural, operator_order, place_order
from ..markup import render
from ..page import Section

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gradcheck import PublishedCheck

    from ..report import Report

AGREES = "agrees"
DISAGREES = "disagrees"

_TONES = {AGREES: "exact", DISAGREES: "wrong"}


def doubtful(checks: Sequence[PublishedCheck]) -> list[PublishedCheck]:
    """The printed numbers that do not agree with the truth: the contradicted ones first."""
    return sorted((check for check in checks if check.status != AGREES), key=_order)


def _order(check: PublishedCheck) -> tuple[object, ...]:
    where = Place(check.suite, check.problem, check.point)
    return (
        check.status != DISAGREES,
        check.status,
        place_order(where),
        operator_order(check.quantity),
        natural(check.source),
        check.printed,
    )


def _render(report: Report) -> str:
    checks = report.results.published
    if not checks:
        return ""
    return render(
        "published.html",
        report.words,
        doubtful=doubtful(checks),
        agreeing=sorted((check for check in checks if check.status == AGREES), key=_order),
        tones=_TONES,
    )


published = Section(name="printed", title="Printed numbers", order=80, render=_render)
