"""The array-API standard for TensorFlow: the standard's names and meanings over TensorFlow's own functions.

Every function is TensorFlow's plain one where there is one; ``tf.experimental.numpy`` answers for all other
names. Its promotion of dtypes is left off: it makes float64 of bfloat16, and every operator takes twice as
long. A Python number has the dtype of the tensor beside it, as in plain TensorFlow, and float64 alone.

``logaddexp``, ``log2`` and ``where`` are composed of plain functions: in ``tf.experimental.numpy`` the first
gives its whole slope to one of two equal terms, and the others lose the dtype.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import e, inf, log, nan, pi, prod
from typing import Any, NamedTuple

import numpy as np

from gradcheck.errors import Unsupported

Axis = int | tuple[int, ...] | None

_OF_ONE = """
    abs acos acosh asin asinh atan atanh bitwise_invert ceil conj cos cosh exp expm1 floor imag isfinite isinf
    isnan log log1p logical_not negative real reciprocal round sign sin sinh sqrt square tan tanh
"""
_OF_TWO = """
    add atan2 bitwise_and bitwise_left_shift bitwise_or bitwise_right_shift bitwise_xor divide equal
    floor_divide greater greater_equal less less_equal logical_and logical_or logical_xor maximum minimum
    multiply nextafter not_equal pow remainder subtract xlogy
"""
_OWN_NAMES = {
    "bitwise_invert": "invert",
    "bitwise_left_shift": "left_shift",
    "bitwise_right_shift": "right_shift",
    "floor_divide": "floordiv",
    "isfinite": "is_finite",
    "isinf": "is_inf",
    "isnan": "is_nan",
    "remainder": "floormod",
}
_DTYPES = """
    bool int8 int16 int32 int64 uint8 uint16 uint32 uint64
    float16 bfloat16 float32 float64 complex64 complex128
