"""What the two sides of a point say, step by step: a kink, a jump, an infinite slope and none of them."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
from matplotlib import pyplot as plt

from gradcheck.numeric.ladder import climb

HERE = Path(__file__).parent
FUNCTIONS: dict[str, Callable[[float], float]] = {
    "smooth: exp t": np.exp,
    "kink: |t| + exp t": lambda t: abs(t) + np.exp(t),
    "jump: exp t, 1 higher from 0 on": lambda t: np.exp(t) + (t >= 0),
    "infinite slope: sqrt |t|": lambda t: np.sqrt(abs(t)),
}


def main() -> None:
    """Draw ``kinks.svg``."""
    plt.style.use(HERE / "pictures.mplstyle")
    figure, axes = plt.subplots()
    for marker, (label, f) in zip("osv^", FUNCTIONS.items(), strict=True):
        ladder = climb(
            lambda h, f=f: np.atleast_1d(np.float64(f(h))), np.atleast_1d(np.float64(f(0.0))), unit=2.0**-52
        )
        gap = (ladder.ahead - 2 * ladder.centre + ladder.behind)[:, 0] / ladder.steps
        seen = "special" if ladder.slopes.kink[0] or ladder.slopes.infinite[0] else "smooth"
        axes.loglog(ladder.steps, np.abs(gap), f"{marker}-", lw=1, label=f"{label} ({seen})")
    axes.set(xlabel="step h", ylabel="(f(h) - 2 f(0) + f(-h)) / h", ylim=(1e-9, 1e9))
    axes.legend(loc="upper right")
    figure.savefig(HERE / "kinks.svg", metadata={"Date": None})


if __name__ == "__main__":
    main()
