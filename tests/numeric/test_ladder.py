"""The ladder of steps: slopes of both sides, kinks, jumps and edges, and error bars that hold."""

import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as effort
from hypothesis import strategies as st

from gradcheck.numeric.ladder import LONGEST, RATIO, ROWS, SHORTEST, climb, extrapolate

DOUBLE = 2.0**-52
SINGLE = 2.0**-23


def ladder(f, x=0.0, length=1.0, *, unit=DOUBLE, **options):
    """Samples of ``f(x + h length)``."""

    def line(step):
        with np.errstate(all="ignore"):
            return np.atleast_1d(np.asarray(f(np.float64(x + step * length)), np.float64))

    with np.errstate(all="ignore"):
        return climb(line, line(0.0), unit=unit, **options)


def slopes(f, x=0.0, **options):
    with np.errstate(all="ignore"):
        return ladder(f, x, **options).slopes


def single(x):
    return np.float64(np.float32(x))


def where_nonzero(f):
    return lambda x: f(x) if x != 0 else np.float64(0)


def wiggle(x):
    return x * np.sin(1 / x)


# function, point, slopes to the left and to the right; None where there is no value on that side
INF = np.inf
POINTS = {
    "line": (lambda x: 3 * x - 7, 0.25, 3, 3),
    "constant": (lambda x: 7 + 0 * x, 0.3, 0, 0),
    "zero": (lambda x: 0 * x, 0.3, 0, 0),
    "sine": (np.sin, 0.3, np.cos(0.3), np.cos(0.3)),
    "cube at its saddle": (lambda x: x**3, 0.0, 0, 0),
    "bell on a plateau": (lambda x: 1e8 + np.exp(-x * x), 0.5, -np.exp(-0.25), -np.exp(-0.25)),
    "large": (lambda x: 1e200 * np.sin(x), 0.3, 1e200 * np.cos(0.3), 1e200 * np.cos(0.3)),
    "small": (lambda x: 1e-200 * np.sin(x), 0.3, 1e-200 * np.cos(0.3), 1e-200 * np.cos(0.3)),
    "oscillating": (lambda x: np.sin(500 * x), 0.3, 500 * np.cos(150), 500 * np.cos(150)),
    "oscillating fast": (lambda x: np.sin(1e4 * x), 0.3, 1e4 * np.cos(3e3), 1e4 * np.cos(3e3)),
    "in single precision": (lambda x: single(np.sin(x)), 0.3, np.cos(0.3), np.cos(0.3)),
    "absolute value": (np.abs, 0.0, -1, 1),
    "rectifier": (lambda x: np.maximum(x, 0), 0.0, 0, 1),
    "leaky rectifier": (lambda x: np.maximum(x, 0.01 * x), 0.0, 0.01, 1),
    "two lines": (lambda x: np.maximum(x, 3 * x), 0.0, 1, 3),
    "kink of two curves": (lambda x: np.maximum(np.sin(x), x * x + 2 * x), 0.0, 1, 2),
    "kink in single precision": (lambda x: single(np.abs(x)), 0.0, -1, 1),
    "kink on a plateau": (lambda x: 1e3 + np.abs(x), 0.0, -1, 1),
    "kink a thousandth away": (lambda x: np.abs(x - 1e-3), 0.0, -1, -1),
    "one half more": (lambda x: np.abs(x) ** 1.5, 0.0, 0, 0),
    "square of a kink": (lambda x: x * np.abs(x), 0.0, 0, 0),
    "step": (lambda x: np.heaviside(x, 1), 0.0, 0, 0),
    "step in the middle": (lambda x: np.heaviside(x, 0.5), 0.0, 0, 0),
    "step on a slope": (lambda x: 2 * x + (x >= 0), 0.0, 2, 2),
    "step elsewhere": (np.floor, 0.5, 0, 0),
    "root at its edge": (np.sqrt, 0.0, None, INF),
    "root of both sides": (lambda x: np.sqrt(np.abs(x)), 0.0, -INF, INF),
    "cube root": (np.cbrt, 0.0, INF, INF),
    "x ln x at its edge": (where_nonzero(lambda x: x * np.log(x)), 0.0, None, -INF),
    "arc cosine at its edge": (np.arccos, 1.0, -INF, None),
    "power at its edge": (lambda x: x**1.5, 0.0, None, 0),
    "damped wiggle": (where_nonzero(lambda x: x * wiggle(x)), 0.0, 0, 0),
}
KINKS = {
    "absolute value",
    "rectifier",
    "leaky rectifier",
    "two lines",
    "kink of two curves",
    "kink in single precision",
    "kink on a plateau",
    "step",
    "step in the middle",
    "step on a slope",
    "root of both sides",
    "cube root",
}


