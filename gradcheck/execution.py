"""Running a plan: every question to every backend, every answer judged, every right one timed.

The plan is resolved before anything starts, so a misspelt name costs nothing. A cell that cannot run has its
reason; a backend that hangs or dies loses that cell alone.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from gradcheck import asking
from gradcheck.asking import Question, Reply
from gradcheck.backends.base import Backend, available_backends
from gradcheck.catalogue import Suite, find_suites
from gradcheck.errors import BadProblem, EmptySelection, NoDevice, TruthUnavailable, UnknownName
from gradcheck.judge.accuracy import judge
from gradcheck.judge.printed import check_printed
from gradcheck.operators import DTYPES, OPERATORS, applicable, known
from gradcheck.problems import Instance
from gradcheck.results import FILE_NAME, Measurement, Outcome, PublishedCheck, Results, Writer, environment
from gradcheck.truth import Certifier, Truth
from gradcheck.workers import Died, InProcess, TimedOut, Workers

DEVICES = ("cpu", "cuda")

Progress = Callable[[int, int, str], None]
Sink = Callable[[Measurement | PublishedCheck], None]


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What to run, every name resolved.

    Attributes
    ----------
    suites, backends
        What is differentiated, and by whom.
    devices, dtypes, operators
        On what, in which precision, and what is asked.
    seed
        Of every random input, tangent and cotangent.
    rounds
        Timing samples per cell; 0 leaves timing out.
    """

    suites: Sequence[Suite]
    backends: Sequence[Backend]
    devices: Sequence[str] = ("cpu",)
    dtypes: Sequence[str] = DTYPES
    operators: Sequence[str] = OPERATORS
    seed: int = 0
    rounds: int = 5

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
        rounds: int = 5,
    ) -> Plan:
        """Make a plan from names; what is not named is everything there is (devices: the CPU).

        Parameters
        ----------
        *suites
            Names of installed suites, or paths of suite files.
        backends, devices, dtypes, operators
            Names.
        select
            An expression on ``suite/problem`` names, for example ``"softmax and not entropy"``.
        seed, rounds
            See the class.

        Raises
        ------
        GradcheckError
            An unknown name, a suite that cannot be used, or nothing left to run.
        """
        offered = available_backends()
        chosen = []
        for name in dict.fromkeys(backends or offered):
            if name not in offered:
                raise UnknownName("backend", name, offered)
            chosen.append(offered[name])
        for device in devices:
            if device not in DEVICES:
                raise UnknownName("device", device, DEVICES)
        for dtype in dtypes:
            if dtype not in DTYPES:
                raise UnknownName("dtype", dtype, DTYPES)
        found = find_suites(suites)
        if select:
            found = [suite for suite in (suite.select(select) for suite in found) if suite.problems]
        if not any(suite.problems for suite in found):
            raise EmptySelection(
                f"no problem matches --select {select!r}" if select else "no suite is installed"
            )
        return cls(
            suites=found,
            backends=chosen,
            devices=tuple(dict.fromkeys(devices)) or ("cpu",),
            dtypes=tuple(dict.fromkeys(dtypes)) or DTYPES,
            operators=tuple(dict.fromkeys(known(operator) for operator in operators)) or OPERATORS,
            seed=seed,
            rounds=rounds,
        )

    def instances(self) -> Iterator[tuple[str, Instance]]:
        """Every problem at every point, with its suite's name."""
        for suite in self.suites:
            for problem in suite.problems.values():
                for instance in problem.instances(self.seed):
                    yield suite.name, instance


def run(
    plan: Plan,
    *,
    out: Path | str | None = None,
    isolated: bool = False,
    limit: float = 60.0,
    progress: Progress | None = None,
) -> Results:
    """Run a plan.

    Parameters
    ----------
    plan
        What to run.
    out
        A directory to write the results to while they come; made when missing.
    isolated
        Run every backend in a process of its own, which may hang or die. Scripts that ask for it need the
        usual ``if __name__ == "__main__"`` guard.
    limit
        Seconds one cell may take when isolated.
    progress
        Called with the number of instances done, their total and the current problem.

    Raises
    ------
    NoDevice
        When no backend has any of the devices asked for.
    """
    with Workers(limit) if isolated else InProcess() as workers:
        devices = _find_devices(plan, workers)
        described = environment(plan.seed, {b.name: b.version or "not installed" for b in plan.backends})
        with _sink(out, described) as sink:
            collected = list(_records(plan, workers, devices, progress, sink))
    return Results(
        environment=described,
        cells=tuple(record for record in collected if isinstance(record, Measurement)),
        published=tuple(record for record in collected if isinstance(record, PublishedCheck)),
    )


