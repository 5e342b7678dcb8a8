"""The pytest plugin: one fixture that runs problems through backends and fails on the first wrong cell.

pytest imports this module in every project that has gradcheck installed, so nothing is loaded before the
fixture is used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import pytest

if TYPE_CHECKING:
    from gradcheck.results import Results


class RunSuites(Protocol):
    """What the fixture gives."""

    def __call__(self, *suites: str, **options: Any) -> Results:
        """Run suites, by name or path; options are those of :meth:`gradcheck.Plan.of`."""


@pytest.fixture
def gradcheck_run() -> RunSuites:
    """Run suites in a test, without timing; the test fails, naming the cells, when a backend fails one.

    Examples
    --------
    >>> def test_my_functions(gradcheck_run):
    ...     gradcheck_run("my_suite.py", backends=["engine"])
    """

    def run_suites(*suites: str, **options: Any) -> Results:
        __tracebackhide__ = True
        from gradcheck.execution import Plan, run

        results = run(Plan.of(*suites, **{"rounds": 0, **options}))
        failures = results.failures()
        if failures:
            lines = [
                f"{cell.suite}/{cell.problem} ({cell.point}), "
                f"{cell.backend} {cell.dtype} {cell.operator}: {cell.outcome.value}, {cell.reason}"
                for cell in failures[:_MOST_LINES]
            ]
            more = len(failures) - len(lines)
            pytest.fail("\n".join([*lines, *([f"and {more} more"] if more else [])]), pytrace=False)
        return results

    return run_suites


_MOST_LINES = 30
