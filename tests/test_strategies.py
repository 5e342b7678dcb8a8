"""Drawn inputs: inside their domain, every delicacy among them, small when shrunk, the same in any layout."""

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import HealthCheck, find, given, settings
from hypothesis import strategies as st
from hypothesis.errors import NoSuchExample

from gradcheck import Domain, draws, problem
from gradcheck.catalogue import installed_suites
from gradcheck.errors import BadArgument, UnknownName
from gradcheck.namespaces import numpy_xp
from gradcheck.strategies import arrays, layouts, points

PROBLEMS = {
    f"{suite.name}/{one.name}": one
    for suite in installed_suites().values()
    for one in suite.problems.values()
}
DOMAINS = {
    "everywhere": Domain(),
    "positive": Domain(low=0.0),
    "negative": Domain(high=0.0),
    "probability": Domain(low=0.0, high=1.0, open=False),
    "inside": Domain(low=-1.0, high=1.0),
    "far from 0": Domain(low=1e6, high=1e6 + 1, open=False),
    "above 1": Domain(low=1.0),
    "very small": Domain(low=1e-20, high=3e-20),
    "one number": Domain(low=2.0, high=2.0, open=False),
}


def sought(strategy, condition):
    """The simplest array that has a property."""
    return find(strategy, condition, settings=settings(max_examples=3000, database=None, derandomize=True))


@pytest.mark.parametrize("delicate", [True, False])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("domain", DOMAINS.values(), ids=DOMAINS)
@settings(max_examples=50, suppress_health_check=[HealthCheck.differing_executors])
@given(data=st.data())
def test_every_entry_lies_in_the_domain(domain, dtype, delicate, data):
    if dtype == "float32" and domain.low == 1e6:
        domain = Domain(low=1e6, high=1e6 + 8, open=False)
    array = data.draw(arrays((2, 3), dtype=dtype, domain=domain, delicate=delicate))
    assert (2, 3) == array.shape
    assert dtype == array.dtype.name
    assert domain.contains(array)
    assert np.isfinite(array).all()


@pytest.mark.parametrize(
    ("name", "condition"),
    [
        ("zero", lambda x: np.any((x == 0) & ~np.signbit(x))),
        ("negative zero", lambda x: np.any((x == 0) & np.signbit(x))),
        ("tie", lambda x: x.size > 1 and len(np.unique(x)) < x.size and np.all(x != 0)),
        ("all equal", lambda x: x.size > 3 and len(np.unique(x)) == 1 and x.flat[0] not in (0, 1)),
        ("all different", lambda x: x.size > 3 and len(np.unique(x)) == x.size),
        ("small", lambda x: np.any((x != 0) & (abs(x) < 1e-10))),
        ("large", lambda x: np.any(abs(x) > 1e10)),
        ("mixed scales", lambda x: np.any(abs(x) > 1e4) and np.any((x != 0) & (abs(x) < 1e-4))),
        ("0-d", lambda x: x.shape == ()),
        ("empty", lambda x: x.size == 0),
        ("one entry in two axes", lambda x: x.shape == (1, 1)),
        ("three axes", lambda x: x.ndim == 3 and x.size > 1),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_delicate_occurs(name, condition):
    assert condition(sought(arrays(), condition))


@pytest.mark.parametrize(
    ("domain", "condition"),
    [
        (Domain(low=0.0, high=1.0, open=False), lambda x: x == 1),
        (Domain(low=0.0, high=1.0, open=False), lambda x: 0 < 1 - x < 1e-9),
        (Domain(low=0.0, high=1.0), lambda x: x == np.nextafter(1, 0)),
        (Domain(low=0.0), lambda x: x < 1e-10),
        (Domain(low=-1.0), lambda x: x == np.nextafter(-1, 0)),
        (Domain(low=-1.0), lambda x: 1e-10 < x + 1 < 1e-6),
        (Domain(low=-1.0), lambda x: x == 0),
    ],
)
def test_edges_occur(domain, condition):
    assert condition(sought(arrays((), domain=domain), condition))


@given(arrays(5, domain=Domain(low=-1.0, high=1.0), delicate=False))
def test_what_is_not_delicate_keeps_away_from_zero_and_edges(array):
    assert np.all((abs(array) > 0.03) & (abs(array) < 0.51))


@given(arrays(delicate=False))
def test_what_is_not_delicate_has_entries_and_moderate_size(array):
    assert array.size
    assert array.ndim
    assert np.all((abs(array) >= 2.0**-3) & (abs(array) < 2.0**4))


def test_arrays_shrink_to_zero_and_ones():
    np.testing.assert_array_equal(np.zeros((2, 2)), sought(arrays((2, 2)), lambda x: True))
    np.testing.assert_array_equal(np.ones(2), sought(arrays(2, domain=Domain(low=0.0)), lambda x: True))
    assert (0,) == sought(arrays(), lambda x: x.ndim == 1).shape
    assert [1] == sought(arrays(), lambda x: x.ndim == 1 and np.any(x > 0)).tolist()


def test_the_shape_may_be_drawn_and_large():
    shapes = st.sampled_from([(3,), (40, 50)])
    array = sought(arrays(shapes), lambda x: x.size > 3 and len(np.unique(x)) > 1)
    assert (40, 50) == array.shape
    assert "float64" == array.dtype.name


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (
            lambda: arrays(3, dtype="flot32"),
            UnknownName,
            "no dtype is called 'flot32'. Did you mean 'float32'?",
        ),
        (
            lambda: arrays((2, -1)),
            BadArgument,
            "shape: expected a tuple of sizes, a strategy of such tuples or None, got (2, -1).",
        ),
        (
            lambda: arrays(3, domain=Domain(low=2.0, high=1.0)),
            BadArgument,
            (
                "domain: expected an interval that holds a number of float64, "
                "got Domain(low=2.0, high=1.0, open=True)."
            ),
        ),
        (
            lambda: points(next(one for one in PROBLEMS.values() if one.refuses)),
            BadArgument,
            r"expected a problem that can be evaluated, got 'a refusal: ",
        ),
    ],
)
def test_a_mistake_is_one_clear_line(call, error, message):
    with pytest.raises(error) as caught:
        call()
    assert message in str(caught.value)


