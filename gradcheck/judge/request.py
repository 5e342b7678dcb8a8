"""What the user asks to have judged, checked for sense."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from gradcheck.errors import BadArgument, UnknownName

MODES = {"reverse": "vjp", "forward": "jvp", "batched": "batched", "linearized": "linearized"}
DERIVATIVES = ("vjp", "jvp", "grad", "jac", "hvp")
CONVENTIONS = ("torch", "jax")


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What the user gave to be judged."""

    f: Callable[..., Any]
    args: tuple[Any, ...]
    kwargs: Mapping[str, Any]
    derivatives: Mapping[str, Callable[..., Any]]
    wrt: tuple[str | int, ...] | None
    modes: tuple[str, ...] | None
    convention: str


def check_request(request: Request) -> None:
    """Names and types of what is asked.

    Raises
    ------
    UnknownName, BadArgument
        For a mode or convention that does not exist, or a function that cannot be called.
    """
    if not callable(request.f):
        raise BadArgument("f", "a function", request.f)
    for name, derivative in request.derivatives.items():
        if not callable(derivative):
            raise BadArgument(name, "a function", derivative)
    if request.modes is not None and not request.modes:
        raise BadArgument("modes", f"at least one of {', '.join(MODES)}", ())
    for mode in request.modes or ():
        if str(mode) not in MODES:
            raise UnknownName("mode", str(mode), MODES)
    if request.convention not in CONVENTIONS:
        raise UnknownName("convention", str(request.convention), CONVENTIONS)
