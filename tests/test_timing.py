"""Rounds: who takes part, in what order, when it ends, and what is kept."""

import math
from concurrent.futures import Future
from dataclasses import dataclass, field, replace

import pytest

from gradcheck import Plan, Suite, engine, problem
from gradcheck.backends.base import Backend, Differentiator
from gradcheck.backends.engine import EngineDifferentiator
from gradcheck.errors import BadArgument
from gradcheck.results import Control, Timing, Yardstick
from gradcheck.rows import Row
from gradcheck.session import Sample
from gradcheck.timing import timed
from gradcheck.workers import Seat


@problem(x=3.0)
def square(xp, x):
    """x^2"""
    return x**2


def backend(name):
    return Backend(name=name, title="", load=lambda device: EngineDifferentiator())


@dataclass
class Clock:
    """Sessions that take as long as a script says."""

    seconds: object
    visits: list = field(default_factory=list)
    asked: list = field(default_factory=list)
    dismissed: list = field(default_factory=list)

    def parcel(self, instance):
        return instance

    def submit(self, seat, method, items, *_):
        future = Future()
        if method == "ask":
            self.asked.append((seat, items.key))
            future.set_result(None)
            return future
        self.visits.append((seat.backend, len(items)))
        try:
            future.set_result([self._sample(seat, item) for item in items])
        except RuntimeError as error:
            future.set_exception(error)
        return future

    def dismiss(self, seat):
        self.dismissed.append(seat)

    def cold(self, seat, method, item):
        future = Future()
        future.set_result(0.25)
        return future

    def _sample(self, seat, item):
        seconds = self.seconds(seat, len(self.visits))
        return None if seconds is None else Sample(seconds=seconds, calls=1, stationary=True, peak_bytes=5.0)


def plan_of(*names, **options):
    suite = Suite(name="suite", title="", problems={"square": square}, source="test")
    given = {"operators": ("value", "gradient"), "dtypes": ("float64",), "rounds": 6, "budget": 0.0}
    return Plan(suites=[suite], backends=[backend(name) for name in names], **given | options)


def records(plan, clock, group=0):
    (instance,) = square.instances()
    row = Row(plan, {one.name: ("cpu",) for one in plan.backends}, "suite", instance, lambda one: one)
    return list(timed(row.cells, clock, plan, group=group))


def of(kind, found):
    return [one for one in found if isinstance(one, kind)]


def test_every_cell_has_a_sample_of_every_round():
    found = records(plan_of("a", "b", budget=1e9), Clock(lambda seat, visit: 1.0))
    timings = of(Timing, found)
    assert len(timings) == 4
    assert {(len(t.samples), t.calls, t.stop, t.peak_bytes) for t in timings} == {(6, 1, "narrow", 5.0)}
    assert len({t.group for t in timings}) == 1


def test_a_round_visits_every_seat_the_yardstick_and_one_seat_twice_in_an_order_of_its_own(monkeypatch):
    monkeypatch.setattr("gradcheck.timing._CONTROLS", 2)
    clock = Clock(lambda seat, visit: 1.0)
    records(plan_of("a", "b", "c", rounds=30, budget=1e9), clock)
    rounds = [clock.visits[i : i + 5] for i in range(0, len(clock.visits), 5)]
    assert len(rounds) == 30
    for visits in rounds:
        names = sorted(name for name, _ in visits)
        assert names in (["a", "a", "b", "c", "yardstick"],)
    assert len({tuple(visits) for visits in rounds}) > 10


def test_the_seat_that_takes_part_twice_changes_from_group_to_group(monkeypatch):
    monkeypatch.setattr("gradcheck.timing._CONTROLS", 2)
    controls = [
        {one.backend for one in of(Control, records(plan_of("a", "b"), Clock(lambda s, v: 1.0), group=g))}
        for g in (0, 1, 2)
    ]
    assert controls == [{"a"}, {"b"}, {"a"}]


