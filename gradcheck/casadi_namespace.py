"""Arrays whose entries are expressions, backends that differentiate these, and CasADi's functions of them.

NumPy loops, broadcasts and indexes over arrays of objects; a symbolic framework gives the functions of an
entry and the derivative. Neither CasADi nor SymPy has arrays of any rank with the standard's rules.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from itertools import accumulate
from math import prod
from typing import Any, ClassVar, NoReturn

import numpy as np

from gradcheck.backends.base import Blocks, Call, Differentiator
from gradcheck.errors import Unsupported
from gradcheck.namespaces import Extended, numpy_xp
from gradcheck.problems import Bound

Shape = tuple[int, ...]
Evaluate = Callable[[], np.ndarray]

_COMPARISONS = frozenset(["equal", "not_equal", "less", "less_equal", "greater", "greater_equal"])
_OPERATORS = _COMPARISONS | frozenset(
    ["add", "subtract", "multiply", "divide", "negative", "positive", "power", "matmul"]
)
_FUNCTIONS = frozenset(["sinc", "where"])  # entry by entry, but no ufuncs of NumPy's

# Names that CasADi shares with NumPy.
_CASADI = (
    "arccos arccosh arcsin arcsinh arctan arctanh ceil cos cosh exp expm1 floor log log10 log1p sign sin "
    "sinh sqrt tan tanh"
)


class Expressions(np.ndarray):
    """An array of expressions; one without axes stays an array.

    Attributes
    ----------
    lift
        A number, a truth value or an expression as an expression.
    entrywise
        The framework's functions of entries by the names of NumPy's ufuncs, ``where`` and ``sinc``.
        Operators that are not among them are Python's own on the entries.
    matrices
        The framework's functions of matrices by their names in ``linalg``.
    """

    lift: ClassVar[Callable[[Any], Any]]
    entrywise: ClassVar[Mapping[str, np.ufunc]]
    matrices: ClassVar[Mapping[str, Callable[..., Any]]] = {}

    @classmethod
    def of(cls, entries: Any) -> Any:
        """A number, an expression or an array of them as an array of expressions."""
        if isinstance(entries, cls):
            return entries
        known = isinstance(entries, (np.ndarray, list, tuple))
        return cls.boxed(np.frompyfunc(cls.lift, 1, 1)(entries) if known else cls.lift(entries))

    @classmethod
    def boxed(cls, entries: Any) -> Any:
        """An array of objects, or a bare entry, as an array of this class."""
        if not isinstance(entries, np.ndarray):
            entry, entries = entries, np.empty((), dtype=object)
            entries[()] = entry
        return entries.view(cls)

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **options: Any) -> Any:
        name = ufunc.__name__
        own = self.entrywise.get(name)
        if own is None and name not in _OPERATORS:
            raise Unsupported(f"has no {name} of symbols")
        operands = [self.of(entries).view(np.ndarray) for entries in inputs]
        if own is not None and method == "reduce":
            return self.boxed(_reduced(own, operands[0], **options))
        if "out" in options:
            options["out"] = tuple(array.view(np.ndarray) for array in options["out"])
        if name in _COMPARISONS:
            options["dtype"] = object  # NumPy would ask every comparison for its truth value
        return self.boxed(getattr(own or ufunc, method)(*operands, **options))

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        own = self.entrywise.get(function.__name__) if function.__name__ in _FUNCTIONS else None
        if own is not None and len(args) == own.nin:
            return self.boxed(own(*(self.of(x).view(np.ndarray) for x in args)))
        try:
            return self._adopted(super().__array_function__(function, types, args, kwargs))
        except (TypeError, RuntimeError) as error:
            raise Unsupported(f"has no {function.__name__} of symbols") from error

    def _adopted(self, result: Any) -> Any:
        if isinstance(result, (list, tuple)):
            return type(result)(map(self._adopted, result))
        return self.of(result) if isinstance(result, np.ndarray) and result.dtype == object else result

    def __getitem__(self, key: Any) -> Any:
        if any(isinstance(part, Expressions) for part in (key if isinstance(key, tuple) else (key,))):
            self._no_number()
        return self.boxed(super().__getitem__(key))

    def astype(self, dtype: Any, *args: Any, **kwargs: Any) -> Any:
        """Itself: an expression has the precision that it is evaluated in."""
        return self if np.dtype(dtype).kind == "f" else self._no_number()

    def _no_number(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise Unsupported(
            "needs a number (in a branch, a loop or a function of floats) where it has a symbol"
        )

    __bool__ = __float__ = __int__ = __index__ = _no_number
    argmax = argmin = argsort = nonzero = sort = _no_number


def expressions(
    lift: Callable[[Any], Any],
    one: Mapping[str, Callable[..., Any]],
    two: Mapping[str, Callable[..., Any]],
    where: Callable[..., Any],
    matrices: Mapping[str, Callable[..., Any]] | None = None,
) -> type[Expressions]:
    """A framework's class of arrays, from its functions of one entry and of two."""
    entrywise = {name: np.frompyfunc(function, 1, 1) for name, function in one.items()}
    entrywise |= {name: np.frompyfunc(function, 2, 1) for name, function in two.items()}
    bounded = lambda x, low, high: two["minimum"](two["maximum"](x, low), high)  # noqa: E731
    entrywise |= {"clip": np.frompyfunc(bounded, 3, 1), "where": np.frompyfunc(where, 3, 1)}
    for mask, logical in (
        ("bitwise_and", "logical_and"),
        ("bitwise_or", "logical_or"),
        ("invert", "logical_not"),
    ):
        entrywise[mask] = entrywise[logical]
    bare = lambda x: lift(x.item() if isinstance(x, np.ndarray) else x)  # noqa: E731
    own = {"lift": staticmethod(bare), "entrywise": entrywise, "matrices": matrices or {}}
    return type("Expressions", (Expressions,), own)


