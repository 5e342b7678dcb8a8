"""From what the user gives to what is judged: arguments, function and derivatives become a subject."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from functools import wraps
from typing import Any

import numpy as np

from gradcheck.errors import BadArgument, CannotVerify, GradcheckError, UnknownName
from gradcheck.judge.blockwise import PIECE
from gradcheck.judge.frameworks import frameworks
from gradcheck.judge.frameworks.base import Framework, Function
from gradcheck.judge.subject import (
    Arguments,
    Arrays,
    BrokenPromise,
    Claim,
    Meter,
    Slot,
    Subject,
    argument_names,
    is_low,
    read_arguments,
    read_outputs,
    widened,
)
from gradcheck.judge.trees import Named, is_leaf, leaves, rebuild, shape_of
from gradcheck.judge.trial import one_line
from gradcheck.judge.verdict import Finding

MODES = {"reverse": "vjp", "forward": "jvp", "batched": "batched", "linearized": "linearized"}
DERIVATIVES = ("vjp", "jvp", "grad", "jac", "hvp")
CONVENTIONS = ("torch", "jax")
_INSTEAD = "give vjp=, jvp=, grad= or jac=, or torch or JAX arrays"
_RULES = {"reverse": {"vjp", "grad", "jac"}, "forward": {"jvp", "jac", "hvp"}}


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What the user gave to be judged."""

    f: Callable[..., Any]
    args: tuple[Any, ...]
    kwargs: Mapping[str, Any]
    derivatives: Mapping[str, Callable[..., Any]]
    wrt: tuple[str | int, ...] | None
    modes: tuple[str, ...] | None
    convention: str


@dataclass
class Binding:
    """A function bound to the user's arguments, in the user's own arrays.

    ``template`` is the tree of the first output, and ``floating`` says which of its leaves are numbers with
    derivatives, in what framework.
    """

    request: Request
    arguments: Arguments
    names: list[str]
    precise: Framework | None
    template: Any = None
    floating: list[tuple[int, Any, Framework]] = field(default_factory=list)
    _bare: bool = False

    def values(self, xs: Arrays) -> list[tuple[str, np.ndarray]]:
        """Path and value of every floating output."""
        if self.precise is None:
            return self._read(self._call(self.arguments.filled(xs)))
        with self.precise.precise():
            return self._read(self._call(self.arguments.filled(xs)))

    def _read(self, tree: Any) -> list[tuple[str, np.ndarray]]:
        if self._bare and type(tree) is type(self.template):
            return [("", self.floating[0][2].to_numpy(tree))]
        named = read_outputs(tree)
        if not self.floating:
            self.template = tree
            self._bare = is_leaf(tree)
            at = {id(leaf): i for i, (_, leaf) in enumerate(leaves(tree))}
            self.floating = [(at[id(leaf)], leaf, framework) for _, leaf, framework in named]
        return [(path, framework.to_numpy(leaf)) for path, leaf, framework in named]

    def natively(self, *xs: Any) -> list[Any]:
        """The floating outputs as the framework sees them, from its own arrays."""
        filled = list(self.arguments.natives)
        for position, x in zip(self.arguments.positions, xs, strict=True):
            filled[position] = x
        found = [leaf for _, leaf in leaves(self._call(filled))]
        return [found[at] for at, _, _ in self.floating]

    def outputs_like(self, arrays: Sequence[np.ndarray], slots: Sequence[Slot]) -> list[Any]:
        """Arrays like the floating outputs."""
        return [
            framework.like(array, leaf, slot.dtype)
            for array, slot, (_, leaf, framework) in zip(arrays, slots, self.floating, strict=True)
        ]

    def tree_like_output(self, arrays: Sequence[np.ndarray], slots: Sequence[Slot]) -> Any:
        """Arrays as a tree like the output's; None at leaves that are no floating-point numbers."""
        made: list[Any] = [None for _ in leaves(self.template)]
        for (at, _, _), native in zip(self.floating, self.outputs_like(arrays, slots), strict=True):
            made[at] = native
        return rebuild(self.template, made)

    def tree(self, filled: Sequence[Any]) -> tuple[Any, ...]:
        """The positional arguments from all their leaves."""
        if self.arguments.plain:
            return tuple(filled)
        result: tuple[Any, ...] = rebuild(self.arguments.tree, filled)
        return result

    def _call(self, filled: Sequence[Any]) -> Any:
        return self.request.f(*self.tree(filled), **self.request.kwargs)

    def _context(self) -> Any:
        return self.precise.precise() if self.precise else nullcontext()


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


