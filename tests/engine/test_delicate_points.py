"""Places where engines give 0, NaN or noise, with the exact value of first and second derivatives there."""

import math

import mpmath as mp
import numpy as np
import pytest

from gradcheck import engine
from gradcheck.errors import NoRule

xp = engine.xp
ULP = np.finfo(float).eps


def close(got, exact, ulps=8):
    np.testing.assert_allclose(np.asarray(got, float), np.asarray(exact, float), rtol=ulps * ULP, atol=0)


def digits(function):
    """A closed form in 50 digits, rounded once."""
    with mp.workdps(50):
        return float(function(mp))


def logistic(x):
    return lambda m: 1 / (1 + m.exp(-m.mpf(x)))


def logistic_slope(x):
    return lambda m: m.exp(-m.mpf(x)) / (1 + m.exp(-m.mpf(x))) ** 2


def logistic_bend(x):
    return lambda m: -logistic_slope(x)(m) * m.tanh(m.mpf(x) / 2)


@pytest.mark.parametrize(
    ("function", "x", "first", "second"),
    [
        (xp.sigmoid, 40.0, logistic_slope(40), logistic_bend(40)),
        (xp.sigmoid, -40.0, logistic_slope(-40), logistic_bend(-40)),
        (xp.sigmoid, 1e-9, logistic_slope(1e-9), logistic_bend(1e-9)),
        (xp.softplus, 0.0, lambda m: 0.5, lambda m: 0.25),
        (xp.softplus, 37.43, logistic(37.43), logistic_slope(37.43)),
        (xp.softplus, -40.0, logistic(-40), logistic_slope(-40)),
        (xp.log_sigmoid, 0.0, lambda m: 0.5, lambda m: -0.25),
        (xp.log_sigmoid, 40.0, logistic(-40), lambda m: -logistic_slope(40)(m)),
        (xp.tanh, 20.0, lambda m: m.sech(20) ** 2, lambda m: -2 * m.tanh(20) * m.sech(20) ** 2),
        (xp.exprel, 1e-20, lambda m: m.mpf(1) / 2, lambda m: m.mpf(1) / 3),
        (xp.sinc, 0.0, lambda m: 0, lambda m: -(m.pi**2) / 3),
        (xp.sinc, 1e-9, lambda m: -(m.pi**2) * m.mpf(1e-9) / 3, lambda m: -(m.pi**2) / 3),
        (xp.erfc, 8.0, lambda m: -2 / m.sqrt(m.pi) * m.exp(-64), lambda m: 32 / m.sqrt(m.pi) * m.exp(-64)),
        (lambda x: x**0, 0.0, lambda m: 0, lambda m: 0),
        (lambda x: x**1.0, 0.0, lambda m: 1, lambda m: 0),
        (lambda x: x**2.0, 0.0, lambda m: 0, lambda m: 2),
        (lambda x: x**x, 2.0, lambda m: 4 * (1 + m.log(2)), lambda m: 4 * (1 + m.log(2)) ** 2 + 2),
        (lambda x: xp.logaddexp(x, 0.0), 0.0, lambda m: 0.5, lambda m: 0.25),
        (lambda x: xp.logaddexp(0.0, x), 0.0, lambda m: 0.5, lambda m: 0.25),
        (lambda x: xp.logaddexp(x, x), 1.0, lambda m: 1, lambda m: 0),
        (lambda x: xp.where(x > 0, xp.sqrt(x), 0.0), 0.0, lambda m: 0, lambda m: 0),
        (lambda x: xp.xlogy(x, 1e-300), 2.0, lambda m: m.log(m.mpf(1e-300)), lambda m: 0),
        (lambda x: xp.xlogy(2.0, x), 1e-100, lambda m: 2 / m.mpf(1e-100), lambda m: -2 / m.mpf(1e-100) ** 2),
        (
            lambda x: xp.hypot(x, 1e200),
            1e200,
            lambda m: 1 / m.sqrt(2),
            lambda m: 1 / m.sqrt(8) / m.mpf(1e200),
        ),
        (
            lambda x: xp.hypot(x, 1e-9),
            1.0,
            lambda m: 1 / m.sqrt(1 + m.mpf(1e-9) ** 2),
            lambda m: m.mpf(1e-9) ** 2,
        ),
        (lambda x: xp.atan2(x, 1e200), 1e200, lambda m: 1 / (2 * m.mpf(1e200)), None),
        (xp.asinh, 1e200, lambda m: 1 / m.mpf(1e200), None),
    ],
)
def test_value_of_a_slope_that_is_easily_lost(function, x, first, second):
    with np.errstate(divide="ignore"):  # the branch not taken divides by 0
        close(engine.grad(function)(x), digits(first), ulps=64)
        if second:
            close(engine.grad(engine.grad(function))(x), digits(second), ulps=256)


