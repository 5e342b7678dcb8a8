"""Sums of the same products differ in their last digits, and what explains it is decided exactly."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gradcheck import sums
from gradcheck.errors import BadArgument

numbers = st.floats(-1e6, 1e6, allow_subnormal=False).filter(lambda x: x == 0 or abs(x) > 1e-6)
pairs = st.lists(st.tuples(numbers, numbers), min_size=1, max_size=40)


def vectors(n, dtype="float64", seed=3):
    return np.random.default_rng(seed).uniform(0, 1, (2, n)).astype(dtype)


def exactly(u, v):
    return sum((Fraction(float(a)) * Fraction(float(b)) for a, b in zip(u, v, strict=True)), Fraction(0))


def one_by_one(u, v):
    total = u.dtype.type(0)
    for a, b in zip(u, v, strict=True):
        total += a * b
    return total


def by_halves(terms):
    if terms.size == 1:
        return terms[0]
    return by_halves(terms[: terms.size // 2]) + by_halves(terms[terms.size // 2 :])


@settings(max_examples=60)
@given(numbers, numbers)
def test_product_is_exactly_the_sum_of_two_floats(a, b):
    (product,), (error,) = sums._two_product(np.array([a]), np.array([b]))
    assert Fraction(float(product)) + Fraction(float(error)) == Fraction(a) * Fraction(b)


@settings(max_examples=60)
@given(pairs)
def test_exact_dot_product_is_rounded_once(terms):
    u, v = np.array(terms).T
    assert sums.exact_dot(u, v) == float(exactly(u, v))


def test_exact_dot_product_survives_cancellation():
    u, v = np.array([1e16, 1.0, -1e16]), np.array([1.0, 1.0, 1.0])
    assert np.sum(u * v) == 0
    assert sums.exact_dot(u, v) == 1


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@settings(max_examples=30)
@given(seed=st.integers(0, 2**32), n=st.integers(1, 300))
def test_sum_term_by_term_lies_within_its_bound_and_a_sum_by_halves_within_the_narrower_one(dtype, seed, n):
    u, v = np.random.default_rng(seed).normal(size=(2, n)).astype(dtype)
    loop, halves = sums.explain(u, v, {"loop": one_by_one(u, v), "halves": by_halves(u * v)})
    assert abs(loop.ulps) <= loop.bounds.recursive
    assert abs(halves.ulps) <= halves.bounds.pairwise


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_distances_are_counted_in_units_of_the_last_place_of_the_exact_sum(dtype):
    u, v = vectors(1000, dtype)
    exact = exactly(u, v)
    unit = Fraction(float(np.spacing(np.dtype(dtype).type(float(exact)))))
    for row in sums.explain(u, v, {"loop": one_by_one(u, v), "numpy": np.sum(u * v), "library": u @ v}):
        assert row.ulps == pytest.approx(float((Fraction(row.value) - exact) / unit), rel=1e-9)
        assert row.exact == float(exact)
        assert row.explained


def test_sum_that_drifts_is_explained_by_its_order_alone():
    u, v = np.full(100_000, 0.1, np.float32), np.ones(100_000, np.float32)
    loop, halves = sums.explain(u, v, {"loop": one_by_one(u, v), "halves": by_halves(u * v)})
    assert (loop.by, halves.by) == ("recursive", "pairwise")
    assert abs(loop.ulps) > 100 * abs(halves.ulps)


def test_mistake_is_not_explained():
    u, v = vectors(1000)
    total = np.sum(u * v)
    lost, nothing = sums.explain(u, v, {"one term lost": total - u[7] * v[7], "no number": np.nan})
    assert not lost.explained
    assert not nothing.explained
    assert str(lost).startswith(f"one term lost: {lost.value!r}, {lost.ulps:+.1f} ulps from the exact sum")
    assert str(lost).endswith("not explained by rounding")


def test_row_says_which_bound_explains_it():
    u, v = vectors(1000)
    (row,) = sums.explain(u, v, {"numpy": np.sum(u * v)})
    assert str(row).endswith("(pairwise 10.3, recursive 937): explained by the pairwise bound")


def test_bounds_are_the_classical_ones():
    u, n = 2.0**-53, 1000
    found = sums.bounds(n, 1.0)
    assert found.recursive == pytest.approx(n * u / (1 - n * u) / 2**-52)
    assert found.pairwise == pytest.approx(11 * u / (1 - 11 * u) / 2**-52)
    assert sums.bounds(n, 8.0, value=1.0).recursive == pytest.approx(8 * found.recursive)


def test_bound_of_more_terms_than_the_dtype_can_count_is_infinite():
    assert sums.bounds(2**24, 1.0, dtype="float32").recursive == np.inf
    assert sums.bounds(2**24, 1.0).recursive < np.inf


def test_products_below_the_range_of_single_precision_are_counted():
    u = np.full(64, 1e-23, np.float32)
    (row,) = sums.explain(u, u, {"numpy": np.sum(u * u)})
    assert row.exact > 0
    assert row.value == 0
    assert row.explained


def test_two_numbers_of_the_document_are_331_ulps_apart_and_one_of_them_is_no_sum_by_pairs():
    found = sums.difference(249816.30215526323, 249816.30215527286, 1_000_000)
    assert round(found.ulps) == 331
    assert found.explained
    assert not found.both_pairwise
    assert str(found) == (
        "331 ulps apart (pairwise 20, recursive 9.53e+05 each): at least one of them was not taken by pairs"
    )


@pytest.mark.parametrize(
    ("other", "ending"),
    [
        (249816.3021552633, "(pairwise 20, recursive 9.53e+05 each): two sums by pairs may differ as much"),
        (249817.3, "(pairwise 20, recursive 9.53e+05 each): rounding does not explain it"),
    ],
)
def test_difference_says_what_may_have_made_it(other, ending):
    assert str(sums.difference(249816.30215526323, other, 1_000_000)).endswith(ending)


@pytest.mark.parametrize(
    ("u", "v", "message"),
    [
        (np.ones(2), np.ones(3), r"u, v: expected two vectors of one length, got \(\(2,\), \(3,\)\)"),
        (np.ones((2, 2)), np.ones((2, 2)), "u, v: expected two vectors of one length"),
        (np.ones(0), np.ones(0), "u, v: expected two vectors of one length"),
        (np.ones(2), np.ones(2, np.float32), "u, v: expected both float64 or both float32"),
        (np.ones(2, int), np.ones(2, int), "u, v: expected both float64 or both float32"),
        (np.array([1e200]), np.ones(1), r"u, v: expected entries up to 2\^500, got 1e\+200"),
        (np.array([np.nan]), np.ones(1), r"u, v: expected entries up to 2\^500, got nan"),
        (
            np.array([1e-200]),
            np.array([1e-200]),
            r"u, v: expected products of 2\^-960 and more, or 0, got 0.0",
        ),
    ],
)
def test_vectors_that_cannot_be_multiplied_exactly_are_refused(u, v, message):
    with pytest.raises(BadArgument, match=message):
        sums.explain(u, v, {})


@pytest.mark.parametrize(("n", "dtype", "name"), [(0, "float64", "n"), (10, "float16", "dtype")])
def test_bounds_refuse_what_they_do_not_know(n, dtype, name):
    with pytest.raises(BadArgument, match=f"^{name}: expected"):
        sums.bounds(n, 1.0, dtype=dtype)
