"""Matrices: products, systems, decompositions, convolutions and small networks."""

from __future__ import annotations

import numpy as np

from cases import Case
from cases.reductions import softmax
from gradcheck import draws
from gradcheck.draws import Draw


def dominant(n: int) -> Draw:
    """A well-conditioned square matrix."""
    return Draw((n, n), f"dominant({n})", lambda g: g.normal(size=(n, n)) + 2 * n**0.5 * np.eye(n))


def definite(n: int) -> Draw:
    """A symmetric positive definite matrix."""

    def sample(generator: np.random.Generator) -> np.ndarray:
        root = generator.normal(size=(n, n))
        return root @ root.T + n * np.eye(n)

    return Draw((n, n), f"definite({n})", sample)


def _solve_vjp(a, b, cotangent):
    x, adjoint = np.linalg.solve(a, b), np.linalg.solve(a.T, cotangent)
    return -np.outer(adjoint, x), adjoint


def _inverse_vjp(a, cotangent):
    inverse = np.linalg.inv(a)
    return -inverse.T @ cotangent @ inverse.T


def _cholesky_vjp(a, cotangent):
    """The symmetric gradient; the factorisation reads the lower triangle, so that takes all of it."""
    factor = np.linalg.cholesky(a)
    inverse = np.linalg.inv(factor)
    middle = np.tril(factor.T @ np.tril(cotangent))
    middle[np.diag_indices_from(middle)] /= 2
    raw = inverse.T @ middle @ inverse
    return np.tril(raw + raw.T) - np.diag(np.diag(raw))


def _convolve_vjp(x, kernel, cotangent):
    return np.convolve(cotangent, kernel[::-1]), np.correlate(x, cotangent)[::-1]


def _distances(x):
    return np.sum((x[:, None] - x[None]) ** 2, axis=-1)


def _distances_vjp(x, cotangent):
    both = cotangent + cotangent.T
    return 2 * (both.sum(axis=1)[:, None] * x - both @ x)


def _attention(q, k, v):
    return softmax(q @ k.T / np.sqrt(q.shape[1])) @ v


def _attention_vjp(q, k, v, cotangent):
    root = np.sqrt(q.shape[1])
    weights = softmax(q @ k.T / root)
    inner = cotangent @ v.T
    scores = weights * (inner - np.sum(weights * inner, axis=1, keepdims=True)) / root
    return scores @ k, scores.T @ q, weights.T @ cotangent


def _tanh_network(x, w1, b1, w2, b2):
    return np.tanh(x @ w1 + b1) @ w2 + b2


def _tanh_network_vjp(x, w1, b1, w2, b2, cotangent):
    hidden = np.tanh(x @ w1 + b1)
    inner = (cotangent @ w2.T) * (1 - hidden**2)
    return inner @ w1.T, x.T @ inner, inner.sum(axis=0), hidden.T @ cotangent, cotangent.sum(axis=0)


def _relu_network(x, w1, b1, w2):
    return np.sum(np.maximum(x @ w1 + b1, 0) @ w2)


def _relu_network_vjp(x, w1, b1, w2, cotangent):
    before = x @ w1 + b1
    outer = np.full((len(x), w2.shape[1]), cotangent)
    inner = (outer @ w2.T) * (before > 0)
    return inner @ w1.T, x.T @ inner, inner.sum(axis=0), np.maximum(before, 0).T @ outer


def _fourth_power_vjp(a, cotangent):
    powers = [np.linalg.matrix_power(a, k) for k in range(4)]
    return sum(powers[k].T @ cotangent @ powers[3 - k].T for k in range(4))


MATRIX = draws.normal(3, 4)

