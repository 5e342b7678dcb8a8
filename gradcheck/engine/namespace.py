"""The engine's array-API namespace, ``engine.xp``: what a traced function may call.

Differentiable functions come from the rule table, from the functions its modules name in ``__all__`` and
from ``derived``; creation, types and constants are NumPy's own, applied to primals.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from pkgutil import iter_modules
from types import FunctionType
from typing import Any

import numpy as np

from gradcheck.catalogue import collect
from gradcheck.engine import derived, rules
from gradcheck.engine.core import Primitive, Traced, broadcast_to, primal_of, shape_of
from gradcheck.engine.rules.casting import astype, dtype_of
from gradcheck.engine.rules.elementary import add, multiply, subtract
from gradcheck.engine.rules.manipulation import stack
from gradcheck.errors import NoRule, NotTraceable

_CONSTANTS = (
    *("e", "inf", "nan", "newaxis", "pi"),
    *("bool", "complex64", "complex128", "float32", "float64", "int8", "int16", "int32", "int64"),
    *("uint8", "uint16", "uint32", "uint64"),
)
_CREATION = ("arange", "empty", "eye", "ones", "zeros")
_LIKE = ("empty_like", "ones_like", "zeros_like")
_TYPES = ("can_cast", "finfo", "iinfo", "isdtype")
_BY_DATA = ("nonzero", "unique_all", "unique_counts", "unique_inverse", "unique_values")

_LINALG = (
    *("cholesky", "det", "eigh", "eigvalsh", "expm", "inv", "matrix_norm", "matrix_power", "matrix_rank"),
    *("pinv", "qr", "slogdet", "solve", "solve_triangular", "svd", "svdvals"),
)
_ALSO_LINALG = (
    *("cross", "diagonal", "matmul", "matrix_transpose", "outer", "tensordot", "trace", "vecdot"),
    "vector_norm",
)


def _of_numbers(function: Callable[..., Any]) -> Callable[..., Any]:
    """A creation function, whose arguments say a shape and no value that could be differentiated."""

    def apply(*args: Any, **kwargs: Any) -> Any:
        if any(isinstance(arg, Traced) for arg in (*args, *kwargs.values())):
            raise NotTraceable(f"{function.__name__} would cut the derivative of", "pass it plain numbers")
        return function(*args, **kwargs)

    apply.__name__ = function.__name__
    return apply


def _by_data(function: Callable[..., Any]) -> Callable[..., Any]:
    """A function whose answer has a shape that depends on data."""

    def apply(x: Any, *args: Any, **kwargs: Any) -> Any:
        if isinstance(x, Traced):
            remedy = "apply it to a comparison of it, or to an array that is not differentiated"
            raise NotTraceable(f"the shape of what {function.__name__} returns would depend on", remedy)
        return function(x, *args, **kwargs)

    apply.__name__ = function.__name__
    return apply


def _like(function: Callable[..., Any]) -> Callable[..., Any]:
    def apply(x: Any, *args: Any, **kwargs: Any) -> Any:
        return function(primal_of(x), *args, **kwargs)

    apply.__name__ = function.__name__
    return apply


def asarray(x: Any, dtype: Any = None, *, copy: bool | None = None) -> Any:
    """An array from a scalar, a list or an array; a traced one stays traced."""
    if _holds_traced(x):
        made = x if isinstance(x, Traced) else stack([asarray(part) for part in x])
        return made if dtype is None else astype(made, dtype)
    return np.array(x, dtype) if copy else np.asarray(x, dtype)


def _holds_traced(x: Any) -> bool:
    return isinstance(x, Traced) or (isinstance(x, list | tuple) and any(map(_holds_traced, x)))


def full(shape: Any, fill_value: Any, *, dtype: Any = None) -> Any:
    """An array with the same value everywhere."""
    if not isinstance(fill_value, Traced):
        return np.full(shape, fill_value, dtype)
    value = fill_value if dtype is None else astype(fill_value, dtype)
    return broadcast_to(value, shape=(shape,) if isinstance(shape, int) else tuple(shape))


def full_like(x: Any, fill_value: Any, *, dtype: Any = None) -> Any:
    """An array like another, with the same value everywhere."""
    return full(shape_of(x), fill_value, dtype=dtype_of(x) if dtype is None else dtype)


def linspace(start: Any, stop: Any, num: int, *, dtype: Any = None, endpoint: bool = True) -> Any:
    """Numbers at equal distances from ``start`` to ``stop``."""
    if not (isinstance(start, Traced) or isinstance(stop, Traced)):
        return np.linspace(start, stop, num, dtype=dtype, endpoint=endpoint)
    share = np.linspace(
        0.0, 1.0, num, dtype=dtype or np.result_type(dtype_of(start), dtype_of(stop)), endpoint=endpoint
    )
    return (
        add(multiply(1 - share, start), multiply(share, stop))
        if num
        else multiply(share, subtract(stop, start))
    )


def result_type(*args: Any) -> Any:
    """The type that arrays, numbers and types combine to."""
    return np.result_type(*map(primal_of, args))


def _functions_of_rules() -> dict[str, Any]:
    """The functions that rule modules define beside their primitives."""
    found: dict[str, Any] = {}
    for info in iter_modules(rules.__path__):
        module = import_module(f"{rules.__name__}.{info.name}")
        for name in getattr(module, "__all__", ()):
            value = getattr(module, name)
            if isinstance(value, FunctionType) and value.__module__ == module.__name__:
                found[name.rstrip("_")] = value
    return found


def _table() -> dict[str, Any]:
    table: dict[str, Any] = {name: getattr(np, name) for name in _CONSTANTS}
    table |= {name: _of_numbers(getattr(np, name)) for name in _CREATION}
    table |= {name: _like(getattr(np, name)) for name in (*_LIKE, *_TYPES)}
    table |= {name: _by_data(getattr(np, name)) for name in _BY_DATA}
    table |= collect(rules, Primitive) | _functions_of_rules()
    table |= {name: getattr(derived, name) for name in derived.__all__}
    table |= {function.__name__: function for function in (asarray, full, full_like, linspace, result_type)}
    table["pow"] = table["power"]
    named = {name: table[name] for name in _ALSO_LINALG if name in table}
    table["linalg"] = Namespace(named | {name: table.pop(name) for name in _LINALG if name in table})
    return table


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
