"""What is differentiated and where: a problem is a function of an array namespace, with its points.

A problem is a value. It is written once as ``f(xp, *inputs)`` and runs unchanged on NumPy, on every
backend and on ball arithmetic; everything else about it (points, printed values, closed forms) is data
beside the function.
"""

from __future__ import annotations

import inspect
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np

from gradcheck.draws import Draw
from gradcheck.dtypes import rounded
from gradcheck.errors import BadArgument, BadProblem
from gradcheck.operators import Layout

Input = float | Draw | Any  # anything np.asarray takes


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """What a document prints for a problem at a point.

    Numbers may be floats or strings; a string keeps the printed digits (``"11.650"``). Nested lists
    follow the shape of the answer, with ``None`` where nothing is printed. Text that is not a number
    (``"formula only"``) records that a document claims an answer without giving one.

    Attributes
    ----------
    source
        Key of the document and the item in it.
    value, gradient, jacobian, hessian
        The printed answer to the operator of that name.
    note
        One line on what the document does there.
    """

    source: str
    value: Any = None
    gradient: Any = None
    jacobian: Any = None
    hessian: Any = None
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Domain:
    """Where an argument may lie: an interval, closed or open at each end."""

    low: float = -np.inf
    high: float = np.inf
    open: bool = True

    def contains(self, values: np.ndarray) -> bool:
        """Whether every entry lies inside."""
        if self.open:
            return bool(np.all((values > self.low) & (values < self.high)))
        return bool(np.all((values >= self.low) & (values <= self.high)))


class Point:
    """One place to differentiate at: a value or a draw for every input, and what documents print there.

    Parameters
    ----------
    published
        One :class:`Published` or several.
    label
        Name of the point among its problem's points; derived from the size or the inputs when not given.
    size
        The n that the cost at this point is a function of; 0 for a point that is there to be judged alone.
        A point with a size is there to be timed: only ``value`` and ``gradient`` are asked at it.
    **inputs
        The inputs of the function by name.

    Raises
    ------
    BadArgument
        When the size is no whole number, or negative.
    """

    __slots__ = ("inputs", "label", "published", "size")

    def __init__(
        self,
        *,
        published: Published | tuple[Published, ...] = (),
        label: str = "",
        size: int = 0,
        **inputs: Input,
    ) -> None:
        if not isinstance(size, int) or size < 0:
            raise BadArgument("size", "a whole number that is not negative", size)
        self.published = (published,) if isinstance(published, Published) else tuple(published)
        self.inputs: Mapping[str, Input] = inputs
        self.size = size
        derived = f"n={size}" if size else ", ".join(f"{name}={_brief(x)}" for name, x in inputs.items())
        self.label = label or derived

    def __repr__(self) -> str:
        return f"Point({self.label})"


def _brief(value: Input) -> str:
    if isinstance(value, Draw):
        return repr(value)
    array = np.asarray(value)
    if array.ndim == 0:
        return f"{array.item():.6g}"
    if array.size <= 4 and array.ndim == 1:
        return "(" + ", ".join(f"{entry:.6g}" for entry in array) + ")"
    return "x".join(map(str, array.shape))


def sized(sizes: Iterable[int], inputs: Callable[[int], Mapping[str, Any]]) -> tuple[Point, ...]:
    """Points of growing size, to be timed.

    Parameters
    ----------
    sizes
        The n of every point.
    inputs
        From n to the inputs of the function by name; draws, so that nothing large is made before it is used.

    Raises
    ------
    BadArgument
        When a size is not a positive whole number.

    Examples
    --------
    >>> from gradcheck import draws
    >>> sized((1000, 10_000), lambda n: {"u": draws.uniform(0, 1, n)})
    (Point(n=1000), Point(n=10000))
    """
    points = []
    for size in sizes:
        if not isinstance(size, int) or size < 1:
            raise BadArgument("sizes", "positive whole numbers", size)
        points.append(Point(size=size, **inputs(size)))
    return tuple(points)


