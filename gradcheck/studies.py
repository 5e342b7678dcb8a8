"""What is seen of a function around a point: its evaluation, step by step, and the pictures calculus draws.

The function is sampled as it runs on NumPy in float64. A part that makes no sense at a point, that the
function fails to give, or that would take too long is left out: no run is lost for a picture.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Mapping
from functools import cached_property
from itertools import accumulate, pairwise
from math import prod
from time import perf_counter
from typing import Any

import numpy as np

from gradcheck import engine
from gradcheck.backends.base import flatten
from gradcheck.draws import Draw
from gradcheck.engine.listing import brief
from gradcheck.namespaces import numpy_xp
from gradcheck.numeric.differences import derivative, sample_noise
from gradcheck.numeric.ladder import LONGEST, RATIO, ROWS
from gradcheck.problems import Domain, Instance
from gradcheck.records import Study
from gradcheck.truth import Truth

_DRAWN, _TRACED = 3, 2  # points of a problem that have pictures, and steps
_LISTED = 64  # entries of an input that are shown one by one
_STEPS = 40
_FEW = 4  # entries of an intermediate array that are shown one by one
_PATTERN = range(4, 10_001)  # entries of a Jacobian
_PATIENCE = 3.0  # seconds that a part may take
_ZOOMS = (1.0, 0.1, 0.01)
_CURVE, _SURFACE = 61, 41  # samples along an axis; odd, so that the point is among them
_HALVINGS = 52
_LADDER = LONGEST * float(RATIO) ** -np.arange(ROWS)
_CERTIFIED = 30  # digits
_DIGITS = 4  # of numbers that feed a picture
_ALL = 17
_FINE = 5  # of those that a smooth line goes through

Part = Mapping[str, Any]


def study(instance: Instance, suite: str, slope: Callable[[], Truth | str]) -> Study:
    """What is seen of a problem around a point.

    Parameters
    ----------
    instance
        The problem at the point.
    suite
        Its suite's name.
    slope
        Gives the certified gradient in float64, or says why there is none.
    """
    rank = instance.problem.points.index(instance.point)
    around = _attempt(_Around, instance)
    drawn = around if rank < _DRAWN else None
    return Study(
        suite=suite,
        problem=instance.problem.name,
        point=instance.point.label,
        inputs={name: _listed(array, instance.point.inputs[name]) for name, array in instance.arrays.items()},
        output=around.layout.output if around else (),
        steps=_attempt(_steps, around if rank < _TRACED else None) or (),
        curve=_attempt(_curve, drawn),
        surface=_attempt(_surface, drawn),
        differences=_attempt(lambda drawn: _differences(drawn, slope), drawn),
        pattern=_attempt(_pattern, drawn),
    )


def _attempt(part: Callable[[Any], Any], of: Any) -> Any:
    """A part of a study; None where there is none."""
    if of is None:
        return None
    try:
        with np.errstate(all="ignore"):
            return part(of)
    except Exception:  # the function is anybody's code
        return None


def _listed(array: np.ndarray, given: Any) -> Any:
    if array.size <= _LISTED:
        return array.tolist()
    return "x".join(map(str, array.shape)) + (", seeded" if isinstance(given, Draw) else "")


class _Around:
    """A problem's function of all entries it is differentiated by, in a row, near a point."""

    def __init__(self, instance: Instance) -> None:
        self._instance = instance
        self.layout = instance.layout
        self.at = np.concatenate([np.ravel(x) for x in self.inputs])
        ends = list(accumulate(map(prod, self.layout.inputs)))
        self._parts = [slice(*part) for part in pairwise([0, *ends])]
        domains = instance.problem.domain
        named = zip(self.layout.names, self._parts, strict=True)
        self._domains = [(part, domains[name]) for name, part in named if name in domains]

    def __call__(self, *entries: float) -> float:
        """The value of a scalar function; NaN outside its domain."""
        flat = np.array(entries)
        if not all(domain.contains(flat[part]) for part, domain in self._domains):
            return math.nan
        shaped = zip(self._parts, self.layout.inputs, strict=True)
        return float(self.on(numpy_xp)(*(flat[part].reshape(shape) for part, shape in shaped)))

    @property
    def inputs(self) -> list[np.ndarray]:
        """The arrays it is differentiated by."""
        return [self._instance.arrays[name].copy() for name in self.layout.names]

    def on(self, xp: Any) -> Callable[..., Any]:
        """The function of these arrays in a namespace; it may change what it is given, not what is here."""
        return self._instance.bind(xp, {name: x.copy() for name, x in self._instance.arrays.items()})

    def affords(self, samples: int) -> bool:
        """Whether so many evaluations take little time."""
        return samples * self._cost <= _PATIENCE

    @cached_property
    def _cost(self) -> float:
        times = []
        for _ in range(2):  # the first may load something
            started = perf_counter()
            self.on(numpy_xp)(*self.inputs)
            times.append(perf_counter() - started)
        return min(times)

    @cached_property
    def jacobian(self) -> np.ndarray:
        """The derivative at the point by all entries side by side, one row per entry of the output."""
        wrt = tuple(range(len(self.layout.names)))
        blocks = engine.jacobian(self.on(engine.xp), wrt=wrt)(*self.inputs)
        return flatten("jacobian", blocks, self.layout).reshape(self.layout.k, self.layout.n)

    def is_scalar_of(self, numbers: int) -> bool:
        """Whether it is a scalar function of so many numbers."""
        return self.layout.output == () and self.layout.n == numbers

    def window(self, entry: int, half: float) -> tuple[float, float]:
        """The part of an interval around an entry that lies in the domain."""
        at = self.at[entry]
        inside = (domain for part, domain in self._domains if part.start <= entry < part.stop)
        domain = next(inside, Domain())
        return max(at - half, domain.low), min(at + half, domain.high)


