"""Runs from the command line: gone on with, interrupted, compared; backends checked."""

import os
import re
import signal
import subprocess
import sys
import time

import pytest

from gradcheck import Results

from .command import call, refused

PATIENCE = 300  # seconds: a slow machine must not fail a test
SUITE = '''"""Slow functions"""

import time

from gradcheck import problem


def slow(xp, x):
    time.sleep({pause})
    return x**2


problems = [problem(x=float(n), name=f"p{{n}}")(slow) for n in range(12)]
{names} = problems
'''


@pytest.fixture
def slow_suite(tmp_path):
    path = tmp_path / "slow_suite.py"
    path.write_text(SUITE.format(pause=0.1, names=", ".join(f"p{n}" for n in range(12))))
    return path


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    out = tmp_path_factory.mktemp("finished")
    arguments = ("--backend", "engine", "--select", "cube_of_quadratic", "--out", out)
    result = call("run", "chain_rule", *arguments)
    assert 0 == result.exit_code, result.output
    return out


def test_a_run_says_how_many_cells_it_has_how_long_it_took_and_its_noise(finished):
    result = call("report", finished)
    assert "18 cells; " in result.output
    assert " s; noise floor " in result.output
    assert re.search(
        r"%, a bound for \d+ of 100 \(\d+ calls timed under two names\)", " ".join(result.output.split())
    )


def test_ctrl_c_leaves_a_readable_run_that_can_be_gone_on_with(slow_suite, tmp_path):
    out = tmp_path / "out"
    command = [sys.executable, "-m", "gradcheck", "run", str(slow_suite), "--backend", "engine"]
    options = ["--operator", "value", "--rounds", "0", "--jobs", "1", "--out", str(out)]
    program = subprocess.Popen(
        [*command, *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    results = out / "results.jsonl"
    deadline = time.monotonic() + PATIENCE
    while not (results.exists() and results.read_text().count('"cell"') >= 2) and time.monotonic() < deadline:
        time.sleep(0.02)
    os.killpg(program.pid, signal.SIGINT)  # as a terminal does: to everybody in the foreground
    _, errors = program.communicate(timeout=PATIENCE)
    assert 130 == program.returncode
    assert (
        f"gradcheck: interrupted; what is done is in {out}. Read it with: gradcheck report {out}; "
        f"go on with: gradcheck run --resume {out}\n" == errors
    )
    interrupted = Results.read(out)
    assert 2 <= len(interrupted.cells) < 12
    assert not interrupted.finished
    assert "not finished: go on with `gradcheck run --resume DIR`" in " ".join(
        call("report", out).output.split()
    )
    assert 0 == call("run", "--resume", out).exit_code
    whole = Results.read(out)
    assert (len(whole.cells), whole.finished) == (12, True)
    assert {cell.key for cell in interrupted.cells} <= {cell.key for cell in whole.cells}


def test_a_run_goes_on_as_it_was_begun(finished):
    line = refused("run", "--resume", finished, "--seed", "3")
    assert (
        "gradcheck: --resume: expected no --seed beside it: a run goes on as it was begun, got '--seed'."
        == line
    )
    line = refused("run", "chain_rule", "--resume", finished)
    assert (
        "gradcheck: --resume: expected no SUITE beside it: a run goes on as it was begun, got 'SUITE'."
        == line
    )


def test_going_on_with_nothing_is_refused(tmp_path):
    line = refused("run", "--resume", tmp_path / "none")
    assert line.startswith(f"gradcheck: results {tmp_path}/none: cannot be read")


def test_going_on_with_a_run_of_objects_is_refused(tmp_path):
    Results(environment={}, cells=()).write(tmp_path / "results.jsonl")
    line = refused("run", "--resume", tmp_path)
    assert f"gradcheck: results {tmp_path}: does not say with what it was run; " in line
    assert line.endswith("go on with it in Python, by its plan.")


def test_a_finished_run_that_is_gone_on_with_is_the_same(finished):
    before = Results.read(finished)
    assert 0 == call("run", "--resume", finished).exit_code
    after = Results.read(finished)
    assert repr(before.cells) == repr(after.cells)


# Two runs.


def edited(run, directory, old, new):
    """A copy of a run with a text replaced in its file."""
    directory.mkdir()
    text = (run / "results.jsonl").read_text()
    assert old in text
    (directory / "results.jsonl").write_text(text.replace(old, new))
    return directory


def test_a_run_and_itself_do_not_differ(finished):
    result = call("compare", finished, finished, "--fail-on", "slower:5%")
    assert 0 == result.exit_code
    assert "0 outcomes changed, 0 for the worse; 0 cells only before, 0 only now" in result.output
    said = " ".join(result.output.split())
    assert "6 cells timed in both: 0 slower, 0 faster, beyond noise" in said
    assert "the machine was as fast as before by its yardstick" in said
    assert "0 slower by more than 5 %, interval and all" in said


def test_an_outcome_for_the_worse_fails_the_comparison(finished, tmp_path):
    worse = edited(
        finished,
        tmp_path / "worse",
        '"outcome":"exact","reason":""',
        '"outcome":"wrong","reason":"off"',
    )
    result = call("compare", finished, worse)
    assert 1 == result.exit_code
    assert "18 outcomes changed, 18 for the worse" in result.output
    lines = result.output.splitlines()
    assert sum(line.startswith("exact -> wrong") for line in lines) == 3, "a line for each of three points"
    assert sum(line.strip() == "off" for line in lines) == 3, "and why it is worse now"
    assert max(map(len, result.output.splitlines())) <= 80
    assert 0 == call("compare", worse, finished).exit_code, "mended is no regression"


def test_a_threshold_that_is_none_is_refused(finished):
    line = refused("compare", finished, finished, "--fail-on", "5%")
    assert "gradcheck: --fail-on: expected slower and a percentage, such as slower:5%, got '5%'." == line


# Backends.


def test_backends_are_shown_with_what_they_offer():
    result = call("backends")
    assert 0 == result.exit_code, result.output
    assert max(map(len, result.output.splitlines())) <= 80
    (line,) = [line for line in result.output.splitlines() if line.startswith("complex-step")]
    assert "64 32" in line
    said = " ".join(result.output.split())
    assert "--device cpus" in said
    assert "on request:" in said


def test_a_backend_that_keeps_its_word_passes_every_check():
    result = call("check-backend", "engine")
    assert 0 == result.exit_code, result.output
    assert max(map(len, result.output.splitlines())) <= 80
    assert "checks of engine on cpu: 0 failed" in result.output


def test_an_unknown_backend_or_device_is_refused():
    assert "gradcheck: no backend is called 'engin'. Did you mean 'engine'?" == refused(
        "check-backend", "engin"
    )
    line = refused("check-backend", "engine", "--device", "tpu")
    assert "gradcheck: no device is called 'tpu'." in line
    line = refused("check-backend", "engine", "--device", "cuda")
    assert "no device 'cuda' here. Found engine: cpu, cpus." in line
