"""Reductions along axes."""

import math

import numpy as np

from rule_cases.case import MATRIX, SQUARE, TENSOR, VECTOR, Case, plainly

KINKED = {"max", "min"}

ZERO, ZEROS = np.array([2.0, 0.0, 3.0]), np.array([[0.0, 2.0, 0.0], [4.0, 0.0, 5.0]])
TAIL, NONE = np.array([37.5, 0.0, -3.0]), np.array([-np.inf, 1.0, 2.0])

CASES = [
    Case("sum", lambda xp, x: xp.sum(x), (MATRIX,), label="all"),
    Case("sum", lambda xp, x: xp.sum(x), (2.0,), label="scalar"),
    Case("sum", lambda xp, x: xp.sum(x, axis=0), (MATRIX,), label="axis 0"),
    Case("sum", lambda xp, x: xp.sum(x, axis=(0, -1)), (TENSOR,), label="two axes"),
    Case("sum", lambda xp, x: xp.sum(x, axis=-1, keepdims=True), (MATRIX,), label="kept axis"),
    Case("max", lambda xp, x: xp.max(x, axis=0), (SQUARE,), label="axis 0"),
    Case("max", lambda xp, x: xp.max(x, axis=-1, keepdims=True), (MATRIX,), label="kept axis"),
    Case("min", lambda xp, x: xp.min(x, axis=1), (SQUARE,), label="axis 1"),
    Case("min", lambda xp, x: xp.min(x, axis=(0, 2)), (TENSOR,), label="two axes"),
    Case("mean", plainly("mean"), (MATRIX,), label="all"),
    Case("mean", lambda xp, x: xp.mean(x, axis=(0, 2), keepdims=True), (TENSOR,), label="two axes"),
    Case("prod", plainly("prod"), (ZERO,), label="one zero"),
    Case("prod", plainly("prod"), (ZEROS[0],), label="two zeros"),
    Case("prod", plainly("prod"), (np.zeros(3),), label="zeros"),
    Case("prod", lambda xp, x: xp.prod(x, axis=0), (MATRIX,), label="axis 0"),
    Case("prod", lambda xp, x: xp.prod(x, axis=1, keepdims=True), (ZEROS,), label="kept axis"),
    Case("prod", lambda xp, x: xp.prod(x, axis=(0, -1)), (TENSOR,), label="two axes"),
    Case("var", plainly("var"), (VECTOR,), label="all"),
    Case("var", lambda xp, x: xp.var(x, axis=0, correction=1.0), (MATRIX,), label="axis 0"),
    Case("std", plainly("std"), (VECTOR,), label="all"),
    Case("std", lambda xp, x: xp.std(x, axis=1, correction=1.0, keepdims=True), (MATRIX,), label="axis 1"),
    Case("vector_norm", lambda xp, x: xp.vector_norm(x), (VECTOR,), label="2"),
    Case("vector_norm", lambda xp, x: xp.vector_norm(x, axis=0), (MATRIX,), label="2, axis 0"),
    Case("vector_norm", lambda xp, x: xp.vector_norm(x, ord=1), (VECTOR,), label="1"),
    Case("vector_norm", lambda xp, x: xp.vector_norm(x, ord=3), (VECTOR,), label="3"),
    Case(
        "vector_norm",
        lambda xp, x: xp.vector_norm(x, ord=2.5, axis=1, keepdims=True),
        (MATRIX,),
        label="2.5, axis 1",
    ),
    Case("vector_norm", lambda xp, x: xp.vector_norm(x, ord=math.inf), (VECTOR,), label="inf"),
    Case("vector_norm", lambda xp, x: xp.vector_norm(x, ord=-math.inf), (VECTOR,), label="-inf"),
    Case("logsumexp", plainly("logsumexp"), (VECTOR,), label="all"),
    Case("logsumexp", plainly("logsumexp"), (TAIL,), label="tail"),
    Case("logsumexp", lambda xp, x: xp.logsumexp(x, axis=0), (MATRIX,), label="axis 0"),
    Case("logsumexp", lambda xp, x: xp.logsumexp(x, axis=(0, 2), keepdims=True), (TENSOR,), label="two axes"),
    Case(
        "logsumexp",
        lambda xp, x, b: xp.logsumexp(x, b=b),
        (VECTOR, np.array([2.0, 0.0, 5.0])),
        label="weights",
    ),
    Case("softmax", plainly("softmax"), (MATRIX,)),
    Case("softmax", plainly("softmax"), (TAIL,), label="tail"),
    Case("softmax", lambda xp, x: xp.softmax(x, axis=1), (TENSOR,), label="axis 1"),
    Case("log_softmax", plainly("log_softmax"), (MATRIX,)),
    Case("log_softmax", plainly("log_softmax"), (TAIL,), label="tail"),
    Case("log_softmax", lambda xp, x: xp.log_softmax(x, axis=0), (MATRIX,), label="axis 0"),
]
