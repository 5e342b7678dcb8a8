"""How operations act on the terms of a Jacobian: the rules of forward accumulation by structure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import prod
from string import ascii_letters
from typing import Any

import numpy as np

from gradcheck.engine.core import (
    Primitive,
    Traced,
    broadcast_to,
    carry,
    is_complex,
    multiply,
    primal_of,
    reduce_sum,
    reshape,
    shape_of,
    sum_to,
)
from gradcheck.engine.places import Places, compact, everywhere, is_everywhere, lay, picked
from gradcheck.engine.rules import manipulation
from gradcheck.engine.rules.contraction import _contract as contract
from gradcheck.engine.rules.linear_algebra import matmul_matrices
from gradcheck.engine.rules.manipulation import getitem, scatter, stack
from gradcheck.engine.rules.reduction import max_, min_, p_norm
from gradcheck.engine.rules.reduction import prod as product_of
from gradcheck.engine.rules.rows import kept_shape, shaped
from gradcheck.engine.terms import Term, carried_to, filled, folded, gathered, grid, settled, spread


@dataclass(frozen=True, eq=False, slots=True)
class Step:
    """One operation as one of its operands sees it."""

    primitive: Primitive
    position: int
    inputs: tuple[Any, ...]
    params: Mapping[str, Any]
    output: Any

    @property
    def given(self) -> tuple[int, ...]:
        """Shape of the operand."""
        return shape_of(self.inputs[self.position])

    @property
    def made(self) -> tuple[int, ...]:
        """Shape of the result."""
        return shape_of(self.output)


Rule = Callable[[Step, Term], Term]


def _at(x: Any, step: Step, term: Term) -> Any:
    """An operand, or the output, of a pointwise operation at the rows of a term."""
    shape = shape_of(x)
    if not shape:
        return x
    return picked(x, np.broadcast_to(everywhere(shape), step.made).reshape(-1)[term.rows])


def _scaled(step: Step, term: Term) -> Term:
    """A pointwise operation."""
    term = spread(term, step.given, step.made)
    operands, output = step.inputs, step.output
    if not (term.whole or step.primitive.name in _PLAIN):
        operands = tuple(_at(x, step, term) for x in operands)
        output = _at(output, step, term)
    assert step.primitive.push is not None
    values = step.primitive.push(step.position, term.values, output, *operands, **step.params)
    return Term(term.rows, term.columns, values, term.whole)


def _folded(step: Step, term: Term) -> Term:
    """An operation that leaves all entries in order."""
    if not term.whole:
        return term
    values = folded(term.values, step.given, step.made)
    return Term(term.rows.reshape(step.made), term.columns.reshape(step.made), values, whole=True)


def _moved(step: Step, term: Term) -> Term:
    """An operation that picks every entry of its result from its operand, or leaves it 0."""
    sources = np.asarray(step.primitive.forward(1 + everywhere(step.given), **step.params)) - 1
    return gathered(term, sources, step.given, step.made)


def _scattered(step: Step, term: Term) -> Term:
    targets = everywhere(step.params["shape"])[step.params["key"]]
    return carried_to(spread(term, step.given, targets.shape), targets, step.made)


def _placed(step: Step, term: Term) -> Term:
    """An operation that gives every entry of its operand a place of its own."""
    numbers = [np.zeros(shape_of(x), int) for x in step.inputs]
    numbers[step.position] = 1 + everywhere(step.given)
    sources = np.asarray(step.primitive.forward(*numbers, **step.params)).reshape(-1)
    targets = np.empty(prod(step.given), np.intp)
    (there,) = np.nonzero(sources)
    targets[sources[there] - 1] = there
    return carried_to(term, targets, step.made)


def _laid(step: Step, term: Term) -> Term:
    targets = step.params["layout"].parts[step.position].places
    return carried_to(spread(term, step.given, targets.shape), targets, step.made)


def _groups(step: Step) -> Places:
    """Where a reduction puts each entry of its operand."""
    axis = step.params.get("axis")
    kept = kept_shape(step.inputs[0], axis, True)
    return np.broadcast_to(everywhere(step.made).reshape(kept), step.given)


def _summed(step: Step, term: Term) -> Term:
    return carried_to(term, _groups(step), step.made)


def _reduced(step: Step, term: Term) -> Term:
    """A reduction, by the gradient of each of its results."""
    return _weighted(step, term, _groups(step))


def _single(step: Step, term: Term) -> Term:
    """Any operation with one result, by its gradient."""
    return _weighted(step, term, np.zeros(step.given, np.intp))


def _weighted(step: Step, term: Term, groups: Places) -> Term:
    ones = np.ones(step.made, np.result_type(primal_of(step.output)))[()]
    assert step.primitive.pull is not None
    slope = step.primitive.pull(step.position, ones, step.output, *step.inputs, **step.params)
    slope = sum_to(slope, step.given)
    weight = slope if term.whole or not step.given else picked(slope, term.rows)
    return carried_to(Term(term.rows, term.columns, carry(term.values, weight)), groups, step.made)


# Products summed over named axes: matrix products, einsum.


def _matrix_product(step: Step, term: Term) -> Term:
    a, b = map(shape_of, step.inputs)
    lead = max(len(a), len(b)) - 2
    batch = ascii_letters[3 : 3 + lead]
    left, right = batch[lead - (len(a) - 2) :] + "ab", batch[lead - (len(b) - 2) :] + "bc"
    return _multiplied(step, term, left, right, batch + "ac")


def _contracted(step: Step, term: Term) -> Term:
    return _multiplied(step, term, *(step.params[name] for name in ("left", "right", "out")))


def _multiplied(step: Step, term: Term, left: str, right: str, out: str) -> Term:
    """Every entry goes to all results that its operand's entry has a part in."""
    mine, theirs = (left, right) if step.position == 0 else (right, left)
    other = step.inputs[1 - step.position]
    sizes = dict(zip(theirs, shape_of(other), strict=True))
    for letter, size in zip(mine, step.given, strict=True):
        sizes[letter] = size if sizes.get(letter, 1) == 1 else sizes[letter]
    wide = tuple(sizes[letter] for letter in mine)
    term = spread(term, step.given, wide)  # where an axis of size 1 meets a longer one
    held = "".join(letter for letter, size in zip(theirs, shape_of(other), strict=True) if size != 1)
    other = shaped(other, tuple(sizes[letter] for letter in held))
    free = [letter for letter in held if letter not in mine]
    rank = len(free) + len(term.shape)
    coordinates = zip(mine, np.unravel_index(term.rows, wide) if mine else (), strict=True)
    at = {letter: compact(np.asarray(places)) for letter, places in coordinates}
    own = _own_axes(term, at, sizes)
    for place, letter in enumerate(free):
        at[letter] = np.arange(sizes[letter]).reshape((-1,) + (1,) * (rank - place - 1))
    shape = (*(sizes[letter] for letter in free), *term.shape)
    rows = np.broadcast_to(_flat(at, out, sizes), shape)
    shared = [letter for letter in held if letter in mine]
    summed = [letter for letter in shared if letter not in out]
    at_once = summed and all(letter in own for letter in shared)
    if at_once and all(term.columns.shape[own[letter]] == 1 for letter in summed):
        named = {own[letter]: letter for letter in shared}
        return _contracted_values(step, term, other, held, named, summed, rows)
    weight = picked(other, _flat(at, held, sizes)) if held else other
    return settled(rows, term.columns, _times(term.values, weight), step.made)


