"""Why two sums of the same products differ in their last digits, and by how much they may.

A dot product of n terms is rounded once a product and once an addition, and the order of the additions is
everybody's own. The exact sum is known: a product of two floats is the sum of two floats (T. Ogita, S. Rump
and S. Oishi, "Accurate sum and dot product", SIAM J. Sci. Comput. 26(6), 2005, algorithms 3.2 and 3.3), and
``math.fsum`` adds floats without any error.

How far a sum may lie from it is classical (N. Higham, "Accuracy and Stability of Numerical Algorithms", 2nd
ed., SIAM 2002, sections 3.1 and 4.2). With gamma_k = k u / (1 - k u) it is at most gamma_n sum |u_i v_i| in
any order, and gamma_k sum |u_i v_i| where no term takes part in more than k roundings: by pairs, 1 + log2 n.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from gradcheck.errors import BadArgument

_ROUNDOFF = {"float64": 2.0**-53, "float32": 2.0**-24}
_SPLIT = 2.0**27 + 1
_CHUNK = 2**16
_LARGEST = 2.0**500  # of a factor: neither it nor a product of two can overflow when it is split
_SMALLEST = 2.0**-960  # of a product: below it, its rounding error may be no float


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """How far a computed sum may lie from the exact one, in ulps, by the order of its additions.

    Attributes
    ----------
    pairwise
        Halves are summed first: 1 + log2 n roundings a term. NumPy does so from blocks of 128 terms on.
    recursive
        One term after the other: up to n roundings a term. No order is worse.
    """

    pairwise: float
    recursive: float

    def explaining(self, ulps: float) -> str:
        """The least order whose bound covers an error: ``pairwise``, ``recursive``, or empty for neither."""
        if abs(ulps) <= self.pairwise:
            return "pairwise"
        return "recursive" if abs(ulps) <= self.recursive else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One computed sum beside the exact one.

    Attributes
    ----------
    name, value
        Which sum, and what it came to.
    exact
        The exact sum, rounded once.
    ulps
        The sum minus the exact one, in units in the last place of the exact one.
    bounds
        What rounding may do to it, in the same units.
    """

    name: str
    value: float
    exact: float
    ulps: float
    bounds: Bounds

    @property
    def by(self) -> str:
        """The order of additions whose bound explains the error; empty for none."""
        return self.bounds.explaining(self.ulps)

    @property
    def explained(self) -> bool:
        """Whether the order of additions explains the error."""
        return bool(self.by)

    def __str__(self) -> str:
        limits = f"pairwise {self.bounds.pairwise:.3g}, recursive {self.bounds.recursive:.3g}"
        verdict = f"explained by the {self.by} bound" if self.explained else "not explained by rounding"
        return f"{self.name}: {self.value!r}, {self.ulps:+.1f} ulps from the exact sum ({limits}): {verdict}"


def explain(u: np.ndarray, v: np.ndarray, sums: Mapping[str, float]) -> list[Row]:
    """How far computed dot products of two vectors are from the exact one, and which bound explains it.

    Parameters
    ----------
    u, v
        The vectors, both of float64 or both of float32; the sums were taken in that dtype.
    sums
        By name, what was computed.

    Raises
    ------
    BadArgument
        When the arrays are no two vectors of one length and dtype, or their entries are too large or too
        small for their products to be split into two floats.
    """
    exact, rest, magnitude = _exact(u, v)
    dtype = u.dtype.name
    bounds = _bounds(u.size, magnitude, exact, dtype)
    unit = _unit(exact, dtype)
    return [
        Row(name=name, value=float(s), exact=exact, ulps=(float(s) - exact - rest) / unit, bounds=bounds)
        for name, s in sums.items()
    ]


def exact_dot(u: np.ndarray, v: np.ndarray) -> float:
    """The exact dot product of two vectors of floats, rounded once to float64."""
    return _exact(u, v)[0]