@pytest.mark.parametrize(("seats", "controls"), [(3, 6), (9, 18), (10, 20), (12, 20)])
def test_as_many_seats_take_part_twice_as_make_enough_controls(seats, controls):
    plan = plan_of(*(f"b{number}" for number in range(seats)), rounds=1)
    made = of(Control, records(plan, Clock(lambda seat, visit: 1.0), group=5))
    assert len(made) == controls  # two cells a seat; 19 bound what 95 of 100 differ by
    assert len({(one.backend, one.key) for one in made}) == controls


def test_a_seat_that_takes_part_twice_has_a_second_session_that_ends_with_its_group(monkeypatch):
    monkeypatch.setattr("gradcheck.timing._CONTROLS", 2)
    clock = Clock(lambda seat, visit: 1.0 + seat.copy)
    controls = of(Control, records(plan_of("a", "b"), clock, group=1))
    twin = Seat("b", "cpu", copy=1)
    assert clock.asked == [(twin, one.key) for one in controls]
    assert clock.dismissed == [twin]
    assert {(set(one.samples).pop(), set(one.twin).pop()) for one in controls} == {(1.0, 2.0)}


def test_a_twin_that_is_lost_leaves_the_others_their_times():
    def seconds(seat, visit):
        if seat.copy:
            raise RuntimeError("lost")
        return 1.0

    found = records(plan_of("a", "b", budget=1e9), Clock(seconds))
    assert {t.stop for t in of(Timing, found)} == {"narrow"}
    assert all(math.isnan(control.twin[0]) for control in of(Control, found))


def test_processes_take_samples_in_turn_and_twins_are_others(monkeypatch):
    monkeypatch.setattr("gradcheck.timing._CONTROLS", 1)
    clock = Clock(lambda seat, visit: 1.0 + seat.copy)
    found = records(plan_of("a", "b", operators=("value",), rounds=6, processes=3, budget=10.0), clock)
    assert {t.samples for t in of(Timing, found)} == {(1.0, 2.0, 3.0) * 2}
    assert [one.twin for one in of(Control, found)] == [(4.0, 5.0, 6.0) * 2]
    copies = [("a", 1), ("a", 2), ("a", 3), ("a", 4), ("a", 5), ("b", 1), ("b", 2)]
    assert {seat for seat, _ in clock.asked} == set(clock.dismissed)
    assert sorted((seat.backend, seat.copy) for seat in clock.dismissed) == copies


def test_no_process_at_all_is_refused():
    with pytest.raises(BadArgument, match=r"^processes: expected 1 or more, got 0"):
        Plan.of(processes=0)


def test_the_control_keeps_both_halves():
    found = of(Control, records(plan_of("a"), Clock(lambda seat, visit: 1.0 + visit)))
    assert {control.key for control in found} == {
        t.key for t in of(Timing, records(plan_of("a"), Clock(lambda s, v: 1.0)))
    }
    assert all(len(one.samples) == len(one.twin) > 0 for one in found)
    assert all(set(one.samples).isdisjoint(one.twin) for one in found)


def test_the_yardstick_has_a_sample_of_every_round():
    (yard,) = of(Yardstick, found := records(plan_of("a", budget=1e9), Clock(lambda seat, visit: 1.0)))
    assert len(yard.samples) == 6
    assert {yard.group} == {timing.group for timing in of(Timing, found)}


def test_a_slow_cell_stops_before_its_rounds_and_others_go_on():
    clock = Clock(lambda seat, visit: 1.0 if seat.backend == "slow" else 0.001)
    timings = of(Timing, records(plan_of("slow", "fast", budget=0.01), clock))
    lengths = {len(t.samples): t.stop for t in timings}
    assert lengths[1] == "budget"
    assert max(lengths) >= 6


