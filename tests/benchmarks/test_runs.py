"""What bad jobs and a killed coordinator cost a run; printed, never asserted.

``GRADCHECK_BENCH_KILLS`` sets how many times the coordinator is killed.
"""

import os
import random
import sys
from collections import Counter
from pathlib import Path
from time import perf_counter

import pytest

from tables import show

sys.path.insert(0, str(Path(__file__).parents[1] / "runs"))

from bad_jobs import BAD, GOOD, LIMIT, MEMORY, plan
from gradcheck import Outcome, run
from gradcheck.session import Item, Question
from gradcheck.workers import Seat, Workers
from interrupted import CELLS
from killing import finish, killed, verdicts

KILLS = int(os.environ.get("GRADCHECK_BENCH_KILLS", "50"))
ASKED = 300  # cells that the cost of one is taken from


def test_bad_jobs(benchmark, capsys):
    results = benchmark.pedantic(
        run, (plan(),), {"isolated": True, "limit": LIMIT, "memory": MEMORY}, rounds=1
    )
    cells = {cell.problem: cell for cell in results.cells}
    good = sum(cells[name].outcome is Outcome.EXACT for name in GOOD)
    rows = [(name, cells[name].outcome.value, cells[name].reason) for name in BAD]
    show(capsys, f"{good} of {len(GOOD)} good jobs have their result", ("bad job", "outcome", "reason"), rows)


def test_a_cell_on_a_warm_worker(benchmark, capsys):
    made = plan(GOOD[:1])
    (backend,) = made.backends
    (_, instance) = next(made.instances())
    with Workers({backend.name: backend}, LIMIT, MEMORY) as staff:
        item = Item("key", staff.parcel(instance), Question("gradient", "float64"))

        def ask():
            return staff.submit(Seat(backend.name, "cpu"), "ask", item).result()

        ask()

        def many():
            started = perf_counter()
            inside = sum(ask().first_call for _ in range(ASKED))
            return (perf_counter() - started - inside) / ASKED

        overhead = benchmark.pedantic(many, rounds=1)
    with capsys.disabled():
        print(f"\na cell on a warm worker: {1e3 * overhead:.2f} ms beside its own call; the goal is 20 ms")


@pytest.mark.skipif(KILLS == 0, reason="no kill asked for")
def test_killed_coordinators(benchmark, capsys, tmp_path):
    finish(tmp_path)
    whole = verdicts(tmp_path)
    moments = random.Random(1)

    def kills():
        return [killed(tmp_path / str(number), moments.uniform(0, CELLS)) for number in range(KILLS)]

    found = benchmark.pedantic(kills, rounds=1)
    show(
        capsys,
        f"the coordinator killed at {KILLS} random moments of a run of {CELLS} cells, and gone on with",
        ("what", "seen"),
        [
            (
                "cells recorded when killed",
                f"{min(f.recorded for f in found)} to {max(f.recorded for f in found)}",
            ),
            ("cells asked twice: how often", dict(sorted(Counter(f.repeated for f in found).items()))),
            ("equal to an uninterrupted run", f"{sum(f.verdicts == whole for f in found)} of {KILLS}"),
            ("workers that lived on", sum(len(f.alive) for f in found)),
        ],
    )