def covers(estimate, true):
    if true is None:
        return bool(np.isnan(estimate.value[0])) and estimate.error[0] == INF
    if np.isinf(true):
        return estimate.value[0] == true and estimate.error[0] == 0
    return abs(estimate.value[0] - true) <= estimate.error[0] + 2.0**-51 * abs(true)


@pytest.mark.parametrize("name", POINTS)
def test_the_slope_of_each_side_lies_within_its_bar(name):
    f, x, left, right = POINTS[name]
    found = slopes(f, x)
    assert covers(found.left, left), found.left
    assert covers(found.right, right), found.right
    assert found.infinite[0] == (INF in (np.abs(side) for side in (left, right) if side is not None))


@pytest.mark.parametrize("name", POINTS)
def test_a_kink_is_one_and_nothing_else_is(name):
    f, x, _, _ = POINTS[name]
    assert slopes(f, x).kink[0] == (name in KINKS)


@pytest.mark.parametrize("name", [name for name, point in POINTS.items() if name not in KINKS])
def test_the_central_slope_lies_within_its_bar(name):
    f, x, left, right = POINTS[name]
    found = slopes(f, x).central
    if left is None or right is None:
        assert covers(found, None), found
    else:
        assert covers(found, left), found


@pytest.mark.parametrize("name", ["step", "step in the middle", "step on a slope", "cube root"])
def test_the_central_slope_across_a_jump_has_a_wide_bar(name):
    f, x, _, _ = POINTS[name]
    found = slopes(f, x).central
    assert found.error[0] > abs(found.value[0])


NARROW = {
    "line": 1e-13,
    "sine": 1e-12,
    "oscillating fast": 1e-9,
    "in single precision": 1e-4,
    "bell on a plateau": 1e-4,
    "two lines": 1e-13,
    "kink of two curves": 1e-9,
    "kink in single precision": 1e-4,
}


@pytest.mark.parametrize("name", NARROW)
def test_bars_are_narrow(name):
    f, x, left, right = POINTS[name]
    found = slopes(f, x)
    assert found.left.error[0] <= 50 * NARROW[name] * max(1, abs(left))
    assert found.right.error[0] <= 50 * NARROW[name] * max(1, abs(right))
    assert name in KINKS or found.central.error[0] <= NARROW[name] * max(1, abs(left))


def test_a_value_apart_from_both_sides_is_isolated():
    apart = slopes(lambda x: 2 * x + (x == 0))
    assert apart.kink[0]
    assert apart.isolated[0]
    assert covers(apart.left, 2)
    assert covers(apart.right, 2)
    assert not slopes(lambda x: 2 * x + (x >= 0)).isolated[0]
    assert not slopes(np.abs).isolated[0]
    assert not slopes(np.sin).isolated[0]


def test_outside_the_domain_there_is_no_slope():
    nowhere = slopes(lambda x: np.log(-1 - x * x), 0.5)
    for side in nowhere[:3]:
        assert covers(side, None)
    assert not nowhere.kink[0]


# Error bars, over many scales. Written for NumPy and mpmath alike: the function, its slope, its curvature.

FUNCTIONS = {
    "sin": (lambda m, x: m.sin(x), lambda m, x: m.cos(x), lambda m, x: -m.sin(x)),
    "exp": (lambda m, x: m.exp(x), lambda m, x: m.exp(x), lambda m, x: m.exp(x)),
    "log": (lambda m, x: m.log(x), lambda m, x: 1 / x, lambda m, x: -1 / x**2),
    "sqrt": (lambda m, x: m.sqrt(x), lambda m, x: m.sqrt(x) / x / 2, lambda m, x: -m.sqrt(x) / x**2 / 4),
    "cubic": (lambda m, x: x**3 - 2 * x, lambda m, x: 3 * x**2 - 2, lambda m, x: 6 * x),
    "tenth power": (lambda m, x: x**10, lambda m, x: 10 * x**9, lambda m, x: 90 * x**8),
    "reciprocal": (lambda m, x: 1 / x, lambda m, x: -1 / x**2, lambda m, x: 2 / x**3),
    "bell": (
        lambda m, x: m.exp(-x * x),
        lambda m, x: -2 * x * m.exp(-x * x),
        lambda m, x: (4 * x * x - 2) * m.exp(-x * x),
    ),
    "plateau": (
        lambda m, x: 1000 + m.exp(-x * x),
        lambda m, x: -2 * x * m.exp(-x * x),
        lambda m, x: (4 * x * x - 2) * m.exp(-x * x),
    ),
    "tanh": (
        lambda m, x: m.tanh(x),
        lambda m, x: 1 / m.cosh(x) ** 2,
        lambda m, x: -2 * m.tanh(x) / m.cosh(x) ** 2,
    ),
    "chirp": (
        lambda m, x: m.sin(5 * x * x),
        lambda m, x: 10 * x * m.cos(5 * x * x),
        lambda m, x: 10 * m.cos(5 * x * x) - 100 * x * x * m.sin(5 * x * x),
    ),
    "wave": (
        lambda m, x: m.cos(64 * x),
        lambda m, x: -64 * m.sin(64 * x),
        lambda m, x: -4096 * m.cos(64 * x),
    ),
}
DRAWS = 40