@pytest.mark.parametrize(
    ("function", "x"), [(xp.sigmoid, 40.0), (xp.sigmoid, -40.0), (xp.softplus, -40.0), (xp.tanh, 20.0)]
)
def test_tails_in_float32(function, x):
    first = engine.grad(function)(np.float32(x))
    second = engine.grad(engine.grad(function))(np.float32(x))
    assert first.dtype == second.dtype == np.float32
    np.testing.assert_allclose(first, engine.grad(function)(x), rtol=1e-5)
    np.testing.assert_allclose(second, engine.grad(engine.grad(function))(x), rtol=1e-5)


@pytest.mark.parametrize(
    ("function", "x", "gradient"),
    [
        (abs, 0.0, 0.0),
        (xp.relu, 0.0, 0.0),
        (lambda x: xp.maximum(x, 2.0), 2.0, 0.5),
        (lambda x: xp.clip(x, 1.0, 2.0), 2.0, 0.5),
        (lambda x: xp.clip(x, 1.0, 2.0), 1.5, 1.0),
        (lambda x: xp.clip(x, max=2.0), 3.0, 0.0),
        (lambda x: xp.copysign(x, -1.0), 0.0, 0.0),
        (lambda x: xp.hypot(x, 0.0), 0.0, 0.0),
        (xp.max, [2.0, 1.0, 2.0], [0.5, 0.0, 0.5]),
        (xp.std, [3.0, 3.0, 3.0], [0.0, 0.0, 0.0]),
        (xp.vector_norm, [0.0, 0.0], [0.0, 0.0]),
        (lambda x: xp.vector_norm(x, ord=3), [0.0, 0.0], [0.0, 0.0]),
        (lambda x: xp.vector_norm(x, ord=1), [0.0, -2.0], [0.0, -1.0]),
        (lambda x: xp.vector_norm(x, ord=math.inf), [2.0, -2.0], [0.5, -0.5]),
        (lambda x: xp.sqrt(xp.sum(x * x)) * 0.0, [3.0, 4.0], [0.0, 0.0]),
        (lambda x: -xp.sum(xp.xlogy(x, x)), [1.0, math.exp(-1)], [-1.0, 0.0]),
        (xp.median, [1.0, 3.0, 2.0, 7.0], [0.0, 0.5, 0.5, 0.0]),
        (lambda x: xp.cumulative_max(x)[-1], [2.0, 5.0, 5.0], [0.0, 1.0, 0.0]),
    ],
)
def test_convention_at_a_kink(function, x, gradient):
    np.testing.assert_array_equal(engine.grad(function)(np.array(x) if isinstance(x, list) else x), gradient)


def test_root_at_zero_has_an_infinite_slope():
    with np.errstate(divide="ignore"):
        assert engine.grad(xp.sqrt)(0.0) == math.inf


def test_product_with_zeros_to_second_order():
    x = np.array([2.0, 0.0, 3.0])
    np.testing.assert_array_equal(engine.grad(xp.prod)(x), [0, 6, 0])
    np.testing.assert_array_equal(engine.hessian(xp.prod)(x), [[0, 3, 0], [3, 0, 2], [0, 2, 0]])
    summed = engine.grad(lambda x: xp.sum(engine.grad(xp.prod)(x)))(x)
    np.testing.assert_array_equal(summed, [3, 5, 2])
    np.testing.assert_array_equal(engine.grad(xp.prod)(np.array([0.0, 5.0, 0.0])), [0, 0, 0])


def test_running_product_with_zeros_to_second_order():
    total = lambda x: xp.sum(xp.cumulative_prod(x))  # noqa: E731
    x = np.array([2.0, 0.0, 3.0])
    np.testing.assert_array_equal(engine.grad(total)(x), [1, 8, 0])
    np.testing.assert_array_equal(engine.hessian(total)(x), [[0, 4, 0], [4, 0, 2], [0, 2, 0]])


@pytest.mark.parametrize("size", [1, 2, 5, 64, 1000])
def test_running_product_is_the_product_of_parts(size):
    x = np.random.default_rng(size).uniform(-1.5, 1.5, size)
    weights = np.linspace(-1, 2, size)
    expected = [
        sum(weights[i] * np.prod(np.delete(x[: i + 1], k)) for i in range(k, size)) for k in range(size)
    ]
    got = engine.grad(lambda x: xp.sum(weights * xp.cumulative_prod(x)))(x)
    np.testing.assert_allclose(got, expected, rtol=1e-11, atol=1e-13)


def test_running_product_that_overflows_where_nothing_flows():
    x = np.array([1e200, 1e200, 1e200, 0.0, 2.0])
    with np.errstate(over="ignore", invalid="ignore"):
        np.testing.assert_array_equal(
            engine.grad(lambda x: xp.cumulative_prod(x)[0])(x), [1.0, 0.0, 0.0, 0.0, 0.0]
        )


