"""The operators people call: what they return, how they nest, and what they say when they cannot."""

import math
import re
import tracemalloc
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from gradcheck import engine
from gradcheck.engine import grad, hessian, hvp, jacobian, jvp, value_and_grad, vjp
from gradcheck.engine.core import Primitive
from gradcheck.errors import BadArgument, NoRule, NotTraceable

xp = engine.xp

V = np.array([0.5, -1.25, 2.0])
W = np.array([1.5, 0.25, -0.75])


def wavy(x):
    return xp.sum(xp.sin(x) * xp.exp(0.5 * x)) + x[0] * x[1] ** 2 * x[2]


def wavy_hessian(x):
    diagonal = np.exp(0.5 * x) * (np.cos(x) - 0.75 * np.sin(x))
    mixed = np.array([[0, 2 * x[1] * x[2], x[1] ** 2], [0, x[0] * x[2], 2 * x[0] * x[1]], [0, 0, 0]])
    return np.diag(diagonal) + mixed + mixed.T


def close(got, expected, rtol=1e-13):
    assert np.shape(got) == np.shape(expected)
    np.testing.assert_allclose(got, expected, rtol=rtol, atol=rtol * np.max(np.abs(expected), initial=0.0))


def basis():
    return list(np.eye(3))


def forward_slope(f, tangent):
    return lambda x: jvp(f, [x], [tangent])[1]


HESSIANS = {
    "hessian": lambda x: hessian(wavy)(x),
    "jacobian of gradient": lambda x: jacobian(grad(wavy))(x),
    "reverse over reverse": lambda x: np.stack([vjp(grad(wavy), x)[1](e)[0] for e in basis()]),
    "forward over reverse": lambda x: np.stack([hvp(wavy, [x], [e])[0] for e in basis()], axis=-1),
    "reverse over forward": lambda x: np.stack([grad(forward_slope(wavy, e))(x) for e in basis()]),
    "forward over forward": lambda x: np.array(
        [[jvp(forward_slope(wavy, a), [x], [b])[1] for a in basis()] for b in basis()]
    ),
}


@pytest.mark.parametrize("way", HESSIANS)
def test_every_way_to_a_hessian_agrees_with_the_closed_form(way):
    close(HESSIANS[way](V), wavy_hessian(V))


@pytest.mark.parametrize(
    ("function", "at", "expected"),
    [
        (lambda x: x * grad(lambda y: x * y)(2.0), 3.0, 6.0),
        (lambda x: x * grad(lambda y: x + y)(2.0), 3.0, 1.0),
        (lambda x: grad(lambda y: x * y**2)(x), 3.0, 12.0),
        (lambda x: grad(lambda y: grad(lambda z: x * y * z**2)(y))(x), 3.0, 24.0),
        (lambda x: x * jvp(lambda y: x * y, [2.0], [1.0])[1], 3.0, 6.0),
        (lambda x: jvp(lambda y: x * y, [x], [x])[1], 3.0, 6.0),
        (lambda x: vjp(lambda y: x * y, 2.0)[1](x)[0], 3.0, 6.0),
        (grad(grad(grad(lambda x: x**5))), 2.0, 240.0),
    ],
)
def test_nested_derivatives_do_not_confuse_their_perturbations(function, at, expected):
    close(grad(function)(at), expected)
    close(jvp(function, [at], [1.0])[1], expected)


def test_derivatives_nest_to_the_sixth_order():
    derivative = xp.sin
    for order in range(1, 7):
        derivative = grad(derivative)
        close(derivative(0.7), np.sin(0.7 + order * np.pi / 2))


def test_pullback_may_be_traced_by_an_enclosing_derivative():
    _, pullback = vjp(lambda x: xp.sin(x) * x, V)
    close(grad(lambda w: xp.sum(pullback(w)[0] * W))(V), (np.cos(V) * V + np.sin(V)) * W)


# Arguments and outputs.


def three(a, b, c):
    return xp.sum(a * b) * c**2


