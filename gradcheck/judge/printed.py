"""Numbers printed in documents against the truth.

A printed number agrees when the truth rounds or truncates to it: it falls short of the truth by less than one
unit in its last digit, or exceeds it by half of one at most.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal, InvalidOperation
from math import prod
from typing import Any

import numpy as np
from flint import arb

from gradcheck.balls import evaluation
from gradcheck.errors import BadProblem
from gradcheck.operators import Layout, applicable
from gradcheck.problems import Instance, Published
from gradcheck.records import PublishedCheck
from gradcheck.truth import Certifier, Entry

_QUANTITIES = ("value", "gradient", "jacobian", "hessian")


def check_printed(instance: Instance, suite: str) -> Iterator[PublishedCheck]:
    """Compare everything the documents print for an instance with the truth in float64."""
    if not instance.point.published:
        return
    certifier = Certifier(instance, "float64")
    for published in instance.point.published:
        for quantity in _QUANTITIES:
            printed = getattr(published, quantity)
            if printed is not None:
                yield from _check(instance, suite, certifier, published, quantity, printed)


def check_counts(instance: Instance) -> None:
    """Refuse printed answers that have not as many numbers as the true one.

    Raises
    ------
    BadProblem
        Naming both counts.
    """
    layout = instance.layout
    for published in instance.point.published:
        for quantity in _QUANTITIES:
            printed = getattr(published, quantity)
            if printed is None:
                continue
            given, has = len(_flat(printed)), prod(layout.shape(quantity))
            if quantity not in applicable(layout.output) or given != has:
                fault = f"{published.source} prints {given} numbers for the {quantity}, which has {has}"
                raise BadProblem(
                    instance.problem.name, fault, "give one per entry, None where none is printed"
                )


def _check(
    instance: Instance, suite: str, certifier: Certifier, published: Published, quantity: str, printed: Any
) -> Iterator[PublishedCheck]:
    layout = certifier.layout
    seeds = {"tangent": [np.zeros(s) for s in layout.inputs], "cotangent": [np.zeros(layout.output)]}
    entries = certifier.truth(quantity, seeds).entries
    given = _flat(printed)
    for position, (text, entry) in enumerate(zip(given, entries, strict=True)):
        if text is not None:
            yield PublishedCheck(
                suite=suite,
                problem=instance.problem.name,
                point=instance.point.label,
                source=published.source,
                quantity=_name(quantity, layout, position, len(given)),
                printed=text,
                true=entry.text(15),
                status=_status(text, entry),
                note=published.note,
            )


def _flat(printed: Any) -> list[str | None]:
    if isinstance(printed, (list, tuple, np.ndarray)):
        return [entry for part in printed for entry in _flat(part)]
    return [None if printed is None else str(printed)]


def _name(operator: str, layout: Layout, position: int, count: int) -> str:
    if operator == "value":
        return "f" if count == 1 else layout.path(operator, position)
    path = layout.path(operator, position)
    return path if operator in ("jacobian", "hessian") else f"d f / d {path}"


def _status(text: str, entry: Entry) -> str:
    if not entry.defined:
        return "undefined"
    try:
        number = Decimal(text)
    except InvalidOperation:
        return "disagrees"
    exponent = number.as_tuple().exponent
    unit = Decimal(1).scaleb(exponent if isinstance(exponent, int) else 0)
    with evaluation(256, 1):
        if not entry.smooth:
            return "agrees" if entry.low <= arb(text) <= entry.high else "disagrees"
        away = arb(text) - entry.low  # positive where the printed number is the larger in magnitude
        away = -away if entry.low < 0 else away
        return "agrees" if -arb(str(unit)) < away <= arb(str(unit)) / 2 else "disagrees"
