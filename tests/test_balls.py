"""Series of balls enclose the truth: against mpmath at more digits than they carry, and at their edges."""

import mpmath
import numpy as np
import pytest
from flint import arb, arb_series, ctx
from hypothesis import given, settings
from hypothesis import strategies as st

from gradcheck.balls import FUNCTIONS, Ball, Balls, Comparison, Undecided, curve, evaluation, lift

BITS = 128
TERMS = 4
DIGITS = 70  # of the reference; 128 bits are 38

MP_XLOGY = lambda x, y: x * mpmath.log(y)  # noqa: E731

# name: reference, and an interval for every argument
ELEMENTARY = {
    "abs": (mpmath.fabs, (0.125, 4)),
    "acos": (mpmath.acos, (-0.875, 0.875)),
    "asin": (mpmath.asin, (-0.875, 0.875)),
    "atan": (mpmath.atan, (-4, 4)),
    "cos": (mpmath.cos, (-12, 12)),
    "cosh": (mpmath.cosh, (-12, 12)),
    "exp": (mpmath.exp, (-30, 30)),
    "expm1": (mpmath.expm1, (-3, 3)),
    "log": (mpmath.log, (2.0**-20, 16)),
    "log1p": (mpmath.log1p, (-0.875, 3)),
    "log2": (lambda x: mpmath.log(x) / mpmath.log(2), (2.0**-20, 16)),
    "reciprocal": (lambda x: 1 / x, (0.125, 16)),
    "sin": (mpmath.sin, (-12, 12)),
    "sinh": (mpmath.sinh, (-12, 12)),
    "sqrt": (mpmath.sqrt, (2.0**-20, 16)),
    "square": (lambda x: x * x, (-4, 4)),
    "tan": (mpmath.tan, (-1.25, 1.25)),
    "tanh": (mpmath.tanh, (-25, 25)),
}

OF_TWO = {
    "add": (lambda a, b: a + b, lambda a, b: a + b, (-4, 4), (-4, 4)),
    "subtract": (lambda a, b: a - b, lambda a, b: a - b, (-4, 4), (-4, 4)),
    "multiply": (lambda a, b: a * b, lambda a, b: a * b, (-4, 4), (-4, 4)),
    "divide": (lambda a, b: a / b, lambda a, b: a / b, (-4, 4), (0.125, 4)),
    "power": (lambda a, b: a**b, lambda a, b: a**b, (0.125, 4), (-3, 3)),
    "logaddexp": (
        FUNCTIONS["logaddexp"],
        lambda a, b: mpmath.log(mpmath.exp(a) + mpmath.exp(b)),
        (-40, 40),
        (-40, 40),
    ),
    "xlogy": (FUNCTIONS["xlogy"], MP_XLOGY, (-4, 4), (0.125, 4)),
}

# Functions of the table that choose, reduce or compare; the tests further down are theirs.
COMPARISONS = ("equal", "greater", "greater_equal", "less", "less_equal", "not_equal")
OTHERS = (*COMPARISONS, "max", "maximum", "mean", "min", "minimum", "vecdot", "where")


def numbers(low, high):
    """Multiples of 2^-20: the differences behind the reference cannot see numbers much smaller."""
    return st.integers(int(low * 2**20), int(high * 2**20)).map(lambda n: n / 2**20)


def test_every_function_is_tested():
    assert set(FUNCTIONS) == {*ELEMENTARY, *OTHERS, "logaddexp", "xlogy"}


def assert_encloses(ball, reference):
    """The Taylor coefficients of a reference function of t lie in the ball's, which are tight."""
    with mpmath.workdps(DIGITS):
        expected = mpmath.taylor(reference, 0, TERMS - 1)
    with evaluation(512, TERMS):
        size = max(abs(arb(mpmath.nstr(value, 30))) for value in expected)
        for order, value in enumerate(expected):
            true = arb(mpmath.nstr(value, DIGITS)) + arb(0, 1e-50) * size
            got = ball.coefficient(order)
            assert got.overlaps(true), (order, got, true)
            assert got.rad() <= arb("1e-30") * size


@pytest.mark.parametrize("name", ELEMENTARY)
def test_elementary_function_encloses_the_truth_with_its_derivatives(name):
    reference, interval = ELEMENTARY[name]

    @settings(max_examples=10, deadline=None)
    @given(numbers(*interval), numbers(-2, 2), numbers(-2, 2))
    def check(x, slope, bend):
        with evaluation(BITS, TERMS):
            ball = FUNCTIONS[name](curve(x, (1, slope), (2, bend)))
        x, slope, bend = map(mpmath.mpf, (x, slope, bend))
        assert_encloses(ball, lambda t: reference(x + slope * t + bend * t**2))

    check()


