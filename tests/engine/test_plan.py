"""Compiled functions: the same answers as the eager engine's, from plans that do what they say."""

import gc
import itertools
import threading
import tracemalloc
from collections import Counter, OrderedDict, defaultdict, namedtuple
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

import rule_cases
from agreement import difference
from gradcheck import engine
from gradcheck.catalogue import collect
from gradcheck.engine import rules, xp
from gradcheck.engine.core import Primitive, elementwise
from gradcheck.engine.plan import blocks, compiled
from gradcheck.engine.plan.signature import leaves
from gradcheck.engine.trees import flatten, flatten_like
from gradcheck.errors import BadArgument, NoRule, NotTraceable
from gradcheck.execution import Plan
from gradcheck.judge.accuracy import ULPS_OF_A_FUNCTION
from gradcheck.truth import Certifier
from rule_cases.case import MATRIX, TENSOR, VECTOR, Case, joining, plainly

INF, NAN = np.inf, np.nan


def same(f: Callable[..., Any], *args: Any, others: tuple[Any, ...] | None = None) -> Callable[..., Any]:
    """Compile, and compare with eager answers: first with other values, then twice here."""
    plan = engine.compile(f)
    with np.errstate(all="ignore"):
        for given in (others or args, args, args):
            eager = f(*given)
            found = difference(_stopped(plan(*given), eager, given), eager)
            assert not found, f"{found}\n{plan.source}"
    return plan


def _stopped(planned: Any, eager: Any, given: tuple[Any, ...]) -> Any:
    """A plan's answers, with the eager ones for its NaN where numbers of the end of the range come in.

    The eager rules stop an infinite flow at a slope of 0; a plan multiplies the two as they are.
    """
    if all(np.all(np.abs(x) < 1e300) for _, x in leaves(given, "")):
        return planned
    parts, rebuild = flatten(planned)
    return rebuild([_stopped_leaf(*both) for both in zip(parts, flatten_like(planned, eager), strict=True)])


def _stopped_leaf(planned: Any, eager: Any) -> Any:
    if np.shape(planned) != np.shape(eager):
        return planned
    stopped = np.where(np.isnan(planned), np.asarray(eager), planned)
    return (
        stopped.astype(np.asarray(planned).dtype)[()]
        if isinstance(planned, (np.ndarray, np.generic))
        else float(stopped)
    )


def ramp(shape: tuple[int, ...], dtype: Any) -> Any:
    """Numbers without a pattern that would make a derivative 0."""
    return (1 + np.sqrt(np.arange(np.prod(shape, dtype=int)), dtype=dtype)).astype(dtype).reshape(shape)[()]


def of_one(f: Callable[..., Any]) -> dict[str, Callable[..., Any]]:
    """Every transform of a scalar function of one array."""
    return {
        "value": f,
        "grad": engine.grad(f),
        "value_and_grad": engine.value_and_grad(f),
        "jacobian": engine.jacobian(f),
        "hessian": engine.hessian(f),
        "hvp": lambda x: engine.hvp(f, (x,), (ramp(np.shape(x), np.result_type(x)),)),
        "pullback": lambda x: engine.vjp(f, x)[1](1.5),
        "jvp": lambda x: engine.jvp(f, (x,), (ramp(np.shape(x), np.result_type(x)),)),
        "jacobian of grad": engine.jacobian(engine.grad(f)),
        "third": engine.grad(lambda x: xp.sum(engine.hvp(f, (x,), (ramp(x.shape, x.dtype),))[0])),
    }


TRANSFORMS = tuple(of_one(np.sum))


# Over the whole rule table.


def declared(name: str, primitive: Primitive) -> list[Case]:
    """The points that a primitive's own entry names."""
    if name == "where":
        return [Case(name, lambda xp, a, b: xp.where(a > b, a, b), inputs) for _, *inputs in primitive.points]
    call = joining(name, 0) if primitive.sequence else plainly(name)
    if name not in vars(xp):
        call = lambda xp, *inputs: getattr(xp.linalg, name)(*inputs)  # noqa: E731
    return [Case(name, call, tuple(inputs), label=f"at {inputs}") for inputs in primitive.points]


TABLE = {name: rule for name, rule in collect(rules, Primitive).items() if rule.pull is not None}
CASES = [case for name, rule in TABLE.items() for case in declared(name, rule)] + rule_cases.CASES


def everything(case: Case, *, second: bool = True) -> Callable[..., Any]:
    """A case's value and all its first and, if asked for, second derivatives."""

    def f(*inputs: Any) -> Any:
        return case.call(xp, *inputs)

    def answer(*inputs: Any) -> Any:
        every = tuple(range(len(inputs)))
        y, pullback = engine.vjp(f, *inputs)
        weights, *tangents = (ramp(np.shape(x), inputs[0].dtype) for x in (y, *inputs))
        scalar = lambda *xs: xp.sum(weights * f(*xs))  # noqa: E731
        answers = {
            "value": y,
            "pullback": pullback(weights),
            "jvp": engine.jvp(f, inputs, tangents)[1],
            "grad": engine.value_and_grad(scalar, every)(*inputs),
        }
        if second:
            answers["jacobian"] = engine.jacobian(f, every)(*inputs)
            answers["hvp"] = engine.hvp(scalar, inputs, tangents)
        return answers

    return answer


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("case", CASES, ids=str)
def test_rule_answers_as_the_eager_engine(case, dtype):
    inputs = [np.asarray(x, dtype)[()] for x in case.inputs]
    same(
        everything(case, second=dtype == "float64"),
        *inputs,
        others=tuple(x * np.dtype(dtype).type(1.0625) for x in inputs),
    )


# Kinds of arguments.

SCALARS = (3.0, np.float64(3.0), np.float32(3.0), np.array(3.0), np.array(3.0, "f"))
ARRAYS = {
    "size 0": np.zeros(0),
    "size 1": np.array([0.5]),
    "two axes, size 0": np.zeros((3, 0)),
    "ones": np.ones((1, 1, 1)),
    "vector": VECTOR,
    "float32": MATRIX.astype("f"),
    "matrix": MATRIX,
    "tensor": TENSOR,
    "Fortran": np.asfortranarray(MATRIX),
    "transposed": MATRIX.T,
    "every other": np.arange(12.0).reshape(3, 4)[:, ::2],
    "backwards": np.arange(6.0)[::-1],
    "both backwards": TENSOR[::-1, :, ::-1],
    "broadcast": np.broadcast_to(VECTOR, (2, 3)),
    "not writable": np.frombuffer(VECTOR.tobytes()),
    "unaligned": np.frombuffer(b"x" + VECTOR.tobytes(), np.uint8)[1:].view(np.float64),
}


def mixed(x: Any) -> Any:
    """A scalar function that uses its argument in several ways."""
    y = xp.sin(x) * x**3 + xp.exp(-x * x) / (2.0 + xp.cos(x))
    return xp.sum(y * y - 0.5 * x)


@pytest.mark.parametrize("transform", TRANSFORMS)
@pytest.mark.parametrize("x", SCALARS, ids=lambda x: f"{type(x).__name__} {np.result_type(x)}")
def test_a_number_in_gives_the_same_number_out(x, transform):
    same(of_one(mixed)[transform], x, others=(type(x)(x / 2) if np.ndim(x) or type(x) is float else x / 2,))


@pytest.mark.parametrize("transform", TRANSFORMS)
@pytest.mark.parametrize("name", ARRAYS)
def test_an_array_of_any_layout(name, transform):
    x = ARRAYS[name]
    before = x.copy()
    same(of_one(mixed)[transform], x, others=(x * 0.5,))
    np.testing.assert_array_equal(x, before)


def test_one_plan_serves_all_layouts_of_a_shape():
    plan = engine.compile(engine.grad(mixed))
    x = np.arange(12.0).reshape(3, 4) / 8
    source = None
    for made in (x, np.asfortranarray(x), np.repeat(x, 2, axis=1)[:, ::2], x[::-1, ::-1][::-1, ::-1]):
        np.testing.assert_allclose(plan(made), engine.grad(mixed)(x), rtol=1e-13)
        assert source in (None, plan.source)
        source = plan.source


