"""Where and with what the run was made: machine, packages, workers with their switches, and the noise."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from gradcheck import noise_bound

from ..markup import render
from ..notation import seconds
from ..page import Section

if TYPE_CHECKING:
    from ..report import Report


def _facts(value: Any, none: str, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], str]]:
    """Every leaf of a nested value, with the names that lead to it; ``none`` stands for nothing."""
    if isinstance(value, Mapping) and value:
        for key, inner in value.items():
            yield from _facts(inner, none, (*path, str(key)))
    elif isinstance(value, list | tuple) and not any(
        isinstance(item, Mapping | list | tuple) for item in value
    ):
        yield path, ", ".join(map(str, value)) or none
    elif isinstance(value, list | tuple):
        for number, inner in enumerate(value):
            yield from _facts(inner, none, (*path, str(number)))
    else:
        yield path, none if value is None or isinstance(value, Mapping) else str(value)


def _render(report: Report) -> str:
    known = {**report.results.environment, **_measured(report)}
    if not known:
        return ""
    return render("environment.html", report.words, facts=list(_facts(known, report.words("none"))))


def _measured(report: Report) -> dict[str, Any]:
    """What the run found out about its workers and about the noise of its times."""
    found: dict[str, Any] = {}
    results, words = report.results, report.words
    if results.controls:
        floor = noise_bound(results.controls)
        calls = words(
            "%(n)s identical calls, a bound for %(share)s of others",
            n=len(results.controls),
            share=f"{floor.of_100} %",
        )
        found[words("noise floor")] = f"{floor.value:.1%} ({calls})"
    if results.workers:
        found[words("workers")] = {
            words("%(backend)s on %(device)s", backend=worker.backend, device=worker.device): {
                words("version"): worker.version,
                words("loads in"): seconds(worker.start),
                words("timing adds"): words("%(time)s a call", time=seconds(worker.overhead)),
                words("threads"): dict(worker.threads),
                **worker.settings,
            }
            for worker in results.workers
        }
    return found


environment = Section(name="environment", title="Environment", order=100, render=_render)
