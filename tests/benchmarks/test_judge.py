"""What the judge achieves, beside its peers and the goals; printed, never asserted.

``GRADCHECK_BENCH_RUNS`` is the number of seeded runs of the largest row (10 000); others are shares of it.
"""

import os
import resource
import tracemalloc
from collections import Counter
from copy import deepcopy
from dataclasses import replace
from functools import partial
from statistics import median
from time import perf_counter

import numpy as np
import pytest

from cases import (
    Case,
    contract,
    draw,
    floating,
    kinks,
    leaves,
    lowprecision,
    mapped,
    modes,
    off,
    right,
    scaled,
)
from gradcheck import available_backends, collect, engine, saboteurs, verify
from gradcheck.catalogue import find_suites
from gradcheck.namespaces import numpy_xp
from gradcheck.numeric.ladder import SHORTEST, climb
from gradcheck.problems import Bound
from peers import ABSENT, peers, torch_says
from tables import Tally, percent, share, show

RUNS = int(os.environ.get("GRADCHECK_BENCH_RUNS", "10000"))
TORCH = available_backends()["torch"].installed
PEERS = peers()
MISSING = [f"{name} is not installed: no column" for name in ABSENT]


def runs(part, least=1):
    """A share of the runs."""
    return max(least, round(RUNS * part))


def once(benchmark, measure):
    return benchmark.pedantic(measure, rounds=1)


def judged(tally, case, seed):
    """Count the verdict on a case; a judge that raises is counted too."""
    try:
        verdict = case.judged(seed=seed)
    except Exception as error:
        tally.error(case.name, error)
        return None
    tally.add(case.name, verdict)
    return verdict


def peer_counts(cases, said=False):
    """By peer: how often it said so, of how many it could be asked, and how long it took."""
    counts = {}
    for name, peer in PEERS.items():
        before = perf_counter()
        answers = [peer(case) for case in cases()]
        asked = [answer for answer in answers if answer is not None]
        counts[name] = (asked.count(said), len(asked), perf_counter() - before)
    return counts


def spread(collection):
    """The collection in an order that mixes its kinds, so that a part of it is a fair part."""
    return [collection[at] for at in np.random.default_rng(0).permutation(len(collection))]


def scaled_cases(count, collection):
    """Seeded right cases, each at scales of its own between 1e-12 and 1e12."""
    mixed = spread(collection)
    for seed in range(count):
        case = mixed[seed % len(mixed)]
        x_scale, f_scale = 10.0 ** np.random.default_rng(seed).integers(-12, 13, 2)
        yield seed, scaled(draw(case, seed), float(x_scale), float(f_scale))


