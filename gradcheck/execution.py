"""Running a plan: every question to every backend, every answer judged, every right one timed.

The unit is the cell. Cells of a group of problems are asked, as many at a time as there are jobs; each answer
is judged and written down when it comes, and then the group is timed by itself. A cell that cannot run has
its reason; a backend that hangs, dies or eats memory loses that cell alone; a run that was killed can go on.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from pathlib import Path
from typing import Any, NamedTuple

from gradcheck import environment
from gradcheck.backends.base import Backend
from gradcheck.devices import cores
from gradcheck.errors import EmptySelection, NoDevice
from gradcheck.ledger import Ledger
from gradcheck.plan import Plan
from gradcheck.results import Measurement, Outcome, Results
from gradcheck.rows import Cell, Row
from gradcheck.session import Question
from gradcheck.timing import timed
from gradcheck.workers import Seat, Staff, staffed

Progress = Callable[[int, int, str], None]

_RECENT = 50  # answers that say how long a seat's next ones will take
_GROUP = 8  # instances asked and then timed together: what they have prepared is held that long


def run(
    plan: Plan,
    *,
    out: Path | str | None = None,
    resume: bool = False,
    isolated: bool = False,
    limit: float = 60.0,
    memory: int | None = None,
    jobs: int | None = None,
    progress: Progress | None = None,
) -> Results:
    """Run a plan.

    Parameters
    ----------
    plan
        What to run.
    out
        A directory to write the results to while they come; made when missing.
    resume
        Go on with the run that is in ``out``: what is there is not asked again.
    isolated
        Run every backend and device in a process of its own, which may hang or die. Scripts that ask for it
        need the usual ``if __name__ == "__main__"`` guard.
    limit
        Seconds one cell may take when isolated.
    memory
        Bytes one worker may hold when isolated; None for no limit.
    jobs
        Cells asked at a time when isolated; None for one per core. Timing is never done in parallel.
    progress
        Called with the number of instances done, their total and the current problem.

    Raises
    ------
    NoDevice
        When no backend has any of the devices asked for.
    EmptySelection
        When none of the operators makes sense for any of the problems.
    """
    backends = {backend.name: backend for backend in plan.backends}
    started = time.monotonic()
    with staffed(backends, isolated=isolated, limit=limit, memory=memory) as staff:
        devices = _find_devices(plan, staff)
        described = environment.describe(
            plan.seed, {b.name: b.version or "not installed" for b in plan.backends}
        )
        with Ledger(out, {**described, "plan": dict(plan.named)}, resume=resume) as ledger:
            _Run(plan, staff, devices, ledger, jobs or cores(), progress).all()
            seconds = round(time.monotonic() - started, 1)
            return ledger.end({"seconds": seconds, "load after": environment.load()})


def _find_devices(plan: Plan, staff: Staff) -> dict[str, Sequence[str]]:
    """Every installed backend to the devices it has here."""
    pending = {
        b.name: staff.submit(Seat(b.name, plan.devices[0]), "devices") for b in plan.backends if b.installed
    }
    found: dict[str, Sequence[str]] = {}
    for name, one in pending.items():
        try:
            found[name] = one.result()
        except Exception:
            found[name] = plan.devices  # whatever is wrong with it, its cells will say
    if not any(device in have for device in plan.devices for have in found.values()) and found:
        raise NoDevice(", ".join(plan.devices), list(found.items()))
    return found


class _Asked(NamedTuple):
    """A cell that a session is at, its answer to come, and since when."""

    cell: Cell
    future: Future[Any]
    since: float


class _Run:
    """A plan under way."""

    def __init__(
        self,
        plan: Plan,
        staff: Staff,
        devices: Mapping[str, Sequence[str]],
        ledger: Ledger,
        jobs: int,
        progress: Progress | None,
    ) -> None:
        self._plan, self._staff, self._devices = plan, staff, devices
        self._ledger, self._jobs = ledger, jobs
        self._progress = progress or (lambda done, total, label: None)
        self._backends: Mapping[str, Backend] = {backend.name: backend for backend in plan.backends}
        self._costs: dict[Seat, deque[float]] = {}
        self._lost: set[tuple[Seat, str, Question]] = set()

    def all(self) -> None:
        """Ask, judge and time everything that the ledger does not hold yet."""
        rows = [
            Row(self._plan, self._devices, suite, instance, self._staff.parcel)
            for suite, instance in self._plan.instances()
        ]
        if not any(row.questions for row in rows):
            raise EmptySelection(f"{', '.join(self._plan.operators)} makes no sense for any selected problem")
        self._greet(rows)
        for start in range(0, len(rows), _GROUP):
            self._group(rows[start : start + _GROUP], start, len(rows))
        self._progress(len(rows), len(rows), "")

    def _greet(self, rows: Sequence[Row]) -> None:
        """Start the sessions that will be needed, and write down what they are."""
        needed = {cell.seat for row in rows for cell in row.cells if self._waits(cell)}
        greetings = {seat: self._staff.submit(seat, "greet") for seat in sorted(needed)}
        for greeting in greetings.values():
            try:
                self._ledger.add(greeting.result())
            except Exception:
                continue  # whatever is wrong with it, its cells will say

    def _waits(self, cell: Cell) -> bool:
        """Whether a cell is still to be asked or timed."""
        if cell.row.settled(cell, self._backends[cell.seat.backend]):
            return False
        return cell.key not in self._ledger.cells or self._times(cell)

    def _times(self, cell: Cell) -> bool:
        """Whether a cell is still to be timed."""
        known = self._ledger.cells.get(cell.key)
        return (
            self._plan.rounds > 0
            and cell.question.operator in self._plan.timed
            and cell.key not in self._ledger.timed
            and (known is None or (known.outcome.ran and not cell.row.instance.problem.refuses))
        )

    def _group(self, rows: Sequence[Row], start: int, total: int) -> None:
        for done, row in enumerate(rows, start=start):
            self._progress(done, total, row.name)
        cells = [cell for row in rows for cell in row.cells]
        self._ask([cell for cell in cells if cell.key not in self._ledger.cells], rows)
        for record in timed(
            [cell for cell in cells if self._times(cell)], self._staff, self._plan, group=start // _GROUP
        ):
            self._ledger.add(record)
        for seat in {cell.seat for cell in cells if cell.seat in self._costs}:
            self._staff.submit(seat, "forget")
        self._ledger.store()

    def _describe(self, row: Row) -> None:
        """Write down what a row is about, where the ledger does not hold it or its cells are news."""
        for check in row.printed():
            self._ledger.add(check)
        subject = row.subject()
        if subject not in self._ledger.subjects:
            self._ledger.add(subject)
        known = (row.suite, subject.problem, row.instance.point.label) in self._ledger.studied
        if known and all(cell.key in self._ledger.cells for cell in row.cells):
            return
        study = row.study()
        if study:
            self._ledger.add(study)

    def _ask(self, cells: Sequence[Cell], rows: Sequence[Row]) -> None:
        """Ask cells, a few at a time and one at a time of each seat; judge and write down what comes.

        Sessions are given more before anything is done here: describing the rows, which is written down
        before any of their cells, and judging answers.
        """
        waiting: dict[Seat, list[Cell]] = {}
        settled = []
        for cell in cells:
            unasked = cell.row.settled(cell, self._backends[cell.seat.backend])
            if unasked:
                settled.append(unasked)
            else:
                waiting.setdefault(cell.seat, []).append(cell)
        asked: dict[Seat, _Asked] = {}
        for row in rows:
            self._hand_out(waiting, asked)
            self._describe(row)
        for unasked in settled:
            self._ledger.add(unasked)
        while asked or waiting:
            self._hand_out(waiting, asked)
            answered = next((seat for seat, one in asked.items() if one.future.done()), None)
            if answered:
                one = asked.pop(answered)
                costs = self._costs.setdefault(answered, deque(maxlen=_RECENT))
                costs.append(time.perf_counter() - one.since)
                self._ledger.add(self._answered(one.cell, one.future))
            else:
                wait([one.future for one in asked.values()], return_when=FIRST_COMPLETED)

    def _hand_out(self, waiting: dict[Seat, list[Cell]], asked: dict[Seat, _Asked]) -> None:
        """Ask as many cells as there are jobs, of seats that have none asked and none to be judged."""
        for seat in sorted(waiting.keys() - asked.keys(), key=lambda seat: -self._remaining(waiting, seat)):
            if sum(not one.future.done() for one in asked.values()) >= self._jobs:
                break
            cell = waiting[seat].pop(0)
            if not waiting[seat]:
                del waiting[seat]
            if (seat, cell.row.name, cell.question) in self._lost:
                self._ledger.add(cell.row.too_large(cell))
                continue
            asked[seat] = _Asked(cell, self._staff.submit(seat, "ask", cell.item), time.perf_counter())

    def _remaining(self, waiting: Mapping[Seat, Sequence[Cell]], seat: Seat) -> float:
        """Seconds that a seat's waiting cells will take, by the latest: the longest queue goes first."""
        costs = self._costs.get(seat, [1.0])
        return len(waiting[seat]) * sum(costs) / len(costs)

    def _answered(self, cell: Cell, future: Future[Any]) -> Measurement:
        try:
            reply = future.result()
        except Exception as error:
            made = cell.row.lost(cell, error)
        else:
            made = cell.row.judged(cell, reply)
        if made.outcome in (Outcome.TIMEOUT, Outcome.MEMORY) and made.size:
            self._lost.add((cell.seat, cell.row.name, cell.question))
        return made
