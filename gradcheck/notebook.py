"""A run in a notebook: the verdict, a line per backend, the worst failures; in the notebook's own colours."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

from gradcheck.summary import FAILED, Summary, beside, thousands

_FAULTS = 10  # shown, of those that are alike


def notebook(summary: Summary) -> str:
    """A summary as HTML; everything the run says is text in it."""
    sentence = summary.sentence()
    parts = [f"<p><strong>{escape(sentence.headline)}</strong>{escape(sentence.rest)}</p>"]
    if summary.lines:
        parts.append(_table(("backend", *summary.groups, "digits"), _lines(summary)))
    if summary.faults:
        parts.append(_failures(summary))
    if summary.published:
        parts.append(f"<p>{escape(summary.printed())}</p>")
    return f"<div>{''.join(parts)}</div>"


def _lines(summary: Summary) -> Iterable[Sequence[str]]:
    for line in summary.lines:
        numbers = [str(line.count(outcomes) or "") for outcomes in summary.groups.values()]
        yield summary.label(line.who), *numbers, line.shown_digits


def _failures(summary: Summary) -> str:
    shown = summary.faults[:_FAULTS]
    rows = []
    for fault in shown:
        cell = fault.worst
        where = f"{cell.suite}/{cell.problem} {cell.point}"
        said = (cell.index, *beside(cell.got, cell.true)) if cell.got or cell.true else (cell.reason, "", "")
        rows.append((cell.outcome.value, where, ", ".join(fault.operators), ", ".join(fault.backends), *said))
    failed = sum(summary.counts[outcome] for outcome in FAILED)
    kinds = f"{len(summary.faults)} that differ in problem, point or outcome"
    more = f"; {kinds}, the worst {len(shown)} of them" if len(shown) < len(summary.faults) else ""
    title = f"{thousands(failed)} failed cells{more}"
    headings = ("outcome", "problem", "asked", "backends", "entry", "got", "true")
    return f"<details><summary>{title}</summary>{_table(headings, rows)}</details>"


def _table(headings: Iterable[str], rows: Iterable[Sequence[str]]) -> str:
    head = "".join(f'<th scope="col">{escape(heading)}</th>' for heading in headings)
    body = "".join(f"<tr>{''.join(f'<td>{escape(text)}</td>' for text in row)}</tr>" for row in rows)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