def build(request: Request, meter: Meter) -> Subject:
    """The subject of a request, evaluated once; how to promote it to float64 comes with it.

    Raises
    ------
    CannotVerify, BadArgument, UnknownName
        When there is nothing to differentiate, or no way to.
    """
    request = _with_parameters(request)
    return _subject(request, meter, precise=False)


def _with_parameters(request: Request) -> Request:
    """A module becomes a function of its parameters too."""
    for framework in frameworks():
        opened = framework.module(request.f)
        if opened:
            f, parameters = opened
            named = getattr(request.f, "forward", request.f)  # the arguments have their names there
            return Request(
                f=wraps(named)(f),
                args=(parameters, *request.args),
                kwargs=request.kwargs,
                derivatives=request.derivatives,
                wrt=request.wrt,
                modes=request.modes,
                convention=request.convention,
            )
    return request


def _subject(request: Request, meter: Meter, precise: bool) -> Subject:
    names = argument_names(request.f, len(request.args))
    if request.args and isinstance(request.args[0], Named):
        names = ["", *argument_names(request.f, len(request.args) - 1)]
    arguments = read_arguments(names, request.args, request.wrt)
    framework = _framework(arguments, request)
    if not request.derivatives:
        arguments = _only(arguments, framework)
    binding = Binding(request, arguments, names, framework if precise else None)
    constants = [
        (leaf, leaf.copy())
        for i, leaf in enumerate(arguments.natives)
        if i not in set(arguments.positions) and isinstance(leaf, np.ndarray)
    ]
    point = [
        f.to_numpy(arguments.natives[p]) for f, p in zip(arguments.owners, arguments.positions, strict=True)
    ]
    subject = Subject(
        inputs=arguments.slots,
        point=point,
        raw=binding.values,
        meter=meter,
        promoted=precise,
        constants=constants,
    )
    if not precise and is_low((request.args, dict(request.kwargs))):
        paths = tuple(slot.path for slot in arguments.slots)
        subject.promote = lambda: _subject(_promoted(request, paths), meter, precise=True)
    _ = subject.centre
    if request.derivatives:
        _attach_given(binding, subject)
    else:
        _drop_outputs(binding, subject, framework)
        native = Native(binding.natively, arguments, framework, binding.outputs_like, precise)
        _attach_own(native, subject, request.modes or ("reverse",))
    return subject


def _drop_outputs(binding: Binding, subject: Subject, framework: Framework) -> None:
    """Leave out outputs that the framework declares to be without derivative, beside others that have one."""
    with binding._context():
        kept = framework.differentiable(binding.natively, binding.arguments.own(subject.copied()))
    if any(kept) and not all(kept):
        binding.floating = [one for one, keep in zip(binding.floating, kept, strict=True) if keep]
        everything = binding.values
        subject.raw = lambda xs: [one for one, keep in zip(everything(xs), kept, strict=True) if keep]
        subject.outputs = ()
        del subject.centre
        _ = subject.centre


def _attach_own(native: Native, subject: Subject, modes: Sequence[str]) -> None:
    """Have the framework's own derivative judged, and its gradient derivable."""
    for mode in modes:
        if mode not in native.framework.modes:
            known = ", ".join(native.framework.modes)
            raise BadArgument("modes", f"modes that {native.framework.name} has: {known}", mode)
    if native.framework.name == "NumPy" and any(s.is_complex for s in (*subject.inputs, *subject.outputs)):
        raise CannotVerify("no derivative is given, and the engine has none for complex numbers", _INSTEAD)
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
    _attach_own(like, made, modes)
    return made


