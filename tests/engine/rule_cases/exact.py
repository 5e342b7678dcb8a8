"""Functions of balls that the ball namespace lacks, each with every coefficient to full relative accuracy."""

import math
from collections.abc import Callable, Sequence
from functools import reduce
from typing import Any

import numpy as np
from flint import arb, arb_series, ctx

from gradcheck.balls import FUNCTIONS, Ball, lift


def of_series(function: Callable[..., Any], operands: int = 1) -> Any:
    """A function of power series, entry by entry."""
    return np.frompyfunc(lambda *xs: Ball(function(*(lift(x).series for x in xs))), operands, 1)


def composed(coefficients: Sequence[Any], x: Any) -> Any:
    """``sum c_k (x - x_0)^k``."""
    rest = x - arb_series([x[0]])
    return reduce(lambda sum_, c: sum_ * rest + arb_series([c]), reversed(coefficients), arb_series([0]))


def by_coefficients(coefficient: Callable[[Any, int], Any]) -> Any:
    """The function whose Taylor coefficient of order k at x is ``coefficient(x, k)``."""
    return of_series(lambda x: composed([coefficient(x[0], k) for k in range(ctx.cap)], x))


def by_slope(value: Callable[..., Any], slope: Callable[..., Any], operands: int = 1) -> Any:
    """The function of a value at the constant terms, and of a derivative ``slope(x', ...)`` by the series."""

    def function(*xs: Any) -> Any:
        start = arb_series([value(*(x[0] for x in xs))])
        derivatives = [arb_series([(k + 1) * x[k + 1] for k in range(ctx.cap - 1)]) for x in xs]
        terms = slope(*xs, *derivatives)
        return start + arb_series([arb(0)] + [terms[k] / (k + 1) for k in range(ctx.cap - 1)])

    return of_series(function, operands)


def by_pieces(coefficients: Callable[..., tuple[float, ...]], operands: int = 2) -> Any:
    """A function linear near every point, from floats to the factor of each operand."""

    def function(*xs: Any) -> Any:
        factors = coefficients(*(float(x[0].mid()) for x in xs))
        return sum((x * arb_series([arb(f)]) for x, f in zip(xs, factors, strict=True)), arb_series([0]))

    return of_series(function, operands)


ONE = arb_series([1])


def logistic(x: Any) -> Any:
    return ONE / (ONE + (-x).exp()) if x[0] > 0 else x.exp() / (ONE + x.exp())


def sinc(x: Any) -> Any:
    """By its power series near 0, where the quotient cancels."""
    if abs(x[0]) > arb(0.25):
        return x.sin_pi() / (x * arb.pi())
    terms = [(-1) ** k * arb.pi() ** (2 * k) / math.factorial(2 * k + 1) for k in range(40)]
    return reduce(lambda sum_, c: sum_ * (x * x) + arb_series([c]), reversed(terms), arb_series([0]))


def gamma_family(order: int) -> Any:
    """Polygamma function by the Hurwitz zeta function, for x > 0."""

    def derivative(x: Any, m: int) -> Any:
        return x.digamma() if m == 0 else (-1) ** (m + 1) * math.factorial(m) * arb(m + 1).zeta(x)

    return by_coefficients(lambda x, k: derivative(x, order + k) / math.factorial(k))


def modified_bessel(n: int) -> Any:
    def coefficient(x: Any, k: int) -> Any:
        terms = (math.comb(k, j) * x.bessel_i(arb(abs(n - k + 2 * j))) for j in range(k + 1))
        return sum(terms, arb(0)) / 2**k / math.factorial(k)

    return by_coefficients(coefficient)


