"""What runs and comparisons look like in a terminal of 80 columns."""

from dataclasses import replace

import pytest

from gradcheck import Measurement, Outcome, Results, compare
from gradcheck.terminal.comparisons import show_comparison
from gradcheck.terminal.runs import show_run


def cell(number, operator="gradient", **changed):
    given = {
        "suite": "suite",
        "problem": f"problem_{number}",
        "point": "x=1",
        "backend": "engine",
        "device": "cpu",
        "dtype": "float64",
        "operator": operator,
        "outcome": Outcome.EXACT,
        "key": f"{number} {operator}",
    }
    return Measurement(**given | changed)


def run_of(*cells):
    return Results(environment={}, cells=cells)


@pytest.mark.parametrize("length", range(20, 40))
def test_no_number_is_broken_between_two_lines(capsys, length):
    wrong = cell(0, outcome=Outcome.WRONG, backend="b" * length)
    show_run(run_of(wrong, *map(cell, range(1, 2001))))
    said = capsys.readouterr().out
    assert any("2,000" in line for line in said.splitlines())


def test_operators_that_changed_alike_share_a_line_and_the_worse_come_first(capsys):
    before = [cell(n, operator) for n in range(30) for operator in ("value", "gradient")]
    after = [replace(one, outcome=Outcome.OK, reason="half of the digits") for one in before]
    after[58:] = [replace(one, outcome=Outcome.NAN, reason="answered nan") for one in before[58:]]
    show_comparison(compare(run_of(*before), run_of(*after)))
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split("  ")[0] == "exact -> nan"
    assert "suite/problem_29 x=1: value, gradient float64; by engine" in lines[0]
    assert lines[1].strip() == "answered nan"
    assert "half of the digits" not in " ".join(lines), "no reason where nothing is worse"
    assert sum(line.startswith("exact -> ok") for line in lines) == 19
    assert any(line.split() == ["...", "and", "10", "more"] for line in lines)
    assert max(map(len, lines)) <= 80
