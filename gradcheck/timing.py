"""Time, measured side by side: rounds over all backends in an order drawn anew each round.

Machines drift; competitors that are timed one after the other differ by drift alone. A round takes one
sample of every cell of a group of problems, seat by seat, and keeps it raw; reports take medians.

Processes of one program differ for as long as they live (T. Kalibera and R. Jones, "Rigorous benchmarking in
reasonable time", ISMM 2013), so a plan may have several take a cell's samples in turn. Some seats take part
twice, in other processes, as competitors do: what the two differ by is noise, and no smaller difference means
anything. Every group has new ones.
"""

from __future__ import annotations

import math
import random
import tempfile
from collections import Counter, deque
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from filelock import FileLock

from gradcheck.plan import Plan
from gradcheck.results import Control, Timing, Yardstick
from gradcheck.rows import Cell
from gradcheck.session import Item, Pace, Question, Sample
from gradcheck.statistics import median_interval
from gradcheck.workers import Seat, Staff
from gradcheck.yardstick import work, yardstick

_NARROW = 0.03  # half-width of a median's interval that is good enough
_SLOW = 10  # times its budget that a cell may spend before it has its rounds
_MOST = 1000  # rounds
_CONTROLS = 19  # the fewest that bound what 95 of 100 further pairs differ by
_PACE = Pace()
_YARD = Seat(yardstick.name, "cpu")

_LOCK = (
    Path(tempfile.gettempdir()) / "gradcheck-timing.lock"
)  # one for the machine: times of two runs never mix


@dataclass
class _Track:
    """The samples of one item under one name, taken by processes in turn."""

    seats: Sequence[Seat]
    item: Item
    samples: list[float] = field(default_factory=list)
    last: Sample | None = None
    spent: float = 0.0
    stop: str = ""

    @property
    def seat(self) -> Seat:
        """Whose turn it is."""
        return self.seats[len(self.samples) % len(self.seats)]

    def take(self, sample: Sample | None) -> None:
        """Keep a sample; without one the item is not timed any further."""
        if sample is None:
            self.samples.append(math.nan)
            self.stop = "failed"
            return
        self.last = sample
        self.samples.append(sample.seconds)
        self.spent += sample.seconds * sample.calls

    def decide(self, rounds: int, budget: float) -> None:
        """Stop when there is enough."""
        taken = len(self.samples)
        if self.stop or not taken:
            return
        if taken < rounds:
            self.stop = "budget" if self.spent > _SLOW * budget else ""
        elif self.spent >= budget:
            self.stop = "rounds" if taken == rounds else "budget"
        elif taken >= _MOST or median_interval(self.samples).half_width < _NARROW:
            self.stop = "narrow" if taken < _MOST else "rounds"


def timed(
    cells: Sequence[Cell], staff: Staff, plan: Plan, *, group: int
) -> Iterator[Timing | Control | Yardstick]:
    """Time cells side by side.

    Parameters
    ----------
    cells
        Cells of a few problems, answered by their sessions.
    staff
        Who runs the sessions.
    plan
        How many rounds, in how many processes, and how much time.
    group
        Number of this group of problems: seeds the order, and picks who is timed twice.
    """
    if not cells:
        return
    with FileLock(_LOCK, mode=0o666):
        tracks, pairs, yard = _rounds(cells, staff, plan, group)
        colds = {cell.key: _cold(cell, staff) for cell in cells} if plan.cold else {}
    for track in tracks:
        last = track.last
        yield Timing(
            key=track.item.key,
            cold=colds.get(track.item.key, math.nan),
            peak_bytes=last.peak_bytes if last else math.nan,
            calls=last.calls if last else 0,
            samples=tuple(track.samples),
            stationary=last.stationary if last else True,
            stop=track.stop,
            group=cells[0].key,
        )
    yield Yardstick(group=cells[0].key, samples=tuple(yard.samples))
    for track, twin in pairs:
        yield Control(
            key=track.item.key,
            backend=track.seats[0].backend,
            device=track.seats[0].device,
            samples=tuple(track.samples),
            twin=tuple(twin.samples),
        )


def _rounds(
    cells: Sequence[Cell], staff: Staff, plan: Plan, group: int
) -> tuple[list[_Track], list[tuple[_Track, _Track]], _Track]:
    """Rounds until every cell has enough samples.

    Gives the tracks, those that take part twice with their twins, and the yardstick's.
    """
    order = random.Random(f"{plan.seed} {group}")
    tracks = [_Track(_copies(cell.seat, range(plan.processes)), cell.item) for cell in cells]
    pairs = _paired(tracks, _doubled(cells, group), plan.processes)
    copies = _opened(tracks + [twin for _, twin in pairs], staff)
    yard = _Track([_YARD], Item(work.name, staff.parcel(work.instances()[0]), Question("value", "float64")))
    while going := [track for track in tracks if not track.stop]:
        turns: dict[Seat, list[_Track]] = {_YARD: [yard]}
        for track in going + [twin for track, twin in pairs if not (track.stop or twin.stop)]:
            turns.setdefault(track.seat, []).append(track)
        for seat in order.sample(sorted(turns), len(turns)):
            _visit(seat, order.sample(turns[seat], len(turns[seat])), staff)
        for track in going:
            track.decide(plan.rounds, plan.budget)
    for seat in copies:
        staff.dismiss(seat)
    return tracks, pairs, yard


def _doubled(cells: Sequence[Cell], group: int) -> set[Seat]:
    """The seats that take part twice: others in every group, and as many as make enough controls."""
    counts = Counter(cell.seat for cell in cells)
    waiting = deque(sorted(counts))
    waiting.rotate(-group)
    doubled: set[Seat] = set()
    while waiting and sum(counts[seat] for seat in doubled) < _CONTROLS:
        doubled.add(waiting.popleft())
    return doubled


def _copies(seat: Seat, numbers: range) -> list[Seat]:
    return [seat._replace(copy=number) for number in numbers]


def _paired(
    tracks: Sequence[_Track], doubled: Collection[Seat], processes: int
) -> list[tuple[_Track, _Track]]:
    """The tracks of doubled seats with their twins, which have as many processes, and others."""
    others = range(processes, 2 * processes)
    return [
        (track, _Track(_copies(track.seats[0], others), track.item))
        for track in tracks
        if track.seats[0] in doubled
    ]


def _opened(tracks: Sequence[_Track], staff: Staff) -> set[Seat]:
    """The copies among the seats of tracks, which are now asked what the first was."""
    opening = [(seat, track.item) for track in tracks for seat in track.seats if seat.copy]
    for asked in [staff.submit(seat, "ask", item) for seat, item in opening]:
        asked.exception()  # a copy that is lost here has no time either
    return {seat for seat, _ in opening}


def _visit(seat: Seat, tracks: Sequence[_Track], staff: Staff) -> None:
    """One sample of every cell of one seat, in one visit to its session."""
    try:
        samples = staff.submit(seat, "clock", [track.item for track in tracks], _PACE).result()
    except Exception:  # the worker was lost: which cell is to blame is not known, so none is timed further
        samples = [None] * len(tracks)
    for track, sample in zip(tracks, samples, strict=True):
        track.take(sample)


def _cold(cell: Cell, staff: Staff) -> float:
    try:
        seconds: float = staff.cold(cell.seat, "cold", cell.item).result()
    except Exception:
        return math.nan
    return seconds
