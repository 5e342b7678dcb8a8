"""What is judged: a function of a few arrays, and derivatives that claim to be its own.

Whatever the user's arguments look like, the judge sees lists of NumPy arrays: one per differentiated leaf,
one per floating output.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from gradcheck.errors import BadArgument, CannotVerify, UnknownName
from gradcheck.judge.blockwise import dot
from gradcheck.judge.frameworks import frameworks, owner
from gradcheck.judge.frameworks.base import DOUBLE, Framework, name_of, unit_of
from gradcheck.judge.trees import Named, is_leaf, leaves, rebuild
from gradcheck.judge.verdict import Finding

Arrays = list[np.ndarray]

_SAMPLE = 4096  # entries whose median tells the size of a leaf
_LISTED = 12  # arguments named in a message


class BrokenPromise(Exception):
    """A derivative did what a derivative must not; the finding says what."""

    def __init__(self, finding: Finding) -> None:
        super().__init__(finding.message)
        self.finding = finding


class Spent(Exception):
    """The budget of evaluations is used up."""


@dataclass(slots=True)
class Meter:
    """Calls so far, and how many are allowed."""

    budget: int
    evaluations: int = 0
    backwards: int = 0

    def evaluate(self) -> None:
        """Count one call of the function."""
        if self.evaluations >= self.budget:
            raise Spent
        self.evaluations += 1

    def differentiate(self) -> None:
        """Count one call of a derivative."""
        self.backwards += 1


@dataclass(frozen=True, slots=True)
class Slot:
    """One input or output: where it sits, and what arrays fit."""

    path: str
    shape: tuple[int, ...]
    dtype: str
    parameter: bool = False
    """Whether it belongs to a module, which lays its memory out itself."""

    @property
    def is_complex(self) -> bool:
        """Whether entries have two real coordinates."""
        return self.dtype.startswith("complex")

    @property
    def held(self) -> str:
        """The dtype that NumPy holds it in."""
        return "float32" if self.dtype == "bfloat16" else self.dtype

    @property
    def unit(self) -> float:
        """Relative spacing of its numbers."""
        return unit_of(self.dtype)

    @property
    def size(self) -> int:
        """Number of entries."""
        return int(np.prod(self.shape, dtype=np.int64))

    @property
    def coordinates(self) -> int:
        """Number of real coordinates."""
        return self.size * (2 if self.is_complex else 1)


@dataclass(frozen=True, slots=True)
class Claim:
    """A derivative that claims to be the function's.

    Attributes
    ----------
    mode
        ``"vjp"``, ``"jvp"``, ``"batched"``, ``"linearized"``, ``"hvp"``.
    call
        Inputs and cotangents (of the outputs) or tangents (of the inputs) to the answer's raw arrays; None in
        it stands for zeros.
    forward
        Whether it pushes tangents forward.
    linear
        Whether it is linear in the cotangent by construction, so that there is nothing to check.
    foreign
        Whether a framework stands between the user's code and the judge, and keeps shapes in order.
    """

    mode: str
    call: Callable[[Arrays, Arrays], Sequence[Any]]
    forward: bool = False
    linear: bool = False
    foreign: bool = False
    late: Callable[[Arrays, Arrays], Sequence[Any]] | None = None
    """The same call with the function evaluated elsewhere between its own run and its derivative's."""

    @property
    def seed(self) -> str:
        """What it is given beside the inputs, in a word."""
        return "tangent" if self.forward else "cotangent"


@dataclass
class Subject:
    """A function on lists of arrays, at a point, with its claims."""

    inputs: tuple[Slot, ...]
    point: Arrays
    raw: Callable[[Arrays], Sequence[tuple[str, Any]]]
    """Inputs to path and array of every floating output."""
    meter: Meter
    claims: list[Claim] = field(default_factory=list)
    promote: Callable[[], Subject] | None = None
    promoted: bool = False
    constants: list[tuple[np.ndarray, np.ndarray]] = field(default_factory=list)
    """Array arguments that are not differentiated, each with a copy made before the first call."""
    order: int = 1
    outputs: tuple[Slot, ...] = ()
    derive: Callable[[Arrays], Subject] | None = None
    """From cotangents to the gradient as a subject of its own."""
    curve: Callable[[], Subject] | None = None
    """The user's gradient as a subject, with the user's Hessian product as its claim."""
    scalar: bool = False
    """Whether the function is the original one and the claim its second derivative."""
    gradient_slots: tuple[Slot, ...] = ()

    @cached_property
    def typical(self) -> list[float]:
        """Median magnitude of the nonzero entries of every input; 1 where there are none."""
        return [_typical_size(x) for x in self.point]

    @cached_property
    def centre(self) -> Arrays:
        """The value at the point, in memory of its own."""
        return [y.copy() for y in self.value(self.copied())]

    @property
    def answers(self) -> tuple[Slot, ...]:
        """What a forward claim answers with."""
        return self.gradient_slots or self.outputs

    def value(self, xs: Arrays) -> Arrays:
        """Evaluate; what the function raises passes through."""
        self.meter.evaluate()
        named = self.raw(xs)
        values = [array for _, array in named]
        if not self.outputs:
            self.outputs = tuple(Slot(path, array.shape, name_of(array.dtype)) for path, array in named)
        elif any(v.shape != slot.shape for v, slot in zip(values, self.outputs, strict=True)):
            raise ValueError("the shape of the output changes with the values of the inputs")
        return values

    @property
    def unit(self) -> float:
        """Relative spacing of the coarsest numbers the function takes or returns."""
        return max((slot.unit for slot in (*self.inputs, *self.outputs)), default=DOUBLE)

    @property
    def size(self) -> int:
        """Number of input entries."""
        return sum(slot.size for slot in self.inputs)

    def copied(self) -> Arrays:
        """The point, in memory of its own."""
        return [x.copy() for x in self.point]


