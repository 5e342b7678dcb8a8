"""Certified truth: it gives the values the literature has, says where none exists, and names its kind."""

import math
import re

import numpy as np
import pytest
from flint import arb, ctx

from gradcheck import Point, problem
from gradcheck.errors import TruthUnavailable
from gradcheck.truth import Certifier, decimal


def truth(declared, operator="gradient", dtype="float64", tangent=None, cotangent=None):
    """The truth of an operator at a problem's only point, along ones unless told otherwise."""
    (instance,) = declared.instances()
    return ask(Certifier(instance, dtype), operator, tangent, cotangent)


def ask(certifier, operator, tangent=None, cotangent=None):
    layout = certifier.layout
    tangent = [np.ones(shape) for shape in layout.inputs] if tangent is None else tangent
    cotangent = np.ones(layout.output) if cotangent is None else cotangent
    return certifier.truth(operator, {"tangent": tangent, "cotangent": [cotangent]})


def of(function, **inputs):
    """A problem of one input."""
    return problem(**(inputs or {}), name="example")(function)


def matches(ball, printed):
    """Whether a ball is a number printed to 15 digits or more."""
    ctx.prec, before = 256, ctx.prec
    try:
        return bool(abs(ball - arb(str(printed))) <= arb("1e-15") * abs(arb(str(printed))))
    finally:
        ctx.prec = before


# Facts of the literature. Decimal inputs are given in tenths, which are exact; derivatives are by the tenths.


def baydin(xp, x):
    return xp.log(x[0]) + x[0] * x[1] - xp.sin(x[1])


def griewank_walther(xp, x):
    u, e = x[0] / x[1], xp.exp(x[1])
    return (xp.sin(u) + u - e) * (u - e)


def logistic_map(steps):
    def iterate(xp, x):
        for _ in range(steps):
            x = 4 * x * (1 - x)
        return x

    return iterate


def iterated_sine(xp, x):
    for _ in range(50):
        x = xp.sin(x)
    return x


def rosenbrock(xp, x):
    return xp.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)


def helmholtz(xp, x):
    A = np.array([[2, 0.5, 0.25], [0.5, 1.5, 0.75], [0.25, 0.75, 1]])
    beta = xp.sum(np.array([1.0, 2.0, 3.0]) * x) / 10
    root = xp.sqrt(2 + 0 * beta)
    ratio = xp.log((1 + (1 + root) * beta) / (1 + (1 - root) * beta))
    return xp.sum(x * xp.log(x / (1 - beta))) - x @ (A @ x) / (2 * root * beta) * ratio


def logsumexp(xp, x):
    top = xp.max(x)
    return top + xp.log(xp.sum(xp.exp(x - top)))


def log_softmax(xp, x):
    return x - logsumexp(xp, x)


def entropy_of_softmax(xp, x):
    logs = log_softmax(xp, x)
    return -xp.sum(xp.exp(logs) * logs)


def divergence_of_softmaxes(xp, x):
    p, q = log_softmax(xp, x[:3]), log_softmax(xp, x[3:])
    return xp.sum(xp.exp(p) * (p - q))


def divergence_of_gaussians(xp, x):
    return xp.log(x[3] / x[1]) + (x[1] ** 2 + (x[0] - x[2]) ** 2) / (2 * x[3] ** 2) - 0.5


def determinant(xp, x):
    a, b, c, d, e, f, g, h, i = x
    return a * (e * i - f * h) - b * (d * i - f * g) + c * (d * h - e * g)


def logarithm_of_determinant(xp, x):
    return xp.log(determinant(xp, x))


def logistic_growth(xp, x):
    rate, capacity, start = x
    return capacity / (1 + (capacity - start) / start * xp.exp(-2 * rate))


def perceptron(xp, x):
    h = xp.tanh(xp.reshape(x[:4], (2, 2)) @ np.array([1.0, -2.0]) + x[4:6])
    return (xp.sum(x[6:8] * h) + x[8] - 0.5) ** 2 / 2