@pytest.mark.parametrize(
    ("wrt", "expected"),
    [
        (0, W * 4.0),
        (1, V * 4.0),
        (2, 4.0 * (V @ W)),
        ((0,), (W * 4.0,)),
        ((2, 0), (4.0 * (V @ W), W * 4.0)),
        ((0, 1, 2), (W * 4.0, V * 4.0, 4.0 * (V @ W))),
    ],
)
def test_wrt_selects_arguments_by_position(wrt, expected):
    for got in (grad(three, wrt)(V, W, 2.0), jacobian(three, wrt)(V, W, 2.0)):
        assert isinstance(got, tuple) == isinstance(wrt, tuple)
        for part, wanted in zip(got, expected, strict=True) if isinstance(wrt, tuple) else [(got, expected)]:
            close(part, wanted)


def test_hessian_is_taken_in_the_argument_asked_for():
    close(hessian(three, wrt=2)(V, W, 2.0), 2 * (V @ W))
    np.testing.assert_array_equal(hessian(three, wrt=1)(V, W, 2.0), np.zeros((3, 3)))


def test_hessian_times_tangents_of_several_inputs():
    products = hvp(three, [V, W, 2.0], [W, V, 0.5])
    for got, wanted in zip(
        products, [4 * V + 2 * W, 4 * W + 2 * V, 4 * (W @ W + V @ V) + V @ W], strict=True
    ):
        close(got, wanted)


def test_value_comes_with_the_gradient():
    value, gradient = value_and_grad(three, wrt=(0, 2))(V, W, 2.0)
    close(value, 4 * (V @ W))
    close(gradient[0], 4 * W)
    close(gradient[1], 4 * (V @ W))


@pytest.mark.parametrize("columns", [1, 2, 4])
def test_jacobian_has_the_shape_of_output_and_input(columns):
    x = np.arange(2.0 * columns).reshape(2, columns) / 8
    J = jacobian(lambda x: xp.stack([xp.sin(x), x**2, x**3], axis=1))(x)
    assert J.shape == (2, 3, columns, 2, columns)
    unit = np.einsum("ik,jl->ijkl", np.eye(2), np.eye(columns))
    close(J, np.stack([np.cos(x), 2 * x, 3 * x**2], axis=1)[..., None, None] * unit[:, None])


@pytest.mark.parametrize("constant", [1.5, np.ones(2), 3])
def test_constant_has_derivatives_of_zero(constant):
    shape = np.shape(constant)
    value, pullback = vjp(lambda x: constant, V)
    np.testing.assert_array_equal(value, constant)
    np.testing.assert_array_equal(pullback(np.ones(shape))[0], np.zeros(3))
    np.testing.assert_array_equal(jvp(lambda x: constant, [V], [W])[1], np.zeros(shape))
    np.testing.assert_array_equal(jacobian(lambda x: constant)(V), np.zeros((*shape, 3)))


def test_output_that_ignores_some_inputs():
    _, pullback = vjp(lambda a, b: xp.sum(a), V, np.ones((2, 2)))
    np.testing.assert_array_equal(pullback(1.0)[1], np.zeros((2, 2)))
    np.testing.assert_array_equal(jacobian(lambda a, b: a[:2], wrt=(0, 1))(V, W)[1], np.zeros((2, 3)))
    np.testing.assert_array_equal(hvp(lambda a, b: xp.sum(a**2), [V, W], [W, V])[1], np.zeros(3))


@pytest.mark.parametrize("function", [lambda x: xp.sum(x), lambda x: 3.0])
def test_hessian_of_what_has_no_curvature_is_zero(function):
    np.testing.assert_array_equal(hessian(function)(V), np.zeros((3, 3)))


def test_identity_has_the_unit_jacobian():
    np.testing.assert_array_equal(jacobian(lambda x: x)(V), np.eye(3))


@pytest.mark.parametrize(("function", "shape"), [(lambda x: 2 * x, (0, 0)), (lambda x: xp.sum(x * x), (0,))])
def test_empty_arrays_have_empty_derivatives(function, shape):
    assert jacobian(function)(np.zeros(0)).shape == shape
    assert hessian(lambda x: xp.sum(function(x)))(np.zeros(0)).shape == (0, 0)


