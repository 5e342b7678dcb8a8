"""What a saboteur is, and the ways to spoil a derivative: its arrays, its parts, how it is called.

A derivative is a callable of the inputs and, last, a cotangent; it returns an array or a tree of arrays.
Where there is no cotangent, as in a gradient, the last argument with arrays stands for it. The faults are
written for any array namespace, so they go through NumPy, PyTorch and JAX, eager or traced.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import wraps
from typing import Any

import array_api_compat
import numpy as np

from gradcheck.judge.trees import leaves, rebuild

SEED = 20_240_229
MOST_PIECES = 64  # a fault that asks the derivative piece by piece asks at most so often

# How causes begin: of single wrong entries whatever is behind them, and where the cotangent decides.
IN_PLACES = ("dropped term", "entry off by a factor", "wrong only at zeros/ties/kinks")
NOT_LINEAR = "not linear in the"

Derivative = Callable[..., Any]
Memory = dict[Any, Any]

OfArray = Callable[[Any], Any]
OfPart = Callable[["Part"], Any]
OfArrays = Callable[[list[Any]], Sequence[Any]]
OfCall = Callable[[Derivative, tuple[Any, ...], Memory], Any]


@dataclass(frozen=True, slots=True)
class Saboteur:
    """One mistake that people make in derivatives.

    Attributes
    ----------
    name
        What ``--only`` calls it.
    title
        What it does, in a few words.
    causes
        How the causes begin that a judge may give for it.
    spoil
        From a right derivative to the wrong one, of the same signature. What it cannot spoil, it returns
        as it is; it raises only where the right one does.
    """

    name: str
    title: str
    causes: tuple[str, ...]
    spoil: Callable[[Derivative], Derivative]


@dataclass(frozen=True, slots=True)
class Part:
    """One array of an answer: the derivative, its input and the cotangent, None where they are not known."""

    array: Any
    x: Any
    cotangent: Any


def of_call(fault: OfCall) -> Callable[[Derivative], Derivative]:
    """Spoil how a derivative is called; the fault gets it, its arguments and a memory between calls."""

    def spoil(derivative: Derivative) -> Derivative:
        memory: Memory = {}

        @wraps(derivative)
        def spoilt(*args: Any, **kwargs: Any) -> Any:
            count, names = len(args), tuple(kwargs)

            def call(*values: Any) -> Any:
                return derivative(*values[:count], **dict(zip(names, values[count:], strict=True)))

            try:
                return fault(call, (*args, *kwargs.values()), memory)
            except Exception:  # what cannot be spoilt here is left alone
                return derivative(*args, **kwargs)

        return spoilt

    return spoil


def of_arrays(fault: OfArrays) -> Callable[[Derivative], Derivative]:
    """Spoil the list of arrays of an answer."""

    def whole(call: Derivative, args: tuple[Any, ...], memory: Memory) -> Any:
        return replaced(call(*args), fault)

    return of_call(whole)


def of_array(fault: OfArray) -> Callable[[Derivative], Derivative]:
    """Spoil every array of an answer by itself."""
    return of_arrays(lambda arrays: [fault(array) for array in arrays])


def of_part(fault: OfPart) -> Callable[[Derivative], Derivative]:
    """Spoil every array of an answer in view of its input and the cotangent."""

    def whole(call: Derivative, args: tuple[Any, ...], memory: Memory) -> Any:
        inputs, given = floats(inputs_of(args)), floats(cotangent_of(args))
        cotangent = given[0] if len(given) == 1 else None
        return replaced(
            call(*args),
            lambda arrays: [
                fault(Part(array, x, cotangent))
                for array, x in zip(arrays, _matched(arrays, inputs), strict=True)
            ],
        )

    return of_call(whole)


def replaced(answer: Any, fault: OfArrays) -> Any:
    """An answer with other floating arrays."""
    with np.errstate(all="ignore"):
        made = fault(floats(answer))
    return with_floats(answer, lambda at, leaf: _in_kind(made[at], leaf))


def _matched(arrays: Sequence[Any], inputs: Sequence[Any]) -> list[Any]:
    """The input that each array differentiates by: in order where all shapes agree, else by shape."""
    if [array.shape for array in arrays] == [x.shape for x in inputs]:
        return list(inputs)
    return [next((x for x in inputs if x.shape == array.shape), None) for array in arrays]


def split(args: tuple[Any, ...]) -> int:
    """Position of the cotangent: the last argument that holds floating arrays."""
    return max((at for at, arg in enumerate(args) if floats(arg)), default=len(args))


def cotangent_of(args: tuple[Any, ...]) -> Any:
    """The cotangent among the arguments."""
    return args[split(args)]


def inputs_of(args: tuple[Any, ...]) -> list[Any]:
    """What comes before the cotangent; a context of ``torch.autograd.Function`` stands for what it saved."""
    before = args[: split(args)]
    return [list(arg.saved_tensors) if hasattr(arg, "saved_tensors") else arg for arg in before]


def with_cotangent(args: tuple[Any, ...], cotangent: Any) -> tuple[Any, ...]:
    """The arguments with another cotangent."""
    at = split(args)
    return (*args[:at], cotangent, *args[at + 1 :])


def with_floats(tree: Any, change: Callable[[int, Any], Any]) -> Any:
    """A tree with changed floating arrays, each by its position; the same object where none is another."""
    found = [leaf for _, leaf in leaves(tree)]
    made = list(found)
    for position, at in enumerate(at for at, leaf in enumerate(found) if _is_float(leaf)):
        made[at] = change(position, found[at])
    return tree if all(new is old for new, old in zip(made, found, strict=True)) else rebuild(tree, made)


def floats(tree: Any) -> list[Any]:
    """The floating arrays of a tree that hold anything; a number becomes an array of NumPy's."""
    return [_as_array(leaf) for _, leaf in leaves(tree) if _is_float(leaf)]


