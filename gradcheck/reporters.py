"""Finding reporters and letting them write: a format is an entry point of ``gradcheck.reporters``.

It names a function ``write(results, directory, *, language, before)`` that returns the files it wrote.
"""

from __future__ import annotations

from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import TYPE_CHECKING

from gradcheck.errors import BadArgument, BadPlugin, MissingExtra

if TYPE_CHECKING:
    from gradcheck.results import Results

GROUP = "gradcheck.reporters"
LANGUAGES = ("en", "es")
DEFAULT = "html"


def available_reporters() -> dict[str, EntryPoint]:
    """Every installed reporter by the name of its format; none is loaded."""
    return {entry.name: entry for entry in entry_points(group=GROUP)}


def write_report(
    form: str, results: Results, directory: Path, *, language: str = "en", before: Results | None = None
) -> list[Path]:
    """Let one reporter write a run into a directory, which is made when missing.

    Parameters
    ----------
    form
        One of :func:`available_reporters`.
    results, directory
        The run, and where its report goes.
    language
        Of the words of the report.
    before
        An earlier run to compare with.

    Returns
    -------
    list of Path
        The files written.

    Raises
    ------
    MissingExtra
        When a package the reporter needs is not installed.
    BadPlugin
        When the reporter cannot be loaded for another reason.
    BadArgument
        When the directory cannot be written.
    """
    entry = available_reporters()[form]
    try:
        write = entry.load()
    except ModuleNotFoundError as error:
        raise MissingExtra(f"the {form} report", str(error.name), "reports") from error
    except Exception as error:
        raise BadPlugin(GROUP, form, error) from error
    try:
        directory.mkdir(parents=True, exist_ok=True)
        return list(write(results, directory, language=language, before=before))
    except OSError as error:
        raise BadArgument(
            "--out", "a directory that can be written", f"{error.filename}: {error.strerror}"
        ) from error
