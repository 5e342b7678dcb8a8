"""Every rule of the table against certified truth: reverse mode, forward mode and second order."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays, mutually_broadcastable_shapes

import rule_cases
from gradcheck import Outcome, Point, engine
from gradcheck.catalogue import collect
from gradcheck.engine import rules
from gradcheck.engine.core import Primitive, elementwise, linear, multiply, primal_of
from gradcheck.engine.rules.elementary import divide, negative, square, subtract
from gradcheck.engine.rules.trigonometric import cos, sin
from gradcheck.judge.accuracy import Judgement, judge
from gradcheck.namespaces import Extended
from gradcheck.problems import Instance, problem
from gradcheck.truth import Certifier
from rule_cases import DOMAINS, EXACT, KINKED
from rule_cases.case import MATRIX, Case, joining, plainly

TABLE = {name: rule for name, rule in collect(rules, Primitive).items() if rule.pull is not None}

MODES = ("reverse", "forward", "forward over reverse", "reverse over reverse")


def declared(name: str, primitive: Primitive) -> list[Case]:
    """The points a primitive's own entry names."""
    if name == "where":
        calls = [lambda xp, a, b, at=at: xp.where(np.asarray(at), a, b) for at, *_ in primitive.points]
        points = [inputs for _, *inputs in primitive.points]
    else:
        call = joining(name, 0) if primitive.sequence else plainly(name)
        if name not in vars(engine.xp):
            call = lambda xp, *inputs: getattr(xp.linalg, name)(*inputs)  # noqa: E731
        calls, points = [call] * len(primitive.points), primitive.points
    return [
        Case(name, call, tuple(inputs), label=f"at {at}")
        for at, (call, inputs) in enumerate(zip(calls, points, strict=True))
    ]


DECLARED = [case for name, primitive in TABLE.items() for case in declared(name, primitive)]
CASES = DECLARED + rule_cases.CASES


def test_every_primitive_is_tested():
    assert set(TABLE) <= {case.name for case in CASES}
    assert {case.name for case in CASES} <= vars(engine.xp).keys() | vars(engine.xp.linalg).keys()


def test_every_elementwise_primitive_is_tested_at_random_points():
    assert {name for name, rule in TABLE.items() if made_by(elementwise, rule)} <= set(DOMAINS)


def made_by(maker: Callable[..., Primitive], rule: Primitive) -> bool:
    return rule.push.__qualname__.startswith(f"{maker.__name__}.")


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("case", CASES, ids=str)
def test_rule_agrees_with_the_truth(case, mode, dtype):
    verdict = judged(case, mode, dtype)
    assert verdict.outcome is Outcome.EXACT, verdict


@st.composite
def elementwise_cases(draw, name):
    intervals = DOMAINS[name]
    shapes = draw(
        mutually_broadcastable_shapes(num_shapes=len(intervals), max_dims=2, max_side=2)
    ).input_shapes
    inputs = tuple(draw(numbers(shape, *interval)) for shape, interval in zip(shapes, intervals, strict=True))
    return Case(name, plainly(name), inputs)


def numbers(shape, low, high):
    return arrays(np.float64, shape, elements=st.floats(low, high, width=32, allow_subnormal=False))


@pytest.mark.parametrize("name", sorted(DOMAINS))
def test_elementwise_rule_agrees_with_the_truth_at_random_points_and_shapes(name):
    tolerated = {Outcome.EXACT, Outcome.CONVENTION, Outcome.UNDEFINED} if name in KINKED else {Outcome.EXACT}

    @settings(max_examples=6, deadline=None)
    @given(elementwise_cases(name), st.sampled_from(MODES))
    def check(case, mode):
        verdict = judged(case, mode)
        assert verdict.outcome in tolerated, verdict

    check()


@pytest.mark.parametrize("case", CASES, ids=str)
def test_forward_mode_is_the_transpose_of_reverse_mode(case):
    inputs = cast(case)

    @settings(max_examples=5, deadline=None)
    @given(st.data())
    def check(data):
        y, pullback = engine.vjp(bound(case), *inputs)
        w = data.draw(numbers(np.shape(y), -2.0, 2.0))
        v = [data.draw(numbers(np.shape(x), -2.0, 2.0)) for x in inputs]
        pulled = pullback(w)
        _, pushed = engine.jvp(bound(case), inputs, v)
        size = [np.sum(abs(p) * abs(t)) for p, t in zip(magnitude(case, w), v, strict=True)]
        left, right = np.sum(w * pushed), sum(np.sum(p * t) for p, t in zip(pulled, v, strict=True))
        assert abs(left - right) <= 64 * np.finfo(float).eps * sum(size) + 1e-300

    check()


