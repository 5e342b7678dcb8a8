"""A reader who does what a page says, in order, in an empty folder, and complains where it is not so.

``python`` is executed in one namespace, or written to the file that its first line names; ``text`` is what
the ``python`` before it printed; ``console`` is run; ``bash`` and ``yaml``, which install, take long or run
elsewhere, are checked against the extras, sessions, commands and options that there are.
"""

from __future__ import annotations

import ast
import doctest
import io
import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from contextlib import redirect_stdout
from importlib.util import find_spec
from pathlib import Path
from unittest.mock import patch

import typer
import yaml
from typer.testing import CliRunner

from gradcheck.backends.base import available_backends
from gradcheck.cli import app
from manual import ROOT, Block

EXTRAS = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"][
    "optional-dependencies"
]
SESSIONS = [
    node.name for node in ast.parse((ROOT / "noxfile.py").read_text(encoding="utf-8")).body
    if isinstance(node, ast.FunctionDef) and node.decorator_list
]  # fmt: skip
OPTIONAL = {backend.requires for backend in available_backends().values() if backend.requires} | {"numba"}
PACKAGES = {"gradcheck": "gradcheck", "suites": "gradcheck_suites", "reports": "gradcheck_reports"}
HARMLESS = ("cat", "cp", "mkdir", "pytest")
_MEASURED = re.compile(r"\b\d+(\.\d+)?(e-?\d+)? ?m?s\b")
_SETTINGS = {
    "PYTEST_ADDOPTS": "-p no:cacheprovider -p no:xdist -p no:benchmark",
    "CI": "1",  # then Hypothesis minds no slow machine
}
_ENDS = ("&&", "||", "|", ";", ">", ">>")


class Complaint(AssertionError):
    """Something on a page is not as it says."""


class Planned(Exception):
    """A run got as far as it can without running."""


class Reader:
    """Reads one page.

    Parameters
    ----------
    folder
        Where files are written and commands run; the current directory, and first on the path of imports.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._namespace = {"__name__": "__main__"}
        self._printed = ""
        self._files: dict[str, str] = {}
        self.absent: dict[str, str] = {}
        """Where something was passed over, and the package that is not installed."""

    def read(self, block: Block) -> None:
        """Do what a block says.

        Raises
        ------
        Complaint
            When it is not so.
        """
        languages = {
            "python": self._python,
            "text": self._text,
            "console": self._console,
            "bash": self._bash,
            "yaml": self._yaml,
        }
        follow = languages.get(block.language)
        if follow is None:
            raise Complaint(f"{block.place}: nobody reads a block of {block.language or 'no language'!r}")
        try:
            follow(block)
        except Complaint as complaint:
            raise Complaint(f"{block.place}: {complaint}") from None

    def _python(self, block: Block) -> None:
        if block.name:
            self._write(block.name, block.text)
        elif not self._lacks(block, block.text):
            printed = io.StringIO()
            try:
                code = compile("\n" * block.line + block.text, block.page, "exec")
                with redirect_stdout(printed):
                    exec(code, self._namespace)
            except Exception as error:
                raise Complaint(f"{type(error).__name__}: {error}") from error
            self._printed = printed.getvalue()

    def _text(self, block: Block) -> None:
        if block.page not in {place.partition(":")[0] for place in self.absent}:
            _compare(block.text, self._printed)

    def _console(self, block: Block) -> None:
        if self._lacks(block, block.text + "".join(t for n, t in self._files.items() if n in block.text)):
            return
        commands = block.commands()
        codes = [int(shown) for command, shown in commands if command == "echo $?"]
        for at, (command, shown) in enumerate(commands):
            if command == "echo $?":
                continue
            following = commands[at + 1][0] if at + 1 < len(commands) else ""
            self._run(command, shown, codes.pop(0) if following == "echo $?" else 0)

    def _bash(self, block: Block) -> None:
        for command, _ in block.commands():
            check(command)

    def _yaml(self, block: Block) -> None:
        check_workflow(block.text)

    def _write(self, name: str, text: str) -> None:
        """A file of the reader's own, or one in a copy of the packages that stands before the installed."""
        top, _, rest = name.partition("/")
        path = self._folder / name
        if rest and top in PACKAGES:
            copy = self._folder / PACKAGES[top]
            if not copy.exists():
                shutil.copytree(ROOT / top, copy)
            path = copy / rest
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        self._files[name] = text

    def _run(self, command: str, shown: str, code: int) -> None:
        program, *arguments = shlex.split(command)
        beside = Path(sys.executable).with_name(program)
        if program not in ("gradcheck", "pytest", "python"):
            raise Complaint(f"nobody runs {program!r}")
        environment = {**os.environ, **_SETTINGS, "PYTHONPATH": str(self._folder)}
        done = subprocess.run(
            [str(beside), *arguments],
            cwd=self._folder, env=environment, capture_output=True, text=True, check=False,
        )  # fmt: skip
        if done.returncode != code:
            raise Complaint(
                f"{command!r} exits with {done.returncode}, not {code}:\n{done.stdout}{done.stderr}"
            )
        if shown:
            _compare(shown, done.stdout + done.stderr)

    def _lacks(self, block: Block, text: str) -> bool:
        missing = [name for name in OPTIONAL if re.search(rf"\b{name}\b", text) and find_spec(name) is None]
        self.absent.update((block.place, name) for name in missing)
        return bool(missing)


