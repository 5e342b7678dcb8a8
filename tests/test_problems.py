"""A problem is declared once, refuses contradictions at once, and draws its points reproducibly."""

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gradcheck import Domain, Point, Problem, Published, draws, problem
from gradcheck.errors import BadProblem
from gradcheck.namespaces import numpy_xp
from gradcheck.operators import OPERATORS, Layout, applicable


def cubic(xp, x):
    """(x^2 + 1)^3

    Further lines are not part of the formula.
    """
    return (x**2 + 1) ** 3


def bilinear(xp, a, b):
    return xp.sum(a * b)


def test_problem_keeps_what_was_declared():
    printed = Published(value=17576.0, source="S")
    declared = problem(
        x=5.0, why="a power of a power", domain={"x": Domain(low=0)}, kinks="none", published=printed
    )(cubic)
    assert isinstance(declared, Problem)
    assert (declared.name, declared.inputs, declared.wrt) == ("cubic", ("x",), ("x",))
    assert (declared.formula, declared.why, declared.kinks) == ("(x^2 + 1)^3", "a power of a power", "none")
    assert declared.points[0].published == (printed,)
    assert declared(numpy_xp, 5.0) == 17576


def test_problem_is_renamed_into_another():
    declared = problem(x=5.0)(cubic)
    assert (declared.renamed("other").name, declared.name) == ("other", "cubic")
    assert problem(x=5.0, name="given")(cubic).name == "given"


def test_function_without_a_docstring_has_no_formula():
    assert problem(a=1.0, b=2.0)(bilinear).formula == ""


@pytest.mark.parametrize(
    ("inputs", "options", "wrt"),
    [
        ({"a": 1.0, "b": 2.0}, {}, ("a", "b")),
        ({"a": 1.0, "b": 2}, {}, ("a",)),
        ({"a": [1, 2], "b": [0.5, 2]}, {}, ("b",)),
        ({"a": draws.normal(2), "b": True}, {}, ("a",)),
        ({"b": 2.0, "a": 1.0}, {}, ("a", "b")),
        ({"a": 1.0, "b": 2.0}, {"wrt": "b"}, ("b",)),
        ({"a": 1.0, "b": 2.0}, {"wrt": ("b", "a")}, ("b", "a")),
    ],
)
def test_floating_inputs_are_differentiated_unless_told_otherwise(inputs, options, wrt):
    assert problem(**inputs, **options)(bilinear).wrt == wrt


@pytest.mark.parametrize(
    ("declare", "message"),
    [
        (
            lambda: problem(a=1.0)(bilinear),
            (
                "problem 'bilinear': a point gives a, the function takes a, b; "
                "give every input once, by its name."
            ),
        ),
        (
            lambda: problem(a=1.0, b=2.0, c=3.0)(bilinear),
            (
                "problem 'bilinear': a point gives a, b, c, the function takes a, b; "
                "give every input once, by its name."
            ),
        ),
        (
            lambda: problem(Point(a=1.0, b=2.0), Point(b=2.0))(bilinear),
            (
                "problem 'bilinear': a point gives b, the function takes a, b; "
                "give every input once, by its name."
            ),
        ),
        (
            lambda: problem(Point(label="nowhere"))(bilinear),
            (
                "problem 'bilinear': a point gives nothing, the function takes a, b; "
                "give every input once, by its name."
            ),
        ),
        (
            lambda: problem(a=1.0, b=2.0, wrt="c")(bilinear),
            "problem 'bilinear': wrt names 'c', the function takes a, b; name an input.",
        ),
        (
            lambda: problem(a=1.0, b=2, wrt="b")(bilinear),
            (
                "problem 'bilinear': wrt names 'b', an integer input; "
                "write 5.0 rather than 5 to differentiate by it."
            ),
        ),
        (
            lambda: problem()(bilinear),
            "problem 'bilinear': it has no point; give the inputs as keywords, for example x=5.0.",
        ),
        (
            lambda: problem(a=1, b=[2, 3])(bilinear),
            "problem 'bilinear': no input is floating-point; write 5.0 rather than 5 to differentiate by it.",
        ),
        (
            lambda: problem(x=1.0)(lambda xp: xp.pi),
            "problem '<lambda>': the function takes no input; write it as f(xp, x, ...).",
        ),
    ],
)
def test_contradiction_is_refused_at_declaration(declare, message):
    with pytest.raises(BadProblem, match=f"^{re.escape(message)}$"):
        declare()


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (
            lambda xp, x: x @ x,
            "problem 'example': fails on NumPy at x=2 (ValueError: matmul: ",
        ),
        (
            lambda xp, x: xp.no_such(x),
            "problem 'example': fails on NumPy at x=2 (AttributeError: ",
        ),
        (
            lambda xp, x: x > 0,
            "problem 'example': returns bool at x=2; return one floating-point array.",
        ),
        (
            lambda xp, x: [xp.sin(x), None],
            "problem 'example': returns list at x=2; return one floating-point array.",
        ),
        (
            lambda xp, x: (x, x),
            "problem 'example': returns tuple at x=2; return one floating-point array.",
        ),
    ],
)
def test_function_that_does_not_run_is_refused_when_evaluated(function, message):
    (instance,) = problem(x=2.0, name="example")(function).instances()
    with pytest.raises(BadProblem, match=f"^{re.escape(message)}"):
        _ = instance.layout


