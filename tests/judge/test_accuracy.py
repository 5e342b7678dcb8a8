"""The judge of answers: every outcome it can give, the entry it blames, and the figures it states."""

import math

import numpy as np
import pytest
from flint import arb
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from gradcheck import Outcome, problem
from gradcheck.judge.accuracy import judge
from gradcheck.operators import Layout
from gradcheck.truth import Certifier, Entry, Truth

NAN, INF = math.nan, math.inf


def smooth(value, bound=2.0**-53):
    ball = arb(value)
    return Entry(low=ball, high=ball, bound=bound)


def kink(low, high, bound=2.0**-53):
    return Entry(low=arb(low), high=arb(high), bound=bound)


def strayed(value, beyond, bound=2.0**-53):
    """An entry on the way to which numbers have left the range."""
    ball = arb(value)
    return Entry(low=ball, high=ball, bound=bound, beyond=beyond)


def undefined(left="", right=""):
    return Entry(left=left, right=right)


def judged(answer, entries, bars=None, dtype="float64", operator="gradient", layout=None):
    answer = np.asarray(answer, dtype)
    layout = layout or Layout(names=("x",), inputs=(answer.shape,), output=())
    bars = None if bars is None else np.asarray(bars, float)
    return judge(answer, bars, Truth(kind="ball", entries=entries, digits=30), operator, layout, dtype)


def outcome(answer, entry, bar=None):
    return judged([answer], [entry], None if bar is None else [bar]).outcome


EXACT, OK, WRONG = Outcome.EXACT, Outcome.OK, Outcome.WRONG


@pytest.mark.parametrize(
    ("answer", "entry", "bar", "expected"),
    [
        # within four rounding bounds, stated or not
        (2.0, smooth(2.0), None, EXACT),
        (2.0 + 2.0**-51, smooth(2.0), None, EXACT),
        (2.0 + 2.0**-51, smooth(2.0), 1.0, EXACT),
        (0.0, smooth(0.0, bound=0.0), None, EXACT),
        (1e-17, smooth(0.0, bound=1e-16), None, EXACT),
        # outside of it, half of the digits that rounding leaves
        (2.0 + 1e-15, smooth(2.0), None, OK),
        (2.0 + 1e-9, smooth(2.0), None, OK),
        (2.0 + 1e-7, smooth(2.0), None, WRONG),
        (2.002, smooth(2.0), None, WRONG),
        (-2.0, smooth(2.0), None, WRONG),
        (1e-12, smooth(0.0), None, WRONG),
        (0.0, smooth(2.0), None, WRONG),
        # within a stated error bar that says something
        (2.01, smooth(2.0), 0.02, OK),
        (2.01, smooth(2.0), 1.99, OK),
        (2.01, smooth(2.0), 0.005, WRONG),
        (2.0 + 1e-9, smooth(2.0), 1e-12, WRONG),  # who states a bar is held to it
        (0.5, smooth(0.0), 0.75, OK),
        # within one that says nothing
        (2.01, smooth(2.0), 3.0, Outcome.UNSUPPORTED),
        (2.01, smooth(2.0), INF, Outcome.UNSUPPORTED),
        (1e9, smooth(2.0), INF, Outcome.UNSUPPORTED),
        (0.5, smooth(0.0), INF, Outcome.UNSUPPORTED),
        (NAN, smooth(2.0), INF, Outcome.UNSUPPORTED),
        (0.0, smooth(1e-3), 0.1, Outcome.UNSUPPORTED),
        # a zero where a tiny number belongs
        (0.0, smooth(1e-20, bound=1e-36), None, Outcome.LOST_TINY),
        (0.0, smooth(1e-20, bound=1e-36), 1e-25, Outcome.LOST_TINY),
        (0.0, smooth(1e-15, bound=1e-31), None, WRONG),
        # not a number
        (NAN, smooth(2.0), None, Outcome.NAN),
        (INF, smooth(2.0), None, Outcome.NAN),
        (-INF, smooth(2.0), 0.1, Outcome.NAN),
        (NAN, kink(0.0, 1.0), None, Outcome.NAN),
        (INF, smooth("1e400"), None, EXACT),  # the number does not fit the dtype
        (-INF, smooth("1e400"), None, Outcome.NAN),
        # kinks: what lies between the one-sided values
        (0.0, kink(0.0, 1.0), None, Outcome.CONVENTION),
        (1.0, kink(0.0, 1.0), None, Outcome.CONVENTION),
        (0.5, kink(0.0, 1.0), None, Outcome.CONVENTION),
        (1.0 + 3e-16, kink(0.0, 1.0), None, Outcome.CONVENTION),
        (1.05, kink(0.0, 1.0), 0.0625, Outcome.CONVENTION),
        (1.05, kink(0.0, 1.0), None, WRONG),
        (-0.1, kink(0.0, 1.0), None, WRONG),
        (-0.1, kink(0.0, 1.0), INF, Outcome.UNSUPPORTED),
        # no derivative at all: nothing can be right
        (3.0, undefined("-1", "1"), None, Outcome.UNDEFINED),
        (NAN, undefined(), None, Outcome.UNDEFINED),
        (INF, undefined("", "+inf"), None, Outcome.UNDEFINED),
    ],
)
def test_outcome(answer, entry, bar, expected):
    assert outcome(answer, entry, bar) is expected


