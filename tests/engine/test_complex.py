"""Complex numbers: the pullback is the adjoint, the gradient PyTorch's, ``jvp`` the plain derivative."""

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gradcheck.engine import grad, hessian, hvp, jacobian, jvp, value_and_grad, vjp
from gradcheck.errors import BadArgument

draw = np.random.default_rng(7)


def complex_array(*shape):
    return draw.uniform(-1, 1, shape) + 1j * draw.uniform(-1, 1, shape)


Z = complex_array(3)
C = complex_array(3)
M = complex_array(3, 3) + 2 * np.eye(3)
R = draw.uniform(0.5, 1.5, 3)

# Name: function, its complex derivative.
HOLOMORPHIC = {
    "sin": (np.sin, np.cos),
    "cos": (np.cos, lambda z: -np.sin(z)),
    "tan": (np.tan, lambda z: 1 / np.cos(z) ** 2),
    "sinh": (np.sinh, np.cosh),
    "cosh": (np.cosh, np.sinh),
    "tanh": (np.tanh, lambda z: 1 / np.cosh(z) ** 2),
    "exp": (np.exp, np.exp),
    "log": (np.log, lambda z: 1 / z),
    "sqrt": (np.sqrt, lambda z: 0.5 / np.sqrt(z)),
    "square": (np.square, lambda z: 2 * z),
    "power": (lambda z: z**3, lambda z: 3 * z**2),
    "complex power": (lambda z: z ** (1 + 2j), lambda z: (1 + 2j) * z**2j),
    "power of a number": (lambda z: 2.0**z, lambda z: np.log(2) * 2.0**z),
    "reciprocal": (lambda z: 1 / z, lambda z: -1 / z**2),
    "quotient": (lambda z: (z - C) / (z + 2j), lambda z: (C + 2j) / (z + 2j) ** 2),
    "product": (lambda z: z * C * np.exp(z), lambda z: C * np.exp(z) * (1 + z)),
}


def close(got, expected, rtol=1e-13):
    assert np.shape(got) == np.shape(expected)
    np.testing.assert_allclose(got, expected, rtol=rtol, atol=rtol * np.max(np.abs(expected), initial=0.0))


@pytest.mark.parametrize("name", HOLOMORPHIC)
def test_holomorphic_function_has_its_complex_derivative(name):
    f, slope = HOLOMORPHIC[name]
    value, pullback = vjp(f, Z)
    close(value, f(Z))
    close(pullback(C)[0], np.conj(slope(Z)) * C)
    close(jvp(f, [Z], [C])[1], slope(Z) * C)
    close(jacobian(f)(Z), np.diag(slope(Z)))
    assert pullback(C)[0].dtype == complex


@pytest.mark.parametrize("name", HOLOMORPHIC)
def test_second_derivative_of_a_holomorphic_function(name):
    f, slope = HOLOMORPHIC[name]
    step = 1e-3
    shifts = step * np.exp(2j * np.pi * np.arange(8) / 8)
    second = sum(slope(Z + h) * step / h for h in shifts) / (
        8 * step
    )  # Cauchy's formula, to the eighth order
    close(jvp(lambda z: jvp(f, [z], [np.ones(3)])[1], [Z], [C])[1], second * C, rtol=1e-10)
    close(vjp(lambda z: vjp(f, z)[1](np.ones(3))[0], Z)[1](C)[0], np.conj(second * C), rtol=1e-10)


# Name: real function of complex entries, df/dx + i df/dy.
REAL = {
    "squared modulus": (lambda z: np.sum(z * np.conj(z)).real, lambda z: 2 * z),
    "modulus": (lambda z: np.sum(np.abs(z)), lambda z: z / np.abs(z)),
    "real part": (lambda z: np.sum(z.real), lambda z: np.ones(3, complex)),
    "imaginary part": (lambda z: np.sum(np.imag(z)), lambda z: 1j * np.ones(3)),
    "argument": (lambda z: np.sum(np.angle(z)), lambda z: 1j * z / np.abs(z) ** 2),
    "inner product": (lambda z: np.vdot(C, z).real, lambda z: C),
    "holomorphic within": (lambda z: np.sum(np.exp(z)).real, lambda z: np.conj(np.exp(z))),
    "squared norm": (lambda z: np.linalg.norm(z) ** 2, lambda z: 2 * z),
    "quadratic form": (
        lambda z: (np.conj(z) @ M @ z).real,
        lambda z: (M + M.conj().T) @ z,
    ),
}


