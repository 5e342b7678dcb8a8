"""Mutation testing for derivatives: the mistakes in a derivative that its tests would notice, and the others.

The tests run once with the derivative as it is, and then once for every saboteur, in processes of their own,
with the derivative spoilt while it is imported. Tests that still pass have not noticed.
"""

from __future__ import annotations

import asyncio
import json
import os
import shlex
import signal
import sys
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from enum import StrEnum
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import BinaryIO

from gradcheck import saboteurs
from gradcheck.audit_hook import VARIABLE, WORDS, Task
from gradcheck.catalogue import collect
from gradcheck.errors import BadTarget
from gradcheck.saboteurs import Saboteur

_FORM = "write module:function or my_file.py:function"
FIRST_LIMIT = 600.0  # seconds for the tests as they are
_SLOWER = 5.0  # the spoilt ones may take so much longer
_START = 10.0  # and so many seconds more

Progress = Callable[[int, int, str], None]

# Loaded by every Python that the command starts, ahead of the environment's own module of this name.
_STARTUP = '''\
"""Written by gradcheck audit."""
from importlib.machinery import PathFinder
from importlib.util import module_from_spec
from pathlib import Path
import sys
from gradcheck.audit_hook import install
install()
elsewhere = [path for path in sys.path if Path(path) != Path(__file__).parent]
hidden = PathFinder.find_spec("sitecustomize", elsewhere)
if hidden is not None:
    hidden.loader.exec_module(module_from_spec(hidden))
'''


class Fate(StrEnum):
    """What became of a mistake."""

    NOTICED = "noticed"
    MISSED = "NOT noticed"
    NO_CHANGE = "no change"


@dataclass(frozen=True, slots=True)
class Trial:
    """The tests with one mistake in the derivative."""

    saboteur: Saboteur
    fate: Fate


@dataclass(frozen=True, slots=True)
class Audit:
    """What became of every mistake."""

    trials: tuple[Trial, ...]

    def of(self, fate: Fate) -> list[Trial]:
        """The trials that ended in one way."""
        return [trial for trial in self.trials if trial.fate is fate]


def audit(
    target: str,
    command: Sequence[str],
    *,
    only: Collection[str] = (),
    jobs: int | None = None,
    limit: float | None = None,
    progress: Progress | None = None,
) -> Audit:
    """Run tests with a derivative spoilt in every way, and say which mistakes they notice.

    Parameters
    ----------
    target
        The derivative, ``"module:function"`` or ``"my_file.py:Class.method"``: any function that
        returns arrays, with the cotangent last among its arguments. It is wrapped where it is defined; a
        file stands for the module it is imported as.
    command
        What runs the tests: ``["pytest", "tests/test_mine.py"]``. It fails by a nonzero exit code.
    only
        Names of saboteurs; all when none is given.
    jobs
        How many runs at a time; as many as there are processors when not given.
    limit
        Seconds a run may take; what takes longer counts as noticed. When not given, five times as long as the
        tests take as they are, and ten seconds more.
    progress
        Called with how many runs are done, how many there are, and the saboteur's name.

    Raises
    ------
    BadTarget
        When the target or a name is none, or when the tests do not pass, or do not call the target, as it is.
    """
    place, function = _parts(target)
    chosen = known_saboteurs(only)
    if not command:
        raise BadTarget("-- COMMAND", "is missing", "write what runs the tests, as in -- pytest test_mine.py")
    with TemporaryDirectory(prefix="gradcheck-audit-") as directory:
        runs = _Runs(place, function, tuple(command), Path(directory))
        audited = asyncio.run(_audited(runs, chosen, jobs or os.cpu_count() or 1, limit, progress))
    if len(audited.of(Fate.NO_CHANGE)) == len(chosen):
        remedy = "name a function that returns floating-point arrays, or other saboteurs"
        raise BadTarget(target, "no saboteur changes anything it returns", remedy)
    return audited


def known_saboteurs(names: Collection[str] = ()) -> list[Saboteur]:
    """Saboteurs by name; all of them, by kind of mistake, when nothing is named.

    Raises
    ------
    BadTarget
        When a name is none of theirs.
    """
    every = collect(saboteurs, Saboteur)
    for name in names:
        if name not in every:
            close = get_close_matches(name, every, n=1)
            remedy = f"{close[0]!r} comes closest; " if close else ""
            raise BadTarget(
                f"--only {name}", "is no saboteur", f"{remedy}`gradcheck audit --list` shows the {len(every)}"
            )
    return [every[name] for name in dict.fromkeys(names)] or list(every.values())


def _parts(target: str) -> tuple[str, str]:
    place, _, function = target.rpartition(":")
    if not all(part.isidentifier() for part in function.split(".")) or not place:
        raise BadTarget(target or "TARGET", "names no function", _FORM)
    if place.endswith(".py"):
        if not Path(place).is_file():
            raise BadTarget(target, f"there is no file {place}", _FORM)
        return str(Path(place).resolve()), function
    return place, function


