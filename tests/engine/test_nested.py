"""Arguments and outputs that are dicts, lists, tuples, named tuples and dataclasses of arrays."""

import re
import subprocess
import sys
from collections import OrderedDict, namedtuple
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from threading import Barrier
from typing import Any

import numpy as np
import pytest

from gradcheck.engine import grad, hessian, hvp, jacobian, jvp, value_and_grad, vjp
from gradcheck.errors import BadArgument

A = np.array([[1.0, -2.0], [0.5, 3.0], [-1.5, 0.25]])
B = np.array([0.5, -1.0])
X = np.array([2.0, -1.0, 0.5])

Pair = namedtuple("Pair", "left right")


@dataclass(frozen=True)
class Layer:
    weight: Any
    bias: Any
    name: str = "layer"


@dataclass
class Checked:
    """A constructor that a traced array would not survive."""

    weight: Any

    def __post_init__(self):
        self.weight = np.asarray(self.weight, float)


@dataclass
class Normed:
    """A constructor that computes a field."""

    weight: Any
    norm: Any = field(init=False)

    def __post_init__(self):
        self.norm = np.sum(self.weight**2)


def same(got, expected):
    """Equal containers with equal arrays."""
    assert type(got) is type(expected)
    if isinstance(expected, dict):
        assert list(got) == list(expected)
        got, expected = list(got.values()), list(expected.values())
    if isinstance(expected, (list, tuple)):
        assert len(got) == len(expected)
        for one, other in zip(got, expected, strict=True):
            same(one, other)
    elif isinstance(expected, (Layer, Checked)):
        same(vars(got), vars(expected))
    elif expected is not None:
        assert np.shape(got) == np.shape(expected)
        np.testing.assert_allclose(got, expected, rtol=1e-14, atol=1e-15)


STRUCTURES = {
    "dict": (lambda p: p["b"] @ p["a"].T, lambda a, b: {"b": b, "a": a}),
    "list": (lambda p: p[0] @ p[1], lambda a, b: [a, b]),
    "tuple": (lambda p: p[0] @ p[1], lambda a, b: (a, b)),
    "named tuple": (lambda p: p.left @ p.right, lambda a, b: Pair(a, b)),
    "ordered dict": (lambda p: p["w"] @ p["b"], lambda a, b: OrderedDict(w=a, b=b)),
    "dataclass": (lambda p: p.weight @ p.bias, lambda a, b: Layer(a, b, None)),
    "deep": (
        lambda p: p["layers"][0].weight @ p["layers"][1][0],
        lambda a, b: {"layers": [Layer(a, None, None), (b,)], "empty": (), "none": None},
    ),
}


@pytest.mark.parametrize("name", STRUCTURES)
def test_gradient_has_the_structure_of_its_argument(name):
    product, build = STRUCTURES[name]

    def f(p, x):
        return np.sum(np.sin(product(p)) * x)

    slope = np.cos(A @ B) * X
    expected = build(np.outer(slope, B), A.T @ slope)
    value, gradient = value_and_grad(f)(build(A, B), X)
    same(value, np.sum(np.sin(A @ B) * X))
    same(gradient, expected)
    same(grad(f, wrt=(1, 0))(build(A, B), X), (np.sin(A @ B), expected))
    _, pullback = vjp(f, build(A, B), X)
    same(pullback(1.0), (expected, np.sin(A @ B)))
    same(pullback(2.0)[1], 2 * np.sin(A @ B))
    _, tangent = jvp(f, [build(A, B), X], [build(A, 0 * B), 0 * X])
    same(tangent, np.sum(slope * (A @ B)))


def test_dict_keeps_the_order_of_its_keys():
    seen = []
    gradient = grad(lambda p: seen.append(list(p)) or p["z"] * p["a"])({"z": 2.0, "a": 3.0})
    assert seen == [["z", "a"]]
    assert list(gradient.items()) == [("z", 3.0), ("a", 2.0)]


def test_numbers_in_a_container_stay_numbers():
    value, gradient = value_and_grad(lambda p: p["x"] ** 2 * p["y"])({"x": 3.0, "y": np.float64(2.0)})
    assert type(gradient["x"]) is float
    assert type(gradient["y"]) is np.float64
    assert (value, gradient) == (18.0, {"x": 12.0, "y": 9.0})


