"""Functions of one entry at a time, and of two."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy import special

from cases import Case
from gradcheck import draws

Real = Callable[[Any], Any]


def elementwise(name: str, f: Real, slope: Real, draw: draws.Draw | np.ndarray, **more: Any) -> Case:
    """A function of every entry by itself, with its slope."""
    return Case(
        name,
        f,
        (draw,),
        vjp=lambda x, cotangent: cotangent * slope(x),
        jvp=lambda x, tangent: slope(x) * tangent,
        **{"analytic": True, **more},
    )


def pairwise(name: str, f: Any, slopes: Any, inputs: tuple[Any, Any], **more: Any) -> Case:
    """A function of two arrays of one shape, entry by entry, with both slopes."""

    def vjp(x, y, cotangent):
        in_x, in_y = slopes(x, y)
        return cotangent * in_x, cotangent * in_y

    def jvp(x, y, in_x, in_y):
        slope_x, slope_y = slopes(x, y)
        return slope_x * in_x + slope_y * in_y

    return Case(name, f, inputs, vjp=vjp, jvp=jvp, **{"analytic": True, **more})


def sigmoid(x: Any) -> Any:
    return 1 / (1 + np.exp(-x))


def _gelu_slope(x):
    return special.ndtr(x) + x * np.exp(-x * x / 2) / np.sqrt(2 * np.pi)


def _legendre(x):
    """Fifth Legendre polynomial by its recurrence."""
    before, now = np.ones_like(x), x
    for n in range(1, 5):
        before, now = now, ((2 * n + 1) * x * now - n * before) / (n + 1)
    return now


def _sinc_slope(x):
    return (np.cos(x) - np.sin(x) / x) / x


NORMAL = draws.normal(5)
POSITIVE = draws.uniform(0.2, 3.0, 5)

CASES = (
    elementwise("cubic", lambda x: x**3 - 2 * x + 1, lambda x: 3 * x**2 - 2, NORMAL),
    elementwise("tenth power", lambda x: x**10, lambda x: 10 * x**9, NORMAL),
    elementwise("legendre", _legendre, lambda x: (315 * x**4 - 210 * x**2 + 15) / 8, NORMAL),
    elementwise("exp", np.exp, np.exp, NORMAL),
    elementwise("steep exp", lambda x: np.exp(-20 * x), lambda x: -20 * np.exp(-20 * x), NORMAL),
    elementwise("log", np.log, lambda x: 1 / x, POSITIVE),
    elementwise("log1p", np.log1p, lambda x: 1 / (1 + x), draws.normal(5, scale=1e-4)),
    elementwise("expm1", np.expm1, np.exp, draws.normal(5, scale=1e-4)),
    elementwise("sin", np.sin, np.cos, NORMAL),
    elementwise("tan", np.tan, lambda x: 1 / np.cos(x) ** 2, draws.uniform(-1.2, 1.2, 5)),
    elementwise("sinh", np.sinh, np.cosh, NORMAL),
    elementwise("tanh", np.tanh, lambda x: 1 / np.cosh(x) ** 2, NORMAL),
    elementwise("arctan", np.arctan, lambda x: 1 / (1 + x * x), NORMAL),
    elementwise("arcsin", np.arcsin, lambda x: 1 / np.sqrt(1 - x * x), draws.uniform(-0.9, 0.9, 5)),
    elementwise("arctanh", np.arctanh, lambda x: 1 / (1 - x * x), draws.uniform(-0.9, 0.9, 5)),
    elementwise("sqrt", np.sqrt, lambda x: 0.5 / np.sqrt(x), POSITIVE),
    elementwise("power 2.5", lambda x: x**2.5, lambda x: 2.5 * x**1.5, POSITIVE),
    elementwise("reciprocal near zero", lambda x: 1 / x, lambda x: -1 / x**2, draws.uniform(5e-4, 2e-3, 5)),
    elementwise("bell", lambda x: np.exp(-x * x), lambda x: -2 * x * np.exp(-x * x), NORMAL),
    elementwise("witch", lambda x: 1 / (1 + 25 * x * x), lambda x: -50 * x / (1 + 25 * x * x) ** 2, NORMAL),
    elementwise("x ln x", lambda x: x * np.log(x), lambda x: np.log(x) + 1, POSITIVE),
    elementwise("sinc", lambda x: np.sin(x) / x, _sinc_slope, POSITIVE),
    elementwise("sigmoid", sigmoid, lambda x: sigmoid(x) * sigmoid(-x), NORMAL),
    elementwise("silu", lambda x: x * sigmoid(x), lambda x: sigmoid(x) * (1 + x * sigmoid(-x)), NORMAL),
    elementwise("softplus", lambda x: np.logaddexp(0, x), sigmoid, NORMAL, analytic=False),
    elementwise("gelu", lambda x: x * special.ndtr(x), _gelu_slope, NORMAL, analytic=False),
    elementwise("abs", np.abs, np.sign, POSITIVE, analytic=False),
    elementwise(
        "leaky relu", lambda x: np.where(x > 0, x, 0.1 * x), lambda x: np.where(x > 0, 1, 0.1), NORMAL
    ),
    elementwise("clip", lambda x: np.clip(x, -1, 1), lambda x: 1.0 * (abs(x) < 1), NORMAL, analytic=False),
    elementwise(
        "huber",
        lambda x: np.where(abs(x) < 1, x * x / 2, abs(x) - 0.5),
        lambda x: np.clip(x, -1, 1),
        draws.normal(5, scale=2),
        analytic=False,
    ),
    elementwise("oscillating", lambda x: np.sin(50 * x), lambda x: 50 * np.cos(50 * x), NORMAL),
    elementwise("on a plateau", lambda x: 1e8 + np.sin(x), np.cos, NORMAL),
    elementwise("identity", lambda x: x.copy(), np.ones_like, NORMAL),
    elementwise("constant", lambda x: 3 + 0 * x, np.zeros_like, NORMAL),
    elementwise("no dependence", lambda x: np.full(3, 2.0), np.zeros_like, draws.normal(3), analytic=False),
    pairwise("product", np.multiply, lambda x, y: (y, x), (NORMAL, NORMAL)),
    pairwise("quotient", np.divide, lambda x, y: (1 / y, -x / y**2), (NORMAL, POSITIVE)),
    pairwise(
        "power of two arrays",
        lambda x, y: x**y,
        lambda x, y: (y * x ** (y - 1), x**y * np.log(x)),
        (POSITIVE, NORMAL),
    ),
    pairwise(
        "arctan2",
        np.arctan2,
        lambda y, x: (x / (x * x + y * y), -y / (x * x + y * y)),
        (NORMAL, POSITIVE),
        analytic=False,
    ),
    pairwise(
        "hypot",
        np.hypot,
        lambda x, y: (x / np.hypot(x, y), y / np.hypot(x, y)),
        (NORMAL, POSITIVE),
        analytic=False,
    ),
    pairwise(
        "logaddexp",
        np.logaddexp,
        lambda x, y: (sigmoid(x - y), sigmoid(y - x)),
        (NORMAL, NORMAL),
        analytic=False,
    ),
    pairwise(
        "maximum", np.maximum, lambda x, y: (1.0 * (x > y), 1.0 * (y > x)), (NORMAL, NORMAL), analytic=False
    ),
)
