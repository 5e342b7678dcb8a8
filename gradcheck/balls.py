"""Ball arithmetic on truncated power series, as array elements a problem's own source can run on.

An element is ``c0 + c1 t + c2 t^2 + ...`` with coefficients enclosed by Arb balls (F. Johansson, "Arb:
efficient arbitrary-precision midpoint-radius interval arithmetic", IEEE Trans. Comput. 66, 2017). It
stands for the function along a line for small t > 0, so comparisons are decided by the first coefficient
that differs: a branch taken at a tie is the branch to the right of it, and derivatives there are
one-sided. NumPy's object arrays do the looping.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import reduce
from typing import Any, Protocol

import numpy as np
from flint import arb, arb_series, ctx

Scalar = Any  # float, int, NumPy scalar, arb or Ball


class Undecided(Exception):
    """A comparison whose operands overlap: more precision may decide it."""


class Record(Protocol):
    """What keeps the steps of an evaluation (:mod:`gradcheck.ranges`)."""

    def step(self, result: Ball, function: Callable[..., Any], operands: tuple[Ball, ...]) -> None:
        """Take note of ``result = function(*operands)``; the result may be changed."""


@dataclass
class Run:
    """One evaluation in ball arithmetic.

    Attributes
    ----------
    hull
        Whether an undecided choice encloses both of its branches, instead of raising ``Undecided``.
    tied
        Set when a comparison was decided by a later coefficient than the first, or by none: the
        function may have a kink here, and the derivatives found are those to the right of it.
        Also set where a series is 0 to its last term, so that a longer one may tell more.
    record
        Where every step is kept; None where nobody asks.
    """

    hull: bool
    tied: bool = False
    record: Record | None = None


_run = Run(hull=False)


@contextmanager
def evaluation(bits: int, terms: int, *, hull: bool = False, record: Record | None = None) -> Iterator[Run]:
    """Evaluate with this many bits, and this many coefficients per series.

    Precision belongs to the process, so one thread evaluates at a time.
    """
    global _run
    before = ctx.prec, ctx.cap, _run
    ctx.prec, ctx.cap, _run = bits, terms, Run(hull=hull, record=record)
    try:
        yield _run
    finally:
        ctx.prec, ctx.cap, _run = before


class Ball:
    """One element: a series of balls, with the arithmetic and comparisons of a number.

    ``place`` is its place in the record of the evaluation, None for a constant.
    """

    __slots__ = ("place", "series")

    def __init__(self, series: Any) -> None:
        self.series = series
        self.place: int | None = None

    def __repr__(self) -> str:
        return f"Ball({self.series})"

    def coefficient(self, order: int) -> Any:
        """The coefficient of ``t^order``, an ``arb``."""
        return self.series[order]

    def __add__(self, other: Scalar) -> Any:
        return _binary(self, other, lambda a, b: a + b)

    __radd__ = __add__

    def __sub__(self, other: Scalar) -> Any:
        return _binary(self, other, lambda a, b: a - b)

    def __rsub__(self, other: Scalar) -> Any:
        return _binary(self, other, lambda a, b: b - a)

    def __mul__(self, other: Scalar) -> Any:
        return _binary(self, other, lambda a, b: a * b)

    __rmul__ = __mul__

    def __truediv__(self, other: Scalar) -> Any:
        return _binary(self, other, _divide)

    def __rtruediv__(self, other: Scalar) -> Any:
        return _binary(self, other, lambda a, b: _divide(b, a))

    def __pow__(self, other: Scalar) -> Any:
        return NotImplemented if isinstance(other, np.ndarray) else _step(_power, self, lift(other))

    def __rpow__(self, other: Scalar) -> Any:
        return _step(_power, lift(other), self)

    def __neg__(self) -> Ball:
        return _step(operator.neg, self)

    def __pos__(self) -> Ball:
        return self

    def __abs__(self) -> Ball:
        return _choose(self, -self, Comparison(self, 0, lambda sign: sign > 0))

    def __lt__(self, other: Scalar) -> Comparison:
        return Comparison(self, other, lambda sign: sign < 0)

    def __le__(self, other: Scalar) -> Comparison:
        return Comparison(self, other, lambda sign: sign <= 0)

    def __gt__(self, other: Scalar) -> Comparison:
        return Comparison(self, other, lambda sign: sign > 0)

    def __ge__(self, other: Scalar) -> Comparison:
        return Comparison(self, other, lambda sign: sign >= 0)

    def __eq__(self, other: object) -> Any:
        return Comparison(self, other, lambda sign: sign == 0)

    def __ne__(self, other: object) -> Any:
        return Comparison(self, other, lambda sign: sign != 0)

    __hash__ = None  # type: ignore[assignment]  # equality is a Comparison


class Balls(np.ndarray):
    """An object array of balls whose comparisons stay open until they are used."""

    def __getitem__(self, key: Any) -> Any:
        masks = isinstance(key, np.ndarray) and key.dtype == object
        return super().__getitem__(key.astype(bool) if masks else key)

    def __lt__(self, other: Any) -> Any:
        return FUNCTIONS["less"](self, other)

    def __le__(self, other: Any) -> Any:
        return FUNCTIONS["less_equal"](self, other)

    def __gt__(self, other: Any) -> Any:
        return FUNCTIONS["greater"](self, other)

    def __ge__(self, other: Any) -> Any:
        return FUNCTIONS["greater_equal"](self, other)

    def __eq__(self, other: object) -> Any:
        return FUNCTIONS["equal"](self, other)

    def __ne__(self, other: object) -> Any:
        return FUNCTIONS["not_equal"](self, other)

    __hash__ = None


class Comparison:
    """The order of two elements for small t > 0, kept open: a choice may want both of its branches."""

    __slots__ = ("_decide", "_sign")

    def __init__(self, a: Any, b: Any, decide: Callable[[int], bool]) -> None:
        self._sign = _order(lift(a), lift(b))
        self._decide = decide

    @property
    def decided(self) -> bool | None:
        """Whether it holds; None when precision does not suffice to say."""
        return None if self._sign is None else self._decide(self._sign)

    def __bool__(self) -> bool:
        if self.decided is None:
            raise Undecided
        return self.decided


def lift(value: Scalar) -> Ball:
    """A constant as a Ball, rounded to the working precision with its rounding enclosed."""
    if isinstance(value, Ball):
        return value
    exact = value if isinstance(value, arb) else arb(value.item() if hasattr(value, "item") else value)
    return Ball(arb_series([+exact]))


def curve(start: Any, *terms: tuple[int, Any]) -> Ball:
    """The element ``start + sum of slope t^order`` of a curve through a point."""
    coefficients = [arb(start)] + [arb(0)] * max((order for order, _ in terms), default=0)
    for order, slope in terms:
        coefficients[order] += slope
    return Ball(arb_series(coefficients))


def _step(function: Callable[..., Any], *operands: Ball) -> Ball:
    """A function of series, as one step of the evaluation."""
    result = Ball(function(*(operand.series for operand in operands)))
    if _run.record is not None:
        _run.record.step(result, function, operands)
    return result


def _binary(a: Ball, other: Scalar, operation: Callable[[Any, Any], Any]) -> Any:
    return NotImplemented if isinstance(other, np.ndarray) else _step(operation, a, lift(other))


def _nan() -> Any:
    return arb_series([arb.nan()] * ctx.cap)


def _divide(a: Any, b: Any) -> Any:
    return _nan() if b[0].contains(0) else a / b


def _power(base: Any, exponent: Any) -> Any:
    if len(exponent) <= 1 and exponent[0].is_integer():
        return _integer_power(base, int(exponent[0].unique_fmpz()))
    if not base[0] > 0:
        return _nan()
    return (base.log() * exponent).exp()


def _integer_power(series: Any, exponent: int) -> Any:
    if exponent < 0:
        return _divide(arb_series([1]), _integer_power(series, -exponent))
    return series**exponent if exponent else arb_series([1])


def _sign(x: Any) -> int | None:
    """Sign of a ball; None when it contains both zero and something else."""
    if x.is_zero():
        return 0
    return 1 if x > 0 else -1 if x < 0 else None


def _order(a: Ball, b: Ball) -> int | None:
    """Sign of ``a - b`` for small t > 0; None when precision does not suffice to say."""
    difference = a.series - b.series
    for order in range(len(difference)):
        sign = _sign(difference[order])
        if sign != 0:
            _run.tied |= order > 0
            return sign
    _run.tied = True
    return 0


def _choose(first: Ball, second: Ball, comparison: Comparison) -> Ball:
    """``first`` where the comparison holds, ``second`` where not; of an undecided one the hull of both."""
    if comparison.decided is None and _run.hull:
        _run.tied = True
        return _step(_hull, first, second)
    return first if comparison else second


def _hull(a: Any, b: Any) -> Any:
    return arb_series([a[i].union(b[i]) for i in range(max(len(a), len(b)))])


# Elementary functions. Where Arb has no series of its own, the Taylor coefficients at the constant term
# are composed with the rest, which keeps full relative accuracy near zeros.


def _compose(coefficients: Sequence[Any], x: Any) -> Any:
    """The series ``sum coefficients[k] (x - x0)^k``."""
    rest = x - arb_series([x[0]])
    result = arb_series([coefficients[-1]])
    for coefficient in reversed(coefficients[:-1]):
        result = result * rest + arb_series([coefficient])
    return result


def _exponential_like(even: Any, odd: Any) -> list[Any]:
    return [(odd if k % 2 else even) / math.factorial(k) for k in range(ctx.cap)]


def _sinh(x: Any) -> Any:
    x0 = x[0]
    return _compose(_exponential_like(x0.sinh(), x0.cosh()), x)


def _cosh(x: Any) -> Any:
    x0 = x[0]
    return _compose(_exponential_like(x0.cosh(), x0.sinh()), x)


def _expm1(x: Any) -> Any:
    x0 = x[0]
    return _compose([x0.expm1(), *_exponential_like(x0.exp(), x0.exp())[1:]], x)


def _log1p(x: Any) -> Any:
    x0 = x[0]
    return _compose([x0.log1p()] + [(-1) ** (k + 1) / (k * (1 + x0) ** k) for k in range(1, ctx.cap)], x)


def _tanh(x: Any) -> Any:
    """Coefficients of y' = 1 - y^2, the first as 1 / cosh^2, which does not cancel in the tails."""
    x0 = x[0]
    sech2 = x0.cosh() ** -2
    y = [x0.tanh(), sech2]
    slope = [sech2]  # coefficients of 1 - y^2
    for k in range(1, ctx.cap - 1):
        slope.append(-sum((y[i] * y[k - i] for i in range(k + 1)), arb(0)))
        y.append(slope[k] / (k + 1))
    return _compose(y, x)


