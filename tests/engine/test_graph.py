"""The computation graph: its listing, its three tables, its steps, and evaluation at other inputs.

The example is worked by hand in A. G. Baydin et al., "Automatic differentiation in machine learning: a
survey", J. Mach. Learn. Res. 18 (2018), tables 2 and 3.
"""

import re
from collections import namedtuple
from dataclasses import dataclass
from typing import Any

import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gradcheck import engine
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
        (lambda x: x[0, ..., ::-1], (np.eye(2),), (), "v0 = x1\nv1 = v0[0, ..., ::-1]\ny = v1"),
        (lambda x: x[1:, None][0], (np.ones(3),), (), "v0 = x1\nv1 = v0[1:, None]\nv2 = v1[0]\ny = v2"),
        (lambda x: x[x > 0], (np.ones(3),), (), "v0 = x1\nv1 = v0[const[3]]\ny = v1"),
        (lambda y: y * 2, (2.0,), ("y",), "v0 = y\nv1 = v0 * 2\nf = v1"),
        (
            lambda x: xp.where(x > 0, x, 0.5),
            (2.0,),
            (),
            "v0 = x1\nv1 = v0 > 0\nv2 = where(v1, v0, 0.5)\ny = v2",
        ),
    ],
)
def test_listing_shows_names_parameters_and_constants(function, inputs, names, listing):
    transposed = "v1 = permute_dims(v0, axes=(1, 0))\n"
    assert str(trace(function, names)(*inputs)) == listing.format(transposed)


def test_operations_are_names_to_expressions_in_order(graph):
    assert list(graph.operations.items()) == [tuple(line.split(" = ")) for line in LISTING.splitlines()[:-1]]


def test_repr_is_the_listing(graph):
    assert repr(graph) == LISTING


def test_python_floats_stay_python_floats(graph):
    moved = graph.forward(1, 2.0)
    for values in (
        graph.primals(),
        graph.backward(),
        graph.tangents("x1"),
        moved.primals(),
        moved.backward(),
    ):
        assert {type(value) for value in values} == {float}


def test_table_puts_the_three_side_by_side(graph):
    table = graph.table("x1", "x2")
    assert table.columns == ("step", "value", "dv/dx1", "dv/dx2", "dy/dv")
    assert len(table) == 7
    columns = list(zip(*table, strict=True))
    assert columns[1:] == [
        *map(tuple, (graph.primals(), graph.tangents("x1"), graph.tangents("x2"), graph.backward()))
    ]
    assert (
        str(table)
        == """\
step               value  dv/dx1    dv/dx2    dy/dv
v-1 = x1               2       1         0      5.5
v0 = x2                5       0         1  1.71634
v1 = ln v-1     0.693147     0.5         0        1
v2 = v-1 * v0         10       5         2        1
v3 = v1 + v2     10.6931     5.5         2        1
v4 = sin(v0)   -0.958924       0  0.283662       -1
v5 = v3 - v4     11.6521     5.5   1.71634        1"""
    )


def test_table_shows_the_first_input_unasked(graph):
    assert graph.table() == graph.table("x1")


def test_table_is_what_pandas_takes(graph):
    pandas = pytest.importorskip("pandas")
    table = graph.table()
    frame = pandas.DataFrame(table.rows, columns=table.columns).set_index("step")
    assert frame.loc["v0 = x2", "dy/dv"] == graph.backward()[1]


def test_steps_show_every_number_of_both_sweeps(graph):
    assert (
        str(graph.steps())
        == """\
forward
v-1 = x1 = 2
v0 = x2 = 5
v1 = ln v-1 = ln 2 = 0.693147
v2 = v-1 * v0 = 2 * 5 = 10
v3 = v1 + v2 = 0.693147 + 10 = 10.6931
v4 = sin(v0) = sin(5) = -0.958924
v5 = v3 - v4 = 10.6931 - (-0.958924) = 11.6521
y = v5 = 11.6521

backward
dy/dv5 = 1
dy/dv3 = dy/dv5 * dv5/dv3 = 1 * 1 = 1
dy/dv4 = dy/dv5 * dv5/dv4 = 1 * (-1) = -1
dy/dv0 = dy/dv4 * dv4/dv0 = -1 * 0.283662 = -0.283662
dy/dv1 = dy/dv3 * dv3/dv1 = 1 * 1 = 1
dy/dv2 = dy/dv3 * dv3/dv2 = 1 * 1 = 1
dy/dv-1 = dy/dv2 * dv2/dv-1 = 1 * 5 = 5
dy/dv0 += dy/dv2 * dv2/dv0 = 1 * 2 = 2, in all 1.71634
dy/dv-1 += dy/dv1 * dv1/dv-1 = 1 * 0.5 = 0.5, in all 5.5
dy/dx1 = dy/dv-1 = 5.5
dy/dx2 = dy/dv0 = 1.71634"""
    )


