"""Indexing, broadcasting, nested arguments, several outputs, complex numbers, odd sizes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from cases import Case
from gradcheck import draws
from gradcheck.draws import Draw

REPEATED = np.array([0, 2, 2, 1, 0, 2])


@dataclass
class Layer:
    """Arguments as a dataclass."""

    weight: Any
    bias: Any


def _scatter(x, places):
    bins = np.zeros(4, x.dtype)
    np.add.at(bins, places, x)
    return bins


def _gather_vjp(x, places, cotangent):
    gradient = np.zeros_like(x)
    np.add.at(gradient, places, cotangent)
    return gradient


def _set_entries(x, y):
    out = x.copy()
    out[1:3] = y
    return out


def _set_entries_vjp(x, y, cotangent):
    in_x = cotangent.copy()
    in_x[1:3] = 0
    return in_x, cotangent[1:3].copy()


def _upper_vjp(x, cotangent):
    gradient = np.zeros_like(x)
    gradient[np.triu_indices(3)] = cotangent
    return gradient


def _regression(params, data):
    return np.sum((data["x"] @ params["w"] + params["b"] - data["y"]) ** 2)


def _regression_vjp(params, data, cotangent):
    rest = 2 * cotangent * (data["x"] @ params["w"] + params["b"] - data["y"])
    in_params = {"w": data["x"].T @ rest, "b": rest.sum()}
    return in_params, {"x": np.outer(rest, params["w"]), "y": -rest}


def _layers(layers, x):
    for layer in layers:
        x = np.tanh(layer.weight @ x + layer.bias)
    return x


def _layers_vjp(layers, x, cotangent):
    seen = [x]
    for layer in layers:
        seen.append(np.tanh(layer.weight @ seen[-1] + layer.bias))
    gradients = []
    for layer, before, after in zip(layers[::-1], seen[-2::-1], seen[:0:-1], strict=True):
        cotangent = cotangent * (1 - after**2)
        gradients.append(Layer(np.outer(cotangent, before), cotangent))
        cotangent = layer.weight.T @ cotangent
    return gradients[::-1], cotangent


def _statistics(x):
    return {"mean": x.mean(), "squares": x * x}


def _statistics_vjp(x, cotangent):
    return cotangent["mean"] / x.size + 2 * x * cotangent["squares"]


def complex_normal(*shape: int) -> Draw:
    """Complex normal entries; a Draw of float64 would lose the imaginary half."""
    return ComplexDraw(shape, "complex normal", lambda g: g.normal(size=shape) + 1j * g.normal(size=shape))


class ComplexDraw(Draw):
    """A draw that stays complex."""

    def __call__(self, generator: np.random.Generator) -> np.ndarray:
        return np.asarray(self.sample(generator), np.complex128)


MATRIX = draws.normal(3, 4)
VECTOR = draws.normal(5)
COMPLEX = complex_normal(4)
MAGNITUDES = np.array([1e-6, -1e-3, 0.5, 2e3, -1e6])

CASES = (
    Case(
        "gather with repeats",
        lambda x, places: x[places],
        (draws.normal(4), REPEATED),
        vjp=_gather_vjp,
        jvp=lambda x, places, t: t[places],
        analytic=True,
    ),
    Case(
        "scatter with repeats",
        _scatter,
        (draws.normal(6), REPEATED),
        vjp=lambda x, places, c: c[places],
        analytic=True,
    ),
    Case(
        "squares of gathered rows",
        lambda x, places: np.sum(x[places] ** 2),
        (MATRIX, np.array([2, 0, 2])),
        vjp=lambda x, places, c: 2 * c * _gather_vjp(x, places, x[places]),
        analytic=True,
    ),
    Case("entries replaced", _set_entries, (VECTOR, draws.normal(2)), vjp=_set_entries_vjp),
    Case(
        "every other entry backwards",
        lambda x: x[::-2],
        (draws.normal(6),),
        vjp=lambda x, c: _gather_vjp(x, np.arange(5, -1, -2), c),
        analytic=True,
    ),
    Case(
        "upper triangle",
        lambda x: x[np.triu_indices(3)],
        (draws.normal(3, 3),),
        vjp=_upper_vjp,
        analytic=True,
    ),
    Case(
        "diagonal",
        lambda x: np.diagonal(x) ** 2,
        (draws.normal(3, 3),),
        vjp=lambda x, c: np.diag(2 * c * np.diagonal(x)),
        analytic=True,
    ),
    Case("transpose", np.transpose, (MATRIX,), vjp=lambda x, c: c.T.copy(), analytic=True),
    Case(
        "reshape",
        lambda x: x.reshape(2, 6) ** 2,
        (MATRIX,),
        vjp=lambda x, c: 2 * x * c.reshape(3, 4),
        analytic=True,
    ),
    Case("roll", lambda x: np.roll(x, 2), (VECTOR,), vjp=lambda x, c: np.roll(c, -2), analytic=True),
    Case("flip", lambda x: x[::-1] ** 2, (VECTOR,), vjp=lambda x, c: 2 * x * c[::-1], analytic=True),
    Case("pad", lambda x: np.pad(x, (1, 2)), (VECTOR,), vjp=lambda x, c: c[1:-2].copy()),
    Case(
        "concatenation",
        lambda x, y: np.concatenate([x, y, x]),
        (draws.normal(2), draws.normal(3)),
        vjp=lambda x, y, c: (c[:2] + c[5:], c[2:5].copy()),
        analytic=True,
    ),
    Case(
        "added row and column",
        lambda x, y: x + y,
        (draws.normal(3, 1), draws.normal(4)),
        vjp=lambda x, y, c: (c.sum(axis=1, keepdims=True), c.sum(axis=0)),
        jvp=lambda x, y, in_x, in_y: in_x + in_y,
        analytic=True,
    ),
    Case(
        "scaled columns",
        lambda x, scale: x * scale,
        (MATRIX, draws.normal(4)),
        vjp=lambda x, scale, c: (c * scale, (c * x).sum(axis=0)),
        jvp=lambda x, scale, in_x, in_scale: in_x * scale + x * in_scale,
        analytic=True,
    ),
    Case(
        "number times array",
        lambda a, x: a * np.sin(x),
        (0.75, VECTOR),
        vjp=lambda a, x, c: (np.sum(c * np.sin(x)), a * c * np.cos(x)),
        analytic=True,
    ),
    Case(
        "array stretched",
        lambda x: np.broadcast_to(x, (3, 5)) * np.arange(15.0).reshape(3, 5),
        (VECTOR,),
        vjp=lambda x, c: (c * np.arange(15.0).reshape(3, 5)).sum(axis=0),
        analytic=True,
    ),
    Case(
        "regression on dictionaries",
        _regression,
        ({"w": draws.normal(3), "b": 0.5}, {"x": draws.normal(4, 3), "y": draws.normal(4)}),
        vjp=_regression_vjp,
        analytic=True,
    ),
    Case(
        "list of layers",
        _layers,
        (
            [Layer(draws.normal(4, 3), draws.normal(4)), Layer(draws.normal(2, 4), draws.normal(2))],
            draws.normal(3),
        ),
        vjp=_layers_vjp,
        analytic=True,
    ),
    Case(
        "pair of arrays in one argument",
        lambda pair: pair[0] @ pair[1],
        ((draws.normal(3), draws.normal(3)),),
        vjp=lambda pair, c: (c * pair[1], c * pair[0]),
        analytic=True,
    ),
    Case(
        "two outputs",
        lambda x, y: (x * y, np.sum(np.sin(x))),
        (draws.normal(3), draws.normal(3)),
        vjp=lambda x, y, c: (c[0] * y + c[1] * np.cos(x), c[0] * x),
        jvp=lambda x, y, in_x, in_y: (in_x * y + x * in_y, np.sum(np.cos(x) * in_x)),
        analytic=True,
    ),
    Case("named outputs", _statistics, (VECTOR,), vjp=_statistics_vjp, analytic=True),
    Case(
        "exponent held",
        lambda x, n: x**n,
        (VECTOR, 3),
        vjp=lambda x, n, c: n * c * x ** (n - 1),
        analytic=True,
    ),
    Case("number", lambda x: x**3, (1.25,), vjp=lambda x, c: 3 * c * x**2, analytic=True),
    Case("0-d array", np.sin, (np.array(0.75),), vjp=lambda x, c: c * np.cos(x), analytic=True),
    Case("one entry", np.exp, (draws.normal(1),), vjp=lambda x, c: c * np.exp(x), analytic=True),
    Case(
        "axes of length one",
        lambda x: x.sum(axis=1) ** 2,
        (draws.normal(1, 4, 1),),
        vjp=lambda x, c: np.repeat((2 * c * x.sum(axis=1))[:, None], 4, axis=1),
        analytic=True,
    ),
    Case("no entry", np.sin, (np.zeros(0),), vjp=lambda x, c: c * np.cos(x), analytic=True),
    Case(
        "one argument without entries",
        lambda x, y: np.sum(x) + np.sum(y**2),
        (np.zeros((0, 3)), VECTOR),
        vjp=lambda x, y, c: (np.full((0, 3), c), 2 * c * y),
        analytic=True,
    ),
    Case(
        "mixed magnitudes",
        lambda x: np.sum(x**2),
        (MAGNITUDES,),
        vjp=lambda x, c: 2 * c * x,
        analytic=True,
    ),
    Case(
        "mixed magnitudes, entry by entry",
        np.arcsinh,
        (MAGNITUDES,),
        vjp=lambda x, c: c / np.sqrt(1 + x * x),
        note="each entry wants a step of its own",
    ),
    Case(
        "mixed magnitudes of slopes",
        lambda x: np.array([1e-9, 1e-3, 1, 1e3, 1e9]) * np.sin(x),
        (VECTOR,),
        vjp=lambda x, c: c * np.array([1e-9, 1e-3, 1, 1e3, 1e9]) * np.cos(x),
        analytic=True,
    ),
    Case("complex square", lambda z: z * z, (COMPLEX,), vjp=lambda z, c: 2 * np.conj(z) * c),
    Case("complex exponential", np.exp, (COMPLEX,), vjp=lambda z, c: np.conj(np.exp(z)) * c),
    Case(
        "complex product",
        np.matmul,
        (complex_normal(2, 3), complex_normal(3)),
        vjp=lambda a, z, c: (np.outer(c, np.conj(z)), np.conj(a).T @ c),
    ),
    Case("conjugate", np.conj, (COMPLEX,), vjp=lambda z, c: np.conj(c)),
    Case(
        "squared modulus",
        lambda z: np.sum(z.real**2 + z.imag**2),
        (COMPLEX,),
        vjp=lambda z, c: 2 * c * z,
    ),
    Case("modulus", np.abs, (COMPLEX,), vjp=lambda z, c: c * z / abs(z)),
    Case("real part of a cube", lambda z: (z**3).real, (COMPLEX,), vjp=lambda z, c: c * np.conj(3 * z**2)),
    Case(
        "waves",
        lambda x: np.exp(1j * x),
        (VECTOR,),
        vjp=lambda x, c: (np.conj(1j * np.exp(1j * x)) * c).real,
        note="complex output of real input",
    ),
    Case("fourier transform", np.fft.fft, (COMPLEX,), vjp=lambda z, c: len(z) * np.fft.ifft(c)),
    Case(
        "power spectrum",
        lambda x: abs(np.fft.rfft(x)) ** 2,
        (draws.normal(6),),
        vjp=lambda x, c: (2 * 6 * np.fft.ifft(np.pad(c * np.fft.rfft(x), (0, 2)))).real,
    ),
)
