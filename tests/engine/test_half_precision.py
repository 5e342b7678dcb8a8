"""float16 stays float16, in rules and in plans, whatever NumPy and SciPy have routines for."""

import numpy as np
import pytest

import rule_cases
from agreement import difference
from gradcheck import engine
from gradcheck.catalogue import collect
from gradcheck.engine import rules, xp
from gradcheck.engine.core import Primitive

WITH_FLOAT32 = {"diff"}  # one of its cases prepends float32
CASES = {
    f"{at}-{case.name}": case for at, case in enumerate(rule_cases.CASES) if case.name not in WITH_FLOAT32
}
PRIMITIVES = {
    name: rule for name, rule in collect(rules, Primitive).items() if rule.points and not rule.sequence
}
SYMMETRIC = np.array([[4.0, 1.0, 0.5], [1.0, 3.0, -1.0], [0.5, -1.0, 2.0]])


def halved(inputs):
    return [np.asarray(x, np.float16)[()] if np.asarray(x).dtype.kind == "f" else x for x in inputs]


@pytest.mark.parametrize("name", PRIMITIVES)
def test_primitive_answers_in_half_precision(name):
    with np.errstate(all="ignore"):
        answers = [PRIMITIVES[name](*halved(point)) for point in PRIMITIVES[name].points]
    assert {np.dtype(np.float16)} == {np.asarray(answer).dtype for answer in answers}


def derivatives(case):
    """The value, a pullback and a tangent of a case."""

    def f(*inputs):
        return case.call(xp, *inputs)

    def answer(*inputs):
        y, pullback = engine.vjp(f, *inputs)
        return y, pullback(y * 0 + 1), engine.jvp(f, inputs, [x * 0 + 1 for x in inputs])[1]

    return answer


@pytest.mark.parametrize("name", CASES)
def test_derivative_is_in_half_precision_also_by_a_plan(name):
    with np.errstate(all="ignore"):
        inputs = halved(CASES[name].inputs)
        eager = derivatives(CASES[name])(*inputs)
        planned = engine.compile(derivatives(CASES[name]))(*inputs)
    value, pulled, tangent = eager
    assert {np.dtype(np.float16)} == {np.asarray(part).dtype for part in (value, *pulled, tangent)}
    assert difference(planned, eager, numbers=False) == ""


LINEAR_ALGEBRA = {
    "det": lambda a: xp.linalg.det(a),
    "inv": lambda a: xp.linalg.inv(a),
    "solve": lambda a: xp.linalg.solve(a, a[:, 0]),
    "cholesky": lambda a: xp.linalg.cholesky(a),
    "eigvalsh": lambda a: xp.linalg.eigvalsh(a),
    "svdvals": lambda a: xp.linalg.svdvals(a),
    "pinv": lambda a: xp.linalg.pinv(a),
    "expm": lambda a: xp.linalg.expm(a / 4),
    "log of det": lambda a: xp.linalg.slogdet(a)[1],
}


@pytest.mark.parametrize("name", LINEAR_ALGEBRA)
def test_what_is_computed_in_single_precision_is_rounded_once(name):
    f, a = LINEAR_ALGEBRA[name], SYMMETRIC.astype(np.float16)
    np.testing.assert_array_equal(f(a), np.asarray(f(a.astype(np.float32))).astype(np.float16), strict=True)


def test_single_precision_decides_where_both_meet():
    a, b = SYMMETRIC.astype(np.float16), np.ones(3, np.float32)
    answer = xp.linalg.solve(a, b)
    np.testing.assert_array_equal(answer, np.linalg.solve(a.astype(np.float32), b), strict=True)
