"""A thousand random programs: eager, compiled, PyTorch's and certified derivatives are the same."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

from agreement import ROUNDINGS, difference
from gradcheck import Outcome, Point, engine
from gradcheck.balls import FUNCTIONS
from gradcheck.engine.core import multiply
from gradcheck.engine.plan import algebra, blocks, source
from gradcheck.engine.rules.elementary import subtract
from gradcheck.judge.accuracy import judge
from gradcheck.namespaces import Extended
from gradcheck.problems import Instance, problem
from gradcheck.truth import Certifier
from random_programs import OPERATIONS, Program, generated
from rule_cases import EXACT

PROGRAMS = 1000
CHUNK = 50
CHUNKS = [range(start, start + CHUNK) for start in range(0, PROGRAMS, CHUNK)]

OF_ANOTHER = 16 * ROUNDINGS  # another implementation also has other elementary functions and other formulas

each_chunk = pytest.mark.parametrize("seeds", CHUNKS, ids=lambda seeds: f"{seeds[0]} to {seeds[-1]}")


def value_and_gradient(program: Program) -> Callable[..., Any]:
    every = tuple(range(len(program.inputs)))
    return engine.value_and_grad(lambda *xs: program(engine.xp, *xs), every)


def curvature(program: Program) -> Callable[..., Any]:
    """The Hessian times a direction."""
    return lambda *xs: engine.hvp(lambda *ys: program(engine.xp, *ys), xs, directions(program))


def directions(program: Program) -> list[np.ndarray]:
    rng = np.random.default_rng(program.seed)
    return [np.asarray(rng.uniform(0.5, 1.5, x.shape), program.dtype) for x in program.inputs]


def values(program: Program) -> Callable[..., Any]:
    """All parts of the output, before they are summed."""
    return lambda *xs: [part for _, part in program.parts(engine.xp, *xs)]


def compiled(question: Callable[..., Any], program: Program) -> tuple[Any, Callable[..., Any]]:
    """A plan's second answer; the first is to another question, and must not be seen in it."""
    plan = engine.compile(question)
    plan(*(x * np.asarray(0.5, x.dtype) for x in program.inputs))
    before = [x.copy() for x in program.inputs]
    answer = plan(*program.inputs)
    for x, old in zip(program.inputs, before, strict=True):
        np.testing.assert_array_equal(x, old)
    return answer, plan


def joined(answer: Any) -> np.ndarray:
    """All numbers of an answer: their rounding is measured by the largest among them."""
    if isinstance(answer, (tuple, list)):
        return np.concatenate([np.zeros(0), *map(joined, answer)])
    return np.ravel(answer).astype(float)


def disagreement(answer: Any, other: Any, dtype: str, *, roundings: float = ROUNDINGS) -> str:
    """How far two answers are apart, where that is more than so many roundings of the largest entry."""
    a, b = joined(answer), joined(other)
    if a.shape != b.shape or not np.array_equal(np.isfinite(a), np.isfinite(b)):
        return f"{a} and {b}"
    unit = np.finfo(dtype).eps * np.abs(b).max(initial=0)
    far = np.abs(a - b).max(initial=0)
    return (
        "" if far <= roundings * unit else f"{far / unit if unit else far:.3g} roundings apart: {a} and {b}"
    )


@pytest.fixture(autouse=True)
def no_warnings():
    with np.errstate(all="ignore"):
        yield


def test_programs_use_all_operations_and_all_kinds_of_values():
    programs = [generated(seed) for seed in range(PROGRAMS)]
    used = [step.name for program in programs for step in program.steps]
    assert set(used) == set(OPERATIONS)
    assert min(used.count(name) for name in OPERATIONS) >= 8
    assert max(len(program.steps) for program in programs) == 12
    assert {program.dtype for program in programs} == {"float64", "float32"}
    assert {x.ndim for program in programs for x in program.inputs} == {0, 1, 2, 3}


def test_a_seed_gives_the_same_program_again():
    assert str(generated(7)) == str(generated(7))
    assert str(generated(7)) != str(generated(8))


