"""Laws of the calculus, at random points: what must hold whatever the functions are."""

import numpy as np
import pytest
from gradcheck_suites import backpropagation as layers
from gradcheck_suites import computation_graphs, information, jacobians, limits_and_taylor, vectorisation
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from gradcheck import engine

xp = engine.xp

FUNCTIONS = {
    "sin": xp.sin,
    "tanh": xp.tanh,
    "cubic": lambda x: x**3 - 2 * x,
    "bell": lambda x: xp.exp(-(x**2)),
    "rational": lambda x: x / (1 + x**2),
    "root": lambda x: xp.sqrt(2 + x**2),
    "logarithm": lambda x: xp.log(3 + xp.cos(x)),
    "power": lambda x: 1.5**x,
}

numbers = st.floats(-2, 2, allow_subnormal=False).map(np.float64)
functions = st.sampled_from(sorted(FUNCTIONS)).map(FUNCTIONS.__getitem__)
laws = settings(max_examples=40, deadline=None)


def vectors(*shape, low=-2.0, high=2.0):
    return arrays(np.float64, shape, elements=st.floats(low, high, allow_subnormal=False))


def distributions(n):
    return vectors(n, low=0.125, high=1.0).map(lambda weights: weights / weights.sum())


def close(got, expected):
    np.testing.assert_allclose(got, expected, rtol=1e-10, atol=1e-10 * max(1.0, np.max(np.abs(expected))))


def of(problem):
    return lambda *inputs: problem(xp, *inputs)


@laws
@given(functions, functions, numbers, numbers, numbers)
def test_linearity(f, g, a, b, x):
    close(engine.grad(lambda x: a * f(x) + b * g(x))(x), a * engine.grad(f)(x) + b * engine.grad(g)(x))


@laws
@given(functions, functions, numbers)
def test_product_rule(f, g, x):
    close(engine.grad(lambda x: f(x) * g(x))(x), engine.grad(f)(x) * g(x) + f(x) * engine.grad(g)(x))


@laws
@given(functions, numbers)
def test_quotient_rule(f, x):
    g = FUNCTIONS["root"]
    expected = (engine.grad(f)(x) * g(x) - f(x) * engine.grad(g)(x)) / g(x) ** 2
    close(engine.grad(lambda x: f(x) / g(x))(x), expected)


@laws
@given(functions, functions, numbers)
def test_chain_rule(f, g, x):
    close(engine.grad(lambda x: f(g(x)))(x), engine.grad(f)(g(x)) * engine.grad(g)(x))


@laws
@given(functions, functions, functions, numbers)
def test_chain_rule_three_deep(f, g, h, x):
    assume(abs(g(h(x))) < 20)
    expected = engine.grad(f)(g(h(x))) * engine.grad(g)(h(x)) * engine.grad(h)(x)
    close(engine.grad(lambda x: f(g(h(x))))(x), expected)


@laws
@given(st.lists(functions, min_size=1, max_size=6), numbers)
def test_derivative_of_a_sum_is_the_sum_of_derivatives(terms, x):
    close(engine.grad(lambda x: sum(f(x) for f in terms))(x), sum(engine.grad(f)(x) for f in terms))


@laws
@given(functions, numbers, numbers)
def test_secant_slope_tends_to_the_tangent_slope(f, x, direction):
    assume(abs(direction) > 0.1)
    slope = engine.grad(f)(x)
    far, near = (abs((f(x + h * direction) - f(x)) / (h * direction) - slope) for h in (2.0**-6, 2.0**-14))
    assert near <= far / 16 + 1e-6


@laws
@given(vectors(3), vectors(4, 3), vectors(2, 4))
def test_chain_rule_is_a_product_of_jacobians(x, A, B):
    def inner(x):
        return xp.tanh(A @ x)

    def outer(y):
        return B @ (y * y) + xp.sin(y[:2])

    expected = engine.jacobian(outer)(inner(x)) @ engine.jacobian(inner)(x)
    close(engine.jacobian(lambda x: outer(inner(x)))(x), expected)


@laws
@given(numbers, numbers)
def test_function_of_two_parameters_is_a_row_times_a_matrix(s, t):
    row = np.array([s + np.sin(t), s**2 * t])
    matrix = np.array([[2 * s * t, s**2], [1.0, np.cos(t)]])
    close(np.stack(engine.grad(of(jacobians.function_of_two_parameters), wrt=(0, 1))(s, t)), row @ matrix)


