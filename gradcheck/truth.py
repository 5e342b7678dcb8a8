"""Certified truth: the derivative of the very source a backend runs, enclosed to at least 30 digits.

The problem's function is evaluated on arrays of power series of balls (:mod:`gradcheck.balls`) along
curves through the point: the coefficient of t along ``x + t v`` is a directional derivative, and the
coefficient of t^5 along ``x + t^2 u + t^3 v`` is exactly ``u H v``, since 5 = 2 + 3 in no other way.
Precision is doubled until every radius is below 1e-30 of its value.

The same evaluation with as many bits as a dtype has gives the *rounding bound*: the radius is what the
program's own roundings can do to the answer at this point in this dtype. No tolerance is chosen anywhere.
What numbers on the way that leave the dtype's range can do besides is found by :mod:`gradcheck.ranges`.

A comparison decided by a tie makes the derivatives one-sided; then both sides are taken. Where no
derivative exists, the one-sided limits are sought close to the point.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import accumulate, pairwise
from typing import Any

import numpy as np
from flint import arb

from gradcheck import high_precision, ranges
from gradcheck.balls import FUNCTIONS, Ball, Balls, Undecided, curve, evaluation, lift
from gradcheck.derived_balls import DERIVED
from gradcheck.dtypes import FORMATS, Format, is_floating, rounded
from gradcheck.errors import FloatsOnly, TruthUnavailable
from gradcheck.namespaces import Extended, numpy_xp
from gradcheck.numeric.differences import derivative, sample_noise
from gradcheck.numeric.ladder import Estimate
from gradcheck.problems import Instance

_LADDER = (128, 256, 512, 1024, 2048)
_CERTIFIED = arb(10) ** -30
_NEAR = (8, 16, 32, 64, 128)  # one-sided limits are read off at 10^-8 ... 10^-128 from the point

# A tangent of 1 meets no rounding where values are small integers, but a backend that carries a cotangent
# of many digits does: rounding bounds are taken with a seed that fills the mantissa.
_SEED = 4 / 3

_MEASURED = ("gradient", "jacobian", "jvp", "vjp")
_BESIDE = 4  # points beside the one measured at

_xp = Extended(np, FUNCTIONS | DERIVED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """The truth of one entry of an answer.

    Attributes
    ----------
    low, high
        Enclosures of the derivatives from both sides; the same ball where the derivative exists, None
        where neither side has a finite one.
    bound
        Rounding bound: what the roundings of the program itself may change, in this dtype.
    beyond
        What numbers on the way may change besides that leave the dtype's range and not that of float64;
        infinite after an overflow.
    left, right
        One-sided limits in words, where no derivative exists.
    reason
        Why none exists, where that is not a matter of limits.
    """

    low: Any = None
    high: Any = None
    bound: float = math.inf
    beyond: float = 0.0
    left: str = ""
    right: str = ""
    reason: str = ""

    @property
    def defined(self) -> bool:
        """Whether some derivative, perhaps one-sided, exists."""
        return self.low is not None

    @property
    def smooth(self) -> bool:
        """Whether the derivative exists."""
        return self.defined and self.low is self.high

    def text(self, digits: int = 30) -> str:
        """The truth in decimal digits, or the one-sided values."""
        if not self.defined:
            limits = f"left {self.left or 'none'}, right {self.right or 'none'}"
            return f"undefined ({self.reason or limits})"
        low, high = decimal(self.low, digits), decimal(self.high, digits)
        return low if self.low is self.high or low == high else f"{low} to {high}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Truth:
    """The truth of an answer, entry by entry in the flat form of :mod:`gradcheck.operators`.

    ``kind`` is ``ball``, ``closed form``, ``differences`` of many digits, or ``measured`` in float64 by the
    ladder of steps that :func:`gradcheck.verify` uses; ``digits`` how many are certified at least.
    """

    kind: str
    entries: Sequence[Entry]
    digits: float


def decimal(x: Any, digits: int = 30) -> str:
    """A ball's midpoint in decimal digits, short where it is short."""
    text = str(x.mid().str(digits, radius=False))
    if "e" in text or "." not in text:
        return text
    return text.rstrip("0").rstrip(".") or "0"


