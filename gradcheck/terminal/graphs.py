"""A function at a point, and its derivative step by step in the tables of a lecture."""

from __future__ import annotations

from typing import Any

import numpy as np
from rich.text import Text

from gradcheck.engine import Graph
from gradcheck.problems import Instance
from gradcheck.terminal.console import console, table


def show_head(instance: Instance) -> None:
    """Print what is differentiated, why, and where."""
    problem, screen = instance.problem, console()
    screen.print(Text.assemble((problem.name, "bold"), f"  {problem.formula}"))
    if problem.why:
        screen.print(f"why: {problem.why}")
    screen.print(f"at {instance.point.label}")


def show_graph(graph: Graph, instance: Instance, wrt: str) -> None:
    """Print the primal, the tangent along one input and the adjoint of every step."""
    screen, y = console(), graph.result
    show_head(instance)
    count = len(graph.tape.nodes)
    adjoints = graph.backward()
    everywhere = " everywhere" if instance.arrays[wrt].ndim else ""
    steps = [f"{graph.name(i)} = {graph.expression(i)}" for i in range(count)]
    for title, heading, values, order in (
        ("forward primal", "value", graph.primals(), range(count)),
        (f"forward tangent, d {wrt} = 1{everywhere}", f"dv/d{wrt}", graph.tangents(wrt), range(count)),
        (f"reverse adjoint, d {y} = 1", f"d{y}/dv", adjoints, range(count - 1, -1, -1)),
    ):
        made = table("step", heading, right=(heading,))
        for i in order:
            made.add_row(steps[i], _number(values[i]))
        screen.print(Text(f"\n{title}", style="bold"))
        screen.print(made)
    screen.print(f"{y} = {graph.name(graph.output)} = {_number(graph.primals()[graph.output])}")
    for i, name in enumerate(instance.problem.wrt):
        screen.print(f"d{y}/d{name} = {_number(adjoints[i])}")


def _number(value: Any) -> str:
    array = np.asarray(value, dtype=float)
    if array.ndim == 0:
        return f"{array.item():.10g}"
    text = np.array2string(array, precision=4, suppress_small=False, threshold=12, edgeitems=2, separator=" ")
    return " ".join(text.split())