@laws
@given(vectors(3), vectors(3), vectors(2))
def test_forward_and_reverse_mode_are_adjoint(x, tangent, cotangent):
    f = of(jacobians.concatenation)
    y, pullback = engine.vjp(f, x[:2], x)
    weights = np.concatenate([cotangent, tangent, cotangent[::-1]])
    _, forward = engine.jvp(f, (x[:2], x), (tangent[:2], tangent))
    pulled = pullback(weights)
    close(weights @ forward, pulled[0] @ tangent[:2] + pulled[1] @ tangent)
    assert y.shape == weights.shape


@laws
@given(distributions(4), distributions(4))
def test_divergence_is_not_negative_and_zero_only_between_equals(p, q):
    divergence = of(information.kullback_leibler)
    assert divergence(p, q) >= -1e-15
    assert divergence(p, p) == 0
    if np.max(np.abs(p - q)) > 1e-6:
        assert divergence(p, q) > 0


@laws
@given(distributions(4))
def test_divergence_is_least_at_equality_along_the_simplex(p):
    slope = engine.grad(of(information.kullback_leibler), wrt=1)(p, p)
    close(slope - slope.mean(), np.zeros(4))


@laws
@given(distributions(4), distributions(4))
def test_cross_entropy_is_entropy_plus_divergence(p, q):
    entropy, divergence = of(information.entropy_in_nats), of(information.kullback_leibler)
    cross = of(information.cross_entropy)
    close(cross(p, q), entropy(p) + divergence(p, q))
    both = engine.grad(cross, wrt=(0, 1))(p, q)
    close(both[0], engine.grad(entropy)(p) + engine.grad(divergence)(p, q))
    close(both[1], engine.grad(divergence, wrt=1)(p, q))


@laws
@given(vectors(5, low=-20, high=20))
def test_rows_of_the_softmax_jacobian_sum_to_zero(z):
    J = engine.jacobian(of(information.softmax))(z)
    close(J.sum(axis=1), np.zeros(5))
    close(J, J.T)


@laws
@given(vectors(5, low=-20, high=20), numbers)
def test_softmax_ignores_a_common_shift(z, shift):
    close(engine.jacobian(of(information.softmax))(z + shift), engine.jacobian(of(information.softmax))(z))


@laws
@given(st.floats(0.25, 50), st.floats(0, 6.25))
def test_gradient_is_perpendicular_to_the_level_curve(level, angle):
    half_axes = np.sqrt(level) * np.linalg.inv(np.linalg.cholesky([[2.0, 1.0], [1.0, 1.0]])).T

    def curve(t):
        return half_axes @ xp.stack([xp.cos(t), xp.sin(t)])

    f = of(limits_and_taylor.level_curves)
    x, tangent = engine.jvp(curve, (np.float64(angle),), (np.float64(1),))
    close(f(x), level)
    gradient = engine.grad(f)(x)
    assert abs(gradient @ tangent) <= 1e-12 * np.linalg.norm(gradient) * np.linalg.norm(tangent)


@laws
@given(vectors(2))
def test_a_step_against_the_gradient_descends(x):
    f = of(limits_and_taylor.level_curves)
    gradient = engine.grad(f)(x)
    assume(np.linalg.norm(gradient) > 1e-3)
    assert f(x - gradient / 8) < f(x)


@laws
@given(vectors(3), vectors(3), vectors(3, 3))
def test_second_order_taylor_is_exact_for_a_quadratic_form(x, step, A):
    def f(x):
        return limits_and_taylor.quadratic_form(xp, x, A)

    H = engine.hessian(f)(x)
    close(H, A + A.T)
    close(f(x) + engine.grad(f)(x) @ step + step @ H @ step / 2, f(x + step))


@laws
@given(numbers, numbers)
def test_mixed_derivatives_do_not_depend_on_the_order(x, y):
    f = of(computation_graphs.square_times_exponential)
    xy = engine.grad(lambda y: engine.grad(f)(x, y))(y)
    yx = engine.grad(lambda x: engine.grad(f, wrt=1)(x, y))(x)
    close(xy, yx)


