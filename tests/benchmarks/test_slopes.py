"""Slopes of problems whose costs are known to grow as n, n^2 and n^3; printed, never asserted.

``GRADCHECK_BENCH_ROUNDS`` sets the rounds, ``GRADCHECK_BENCH_LARGEST`` the largest size.
"""

import os

import numpy as np

from engine_work.settings import ROUNDS
from gradcheck.scaling import fit_rounds
from slope_trials import measured
from tables import show

LARGEST = int(float(os.environ.get("GRADCHECK_BENCH_LARGEST", "1e7")))
EXPONENTS = {
    "dot_by_sum": 1,
    "dot_by_matmul": 1,
    "dot_by_loop": 1,
    "elementwise_chain": 1,
    "percentages": 1,
    "perceptron": 1,
    "quadratic_form": 2,
    "squared_product": 3,
}
AIM = 0.1


def test_slopes(benchmark, capsys):
    samples = benchmark.pedantic(measured, (tuple(EXPONENTS), ROUNDS, LARGEST), rounds=1)
    rows, notes = [], []
    for name, exponent in EXPONENTS.items():
        for operator in ("value", "gradient"):
            sizes = [size for problem, asked, size in samples if (problem, asked) == (name, operator)]
            rounds = [samples[name, operator, size] for size in sizes]
            growth = fit_rounds(sizes, rounds)
            rows.append(
                (
                    name,
                    operator,
                    exponent,
                    f"{growth.slope.value:.3f}",
                    f"{growth.slope.low:.2f} to {growth.slope.high:.2f}",
                    "yes" if abs(growth.slope.value - exponent) <= AIM else "NO",
                    "yes" if growth.bent else "no",
                    f"{growth.line.value:.2f}",
                    f"{1e6 * growth.fixed:.3g}",
                )
            )
            each = (
                f"{1e9 * np.median(seconds) / size**exponent:.3g}"
                for size, seconds in zip(sizes, rounds, strict=True)
            )
            notes.append(
                f"{name}, {operator}: {', '.join(each)} ns / n^{exponent} at {', '.join(map(str, sizes))}"
            )
    columns = ("", "", "known", "slope", "95 %", f"within {AIM}", "bent", "line", "fixed, µs")
    show(capsys, "Slopes of known growth, the engine on one thread", columns, rows, notes)
