"""The verdict in one sentence, a line for every backend, the wrong numbers in print, and the legend."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from statistics import geometric_mean, median
from typing import TYPE_CHECKING

from gradcheck import Measurement, Outcome, PublishedCheck, Results

from ..cells import Column, attempted, column, columns, group, place
from ..markup import render
from ..notation import plural, ratio
from ..page import Section
from ..race import derivative, race
from .published import AGREES, DISAGREES, doubtful

if TYPE_CHECKING:
    from collections.abc import Sequence

SHOWN = 6
RIGHT = (Outcome.EXACT, Outcome.OK)


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """What one column of the run comes to."""

    who: Column
    outcomes: list[tuple[Outcome, int]]
    right: int
    failed: int
    not_run: int
    median: float
    fewest: float
    slowdown: str
    won: str


def _render(results: Results) -> str:
    counts = Counter(cell.outcome for cell in results.cells)
    doubts = doubtful(results.published)
    mood, headline, rest = _verdict(results.cells, counts)
    return render(
        "summary.html",
        mood=mood,
        headline=headline,
        rest=rest,
        doubtful=doubts,
        printed_headline=_printed(results.published, doubts),
        shown=SHOWN,
        lines=_lines(results),
        legend=[(outcome, counts[outcome]) for outcome in Outcome],
    )


def _verdict(cells: Sequence[Measurement], counts: Counter[Outcome]) -> tuple[str, str, str]:
    """The colour, the first words and the rest of the sentence."""
    total = plural(len(cells), "cell")
    if not cells:
        return "idle", "This run holds no cells", ": nothing was asked, so nothing is known."
    failed = [cell for cell in cells if cell.outcome.failed]
    passed = _list(counts, [o for o in Outcome if o.ran and not o.failed])
    idle = _list(counts, [o for o in Outcome if not o.ran and not o.failed])
    skipped = sum(not attempted(cell) for cell in cells)
    not_run = f"; {skipped:,} did not run ({idle})." if skipped else "; every cell ran."
    if failed:
        kinds = _list(counts, [outcome for outcome in Outcome if outcome.failed])
        headline = f"{len(failed):,} of {total} failed"
        return "bad", headline, f" ({kinds}), in {_where(failed)}; {passed or 'none is right'}{not_run}"
    if not passed:
        return "idle", "Nothing ran", f" in {total}: {idle}."
    return "good", "Nothing failed", f" in {total}: {passed}{not_run}"


def _list(counts: Counter[Outcome], outcomes: Sequence[Outcome]) -> str:
    return ", ".join(f"{counts[outcome]:,} {outcome.value}" for outcome in outcomes if counts[outcome])


def _where(failed: Sequence[Measurement]) -> str:
    """The backends that failed, most failures first."""
    ranked = sorted(Counter(cell.backend for cell in failed).items(), key=lambda item: (-item[1], item[0]))
    named = ", ".join(f"{name} ({number:,})" for name, number in ranked[:4])
    return f"{named} and {plural(len(ranked) - 4, 'other backend')}" if len(ranked) > 4 else named


def _printed(checks: Sequence[PublishedCheck], doubts: Sequence[PublishedCheck]) -> str:
    if not checks:
        return ""
    numbers = plural(len(checks), "printed number")
    if not doubts:
        return f"All {numbers} agree with the truth." if len(checks) > 1 else "The one printed number agrees."
    counts = Counter(check.status for check in checks)
    wrong, agree = counts[DISAGREES], counts[AGREES]
    parts = [f"{wrong:,} of {numbers} {'is' if wrong == 1 else 'are'} wrong"]
    if len(doubts) > wrong:
        parts.append(f"{len(doubts) - wrong:,} where no derivative exists")
    if agree:
        parts.append(f"{agree:,} agree{'s' if agree == 1 else ''}")
    return "; ".join(parts) + "."


def _lines(results: Results) -> list[Line]:
    by_column = group(results.cells, column)
    ratios, won = _races(results.cells)
    return [_line(who, by_column[who], ratios.get(who, []), won[who]) for who in columns(results)]


def _line(who: Column, cells: Sequence[Measurement], ratios: Sequence[float], won: int) -> Line:
    counts = Counter(cell.outcome for cell in cells)
    known = [cell.digits for cell in cells if cell.outcome in RIGHT and math.isfinite(cell.digits)]
    return Line(
        who=who,
        outcomes=[(outcome, counts[outcome]) for outcome in Outcome if counts[outcome]],
        right=sum(counts[outcome] for outcome in RIGHT),
        failed=sum(cell.outcome.failed for cell in cells),
        not_run=sum(not attempted(cell) for cell in cells),
        median=median(known) if known else math.nan,
        fewest=min(known, default=math.nan),
        slowdown=ratio(geometric_mean(ratios)) if ratios else "",
        won=f"{won:,} of {len(ratios):,}" if ratios else "",
    )


def _races(cells: Sequence[Measurement]) -> tuple[dict[Column, list[float]], Counter[Column]]:
    """Each column's ratios to the fastest derivative, and how often it was the fastest."""
    ratios: dict[Column, list[float]] = {}
    won: Counter[Column] = Counter()
    for row in group((cell for cell in cells if cell.samples), place).values():
        asked = derivative([cell.operator for cell in row])
        for entrants in group(
            (cell for cell in row if cell.operator == asked), lambda cell: cell.dtype
        ).values():
            for who, lap in race({column(cell): cell for cell in entrants}).items():
                if math.isfinite(lap.ratio):
                    ratios.setdefault(who, []).append(lap.ratio)
                    won[who] += lap.fastest
    return ratios, won


summary = Section(name="summary", title="Verdict", order=10, render=_render)
