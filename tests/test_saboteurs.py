"""Backends that are wrong on purpose must be shown as wrong, and right ones never."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from gradcheck import Outcome, Plan, Results, run, saboteurs
from gradcheck.backends.base import Backend, available_backends
from gradcheck.catalogue import collect
from gradcheck.session import Item, Question, Session

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
    found, session = {}, Session(backend, "cpu")
    for _, instance in plan.instances():
        if instance.problem.refuses:
            continue
        operators = ["vjp", "gradient" if instance.layout.output == () else "jacobian"]
        for operator in operators:
            reply = session.ask(Item("", instance, Question(operator, "float64")))
            found[instance.problem.name, instance.point.label, operator] = reply.flat
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


# Saboteurs: what each does to one derivative, entry by entry.

SABOTEURS = collect(saboteurs, saboteurs.Saboteur)
AMOUNTS = {"1": 1.0, "1e-1": 0.1, "1e-3": 1e-3, "1e-6": 1e-6}
NAN, INF = np.nan, np.inf

INPUT = np.array([0.0, 5.0, 5.0, 7.0])
COTANGENT = np.array([1.0, 2.0, 3.0, 4.0])
VECTOR = np.array([1.0, -40.0, 20.0, 30.0])
MATRIX = np.array([[1.0, 2.0], [3.0, 4.0]])
WIDE = np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
COMPLEX = np.array([1 + 2j, 3 - 4j])


def spoilt(name, answer, x=INPUT, cotangent=COTANGENT):
    """What a saboteur makes of a derivative that answers always the same."""
    return SABOTEURS[name].spoil(lambda x, cotangent: answer)(x, cotangent)


OF_ONE = {  # name: (right answer, spoilt answer), at INPUT and COTANGENT
    "absolute": (VECTOR, [1, 40, 20, 30]),
    "adds-constant": (VECTOR, [1.1, -39.9, 20.1, 30.1]),
    "clipped": (VECTOR, [1, -20, 20, 20]),
    "column": (VECTOR, [[1], [-40], [20], [30]]),
    "complex-for-real": (VECTOR, VECTOR.astype(complex)),
    "conjugated": (COMPLEX, [1 - 2j, 3 + 4j]),
    "flat": (MATRIX, [1, 2, 3, 4]),
    "half": (VECTOR, [0.5, -20, 10, 15]),
    "imaginary-dropped": (COMPLEX, np.array([1, 3], complex)),
    "infinite": (VECTOR, [INF, INF, INF, INF]),
    "integer": (VECTOR + 0.4, np.array([1, -40, 20, 30])),
    "largest-dropped": (VECTOR, [1, 0, 20, 30]),
    "last-dropped": (VECTOR, [1, -40, 20, 0]),
    "nan": (VECTOR, [NAN, NAN, NAN, NAN]),
    "nan-at-zero": (VECTOR, [NAN, -40, 20, 30]),
    "off-at-zero": (VECTOR, [2, -40, 20, 30]),
    "one-infinite": (VECTOR, [1, INF, 20, 30]),
    "one-nan": (VECTOR, [1, NAN, 20, 30]),
    "over-n": (VECTOR, [0.25, -10, 5, 7.5]),
    "repeated": (VECTOR, [1, 1, 20, 30]),
    "reversed": (WIDE, [[3, 2, 1], [6, 5, 4]]),
    "rolled": (WIDE, [[3, 1, 2], [6, 4, 5]]),
    "sign": (VECTOR, -VECTOR),
    "single": (VECTOR, VECTOR.astype(np.float32)),
    "single-inside": (np.array([0.1, 0.5]), [float(np.float32(0.1)), 0.5]),
    "slope-two-at-zero": (VECTOR, [2, -40, 20, 30]),
    "small-dropped": (VECTOR, [0, -40, 20, 30]),
    "ties-not-shared": (VECTOR, [1, -20, -20, 30]),
    "times-n": (VECTOR, 4 * VECTOR),
    "transposed": (MATRIX, MATRIX.T),
    "transposed-anyway": (WIDE, [[1, 4, 2], [5, 3, 6]]),
    "twice": (VECTOR, 2 * VECTOR),
    "unsymmetric": (VECTOR, VECTOR * [1, 1.025, 1.05, 1.075]),
    "zero": (VECTOR, [0, 0, 0, 0]),
    "zero-at-zero": (VECTOR, [0, -40, 20, 30]),
}

OF_SEVERAL = {  # name: (right answers, spoilt answers)
    "mean-for-sum": ((VECTOR, np.array(8.0)), (VECTOR, 2.0)),
    "none": ((VECTOR, MATRIX), (VECTOR, None)),
    "one-zero": ((VECTOR, MATRIX), (VECTOR, 0 * MATRIX)),
    "sign-of-one": ((VECTOR, MATRIX), (VECTOR, -MATRIX)),
    "sum-missing": ((VECTOR, np.array([8.0])), (VECTOR, [8, 8, 8, 8])),
    "swapped": ((VECTOR, MATRIX, 2 * VECTOR), (2 * VECTOR, MATRIX, VECTOR)),
}

OFF = {  # place: the entries of VECTOR that are off; for two, they are off by as much in opposite directions
    "all": [0, 1, 2, 3],
    "half": [2, 3],
    "largest": [1],
    "opposite": [1, 2],
    "random": [3],
    "row": [0],
}
MAGNITUDES = {f"{place}-{amount}" for place in OFF for amount in AMOUNTS} - {"all-1"}

CALLS = {  # those that change how the derivative is called; each has a test of its own below
    "accumulates",
    "cotangent-as-contiguous",
    "diagonal-only",
    "ignores-cotangent",
    "inputs-as-contiguous",
    "keeps-first-inputs",
    "last-write-wins",
    "moves-inputs",
    "noisy",
    "returns-cotangent",
    "scales-cotangent",
    "shares-buffer",
}


def test_every_saboteur_is_put_to_the_test():
    assert set(SABOTEURS) == {*OF_ONE, *OF_SEVERAL, *MAGNITUDES, *CALLS}
    assert len(SABOTEURS) >= 40


@pytest.mark.parametrize("name", OF_ONE)
def test_a_fault_in_one_array_is_what_it_promises(name):
    right, wrong = OF_ONE[name]
    kept = right.copy()
    got = spoilt(name, right)
    assert isinstance(got, np.ndarray)
    np.testing.assert_allclose(got, np.asarray(wrong), rtol=1e-15, strict=False)
    assert got.shape == np.shape(wrong)
    expected = np.asarray(wrong).dtype if isinstance(wrong, np.ndarray) else right.dtype
    assert got.dtype == expected
    np.testing.assert_array_equal(right, kept)


@pytest.mark.parametrize("name", OF_SEVERAL)
def test_a_fault_among_several_arrays_is_what_it_promises(name):
    right, wrong = OF_SEVERAL[name]
    got = spoilt(name, right)
    assert isinstance(got, tuple)
    for one, other in zip(got, wrong, strict=True):
        assert (one is None) == (other is None)
        if one is not None:
            np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("name", sorted(MAGNITUDES))
def test_a_magnitude_is_off_by_as_much_as_its_name_says_where_its_name_says(name):
    place, _, amount = name.partition("-")
    error = spoilt(name, VECTOR) - VECTOR
    expected = np.zeros(4)
    expected[OFF[place]] = AMOUNTS[amount] * VECTOR[OFF[place]]
    if place == "opposite":
        expected[OFF[place][1]] = -expected[OFF[place][0]]
    np.testing.assert_allclose(error, expected, rtol=1e-6, atol=1e-14)


def jacobian_of(pull, x, outputs):
    """Row by row, from pullbacks."""
    return np.stack([pull(x, row) for row in np.eye(outputs)])


def test_last_write_wins_keeps_the_last_contribution_to_every_entry():
    index = np.array([0, 2, 2, 0])

    def pull(x, cotangent):
        gradient = np.zeros_like(x)
        np.add.at(gradient, index, cotangent)
        return gradient

    wrong = SABOTEURS["last-write-wins"].spoil(pull)
    np.testing.assert_array_equal(pull(np.ones(3), COTANGENT), [5, 0, 5])
    np.testing.assert_array_equal(wrong(np.ones(3), COTANGENT), [4, 0, 3])


def test_diagonal_only_keeps_the_diagonal_of_a_jacobian():
    square = np.arange(9.0).reshape(3, 3)
    wrong = SABOTEURS["diagonal-only"].spoil(lambda x, cotangent: cotangent @ square)
    np.testing.assert_array_equal(jacobian_of(wrong, np.ones(3), 3), np.diag(np.diag(square)))


def test_many_entries_are_asked_about_in_a_bounded_number_of_calls():
    calls = []
    for name in ("diagonal-only", "last-write-wins"):
        wrong = SABOTEURS[name].spoil(lambda x, cotangent: calls.append(1) or 2 * cotangent)
        np.testing.assert_array_equal(wrong(np.ones(1000), np.ones(1000)), 2 * np.ones(1000))
    assert len(calls) < 300


def product(x, cotangent):
    return x * cotangent


@pytest.mark.parametrize(
    ("name", "x", "cotangent", "wrong"),
    [
        ("cotangent-as-contiguous", np.ones(2), np.array([1.0, 2.0, 3.0])[::2], [1, 2]),
        ("cotangent-as-contiguous", np.ones(3), np.array([1.0, 2.0, 3.0])[::-1], [1, 2, 3]),
        ("cotangent-as-contiguous", np.ones((2, 2)), MATRIX.T, MATRIX),
        ("cotangent-as-contiguous", np.ones(3), np.broadcast_to(5.0, 3), [5, 0, 0]),
        ("inputs-as-contiguous", np.array([1.0, 2.0, 3.0])[::2], np.ones(2), [1, 2]),
        ("inputs-as-contiguous", MATRIX.T, np.ones((2, 2)), MATRIX),
    ],
)
def test_a_strided_array_is_read_as_it_lies_in_memory(name, x, cotangent, wrong):
    spoiler = SABOTEURS[name].spoil(product)
    np.testing.assert_array_equal(spoiler(x, cotangent), wrong)
    copies = x.copy(order="C"), cotangent.copy(order="C")
    np.testing.assert_array_equal(spoiler(*copies), product(*copies))


def test_what_is_mutated():
    x, cotangent = VECTOR.copy(), COTANGENT.copy()
    np.testing.assert_array_equal(
        SABOTEURS["scales-cotangent"].spoil(product)(x, cotangent), VECTOR * COTANGENT
    )
    np.testing.assert_array_equal(cotangent, 2 * COTANGENT)
    np.testing.assert_array_equal(
        SABOTEURS["moves-inputs"].spoil(product)(x, cotangent), 2 * VECTOR * COTANGENT
    )
    np.testing.assert_array_equal(x, VECTOR + 1)
    answer = SABOTEURS["returns-cotangent"].spoil(product)(x, cotangent)
    assert answer is cotangent
    np.testing.assert_array_equal(answer, 2 * (VECTOR + 1) * COTANGENT)


def test_what_is_remembered():
    def answers(name):
        wrong = SABOTEURS[name].spoil(product)
        return [wrong(x, COTANGENT) for x in (VECTOR, 2 * VECTOR, 3 * VECTOR)]

    right = VECTOR * COTANGENT
    np.testing.assert_array_equal(answers("accumulates"), [right, 3 * right, 6 * right])
    np.testing.assert_array_equal(answers("keeps-first-inputs"), [right, right, right])
    np.testing.assert_array_equal(answers("shares-buffer"), [3 * right, 3 * right, 3 * right])


def test_what_is_not_linear_and_not_repeatable():
    np.testing.assert_array_equal(SABOTEURS["ignores-cotangent"].spoil(product)(VECTOR, COTANGENT), VECTOR)
    noisy = SABOTEURS["noisy"].spoil(product)
    ratios = [noisy(VECTOR, COTANGENT) / (VECTOR * COTANGENT) - 1 for _ in range(2)]
    assert 1e-5 < np.abs(ratios).max() < 1e-2
    assert not np.array_equal(*ratios)


@pytest.mark.parametrize("name", SABOTEURS)
def test_a_saboteur_does_the_same_in_every_process(name):
    def answers():
        wrong = SABOTEURS[name].spoil(product)
        return [wrong(x.copy(), COTANGENT.copy()) for x in (INPUT, VECTOR)]

    assert repr(answers()) == repr(answers())


ODD = {
    "a number": (1.5, 2.0),
    "a complex number": (1.5j, 2.0),
    "integers": (np.array([1, 2]), np.array([1, 2])),
    "nothing": (np.zeros((0, 3)), np.zeros((0, 3))),
    "one entry": (np.ones(1), np.ones(1)),
    "no axes": (np.array(2.0), np.array(3.0)),
    "a scalar": (np.float64(2.0), np.float64(3.0)),
    "not a number": (np.array([NAN, INF, 0.0]), np.ones(3)),
    "broadcast": (np.broadcast_to(2.0, (2, 3)), np.broadcast_to(2.0, (2, 3))),
    "half precision": (np.ones(3, np.float16), np.ones(3, np.float16)),
    "complex": (COMPLEX, COMPLEX),
    "text": ("x", 2),
}


@pytest.mark.parametrize("odd", ODD)
@pytest.mark.parametrize("name", SABOTEURS)
def test_a_saboteur_raises_nowhere(name, odd):
    wrong = SABOTEURS[name].spoil(product)
    with np.errstate(all="ignore"):
        for _ in range(2):
            wrong(*ODD[odd])
    assert SABOTEURS[name].spoil(lambda: None)() is None


@pytest.mark.parametrize("name", SABOTEURS)
def test_a_saboteur_raises_what_the_right_derivative_raises(name):
    with pytest.raises(TypeError, match="missing 1 required positional argument: 'cotangent'"):
        SABOTEURS[name].spoil(product)(VECTOR)


@pytest.mark.parametrize("name", SABOTEURS)
def test_nested_arguments_and_keywords_are_spoilt_alike(name):
    def nested(parameters, *, cotangent):
        return {"x": parameters["x"] * cotangent}

    flat = SABOTEURS[name].spoil(product)(INPUT.copy(), COTANGENT.copy())
    got = SABOTEURS[name].spoil(nested)({"x": INPUT.copy()}, cotangent=COTANGENT.copy())
    np.testing.assert_array_equal(flat, got["x"])


@pytest.mark.parametrize("name", SABOTEURS)
def test_pytorch_is_spoilt_as_numpy_is(name):
    torch = pytest.importorskip("torch")
    right, x, cotangent = OF_ONE.get(name, [VECTOR])[0], INPUT, COTANGENT

    def numpy_and_torch():
        numpy = SABOTEURS[name].spoil(lambda x, c: right * (x.sum() + c.sum()))
        ours = torch.tensor(right)
        tensors = SABOTEURS[name].spoil(lambda x, c: ours * (x.sum() + c.sum()))
        for scale in (1.0, 2.0):
            yield (
                numpy(scale * x, cotangent.copy()),
                tensors(scale * torch.tensor(x), torch.tensor(cotangent)),
            )

    for one, other in numpy_and_torch():
        assert (one is None) == (other is None)
        if one is not None:
            assert isinstance(other, torch.Tensor)
            np.testing.assert_allclose(np.asarray(one), other.numpy(), rtol=1e-14)


@pytest.mark.parametrize("name", SABOTEURS)
def test_graph_of_pytorch_goes_through_faults_in_values(name):
    torch = pytest.importorskip("torch")
    x = torch.tensor(VECTOR, requires_grad=True)
    answer = SABOTEURS[name].spoil(lambda x, c: x**2 * c)(x, torch.tensor(COTANGENT))
    made = CALLS | {"integer", "none", "nan", "infinite", "zero"}
    assert name in made or answer.requires_grad


@pytest.mark.parametrize("name", SABOTEURS)
def test_traced_arrays_of_jax_are_spoilt_or_left_alone(name):
    jax = pytest.importorskip("jax")
    with jax.experimental.enable_x64() if hasattr(jax.experimental, "enable_x64") else jax.enable_x64(True):
        wrong = jax.jit(SABOTEURS[name].spoil(product))
        got = wrong(jax.numpy.asarray(INPUT), jax.numpy.asarray(COTANGENT))
        if name not in CALLS:
            eager = SABOTEURS[name].spoil(product)(INPUT.copy(), COTANGENT.copy())
            assert (eager is None) == (got is None)
            if got is not None:
                np.testing.assert_allclose(np.asarray(got), eager, rtol=1e-14)
