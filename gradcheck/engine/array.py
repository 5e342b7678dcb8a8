"""The traced array a user's function sees: operators, indexing, and errors for what cannot be followed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn

import numpy as np

from gradcheck.engine.core import NOTHING, Primitive, Traced, add, is_complex, multiply, negative, primal_of
from gradcheck.engine.derived import matmul, matrix_transpose
from gradcheck.engine.namespace import Namespace, xp
from gradcheck.engine.numpy_protocol import apply_function, apply_ufunc
from gradcheck.engine.rules.comparison import (
    equal,
    greater,
    greater_equal,
    less,
    less_equal,
    not_equal,
)
from gradcheck.engine.rules.elementary import absolute, divide, power, subtract
from gradcheck.engine.rules.manipulation import getitem, permute_dims
from gradcheck.errors import NoRule, NotTraceable


def _operator(primitive: Primitive) -> Callable[[Any, Any], Any]:
    """A binary operator that records numbers in one step: looking for tapes would double their time."""
    kernel = primitive.kernel
    assert kernel is not None

    def operate(self: Any, other: Any) -> Any:
        a = self.primal
        if type(a) is float:
            b, parents = other, ((0, self.index),)
            if isinstance(b, Traced) and b.tape is self.tape:
                b, parents = b.primal, ((0, self.index), (1, b.index))  # type: ignore[assignment]
            if type(b) is float or type(b) is int:
                try:
                    y = kernel(a, b)
                except (ArithmeticError, ValueError):
                    return primitive(self, other)
                return self.tape.record(primitive, (a, b), NOTHING, parents, y)
        return primitive(self, other)

    return operate


def _reflected(primitive: Primitive) -> Callable[[Any, Any], Any]:
    """The same with a number on the left."""
    kernel = primitive.kernel
    assert kernel is not None

    def operate(self: Any, other: Any) -> Any:
        b = self.primal
        if type(b) is float and (type(other) is float or type(other) is int):
            try:
                y = kernel(other, b)
            except (ArithmeticError, ValueError):
                return primitive(other, self)
            return self.tape.record(primitive, (other, b), NOTHING, ((1, self.index),), y)
        return primitive(other, self)

    return operate


def _comparison(primitive: Primitive) -> Callable[[Any, Any], Any]:
    return lambda self, other: primitive(self, other)


def _named(name: str) -> Callable[[Any, Any], Any]:
    """A binary operator that is a function of the namespace."""
    return lambda self, other: getattr(xp, name)(self, other)


def _swapped(name: str) -> Callable[[Any, Any], Any]:
    return lambda self, other: getattr(xp, name)(other, self)


_AS_A_NUMBER = "it behaves as a number: write np.sin(x) for math.sin(x), and np.stack for a[i] = x"


def _method(function: Any) -> Callable[..., Any]:
    """A method that is a function of NumPy with the array as its first argument."""
    return lambda self, *args, **options: apply_function(function, (self, *args), options)


def _refused(what: str, remedy: str) -> Callable[..., NoReturn]:
    def refuse(self: Any, *args: Any, **options: Any) -> NoReturn:
        raise NotTraceable(what, remedy)

    return refuse


class Array(Traced):
    """An array under differentiation; it behaves as a NumPy array that is never changed in place."""

    __slots__ = ()

    __array_ufunc__ = apply_ufunc

    def __array_function__(self, function: Any, types: Any, args: Any, options: Any) -> Any:
        return apply_function(function, args, options)

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

    __add__ = _operator(add)
    __radd__ = _reflected(add)
    __sub__ = _operator(subtract)
    __rsub__ = _reflected(subtract)
    __mul__ = _operator(multiply)
    __rmul__ = _reflected(multiply)
    __truediv__ = _operator(divide)
    __rtruediv__ = _reflected(divide)
    __pow__ = _operator(power)
    __rpow__ = _reflected(power)
    __lt__ = _comparison(less)
    __le__ = _comparison(less_equal)
    __gt__ = _comparison(greater)
    __ge__ = _comparison(greater_equal)
    __eq__ = _comparison(equal)
    __ne__ = _comparison(not_equal)

    __floordiv__ = _named("floor_divide")
    __rfloordiv__ = _swapped("floor_divide")
    __mod__ = _named("remainder")
    __rmod__ = _swapped("remainder")
    __and__ = _named("bitwise_and")
    __rand__ = _swapped("bitwise_and")
    __or__ = _named("bitwise_or")
    __ror__ = _swapped("bitwise_or")
    __xor__ = _named("bitwise_xor")
    __rxor__ = _swapped("bitwise_xor")

    def __divmod__(self, other: Any) -> Any:
        return self // other, self % other

    def __invert__(self) -> Any:
        return xp.bitwise_invert(self)

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

    __hash__ = None  # type: ignore[assignment]  # equality is elementwise

    def __bool__(self) -> bool:
        return bool(self.primal)

    def __getattr__(self, name: str) -> NoReturn:
        if not name.startswith("__") and hasattr(np.ndarray, name):
            raise NoRule(f"numpy.ndarray.{name}", ())
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    def __format__(self, spec: str) -> str:
        return format(primal_of(self), spec) if spec else repr(self)

    def __copy__(self) -> Any:
        return self

    def __deepcopy__(self, memo: Any) -> Any:
        return self  # a copy would stand on a tape of its own, where no derivative reaches it

    # What would leave the tape, or change what is on it, is refused: it would cut the derivative in silence.

    __setitem__ = _refused("cannot assign into", "build the result with np.where, np.concatenate or np.stack")
    __delitem__ = _refused("cannot delete from", "select what is kept, x[keep]")
    __float__ = _refused("float() would cut the derivative of", _AS_A_NUMBER)
    __int__ = _refused("int() would cut the derivative of", _AS_A_NUMBER)
    __complex__ = _refused("complex() would cut the derivative of", _AS_A_NUMBER)
    __index__ = _refused(
        "an index or a count would cut the derivative of", "derive it from shapes or from constants"
    )
    __array__ = _refused(
        "a NumPy array cannot hold",
        "write np.stack for np.array, np.where or np.concatenate for an assignment, and no np.asarray",
    )
    item = _refused("item() would cut the derivative of", _AS_A_NUMBER)
    tolist = _refused("tolist() would cut the derivative of", "iterate over the array, list(x)")
    fill = _refused("fill() would change", "write np.full_like(x, value)")
    put = _refused("put() would change", "build the result with np.where or np.concatenate")
    itemset = put
    resize = _refused("resize() would change", "write np.reshape(x, shape)")

    def sort(self, *args: Any, **options: Any) -> NoReturn:
        """Refused: NumPy's method sorts in place."""
        raise NotTraceable("sort() would change", "write np.sort(x)")

    # NumPy's methods; reshape and transpose also take their sizes one by one.

    def reshape(self, *shape: Any, **options: Any) -> Any:
        """The entries in another shape."""
        return apply_function(np.reshape, (self, shape[0] if len(shape) == 1 else shape), options)

    def transpose(self, *axes: Any) -> Any:
        """The axes in another order, reversed when none is given."""
        order = axes[0] if len(axes) == 1 and not isinstance(axes[0], int) else axes or None
        return apply_function(np.transpose, (self, order), {})

    def astype(self, dtype: Any, **options: Any) -> Any:
        """The entries in another floating-point type."""
        return xp.astype(self, np.dtype(dtype))

    def copy(self, order: str = "C") -> Any:
        """Itself: it never changes."""
        return self

    @property
    def real(self) -> Any:
        """Real parts."""
        return xp.real(self) if is_complex(self) else self

    @property
    def imag(self) -> Any:
        """Imaginary parts."""
        return xp.imag(self)

    def conj(self) -> Any:
        """Complex conjugate."""
        return xp.conj(self)

    conjugate = conj
    all = _method(np.all)
    any = _method(np.any)
    argmax = _method(np.argmax)
    argmin = _method(np.argmin)
    argsort = _method(np.argsort)
    clip = _method(np.clip)
    cumprod = _method(np.cumprod)
    cumsum = _method(np.cumsum)
    diagonal = _method(np.diagonal)
    dot = _method(np.dot)
    flatten = _method(np.ravel)
    max = _method(np.max)
    mean = _method(np.mean)
    min = _method(np.min)
    nonzero = _method(np.nonzero)
    prod = _method(np.prod)
    ravel = _method(np.ravel)
    repeat = _method(np.repeat)
    round = _method(np.round)
    squeeze = _method(np.squeeze)
    std = _method(np.std)
    sum = _method(np.sum)
    swapaxes = _method(np.swapaxes)
    take = _method(np.take)
    trace = _method(np.trace)
    var = _method(np.var)
