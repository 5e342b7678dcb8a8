"""The course's dot product by a Python loop, NumPy, torch, TensorFlow and JAX; printed, never asserted.

Times are medians of interleaved rounds, one process a framework; sums are set beside the exact one, with the
bound that explains each last digit. ``GRADCHECK_BENCH_LARGEST`` is the largest n (1e7; 1e8 needs 4 GiB).
"""

import os
from time import perf_counter

import numpy as np
from gradcheck_suites.scaling import dot_by_matmul, dot_by_sum

from gradcheck import Plan, Suite, available_backends, median_interval, run
from gradcheck.scaling import fit
from gradcheck.sums import explain
from tables import show

LARGEST = int(float(os.environ.get("GRADCHECK_BENCH_LARGEST", "1e7")))
FRAMEWORKS = {"engine": "NumPy", "torch": "torch", "tensorflow": "TensorFlow", "jax": "JAX"}
WAYS = {"dot_by_sum": "sum(u * v)", "dot_by_matmul": "u @ v"}


def by_loop(u, v):
    """The sum and the seconds of a plain loop over two arrays."""
    started = perf_counter()
    total = 0.0
    for i in range(len(u)):
        total += u[i] * v[i]
    return float(total), perf_counter() - started


def plan():
    installed = [one for name, one in available_backends().items() if name in FRAMEWORKS and one.installed]
    problems = {one.name: one for one in (dot_by_sum, dot_by_matmul)}
    return Plan(
        suites=[Suite(name="scaling", title="", problems=problems, source="scaling")],
        backends=installed,
        dtypes=("float64",),
        operators=("value",),
        timed=("value",),
        budget=0.1,
        largest=LARGEST,
    )


def test_dot_product(benchmark, capsys):
    results = benchmark.pedantic(run, (plan(),), {"isolated": True}, rounds=1)
    inputs = {
        instance.point.size: instance.arrays
        for problem in (dot_by_sum,)
        for instance in problem.instances()
        if 0 < instance.point.size <= LARGEST
    }
    sizes = sorted(inputs)
    seconds, sums = {}, {}
    for cell in results.cells:
        if cell.size:
            name = f"{FRAMEWORKS[cell.backend]} {WAYS[cell.problem]}"
            seconds.setdefault(name, {})[cell.size] = median_interval(cell.samples).value
            if cell.problem == "dot_by_sum":
                sums.setdefault(cell.size, {})[name] = float(cell.got)
    for n in sizes:
        sums.setdefault(n, {})["Python loop"], taken = by_loop(inputs[n]["u"], inputs[n]["v"])
        sums[n]["NumPy u @ v"] = float(inputs[n]["u"] @ inputs[n]["v"])
        seconds.setdefault("Python loop", {})[n] = taken
    rows = []
    for name, times in sorted(seconds.items(), key=lambda item: -item[1][sizes[-1]]):
        growth = fit(list(times), list(times.values()))
        ratio = seconds["Python loop"][sizes[-1]] / times[sizes[-1]]
        rows.append(
            (name, *(f"{1e3 * times[n]:.3g}" for n in sizes), f"{ratio:.0f}", f"{growth.slope.value:.2f}")
        )
    heads = [f"{n:.0e}".replace("e+0", "e") for n in sizes]
    show(capsys, "dot product, milliseconds", ("who", *heads, "loop / it", "slope"), rows)
    rows = []
    for n in sizes:
        for row in explain(inputs[n]["u"], inputs[n]["v"], sums[n]):
            limits = f"{row.bounds.pairwise:.0f}", f"{row.bounds.recursive:.3g}"
            rows.append(
                (f"{n:.0e}", row.name, repr(row.value), f"{row.ulps:+.1f}", *limits, row.by or "none")
            )
    columns = ("n", "who", "sum", "ulps off", "pairwise bound", "recursive", "explained by")
    show(capsys, "why the last digits differ", columns, rows)
    assert np.all([row[-1] != "none" for row in rows]), "an error that no order of additions explains"
