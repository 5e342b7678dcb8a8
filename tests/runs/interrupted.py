"""A run of forty slow cells, as a program that can be killed: ``python interrupted.py DIRECTORY [resume]``.

Every cell that is asked leaves a line in ``asked.txt``, every worker its number in ``workers.txt``.
"""

import os
import sys
import time
from pathlib import Path

from gradcheck import Plan, Suite, engine, problem, run
from gradcheck.backends.base import Backend, Differentiator

CELLS = 40
SLOW = 0.02  # seconds a cell takes


class Noted(Differentiator):
    """Writes down what it is asked."""

    xp = engine.xp

    def __init__(self, directory):
        self._directory = directory
        _append(directory / "workers.txt", str(os.getpid()))

    def vjp(self, f, xs, cotangent):
        _append(self._directory / "asked.txt", f.problem.name)
        time.sleep(SLOW)
        return [2 * xs[0] * cotangent]


def _append(path, line):
    with path.open("a", encoding="utf-8") as file:
        file.write(line + "\n")


def plan(directory):
    """Forty cells of one backend."""
    backend = Backend(name="noted", title="", load=lambda device: Noted(directory))
    problems = {
        name: problem(x=float(number), name=name)(lambda xp, x: x**2)
        for number in range(CELLS)
        for name in [f"square_{number}"]
    }
    suite = Suite(name="squares", title="", problems=problems, source="test")
    return Plan(suites=[suite], backends=[backend], operators=("gradient",), dtypes=("float64",), rounds=0)


def main():
    directory = Path(sys.argv[1])
    run(plan(directory), out=directory, isolated=True, jobs=1, resume="resume" in sys.argv)


if __name__ == "__main__":
    main()
