"""The whole catalogue through the backends: who is right, within what, and what is wrong in print."""

import math
from functools import cache

import pytest

from gradcheck import Outcome, Plan, Results, available_backends, run

PRINTED_WRONG = {
    ("F-3", "-1.657"),
    ("O-graph", "-0.5966"),
    ("O-cosine", "0.978"),
    ("O-graph", "-42.9"),
    ("O-paths", "100.255"),
}


@cache
def results(backend: str) -> Results:
    return run(Plan.of(backends=[backend], dtypes=["float64"], rounds=0))


def test_the_engine_is_right_everywhere():
    cells = results("engine").cells
    assert [] == results("engine").failures()
    assert {Outcome.EXACT, Outcome.CONVENTION, Outcome.UNDEFINED} == {cell.outcome for cell in cells}


def test_the_engine_is_within_four_ulps_of_the_truth_times_the_condition_number():
    measured = [cell for cell in results("engine").cells if cell.outcome is Outcome.EXACT and cell.truth]
    worst = max(cell.ulps / cell.condition for cell in measured if math.isfinite(cell.ulps / cell.condition))
    assert worst <= 4


@pytest.mark.skipif(not available_backends()["torch"].installed, reason="torch is not installed")
def test_torch_fails_at_delicate_points_alone():
    failures = results("torch").failures()
    assert {"delicate"} == {cell.suite for cell in failures}


def test_hand_written_rules_are_right_where_there_are_any():
    assert [] == results("handwritten").failures()


def test_the_complex_step_fails_at_delicate_points_alone():
    assert {"delicate"} == {cell.suite for cell in results("complex-step").failures()}


def test_no_cell_is_blank_and_every_skipped_one_says_why():
    cells = [cell for backend in ("engine", "complex-step", "handwritten") for cell in results(backend).cells]
    assert [] == [cell for cell in cells if not cell.reason and cell.outcome is not Outcome.EXACT]
    assert [] == [
        cell for cell in cells if cell.outcome.ran and cell.got == "" and "refused" not in cell.reason
    ]


def test_balls_certify_nine_problems_of_ten_to_thirty_digits():
    judged = [cell for cell in results("engine").cells if cell.truth]
    kinds = {(cell.suite, cell.problem): cell.truth for cell in judged}
    assert {"ball", "closed form"} == set(kinds.values())
    assert sum(kind == "ball" for kind in kinds.values()) >= 0.9 * len(kinds)
    assert min(cell.truth_digits for cell in judged) >= 30


def test_exactly_five_printed_numbers_are_wrong_and_one_has_no_derivative():
    checks = results("engine").published
    assert PRINTED_WRONG == {(c.source, c.printed) for c in checks if c.status == "disagrees"}
    assert 5 == sum(c.status == "disagrees" for c in checks)
    assert ["F-5"] == [c.source for c in checks if c.status == "undefined"]
    assert len(checks) > 40


def test_entropy_on_the_simplex_face_is_a_recognised_answer_with_its_limits():
    cells = {
        c.operator: c
        for c in results("engine").cells
        if (c.problem, c.point) == ("entropy_in_nats", "certain coin")
    }
    assert Outcome.EXACT == cells["value"].outcome
    assert Outcome.UNDEFINED == cells["gradient"].outcome
    assert "at p[1]: undefined (left none, right +inf); answered inf" == cells["gradient"].reason


def test_every_problem_has_a_formula_and_a_source_to_be_read():
    subjects = {(subject.suite, subject.problem): subject for subject in results("engine").subjects}
    assert {(cell.suite, cell.problem) for cell in results("engine").cells} == set(subjects)
    assert [] == [where for where, subject in subjects.items() if not (subject.formula and subject.title)]
    assert [] == [where for where, subject in subjects.items() if not subject.code.startswith("def ")]


def test_every_point_is_studied_and_nine_scalar_functions_of_ten_are_drawn():
    studies = {(study.suite, study.problem, study.point): study for study in results("engine").studies}
    asked = [cell for cell in results("engine").cells if not cell.size]
    assert {(cell.suite, cell.problem, cell.point) for cell in asked} == set(studies)
    for part, inputs in (("curve", 1), ("surface", 2)):
        where = {
            (c.suite, c.problem, c.point) for c in asked if c.operator == "gradient" and c.inputs == inputs
        }
        drawn = [one for one in where if getattr(studies[one], part)]
        assert len(drawn) > 50
        assert len(drawn) > 0.9 * len(where)
