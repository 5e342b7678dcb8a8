"""Jacobians by structure: where their entries lie is known from shapes, so only what they are is computed.

The Jacobian of a value is a sum of *terms*, each a list of entries: rows and columns are arrays of integers,
made while the function is traced, and the values are arrays of the program. The identity at an input is one
term; a pointwise operation scales values, moving entries about moves rows, a product with a constant matrix
spreads rows, a sum merges them. This is forward accumulation (A. Griewank and A. Walther, "Evaluating
Derivatives", SIAM 2008, chapter 7) with whole diagonals at once in place of single entries.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np

from gradcheck.engine.core import Tape, Traced, primal_of, reshape, shape_of
from gradcheck.engine.places import Compressed, Pattern, by_rows, laid_out
from gradcheck.engine.structure_rules import Step, pushed_by_columns, rule_of
from gradcheck.engine.terms import Term, filled, grid, identity, merged
from gradcheck.errors import NotTraceable

_VALUES = (Traced, np.ndarray, np.generic, bool, int, float, complex)
_NODE = 3000  # what an operation costs beside its entries, in entries
_FEW = 8  # walks that cost less than finding the structure
_FEW_WRITTEN = 2  # the same where all is written down once, for a plan or for another derivative


def accumulated(
    tape: Tape, inputs: Sequence[Any], outputs: Sequence[Any], *, rows: bool, limited: bool = True
) -> list[list[list[Term]]] | None:
    """The Jacobians of outputs, for each output and input its terms; None where walking the tape costs less.

    Parameters
    ----------
    rows
        Whether the tape could be walked once for every entry of the outputs rather than of the inputs.
    limited
        Whether to give up where walking is cheaper.
    """
    ends = [y.index if isinstance(y, Traced) and y.tape is tape else -1 for y in outputs]
    last = _last_uses(tape, ends)
    sizes = [prod(x.shape) for x in inputs]
    walks = sum(prod(shape_of(y)) for y in outputs) if rows else sum(sizes)
    if limited and walks <= (_FEW_WRITTEN if any(isinstance(x.primal, Traced) for x in inputs) else _FEW):
        return None
    walk = sum(prod(shape_of(tape.nodes[index][4])) + _NODE for index in last)
    budget = walks * walk
    known: dict[int, list[list[Term]]] = {}
    for at, x in enumerate(inputs):
        known[x.index] = [[identity(x)] if other == at else [] for other in range(len(inputs))]
    for index in sorted(last):
        primitive, operands, params, parents, output = tape.nodes[index]
        reached = any(parent in known for _, parent in parents)
        if primitive is None or not reached or not prod(shape_of(output)):
            continue
        found: list[list[Term]] = [[] for _ in inputs]
        plain = tuple(x if isinstance(x, _VALUES) else np.asarray(x)[()] for x in operands)
        for position, parent in parents:
            step = Step(primitive, position, plain, params, output)
            for terms, size, new in zip(known.get(parent, ()), sizes, found, strict=False):
                if not terms:
                    continue
                rule = rule_of(step)
                if rule is not None:
                    new += [rule(step, term) for term in terms]
                    continue
                if rows:
                    return None
                budget -= size * prod(step.given)
                if limited and budget < 0:
                    return None
                new.append(pushed_by_columns(step, terms, size))
        for at, size in enumerate(sizes):
            found[at] = merged([term for term in found[at] if prod(term.shape)])
            work, whole = sum(term.work for term in found[at]), prod(shape_of(output)) * size
            budget -= work + _NODE * len(found[at])
            if limited and budget < 0:
                return None
            # What lies under a full term is added to it at once: apart, terms that cancel would lose digits.
            covered = any(prod(term.shape) == whole for term in found[at])
            if len(found[at]) > 1 and (covered or work > whole):
                found[at] = [filled(found[at], shape_of(output), size)]
        known[index] = found
        for _, parent in parents:
            if last.get(parent) == index and parent not in ends:
                known.pop(parent, None)
    return [known.get(end, [[] for _ in inputs]) for end in ends]


def dense(terms: Sequence[Term], y: Any, x: Any) -> Any:
    """The Jacobian as an array of the shape of the output and of the input."""
    shape = (*shape_of(y), *shape_of(x))
    if not terms:
        return np.zeros(shape, np.result_type(primal_of(y)))
    width = prod(shape_of(x))
    return laid_out([term.values for term in terms], [term.places(width) for term in terms], shape)


def compressed(terms: Sequence[Term], y: Any, x: Any) -> tuple[Any, Pattern]:
    """The entries of the Jacobian as a sparse matrix, and its pattern."""
    shape = (prod(shape_of(y)), prod(shape_of(x)))
    places = [term.places(shape[1]) for term in terms]
    return by_rows([term.values for term in terms], places, shape, np.result_type(primal_of(y)))


def sparse_matrix(data: Any, pattern: Pattern, x: Any) -> Any:
    """The matrix, or where a program is written what will be it.

    Raises
    ------
    NotTraceable
        Under an enclosing derivative.
    """
    if any(isinstance(value, Traced) and not value.tape.keeps_all for value in (data, x.primal)):
        raise NotTraceable("a sparse matrix cannot hold", "ask for a dense one under another derivative")
    written = isinstance(data, Traced) or isinstance(x.primal, Traced)
    return Compressed(data, pattern) if written else pattern.matrix(data)


def full(block: Any, y: Any, x: Any) -> Term:
    """A Jacobian that is there as a term."""
    rows, columns = prod(shape_of(y)), prod(shape_of(x))
    return grid(reshape(block, shape=(rows, columns)), (rows,), columns)


def _last_uses(tape: Tape, ends: Sequence[int]) -> dict[int, int]:
    """The nodes that the ends depend on, each with the last one that uses it."""
    last = {end: end for end in ends if end >= 0}
    for index in range(max(ends, default=-1), -1, -1):
        if index in last:
            for _, parent in tape.nodes[index][3]:
                last.setdefault(parent, index)
    return last