@pytest.mark.parametrize(
    "operator",
    [
        lambda f: grad(f),
        lambda f: lambda x: value_and_grad(f)(x)[1],
        lambda f: lambda x: vjp(f, x)[1](1)[0],
        lambda f: lambda x: jvp(f, [x], [1])[1],
        lambda f: jacobian(f),
        lambda f: lambda x: jacobian(lambda x: [f(x)])(x)[0],
    ],
)
def test_python_float_in_python_float_out(operator):
    for f, slope in (
        (lambda x: x**3, 27.0),
        (np.square, 6.0),
        (lambda x: x * 1.5 * 2, 3.0),
        (lambda x: 1.0, 0.0),
    ):
        assert type(operator(f)(3.0)) is float
        assert operator(f)(3.0) == slope


def test_python_float_stays_one_to_the_second_order():
    for answer in (
        hessian(lambda x: x**3)(2.0),
        hvp(lambda x: x**3, [2.0], [1.0])[0],
        grad(grad(lambda x: x**3))(2.0),
    ):
        assert type(answer) is float
        assert answer == 12.0


@pytest.mark.parametrize("scalar", [np.float32(3), np.float64(3), np.array(3.0), np.array(3.0, "float32")])
def test_numpy_scalar_comes_back_as_it_went_in(scalar):
    answer = grad(lambda x: x * x * 2)(scalar)
    assert type(answer) is type(scalar)
    assert answer.dtype == scalar.dtype
    assert answer == 12


def test_memory_of_the_tape_is_freed_on_the_way_back():
    """A gradient is used up as it is walked: at no time are all cotangents and all values alive."""
    size, steps = 1 << 16, 40

    def chain(x):
        for _ in range(steps):
            x = xp.sin(x)
        return xp.sum(x)

    grad(chain)(np.ones(8))
    tracemalloc.start()
    grad(chain)(np.ones(size))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < (steps + 8) * size * 8


def test_pullback_gives_the_same_twice():
    _, pullback = vjp(lambda x: xp.sin(x) * x, V)
    first, second = pullback(W)[0], pullback(W)[0]
    np.testing.assert_array_equal(first, second)
    close(pullback(2 * W)[0], 2 * first)


def test_exception_leaves_nothing_behind():
    def fails(x):
        xp.sin(x)
        raise RuntimeError("on purpose")

    for _ in range(2):
        with pytest.raises(RuntimeError, match="on purpose"):
            grad(lambda x: x * grad(fails)(x))(1.0)
        close(grad(lambda x: x * grad(lambda y: x * y)(2.0))(3.0), 6.0)


def test_threads_do_not_meet():
    def derivative(power):
        return [grad(lambda x: x * grad(lambda y: x**power * y)(1.0))(2.0) for _ in range(50)]

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(derivative, range(1, 9)))
    for power, answer in enumerate(answers, start=1):
        np.testing.assert_allclose(answer, (power + 1) * 2.0**power, rtol=1e-14)


def test_threads_with_functions_of_their_own_do_not_meet():
    """Eight programs at once, nested and of every mode; each keeps its own derivative."""
    wave = np.linspace(-1.0, 1.0, 7)
    programs = [
        (lambda: grad(lambda x: np.sum(np.sin(x)))(wave), np.cos(wave)),
        (lambda: grad(lambda x: np.sum(np.exp(x) * x))(wave), np.exp(wave) * (1 + wave)),
        (lambda: jacobian(np.tanh)(wave), np.diag(1 / np.cosh(wave) ** 2)),
        (lambda: hessian(lambda x: np.sum(x**3))(wave), np.diag(6 * wave)),
        (lambda: hvp(lambda x: np.sum(x**4), [wave], [wave])[0], 12 * wave**3),
        (lambda: jvp(lambda x: x @ x, [wave], [wave])[1], 2 * wave @ wave),
        (lambda: grad(lambda p: p["a"] * p["b"][0] ** 2)({"a": 2.0, "b": (3.0,)})["b"][0], 12.0),
        (lambda: grad(lambda x: x * grad(lambda y: y**3 * x)(2.0))(3.0), 72.0),
    ]

    def run(program):
        question, expected = program
        for _ in range(40):
            close(question(), expected)
        return True

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(run, programs))