def test_steps_of_arrays_show_their_shapes():
    graph = trace(lambda W, x: xp.sum((W @ x) ** 2), ["W", "x"])(np.ones((2, 3)), np.ones((3, 1)))
    assert (
        str(graph.steps())
        == """\
forward
v-1 = W = array[2,3]
v0 = x = array[3,1]
v1 = v-1 @ v0 = array[2,3] @ array[3,1] = array[2,1]
v2 = v1^2 = array[2,1]^2 = array[2,1]
v3 = sum(v2) = sum(array[2,1]) = 18
y = v3 = 18

backward
dy/dv3 = 1
dy/dv2 = dy/dv3 pulled back through sum(v2) = array[2,1]
dy/dv1 = dy/dv2 pulled back through v1^2 = array[2,1]
dy/dv-1 = dy/dv1 pulled back through v-1 @ v0 = array[2,3]
dy/dv0 = dy/dv1 pulled back through v-1 @ v0 = array[3,1]
dy/dW = dy/dv-1 = array[2,3]
dy/dx = dy/dv0 = array[3,1]"""
    )


def test_steps_say_which_operand_where_both_are_the_same():
    backward = str(trace(lambda x: x * x)(3.0).steps()).partition("backward\n")[2]
    assert (
        backward
        == """\
dy/dv1 = 1
dy/dv0 = dy/dv1 * dv1/dv0 (operand 1) = 1 * 3 = 3
dy/dv0 += dy/dv1 * dv1/dv0 (operand 2) = 1 * 3 = 3, in all 6
dy/dx1 = dy/dv0 = 6"""
    )


def test_steps_of_an_array_output_say_what_is_differentiated():
    steps = str(trace(lambda x: x * 2)(np.ones(2)).steps())
    assert "dy/dv1 = array[2], the derivative of the sum of its entries" in steps


def test_steps_are_data_too(graph):
    steps = graph.steps()
    assert len(steps) == len(list(steps)) == len(steps.forward) + len(steps.backward) == 7 + 8
    assert [step.value for step in steps.forward] == graph.primals()
    last = steps.backward[-1]
    assert (last.node, last.parent, last.partial, last.part, last.total) == ("v1", "v-1", 0.5, 0.5, 5.5)


@settings(max_examples=25)
@given(st.floats(0.125, 8), st.floats(-8, 8))
def test_contributions_add_up_to_the_adjoints(x1, x2):
    graph = trace(lambda a, b: example(a, b) * a + xp.tanh(b * b))(x1, x2)
    sums = {}
    for step in graph.steps().backward:
        assert step.part == pytest.approx(step.adjoint * step.partial, rel=1e-15, abs=1e-300)
        sums[step.parent] = sums.get(step.parent, 0.0) + step.part
        assert step.total == sums[step.parent]
    adjoints = dict(zip(graph.operations, graph.backward(), strict=True))
    assert sums == {name: adjoints[name] for name in sums}


def test_sentences(graph):
    assert (
        graph.in_words()
        == """\
Start from x1 = 2, x2 = 5.
1. Take the natural logarithm of x1: v1 = 0.693147.
2. Multiply x1 by x2: v2 = 10.
3. Add v1 and v2: v3 = 10.6931.
4. Take the sine of x2: v4 = -0.958924.
5. From v3 subtract v4: v5 = 11.6521.
The answer is y = v5 = 11.6521."""
    )