def drawn(name, seed):
    """A point, a length of steps and a size of values: powers of two, so that every step is exact."""
    rng = np.random.default_rng([seed, *name.encode()])
    x = float(np.rint(rng.uniform(0.25, 3) * 2**20) / 2**20)
    return (
        x,
        2.0 ** int(rng.integers(-2, 1)),
        2.0 ** int(rng.integers(-40, 41)),
        2.0 ** int(rng.integers(-80, 81)),
    )


def missed(name, which, rounding=lambda y: y, **options):
    """How many bars of how many do not cover the truth, and the bars over the size of the truth."""
    f, slope, curve = FUNCTIONS[name]
    outside, widths = 0, []
    for seed in range(DRAWS):
        x, length, x_size, f_size = drawn(name, seed)
        made = ladder(
            lambda t, x_size=x_size, f_size=f_size: f_size * rounding(f(np, t / x_size)),
            x * x_size,
            length * x_size,
            **options,
        )
        order = 2 if which == "curvature" else 1
        with mpmath.workdps(40):
            true = (slope, curve)[order - 1](mpmath, mpmath.mpf(x)) * length**order
        estimate = getattr(made, which)
        value, bar = float(estimate.value[0]) / f_size, float(estimate.error[0]) / f_size
        outside += not abs(mpmath.mpf(value) - true) <= bar
        widths.append(bar / max(abs(float(true)), 1e-3))
    return outside, float(np.median(widths))


@pytest.mark.parametrize(
    ("which", "narrow"), [("central", 1e-9), ("left", 1e-7), ("right", 1e-7), ("curvature", 1e-5)]
)
def test_bars_cover_the_truth_at_every_scale(which, narrow):
    found = {name: missed(name, which) for name in FUNCTIONS}
    outside = {name: count for name, (count, _) in found.items() if count}
    assert sum(outside.values()) <= DRAWS * len(FUNCTIONS) // 100, outside
    wide = {name: width for name, (_, width) in found.items() if width > narrow}
    assert len(wide) <= 1, wide  # rounding of the plateau is a thousand times that of the others


STAIRS = pytest.mark.xfail(reason="changes of two and of seven units do not pass for stairs", strict=True)


@pytest.mark.parametrize("share", [0.05, pytest.param(0.01, marks=STAIRS)])
@pytest.mark.parametrize("which", ["central", "left", "right"])
def test_bars_cover_the_truth_of_a_rounded_function(which, share):
    found = {name: missed(name, which, single) for name in FUNCTIONS}
    outside = {name: count for name, (count, _) in found.items() if count}
    assert sum(outside.values()) <= share * DRAWS * len(FUNCTIONS), outside


def test_bars_cover_the_truth_of_a_noisy_function():
    rng = np.random.default_rng(0)
    found = {name: missed(name, "central", lambda y: y * (1 + 1e-8 * rng.normal())) for name in FUNCTIONS}
    outside = {name: count for name, (count, _) in found.items() if count}
    assert sum(outside.values()) <= DRAWS * len(FUNCTIONS) // 50, outside
    assert all(1e-11 < width < 1 for name, (_, width) in found.items()), found


# The ladder itself


def test_steps_shrink_by_four_and_are_powers_of_two():
    made = ladder(np.sin)
    assert made.steps[0] == LONGEST
    assert made.steps[-1] == SHORTEST
    assert len(made.steps) == ROWS
    assert np.array_equal(made.steps[:-1], RATIO * made.steps[1:])
    assert np.array_equal(np.frexp(made.steps)[0], np.full(ROWS, 0.5))
    assert made.first == 0


