"""Probability

Rules of probability as functions of their probabilities, and likelihoods as functions of parameters.
"""

from typing import Any

import numpy as np

from gradcheck import Domain, Point, Published, draws, problem

POSITIVE = Domain(low=0.0)
PROBABILITY = Domain(low=0.0, high=1.0, open=False)
INSIDE = Domain(low=0.0, high=1.0)


@problem(
    Point(
        p=1 / 6,
        q=1 / 6,
        published=Published(
            value="0.0277777777", source="F-dice", note="two dice, printed as the fraction 1/36"
        ),
    ),
    Point(p=0.0, q=0.5, label="impossible event"),
    why="independence: each derivative is the other event's probability, also when one of them is 0",
    domain={"p": PROBABILITY, "q": PROBABILITY},
    jac=lambda xp, p, q: (q, p),
)
def joint_probability(xp: Any, p: Any, q: Any) -> Any:
    """P(A and B) = p q for independent events"""
    return p * q


@problem(
    likelihood=0.5,
    prior=0.1,
    evidence=0.4,
    published=Published(value="0.125", source="F-bayes", note="P(F|H) = 0.5, P(H) = 0.1, P(F) = 0.4"),
    why="the derivative in the evidence is negative and divided by its square",
    domain={"likelihood": PROBABILITY, "prior": PROBABILITY, "evidence": INSIDE},
    jac=lambda xp, likelihood, prior, evidence: (
        prior / evidence,
        likelihood / evidence,
        -likelihood * prior / evidence**2,
    ),
)
def bayes_rule(xp: Any, likelihood: Any, prior: Any, evidence: Any) -> Any:
    """P(H|F) = P(F|H) P(H) / P(F)"""
    return likelihood * prior / evidence


MEDICAL_TEST: dict[str, Any] = {"prior": 0.01, "sensitivity": 0.95, "false_positive_rate": 0.05}


@problem(
    **MEDICAL_TEST,
    published=Published(value="0.059", source="F-test"),
    why="the prior enters twice with opposite signs: its derivative is sensitivity - false positive rate",
    domain={"prior": PROBABILITY, "sensitivity": PROBABILITY, "false_positive_rate": PROBABILITY},
    jac=lambda xp, prior, sensitivity, false_positive_rate: (
        sensitivity - false_positive_rate,
        prior,
        1 - prior,
    ),
)
def positive_test(xp: Any, prior: Any, sensitivity: Any, false_positive_rate: Any) -> Any:
    """P(positive) = prior sensitivity + (1 - prior) fpr"""
    return prior * sensitivity + (1 - prior) * false_positive_rate


def _posterior_jac(xp: Any, prior: Any, sensitivity: Any, false_positive_rate: Any) -> Any:
    evidence = prior * sensitivity + (1 - prior) * false_positive_rate
    return (
        sensitivity * false_positive_rate / evidence**2,
        prior * (1 - prior) * false_positive_rate / evidence**2,
        -prior * (1 - prior) * sensitivity / evidence**2,
    )


@problem(
    Point(**MEDICAL_TEST, published=Published(value="0.161", source="F-test")),
    Point(prior=0.5, sensitivity=0.75, false_positive_rate=0.25),
    why="numerator and evidence share the prior: with the evidence held fixed its slope is 16.1, not 13.6",
    domain={"prior": INSIDE, "sensitivity": PROBABILITY, "false_positive_rate": PROBABILITY},
    jac=_posterior_jac,
)
def posterior(xp: Any, prior: Any, sensitivity: Any, false_positive_rate: Any) -> Any:
    """P(ill | positive) from prior, sensitivity and false positive rate"""
    joint = prior * sensitivity
    return joint / (joint + (1 - prior) * false_positive_rate)


def _posterior_vector_jac(xp: Any, prior: Any, likelihood: Any) -> Any:
    evidence = xp.sum(prior * likelihood)
    n = prior.shape[0]
    return (
        (np.eye(n) * likelihood - (prior * likelihood / evidence)[:, None] * likelihood) / evidence,
        (np.eye(n) * prior - (prior * likelihood / evidence)[:, None] * prior) / evidence,
    )


@problem(
    prior=draws.simplex(4),
    likelihood=draws.uniform(0.125, 1, 4),
    why="normalisation couples all hypotheses: raising one prior lowers the other posteriors",
    domain={"prior": PROBABILITY, "likelihood": PROBABILITY},
    jac=_posterior_vector_jac,
)
def posterior_over_hypotheses(xp: Any, prior: Any, likelihood: Any) -> Any:
    """p[h] L[h] / sum p L"""
    joint = prior * likelihood
    return joint / xp.sum(joint)