@pytest.mark.parametrize("name", REAL)
def test_gradient_of_a_real_function_is_the_direction_of_steepest_ascent(name):
    f, slope = REAL[name]
    value, gradient = value_and_grad(f)(Z)
    close(value, f(Z))
    close(gradient, slope(Z))
    assert np.isrealobj(value)
    assert gradient.dtype == complex
    close(jvp(f, [Z], [C])[1], np.sum((np.conj(gradient) * C).real))
    close(jacobian(f)(Z), gradient.real)
    close(hvp(f, [Z], [C])[0], (grad(f)(Z + 1e-4 * C) - grad(f)(Z - 1e-4 * C)) / 2e-4, rtol=1e-7)


def test_convention_is_that_of_torch():
    torch = pytest.importorskip("torch")

    def value(z, abs_, exp, conj):
        return (abs_(exp(z) * z) ** 2 + (z * conj(z) ** 2).real).sum()

    z = torch.tensor(Z, requires_grad=True)
    value(z, torch.abs, torch.exp, torch.conj).backward()
    close(grad(lambda z: value(z, np.abs, np.exp, np.conj))(Z), z.grad.numpy())


@pytest.mark.parametrize("name", ["solve", "inv", "matmul", "einsum", "det"])
def test_linear_algebra_agrees_with_torch(name):
    torch = pytest.importorskip("torch")
    cases = {
        "solve": (np.linalg.solve, torch.linalg.solve, (M, C)),
        "inv": (np.linalg.inv, torch.linalg.inv, (M,)),
        "matmul": (np.matmul, torch.matmul, (M, M @ M)),
        "einsum": (
            lambda a, b: np.einsum("ij,ik->jk", a, b),
            lambda a, b: torch.einsum("ij,ik->jk", a, b),
            (M, M**2),
        ),
        "det": (np.linalg.det, torch.linalg.det, (M,)),
    }
    f, theirs, inputs = cases[name]
    value, pullback = vjp(f, *inputs)
    cotangent = complex_array(*np.shape(value))
    tensors = [torch.tensor(x, requires_grad=True) for x in inputs]
    theirs(*tensors).backward(torch.tensor(cotangent))
    for got, tensor in zip(pullback(cotangent), tensors, strict=True):
        close(got, tensor.grad.numpy(), rtol=1e-12)


MIXED = {
    "product": lambda r, z: r * z,
    "broadcast product": lambda r, z: r[0] * z + z[0] * r,
    "matrix": lambda r, z: (np.outer(r, r) @ M) @ z,
    "power": lambda r, z: r**z,
    "exponential": lambda r, z: np.exp(1j * r) * z,
    "modulus": lambda r, z: np.abs(r + z),
    "parts": lambda r, z: np.stack([z.real * r, (z * r).imag]),
    "argument": lambda r, z: np.angle(z) * r,
    "conjugate": lambda r, z: np.conj(z) / (1 + r),
    "where": lambda r, z: np.where([True, False, True], z, r),
    "solve": lambda r, z: np.linalg.solve(np.diag(r) + M, z),
    "concatenate": lambda r, z: np.concatenate([r, z]) * np.concatenate([z, r]),
    "sum": lambda r, z: np.sum(r * z) + np.cumsum(z * r),
    "norm": lambda r, z: np.linalg.norm(r * z),
    "einsum": lambda r, z: np.einsum("i,ij,j->j", r, M, z),
}

entries = st.complex_numbers(min_magnitude=0.1, max_magnitude=2.0)
vectors = st.lists(entries, min_size=3, max_size=3).map(np.array)
reals = st.lists(st.floats(0.25, 2.0), min_size=3, max_size=3).map(np.array)