@pytest.mark.parametrize(("rows", "first"), [(4, 0), (4, 5), (10, 9)])
def test_steps_may_be_left_out_at_either_end(rows, first):
    made, full = ladder(np.sin, rows=rows, first=first), ladder(np.sin, rows=first + rows)
    assert np.array_equal(made.steps, full.steps[first:])
    assert np.array_equal(made.ahead, full.ahead[first:])
    assert np.array_equal(made.behind, full.behind[first:])
    assert made.first == first


@pytest.mark.parametrize("known", [True, False])
def test_every_sample_is_taken_once(known):
    steps = []

    def line(step):
        steps.append(step)
        return np.array([np.sin(step)])

    made = climb(line, line(0.0), unit=DOUBLE, noise=np.array([0.0]) if known else None)
    assert len(set(steps)) == len(steps) == 1 + 2 * ROWS + (0 if known else 8)
    assert {*made.steps, *-made.steps} <= set(steps)


def test_columns_are_apart():
    made = ladder(lambda x: np.array([np.sin(x), np.abs(x), np.nan, 1e9 * np.exp(x)]))
    assert made.slopes.kink.tolist() == [False, True, False, False]
    assert np.isnan(made.central.value).tolist() == [False, False, True, False]
    alone = ladder(lambda x: np.array([np.sin(x)]))
    assert made.central.value[0] == alone.central.value[0]
    assert made.central.error[0] == alone.central.error[0]
    chosen = made.at(np.array([3, 0]))
    assert np.array_equal(chosen.central.value, made.central.value[[3, 0]])
    assert np.array_equal(chosen.noise, made.noise[[3, 0]])


SEVERAL = (
    lambda x: np.array([np.sin(x), np.exp(x), x * x, 1000 + np.tanh(3 * x)]),
    np.array([1.0, 1.0, 0.0, 3.0]),
)
WEIGHTS = st.lists(
    st.floats(-8, 8, allow_subnormal=False).filter(lambda w: w == 0 or abs(w) > 1e-3), min_size=4, max_size=4
)


@given(weights=WEIGHTS)
@effort(max_examples=30)
def test_columns_are_the_ladder_of_the_sum(weights):
    f, true = SEVERAL
    weights = np.array(weights)
    sums = ladder(f).columns(weights[None, :])
    direct = ladder(lambda x: weights @ (f(x) - f(0.0)))
    size = 2.0**-50 * (np.abs(weights) @ np.abs(f(0.5)) + 1e-300)
    assert np.allclose(sums.ahead, direct.ahead, rtol=0, atol=size)
    assert np.allclose(sums.behind, direct.behind, rtol=0, atol=size)
    assert sums.centre[0] == 0
    assert abs(sums.central.value[0] - weights @ true) <= sums.central.error[0]
    assert abs(sums.right.value[0] - weights @ true) <= sums.right.error[0]


def test_the_noise_of_a_sum_is_that_of_its_terms():
    made = ladder(lambda x: np.array([x, 2 * x, 3 * x]), noise=np.array([3e-6, 4e-6, 0]))
    assert made.columns(np.array([[1.0, 1, 0], [0, 2, 0]])).noise == pytest.approx([5e-6, 8e-6])


def test_a_kink_stays_one_in_a_sum_until_it_cancels():
    made = ladder(lambda x: np.array([np.abs(x), np.sin(x), -np.abs(x)]))
    sums = made.columns(np.array([[1.0, 1, 0], [0, 1, 0], [1, 5, 1]]))
    assert sums.slopes.kink.tolist() == [True, False, False]


def test_several_combinations_come_at_once():
    f, _ = SEVERAL
    made, weights = ladder(f), np.random.default_rng(0).normal(size=(3, 4))
    together = made.columns(weights)
    for at, row in enumerate(weights):
        assert together.central.value[at] == pytest.approx(
            made.columns(row[None]).central.value[0], rel=1e-13
        )


def test_wide_ladders_are_read_as_narrow_ones():
    phases = np.linspace(0, 3, 9000)  # more than one block of columns
    wide = ladder(lambda x: np.sin(x + phases), noise=np.zeros(9000))
    some = [0, 4095, 4096, 8999]
    narrow = ladder(lambda x: np.sin(x + phases[some]), noise=np.zeros(4))
    assert np.allclose(wide.central.value[some], narrow.central.value, rtol=0, atol=1e-15)
    assert np.all(np.abs(wide.central.value - np.cos(phases)) <= wide.central.error)


# Noise