@pytest.mark.parametrize(
    "shapes", [((2, 3), (3,)), ((2, 1), (1, 3)), ((), (2, 3)), ((3,), ()), ((0, 3), (3,))]
)
def test_broadcast_operands(shapes):
    a, b = (1.0 + np.arange(np.prod(shape, dtype=int)).reshape(shape) / 4 for shape in shapes)
    f = lambda a, b: xp.sum(a * b + a / b - xp.maximum(a, b) ** 2)  # noqa: E731
    same(engine.value_and_grad(f, (0, 1)), a, b)
    same(engine.hessian(f, (0, 1)), a, b)


@pytest.mark.parametrize("number", [3.0, 0.0, -2.5])
def test_python_floats_beside_arrays(number):
    f = lambda x, s: xp.sum(s * x + xp.sin(x) / (1 + s * s))  # noqa: E731
    for transform in (engine.grad(f, 1), engine.grad(f, (0, 1)), engine.grad(f), engine.hessian(f, (0, 1))):
        same(transform, VECTOR, number, others=(VECTOR, 0.5))


def softmax_by_hand(x: Any) -> Any:
    shares = xp.exp(x - xp.max(x, axis=-1, keepdims=True))
    return shares / xp.sum(shares, axis=-1, keepdims=True)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize(
    "f",
    [
        lambda x: xp.sum(softmax_by_hand(x), axis=0, keepdims=True),
        lambda x: xp.sum(softmax_by_hand(x)) * 1.5,
        lambda x: x / x * xp.ones_like(x),
        lambda x: xp.where(x > 0, 1.0, 0.0),
        lambda x: (x > 0) * 2.0,
        lambda x: x * 0.0,
        lambda x: xp.sum(xp.sin(x)) * 0.0,
        lambda x: x - x,
    ],
)
def test_what_folds_to_a_constant_keeps_its_dtype(f, dtype):
    x = np.array([0.5, 2.0], dtype)
    same(f, x)
    slope = engine.jacobian(f)
    assert difference(engine.compile(slope)(x), slope(x), numbers=False) == ""


@pytest.mark.parametrize(
    "f",
    [
        lambda x: xp.stack([xp.maximum(x, 0.1) ** 2, xp.maximum(x, 0.1)], axis=-1),
        lambda x: xp.concat([xp.exp(x), xp.exp(x) * 2, x], axis=0),
        lambda x: xp.stack([x, x, xp.sin(x)], axis=0),
        lambda x: xp.concat([xp.sin(x)[1:], xp.sin(x)[:1]], axis=0) * xp.sin(x),
    ],
)
def test_parts_of_a_joined_array_that_are_used_by_themselves(f):
    g = lambda x: xp.sum(xp.exp(f(x)))  # noqa: E731
    for transform in ("value_and_grad", "hvp", "hessian"):
        same(of_one(g)[transform], VECTOR, others=(VECTOR * 0.5,))


@dataclass
class Layer:
    weights: Any
    bias: Any


@dataclass(kw_only=True)
class Named:
    scale: Any
    name: str = "scale"


@dataclass
class Counted:
    weights: Any
    count: int = field(init=False)

    def __post_init__(self):
        self.count = 2


Pair = namedtuple("Pair", "first second")

NESTED = {
    "dict": ({"b": VECTOR, "a": 2.0}, lambda d: xp.sum(d["a"] * d["b"] ** 2)),
    "list": ([VECTOR, 2.0], lambda d: xp.sum(d[1] * d[0] ** 2)),
    "tuple": ((VECTOR, np.float64(2.0)), lambda d: xp.sum(d[1] * d[0] ** 2)),
    "named tuple": (Pair(VECTOR, 2.0), lambda d: xp.sum(d.second * d.first**2)),
    "dataclass": (Layer(MATRIX, VECTOR), lambda d: xp.sum(xp.tanh(d.weights @ d.bias))),
    "named fields": (Named(scale=VECTOR), lambda d: xp.sum(d.scale**3)),
    "field made by the constructor": (Counted(VECTOR), lambda d: d.count * xp.sum(d.weights**3)),
    "ordered dict": (OrderedDict(b=VECTOR, a=2.0), lambda d: xp.sum(d["a"] * d["b"] ** 2)),
    "default dict": (defaultdict(list, b=VECTOR, a=2.0), lambda d: xp.sum(d["a"] * d["b"] ** 2)),
    "deep": (
        {"layers": [Layer(MATRIX, 0.5), (VECTOR, {"x": 1.0})], "mode": "sum", "none": None, "count": 3},
        lambda d: (
            xp.sum(d["layers"][0].weights * d["layers"][1][0] + d["layers"][0].bias) * d["layers"][1][1]["x"]
            + d["count"]
        ),
    ),
    "integers and masks": (
        {"x": VECTOR, "at": np.array([2, 0]), "keep": np.array([True, False, True])},
        lambda d: xp.sum(xp.where(d["keep"], d["x"] ** 2, 0.0)) + xp.sum(xp.take(d["x"], d["at"], axis=0)),
    ),
}


@pytest.mark.parametrize("name", NESTED)
def test_containers_in_and_out(name):
    x, f = NESTED[name]
    same(f, x)
    same(engine.grad(f), x)
    same(engine.value_and_grad(f), x)
    same(lambda d: engine.hvp(f, (d,), (d,)), x)


@pytest.mark.parametrize("made", [dict, OrderedDict, list, tuple, Pair, Layer, Named, defaultdict])
def test_containers_of_results(made):
    def f(x: Any) -> Any:
        y, z = x * 2, xp.sum(x)
        if made in (dict, OrderedDict):
            return made({"y": y, "z": z, 3: (y, None, "text", 2, True)})
        if made is defaultdict:
            return defaultdict(int, y=y)
        if made is Named:
            return Named(scale=y, name="other")
        return made(y, z) if made in (Pair, Layer) else made([y, z, [z, (y,)]])

    same(f, VECTOR, others=(VECTOR + 1,))


@pytest.mark.parametrize(
    "f",
    [
        lambda i: i * 3,
        lambda i: i // 2 + i % 3,
        lambda i: i & 1,
        lambda i: (i > 1) | (i == 0),
        lambda i: i + 2**62,
        lambda i: i * np.int64(3) - np.array(1),
        lambda i: -i,
        lambda i: i - i,
        lambda i: i / 2,
        lambda i: xp.sum(i),
        lambda i: i * 2.5,
        lambda i: xp.where(i > 1, i, 0),
        lambda i: xp.maximum(i, 1) * xp.abs(i),
        lambda i: xp.cumulative_sum(i * i, axis=0),
        lambda i: xp.sum(xp.astype(i, xp.float64) ** 2),
    ],
)
@pytest.mark.parametrize("dtype", ["int64", "int32", "uint8"])
def test_integers_stay_integers(f, dtype):
    i = np.array([0, 1, 2, 5], dtype)
    try:
        with np.errstate(all="ignore"):
            f(i)
    except OverflowError:
        pytest.skip("NumPy refuses it too")
    same(f, i, others=(i[::-1],))


def test_integer_and_boolean_arguments_beside_what_is_differentiated():
    f = lambda x, at, keep: xp.sum(xp.take(x, at, axis=0) ** 2) + xp.sum(xp.where(keep, xp.sqrt(x), 0.0))  # noqa: E731
    x, keep = np.array([0.5, 0.0, 2.0]), np.array([True, False, True])
    plan = same(
        engine.value_and_grad(f), x, np.array([2, 0, 0]), keep, others=(x + 1, np.array([1, 1, 2]), ~keep)
    )
    same(engine.grad(lambda x, n: xp.sum(x**n)), VECTOR, np.array([2, 3, 1]))
    with np.errstate(all="ignore"):
        value, _ = plan(x, np.array([1, 1, 1]), keep)
    assert value == pytest.approx(np.sqrt(0.5) + np.sqrt(2.0))


NAMES_IN_PLANS = ("x0", "x1", "b0", "v1", "a0", "pool", "make", "miss", "eager", "block", "sin", "lambda")
NO_DATA = (
    2,
    -1,
    True,
    None,
    "text",
    "",
    "not a name",
    (1, "a", None),
    frozenset({1}),
    np.float64,
    len,
    Ellipsis,
)


