"""Trials made by hand, for tests of what a trial is put through."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from gradcheck.judge.frameworks.base import name_of
from gradcheck.judge.probes import Sketch, direction, probe
from gradcheck.judge.subject import Arrays, Claim, Meter, Slot, Subject, flat
from gradcheck.judge.trial import Trial

Rule = Callable[..., Any]


def reverse(rule: Rule, mode: str = "vjp") -> Claim:
    """``rule(*xs, cotangent)`` with one array per input, as a claim."""

    def call(xs: Arrays, cotangents: Arrays) -> list[Any]:
        answer = rule(*xs, *cotangents)
        return list(answer) if isinstance(answer, tuple) else [answer]

    return Claim(mode, call)


def forward(rule: Rule, mode: str = "jvp") -> Claim:
    """``rule(*xs, *tangents)`` with the tangent of the output, as a claim."""
    return Claim(mode, lambda xs, tangents: [rule(*xs, *tangents)], forward=True)


def on_trial(f: Rule, point: Sequence[np.ndarray], *claims: Claim, order: int = 1, seed: int = 0) -> Trial:
    """A function of arrays with one output, sampled along two directions, with two rows of weights."""
    xs = [np.asarray(x) for x in point]
    slots = tuple(Slot(f"x{at}", x.shape, name_of(x.dtype)) for at, x in enumerate(xs))
    meter, rng = Meter(5000), np.random.default_rng(seed)
    subject = Subject(
        inputs=slots,
        point=xs,
        raw=lambda given: [("", np.asarray(f(*given)))],
        meter=meter,
        claims=list(claims),
        order=order,
    )
    count = flat(subject.centre).size
    trial = Trial(subject, subject, rng, meter, Sketch.of(count, rng))
    trial.probes += [probe(subject, direction(subject, rng), trial.sketch) for _ in range(2)]
    trial.weights += [rng.choice([-1.0, 1.0], count) * rng.uniform(0.5, 1.5, count) for _ in range(2)]
    return trial