def test_leaves_that_are_not_floating_are_constants():
    parameters = {
        "w": A,
        "n": 3,
        "mask": np.array([True, False]),
        "index": np.array([0, 2]),
        "activation": "sin",
        "nothing": None,
    }

    def f(p):
        assert p["n"] == 3
        assert p["nothing"] is None
        picked = p["w"][p["index"]][:, p["mask"]]
        return p["n"] * np.sum(getattr(np, p["activation"])(picked))

    expected = np.zeros((3, 2))
    expected[[0, 2], 0] = 3 * np.cos(A[[0, 2], 0])
    same(grad(f)(parameters), dict.fromkeys(parameters) | {"w": expected})
    assert grad(lambda p, x: x * p["n"], wrt=(0, 1))({"n": 3}, 2.0) == ({"n": None}, 3.0)
    tangents = dict.fromkeys(parameters) | {"w": A}
    same(jvp(f, [parameters], [tangents])[1], np.sum(expected * A))
    same(hvp(f, [parameters], [tangents])[0]["w"], -3 * np.sin(A) * A * (expected != 0))
    same(hvp(f, [parameters], [tangents])[0]["n"], None)


def test_dataclass_is_not_constructed_anew():
    same(grad(lambda p: np.sum(p.weight**2))(Checked(X)), Checked(2 * X))


def test_fields_that_a_constructor_computes_are_computed_under_differentiation():
    gradient = grad(lambda p: p.norm * p.weight[0])(Normed(X))
    same(gradient.weight, 2 * X * X[0] + np.array([X @ X, 0.0, 0.0]))


def test_keyword_arguments_are_constants():
    assert grad(lambda x, *, scale: scale * x**2)(3.0, scale=2) == 12.0
    assert jacobian(lambda x, scale: scale * x)(3.0, scale=2) == 2.0


# Nested outputs.


def outputs(x):
    return {"sum": np.sum(x), "pair": (np.sin(x), [x[:2] * x[1]]), "constant": np.ones(2), "none": None}


def test_pullback_takes_cotangents_in_the_structure_of_the_output():
    value, pullback = vjp(outputs, X)
    same(value, outputs(X))
    cotangent = {"sum": 2.0, "pair": (X, [B]), "constant": np.zeros(2), "none": None}
    by_product = np.array([B[0] * X[1], B[0] * X[0] + 2 * B[1] * X[1], 0.0])
    same(pullback(cotangent), (2 + np.cos(X) * X + by_product,))


def test_one_array_in_several_places_of_the_output_is_pulled_from_all():
    _, pullback = vjp(lambda x: (x, x, [x * x]), 3.0)
    assert pullback((1.0, 10.0, [100.0])) == (611.0,)


def test_tangent_has_the_structure_of_the_output():
    value, tangent = jvp(outputs, [X], [X])
    same(value, outputs(X))
    doubled = np.array([2 * X[0] * X[1], 2 * X[1] ** 2])
    expected = {"sum": X.sum(), "pair": (np.cos(X) * X, [doubled]), "constant": np.zeros(2), "none": None}
    same(tangent, expected)


@pytest.mark.parametrize("length", [1, 5])
def test_jacobian_has_blocks_by_output_and_input(length):
    c = np.linspace(0.5, 1.5, length)

    def f(p, c):
        return [p["a"] @ p["b"], (np.sum(p["b"]) * np.sin(c),)]

    J = jacobian(f, wrt=(0, 1))({"a": A, "b": B, "n": 1}, c)
    by_a = np.einsum("ik,j->ikj", np.eye(3), B)
    expected = [
        ({"a": by_a, "b": A, "n": None}, np.zeros((3, length))),
        (
            (
                {"a": np.zeros((length, 3, 2)), "b": np.sin(c)[:, None] * np.ones(2), "n": None},
                np.diag(np.sum(B) * np.cos(c)),
            ),
        ),
    ]
    same(J, expected)
    same(jacobian(f, wrt=1)({"a": A, "b": B}, c), [np.zeros((3, length)), (np.diag(B.sum() * np.cos(c)),)])


def test_hessian_has_blocks_by_input_and_input():
    def f(p, x):
        return np.sum(p["a"] * p["b"] ** 2) * x

    at = {"b": B, "a": X[:2], "label": "constant"}
    by_b = {"b": 2 * np.diag(X[:2]) * 3.0, "a": 2 * np.diag(B) * 3.0, "label": None}
    by_a = {"b": 2 * np.diag(B) * 3.0, "a": np.zeros((2, 2)), "label": None}
    same(hessian(f)(at, 3.0), {"b": by_b, "a": by_a, "label": None})
    full = hessian(f, wrt=(0, 1))(at, 3.0)
    same(full[0]["b"], (by_b, 2 * X[:2] * B))
    same(full[1], ({"b": 2 * X[:2] * B, "a": B**2, "label": None}, 0.0))