def filled(entries: Sequence[Any], shape: Shape) -> np.ndarray:
    """An array of objects of this shape with these entries, by rows."""
    array = np.empty(len(entries), dtype=object)
    for at, entry in enumerate(entries):
        array[at] = entry
    return array.reshape(shape)


def _reduced(
    function: np.ufunc, array: np.ndarray, axis: Any = 0, keepdims: bool = False, **options: Any
) -> Any:
    """A reduction axis by axis: over several at once NumPy reduces by its own functions alone."""
    if "initial" in options or options.get("where", True) is not True:
        raise Unsupported("reduces symbols along whole axes, without an initial value")
    axes = tuple(range(array.ndim)) if axis is None else tuple(np.atleast_1d(axis))
    for at in axes:
        array = _halved(function, array, at)
    return array if keepdims else np.squeeze(array, axis=axes)


def _halved(function: np.ufunc, array: np.ndarray, axis: int) -> Any:
    """A reduction by halves, which nests formulas less deep than one after the other."""
    if array.shape[axis] < 2:
        return function.reduce(array, axis=axis, keepdims=True)
    return function(*(_halved(function, half, axis) for half in np.array_split(array, 2, axis)))


class SymbolicDifferentiator(Differentiator):
    """Differentiates a function of symbols once and evaluates the answer, in float64, at any inputs.

    A framework's class gives ``arrays`` and the three methods that follow; answers are flat, in the form of
    :mod:`gradcheck.operators`.
    """

    arrays: type[Expressions]

    def symbols(self, name: str, count: int) -> list[Any]:
        """New variables."""
        raise NotImplementedError

    def derivative(self, operator: str, y: list[Any], x: list[Any], seed: list[Any]) -> Any:
        """The answer to an operator: of ``y`` by ``x``, with tangents or a cotangent ``seed``."""
        raise NotImplementedError

    def compiled(self, variables: list[Any], memory: np.ndarray, answer: Any) -> Evaluate:
        """What evaluates the answer, in new memory, at the variables' values in ``memory``."""
        raise NotImplementedError

    def functions(self) -> Any:
        """The array namespace: NumPy's, which looks up the framework's functions in its arguments."""
        matrices = {name: partial(self._of_matrices, name) for name in ("det", "inv", "solve")}
        linalg = Extended(numpy_xp.linalg, {"vecdot": _vecdot} | matrices)
        return Extended(numpy_xp, {"asarray": self._asarray, "linalg": linalg, "vecdot": _vecdot})

    def _asarray(self, x: Any, **options: Any) -> Any:
        array = x if isinstance(x, Expressions) else numpy_xp.asarray(x, **options)
        return self.arrays.of(array) if array.dtype == object else array

    def _of_matrices(self, name: str, *matrices: Any) -> Any:
        if not any(isinstance(matrix, Expressions) for matrix in matrices):
            return getattr(numpy_xp.linalg, name)(*matrices)
        if name not in self.arrays.matrices:
            raise Unsupported(f"has no {name} of symbols")
        if max(map(np.ndim, matrices)) > 2:
            raise Unsupported(f"has {name} of a matrix, not of a stack of them")
        return self.arrays.boxed(self.arrays.matrices[name](*map(self.arrays.of, matrices)))

    def prepare(self, operator: str, f: Bound, xs: Blocks, *extra: Any) -> Call:
        def given(xs: Blocks, *extra: Any) -> list[Any]:
            return [*xs, *(extra[0] if operator in ("jvp", "hvp") else extra)]

        shapes = [np.shape(block) for block in given(xs, *extra)]
        inputs = shapes[: len(xs)]
        x = self.symbols("x", sum(map(prod, inputs)))
        seed = self.symbols("v", sum(map(prod, shapes)) - len(x))
        with np.errstate(all="ignore"):
            y = self.arrays.of(
                f(*(self.arrays.boxed(filled(x[a:b], shape)) for a, b, shape in _parts(inputs)))
            )
        memory = np.empty(len(x) + len(seed))
        places = [memory[a:b].reshape(shape) for a, b, shape in _parts(shapes)]
        entries = [self.arrays.lift(entry) for entry in y.flat]  # a sum of nothing is NumPy's own 0
        run = self.compiled([*x, *seed], memory, self.derivative(operator, entries, x, seed))
        split = _splitter(operator, inputs, y.shape)

        def call(xs: Blocks, *extra: Any) -> Any:
            for place, block in zip(places, given(xs, *extra), strict=True):
                place[...] = block
            return split(run())

        return call

    def value(self, f: Bound, xs: Blocks) -> Any:
        return self.prepare("value", f, xs)(xs)

    def gradient(self, f: Bound, xs: Blocks) -> Any:
        return self.prepare("gradient", f, xs)(xs)

    def jacobian(self, f: Bound, xs: Blocks) -> Any:
        return self.prepare("jacobian", f, xs)(xs)

    def hessian(self, f: Bound, xs: Blocks) -> Any:
        return self.prepare("hessian", f, xs)(xs)

    def vjp(self, f: Bound, xs: Blocks, cotangent: Any) -> Any:
        return self.prepare("vjp", f, xs, cotangent)(xs, cotangent)

    def jvp(self, f: Bound, xs: Blocks, tangents: Blocks) -> Any:
        return self.prepare("jvp", f, xs, tangents)(xs, tangents)

    def hvp(self, f: Bound, xs: Blocks, tangents: Blocks) -> Any:
        return self.prepare("hvp", f, xs, tangents)(xs, tangents)


