"""A run that was killed goes on: nothing in its file is done again, and it ends as if nothing had been."""

import pytest

from gradcheck import Results
from interrupted import CELLS
from killing import finish, killed, verdicts

MOMENTS = (0.0, 0.37, 0.8)  # parts of the cells


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    directory = tmp_path_factory.mktemp("whole")
    finish(directory)
    return verdicts(directory)


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_killed_run_goes_on_where_it_was(tmp_path, moment, whole):
    found = killed(tmp_path / "run", moment * CELLS)
    assert moment * CELLS - 2 <= found.recorded < CELLS, "it was killed when it was to be"
    assert found.repeated <= 1
    assert found.verdicts == whole
    assert found.alive == [], "its workers must not outlive it"


def test_a_finished_run_has_nothing_left_to_do(tmp_path):
    finish(tmp_path)
    finish(tmp_path, "resume")
    assert len((tmp_path / "asked.txt").read_text().split()) == CELLS
    results = Results.read(tmp_path)
    assert len(results.cells) == CELLS
    assert results.finished
    assert len(results.environment["resumed"]) == 1
