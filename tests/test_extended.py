"""The truth of sized points: right to the digits it states, with bounds that cover roundings and no more."""

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gradcheck import Outcome, draws, problem, running_error
from gradcheck.errors import TruthUnavailable
from gradcheck.extended import JUDGED, Extended, positions
from gradcheck.judge.accuracy import judge
from gradcheck.namespaces import numpy_xp
from gradcheck.problems import Point, sized
from gradcheck.running_error import Rounded, count, exact, running_xp
from gradcheck.truth import Certifier

FLOAT32 = 2.0**-24


def dot(xp, u, v):
    return xp.sum(u * v)


def dot_by_loop(xp, u, v):
    total = u[0] * v[0]
    for i in range(1, u.shape[0]):
        total = total + u[i] * v[i]
    return total


def chain(xp, x):
    return xp.sum(xp.log(1 + xp.sin(x) ** 2))


def slope_of_chain(xp, x):
    return xp.sin(2 * x) / (1 + xp.sin(x) ** 2)


def two_vectors(n):
    return {"u": draws.uniform(0, 1, n), "v": draws.uniform(0, 1, n)}


def instance(function, inputs=two_vectors, n=1000, jac=None, **options):
    declared = problem(*sized((n,), inputs), jac=jac, name="example", **options)(function)
    return declared.instances()[0]


def of_dot(n=1000, function=dot, jac=lambda xp, u, v: (v, u)):
    return instance(function, n=n, jac=jac)


def of_chain(n=1000):
    return instance(chain, lambda n: {"x": draws.normal(n)}, n, slope_of_chain)


def judged(case, operator, dtype, answer):
    """What becomes of a full answer, at the positions that are judged."""
    truth = Extended(case, dtype).truth(operator, {})
    at = positions(answer.size)
    return judge(answer[at], None, truth, operator, case.layout, dtype).outcome


def middle(entry):
    """The truth of an entry as an exact number."""
    mantissa, exponent = entry.low.mid().man_exp()
    return Fraction(int(mantissa)) * Fraction(2) ** int(exponent)


# Which entries are judged.


@pytest.mark.parametrize("size", [1, 5, JUDGED])
def test_every_position_of_a_short_answer_is_judged(size):
    np.testing.assert_array_equal(positions(size), np.arange(size))


@pytest.mark.parametrize("size", [JUDGED + 1, 100_000, 10_000_000])
def test_sample_of_a_long_answer_is_distinct_in_order_with_both_ends_and_never_changes(size):
    at = positions(size)
    assert at.size == JUDGED
    assert (at[0], at[-1]) == (0, size - 1)
    assert np.all(np.diff(at) > 0)
    np.testing.assert_array_equal(at, positions(size))