def _vecdot(x: Any, y: Any, *, axis: int = -1) -> Any:
    return numpy_xp.sum(x * y, axis=axis)


def _parts(shapes: Sequence[Shape]) -> list[tuple[int, int, Shape]]:
    """Where arrays of these shapes lie end to end: start, stop and shape."""
    stops = list(accumulate(map(prod, shapes)))
    return list(zip([0, *stops], stops, shapes, strict=False))


def _splitter(operator: str, inputs: Sequence[Shape], output: Shape) -> Callable[[np.ndarray], Any]:
    """An operator's arrays from its flat answer."""
    parts = _parts(inputs)
    k, n = prod(output), parts[-1][1]
    if operator in ("value", "jvp"):
        return lambda flat: flat.reshape(output)
    if operator == "jacobian":
        return lambda flat: [flat.reshape(k, n)[:, a:b].reshape(output + shape) for a, b, shape in parts]
    if operator == "hessian":
        return lambda flat: [
            [flat.reshape(n, n)[a:b, c:d].reshape(one + other) for c, d, other in parts]
            for a, b, one in parts
        ]
    return lambda flat: [flat[a:b].reshape(shape) for a, b, shape in parts]


def casadi_arrays(casadi: Any) -> type[Expressions]:
    """Arrays of scalars of type SX."""

    def logaddexp(x: Any, y: Any) -> Any:
        high, low = casadi.if_else(x >= y, x, y), casadi.if_else(x >= y, y, x)
        return high + casadi.log1p(casadi.exp(low - high))

    def xlogy(x: Any, y: Any) -> Any:
        without = casadi.logic_and(x == 0, y <= 0)  # 0 times a logarithm that is not finite is 0
        return x * casadi.log(casadi.if_else(without, 1, y))

    def sinc(x: Any) -> Any:
        z, series = np.pi * x, casadi.SX(1)
        for k in range(20, 0, -2):
            series = 1 - z * z / (k * (k + 1)) * series
        return casadi.if_else(casadi.fabs(z) < 1, series, casadi.sin(z) / z)  # whose slopes cancel near 0

    def matrix(array: Any) -> Any:
        rows = array.reshape(len(array), -1).view(np.ndarray)
        return casadi.vertcat(*(casadi.horzcat(*row) for row in rows))

    def entries(matrix: Any, shape: tuple[int, ...]) -> Any:
        return filled(casadi.densify(matrix).T.elements(), shape)  # CasADi lists by columns

    def determinant(a: Any) -> Any:
        return entries(casadi.det(matrix(a)), ())

    def inverse(a: Any) -> Any:
        return entries(casadi.inv(matrix(a)), a.shape)

    def solve(a: Any, b: Any) -> Any:
        return entries(casadi.solve(matrix(a), matrix(b)), b.shape)

    one = {name: getattr(casadi, name) for name in _CASADI.split()} | {
        "absolute": casadi.fabs,
        "conjugate": lambda x: x,
        "log2": lambda x: casadi.log(x) / np.log(2),
        "logical_not": casadi.logic_not,
        "reciprocal": lambda x: 1 / x,
        "sinc": sinc,
        "square": lambda x: x * x,
    }
    two = {
        "arctan2": casadi.arctan2,
        "hypot": casadi.hypot,
        "logaddexp": logaddexp,
        "logical_and": casadi.logic_and,
        "logical_or": casadi.logic_or,
        "maximum": casadi.fmax,
        "minimum": casadi.fmin,
        "xlogy": xlogy,
    }
    matrices: dict[str, Any] = {"det": determinant, "inv": inverse, "solve": solve}
    return expressions(casadi.SX, one, two, casadi.if_else, matrices)
