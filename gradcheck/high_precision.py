"""The second kind of truth: closed forms and differences in 150-digit arithmetic.

For functions that balls cannot run (linear systems, loops that compare). A closed form is believed only
when central differences of the function itself agree with it to 40 digits.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any, NamedTuple

import mpmath
import numpy as np

from gradcheck.dtypes import FORMATS, is_floating
from gradcheck.errors import FloatsOnly, TruthUnavailable
from gradcheck.namespaces import Extended
from gradcheck.operators import Layout
from gradcheck.problems import Instance

_DIGITS = 150
_STEP = mpmath.mpf(10) ** -30  # central differences then err by about 1e-60
_AGREE = mpmath.mpf(10) ** -40

Vector = list[Any]


class _Eigen(NamedTuple):
    eigenvalues: np.ndarray
    eigenvectors: np.ndarray


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """Values in high precision, their rounding bounds in the dtype asked for, and how they were got."""

    kind: str
    values: Vector
    bounds: list[float]
    digits: float


def answer(
    instance: Instance, dtype: str, operator: str, tangent: np.ndarray, cotangent: np.ndarray, layout: Layout
) -> Answer:
    """The answer to an operator in the flat form of :mod:`gradcheck.operators`.

    The rounding bound of an entry is what one unit roundoff in each input, constants included, changes in it,
    plus one in itself: its componentwise condition (N. Higham, "Accuracy and Stability of Numerical
    Algorithms", 2nd ed., SIAM 2002, section 1.6) times the roundoff, as often as there are inputs, since
    every sum and elimination over them may round once an input.

    Raises
    ------
    TruthUnavailable
        When the function does not run in high precision, or its closed form disagrees with differences.
    """
    with mpmath.workdps(_DIGITS):
        arrays = instance.cast(dtype)
        exact = {name: _lift(array) if is_floating(array.dtype) else array for name, array in arrays.items()}
        asked = _Question(instance, operator, tangent, cotangent, layout)
        try:
            values = asked.at(exact)
            kind = _confirm(asked, exact)
            bounds = _bounds(asked, exact, values, FORMATS[dtype].unit)
        except TruthUnavailable:
            raise
        except Exception as error:  # the function is anybody's code
            raise FloatsOnly(
                f"{instance.problem.name}: the function runs neither on balls nor in high precision ({error})"
            ) from error
        return Answer(kind=kind, values=values, bounds=bounds, digits=40.0 if kind == "closed form" else 50.0)


@dataclass(frozen=True)
class _Question:
    """An operator's answer as a function of the inputs, from the closed form where there is one."""

    instance: Instance
    operator: str
    tangent: np.ndarray
    cotangent: np.ndarray
    layout: Layout

    @property
    def closed(self) -> bool:
        return self.instance.problem.jac is not None

    def at(self, inputs: dict[str, Any]) -> Vector:
        """The answer, flat."""
        if self.operator == "value":
            return self.value(inputs)
        jacobian = self.jacobian if self.closed else self.difference_jacobian
        v, w = [mpmath.mpf(float(t)) for t in self.tangent], [mpmath.mpf(float(c)) for c in self.cotangent]
        if self.operator in ("hessian", "hvp"):
            rows = self.differentiate(jacobian, inputs)
            return _flat(rows) if self.operator == "hessian" else [_dot(row, v) for row in rows]
        rows = _rows(jacobian(inputs), self.layout.n)
        if self.operator == "jvp":
            return [_dot(row, v) for row in rows]
        if self.operator == "vjp":
            return [_dot([row[i] for row in rows], w) for i in range(self.layout.n)]
        return _flat(rows)

    def value(self, inputs: dict[str, Any]) -> Vector:
        values = np.ravel(self.instance.problem.fn(_xp, *inputs.values()))
        if values.dtype != object:
            raise FloatsOnly(f"{self.instance.problem.name}: the function computes in floats throughout")
        return list(values)

    def jacobian(self, inputs: dict[str, Any]) -> Vector:
        """The closed form, flat by rows over all ``wrt`` inputs."""
        assert self.instance.problem.jac is not None
        blocks = self.instance.problem.jac(_xp, *inputs.values())
        blocks = blocks if isinstance(blocks, tuple) else (blocks,)
        k = self.layout.k
        matrices = [np.reshape(np.asarray(block, dtype=object), (k, -1)) for block in blocks]
        return list(np.ravel(np.concatenate(matrices, axis=1)))

    def difference_jacobian(self, inputs: dict[str, Any]) -> Vector:
        return _flat(self.differentiate(self.value, inputs))

    def differentiate(
        self, function: Callable[[dict[str, Any]], Vector], inputs: dict[str, Any]
    ) -> list[Vector]:
        """Central differences of a flat function in every ``wrt`` entry: one row per output."""
        columns = [
            _difference(function, inputs, name, at)
            for name in self.instance.problem.wrt
            for at in range(np.size(inputs[name]))
        ]
        return [list(row) for row in zip(*columns, strict=True)]


def _confirm(asked: _Question, inputs: dict[str, Any]) -> str:
    """Name the kind of truth; a closed form must agree with differences."""
    if not asked.closed:
        return "differences"
    for closed, difference in zip(asked.jacobian(inputs), asked.difference_jacobian(inputs), strict=True):
        if abs(closed - difference) > _AGREE * max(abs(closed), abs(difference), _AGREE):
            raise TruthUnavailable(
                f"{asked.instance.problem.name}: the closed form gives {mpmath.nstr(closed, 20)} "
                f"where differences give {mpmath.nstr(difference, 20)}; mend jac"
            )
    return "closed form"


def _bounds(asked: _Question, inputs: dict[str, Any], values: Vector, roundoff: float) -> list[float]:
    changes = [abs(value) for value in values]
    for name, array in inputs.items():
        if np.asarray(array).dtype != object:
            continue
        for at in range(np.size(array)):
            weight = abs(np.ravel(array)[at])
            slopes = _difference(asked.at, inputs, name, at)
            changes = [change + weight * abs(slope) for change, slope in zip(changes, slopes, strict=True)]
    terms = sum(np.size(array) for array in inputs.values() if np.asarray(array).dtype == object)
    return [float(terms * roundoff * change) for change in changes]


def _difference(
    function: Callable[[dict[str, Any]], Vector], inputs: dict[str, Any], name: str, at: int
) -> Vector:
    def moved(by: Any) -> Vector:
        flat = np.ravel(inputs[name]).copy()
        flat[at] = flat[at] + by
        return function({**inputs, name: flat.reshape(np.shape(inputs[name]))})

    ahead, behind = moved(_STEP), moved(-_STEP)
    return [(a - b) / (2 * _STEP) for a, b in zip(ahead, behind, strict=True)]


def _lift(array: np.ndarray) -> np.ndarray:
    cells = np.empty(array.shape, dtype=object)
    for index in np.ndindex(array.shape):
        cells[index] = mpmath.mpf(float(array[index]))
    return cells


def _rows(flat: Vector, n: int) -> list[Vector]:
    return [flat[start : start + n] for start in range(0, len(flat), n)]


def _flat(rows: Sequence[Vector]) -> Vector:
    return [entry for row in rows for entry in row]


def _dot(a: Vector, b: Vector) -> Any:
    return mpmath.fsum(x * y for x, y in zip(a, b, strict=True))


def _solve(a: Any, b: Any) -> np.ndarray:
    columns = np.reshape(b, (np.shape(b)[0], -1))
    matrix = mpmath.matrix(np.asarray(a).tolist())
    solved = [list(mpmath.lu_solve(matrix, mpmath.matrix(column.tolist()))) for column in columns.T]
    return np.array(solved, dtype=object).T.reshape(np.shape(b))


def _inv(a: Any) -> np.ndarray:
    return _solve(
        a, np.array([[mpmath.mpf(i == j) for j in range(len(a))] for i in range(len(a))], dtype=object)
    )


def _eigh(a: Any) -> _Eigen:
    values, vectors = mpmath.eigsy(mpmath.matrix(np.asarray(a).tolist()))
    return _Eigen(np.array(list(values), dtype=object), np.array(vectors.tolist(), dtype=object))


def _svdvals(a: Any) -> np.ndarray:
    return np.array(list(mpmath.svd_r(mpmath.matrix(np.asarray(a).tolist()), compute_uv=False)), dtype=object)


def _matrix_norm(a: Any, *, ord: str | int) -> Any:  # noqa: A002 - the standard's name
    """The sum of the singular values, the greatest or the least of them."""
    reduce: dict[str | int, Callable[..., Any]] = {"nuc": np.sum, 2: np.max, -2: np.min}
    return reduce[ord](_svdvals(a))


def _ufunc(function: Callable[..., Any], arity: int = 1) -> Any:
    return np.frompyfunc(function, arity, 1)


def _logaddexp(a: Any, b: Any) -> Any:
    high, low = max(a, b), min(a, b)
    return high + mpmath.log1p(mpmath.exp(low - high))


_ELEMENTARY = (
    "acos",
    "asin",
    "atan",
    "cos",
    "cosh",
    "exp",
    "expm1",
    "log",
    "log1p",
    "sin",
    "sinh",
    "sqrt",
    "tan",
    "tanh",
)

_xp = Extended(
    np,
    {name: _ufunc(getattr(mpmath, name)) for name in _ELEMENTARY}
    | {
        "linalg": SimpleNamespace(
            solve=_solve,
            inv=_inv,
            matmul=np.matmul,
            trace=np.trace,
            eigh=_eigh,
            eigvalsh=lambda a: _eigh(a).eigenvalues,
            svdvals=_svdvals,
            matrix_norm=_matrix_norm,
        ),
        "log2": _ufunc(lambda x: mpmath.log(x, 2)),
        "logaddexp": _ufunc(_logaddexp, 2),
        "matrix_transpose": lambda x: np.swapaxes(x, -1, -2),
        "mean": lambda x, axis=None, keepdims=False: (
            np.sum(x, axis=axis, keepdims=keepdims) / (np.size(x) // max(np.size(np.sum(x, axis=axis)), 1))
        ),
        "xlogy": _ufunc(lambda x, y: x if x == 0 else x * mpmath.log(y), 2),
    },
)
