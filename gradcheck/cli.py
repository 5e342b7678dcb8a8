"""The command line: parse and call. It decides nothing; :mod:`gradcheck.terminal` prints.

Exit codes: 0 nothing failed, 1 a backend failed a cell or a derivative is wrong, 2 a mistake in the call,
3 the evidence does not decide, where --strict counts that as a failure.
"""

from __future__ import annotations

import secrets
import sys
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperCommand

from gradcheck.errors import BadArgument, BadResults, GradcheckError, MissingExtra, UnknownName
from gradcheck.targets import spread

if TYPE_CHECKING:
    from gradcheck.engine import Graph
    from gradcheck.plan import Plan
    from gradcheck.problems import Instance, Problem
    from gradcheck.results import Results

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help="Verify derivatives and compare automatic-differentiation backends against a certified truth.",
)

_Formats = Annotated[
    list[str] | None,
    typer.Option("--to", help="html, md, junit, csv, parquet, json: any of them. [default: html]"),
]
_Language = Annotated[str, typer.Option("--lang", help="Language of html and md: en, es.")]


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
            typer.echo("gradcheck: interrupted.", err=True)
            raise typer.Exit(130) from None
        except BrokenPipeError:
            sys.stderr.close()
            raise typer.Exit(0) from None

    return guarded


@app.command()
@_clear_errors
def run(
    context: typer.Context,
    suites: Annotated[
        list[str] | None,
        typer.Argument(metavar="SUITE", help="Suite names or files; all when none is given."),
    ] = None,
    backend: Annotated[
        list[str] | None, typer.Option(help="Names, repeated or separated by commas. [default: all]")
    ] = None,
    device: Annotated[
        list[str] | None,
        typer.Option(help="cpu (one thread), cpus (all cores), cuda. [default: cpu]"),
    ] = None,
    dtype: Annotated[
        list[str] | None,
        typer.Option(help="float64, float32, float16, bfloat16. [default: float64]"),
    ] = None,
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
    rounds: Annotated[
        int, typer.Option(help="Timing samples per cell, at least; 0 for no timing.", min=0)
    ] = 15,
    budget: Annotated[
        float, typer.Option(help="Seconds of samples per cell, to narrow its interval.", min=0.0)
    ] = 0.01,
    processes: Annotated[
        int, typer.Option(help="Of each backend, to take the samples of a cell in turn.", min=1)
    ] = 1,
    cold: Annotated[
        bool, typer.Option("--cold", help="Time first calls in fresh processes as well (slow).")
    ] = False,
    largest: Annotated[int, typer.Option(help="Leave out larger sizes of sized problems.")] = 10_000_000,
    limit: Annotated[float, typer.Option(help="Seconds one answer may take.", min=0.1)] = 60.0,
    memory: Annotated[float, typer.Option(help="GiB one worker may hold; 0 for no limit.", min=0.0)] = 8.0,
    jobs: Annotated[
        int | None, typer.Option(help="Answers sought at a time. [default: one per core]", min=1)
    ] = None,
    resume: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Go on with the run in a directory.")
    ] = None,
    fail_on: Annotated[
        list[str] | None, typer.Option(help="Backends whose failures count for the exit code. [default: all]")
    ] = None,
    to: _Formats = None,
    lang: _Language = "en",
) -> None:
    """Differentiate every problem with every backend, judge, time, and write a report."""
    from gradcheck.backends.base import available_backends
    from gradcheck.execution import run as execute
    from gradcheck.plan import Plan, known
    from gradcheck.terminal.console import Bar
    from gradcheck.terminal.runs import show_run

    counting = known("backend", _names(fail_on), available_backends())
    reports = _Reports(to, lang)
    if resume is not None:
        out, plan = resume, _plan_of(resume, context)
    else:
        plan = Plan.of(
            *(suites or ()),
            backends=_names(backend),
            devices=_names(device),
            dtypes=_names(dtype) or ("float64",),
            operators=_names(operator),
            select=select,
            seed=seed,
            rounds=rounds,
            budget=budget,
            processes=processes,
            cold=cold,
            largest=largest,
        )
    try:
        with Bar() as progress:
            results = execute(
                plan,
                out=out,
                resume=resume is not None,
                isolated=True,
                limit=limit,
                memory=int(memory * 2**30) or None,
                jobs=jobs,
                progress=progress,
            )
    except KeyboardInterrupt:
        typer.echo(
            f"gradcheck: interrupted; what is done is in {out}. Read it with: gradcheck report {out}; "
            f"go on with: gradcheck run --resume {out}",
            err=True,
        )
        raise typer.Exit(130) from None
    show_run(results)
    written = reports.write(results, out)
    counted = [cell for cell in results.failures() if not counting or cell.backend in counting]
    raise typer.Exit(2 if not written else 1 if counted else 0)