@pytest.mark.parametrize("static", [*NAMES_IN_PLANS, *NO_DATA], ids=str)
def test_arguments_that_are_no_data(static):
    f = lambda x, s: xp.sum(xp.sin(x * 2) ** 2) * (1.0 if s is None else len(str(s)))  # noqa: E731
    x = TENSOR / 4
    plan = same(engine.value_and_grad(f), x, static)
    before = plan.source
    assert difference(plan(x, static), engine.value_and_grad(f)(x, static)) == ""
    assert before == plan.source
    assert difference(plan(x, "another thing"), engine.value_and_grad(f)(x, "another thing")) == ""


def test_arguments_that_are_equal_but_of_other_kinds_have_their_own_plans():
    f = lambda x, s: x * 2 if s is True else x * 3  # noqa: E731
    plan = engine.compile(f)
    for s in (True, 1, True, 1, 1.0):
        assert difference(plan(VECTOR, s), f(VECTOR, s)) == ""


# Answers belong to the caller.


def test_results_share_memory_with_nothing():
    def f(x: Any, y: Any) -> Any:
        z = xp.sin(x) * 2
        rows = xp.reshape(z, (3, 2))
        constant = xp.asarray(MATRIX)
        return [x, y, z, z, rows, z[0], z[0, ...], x[1], x.T, z.T, z.T, x + 0.0, x * 1.0, constant, constant]

    plan = engine.compile(f)
    x, y = MATRIX.copy(), np.array(2.0)
    first, second = plan(x, y), plan(x, y)
    arrays = [a for a in (*first, *second) if isinstance(a, np.ndarray)]
    assert len(arrays) > 24
    for a, b in itertools.combinations([*arrays, x, MATRIX], 2):
        assert not np.shares_memory(a, b)
    assert all(array is not y for array in arrays)
    kept = [np.array(a) for a in first]
    for array in second:
        if isinstance(array, np.ndarray):
            array[...] = NAN
    plan(x + 1, y)
    for a, b in zip(first, kept, strict=True):
        np.testing.assert_array_equal(a, b)
    assert difference(plan(x, y), f(x, y)) == ""


def test_results_may_be_written_to():
    plan = engine.compile(
        lambda x: (x.T, xp.broadcast_to(x, (4, 2, 3)), x * 0 + 1, xp.zeros((2, 3)), xp.ones_like(x))
    )
    for array in plan(MATRIX):
        array += 1
    np.testing.assert_array_equal(plan(MATRIX)[4], np.ones((2, 3)))


# Long arrays: blocks.

LONG = [(70_001,), (300, 301), (3, 5, 7000), (66_000, 1), (2**17,)]


def scaled(shape: tuple[int, ...], dtype: str = "float64") -> np.ndarray:
    return np.linspace(-2.0, 3.0, int(np.prod(shape))).reshape(shape).astype(dtype)


def long_chain(x: Any) -> Any:
    y = x
    for _ in range(4):
        y = xp.sin(y) + 0.5 * xp.tanh(y * y) - xp.where(y > 0.25, xp.log(xp.abs(y) + 1), 0.1 * y)
    return y


LONG_PROGRAMS = {
    "chain": long_chain,
    "sum": lambda x: xp.sum(long_chain(x)),
    "choices": lambda x: (
        xp.where(x > 0.125, xp.log(x), 0.25 * x),
        x * 1.5 + 1,
        x > 0,
        xp.where(x < 0, x, -x),
    ),
    "guarded": lambda x: xp.sum(xp.where(x > 0, xp.sqrt(x), 0.0)) + xp.sum(xp.where(x > 0, x * xp.log(x), x)),
    "several reductions": lambda x: (
        xp.sum(x * x),
        xp.max(xp.sin(x)),
        xp.min(x),
        xp.mean(x),
        xp.sum(xp.exp(x) * xp.cos(x)),
    ),
    "reduction used again": lambda x: xp.exp(x - xp.max(x)) / xp.sum(xp.exp(x - xp.max(x))),
    "two stages": lambda x: xp.sum(xp.square(x - xp.mean(x))) * xp.sin(x) + x,
    "shapes side by side": lambda x: (
        xp.sum(xp.sin(x)) + xp.sum(xp.cos(xp.concat([xp.reshape(x, (-1,))] * 2, axis=0)))
    ),
    "order": lambda x: xp.cumulative_sum(xp.reshape(xp.sin(x), (-1,)), axis=0) * xp.sum(xp.sin(x)),
    "reversed within": lambda x: xp.sin(x) * xp.flip(xp.sin(x), axis=0) + xp.flip(x, axis=0),
    "softmax of rows, transposed": lambda x: (
        lambda z: (
            xp.exp(z - xp.max(z, axis=-1, keepdims=True))
            / xp.sum(xp.exp(z - xp.max(z, axis=-1, keepdims=True)), axis=-1, keepdims=True)
        )
    )(xp.permute_dims(x, tuple(range(x.ndim))[::-1])),
    "transposed": lambda x: xp.sum(xp.permute_dims(xp.sin(x), tuple(range(x.ndim))[::-1]) ** 2),
    "integers": lambda x: xp.astype(xp.floor(x), xp.int64) * 2,
    "same twice": lambda x: (xp.sin(x), xp.sin(x)),
}


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("name", LONG_PROGRAMS)
@pytest.mark.parametrize("shape", LONG, ids=str)
def test_long_arrays_in_blocks(shape, name, dtype):
    x = scaled(shape, dtype)
    before = x.copy()
    same(LONG_PROGRAMS[name], x, others=(x[::-1] * np.asarray(0.75, dtype),))
    np.testing.assert_array_equal(x, before)


@pytest.mark.parametrize("name", ["sum", "guarded", "shapes side by side", "transposed"])
@pytest.mark.parametrize("shape", LONG[:3], ids=str)
def test_derivatives_over_long_arrays(shape, name):
    f = LONG_PROGRAMS[name]
    x = scaled(shape)
    same(engine.value_and_grad(f), x, others=(x * 0.5,))
    same(lambda x: engine.hvp(f, (x,), (x,)), x)


def test_long_arrays_of_several_inputs_and_numbers():
    f = lambda a, b, s, t: xp.sum(s * a * xp.sin(b) + xp.maximum(a, b * t)) + s  # noqa: E731
    a, b = scaled((70_000,)), scaled((70_000,))[::-1]
    same(
        engine.value_and_grad(f, (0, 1, 2, 3)),
        a,
        b,
        1.5,
        np.float64(0.5),
        others=(b, a, -0.5, np.float64(2.0)),
    )


@pytest.fixture
def small_blocks(monkeypatch):
    """Blocks of a few entries, so that short arrays are worked on in blocks."""
    from gradcheck.engine.plan import source

    monkeypatch.setattr(blocks, "LARGE", 4)
    monkeypatch.setattr(source, "BLOCK", 3)


@pytest.mark.usefixtures("small_blocks")
@pytest.mark.parametrize("case", CASES, ids=str)
def test_rule_answers_as_the_eager_engine_in_blocks(case):
    same(everything(case, second=False), *(np.asarray(x, float)[()] for x in case.inputs))


# Delicate places.

