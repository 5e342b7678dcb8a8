"""The second measurement: it stands by a wrong claim's accuser, and by a right claim against a bad one."""

from dataclasses import replace

import numpy as np
import pytest

from gradcheck.judge.comparison import State
from gradcheck.judge.examination import examine
from gradcheck.judge.oracle import AGREES_WITH_CLAIM, confirm
from trials import forward, on_trial, reverse

X = np.random.default_rng(0).normal(size=5)
UNCERTAIN = "a second measurement is too uncertain to confirm the disagreement"

# f and its slope; every function acts on entries alone
FUNCTIONS = {
    "sine": (np.sin, np.cos),
    "exponential": (np.exp, np.exp),
    "cube": (lambda x: x**3, lambda x: 3 * x**2),
    "plateau": (lambda x: 1000 + np.tanh(x), lambda x: 1 / np.cosh(x) ** 2),
    "wave": (lambda x: np.sin(50 * x), lambda x: 50 * np.cos(50 * x)),
    "small": (lambda x: 1e-30 * np.sin(x), lambda x: 1e-30 * np.cos(x)),
    "rounded": (lambda x: np.float64(np.float32(np.sin(x))), np.cos),
}
MODES = {"vjp": reverse, "jvp": forward}


def tried(f, slope, mode="vjp", seed=0):
    claim = MODES[mode](lambda x, direction: direction * slope(x))
    return on_trial(f, (X,), claim, seed=seed), claim


def spoil(trial, by):
    """Every sample of the first measurement off by what ``by`` makes of the step."""
    for at, one in enumerate(trial.probes):
        step = one.ladder.steps[:, None]
        range_ = one.ladder.range
        spoilt = replace(
            one.ladder,
            ahead=one.ladder.ahead + range_ * by(step),
            behind=one.ladder.behind + range_ * by(-step),
        )
        trial.probes[at] = replace(one, ladder=spoilt)


def disagreements(trial, claim):
    return [outcome for outcome in examine(trial, claim) if outcome.reading.state is State.DISAGREES]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("error", [-2.0, 1.0, 1e-2])
def test_a_wrong_claim_stays_accused(name, mode, error):
    f, slope = FUNCTIONS[name]
    for seed in range(2):
        trial, claim = tried(f, lambda x: slope(x) * (1 + error), mode, seed)
        wrong = disagreements(trial, claim)
        assert wrong
        assert all(confirm(trial, outcome) == "" for outcome in wrong)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("by", [lambda h: 0.3 * h, lambda h: -2 * h, lambda h: 0.05 * h + h**2])
def test_a_right_claim_is_cleared_when_the_first_measurement_is_spoilt(name, mode, by):
    f, slope = FUNCTIONS[name]
    for seed in range(2):
        trial, claim = tried(f, slope, mode, seed)
        assert not disagreements(trial, claim)
        spoil(trial, by)
        accused = disagreements(trial, claim)
        assert accused
        assert {AGREES_WITH_CLAIM} == {confirm(trial, outcome) for outcome in accused}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_wrong_claim_is_not_cleared_by_a_bad_measurement(name):
    f, slope = FUNCTIONS[name]
    trial, claim = tried(f, lambda x: 2 * slope(x))
    spoil(trial, lambda h: 0.3 * h)
    accused = disagreements(trial, claim)
    assert accused
    assert all(confirm(trial, outcome) == "" for outcome in accused)


def test_a_measurement_that_drowns_in_noise_decides_nothing():
    level, rng = [0.0], np.random.default_rng(1)
    trial, claim = tried(
        lambda x: np.sin(x) + level[0] * rng.normal(size=x.shape), lambda x: 1.001 * np.cos(x)
    )
    wrong = disagreements(trial, claim)
    assert wrong
    level[0] = 1.0
    assert {UNCERTAIN} == {confirm(trial, outcome) for outcome in wrong}


def test_a_measurement_that_fails_decides_nothing():
    limit = [np.inf]

    def guarded(x):
        if np.max(np.abs(x)) > limit[0]:
            raise ValueError
        return np.sin(x)

    trial, claim = tried(guarded, lambda x: 2 * np.cos(x))
    wrong = disagreements(trial, claim)
    limit[0] = np.max(np.abs(X))
    assert {UNCERTAIN} == {confirm(trial, outcome) for outcome in wrong}


def test_a_claim_that_rounding_moves_is_not_accused_of_it():
    trial, claim = tried(np.sin, lambda x: np.cos(x) * (1 + 1e-8 * np.sin(1e17 * x)))
    shaky = disagreements(trial, claim)
    assert shaky
    assert all("the claim itself moves by" in confirm(trial, outcome) for outcome in shaky)


def test_a_claim_that_changes_altogether_is_accused():
    """As one that sits at a kink of its own: that is no rounding."""
    trial, claim = tried(np.sin, lambda x: np.where(x == X, 1.5, 1.0) * np.cos(x))
    wrong = disagreements(trial, claim)
    assert wrong
    assert all(confirm(trial, outcome) == "" for outcome in wrong)


def test_agreement_and_what_is_not_finite_are_not_measured_again():
    trial, claim = tried(np.sin, np.cos)
    before = trial.meter.evaluations
    assert all(confirm(trial, outcome) == "" for outcome in examine(trial, claim))
    assert trial.meter.evaluations == before
    trial, claim = tried(np.sin, lambda x: np.where(x > 0, np.nan, np.cos(x)))
    before = trial.meter.evaluations
    assert all(confirm(trial, outcome) == "" for outcome in examine(trial, claim))
    assert trial.meter.evaluations == before


def test_a_kink_is_left_to_those_who_know_kinks():
    at_kink = np.array([0.0, 1.0, -2.0])
    claim = reverse(lambda x, c: 3 * c * np.sign(x) + 5 * c * (x == 0))
    trial = on_trial(np.abs, (at_kink,), claim)
    kinked = [o for o in disagreements(trial, claim) if o.reading.reason]
    assert kinked
    before = trial.meter.evaluations
    assert all(confirm(trial, outcome) == "" for outcome in kinked)
    assert trial.meter.evaluations == before


def test_the_second_measurement_is_cheap():
    trial, claim = tried(np.sin, lambda x: 2 * np.cos(x))
    wrong = disagreements(trial, claim)
    before = trial.meter.evaluations
    for outcome in wrong:
        confirm(trial, outcome)
    assert trial.meter.evaluations - before <= 13 * len(wrong)