@dataclass(frozen=True, kw_only=True)
class Problem:
    """A function to differentiate, written once as ``fn(xp, *inputs)``.

    Attributes
    ----------
    name
        Unique in its suite.
    fn
        ``fn(xp, *inputs)`` where ``xp`` is an array-API namespace; besides the standard's functions it
        offers ``xlogy``. It returns one array.
    inputs
        Names of the function's inputs, in order.
    points
        Where to differentiate.
    wrt
        Names of the inputs to differentiate by; the others are constants.
    why
        The mistake this problem catches that others do not, in one line.
    thread
        Where users met that mistake in public, as ``project#number``; several are separated by commas.
    formula
        First line of the function's docstring.
    domain
        Where inputs may lie, by input name.
    kinks
        In words, where the function has no derivative.
    jac
        Closed form ``jac(xp, *inputs)``: the derivative with respect to each ``wrt`` input, of shape
        ``output + input``, as a tuple (a bare array when there is one).
    vjp
        A hand-written rule to be verified: ``vjp(xp, *inputs, cotangent)`` gives one array per
        ``wrt`` input, as a tuple (a bare array when there is one).
    refuses
        Non-empty when the function must raise a shape error: the reason, in words.
    """

    name: str
    fn: Callable[..., Any]
    inputs: tuple[str, ...]
    points: tuple[Point, ...]
    wrt: tuple[str, ...]
    why: str = ""
    thread: str = ""
    formula: str = ""
    domain: Mapping[str, Domain] = field(default_factory=dict)
    kinks: str = ""
    jac: Callable[..., Any] | None = None
    vjp: Callable[..., Any] | None = None
    refuses: str = ""

    def __call__(self, xp: Any, *inputs: Any) -> Any:
        """Evaluate the function."""
        return self.fn(xp, *inputs)

    def instances(self, seed: int = 0) -> list[Instance]:
        """The problem at each of its points, with random inputs drawn from ``seed``."""
        return [Instance(problem=self, point=point, seed=seed) for point in self.points]

    def renamed(self, name: str) -> Problem:
        """The same problem under another name."""
        return replace(self, name=name)


@dataclass(frozen=True, kw_only=True)
class Instance:
    """A problem at one point: concrete arrays, in float64 unless cast.

    Draws depend on the seed, the problem's name, the point's label and the input's name alone, so any
    row of a run can be repeated without replaying the others.
    """

    problem: Problem
    point: Point
    seed: int = 0

    def _draw(self, purpose: str, draw: Draw) -> np.ndarray:
        key = zlib.crc32(f"{self.problem.name}/{self.point.label}/{purpose}".encode())
        return draw(np.random.default_rng([self.seed, key]))

    @cached_property
    def arrays(self) -> dict[str, np.ndarray]:
        """Input name to array; integers stay integers, everything else is float64."""
        made = {}
        for name in self.problem.inputs:
            given = self.point.inputs[name]
            array = self._draw(name, given) if isinstance(given, Draw) else np.asarray(given)
            made[name] = array if array.dtype.kind in "iub" else array.astype(np.float64)
        return made

    def cast(self, dtype: str) -> dict[str, np.ndarray]:
        """The inputs with floating ones rounded to ``dtype``."""
        return {
            name: rounded(array, dtype) if array.dtype.kind == "f" else array
            for name, array in self.arrays.items()
        }

    def direction(self, purpose: str, shapes: tuple[tuple[int, ...], ...]) -> list[np.ndarray]:
        """Seeded tangents or cotangents of the given shapes; all entries are exact in float32."""
        from gradcheck.draws import signed

        return [self._draw(f"{purpose}{i}", signed(*shape)) for i, shape in enumerate(shapes)]

    @cached_property
    def seeds(self) -> dict[str, list[np.ndarray]]:
        """The tangent (one array per ``wrt`` input) and the cotangent (one array) it is asked with."""
        return {
            "tangent": self.direction("tangent", self.layout.inputs),
            "cotangent": self.direction("cotangent", (self.layout.output,)),
        }

    @property
    def wrt_shapes(self) -> tuple[tuple[int, ...], ...]:
        """Shapes of the inputs differentiated by."""
        return tuple(self.arrays[name].shape for name in self.problem.wrt)

    @cached_property
    def layout(self) -> Layout:
        """Shapes of inputs and output, from one evaluation on NumPy.

        Raises
        ------
        BadProblem
            When the function does not run, or does not return one numeric array.
        """
        from gradcheck.namespaces import numpy_xp

        try:
            with np.errstate(all="ignore"):
                output = self.problem.fn(numpy_xp, *self.arrays.values())
        except Exception as error:
            fault = f"fails on NumPy at {self.point.label} ({type(error).__name__}: {error})"
            raise BadProblem(self.problem.name, fault, "mend the function or the point") from error
        kind = type(output).__name__ if isinstance(output, (tuple, list)) else np.asarray(output).dtype.name
        if kind not in ("float64", "float32"):
            fault = f"returns {kind} at {self.point.label}"
            raise BadProblem(self.problem.name, fault, "return one floating-point array")
        return Layout(names=self.problem.wrt, inputs=self.wrt_shapes, output=np.shape(output))

    def bind(self, xp: Any, inputs: Mapping[str, Any]) -> Bound:
        """The function of the ``wrt`` inputs alone, the others fixed at ``inputs``."""
        return Bound(problem=self.problem, xp=xp, inputs=inputs)


