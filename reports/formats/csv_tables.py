"""The tables of a run as CSV."""

from __future__ import annotations

from pathlib import Path

from gradcheck import Results


def write(
    results: Results, directory: Path, *, language: str = "en", before: Results | None = None
) -> list[Path]:
    """Write ``cells.csv``, ``published.csv`` and ``samples.csv``, a row per cell and round."""
    return results.export(directory, ["csv"])
