"""Information

Entropy, divergences and cross-entropy, on the simplex and through a softmax.
"""

from typing import Any

import numpy as np

from gradcheck import Domain, Point, Published, draws, problem

POSITIVE = Domain(low=0.0)
PROBABILITY = Domain(low=0.0, high=1.0, open=False)
INSIDE = Domain(low=0.0, high=1.0)


def _softmax(xp: Any, z: Any) -> Any:
    weights = xp.exp(z - xp.max(z))
    return weights / xp.sum(weights)


def _log_softmax(xp: Any, z: Any) -> Any:
    shifted = z - xp.max(z)
    return shifted - xp.log(xp.sum(xp.exp(shifted)))


def _log_softmax_jac(xp: Any, z: Any) -> Any:
    """I - 1 p^T, where 1 - p[i] is the sum of the other entries, so that nothing cancels."""
    identity = np.eye(z.shape[0])
    others = (1 - identity) * _softmax(xp, z)
    return identity * xp.sum(others, axis=1) - others


def _softmax_jac(xp: Any, z: Any) -> Any:
    return _softmax(xp, z)[:, None] * _log_softmax_jac(xp, z)


@problem(
    Point(
        p=[0.5, 0.5],
        base=2.0,
        published=Published(value="1", source="F-entropy", note="fair coin, in bits"),
        label="fair coin",
    ),
    Point(
        p=[1.0, 0.0],
        base=2.0,
        published=Published(value="0", source="F-entropy", note="certain coin, 0 log 0 = 0"),
        label="certain coin",
    ),
    Point(p=draws.simplex(4), base=2.0),
    wrt="p",
    why="0 log 0 = 0 in the value, and an infinite slope, not NaN, on the face of the simplex",
    domain={"p": PROBABILITY},
    kinks="where an entry of p is 0: the slope in it is +infinity",
    jac=lambda xp, p, base: -(xp.log(p) + 1) / xp.log(base),
)
def entropy_in_bits(xp: Any, p: Any, base: Any) -> Any:
    """H = -sum p log2 p"""
    return -xp.sum(xp.xlogy(p, p)) / xp.log(base)


@problem(
    Point(p=[0.5, 0.5], label="fair coin"),
    Point(p=[1.0, 0.0], label="certain coin"),
    Point(p=draws.simplex(5)),
    Point(p=[2.0**-60, 0.5, 0.25], label="nearly impossible"),
    why="nats instead of bits: a factor ln 2 apart; close to the face the slope is 41 and finite",
    domain={"p": PROBABILITY},
    kinks="where an entry of p is 0: the slope in it is +infinity",
    jac=lambda xp, p: -(xp.log(p) + 1),
)
def entropy_in_nats(xp: Any, p: Any) -> Any:
    """H = -sum p ln p"""
    return -xp.sum(xp.xlogy(p, p))


@problem(
    p=draws.simplex(4),
    why="the textbook form with log2 written out: 1/ln 2 belongs to the constant term as well",
    domain={"p": INSIDE},
    jac=lambda xp, p: -(xp.log(p) + 1) / xp.log(0 * p + 2),
)
def entropy_by_binary_logarithm(xp: Any, p: Any) -> Any:
    """H = -sum p log2(p), inside the simplex"""
    return -xp.sum(p * xp.log2(p))


@problem(
    Point(p=0.25),
    Point(p=0.5, label="maximum"),
    Point(p=2.0**-40, label="rare"),
    why="p and 1 - p both move: the constant terms cancel and leave the log-odds, 0 at the fair coin",
    domain={"p": INSIDE},
    jac=lambda xp, p: xp.log1p(-p) - xp.log(p),
)
def binary_entropy(xp: Any, p: Any) -> Any:
    """-p ln p - (1 - p) ln(1 - p)"""
    return -xp.xlogy(p, p) - xp.xlogy(1 - p, 1 - p)


@problem(
    Point(p=0.125),
    Point(p=1.0, label="certain"),
    why="a surprise falls with probability: the minus sign in front",
    domain={"p": Domain(low=0.0)},
    jac=lambda xp, p: -1 / (p * xp.log(0 * p + 2)),
)
def surprise(xp: Any, p: Any) -> Any:
    """-log2 p"""
    return -xp.log2(p)


