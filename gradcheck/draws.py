"""Seeded random inputs for points: what is drawn is written at the problem, when it is drawn is not.

Every draw is rounded to float32, so that float32 and float64 backends answer at the same point and
share one certified truth.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True, slots=True)
class Draw:
    """A random array waiting for its generator.

    Attributes
    ----------
    shape
        Shape of the array; ``()`` is a scalar.
    text
        How the draw is shown, for example ``normal(3x4)``.
    sample
        Generator to float64 array of that shape.
    """

    shape: tuple[int, ...]
    text: str
    sample: Callable[[np.random.Generator], np.ndarray]

    def __call__(self, generator: np.random.Generator) -> np.ndarray:
        """Draw one array whose entries are exact in float32."""
        import numpy as np

        return np.asarray(self.sample(generator), np.float32).astype(np.float64)

    def __repr__(self) -> str:
        return self.text


def _sizes(shape: tuple[int, ...]) -> str:
    return "x".join(map(str, shape)) or "scalar"


def normal(*shape: int, scale: float = 1.0, shift: float = 0.0) -> Draw:
    """Independent normal entries with mean ``shift`` and standard deviation ``scale``."""
    text = (
        f"normal({_sizes(shape)})"
        + (f" {scale:g}" if scale != 1 else "")
        + (f" + {shift:g}" if shift else "")
    )
    return Draw(shape, text, lambda generator: shift + scale * generator.standard_normal(shape))


def uniform(low: float, high: float, *shape: int) -> Draw:
    """Independent entries, uniform in ``[low, high)``."""
    return Draw(
        shape,
        f"uniform({low:g} to {high:g}, {_sizes(shape)})",
        lambda generator: generator.uniform(low, high, shape),
    )


def simplex(*shape: int) -> Draw:
    """Probability vectors along the last axis, away from the faces (Dirichlet with concentration 2)."""

    def sample(generator: np.random.Generator) -> np.ndarray:
        weights = generator.gamma(2.0, size=shape) + 0.05
        normalised: np.ndarray = weights / weights.sum(axis=-1, keepdims=True)
        return normalised

    return Draw(shape, f"simplex({_sizes(shape)})", sample)


def signed(*shape: int) -> Draw:
    """Random sign times a magnitude uniform in ``[0.5, 1.5]``: a probe that no entry can hide from."""

    def sample(generator: np.random.Generator) -> np.ndarray:
        return generator.choice([-1.0, 1.0], shape) * generator.uniform(0.5, 1.5, shape)

    return Draw(shape, f"signed({_sizes(shape)})", sample)
