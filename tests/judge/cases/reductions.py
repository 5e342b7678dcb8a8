"""Sums, means, products, norms, losses, and functions of neighbouring entries."""

from __future__ import annotations

from typing import Any

import numpy as np

from cases import Case
from cases.elementwise import sigmoid
from gradcheck import draws


def softmax(x: Any) -> Any:
    weights = np.exp(x - np.max(x.real, axis=-1, keepdims=True))
    return weights / weights.sum(axis=-1, keepdims=True)


def _softmax_vjp(x, cotangent):
    p = softmax(x)
    return p * (cotangent - (p * cotangent).sum(axis=-1, keepdims=True))


def _log_softmax(x):
    return x - _logsumexp(x)


def _logsumexp(x):
    top = np.max(x.real)
    return top + np.log(np.sum(np.exp(x - top)))


def _rosenbrock(x):
    return np.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)


def _rosenbrock_vjp(x, cotangent):
    rest = x[1:] - x[:-1] ** 2
    gradient = np.zeros_like(x)
    gradient[1:] += 200 * rest
    gradient[:-1] += -400 * rest * x[:-1] - 2 * (1 - x[:-1])
    return cotangent * gradient


def _himmelblau(x):
    return (x[0] ** 2 + x[1] - 11) ** 2 + (x[0] + x[1] ** 2 - 7) ** 2


def _himmelblau_vjp(x, cotangent):
    a, b = x[0] ** 2 + x[1] - 11, x[0] + x[1] ** 2 - 7
    return cotangent * np.array([4 * a * x[0] + 2 * b, 2 * a + 4 * b * x[1]])


def _cross_entropy(logits, labels):
    rows = np.arange(len(labels))
    return -np.mean(np.log(softmax(logits))[rows, labels])


def _cross_entropy_vjp(logits, labels, cotangent):
    p = softmax(logits)
    p[np.arange(len(labels)), labels] -= 1
    return cotangent * p / len(labels)


def _binary_cross_entropy(z, y):
    return np.sum(np.logaddexp(0, z) - y * z)


def _norm(x):
    return np.sqrt(np.sum(x * x))


def _cosine(x, y):
    return np.sum(x * y) / (_norm(x) * _norm(y))


def _cosine_vjp(x, y, cotangent):
    a, b, c = _norm(x), _norm(y), _cosine(x, y)
    return cotangent * (y / (a * b) - c * x / a**2), cotangent * (x / (a * b) - c * y / b**2)


def _layer_norm(x, gain, bias):
    centred = x - x.mean(axis=-1, keepdims=True)
    return gain * centred / np.sqrt(np.mean(centred**2, axis=-1, keepdims=True) + 1e-5) + bias


def _layer_norm_vjp(x, gain, bias, cotangent):
    centred = x - x.mean(axis=-1, keepdims=True)
    deviation = np.sqrt(np.mean(centred**2, axis=-1, keepdims=True) + 1e-5)
    normal = centred / deviation
    inner = cotangent * gain
    mean = inner.mean(axis=-1, keepdims=True)
    along = (inner * normal).mean(axis=-1, keepdims=True)
    return (
        (inner - mean - normal * along) / deviation,
        (cotangent * normal).sum(axis=0),
        cotangent.sum(axis=0),
    )


def _cumprod_vjp(x, cotangent):
    tails = np.cumsum((cotangent * np.cumprod(x))[::-1])[::-1]
    return tails / x


def _sort_vjp(x, cotangent):
    gradient = np.empty_like(x)
    gradient[np.argsort(x)] = cotangent
    return gradient


def _one_hot_where(x, places, cotangent):
    gradient = np.zeros_like(x)
    gradient[places] = cotangent
    return gradient


