"""A call answers and changes nothing: not what it was given, not what it answered before."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from gradcheck.conformance.check import check
from gradcheck.conformance.examples import gathered
from gradcheck.conformance.outcome import Failed, reported
from gradcheck.conformance.trial import Posed, Trial, brief


@check("inputs are as they were after a call")
def inputs_are_kept(trial: Trial) -> str:
    """What is differentiated by."""
    return trial.every(_keeps(lambda posed: zip(posed.f.problem.wrt, posed.xs, strict=True)))


@check("constants are as they were after a call")
def constants_are_kept(trial: Trial) -> str:
    """Inputs that are not differentiated by, whole numbers among them."""
    constants = set(gathered.problem.inputs) - set(gathered.problem.wrt)
    return trial.every(_keeps(lambda posed: [(name, posed.inputs[name]) for name in constants]), gathered)


@check("tangents and cotangents are as they were after a call")
def seeds_are_kept(trial: Trial) -> str:
    """What jvp, vjp and hvp take beside the inputs."""
    return trial.every(_keeps(_seeds), operators=("jvp", "vjp", "hvp"))


@check("the same question has the same answer, bit for bit")
def repeatable(trial: Trial) -> str:
    """At thirds, where every operation rounds."""
    return trial.every(_repeats, change=lambda x: x / 3)


@check("an answer is not overwritten by the next call")
def answers_are_kept(trial: Trial) -> str:
    """The first answer is read after the second call."""

    def look(posed: Posed) -> None:
        other = trial.pose(posed.example, posed.operator, at=1)
        with reported(f"{posed}"):
            plain = posed.plain()
            other.plain()
            call = posed.prepare()
            prepared = posed.put_to(call)
            other.put_to(call)
        posed.verify(plain, f"{posed}, read after another call")
        posed.verify(prepared, f"{posed}, prepared, read after another call")

    return trial.every(look)


def _keeps(chosen: Callable[[Posed], Iterable[tuple[str, Any]]]) -> Callable[[Posed], None]:
    def look(posed: Posed) -> None:
        read = posed.differentiator.numpy
        kept = dict(chosen(posed))
        before = {name: np.array(read(array)) for name, array in kept.items()}
        for way, _ in posed.answers():
            for name, old in before.items():
                new = read(kept[name])
                if not np.array_equal(new, old):
                    raise Failed(f"{way}: expected {name} to stay {brief(old)}, got {brief(new)} afterwards")

    return look


def _seeds(posed: Posed) -> Iterable[tuple[str, Any]]:
    if posed.operator == "vjp":
        return [("the cotangent", posed.extra[0])]
    return [
        (f"the tangent of {name}", v) for name, v in zip(posed.f.problem.wrt, posed.extra[0], strict=True)
    ]


def _repeats(posed: Posed) -> None:
    for way, ask in posed.ways():
        with reported(way):
            first, second = ([block.array.copy() for block in posed.read(ask())] for _ in range(2))
        for one, other in zip(first, second, strict=True):
            if one.tobytes() != other.tobytes():
                raise Failed(f"{way}: expected {brief(one)} again, got {brief(other)}, other bits")
