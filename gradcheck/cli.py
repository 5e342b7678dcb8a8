"""The command line: parse, call, print. It decides nothing.

Exit codes: 0 nothing failed, 1 a backend failed a cell or a derivative is wrong, 2 a mistake in the call,
3 the evidence does not decide, where --strict counts that as a failure.
"""

from __future__ import annotations

import secrets
import sys
from collections.abc import Callable, Sequence
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperCommand

from gradcheck.errors import BadArgument, GradcheckError, MissingExtra, UnknownName
from gradcheck.targets import spread

if TYPE_CHECKING:
    from gradcheck.engine import Graph
    from gradcheck.judge.verdict import Verdict
    from gradcheck.problems import Instance, Problem
    from gradcheck.results import Results

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help="Verify derivatives and compare automatic-differentiation backends against a certified truth.",
)

WIDTH = 80


def main() -> None:
    """Entry point of the ``gradcheck`` command."""
    app()


def _clear_errors(command: Callable[..., None]) -> Callable[..., None]:
    """Turn a user's mistake into one line on stderr and exit code 2."""

    @wraps(command)
    def guarded(*args: Any, **kwargs: Any) -> None:
        try:
            command(*args, **kwargs)
        except GradcheckError as error:
            typer.echo(f"gradcheck: {error}", err=True)
            raise typer.Exit(2) from error
        except KeyboardInterrupt:
            typer.echo("gradcheck: interrupted; what was finished is in the results file.", err=True)
            raise typer.Exit(130) from None
        except BrokenPipeError:
            sys.stderr.close()
            raise typer.Exit(0) from None

    return guarded


@app.command()
@_clear_errors
def run(
    suites: Annotated[
        list[str] | None,
        typer.Argument(metavar="SUITE", help="Suite names or files; all when none is given."),
    ] = None,
    backend: Annotated[
        list[str] | None, typer.Option(help="Names, repeated or separated by commas. [default: all]")
    ] = None,
    device: Annotated[list[str] | None, typer.Option(help="cpu, cuda. [default: cpu]")] = None,
    dtype: Annotated[list[str] | None, typer.Option(help="float64, float32. [default: float64]")] = None,
    operator: Annotated[
        list[str] | None,
        typer.Option(help="value, gradient, jacobian, hessian, jvp, vjp, hvp. [default: all]"),
    ] = None,
    select: Annotated[
        str, typer.Option(metavar="EXPR", help="Problems by name: 'softmax and not entropy'.")
    ] = "",
    out: Annotated[Path, typer.Option(help="Directory for results and report.")] = Path(
        "gradcheck-runs/latest"
    ),
    seed: Annotated[int, typer.Option(help="Seed of all random inputs.")] = 0,
    rounds: Annotated[int, typer.Option(help="Timing samples per cell; 0 for none.", min=0)] = 5,
    limit: Annotated[float, typer.Option(help="Seconds one answer may take.", min=0.1)] = 60.0,
    fail_on: Annotated[
        list[str] | None, typer.Option(help="Backends whose failures count for the exit code. [default: all]")
    ] = None,
) -> None:
    """Differentiate every problem with every backend, judge, time, and write a report."""
    from gradcheck.backends.base import available_backends
    from gradcheck.execution import Plan, known
    from gradcheck.execution import run as execute

    counting = known("backend", _names(fail_on), available_backends())
    plan = Plan.of(
        *(suites or ()),
        backends=_names(backend),
        devices=_names(device),
        dtypes=_names(dtype) or ("float64",),
        operators=_names(operator),
        select=select,
        seed=seed,
        rounds=rounds,
    )
    with _Progress() as progress:
        results = execute(plan, out=out, isolated=True, limit=limit, progress=progress)
    _print_summary(results)
    _write_reports(results, out)
    counted = [cell for cell in results.failures() if not counting or cell.backend in counting]
    raise typer.Exit(1 if counted else 0)


