"""Bad jobs cost nothing but themselves."""

import pytest

from bad_jobs import BAD, GOOD, LIMIT, MEMORY, plan
from gradcheck import Outcome, run


@pytest.fixture(scope="module")
def cells():
    results = run(plan(), isolated=True, limit=LIMIT, memory=MEMORY)
    return {cell.problem: cell for cell in results.cells}


def test_every_good_job_has_its_result(cells):
    assert dict.fromkeys(GOOD, Outcome.EXACT) == {name: cells[name].outcome for name in GOOD}


@pytest.mark.parametrize("name", BAD)
def test_every_bad_job_has_its_outcome(cells, name):
    _, outcome, reason = BAD[name]
    assert (outcome, reason) == (cells[name].outcome, cells[name].reason)


def test_without_a_limit_on_memory_nothing_is_killed_for_it():
    results = run(plan(GOOD[:1]), isolated=True, memory=None)
    assert [Outcome.EXACT] == [cell.outcome for cell in results.cells]