@laws
@given(vectors(3))
def test_matrix_derivative_collated_or_flattened_is_the_same(x):
    tensor = engine.jacobian(of(jacobians.matrix_of_a_vector))(x)
    matrix = engine.jacobian(of(jacobians.flattened_matrix_of_a_vector))(x)
    assert tensor.shape == (4, 2, 3)
    assert matrix.shape == (8, 3)
    close(matrix.reshape(4, 2, 3), tensor)


@laws
@given(vectors(3, 2), vectors(2, 4))
def test_derivative_by_a_matrix_has_shape_output_by_input(X, B):
    assert engine.jacobian(lambda X: X @ B)(X).shape == (3, 4, 3, 2)


@laws
@given(vectors(3, 4), vectors(4))
def test_derivative_of_a_linear_map_by_its_vector_is_the_matrix(W, x):
    close(engine.jacobian(of(jacobians.linear_map_in_x), wrt=1)(W, x), W)


@laws
@given(vectors(3, 4), vectors(4))
def test_derivative_of_a_linear_map_by_its_matrix_is_a_kronecker_product(W, x):
    J = engine.jacobian(of(jacobians.linear_map_in_w))(W, x)
    close(J.reshape(3, 12), np.kron(np.eye(3), x))


@laws
@given(vectors(3), vectors(4, 3), vectors(3, 4), vectors(2, 3))
def test_stack_of_linear_layers_is_one_linear_map(x, W1, W2, W3):
    y, J = (transform(of(layers.stack_of_linear_layers)) for transform in (lambda f: f, engine.jacobian))
    product = W3 @ W2 @ W1
    close(y(x, W1, W2, W3), product @ x)
    close(J(x, W1, W2, W3), product)


@laws
@given(vectors(4))
def test_elementwise_functions_have_diagonal_jacobians(z):
    J = engine.jacobian(of(jacobians.elementwise))(z)
    assert np.array_equal(J, np.diag(np.diag(J)))


SHAPES = [
    ((2, 3), (1, 3)),
    ((2, 3), (2, 1)),
    ((2, 3), (3,)),
    ((2, 3), ()),
    ((4, 1), ()),
    ((2, 1), (1, 3)),
    ((2, 1), (3,)),
    ((2, 1, 3), (4, 1)),
]
OPERATIONS = {
    "add": lambda a, b: a + b,
    "subtract": lambda a, b: a - b,
    "multiply": lambda a, b: a * b,
    "divide": lambda a, b: a / (2.5 + b),
    "maximum": lambda a, b: xp.maximum(a, b),
    "where": lambda a, b: xp.where(a > b, a * b, b),
}


@pytest.mark.parametrize("operation", OPERATIONS.values(), ids=OPERATIONS)
@pytest.mark.parametrize(("left", "right"), [*SHAPES, *(pair[::-1] for pair in SHAPES)], ids=str)
@settings(max_examples=5, deadline=None)
@given(data=st.data())
def test_gradient_of_a_broadcast_operand_is_the_sum_over_broadcast_axes(operation, left, right, data):
    a, b = data.draw(vectors(*left)), data.draw(vectors(*right))
    shape = np.broadcast_shapes(left, right)
    weights = data.draw(vectors(*shape))
    full_a, full_b = np.broadcast_to(a, shape).copy(), np.broadcast_to(b, shape).copy()
    assume(np.all(full_a != full_b))
    got = engine.vjp(operation, a, b)[1](weights)
    full = engine.vjp(operation, full_a, full_b)[1](weights)
    for operand, pulled, spread in zip((a, b), got, full, strict=True):
        added = tuple(range(len(shape) - operand.ndim))
        kept = tuple(i for i, n in enumerate(operand.shape) if n == 1 and shape[len(added) + i] > 1)
        expected = spread.sum(axis=added).sum(axis=kept, keepdims=True)
        assert np.shape(pulled) == operand.shape
        close(pulled, expected)


@laws
@given(vectors(3, 4, low=0.5, high=100))
def test_column_percentages_do_not_depend_on_a_columns_scale(T):
    J = engine.jacobian(of(vectorisation.column_percentages))(T)
    close(np.einsum("ijkl,kl->ij", J, T), np.zeros((3, 4)))
