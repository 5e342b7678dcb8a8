"""``python -m engine_work P7a P8``: the engine and its floor on some problems, without peers."""

import sys
from contextlib import nullcontext
from types import SimpleNamespace

from engine_work.race import race
from engine_work.report import tables
from engine_work.settings import ENGINE, MEASURED_PEAKS, ROUNDS
from engine_work.works import chosen
from tables import show

if __name__ == "__main__":
    for table in tables(race(chosen(sys.argv[1:]), [ENGINE], ROUNDS, MEASURED_PEAKS)):
        show(SimpleNamespace(disabled=nullcontext), *table)