@dataclass(frozen=True, kw_only=True)
class Bound:
    """A problem's function of its ``wrt`` inputs, in one namespace, with the other inputs fixed.

    ``inputs`` holds all inputs, in the function's order.
    """

    problem: Problem
    xp: Any
    inputs: Mapping[str, Any]

    @property
    def constants(self) -> dict[str, Any]:
        """The arrays it closes over that are no ``wrt`` inputs: data, to whoever compiles it.

        Whole numbers stay where they are: they may be sizes and positions, which a compiler must know.
        """
        return {
            name: given
            for name, given in self.inputs.items()
            if name not in self.problem.wrt and "float" in str(getattr(given, "dtype", ""))
        }

    def over(self, constants: Mapping[str, Any]) -> Bound:
        """The same function over other constants, such as those a compiler traces."""
        return replace(self, inputs={**self.inputs, **constants})

    def merged(self, values: Sequence[Any]) -> list[Any]:
        """All inputs in order, with these values for the ``wrt`` ones."""
        given = dict(self.inputs)
        given.update(zip(self.problem.wrt, values, strict=True))
        return list(given.values())

    def __call__(self, *values: Any) -> Any:
        """Evaluate."""
        return self.problem.fn(self.xp, *self.merged(values))


def _input_names(fn: Callable[..., Any]) -> tuple[str, ...]:
    return tuple(inspect.signature(fn).parameters)[1:]


def problem(
    *points: Point,
    wrt: tuple[str, ...] | str = (),
    why: str = "",
    thread: str = "",
    domain: Mapping[str, Domain] | None = None,
    kinks: str = "",
    jac: Callable[..., Any] | None = None,
    vjp: Callable[..., Any] | None = None,
    refuses: str = "",
    published: Published | tuple[Published, ...] = (),
    name: str = "",
    **inputs: Input,
) -> Callable[[Callable[..., Any]], Problem]:
    """Turn ``f(xp, *inputs)`` into a :class:`Problem`.

    Points are given as :class:`Point` values, or, for a single one, as keyword inputs.

    Parameters
    ----------
    *points
        Where to differentiate.
    wrt
        Inputs to differentiate by; all floating-point inputs when not given.
    why, thread, domain, kinks, jac, vjp, refuses
        See :class:`Problem`.
    published
        Printed values for the single point given as keywords.
    name
        Name of the problem; the function's own when not given.
    **inputs
        A single point.

    Raises
    ------
    BadProblem
        When points, ``wrt`` or the signature contradict each other; raised at declaration.

    Examples
    --------
    >>> @problem(x=5.0, published=Published(value=17576.0, gradient=20280.0, source="F-ex1"))
    ... def cube_of_quadratic(xp, x):
    ...     '''(x^2 + 1)^3'''
    ...     return (x**2 + 1) ** 3
    >>> cube_of_quadratic.points
    (Point(x=5),)
    """
    if inputs:
        points = (*points, Point(published=published, **inputs))  # type: ignore[arg-type]

    def declare(fn: Callable[..., Any]) -> Problem:
        label = name or fn.__name__
        names = _input_names(fn)
        selected = (wrt,) if isinstance(wrt, str) else tuple(wrt)
        _check(label, names, points, selected)
        return Problem(
            name=label,
            fn=fn,
            inputs=names,
            points=tuple(_distinct(points)),
            wrt=selected or _floating(names, points[0]),
            why=why,
            thread=thread,
            formula=(inspect.getdoc(fn) or "").split("\n")[0],
            domain=dict(domain or {}),
            kinks=kinks,
            jac=jac,
            vjp=vjp,
            refuses=refuses,
        )

    return declare


def _check(label: str, names: tuple[str, ...], points: tuple[Point, ...], wrt: tuple[str, ...]) -> None:
    if not names:
        raise BadProblem(label, "the function takes no input", "write it as f(xp, x, ...)")
    if not points:
        raise BadProblem(label, "it has no point", "give the inputs as keywords, for example x=5.0")
    for point in points:
        if set(point.inputs) != set(names):
            given = ", ".join(point.inputs) or "nothing"
            raise BadProblem(
                label,
                f"a point gives {given}, the function takes {', '.join(names)}",
                "give every input once, by its name",
            )
    for unknown in set(wrt) - set(names):
        raise BadProblem(
            label, f"wrt names {unknown!r}, the function takes {', '.join(names)}", "name an input"
        )
    for fixed in set(wrt) - set(_floating(names, points[0])):
        raise BadProblem(
            label, f"wrt names {fixed!r}, an integer input", "write 5.0 rather than 5 to differentiate by it"
        )
    if not wrt and not _floating(names, points[0]):
        raise BadProblem(
            label, "no input is floating-point", "write 5.0 rather than 5 to differentiate by it"
        )


def _floating(names: tuple[str, ...], point: Point) -> tuple[str, ...]:
    def is_floating(value: Input) -> bool:
        return isinstance(value, Draw) or np.asarray(value).dtype.kind == "f"

    return tuple(name for name in names if is_floating(point.inputs[name]))


def _distinct(points: tuple[Point, ...]) -> Iterator[Point]:
    """Points with distinct labels: a label that is taken gets a number."""
    taken: set[str] = set()
    for point in points:
        label, number = point.label, 1
        while label in taken:
            number += 1
            label = f"{point.label} #{number}"
        taken.add(label)
        yield Point(published=point.published, label=label, size=point.size, **point.inputs)
