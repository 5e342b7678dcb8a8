"""What a backend is: a name, a way to load it, and a small set of operators on arrays of its own.

A loaded backend needs ``vjp`` or ``jvp``; whatever else is asked is derived from it, second derivatives too
where the framework differentiates its own derivatives (``nests``) or ``hvp`` is given. A framework that
traces or compiles does it in ``prepare``. Frameworks are imported in ``load`` and nowhere else.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, packages_distributions, version
from importlib.util import find_spec
from math import prod
from time import perf_counter
from typing import Any

import numpy as np

from gradcheck.devices import CPU
from gradcheck.errors import MissingExtra, NoRule, Unsupported
from gradcheck.memory import peak_bytes
from gradcheck.operators import OPERATORS, Layout
from gradcheck.problems import Bound

Blocks = Sequence[Any]
Call = Callable[..., Any]


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer with the error bars its backend states, block by block."""

    blocks: Any
    errors: Any


class Differentiator:
    """A loaded backend. Subclass it in a backend's file; override what the framework offers.

    Operators take ``f``, a function of the ``wrt`` inputs that returns one array, and ``xs``, the inputs as
    the backend's own arrays. ``value`` and ``jvp`` return one array of the output's shape; ``gradient``,
    ``vjp`` and ``hvp`` a list of arrays of the inputs' shapes; ``jacobian`` a list of arrays of shape
    output + input; ``hessian`` a list of lists of blocks. A backend whose answers are approximate returns an
    :class:`Answer` with its error bars instead.

    Attributes
    ----------
    xp
        Array-API namespace for the backend's arrays, with ``xlogy``.
    nests
        Whether its own ``vjp`` can be differentiated again; ``hvp`` and ``jvp`` are derived from it then.
    """

    xp: Any
    nests = False

    def array(self, x: np.ndarray) -> Any:
        """A copy of a NumPy array as one of the backend's, on its device, in the same dtype."""
        return np.array(x)

    def numpy(self, x: Any) -> np.ndarray:
        """One of the backend's arrays as a NumPy array, in its own dtype."""
        return np.asarray(x)

    def where(self, x: Any) -> str:
        """The kind of device an array lies on: ``cpu`` or ``cuda``."""
        return "cpu"

    def synchronize(self, result: Any) -> None:
        """Wait until a result can be read; needed where calls return before their result exists."""

    def settings(self) -> Mapping[str, Any]:
        """The framework's own switches that change speed or accuracy, for the record."""
        return {}

    def complaint(self, error: Exception) -> str:
        """What an exception says, in one line."""
        return str(error).strip().split("\n")[0]

    def lacks(self, error: Exception) -> bool:
        """Whether an exception says that the backend does not offer this, and not that something failed."""
        return isinstance(error, (Unsupported, NoRule, NotImplementedError))

    def prepare(self, operator: str, f: Bound, xs: Blocks, *extra: Any) -> Call:
        """A function of ``(xs, *extra)`` that answers an operator; what is done once is done here.

        A framework that traces or compiles overrides it, and compiles before it returns. ``extra`` is what
        the operator takes beside ``f`` and ``xs``: tangents or a cotangent. The function will be called at
        other inputs of the same shapes.
        """
        answer = getattr(self, operator)
        return lambda xs, *extra: answer(f, xs, *extra)

    def elapsed(self, call: Call, pool: Iterable[tuple[Any, ...]]) -> float:
        """Seconds that a call takes on all of a pool of arguments, one after the other, each waited for."""
        wait = self.synchronize
        started = perf_counter()
        for arguments in pool:
            wait(call(*arguments))
        return perf_counter() - started

    def peak_bytes(self, call: Callable[[], Any]) -> float:
        """Bytes a call needs beyond what is held before it, on the device; NaN where nobody tells."""
        return peak_bytes(call)

    def value(self, f: Bound, xs: Blocks) -> Any:
        """``f(x)``."""
        return f(*xs)

    def vjp(self, f: Bound, xs: Blocks, cotangent: Any) -> Any:
        """``w J``; through the Jacobian where a backend has only forward mode."""
        weights = self.numpy(cotangent)
        return [np.tensordot(weights, block, axes=weights.ndim) for block in self._by_columns(f, xs)]

    def jvp(self, f: Bound, xs: Blocks, tangents: Blocks) -> Any:
        """``J v``; where it is not given, as the pullback of the pullback, linear in its cotangent."""
        if not self.nests:
            mode = "derivatives" if type(self).vjp is Differentiator.vjp else "forward mode"
            raise Unsupported(f"offers no {mode}")
        along: Any = lambda w: self._inner(self.vjp(f, xs, w), tangents)  # noqa: E731
        return self.vjp(along, [self.value(f, xs) * 0], self._one(xs))[0]

    def hvp(self, f: Bound, xs: Blocks, tangents: Blocks) -> Any:
        """``H v``; where it is not given, as the gradient of the slope along ``v``."""
        if not self.nests:
            raise Unsupported("offers no second derivatives")
        one = self._one(xs)
        slope: Any = lambda *xs: self._inner(self.vjp(f, xs, one), tangents)  # noqa: E731
        return self.vjp(slope, xs, one)

    def gradient(self, f: Bound, xs: Blocks) -> Any:
        """The gradient of a scalar function."""
        return self.vjp(f, xs, self._one(xs))

    def jacobian(self, f: Bound, xs: Blocks) -> Any:
        """The Jacobian: a pullback per output entry, or a ``jvp`` per input entry without reverse mode."""
        if type(self).vjp is Differentiator.vjp:
            return self._by_columns(f, xs)
        y = self.numpy(self.value(f, xs))
        if not y.size:
            return [np.zeros((*y.shape, *np.shape(x)), y.dtype) for x in xs]
        rows = [self.vjp(f, xs, self.array(basis)) for basis in _basis(y.shape, y.dtype)]
        columns = zip(*rows, strict=True)
        return [
            np.stack([self.numpy(row) for row in column]).reshape((*y.shape, *np.shape(x)))
            for column, x in zip(columns, xs, strict=True)
        ]

    def hessian(self, f: Bound, xs: Blocks) -> Any:
        """The Hessian, one Hessian-vector product per input entry."""
        blocks: list[list[Any]] = [[] for _ in xs]
        for x, tangents in self._directions(xs):
            products = [[self.numpy(part) for part in self.hvp(f, xs, tangent)] for tangent in tangents]
            for row, column in zip(blocks, zip(*products, strict=True), strict=True):
                row.append(np.stack(column, axis=-1).reshape((*column[0].shape, *x.shape)))
        return blocks

    def _one(self, xs: Blocks) -> Any:
        return self.array(np.ones((), self.numpy(xs[0]).dtype))

    def _inner(self, blocks: Blocks, others: Blocks) -> Any:
        """Inner product of two lists of arrays."""
        products = [self.xp.sum(one * other) for one, other in zip(blocks, others, strict=True)]
        return sum(products[1:], products[0])

    def _by_columns(self, f: Bound, xs: Blocks) -> list[np.ndarray]:
        """The Jacobian, one ``jvp`` per input entry."""
        blocks = []
        for x, tangents in self._directions(xs):
            columns = [self.numpy(self.jvp(f, xs, tangent)) for tangent in tangents]
            if not columns:
                y = self.numpy(self.value(f, xs))
                blocks.append(np.zeros((*y.shape, *x.shape), y.dtype))
                continue
            blocks.append(np.stack(columns, axis=-1).reshape((*columns[0].shape, *x.shape)))
        return blocks

    def _directions(self, xs: Blocks) -> Iterator[tuple[np.ndarray, Iterator[Blocks]]]:
        """For every input: the tangents that move one of its entries and nothing else."""
        plain = [self.numpy(x) for x in xs]

        def moving(at: int) -> Iterator[Blocks]:
            for basis in _basis(plain[at].shape, plain[at].dtype):
                tangents = [basis if i == at else np.zeros_like(other) for i, other in enumerate(plain)]
                yield [self.array(tangent) for tangent in tangents]

        for at, x in enumerate(plain):
            yield x, moving(at)


