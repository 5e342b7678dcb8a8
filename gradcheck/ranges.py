"""What leaving the range of a dtype may change: a number that overflows, or loses its bits close to 0.

A rounding bound supposes numbers of any size. Here the problem's own source runs on balls that keep a record
of their steps, each with its slopes by its operands; the record is swept forward and backward, which gives
the tangents and adjoints that a backend meets on the way (A. Griewank and A. Walther, "Evaluating
Derivatives", 2nd ed., SIAM 2008, sections 3.1 and 3.2). Where all these numbers lie in the dtype's range,
leaving it changes nothing. Where not, all is done once more as the dtype would do it: a number that overflows
may then be anything, one below the smallest normal number is off by what such numbers lose. How far the
result lies from that in float64 is what leaving the range may change.

Nobody knows in which mode a backend works: the larger change of both counts. Where a sweep has no finite
result in float64 either, by a singularity or an overflow, the function is delicate there in every dtype, and
nothing is excused. Nor is what happens inside a step, which is the business of its rule.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
from flint import arb, arb_series

from gradcheck.balls import Ball, evaluation
from gradcheck.dtypes import FORMATS, Format

_BITS = 128
_ANYTHING = arb.nan()  # an infinity on the way may end as NaN, whatever is done to it

Treat = Callable[[Any], Any]
Evaluate = Callable[["Record", Mapping[int, int]], Sequence[Ball]]
"""The outputs, of a record that the inputs start and of the power of t that some of them move along."""


class Record:
    """The steps of an evaluation on balls, each with its slopes by its operands.

    Parameters
    ----------
    treat
        What becomes of a number that is stored.
    order
        1 for slopes; 2 for slopes and how they change along ``t^2``, as the two terms of a series.
    """

    def __init__(self, treat: Treat, order: int) -> None:
        self._treat = treat
        self._order = order
        self._seed = arb_series([0] * (2 * order - 1) + [1])  # t, or t^3 beside the t^2 of the curve
        self._powers = (1,) if order == 1 else (3, 5)
        self._steps: list[list[tuple[int, list[Any]]]] = []

    def start(self, ball: Ball) -> None:
        """Take in an input; they come first."""
        ball.place = len(self._steps)
        ball.series += self._treat(ball.series[0]) - ball.series[0]
        self._steps.append([])

    def step(self, result: Ball, function: Callable[..., Any], operands: tuple[Ball, ...]) -> None:
        """Take in ``result = function(*operands)``; the result is stored as ``treat`` has it."""
        terms = [result.series[power] for power in range(len(result.series))]
        for power in range(0, min(len(terms), 2 * self._order - 1), 2):
            terms[power] = self._treat(terms[power])
        result.series = arb_series(terms)
        given = [operand.series for operand in operands]
        slopes = [
            (operand.place, self._slope(function, given, at))
            for at, operand in enumerate(operands)
            if operand.place is not None
        ]
        if slopes:
            result.place = len(self._steps)
            self._steps.append(slopes)

    def tangents(self, place: int) -> dict[int, list[Any]]:
        """The slope of every step by one of them; those that do not depend on it are left out."""
        found = {place: self._one()}
        for at in range(place + 1, len(self._steps)):
            parts = [self._product(slope, found[by]) for by, slope in self._steps[at] if by in found]
            if parts:
                found[at] = self._sum(parts)
        return found

    def adjoints(self, place: int | None) -> dict[int, list[Any]]:
        """The slope of a step by every other; those that it does not depend on are left out."""
        if place is None:
            return {}
        found = {place: self._one()}
        for at in range(place, -1, -1):
            for by, slope in self._steps[at] if at in found else ():
                part = self._product(slope, found[at])
                found[by] = self._sum([found[by], part]) if by in found else part
        return found

    def _one(self) -> list[Any]:
        return [arb(1), arb(0)][: self._order]

    def _slope(self, function: Callable[..., Any], given: list[Any], at: int) -> list[Any]:
        moved = function(*(series + self._seed if i == at else series for i, series in enumerate(given)))
        return [self._treat(moved[power]) for power in self._powers]

    def _product(self, a: list[Any], b: list[Any]) -> list[Any]:
        product = [self._treat(a[0] * b[0])]
        if self._order == 2:
            product.append(self._treat(self._treat(a[0] * b[1]) + self._treat(a[1] * b[0])))
        return product

    def _sum(self, parts: list[list[Any]]) -> list[Any]:
        return [self._treat(sum(terms[1:], terms[0])) for terms in zip(*parts, strict=True)]


class _Watched:
    """What float64 makes of a number, and whether another format might make something else of it."""

    def __init__(self, number: Format) -> None:
        self._number = number
        self._widest = _limited(FORMATS["float64"])
        self.left = False

    def __call__(self, x: Any) -> Any:
        if not x.contains(0) and not self._number.smallest <= abs(float(x.mid())) <= self._number.largest:
            self.left = True
        return self._widest(x)


def _limited(number: Format) -> Treat:
    """What a dtype makes of a number that it may not hold."""
    largest, smallest, lost = arb(number.largest), arb(number.smallest), arb(0, number.lost)

    def treat(x: Any) -> Any:
        if not x.is_finite() or x.is_zero():
            return x
        if x.abs_upper() > largest:
            return _ANYTHING
        return x + lost if x.abs_lower() < smallest else x

    return treat


def first_order(evaluate: Evaluate, inputs: int, number: Format) -> tuple[np.ndarray, np.ndarray]:
    """What leaving the range may change in every value, and in every entry of the Jacobian.

    Parameters
    ----------
    evaluate
        The function on balls.
    inputs
        Number of its inputs.
    number
        The numbers of the dtype.
    """

    def sweep(treat: Treat) -> list[Any]:
        record = Record(treat, 1)
        with evaluation(_BITS, 2, hull=True, record=record):
            outputs = evaluate(record, {})
            tangents = [record.tangents(at) for at in range(inputs)]
            rows = [[ball.coefficient(0) for ball in outputs]]
            rows += [[_first(found, ball.place) for ball in outputs] for found in tangents]
            adjoints = [record.adjoints(ball.place) for ball in outputs]
            rows += [[_first(found, at) for found in adjoints] for at in range(inputs)]
        return rows

    values, slopes = np.split(_between(sweep, number), [1])
    return values[0], np.maximum(slopes[:inputs], slopes[inputs:]).T


def second_order(evaluate: Evaluate, inputs: int, number: Format) -> np.ndarray:
    """What leaving the range may change in every entry of the Hessian of a scalar function."""

    def sweep(along: int, treat: Treat) -> list[Any]:
        record = Record(treat, 2)
        with evaluation(_BITS, 6, hull=True, record=record):
            (output,) = evaluate(record, {along: 2})
            found = record.adjoints(output.place)
            return [[found[at][1] if at in found else arb(0) for at in range(inputs)]]

    hessian = np.concatenate([_between(partial(sweep, at), number) for at in range(inputs)])
    either: np.ndarray = np.maximum(hessian, hessian.T)
    return either


def _first(found: Mapping[int, list[Any]], place: int | None) -> Any:
    return arb(0) if place is None or place not in found else found[place][0]


def _between(sweep: Callable[[Treat], list[Any]], number: Format) -> np.ndarray:
    """How far the results of a sweep may lie apart, in the dtype's range and in that of float64."""
    watched = _Watched(number)
    with np.errstate(all="ignore"):  # NumPy hears of comparisons with NaN
        wide = sweep(watched)
        if not watched.left:
            return np.zeros(np.shape(wide))
        try:
            limited = sweep(_limited(number))
        except Exception:  # the function is anybody's code, and it branches on what has overflowed
            return np.full(np.shape(wide), math.inf)
    with evaluation(_BITS, 1):
        return np.array(
            [[_apart(*pair) for pair in zip(*rows, strict=True)] for rows in zip(wide, limited, strict=True)]
        )


def _apart(wide: Any, limited: Any) -> float:
    if not wide.is_finite():
        return 0.0
    if not limited.is_finite():
        return math.inf
    return max(0.0, float(abs(limited.mid() - wide.mid()) + limited.rad() - wide.rad()))
