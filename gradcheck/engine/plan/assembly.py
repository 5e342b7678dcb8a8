"""Sums over the steps of a recurrence: parts written where they belong, outer products made in one product.

The cotangent of an array that was taken apart is a sum of arrays that are 0 but for one part; here the
parts are laid side by side instead. The cotangent of a matrix that every step multiplies by is a sum of
products; here the factors of all steps are stacked and multiplied once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from gradcheck.engine.core import Primitive
from gradcheck.engine.plan.fusion import flat, product, transposed
from gradcheck.engine.plan.program import Op, Program, become, is_basic, made
from gradcheck.engine.rules.manipulation import getitem


def _lay(*parts: Any, keys: Sequence[Any], shape: tuple[int, ...], full: bool) -> Any:
    out = (np.empty if full else np.zeros)(shape, np.result_type(*parts))
    for key, part in zip(keys, parts, strict=True):
        out[key] = part
    return out


assemble: Primitive = Primitive(name="assemble", forward=_lay, sequence=True)


def assembled(program: Program) -> Program:
    """The same program without sums of scattered parts, and with sums of products as one."""
    for rewrite in (_parts, _products):
        uses = program.uses()
        inner = {id(x) for op in program.ops if op.name == "add" for x in op.inputs if uses[id(x)] == 1}
        homes = {id(x): op for op in program.ops if op.name == "assemble" for x in op.inputs}
        for op in program.ops:
            if op.name == "add" and id(op) not in inner and op.shape:
                rewrite(op, _terms(op, uses), homes)
        program = Program(program.inputs, program.outputs, program.checked)
    return program


def _terms(op: Op, uses: Mapping[int, int]) -> list[Op]:
    """What a chain of additions adds up."""
    terms: list[Op] = []
    waiting = list(op.inputs)
    while waiting:
        x = waiting.pop()
        if x.name == "add" and uses[id(x)] == 1 and x.shape == op.shape:
            waiting.extend(x.inputs)
        else:
            terms.append(x)
    return terms


def _parts(op: Op, terms: Sequence[Op], homes: Mapping[int, Op]) -> None:
    """A sum of scattered parts that do not overlap."""
    if len(terms) < 2 or not all(x.name == "scatter" and is_basic(x.params["key"]) for x in terms):
        return
    if any(x.dtype != op.dtype for x in terms):
        return
    keys = [x.params["key"] for x in terms]
    covered = np.zeros(op.shape, np.uint8)
    for key in keys:
        covered[key] += 1
    if covered.max(initial=0) <= 1:
        full = bool(covered.all())
        become(
            op, assemble, tuple(x.inputs[0] for x in terms), {"keys": keys, "shape": op.shape, "full": full}
        )


def _products(op: Op, terms: Sequence[Op], homes: Mapping[int, Op]) -> None:
    """A sum of products a'b over many pairs as one product of the stacks of a and of b."""
    if len(terms) < 4 or not all(_is_transposed_product(x) for x in terms):
        return
    pairs = [(x.inputs[0].inputs[0], x.inputs[1]) for x in terms]
    if len({(a.shape, b.shape, a.dtype, b.dtype) for a, b in pairs}) > 1:
        return
    home = homes.get(id(pairs[0][1]))
    if home is not None:
        pairs.sort(key=lambda pair: _place(home, pair[1]))
    left, right = (_stacked([pair[at] for pair in pairs], homes, op.born) for at in (0, 1))
    a, b = (flat(x, op.born - 0.2) for x in (left, right))
    become(op, product, (transposed(a, op.born - 0.1), b), {})


def _is_transposed_product(op: Op) -> bool:
    return (
        op.name in ("matmul", "product")
        and all(len(x.shape) == 2 for x in op.inputs)
        and op.inputs[0].name == "permute_dims"
    )


def _place(home: Op, part: Op) -> int:
    """The first index at which a part lies in an assembled array; -1 where it has none."""
    keys = zip(home.params["keys"], home.inputs, strict=True)
    key = next((key for key, x in keys if x is part), -1)
    return key if isinstance(key, int) else -1


def _stacked(ops: Sequence[Op], homes: Mapping[int, Op], born: float) -> Op:
    """Values one after another along a new first axis; a view, where they lie so already."""
    shape = (len(ops), *ops[0].shape)
    home = homes.get(id(ops[0]))
    if home is not None:
        places = [_place(home, x) for x in ops]
        if places == list(range(places[0], places[0] + len(ops))) and places[0] >= 0:
            key = slice(places[0], places[0] + len(ops))
            return made(getitem, (home,), shape, born - 0.3, {"key": key})
    keys = list(range(len(ops)))
    return made(assemble, tuple(ops), shape, born - 0.3, {"keys": keys, "shape": shape, "full": True})
