"""What goes wrong in a function under test comes out as it is, and is over afterwards."""

from __future__ import annotations

from contextlib import suppress

from gradcheck.conformance.check import check
from gradcheck.conformance.examples import (
    INTERRUPTION,
    Example,
    Interrupted,
    interrupted,
    mismatched,
    scalars,
)
from gradcheck.conformance.outcome import Failed, NotApplicable, described, raised_by, reported
from gradcheck.conformance.trial import Posed, Trial
from gradcheck.errors import NoRule, Unsupported


@check("an exception in the function comes out with its type and its message")
def exceptions_come_through(trial: Trial) -> str:
    """Whoever wrote the function must recognise the mistake in it."""
    expected = described(Interrupted(INTERRUPTION))
    seen = []
    for posed in _posed(trial, interrupted):
        for way, attempt in posed.attempts():
            error = raised_by(way, attempt, expected)
            if isinstance(error, (Unsupported, NoRule)):
                continue
            if not isinstance(error, Interrupted) or INTERRUPTION not in str(error):
                raise Failed(f"{way}: expected {expected}, got {described(error)}") from error
            seen.append(posed.operator)
    return _listed(seen)


@check("works again after an exception in a function")
def works_after_an_exception(trial: Trial) -> str:
    """One broken problem must not spoil the next, nor what was prepared before it."""
    before = trial.pose(scalars, "value")
    with reported(f"{before}, prepared before an exception"):
        call = before.prepare()
    for posed in _posed(trial, interrupted):
        for _, attempt in posed.attempts():
            with suppress(Exception):
                attempt()
    with reported(f"{before}, prepared before an exception and called after it"):
        result = before.put_to(call)
    before.verify(result, f"{before}, prepared before an exception and called after it")
    return trial.every(lambda posed: posed.verify_answers(", after an exception"), scalars)


@check("shapes that do not fit are an exception, not an answer")
def shape_errors_are_raised(trial: Trial) -> str:
    """A matrix times a vector of the wrong length."""
    seen = []
    for posed in _posed(trial, mismatched):
        for way, attempt in posed.attempts():
            if not isinstance(raised_by(way, attempt, "an exception"), (Unsupported, NoRule)):
                seen.append(posed.operator)
    return _listed(seen)


def _posed(trial: Trial, example: Example) -> list[Posed]:
    return [trial.pose(example, name) for name in ("value", "gradient") if name in trial.backend.operators]


def _listed(seen: list[str]) -> str:
    if not seen:
        raise NotApplicable("answers neither the value nor the gradient of such a function")
    return ", ".join(dict.fromkeys(seen))
