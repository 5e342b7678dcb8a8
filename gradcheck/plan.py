"""What to run: every name resolved before anything starts, so that a misspelt one costs nothing."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from gradcheck.backends.base import Backend, available_backends
from gradcheck.catalogue import Suite, find_suites
from gradcheck.devices import DEVICES
from gradcheck.errors import BadArgument, EmptySelection, UnknownName
from gradcheck.operators import DTYPES, OPERATORS
from gradcheck.problems import Instance

TIMED = ("value", "gradient", "jacobian")
SIZED = ("value", "gradient")  # what is asked at points that are there for their size
LARGEST = 10_000_000


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What to run.

    Attributes
    ----------
    suites, backends
        What is differentiated, and by whom.
    devices, dtypes, operators
        On what, in which precision, and what is asked.
    seed
        Of every random input, tangent and cotangent.
    timed
        The operators that are timed.
    rounds
        Timing samples per cell at least; 0 leaves timing out.
    budget
        Seconds of samples a cell may take, once it has its rounds, to narrow the interval of its median.
    processes
        How many of each backend take a cell's samples in turn, when isolated: processes of one program differ
        by some percent for as long as they live, and several average that out.
    cold
        Whether the first call is also timed in a process of its own, cell by cell.
    largest
        Points of a larger size are left out.
    named
        The arguments of :meth:`of` that made this plan, all of them plain; empty for a plan of objects.
    """

    suites: Sequence[Suite]
    backends: Sequence[Backend]
    devices: Sequence[str] = ("cpu",)
    dtypes: Sequence[str] = ("float64", "float32")
    operators: Sequence[str] = OPERATORS
    seed: int = 0
    timed: Sequence[str] = TIMED
    rounds: int = 15
    budget: float = 0.01
    processes: int = 1
    cold: bool = False
    largest: int = LARGEST
    named: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        *suites: str,
        backends: Sequence[str] = (),
        devices: Sequence[str] = (),
        dtypes: Sequence[str] = (),
        operators: Sequence[str] = (),
        select: str = "",
        seed: int = 0,
        rounds: int = 15,
        budget: float = 0.01,
        processes: int = 1,
        cold: bool = False,
        largest: int = LARGEST,
    ) -> Plan:
        """Make a plan from names; what is not named is everything there is (devices: one thread of the CPU).

        Parameters
        ----------
        *suites
            Names of installed suites, or paths of suite files; without any, all but those on request.
        backends
            Names; without any, all but those on request.
        devices, dtypes, operators
            Names.
        select
            An expression on ``suite/problem`` names, for example ``"softmax and not entropy"``.
        seed, rounds, budget, processes, cold, largest
            See the class.

        Raises
        ------
        GradcheckError
            An unknown name, a suite that cannot be used, or nothing left to run.
        """
        if seed < 0:
            raise BadArgument("seed", "0 or a positive number", seed)
        if budget < 0:
            raise BadArgument("budget", "0 or a positive number of seconds", budget)
        if processes < 1:
            raise BadArgument("processes", "1 or more", processes)
        offered = available_backends()
        everybody = tuple(name for name, backend in offered.items() if not backend.on_request)
        named_operators = known("operator", operators, OPERATORS)
        found = find_suites(suites)
        if select:
            found = [suite for suite in (suite.select(select) for suite in found) if suite.problems]
        if not any(suite.problems for suite in found):
            raise EmptySelection(
                f"no problem matches --select {select!r}" if select else "no suite is installed"
            )
        return cls(
            suites=found,
            backends=[offered[name] for name in known("backend", backends, offered) or everybody],
            devices=known("device", devices, DEVICES) or ("cpu",),
            dtypes=known("dtype", dtypes, DTYPES) or ("float64", "float32"),
            operators=named_operators or OPERATORS,
            seed=seed,
            timed=named_operators or TIMED,
            rounds=rounds,
            budget=budget,
            processes=processes,
            cold=cold,
            largest=largest,
            named={
                "suites": list(suites),
                "backends": list(backends),
                "devices": list(devices),
                "dtypes": list(dtypes),
                "operators": list(operators),
                "select": select,
                "seed": seed,
                "rounds": rounds,
                "budget": budget,
                "processes": processes,
                "cold": cold,
                "largest": largest,
            },
        )

    @classmethod
    def again(cls, named: Mapping[str, Any]) -> Plan:
        """The plan that :meth:`of` made from these arguments."""
        options = dict(named)
        return cls.of(*options.pop("suites"), **options)

    def instances(self) -> Iterator[tuple[str, Instance]]:
        """Every problem at every point that is not too large, with its suite's name."""
        for suite in self.suites:
            for problem in suite.problems.values():
                for instance in problem.instances(self.seed):
                    if instance.point.size <= self.largest:
                        yield suite.name, instance


def known(kind: str, names: Sequence[str], choices: Collection[str]) -> tuple[str, ...]:
    """The names, each once, all of them among the choices."""
    for name in names:
        if name not in choices:
            raise UnknownName(kind, name, choices)
    return tuple(dict.fromkeys(names))
