"""Functions whose every answer is known: polynomials at small whole numbers, exact in each dtype.

All values, sums and products on the way stay below 256, so that float16 and bfloat16 round nothing.
"""

# ruff: noqa: D400, D403 - the docstring of a function under test is its formula

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np

from gradcheck.operators import applicable
from gradcheck.problems import Instance, Point, Problem, problem

Blocks = list[np.ndarray]


@dataclass(frozen=True, kw_only=True)
class Example:
    """A problem and its closed forms.

    Attributes
    ----------
    problem
        Its ``jac`` is the first derivative; its points are where it may be asked.
    hessian
        Inputs to the blocks of the second derivative, a list of rows; None where no one asks for it.
    """

    problem: Problem
    hessian: Callable[..., list[Blocks]] | None = None

    @property
    def operators(self) -> list[str]:
        """The operators whose answer is known."""
        every = applicable(self.at(0).layout.output)
        return [name for name in every if self.hessian is not None or name not in ("hessian", "hvp")]

    def at(self, point: int) -> Instance:
        """The problem at one of its points."""
        return self.problem.instances()[point]

    def expected(self, operator: str, arrays: Mapping[str, np.ndarray], seeds: Blocks) -> list[np.ndarray]:
        """The answer, block by block; those of a Hessian by rows."""
        from gradcheck.namespaces import numpy_xp

        assert self.problem.jac is not None
        if operator == "value":
            return [np.asarray(self.problem.fn(numpy_xp, *arrays.values()))]
        if operator in ("hessian", "hvp"):
            assert self.hessian is not None
            rows = self.hessian(*arrays.values())
            return [block for row in rows for block in row] if operator == "hessian" else [
                _applied(row, seeds) for row in rows
            ]  # fmt: skip
        found = self.problem.jac(numpy_xp, *arrays.values())
        blocks = [np.asarray(block, float) for block in (found if isinstance(found, tuple) else (found,))]
        if operator == "jvp":
            return [_applied(blocks, seeds)]
        if operator == "vjp":
            return [np.tensordot(seeds[0], block, axes=seeds[0].ndim) for block in blocks]
        return blocks


def example(
    *points: Point, hessian: Callable[..., list[Blocks]] | None = None, **declared: Any
) -> Callable[[Callable[..., Any]], Example]:
    """Turn ``f(xp, *inputs)`` into an example; takes what :func:`gradcheck.problem` takes, and a Hessian."""
    return lambda fn: Example(problem=problem(*points, **declared)(fn), hessian=hessian)


def _applied(blocks: Sequence[np.ndarray], tangents: Blocks) -> np.ndarray:
    """A row of blocks of shape output + input, times a tangent for every input."""
    pairs = zip(blocks, tangents, strict=True)
    return np.asarray(sum(np.tensordot(block, v, axes=v.ndim) for block, v in pairs))


def small(shape: tuple[int, ...], start: int = 0) -> np.ndarray:
    """Small whole numbers in an order without symmetry, to be tangents and cotangents."""
    cycle = np.roll([1.0, -2.0, 2.0, -1.0, 3.0], -start)
    return np.resize(cycle, prod(shape)).reshape(shape)


def _loss_hessian(W: np.ndarray, x: np.ndarray) -> list[Blocks]:
    mixed = np.einsum("j,il->ijl", x, W) + np.einsum("i,jl->ijl", W @ x, np.eye(3))
    return [
        [np.einsum("ik,j,l->ijkl", np.eye(2), x, x), mixed],
        [np.moveaxis(mixed, -1, 0), W.T @ W],
    ]


@example(
    Point(W=[[1.0, -1.0, 2.0], [0.0, 2.0, 1.0]], x=[1.0, 2.0, -1.0]),
    Point(W=[[2.0, 0.0, -1.0], [1.0, 1.0, 0.0]], x=[-1.0, 1.0, 2.0]),
    jac=lambda xp, W, x: (np.outer(W @ x, x), (W @ x) @ W),
    hessian=_loss_hessian,
)
def loss(xp: Any, W: Any, x: Any) -> Any:
    """sum (W x)^2 / 2"""
    return xp.sum(0.5 * (W @ x) ** 2)


