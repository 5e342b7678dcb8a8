"""Sixteen good jobs and five bad ones for one worker: the bad must cost nothing but themselves."""

import ctypes
import os
import sys
import time

import cloudpickle
import numpy as np

from gradcheck import Outcome, Plan, Suite, engine, problem
from gradcheck.backends.base import Backend, Differentiator

LIMIT = 8.0  # seconds a job may take
MEMORY = 5 * 2**27  # bytes its worker may hold
GOOD = tuple(f"good_{number}" for number in range(16))


def _segfault():
    ctypes.string_at(0)


def _hang():
    while True:
        time.sleep(1)


def _raise():
    raise RuntimeError("no luck")


def _leave():
    os._exit(7)


def _eat():
    held = []
    while True:
        held.append(np.ones(2**22))


BAD = {
    "segfault": (_segfault, Outcome.CRASH, "the worker process was ended by signal SIGSEGV"),
    "hang": (_hang, Outcome.TIMEOUT, "no answer within 8 s"),
    "exception": (_raise, Outcome.ERROR, "RuntimeError: no luck"),
    "exit": (_leave, Outcome.CRASH, "the worker process ended with code 7"),
    "eater": (_eat, Outcome.MEMORY, "held more memory than a worker may"),
}


class Moody(Differentiator):
    """Answers by the name of the problem."""

    xp = engine.xp

    def vjp(self, f, xs, cotangent):
        if f.problem.name in BAD:
            BAD[f.problem.name][0]()
        return [2 * xs[0] * cotangent]


def plan(names=(*GOOD[:8], *BAD, *GOOD[8:])):
    """One cell a job, the bad ones in the middle."""
    backend = Backend(name="moody", title="", load=lambda device: Moody())
    problems = {name: problem(x=3.0, name=name)(lambda xp, x: x**2) for name in names}
    suite = Suite(name="jobs", title="", problems=problems, source="test")
    return Plan(suites=[suite], backends=[backend], operators=("gradient",), dtypes=("float64",), rounds=0)


cloudpickle.register_pickle_by_value(sys.modules[__name__])