SYMMETRIC = [4.0, 1.0, 2.0, 1.0, 3.0, 0.0, 2.0, 0.0, 5.0]

FACTS = {
    "Baydin": (baydin, [2.0, 5.0], 1, "11.652071455223084", ["5.5", "1.7163378145367737"]),
    "Griewank and Walther": (
        griewank_walther,
        [1.5, 0.5],
        1,
        "2.0166466694282014",
        ["3.0118433276739066", "-13.723961509314075"],
    ),
    "Speelpenning": (
        lambda xp, x: xp.prod(x),
        [0.5, 1.0, 1.5, 2.0, 2.5],
        1,
        "3.75",
        ["7.5", "3.75", "2.5", "1.875", "1.5"],
    ),
    "Speelpenning with a zero": (lambda xp, x: xp.prod(x), [2.0, 0.0, 3.0], 1, "0", ["0", "6", "0"]),
    "logistic map, 5 steps": (logistic_map(5), 2.0, 10, "0.58542053873419796", ["-39.41194390028358"]),
    "logistic map, 19 steps": (logistic_map(19), 2.0, 10, "0.7121238592155843", ["593458.74065050473"]),
    "sine iterated 50 times": (iterated_sine, 2.0, 1, "0.23500832490766167", ["-0.0058971963493147336"]),
    "x^x": (lambda xp, x: x**x, 2.0, 1, "4", ["6.7725887222397812"]),
    "Rosenbrock": (rosenbrock, [-12.0, 10.0], 10, "24.2", ["-215.6", "-88"]),
    "Rosenbrock of four": (
        rosenbrock,
        [-12.0, 10.0, -12.0, 10.0],
        10,
        "532.4",
        ["-215.6", "792", "-655.6", "-88"],
    ),
    "Helmholtz": (
        helmholtz,
        [2.0, 3.0, 4.0],
        10,
        "-1.4050587882266282",
        ["-1.3405485747387487", "-1.1249666251538109", "-0.39019183197889683"],
    ),
    "logsumexp": (
        logsumexp,
        [1.0, 2.0, 3.0],
        1,
        "3.4076059644443803",
        ["0.090030573170380458", "0.24472847105479765", "0.66524095577482189"],
    ),
    "logsumexp near 1000": (
        logsumexp,
        [1000.0, 1001.0, 999.0],
        1,
        "1001.4076059644444",
        ["0.24472847105479765", "0.66524095577482189", "0.090030573170380458"],
    ),
    "softmax cross-entropy": (
        lambda xp, x: -log_softmax(xp, x)[0],
        [2.0, 1.0, -1.0],
        1,
        "0.34901221676818639",
        ["-0.29461548730175884", "0.25949646034241912", "0.035119026959339724"],
    ),
    "entropy of softmax": (
        entropy_of_softmax,
        [2.0, 1.0, -1.0],
        1,
        "0.71386575798862468",
        ["-0.25736203738000651", "0.16481825785231847", "0.092543779527688033"],
    ),
    "divergence of softmaxes": (
        divergence_of_softmaxes,
        [2.0, 1.0, -1.0, 0.5, -0.5, 1.0],
        1,
        "0.63220179421085285",
        [
            "0.086703462013525858",
            "0.03189642115316527",
            "-0.11859988316669113",
            "-0.37388555227414965",
            "-0.13754480803269026",
            "0.51143036030683991",
        ],
    ),
    "divergence of Gaussians": (
        divergence_of_gaussians,
        [0.0, 1.0, 1.0, 2.0],
        1,
        "0.44314718055994531",
        ["-0.25", "-0.75", "0.25", "0.25"],
    ),
    "determinant": (determinant, SYMMETRIC, 1, "43", ["15", "-5", "-6", "-5", "16", "2", "-6", "2", "11"]),
    "determinant of a singular matrix": (
        lambda xp, x: x[0] * x[3] - x[1] * x[2],
        [1.0, 2.0, 2.0, 4.0],
        1,
        "0",
        ["4", "-2", "-2", "1"],
    ),
    "logarithm of a determinant": (
        logarithm_of_determinant,
        SYMMETRIC,
        1,
        "3.7612001156935624",
        [
            "0.34883720930232558",
            "-0.11627906976744186",
            "-0.13953488372093023",
            "-0.11627906976744186",
            "0.37209302325581395",
            "0.046511627906976744",
            "-0.13953488372093023",
            "0.046511627906976744",
            "0.25581395348837209",
        ],
    ),
    "logistic growth": (
        logistic_growth,
        [7.0, 100.0, 10.0],
        10,
        "3.1061952150433283",
        ["4.2827006872950429", "0.072691705543497111", "2.3792781596083571"],
    ),
    "perceptron": (
        perceptron,
        [1.0, -2.0, 3.0, 4.0, 0.5, -0.5, 7.0, -6.0, 2.0],
        10,
        "0.061486924765188687",
        [
            "0.18397727970188544",
            "-0.36795455940377087",
            "-0.15769481117304466",
            "0.31538962234608932",
            "0.18397727970188544",
            "-0.15769481117304466",
            "0.17552056299582239",
            "-0.17552056299582239",
            "0.35067627454730577",
        ],
    ),
}


