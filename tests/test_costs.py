"""How costs grow, from the cells of a run."""

from dataclasses import replace

import numpy as np
import pytest

from gradcheck import Measurement, Outcome, Results
from gradcheck.costs import measured_costs

SIZES = (1_000, 10_000, 100_000, 1_000_000)


def cell(size, seconds, **changed):
    generator = np.random.default_rng(size)
    given = {
        "suite": "scaling",
        "problem": "p",
        "point": f"n={size}",
        "backend": "engine",
        "device": "cpu",
        "dtype": "float64",
        "operator": "gradient",
        "outcome": Outcome.EXACT,
        "size": size,
        "samples": tuple(seconds * np.exp(0.01 * generator.standard_normal(15))),
        "peak_bytes": 8.0 * size,
    }
    return Measurement(**given | changed)


def costs_of(*cells):
    return measured_costs(Results(environment={}, cells=cells))


def test_time_and_memory_are_fitted_over_sizes():
    (cost,) = costs_of(*(cell(n, 1e-6 + 1e-9 * n) for n in reversed(SIZES)))
    assert [one.size for one in cost.cells] == list(SIZES)
    assert cost.time.slope.low <= 1 <= cost.time.slope.high
    assert cost.time.slope.value == pytest.approx(1, abs=0.1)
    assert cost.memory.slope.value == pytest.approx(1, abs=0.02)
    assert cost.seconds == pytest.approx(1e-3, rel=0.05)


def test_backends_and_operators_have_costs_of_their_own():
    cells = [
        cell(n, 1e-9 * n, backend=b, operator=o) for n in SIZES for b in "ab" for o in ("value", "gradient")
    ]
    assert len(costs_of(*cells)) == 4


def test_fewer_than_four_sizes_tell_nothing():
    assert costs_of(*(cell(n, 1e-9 * n) for n in SIZES[:3])) == []


@pytest.mark.parametrize(
    "changed", [{"outcome": Outcome.WRONG}, {"outcome": Outcome.TIMEOUT}, {"samples": ()}, {"size": 0}]
)
def test_wrong_untimed_and_sizeless_cells_do_not_count(changed):
    assert costs_of(*(cell(n, 1e-9 * n) for n in SIZES[:3]), replace(cell(SIZES[3], 1e-3), **changed)) == []


def test_memory_that_cannot_be_seen_is_left_out():
    (cost,) = costs_of(*(cell(n, 1e-9 * n, peak_bytes=0.0 if n < 10_000 else 8.0 * n) for n in SIZES))
    assert cost.memory is None