def _typical_size(x: np.ndarray) -> float:
    entries = np.abs(x.reshape(-1)[:: max(1, x.size // _SAMPLE)].astype(np.complex128))
    entries = entries[(entries > 0) & np.isfinite(entries)]
    return float(np.median(entries)) if entries.size else 1.0


def flat(arrays: Sequence[np.ndarray]) -> np.ndarray:
    """All entries as one float64 vector; complex ones as two coordinates."""
    if len(arrays) == 1 and arrays[0].dtype == np.float64:
        return arrays[0].reshape(-1)
    parts = [
        np.ascontiguousarray(a, np.complex128 if a.dtype.kind == "c" else np.float64)
        .view(np.float64)
        .reshape(-1)
        for a in map(np.atleast_1d, arrays)
    ]
    if len(parts) == 1:
        return parts[0]
    return np.concatenate(parts) if parts else np.zeros(0)


def unflat(vector: np.ndarray, slots: Sequence[Slot]) -> Arrays:
    """The inverse of :func:`flat`, in the precision of float64."""
    made, start = [], 0
    for slot in slots:
        count = slot.coordinates
        part = vector[start : start + count]
        made.append((part.view(np.complex128) if slot.is_complex else part).reshape(slot.shape))
        start += count
    return made


def inner(a: Sequence[np.ndarray | None], b: Sequence[np.ndarray]) -> float:
    """Real inner product over all coordinates; None counts as zeros."""
    total = 0.0
    for one, other in zip(a, b, strict=True):
        if one is not None and other.size:
            total += dot(one, other)
    return total


def cast(arrays: Sequence[np.ndarray], slots: Sequence[Slot]) -> Arrays:
    """Arrays in the dtype of their slots, as far as NumPy has it; shared where nothing changes."""
    return [
        a if name_of(a.dtype) == slot.held else a.astype(slot.held)
        for a, slot in zip(arrays, slots, strict=True)
    ]


@dataclass
class Arguments:
    """The user's arguments: a tree whose differentiated leaves can be replaced."""

    tree: tuple[Any, ...]
    natives: list[Any]
    positions: list[int]
    slots: tuple[Slot, ...]
    owners: list[Framework]

    @cached_property
    def plain(self) -> bool:
        """Whether no argument is a container."""
        return all(is_leaf(arg) for arg in self.tree)

    @cached_property
    def _direct(self) -> bool:
        """Whether every leaf is a NumPy array already, in a dtype of NumPy's."""
        natives = [self.natives[position] for position in self.positions]
        held = all(slot.held == slot.dtype for slot in self.slots)
        return held and all(type(leaf) is np.ndarray for leaf in natives)

    def filled(self, xs: Arrays) -> list[Any]:
        """All leaves, the differentiated ones replaced."""
        made = list(self.natives)
        if self._direct:
            for position, x in zip(self.positions, xs, strict=True):
                made[position] = x
            return made
        for position, x, slot, framework in zip(self.positions, xs, self.slots, self.owners, strict=True):
            made[position] = framework.like(x, self.natives[position], slot.dtype)
        return made

    def own(self, arrays: Sequence[np.ndarray]) -> list[Any]:
        """Arrays like the differentiated leaves, in the framework of those."""
        return [
            framework.like(array, self.natives[position], slot.dtype)
            for array, position, slot, framework in zip(
                arrays, self.positions, self.slots, self.owners, strict=True
            )
        ]


def argument_names(f: Callable[..., Any], count: int) -> list[str]:
    """What the function calls its positional arguments."""
    try:
        parameters = list(inspect.signature(f).parameters.values())
    except (TypeError, ValueError):
        parameters = []
    named = [p.name for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    return [named[i] if i < len(named) else f"args[{i}]" for i in range(count)]


def read_arguments(names: Sequence[str], args: tuple[Any, ...], wrt: Sequence[str | int] | None) -> Arguments:
    """Find the leaves to differentiate by.

    Raises
    ------
    CannotVerify
        When no leaf is a floating-point or complex number.
    BadArgument
        When ``wrt`` names an integer.
    UnknownName
        When ``wrt`` names no argument.
    """
    known = frameworks()
    named = [pair for name, arg in zip(names, args, strict=True) for pair in leaves(arg, name)]
    wanted = None if wrt is None else _wanted(names, args, wrt)
    for want in wanted or ():
        if not any(_under(path, want) for path, _ in named):
            raise UnknownName("argument", want, _few([path for path, _ in named], names))
    own = len(args[0]) if args and isinstance(args[0], Named) else 0
    marked = wanted is None and not own and any(_is_marked(leaf, known) for _, leaf in named)
    positions, slots, owners = [], [], []
    for position, (path, leaf) in enumerate(named):
        framework = owner(leaf, known)
        if wanted is not None and not any(_under(path, want) for want in wanted):
            continue
        if marked and not _is_marked(leaf, known):
            continue
        dtype = framework.dtype(leaf) if framework else type(leaf).__name__
        if framework and dtype.startswith(("float", "bfloat", "complex")):
            positions.append(position)
            owners.append(framework)
            slots.append(Slot(path, tuple(np.shape(leaf)), dtype, parameter=position < own))
        elif wanted is not None and any(path == want for want in wanted):
            raise BadArgument(f"wrt {path!r}", "a floating-point argument (write 3.0 rather than 3)", dtype)
    if not slots:
        seen = ", ".join(
            f"{path} ({framework.dtype(leaf) if (framework := owner(leaf, known)) else type(leaf).__name__})"
            for path, leaf in named
            if wanted is None or any(_under(path, want) for want in wanted)
        )
        raise CannotVerify(
            f"no argument is differentiable: {seen or 'there is none'}",
            "give at least one floating-point argument (write 3.0 rather than 3)",
        )
    return Arguments(args, [leaf for _, leaf in named], positions, tuple(slots), owners)


def _wanted(names: Sequence[str], args: tuple[Any, ...], wrt: Sequence[str | int]) -> list[str]:
    """Paths, and positions as the names they stand for; a module's parameters have no position."""
    if not wrt:
        raise BadArgument("wrt", "at least one path or position", wrt)
    placed = names[1:] if args and isinstance(args[0], Named) else names
    count = len(placed)
    return [placed[w] if isinstance(w, int) and -count <= w < count else str(w) for w in wrt]


def _few(paths: Sequence[str], names: Sequence[str]) -> Sequence[str]:
    """As much of the arguments as a message can list: their paths, their names, or the first of these."""
    named = [name for name in names if name]
    return next((few for few in (paths, named) if len(few) <= _LISTED), named[:_LISTED])


def _is_marked(leaf: Any, known: Sequence[Framework]) -> bool:
    """Whether a leaf says of itself that it is to be differentiated by; then the others are constants."""
    framework = owner(leaf, known)
    return framework is not None and framework.wanted(leaf)


def _under(path: str, want: str) -> bool:
    return path == want or (path.startswith(want) and path[len(want)] in "[.")


def _floating(tree: Any, known: Sequence[Framework]) -> Iterator[tuple[str, Any, Framework]]:
    for path, leaf in leaves(tree):
        framework = owner(leaf, known)
        if framework is None:
            raise CannotVerify(
                f"the function returns {type(leaf).__name__}{f' at {path}' if path else ''}",
                "return arrays or numbers, alone or in tuples, lists, dicts or dataclasses",
            )
        if framework.dtype(leaf).startswith(("float", "bfloat", "complex")):
            yield path, leaf, framework


def read_outputs(tree: Any) -> list[tuple[str, Any, Framework]]:
    """Path, array and framework of every floating output.

    Raises
    ------
    CannotVerify
        When there is none.
    """
    found = list(_floating(tree, frameworks()))
    if not found:
        what = "nothing (None)" if tree is None else "no floating-point number"
        raise CannotVerify(f"the function returns {what}", "return the value that is differentiated")
    return found


def widened(tree: Any) -> Any:
    """The same tree with every floating leaf in float64, every complex one in complex128."""
    known = frameworks()

    def wide(leaf: Any) -> Any:
        framework = owner(leaf, known)
        dtype = framework.dtype(leaf) if framework else ""
        if framework is None or unit_of(dtype) == DOUBLE:
            return leaf
        target = "complex128" if dtype == "complex64" else "float64"
        with framework.precise():
            return framework.like(framework.to_numpy(leaf).astype(target), leaf, target)

    return rebuild(tree, [wide(leaf) for _, leaf in leaves(tree)])


def is_low(tree: Any) -> bool:
    """Whether some floating leaf is less precise than float64."""
    known = frameworks()
    kinds = [(owner(leaf, known), leaf) for _, leaf in leaves(tree)]
    return any(framework and unit_of(framework.dtype(leaf)) > DOUBLE for framework, leaf in kinds)