def _is_float(leaf: Any) -> bool:
    if not array_api_compat.is_array_api_obj(leaf):
        return isinstance(leaf, (float, complex))
    floating = namespace(leaf).isdtype(leaf.dtype, ("real floating", "complex floating"))
    return bool(floating) and math.prod(leaf.shape) > 0


def _as_array(leaf: Any) -> Any:
    return np.asarray(leaf) if isinstance(leaf, (float, complex, np.generic)) else leaf


def _in_kind(array: Any, leaf: Any) -> Any:
    """A spoilt array as a number where the right one was a number."""
    if isinstance(leaf, (float, complex)) and not isinstance(leaf, np.generic) and array is not None:
        return array.item() if array.shape == () else array
    return np.asarray(array) if isinstance(array, np.generic) and isinstance(leaf, np.ndarray) else array


def namespace(array: Any) -> Any:
    """The array namespace of an array."""
    return array_api_compat.array_namespace(array)


def like(values: Any, array: Any) -> Any:
    """Values in the framework, the dtype and on the device of an array."""
    return namespace(array).asarray(values, dtype=array.dtype, device=_device(array))


def _device(array: Any) -> Any:
    # JAX moves constants by itself, and a traced array of its has no device
    return None if array_api_compat.is_jax_array(array) else array_api_compat.device(array)


def detached(array: Any) -> Any:
    """An array's own memory, outside the graph of PyTorch."""
    return array.detach() if hasattr(array, "detach") else array


def in_numpy(array: Any) -> np.ndarray:
    """An array that is no tracer as one of NumPy's, which shares its memory where it can."""
    array = detached(array)
    return np.asarray(array.cpu().numpy() if hasattr(array, "cpu") else array)


def copied(array: Any) -> np.ndarray:
    """The values of an array that is no tracer."""
    return in_numpy(array).copy()


def write(array: Any, values: Any) -> None:
    """Write into the memory of an array."""
    detached(array)[...] = detached(values)


def write_where_possible(array: Any, values: Any) -> None:
    """Write into the memory of an array, unless it is read-only."""
    with suppress(Exception):
        write(array, values)


def positions(array: Any) -> Any:
    """The flat position of every entry, in the array's shape."""
    xp = namespace(array)
    return xp.reshape(xp.arange(math.prod(array.shape), device=_device(array)), array.shape)


def largest(array: Any) -> Any:
    """Whether an entry is the one of largest magnitude."""
    xp = namespace(array)
    return positions(array) == xp.argmax(xp.reshape(xp.abs(array), (-1,)))


def pieces(array: Any) -> list[Any]:
    """Masks that part an array: one per entry, or one per run of entries where there are many."""
    size = math.prod(array.shape)
    count = min(size, MOST_PIECES)
    return [positions(array) * count // size == at for at in range(count)]
