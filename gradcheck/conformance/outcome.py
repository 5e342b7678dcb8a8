"""What became of a check, and the two ways in which one ends early."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

from gradcheck.errors import NoRule, Unsupported

Outcome = Literal["passed", "failed", "not applicable"]


@dataclass(frozen=True, slots=True)
class Checked:
    """One row: a check and what became of it.

    Attributes
    ----------
    name, title
        The check's.
    outcome
        Whether the backend passed, or why it was not asked.
    detail
        One line: what was looked at; of a failure, what was expected and what was seen.
    """

    name: str
    title: str
    outcome: Outcome
    detail: str


class Failed(Exception):
    """What was expected, and what was seen instead."""


class NotApplicable(Exception):
    """Why a backend cannot be asked this."""


def described(error: BaseException) -> str:
    """An exception in one line."""
    first, _, _ = str(error).strip().partition("\n")
    return f"{type(error).__name__}: {first}" if first else type(error).__name__


def raised_by(what: str, attempt: Callable[[], object], expected: str) -> Exception:
    """The exception that an attempt raises; Failed when there is none."""
    try:
        attempt()
    except Exception as error:
        return error
    raise Failed(f"{what}: expected {expected}, got an answer")


@contextmanager
def reported(what: str) -> Iterator[None]:
    """Turn what a backend raises into the end of a check that says what was being done."""
    try:
        yield
    except (Failed, NotApplicable):
        raise
    except (Unsupported, NoRule) as reason:
        raise NotApplicable(f"{what}: {reason}") from reason
    except Exception as error:
        raise Failed(f"{what}: expected an answer, got {described(error)}") from error
