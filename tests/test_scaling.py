"""A slope is found with an interval that covers it, and what is projected says that it is projected."""

import math

import numpy as np
import pytest

from gradcheck import scaling
from gradcheck.errors import BadArgument
from gradcheck.scaling import MODEL_SIZES, fit, fit_rounds, project, projection

DECADES = (1e3, 1e4, 1e5, 1e6, 1e7)
DOUBLINGS = (64, 128, 256, 512, 1024)
LAWS = {  # sizes, a, b, p
    "n": (DECADES, 2e-5, 1e-9, 1.0),
    "n without a fixed cost": (DECADES, 0.0, 1e-9, 1.0),
    "n^2": (tuple(4 * n for n in DOUBLINGS), 1e-5, 5e-10, 2.0),
    "n^3": (DOUBLINGS, 1e-5, 5e-11, 3.0),
    "n over four sizes": (DECADES[:4], 2e-5, 1e-8, 1.0),
}


def costs(sizes, a, b, p):
    return [a + b * n**p for n in sizes]


def rounds(law, seed, noise=0.05, count=15):
    """Samples with multiplicative noise and, one in five, a delay."""
    sizes, *parameters = LAWS[law]
    generator = np.random.default_rng([seed, 7])
    shape = len(sizes), count
    delays = 1 + noise * generator.exponential(1, shape) * (generator.random(shape) < 0.2)
    return (
        np.array(costs(sizes, *parameters))[:, None] * np.exp(noise * generator.normal(size=shape)) * delays
    )


@pytest.mark.parametrize("law", LAWS)
def test_slope_of_a_known_law_is_recovered(law):
    sizes, a, b, p = LAWS[law]
    growth = fit(sizes, costs(sizes, a, b, p))
    assert growth.slope.value == pytest.approx(p, abs=1e-3)
    assert growth.slope.low < p < growth.slope.high
    assert growth.fixed == pytest.approx(a, rel=1e-2, abs=1e-9)
    assert growth.factor == pytest.approx(b, rel=1e-2)
    assert not growth.bent


@pytest.mark.parametrize(
    ("law", "trials"), [("n", 300), ("n^2", 100), ("n^3", 100), ("n over four sizes", 100)]
)
def test_interval_of_the_slope_covers_it(law, trials):
    sizes, *_, p = LAWS[law]
    found = [fit_rounds(sizes, rounds(law, seed)).slope for seed in range(trials)]
    assert np.mean([slope.low <= p <= slope.high for slope in found]) >= 0.93
    assert np.median([slope.high - slope.low for slope in found]) < 0.15


def test_interval_covers_where_the_fixed_cost_is_at_the_edge_of_what_it_may_be():
    sizes, *_, p = LAWS["n without a fixed cost"]
    found = [fit_rounds(sizes, rounds("n without a fixed cost", seed)).slope for seed in range(100)]
    assert np.mean([slope.low <= p <= slope.high for slope in found]) >= 0.93


def test_interval_of_a_projection_covers_it():
    sizes, a, b, p = LAWS["n"]
    true = a + b * 1e9**p
    found = [project(fit_rounds(sizes, rounds("n", seed)), 1e9) for seed in range(100)]
    assert np.mean([seconds.low <= true <= seconds.high for seconds in found]) >= 0.93
    assert np.median([seconds.high / seconds.low for seconds in found]) < 2


def test_straight_line_is_fooled_by_a_fixed_cost_and_the_slope_is_not():
    growth = fit(DECADES, costs(DECADES, 1e-3, 1e-10, 1.0))
    assert growth.line.high < 0.5
    assert growth.slope.low < 1 < growth.slope.high


def test_noisier_medians_leave_a_wider_interval():
    seconds = costs(*LAWS["n"])
    widths = [
        growth.slope.high - growth.slope.low
        for share in (0.02, 0.1)
        for growth in [fit(DECADES, seconds, [(t * (1 - share), t * (1 + share)) for t in seconds])]
    ]
    assert widths[1] > 2 * widths[0]


def test_a_single_round_is_not_taken_for_a_sure_one():
    seconds = costs(*LAWS["n"])
    noisy = [(0.8 * t, 1.2 * t) for t in seconds]
    alone = [
        (t, t) if at == 4 else interval for at, (t, interval) in enumerate(zip(seconds, noisy, strict=True))
    ]
    assert fit(DECADES, seconds, alone).deviations[4] == pytest.approx(
        fit(DECADES, seconds, noisy).deviations[4]
    )
    assert fit(DECADES, seconds, [(t, t) for t in seconds]).deviations == fit(DECADES, seconds).deviations


def test_line_bent_by_a_cache_is_called_bent_and_its_interval_is_the_misfit():
    seconds = [t * (2 if n > 1e5 else 1) for n, t in zip(DECADES, costs(*LAWS["n"]), strict=True)]
    narrow = [(0.99 * t, 1.01 * t) for t in seconds]
    growth = fit(DECADES, seconds, narrow)
    assert growth.bent
    assert growth.slope.low < 1 < growth.slope.high
    straight = fit(DECADES, costs(*LAWS["n"]), [(0.99 * t, 1.01 * t) for t in costs(*LAWS["n"])])
    assert not straight.bent
    assert growth.slope.high - growth.slope.low > 5 * (straight.slope.high - straight.slope.low)


