"""The catalogue in 16 bits: right answers pass, mistakes that can be seen in so few digits are seen."""

from collections import Counter
from functools import cache

import gradcheck_reports
import numpy as np
import pytest

from gradcheck import Outcome, Plan, Suite, available_backends, run
from gradcheck.catalogue import find_suites
from gradcheck.dtypes import FORMATS, rounded
from gradcheck.judge.accuracy import judge
from gradcheck.operators import DTYPES, applicable
from gradcheck.saboteurs import backends as saboteurs
from gradcheck.truth import Certifier

BACKENDS = available_backends()
LOW = ("float16", "bfloat16")
PASSED = {Outcome.EXACT, Outcome.OK, Outcome.CONVENTION, Outcome.UNDEFINED}
FAILED = {Outcome.WRONG, Outcome.NAN, Outcome.LOST_TINY}


# Answers made from the truth: what can be told apart at all.


@cache
def truths(dtype):
    """The truths of the derivatives of four suites, and their layouts."""
    found = find_suites(("chain_rule", "jacobians", "information", "probability"))
    problems = [problem for suite in found for problem in suite.problems.values() if not problem.refuses]
    certifiers = [Certifier(i, dtype) for problem in problems for i in problem.instances()]
    return [
        (certifier.truth(operator, certifier.instance.seeds), operator, certifier.layout)
        for certifier in certifiers
        for operator in ("gradient", "jacobian", "hessian")
        if operator in applicable(certifier.layout.output)
    ]


def outcomes(dtype, spoil=lambda answer: answer):
    """What becomes of the truth rounded to the dtype and spoilt; of answers that the fault changes."""
    counted = Counter()
    for truth, operator, layout in truths(dtype):
        middles = [float(entry.low.mid()) if entry.defined else np.nan for entry in truth.entries]
        answer = rounded(np.array(middles), dtype).astype(np.float64)
        spoilt = spoil(answer)
        if spoilt is answer or np.any((spoilt != answer) & np.isfinite(answer)):
            found = judge(rounded(spoilt, dtype), None, truth, operator, layout, dtype)
            counted[found.outcome] += 1
    return counted


def largest_dropped(answer):
    finite = np.where(np.isfinite(answer), np.abs(answer), -1)
    return np.where(np.arange(answer.size) == np.argmax(finite), 0.0, answer)


FAULTS = {
    "sign": lambda answer: -answer,
    "largest entry dropped": largest_dropped,
    "2 % too large": lambda answer: 1.02 * answer,
    "a quarter too large": lambda answer: 1.25 * answer,
}

# Of bfloat16's two digits and a bit, most programs leave less than what 2 % can be told from.
SEEN = {
    ("float16", "sign"): 0.9,
    ("float16", "largest entry dropped"): 0.9,
    ("float16", "2 % too large"): 0.6,
    ("float16", "a quarter too large"): 0.85,
    ("bfloat16", "sign"): 0.9,
    ("bfloat16", "largest entry dropped"): 0.9,
    ("bfloat16", "2 % too large"): 0.1,
    ("bfloat16", "a quarter too large"): 0.7,
}


@pytest.mark.parametrize("dtype", LOW)
def test_truth_rounded_to_the_dtype_is_right(dtype):
    counted = outcomes(dtype)
    assert sum(counted[outcome] for outcome in FAILED) == 0
    assert counted[Outcome.EXACT] >= 0.85 * counted.total()


@pytest.mark.parametrize(("dtype", "fault"), SEEN)
def test_fault_is_seen_in_most_answers(dtype, fault):
    counted = outcomes(dtype, FAULTS[fault])
    open_to_judgement = sum(counted[outcome] for outcome in FAILED | {Outcome.EXACT, Outcome.OK})
    assert open_to_judgement >= 0.8 * counted.total()
    assert sum(counted[outcome] for outcome in FAILED) >= SEEN[dtype, fault] * open_to_judgement


