"""Are JAX's times real? The harness's samples beside a loop that blocks by hand; printed, never asserted."""

import math
import sys
from time import perf_counter

import cloudpickle
import pytest

from gradcheck import available_backends, draws, median_interval, paired_ratio, problem
from gradcheck.devices import pinned
from gradcheck.session import Item, Pace, Question
from gradcheck.workers import Seat, Workers
from tables import show

ROUNDS = 25
JAX = Seat("jax", "cpu")


@problem(x=draws.normal(1_280_000))
def log_sum_exp(xp, x):
    """ln sum e^x"""
    high = xp.max(x)
    return high + xp.log(xp.sum(xp.exp(x - high)))


@problem(x=draws.normal(100_000))
def steps_of_an_equation(xp, x):
    """twenty steps of y' = x tanh y, summed"""
    y = 0 * x + 0.5
    for _ in range(20):
        y = y + 0.05 * x * xp.tanh(y)
    return xp.sum(y)


def _blocked(name):
    """A gradient compiled by hand, and its input."""
    import jax
    import numpy as np

    f = {"log_sum_exp": log_sum_exp, "steps_of_an_equation": steps_of_an_equation}[name]
    (instance,) = f.instances()
    (x,) = (jax.numpy.asarray(np.asarray(array)) for array in instance.arrays.values())
    call = jax.jit(jax.grad(lambda x: f.fn(jax.numpy, x)))
    call(x).block_until_ready()
    return call, x


def by_hand(name, calls):
    """Seconds per call of a loop that blocks after each: a function for a session to apply."""

    def loop(backend, device):
        call, x = _blocked(name)
        with pinned(device):
            started = perf_counter()
            for _ in range(calls):
                call(x).block_until_ready()
            return (perf_counter() - started) / calls

    return loop


@pytest.mark.parametrize("of", [log_sum_exp, steps_of_an_equation], ids=lambda made: made.name)
def test_jax_beside_a_loop_that_blocks(benchmark, capsys, of):
    pytest.importorskip("jaxlib")
    (instance,) = of.instances()

    def rounds():
        with Workers({"jax": available_backends()["jax"]}, 120.0) as staff:
            item = Item("key", staff.parcel(instance), Question("gradient", "float64"))
            staff.submit(JAX, "ask", item).result()
            ours, hand = [], []
            for _ in range(ROUNDS):
                (sample,) = staff.submit(JAX, "clock", [item], Pace()).result()
                ours.append(sample.seconds)
                hand.append(staff.submit(JAX, "apply", by_hand(of.name, sample.calls)).result())
            return ours, hand

    ours, hand = benchmark.pedantic(rounds, rounds=1)
    made = paired_ratio(ours, hand)
    show(
        capsys,
        f"{of.name}: gradient by jax, {ROUNDS} rounds",
        ("harness", "by hand", "harness / by hand", "95 % interval", "goal"),
        [
            (
                f"{1e3 * median_interval(ours).value:.3f} ms",
                f"{1e3 * median_interval(hand).value:.3f} ms",
                f"{made.value:.3f}",
                f"{made.low:.3f} to {made.high:.3f}",
                "0.95 to 1.05",
            )
        ],
    )
    assert math.isfinite(made.value)


cloudpickle.register_pickle_by_value(sys.modules[__name__])
