"""Sorting and gathering."""

import numpy as np

from rule_cases.case import MATRIX, TENSOR, VECTOR, Case, plainly
from rule_cases.exact import sort

ROWS = np.array([[0, 2, 0], [1, 1, 2]])

CASES = [
    Case("sort", plainly("sort"), (VECTOR,)),
    Case("sort", lambda xp, x: xp.sort(x, axis=0, descending=True), (MATRIX,), label="axis 0, descending"),
    Case("take", lambda xp, x: xp.take(x, np.array([2, 0, 0]), axis=0), (VECTOR,)),
    Case("take", lambda xp, x: xp.take(x, np.array([[1, 0], [0, 0]]), axis=1), (MATRIX,), label="axis 1"),
    Case("take", lambda xp, x: xp.take(x, np.array([-1, 1]), axis=-2), (TENSOR,), label="from the end"),
    Case("take_along_axis", lambda xp, x: xp.take_along_axis(x, ROWS, axis=1), (MATRIX,)),
    Case(
        "take_along_axis",
        lambda xp, x: xp.take_along_axis(x, ROWS[:, :2] % 2, axis=-2),
        (MATRIX[:, :2],),
        label="axis 0",
    ),
    Case(
        "take_along_axis",
        lambda xp, x: xp.take_along_axis(x, np.array([[1]]), axis=1),
        (MATRIX,),
        exact=lambda xp, x: x[:, 1:2],
        label="the same place in every row",
    ),
    Case("median", plainly("median"), (VECTOR,), exact=lambda xp, x: sort(x)[1], label="odd"),
    Case(
        "median",
        lambda xp, x: xp.median(x, axis=0),
        (MATRIX,),
        exact=lambda xp, x: np.sum(x, axis=0) / 2,
        label="even",
    ),
    Case(
        "quantile",
        lambda xp, x: xp.quantile(x, 0.25, axis=1, keepdims=True),
        (MATRIX,),
        exact=lambda xp, x: (sort(x)[:, 0:1] + sort(x)[:, 1:2]) / 2,
    ),
    Case(
        "top_k",
        lambda xp, x: xp.top_k(x, 2)[0],
        (MATRIX,),
        exact=lambda xp, x: sort(x, descending=True)[:, :2],
    ),
]