def test_cost_that_does_not_grow_is_not_projected():
    growth = fit(DECADES, [1e-5, 1.02e-5, 0.99e-5, 1.01e-5, 1e-5])
    assert not growth.clear
    text = projection(growth, 8.9e8)
    assert text.startswith(
        "a gradient of this function at 8.9e8 parameters cannot be projected: from n = 1e3 ... 1e7"
    )


def test_projection_inside_the_sizes_is_what_was_measured():
    sizes, *law = LAWS["n"]
    inside = project(fit(sizes, costs(sizes, *law)), 1e5)
    assert inside.value == pytest.approx(costs([1e5], *law)[0], rel=1e-3)
    assert inside.low < inside.value < inside.high
    assert inside.high / inside.low < 1.1


def test_projection_holds_the_whole_power_that_caches_hid():
    seconds = [1e-9 * n * (n / 1e3) ** 0.2 for n in DECADES]
    growth = fit(DECADES, seconds)
    found = project(growth, 1e9)
    assert growth.slope.low > 1.1
    assert found.low == pytest.approx(100 * seconds[-1], rel=1e-3)
    assert found.value > 2 * found.low


def test_projection_is_wider_the_farther_it_goes():
    growth = fit(DECADES, costs(*LAWS["n"]))
    widths = [seconds.high / seconds.low for seconds in (project(growth, n) for n in (1e8, 1e9, 1e11))]
    assert widths == sorted(widths)
    assert widths[-1] > 1.05


def test_projection_says_that_it_is_none_of_a_measurement():
    time = fit(DECADES, costs(DECADES, 1e-5, 3.5e-9, 1.0))
    memory = fit(DECADES, costs(DECADES, 4096, 16, 1.0))
    text = projection(time, MODEL_SIZES["Stable Diffusion"][0], memory=memory)
    found = project(time, 8.9e8)
    assert text == (
        "a gradient of this function at 8.9e8 parameters would take about 3.1 s "
        f"({found.low:.2g} to {found.high:.2g}) and 13.3 GiB: "
        "a projection from n = 1e3 ... 1e7, not a measurement"
    )
    assert 2.7 < found.low < 3.1 < found.high < 3.5


@pytest.mark.parametrize(
    ("factor", "n", "said"),
    [
        (1e-9, 100, "about 0.1 µs"),
        (1e-9, 1e6, "about 1 ms"),
        (1e-9, 1e11, "about 1.7 minutes"),
        (1e-6, 1e11, "about 1.2 days"),
        (1e-3, 1e11, "about 3.2 years"),
    ],
)
def test_projected_times_are_said_in_the_unit_that_fits(factor, n, said):
    growth = fit(DECADES, costs(DECADES, 0, factor, 1.0))
    assert said in projection(growth, n, what="the loop", unit="entries")


def test_sizes_of_models_are_those_of_the_course():
    assert dict(MODEL_SIZES) == {
        "VAE": (1e4, 1e6),
        "DCGAN": (1e7, 5e7),
        "Stable Diffusion": (8.9e8, 8.9e8),
        "GPT-class": (1e11, 1e11),
    }


@pytest.mark.parametrize(
    ("sizes", "costs", "intervals", "message"),
    [
        ((1, 2, 3), (1, 2, 3), (), "sizes: expected at least 4 different ones, to tell growth from noise"),
        ((1, 2, 3, 3), (1, 2, 3, 3), (), "sizes: expected at least 4 different ones"),
        ((1, 2, 3, 4), (1, 2, 3), (), "costs, intervals: expected one for each of 4 sizes"),
        ((1, 2, 3, 4), (1, 2, 3, 4), ((1, 2),), "costs, intervals: expected one for each of 4 sizes"),
        ((0, 2, 3, 4), (1, 2, 3, 4), (), "sizes: expected positive finite numbers"),
        ((1, 2, 3, 4), (1, 2, 3, math.nan), (), "costs: expected positive finite numbers"),
        ((1, 2, 3, 4), (1, 2, 3, 4), ((2, 1),) * 4, "intervals: expected positive finite ends in order"),
    ],
)
def test_what_cannot_be_fitted_is_refused(sizes, costs, intervals, message):
    with pytest.raises(BadArgument, match=f"^{message}"):
        fit(sizes, costs, intervals)


def test_a_size_that_is_none_is_not_projected_to():
    with pytest.raises(BadArgument, match=r"^n: expected a positive finite size"):
        project(fit(DECADES, costs(*LAWS["n"])), 0)


def test_profile_finds_the_least_squares_that_a_general_optimiser_finds():
    from scipy.optimize import least_squares

    sizes, *_ = LAWS["n"]
    medians = np.median(rounds("n", 11), axis=1)
    growth = fit(sizes, medians)

    def residuals(theta):
        fixed, factor, p = math.exp(theta[0]), math.exp(theta[1]), theta[2]
        return np.log(medians) - np.log(fixed + factor * np.asarray(sizes) ** p)

    start = [math.log(growth.fixed), math.log(growth.factor), growth.slope.value]
    best = least_squares(residuals, start, xtol=1e-14, ftol=1e-14)
    assert growth.slope.value == pytest.approx(best.x[2], abs=5e-3)
    assert np.sum(residuals(start) ** 2) <= 1.01 * 2 * best.cost + 1e-12


def test_slope_is_never_negative():
    growth = fit(DECADES, [5.0, 4.0, 3.0, 2.0, 1.0])
    assert growth.slope.low == 0
    assert scaling.STEEPEST >= growth.slope.high