def test_weighted_logsumexp_at_zero_weights():
    x, b = np.zeros(3), np.array([2.0, 0.0, 5.0])
    by_x, by_b = engine.grad(lambda x, b: xp.logsumexp(x, b=b), (0, 1))(x, b)
    close(by_x, [2 / 7, 0, 5 / 7])
    close(by_b, [1 / 7, 1 / 7, 1 / 7])
    close(engine.hessian(lambda b: xp.logsumexp(x, b=b))(b), np.full((3, 3), -1 / 49))


def test_masked_logsumexp():
    x = np.array([1.0, -np.inf])
    np.testing.assert_array_equal(engine.grad(xp.logsumexp)(x), [1, 0])
    np.testing.assert_array_equal(engine.hessian(xp.logsumexp)(x), np.zeros((2, 2)))
    np.testing.assert_array_equal(engine.grad(xp.logsumexp)(np.full(2, -np.inf)), [0, 0])
    far = np.array([1000.0, 0.0])
    with np.errstate(over="ignore", invalid="ignore"):
        weighted = engine.grad(lambda x: xp.logsumexp(x, b=np.array([0.0, 1.0])))(far)
    np.testing.assert_array_equal(weighted, [0, 1])


def test_logsumexp_in_the_tail():
    x, p = np.array([37.43, 0.0]), digits(logistic(-37.43))
    close(xp.logsumexp(np.array([0.0, -40.0])), digits(lambda m: m.log1p(m.exp(-40))))
    close(engine.grad(xp.logsumexp)(x), [1, p], ulps=64)
    slope = digits(logistic_slope(37.43))
    close(engine.hessian(xp.logsumexp)(x), [[slope, -slope], [-slope, slope]], ulps=64)


def test_logsumexp_of_large_numbers_keeps_its_weights():
    x = np.array([1e6, 1e6 - 1, 1e6 - 2])
    close(engine.grad(xp.logsumexp)(x), engine.grad(xp.logsumexp)(x - 1e6), ulps=4)


@pytest.mark.parametrize("cotangent", [[1.0, 0.0], [0.0, 1.0]])
def test_softmax_pulls_back_what_it_nearly_loses(cotangent):
    x, slope = np.array([37.43, 0.0]), digits(logistic_slope(37.43))
    sign = 1 if cotangent[0] else -1
    _, pullback = engine.vjp(xp.softmax, x)
    close(pullback(np.array(cotangent))[0], [sign * slope, -sign * slope], ulps=64)


def test_log_softmax_pulls_back_what_it_nearly_loses():
    x, p = np.array([37.43, 0.0]), digits(logistic(-37.43))
    y, pullback = engine.vjp(xp.log_softmax, x)
    close(y, [digits(lambda m: -m.log1p(m.exp(-m.mpf(37.43)))), -37.43])
    close(pullback(np.array([1.0, 0.0]))[0], [p, -p], ulps=64)
    close(pullback(np.array([0.0, 1.0]))[0], [-digits(logistic(37.43)), digits(logistic(37.43))])


def test_norm_of_numbers_whose_squares_leave_the_range():
    for scale in (1e200, 1e-200):
        close(xp.vector_norm(np.array([3.0, 4.0]) * scale), 5 * scale)
        close(engine.grad(xp.vector_norm)(np.array([3.0, 4.0]) * scale), [0.6, 0.8])


def test_derivative_of_an_operation_without_rule_names_it():
    with pytest.raises(NoRule, match="nextafter"):
        engine.grad(lambda x: xp.nextafter(x, 2.0))(1.0)


def test_entry_of_weight_zero_sets_no_scale():
    x, b = np.array([-1000.0, 5.0]), np.array([1.0, 0.0])
    with np.errstate(over="ignore", invalid="ignore"):
        assert xp.logsumexp(x, b=b) == -1000.0
        np.testing.assert_array_equal(engine.grad(lambda x: xp.logsumexp(x, b=b))(x), [1.0, 0.0])


@pytest.mark.parametrize("function", [xp.softmax, lambda x: xp.exp(xp.log_softmax(x))])
def test_second_order_of_softmax_below_a_nonlinear_function(function):
    x, w = np.array([0.5, -1.0, 2.0]), np.array([1.0, 2.0, -1.0])
    p = np.exp(x) / np.sum(np.exp(x))
    slope = np.diag(p) - np.outer(p, p)
    mean = 2 * w * p**2  # of the gradient of sum(w p^2), times p
    expected = slope @ np.diag(2 * w) @ slope + np.diag(mean) - np.outer(mean, p) - np.outer(p, mean)
    expected -= np.sum(mean) * (np.diag(p) - 2 * np.outer(p, p))

    def gradient(x):
        return engine.grad(lambda x: xp.sum(w * function(x) ** 2))(x)

    columns = [engine.jvp(gradient, [x], [row])[1] for row in np.eye(3)]
    rows = [engine.vjp(gradient, x)[1](row)[0] for row in np.eye(3)]
    np.testing.assert_allclose(np.stack(columns, axis=1), expected, rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(np.stack(rows), expected, rtol=1e-12, atol=1e-14)