def fact(name):
    function, at, unit, value, gradient = FACTS[name]
    return problem(x=at, name="fact")(lambda xp, x: function(xp, x / unit)), unit, value, gradient


@pytest.mark.parametrize("name", FACTS)
def test_truth_is_what_the_literature_has(name):
    declared, unit, value, gradient = fact(name)
    found = truth(declared, "value")
    assert matches(found.entries[0].low, value)
    found = truth(declared)
    assert found.kind == "ball"
    for entry, printed in zip(found.entries, gradient, strict=True):
        assert entry.smooth
        assert matches(entry.low * unit, printed), (entry.text(20), printed)


@pytest.mark.parametrize("operator", ["value", "gradient", "jvp", "vjp", "hessian", "hvp"])
@pytest.mark.parametrize("name", FACTS)
def test_at_least_thirty_digits_are_certified(name, operator):
    assert truth(fact(name)[0], operator).digits >= 30


def test_wrong_literature_is_seen():
    assert not matches(truth(fact("Baydin")[0]).entries[1].low, "1.71633781453678")


def test_hessian_of_rosenbrock():
    found = truth(fact("Rosenbrock")[0], "hessian").entries
    for entry, printed in zip(found, ["1330", "480", "480", "200"], strict=True):
        assert matches(entry.low * 100, printed)


# All operators are faces of the same derivative.


@problem(x=[0.5, -1.5], s=2.0, name="example")
def vector_field(xp, x, s):
    return xp.stack([xp.sin(x[0]) * s, x[0] * x[1] + s, xp.exp(x[1]) * s**2])


@problem(x=[0.5, -1.5], s=2.0, name="example")
def scalar_field(xp, x, s):
    return xp.sin(x[0]) * s**2 + xp.exp(x[0] * x[1])


def middles(found):
    return np.array([float(entry.low.mid()) for entry in found.entries])


def test_products_are_those_of_the_jacobian():
    J = middles(truth(vector_field, "jacobian")).reshape(3, 3)
    x = np.array([0.5, -1.5])
    expected = [[2 * np.cos(0.5), 0, np.sin(0.5)], [-1.5, 0.5, 1], [0, 4 * np.exp(-1.5), 4 * np.exp(-1.5)]]
    np.testing.assert_allclose(J, expected, rtol=1e-15)
    v, w = [np.array([0.75, -0.5]), np.array(1.25)], np.array([1.0, -2.0, 0.5])
    np.testing.assert_allclose(middles(truth(vector_field, "jvp", tangent=v)), J @ np.append(*v), rtol=1e-14)
    np.testing.assert_allclose(middles(truth(vector_field, "vjp", cotangent=w)), w @ J, rtol=1e-14)
    np.testing.assert_allclose(middles(truth(vector_field, "value"))[1], x[0] * x[1] + 2)


