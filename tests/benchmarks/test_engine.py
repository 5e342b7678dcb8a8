"""The engine beside hand-written NumPy and its peers; printed, never asserted.

``GRADCHECK_BENCH_ROUNDS``, ``GRADCHECK_BENCH_ONLY`` and ``GRADCHECK_BENCH_PEERS`` restrict it.
"""

from engine_work.peers import sides
from engine_work.race import race
from engine_work.report import tables
from engine_work.settings import ENGINE, MEASURED_PEAKS, ONLY, PEERS, ROUNDS
from engine_work.works import chosen
from tables import show


def test_engine(benchmark, capsys):
    modules = [ENGINE, *sides(PEERS).values()]
    results = benchmark.pedantic(race, (chosen(ONLY), modules, ROUNDS, MEASURED_PEAKS), rounds=1)
    for table in tables(results):
        show(capsys, *table)
