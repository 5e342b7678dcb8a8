"""Agreement among derivatives: rounding is no disagreement, and everything above it is."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as effort
from hypothesis import strategies as st

from gradcheck.judge.adjoint import symmetric, transposes
from trials import forward, on_trial, reverse

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=6), RNG.normal(size=6)
W = RNG.normal(size=(4, 6))
Z = RNG.normal(size=3) + 1j * RNG.normal(size=3)
TURN = np.array([[0.0, 1.0], [-1.0, 0.0]])

# f, point, vjp, jvp
PAIRS = {
    "elementwise": (np.sin, (X,), lambda x, c: c * np.cos(x), lambda x, t: t * np.cos(x)),
    "matrix": (
        lambda w, x: w @ x,
        (W, X),
        lambda w, x, c: (np.outer(c, x), w.T @ c),
        lambda w, x, dw, dx: dw @ x + w @ dx,
    ),
    "scalar": (
        lambda x: np.sum(x**3),
        (X,),
        lambda x, c: 3 * c * x**2,
        lambda x, t: np.sum(3 * x**2 * t),
    ),
    "turn": (lambda x: TURN @ x, (X[:2],), lambda x, c: TURN.T @ c, lambda x, t: TURN @ t),
    "complex": (
        np.exp,
        (Z,),
        lambda z, c: c * np.conj(np.exp(z)),
        lambda z, t: t * np.exp(z),
    ),
    "huge": (
        lambda x: 1e100 * np.sin(x),
        (X,),
        lambda x, c: 1e100 * c * np.cos(x),
        lambda x, t: 1e100 * t * np.cos(x),
    ),
    "single precision": (
        np.sin,
        (X.astype(np.float32),),
        lambda x, c: c * np.cos(x),
        lambda x, t: t * np.cos(x),
    ),
    "rounding blown up": (
        lambda x: np.sin(x),
        (X,),
        lambda x, c: c * np.cos(x) * (1 + 1e-6 * np.sin(1e17 * x)),
        lambda x, t: t * np.cos(x),
    ),
}


def compared(name, seed=0, vjp=None, jvp=None):
    f, point, pull, push = PAIRS[name]
    claims = [reverse(vjp or pull), forward(jvp or push)]
    return transposes(on_trial(f, point, *claims, seed=seed), claims)


@pytest.mark.parametrize("name", PAIRS)
def test_right_pairs_agree(name):
    assert not any(compared(name, seed) for seed in range(20))


@pytest.mark.parametrize("narrow", ["vjp", "jvp"])
def test_a_framework_that_rounds_to_single_precision_is_granted_that(narrow):
    rules = {"vjp": reverse, "jvp": forward}

    def claim(mode, error=0.0):
        dtype = np.float32 if mode == narrow else np.float64
        return replace(rules[mode](lambda x, u: (u * np.cos(x) * (1 + error)).astype(dtype)), foreign=True)

    for seed in range(20):
        claims = [claim("vjp"), claim("jvp")]
        assert not transposes(on_trial(np.sin, (X,), *claims, seed=seed), claims)
        claims = [claim("vjp", 0.1), claim("jvp")]
        assert transposes(on_trial(np.sin, (X,), *claims, seed=seed), claims)


def test_a_product_that_vanishes_is_no_disagreement():
    slope = RNG.uniform(0.5, 1.5, 300)
    claims = [reverse(lambda x, c: c * slope), forward(lambda x, t: t * slope)]
    for seed in range(20):
        trial = on_trial(lambda x: x * slope, (RNG.normal(size=300),), *claims, seed=seed)
        pushed = trial.probes[0].direction[0] * slope
        weights = trial.weights[0]
        trial.weights[0] = weights - pushed * (weights @ pushed) / (pushed @ pushed)
        assert not transposes(trial, claims)
        off = [claims[0], forward(lambda x, t: t * slope * (1 + 1e-6 * np.sign(x)))]
        assert transposes(trial, off)


@pytest.mark.parametrize("error", [1e-10, 1e-6, 1.0, -2.0])
@pytest.mark.parametrize("name", ["elementwise", "matrix", "scalar", "turn", "complex", "huge"])
def test_wrong_pairs_do_not(name, error):
    push = PAIRS[name][3]
    missed = [
        seed for seed in range(20) if not compared(name, seed, jvp=lambda *given: (1 + error) * push(*given))
    ]
    assert len(missed) <= (1 if abs(error) < 1e-9 else 0), missed


def test_what_is_seen_is_told():
    (finding,) = compared("elementwise", jvp=lambda x, t: 2 * t * np.cos(x))
    assert finding.failed
    assert (finding.kind, finding.mode, finding.order) == ("value", "transpose", 1)
    assert finding.expected == pytest.approx(2 * finding.got)
    assert 0 < finding.bar < 1e-9
    assert finding.message == "<v, jvp u> is not <vjp v, u>"


def test_one_wrong_entry_among_many_is_seen():
    x = RNG.normal(size=1000)

    def off(x, t):
        push = t * np.cos(x)
        push[7] *= 1 + 1e-6
        return push

    claims = [reverse(lambda x, c: c * np.cos(x)), forward(off)]
    assert all(transposes(on_trial(np.sin, (x,), *claims, seed=seed), claims) for seed in range(10))


def test_every_forward_claim_is_held_against_every_reverse_one():
    right = [reverse(lambda x, c: c * np.cos(x), "vjp"), forward(lambda x, t: t * np.cos(x), "jvp")]
    wrong = [reverse(lambda x, c: 2 * c * np.cos(x), "batched"), forward(lambda x, t: -t, "linearized")]
    claims = right + wrong
    told = {finding.message for finding in transposes(on_trial(np.sin, (X,), *claims), claims)}
    assert told == {
        "<v, jvp u> is not <batched v, u>",
        "<v, linearized u> is not <vjp v, u>",
        "<v, linearized u> is not <batched v, u>",
    }
    assert not transposes(on_trial(np.sin, (X,), *right), right)
    assert not transposes(on_trial(np.sin, (X,), *wrong[:1]), wrong[:1])


def test_a_claim_that_breaks_a_promise_is_judged_elsewhere():
    def failing(x, t):
        raise RuntimeError

    for push in (failing, lambda x, t: t[:2], lambda x, t: None):
        claims = [reverse(lambda x, c: c * np.cos(x)), forward(push)]
        assert not transposes(on_trial(np.sin, (X,), *claims), claims)


@given(
    rows=st.integers(1, 5),
    columns=st.integers(1, 5),
    size=st.integers(-100, 100),
    seed=st.integers(0, 2**20),
)
@effort(max_examples=40)
def test_linear_maps_agree_with_their_transposes_alone(rows, columns, size, seed):
    rng = np.random.default_rng(seed)
    matrix = rng.normal(size=(rows, columns)) * 2.0**size
    other = matrix.copy()
    other[rng.integers(rows), rng.integers(columns)] *= 1 + 1e-6
    x = rng.normal(size=columns)
    for pushed, agree in ((matrix, True), (other, False)):
        claims = [reverse(lambda x, c: matrix.T @ c), forward(lambda x, t, m=pushed: m @ t)]
        assert bool(transposes(on_trial(lambda x: matrix @ x, (x,), *claims, seed=seed), claims)) != agree


# Symmetry of second derivatives

CURVED = RNG.normal(size=(6, 6))
EVEN = CURVED + CURVED.T


def told_of(matrix, order=2, seed=0, dtype=float):
    claim = forward(lambda x, t: np.asarray(matrix @ t, dtype), "hvp")
    x = X.astype(dtype)
    trial = on_trial(lambda x: np.asarray(EVEN @ x, dtype), (x,), claim, order=order, seed=seed)
    return symmetric(trial, claim)


@pytest.mark.parametrize(
    ("dtype", "size"),
    [(np.float64, 1e-150), (np.float64, 1), (np.float64, 1e150), (np.float32, 1e-7), (np.float32, 1)],
)
def test_a_symmetric_hessian_is_one(dtype, size):
    assert not any(told_of(size * EVEN, seed=seed, dtype=dtype) for seed in range(20))


@pytest.mark.parametrize("error", [1e-9, 1e-3, 1.0])
def test_another_is_not(error):
    off = EVEN.copy()
    off[1, 4] += error * abs(off[1, 4])
    assert all(told_of(off, seed=seed) for seed in range(20))


def test_what_is_not_symmetric_is_told():
    (finding,) = told_of(CURVED, order=3)
    assert finding.failed
    assert (finding.mode, finding.order, finding.cause) == ("hvp", 3, "not symmetric")
    assert finding.message == "<u, H w> is not <w, H u>"
    assert abs(finding.expected - finding.got) > finding.bar


def test_a_hessian_that_breaks_a_promise_is_judged_elsewhere():
    claim = forward(lambda x, t: t[:2], "hvp")
    assert not symmetric(on_trial(np.sin, (X,), claim, order=2), claim)
