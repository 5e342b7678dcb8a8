"""What the site has beside its pages: the reference of the command line, from the program itself."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

from mkdocs.structure.files import File, Files

_PAGE = "reference/command-line.md"
_HEAD = "# Command line\n\n"


def on_files(files: Files, config: Any) -> Files:
    """Add the page that ``typer`` writes about ``gradcheck``."""
    command = [sys.executable, "-m", "typer", "gradcheck.cli", "utils", "docs", "--name", "gradcheck"]
    written = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    files.append(File.generated(config, _PAGE, content=_HEAD + written.partition("\n")[2]))
    return files