def bounds(n: int, magnitude: float, *, value: float | None = None, dtype: str = "float64") -> Bounds:
    """What rounding may do to a dot product of n terms, without the terms.

    Parameters
    ----------
    n
        Number of terms.
    magnitude
        The sum of the absolute values of the terms; the sum itself where all are positive.
    value
        The sum, whose last place is the unit; the magnitude when not given.
    dtype
        In which it was computed: ``float64`` or ``float32``.
    """
    if dtype not in _ROUNDOFF:
        raise BadArgument("dtype", "float64 or float32", dtype)
    if n < 1:
        raise BadArgument("n", "a positive number of terms", n)
    return _bounds(n, magnitude, magnitude if value is None else value, dtype)


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """Two computed sums of the same terms.

    Attributes
    ----------
    ulps
        The second minus the first, in units in the last place.
    bounds
        What rounding may do to either of them.
    """

    ulps: float
    bounds: Bounds

    @property
    def explained(self) -> bool:
        """Whether rounding can have set them apart: each may be off, in either direction."""
        return abs(self.ulps) <= 2 * self.bounds.recursive

    @property
    def both_pairwise(self) -> bool:
        """Whether both may have been taken by pairs."""
        return abs(self.ulps) <= 2 * self.bounds.pairwise

    def __str__(self) -> str:
        apart = f"{abs(self.ulps):.0f} ulps apart"
        limits = f"pairwise {self.bounds.pairwise:.3g}, recursive {self.bounds.recursive:.3g} each"
        if not self.explained:
            return f"{apart} ({limits}): rounding does not explain it"
        if self.both_pairwise:
            return f"{apart} ({limits}): two sums by pairs may differ as much"
        return f"{apart} ({limits}): at least one of them was not taken by pairs"


def difference(one: float, other: float, n: int, *, dtype: str = "float64") -> Difference:
    """What rounding has to say on two printed sums of the same n positive terms.

    Examples
    --------
    >>> str(difference(249816.30215526323, 249816.30215527286, 1_000_000))
    '331 ulps apart (pairwise 20, recursive 9.53e+05 each): at least one of them was not taken by pairs'
    """
    magnitude = max(abs(one), abs(other))
    unit = _unit(magnitude, dtype)
    return Difference(ulps=(other - one) / unit, bounds=bounds(n, magnitude, dtype=dtype))


def _exact(u: np.ndarray, v: np.ndarray) -> tuple[float, float, float]:
    """The exact sum as two floats, and the sum of absolute values."""
    if u.ndim != 1 or u.shape != v.shape or not u.size:
        raise BadArgument("u, v", "two vectors of one length", (u.shape, v.shape))
    if u.dtype != v.dtype or u.dtype.name not in _ROUNDOFF:
        raise BadArgument("u, v", "both float64 or both float32", (u.dtype.name, v.dtype.name))
    a, b = u.astype(np.float64), v.astype(np.float64)
    products, errors = _two_product(a, b)
    total = math.fsum(_floats(products, errors))
    rest = math.fsum(_floats(products, errors, np.array([-total])))
    return total, rest, math.fsum(_floats(np.abs(products)))


def _floats(*arrays: np.ndarray) -> Iterator[float]:
    """The entries one by one; a list of all would be four times as large as the arrays."""
    for array in arrays:
        for start in range(0, array.size, _CHUNK):
            yield from array[start : start + _CHUNK].tolist()


def _two_product(a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Products and their rounding errors: ``a * b`` is exactly the sum of both."""
    largest = max(float(np.max(np.abs(a))), float(np.max(np.abs(b))))
    if not largest <= _LARGEST:
        raise BadArgument("u, v", "entries up to 2^500", largest)
    products = a * b
    small = (np.abs(products) < _SMALLEST) & (a != 0) & (b != 0)
    if np.any(small):
        raise BadArgument("u, v", "products of 2^-960 and more, or 0", float(products[small][0]))
    (a_high, a_low), (b_high, b_low) = _split(a), _split(b)
    return products, a_low * b_low - (((products - a_high * b_high) - a_low * b_high) - a_high * b_low)


def _split(a: np.ndarray) -> tuple[Any, Any]:
    """A float as the sum of two with half as many digits, whose products are exact."""
    scaled = _SPLIT * a
    high = scaled - (scaled - a)
    return high, a - high


def _bounds(n: int, magnitude: float, value: float, dtype: str) -> Bounds:
    u = _ROUNDOFF[dtype]
    unit = _unit(value, dtype)
    underflow = n * float(np.finfo(dtype).smallest_subnormal)
    depth = 1 + math.ceil(math.log2(n))
    pairwise, recursive = ((_gamma(k, u) * magnitude + underflow) / unit for k in (depth, n))
    return Bounds(pairwise=pairwise, recursive=recursive)


def _gamma(k: int, u: float) -> float:
    return k * u / (1 - k * u) if k * u < 1 else math.inf


def _unit(value: float, dtype: str) -> float:
    """The unit in the last place of a value."""
    return float(np.spacing(np.dtype(dtype).type(abs(value))))
