"""Hessians of Rosenbrock's function, dense and sparse."""

from functools import cache, partial

import numpy as np
from scipy.sparse import csr_array

from engine_work.work import Work, seeded


def rosenbrock(xp, x):
    return xp.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)


def diagonals(x, main, beside):
    """Write the diagonal, and the one beside it, in place."""
    np.multiply(x[:-1], -400.0, out=beside)
    np.multiply(x[:-1], 1200.0, out=main[:-1])
    main[:-1] *= x[:-1]
    main[:-1] -= 400.0 * x[1:]
    main[:-1] += 2.0
    main[-1] = 0.0
    main[1:] += 200.0


def dense(x):
    n = len(x)
    hessian = np.zeros((n, n))
    flat = hessian.reshape(-1)
    above = flat[1 :: n + 1]
    diagonals(x, flat[:: n + 1], above)
    flat[n :: n + 1] = above
    return hessian


@cache
def pattern(n):
    """Columns and row starts of a tridiagonal matrix."""
    columns = np.empty(3 * n - 2, np.int32)
    at = np.arange(n, dtype=np.int32)
    columns[0::3], columns[1::3], columns[2::3] = at, at[1:], at[:-1]
    starts = 3 * np.arange(n + 1, dtype=np.int32) - 1
    starts[0], starts[-1] = 0, 3 * n - 2
    return columns, starts


def sparse(x):
    n = len(x)
    entries = np.empty(3 * n - 2)
    diagonals(x, entries[0::3], entries[1::3])
    entries[2::3] = entries[1::3]
    return csr_array((entries, *pattern(n)), shape=(n, n))


def point(n):
    return (seeded(n).uniform(0.5, 1.5, n),)


def hessian(name, n, floor, ask, goal=None):
    title = f"{ask.replace('h', 'H')}, n = {n:.0e}".replace("e+0", "e")
    return Work(name=name, title=title, f=rosenbrock, make=partial(point, n), floor=floor, ask=ask, goal=goal)


WORKS = [
    hessian("P9a", 100, dense, "hessian", 3.0),
    *(hessian(f"P9a-sparse 1e{at}", 10**at, sparse, "sparse hessian") for at in (3, 4, 5)),
]