def test_false_alarms_at_all_scales(benchmark, capsys):
    count = runs(1)
    sloped = [case for case in right.SMOOTH if case.name not in right.ZERO]

    def spoilt(times):
        return ((seed, off(case, 1e-3)) for seed, case in scaled_cases(times, sloped))

    def measure():
        tally, missed = Tally(), Tally("fail")
        for seed, case in scaled_cases(count, right.CASES):
            judged(tally, case, seed)
        for seed, case in spoilt(runs(0.1)):
            judged(missed, case, seed)
        return tally, missed

    tally, missed = once(benchmark, measure)
    few = runs(0.02, least=len(right.CASES) // 4)
    alarms = tally.statuses["fail"] + tally.statuses["error"]
    caught = share(missed.right, missed.count)
    rows = [("gradcheck", tally.count, alarms, tally.statuses["inconclusive"], caught)]
    said = peer_counts(lambda: [case for _, case in scaled_cases(few, right.CASES)])
    noticed = peer_counts(lambda: [case for _, case in spoilt(few // 2)])
    for name, (no, asked, _seconds) in said.items():
        rows.append((name, asked, no, None, share(*noticed[name][:2])))
    lines = sorted(tally.lines, key=lambda line: ": FAIL" not in line)
    columns = (
        "x and f scaled by 1e-12 to 1e12",
        "runs",
        "false alarms",
        "inconclusive",
        "rule 1e-3 off: seen",
    )
    show(
        capsys,
        "Right rules; goal: no false alarm in 10 000",
        columns,
        rows,
        [*lines, *missed.lines, *MISSING],
    )


def test_inconclusive_on_smooth_functions(benchmark, capsys):
    count = runs(0.2, least=len(right.SMOOTH))

    def measure():
        tally = Tally()
        for seed in range(count):
            judged(tally, draw(right.SMOOTH[seed % len(right.SMOOTH)], seed), seed)
        return tally

    tally = once(benchmark, measure)
    row = (tally.count, tally.statuses["inconclusive"], percent(tally.statuses["inconclusive"], tally.count))
    columns = ("right rules of smooth functions", "inconclusive", "share")
    show(capsys, "Inconclusive", columns, [row], [*tally.reasons, *tally.lines])


def on_grid(x, u):
    """A direction that every step of the ladder adds without rounding."""
    grain = np.spacing(np.maximum(abs(x), abs(u))) / SHORTEST
    return np.rint(u / grain) * grain


def slope_by_complex_step(f, x, u):
    wide = np.clongdouble if _extended(f, x) else np.complex128
    return f(x.astype(wide) + wide(1e-200j) * u).imag / 1e-200


def _extended(f, x):
    try:
        return f(x.astype(np.clongdouble)).dtype == np.clongdouble
    except TypeError:
        return False


def test_error_bars_cover_the_truth(benchmark, capsys):
    analytic = [case for case in right.CASES if case.analytic]
    count = runs(0.2, least=len(analytic))

    def slopes(seed):
        case = analytic[seed % len(analytic)]
        generator = np.random.default_rng(seed)
        args = scaled(draw(case, seed), 10.0 ** generator.integers(-8, 9), 1.0)
        at = [np.asarray(leaf) for leaf in leaves(args.args) if floating(leaf)]
        x = np.concatenate([np.zeros(0), *map(np.ravel, at)])
        if not x.size:
            return case.name, 0, 0, []
        u = generator.choice([-1, 1], x.size) * generator.uniform(0.5, 1.5, x.size)
        u = on_grid(x, u * np.concatenate([np.full(leaf.size, typical(leaf)) for leaf in at]))

        def f(point):
            rest = [point]

            def filled(leaf):
                if not floating(leaf):
                    return leaf
                taken, rest[0] = rest[0][: np.size(leaf)], rest[0][np.size(leaf) :]
                return taken.reshape(np.shape(leaf))

            return np.concatenate([np.ravel(y) for y in leaves(args.f(*mapped(filled, args.args)))])

        found = climb(lambda h: f(x + h * u), f(x), unit=2.0**-52).central
        true = slope_by_complex_step(f, x, u)
        covered = abs(found.value - true) <= found.error
        wide = [float(e / abs(t)) for e, t in zip(found.error, true, strict=True) if t]
        return case.name, int(np.sum(covered)), covered.size, wide

    def measure():
        with np.errstate(all="ignore"):
            return [slopes(seed) for seed in range(count)]

    found = once(benchmark, measure)
    covered, total = sum(c for _, c, _, _ in found), sum(n for _, _, n, _ in found)
    missed = Counter({name: 0 for name, *_ in found})
    for name, c, n, _ in found:
        missed[name] += n - c
    width = median(w for *_, wide in found for w in wide)
    row = (total, percent(covered, total), f"{width:.0e}", ">= 99 %")
    columns = ("slopes of analytic functions", "bar covers the truth", "median bar, relative", "goal")
    show(
        capsys, "Error bars", columns, [row], [f"{n} missed: {name}" for name, n in missed.most_common() if n]
    )


def typical(leaf):
    entries = abs(leaf[leaf != 0])
    return np.median(entries) if entries.size else 1.0


def one_wrong(n, seed, scalar, error=1e-3, wrong=1):
    """Squares, or their sum, with so many entries of the derivative off; and which."""
    generator = np.random.default_rng([seed, n])
    x = generator.choice([-1, 1], n) * generator.uniform(0.5, 1.5, n)
    chosen = generator.choice(n, wrong, replace=False)
    factor = np.ones(n)
    factor[chosen] += error

    def f(x):
        return np.sum(x * x) if scalar else x * x

    name = f"{wrong} wrong of {n}, seed {seed}"
    return Case(name, f, (x,), vjp=lambda x, c: 2 * c * x * factor, expect=frozenset({"fail"})), set(
        chosen.tolist()
    )


SLOWEST = {
    "torch slow": 1000,
    "scipy": 10_000,
    "torch fast": 100_000,
    "jax": 1_000_000,
    "autograd": 1_000_000,
}


@pytest.mark.parametrize("scalar", [True, False], ids=["sum", "entries"])
def test_one_wrong_entry_is_found(benchmark, capsys, scalar):
    sizes = {100: 0.1, 1000: 0.1, 10_000: 0.05, 100_000: 0.01, 1_000_000: 0.001}

    def measure():
        tallies = {}
        for n, part in sizes.items():
            tally = tallies[n] = Tally("fail")
            for seed in range(runs(part)):
                judged(tally, one_wrong(n, seed, scalar)[0], seed)
        return tallies

    tallies = once(benchmark, measure)
    rows, lines = [], []
    for n, tally in tallies.items():
        few = min(20, runs(0.002, least=3))
        right_rule = replace(one_wrong(n, 0, scalar)[0], vjp=lambda x, c: 2 * c * x).judged(seed=0)
        row = [f"{n:.0e}", share(tally.right, tally.count), right_rule.evaluations, median(tally.evaluations)]
        for name, peer in PEERS.items():
            known = n <= SLOWEST[name] and (scalar or n <= 10_000)
            answers = [peer(one_wrong(n, seed, scalar)[0]) for seed in range(few)] if known else []
            row.append(share(answers.count(False), len(answers) - answers.count(None)))
        rows.append(row)
        lines += tally.lines
    columns = ("n", "gradcheck", "calls to pass", "calls to name it", *PEERS)
    function = "sum of squares" if scalar else "squares"
    title = f"{function}, one entry of n off by 1e-3: found; goal >= 99.9 % with 70 calls, whatever n"
    show(capsys, title, columns, rows, [*lines, *MISSING])


def named(verdict):
    """Entries that findings name, those of slices too."""
    entries = set()
    for finding in verdict.findings:
        (index,) = finding.index or (slice(0, 0),)
        entries |= set(range(index.start, index.stop)) if isinstance(index, slice) else {int(index)}
    return entries


def test_wrong_entries_are_named(benchmark, capsys):
    count = {1: runs(0.01, least=5), 8: runs(0.005, least=3)}

    def measure():
        found = {}
        for wrong, times in count.items():
            found[wrong] = []
            for seed in range(times):
                case, chosen = one_wrong(100_000, seed, True, 1e-2, wrong)
                verdict = case.judged(seed=seed)
                found[wrong].append((named(verdict) == chosen, verdict.evaluations, str(verdict), chosen))
        return found

    rows, lines = [], []
    goals = {1: ">= 99 %, <= 300", 8: "all, <= 2500"}
    for wrong, found in once(benchmark, measure).items():
        ok, evaluations, texts, _ = zip(*found, strict=True)
        longest = max(text.count("\n") + 1 for text in texts)
        rows.append(
            (wrong, share(sum(ok), len(ok)), median(evaluations), max(evaluations), longest, goals[wrong])
        )
        lines += [
            f"{sorted(chosen)}: {text}".replace("\n", " ") for fine, _, text, chosen in found if not fine
        ]
    columns = ("wrong of 1e5", "named right", "evaluations", "at most", "lines (<= 40)", "goal")
    show(capsys, "Which entries", columns, rows, lines)


def low_cases(dtype, library, count):
    """Right and wrong cases of a dtype, so many of each kind."""
    if library == "torch":
        from cases.lowprecision_torch import cases
    else:
        from cases.lowprecision import cases
    made = {"right": [], "one off": [], "all off": []}
    seed = 0
    while len(made["right"]) < count:
        three = list(cases(dtype, seed))
        for at, kind in enumerate(made):
            made[kind] += three[at::3]
        seed += 1
    return {kind: found[:count] for kind, found in made.items()}


def test_low_precision(benchmark, capsys):
    count = runs(0.1, least=15)
    wanted = [("numpy", "float32"), ("numpy", "float16")]
    wanted += [("torch", dtype) for dtype in ("float32", "float16", "bfloat16") if TORCH]

    def measure():
        found = {}
        for library, dtype in wanted:
            for kind, cases in low_cases(dtype, library, count).items():
                tally = found[library, dtype, kind] = Tally("pass" if kind == "right" else "fail")
                for seed, case in enumerate(cases):
                    judged(tally, case, seed)
        return found

    rows, lines = [], []
    for (library, dtype, kind), tally in once(benchmark, measure).items():
        seen = tally.statuses["fail"]
        row = [f"{library} {dtype}", kind, share(seen, tally.count), tally.statuses["inconclusive"]]
        few = [case for case in low_cases(dtype, library, 30)[kind] if len(case.args[0]) <= 100]
        if library == "numpy":
            row += [share(no, asked) for no, asked, _ in peer_counts(lambda few=few: few).values()]
        else:
            said = {
                f"torch {speed}": [torch_says(case.f, case.args, fast=speed == "fast") for case in few]
                for speed in ("slow", "fast")
            }
            row += [share(said[name].count(False), len(few)) if name in said else None for name in PEERS]
        rows.append((*row, "none" if kind == "right" else ">= 99 %"))
        lines += [line for line in tally.lines if kind != "right" or ": FAIL" in line]
    columns = ("", "rule", "failed", "unsure", *PEERS, "goal")
    errors = ", ".join(f"{error:.0%} in {dtype}" for dtype, error in lowprecision.ERRORS.items())
    show(capsys, f"Low precision; off by {errors}", columns, rows, [*lines, *MISSING])


def test_kinks(benchmark, capsys):
    collections = {"float64": kinks.CASES, "float32": kinks.SINGLE}

    def measure():
        return {
            dtype: [(case, judged(Tally(), case, 0)) for case in cases]
            for dtype, cases in collections.items()
        }

    rows, lines = [], []
    for dtype, found in once(benchmark, measure).items():
        said = [(case, "error" if verdict is None else verdict.status.value) for case, verdict in found]
        rows.append((f"gradcheck, {dtype}", *kink_counts(said), ">= 98 %"))
        for (case, status), (_, verdict) in zip(said, found, strict=True):
            if status not in case.expect:
                lines.append(f"{case.name}: not {' or '.join(sorted(case.expect))} but {headline(verdict)}")
    known = [case for case in spread(kinks.CASES) if case.truth != "open"][: runs(0.03, least=60)]
    for name, peer in PEERS.items():
        answers = [(case, peer(case)) for case in known]
        said = [(case, "pass" if yes else "fail") for case, yes in answers if yes is not None]
        rows.append((f"{name}, float64", *kink_counts(said), ""))
    columns = ("kinks, ties, jumps, edges", "judged right", "share", "false alarms", "missed", "goal")
    show(capsys, "Kinks", columns, rows, [*lines, *MISSING])


def kink_counts(said):
    fine = sum(status in case.expect for case, status in said)
    alarms = [status for case, status in said if case.truth == "right"]
    misses = [status for case, status in said if case.truth == "wrong"]
    return (
        share(fine, len(said)),
        percent(fine, len(said)),
        share(alarms.count("fail"), len(alarms)),
        share(misses.count("pass"), len(misses)),
    )


def headline(verdict):
    return str(verdict).partition("\n")[0]


def contract_cases():
    found = {"numpy": contract.fresh}
    if TORCH:
        from cases import contract_torch

        found["torch"] = contract_torch.fresh
    return found


def test_broken_promises(benchmark, capsys):
    def measure():
        return {
            library: [(case, judged(Tally(), case, 0)) for case in fresh()]
            for library, fresh in contract_cases().items()
        }

    rows, lines = [], []
    for library, found in once(benchmark, measure).items():
        faults = [(case, verdict) for case, verdict in found if "pass" not in case.expect]
        kept = [(case, verdict) for case, verdict in found if case.truth == "right"]
        caught = [verdict is not None and case.judges(verdict) for case, verdict in faults]
        causes = [ok and case.names(verdict) for ok, (case, verdict) in zip(caught, faults, strict=True)]
        alarms = sum(verdict is None or not verdict.passed for _, verdict in kept)
        rows.append(
            (
                f"gradcheck, {library}",
                share(sum(caught), len(caught)),
                share(sum(causes), len(causes)),
                share(alarms, len(kept)),
                "all",
            )
        )
        for (case, verdict), ok in zip(faults, causes, strict=True):
            if not ok:
                lines.append(f"{case.name}: {headline(verdict)}; right is {case.causes or 'fail'}")
        lines += [
            f"{case.name}: {verdict}" for case, verdict in kept if verdict is None or not verdict.passed
        ]
    for name, peer in PEERS.items():
        answers = [(case, peer(case)) for case in contract.fresh() if case.vjp is not None]
        caught = [answer for case, answer in answers if "pass" not in case.expect and answer is not None]
        alarms = [answer for case, answer in answers if case.truth == "right" and answer is not None]
        row = (
            f"{name}, numpy",
            share(caught.count(False), len(caught)),
            None,
            share(alarms.count(False), len(alarms)),
        )
        rows.append((*row, ""))
    if TORCH:
        rows += [(*row, "") for row in torch_on_its_own()]
    columns = ("seeded faults", "caught", "with the right cause", "false alarms", "goal")
    show(capsys, "Promises", columns, rows, [*lines, *MISSING])


def torch_on_its_own():
    """Torch's checker on rules written for torch."""
    from cases import contract_torch

    for fast in (False, True):
        caught, alarms = [], []
        for case in contract_torch.fresh():
            said = torch_says(case.f, case.args, fast=fast)
            (alarms if case.truth == "right" else caught).append(not said)
        name = f"torch {'fast' if fast else 'slow'}, torch"
        yield name, share(sum(caught), len(caught)), None, share(sum(alarms), len(alarms))


def test_modes(benchmark, capsys):
    cases = list(modes.CASES)
    if TORCH:
        from cases import modes_torch

        cases += modes_torch.fresh()

    def measure():
        return [(case, judged(Tally(), case, 0)) for case in cases]

    found = once(benchmark, measure)
    rows, lines = [], []
    groups = {
        "reverse": ("vjp",),
        "forward": ("jvp",),
        "both": ("vjp", "jvp"),
        "transpose": ("transpose",),
        "second order": ("hvp",),
        "double backward": ("vjp", "hvp"),
        "batched": ("batched",),
        "right": (),
    }
    for title, wanted in groups.items():
        group = [(case, verdict) for case, verdict in found if case.modes == wanted]
        fine = [
            verdict is not None and case.judges(verdict) and case.blames(verdict) for case, verdict in group
        ]
        rows.append((title, share(sum(fine), len(fine)), ">= 98 %"))
        for (case, verdict), ok in zip(group, fine, strict=True):
            if not ok:
                lines.append(f"{case.name}: {verdict}".replace("\n", " "))
    show(capsys, "Which mode is wrong", ("wrong", "said so", "goal"), rows, lines)


def catalogue_cases():
    """Every problem of the catalogue at its points, with the engine's pullback as the right rule."""
    for suite in find_suites():
        for problem in suite.problems.values():
            if problem.refuses:
                continue
            for instance in problem.instances():
                xs = tuple(instance.arrays[name] for name in problem.wrt)
                yield Case(
                    f"{problem.name} at {instance.point.label}",
                    Bound(problem=problem, xp=numpy_xp, inputs=instance.arrays),
                    xs,
                    vjp=partial(engine_vjp, Bound(problem=problem, xp=engine.xp, inputs=instance.arrays)),
                )


def engine_vjp(f, *given):
    *xs, cotangent = given
    return tuple(np.array(gradient) for gradient in engine.vjp(f, *xs)[1](cotangent))


def test_saboteurs_on_the_catalogue(benchmark, capsys):
    known = collect(saboteurs, saboteurs.Saboteur)
    cases = list(catalogue_cases())
    names = sorted(known)

    def measure():
        right_rules = Tally()
        verdicts = [judged(right_rules, case, 0) for case in cases]
        smooth = [case for case, v in zip(cases, verdicts, strict=True) if passed_smoothly(case, v)]
        killed, seen, caused, below, lines = Counter(), Counter(), Counter(), Counter(), []
        for seed in range(runs(0.3, least=len(names))):
            saboteur = known[names[seed % len(names)]]
            case = smooth[int(np.random.default_rng(seed).integers(len(smooth)))]
            size = change(case, saboteur)
            if not size:
                continue
            tally = Tally("fail")
            spoilt = replace(case, name=f"{saboteur.name}: {case.name}", vjp=saboteur.spoil(case.vjp))
            verdict = judged(tally, spoilt, seed)
            if verdict is not None and verdict.passed and size < verdict.detection_floor:
                below[saboteur.name] += 1
                continue
            seen[saboteur.name] += 1
            lines += tally.lines
            if tally.right:
                killed[saboteur.name] += 1
                given = [finding.cause for finding in verdict.findings]
                caused[saboteur.name] += any(cause in one for cause in saboteur.causes for one in given)
        return right_rules, len(smooth), (killed, seen, caused, below), lines

    with np.errstate(all="ignore"):
        right_rules, points, (killed, seen, caused, below), lines = once(benchmark, measure)
    rows = [
        (
            name,
            known[name].title,
            share(killed[name], seen[name]),
            share(caused[name], killed[name]),
            below[name],
        )
        for name in names
        if killed[name] < seen[name] or caused[name] < killed[name] or below[name]
    ]
    counts = share(killed.total(), seen.total()), share(caused.total(), killed.total()), below.total()
    rows.append(("all", f"{len(known)} mistakes", *counts))
    title = f"{len(known)} saboteurs on {points} points of the catalogue"
    title += f": {percent(killed.total(), seen.total())} killed; goal >= 99 %"
    columns = ("saboteur", "mistake", "killed", "with its cause", "below the stated floor")
    show(capsys, title, columns, rows, lines)
    statuses = right_rules.statuses
    row = [statuses[status] for status in ("pass", "inconclusive", "fail", "error")]
    columns = ("passed", "inconclusive", "false alarms", "refused")
    show(capsys, "The engine's own pullback on the catalogue", columns, [row], right_rules.lines)


def passed_smoothly(case, verdict):
    """At a kink a spoilt slope may be another right one."""
    if verdict is None or not verdict.passed:
        return False
    said = f"{case.name} {verdict}"
    return not any(word in said for word in ("kink", "tie", "edge", "infinite", "exist at"))


def change(case, saboteur):
    """Relative size of what a fault changes; infinite where it changes form, input, or from call to call."""
    args = case.args
    value = np.asarray(case.f(*args))
    one, other = (np.array(c)[()] for c in np.random.default_rng(0).normal(size=(2, *value.shape)))
    moved = (*(x * (1 + 1e-3) for x in args), one)
    spoilt = saboteur.spoil(case.vjp)
    try:
        given = [(*args, one), (*case.args, other)]
        expected = [flat_answer(case.vjp(*deepcopy(call))) for call in given]
        before = [np.copy(array) for call in given for array in call]
        answers = [spoilt(*call) for call in given]
        late, early = spoilt(*deepcopy(moved)), saboteur.spoil(case.vjp)(*deepcopy(moved))
        if any(not np.array_equal(a, b) for a, b in zip(before, sum(given, ()), strict=True)):
            return np.inf
        # a derivative that is 0 but for rounding has no relative error
        rounding = 1e-13 * np.max(abs(value)) / min(typical(np.ravel(x)) for x in args)
        if not any(np.any(abs(gradient) > rounding) for gradient in expected):
            return 0.0
        if distance(flat_answer(early), flat_answer(late), rounding):
            return np.inf
        return max(distance(a, flat_answer(b), rounding) for a, b in zip(expected, answers, strict=True))
    except Exception:
        return 0.0


def distance(a, b, rounding):
    if a.shape != b.shape or not np.all(np.isfinite(b)):
        return np.inf
    scale = np.max(abs(a), initial=0)
    error = np.max(abs(a - b), initial=0)
    return float(error / scale) if error > 1e-9 * scale + rounding else 0.0


def flat_answer(answer):
    parts = answer if isinstance(answer, tuple) else (answer,)
    return np.concatenate(
        [np.zeros(0), *[np.ravel(part).astype(complex) for part in parts if part is not None]]
    )


def test_ten_million_inputs(benchmark, capsys):
    x = np.random.default_rng(0).normal(size=10_000_000 if RUNS >= 1000 else 1_000_000)

    def measure():
        tracemalloc.start()
        before = perf_counter()
        verdict = verify(lambda x: np.sum(np.sin(x)), (x,), vjp=lambda x, c: c * np.cos(x), seed=0)
        seconds = perf_counter() - before
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return verdict, seconds, peak

    verdict, seconds, peak = once(benchmark, measure)
    resident = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    rows = [
        ("verdict", verdict.status.value, "pass"),
        ("forwards", verdict.evaluations, "<= 70"),
        ("backwards", verdict.backwards, "<= 8"),
        ("peak memory over the input", peak / x.nbytes, "<= 6"),
        ("seconds", seconds, ""),
        ("resident GiB of the process", resident, ""),
    ]
    show(capsys, f"n = {x.size:.0e}, sum of sines", ("", "seen", "goal"), rows, [str(verdict)])


def seconds_of(call, times=5):
    measured = []
    for _ in range(times):
        before = perf_counter()
        call()
        measured.append(perf_counter() - before)
    return median(measured)


def test_time_of_a_small_verdict(benchmark, capsys):
    cases = [case for case in right.SMOOTH if sum(np.size(leaf) for leaf in leaves(case.args)) <= 50]

    def measure():
        found = []
        for case in cases:
            args = case.args
            total = seconds_of(lambda case=case: case.judged(seed=0))
            verdict = case.judged(seed=0)
            own = verdict.evaluations * seconds_of(lambda case=case, args=args: case.f(*args), 20)
            y = case.f(*args)
            own += verdict.backwards * seconds_of(lambda case=case, args=args, y=y: case.vjp(*args, y), 20)
            found.append((total, total - own))
        return found

    found = once(benchmark, measure)
    rows = [("gradcheck", 1e3 * median(t for t, _ in found), 1e3 * median(o for _, o in found))]
    for name, peer in PEERS.items():
        known = [
            seconds_of(lambda peer=peer, case=case: peer(case), 1)
            for case in spread(cases)[:20]
            if peer(case) is not None
        ]
        rows.append((name, 1e3 * median(known) if known else None, None))
    columns = (f"{len(cases)} small functions", "ms a verdict (median)", "without the function's own calls")
    show(capsys, "Time of a verdict", columns, rows, MISSING)


def network():
    """784-128-10 with ReLU and cross entropy, batch 64: the loss as a function of the 101 770 parameters."""
    generator = np.random.default_rng(0)
    x, labels = generator.normal(size=(64, 784)), generator.integers(0, 10, 64)
    params = (
        generator.normal(size=(784, 128)) / 28,
        generator.normal(size=128) / 10,
        generator.normal(size=(128, 10)) / 11,
        generator.normal(size=10) / 10,
    )

    def scores(w1, b1, w2, b2):
        hidden = np.maximum(x @ w1 + b1, 0)
        logits = hidden @ w2 + b2
        shifted = logits - logits.max(axis=1, keepdims=True)
        return hidden, shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))

    def f(*params):
        return -np.mean(scores(*params)[1][np.arange(64), labels])

    def vjp(*given):
        *params, cotangent = given
        hidden, log_p = scores(*params)
        inner = np.exp(log_p)
        inner[np.arange(64), labels] -= 1
        inner *= cotangent / 64
        back = (inner @ params[2].T) * (hidden > 0)
        return x.T @ back, back.sum(axis=0), hidden.T @ inner, inner.sum(axis=0)

    return Case("network of 101 770 parameters", f, params, vjp=vjp)


def product():
    generator = np.random.default_rng(1)
    inputs = generator.normal(size=(200, 200)), generator.normal(size=200)
    return Case("Wx, 200 x 200", np.matmul, inputs, vjp=lambda w, x, c: (np.outer(c, x), w.T @ c))


def entropy():
    p = np.random.default_rng(2).dirichlet(np.full(10_000, 2.0)) + 1e-9
    return Case(
        "entropy, n = 1e4",
        lambda p: -np.sum(p * np.log(p)),
        (p / p.sum(),),
        vjp=lambda p, c: -c * (np.log(p) + 1),
    )


@pytest.mark.parametrize("make", [network, product, entropy], ids=lambda make: make.__name__)
def test_large_function(benchmark, capsys, make):
    case = make()
    verdict = benchmark.pedantic(case.judged, kwargs={"seed": 0}, rounds=3)
    wrong = off(case, 1e-3).judged(seed=0)
    args = case.args
    forward = seconds_of(lambda: case.f(*args))
    rows = [
        (
            "gradcheck",
            verdict.status.value,
            wrong.status.value,
            1e3 * benchmark.stats.stats.median,
            verdict.evaluations,
        )
    ]
    patient = RUNS >= 1000
    for name, peer in PEERS.items():
        if name in ("torch slow", "scipy") and case.name != "entropy, n = 1e4" and not patient:
            rows.append((f"{name} (minutes; asked from 1000 runs on)", None, None, None, None))
            continue
        before = perf_counter()
        said = peer(case)
        seconds = perf_counter() - before
        noticed = None if said is None or name in ("torch slow", "scipy") else peer(off(case, 1e-3))
        words = {True: "pass", False: "fail", None: None}
        rows.append((name, words[said], words[noticed], 1e3 * seconds if said is not None else None, None))
    columns = ("checker", "right rule", "rule 1e-3 off", "ms", "evaluations")
    title = f"{case.name}; one evaluation takes {1e3 * forward:.3g} ms"
    show(capsys, title, columns, rows, [str(verdict), *MISSING])