# Answers that backends computed in the dtype.


def cells(backend, dtype, *suites, select=""):
    found = find_suites(suites)
    chosen = [suite.select(select) for suite in found] if select else found
    return run(Plan(suites=chosen, backends=[backend], dtypes=[dtype], rounds=0)).cells


def in_dtype(backend, dtype):
    if not backend.installed:
        pytest.skip(f"{backend.requires} is not installed")
    if dtype not in backend.dtypes:
        pytest.skip(f"{backend.name} has no {dtype}")
    return backend


PLAIN = ("chain_rule", "jacobians")


@pytest.mark.parametrize(
    ("name", "dtype"), [("engine", "float16"), ("torch", "float16"), ("torch", "bfloat16")]
)
def test_right_backends_pass_at_plain_points(name, dtype):
    found = cells(in_dtype(BACKENDS[name], dtype), dtype, *PLAIN)
    assert [] == [(c.problem, c.point, c.operator, c.reason) for c in found if c.outcome.failed]
    assert sum(cell.outcome in PASSED for cell in found) >= 0.9 * len(found)


@pytest.mark.parametrize("faulty", [saboteurs.sign_flipped, saboteurs.entry_dropped], ids=lambda b: b.name)
def test_faulty_engine_is_caught_in_float16(faulty):
    low = saboteurs.Backend(name=faulty.name, title=faulty.title, load=faulty.load, dtypes=("float16",))
    found = [c for c in cells(low, "float16", "chain_rule", "jacobians") if c.operator != "value"]
    judged = [c for c in found if c.outcome in FAILED | {Outcome.EXACT, Outcome.OK} and float(c.true or 0)]
    assert len(judged) > 100
    assert sum(c.outcome in FAILED for c in judged) >= 0.95 * len(judged)


def test_differences_are_never_wrong_in_float16_at_points_they_can_resolve():
    select = "chain or softmax or logsumexp or logaddexp or logits or quotient or tangent"
    found = cells(BACKENDS["differences"], "float16", "chain_rule", "information", select=select)
    assert [] == [(c.problem, c.point, c.operator, c.reason) for c in found if c.outcome.failed]
    assert sum(c.outcome in PASSED for c in found) >= 0.5 * len(found)
    assert any("wider than the derivative" in c.reason for c in found)


def test_what_overflows_in_float16_is_no_fault():
    (suite,) = find_suites(["delicate"])
    name = "hypotenuse_of_extreme_numbers"
    one = Suite(name="one", title="", problems={name: suite.problems[name]}, source="test")
    plan = Plan(suites=[one], backends=[BACKENDS["engine"]], dtypes=["float64"], rounds=0)
    assert {Outcome.EXACT} == {c.outcome for c in run(plan).cells}
    reasons = {c.reason for c in cells(BACKENDS["engine"], "float16", "delicate", select=name)}
    assert any("beyond the range of float16" in reason for reason in reasons), reasons


# All four dtypes in one run.


def test_a_run_in_four_dtypes_is_reported(tmp_path):
    named = ["complex-step", "engine", "handwritten"]
    plan = Plan.of("chain_rule", select="cube_of_quadratic", backends=named, dtypes=DTYPES, rounds=0)
    results = run(plan)
    assert {(name, dtype) for name in named for dtype in DTYPES} == {
        (c.backend, c.dtype) for c in results.cells
    }
    skipped = {(c.backend, c.dtype, c.reason) for c in results.cells if c.outcome is Outcome.UNSUPPORTED}
    assert ("complex-step", "float16", "has no float16") in skipped
    assert ("handwritten", "bfloat16", "has no bfloat16") in skipped
    gradcheck_reports.write(results, tmp_path)
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert [] == [name for name in FORMATS if name not in page]


def test_a_plain_run_is_in_double_and_single_precision():
    assert ("float64", "float32") == tuple(Plan.of("chain_rule").dtypes)