DELICATE = {
    "sqrt behind a guard": lambda x: xp.sum(xp.where(x > 0, xp.sqrt(x), 0.0)),
    "log behind a guard": lambda x: xp.sum(xp.where(x > 0, xp.log(x), 0.0)),
    "reciprocal behind a guard": lambda x: xp.sum(xp.where(x == 0, 0.0, 1 / x)),
    "power behind a guard": lambda x: xp.sum(xp.where(x > 0, x**0.5, x)),
    "product behind a guard": lambda x: xp.sum(xp.where(xp.abs(x) < 1e300, x * x, 0.0)),
    "sine behind a guard": lambda x: xp.sum(xp.where(xp.isfinite(x), xp.sin(x) * xp.cos(x), 0.0)),
    "bounded functions behind a guard": lambda x: xp.sum(
        xp.where(xp.isnan(x), 0.0, xp.tanh(x) + xp.sigmoid(x) + xp.atan(x) + xp.erf(x) + xp.sign(x))
    ),
    "mask of NaN": lambda x: xp.sum(xp.where(xp.isnan(x), 0.0, x * x)),
    "mask of infinity": lambda x: xp.sum(xp.where(xp.isfinite(x), x * x * xp.exp(x), 0.0)),
    "nested guards": lambda x: xp.sum(xp.where(x > 0, xp.where(x < 2, xp.log(x) * xp.sqrt(2 - x), 0.0), 0.0)),
    "quotient and logarithm behind a guard": lambda x: xp.sum(
        xp.where(x > 1, (x / (x - 1)) * xp.log(x), 0.0)
    ),
    "cancelling behind a guard": lambda x: xp.sum(xp.where(x > 0, x * xp.log(x), 0.0)),
    "exponential of the branch not taken": lambda x: xp.sum(xp.where(x < 100, xp.exp(x), 1.0)),
    "softplus by hand": lambda x: xp.sum(xp.where(x > 20, x, xp.log(1 + xp.exp(x)))),
    "relu of a product": lambda x: xp.sum(xp.relu(-(x * x))),
    "maximum of a product": lambda x: xp.sum(xp.maximum(-(x * x), 0.0)),
    "maximum of a logarithm": lambda x: xp.sum(xp.maximum(xp.log(x), 0.0)),
    "triangle of logarithms": lambda x: xp.sum(
        xp.tril(xp.log(xp.reshape(xp.concat([x] * 2, axis=0), (2, -1))))
    ),
    "triangle of products": lambda x: xp.sum(
        xp.triu(xp.square(xp.reshape(xp.concat([x] * 2, axis=0), (2, -1))))
    ),
    "one of many": lambda x: xp.log(x)[0] * 2 + xp.sum(xp.square(x)[1:]),
    "guarded, then summed": lambda x: xp.sum(xp.where(x[:1] > 9, xp.zeros((3, 1)) + xp.sqrt(x), 0.0)),
    "guarded, then a product": lambda x: xp.sum(xp.where(x > 0, xp.sqrt(x), 0.0)[:, None] @ np.ones((1, 2))),
    "guard by a constant mask": lambda x: xp.sum(xp.where(xp.zeros_like(x) > 0, 1 / x, 0.0)),
    "guard by multiplication": lambda x: xp.sum((x > 0) * xp.sqrt(xp.where(x > 0, x, 1.0))),
    "comparison of a derivative": lambda x: xp.sum(
        xp.where(engine.grad(lambda t: xp.sum(xp.where(t > 0, xp.log(t), 0.0)))(x) >= 0, x, -x)
    ),
    "NaN of a derivative masked": lambda x: xp.sum(
        xp.where(xp.isnan(engine.grad(lambda t: xp.sum(xp.sqrt(t) * 0))(x)), 1.0, x)
    ),
    "x log x": lambda x: xp.sum(x * xp.log(x)),
    "xlogy": lambda x: xp.sum(xp.xlogy(x, x)),
    "entr": lambda x: xp.sum(xp.entr(x)),
    "x to the x": lambda x: xp.sum(x**x),
    "zero to the zero": lambda x: xp.sum(x**0.0) + xp.sum(0.0 ** (x * x)),
    "square root by power": lambda x: xp.sum(x**0.5),
    "powers": lambda x: xp.sum(x**-1 + x**3 + x**4 - x**1 + x**-2.5),
    "largest": lambda x: xp.max(x) + xp.min(x) * 2,
    "largest of pairs": lambda x: xp.sum(xp.maximum(x, xp.flip(x, axis=0)) * 2),
    "at a bound": lambda x: xp.sum(xp.clip(x, 0.0, 1.0) ** 2 + xp.maximum(x, 0.0)),
    "log of a sum of exponentials": lambda x: xp.logsumexp(x),
    "the same by hand": lambda x: xp.log(xp.sum(xp.exp(x - xp.max(x)))) + xp.max(x),
    "softmax by hand": lambda x: xp.vecdot(
        ramp(x.shape, x.dtype), xp.exp(x - xp.max(x)) / xp.sum(xp.exp(x - xp.max(x)))
    ),
    "logaddexp": lambda x: xp.sum(xp.logaddexp(x, -x)),
    "difference of itself": lambda x: xp.sum(x - x) + xp.sum(x * x - x * x),
    "quotient of itself": lambda x: xp.sum(x / x),
    "nothing of it": lambda x: xp.sum(x * 0.0) + xp.sum(0 * xp.exp(x)),
    "signs of zero": lambda x: xp.sum(1 / (x + 0.0)) + xp.sum(1 / (0.0 - x)) + xp.sum(1 / -x),
    "signs of constants": lambda x: xp.sum(xp.copysign(x[:2], np.array([0.0, -0.0])) / np.array([0.0, -0.0])),
    "absolute value": lambda x: xp.sum(xp.abs(x) * xp.sign(x)),
    "distance": lambda x: xp.sqrt(xp.sum(x * x)) + xp.linalg.vector_norm(x),
    "stopped": lambda x: xp.sum(xp.stop_gradient(x) * xp.log(x)) + xp.sum(xp.stop_gradient(1 / x) * x * x),
    "infinite factor": lambda x: xp.sum(x * INF) + xp.sum(x * xp.exp(xp.max(x) * 1e3)),
    "scaled twice": lambda x: 1e200 * (1e200 * xp.sum(x)) + xp.sum(1e-200 * (1e-200 * x)),
    "divided before the sum": lambda x: xp.sum(x / 4 + x / 5e-324 + x / 2.0**1023),
    "prod": lambda x: xp.prod(x) + xp.sum(xp.cumulative_prod(x, axis=0)),
    "variance": lambda x: xp.std(x) + xp.var(x),
    "remainder": lambda x: xp.sum(xp.remainder(x, 0.75) + xp.floor(x) * x),
}
PLACES = {
    "ordinary": [0.5, 1.5, 0.25],
    "zeros": [0.0, 1.0, -0.0],
    "all zero": [0.0, 0.0, 0.0],
    "negative": [-1.0, -2.5, 0.5],
    "ties": [1.0, 1.0, 0.5],
    "NaN": [NAN, 1.0, 0.0],
    "infinite": [INF, 1.0, 2.0],
    "minus infinity": [-INF, 1.0, 0.0],
    "both infinities": [INF, -INF, 3.0],
    "all minus infinity": [-INF, -INF, -INF],
    "huge": [1e300, -1e300, 1.0],
    "tiny": [1e-310, 5e-324, 1e-160],
    "overflowing": [800.0, -800.0, 90.0],
}


# A quotient x / x that the chain rule makes is 1 in a plan; the eager engine multiplies by 1 / x, which
# overflows or is NaN at these places. What plans answer there is tested against the limit instead.
CANCELLED = {"x log x", "xlogy", "cancelling behind a guard", "quotient of itself"}
WITHOUT_QUOTIENTS = {
    *("zeros", "all zero", "tiny", "infinite", "minus infinity", "both infinities", "all minus infinity")
}
# Here the value is NaN, infinity less infinity; the eager engine has tangents that are 0 or 1 all the same.
BY_HAND = {"the same by hand", "softmax by hand"}


def delicate(places: Iterable[str]) -> list[tuple[str, str]]:
    return [
        (name, place)
        for name in DELICATE
        for place in places
        if not (name in CANCELLED and place in WITHOUT_QUOTIENTS)
        and not (name in BY_HAND and place in ("infinite", "both infinities"))
    ]


@pytest.mark.parametrize(("name", "place"), delicate(PLACES))
def test_delicate_places_answer_as_the_eager_engine(name, place):
    f, x = DELICATE[name], np.array(PLACES[place])
    for transform in ("value_and_grad", "hvp", "jvp"):
        same(of_one(f)[transform], x, others=(np.array([0.5, 1.5, 0.25]),))


@pytest.mark.parametrize("x", [0.5, 1.0, 3.0, 1e-310, 5e-324, 1e200, 1e308, 0.0, INF])
@pytest.mark.parametrize("f", [lambda x: x * xp.log(x), lambda x: xp.xlogy(x, x), lambda x: -xp.entr(x)])
def test_cancelled_factors_have_the_value_of_the_limit(f, x):
    x = np.array([x, 2.0])
    with np.errstate(all="ignore"):
        slope = engine.compile(engine.grad(lambda x: xp.sum(f(x))))(x)
        change = engine.compile(lambda x: engine.jvp(f, (x,), (np.array([1.0, 3.0]),))[1])(x)
        curvature = engine.compile(
            lambda x: engine.hvp(lambda x: xp.sum(f(x)), (x,), (np.array([1.0, 3.0]),))
        )(x)
        np.testing.assert_allclose(slope, np.log(x) + 1, rtol=1e-15)
        np.testing.assert_allclose(change, (np.log(x) + 1) * np.array([1.0, 3.0]), rtol=1e-15)
        if x[0] == 0 or np.isfinite(1 / x[0]):
            np.testing.assert_allclose(curvature[0], np.array([1.0, 3.0]) / x, rtol=1e-15)


