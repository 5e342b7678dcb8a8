"""Running a plan: every question to every backend, every answer judged, every right one timed.

The plan is resolved before anything starts, so a misspelt name costs nothing. A cell that cannot run has its
reason; a backend that hangs or dies loses that cell alone.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from gradcheck import asking
from gradcheck.asking import Question, Reply
from gradcheck.backends.base import Backend, available_backends
from gradcheck.catalogue import Suite, find_suites
from gradcheck.errors import (
    BadArgument,
    BadProblem,
    BadResults,
    EmptySelection,
    NoDevice,
    TruthUnavailable,
    UnknownName,
)
from gradcheck.judge.accuracy import judge
from gradcheck.judge.printed import check_counts, check_printed
from gradcheck.operators import DTYPES, OPERATORS, applicable
from gradcheck.problems import Instance
from gradcheck.results import FILE_NAME, Measurement, Outcome, PublishedCheck, Results, Writer, environment
from gradcheck.timing import timed
from gradcheck.truth import Certifier, Truth
from gradcheck.workers import Died, InProcess, Pending, TimedOut, Workers

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
        if seed < 0:
            raise BadArgument("seed", "0 or a positive number", seed)
        offered = available_backends()
        named_backends = known("backend", backends, offered) or tuple(offered)
        named_devices = known("device", devices, DEVICES) or ("cpu",)
        named_dtypes = known("dtype", dtypes, DTYPES) or DTYPES
        named_operators = known("operator", operators, OPERATORS) or OPERATORS
        found = find_suites(suites)
        if select:
            found = [suite for suite in (suite.select(select) for suite in found) if suite.problems]
        if not any(suite.problems for suite in found):
            raise EmptySelection(
                f"no problem matches --select {select!r}" if select else "no suite is installed"
            )
        return cls(
            suites=found,
            backends=[offered[name] for name in named_backends],
            devices=named_devices,
            dtypes=named_dtypes,
            operators=named_operators,
            seed=seed,
            rounds=rounds,
        )

    def instances(self) -> Iterator[tuple[str, Instance]]:
        """Every problem at every point, with its suite's name."""
        for suite in self.suites:
            for problem in suite.problems.values():
                for instance in problem.instances(self.seed):
                    yield suite.name, instance


def known(kind: str, names: Sequence[str], choices: Collection[str]) -> tuple[str, ...]:
    """The names, each once, all of them among the choices."""
    for name in names:
        if name not in choices:
            raise UnknownName(kind, name, choices)
    return tuple(dict.fromkeys(names))


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
    path = Path(out) / FILE_NAME
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = path.open("w", encoding="utf-8")
    except OSError as error:
        raise BadResults(
            str(path), f"cannot be written ({error.strerror})", "name another directory"
        ) from error
    with file:
        yield Writer(file, described).add


def _records(
    plan: Plan,
    workers: Workers | InProcess,
    devices: Mapping[str, Sequence[str]],
    progress: Progress | None,
    sink: Sink,
) -> Iterator[Measurement | PublishedCheck]:
    instances = list(plan.instances())
    if not any(_questions(plan, instance)[0] for _, instance in instances):
        raise EmptySelection(f"{', '.join(plan.operators)} makes no sense for any selected problem")
    backends = {backend.name: backend for backend in plan.backends}
    for start in range(0, len(instances), _GROUP):
        group = []
        for suite, instance in instances[start : start + _GROUP]:
            group.append((instance, _Row(plan, workers, devices, suite, instance)))
        judged = []
        for done, (instance, row) in enumerate(group, start=start):
            if progress:
                progress(done, len(instances), f"{row.suite}/{instance.problem.name}")
            judged.append((instance, row.cells()))
        measured = timed(judged, backends, workers, rounds=plan.rounds, seed=plan.seed + start)
        for (_, row), cells in zip(group, measured, strict=True):
            records: list[Measurement | PublishedCheck] = [*row.printed(), *cells]
            for record in records:
                sink(record)
                yield record
    if progress:
        progress(len(instances), len(instances), "")


_GROUP = 8  # instances asked, judged and timed together; a visit to a worker costs milliseconds