@pytest.mark.parametrize("name", OF_TWO)
def test_function_of_two_encloses_the_truth_with_its_derivatives(name):
    function, reference, one, other = OF_TWO[name]

    @settings(max_examples=10, deadline=None)
    @given(numbers(*one), numbers(*other), numbers(-2, 2), numbers(-2, 2))
    def check(a, b, p, q):
        with evaluation(BITS, TERMS):
            ball = function(curve(a, (1, p)), curve(b, (1, q)))
        a, b, p, q = map(mpmath.mpf, (a, b, p, q))
        assert_encloses(ball, lambda t: reference(a + p * t, b + q * t))

    check()


def test_wrong_reference_is_seen():
    with evaluation(BITS, TERMS):
        ball = FUNCTIONS["sin"](curve(1.0, (1, 1.0)))
    with pytest.raises(AssertionError):
        assert_encloses(ball, lambda t: mpmath.sin(1 + t) + t**3 * mpmath.mpf("1e-25"))


@pytest.mark.parametrize(
    ("name", "at", "expected"),
    [
        ("tanh", 30.0, "3.5026043050786081354e-26"),  # 1 / cosh^2, which 1 - tanh^2 would cancel
        ("expm1", 1e-20, "1.00000000000000000001"),
        ("log1p", 1e-20, "0.99999999999999999999"),
        ("logaddexp", -80.0, "1.8048513878454151723e-35"),
    ],
)
def test_tails_keep_their_relative_accuracy(name, at, expected):
    with evaluation(BITS, 2):
        x = curve(at, (1, 1.0))
        slope = (FUNCTIONS[name](x, 0.0) if name == "logaddexp" else FUNCTIONS[name](x)).coefficient(1)
        assert slope.rel_accuracy_bits() > 60
        assert abs(slope / arb(expected) - 1) < arb("1e-17")


# Arithmetic with plain numbers, and what has no value.


@pytest.mark.parametrize(
    ("expression", "coefficients"),
    [
        (lambda x: x + 1, (4, 1, 0)),
        (lambda x: 1 + x, (4, 1, 0)),
        (lambda x: x - 1, (2, 1, 0)),
        (lambda x: 1 - x, (-2, -1, 0)),
        (lambda x: 2 * x, (6, 2, 0)),
        (lambda x: x * np.float64(2), (6, 2, 0)),
        (lambda x: x / 4, (0.75, 0.25, 0)),
        (lambda x: -x, (-3, -1, 0)),
        (lambda x: +x, (3, 1, 0)),
        (lambda x: x**2, (9, 6, 1)),
        (lambda x: x**0, (1, 0, 0)),
        (lambda x: (x - 5) ** 3, (-8, 12, -6)),
        (lambda x: (x - 1) ** -1, (0.5, -0.25, 0.125)),
        (lambda x: (x - 3) ** 0, (1, 0, 0)),
        (lambda x: (x - 3) ** 2, (0, 0, 1)),
        (lambda x: np.array([x]) @ np.array([2.0]), (6, 2, 0)),
        (lambda x: np.float64(2) - x, (-1, -1, 0)),
    ],
)
def test_arithmetic_with_exact_coefficients(expression, coefficients):
    with evaluation(BITS, 3):
        result = expression(curve(3.0, (1, 1.0)))
        for order, expected in enumerate(coefficients):
            assert result.coefficient(order) == arb(expected)


def test_constants_are_exact():
    with evaluation(BITS, 2):
        for value in (np.float32(0.1), np.float64(0.1), 0.1, 7, np.int64(7), arb(3)):
            exact = arb(value.item() if hasattr(value, "item") else value)
            assert lift(value).coefficient(0) == exact
            assert lift(value).coefficient(5) == 0


def around_zero():
    return Ball(arb_series([arb(0, 1e-10), 1]))


