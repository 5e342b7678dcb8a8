"""Changes of the entries' type: linear between floating-point types, constant where they become integers."""

from __future__ import annotations

from typing import Any

import numpy as np

from gradcheck.engine.core import Primitive, is_complex, linear, piecewise_constant, primal_of
from gradcheck.engine.rules.elementary import real

__all__ = ["astype"]


def dtype_of(x: Any) -> Any:
    """Type of the entries, that of a Python number included."""
    return np.result_type(primal_of(x))


def astype(x: Any, dtype: Any, *, copy: bool = True) -> Any:
    """Change the type of the entries; nothing flows through integers and booleans."""
    if np.dtype(dtype).kind not in "fc":
        return _truncated(x, dtype=dtype)
    return _cast(real(x) if is_complex(x) and np.dtype(dtype).kind == "f" else x, dtype=dtype)


_cast: Primitive = linear(
    "astype",
    lambda x, *, dtype: np.asarray(x, dtype)[()],
    lambda g, x, *, dtype: _cast(real(g) if is_complex(g) and not is_complex(x) else g, dtype=dtype_of(x)),
)

_truncated: Primitive = piecewise_constant("astype", lambda x, *, dtype: np.asarray(x).astype(dtype)[()])
