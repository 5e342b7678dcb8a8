"""Where and with what the run was made."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from ..markup import render
from ..page import Section

if TYPE_CHECKING:
    from gradcheck import Results


def _facts(value: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], str]]:
    """Every leaf of a nested value, with the names that lead to it."""
    if isinstance(value, Mapping) and value:
        for key, inner in value.items():
            yield from _facts(inner, (*path, str(key)))
    elif isinstance(value, list | tuple) and not any(
        isinstance(item, Mapping | list | tuple) for item in value
    ):
        yield path, ", ".join(map(str, value)) or "none"
    elif isinstance(value, list | tuple):
        for number, inner in enumerate(value):
            yield from _facts(inner, (*path, str(number)))
    else:
        yield path, "none" if value is None or isinstance(value, Mapping) else str(value)


def _render(results: Results) -> str:
    if not results.environment:
        return ""
    return render("environment.html", facts=list(_facts(results.environment)))


environment = Section(name="environment", title="Environment", order=70, render=_render)