def test_hessian_vector_product_is_that_of_the_hessian():
    H = middles(truth(scalar_field, "hessian")).reshape(3, 3)
    e = np.exp(-0.75)
    expected = [
        [-4 * np.sin(0.5) + 2.25 * e, (1 - 0.75) * e, 4 * np.cos(0.5)],
        [(1 - 0.75) * e, 0.25 * e, 0],
        [4 * np.cos(0.5), 0, 2 * np.sin(0.5)],
    ]
    np.testing.assert_allclose(H, expected, rtol=1e-14)
    v = [np.array([0.75, -0.5]), np.array(1.25)]
    np.testing.assert_allclose(middles(truth(scalar_field, "hvp", tangent=v)), H @ np.append(*v), rtol=1e-14)


def test_derivative_is_taken_by_wrt_inputs_alone():
    declared = problem(a=2.0, x=[1.0, 3.0], b=5.0, wrt=("b", "x"), name="example")(
        lambda xp, a, x, b: xp.sum(a * x * b)
    )
    assert middles(truth(declared)).tolist() == [8, 10, 10]  # the order of wrt


def test_branch_and_loop_of_the_language_are_followed():
    def collatz(xp, x):
        while x < 100:
            x = 3 * x + 1 if x > 10 else x * x
        return x

    assert middles(truth(of(collatz, x=3.0))).tolist() == [2 * 3 * 2 * 9 * 3]


# Kinks: the interval of one-sided derivatives.


@pytest.mark.parametrize(
    ("function", "x", "expected"),
    [
        (lambda xp, x: xp.maximum(x, 0.0), 0.0, [(0, 1)]),
        (lambda xp, x: xp.where(x > 0, x, 0.0), 0.0, [(0, 1)]),
        (lambda xp, x: xp.where(x > 0, x, 0.01 * x), 0.0, [(0.01, 1)]),
        (lambda xp, x: x if x > 0 else 0 * x, 0.0, [(0, 1)]),
        (lambda xp, x: xp.abs(x), 0.0, [(-1, 1)]),
        (lambda xp, x: -abs(x), 0.0, [(-1, 1)]),
        (lambda xp, x: xp.max(x), [2.0, 1.0, 2.0], [(0, 1), (0, 0), (0, 1)]),
        (lambda xp, x: xp.min(x), [2.0, 2.0], [(0, 1), (0, 1)]),
        (lambda xp, x: xp.sum(xp.maximum(x, 1.0)), [1.0, 3.0, -1.0], [(0, 1), (1, 1), (0, 0)]),
        (lambda xp, x: xp.maximum(2 * x, -3 * x), 0.0, [(-3, 2)]),
        (lambda xp, x: xp.sqrt(x * x), 0.0, [(-1, 1)]),
        (lambda xp, x: xp.sqrt(xp.sum(x * x)), [0.0, 0.0], [(-1, 1), (-1, 1)]),
        (lambda xp, x: xp.sqrt(4 * x**2 + x**3), 0.0, [(-2, 2)]),
        (lambda xp, x: xp.sqrt(xp.sqrt(x**4)), 0.0, [(-1, 1)]),
    ],
)
def test_kink_gives_the_interval_of_one_sided_derivatives(function, x, expected):
    found = truth(of(function, x=x))
    for entry, (low, high) in zip(found.entries, expected, strict=True):
        assert entry.defined
        assert entry.smooth == (low == high)
        assert (float(entry.low.mid()), float(entry.high.mid())) == (low, high)


@pytest.mark.parametrize(
    ("function", "slope"),
    [
        (lambda xp, x: xp.abs(x) * x, 0),
        (lambda xp, x: xp.maximum(x, 0.0) ** 2, 0),
        (lambda xp, x: xp.abs(x) - xp.abs(-x) + 3 * x, 3),
        (lambda xp, x: xp.maximum(x, 0.0) + xp.minimum(x, 0.0), 1),
        (lambda xp, x: xp.where(x**2 > 0, x, 5 * x), 1),
        (lambda xp, x: xp.sqrt(x**4), 0),
        (lambda xp, x: xp.sqrt(0 * x), 0),
    ],
)
def test_tie_without_a_kink_has_a_derivative(function, slope):
    (entry,) = truth(of(function, x=0.0)).entries
    assert entry.smooth
    assert float(entry.low.mid()) == slope


