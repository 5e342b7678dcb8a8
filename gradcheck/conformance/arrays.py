"""A backend's arrays: the same numbers as NumPy's, its own memory, on its device."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from gradcheck.backends.base import Differentiator
from gradcheck.conformance.check import check
from gradcheck.conformance.examples import scalars, small
from gradcheck.conformance.outcome import Failed, reported
from gradcheck.conformance.trial import Posed, Trial, brief
from gradcheck.devices import CPU

SHAPES: tuple[tuple[int, ...], ...] = ((), (1,), (0,), (3,), (2, 3), (0, 3), (2, 3, 4))
_LINE = 64  # bytes
_OF_INPUTS = ("value", "gradient", "jacobian", "jvp")  # enough to read every input in every way
DELICATE = (0.0, -0.0, np.inf, -np.inf, np.nan, 1.5)


@check("arrays come back from the backend with their values, shapes and dtypes")
def arrays_round_trip(trial: Trial) -> str:
    """Signed zeros, infinities and NaN included; whole numbers stay whole."""
    for dtype in (*trial.dtypes, "int64"):
        for shape in SHAPES:
            _round_trip(trial.differentiator, small(shape).astype(dtype))
    for dtype in trial.dtypes:
        _round_trip(trial.differentiator, np.array(DELICATE).astype(dtype))
    return f"{', '.join((*trial.dtypes, 'int64'))} in {len(SHAPES)} shapes"


@check("array() copies: to change the source later changes nothing")
def arrays_are_copies(trial: Trial) -> str:
    """Also where memory begins on a cache line, which lets some frameworks share it."""
    for dtype in (*trial.dtypes, "int64"):
        before = small((2, 3)).astype(dtype)
        source = _aligned(before)
        with reported(f"array() of {dtype}"):
            made = trial.differentiator.array(source)
            source[...] = 7
            after = np.array(trial.differentiator.numpy(made))
        _same(after, before, f"array() of {dtype}, its source changed later")
    return ", ".join((*trial.dtypes, "int64"))


@check("arrays, and values computed from them, lie on the device asked for")
def arrays_are_on_their_device(trial: Trial) -> str:
    """Times of another device would be shown under this one's name."""
    kind = "cpu" if trial.device in CPU else trial.device
    posed = trial.pose(scalars, "value")
    with reported(f"{posed}"):
        found = {"an input": posed.xs[0], "a value": posed.plain()}
    for what, array in found.items():
        where = trial.differentiator.where(array)
        if where != kind:
            raise Failed(f"where() of {what}: expected {kind}, got {where}")
    return kind


@check("inputs in any memory layout: strided, reversed, by columns, read-only")
def any_memory_layout(trial: Trial) -> str:
    """The same numbers must give the same answer."""
    for name, layout in LAYOUTS.items():
        for shape in ((3,), (2, 3)):
            _round_trip(trial.differentiator, layout(small(shape).astype(trial.dtypes[0])), name)
        trial.every(Posed.verify_answers, operators=_OF_INPUTS, change=layout)
    return ", ".join(LAYOUTS)


def _aligned(array: np.ndarray) -> np.ndarray:
    """A copy that begins on a cache line."""
    room = np.empty(array.nbytes + _LINE, np.uint8)
    start = -room.ctypes.data % _LINE
    made = room[start : start + array.nbytes].view(array.dtype).reshape(array.shape)
    made[...] = array
    return made


def _strided(array: np.ndarray) -> np.ndarray:
    return np.stack([array, array + 1], axis=-1)[..., 0]


def _reversed(array: np.ndarray) -> np.ndarray:
    return np.flip(np.flip(array).copy())  # every stride is negative


def _read_only(array: np.ndarray) -> np.ndarray:
    kept = array.copy()
    kept.flags.writeable = False
    return kept


LAYOUTS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "strided": _strided,
    "reversed": _reversed,
    "by columns": np.asfortranarray,
    "read-only": _read_only,
}


def _round_trip(differentiator: Differentiator, source: np.ndarray, name: str = "") -> None:
    what = f"numpy(array(x)) of {name or 'shape'} {source.shape} in {source.dtype.name}"
    with reported(what):
        back = differentiator.numpy(differentiator.array(source))
    if not isinstance(back, np.ndarray):
        raise Failed(f"{what}: expected a NumPy array, got {type(back).__name__}")
    if (back.shape, back.dtype) != (source.shape, source.dtype):
        raise Failed(f"{what}: expected {source.shape} {source.dtype}, got {back.shape} {back.dtype}")
    _same(back, source, what)


def _same(seen: np.ndarray, expected: np.ndarray, what: str) -> None:
    """Equal entries, NaN where NaN is expected, zeros of the same sign."""
    signs = np.signbit(seen) == np.signbit(expected)
    if not (
        np.array_equal(seen, expected, equal_nan=expected.dtype.kind != "i")
        and np.all(signs | np.isnan(expected))
    ):
        raise Failed(f"{what}: expected {brief(expected)}, got {brief(seen)}")