def magnitude(case: Case, w: np.ndarray) -> list[np.ndarray]:
    """The cotangents of the inputs with all terms of their sums taken positive."""
    y, pullback = engine.vjp(bound(case), *cast(case))
    parts = [np.zeros(np.shape(x)) for x in cast(case)]
    for weight, basis in zip(np.ravel(w), unit(np.shape(y)), strict=True):
        parts = [part + abs(weight * row) for part, row in zip(parts, pullback(basis), strict=True)]
    return parts


# Faults that must be seen, each by the outcome of the mode that meets it first.


def faulty() -> list[tuple[str, str, Case]]:
    off = elementwise("sin", np.sin, lambda y, x: multiply(1 + 1e-6, cos(x)))
    sign = elementwise("cos", np.cos, lambda y, x: sin(x))
    factor = elementwise("square", np.square, lambda y, x: x)
    swapped = elementwise("divide", np.divide, lambda y, a, b: divide(1.0, b), lambda y, a, b: divide(y, b))
    detached = elementwise("square", np.square, lambda y, x: multiply(2.0, primal_of(x)))
    unflipped = linear("flip", lambda x, *, axis=None: np.flip(x, axis), lambda g, x, *, axis=None: g)
    cancelling = elementwise("tanh", np.tanh, lambda y, x: subtract(1.0, square(y)))
    one_way = Primitive(
        name="sin",
        forward=np.sin,
        push=lambda position, tangent, y, x: negative(multiply(tangent, cos(x))),
        pull=lambda position, cotangent, y, x: multiply(cotangent, cos(x)),
    )

    def case(name: str, broken: Primitive, *inputs: Any) -> Case:
        return Case(name, lambda xp, *xs: broken(*xs), inputs, exact=plainly(name))

    return [
        ("a millionth", "reverse", case("sin", off, 1.0)),
        ("a sign", "reverse", case("cos", sign, 1.0)),
        ("a factor of two", "forward", case("square", factor, 3.0)),
        ("the sign of the second operand", "reverse", case("divide", swapped, 2.0, 5.0)),
        ("a detached partial", "forward over reverse", case("square", detached, 3.0)),
        ("a detached partial", "reverse over reverse", case("square", detached, 3.0)),
        ("a flip that is not undone", "reverse", case("flip", unflipped, MATRIX)),
        ("cancellation in the tail", "reverse", case("tanh", cancelling, 17.0)),
        ("only forward mode", "forward", case("sin", one_way, 1.0)),
    ]


@pytest.mark.parametrize(("fault", "mode", "case"), faulty(), ids=lambda value: str(value))
def test_wrong_rule_is_seen(fault, mode, case):
    assert judged(case, mode).outcome is Outcome.WRONG


def test_rule_that_loses_a_few_digits_is_not_exact():
    off = elementwise("sin", np.sin, lambda y, x: multiply(1 + 1e-14, cos(x)))
    verdict = judged(Case("sin", lambda xp, x: off(x), (1.0,), exact=plainly("sin")), "reverse")
    assert verdict.outcome is not Outcome.EXACT


def test_wrong_forward_mode_is_not_the_transpose():
    *_, (_, _, case) = faulty()
    _, pullback = engine.vjp(bound(case), 1.0)
    _, pushed = engine.jvp(bound(case), [1.0], [1.0])
    assert pullback(1.0)[0] == -pushed


def test_unsummed_broadcast_is_seen():
    row, column = np.array([1.0, 2.0, 3.0]), np.array([[4.0], [5.0]])
    first_row = lambda g, shape: np.ravel(g)[: int(np.prod(shape))].reshape(shape)  # noqa: E731
    _, right = engine.vjp(engine.xp.multiply, row, column)
    _, wrong = engine.vjp(engine.xp.multiply, row, column, unbroadcast=first_row)
    np.testing.assert_array_equal(right(np.ones((2, 3)))[0], [9.0, 9.0, 9.0])
    np.testing.assert_array_equal(wrong(np.ones((2, 3)))[0], [4.0, 4.0, 4.0])


# Conventions that no truth can decide.


