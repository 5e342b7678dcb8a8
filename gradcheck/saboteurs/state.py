"""Derivatives with a memory, and with hands on what is not theirs."""

from __future__ import annotations

from typing import Any

import numpy as np

from gradcheck.saboteurs.base import (
    IN_PLACES,
    NOT_LINEAR,
    SEED,
    Derivative,
    Memory,
    Saboteur,
    copied,
    cotangent_of,
    floats,
    inputs_of,
    like,
    of_array,
    of_call,
    replaced,
    split,
    with_cotangent,
    with_floats,
    write,
    write_where_possible,
)


def _scales_cotangent(call: Derivative, args: tuple[Any, ...], memory: Memory) -> Any:
    answer = call(*args)
    for array in floats(cotangent_of(args)):
        write_where_possible(array, 2 * array)
    return answer


def _moves_inputs(call: Derivative, args: tuple[Any, ...], memory: Memory) -> Any:
    answer = call(*args)
    for array in floats(inputs_of(args)):
        write_where_possible(array, array + 1)
    return answer


def _returns_cotangent(call: Derivative, args: tuple[Any, ...], memory: Memory) -> Any:
    """The answer is written into the memory of the cotangent."""
    answer = call(*args)
    (cotangent,) = floats(cotangent_of(args))

    def fault(arrays: list[Any]) -> list[Any]:
        fitting = [
            at for at, a in enumerate(arrays) if (a.shape, a.dtype) == (cotangent.shape, cotangent.dtype)
        ]
        write(cotangent, arrays[fitting[0]])
        return [cotangent if at == fitting[0] else array for at, array in enumerate(arrays)]

    return replaced(answer, fault)


def _accumulates(call: Derivative, args: tuple[Any, ...], memory: Memory) -> Any:
    def added(at: int, array: Any) -> Any:
        key = at, array.shape
        before = memory.get(key, np.zeros(array.shape))
        memory[key] = before + copied(array)
        return array + like(before, array)

    return replaced(call(*args), lambda arrays: [added(at, array) for at, array in enumerate(arrays)])


def _shares_buffer(call: Derivative, args: tuple[Any, ...], memory: Memory) -> Any:
    def buffered(at: int, array: Any) -> Any:
        key = at, array.shape, array.dtype
        if key not in memory:
            memory[key] = like(copied(array), array)
        write(memory[key], array)
        return memory[key]

    return replaced(call(*args), lambda arrays: [buffered(at, array) for at, array in enumerate(arrays)])


def _keeps_first_inputs(call: Derivative, args: tuple[Any, ...], memory: Memory) -> Any:
    at = split(args)
    first = memory.setdefault("inputs", [copied(array) for array in floats(args[:at])])

    def old(position: int, leaf: Any) -> Any:
        kept = first[position]
        if not hasattr(leaf, "dtype"):
            return kept.item()
        return like(kept, leaf) if kept.shape == leaf.shape else leaf

    return call(*with_floats(args[:at], old), *args[at:])


def _ignores_cotangent(call: Derivative, args: tuple[Any, ...], memory: Memory) -> Any:
    return call(*with_cotangent(args, with_floats(cotangent_of(args), lambda at, leaf: 0 * leaf + 1)))


def _is_noisy(call: Derivative, args: tuple[Any, ...], memory: Memory) -> Any:
    rng = memory.setdefault("rng", np.random.default_rng(SEED))

    def shaken(array: Any) -> Any:
        return array * like(1 + 1e-3 * rng.standard_normal(array.shape), array)

    return replaced(call(*args), lambda arrays: [shaken(array) for array in arrays])


scales_cotangent = Saboteur(
    "scales-cotangent",
    "doubles the cotangent in place",
    ("mutates its",),
    of_call(_scales_cotangent),
)
moves_inputs = Saboteur(
    "moves-inputs", "adds 1 to the inputs in place", ("mutates its input",), of_call(_moves_inputs)
)
returns_cotangent = Saboteur(
    "returns-cotangent",
    "the answer written into the cotangent",
    ("aliases its", "mutates its"),
    of_call(_returns_cotangent),
)
accumulates = Saboteur(
    "accumulates",
    "the answers of earlier calls added",
    ("accumulates over calls", "not repeatable"),
    of_call(_accumulates),
)
shares_buffer = Saboteur(
    "shares-buffer", "one buffer for the answers of all calls", ("stale buffer",), of_call(_shares_buffer)
)
keeps_first_inputs = Saboteur(
    "keeps-first-inputs",
    "uses the inputs of the first call",
    ("stale buffer", "not repeatable", *IN_PLACES),
    of_call(_keeps_first_inputs),
)
ignores_cotangent = Saboteur(
    "ignores-cotangent",
    "a cotangent of ones whatever is given",
    (NOT_LINEAR, *IN_PLACES),
    of_call(_ignores_cotangent),
)
adds_constant = Saboteur(
    "adds-constant",
    "0.1 added to every entry",
    (NOT_LINEAR, *IN_PLACES),
    of_array(lambda array: array + 0.1),
)
noisy = Saboteur(
    "noisy", "random noise of 1e-3, relatively", ("not repeatable", "stateful RNG"), of_call(_is_noisy)
)
