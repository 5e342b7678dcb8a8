"""What leaving a dtype's range may change: seen where it happens, and nowhere else."""

import math

import numpy as np
import pytest

from gradcheck import problem
from gradcheck.truth import Certifier

INF = math.inf


def beyond(function, x, dtype="float16", operator="gradient"):
    """What leaving the range may change in every entry of an answer at a point."""
    (instance,) = problem(x=x, name="example")(function).instances()
    layout = instance.layout
    seeds = {"tangent": [np.ones(shape) for shape in layout.inputs], "cotangent": [np.ones(layout.output)]}
    return [entry.beyond for entry in Certifier(instance, dtype).truth(operator, seeds).entries]


def sigmoid(xp, x):
    return 1 / (1 + xp.exp(-x))


@pytest.mark.parametrize("operator", ["value", "gradient", "jvp", "vjp", "hessian", "hvp"])
def test_nothing_changes_where_all_numbers_are_in_range(operator):
    for dtype in ("float64", "float32", "float16", "bfloat16"):
        assert beyond(sigmoid, 1.0, dtype, operator) == [0.0]


@pytest.mark.parametrize("operator", ["value", "gradient", "jvp", "vjp", "hessian", "hvp"])
@pytest.mark.parametrize(("dtype", "x"), [("float16", -12.0), ("bfloat16", -90.0), ("float32", -90.0)])
def test_overflow_on_the_way_may_change_everything(operator, dtype, x):
    assert beyond(sigmoid, x, dtype, operator) == [INF]


@pytest.mark.parametrize("dtype", ["float64", "float32", "float16", "bfloat16"])
def test_overflow_in_float64_as_well_excuses_nothing(dtype):
    # a rule that answers 0, as is right, is possible there: the point is delicate, whatever the dtype
    assert beyond(sigmoid, -800.0, dtype) == [0.0]
    assert beyond(lambda xp, x: xp.exp(x) / (1 + xp.exp(x)), 800.0, dtype) == [0.0]


def test_overflow_of_a_neighbour_changes_nothing_here():
    assert beyond(lambda xp, x: xp.sum(xp.exp(x) * np.array([1.0, 1e-3])), [1.0, 12.0]) == [0.0, INF]


def test_overflow_reaches_through_a_bounded_function():
    assert beyond(lambda xp, x: xp.sin(xp.exp(x)), 12.0, operator="value") == [INF]


def test_overflow_in_the_branch_not_taken_changes_nothing():
    assert beyond(lambda xp, x: xp.where(x < 5, xp.exp(2 * x), 1 + 2 * x), 7.0) == [0.0]


def test_overflow_that_decides_a_branch_of_the_language_may_change_everything():
    assert beyond(lambda xp, x: x if xp.exp(x) > 5 else 2 * x, 12.0) == [INF]
    assert beyond(lambda xp, x: x if xp.exp(x) > 5 else 2 * x, 3.0) == [0.0]


def test_slope_that_overflows_is_seen():
    # 1 / x^2 is 111 111, though value and slope, -11.6 and 667, are none of them large
    assert beyond(lambda xp, x: xp.log(x * x), 0.003, "float16") == [INF]
    assert beyond(lambda xp, x: xp.log(x * x), 0.003, "float32") == [0.0]


def test_adjoint_that_overflows_is_seen_where_no_tangent_does():
    assert beyond(lambda xp, x: 300 * (300 * (0.01 * (0.01 * x))), 1.0) == [INF]
    assert beyond(lambda xp, x: 200 * (300 * (0.01 * (0.01 * x))), 1.0) == [0.0]


def test_tangent_that_overflows_is_seen_where_no_adjoint_does():
    assert beyond(lambda xp, x: 0.01 * (0.01 * (300 * (300 * x))), 2.0**-12) == [INF]
    assert beyond(lambda xp, x: 0.01 * (0.01 * (300 * (200 * x))), 2.0**-12) == [0.0]


def test_adjoint_of_a_tangent_that_overflows_is_seen_in_the_hessian_alone():
    assert beyond(lambda xp, x: xp.sin(300 * x), 0.75, operator="gradient") == [0.0]
    assert beyond(lambda xp, x: xp.sin(300 * x), 0.75, operator="hessian") == [INF]


def test_sum_that_overflows_is_seen_though_its_terms_do_not():
    assert beyond(lambda xp, x: 4e4 * x + 4e4 * x, 2.0**-12) == [INF]
    assert beyond(lambda xp, x: 3e4 * x + 3e4 * x, 2.0**-12) == [0.0]


def test_number_below_the_smallest_is_off_by_half_a_step():
    (far,) = beyond(lambda xp, x: x * x, 0.001, operator="value")
    assert far == pytest.approx(2.0**-25)


def test_number_that_hardware_flushes_is_off_by_all_of_itself():
    (far,) = beyond(lambda xp, x: x * x, 2.0**-65, "float32", operator="value")
    assert far == pytest.approx(2.0**-126)


def test_loss_near_zero_is_carried_to_the_answer():
    # the root of 1e-6 +- 3e-8 is 1e-3 +- 1.5e-5; its slope, x / root, is off by as much relative to 1
    (far,) = beyond(lambda xp, x: xp.sqrt(x * x), 0.001)
    assert 0.01 < far < 0.05


def test_loss_near_zero_dies_away_where_it_is_added_to_something_large():
    (far,) = beyond(lambda xp, x: 1 + x * x, 0.001, operator="value")
    assert far <= 2.0**-24


def test_singularity_is_no_matter_of_range():
    # the slope of the root at 0 is infinite with numbers of any size; the square of 0.001 is out of range
    singular, small = beyond(lambda xp, x: xp.sum(xp.sqrt(x * x) ** 2), [0.0, 0.001])
    assert singular == 0
    assert small > 0


def test_input_that_the_dtype_cannot_hold_excuses_every_answer():
    assert beyond(lambda xp, x: x + 1, 1e5) == [INF]
    assert beyond(lambda xp, x: x + 1, 1e-9) == [INF]
    assert beyond(lambda xp, x: x + 1, 1e5, "bfloat16") == [0.0]


def test_constant_that_overflows_is_seen():
    (instance,) = problem(x=2.0, s=200.0, wrt="x", name="example")(lambda xp, x, s: x / (s**3)).instances()
    truth = Certifier(instance, "float16").truth("gradient", instance.seeds)
    assert [INF] == [entry.beyond for entry in truth.entries]


def test_larger_change_of_both_triangles_counts_in_the_hessian():
    # along the first input the slope of exp(x[1]) = 98716 is multiplied by 0: no number any more
    found = beyond(lambda xp, x: x[0] ** 2 + xp.exp(x[1]), [2.0, 11.5], operator="hessian")
    assert [0.0, INF, INF, INF] == found


def test_products_add_up_the_changes_of_their_terms():
    def pair(xp, x):
        return xp.stack([xp.sin(x[0]), xp.exp(x[1])])

    assert beyond(pair, [1.0, 12.0], operator="jacobian") == [0, 0, 0, INF]
    assert beyond(pair, [1.0, 12.0], operator="vjp") == [0, INF]
    assert beyond(pair, [1.0, 12.0], operator="jvp") == [0, INF]
