"""What a verdict would have seen, for a function of growing noise, and the least error that it does see."""

from pathlib import Path

import numpy as np
from matplotlib import pyplot as plt

from gradcheck import verify

HERE = Path(__file__).parent
POINT = np.array([0.3, 1.0, 1.7])


def noisy(level: float):  # noqa: ANN201 - a function of arrays
    """A smooth function whose values are off by a level, the same at every call."""

    def f(x: np.ndarray) -> np.ndarray:
        seed = np.frombuffer(np.ascontiguousarray(x).tobytes(), np.uint32)
        return np.sin(x) * (1 + level * np.random.default_rng(seed).standard_normal(x.shape))

    return f


def judged(level: float, error: float, seed: int):  # noqa: ANN201 - a verdict
    """The verdict on a derivative that is off by a relative error."""
    return verify(noisy(level), POINT, vjp=lambda x, c: c * np.cos(x) * (1 + error), seed=seed)


def least_seen(level: float, seed: int) -> float:
    """The least relative error that fails, by halving."""
    low, high = -16.0, 1.0
    while high - low > 0.05:
        middle = (low + high) / 2
        low, high = (low, middle) if judged(level, 10**middle, seed).failed else (middle, high)
    return 10**high


def main() -> None:
    """Draw ``floor.svg``."""
    levels = np.logspace(-15, -4, 23)
    floors = [judged(level, 0.0, 1).detection_floor for level in levels]
    seen = [least_seen(level, 1) for level in levels]
    plt.style.use(HERE / "pictures.mplstyle")
    figure, axes = plt.subplots()
    axes.loglog(levels, floors, "o-", lw=1, label="the verdict says it would have seen")
    axes.loglog(levels, seen, "s", label="the least error that fails")
    axes.set(xlabel="relative noise of the function", ylabel="relative error of the derivative")
    axes.legend()
    figure.savefig(HERE / "floor.svg", metadata={"Date": None})


if __name__ == "__main__":
    main()
