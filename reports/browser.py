"""What the page's own scripts are given: every cell, by column, and the words they say."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from gradcheck import Outcome

from . import cells
from .aligned import compare_digits
from .embedding import coded, embedded, rounded
from .notation import tone

if TYPE_CHECKING:
    from markupsafe import Markup

    from gradcheck import Measurement

    from .report import Report

_TEXTS = ("suite", "problem", "point", "backend", "device", "dtype", "operator", "reason")
_ANSWERS = ("index", "got", "true", "truth", "stop")
_NUMBERS = {  # significant figures that a reader sees
    "relative_error": 3,
    "ulps": 3,
    "condition": 3,
    "digits": 4,
    "truth_digits": 3,
    "first_call": 4,
    "prepare": 4,
    "cold": 4,
    "transfer": 4,
    "peak_bytes": 4,
}
_TIMES = ("median", "low", "high", "ratio")

OF_CELLS = frozenset((*_TEXTS, *_NUMBERS, *_TIMES))
"""What the page's scripts know of every cell, as charts may show it."""


def browser_data(report: Report) -> Markup:
    """The cells and what goes with them, as an element of the page."""
    asked = report.cells
    digits = [compare_digits(cell.got, cell.true) for cell in asked]
    return embedded(
        "data",
        {
            "language": report.language,
            "words": report.words.dictionary,
            "outcomes": [_described(report, outcome) for outcome in cells.BY_SEVERITY],
            "columns": [list(who) for who in report.columns],
            "floor": rounded(report.floor, 3),
            "seed": _seed(report),
            "cells": {
                **{name: coded(getattr(cell, name) for cell in asked) for name in (*_TEXTS, *_ANSWERS)},
                "outcome": coded(cell.outcome.value for cell in asked),
                "right": [len(cut.common) for cut in digits],
                "wrong": [len(cut.wrong) for cut in digits],
                **{
                    name: [rounded(getattr(cell, name), figures) for cell in asked]
                    for name, figures in _NUMBERS.items()
                },
                **{
                    name: [getattr(cell, name) for cell in asked]
                    for name in ("inputs", "outputs", "size", "calls")
                },
                **_times(report),
            },
        },
    )


def _described(report: Report, outcome: Outcome) -> dict[str, Any]:
    return {
        "name": outcome.value,
        "letter": outcome.letter,
        "tone": tone(outcome),
        "sentence": report.words(outcome.sentence),
        "label": report.words(outcome.value),
        "failed": outcome.failed,
        "ran": outcome.ran,
    }


def _times(report: Report) -> dict[str, Any]:
    """Medians with their intervals, ratios to the fastest, and samples in thousandths from the median."""
    laps = [report.lap(cell) for cell in report.cells]
    return {
        **{
            name: [None if lap is None else rounded(getattr(lap, name), 4) for lap in laps] for name in _TIMES
        },
        "level": [int(lap.level) if lap else 0 for lap in laps],
        "samples": [
            None if lap is None else _deviations(cell, lap.median)
            for cell, lap in zip(report.cells, laps, strict=True)
        ],
    }


def _deviations(cell: Measurement, median: float) -> Sequence[int | None]:
    off = [1000 * (sample / median - 1) if sample > 0 else math.nan for sample in cell.samples]
    return [round(thousandths) if math.isfinite(thousandths) else None for thousandths in off]


def _seed(report: Report) -> int | None:
    seed = report.results.environment.get("seed")
    return seed if isinstance(seed, int) else None
