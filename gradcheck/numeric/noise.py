"""How noisy a function is: the size of the errors its own arithmetic leaves in its values."""

from __future__ import annotations

import math

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
    m = len(values) - 1
    levels, sign_changes = [], []
    differences = values
    for k in range(1, m):
        differences = np.diff(differences, axis=0)
        gamma = math.factorial(k) ** 2 / math.factorial(2 * k)
        levels.append(np.sqrt(gamma * np.mean(differences**2, axis=0)))
        sign_changes.append(differences.min(axis=0) * differences.max(axis=0) < 0)
    result: np.ndarray = levels[-1]
    for k in reversed(range(m - 3)):
        window = np.stack(levels[k : k + 3])
        settled = (window.max(axis=0) <= 4 * window.min(axis=0)) & sign_changes[k]
        result = np.where(settled, levels[k], result)
    return result
