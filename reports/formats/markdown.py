"""A run as a page of Markdown: the summary of a CI step, or a comment on a change."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from pathlib import Path

from gradcheck import Measurement, Results, compare

from ..cells import Column
from ..notation import count, decimal, digits, ratio, seconds
from ..report import Report
from ..standings import standings
from .again import command
from .marking import code, details, table, text

FILE_NAME = "summary.md"
MOST = 50  # rows of failures, and of each kind of change


def write(
    results: Results, directory: Path, *, language: str = "en", before: Results | None = None
) -> list[Path]:
    """Write ``summary.md``: the verdict, a line per backend, what changed, and the worst failures."""
    parts = "\n\n".join(_parts(Report(results, before, language)))
    path = Path(directory) / FILE_NAME
    path.write_bytes(f"{parts}\n".encode("utf-8", "replace"))
    return [path]


def _parts(report: Report) -> Iterator[str]:
    words, summary = report.words, report.results.summary
    sentence = summary.sentence(words)
    yield "# gradcheck"
    yield f"**{text(sentence.headline)}**{text(sentence.rest)}"
    if summary.published:
        yield text(summary.printed(words))
    facts = " ".join(_facts(report))
    if facts:
        yield text(facts)
    if summary.lines:
        yield _backends(report)
    if report.before is not None:
        yield from _changes(report, report.before)
    if summary.faults:
        yield from _failures(report)
    if summary.doubtful:
        yield _doubtful(report)


def _facts(report: Report) -> Iterator[str]:
    """What a reader is to know of the run before believing it."""
    words, results = report.words, report.results
    if not results.finished:
        yield words("The run did not come to its end; what is here is what it had finished.")
    if results.controls:
        pairs = words.count(len(results.controls), "%(n)s call", "%(n)s calls")
        yield words(
            "Noise floor %(floor)s: what %(pairs)s timed under two names differ by; "
            "no smaller difference is called one.",
            floor=f"{100 * report.floor:.1f} %",
            pairs=pairs,
        )
    took = results.environment.get("seconds")
    if isinstance(took, int | float):
        yield words("The run took %(time)s.", time=seconds(float(took)))


def _backends(report: Report) -> str:
    words, summary = report.words, report.results.summary
    counted = [
        words("Exact"),
        words("OK"),
        words("Convention"),
        words("Undefined"),
        words("Failed"),
        words("Not run"),
    ]
    groups = dict(zip(counted, summary.groups.values(), strict=True))
    numbers = [*groups, words("Digits"), words("Slowdown"), words("Fastest")]
    races = {standing.who: (standing.slowdown, standing.won) for standing in standings(report)}
    rows = [
        (
            summary.label(line.who),
            *(count(line.count(outcomes)) for outcomes in groups.values()),
            digits(line.digits, 1),
            *races[Column(*line.who)],
        )
        for line in summary.lines
    ]
    return table([words("Backend"), *numbers], rows, right=numbers)


def _failures(report: Report) -> Iterator[str]:
    words, faults = report.words, report.results.summary.faults
    headings = [
        words("Outcome"),
        words("Problem"),
        words("Point"),
        words("Operator"),
        words("Backend"),
        words("Worst entry"),
        words("Got"),
        words("True"),
    ]
    rows = [
        (
            words(fault.worst.outcome.value),
            f"{fault.worst.suite}/{fault.worst.problem}",
            fault.worst.point,
            ", ".join(fault.operators),
            ", ".join(fault.backends),
            f"{fault.worst.backend}, {fault.worst.operator}: {fault.worst.index or fault.worst.reason}",
            decimal(fault.worst.got),
            decimal(fault.worst.true),
        )
        for fault in faults[:MOST]
    ]
    shown = table(headings, rows)
    yield details(
        _title(report, words("Failures, those alike in one row, the worst first"), len(faults)), shown
    )
    commands = [command(fault.worst, report.results.environment) for fault in faults[:MOST]]
    yield details(words("How to repeat the worst of each row"), code("sh", commands))


def _doubtful(report: Report) -> str:
    words, doubtful = report.words, report.results.summary.doubtful
    headings = [words("Source"), words("Problem"), words("Quantity"), words("Printed"), words("True")]
    rows = [
        (
            check.source,
            f"{check.suite}/{check.problem}",
            check.quantity,
            check.printed,
            words("no derivative exists") if check.status == "undefined" else decimal(check.true),
        )
        for check in doubtful[:MOST]
    ]
    shown = table(headings, rows)
    return details(_title(report, words("Numbers that are wrong in print"), len(doubtful)), shown)


def _changes(report: Report, before: Results) -> Iterator[str]:
    words, found = report.words, compare(before, report.results)
    slower = sum(change.ratio.value > 1 for change in found.real)
    yield f"## {text(words('Since the run before'))}"
    outcomes = words(
        "%(changed)s outcomes changed, %(worse)s for the worse; "
        "%(gone)s cells only before, %(new)s only now.",
        changed=count(len(found.verdicts)),
        worse=count(len(found.worse)),
        gone=count(len(found.gone)),
        new=count(len(found.new)),
    )
    times = words(
        "%(both)s cells timed in both: %(slower)s slower, %(faster)s faster, beyond noise (%(floor)s).",
        both=count(len(found.changes)),
        slower=count(slower),
        faster=count(len(found.real) - slower),
        floor=f"{100 * found.floor:.1f} %",
    )
    yield text(f"{outcomes} {times}")
    cell = (words("Problem"), words("Point"), words("Operator"), words("Backend"))
    verdicts = sorted(found.verdicts, key=lambda verdict: not verdict.worse)
    if verdicts:
        rows = [
            (*_cell(one.after), words(one.before.outcome.value), words(one.after.outcome.value))
            for one in verdicts[:MOST]
        ]
        shown = table([*cell, words("Before"), words("Now")], rows)
        yield details(_title(report, words("Outcomes that changed"), len(verdicts)), shown)
    changes = sorted(found.real, key=lambda change: -abs(math.log(change.ratio.value)))
    if changes:
        rows = [
            (*_cell(one.after), ratio(one.ratio.value), f"{ratio(one.ratio.low)} – {ratio(one.ratio.high)}")
            for one in changes[:MOST]
        ]
        numbers = (words("Now / before"), words("95 % interval"))
        shown = table([*cell, *numbers], rows, right=numbers)
        yield details(_title(report, words("Times that changed beyond noise"), len(changes)), shown)


def _title(report: Report, title: str, number: int) -> str:
    shown = f" ({count(number)})"
    if number <= MOST:
        return title + shown
    return title + report.words(" (%(shown)s of %(all)s)", shown=count(MOST), all=count(number))


def _cell(cell: Measurement) -> Sequence[str]:
    return f"{cell.suite}/{cell.problem}", cell.point, cell.operator, _who(cell)


def _who(cell: Measurement) -> str:
    return f"{cell.backend} {cell.device} {cell.dtype}"