@app.command("list")
@_clear_errors
def list_(
    suites: Annotated[list[str] | None, typer.Argument(metavar="SUITE", help="Suite names or files.")] = None,
    select: Annotated[str, typer.Option(metavar="EXPR", help="Problems by name.")] = "",
) -> None:
    """Show the problems of suites: name, formula, and why each is there."""
    from gradcheck.catalogue import find_suites
    from gradcheck.errors import EmptySelection

    found = [suite.select(select) if select else suite for suite in find_suites(tuple(suites or ()))]
    if not any(suite.problems for suite in found):
        raise EmptySelection(f"no problem matches --select {select!r}")
    console = _console()
    for suite in found:
        if not suite.problems:
            continue
        table = _table("problem", "formula", "points")
        for problem in suite.problems.values():
            table.add_row(problem.name, problem.formula, str(len(problem.points)))
        console.print(f"[bold]{suite.name}[/]  {suite.title} ({len(suite.problems)} problems)")
        console.print(table)
    total = sum(len(suite.problems) for suite in found)
    console.print(f"{total} problems in {sum(bool(suite.problems) for suite in found)} suites")


@app.command()
@_clear_errors
def backends() -> None:
    """Show the backends: installed or not, version, devices."""
    from gradcheck.backends.base import available_backends

    console = _console()
    table = _table("backend", "installed", "version", "devices", "how it differentiates")
    for backend in available_backends().values():
        if backend.installed:
            table.add_row(backend.name, "yes", backend.version, ", ".join(backend.devices()), backend.title)
        else:
            table.add_row(backend.name, "no", "", "", f"pip install 'gradcheck[{backend.extra}]'")
    console.print(table)


@app.command()
@_clear_errors
def explain(
    problem: Annotated[str, typer.Argument(help="Name of a problem, or SUITE/PROBLEM; SUITE may be a file.")],
    point: Annotated[int, typer.Option(help="Which of the problem's points, from 1.", min=1)] = 1,
    wrt: Annotated[
        str, typer.Option(help="Input the forward tangents are taken along. [default: the first]")
    ] = "",
    seed: Annotated[int, typer.Option(help="Seed of random inputs.")] = 0,
    steps: Annotated[
        bool, typer.Option("--steps", help="Show what every step passes on, instead of the tables.")
    ] = False,
    words: Annotated[
        bool, typer.Option("--words", help="Say it in sentences, instead of the tables.")
    ] = False,
    dot: Annotated[bool, typer.Option("--dot", help="Print the graph in the DOT language, only.")] = False,
    svg: Annotated[Path | None, typer.Option(metavar="FILE", help="Draw the graph into an SVG file.")] = None,
) -> None:
    """Show how a scalar function is differentiated: primal, tangent and adjoint of every step."""
    import numpy as np

    found = _find_problem(problem)
    if point > len(found.points):
        raise BadArgument("--point", f"1 to {len(found.points)} for {found.name}", point)
    instance = found.instances(seed)[point - 1]
    if instance.layout.output != ():
        raise BadArgument(
            f"{found.name}", "a problem with a scalar output", f"output of shape {instance.layout.output}"
        )
    if wrt and wrt not in found.wrt:
        raise UnknownName("differentiated input", wrt, found.wrt)
    with np.errstate(all="ignore"):  # an infinite slope is shown, not warned of
        graph = _graph(instance)
        if dot:
            typer.echo(graph.dot(), nl=False)
        elif steps or words:
            _print_head(instance)
            for text in [graph.in_words()] * words + [graph.steps()] * steps:
                typer.echo(f"\n{text}")
        else:
            _print_tables(graph, instance, wrt or found.wrt[0])
        if svg is not None:
            _write(svg, graph.svg())
            typer.echo(f"wrote {svg}", err=dot)


@app.command()
@_clear_errors
def report(
    run_directory: Annotated[Path, typer.Argument(metavar="RUN", help="Directory or results file of a run.")],
) -> None:
    """Write the report of a run again, and export its tables as CSV and Parquet."""
    from gradcheck.results import Results

    results = Results.read(run_directory)
    directory = run_directory if run_directory.is_dir() else run_directory.parent
    _print_summary(results)
    _write_reports(results, directory)
    for path in results.export(directory):
        typer.echo(f"wrote {path}")


