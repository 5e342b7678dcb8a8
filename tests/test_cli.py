"""The command line as a user meets it: exact lines, exit codes, 80 columns."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from gradcheck import Results

from .command import call, refused

SUITE = '''"""My own functions"""

from gradcheck import problem


def helper(xp, x):
    return xp.sin(x) ** 2


@problem(x=1.5)
def squared_sine(xp, x):
    """sin(x)^2"""
    return helper(xp, x)
'''


@pytest.fixture
def suite(tmp_path):
    path = tmp_path / "my_suite.py"
    path.write_text(SUITE)
    return path


def test_run_writes_results_and_report_and_fits_80_columns(suite, tmp_path):
    out = tmp_path / "out"
    result = call("run", suite, "--backend", "engine,differences", "--operator", "gradient", "--out", out)
    assert 0 == result.exit_code, result.output
    assert {"results.jsonl", "report.html"} <= {path.name for path in out.iterdir()}
    outcomes = {cell.backend: cell.outcome.value for cell in Results.read(out).cells}
    assert {"engine": "exact", "differences": "ok"} == outcomes
    table = [line for line in result.output.splitlines() if not line.startswith("wrote ")]
    assert max(map(len, table)) <= 80
    assert re.search(r"^engine +1 +15\.9$", result.output, re.MULTILINE)


def test_a_failure_exits_with_1_unless_another_backend_counts(tmp_path):
    path = tmp_path / "refusing.py"
    path.write_text(SUITE.replace("x=1.5)", "x=1.5, jac=lambda xp, x: 2 * xp.sin(x))"))
    arguments = "run", path, "--backend", "handwritten,engine", "--operator", "gradient", "--out", tmp_path
    assert 1 == call(*arguments).exit_code
    assert 0 == call(*arguments, "--fail-on", "engine").exit_code
    assert 1 == call(*arguments, "--fail-on", "engine,handwritten").exit_code


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["run", "chain_rul"], "no suite is called 'chain_rul'. Did you mean 'chain_rule'?"),
        (["run", "--backend", "enginee"], "no backend is called 'enginee'. Did you mean 'engine'?"),
        (["run", "--fail-on", "enginee"], "no backend is called 'enginee'. Did you mean 'engine'?"),
        (["run", "--dtype", "flot32"], "no dtype is called 'flot32'. Did you mean 'float32'?"),
        (["run", "--operator", "jakobian"], "no operator is called 'jakobian'. Did you mean 'jacobian'?"),
        (["run", "--device", "cudaa"], "no device is called 'cudaa'. Did you mean 'cuda'?"),
        (
            ["run", "--select", "zebra"],
            "nothing to run: no problem matches --select 'zebra'. `gradcheck list` shows what there is.",
        ),
        (
            ["run", "--select", "softmax and"],
            (
                "--select 'softmax and' is not an expression of names with 'and', 'or', 'not' and "
                "parentheses; write for example --select 'softmax and not entropy'."
            ),
        ),
        (
            ["run", "no/file.py"],
            "suite no/file.py: cannot be read (No such file or directory); name a Python file with problems.",
        ),
        (["explain", "wengrt"], "no problem is called 'wengrt'. Did you mean 'wengert'?"),
        (["explain", "wengert", "--point", "9"], "--point: expected 1 to 1 for wengert, got 9."),
        (
            ["explain", "wengert", "--wrt", "x3"],
            "no differentiated input is called 'x3'. Choose from: x1, x2.",
        ),
        (
            ["explain", "softmax"],
            "softmax: expected a problem with a scalar output, got 'output of shape (3,)'.",
        ),
        (
            ["list", "--select", "zebra"],
            "nothing to run: no problem matches --select 'zebra'. `gradcheck list` shows what there is.",
        ),
        (
            ["report", "nowhere"],
            (
                "results nowhere: cannot be read ([Errno 2] No such file or directory: 'nowhere'); "
                "name a run's directory or file."
            ),
        ),
    ],
)
def test_a_mistake_is_one_clear_line(arguments, line):
    assert f"gradcheck: {line}" == refused(*arguments)


@pytest.mark.parametrize(
    ("source", "line"),
    [
        ("def f(:\n", "line 1: invalid syntax; mend the syntax and run again."),
        (
            "import nonexistent_module\n",
            (
                "fails to import (ModuleNotFoundError: No module named 'nonexistent_module'); "
                "run the file with python to see where."
            ),
        ),
        ("x = 1\n", "holds no problem; decorate a function f(xp, x) with @gradcheck.problem(x=1.0)."),
    ],
)
def test_a_broken_suite_is_one_clear_line(tmp_path, source, line):
    path = tmp_path / "broken.py"
    path.write_text(source)
    assert f"gradcheck: suite {path}: {line}" == refused("run", path)


def test_two_problems_of_one_name_are_refused(tmp_path):
    path = tmp_path / "twice.py"
    path.write_text(SUITE + SUITE.split("\n\n\n")[-1])
    places = f"in {path} line 11 and in line 15"
    assert f"gradcheck: two problems are called 'squared_sine', {places}; rename one of them." == refused(
        "run", path
    )


def test_an_output_directory_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").write_text("in the way")
    path = tmp_path / "file" / "out"
    line = refused("run", "chain_rule", "--backend", "engine", "--out", path)
    assert f"gradcheck: results {path}/results.jsonl: cannot be written" in line
    assert line.endswith("; name another directory.")


def test_a_negative_seed_is_refused():
    assert "gradcheck: seed: expected 0 or a positive number, got -1." == refused("run", "--seed", "-1")


def test_an_absent_device_is_named_with_what_was_found():
    assert (
        "gradcheck: no device 'cuda' here. Found engine: cpu, cpus. "
        "Use --device cpu, or a machine that has one."
        == refused("run", "chain_rule", "--backend", "engine", "--device", "cuda")
    )


def test_an_absent_device_in_a_sweep_is_a_cell(suite, tmp_path):
    result = call(
        "run", suite, "--backend", "engine", "--device", "cpu,cuda", "--operator", "value", "--out", tmp_path
    )
    assert 0 == result.exit_code, result.output
    assert {"cpu": "exact", "cuda": "no device"} == {
        c.device: c.outcome.value for c in Results.read(tmp_path).cells
    }


def test_explain_shows_the_three_tables_of_the_lecture_notes():
    output = call("explain", "wengert").output
    for row in (
        "v-1 = x1                    2",
        "v4 = sin(v0)    -0.9589242747",
        "v5 = v3 - v4      11.65207146",
    ):
        assert row in output
    tangent = output[output.index("forward tangent, d x1 = 1") : output.index("reverse adjoint")]
    assert "v5 = v3 - v4       5.5" in tangent
    adjoint = output[output.index("reverse adjoint") :]
    assert "v4 = sin(v0)             -1" in adjoint
    assert "dy/dx1 = 5.5\ndy/dx2 = 1.716337815\n" in adjoint
    assert max(map(len, output.splitlines())) <= 80


def test_explain_takes_a_problem_from_a_file(suite):
    output = call("explain", f"{suite}/squared_sine").output
    assert "v2 = v1^2" in output


def test_every_scalar_problem_of_the_catalogue_can_be_explained():
    from gradcheck.catalogue import installed_suites

    for suite in installed_suites().values():
        for problem in suite.problems.values():
            if not problem.refuses and problem.instances()[0].layout.output == ():
                result = call("explain", f"{suite.name}/{problem.name}")
                assert 0 == result.exit_code, (problem.name, result.output)


def test_list_names_every_problem_of_a_suite():
    output = call("list", "chain_rule").output
    assert "Scalar chain rule" in output
    assert "cube_of_quadratic" in output
    assert max(map(len, output.splitlines())) <= 80


def test_report_writes_the_page_again(suite, tmp_path):
    call("run", suite, "--backend", "engine", "--out", tmp_path, "--rounds", "0")
    page = (tmp_path / "report.html").read_bytes()
    (tmp_path / "report.html").unlink()
    result = call("report", tmp_path)
    assert 0 == result.exit_code, result.output
    assert page == (tmp_path / "report.html").read_bytes()


RULES = """
import numpy as np


