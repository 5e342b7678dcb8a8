"""Every problem: a line in a table, and a part of the page to itself."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from ..cells import BY_SEVERITY
from ..embedding import embedded
from ..entries import entries
from ..markup import render
from ..page import Section
from ..studies import drawable

if TYPE_CHECKING:
    from gradcheck import Study

    from ..report import Report

_LISTED = 6  # numbers of an input that stand in the page itself


def _render(report: Report) -> str:
    found = entries(report)
    if not found:
        return ""
    return render(
        "problems.html",
        report.words,
        entries=found,
        severity={outcome: rank for rank, outcome in enumerate(BY_SEVERITY)},
        inputs=_inputs,
        shape=lambda output: "×".join(map(str, output)),
        data=embedded(
            "data-problems",
            {
                "codes": [[one.suite, one.problem, one.code] for one in report.results.subjects if one.code],
                "studies": [drawable(study) for study in report.results.studies],
            },
        ),
    )


def _inputs(study: Study) -> str:
    """The inputs at a point, each with its numbers or its shape, where the point's name does not say them."""
    given = ", ".join(f"{name}={_brief(value)}" for name, value in study.inputs.items())
    return "" if given == study.point else given


def _brief(value: Any) -> str:
    if not isinstance(value, list):
        return _number(value) if isinstance(value, float) else str(value)
    shape = _shape(value)
    if len(shape) == 1 and math.prod(shape) <= _LISTED:
        return f"({', '.join(map(_brief, value))})"
    return "×".join(map(str, shape))


def _number(value: float) -> str:
    """A number in a few digits, and an ellipsis where it has more."""
    few = f"{value:.6g}"
    return few if float(few) == value or math.isnan(value) else f"{few}…"


def _shape(value: Any) -> tuple[int, ...]:
    if not isinstance(value, list):
        return ()
    return (len(value), *_shape(value[0])) if value else (0,)


problems = Section(name="problems", title="Problems", order=45, render=_render)