"""
_MIXING = "add sub mul truediv floordiv mod pow lt le gt ge eq ne"


class SlogdetResult(NamedTuple):
    """Sign and logarithm of a determinant."""

    sign: Any
    logabsdet: Any


class EighResult(NamedTuple):
    """Eigenvalues, and eigenvectors as columns."""

    eigenvalues: Any
    eigenvectors: Any


class SVDResult(NamedTuple):
    """Left vectors as columns, singular values, right vectors as rows."""

    U: Any
    S: Any
    Vh: Any


class QRResult(NamedTuple):
    """Orthonormal and upper triangular factor."""

    Q: Any
    R: Any


class TensorFlowNamespace:
    """The standard's functions of tensors; making one gives every tensor of the process NumPy's manners.

    These are methods, indexing by arrays and masks, ``@`` of vectors, and operators on two dtypes: all of
    them were errors before, so nothing that ran changes.
    """

    pi, e, inf, nan, newaxis = pi, e, inf, nan, None

    def __init__(self) -> None:
        import tensorflow as tf

        self._tf = tf
        self._numpy = tf.experimental.numpy
        self._numpy.experimental_enable_numpy_behavior(dtype_conversion_mode="off")
        self.linalg = _LinearAlgebra(self)
        for name in _DTYPES.split():
            setattr(self, name, getattr(tf, name))
        for name in _OF_ONE.split():
            setattr(self, name, self._of_one(_own(tf, name)))
        for name in _OF_TWO.split():
            setattr(self, name, self._of_two(_own(tf, name)))
        if not hasattr(tf.Tensor, "mT"):  # once a process
            self._complete_operators(tf.Tensor)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):  # a copy asks before it is filled
            raise AttributeError(name)
        return getattr(self._numpy, name)

    def _complete_operators(self, tensor: Any) -> None:
        tensor.mT = property(self.matrix_transpose)
        tensor.__matmul__ = lambda x, other: self.matmul(x, other)
        tensor.__rmatmul__ = lambda x, other: self.matmul(other, x)
        for name in _MIXING.split():
            operator = f"__{name}__"
            setattr(tensor, operator, self._mixing(getattr(tensor, operator)))

    def _mixing(self, operator: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
        """An operator of tensors that may have two dtypes."""
        tensor = self._tf.Tensor

        def mixing(x: Any, other: Any) -> Any:
            if isinstance(other, tensor) and other.dtype is not x.dtype:
                x, other = self._alike(x, other)
            return operator(x, other)

        return mixing

    def _of_one(self, function: Callable[[Any], Any]) -> Callable[[Any], Any]:
        return lambda x, /: function(self._tensor(x))

    def _of_two(self, function: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
        return lambda x, y, /: function(*self._alike(x, y))

    def _tensor(self, x: Any) -> Any:
        """A tensor; a Python float is one of double precision, which TensorFlow makes single."""
        return x if isinstance(x, self._tf.Tensor) else self.asarray(x)

    def _alike(self, *operands: Any) -> list[Any]:
        """Tensors of one dtype; Python numbers take the arrays'."""
        found = {self._tf.as_dtype(x.dtype) for x in operands if hasattr(x, "dtype")}
        if not found:
            return [self.asarray(x) for x in operands]
        dtype = next(iter(found)) if len(found) == 1 else self.result_type(*found)
        if dtype.is_integer and any(isinstance(x, float) for x in operands):
            dtype = self._tf.float64
        return [
            self._cast(x, dtype) if hasattr(x, "dtype") else self._tf.constant(x, dtype) for x in operands
        ]

    def _cast(self, x: Any, dtype: Any) -> Any:
        return x if isinstance(x, self._tf.Tensor) and x.dtype is dtype else self._tf.cast(x, dtype)

    # Dtypes and arrays

    def result_type(self, *arrays_and_dtypes: Any) -> Any:
        """The widest dtype; of integers and floats the floats' widest."""
        found = [self._tf.as_dtype(getattr(x, "dtype", x)) for x in arrays_and_dtypes]
        floats = [dtype for dtype in found if dtype.is_floating or dtype.is_complex]
        return self._tf.as_dtype(np.result_type(*(dtype.as_numpy_dtype for dtype in floats or found)))

    def isdtype(self, dtype: Any, kind: Any) -> bool:
        if isinstance(kind, tuple):
            return any(self.isdtype(dtype, one) for one in kind)
        dtype = self._tf.as_dtype(dtype)
        signed, unsigned = dtype.is_integer and not dtype.is_unsigned, dtype.is_integer and dtype.is_unsigned
        kinds = {
            "bool": dtype.is_bool,
            "signed integer": signed,
            "unsigned integer": unsigned,
            "integral": signed or unsigned,
            "real floating": dtype.is_floating,
            "complex floating": dtype.is_complex,
            "numeric": not dtype.is_bool,
        }
        return bool(kinds[kind]) if isinstance(kind, str) else bool(dtype == kind)

    def finfo(self, dtype: Any) -> Any:
        import ml_dtypes

        finfo: Any = ml_dtypes.finfo
        return finfo(self._tf.as_dtype(getattr(dtype, "dtype", dtype)).as_numpy_dtype)

    def iinfo(self, dtype: Any) -> Any:
        return np.iinfo(self._tf.as_dtype(getattr(dtype, "dtype", dtype)).as_numpy_dtype)

    def astype(self, x: Any, dtype: Any, *, copy: bool = True) -> Any:
        return self._tf.cast(x, dtype)

    def asarray(self, x: Any, *, dtype: Any = None, copy: bool | None = None) -> Any:
        found = self._numpy.asarray(x)  # which has float64 where tf.constant has float32
        return found if dtype is None else self._tf.cast(found, dtype)

    def zeros(self, shape: Any, *, dtype: Any = None) -> Any:
        return self._tf.zeros(shape, dtype or self._tf.float64)

    def ones(self, shape: Any, *, dtype: Any = None) -> Any:
        return self._tf.ones(shape, dtype or self._tf.float64)

    def full(self, shape: Any, fill_value: Any, *, dtype: Any = None) -> Any:
        return self._tf.fill(shape, self.asarray(fill_value, dtype=dtype))

    def zeros_like(self, x: Any, *, dtype: Any = None) -> Any:
        return self._tf.zeros_like(x, dtype)

    def ones_like(self, x: Any, *, dtype: Any = None) -> Any:
        return self._tf.ones_like(x, dtype)

    def full_like(self, x: Any, fill_value: Any, *, dtype: Any = None) -> Any:
        return self.full(x.shape, fill_value, dtype=dtype or x.dtype)

    def arange(self, start: Any, stop: Any = None, step: Any = 1, *, dtype: Any = None) -> Any:
        return self.asarray(np.arange(start) if stop is None else np.arange(start, stop, step), dtype=dtype)

    def linspace(self, start: Any, stop: Any, num: int, *, dtype: Any = None, endpoint: bool = True) -> Any:
        return self.asarray(np.linspace(start, stop, num, endpoint=endpoint), dtype=dtype)

    def eye(self, rows: int, columns: int | None = None, /, *, k: int = 0, dtype: Any = None) -> Any:
        return self.asarray(np.eye(rows, columns, k), dtype=dtype)

    # Elementwise

    def positive(self, x: Any) -> Any:
        return self._tensor(x)

    def log2(self, x: Any) -> Any:
        return self._tf.math.log(self._tensor(x)) / log(2.0)

    def log10(self, x: Any) -> Any:
        return self._tf.math.log(self._tensor(x)) / log(10.0)

    def trunc(self, x: Any) -> Any:
        x = self._tensor(x)
        return self._tf.sign(x) * self._tf.floor(self._tf.abs(x))

    def signbit(self, x: Any) -> Any:
        x = self._tensor(x)
        return (x < 0) | (1 / x < 0)

    def hypot(self, x: Any, y: Any) -> Any:
        x, y = self._alike(x, y)
        return self._tf.sqrt(self._tf.square(x) + self._tf.square(y))

    def sinc(self, x: Any) -> Any:
        x = self._tensor(x)
        return self._cast(self._numpy.sinc(x), x.dtype)  # which is float64 for bfloat16

    def logaddexp(self, x: Any, y: Any) -> Any:
        x, y = self._alike(x, y)
        ordered = x >= y
        high, low = self._tf.where(ordered, x, y), self._tf.where(ordered, y, x)
        return high + self._tf.math.log1p(self._tf.exp(low - high))

    def clip(self, x: Any, min: Any = None, max: Any = None) -> Any:  # noqa: A002 - the standard's names
        x = self._tensor(x) if min is None else self.maximum(x, min)
        return x if max is None else self.minimum(x, max)

    def where(self, condition: Any, x: Any, y: Any) -> Any:
        return self._tf.where(condition, *self._alike(x, y))

    # Reductions

    def sum(self, x: Any, *, axis: Axis = None, dtype: Any = None, keepdims: bool = False) -> Any:
        return self._tf.reduce_sum(self._summand(x, dtype), axis, keepdims)

    def prod(self, x: Any, *, axis: Axis = None, dtype: Any = None, keepdims: bool = False) -> Any:
        return self._tf.reduce_prod(self._summand(x, dtype), axis, keepdims)

    def _summand(self, x: Any, dtype: Any) -> Any:
        x = self._tensor(x)
        return self._cast(x, dtype or (self._tf.int64 if x.dtype.is_bool else x.dtype))

    def mean(self, x: Any, *, axis: Axis = None, keepdims: bool = False) -> Any:
        return self._tf.reduce_mean(self._tensor(x), axis, keepdims)

    def max(self, x: Any, *, axis: Axis = None, keepdims: bool = False) -> Any:
        return self._tf.reduce_max(self._tensor(x), axis, keepdims)

    def min(self, x: Any, *, axis: Axis = None, keepdims: bool = False) -> Any:
        return self._tf.reduce_min(self._tensor(x), axis, keepdims)

    def all(self, x: Any, *, axis: Axis = None, keepdims: bool = False) -> Any:
        return self._tf.reduce_all(self._tf.cast(x, self._tf.bool), axis, keepdims)

    def any(self, x: Any, *, axis: Axis = None, keepdims: bool = False) -> Any:
        return self._tf.reduce_any(self._tf.cast(x, self._tf.bool), axis, keepdims)

    def var(self, x: Any, *, axis: Axis = None, correction: float = 0.0, keepdims: bool = False) -> Any:
        x = self._tensor(x)
        axes = range(x.ndim) if axis is None else (axis if isinstance(axis, tuple) else (axis,))
        count = prod(x.shape[one] for one in axes)
        return self._tf.math.reduce_variance(x, axis, keepdims) * (count / (count - correction))

    def std(self, x: Any, *, axis: Axis = None, correction: float = 0.0, keepdims: bool = False) -> Any:
        return self._tf.sqrt(self.var(x, axis=axis, correction=correction, keepdims=keepdims))

    def count_nonzero(self, x: Any, *, axis: Axis = None, keepdims: bool = False) -> Any:
        return self._tf.math.count_nonzero(x, axis, keepdims)

    def cumulative_sum(self, x: Any, *, axis: int = 0, include_initial: bool = False) -> Any:
        return self._started(self._tf.cumsum(self._tensor(x), axis), axis, 0, include_initial)

    def cumulative_prod(self, x: Any, *, axis: int = 0, include_initial: bool = False) -> Any:
        return self._started(self._tf.math.cumprod(self._tensor(x), axis), axis, 1, include_initial)

    def _started(self, x: Any, axis: int, initial: int, include: bool) -> Any:
        if not include:
            return x
        first = self._tf.ones_like(self.take(x, self._tf.constant([0]), axis=axis)) * initial
        return self._tf.concat([first, x], axis)

    def argmax(self, x: Any, *, axis: int | None = None, keepdims: bool = False) -> Any:
        return self._position(self._tf.argmax, x, axis, keepdims)

    def argmin(self, x: Any, *, axis: int | None = None, keepdims: bool = False) -> Any:
        return self._position(self._tf.argmin, x, axis, keepdims)

    def _position(self, function: Any, x: Any, axis: int | None, keepdims: bool) -> Any:
        found = function(self._tf.reshape(x, -1) if axis is None else x, 0 if axis is None else axis)
        if not keepdims:
            return found
        return self._tf.reshape(found, (1,) * x.ndim) if axis is None else self._tf.expand_dims(found, axis)

    # Shapes

    def reshape(self, x: Any, shape: Any, *, copy: bool | None = None) -> Any:
        return self._tf.reshape(self._tensor(x), shape)

    def broadcast_to(self, x: Any, shape: Any) -> Any:
        return self._tf.broadcast_to(self._tensor(x), shape)

    def broadcast_arrays(self, *arrays: Any) -> list[Any]:
        tensors = [self._tensor(x) for x in arrays]
        shape = np.broadcast_shapes(*(tuple(x.shape) for x in tensors))
        return [x if tuple(x.shape) == shape else self._tf.broadcast_to(x, shape) for x in tensors]

    def concat(self, arrays: Sequence[Any], *, axis: int | None = 0) -> Any:
        tensors = self._alike(*arrays)
        if axis is None:
            return self._tf.concat([self._tf.reshape(x, [-1]) for x in tensors], 0)
        return self._tf.concat(tensors, axis)

    def stack(self, arrays: Sequence[Any], *, axis: int = 0) -> Any:
        return self._tf.stack(self._alike(*arrays), axis)

    def unstack(self, x: Any, *, axis: int = 0) -> tuple[Any, ...]:
        return tuple(self._tf.unstack(x, axis=axis))

    def expand_dims(self, x: Any, *, axis: int = 0) -> Any:
        return self._tf.expand_dims(self._tensor(x), axis)

    def squeeze(self, x: Any, axis: int | tuple[int, ...]) -> Any:
        x = self._tensor(x)
        axes = list(axis) if isinstance(axis, tuple) else [axis]
        if any(x.shape[at] != 1 for at in axes):
            raise ValueError(f"squeeze: an array of shape {tuple(x.shape)} has no axis of length 1 at {axis}")
        return self._tf.squeeze(x, axes)

    def permute_dims(self, x: Any, axes: tuple[int, ...]) -> Any:
        return self._tf.transpose(self._tensor(x), axes)

    def matrix_transpose(self, x: Any) -> Any:
        return self._tf.linalg.matrix_transpose(self._tensor(x))

    def flip(self, x: Any, *, axis: Axis = None) -> Any:
        axes = tuple(range(x.ndim)) if axis is None else (axis if isinstance(axis, tuple) else (axis,))
        return self._tf.reverse(x, [at % x.ndim for at in axes])

    def roll(self, x: Any, shift: Any, *, axis: Axis = None) -> Any:
        if axis is None:
            return self._tf.reshape(self._tf.roll(self._tf.reshape(x, [-1]), shift, 0), x.shape)
        return self._tf.roll(x, shift, axis)

    def take(self, x: Any, indices: Any, *, axis: int = 0) -> Any:
        return self._tf.gather(self._tensor(x), indices, axis=axis)

    def sort(self, x: Any, *, axis: int = -1, descending: bool = False, stable: bool = True) -> Any:
        return self._tf.sort(x, axis, "DESCENDING" if descending else "ASCENDING")

    def argsort(self, x: Any, *, axis: int = -1, descending: bool = False, stable: bool = True) -> Any:
        order = "DESCENDING" if descending else "ASCENDING"
        return self._tf.cast(self._tf.argsort(x, axis, order, stable), self._tf.int64)

    # Products

    def matmul(self, x: Any, y: Any) -> Any:
        x, y = self._alike(x, y)
        inner = y.shape[-2 if y.ndim > 1 else -1]
        if x.shape[-1] != inner:
            raise ValueError(f"matmul: shapes {tuple(x.shape)} and {tuple(y.shape)} do not fit")
        if x.ndim == 1:
            return self.vecdot(x, y) if y.ndim == 1 else self._tf.linalg.matvec(y, x, transpose_a=True)
        return self._tf.linalg.matvec(x, y) if y.ndim == 1 else self._tf.linalg.matmul(x, y)

    def vecdot(self, x: Any, y: Any, *, axis: int = -1) -> Any:
        x, y = self._alike(x, y)
        if x.shape[axis] != y.shape[axis]:
            raise ValueError(
                f"vecdot: shapes {tuple(x.shape)} and {tuple(y.shape)} do not fit along axis {axis}"
            )
        return self._tf.reduce_sum((self._tf.math.conj(x) if x.dtype.is_complex else x) * y, axis)

    def tensordot(self, x: Any, y: Any, *, axes: Any = 2) -> Any:
        return self._tf.tensordot(*self._alike(x, y), axes)