def test_pullback_through_a_kink_is_an_interval():
    declared = of(lambda xp, x: xp.abs(x), x=[0.0, 2.0])
    found = truth(declared, "vjp", cotangent=np.array([-3.0, 1.0])).entries
    assert (float(found[0].low.mid()), float(found[0].high.mid())) == (-3, 3)
    assert found[1].smooth


@pytest.mark.parametrize(
    ("function", "x", "text"),
    [
        (lambda xp, x: xp.abs(x), 0.0, "undefined (the gradient jumps here)"),
        (lambda xp, x: xp.maximum(x, 0.0), 0.0, "undefined (the gradient jumps here)"),
        (lambda xp, x: xp.sqrt(x), 0.0, "undefined (there is no gradient here)"),
    ],
)
def test_there_is_no_hessian_where_there_is_no_gradient(function, x, text):
    for operator in ("hessian", "hvp"):
        (entry,) = truth(of(function, x=x), operator).entries
        assert not entry.defined
        assert entry.text() == text


def test_second_derivative_jumps_where_the_first_does_not():
    (entry,) = truth(of(lambda xp, x: xp.abs(x) * x, x=0.0), "hessian").entries
    assert (float(entry.low.mid()), float(entry.high.mid())) == (-2, 2)
    assert entry.text() == "-2 to 2"


# Where nothing exists, the truth says why.


def test_root_of_a_fourth_power_has_the_hessian_of_a_square():
    (entry,) = truth(of(lambda xp, x: xp.sqrt(x**4), x=0.0), "hessian").entries
    assert float(entry.low.mid()) == 2


def test_entropy_on_a_face_of_the_simplex_has_no_derivative():
    inside, face = truth(of(lambda xp, p: -xp.sum(xp.xlogy(p, p)), p=[1.0, 0.0])).entries
    assert float(inside.low.mid()) == -1
    assert (face.left, face.right) == ("", "+inf")
    assert face.text() == "undefined (left none, right +inf)"


@pytest.mark.parametrize(
    ("function", "left", "right"),
    [
        (lambda xp, x: xp.sqrt(x), "", "+inf"),
        (lambda xp, x: -xp.sqrt(x), "", "-inf"),
        (lambda xp, x: xp.sqrt(-x), "-inf", ""),
        (lambda xp, x: xp.sqrt(abs(x)), "-inf", "+inf"),
        (lambda xp, x: xp.log(abs(x)), "-inf", "+inf"),
        (lambda xp, x: xp.log(x - 1), "", ""),
    ],
)
def test_one_sided_limits_are_said_in_words(function, left, right):
    (entry,) = truth(of(function, x=0.0)).entries
    assert not entry.defined
    assert (entry.left, entry.right) == (left, right)


def test_root_of_a_negative_logarithm_is_nowhere_defined():
    declared = of(lambda xp, x: xp.sqrt(xp.log(xp.sin(3 * x))), x=0.25)
    assert truth(declared, "value").entries[0].text() == "undefined (no real value here)"
    assert truth(declared, "gradient").entries[0].text() == "undefined (left none, right none)"
    assert truth(declared, "hessian").entries[0].text() == "undefined (there is no gradient here)"


# Functions that balls cannot run.


def solution(xp, a):
    return xp.sum(xp.linalg.solve(a, np.array([1.0, 2.0])))


def solution_slopes(factor):
    def jac(xp, a):
        x = xp.linalg.solve(a, np.array([1.0, 2.0]))
        y = xp.linalg.solve(xp.matrix_transpose(a), np.array([1.0, 1.0]))
        return -factor * y[:, None] * x

    return jac


MATRIX = [[4.0, 1.0], [2.0, 3.0]]
SLOPES = [-0.01, -0.06, -0.03, -0.18]  # of (a22 - 2 a12 + 2 a11 - a21) / det by a11, a12, a21, a22