@example(
    Point(A=[[1.0, -2.0, 3.0], [2.0, 0.0, -1.0]], x=[1.0, 2.0, -1.0]),
    Point(A=[[0.0, 1.0, 1.0], [-1.0, 2.0, 2.0]], x=[3.0, -1.0, 2.0]),
    jac=lambda xp, A, x: (np.einsum("ik,l->ikl", np.eye(2), x * x), 2 * A * x),
)
def products(xp: Any, A: Any, x: Any) -> Any:
    """A x^2: as many outputs as A has rows, not as x has entries"""
    return A @ (x * x)


@example(
    X=[[1.0, 2.0, -1.0], [3.0, 0.0, 2.0]],
    jac=lambda xp, X: 2 * np.einsum("ik,jl,kl->jikl", np.eye(2), np.eye(3), X),
)
def turned(xp: Any, X: Any) -> Any:
    """The transpose of X^2, entry by entry: axes of output and input in another order"""
    return xp.permute_dims(X * X, (1, 0))


@example(x=[1.0, -2.0], jac=lambda xp, x: np.array([[1.0, 2.0], [3.0, -1.0]]))
def square(xp: Any, x: Any) -> Any:
    """A square matrix that is not symmetric, times x"""
    return xp.stack([x[0] + 2.0 * x[1], 3.0 * x[0] - x[1]])


@example(
    Point(x=2.0, y=-3.0),
    Point(x=-1.0, y=4.0),
    jac=lambda xp, x, y: (2 * x * y, x * x + 2.0),
    hessian=lambda x, y: [[np.asarray(2 * y), np.asarray(2 * x)], [np.asarray(2 * x), np.zeros(())]],
)
def scalars(xp: Any, x: Any, y: Any) -> Any:
    """x^2 y + 2 y, of two inputs without axes"""
    return x**2 * y + 2.0 * y


@example(
    x=[1.0, 2.0, -1.0],
    unused=[5.0, -5.0],
    jac=lambda xp, x, unused: (2 * x, np.zeros(2)),
    hessian=lambda x, unused: [[2 * np.eye(3), np.zeros((3, 2))], [np.zeros((2, 3)), np.zeros((2, 2))]],
)
def unused(xp: Any, x: Any, unused: Any) -> Any:
    """sum x^2, whatever the other input is"""
    return xp.sum(x * x)


@example(
    x=[1.0, 2.0, -1.0],
    c=[3.0, 4.0],
    wrt="x",
    jac=lambda xp, x, c: np.zeros(3),
    hessian=lambda x, c: [[np.zeros((3, 3))]],
)
def constant(xp: Any, x: Any, c: Any) -> Any:
    """sum c, whatever x is"""
    return xp.sum(c)


@example(
    Point(x=[1.0, 2.0, -1.0], index=[0, 2, 2, 1], c=[3.0, -1.0, 2.0, 1.0]),
    Point(x=[1.0, 2.0, -1.0], index=[1, 0, 2, 1], c=[-2.0, 1.0, 1.0, 3.0]),
    wrt="x",
    jac=lambda xp, x, index, c: 2 * x * np.bincount(index, c, minlength=3),
    hessian=lambda x, index, c: [[np.diag(2 * np.bincount(index, c, minlength=3))]],
)
def gathered(xp: Any, x: Any, index: Any, c: Any) -> Any:
    """sum c x[index]^2, at constants of which one is whole"""
    return xp.sum(c * xp.take(x, index, axis=0) ** 2)


