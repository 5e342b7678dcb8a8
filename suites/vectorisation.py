"""Vectorisation and broadcasting

Loops against whole-array operations, and every direction in which an operand can be broadcast or reduced.
"""

from typing import Any

import numpy as np

from gradcheck import Domain, Point, Published, draws, problem

POSITIVE = Domain(low=0.0)


def _diagonal(entries: Any) -> Any:
    """Derivative of an elementwise function of a matrix, from its slopes: shape (a, b, a, b)."""
    a, b = entries.shape
    return entries[:, :, None, None] * np.eye(a * b).reshape(a, b, a, b)


def _unit(*shape: int) -> Any:
    """Derivative of an array by itself: shape twice, ones where the indices agree."""
    size = int(np.prod(shape))
    return np.eye(size).reshape(shape + shape)


@problem(
    Point(u=draws.uniform(0, 1, 5), v=draws.uniform(0, 1, 5)),
    Point(u=draws.uniform(0, 1, 16), v=draws.uniform(0, 1, 16)),
    why="each operand's gradient is the other; another order of summation moves the value's last digits only",
    jac=lambda xp, u, v: (v, u),
    vjp=lambda xp, u, v, cotangent: (cotangent * v, cotangent * u),
)
def dot_product(xp: Any, u: Any, v: Any) -> Any:
    """u.v as the sum of an elementwise product"""
    return xp.sum(u * v)


@problem(
    u=draws.uniform(0, 1, 12),
    v=draws.uniform(0, 1, 12),
    why="the loop that vectorisation replaces: one node per entry, each read by position",
    jac=lambda xp, u, v: (v, u),
)
def dot_product_by_loop(xp: Any, u: Any, v: Any) -> Any:
    """u.v entry by entry"""
    total = u[0] * v[0]
    for i in range(1, u.shape[0]):
        total = total + u[i] * v[i]
    return total


@problem(
    u=draws.uniform(0, 1, 12),
    v=draws.uniform(0, 1, 12),
    why="a product of two vectors is the matrix product's special case with both outer axes missing",
    jac=lambda xp, u, v: (v, u),
)
def dot_product_by_matmul(xp: Any, u: Any, v: Any) -> Any:
    """u @ v"""
    return u @ v


@problem(
    Point(u=draws.normal(8)),
    why="one vector as both operands: 2 u, and u when the second use is dropped",
    jac=lambda xp, u: 2 * u,
)
def squared_length(xp: Any, u: Any) -> Any:
    """u.u"""
    return xp.vecdot(u, u)


TABLE = np.array([[56.0, 0.0, 4.4, 68.0], [1.2, 104.0, 52.0, 8.0], [1.8, 135.0, 99.0, 0.9]])


@problem(
    T=TABLE,
    published=Published(
        value=["59.0", "239.0", "155.4", "76.9"],
        source="F-table",
        note="carbohydrates, proteins and fats of 4 foods",
    ),
    why="sums over rows, one for each column: axis 0, not axis 1",
    jac=lambda xp, T: np.eye(4)[:, None, :] * np.ones((3, 1)),
)
def column_totals(xp: Any, T: Any) -> Any:
    """Sum of each column of a 3 x 4 table"""
    return xp.sum(T, axis=0)


@problem(
    T=TABLE,
    why="an entry appears in its own percentage and in the total under all percentages of its column",
    jac=lambda xp, T: (
        100
        * (np.eye(3)[:, None, :, None] - (T / xp.sum(T, axis=0))[:, :, None, None])
        * np.eye(4)[None, :, None, :]
        / xp.sum(T, axis=0)[None, :, None, None]
    ),
)
def column_percentages(xp: Any, T: Any) -> Any:
    """100 T / (sum of each column)"""
    return 100 * T / xp.sum(T, axis=0)


@problem(
    X=draws.normal(4, 1),
    s=0.5,
    why="a scalar broadcast over a column: its gradient is the sum of all entries, a shape () number",
    jac=lambda xp, X, s: (_unit(4, 1), np.ones((4, 1))),
)
def column_plus_scalar(xp: Any, X: Any, s: Any) -> Any:
    """(4, 1) + scalar"""
    return X + s


