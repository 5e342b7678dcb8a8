"""Backends that are wrong on purpose must be shown as wrong, and right ones never."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from gradcheck import Outcome, Plan, Results, run, saboteurs
from gradcheck.asking import Question, ask
from gradcheck.backends.base import Backend, available_backends
from gradcheck.catalogue import collect

FAULTS = collect(saboteurs, Backend)
TOPICS = ("backpropagation", "information", "jacobians", "vectorisation")
OPERATORS = ("gradient", "jacobian", "vjp")


@cache
def outcome_of(name: str) -> Results:
    plan = Plan.of(*TOPICS, backends=["engine"], dtypes=["float64"], operators=OPERATORS, rounds=0)
    return run(plan if name == "engine" else replace(plan, backends=[FAULTS[name]]))


@cache
def answers() -> dict[tuple[str, str, str], np.ndarray | None]:
    """The engine's own answers, to know where a fault makes a difference at all."""
    plan = Plan.of(*TOPICS, backends=["engine"], dtypes=["float64"], operators=OPERATORS)
    return _answers(plan, available_backends()["engine"])


def _answers(plan: Plan, backend: Backend) -> dict[tuple[str, str, str], np.ndarray | None]:
    found = {}
    for _, instance in plan.instances():
        if instance.problem.refuses:
            continue
        operators = ["vjp", "gradient" if instance.layout.output == () else "jacobian"]
        questions = [Question(operator, "float64") for operator in operators]
        for question, reply in zip(questions, ask(backend, "cpu", instance, questions), strict=True):
            found[instance.problem.name, instance.point.label, question.operator] = reply.flat
    return found


def visible(name: str) -> set[tuple[str, str, str]]:
    """The cells in which a fault changes the answer by more than rounding."""
    spoilt = _answers(Plan.of(*TOPICS, backends=["engine"], dtypes=["float64"]), FAULTS[name])
    right = answers()
    return {
        key
        for key, answer in spoilt.items()
        if not np.allclose(answer, right[key], rtol=1e-12, atol=0, equal_nan=True)
    }


def test_the_engine_fails_no_cell():
    results = outcome_of("engine")
    assert [] == results.failures()
    assert len(results.cells) > 250


@pytest.mark.parametrize("name", sorted(set(FAULTS) - {"input-mutated"}))
def test_every_visible_fault_is_shown(name):
    judged = {(c.problem, c.point, c.operator): c for c in outcome_of(name).cells if c.operator in OPERATORS}
    seen = visible(name)
    assert len(seen) >= 10, "the fault must make a difference somewhere"
    excused = {Outcome.UNDEFINED, Outcome.CONVENTION}  # no derivative there, or a one-sided one by luck
    # Twice the rounding noise about a derivative of exactly 0 is still rounding noise.
    suspects = [judged[key] for key in seen if judged[key].outcome not in excused and judged[key].true != "0"]
    missed = [cell for cell in suspects if not cell.outcome.failed]
    assert [] == missed


@pytest.mark.parametrize("name", sorted(set(FAULTS) - {"input-mutated"}))
def test_where_a_fault_makes_no_difference_nothing_is_shown(name):
    seen = visible(name)
    blamed = [c for c in outcome_of(name).failures() if (c.problem, c.point, c.operator) not in seen]
    assert [] == blamed


def test_a_changed_input_is_shown_in_every_pullback():
    cells = [c for c in outcome_of("input-mutated").cells if c.operator == "vjp"]
    assert len(cells) > 100
    assert {Outcome.WRONG} == {c.outcome for c in cells}
    assert all("the call changed its input" in c.reason for c in cells)
