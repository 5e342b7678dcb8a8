"""What a run of the whole catalogue costs and finds; printed, never asserted."""

import math
from collections import Counter

from gradcheck import Outcome, Plan, run


def test_catalogue_run(benchmark, capsys, tmp_path):
    plan = Plan.of(dtypes=["float64"])
    results = benchmark.pedantic(run, (plan,), {"isolated": True, "out": tmp_path}, rounds=1)
    engine = [cell for cell in results.cells if cell.backend == "engine" and cell.truth]
    exact = [cell.ulps / cell.condition for cell in engine if cell.outcome is Outcome.EXACT]
    kinds = {(cell.suite, cell.problem): cell.truth for cell in engine}
    with capsys.disabled():
        print(f"\n{len(results.cells)} cells")
        for backend in plan.backends:
            counts = Counter(cell.outcome.value for cell in results.cells if cell.backend == backend.name)
            print(f"  {backend.name}: {', '.join(f'{n} {name}' for name, n in counts.most_common())}")
        print(f"truth by balls: {sum(k == 'ball' for k in kinds.values())} of {len(kinds)} problems")
        print(f"fewest certified digits: {min(cell.truth_digits for cell in engine):.1f}")
        worst = max(ratio for ratio in exact if math.isfinite(ratio))
        print(f"engine, worst error in ulps times the condition number: {worst:.2f}")
