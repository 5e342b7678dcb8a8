"""What a run comes to: the sentence, the lines, what fails alike; in a terminal and in a notebook."""

import math
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bare import cell, check
from gradcheck import Outcome, Results
from gradcheck.notebook import notebook
from gradcheck.summary import Summary, beside, shortened, thousands
from gradcheck.terminal.runs import show_run

HOSTILE = "<script>alert('x')</script> [bold]b[/] | `q` & \x1b[31m\x00\n:smile:"


def wrong(**changed):
    facts = {"backend": "torch", "index": "x[0]", "got": "2", "true": "4", "relative_error": 0.5}
    return cell(Outcome.WRONG, **facts | changed)


# The sentence.


@pytest.mark.parametrize(
    ("cells", "good", "sentence"),
    [
        ([], None, "This run holds no cells: nothing was asked, so nothing is known."),
        ([cell()], True, "Nothing failed in 1 cell: 1 exact; every cell ran."),
        (
            [cell(), cell(Outcome.OK), cell(Outcome.UNSUPPORTED)],
            True,
            "Nothing failed in 3 cells: 1 exact, 1 ok; 1 did not run (1 unsupported).",
        ),
        ([cell(Outcome.NOT_INSTALLED)], None, "Nothing ran in 1 cell: 1 not installed."),
        (
            [wrong(), wrong(), cell(Outcome.CRASH), cell()],
            False,
            "3 of 4 cells failed (2 wrong, 1 crash), in torch (2), engine (1); 1 exact; every cell ran.",
        ),
        (
            [wrong(backend=name) for name in "abcde"],
            False,
            (
                "5 of 5 cells failed (5 wrong), in a (1), b (1), c (1), d (1) and 1 other backend; "
                "none is right; every cell ran."
            ),
        ),
    ],
)
def test_sentence(cells, good, sentence):
    said = Summary(cells).sentence()
    assert (good, sentence) == (said.good, str(said))


def test_thousands_are_apart_by_a_space_that_does_not_break():
    assert "1\u202f234\u202f567" == thousands(1234567)
    assert "Nothing failed in 1\u202f000 cells" in str(Summary([cell()] * 1000).sentence())


def test_every_outcome_is_in_one_group_or_another():
    grouped = [outcome for outcomes in Summary.groups.values() for outcome in outcomes]
    assert sorted(Outcome, key=str) == sorted(grouped, key=str)


@pytest.mark.parametrize(
    ("checks", "sentence"),
    [
        ([], ""),
        ([check("agrees")], "1 printed number: 1 in agreement with the truth."),
        (
            [check("agrees"), check("undefined"), check("disagrees")],
            "3 printed numbers: 1 wrong, 1 where no derivative exists, 1 in agreement with the truth.",
        ),
    ],
)
def test_sentence_on_what_is_printed(checks, sentence):
    assert sentence == Summary([], checks).printed()


def test_wrong_print_comes_before_print_without_a_derivative():
    checks = [check("undefined"), check("agrees"), check("disagrees")]
    assert ["disagrees", "undefined"] == [found.status for found in Summary([], checks).doubtful]


# Lines and faults.


def test_lines_are_in_the_order_of_the_run_the_cpu_and_wide_dtypes_first():
    cells = [
        cell(backend=backend, device=device, dtype=dtype)
        for backend in ("extra", "engine", "torch")
        for device in ("cuda", "cpu")
        for dtype in ("bfloat16", "float64")
    ]
    summary = Summary(cells, backends=("torch", "engine"))
    assert ["torch", "engine", "extra"] == list(dict.fromkeys(line.who.backend for line in summary.lines))
    assert [
        "torch cpu float64",
        "torch cpu bfloat16",
        "torch cuda float64",
        "torch cuda bfloat16",
    ] == [summary.label(line.who) for line in summary.lines[:4]]


def test_a_label_names_only_what_varies():
    summary = Summary([cell(), cell(dtype="float32")])
    assert ["engine float64", "engine float32"] == [summary.label(line.who) for line in summary.lines]


def test_digits_are_the_median_of_right_answers():
    cells = [
        cell(digits=15.0),
        cell(digits=16.0),
        cell(Outcome.OK, digits=8.0),
        wrong(digits=1.0, backend="engine"),
    ]
    (line,) = Summary(cells).lines
    assert 15.0 == line.digits
    assert math.isnan(Summary([wrong()]).lines[0].digits)


def test_digits_are_never_rounded_up():
    assert ["15.9"] == [line.shown_digits for line in Summary([cell(digits=15.95)]).lines]
    assert [""] == [line.shown_digits for line in Summary([wrong()]).lines]