class _Spread(TyperCommand):
    """A command whose option --args takes every word up to the next option, and that knows its own words."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        ctx.meta["words"] = tuple(args)
        return super().parse_args(ctx, spread(args, "--args"))


@app.command(cls=_Spread)
@_clear_errors
def verify(
    context: typer.Context,
    target: Annotated[str, typer.Argument(metavar="TARGET", help="module:function or my_file.py:function.")],
    args: Annotated[
        list[str] | None,
        typer.Option(metavar="EXPR...", help="Its arguments in Python, with np, draws, torch, jnp."),
    ] = None,
    vjp: Annotated[str, typer.Option(metavar="TARGET", help="vjp(*args, cotangent) to judge.")] = "",
    jvp: Annotated[str, typer.Option(metavar="TARGET", help="jvp(*args, *tangents) to judge.")] = "",
    grad: Annotated[str, typer.Option(metavar="TARGET", help="grad(*args) to judge.")] = "",
    jac: Annotated[str, typer.Option(metavar="TARGET", help="jac(*args) to judge.")] = "",
    hvp: Annotated[str, typer.Option(metavar="TARGET", help="hvp(*args, *tangents) to judge.")] = "",
    order: Annotated[int, typer.Option(help="Highest order of derivative.")] = 1,
    modes: Annotated[
        list[str] | None,
        typer.Option(metavar="MODES", help="reverse, forward, batched, linearized. [default: reverse]"),
    ] = None,
    wrt: Annotated[
        list[str] | None,
        typer.Option(metavar="PATH", help="Argument to differentiate by, repeated. [default: all]"),
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Seed of every draw. [default: fresh, shown]")] = None,
    budget: Annotated[int | None, typer.Option(help="Most evaluations of the function.")] = None,
    convention: Annotated[str, typer.Option(help="Of complex derivatives: torch or jax.")] = "torch",
    strict: Annotated[bool, typer.Option("--strict", help="Exit with 3 when inconclusive.")] = False,
) -> None:
    """Judge a derivative written by hand, or the framework's own where none is given."""
    from gradcheck.judge.verification import verify as judge
    from gradcheck.targets import evaluated, load, load_module

    if not args:
        raise BadArgument("--args", "one Python expression per argument of the function", "none")
    if seed is not None and seed < 0:
        raise BadArgument("--seed", "0 or a positive number", seed)
    chosen = secrets.randbits(32) if seed is None else seed
    function = load(target)
    given = {"vjp": vjp, "jvp": jvp, "grad": grad, "jac": jac, "hvp": hvp}
    verdict = judge(
        function,
        evaluated(args, vars(load_module(target)), chosen),
        **{name: load(text) for name, text in given.items() if text},
        wrt=[int(path) if path.isdigit() else path for path in wrt or ()] or None,
        order=order,
        modes=_names(modes) or None,
        seed=chosen,
        budget=budget,
        convention=convention,
    )
    words = [*context.meta["words"], *(["--seed", str(chosen)] if seed is None else [])]
    _print_verdict(verdict, ["gradcheck", "verify", *words])
    raise typer.Exit({"pass": 0, "fail": 1, "inconclusive": 3 if strict else 0}[verdict.status.value])


