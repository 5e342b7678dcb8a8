"""Random programs: expression graphs over the rule table that run unchanged in any array namespace.

A program is a list of steps, each an operation on earlier values, and its output weighs together the values
that nothing used. Operations are chosen among those whose values stay of moderate size, and away from kinks.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np

from gradcheck import engine

LARGEST = 16.0  # values beyond are not built upon
MOST_ENTRIES = 128


@dataclass(frozen=True)
class Step:
    """An operation on earlier values, by their places."""

    name: str
    operands: tuple[int, ...]
    params: Mapping[str, Any]

    def __str__(self) -> str:
        params = "".join(f", {key}={value!r}" for key, value in self.params.items())
        return f"{self.name}({', '.join(f'v{at}' for at in self.operands)}{params})"


@dataclass(frozen=True)
class Program:
    """Steps on inputs, and the scalar that they come to."""

    seed: int
    dtype: str
    inputs: tuple[np.ndarray, ...]
    steps: tuple[Step, ...]
    outputs: tuple[tuple[int, np.ndarray], ...]

    def __call__(self, xp: Any, *inputs: Any) -> Any:
        """The output, a scalar."""
        return sum(xp.sum(self.constant(xp, weights) * part) for weights, part in self.parts(xp, *inputs))

    def parts(self, xp: Any, *inputs: Any) -> list[tuple[np.ndarray, Any]]:
        """The arrays that the output weighs together, with their weights."""
        values = list(inputs)
        for step in self.steps:
            values.append(self.taken(xp, step, [values[at] for at in step.operands]))
        return [(weights, values[at]) for at, weights in self.outputs]

    def taken(self, xp: Any, step: Step, operands: Sequence[Any]) -> Any:
        """What a step makes of its operands."""
        params = {
            key: self.constant(xp, value)
            if isinstance(value, np.ndarray) and value.dtype.kind == "f"
            else value
            for key, value in step.params.items()
        }
        return OPERATIONS[step.name].call(xp, *operands, **params)

    def constant(self, xp: Any, value: np.ndarray) -> Any:
        """A constant of the program in a namespace."""
        return xp.asarray(value) if hasattr(xp, "asarray") else value

    def __str__(self) -> str:
        count = len(self.inputs)
        lines = [f"program {self.seed} in {self.dtype}, inputs {[x.shape for x in self.inputs]}"]
        lines += [f"v{count + at} = {step}" for at, step in enumerate(self.steps)]
        return "\n".join([*lines, f"sum of weighted {[f'v{at}' for at, _ in self.outputs]}"])


@dataclass(frozen=True)
class Operation:
    """What a step can do; ``params(rng, *operands)`` chooses its parameters, None where it does not apply."""

    call: Callable[..., Any]
    arity: int
    params: Callable[..., dict[str, Any] | None]


def _none(rng: Any, *xs: np.ndarray) -> dict[str, Any]:
    return {}


def _broadcasts(rng: Any, a: np.ndarray, b: np.ndarray) -> dict[str, Any] | None:
    try:
        shape = np.broadcast_shapes(a.shape, b.shape)
    except ValueError:
        return None
    return {} if prod(shape) <= MOST_ENTRIES and len(shape) <= 3 else None


def _axis(rng: Any, x: np.ndarray) -> dict[str, Any] | None:
    return {"axis": int(rng.integers(-x.ndim, x.ndim))} if x.ndim else None


def _axes(rng: Any, x: np.ndarray) -> dict[str, Any] | None:
    """Axes to reduce: all, one, or some."""
    if not x.ndim:
        return None
    count = int(rng.integers(0, x.ndim + 1))
    axes = tuple(int(at) for at in rng.permutation(x.ndim)[:count])
    axis = None if not axes else axes[0] if len(axes) == 1 else axes
    return {"axis": axis, "keepdims": bool(rng.integers(2))}


def _key(rng: Any, x: np.ndarray) -> dict[str, Any] | None:
    """Slices, positions and new axes; torch has no steps backwards."""
    if not x.ndim or 0 in x.shape:
        return None
    key: list[Any] = []
    for size in x.shape[: int(rng.integers(1, x.ndim + 1))]:
        start = int(rng.integers(0, size))
        choices = (
            start,
            start - size,
            slice(start, None),
            slice(None, start + 1),
            slice(None, None, 2),
            slice(None),
        )
        key.append(choices[int(rng.integers(len(choices)))])
    if rng.integers(4) == 0 and x.ndim < 3:
        key.insert(int(rng.integers(len(key) + 1)), None)
    if rng.integers(4) == 0:
        key.append(Ellipsis)
    return {"key": tuple(key)}


def _positions(rng: Any, x: np.ndarray) -> dict[str, Any] | None:
    if not x.ndim or 0 in x.shape:
        return None
    axis = int(rng.integers(x.ndim))
    return {"indices": rng.integers(0, x.shape[axis], size=int(rng.integers(1, 4))), "axis": axis}


def _shape(rng: Any, x: np.ndarray) -> dict[str, Any]:
    sizes = [size for size in x.shape if size != 1]
    while len(sizes) > 1 and rng.integers(2):
        at = int(rng.integers(len(sizes) - 1))
        sizes[at : at + 2] = [sizes[at] * sizes[at + 1]]
    while len(sizes) < 3 and rng.integers(2):
        sizes.insert(int(rng.integers(len(sizes) + 1)), 1)
    return {"shape": tuple(sizes)}


def _wider(rng: Any, x: np.ndarray) -> dict[str, Any] | None:
    shape = tuple(int(rng.integers(1, 4)) if size == 1 else size for size in x.shape)
    if len(shape) < 3 and rng.integers(2):
        shape = (int(rng.integers(1, 4)), *shape)
    return {"shape": shape} if prod(shape) <= MOST_ENTRIES else None


def _order(rng: Any, x: np.ndarray) -> dict[str, Any] | None:
    return {"axes": tuple(int(at) for at in rng.permutation(x.ndim))} if x.ndim > 1 else None


def _shift(rng: Any, x: np.ndarray) -> dict[str, Any] | None:
    chosen = _axis(rng, x)
    return chosen and {"shift": int(rng.integers(-2, 3)), **chosen}


def _joined(rng: Any, a: np.ndarray, b: np.ndarray) -> dict[str, Any] | None:
    if a.ndim != b.ndim or not a.ndim:
        return None
    fitting = [
        at for at in range(a.ndim) if a.shape[:at] + a.shape[at + 1 :] == b.shape[:at] + b.shape[at + 1 :]
    ]
    return {"axis": int(rng.choice(fitting))} if fitting and a.size + b.size <= MOST_ENTRIES else None


def _alike(rng: Any, a: np.ndarray, b: np.ndarray) -> dict[str, Any] | None:
    if a.shape != b.shape or a.ndim > 2:
        return None
    return {"axis": int(rng.integers(-a.ndim - 1, a.ndim + 1))}


def _multiplies(rng: Any, a: np.ndarray, b: np.ndarray) -> dict[str, Any] | None:
    try:
        return {} if np.matmul(a, b).ndim <= 3 else None
    except ValueError:
        return None


def _times(rng: Any, x: np.ndarray) -> dict[str, Any] | None:
    """A constant matrix to multiply by."""
    if not x.ndim or 0 in x.shape:
        return None
    matrix = rng.normal(size=(x.shape[-1], int(rng.integers(1, 4)))) / np.sqrt(x.shape[-1])
    return {"matrix": matrix.astype(x.dtype)}


def _matrix(rng: Any, x: np.ndarray) -> dict[str, Any] | None:
    return {"k": int(rng.integers(-1, 2))} if x.ndim >= 2 else None


def _factor(rng: Any, x: np.ndarray) -> dict[str, Any]:
    """A number, among them those that identities are about."""
    return {"c": float(rng.choice([0.0, 1.0, -1.0, 2.0, 0.5, -0.75, 3.0]))}


def _exponent(rng: Any, x: np.ndarray) -> dict[str, Any]:
    return {"k": float(rng.choice([1.0, 2.0, 3.0, 4.0]))}


def _bound(rng: Any, x: np.ndarray) -> dict[str, Any]:
    return {"c": float(rng.normal())}


def _mask(rng: Any, a: np.ndarray, b: np.ndarray) -> dict[str, Any] | None:
    if _broadcasts(rng, a, b) is None:
        return None
    return {"mask": rng.integers(2, size=np.broadcast_shapes(a.shape, b.shape)) == 1}


def _positive(x: Any) -> Any:
    return 1.25 + x * x


def _reduction(name: str) -> Callable[..., Any]:
    return lambda xp, x, axis, keepdims: getattr(xp, name)(x, axis=axis, keepdims=keepdims)


def _guarded(name: str) -> Callable[..., Any]:
    """A function of positive numbers behind a guard: what the other branch does must not be seen.

    Where a namespace says that it lets through what the other branch does, that branch is made harmless.
    """

    def guarded(xp: Any, x: Any) -> Any:
        inside = xp.where(x > 0.125, x, 1.0 + 0 * x) if getattr(xp, "leaks", False) else x
        return xp.where(x > 0.125, getattr(xp, name)(inside), 0.25 * x)

    return guarded


def _softmax(xp: Any, x: Any, axis: int) -> Any:
    shares = xp.exp(x - xp.max(x, axis=axis, keepdims=True))
    return shares / xp.sum(shares, axis=axis, keepdims=True)


def _log_sum_exp(xp: Any, x: Any, axis: int) -> Any:
    top = xp.max(x, axis=axis, keepdims=True)
    return top + xp.log(xp.sum(xp.exp(x - top), axis=axis, keepdims=True))


def _unary(name: str) -> Operation:
    return Operation(lambda xp, x: getattr(xp, name)(x), 1, _none)


OPERATIONS: dict[str, Operation] = {
    **{
        name: _unary(name)
        for name in ("sin", "cos", "tanh", "atan", "square", "abs", "negative", "expm1", "exp")
    },
    "sqrt": Operation(lambda xp, x: xp.sqrt(_positive(x)), 1, _none),
    "log": Operation(lambda xp, x: xp.log(_positive(x)), 1, _none),
    "log1p": Operation(lambda xp, x: xp.log1p(x * x), 1, _none),
    "reciprocal": Operation(lambda xp, x: 1 / _positive(x), 1, _none),
    "entropy": Operation(lambda xp, x: _positive(x) * xp.log(_positive(x)), 1, _none),
    "guarded log": Operation(_guarded("log"), 1, _none),
    "guarded sqrt": Operation(_guarded("sqrt"), 1, _none),
    "scaled": Operation(lambda xp, x, c: c * x, 1, _factor),
    "shifted": Operation(lambda xp, x, c: x + c, 1, _factor),
    "less": Operation(lambda xp, x, c: x - c, 1, _factor),
    "power": Operation(lambda xp, x, k: x**k, 1, _exponent),
    "exponential": Operation(lambda xp, x: 1.5 ** xp.tanh(x), 1, _none),
    "add": Operation(lambda xp, a, b: a + b, 2, _broadcasts),
    "subtract": Operation(lambda xp, a, b: a - b, 2, _broadcasts),
    "multiply": Operation(lambda xp, a, b: a * b, 2, _broadcasts),
    "divide": Operation(lambda xp, a, b: a / _positive(b), 2, _broadcasts),
    "quotient": Operation(lambda xp, a, b: xp.exp(a / 8) / (2 + xp.sin(b)), 2, _broadcasts),
    "cancelling": Operation(lambda xp, a, b: a * _positive(b) * xp.log(_positive(b)), 2, _broadcasts),
    "maximum": Operation(lambda xp, a, b: xp.maximum(a, b + 0.01), 2, _broadcasts),
    "minimum": Operation(lambda xp, a, b: xp.minimum(a, b - 0.01), 2, _broadcasts),
    "above": Operation(lambda xp, x, c: xp.maximum(x, xp.asarray(c, dtype=x.dtype)), 1, _bound),
    "where": Operation(lambda xp, a, b: xp.where(a > b + 0.01, a * 0.5, b), 2, _broadcasts),
    "masked": Operation(lambda xp, a, b, mask: xp.where(xp.asarray(mask), a, b), 2, _mask),
    **{name: Operation(_reduction(name), 1, _axes) for name in ("sum", "mean", "max", "min")},
    "softmax": Operation(_softmax, 1, _axis),
    "logsumexp": Operation(_log_sum_exp, 1, _axis),
    "cumulative_sum": Operation(lambda xp, x, axis: xp.cumulative_sum(x, axis=axis), 1, _axis),
    "prod": Operation(lambda xp, x, axis: xp.prod(1 + 0.25 * xp.tanh(x), axis=axis), 1, _axis),
    "getitem": Operation(lambda xp, x, key: x[key], 1, _key),
    "take": Operation(lambda xp, x, indices, axis: xp.take(x, xp.asarray(indices), axis=axis), 1, _positions),
    "reshape": Operation(lambda xp, x, shape: xp.reshape(x, shape), 1, _shape),
    "broadcast_to": Operation(lambda xp, x, shape: xp.broadcast_to(x, shape), 1, _wider),
    "permute_dims": Operation(lambda xp, x, axes: xp.permute_dims(x, axes), 1, _order),
    "flip": Operation(lambda xp, x, axis: xp.flip(x, axis=axis), 1, _axis),
    "roll": Operation(lambda xp, x, shift, axis: xp.roll(x, shift, axis=axis), 1, _shift),
    "tril": Operation(lambda xp, x, k: xp.tril(x, k=k), 1, _matrix),
    "triu": Operation(lambda xp, x, k: xp.triu(x, k=k), 1, _matrix),
    "concat": Operation(lambda xp, a, b, axis: xp.concat([a, b], axis=axis), 2, _joined),
    "stack": Operation(lambda xp, a, b, axis: xp.stack([a, b], axis=axis), 2, _alike),
    "matmul": Operation(lambda xp, a, b: xp.matmul(a, b), 2, _multiplies),
    "times": Operation(lambda xp, x, matrix: xp.matmul(x, matrix), 1, _times),
}
_NAMES = tuple(OPERATIONS)


def generated(
    seed: int, *, names: Sequence[str] = _NAMES, most_steps: int = 12, shapes: Sequence[tuple[int, ...]] = ()
) -> Program:
    """The program of a seed."""
    rng = np.random.default_rng(seed)
    dtype = "float32" if seed % 4 == 3 else "float64"
    shapes = shapes or ((), (3,), (2,), (1,), (2, 3), (3, 2), (3, 3), (1, 3), (2, 1, 3), (2, 2, 2))
    chosen = [shapes[int(rng.integers(len(shapes)))] for _ in range(int(rng.integers(1, 4)))]
    inputs = tuple(np.asarray(rng.normal(size=shape), dtype) for shape in chosen)
    values: list[Any] = list(inputs)
    steps: list[Step] = []
    wanted = int(rng.integers(3, most_steps + 1))
    program = Program(seed, dtype, inputs, (), ())
    for _ in range(8 * wanted):
        if len(steps) == wanted:
            break
        step = _step(rng, names, values)
        if step is None:
            continue
        with np.errstate(all="ignore"):
            value = np.asarray(program.taken(engine.xp, step, [values[at] for at in step.operands]))
        if value.dtype == dtype and 0 < value.size <= MOST_ENTRIES and np.all(np.abs(value) <= LARGEST):
            steps.append(step)
            values.append(value)
    used = {at for step in steps for at in step.operands}
    left = [at for at in range(len(values)) if at not in used or (at >= len(inputs) and rng.integers(8) == 0)]
    outputs = tuple((at, np.asarray(rng.uniform(0.5, 1.5, size=values[at].shape), dtype)) for at in left)
    return Program(seed, dtype, inputs, tuple(steps), outputs)


def _step(rng: Any, names: Sequence[str], values: Sequence[np.ndarray]) -> Step | None:
    name = names[int(rng.integers(len(names)))]
    operation = OPERATIONS[name]
    # Late values are taken more often, so that programs grow deep rather than wide.
    places = np.minimum(rng.geometric(0.35, size=operation.arity) - 1, len(values) - 1)
    operands = tuple(len(values) - 1 - int(at) for at in places)
    params = operation.params(rng, *(values[at] for at in operands))
    return None if params is None else Step(name, operands, params)