_WITH_RESUME = ("resume", "limit", "memory", "jobs", "fail_on", "to", "lang")


def _plan_of(directory: Path, context: typer.Context) -> Plan:
    """The plan of the run in a directory; what was chosen then cannot be chosen again."""
    from gradcheck.plan import Plan
    from gradcheck.results import Results

    for name in context.params:
        given = context.get_parameter_source(name)
        if name not in _WITH_RESUME and given is not None and given.name == "COMMANDLINE":
            what = "SUITE" if name == "suites" else f"--{name.replace('_', '-')}"
            raise BadArgument("--resume", f"no {what} beside it: a run goes on as it was begun", what)
    named = Results.read(directory).environment.get("plan")
    if not named:
        raise BadResults(
            str(directory), "does not say with what it was run", "go on with it in Python, by its plan"
        )
    return Plan.again(named)


@app.command("list")
@_clear_errors
def list_(
    suites: Annotated[list[str] | None, typer.Argument(metavar="SUITE", help="Suite names or files.")] = None,
    select: Annotated[str, typer.Option(metavar="EXPR", help="Problems by name.")] = "",
) -> None:
    """Show the problems of suites: name, formula, and why each is there."""
    from gradcheck.catalogue import find_suites
    from gradcheck.errors import EmptySelection
    from gradcheck.terminal.choices import show_suites

    found = [suite.select(select) if select else suite for suite in find_suites(tuple(suites or ()))]
    if not any(suite.problems for suite in found):
        raise EmptySelection(f"no problem matches --select {select!r}")
    show_suites(found)


@app.command()
@_clear_errors
def backends() -> None:
    """Show the backends: version, devices, dtypes, what they do not offer, and how to install absent ones."""
    from gradcheck.backends.base import available_backends
    from gradcheck.terminal.choices import show_backends
    from gradcheck.workers import found_devices

    offered = available_backends()
    installed = {name: backend for name, backend in offered.items() if backend.installed}
    show_backends(offered.values(), found_devices(installed))


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

    from gradcheck.terminal.graphs import show_graph, show_head

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
            show_head(instance)
            for text in [graph.in_words()] * words + [graph.steps()] * steps:
                typer.echo(f"\n{text}")
        else:
            show_graph(graph, instance, wrt or found.wrt[0])
        if svg is not None:
            _write(svg, graph.svg())
            typer.echo(f"wrote {svg}", err=dot)


@app.command()
@_clear_errors
def report(
    run_directory: Annotated[Path, typer.Argument(metavar="RUN", help="Directory or results file of a run.")],
    to: _Formats = None,
    lang: _Language = "en",
    against: Annotated[
        Path | None, typer.Option(metavar="RUN", help="An earlier run that the report compares it with.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Directory for the reports. [default: that of the run]")
    ] = None,
) -> None:
    """Show a run again and write its report, in as many forms as are named."""
    from gradcheck.comparing import compare as compared
    from gradcheck.results import Results
    from gradcheck.terminal.comparisons import show_comparison
    from gradcheck.terminal.runs import show_run

    reports = _Reports(to, lang)
    results = Results.read(run_directory)
    before = Results.read(against) if against else None
    changes = compared(before, results) if before else None
    show_run(results)
    if changes:
        show_comparison(changes)
    raise typer.Exit(0 if reports.write(results, out or _home(run_directory), before) else 2)