@problem(
    X=draws.normal(2, 3),
    row=draws.normal(1, 3),
    why="a row broadcast down: summed over axis 0 with the axis of length 1 kept",
    jac=lambda xp, X, row: (_unit(2, 3), np.ones((2, 1, 1, 1)) * np.eye(3)[:, None, :]),
)
def matrix_plus_row(xp: Any, X: Any, row: Any) -> Any:
    """(2, 3) + (1, 3)"""
    return X + row


@problem(
    X=draws.normal(2, 3),
    column=draws.normal(2, 1),
    why="a column broadcast across: summed over axis 1 with the axis of length 1 kept",
    jac=lambda xp, X, column: (_unit(2, 3), np.ones((1, 3, 1, 1)) * np.eye(2)[:, None, :, None]),
)
def matrix_plus_column(xp: Any, X: Any, column: Any) -> Any:
    """(2, 3) + (2, 1)"""
    return X + column


@problem(
    X=draws.normal(2, 3),
    column=draws.normal(2),
    why="shapes align from the right: a vector of length 2 is no column, and must not silently become one",
    refuses="shapes (2, 3) and (2,) do not broadcast",
)
def matrix_plus_short_vector(xp: Any, X: Any, column: Any) -> Any:
    """(2, 3) + (2,), which is an error"""
    return X + column


@problem(
    v=draws.normal(3),
    X=draws.normal(2, 3),
    why="the left operand broadcast, with an axis it does not have: the sum must also drop that axis",
    jac=lambda xp, v, X: (X[:, :, None] * np.eye(3), v[:, None, None] * _unit(2, 3)),
)
def vector_times_matrix(xp: Any, v: Any, X: Any) -> Any:
    """(3,) * (2, 3)"""
    return v * X


@problem(
    column=draws.normal(2, 1),
    row=draws.normal(3),
    why="both operands broadcast at once, along different axes: neither gradient has the output's shape",
    jac=lambda xp, column, row: (
        row[:, None, None] * np.eye(2)[:, None, :, None],
        column[:, :, None] * np.eye(3),
    ),
)
def column_times_row(xp: Any, column: Any, row: Any) -> Any:
    """(2, 1) * (3,)"""
    return column * row


@problem(
    X=draws.normal(2, 3),
    d=draws.uniform(0.5, 2, 2, 1),
    why="a broadcast denominator: the slope -X / d^2 is made in full and only then summed",
    domain={"d": POSITIVE},
    jac=lambda xp, X, d: (
        _unit(2, 3) / d[:, :, None, None],
        -(X / d**2)[:, :, None, None] * np.eye(2)[:, None, :, None],
    ),
)
def matrix_over_column(xp: Any, X: Any, d: Any) -> Any:
    """(2, 3) / (2, 1)"""
    return X / d


@problem(
    v=draws.normal(3),
    X=draws.normal(2, 3),
    why="a broadcast minuend: subtraction does not commute, and the sum over rows keeps the plus sign",
    jac=lambda xp, v, X: (np.ones((2, 1, 1)) * np.eye(3), -_unit(2, 3)),
)
def vector_minus_matrix(xp: Any, v: Any, X: Any) -> Any:
    """(3,) - (2, 3)"""
    return v - X


@problem(
    base=draws.uniform(0.5, 2, 2, 1),
    exponent=draws.uniform(-1, 2, 3),
    why="a power with both operands broadcast: ln of the broadcast base, summed over the other axis",
    domain={"base": POSITIVE},
    jac=lambda xp, base, exponent: (
        (exponent * base ** (exponent - 1))[:, :, None, None] * np.eye(2)[:, None, :, None],
        (base**exponent * xp.log(base))[:, :, None] * np.eye(3),
    ),
)
def column_to_the_row(xp: Any, base: Any, exponent: Any) -> Any:
    """(2, 1) ** (3,)"""
    return base**exponent


@problem(
    s=1.5,
    X=draws.normal(2, 3),
    why="a scalar in front of a matrix: its gradient is one number, an inner product with the cotangent",
    jac=lambda xp, s, X: (2 * s * xp.sum(X**2), 2 * s**2 * X),
)
def scaled_matrix(xp: Any, s: Any, X: Any) -> Any:
    """sum (s X)^2"""
    return xp.sum((s * X) ** 2)


@problem(
    v=draws.normal(3),
    C=draws.normal(4, 3),
    wrt="v",
    why="explicit broadcasting: its adjoint is a sum over the new axis, not the first row",
    jac=lambda xp, v, C: xp.sum(C, axis=0),
)
def explicit_broadcast(xp: Any, v: Any, C: Any) -> Any:
    """sum C * (v repeated in 4 rows)"""
    return xp.sum(C * xp.broadcast_to(v, (4, 3)))


