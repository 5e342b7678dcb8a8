"""Finding problems: selections, suites from files, and what is said when none is found."""

import re
import sys
from dataclasses import dataclass
from importlib.metadata import EntryPoint
from types import ModuleType

import pytest

from gradcheck import Problem, Suite, catalogue, problem
from gradcheck.catalogue import collect, compile_selection, find_suites, installed_suites, load_suite
from gradcheck.errors import BadExpression, BadPlugin, BadSuite, DuplicateName, UnknownName

PATHS = ("chain_rule/sine", "chain_rule/cosine", "information/entropy", "information/softmax")


@pytest.mark.parametrize(
    ("expression", "chosen"),
    [
        ("sine", {"chain_rule/sine", "chain_rule/cosine"}),
        ("cosine", {"chain_rule/cosine"}),
        ("chain_rule", {"chain_rule/sine", "chain_rule/cosine"}),
        ("not information", {"chain_rule/sine", "chain_rule/cosine"}),
        ("sine and not cosine", {"chain_rule/sine"}),
        ("cosine or entropy", {"chain_rule/cosine", "information/entropy"}),
        ("information and (entropy or sine)", {"information/entropy"}),
        ("not (information or cosine)", {"chain_rule/sine"}),
        ("not not softmax", {"information/softmax"}),
        ("entropy and softmax", set()),
        ("  softmax  ", {"information/softmax"}),
        ("nothing_of_the_kind", set()),
    ],
)
def test_selection_is_names_joined_by_and_or_not(expression, chosen):
    assert set(filter(compile_selection(expression), PATHS)) == chosen


@pytest.mark.parametrize(
    "expression",
    ["", "sine and", "(sine", "sine cosine", "1", "sine + cosine", "f(sine)", "'a'", "a.b", "a < b", "\0"],
)
def test_what_is_no_expression_is_refused(expression):
    message = (
        f"--select {expression!r} is not an expression of names with 'and', 'or', 'not' and parentheses; "
        "write for example --select 'softmax and not entropy'."
    )
    with pytest.raises(BadExpression, match=f"^{re.escape(message)}$"):
        compile_selection(expression)


def named(name):
    return problem(x=1.0, name=name)(lambda xp, x: x)


def test_suite_is_narrowed_to_its_matching_problems():
    suite = Suite(name="own", title="Own", problems={n: named(n) for n in ("sine", "cosine")}, source="here")
    assert list(suite.select("cosine").problems) == ["cosine"]
    assert list(suite.select("own").problems) == ["sine", "cosine"]
    assert suite.select("own and not sine").problems == {}


# Collecting.


@dataclass
class Thing:
    name: str


def module(name, **content):
    made = ModuleType(name)
    vars(made).update(content)
    return made


def test_collect_finds_public_values_of_a_type():
    a, b = Thing("a"), Thing("b")
    found = collect(module("m", first=a, again=a, second=b, _hidden=Thing("c"), other=3), Thing)
    assert found == {"a": a, "b": b}


def test_collect_refuses_two_values_of_one_name():
    with pytest.raises(
        DuplicateName, match=r"^two things are called 'a', in m and in m; rename one of them\.$"
    ):
        collect(module("m", first=Thing("a"), second=Thing("a")), Thing)


def test_installed_suites_have_titles_and_problems():
    suites = installed_suites()
    assert {"chain_rule", "jacobians", "computation_graphs", "information"} <= set(suites)
    for name, suite in suites.items():
        assert suite.name == name
        assert suite.title
        assert suite.problems
        assert all(isinstance(value, Problem) and key == value.name for key, value in suite.problems.items())


# Suites from files.

GOOD = '''\
"""A suite of one's own.

More about it.
"""

import gradcheck


@gradcheck.problem(x=1.0)
def square(xp, x):
    return x * x
'''


@pytest.fixture
def write(tmp_path, monkeypatch):
    """A function that writes a suite's file; whatever is imported from it is forgotten afterwards."""
    monkeypatch.setattr(sys, "modules", sys.modules.copy())

    def make(text, name="own.py"):
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return path

    return make


def test_suite_is_loaded_from_a_file(write):
    path = write(GOOD)
    suite = load_suite(path)
    assert (suite.name, suite.title, suite.source) == ("own", "A suite of one's own", str(path))
    assert list(suite.problems) == ["square"]


def test_suites_are_found_by_path_and_by_name(write):
    path = write(GOOD)
    assert [suite.name for suite in find_suites((str(path), "jacobians"))] == ["own", "jacobians"]