def softplus(x):
    return np.log1p(np.exp(x))


def softplus_vjp(x, cotangent):
    return cotangent / (1 + np.exp(-x))


def softplus_jvp(x, tangent):
    return tangent / (1 + np.exp(-x))


def sign_lost(x, cotangent):
    return -cotangent / (1 + np.exp(-x))


def squares(weights):
    return np.sum(weights["in"][0] ** 2) + np.sum(weights["out"])


def squares_grad(weights):
    return {"in": [2 * weights["in"][0]], "out": 2 * np.ones_like(weights["out"])}


def product(a, b):
    return a @ b


def product_vjp(a, b, cotangent):
    return cotangent @ b, a.T @ cotangent


SLOPE = 1.0
"""


@pytest.fixture
def rules(tmp_path, monkeypatch):
    """A file of functions with rules, in the current directory."""
    (tmp_path / "rules_of_mine.py").write_text(RULES)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", sys.path[:])
    before = set(sys.modules)
    yield "rules_of_mine"
    for name in {name for name in sys.modules if "rules_of_mine" in name} - before:
        del sys.modules[name]


@pytest.mark.parametrize("ending", ["", ".py"])
def test_verify_passes_a_right_rule(rules, ending):
    target = f"{rules}{ending}:softplus"
    result = call("verify", target, "--args", "np.array([-1.0, 0, 2])", "--vjp", f"{target}_vjp")
    assert 0 == result.exit_code, result.output
    assert result.output.startswith("PASS: ")


def test_verify_names_a_wrong_rule_in_80_columns(rules):
    result = call("verify", f"{rules}:softplus", "--args", "draws.normal(3)", "--vjp", f"{rules}:sign_lost")
    assert 1 == result.exit_code, result.output
    assert "likely cause: sign" in " ".join(result.output.split())
    assert max(map(len, result.output.splitlines())) <= 80


@pytest.mark.parametrize(
    "words",
    [
        "RULES:softplus --args 'draws.normal(3, 4)' --vjp RULES:sign_lost",
        "RULES.py:softplus --args 'np.linspace(-1, 1, 7)' --jvp RULES.py:softplus_jvp --budget 500",
        "RULES:product --args 'draws.normal(2, 2)' 'draws.normal(2, 2)' --vjp RULES:product_vjp --wrt a",
        """RULES:squares --args "{'in': [draws.normal(3)], 'out': np.ones(2)}" --grad RULES:squares_grad""",
        "RULES:softplus --args -1.5 --vjp RULES:softplus_vjp --seed 3",
    ],
)
def test_verify_prints_the_command_that_repeats_it(rules, words):
    first = call("verify", *shlex.split(words.replace("RULES", rules)))
    command = first.output.partition("\nagain:\n  ")[2]
    assert command.startswith("gradcheck verify "), first.output + first.stderr
    second = call(*shlex.split(command.replace("\\\n", ""))[1:])
    assert first.output == second.output
    assert first.exit_code == second.exit_code
    assert max(map(len, first.output.splitlines())) <= 80


def test_verify_without_evidence_fails_only_when_strict(rules):
    arguments = f"verify {rules}:softplus --args 1.5 --grad math:exp --budget 5".split()
    result = call(*arguments)
    assert 0 == result.exit_code, result.output
    assert result.output.startswith("INCONCLUSIVE: ")
    assert 3 == call(*arguments, "--strict").exit_code


def test_verify_judges_a_framework_by_itself():
    pytest.importorskip("torch")
    words = ["torch.nn.functional:softplus", "--args", "torch.randn(3, dtype=torch.float64)"]
    result = call("verify", *words, "--modes", "reverse,forward")
    assert 0 == result.exit_code, result.output


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (
            ["softplus", "--args", "1.0"],
            "softplus: names no function; write module:function or my_file.py:function.",
        ),
        (
            ["rules_of_mine:softpls", "--args", "1.0"],
            "no function of rules_of_mine is called 'softpls'. Did you mean 'softplus'?",
        ),
        (
            ["rules_of_min:softplus", "--args", "1.0"],
            "no module is called 'rules_of_min'. Did you mean 'rules_of_mine'?",
        ),
        (
            ["zebra:softplus", "--args", "1.0"],
            (
                "zebra:softplus: no module is called 'zebra'; "
                "run this where the module is, or write a file, as in my_file.py:function."
            ),
        ),
        (
            ["rules_of_mine:SLOPE", "--args", "1.0"],
            "rules_of_mine:SLOPE: is of type float, which cannot be called; name a function.",
        ),
        (
            ["rules_of_mine:softplus", "--args", "1.0", "--vjp", "rules_of_mine:softplus_vpj"],
            "no function of rules_of_mine is called 'softplus_vpj'. Did you mean 'softplus_vjp'?",
        ),
        (
            ["rules_of_mine:softplus", "--args", "np.ones("],
            (
                "--args 'np.ones(': is no Python expression ('(' was never closed); "
                "write for example --args 'np.ones(3)' 2.0."
            ),
        ),
        (
            ["rules_of_mine:softplus", "--args", "nmupy.ones(3)"],
            (
                "--args 'nmupy.ones(3)': fails (NameError: name 'nmupy' is not defined); "
                "np, draws, torch, jnp and the names of the function's module can be used."
            ),
        ),
        (
            ["rules_of_mine:softplus"],
            "--args: expected one Python expression per argument of the function, got 'none'.",
        ),
        (
            ["rules_of_mine:softplus", "--args", "1.0", "--seed", "-1"],
            "--seed: expected 0 or a positive number, got -1.",
        ),
        (
            ["rules_of_mine:softplus", "--args", "1.0", "--modes", "revers", "--jvp", "math:sin"],
            "no mode is called 'revers'. Did you mean 'reverse'?",
        ),
    ],
)
def test_a_mistake_in_verify_is_one_clear_line(rules, arguments, line):
    assert f"gradcheck: {line}" == refused("verify", *arguments)


def test_the_installed_command_starts(tmp_path):
    command = Path(sys.executable).with_name("gradcheck")
    done = subprocess.run([command, "--help"], capture_output=True, text=True, cwd=tmp_path, check=True)
    assert "run" in done.stdout
