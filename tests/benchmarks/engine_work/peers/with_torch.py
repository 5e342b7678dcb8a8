"""Torch: eager, compiled, and its own LSTM."""

from functools import partial

import numpy as np
import torch
from torch import nn

from engine_work.peers import Names, leaves
from engine_work.recurrence import HIDDEN, INPUTS
from engine_work.work import names

torch.set_num_threads(1)

xp = Names(
    torch,
    max=lambda x, axis=None, keepdims=False: (
        torch.amax(x) if axis is None else torch.amax(x, axis, keepdim=keepdims)
    ),
    maximum=lambda a, b: torch.clamp_min(a, b),
    matrix_transpose=lambda x: x.mT,
)


def classifier(activation):
    def f(x, labels, *params):
        for at in range(0, len(params) - 2, 2):
            x = activation(torch.addmm(params[at + 1], x, params[at]))
        return nn.functional.cross_entropy(torch.addmm(params[-1], x, params[-2]), labels)

    return f


NATIVE = {
    "P7a": classifier(torch.relu),
    "P7b": classifier(torch.relu),
    "P9b": classifier(torch.tanh),
    "P10": lambda x: torch.logsumexp(x, 0),
}
SLOW_TO_COMPILE = ("P12", "P14", "P9a-sparse")  # minutes, or no way


def function(work):
    given = (f for name, f in NATIVE.items() if names(name, work.name))
    return next(given, None) or partial(work.f, xp)


def tensors(work, leaf):
    """The inputs; those to differentiate by are leaves of the graph where it is recorded."""
    made = [torch.from_numpy(np.array(arg)) for arg in work.make()]
    return tuple(t.requires_grad_(leaf and at in work.wrt) for at, t in enumerate(made))


def functional(work):
    """The question through ``torch.func``."""
    f = function(work)
    if work.ask == "value_and_grad":

        def both(*args):
            gradients, value = torch.func.grad_and_value(f, work.positions)(*args)
            return value, gradients

        return both
    if work.ask == "jacobian":
        return torch.func.jacrev(f, work.positions)
    if work.ask == "hessian":
        return torch.func.hessian(f, work.positions)
    if work.ask == "hvp":

        def product(*args):
            args, tangents = work.split(args)
            g = work.of(f, args)
            gradient = torch.func.grad(g, tuple(range(len(work.wrt))))
            return torch.func.jvp(gradient, tuple(args[at] for at in work.wrt), tangents)[1]

        return product
    return None


def recorded(work, f):
    def both(*args):
        value = f(*args)
        return value, torch.autograd.grad(value, [args[at] for at in work.wrt])

    return both


def eager(work):
    if work.ask == "value_and_grad":
        return recorded(work, function(work)), tensors(work, leaf=True)
    if work.ask == "hvp":
        return twice(work), tensors(work, leaf=True)
    g = functional(work)
    return (g, tensors(work, leaf=False)) if g else None


def twice(work):
    """A product with the Hessian by reverse over reverse."""

    f = function(work)

    def product(*args):
        args, tangents = work.split(args)
        point = [args[at] for at in work.wrt]
        gradients = torch.autograd.grad(f(*args), point, create_graph=True)
        return torch.autograd.grad(gradients, point, tangents)

    return product


def compiled(work):
    if any(names(name, work.name) for name in SLOW_TO_COMPILE):
        return None
    torch._dynamo.reset()
    return torch.compile(functional(work), dynamic=False), tensors(work, leaf=False)


def lstm(work):
    if not names("P14", work.name):
        return None
    xs, w_in, w_back, bias = tensors(work, leaf=False)
    layer = nn.LSTM(INPUTS, HIDDEN, dtype=xs.dtype)
    with torch.no_grad():
        for own, given in zip(layer.parameters(), (w_in, w_back, bias, torch.zeros_like(bias)), strict=True):
            own.copy_(given)
    layer.bias_hh_l0.requires_grad_(False)
    asked = [layer.weight_ih_l0, layer.weight_hh_l0, layer.bias_ih_l0]

    def both(xs):
        _, (hidden, _) = layer(xs)
        value = torch.sum(hidden * hidden)
        return value, torch.autograd.grad(value, asked)

    return both, (xs,)


WAYS = {"torch": eager, "torch.compile": compiled, "nn.LSTM": lstm}


def arrays(answer):
    return [np.array(leaf.detach()) for leaf in leaves(answer)]