def _median_vjp(x, cotangent):
    return _one_hot_where(x, np.argsort(x)[len(x) // 2], cotangent)


def _pool(x):
    return x.reshape(-1, 2).max(axis=1)


def _pool_vjp(x, cotangent):
    pairs = x.reshape(-1, 2)
    return ((pairs == pairs.max(axis=1, keepdims=True)) * cotangent[:, None]).reshape(x.shape)


def _moving_average(x):
    return (x[:-2] + x[1:-1] + x[2:]) / 3


def _moving_average_vjp(x, cotangent):
    gradient = np.zeros_like(x)
    for shift in range(3):
        gradient[shift : shift + len(cotangent)] += cotangent / 3
    return gradient


def _gaussian(x, mean, log_scale):
    return np.sum(-0.5 * ((x - mean) / np.exp(log_scale)) ** 2 - log_scale)


def _gaussian_vjp(x, mean, log_scale, cotangent):
    z = (x - mean) / np.exp(log_scale)
    pull = z / np.exp(log_scale)
    return -cotangent * pull, cotangent * pull.sum(), cotangent * np.sum(z * z - 1)


def _laplacian(u):
    return 0.5 * np.sum(np.diff(u, axis=0) ** 2) + 0.5 * np.sum(np.diff(u, axis=1) ** 2)


def _laplacian_vjp(u, cotangent):
    gradient = np.zeros_like(u)
    down, across = np.diff(u, axis=0), np.diff(u, axis=1)
    gradient[1:] += down
    gradient[:-1] -= down
    gradient[:, 1:] += across
    gradient[:, :-1] -= across
    return cotangent * gradient


VECTOR = draws.normal(6)
POSITIVE = draws.uniform(0.3, 2.0, 6)
SIMPLEX = draws.simplex(6)
LABELS = np.array([2, 0, 3, 3])

CASES = (
    Case("sum", np.sum, (draws.normal(3, 4),), vjp=lambda x, c: np.full(x.shape, c), analytic=True),
    Case(
        "sum of an axis",
        lambda x: x.sum(axis=0),
        (draws.normal(3, 4),),
        vjp=lambda x, c: np.tile(c, (3, 1)),
        jvp=lambda x, t: t.sum(axis=0),
        analytic=True,
    ),
    Case(
        "mean of an axis",
        lambda x: x.mean(axis=1),
        (draws.normal(3, 4),),
        vjp=lambda x, c: np.repeat(c[:, None] / 4, 4, axis=1),
        analytic=True,
    ),
    Case("sum of squares", lambda x: np.sum(x * x), (VECTOR,), vjp=lambda x, c: 2 * c * x, analytic=True),
    Case(
        "variance",
        lambda x: np.mean((x - x.mean()) ** 2),
        (VECTOR,),
        vjp=lambda x, c: 2 * c * (x - x.mean()) / len(x),
        analytic=True,
    ),
    Case(
        "standard deviation",
        lambda x: np.sqrt(np.mean((x - x.mean()) ** 2)),
        (VECTOR,),
        vjp=lambda x, c: c * (x - x.mean()) / (len(x) * x.std()),
        analytic=True,
    ),
    Case("product of entries", np.prod, (POSITIVE,), vjp=lambda x, c: c * np.prod(x) / x, analytic=True),
    Case(
        "largest entry",
        np.max,
        (VECTOR,),
        vjp=lambda x, c: _one_hot_where(x, np.argmax(x), c),
    ),
    Case(
        "smallest of each row",
        lambda x: x.min(axis=1),
        (draws.normal(3, 4),),
        vjp=lambda x, c: (x == x.min(axis=1, keepdims=True)) * c[:, None],
    ),
    Case("median", np.median, (draws.normal(5),), vjp=_median_vjp),
    Case("pooling", _pool, (VECTOR,), vjp=_pool_vjp),
    Case("norm", _norm, (VECTOR,), vjp=lambda x, c: c * x / _norm(x), analytic=True),
    Case("sum of absolute values", lambda x: np.sum(abs(x)), (VECTOR,), vjp=lambda x, c: c * np.sign(x)),
    Case(
        "3-norm",
        lambda x: np.sum(x**3) ** (1 / 3),
        (POSITIVE,),
        vjp=lambda x, c: c * x**2 * np.sum(x**3) ** (-2 / 3),
        analytic=True,
    ),
    Case("cosine similarity", _cosine, (VECTOR, VECTOR), vjp=_cosine_vjp, analytic=True),
    Case("logsumexp", _logsumexp, (VECTOR,), vjp=lambda x, c: c * softmax(x), analytic=True),
    Case(
        "logsumexp of a thousand",
        _logsumexp,
        (draws.normal(6, shift=1000.0),),
        vjp=lambda x, c: c * softmax(x),
        analytic=True,
    ),
    Case("softmax", softmax, (draws.normal(2, 4),), vjp=_softmax_vjp, jvp=_softmax_vjp, analytic=True),
    Case(
        "log softmax",
        _log_softmax,
        (VECTOR,),
        vjp=lambda x, c: c - softmax(x) * c.sum(),
        jvp=lambda x, t: t - np.sum(softmax(x) * t),
        analytic=True,
    ),
    Case(
        "entropy",
        lambda p: -np.sum(p * np.log(p)),
        (SIMPLEX,),
        vjp=lambda p, c: -c * (np.log(p) + 1),
        analytic=True,
    ),
    Case(
        "divergence",
        lambda p, q: np.sum(p * np.log(p / q)),
        (SIMPLEX, SIMPLEX),
        vjp=lambda p, q, c: (c * (np.log(p / q) + 1), -c * p / q),
        analytic=True,
    ),
    Case(
        "cross entropy", _cross_entropy, (draws.normal(4, 5), LABELS), vjp=_cross_entropy_vjp, analytic=True
    ),
    Case(
        "binary cross entropy",
        _binary_cross_entropy,
        (VECTOR, np.array([0.0, 1, 1, 0, 0.25, 1])),
        vjp=lambda z, y, c: (c * (sigmoid(z) - y), -c * z),
    ),
    Case("gaussian likelihood", _gaussian, (VECTOR, 0.25, -0.5), vjp=_gaussian_vjp, analytic=True),
    Case("rosenbrock", _rosenbrock, (VECTOR,), vjp=_rosenbrock_vjp, analytic=True),
    Case("himmelblau", _himmelblau, (draws.normal(2, scale=2),), vjp=_himmelblau_vjp, analytic=True),
    Case(
        "layer norm",
        _layer_norm,
        (draws.normal(2, 5), draws.uniform(0.5, 1.5, 5), draws.normal(5)),
        vjp=_layer_norm_vjp,
        analytic=True,
    ),
    Case(
        "cumulative sum",
        np.cumsum,
        (VECTOR,),
        vjp=lambda x, c: np.cumsum(c[::-1])[::-1],
        jvp=lambda x, t: np.cumsum(t),
        analytic=True,
    ),
    Case("cumulative product", np.cumprod, (POSITIVE,), vjp=_cumprod_vjp, analytic=True),
    Case("sort", np.sort, (VECTOR,), vjp=_sort_vjp, jvp=lambda x, t: t[np.argsort(x)]),
    Case("moving average", _moving_average, (VECTOR,), vjp=_moving_average_vjp, analytic=True),
    Case("roughness of a grid", _laplacian, (draws.normal(3, 4),), vjp=_laplacian_vjp, analytic=True),
)