@pytest.mark.parametrize("name", [name for name, one in PROBLEMS.items() if not one.refuses])
@settings(max_examples=4, database=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_every_problem_of_the_catalogue_can_be_evaluated_at_drawn_points(name, data):
    chosen = PROBLEMS[name]
    point = data.draw(points(chosen))
    assert tuple(point) == chosen.inputs
    for input_name, domain in chosen.domain.items():
        assert domain.contains(point[input_name])
    with np.errstate(all="ignore"):
        output = chosen(numpy_xp, *point.values())
    assert chosen.instances()[0].layout.output == np.shape(output)


def test_points_have_zeros_ties_and_what_the_problem_itself_draws():
    @problem(p=draws.simplex(3), k=2, domain={"p": Domain(low=0.0, high=1.0, open=False)})
    def power(xp, p, k):
        """p^k"""
        return p**k

    drawn = points(power)
    assert 0.0 in sought(drawn, lambda point: np.any(point["p"] == 0))["p"]
    assert sought(drawn, lambda point: len(np.unique(point["p"])) == 1)
    assert sought(drawn, lambda point: len(set(point["p"])) == 3 and abs(sum(point["p"]) - 1) < 1e-6)
    assert 2 == sought(drawn, lambda point: True)["k"]


def test_points_pass_by_where_there_is_no_value():
    @problem(a=[[1.0, 2.0], [3.0, 4.0]])
    def inverse(xp, a):
        """a^-1"""
        return xp.linalg.inv(a)

    assert 0 != np.linalg.det(sought(points(inverse), lambda point: True)["a"])


@given(arrays().flatmap(lambda array: st.tuples(st.just(array), layouts(array))))
def test_a_layout_has_the_same_values(pair):
    array, laid_out = pair
    np.testing.assert_array_equal(array, laid_out)
    np.testing.assert_array_equal(np.signbit(array), np.signbit(laid_out))
    assert array.dtype == laid_out.dtype
    assert not np.shares_memory(array, laid_out)


ARRAY = np.arange(6.0).reshape(2, 3)


@pytest.mark.parametrize(
    "condition",
    [
        lambda x: x.flags.c_contiguous,
        lambda x: x.flags.f_contiguous,
        lambda x: min(x.strides) > x.itemsize,
        lambda x: max(x.strides) < 0,
    ],
    ids=["rows", "columns", "strided", "reversed"],
)
def test_every_layout_occurs(condition):
    assert condition(sought(layouts(ARRAY), condition))


def test_broadcast_layouts_occur_where_an_axis_is_constant():
    tall = np.repeat(np.arange(3.0)[None], 4, axis=0)
    assert (0, 8) == sought(layouts(tall), lambda x: 0 in x.strides).strides
    with pytest.raises(NoSuchExample):
        sought(layouts(ARRAY), lambda x: 0 in x.strides)


def test_layouts_take_integers_and_numbers():
    assert [0, 1, 2] == sought(layouts(np.arange(3)), lambda x: x.strides[0] < 0).tolist()
    assert 2.0 == sought(layouts(2.0), lambda x: True)


def test_without_hypothesis_the_extra_is_named():
    code = """
import sys
sys.modules["hypothesis"] = None
from gradcheck import strategies
try:
    strategies.arrays(3)
except Exception as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == (
        "gradcheck.strategies needs hypothesis, which is not installed; "
        "run: pip install 'gradcheck[hypothesis]'.\n"
    )


def test_importing_strategies_does_not_load_hypothesis():
    code = "import sys, gradcheck.strategies; print('hypothesis' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