@problem(
    X=draws.normal(2, 3),
    v=draws.normal(2),
    why="an axis added on purpose makes the refused sum legal: (2,) becomes (2, 1), and comes back as (2,)",
    jac=lambda xp, X, v: (_unit(2, 3), np.ones((1, 3, 1)) * np.eye(2)[:, None, :]),
)
def matrix_plus_expanded_vector(xp: Any, X: Any, v: Any) -> Any:
    """(2, 3) + (2,) as a column"""
    return X + xp.expand_dims(v, axis=1)


@problem(
    Point(v=draws.uniform(0.25, 4, 6)),
    why="1/v at the input, not at the logarithm",
    domain={"v": POSITIVE},
    jac=lambda xp, v: np.eye(6) / v,
)
def logarithm_of_entries(xp: Any, v: Any) -> Any:
    """ln v, entry by entry"""
    return xp.log(v)


@problem(
    v=[-2.0, 0.5, 3.0, -0.25],
    why="signs differ within one vector: a single sign taken for all entries",
    kinks="where an entry is 0",
    jac=lambda xp, v: xp.where(v > 0, 1.0, -1.0)[:, None] * np.eye(4),
)
def absolute_values(xp: Any, v: Any) -> Any:
    """|v|, entry by entry"""
    return xp.abs(v)


@problem(
    v=[-2.0, 0.5, 3.0, -0.25],
    why="a mask from the inputs, entry by entry: exactly 0 or exactly 1",
    kinks="where an entry is 0",
    jac=lambda xp, v: xp.where(v > 0, 1.0, 0.0)[:, None] * np.eye(4),
)
def positive_part(xp: Any, v: Any) -> Any:
    """maximum(v, 0), entry by entry"""
    return xp.maximum(v, 0.0)


@problem(
    v=[-2.0, 0.5, 0.0, 3.0],
    why="negative bases and a zero base under an integer power",
    jac=lambda xp, v: 2 * v[:, None] * np.eye(4),
)
def squares(xp: Any, v: Any) -> Any:
    """v ** 2, entry by entry"""
    return v**2


@problem(
    v=[-2.0, 0.5, 0.03125, 4.0],
    why="the minus sign of -1/v^2, also where v is negative",
    kinks="pole where an entry is 0",
    jac=lambda xp, v: -np.eye(4) / v**2,
)
def reciprocals(xp: Any, v: Any) -> Any:
    """1 / v, entry by entry"""
    return 1 / v


@problem(
    X=draws.normal(3, 4),
    why="a sum along rows that drops the axis: the cotangent is expanded at the end, not in front",
    jac=lambda xp, X: np.eye(3)[:, :, None] * np.ones(4),
)
def row_sums(xp: Any, X: Any) -> Any:
    """Sum of each row"""
    return xp.sum(X, axis=1)


@problem(
    X=draws.normal(3, 3),
    why="the kept axis on a square matrix: expanding along the wrong one runs and is wrong",
    jac=lambda xp, X: (
        _diagonal(0 * X + xp.sum(X, axis=1, keepdims=True))
        + X[:, :, None, None] * np.eye(3)[:, None, :, None]
    ),
)
def rows_times_their_sums(xp: Any, X: Any) -> Any:
    """X * (sum of each row, kept as a column)"""
    return X * xp.sum(X, axis=1, keepdims=True)


@problem(
    X=draws.normal(3, 4),
    why="1/n with n the length of the reduced axis, 3, not the number of entries, 12",
    jac=lambda xp, X: np.eye(4)[:, None, :] * np.ones((3, 1)) / 3,
)
def column_means(xp: Any, X: Any) -> Any:
    """Mean of each column"""
    return xp.mean(X, axis=0)


@problem(
    X=draws.normal(2, 3, 2),
    why="two axes reduced at once, not adjacent: 1/4, and the middle axis left in place",
    jac=lambda xp, X: np.ones((1, 2, 1, 2)) * np.eye(3)[:, None, :, None] / 4,
)
def mean_over_two_axes(xp: Any, X: Any) -> Any:
    """Mean over the first and the last axis"""
    return xp.mean(X, axis=(0, 2))


