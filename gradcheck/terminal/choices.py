"""What there is to choose from: suites with their problems, backends, saboteurs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from rich.text import Text

from gradcheck.backends.base import Backend
from gradcheck.catalogue import Suite
from gradcheck.operators import OPERATORS
from gradcheck.saboteurs.base import Saboteur
from gradcheck.terminal.console import console, table


def show_suites(suites: Sequence[Suite]) -> None:
    """Print the problems of suites: name, formula and how many points."""
    screen = console()
    shown = [suite for suite in suites if suite.problems]
    for suite in shown:
        made = table("problem", "formula", "points")
        for problem in suite.problems.values():
            made.add_row(problem.name, problem.formula, str(len(problem.points)))
        screen.print(Text.assemble((suite.name, "bold"), f"  {suite.title} ({len(suite.problems)} problems)"))
        screen.print(made)
    screen.print(f"{sum(len(suite.problems) for suite in shown)} problems in {len(shown)} suites")


def show_backends(backends: Iterable[Backend], devices: Mapping[str, Sequence[str]]) -> None:
    """Print backends: version, devices, dtypes, what they do not offer, and how to install absent ones."""
    screen = console()
    made = table("backend", "version", "on", "bits", "how it differentiates")
    for backend in backends:
        if not backend.installed:
            made.add_row(backend.name, "no", "", "", f"pip install 'gradcheck[{backend.extra}]'")
            continue
        kinds = " ".join(device for device in devices[backend.name] if device != "cpus")
        made.add_row(backend.name, backend.version, kinds, _bits(backend.dtypes), _described(backend))
    screen.print(made)
    screen.print("on the CPU each runs with one thread (--device cpu) or one per core (--device cpus)")


def show_saboteurs(saboteurs: Iterable[Saboteur]) -> None:
    """Print saboteurs and what each does."""
    made = table("saboteur", "what it does")
    for saboteur in saboteurs:
        made.add_row(saboteur.name, saboteur.title)
    console().print(made)


def _described(backend: Backend) -> str:
    absent = [operator for operator in OPERATORS if operator not in backend.operators]
    limits = [f"no {', '.join(absent)}"] if absent else []
    if backend.on_request:
        limits.append(f"on request: {backend.on_request}")
    return "; ".join([backend.title, *limits])


def _bits(dtypes: Sequence[str]) -> str:
    """Dtypes in short: 64 32 16 b16."""
    return " ".join(name.replace("bfloat", "b").replace("float", "") for name in dtypes)