@problem(
    prior=draws.simplex(3),
    likelihood=draws.simplex(3, 4),
    why="total probability: the prior's gradient is a likelihood per row, the likelihood's an outer product",
    domain={"prior": PROBABILITY, "likelihood": PROBABILITY},
    jac=lambda xp, prior, likelihood: (
        xp.matrix_transpose(likelihood),
        np.eye(4)[:, None, :] * prior[:, None],
    ),
)
def total_probability(xp: Any, prior: Any, likelihood: Any) -> Any:
    """P(x) = sum over h of p[h] P(x | h)"""
    return prior @ likelihood


@problem(
    Point(p=0.25, q=0.5),
    Point(p=1.0, q=0.5, label="certain event"),
    why="the overlap subtracted once: without it the derivatives are 1",
    domain={"p": PROBABILITY, "q": PROBABILITY},
    jac=lambda xp, p, q: (1 - q, 1 - p),
)
def union_of_events(xp: Any, p: Any, q: Any) -> Any:
    """P(A or B) = p + q - p q"""
    return p + q - p * q


@problem(
    Point(p=draws.uniform(0, 1, 5)),
    Point(p=[0.5, 1.0, 0.25], label="one certain"),
    why="a product of complements with a zero factor: the derivative in the certain event is not 0",
    domain={"p": PROBABILITY},
    jac=lambda xp, p: xp.stack([xp.prod(xp.concat([1 - p[:i], 1 - p[i + 1 :]])) for i in range(p.shape[0])]),
)
def at_least_one_event(xp: Any, p: Any) -> Any:
    """1 - (1 - p0) (1 - p1) ..."""
    return 1 - xp.prod(1 - p)


@problem(
    Point(p=0.25),
    Point(p=2.0**-40, label="rare"),
    why="log-odds of a rare event: the slope 1 / (p (1 - p)) is 1e12",
    domain={"p": INSIDE},
    jac=lambda xp, p: 1 / (p * (1 - p)),
)
def log_odds(xp: Any, p: Any) -> Any:
    """ln(p / (1 - p))"""
    return xp.log(p) - xp.log1p(-p)


@problem(
    p=0.25,
    why="a waiting time: p (1 - p)^4 has its maximum at 1/5, so the slope at 1/4 is small and negative",
    domain={"p": INSIDE},
    jac=lambda xp, p: (1 - p) ** 4 - 4 * p * (1 - p) ** 3,
)
def geometric_distribution(xp: Any, p: Any) -> Any:
    """p (1 - p)^4"""
    return p * (1 - p) ** 4


@problem(
    Point(p=0.3125, k=3.0, n=8.0),
    Point(p=0.5, k=0.0, n=4.0, label="no success"),
    Point(p=0.375, k=3.0, n=8.0, label="maximum"),
    wrt="p",
    why="the two terms k/p and (n - k)/(1 - p) cancel at p = k/n, where the score is exactly 0",
    domain={"p": INSIDE},
    jac=lambda xp, p, k, n: k / p - (n - k) / (1 - p),
)
def binomial_log_likelihood(xp: Any, p: Any, k: Any, n: Any) -> Any:
    """k ln p + (n - k) ln(1 - p)"""
    return xp.xlogy(k, p) + (n - k) * xp.log1p(-p)


@problem(
    rate=2.5,
    k=[0.0, 3.0, 1.0, 4.0],
    wrt="rate",
    why="one rate for all counts: the exposure term counts once per observation, zero counts included",
    domain={"rate": POSITIVE},
    jac=lambda xp, rate, k: xp.sum(k) / rate - k.shape[0],
)
def poisson_log_likelihood(xp: Any, rate: Any, k: Any) -> Any:
    """sum k ln(rate) - rate"""
    return xp.sum(xp.xlogy(k, rate) - rate)


@problem(
    Point(x=0.5, mean=1.25, deviation=0.75),
    Point(x=6.0, mean=0.0, deviation=0.5, label="twelve deviations"),
    why="the deviation enters the exponent and the normalisation: one of the two derivatives forgotten",
    domain={"deviation": POSITIVE},
    jac=lambda xp, x, mean, deviation: (
        -(x - mean) / deviation**3 * xp.exp(-0.5 * ((x - mean) / deviation) ** 2),
        (x - mean) / deviation**3 * xp.exp(-0.5 * ((x - mean) / deviation) ** 2),
        ((x - mean) ** 2 / deviation**4 - 1 / deviation**2) * xp.exp(-0.5 * ((x - mean) / deviation) ** 2),
    ),
)
def gaussian_density(xp: Any, x: Any, mean: Any, deviation: Any) -> Any:
    """exp(-((x - m) / s)^2 / 2) / s"""
    return xp.exp(-0.5 * ((x - mean) / deviation) ** 2) / deviation


