"""Determinants, inverses and factorisations, beside textbook formulas that balls can run."""

from types import SimpleNamespace

import numpy as np
from flint import arb

from gradcheck import engine
from gradcheck.balls import FUNCTIONS, lift
from rule_cases.case import MATRIX, SQUARE, TENSOR, VECTOR, Case

ROW = np.array([[2.0, -1.0, 0.5]])
TRIANGLE = np.array([[2.0, 0.0, 0.0], [1.0, 3.0, 0.0], [-0.5, 0.25, 1.5]])
REGULAR = np.array([[4.0, 1.0, 0.5], [2.0, 3.0, -1.0], [-0.25, 0.75, 2.0]])
BATCH = np.stack([SQUARE, SQUARE.T + 1, np.diag([2.0, -3.0])])

_sqrt, _cos, _acos = (FUNCTIONS[name] for name in ("sqrt", "cos", "acos"))


def over_batch(function):
    """A function of matrices, applied to every matrix of a batch."""

    def apply(x, *others, **given):
        if np.ndim(x) == 2:
            return function(x, *others, **given)
        parts = [np.asarray(apply(part, *others, **given), dtype=object) for part in x]
        return np.stack(parts) if parts else np.empty(np.shape(x), object)

    return apply


def identity(n):
    return np.eye(n, dtype=int).astype(object)


def determinant(a):
    n = len(a)
    if n == 0:
        return 1
    minors = [np.delete(np.asarray(a)[1:], at, axis=1) for at in range(n)]
    return sum((-1) ** at * a[0, at] * determinant(minor) for at, minor in enumerate(minors))


def cofactors(a):
    n = len(a)
    rest = [[np.delete(np.delete(np.asarray(a), i, 0), j, 1) for j in range(n)] for i in range(n)]
    rows = [[(-1) ** (i + j) * determinant(rest[i][j]) for j in range(n)] for i in range(n)]
    return np.array(rows, dtype=object).reshape(n, n)


def inverse(a):
    return cofactors(a).T / determinant(a)


def solution(a, b):
    if np.ndim(a) > 2:
        return np.stack([solution(part, b if np.ndim(b) == 1 else b[at]) for at, part in enumerate(a)])
    return inverse(a) @ b


def triangular_solution(a, b, lower=False):
    return solution(np.tril(a) if lower else np.triu(a), b)


def pseudoinverse(a):
    tall = np.shape(a)[0] >= np.shape(a)[1]
    return inverse(a.T @ a) @ a.T if tall else a.T @ inverse(a @ a.T)


def cholesky(a, upper=False):
    n = len(a)
    a, factor = (a + a.T) / 2, np.zeros((n, n), object)
    for j in range(n):
        factor[j, j] = _sqrt(a[j, j] - sum(factor[j, k] ** 2 for k in range(j)))
        for i in range(j + 1, n):
            factor[i, j] = (a[i, j] - sum(factor[i, k] * factor[j, k] for k in range(j))) / factor[j, j]
    return factor.T if upper else factor


def eigenvalues(a):
    """Of a matrix of up to three rows, ascending; of three by the trigonometric solution of the cubic."""
    a = (a + a.T) / 2
    n = len(a)
    if n <= 1:
        return np.diagonal(a)
    if n == 2:
        middle, half = (a[0, 0] + a[1, 1]) / 2, (a[0, 0] - a[1, 1]) / 2
        radius = _sqrt(half**2 + a[0, 1] ** 2)
        return np.stack([middle - radius, middle + radius])
    middle = np.trace(a) / 3
    apart = a - middle * identity(3)
    size = _sqrt(np.sum(apart**2) / 6)
    angle = _acos(determinant(apart / size) / 2) / 3
    turns = [lift(2 * arb.pi() * by / 3) for by in (1, -1, 0)]
    return np.stack([middle + 2 * size * _cos(angle + turn) for turn in turns])


def singular_values(a):
    gram = a.T @ a if np.shape(a)[0] >= np.shape(a)[1] else a @ a.T
    return _sqrt(eigenvalues(gram))[::-1]


def trace_norm(a):
    """Of a matrix with two singular values: the root of ||A||^2 + 2 |product|, without their differences."""
    gram = a.T @ a if np.shape(a)[0] >= np.shape(a)[1] else a @ a.T
    return _sqrt(np.trace(gram) + 2 * _sqrt(determinant(gram)))


def exponential(a):
    """Taylor's series of a 64th, squared six times; what is cut off is below 1e-80."""
    step, result, term = a / 64, identity(len(a)), identity(len(a))
    for k in range(1, 41):
        term = term @ step / k
        result = result + term
    for _ in range(6):
        result = result @ result
    return result


def on_balls(name, formula, home=engine.xp.linalg):
    """The formula for balls; for floats, which only tell the shape of the result, the engine itself."""

    def apply(x, *others, **given):
        is_float = np.asarray(x).dtype != object
        function = getattr(home, name) if is_float else formula
        return function(x, *others, **given)

    return apply


FORMULAS = {
    "cholesky": over_batch(cholesky),
    "det": over_batch(determinant),
    "eigvalsh": over_batch(eigenvalues),
    "expm": over_batch(exponential),
    "inv": over_batch(inverse),
    "matmul": np.matmul,
    "pinv": over_batch(pseudoinverse),
    "solve": solution,
    "solve_triangular": triangular_solution,
    "svdvals": over_batch(singular_values),
}