def _steps(around: _Around) -> tuple[Part, ...] | None:
    if around.layout.output != () or not around.affords(_STEPS):
        return None
    graph = engine.trace(around.on(engine.xp), around.layout.names)(*around.inputs)
    nodes = graph.tape.nodes
    if len(nodes) > _STEPS:
        return None
    flows = defaultdict(list)
    for sent in graph.steps().backward:
        flows[sent.node, sent.parent].append(_text(sent.part))
    tangents = {name: graph.tangents(name) for name in graph.inputs}
    found = []
    for i, ((*_, parents, value), adjoint) in enumerate(zip(nodes, graph.backward(), strict=True)):
        operands = [parent for _, parent in parents]
        received = [flows[graph.name(i), graph.name(parent)] for parent in operands]
        found.append(
            {
                "name": graph.name(i),
                "expression": graph.expression(i),
                "value": _text(value),
                "adjoint": _text(adjoint),
                "operands": operands,
                "flows": [texts.pop(0) if texts else "" for texts in received],
                "tangents": {name: _text(along[i]) for name, along in tangents.items()},
            }
        )
    return tuple(found)


def _curve(around: _Around) -> Part | None:
    if not around.is_scalar_of(1) or not around.affords(len(_ZOOMS) * _CURVE):
        return None
    at = around.at.item()
    zooms = []
    for half in (_reach(at) * zoom for zoom in _ZOOMS):
        x = np.linspace(at - half, at + half, _CURVE).tolist()
        zooms.append({"half": half, "x": _drawn(x, _FINE), "y": _drawn([*map(around, x)], _FINE)})
    return {"at": at, "value": around(at), "slope": around.jacobian.item(), "zooms": zooms}


def _surface(around: _Around) -> Part | None:
    if not around.is_scalar_of(2) or not around.affords(_SURFACE**2):
        return None
    x, y = (
        np.linspace(*around.window(entry, _reach(at)), _SURFACE).tolist()
        for entry, at in enumerate(around.at)
    )
    return {
        "names": [around.layout.input_path(entry) for entry in range(2)],
        "at": around.at.tolist(),
        "value": around(*around.at),
        "gradient": around.jacobian[0].tolist(),
        "x": _drawn(x, _DIGITS),
        "y": _drawn(y, _DIGITS),
        "z": _drawn([[around(one, other) for one in x] for other in y], _DIGITS),
    }


def _differences(around: _Around, slope: Callable[[], Truth | str]) -> Part | None:
    if not around.is_scalar_of(1) or not around.affords(3 * _HALVINGS):
        return None
    truth = slope()
    if isinstance(truth, str) or truth.digits < _CERTIFIED or not truth.entries[0].smooth:
        return None
    at = around.at.item()
    steps = _reach(at) * 0.5 ** np.arange(1, _HALVINGS + 1)
    ahead, behind = (np.array([around(x) for x in at + side * steps]) for side in (1, -1))
    return {
        "true": truth.entries[0].text(_CERTIFIED),
        "steps": _rounded(steps.tolist(), _DIGITS),
        "forward": ((ahead - around(at)) / steps).tolist(),
        "central": ((ahead - behind) / (2 * steps)).tolist(),
        "ladder": _ladder(around, at),
    }


def _ladder(around: _Around, at: float) -> Part | None:
    """What the harness itself measures, and by which steps: short ones where long ones leave the domain."""

    def phi(step: float) -> np.ndarray:
        return np.array(around(at + step))

    for scale in (_reach(at), abs(at)):
        steps = [step for step in scale * _LADDER if np.isfinite(phi(step) + phi(-step))]
        found = derivative(phi, scale=scale, finest=scale, noise=sample_noise(phi, scale=scale))
        if np.isfinite(found.value):
            ends = [steps[0].item(), steps[-1].item()]
            return {"steps": ends, "value": found.value.item(), "error": found.error.item()}
    return None


def _pattern(around: _Around) -> Part | None:
    layout = around.layout
    small = layout.output != () and layout.k * layout.n in _PATTERN
    if not small or not around.affords(min(layout.k, layout.n)):
        return None
    rows, columns = np.nonzero(around.jacobian)
    values = _rounded(around.jacobian[rows, columns].tolist(), _DIGITS)
    return {
        "rows": layout.k,
        "blocks": [[name, prod(shape)] for name, shape in zip(layout.names, layout.inputs, strict=True)],
        "entries": [list(entry) for entry in zip(rows.tolist(), columns.tolist(), values, strict=True)],
    }


def _reach(at: float) -> float:
    """How far around a number is looked."""
    return max(1.0, abs(float(at)))


def _drawn(values: list[Any], digits: int) -> Any:
    """Numbers for a picture: so many digits, and as many more as numbers that lie close together share."""
    finite = np.array(values)[np.isfinite(values)]
    spread, largest = np.ptp(finite), np.max(np.abs(finite))
    shared = math.ceil(math.log10(largest / spread)) if spread else _ALL
    return _rounded(values, min(digits + shared, _ALL))


def _rounded(values: list[Any], digits: int) -> list[Any]:
    return [_rounded(one, digits) if isinstance(one, list) else float(f"{one:.{digits}g}") for one in values]


def _text(value: Any) -> str:
    """A number, or the few of a small array, as they are read; of a larger array its shape."""
    if np.ndim(value) == 0:
        return f"{value:.10g}" if np.result_type(value).kind == "f" else str(value)
    if np.ndim(value) == 1 and len(value) <= _FEW:
        return f"({', '.join(map(_text, value))})"
    return brief(value)