def test_every_outcome_of_a_judgement_is_given_above():
    listed = {case[3] for case in test_outcome.pytestmark[0].args[1]}
    assert listed == {judgement for judgement in Outcome if judgement.ran or judgement is Outcome.UNSUPPORTED}


@pytest.mark.parametrize("answer", [INF, -INF, NAN])
def test_infinite_answer_is_never_exact_where_the_derivative_fits(answer):
    for entry in (smooth(1.0), smooth(0.0), kink(-1.0, 1.0), smooth(1e308)):
        assert outcome(answer, entry) is Outcome.NAN


@pytest.mark.parametrize("entry", [smooth(1.0), smooth(0.0), smooth(1e-30, bound=1e-46), kink(-1.0, 1.0)])
def test_infinite_error_bar_never_buys_a_pass(entry):
    assert outcome(5.0, entry, INF) is Outcome.UNSUPPORTED


@pytest.mark.parametrize(("answer", "expected"), [(123.0, Outcome.UNSUPPORTED), (32768.0, Outcome.EXACT)])
def test_where_rounding_may_do_anything_only_a_right_answer_is_exact(answer, expected):
    assert expected == outcome(answer, smooth(32768.0, bound=INF))


def test_a_program_that_rounding_undoes_is_not_judged():
    near_zero = problem(x=2.0**-14, name="near_zero")(lambda xp, x: xp.log(1 - xp.cos(x)))
    certifier = Certifier(near_zero.instances()[0], "float32")
    seeds = {"tangent": [np.ones(())], "cotangent": [np.ones(())]}
    found = judge(
        np.float32([123]), None, certifier.truth("gradient", seeds), "gradient", certifier.layout, "float32"
    )
    assert Outcome.UNSUPPORTED == found.outcome
    assert "rounding alone may change this answer without bound in this dtype" == found.reason


@pytest.mark.parametrize("answer", [NAN, INF, -INF])
def test_answer_that_is_no_number_is_not_explained_by_rounding(answer):
    assert Outcome.NAN == outcome(answer, smooth(2.0, bound=INF))
    assert Outcome.NAN == outcome(answer, smooth(2.0, bound=1.0))


# Rounding bounds as wide as the answer.


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ([0.5, 0.25], EXACT),
        ([0.5 + 2.0**-9, 0.25], EXACT),
        ([0.0, 0.25], Outcome.UNSUPPORTED),
        ([-0.5, 0.25], Outcome.UNSUPPORTED),
        ([2.0, 0.25], WRONG),
    ],
)
def test_answer_that_rounding_may_change_by_its_size_is_exact_only_where_it_is_right(answer, expected):
    entries = [smooth(0.5, bound=0.5), smooth(0.25, bound=0.01)]
    found = judged(answer, entries, dtype="bfloat16")
    assert expected == found.outcome
    if expected is Outcome.UNSUPPORTED:
        assert "rounding alone may change this answer by more than its size in this dtype" == found.reason


def test_bound_is_measured_against_the_largest_entry():
    small, large = smooth(1e-3, bound=0.125), smooth(100.0, bound=0.125)
    assert judged([0.25, 100.0], [small, large], dtype="float16").outcome is EXACT
    assert judged([0.375, 100.0], [small, large], dtype="float16").outcome is WRONG


def test_bar_that_says_more_than_the_rounding_bound_counts():
    assert judged([0.75], [smooth(0.5, bound=0.5)], [0.375], dtype="bfloat16").outcome is OK


# Few digits.


