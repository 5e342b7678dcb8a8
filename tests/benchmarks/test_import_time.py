"""What an import and a first word of help cost, each in a fresh interpreter."""

import subprocess
import sys
from statistics import median
from time import perf_counter

import pytest

GOAL = 0.020  # seconds that ``import gradcheck`` may add to a bare interpreter; printed, not required

COMMANDS = {
    "bare_python": ["-c", "pass"],
    "import_gradcheck": ["-c", "import gradcheck"],
    "help": ["-m", "gradcheck", "--help"],
}


def _start(name):
    subprocess.run([sys.executable, *COMMANDS[name]], check=True, stdout=subprocess.DEVNULL)


@pytest.mark.parametrize("name", COMMANDS)
@pytest.mark.benchmark(group="a fresh interpreter")
def test_start(benchmark, name):
    benchmark.pedantic(_start, args=(name,), rounds=15, warmup_rounds=2)


@pytest.mark.benchmark(group="import gradcheck over bare python")
def test_import_over_bare_python(benchmark, capsys):
    """Both are started in turn, so that a slow moment of the machine meets both."""
    differences = []

    def pair():
        seconds = []
        for name in ("bare_python", "import_gradcheck"):
            before = perf_counter()
            _start(name)
            seconds.append(perf_counter() - before)
        differences.append(seconds[1] - seconds[0])

    benchmark.pedantic(pair, rounds=15, warmup_rounds=2)
    over = median(differences)
    benchmark.extra_info["seconds_over_bare_python"] = over
    with capsys.disabled():
        print(f"\nimport gradcheck: {1e3 * over:.1f} ms over bare python; the goal is {1e3 * GOAL:.0f} ms")
