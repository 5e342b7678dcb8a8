"""Plans whose long pointwise work is compiled by numba."""

import re

import numpy as np
import pytest

from gradcheck import engine
from gradcheck.engine.plan import machine
from gradcheck.errors import MissingExtra

xp = engine.xp
N = 70_001  # more than one block, and a rest


def polynomial(x):
    y = x
    for _ in range(5):
        y = (y * x + 0.5) ** 2 * 0.4
    return xp.sum(y)


def clipped(x):
    return xp.sum(xp.where(x > 0.25, x * x, 0.0)) + xp.max(x)


def bent(x):
    return xp.sum(xp.sin(x) * x)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("f", [polynomial, clipped, bent])
def test_loops_answer_as_the_eager_engine(f, dtype):
    pytest.importorskip("numba")
    x = np.random.default_rng(1).uniform(-1, 1, N).astype(dtype)
    plan = engine.compile(engine.value_and_grad(f), numba=True)
    value, slope = engine.value_and_grad(f)(x)
    got, got_slope = plan(x)
    assert got.dtype == got_slope.dtype == dtype
    np.testing.assert_allclose(got, value, rtol=1e3 * np.finfo(dtype).eps)
    np.testing.assert_allclose(got_slope, slope, rtol=32 * np.finfo(dtype).eps, atol=np.finfo(dtype).eps)


def test_the_loop_is_part_of_the_source_and_is_there_for_arithmetic_alone():
    pytest.importorskip("numba")
    x = np.linspace(0.5, 1.0, N)
    plan = engine.compile(engine.grad(polynomial), numba=True)
    plan(x)
    assert re.search(r"^def loop0\(", plan.source, re.MULTILINE)
    sine = engine.compile(engine.grad(bent), numba=True)
    sine(x)
    assert "loop0" not in sine.source


def test_nan_and_infinities_keep_their_meaning():
    pytest.importorskip("numba")
    x = np.linspace(0.5, 1.0, N)
    x[7], x[8] = np.nan, np.inf
    plan = engine.compile(lambda x: (xp.sum(x * x), xp.max(x), x * 0.0 + 1.0), numba=True)
    total, top, flat = plan(x)
    assert np.isnan([total, top, flat[7], flat[8]]).all()
    assert flat[9] == 1.0


def test_missing_numba_is_said_at_once(monkeypatch):
    monkeypatch.setattr(machine, "find_spec", lambda name: None)
    message = (
        "engine.compile(numba=True) needs numba, which is not installed; run: pip install 'gradcheck[numba]'."
    )
    with pytest.raises(MissingExtra, match=f"^{re.escape(message)}$"):
        engine.compile(polynomial, numba=True)