@problem(
    Point(p=draws.simplex(4), q=draws.simplex(4)),
    Point(
        p=[0.5, 0.25, 0.25],
        q=[0.5, 0.25, 0.25],
        label="equal",
        published=Published(value="0", source="F-divergence", note="zero exactly when the two agree"),
    ),
    why="p enters twice, so its slope is ln(p/q) + 1; q's is -p/q; exchanged arguments are another number",
    domain={"p": PROBABILITY, "q": INSIDE},
    jac=lambda xp, p, q: (xp.log(p / q) + 1, -p / q),
)
def kullback_leibler(xp: Any, p: Any, q: Any) -> Any:
    """KL(p||q) = sum p ln(p / q)"""
    return xp.sum(xp.xlogy(p, p / q))


@problem(
    p=draws.simplex(4),
    q=draws.simplex(4),
    why="the symmetric sum of both directions: equal to (p - q) ln(p / q), where no direction can be swapped",
    domain={"p": INSIDE, "q": INSIDE},
    jac=lambda xp, p, q: (xp.log(p / q) + 1 - q / p, xp.log(q / p) + 1 - p / q),
)
def symmetrised_divergence(xp: Any, p: Any, q: Any) -> Any:
    """KL(p||q) + KL(q||p)"""
    return xp.sum(p * xp.log(p / q)) + xp.sum(q * xp.log(q / p))


@problem(
    p=draws.simplex(3),
    q=draws.simplex(3),
    why="the mixture m depends on both arguments: its contribution vanishes in total, not term by term",
    domain={"p": INSIDE, "q": INSIDE},
    jac=lambda xp, p, q: (0.5 * xp.log(2 * p / (p + q)), 0.5 * xp.log(2 * q / (p + q))),
)
def jensen_shannon(xp: Any, p: Any, q: Any) -> Any:
    """(KL(p||m) + KL(q||m)) / 2 with m = (p + q) / 2"""
    m = 0.5 * (p + q)
    return 0.5 * (xp.sum(p * xp.log(p / m)) + xp.sum(q * xp.log(q / m)))


@problem(
    Point(p=draws.simplex(4), q=draws.simplex(4)),
    Point(p=[0.0, 1.0, 0.0], q=[0.25, 0.5, 0.25], label="one-hot target"),
    why="linear in p, so its slope is -ln q without the +1 of the entropy",
    domain={"p": PROBABILITY, "q": INSIDE},
    jac=lambda xp, p, q: (-xp.log(q), -p / q),
)
def cross_entropy(xp: Any, p: Any, q: Any) -> Any:
    """H(p, q) = -sum p ln q"""
    return -xp.sum(p * xp.log(q))


LOGITS = (
    Point(z=[1.0, 2.0, 3.0]),
    Point(z=[1000.0, 1001.0, 999.0], label="large logits"),
)


@problem(
    *LOGITS,
    Point(z=[37.5, 0.0, -1.0], label="one dominates"),
    why="diag p - p p^T: the off-diagonal part forgotten; the constant shift must not show in the result",
    jac=_softmax_jac,
    vjp=lambda xp, z, cotangent: (
        _softmax(xp, z) * xp.sum(_softmax(xp, z) * (cotangent[:, None] - cotangent), axis=1)
    ),
)
def softmax(xp: Any, z: Any) -> Any:
    """exp(z) / sum exp(z), shifted by max z"""
    weights = xp.exp(z - xp.max(z))
    return weights / xp.sum(weights)


@problem(
    z=draws.normal(4),
    why="the definition without the shift: must agree with the shifted form wherever it does not overflow",
    jac=_softmax_jac,
)
def softmax_without_shift(xp: Any, z: Any) -> Any:
    """exp(z) / sum exp(z)"""
    return xp.exp(z) / xp.sum(xp.exp(z))


@problem(
    Z=draws.normal(3, 4),
    axis_weights=draws.normal(3, 4),
    wrt="Z",
    why="softmax along the first axis of a table: columns sum to 1, so column sums of the gradient are 0",
)
def softmax_of_columns(xp: Any, Z: Any, axis_weights: Any) -> Any:
    """sum of w times the softmax of each column"""
    weights = xp.exp(Z - xp.max(Z, axis=0))
    return xp.sum(axis_weights * weights / xp.sum(weights, axis=0))


@problem(
    z=draws.normal(3),
    temperature=0.5,
    why="the temperature divides every logit: its gradient is a covariance, negative for the winner",
    domain={"temperature": POSITIVE},
)
def softmax_with_temperature(xp: Any, z: Any, temperature: Any) -> Any:
    """softmax(z / T)"""
    return _softmax(xp, z / temperature)


