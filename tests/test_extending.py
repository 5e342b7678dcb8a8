"""The README's recipes: each adds one file to a copy of the packages, and the thing is there."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from gradcheck import saboteurs
from gradcheck.catalogue import collect

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
FOLDERS = {"gradcheck": "gradcheck", "suites": "gradcheck_suites", "reports": "gradcheck_reports"}


def recipe(name):
    """The code block that begins with a file's name."""
    (block,) = re.findall(rf"```python\n# {re.escape(name)}\n(.*?)```", README, re.DOTALL)
    return block


@pytest.fixture
def copied(tmp_path):
    """The three packages copied under their installed names, ahead of the installed ones on the path."""
    for folder, package in FOLDERS.items():
        shutil.copytree(ROOT / folder, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path


def add(copied, name):
    folder, _, rest = name.partition("/")
    (copied / FOLDERS[folder] / rest).write_text(recipe(name), encoding="utf-8")


def python(copied, *arguments):
    environment = {**os.environ, "PYTHONPATH": str(copied)}
    command = [sys.executable, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=copied, check=False)
    assert 0 == done.returncode, done.stderr
    return done.stdout


def gradcheck(copied, *arguments):
    return python(copied, "-m", "gradcheck", *arguments)


def test_a_problem_is_one_file(copied):
    add(copied, "suites/thermodynamics.py")
    assert "free_energy" in gradcheck(copied, "list", "thermodynamics")
    output = gradcheck(copied, "run", "thermodynamics", "--backend", "engine", "--out", copied / "run")
    assert re.search(r"^engine +12 ", output, re.MULTILINE), output


def test_a_backend_is_one_file(copied):
    add(copied, "gradcheck/backends/forward.py")
    assert "forward" in gradcheck(copied, "backends")
    call = (
        "run",
        "jacobians",
        "--backend",
        "forward",
        "--operator",
        "jacobian,vjp,jvp",
        "--out",
        copied / "run",
    )
    assert re.search(r"^forward +\d+ +1[56]\.\d$", gradcheck(copied, *call), re.MULTILINE)


def test_an_operation_is_one_file(copied):
    add(copied, "gradcheck/engine/rules/gudermann.py")
    code = "from gradcheck import engine; print(engine.grad(engine.xp.gudermannian)(0.5))"
    assert 0.886818883970074 == pytest.approx(float(python(copied, "-c", code)), rel=1e-15)


def test_a_report_section_is_one_file(copied):
    add(copied, "reports/sections/slowest.py")
    gradcheck(copied, "run", "delicate", "--backend", "engine", "--out", copied / "run")
    assert "Slowest first calls" in (copied / "run" / "report.html").read_text(encoding="utf-8")


def test_the_readme_suite_runs_as_shown(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "my_suite.py").write_text(recipe("my_suite.py"), encoding="utf-8")
    beginning = r"```python\n((?:import numpy as np\n\n)?from gradcheck import .*?)```"
    blocks = re.findall(beginning, README, re.DOTALL)
    assert 3 <= len(blocks)
    for block in blocks:
        exec(compile(block, "README.md", "exec"), {})


@pytest.mark.parametrize("call", ["verify(softmax", "assert_gradients(layer"])
def test_the_readme_verdicts_are_passes(call, capsys):
    (block,) = [b for b in re.findall(r"```python\n(.*?)```", README, re.DOTALL) if call in b]
    exec(compile(block, "README.md", "exec"), {})
    assert "FAIL" not in capsys.readouterr().out


def test_the_readme_tests_pass(tmp_path):
    (block,) = [b for b in re.findall(r"```python\n(.*?)```", README, re.DOTALL) if "from my_rules" in b]
    (tmp_path / "test_my_rules.py").write_text(block, encoding="utf-8")
    (tmp_path / "my_rules.py").write_text(
        "import numpy as np\n\n\n"
        "def softplus(x):\n    return np.logaddexp(x, 0.0)\n\n\n"
        "def softplus_vjp(x, cotangent):\n    return cotangent / (1 + np.exp(-x))\n",
        encoding="utf-8",
    )
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "3 passed" in done.stdout, done.stdout


def test_the_readme_counts_the_saboteurs_right():
    count = len(collect(saboteurs, saboteurs.Saboteur))
    assert f"replaces your derivative by {count} faulty ones" in README


def test_the_readme_counts_the_catalogue_right():
    from gradcheck.catalogue import installed_suites

    count = sum(len(suite.problems) for suite in installed_suites().values())
    assert f"a catalogue of {count}\nfunctions" in README