@each_chunk
def test_plans_answer_as_the_eager_engine(seeds):
    for program in map(generated, seeds):
        questions = [value_and_gradient(program)]
        if program.seed % 4 == 0:
            questions += [curvature(program), values(program)]
        for question in questions:
            answer, plan = compiled(question, program)
            eager = question(*program.inputs)
            assert not disagreement(answer, eager, program.dtype), f"{program}\n{plan.source}"
            assert not difference(answer, eager, numbers=False), f"{program}\n{plan.source}"


@each_chunk
def test_plans_in_small_blocks_answer_as_the_eager_engine(seeds, monkeypatch):
    monkeypatch.setattr(blocks, "LARGE", 3 + seeds[0] // CHUNK % 4)
    monkeypatch.setattr(source, "BLOCK", 5)
    for program in map(generated, seeds):
        question = value_and_gradient(program) if program.seed % 2 else values(program)
        answer, plan = compiled(question, program)
        found = disagreement(answer, question(*program.inputs), program.dtype)
        assert not found, f"{found}\n{program}\n{plan.source}"


@pytest.mark.parametrize("seed", [4520, 5055, 6790, 7170, 8015, 8103])
def test_programs_that_were_once_answered_wrongly(seed):
    program = generated(seed)
    ones = [np.ones_like(x) for x in program.inputs]  # tangents that fold into constants
    hvp = lambda *xs: engine.hvp(lambda *ys: program(engine.xp, *ys), xs, ones)  # noqa: E731
    for question in (value_and_gradient(program), values(program), hvp, curvature(program)):
        answer, plan = compiled(question, program)
        eager = question(*program.inputs)
        found = disagreement(answer, eager, program.dtype) or difference(answer, eager, numbers=False)
        assert not found, f"{found}\n{program}\n{plan.source}"


LONG_SHAPES = ((70_000,), (), (1,), (250, 300), (300,), (250, 1))
LONG_STEPS = tuple(
    name
    for name in OPERATIONS
    if name
    not in {"matmul", "times", "concat", "stack", "broadcast_to", "prod", "take", "getitem", "tril", "triu"}
)


@pytest.mark.parametrize("seed", range(2000, 2030))
def test_plans_of_long_arrays_answer_as_the_eager_engine(seed, monkeypatch):
    monkeypatch.setattr("random_programs.MOST_ENTRIES", 100_000)
    program = generated(seed, names=LONG_STEPS, most_steps=8, shapes=LONG_SHAPES)
    for question in (value_and_gradient(program), values(program)):
        answer, plan = compiled(question, program)
        found = disagreement(answer, question(*program.inputs), program.dtype)
        assert not found, f"{found}\n{program}\n{plan.source}"


@each_chunk
def test_pytorch_has_the_same_gradients(seeds):
    torch = pytest.importorskip("torch")
    xp = torch_namespace()
    for program in map(generated, seeds):
        leaves = [torch.tensor(x, requires_grad=True) for x in program.inputs]
        value = program(xp, *leaves)
        gradient = torch.autograd.grad(
            value, leaves, materialize_grads=True, create_graph=program.seed % 10 == 0
        )
        found = disagreement(
            [value.numpy(force=True), *(g.numpy(force=True) for g in gradient)],
            flattened(value_and_gradient(program)(*program.inputs)),
            program.dtype,
            roundings=OF_ANOTHER,
        )
        assert not found, f"{found}\n{program}"
        if program.seed % 10 == 0:
            slope = sum(
                (g * torch.tensor(v)).sum() for g, v in zip(gradient, directions(program), strict=True)
            )
            rows = torch.autograd.grad(slope, leaves, materialize_grads=True) if slope.requires_grad else []
            rows = [row.numpy(force=True) for row in rows] or [np.zeros_like(x) for x in program.inputs]
            found = disagreement(
                rows, curvature(program)(*program.inputs), program.dtype, roundings=OF_ANOTHER
            )
            assert not found, f"{found}\n{program}"


def flattened(answer: tuple[Any, tuple[Any, ...]]) -> list[Any]:
    return [answer[0], *answer[1]]


def torch_namespace() -> Any:
    """PyTorch as an array-API namespace; its ``amax`` shares the slope among ties, as the engine does."""
    import array_api_compat.torch
    import torch

    def extreme(name: str) -> Callable[..., Any]:
        function = getattr(torch, name)

        def reduce(x: Any, *, axis: Any = None, keepdims: bool = False) -> Any:
            axes = tuple(range(x.ndim)) if axis is None else axis
            return function(x, dim=axes, keepdim=keepdims)

        return reduce

    return Extended(array_api_compat.torch, {"max": extreme("amax"), "min": extreme("amin"), "leaks": True})


CERTIFIED = range(0, 200, 2)


@pytest.mark.parametrize("start", CERTIFIED[::10])
def test_gradients_agree_with_the_truth(start):
    for program in (generated(seed, most_steps=6) for seed in range(start, start + 20, 2)):
        answers = [
            value_and_gradient(program)(*program.inputs),
            compiled(value_and_gradient(program), program)[0],
        ]
        certifier = certified(program)
        seeds = {"tangent": [np.zeros(x.shape) for x in program.inputs], "cotangent": [np.zeros(())]}
        truth = certifier.truth("gradient", seeds)
        for _, gradient in answers:
            flat = np.concatenate([np.ravel(part) for part in gradient])
            verdict = judge(flat, None, truth, "gradient", certifier.layout, program.dtype)
            assert verdict.outcome in (Outcome.EXACT, Outcome.CONVENTION), f"{verdict}\n{program}"


def certified(program: Program) -> Certifier:
    """The truth of a program's derivatives."""
    names = ["a", "b", "c"][: len(program.inputs)]
    on_balls = Extended(np, {**FUNCTIONS, **EXACT, "asarray": np.asarray})

    def run(xp: Any, inputs: Sequence[Any]) -> Any:
        return program(on_balls if np.asarray(inputs[0]).dtype == object else engine.xp, *inputs)

    fn: dict[int, Callable[..., Any]] = {
        1: lambda xp, a: run(xp, [a]),
        2: lambda xp, a, b: run(xp, [a, b]),
        3: lambda xp, a, b, c: run(xp, [a, b, c]),
    }
    made = problem(Point(**dict(zip(names, program.inputs, strict=True))), name="program")(fn[len(names)])
    return Certifier(Instance(problem=made, point=made.points[0]), program.dtype)


# Faults that must be noticed.


def doubled(build: Any, like: Any, a: Any, b: Any) -> Any:
    """A wrong identity: c (d x) = c x."""
    if a.number is not None and b.name == "multiply" and b.inputs[0].number is not None:
        return build.pointwise(multiply, a, b.inputs[1])
    return None


def swapped(build: Any, like: Any, a: Any, b: Any) -> Any:
    """A wrong identity: a + (-b) = b - a."""
    return build.pointwise(subtract, b.inputs[0], a) if b.name == "negative" else None


def untransposed(build: Any, like: Any, a: Any, *, axes: Any) -> Any:
    """A wrong identity: transposing a square matrix changes nothing."""
    return a if a.shape == like.shape and tuple(axes) != tuple(range(len(axes))) else None


@pytest.mark.parametrize(
    ("name", "wrong"), [("multiply", doubled), ("add", swapped), ("permute_dims", untransposed)]
)
def test_a_wrong_identity_is_noticed(name, wrong, monkeypatch):
    monkeypatch.setitem(algebra.IDENTITIES, name, [wrong, *algebra.IDENTITIES.get(name, ())])
    noticed = 0
    for program in map(generated, range(100)):
        question = value_and_gradient(program)
        answer, _ = compiled(question, program)
        noticed += bool(disagreement(answer, question(*program.inputs), program.dtype))
    assert noticed


def test_a_wrong_rule_is_noticed_by_the_truth(monkeypatch):
    program = next(
        p for p in map(generated, range(200)) if any(step.name == "multiply" for step in p.steps[-1:])
    )
    truth = certified(program).truth(
        "gradient", {"tangent": [np.zeros(x.shape) for x in program.inputs], "cotangent": [np.zeros(())]}
    )
    _, gradient = value_and_gradient(program)(*program.inputs)
    flat = np.concatenate([np.ravel(part) for part in gradient])
    off = flat * (1 + 2.0**-20)
    assert (
        judge(flat, None, truth, "gradient", certified(program).layout, program.dtype).outcome
        is Outcome.EXACT
    )
    assert (
        judge(off, None, truth, "gradient", certified(program).layout, program.dtype).outcome
        is not Outcome.EXACT
    )
