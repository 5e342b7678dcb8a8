"""Jacobians of a matrix times a vector: the matrix itself, or the vector on a diagonal of blocks."""

import numpy as np

from engine_work.work import Work, seeded


def product(xp, w, x):
    return xp.matmul(w, x)


def in_vector(w, x):
    return w.copy()


def in_matrix(w, x):
    rows, columns = w.shape
    blocks = np.zeros((rows, rows, columns))
    blocks.reshape(rows * rows, columns)[:: rows + 1] = x
    return blocks


def of_size(n):
    return lambda: (seeded(n).normal(size=(n, n)), seeded(n + 1).normal(size=n))


def jacobian(name, n, wrt, floor):
    title = f"Jacobian of Wx in {'Wx'[wrt]}, {n}x{n}"
    return Work(
        name=name,
        title=title,
        f=product,
        make=of_size(n),
        floor=floor,
        ask="jacobian",
        wrt=(wrt,),
        goal=1.1,
    )


WORKS = [
    jacobian("P6a", 50, 1, in_vector),
    jacobian("P6b", 50, 0, in_matrix),
    jacobian("P6c", 500, 1, in_vector),
]
