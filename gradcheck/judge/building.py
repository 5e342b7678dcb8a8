"""From what the user gives to what is judged: arguments, function and derivatives become a subject."""

from __future__ import annotations

from dataclasses import replace
from functools import wraps

import numpy as np

from gradcheck.judge.binding import Binding
from gradcheck.judge.frameworks import frameworks
from gradcheck.judge.frameworks.base import Framework
from gradcheck.judge.given import attach_given
from gradcheck.judge.own import Native, attach_own
from gradcheck.judge.request import Request
from gradcheck.judge.subject import (
    Arguments,
    Meter,
    Subject,
    argument_names,
    is_low,
    read_arguments,
    widened,
)
from gradcheck.judge.trees import Named


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
            return replace(request, f=wraps(named)(f), args=(parameters, *request.args))
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
    _name_dtypes(binding, subject)
    if request.derivatives:
        attach_given(binding, subject)
    else:
        _drop_outputs(binding, subject, framework)
        native = Native(binding.natively, arguments, framework, binding.outputs_like, precise)
        attach_own(native, subject, request.modes or ("reverse",))
    return subject


def _name_dtypes(binding: Binding, subject: Subject) -> None:
    """Outputs in the dtype that the framework gives them, where NumPy has no such dtype."""
    subject.outputs = tuple(
        replace(slot, dtype=framework.dtype(leaf))
        for slot, (_, leaf, framework) in zip(subject.outputs, binding.floating, strict=True)
    )


def _drop_outputs(binding: Binding, subject: Subject, framework: Framework) -> None:
    """Leave out outputs that the framework declares to be without derivative, beside others that have one."""
    with binding.context():
        kept = framework.differentiable(binding.natively, binding.arguments.own(subject.copied()))
    if any(kept) and not all(kept):
        binding.floating = [one for one, keep in zip(binding.floating, kept, strict=True) if keep]
        everything = binding.values
        subject.raw = lambda xs: [one for one, keep in zip(everything(xs), kept, strict=True) if keep]
        subject.outputs = ()
        del subject.centre
        _ = subject.centre
        _name_dtypes(binding, subject)


def _promoted(request: Request, wrt: tuple[str, ...]) -> Request:
    kwargs = dict(widened(dict(request.kwargs)))
    return replace(request, args=widened(request.args), kwargs=kwargs, wrt=wrt)


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
