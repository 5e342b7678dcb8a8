"""Medians, ratios and many p-values: intervals that cover, tests that keep their level."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gradcheck.statistics import (
    holm,
    median_interval,
    paired_ratio,
    prediction_bound,
    ratio,
    unpaired_p,
)

TRIALS = 300


def skewed(generator, size, scale=1.0):
    """Times as machines give them: a floor, and a long tail above it."""
    return scale * (1 + 0.05 * generator.exponential(size=size))


def covered(interval, truth):
    return interval.low <= truth <= interval.high


def test_the_interval_of_a_median_covers_it():
    generator = np.random.default_rng(1)
    truth = 1 + 0.05 * math.log(2)
    hits = sum(covered(median_interval(skewed(generator, 25)), truth) for _ in range(TRIALS))
    assert hits >= 0.95 * TRIALS


def test_the_interval_of_a_paired_ratio_covers_it_through_a_drift_that_both_see():
    generator = np.random.default_rng(2)
    hits = 0
    for _ in range(TRIALS):
        drift = np.exp(np.cumsum(0.1 * generator.standard_normal(25)))
        made = paired_ratio(drift * skewed(generator, 25, 1.2), drift * skewed(generator, 25))
        hits += covered(made, 1.2)
    assert hits >= 0.93 * TRIALS


def test_equals_are_told_apart_as_seldom_as_the_level_says():
    generator = np.random.default_rng(3)
    pairs = [(skewed(generator, 20), skewed(generator, 20)) for _ in range(TRIALS)]
    assert sum(unpaired_p(*pair) < 0.05 for pair in pairs) <= 0.08 * TRIALS
    assert sum(not covered(paired_ratio(*pair), 1.0) for pair in pairs) <= 0.08 * TRIALS


def test_a_tenth_more_is_found():
    generator = np.random.default_rng(4)
    pairs = [(skewed(generator, 15, 1.1), skewed(generator, 15)) for _ in range(TRIALS)]
    assert sum(unpaired_p(*pair) < 0.05 and ratio(*pair).value > 1 for pair in pairs) >= 0.9 * TRIALS
    assert sum(paired_ratio(*pair).low > 1 for pair in pairs) >= 0.9 * TRIALS


def test_the_interval_of_the_ratio_of_two_medians_covers_it():
    generator = np.random.default_rng(6)
    pairs = [(skewed(generator, 25, 1.2), skewed(generator, 25)) for _ in range(TRIALS)]
    assert sum(covered(ratio(*pair), 1.2) for pair in pairs) >= 0.93 * TRIALS


@pytest.mark.parametrize("of", [paired_ratio, ratio])
def test_a_ratio_is_that_of_the_medians_where_nothing_is_noisy(of):
    made = of([2.0] * 8, [1.0] * 8)
    assert (made.value, made.low, made.high) == (2.0, 2.0, 2.0)
    assert unpaired_p([2.0] * 8, [1.0] * 8) < 0.05


def test_rounds_in_which_the_machine_was_busy_count_no_more_than_others():
    steady, busy = [1.1] * 12, [0.3, 0.2, 0.4]
    assert paired_ratio(steady + busy, [1.0] * 15).low > 1


def test_rounds_that_one_missed_are_left_out():
    assert paired_ratio([2.0, math.nan, 4.0, 8.0], [1.0, 1.0, 2.0]).value == 2.0


@given(st.lists(st.floats(0, 10), min_size=2, max_size=50), st.sampled_from([0.5, 0.9, 0.95]))
def test_of_values_in_any_order_the_last_exceeds_the_bound_of_the_others_as_seldom_as_is_said(values, level):
    bounds = [prediction_bound(values[:i] + values[i + 1 :], level) for i in range(len(values))]
    exceed = sum(value > bound.value for value, bound in zip(values, bounds, strict=True))
    assert exceed <= (1 - bounds[0].coverage) * len(values) + 1e-9
    assert bounds[0].coverage >= min(level, (len(values) - 1) / len(values)) - 1e-12


def test_a_bound_is_no_wider_than_it_must_be():
    assert prediction_bound(range(1, 20)).value == 19
    assert [prediction_bound(range(count)).of_100 for count in (1, 18, 19, 40)] == [50, 94, 95, 95]
    assert prediction_bound(range(1, 101)).value == 96
    assert prediction_bound(range(1, 8)) == prediction_bound([7, 7, 7, 1, 1, 1, 1])  # the largest, below 19
    assert (prediction_bound([]).value, prediction_bound([]).coverage) == (0.0, 0.0)


def test_few_samples_have_their_range_and_none_have_nothing():
    few = median_interval([3.0, 1.0, math.nan, 2.0])
    assert (few.value, few.low, few.high) == (2.0, 1.0, 3.0)
    assert few.half_width == 0.5
    assert math.isnan(median_interval([]).value)
    assert math.isnan(paired_ratio([math.nan], [1.0]).value)
    assert math.isnan(ratio([], [1.0]).value)
    assert math.isnan(unpaired_p([], [1.0]))


def test_equal_samples_give_equal_intervals():
    samples = list(skewed(np.random.default_rng(5), 15))
    assert median_interval(samples) == median_interval(samples)


def test_holm_on_the_example_of_its_paper():
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])


@settings(max_examples=60, deadline=None)
@given(st.lists(st.one_of(st.floats(0, 1), st.just(math.nan)), max_size=12))
def test_holm_only_raises_keeps_the_order_and_counts_no_nan(given_p):
    adjusted = holm(given_p)
    numbers = [(p, q) for p, q in zip(given_p, adjusted, strict=True) if not math.isnan(p)]
    assert all(math.isnan(q) for p, q in zip(given_p, adjusted, strict=True) if math.isnan(p))
    assert all(p <= q <= max(1, p) for p, q in numbers)
    assert [q for _, q in sorted(numbers)] == sorted(q for _, q in numbers)
    assert holm([p for p, _ in numbers]) == [q for _, q in numbers]