@pytest.mark.parametrize(
    ("dtype", "bounds"), [("float64", 4), ("float32", 4), ("float16", 2), ("bfloat16", 2)]
)
def test_bounds_that_an_answer_may_be_off_by(dtype, bounds):
    entry = smooth(1.0, bound=2.0**-6)
    assert judged([1.0 + bounds * 2.0**-6], [entry], dtype=dtype).outcome is EXACT
    assert judged([1.0 + bounds * 2.0**-6 + 2.0**-7], [entry], dtype=dtype).outcome is WRONG


def test_half_of_few_digits_is_not_enough():
    entry = smooth(1.0, bound=2.0**-11)
    assert judged([1.0 + 2.0**-8], [entry], dtype="float16").outcome is OK
    assert judged([1.0 + 2.0**-6], [entry], dtype="float16").outcome is WRONG


def test_two_digits_are_those_of_the_largest_entry():
    small, large = smooth(0.015625, bound=2.0**-12), smooth(1.0, bound=2.0**-11)
    assert judged([0.017578125, 1.0], [small, large], dtype="float16").outcome is OK
    assert judged([0.015625, 1.03125], [small, large], dtype="float16").outcome is WRONG


# Numbers out of range on the way.


@pytest.mark.parametrize("answer", [NAN, INF, -INF, 0.0, 123.0])
def test_after_an_overflow_nothing_can_be_said_of_an_answer_that_is_not_right(answer):
    found = judged([answer], [strayed(2.0, INF)], dtype="float16")
    assert Outcome.UNSUPPORTED == found.outcome
    assert "beyond the range of float16 on the way" == found.reason
    assert judged([2.0], [strayed(2.0, INF)], dtype="float16").outcome is EXACT


def test_loss_near_zero_excuses_what_it_explains_and_no_more():
    entry = strayed(1e-6, 1e-6, bound=2.0**-25)
    assert judged([0.0], [entry], dtype="float16").outcome is Outcome.UNSUPPORTED
    assert judged([1e-6], [entry], dtype="float16").outcome is EXACT
    assert judged([1e-5], [entry], dtype="float16").outcome is WRONG
    assert judged([NAN], [entry], dtype="float16").outcome is Outcome.NAN


def test_there_is_nothing_undefined_where_the_point_itself_is_out_of_range():
    missing = Entry(reason="no real value here", beyond=INF)
    assert judged([NAN], [missing], dtype="float16").outcome is Outcome.UNSUPPORTED


def test_tiny_derivative_in_range_is_lost_where_zero_is_answered():
    tail = problem(x=20.0, name="tail")(lambda xp, x: xp.tanh(x))
    for dtype in ("float64", "float32", "bfloat16"):
        certifier = Certifier(tail.instances()[0], dtype)
        truth = certifier.truth("gradient", {"tangent": [np.ones(())], "cotangent": [np.ones(())]})
        zero = np.zeros(1, np.float32)
        assert judge(zero, None, truth, "gradient", certifier.layout, dtype).outcome is Outcome.LOST_TINY
        assert truth.entries[0].beyond == 0


def test_estimate_too_large_for_the_dtype_is_held_to_its_bar():
    entry = smooth(6e4, bound=16.0)
    assert judged([INF], [entry], [1e4], dtype="float16").outcome is Outcome.UNSUPPORTED
    assert judged([INF], [entry], [1e3], dtype="float16").outcome is Outcome.NAN


def test_bar_is_measured_against_the_largest_entry():
    small, large = smooth(1e-3), smooth(100.0)
    assert judged([0.0, 100.0], [small, large], [1.0, 1e-3]).outcome is OK
    assert judged([0.0, 100.0], [small, large], [11.0, 1e-3]).outcome is Outcome.UNSUPPORTED


# The worst entry.