def _derived(subject: Subject, weights: Arrays) -> Subject:
    assert subject.derive is not None
    return subject.derive([w.astype(np.complex128 if w.dtype.kind == "c" else np.float64) for w in weights])


def _promoted(request: Request, wrt: tuple[str, ...]) -> Request:
    return Request(
        f=request.f,
        args=widened(request.args),
        kwargs=dict(widened(dict(request.kwargs))),
        derivatives=request.derivatives,
        wrt=wrt,
        modes=request.modes,
        convention=request.convention,
    )


def _framework(arguments: Arguments, request: Request) -> Framework:
    """The framework of the differentiated leaves: NumPy only where there is no other."""
    return next((f for f in arguments.owners if f.name != "NumPy"), arguments.owners[0])


def _only(arguments: Arguments, framework: Framework) -> Arguments:
    """Leaves of one framework: a Python number beside tensors is a constant to it."""
    keep = [i for i, owner in enumerate(arguments.owners) if owner.name == framework.name]
    return Arguments(
        arguments.tree,
        arguments.natives,
        [arguments.positions[i] for i in keep],
        tuple(arguments.slots[i] for i in keep),
        [arguments.owners[i] for i in keep],
    )


def _attach_given(binding: Binding, subject: Subject) -> None:
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
    packing = _Packing(binding, subject)
    call = _called("hvp", hvp, binding, packing.tangent_names)

    def push(xs: Arrays, tangents: Arrays) -> Sequence[Any]:
        return packing.unpack(call(xs, packing.tangents(tangents)), "hvp")

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
                other = native.arguments.own([_beside(x) for x in xs])
                between = (lambda: function(*other)) if late else None
                answer = framework.pull(function, natives, cotangents, between)
            return [None if a is None else framework.to_numpy(a) for a in answer]

    def engine(xs: Arrays, given: Arrays) -> Sequence[Any]:
        try:
            return call(xs, given)
        except (GradcheckError, TypeError, AttributeError) as error:  # NumPy raises these of traced arrays
            raise CannotVerify(
                f"no derivative is given, and the engine cannot follow the function ({_refusal(error)})",
                _INSTEAD,
            ) from error

    if framework.name == "NumPy":
        return Claim("vjp" if mode == "reverse" else "jvp", engine, forward=forward, foreign=True)
    late = (lambda xs, given: call(xs, given, late=True)) if mode == "reverse" else None
    return Claim(MODES[mode], call, forward=forward, foreign=True, late=late)


def _refusal(error: Exception) -> str:
    """What kept the engine from following; NumPy says it in terms of its own machinery."""
    text = one_line(error)
    return "a NumPy function was called on a traced array" if "__array_ufunc__" in text else text


def _beside(x: np.ndarray) -> np.ndarray:
    """Other values of the same shape and dtype, close by."""
    return (x * (1 - 2.0**-8) + 2.0**-10).astype(x.dtype)


def _given_claims(
    name: str,
    derivative: Callable[..., Any],
    binding: Binding,
    subject: Subject,
    modes: tuple[str, ...] | None,
) -> Iterator[Claim]:
    """A derivative the user wrote."""
    conjugate = np.conj if binding.request.convention == "jax" else lambda array: array
    packing = _Packing(binding, subject)
    extra = {"vjp": ["cotangent"], "jvp": packing.tangent_names}.get(name, [])
    call = _called(name, derivative, binding, extra)

    def pull_vjp(xs: Arrays, cotangents: Arrays) -> Sequence[Any]:
        tree = binding.tree_like_output([conjugate(c) for c in cotangents], subject.outputs)
        return [_conjugated(g, conjugate) for g in packing.unpack(call(xs, [tree]), name)]

    def push_jvp(xs: Arrays, tangents: Arrays) -> Sequence[Any]:
        return packing.outputs(call(xs, packing.tangents(tangents)), name)

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
            raise _broken(
                self._mode, "", "the result changes when the derivative is called again", "stale buffer"
            )


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
        with binding._context():
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


