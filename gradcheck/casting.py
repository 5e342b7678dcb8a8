"""Arguments in another precision: every floating leaf of a nest of containers is cast, the rest is kept."""

from __future__ import annotations

from typing import Any

import numpy as np

from gradcheck.errors import BadArgument, UnknownName
from gradcheck.judge.trees import leaves, rebuild

_COMPLEX = {
    "bfloat16": "complex64",
    "float16": "complex64",
    "float32": "complex64",
    "float64": "complex128",
}


def cast(args: Any, dtype: str) -> Any:
    """Nested arguments with their floating and complex leaves in a dtype.

    Parameters
    ----------
    args
        Numbers and arrays of NumPy, torch or jax in dicts, lists, tuples and dataclasses.
    dtype
        ``"bfloat16"``, ``"float16"``, ``"float32"`` or ``"float64"``; complex leaves get the complex dtype of
        that precision, or of float32's.

    Raises
    ------
    UnknownName
        When the dtype is none of these.
    BadArgument
        When the framework of a leaf has no such dtype.
    """
    if dtype not in _COMPLEX:
        raise UnknownName("dtype", str(dtype), _COMPLEX)
    return rebuild(args, [_cast_leaf(leaf, dtype) for _, leaf in leaves(args)])


def _cast_leaf(leaf: Any, dtype: str) -> Any:
    if type(leaf).__module__.partition(".")[0] == "torch" and hasattr(leaf, "is_complex"):
        import torch

        if leaf.is_complex():
            return leaf.to(getattr(torch, _COMPLEX[dtype]))
        return leaf.to(getattr(torch, dtype)) if leaf.is_floating_point() else leaf
    held = np.dtype(getattr(leaf, "dtype", type(leaf) if isinstance(leaf, (float, complex)) else object))
    kind = "f" if held.name == "bfloat16" else held.kind  # to NumPy a dtype of another package is opaque
    wanted = {"f": dtype, "c": _COMPLEX[dtype]}.get(kind)
    if wanted is None:
        return leaf
    try:
        return leaf.astype(wanted) if hasattr(leaf, "astype") else np.dtype(wanted).type(leaf)
    except TypeError as error:
        raise BadArgument("dtype", "one that NumPy has, for NumPy's arrays", dtype) from error
