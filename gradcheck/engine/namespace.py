"""The engine's array-API namespace, ``engine.xp``: what a traced function may call.

Differentiable functions come from the rule table and from ``derived``; what has no derivative
(comparisons, creation, constants) is NumPy's own, applied to primals.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from gradcheck.catalogue import collect
from gradcheck.engine import derived, rules
from gradcheck.engine.core import Primitive, Traced, primal_of
from gradcheck.errors import NoRule

_CONSTANTS = ("e", "float32", "float64", "inf", "nan", "newaxis", "pi")
_CREATION = ("arange", "eye", "full", "linspace", "ones", "ones_like", "zeros", "zeros_like")
_COMPARISONS = ("equal", "greater", "greater_equal", "less", "less_equal", "not_equal")
_PREDICATES = ("all", "any", "isfinite", "isinf", "isnan", "logical_and", "logical_not", "logical_or")
_FLAT = ("argmax", "argmin", "ceil", "finfo", "floor", "round", "sign")  # their derivative is 0 or none


def _of_primals(function: Callable[..., Any]) -> Callable[..., Any]:
    def apply(*args: Any, **kwargs: Any) -> Any:
        return function(*map(primal_of, args), **kwargs)

    apply.__name__ = function.__name__
    return apply


def asarray(x: Any, dtype: Any = None) -> Any:
    """An array from a scalar, a list or an array; a traced array passes unchanged."""
    return x if isinstance(x, Traced) else np.asarray(x, dtype)


def _table() -> dict[str, Any]:
    plain = (*_CREATION, *_COMPARISONS, *_PREDICATES, *_FLAT)
    table: dict[str, Any] = {name: getattr(np, name) for name in _CONSTANTS}
    table |= {name: _of_primals(getattr(np, name)) for name in plain}
    table |= collect(rules, Primitive)
    table |= {name: getattr(derived, name) for name in derived.__all__}
    table["asarray"] = asarray
    table["linalg"] = Namespace({"solve": table.pop("solve")} | {name: table[name] for name in _ALSO_LINALG})
    return table


_ALSO_LINALG = ("matmul", "matrix_transpose", "vecdot")


class Namespace:
    """Attribute access to the table; a name without a rule is an error that says so."""

    def __init__(self, table: Mapping[str, Any]) -> None:
        self.__dict__.update(table)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        raise NoRule(name, self.__dict__)

    def __repr__(self) -> str:
        return "gradcheck.engine.xp"


xp = Namespace(_table())
