"""Extrapolated central differences: no derivative code at all, and an error bar on every entry.

Numbers of 16 bits leave few steps between one too long to say anything and one too short to be taken: only
steps that rounding leaves three quarters of count there, and none is longer than an eighth, since the shorter
ones that would show what a long one overlooks may be missing.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from math import prod
from typing import Any

import numpy as np

from gradcheck.backends.base import Answer, Backend, Blocks, Differentiator
from gradcheck.dtypes import FORMATS
from gradcheck.numeric.differences import derivative, sample_noise
from gradcheck.numeric.ladder import Estimate
from gradcheck.problems import Bound

_FINE = 2.0**-20  # unit roundoff below which every step of the ladder is resolved
_DISTORTION = 0.25  # how much of a step rounding may take away


class DifferencesDifferentiator(Differentiator):
    """Every operator from function values alone, along lines through the point."""

    def __init__(self) -> None:
        from gradcheck.namespaces import numpy_xp

        self.xp = numpy_xp

    def jvp(self, f: Bound, xs: Blocks, tangents: Blocks) -> Answer:
        samples = _Samples(f, xs)
        estimate = samples.along(_flat(tangents))
        return Answer(estimate.value.reshape(samples.output), estimate.error.reshape(samples.output))

    def gradient(self, f: Bound, xs: Blocks) -> Answer:
        return self.jacobian(f, xs)

    def jacobian(self, f: Bound, xs: Blocks) -> Answer:
        samples = _Samples(f, xs)
        return _by_entry([samples.along(basis) for basis in _basis(xs)], xs, samples.output)

    def vjp(self, f: Bound, xs: Blocks, cotangent: Any) -> Answer:
        weights = np.ravel(cotangent).astype(np.float64)
        samples = _Samples(f, xs)
        columns = [samples.along(basis) for basis in _basis(xs)]
        return _by_entry([Estimate(weights @ c.value, np.abs(weights) @ c.error) for c in columns], xs, ())

    def hvp(self, f: Bound, xs: Blocks, tangents: Blocks) -> Answer:
        samples, tangent = _Samples(f, xs), _flat(tangents)
        along = samples.along(tangent, order=2)
        products = [samples.mixed(b, tangent, samples.along(b, order=2), along) for b in _basis(xs)]
        return _by_entry(products, xs, ())

    def hessian(self, f: Bound, xs: Blocks) -> Answer:
        samples, basis = _Samples(f, xs), _basis(xs)
        diagonal = [samples.along(b, order=2) for b in basis]
        n = len(basis)
        value, error = np.empty((n, n)), np.empty((n, n))
        for i in range(n):
            for j in range(i + 1):
                entry = diagonal[i] if i == j else samples.mixed(basis[i], basis[j], diagonal[i], diagonal[j])
                value[i, j] = value[j, i] = entry.value.item()
                error[i, j] = error[j, i] = entry.error.item()
        return Answer(_tiles(value, xs), _tiles(error, xs))


class _Samples:
    """A function of flat inputs, sampled along lines through one point; its noise is measured once."""

    def __init__(self, f: Bound, xs: Blocks) -> None:
        self._f = f
        self._shapes = [np.shape(x) for x in xs]
        self._cuts = np.cumsum([0, *(np.size(x) for x in xs)])
        self._point, self._dtype = _flat(xs), np.asarray(xs[0]).dtype
        self._unit = FORMATS[self._dtype.name].unit
        self._fine = self._unit < _FINE
        self.output = np.shape(f(*xs))
        reach = float(np.max(np.abs(self._point), initial=1.0))
        # In few bits values may stand still along the diagonal, where noise would then not be seen.
        along = np.ones_like(self._point) if self._fine else np.cos(np.arange(self._point.size))
        entries = prod(self.output)
        self._noise = sample_noise(self._line(along), scale=reach) if entries else np.zeros(0)

    def along(self, direction: np.ndarray, order: int = 1) -> Estimate:
        """Derivative along a flat direction of all inputs."""
        moving = direction != 0
        if not np.any(moving) or not prod(self.output):
            return Estimate(np.zeros(prod(self.output)), np.zeros(prod(self.output)))
        at, by = np.abs(self._point[moving]), np.abs(direction[moving])
        return derivative(
            self._line(direction),
            scale=self._scale(at, by),
            finest=float(np.min(at[at > 0] / by[at > 0], initial=1.0)),
            order=order,
            jitter=float(np.max(at / by)) * self._unit,
            noise=self._noise,
        )

    def _scale(self, at: np.ndarray, by: np.ndarray) -> float:
        if self._fine:
            return float(np.min(np.maximum(at, 1) / by))
        # a power of two: a step along one entry is then exact unless it is too short
        return 2.0 ** -math.ceil(math.log2(float(np.max(by))))

    def mixed(self, one: np.ndarray, other: np.ndarray, own: Estimate, others: Estimate) -> Estimate:
        """``one H other`` by polarisation: the curvature along the sum less those along each, halved."""
        both = self.along(one + other, order=2)
        return Estimate(
            (both.value - own.value - others.value) / 2, (both.error + own.error + others.error) / 2
        )

    def _line(self, direction: np.ndarray) -> Callable[[float], np.ndarray]:
        def phi(step: float) -> np.ndarray:
            aim = self._point + step * direction
            moved = aim.astype(self._dtype)
            if not self._fine and np.any(np.abs(moved - aim) > _DISTORTION * np.abs(step * direction)):
                return np.full(prod(self.output), np.nan)
            parts = zip(self._cuts, self._cuts[1:], self._shapes, strict=False)
            return np.ravel(self._f(*(moved[start:stop].reshape(shape) for start, stop, shape in parts)))

        return phi


def _by_entry(columns: Sequence[Estimate], xs: Blocks, output: tuple[int, ...]) -> Answer:
    """Blocks of shape output + input from one estimate per input entry."""
    values, errors = np.stack([c.value for c in columns], -1), np.stack([c.error for c in columns], -1)
    return Answer(_blocks(values, xs, output), _blocks(errors, xs, output))


def _flat(xs: Blocks) -> np.ndarray:
    return np.concatenate([np.ravel(x) for x in xs]).astype(np.float64)


def _basis(xs: Blocks) -> list[np.ndarray]:
    return list(np.eye(sum(np.size(x) for x in xs)))


def _blocks(matrix: np.ndarray, xs: Blocks, output: tuple[int, ...]) -> list[np.ndarray]:
    shapes = [np.shape(x) for x in xs]
    sizes = np.cumsum([prod(shape) for shape in shapes])[:-1]
    parts = np.split(matrix, sizes, axis=-1)
    return [np.reshape(part, (*output, *shape)) for part, shape in zip(parts, shapes, strict=True)]


def _tiles(matrix: np.ndarray, xs: Blocks) -> list[list[np.ndarray]]:
    rows = np.split(matrix, np.cumsum([np.size(x) for x in xs])[:-1], axis=0)
    return [_blocks(row, xs, np.shape(x)) for row, x in zip(rows, xs, strict=True)]


differences = Backend(
    name="differences",
    title="extrapolated central differences with an error bar",
    load=lambda device: DifferencesDifferentiator(),
    dtypes=("float64", "float32", "float16"),  # NumPy takes products of bfloat16 to float32
)
