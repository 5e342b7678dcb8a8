"""Rules at complex points: forward mode against differences, reverse mode as its adjoint."""

import numpy as np
import pytest

from gradcheck import engine

xp = engine.xp
RNG = np.random.default_rng(5)
Z, W = (RNG.uniform(0.25, 1.5, 4) + 1j * RNG.uniform(-1.5, 1.5, 4) for _ in range(2))

FUNCTIONS = {
    **{
        name: (getattr(xp, name), (Z,))
        for name in (
            *(
                "abs",
                "acos",
                "acosh",
                "angle",
                "asin",
                "asinh",
                "atan",
                "atanh",
                "conj",
                "cos",
                "cosh",
                "exp",
            ),
            *("expm1", "imag", "log", "log10", "log1p", "log2", "negative", "positive", "real", "reciprocal"),
            *("sign", "sin", "sinh", "sqrt", "square", "tan", "tanh", "cumulative_sum", "cumulative_prod"),
            *("sum", "mean", "prod", "var", "std", "vector_norm"),
        )
    },
    **{name: (getattr(xp, name), (Z, W)) for name in ("add", "divide", "multiply", "power", "subtract")},
    "3-norm": (lambda z: xp.vector_norm(z, ord=3), (Z,)),
    "1-norm": (lambda z: xp.vector_norm(z, ord=1), (Z,)),
    "real times complex": (lambda z: xp.abs(z) * z, (Z,)),
    "where": (lambda z, w: xp.where(np.array([True, False, True, False]), z, w), (Z, W)),
    "to real and back": (lambda z: xp.astype(xp.real(z), xp.complex128) * z, (Z,)),
}


def inner(a, b):
    return np.sum(np.real(np.conj(a) * b))


@pytest.mark.parametrize("name", sorted(FUNCTIONS))
def test_forward_mode_agrees_with_differences(name):
    function, inputs = FUNCTIONS[name]
    tangents = [np.exp(1j * np.arange(4) + at) for at, _ in enumerate(inputs)]
    _, pushed = engine.jvp(function, inputs, tangents)

    def along(step):
        return function(*(x + step * t for x, t in zip(inputs, tangents, strict=True)))

    step = 1e-3
    slope = (8 * (along(step) - along(-step)) - (along(2 * step) - along(-2 * step))) / (12 * step)
    np.testing.assert_allclose(pushed, slope, rtol=1e-6, atol=1e-7)
    assert np.result_type(pushed) == np.result_type(function(*inputs))


@pytest.mark.parametrize("name", sorted(FUNCTIONS))
def test_reverse_mode_is_the_adjoint(name):
    function, inputs = FUNCTIONS[name]
    tangents = [np.exp(1j * np.arange(4) + at) for at, _ in enumerate(inputs)]
    _, pushed = engine.jvp(function, inputs, tangents)
    y, pullback = engine.vjp(function, *inputs)
    cotangent = np.exp(2j * np.arange(np.size(y))).reshape(np.shape(y))
    cotangent = cotangent if np.iscomplexobj(y) else cotangent.real
    pulled = pullback(cotangent)
    np.testing.assert_allclose(
        inner(cotangent, pushed), sum(inner(p, t) for p, t in zip(pulled, tangents, strict=True)), rtol=1e-12
    )


@pytest.mark.parametrize("name", sorted(FUNCTIONS))
def test_second_order_agrees_with_differences_of_the_first(name):
    function, inputs = FUNCTIONS[name]
    x, t = inputs[0], np.exp(1j * np.arange(4))

    def gradient(x):
        return engine.grad(lambda x: xp.sum(xp.abs(function(x, *inputs[1:])) ** 2))(x)

    _, pushed = engine.jvp(gradient, [x], [t])
    step = 1e-3
    near = [gradient(x + k * step * t) for k in (1, -1, 2, -2)]
    slope = (8 * (near[0] - near[1]) - (near[2] - near[3])) / (12 * step)
    np.testing.assert_allclose(pushed, slope, rtol=1e-5, atol=1e-6 * np.max(np.abs(slope), initial=1.0))
