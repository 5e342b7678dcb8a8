"""Arrays in extended precision that carry, entry by entry, what roundings in a narrower dtype may do to them.

Every operation adds to an entry what its own rounding may change and what the roundings of its operands
become in it, to first order: the running error analysis of N. Higham, "Accuracy and Stability of Numerical
Algorithms", 2nd ed., SIAM 2002, section 3.3. Counted in units of the roundoff, one run serves every dtype.

A sum of n terms may be off by ``count(n)`` roundings of the sum of their absolute values, in whatever order
it is taken.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

from gradcheck.dtypes import rounded
from gradcheck.namespaces import Extended

WIDE: Any = np.longdouble

# n roundings add up to at most n units (Higham, section 3.1), and, while they are as often up as down, to no
# more than 9 sqrt(n) units but once in 10^9 sums of 10^8 terms (N. Higham and T. Mary, "A new approach to
# probabilistic rounding error analysis", SIAM J. Sci. Comput. 41(5), 2019, theorem 2.4).
_DEVIATIONS = 9

_SLICES = 6  # of a matrix: more bits than extended precision has, also where a row's entries differ in size
_MANY = 2**23  # products of entries, from which on slicing pays

Function = Callable[..., Any]


def count(roundings: int) -> float:
    """How many units roundings that follow one another add up to."""
    return min(float(roundings), _DEVIATIONS * math.sqrt(roundings))


class NotFollowed(TypeError):
    """A function without a rule here."""


class Rounded(NDArrayOperatorsMixin):
    """An array of extended precision, and beside every entry the roundings it may have suffered.

    Attributes
    ----------
    value
        What the entries are, but for the roundings of the extended precision itself.
    roundings
        Absolute error of every entry in units of the roundoff of whatever dtype; of the value's shape.
    """

    __slots__ = ("roundings", "value")

    def __init__(self, value: Any, roundings: Any = 0.0) -> None:
        self.value = np.asarray(value)
        self.roundings = np.broadcast_to(np.asarray(roundings, np.float64), self.value.shape)

    @property
    def shape(self) -> tuple[int, ...]:
        """As of the value."""
        return self.value.shape

    @property
    def ndim(self) -> int:
        """As of the value."""
        return self.value.ndim

    @property
    def size(self) -> int:
        """As of the value."""
        return self.value.size

    @property
    def dtype(self) -> np.dtype[Any]:
        """As of the value."""
        return self.value.dtype

    @property
    def T(self) -> Rounded:  # noqa: N802 - the array API's name
        """The transpose."""
        return Rounded(self.value.T, self.roundings.T)

    @property
    def mT(self) -> Rounded:  # noqa: N802 - the array API's name
        """The transpose of the last two axes."""
        return Rounded(np.matrix_transpose(self.value), np.matrix_transpose(self.roundings))

    def __getitem__(self, key: Any) -> Rounded:
        return Rounded(self.value[key], self.roundings[key])

    def __len__(self) -> int:
        return len(self.value)

    def __repr__(self) -> str:
        return f"Rounded({self.value!r})"

    def __bool__(self) -> bool:
        return bool(self.value)

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **options: Any) -> Any:
        if method != "__call__" or options:
            raise NotFollowed(f"roundings are not followed through {ufunc.__name__}.{method} with options")
        if ufunc in _COMPARISONS:
            return ufunc(*(_lift(x).value for x in inputs))
        if ufunc not in _RULES:
            raise NotFollowed(f"roundings are not followed through {ufunc.__name__}")
        with np.errstate(all="ignore"):
            return _RULES[ufunc](*map(_lift, inputs))

    def __array_function__(
        self, function: Any, types: Any, args: tuple[Any, ...], options: dict[str, Any]
    ) -> Any:
        if function not in _FUNCTIONS:
            raise NotFollowed(f"roundings are not followed through {function.__name__}")
        with np.errstate(all="ignore"):
            return _FUNCTIONS[function](*args, **options)


def exact(array: np.ndarray) -> Any:
    """An input: floating entries in extended precision without error, others as they are."""
    return Rounded(array.astype(WIDE)) if array.dtype.kind == "f" else array


def _lift(x: Any) -> Rounded:
    if isinstance(x, Rounded):
        return x
    array = np.asarray(x)
    # A constant that the coarsest dtype cannot hold may be rounded, in the dtype the program runs in.
    held = rounded(array, "bfloat16").astype(np.float64)
    return Rounded(array.astype(WIDE), np.where(held == array, 0.0, np.abs(array)))


def _double(x: Any) -> Any:
    """In float64, which is enough for an error bar."""
    return np.asarray(x, np.float64)


def _size(x: Any) -> Any:
    return np.abs(_double(x))


def _elementary(function: Function, slope: Callable[[Any, Any], Any]) -> Callable[[Rounded], Rounded]:
    """The rule of a function of one argument, from its slope as a function of x and y."""

    def rule(x: Rounded) -> Rounded:
        y = function(x.value)
        return Rounded(y, _size(y) + _carried(lambda: slope(_double(x.value), _double(y)), x))

    return rule


def _carried(slope: Callable[[], Any], x: Rounded) -> Any:
    """What roundings of an operand become; an operand without any brings none, however steep the slope."""
    if not np.any(x.roundings):
        return 0.0
    return np.where(x.roundings == 0, 0.0, np.abs(slope()) * x.roundings)


def _add(x: Rounded, y: Rounded) -> Rounded:
    total = x.value + y.value
    return Rounded(total, x.roundings + y.roundings + _size(total))


def _multiply(x: Rounded, y: Rounded) -> Rounded:
    product = x.value * y.value
    carried = _carried(lambda: _double(y.value), x) + _carried(lambda: _double(x.value), y)
    return Rounded(product, carried + _size(product))


def _divide(x: Rounded, y: Rounded) -> Rounded:
    quotient = x.value / y.value
    by_x = _carried(lambda: 1 / _double(y.value), x)
    by_y = _carried(lambda: _double(quotient) / _double(y.value), y)
    return Rounded(quotient, by_x + by_y + _size(quotient))


def _power(base: Rounded, exponent: Rounded) -> Rounded:
    if exponent.ndim == 0 and exponent.value == 2:
        return _SQUARE(base)  # much faster
    power = base.value**exponent.value
    by_base = _carried(lambda: _double(exponent.value * base.value ** (exponent.value - 1)), base)
    by_exponent = _carried(lambda: _double(power) * np.log(np.abs(_double(base.value))), exponent)
    return Rounded(power, by_base + by_exponent + _size(power))


def _choice(function: Function) -> Function:
    """The greater or lesser of two: nothing is rounded."""
    return lambda x, y: Rounded(function(x.value, y.value), np.maximum(x.roundings, y.roundings))


def _log_add(x: Rounded, y: Rounded) -> Rounded:
    total = np.logaddexp(x.value, y.value)
    return Rounded(total, np.maximum(x.roundings, y.roundings) + _size(total))


def _matmul(x: Rounded, y: Rounded) -> Rounded:
    product = _product(x.value, y.value)
    roundings = count(x.shape[-1]) * (_size(x.value) @ _size(y.value))
    if np.any(x.roundings):
        roundings = roundings + x.roundings @ _size(y.value)
    if np.any(y.roundings):
        roundings = roundings + _size(x.value) @ y.roundings
    return Rounded(product, roundings)


def _product(x: Any, y: Any) -> Any:
    """``x @ y``. No library multiplies matrices of this dtype, and loops take minutes for large ones."""
    if not x.ndim == y.ndim == 2:
        return x @ y
    if WIDE is np.float64 or x.size * y.shape[1] < _MANY:
        return np.inner(x, np.ascontiguousarray(y.T))  # both are read along their rows
    bits = (53 - math.ceil(math.log2(x.shape[1]))) // 2
    total = np.zeros((x.shape[0], y.shape[1]), WIDE)
    lefts, rights = _slices(x, 1, bits), _slices(y, 0, bits)
    pairs = [(i, j) for i in range(len(lefts)) for j in range(len(rights)) if i + j < _SLICES]
    for i, j in sorted(pairs, key=sum, reverse=True):  # the smallest first
        total += lefts[i] @ rights[j]
    return total


def _slices(x: Any, axis: int, bits: int) -> list[np.ndarray]:
    """A matrix as a sum of matrices of doubles with so few bits that products of two are free of rounding.

    Source: K. Ozaki, T. Ogita, S. Oishi and S. Rump, "Error-free transformations of matrix multiplication by
    using fast routines of matrix multiplication and its applications", Numerical Algorithms 59(1), 2012.
    """
    parts: list[np.ndarray] = []
    rest = x
    while np.any(rest) and len(parts) < _SLICES:
        _, exponents = np.frexp(np.max(np.abs(rest), axis=axis, keepdims=True))
        unit = np.ldexp(WIDE(1), exponents - bits)
        part = np.rint(rest / unit) * unit
        parts.append(part.astype(np.float64))
        rest = rest - part
    return parts


def _vecdot(x: Rounded, y: Rounded) -> Rounded:
    return _sum(_multiply(x, y), axis=-1)


def _sum(x: Rounded, axis: Any = None, keepdims: bool = False) -> Rounded:
    total = np.sum(x.value, axis=axis, keepdims=keepdims)
    terms = x.size // max(np.size(total), 1)
    roundings = np.sum(x.roundings, axis=axis, keepdims=keepdims) if np.any(x.roundings) else 0.0
    added = count(max(terms - 1, 0)) * np.sum(_size(x.value), axis=axis, keepdims=keepdims)
    return Rounded(total, roundings + added)


def _mean(x: Rounded, axis: Any = None, keepdims: bool = False) -> Rounded:
    total = _sum(x, axis=axis, keepdims=keepdims)
    return _divide(total, _lift(x.size // max(total.size, 1)))


def _extreme(choose: Function) -> Function:
    """The greatest or least along axes."""

    def rule(x: Rounded, axis: Any = None, keepdims: bool = False) -> Rounded:
        roundings = np.max(x.roundings, axis=axis, keepdims=keepdims)
        return Rounded(choose(x.value, axis=axis, keepdims=keepdims), roundings)

    return rule


def _where(condition: Any, x: Any, y: Any) -> Rounded:
    x, y = _lift(x), _lift(y)
    return Rounded(np.where(condition, x.value, y.value), np.where(condition, x.roundings, y.roundings))


def _xlogy(x: Any, y: Any) -> Any:
    """``x log y`` with 0 log 0 = 0, on plain arrays as on rounded ones."""
    nothing = _lift(x).value == 0
    return np.where(nothing, 0.0, x * np.log(np.where(nothing, 1.0, y)))


def _moved(function: Function) -> Function:
    """A function that puts entries elsewhere and changes none."""

    def rule(x: Rounded, *args: Any, **options: Any) -> Rounded:
        return Rounded(function(x.value, *args, **options), function(x.roundings, *args, **options))

    return rule


def _joined(function: Function) -> Function:
    """A function that puts the entries of several arrays into one."""

    def rule(parts: Sequence[Any], *args: Any, **options: Any) -> Rounded:
        lifted = [_lift(part) for part in parts]
        values, roundings = [part.value for part in lifted], [part.roundings for part in lifted]
        return Rounded(function(values, *args, **options), function(roundings, *args, **options))

    return rule


_SLOPES: dict[Function, Callable[[Any, Any], Any]] = {
    np.arccos: lambda x, y: 1 / np.sqrt(1 - x**2),
    np.arcsin: lambda x, y: 1 / np.sqrt(1 - x**2),
    np.arctan: lambda x, y: 1 / (1 + x**2),
    np.cos: lambda x, y: np.sin(x),
    np.cosh: lambda x, y: np.sinh(x),
    np.exp: lambda x, y: y,
    np.expm1: lambda x, y: y + 1,
    np.log: lambda x, y: 1 / x,
    np.log1p: lambda x, y: 1 / (1 + x),
    np.log2: lambda x, y: 1 / (x * math.log(2)),
    np.reciprocal: lambda x, y: y**2,
    np.sin: lambda x, y: np.cos(x),
    np.sinh: lambda x, y: np.cosh(x),
    np.sqrt: lambda x, y: 0.5 / y,
    np.square: lambda x, y: 2 * x,
    np.tan: lambda x, y: 1 + y**2,
    np.tanh: lambda x, y: 1 - y**2,
}

_SQUARE = _elementary(np.square, _SLOPES[np.square])

_RULES: dict[Any, Function] = {
    **{function: _elementary(function, slope) for function, slope in _SLOPES.items()},
    np.absolute: lambda x: Rounded(np.abs(x.value), x.roundings),
    np.add: _add,
    np.divide: _divide,
    np.logaddexp: _log_add,
    np.matmul: _matmul,
    np.maximum: _choice(np.maximum),
    np.minimum: _choice(np.minimum),
    np.multiply: _multiply,
    np.negative: lambda x: Rounded(-x.value, x.roundings),
    np.positive: lambda x: x,
    np.power: _power,
    np.subtract: lambda x, y: _add(x, Rounded(-y.value, y.roundings)),
    np.vecdot: _vecdot,
}

_COMPARISONS = frozenset({np.equal, np.greater, np.greater_equal, np.less, np.less_equal, np.not_equal})

_MOVING: tuple[Function, ...] = (
    np.broadcast_to,
    np.expand_dims,
    np.flip,
    np.matrix_transpose,
    np.moveaxis,
    np.reshape,
    np.roll,
    np.squeeze,
    np.take,
    np.tile,
    np.transpose,
)

_FUNCTIONS: dict[Any, Function] = {
    **{function: _moved(function) for function in _MOVING},
    np.concatenate: _joined(np.concatenate),
    np.max: _extreme(np.max),
    np.mean: _mean,
    np.min: _extreme(np.min),
    np.stack: _joined(np.stack),
    np.sum: _sum,
    np.where: _where,
}

running_xp = Extended(np, {"xlogy": _xlogy})
