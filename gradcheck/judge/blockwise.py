"""Large arrays in small pieces, so that no temporary is as large as the inputs."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

PIECE = 1 << 15
_RAMP = np.arange(1, 4 * PIECE, 2, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)


def pieces(*arrays: np.ndarray) -> Iterator[tuple[np.ndarray, ...]]:
    """Flat pieces of arrays of one size, in step."""
    flattened = [a.reshape(-1) for a in arrays]
    for start in range(0, flattened[0].size, PIECE):
        yield tuple(a[start : start + PIECE] for a in flattened)


def largest(a: np.ndarray) -> float:
    """Greatest magnitude of a finite entry; 0 where there is none."""
    most = 0.0
    for (part,) in pieces(a):
        top = float(np.abs(part).max())
        if not np.isfinite(top):
            top = float(np.max(np.abs(part), initial=0.0, where=np.isfinite(part)))
        most = max(most, top)
    return most


def dot(a: np.ndarray, b: np.ndarray) -> float:
    """Real inner product over all coordinates."""
    return sum(float(np.vdot(one, other).real) for one, other in pieces(a, b))


def norm_of_product(a: np.ndarray, b: np.ndarray) -> float:
    """Root of the sum of squares of ``a * b``, squared."""
    return sum(float(np.vdot(term := one * other, term).real) for one, other in pieces(a, b))


def same(a: np.ndarray, b: np.ndarray) -> bool:
    """Whether two arrays have the same entries; NaN is the same as NaN."""
    return a.shape == b.shape and all(
        np.array_equal(one, other, equal_nan=one.dtype.kind in "fc") for one, other in pieces(a, b)
    )


def differ(a: np.ndarray, b: np.ndarray, allowed: float) -> bool:
    """Whether some entry differs by more than ``allowed``, or is finite in one array only."""
    for one, other in pieces(a, b):
        if np.array_equal(one, other):
            continue
        with np.errstate(invalid="ignore"):
            off = np.abs(one - other) > allowed
        if np.any(off | (np.isfinite(one) != np.isfinite(other))):
            return True
    return False


def fingerprint(a: np.ndarray) -> int:
    """A number that tells an array from others of its shape: its bits, each word weighed by its place."""
    total = 0
    for at, (part,) in enumerate(pieces(a)):
        words = np.ascontiguousarray(part).view(np.uint8)
        words = words[: words.size // 8 * 8].view(np.uint64) if words.size >= 8 else words.astype(np.uint64)
        total = (total * 31 + at + int(np.dot(words, _RAMP[: words.size]))) % (1 << 64)
    return total
