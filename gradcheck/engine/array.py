"""The traced array a user's function sees: operators, indexing, and errors for what cannot be followed."""

from __future__ import annotations

from typing import Any, NoReturn

import numpy as np

from gradcheck.engine.core import Traced, add, multiply, primal_of
from gradcheck.engine.derived import matmul, matrix_transpose
from gradcheck.engine.namespace import Namespace, xp
from gradcheck.engine.rules.elementary import absolute, divide, negative, power, subtract
from gradcheck.engine.rules.manipulation import getitem, permute_dims
from gradcheck.errors import NotTraceable


class Array(Traced):
    """An array under differentiation; it behaves as a NumPy array that is never changed in place."""

    __slots__ = ()

    __array_ufunc__ = None  # NumPy's operators then leave the work to the ones below

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the entries."""
        return np.result_type(primal_of(self))

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """Number of entries."""
        return int(np.size(primal_of(self)))

    @property
    def T(self) -> Any:  # noqa: N802 - NumPy's name
        """All axes reversed."""
        return permute_dims(self, axes=tuple(reversed(range(self.ndim))))

    @property
    def mT(self) -> Any:  # noqa: N802 - the array-API standard's name
        """The last two axes swapped."""
        return matrix_transpose(self)

    def __array_namespace__(self, *, api_version: str | None = None) -> Namespace:
        return xp

    def __repr__(self) -> str:
        return f"Array({primal_of(self)!r}, traced)"

    def __len__(self) -> int:
        if not self.shape:
            raise TypeError("len() of an array without axes")
        return self.shape[0]

    def __iter__(self) -> Any:
        return (self[at] for at in range(len(self)))

    def __getitem__(self, key: Any) -> Any:
        return getitem(self, key=key)

    def __add__(self, other: Any) -> Any:
        return add(self, other)

    def __radd__(self, other: Any) -> Any:
        return add(other, self)

    def __sub__(self, other: Any) -> Any:
        return subtract(self, other)

    def __rsub__(self, other: Any) -> Any:
        return subtract(other, self)

    def __mul__(self, other: Any) -> Any:
        return multiply(self, other)

    def __rmul__(self, other: Any) -> Any:
        return multiply(other, self)

    def __truediv__(self, other: Any) -> Any:
        return divide(self, other)

    def __rtruediv__(self, other: Any) -> Any:
        return divide(other, self)

    def __pow__(self, other: Any) -> Any:
        return power(self, other)

    def __rpow__(self, other: Any) -> Any:
        return power(other, self)

    def __matmul__(self, other: Any) -> Any:
        return matmul(self, other)

    def __rmatmul__(self, other: Any) -> Any:
        return matmul(other, self)

    def __neg__(self) -> Any:
        return negative(self)

    def __pos__(self) -> Any:
        return self

    def __abs__(self) -> Any:
        return absolute(self)

    def __lt__(self, other: Any) -> Any:
        return np.less(primal_of(self), primal_of(other))

    def __le__(self, other: Any) -> Any:
        return np.less_equal(primal_of(self), primal_of(other))

    def __gt__(self, other: Any) -> Any:
        return np.greater(primal_of(self), primal_of(other))

    def __ge__(self, other: Any) -> Any:
        return np.greater_equal(primal_of(self), primal_of(other))

    def __eq__(self, other: object) -> Any:
        return np.equal(primal_of(self), primal_of(other))

    def __ne__(self, other: object) -> Any:
        return np.not_equal(primal_of(self), primal_of(other))

    __hash__ = None  # type: ignore[assignment]  # equality is elementwise

    def __bool__(self) -> bool:
        return bool(primal_of(self))

    def __setitem__(self, key: Any, value: Any) -> NoReturn:
        raise NotTraceable("cannot assign into", "build the result with xp.where, xp.concat or xp.stack")

    def __float__(self) -> NoReturn:
        raise NotTraceable("float() would cut the derivative of", "keep the array, it behaves as a number")

    def __array__(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise NotTraceable(
            "a NumPy function was called on", "call it from the namespace instead, for example xp.sin(x)"
        )