EXACT = {
    "linalg": SimpleNamespace(**{name: on_balls(name, formula) for name, formula in FORMULAS.items()}),
    "nuclear_norm": on_balls("nuclear_norm", over_batch(trace_norm), engine.xp),
    "cross": lambda a, b: np.stack(
        [a[..., i - 2] * b[..., i - 1] - a[..., i - 1] * b[..., i - 2] for i in range(3)], axis=-1
    ),
    "diagonal": lambda x, offset=0, axis1=-2, axis2=-1: np.diagonal(x, offset, axis1, axis2),
    "roll": lambda x, shift, axis=None: np.roll(x, shift, axis),
}


def of(name, **given):
    return lambda xp, *inputs: getattr(xp.linalg, name)(*inputs, **given)


CASES = [
    Case("det", of("det"), (REGULAR,), label="three rows"),
    Case("det", of("det"), (np.diag([0.0, 0.0, 3.0]) @ REGULAR,), label="rank 1 of 3"),
    Case("det", of("det"), (np.diag([0.0, 1.0, 2.0, 3.0]),), label="rank 3 of 4"),
    Case("det", of("det"), (np.diag([0.0, 0.0, 2.0, 3.0]),), label="rank 2 of 4"),
    Case("det", of("det"), (np.array([[3.0]]),), label="one row"),
    Case("det", of("det"), (BATCH,), label="batch"),
    Case("inv", of("inv"), (REGULAR,), label="three rows"),
    Case("inv", of("inv"), (np.array([[-4.0]]),), label="one row"),
    Case("inv", of("inv"), (BATCH,), label="batch"),
    Case("solve", of("solve"), (BATCH, VECTOR[:2]), label="batch and one vector"),
    Case("solve", of("solve"), (BATCH, np.stack([SQUARE] * 3)), label="batches"),
    Case("solve_triangular", of("solve_triangular"), (TRIANGLE.T, VECTOR), label="upper"),
    Case(
        "solve_triangular", of("solve_triangular", lower=True), (REGULAR, MATRIX.T), label="lower, half used"
    ),
    Case("solve_triangular", of("solve_triangular", lower=True), (BATCH, VECTOR[:2]), label="batch"),
    Case("pinv", of("pinv"), (MATRIX.T,), label="tall"),
    Case("pinv", of("pinv"), (ROW,), label="row"),
    Case("cholesky", of("cholesky", upper=True), (REGULAR + REGULAR.T,), label="upper"),
    Case("cholesky", of("cholesky"), (REGULAR + np.eye(3),), label="of the symmetric part"),
    Case("cholesky", of("cholesky"), (np.array([[4.0]]),), label="one row"),
    Case("cholesky", of("cholesky"), (np.stack([SQUARE, 2 * SQUARE]),), label="batch"),
    Case("eigvalsh", of("eigvalsh"), (SQUARE,), label="of the symmetric part"),
    Case("eigvalsh", of("eigvalsh"), (np.array([[-4.0]]),), label="one row"),
    Case("eigvalsh", of("eigvalsh"), (BATCH,), label="batch"),
    Case("svdvals", of("svdvals"), (SQUARE,), label="square"),
    Case("svdvals", of("svdvals"), (ROW,), label="row"),
    Case("svdvals", of("svdvals"), (BATCH,), label="batch"),
    Case("nuclear_norm", lambda xp, a: xp.nuclear_norm(a), (np.diag([2.0, -2.0]),), label="equal values"),
    Case("nuclear_norm", lambda xp, a: xp.nuclear_norm(a), (BATCH,), label="batch"),
    Case("expm", of("expm"), (REGULAR / 4,), label="three rows"),
    Case("expm", of("expm"), (np.array([[0.0, 1.0], [0.0, 0.0]]),), label="nilpotent"),
    Case("expm", of("expm"), (np.zeros((2, 2)),), label="at 0"),
    Case("expm", of("expm"), (BATCH / 2,), label="batch"),
    Case("cross", lambda xp, a, b: xp.cross(a, b), (MATRIX, VECTOR), label="broadcast"),
    Case("diagonal", lambda xp, x: xp.diagonal(x, offset=1), (MATRIX,), label="above"),
    Case("diagonal", lambda xp, x: xp.diagonal(x, offset=-1), (MATRIX,), label="below"),
    Case("diagonal", lambda xp, x: xp.diagonal(x, axis1=0, axis2=2), (TENSOR,), label="axes 0 and 2"),
    Case("roll", lambda xp, x: xp.roll(x, 1), (MATRIX,), label="flat"),
    Case("roll", lambda xp, x: xp.roll(x, 2, axis=1), (MATRIX,), label="axis 1"),
    Case("roll", lambda xp, x: xp.roll(x, (1, -1), axis=(0, 1)), (MATRIX,), label="two axes"),
    Case("tril", lambda xp, x: xp.tril(x, k=-1), (REGULAR,), label="below"),
    Case("triu", lambda xp, x: xp.triu(x, k=1), (TENSOR,), label="batch"),
]
