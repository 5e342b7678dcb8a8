"""A backend on trial: questions put to it exactly as a worker puts them, and its answers read."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self

import numpy as np
import threadpoolctl

from gradcheck.backends.base import Answer, Backend, Blocks, Call, Differentiator
from gradcheck.conformance.examples import Example, loss, products, scalars, small
from gradcheck.conformance.outcome import Failed, NotApplicable, described, reported
from gradcheck.devices import threads
from gradcheck.dtypes import FORMATS
from gradcheck.operators import OPERATORS
from gradcheck.problems import Bound

ULPS = 4  # what rounding may do to a polynomial of small whole numbers, even by a rough power function
FAMILY = (loss, products, scalars)  # an example for every operator; the last one has no axes


@dataclass(frozen=True, slots=True)
class Block:
    """A part of an answer; its error bars are zero where the backend states none."""

    name: str
    array: np.ndarray
    bars: np.ndarray


@dataclass(frozen=True, kw_only=True)
class Posed:
    """An operator of an example in a dtype, with the backend's own arrays for it.

    Attributes
    ----------
    arrays, seeds
        All inputs by name, and the tangents or the cotangent, on NumPy in float64.
    inputs, xs, extra
        The backend's: all inputs by name, those differentiated by, and what the operator takes beside them.
    """

    differentiator: Differentiator
    example: Example
    operator: str
    dtype: str
    arrays: Mapping[str, np.ndarray]
    seeds: list[np.ndarray]
    f: Bound
    inputs: Mapping[str, Any]
    xs: Blocks
    extra: Sequence[Any]

    def __str__(self) -> str:
        return f"{self.operator} of {self.f.problem.formula} in {self.dtype}"

    def plain(self) -> Any:
        """The method's answer."""
        result = getattr(self.differentiator, self.operator)(self.f, self.xs, *self.extra)
        self.differentiator.synchronize(result)
        return result

    def prepare(self) -> Call:
        """The prepared function."""
        return self.differentiator.prepare(self.operator, self.f, self.xs, *self.extra)

    def put_to(self, call: Call) -> Any:
        """What a prepared function, perhaps one prepared at other inputs, answers here."""
        result = call(self.xs, *self.extra)
        self.differentiator.synchronize(result)
        return result

    def ways(self) -> Iterator[tuple[str, Callable[[], Any]]]:
        """Both ways of asking, with what to call them; each may be asked many times, and is prepared once."""
        yield f"{self}", self.plain
        with reported(f"{self}, prepared"):
            call = self.prepare()
        yield f"{self}, prepared", lambda: self.put_to(call)

    def attempts(self) -> list[tuple[str, Callable[[], Any]]]:
        """Both ways of asking where an exception is the answer; preparing is a part of the second."""
        return [(f"{self}", self.plain), (f"{self}, prepared", lambda: self.put_to(self.prepare()))]

    def answers(self) -> Iterator[tuple[str, Any]]:
        """The answer by both ways of asking, with what to call it."""
        for way, ask in self.ways():
            with reported(way):
                answer = ask()
            yield way, answer

    @property
    def expected(self) -> Blocks:
        """The right answer, block by block, in float64."""
        return self.example.expected(self.operator, self.arrays, self.seeds)

    def read(self, result: Any) -> list[Block]:
        """An answer as NumPy arrays.

        Raises
        ------
        Failed
            When it is not made of the parts that its operator gives.
        """
        values, bars = (result.blocks, result.errors) if isinstance(result, Answer) else (result, None)
        if self.operator in ("value", "jvp"):
            return [self._block("f", values, bars)]
        parts = self._split(values, bars)
        if self.operator == "hessian":
            parts = [
                (f"({row}, {name})", block, bar)
                for row, blocks, row_bars in parts
                for name, block, bar in self._split(blocks, row_bars)
            ]
        return [self._block(*part) for part in parts]

    def verify(self, result: Any, way: str) -> None:
        """Raise Failed unless a result is right."""
        with reported(f"reading {way}"):
            blocks = self.read(result)
        for block, expected in zip(blocks, self.expected, strict=True):
            what = f"{way}, {block.name}"
            if block.array.shape != expected.shape:
                raise Failed(f"{what}: expected shape {expected.shape}, got {block.array.shape}")
            if not np.all(np.isfinite(block.bars)):
                raise Failed(f"{what}: expected finite error bars, got {brief(block.bars)}")
            with reported(f"reading {what}"):
                got = block.array.astype(np.float64)
            rounding = ULPS * FORMATS[self.dtype].epsilon * np.maximum(np.abs(expected), 1.0)
            if not np.all(np.abs(got - expected) <= rounding + block.bars):
                raise Failed(f"{what}: expected {brief(expected)}, got {brief(got)}")

    def verify_answers(self, note: str = "") -> None:
        """Raise Failed unless the answers by both ways of asking are right."""
        for way, answer in self.answers():
            self.verify(answer, f"{way}{note}")

    def _split(self, blocks: Any, bars: Any) -> list[tuple[str, Any, Any]]:
        """One part for every input: its name, its block, its error bars or None."""
        names = self.f.problem.wrt
        bars = [None] * len(names) if bars is None else bars
        for parts in (blocks, bars):
            count = len(parts) if isinstance(parts, (list, tuple)) else type(parts).__name__
            if count != len(names):
                raise Failed(
                    f"{self}: expected a list of {len(names)} parts ({', '.join(names)}), got {count}"
                )
        return list(zip(names, blocks, bars, strict=True))

    def _block(self, name: str, block: Any, bars: Any) -> Block:
        if block is None:
            raise Failed(f"{self}, {name}: expected an array, got None")
        array = self.differentiator.numpy(block)
        if not isinstance(array, np.ndarray):
            raise Failed(f"{self}, {name}: expected a NumPy array, got {type(array).__name__}")
        return Block(name, array, np.asarray(0.0 if bars is None else self.differentiator.numpy(bars), float))