def test_linear_system_falls_back_to_its_closed_form():
    declared = problem(a=MATRIX, jac=solution_slopes(1), name="example")(solution)
    found = truth(declared)
    assert found.kind == "closed form"
    assert found.digits == 40
    np.testing.assert_allclose(middles(found), SLOPES, rtol=1e-15)
    assert truth(declared, "value").kind == "closed form"


def test_wrong_closed_form_is_refused_with_both_numbers():
    declared = problem(a=MATRIX, jac=solution_slopes(1.5), name="example")(solution)
    message = "example: the closed form gives -0.015 where differences give -0.01; mend jac"
    with pytest.raises(TruthUnavailable, match=f"^{re.escape(message)}$"):
        truth(declared)


def test_closed_form_wrong_in_the_last_digits_of_a_double_is_refused():
    declared = problem(a=MATRIX, jac=solution_slopes(1 + 2.0**-52), name="example")(solution)
    with pytest.raises(TruthUnavailable, match="mend jac"):
        truth(declared)


def test_without_a_closed_form_differences_decide():
    declared = problem(a=MATRIX, name="example")(solution)
    found = truth(declared)
    assert found.kind == "differences"
    assert found.digits == 50
    np.testing.assert_allclose(middles(found), SLOPES, rtol=1e-15)


@pytest.mark.parametrize("jac", [None, solution_slopes(1)])
def test_fallback_answers_every_operator(jac):
    declared = problem(a=MATRIX, jac=jac, name="example")(solution)
    gradient, H = np.array(SLOPES), middles(truth(declared, "hessian")).reshape(4, 4)
    v = np.array([[0.5, -1.0], [2.0, 0.25]])
    np.testing.assert_allclose(middles(truth(declared, "value")), [0.7], rtol=1e-15)
    np.testing.assert_allclose(
        middles(truth(declared, "jvp", tangent=[v])), [gradient @ v.ravel()], rtol=1e-14
    )
    np.testing.assert_allclose(
        middles(truth(declared, "vjp", cotangent=np.array(2.0))), 2 * gradient, rtol=1e-14
    )
    np.testing.assert_allclose(
        middles(truth(declared, "hvp", tangent=[v])), H @ v.ravel(), rtol=1e-14, atol=1e-30
    )
    np.testing.assert_allclose(H, H.T, rtol=1e-14, atol=1e-30)


def test_function_that_runs_on_floats_only_is_said_to():
    declared = of(lambda xp, x: xp.fft.ifft(xp.fft.fft(x)).real, x=[1.0])
    message = "example: the function runs neither on balls nor in high precision ("
    with pytest.raises(TruthUnavailable, match=f"^{re.escape(message)}"):
        truth(declared, "value")


# Precision.


@pytest.mark.parametrize("operator", ["value", "gradient", "hessian"])
def test_rounding_bound_scales_with_the_dtype(operator):
    double, single = (truth(fact("Baydin")[0], operator, dtype).entries for dtype in ("float64", "float32"))
    for fine, coarse in zip(double, single, strict=True):
        assert 2.0**26 < coarse.bound / fine.bound < 2.0**32
        assert coarse.bound <= 2.0**-18 * max(1, abs(float(coarse.high.mid())))


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_derivative_is_that_at_the_point_the_dtype_holds(dtype):
    (entry,) = truth(of(lambda xp, x: x**3, x=0.3), "gradient", dtype).entries
    held = float(np.array(0.3).astype(dtype))
    assert held != 0.3
    assert entry.low == 3 * arb(held) ** 2
    assert entry.bound >= 2.0 ** -{"float16": 11, "bfloat16": 8}[dtype] * 3 * held**2


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
@pytest.mark.parametrize("operator", ["jvp", "vjp", "hvp"])
def test_tangents_and_cotangents_are_those_the_dtype_holds(dtype, operator):
    half_square = of(lambda xp, x: xp.sum(x * x) / 2, x=[1.0])
    found = truth(half_square, operator, dtype, tangent=[np.array([0.3])], cotangent=np.array(0.3))
    assert float(found.entries[0].low) == float(np.array(0.3).astype(dtype))