@pytest.mark.parametrize(
    ("name", "place"), delicate(["zeros", "ties", "NaN", "infinite", "minus infinity", "overflowing"])
)
def test_delicate_places_answer_as_the_eager_engine_in_single_precision(name, place):
    x = np.array(PLACES[place], "f")
    same(of_one(DELICATE[name])["value_and_grad"], x, others=(np.array([0.5, 1.5, 0.25], "f"),))


@pytest.mark.usefixtures("small_blocks")
@pytest.mark.parametrize(("name", "place"), delicate(PLACES))
def test_delicate_places_in_blocks(name, place):
    x = np.concatenate([np.array(PLACES[place]), [0.5, 2.0, -1.0, 0.75]])
    same(of_one(DELICATE[name])["value_and_grad"], x)


NUMBERS = {
    "log": lambda x: xp.log(x) * 2,
    "reciprocal": lambda x: 1 / x + 1,
    "quotient": lambda x: x / (x - 1),
    "root": lambda x: xp.sqrt(x) + x**0.5,
    "power": lambda x: x**x + x**-1.5,
    "base": lambda x: (-2.0) ** x + 0.0**x,
    "x log x": lambda x: x * xp.log(x),
    "exp": lambda x: xp.exp(x * 1000) - xp.exp(-x * 1000),
    "guarded root": lambda x: xp.where(x > 0, xp.sqrt(x), 0.0),
    "guarded logarithm": lambda x: xp.where(x > 0, x * xp.log(x), -x),
    "nothing of it": lambda x: (x * x) * 0.0,
    "largest": lambda x: xp.maximum(x, 0.0) + xp.minimum(x, 1.0) + xp.abs(x),
    "inverse sine": lambda x: xp.asin(x) + xp.acosh(x),
    "tangent": lambda x: xp.tanh(x) / xp.sinh(x),
    "scaled twice": lambda x: 1e200 * (1e200 * x) + (1e-200 * x) * x,
    "huge integer": lambda x: x * 10**30 + x / 3**50,
    "gamma": lambda x: xp.gammaln(x) + xp.gamma(x),
    "round": lambda x: xp.floor(x) * x + xp.round(x),
}


PLACES_OF_NUMBERS = (0.5, 0.0, -0.0, 1.0, -1.0, -2.5, 2.0, 700.0, 1e-310, 1e200, 1e308, INF, -INF, NAN)
OVERFLOWS_IN_EAGER = {  # the second derivative of log x is -1 / x^2 there, and 1 / x is infinite at 1e-310
    *((name, x) for name in ("x log x", "guarded logarithm") for x in (1e-310, 1e200, 1e308, INF)),
    ("tangent", 700.0),
    ("gamma", INF),  # infinities of both signs: what their sum is depends on the order
    ("base", -INF),
}


@pytest.mark.parametrize(
    ("name", "x"),
    [(name, x) for name in NUMBERS for x in PLACES_OF_NUMBERS if (name, x) not in OVERFLOWS_IN_EAGER],
)
def test_numbers_at_delicate_places_answer_as_the_eager_engine(name, x):
    f = NUMBERS[name]
    for transform in ("value_and_grad", "jvp", "hessian"):  # the function alone is Python's, which may raise
        same(of_one(f)[transform], x, others=(0.5,))


def outcome(f: Callable[..., Any], x: Any) -> Any:
    """What a call gives: a value or the type of an exception."""
    try:
        return f(x)
    except ArithmeticError as error:
        return type(error)


@pytest.mark.parametrize("x", PLACES_OF_NUMBERS, ids=str)
@pytest.mark.parametrize("name", NUMBERS)
def test_a_plan_of_numbers_raises_what_python_raises(name, x):
    f = NUMBERS[name]
    plan = engine.compile(f)
    with np.errstate(all="ignore"):
        plan(0.5)
        expected, answer = outcome(f, x), outcome(plan, x)
    if isinstance(expected, type):
        assert answer is expected
    else:
        assert difference(answer, expected) == "", plan.source


@pytest.mark.parametrize("s", [0.0, -1.0, 1000.0, INF, NAN, 0.5])
def test_numbers_beside_arrays_may_overflow_or_divide_by_zero(s):
    for f in (
        lambda x, s: xp.sum(x) * xp.log(s),
        lambda x, s: xp.sum(x * xp.exp(s)) / s,
        lambda x, s: xp.sum(x / s) + s**-0.5,
        lambda x, s: xp.sum(xp.where(x > 1, s**0.5, x)) * xp.sqrt(s),
    ):
        same(engine.value_and_grad(f, (0, 1)), VECTOR, s, others=(VECTOR + 1, 2.0))


# The whole catalogue.

INSTANCES = [
    instance
    for _, instance in Plan.of(backends=["engine"], dtypes=["float64"], rounds=0).instances()
    if not instance.problem.refuses
]
BRANCHES_ON_DATA: set[str] = set()  # problems that engine.compile must refuse


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("name", sorted({instance.problem.name for instance in INSTANCES}))
def test_problem_of_the_catalogue_answers_as_the_eager_engine(name, dtype):
    for instance in (one for one in INSTANCES if one.problem.name == name):
        arrays = instance.cast(dtype)
        f, xs = instance.bind(xp, arrays), [np.asarray(arrays[x]) for x in instance.problem.wrt]
        if name in BRANCHES_ON_DATA:
            with pytest.raises(NotTraceable):
                engine.compile(f)(*xs)
            continue
        for operator, question in questions(instance, f, dtype).items():
            plan = engine.compile(question)
            with np.errstate(all="ignore"):
                eager, planned = question(*xs), plan(*xs)
            found = difference(planned, eager) and beyond_rounding(instance, operator, dtype, planned, eager)
            assert not found, f"{instance.point.label}, {operator}: {found}\n{plan.source}"


def questions(instance: Any, f: Any, dtype: str) -> dict[str, Callable[..., Any]]:
    """What the catalogue asks of a function."""
    tangents = [v.astype(dtype) for v in instance.seeds["tangent"]]
    cotangent = instance.seeds["cotangent"][0].astype(dtype)
    every = tuple(range(len(tangents)))
    asked = {
        "value": f,
        "vjp": lambda *xs: engine.vjp(f, *xs)[1](cotangent),
        "jvp": lambda *xs: engine.jvp(f, xs, tangents)[1],
        "jacobian": engine.jacobian(f, every),
    }
    if instance.layout.output == ():
        asked["gradient"] = engine.grad(f, every)
        asked["hvp"] = lambda *xs: engine.hvp(f, xs, tangents)
        del asked["jacobian"]
    return asked


def beyond_rounding(instance: Any, operator: str, dtype: str, plan: Any, eager: Any) -> str:
    """What differs by more than the roundings of the program may change: cancellation enlarges them."""
    plan, eager = flat(plan), flat(eager)
    if plan.dtype != eager.dtype or not np.array_equal(np.isfinite(plan), np.isfinite(eager)):
        return f"{plan} and {eager}"
    truth = Certifier(instance, dtype).truth(operator, instance.seeds)
    allowed = np.array([2 * ULPS_OF_A_FUNCTION[dtype] * entry.bound for entry in truth.entries])
    with np.errstate(all="ignore"):
        far = (np.abs(plan - eager) > allowed) & np.isfinite(eager)
    return f"{plan} and {eager}, allowed {allowed}" if far.any() else ""


def flat(parts: Any) -> np.ndarray:
    """All entries of an answer, which may be a tuple, in order."""
    return np.concatenate([np.ravel(part) for part in (parts if isinstance(parts, tuple) else (parts,))])


# What a plan is made for.


def counted(f: Callable[..., Any]) -> tuple[Callable[..., Any], list[Any]]:
    """A function, and the list that grows by the kinds of its arguments whenever it is called."""
    calls: list[Any] = []

    def called(*args: Any) -> Any:
        calls.append(tuple(map(type, args)))
        return f(*args)

    return called, calls