def _find_devices(plan: Plan, workers: Workers | InProcess) -> dict[str, Sequence[str]]:
    """Every installed backend to the devices it has here."""
    pending = {b.name: workers.submit(b.name, b.devices) for b in plan.backends if b.installed}
    found: dict[str, Sequence[str]] = {}
    for name, one in pending.items():
        try:
            found[name] = one.result()
        except Exception:
            found[name] = plan.devices  # whatever is wrong with it, its cells will say
    if not any(device in have for device in plan.devices for have in found.values()) and found:
        raise NoDevice(", ".join(plan.devices), list(found.items()))
    return found


def _questions(plan: Plan, instance: Instance) -> tuple[list[Question], str]:
    """The operators and dtypes of a plan that make sense for an instance, and what is wrong with it."""
    operators: Sequence[str] = ("value",)
    fault = ""
    if not instance.problem.refuses:
        try:
            operators = applicable(instance.layout.output)
            check_counts(instance)
        except BadProblem as error:
            operators, fault = plan.operators[:1], str(error)
    asked = [operator for operator in plan.operators if operator in operators]
    return [Question(operator, dtype) for dtype in plan.dtypes for operator in asked], fault


@dataclass
class _Row:
    """One instance with all its backends, asked side by side and judged."""

    plan: Plan
    workers: Workers | InProcess
    devices: Mapping[str, Sequence[str]]
    suite: str
    instance: Instance
    questions: list[Question] = field(init=False)
    fault: str = field(init=False)
    pending: dict[tuple[str, str], Pending] = field(init=False)

    def __post_init__(self) -> None:
        """Hand out the questions; the answers come while others are judged."""
        self.questions, self.fault = _questions(self.plan, self.instance)
        self.pending = {
            (backend.name, device): self.workers.submit(
                backend.name, asking.ask, backend, device, self.instance, self.questions
            )
            for backend, device in self._present()
            if not self.fault
        }

    def printed(self) -> list[PublishedCheck]:
        """What documents print here, against the truth."""
        return [] if self.fault else list(check_printed(self.instance, self.suite))

    def cells(self) -> list[Measurement]:
        """One judged cell for every question to every backend on every device."""
        truths = {} if self.fault or self.instance.problem.refuses else self._truths()
        cells = []
        for backend in self.plan.backends:
            for device in self.plan.devices:
                replies = self._replies(
                    backend, device, self.questions, self.pending.get((backend.name, device))
                )
                cells += [
                    self._cell(backend, device, question, reply, truths.get(question))
                    for question, reply in zip(self.questions, replies, strict=True)
                ]
        return cells

    def _present(self) -> Iterator[tuple[Backend, str]]:
        for backend in self.plan.backends:
            for device in self.plan.devices:
                if device in self.devices.get(backend.name, ()):
                    yield backend, device

    def _truths(self) -> dict[Question, Truth | str]:
        certifiers = {dtype: Certifier(self.instance, dtype) for dtype in self.plan.dtypes}
        for certifier in certifiers.values():
            certifier.share(certifiers[self.plan.dtypes[0]])
        truths: dict[Question, Truth | str] = {}
        for question in self.questions:
            try:
                truths[question] = certifiers[question.dtype].truth(question.operator, self.instance.seeds)
            except TruthUnavailable as error:
                truths[question] = f"no certified truth: {error}"
        return truths

    def _replies(
        self, backend: Backend, device: str, questions: Sequence[Question], pending: Any
    ) -> list[Reply | tuple[Outcome, str]]:
        """A reply to every question, or the outcome and the reason why there is none."""
        if self.fault:
            return [(Outcome.ERROR, self.fault)] * len(questions)
        if backend.name not in self.devices:
            return [(Outcome.NOT_INSTALLED, str(backend.missing()))] * len(questions)
        if pending is None:
            have = ", ".join(self.devices[backend.name]) or "none"
            reason = f"{backend.name} has no {device} here; it has: {have}"
            return [(Outcome.NO_DEVICE, reason)] * len(questions)
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


def _outcome_of(error: Exception) -> Outcome:
    return Outcome.TIMEOUT if isinstance(error, TimedOut) else Outcome.CRASH


_SHAPE_WORDS = ("shape", "size", "broadcast", "dimension")


def _refusal(raised: str) -> dict[str, Any]:
    """What becomes of an exception where one is due: right when it speaks of shapes."""
    if any(word in raised.lower() for word in _SHAPE_WORDS):
        return {"outcome": Outcome.EXACT, "reason": f"refused, as it must: {raised}"}
    return {"outcome": Outcome.ERROR, "reason": f"refused, but not for its shapes: {raised}"}
