"""Entropies, a logarithm of a sum of exponentials, and the likelihood of a mixture of Gaussians."""

from math import log, pi

import numpy as np

from engine_work.work import Work, seeded


def entropy(xp, p):
    return -xp.sum(p * xp.log(p))


def entropy_floor(p):
    logs = np.log(p)
    value = -np.dot(p, logs)
    return value, np.subtract(-1.0, logs, out=logs)


def divergence(xp, p, q):
    return xp.sum(p * xp.log(p / q))


def divergence_floor(p, q):
    ratio = p / q
    logs = np.log(ratio)
    value = np.dot(p, logs)
    logs += 1.0
    return value, (logs, np.negative(ratio, out=ratio))


def logsumexp(xp, x):
    top = xp.max(x)
    return top + xp.log(xp.sum(xp.exp(x - top)))


def logsumexp_floor(x):
    top = x.max()
    e = x - top
    np.exp(e, out=e)
    total = e.sum()
    e *= 1 / total
    return top + np.log(total), e


POINTS, CENTRES, DIMENSIONS = 1000, 10, 10
GAMMA, EXTRA = 1.0, 0  # of the Wishart prior
STRICT = np.tril_indices(DIMENSIONS, -1)


def layout():
    """Lays a row of the factors, diagonal first, into a lower triangular matrix."""
    rows, columns = (np.concatenate([np.arange(DIMENSIONS), part]) for part in STRICT)
    cells = np.zeros((len(rows), DIMENSIONS, DIMENSIONS))
    cells[np.arange(len(rows)), rows, columns] = 1
    return cells.reshape(len(rows), -1)


def mixture(xp, alphas, means, icf, x, cells):
    """Negative log likelihood with inverse covariance factors, as ADBench defines it."""
    logs = icf[:, :DIMENSIONS]
    factors = xp.concat([xp.exp(logs), icf[:, DIMENSIONS:]], axis=1)
    q = xp.reshape(factors @ cells, (CENTRES, DIMENSIONS, DIMENSIONS))
    whitened = xp.matmul(x - xp.reshape(means, (CENTRES, 1, DIMENSIONS)), xp.matrix_transpose(q))
    heads = xp.reshape(alphas + xp.sum(logs, axis=1), (CENTRES, 1))
    scores = heads - 0.5 * xp.sum(whitened * whitened, axis=2)
    top = xp.max(scores, axis=0, keepdims=True)
    likelihood = xp.sum(top + xp.log(xp.sum(xp.exp(scores - top), axis=0, keepdims=True)))
    peak = xp.max(alphas)
    normal = POINTS * (peak + xp.log(xp.sum(xp.exp(alphas - peak))))
    prior = 0.5 * GAMMA**2 * xp.sum(factors * factors) - EXTRA * xp.sum(logs)
    return normal + prior - likelihood + 0.5 * POINTS * DIMENSIONS * log(2 * pi)


def mixture_floor(alphas, means, icf, x, cells):
    logs = icf[:, :DIMENSIONS]
    factors = icf.copy()
    np.exp(logs, out=factors[:, :DIMENSIONS])
    q = (factors @ cells).reshape(CENTRES, DIMENSIONS, DIMENSIONS)
    centred = x - means[:, None, :]
    whitened = centred @ q.mT.copy()  # small matrices go to BLAS only when contiguous
    scores = np.einsum("kni,kni->kn", whitened, whitened)
    scores *= -0.5
    scores += (alphas + logs.sum(axis=1))[:, None]
    top = scores.max(axis=0)
    scores -= top
    np.exp(scores, out=scores)
    sums = scores.sum(axis=0)
    scores /= sums
    peak = alphas.max()
    shares = np.exp(alphas - peak)
    total = shares.sum()
    value = POINTS * (peak + np.log(total)) + 0.5 * POINTS * DIMENSIONS * log(2 * pi)
    value += 0.5 * GAMMA**2 * np.vdot(factors, factors) - EXTRA * logs.sum() - top.sum() - np.log(sums).sum()
    weights = scores.sum(axis=1)
    alpha_slope = shares * (POINTS / total)
    alpha_slope -= weights
    pulled = scores[:, None, :] @ whitened
    whitened *= scores[:, :, None]
    q_slope = whitened.mT @ centred
    means_slope = -(pulled @ q)[:, 0, :]
    icf_slope = q_slope.reshape(CENTRES, -1) @ cells.T
    icf_slope += GAMMA**2 * factors
    icf_slope[:, :DIMENSIONS] *= factors[:, :DIMENSIONS]
    icf_slope[:, :DIMENSIONS] -= weights[:, None] + EXTRA
    return value, (alpha_slope, means_slope, icf_slope)


def distributions(n, count):
    def make():
        drawn = (seeded(n + at).uniform(0.5, 1.5, n) for at in range(count))
        return tuple(p / p.sum() for p in drawn)

    return make


def normal():
    return (seeded(10).normal(size=10**6),)


def mixed():
    generator = seeded(11)
    alphas, means = generator.normal(size=CENTRES), generator.normal(size=(CENTRES, DIMENSIONS))
    icf = generator.normal(size=(CENTRES, DIMENSIONS + len(STRICT[0]))) / 3
    return alphas, means, icf, generator.normal(size=(POINTS, DIMENSIONS)), layout()


def density(name, title, f, floor, make, goal, wrt=(0,)):
    return Work(name=name, title=title, f=f, make=make, floor=floor, wrt=wrt, goal=goal)


WORKS = [
    density("P8a", "entropy, n = 1e3", entropy, entropy_floor, distributions(1000, 1), 1.2),
    density("P8b", "entropy, n = 1e6", entropy, entropy_floor, distributions(10**6, 1), 1.2),
    density("P8c", "divergence, n = 1e3", divergence, divergence_floor, distributions(1000, 2), 1.2, (0, 1)),
    density("P8d", "divergence, n = 1e6", divergence, divergence_floor, distributions(10**6, 2), 1.2, (0, 1)),
    density("P10", "logsumexp, n = 1e6", logsumexp, logsumexp_floor, normal, 0.8),
    density("P11", "mixture, d = K = 10, N = 1e3", mixture, mixture_floor, mixed, 1.15, (0, 1, 2)),
]
