"""Running a plan: every outcome occurs, a bad cell costs only itself, and ways to run agree."""

import os
import sys
import time
from dataclasses import replace

import cloudpickle
import numpy as np
import pytest

from gradcheck import Outcome, Plan, Point, Results, Suite, engine, problem, run
from gradcheck.backends.base import Backend, Differentiator
from gradcheck.backends.engine import EngineDifferentiator
from gradcheck.errors import EmptySelection, NoDevice, UnknownName


class Scripted(Differentiator):
    """Answers a scalar gradient by calling a function."""

    xp = engine.xp

    def __init__(self, answer):
        self._answer = answer

    def gradient(self, f, xs):
        return [np.asarray(self._answer(f, xs), xs[0].dtype)]


class Nothing(Differentiator):
    """Offers no operator."""

    xp = engine.xp


def scripted(name, answer, **options):
    return Backend(name=name, title="", load=lambda device: Scripted(answer), **options)


def plan_for(*problems, backends, operators=("gradient",), dtypes=("float64",), **options):
    suite = Suite(name="suite", title="", problems={p.name: p for p in problems}, source="test")
    return Plan(suites=[suite], backends=backends, operators=operators, dtypes=dtypes, rounds=0, **options)


@problem(x=3.0)
def square(xp, x):
    """x^2"""
    return x**2


@problem(x=0.0)
def kink(xp, x):
    """|x|"""
    return xp.abs(x)


@problem(x=0.0)
def root(xp, x):
    """sqrt(x)"""
    return xp.sqrt(x)


@problem(x=-40.0)
def tail(xp, x):
    """expm1(x)"""
    return xp.expm1(x)


def raises(f, xs):
    raise RuntimeError("no luck\nsecond line")


def hangs(f, xs):
    time.sleep(60)


def dies(f, xs):
    os._exit(7)


ENGINE = Backend(name="engine", title="", load=lambda device: EngineDifferentiator())

# Worker processes cannot import a test module: it travels to them by value.
cloudpickle.register_pickle_by_value(sys.modules[__name__])

OUTCOMES = [
    (Outcome.EXACT, square, ENGINE, ""),
    (Outcome.OK, square, scripted("b", lambda f, xs: 6 + 1e-12), "off by 1.0e-12"),
    (Outcome.WRONG, square, scripted("b", lambda f, xs: 7.0), "answered 7.0, true 6"),
    (Outcome.NAN, square, scripted("b", lambda f, xs: np.nan), "answered nan, true 6"),
    (Outcome.NAN, square, scripted("b", lambda f, xs: np.inf), "answered inf, true 6"),
    (Outcome.CONVENTION, kink, ENGINE, "one-sided values -1 to 1"),
    (Outcome.WRONG, kink, scripted("b", lambda f, xs: 1.5), "true -1 to 1"),
    (Outcome.LOST_TINY, tail, scripted("b", lambda f, xs: 0.0), "the derivative is 4.24835e-18, answered 0"),
    (Outcome.UNDEFINED, root, ENGINE, "left none, right +inf); answered inf"),
    (
        Outcome.UNSUPPORTED,
        square,
        Backend(name="b", title="", load=lambda device: Nothing()),
        "offers no derivatives",
    ),
    (
        Outcome.NOT_INSTALLED,
        square,
        scripted("b", None, requires="surely_absent", extra="absent"),
        "pip install",
    ),
    (Outcome.ERROR, square, scripted("b", raises), "RuntimeError: no luck"),
    (Outcome.WRONG, square, scripted("b", lambda f, xs: [1.0, 2.0]), "shape (2,) where () belongs"),
]


@pytest.mark.parametrize(
    ("outcome", "of", "backend", "reason"), OUTCOMES, ids=lambda value: getattr(value, "name", "")
)
def test_every_outcome_occurs(outcome, of, backend, reason):
    (cell,) = run(plan_for(of, backends=[backend])).cells
    assert outcome == cell.outcome
    assert reason in cell.reason
    assert (reason == "") == (cell.reason == "")