def _flat(at: Mapping[str, Places], letters: str, sizes: Mapping[str, int]) -> Places:
    """Flat places in an array with axes of those letters; a letter without coordinates has one entry."""
    places = np.zeros((), np.intp)
    for letter in letters:
        places = np.asarray(places * sizes[letter] + at.get(letter, 0))
    return places


def _own_axes(term: Term, at: Mapping[str, Places], sizes: Mapping[str, int]) -> dict[str, int]:
    """Letters whose coordinate runs along an axis of the entries on which no other one depends."""
    varying = {
        letter: [axis for axis, size in enumerate(places.shape) if size > 1] for letter, places in at.items()
    }
    own = {}
    for letter, axes in varying.items():
        alone = len(axes) == 1 and sum(axes[0] in others for others in varying.values()) == 1
        if alone and is_everywhere(at[letter], sizes[letter]):
            own[letter] = axes[0]
    return own


def _contracted_values(
    step: Step,
    term: Term,
    other: Any,
    held: str,
    named: Mapping[int, str],
    summed: Sequence[str],
    rows: Places,
) -> Term:
    """A product of all values at once: the entries have an axis for every letter that the operands share."""
    shape = term.shape
    fresh = iter(letter for letter in ascii_letters if letter not in held)
    letters = [named[axis] if axis in named else next(fresh) for axis in range(len(shape))]
    have = (1,) * (len(shape) - len(shape_of(term.values))) + shape_of(term.values)
    full = tuple(shape[axis] if axis in named else size for axis, size in enumerate(have))
    values = shaped(term.values, have)
    values = values if full == have else broadcast_to(values, shape=full)
    free = [letter for letter in held if letter not in letters]
    out = free + [letter for letter in letters if letter not in summed]
    gone = tuple(len(free) + axis for axis, letter in enumerate(letters) if letter in summed)
    product = contract(other, values, left=held, right="".join(letters), out="".join(out))
    columns = term.columns.reshape((1,) * len(free) + term.columns.shape)
    return settled(compact(rows).squeeze(gone), columns.squeeze(gone), product, step.made)