class _Packing:
    """Between lists of arrays and what users return: one tree per differentiable argument."""

    def __init__(self, binding: Binding, subject: Subject) -> None:
        self._binding = binding
        self._subject = subject
        arguments = binding.arguments
        starts, position = [], 0
        for tree in arguments.tree:
            count = sum(1 for _ in leaves(tree))
            starts.append((position, position + count))
            position += count
        everything = read_arguments(binding.names, arguments.tree, None)
        self._starts = starts
        self._differentiable = [i for i, s in enumerate(starts) if _within(everything.positions, s)]
        self._wanted = [i for i, s in enumerate(starts) if _within(arguments.positions, s)]
        self.tangent_names = [f"tangent of {binding.names[i]}" for i in self._differentiable]

    def tangents(self, arrays: Arrays) -> list[Any]:
        """Tangents as trees like the differentiable arguments; zeros where nothing is differentiated."""
        arguments = self._binding.arguments
        filled: list[Any] = [None] * len(arguments.natives)
        every = read_arguments(self._binding.names, arguments.tree, None)
        zeros = [np.zeros(slot.shape) for slot in every.slots]
        for position, native in zip(every.positions, every.own(zeros), strict=True):
            filled[position] = native
        for position, native in zip(arguments.positions, arguments.own(arrays), strict=True):
            filled[position] = native
        trees = self._binding.tree(filled)
        return [trees[i] for i in self._differentiable]

    def unpack(self, result: Any, mode: str) -> list[Any]:
        """The raw array for every differentiated leaf, None where the user returns None.

        Raises
        ------
        BrokenPromise
            When the answer is not one tree per argument.
        """
        arguments = self._binding.arguments
        raw: dict[int, Any] = {}
        for i, tree in self._per_argument(result, mode).items():
            start, stop = self._starts[i]
            below = _matched(arguments.tree[i], tree, self._binding.names[i], mode)
            raw.update(zip(range(start, stop), below, strict=True))
        return [
            None if (leaf := raw[position]) is None else _as_array(leaf, slot.path, mode)
            for position, slot in zip(arguments.positions, arguments.slots, strict=True)
        ]

    def _per_argument(self, result: Any, mode: str) -> dict[int, Any]:
        trees, names = self._binding.arguments.tree, self._binding.names
        if isinstance(result, Mapping) and set(result) == {names[i] for i in self._differentiable}:
            return {i: result[names[i]] for i in self._differentiable}
        several = isinstance(result, (tuple, list))
        if len(self._differentiable) == 1:
            only = self._differentiable[0]
            if several and len(result) == len(trees) and (len(trees) > 1 or is_leaf(trees[only])):
                return {only: result[only]}
            if several and len(result) == 1 and shape_of(trees[only]) != shape_of(result):
                return {only: result[0]}
            return {only: result}
        for chosen in (range(len(trees)), self._differentiable, self._wanted):
            if several and len(result) == len(chosen):
                return {i: part for i, part in zip(chosen, result, strict=True) if i in self._wanted}
        if not several and len(self._wanted) == 1:
            return {self._wanted[0]: result}
        count = len(result) if several else 1
        wanted = len(self._differentiable)
        raise _broken(
            mode,
            "",
            f"returns {count} arrays for {wanted} differentiable arguments",
            "wrong shape",
            wanted,
            count,
        )

    def check(self, raw: Sequence[Any], mode: str) -> None:
        """Shapes of a gradient against those of the inputs."""
        for gradient, slot in zip(raw, self._subject.inputs, strict=True):
            if gradient is not None and np.shape(gradient) != slot.shape:
                raise _broken(mode, slot.path, "wrong shape", "wrong shape", slot.shape, np.shape(gradient))

    def outputs(self, result: Any, mode: str) -> list[Any]:
        """The raw tangent of every floating output."""
        template = self._binding.template
        if is_leaf(template) and isinstance(result, (tuple, list)) and len(result) == 1:
            result = result[0]
        below = _matched(template, result, "output", mode)
        return [
            None if below[at] is None else _as_array(below[at], slot.path or "output", mode)
            for (at, _, _), slot in zip(self._binding.floating, self._subject.outputs, strict=True)
        ]

    def matrices(self, raw: Sequence[Any], mode: str) -> list[np.ndarray]:
        """Jacobians as matrices, one row per output entry and one column per input entry."""
        output = self._subject.outputs[0]
        made = []
        for block, slot in zip(raw, self._subject.inputs, strict=True):
            array = np.zeros((output.size, slot.size)) if block is None else np.asarray(block)
            if array.shape not in ((*output.shape, *slot.shape), (output.size, slot.size)):
                expected = (*output.shape, *slot.shape)
                cause = "transposed" if array.shape == (*slot.shape, *output.shape) else "wrong shape"
                raise _broken(mode, slot.path, "wrong shape", cause, expected, array.shape)
            made.append(array.reshape(output.size, slot.size))
        return made