@pytest.mark.parametrize(
    ("outcome", "answer", "reason"),
    [
        (Outcome.TIMEOUT, hangs, "no answer within 3 s"),
        (Outcome.CRASH, dies, "the worker process ended with code 7"),
    ],
)
def test_a_hang_or_a_crash_costs_only_its_own_cell(outcome, answer, reason):
    culprit = scripted("culprit", lambda f, xs: answer(f, xs) if f.problem.name == "kink" else 2 * xs[0])
    plan = plan_for(square, kink, replace(square, name="square_again"), backends=[culprit, ENGINE])
    results = run(plan, isolated=True, limit=3.0)
    outcomes = {(c.backend, c.problem): c.outcome for c in results.cells}
    assert outcomes == {
        ("culprit", "square"): Outcome.EXACT,
        ("culprit", "kink"): outcome,
        ("culprit", "square_again"): Outcome.EXACT,
        ("engine", "square"): Outcome.EXACT,
        ("engine", "kink"): Outcome.CONVENTION,
        ("engine", "square_again"): Outcome.EXACT,
    }
    (cell,) = [c for c in results.cells if c.outcome is outcome]
    assert reason == cell.reason


def test_one_bad_operator_does_not_take_the_others_of_its_problem_along():
    class Half(EngineDifferentiator):
        def hessian(self, f, xs):
            os._exit(1)

    half = Backend(name="half", title="", load=lambda device: Half())
    results = run(
        plan_for(square, backends=[half], operators=("value", "gradient", "hessian")), isolated=True
    )
    assert [Outcome.EXACT, Outcome.EXACT, Outcome.CRASH] == [c.outcome for c in results.cells]


def test_isolated_and_in_process_runs_agree():
    plan = plan_for(square, kink, root, backends=[ENGINE], operators=("value", "gradient", "hvp"))
    facts = [
        [(c.problem, c.operator, c.outcome, c.got, c.true) for c in run(plan, isolated=i).cells]
        for i in (0, 1)
    ]
    assert facts[0] == facts[1]


def test_shapes_that_must_not_broadcast_are_refused_and_the_cell_says_so():
    @problem(a=np.ones((2, 3)), b=np.ones(2), refuses="(2, 3) and (2,) do not broadcast")
    def mismatch(xp, a, b):
        """a + b"""
        return a + b

    (cell,) = run(plan_for(mismatch, backends=[ENGINE], operators=("value", "gradient"))).cells
    assert Outcome.EXACT == cell.outcome
    assert cell.reason.startswith("refused, as it must: ValueError: operands could not be broadcast together")

    accepting = replace(mismatch, fn=lambda xp, a, b: a)
    (cell,) = run(plan_for(accepting, backends=[ENGINE], operators=("value",))).cells
    assert Outcome.WRONG == cell.outcome
    assert "accepted what must be refused: (2, 3) and (2,) do not broadcast" == cell.reason

    clumsy = replace(mismatch, fn=lambda xp, a, b: 1 / 0)
    (cell,) = run(plan_for(clumsy, backends=[ENGINE], operators=("value",))).cells
    assert Outcome.ERROR == cell.outcome


def test_a_problem_that_fails_everywhere_is_a_row_of_errors_not_a_lost_run():
    @problem(x=1.0)
    def broken(xp, x):
        """undefined name"""
        return x + missing  # noqa: F821

    results = run(plan_for(square, broken, backends=[ENGINE]))
    assert {"square": Outcome.EXACT} == {c.problem: c.outcome for c in results.cells if c.problem == "square"}
    (cell,) = run(plan_for(broken, backends=[ENGINE])).cells
    assert Outcome.ERROR == cell.outcome
    assert "problem 'broken': fails on NumPy at x=1 (NameError: name 'missing' is not defined)" in cell.reason


