"""What was not asked of a backend, and why."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from ..cells import attempted, group, operator_order
from ..markup import render
from ..page import Section

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gradcheck import Outcome

    from ..report import Report


def _render(report: Report) -> str:
    idle = [cell for cell in report.cells if not attempted(cell)]
    if not idle:
        return ""
    groups = group(idle, lambda cell: (cell.outcome, cell.reason))
    ranked = sorted(groups.items(), key=lambda item: (-len(item[1]), *_code(item[0])))
    return render(
        "not_run.html",
        report.words,
        groups=[
            (
                outcome,
                reason,
                len(cells),
                _names([cell.backend for cell in cells]),
                ", ".join(sorted({f"{cell.device} {cell.dtype}" for cell in cells})),
                ", ".join(sorted({cell.operator for cell in cells}, key=operator_order)),
            )
            for (outcome, reason), cells in ranked
        ],
    )


def _code(key: tuple[Outcome, str]) -> tuple[str, str]:
    return key[0].value, key[1]


def _names(names: Sequence[str]) -> str:
    """Names with how often each occurs, most often first."""
    ranked = sorted(Counter(names).items(), key=lambda item: (-item[1], item[0]))
    return ranked[0][0] if len(ranked) == 1 else ", ".join(f"{name} {number:,}" for name, number in ranked)


not_run = Section(name="not-run", title="Not run", order=40, page="verdict", render=_render)
