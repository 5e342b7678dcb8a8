"""SymPy: formulas differentiated once and written out as NumPy code, and what no formula can answer."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gradcheck import Outcome, Plan, Suite, available_backends, problem, run
from gradcheck.backends.engine import EngineDifferentiator
from gradcheck.errors import Unsupported

from .asking import assert_close, assert_right_on_numbers

pytest.importorskip("sympy")

BACKEND = available_backends()["sympy"]
ENGINE = EngineDifferentiator()
OPERATORS = ("value", "gradient", "hessian", "jvp", "vjp", "hvp")


@pytest.fixture(scope="module")
def sympy():
    return BACKEND.load("cpu")


def at(value):
    return [np.array(float(value))]


@pytest.mark.parametrize("operator", OPERATORS)
@pytest.mark.parametrize("prepared", [True, False])
def test_every_operator_on_numbers_is_right(sympy, operator, prepared):
    assert_right_on_numbers(sympy, operator, ready=prepared)


@settings(max_examples=10)
@given(st.integers(-20, 20), st.integers(-20, 20), st.integers(-20, 20), st.integers(-20, 20))
@pytest.mark.parametrize("operator", OPERATORS)
def test_what_was_prepared_is_right_at_other_inputs(operator, x, y, v, u):
    def f(x, y):
        return (x * y - 3) ** 3 + x**2

    xs, along = [*at(x), *at(y)], [*at(v), *at(u)]
    extra = {"jvp": [along], "hvp": [along], "vjp": at(v)}.get(operator, [])
    somewhere = {"jvp": [at(1) * 2], "hvp": [at(1) * 2], "vjp": at(1)}.get(operator, [])
    call = BACKEND.load("cpu").prepare(operator, f, at(1) * 2, *somewhere)
    assert_close(call(xs, *extra), getattr(ENGINE, operator)(f, xs, *extra), rtol=0, atol=0)


def test_function_runs_once_however_often_what_was_prepared_is_called(sympy):
    runs = []

    def f(x):
        runs.append(x)
        return x**2

    call = sympy.prepare("gradient", f, at(1))
    assert [float(call(at(k))[0]) for k in (1, 2, 3)] == [2, 4, 6]
    assert len(runs) == 1


FUNCTIONS = {
    "abs": lambda xp, x: xp.abs(x - 0.5) * x,
    "acos": lambda xp, x: xp.acos(x),
    "acosh": lambda xp, x: xp.acosh(x + 1),
    "asin": lambda xp, x: xp.asin(x),
    "asinh": lambda xp, x: xp.asinh(x),
    "atan": lambda xp, x: xp.atan(x),
    "atanh": lambda xp, x: xp.atanh(x),
    "atan2": lambda xp, x: xp.atan2(x, 2 * x**2),
    "cosh": lambda xp, x: xp.cosh(x),
    "exp": lambda xp, x: xp.exp(x),
    "expm1": lambda xp, x: xp.expm1(x),
    "hypot": lambda xp, x: xp.hypot(x, x**2),
    "log": lambda xp, x: xp.log(x),
    "log10": lambda xp, x: xp.log10(x),
    "log1p": lambda xp, x: xp.log1p(x),
    "log2": lambda xp, x: xp.log2(x),
    "logaddexp": lambda xp, x: xp.logaddexp(3 * x, 1.0),
    "maximum": lambda xp, x: xp.maximum(x, 0.125) + xp.maximum(x**2, 0.5),
    "minimum": lambda xp, x: xp.minimum(x, 0.125) + xp.minimum(x**2, 0.5),
    "powers": lambda xp, x: 2.0**x + x**2.5 + x**x,
    "reciprocal": lambda xp, x: xp.reciprocal(x),
    "sign": lambda xp, x: xp.sign(x) * x**2,
    "sinc": lambda xp, x: xp.sinc(x),
    "sinh": lambda xp, x: xp.sinh(x),
    "sqrt": lambda xp, x: xp.sqrt(x),
    "square": lambda xp, x: xp.square(x),
    "tan": lambda xp, x: xp.tan(x),
    "tanh": lambda xp, x: xp.tanh(x),
    "xlogy": lambda xp, x: xp.xlogy(x - 0.5, x),
    "where": lambda xp, x: xp.where((x > 0.125) & (x != 0.5), x**2, 1 / x),
    "clip": lambda xp, x: xp.clip(x, 0.125, 0.75) ** 2,
    "arrays on the way": lambda xp, x: xp.mean((np.arange(4.0) * x - xp.stack([x, x**2, x, x])) ** 2),
    "greatest of several": lambda xp, x: xp.max(xp.stack([x, x**2, xp.exp(x)])),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_namespace_has_functions_with_first_and_second_derivatives(sympy, name):
    f = FUNCTIONS[name]
    for operator in ("value", "gradient", "hessian"):
        answer = getattr(sympy, operator)(lambda x: f(sympy.xp, x), at(0.375))
        assert_close(answer, getattr(ENGINE, operator)(lambda x: f(ENGINE.xp, x), at(0.375)))


W = np.array([[0.5, -1.0, 2.0], [1.5, 0.25, -0.5]])
X = np.array([1.0, -2.0, 0.5])


@pytest.mark.parametrize("operator", ["value", "jacobian", "jvp", "vjp"])
def test_small_arrays_are_differentiated_too(sympy, operator):
    along = [W + 1, X - 1]
    extra = {"jvp": [along], "vjp": [np.array([2.0, -0.5])]}.get(operator, [])

    def f(w, x):
        return (w @ x) ** 3

    assert_close(getattr(sympy, operator)(f, [W, X], *extra), getattr(ENGINE, operator)(f, [W, X], *extra))


def test_greatest_entry_of_an_array_has_its_slope(sympy):
    call = sympy.prepare("gradient", sympy.xp.max, [X])
    assert [[1, 0, 0], [0, 1, 0]] == [list(call([X])[0]), list(call([-X])[0])]


def test_arrays_without_entries_are_arrays(sympy):
    nothing = np.empty((0, 3))
    assert sympy.jacobian(lambda x: x[:, :2], [nothing])[0].shape == (0, 2, 0, 3)
    assert sympy.value(lambda x: sympy.xp.sum(x), [nothing]) == 0


def test_constants_are_exact_so_that_regrouping_keeps_the_function(sympy):
    def f(x):
        return x + 0.1 + 0.2 - 0.3

    exact = math.fsum([0.1, 0.2, -0.3])  # 2^-55; added up in floats it is 2^-54
    assert exact == sympy.value(f, at(0.0))


@pytest.mark.parametrize("constant", [1e20, 1e300])
def test_constants_too_large_for_machine_integers_are_numbers(sympy, constant):
    call = sympy.prepare("value", lambda x: sympy.xp.where(x > 0, constant, x), at(1.0))
    assert [constant, -2.0] == [float(call(at(1.0))), float(call(at(-2.0)))]
    assert np.isinf(sympy.value(lambda x: x * constant * constant, at(1e300)))


TIES = {
    "maximum": (lambda xp, x, y: xp.maximum(x, y), [0.5, 0.5]),
    "minimum": (lambda xp, x, y: xp.minimum(x, y), [0.5, 0.5]),
    "maximum and minimum": (lambda xp, x, y: xp.maximum(x, y) + xp.minimum(x, y), [1.0, 1.0]),
    "greatest of four": (lambda xp, x, y: xp.max(xp.stack([x, y, x, x - 1])), [0.75, 0.25]),
    "upper edge of clip": (lambda xp, x, y: xp.clip(x, -1.0, 1.0) + 0 * y, [0.5, 0.0]),
    "lower edge of clip": (lambda xp, x, y: xp.clip(-x, -1.0, 1.0) + 0 * y, [-0.5, 0.0]),
}


@pytest.mark.parametrize("name", TIES)
def test_equal_numbers_share_the_slope(sympy, name):
    f, slopes = TIES[name]
    assert_close(sympy.gradient(lambda x, y: f(sympy.xp, x, y), at(1.0) * 2), slopes)
    assert_close(sympy.hessian(lambda x, y: f(sympy.xp, x, y), at(1.0) * 2), [[0.0, 0.0]] * 2)


def test_slope_at_a_kink_is_between_its_limits(sympy):
    assert_close(sympy.gradient(sympy.xp.abs, at(0.0)), [0.0])
    assert_close(sympy.hessian(sympy.xp.abs, at(0.0)), [[0.0]])


def test_greatest_of_many_stays_a_formula_of_reasonable_size(sympy):
    x = np.arange(32.0)
    assert_close(sympy.gradient(sympy.xp.max, [x]), [np.eye(32)[31]])


def test_bound_that_holds_hides_what_it_bounds(sympy):
    def f(x):
        return sympy.xp.sqrt(sympy.xp.maximum(x, 0.0)) + sympy.xp.minimum(sympy.xp.exp(-1000 * x), 1.0)

    assert_close(sympy.gradient(f, at(-1.0)), [0.0])


def test_hypotenuse_of_numbers_whose_squares_underflow(sympy):
    xs = [*at(3e-200), *at(4e-200)]
    assert_close(sympy.value(sympy.xp.hypot, xs), 5e-200, rtol=1e-15)
    assert_close(sympy.gradient(sympy.xp.hypot, xs), [0.6, 0.8])


def test_x_log_y_knows_that_a_positive_formula_may_underflow(sympy):
    def f(x):
        return sympy.xp.xlogy(sympy.xp.exp(x), sympy.xp.exp(x))

    for operator, expected in (("value", 0.0), ("gradient", [0.0]), ("hessian", [[0.0]])):
        assert_close(getattr(sympy, operator)(f, at(-800.0)), expected)


def test_x_log_y_at_zero_is_zero_with_the_slopes_of_its_limits(sympy):
    xs = [*at(0.0), *at(0.5)]
    assert sympy.value(sympy.xp.xlogy, xs) == 0
    assert_close(sympy.gradient(sympy.xp.xlogy, xs), [np.log(0.5), 0.0])
    assert sympy.value(sympy.xp.xlogy, at(0.0) * 2) == 0


def test_branch_that_was_not_chosen_is_not_computed(sympy):
    def f(x):
        return sympy.xp.where(x > 0, sympy.xp.sqrt(x), 0.0)

    assert_close(sympy.gradient(f, at(-1.0)), [0.0])


def test_poles_and_overflow_are_shown_without_a_warning(sympy):
    assert sympy.value(lambda x: 1 / x, at(0.0)) == np.inf
    assert sympy.value(sympy.xp.exp, at(1000.0)) == np.inf
    assert np.isnan(sympy.value(lambda x: sympy.xp.sqrt(-x), at(1.0)))
    assert np.isnan(sympy.value(lambda x: x + 1 / (x - x), at(1.0)))
    assert sympy.value(lambda x: x * np.inf, at(2.0)) == np.inf


REFUSED = {
    "if": ("value", lambda xp, x: x if x > 0 else -x, "a branch"),
    "maximum of Python": ("value", lambda xp, x: max(x, 0.0), "a branch"),
    "function of floats": ("value", lambda xp, x: math.sin(x), "a function of floats"),
    "no such function": ("value", lambda xp, x: xp.floor(x), "has no floor of symbols"),
    "system": ("value", lambda xp, x: xp.linalg.solve(xp.reshape(x, (1, 1)), np.ones(1)), "has no solve"),
    "inverse": ("value", lambda xp, x: xp.linalg.inv(xp.reshape(x, (1, 1))), "has no inv"),
    "impulse": ("hessian", lambda xp, x: xp.sqrt(x**2), "its formula has DiracDelta"),
    "complex number": ("gradient", lambda xp, x: (-1.0) ** x, "its formula has I"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_no_formula_answers_is_unsupported_in_words(sympy, name):
    operator, f, words = REFUSED[name]
    with pytest.raises(Unsupported, match=words):
        sympy.prepare(operator, lambda x: f(sympy.xp, x), at(0.5))


def chaos(times):
    def f(x):
        for _ in range(times):
            x = 4 * x * (1 - x)
        return x

    return f


def test_formula_that_grows_beyond_reason_is_refused_at_once(sympy):
    slope, x = 1.0, 0.25 - 2**-5
    for _ in range(3):
        slope, x = slope * (4 - 8 * x), 4 * x * (1 - x)
    assert_close(sympy.gradient(chaos(3), at(0.25 - 2**-5)), [slope], rtol=0, atol=0)  # exact in doubles
    with pytest.raises(Unsupported, match="as trees, here of 5368709118 parts"):
        sympy.prepare("gradient", chaos(30), at(0.25))


def test_formula_nested_deeper_than_the_stack_is_refused(sympy):
    def f(x):
        for _ in range(3000):
            x = sympy.xp.sin(x)
        return x

    with pytest.raises(Unsupported, match="nested too deep"):
        sympy.prepare("gradient", f, at(0.5))


@problem(x=0.75, y=-0.5)
def surface(xp, x, y):
    """exp(x y) + sin x"""
    return xp.exp(x * y) + xp.sin(x)


@problem(a=0.75, x=[0.0, 1.0, 2.0, 4.0], y=[0.25, 0.5, 1.5, 2.0], wrt="a")
def line(xp, a, x, y):
    """mean (a x - y)^2 in a"""
    return xp.mean((a * x - y) ** 2)


@problem(x=2.0)
def constant(xp, x):
    """1, whatever x is"""
    return 0 * x + 1


@pytest.mark.parametrize("of", [surface, line, constant], ids=lambda value: value.name)
def test_in_a_run_every_cell_is_exact(of):
    suite = Suite(name="suite", title="", problems={of.name: of}, source="test")
    cells = run(Plan(suites=[suite], backends=[BACKEND], dtypes=("float64",), rounds=0)).cells
    assert len(cells) == 6
    assert {Outcome.EXACT} == {cell.outcome for cell in cells}, [cell.reason for cell in cells]


def test_single_precision_is_not_offered():
    assert BACKEND.dtypes == ("float64",)


def test_missing_package_is_named_with_what_installs_it():
    told = "backend sympy needs sympy, which is not installed; run: pip install 'gradcheck[sympy]'."
    assert told == str(BACKEND.missing())