@problem(
    X=draws.normal(3, 4),
    why="centring is a projection: each column of the gradient sums to 0",
    jac=lambda xp, X: (np.eye(3) - np.ones((3, 3)) / 3)[:, None, :, None] * np.eye(4)[None, :, None, :],
)
def centred_columns(xp: Any, X: Any) -> Any:
    """X minus the mean of each column"""
    return X - xp.mean(X, axis=0, keepdims=True)


@problem(
    Point(X=draws.uniform(0.5, 2, 2, 3)),
    Point(X=np.array([[2.0, 0.0, 3.0], [1.5, -1.0, 0.5]]), label="a zero in one row"),
    why="products along an axis, with a zero in one of the rows only",
    jac=lambda xp, X: (
        np.eye(2)[:, :, None] * xp.stack([X[:, 1] * X[:, 2], X[:, 0] * X[:, 2], X[:, 0] * X[:, 1]], axis=1)
    ),
)
def row_products(xp: Any, X: Any) -> Any:
    """Product of each row"""
    return xp.prod(X, axis=1)


@problem(
    Point(X=np.array([[1.0, 5.0, 2.0], [4.0, 3.0, 6.0]])),
    why="one winner per column, in different rows: the gradient lands at the winner's own position",
    kinks="where the maximum of a column is attained twice",
    jac=lambda xp, X: np.eye(3)[:, None, :] * np.array([[0.0, 1.0, 0.0], [1.0, 0.0, 1.0]]),
)
def column_maxima(xp: Any, X: Any) -> Any:
    """Maximum of each column"""
    return xp.max(X, axis=0)


@problem(
    v=[3.0, -1.5, 2.0, 0.5],
    why="the least entry, not the greatest, and not the one nearest to zero",
    kinks="where the minimum is attained twice",
    jac=lambda xp, v: xp.where(v > xp.min(v), 0.0, 1.0),
)
def least_entry(xp: Any, v: Any) -> Any:
    """min v"""
    return xp.min(v)


@problem(
    Point(v=[1.0, 3.0, 2.0]),
    Point(v=[2.0, 3.0, 3.0], label="tie"),
    why="a tie: any weights that sum to 1 are a subgradient; 1 for each winner sums to 2 and is none",
    kinks="where the maximum is attained twice",
    jac=lambda xp, v: xp.where(v < xp.max(v), 0.0, 1.0) / xp.sum(xp.where(v < xp.max(v), 0.0, 1.0)),
)
def greatest_entry(xp: Any, v: Any) -> Any:
    """max v"""
    return xp.max(v)


@problem(
    Point(x=[1.0, -2.0, 0.5], y=[0.5, 3.0, 0.25]),
    Point(x=[1.0, 2.0], y=[1.0, 0.5], label="tie"),
    why="a tie between two arrays: the two slopes at an entry must sum to 1",
    kinks="where the two are equal",
    jac=lambda xp, x, y: (
        xp.where(x > y, 1.0, xp.where(x < y, 0.0, 0.5))[:, None] * np.eye(x.shape[0]),
        xp.where(x > y, 0.0, xp.where(x < y, 1.0, 0.5))[:, None] * np.eye(x.shape[0]),
    ),
)
def entrywise_maximum(xp: Any, x: Any, y: Any) -> Any:
    """maximum(x, y)"""
    return xp.maximum(x, y)


@problem(
    X=np.array([[1.0, -2.0, 0.5], [0.25, 3.0, 1.5]]),
    bound=[0.5, 1.0, 2.0],
    why="a broadcast bound: its gradient counts, per column, the rows it holds back",
    kinks="where an entry equals its bound",
    jac=lambda xp, X, bound: (
        _diagonal(xp.where(bound > X, 1.0, 0.0)),
        xp.where(bound > X, 0.0, 1.0)[:, :, None] * np.eye(3),
    ),
)
def bounded_above(xp: Any, X: Any, bound: Any) -> Any:
    """minimum(X, bound), one bound a column"""
    return xp.minimum(X, bound)


@problem(
    x=[-2.0, -0.5, 0.25, 3.0],
    low=-1.0,
    high=1.0,
    why="clipping with its limits as variables: each limit is differentiated where it is active",
    kinks="where an entry equals a limit",
    jac=lambda xp, x, low, high: (
        xp.where(x < low, 0.0, xp.where(x > high, 0.0, 1.0))[:, None] * np.eye(4),
        xp.where(x < low, 1.0, 0.0),
        xp.where(x > high, 1.0, 0.0),
    ),
)
def clipped(xp: Any, x: Any, low: Any, high: Any) -> Any:
    """minimum(maximum(x, low), high)"""
    return xp.minimum(xp.maximum(x, low), high)


