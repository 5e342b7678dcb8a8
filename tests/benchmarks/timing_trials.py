"""Two competitors, timed by the harness's own rounds, in worker processes: how often noise makes a winner.

``A`` and ``B`` are one function; ``slow`` does a tenth more of the same work. A trial is a point, and takes
the samples a cell of a run gets by default, in rounds or, to compare with, one competitor after the other.
Every ten trials are a group of a run, in new processes: two processes differ for as long as they live.
"""

import math
import sys
from contextlib import contextmanager
from dataclasses import dataclass, field
from statistics import median, stdev

import cloudpickle
import numpy as np

from gradcheck import Plan, Point, Suite, engine, problem
from gradcheck.backends.base import Backend, Differentiator
from gradcheck.comparing import noise_floor
from gradcheck.records import Control, Timing
from gradcheck.rows import Row
from gradcheck.session import Pace
from gradcheck.statistics import paired_ratio, ratio
from gradcheck.timing import timed
from gradcheck.workers import staffed

WORK = 100  # times the function goes over its array
ROUNDS = 15
POINTS = 10  # of a group


class Steady(Differentiator):
    """The gradient of a sum, over and over: as much work as it is told."""

    xp = engine.xp

    def __init__(self, work):
        self._work = work

    def vjp(self, f, xs, cotangent):
        for _ in range(self._work):
            slope = np.cos(xs[0])
        return [slope * cotangent]


def backend(name, work):
    return Backend(name=name, title="", load=lambda device: Steady(work))


COMPETITORS = (backend("A", WORK), backend("B", WORK), backend("slow", WORK + WORK // 10))


@problem(*(Point(x=np.linspace(0, 1 + number, 100)) for number in range(POINTS)))
def sine(xp, x):
    """sum sin x"""
    return xp.sum(xp.sin(x))


@dataclass
class Trials:
    """Ratios of many trials, with their intervals."""

    made: list = field(default_factory=list)

    @property
    def ratios(self):
        return [one.value for one in self.made]

    def called(self, floor, worse=False):
        """The share of trials whose interval leaves 1, with a ratio beyond a noise floor."""
        slower = [one.low > 1 and one.value > 1 + floor for one in self.made]
        faster = [one.high < 1 and 1 / one.value > 1 + floor and not worse for one in self.made]
        return f"{100 * (sum(slower) + sum(faster)) / len(self.made):.1f} %"

    @property
    def spread(self):
        return stdev(math.log(value) for value in self.ratios)

    @property
    def row(self):
        worst = max(self.ratios, key=lambda value: abs(math.log(value)))
        return (
            f"{len(self.ratios)}",
            f"{median(self.ratios):.3f}",
            f"{100 * self.spread:.2f} %",
            f"{worst:.3f}",
        )


@contextmanager
def arena(**options):
    """Workers, and by point the cells of all competitors."""
    plan = Plan(
        suites=[Suite(name="trial", title="", problems={"sine": sine}, source="test")],
        backends=COMPETITORS,
        operators=("gradient",),
        dtypes=("float64",),
        rounds=ROUNDS,
        **options,
    )
    backends = {one.name: one for one in COMPETITORS}
    with staffed(backends, isolated=True, limit=60.0, memory=None) as staff:
        rows = [
            Row(plan, dict.fromkeys(backends, ("cpu",)), "trial", instance, staff.parcel)
            for instance in sine.instances()
        ]
        yield plan, staff, [{cell.seat.backend: cell for cell in row.cells} for row in rows]


def interleaved(plan, staff, points, number):
    """The samples of every competitor at every point, by the harness's rounds, and their controls."""
    made = list(timed([cell for cells in points for cell in cells.values()], staff, plan, group=number))
    samples = {one.key: one.samples for one in made if isinstance(one, Timing)}
    by_point = [{name: samples[cell.key] for name, cell in cells.items()} for cells in points]
    return by_point, [one for one in made if isinstance(one, Control)]


def alone(staff, cell):
    """As many samples of one cell, and of nothing else in between."""
    return [staff.submit(cell.seat, "clock", [cell.item], Pace()).result()[0].seconds for _ in range(ROUNDS)]


def trials(count, **options):
    """A against B in rounds, A against B one after the other, the slow one against A in rounds.

    ``options`` are those of a plan.
    """
    same, sequential, slower, controls = Trials(), Trials(), Trials(), []
    for number in range(math.ceil(count / POINTS)):
        with arena(**options) as (plan, staff, points):
            found, control = interleaved(plan, staff, points, number)
            controls += control
            for cells, samples in zip(points, found, strict=True):
                for kind, pair in ((same, ("A", "B")), (slower, ("slow", "A"))):
                    kind.made.append(paired_ratio(*(samples[name] for name in pair)))
                sequential.made.append(ratio(*(alone(staff, cells[name]) for name in ("A", "B"))))
    return same, sequential, slower, noise_floor(controls)


cloudpickle.register_pickle_by_value(sys.modules[__name__])