def test_ten_thousand_operations_in_a_row_do_not_recurse():
    def chain(x):
        for _ in range(10_000):
            x = x + 1e-4 * x
        return x

    close(grad(chain)(1.0), (1 + 1e-4) ** 10_000, rtol=1e-11)
    close(jvp(chain, [1.0], [1.0])[1], (1 + 1e-4) ** 10_000, rtol=1e-11)


def mixed(x):
    return xp.sum(xp.where(x > 0, xp.tanh(x) / 3, 2 * xp.exp(x)) ** 2.0 + xp.power(1.5, x) + 1)


@pytest.mark.parametrize(
    "operator",
    [
        lambda x: value_and_grad(mixed)(x)[0],
        grad(mixed),
        jacobian(lambda x: xp.sin(x) / 2),
        jacobian(lambda x: xp.stack([x, 2.0 * x])),
        hessian(mixed),
        lambda x: vjp(xp.sin, x)[1](np.ones(3))[0],
        lambda x: vjp(mixed, x)[1](1)[0],
        lambda x: jvp(xp.sin, [x], [np.ones(3)])[1],
        lambda x: hvp(mixed, [x], [np.ones(3)])[0],
        lambda x: grad(lambda x: 1.0)(x),
    ],
)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_answer_has_the_dtype_of_its_input(operator, dtype):
    assert operator(V.astype(dtype)).dtype == dtype


@pytest.mark.parametrize("operator", [grad, jacobian, hessian, lambda f: lambda x: hvp(f, [x], [x])])
def test_inputs_are_not_changed(operator):
    x = V.copy()
    x.flags.writeable = False
    operator(wavy)(x)
    np.testing.assert_array_equal(x, V)


def test_cotangents_and_tangents_are_not_changed():
    flow = W.copy()
    vjp(lambda x: x + x * 2, V)[1](flow)
    jvp(lambda x: x + x * 2, [V], [flow])
    np.testing.assert_array_equal(flow, W)


# A branch that was not taken stops the derivative, whatever it would have been.

GUARDED = {
    "square root": (lambda x: xp.sqrt(x), lambda x: 0.5 / np.sqrt(x)),
    "logarithm": (lambda x: xp.log(x), lambda x: 1 / x),
    "x log x": (lambda x: x * xp.log(x), lambda x: 1 + np.log(x)),
    "reciprocal": (lambda x: 1 / x, lambda x: -1 / x**2),
    "fractional power": (lambda x: x**0.5, lambda x: 0.5 / np.sqrt(x)),
}


@pytest.mark.filterwarnings("ignore:(divide by zero|invalid value):RuntimeWarning")
@pytest.mark.parametrize("at", [0.0, -1.0, 2.25])
@pytest.mark.parametrize("name", GUARDED)
def test_guarded_branch_is_not_differentiated(name, at):
    branch, slope = GUARDED[name]
    expected = slope(at) if at > 0 else 3.0

    def guarded(x):
        return xp.where(x > 0, branch(x), 3 * x)

    close(grad(guarded)(at), expected)
    close(jvp(guarded, [at], [1.0])[1], expected)
    close(grad(lambda x: xp.sum(guarded(x)))(np.array([at, 2.0]))[0], expected)
    if at <= 0:
        np.testing.assert_array_equal(hessian(guarded)(at), 0.0)


# What cannot be done is said in one line.


