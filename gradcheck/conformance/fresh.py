"""A backend in a process of its own, where nothing has been imported yet."""

from __future__ import annotations

import pickle
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass

import cloudpickle

from gradcheck.backends.base import Backend
from gradcheck.conformance.outcome import NotApplicable, described
from gradcheck.conformance.trial import Posed, Trial

_LIMIT = 300  # seconds
_SCRIPT = (
    "import pickle, sys; sys.path[:] = pickle.load(sys.stdin.buffer); "
    "from gradcheck.conformance.fresh import serve; serve()"
)


@dataclass(frozen=True, slots=True)
class Fresh:
    """How a process went: the operators answered, what was printed, and what went wrong if anything did."""

    answered: str = ""
    printed: str = ""
    fault: str = ""


def answers_in_a_fresh_process(backend: Backend, device: str, operators: Sequence[str]) -> Fresh:
    """Send a backend to a new process and have it answer some of its operators there."""
    try:
        load = pickle.dumps(sys.path) + cloudpickle.dumps((backend, device, operators))
    except Exception as error:
        return Fresh(fault=f"{described(error)}, while it was pickled")
    command = [sys.executable, "-P", "-c", _SCRIPT]
    try:
        done = subprocess.run(command, input=load, capture_output=True, check=False, timeout=_LIMIT)
    except subprocess.TimeoutExpired:
        return Fresh(fault=f"no end within {_LIMIT} s")
    errors = done.stderr.decode(errors="replace").strip().splitlines()
    if done.returncode:
        return Fresh(fault=errors[-1] if errors else f"exit code {done.returncode}")
    return Fresh(answered=errors[-1], printed=done.stdout.decode(errors="replace"))


def serve() -> None:
    """The other end: load, answer, and say on standard error, as its last line, which operators."""
    backend, device, operators = pickle.load(sys.stdin.buffer)
    try:
        with Trial(backend, device) as trial:
            answered = trial.every(Posed.verify_answers, operators=operators)
    except NotApplicable as reason:
        sys.exit(str(reason))
    print(answered, file=sys.stderr)