@pytest.mark.parametrize(
    ("function", "said"),
    [
        (lambda x: xp.sum(x, axis=0), "1. Add up the entries of x1 (axis=0): v1 = array[2]."),
        (lambda x: x[0], "1. Take an entry, or a part, of x1 ([0]): v1 = array[2]."),
        (lambda x: xp.sinh(x), "1. Apply sinh to x1: v1 = array[2,2]."),
        (lambda x: xp.linalg.solve(x, x), "1. Apply solve to x1 and x1: v1 = array[2,2]."),
    ],
)
def test_sentence_says_parameters_and_names_what_has_no_words(function, said):
    assert trace(function)(np.eye(2)).in_words().splitlines()[1] == said


# Worked examples of the lecture notes; the values are the true ones, to 30 digits.


def test_chain_of_the_slides():
    """s = x^2 * 3y * sin(3y), whose printed derivatives are wrong."""
    graph = trace(lambda x, y: (x**2 * (3 * y)) * xp.sin(3 * y), ["x", "y"])(3.0, 4.0)
    values = dict(
        zip(graph.operations.values(), zip(graph.primals(), graph.backward(), strict=True), strict=True)
    )
    np.testing.assert_allclose(values["v-1^2"][0], 9, rtol=1e-15)
    np.testing.assert_allclose(values["x"][1], -38.6332500960313, rtol=1e-14)
    np.testing.assert_allclose(values["y"][1], 258.921213843316, rtol=1e-14)
    np.testing.assert_allclose(graph.primals()[graph.output], -57.949875144046984, rtol=1e-14)
    assert graph.result == "f"


def test_shared_operand_of_the_slides_gathers_both_paths():
    """With a2 = 3y as one node: ds/da2 = sin(a2) a1 + a3 cos(a2), along both paths."""

    def s(x, y):
        a1, a2 = x**2, 3 * y
        return a1 * a2 * xp.sin(a2)

    graph = trace(s, ["x", "y"])(3.0, 4.0)
    a2 = list(graph.operations.values()).index("3 * v0")
    np.testing.assert_allclose(graph.primals()[a2 + 2], -0.536572918000435, rtol=1e-14)
    np.testing.assert_allclose(graph.backward()[a2], 86.3070712811, rtol=1e-11)
    arriving = [step for step in graph.steps().backward if step.parent == graph.name(a2)]
    assert [step.node for step in arriving] == ["v4", "v3"]
    np.testing.assert_allclose(arriving[0].partial, np.cos(12), rtol=1e-15)


def test_power_of_itself():
    graph = trace(lambda x: x ** xp.cos(x), ["x"])(3.0)
    np.testing.assert_allclose(graph.primals()[graph.output], 0.337018342120219, rtol=1e-14)
    np.testing.assert_allclose(graph.backward()[0], -0.163465244649693, rtol=1e-14)
    base, exponent = (step.partial for step in graph.steps().backward[:2])
    k = np.cos(3.0)
    np.testing.assert_allclose([base, exponent], [k * 3 ** (k - 1), 3**k * np.log(3)], rtol=1e-14)


def test_power_with_three_inputs():
    graph = trace(lambda x, y, z: x ** (xp.cos(y) * z**2), ["x", "y", "z"])(2.0, 1.0, 1.5)
    with mpmath.workdps(30):
        x, y, z = mpmath.mpf(2), mpmath.mpf(1), mpmath.mpf("1.5")
        k = mpmath.cos(y) * z**2
        slope = x**k * mpmath.log(x)
        true = [k * x ** (k - 1), -slope * mpmath.sin(y) * z**2, slope * 2 * z * mpmath.cos(y)]
    np.testing.assert_allclose(graph.backward()[:3], [float(t) for t in true], rtol=1e-15)
    assert str(graph) == (
        "v-2 = x\nv-1 = y\nv0 = z\nv1 = cos(v-1)\nv2 = v0^2\nv3 = v1 * v2\nv4 = v-2^v3\nf = v4"
    )


# Nested arguments.

Pair = namedtuple("Pair", "a b")


@dataclass
class Layer:
    weight: Any
    steps: int = 3


def nested(layer, pair, rest):
    return layer.weight * pair.a + rest[1]["k"] * layer.steps + pair.b[0]


NESTED = Layer(2.0), Pair(3.0, (1.0,)), [None, {"k": 5.0, "mode": "fast"}]


