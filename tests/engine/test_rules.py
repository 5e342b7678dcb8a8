"""Every rule of the table against certified truth: reverse mode, forward mode and second order."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays, mutually_broadcastable_shapes

from gradcheck import Outcome, Point, engine
from gradcheck.catalogue import collect
from gradcheck.engine import rules
from gradcheck.engine.core import Primitive, elementwise, linear, multiply, primal_of
from gradcheck.engine.rules.elementary import divide, negative, square, subtract
from gradcheck.engine.rules.trigonometric import cos, sin
from gradcheck.judge.accuracy import Judgement, judge
from gradcheck.problems import Instance, problem
from gradcheck.truth import Certifier

TABLE = collect(rules, Primitive)

MATRIX = np.array([[1.0, -2.0, 3.0], [4.0, 5.0, -6.0]])
SQUARE = np.array([[4.0, 1.0], [2.0, 3.0]])
VECTOR = np.array([0.5, -1.5, 2.0])
TENSOR = np.linspace(-2, 3, 12).round(2).reshape(2, 3, 2)

MODES = ("reverse", "forward", "forward over reverse", "reverse over reverse")
AT_A_TIE = {"abs", "max", "maximum", "min", "minimum"}


@dataclass(frozen=True)
class Case:
    """A primitive at one place: ``call`` closes over what is not differentiated."""

    name: str
    call: Callable[..., Any]  # of a namespace and the inputs
    inputs: tuple[Any, ...]
    exact: Callable[..., Any] | None = None  # the same function for balls, where the namespace lacks it
    dtype: str = "float64"
    label: str = field(default="")

    def __str__(self) -> str:
        return f"{self.name}-{self.label}" if self.label else self.name


def plainly(name: str) -> Callable[..., Any]:
    return lambda xp, *inputs: getattr(xp, name)(*inputs)


def joining(name: str, axis: int) -> Callable[..., Any]:
    return lambda xp, *inputs: getattr(xp, name)(list(inputs), axis=axis)


def indexing(key: Any) -> Callable[..., Any]:
    return lambda xp, x: x[key]


def scattering(
    key: Any, shape: tuple[int, ...], sources: Any
) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """The primitive, and the same as a product with the matrix that says what lands where."""
    matrix = np.zeros((int(np.prod(shape)), np.size(sources)))
    matrix[np.arange(matrix.shape[0]).reshape(shape)[key].ravel(), np.arange(np.size(sources))] = 1
    return (
        lambda xp, x: xp.scatter(x, key=key, shape=shape),
        lambda xp, x: np.reshape(matrix @ np.reshape(x, (-1,)), shape),
    )


def special() -> list[Case]:
    """Primitives that take parameters, and arguments in shapes that deserve a look."""
    cases = [
        Case("broadcast_to", lambda xp, x: xp.broadcast_to(x, (2, 3)), (VECTOR,), label="new axis"),
        Case("broadcast_to", lambda xp, x: xp.broadcast_to(x, (2, 3)), (MATRIX[:, :1],), label="size 1"),
        Case("broadcast_to", lambda xp, x: xp.broadcast_to(x, (2, 3)), (2.0,), label="scalar"),
        Case("broadcast_to", lambda xp, x: xp.broadcast_to(x, (1, 3)), (VECTOR,), label="axis of size 1"),
        Case("reshape", lambda xp, x: xp.reshape(x, (3, 2)), (MATRIX,)),
        Case("reshape", lambda xp, x: xp.reshape(x, (-1,)), (MATRIX,), label="flat"),
        Case("expand_dims", lambda xp, x: xp.expand_dims(x, axis=1), (VECTOR,)),
        Case("expand_dims", lambda xp, x: xp.expand_dims(x, axis=-1), (MATRIX,), label="last"),
        Case("permute_dims", lambda xp, x: xp.permute_dims(x, (1, 0)), (MATRIX,)),
        Case("permute_dims", lambda xp, x: xp.permute_dims(x, (2, 0, 1)), (TENSOR,), label="cycle of three"),
        Case("flip", lambda xp, x: xp.flip(x, axis=1), (MATRIX,), label="one axis"),
        Case("sum", lambda xp, x: xp.sum(x), (MATRIX,), label="all"),
        Case("sum", lambda xp, x: xp.sum(x), (2.0,), label="scalar"),
        Case("sum", lambda xp, x: xp.sum(x, axis=0), (MATRIX,), label="axis 0"),
        Case("sum", lambda xp, x: xp.sum(x, axis=(0, -1)), (TENSOR,), label="two axes"),
        Case("sum", lambda xp, x: xp.sum(x, axis=-1, keepdims=True), (MATRIX,), label="kept axis"),
        Case("max", lambda xp, x: xp.max(x, axis=0), (SQUARE,), label="axis 0"),
        Case("max", lambda xp, x: xp.max(x, axis=-1, keepdims=True), (MATRIX,), label="kept axis"),
        Case("min", lambda xp, x: xp.min(x, axis=1), (SQUARE,), label="axis 1"),
        Case("min", lambda xp, x: xp.min(x, axis=(0, 2)), (TENSOR,), label="two axes"),
        Case("getitem", indexing((1, 2)), (MATRIX,), label="entry"),
        Case("getitem", indexing(1), (MATRIX,), label="row"),
        Case("getitem", indexing((slice(None), -1)), (MATRIX,), label="last column"),
        Case("getitem", indexing((Ellipsis, slice(None, None, -2))), (MATRIX,), label="backwards in steps"),
        Case("getitem", indexing((slice(None), None)), (MATRIX,), label="new axis"),
        Case("getitem", indexing(np.array([0, 2, 0, 0])), (VECTOR,), label="repeated"),
        Case("getitem", indexing((np.array([0, 1]), np.array([2, 0]))), (MATRIX,), label="pairs"),
        Case("getitem", indexing(np.array([True, False, True])), (VECTOR,), label="mask"),
        Case("stack", joining("stack", 1), (MATRIX, MATRIX**2), label="axis 1"),
        Case("stack", joining("stack", -1), (VECTOR, VECTOR**2, VECTOR), label="last axis"),
        Case("stack", joining("stack", 0), (1.5, 2.5), label="scalars"),
        Case("concat", joining("concat", 1), (MATRIX, SQUARE), label="axis 1"),
        Case("concat", joining("concat", -1), (MATRIX, SQUARE), label="last axis"),
        Case("concat", joining("concat", 0), (VECTOR, VECTOR[:1]), label="vectors"),
        Case("matmul", plainly("matmul"), (SQUARE, MATRIX), label="matrices"),
        Case("matmul", plainly("matmul"), (SQUARE, VECTOR[:2]), label="matrix times vector"),
        Case("matmul", plainly("matmul"), (VECTOR[:2], SQUARE), label="vector times matrix"),
        Case("matmul", plainly("matmul"), (VECTOR, VECTOR + 1), label="two vectors"),
        Case("matmul", plainly("matmul"), (TENSOR, SQUARE), label="batch times matrix"),
        Case("matmul", plainly("matmul"), (SQUARE[:, :2], TENSOR[:, :2]), label="matrix times batch"),
        Case("matmul", plainly("matmul"), (TENSOR, VECTOR[:2]), label="batch times vector"),
        Case("solve", lambda xp, a, b: xp.linalg.solve(a, b), (SQUARE, SQUARE @ SQUARE), label="matrix"),
        Case("solve", lambda xp, a, b: xp.linalg.solve(a, b), (SQUARE, VECTOR[:2]), label="vector"),
        Case(
            "where",
            lambda xp, a, b: xp.where(np.array([True, False, True]), a, b),
            (VECTOR, 2.0),
            label="row",
        ),
        Case("where", lambda xp, a, b: xp.where(MATRIX > 0, a, b), (VECTOR, MATRIX), label="broadcast"),
        Case("power", lambda xp, x: xp.power(x, 3.0), (-2.0,), label="negative base"),
        Case("power", lambda xp, x: xp.power(x, 2.0), (0.0,), label="square at 0"),
        Case("power", lambda xp, x: xp.power(x, 1.0), (0.0,), label="identity at 0"),
        Case("power", lambda xp, x: xp.power(x, 0.0), (0.0,), label="constant at 0"),
    ]
    for key, shape, x in (
        ((slice(None), 1), (2, 3), np.array([1.0, 2.0])),
        (np.array([0, 2, 0]), (4,), VECTOR),
        ((np.array([1, 1]), np.array([2, 2])), (2, 3), np.array([1.0, 2.0])),
    ):
        call, exact = scattering(key, shape, x)
        cases.append(Case("scatter", call, (x,), exact=exact, label=f"to {shape}"))
    return cases


def declared(name: str, primitive: Primitive) -> list[Case]:
    call = plainly(name)
    if primitive.sequence:
        call = joining(name, 0)
    elif name == "solve":
        call = lambda xp, *inputs: xp.linalg.solve(*inputs)  # noqa: E731
    elif name == "where":
        return [
            Case(
                name,
                lambda xp, a, b, at=point[0]: xp.where(np.asarray(at), a, b),
                point[1:],
                label=f"at {at}",
            )
            for at, point in enumerate(primitive.points)
        ]
    return [Case(name, call, point, label=f"at {at}") for at, point in enumerate(primitive.points)]


DECLARED = [case for name, primitive in TABLE.items() for case in declared(name, primitive)]
CASES = DECLARED + special()

# Where operands of an elementwise primitive are drawn from: one interval an operand.
NEAR_ZERO, POSITIVE, INSIDE = (-3.0, 3.0), (0.0625, 8.0), (-0.9375, 0.9375)
DOMAINS: dict[str, tuple[tuple[float, float], ...]] = {
    "abs": (NEAR_ZERO,),
    "acos": (INSIDE,),
    "add": (NEAR_ZERO, NEAR_ZERO),
    "asin": (INSIDE,),
    "atan": (NEAR_ZERO,),
    "cos": (NEAR_ZERO,),
    "cosh": (NEAR_ZERO,),
    "divide": (NEAR_ZERO, POSITIVE),
    "exp": (NEAR_ZERO,),
    "expm1": (NEAR_ZERO,),
    "log": (POSITIVE,),
    "log1p": (INSIDE,),
    "log2": (POSITIVE,),
    "logaddexp": ((-20.0, 20.0), (-20.0, 20.0)),
    "maximum": (NEAR_ZERO, NEAR_ZERO),
    "minimum": (NEAR_ZERO, NEAR_ZERO),
    "multiply": (NEAR_ZERO, NEAR_ZERO),
    "negative": (NEAR_ZERO,),
    "power": (POSITIVE, NEAR_ZERO),
    "sin": (NEAR_ZERO,),
    "sinh": (NEAR_ZERO,),
    "sqrt": (POSITIVE,),
    "square": (NEAR_ZERO,),
    "subtract": (NEAR_ZERO, NEAR_ZERO),
    "tan": ((-1.25, 1.25),),
    "tanh": ((-25.0, 25.0),),
    "xlogy": (NEAR_ZERO, POSITIVE),
}


def test_every_primitive_is_tested():
    assert {case.name for case in CASES} == set(TABLE)


def test_every_elementwise_primitive_is_tested_at_random_points():
    moving = {"reshape", "broadcast_to", "sum", "permute_dims", "expand_dims", "flip", "getitem", "scatter"}
    others = {"stack", "concat", "max", "min", "matmul", "solve", "where"}
    assert set(DOMAINS) == set(TABLE) - moving - others


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
    tolerated = (
        {Outcome.EXACT, Outcome.CONVENTION, Outcome.UNDEFINED} if name in AT_A_TIE else {Outcome.EXACT}
    )

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


def unit(shape: tuple[int, ...], dtype: str = "float64") -> np.ndarray:
    size = int(np.prod(shape))
    return np.eye(size, dtype=dtype).reshape((size, *shape))


def judged(case: Case, mode: str, dtype: str = "float64") -> Judgement:
    inputs = cast(case, dtype)
    function = bound(case)
    exact = case.exact or case.call
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
    return judge(answer.ravel(), None, certifier.truth(operator, seeds), operator, layout, dtype)


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