@contextmanager
def _sink(out: Path | str | None, described: Mapping[str, Any]) -> Iterator[Sink]:
    """Where records go as they come: the results file of a directory, or nowhere."""
    if out is None:
        yield lambda record: None
        return
    directory = Path(out)
    directory.mkdir(parents=True, exist_ok=True)
    with (directory / FILE_NAME).open("w", encoding="utf-8") as file:
        yield Writer(file, described).add


def _records(
    plan: Plan,
    workers: Workers | InProcess,
    devices: Mapping[str, Sequence[str]],
    progress: Progress | None,
    sink: Sink,
) -> Iterator[Measurement | PublishedCheck]:
    instances = list(plan.instances())
    for done, (suite, instance) in enumerate(instances):
        if progress:
            progress(done, len(instances), f"{suite}/{instance.problem.name}")
        for record in _Row(plan, workers, devices, suite, instance).records():
            sink(record)
            yield record
    if progress:
        progress(len(instances), len(instances), "")


def _find_devices(plan: Plan, workers: Workers | InProcess) -> dict[str, Sequence[str]]:
    """Backend to the devices it has here; a backend that fails to load has none."""
    pending = {b.name: workers.submit(b.name, b.devices) for b in plan.backends if b.installed}
    found: dict[str, Sequence[str]] = {}
    for name, one in pending.items():
        try:
            found[name] = one.result()
        except (TimedOut, Died):
            found[name] = ()
    if not any(device in have for device in plan.devices for have in found.values()) and found:
        raise NoDevice(", ".join(plan.devices), list(found.items()))
    return found


