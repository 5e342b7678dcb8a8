"""One instance and all who are asked about it: which cells there are, and what becomes of their answers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from gradcheck.backends.base import Backend
from gradcheck.errors import BadProblem, TruthUnavailable
from gradcheck.extended import Extended, positions
from gradcheck.judge.accuracy import judge
from gradcheck.judge.printed import check_counts, check_printed
from gradcheck.keys import cell_key, subject_digest
from gradcheck.operators import Layout, applicable
from gradcheck.plan import SIZED, Plan
from gradcheck.problems import Instance
from gradcheck.records import Measurement, Outcome, PublishedCheck, Study, Subject
from gradcheck.session import Item, Question, Reply
from gradcheck.studies import study
from gradcheck.subjects import subject
from gradcheck.truth import Certifier, Truth
from gradcheck.workers import Died, OutOfMemory, Seat, TimedOut

_LOST: dict[type[Exception], Outcome] = {
    TimedOut: Outcome.TIMEOUT,
    OutOfMemory: Outcome.MEMORY,
    Died: Outcome.CRASH,
}


@dataclass(frozen=True)
class Cell:
    """One question to one seat."""

    row: Row
    seat: Seat
    question: Question
    key: str

    @cached_property
    def item(self) -> Item:
        """The cell as it travels to its session."""
        return Item(self.key, self.row.parcel, self.question)


class Row:
    """One instance with all its cells.

    Parameters
    ----------
    plan
        What is asked.
    devices
        Every installed backend to the devices it has here.
    suite, instance
        Of whom.
    wrap
        Makes the instance what travels to sessions.
    """

    def __init__(
        self,
        plan: Plan,
        devices: Mapping[str, Sequence[str]],
        suite: str,
        instance: Instance,
        wrap: Callable[[Instance], Instance | bytes],
    ) -> None:
        self.plan, self.devices = plan, devices
        self.suite, self.instance = suite, instance
        self._wrap = wrap
        self.name = f"{suite}/{instance.problem.name}"
        self._truths: dict[Question, Truth | str] = {}

    @cached_property
    def parcel(self) -> Instance | bytes:
        """The instance as it travels to sessions."""
        return self._wrap(self.instance)

    @cached_property
    def fault(self) -> str:
        """What is wrong with the problem at this point; empty for nothing."""
        if self.instance.problem.refuses:
            return ""
        try:
            check_counts(self.instance)
        except BadProblem as error:
            return str(error)
        return ""

    @cached_property
    def questions(self) -> list[Question]:
        """The operators and dtypes of the plan that make sense here."""
        operators: Sequence[str] = ("value",)
        if self.fault:
            operators = self.plan.operators[:1]
        elif not self.instance.problem.refuses:
            operators = applicable(self.instance.layout.output)
        if self.instance.point.size:
            operators = [operator for operator in operators if operator in SIZED]
        asked = [operator for operator in self.plan.operators if operator in operators]
        return [Question(operator, dtype) for dtype in self.plan.dtypes for operator in asked]

    @cached_property
    def cells(self) -> list[Cell]:
        """Every question to every backend on every device."""
        subject = "" if self.fault else subject_digest(self.suite, self.instance)
        return [
            Cell(
                self,
                Seat(backend.name, device),
                question,
                cell_key(
                    subject or self.name, backend.name, backend.version, device, question.dtype,
                    question.operator, self.instance.point.label,
                ),
            )
            for backend in self.plan.backends
            for device in self.plan.devices
            for question in self.questions
        ]  # fmt: skip

    def printed(self) -> Iterator[PublishedCheck]:
        """What documents print here, against the truth."""
        if not self.fault:
            yield from check_printed(self.instance, self.suite)

    def subject(self) -> Subject:
        """What people read about the problem."""
        title = next(suite.title for suite in self.plan.suites if suite.name == self.suite)
        return subject(self.instance.problem, self.suite, title)

    def study(self) -> Study | None:
        """What is seen of the function around the point; None at a point that is there for its size."""
        if self.instance.point.size:
            return None
        return study(self.instance, self.suite, lambda: self._truth(Question("gradient", "float64")))

    def settled(self, cell: Cell, backend: Backend) -> Measurement | None:
        """What becomes of a cell that nobody need be asked about; None for one to ask."""
        if self.fault:
            return self._blank(cell, Outcome.ERROR, self.fault)
        if not backend.installed:
            return self._blank(cell, Outcome.NOT_INSTALLED, str(backend.missing()))
        have = self.devices.get(backend.name, ())
        if cell.seat.device not in have:
            reason = f"{backend.name} has no {cell.seat.device} here; it has: {', '.join(have) or 'none'}"
            return self._blank(cell, Outcome.NO_DEVICE, reason)
        if cell.question.dtype not in backend.dtypes:
            return self._blank(cell, Outcome.UNSUPPORTED, f"has no {cell.question.dtype}")
        if cell.question.operator not in backend.operators:
            return self._blank(cell, Outcome.UNSUPPORTED, f"offers no {cell.question.operator}")
        return None

    def lost(self, cell: Cell, error: Exception) -> Measurement:
        """What becomes of a cell whose session gave no reply."""
        if type(error) in _LOST:
            return self._blank(cell, _LOST[type(error)], str(error))
        return self._blank(cell, Outcome.ERROR, f"{type(error).__name__}: {error}")

    def too_large(self, cell: Cell) -> Measurement:
        """What becomes of a cell whose smaller sibling was lost already."""
        return self._blank(cell, Outcome.TIMEOUT, "not asked: a smaller size was lost already")

    def judged(self, cell: Cell, reply: Reply) -> Measurement:
        """What becomes of a cell that was answered."""
        if reply.unsupported:
            return self._blank(cell, Outcome.UNSUPPORTED, reply.raised)
        if reply.out_of_memory:
            return self._blank(cell, Outcome.MEMORY, reply.raised)
        if self.instance.problem.refuses and reply.raised:
            return self._blank(cell, *_refusal(reply.raised))
        if reply.raised:
            return self._blank(cell, Outcome.ERROR, reply.raised)
        blank = replace(
            self._blank(cell, Outcome.WRONG, reply.fault),
            prepare=reply.prepare,
            first_call=reply.first_call,
            transfer=reply.transfer,
        )
        if reply.flat is None:
            return blank
        truth = self._truth(cell.question)
        if isinstance(truth, str):
            return blank if reply.fault else replace(blank, outcome=Outcome.ERROR, reason=truth)
        return self._compared(blank, reply, truth, cell.question)

    def _compared(self, blank: Measurement, reply: Reply, truth: Truth, question: Question) -> Measurement:
        assert reply.flat is not None
        layout = self.instance.layout
        named: Any = layout
        flat, bars = reply.flat, reply.bars
        if self.instance.point.size:
            at = positions(flat.size)
            flat, bars, named = flat[at], None if bars is None else bars[at], _Sampled(layout, at)
        judgement = judge(flat, bars, truth, question.operator, named, question.dtype)
        cell = replace(
            blank,
            inputs=layout.n,
            outputs=layout.k,
            truth=truth.kind,
            truth_digits=truth.digits,
            **{name: getattr(judgement, name) for name in judgement.__slots__},
        )
        return replace(cell, outcome=Outcome.WRONG, reason=reply.fault) if reply.fault else cell

    def _truth(self, question: Question) -> Truth | str:
        if question not in self._truths:
            try:
                self._truths[question] = self._certifiers[question.dtype].truth(
                    question.operator, {} if self.instance.point.size else self.instance.seeds
                )
            except TruthUnavailable as error:
                self._truths[question] = f"no certified truth: {error}"
        return self._truths[question]

    @cached_property
    def _certifiers(self) -> Mapping[str, Any]:
        kind = Extended if self.instance.point.size else Certifier
        dtypes = self.plan.dtypes if self.instance.point.size else (*self.plan.dtypes, "float64")
        certifiers: dict[str, Any] = {dtype: kind(self.instance, dtype) for dtype in dtypes}
        for certifier in certifiers.values():
            certifier.share(certifiers[self.plan.dtypes[0]])
        return certifiers

    def _blank(self, cell: Cell, outcome: Outcome, reason: str) -> Measurement:
        return Measurement(
            suite=self.suite,
            problem=self.instance.problem.name,
            point=self.instance.point.label,
            backend=cell.seat.backend,
            device=cell.seat.device,
            dtype=cell.question.dtype,
            operator=cell.question.operator,
            outcome=outcome,
            reason=reason,
            size=self.instance.point.size,
            key=cell.key,
        )


@dataclass(frozen=True)
class _Sampled:
    """Names of the entries of a sample of positions."""

    layout: Layout
    at: Any

    def path(self, operator: str, position: int) -> str:
        """Name of an entry of the whole answer."""
        return self.layout.path(operator, int(self.at[position]))


_SHAPE_WORDS = ("shape", "size", "broadcast", "dimension")


def _refusal(raised: str) -> tuple[Outcome, str]:
    """What becomes of an exception where one is due: right when it speaks of shapes."""
    if any(word in raised.lower() for word in _SHAPE_WORDS):
        return Outcome.EXACT, f"refused, as it must: {raised}"
    return Outcome.ERROR, f"refused, but not for its shapes: {raised}"