@problem(
    mean=0.25,
    log_deviation=-0.5,
    x=draws.normal(6),
    wrt=("mean", "log_deviation"),
    why="a deviation kept positive by its logarithm: n - sum z^2, where n comes from the broadcast",
    jac=lambda xp, mean, log_deviation, x: (
        -xp.sum(x - mean) * xp.exp(-2 * log_deviation),
        x.shape[0] - xp.sum((x - mean) ** 2) * xp.exp(-2 * log_deviation),
    ),
)
def gaussian_negative_log_likelihood(xp: Any, mean: Any, log_deviation: Any, x: Any) -> Any:
    """sum z^2 / 2 + l with z = (x - m) exp(-l)"""
    z = (x - mean) * xp.exp(-log_deviation)
    return xp.sum(0.5 * z**2 + log_deviation)


@problem(
    logits=draws.normal(2),
    means=[-1.0, 1.5],
    x=draws.normal(5),
    wrt=("logits", "means"),
    why="responsibilities: the gradient of a mixture weighs each component by its posterior",
)
def mixture_log_likelihood(xp: Any, logits: Any, means: Any, x: Any) -> Any:
    """sum over n of ln sum over k of w[k] exp(-(x[n] - m[k])^2 / 2)"""
    log_weights = logits - xp.log(xp.sum(xp.exp(logits)))
    scores = log_weights - 0.5 * (x[:, None] - means) ** 2
    top = xp.max(scores, axis=1, keepdims=True)
    return xp.sum(xp.log(xp.sum(xp.exp(scores - top), axis=1)) + xp.squeeze(top, axis=1))


@problem(
    p=draws.simplex(4),
    x=[1.0, 2.0, 5.0, -3.0],
    why="an expectation is linear in each argument: the values for p, the probabilities for x",
    domain={"p": PROBABILITY},
    jac=lambda xp, p, x: (x, p),
)
def expectation(xp: Any, p: Any, x: Any) -> Any:
    """E[x] = sum p x"""
    return xp.sum(p * x)


@problem(
    Point(x=draws.normal(5)),
    Point(x=[1.5, 1.5, 1.5], label="all equal"),
    why="the mean depends on the data too: its contribution cancels only if it is differentiated at all",
    jac=lambda xp, x: 2 * (x - xp.mean(x)) / x.shape[0],
)
def variance(xp: Any, x: Any) -> Any:
    """mean (x - mean x)^2"""
    return xp.mean((x - xp.mean(x)) ** 2)


@problem(
    x=draws.normal(5),
    y=draws.normal(5),
    why="invariant under shift and scale of either sample: the gradient is orthogonal to 1 and to the sample",
)
def correlation(xp: Any, x: Any, y: Any) -> Any:
    """cov(x, y) / sqrt(var x var y)"""
    u, v = x - xp.mean(x), y - xp.mean(y)
    return xp.sum(u * v) / xp.sqrt(xp.sum(u**2) * xp.sum(v**2))


@problem(
    start=draws.simplex(3),
    P=draws.simplex(3, 3),
    why="one transition matrix used four times: the derivative has four terms, P at each place",
    domain={"start": PROBABILITY, "P": PROBABILITY},
)
def markov_chain(xp: Any, start: Any, P: Any) -> Any:
    """start P P P P"""
    state = start
    for _ in range(4):
        state = state @ P
    return state


@problem(
    start=draws.simplex(2),
    P=draws.simplex(2, 2),
    emission=draws.simplex(2, 3),
    why="the forward algorithm: emissions picked by observation, with one symbol seen twice and one never",
    domain={"start": PROBABILITY, "P": PROBABILITY, "emission": PROBABILITY},
)
def hidden_markov_likelihood(xp: Any, start: Any, P: Any, emission: Any) -> Any:
    """ln P(0, 1, 0) by the forward algorithm"""
    forward = start * emission[:, 0]
    for symbol in (1, 0):
        forward = (forward @ P) * emission[:, symbol]
    return xp.log(xp.sum(forward))


@problem(
    prior=draws.simplex(2),
    rates=draws.uniform(0.125, 0.875, 2, 3),
    x=[1.0, 0.0, 1.0],
    wrt=("prior", "rates"),
    why="products over features in log space, normalised over classes: two reductions along different axes",
    domain={"prior": INSIDE, "rates": INSIDE},
)
def naive_bayes(xp: Any, prior: Any, rates: Any, x: Any) -> Any:
    """ln P(class | x) for independent binary features"""
    scores = xp.log(prior) + xp.sum(x * xp.log(rates) + (1 - x) * xp.log(1 - rates), axis=1)
    return scores - xp.log(xp.sum(xp.exp(scores)))
