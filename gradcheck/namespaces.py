"""Array namespaces beside the standard's: NumPy with the functions problems may use in addition.

A problem may call any function of the array-API standard and ``xlogy(x, y) = x log y`` with 0 log 0 = 0,
which no combination of standard functions differentiates right at 0.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import array_api_compat.numpy
from scipy.special import xlogy

from gradcheck.half import in_single

_LAPACK = [
    *("cholesky", "det", "eigh", "eigvalsh", "inv", "matrix_norm", "matrix_rank", "pinv", "qr", "slogdet"),
    *("solve", "svd", "svdvals"),
]


class Extended:
    """A namespace with some functions added or replaced."""

    def __init__(self, base: Any, extra: Mapping[str, Any]) -> None:
        self._base = base
        self.__dict__.update(extra)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._base, name)


_linalg = array_api_compat.numpy.linalg
numpy_linalg = Extended(_linalg, {name: in_single(getattr(_linalg, name)) for name in _LAPACK})
numpy_xp = Extended(array_api_compat.numpy, {"linalg": numpy_linalg, "xlogy": in_single(xlogy)})
