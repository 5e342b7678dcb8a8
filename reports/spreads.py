"""Where many numbers lie, over a run and over each of its suites."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from gradcheck import Measurement

from .cells import group
from .embedding import rounded


class Spread(NamedTuple):
    """Five numbers in the place of many: the least, the quartiles and the most."""

    least: float
    lower: float
    median: float
    upper: float
    most: float


def spread(values: Sequence[float], figures: int = 3) -> Spread:
    """Where some numbers lie, to so many significant figures; quartiles are interpolated."""
    return Spread(*(rounded(float(q), figures) for q in np.quantile(values, (0, 0.25, 0.5, 0.75, 1))))


def by_suite(cells: Sequence[Measurement], every: str = "all") -> dict[str, Sequence[Measurement]]:
    """All cells, under the name for every suite, and those of each where there are several."""
    suites = group(cells, lambda cell: cell.suite)
    return {every: cells} | {name: of for name, of in suites.items() if len(suites) > 1 and name != every}