def test_no_device_is_an_error_alone_and_a_cell_in_a_sweep():
    with pytest.raises(NoDevice, match=r"no device 'cuda' here\. Found engine: cpu, cpus\. Use --device cpu"):
        run(plan_for(square, backends=[ENGINE], devices=("cuda",)))
    cells = run(plan_for(square, backends=[ENGINE], devices=("cpu", "cuda"))).cells
    assert {"cpu": Outcome.EXACT, "cuda": Outcome.NO_DEVICE} == {c.device: c.outcome for c in cells}
    (absent,) = [cell for cell in cells if cell.device == "cuda"]
    assert "engine has no cuda here; it has: cpu, cpus" == absent.reason


def test_a_changed_tangent_or_constant_is_noticed():
    @problem(x=np.ones(2), c=np.ones(2), wrt="x")
    def meddling(xp, x, c):
        """x^2, and c changed on the way"""
        c *= 2.0
        return x**2

    (cell,) = run(plan_for(meddling, backends=[ENGINE], operators=("jacobian",))).cells
    assert Outcome.WRONG == cell.outcome
    assert "the call changed its input c" == cell.reason


def test_a_silent_change_of_dtype_is_wrong():
    wide = Backend(name="wide", title="", load=lambda device: Widening())
    (cell,) = run(plan_for(square, backends=[wide], dtypes=("float32",))).cells
    assert Outcome.WRONG == cell.outcome
    assert "answered in float64 where float32 was asked" == cell.reason


class Widening(EngineDifferentiator):
    def gradient(self, f, xs):
        return [np.float64(g) for g in super().gradient(f, xs)]


def test_timing_keeps_raw_samples_and_the_first_call():
    plan = replace(plan_for(square, backends=[ENGINE]), rounds=3, budget=0.0)
    (cell,) = run(plan).cells
    assert 1 <= len(cell.samples) <= 3
    assert all(sample > 0 for sample in (*cell.samples, cell.first_call))
    assert cell.prepare < cell.first_call
    assert 1 <= cell.calls


def test_results_are_written_while_they_come(tmp_path):
    seen = []

    def watch(done, total, label):
        path = tmp_path / "results.jsonl"
        seen.append((done, total, path.read_text().count('"cell"') if path.exists() else 0))

    problems = [replace(square, name=f"square{i}") for i in range(9)]
    results = run(plan_for(*problems, backends=[ENGINE]), out=tmp_path, progress=watch)
    assert [(i, 9, 0) for i in range(8)] + [(8, 9, 8), (9, 9, 9)] == seen, "a group of eight at a time"
    assert repr(results.cells) == repr(Results.read(tmp_path).cells)


def test_several_points_are_rows_of_their_own():
    @problem(Point(x=1.0), Point(x=2.0))
    def cube(xp, x):
        """x^3"""
        return x**3

    assert ["x=1", "x=2"] == [c.point for c in run(plan_for(cube, backends=[ENGINE])).cells]


def test_the_same_seed_gives_the_same_answers_and_another_seed_others():
    def values(seed):
        plan = Plan.of(
            "jacobians", select="linear_map_in_x", backends=["engine"], operators=["vjp"], seed=seed, rounds=0
        )
        return [c.got for c in run(plan).cells]

    assert values(1) == values(1)
    assert values(1) != values(2)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"backends": ["engin"]}, "no backend is called 'engin'. Did you mean 'engine'?"),
        ({"dtypes": ["float63"]}, "no dtype is called 'float63'. Did you mean 'float64'?"),
        ({"devices": ["tpu"]}, "no device is called 'tpu'. Did you mean 'cpu'?"),
        ({"operators": ["grad"]}, "no operator is called 'grad'. Did you mean 'gradient'?"),
    ],
)
def test_unknown_names_are_refused_before_anything_runs(options, message):
    with pytest.raises(UnknownName) as caught:
        Plan.of(**options)
    assert message == str(caught.value)


def test_an_empty_selection_is_an_error():
    with pytest.raises(EmptySelection, match="nothing to run: no problem matches --select 'nosuch'"):
        Plan.of(select="nosuch")


def test_operators_that_make_no_sense_for_any_problem_are_an_error():
    with pytest.raises(
        EmptySelection, match="nothing to run: jacobian makes no sense for any selected problem"
    ):
        run(plan_for(square, backends=[ENGINE], operators=("jacobian",)))
