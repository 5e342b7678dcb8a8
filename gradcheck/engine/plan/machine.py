"""Long pointwise work as one loop over entries, compiled to machine code by numba.

The statements of the loop are those that plans of numbers are made of. Sums may be reordered
(``reassoc``), so that they run in vector registers; NaN and infinities keep their meaning.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from typing import Any

from gradcheck.engine.plan.blocks import Region
from gradcheck.engine.plan.program import Op
from gradcheck.errors import MissingExtra

_CALLS = re.compile(r"(\w+)\(")
_CHEAP = frozenset({"copysign", "fabs", "float", "sqrt"})
_START = {"sum": "0.0", "inner": "0.0", "max": "-inf", "min": "inf"}
_STEP = {
    "sum": "{0} += {1}",
    "inner": "{0} += {1} * {2}",
    "max": "{0} = {1} if {1} > {0} or {1} != {1} else {0}",
    "min": "{0} = {1} if {1} < {0} or {1} != {1} else {0}",
}


def require_numba() -> None:
    """Say what to install where numba is missing."""
    if find_spec("numba") is None:
        raise MissingExtra("engine.compile(numba=True)", "numba", "numba")


def can_loop(region: Region) -> bool:
    """Whether a region is arithmetic alone: NumPy's exponentials run in vector registers already."""
    expressions = [op.primitive.scalar for op in region.ops if op.primitive is not None and op.shape]
    return all(e and not set(_CALLS.findall(e)) - _CHEAP for e in expressions)


def loop(
    name: str,
    region: Region,
    arrays: Sequence[tuple[Op, str]],
    results: Sequence[tuple[Op, str]],
    numbers: Sequence[tuple[Op, str]],
    filled: Callable[[str, Sequence[str]], str],
    text: Callable[[Op], str],
) -> list[str]:
    """Source of a function that does a region entry by entry.

    It takes the flat arrays read, the flat arrays written and the numbers used, each an operation with the
    name it goes by, and returns the reductions as a tuple.
    """
    local = {id(op): f"{known}[j]" for op, known in arrays} | {id(op): known for op, known in numbers}
    body: list[str] = []
    sums: list[tuple[str, str]] = []
    written = {id(op): known for op, known in results}
    for op in region.ops:
        operands = [local.get(id(x)) or text(x) for x in op.inputs]
        if not op.shape:
            total = f"s{len(sums)}"
            sums.append((total, _START[op.name]))
            body.append(_STEP[op.name].format(total, *operands))
            continue
        assert op.primitive is not None
        local[id(op)] = f"w{len(local)}"
        body.append(f"{local[id(op)]} = {filled(op.primitive.scalar, operands)}")
        if id(op) in written:
            body.append(f"{written[id(op)]}[j] = {local[id(op)]}")
    given = [known for _, known in (*arrays, *results, *numbers)]
    first = given[0]
    return [
        f"def {name}({', '.join(given)}):",
        *(f"    {total} = {start}" for total, start in sums),
        f"    for j in range({first}.size):",
        *("        " + line for line in body),
        f"    return ({''.join(total + ', ' for total, _ in sums)})",
    ]


def compiled(source: Sequence[str], name: str) -> Callable[..., Any]:
    """The function in machine code; numba takes its time at the first call."""
    import numba

    scope = {known: value for known, value in vars(math).items() if known[0] != "_"}
    exec("\n".join(source), scope)
    reordering = {"reassoc", "contract", "nsz"}
    kernel: Callable[..., Any] = numba.njit(fastmath=reordering, error_model="numpy")(scope[name])
    return kernel
