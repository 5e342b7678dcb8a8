"""The error bars that differences state, beside their true errors, all over the catalogue."""

from pathlib import Path

import numpy as np
from matplotlib import pyplot as plt

from gradcheck import available_backends
from gradcheck.catalogue import find_suites
from gradcheck.errors import GradcheckError
from gradcheck.truth import Certifier

HERE = Path(__file__).parent
_MOST = 40  # entries of one gradient


def main() -> None:
    """Draw ``bars.svg``."""
    differences = available_backends()["differences"].load("cpu")
    bars, errors = [], []
    np.seterr(all="ignore")  # at delicate points functions divide by 0 on branches they do not take
    for suite in find_suites():
        for problem in suite.problems.values():
            if problem.refuses:
                continue
            for instance in problem.instances():
                if instance.layout.output or instance.layout.n > _MOST:
                    continue
                try:
                    truth = Certifier(instance, "float64").truth("gradient", instance.seeds)
                except GradcheckError:
                    continue
                if truth.kind == "measured":
                    continue
                xs = [instance.arrays[name] for name in problem.wrt]
                answer = differences.gradient(instance.bind(differences.xp, instance.arrays), xs)
                for value, bar, entry in zip(
                    np.concatenate([np.ravel(block) for block in answer.blocks]),
                    np.concatenate([np.ravel(block) for block in answer.errors]),
                    truth.entries,
                    strict=True,
                ):
                    if entry.smooth and np.isfinite(bar) and (size := abs(float(entry.low.mid()))):
                        bars.append(bar / size)
                        errors.append(abs(float((entry.low - value).mid())) / size)

    plt.style.use(HERE / "pictures.mplstyle")
    figure, axes = plt.subplots()
    line = np.logspace(-17, 1, 2)
    axes.loglog(line, line, color="#777777", lw=1)
    axes.loglog(np.maximum(bars, 1e-17), np.maximum(errors, 1e-17), ".", ms=3, alpha=0.6)
    covered = np.mean(np.array(errors) <= np.array(bars))
    axes.set(
        xlabel="relative error bar, as stated",
        ylabel="relative error, by the truth",
        title=f"{len(bars)} entries of gradients of the catalogue, {100 * covered:.1f} % within their bar",
    )
    figure.savefig(HERE / "bars.svg", metadata={"Date": None})


if __name__ == "__main__":
    main()
