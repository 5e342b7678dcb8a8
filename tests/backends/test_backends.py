"""Every backend answers every operator it offers on a small problem, on each device and in each dtype."""

import sys
from functools import cache

import cloudpickle
import numpy as np
import pytest

from gradcheck import Outcome, Plan, Suite, available_backends, problem, run
from gradcheck.backends.base import ShapeMismatch, flatten
from gradcheck.operators import OPERATORS, Layout
from gradcheck.workers import found_devices

BACKENDS = available_backends()


@problem(
    W=np.array([[0.5, -1.0, 2.0], [1.5, 0.25, -0.5]]),
    x=np.array([0.5, -0.5, 0.25]),
    vjp=lambda xp, W, x, cotangent: (
        cotangent * (1 / xp.cosh(W @ x) ** 2)[:, None] * x[None, :],
        cotangent * (1 / xp.cosh(W @ x) ** 2) @ W,
    ),
)
def loss(xp, W, x):
    """sum tanh(W x)"""
    return xp.sum(xp.tanh(W @ x))


@problem(
    x=np.array([1.0, -2.0, 0.5]),
    jac=lambda xp, x: np.array([[2.0, 0, 0], [0, -4.0, 0], [0, 0, 1.0]]),
)
def squares(xp, x):
    """x^2"""
    return x**2


@problem(x=2.0)
def constant(xp, x):
    """1, whatever x is"""
    return 0 * x + 1


@cache
def outcomes(name, device="cpu"):
    """What becomes of every question, by problem; a framework has a process, and so settings, of its own."""
    problems = {of.name: of for of in (loss, squares, constant)}
    suite = Suite(name="suite", title="", problems=problems, source="test")
    backend = BACKENDS[name]
    plan = Plan(suites=[suite], backends=[backend], devices=[device], dtypes=backend.dtypes, rounds=0)
    found: dict = {of: {} for of in problems}
    for cell in run(plan, isolated=bool(backend.requires), limit=120.0).cells:
        found[cell.problem][cell.operator, cell.dtype] = cell.outcome, cell.reason
    return found


def needs(name):
    if not BACKENDS[name].installed:
        pytest.skip(f"{BACKENDS[name].requires} is not installed")


# Frameworks take slopes their own way (that of tanh as 1 - tanh^2), which costs some ulps; ours do not.
OURS = {"engine", "engine-plan", "complex-step", "handwritten"}

MISSING = {
    ("complex-step", "hessian"): "offers no hessian",
    ("complex-step", "hvp"): "offers no hvp",
    ("handwritten", "hessian"): "offers no hessian",
    ("handwritten", "hvp"): "offers no hvp",
    ("handwritten", "jvp"): "has only a pullback here",
}


@pytest.mark.parametrize("name", sorted(set(BACKENDS) - {"torch-compile"}))
def test_every_operator_is_right_or_says_why_not(name):
    needs(name)
    for of, answers in outcomes(name).items():
        for (operator, dtype), (outcome, reason) in answers.items():
            if outcome is Outcome.UNSUPPORTED:
                alone = name == "sympy" and of != "constant"
                ruled = name == "handwritten" and of == "constant"
                rough = name == "differences" and dtype == "float16" and "error bar" in reason
                expected = MISSING.get((name, operator), "")
                assert alone or ruled or rough or (expected and expected == reason), (
                    of,
                    operator,
                    dtype,
                    reason,
                )
                continue
            right = {Outcome.EXACT} if name in OURS else {Outcome.EXACT, Outcome.OK}
            assert outcome in right, (of, operator, dtype, reason)


@pytest.mark.parametrize("name", sorted(name for name, backend in BACKENDS.items() if backend.requires))
def test_every_operator_is_right_on_a_cuda_device(name):
    needs(name)
    if "cuda" not in found_devices({name: BACKENDS[name]})[name]:
        pytest.skip(f"{name} finds no CUDA device here")
    found = outcomes(name, "cuda")["loss"]
    assert {Outcome.EXACT, Outcome.OK} >= {outcome for outcome, _ in found.values()}, found


def test_operators_and_conventions_are_documented_for_every_operator():
    from gradcheck import operators

    assert [name for name in OPERATORS if name not in operators.__doc__] == []


LAYOUT = Layout(names=("W", "b"), inputs=((2, 3), (2,)), output=(2,))


@pytest.mark.parametrize(
    ("operator", "blocks", "message"),
    [
        ("vjp", [np.zeros((3, 2)), np.zeros(2)], "the part for W has shape (3, 2) where (2, 3) belongs"),
        ("vjp", [np.zeros((2, 3)), np.zeros(())], "the part for b has shape () where (2,) belongs"),
        (
            "jacobian",
            [np.zeros((2, 6)), np.zeros((2, 2))],
            "the part for W has shape (2, 6) where (2, 2, 3) belongs",
        ),
        ("jvp", np.zeros((2, 1)), "the part for f has shape (2, 1) where (2,) belongs"),
    ],
)
def test_a_block_of_the_wrong_shape_is_named(operator, blocks, message):
    with pytest.raises(ShapeMismatch) as caught:
        flatten(operator, blocks, LAYOUT)
    assert message == str(caught.value)


def test_blocks_are_laid_side_by_side_by_rows():
    jacobian = [np.arange(12.0).reshape(2, 2, 3), 100 + np.arange(4.0).reshape(2, 2)]
    flat = flatten("jacobian", jacobian, LAYOUT).reshape(2, 8)
    assert [0, 1, 2, 3, 4, 5, 100, 101] == list(flat[0])
    assert "d f[1] / d b[0]" == LAYOUT.path("jacobian", 14)
    assert 102 == flat.reshape(-1)[14]


def test_an_absent_backend_says_how_to_install_it():
    backend = BACKENDS["torch"]
    assert "backend torch needs torch, which is not installed; run: pip install 'gradcheck[torch]'." == str(
        backend.missing()
    )


cloudpickle.register_pickle_by_value(sys.modules[__name__])