@app.command()
@_clear_errors
def audit(
    target: Annotated[
        str, typer.Argument(help="The derivative: module:function or my_file.py:Class.method.")
    ] = "",
    command: Annotated[
        list[str] | None, typer.Argument(metavar="-- COMMAND", help="What runs its tests, last.")
    ] = None,
    only: Annotated[
        list[str] | None, typer.Option(help="Saboteurs, repeated or separated by commas. [default: all]")
    ] = None,
    jobs: Annotated[
        int | None, typer.Option(help="Runs at a time. [default: one per processor]", min=1)
    ] = None,
    limit: Annotated[
        float | None, typer.Option(help="Seconds a run may take. [default: by the first run]", min=0.1)
    ] = None,
    list_all: Annotated[bool, typer.Option("--list", help="Show the saboteurs and run nothing.")] = False,
) -> None:
    """Spoil a derivative in every way people do, and show which mistakes its tests notice."""
    from gradcheck.audit import Fate, known_saboteurs
    from gradcheck.audit import audit as execute

    if list_all:
        table = _table("saboteur", "what it does")
        for saboteur in known_saboteurs(_names(only)):
            table.add_row(saboteur.name, saboteur.title)
        _console().print(table)
        return
    with _Progress() as progress:
        audited = execute(target, command or (), only=_names(only), jobs=jobs, limit=limit, progress=progress)
    table = _table("saboteur", "what it does", "tests")
    for trial in audited.trials:
        table.add_row(trial.saboteur.name, trial.saboteur.title, trial.fate.value)
    console = _console()
    console.print(table)
    noticed, missed, idle = (len(audited.of(fate)) for fate in Fate)
    console.print(f"{noticed} of {noticed + missed} mistakes would have been noticed")
    if idle:
        console.print(f"{idle} more change nothing in these tests, which says nothing about them")
    raise typer.Exit(1 if missed else 0)


def _names(options: list[str] | None) -> list[str]:
    """Names given as repeated options, or several in one, separated by commas."""
    return [name.strip() for option in options or () for name in option.split(",") if name.strip()]


def _find_problem(name: str) -> Problem:
    from gradcheck.catalogue import find_suites

    suite, _, problem = name.rpartition("/")
    offered = {p.name: p for s in find_suites((suite,) if suite else ()) for p in s.problems.values()}
    if problem not in offered:
        raise UnknownName("problem", problem, offered)
    return offered[problem]


def _write_reports(results: Results, directory: Path) -> None:
    from importlib.metadata import entry_points

    for entry in entry_points(group="gradcheck.reporters"):
        try:
            paths: Sequence[Path] = entry.load()(results, directory)
        except ModuleNotFoundError as error:
            typer.echo(
                f"gradcheck: {MissingExtra(f'the {entry.name} report', str(error.name), 'reports')}", err=True
            )
            continue
        for path in paths:
            typer.echo(f"report: {path}")


