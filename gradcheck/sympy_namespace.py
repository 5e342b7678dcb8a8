"""SymPy's functions of one formula, and how formulas are counted and written out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import numpy as np

from gradcheck.casadi_namespace import Expressions, expressions
from gradcheck.errors import Unsupported

_SYMPY = ("cos", "cosh", "exp", "log", "sin", "sinh", "sqrt", "tan", "tanh")  # names shared with NumPy


def parts(formulas: Any) -> int:
    """Operations and operands of formulas; SymPy walks a shared part as often as it is written."""
    counts: dict[Any, int] = {}

    def count(formula: Any) -> int:
        if formula not in counts:
            counts[formula] = 1 + sum(map(count, formula.args))
        return counts[formula]

    return sum(map(count, formulas))


def written(sympy: Any, variables: list[Any], formulas: list[Any]) -> Callable[..., Any]:
    """Formulas as NumPy code, with their common parts computed once."""

    def common(formulas: Any) -> Any:
        named, rest = sympy.cse(formulas, order="none", list=False)
        for formula in (*(part for _, part in named), *rest):
            _check(sympy, formula)
        return named, rest

    return cast(
        "Callable[..., Any]",
        sympy.lambdify(variables, formulas, modules="numpy", printer=_printer(), cse=common),
    )


def _check(sympy: Any, formula: Any) -> None:
    for kind in (sympy.Derivative, sympy.Subs, sympy.DiracDelta, sympy.I):
        if formula.has(kind):
            raise Unsupported(f"gives no number here: its formula has {kind}")


def _printer() -> Any:
    """SymPy's writer of NumPy code, for numbers rather than arrays."""
    from sympy.printing.numpy import NumPyPrinter
    from sympy.printing.pycode import PythonCodePrinter

    def argument(self: Any, formula: Any) -> str:
        x, y = map(self._print, formula.args)
        return f"(1 if {x} == 0 and {y} <= 0 else {y})"

    def chosen(self: Any, formula: Any) -> str:
        x, y, a, b = (f"({self._print(part)})" for part in formula.args)
        return f"({a} if {x} > {y} else {b} if {x} < {y} else ({a} + {b}) / 2)"

    own = {
        "_print_ComplexInfinity": lambda self, zoo: "nan",
        "_print_Argument": argument,
        "_print_Chosen": chosen,
        "_print_Integer": lambda self, n: str(n) if abs(n) < 2**53 else repr(float(n)),
        "_print_Piecewise": PythonCodePrinter._print_Piecewise,  # NumPy's computes every branch
    }
    settings = {"fully_qualified_modules": False, "inline": True, "allow_unknown_functions": False}
    return type("Printer", (NumPyPrinter,), own)(settings)


def sympy_arrays(sympy: Any) -> type[Expressions]:
    """Arrays of formulas."""
    from sympy.codegen import cfunctions, numpy_nodes

    def lift(x: Any) -> Any:
        # SymPy regroups sums and products: of exact constants that leaves the function as it is.
        finite = isinstance(x, (float, np.floating)) and np.isfinite(x)
        return sympy.Rational(float(x)) if finite else sympy.sympify(x)

    def where(condition: Any, x: Any, y: Any) -> Any:
        return sympy.Piecewise((x, condition), (y, True))

    def sign(x: Any) -> Any:
        return sympy.Piecewise((1, x > 0), (-1, x < 0), (0, True))

    class Chosen(sympy.Function):  # type: ignore[misc]
        """``a`` where x > y, ``b`` where x < y, their mean where x = y: a maximum, and all its slopes.

        SymPy's own Max gives a tie of three more than the whole slope, and as its curvature an impulse.
        """

        nargs, is_real = 4, True

        @classmethod
        def eval(cls, *args: Any) -> Any:
            return args[2] if args[2] == args[3] else None

        def _eval_power(self, exponent: Any) -> Any:
            x, y, a, b = self.args
            maximum = {a, b} == {x, y}  # whose root has no infinite slope where the bound is 0 and holds
            return Chosen(x, y, a**exponent, b**exponent) if maximum else None

        def _eval_derivative(self, variable: Any) -> Any:
            x, y, a, b = self.args
            return Chosen(x, y, a.diff(variable), b.diff(variable))

    class Argument(sympy.Function):  # type: ignore[misc]
        """Of the logarithm in x log y: y, but 1 where x is 0 and y has no logarithm.

        A condition on formulas SymPy decides exactly: that exp(-800) is not 0.
        """

        nargs = 2

        def fdiff(self, argindex: int = 1) -> Any:
            return sympy.Integer(argindex - 1)

    one: dict[str, Any] = {name: getattr(sympy, name) for name in _SYMPY}
    one |= {name: getattr(cfunctions, name) for name in ("expm1", "log10", "log1p", "log2")}
    one |= {
        f"arc{name}": getattr(sympy, f"a{name}") for name in ("cos", "cosh", "sin", "sinh", "tan", "tanh")
    }
    one |= {
        "absolute": lambda x: x * sign(x),
        "conjugate": lambda x: x,
        "logical_not": sympy.Not,
        "reciprocal": lambda x: 1 / x,
        "sign": sign,
        "sinc": lambda x: sympy.sinc(sympy.pi * x),
        "square": lambda x: x**2,
    }
    two = {
        "arctan2": sympy.atan2,
        "equal": sympy.Eq,
        "hypot": cfunctions.hypot,
        "logaddexp": numpy_nodes.logaddexp,
        "logical_and": sympy.And,
        "logical_or": sympy.Or,
        "maximum": lambda x, y: Chosen(x, y, x, y),
        "minimum": lambda x, y: Chosen(y, x, x, y),
        "not_equal": sympy.Ne,
        "xlogy": lambda x, y: x * sympy.log(Argument(x, y)),
    }

    return expressions(lift, one, two, where)
