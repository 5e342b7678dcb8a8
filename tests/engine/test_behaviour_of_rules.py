"""What every rule shares: the types it returns, empty arrays, Python floats; and what lets nothing flow."""

import numpy as np
import pytest

from gradcheck import engine
from gradcheck.catalogue import collect
from gradcheck.engine import rules
from gradcheck.engine.core import Primitive
from gradcheck.errors import NotTraceable
from rule_cases import DOMAINS

xp = engine.xp
CONSTANT = {name for name, rule in collect(rules, Primitive).items() if rule.pull is None}

X, Y = np.array([-1.5, 0.0, 2.5, 2.5]), np.array([0.5, 0.0, 2.5, -3.0])
INTEGERS, SHIFTS = np.array([5, 0, -3]), np.array([1, 2, 0])
TRUE = np.array([True, False, True])

# Name to arguments, and what NumPy calls it where that differs.
PIECEWISE = {
    "all": ((X,), "all"),
    "any": ((X,), "any"),
    "argmax": ((X,), "argmax"),
    "argmin": ((X,), "argmin"),
    "argsort": ((X,), "argsort"),
    "bitwise_and": ((INTEGERS, SHIFTS), "bitwise_and"),
    "bitwise_invert": ((INTEGERS,), "invert"),
    "bitwise_left_shift": ((INTEGERS, SHIFTS), "left_shift"),
    "bitwise_or": ((INTEGERS, SHIFTS), "bitwise_or"),
    "bitwise_right_shift": ((INTEGERS, SHIFTS), "right_shift"),
    "bitwise_xor": ((INTEGERS, SHIFTS), "bitwise_xor"),
    "ceil": ((X,), "ceil"),
    "count_nonzero": ((X,), "count_nonzero"),
    "equal": ((X, Y), "equal"),
    "floor": ((X,), "floor"),
    "floor_divide": ((X, Y + 0.25), "floor_divide"),
    "greater": ((X, Y), "greater"),
    "greater_equal": ((X, Y), "greater_equal"),
    "isfinite": ((X,), "isfinite"),
    "isin": ((X, Y), "isin"),
    "isinf": ((X,), "isinf"),
    "isnan": ((X,), "isnan"),
    "less": ((X, Y), "less"),
    "less_equal": ((X, Y), "less_equal"),
    "logical_and": ((TRUE, ~TRUE), "logical_and"),
    "logical_not": ((TRUE,), "logical_not"),
    "logical_or": ((TRUE, ~TRUE), "logical_or"),
    "logical_xor": ((TRUE, ~TRUE), "logical_xor"),
    "not_equal": ((X, Y), "not_equal"),
    "round": ((X,), "round"),
    "searchsorted": ((X, Y), "searchsorted"),
    "sign": ((X,), "sign"),
    "signbit": ((X,), "signbit"),
    "stop_gradient": ((X,), "positive"),
    "trunc": ((X,), "trunc"),
}
ELSEWHERE = {"matrix_rank"}  # tested with the decompositions


def test_every_constant_primitive_is_tested():
    assert set(PIECEWISE) == CONSTANT - ELSEWHERE


@pytest.mark.parametrize("name", sorted(PIECEWISE))
def test_constant_primitive_has_the_value_and_type_of_numpy(name):
    arguments, numpys = PIECEWISE[name]
    got, expected = getattr(xp, name)(*arguments), getattr(np, numpys)(*arguments)
    assert np.result_type(got) == np.result_type(expected)
    np.testing.assert_array_equal(got, expected)


@pytest.mark.parametrize("name", sorted(set(PIECEWISE) - {"argsort", "searchsorted", "isin"}))
def test_constant_primitive_has_the_value_of_numpy_on_python_numbers(name):
    arguments, numpys = PIECEWISE[name]
    for numbers in zip(*(np.ravel(argument).tolist() for argument in arguments), strict=True):
        got, expected = getattr(xp, name)(*numbers), getattr(np, numpys)(*numbers)
        assert type(got) in (float, int, bool)
        assert got == expected, numbers