@pytest.mark.parametrize("dtype", ["float64", "float32", "float16"])
def test_products_of_constants_are_certified_too(dtype):
    declared = problem(x=1.0, a=0.1, b=0.7, wrt="x", name="example")(lambda xp, x, a, b: x * (a * b))
    (entry,) = truth(declared, "gradient", dtype).entries
    a, b = (float(np.array(given).astype(dtype)) for given in (0.1, 0.7))
    before, ctx.prec = ctx.prec, 256
    try:
        assert bool(abs(entry.low - arb(a) * arb(b)) < arb(10) ** -30)
    finally:
        ctx.prec = before


def test_closed_form_stands_where_balls_cannot_run_in_few_bits():
    declared = problem(a=MATRIX, jac=solution_slopes(1), name="example")(solution)
    found = truth(declared, dtype="bfloat16")
    assert found.kind == "closed form"
    np.testing.assert_allclose(middles(found), SLOPES, rtol=1e-15)
    assert all(2.0**-8 * abs(slope) <= e.bound for slope, e in zip(SLOPES, found.entries, strict=True))


def test_entry_of_a_closed_form_that_overflows_is_out_of_range():
    steep = solution_slopes(1e6)
    declared = problem(a=MATRIX, jac=steep, name="example")(lambda xp, a: 1e6 * solution(xp, a))
    found = truth(declared, dtype="float16")
    assert found.kind == "closed form"
    assert [0, 0, 0, math.inf] == [
        entry.beyond for entry in found.entries
    ]  # -10^4, -6 10^4, -3 10^4, -1.8 10^5


def test_rounding_bound_knows_cancellation():
    stable = of(lambda xp, x: xp.sin(x), x=1.0)
    cancelling = of(lambda xp, x: (1e6 + xp.sin(x)) - 1e6, x=1.0)
    bound, wide = (truth(declared, "value").entries[0].bound for declared in (stable, cancelling))
    assert wide > 1e5 * bound


def test_rounding_bound_is_never_less_than_half_an_ulp():
    (entry,) = truth(of(lambda xp, x: 3 * x, x=1.0)).entries
    assert entry.bound >= 3 * 2.0**-53


@pytest.mark.parametrize("operator", ["gradient", "vjp", "jvp"])
def test_rounding_bound_at_a_kink_is_that_of_the_larger_slope(operator):
    declared = of(lambda xp, x: xp.minimum(3 * x, 0 * x), x=0.0)
    (entry,) = truth(declared, operator).entries
    assert ("0 to 3", False) == (entry.text(), entry.smooth)
    assert entry.bound >= 3 * 2.0**-53
    (entry,) = truth(of(lambda xp, x: xp.maximum(-3 * x, 0 * x), x=0.0), operator).entries
    assert ("-3 to 0", False) == (entry.text(), entry.smooth)
    assert entry.bound >= 3 * 2.0**-53


def test_truth_is_shared_between_dtypes_at_the_same_numbers():
    precisions = []

    @problem(x=0.5, name="example")
    def watched(xp, x):
        precisions.append(ctx.prec)
        return xp.sin(x)

    (instance,) = watched.instances()
    double, single = Certifier(instance, "float64"), Certifier(instance, "float32")
    single.share(double)
    expected = ask(double, "gradient")
    precisions.clear()
    shared = ask(single, "gradient")
    assert [24, 128] == sorted(precisions)  # only the rounding bound and the range were computed anew
    assert shared.entries[0].low is expected.entries[0].low
    assert shared.entries[0].bound > expected.entries[0].bound


def test_truth_is_not_shared_between_different_numbers():
    (instance,) = of(lambda xp, x: x * x, x=0.1).instances()
    double, single = Certifier(instance, "float64"), Certifier(instance, "float32")
    single.share(double)
    assert float(ask(double, "gradient").entries[0].low.mid()) == 2 * 0.1
    assert float(ask(single, "gradient").entries[0].low.mid()) == 2 * float(np.float32(0.1))


