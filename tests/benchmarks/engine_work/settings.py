"""How a run is restricted, by environment variables.

``GRADCHECK_BENCH_ROUNDS`` samples of each competitor (15), ``GRADCHECK_BENCH_ONLY`` problems ("P7a,P8"),
``GRADCHECK_BENCH_PEERS`` packages ("jax,torch").
"""

import os

ENGINE = "engine_work.ours"
MEASURED_PEAKS = ("P7b f32", "P7b f64", "P13a", "P13b")
ROUNDS = int(os.environ.get("GRADCHECK_BENCH_ROUNDS", "15"))


def listed(variable):
    """The words of a variable, split at commas; none when it is not set."""
    return [word.strip() for word in os.environ.get(variable, "").split(",") if word.strip()]


ONLY = listed("GRADCHECK_BENCH_ONLY")
PEERS = listed("GRADCHECK_BENCH_PEERS")
