"""The fixtures: what is right passes, what is wrong fails and is named, and a run can be repeated."""

import re
import subprocess
import sys

import pytest

pytest_plugins = ["pytester"]

SUITE = '''
from gradcheck import problem

@problem(x=1.5, jac=lambda xp, x: {slope})
def line(xp, x):
    """2 x"""
    return 2 * x
'''

TEST = """
def test_rules(gradcheck_run):
    results = gradcheck_run("rules.py", backends=["engine", "handwritten"], operators=["gradient"])
    assert len(results.cells) == 4
"""


@pytest.mark.parametrize("extra", [(), ("-p", "xdist", "-n", "1")], ids=["plain", "xdist"])
def test_a_right_rule_passes(pytester, extra):
    pytester.makepyfile(rules=SUITE.format(slope="2 + 0 * x"), test_it=TEST)
    pytester.runpytest_subprocess(*extra).assert_outcomes(passed=1)


def test_a_wrong_rule_fails_and_is_named(pytester):
    pytester.makepyfile(rules=SUITE.format(slope="3 + 0 * x"), test_it=TEST)
    result = pytester.runpytest_subprocess()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        ["*rules/line (x=1.5), handwritten float64 gradient: wrong, at x: answered 3.0, true 2*"]
    )


JUDGED = """
import gradcheck as package
import numpy as np
import pytest


def pull(x, cotangent):
    return cotangent * np.cos(x)


def wrong(x, cotangent):
    return -cotangent * np.cos(x)


"""


def judged(pytester, source, *options):
    """The result of a file of tests."""
    pytester.makepyfile(test_it=JUDGED + source)
    return pytester.runpytest_subprocess(*options)


def message(result):
    """The lines that a failed test shows, without pytest's frame."""
    lines = result.stdout.lines
    (start,) = (at for at, line in enumerate(lines) if line.startswith("_") and line.endswith("_"))
    (end,) = (at for at, line in enumerate(lines) if "short test summary" in line)
    return lines[start + 1 : end]


def test_a_right_derivative_passes_and_the_verdict_is_returned(pytester):
    judged(
        pytester,
        """
def test_sine(gradcheck):
    verdict = gradcheck(np.sin, (np.ones(3),), vjp=pull)
    assert isinstance(verdict, package.Verdict)
    assert verdict.passed
""",
    ).assert_outcomes(passed=1)


def test_the_package_may_have_the_name_of_the_fixture(pytester):
    judged(
        pytester,
        """
import gradcheck
from gradcheck import Verdict

def test_sine(gradcheck):
    assert isinstance(gradcheck(np.sin, (np.ones(3),), vjp=pull), Verdict)

def test_package():
    assert gradcheck.verify(np.sin, (np.ones(3),), vjp=pull).passed
""",
    ).assert_outcomes(passed=2)


def test_a_wrong_derivative_fails_in_few_lines_that_say_what_to_do(pytester):
    result = judged(
        pytester,
        """
@pytest.mark.parametrize("size", [100])
def test_sine(gradcheck, size):
    gradcheck(np.sin, (np.ones((size, size)),), vjp=wrong)
""",
        "--gradcheck-seed",
        "5",
    )
    result.assert_outcomes(failed=1)
    lines = message(result)
    assert lines[0] == "FAIL: sign"
    assert "ratio -1; likely cause: sign" in " ".join(line.strip() for line in lines)
    assert lines[-1] == "repeat: pytest 'test_it.py::test_sine[100]' --gradcheck-seed 5"
    assert len(lines) <= 40
    assert max(map(len, lines)) <= 100


def test_a_long_name_is_repeated_by_the_option_alone(pytester):
    name = f"test_{'sine_' * 30}"
    source = f"""
def {name}(gradcheck):
    gradcheck(np.sin, (np.ones(3),), vjp=wrong)
"""
    lines = message(judged(pytester, source, "--gradcheck-seed", "5"))
    assert lines[-1] == "repeat: pytest ... --gradcheck-seed 5"


def test_an_inconclusive_derivative_fails(pytester):
    result = judged(
        pytester,
        """
def test_sine(gradcheck):
    gradcheck(np.sin, (np.ones(3),), vjp=pull, budget=3)
""",
    )
    result.assert_outcomes(failed=1)
    assert message(result)[0].startswith("INCONCLUSIVE: ")


def test_a_mistake_in_the_call_shows_the_call(pytester):
    result = judged(
        pytester,
        """
def test_sine(gradcheck):
    gradcheck(np.sin, (np.ones(3),), vjp=pull, order="two")
""",
    )
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            '>       gradcheck(np.sin, (np.ones(3),), vjp=pull, order="two")',
            "E       Failed: order: expected *, got 'two'.",
        ]
    )
    assert not [line for line in message(result) if "pytest_plugin" in line or "verification" in line]


SEEN = """
import gradcheck.judge.verification as court
from types import SimpleNamespace

@pytest.fixture(autouse=True)
def seen(monkeypatch):
    calls = []
    def verify(f, args, **options):
        calls.append((args, options))
        return SimpleNamespace(passed=True, seed=options["seed"])
    monkeypatch.setattr(court, "verify", verify)
    return calls
"""


