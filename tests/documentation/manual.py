"""The pages of the documentation, and the code blocks on them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from markdown_it import MarkdownIt

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", *sorted(DOCS.rglob("*.md"))]


@dataclass(frozen=True)
class Block:
    """A code block: where it stands, in which language, and what it says."""

    page: str
    line: int
    language: str
    text: str

    @property
    def place(self):
        """Page and line, as an editor opens them."""
        return f"{self.page}:{self.line}"

    @property
    def name(self):
        """The file that a block gives the content of, by its first line; empty for none."""
        found = re.match(r"# (\S+\.py)\n", self.text)
        return found[1] if found else ""

    def commands(self):
        """Every command and the output beneath it; without a ``$`` at the start, all lines are commands."""
        if not self.text.startswith("$ "):
            return [(line, "") for line in _joined(self.text).splitlines() if line.strip()]
        parts = re.findall(r"(?m)^\$ ((?:.*\\\n)*.*)\n((?:(?!\$ ).*\n?)*)", self.text)
        return [(_joined(command), shown) for command, shown in parts]


def blocks(text: str, page: str) -> Iterator[Block]:
    """The code blocks of a page in order; one indented instead of fenced has no language."""
    for token in MarkdownIt().parse(text):
        if token.type in ("fence", "code_block"):
            yield Block(page, token.map[0] + 1, token.info.strip(), _included(token.content))


def _included(text: str) -> str:
    """A block with the files that it takes in from the folder of the documentation."""
    return re.sub(r'(?m)^--8<-- "(.+)"$', lambda found: (DOCS / found[1]).read_text(encoding="utf-8"), text)


def _joined(text: str) -> str:
    """Lines that go on in the next one as one."""
    return re.sub(r"\\\n\s*", "", text)


def links(text: str) -> Iterator[str]:
    """Where the links and pictures of a page lead."""
    for token in MarkdownIt().parse(text):
        for part in token.children or ():
            if part.type in ("link_open", "image"):
                yield part.attrs.get("href") or part.attrs["src"]
