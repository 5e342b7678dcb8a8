"""Growth of the cost

What a value and a gradient cost as n grows: loops against whole arrays, and costs of n, n^2 and n^3.
"""

from typing import Any

import numpy as np

from gradcheck import Point, draws, problem, sized

ON_REQUEST = "timing takes minutes"

# 10^8 as in the course; beyond 10^7 a run has to ask for it.
WHOLE = (1_000, 10_000, 100_000, 1_000_000, 10_000_000, 100_000_000)

# A traced loop has nodes for every step, compilers take a second for a hundred of them, and in reverse every
# entry that is read by position may cost n numbers: beyond these sizes a framework needs more than a minute.
LOOP = (100, 300, 1_000, 3_000, 10_000)
LOOP_OVER_COLUMNS = (10, 30, 100, 300, 1_000)

# Matrices in one level of memory, and large enough for libraries to be at their speed: what they gain or lose
# on the way there would pass for another exponent. The small size finds the fixed cost.
BEYOND_CACHES = (10, 2_400, 3_000, 3_600, 4_200, 4_800)
AT_FULL_SPEED = (8, 768, 1_024, 1_280, 1_600, 1_920)

TABLE = np.array([[56.0, 0.0, 4.4, 68.0], [1.2, 104.0, 52.0, 8.0], [1.8, 135.0, 99.0, 0.9]])


def _two_vectors(n: int) -> dict[str, Any]:
    return {"u": draws.uniform(0, 1, n), "v": draws.uniform(0, 1, n)}


@problem(
    Point(**_two_vectors(12)),
    *sized(WHOLE, _two_vectors),
    why="three passes over memory and little arithmetic: what a gradient costs that only moves numbers",
    jac=lambda xp, u, v: (v, u),
)
def dot_by_sum(xp: Any, u: Any, v: Any) -> Any:
    """sum(u * v)"""
    return xp.sum(u * v)


@problem(
    Point(**_two_vectors(12)),
    *sized(WHOLE, _two_vectors),
    why="a library call that stores no product, in an order of additions of its own: other last digits",
    jac=lambda xp, u, v: (v, u),
)
def dot_by_matmul(xp: Any, u: Any, v: Any) -> Any:
    """u @ v"""
    return u @ v


@problem(
    Point(**_two_vectors(12)),
    *sized(LOOP, _two_vectors),
    why="n steps, but n^2 in reverse where an entry read by position is pulled back as a whole vector",
    jac=lambda xp, u, v: (v, u),
)
def dot_by_loop(xp: Any, u: Any, v: Any) -> Any:
    """u[0] v[0] + u[1] v[1] + ..., entry by entry"""
    total = u[0] * v[0]
    for i in range(1, u.shape[0]):
        total = total + u[i] * v[i]
    return total


def _table(n: int) -> dict[str, Any]:
    return {"T": draws.uniform(1, 100, 3, n)}


def _slopes_of_percentages(xp: Any, T: Any) -> Any:
    share = T / xp.sum(T, axis=0)
    return 2e4 * (share - xp.sum(share**2, axis=0)) / xp.sum(T, axis=0)


@problem(
    Point(T=TABLE, label="the document's table"),
    *sized((100, 1_000, 10_000, 100_000, 1_000_000), _table),
    why="a short axis summed and broadcast back for all columns at once, forward and in reverse",
    jac=_slopes_of_percentages,
)
def percentages(xp: Any, T: Any) -> Any:
    """Sum of the squares of the column percentages of a 3 x n table"""
    return xp.sum((100 * T / xp.sum(T, axis=0)) ** 2)


@problem(
    Point(T=TABLE, label="the document's table"),
    *sized(LOOP_OVER_COLUMNS, _table),
    why="what broadcasting saves: half a dozen calls for every column, forward and again in reverse",
    jac=_slopes_of_percentages,
)
def percentages_by_loop(xp: Any, T: Any) -> Any:
    """Sum of the squares of the column percentages of a 3 x n table, column by column"""
    total = 0.0
    for j in range(T.shape[1]):
        column = T[:, j]
        total = total + xp.sum((100 * column / xp.sum(column)) ** 2)
    return total


def _vector(n: int) -> dict[str, Any]:
    return {"x": draws.normal(n)}


@problem(
    Point(**_vector(12)),
    *sized((1_000, 10_000, 100_000, 1_000_000, 10_000_000), _vector),
    why="whole-array steps in a row: fused or not, kept for the way back or computed again",
    jac=lambda xp, x: xp.sin(2 * x) / (1 + xp.sin(x) ** 2),
)
def elementwise_chain(xp: Any, x: Any) -> Any:
    """sum ln(1 + sin(x)^2)"""
    return xp.sum(xp.log(1 + xp.sin(x) ** 2))


def _form(n: int) -> dict[str, Any]:
    return {"x": draws.uniform(0, 1, n), "A": draws.uniform(0, 1, n, n)}


@problem(
    Point(**_form(5)),
    *sized(BEYOND_CACHES, _form),
    wrt="x",
    why="n^2 work for n slopes: the matrix is read twice, and A + A^T must never be formed",
    jac=lambda xp, x, A: A @ x + x @ A,
)
def quadratic_form(xp: Any, x: Any, A: Any) -> Any:
    """x^T A x with a constant A"""
    return x @ (A @ x)


def _pair(n: int) -> dict[str, Any]:
    return {"A": draws.normal(n, n), "B": draws.normal(n, n)}


@problem(
    Point(**_pair(3)),
    *sized(AT_FULL_SPEED, _pair),
    wrt="A",
    why="arithmetic outweighs memory: n^3 forward, and exactly one more product of matrices backward",
    jac=lambda xp, A, B: 2 * (A @ B) @ B.T,
)
def squared_product(xp: Any, A: Any, B: Any) -> Any:
    """Sum of the squares of A B with a constant B"""
    return xp.sum((A @ B) ** 2)


ROWS = 8


def _layer(n: int) -> dict[str, Any]:
    """A perceptron of n = (width + 1)^2 parameters: a hidden layer of that width and one output."""
    width = round(n**0.5) - 1
    return {
        "W": draws.normal(width, width, scale=width**-0.5),
        "b": draws.normal(width),
        "w": draws.normal(width, scale=width**-0.5),
        "c": draws.normal(),
        "X": draws.normal(ROWS, width),
        "y": draws.normal(ROWS),
    }


def _backpropagation(xp: Any, W: Any, b: Any, w: Any, c: Any, X: Any, y: Any) -> Any:
    H = xp.tanh(X @ W + b)
    residual = 2 * (H @ w + c - y) / ROWS
    Z = residual[:, None] * w * (1 - H**2)
    return X.T @ Z, xp.sum(Z, axis=0), residual @ H, xp.sum(residual)


@problem(
    Point(**_layer(16)),
    *sized((32**2, 100**2, 316**2, 1_000**2, 3_162**2), _layer),
    wrt=("W", "b", "w", "c"),
    why="n parameters and few data: the slopes by W are an outer product, as large as the model",
    jac=_backpropagation,
)
def perceptron(xp: Any, W: Any, b: Any, w: Any, c: Any, X: Any, y: Any) -> Any:
    """Mean of (w . tanh(X W + b) + c - y)^2 over 8 rows, with n parameters"""
    return xp.mean((xp.tanh(X @ W + b) @ w + c - y) ** 2)
