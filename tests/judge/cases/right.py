"""Right derivatives of many kinds of functions, each confirmed by a derivative that knows no rule."""

from __future__ import annotations

from cases import elementwise, linear_algebra, reductions, rough, structures

CASES = (
    *elementwise.CASES,
    *reductions.CASES,
    *linear_algebra.CASES,
    *structures.CASES,
    *rough.CASES,
)
SMOOTH = tuple(case for case in CASES if case not in rough.CASES)
ZERO = {"constant", "no dependence", "no entry"}  # rules that no factor makes wrong
