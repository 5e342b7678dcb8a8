"""Keys of cells: a digest of all that an answer depends on, so that a run can be gone on with.

What a problem is, is its code: the bytecode and constants of its functions and of every function of theirs
that it reaches in its own module. A changed comment changes nothing; a changed helper changes the key.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from importlib.metadata import version
from types import CodeType, FunctionType
from typing import Any

import numpy as np

from gradcheck.problems import Instance, Problem
from gradcheck.results import SCHEMA


def cell_key(subject: str, *facts: object) -> str:
    """Digest of a subject and of the facts of who is asked what: backend, version, device, dtype, operator.

    The versions of this package and of the form of its results are part of every key.
    """
    return _digest("\n".join([subject, *map(str, facts), _HARNESS]).encode())


def subject_digest(suite: str, instance: Instance) -> str:
    """Digest of a problem at a point, with the seed of what is drawn there."""
    parts = (suite, problem_digest(instance.problem), point_digest(instance), str(instance.seed))
    return _digest("\n".join(parts).encode())


def problem_digest(problem: Problem) -> str:
    """Digest of a problem's name and code."""
    seen: set[int] = set()
    functions = [problem.fn, problem.jac, problem.vjp]
    text = [problem.name, problem.refuses, ",".join(problem.inputs), ",".join(problem.wrt)]
    return _digest("\n".join([*text, *(line for f in functions for line in _code(f, seen))]).encode())


def point_digest(instance: Instance) -> str:
    """Digest of a point's label and numbers."""
    digest = hashlib.sha256(instance.point.label.encode())
    for name, array in instance.arrays.items():
        digest.update(f"{name} {array.dtype} {array.shape}".encode())
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()[:_LENGTH]


_LENGTH = 32
_HARNESS = f"{version('gradcheck')} {SCHEMA}"


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:_LENGTH]


def _code(value: Any, seen: set[int]) -> Iterator[str]:
    """What a value does, in lines: bytecode and constants of functions, the text of anything else."""
    if not isinstance(value, FunctionType):
        yield _constant(value)
        return
    if id(value) in seen:
        return
    seen.add(id(value))
    for default in (*(value.__defaults__ or ()), *(value.__kwdefaults__ or {}).values()):
        yield from _code(default, seen)
    for cell in value.__closure__ or ():
        yield from _code(cell.cell_contents, seen)
    for code in _nested(value.__code__):
        yield code.co_code.hex()
        yield " ".join((*code.co_names, *code.co_varnames))
        yield from (_constant(one) for one in code.co_consts if one != value.__doc__)
        for name in code.co_names:
            reached = value.__globals__.get(name)
            if isinstance(reached, FunctionType) and reached.__module__ == value.__module__:
                yield from _code(reached, seen)
            elif isinstance(reached, (int, float, str, tuple, np.ndarray)):
                yield f"{name} = {_constant(reached)}"


def _nested(code: CodeType) -> Iterator[CodeType]:
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _nested(constant)


def _constant(value: Any) -> str:
    if isinstance(value, np.ndarray):
        return f"{value.dtype} {value.shape} {value.tolist()}"
    return repr(value) if isinstance(value, (int, float, complex, str, bytes, tuple, type(None))) else ""
