"""A run as JUnit XML, which CI servers show as tests: a suite is a suite, a cell is a test.

Written by hand: the common writers give times an exponent and the root a count of skipped tests, and the
schema that Jenkins checks against allows neither.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from xml.etree import ElementTree

from gradcheck import Measurement, Outcome, Results

from ..cells import group
from ..report import Report
from .again import command

FILE_NAME = "junit.xml"
_NO_ANSWER = (Outcome.TIMEOUT, Outcome.MEMORY, Outcome.CRASH, Outcome.ERROR)
_NOT_XML = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def write(
    results: Results, directory: Path, *, language: str = "en", before: Results | None = None
) -> list[Path]:
    """Write ``junit.xml``: wrong answers are failures, no answer is an error, what did not run is skipped."""
    path = Path(directory) / FILE_NAME
    root = _suites(Report(results))
    ElementTree.indent(root, " ")
    ElementTree.ElementTree(root).write(path, encoding="utf-8", xml_declaration=True)
    return [path]


def _suites(report: Report) -> ElementTree.Element:
    root = _element("testsuites", name="gradcheck", **_counts(report.cells))
    for name, cells in group(report.cells, lambda cell: cell.suite).items():
        skipped = sum(_kind(cell) == "skipped" for cell in cells)
        seconds = _decimal(sum(_seconds(report, cell) for cell in cells))
        suite = _element("testsuite", name=name, **_counts(cells), skipped=str(skipped), time=seconds)
        suite.extend(_test(report, cell) for cell in cells)
        root.append(suite)
    return root


def _test(report: Report, cell: Measurement) -> ElementTree.Element:
    test = _element(
        "testcase",
        name=f"{cell.problem} at {cell.point}: {cell.operator}",
        classname=f"{cell.backend}.{cell.device}.{cell.dtype}",
        time=_decimal(_seconds(report, cell)),
    )
    kind = _kind(cell)
    if kind:
        result = _element(kind, message=cell.reason or cell.outcome.sentence, type=cell.outcome.value)
        result.text = _legal(_story(cell, report.results.environment)) if kind != "skipped" else None
        test.append(result)
    return test


def _kind(cell: Measurement) -> str:
    """The element that tells how a test ended; none for one that passed."""
    if not cell.outcome.failed:
        return "" if cell.outcome.ran else "skipped"
    return "error" if cell.outcome in _NO_ANSWER else "failure"


def _story(cell: Measurement, environment: Mapping[str, object]) -> str:
    compared = (("entry", cell.index), ("got", cell.got), ("true", cell.true))
    lines = [cell.reason, *(f"{name}: {text}" for name, text in compared if text)]
    return "\n".join([*filter(None, lines), f"again: {command(cell, environment)}"])


def _counts(cells: Sequence[Measurement]) -> dict[str, str]:
    kinds = [_kind(cell) for cell in cells]
    counted = {"failures": "failure", "errors": "error"}
    return {"tests": str(len(cells)), **{name: str(kinds.count(kind)) for name, kind in counted.items()}}


def _seconds(report: Report, cell: Measurement) -> float:
    """The median time of a call; 0 where none was taken."""
    lap = report.lap(cell)
    return lap.median if lap else 0.0


def _decimal(seconds: float) -> str:
    return f"{seconds:.9f}"


def _element(tag: str, **attributes: str) -> ElementTree.Element:
    return ElementTree.Element(tag, {name: _legal(text) for name, text in attributes.items()})


def _legal(text: str) -> str:
    """A text without the characters that XML has no way to write."""
    return _NOT_XML.sub("\ufffd", text)
