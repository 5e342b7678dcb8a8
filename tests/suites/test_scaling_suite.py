"""The problems that are timed over sizes: declared well, right at any size, and left out unless named."""

import re

import numpy as np
import pytest
from gradcheck_suites import scaling

from gradcheck import Outcome, Point, Problem, draws, problem
from gradcheck.backends.engine import EngineDifferentiator
from gradcheck.catalogue import find_suites, installed_suites
from gradcheck.errors import BadArgument
from gradcheck.extended import Extended, positions
from gradcheck.judge.accuracy import judge
from gradcheck.namespaces import numpy_xp
from gradcheck.problems import sized
from gradcheck.truth import Certifier

PROBLEMS = [value for value in vars(scaling).values() if isinstance(value, Problem)]
LARGEST = 10_000_000


def name(case):
    return case.name if isinstance(case, Problem) else f"{case.problem.name}-{case.point.label}"


def instances(*, smallest=False, small=False):
    """Every problem's points that are judged by balls, or its smallest sized one."""
    for declared in PROBLEMS:
        timed = [case for case in declared.instances() if case.point.size]
        if small:
            yield from (case for case in declared.instances() if not case.point.size)
        if smallest:
            yield timed[0]


def answers(case, dtype):
    """Value and gradient from the engine, flat."""
    engine = EngineDifferentiator()
    arrays = case.cast(dtype)
    f, xs = case.bind(engine.xp, arrays), [arrays[name] for name in case.problem.wrt]
    gradient = np.concatenate([np.ravel(part) for part in engine.gradient(f, xs)])
    return {"value": np.ravel(engine.value(f, xs)), "gradient": gradient}


def bytes_at(case):
    """Bytes of the drawn inputs, without drawing them."""
    given = case.point.inputs.values()
    return sum(8 * int(np.prod(x.shape if isinstance(x, draws.Draw) else np.shape(x))) for x in given)


# Sized points.


def test_sized_points_are_labelled_by_their_size_and_drawn_when_used():
    points = sized((3, 1000), lambda n: {"u": draws.uniform(0, 1, n)})
    assert [(point.size, point.label) for point in points] == [(3, "n=3"), (1000, "n=1000")]
    assert all(isinstance(point.inputs["u"], draws.Draw) for point in points)
    assert points[0].inputs["u"].shape == (3,)


def test_size_stays_with_a_point_whose_label_is_taken():
    declared = problem(*sized((5, 5), lambda n: {"x": 1.0 * n}), name="example")(lambda xp, x: x)
    assert [(point.label, point.size) for point in declared.points] == [("n=5", 5), ("n=5 #2", 5)]


def test_point_has_no_size_unless_it_says_so():
    assert Point(x=1.0).size == 0
    assert Point(x=1.0, size=7).label == "n=7"
    assert Point(x=1.0, size=7, label="seven").label == "seven"


@pytest.mark.parametrize("size", [-1, 2.5, "7"])
def test_size_that_is_none_is_refused(size):
    with pytest.raises(BadArgument, match=re.escape(f"got {size!r}")):
        Point(x=1.0, size=size)
    with pytest.raises(BadArgument, match=r"^sizes: expected positive whole numbers"):
        sized((size,), lambda n: {"x": 1.0})


def test_size_of_nothing_is_refused():
    with pytest.raises(BadArgument, match=r"^sizes: expected positive whole numbers, got 0"):
        sized((0,), lambda n: {"x": 1.0})


# The suite.


def test_suite_runs_where_it_is_named_and_nowhere_else():
    assert installed_suites()["scaling"].on_request == "timing takes minutes"
    assert "scaling" not in [suite.name for suite in find_suites()]
    assert [suite.name for suite in find_suites(("scaling",))] == ["scaling"]


def test_the_experiments_of_the_course_are_there_in_every_form():
    names = {declared.name for declared in PROBLEMS}
    assert {"dot_by_sum", "dot_by_matmul", "dot_by_loop", "percentages", "percentages_by_loop"} <= names
    assert scaling.dot_by_sum.points[-1].size == 100_000_000
    np.testing.assert_allclose(
        np.sum(scaling.percentages.points[0].inputs["T"], axis=0), [59.0, 239.0, 155.4, 76.9], rtol=1e-12
    )


@pytest.mark.parametrize("declared", PROBLEMS, ids=name)
def test_problem_says_why_has_a_closed_form_and_enough_sizes_to_find_a_slope(declared):
    assert declared.formula
    assert len(declared.why.split()) >= 5
    assert declared.jac is not None
    sizes = [point.size for point in declared.points if point.size]
    assert len([size for size in sizes if size <= LARGEST]) >= 5
    assert sizes == sorted(set(sizes))
    assert sizes[-1] >= 100 * sizes[0]
    assert any(not point.size for point in declared.points)


@pytest.mark.parametrize("declared", PROBLEMS, ids=name)
def test_inputs_leave_room_for_copies_within_a_gigabyte(declared):
    for case in declared.instances():
        if case.point.size <= LARGEST:
            assert bytes_at(case) <= 190e6


@pytest.mark.parametrize("case", list(instances(small=True)), ids=name)
def test_small_points_are_scalar_and_their_closed_form_is_what_balls_certify(case):
    assert case.layout.output == ()
    truth = Certifier(case, "float64").truth("gradient", case.seeds)
    parts = case.problem.jac(numpy_xp, *case.arrays.values())
    flat = np.concatenate([np.ravel(part) for part in (parts if isinstance(parts, tuple) else (parts,))])
    assert truth.kind == "ball"
    verdict = judge(flat, None, truth, "gradient", case.layout, "float64")
    assert verdict.outcome is Outcome.EXACT


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("case", list(instances(small=True, smallest=True)), ids=name)
def test_engine_is_exact_by_balls_and_by_the_closed_form(case, dtype):
    for operator, flat in answers(case, dtype).items():
        truth = (Extended if case.point.size else Certifier)(case, dtype).truth(operator, case.seeds)
        at = positions(flat.size)
        assert judge(flat[at], None, truth, operator, case.layout, dtype).outcome is Outcome.EXACT


@pytest.mark.parametrize(
    ("one", "other", "inputs"),
    [
        (scaling.dot_by_sum, scaling.dot_by_loop, {"u": (50,), "v": (50,)}),
        (scaling.dot_by_sum, scaling.dot_by_matmul, {"u": (50,), "v": (50,)}),
        (scaling.percentages, scaling.percentages_by_loop, {"T": (3, 20)}),
    ],
    ids=["loop", "library", "columns"],
)
def test_forms_of_one_function_agree(one, other, inputs):
    generator = np.random.default_rng(5)
    arrays = [generator.uniform(1, 2, shape) for shape in inputs.values()]
    np.testing.assert_allclose(one(numpy_xp, *arrays), other(numpy_xp, *arrays), rtol=1e-14)


@pytest.mark.parametrize("declared", PROBLEMS, ids=name)
def test_size_counts_what_its_inputs_are_made_of(declared):
    """Vectors of n, tables of 3 x n, matrices of n x n, and models of n parameters."""
    case = next(case for case in declared.instances() if case.point.size)
    entries = sum(int(np.prod(shape)) for shape in case.wrt_shapes)
    n = case.point.size
    multiples = {"T": 3 * n, "A": n * n, "u": 2 * n}
    assert entries == multiples.get(declared.wrt[0], n)