def test_a_suite_on_request_is_left_out_unless_it_is_named():
    every = installed_suites()
    assert every["scaling"].on_request == "timing takes minutes"
    assert [suite.name for suite in find_suites()] == [name for name in every if name != "scaling"]
    assert [suite.name for suite in find_suites(("scaling",))] == ["scaling"]


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("x = 1\n", "holds no problem; decorate a function f(xp, x) with @gradcheck.problem(x=1.0)."),
        (f"{GOOD}\ndef broken(:\n", "line 13: invalid syntax; mend the syntax and run again."),
        (
            "import no_such_module_anywhere\n",
            (
                "fails to import (ModuleNotFoundError: No module named 'no_such_module_anywhere'); "
                "run the file with python to see where."
            ),
        ),
        (
            "1 / 0\n",
            "fails to import (ZeroDivisionError: division by zero); run the file with python to see where.",
        ),
        (
            "import gradcheck\n\n\n@gradcheck.problem(x=1)\ndef square(xp, x):\n    return x\n",
            (
                "fails to import (BadProblem: problem 'square': no input is floating-point; "
                "write 5.0 rather than 5 to differentiate by it.); run the file with python to see where."
            ),
        ),
    ],
)
def test_suite_that_cannot_be_used_is_refused(write, text, fault):
    path = write(text)
    with pytest.raises(BadSuite, match=f"^{re.escape(f'suite {path}: {fault}')}$"):
        load_suite(path)
    assert "gradcheck_user_suite_own" not in sys.modules or "holds no" in fault


def test_missing_file_is_named(tmp_path):
    path = tmp_path / "none.py"
    message = f"suite {path}: cannot be read (No such file or directory); name a Python file with problems."
    with pytest.raises(BadSuite, match=f"^{re.escape(message)}$"):
        load_suite(path)


def test_directory_is_no_suite(tmp_path):
    message = f"suite {tmp_path}: cannot be read (Is a directory); name a Python file with problems."
    with pytest.raises(BadSuite, match=f"^{re.escape(message)}$"):
        load_suite(tmp_path)


def test_file_that_is_no_text_is_refused(tmp_path):
    path = tmp_path / "own.py"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(BadSuite, match=f"^{re.escape(f'suite {path}: cannot be read (')}"):
        load_suite(path)


def test_function_defined_twice_is_refused_with_both_lines(write):
    path = write(GOOD + "\n\n@gradcheck.problem(x=2.0)\ndef square(xp, x):\n    return x\n")
    message = f"two problems are called 'square', in {path} line 10 and in line 15; rename one of them."
    with pytest.raises(DuplicateName, match=f"^{re.escape(message)}$"):
        load_suite(path)


def test_two_problems_of_one_name_are_refused_with_both_places(write):
    path = write(GOOD + '\n\n@gradcheck.problem(x=2.0, name="square")\ndef other(xp, x):\n    return x\n')
    message = "two problems are called 'square', in own.square and in own.other; rename one of them."
    with pytest.raises(DuplicateName, match=f"^{re.escape(message)}$"):
        load_suite(path)


def test_one_problem_under_two_names_is_one_problem(write):
    assert list(load_suite(write(GOOD + "\nalias = square\n_hidden = square.renamed('h')\n")).problems) == [
        "square"
    ]


def test_two_suites_of_one_name_are_refused(write, tmp_path):
    one = write(GOOD)
    (tmp_path / "sub").mkdir()
    other = write(GOOD, "sub/own.py")
    message = f"two suites are called 'own', in {one} and in {other}; rename one of them."
    with pytest.raises(DuplicateName, match=f"^{re.escape(message)}$"):
        find_suites((str(one), str(other)))


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("jacobian", "Did you mean 'jacobians'?"),
        ("zzz", f"Choose from: {', '.join(sorted(installed_suites()))}."),
    ],
)
def test_unknown_suite_is_refused_with_a_suggestion(name, hint):
    with pytest.raises(UnknownName, match=f"^{re.escape(f'no suite is called {name!r}. {hint}')}$"):
        find_suites((name,))


def test_a_broken_plugin_is_named(monkeypatch):
    broken = EntryPoint(name="theirs", value="no_such_package", group="gradcheck.suites")
    monkeypatch.setattr(catalogue, "entry_points", lambda group: [broken])
    message = (
        "the entry point 'theirs' of gradcheck.suites fails to load (ModuleNotFoundError: "
        "No module named 'no_such_package'); mend or uninstall the package that declares it."
    )
    with pytest.raises(BadPlugin, match=f"^{re.escape(message)}$"):
        installed_suites()
