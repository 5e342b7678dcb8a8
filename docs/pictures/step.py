"""Error of a difference quotient against its step, and what the ladder of steps makes of it."""

from pathlib import Path

import numpy as np
from matplotlib import pyplot as plt

from gradcheck.catalogue import find_suites
from gradcheck.namespaces import numpy_xp
from gradcheck.numeric.differences import derivative, sample_noise
from gradcheck.numeric.ladder import LONGEST, RATIO, ROWS
from gradcheck.truth import Certifier

HERE = Path(__file__).parent
PROBLEM = "sine_of_fourth_power"


def main() -> None:
    """Draw ``step.svg``."""
    (suite,) = find_suites(("chain_rule",))
    instance = suite.problems[PROBLEM].instances()[0]
    true = float(Certifier(instance, "float64").truth("gradient", instance.seeds).entries[0].low.mid())
    f, (x,) = instance.bind(numpy_xp, instance.arrays), instance.arrays.values()

    def phi(step: float) -> np.ndarray:
        return np.atleast_1d(f(x + step))

    steps = np.logspace(-15, -1, 400)
    forward = [float((phi(h) - phi(0.0))[0] / h) for h in steps]
    central = [float((phi(h) - phi(-h))[0] / (2 * h)) for h in steps]
    noise = sample_noise(phi)
    found = derivative(phi, noise=noise)
    error, bar = abs(float(found.value[0]) - true), float(found.error[0])
    ladder = LONGEST * float(RATIO) ** -np.arange(ROWS)

    plt.style.use(HERE / "pictures.mplstyle")
    figure, axes = plt.subplots()
    for quotients, label in ((forward, "one side"), (central, "both sides")):
        axes.loglog(steps, np.abs(np.array(quotients) - true) / abs(true), ".", ms=2, label=label)
    axes.loglog(steps, float(noise[0]) / steps / abs(true), "--", color="#777777", lw=1, label="noise / step")
    axes.axhspan(1e-17, bar / abs(true), color="C2", alpha=0.15, lw=0, label="the ladder's error bar")
    axes.axhline(max(error / abs(true), 1e-16), color="C2", label="the ladder's error")
    axes.plot(ladder, np.full(ROWS, 2e-17), "|", color="black", clip_on=False, label="steps of the ladder")
    axes.set(xlabel="step", ylabel="relative error", ylim=(1e-17, 1e5), title=instance.problem.formula)
    axes.legend(ncols=2, loc="upper center")
    figure.savefig(HERE / "step.svg", metadata={"Date": None})


if __name__ == "__main__":
    main()
