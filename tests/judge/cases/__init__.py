"""Derivatives whose verdict is known before they are judged: one module a collection, plain data throughout.

A case is a value. Points are drawn when they are asked for, so no case can spoil the next run of itself.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, is_dataclass, replace
from typing import Any

import numpy as np

from gradcheck.draws import Draw

PASS = frozenset({"pass"})
FAIL = frozenset({"fail"})
NOT_FAIL = frozenset({"pass", "inconclusive"})
NOT_PASS = frozenset({"fail", "inconclusive"})

Rule = Callable[..., Any]


@dataclass(frozen=True)
class Case:
    """A function, where it is differentiated, what is claimed about it, and what the judge must say.

    Attributes
    ----------
    name
        Unique in its collection.
    f
        The function.
    inputs
        Its positional arguments; a Draw stands for a random array.
    vjp, jvp, grad, jac, hvp
        The claimed derivatives; None throughout has the framework's own judged.
    expect
        The statuses that are right.
    causes
        Texts of which one must begin or be part of the cause of a finding; empty where any will do.
    modes
        What a finding may blame, and order its order; empty where that is not the point.
    exact
        The function without the errors it is meant to have, where its derivative is the derivative of that.
    analytic
        Whether f runs on complex numbers as an analytic function: the truth of the vjp is the complex step.
    options
        More arguments of ``verify``.
    note
        What the case is there for, in one line.
    """

    name: str
    f: Rule
    inputs: tuple[Any, ...]
    vjp: Rule | None = None
    jvp: Rule | None = None
    grad: Rule | None = None
    jac: Rule | None = None
    hvp: Rule | None = None
    expect: frozenset[str] = PASS
    causes: tuple[str, ...] = ()
    modes: tuple[str, ...] = ()
    order: int = 1
    exact: Rule | None = None
    analytic: bool = False
    options: Mapping[str, Any] = field(default_factory=dict)
    note: str = ""
    seed: int = 0

    @property
    def args(self) -> tuple[Any, ...]:
        """The arguments at this case's seed, new arrays every time."""
        generator = np.random.default_rng([self.seed, zlib.crc32(self.name.encode())])
        drawn: tuple[Any, ...] = mapped(lambda leaf: _array(leaf, generator), self.inputs)
        return drawn

    @property
    def derivatives(self) -> dict[str, Rule]:
        """The claimed derivatives by the name ``verify`` has for them."""
        claimed = {name: getattr(self, name) for name in ("vjp", "jvp", "grad", "jac", "hvp")}
        return {name: rule for name, rule in claimed.items() if rule is not None}

    @property
    def truth(self) -> str:
        """``"right"``, ``"wrong"`` or, where more than one status will do, ``"open"``."""
        return {PASS: "right", FAIL: "wrong"}.get(self.expect, "open")

    def judged(self, **options: Any) -> Any:
        """The verdict of ``gradcheck.verify``."""
        from gradcheck import verify

        return verify(self.f, self.args, **self.derivatives, **self.options, **options)

    def judges(self, verdict: Any) -> bool:
        """Whether a verdict says what it must."""
        return verdict.status.value in self.expect

    def names(self, verdict: Any) -> bool:
        """Whether a verdict that finds fault gives one of the causes; any will do where none is asked for."""
        given = [
            finding.cause for finding in verdict.findings if finding.failed or finding.kind == "unresolved"
        ]
        wanted = [cause.lower() for cause in self.causes]
        return not wanted or any(cause in one.lower() for cause in wanted for one in given)

    def blames(self, verdict: Any) -> bool:
        """Whether everything a verdict calls wrong is of a mode and order that are."""
        blamed = {(finding.mode, finding.order) for finding in verdict.findings if finding.failed}
        return not self.modes or blamed <= {(mode, self.order) for mode in self.modes}

    def __repr__(self) -> str:
        return f"Case({self.name})"


def _array(leaf: Any, generator: np.random.Generator) -> Any:
    if isinstance(leaf, Draw):
        return leaf(generator)
    if isinstance(leaf, np.ndarray):
        return leaf.copy()
    return leaf.clone() if hasattr(leaf, "clone") else leaf  # torch is not imported for this


def mapped(function: Callable[..., Any], tree: Any, *others: Any) -> Any:
    """Apply a function to every leaf of nested tuples, lists, dicts and dataclasses of one structure."""
    if isinstance(tree, (tuple, list)):
        return type(tree)(mapped(function, *nodes) for nodes in zip(tree, *others, strict=True))
    if isinstance(tree, dict):
        return {key: mapped(function, tree[key], *(other[key] for other in others)) for key in tree}
    if is_dataclass(tree) and not isinstance(tree, Draw):
        names = [one.name for one in fields(tree)]
        return type(tree)(
            **{name: mapped(function, *(getattr(node, name) for node in (tree, *others))) for name in names}
        )
    return function(tree, *others)


def leaves(tree: Any) -> list[Any]:
    """The leaves of a nest, in order."""
    found: list[Any] = []
    mapped(found.append, tree)
    return found


def floating(leaf: Any) -> bool:
    """Whether a leaf is differentiable: floats and complex numbers are, integers are constants."""
    return np.asarray(leaf).dtype.kind in "fc"


def draw(case: Case, seed: int) -> Case:
    """The same case at a fresh random point."""
    return replace(case, seed=seed)


def off(case: Case, error: float) -> Case:
    """The same function with its rule off by a relative error."""

    def vjp(*args: Any) -> Any:
        assert case.vjp is not None
        return mapped(lambda g: g * (1 + error), case.vjp(*args))

    return replace(case, name=f"{case.name}, {error:g} off", vjp=vjp, jvp=None, expect=FAIL)


def scaled(case: Case, x_scale: float, f_scale: float) -> Case:
    """``f_scale f(x / x_scale)`` at the point where the inner function sees what the case's own does."""
    factor = f_scale / x_scale

    def inner(args: tuple[Any, ...]) -> Any:
        return mapped(lambda x: x / x_scale if floating(x) else x, args)

    def times(number: float, tree: Any) -> Any:
        return mapped(lambda y: y * number, tree)

    def f(*args: Any) -> Any:
        return times(f_scale, case.f(*inner(args)))

    def vjp(*args: Any) -> Any:
        assert case.vjp is not None
        *args, cotangent = args
        return times(factor, case.vjp(*inner(tuple(args)), cotangent))

    def jvp(*args: Any) -> Any:
        assert case.jvp is not None
        count = len(case.inputs)
        return times(factor, case.jvp(*inner(args[:count]), *args[count:]))

    return replace(
        case,
        name=f"{case.name}, x {x_scale:g}, f {f_scale:g}",
        f=f,
        inputs=mapped(lambda x: x * x_scale if floating(x) else x, case.args),
        vjp=case.vjp and vjp,
        jvp=case.jvp and jvp,
        exact=None,
        analytic=False,
    )