@problem(
    *LOGITS,
    Point(z=[37.5, 0.0, -1.0], label="one dominates"),
    why="I - 1 p^T and not its transpose; ln of an underflowed softmax would be -infinity",
    jac=_log_softmax_jac,
    vjp=lambda xp, z, cotangent: xp.sum(
        cotangent[:, None] * _softmax(xp, z) - _softmax(xp, z)[:, None] * cotangent, axis=1
    ),
)
def log_softmax(xp: Any, z: Any) -> Any:
    """z - ln sum exp(z), shifted by max z"""
    shifted = z - xp.max(z)
    return shifted - xp.log(xp.sum(xp.exp(shifted)))


@problem(
    *LOGITS,
    Point(z=[2.0, 2.0, -1.0], label="tied maximum"),
    why="the subtracted maximum gets a gradient that must cancel: the kink of max is not a kink of the whole",
    jac=lambda xp, z: _softmax(xp, z),
    vjp=lambda xp, z, cotangent: cotangent * _softmax(xp, z),
)
def logsumexp(xp: Any, z: Any) -> Any:
    """ln sum exp(z) = max z + ln sum exp(z - max z)"""
    top = xp.max(z)
    return top + xp.log(xp.sum(xp.exp(z - top)))


@problem(
    Z=draws.normal(3, 4),
    why="a reduction along one axis with the maximum kept and squeezed: a wrong axis still runs when square",
)
def logsumexp_of_rows(xp: Any, Z: Any) -> Any:
    """ln sum exp of each row"""
    top = xp.max(Z, axis=1, keepdims=True)
    return xp.squeeze(top, axis=1) + xp.log(xp.sum(xp.exp(Z - top), axis=1))


@problem(
    Point(x=0.0, y=0.0, label="equal"),
    Point(x=1000.0, y=999.0, label="large"),
    Point(x=-40.0, y=0.5, label="tail"),
    why="1/2 and 1/2 where the two are equal, although the stable form branches there; 3e-18 in the tail",
    jac=lambda xp, x, y: (1 / (1 + xp.exp(y - x)), 1 / (1 + xp.exp(x - y))),
)
def logaddexp(xp: Any, x: Any, y: Any) -> Any:
    """ln(exp(x) + exp(y))"""
    return xp.logaddexp(x, y)


@problem(
    Point(z=[2.0, 1.0, -1.0], target=[1.0, 0.0, 0.0], label="one-hot"),
    Point(z=[1000.0, 998.0, 0.0], target=[0.0, 1.0, 0.0], label="large logits"),
    Point(z=draws.normal(4), target=draws.simplex(4)),
    wrt="z",
    why="p - target: the sign, and the target's mass that multiplies p",
    domain={"target": PROBABILITY},
    jac=lambda xp, z, target: _softmax(xp, z) * xp.sum(target) - target,
)
def cross_entropy_from_logits(xp: Any, z: Any, target: Any) -> Any:
    """-sum t log_softmax(z)"""
    return -xp.sum(target * _log_softmax(xp, z))


@problem(
    W=draws.normal(3, 2),
    X=draws.normal(4, 2),
    target=np.array([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.0, 1.0, 0.0], [1.0, 0.0, 0.0]]),
    wrt="W",
    why="a classifier's loss averaged over the batch: 1/4 from the batch, not 1/12 from the table",
)
def softmax_classifier(xp: Any, W: Any, X: Any, target: Any) -> Any:
    """-(1/n) sum t log_softmax(X W^T)"""
    Z = X @ xp.matrix_transpose(W)
    shifted = Z - xp.max(Z, axis=1, keepdims=True)
    log_p = shifted - xp.log(xp.sum(xp.exp(shifted), axis=1, keepdims=True))
    return -xp.sum(target * log_p) / X.shape[0]


@problem(
    Point(z=[2.0, 1.0, -1.0]),
    Point(z=[0.5, 0.5, 0.5], label="uniform"),
    why="entropy within the simplex: -p (ln p + H), which sums to 0 and vanishes at the uniform distribution",
    jac=lambda xp, z: (
        -_softmax(xp, z) * (_log_softmax(xp, z) - xp.sum(_softmax(xp, z) * _log_softmax(xp, z)))
    ),
)
def entropy_of_softmax(xp: Any, z: Any) -> Any:
    """H(softmax z)"""
    log_p = z - xp.log(xp.sum(xp.exp(z)))
    return -xp.sum(xp.exp(log_p) * log_p)


