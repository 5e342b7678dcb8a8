"""CasADi: arrays of any rank over its scalars, every operator, prepared once, and what it refuses."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gradcheck import Outcome, Plan, Suite, available_backends, problem, run
from gradcheck.backends.engine import EngineDifferentiator
from gradcheck.errors import Unsupported

from .asking import assert_close, assert_right_on_numbers

pytest.importorskip("casadi")

BACKEND = available_backends()["casadi"]
ENGINE = EngineDifferentiator()

W = np.array([[0.5, -1.0, 2.0], [1.5, 0.25, -0.5]])
X = np.array([1.0, -2.0, 0.5])
ALONG = [np.array([[1.0, 0.5, -1.0], [0.25, 2.0, 1.0]]), np.array([0.5, -1.0, 2.0])]
WEIGHTS = np.array([2.0, -0.5])


@pytest.fixture(scope="module")
def casadi():
    return BACKEND.load("cpu")


# At quarters every number on the way is exact, so that answers are equal to the last bit.
def layer(xp):
    return lambda w, x: (w @ x) ** 3


def loss(xp):
    return lambda w, x: xp.sum((w @ x) ** 3)


def seeds(operator, shape=()):
    if operator == "vjp":
        return (WEIGHTS if shape else np.array(2.0),)
    return (ALONG,) if operator in ("jvp", "hvp") else ()


def assert_equal(answer, expected):
    assert_close(answer, expected, rtol=0, atol=0)


@pytest.mark.parametrize("operator", ["value", "gradient", "hessian", "jvp", "vjp", "hvp"])
@pytest.mark.parametrize("prepared", [True, False])
def test_every_operator_on_numbers_is_right(casadi, operator, prepared):
    assert_right_on_numbers(casadi, operator, ready=prepared)


@pytest.mark.parametrize(
    ("of", "operator"),
    [(loss, operator) for operator in ("value", "gradient", "hessian", "jvp", "vjp", "hvp")]
    + [(layer, operator) for operator in ("value", "jacobian", "jvp", "vjp")],
)
def test_every_operator_on_arrays_is_right(casadi, of, operator):
    extra = seeds(operator, (2,) if of is layer else ())
    expected = getattr(ENGINE, operator)(of(ENGINE.xp), [W, X], *extra)
    assert_equal(casadi.prepare(operator, of(casadi.xp), [W, X], *extra)([W, X], *extra), expected)


QUARTERS = st.lists(st.integers(-12, 12).map(lambda k: k / 4), min_size=9, max_size=9)


@settings(max_examples=10)
@given(QUARTERS, QUARTERS)
@pytest.mark.parametrize("operator", ["value", "gradient", "hessian", "jvp", "vjp", "hvp"])
def test_what_was_prepared_is_right_at_other_inputs(operator, point, direction):
    casadi = BACKEND.load("cpu")
    xs = [np.array(point[:6]).reshape(2, 3), np.array(point[6:])]
    extra = seeds(operator)
    if extra and operator != "vjp":
        extra = ([np.array(direction[:6]).reshape(2, 3), np.array(direction[6:])],)
    call = casadi.prepare(operator, loss(casadi.xp), [W, X], *seeds(operator))
    assert_equal(call(xs, *extra), getattr(ENGINE, operator)(loss(ENGINE.xp), xs, *extra))


def test_function_runs_once_however_often_what_was_prepared_is_called(casadi):
    runs = []

    def f(x):
        runs.append(x)
        return casadi.xp.sum(x**2)

    call = casadi.prepare("gradient", f, [X])
    assert [list(call([k * X])[0]) for k in (1, 2, 3)] == [list(2 * k * X) for k in (1, 2, 3)]
    assert len(runs) == 1


def test_answers_are_not_overwritten_by_the_next_call(casadi):
    call = casadi.prepare("gradient", lambda x: casadi.xp.sum(x**2), [X])
    first, second = call([X]), call([3 * X])
    assert_equal(first, [2 * X])
    assert_equal(second, [6 * X])


def test_inputs_that_are_not_used_have_zeros(casadi):
    def f(w, x):
        return x[0] * 3 + 0 * x[2]

    assert_equal(casadi.gradient(f, [W, X]), [np.zeros((2, 3)), np.array([3.0, 0.0, 0.0])])
    assert_equal(casadi.jacobian(lambda x: np.ones(2), [X]), [np.zeros((2, 3))])


def test_arrays_without_entries_are_arrays(casadi):
    nothing = np.empty((0, 3))
    assert casadi.jacobian(lambda x: x[:, :2], [nothing])[0].shape == (0, 2, 0, 3)
    assert casadi.value(lambda x: casadi.xp.sum(x), [nothing]) == 0


FUNCTIONS = {
    "abs": lambda xp, x: xp.abs(x - 0.5),
    "acos": lambda xp, x: xp.acos(x),
    "acosh": lambda xp, x: xp.acosh(x + 1),
    "asin": lambda xp, x: xp.asin(x),
    "asinh": lambda xp, x: xp.asinh(x),
    "atan": lambda xp, x: xp.atan(x),
    "atanh": lambda xp, x: xp.atanh(x),
    "cosh": lambda xp, x: xp.cosh(x),
    "expm1": lambda xp, x: xp.expm1(x),
    "log": lambda xp, x: xp.log(x),
    "log10": lambda xp, x: xp.log10(x),
    "log1p": lambda xp, x: xp.log1p(x),
    "log2": lambda xp, x: xp.log2(x),
    "sinc": lambda xp, x: xp.sinc(x),
    "sinh": lambda xp, x: xp.sinh(x),
    "sqrt": lambda xp, x: xp.sqrt(x),
    "square": lambda xp, x: xp.square(x),
    "tan": lambda xp, x: xp.tan(x),
    "reciprocal": lambda xp, x: xp.reciprocal(x),
    "powers": lambda xp, x: 2.0**x + x**2.5 + x**x,
    "atan2": lambda xp, x: xp.atan2(x, 2 * x**2),
    "hypot": lambda xp, x: xp.hypot(x, x**2),
    "logaddexp": lambda xp, x: xp.logaddexp(3 * x, 1.0),
    "maximum": lambda xp, x: xp.maximum(x, 0.5),
    "minimum": lambda xp, x: xp.minimum(x**2, 0.5),
    "clip": lambda xp, x: xp.clip(x, 0.25, 0.5),
    "xlogy": lambda xp, x: xp.xlogy(x - 0.5, x),
    "max": lambda xp, x: xp.max(x, axis=1, keepdims=True) * x,
    "min of two axes": lambda xp, x: xp.min(x, axis=(0, 1)) * x,
    "mean": lambda xp, x: x - xp.mean(x, axis=0),
    "prod": lambda xp, x: xp.prod(x, axis=-1),
    "vecdot": lambda xp, x: xp.vecdot(x, x**2),
    "matmul": lambda xp, x: x @ xp.matrix_transpose(x),
    "by constants": lambda xp, x: np.arange(4.0).reshape(2, 2) @ x + np.ones(3),
    "stack": lambda xp, x: xp.stack([x[0], xp.sin(x[1])], axis=1),
    "concat": lambda xp, x: xp.exp(xp.concat([x, x[:, :1]], axis=1)),
    "axes": lambda xp, x: xp.permute_dims(xp.reshape(x, (3, 1, 2)), (2, 0, 1)) ** 2,
    "rank 3": lambda xp, x: xp.sum((x[:, None, :] - x[None, :, :]) ** 2, axis=2),
    "where": lambda xp, x: xp.where(x > 0.5, x**2, 1 / x),
    "masks": lambda xp, x: xp.where((x > 0.3) & ~(x > 0.7) | (x == 0.25), x**2, x),
    "any": lambda xp, x: xp.where(xp.any(x > 0.6, axis=1), xp.sum(x**2, axis=1), 0.0),
    "indices": lambda xp, x: x[:, np.array([0, 2, 0])] ** 2,
    "asarray": lambda xp, x: xp.maximum(xp.asarray(x), 0.5) * xp.asarray([x[0, 0], x[1, 1], x[0, 2]]),
    "entries": lambda xp, x: xp.concat([xp.reshape(entry**2, (1,)) for row in x for entry in row]),
    "det": lambda xp, x: xp.linalg.det(x @ xp.matrix_transpose(x)),
    "inv": lambda xp, x: xp.linalg.inv(x @ xp.matrix_transpose(x)),
    "solve": lambda xp, x: xp.linalg.solve(x[:, :2], x[:, 2]),
    "solve for several": lambda xp, x: xp.linalg.solve(x[:, :2], x),
}
AT = np.array([[0.25, 0.75, 0.375], [0.625, 0.125, 0.875]])


@pytest.mark.parametrize("name", FUNCTIONS)
def test_namespace_has_functions_of_arrays(casadi, name):
    f = FUNCTIONS[name]
    value = casadi.value(lambda x: f(casadi.xp, x), [AT])
    jacobian = casadi.jacobian(lambda x: f(casadi.xp, x), [AT])
    assert_close(value, ENGINE.value(lambda x: f(ENGINE.xp, x), [AT]))
    assert_close(jacobian, ENGINE.jacobian(lambda x: f(ENGINE.xp, x), [AT]), rtol=1e-13, atol=1e-14)


def test_x_log_y_at_zero_is_zero_with_the_slopes_of_its_limits(casadi):
    x, y = np.array(0.0), np.array(0.5)
    assert casadi.value(casadi.xp.xlogy, [x, y]) == 0
    assert_close(casadi.gradient(casadi.xp.xlogy, [x, y]), [np.log(0.5), np.array(0.0)])
    assert casadi.value(casadi.xp.xlogy, [x, x]) == 0


def test_softplus_is_smooth_where_its_two_terms_are_equal(casadi):
    at = [np.array(0.0)]
    assert_close(casadi.gradient(lambda z: casadi.xp.logaddexp(z, 0.0), at), [0.5])
    assert_close(casadi.hessian(lambda z: casadi.xp.logaddexp(z, 0.0), at), [[0.25]])


@pytest.mark.parametrize("x", [0.0, 1e-9, -0.125, 0.3183, 0.3184, 1.0, 2.5])
def test_sinc_is_smooth_where_it_is_0_over_0(casadi, x):
    for operator in ("value", "gradient", "hessian"):
        answer = getattr(casadi, operator)(casadi.xp.sinc, [np.array(x)])
        assert_close(answer, getattr(ENGINE, operator)(ENGINE.xp.sinc, [np.array(x)]), rtol=2e-14, atol=2e-15)


def test_branch_that_was_not_chosen_leaves_no_nan(casadi):
    def f(x):
        return casadi.xp.where(x > 0, casadi.xp.sqrt(x), 0.0)

    assert_close(casadi.gradient(f, [np.array(-1.0)]), [0.0])


def test_inputs_without_axes_are_arrays_to_the_function(casadi):
    shapes = []

    def f(x):
        shapes.extend([x.shape, (x * 2).shape, x[None].shape, casadi.xp.exp(x).ndim])
        return casadi.xp.sum(casadi.xp.stack([x, x]) * np.ones((2, 2)))

    assert_close(casadi.gradient(f, [np.array(0.5)]), [4.0])
    assert shapes == [(), (), (1,), 0]


def test_values_that_overflow_are_infinite_without_a_warning(casadi):
    call = casadi.prepare("gradient", lambda x: casadi.xp.exp(x), [np.array(1.0)])
    assert call([np.array(1000.0)])[0] == np.inf
    assert np.isnan(casadi.value(lambda x: (0 * x - 2) ** 0.5, [np.array(1.0)]))


REFUSED = {
    "if": (lambda xp, x: x if x[0] > 0 else -x, "a branch"),
    "maximum of Python": (lambda xp, x: max(x[0], x[1]), "a branch"),
    "function of floats": (lambda xp, x: math.sin(x[0]), "a function of floats"),
    "loop": (lambda xp, x: sum(x for _ in range(x[0])), "a loop"),
    "entry of a float array": (lambda xp, x: np.array([0.0 * x[0], 1.0], dtype=float), "a number"),
    "mask": (lambda xp, x: x[x > 0], "a number"),
    "position": (lambda xp, x: x[x.argmax()], "a number"),
    "sort": (lambda xp, x: xp.sort(x), "a number"),
    "integers": (lambda xp, x: xp.astype(x, xp.int64), "a number"),
    "bits": (lambda xp, x: xp.isnan(x), "has no isnan of symbols"),
    "factors": (lambda xp, x: xp.linalg.cholesky(x[:, None] * x), "has no cholesky of symbols"),
    "stack of matrices": (lambda xp, x: xp.linalg.inv(x.reshape(3, 1, 1)), "not of a stack"),
    "initial value": (lambda xp, x: np.max(x, initial=0.0), "without an initial value"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_a_graph_cannot_hold_is_unsupported_in_words(casadi, name):
    f, words = REFUSED[name]
    with pytest.raises(Unsupported, match=words):
        casadi.prepare("value", lambda x: f(casadi.xp, x), [X])


def test_mistakes_of_the_function_stay_what_they_are(casadi):
    with pytest.raises(ValueError, match="could not be broadcast"):
        casadi.prepare("value", lambda x: x + np.ones(2), [X])
    with pytest.raises(ZeroDivisionError):
        casadi.prepare("value", lambda x: x * (1 / 0), [X])


@problem(W=W, x=X)
def network(xp, W, x):
    """sum sin(W x)"""
    return xp.sum(xp.sin(W @ x))


@problem(p=[0.5, 0.25, 0.25], n=np.array([0, 2, 1]))
def surprise(xp, p, n):
    """-log2 p[n], with a number in the place of an input that is no variable"""
    return -xp.log2(p[n])


@problem(x=2.0)
def constant(xp, x):
    """1, whatever x is"""
    return 0 * x + 1


@pytest.mark.parametrize("of", [network, surprise, constant], ids=lambda value: value.name)
def test_in_a_run_every_cell_is_exact(of):
    suite = Suite(name="suite", title="", problems={of.name: of}, source="test")
    cells = run(Plan(suites=[suite], backends=[BACKEND], dtypes=("float64",), rounds=0)).cells
    assert len(cells) >= 4
    assert {Outcome.EXACT} == {cell.outcome for cell in cells}, [cell.reason for cell in cells]


def test_single_precision_is_not_offered():
    assert BACKEND.dtypes == ("float64",)


def test_missing_package_is_named_with_what_installs_it():
    told = "backend casadi needs casadi, which is not installed; run: pip install 'gradcheck[casadi]'."
    assert told == str(BACKEND.missing())
