"""Every message the reports say; ``python tests/specimens/messages.py`` brings the catalogues up to date.

A message is what ``words(...)``, ``words.rich(...)`` and ``words.count(n, one, many)`` are given: in Python,
in templates, and (plain ones only) in JavaScript. What is no literal there is named in ``COMPUTED``. New
messages come into a catalogue without a translation, and those that nobody says any more leave it.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import NamedTuple

import gradcheck_reports.sections
from babel.messages.catalog import Catalog
from babel.messages.extract import extract
from babel.messages.pofile import read_po, write_po
from gradcheck_reports import Section
from gradcheck_reports.language import FOLDER, SOURCE, languages
from jinja2 import Environment, nodes

from gradcheck import Outcome, collect

ROOT = Path(__file__).parents[2]
OUTCOMES = [outcome.value for outcome in Outcome]
SENTENCES = [outcome.sentence for outcome in Outcome]
TITLES = [section.title for section in collect(gradcheck_reports.sections, Section).values()]
COMPUTED = {
    "cell.outcome.value": OUTCOMES,
    "cell.truth": ["ball", "measured", "closed form", "closed form in float64"],
    "check.status": ["agrees", "disagrees", "undefined"],
    "fault.worst.outcome.value": OUTCOMES,
    "gap.outcome.sentence": SENTENCES,
    "message": ["%(n)s wrong", "%(n)s where no derivative exists", "%(n)s in agreement with the truth"],
    "name": ["fewest", "lower quartile", "median", "upper quartile", "most"],
    "one.after.outcome.value": OUTCOMES,
    "one.before.outcome.value": OUTCOMES,
    "outcome": OUTCOMES,
    "outcome.sentence": SENTENCES,
    "outcome.value": OUTCOMES,
    "section.title": TITLES,
    "title": TITLES,
}
"""The messages behind every expression that stands where a message does."""


class Said(NamedTuple):
    """A message and the file that says it; ``many`` is what it says of several things, where it counts."""

    file: str
    one: str
    many: str = ""


class Given(NamedTuple):
    """What a call is given for a message: a literal, or else an expression."""

    literal: str | None
    expression: str = ""


def said() -> list[Said]:
    """Every message, once for each place that says it."""
    return [message for file, call in calls() for message in _messages(file, call)]


def calls() -> Iterator[tuple[str, tuple[Given, ...]]]:
    """What every call is given: one message, or one for one thing and one for many."""
    reports = ROOT / "reports"
    scripts = [path for path in (reports / "assets").rglob("*.js") if path.parent.name != "vendor"]
    readers = (
        (in_python, [*reports.rglob("*.py"), ROOT / "gradcheck" / "summary.py"]),
        (in_template, (reports / "templates").glob("*.html")),
        (in_script, scripts),
    )
    for read, paths in readers:
        for path in sorted(paths):
            for given in read(path.read_text(encoding="utf-8")):
                yield path.relative_to(ROOT).as_posix(), given


def in_python(source: str) -> Iterator[tuple[Given, ...]]:
    """What a module says by ``words`` or ``report.words``."""
    for call in ast.walk(ast.parse(source)):
        if isinstance(call, ast.Call):
            given = [
                Given(getattr(argument, "value", None)) if isinstance(argument, ast.Constant)
                else Given(None, ast.unparse(argument))
                for argument in call.args
            ]  # fmt: skip
            yield from _wanted(ast.unparse(call.func).removeprefix("report."), given)


def in_template(source: str) -> Iterator[tuple[Given, ...]]:
    """What a template says."""
    for call in Environment().parse(source).find_all(nodes.Call):
        given = [
            Given(argument.value) if isinstance(argument, nodes.Const) else Given(None, _path(argument))
            for argument in call.args
        ]
        yield from _wanted(_path(call.node), given)


def in_script(source: str) -> Iterator[tuple[Given, ...]]:
    """What a script says."""
    options = {"parse_template_string": True}
    found = extract("javascript", BytesIO(source.encode()), {"words": None}, options=options)
    yield from ((Given(message),) for _, message, _, _ in found)
    computed = re.findall(r"(?<!function )\bwords\(([^\"\s,)][^,)]*)", source)
    yield from ((Given(None, expression),) for expression in computed)


def _wanted(name: str, given: list[Given]) -> Iterator[tuple[Given, ...]]:
    if name in ("words", "words.rich"):
        yield (given[0],)
    elif name == "words.count":
        yield (given[1], given[2])


def _path(node: nodes.Node) -> str:
    """An expression of names and attributes, as written."""
    if isinstance(node, nodes.Getattr):
        return f"{_path(node.node)}.{node.attr}"
    return node.name if isinstance(node, nodes.Name) else repr(node)


def _messages(file: str, given: tuple[Given, ...]) -> Iterator[Said]:
    first, *many = given
    if first.literal is None:
        yield from (Said(file, message) for message in COMPUTED.get(first.expression, ()))
    else:
        yield Said(file, first.literal, many[0].literal or "" if many else "")


def template() -> Catalog:
    """Every message without a translation, in the order of the places that say it."""
    made = Catalog(fuzzy=False)
    for file, one, many in said():
        made.add((one, many) if many else one, locations=[(file, 0)])
    return made


def update() -> None:
    """Bring the catalogue of every language up to date."""
    for language in set(languages()) - {SOURCE}:
        path = FOLDER / f"{language}.po"
        with path.open("rb") as file:
            catalogue = read_po(file, locale=language)
        catalogue.update(template(), no_fuzzy_matching=True, update_creation_date=False)
        with path.open("wb") as file:
            write_po(file, catalogue, width=110, ignore_obsolete=True, include_lineno=False)


if __name__ == "__main__":
    update()
