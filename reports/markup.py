"""The one template environment: everything put into a page is escaped unless it is already markup."""

from __future__ import annotations

from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template

from . import notation

FOLDER = Path(__file__).parent

environment = Environment(
    loader=FileSystemLoader(FOLDER),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
environment.filters.update(
    count=notation.count,
    decimal=notation.decimal,
    digits=notation.digits,
    magnitude=notation.magnitude,
    plural=notation.plural,
    seconds=notation.seconds,
    tone=notation.tone,
)


def template(source: str) -> Template:
    """A section's template; ``parts.html`` holds the macros that sections share."""
    return environment.from_string(source.strip() + "\n")
