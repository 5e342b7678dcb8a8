"""Hypothesis strategies for inputs that find wrong derivatives: zeros, ties, edges, scales, layouts."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from gradcheck.draws import Draw
from gradcheck.errors import BadArgument, MissingExtra, UnknownName
from gradcheck.namespaces import numpy_xp
from gradcheck.problems import Domain, Problem

if TYPE_CHECKING:
    from hypothesis.strategies import DrawFn, SearchStrategy

    Shape = int | tuple[int, ...] | SearchStrategy[tuple[int, ...]] | None

_DTYPES = ("float16", "float32", "float64")
_SIMPLE = (0.0, 1.0, -0.0, -1.0, 2.0, 0.5, -2.0)  # shrinking ends with the first
_EVERYWHERE = Domain()
_PLAIN_OCTAVES = 3
_MOST_OCTAVES = 40
_MOST_DRAWN = 100  # entries drawn one by one; a larger array repeats as many


def arrays(
    shape: Shape = None, *, dtype: str = "float64", domain: Domain = _EVERYWHERE, delicate: bool = True
) -> SearchStrategy[np.ndarray]:
    """NumPy arrays inside a domain.

    Parameters
    ----------
    shape
        A shape, a strategy of shapes, or None for any small shape.
    dtype
        ``"float16"``, ``"float32"`` or ``"float64"``.
    domain
        Where every entry lies.
    delicate
        Whether there are entries of all magnitudes, exact zeros of both signs, ties and entries beside the
        edges of the domain, and, where the shape is free, empty, 0-d and size-1 arrays. Otherwise entries are
        of moderate size.

    Raises
    ------
    MissingExtra
        When Hypothesis is not installed.
    UnknownName
        When the dtype is none of these.
    BadArgument
        When the shape is none, or the domain holds no number of the dtype.
    """
    _require_hypothesis()
    from hypothesis import strategies as st

    if dtype not in _DTYPES:
        raise UnknownName("dtype", str(dtype), _DTYPES)
    first, last = _ends(domain, dtype)
    octaves = min(_MOST_OCTAVES, np.finfo(dtype).maxexp // 2) if delicate else _PLAIN_OCTAVES
    numbers = _scaled(domain, octaves, edges=delicate)
    if delicate:
        edges = [
            (end, number) for end, number in ((domain.low, first), (domain.high, last)) if np.isfinite(end)
        ]
        simple = [*_SIMPLE, *(edge for edge, _ in edges)]
        known = [number for number in simple if domain.contains(np.asarray(number, dtype))]
        beside = [number for edge, number in edges if edge]  # beside 0 there are only subnormal numbers
        numbers = st.one_of(*(st.sampled_from(some) for some in (known, beside) if some), numbers)
    entries = numbers.map(lambda number: min(max(np.dtype(dtype).type(number), first), last))
    shapes = _shapes(shape, delicate)

    @st.composite
    def filled(draw: DrawFn) -> np.ndarray:
        size = draw(shapes)
        count = math.prod(size)
        if count > _MOST_DRAWN:
            pool = draw(st.lists(entries, min_size=1, max_size=_MOST_DRAWN))
            return np.random.default_rng(draw(st.integers(0, 2**32 - 1))).choice(pool, size).astype(dtype)
        some = entries
        if delicate and draw(st.booleans()):  # few different numbers, so that many entries tie
            some = st.sampled_from(draw(st.lists(entries, min_size=1, max_size=3)))
        made = draw(st.lists(some, min_size=count, max_size=count))
        return np.asarray(made, dtype).reshape(size)

    return filled()


def points(problem: Problem, *, delicate: bool = True) -> SearchStrategy[dict[str, np.ndarray]]:
    """Inputs of a problem by name, at which its function can be evaluated.

    Shapes and integer inputs are those of the problem's first point, floating inputs lie in its domain. An
    input that the first point draws at random is sometimes drawn as it says there, so that what no interval
    describes, a probability vector for example, occurs as well.

    Parameters
    ----------
    problem
        The problem.
    delicate
        See :func:`arrays`.

    Raises
    ------
    MissingExtra
        When Hypothesis is not installed.
    BadArgument
        When the problem is one that must refuse to be evaluated.
    """
    _require_hypothesis()
    from hypothesis import strategies as st

    if problem.refuses:
        raise BadArgument(problem.name, "a problem that can be evaluated", f"a refusal: {problem.refuses}")
    inputs: dict[str, SearchStrategy[np.ndarray]] = {}
    for name, array in problem.instances()[0].arrays.items():
        usual = _usual(problem.points[0].inputs[name], array)
        domain = problem.domain.get(name, _EVERYWHERE)
        floating = array.dtype.kind == "f"
        inputs[name] = arrays(array.shape, domain=domain, delicate=delicate) | usual if floating else usual
    drawn = st.tuples(*inputs.values()).map(lambda values: dict(zip(inputs, values, strict=True)))
    return drawn.filter(lambda point: _runs(problem, point))


def layouts(array: Any) -> SearchStrategy[np.ndarray]:
    """The same values in other memory layouts: by columns, strided, reversed, broadcast where they allow it.

    Raises
    ------
    MissingExtra
        When Hypothesis is not installed.
    """
    _require_hypothesis()
    from hypothesis import strategies as st

    values = np.asarray(array)
    made: list[Callable[[np.ndarray], np.ndarray]] = [_by_rows]
    if values.ndim:
        made += [_by_columns, _strided, _reversed]
    if _constant_axes(values):
        made.append(_broadcast)
    return st.sampled_from(made).map(lambda lay_out: lay_out(values))


def _require_hypothesis() -> None:
    try:
        import hypothesis  # noqa: F401 - asked for, used later
    except ModuleNotFoundError as error:
        raise MissingExtra("gradcheck.strategies", "hypothesis", "hypothesis") from error


def _ends(domain: Domain, dtype: str) -> tuple[Any, Any]:
    """The least and the greatest number of a dtype inside a domain."""
    number = np.dtype(dtype).type
    with np.errstate(over="ignore"):
        first, last = number(domain.low), number(domain.high)
        if not domain.contains(first):
            first = np.nextafter(first, number(np.inf))
        if not domain.contains(last):
            last = np.nextafter(last, number(-np.inf))
    if not first <= last:
        raise BadArgument("domain", f"an interval that holds a number of {dtype}", domain)
    return first, last


def _scaled(domain: Domain, octaves: int, *, edges: bool) -> SearchStrategy[float]:
    """Numbers at distances of many scales from 0, and from the edges of a domain: too, or for want of a 0."""
    from hypothesis import strategies as st

    anchors = [0.0] if domain.low <= 0 <= domain.high else []
    if edges or not domain.low < 0 < domain.high:
        anchors += [end for end in (domain.low, domain.high) if math.isfinite(end) and end]
    ways = [
        (anchor, sign, min(octaves, math.floor(math.log2(room)) - 2 if math.isfinite(room) else octaves))
        for anchor in anchors
        for sign, room in ((1, domain.high - anchor), (-1, anchor - domain.low))
        if room > 0
    ]

    def at(anchor: float, sign: int, top: int) -> SearchStrategy[float]:
        powers = st.integers(min(-octaves, top - octaves), top)
        digits = st.floats(1, 2, exclude_max=True, width=16)
        return st.builds(lambda power, digit: anchor + sign * math.ldexp(digit, power), powers, digits)

    return st.one_of(*(at(*way) for way in ways)) if ways else st.just(domain.low)


def _shapes(shape: Shape, delicate: bool) -> SearchStrategy[tuple[int, ...]]:
    from hypothesis import strategies as st
    from hypothesis.extra import numpy as extra

    if shape is None:
        least = 0 if delicate else 1
        return extra.array_shapes(min_dims=least, max_dims=3, min_side=least, max_side=4)
    if isinstance(shape, st.SearchStrategy):
        return shape
    sizes = (shape,) if isinstance(shape, int) else tuple(shape)
    if not all(isinstance(size, int) and size >= 0 for size in sizes):
        raise BadArgument("shape", "a tuple of sizes, a strategy of such tuples or None", shape)
    return st.just(sizes)


def _usual(given: Any, array: np.ndarray) -> SearchStrategy[np.ndarray]:
    """An input as the problem itself has it."""
    from hypothesis import strategies as st

    if isinstance(given, Draw):
        return st.integers(0, 2**32 - 1).map(lambda seed: given(np.random.default_rng(seed)))
    return st.just(array).map(np.copy)


def _runs(problem: Problem, point: dict[str, np.ndarray]) -> bool:
    """Whether the function has a value here; a singular matrix has no inverse."""
    try:
        with np.errstate(all="ignore"):
            problem(numpy_xp, *point.values())
    except (np.linalg.LinAlgError, ArithmeticError):
        return False
    return True


def _constant_axes(values: np.ndarray) -> list[int]:
    """Axes of several entries along which nothing changes."""
    signs = np.signbit(values) if values.dtype.kind == "f" else np.zeros(values.shape, bool)
    return [
        axis
        for axis, size in enumerate(values.shape)
        if size > 1 and all(np.all(part == part.take([0], axis)) for part in (values, signs))
    ]


def _by_rows(values: np.ndarray) -> np.ndarray:
    return np.array(values, order="C")


def _by_columns(values: np.ndarray) -> np.ndarray:
    return np.array(values, order="F")


def _strided(values: np.ndarray) -> np.ndarray:
    wide = np.full([2 * size for size in values.shape], 13, values.dtype)  # what a wrong stride would read
    view: np.ndarray = wide[(slice(None, None, 2),) * values.ndim]
    view[...] = values
    return view


def _reversed(values: np.ndarray) -> np.ndarray:
    return np.flip(np.flip(values).copy())


def _broadcast(values: np.ndarray) -> np.ndarray:
    constant = _constant_axes(values)
    kept = tuple(slice(1) if axis in constant else slice(None) for axis in range(values.ndim))
    return np.broadcast_to(values[kept].copy(), values.shape)
