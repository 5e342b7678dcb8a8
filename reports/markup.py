"""The one template environment: everything put into a page is escaped unless it is already markup."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from . import notation

FOLDER = Path(__file__).parent


def breakable(name: str) -> Markup:
    """A name that may break after an underscore, where a column is narrow."""
    return Markup("_<wbr>").join(name.split("_"))


environment = Environment(
    loader=FileSystemLoader(FOLDER),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
environment.filters.update(
    breakable=breakable,
    count=notation.count,
    decimal=notation.decimal,
    digits=notation.digits,
    magnitude=notation.magnitude,
    plural=notation.plural,
    tone=notation.tone,
)


def render(name: str, **values: Any) -> str:
    """A template of this folder, filled in; ``parts.html`` holds the macros that templates share."""
    return environment.get_template(name).render(values)