async def _audited(
    runs: _Runs, chosen: Sequence[Saboteur], jobs: int, limit: float | None, progress: Progress | None
) -> Audit:
    seconds = await _checked(runs, limit or FIRST_LIMIT)
    most = limit or _START + _SLOWER * seconds
    gate = asyncio.Semaphore(jobs)
    done = 0

    async def tried(saboteur: Saboteur) -> Trial:
        nonlocal done
        async with gate:
            ended = await runs.run(saboteur.name, most)
        done += 1
        if progress:
            progress(done, len(chosen), saboteur.name)
        if not ended.passed:
            return Trial(saboteur, Fate.NOTICED)
        return Trial(saboteur, Fate.MISSED if "changed" in ended.said else Fate.NO_CHANGE)

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(tried(saboteur)) for saboteur in chosen]
    return Audit(tuple(task.result() for task in tasks))


async def _checked(runs: _Runs, limit: float) -> float:
    """Seconds that the tests take with the derivative as it is; refuses what cannot be audited."""
    target, command = f"{runs.place}:{runs.function}", shlex.join(runs.command)
    ended = await runs.run("", limit)
    if not ended.passed:
        plain = await runs.run(None, limit)
        if not plain.passed:
            raise BadTarget(command, f"fails before anything is spoilt ({plain.end})", "make it pass first")
        fault = f"cannot be wrapped: even unchanged, {command} fails ({ended.end})"
        raise BadTarget(target, fault, "name a plain Python function")
    missing = next((word for word in WORDS if word not in ended.said), None)
    if missing is not None:
        subject, fault, remedy = {
            "started": (command, "starts no Python that has gradcheck", "install gradcheck where it runs"),
            "imported": (target, f"{command} imports no such source file", "check the module's name"),
            "defined": (target, "nothing of that name is defined there", "name it where it is defined"),
            "called": (target, f"{command} never calls it", "give tests that do"),
        }[missing]
        raise BadTarget(subject, fault, remedy)
    return ended.seconds


@dataclass(frozen=True, slots=True)
class _Ended:
    """How a run of the tests ended: what the hook said, and the end in words."""

    passed: bool
    seconds: float
    said: frozenset[str]
    end: str


@dataclass(frozen=True, slots=True)
class _Runs:
    """Runs of the tests, each in a folder of its own; the place of the function is a module or a file."""

    place: str
    function: str
    command: tuple[str, ...]
    directory: Path

    async def run(self, saboteur: str | None, limit: float) -> _Ended:
        """With a saboteur by name, with the target wrapped but right (``""``), or as it is (None)."""
        folder = self.directory / (saboteur or ("wrapped" if saboteur == "" else "plain"))
        folder.mkdir()
        record, output = folder / "record", folder / "output"
        record.touch()
        environment = self._environment(folder, record, saboteur)
        start = time.perf_counter()
        with output.open("wb") as file:
            code = await _code(self.command, environment, file, limit)
        seconds = time.perf_counter() - start
        end = f"no end within {limit:g} s" if code is None else f"exit code {code}{_last_line(output)}"
        return _Ended(code == 0, seconds, frozenset(record.read_text(encoding="utf-8").split()), end)

    def _environment(self, folder: Path, record: Path, saboteur: str | None) -> dict[str, str]:
        environment = dict(os.environ)
        # the first failure is enough, and the user's own record of failed tests stays as it is
        options = shlex.join(["-x", "-o", f"cache_dir={folder / 'cache'}"])
        environment["PYTEST_ADDOPTS"] = f"{environment.get('PYTEST_ADDOPTS', '')} {options}".strip()
        _put_first(environment, "PATH", Path(sys.executable).parent)  # this environment's pytest
        if saboteur is not None:
            (folder / "startup").mkdir()
            (folder / "startup" / "sitecustomize.py").write_text(_STARTUP, encoding="utf-8")
            _put_first(environment, "PYTHONPATH", folder / "startup")
            task = Task(place=self.place, function=self.function, saboteur=saboteur, record=str(record))
            environment[VARIABLE] = json.dumps(task)
        return environment


def _put_first(environment: dict[str, str], variable: str, path: Path) -> None:
    rest = environment.get(variable)
    environment[variable] = f"{path}{os.pathsep}{rest}" if rest else str(path)


async def _code(
    command: Sequence[str], environment: dict[str, str], output: BinaryIO, limit: float
) -> int | None:
    """The exit code of a command; None when it was still running at the limit."""
    try:
        process = await asyncio.create_subprocess_exec(
            *command,
            env=environment,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=output,
            stderr=asyncio.subprocess.STDOUT,
            start_new_session=True,
        )
    except OSError as error:
        fault = f"cannot be started ({error.strerror or error})"
        raise BadTarget(command[0], fault, "give a program that runs your tests, after --") from error
    try:
        return await asyncio.wait_for(process.wait(), limit)
    except TimeoutError:
        return None
    finally:
        if process.returncode is None:
            _kill(process)
            await process.wait()


def _kill(process: asyncio.subprocess.Process) -> None:
    """End a process and those that it has started."""
    if sys.platform == "win32":
        process.kill()
    else:
        os.killpg(process.pid, signal.SIGKILL)


def _last_line(output: Path) -> str:
    lines = output.read_text(encoding="utf-8", errors="replace").split("\n")
    last = next((line.strip(" =") for line in reversed(lines) if line.strip(" =")), "")
    return f": {last}" if last else ""
