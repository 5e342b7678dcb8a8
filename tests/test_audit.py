"""Mutation testing of derivatives: weak tests let mistakes live, strong ones do not, misuse is one line."""

import re
import sys

import pytest
from typer.testing import CliRunner

from gradcheck import audit_hook
from gradcheck.audit import Fate, audit
from gradcheck.cli import app
from gradcheck.errors import BadTarget

TOY = """
import numpy as np

def backward(x, cotangent):
    return 2 * x * cotangent

def unused(x, cotangent):
    return x * cotangent

def shown(x):
    return np.asarray(x).astype(str)

class Square:
    factor = 2

    @staticmethod
    def backward(x, cotangent):
        return Square.factor * x * cotangent

    @classmethod
    def back(cls, x, cotangent):
        return cls.factor * x * cotangent

    def gradient(self, x):
        self.seen = getattr(self, "seen", 0) + 1
        return self.factor * x

assigned = lambda x, cotangent: 2 * x * cotangent
TABLE = {"square": backward}
"""

WEAK = """
import numpy as np, toy
assert toy.backward(np.ones(3), np.ones(3)).shape == (3,)
"""

STRONG = """
import numpy as np, toy
x, cotangent = np.array([0.0, 3.0, 3.0, -1.0]), np.array([1.0, 2.0, 3.0, 4.0])
for scale in (1, -2):
    given = scale * cotangent
    answer = toy.backward(x, given)
    assert answer.dtype == x.dtype and np.array_equal(answer, 2 * scale * x * cotangent)
    assert np.array_equal(given, scale * cotangent)
"""

FEW = ("sign", "column", "conjugated", "all-1e-6", "scales-cotangent", "accumulates")


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A folder with a derivative and tests of it, to run with ``python``."""
    (tmp_path / "toy.py").write_text(TOY)
    (tmp_path / "weak.py").write_text(WEAK)
    (tmp_path / "strong.py").write_text(STRONG)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def fates(target, *command, only=FEW, **options):
    audited = audit(target, command, only=only, **options)
    return {trial.saboteur.name: trial.fate for trial in audited.trials}


def test_weak_tests_let_mistakes_live(project):
    assert fates("toy:backward", "python", "weak.py") == {
        "sign": Fate.MISSED,
        "column": Fate.NOTICED,
        "conjugated": Fate.NO_CHANGE,
        "all-1e-6": Fate.MISSED,
        "scales-cotangent": Fate.MISSED,
        "accumulates": Fate.NO_CHANGE,  # one call alone adds up to nothing
    }


def test_strong_tests_notice_every_mistake(project):
    found = fates("toy.py:backward", "python", "strong.py")
    assert {name: fate for name, fate in found.items() if fate is not Fate.NOTICED} == {
        "conjugated": Fate.NO_CHANGE
    }


@pytest.mark.parametrize(
    ("target", "call"),
    [
        ("toy:Square.backward", "toy.Square.backward(1.0, 1.0)"),
        ("toy:Square.back", "toy.Square.back(1.0, 1.0)"),
        ("toy:Square.gradient", "toy.Square().gradient(1.0)"),
        ("toy:assigned", "toy.assigned(1.0, 1.0)"),
        ("toy:backward", "toy.TABLE['square'](1.0, 1.0)"),  # held elsewhere since it was defined
    ],
)
def test_a_function_is_spoilt_wherever_it_is_held(project, target, call):
    (project / "here.py").write_text(f"import toy\nassert {call} == 2")
    assert fates(target, "python", "here.py", only=["sign"]) == {"sign": Fate.NOTICED}


def test_a_method_that_counts_its_calls_is_called_no_oftener(project):
    lines = (
        "import toy",
        "square = toy.Square()",
        "assert square.gradient(1.0) == 2",
        "assert square.seen == 1",
    )
    (project / "counts.py").write_text("\n".join(lines))
    found = fates("toy:Square.gradient", "python", "counts.py", only=["conjugated", "sign"])
    assert found == {"conjugated": Fate.NO_CHANGE, "sign": Fate.NOTICED}


def test_backward_of_an_autograd_function_of_pytorch(project):
    pytest.importorskip("torch")
    (project / "cube.py").write_text(
        """
import torch