@problem(
    x=[1.0, -2.0, 3.0],
    y=0.5,
    why="a scalar alternative broadcast in a choice: its gradient counts the entries that took it",
    kinks="where an entry of x is 0",
    jac=lambda xp, x, y: (
        xp.where(x > 0, 2 * x, 0.0)[:, None] * np.eye(3),
        xp.where(x > 0, 0.0, 1.0),
    ),
)
def choice_with_scalar(xp: Any, x: Any, y: Any) -> Any:
    """x^2 where x > 0, else y"""
    return xp.where(x > 0, x**2, y)


@problem(
    X=draws.normal(3, 2),
    Y=draws.normal(2, 2),
    why="pairs made by broadcasting: each point's gradient is summed over the points of the other set",
    jac=lambda xp, X, Y: (
        np.eye(3)[:, None, :, None] * 2 * (X[:, None, :] - Y)[:, :, None, :],
        np.eye(2)[None, :, :, None] * -2 * (X[:, None, :] - Y)[:, :, None, :],
    ),
)
def pairwise_squared_distances(xp: Any, X: Any, Y: Any) -> Any:
    """|X[i] - Y[j]|^2 for all pairs"""
    return xp.sum((X[:, None, :] - Y[None, :, :]) ** 2, axis=2)


@problem(
    X=draws.normal(3, 4),
    why="a mean kept as a column, then one dropped as an axis: 1/4 for each row, not 1/12",
    jac=lambda xp, X: np.eye(3)[:, :, None] * 0.5 * (X - xp.mean(X, axis=1, keepdims=True)),
)
def row_variances(xp: Any, X: Any) -> Any:
    """Variance of each row"""
    return xp.mean((X - xp.mean(X, axis=1, keepdims=True)) ** 2, axis=1)


@problem(
    x=draws.normal(3),
    why="one vector stacked with functions of itself: three contributions to each entry",
    jac=lambda xp, x: xp.stack([np.eye(3), np.eye(3) * 2 * x, np.eye(3) * xp.cos(x)]),
)
def stacked_copies(xp: Any, x: Any) -> Any:
    """Rows x, x^2, sin x"""
    return xp.stack([x, xp.square(x), xp.sin(x)])


@problem(
    X=draws.normal(2, 3),
    Y=draws.normal(2, 2),
    C=draws.normal(2, 8),
    wrt=("X", "Y"),
    why="joined along axis 1 with one operand twice: widths 3, 2, 3 cut at the right columns",
    jac=lambda xp, X, Y, C: (C[:, :3] + C[:, 5:], C[:, 3:5]),
)
def joined_columns(xp: Any, X: Any, Y: Any, C: Any) -> Any:
    """sum C * (X, Y, X side by side)"""
    return xp.sum(C * xp.concat([X, Y, X], axis=1))


@problem(
    X=draws.normal(2, 3, 2),
    why="an ellipsis and a removed axis: the gradient is zero outside the slice and has the full shape",
    jac=lambda xp, X: _unit(2, 3, 2)[..., 0, :, :, :],
)
def last_axis_slice(xp: Any, X: Any) -> Any:
    """X[..., 0]"""
    return X[..., 0]


@problem(
    X=draws.normal(1, 3, 1),
    v=draws.normal(3),
    why="axes of length 1 removed: the gradient comes back with them",
    jac=lambda xp, X, v: (
        np.eye(3)[:, None, :, None] * v[:, None, None, None],
        np.eye(3) * X[0, :, 0],
    ),
)
def squeezed(xp: Any, X: Any, v: Any) -> Any:
    """X without its axes of length 1, times v"""
    return xp.squeeze(X, axis=(0, 2)) * v


@problem(
    x=[33554432.0, 1.0, 0.5, -33554432.0],
    y=[1.0, 0.25, 3.0, 1.0],
    why="a sum whose large terms cancel: the value may lose digits, the derivative must not",
    jac=lambda xp, x, y: (y, x),
)
def cancelling_sum(xp: Any, x: Any, y: Any) -> Any:
    """sum x y with x = (2^25, 1, 1/2, -2^25)"""
    return xp.sum(x * y)
