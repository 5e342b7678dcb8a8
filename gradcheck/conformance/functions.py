"""A prepared function is of the function it was prepared for, and of no inputs in particular."""

from __future__ import annotations

from gradcheck.conformance.check import check
from gradcheck.conformance.examples import power, twins, weighted
from gradcheck.conformance.outcome import reported
from gradcheck.conformance.trial import Posed, Trial


@check("a prepared function answers at other inputs, tangents and cotangents of the same shapes")
def prepared_answers_elsewhere(trial: Trial) -> str:
    """There, and then again where it was prepared."""

    def look(posed: Posed) -> None:
        other = trial.pose(posed.example, posed.operator, at=1)
        with reported(f"{posed}, prepared"):
            call = posed.prepare()
            there, here = other.put_to(call), posed.put_to(call)
        other.verify(there, f"{posed}, prepared at other inputs")
        posed.verify(here, f"{posed}, prepared here and called elsewhere first")

    return trial.every(look)


@check("functions of one name with different bodies are told apart")
def namesakes_are_told_apart(trial: Trial) -> str:
    """A name is no key."""
    one, other = twins()
    return trial.every(lambda posed: _told_apart(posed, trial.pose(other, posed.operator)), one)


@check("functions of one body that are closed over different numbers are told apart")
def closures_are_told_apart(trial: Trial) -> str:
    """Code is no key either."""
    other = power(3, -2.0)
    return trial.every(lambda posed: _told_apart(posed, trial.pose(other, posed.operator)), power(2, 3.0))


@check("one function with different constants is told apart")
def constants_are_told_apart(trial: Trial) -> str:
    """Nor is the problem."""
    return trial.every(lambda posed: _told_apart(posed, trial.pose(weighted, posed.operator, at=1)), weighted)


def _told_apart(one: Posed, other: Posed) -> None:
    """Ask both ways, in turns, with both functions prepared before either is called."""
    with reported(f"{one} and {other}, prepared"):
        calls = [(posed, posed.prepare()) for posed in (one, other)]
    for posed, call in [*calls, *calls]:
        with reported(f"{posed}"):
            plain, prepared = posed.plain(), posed.put_to(call)
        posed.verify(plain, f"{posed}, beside another")
        posed.verify(prepared, f"{posed}, prepared beside another")
