"""Differences with an error bar: the bar is true, it says something, and it survives the edges of domains."""

from itertools import product

import mpmath
import numpy as np
import pytest

from gradcheck.numeric.differences import derivative, sample_noise
from gradcheck.numeric.noise import noise_level

# Written for NumPy and mpmath alike.
FUNCTIONS = {
    "sin": lambda m, x: m.sin(x),
    "cos": lambda m, x: m.cos(3 * x),
    "exp": lambda m, x: m.exp(x),
    "decay": lambda m, x: m.exp(-2 * x),
    "log": lambda m, x: m.log(x),
    "sqrt": lambda m, x: m.sqrt(x),
    "tanh": lambda m, x: m.tanh(x),
    "cubic": lambda m, x: x**3 - 2 * x + 1,
    "tenth power": lambda m, x: x**10,
    "reciprocal": lambda m, x: 1 / x,
    "bell": lambda m, x: m.exp(-x * x),
    "bell on a plateau": lambda m, x: 1000 + m.exp(-x * x),
    "rational": lambda m, x: x / (1 + 4 * x * x),
    "logistic": lambda m, x: 1 / (1 + m.exp(-3 * x)),
    "product": lambda m, x: x * m.log(x) * m.sin(x),
    "chirp": lambda m, x: m.sin(5 * x * x),
    "tangent": lambda m, x: m.tan(x / 2),
    "cosh": lambda m, x: m.cosh(x),
    "constant": lambda m, x: 3 + 0 * x,
    "line": lambda m, x: 0.1 * x - 7,
}
POINTS = (0.3, 1.1, 2.7)
SCALES = (1e-4, 1.0, 1e3)
CASES = list(product(FUNCTIONS, POINTS, SCALES))


def estimated(name, x, scale, order, dtype=np.float64):
    """Derivative of ``f(t / scale)`` at ``x scale``, its error bar, and the true one."""
    f, at, scale = FUNCTIONS[name], dtype(x * scale), dtype(scale)

    def phi(step):
        return f(np, (at + dtype(step)) / scale)

    jitter = abs(float(at)) * float(np.finfo(dtype).eps) / 2
    noise = sample_noise(phi, scale=float(scale))
    found = derivative(phi, scale=float(scale), order=order, jitter=jitter, noise=noise)
    with mpmath.workdps(60):
        inner = mpmath.mpf(float(at)) / mpmath.mpf(float(scale))
        true = mpmath.diff(lambda t: f(mpmath, t), inner, order) / mpmath.mpf(float(scale)) ** order
    return found.value.item(), found.error.item(), float(true)


@pytest.mark.parametrize(
    ("order", "dtype", "tightness"), [(1, np.float64, 1e-8), (2, np.float64, 1e-5), (1, np.float32, 1e-2)]
)
def test_error_bar_covers_the_true_error_and_is_narrow(order, dtype, tightness):
    missed, wide = [], []
    for name, x, scale in CASES:
        value, bar, true = estimated(name, x, scale, order, dtype)
        if not abs(value - true) <= bar:
            missed.append((name, x, scale, value, bar, true))
        if not bar * scale**order <= tightness * (10 + abs(true) * scale**order):
            wide.append((name, x, scale, value, bar, true))
    shown = "\n".join(map(str, missed))
    assert len(missed) <= len(CASES) // 100, f"covered {len(CASES) - len(missed)} of {len(CASES)}:\n{shown}"
    shown = "\n".join(map(str, wide))
    assert len(wide) <= len(CASES) // 10, f"narrow in {len(CASES) - len(wide)} of {len(CASES)}:\n{shown}"


def test_bars_a_thousand_times_narrower_would_not_cover():
    found = [estimated(*case, 1) for case in CASES]
    assert sum(abs(value - true) > bar / 1000 for value, bar, true in found) > len(CASES) // 100


@pytest.mark.parametrize(
    ("function", "at", "true"),
    [
        (np.log, 1e-8, 1e8),
        (np.sqrt, 1e-12, 5e5),
        (np.sqrt, 1e-4, 50.0),
        (lambda x: np.arcsin(1 - x), 1e-6, -1 / np.sqrt(2e-6 - 1e-12)),
        (lambda x: x * np.log(x), 1e-7, np.log(1e-7) + 1),
    ],
)
def test_estimate_near_the_edge_of_a_domain_is_finite_and_true(function, at, true):
    found = derivative(lambda step: function(np.float64(at) + step), jitter=at * 2.0**-53)
    assert np.isfinite(found.value)
    assert np.isfinite(found.error)
    assert abs(found.value - true) <= found.error


def test_estimate_where_nothing_is_finite_says_so():
    found = derivative(lambda step: np.array([np.nan, 2.0 * step]))
    assert np.isnan(found.value[0])
    assert np.isinf(found.error[0])
    assert abs(found.value[1] - 2.0) <= found.error[1] < 1e-10


def test_every_output_has_its_own_estimate():
    found = derivative(lambda step: np.array([np.sin(step), 1e6 * np.exp(step), 0.0]))
    expected = np.array([1.0, 1e6, 0.0])
    assert found.value.shape == found.error.shape == (3,)
    assert np.all(abs(found.value - expected) <= found.error)
    assert found.error[0] < 1e-9


def test_long_steps_across_many_periods_are_found_out():
    frequency = 2.0**9
    found = derivative(lambda step: np.sin(frequency * np.float64(step)))
    assert abs(found.value - frequency) <= found.error


def test_stated_noise_widens_the_bar():
    generator = np.random.default_rng(3)

    def noisy(step):
        return np.exp(np.float64(step)) + 1e-6 * generator.standard_normal()

    found = derivative(noisy, noise=sample_noise(noisy))
    assert abs(found.value - 1) <= found.error
    assert 1e-7 < found.error < 1e-3


def test_kink_has_a_wide_bar():
    found = derivative(lambda step: np.maximum(np.float64(step), 3 * np.float64(step)), order=2)
    assert found.error > 1


def test_noise_level_recovers_a_known_sigma():
    generator = np.random.default_rng(11)
    near = 0
    for _ in range(200):
        sigma = 10.0 ** generator.uniform(-12, -2)
        t = generator.uniform(-1, 1) + 1e-6 * np.arange(8)
        level = noise_level(np.sin(t) + sigma * generator.standard_normal(8))
        near += sigma / 3 <= level <= 3 * sigma
    assert near >= 180, f"{near} of 200"


def test_noise_level_of_rounding_is_about_a_unit_in_the_last_place():
    t = 1 + 1.1e-6 * np.arange(8)
    level = noise_level(np.sin(t.astype(np.float32)).astype(np.float64))
    assert 2.0**-27 < level < 2.0**-21


def test_noise_level_is_taken_output_by_output():
    generator = np.random.default_rng(5)
    sigma = np.array([1e-3, 1e-9])
    levels = noise_level(np.ones(2) + sigma * generator.standard_normal((8, 2)))
    assert np.all((sigma / 3 <= levels) & (levels <= 3 * sigma))


def test_noise_level_of_values_that_are_no_numbers_is_none():
    assert np.isnan(noise_level(np.array([1.0, np.nan, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0])))