@app.command()
@_clear_errors
def compare(
    before: Annotated[Path, typer.Argument(metavar="A", help="Directory or results file of a run.")],
    after: Annotated[Path, typer.Argument(metavar="B", help="Of another, later run.")],
    fail_on: Annotated[
        str, typer.Option(metavar="slower:P%", help="Exit with 1 also for a cell more than P % slower.")
    ] = "",
    to: Annotated[
        list[str] | None,
        typer.Option(help="Write reports of B that compare it with A: md, html, ... [default: none]"),
    ] = None,
    lang: _Language = "en",
    out: Annotated[Path | None, typer.Option(help="Directory for the reports. [default: that of B]")] = None,
) -> None:
    """Show what changed from one run to another, in verdicts and, beyond noise, in time."""
    from gradcheck.comparing import compare as execute
    from gradcheck.comparing import threshold
    from gradcheck.results import Results
    from gradcheck.terminal.comparisons import show_comparison

    limit = threshold(fail_on) if fail_on else None
    reports = _Reports(to, lang)
    first, second = Results.read(before), Results.read(after)
    found = execute(first, second)
    show_comparison(found)
    slower = found.slower(limit) if limit is not None else []
    if limit is not None:
        typer.echo(f"{len(slower)} slower by more than {100 * limit:g} %, interval and all")
    written = reports.write(second, out or _home(after), first) if to else True
    raise typer.Exit(2 if not written else 1 if found.worse or slower else 0)


@app.command("check-backend")
@_clear_errors
def check_backend(
    name: Annotated[str, typer.Argument(help="Name of a backend: one of `gradcheck backends`.")],
    device: Annotated[str, typer.Option(help="cpu, cpus, cuda.")] = "cpu",
    limit: Annotated[float, typer.Option(help="Seconds all checks may take.", min=1.0)] = 900.0,
) -> None:
    """Check that a backend keeps what the harness relies on: waits, dtypes, devices, shapes, errors."""
    from gradcheck.backends.base import available_backends
    from gradcheck.conformance import check_backend as execute
    from gradcheck.devices import DEVICES
    from gradcheck.plan import known
    from gradcheck.terminal.judgements import show_checks
    from gradcheck.workers import Seat, Workers

    offered = available_backends()
    known("backend", [name], offered)
    known("device", [device], DEVICES)
    if not offered[name].installed:
        raise offered[name].missing()
    with Workers({name: offered[name]}, limit) as staff:
        rows = staff.submit(Seat(name, device), "apply", execute).result()
    show_checks(rows, name, device)
    raise typer.Exit(1 if any(row.outcome == "failed" for row in rows) else 0)


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
    from gradcheck.terminal.judgements import show_verdict

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
    show_verdict(verdict, ["gradcheck", "verify", *words])
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
    from gradcheck.terminal.choices import show_saboteurs
    from gradcheck.terminal.console import Bar
    from gradcheck.terminal.judgements import show_audit

    if list_all:
        show_saboteurs(known_saboteurs(_names(only)))
        return
    with Bar() as progress:
        audited = execute(target, command or (), only=_names(only), jobs=jobs, limit=limit, progress=progress)
    show_audit(audited)
    raise typer.Exit(1 if audited.of(Fate.MISSED) else 0)


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


def _home(run: Path) -> Path:
    """The directory of a run, which may be named by its file."""
    return run if run.is_dir() else run.parent


class _Reports:
    """The reports a call asks for, their names checked before anything is done."""

    def __init__(self, forms: list[str] | None, language: str) -> None:
        from gradcheck.plan import known
        from gradcheck.reporters import DEFAULT, LANGUAGES, available_reporters

        offered = available_reporters()
        self._asked = known("format", _names(forms), offered)
        self._forms = self._asked or tuple(name for name in (DEFAULT,) if name in offered)
        (self._language,) = known("language", [language], LANGUAGES)

    def write(self, results: Results, directory: Path, before: Results | None = None) -> bool:
        """Write all that can be; whether everything that was asked for by name is there."""
        from gradcheck.reporters import write_report

        missing = False
        for form in self._forms:
            try:
                paths = write_report(form, results, directory, language=self._language, before=before)
            except MissingExtra as error:
                typer.echo(f"gradcheck: {error}", err=True)
                missing = True
                continue
            for path in paths:
                typer.echo(f"wrote {path}")
        return not (missing and self._asked)


def _graph(instance: Instance) -> Graph:
    from gradcheck import engine

    names = instance.problem.wrt
    f = instance.bind(engine.xp, instance.arrays)
    return engine.trace(f, names)(*(instance.arrays[name] for name in names))


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise BadArgument("--svg", "a file that can be written", f"{path}: {error.strerror}") from error
