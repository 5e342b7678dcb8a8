"""What changed between two runs: verdicts cell by cell, and times that noise does not explain.

Two runs meet the machine in two states. Every sample is divided by that of the yardstick of its own round, so
that what the machine did cancels. A change counts when its p-value, adjusted for the number of cells compared
(Holm), is below 5 %, its interval leaves 1, and it is larger than what identical calls differ by in a run.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from gradcheck.errors import BadArgument, BadResults
from gradcheck.results import Control, Measurement, Results
from gradcheck.statistics import Bound, Interval, holm, paired_ratio, prediction_bound, ratio, unpaired_p

Question = tuple[str, ...]
_LEVEL = 0.05


@dataclass(frozen=True, slots=True)
class Verdict:
    """A cell whose outcome is another than before."""

    before: Measurement
    after: Measurement

    @property
    def worse(self) -> bool:
        """Whether it failed only now, or is no longer answered."""
        return self.after.outcome.failed > self.before.outcome.failed or (
            self.before.outcome.ran and not self.before.outcome.failed and not self.after.outcome.ran
        )


@dataclass(frozen=True, slots=True)
class Change:
    """A cell's time in the second run over that in the first.

    Attributes
    ----------
    before, after
        The cell in both runs.
    ratio
        Of times in units of the yardstick, with a 95 % interval.
    p
        Adjusted for the number of cells compared.
    real
        Whether noise does not explain it.
    """

    before: Measurement
    after: Measurement
    ratio: Interval
    p: float
    real: bool


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two runs beside each other.

    Attributes
    ----------
    verdicts
        Cells whose outcome changed.
    changes
        Cells timed in both runs, slowest change first.
    gone, new
        Cells of one run only.
    drift
        How much slower the machine was in the second run, by the yardstick; NaN without one.
    floor
        What identical calls differ by, the larger of both runs.
    """

    verdicts: Sequence[Verdict]
    changes: Sequence[Change]
    gone: Sequence[Measurement]
    new: Sequence[Measurement]
    drift: float
    floor: float

    @property
    def worse(self) -> list[Verdict]:
        """Outcomes that became worse."""
        return [verdict for verdict in self.verdicts if verdict.worse]

    @property
    def real(self) -> list[Change]:
        """Changes of time that noise does not explain."""
        return [change for change in self.changes if change.real]

    def slower(self, limit: float) -> list[Change]:
        """Changes whose whole interval lies above a limit, 0.05 for 5 %, and that noise does not explain."""
        return [change for change in self.real if change.ratio.low > 1 + limit]


def compare(before: Results, after: Results) -> Comparison:
    """Compare two runs.

    Raises
    ------
    BadResults
        When they have no cell in common.
    """
    first, second = ({_question(cell): cell for cell in run.cells} for run in (before, after))
    shared = [question for question in first if question in second]
    if not shared:
        raise BadResults(
            "both runs", "have no cell in common", "compare runs of the same suites and backends"
        )
    floor = max(noise_floor(run.controls) for run in (before, after))
    paces = _Paces(before), _Paces(after)
    pairs = [(first[question], second[question]) for question in shared]
    return Comparison(
        verdicts=[Verdict(*pair) for pair in pairs if pair[0].outcome is not pair[1].outcome],
        changes=_changes(pairs, paces[0], paces[1], floor),
        gone=[cell for question, cell in first.items() if question not in second],
        new=[cell for question, cell in second.items() if question not in first],
        drift=paces[1].median / paces[0].median - 1,
        floor=floor,
    )


def noise_bound(controls: Sequence[Control]) -> Bound:
    """What a further pair of identical calls differs by at most, as a ratio less 1, and how likely.

    A bound for 95 of 100 from 19 controls on, for fewer of 100 below; 0 without any. See
    :func:`gradcheck.statistics.prediction_bound`.
    """
    apart = (
        abs(math.log(made.value))
        for control in controls
        if math.isfinite((made := paired_ratio(control.samples, control.twin)).value)
    )
    bound = prediction_bound(list(apart))
    return Bound(math.expm1(bound.value), bound.coverage)


def noise_floor(controls: Sequence[Control]) -> float:
    """What 95 of 100 pairs of identical calls differ by at most, as a ratio less 1; 0 without a control."""
    return noise_bound(controls).value


def threshold(text: str) -> float:
    """The limit in ``slower:5%``.

    Raises
    ------
    BadArgument
        When the text is none.
    """
    found = re.fullmatch(r"slower:([0-9]+(?:\.[0-9]+)?)%", text.strip())
    if not found:
        raise BadArgument("--fail-on", "slower and a percentage, such as slower:5%", text)
    return float(found[1]) / 100


class _Paces:
    """The yardstick of a run, by group of cells."""

    def __init__(self, run: Results) -> None:
        self._by_group: Mapping[str, Sequence[float]] = {one.group: one.samples for one in run.yardsticks}

    @property
    def median(self) -> float:
        """Of all samples; NaN without any."""
        samples = [sample for one in self._by_group.values() for sample in one if math.isfinite(sample)]
        return median(samples) if samples else math.nan

    def relative(self, cell: Measurement) -> list[float]:
        """A cell's samples in units of the yardstick of their rounds; as they are without one."""
        yard = self._by_group.get(cell.group, ())
        if not yard:
            return list(cell.samples)
        return [sample / unit for sample, unit in zip(cell.samples, yard, strict=False)]


def _changes(
    pairs: Sequence[tuple[Measurement, Measurement]], before: _Paces, after: _Paces, floor: float
) -> list[Change]:
    timed = [pair for pair in pairs if all(_right(cell) and cell.samples for cell in pair)]
    samples = [(after.relative(new), before.relative(old)) for old, new in timed]
    adjusted = holm([unpaired_p(*both) for both in samples])
    changes = [
        Change(old, new, made := ratio(*both), p, _is_real(made, p, floor))
        for (old, new), both, p in zip(timed, samples, adjusted, strict=True)
    ]
    return sorted(changes, key=lambda change: -change.ratio.value)


def _is_real(made: Interval, p: float, floor: float) -> bool:
    outside = made.low > 1 or made.high < 1
    return p < _LEVEL and outside and abs(math.log(made.value)) > math.log1p(floor)


def _right(cell: Measurement) -> bool:
    return cell.outcome.ran and not cell.outcome.failed


def _question(cell: Measurement) -> Question:
    return cell.suite, cell.problem, cell.point, cell.backend, cell.device, cell.dtype, cell.operator
