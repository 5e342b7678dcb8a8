"""Long pointwise work in blocks that stay in the cache: memory is passed over once, not once an operation."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from gradcheck.engine.plan.program import Op, Program

LARGE = 1 << 16  # entries from which arrays do not fit a first- and second-level cache together
BLOCK = 1 << 15  # entries of a block: a few of them fit a second-level cache

REDUCTIONS = frozenset({"sum", "max", "min", "inner"})


@dataclass(slots=True)
class Region:
    """Operations on arrays of one shape that can be done block by block: pointwise ones, and sums of all."""

    shape: tuple[int, ...]
    ops: list[Op]


def scheduled(program: Program) -> list[Op | Region]:
    """The operations of a program in order, long pointwise work gathered into regions."""
    grouped = {id(op): op for op in program.ops if _is_pointwise(op) or _is_reduction(op)}
    if not grouped:
        return list(program.ops)
    stage: dict[int, int] = defaultdict(int)
    for op in program.ops:
        stage[id(op)] = max((_stage(x, op, stage, grouped) for x in op.inputs), default=0)
    regions: dict[tuple[int, tuple[int, ...]], Region] = {}
    items: list[tuple[tuple[int, bool, float], Op | Region]] = []
    for op in program.ops:
        at = stage[id(op)]
        if id(op) not in grouped:
            items.append(((at, False, op.born), op))
            continue
        shape = op.inputs[0].shape if _is_reduction(op) else op.shape
        if (at, shape) not in regions:
            regions[at, shape] = Region(shape, [])
            items.append(((at, True, op.born), regions[at, shape]))
        regions[at, shape].ops.append(op)
    return [_alone(item) for _, item in sorted(items, key=lambda pair: pair[0])]


def _alone(item: Op | Region) -> Op | Region:
    return item.ops[0] if isinstance(item, Region) and len(item.ops) == 1 else item


def _stage(x: Op, op: Op, stage: dict[int, int], grouped: dict[int, Op]) -> int:
    """The stage that an operand asks for: a region is over before its sums, or whole arrays, are used."""
    within = id(op) in grouped and id(x) in grouped and not _is_reduction(x)
    return stage[id(x)] + (id(x) in grouped and not within)


def _is_pointwise(op: Op) -> bool:
    if op.primitive is None or not op.primitive.pointwise or op.size < LARGE or op.dtype is None:
        return False
    return op.dtype.kind in "bf" and all(not x.shape or x.shape == op.shape for x in op.inputs)


def _is_reduction(op: Op) -> bool:
    if op.name not in REDUCTIONS or op.shape or op.dtype is None or op.dtype.kind != "f":
        return False
    return op.inputs[0].size >= LARGE


def last_uses(region: Region, kept: Sequence[Op]) -> dict[int, int]:
    """The operation of the region after which the block of a value is free."""
    last = {id(x): id(op) for op in region.ops for x in op.inputs}
    return last | {id(op): 0 for op in kept}
