"""Two runs beside each other: what changed is seen, what noise and the machine did is not."""

import math
from dataclasses import replace

import numpy as np
import pytest

from gradcheck import Measurement, Outcome, Results
from gradcheck.comparing import compare, noise_bound, noise_floor, threshold
from gradcheck.errors import BadArgument, BadResults
from gradcheck.results import Control, Yardstick

ROUNDS, CELLS = 15, 40


def cell(number, **changed):
    given = {
        "suite": "suite",
        "problem": f"p{number}",
        "point": "x=1",
        "backend": "engine",
        "device": "cpu",
        "dtype": "float64",
        "operator": "gradient",
        "outcome": Outcome.EXACT,
        "key": f"k{number}",
    }
    return Measurement(**given | changed)


def timed_run(seed, slower=None, machine=1.0, noise=0.02):
    """A run of forty cells in four groups on a machine that drifts; ``slower`` maps cells to factors."""
    generator = np.random.default_rng(seed)
    cells, yards, controls = [], [], []
    for group in range(4):
        drift = machine * np.exp(np.cumsum(0.03 * generator.standard_normal(ROUNDS)))

        def samples(seconds, drift=drift):
            return tuple(seconds * drift * np.exp(noise * generator.standard_normal(ROUNDS)))

        yards.append(Yardstick(group=f"g{group}", samples=samples(1e-4)))
        for number in range(group * 10, group * 10 + 10):
            factor = (slower or {}).get(number, 1.0)
            cells.append(
                cell(number, samples=samples(factor * 1e-5 * (1 + number)), stop="rounds", group=f"g{group}")
            )
        controls.append(
            Control(
                key=f"k{group}", backend="engine", device="cpu", samples=samples(1e-5), twin=samples(1e-5)
            )
        )
    return Results(environment={}, cells=tuple(cells), controls=tuple(controls), yardsticks=tuple(yards))


def untimed(*cells):
    return Results(environment={}, cells=cells)


@pytest.mark.parametrize(
    ("before", "after", "worse"),
    [
        (Outcome.EXACT, Outcome.WRONG, True),
        (Outcome.OK, Outcome.CRASH, True),
        (Outcome.EXACT, Outcome.UNSUPPORTED, True),
        (Outcome.UNSUPPORTED, Outcome.WRONG, True),
        (Outcome.WRONG, Outcome.EXACT, False),
        (Outcome.WRONG, Outcome.NAN, False),
        (Outcome.EXACT, Outcome.OK, False),
        (Outcome.NOT_INSTALLED, Outcome.EXACT, False),
    ],
)
def test_an_outcome_that_changed_is_seen_and_weighed(before, after, worse):
    found = compare(untimed(cell(1, outcome=before)), untimed(cell(1, outcome=after)))
    assert [(v.before.outcome, v.after.outcome, v.worse) for v in found.verdicts] == [(before, after, worse)]
    assert len(found.worse) == worse


def test_cells_of_one_run_only_are_counted():
    found = compare(untimed(cell(1), cell(2)), untimed(cell(2), cell(3)))
    assert ([c.problem for c in found.gone], [c.problem for c in found.new]) == (["p1"], ["p3"])
    assert found.verdicts == []


def test_runs_with_nothing_in_common_are_refused():
    with pytest.raises(
        BadResults, match=r"both runs: have no cell in common; compare runs of the same suites"
    ):
        compare(untimed(cell(1)), untimed(cell(2)))


def test_identical_runs_hardly_ever_differ():
    differing = sum(bool(compare(timed_run(2 * i), timed_run(2 * i + 1)).real) for i in range(40))
    assert differing <= 2


def test_a_slower_machine_is_no_slower_cell():
    found = compare(timed_run(1), timed_run(2, machine=1.5))
    assert found.real == []
    assert found.drift == pytest.approx(0.5, abs=0.15)


def test_cells_that_became_slower_or_faster_are_found_and_no_others():
    found = compare(timed_run(1), timed_run(2, slower={3: 1.3, 17: 1.3, 25: 0.7}, machine=1.2))
    assert {"p3", "p17", "p25"} == {change.after.problem for change in found.real}
    assert {"p3", "p17"} == {change.after.problem for change in found.slower(0.05)}
    assert {"p3", "p17"} == {change.after.problem for change in found.changes[:2]}
    for change in found.slower(0.05):
        assert change.ratio.low <= 1.3 <= change.ratio.high


def test_a_change_below_the_noise_floor_does_not_count():
    noisy = replace(
        timed_run(2, slower={3: 1.3}),
        controls=(Control(key="k", backend="e", device="cpu", samples=(2.0,) * 9, twin=(1.0,) * 9),),
    )
    found = compare(timed_run(1), noisy)
    assert found.floor == pytest.approx(1.0)
    assert found.real == []


def test_wrong_answers_have_no_time_to_compare():
    first, second = timed_run(1), timed_run(2, slower={3: 3.0})
    wrong = [replace(c, outcome=Outcome.WRONG) if c.problem == "p3" else c for c in second.cells]
    found = compare(first, replace(second, cells=tuple(wrong)))
    assert "p3" not in {change.after.problem for change in found.changes}


def test_runs_without_yardsticks_are_compared_in_seconds():
    first, second = timed_run(1), timed_run(2, slower={3: 4.0})
    found = compare(replace(first, yardsticks=()), replace(second, yardsticks=()))
    assert math.isnan(found.drift)
    assert found.changes[0].after.problem == "p3"


def test_the_floor_is_what_nearly_all_identical_calls_stay_below():
    pairs = [
        Control(key=str(i), backend="e", device="cpu", samples=(1 + i / 100,) * 6, twin=(1.0,) * 6)
        for i in range(101)
    ]
    assert noise_floor(pairs) == pytest.approx(0.96)  # the 97th of 101: 102 with the next
    assert (noise_floor([]), noise_bound([]).coverage) == (0.0, 0.0)


@pytest.mark.parametrize("count", [1, 5, 18, 19, 40, 100])
def test_a_further_pair_of_identical_calls_stays_below_the_floor_as_often_as_is_said(count):
    generator = np.random.default_rng(count)
    bounds = [noise_bound(identical(generator.standard_normal(count))) for _ in range(600)]
    (stated,) = {bound.coverage for bound in bounds}
    covered = [math.erf(math.log1p(bound.value) / math.sqrt(2)) for bound in bounds]
    assert np.mean(covered) == pytest.approx(stated, abs=4 * np.std(covered) / math.sqrt(len(covered)))
    assert stated >= 0.95 if count >= 19 else stated == count / (count + 1)


def identical(logs):
    """Controls with these logarithms of ratios."""
    return [
        Control(key="k", backend="e", device="cpu", samples=(ratio,), twin=(1.0,)) for ratio in np.exp(logs)
    ]


@pytest.mark.parametrize(
    ("text", "limit"), [("slower:5%", 0.05), ("slower:12.5%", 0.125), (" slower:0% ", 0)]
)
def test_a_threshold_is_read(text, limit):
    assert threshold(text) == pytest.approx(limit)


@pytest.mark.parametrize("text", ["5%", "slower", "slower:5", "slower:-5%", "faster:5%"])
def test_what_is_no_threshold_is_refused(text):
    with pytest.raises(
        BadArgument, match="--fail-on: expected slower and a percentage, such as slower:5%, got"
    ):
        threshold(text)