def _basis(shape: tuple[int, ...], dtype: Any) -> list[np.ndarray]:
    return list(np.eye(prod(shape), dtype=dtype).reshape((prod(shape), *shape)))


def _cpu_only() -> tuple[str, ...]:
    return CPU


@dataclass(frozen=True, slots=True, kw_only=True)
class Backend:
    """A way to differentiate, not yet loaded.

    Attributes
    ----------
    name
        What ``--backend`` calls it.
    title
        One line on how it differentiates.
    load
        Device name to :class:`Differentiator`; the framework is imported here.
    devices
        The devices present; may import the framework, so it is called in a worker.
    requires
        Name of the package it needs; empty when it needs none.
    extra
        The extra of gradcheck that installs it.
    operators
        What it answers, itself or by what is derived from it.
    dtypes
        The dtypes its arrays come in.
    on_request
        Why it runs only where it is named; empty for one that always takes part.
    """

    name: str
    title: str
    load: Callable[[str], Differentiator]
    devices: Callable[[], tuple[str, ...]] = _cpu_only
    requires: str = ""
    extra: str = ""
    operators: tuple[str, ...] = OPERATORS
    dtypes: tuple[str, ...] = ("float64", "float32")
    on_request: str = ""

    @property
    def installed(self) -> bool:
        """Whether its package is there; nothing is imported to find out."""
        return not self.requires or _present(self.requires)

    @property
    def version(self) -> str:
        """Version of its package, or of gradcheck for built-in ones; empty when not installed."""
        return _version(self.requires or "gradcheck")

    def missing(self) -> MissingExtra:
        """The error that says how to install it."""
        return MissingExtra(f"backend {self.name}", self.requires, self.extra or self.requires)