def _log(x: Any) -> Any:
    return x.log() if x[0] > 0 else _nan()


def _sqrt(x: Any) -> Any:
    """Of ``t^2k g(t)`` it is ``t^k sqrt(g(t))`` for t > 0; of 0, which may be cut off short, 0."""
    low = next((k for k in range(len(x)) if _sign(x[k]) != 0), None)
    if low == 0:
        return x.sqrt() if x[0] > 0 else _nan()
    _run.tied = True
    if low is None:
        return arb_series([0])
    if low % 2 or not x[low] > 0:
        return _nan()
    known = [x[k] for k in range(low, ctx.cap)]
    rest = arb_series(known + [arb.nan()] * low).sqrt()
    return arb_series([arb(0)] * (low // 2) + [rest[k] for k in range(ctx.cap - low // 2)])


def _unary(function: Callable[[Any], Any]) -> Any:
    return np.frompyfunc(lambda x: _step(function, lift(x)), 1, 1)


def _both(function: Callable[[Any, Any], Any]) -> Any:
    return np.frompyfunc(lambda x, y: _step(function, lift(x), lift(y)), 2, 1)


def _xlogy(x: Any, y: Any) -> Any:
    if not _is_zero(x):
        return x * _log(y)
    _run.tied = True  # 0 to the last term, which may have been cut off short
    return arb_series([0])


def _is_zero(x: Any) -> bool:
    return all(_sign(x[i]) == 0 for i in range(len(x)))


def _logaddexp(x: Any, y: Any) -> Any:
    low, high = sorted((x, y), key=lambda series: float(series[0].mid()))
    return high + _log1p((low - high).exp())


def _maximum(x: Scalar, y: Scalar) -> Ball:
    a, b = lift(x), lift(y)
    return _choose(a, b, a > b)


def _minimum(x: Scalar, y: Scalar) -> Ball:
    a, b = lift(x), lift(y)
    return _choose(a, b, a < b)


def _where(condition: Any, x: Scalar, y: Scalar) -> Any:
    return (
        _choose(lift(x), lift(y), condition) if isinstance(condition, Comparison) else x if condition else y
    )


def _comparison(decide: Callable[[int], bool]) -> Any:
    return np.frompyfunc(lambda a, b: Comparison(a, b, decide), 2, 1)


def _reduction(choose: Callable[[Any, Any], Any]) -> Callable[..., Any]:
    ufunc = np.frompyfunc(choose, 2, 1)

    def apply(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
        array = np.asarray(x, dtype=object)
        axes = tuple(range(array.ndim)) if axis is None else tuple(np.atleast_1d(axis) % array.ndim)
        result: Any = array
        for at in sorted(axes, reverse=True):
            result = reduce(ufunc, [np.take(result, i, axis=at) for i in range(array.shape[at])])
        kept = tuple(1 if at in axes else size for at, size in enumerate(array.shape))
        return np.reshape(np.asarray(result, dtype=object), kept) if keepdims else result

    return apply


def _mean(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    total = np.sum(x, axis=axis, keepdims=keepdims)
    return total / (np.size(x) // max(np.size(total), 1))


def _vecdot(x: Any, y: Any, axis: int = -1) -> Any:
    return np.sum(np.multiply(x, y), axis=axis)


def _arb(name: str) -> Any:
    return _unary(lambda series: getattr(series, name)())


FUNCTIONS: dict[str, Any] = {
    "abs": np.frompyfunc(lambda x: abs(lift(x)), 1, 1),
    "acos": _arb("acos"),
    "asin": _arb("asin"),
    "atan": _arb("atan"),
    "cos": _arb("cos"),
    "cosh": _unary(_cosh),
    "equal": _comparison(lambda sign: sign == 0),
    "exp": _arb("exp"),
    "expm1": _unary(_expm1),
    "greater": _comparison(lambda sign: sign > 0),
    "greater_equal": _comparison(lambda sign: sign >= 0),
    "less": _comparison(lambda sign: sign < 0),
    "less_equal": _comparison(lambda sign: sign <= 0),
    "log": _unary(_log),
    "log1p": _unary(_log1p),
    "log2": _unary(lambda s: _log(s) / arb_series([arb(2).log()])),
    "logaddexp": _both(_logaddexp),
    "max": _reduction(_maximum),
    "maximum": np.frompyfunc(_maximum, 2, 1),
    "mean": _mean,
    "min": _reduction(_minimum),
    "minimum": np.frompyfunc(_minimum, 2, 1),
    "not_equal": _comparison(lambda sign: sign != 0),
    "reciprocal": _unary(lambda s: _divide(arb_series([1]), s)),
    "sin": _arb("sin"),
    "sinh": _unary(_sinh),
    "sqrt": _unary(_sqrt),
    "square": _unary(lambda s: s * s),
    "tan": _arb("tan"),
    "tanh": _unary(_tanh),
    "vecdot": _vecdot,
    "where": np.frompyfunc(_where, 3, 1),
    "xlogy": _both(_xlogy),
}
