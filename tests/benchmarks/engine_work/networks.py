"""Dense networks: gradients in all weights and biases, and a product with the Hessian."""

from functools import partial
from itertools import pairwise

import numpy as np

from engine_work.work import Work, seeded


def dense(xp, x, activation, params):
    for at in range(0, len(params), 2):
        x = x @ params[at] + params[at + 1]
        if at + 2 < len(params):
            x = activation(x)
    return x


def cross_entropy(xp, logits, labels):
    shifted = logits - xp.max(logits, axis=1, keepdims=True)
    logarithms = xp.log(xp.sum(xp.exp(shifted), axis=1, keepdims=True))
    return -xp.sum(labels * (shifted - logarithms)) / labels.shape[0]


def classifier(xp, x, labels, *params):
    return cross_entropy(xp, dense(xp, x, lambda a: xp.maximum(a, 0), params), labels)


def smooth_classifier(xp, x, labels, *params):
    return cross_entropy(xp, dense(xp, x, xp.tanh, params), labels)


def regressor(xp, x, targets, *params):
    return xp.sum((dense(xp, x, xp.tanh, params) - targets) ** 2) / targets.shape[0]


def softmax(logits, labels):
    """The loss, and the probabilities in place of the logits."""
    logits -= logits.max(axis=1, keepdims=True)
    chosen = np.vdot(labels, logits)
    np.exp(logits, out=logits)
    sums = logits.sum(axis=1, keepdims=True)
    logits /= sums
    return (np.log(sums).sum() - chosen) / len(labels), logits


def classifier_floor(x, labels, *params):
    layers, a = [], x
    for at in range(0, len(params), 2):
        layers.append(a)
        a = a @ params[at]
        a += params[at + 1]
        if at + 2 < len(params):
            np.maximum(a, 0, out=a)
    loss, a = softmax(a, labels)
    a -= labels
    a /= len(labels)
    gradients = []
    for at in range(len(params) - 2, -1, -2):
        layer = layers.pop()
        gradients += a.sum(axis=0), layer.T @ a
        if at:
            a = a @ params[at].T
            a *= layer > 0
    return loss, tuple(reversed(gradients))


def regressor_floor(x, targets, w1, b1, w2, b2):
    dot, total = np.dot, np.add.reduce  # a call of theirs costs less than one of @ or sum
    h = dot(x, w1)
    h += b1
    np.tanh(h, h)
    error = dot(h, w2)
    error += b2
    error -= targets
    loss = np.vdot(error, error) / len(targets)
    error *= 2 / len(targets)
    w2_slope, b2_slope = dot(h.T, error), total(error)
    back = dot(error, w2.T)
    h *= h
    np.subtract(1.0, h, h)
    back *= h
    return loss, (dot(x.T, back), total(back), w2_slope, b2_slope)


def hvp_floor(x, labels, w1, b1, w2, b2, v1, c1, v2, c2):
    h = x @ w1
    h += b1
    np.tanh(h, out=h)
    logits = h @ w2
    logits += b2
    _, p = softmax(logits, labels)
    slope = h * h
    np.subtract(1, slope, out=slope)
    h_dot = x @ v1
    h_dot += c1
    h_dot *= slope
    z_dot = h_dot @ w2
    z_dot += h @ v2
    z_dot += c2
    z_dot -= (p * z_dot).sum(axis=1, keepdims=True)
    z_dot *= p
    z_dot /= len(labels)
    p -= labels
    p /= len(labels)
    w2_dot = h_dot.T @ p
    w2_dot += h.T @ z_dot
    back = p @ w2.T
    back *= h
    back *= h_dot
    back *= -2
    a_dot = z_dot @ w2.T
    a_dot += p @ v2.T
    a_dot *= slope
    a_dot += back
    return x.T @ a_dot, a_dot.sum(axis=0), w2_dot, z_dot.sum(axis=0)


def weights(generator, sizes):
    for before, after in pairwise(sizes):
        yield generator.normal(size=(before, after)) / before**0.5
        yield generator.normal(size=after) / 10


def classified(sizes, batch, dtype="float64", tangents=0):
    """Images, one-hot labels, then the parameters, then tangents of them."""
    generator = seeded(32)  # no unit so near its kink that float32 may take the other side
    x = generator.normal(size=(batch, sizes[0]))
    labels = np.eye(sizes[-1])[generator.integers(0, sizes[-1], batch)]
    params = [p for _ in range(1 + tangents) for p in weights(generator, sizes)]
    return tuple(a.astype(dtype) for a in (x, labels, *params))


def regressed():
    generator = seeded(3)
    return generator.normal(size=(4, 2)), generator.normal(size=(4, 1)), *weights(generator, (2, 8, 1))


def mlp(name, sizes, batch, dtype, goal):
    return Work(
        name=f"{name} {dtype.replace('loat', '')}",
        title=f"{'-'.join(map(str, sizes))}, batch {batch}",
        f=classifier,
        make=partial(classified, sizes, batch, dtype),
        floor=classifier_floor,
        wrt=tuple(range(2, 2 * len(sizes))),
        goal=goal,
    )


SMALL, LARGE = (784, 128, 10), (784, 1024, 1024, 10)

WORKS = [
    *(mlp("P7a", SMALL, 64, dtype, 1.05) for dtype in ("float32", "float64")),
    *(mlp("P7b", LARGE, 256, dtype, 1.0) for dtype in ("float32", "float64")),
    Work(
        name="P7t",
        title="2-8-1, batch 4",
        f=regressor,
        make=regressed,
        floor=regressor_floor,
        wrt=(2, 3, 4, 5),
        goal=1.25,
    ),
    Work(
        name="P9b",
        title="Hessian of P7a times v, tanh",
        f=smooth_classifier,
        make=partial(classified, SMALL, 64, tangents=1),
        floor=hvp_floor,
        ask="hvp",
        wrt=(2, 3, 4, 5),
        goal=1.0,
    ),
]
