"""Text fitted to a width: what is too long goes on in the next line, two columns further in."""

from __future__ import annotations

import shlex
import textwrap
from collections.abc import Sequence


def folded(text: str, width: int, *, most: int | None = None) -> str:
    """Text whose lines are at most ``width`` columns long.

    Parameters
    ----------
    text
        Lines; their indentation is kept.
    width
        Columns a line may have.
    most
        Lines the text may have; the last one then says how many were left out.
    """
    lines: list[str] = []
    for line in text.splitlines():
        body = line.lstrip()
        lead = line[: len(line) - len(body)][: width // 2]
        parts = textwrap.wrap(
            body, width, initial_indent=lead, subsequent_indent=f"{lead}  ", break_on_hyphens=False
        )
        lines.extend(parts or [""])
    if most is not None and len(lines) > most:
        lines = [*lines[: most - 1], f"({len(lines) - most + 1} more lines)"]
    return "\n".join(lines)


def folded_command(words: Sequence[str], width: int) -> str:
    """A shell command that goes on over lines that end in a backslash, and can be pasted as it is.

    Parameters
    ----------
    words
        The command's words; they are quoted where a shell needs it.
    width
        Columns a line may have; a word is never broken, and an option stays with its value.
    """
    parts: list[str] = []
    for word in map(_quoted, words):
        if parts and parts[-1].startswith("--") and " " not in parts[-1] and not word.startswith("--"):
            parts[-1] += f" {word}"
        else:
            parts.append(word)
    lines = parts[:1]
    for part in parts[1:]:
        if len(lines[-1]) + len(part) + 3 <= width:  # room for a space on either side and the backslash
            lines[-1] += f" {part}"
        else:
            lines.append(f"    {part}")
    return " \\\n".join(lines)


def _quoted(word: str) -> str:
    """A word for a shell; in double quotes where it has single ones, as Python's dicts of names have."""
    return f'"{word}"' if "'" in word and not set(word) & set('"$`\\!') else shlex.quote(word)
