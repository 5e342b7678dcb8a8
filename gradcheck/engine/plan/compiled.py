"""Functions compiled to plans: traced once for each kind of arguments, and run as straight-line code."""

from __future__ import annotations

import inspect
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from threading import Lock
from types import FunctionType
from typing import Any

from gradcheck.engine.core import Traced, is_finite
from gradcheck.engine.plan.algebra import IDENTITIES
from gradcheck.engine.plan.assembly import assembled
from gradcheck.engine.plan.build import Builder
from gradcheck.engine.plan.fusion import fused
from gradcheck.engine.plan.machine import require_numba
from gradcheck.engine.plan.program import Program
from gradcheck.engine.plan.recorder import record
from gradcheck.engine.plan.signature import children, guards, kind, leaves, rebuilt
from gradcheck.engine.plan.source import Writer
from gradcheck.engine.trees import flatten

MOST_PLANS = 64
_python = compile  # Python's own, of which this module's takes the name


def compile(f: Callable[..., Any], *, numba: bool = False) -> Callable[..., Any]:  # noqa: A001 - the public name
    """A function that computes what ``f`` computes from a plan: straight-line code, written once.

    Parameters
    ----------
    f
        A function of arrays and numbers, for example ``engine.value_and_grad(loss)``. What it does may
        depend on shapes, dtypes and arguments that are no data, and not on the data in its arrays. What it
        closes over is taken as it is at the first call.
    numba
        Do long pointwise work in loops that numba compiles to machine code, in seconds at the first call.

    Returns
    -------
    A function of the same positional arguments. Its ``source`` is the code of the newest plan; it makes
    another one for arguments of another kind. It may be called from several threads.

    Raises
    ------
    NotTraceable
        When called, if ``f`` branches on the data of an array.
    MissingExtra
        When numba is asked for and not installed.
    """
    if numba:
        require_numba()
    function: Callable[..., Any] = _Plans(f, numba).function
    return function


class _Plans:
    """The plans of a function; the first one is the function itself, the others are looked up."""

    def __init__(self, f: Callable[..., Any], numba: bool) -> None:
        self.f = f
        self.numba = numba
        self.known: OrderedDict[Any, Callable[..., Any]] = OrderedDict()
        self.lock = Lock()
        self.names: dict[str, Any] = {"miss": self.miss}
        code = _code("def plan(*args): return miss(*args)")
        function: Any = FunctionType(code, self.names, getattr(f, "__name__", "plan"))
        self.function = function
        self.function.__doc__ = f.__doc__
        self.function.source = ""

    def miss(self, *args: Any) -> Any:
        """Answer arguments that the first plan was not made for."""
        if any(isinstance(leaf, Traced) for arg in args for leaf in _everything(arg)):
            return self.f(*args)  # under an enclosing derivative
        key = tuple(map(kind, args))
        plan = self.known.get(key)
        if plan is None:
            plan = self._make(key, args)
        return plan(*args)

    def _make(self, key: Any, args: Sequence[Any]) -> Callable[..., Any]:
        source, names = _written(self.f, args, self.numba)  # outside of the lock: f may call this plan
        code = _code(source)
        plan = FunctionType(code, {**names, "miss": self.f})
        with self.lock:
            if not self.known:
                self.names.update(names)
                self.function.__code__ = code
            self.known[key] = plan
            self.function.source = source
            while len(self.known) > MOST_PLANS:
                self.known.popitem(last=False)
        return plan


def _written(f: Callable[..., Any], args: Sequence[Any], numba: bool) -> tuple[str, dict[str, Any]]:
    """Source of a plan for arguments like these, and the names that it refers to."""
    parameters = [f"x{at}" for at in range(len(args))]
    data = [leaf for x, text in zip(args, parameters, strict=True) for leaf in leaves(x, text)]
    program, output = _program(f, args, [value for _, value in data])
    locals_ = [text if text in parameters else f"a{at}" for at, (text, _) in enumerate(data)]
    unpacking = [f"{name} = {text}" for name, (text, _) in zip(locals_, data, strict=True) if name != text]
    writer = Writer(program, locals_, numba=numba)
    names = writer.names
    names |= {"eager": f, "is_finite": is_finite}
    conditions = [c for x, text in zip(args, parameters, strict=True) for c in guards(x, text, names)]
    given = ", ".join(parameters)
    body = [*unpacking, *writer.body(lambda texts: _spelled(output, iter(texts), names))]
    if program.has_numbers:
        body = ["try:", *map("    {}".format, body), "except (ArithmeticError, ValueError):", "    pass"]
    if program.has_numbers or program.checked:
        body.append(f"return eager({given})")
    if _arity(f) == len(args):
        head = [f"def plan({given}):"]
    else:
        head = [
            "def plan(*args):",
            f"    if len(args) != {len(args)}: return miss(*args)",
            f"    {given}{',' * (len(args) == 1)} = args",
        ]
    lines = [*head, f"    if {' and '.join(conditions) or True}:", *map("        {}".format, body)]
    lines.append(f"    return miss({given})")
    return "\n\n\n".join([*writer.kernels, "\n".join(lines) + "\n"]), names


def _program(f: Callable[..., Any], args: Sequence[Any], data: Sequence[Any]) -> tuple[Program, Any]:
    tape, output = record(lambda *boxes: f(*_filled(args, iter(boxes))), data)
    build = Builder(IDENTITIES)
    values = build.read(tape.nodes)
    outputs = []
    for x in _everything(output):
        recorded = isinstance(x, Traced) and x.tape is tape
        outputs.append(build.typed(values[x.index], x.primal) if recorded else build.constant(x))
    return fused(assembled(Program(values[: len(data)], outputs, build.checked))), output


def _filled(args: Sequence[Any], boxes: Iterator[Any]) -> list[Any]:
    return [rebuilt(x, boxes) for x in args]


def _everything(x: Any) -> Iterator[Any]:
    """Every leaf of a nested value."""
    parts = children(x)
    if parts is None:
        yield x
        return
    for _, part in parts:
        yield from _everything(part)


def _spelled(x: Any, texts: Iterator[str], names: dict[str, Any]) -> str:
    """Source of a nested value, its leaves given as source."""
    parts = children(x)
    if parts is None:
        return next(texts)
    inner = [_spelled(part, texts, names) for _, part in parts]
    if type(x) is tuple:
        return f"({', '.join(inner)}{',' if len(inner) == 1 else ''})"
    if type(x) is dict:
        return "{" + ", ".join(f"{key!r}: {text}" for key, text in zip(x, inner, strict=True)) + "}"
    if type(x) is list:
        return f"[{', '.join(inner)}]"
    rebuild = f"c{len(names)}"
    names[rebuild] = flatten(x)[1]
    return f"{rebuild}([{', '.join(inner)}])"


def _code(source: str) -> Any:
    codes = [c for c in _python(source, "<plan>", "exec").co_consts if inspect.iscode(c)]
    return codes[-1]


def _arity(f: Callable[..., Any]) -> int | None:
    """How many positional arguments a function takes, if that is fixed."""
    try:
        parameters = inspect.signature(f).parameters.values()
    except (TypeError, ValueError):
        return None
    plain = all(
        p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD) and p.default is p.empty for p in parameters
    )
    return len(parameters) if plain else None