CASES = (
    Case(
        "matrix product",
        np.matmul,
        (MATRIX, draws.normal(4, 2)),
        vjp=lambda a, b, c: (c @ b.T, a.T @ c),
        jvp=lambda a, b, in_a, in_b: in_a @ b + a @ in_b,
        analytic=True,
    ),
    Case(
        "matrix times vector",
        np.matmul,
        (MATRIX, draws.normal(4)),
        vjp=lambda a, x, c: (np.outer(c, x), a.T @ c),
        jvp=lambda a, x, in_a, in_x: in_a @ x + a @ in_x,
        analytic=True,
    ),
    Case(
        "batched product",
        np.matmul,
        (draws.normal(2, 3, 4), draws.normal(4, 2)),
        vjp=lambda a, b, c: (c @ b.T, np.einsum("bij,bik->jk", a, c)),
        analytic=True,
    ),
    Case(
        "dot", np.dot, (draws.normal(4), draws.normal(4)), vjp=lambda x, y, c: (c * y, c * x), analytic=True
    ),
    Case(
        "outer product",
        np.outer,
        (draws.normal(3), draws.normal(4)),
        vjp=lambda x, y, c: (c @ y, x @ c),
        analytic=True,
    ),
    Case(
        "bilinear form",
        lambda x, a, y: x @ a @ y,
        (draws.normal(3), MATRIX, draws.normal(4)),
        vjp=lambda x, a, y, c: (c * (a @ y), c * np.outer(x, y), c * (x @ a)),
        analytic=True,
    ),
    Case(
        "quadratic form",
        lambda x, a: x @ a @ x,
        (draws.normal(4), draws.normal(4, 4)),
        vjp=lambda x, a, c: (c * (a + a.T) @ x, c * np.outer(x, x)),
        analytic=True,
    ),
    Case(
        "trace of a product",
        lambda a, b: np.trace(a @ b),
        (MATRIX, draws.normal(4, 3)),
        vjp=lambda a, b, c: (c * b.T, c * a.T),
        analytic=True,
    ),
    Case(
        "three factors",
        lambda x, y, z: np.einsum("ij,jk,ki->i", x, y, z),
        (draws.normal(2, 3), draws.normal(3, 4), draws.normal(4, 2)),
        vjp=lambda x, y, z, c: (
            np.einsum("i,jk,ki->ij", c, y, z),
            np.einsum("i,ij,ki->jk", c, x, z),
            np.einsum("i,ij,jk->ki", c, x, y),
        ),
        analytic=True,
    ),
    Case(
        "fourth matrix power",
        lambda a: np.linalg.matrix_power(a, 4),
        (draws.normal(3, 3),),
        vjp=_fourth_power_vjp,
        analytic=True,
    ),
    Case("linear system", np.linalg.solve, (dominant(4), draws.normal(4)), vjp=_solve_vjp, analytic=True),
    Case("inverse", np.linalg.inv, (dominant(3),), vjp=_inverse_vjp, analytic=True),
    Case(
        "determinant",
        np.linalg.det,
        (dominant(4),),
        vjp=lambda a, c: c * np.linalg.det(a) * np.linalg.inv(a).T,
        analytic=True,
    ),
    Case(
        "log determinant",
        lambda a: np.linalg.slogdet(a)[1],
        (dominant(4),),
        vjp=lambda a, c: c * np.linalg.inv(a).T,
    ),
    Case("cholesky", np.linalg.cholesky, (definite(3),), vjp=_cholesky_vjp),
    Case(
        "eigenvalues",
        lambda a: np.linalg.eigvalsh((a + a.T) / 2),
        (dominant(3),),
        vjp=lambda a, c: (lambda v: v @ np.diag(c) @ v.T)(np.linalg.eigh((a + a.T) / 2)[1]),
    ),
    Case(
        "singular values",
        lambda a: np.linalg.svd(a, compute_uv=False),
        (MATRIX,),
        vjp=lambda a, c: (lambda u, s, v: (u * c) @ v)(*np.linalg.svd(a, full_matrices=False)),
    ),
    Case(
        "convolution",
        lambda x, kernel: np.convolve(x, kernel, "valid"),
        (draws.normal(7), draws.normal(3)),
        vjp=_convolve_vjp,
        analytic=True,
    ),
    Case("squared distances", _distances, (draws.normal(4, 2),), vjp=_distances_vjp, analytic=True),
    Case(
        "attention",
        _attention,
        (draws.normal(3, 2), draws.normal(4, 2), draws.normal(4, 2)),
        vjp=_attention_vjp,
        analytic=True,
    ),
    Case(
        "tanh network",
        _tanh_network,
        (draws.normal(3, 4), draws.normal(4, 5), draws.normal(5), draws.normal(5, 2), draws.normal(2)),
        vjp=_tanh_network_vjp,
        analytic=True,
    ),
    Case(
        "relu network",
        _relu_network,
        (draws.normal(3, 4), draws.normal(4, 5), draws.normal(5), draws.normal(5, 2)),
        vjp=_relu_network_vjp,
    ),
)
