"""Kill a run at a moment, go on with it, and look at what was done twice and what is left."""

import math
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import NamedTuple

from gradcheck import Results
from interrupted import SLOW

PROGRAM = Path(__file__).with_name("interrupted.py")


class Outcome(NamedTuple):
    """What came of a killed run that was gone on with."""

    recorded: int  # cells in the file when it was killed
    repeated: int  # cells asked a second time
    verdicts: dict
    alive: list  # workers of the killed run that live on


def start(directory, *words):
    """The program, on a directory."""
    return subprocess.Popen(
        [sys.executable, str(PROGRAM), str(directory), *words],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(directory, *words):
    """The program to its end."""
    program = start(directory, *words)
    _, errors = program.communicate(timeout=120)
    assert program.returncode == 0, errors


def verdicts(directory):
    """What the results say of every cell, without the times."""
    cells = Results.read(directory).cells
    return {cell.key: (cell.problem, cell.outcome, cell.got, cell.true, cell.digits) for cell in cells}


def killed(directory, moment, patience=3.0):
    """Kill the run when it has asked so many cells (a fraction: of a cell's time), and go on to the end."""
    directory.mkdir()
    program = start(directory)
    file = directory / "results.jsonl"
    fraction, cells = math.modf(moment)
    while not (file.exists() and b"\n" in file.read_bytes() and len(asked(directory)) >= cells):
        assert program.poll() is None, program.stderr.read()
        time.sleep(0.002)
    time.sleep(fraction * SLOW)
    program.send_signal(signal.SIGKILL)
    program.communicate()
    recorded = len(Results.read(directory).cells)
    deadline = time.monotonic() + patience
    while (alive := [pid for pid in workers(directory) if lives(pid)]) and time.monotonic() < deadline:
        time.sleep(0.05)
    finish(directory, "resume")
    repeated = sum(count - 1 for count in Counter(asked(directory)).values())
    return Outcome(recorded, repeated, verdicts(directory), alive)


def asked(directory):
    return _words(directory / "asked.txt")


def workers(directory):
    return [int(pid) for pid in _words(directory / "workers.txt")]


def _words(path):
    return path.read_text(encoding="utf-8").split() if path.exists() else []


def lives(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