class Cube(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x**3

    @staticmethod
    def backward(ctx, cotangent):
        (x,) = ctx.saved_tensors
        return 3 * x**2 * cotangent
"""
    )
    (project / "cubes.py").write_text(
        """
import torch
from cube import Cube

x = torch.tensor([1.0, 0.0, -2.0], dtype=torch.float64, requires_grad=True)
assert torch.autograd.gradcheck(Cube.apply, (x,))
"""
    )
    found = fates("cube:Cube.backward", "python", "cubes.py", only=["off-at-zero", "all-1e-6"])
    assert found == {"off-at-zero": Fate.NOTICED, "all-1e-6": Fate.MISSED}


def test_what_never_ends_is_noticed(project):
    lines = "import toy", "x = 3.0", "while abs(x) > 1: x -= 0.1 * toy.backward(x, 1.0)"
    (project / "descent.py").write_text("\n".join(lines))
    assert fates("toy:backward", "python", "descent.py", only=["zero"], limit=4) == {"zero": Fate.NOTICED}


def test_pytest_is_run_to_the_first_failure_and_forgets_it(project):
    body = WEAK.replace("\n", "\n    ")
    (project / "test_toy.py").write_text(f"def test_shape():{body}\n\ndef test_again():{body}")
    assert fates("toy:backward", "pytest", "-q", only=["sign", "column"]) == {
        "sign": Fate.MISSED,
        "column": Fate.NOTICED,
    }
    assert not (project / ".pytest_cache").exists()


def test_nothing_is_left_behind(project):
    (project / "__pycache__").mkdir()
    before = sorted(project.rglob("*"))
    fates("toy:backward", "python", "weak.py", only=["sign"])
    assert before == sorted(project.rglob("*"))


def test_own_startup_of_the_environment_still_runs(project, monkeypatch):
    (project / "site").mkdir()
    (project / "site" / "sitecustomize.py").write_text("import os\nos.environ['STARTED'] = 'yes'")
    monkeypatch.setenv("PYTHONPATH", str(project / "site"))
    (project / "started.py").write_text(f"{WEAK}\nimport os\nassert os.environ['STARTED'] == 'yes'")
    assert fates("toy:backward", "python", "started.py", only=["sign"]) == {"sign": Fate.MISSED}


def test_importing_the_hook_changes_nothing():
    assert not [finder for finder in sys.meta_path if isinstance(finder, audit_hook.Finder)]


def call(*arguments):
    return CliRunner().invoke(app, ["audit", *arguments])


def test_command_shows_a_table_of_80_columns_and_exits_with_1(project):
    result = call("toy:backward", "--only", "sign,column", "--only", "conjugated", "--", "python", "weak.py")
    assert result.exit_code == 1, result.output
    lines = result.output.splitlines()
    assert max(map(len, lines)) <= 80
    assert [re.split("  +", line.strip()) for line in lines[2:5]] == [
        ["sign", "every entry times -1", "NOT noticed"],
        ["column", "one axis of length 1 too many", "noticed"],
        ["conjugated", "conjugated", "no change"],
    ]
    assert lines[5:] == [
        "1 of 2 mistakes would have been noticed",
        "1 more change nothing in these tests, which says nothing about them",
    ]


def test_command_exits_with_0_when_all_are_noticed(project):
    result = call("toy:backward", "--only", "sign,twice", "--", "python", "strong.py")
    assert result.exit_code == 0, result.output
    assert result.output.splitlines()[-1] == "2 of 2 mistakes would have been noticed"


def test_list_shows_every_saboteur_in_80_columns():
    result = call("--list")
    assert result.exit_code == 0
    assert max(map(len, result.output.splitlines())) <= 80
    assert len(result.output.splitlines()) == 2 + 76


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (
            ["toy:backward", "--", "python", "-c", "raise SystemExit(3)"],
            "-c 'raise SystemExit(3)': fails before anything is spoilt (exit code 3); make it pass first.",
        ),
        (
            ["toy:backward", "--", "python", "-c", "print('a'); print('b'); exit(1)"],
            "(exit code 1: b); make it pass first.",
        ),
        (
            ["toy:backward", "--limit", "0.5", "--", "python", "-c", "import time; time.sleep(60)"],
            "(no end within 0.5 s); make it pass first.",
        ),
        (
            ["toy:backward", "--", "no-such-program"],
            (
                "no-such-program: cannot be started (No such file or directory); "
                "give a program that runs your tests, after --."
            ),
        ),
        (
            ["toy:backward", "--", sys.executable, "-I", "-c", ""],
            "starts no Python that has gradcheck; install gradcheck where it runs.",
        ),
        (
            ["toys:backward", "--", "python", "weak.py"],
            "toys:backward: python weak.py imports no such source file; check the module's name.",
        ),
        (
            ["toy:backwards", "--", "python", "weak.py"],
            "toy:backwards: nothing of that name is defined there; name it where it is defined.",
        ),
        (
            ["toy:unused", "--", "python", "weak.py"],
            "toy:unused: python weak.py never calls it; give tests that do.",
        ),
        (
            ["toy:shown", "--", "python", "-c", "import toy; toy.shown(1.0)"],
            (
                "toy:shown: no saboteur changes anything it returns; "
                "name a function that returns floating-point arrays, or other saboteurs."
            ),
        ),
        (
            ["nowhere.py:backward", "--", "python", "weak.py"],
            "nowhere.py:backward: there is no file nowhere.py; write module:function or my_file.py:function.",
        ),
        (["toy", "--", "true"], "toy: names no function; write module:function or my_file.py:function."),
        ([], "TARGET: names no function; write module:function or my_file.py:function."),
        (
            ["toy:backward"],
            "-- COMMAND: is missing; write what runs the tests, as in -- pytest test_mine.py.",
        ),
        (
            ["toy:backward", "--only", "sgn", "--", "true"],
            "--only sgn: is no saboteur; 'sign' comes closest; `gradcheck audit --list` shows the 76.",
        ),
    ],
)
def test_a_mistake_is_one_clear_line(project, arguments, line):
    few = (
        arguments
        if "--only" in arguments or not arguments
        else [arguments[0], "--only", "sign", *arguments[1:]]
    )
    result = call(*few)
    assert result.exit_code == 2, result.output
    (told,) = result.stderr.strip().splitlines()
    assert told.startswith("gradcheck: ")
    assert told.endswith(line)


def test_a_target_that_cannot_be_wrapped_is_told_from_tests_that_fail(project):
    (project / "picky.py").write_text("import toy\nassert not hasattr(toy.backward, '__wrapped__')")
    with pytest.raises(
        BadTarget, match=r"toy:backward: cannot be wrapped: even unchanged, python picky.py fails"
    ):
        fates("toy:backward", "python", "picky.py")