def test_a_function_runs_once_for_each_kind_of_arguments():
    f, calls = counted(lambda x: xp.sum(xp.sin(x) * x))
    plan = engine.compile(engine.grad(f))
    kinds = [
        3.0,
        np.float64(3.0),
        np.float32(3.0),
        VECTOR,
        VECTOR.astype("f"),
        MATRIX,
        MATRIX[:1],
        VECTOR[:0],
    ]
    for round_ in range(3):
        for x in kinds:
            assert difference(plan(x), engine.grad(lambda x: xp.sum(xp.sin(x) * x))(x)) == ""
        assert len(calls) == len(kinds), round_
    sources = set()
    for x in kinds:
        plan = engine.compile(engine.grad(f))
        plan(x)
        sources.add(plan.source)
    assert len(sources) == len(kinds)


def test_containers_of_other_shapes_have_other_plans():
    plan = engine.compile(engine.grad(lambda d: sum(xp.sum(x * x) for x in d)))
    for d in (
        [VECTOR],
        [VECTOR, MATRIX],
        (VECTOR, MATRIX),
        [VECTOR],
        [MATRIX],
        (VECTOR,),
        [1.0],
        [[]][:0],
        [2.0, VECTOR],
    ):
        if d:
            assert difference(plan(d), engine.grad(lambda d: sum(xp.sum(x * x) for x in d))(d)) == ""


def test_keys_in_another_order_are_not_mixed_up():
    f = lambda d: xp.sum(d["a"] - 2 * d["b"])  # noqa: E731
    plan = engine.compile(f)
    for d in ({"a": VECTOR, "b": 2 * VECTOR}, {"b": 2 * VECTOR, "a": VECTOR}):
        assert difference(plan(d), f(d)) == ""
    assert list(engine.compile(engine.grad(f))({"b": VECTOR, "a": VECTOR})) == list(
        engine.grad(f)({"b": VECTOR, "a": VECTOR})
    )


def test_plans_that_are_not_used_make_way_for_others(monkeypatch):
    monkeypatch.setattr(compiled, "MOST_PLANS", 3)
    f, calls = counted(lambda x: x * 2)
    plan = engine.compile(f)
    for size in range(1, 6):
        np.testing.assert_array_equal(plan(np.ones(size)), np.full(size, 2.0))
    assert len(calls) == 5
    np.testing.assert_array_equal(plan(np.ones(5)), np.full(5, 2.0))
    assert len(calls) == 5
    np.testing.assert_array_equal(plan(np.ones(2)), np.full(2, 2.0))
    assert len(calls) == 6


def test_there_are_at_most_so_many_plans():
    plan = engine.compile(lambda x, n: x * n)
    kept = plan.__globals__["miss"].__self__.known
    for n in range(compiled.MOST_PLANS + 8):
        assert plan(2.0, n) == 2.0 * n
    assert len(kept) == compiled.MOST_PLANS
    assert plan(2.0, 0) == 0.0


def test_source_is_python_and_reads_as_a_function():
    plan = engine.compile(engine.value_and_grad(lambda w, x: xp.sum(xp.tanh(w @ x))))
    assert plan.source == ""
    plan(MATRIX, VECTOR)
    compile(plan.source, "<plan>", "exec")
    first, *rest = plan.source.splitlines()
    assert first.startswith("def plan(")
    assert any("tanh" in line for line in rest)
    assert all(len(line.strip()) < 400 for line in rest)


def test_a_plan_keeps_the_name_and_the_text_of_its_function():
    def loss(x):
        """How far."""
        return x * x

    plan = engine.compile(loss)
    assert plan(3.0) == 9.0
    assert plan.__name__ == "loss"
    assert plan.__doc__ == "How far."


def test_wrong_number_of_arguments():
    plan = engine.compile(lambda x, y: x * y)
    for _ in range(2):
        for wrong in ((), (2.0,), (2.0, 3.0, 4.0)):
            with pytest.raises(TypeError, match="positional argument"):
                plan(*wrong)
        assert plan(2.0, 3.0) == 6.0


def test_arguments_may_be_left_out_where_the_function_has_defaults():
    f = lambda x, y=3.0, *more: x * y + sum(more)  # noqa: E731
    plan = engine.compile(f)
    for args in ((2.0,), (2.0, 4.0), (2.0, 4.0, 1.0), (2.0,), (VECTOR,), (VECTOR, 2.0, 1.0)):
        assert difference(plan(*args), f(*args)) == ""


def test_keyword_arguments_are_refused():
    plan = engine.compile(lambda x, y: x * y)
    for _ in range(2):
        with pytest.raises(TypeError, match="keyword"):
            plan(2.0, y=3.0)
        assert plan(2.0, 3.0) == 6.0


def test_derivatives_of_a_compiled_function():
    f = lambda x: xp.sum(xp.sin(x) * x)  # noqa: E731
    plan = engine.compile(f)
    for _ in range(2):
        assert difference(engine.grad(plan)(VECTOR), engine.grad(f)(VECTOR)) == ""
        assert difference(engine.hessian(plan)(VECTOR), engine.hessian(f)(VECTOR)) == ""
        assert (
            difference(engine.grad(engine.compile(engine.grad(plan)))(2.0), engine.grad(engine.grad(f))(2.0))
            == ""
        )
        assert difference(plan(VECTOR), f(VECTOR)) == ""
    nested = engine.compile(engine.grad(lambda d: f(d["x"]) * d["s"]))
    inner = engine.jacobian(lambda s: nested({"x": VECTOR, "s": s})["x"])
    assert difference(inner(2.0), engine.grad(f)(VECTOR)) == ""


def test_a_plan_of_a_plan():
    f = lambda x: xp.sum(xp.sin(x) * x)  # noqa: E731
    same(engine.compile(engine.compile(f)), VECTOR)
    same(engine.compile(engine.grad(engine.compile(f))), VECTOR)
    inner = engine.compile(f)
    same(lambda x: inner(x) * inner(2 * x) + inner(VECTOR), VECTOR)
    assert difference(inner(VECTOR), f(VECTOR)) == ""


def test_compiling_inside_a_derivative_by_something_around_it():
    def outer(a):
        inner = engine.compile(lambda x: a * x * x)
        return inner(3.0) + inner(4.0)

    for _ in range(2):
        try:
            slope = engine.grad(outer)(2.0)
        except NotTraceable:
            continue  # refused is right too; a wrong number is not
        assert slope == 25.0


def test_a_compiled_function_that_sees_a_traced_value_of_an_earlier_call_is_not_wrong():
    seen: dict[str, Any] = {}
    inner = engine.compile(lambda x: x * x * seen["a"])

    def outer(a):
        seen["a"] = a
        return inner(3.0)

    for a in (2.0, 5.0):
        try:
            slope = engine.grad(outer)(a)
        except NotTraceable:
            continue
        assert slope == 9.0


def test_a_function_that_calls_its_own_plan():
    def power(x, n):
        return x * 1.0 if n == 0 else x * plan(x, n - 1) + plan(np.ones(2), n - 1)

    plan = engine.compile(power)
    done: list[Any] = []
    thread = threading.Thread(target=lambda: done.append(plan(np.array([1.0, 2.0]), 3)), daemon=True)
    thread.start()
    thread.join(20)
    assert done, "a plan waits for itself"
    plain = lambda x, n: x * 1.0 if n == 0 else x * plain(x, n - 1) + plain(np.ones(2), n - 1)  # noqa: E731
    np.testing.assert_array_equal(done[0], plain(np.array([1.0, 2.0]), 3))


def test_an_exception_inside_the_function_leaves_nothing_behind():
    fails = True

    def f(x):
        y = xp.sin(x) * 2
        if fails:
            raise KeyError("not yet")
        return xp.sum(y * y)

    plan = engine.compile(engine.grad(f))
    for _ in range(2):
        with pytest.raises(KeyError, match="not yet"):
            plan(VECTOR)
    fails = False
    assert difference(plan(VECTOR), engine.grad(f)(VECTOR)) == ""
    assert plan.source != ""


