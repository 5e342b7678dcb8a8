"""What timing in rounds is worth: false winners among equals, and slowdowns found; printed, never asserted.

``GRADCHECK_BENCH_TRIALS`` sets the number of trials.
"""

import os

import pytest

from tables import show
from timing_trials import trials

TRIALS = int(os.environ.get("GRADCHECK_BENCH_TRIALS", "300"))


@pytest.mark.parametrize("options", [{}, {"budget": 0.05, "processes": 4}], ids=["default", "patient"])
def test_equals_and_a_slowdown(benchmark, capsys, options):
    same, sequential, slower, floor = benchmark.pedantic(trials, (TRIALS,), options, rounds=1)
    named = [f"--{name} {value}" for name, value in options.items()] or ["by default"]
    show(
        capsys,
        " ".join(["one function under two names, and one that does 10 % more:", *named]),
        ("trial", "trials", "median ratio", "sd of log ratio", "worst ratio", "interval", "called"),
        [
            ("A / B in rounds", *same.row, same.called(0.0), same.called(floor)),
            ("A / B one after the other", *sequential.row, sequential.called(0.0), sequential.called(floor)),
            (
                "slow / A in rounds",
                *slower.row,
                slower.called(0.0, worse=True),
                slower.called(floor, worse=True),
            ),
        ],
        [
            f"noise floor of these rounds: {100 * floor:.1f} %; beyond it a report speaks of a difference",
            "interval: the share whose 95 % interval leaves 1; called: and whose ratio is beyond the floor",
            "goals: at most 5 % of equals differ, with at most half of the sequential spread;",
            "at least 90 % of slowdowns are found",
        ],
    )