def assigns(x):
    x[0] = 1.0


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (
            lambda: grad(lambda x: x * x)(3),
            BadArgument,
            "input: expected a floating-point array (write 3.0 rather than 3), got 'int64'.",
        ),
        (
            lambda: vjp(lambda x: x * x, V)[1](1.0),
            BadArgument,
            "cotangent: expected the output's shape (3,), got ().",
        ),
        (
            lambda: jvp(lambda x: x * x, [V], [np.ones((3, 1))]),
            BadArgument,
            "tangent: expected the input's shape (3,), got (3, 1).",
        ),
        (
            lambda: jvp(lambda x: x * x, [V], [V, V]),
            BadArgument,
            "tangents: expected 1, one for every input, got 2.",
        ),
        (
            lambda: grad(lambda x: x * x)(V),
            BadArgument,
            "grad: expected a function with a scalar output (or use jacobian), got (3,).",
        ),
        (
            lambda: grad(lambda x, y: x * y, wrt=(0, 2))(1.0, 2.0),
            BadArgument,
            "wrt: expected positions below 2, the number of arguments, got 2.",
        ),
        (
            lambda: jacobian(lambda x: x, wrt=-1)(1.0),
            BadArgument,
            "wrt: expected positions below 1, the number of arguments, got -1.",
        ),
        (
            lambda: grad(lambda x: x * x)(np.arange(3)),
            BadArgument,
            "input: expected a floating-point array (write 3.0 rather than 3), got 'int64'.",
        ),
        (
            lambda: vjp(lambda x: x, np.array([True, False])),
            BadArgument,
            "input: expected a floating-point array (write 3.0 rather than 3), got 'bool'.",
        ),
        (
            lambda: grad(lambda x: x)("text"),
            BadArgument,
            "input: expected a floating-point array (write 3.0 rather than 3), got 'str128'.",
        ),
        (
            lambda: vjp(lambda x: x * x, V)[1](None),
            BadArgument,
            "cotangent: expected a real array for float64, got 'object'.",
        ),
        (
            lambda: grad(lambda x: [x, x])(1.0),
            BadArgument,
            "grad: expected a function with a scalar output (or use jacobian), got 'list'.",
        ),
        (
            lambda: grad(lambda x: None)(1.0),
            BadArgument,
            "function: expected arrays, or containers of arrays, as its output, got 'NoneType'.",
        ),
        (
            lambda: vjp(lambda x: "text", V),
            BadArgument,
            "function: expected arrays, or containers of arrays, as its output, got 'str'.",
        ),
        (
            lambda: jvp(lambda x: None, [V], [V]),
            BadArgument,
            "function: expected arrays, or containers of arrays, as its output, got 'NoneType'.",
        ),
        (
            lambda: grad(lambda x: xp.sine(x))(1.0),
            NoRule,
            (
                "the engine has no derivative rule for 'sine'; add one to gradcheck/engine/rules. "
                "Did you mean 'sin'?"
            ),
        ),
        (
            lambda: grad(lambda x: xp.zeta(x))(1.0),
            NoRule,
            "the engine has no derivative rule for 'zeta'; add one to gradcheck/engine/rules.",
        ),
        (
            lambda: grad(lambda x: xp.linalg.slove(x, x))(np.eye(2)),
            NoRule,
            (
                "the engine has no derivative rule for 'slove'; add one to gradcheck/engine/rules. "
                "Did you mean 'solve'?"
            ),
        ),
        (
            lambda: grad(assigns)(V),
            NotTraceable,
            "cannot assign into a traced array; build the result with np.where, np.concatenate or np.stack.",
        ),
        (
            lambda: grad(lambda x: math.sin(x))(1.0),
            NotTraceable,
            (
                "float() would cut the derivative of a traced array; it behaves as a number: "
                "write np.sin(x) for math.sin(x), and np.stack for a[i] = x."
            ),
        ),
    ],
)
def test_error_says_what_to_do(call, error, message):
    with pytest.raises(error, match=f"^{re.escape(message)}$"):
        call()


def test_namespace_says_which_functions_it_has():
    assert hasattr(xp, "sin")
    assert not hasattr(xp, "zeta")