@pytest.mark.parametrize("size", [3, 70_000])
def test_an_exception_in_a_call_leaves_the_next_call_right(size):
    f = lambda x: xp.sum(xp.tanh(xp.log(x)) * xp.log(x) + xp.sin(x) * xp.flip(xp.cos(x), axis=0))  # noqa: E731
    plan = engine.compile(engine.value_and_grad(f))
    good, bad = np.linspace(0.5, 2.0, size), np.linspace(-1.0, 1.0, size)
    first = plan(good)
    for _ in range(3):
        with np.errstate(all="raise"), pytest.raises(FloatingPointError):
            plan(bad)
        assert difference(plan(good), first) == ""
    assert difference(first, engine.value_and_grad(f)(good)) == ""


def test_a_call_warns_as_the_eager_engine_does():
    plan = engine.compile(lambda x: xp.log(x))
    plan(np.array([1.0, 2.0]))
    with pytest.warns(RuntimeWarning, match="divide by zero"):
        plan(np.array([0.0, 2.0]))


def test_making_a_plan_does_not_warn_of_itself():
    plan = engine.compile(lambda x: xp.where(x > 0, x * 2, -x))
    assert difference(plan(np.array([0.0, 2.0])), np.array([-0.0, 4.0])) == ""


def in_threads(tasks: list[Callable[[], None]]) -> list[BaseException]:
    """Run tasks at the same moment, with switches as often as Python allows; what they raised."""
    import sys

    raised: list[BaseException] = []
    barrier = threading.Barrier(len(tasks))

    def run(task: Callable[[], None]) -> None:
        barrier.wait()
        try:
            task()
        except BaseException as error:
            raised.append(error)

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        threads = [threading.Thread(target=run, args=(task,)) for task in tasks]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(interval)
    return raised


@pytest.mark.parametrize("size", [50, 70_000])
def test_threads_that_call_one_plan_get_their_own_answers(size):
    f = lambda x: xp.sum(xp.tanh(x) * xp.flip(xp.sin(x) * x, axis=0) + xp.where(x > 0.5, xp.exp(x), x))  # noqa: E731
    question = engine.value_and_grad(f)
    plan = engine.compile(question)
    inputs = [np.linspace(0.0, 1.0 + at / 8, size) for at in range(8)]
    expected = [question(x) for x in inputs]

    def task(x: Any, answer: Any) -> Callable[[], None]:
        def ask() -> None:
            for _ in range(200 if size < 1000 else 4):
                assert difference(plan(x), answer) == ""

        return ask

    assert in_threads([task(x, y) for x, y in zip(inputs, expected, strict=True)]) == []


def test_threads_that_make_plans_at_the_same_moment_get_right_answers():
    question = engine.value_and_grad(lambda x: xp.sum(xp.sin(x) * x) / (1 + xp.sum(x * x)))
    for _ in range(5):
        plan = engine.compile(question)

        def task(at: int, plan: Any = plan) -> Callable[[], None]:
            def ask() -> None:
                for size in range(1, 12):
                    x = np.linspace(0.5, 2.0 + at, 1 + (size + at) % 11)
                    assert difference(plan(x), question(x)) == ""

            return ask

        assert in_threads([task(at) for at in range(8)]) == []


def test_threads_that_push_each_other_s_plans_out_get_right_answers(monkeypatch):
    monkeypatch.setattr(compiled, "MOST_PLANS", 2)
    plan = engine.compile(lambda x: xp.sin(x) * x)

    def task(at: int) -> Callable[[], None]:
        def ask() -> None:
            for _ in range(40):
                x = np.linspace(0.5, 2.0, 1 + at)
                assert difference(plan(x), np.sin(x) * x) == ""

        return ask

    assert in_threads([task(at) for at in range(8)]) == []


# What is refused, and how.


@pytest.mark.parametrize(
    ("f", "text"),
    [
        (
            lambda x: x if x[0] > 0 else -x,
            "engine.compile cannot branch on the data of a traced array; write both ",
        ),
        (
            lambda x: x * 2 if xp.any(x > 0) else x,
            "write both branches with xp.where, or call the function without",
        ),
        (
            lambda x: x * (1 if not xp.sum(x) else 2),
            "engine.compile cannot branch on the data of a traced array",
        ),
        (
            lambda x: [1, 2, 3][xp.argmax(x)] * x,
            "engine.compile cannot take an index from the data of a traced array",
        ),
        (
            lambda x: sum(x for _ in range(xp.argmax(x))),
            "engine.compile cannot take an index from the data of",
        ),
        (lambda x: float(x[0]) * x, "float() would cut the derivative of a traced array"),
        (lambda x: int(x[0]) * x, "int() would cut the derivative of a traced array"),
        (lambda x: x[0].item() * x, "item() would cut the derivative of a traced array"),
        (lambda x: np.asarray(x) * 2, "a NumPy array cannot hold a traced array"),
    ],
)
def test_what_cannot_be_followed_is_refused(f, text):
    plan = engine.compile(f)
    for _ in range(2):
        with pytest.raises(NotTraceable) as raised:
            plan(VECTOR)
        assert text in str(raised.value)
    assert plan.source == ""


def test_branches_on_a_number_are_refused_too():
    with pytest.raises(
        NotTraceable, match="cannot branch on the data of a traced array; write both branches"
    ):
        engine.compile(engine.grad(lambda x: x * x if x > 0 else -x))(2.0)
    assert engine.grad(lambda x: x * x if x > 0 else -x)(2.0) == 4.0


def test_branches_on_what_is_no_data_are_followed():
    f = lambda x, mode: x * 2 if mode == "double" and x.shape[0] > 1 else -x  # noqa: E731
    plan = engine.compile(f)
    for x, mode in ((VECTOR, "double"), (VECTOR, "minus"), (VECTOR[:1], "double"), (VECTOR, "double")):
        assert difference(plan(x, mode), f(x, mode)) == ""


def test_assignment_is_refused():
    def f(x):
        x[0] = 1.0
        return x

    with pytest.raises(NotTraceable, match="cannot assign into a traced array"):
        engine.compile(f)(VECTOR.copy())

    def g(x):
        x += 1.0
        return x

    x = VECTOR.copy()
    np.testing.assert_array_equal(engine.compile(g)(x), VECTOR + 1)
    np.testing.assert_array_equal(x, VECTOR)


def test_arguments_of_which_no_kind_can_be_told_are_refused():
    plan = engine.compile(lambda x, y: x)
    for wrong in ({1, 2}, bytearray(b"a"), np.array(["a"])):
        with pytest.raises(BadArgument, match=r"engine.compile: expected arrays, numbers, hashable values"):
            plan(2.0, wrong)
    assert plan(2.0, 3.0) == 2.0


def test_a_function_without_rule_is_named():
    with pytest.raises(NoRule, match="no derivative rule for 'sine'"):
        engine.compile(lambda x: xp.sine(x))(VECTOR)


def test_a_gradient_of_what_is_no_scalar_is_refused_by_the_plan_as_well():
    with pytest.raises(BadArgument, match="grad: expected a function with a scalar output"):
        engine.compile(engine.grad(lambda x: x * 2))(VECTOR)


# Simplification.


def statements(plan: Callable[..., Any], word: str = "") -> list[str]:
    """The statements of a plan's newest source that contain a word: work, not unpacking and guards."""
    lines = [line.strip() for line in plan.source.splitlines()[1:]]
    skipped = ("if ", "return", "try", "except", "arena", "(b", "pool", "pass", "for ", "    ")
    return [line for line in lines if not line.startswith(skipped) and _calls(line, word)]


def _calls(line: str, word: str) -> bool:
    names = [name.strip("_") for name in _words(line)]
    return not word or word in names or f"np_{word}" in names


def _words(line: str) -> list[str]:
    return "".join(char if char.isalnum() or char == "_" else " " for char in line).split()


def program(f: Callable[..., Any], *args: Any) -> list[Any]:
    """The operations of the program that a plan for these arguments is written from."""
    data = [value for at, x in enumerate(args) for _, value in leaves(x, f"x{at}")]
    return compiled._program(f, args, data)[0].ops


def operations(f: Callable[..., Any], *args: Any) -> Counter[str]:
    """How often each operation is done."""
    return Counter(op.name for op in program(f, *args))


def made(f: Callable[..., Any], *args: Any) -> Callable[..., Any]:
    return same(f, *args)