def test_precision_is_raised_until_it_suffices():
    declared = of(lambda xp, x: (1 + x) ** 2 - 1 - 2 * x, x=2.0**-200)
    found = truth(declared)
    assert found.digits >= 30
    assert float(found.entries[0].low.mid()) == 2.0**-199


def test_text_shows_thirty_digits_and_short_numbers_short():
    sine, product = truth(of(lambda xp, x: xp.stack([xp.sin(x), 5 * x / 2]), x=1.0), "jacobian").entries
    assert sine.text() == "0.540302305868139717400936607443"
    assert product.text() == "2.5"
    assert math.isclose(float(sine.text(6)), 0.540302)


def test_points_of_one_problem_have_their_own_truth():
    declared = problem(Point(x=1.0), Point(x=3.0), name="example")(lambda xp, x: x**2)
    assert [float(ask(Certifier(i, "float64"), "gradient").entries[0].low) for i in declared.instances()] == [
        2,
        6,
    ]


def test_both_slopes_at_a_kink_are_certified():
    declared = problem(x=0.0, name="example")(lambda xp, x: xp.abs(xp.exp(x) - 1) * xp.sqrt(x + 2))
    certifier = Certifier(declared.instances()[0], "float64")
    found = ask(certifier, "gradient")
    assert ["-1.41421356237309504880168872421", "1.41421356237309504880168872421"] == [
        decimal(end) for end in (found.entries[0].low, found.entries[0].high)
    ]
    assert found.digits > 30


def test_a_boolean_mask_selects_balls():
    found = truth(problem(x=[1.0, 2.0, 3.0], name="example")(lambda xp, x: xp.sum(x[x > 1.5] ** 2)))
    assert "ball" == found.kind
    assert ["0", "4", "6"] == [entry.text() for entry in found.entries]


@pytest.mark.parametrize("factor", [1.0, 1.001])
def test_a_function_that_computes_in_floats_is_judged_by_measured_slopes(factor):
    @problem(a=[[2.0, 1.0], [0.3, 1.5]], vjp=lambda xp, a, cotangent: factor * cotangent * np.linalg.inv(a).T)
    def log_volume(xp, a):
        """ln |det A| by a library"""
        return np.linalg.slogdet(np.asarray(a, dtype=float))[1]

    (instance,) = log_volume.instances()
    truth = Certifier(instance, "float64").truth("gradient", instance.seeds)
    right = np.ravel(np.linalg.inv(instance.arrays["a"]).T)
    assert truth.kind == "measured"
    assert truth.digits > 9
    for entry, value in zip(truth.entries, factor * right, strict=True):
        within = abs(float(entry.low.mid()) - value) <= 4 * entry.bound
        assert within == (factor == 1.0)


@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16"])
def test_rounding_bound_of_a_measured_slope_knows_its_condition(dtype):
    def log_volume(xp, a):
        return np.linalg.slogdet(np.asarray(a, dtype=float))[1]

    plain, near = ([[2.0, 0.25], [0.25, 1.5]], [[1.0, 1.0], [1.0, 1.125]])
    relative = []
    for matrix in (plain, near):
        (entry, *_) = truth(problem(a=matrix, name="example")(log_volume), dtype=dtype).entries
        relative.append(entry.bound / abs(float(entry.low)))
    unit = {"float32": 2.0**-24, "float16": 2.0**-11, "bfloat16": 2.0**-8}[dtype]
    assert 2 * unit < relative[0] < 40 * unit
    assert relative[1] > 5 * relative[0]


def test_an_entry_that_is_an_array_without_axes_is_no_constant():
    def wrapped(xp, x):
        entries = np.empty(2, dtype=object)
        for at in range(2):
            entry = np.empty((), dtype=object)
            entry[()] = x[at] ** 2
            entries[at] = entry
        return entries if isinstance(x, np.ndarray) and x.dtype == object else x**2

    certified = truth(of(wrapped, x=[3.0, 5.0]), "jvp")
    assert [entry.text() for entry in certified.entries] == ["6", "10"]