class Certifier:
    """The truth of one instance in one dtype; one run of the function serves several operators.

    Parameters
    ----------
    instance
        The problem and its point.
    dtype
        Name of the dtype: inputs are rounded to it, and the rounding bounds are for it.
    """

    def __init__(self, instance: Instance, dtype: str) -> None:
        self.instance = instance
        self.dtype = dtype
        self._number = FORMATS[dtype]
        self._arrays = {
            name: array.astype(np.float64) if is_floating(array.dtype) else array
            for name, array in instance.cast(dtype).items()
        }
        sizes = [self._arrays[name].size for name in instance.problem.wrt]
        self._starts = dict(zip(instance.problem.wrt, accumulate([0, *sizes]), strict=False))
        self._runs: dict[Any, Any] = {}
        self._exact: dict[Any, Any] = {}
        self.layout = instance.layout

    def share(self, other: Certifier) -> None:
        """Reuse the exact coefficients of a certifier whose inputs are the same numbers in another dtype."""
        pairs = zip(self._arrays.values(), other._arrays.values(), strict=True)
        if all(np.array_equal(mine, theirs) for mine, theirs in pairs):
            self._exact = other._exact

    def truth(self, operator: str, seeds: Mapping[str, Sequence[np.ndarray]]) -> Truth:
        """The truth of an operator's answer.

        Parameters
        ----------
        operator
            Its name.
        seeds
            ``tangent`` (one array per ``wrt`` input) and ``cotangent`` (one array); they are rounded to the
            dtype as inputs are.

        Raises
        ------
        TruthUnavailable
            When neither balls nor the closed form nor differences nor samples give one.
        """
        tangent = self._held(np.concatenate([np.ravel(v) for v in seeds["tangent"]]))
        cotangent = self._held(np.ravel(seeds["cotangent"][0]))
        try:
            entries = _zeros_beside(list(getattr(self, f"_{operator}")(tangent, cotangent)))
        except (
            Exception
        ):  # the function is anybody's code: whatever it raises on balls, another truth is tried
            truth = self._fallback(operator, tangent, cotangent)
        else:
            truth = Truth(kind="ball", entries=entries, digits=_certified_digits(entries))
        beyond = zip(truth.entries, self._beyond(operator, tangent, cotangent, truth), strict=True)
        return replace(truth, entries=[replace(e, beyond=float(far)) if far else e for e, far in beyond])

    def _fallback(self, operator: str, tangent: np.ndarray, cotangent: np.ndarray) -> Truth:
        try:
            return self._high_precision(operator, tangent, cotangent)
        except FloatsOnly:
            if operator not in _MEASURED:
                raise
        return self._measure(operator, tangent, cotangent)

    def _measure(self, operator: str, tangent: np.ndarray, cotangent: np.ndarray) -> Truth:
        """Slopes of the function as it runs on NumPy in float64, and how far each may be off.

        Their rounding bounds are as in :mod:`gradcheck.high_precision`, with the condition seen from slopes
        at points beside this one, a roundoff away in every input.
        """
        point = np.concatenate([np.ravel(self._arrays[name]) for name in self.instance.problem.wrt])
        values, errors = self._measured(point, operator, tangent, cotangent)
        if not np.all(np.isfinite(values)):
            raise TruthUnavailable("no finite slope can be measured either")
        bounds = errors + self._number.epsilon * np.abs(values)
        if self.dtype != "float64":  # where a roundoff moves a slope by less than it is measured to
            signs = np.random.default_rng(point.size).choice((-1.0, 1.0), (_BESIDE, point.size))
            beside = [
                self._measured(point * (1 + self._number.unit * sign), operator, tangent, cotangent)[0]
                for sign in signs
            ]
            bounds += point.size * np.max(np.abs(beside - values), axis=0)
        with evaluation(_LADDER[0], 1):
            entries = [
                Entry(low=(ball := arb(value)), high=ball, bound=bound if bound >= 0 else math.inf)
                for value, bound in zip(values.tolist(), bounds.tolist(), strict=True)
            ]
        relative = np.max(errors) / (np.max(np.abs(values)) or 1.0)
        return Truth(kind="measured", entries=entries, digits=float(-np.log10(max(relative, 1e-16))))

    def _measured(
        self, point: np.ndarray, operator: str, tangent: np.ndarray, cotangent: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """The flat answer at a point, and its error bars."""
        names, arrays = self.instance.problem.wrt, self._arrays
        cuts = list(accumulate(arrays[name].size for name in names))[:-1]
        function = self.instance.bind(numpy_xp, arrays)
        size = float(np.max(np.abs(point), initial=1.0))

        def slopes(direction: np.ndarray) -> Estimate:
            def phi(step: float) -> np.ndarray:
                parts = np.split(point + step * direction, cuts)
                shaped = [part.reshape(arrays[name].shape) for name, part in zip(names, parts, strict=True)]
                return np.ravel(function(*shaped))

            return derivative(phi, scale=size, noise=sample_noise(phi, scale=size))

        directions = [tangent] if operator == "jvp" else list(np.eye(point.size))
        columns = [slopes(one) for one in directions]
        values = np.stack([c.value for c in columns], axis=-1)
        errors = np.stack([c.error for c in columns], axis=-1)
        if operator == "vjp":
            values, errors = cotangent @ values, np.abs(cotangent) @ errors
        return np.ravel(values), np.ravel(errors)

    def _high_precision(self, operator: str, tangent: np.ndarray, cotangent: np.ndarray) -> Truth:
        made = high_precision.answer(self.instance, self.dtype, operator, tangent, cotangent, self.layout)
        with evaluation(_LADDER[1], 1):
            balls = [arb(str(value)) for value in made.values]
        entries = [
            Entry(low=ball, high=ball, bound=max(bound, _half_ulp(ball, ball, self._number)))
            for ball, bound in zip(balls, made.bounds, strict=True)
        ]
        return Truth(kind=made.kind, entries=entries, digits=made.digits)

    # What leaving the range may change.

    def _held(self, array: np.ndarray) -> np.ndarray:
        """An array as the dtype holds it, in float64."""
        return rounded(array, self.dtype).astype(np.float64)

    @cached_property
    def _holds_point(self) -> bool:
        """Whether no input becomes 0 or infinite by being rounded to the dtype."""
        return all(
            np.array_equal(_nonzero_and_finite(given), _nonzero_and_finite(held))
            for given, held in zip(self.instance.arrays.values(), self._arrays.values(), strict=True)
        )

    def _beyond(
        self, operator: str, tangent: np.ndarray, cotangent: np.ndarray, truth: Truth
    ) -> Iterable[float]:
        """What leaving the range may change in every entry of an answer; in the widest dtype nothing."""
        if self.dtype == "float64":
            return [0.0] * len(truth.entries)
        if not self._holds_point:
            return [math.inf] * len(truth.entries)
        if truth.kind != "ball":
            return [_beyond_by_size(entry, self._number) for entry in truth.entries]
        try:
            values, jacobian = self._range
            matrix = self._second_range if operator in ("hessian", "hvp") else jacobian
        except Exception:  # where the steps cannot be followed, nothing is excused
            return [0.0] * len(truth.entries)
        if operator == "value":
            matrix = values
        elif operator in ("jvp", "hvp"):
            matrix = _product(np.abs(tangent), matrix.T)
        elif operator == "vjp":
            matrix = _product(np.abs(cotangent), matrix)
        return np.ravel(matrix)

    @cached_property
    def _range(self) -> tuple[np.ndarray, np.ndarray]:
        return ranges.first_order(self._recorded, self.layout.n, self._number)

    @cached_property
    def _second_range(self) -> np.ndarray:
        return ranges.second_order(self._recorded, self.layout.n, self._number)

    def _recorded(self, record: ranges.Record, along: Mapping[int, int]) -> list[Ball]:
        """The outputs, of inputs that start a record; some move along a power of t."""
        path = tuple((power, position, 1.0) for position, power in along.items())
        inputs = dict(zip(self._arrays, self._on_curve(path, {}, 1.0), strict=True))
        for name in self.instance.problem.wrt:
            for cell in np.ravel(inputs[name]):
                record.start(cell)
        value = self.instance.problem.fn(_xp, *inputs.values())
        return [lift(_cell(cell)) for cell in np.ravel(np.asarray(value, dtype=object))]

    # One method an operator.

    def _value(self, tangent: np.ndarray, cotangent: np.ndarray) -> Iterator[Entry]:
        coefficients, _ = self._certified((), 0)
        for exact, rough in coefficients:
            entry = self._entry(exact, exact, rough)
            yield entry if entry.defined else Entry(reason="no real value here")

    def _gradient(self, tangent: np.ndarray, cotangent: np.ndarray) -> Iterator[Entry]:
        for i in range(self.layout.n):
            yield from self._slopes({i: 1.0})

    def _jacobian(self, tangent: np.ndarray, cotangent: np.ndarray) -> Iterator[Entry]:
        columns = [self._slopes({i: 1.0}) for i in range(self.layout.n)]
        for row in zip(*columns, strict=True):
            yield from row

    def _jvp(self, tangent: np.ndarray, cotangent: np.ndarray) -> Iterator[Entry]:
        along = self._slopes(dict(enumerate(tangent)))
        rows = zip(*(self._slopes({i: 1.0}) for i in range(self.layout.n)), strict=True)
        yield from (_no_finer_than(entry, tangent, row) for entry, row in zip(along, rows, strict=True))

    def _vjp(self, tangent: np.ndarray, cotangent: np.ndarray) -> Iterator[Entry]:
        for i in range(self.layout.n):
            yield _weighted(cotangent, self._slopes({i: 1.0}), self._number)

    def _hessian(self, tangent: np.ndarray, cotangent: np.ndarray) -> Iterator[Entry]:
        yield from (entry for row in self._second for entry in row)

    def _hvp(self, tangent: np.ndarray, cotangent: np.ndarray) -> Iterator[Entry]:
        for i, row in enumerate(self._second):
            yield _no_finer_than(self._curvature(i, dict(enumerate(tangent))), tangent, row)

    @cached_property
    def _second(self) -> list[list[Entry]]:
        """The Hessian by rows."""
        n = self.layout.n
        upper = {(i, j): self._curvature(i, {j: 1.0}) for i in range(n) for j in range(i, n)}
        flat = _zeros_beside([upper[min(i, j), max(i, j)] for i in range(n) for j in range(n)])
        return [list(flat[i * n : (i + 1) * n]) for i in range(n)]

    # Coefficients along curves.

    def _slopes(self, direction: Mapping[int, float]) -> list[Entry]:
        """The derivative of every output along a direction."""
        right, tied = self._certified(_path(1, direction), 1)
        left = right
        if tied:
            reverse, _ = self._certified(_path(1, {i: -slope for i, slope in direction.items()}), 1)
            left = [(_negated(exact), rough) for exact, rough in reverse]
        entries = [
            self._entry(after, after, rough) if _same(after, before) else self._entry(before, after, rough)
            for (after, rough), (before, _) in zip(right, left, strict=True)
        ]
        if all(entry.defined for entry in entries):
            return entries
        limits = self._limits(direction)
        return [e if e.defined else near for e, near in zip(entries, limits, strict=True)]

    def _curvature(self, i: int, direction: Mapping[int, float]) -> Entry:
        """One entry of the Hessian times a direction, of a scalar function."""
        if self._rough_gradient:
            return Entry(reason=self._rough_gradient)
        path = _path(2, {i: 1.0}) + _path(3, direction)
        (right,), tied = self._certified(path, 5)
        sides = [right]
        if tied:
            for one, other in ((-1, 1), (1, -1), (-1, -1)):
                flipped = _path(2, {i: one}) + _path(3, {j: other * slope for j, slope in direction.items()})
                ((exact, rough),), _ = self._certified(flipped, 5)
                sides.append((exact if one == other else _negated(exact), rough))
        exact = [side for side, _ in sides]
        if all(_same(exact[0], side) for side in exact[1:]):
            return self._entry(exact[0], exact[0], right[1])
        ordered = sorted(exact, key=lambda ball: float(ball.mid()))
        return self._entry(ordered[0], ordered[-1], right[1])

    @cached_property
    def _rough_gradient(self) -> str:
        """Why there is no second derivative here, in words; empty when the gradient exists."""
        slopes = [slope for at in range(self.layout.n) for slope in self._slopes({at: 1.0})]
        if all(slope.smooth for slope in slopes):
            return ""
        jumps = all(slope.defined for slope in slopes)
        return "the gradient jumps here" if jumps else "there is no gradient here"

    def _entry(self, one: Any, other: Any, rough: Any) -> Entry:
        if not (one.is_finite() and other.is_finite()):
            return Entry()
        low, high = (one, other) if one is other or one.mid() <= other.mid() else (other, one)
        bound = max(float(rough.rad()) if rough.is_finite() else math.inf, _half_ulp(low, high, self._number))
        return Entry(low=low, high=high, bound=bound)

    def _certified(self, path: tuple[Any, ...], order: int) -> tuple[list[tuple[Any, Any]], bool]:
        """A coefficient of every output, certified, beside the same at the dtype's precision."""
        key = path, order
        if key not in self._runs:
            self._runs[key] = self._certify(path, order)
        result: tuple[list[tuple[Any, Any]], bool] = self._runs[key]
        return result

    def _certify(self, path: tuple[Any, ...], order: int) -> tuple[list[tuple[Any, Any]], bool]:
        rough, _ = self._run(path, order, self._number.bits, hull=True)
        rough = [ball * arb(_SEED) ** -_factors(order) for ball in rough]
        key = path, order
        if key not in self._exact:
            self._exact[key] = self._widen(path, order, rough)
        exact, tied = self._exact[key]
        return list(zip(exact, rough, strict=True)), tied

    def _widen(self, path: tuple[Any, ...], order: int, rough: list[Any]) -> tuple[list[Any], bool]:
        """The coefficients with as many bits as it takes."""
        for bits in _LADDER:
            try:
                exact, tied = self._run(path, order, bits)
            except Undecided:
                if bits == _LADDER[-1]:
                    raise
                continue
            if all(_is_certified(e, r) for e, r in zip(exact, rough, strict=True)):
                break
        if not all(_is_certified(e, r) for e, r in zip(exact, rough, strict=True) if e.is_finite()):
            raise Undecided
        # What is enclosed with 0, far below any rounding, is called 0.
        return [arb(0) if ball.is_finite() and ball.contains(0) else ball for ball in exact], tied

    def _run(
        self, path: Any, order: int, bits: int, *, hull: bool = False, shift: Any = None
    ) -> tuple[list[Any], bool]:
        """A coefficient of every output along a curve, and whether a tie was met."""
        # A series that is 0 to the last term may be cut off too short to decide: then more terms are taken.
        for terms in (order + 1, 4 * order + 2):
            with evaluation(bits, terms, hull=hull) as run:
                inputs = self._on_curve(path, shift or {}, _SEED if hull else 1.0)
                value = self.instance.problem.fn(_xp, *inputs)
                cells = np.ravel(np.asarray(value, dtype=object))
                coefficients = [_coefficient(cell, order) for cell in cells]
            if not run.tied:
                break
        return coefficients, run.tied

    def _on_curve(self, path: Any, shift: Mapping[int, Any], seed: float) -> list[Any]:
        terms: dict[int, list[tuple[int, Any]]] = {}
        for power, position, slope in path:
            terms.setdefault(position, []).append((power, arb(slope) * arb(seed)))
        inputs = []
        for name, array in self._arrays.items():
            if name not in self._starts:
                inputs.append(_constants(array))
                continue
            cells = np.empty(array.size, dtype=object)
            for position, entry in enumerate(np.ravel(array), start=self._starts[name]):
                at = arb(float(entry)) + shift.get(position, 0)
                cells[position - self._starts[name]] = curve(at, *terms.get(position, ()))
            inputs.append(cells.reshape(array.shape).view(Balls))
        return inputs

    def _limits(self, direction: Mapping[int, float]) -> list[Entry]:
        """One-sided derivatives near the point, for outputs that have none at it."""
        sides = {}
        for side in (1, -1):
            seen = []
            for decade in _NEAR:
                with evaluation(1024, 1):
                    step = {i: side * arb(slope) * arb(10) ** -decade for i, slope in direction.items()}
                try:
                    coefficients, _ = self._run(_path(1, direction), 1, 1024, shift=step)
                except Undecided:
                    coefficients = [arb.nan()] * self.layout.k
                seen.append(coefficients)
            sides[side] = [_limit(sequence) for sequence in zip(*seen, strict=True)]
        return [Entry(left=left, right=right) for left, right in zip(sides[-1], sides[1], strict=True)]


def _nonzero_and_finite(array: np.ndarray) -> np.ndarray:
    inside: np.ndarray = (array != 0) & np.isfinite(array)
    return inside


def _constants(array: np.ndarray) -> np.ndarray:
    """An input that is not differentiated by: floating ones as balls, or products of them would round."""
    if array.dtype.kind != "f":
        return array
    cells = np.empty(array.size, dtype=object)
    cells[:] = [curve(float(entry)) for entry in np.ravel(array)]
    return cells.reshape(array.shape).view(Balls)


def _product(weights: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """The weights times a matrix that may hold infinities; 0 times one of them is 0."""
    total = np.zeros(matrix.shape[1])
    for weight, row in zip(weights, matrix, strict=True):
        total += weight * row if weight else 0.0
    return total


def _beyond_by_size(entry: Entry, number: Format) -> float:
    """What leaving the range may change in an entry of which nothing is known but its size."""
    size = abs(float(entry.low.mid()))
    if size > number.largest:
        return math.inf
    return number.lost if 0 < size < number.smallest else 0.0


def _negated(ball: Any) -> Any:
    """Minus the ball, with all its digits: Arb rounds a negation to the working precision."""
    with evaluation(_LADDER[-1], 1):
        return -ball


def _factors(order: int) -> int:
    """How many seeds multiply into a coefficient: of t one, of t^5 = t^2 t^3 two."""
    return {0: 0, 1: 1, 5: 2}[order]


def _path(power: int, direction: Mapping[int, float]) -> tuple[tuple[int, int, float], ...]:
    return tuple((power, position, float(slope)) for position, slope in direction.items())


def _cell(cell: Any) -> Any:
    """An entry of an output; an array without axes may lie in an array of objects as it is."""
    return cell.item() if isinstance(cell, np.ndarray) else cell


def _coefficient(cell: Any, order: int) -> Any:
    cell = _cell(cell)
    if hasattr(cell, "coefficient"):
        return cell.coefficient(order)
    return arb(float(cell)) if order == 0 else arb(0)


def _is_certified(exact: Any, rough: Any) -> bool:
    """Radius below 1e-30 of the value, or of the rounding bound where the value is zero."""
    if not exact.is_finite():
        return False
    if exact.contains(0):
        return bool(exact.is_zero() or (rough.is_finite() and exact.rad() <= _CERTIFIED * rough.rad()))
    return bool(exact.rad() <= _CERTIFIED * exact.abs_lower())


def _same(one: Any, other: Any) -> bool:
    return one is other or not (one.is_finite() and other.is_finite()) or bool(one.overlaps(other))


def _weighted(weights: np.ndarray, entries: Sequence[Entry], number: Format) -> Entry:
    """The sum of entries times weights; an interval where some entry is one-sided."""
    for entry in entries:
        if not entry.defined:
            return entry
    with evaluation(_LADDER[-1], 1):
        ends = [
            sorted((arb(float(w)) * e.low, arb(float(w)) * e.high), key=lambda ball: float(ball.mid()))
            for w, e in zip(weights, entries, strict=True)
        ]
        low = sum((end[0] for end in ends), arb(0))
        high = low if all(entry.smooth for entry in entries) else sum((end[1] for end in ends), arb(0))
    terms = [
        abs(float(w)) * (e.bound + number.unit * len(entries) * _largest(e.low, e.high))
        for w, e in zip(weights, entries, strict=True)
    ]
    return Entry(low=low, high=high, bound=max(sum(terms), _half_ulp(low, high, number)))


def _no_finer_than(entry: Entry, weights: np.ndarray, row: Sequence[Entry]) -> Entry:
    """A product's entry: it may be formed from the matrix, so the roundings of its terms are allowed too."""
    if not entry.defined or not all(term.defined for term in row):
        return entry
    return replace(
        entry, bound=max(entry.bound, sum(abs(float(w)) * t.bound for w, t in zip(weights, row, strict=True)))
    )


def _zeros_beside(entries: Sequence[Entry]) -> Sequence[Entry]:
    """A derivative that is exactly 0 has no size of its own: it may be off by what its neighbours may."""
    largest = max((entry.bound for entry in entries if entry.defined), default=0.0)
    return [
        replace(entry, bound=largest)
        if entry.smooth and entry.low.is_zero() and math.isfinite(largest)
        else entry
        for entry in entries
    ]


def _half_ulp(low: Any, high: Any, number: Format) -> float:
    return number.half_ulp(_largest(low, high))


def _largest(low: Any, high: Any) -> float:
    return max(abs(float(low.mid())), abs(float(high.mid())))


def _limit(sequence: Sequence[Any]) -> str:
    """What values at 10^-8 ... 10^-128 from a point tend to, in words; empty when there is none."""
    if not all(x.is_finite() for x in sequence):
        return ""
    values = [x.mid() for x in sequence]
    steps = [abs(b - a) for a, b in pairwise(values)]
    if steps[-1] <= arb("1e-12") * abs(values[-1]) or values[-1] == 0:
        return decimal(sequence[-1], 15)
    if all(abs(b) > abs(a) for a, b in pairwise(values)):
        return "+inf" if values[-1] > 0 else "-inf"
    return ""


def _certified_digits(entries: Sequence[Entry]) -> float:
    """Digits certified in the worst entry; 100 stands for an exact answer."""
    balls = [ball for entry in entries if entry.defined for ball in (entry.low, entry.high)]
    bits = [ball.rel_accuracy_bits() for ball in balls if not ball.contains(0)]
    return round(min(100.0, min(bits, default=math.inf) * math.log10(2)), 1)
