"""What people read about a problem, as its suite has it."""

import functools

import pytest

from gradcheck import Point, Published, problem
from gradcheck.catalogue import load_suite
from gradcheck.subjects import source, subject

PUBLISHED = Published(value=1.0, source="D-1")


@problem(
    Point(x=1.0, c=2.0, published=(PUBLISHED, Published(gradient=2.0, source="M-2"))),
    Point(x=2.0, c=2.0, published=PUBLISHED),
    wrt="x",
    why="a factor lost",
    thread="project#1",
    kinks="at 0",
)
def scaled(xp, x, c):
    """c |x|

    A second line.
    """
    return c * xp.abs(x)


def test_subject_says_all_that_the_problem_does():
    found = subject(scaled, "suite", "A topic")
    assert ("suite", "scaled", "A topic") == (found.suite, found.problem, found.title)
    assert ("c |x|", "a factor lost", "project#1", "at 0", "") == (
        found.formula,
        found.why,
        found.thread,
        found.kinks,
        found.refuses,
    )
    assert ("D-1", "M-2") == found.sources
    assert (("x", "c"), ("x",)) == (found.inputs, found.wrt)


def test_code_begins_where_the_function_does():
    lines = subject(scaled, "suite").code.split("\n")
    assert "def scaled(xp, x, c):" == lines[0]
    assert "    return c * xp.abs(x)" == lines[-1]


def nested():
    def inner(xp, x):
        return x + 1

    return inner


def test_a_function_within_another_is_not_indented():
    assert "def inner(xp, x):\n    return x + 1" == source(nested())


def test_a_lambda_is_shown_with_the_line_it_is_in():
    doubled = functools.cache(lambda x: 2 * x)
    assert "doubled = functools.cache(lambda x: 2 * x)" == source(doubled.__wrapped__)


@pytest.mark.parametrize("function", [functools.partial(max, 1), abs, eval("lambda xp, x: x")])
def test_what_has_no_source_has_no_code(function):
    assert "" == source(function)


@pytest.mark.parametrize(("lines", "shown"), [(39, 39), (40, 40), (41, 40)])
def test_a_long_function_is_cut(tmp_path, lines, shown):
    body = "".join(f"    x = x + {n}\n" for n in range(lines - 2))
    path = tmp_path / "long_suite.py"
    path.write_text(
        f"from gradcheck import problem\n\n@problem(x=1.0)\ndef long(xp, x):\n{body}    return x\n", "utf-8"
    )
    code = subject(load_suite(path).problems["long"], "long_suite").code.split("\n")
    assert shown == len(code)
    assert (code[-1] == "...") == (lines > shown)


def test_a_function_whose_file_is_gone_has_no_code(tmp_path):
    path = tmp_path / "gone_suite.py"
    path.write_text(
        "from gradcheck import problem\n\n@problem(x=1.0)\ndef gone(xp, x):\n    return x\n", "utf-8"
    )
    suite = load_suite(path)
    path.unlink()
    assert "" == subject(suite.problems["gone"], "gone_suite").code
