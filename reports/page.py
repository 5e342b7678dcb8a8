"""The page: every section in its order, in one file that loads nothing."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from markupsafe import Markup

from gradcheck import Results, collect

from . import sections
from .markup import FOLDER, render

if TYPE_CHECKING:
    from collections.abc import Callable

FILE_NAME = "report.html"


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """One part of the page.

    Attributes
    ----------
    name
        The anchor of the section; unique.
    title
        Its heading.
    order
        Sections appear by rising order.
    render
        Results to a fragment of HTML; an empty string leaves the section out.
    """

    name: str
    title: str
    order: int
    render: Callable[[Results], str]


def page(results: Results) -> str:
    """The whole page as text; equal results give equal text."""
    ordered = sorted(collect(sections, Section).values(), key=lambda section: (section.order, section.name))
    rendered = [(section, section.render(results)) for section in ordered]
    return render(
        FILE_NAME,
        style=Markup((FOLDER / "report.css").read_text(encoding="utf-8")),
        sections=[(section, Markup(fragment)) for section, fragment in rendered if fragment],
        about=_about(results),
    )


def write(results: Results, directory: Path) -> list[Path]:
    """Write ``report.html`` into a directory, which is made when missing.

    Parameters
    ----------
    results
        A run.
    directory
        Where the page goes; an older page there is replaced.

    Returns
    -------
    list of Path
        The files written.
    """
    path = Path(directory) / FILE_NAME
    path.parent.mkdir(parents=True, exist_ok=True)
    # A name may hold half a surrogate pair, which UTF-8 cannot; one odd name must not cost the page.
    path.write_bytes(page(results).encode("utf-8", "replace"))
    return [path]


def _about(results: Results) -> list[str]:
    """What the run was made with, as far as its environment says so."""
    run = results.environment
    packages, machine = run.get("packages"), run.get("machine")
    known = (
        ("gradcheck", packages.get("gradcheck") if isinstance(packages, dict) else None),
        ("Python", run.get("python")),
        ("", machine.get("cpu") if isinstance(machine, dict) else None),
        ("seed", run.get("seed")),
    )
    return [f"{label} {value}".strip() for label, value in known if value is not None]