# Points.


@pytest.mark.parametrize(
    ("inputs", "label"),
    [
        ({"x": 5.0}, "x=5"),
        ({"x": 1 / 3}, "x=0.333333"),
        ({"x": [1.0, 2.5]}, "x=(1, 2.5)"),
        ({"x": np.zeros((2, 3))}, "x=2x3"),
        ({"x": np.zeros(5)}, "x=5"),
        ({"x": draws.normal(3, 4)}, "x=normal(3x4)"),
        ({"x": draws.uniform(0.5, 1.5, 20)}, "x=uniform(0.5 to 1.5, 20)"),
        ({"a": 1.0, "b": 2}, "a=1, b=2"),
    ],
)
def test_point_is_labelled_by_its_inputs(inputs, label):
    assert Point(**inputs).label == label
    assert repr(Point(**inputs)) == f"Point({label})"
    assert Point(**inputs, label="given").label == "given"


def test_points_of_equal_labels_are_numbered():
    declared = problem(Point(x=1.0), Point(x=2.0), Point(x=1.0 + 1e-12), x=1.0)(cubic)
    assert [point.label for point in declared.points] == ["x=1", "x=2", "x=1 #2", "x=1 #3"]


def test_a_numbered_label_is_not_given_twice():
    same = Point(x=1.0)
    points = problem(same, same, Point(x=2.0, label="x=1 #2"), name="example")(lambda xp, x: x).points
    assert ["x=1", "x=1 #2", "x=1 #2 #2"] == [point.label for point in points]
    assert "x=1" == same.label


def test_one_published_is_as_good_as_several():
    one, other = Published(value=1, source="A"), Published(value=2, source="B")
    assert Point(x=1.0, published=one).published == (one,)
    assert Point(x=1.0, published=(one, other)).published == (one, other)


@pytest.mark.parametrize(
    ("domain", "inside", "outside"),
    [
        (Domain(low=0), [1e-300, 5], [0, 1]),
        (Domain(low=0, high=1), [0.25, 0.75], [0.5, 1]),
        (Domain(low=0, high=1, open=False), [0, 1], [1.5]),
        (Domain(), [-1e300], [np.inf]),
    ],
)
def test_domain_is_an_interval(domain, inside, outside):
    assert domain.contains(np.array(inside))
    assert not domain.contains(np.array(outside))


# Instances.


def test_inputs_become_arrays_in_the_order_of_the_function():
    (instance,) = problem(b=2, a=[1.0, 3.0])(bilinear).instances()
    assert list(instance.arrays) == ["a", "b"]
    assert instance.arrays["a"].dtype == np.float64
    assert instance.arrays["b"].dtype.kind == "i"
    assert {name: array.dtype.kind for name, array in instance.cast("float32").items()} == {
        "a": "f",
        "b": "i",
    }
    assert instance.cast("float32")["a"].dtype == np.float32


def test_bound_function_takes_the_wrt_inputs_alone():
    (instance,) = problem(a=[1.0, 3.0], b=2.0, wrt="b")(bilinear).instances()
    bound = instance.bind(numpy_xp, instance.arrays)
    assert bound(5.0) == 20
    assert instance.wrt_shapes == ((),)
    (swapped,) = problem(a=[1.0, 3.0], b=2.0, wrt=("b", "a"))(lambda xp, a, b: xp.sum(a) - b).instances()
    assert swapped.bind(numpy_xp, swapped.arrays)(1.0, np.array([2.0, 2.0])) == 3


DRAWS = {
    "normal": draws.normal(4, 3),
    "shifted normal": draws.normal(3, scale=1e-3, shift=100),
    "scalar": draws.normal(),
    "uniform": draws.uniform(0.1, 0.2, 5),
    "simplex": draws.simplex(2, 3),
    "signed": draws.signed(6),
}