class Trial:
    """One check's own loaded backend; what a check breaks is broken for no other.

    While it is open, libraries use the threads that the device stands for, as in a worker.
    """

    def __init__(self, backend: Backend, device: str) -> None:
        self.backend = backend
        self.device = device
        self._limits = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._limits.close()

    @cached_property
    def differentiator(self) -> Differentiator:
        """The loaded backend."""
        try:
            loaded = self.backend.load(self.device)
        except Exception as error:
            raise NotApplicable(f"it does not load on {self.device}: {described(error)}") from error
        # Only libraries that are loaded already can be told how many threads to use.
        self._limits.enter_context(threadpoolctl.threadpool_limits(threads(self.device)))
        return loaded

    def require(self) -> None:
        """Load it, if it is not loaded yet; NotApplicable where it does not load."""
        _ = self.differentiator

    @property
    def dtypes(self) -> list[str]:
        """The declared dtypes, but for those that there are not."""
        found = [dtype for dtype in self.backend.dtypes if dtype in FORMATS]
        if not found:
            raise NotApplicable("declares no dtype that there is")
        return found

    def pose(
        self,
        example: Example,
        operator: str,
        *,
        dtype: str = "",
        at: int = 0,
        change: Callable[[np.ndarray], np.ndarray] = lambda x: x,
    ) -> Posed:
        """A question in a dtype, by default the first declared, at a point; ``change`` alters the inputs."""
        dtype = dtype or self.dtypes[0]
        instance = example.at(at)
        given = {
            name: x if x.dtype.kind in "iu" else change(x).astype(dtype, order="K", copy=False)
            for name, x in instance.cast(dtype).items()
        }
        wrt = instance.problem.wrt
        seeds: list[np.ndarray] = []
        if operator in ("jvp", "hvp"):
            seeds = [small(given[name].shape, at + i) for i, name in enumerate(wrt)]
        elif operator == "vjp":
            seeds = [small(instance.layout.output, at)]
        wide = {name: x if x.dtype.kind in "iu" else x.astype(np.float64) for name, x in given.items()}
        differentiator = self.differentiator
        with reported(f"array() of the inputs of {example.problem.formula} in {dtype}"):
            inputs = {name: differentiator.array(array) for name, array in given.items()}
            made = [differentiator.array(seed.astype(dtype)) for seed in seeds]
        return Posed(
            differentiator=differentiator,
            example=example,
            operator=operator,
            dtype=dtype,
            arrays=wide,
            seeds=seeds,
            f=instance.bind(differentiator.xp, inputs),
            inputs=inputs,
            xs=[inputs[name] for name in wrt],
            extra=[made] if operator in ("jvp", "hvp") else made,
        )

    def every(
        self,
        look: Callable[[Posed], None],
        *examples: Example,
        operators: Sequence[str] = OPERATORS,
        **where: Any,
    ) -> str:
        """Look at every operator, each at the first of some examples that the backend can answer it for.

        Returns
        -------
        str
            The operators looked at.

        Raises
        ------
        NotApplicable
            When it answers none of them.
        """
        seen, refused = [], []
        for operator in (name for name in operators if name in self.backend.operators):
            for example in (one for one in examples or FAMILY if operator in one.operators):
                try:
                    look(self.pose(example, operator, **where))
                except NotApplicable as reason:
                    refused.append(str(reason))
                else:
                    seen.append(operator)
                    break
        if not seen:
            raise NotApplicable(refused[0] if refused else "declares no operator that applies")
        return ", ".join(seen)


def brief(array: np.ndarray) -> str:
    """An array in one line."""
    return " ".join(np.array2string(np.asarray(array), precision=8, threshold=12).split())
