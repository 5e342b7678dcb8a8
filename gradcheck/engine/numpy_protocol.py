"""Plain NumPy code under differentiation: what ``np.sin(x)``, ``np.sum(x, axis=0)`` and ``x.sum()`` become.

NumPy hands a call that meets a traced array over (NEP 13 for ufuncs, NEP 18 for the other functions). A
ufunc is found in the table of rules as the ``forward`` of a primitive, so a new rule needs no entry here; a
function is looked up in ``numpy_functions``, or under its own name in ``xp``.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from gradcheck.engine.core import Primitive
from gradcheck.engine.namespace import Namespace, xp
from gradcheck.engine.numpy_functions import FUNCTIONS, UFUNCS, array_of
from gradcheck.errors import NoRule, NotTraceable

Function = Callable[..., Any]

# Reductions and accumulations of ufuncs, under their names in NumPy; along axis 0 where none is given.
_REDUCTIONS: dict[np.ufunc, Any] = {
    np.add: np.sum,
    np.multiply: np.prod,
    np.maximum: np.max,
    np.minimum: np.min,
    np.logical_and: np.all,
    np.logical_or: np.any,
    np.logaddexp: "logsumexp",
}
_ACCUMULATIONS: dict[np.ufunc, Any] = {np.add: np.cumsum, np.multiply: np.cumprod}

_found_ufuncs: dict[np.ufunc, Function] = {}
_found_functions: dict[Any, tuple[Function, frozenset[str] | None]] = {}


def apply_ufunc(among: Any, ufunc: np.ufunc, method: str, *inputs: Any, **options: Any) -> Any:
    """What a ufunc, or one of its methods, is on operands that have a traced array among them."""
    if method == "__call__":
        rule = _found_ufuncs.get(ufunc) or _find_ufunc(ufunc)
        return rule(*inputs, **_usable(ufunc, rule, options)) if options else rule(*inputs)
    if method == "outer":
        a, b = inputs
        column = np.reshape(a, np.shape(a) + (1,) * np.ndim(b))
        return apply_ufunc(among, ufunc, "__call__", column, b, **options)
    if method == "at":
        raise NotTraceable(
            f"{_name(ufunc)}.at would change", "build the result with np.where or np.concatenate"
        )
    function = {"reduce": _REDUCTIONS, "accumulate": _ACCUMULATIONS}.get(method, {}).get(ufunc)
    if function is None:
        raise NoRule(f"{_name(ufunc)}.{method}", vars(xp))
    array, *axis = inputs
    arguments = {"axis": axis[0] if axis else 0, **options}
    if isinstance(function, str):
        return getattr(xp, function)(array, **arguments)
    return apply_function(function, (array,), arguments)


def apply_function(function: Any, args: tuple[Any, ...], options: Mapping[str, Any]) -> Any:
    """What a function of NumPy is on traced arrays."""
    found = _found_functions.get(function)
    if found is None:
        found = _found_functions[function] = _find_function(function)
    call, known = found
    if options:
        options = _usable(function, call, options, known)
    return call(*args, **options)


def _find_ufunc(ufunc: np.ufunc) -> Function:
    """By a spelling of its own, then as the forward of a primitive, then by NumPy's or SciPy's name of it."""
    name = ufunc.__name__
    rule: Any = UFUNCS.get(ufunc)
    if rule is None:
        alike = (one for one in vars(xp).values() if isinstance(one, Primitive) and one.forward is ufunc)
        rule = next(alike, None)
    if rule is None and any(
        getattr(home, name, None) is ufunc for home in (np, sys.modules.get("scipy.special"))
    ):
        rule = vars(xp).get(name)
    if rule is None:
        raise NoRule(_name(ufunc), vars(xp))
    found: Function = getattr(xp, rule) if isinstance(rule, str) else rule
    _found_ufuncs[ufunc] = found
    return found


def _find_function(function: Any) -> tuple[Function, frozenset[str] | None]:
    """The call that stands for a function, and the names of its arguments where it has a signature."""
    call = FUNCTIONS.get(function)
    if call is not None:
        return call, frozenset(inspect.signature(call).parameters)
    *_, place = function.__module__.split(".")
    namespace = {"numpy": xp, "linalg": vars(xp).get("linalg")}.get(place)
    if isinstance(namespace, Namespace) and function.__name__ in vars(namespace):
        alike: Function = getattr(namespace, function.__name__)
        return lambda *args, **options: alike(*map(array_of, args), **options), None
    raise NoRule(_name(function), vars(xp))


def _usable(
    function: Any, rule: Function, options: Mapping[str, Any], known: frozenset[str] | None = None
) -> dict[str, Any]:
    """The options that mean something here; the others are refused, never dropped."""
    name, kept = _name(function), {}
    for option, value in options.items():
        if value is np._NoValue or (
            value is None and (known is None or option not in known or option == "out")
        ):
            continue
        if option == "out":
            raise NotTraceable(
                f"out= of {name} cannot take", "use what it returns; write a = a + x for a += x"
            )
        if option == "where":
            raise NotTraceable(f"where= of {name} leaves out entries of", "choose them with np.where")
        if known is not None and option not in known:
            raise NoRule(f"{name}({option}=)", ())
        kept[option] = value
    if isinstance(function, np.ufunc) and "dtype" in kept:
        raise NoRule(f"{name}(dtype=)", ())
    return kept


def _name(function: Any) -> str:
    if isinstance(function, np.ufunc):
        return f"numpy.{function.__name__}" if hasattr(np, function.__name__) else function.__name__
    return f"{function.__module__}.{function.__name__}"
