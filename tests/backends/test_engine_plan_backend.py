"""The engine with plans: traced once, in ``prepare``, and as right as the engine at other inputs."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gradcheck import Outcome, Plan, available_backends, run
from gradcheck.errors import NoRule, Unsupported
from gradcheck.operators import OPERATORS
from gradcheck.problems import Bound, Problem

from .asking import prepared

BACKENDS = available_backends()
NAMES = ("engine", "engine-plan")
DTYPES = BACKENDS["engine-plan"].dtypes

X, S = np.array([1.0, -2.0, 3.0]), np.array(2.0)
ALONG = [np.array([1.0, 0.5, -1.0]), np.array(-2.0)]
WEIGHTS = np.array([1.0, 3.0, -0.5])

# The answers for s sum x^2, and for s x^2, at X and S; every number is exact in eleven bits.
OF_SCALAR = {
    "value": np.array(28.0),
    "gradient": [np.array([4.0, -8.0, 12.0]), np.array(14.0)],
    "vjp": [np.array([16.0, -32.0, 48.0]), np.array(56.0)],
    "jvp": np.array(-40.0),
    "hvp": [np.array([0.0, 10.0, -16.0]), np.array(-6.0)],
    "hessian": [
        [4.0 * np.eye(3), np.array([2.0, -4.0, 6.0])],
        [np.array([2.0, -4.0, 6.0]), np.array(0.0)],
    ],
}
OF_ARRAY = {
    "value": np.array([2.0, 8.0, 18.0]),
    "vjp": [np.array([4.0, -24.0, -6.0]), np.array(8.5)],
    "jvp": np.array([2.0, -12.0, -30.0]),
    "jacobian": [np.diag([4.0, -8.0, 12.0]), np.array([1.0, 4.0, 9.0])],
}
ASKED = [
    *((operator, True, answer) for operator, answer in OF_SCALAR.items()),
    *((operator, False, answer) for operator, answer in OF_ARRAY.items()),
]


def leaves(answer):
    nested = isinstance(answer, (list, tuple))
    return [leaf for part in answer for leaf in leaves(part)] if nested else [np.asarray(answer)]


def arrays(*values, dtype="float64"):
    return [np.asarray(value, dtype) for value in values]


def extra(operator, scalar, dtype="float64"):
    if operator in ("jvp", "hvp"):
        return [arrays(*ALONG, dtype=dtype)]
    return arrays(4.0 if scalar else WEIGHTS, dtype=dtype) if operator == "vjp" else []


def function(differentiator, scalar, runs=None):
    xp = differentiator.xp

    def f(x, s):
        if runs is not None:
            runs.append(1)
        return s * xp.sum(x**2) if scalar else s * x**2

    return f


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("operator", "scalar", "expected"), ASKED)
def test_every_operator_is_right_in_every_dtype_and_keeps_it(name, operator, scalar, expected, dtype):
    differentiator = BACKENDS[name].load("cpu")
    xs, given_too = arrays(X, S, dtype=dtype), extra(operator, scalar, dtype)
    call = prepared(differentiator, operator, function(differentiator, scalar), xs, *given_too)
    answer = leaves(call(xs, *given_too))
    assert {np.dtype(dtype)} == {leaf.dtype for leaf in answer}
    for one, other in zip(answer, leaves(expected), strict=True):
        np.testing.assert_array_equal(one.astype(np.float64), other, strict=True)


@settings(max_examples=20)
@given(st.lists(st.floats(-1e3, 1e3), min_size=3, max_size=3), st.floats(-1e3, 1e3))
@pytest.mark.parametrize("operator", OPERATORS)
def test_a_plan_is_made_in_prepare_and_serves_any_inputs(operator, entries, s):
    scalar, runs = operator != "jacobian", []
    planned, engine = (BACKENDS[name].load("cpu") for name in ("engine-plan", "engine"))
    given_too = extra(operator, scalar)
    call = prepared(planned, operator, function(planned, scalar, runs), arrays(X, S), *given_too)
    traced = len(runs)
    assert traced > 0
    xs = arrays(entries, s)
    answer = leaves(call(xs, *given_too))
    assert traced == len(runs), "the function itself is not run again"
    by_engine = leaves(getattr(engine, operator)(function(engine, scalar), xs, *given_too))
    scale = max(1.0, np.max(np.abs(xs[0])) ** 2) * max(1.0, abs(s))  # sums of three terms may cancel
    for one, other in zip(answer, by_engine, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-14, atol=1e-14 * scale, strict=True)


@pytest.mark.parametrize("operator", OPERATORS)
def test_answers_share_no_memory_with_the_next_ones(operator):
    differentiator = BACKENDS["engine-plan"].load("cpu")
    scalar = operator != "jacobian"
    given_too = extra(operator, scalar)
    call = prepared(differentiator, operator, function(differentiator, scalar), arrays(X, S), *given_too)
    first = call(arrays(X, S), *given_too)
    kept = [leaf.copy() for leaf in leaves(first)]
    call(arrays(X + 1, S + 1), *given_too)
    for one, other in zip(leaves(first), kept, strict=True):
        np.testing.assert_array_equal(one, other)


def test_constants_of_a_plan_are_data_and_whole_numbers_are_not():
    differentiator = BACKENDS["engine-plan"].load("cpu")
    x, weights, at = np.array([3.0, 4.0]), np.array([1.0, 2.0]), np.array(2)
    inputs = {"x": x, "w": weights, "n": at}
    of = Problem(
        name="f", fn=lambda xp, x, w, n: xp.sum(x**n * w), inputs=("x", "w", "n"), points=(), wrt=("x",)
    )
    f = Bound(problem=of, xp=differentiator.xp, inputs=inputs)
    call = differentiator.prepare("gradient", f, [x])
    weights *= 5
    np.testing.assert_array_equal([30.0, 80.0], call([x])[0])


def test_a_step_that_depends_on_the_data_has_no_plan_and_says_so():
    differentiator = BACKENDS["engine-plan"].load("cpu")
    with pytest.raises(Unsupported, match=r"^no plan: engine\.compile cannot branch on the data"):
        prepared(differentiator, "gradient", lambda x: x if x > 0 else -x, arrays(2.0))


def test_a_missing_rule_is_said_as_the_engine_says_it():
    differentiator = BACKENDS["engine-plan"].load("cpu")
    with pytest.raises(NoRule, match="no derivative rule"):
        prepared(differentiator, "gradient", lambda x: differentiator.xp.bessel(x), arrays(2.0))


def test_plans_are_right_wherever_the_engine_is_in_a_suite():
    results = run(Plan.of("limits_and_taylor", backends=NAMES, dtypes=["float64", "float32"], rounds=0))
    outcomes = {
        name: {
            (cell.problem, cell.point, cell.dtype, cell.operator): cell.outcome
            for cell in results.cells
            if cell.backend == name
        }
        for name in NAMES
    }
    assert outcomes["engine"] == outcomes["engine-plan"]
    assert Outcome.EXACT in outcomes["engine-plan"].values()
