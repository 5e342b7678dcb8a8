"""Judgements: on a derivative, on a backend that claims to fit, on tests that should notice mistakes."""

from __future__ import annotations

from collections.abc import Sequence

from gradcheck.audit import Audit, Fate
from gradcheck.conformance.outcome import Checked
from gradcheck.folding import folded, folded_command
from gradcheck.judge.verdict import Verdict
from gradcheck.terminal.console import WIDTH, console, table


def show_verdict(verdict: Verdict, again: Sequence[str]) -> None:
    """Print a verdict and the command that repeats it."""
    text = str(verdict).replace(f"; again: {verdict.replay}", "")  # here the command is what repeats it
    print(folded(text, WIDTH))
    print(f"again:\n  {folded_command(again, WIDTH - 2)}")


def show_checks(rows: Sequence[Checked], name: str, device: str) -> None:
    """Print what a backend keeps and what it does not."""
    made = table("check", "outcome", "what it is about")
    for row in rows:
        made.add_row(row.name, row.outcome, row.detail or row.title)
    failed = sum(row.outcome == "failed" for row in rows)
    screen = console()
    screen.print(made)
    screen.print(f"{len(rows)} checks of {name} on {device}: {failed} failed")


def show_audit(audited: Audit) -> None:
    """Print which mistakes the tests noticed."""
    made = table("saboteur", "what it does", "tests")
    for trial in audited.trials:
        made.add_row(trial.saboteur.name, trial.saboteur.title, trial.fate.value)
    screen = console()
    screen.print(made)
    noticed, missed, idle = (len(audited.of(fate)) for fate in Fate)
    screen.print(f"{noticed} of {noticed + missed} mistakes would have been noticed")
    if idle:
        screen.print(f"{idle} more change nothing in these tests, which says nothing about them")