def folded(operation: Callable[[Any, Any], Any]) -> Callable[..., Any]:
    """A reduction from an operation of two elements."""
    ufunc = np.frompyfunc(operation, 2, 1)

    def function(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
        array = np.asarray(x, dtype=object)
        axes = range(array.ndim) if axis is None else [at % array.ndim for at in np.atleast_1d(axis)]
        for at in axes:
            array = np.expand_dims(ufunc.reduce(array, axis=at), at)
        return array if keepdims else np.squeeze(array, tuple(axes))

    return function


def logsumexp(x: Any, axis: Any = None, b: Any = None, keepdims: bool = False) -> Any:
    if b is None:
        return folded(FUNCTIONS["logaddexp"])(x, axis, keepdims)
    return FUNCTIONS["log"](np.sum(b * FUNCTIONS["exp"](x), axis=axis, keepdims=keepdims))


def softmax(x: Any, axis: Any = -1) -> Any:
    return FUNCTIONS["exp"](log_softmax(x, axis))


def log_softmax(x: Any, axis: Any = -1) -> Any:
    return x - logsumexp(x, axis, keepdims=True)


def gathered(x: Any, order: Any, axis: int) -> Any:
    return np.take_along_axis(np.asarray(x, dtype=object), order, axis)


def order(x: Any, axis: int = -1, descending: bool = False) -> Any:
    sign = -1 if descending else 1
    middles = np.frompyfunc(lambda ball: sign * float(lift(ball).coefficient(0).mid()), 1, 1)(x)
    return np.argsort(middles.astype(float), axis=axis, stable=True)


def sort(x: Any, axis: int = -1, descending: bool = False) -> Any:
    return gathered(x, order(x, axis, descending), axis)


def norm(x: Any, axis: Any = None, keepdims: bool = False, ord: float = 2) -> Any:  # noqa: A002
    size = FUNCTIONS["abs"](x)
    if ord == 2:
        return FUNCTIONS["sqrt"](np.sum(size * size, axis=axis, keepdims=keepdims))
    if abs(ord) == math.inf:
        return FUNCTIONS["max" if ord > 0 else "min"](size, axis=axis, keepdims=keepdims)
    return np.sum(size**ord, axis=axis, keepdims=keepdims) ** (1 / arb(ord))


def var(x: Any, axis: Any = None, correction: float = 0.0, keepdims: bool = False) -> Any:
    mean = FUNCTIONS["mean"](x, axis=axis, keepdims=True)
    squares = np.sum((x - mean) ** 2, axis=axis, keepdims=keepdims)
    return squares / (np.size(x) // max(np.size(squares), 1) - correction)


def exprel(x: Any, k: int) -> Any:
    """Coefficient of order k: the integral of ``t^k e^{xt} / k!`` over 0 < t < 1."""
    return sum((x**j / (math.factorial(j) * (j + k + 1)) for j in range(120)), arb(0)) / math.factorial(k)


EXACT = {
    "acosh": by_slope(lambda x: x.acosh(), lambda x, dx: dx / ((x - ONE).sqrt() * (x + ONE).sqrt())),
    "asinh": by_slope(lambda x: x.asinh(), lambda x, dx: dx * (ONE + x * x).rsqrt()),
    "atan2": by_slope(
        lambda y, x: arb.atan2(y, x), lambda y, x, dy, dx: (x * dy - y * dx) / (x * x + y * y), operands=2
    ),
    "atanh": by_slope(lambda x: x.atanh(), lambda x, dx: dx / ((ONE - x) * (ONE + x))),
    "cbrt": of_series(lambda x: (x.log() / 3).exp() if x[0] > 0 else -((-x).log() / 3).exp()),
    "conj": lambda x: x,
    "copysign": by_pieces(lambda a, b: (math.copysign(1, a) * math.copysign(1, b), 0.0)),
    "digamma": gamma_family(0),
    "entr": of_series(lambda x: -x * x.log()),
    "erf": of_series(lambda x: x.erf()),
    "erfc": of_series(lambda x: x.erfc()),
    "erfinv": by_coefficients(lambda x, k: _erfinv_coefficient(x, k)),
    "exp2": of_series(lambda x: (x * arb(2).log()).exp()),
    "exprel": by_coefficients(exprel),
    "fmod": by_pieces(lambda a, b: (1.0, -float(math.trunc(a / b)))),
    "gamma": of_series(lambda x: x.gamma()),
    "gammaln": of_series(lambda x: x.lgamma()),
    "hypot": of_series(lambda a, b: (a * a + b * b).sqrt(), 2),
    "i0": modified_bessel(0),
    "i1": modified_bessel(1),
    "imag": lambda x: 0 * x,
    "log10": of_series(lambda x: x.log() / arb(10).log()),
    "log_ndtr": of_series(lambda x: ((-x / arb(2).sqrt()).erfc() / 2).log()),
    "log_sigmoid": lambda x: -FUNCTIONS["logaddexp"](-x, 0),
    "log_softmax": log_softmax,
    "logit": of_series(lambda p: (p / (ONE - p)).log()),
    "logsumexp": logsumexp,
    "ndtr": of_series(lambda x: (-x / arb(2).sqrt()).erfc() / 2),
    "polygamma": lambda n, x: gamma_family(n)(x),
    "positive": lambda x: x,
    "prod": folded(lambda a, b: a * b),
    "real": lambda x: x,
    "rel_entr": of_series(lambda x, y: x * (x.log() - y.log()), 2),
    "relu": lambda x: FUNCTIONS["maximum"](x, 0),
    "remainder": by_pieces(lambda a, b: (1.0, -float(a // b))),
    "sigmoid": of_series(logistic),
    "sinc": of_series(sinc),
    "softmax": softmax,
    "softplus": lambda x: FUNCTIONS["logaddexp"](x, 0),
    "sort": sort,
    "std": lambda x, **given: FUNCTIONS["sqrt"](var(x, **given)),
    "take": lambda x, indices, axis=None: np.take(x, indices, axis=axis),
    "take_along_axis": gathered,
    "var": var,
    "p_norm": norm,
    "vector_norm": norm,
    "xlog1py": of_series(lambda x, y: x * FUNCTIONS["log1p"](Ball(y)).series, 2),
}


def _erfinv_coefficient(x: Any, k: int) -> Any:
    """By the series of the inverse function, reverted."""
    y = x.erfinv()
    series = arb_series([y, 1]).erf() - arb_series([x])
    shifted = arb_series([arb(0)] + [series[i] for i in range(1, ctx.cap)])
    return y if k == 0 else shifted.reversion()[k]
