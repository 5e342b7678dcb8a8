"""Derivatives right in value at first sight that break a promise: layout, mutation, state, linearity, form.

Many of them remember something, so they are built anew every time they are asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from cases import FAIL, NOT_PASS, Case
from gradcheck import draws

LAYOUT = ("layout",)
AFFINE = ("not linear",)
SHAPE = ("wrong shape", "missing broadcast sum")
DTYPE = ("wrong dtype",)
STALE = ("stale",)

GRID = draws.normal(3, 4)
VECTOR = draws.normal(5)


def fresh() -> list[Case]:
    """Every case, with nothing remembered."""
    return [*layouts(), *mutations(), *sharing(), *state(), *linearity(), *form(), *forward()]


def as_if_contiguous(
    array: np.ndarray, when: Callable[[np.ndarray], bool] = lambda array: True
) -> np.ndarray:
    """What a loop over memory sees that believes an array to be contiguous; zeros where there is no more."""
    if array.flags.c_contiguous or not when(array):
        return array
    owner = array
    while isinstance(owner.base, np.ndarray):
        owner = owner.base
    seen = np.zeros(array.size, array.dtype)
    memory = owner.ravel(order="K")[: array.size]
    seen[: memory.size] = memory
    return seen.reshape(array.shape)


def _reversed(array: np.ndarray) -> bool:
    return any(stride < 0 for stride in array.strides)


def _stretched(array: np.ndarray) -> bool:
    return any(stride == 0 and size > 1 for stride, size in zip(array.strides, array.shape, strict=True))


def _gapped(array: np.ndarray) -> bool:
    return not array.flags.forc and not _reversed(array) and not _stretched(array)


def _sine(name: str, vjp: Any, *causes: str, expect: frozenset[str] = FAIL, note: str = "") -> Case:
    """The sine of a grid, with a rule that should be ``cotangent * cos(x)``."""
    return Case(name, np.sin, (GRID,), vjp=vjp, expect=expect, causes=causes, note=note)


def layouts() -> Iterator[Case]:
    for name, when in {
        "": lambda array: True,
        ", fortran alone": lambda array: array.flags.f_contiguous,
        ", reversed alone": _reversed,
        ", strided alone": _gapped,
        ", stretched alone": _stretched,
    }.items():
        yield _sine(
            f"cotangent taken for contiguous{name}",
            lambda x, c, when=when: as_if_contiguous(c, when) * np.cos(x),
            *LAYOUT,
        )
    yield _sine("input taken for contiguous", lambda x, c: c * np.cos(as_if_contiguous(x)), *LAYOUT)
    yield Case(
        "input taken for contiguous by the function",
        lambda x: np.sin(as_if_contiguous(x)),
        (GRID,),
        vjp=lambda x, c: c * np.cos(x),
        expect=FAIL,
        causes=LAYOUT,
    )
    yield Case(
        "second operand taken for contiguous",
        np.matmul,
        (GRID, draws.normal(4, 2)),
        vjp=lambda a, b, c: (c @ as_if_contiguous(b).T, a.T @ c),
        expect=FAIL,
        causes=LAYOUT,
    )
    yield _sine(
        "flattened in memory order", lambda x, c: (c.ravel("K") * np.cos(x).ravel()).reshape(x.shape), *LAYOUT
    )


def mutations() -> Iterator[Case]:
    def scaling(x, c):
        c *= np.cos(x)
        return c

    yield _sine("cotangent scaled in place", scaling, "mutates its cotangent")

    def cleared(x, c):
        gradient = c * np.cos(x)
        c[...] = 0
        return gradient

    yield _sine("cotangent cleared", cleared, "mutates its cotangent")

    def touched(x, c):
        gradient = c * np.cos(x)
        c[0, 0] += 1
        return gradient

    yield _sine("one entry of the cotangent moved", touched, "mutates its cotangent")

    def moved(x, c):
        gradient = c * np.cos(x)
        x += 1
        return gradient

    yield _sine("input moved", moved, "mutates its input")

    def buffered(x, c):
        return np.multiply(c, np.cos(x, out=x), out=np.empty_like(c))

    yield _sine("input used as scratch memory", buffered, "mutates its input")

    def saving(x):
        x += 0.0
        saved.append(x)
        return np.sin(x)

    saved: list[np.ndarray] = []

    def spoiling(x, c):
        gradient = c * np.cos(x)
        for kept in saved:
            kept *= 1.5
        return gradient

    yield Case(
        "saved inputs scaled", saving, (GRID,), vjp=spoiling, expect=NOT_PASS, note="f keeps what it is given"
    )

    def restless(x):
        x *= 2
        return np.sin(x / 2)

    yield Case(
        "function scales its input",
        restless,
        (GRID,),
        vjp=lambda x, c: c * np.cos(x),
        expect=FAIL,
        causes=("mutates its input",),
    )

    def sorting(x, places, c):
        gradient = np.zeros_like(x)
        np.add.at(gradient, places, c)
        places.sort()
        return gradient

    yield Case(
        "constant argument sorted",
        lambda x, places: x[places],
        (VECTOR, np.array([3, 0, 3, 1])),
        vjp=sorting,
        expect=FAIL,
        causes=("mutates its input",),
    )


def sharing() -> Iterator[Case]:
    """Shared memory is worth knowing and no mistake."""

    def pair(x, y, c):
        gradient = c.copy()
        return gradient, gradient

    yield Case("gradients in one memory", np.add, (GRID, GRID), vjp=pair, note="shared")
    yield Case(
        "view of the cotangent",
        lambda x: x.reshape(4, 3),
        (GRID,),
        vjp=lambda x, c: c.reshape(3, 4),
        note="shared",
    )
    yield Case("the cotangent itself", lambda x: x + 1, (GRID,), vjp=lambda x, c: c, note="shared")
    yield Case(
        "input as gradient of the other",
        lambda x, y: np.sum(x * y),
        (GRID, GRID),
        vjp=lambda x, y, c: (y, x) if c == 1 else (c * y, c * x),
        note="shared",
    )
    yield Case(
        "stretched gradient", np.sum, (GRID,), vjp=lambda x, c: np.broadcast_to(c, x.shape), note="shared"
    )


def state() -> Iterator[Case]:
    buffer = np.empty((3, 4))
    yield _sine(
        "one buffer for every result",
        lambda x, c: np.multiply(c, np.cos(x), out=buffer),
        *STALE,
        "not repeatable",
    )

    rows = np.zeros(5)

    def reusing(x, c):
        rows[:] = c * np.exp(x)
        return rows[:]

    yield Case("view of one buffer", np.exp, (VECTOR,), vjp=reusing, expect=FAIL, causes=STALE)

    first: list[np.ndarray] = []

    def remembering(x, c):
        first.append(np.cos(x))
        return c * first[0]

    yield _sine("slope of the first call ever", remembering, *STALE)

    latest: list[np.ndarray] = [np.zeros(())]

    def forward(x):
        latest[0] = np.cos(x)
        return np.sin(x)

    yield Case(
        "slope of the last evaluation",
        forward,
        (GRID,),
        vjp=lambda x, c: c * latest[0],
        expect=FAIL,
        causes=STALE,
        note="right only if the function was called at the same point just before",
    )

    cache: dict[tuple[int, ...], np.ndarray] = {}

    def by_shape(x, c):
        return c * cache.setdefault(x.shape, np.cos(x))

    yield _sine("slope remembered by shape", by_shape, *STALE)

    total = np.zeros((3, 4))

    def adding(x, c):
        nonlocal total
        total = total + c * np.cos(x)
        return total.copy()

    yield _sine("adds to the last result", adding, "accumulates over calls")

    sums = np.zeros((3, 4))

    def in_place(x, c):
        np.add(sums, c * np.cos(x), out=sums)
        return sums

    yield _sine("adds in one buffer", in_place, "accumulates over calls", *STALE)

    generator = np.random.default_rng(5)
    yield _sine(
        "a thousandth of noise",
        lambda x, c: c * np.cos(x) * (1 + 1e-3 * generator.normal(size=x.shape)),
        "not repeatable",
        "stateful RNG",
    )

    calls = [0]

    def every_third(x, c):
        calls[0] += 1
        return c * np.cos(x) * (2 if calls[0] % 3 == 0 else 1)

    yield _sine("doubled in every third call", every_third, "not repeatable", "accumulates")

    mask = np.random.default_rng(6)
    kept = [np.ones((3, 4))]

    def dropout(x):
        kept[0] = 2.0 * (mask.random(x.shape) < 0.5)
        return x * kept[0]

    yield Case(
        "dropout from a generator that moves on",
        dropout,
        (GRID,),
        vjp=lambda x, c: c * kept[0],
        expect=NOT_PASS,
        causes=("stateful RNG", "not repeatable"),
    )

    seen = [0]

    def once(x, c):
        seen[0] += 1
        if seen[0] > 1:
            raise RuntimeError("the buffers of this derivative are gone")
        return c * np.cos(x)

    yield _sine("works once", once)


def linearity() -> Iterator[Case]:
    yield _sine("cotangent ignored", lambda x, c: np.cos(x), *AFFINE)
    yield _sine("a thousandth added", lambda x, c: c * np.cos(x) + 1e-3, *AFFINE)
    yield _sine("magnitude of the cotangent", lambda x, c: abs(c) * np.cos(x), *AFFINE)
    yield _sine("sign of the cotangent", lambda x, c: np.sign(c) * np.cos(x), *AFFINE)
    yield _sine("square of the cotangent", lambda x, c: c * c * np.cos(x), *AFFINE)
    yield _sine("gradient clipped", lambda x, c: np.clip(c * np.cos(x), -1e-2, 1e-2), *AFFINE)
    yield _sine(
        "gradient of unit length",
        lambda x, c: c * np.cos(x) / max(np.linalg.norm(c * np.cos(x)), 1e-30),
        *AFFINE,
    )
    yield _sine("nan at a zero cotangent", _nan_at_zero, "non-finite")
    yield _sine("mean of the cotangent", lambda x, c: c.mean() * np.cos(x), note="right for equal cotangents")
    yield _sine("sum of the cotangent", lambda x, c: np.full_like(c, c.sum()) / c.size * np.cos(x))


def _nan_at_zero(x, c):
    with np.errstate(invalid="ignore"):
        return c * np.cos(x) * (np.sum(abs(c)) / np.sum(abs(c)))


def _exp(name: str, vjp: Any, *causes: str, expect: frozenset[str] = FAIL) -> Case:
    return Case(name, np.exp, (VECTOR,), vjp=vjp, expect=expect, causes=causes)


def _product(name: str, vjp: Any, *causes: str, expect: frozenset[str] = FAIL) -> Case:
    return Case(name, np.multiply, (GRID, GRID), vjp=vjp, expect=expect, causes=causes)


def form() -> Iterator[Case]:
    right = frozenset({"pass"})
    yield _exp("a column for a vector", lambda x, c: (c * np.exp(x))[:, None], *SHAPE)
    yield _exp("a row for a vector", lambda x, c: (c * np.exp(x))[None], *SHAPE)
    yield _exp("a diagonal for a vector", lambda x, c: np.diag(c * np.exp(x)), *SHAPE)
    yield _exp("a number for a vector", lambda x, c: np.sum(c * np.exp(x)), *SHAPE)
    yield _exp("an entry too few", lambda x, c: (c * np.exp(x))[:-1], *SHAPE)
    yield Case(
        "broadcasting not undone",
        np.add,
        (GRID, draws.normal(4)),
        vjp=lambda x, y, c: (c.copy(), c.copy()),
        expect=FAIL,
        causes=SHAPE,
    )
    yield Case(
        "axis of length one lost",
        np.add,
        (GRID, draws.normal(3, 1)),
        vjp=lambda x, y, c: (c.copy(), c.sum(axis=1)),
        expect=FAIL,
        causes=SHAPE,
    )
    yield _exp("float32", lambda x, c: (c * np.exp(x)).astype(np.float32), *DTYPE)
    yield _exp("float16", lambda x, c: (c * np.exp(x)).astype(np.float16), *DTYPE)
    yield _exp("integers", lambda x, c: (c * np.exp(x)).astype(np.int64), *DTYPE)
    yield _exp("complex of a real function", lambda x, c: (c * np.exp(x)).astype(complex), *DTYPE)
    yield _exp("objects", lambda x, c: (c * np.exp(x)).astype(object), *DTYPE)
    yield _exp("text", lambda x, c: "gradient", *DTYPE, "wrong shape")
    yield _exp("nothing", lambda x, c: None, "None returned")
    yield _product("nothing for one of two", lambda x, y, c: (c * y, None), "None returned")
    yield _product("one of two", lambda x, y, c: c * y, *SHAPE)
    yield _product("one of two in a tuple", lambda x, y, c: (c * y,), *SHAPE)
    yield _product("three for two", lambda x, y, c: (c * y, c * x, c), *SHAPE)
    yield _product(
        "both stacked", lambda x, y, c: np.stack([c * y, c * x]), expect=frozenset({"pass", "fail"})
    )
    yield _product("a list", lambda x, y, c: [c * y, c * x], expect=right)
    yield _exp("a tuple of one", lambda x, c: (c * np.exp(x),), expect=right)
    yield Case("a plain float", lambda x: x**3, (1.5,), vjp=lambda x, c: float(3 * c * x**2))
    yield Case(
        "0-d for one entry",
        np.exp,
        (draws.normal(1),),
        vjp=lambda x, c: (c * np.exp(x))[0],
        expect=FAIL,
        causes=SHAPE,
    )
    yield Case(
        "complex made real",
        lambda z: z * z,
        (np.array([1 + 2j, -0.5 + 1j]),),
        vjp=lambda z, c: (2 * np.conj(z) * c).real,
        expect=FAIL,
        causes=DTYPE,
    )
    yield Case(
        "gradient of the constant too",
        lambda x, places: x[places],
        (VECTOR, np.array([3, 0, 1])),
        vjp=lambda x, places, c: (np.bincount(places, c, len(x)), None),
        expect=frozenset({"pass", "fail"}),
        note="one array for a constant argument more than asked for",
    )


def forward() -> Iterator[Case]:
    """The same promises for a rule of forward mode."""

    def case(name: str, jvp: Any, *causes: str) -> Case:
        return Case(f"forward, {name}", np.sin, (GRID,), jvp=jvp, expect=FAIL, causes=causes, modes=("jvp",))

    def scaling(x, t):
        t *= np.cos(x)
        return t

    def moved(x, t):
        slope = np.cos(x)
        x += 1
        return slope * t

    generator = np.random.default_rng(7)
    buffer = np.empty((3, 4))
    yield case("tangent taken for contiguous", lambda x, t: np.cos(x) * as_if_contiguous(t), *LAYOUT)
    yield case("tangent scaled in place", scaling, "mutates its cotangent", "mutates its tangent")
    yield case("input moved", moved, "mutates its input")
    yield case("tangent ignored", lambda x, t: np.cos(x), *AFFINE)
    yield case("a thousandth added", lambda x, t: np.cos(x) * t + 1e-3, *AFFINE)
    yield case("one buffer", lambda x, t: np.multiply(np.cos(x), t, out=buffer), *STALE, "not repeatable")
    yield case(
        "noise",
        lambda x, t: np.cos(x) * t * (1 + 1e-3 * generator.normal()),
        "not repeatable",
        "stateful RNG",
    )
    yield case("flat", lambda x, t: (np.cos(x) * t).ravel(), *SHAPE)
    yield case("float32", lambda x, t: (np.cos(x) * t).astype(np.float32), *DTYPE)
    yield case("nothing", lambda x, t: None, "None returned")
    yield case("nan at a zero tangent", _nan_at_zero, "non-finite")
