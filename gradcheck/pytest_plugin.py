"""The pytest plugin: a fixture that judges a derivative, and one that runs problems through backends.

pytest imports this module in every project that has gradcheck installed, so nothing is loaded before a
fixture is used.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol

import pytest

if TYPE_CHECKING:
    from gradcheck.judge.verdict import Verdict
    from gradcheck.results import Results

_SEED = pytest.StashKey[int]()
_ITEM = pytest.StashKey[pytest.Item]()
_OPTIONS = ("budget", "convention", "dtype", "modes", "order", "seed", "wrt")  # what the marker takes
_MOST_LINES = 30
_WIDTH = 100


class RunSuites(Protocol):
    """What the fixture ``gradcheck_run`` gives."""

    def __call__(self, *suites: str, **options: Any) -> Results:
        """Run suites, by name or path; options are those of :meth:`gradcheck.Plan.of`."""


class Judge(Protocol):
    """What the fixture ``gradcheck`` gives."""

    def __call__(self, f: Callable[..., Any], args: Any, **options: Any) -> Verdict:
        """Judge a derivative; options are those of :func:`gradcheck.verify`."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option that repeats a run."""
    parser.getgroup("gradcheck").addoption(
        "--gradcheck-seed",
        type=int,
        metavar="N",
        help="Seed of the fixture gradcheck in every test. [default: a fresh one, printed]",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Declare the marker, and settle the seed of this run; a worker takes that of the run it works for."""
    config.addinivalue_line(
        "markers", f"gradcheck({', '.join(_OPTIONS)}): defaults for the fixture gradcheck in this test"
    )
    given = getattr(config, "workerinput", {}).get("gradcheck_seed", config.getoption("gradcheck_seed"))
    config.stash[_SEED] = int.from_bytes(os.urandom(4), "big") if given is None else given


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Tell the seed to a worker of pytest-xdist."""
    node.workerinput["gradcheck_seed"] = node.config.stash[_SEED]


def pytest_report_header(config: pytest.Config) -> str:
    """Show the option that repeats this run."""
    return f"gradcheck: --gradcheck-seed {config.stash[_SEED]}"


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Note which test is running."""
    item.config.stash[_ITEM] = item


@pytest.fixture(scope="session")  # so that a test of Hypothesis may use it: it is the same in every example
def gradcheck(pytestconfig: pytest.Config) -> Judge:
    """Judge a derivative as :func:`gradcheck.verify` does; the test fails unless it is found right.

    The marker ``gradcheck`` sets defaults for the options in one test; its ``dtype`` is what floating
    arguments are cast to. The seed follows from ``--gradcheck-seed`` and the name of the test.

    Examples
    --------
    >>> @pytest.mark.gradcheck(order=2, dtype="float32")
    ... def test_softplus(gradcheck):
    ...     gradcheck(softplus, (np.linspace(-3, 3, 7),), grad=sigmoid)
    """

    def judge(f: Callable[..., Any], args: Any, **options: Any) -> Verdict:
        __tracebackhide__ = True
        from gradcheck.casting import cast
        from gradcheck.errors import GradcheckError
        from gradcheck.judge.verification import verify

        item, run_seed = pytestconfig.stash[_ITEM], pytestconfig.stash[_SEED]
        settings = {"seed": _seed_of(item, run_seed), **_marked(item), **options}
        dtype = settings.pop("dtype", None)
        try:
            verdict = verify(f, args if dtype is None else cast(args, dtype), **settings)
        except GradcheckError as error:
            failure = str(error)
        else:
            if verdict.passed:
                return verdict
            pytest.fail(_told(verdict, item, run_seed), pytrace=False)
        pytest.fail(failure)  # a mistake in the call: the traceback shows the call and nothing below it

    return judge


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
        from gradcheck.execution import run
        from gradcheck.plan import Plan

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


def _marked(item: pytest.Item) -> dict[str, Any]:
    """The options of a test's markers; that of the test goes before those of its class and module."""
    markers = list(item.iter_markers("gradcheck"))
    options: dict[str, Any] = {}
    for marker in reversed(markers):
        options.update(marker.kwargs)
    if options or any(marker.args for marker in markers):
        _check(item, markers, options)
    return options


def _check(item: pytest.Item, markers: list[pytest.Mark], options: dict[str, Any]) -> None:
    from gradcheck.errors import BadArgument, GradcheckError, UnknownName

    try:
        for marker in markers:
            if marker.args:
                raise BadArgument("its options", "names, as in order=2", marker.args[0])
        for name in options:
            if name not in _OPTIONS:
                raise UnknownName("option", name, _OPTIONS)
    except GradcheckError as error:
        pytest.fail(f"@pytest.mark.gradcheck of {item.name}: {error}", pytrace=False)


def _seed_of(item: pytest.Item, run_seed: int) -> int:
    """A seed for one test, the same whichever tests run beside it."""
    import zlib

    return zlib.crc32(f"{run_seed}/{item.nodeid}".encode())


def _told(verdict: Verdict, item: pytest.Item, run_seed: int) -> str:
    """What a failed test says: the verdict, and how to see it again."""
    from gradcheck.folding import folded, folded_command

    place, _, test = str(item.nodeid).partition("::")
    file = os.path.relpath(item.config.rootpath / place, item.config.invocation_params.dir)
    repeat = folded_command(["pytest", f"{file}::{test}", "--gradcheck-seed", str(run_seed)], _WIDTH - 8)
    if max(map(len, repeat.splitlines())) > _WIDTH - 8:
        repeat = f"pytest ... --gradcheck-seed {run_seed}"
    return f"{folded(str(verdict), _WIDTH, most=_MOST_LINES)}\nrepeat: {repeat}"
