"""The words of the page in the reader's language, from message catalogues in ``locale/``."""

from __future__ import annotations

from functools import cache
from gettext import GNUTranslations, NullTranslations
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from markupsafe import Markup, escape

from gradcheck import UnknownName

if TYPE_CHECKING:
    from babel.messages.catalog import Catalog

FOLDER = Path(__file__).parent / "locale"
SOURCE = "en"  # what templates and sections are written in


def languages() -> list[str]:
    """The languages a page can be written in."""
    return [SOURCE, *sorted(path.stem for path in FOLDER.glob("*.po"))]


class Words:
    """Messages of one language: ``words("%(n)s of them", n=3)``.

    Parameters
    ----------
    language
        One of :func:`languages`.

    Raises
    ------
    UnknownName
        When there is no such language.
    """

    def __init__(self, language: str = SOURCE) -> None:
        if language not in languages():
            raise UnknownName("language", language, languages())
        self.language = language
        self._messages = _messages(language)

    def __call__(self, message: str, **values: object) -> str:
        """A message, with values put in where it names them."""
        said = self._messages.gettext(message) if message else ""  # no message is the catalogue's own head
        return said % values if values else said

    def rich(self, message: str, **values: object) -> Markup:
        """A message that holds markup; the values put in are escaped, unless they are markup themselves."""
        return Markup(self._messages.gettext(message)) % {key: escape(value) for key, value in values.items()}

    def count(self, number: int, one: str, many: str, **values: object) -> str:
        """A message for one thing or for many, which says the number as ``%(n)s``."""
        from .notation import count

        return self._messages.ngettext(one, many, number) % {"n": count(number), **values}

    @property
    def dictionary(self) -> dict[str, str]:
        """The messages of the page's own scripts, and their translations."""
        if self.language == SOURCE:
            return {}
        return {
            str(message.id): str(message.string)
            for message in _catalogue(self.language)
            if message.string and any(file.endswith(".js") for file, _ in message.locations)
        }


@cache
def _catalogue(language: str) -> Catalog:
    with (FOLDER / f"{language}.po").open("rb") as file:
        return read_po(file, locale=language)


@cache
def _messages(language: str) -> NullTranslations:
    if language == SOURCE:
        return NullTranslations()
    compiled = BytesIO()
    write_mo(compiled, _catalogue(language))
    compiled.seek(0)
    return GNUTranslations(compiled)