def _compare(shown: str, printed: str) -> None:
    """What is shown is what was printed, but for measured times; ``...`` stands for anything."""
    flags = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
    shown, printed = (_MEASURED.sub("#", text) for text in (shown, printed))
    if not doctest.OutputChecker().check_output(shown, printed, flags):
        raise Complaint(f"shown is\n{shown}\nand printed was\n{printed}")


def check_workflow(text: str) -> None:
    """Whether the commands of a workflow exist."""
    found = yaml.safe_load(text)
    jobs = found.get("jobs", {}) if isinstance(found, dict) else {}
    steps = [step for job in jobs.values() for step in job.get("steps", ())]
    _demand(bool(steps), "there is no step in it")
    for step in steps:
        for command, _ in Block("", 0, "bash", step.get("run", "")).commands():
            check(command)


def check(line: str) -> None:
    """Whether the extras, sessions, commands and options in a line of a shell exist."""
    words = shlex.split(line, comments=True)
    while words:
        end = next((at for at, word in enumerate(words) if word in _ENDS), len(words))
        _check_command(words[:end])
        redirected = words[end : end + 1] in ([">"], [">>"])
        words = words[end + (2 if redirected else 1) :]


def _check_command(words: list[str]) -> None:
    if words[:2] == ["python", "-m"]:
        words = words[2:]
    match words:
        case ["pip", "install", *rest]:
            asked = {
                extra
                for word in rest
                if (found := re.search(r"\[(.*)\]", word))
                for extra in found[1].split(",")
            }
            _demand(asked <= EXTRAS.keys(), f"there is no extra {asked - EXTRAS.keys()}")
        case ["nox", *rest]:
            asked = set(rest[1 : rest.index("--") if "--" in rest else None])
            _demand(
                rest[:1] == ["-s"] and asked <= set(SESSIONS), f"there is no session {asked - set(SESSIONS)}"
            )
        case ["gradcheck", *rest]:
            _check_call(rest)
        case [program, *_]:
            _demand(program in HARMLESS, f"nobody checks {program!r}")


def _check_call(arguments: list[str]) -> None:
    """Parsed as the command line does; a run is planned too, so that every name in it is looked up."""
    group = typer.main.get_command(app)
    name, *rest = arguments
    _demand(name in group.commands, f"there is no command {name!r}")
    try:
        group.commands[name].make_context(name, list(rest))
    except Exception as error:
        raise Complaint(f"gradcheck {shlex.join(arguments)}: {error}") from error
    if name == "run" and "--resume" not in rest:
        with patch("gradcheck.execution.run", side_effect=Planned):
            done = CliRunner().invoke(app, arguments)
        stopped = f"gradcheck {shlex.join(arguments)}: {done.output or repr(done.exception)}"
        _demand(isinstance(done.exception, Planned), stopped)


def _demand(condition: bool, complaint: str) -> None:
    if not condition:
        raise Complaint(complaint)