def test_hessian_products_have_the_structure_of_the_inputs():
    def f(p, x):
        return np.sum(p[0] * p[1] ** 2) * x

    products = hvp(f, [(X, 2 * X), 3.0], [(X, np.ones(3)), 0.5])
    a, b, x, da, db, dx = X, 2 * X, 3.0, X, np.ones(3), 0.5
    same(
        products,
        (
            (2 * b * db * x + b**2 * dx, 2 * b * da * x + 2 * a * db * x + 2 * a * b * dx),
            float(np.sum(b**2 * da + 2 * a * b * db)),
        ),
    )


def test_transforms_of_nested_arguments_nest():
    def f(p):
        return p["x"] ** 3 * p["y"]

    second = grad(lambda p: grad(f)(p)["x"])({"x": 2.0, "y": 5.0})
    assert second == {"x": 60.0, "y": 12.0}


def test_a_dataclass_first_met_by_many_threads():
    @dataclass
    class New:
        x: Any

    together = Barrier(8)

    def slope(number):
        together.wait(timeout=60)
        return grad(lambda p: p.x**2 * number)(New(3.0)).x

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(slope, range(8))) == [6.0 * number for number in range(8)]


def test_answers_share_no_memory():
    _, pullback = vjp(lambda p: p[0] + p[1], (X, X))
    cotangent = np.ones(3)
    ((a, b),) = pullback(cotangent)
    assert not any(np.shares_memory(a, other) for other in (b, cotangent, X))
    a, b = grad(lambda p: np.sum(p[0] + p[1]))((X, X))
    assert not np.shares_memory(a, b)
    assert a.flags.writeable
    assert b.flags.writeable
    y, tangent = jvp(lambda x: [x, x], [X], [cotangent])
    assert not any(np.shares_memory(tangent[0], other) for other in (cotangent, tangent[1]))
    assert len(y) == 2


# What is wrong is said.


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: grad(lambda p: [p, p])(1.0),
            "grad: expected a function with a scalar output (or use jacobian), got 'list'.",
        ),
        (
            lambda: vjp(lambda x: (x, [x]), 1.0)[1]((1.0, 2.0)),
            "cotangent: expected the containers of the output ((*, [*])), got 'tuple'.",
        ),
        (
            lambda: vjp(lambda x: {"a": x}, 1.0)[1](1.0),
            "cotangent: expected the containers of the output ({'a': *}), got 'float'.",
        ),
        (
            lambda: jvp(lambda p: p["a"], [{"a": 1.0}], [{"b": 1.0}]),
            "tangent: expected the containers of the input ({'a': *}), got 'dict'.",
        ),
        (
            lambda: jvp(lambda p: p.weight, [Layer(X, X)], [[X, X, None]]),
            "tangent: expected the containers of the input (Layer(*, *, *)), got 'list'.",
        ),
        (
            lambda: jvp(lambda p: p["a"], [{"a": X}], [{"a": np.ones(2)}]),
            "tangent: expected the input's shape (3,), got (2,).",
        ),
        (
            lambda: jvp(lambda p: p["a"], [{"a": X}], [{"a": None}]),
            "tangent: expected a real array for float64, got 'object'.",
        ),
        (
            lambda: jvp(lambda x: {"a": x, "b": "text"}, [X], [X]),
            "function: expected arrays, or containers of arrays, as its output, got 'str'.",
        ),
        (
            lambda: grad(lambda x, y: x, wrt=(0, 1, 0))(1.0, 2.0),
            "wrt: expected positions that differ, got (0, 1, 0).",
        ),
    ],
)
def test_error_says_what_was_expected(call, message):
    with pytest.raises(BadArgument, match=f"^{re.escape(message)}$"):
        call()


def test_flat_arguments_do_not_load_the_library():
    code = (
        "import sys; from gradcheck import engine; import numpy as np\n"
        "engine.grad(lambda x: x * x)(3.0); engine.hessian(np.sum)(np.ones(2)); engine.vjp(np.sin, 1.0)\n"
        "assert 'optree' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