@pytest.mark.parametrize(
    "expression",
    [
        lambda: lift(1) / around_zero(),
        lambda: lift(1) / curve(0.0, (1, 1.0)),
        lambda: 1 / lift(0),
        lambda: FUNCTIONS["reciprocal"](lift(0)),
        lambda: lift(0) ** -1,
        lambda: FUNCTIONS["log"](lift(0)),
        lambda: FUNCTIONS["log"](around_zero()),
        lambda: FUNCTIONS["log2"](lift(-1)),
        lambda: FUNCTIONS["sqrt"](lift(-1)),
        lambda: FUNCTIONS["sqrt"](curve(0.0, (1, 1.0))),
        lambda: FUNCTIONS["asin"](lift(2)),
        lambda: FUNCTIONS["acos"](lift(-2)),
        lambda: FUNCTIONS["log1p"](lift(-2)),
        lambda: lift(-2) ** 0.5,
        lambda: lift(-2) ** curve(2.0, (1, 1.0)),
        lambda: FUNCTIONS["xlogy"](curve(0.0, (1, 1.0)), 0.0),
    ],
)
def test_outside_its_domain_a_function_is_not_finite(expression):
    with evaluation(BITS, 3):
        assert not all(expression().coefficient(order).is_finite() for order in range(2))


@pytest.mark.parametrize(
    ("x", "y", "expected"),
    [
        (lift(0), lift(0), (0, 0)),
        (lift(0), lift(3), (0, 0)),
        (lift(0), curve(3.0, (1, 1.0)), (0, 0)),
        (lift(2), lift(1), (0, 0)),
        (lift(2), curve(1.0, (1, 1.0)), (0, 2)),
        (curve(0.0, (1, 1.0)), lift(1), (0, 0)),
    ],
)
def test_zero_times_a_logarithm_is_zero(x, y, expected):
    with evaluation(BITS, 2):
        result = FUNCTIONS["xlogy"](x, y)
        assert [result.coefficient(order) for order in (0, 1)] == [arb(value) for value in expected]


def test_root_of_a_constant_zero_is_zero():
    with evaluation(BITS, 2):
        assert FUNCTIONS["sqrt"](lift(0)).coefficient(0) == 0


# Comparisons are decided a little to the right of t = 0.

RISING, FALLING, FLAT = (0.0, (1, 1.0)), (0.0, (1, -1.0)), (0.0,)


@pytest.mark.parametrize(
    ("terms", "less", "equal", "tied"),
    [
        (RISING, False, False, True),
        (FALLING, True, False, True),
        (FLAT, False, True, True),
        ((0.0, (2, 1.0)), False, False, True),
        ((0.0, (3, -1.0)), True, False, True),
        ((1.0, (1, -1.0)), False, False, False),
        ((-1.0, (1, 1.0)), True, False, False),
    ],
)
def test_comparison_with_zero_is_decided_to_the_right(terms, less, equal, tied):
    greater = not less and not equal
    with evaluation(BITS, TERMS) as run:
        x = curve(*terms)
        assert bool(x < 0) is less
        assert bool(x == 0) is equal
        assert bool(x > 0) is greater
        assert bool(x <= 0) is (less or equal)
        assert bool(x >= 0) is (greater or equal)
        assert bool(x != 0) is not equal
        assert run.tied is tied


def test_comparisons_of_arrays_stay_open_until_used():
    with evaluation(BITS, TERMS):
        cells = np.array([curve(*RISING), curve(*FALLING), around_zero()], dtype=object).view(Balls)
        outcomes = {
            "<": cells < 0,
            "<=": cells <= 0,
            ">": cells > 0,
            ">=": cells >= 0,
            "==": cells == 0,
            "!=": cells != 0,
        }
        assert all(isinstance(cell, Comparison) for row in outcomes.values() for cell in row)
        assert [cell.decided for cell in outcomes["<"]] == [False, True, None]
        assert [cell.decided for cell in outcomes[">="]] == [True, False, None]
        assert [cell.decided for cell in outcomes["=="]] == [False, False, None]


def test_undecided_comparison_raises():
    with evaluation(BITS, TERMS), pytest.raises(Undecided):
        bool(around_zero() > 0)


@pytest.mark.parametrize(
    "choice",
    [
        lambda x: abs(x),
        lambda x: FUNCTIONS["abs"](x),
        lambda x: FUNCTIONS["maximum"](x, 0.0),
        lambda x: FUNCTIONS["minimum"](x, 0.0),
        lambda x: FUNCTIONS["where"](x > 0, x, 0.0),
        lambda x: FUNCTIONS["max"](np.array([x, lift(0)])),
    ],
)
def test_undecided_choice_raises_or_encloses_both(choice):
    with evaluation(BITS, 2), pytest.raises(Undecided):
        choice(around_zero())
    with evaluation(BITS, 2, hull=True) as run:
        slope = choice(around_zero())
        slope = slope.item() if isinstance(slope, np.ndarray) else slope
        assert run.tied
        assert slope.coefficient(1).contains(1)
        assert slope.coefficient(1).rad() >= 0.5  # so -1 or 0 beside the 1


