"""Two decimal numbers, digit under digit: how far an answer is the truth, and where it first is not."""

from __future__ import annotations

import re
from bisect import bisect_left
from decimal import MAX_EMAX, MIN_EMIN, ROUND_DOWN, Context, Decimal
from functools import lru_cache
from typing import NamedTuple

from .notation import parse

_EXACT = Context(prec=60, Emax=MAX_EMAX, Emin=MIN_EMIN, traps=[])
_MANTISSA = re.compile(r"\s*[-+]?[\d_]*\.?[\d_]*")


class Digits(NamedTuple):
    """A number as written, in three parts: its right digits, the first wrong one, and what follows."""

    common: str
    wrong: str = ""
    rest: str = ""


@lru_cache(2**16)  # many backends give one answer
def compare_digits(got: str, true: str) -> Digits:
    """An answer, cut at its first wrong digit.

    A digit is right while all up to it are the truth's own, or are no farther from the truth than half a
    unit of its place. An answer with the wrong sign is wrong as a whole, and so is one that is zero, infinite
    or no number where the truth is not. Where either text cannot be read, nothing is marked.

    Parameters
    ----------
    got, true
        Decimal numbers, in any form.

    Examples
    --------
    >>> compare_digits("0.33335", "0.33333333333333")
    Digits(common='0.3333', wrong='5', rest='')
    """
    answer, truth = parse(got), parse(true)
    if answer is None or truth is None:
        return Digits(got)
    if not (answer.is_finite() and truth.is_finite()):
        return Digits(got) if str(answer) == str(truth) else Digits("", got)
    if truth and (not answer or answer.is_signed() != truth.is_signed()):
        return Digits("", got)
    error = _EXACT.abs(_EXACT.subtract(answer, truth))

    def is_wrong(digit: tuple[int, int]) -> bool:
        _, place = digit
        return _cut(answer, place) != _cut(truth, place) and error > Decimal(5).scaleb(place - 1, _EXACT)

    places = _places(got, answer)
    first = bisect_left(places, True, key=is_wrong)  # after a wrong digit all are wrong
    if first == len(places):
        return Digits(got)
    at, _ = places[first]
    return Digits(got[:at], got[at], got[at + 1 :])


def _places(text: str, number: Decimal) -> list[tuple[int, int]]:
    """Where the digits of a number stand in its text, and the power of ten each one counts."""
    mantissa = _MANTISSA.match(text)
    assert mantissa is not None
    where = [at for at in range(mantissa.end()) if text[at].isdigit()]
    lowest = int(number.as_tuple().exponent)
    return [(at, lowest + len(where) - 1 - rank) for rank, at in enumerate(where)]


def _cut(number: Decimal, place: int) -> Decimal:
    """A number without the digits below a place, in units of it."""
    return number.scaleb(-place, _EXACT).to_integral_value(ROUND_DOWN, _EXACT)