class _LinearAlgebra:
    """The standard's ``linalg``."""

    def __init__(self, xp: TensorFlowNamespace) -> None:
        self._xp = xp
        self._tf = xp._tf
        self._own = xp._tf.linalg
        self.matmul, self.vecdot, self.tensordot = xp.matmul, xp.vecdot, xp.tensordot
        self.matrix_transpose = xp.matrix_transpose

    def _matrix(self, x: Any) -> Any:
        x = self._xp._tensor(x)
        if x.dtype.size < 4:
            raise Unsupported(f"has no decomposition of matrices in {x.dtype.name}")
        return x

    def det(self, x: Any) -> Any:
        return self._own.det(self._matrix(x))

    def slogdet(self, x: Any) -> Any:
        return SlogdetResult(*self._own.slogdet(self._matrix(x)))

    def inv(self, x: Any) -> Any:
        return self._own.inv(self._matrix(x))

    def solve(self, x: Any, y: Any) -> Any:
        x, y = self._xp._alike(x, y)
        x = self._matrix(x)
        if x.shape[-2] != y.shape[-2 if y.ndim > 1 else -1]:
            raise ValueError(f"solve: shapes {tuple(x.shape)} and {tuple(y.shape)} do not fit")
        return self._own.solve(x, y) if y.ndim > 1 else self._own.solve(x, y[:, None])[..., 0]

    def cholesky(self, x: Any, *, upper: bool = False) -> Any:
        lower = self._own.cholesky(self._matrix(x))
        return self._own.adjoint(lower) if upper else lower

    def eigh(self, x: Any) -> Any:
        return EighResult(*self._own.eigh(self._matrix(x)))

    def eigvalsh(self, x: Any) -> Any:
        return self._own.eigvalsh(self._matrix(x))

    def svd(self, x: Any, *, full_matrices: bool = True) -> Any:
        singular, left, right = self._own.svd(self._matrix(x), full_matrices)
        return SVDResult(left, singular, self._own.adjoint(right))

    def svdvals(self, x: Any) -> Any:
        return self._own.svd(self._matrix(x), compute_uv=False)

    def qr(self, x: Any, *, mode: str = "reduced") -> Any:
        return QRResult(*self._own.qr(self._matrix(x), full_matrices=mode == "complete"))

    def pinv(self, x: Any, *, rtol: Any = None) -> Any:
        return self._own.pinv(self._matrix(x), rtol)

    def matrix_power(self, x: Any, n: int) -> Any:
        factor, power = self.inv(x) if n < 0 else x, self._own.eye(x.shape[-1], dtype=x.dtype)
        for _ in range(abs(n)):
            power = self._own.matmul(power, factor)
        return power

    def matrix_rank(self, x: Any, *, rtol: Any = None) -> Any:
        singular = self.svdvals(x)
        least = max(x.shape[-2:]) * self._xp.finfo(x.dtype).eps if rtol is None else rtol
        largest = self._tf.reduce_max(singular, -1, keepdims=True)
        return self._tf.math.count_nonzero(singular > least * largest, -1)

    def trace(self, x: Any, *, offset: int = 0) -> Any:
        return self._tf.reduce_sum(self.diagonal(x, offset=offset), -1)

    def diagonal(self, x: Any, *, offset: int = 0) -> Any:
        return self._own.diag_part(x, k=offset)

    def cross(self, x: Any, y: Any, *, axis: int = -1) -> Any:
        return self._own.cross(*self._xp._alike(x, y)) if axis == -1 else self._xp.cross(x, y, axis=axis)

    def outer(self, x: Any, y: Any) -> Any:
        x, y = self._xp._alike(x, y)
        return x[:, None] * y[None, :]

    def vector_norm(
        self,
        x: Any,
        *,
        axis: Axis = None,
        keepdims: bool = False,
        ord: float = 2,  # noqa: A002 - the standard's name
    ) -> Any:
        if axis is None:
            norm = self._own.norm(self._tf.reshape(x, [-1]), ord)
            return self._tf.reshape(norm, (1,) * x.ndim) if keepdims else norm
        return self._own.norm(x, ord, axis, keepdims)

    def matrix_norm(
        self,
        x: Any,
        *,
        keepdims: bool = False,
        ord: Any = "fro",  # noqa: A002 - the standard's name
    ) -> Any:
        if ord in (2, -2, "nuc"):
            x = self._matrix(x)
        if ord != "nuc":
            return self._own.norm(x, ord, (-2, -1), keepdims)
        norm = self._tf.reduce_sum(self.svdvals(x), -1)
        return norm[..., None, None] if keepdims else norm


def _own(tf: Any, name: str) -> Any:
    """TensorFlow's function of the standard's name, in whichever of its modules it is."""
    own = _OWN_NAMES.get(name, name)
    return next(getattr(place, own) for place in (tf.math, tf, tf.bitwise) if hasattr(place, own))
