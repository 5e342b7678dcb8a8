"""Derivatives that the user wrote, as claims."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from gradcheck.errors import BadArgument, CannotVerify
from gradcheck.judge.binding import Binding
from gradcheck.judge.blockwise import PIECE
from gradcheck.judge.packing import Packing, broken
from gradcheck.judge.subject import (
    Arrays,
    Claim,
    Subject,
)

_RULES = {"reverse": {"vjp", "grad", "jac"}, "forward": {"jvp", "jac", "hvp"}}


def attach_given(binding: Binding, subject: Subject) -> None:
    """Have the derivatives judged that the user wrote."""
    given, modes = binding.request.derivatives, binding.request.modes
    known = [mode for mode, rules in _RULES.items() if rules & set(given)]
    for mode in modes or ():
        if mode not in known:
            raise BadArgument("modes", f"modes of the derivatives given: {', '.join(known)}", mode)
    for name in ("vjp", "grad", "jac", "jvp"):
        if name in given:
            subject.claims += _given_claims(name, given[name], binding, subject, modes)
    if "hvp" in given:
        subject.curve = lambda: _hessian(binding, subject, given["hvp"])


def _hessian(binding: Binding, subject: Subject, hvp: Callable[..., Any]) -> Subject:
    """The user's gradient as a function, with the Hessian product that claims to be its derivative.

    Where no gradient is given, the subject has no function of its own and is judged by curvatures.
    """
    if sum(slot.size for slot in subject.outputs) != 1:
        raise CannotVerify("hvp= is for a scalar function", "make the function return one number")
    conjugate = _conjugation(binding)
    packing = Packing(binding, subject)
    call = _called("hvp", hvp, binding, packing.tangent_names)

    def push(xs: Arrays, tangents: Arrays) -> Sequence[Any]:
        with binding.context():
            given = packing.tangents(tangents)
        return [_conjugated(h, conjugate) for h in packing.unpack(call(xs, given), "hvp")]

    claim = Claim("hvp", push, forward=True)
    reverse = [c for c in subject.claims if not c.forward]
    one = [
        np.ones(slot.shape, "float64" if slot.dtype == "bfloat16" else slot.dtype) for slot in subject.outputs
    ]

    def values(xs: Arrays) -> list[tuple[str, np.ndarray]]:
        raw = reverse[0].call(xs, [w.copy() for w in one])
        found = [
            np.zeros(s.shape, s.dtype) if g is None else np.asarray(g)
            for g, s in zip(raw, subject.inputs, strict=True)
        ]
        return [(f"gradient by {s.path}", g) for g, s in zip(found, subject.inputs, strict=True)]

    made = Subject(
        inputs=subject.inputs,
        point=subject.point,
        raw=values if reverse else subject.raw,
        meter=subject.meter,
        promoted=subject.promoted,
        order=2,
        scalar=not reverse,
    )
    _ = made.centre
    if not reverse:
        made.gradient_slots = subject.inputs
    made.claims = [claim]
    return made


def _given_claims(
    name: str,
    derivative: Callable[..., Any],
    binding: Binding,
    subject: Subject,
    modes: tuple[str, ...] | None,
) -> Iterator[Claim]:
    """A derivative the user wrote."""
    conjugate = _conjugation(binding)
    packing = Packing(binding, subject)
    extra = {"vjp": ["cotangent"], "jvp": packing.tangent_names}.get(name, [])
    call = _called(name, derivative, binding, extra)

    def pull_vjp(xs: Arrays, cotangents: Arrays) -> Sequence[Any]:
        with binding.context():
            tree = binding.tree_like_output([conjugate(c) for c in cotangents], subject.outputs)
        return [_conjugated(g, conjugate) for g in packing.unpack(call(xs, [tree]), name)]

    def push_jvp(xs: Arrays, tangents: Arrays) -> Sequence[Any]:
        with binding.context():
            given = packing.tangents(tangents)
        return packing.outputs(call(xs, given), name)

    watch = _Watch(name)

    def pull_grad(xs: Arrays, cotangents: Arrays) -> Sequence[Any]:
        weight = float(np.ravel(cotangents[0])[0].real)
        found = [_conjugated(g, conjugate) for g in packing.unpack(call(xs, []), name)]
        packing.check(found, name)
        watch.look(found)
        return [None if g is None else weight * np.asarray(g) for g in found]

    def matrices(xs: Arrays) -> list[np.ndarray]:
        raw = packing.unpack(call(xs, []), name)
        watch.look(raw)
        return packing.matrices(raw, name)

    def push_jac(xs: Arrays, tangents: Arrays) -> Sequence[Any]:
        columns = [m @ np.ravel(t) for m, t in zip(matrices(xs), tangents, strict=True)]
        return [np.reshape(sum(columns), subject.outputs[0].shape)]

    def pull_jac(xs: Arrays, cotangents: Arrays) -> Sequence[Any]:
        rows = [np.conj(m.T) @ np.ravel(cotangents[0]) for m in matrices(xs)]
        return [
            np.reshape(r if s.is_complex else r.real, s.shape)
            for r, s in zip(rows, subject.inputs, strict=True)
        ]

    wanted = set(modes) if modes else {"reverse", "forward"}
    if name in ("grad", "jac") and len(subject.outputs) != 1:
        raise CannotVerify(f"{name}= is for a function with one output", "give vjp= or jvp=")
    if name == "grad" and subject.outputs[0].size != 1:
        raise CannotVerify(
            f"grad= is for a scalar function, and the output has shape {subject.outputs[0].shape}",
            "give jac=, vjp= or jvp=",
        )
    forward = {
        "jvp": Claim("jvp", push_jvp, forward=True),
        "jac": Claim("jac", push_jac, forward=True, linear=True),
    }
    reverse = {"vjp": Claim("vjp", pull_vjp), "grad": Claim("grad", pull_grad, linear=True)}
    if subject.outputs[0].size == 1 and name == "jac":
        reverse["jac"] = Claim("jac", pull_jac, linear=True)
        forward.pop("jac")
    if name in reverse and "reverse" in wanted:
        yield reverse[name]
    if name in forward and wanted & ({"forward", "reverse"} if name == "jac" else {"forward"}):
        yield forward[name]


class _Watch:
    """Remembers the last arrays a derivative returned, unless they are large, to see them change."""

    def __init__(self, mode: str) -> None:
        self._mode = mode
        self._last: list[tuple[np.ndarray, np.ndarray]] = []

    def look(self, raw: Sequence[Any]) -> None:
        """Compare, and remember the new ones instead.

        Raises
        ------
        BrokenPromise
            When an earlier result has changed.
        """
        last = self._last
        self._last = [(a, np.array(a)) for a in raw if isinstance(a, np.ndarray) and a.size <= PIECE]
        if any(not np.array_equal(a, copy, equal_nan=copy.dtype.kind in "fc") for a, copy in last):
            raise broken(
                self._mode, "", "the result changes when the derivative is called again", "stale buffer"
            )


def _conjugation(binding: Binding) -> Callable[[Any], Any]:
    """Between the user's complex convention and torch's, which the judge computes in."""
    return np.conj if binding.request.convention == "jax" else lambda array: array


def _conjugated(gradient: Any, conjugate: Callable[[Any], Any]) -> Any:
    return gradient if gradient is None or not np.iscomplexobj(gradient) else conjugate(gradient)


def _called(
    name: str, derivative: Callable[..., Any], binding: Binding, extra: Sequence[str]
) -> Callable[[Arrays, Sequence[Any]], Any]:
    """The derivative as a function of input arrays and what comes after the arguments.

    Raises
    ------
    BadArgument
        When it does not take that many.
    """
    keywords = dict(binding.request.kwargs)
    named_last = False
    try:
        signature = inspect.signature(derivative)
    except (TypeError, ValueError):
        signature = None
    if signature is not None:
        last = signature.parameters.get(extra[-1]) if extra else None
        named_last = last is not None and last.kind is last.KEYWORD_ONLY
        positional = [None] * (len(binding.arguments.tree) + len(extra) - named_last)
        named = {extra[-1]: None} if named_last else {}
        if not _binds(signature, positional, {**keywords, **named}):
            if not _binds(signature, positional, named):
                takes = ", ".join([*(n or "parameters" for n in binding.names), *extra])
                raise BadArgument(name, f"a function of ({takes})", f"{_named(derivative)}{signature}")
            keywords = {}

    def call(xs: Arrays, following: Sequence[Any]) -> Any:
        with binding.context():
            tree = binding.tree(binding.arguments.filled(xs))
            if named_last:
                return derivative(*tree, *following[:-1], **{extra[-1]: following[-1]}, **keywords)
            return derivative(*tree, *following, **keywords)

    return call


def _binds(signature: inspect.Signature, positional: Sequence[Any], keywords: Mapping[str, Any]) -> bool:
    try:
        signature.bind(*positional, **keywords)
    except TypeError:
        return False
    return True


def _named(function: Callable[..., Any]) -> str:
    return getattr(function, "__name__", type(function).__name__)
