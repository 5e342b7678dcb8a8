"""The engine's array-API namespace, ``engine.xp``: what a traced function may call.

Differentiable functions come from the rule table and from ``derived``; what has no derivative
(comparisons, creation, constants) is NumPy's own, applied to primals.
"""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np

from gradcheck.catalogue import collect
from gradcheck.engine import derived, rules
from gradcheck.engine.core import Primitive, Traced, primal_of
from gradcheck.errors import NoRule

_CONSTANTS = ("e", "float32", "float64", "inf", "nan", "newaxis", "pi")
_CREATION = ("arange", "eye", "full", "linspace", "ones", "ones_like", "zeros", "zeros_like")
_UNDIFFERENTIATED = (
    *(
        "all",
        "any",
        "argmax",
        "argmin",
        "ceil",
        "finfo",
        "floor",
        "isfinite",
        "isinf",
        "isnan",
        "round",
        "sign",
    ),
    *("equal", "greater", "greater_equal", "less", "less_equal", "not_equal"),
    *("logical_and", "logical_not", "logical_or"),
)


def _of_primals(function: Callable[..., Any]) -> Callable[..., Any]:
    def apply(*args: Any, **kwargs: Any) -> Any:
        return function(*map(primal_of, args), **kwargs)

    apply.__name__ = function.__name__
    return apply


def asarray(x: Any, dtype: Any = None) -> Any:
    """An array from a scalar, a list or an array; a traced array passes unchanged."""
    return x if isinstance(x, Traced) else np.asarray(x, dtype)


def _table() -> dict[str, Any]:
    table: dict[str, Any] = {name: getattr(np, name) for name in _CONSTANTS}
    table |= {name: _of_primals(getattr(np, name)) for name in (*_CREATION, *_UNDIFFERENTIATED)}
    table |= collect(rules, Primitive)
    table |= {name: getattr(derived, name) for name in derived.__all__}
    table["asarray"] = asarray
    table["linalg"] = SimpleNamespace(
        matmul=table["matmul"],
        matrix_transpose=table["matrix_transpose"],
        solve=table.pop("solve"),
        vecdot=table["vecdot"],
    )
    return table


class Namespace:
    """Attribute access to the table; a name without a rule is an error that says so."""

    def __init__(self) -> None:
        self.__dict__.update(_table())

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        raise NoRule(name, self.__dict__)

    def __repr__(self) -> str:
        return "gradcheck.engine.xp"


xp = Namespace()
