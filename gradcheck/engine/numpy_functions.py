"""NumPy's functions in the terms of ``xp``: a row where the name or the arguments are spelled differently.

A function of NumPy that has its name and arguments in ``xp`` needs no row. The arguments have NumPy's names
and order here; those left out of a row (``initial``, ``casting``...) are refused by the caller.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import reduce
from math import prod
from typing import Any

import numpy as np

from gradcheck.engine.core import Traced, primal_of, shape_of
from gradcheck.engine.namespace import xp
from gradcheck.errors import NoRule, NotTraceable

Function = Callable[..., Any]


def _cast(x: Any, dtype: Any) -> Any:
    return x if dtype is None else xp.astype(x, np.dtype(dtype))


def array_of(x: Any) -> Any:
    """A list of numbers as the array that NumPy takes it for; anything else as it is."""
    return np.asarray(x) if isinstance(x, (list, tuple)) else x


def _raveled(x: Any) -> Any:
    x = array_of(x)
    return xp.reshape(x, shape=(prod(shape_of(x)),))


def _reduction(name: str) -> Function:
    def reduce_along(
        a: Any, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: bool = False
    ) -> Any:
        return getattr(xp, name)(_cast(a, dtype), axis=axis, keepdims=keepdims)

    return reduce_along


def _choice(name: str) -> Function:
    """A reduction that takes no dtype."""

    def choose(a: Any, axis: Any = None, out: Any = None, *, keepdims: bool = False) -> Any:
        return getattr(xp, name)(a, axis=axis, keepdims=keepdims)

    return choose


def _spread(name: str) -> Function:
    def spread(
        a: Any,
        axis: Any = None,
        dtype: Any = None,
        out: Any = None,
        ddof: float = 0,
        keepdims: bool = False,
        *,
        correction: float | None = None,
    ) -> Any:
        free = ddof if correction is None else correction
        return getattr(xp, name)(_cast(a, dtype), axis=axis, correction=free, keepdims=keepdims)

    return spread


def _running(name: str) -> Function:
    def accumulate(a: Any, axis: int | None = None, dtype: Any = None, out: Any = None) -> Any:
        a = _cast(a, dtype)
        return getattr(xp, name)(_raveled(a) if axis is None else a, axis=axis or 0)

    return accumulate


def _quantile(a: Any, q: Any, axis: Any = None, *, keepdims: bool = False) -> Any:
    if np.ndim(q):
        raise NoRule("numpy.quantile(q=array)", ())
    return xp.quantile(a, q, axis=axis, keepdims=keepdims)


def _ptp(a: Any, axis: Any = None, out: Any = None, keepdims: bool = False) -> Any:
    return xp.max(a, axis=axis, keepdims=keepdims) - xp.min(a, axis=axis, keepdims=keepdims)


def _average(a: Any, axis: Any = None, weights: Any = None, *, keepdims: bool = False) -> Any:
    if weights is None:
        return xp.mean(a, axis=axis, keepdims=keepdims)
    weights = array_of(weights)
    if shape_of(weights) != shape_of(a):
        along = [1] * len(shape_of(a))
        along[axis] = -1
        weights = np.reshape(weights, along)
    weights = np.broadcast_to(weights, shape_of(a))
    total = xp.sum(xp.multiply(a, weights), axis=axis, keepdims=keepdims)
    return xp.divide(total, xp.sum(weights, axis=axis, keepdims=keepdims))


def _count_nonzero(a: Any, axis: Any = None, *, keepdims: bool = False) -> Any:
    return xp.sum(xp.not_equal(a, 0.0), axis=axis, keepdims=keepdims)


def _round(a: Any, decimals: int = 0, out: Any = None) -> Any:
    return xp.round(a) if not decimals else xp.round(a * 10.0**decimals) / 10.0**decimals


def _clip(
    a: Any,
    a_min: Any = None,
    a_max: Any = None,
    out: Any = None,
    *,
    min: Any = None,  # noqa: A002
    max: Any = None,  # noqa: A002
) -> Any:
    return xp.clip(a, a_min if min is None else min, a_max if max is None else max)


def _angle(z: Any, deg: bool = False) -> Any:
    return xp.angle(z) * (180 / np.pi) if deg else xp.angle(z)


# Shapes.


def _reshape(a: Any, /, shape: Any, order: str = "C", *, copy: bool | None = None) -> Any:
    shape = tuple(shape) if isinstance(shape, (tuple, list, np.ndarray)) else (shape,)
    if order == "F":
        return _transpose(_reshape(_transpose(a), shape[::-1]))
    if -1 in shape:
        rest = prod(size for size in shape if size != -1)
        shape = tuple(prod(shape_of(a)) // max(rest, 1) if size == -1 else size for size in shape)
    return xp.reshape(a, shape=shape)


def _ravel(a: Any, order: str = "C") -> Any:
    return _raveled(_transpose(a) if order == "F" else a)


def _transpose(a: Any, axes: Any = None) -> Any:
    rank = len(shape_of(a))
    order = range(rank)[::-1] if axes is None else [int(at) % rank for at in axes]
    return xp.permute_dims(a, axes=tuple(order))


def _squeeze(a: Any, axis: Any = None) -> Any:
    if axis is None:
        axis = tuple(at for at, size in enumerate(shape_of(a)) if size == 1)
    return xp.squeeze(a, axis=axis)


def _axes(given: Any) -> Any:
    return tuple(map(int, given)) if np.ndim(given) else int(given)


def _at_least(rank: int) -> Function:
    def widen(*arrays: Any) -> Any:
        wide = []
        for x in map(array_of, arrays):
            shape = shape_of(x)
            if len(shape) < rank:  # NumPy puts a matrix's third axis last, and a vector's in the middle
                shape = ((1, *shape) if len(shape) < 2 else shape) + (1,) * (rank == 3)
                shape = (1,) * (rank - len(shape)) + shape
            wide.append(xp.reshape(x, shape=shape))
        return wide[0] if len(wide) == 1 else tuple(wide)

    return widen


# Joining and splitting.


def _concatenate(arrays: Sequence[Any], /, axis: int | None = 0, out: Any = None) -> Any:
    return xp.concat([array_of(x) for x in arrays], axis=axis)


def _stack(arrays: Sequence[Any], axis: int = 0, out: Any = None) -> Any:
    return xp.stack([array_of(x) for x in arrays], axis=axis)


def _hstack(tup: Sequence[Any]) -> Any:
    arrays = [_at_least(1)(x) for x in tup]
    return xp.concat(arrays, axis=0 if len(shape_of(arrays[0])) == 1 else 1)


def _column_stack(tup: Sequence[Any]) -> Any:
    arrays = map(array_of, tup)
    return xp.concat([xp.reshape(x, shape=(-1, 1)) if len(shape_of(x)) < 2 else x for x in arrays], axis=1)


def _append(arr: Any, values: Any, axis: int | None = None) -> Any:
    if axis is not None:
        return _concatenate([arr, values], axis=axis)
    return xp.concat([_raveled(arr), _raveled(values)])


def _array_split(ary: Any, indices_or_sections: Any, axis: int = 0) -> list[Any]:
    size = shape_of(ary)[axis]
    if np.ndim(indices_or_sections) == 0:
        each, more = divmod(size, int(indices_or_sections))
        lengths = [each + 1] * more + [each] * (int(indices_or_sections) - more)
        ends = np.cumsum(lengths).tolist()
    else:
        ends = [int(at) for at in indices_or_sections] + [size]
    lead = (slice(None),) * (axis % len(shape_of(ary)))
    return [ary[(*lead, slice(start, end))] for start, end in zip([0, *ends[:-1]], ends, strict=True)]


def _split(ary: Any, indices_or_sections: Any, axis: int = 0) -> list[Any]:
    if np.ndim(indices_or_sections) == 0 and shape_of(ary)[axis] % int(indices_or_sections):
        raise ValueError("array split does not result in an equal division")  # NumPy's own words
    return _array_split(ary, indices_or_sections, axis)


# Choosing entries.


def _where(condition: Any, x: Any = None, y: Any = None, /) -> Any:
    if x is None or y is None:
        raise NotTraceable("np.where(condition) has a shape that depends on the values of", _INDICES)
    return xp.where(*map(array_of, (condition, x, y)))


_INDICES = "choose with np.where(condition, x, y)"


def _no_indices(name: str) -> Function:
    def refuse(a: Any) -> Any:
        raise NotTraceable(f"np.{name} has a shape that depends on the values of", _INDICES)

    return refuse


def _in_place(name: str) -> Function:
    def refuse(*args: Any, **options: Any) -> Any:
        raise NotTraceable(f"np.{name} writes in place, which would cut the derivative of", _ANEW)

    return refuse


_ANEW = "build the result with np.where or np.concatenate"


def _select(condlist: Sequence[Any], choicelist: Sequence[Any], default: Any = 0) -> Any:
    pairs = list(zip(condlist, choicelist, strict=True))
    return reduce(lambda rest, pair: _where(pair[0], pair[1], rest), reversed(pairs), default)


def _take(a: Any, indices: Any, axis: int | None = None, out: Any = None) -> Any:
    return xp.take(_raveled(a), indices, axis=0) if axis is None else xp.take(a, indices, axis=axis)


def _take_along_axis(arr: Any, indices: Any, axis: int | None = -1) -> Any:
    return (
        xp.take_along_axis(_raveled(arr), indices, axis=0)
        if axis is None
        else xp.take_along_axis(arr, indices, axis=axis)
    )


def _diag(v: Any, k: int = 0) -> Any:
    if len(shape_of(v)) == 2:
        return xp.linalg.diagonal(v, offset=k)
    (size,) = shape_of(v)
    at = np.arange(size)
    return xp.scatter(v, key=(at - min(k, 0), at + max(k, 0)), shape=(size + abs(k),) * 2)


def _diagonal(a: Any, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Any:
    return xp.linalg.diagonal(_last(a, axis1, axis2), offset=offset)


def _trace(
    a: Any, offset: int = 0, axis1: int = 0, axis2: int = 1, dtype: Any = None, out: Any = None
) -> Any:
    return xp.linalg.trace(_cast(_last(a, axis1, axis2), dtype), offset=offset)


def _last(a: Any, axis1: int, axis2: int) -> Any:
    rank = len(shape_of(a))
    pair = [axis1 % rank, axis2 % rank]
    return (
        a
        if pair == [rank - 2, rank - 1]
        else _transpose(a, [at for at in range(rank) if at not in pair] + pair)
    )


def _sort(a: Any, axis: int | None = -1, kind: Any = None, order: Any = None, *, stable: Any = None) -> Any:
    return xp.sort(_raveled(a), axis=0) if axis is None else xp.sort(a, axis=axis)


def _argsort(
    a: Any, axis: int | None = -1, kind: Any = None, order: Any = None, *, stable: Any = None
) -> Any:
    return xp.argsort(_raveled(a), axis=0) if axis is None else xp.argsort(a, axis=axis)


# Products.


def _matmul(a: Any, b: Any) -> Any:
    a, b = array_of(a), array_of(b)
    if not shape_of(a) or not shape_of(b):
        return np.matmul(np.empty(shape_of(a)), np.empty(shape_of(b)))  # NumPy's own error for scalars
    return xp.matmul(a, b)


def _dot(a: Any, b: Any, out: Any = None) -> Any:
    a, b = array_of(a), array_of(b)
    if not shape_of(a) or not shape_of(b):
        return xp.multiply(a, b)
    if len(shape_of(b)) <= 2:
        return xp.matmul(a, b)
    return xp.tensordot(a, b, axes=((-1,), (-2,)))


def _vdot(a: Any, b: Any, /) -> Any:
    return xp.sum(xp.multiply(xp.conj(_raveled(a)), _raveled(b)))


def _inner(a: Any, b: Any, /) -> Any:
    a, b = array_of(a), array_of(b)
    if not shape_of(a) or not shape_of(b):
        return xp.multiply(a, b)
    return xp.tensordot(a, b, axes=((-1,), (-1,)))


def _outer(a: Any, b: Any, out: Any = None) -> Any:
    return xp.multiply(xp.reshape(array_of(a), shape=(-1, 1)), xp.reshape(array_of(b), shape=(1, -1)))


def _tensordot(a: Any, b: Any, axes: Any = 2) -> Any:
    if np.ndim(axes):
        axes = tuple((int(one),) if np.ndim(one) == 0 else tuple(map(int, one)) for one in axes)
    return xp.tensordot(array_of(a), array_of(b), axes=axes)


def _einsum(subscripts: Any, *operands: Any, out: Any = None, optimize: Any = False) -> Any:
    if not isinstance(subscripts, str):
        raise NoRule("numpy.einsum(operand, axes)", ())
    return xp.einsum(subscripts, *map(array_of, operands))


def _matvec(a: Any, b: Any) -> Any:
    return xp.matmul(a, b[..., None])[..., 0]


def _vecmat(a: Any, b: Any) -> Any:
    return xp.matmul(xp.conj(a)[..., None, :], b)[..., 0, :]


def _multi_dot(arrays: Sequence[Any]) -> Any:
    return reduce(_matmul, arrays)


def _norm(x: Any, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Any:  # noqa: A002
    if axis is None and (ord is None or len(shape_of(x)) == 1):
        return xp.linalg.vector_norm(x, ord=2 if ord is None else ord, keepdims=keepdims)
    if axis is None:
        axis = (-2, -1)
    if np.ndim(axis) == 0 or len(axis) == 1 or ord is None:
        return xp.linalg.vector_norm(x, axis=axis, ord=2 if ord is None else ord, keepdims=keepdims)
    shape = shape_of(x)
    rank = len(shape)
    value = xp.linalg.matrix_norm(_last(x, *axis), ord=ord)
    gone = {at % rank for at in axis}
    return (
        xp.reshape(value, shape=tuple(1 if at in gone else n for at, n in enumerate(shape)))
        if keepdims
        else value
    )


def _svd(a: Any, full_matrices: bool = True, compute_uv: bool = True, hermitian: bool = False) -> Any:
    if not compute_uv:
        return xp.linalg.svdvals(a)
    return xp.linalg.svd(a, full_matrices=full_matrices and shape_of(a)[-1] != shape_of(a)[-2])


def _diff(a: Any, n: int = 1, axis: int = -1) -> Any:
    lead = (slice(None),) * (axis % len(shape_of(a)))
    for _ in range(n):
        a = a[(*lead, slice(1, None))] - a[(*lead, slice(None, -1))]
    return a


def _trapezoid(y: Any, x: Any = None, dx: Any = 1.0, axis: int = -1) -> Any:
    lead = (slice(None),) * (axis % len(shape_of(y)))
    if x is not None:
        x = array_of(x)
        dx = _diff(x)
        if len(shape_of(x)) == 1:
            dx = dx[(slice(None),) + (None,) * (len(shape_of(y)) - len(lead) - 1)]
    return xp.sum(dx * (y[(*lead, slice(1, None))] + y[(*lead, slice(None, -1))]) / 2.0, axis=axis)


def _linspace(start: Any, stop: Any, num: int = 50, endpoint: bool = True) -> Any:
    width = xp.subtract(stop, start)
    steps = np.linspace(0.0, 1.0, num, endpoint).astype(_dtype(width))
    return xp.add(start, xp.multiply(steps[(slice(None),) + (None,) * len(shape_of(width))], width))


def _polyval(p: Any, x: Any) -> Any:
    return reduce(lambda value, coefficient: value * x + coefficient, p, 0.0 * x)


# Questions about arrays: they are asked of the values, as ``if x > 0`` is.


def _isclose(a: Any, b: Any, rtol: float = 1e-5, atol: float = 1e-8) -> Any:
    near = xp.less_equal(xp.abs(xp.subtract(a, b)), atol + rtol * xp.abs(b))
    return xp.logical_or(xp.equal(a, b), near)


def _allclose(a: Any, b: Any, rtol: float = 1e-5, atol: float = 1e-8) -> bool:
    return bool(xp.all(_isclose(a, b, rtol, atol)))


def _array_equal(a1: Any, a2: Any) -> bool:
    return shape_of(a1) == shape_of(a2) and bool(xp.all(xp.equal(a1, a2)))


def _size(a: Any, axis: int | None = None) -> int:
    return prod(shape_of(a)) if axis is None else shape_of(a)[axis]


def _like(name: str) -> Function:
    """A constant in the shape and dtype of an array."""
    create: Function = getattr(np, name)

    def make(a: Any, *args: Any, dtype: Any = None, shape: Any = None) -> Any:
        size = shape_of(a) if shape is None else shape
        return create(np.empty(size, _dtype(a)), *args, dtype=dtype)

    return make


def _dtype(x: Any) -> np.dtype[Any]:
    return np.result_type(primal_of(x))


def _result_type(*arrays_and_dtypes: Any) -> Any:
    return np.result_type(*(_dtype(x) if isinstance(x, Traced) else x for x in arrays_and_dtypes))


_ROWS: dict[str, Function] = {
    "sum": _reduction("sum"),
    "prod": _reduction("prod"),
    "mean": _reduction("mean"),
    "std": _spread("std"),
    "var": _spread("var"),
    **{name: _choice(name) for name in ("max", "min", "any", "all", "argmax", "argmin")},
    "amax": _choice("max"),
    "amin": _choice("min"),
    "median": lambda a, axis=None, out=None, overwrite_input=False, keepdims=False: xp.median(
        a, axis=axis, keepdims=keepdims
    ),
    "quantile": _quantile,
    "percentile": lambda a, q, axis=None, *, keepdims=False: _quantile(
        a, q if np.ndim(q) else q / 100, axis=axis, keepdims=keepdims
    ),
    "ptp": _ptp,
    "average": _average,
    "count_nonzero": _count_nonzero,
    "cumsum": _running("cumulative_sum"),
    "cumprod": _running("cumulative_prod"),
    "round": _round,
    "around": _round,
    "fix": lambda x, out=None: xp.trunc(x),
    "clip": _clip,
    "angle": _angle,
    "real": lambda val: xp.real(val),
    "imag": lambda val: xp.imag(val),
    "sinc": lambda x: xp.sinc(x),
    "i0": lambda x: xp.i0(x),
    "copy": lambda a, order="K", subok=False: a,
    "astype": lambda x, dtype, /, *, copy=True, device=None: _cast(x, dtype),
    "reshape": _reshape,
    "ravel": _ravel,
    "transpose": _transpose,
    "permute_dims": _transpose,
    "matrix_transpose": lambda x, /: xp.matrix_transpose(x),
    "squeeze": _squeeze,
    "expand_dims": lambda a, axis: xp.expand_dims(a, axis=axis),
    "broadcast_to": lambda array, shape, subok=False: xp.broadcast_to(
        array, shape=(shape,) if np.ndim(shape) == 0 else tuple(shape)
    ),
    "broadcast_arrays": lambda *args, subok=False: xp.broadcast_arrays(*args),
    "atleast_1d": _at_least(1),
    "atleast_2d": _at_least(2),
    "atleast_3d": _at_least(3),
    "flip": lambda m, axis=None: xp.flip(m, axis=axis),
    "flipud": lambda m: xp.flip(m, axis=0),
    "fliplr": lambda m: xp.flip(m, axis=1),
    "moveaxis": lambda a, source, destination: xp.moveaxis(a, _axes(source), _axes(destination)),
    "roll": lambda a, shift, axis=None: xp.roll(a, shift=shift, axis=axis),
    "repeat": lambda a, repeats, axis=None: xp.repeat(a, repeats, axis=axis),
    "tile": lambda A, reps: xp.tile(A, (reps,) if np.ndim(reps) == 0 else tuple(reps)),
    "tril": lambda m, k=0: xp.tril(m, k=k),
    "triu": lambda m, k=0: xp.triu(m, k=k),
    "concatenate": _concatenate,
    "concat": _concatenate,
    "stack": _stack,
    "vstack": lambda tup: xp.concat([_at_least(2)(x) for x in tup], axis=0),
    "hstack": _hstack,
    "dstack": lambda tup: xp.concat([_at_least(3)(x) for x in tup], axis=2),
    "column_stack": _column_stack,
    "append": _append,
    "split": _split,
    "array_split": _array_split,
    "vsplit": lambda ary, indices_or_sections: _split(ary, indices_or_sections, 0),
    "hsplit": lambda ary, indices_or_sections: _split(
        ary, indices_or_sections, 0 if len(shape_of(ary)) == 1 else 1
    ),
    "where": _where,
    "nonzero": _no_indices("nonzero"),
    "flatnonzero": _no_indices("flatnonzero"),
    "argwhere": _no_indices("argwhere"),
    "select": _select,
    **{
        name: _in_place(name)
        for name in ("copyto", "fill_diagonal", "place", "put", "put_along_axis", "putmask")
    },
    "take": _take,
    "take_along_axis": _take_along_axis,
    "diag": _diag,
    "diagonal": _diagonal,
    "trace": _trace,
    "sort": _sort,
    "argsort": _argsort,
    "dot": _dot,
    "vdot": _vdot,
    "inner": _inner,
    "outer": _outer,
    "tensordot": _tensordot,
    "einsum": _einsum,
    "linalg.tensordot": _tensordot,
    "linalg.norm": _norm,
    "linalg.multi_dot": _multi_dot,
    "linalg.svd": _svd,
    "diff": _diff,
    "trapezoid": _trapezoid,
    "linspace": _linspace,
    "polyval": _polyval,
    "isclose": _isclose,
    "allclose": _allclose,
    "array_equal": _array_equal,
    "shape": shape_of,
    "ndim": lambda a: len(shape_of(a)),
    "size": _size,
    "zeros_like": _like("zeros_like"),
    "ones_like": _like("ones_like"),
    "empty_like": _like("empty_like"),
    "full_like": _like("full_like"),
    "result_type": _result_type,
    **{name: lambda a: repr(a) for name in ("array_repr", "array_str", "array2string")},
    "iscomplexobj": lambda x: _dtype(x).kind == "c",
    "isrealobj": lambda x: _dtype(x).kind != "c",
}

# Ufuncs whose name in xp differs, or that xp has as a function of its own; a function here gets the operands.
_UFUNC_ROWS: dict[str, str | Function] = {
    "matmul": _matmul,
    "vecdot": "vecdot",
    "matvec": _matvec,
    "vecmat": _vecmat,
    "absolute": "abs",
    "fabs": "abs",
    "rint": "round",
    "float_power": "power",
    "arcsin": "asin",
    "arccos": "acos",
    "arctan": "atan",
    "arctan2": "atan2",
    "arcsinh": "asinh",
    "arccosh": "acosh",
    "arctanh": "atanh",
    "radians": "deg2rad",
    "degrees": "rad2deg",
    "fmod": "fmod",
    "divmod": lambda a, b: (xp.floor_divide(a, b), xp.remainder(a, b)),
}


def _named(name: str) -> Any:
    """A function of NumPy by its dotted name; None where this version has it not."""
    place: Any = np
    for part in name.split("."):
        place = getattr(place, part, None)
    return place


FUNCTIONS: dict[Any, Function] = {_named(name): row for name, row in _ROWS.items()}
UFUNCS: dict[Any, str | Function] = {_named(name): row for name, row in _UFUNC_ROWS.items()}
