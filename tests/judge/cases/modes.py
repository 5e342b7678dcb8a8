"""Derivatives of which exactly one mode is wrong, and which the judge must say."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from cases import FAIL, Case, mapped
from cases.reductions import softmax
from cases.rough import jitter
from gradcheck import draws

Fault = Callable[[Any], Any]


@dataclass(frozen=True)
class Pair:
    """A function with both rules right."""

    name: str
    f: Callable[..., Any]
    inputs: tuple[Any, ...]
    vjp: Callable[..., Any]
    jvp: Callable[..., Any]


def _softmax_rule(x, v):
    p = softmax(x)
    return p * (v - np.sum(p * v))


PAIRS = (
    Pair(
        "tanh",
        np.tanh,
        (draws.normal(5),),
        lambda x, c: c / np.cosh(x) ** 2,
        lambda x, t: t / np.cosh(x) ** 2,
    ),
    Pair("softmax", softmax, (draws.normal(5),), _softmax_rule, _softmax_rule),
    Pair(
        "product",
        np.matmul,
        (draws.normal(3, 4), draws.normal(4)),
        lambda a, x, c: (np.outer(c, x), a.T @ c),
        lambda a, x, in_a, in_x: in_a @ x + a @ in_x,
    ),
    Pair(
        "added row",
        np.add,
        (draws.normal(3, 4), draws.normal(4)),
        lambda x, y, c: (c.copy(), c.sum(axis=0)),
        lambda x, y, in_x, in_y: in_x + in_y,
    ),
    Pair(
        "inverse",
        np.linalg.inv,
        (np.array([[2.0, 0.5], [-0.25, 1.5]]),),
        lambda a, c: -np.linalg.inv(a).T @ c @ np.linalg.inv(a).T,
        lambda a, t: -np.linalg.inv(a) @ t @ np.linalg.inv(a),
    ),
)


def _first_doubled(array):
    spoilt = np.array(array)
    spoilt.flat[0] *= 2
    return spoilt


def _rolled(array):
    return np.roll(array, 1)


FAULTS: dict[str, Fault] = {
    "1 % off": lambda array: 1.01 * array,
    "negative": np.negative,
    "first entry doubled": _first_doubled,
    "rolled": _rolled,
}


def _after(fault: Fault, rule: Callable[..., Any]) -> Callable[..., Any]:
    return lambda *args: mapped(fault, rule(*args))


def first_order() -> Iterator[Case]:
    for pair in PAIRS:
        yield Case(f"{pair.name}, both right", pair.f, pair.inputs, vjp=pair.vjp, jvp=pair.jvp)
        for title, fault in FAULTS.items():
            spoilt = {"vjp": _after(fault, pair.vjp), "jvp": _after(fault, pair.jvp)}
            for wrong in ("vjp", "jvp"):
                rules = {"vjp": pair.vjp, "jvp": pair.jvp, wrong: spoilt[wrong]}
                name = f"{pair.name}, {wrong} {title}"
                yield Case(name, pair.f, pair.inputs, **rules, expect=FAIL, modes=(wrong,))
            if title in ("1 % off", "negative"):  # these keep one the transpose of the other
                yield Case(
                    f"{pair.name}, both {title}",
                    pair.f,
                    pair.inputs,
                    **spoilt,
                    expect=FAIL,
                    modes=("vjp", "jvp"),
                )


def _noisy(x):
    return np.sin(x) * (1 + 1e-6 * np.array([jitter(entry) for entry in x]))


def transposes() -> Iterator[Case]:
    """Both rules lie within what differences can tell, and differ by more than rounding."""
    for title, factor in {"a millionth": 1 + 1e-6, "1e-8": 1 + 1e-8}.items():
        yield Case(
            f"noisy sine, {title} between the modes",
            _noisy,
            (draws.normal(5),),
            vjp=lambda x, c, factor=factor: factor * c * np.cos(x),
            jvp=lambda x, t: np.cos(x) * t,
            expect=FAIL,
            modes=("transpose",),
        )


def _rosenbrock(x):
    return np.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)


def _rosenbrock_grad(x):
    rest = x[1:] - x[:-1] ** 2
    gradient = np.zeros_like(x)
    gradient[1:] = 200 * rest
    gradient[:-1] += -400 * rest * x[:-1] - 2 * (1 - x[:-1])
    return gradient


def _rosenbrock_hvp(x, t):
    rest = x[1:] - x[:-1] ** 2
    moved = t[1:] - 2 * x[:-1] * t[:-1]
    product = np.zeros_like(x)
    product[1:] = 200 * moved
    product[:-1] += -400 * (moved * x[:-1] + rest * t[:-1]) + 2 * t[:-1]
    return product


def _without_curvature(x, t):
    """Gauss and Newton's product: the curvature of the residuals is dropped."""
    moved = t[1:] - 2 * x[:-1] * t[:-1]
    product = np.zeros_like(x)
    product[1:] = 200 * moved
    product[:-1] += -400 * moved * x[:-1] + 2 * t[:-1]
    return product


def _logsumexp(x):
    return np.log(np.sum(np.exp(x)))


SYMMETRIC = np.array([[2.0, 1, 0], [1, 3, -1], [0, -1, 1]])


def second_order() -> Iterator[Case]:
    def case(name: str, f: Any, x: Any, grad: Any, hvp: Any, wrong: bool = True) -> Case:
        blame = {"expect": FAIL, "modes": ("hvp",), "order": 2} if wrong else {}
        return Case(f"second order, {name}", f, (x,), grad=grad, hvp=hvp, **blame)

    rosenbrock = _rosenbrock, draws.normal(5), _rosenbrock_grad
    yield case("rosenbrock, right", *rosenbrock, _rosenbrock_hvp, wrong=False)
    yield case("rosenbrock, curvature dropped", *rosenbrock, _without_curvature)
    yield case("rosenbrock, doubled", *rosenbrock, lambda x, t: 2 * _rosenbrock_hvp(x, t))
    yield case("rosenbrock, negative", *rosenbrock, lambda x, t: -_rosenbrock_hvp(x, t))
    yield case("rosenbrock, 1e-3 off", *rosenbrock, lambda x, t: 1.001 * _rosenbrock_hvp(x, t))
    yield case("rosenbrock, zero", *rosenbrock, lambda x, t: 0 * t)
    yield case("rosenbrock, one entry", *rosenbrock, lambda x, t: _first_doubled(_rosenbrock_hvp(x, t)))
    softened = _logsumexp, draws.normal(4), softmax
    yield case("logsumexp, right", *softened, _softmax_rule, wrong=False)
    yield case("logsumexp, diagonal alone", *softened, lambda x, t: softmax(x) * t)
    form = lambda x: x @ SYMMETRIC @ x / 2, draws.normal(3), lambda x: SYMMETRIC @ x
    yield case("quadratic form, right", *form, lambda x, t: SYMMETRIC @ t, wrong=False)
    yield case("quadratic form, triangle alone", *form, lambda x, t: np.tril(SYMMETRIC) @ t)
    cosines = lambda x: np.sum(np.cos(x)), np.zeros(3), lambda x: -np.sin(x)
    yield case("cosine at zero, right", *cosines, lambda x, t: -np.cos(x) * t, wrong=False)
    yield case("cosine at zero, missing", *cosines, lambda x, t: 0 * t)
    yield case("cosine at zero, at the gradient's point", *cosines, lambda x, t: np.cos(x) * t)


CASES = (*first_order(), *transposes(), *second_order())