def test_noisy_cells_go_on_to_the_end_of_their_budget():
    values = iter([1.0, 2.0, 3.0] * 1000)
    timings = of(
        Timing, records(plan_of("a", operators=("value",), budget=40.0), Clock(lambda s, v: next(values)))
    )
    assert {t.stop for t in timings} == {"budget"}
    assert len(timings[0].samples) > 6


def test_a_lost_worker_ends_the_timing_of_its_cells_alone():
    def seconds(seat, visit):
        if seat.backend == "bad" and visit > 6:
            raise RuntimeError("lost")
        return 1.0

    timings = of(Timing, records(plan_of("bad", "good", budget=1e9), Clock(seconds)))
    stops = sorted(t.stop for t in timings)
    assert stops == ["failed", "failed", "narrow", "narrow"]
    assert all(math.isnan(t.samples[-1]) for t in timings if t.stop == "failed")


def test_a_cell_that_raises_is_not_timed_further():
    clock = Clock(lambda seat, visit: None if seat.backend == "a" else 1.0)
    timings = of(Timing, records(plan_of("a"), clock))
    assert {t.stop for t in timings} == {"failed"}


@pytest.mark.parametrize(("asked", "seconds"), [(True, 0.25), (False, math.nan)])
def test_cold_calls_are_timed_where_they_are_asked_for(asked, seconds):
    timings = of(Timing, records(plan_of("a", cold=asked), Clock(lambda seat, visit: 1.0)))
    assert all(t.cold == pytest.approx(seconds, nan_ok=True) for t in timings)


def test_nothing_to_time_takes_no_lock(monkeypatch):
    monkeypatch.setattr("gradcheck.timing.FileLock", None)
    assert list(timed([], Clock(None), plan_of("a"), group=0)) == []


def test_timing_holds_the_machine(monkeypatch):
    held = []

    class Lock:
        def __init__(self, path, mode):
            assert path.name == "gradcheck-timing.lock"

        def __enter__(self):
            held.append(True)

        def __exit__(self, *_):
            held.append(False)

    monkeypatch.setattr("gradcheck.timing.FileLock", Lock)

    def seconds(seat, visit):
        assert held == [True]
        return 1.0

    records(plan_of("a"), Clock(seconds))
    assert held == [True, False]


# The clock of a session.


class Counting(Differentiator):
    """Notes the inputs it is called at."""

    xp = engine.xp

    def __init__(self, seen):
        self._seen = seen

    def gradient(self, f, xs):
        self._seen.append(float(xs[0]))
        return [2 * xs[0]]


def test_a_sample_is_long_enough_and_its_calls_differ_in_their_inputs():
    from gradcheck.session import Item, Pace, Question, Session

    seen = []
    session = Session(Backend(name="c", title="", load=lambda device: Counting(seen)), "cpu")
    item = Item("key", square.instances()[0], Question("gradient", "float64"))
    assert session.ask(item).flat == 6.0
    (first,) = session.clock([item], Pace())
    seen.clear()
    (second,) = session.clock([item], Pace())
    assert first.calls == second.calls == len(seen)
    assert second.seconds * second.calls >= 0.2 * Pace().sample
    assert len(set(seen)) == 4
    assert seen[0] == 3.0
    assert all(abs(x / 3 - 1) < 1e-3 for x in seen)
    assert seen[0] == seen[4]


def test_what_was_forgotten_is_prepared_again():
    from gradcheck.session import Item, Pace, Question, Session

    session = Session(backend("a"), "cpu")
    item = Item("key", square.instances()[0], Question("gradient", "float64"))
    session.ask(item)
    session.forget()
    (sample,) = session.clock([item], Pace())
    assert sample.seconds > 0


def test_the_same_plan_draws_the_same_order():
    orders = []
    for _ in range(2):
        clock = Clock(lambda seat, visit: 1.0)
        records(replace(plan_of("a", "b", "c"), seed=5), clock)
        orders.append(clock.visits)
    assert orders[0] == orders[1]