@pytest.mark.parametrize(
    ("answers", "entries", "worst", "expected"),
    [
        ([1.0, 2.0, 3.0], [smooth(1.0), smooth(2.0), smooth(3.0)], "x[0]", EXACT),
        ([1.0, 2.0, 3.0 + 2.0**-51], [smooth(1.0), smooth(2.0), smooth(3.0)], "x[2]", EXACT),
        ([9.0, NAN, 3.0], [smooth(1.0), smooth(2.0), smooth(3.0)], "x[0]", WRONG),
        ([1.0, NAN, 3.0], [smooth(1.0), smooth(2.0), smooth(3.0)], "x[1]", Outcome.NAN),
        ([1.1, 3.0, 3.0], [smooth(1.0), smooth(2.0), smooth(3.0)], "x[1]", WRONG),
        ([1.1, 3.0, 3.0], [smooth(1.0, 1e-18), smooth(2.0), smooth(3.0)], "x[0]", WRONG),
        ([1.0, 0.0, 0.5], [smooth(1.0), smooth(1e-20, 1e-36), kink(0.0, 1.0)], "x[1]", Outcome.LOST_TINY),
        ([1.0 + 1e-12, 0.5, 1.0], [smooth(1.0), kink(0.0, 1.0), smooth(1.0)], "x[1]", Outcome.CONVENTION),
        ([1.0, 0.5, 7.0], [smooth(1.0), kink(0.0, 1.0), undefined()], "x[2]", Outcome.UNDEFINED),
    ],
)
def test_worst_entry_is_chosen_by_outcome_then_excess(answers, entries, worst, expected):
    verdict = judged(answers, entries)
    assert (verdict.index, verdict.outcome) == (worst, expected)


def test_finite_answer_to_an_infinite_slope_is_shown_first():
    entries = [undefined("", "+inf"), undefined("", "+inf"), undefined("", "+inf")]
    assert judged([INF, 7.0, NAN], entries).index == "x[1]"


@pytest.mark.parametrize(
    ("operator", "layout", "position", "path"),
    [
        ("gradient", Layout(names=("W", "b"), inputs=((2, 3), (2,)), output=()), 4, "W[1,1]"),
        ("gradient", Layout(names=("W", "b"), inputs=((2, 3), (2,)), output=()), 7, "b[1]"),
        ("jacobian", Layout(names=("x",), inputs=((3,),), output=(2,)), 5, "d f[1] / d x[2]"),
        ("jacobian", Layout(names=("x", "s"), inputs=((2,), ()), output=(2,)), 5, "d f[1] / d s"),
        ("hessian", Layout(names=("x", "s"), inputs=((2,), ()), output=()), 5, "d2 f / d x[1] d s"),
        ("value", Layout(names=("x",), inputs=((3,),), output=(2, 2)), 2, "f[1,0]"),
        ("jvp", Layout(names=("x",), inputs=((3,),), output=()), 0, "f"),
    ],
)
def test_worst_entry_is_named_by_its_path(operator, layout, position, path):
    answer = np.ones(math.prod(layout.shape(operator)))
    entries = [smooth(1.0) for _ in answer]
    answer[position] = 2.0
    verdict = judged(answer, entries, operator=operator, layout=layout)
    assert verdict.index == path
    assert verdict.outcome is WRONG


# Figures.


@pytest.mark.parametrize(
    ("dtype", "answer", "true", "ulps", "relative"),
    [
        ("float64", 1.0, 1.0, 0.0, 0.0),
        ("float64", 1 + 2.0**-52, 1.0, 1.0, 2.0**-52),
        ("float64", 8 + 2.0**-48, 8.0, 2.0, 2.0**-51),
        ("float64", -3.5, -3.0, 2.0**50, 1 / 6),
        ("float32", 1 + 2.0**-23, 1.0, 1.0, 2.0**-23),
        ("float32", 1.5, 1.0, 2.0**22, 0.5),
        ("float64", 0.0, 4.0, 2.0**52, 1.0),
    ],
)
def test_error_is_stated_in_ulps_and_relative_to_the_truth(dtype, answer, true, ulps, relative):
    verdict = judged([answer], [smooth(true, bound=2.0**-60)], dtype=dtype)
    assert verdict.ulps == ulps
    assert verdict.relative_error == pytest.approx(relative, rel=1e-15)


@pytest.mark.parametrize(
    ("dtype", "answer", "digits"),
    [
        ("float64", 1.0, 53 * math.log10(2)),
        ("float64", 1 + 1e-6, 6.0),
        ("float64", 1.001, 3.0),
        ("float64", 5.0, 0.0),
        ("float32", 1.0, 24 * math.log10(2)),
        ("float32", 1.015625, 6 * math.log10(2)),
        ("float64", NAN, 0.0),
    ],
)
def test_digits_are_those_that_are_right(dtype, answer, digits):
    assert judged([answer], [smooth(1.0)], dtype=dtype).digits == pytest.approx(digits, abs=1e-9)


def test_error_at_a_kink_is_the_distance_to_the_interval():
    verdict = judged([2.5], [kink(-1.0, 2.0)])
    assert verdict.relative_error == 0.25
    assert judged([1.0], [kink(-1.0, 2.0)]).relative_error == 0


