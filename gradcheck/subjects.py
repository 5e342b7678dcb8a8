"""What people read about a problem: what it is, why it is there, how it is written and who prints numbers."""

from __future__ import annotations

import inspect
import textwrap
from collections.abc import Callable
from typing import Any

from gradcheck.problems import Problem
from gradcheck.records import Subject

_LONGEST = 40  # lines


def subject(problem: Problem, suite: str, title: str = "") -> Subject:
    """A problem of a suite, with the suite's title, as a record."""
    published = [one for point in problem.points for one in point.published]
    return Subject(
        suite=suite,
        problem=problem.name,
        title=title,
        formula=problem.formula,
        why=problem.why,
        thread=problem.thread,
        kinks=problem.kinks,
        refuses=problem.refuses,
        code=source(problem.fn),
        sources=tuple(dict.fromkeys(one.source for one in published)),
        inputs=problem.inputs,
        wrt=problem.wrt,
    )


def source(function: Callable[..., Any]) -> str:
    """A function as it is written, without its decorators; a long one is cut, one without a file is empty."""
    try:
        lines = textwrap.dedent(inspect.getsource(function)).rstrip().split("\n")
    except (OSError, TypeError):
        return ""
    start = next((at for at, line in enumerate(lines) if line.startswith("def ")), 0)
    lines = lines[start:]
    return "\n".join(lines if len(lines) <= _LONGEST else [*lines[: _LONGEST - 1], "..."])