@example(
    Point(x=3.0, c=2.0),
    Point(x=3.0, c=-5.0),
    wrt="x",
    jac=lambda xp, x, c: 2 * c * x,
    hessian=lambda x, c: [[np.asarray(2 * c)]],
)
def weighted(xp: Any, x: Any, c: Any) -> Any:
    """c x^2, at a constant c"""
    return c * x**2


@example(
    x=[[1.0, 2.0, -1.0], [0.0, 1.0, 3.0]],
    row=[2.0, -1.0, 1.0],
    column=[[1.0], [-2.0]],
    s=3.0,
    jac=lambda xp, x, row, column, s: (
        np.broadcast_to(s * row, (2, 3)),
        s * x.sum(0),
        np.full((2, 1), 3 * s),
        np.sum(x * row + column),
    ),
)
def broadcast(xp: Any, x: Any, row: Any, column: Any, s: Any) -> Any:
    """sum s (x row + column), every operand of another shape"""
    return xp.sum(s * (x * row + column))


@example(
    X=np.zeros((0, 3)),
    w=[1.0, 2.0, -1.0],
    jac=lambda xp, X, w: (np.zeros((0, 3)), np.zeros(3)),
)
def empty_sum(xp: Any, X: Any, w: Any) -> Any:
    """sum X w over no rows"""
    return xp.sum(X * w)


@example(
    X=np.zeros((0, 3)),
    w=[1.0, 2.0, -1.0],
    jac=lambda xp, X, w: (np.zeros((0, 0, 3)), np.zeros((0, 3))),
)
def empty_batch(xp: Any, X: Any, w: Any) -> Any:
    """X w, one output a row, of no rows"""
    return X @ w


@example(
    x=[1.0, 2.0, -1.0],
    jac=lambda xp, x: 2 * x,
    hessian=lambda x: [[2 * np.eye(3)]],
)
def squares(xp: Any, x: Any) -> Any:
    """sum x^2"""
    return xp.sum(x * x)


def power(exponent: int, factor: float) -> Example:
    """factor x^exponent: one body, closed over two numbers, under one name."""

    @example(x=2.0, name="power", jac=lambda xp, x: factor * exponent * x ** (exponent - 1))
    def declared(xp: Any, x: Any) -> Any:
        """factor x^exponent"""
        return factor * x**exponent

    return declared


def twins() -> tuple[Example, Example]:
    """Two functions that share their name and their inputs, and nothing else."""

    @example(x=2.0, name="twin", jac=lambda xp, x: 2 * x)
    def one(xp: Any, x: Any) -> Any:
        """x^2"""
        return x * x

    @example(x=2.0, name="twin", jac=lambda xp, x: np.full((), 5.0))
    def other(xp: Any, x: Any) -> Any:
        """5 x"""
        return 5.0 * x

    return one, other


class Interrupted(RuntimeError):
    """Raised by a function under test, never by a backend."""


INTERRUPTION = "this function stops here"


@example(x=2.0, jac=lambda xp, x: _interrupt())
def interrupted(xp: Any, x: Any) -> Any:
    """Raises"""
    return _interrupt()


def _interrupt() -> Any:
    raise Interrupted(INTERRUPTION)


@example(W=np.ones((2, 3)), x=np.ones(2), jac=lambda xp, W, x: (W @ x, W @ x))
def mismatched(xp: Any, W: Any, x: Any) -> Any:
    """sum W x, of shapes that do not fit"""
    return xp.sum(W @ x)


def work(size: int) -> Example:
    """A function of one number that takes the longer the larger its constant matrix is."""
    entries = np.linspace(-0.5, 0.5, size * size).reshape(size, size)

    @example(t=1.0, A=entries, wrt="t", name=f"work{size}")
    def declared(xp: Any, t: Any, A: Any) -> Any:
        """sum (sin(A + t A) A)^2: no part of it, nor of its derivative, can be done once for all"""
        y = xp.sin(A + t * A) @ A
        return xp.sum(y * y)

    return declared
