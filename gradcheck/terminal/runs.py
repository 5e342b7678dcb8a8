"""A run in a screenful: the verdict, a line per backend, the worst failures, wrong print, noise and costs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.console import Group
from rich.table import Table
from rich.text import Text

from gradcheck.comparing import noise_bound
from gradcheck.costs import Cost, measured_costs
from gradcheck.records import PublishedCheck
from gradcheck.results import Results
from gradcheck.scaling import project
from gradcheck.summary import ENGLISH, FAILED, Fault, Summary, beside, shortened
from gradcheck.terminal.console import console, table

_SHORT = {"convention": "conv.", "undefined": "undef."}
_FAULTS = 10  # shown, of those that are alike
_PRINTED = 10
_MODEL = 8.9e8  # parameters of Stable Diffusion


def show_run(results: Results) -> None:
    """Print what a run comes to."""
    summary, screen = results.summary, console()
    sentence = summary.sentence()
    screen.print(Text.assemble((_whole(sentence.headline), "bold"), _whole(sentence.rest)))
    parts = [
        _backends(summary) if summary.lines else None,
        _failures(summary.faults) if summary.faults else None,
        _printed(summary) if summary.published else None,
        _costs(found) if (found := measured_costs(results)) else None,
        _whole("; ".join(_facts(results))),
    ]
    for part in parts:
        if part is not None:
            screen.print()
            screen.print(part)


def _whole(text: str) -> str:
    """A text whose numbers stay whole: rich breaks lines at the narrow spaces between thousands."""
    return text.replace("\u202f", ",")


def _backends(summary: Summary) -> Table:
    headings = [_SHORT.get(name, name) for name in summary.groups]
    made = table("backend", *headings, "digits", right=(*headings, "digits"))
    for line in summary.lines:
        numbers = [
            Text(str(line.count(outcomes) or ""), style="bold" if outcomes is FAILED else "")
            for outcomes in summary.groups.values()
        ]
        made.add_row(summary.label(line.who), *numbers, line.shown_digits)
    return made


def _failures(faults: list[Fault]) -> Table:
    more = len(faults) - _FAULTS
    made = Table.grid(padding=(0, 2))
    made.title = "failures, the worst first"
    made.title_justify, made.title_style = "left", ""
    for fault in faults[:_FAULTS]:
        made.add_row(Text(fault.worst.outcome.value, style="bold"), _fault(fault))
    if more > 0:
        made.add_row("...", f"and {more} more that differ in problem, point or outcome: see the report")
    return made


def _fault(fault: Fault) -> Text:
    """Where, who and what was asked; below, what the worst cell says."""
    cell = fault.worst
    asked = ", ".join(fault.operators)
    where = Text(f"{cell.suite}/{cell.problem} {cell.point}: {asked}; by {', '.join(fault.backends)}")
    if not cell.got and not cell.true:
        return where.append(f"\n{cell.backend}: {cell.reason}")
    got, true = beside(cell.got, cell.true)
    return where.append(f"\n{cell.backend}, {cell.operator}, {cell.index}: got {got}, true {true}")


def _printed(summary: Summary) -> Text:
    said = Text(_whole(summary.printed()))
    for check in summary.doubtful[:_PRINTED]:
        said.append(f"\n  {_print(check)}")
    more = len(summary.doubtful) - _PRINTED
    return said.append(f"\n  ... and {more} more: see the report") if more > 0 else said


def _print(check: PublishedCheck) -> str:
    truth = f"true {shortened(check.true)}" if check.status == "disagrees" else "no derivative exists"
    return f"{check.source}: {check.problem}, {check.quantity}: {check.printed}, {truth}"


def _facts(results: Results) -> Iterator[str]:
    """What is to be known of the run as a whole."""
    yield ENGLISH.count(len(results.cells), "%(n)s cell", "%(n)s cells")
    if "seconds" in results.environment:
        yield f"{results.environment['seconds']:g} s"
    if results.controls:
        floor, pairs = noise_bound(results.controls), len(results.controls)
        bound = f"a bound for {floor.of_100} of 100"
        yield f"noise floor {100 * floor.value:.1f} %, {bound} ({pairs} calls timed under two names)"
    if not results.finished:
        yield "not finished: go on with `gradcheck run --resume DIR`"


def _costs(found: Sequence[Cost]) -> Group:
    """How times grow with n, and what they would be at the size of a real model."""
    wide = len({(cost.largest.device, cost.largest.dtype) for cost in found}) > 1
    made = table(
        "how time grows", "who", "slope", "at n", "s", "s at 8.9e8", right=("slope", "s", "s at 8.9e8")
    )
    for cost in found:
        cell, slope = cost.largest, cost.time.slope
        projected = f"{project(cost.time, _MODEL).value:.2g}" if cost.time.clear else "?"
        bent = "*" if cost.time.bent else ""
        made.add_row(
            f"{cell.problem} {cell.operator}",
            f"{cell.backend} {cell.device} {cell.dtype}" if wide else cell.backend,
            f"{slope.value:.2f}{bent} ({slope.low:.2f} to {slope.high:.2f})",
            f"{cell.size:.0e}".replace("e+0", "e"),
            f"{cost.seconds:.2g}",
            projected,
        )
    return Group(
        made,
        "slope: p of a + b n^p with its 95 % interval; * no such law fits, caches bend the line",
        "the last column is a projection from the sizes measured, not a measurement; ? where none is fair",
    )