# The traced array behaves as an array.


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        (lambda x: sum(entry * entry for entry in x), 2 * V),
        (lambda x: x.T @ x, 2 * V),
        (lambda x: (2 / x)[1], np.array([0, -2 / V[1] ** 2, 0])),
        (lambda x: xp.sum(W * x - x * W + W / x), -W / V**2),
        (lambda x: xp.sum(+x - (-x)), 2 * np.ones(3)),
        (lambda x: xp.sum(abs(x)), np.sign(V)),
        (lambda x: xp.sum(1.5**x), np.log(1.5) * 1.5**V),
        (lambda x: np.eye(3)[0] @ x, np.eye(3)[0]),
        (lambda x: x[-1] * len(x) * x.ndim * x.size, np.array([0.0, 0.0, 9.0])),
        (lambda x: x[0] if x[0] > x[1] else x[1], np.array([1.0, 0.0, 0.0])),
        (lambda x: x[0] if x[0] <= x[1] else x[1], np.array([0.0, 1.0, 0.0])),
        (lambda x: xp.prod(x), np.prod(V) / V),
        (lambda x: xp.mean(x), np.ones(3) / 3),
        (lambda x: xp.vecdot(x, W), W),
        (lambda x: xp.sum(xp.reciprocal(x)), -1 / V**2),
        (lambda x: xp.sum(xp.squeeze(xp.expand_dims(x, axis=0), axis=0) * W), W),
        (lambda x: xp.sum(xp.stack([x, W]).mT[:, 0] * W), W),
    ],
)
def test_traced_array_behaves_as_an_array(function, expected):
    close(grad(function)(V), expected)


def test_comparisons_of_traced_arrays_are_those_of_their_values():
    def compare(x):
        for ours, theirs in (
            (x < W, V < W),
            (x <= V, V <= V),
            (x > W, V > W),
            (x >= V, V >= V),
            (x == V, V == V),
            (x != W, V != W),
        ):
            np.testing.assert_array_equal(ours, theirs)
        return xp.sum(x)

    grad(compare)(V)


def test_traced_array_shows_its_value():
    shown = []
    grad(lambda x: shown.append(repr(x)) or x)(2.0)
    grad(lambda x: shown.append(repr(x)) or x)(np.array(2.0))
    assert shown == ["Array(2.0, traced)", "Array(array(2.), traced)"]


def test_constants_of_the_namespace_stay_plain():
    np.testing.assert_array_equal(xp.stack([1.0, 2.0]), [1.0, 2.0])
    np.testing.assert_array_equal(xp.broadcast_to(1.0, (2,)), [1.0, 1.0])
    assert xp.expand_dims(2.0, axis=0).shape == (1,)
    assert isinstance(xp.exp(1.0), float)


@pytest.mark.parametrize(
    "f", [xp.sum, lambda x: x, lambda x: xp.broadcast_to(x, (2, 3))], ids=["sum", "same", "spread"]
)
def test_a_pullback_shares_no_memory(f):
    x = np.arange(3.0)
    y, pullback = engine.vjp(f, x)
    cotangent = np.ones(np.shape(y))
    (answer,) = pullback(cotangent)
    assert answer.flags.writeable
    assert not np.shares_memory(answer, cotangent)
    assert not np.shares_memory(answer, x)


@pytest.mark.parametrize("transform", [lambda f, x: grad(f)(x), lambda f, x: vjp(f, x)[1](1.0)[0]])
def test_gradient_that_is_a_constant_of_the_function_is_copied(transform):
    """A gradient may be an array that someone else holds."""
    f = linear_in(W)
    answer = transform(f, V.copy())
    np.testing.assert_array_equal(answer, W)
    assert not np.shares_memory(answer, W)
    answer[:] = 0.0
    np.testing.assert_array_equal(transform(f, V.copy()), [1.5, 0.25, -0.75])


def linear_in(weight):
    """``weight @ x`` by a rule that hands out the weight itself."""
    return Primitive(
        name="weighted",
        forward=lambda x: x @ weight,
        push=lambda position, tangent, output, x: xp.vecdot(tangent, weight),
        pull=lambda position, cotangent, output, x: weight,
    )
