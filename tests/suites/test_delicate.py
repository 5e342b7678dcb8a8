"""Delicate points: every case says its mistake, the engine makes none of them, and others still do."""

from __future__ import annotations

import re
from functools import cache

import pytest

from gradcheck import Outcome, Plan, Results, available_backends, run
from gradcheck.catalogue import installed_suites
from gradcheck.results import Measurement

PROBLEMS = installed_suites()["delicate"].problems
REFERENCE = re.compile(r"(?:torch|jax|TF|autograd|[\w.-]+/[\w.-]+)#[1-9]\d*")
RIGHT = {Outcome.EXACT, Outcome.CONVENTION, Outcome.UNDEFINED}


@cache
def results(backend: str, dtype: str = "float64") -> Results:
    if not available_backends()[backend].installed:
        pytest.skip(f"{backend} is not installed")
    return run(Plan.of("delicate", backends=[backend], dtypes=[dtype], rounds=0))


def told(cells: list[Measurement]) -> list[str]:
    return [f"{c.problem} at {c.point}, {c.operator}: {c.outcome.value}, {c.reason}" for c in cells]


def failing(backend: str) -> set[str]:
    return {cell.problem for cell in results(backend).failures()}


def test_there_are_more_than_sixty_cases_each_with_its_mistake():
    assert len(PROBLEMS) > 60
    assert len({problem.why for problem in PROBLEMS.values()}) == len(PROBLEMS)
    assert all(problem.why and problem.formula for problem in PROBLEMS.values())


@pytest.mark.parametrize("problem", PROBLEMS.values(), ids=lambda problem: problem.name)
def test_threads_are_references_given_once(problem):
    threads = problem.thread.split(", ") if problem.thread else []
    assert [] == [thread for thread in threads if not REFERENCE.fullmatch(thread)]
    assert len(set(threads)) == len(threads)


def test_users_met_most_of_the_mistakes_in_public():
    assert sum(bool(problem.thread) for problem in PROBLEMS.values()) >= 0.8 * len(PROBLEMS)


def test_every_case_has_a_certified_truth_or_a_confirmed_closed_form():
    cells = results("engine").cells
    assert set(PROBLEMS) == {cell.problem for cell in cells}
    assert {"ball", "closed form"} == {cell.truth for cell in cells}
    assert min(cell.truth_digits for cell in cells) >= 30


@pytest.mark.parametrize("backend", ["engine", "engine-plan"])
def test_the_engine_makes_none_of_these_mistakes(backend):
    if backend not in available_backends():
        pytest.skip(f"there is no backend {backend}")
    assert [] == told([cell for cell in results(backend).cells if cell.outcome not in RIGHT])


def test_the_engine_makes_none_of_them_in_single_precision():
    cells = results("engine", "float32").cells
    outside = {cell.point for cell in cells if cell.outcome is Outcome.UNSUPPORTED}
    assert [] == told([cell for cell in cells if cell.outcome not in {*RIGHT, Outcome.UNSUPPORTED}])
    assert all("float64" in point or "-170" in point for point in outside)


@pytest.mark.parametrize(
    "problem",
    [
        "guarded_square_root",
        "determinant_of_a_singular_matrix",
        "determinant_of_a_diagonal_matrix",
        "sinc",
        "tanh_in_its_tail",
        "moments_of_equal_eigenvalues",
        "sum_of_pairwise_distances",
    ],
)
def test_torch_still_makes_mistakes_that_its_users_reported(problem):
    assert problem in failing("torch")


def test_what_torch_gets_wrong_is_wrong_by_more_than_nan():
    kinds = {cell.outcome for cell in results("torch").failures()}
    assert {Outcome.WRONG, Outcome.NAN, Outcome.LOST_TINY} <= kinds


def test_a_case_that_torch_has_mended_is_right_there():
    mended = {"product_with_zeros", "standard_deviation_of_equal_numbers", "greatest_and_least_of_two"}
    assert not mended & failing("torch")