@pytest.mark.parametrize("name", sorted(PIECEWISE))
def test_nothing_flows_through_a_constant_primitive(name):
    arguments, _ = PIECEWISE[name]
    if any(argument.dtype != float for argument in arguments):
        return  # has no floating-point argument that could be differentiated

    def function(*xs):
        return sum(xp.sum(x) for x in xs) + xp.sum(1.0 * getattr(xp, name)(*xs))

    for gradient in engine.grad(function, tuple(range(len(arguments))))(*arguments):
        np.testing.assert_array_equal(gradient, np.ones(4))


@pytest.mark.parametrize("name", sorted(DOMAINS))
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shape", [(), (0,), (2, 0), (3,)])
def test_elementwise_rule_keeps_type_and_shape(name, dtype, shape):
    function = getattr(xp, name)
    inputs = [np.full(shape, (low + 3 * high) / 4, dtype) for low, high in DOMAINS[name]]
    y, pullback = engine.vjp(function, *inputs)
    assert (y.dtype, y.shape) == (dtype, shape)
    for cotangent in pullback(np.ones(shape, dtype)):
        assert (cotangent.dtype, cotangent.shape) == (dtype, shape)
    _, tangent = engine.jvp(function, inputs, inputs)
    assert (tangent.dtype, tangent.shape) == (dtype, shape)


@pytest.mark.parametrize("name", sorted(DOMAINS))
def test_elementwise_rule_keeps_python_floats(name):
    function = getattr(xp, name)
    inputs = [(low + 3 * high) / 4 for low, high in DOMAINS[name]]
    assert type(function(*inputs)) is float
    at = tuple(range(len(inputs)))
    arrays = [np.array(x) for x in inputs]
    for got, expected in zip(
        engine.grad(function, at)(*inputs), engine.grad(function, at)(*arrays), strict=True
    ):
        assert type(got) is float
        np.testing.assert_allclose(got, expected, rtol=1e-14)


@pytest.mark.parametrize("name", sorted(name for name, domain in DOMAINS.items() if len(domain) == 2))
@pytest.mark.parametrize("traced", [0, 1])
def test_a_python_float_does_not_widen_float32(name, traced):
    inputs = [(low + 3 * high) / 4 for low, high in DOMAINS[name]]

    def function(x):
        return getattr(xp, name)(*(x if at == traced else number for at, number in enumerate(inputs)))

    y, pullback = engine.vjp(function, np.full(2, inputs[traced], np.float32))
    assert y.dtype == pullback(y)[0].dtype == np.float32


REDUCTIONS = {
    "sum": xp.sum,
    "mean": xp.mean,
    "prod": xp.prod,
    "var": xp.var,
    "std": xp.std,
    "max": xp.max,
    "min": xp.min,
    "median": xp.median,
    "logsumexp": xp.logsumexp,
    "vector_norm": xp.vector_norm,
    "p-norm": lambda x, **given: xp.vector_norm(x, ord=3, **given),
    "weighted logsumexp": lambda x, **given: xp.logsumexp(x, b=x * x, **given),
}


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("axis", [None, 0, -1, (0, 2), (2, 1), ()])
@pytest.mark.parametrize("keepdims", [False, True])
@pytest.mark.parametrize("name", sorted(REDUCTIONS))
def test_reduction_has_the_shape_of_numpys_sum(name, keepdims, axis, dtype):
    x = np.linspace(0.5, 3.0, 24, dtype=dtype).reshape(2, 3, 4)
    expected = np.sum(x, axis=axis, keepdims=keepdims)
    y, pullback = engine.vjp(lambda x: REDUCTIONS[name](x, axis=axis, keepdims=keepdims), x)
    assert (y.shape, y.dtype) == (expected.shape, dtype)
    (gradient,) = pullback(np.ones_like(expected))
    assert (gradient.shape, gradient.dtype) == (x.shape, dtype)
    assert engine.jvp(lambda x: REDUCTIONS[name](x, axis=axis, keepdims=keepdims), [x], [x])[1].dtype == dtype


