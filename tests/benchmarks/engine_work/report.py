"""The tables of a run, as ``tables.show`` takes them: title, columns, rows, notes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from math import floor, log10
from typing import Any

from engine_work import goals
from engine_work.race import OURS, Result
from engine_work.work import names

Table = tuple[str, Sequence[str], list[Sequence[Any]], list[str]]

PEERS = {
    "autograd": "autograd",
    "torch": "torch",
    "torch.compile": "compiled",
    "nn.LSTM": "LSTM",
    "jax.jit": "jax.jit",
    "jax scan": "scan",
    "tf.function": "tf.func",
    "casadi": "casadi",
}


def micros(seconds: float | None) -> str:
    """Three digits of microseconds, never a power of ten."""
    if seconds is None:
        return "-"
    us = 1e6 * seconds
    digits = 2 - floor(log10(us))
    return f"{round(us, digits):.{max(digits, 0)}f}"


def cell(result: Result, way: str) -> str:
    return "wrong" if way in result.wrong else micros(result.times.get(way))


def millis(seconds: float | None) -> str | None:
    return None if seconds is None else f"{1e3 * seconds:.3g}"


def quotient(ratio: float | None) -> str | None:
    return None if ratio is None else f"{ratio:.2f}"


def yes(met: bool) -> str:
    return "yes" if met else "NO"


def tables(results: Sequence[Result]) -> Iterator[Table]:
    yield ours(results)
    peers = [way for way in PEERS if any(way in (*r.times, *r.wrong, *r.failed) for r in results)]
    if peers:
        yield beside(results, peers)
        yield against(results)
    first = [result for result in results if names("P7a", result.work.name)]
    if first:
        yield first_calls(first, peers)
    measured = [result for result in results if result.peaks]
    if measured:
        yield memory(measured)


def ours(results: Sequence[Result]) -> Table:
    columns = ("", "µs, one thread", "floor", "plan", "plan/floor", "goal", "met?", "eager", "numba")
    rows = []
    for result in results:
        work, ratio = result.work, result.ratio("floor", "plan")
        held = yes(round(ratio, 2) <= work.goal) if ratio and work.goal else None
        times = [cell(result, way) for way in ("floor", "plan")]
        rest = [cell(result, way) for way in ("eager", "numba")]
        rows.append((work.name, work.title, *times, quotient(ratio), work.goal, held, *rest))
    return "The engine and its floor: hand-written NumPy", columns, rows, list(ours_notes(results))


def ours_notes(results: Sequence[Result]) -> Iterator[str]:
    sparse = [r for r in results if r.work.ask == "sparse hessian" and "plan" in r.times]
    if sparse:
        each = ", ".join(f"{1e9 * r.times['plan'] / r.size:.3g} ns at {r.size}" for r in sparse)
        yield f"sparse Hessian by a plan, an entry of the input: {each}"
    for result in results:
        work = result.work
        if work.operations and "eager" in result.times:
            each = result.times["eager"] / work.operations
            met = yes(each <= goals.EAGER_OPERATION)
            goal = 1e6 * goals.EAGER_OPERATION
            yield f"{work.name}: eager {1e6 * each:.3g} us an operation; goal {goal:.3g}: {met}"
        if "other floor" in result.times:
            other = micros(result.times["other floor"])
            yield f"{work.name}: one of the two floors takes {other} us; the table has the faster one"
    yield from faults(results, lambda way: way in OURS)


def beside(results: Sequence[Result], peers: Sequence[str]) -> Table:
    columns = ("µs", "plan", *(PEERS[way] for way in peers), "best")
    rows = []
    for result in results:
        ratio = result.ratio("plan", goals.fastest(result))
        times = [cell(result, way) for way in ("plan", *peers)]
        rows.append((result.work.name, *times, quotient(ratio)))
    notes = ["best: the time of the fastest peer over that of the plan"]
    notes += faults(results, lambda way: way not in OURS)
    return "The engine and its peers", columns, rows, notes


def against(results: Sequence[Result]) -> Table:
    rows = []
    for goal in goals.PEERS:
        known = [one for one in goal.seen(results) if one[2] is not None]
        missed = [one for one in known if not goal.met(one[2])]
        rest = [one for one in known if goal.met(one[2])]
        if known:
            rows.append((goal, yes(not missed), said(goal, missed), said(goal, rest)))
    return "Goals against peers", ("times as fast", "met?", "missed at", "met at"), rows, []


def said(goal: goals.Goal, seen: Sequence[tuple[str, str, float | None]]) -> str:
    several = len(goal.others) != 1
    return ", ".join(f"{name}{f' {other}' if several else ''} {ratio:.3g}" for name, other, ratio in seen)


def faults(results: Sequence[Result], named: Callable[[str], bool]) -> Iterator[str]:
    """Wrong answers and failures of some ways, each reason with all its problems."""
    reasons: dict[str, list[str]] = {}
    for result in results:
        for word, seen in (("is wrong", result.wrong), ("failed", result.failed)):
            for way, why in seen.items():
                if named(way):
                    reasons.setdefault(f"{way} {word}: {why}", []).append(result.work.name)
    for reason, where in reasons.items():
        yield f"{', '.join(where) if len(where) < 4 else f'{len(where)} problems'}: {reason}"


def first_calls(results: Sequence[Result], peers: Sequence[str]) -> Table:
    ways = ["plan", *(way for way in peers if any(way in r.first for r in results))]
    rows = [(r.work.name, *(millis(r.first.get(way)) for way in ways)) for r in results]
    notes = ["from the function to its first answer: trace, compile, run"]
    for result in results:
        mine, theirs = result.first.get("plan"), result.first.get("jax.jit")
        if mine is None:
            continue
        said = f"at most {millis(goals.FIRST_CALL)} ms: {yes(mine <= goals.FIRST_CALL)}"
        if theirs is not None:
            share = mine / theirs
            said += f"; below 1/10 of jax.jit, seen {share:.3f}: {yes(share < goals.FIRST_CALL_SHARE)}"
        notes.append(f"{result.work.name}: {said}")
    return "First call, ms", ("", *ways), rows, notes


def memory(results: Sequence[Result]) -> Table:
    rows = []
    for result in results:
        unit = sum(getattr(arg, "nbytes", 0) for arg in result.work.make())
        cells = [f"{held / unit:.2f} + {(peak - held) / unit:.2f}" for held, peak in result.peaks.values()]
        rows.append((result.work.name, f"{unit / 2**20:.0f}", *cells))
    ways = list(dict.fromkeys(way for result in results for way in result.peaks))
    note = "in units of the inputs: held between calls + what a call adds, its answer included"
    return "Peak memory", ("", "inputs, MiB", *ways), rows, [note]