def test_nested_inputs_are_named_as_python_reaches_them():
    graph = trace(nested, ["layer", "pair", "rest"])(*NESTED)
    assert graph.inputs == ("layer.weight", "pair.a", "pair.b[0]", "rest[1]['k']")
    assert graph.backward()[:4] == [3.0, 2.0, 1.0, 3.0]
    assert graph.tangents("rest[1]['k']")[graph.output] == 3.0


def test_nested_graph_is_evaluated_at_other_nested_inputs():
    graph = trace(nested)(*NESTED)
    moved = graph.forward(Layer(1.0), Pair(10.0, (0.5,)), [None, {"k": 2.0, "mode": "slow"}])
    assert moved.primals()[moved.output] == 16.5
    assert moved.backward()[:4] == [10.0, 1.0, 1.0, 3.0]


# Decisions.


def test_forward_makes_comparisons_anew():
    graph = trace(lambda x: xp.sum(xp.where(x > 0, x, 0.1 * x)))(np.array([1.0, -2.0]))
    moved = graph.forward(np.array([-1.0, 3.0]))
    assert moved.primals()[moved.output] == 2.9
    np.testing.assert_array_equal(graph.backward()[0], [1.0, 0.1])
    np.testing.assert_array_equal(moved.backward()[0], [0.1, 1.0])
    np.testing.assert_array_equal(moved.tangents("x1")[-1], 1.1)


def test_comparison_passes_no_derivative():
    graph = trace(lambda x: xp.where(x > 1, x, 2 * x))(3.0)
    assert str(graph.primals()[1]) == "True"
    assert (graph.backward()[1], graph.tangents("x1")[1]) == (0.0, 0.0)
    assert not [step for step in graph.steps().backward if step.parent == "v1"]


def test_forward_refuses_another_branch():
    graph = trace(lambda x: x * x if x > 0 else -x)(3.0)
    assert graph.forward(2.0).primals()[-1] == 4.0
    message = (
        "values: expected inputs at which v1 = v0 > 0 is True, as traced "
        "(trace the function at these instead), got False."
    )
    with pytest.raises(BadArgument, match=f"^{re.escape(message)}$"):
        graph.forward(-1.0)


def test_graph_nests_in_a_derivative():
    def slope(x):
        return trace(lambda t: t**3)(x).backward()[0]

    assert engine.grad(slope)(2.0) == 12.0
    assert trace(engine.grad(lambda x: x**3))(2.0).backward()[0] == 12.0


def test_infinite_slope_is_shown():
    with np.errstate(divide="ignore"):
        steps = str(trace(lambda x: xp.sqrt(x) * 0.0)(0.0).steps())
        assert "dy/dv0 = dy/dv1 * dv1/dv0 = 0 * inf = 0" in steps


def test_complex_numbers_are_shown_in_parentheses():
    graph = trace(lambda z: xp.sum(z * z))(1.0 + 2.0j)
    assert "v1 = v0 * v0 = (1+2j) * (1+2j) = -3+4j" in str(graph.steps())


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda graph: graph.forward(1.0), "values: expected 2 inputs (x1, x2), got 1."),
        (
            lambda _: trace(lambda p: p["a"] * 2, ["p"])({"a": 1.0}).forward({"b": 1.0}),
            "values: expected the inputs p['a'], got \"none for p['a']\".",
        ),
        (lambda graph: graph.tangents("x3"), "input: expected one of x1, x2, got 'x3'."),
        (lambda graph: graph.table("x1", "x3"), "input: expected one of x1, x2, got 'x3'."),
        (
            lambda _: trace(lambda x: 1.0)(2.0),
            "function: expected an output that depends on its inputs, got 'a constant'.",
        ),
        (
            lambda _: trace(lambda x: (x, x))(2.0),
            "function: expected one array as its output (xp.stack joins several), got 'tuple'.",
        ),
        (
            lambda _: trace(lambda x: x)(2),
            "input: expected a floating-point array (write 3.0 rather than 3), got 'int64'.",
        ),
        (lambda _: trace(example, ["x"])(2.0, 5.0), "names: expected 2, one for every input, got 1."),
    ],
)
def test_error_says_what_to_do(graph, call, message):
    with pytest.raises(BadArgument, match=f"^{re.escape(message)}$"):
        call(graph)