def _within(positions: Sequence[int], span: tuple[int, int]) -> bool:
    return any(span[0] <= position < span[1] for position in positions)


def _matched(tree: Any, given: Any, path: str, mode: str) -> list[Any]:
    """Leaves of a given tree in the order of another's; a None stands for all that is below."""
    if given is None:
        return [None for _ in leaves(tree)]
    if is_leaf(tree):
        if isinstance(given, (tuple, list)) and len(given) == 1:
            given = given[0]
        if isinstance(given, (tuple, dict)):
            raise _broken(mode, path, f"a {shape_of(given)} where one array belongs", "wrong shape")
        return [given]
    if is_leaf(given) or len(_parts(given)) != len(_parts(tree)):
        fault = f"a {shape_of(given)} where a {shape_of(tree)} belongs"
        raise _broken(mode, path, fault, "wrong shape")
    found: list[Any] = []
    other = dict(_parts(given))
    for (suffix, child), (_, by_order) in zip(_parts(tree), _parts(given), strict=True):
        found += _matched(child, other.get(suffix, by_order), path + suffix, mode)
    return found


def _parts(tree: Any) -> list[tuple[str, Any]]:
    from gradcheck.judge.trees import _children

    return list(_children(tree) or ())


def _as_array(leaf: Any, path: str, mode: str) -> np.ndarray:
    if hasattr(leaf, "toarray"):  # SciPy's sparse arrays
        leaf = leaf.toarray()
    known = frameworks()
    framework = next((f for f in known if f.owns(leaf)), None)
    array = framework.to_numpy(leaf) if framework else np.asarray(leaf)
    if array.dtype.kind not in "fciub" and array.dtype.name != "bfloat16":
        raise _broken(mode, path, f"returns {type(leaf).__name__}, no numbers", "wrong dtype")
    return array


def _broken(
    mode: str, path: str, message: str, cause: str, expected: Any = None, got: Any = None
) -> BrokenPromise:
    detail = f": got {got}, expected {expected}" if expected is not None else ""
    return BrokenPromise(
        Finding(
            kind="contract",
            mode=mode,
            path=path,
            message=message + detail,
            cause=cause,
            expected=expected,
            got=got,
        )
    )


def check_request(request: Request) -> None:
    """Names and types of what is asked.

    Raises
    ------
    UnknownName, BadArgument
        For a mode or convention that does not exist, or a function that cannot be called.
    """
    if not callable(request.f):
        raise BadArgument("f", "a function", request.f)
    for name, derivative in request.derivatives.items():
        if not callable(derivative):
            raise BadArgument(name, "a function", derivative)
    if request.modes is not None and not request.modes:
        raise BadArgument("modes", f"at least one of {', '.join(MODES)}", ())
    for mode in request.modes or ():
        if str(mode) not in MODES:
            raise UnknownName("mode", str(mode), MODES)
    if request.convention not in CONVENTIONS:
        raise UnknownName("convention", str(request.convention), CONVENTIONS)
