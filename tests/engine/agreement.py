"""Two answers compared: the same containers, types, dtypes, shapes, NaN and infinities, equal to rounding."""

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np

ROUNDINGS = 64  # so many units in the last place of the largest entry may two orders of operations differ


def difference(plan: Any, eager: Any, *, roundings: float = ROUNDINGS, numbers: bool = True) -> str:
    """What differs, in words; empty when nothing does.

    Numbers are compared in units of rounding of the largest entry of the leaf that they are in. An array
    without axes and a NumPy scalar count as one type, as they do in most of NumPy. Without ``numbers``
    everything else is compared.
    """
    if type(plan) is not type(eager) and not (_is_numpy(plan) and _is_numpy(eager)):
        return f"types {type(plan).__name__} and {type(eager).__name__}: {plan!r} and {eager!r}"
    parts = _parts(eager)
    if parts is not None:
        others = _parts(plan)
        if list(others) != list(parts):
            return f"parts {list(others)} and {list(parts)}"
        found = (
            (key, difference(others[key], part, roundings=roundings, numbers=numbers))
            for key, part in parts.items()
        )
        return next((f"at {key!r}: {text}" for key, text in found if text), "")
    if not isinstance(eager, (np.ndarray, np.generic, float, complex)):
        return "" if plan == eager else f"{plan!r} and {eager!r}"
    a, b = np.asarray(plan), np.asarray(eager)
    if (a.dtype, a.shape) != (b.dtype, b.shape):
        return f"{a.dtype}{a.shape} and {b.dtype}{b.shape}"
    return _of_numbers(a, b, roundings) if numbers else ""


def _is_numpy(x: Any) -> bool:
    return isinstance(x, (np.ndarray, np.generic))


def _parts(x: Any) -> dict[Any, Any] | None:
    if isinstance(x, Mapping):
        return dict(x)
    if isinstance(x, (tuple, list)):
        return dict(enumerate(x))
    if is_dataclass(x):
        return {field.name: getattr(x, field.name) for field in fields(x)}
    return None


def _of_numbers(plan: np.ndarray, eager: np.ndarray, roundings: float) -> str:
    if eager.dtype.kind not in "fc":
        return "" if np.array_equal(plan, eager) else f"{plan} and {eager}"
    finite = np.isfinite(eager)
    if (
        not np.array_equal(plan[~finite], eager[~finite], equal_nan=True)
        or not np.isfinite(plan[finite]).all()
    ):
        return f"not finite elsewhere: {plan} and {eager}"
    if not finite.any():
        return ""
    far = np.abs(plan[finite] - eager[finite]).max()
    unit = np.finfo(eager.dtype).eps * np.abs(eager[finite]).max()
    return (
        ""
        if far <= roundings * unit
        else f"{far / unit if unit else far:.3g} roundings apart: {plan} and {eager}"
    )
