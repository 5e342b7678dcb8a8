"""Where every rule is tested: a module a family of rules, and a new module is found by itself.

A module may define

``CASES``
    Primitives at chosen places, beside the points their own entries declare.
``DOMAINS``
    Primitive name to one interval an operand: where operands of an elementwise rule are drawn from.
``KINKED``
    Names that may meet a kink in their domain.
``EXACT``
    Name to the same function for arrays of balls, where the ball namespace lacks it; a case's ``call`` finds
    it in its namespace.
"""

from importlib import import_module
from pkgutil import iter_modules

from rule_cases.case import Case

_MODULES = [import_module(f"rule_cases.{info.name}") for info in iter_modules(__path__)]

CASES: list[Case] = [case for module in _MODULES for case in getattr(module, "CASES", ())]
DOMAINS = {name: at for module in _MODULES for name, at in getattr(module, "DOMAINS", {}).items()}
KINKED = {name for module in _MODULES for name in getattr(module, "KINKED", ())}
EXACT = {name: function for module in _MODULES for name, function in getattr(module, "EXACT", {}).items()}

__all__ = ["CASES", "DOMAINS", "EXACT", "KINKED", "Case"]