def test_condition_counts_roundings():
    assert judged([4.0], [smooth(4.0, bound=2.0**-45)]).condition == 2.0**6
    assert math.isnan(judged([0.0], [smooth(0.0)]).condition)


def test_nonzero_answer_to_zero_has_no_relative_error():
    verdict = judged([1e-3], [smooth(0.0)])
    assert verdict.outcome is WRONG
    assert math.isnan(verdict.relative_error)
    assert math.isnan(verdict.digits)


def test_answer_and_truth_are_shown():
    verdict = judged([0.1], [smooth(2.5)])
    assert (verdict.got, verdict.true) == ("0.1", "2.5")
    assert judged([0.1], [kink(-1.0, 2.0)]).true == "-1 to 2"


@pytest.mark.parametrize(
    ("answer", "entry", "bar", "reason"),
    [
        (2.0, smooth(2.0), None, ""),
        (2.0 + 1e-9, smooth(2.0), None, "at x[0]: off by 1.0e-09, rounding explains 4.4e-16"),
        (2.5, smooth(2.0), None, "at x[0]: answered 2.5, true 2, rounding explains 4.4e-16"),
        (NAN, smooth(2.0), None, "at x[0]: answered nan, true 2, rounding explains 4.4e-16"),
        (2.5, smooth(2.0), 9.0, "states an error bar wider than the derivative itself"),
        (0.0, smooth("1e-20", 1e-36), None, "at x[0]: the derivative is 1.00000e-20, answered 0"),
        (0.5, kink(0.0, 1.0), None, "at x[0]: one-sided values 0 to 1; answered 0.5"),
        (7.0, undefined("", "+inf"), None, "at x[0]: undefined (left none, right +inf); answered 7.0"),
    ],
)
def test_reason_names_entry_answer_and_truth(answer, entry, bar, reason):
    assert judged([answer], [entry], None if bar is None else [bar]).reason == reason


def test_empty_answer_is_exact():
    verdict = judged([], [])
    assert verdict.outcome is EXACT
    assert verdict.reason == ""


# Properties on functions of the kind the catalogue has.

FUNCTIONS = {
    "product": lambda xp, x: xp.prod(x + 3),
    "waves": lambda xp, x: xp.sum(xp.sin(x) * xp.exp(x / 2)),
    "log-sum-exp": lambda xp, x: xp.log(xp.sum(xp.exp(x))),
    "rational": lambda xp, x: xp.sum(x / (1 + x * x)),
    "norm": lambda xp, x: xp.sqrt(1 + xp.sum(x * x)),
    "layer": lambda xp, x: xp.sum(xp.tanh(np.array([[0.5, -1.0, 0.25], [1.5, 0.75, -0.5]]) @ x)),
}

points = st.lists(st.floats(-2, 2, width=32, allow_subnormal=False), min_size=3, max_size=3)


def truth_of(name, x, operator="gradient"):
    declared = problem(x=[*map(float, x)], name="example")(FUNCTIONS[name])
    certifier = Certifier(declared.instances()[0], "float64")
    seeds = {"tangent": [np.ones(3)], "cotangent": [np.ones(())]}
    return certifier.truth(operator, seeds), certifier.layout


@settings(max_examples=40, deadline=None)
@given(
    st.sampled_from(sorted(FUNCTIONS)), points, st.sampled_from(["gradient", "hessian"]), st.integers(-3, 3)
)
def test_answer_within_its_rounding_bounds_is_exact(name, x, operator, bounds):
    truth, layout = truth_of(name, x, operator)
    answer = np.array([float(entry.low.mid()) + bounds * entry.bound for entry in truth.entries])
    assert judge(answer, None, truth, operator, layout, "float64").outcome is EXACT


@settings(max_examples=40, deadline=None)
@given(st.sampled_from(sorted(FUNCTIONS)), points, st.sampled_from([1e-3, -1e-3, 1.0, -1.0, -2.0]))
def test_answer_off_by_a_thousandth_in_its_largest_entry_is_wrong(name, x, error):
    truth, layout = truth_of(name, x)
    answer = np.array([float(entry.low.mid()) for entry in truth.entries])
    assume(np.any(answer))
    at = int(np.argmax(abs(answer)))
    answer[at] *= 1 + error
    verdict = judge(answer, None, truth, "gradient", layout, "float64")
    assert verdict.outcome is WRONG
    assert verdict.index == f"x[{at}]"
