"""Products of the chain rule where one factor is 0 and the other infinite."""

from __future__ import annotations

import math

import numpy as np
import pytest

from gradcheck import engine

xp = engine.xp


def slopes(f, x):
    """The derivative in reverse, forward, and compiled."""
    x = np.asarray(x, float)
    with np.errstate(all="ignore"):
        reverse = engine.grad(lambda x: xp.sum(f(x)))(x)
        forward = engine.jvp(f, (x,), (np.ones_like(x),))[1]
        compiled = engine.compile(engine.grad(lambda x: xp.sum(f(x))))(x)
    return reverse, forward, compiled


@pytest.mark.parametrize(
    ("f", "x", "slope"),
    [
        (lambda x: xp.sqrt(xp.maximum(x, 0.0)), [-1.0, 4.0], [0.0, 0.25]),
        (lambda x: xp.acos(xp.clip(x, -1.0, 1.0)), [1.5, -2.0], [0.0, 0.0]),
        (lambda x: xp.sqrt(x**4), [0.0, 3.0], [0.0, 6.0]),
        (lambda x: xp.sqrt(x * x), [0.0, -3.0], [0.0, -1.0]),
        (lambda x: 1 / (1 + xp.exp(-x)), [-800.0, 0.0], [0.0, 0.25]),
        (lambda x: xp.minimum(xp.exp(x), 1.0), [800.0, -1.0], [0.0, math.exp(-1)]),
        (lambda x: xp.where(x > 0, xp.sqrt(x), 0.0), [-1.0, 4.0], [0.0, 0.25]),
    ],
)
def test_what_does_not_move_a_number_moves_nothing_behind_it(f, x, slope):
    for found in slopes(f, x):
        np.testing.assert_allclose(found, slope, rtol=1e-15)


@pytest.mark.parametrize("x", [-1.0, 0.0])
def test_plain_numbers_follow_the_same_rule(x):
    with np.errstate(all="ignore"):
        assert engine.grad(lambda x: xp.sqrt(xp.maximum(x, 0.0) * xp.maximum(x, 0.0)))(x) == 0


def test_distances_of_points_to_themselves_do_not_move():
    x = np.array([[0.0, 0.0], [3.0, 4.0]])

    def total(x):
        apart = x[:, None, :] - x[None, :, :]
        return xp.sum(xp.sqrt(xp.sum(apart * apart, axis=-1)))

    with np.errstate(all="ignore"):
        np.testing.assert_allclose(engine.grad(total)(x), [[-1.2, -1.6], [1.2, 1.6]], rtol=1e-15)
        assert np.all(np.isfinite(engine.hessian(total)(x)))


def test_an_infinite_slope_stays_infinite_where_it_moves_something():
    with np.errstate(all="ignore"):
        assert engine.grad(xp.sqrt)(0.0) == math.inf
        assert engine.grad(lambda x: xp.sqrt(2 * x))(0.0) == math.inf


def test_nan_is_not_stopped_by_a_slope_of_zero():
    with np.errstate(all="ignore"):
        slope = engine.grad(lambda x: xp.sum(xp.sqrt(xp.maximum(x, 0.0) - 1)))(np.array([-1.0]))
    assert math.isnan(slope[0])
