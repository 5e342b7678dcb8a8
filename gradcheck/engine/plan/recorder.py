"""A function written down as a program: everything it computes, derivatives included, in order.

The function runs once on real values whose operations are kept. A derivative inside it records its own
arithmetic here too, since its primals are traced by this tape.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NoReturn

import numpy as np

from gradcheck.engine.array import Array
from gradcheck.engine.core import Tape
from gradcheck.errors import NotTraceable

_REMEDY = "write both branches with xp.where, or call the function without engine.compile"


class Recorded(Array):
    """A value of the program; what depends on its data cannot be decided while the program is written."""

    __slots__ = ()

    def __bool__(self) -> NoReturn:
        raise NotTraceable("engine.compile cannot branch on the data of", _REMEDY)

    def __index__(self) -> NoReturn:
        raise NotTraceable("engine.compile cannot take an index from the data of", "use xp.take")


class Recorder(Tape):
    """A tape that keeps also what has no derivative."""

    __slots__ = ()

    keeps_all = True

    def __init__(self) -> None:
        super().__init__(Recorded)


def record(f: Callable[..., Any], leaves: Sequence[Any]) -> tuple[Recorder, Any]:
    """Run a function on recorded values: the tape, inputs first, and what the function returned."""
    tape = Recorder()
    boxes = [tape.input(leaf) for leaf in leaves]
    with np.errstate(all="ignore"):  # the values are examples; warnings belong to the calls that follow
        return tape, f(*boxes)