@settings(max_examples=20, deadline=None)
@given(st.sampled_from(sorted(DRAWS)), st.integers(0, 2**32))
def test_draw_is_exact_in_single_precision(name, seed):
    array = DRAWS[name](np.random.default_rng(seed))
    assert array.dtype == np.float64
    assert array.shape == DRAWS[name].shape
    np.testing.assert_array_equal(array, array.astype(np.float32))


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**32))
def test_draw_lies_where_it_says(seed):
    generator = np.random.default_rng(seed)
    np.testing.assert_allclose(DRAWS["simplex"](generator).sum(axis=-1), 1, rtol=1e-6)
    assert np.all(DRAWS["simplex"](generator) > 0)
    assert np.all((DRAWS["uniform"](generator) >= 0.0999) & (DRAWS["uniform"](generator) <= 0.2001))
    assert np.all((abs(DRAWS["signed"](generator)) >= 0.5) & (abs(DRAWS["signed"](generator)) <= 1.5))


def drawn(seed=0, name="example", label="", given=draws.normal(3)):  # noqa: B008 - a frozen value
    (instance,) = problem(Point(x=given, label=label), name=name)(cubic).instances(seed)
    return instance.arrays["x"]


def test_draw_depends_on_seed_names_and_label_alone():
    np.testing.assert_array_equal(drawn(), drawn())
    for other in (drawn(seed=1), drawn(name="other"), drawn(label="other")):
        assert not np.any(drawn() == other)


def test_inputs_of_one_point_are_drawn_apart():
    (instance,) = problem(a=draws.normal(3), b=draws.normal(3))(bilinear).instances()
    assert not np.any(instance.arrays["a"] == instance.arrays["b"])


def test_draw_does_not_depend_on_other_points():
    two = problem(Point(x=1.0), Point(x=draws.normal(3)), name="example")(cubic).instances()[1]
    np.testing.assert_array_equal(two.arrays["x"], drawn())


def test_directions_are_seeded_probes_exact_in_single_precision():
    (instance,) = problem(x=1.0)(cubic).instances()
    one, other = instance.direction("tangent", ((2, 3), (4,)))
    assert (one.shape, other.shape) == ((2, 3), (4,))
    np.testing.assert_array_equal(one, instance.direction("tangent", ((2, 3), (4,)))[0])
    assert not np.any(one == instance.direction("cotangent", ((2, 3),))[0])
    np.testing.assert_array_equal(one, one.astype(np.float32))
    assert np.all((abs(one) >= 0.5) & (abs(one) <= 1.5))


# The flat form and its paths.

LAYOUT = Layout(names=("W", "b", "s"), inputs=((2, 3), (2,), ()), output=(2, 1))
SCALAR = Layout(names=("W", "b", "s"), inputs=((2, 3), (2,), ()), output=())


def test_layout_counts_entries():
    assert (LAYOUT.n, LAYOUT.k) == (9, 2)
    assert (SCALAR.n, SCALAR.k) == (9, 1)
    (instance,) = problem(a=[[1.0], [2.0]], b=3.0)(lambda xp, a, b: a[:, 0] * b).instances()
    assert instance.layout == Layout(names=("a", "b"), inputs=((2, 1), ()), output=(2,))


@pytest.mark.parametrize(
    ("operator", "shape"),
    [
        ("value", (2,)),
        ("gradient", (9,)),
        ("jacobian", (2, 9)),
        ("hessian", (9, 9)),
        ("jvp", (2,)),
        ("vjp", (9,)),
        ("hvp", (9,)),
    ],
)
def test_layout_gives_the_shape_of_every_flat_answer(operator, shape):
    assert LAYOUT.shape(operator) == shape


def test_every_operator_has_a_shape():
    assert all(LAYOUT.shape(operator) for operator in OPERATORS)


@pytest.mark.parametrize(
    ("layout", "operator", "position", "path"),
    [
        (SCALAR, "gradient", 0, "W[0,0]"),
        (SCALAR, "gradient", 5, "W[1,2]"),
        (SCALAR, "vjp", 6, "b[0]"),
        (SCALAR, "hvp", 8, "s"),
        (SCALAR, "value", 0, "f"),
        (LAYOUT, "value", 1, "f[1,0]"),
        (LAYOUT, "jvp", 1, "f[1,0]"),
        (LAYOUT, "jacobian", 9 + 7, "d f[1,0] / d b[1]"),
        (SCALAR, "jacobian", 3, "d f / d W[1,0]"),
        (SCALAR, "hessian", 9 * 8 + 4, "d2 f / d s d W[1,1]"),
    ],
)
def test_layout_names_an_entry(layout, operator, position, path):
    assert layout.path(operator, position) == path


def test_layout_has_no_entry_past_the_last():
    with pytest.raises(IndexError):
        SCALAR.input_path(9)


def test_operators_that_make_sense_for_an_output():
    assert applicable(()) == ("value", "gradient", "hessian", "jvp", "vjp", "hvp")
    assert applicable((1,)) == ("value", "jacobian", "jvp", "vjp")
