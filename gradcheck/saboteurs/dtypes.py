"""Answers of another dtype than their input's, and of too few digits."""

from __future__ import annotations

from typing import Any

from gradcheck.saboteurs.base import IN_PLACES, NOT_LINEAR, Saboteur, namespace, of_array


def _is_complex(array: Any) -> bool:
    return bool(namespace(array).isdtype(array.dtype, "complex floating"))


def _single(array: Any) -> Any:
    xp = namespace(array)
    return xp.astype(array, xp.complex64 if _is_complex(array) else xp.float32)


def _single_inside(array: Any) -> Any:
    return namespace(array).astype(_single(array), array.dtype)


def _integer(array: Any) -> Any:
    xp = namespace(array)
    return array if _is_complex(array) else xp.astype(xp.round(array), xp.int64)


def _complex(array: Any) -> Any:
    xp = namespace(array)
    return xp.astype(array, xp.complex64 if array.dtype == xp.float32 else xp.complex128)


single = Saboteur("single", "returned in single precision", ("wrong dtype",), of_array(_single))
single_inside = Saboteur(
    "single-inside",
    "computed in single precision",
    (NOT_LINEAR, *IN_PLACES),
    of_array(_single_inside),
)
integer = Saboteur(
    "integer",
    "rounded to integers",
    ("wrong dtype", "detached (zero)", NOT_LINEAR, *IN_PLACES),
    of_array(_integer),
)
complex_for_real = Saboteur(
    "complex-for-real", "returned as complex numbers", ("wrong dtype",), of_array(_complex)
)