def test_the_marker_gives_defaults(pytester):
    judged(
        pytester,
        SEEN
        + """
pytestmark = pytest.mark.gradcheck(budget=400, order=3)

@pytest.mark.gradcheck(order=2, dtype="float32", modes=["forward"])
class TestMarked:
    def test_all(self, gradcheck, seen):
        gradcheck(np.sin, {"x": [1.0, np.ones(2), 3]})
        (args, options), = seen
        assert options.pop("seed") >= 0
        assert options == {"order": 2, "budget": 400, "modes": ["forward"]}
        assert [type(leaf) for leaf in args["x"]] == [np.float32, np.ndarray, int]
        assert args["x"][1].dtype == np.float32

    @pytest.mark.gradcheck(order=1, seed=7)
    def test_nearest(self, gradcheck, seen):
        gradcheck(np.sin, 1.0, budget=9, dtype=None, wrt="x")
        assert seen == [(1.0, {"order": 1, "budget": 9, "modes": ["forward"], "seed": 7, "wrt": "x"})]

def test_module(gradcheck, seen):
    gradcheck(np.sin, 1.0, seed=8)
    assert seen == [(1.0, {"order": 3, "budget": 400, "seed": 8})]
""",
    ).assert_outcomes(passed=3)


@pytest.mark.parametrize(
    ("options", "line", "extra"),
    [
        ("ordr=2", "no option is called 'ordr'. Did you mean 'order'?", ()),
        ("ordr=2", "no option is called 'ordr'. Did you mean 'order'?", ("-p", "xdist", "-n", "1")),
        ("tolerance=2", "no option is called 'tolerance'. Choose from: budget, convention, dtype, *", ()),
        ("2", "its options: expected names, as in order=2, got 2.", ()),
    ],
)
def test_a_mistake_in_the_marker_is_one_clear_line(pytester, options, line, extra):
    source = f"""
@pytest.mark.gradcheck({options})
def test_sine(gradcheck):
    gradcheck(np.sin, 1.0, vjp=pull)
"""
    result = judged(pytester, source, *extra)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines([f"@pytest.mark.gradcheck of test_sine: {line}"])


def test_an_unknown_dtype_is_named(pytester):
    source = """
@pytest.mark.gradcheck(dtype="flot32")
def test_sine(gradcheck):
    gradcheck(np.sin, 1.0, vjp=pull)
"""
    result = judged(pytester, source)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["E*Failed: no dtype is called 'flot32'. Did you mean 'float32'?"])


def test_the_marker_is_declared(pytester):
    source = """
@pytest.mark.gradcheck
def test_it():
    pass
"""
    judged(pytester, source, "--strict-markers").assert_outcomes(passed=1)
    pytester.runpytest_subprocess("--markers").stdout.fnmatch_lines(["@pytest.mark.gradcheck(budget, *"])


SEEDS = (
    SEEN
    + """
@pytest.mark.parametrize("case", ["a", "b"])
def test_seed(gradcheck, case):
    with open(f"{case}.seed", "w") as file:
        file.write(str(gradcheck(np.sin, 1.0).seed))
"""
)


def seeds(pytester, *options):
    """The seeds of two tests and that of the run, as its header shows it."""
    result = judged(pytester, SEEDS, *options)
    result.assert_outcomes(passed=2)
    (header,) = re.findall(r"^gradcheck: --gradcheck-seed (\d+)$", result.stdout.str(), re.MULTILINE)
    return [int((pytester.path / f"{case}.seed").read_text()) for case in "ab"], header


def test_every_test_has_a_seed_of_its_own_that_the_option_repeats(pytester):
    first, run_seed = seeds(pytester)
    assert first[0] != first[1]
    again, _ = seeds(pytester, "--gradcheck-seed", run_seed)
    assert first == again
    other, other_seed = seeds(pytester)
    assert run_seed != other_seed
    assert first != other


def test_the_seed_of_a_test_does_not_depend_on_the_others(pytester):
    both, run_seed = seeds(pytester)
    (pytester.path / "b.seed").unlink()
    pytester.runpytest_subprocess("-k", "b", "--gradcheck-seed", run_seed).assert_outcomes(
        passed=1, deselected=1
    )
    assert str(both[1]) == (pytester.path / "b.seed").read_text()


def test_workers_have_the_seed_of_the_run(pytester):
    spread, run_seed = seeds(pytester, "-p", "xdist", "-n", "2")
    plain, _ = seeds(pytester, "-p", "no:xdist", "--gradcheck-seed", run_seed)
    assert spread == plain


def test_a_failure_in_a_worker_names_the_option(pytester):
    source = """
def test_sine(gradcheck):
    gradcheck(np.sin, (np.ones(3),), vjp=wrong)
"""
    result = judged(pytester, source, "-p", "xdist", "-n", "1")
    (run_seed,) = re.findall(r"^gradcheck: --gradcheck-seed (\d+)$", result.stdout.str(), re.MULTILINE)
    result.stdout.fnmatch_lines([f"repeat: pytest test_it.py::test_sine --gradcheck-seed {run_seed}"])


def test_a_test_of_hypothesis_may_use_the_fixture(pytester):
    result = judged(
        pytester,
        """
from hypothesis import given
from gradcheck.strategies import arrays

@given(x=arrays(3, delicate=False))
def test_right(gradcheck, x):
    gradcheck(np.sin, x, vjp=pull)

@given(x=arrays(3, delicate=False))
def test_wrong(gradcheck, x):
    gradcheck(np.sin, x, vjp=wrong)
""",
    )
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(["*FAIL: sign*"])


def test_a_run_that_does_not_use_the_fixtures_loads_nothing(pytester):
    source = """
import sys
print("loaded", *sorted({"numpy", "torch", "gradcheck.judge", "gradcheck.errors"} & set(sys.modules)))
def test_nothing():
    pass
"""
    pytester.makepyfile(test_it=source)
    command = [sys.executable, "-m", "pytest", "-q", "-s", "-p", "no:benchmark", "-p", "no:hypothesispytest"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "loaded\n" in done.stdout
