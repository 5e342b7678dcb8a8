"""Functions computed in float32 and float16: right to their own precision, and off by more than that."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from cases import FAIL, Case

SIZES = (1, 10, 100, 1000)
ERRORS = {"float32": 0.01, "float16": 0.1, "bfloat16": 0.1}


@dataclass(frozen=True)
class Function:
    """A function that keeps the dtype of what it is given, and its rule."""

    name: str
    f: Callable[..., Any]
    vjp: Callable[..., Any]
    positive: bool = False
    smallest: int = 1  # size from which the derivative is never zero altogether


def _softmax(x):
    weights = np.exp(x - x.max())
    return weights / weights.sum()


def _softmax_vjp(x, c):
    p = _softmax(x)
    return p * (c - np.sum(p * c))


def _logsumexp(x):
    return x.max() + np.log(np.sum(np.exp(x - x.max())))


def _normalised(x):
    return (x - x.mean()) / np.sqrt(np.mean((x - x.mean()) ** 2) + 1)


def _normalised_vjp(x, c):
    deviation = np.sqrt(np.mean((x - x.mean()) ** 2) + 1)
    y = (x - x.mean()) / deviation
    return (c - c.mean() - y * np.mean(c * y)) / deviation


def _mixed(x):
    """A product with a fixed matrix of the dtype of x."""
    n = len(x)
    return np.cos(np.arange(4 * n).reshape(4, n)).astype(x.dtype) / x.dtype.type(n**0.5)


FUNCTIONS = (
    Function("sum", np.sum, lambda x, c: np.full(x.shape, c)),
    Function("sum of squares", lambda x: np.sum(x * x), lambda x, c: 2 * c * x),
    Function(
        "mean of sines", lambda x: np.mean(np.sin(x)), lambda x, c: c * np.cos(x) / x.dtype.type(x.size)
    ),
    Function("norm", lambda x: np.sqrt(np.sum(x * x)), lambda x, c: c * x / np.sqrt(np.sum(x * x))),
    Function("logsumexp", _logsumexp, lambda x, c: c * _softmax(x)),
    Function("entropy", lambda x: -np.sum(x * np.log(x)), lambda x, c: -c * (np.log(x) + 1), positive=True),
    Function("sin", np.sin, lambda x, c: c * np.cos(x)),
    Function("exp", np.exp, lambda x, c: c * np.exp(x)),
    Function("tanh", np.tanh, lambda x, c: c * (1 - np.tanh(x) ** 2)),
    Function("cube", lambda x: x**3, lambda x, c: 3 * c * x**2),
    Function("log", np.log, lambda x, c: c / x, positive=True),
    Function("relu", lambda x: np.maximum(x, 0), lambda x, c: c * (x > 0), smallest=100),
    Function("softmax", _softmax, _softmax_vjp, smallest=2),
    Function("normalisation", _normalised, _normalised_vjp, smallest=2),
    Function("matrix product", lambda x: _mixed(x) @ x, lambda x, c: _mixed(x).T @ c),
)


def point(function: Function, size: int, seed: int) -> np.ndarray:
    """A random point of a size, in float64."""
    size = max(size, function.smallest)
    x = np.random.default_rng([seed, size, len(function.name)]).normal(size=size)
    return abs(x) + 0.2 if function.positive else x


def right(function: Function, dtype: str, size: int, seed: int) -> Case:
    """A right rule in a dtype."""
    return Case(
        f"{function.name} of {size} in {dtype}, seed {seed}",
        function.f,
        (point(function, size, seed).astype(dtype),),
        vjp=function.vjp,
    )


def spoilt(case: Case, error: float, everywhere: bool, seed: int) -> Case:
    """The same rule off by a relative error, everywhere or in one of the large entries."""
    assert case.vjp is not None
    (x,) = case.args
    cotangent = np.random.default_rng(seed).choice([-1, 1], np.shape(case.f(x))).astype(x.dtype)
    weights = abs(case.vjp(x, cotangent))
    large = np.flatnonzero(weights >= weights.max() / 4)
    chosen = np.random.default_rng(seed).choice(large)
    factor = np.ones(x.shape, x.dtype)
    factor[slice(None) if everywhere else chosen] += x.dtype.type(error)

    def vjp(x, cotangent):
        return case.vjp(x, cotangent) * factor

    where = "everywhere" if everywhere else f"at {chosen}"
    return replace(case, name=f"{case.name}, {error:g} off {where}", vjp=vjp, expect=FAIL)


def cases(dtype: str, seed: int) -> Iterator[Case]:
    """One right and two wrong cases per function, of one size each."""
    for number, function in enumerate(FUNCTIONS):
        case = right(function, dtype, SIZES[(number + seed) % len(SIZES)], seed)
        yield case
        for everywhere in (False, True):
            yield spoilt(case, ERRORS[dtype], everywhere, seed)


CASES = tuple(case for dtype in ("float32", "float16") for case in cases(dtype, 0))