def _times(values: Any, weight: Any) -> Any:
    one = not isinstance(values, Traced) and np.ndim(values) == 0 and values == 1
    if one and np.result_type(values, primal_of(weight)) == np.result_type(primal_of(weight)):
        return weight
    return multiply(values, weight)


def pushed_by_columns(step: Step, terms: Sequence[Term], width: int) -> Term:
    """An operation of no known structure: its tangent for every column."""
    before = filled(terms, step.given, width).values
    assert step.primitive.push is not None
    columns = []
    for at in range(width):
        tangent = getitem(before, key=(..., at))
        tangent = step.primitive.push(step.position, tangent, step.output, *step.inputs, **step.params)
        columns.append(tangent if shape_of(tangent) == step.made else broadcast_to(tangent, shape=step.made))
    return grid(stack(columns, axis=-1), step.made, width)


_MOVING = ("getitem", "permute_dims", "flip", "roll", "tril", "triu", "diagonal")
_PLACING = ("stack", "concat_arrays", "_place_diagonal")
_RULES: dict[Primitive, Rule] = {
    reshape: _folded,
    manipulation.expand_dims: _folded,
    broadcast_to: _moved,
    **{getattr(manipulation, name): _moved for name in _MOVING},
    **{getattr(manipulation, name): _placed for name in _PLACING},
    scatter: _scattered,
    lay: _laid,
    reduce_sum: _summed,
    matmul_matrices: _matrix_product,
    contract: _contracted,
}
_SLOPED = frozenset({max_, min_, product_of, p_norm})
_ENTRYWISE = frozenset({"astype", "imag", "real"})
# Their derivatives do not depend on where they are taken.
_PLAIN = _ENTRYWISE | {"add", "conj", "negative", "positive", "subtract"}


def rule_of(step: Step) -> Rule | None:
    """What to do with a term; None where the operation has no structure that is known."""
    primitive = step.primitive
    known = _RULES.get(primitive)
    if known is not None:
        return known
    if primitive.pointwise or primitive.name in _ENTRYWISE:
        return _scaled
    if any(is_complex(x) for x in (step.output, *step.inputs)):
        return None  # a gradient tells of a complex derivative only half
    if primitive in _SLOPED:
        return _reduced
    return _single if prod(step.made) == 1 else None
