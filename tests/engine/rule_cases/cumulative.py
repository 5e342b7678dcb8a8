"""Running sums, products and extrema, and differences."""

import numpy as np

from gradcheck.balls import FUNCTIONS
from rule_cases.case import MATRIX, VECTOR, Case, plainly

ZERO, ZEROS = np.array([2.0, 0.0, 3.0, 4.0]), np.array([0.0, 2.0, 0.0, 5.0, 3.0])


def running(operation):
    ufunc = np.frompyfunc(operation, 2, 1)
    return lambda x, axis=None: ufunc.accumulate(np.asarray(x, dtype=object), axis=axis or 0)


EXACT = {
    "cumulative_sum": running(lambda a, b: a + b),
    "cumulative_prod": running(lambda a, b: a * b),
    "cumulative_logsumexp": running(FUNCTIONS["logaddexp"]),
    "cumulative_max": running(FUNCTIONS["maximum"]),
    "cumulative_min": running(FUNCTIONS["minimum"]),
}

CASES = (
    [Case(name, plainly(name), (VECTOR,), label="vector") for name in EXACT]
    + [
        Case(name, lambda xp, x, name=name: getattr(xp, name)(x, axis=1), (MATRIX,), label="axis 1")
        for name in EXACT
    ]
    + [
        Case(name, lambda xp, x, name=name: getattr(xp, name)(x, axis=0), (MATRIX,), label="axis 0")
        for name in EXACT
    ]
    + [
        Case("cumulative_prod", plainly("cumulative_prod"), (ZERO,), label="one zero"),
        Case("cumulative_prod", plainly("cumulative_prod"), (ZEROS,), label="two zeros"),
        Case("cumulative_prod", plainly("cumulative_prod"), (np.zeros(3),), label="zeros"),
        Case(
            "cumulative_logsumexp",
            plainly("cumulative_logsumexp"),
            (np.array([40.0, 0.0, 3.0]),),
            label="tail",
        ),
        Case(
            "cumulative_prod",
            lambda xp, x: xp.cumulative_prod(x, axis=0, include_initial=True),
            (VECTOR,),
            exact=lambda xp, x: np.concatenate([[1.0], EXACT["cumulative_prod"](x)]),
            label="with the initial 1",
        ),
        Case(
            "cumulative_sum",
            lambda xp, x: xp.cumulative_sum(x, axis=1, include_initial=True),
            (MATRIX,),
            exact=lambda xp, x: np.concatenate(
                [np.zeros((2, 1)), EXACT["cumulative_sum"](x, axis=1)], axis=1
            ),
            label="with the initial 0",
        ),
    ]
)

CASES += [
    Case("diff", lambda xp, x: xp.diff(x, axis=0), (MATRIX,), exact=lambda xp, x: x[1:] - x[:-1]),
    Case(
        "diff",
        lambda xp, x: xp.diff(x, n=2, prepend=np.array([1.0], np.float32)),
        (VECTOR,),
        exact=lambda xp, x: np.diff(np.concatenate([[1.0], x]), n=2),
        label="twice, from 1",
    ),
    Case(
        "trapezoid",
        lambda xp, y, x: xp.trapezoid(y, x, axis=0),
        (MATRIX, np.array([0.5, 2.0])),
        exact=lambda xp, y, x: (x[1] - x[0]) * (y[0] + y[1]) / 2,
        label="places",
    ),
    Case(
        "trapezoid",
        lambda xp, y: xp.trapezoid(y, dx=0.5),
        (VECTOR,),
        exact=lambda xp, y: (y[0] / 2 + y[1] + y[2] / 2) / 2,
        label="a step",
    ),
]