def test_common_subexpressions_are_computed_once():
    f = lambda x: xp.sum(xp.sin(x * 2) * xp.cos(x)) + xp.sum(xp.sin(2 * x)) * xp.sum(xp.sin(x * 2))  # noqa: E731
    plan = made(f, VECTOR)
    assert len(statements(plan, "sin")) == 1
    assert len(statements(plan, "cos")) == 1


def test_dead_code_is_gone():
    def f(x: Any) -> Any:
        xp.exp(xp.tanh(x))
        return xp.sum(xp.sin(x) * xp.stop_gradient(xp.cos(x)))

    plan = made(engine.grad(f), VECTOR)
    assert not statements(plan, "tanh")
    assert not statements(plan, "exp")
    assert not statements(plan, "sin")
    plan = made(lambda x: (x * 3, xp.exp(x))[0], VECTOR)
    assert len(statements(plan)) == 1


@pytest.mark.parametrize(
    "f",
    [
        lambda x: x * 1,
        lambda x: 1.0 * x,
        lambda x: x / 1,
        lambda x: xp.negative(-x),
        lambda x: x - 0.0,
        lambda x: x**1,
        lambda x: xp.reshape(xp.reshape(x, (-1,)), (2, 3)),
        lambda x: x.T.T,
        lambda x: xp.broadcast_to(x, (2, 3)),
        lambda x: xp.where(True, x, -x),
        lambda x: (x * 2) * 0.5,
    ],
)
def test_nothing_is_done_for_what_changes_nothing(f):
    plan = made(lambda x: xp.sin(f(x)), MATRIX)
    assert len(statements(plan)) == 1, plan.source


def test_constants_are_computed_beforehand():
    plan = made(lambda x: x * xp.exp(xp.asarray(VECTOR)) * (2.0 * 3.0), VECTOR)
    assert not statements(plan, "exp")


def test_transposes_reshapes_and_slices_are_views():
    plan = made(lambda x: (xp.sin(x.T), xp.cos(xp.reshape(x, (3, 2))), xp.tan(x[:, 1:])), MATRIX)
    for name in ("sin", "cos", "tan"):
        assert len(statements(plan, name)) == 1
    x = np.ones((1000, 1000))
    plan = engine.compile(lambda x: xp.sum(xp.permute_dims(x, (1, 0))[0]) + xp.sum(xp.reshape(x, (-1,))[:5]))
    plan(x)
    assert peak(lambda: plan(x)) < x.nbytes / 10


def test_the_gradient_of_entropy_has_one_logarithm_and_no_division():
    p = np.array([0.25, 0.5, 0.125, 0.125])
    plan = made(engine.grad(lambda p: -xp.sum(p * xp.log(p))), p)
    assert len(statements(plan, "log")) == 1
    assert not statements(plan, "divide")
    assert "/" not in "".join(statements(plan))


def test_a_network_of_two_layers_has_five_matrix_products():
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=(16, 8)), rng.normal(size=(16, 4))
    layers = {
        "w1": rng.normal(size=(8, 32)),
        "b1": np.zeros(32),
        "w2": rng.normal(size=(32, 4)),
        "b2": np.zeros(4),
    }

    def loss(layers: Any) -> Any:
        hidden = xp.tanh(x @ layers["w1"] + layers["b1"])
        return xp.mean((hidden @ layers["w2"] + layers["b2"] - y) ** 2)

    plan = made(engine.value_and_grad(loss), layers)
    products = [op for op in program(engine.value_and_grad(loss), layers) if op.name in ("matmul", "product")]
    assert sum(all(len(x.shape) == 2 for x in op.inputs) for op in products) == 5, plan.source


def test_log_sum_exp_by_hand_has_one_exponential_and_asks_for_no_winners():
    def f(x: Any) -> Any:
        top = xp.max(x)
        return top + xp.log(xp.sum(xp.exp(x - top)))

    plan = made(engine.value_and_grad(f), np.array([0.5, -1.0, 2.0, 0.25]))
    assert len(statements(plan, "exp")) == 1
    counts = operations(engine.value_and_grad(f), np.array([0.5, -1.0, 2.0, 0.25]))
    assert (counts["exp"], counts["max"], counts["log"], counts["winners"]) == (1, 1, 1, 0)


def test_a_derivative_shares_the_values_of_its_function():
    plan = made(engine.value_and_grad(lambda x: xp.sum(xp.exp(x * x) + xp.sqrt(x))), VECTOR)
    assert len(statements(plan, "exp")) == 1
    assert len(statements(plan, "sqrt")) == 1


def test_a_hyperbolic_tangent_costs_itself_and_one_exponential():
    plan = made(engine.value_and_grad(lambda x: xp.sum(xp.tanh(x))), VECTOR)
    assert len(statements(plan, "tanh")) == 1
    assert len(statements(plan, "exp")) == 1


def test_a_recurrence_of_numbers_is_plain_arithmetic():
    def f(x: Any) -> Any:
        for _ in range(20):
            x = x - 0.1 * x * x
        return x

    plan = made(engine.value_and_grad(f), 0.5)
    assert "np" not in _words("\n".join(statements(plan)))
    assert all("(" not in line for line in statements(plan))


# Memory.


def peak(run: Callable[[], Any]) -> int:
    """The most bytes that a call holds at one moment beyond what was held before."""
    gc.collect()
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        run()
        return tracemalloc.get_traced_memory()[1] - before
    finally:
        tracemalloc.stop()


def chain_of_twenty(x: Any) -> Any:
    for _ in range(5):
        x = xp.sin(x) * 0.5 + xp.cos(x)
    return x


def test_a_long_chain_in_blocks_holds_few_arrays():
    x = np.linspace(0.0, 1.0, 1_000_000)
    plan = engine.compile(chain_of_twenty)
    plan(x[::-1].copy())
    assert peak(lambda: plan(x)) < 2 * x.nbytes
    fresh = engine.compile(lambda x: xp.sum(chain_of_twenty(x)))
    fresh(x)
    assert peak(lambda: fresh(x)) < x.nbytes


def test_the_gradient_of_a_long_chain_holds_fewer_arrays_than_the_tape():
    x = np.linspace(0.0, 1.0, 1_000_000)
    slope = engine.grad(lambda x: xp.sum(chain_of_twenty(x)))
    plan = engine.compile(slope)
    plan(x)
    assert peak(lambda: plan(x)) < 4 * x.nbytes
    assert peak(lambda: slope(x)) > 8 * x.nbytes


def test_the_reverse_pass_frees_what_it_has_passed():
    x = np.ones(200_000)

    def chain(length: int) -> Callable[[Any], Any]:
        def f(x: Any) -> Any:
            for _ in range(length):
                x = xp.sin(x)
            return xp.sum(x)

        return f

    held = peak(lambda: chain(40)(x))
    assert held < 4 * x.nbytes
    recorded = 40 * x.nbytes  # the tape holds every value; a cotangent for each of them would double that
    assert peak(lambda: engine.grad(chain(40))(x)) < recorded + 8 * x.nbytes
    _, pullback = engine.vjp(chain(40), x)
    assert peak(lambda: pullback(1.0)) < 8 * x.nbytes


def test_a_gradient_frees_the_tape_while_it_walks_back():
    x = np.ones(200_000)
    held: list[int] = []

    def noted(y: Any, x: Any) -> float:
        held.append(tracemalloc.get_traced_memory()[0])
        return 1.0

    first = elementwise("first", np.positive, noted)

    def f(x: Any) -> Any:
        x = first(x)
        for _ in range(40):
            x = xp.sin(x)
        return xp.sum(x)

    peak(lambda: engine.grad(f)(x))
    peak(lambda: engine.vjp(f, x)[1](1.0))
    by_gradient, by_pullback = held
    assert by_gradient < 8 * x.nbytes
    assert by_pullback > 38 * x.nbytes  # a pullback may be called again


def test_buffers_do_not_grow_with_the_length_of_a_program():
    x = np.ones((300, 300))
    f = lambda x: xp.sum(products(x, 30))  # noqa: E731
    plan = engine.compile(f)
    plan(x)
    assert peak(lambda: plan(x)) < 4 * x.nbytes


def products(x: Any, length: int) -> Any:
    for _ in range(length):
        x = xp.tanh(x @ x * 0.01)
    return x
