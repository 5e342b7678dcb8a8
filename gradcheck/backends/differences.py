"""Extrapolated central differences: no derivative code at all, and an error bar on every entry."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np

from gradcheck.backends.base import Answer, Backend, Blocks, Differentiator
from gradcheck.numeric.differences import Estimate, derivative
from gradcheck.problems import Bound


class DifferencesDifferentiator(Differentiator):
    """Every operator from function values alone, along lines through the point."""

    def __init__(self) -> None:
        from gradcheck.namespaces import numpy_xp

        self.xp = numpy_xp

    def jvp(self, f: Bound, xs: Blocks, tangents: Blocks) -> Answer:
        shape = np.shape(f(*xs))
        estimate = _along(f, xs, _flat(tangents))
        return Answer(estimate.value.reshape(shape), estimate.error.reshape(shape))

    def gradient(self, f: Bound, xs: Blocks) -> Answer:
        return self._by_entry(xs, [_along(f, xs, basis) for basis in _basis(xs)], ())

    def jacobian(self, f: Bound, xs: Blocks) -> Answer:
        return self._by_entry(xs, [_along(f, xs, basis) for basis in _basis(xs)], np.shape(f(*xs)))

    def vjp(self, f: Bound, xs: Blocks, cotangent: Any) -> Answer:
        weights = np.ravel(cotangent).astype(np.float64)
        columns = [_along(f, xs, basis) for basis in _basis(xs)]
        weighted = [Estimate(weights @ c.value, np.abs(weights) @ c.error) for c in columns]
        return self._by_entry(xs, weighted, ())

    def hvp(self, f: Bound, xs: Blocks, tangents: Blocks) -> Answer:
        tangent = _flat(tangents)
        along = _along(f, xs, tangent, order=2)
        products = [_mixed(f, xs, basis, tangent, along) for basis in _basis(xs)]
        return self._by_entry(xs, products, ())

    def hessian(self, f: Bound, xs: Blocks) -> Answer:
        basis = _basis(xs)
        diagonal = [_along(f, xs, b, order=2) for b in basis]
        n = len(basis)
        value, error = np.empty((n, n)), np.empty((n, n))
        for i in range(n):
            for j in range(i, n):
                entry = diagonal[i] if i == j else _mixed(f, xs, basis[i], basis[j], diagonal[j], diagonal[i])
                value[i, j] = value[j, i] = entry.value.item()
                error[i, j] = error[j, i] = entry.error.item()
        return Answer(_tiles(value, xs), _tiles(error, xs))

    def _by_entry(self, xs: Blocks, columns: Sequence[Estimate], output: tuple[int, ...]) -> Answer:
        """Blocks of shape output + input from one estimate per input entry."""
        values, errors = np.stack([c.value for c in columns], -1), np.stack([c.error for c in columns], -1)
        return Answer(_blocks(values, xs, output), _blocks(errors, xs, output))


def _along(f: Bound, xs: Blocks, direction: np.ndarray, order: int = 1) -> Estimate:
    """Derivative along a flat direction of all inputs."""
    flat, dtype = _flat(xs), np.asarray(xs[0]).dtype
    moving = direction != 0
    scale = float(np.min(np.maximum(np.abs(flat[moving]), 1) / np.abs(direction[moving])))
    jitter = float(np.max(np.abs(flat[moving] / direction[moving]))) * float(np.finfo(dtype).eps) / 2
    shapes = [np.shape(x) for x in xs]

    def phi(step: float) -> np.ndarray:
        moved = (flat + step * direction).astype(dtype)
        return np.ravel(f(*(part.reshape(shape) for part, shape in zip(_cut(moved, shapes), shapes, strict=True))))

    return derivative(phi, scale=scale, order=order, jitter=jitter)


def _mixed(
    f: Bound, xs: Blocks, one: np.ndarray, other: np.ndarray, along: Estimate, own: Estimate | None = None
) -> Estimate:
    """``one H other`` by polarisation: the curvature along the sum less those along each, halved."""
    own = own or _along(f, xs, one, order=2)
    both = _along(f, xs, one + other, order=2) if np.any(one + other) else Estimate(0 * own.value, 0 * own.error)
    return Estimate((both.value - own.value - along.value) / 2, (both.error + own.error + along.error) / 2)


def _flat(xs: Blocks) -> np.ndarray:
    return np.concatenate([np.ravel(x) for x in xs]).astype(np.float64)


def _basis(xs: Blocks) -> list[np.ndarray]:
    return list(np.eye(sum(np.size(x) for x in xs)))


def _cut(flat: np.ndarray, shapes: Sequence[tuple[int, ...]]) -> list[np.ndarray]:
    return np.split(flat, np.cumsum([prod(shape) for shape in shapes])[:-1])


def _blocks(matrix: np.ndarray, xs: Blocks, output: tuple[int, ...]) -> list[np.ndarray]:
    shapes = [np.shape(x) for x in xs]
    sizes = np.cumsum([prod(shape) for shape in shapes])[:-1]
    parts = np.split(matrix, sizes, axis=-1)
    return [part.reshape(*output, *shape) for part, shape in zip(parts, shapes, strict=True)]


def _tiles(matrix: np.ndarray, xs: Blocks) -> list[list[np.ndarray]]:
    rows = np.split(matrix, np.cumsum([np.size(x) for x in xs])[:-1], axis=0)
    return [_blocks(row, xs, np.shape(x)) for row, x in zip(rows, xs, strict=True)]


differences = Backend(
    name="differences",
    title="extrapolated central differences with an error bar",
    load=lambda device: DifferencesDifferentiator(),
)