def test_failures_alike_are_one_fault_with_the_worst_cell_first():
    cells = [
        wrong(operator="vjp", relative_error=0.1),
        cell(Outcome.CRASH, problem="slow"),
        wrong(operator="gradient", relative_error=3.0, backend="sympy"),
        wrong(problem="square", relative_error=math.nan),
        cell(),
    ]
    first, second, third = Summary(cells).faults
    assert ("sympy", 3.0) == (first.worst.backend, first.worst.relative_error)
    assert (["gradient", "vjp"], ["sympy", "torch"]) == (first.operators, first.backends)
    assert ("square", "slow") == (second.worst.problem, third.worst.problem)


@pytest.mark.parametrize(
    ("got", "true", "shown"),
    [
        ("2.00000000000", "4.0", ("2", "4")),
        ("1.00000000123", "1.0000000000000000000", ("1.000000001", "1")),
        ("nan", "0.5", ("nan", "0.5")),
        ("0.1", "0.1", ("0.1", "0.1")),
        ("(1+2j)", "1", ("(1+2j)", "1")),
        ("", "", ("", "")),
    ],
)
def test_an_answer_and_the_truth_are_shown_to_the_digit_that_differs(got, true, shown):
    assert shown == beside(got, true)


@given(st.text())
def test_any_text_may_stand_in_the_place_of_a_number(text):
    assert isinstance(shortened(text), str)
    assert isinstance(beside(text, text), tuple)


# In a terminal.


def shown(capsys, results):
    show_run(results)
    return capsys.readouterr().out


def run(*cells, **changed):
    return Results(**{"environment": {}, "cells": cells} | changed)


@pytest.fixture
def failing():
    cells = [wrong(problem=f"p{n:02d}", point="a point with a long name " * 3) for n in range(12)]
    return run(*cells, cell(), published=(check("disagrees"), check("undefined")))


def test_terminal_shows_the_worst_failures_with_entry_answer_and_truth_in_80_columns(failing, capsys):
    text = shown(capsys, failing)
    assert max(map(len, text.splitlines())) <= 80
    assert text.startswith("12 of 13 cells failed (12 wrong), in torch (12); 1 exact; every cell ran.\n")
    assert "torch, gradient, x[0]: got 2, true 4" in text
    assert "p09" in text
    assert "p10" not in text
    assert "and 2 more that differ in problem, point or outcome" in text
    assert "F-1: cube, d f / d x: 20281, true 20280\n" in text
    assert "F-1: cube, d f / d x: 20281, no derivative exists\n" in text


def test_terminal_says_why_where_there_is_no_answer_to_show(capsys):
    text = shown(capsys, run(cell(Outcome.ERROR, reason="ValueError: no such thing")))
    assert "engine: ValueError: no such thing" in text


@pytest.mark.parametrize(
    ("results", "said"),
    [
        (run(), "This run holds no cells"),
        (run(cell()), "Nothing failed in 1 cell"),
        (run(cell(), finished=False), "not finished: go on with `gradcheck run --resume DIR`"),
        (run(cell(), environment={"seconds": 12.5}), "1 cell; 12.5 s"),
    ],
)
def test_terminal_shows_any_run(results, said, capsys):
    assert said in shown(capsys, results)


def test_terminal_shows_brackets_as_brackets(capsys):
    text = shown(capsys, run(wrong(problem="[bold]x[/bold]", index="W[0,1]", reason=":smile:")))
    assert "[bold]x[/bold]" in text
    assert "W[0,1]: got 2" in text


# In a notebook.


def test_notebook_shows_the_verdict_the_backends_and_the_failures(failing):
    page = failing._repr_html_()
    assert (
        "<strong>12 of 13 cells failed</strong> (12 wrong), in torch (12); 1 exact; every cell ran." in page
    )
    assert "<tr><td>torch</td><td></td><td></td><td></td><td></td><td>12</td><td></td><td></td></tr>" in page
    assert "<td>x[0]</td><td>2</td><td>4</td>" in page
    assert "12 failed cells; 12 that differ in problem, point or outcome, the worst 10 of them" in page


def test_notebook_of_nothing_says_so():
    assert "This run holds no cells" in run()._repr_html_()


def test_notebook_takes_its_colours_from_where_it_stands(failing):
    assert not re.search(r"color|background|style=|#[0-9a-f]{3}", failing._repr_html_())


def test_notebook_shows_hostile_text_as_text():
    names = dict.fromkeys(
        ("problem", "point", "backend", "operator", "index", "got", "true", "reason"), HOSTILE
    )
    page = notebook(Summary([wrong(**names)], [check("agrees")]))
    assert "<script" not in page
    assert "&lt;script&gt;" in page