@pytest.mark.parametrize("name", ["sum", "prod", "logsumexp", "vector_norm"])
@pytest.mark.parametrize("shape", [(0,), (2, 0), (0, 2)])
def test_reduction_of_nothing(name, shape):
    y, pullback = engine.vjp(lambda x: REDUCTIONS[name](x, axis=0), np.zeros(shape))
    assert y.shape == shape[1:]
    assert pullback(np.ones(y.shape))[0].shape == shape


@pytest.mark.parametrize("name", ["softmax", "log_softmax", "sort", "cumulative_sum", "cumulative_prod"])
@pytest.mark.parametrize("shape", [(0,), (2, 0), (0, 2), (1, 1)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_shape_preserving_function_of_little(name, shape, dtype):
    x = np.ones(shape, dtype)
    y, pullback = engine.vjp(lambda x: getattr(xp, name)(x, axis=0), x)
    (gradient,) = pullback(np.ones_like(y))
    assert y.shape == gradient.shape == shape
    assert y.dtype == gradient.dtype == dtype


def test_indices_may_come_from_another_primitive():
    x = np.array([[3.0, 1.0, 2.0], [4.0, 6.0, 5.0]])

    def second_smallest(x):
        return xp.sum(xp.take_along_axis(x, xp.argsort(x, axis=1)[:, 1:2], axis=1) ** 2)

    np.testing.assert_array_equal(engine.grad(second_smallest)(x), [[0, 0, 4], [0, 0, 10]])
    np.testing.assert_array_equal(
        engine.grad(lambda x: xp.take(x, xp.argmax(x)) ** 2)(x), [[0, 0, 0], [0, 12, 0]]
    )


def test_types_are_cast_back():
    x = np.array([1.0, 2.0], np.float32)
    gradient = engine.grad(lambda x: xp.sum(xp.astype(x, xp.float64) ** 2))(x)
    assert gradient.dtype == np.float32
    np.testing.assert_array_equal(gradient, [2, 4])
    np.testing.assert_array_equal(engine.grad(lambda x: xp.sum(x * xp.astype(x, xp.int64)))(x), [1, 2])


def test_creation_keeps_the_derivative_of_what_it_is_filled_with():
    assert engine.grad(lambda x: xp.sum(xp.full((2, 3), x)))(2.0) == 6.0
    assert engine.grad(lambda x: xp.sum(xp.full_like(np.zeros(4), x)))(2.0) == 4.0
    assert engine.grad(lambda x: xp.sum(xp.linspace(0.0, x, 5)))(2.0) == 2.5
    assert engine.grad(lambda x: xp.sum(xp.asarray([x, [x, 1.0][0] ** 2])))(3.0) == 7.0
    np.testing.assert_array_equal(engine.grad(lambda x: xp.sum(x * xp.ones_like(x)))(np.ones(2)), [1, 1])


@pytest.mark.parametrize("function", [xp.nonzero, xp.unique_values, xp.unique_counts, lambda x: xp.arange(x)])
def test_what_would_cut_the_derivative_says_so(function):
    with pytest.raises(NotTraceable):
        engine.grad(lambda x: xp.sum(function(x)[0]))(np.array([1.0, 2.0]))


def test_types_and_limits():
    x = np.ones(2, np.float32)
    engine.grad(lambda x: check_types(x) * xp.sum(x))(x)
    assert xp.can_cast(xp.float32, xp.float64)
    assert xp.isdtype(x.dtype, "real floating")
    assert xp.iinfo(xp.int8).max == 127


def check_types(x):
    assert xp.result_type(x, xp.float64) == np.float64
    assert xp.finfo(x.dtype).eps == np.finfo(np.float32).eps
    return 1.0
