"""The page: every section in its order, in one file that loads nothing."""

from __future__ import annotations

import base64
import gc
import hashlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from markupsafe import Markup

from gradcheck import Results, collect

from . import sections
from .browser import browser_data
from .cells import group
from .embedding import embedded
from .language import Words
from .markup import FOLDER, render
from .report import Report

FILE_NAME = "report.html"


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """One part of the report.

    Attributes
    ----------
    name
        The anchor of the section; unique.
    title
        Its heading.
    order
        Sections appear by rising order.
    render
        A report to a fragment of HTML; an empty string leaves the section out.
    page
        The section on whose page it is shown; its own when empty.
    """

    name: str
    title: str
    order: int
    render: Callable[[Report], str]
    page: str = ""


def page(report: Report) -> str:
    """The whole page as text; equal results give equal text."""
    ordered = sorted(collect(sections, Section).values(), key=lambda section: (section.order, section.name))
    rendered = [(section, section.render(report)) for section in ordered]
    present = [(section, Markup(fragment)) for section, fragment in rendered if fragment]
    pages = group(present, lambda item: item[0].page or item[0].name)
    return render(
        FILE_NAME,
        report.words,
        style=Markup(_style()),
        libraries=embedded("libraries", _libraries()),
        script=Markup(_script()),
        digests=[_digest(_libraries()), _digest(_script())],
        pages=[(name, parts[0][0].title, parts) for name, parts in pages.items()],
        data=browser_data(report),
        about=_about(report.results, report.words),
    )


def write(
    results: Results, directory: Path, *, language: str = "en", before: Results | None = None
) -> list[Path]:
    """Write ``report.html`` into a directory, which is made when missing.

    Parameters
    ----------
    results
        A run.
    directory
        Where the page goes; an older page there is replaced.
    language
        Of the words of the page: ``en`` or ``es``.
    before
        An earlier run that the page compares this one with.

    Returns
    -------
    list of Path
        The files written.

    Raises
    ------
    UnknownName
        When there is no such language.
    """
    with _uncollected():
        text = page(Report(results, before, language))
    path = Path(directory) / FILE_NAME
    path.parent.mkdir(parents=True, exist_ok=True)
    # A name may hold half a surrogate pair, which UTF-8 cannot; one odd name must not cost the page.
    path.write_bytes(text.encode("utf-8", "replace"))
    return [path]


@contextmanager
def _uncollected() -> Iterator[None]:
    """Without the collector of garbage, which would look at every cell again and again and find none."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


@cache
def _style() -> str:
    return "\n".join(_assets("*.css"))


@cache
def _libraries() -> str:
    return "\n".join(_assets("vendor/*.js"))


@cache
def _script() -> str:
    """The page's own scripts in one scope, each drawing in one within."""
    drawings = [f"{{\n{drawing}\n}}" for drawing in _assets("drawings/*.js")]
    own = "\n".join([*_assets("app/*.js"), *drawings, "start();"])
    return f'(() => {{\n"use strict";\n{own}\n}})();\n'


@cache
def _digest(script: str) -> str:
    """By which the page's policy knows a script, and lets it run."""
    return base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()


def _assets(pattern: str) -> Sequence[str]:
    paths = sorted((FOLDER / "assets").glob(pattern))
    return [path.read_text(encoding="utf-8") for path in paths if not path.name.endswith(".entry.js")]


def _about(results: Results, words: Words) -> list[str]:
    """What the run was made with, as far as its environment says so."""
    run = results.environment
    packages, machine = run.get("packages"), run.get("machine")
    known = (
        ("gradcheck", packages.get("gradcheck") if isinstance(packages, dict) else None),
        ("Python", run.get("python")),
        ("", machine.get("cpu") if isinstance(machine, dict) else None),
        (words("seed"), run.get("seed")),
    )
    return [f"{label} {value}".strip() for label, value in known if value is not None]
