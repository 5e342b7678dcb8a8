"""Every exception a user can meet.

Each says in one line what was wrong, with its name and value, and what to do next. Raising sites pass
facts; the sentences are written here.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from typing import Any


class GradcheckError(Exception):
    """Base of all errors that are a user's to mend; the command line prints them and exits with 2."""

    def __reduce__(self) -> tuple[Any, ...]:
        """Travel between processes as the sentence, not as the facts it was made of."""
        return _again, (type(self), *self.args)


def _again(kind: type[GradcheckError], *args: Any) -> GradcheckError:
    error = kind.__new__(kind)
    error.args = args
    return error


class UnknownName(GradcheckError):
    """A name that is none of the choices: a backend, suite, problem, operator, dtype, device or point."""

    def __init__(self, kind: str, name: str, choices: Iterable[str]) -> None:
        choices = sorted(choices)
        close = get_close_matches(name, choices, n=1)
        many = f"`gradcheck list` shows the {len(choices)} there are"
        listed = f"Choose from: {', '.join(choices) or 'none'}" if len(choices) <= 12 else many
        hint = f"Did you mean {close[0]!r}?" if close else f"{listed}."
        super().__init__(f"no {kind} is called {name!r}. {hint}")


class BadProblem(GradcheckError):
    """A problem whose declaration contradicts its function."""

    def __init__(self, name: str, fault: str, remedy: str) -> None:
        super().__init__(f"problem {name!r}: {fault}; {remedy}.")


class BadArgument(GradcheckError):
    """An argument of a public function that cannot be used."""

    def __init__(self, name: str, expected: str, got: object) -> None:
        super().__init__(f"{name}: expected {expected}, got {got!r}.")


class DuplicateName(GradcheckError):
    """Two things of one kind under one name."""

    def __init__(self, kind: str, name: str, first: str, second: str) -> None:
        super().__init__(f"two {kind}s are called {name!r}, in {first} and in {second}; rename one of them.")


class BadSuite(GradcheckError):
    """A suite file that cannot be read, parsed or imported, or that holds no problem."""

    def __init__(self, path: str, fault: str, remedy: str) -> None:
        super().__init__(f"suite {path}: {fault}; {remedy}.")


class BadPlugin(GradcheckError):
    """An installed package whose entry point cannot be loaded."""

    def __init__(self, group: str, name: str, error: Exception) -> None:
        super().__init__(
            f"the entry point {name!r} of {group} fails to load ({type(error).__name__}: {error}); "
            "mend or uninstall the package that declares it."
        )


class EmptySelection(GradcheckError):
    """Nothing is left to run; an empty plan is a mistake, not a success."""

    def __init__(self, what: str) -> None:
        super().__init__(f"nothing to run: {what}. `gradcheck list` shows what there is.")


class BadExpression(GradcheckError):
    """A --select expression that does not parse."""

    def __init__(self, expression: str) -> None:
        super().__init__(
            f"--select {expression!r} is not an expression of names with 'and', 'or', 'not' and parentheses; "
            "write for example --select 'softmax and not entropy'."
        )


class MissingExtra(GradcheckError):
    """An optional package is not installed."""

    def __init__(self, what: str, package: str, extra: str) -> None:
        super().__init__(
            f"{what} needs {package}, which is not installed; run: pip install 'gradcheck[{extra}]'."
        )


class NoDevice(GradcheckError):
    """No selected backend has the device that was asked for."""

    def __init__(self, device: str, found: Sequence[tuple[str, Sequence[str]]]) -> None:
        seen = "; ".join(f"{backend}: {', '.join(devices) or 'none'}" for backend, devices in found)
        super().__init__(
            f"no device {device!r} here. Found {seen}. Use --device cpu, or a machine that has one."
        )


class BadResults(GradcheckError):
    """A results file that cannot be read."""

    def __init__(self, path: str, fault: str, remedy: str) -> None:
        super().__init__(f"results {path}: {fault}; {remedy}.")


class NotTraceable(GradcheckError, TypeError):
    """Code under differentiation did something a traced array cannot follow."""

    def __init__(self, what: str, remedy: str) -> None:
        super().__init__(f"{what} a traced array; {remedy}.")


class NoRule(GradcheckError, AttributeError):
    """The engine has no derivative rule for an operation."""

    def __init__(self, name: str, choices: Iterable[str]) -> None:
        close = get_close_matches(name, list(choices), n=1)
        hint = f" Did you mean {close[0]!r}?" if close else ""
        super().__init__(
            f"the engine has no derivative rule for {name!r}; add one to gradcheck/engine/rules.{hint}"
        )


class Unsupported(GradcheckError):
    """A backend that cannot answer a question; the cell shows the reason."""


class TruthUnavailable(GradcheckError):
    """No certified truth could be computed for a problem at a point."""


class FloatsOnly(TruthUnavailable):
    """A function that runs on NumPy's floats and on no better numbers."""


class AmbiguousTruth(GradcheckError, TypeError):
    """A verdict was asked for a truth value."""

    def __init__(self) -> None:
        super().__init__("a verdict has three states; ask .passed, .failed or .inconclusive.")


class BadTarget(GradcheckError):
    """What ``module:function``, or an argument, stands for on the command line cannot be used."""

    def __init__(self, target: str, fault: str, remedy: str) -> None:
        super().__init__(f"{target}: {fault}; {remedy}.")


class CannotVerify(GradcheckError):
    """A function or derivative that there is no way to judge, as it was given."""

    def __init__(self, fault: str, remedy: str) -> None:
        super().__init__(f"{fault}; {remedy}.")
