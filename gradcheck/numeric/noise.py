"""How noisy a function is: the size of the errors its own arithmetic leaves in its values."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np


def noise_level(values: np.ndarray) -> np.ndarray:
    """Standard deviation of the noise in equally and closely spaced samples of a smooth function.

    Differences of order k of a smooth function vanish with the spacing, those of noise do not; the level is
    read off where three orders in a row agree within a factor of four and the differences change sign. Where
    they never do, the highest order's level is given, which is too high rather than too low.

    Source: J. More and S. Wild, "Estimating computational noise", SIAM J. Sci. Comput. 33(3), 2011, section 5
    (algorithm ECnoise).

    Parameters
    ----------
    values
        Samples along the first axis, at least four; further axes are independent outputs.

    Returns
    -------
    numpy.ndarray
        One level per output; NaN only where a sample is.
    """
    values = np.asarray(values, dtype=np.float64)
    differences, starts, factors = _difference_table(len(values))
    table = (differences @ values.reshape(len(values), -1)).reshape(-1, *values.shape[1:])
    factors = factors.reshape(-1, *[1] * (values.ndim - 1))
    levels = np.sqrt(factors * np.add.reduceat(table**2, starts))
    sign_changes = np.minimum.reduceat(table, starts) * np.maximum.reduceat(table, starts) < 0
    result: np.ndarray = levels[-1]
    for k in reversed(range(len(starts) - 2)):
        window = levels[k : k + 3]
        settled = (window.max(axis=0) <= 4 * window.min(axis=0)) & sign_changes[k]
        result = np.where(settled, levels[k], result)
    return result


@lru_cache(maxsize=8)
def _difference_table(count: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Differences of all orders as rows of weights, where each order starts, and its scale."""
    rows: list[np.ndarray] = []
    starts: list[int] = []
    factors: list[float] = []
    row = np.eye(count)
    for k in range(1, count - 1):
        row = np.diff(row, axis=0)
        starts.append(sum(len(r) for r in rows))
        rows.append(row)
        factors.append(math.factorial(k) ** 2 / math.factorial(2 * k) / len(row))
    return np.concatenate(rows), np.array(starts), np.array(factors)
