"""Two runs beside each other: outcomes that changed, and times that changed beyond noise."""

from __future__ import annotations

import math
from collections.abc import Sequence

from rich.table import Table
from rich.text import Text

from gradcheck.comparing import Comparison, Verdict
from gradcheck.records import Measurement
from gradcheck.terminal.console import console, table

_MOST_CHANGES = 10  # shown of each kind


def show_comparison(found: Comparison) -> None:
    """Print what changed from one run to another."""
    screen = console()
    if found.verdicts:
        screen.print(_verdicts(found.verdicts))
    screen.print(
        f"{len(found.verdicts)} outcomes changed, {len(found.worse)} for the worse; "
        f"{len(found.gone)} cells only before, {len(found.new)} only now"
    )
    if not found.changes:
        screen.print("no cell was timed in both runs")
        return
    real = found.real
    shown = real if len(real) <= 2 * _MOST_CHANGES else [*real[:_MOST_CHANGES], *real[-_MOST_CHANGES:]]
    if shown:
        made = table("cell", "backend", "now / before", "95 % interval", right=("now / before",))
        for change in shown:
            interval = f"{change.ratio.low:.2f} to {change.ratio.high:.2f}"
            made.add_row(*_named(change.after), f"{change.ratio.value:.2f}", interval)
        screen.print(made)
    slower = sum(change.ratio.value > 1 for change in real)
    screen.print(
        f"{len(found.changes)} cells timed in both: {slower} slower, {len(real) - slower} faster, "
        f"beyond noise ({100 * found.floor:.1f} % between identical calls)"
    )
    if math.isfinite(found.drift):
        screen.print(f"the machine was {_drifted(found.drift)} by its yardstick, which is taken out")


def _verdicts(changed: Sequence[Verdict]) -> Table:
    """Outcomes that changed, the worse ones first; one line for all operators that changed alike."""
    alike: dict[tuple[object, ...], list[Verdict]] = {}
    for verdict in sorted(changed, key=lambda verdict: not verdict.worse):
        alike.setdefault(_kind(verdict), []).append(verdict)
    made = Table.grid(padding=(0, 2))
    for verdicts in list(alike.values())[: 2 * _MOST_CHANGES]:
        before, cell = verdicts[0].before, verdicts[0].after
        operators = ", ".join(verdict.after.operator for verdict in verdicts)
        where = Text(f"{cell.suite}/{cell.problem} {cell.point}: {operators} {cell.dtype}; by {_who(cell)}")
        if verdicts[0].worse and cell.reason:
            where.append(f"\n{cell.reason}")
        style = "bold" if verdicts[0].worse else ""
        made.add_row(Text(f"{before.outcome.value} -> {cell.outcome.value}", style=style), where)
    more = len(alike) - 2 * _MOST_CHANGES
    if more > 0:
        made.add_row("...", f"and {more} more")
    return made


def _kind(verdict: Verdict) -> tuple[object, ...]:
    cell = verdict.after
    return (
        verdict.before.outcome, cell.outcome, cell.suite, cell.problem, cell.point, cell.dtype, _who(cell),
    )  # fmt: skip


def _named(cell: Measurement) -> tuple[str, str]:
    where = f"{cell.suite}/{cell.problem} {cell.point} {cell.operator} {cell.dtype}"
    return where, _who(cell)


def _who(cell: Measurement) -> str:
    return cell.backend if cell.device == "cpu" else f"{cell.backend} {cell.device}"


def _drifted(drift: float) -> str:
    percent = f"{100 * abs(drift):.1f} %"
    if percent == "0.0 %":
        return "as fast as before"
    return f"{percent} slower" if drift > 0 else f"{percent} faster"