@pytest.mark.parametrize("name", MIXED)
@given(r=reals, z=vectors, dr=reals, dz=vectors, seed=st.integers(0, 2**32 - 1))
@settings(max_examples=10, deadline=None)
def test_pullback_is_the_adjoint_of_the_derivative(name, r, z, dr, dz, seed):
    f = MIXED[name]
    value, pullback = vjp(f, r, z)
    u = np.random.default_rng(seed).normal(size=(2, *np.shape(value)))
    u = u[0] + 1j * u[1] if np.iscomplexobj(value) else u[0]
    tangent = jvp(f, [r, z], [dr, dz])[1]
    back_r, back_z = pullback(u)
    assert back_r.dtype == float
    assert back_z.dtype == complex
    forth = np.sum(np.conj(u) * tangent).real
    back = np.sum(back_r * dr) + np.sum(np.conj(back_z) * dz).real
    size = np.sum(np.abs(u) * np.abs(tangent)) + np.sum(np.abs(back_r * dr)) + np.sum(np.abs(back_z * dz))
    assert abs(forth - back) <= 1e-13 * size


@pytest.mark.parametrize("name", MIXED)
def test_directional_derivative_is_the_limit_of_differences(name):
    f = MIXED[name]
    tangent = jvp(f, [R, Z], [R, C])[1]
    step = 1e-3
    weights = {1: 4 / 5, 2: -1 / 5, 3: 4 / 105, 4: -1 / 280}
    slope = sum(
        w * (f(R + k * step * R, Z + k * step * C) - f(R - k * step * R, Z - k * step * C)) / step
        for k, w in weights.items()
    )
    close(tangent, slope, rtol=1e-10)


def test_jacobian_of_a_complex_function_of_real_numbers_is_complex():
    x = R[:2]
    J = jacobian(lambda x: np.exp(1j * x) * x[0])(x)
    expected = np.diag(1j * np.exp(1j * x) * x[0]) + np.outer(np.exp(1j * x), [1, 0])
    close(J, expected)
    close(jacobian(lambda x: np.sum(np.exp(1j * x)))(x), 1j * np.exp(1j * x))
    assert jacobian(lambda x: np.exp(1j * x))(0.5) == pytest.approx(1j * np.exp(0.5j), rel=1e-15)


def test_jacobian_of_what_is_not_holomorphic_is_along_the_real_axis():
    close(jacobian(np.conj)(Z), np.eye(3, dtype=complex))
    close(jvp(np.conj, [Z], [1j * np.ones(3)])[1], -1j * np.ones(3))


def test_real_part_is_taken_where_a_real_operand_meets_complex_ones():
    x = np.array(0.5)
    assert grad(lambda x: ((x * 1j) * (x * 1j)).real)(x) == -1.0
    gradient = grad(lambda x: np.sum(np.exp(1j * np.sin(x) * np.arange(3.0)).real))(x)
    close(gradient, np.sum(-np.sin(np.sin(0.5) * np.arange(3.0)) * np.arange(3.0)) * np.cos(0.5))
    assert gradient.dtype == float


def test_python_numbers_stay_python_numbers():
    value, slope = value_and_grad(lambda z: abs(z) ** 2)(3 + 4j)
    assert value == pytest.approx(25.0)
    assert type(slope) is complex
    assert slope == pytest.approx(6 + 8j)
    slope = grad(lambda x: abs(np.exp(1j * x) + 1) ** 2)(0.5)
    assert type(slope) is float
    assert slope == pytest.approx(-2 * np.sin(0.5))


@pytest.mark.parametrize("dtype", ["complex64", "complex128"])
def test_dtype_of_complex_numbers_is_kept(dtype):
    z = Z.astype(dtype)
    assert grad(lambda z: np.sum(np.abs(z * z)))(z).dtype == dtype
    assert jvp(np.exp, [z], [z])[1].dtype == dtype
    assert vjp(np.exp, z)[1](z)[0].dtype == dtype
    assert jacobian(np.exp)(z).dtype == dtype
    assert jvp(np.abs, [z], [z])[1].dtype == z.real.dtype


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: grad(lambda z: z * z)(1j),
            (
                "grad: expected a function with a real output (take its real or abs, or use vjp), "
                "got 'complex128'."
            ),
        ),
        (
            lambda: hessian(lambda z: np.sum(np.abs(z) ** 2))(Z),
            "hessian: expected real inputs (hvp takes complex ones), got 'a complex one'.",
        ),
        (
            lambda: vjp(np.sin, R)[1](C),
            "cotangent: expected a real array for float64, got 'complex128'.",
        ),
        (
            lambda: jvp(np.sin, [R], [C]),
            "tangent: expected a real array for float64, got 'complex128'.",
        ),
    ],
)
def test_error_says_what_to_do(call, message):
    with pytest.raises(BadArgument, match=f"^{re.escape(message)}$"):
        call()
