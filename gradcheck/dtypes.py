"""Floating-point formats: how fine, how large and how small their numbers are.

With ``bits`` in the significand and a largest exponent every other figure follows (IEEE 754-2019, section
3.3). bfloat16 is binary32 cut to 8 bits, with the same exponents; NumPy knows it where ``ml_dtypes`` has
been imported, which is done here.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import ml_dtypes  # noqa: F401 - makes np.dtype("bfloat16") mean something
import numpy as np


@dataclass(frozen=True, slots=True)
class Format:
    """A binary floating-point format.

    Attributes
    ----------
    name
        What NumPy calls it.
    bits
        Bits of the significand, the leading one included.
    exponent
        The largest exponent of two.
    flushed
        Whether some hardware and compilers take numbers below ``smallest`` for 0: XLA and TensorFlow do on
        the CPU in every format but float16 (jax#37762).
    """

    name: str
    bits: int
    exponent: int
    flushed: bool = True

    @property
    def unit(self) -> float:
        """Unit roundoff: what rounding to nearest changes at most, relative to the value."""
        return 2.0**-self.bits

    @property
    def epsilon(self) -> float:
        """Distance from 1 to the next larger number."""
        return 2.0 ** (1 - self.bits)

    @property
    def largest(self) -> float:
        """The largest finite number."""
        return (2 - self.epsilon) * 2.0**self.exponent

    @property
    def smallest(self) -> float:
        """The smallest positive number that has all its bits; below it are the subnormal ones."""
        return 2.0 ** (1 - self.exponent)

    @property
    def tiniest(self) -> float:
        """The smallest positive number."""
        return self.smallest * self.epsilon

    @property
    def lost(self) -> float:
        """How much a result below ``smallest`` may be off for that reason alone."""
        return self.smallest if self.flushed else self.tiniest / 2

    def half_ulp(self, size: float) -> float:
        """What rounding to nearest changes at most in a number of some size."""
        return max(self.unit * size, self.tiniest / 2 or self.tiniest)

    def spacing(self, size: float) -> float:
        """Distance between neighbouring numbers of some size; infinite beyond the largest."""
        if not size <= self.largest:
            return math.inf
        return 2.0 ** (math.frexp(size)[1] - self.bits) if size > self.smallest else self.tiniest


FORMATS = {
    number.name: number
    for number in (
        Format("float64", 53, 1023),
        Format("float32", 24, 127),
        Format("float16", 11, 15, flushed=False),
        Format("bfloat16", 8, 127),
    )
}


def is_floating(dtype: np.dtype[Any]) -> bool:
    """Whether a dtype holds real floating-point numbers; to NumPy bfloat16 is opaque."""
    return dtype.kind == "f" or dtype.name in FORMATS


def rounded(array: np.ndarray, dtype: str) -> np.ndarray:
    """An array in another format; what that cannot hold becomes infinite or 0."""
    with np.errstate(over="ignore", under="ignore"):
        return array.astype(dtype)