@dataclass
class _Row:
    """One instance with all its backends: asked side by side, judged, then timed in interleaved rounds."""

    plan: Plan
    workers: Workers | InProcess
    devices: Mapping[str, Sequence[str]]
    suite: str
    instance: Instance
    fault: str = field(default="", init=False)

    def records(self) -> Iterator[Measurement | PublishedCheck]:
        questions = self._questions()
        pending = {
            (backend.name, device): self.workers.submit(
                backend.name, asking.ask, backend, device, self.instance, questions
            )
            for backend, device in self._present()
            if not self.fault
        }
        truths = {} if self.fault or self.instance.problem.refuses else self._truths(questions)
        if not self.fault and self.instance.point.published:
            yield from check_printed(self.instance, self.suite)
        cells = []
        for backend in self.plan.backends:
            for device in self.plan.devices:
                replies = self._replies(backend, device, questions, pending.get((backend.name, device)))
                cells += [
                    self._cell(backend, device, question, reply, truths.get(question))
                    for question, reply in zip(questions, replies, strict=True)
                ]
        yield from self._timed(cells)

    def _questions(self) -> list[Question]:
        operators: Sequence[str] = ("value",)
        if not self.instance.problem.refuses:
            try:
                operators = applicable(self.instance.layout.output)
            except BadProblem as error:
                self.fault = str(error)
        asked = [operator for operator in self.plan.operators if operator in operators]
        return [Question(operator, dtype) for dtype in self.plan.dtypes for operator in asked]

    def _present(self) -> Iterator[tuple[Backend, str]]:
        for backend in self.plan.backends:
            for device in self.plan.devices:
                if backend.installed and device in self.devices[backend.name]:
                    yield backend, device

    def _truths(self, questions: Sequence[Question]) -> dict[Question, Truth | str]:
        certifiers = {dtype: Certifier(self.instance, dtype) for dtype in self.plan.dtypes}
        for certifier in certifiers.values():
            certifier.share(certifiers[self.plan.dtypes[0]])
        seeds = asking.seeds_of(self.instance)
        truths: dict[Question, Truth | str] = {}
        for question in questions:
            try:
                truths[question] = certifiers[question.dtype].truth(question.operator, seeds)
            except TruthUnavailable as error:
                truths[question] = f"no certified truth: {error}"
        return truths

    def _replies(
        self, backend: Backend, device: str, questions: Sequence[Question], pending: Any
    ) -> list[Reply | tuple[Outcome, str]]:
        """A reply to every question, or the outcome and the reason why there is none."""
        if self.fault:
            return [(Outcome.ERROR, self.fault)] * len(questions)
        if not backend.installed:
            return [(Outcome.NOT_INSTALLED, str(backend.missing()))] * len(questions)
        if pending is None:
            have = ", ".join(self.devices[backend.name]) or "none"
            return [(Outcome.NO_DEVICE, f"{backend.name} has no {device} here; it has: {have}")] * len(
                questions
            )
        try:
            replies: list[Reply | tuple[Outcome, str]] = pending.result()
        except (TimedOut, Died) as error:
            if len(questions) > 1:  # one of them is to blame: ask them one by one
                return [self._alone(backend, device, question) for question in questions]
            return [(_outcome_of(error), str(error))] * len(questions)
        except Exception as error:
            return [(Outcome.ERROR, f"{type(error).__name__}: {error}")] * len(questions)
        return replies

    def _alone(self, backend: Backend, device: str, question: Question) -> Reply | tuple[Outcome, str]:
        pending = self.workers.submit(backend.name, asking.ask, backend, device, self.instance, [question])
        return self._replies(backend, device, [question], pending)[0]

    def _cell(
        self,
        backend: Backend,
        device: str,
        question: Question,
        reply: Reply | tuple[Outcome, str],
        truth: Truth | str | None,
    ) -> Measurement:
        blank = Measurement(
            suite=self.suite,
            problem=self.instance.problem.name,
            point=self.instance.point.label,
            backend=backend.name,
            device=device,
            dtype=question.dtype,
            operator=question.operator,
            outcome=Outcome.ERROR,
        )
        if isinstance(reply, tuple):
            return replace(blank, outcome=reply[0], reason=reply[1])
        if reply.unsupported:
            return replace(blank, outcome=Outcome.UNSUPPORTED, reason=reply.raised)
        if self.instance.problem.refuses and reply.raised:
            return replace(blank, **_refusal(reply.raised))
        if reply.raised:
            return replace(blank, reason=reply.raised)
        blank = replace(blank, first_call=reply.first_call)
        if reply.flat is None or not isinstance(truth, Truth):
            fault = Outcome.WRONG if reply.fault else Outcome.ERROR
            return replace(blank, outcome=fault, reason=reply.fault or str(truth))
        layout = self.instance.layout
        judgement = judge(reply.flat, reply.bars, truth, question.operator, layout, question.dtype)
        cell = replace(
            blank,
            inputs=layout.n,
            outputs=layout.k,
            truth=truth.kind,
            truth_digits=truth.digits,
            calls=asking.calls_per_sample(reply.second_call),
            **{name: getattr(judgement, name) for name in judgement.__slots__},
        )
        return replace(cell, outcome=Outcome.WRONG, reason=reply.fault) if reply.fault else cell

    def _timed(self, cells: Sequence[Measurement]) -> list[Measurement]:
        """The cells with timing samples: rounds over all backends in an order drawn anew each round."""
        order = random.Random(self.plan.seed)
        samples: dict[int, list[float]] = {
            at: [] for at, cell in enumerate(cells) if cell.outcome.ran and cell.calls
        }
        for _ in range(self.plan.rounds):
            groups: dict[tuple[str, str], list[int]] = {}
            for at, taken in samples.items():
                if sum(taken) < _BUDGET:
                    groups.setdefault((cells[at].backend, cells[at].device), []).append(at)
            for key in order.sample(sorted(groups), len(groups)):
                for at, seconds in zip(
                    groups[key], self._clock(*key, [cells[at] for at in groups[key]]), strict=True
                ):
                    samples[at].append(seconds)
        return [replace(cell, samples=_finite(samples.get(at, []))) for at, cell in enumerate(cells)]

    def _clock(self, name: str, device: str, cells: Sequence[Measurement]) -> list[float]:
        backend = next(backend for backend in self.plan.backends if backend.name == name)
        timed = [(Question(cell.operator, cell.dtype), cell.calls) for cell in cells]
        pending = self.workers.submit(name, asking.clock, backend, device, self.instance, timed)
        try:
            samples: list[float] = pending.result()
        except (TimedOut, Died):
            return [math.inf] * len(cells)  # spends the budget of these cells; infinite samples are dropped
        return samples


_BUDGET = 0.1  # seconds of samples after which a cell is not timed again


def _finite(samples: Sequence[float]) -> tuple[float, ...]:
    return tuple(sample for sample in samples if math.isfinite(sample))


def _outcome_of(error: Exception) -> Outcome:
    return Outcome.TIMEOUT if isinstance(error, TimedOut) else Outcome.CRASH


_SHAPE_WORDS = ("shape", "size", "broadcast", "dimension")


def _refusal(raised: str) -> dict[str, Any]:
    """What becomes of an exception where one is due: right when it speaks of shapes."""
    if any(word in raised.lower() for word in _SHAPE_WORDS):
        return {"outcome": Outcome.EXACT, "reason": f"refused, as it must: {raised}"}
    return {"outcome": Outcome.ERROR, "reason": f"refused, but not for its shapes: {raised}"}