@pytest.mark.parametrize(
    ("function", "inputs", "expected"),
    [
        (engine.xp.abs, (0.0,), (0.0,)),
        (engine.xp.maximum, (2.0, 2.0), (0.5, 0.5)),
        (engine.xp.minimum, (2.0, 2.0), (0.5, 0.5)),
        (engine.xp.max, (np.array([3.0, 1.0, 3.0]),), (np.array([0.5, 0.0, 0.5]),)),
        (engine.xp.min, (np.array([1.0, 1.0, 3.0, 1.0]),), (np.array([1, 1, 0, 1]) / 3,)),
        (engine.xp.power, (0.0, 3.0), (0.0, 0.0)),
        (engine.xp.xlogy, (0.0, 0.0), (-np.inf, 0.0)),
    ],
)
def test_convention(function, inputs, expected):
    with np.errstate(divide="ignore"):
        _, pullback = engine.vjp(function, *inputs)
        given = pullback(np.ones(()))
    for got, wanted in zip(given, expected, strict=True):
        np.testing.assert_array_equal(got, wanted)


# From a case to a judgement.


def cast(case: Case, dtype: str = "float64") -> list[np.ndarray]:
    return [np.asarray(x, dtype) for x in case.inputs]


def bound(case: Case) -> Callable[..., Any]:
    return lambda *inputs: case.call(engine.xp, *inputs)


def truth_of(case: Case) -> Callable[..., Any]:
    """The case on balls; on floats, which only tell what shape it has, the rule's own function."""
    on_balls = case.exact or (lambda xp, *xs: case.call(Extended(xp, EXACT), *xs))
    return lambda xp, *xs: (
        on_balls(xp, *xs) if np.asarray(xs[0]).dtype == object else case.call(engine.xp, *xs)
    )


def unit(shape: tuple[int, ...], dtype: str = "float64") -> np.ndarray:
    size = int(np.prod(shape))
    return np.eye(size, dtype=dtype).reshape((size, *shape))


def judged(case: Case, mode: str, dtype: str = "float64") -> Judgement:
    inputs = cast(case, dtype)
    function = bound(case)
    exact = truth_of(case)
    operator = "jacobian"
    if "over" in mode:
        operator = "hessian"
        shape = np.shape(function(*inputs))
        weights = (1.0 + np.arange(np.prod(shape)) / 2).reshape(shape).astype(dtype)
        inner, inner_exact = function, exact
        function = lambda *xs: engine.xp.sum(weights * inner(*xs))  # noqa: E731
        exact = lambda xp, *xs: np.sum(weights * np.asarray(inner_exact(xp, *xs)))  # noqa: E731
    names = ["a", "b", "c"][: len(inputs)]
    fn = {
        1: lambda xp, a: exact(xp, a),
        2: lambda xp, a, b: exact(xp, a, b),
        3: lambda xp, a, b, c: exact(xp, a, b, c),
    }
    made = problem(Point(**dict(zip(names, inputs, strict=True))), name=case.name)(fn[len(inputs)])
    certifier = Certifier(Instance(problem=made, point=made.points[0]), dtype)
    layout = certifier.layout
    seeds = {"tangent": [np.zeros(s) for s in layout.inputs], "cotangent": [np.zeros(layout.output)]}
    answer = matrix(mode, function, inputs)
    assert answer.dtype == dtype
    truth = certifier.truth(operator, seeds)
    assert truth.kind != "measured"
    return judge(answer.ravel(), None, truth, operator, layout, dtype)


def matrix(mode: str, function: Callable[..., Any], inputs: list[np.ndarray]) -> np.ndarray:
    """Jacobian, or Hessian, in the mode asked for: one flat row or column for every pass."""
    rows = []
    if mode == "reverse":
        y, pullback = engine.vjp(function, *inputs)
        rows = [flat(pullback(basis)) for basis in unit(np.shape(y), inputs[0].dtype)]
        return np.array(rows).reshape((np.size(y), -1))
    for at, x in enumerate(inputs):
        for basis in unit(x.shape, x.dtype):
            tangents = [basis if i == at else np.zeros_like(other) for i, other in enumerate(inputs)]
            if mode == "forward":
                rows.append(np.ravel(engine.jvp(function, inputs, tangents)[1]))
            elif mode == "forward over reverse":
                rows.append(flat(engine.hvp(function, inputs, tangents)))
            else:
                rows.append(flat(reverse_over_reverse(function, inputs, tangents)))
    return np.stack(rows, axis=1)


def reverse_over_reverse(
    function: Callable[..., Any], inputs: list[Any], tangents: list[Any]
) -> tuple[Any, ...]:
    everything = tuple(range(len(inputs)))

    def slope(*xs: Any) -> Any:
        gradient = engine.grad(function, everything)(*xs)
        return sum(engine.xp.sum(g * t) for g, t in zip(gradient, tangents, strict=True))

    return engine.grad(slope, everything)(*inputs)


def flat(parts: tuple[Any, ...]) -> np.ndarray:
    return np.concatenate([np.ravel(part) for part in parts])