def test_sample_reaches_everywhere():
    tenths = np.bincount(positions(1_000_000) // 100_000, minlength=10)
    assert np.min(tenths) > JUDGED / 10 / 2


# The truth itself.


@pytest.mark.parametrize(
    "function", [dot, dot_by_loop, lambda xp, u, v: u @ v], ids=["sum", "loop", "library"]
)
def test_value_is_right_to_the_digits_it_states(function):
    case = of_dot(function=function)
    truth = Extended(case, "float64").truth("value", {})
    (entry,) = truth.entries
    true = sum(Fraction(float(a)) * Fraction(float(b)) for a, b in zip(*case.arrays.values(), strict=True))
    assert abs(middle(entry) - true) <= true * Fraction(10.0**-truth.digits)
    assert truth.digits > 16
    assert truth.kind == "closed form"


def test_gradient_without_any_rounding_is_exact():
    case = of_dot()
    truth = Extended(case, "float64").truth("gradient", {})
    expected = np.concatenate([case.arrays["v"], case.arrays["u"]])
    assert truth.digits == 100
    assert [float(middle(entry)) for entry in truth.entries] == expected.tolist()
    assert [entry.bound for entry in truth.entries] == (expected * 2.0**-53).tolist()


def test_entries_of_a_long_gradient_are_those_of_the_positions():
    case = of_dot(n=5000)
    truth = Extended(case, "float32").truth("gradient", {})
    expected = np.concatenate([case.arrays["v"], case.arrays["u"]])[positions(10_000)]
    assert [float(middle(entry)) for entry in truth.entries] == expected.tolist()


@pytest.mark.parametrize("operator", ["value", "gradient"])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_truth_is_that_of_the_balls(operator, dtype):
    case = of_chain(n=12)
    balls = Certifier(case, dtype).truth(operator, case.seeds)
    truth = Extended(case, dtype).truth(operator, {})
    for entry, certified in zip(truth.entries, balls.entries, strict=True):
        assert abs(middle(entry) - middle(certified)) <= abs(middle(certified)) * Fraction(
            10.0**-truth.digits
        )
        assert certified.bound / 8 <= entry.bound <= 8 * certified.bound


def test_answer_rounded_as_the_dtype_rounds_is_exact():
    case = of_chain()
    for dtype in ("float64", "float32"):
        x = case.cast(dtype)["x"]
        assert judged(case, "value", dtype, np.array([chain(numpy_xp, x)])) is Outcome.EXACT
        assert judged(case, "gradient", dtype, slope_of_chain(numpy_xp, x)) is Outcome.EXACT


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_gradient_with_one_wrong_entry_in_a_thousand_is_wrong(dtype):
    case = of_chain()
    answer = slope_of_chain(numpy_xp, case.cast(dtype)["x"])
    answer[617] *= -1
    assert judged(case, "gradient", dtype, answer) is Outcome.WRONG


@pytest.mark.parametrize(("dtype", "n"), [("float64", 1_000_000), ("float32", 100_000)])
def test_sum_that_loses_every_twentieth_term_is_wrong(dtype, n):
    case = of_dot(n=n)
    u, v = case.cast(dtype).values()
    assert judged(case, "value", dtype, np.array([np.sum(u * v)])) is Outcome.EXACT
    u[::20] = 0
    assert judged(case, "value", dtype, np.array([np.sum(u * v)])) is Outcome.WRONG


def test_slopes_that_are_exactly_0_may_be_off_by_what_their_neighbours_may():
    case = instance(lambda xp, x: xp.sum(x**3), lambda n: {"x": [0.0, 2.0, 1.0]}, 3, lambda xp, x: 3 * x**2)
    zero, large, _ = Extended(case, "float64").truth("gradient", {}).entries
    assert zero.low == 0
    assert zero.bound == large.bound > 0


def test_range_of_the_dtype_is_minded():
    case = instance(
        lambda xp, x: xp.sum(x**6) / 6, lambda n: {"x": [200.0, 0.0078125]}, 2, lambda xp, x: x**5
    )
    large, small = Extended(case, "float16").truth("gradient", {}).entries
    assert large.beyond == math.inf
    assert 0 < small.beyond < 1e-4


def test_precision_no_wider_than_float64_is_named(monkeypatch):
    wide = Extended(of_chain(), "float64").truth("value", {})
    monkeypatch.setattr(running_error, "WIDE", np.float64)
    narrow = Extended(of_chain(), "float64").truth("value", {})
    assert (wide.kind, narrow.kind) == ("closed form", "closed form in float64")
    assert narrow.digits == pytest.approx(wide.digits - math.log10(2.0**11), abs=0.2)
    assert narrow.entries[0].bound > 1.9 * wide.entries[0].bound


def test_one_run_serves_both_dtypes():
    calls = []

    def counted(xp, u, v):
        calls.append(xp)
        return dot(xp, u, v)

    case = of_dot(function=counted)
    one, other = Extended(case, "float64"), Extended(case, "float32")
    other.share(one)
    first = one.truth("value", {}), one.truth("gradient", {})
    before = len(calls)
    second = other.truth("value", {}), other.truth("gradient", {})
    assert len(calls) == before > 0
    for fine, coarse in zip(first, second, strict=True):
        for a, b in zip(fine.entries, coarse.entries, strict=True):
            assert a.low is not None
            assert middle(a) == middle(b)
            assert b.bound == pytest.approx(a.bound * 2.0**29, rel=1e-3)


def test_inputs_that_a_dtype_rounds_are_not_shared():
    case = instance(chain, lambda n: {"x": [0.1, 0.2]}, 2, slope_of_chain)
    one, other = Extended(case, "float64"), Extended(case, "float32")
    other.share(one)
    fine, coarse = one.truth("value", {}).entries[0], other.truth("value", {}).entries[0]
    assert middle(fine) != middle(coarse)


# What is refused.


@pytest.mark.parametrize(
    ("jac", "message"),
    [
        (lambda xp, u, v: (2 * v, u), "rises by"),
        (lambda xp, u, v: (u, v), "rises by"),
        (lambda xp, u, v: (v, -u), "mend jac"),
        (lambda xp, u, v: v, r"closed form \(\(1000,\),\) for inputs \(\(1000,\), \(1000,\)\)"),
        (lambda xp, u, v: (v, u[1:]), r"closed form \(\(1000,\), \(999,\)\)"),
        (None, "example: a sized point needs a closed form; give a jac"),
        (lambda xp, u, v: (v, xp.fft.fft(u)), "example: does not run in extended precision"),
        (lambda xp, u, v: (np.asarray([v[0].value]), u), "example: loses extended precision on its way"),
    ],
)
def test_closed_form_that_is_none_is_refused(jac, message):
    with pytest.raises(TruthUnavailable, match=message):
        Extended(of_dot(jac=jac), "float64").truth("gradient", {})


def test_closed_form_wrong_in_one_term_is_refused():
    case = instance(
        lambda xp, x, A: x @ (A @ x),
        lambda n: {"x": draws.normal(n), "A": draws.uniform(0, 1, n, n)},
        40,
        lambda xp, x, A: 2 * (A @ x),
        wrt="x",
    )
    with pytest.raises(TruthUnavailable, match="mend jac"):
        Extended(case, "float64").truth("gradient", {})


def test_function_with_an_array_for_an_output_is_refused():
    case = instance(lambda xp, x: 2 * x, lambda n: {"x": draws.normal(n)}, 5, lambda xp, x: 2 + 0 * x)
    with pytest.raises(TruthUnavailable, match=r"output \(5,\) .* needs a scalar function and its jac"):
        Extended(case, "float64").truth("gradient", {})


@pytest.mark.parametrize("operator", ["hessian", "jvp", "vjp", "hvp", "jacobian"])
def test_other_operators_are_refused(operator):
    with pytest.raises(TruthUnavailable, match="at a sized point only value and gradient are asked"):
        Extended(of_dot(), "float64").truth(operator, {})


@pytest.mark.parametrize(
    "function",
    [lambda xp, u, v: xp.cumulative_sum(u)[-1], lambda xp, u, v: np.add.reduce(u * v)],
    ids=["no rule", "a reduction of a ufunc"],
)
def test_function_without_a_rule_is_refused_by_name(function):
    with pytest.raises(
        TruthUnavailable, match=r"roundings are not followed through (cumulative_sum|add\.reduce)"
    ):
        Extended(of_dot(function=function), "float64").truth("value", {})


# Running errors: every rule against the same steps taken in single precision.

MATRIX = [[0.75, -1.25, 0.5], [2.0, 0.3125, -0.875]]
STEPS = {
    "abs": lambda xp, x: xp.abs(x / 3),
    "arccos": lambda xp, x: xp.acos(x / 3),
    "arcsin": lambda xp, x: xp.asin(x / 3),
    "arctan": lambda xp, x: xp.atan(x / 3),
    "broadcast_to": lambda xp, x: xp.broadcast_to(x[0] / 3, (4, 3)),
    "choice of the greater": lambda xp, x: xp.maximum(x / 3, x * x / 7),
    "choice of the lesser": lambda xp, x: xp.minimum(x / 3, x * x / 7),
    "concat": lambda xp, x: xp.concat([x / 3, x / 7], axis=1),
    "cos": lambda xp, x: xp.cos(x * 31 / 3),
    "cosh": lambda xp, x: xp.cosh(x * 2 / 3),
    "division": lambda xp, x: (x + 1 / 3) / (x * x + 1 / 3),
    "exp": lambda xp, x: xp.exp(x * 7 / 3),
    "expand_dims": lambda xp, x: xp.expand_dims(x / 3, axis=1),
    "expm1": lambda xp, x: xp.expm1(x / 3),
    "greatest": lambda xp, x: xp.max(x / 3, axis=0),
    "least": lambda xp, x: xp.min(x / 3, axis=1, keepdims=True),
    "log": lambda xp, x: xp.log(xp.abs(x) / 3),
    "log1p": lambda xp, x: xp.log1p(x * x / 3),
    "log2": lambda xp, x: xp.log2(xp.abs(x) / 3),
    "logaddexp": lambda xp, x: xp.logaddexp(x / 3, x * x),
    "matmul": lambda xp, x: (x / 3) @ (x / 7).T,
    "matrix_transpose": lambda xp, x: xp.matrix_transpose(x / 3),
    "mean": lambda xp, x: xp.mean(x / 3, axis=0),
    "moveaxis": lambda xp, x: xp.moveaxis(x / 3, 0, 1),
    "negative": lambda xp, x: -(x / 3),
    "permute_dims": lambda xp, x: xp.permute_dims(x / 3, (1, 0)),
    "positive": lambda xp, x: +(x / 3),
    "power": lambda xp, x: (x / 3) ** 3,
    "power by an array": lambda xp, x: xp.abs(x / 3) ** (x / 7),
    "reciprocal": lambda xp, x: xp.reciprocal(x / 3),
    "reshape": lambda xp, x: xp.reshape(x / 3, (6,)),
    "roll, flip": lambda xp, x: xp.flip(xp.roll(x / 3, 1, axis=1), axis=0),
    "sin": lambda xp, x: xp.sin(x * 31 / 3),
    "sinh": lambda xp, x: xp.sinh(x * 2 / 3),
    "sqrt": lambda xp, x: xp.sqrt(xp.abs(x) / 3),
    "square": lambda xp, x: xp.square(x / 3),
    "squeeze": lambda xp, x: xp.squeeze((x / 3)[:, None, :], axis=1),
    "stack": lambda xp, x: xp.stack([x / 3, x / 7]),
    "subtraction": lambda xp, x: x / 3 - x * x / 7,
    "sum": lambda xp, x: xp.sum(x / 3),
    "sum of columns": lambda xp, x: xp.sum(x / 3, axis=0, keepdims=True),
    "take, tile": lambda xp, x: xp.tile(xp.take(x / 3, np.array([1, 0]), axis=0), (2, 1)),
    "tan": lambda xp, x: xp.tan(x / 3),
    "tanh": lambda xp, x: xp.tanh(x / 3),
    "transpose": lambda xp, x: (x / 3).T + (x / 3).mT,
    "vecdot": lambda xp, x: xp.vecdot(x / 3, x / 7),
    "vector by matrix": lambda xp, x: (x[0] / 3) @ (x / 7).T,
    "where": lambda xp, x: xp.where(x > 0, x / 3, 0.1),
    "xlogy": lambda xp, x: xp.xlogy(x / 3, xp.abs(x) / 7),
}


@pytest.mark.parametrize("step", STEPS)
def test_rule_has_the_value_and_covers_the_roundings_of_single_precision(step):
    x = np.array(MATRIX)
    followed = STEPS[step](running_xp, exact(x))
    np.testing.assert_allclose(
        followed.value.astype(np.float64), STEPS[step](numpy_xp, x), rtol=1e-14, atol=1e-15
    )
    single = STEPS[step](numpy_xp, x.astype(np.float32))
    errors = np.abs(single.astype(np.longdouble) - followed.value).astype(np.float64)
    assert single.dtype == np.float32
    assert followed.roundings.shape == followed.value.shape == single.shape
    assert np.all(errors <= 2 * FLOAT32 * followed.roundings)
    assert np.all(followed.roundings <= 100 * (1 + np.abs(followed.value)))


def test_every_rule_is_tested():
    used = set()

    class Watched(Rounded):
        def __array_ufunc__(self, ufunc, method, *inputs, **options):
            used.add(ufunc)
            return watched(super().__array_ufunc__(ufunc, method, *inputs, **options))

        def __array_function__(self, function, types, args, options):
            used.add(function)
            return watched(super().__array_function__(function, types, args, options))

        def __getitem__(self, key):
            return watched(super().__getitem__(key))

    def watched(x):
        return Watched(x.value, x.roundings) if isinstance(x, Rounded) else x

    for step in STEPS.values():
        step(running_xp, watched(exact(np.array(MATRIX))))
    assert set(running_error._RULES) | set(running_error._FUNCTIONS) <= used


@settings(max_examples=40)
@given(seed=st.integers(0, 2**32), n=st.integers(2, 400))
def test_bound_of_a_sum_covers_every_order_of_its_terms(seed, n):
    x = np.random.default_rng(seed).normal(size=n).astype(np.float32)
    followed = running_xp.sum(exact(x))
    total = np.float32(0)
    for entry in x:
        total += entry
    assert abs(float(total - followed.value)) <= FLOAT32 * float(followed.roundings)
    assert abs(float(np.sum(x) - followed.value)) <= FLOAT32 * float(followed.roundings)


@pytest.mark.parametrize("spread", [1.0, 1e6])
def test_product_of_large_matrices_is_that_of_extended_precision(monkeypatch, spread):
    generator = np.random.default_rng(2)
    x, y = (generator.normal(size=(30, 30)) * spread ** generator.uniform(-1, 1, (30, 30)) for _ in "xy")
    x, y = np.sin(x.astype(np.longdouble)), y.astype(np.longdouble) / 3
    monkeypatch.setattr(running_error, "_MANY", 0)
    sliced = running_error._product(x, y)
    size = np.abs(x) @ np.abs(y)
    assert sliced.dtype == np.longdouble
    assert np.max(np.abs(sliced - x @ y) / size) <= 30 * 2.0**-64
    assert all(np.array_equal(part, part.astype(np.float64)) for part in running_error._slices(x, 1, 24))
    assert np.array_equal(sum(part.astype(np.longdouble) for part in running_error._slices(x, 1, 24)), x)


def test_few_roundings_are_counted_one_by_one_and_many_by_their_square_root():
    assert [count(n) for n in (0, 1, 81)] == [0, 1, 81]
    assert count(10_000) == 900


def test_inputs_bring_no_roundings_however_steep_the_function():
    assert not np.any(exact(np.array(MATRIX)).roundings)
    assert running_xp.sqrt(exact(np.array([0.0]))).roundings == 0
    integers = np.array([1, 2])
    assert exact(integers) is integers


def test_constant_that_a_dtype_cannot_hold_counts_as_one_rounding():
    assert running_error._lift(0.5).roundings == 0
    assert running_error._lift(0.1).roundings == 0.1


def test_point_may_be_sized_or_not():
    declared = problem(Point(u=[1.0], v=[2.0]), *sized((3,), two_vectors), name="example")(dot)
    assert [point.size for point in declared.points] == [0, 3]