@pytest.mark.parametrize("level", [1e-12, 1e-9, 1e-6, 1e-3])
def test_noise_is_measured(level):
    rng = np.random.default_rng(1)
    found = [ladder(lambda x: np.sin(x) + level * rng.normal(), 0.3).noise[0] for _ in range(20)]
    assert level < np.median(found) < 20 * level


@pytest.mark.parametrize(("digits", "stair"), [(3, 1e-3), (6, 1e-6)])
def test_stairs_are_found_where_no_noise_is_seen(digits, stair):
    found = ladder(lambda x: np.round(np.sin(x), digits), 0.3)
    assert found.noise[0] >= 0.99 * stair
    assert covers(found.central, np.cos(0.3))


@pytest.mark.parametrize("f", [np.sin, lambda x: 0.5 * x, lambda x: x * x, lambda x: np.abs(x - 1), np.floor])
def test_what_is_no_stairs_has_no_such_noise(f):
    assert ladder(f, 0.25).noise[0] < 1e-14


def test_a_rectifier_is_no_stairs():
    assert ladder(lambda x: np.maximum(x, 0)).noise[0] < 1e-14


def test_a_kink_at_the_point_is_no_noise():
    assert ladder(lambda x: np.abs(x) + (x > 0)).noise[0] < 1e-14


def test_a_sample_is_never_more_exact_than_its_own_rounding():
    made = ladder(lambda x: np.array([1e6 + x, x]), noise=np.zeros(2))
    assert made.floor[0] >= 2 * DOUBLE * 1e6
    assert made.floor[1] < 1e-15
    low = ladder(lambda x: np.array([1.0 + x]), noise=np.zeros(1), unit=SINGLE, rows=7)
    assert low.floor[0] >= SINGLE


def test_what_differs_by_rounding_alone_is_flat():
    rng = np.random.default_rng(0)
    made = ladder(lambda x: np.array([7 + 2**-50 * rng.integers(-2, 3), 7 + 1e-6 * x, np.sin(x)]))
    assert made.flat.tolist() == [True, False, False]
    assert made.columns(np.eye(3)).flat.tolist() == [True, False, False]


def test_the_window_avoids_kinks_and_noise():
    rng = np.random.default_rng(0)
    steps = ladder(np.sin).steps
    kinked = ladder(lambda x: np.sin(x) + np.abs(x - 1e-3) - 1e-3)
    assert steps[kinked.window(4) + 1] < 1e-3
    noisy = ladder(lambda x: np.sin(x) + 1e-7 * rng.normal())
    assert noisy.window(4) <= 3


# Extrapolation


@pytest.mark.parametrize(("power", "terms"), [(2, (2, 4, 6)), (1, (1, 2, 3))])
def test_an_expansion_in_powers_of_the_step_is_summed(power, terms):
    steps = LONGEST * float(RATIO) ** -np.arange(8)
    quotients = np.stack([3 + sum(h**term for term in terms) for h in steps])[:, None]
    found = extrapolate(quotients, steps, np.zeros(1), power)
    assert abs(found.value[0] - 3) <= found.error[0] + 1e-14 < 1e-6


def test_rows_that_are_not_finite_are_left_out():
    steps = LONGEST * float(RATIO) ** -np.arange(8)
    quotients = (3 + steps**2)[:, None].copy()
    quotients[:3, 0] = np.nan, np.inf, -np.inf
    found = extrapolate(quotients, steps, np.zeros(1), 2)
    assert abs(found.value[0] - 3) <= found.error[0] + 1e-14 < 1e-9
    nothing = extrapolate(np.full((8, 1), np.nan), steps, np.zeros(1), 2)
    assert np.isnan(nothing.value[0])
    assert np.isinf(nothing.error[0])


def test_noise_widens_the_bar_in_proportion():
    steps = LONGEST * float(RATIO) ** -np.arange(8)
    quotients = np.full((8, 1), 3.0)
    bars = [extrapolate(quotients, steps, np.array([level]), 2).error[0] for level in (1e-9, 1e-6)]
    assert bars[1] == pytest.approx(1000 * bars[0])
    assert 1e-9 < bars[0] < 1e-7


def test_short_steps_that_agree_on_another_slope_overrule_long_ones():
    steps = LONGEST * float(RATIO) ** -np.arange(ROWS)
    quotients = np.where(steps > 1e-3, 5.0, 3.0)[:, None]
    found = extrapolate(quotients, steps, np.array([1e-13]), 2)
    assert abs(found.value[0] - 3) <= found.error[0]
    assert found.error[0] < 1