def _print_summary(results: Results) -> None:
    from collections import Counter

    from gradcheck.results import Outcome

    console = _console()
    rows: dict[tuple[str, str, str], Counter[Outcome]] = {}
    digits: dict[tuple[str, str, str], list[float]] = {}
    for cell in results.cells:
        key = cell.backend, cell.device, cell.dtype
        rows.setdefault(key, Counter())[cell.outcome] += 1
        if cell.outcome in (Outcome.EXACT, Outcome.OK) and cell.digits == cell.digits:
            digits.setdefault(key, []).append(cell.digits)
    varying = [at for at in range(3) if at == 0 or len({key[at] for key in rows}) > 1]
    groups: tuple[tuple[str, tuple[Outcome, ...]], ...] = (
        ("exact", (Outcome.EXACT,)),
        ("ok", (Outcome.OK,)),
        ("conv.", (Outcome.CONVENTION,)),
        ("undef.", (Outcome.UNDEFINED,)),
        ("failed", tuple(outcome for outcome in Outcome if outcome.failed)),
        ("not run", (Outcome.UNSUPPORTED, Outcome.NO_DEVICE, Outcome.NOT_INSTALLED)),
    )
    table = _table(
        "backend",
        *(name for name, _ in groups),
        "digits",
        right=(*(name for name, _ in groups), "digits"),
    )
    for key, counts in rows.items():
        label = " ".join(key[at] for at in varying)
        typical = sorted(digits[key])[len(digits[key]) // 2] if key in digits else None
        numbers = (str(sum(counts[outcome] for outcome in outcomes) or "") for _, outcomes in groups)
        table.add_row(label, *numbers, f"{typical:.1f}" if typical is not None else "")
    console.print(table)
    wrong = [check for check in results.published if check.status == "disagrees"]
    undefined = [check for check in results.published if check.status == "undefined"]
    if results.published:
        console.print(
            f"{len(results.published)} printed values: {len(wrong)} wrong in print, "
            f"{len(undefined)} without a derivative" + (" (printed, true):" if wrong or undefined else "")
        )
    for check in [*wrong, *undefined]:
        console.print(
            f"  {check.source}: {check.problem}, {check.quantity}: {check.printed}, {_shortened(check.true)}"
        )


def _shortened(number: str) -> str:
    """A long decimal to 7 digits; text as it is."""
    try:
        return f"{float(number):.7g}"
    except ValueError:
        return number


def _print_verdict(verdict: Verdict, again: list[str]) -> None:
    from gradcheck.folding import folded, folded_command

    text = str(verdict).replace(f"; again: {verdict.replay}", "")  # here the command is what repeats it
    typer.echo(folded(text, WIDTH))
    typer.echo(f"again:\n  {folded_command(again, WIDTH - 2)}")


def _graph(instance: Instance) -> Graph:
    from gradcheck import engine

    names = instance.problem.wrt
    f = instance.bind(engine.xp, instance.arrays)
    return engine.trace(f, names)(*(instance.arrays[name] for name in names))


def _print_head(instance: Instance) -> None:
    problem, console = instance.problem, _console()
    console.print(f"[bold]{problem.name}[/]  {problem.formula}", highlight=False)
    if problem.why:
        console.print(f"why: {problem.why}", highlight=False)
    console.print(f"at {instance.point.label}", highlight=False)


def _print_tables(graph: Graph, instance: Instance, wrt: str) -> None:
    console, y = _console(), graph.result
    _print_head(instance)
    count = len(graph.tape.nodes)
    adjoints = graph.backward()
    everywhere = " everywhere" if instance.arrays[wrt].ndim else ""
    steps = [f"{graph.name(i)} = {graph.expression(i)}" for i in range(count)]
    for title, heading, values, order in (
        ("forward primal", "value", graph.primals(), range(count)),
        (f"forward tangent, d {wrt} = 1{everywhere}", f"dv/d{wrt}", graph.tangents(wrt), range(count)),
        (f"reverse adjoint, d {y} = 1", f"d{y}/dv", adjoints, range(count - 1, -1, -1)),
    ):
        table = _table("step", heading, right=(heading,))
        for i in order:
            table.add_row(steps[i], _number(values[i]))
        console.print(f"\n[bold]{title}[/]", highlight=False)
        console.print(table)
    console.print(
        f"{y} = {graph.name(graph.output)} = {_number(graph.primals()[graph.output])}", highlight=False
    )
    for i, name in enumerate(instance.problem.wrt):
        console.print(f"d{y}/d{name} = {_number(adjoints[i])}", highlight=False)


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise BadArgument("--svg", "a file that can be written", f"{path}: {error.strerror}") from error


def _number(value: Any) -> str:
    import numpy as np

    array = np.asarray(value, dtype=float)
    if array.ndim == 0:
        return f"{array.item():.10g}"
    text = np.array2string(array, precision=4, suppress_small=False, threshold=12, edgeitems=2, separator=" ")
    return " ".join(text.split())


def _console() -> Any:
    from rich.console import Console

    return Console(soft_wrap=False, width=None if sys.stdout.isatty() else WIDTH, highlight=False)


def _table(*columns: str, right: Sequence[str] = ()) -> Any:
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for column in columns:
        number = column in right
        table.add_column(
            column, justify="right" if number else "left", overflow="fold", no_wrap=number and len(column) < 8
        )
    return table


class _Progress:
    """A progress bar with the time left, on a terminal; nothing elsewhere."""

    def __enter__(self) -> Callable[[int, int, str], None]:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        self._bar = Progress(
            TextColumn("{task.description:<40.40}"),
            BarColumn(bar_width=None),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            console=Console(stderr=True),
            transient=True,
            disable=not sys.stderr.isatty(),
        )
        self._bar.start()
        task = self._bar.add_task("starting", total=None)

        def advance(done: int, total: int, label: str) -> None:
            self._bar.update(task, completed=done, total=total, description=label)

        return advance

    def __exit__(self, *_: object) -> None:
        self._bar.stop()