@cache
def _present(package: str) -> bool:
    return find_spec(package) is not None


@cache
def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:  # the distribution may be called otherwise: tensorflow-cpu
        named = packages_distributions().get(package, ())
        return version(named[0]) if named else ""


def available_backends() -> dict[str, Backend]:
    """Every backend that an entry point offers, installed or not, by name."""
    from gradcheck.catalogue import collect, packages

    found: dict[str, Backend] = {}
    for package in packages("gradcheck.backends").values():
        found |= collect(package, Backend)
    return found


def flatten(operator: str, blocks: Any, layout: Layout) -> np.ndarray:
    """An answer's blocks in the flat form of :mod:`gradcheck.operators`.

    Raises
    ------
    ShapeMismatch
        When a block has another shape than its operator gives.
    """
    if operator in ("value", "jvp"):
        return _checked(blocks, layout.output, "f").reshape(-1)
    if operator == "hessian":
        rows = [
            [_checked(b, (*one, *other), f"({p}, {q})").reshape(prod(one), prod(other))
             for b, q, other in zip(row, layout.names, layout.inputs, strict=True)]
            for row, p, one in zip(blocks, layout.names, layout.inputs, strict=True)
        ]  # fmt: skip
        return np.block(rows).reshape(-1)
    output = layout.output if operator == "jacobian" else ()
    checked = [
        _checked(block, (*output, *shape), name).reshape(prod(output), prod(shape))
        for block, name, shape in zip(blocks, layout.names, layout.inputs, strict=True)
    ]
    return np.concatenate(checked, axis=1).reshape(-1)


class ShapeMismatch(ValueError):
    """An answer of the wrong shape."""


def _checked(block: Any, shape: tuple[int, ...], name: str) -> np.ndarray:
    array = np.asarray(block)
    if array.shape != shape:
        raise ShapeMismatch(f"the part for {name} has shape {array.shape} where {shape} belongs")
    return array
