"""Kinks, ties, jumps and edges of domains, and points very near to them.

At a kink every slope between the one-sided ones is right and every other is wrong. Where no derivative exists
at all, a convention must not be called a failure and nonsense must not pass.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from scipy import special

from cases import FAIL, NOT_FAIL, NOT_PASS, PASS, Case, mapped

Slope = Callable[[Any, float], Any]  # of the inputs and of what is claimed at the kink


def times(cotangent: Any, slope: Any) -> Any:
    """The product; 0 where the cotangent is 0, whatever the slope."""
    safe = np.where(cotangent == 0, 0, slope)
    return cotangent * safe


def _variants(
    name: str, f: Callable[..., Any], slope: Slope, x: Any, claims: Mapping[float, frozenset[str]], at: str
) -> Iterator[Case]:
    """One case per claimed slope, for the entries and for their sum."""
    x = np.array(x, float)
    for claim, expect in claims.items():

        def vjp(x, cotangent, claim=claim):
            return times(cotangent, slope(x, claim))

        title = f"{name}, {claim:g} at {at}"
        yield Case(title, f, (x,), vjp=vjp, expect=expect)
        yield Case(f"sum of {title}", lambda x: np.sum(f(x)), (x,), vjp=vjp, expect=expect)


def kink(
    name: str,
    f: Callable[..., Any],
    slope: Slope,
    x: Any,
    right: tuple[float, ...],
    wrong: tuple[float, ...],
    at: str = "a kink",
) -> list[Case]:
    """Slopes between the one-sided ones pass, others fail."""
    claims = {**dict.fromkeys(right, PASS), **dict.fromkeys(wrong, FAIL)}
    return list(_variants(name, f, slope, x, claims, at))


def jump(
    name: str, f: Callable[..., Any], slope: Slope, x: Any, convention: float, nonsense: float
) -> list[Case]:
    """No derivative: the convention is no failure, nonsense no pass."""
    claims = {convention: NOT_FAIL, nonsense: NOT_PASS}
    return list(_variants(name, f, slope, x, claims, "where there is none"))


def put(slopes: Any, where: Any, claim: float) -> Any:
    """Slopes with a claim at some entries."""
    return np.where(where, claim, slopes)


def _whole(
    name: str,
    f: Callable[..., Any],
    inputs: tuple[Any, ...],
    claims: Mapping[str, tuple[Any, frozenset[str]]],
) -> list[Case]:
    """Cases of one function of whole arrays, by what the claimed gradient is called."""

    def case(title: str, gradient: Any, expect: frozenset[str]) -> Case:
        def vjp(*given):
            *at, cotangent = given
            found = gradient(*at) if callable(gradient) else gradient
            if isinstance(found, tuple):
                return tuple(times(cotangent, np.asarray(one, float)) for one in found)
            return times(cotangent, np.asarray(found, float))

        return Case(f"{name}, {title}", f, inputs, vjp=vjp, expect=expect)

    return [case(title, gradient, expect) for title, (gradient, expect) in claims.items()]


def _sorted(name: str, x: np.ndarray, right: frozenset[str], wrong: frozenset[str]) -> list[Case]:
    """Sorting by its permutation, by another one of the ties, and by a wrong one."""

    def case(title: str, order: np.ndarray, expect: frozenset[str]) -> Case:
        def vjp(x, cotangent):
            gradient = np.empty_like(x)
            gradient[order] = cotangent
            return gradient

        return Case(f"{name}, {title}", np.sort, (x,), vjp=vjp, expect=expect)

    first = np.argsort(x, stable=True)
    last = len(x) - 1 - np.argsort(x[::-1], stable=True)
    return [case("first", first, right), case("last", last, right), case("shifted", np.roll(first, 1), wrong)]


def _hinge(z):
    return np.maximum(0, 1 - z)


def _pinball(x):
    return np.where(x > 0, 0.9 * x, -0.1 * x)


def _huber(x):
    return np.where(abs(x) <= 1, x * x / 2, abs(x) - 0.5)


def _selu(x):
    return 1.05 * np.where(x > 0, x, 1.67 * np.expm1(np.minimum(x, 0)))


def _selu_slope(x, claim):
    return put(1.05 * np.where(x > 0, 1, 1.67 * np.exp(np.minimum(x, 0))), x == 0, claim)


def _relu(x):
    return np.maximum(x, 0)


def _interpolated(x):
    return np.interp(x, [-2, 0, 1, 3], [1.0, 0, 2, 1])


def _interpolated_slope(x, claim):
    return put(np.array([-0.5, 2, -0.5])[np.searchsorted([0, 1], x)], x == 1, claim)


def _norm(x):
    return np.sqrt(np.sum(x * x))


def _total_variation(x):
    return np.sum(abs(np.diff(x)))


def _of_differences(signs):
    return np.concatenate([[0.0], signs]) - np.concatenate([signs, [0.0]])


def _entropy(p):
    return -np.sum(special.xlogy(p, p))


def _divergence(p, q):
    return np.sum(special.xlogy(p, p)) - np.sum(special.xlogy(p, q))


def _guarded(x):
    return np.where(x > 0, np.sqrt(np.where(x > 0, x, 1)), 0)


def _log_determinant(a):
    return np.linalg.slogdet(a)[1]


def _times_inverse(factor):
    return lambda a: factor * np.linalg.inv(a).T


def _nearly_singular(smallest):
    """A symmetric positive definite matrix with a given smallest eigenvalue."""
    vectors = np.linalg.qr(np.array([[1.0, 2, 0], [0, 1, 3], [2, 0, 1]]))[0]
    a = vectors @ np.diag([smallest, 1.0, 2.0]) @ vectors.T
    return (a + a.T) / 2


AROUND = [-1.25, 0.0, 2.0]

ENTRIES = [
    *kink("relu", _relu, lambda x, s: put(x > 0, x == 0, s), AROUND, (0, 0.5, 1), (-0.5, 2)),
    *kink("abs", np.abs, lambda x, s: put(np.sign(x), x == 0, s), AROUND, (-1, 0, 0.3, 1), (1.5, -2)),
    *kink(
        "leaky relu",
        lambda x: np.where(x > 0, x, 0.1 * x),
        lambda x, s: put(np.where(x > 0, 1, 0.1), x == 0, s),
        AROUND,
        (0.1, 1),
        (0, 1.5),
    ),
    *kink(
        "clip",
        lambda x: np.clip(x, -1, 1),
        lambda x, s: put(abs(x) < 1, abs(x) == 1, s),
        [-1.0, 0.5, 3],
        (0, 1),
        (-1, 2),
    ),
    *kink(
        "relu6",
        lambda x: np.clip(x, 0, 6),
        lambda x, s: put((x > 0) & (x < 6), x == 6, s),
        [2.0, 6, 7],
        (0, 1),
        (-1, 2),
    ),
    *kink("hinge", _hinge, lambda x, s: put(-1.0 * (x < 1), x == 1, s), [0.5, 1, 3], (-1, 0), (1, -2)),
    *kink(
        "pinball loss",
        _pinball,
        lambda x, s: put(np.where(x > 0, 0.9, -0.1), x == 0, s),
        AROUND,
        (-0.1, 0, 0.9),
        (1.5, -1),
    ),
    *kink("selu", _selu, _selu_slope, AROUND, (1.05, 1.05 * 1.67), (0, 3)),
    *kink(
        "soft threshold",
        lambda x: np.sign(x) * np.maximum(abs(x) - 0.5, 0),
        lambda x, s: put(abs(x) > 0.5, abs(x) == 0.5, s),
        [-2.0, 0.25, 0.5],
        (0, 1),
        (-0.5, 2),
    ),
    *kink(
        "larger of x and its square",
        lambda x: np.maximum(x, x * x),
        lambda x, s: put(np.where((x < 0) | (x > 1), 2 * x, 1), x == 1, s),
        [-0.5, 1, 3],
        (1, 1.5, 2),
        (0, 3),
    ),
    *kink(
        "abs on a sine",
        lambda x: np.sin(x) + abs(x - 1),
        lambda x, s: put(np.cos(x) + np.sign(x - 1), x == 1, np.cos(1) + s),
        [0.25, 1, 2],
        (-1, 0, 1),
        (2, -3),
    ),
    *kink("interpolation", _interpolated, _interpolated_slope, [-1.0, 0.5, 1], (-0.5, 0, 2), (-1, 3)),
    *kink(
        "selected branch",
        lambda x: np.where(x > 0, x, x**2),
        lambda x, s: put(np.where(x > 0, 1, 2 * x), x == 0, s),
        AROUND,
        (0, 1),
        (-1, 2),
    ),
    *kink(
        "huber",
        _huber,
        lambda x, s: put(np.clip(x, -1, 1), x == 1, s),
        [0.5, 1, 3],
        (1,),
        (0.5, 0),
        "the seam",
    ),
    *kink(
        "elu",
        lambda x: np.where(x > 0, x, np.expm1(np.minimum(x, 0))),
        lambda x, s: put(np.where(x > 0, 1, np.exp(np.minimum(x, 0))), x == 0, s),
        AROUND,
        (1,),
        (0, 0.9),
        "the seam",
    ),
    *kink(
        "x abs x", lambda x: x * abs(x), lambda x, s: put(2 * abs(x), x == 0, s), AROUND, (0,), (0.5,), "zero"
    ),
    *kink("square", np.square, lambda x, s: put(2 * x, x == 0, s), AROUND, (0,), (0.01,), "zero"),
    *kink(
        "abs to 1.5",
        lambda x: abs(x) ** 1.5,
        lambda x, s: put(1.5 * np.sign(x) * abs(x) ** 0.5, x == 0, s),
        AROUND,
        (0,),
        (1,),
        "zero",
    ),
    *kink(
        "power 1.5",
        lambda x: x**1.5,
        lambda x, s: put(1.5 * x**0.5, x == 0, s),
        [0.0, 1, 2],
        (0,),
        (1, -1),
        "its edge",
    ),
    *kink(
        "xlogy",
        lambda x: special.xlogy(x, 3.0),
        lambda x, s: put(np.log(3), x == 0, s),
        [0.0, 1],
        (np.log(3),),
        (0,),
        "zero",
    ),
    *jump("floor", np.floor, lambda x, s: put(0, x == 2, s), [0.5, 2, 2.75], 0, 3),
    *jump("round", np.round, lambda x, s: put(0, x == 0.5, s), [0.5, 1.25], 0, 3),
    *jump("sign", np.sign, lambda x, s: put(0, x == 0, s), AROUND, 0, 3),
    *jump("step", lambda x: np.heaviside(x, 1.0), lambda x, s: put(0, x == 0, s), AROUND, 0, -3),
    *jump("remainder", lambda x: x % 1, lambda x, s: put(1, x == 3, s), [0.5, 3, 4.25], 1, -2),
    *jump(
        "branches apart", lambda x: np.where(x > 0, 1 + x, x), lambda x, s: put(1, x == 0, s), AROUND, 1, -5
    ),
    *jump(
        "sqrt",
        np.sqrt,
        lambda x, s: put(0.5 / np.sqrt(np.where(x > 0, x, 1)), x == 0, s),
        [0.0, 1],
        np.inf,
        -1,
    ),
    *jump(
        "cube root",
        np.cbrt,
        lambda x, s: put(np.cbrt(np.where(x == 0, 1, x)) ** -2 / 3, x == 0, s),
        AROUND,
        np.inf,
        -1,
    ),
    *jump(
        "arcsin",
        np.arcsin,
        lambda x, s: put((1 - np.where(x < 1, x, 0) ** 2) ** -0.5, x == 1, s),
        [0.5, 1],
        np.inf,
        -1,
    ),
    *jump(
        "x ln x",
        lambda x: special.xlogy(x, x),
        lambda x, s: put(np.log(np.where(x > 0, x, 1)) + 1, x == 0, s),
        [0.0, 1],
        -np.inf,
        1,
    ),
]

TIED = np.array([1.0, 3, 3, -2])
FIRST, LAST, SHARED = np.array([[0, 1.0, 0, 0], [0, 0, 1, 0], [0, 0.5, 0.5, 0]])
ZERO = np.zeros(3)
NAN = np.full(3, np.nan)

WHOLE = [
    *_whole(
        "max with a tie",
        np.max,
        (TIED,),
        {
            "first": (FIRST, PASS),
            "last": (LAST, PASS),
            "shared": (SHARED, PASS),
            "to all": (FIRST + LAST, FAIL),
            "to none": (0 * FIRST, FAIL),
            "to another": (np.eye(4)[0], FAIL),
        },
    ),
    *_whole(
        "min with a tie",
        np.min,
        (-TIED,),
        {"first": (FIRST, PASS), "shared": (SHARED, PASS), "to all": (FIRST + LAST, FAIL)},
    ),
    # Along every line the middle of three equals has one slope, and no gradient has all of these slopes.
    *_whole(
        "median with a triple tie",
        np.median,
        (np.array([1.0, 3, 3, 3, 7]),),
        {
            "one": ([0, 0, 1, 0, 0], NOT_FAIL),
            "shared": ([0, 1 / 3, 1 / 3, 1 / 3, 0], NOT_FAIL),
            "to all": ([0, 1, 1, 1, 0], NOT_PASS),
        },
    ),
    *_sorted("sort with a tie", TIED, PASS, FAIL),
    *_sorted("sort with a triple tie", np.array([2.0, 2, 1, 2]), NOT_FAIL, NOT_PASS),
    *_whole(
        "second largest of ties",
        lambda x: np.sort(x)[-2],
        (TIED,),
        {"first": (FIRST, PASS), "last": (LAST, PASS), "to the third": (np.eye(4)[0], FAIL)},
    ),
    *_whole(
        "norm at zero",
        _norm,
        (ZERO,),
        {
            "0": (ZERO, PASS),
            "half a unit": ([0, 0.5, 0], PASS),
            "five units": ([5, 0, 0], FAIL),
            "nan": (NAN, FAIL),
        },
    ),
    *_whole(
        "1-norm with zeros",
        lambda x: np.sum(abs(x)),
        (np.array([0, 1.5, 0, -2]),),
        {
            "0": ([0, 1, 0, -1], PASS),
            "one side": ([1, 1, -1, -1], PASS),
            "outside": ([4, 1, 0, -1], FAIL),
            "wrong beside": ([0, 1, 0, 1], FAIL),
        },
    ),
    *_whole(
        "largest magnitude with a tie",
        lambda x: np.max(abs(x)),
        (np.array([1.0, -3, 3]),),
        {"first": ([0, -1, 0], PASS), "shared": ([0, -0.5, 0.5], PASS), "to all": ([0, -1, 1], FAIL)},
    ),
    *_whole(
        "deviation of equals",
        np.std,
        (np.ones(3),),
        {"0": (ZERO, PASS), "nan": (NAN, FAIL), "five": ([5, 0, 0], FAIL)},
    ),
    *_whole(
        "total variation of equals",
        _total_variation,
        (np.array([1.0, 1, 1, 2]),),
        {
            "0": (_of_differences([0, 0, 1]), PASS),
            "one side": (_of_differences([1, -1, 1]), PASS),
            "outside": (_of_differences([5, 0, 1]), FAIL),
        },
    ),
    *_whole(
        "hypot at zero",
        np.hypot,
        (0.0, 0.0),
        {
            "0": ((0, 0), PASS),
            "inside": ((0.5, 0.5), PASS),
            "outside": ((5, 0), FAIL),
            "nan": ((np.nan, 0), FAIL),
        },
    ),
    *_whole(
        "maximum of equals",
        lambda x, y: np.sum(np.maximum(x, y)),
        (np.array([1.0, 2]), np.array([1.0, 5])),
        {
            "to the first": (([1, 0], [0, 1]), PASS),
            "shared": (([0.5, 0], [0.5, 1]), PASS),
            "to both": (([1, 0], [1, 1]), FAIL),
            "to none": (([0, 0], [0, 1]), FAIL),
        },
    ),
    *_whole(
        "relu of fifty zeros",
        lambda x: np.sum(_relu(x)),
        (np.zeros(50),),
        {
            "0": (np.zeros(50), PASS),
            "1": (np.ones(50), PASS),
            "alternating": (np.arange(50) % 2, PASS),
            "2": (np.full(50, 2), FAIL),
            "-1": (np.full(50, -1), FAIL),
        },
    ),
    *_whole(
        "squares and a kink in one entry",
        lambda x: np.sum(x**2) + abs(x[0]),
        (np.array([0.0, 1, 2]),),
        {"0": ([0, 2, 4], PASS), "outside": ([3, 2, 4], FAIL), "wrong beside": ([0, 2, -4], FAIL)},
    ),
    *_whole(
        "entropy on a face",
        _entropy,
        (np.array([0.5, 0.5, 0]),),
        {
            "infinite": (
                lambda p: np.where(p == 0, np.inf, -np.log(np.where(p > 0, p, 1)) - 1),
                NOT_FAIL,
            ),
            "wrong beside": (np.array([5.0, -0.3, 0]), NOT_PASS),
        },
    ),
    *_whole(
        "guarded sqrt, both branches",
        lambda x: np.sum(_guarded(x)),
        (np.array([4.0, -1]),),
        {"right": ([0.25, 0], PASS), "nan": ([0.25, np.nan], FAIL), "wrong": ([0.25, 0.5], FAIL)},
    ),
    *_whole(
        "divergence with a zero",
        lambda q: _divergence(np.array([0.5, 0.5, 0]), q),
        (np.array([0.25, 0.25, 0.5]),),
        {"right": ([-2, -2, 0], PASS), "nan": ([-2, -2, np.nan], FAIL), "wrong": ([-2, -2, 0.1], FAIL)},
    ),
]


def _near(
    name: str, f: Callable[..., Any], slope: Callable[..., Any], x: Any, wrong: Callable[..., Any]
) -> list[Case]:
    """A smooth point so near to an edge or kink that a step across is easily taken."""
    x = np.array(x, float)
    rules = {"right": (slope, PASS), "wrong": (wrong, FAIL)}
    made = []
    for title, (rule, expect) in rules.items():

        def vjp(x, cotangent, rule=rule):
            return cotangent * rule(x)

        made += [
            Case(f"{name}, {title}", f, (x,), vjp=vjp, expect=expect),
            Case(f"sum of {name}, {title}", lambda x: np.sum(f(x)), (x,), vjp=vjp, expect=expect),
        ]
    return made


def first_off(slope: Callable[..., Any], factor: float) -> Callable[..., Any]:
    """A slope whose first entry is off by a factor."""
    return lambda x: slope(x) * np.where(np.arange(len(x)) == 0, factor, 1)


def _edge(
    name: str, f: Callable[..., Any], slope: Callable[..., Any], x: Any, factor: float = 1.01
) -> list[Case]:
    return _near(name, f, slope, x, first_off(slope, factor))


def _outside(name: str, f: Callable[..., Any], slope: Callable[..., Any], x: Any) -> list[Case]:
    """The wrong claim lies outside what either side of the kink has."""
    return _near(name, f, slope, x, lambda x: slope(x) + 3.0 * (np.arange(len(x)) == 0))


NEAR = [
    *_edge("log at 1e-8", np.log, lambda x: 1 / x, [1e-8, 1]),
    *_edge("log at 1e-30", np.log, lambda x: 1 / x, [1e-30]),
    *_edge("sqrt at 1e-12", np.sqrt, lambda x: 0.5 / np.sqrt(x), [1e-12, 1]),
    *_edge("x ln x at 1e-10", lambda x: x * np.log(x), lambda x: np.log(x) + 1, [1e-10, 0.5]),
    *_edge("reciprocal at 1e-9", lambda x: 1 / x, lambda x: -1 / x**2, [1e-9, 1]),
    *_edge("power 0.3 at 1e-9", lambda x: x**0.3, lambda x: 0.3 * x**-0.7, [1e-9, 1]),
    *_edge("log1p at 1e-10 from its edge", np.log1p, lambda x: 1 / (1 + x), [-1 + 1e-10, 0]),
    *_edge("arcsin at 1e-10 from its edge", np.arcsin, lambda x: ((1 - x) * (1 + x)) ** -0.5, [1 - 1e-10, 0]),
    *_edge("arccosh at 1e-9 from its edge", np.arccosh, lambda x: ((x - 1) * (x + 1)) ** -0.5, [1 + 1e-9, 2]),
    *_edge("arctanh at 1e-9 from its edge", np.arctanh, lambda x: 1 / ((1 - x) * (1 + x)), [1 - 1e-9, 0]),
    *_edge("relu at 1e-5", _relu, lambda x: 1.0 * (x > 0), [1e-5, -1, 2], 0),
    *_edge("abs at -1e-5", np.abs, np.sign, [-1e-5, 1, -2], -1),
    *_edge(
        "clip at 1e-5 inside",
        lambda x: np.clip(x, -1, 1),
        lambda x: 1.0 * (abs(x) < 1),
        [1 - 1e-5, 3, 0.5],
        0,
    ),
    *_outside("relu at 1e-7", _relu, lambda x: 1.0 * (x > 0), [1e-7, -1, 2]),
    *_outside("relu at -1e-10", _relu, lambda x: 1.0 * (x > 0), [-1e-10, -1, 2]),
    *_outside("abs at 1e-12", np.abs, np.sign, [1e-12, 1, -2]),
    *_outside("hinge at 1e-8", _hinge, lambda x: -1.0 * (x < 1), [1 - 1e-8, 0.5]),
    *_edge("floor at 1e-5 from a jump", lambda x: np.floor(x) + x, np.ones_like, [2 + 1e-5, 0.5], 1.5),
    *_edge("floor between jumps", lambda x: np.floor(x) + 0.1 * x, lambda x: 0.1 + 0 * x, [0.5, 1.25], 11),
    *_edge("sign beside zero", lambda x: np.sign(x) + x, np.ones_like, [0.25, -1], 2),
    *_whole(
        "max at 1e-6 from a tie",
        np.max,
        (np.array([3, 3 - 1e-6, 1]),),
        {"right": ([1, 0, 0], PASS), "outside": ([2, 0, 0], FAIL), "to both": ([1, 1, 0], FAIL)},
    ),
    *_whole(
        "norm at 1e-9",
        _norm,
        (np.array([3e-9, -4e-9]),),
        {"right": ([0.6, -0.8], PASS), "outside": ([6.0, 0], FAIL)},
    ),
    *_whole(
        "entropy at 1e-10 from a face",
        _entropy,
        (np.array([0.5, 0.5 - 1e-10, 1e-10]),),
        {
            "right": (lambda p: -np.log(p) - 1, PASS),
            "one term lost": (lambda p: -np.log(p) - np.array([1, 1, 0]), FAIL),
        },
    ),
    *_whole(
        "divergence at 1e-10 from a face",
        lambda p: _divergence(p, np.array([0.25, 0.25, 0.5])),
        (np.array([0.5, 0.5 - 1e-10, 1e-10]),),
        {
            "right": (lambda p: np.log(p / np.array([0.25, 0.25, 0.5])) + 1, PASS),
            "sign": (lambda p: -np.log(p / np.array([0.25, 0.25, 0.5])) - 1, FAIL),
        },
    ),
    *_whole(
        "log determinant near singular",
        _log_determinant,
        (_nearly_singular(1e-6),),
        {"right": (_times_inverse(1), PASS), "1 % off": (_times_inverse(1.01), FAIL)},
    ),
    *_whole(
        "log determinant by cholesky, near singular",
        lambda a: 2 * np.sum(np.log(np.diag(np.linalg.cholesky((a + a.T) / 2)))),
        (_nearly_singular(1e-6),),
        {"right": (_times_inverse(1), PASS), "sign": (_times_inverse(-1), FAIL)},
    ),
]

KINKS = tuple(ENTRIES + WHOLE)
CASES = (*KINKS, *NEAR)


def single(case: Case) -> Case:
    """The case in float32; only where its point is exact in float32."""

    def f(*args):
        return mapped(np.float32, case.f(*args))

    def vjp(*args):
        return mapped(np.float32, case.vjp(*args))

    inputs = mapped(lambda x: np.asarray(x, np.float32), case.inputs)
    return replace(case, name=f"{case.name}, float32", f=f, inputs=inputs, vjp=vjp)


SINGLE = tuple(single(case) for case in KINKS if not case.name.startswith("sum of"))
