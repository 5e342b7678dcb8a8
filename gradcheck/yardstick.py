"""A fixed piece of work that is timed in every round: how fast the machine is at that moment.

Two runs, a week or a minute apart, meet the machine in different states. Times in units of the yardstick of
their own round are comparable where seconds are not. It mixes what backends are made of: Python calls, small
arrays and a product of matrices.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from gradcheck.backends.base import Backend, Blocks, Differentiator
from gradcheck.problems import Bound, problem

_SMALL, _MATRIX, _TIMES = np.linspace(0.1, 1.0, 64), np.full((48, 48), 0.5), 20


class _Yardstick(Differentiator):
    """The same work whatever it is asked."""

    def __init__(self) -> None:
        from gradcheck.namespaces import numpy_xp

        self.xp = numpy_xp

    def value(self, f: Bound, xs: Blocks) -> Any:
        total = 0.0
        for number in range(_TIMES):
            total += number * float(np.sum(np.exp(_SMALL) * _SMALL))
            if number % 5 == 0:
                total += float((_MATRIX @ _MATRIX)[0, 0])
        return np.float64(total)


yardstick = Backend(
    name="yardstick",
    title="the same work in every round",
    load=lambda device: _Yardstick(),
    operators=("value",),
)


work = problem(x=1.0, name="yardstick")(lambda xp, x: x)
