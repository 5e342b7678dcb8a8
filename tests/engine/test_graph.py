"""The computation graph: its listing, its three tables, and evaluation at other inputs.

The example is worked by hand in A. G. Baydin et al., "Automatic differentiation in machine learning: a
survey", J. Mach. Learn. Res. 18 (2018), tables 2 and 3.
"""

import re

import numpy as np
import pytest

from gradcheck.engine import trace, xp
from gradcheck.errors import BadArgument


def example(x1, x2):
    return xp.log(x1) + x1 * x2 - xp.sin(x2)


@pytest.fixture
def graph():
    return trace(example)(2.0, 5.0)


LISTING = """\
v-1 = x1
v0 = x2
v1 = ln v-1
v2 = v-1 * v0
v3 = v1 + v2
v4 = sin(v0)
v5 = v3 - v4
y = v5"""


def test_listing_is_in_wengert_notation(graph):
    assert str(graph) == LISTING


def test_primals_are_the_values_of_every_node(graph):
    expected = [2, 5, np.log(2), 10, np.log(2) + 10, np.sin(5), 11.6520714552230838]
    np.testing.assert_allclose(graph.primals(), expected, rtol=2e-16)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("x1", [1, 0, 0.5, 5, 5.5, 0, 5.5]),
        ("x2", [0, 1, 0, 2, 2, np.cos(5), 1.71633781453677374]),
    ],
)
def test_tangents_are_the_derivatives_along_one_input(graph, name, expected):
    np.testing.assert_allclose(graph.tangents(name), expected, rtol=2e-16)


def test_adjoints_are_the_derivatives_by_every_node(graph):
    np.testing.assert_allclose(graph.backward(), [5.5, 1.71633781453677374, 1, 1, 1, -1, 1], rtol=2e-16)


def test_forward_at_other_values_then_backward(graph):
    moved = graph.forward(1.0, np.pi)
    np.testing.assert_allclose(moved.primals(), [1, np.pi, 0, np.pi, np.pi, 0, np.pi], atol=2e-16)
    np.testing.assert_allclose(moved.backward(), [1 + np.pi, 2, 1, 1, 1, -1, 1], rtol=2e-16)
    np.testing.assert_allclose(moved.tangents("x2"), [0, 1, 0, 1, 1, -1, 2], rtol=2e-16)
    assert str(moved) == LISTING


def test_forward_leaves_the_first_evaluation_as_it_was(graph):
    before = graph.primals()
    graph.forward(7.0, -1.0)
    assert graph.primals() == before


def test_forward_keeps_the_dtype():
    graph = trace(lambda x: xp.sin(x) * 2)(np.float32(0.5))
    assert graph.forward(1).primals()[-1].dtype == np.float32


def test_operation_off_the_path_has_no_adjoint():
    def f(x):
        xp.exp(x)
        return 3 * x

    graph = trace(f)(2.0)
    np.testing.assert_array_equal(graph.backward(), [3, 0, 1])


def test_value_used_twice_adds_its_adjoints_up():
    graph = trace(lambda x: (x * x) * x)(3.0)
    assert str(graph) == "v0 = x1\nv1 = v0 * v0\nv2 = v1 * v0\ny = v2"
    np.testing.assert_array_equal(graph.backward(), [27, 3, 1])


def test_adjoints_of_an_array_are_of_the_sum_of_its_entries():
    graph = trace(lambda x: x**2, ["x"])(np.array([1.0, 2.0]))
    np.testing.assert_array_equal(graph.backward()[0], [2, 4])


@pytest.mark.parametrize(
    ("function", "inputs", "names", "listing"),
    [
        (lambda x: x, (2.0,), (), "v0 = x1\ny = v0"),
        (
            lambda A, x: A @ x.T,
            (np.eye(2), np.eye(2)),
            ("A", "x"),
            "v-1 = A\nv0 = x\n{}v2 = v-1 @ v1\ny = v2",
        ),
        (
            lambda x: xp.sum(x, axis=0, keepdims=True),
            (np.eye(2),),
            (),
            "v0 = x1\nv1 = sum(v0, axis=0, keepdims=True)\ny = v1",
        ),
        (lambda x: x * np.ones(3), (2.0,), (), "v0 = x1\nv1 = v0 * const[3]\ny = v1"),
        (lambda x: 2**x / 3, (2.0,), (), "v0 = x1\nv1 = 2^v0\nv2 = v1 / 3\ny = v2"),
    ],
)
def test_listing_shows_names_parameters_and_constants(function, inputs, names, listing):
    transposed = "v1 = permute_dims(v0, axes=(1, 0))\n"
    assert str(trace(function, names)(*inputs)) == listing.format(transposed)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda graph: graph.forward(1.0), "values: expected 2 inputs (x1, x2), got 1."),
        (lambda graph: graph.tangents("x3"), "input: expected one of x1, x2, got 'x3'."),
        (
            lambda _: trace(lambda x: 1.0)(2.0),
            "function: expected an output that depends on its inputs, got 'a constant'.",
        ),
        (lambda _: trace(example, ["x"])(2.0, 5.0), "names: expected 2, one for every input, got 1."),
    ],
)
def test_error_says_what_to_do(graph, call, message):
    with pytest.raises(BadArgument, match=f"^{re.escape(message)}$"):
        call(graph)
