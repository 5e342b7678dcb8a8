"""A framework's own derivatives as claims, and its gradient as a function to be judged in turn."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from gradcheck.errors import BadArgument, CannotVerify, GradcheckError
from gradcheck.judge.frameworks.base import Framework, Function
from gradcheck.judge.request import MODES
from gradcheck.judge.subject import (
    Arguments,
    Arrays,
    Claim,
    Slot,
    Subject,
)
from gradcheck.judge.trial import one_line

_INSTEAD = "give vjp=, jvp=, grad= or jac=, or torch or JAX arrays"


@dataclass(frozen=True)
class Native:
    """A function in a framework's own arrays, that the framework differentiates."""

    function: Function
    arguments: Arguments
    framework: Framework
    outputs_like: Callable[[Sequence[np.ndarray], Sequence[Slot]], list[Any]]
    precise: bool

    def context(self) -> Any:
        """Where float64 stays float64, if that is wanted."""
        return self.framework.precise() if self.precise else nullcontext()


def attach_own(native: Native, subject: Subject, modes: Sequence[str]) -> None:
    """Have the framework's own derivative judged, and its gradient derivable."""
    for mode in modes:
        if mode not in native.framework.modes:
            known = ", ".join(native.framework.modes)
            raise BadArgument("modes", f"modes that {native.framework.name} has: {known}", mode)
    if native.framework.name == "NumPy" and any(s.is_complex for s in (*subject.inputs, *subject.outputs)):
        raise CannotVerify(
            "no derivative is given, and that of the engine is not judged for complex numbers", _INSTEAD
        )
    subject.claims = [_own_claim(mode, native, subject) for mode in modes]
    subject.derive = lambda weights: _gradient(native, subject, weights, modes)


def _gradient(native: Native, subject: Subject, weights: Arrays, modes: Sequence[str]) -> Subject:
    """The framework's gradient of a weighted sum of the outputs, as a subject of its own."""
    with native.context():
        pulled = native.framework.gradient(native.function, native.outputs_like(weights, subject.outputs))
    paths = [f"gradient by {slot.path}" if slot.path else "gradient" for slot in subject.inputs]

    def values(xs: Arrays) -> list[tuple[str, np.ndarray]]:
        with native.context():
            outputs = pulled(*native.arguments.own(xs))
            return [(path, native.framework.to_numpy(y)) for path, y in zip(paths, outputs, strict=True)]

    made = Subject(
        inputs=subject.inputs,
        point=subject.point,
        raw=values,
        meter=subject.meter,
        promoted=subject.promoted,
        order=subject.order + 1,
    )
    if subject.promote is not None:
        promote = subject.promote
        made.promote = lambda: _derived(promote(), weights)
    like = Native(
        pulled,
        native.arguments,
        native.framework,
        lambda arrays, _: native.arguments.own(arrays),
        native.precise,
    )
    _ = made.centre
    made.outputs = tuple(
        replace(slot, dtype=x.dtype) for slot, x in zip(made.outputs, subject.inputs, strict=True)
    )
    attach_own(like, made, modes)
    return made


def _derived(subject: Subject, weights: Arrays) -> Subject:
    assert subject.derive is not None
    return subject.derive([w.astype(np.complex128 if w.dtype.kind == "c" else np.float64) for w in weights])


def _own_claim(mode: str, native: Native, subject: Subject) -> Claim:
    """A framework's own derivative of the function."""
    forward = mode in ("forward", "linearized")
    framework, function = native.framework, native.function

    def call(xs: Arrays, given: Arrays, late: bool = False) -> Sequence[Any]:
        with native.context():
            natives = native.arguments.own(xs)
            if forward:
                differentiate = framework.push if mode == "forward" else framework.linearized
                answer = differentiate(function, natives, native.arguments.own(given))
            elif mode == "batched":
                cotangents = native.outputs_like(given, subject.outputs)
                doubled = native.outputs_like([-2 * c for c in given], subject.outputs)
                answer = framework.batched(function, natives, [doubled, cotangents])[1]
            else:
                cotangents = native.outputs_like(given, subject.outputs)
                other = native.arguments.own([beside(x) for x in xs])
                between = (lambda: function(*other)) if late else None
                answer = framework.pull(function, natives, cotangents, between)
            return [None if a is None else framework.to_numpy(a) for a in answer]

    def engine(xs: Arrays, given: Arrays) -> Sequence[Any]:
        try:
            return call(xs, given)
        except (GradcheckError, TypeError, AttributeError) as error:  # NumPy raises these of traced arrays
            raise CannotVerify(
                f"no derivative is given, and the engine cannot follow the function ({one_line(error)})",
                _INSTEAD,
            ) from error

    if framework.name == "NumPy":
        return Claim("vjp" if mode == "reverse" else "jvp", engine, forward=forward, foreign=True)
    late = (lambda xs, given: call(xs, given, late=True)) if mode == "reverse" else None
    return Claim(MODES[mode], call, forward=forward, foreign=True, late=late)


def beside(x: np.ndarray) -> np.ndarray:
    """Other values of the same shape and dtype, close by."""
    return (x * (1 - 2.0**-8) + 2.0**-10).astype(x.dtype)