@pytest.mark.parametrize(
    ("choice", "rising", "falling"),
    [
        (lambda x: abs(x), 1, 1),
        (lambda x: FUNCTIONS["maximum"](x, 0.0), 1, 0),
        (lambda x: FUNCTIONS["maximum"](0.0, x), 1, 0),
        (lambda x: FUNCTIONS["minimum"](x, 0.0), 0, -1),
        (lambda x: FUNCTIONS["where"](x > 0, 2 * x, 3 * x), 2, -3),
        (lambda x: FUNCTIONS["where"](x >= 0, 2 * x, 3 * x), 2, -3),
        (lambda x: FUNCTIONS["where"](x == 0, 2 * x, 3 * x), 3, -3),
        (lambda x: 2 * x if x > 0 else 3 * x, 2, -3),
    ],
)
def test_at_a_tie_the_branch_to_the_right_is_taken(choice, rising, falling):
    for terms, expected in ((RISING, rising), (FALLING, falling)):
        with evaluation(BITS, 2) as run:
            assert choice(curve(*terms)).coefficient(1) == expected
            assert run.tied


def test_choice_by_a_plain_condition_takes_the_whole_branch():
    with evaluation(BITS, 2):
        result = FUNCTIONS["where"](np.array([True, False]), np.array([curve(*RISING)] * 2), 7.0)
        assert result[0].coefficient(1) == 1
        assert result[1] == 7.0


# Reductions and products.


def grid():
    cells = [curve(value, (1, slope)) for value, slope in ((1, 1), (5, 2), (3, 3), (4, 4), (2, 5), (6, 6))]
    return np.array(cells, dtype=object).reshape(2, 3)


@pytest.mark.parametrize(
    ("reduce", "shape", "slopes"),
    [
        (lambda x: FUNCTIONS["max"](x), (), [6]),
        (lambda x: FUNCTIONS["min"](x), (), [1]),
        (lambda x: FUNCTIONS["max"](x, axis=0), (3,), [4, 2, 6]),
        (lambda x: FUNCTIONS["max"](x, axis=-1), (2,), [2, 6]),
        (lambda x: FUNCTIONS["min"](x, axis=1, keepdims=True), (2, 1), [1, 5]),
        (lambda x: FUNCTIONS["max"](x, axis=(0, 1), keepdims=True), (1, 1), [6]),
        (lambda x: FUNCTIONS["mean"](x), (), [3.5]),
        (lambda x: FUNCTIONS["mean"](x, axis=0), (3,), [2.5, 3.5, 4.5]),
        (lambda x: FUNCTIONS["mean"](x, axis=1, keepdims=True), (2, 1), [2, 5]),
        (lambda x: FUNCTIONS["vecdot"](x, np.ones(3)), (2,), [6, 15]),
        (lambda x: np.sum(x, axis=0), (3,), [5, 7, 9]),
        (lambda x: x @ np.ones(3), (2,), [6, 15]),
    ],
)
def test_reduction(reduce, shape, slopes):
    with evaluation(BITS, 2):
        result = np.asarray(reduce(grid()), dtype=object)
        assert result.shape == shape
        assert [cell.coefficient(1) for cell in result.ravel()] == [arb(slope) for slope in slopes]


def test_evaluation_restores_the_precision_also_after_an_exception():
    before = ctx.prec, ctx.cap
    inside = []

    def fail():
        with evaluation(300, 7):
            inside.append((ctx.prec, ctx.cap))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert inside == [(300, 7)]
    assert (ctx.prec, ctx.cap) == before


def test_record_is_told_every_step_with_its_operands():
    class Listing:
        def __init__(self):
            self.steps = []

        def step(self, result, function, operands):
            assert str(result.series) == str(function(*(operand.series for operand in operands)))
            self.steps.append((len(operands), float(result.coefficient(0))))

    listing = Listing()
    with evaluation(64, 2, record=listing):
        x = curve(4.0)
        FUNCTIONS["maximum"](FUNCTIONS["sqrt"](x) - 1, -x)  # choosing is no step
        FUNCTIONS["xlogy"](x**2, 1.0)
    assert [(1, 2.0), (2, 1.0), (1, -4.0), (2, 16.0), (2, 0.0)] == listing.steps


def test_ball_shows_its_series():
    with evaluation(BITS, 2):
        assert repr(curve(2.0, (1, 1.0))).startswith("Ball(2")