def _divergence_of_softmaxes_jac(xp: Any, a: Any, b: Any) -> Any:
    p, q = _softmax(xp, a), _softmax(xp, b)
    log_ratio = _log_softmax(xp, a) - _log_softmax(xp, b)
    return p * (log_ratio - xp.sum(p * log_ratio)), q - p


@problem(
    Point(a=[2.0, 1.0, -1.0], b=[0.5, -0.5, 1.0]),
    Point(a=draws.normal(5), b=draws.normal(5)),
    why="the two arguments' gradients differ in kind: q - p on the right, a centred log-ratio on the left",
    jac=_divergence_of_softmaxes_jac,
)
def divergence_of_softmaxes(xp: Any, a: Any, b: Any) -> Any:
    """KL(softmax a || softmax b)"""
    log_p = _log_softmax(xp, a)
    return xp.sum(xp.exp(log_p) * (log_p - _log_softmax(xp, b)))


@problem(
    Point(m1=0.0, s1=1.0, m2=1.0, s2=2.0),
    Point(m1=0.5, s1=1.5, m2=0.5, s2=1.5, label="equal"),
    why="four parameters, four different rules; all vanish together when the two Gaussians agree",
    domain={"s1": POSITIVE, "s2": POSITIVE},
    jac=lambda xp, m1, s1, m2, s2: (
        (m1 - m2) / s2**2,
        s1 / s2**2 - 1 / s1,
        (m2 - m1) / s2**2,
        1 / s2 - (s1**2 + (m1 - m2) ** 2) / s2**3,
    ),
)
def gaussian_divergence(xp: Any, m1: Any, s1: Any, m2: Any, s2: Any) -> Any:
    """KL of N(m1, s1^2) from N(m2, s2^2)"""
    return xp.log(s2 / s1) + (s1**2 + (m1 - m2) ** 2) / (2 * s2**2) - 0.5


@problem(
    mean=draws.normal(4),
    log_variance=draws.normal(4),
    why="a latent code's distance from the unit Gaussian: exp(l) - 1 in the log-variance, halved",
    jac=lambda xp, mean, log_variance: (mean, 0.5 * (xp.exp(log_variance) - 1)),
)
def latent_divergence(xp: Any, mean: Any, log_variance: Any) -> Any:
    """sum (m^2 + exp(l) - 1 - l) / 2"""
    return 0.5 * xp.sum(mean**2 + xp.exp(log_variance) - 1 - log_variance)


@problem(
    table=draws.uniform(0.25, 1, 2, 3),
    why="marginals along both axes of one normalised table: each entry reaches the result five ways",
    domain={"table": POSITIVE},
)
def mutual_information(xp: Any, table: Any) -> Any:
    """sum p ln(p / (p_row p_column)) with p = t / sum t"""
    p = table / xp.sum(table)
    row = xp.sum(p, axis=1, keepdims=True)
    column = xp.sum(p, axis=0, keepdims=True)
    return xp.sum(p * xp.log(p / (row * column)))


@problem(
    p=draws.simplex(3),
    why="the exponential of an entropy: the outer derivative is the perplexity itself",
    domain={"p": INSIDE},
    jac=lambda xp, p: -(xp.log(p) + 1) * xp.exp(-xp.sum(p * xp.log(p))),
)
def perplexity(xp: Any, p: Any) -> Any:
    """exp(H(p))"""
    return xp.exp(-xp.sum(xp.xlogy(p, p)))


@problem(
    p=draws.simplex(3),
    order=2.5,
    why="the order is an exponent and a denominator: its derivative has two terms of opposite sign",
    domain={"p": INSIDE, "order": Domain(low=1.0)},
    jac=lambda xp, p, order: (
        order * p ** (order - 1) / (1 - order) / xp.sum(p**order),
        xp.log(xp.sum(p**order)) / (1 - order) ** 2
        + xp.sum(p**order * xp.log(p)) / xp.sum(p**order) / (1 - order),
    ),
)
def renyi_entropy(xp: Any, p: Any, order: Any) -> Any:
    """ln(sum p^a) / (1 - a)"""
    return xp.log(xp.sum(p**order)) / (1 - order)
