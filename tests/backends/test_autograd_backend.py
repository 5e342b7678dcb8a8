"""HIPS autograd: every operator, the names that the catalogue needs, and what it does not offer."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gradcheck import Outcome, Plan, Suite, available_backends, problem, run
from gradcheck.backends.base import Differentiator
from gradcheck.errors import Unsupported

from .asking import assert_whole_namespace

autograd = pytest.importorskip("autograd")

BACKEND = available_backends()["autograd"]


@pytest.fixture
def differentiator():
    return BACKEND.load("cpu")


W, X = np.array([1.0, -2.0, 0.5]), np.array([2.0, 1.0, -1.0])
U, V = np.array([1.0, 0.5, -1.0]), np.array([2.0, -1.0, 1.0])


def arrays(dtype, *values):
    return [np.asarray(value, dtype) for value in values]


def check(answer, expected, dtype):
    blocks = answer if isinstance(answer, list) else [answer]
    for block, other in zip(blocks, expected, strict=True):
        if isinstance(other, list):
            check(block, other, dtype)
        else:
            assert np.asarray(block).dtype == dtype
            np.testing.assert_array_equal(np.asarray(block, np.float64), other, strict=True)


# Every number on the way is exact in float32 too.
OF_ONE = {
    "value": [np.sum(X**2)],
    "gradient": [2 * X],
    "vjp": [4 * X],
    "jvp": [2 * X @ V],
    "hvp": [2 * V],
    "hessian": [[2 * np.eye(3)]],
}
OF_TWO = {
    "value": [np.sum(W * X**2)],
    "gradient": [X**2, 2 * W * X],
    "vjp": [2 * X**2, 4 * W * X],
    "jvp": [X**2 @ U + 2 * W * X @ V],
    "hvp": [2 * X * V, 2 * X * U + 2 * W * V],
    "hessian": [[np.zeros((3, 3)), np.diag(2 * X)], [np.diag(2 * X), np.diag(2 * W)]],
}


@pytest.mark.parametrize("dtype", BACKEND.dtypes)
@pytest.mark.parametrize("operator", OF_TWO)
def test_every_operator_of_a_scalar_is_right(differentiator, operator, dtype):
    xp = differentiator.xp
    extra = {"vjp": arrays(dtype, 2.0), "jvp": [arrays(dtype, U, V)], "hvp": [arrays(dtype, U, V)]}
    answer = differentiator.prepare(operator, lambda w, x: xp.sum(w * x * x), arrays(dtype, W, X))
    check(answer(arrays(dtype, W, X), *extra.get(operator, ())), OF_TWO[operator], dtype)
    extra |= {"jvp": [arrays(dtype, V)], "hvp": [arrays(dtype, V)]}
    answer = differentiator.prepare(operator, lambda x: xp.sum(x * x), arrays(dtype, X))
    check(answer(arrays(dtype, X), *extra.get(operator, ())), OF_ONE[operator], dtype)


@pytest.mark.parametrize("dtype", BACKEND.dtypes)
def test_every_operator_of_an_array_is_right(differentiator, dtype):
    def f(w, x):
        return w * x * x

    xs = arrays(dtype, W, X)
    check(differentiator.vjp(f, xs, *arrays(dtype, U)), [X**2 * U, 2 * W * X * U], dtype)
    check(differentiator.jvp(f, xs, arrays(dtype, U, V)), [X**2 * U + 2 * W * X * V], dtype)
    check(differentiator.jvp(lambda x: x * x, xs[1:], arrays(dtype, V)), [2 * X * V], dtype)
    check(differentiator.jacobian(f, xs), [np.diag(X**2), np.diag(2 * W * X)], dtype)


def test_its_derivatives_nest(differentiator):
    xs, along = arrays("float64", W, X), arrays("float64", U, V)
    assert differentiator.nests

    def f(w, x):
        return differentiator.xp.sum(w * x**2)

    check(Differentiator.hvp(differentiator, f, xs, along), OF_TWO["hvp"], "float64")
    check(Differentiator.jvp(differentiator, f, xs, along), OF_TWO["jvp"], "float64")


def test_slope_of_a_linear_function_has_a_derivative_without_a_warning(differentiator):
    check(differentiator.hessian(lambda x: differentiator.xp.sum(x), [X]), [[np.zeros((3, 3))]], "float64")


def test_a_missing_forward_rule_is_named_as_unsupported(differentiator):
    cube = autograd.extend.primitive(lambda x: x**3)
    autograd.extend.defvjp(cube, lambda y, x: lambda g: 3 * x**2 * g)
    check(differentiator.vjp(cube, [X], np.ones(3)), [3 * X**2], "float64")
    with pytest.raises(Unsupported, match=r"offers no forward mode here: JVP of .* not defined"):
        differentiator.jvp(cube, [X], [V])


def test_namespace_has_every_function_of_the_catalogue(differentiator):
    assert_whole_namespace(differentiator)


@problem(A=np.array([[1.0, 2.0, 0.5], [-1.0, 0.25, 4.0]]), v=X)
def concatenated(xp, A, v):
    """[A^T A, v v^T]"""
    square = xp.matrix_transpose(A) @ A
    return xp.concat([xp.permute_dims(square, (1, 0)), xp.expand_dims(v, axis=0) * v[:, None]], axis=1)


@problem(A=np.array([[1.0, 2.0], [-1.0, 0.25]]), B=np.array([[0.5, 3.0], [2.0, -1.0]]))
def row_products(xp, A, B):
    """a_i . b_i"""
    return xp.vecdot(A, xp.acos(B / 8))


@problem(rate=2.5, k=[0.0, 3.0, 1.0, 4.0], wrt="rate")
def counts(xp, rate, k):
    """sum k ln(rate)"""
    return xp.sum(xp.xlogy(k, rate))


@problem(p=[0.25, 0.0, 0.5], q=0.5)
def mixed(xp, p, q):
    """sum p ln q"""
    return xp.sum(xp.xlogy(p, q))


@problem(p=[0.25, 2.0])
def bits(xp, p):
    """sum p ln 3, with a number of Python's"""
    return xp.sum(xp.xlogy(p, 3.0))


@pytest.mark.parametrize(
    "of", [concatenated, row_products, counts, mixed, bits], ids=lambda value: value.name
)
def test_added_names_are_right_to_the_last_roundings(of):
    suite = Suite(name="suite", title="", problems={of.name: of}, source="test")
    cells = run(Plan(suites=[suite], backends=[BACKEND], rounds=0)).cells
    assert len(cells) >= 8
    assert {Outcome.EXACT} == {cell.outcome for cell in cells}, [cell.reason for cell in cells]


@given(st.floats(0.0, 4.0), st.floats(0.125, 4.0))
def test_slopes_of_xlogy_are_those_of_x_log_y(x, y):
    differentiator = BACKEND.load("cpu")
    xs = arrays("float64", x, y)
    slopes = differentiator.gradient(differentiator.xp.xlogy, xs)
    np.testing.assert_allclose(np.array(slopes), [np.log(y), x / y], rtol=1e-14)
    curvature = np.array(differentiator.hessian(differentiator.xp.xlogy, xs))
    np.testing.assert_allclose(curvature, [[0, 1 / y], [1 / y, -x / y**2]], rtol=1e-14)


def test_xlogy_does_not_change_with_y_where_both_are_zero(differentiator):
    with np.errstate(divide="ignore"):
        slopes = differentiator.gradient(differentiator.xp.xlogy, arrays("float64", 0.0, 0.0))
    assert [-np.inf, 0.0] == [float(slope) for slope in slopes]
