"""Perceptrons, layers and backpropagation

Activations, a neuron, a layer, a batch, a network, and the rules written by hand for them.
"""

from typing import Any

import numpy as np

from gradcheck import Domain, Point, draws, problem


def _sigmoid(xp: Any, z: Any) -> Any:
    return 1 / (1 + xp.exp(-z))


def _softmax_of_rows(xp: Any, z: Any) -> Any:
    weights = xp.exp(z - xp.max(z, axis=-1, keepdims=True))
    return weights / xp.sum(weights, axis=-1, keepdims=True)


@problem(
    Point(z=0.0),
    Point(z=2.5),
    Point(z=40.0, label="right tail"),
    Point(z=-40.0, label="left tail"),
    why="s (1 - s) is 0 in the right tail, where the slope is 4e-18: a gradient lost to rounding",
    jac=lambda xp, z: xp.exp(-xp.abs(z)) / (1 + xp.exp(-xp.abs(z))) ** 2,
)
def sigmoid(xp: Any, z: Any) -> Any:
    """1 / (1 + exp(-z))"""
    return 1 / (1 + xp.exp(-z))


@problem(
    Point(z=0.0),
    Point(z=-1.5),
    why="the slope is 1 - tanh^2 of the output, not of the input",
    jac=lambda xp, z: 1 / xp.cosh(z) ** 2,
)
def tanh(xp: Any, z: Any) -> Any:
    """tanh(z)"""
    return xp.tanh(z)


@problem(
    Point(z=2.0),
    Point(z=-1.5),
    Point(z=0.0, label="kink"),
    why="at 0 any slope in [0, 1] is a subgradient; elsewhere it is exactly 0 or exactly 1",
    kinks="z = 0",
    jac=lambda xp, z: xp.where(z > 0, 1.0, 0.0),
)
def relu(xp: Any, z: Any) -> Any:
    """max(z, 0)"""
    return xp.maximum(z, 0.0)


@problem(
    Point(z=2.0),
    Point(z=-1.5),
    Point(z=0.0, label="kink"),
    why="the same activation by a choice: at 0 it has another convention than the maximum has",
    kinks="z = 0",
    jac=lambda xp, z: xp.where(z > 0, 1.0, 0.0),
)
def relu_by_choice(xp: Any, z: Any) -> Any:
    """z where z > 0, else 0"""
    return xp.where(z > 0, z, 0.0)


@problem(
    Point(z=[-2.0, 0.5, 3.0], slope=0.125),
    why="the slope on the negative side as a parameter: its gradient sums the negative entries only",
    kinks="z = 0",
    jac=lambda xp, z, slope: (xp.where(z > 0, 1.0, slope)[:, None] * np.eye(3), xp.where(z > 0, 0.0, z)),
)
def leaky_relu(xp: Any, z: Any, slope: Any) -> Any:
    """z where z > 0, else slope z"""
    return xp.where(z > 0, z, slope * z)


@problem(
    Point(z=0.5),
    Point(z=-3.0),
    why="exp(z) - 1 on the negative side: its slope exp(z), and not that of the identity",
    kinks="the second derivative jumps at z = 0",
    jac=lambda xp, z: xp.exp(xp.minimum(z, 0.0)),
)
def exponential_linear_unit(xp: Any, z: Any) -> Any:
    """z where z > 0, else exp(z) - 1"""
    return xp.where(z > 0, z, xp.expm1(xp.minimum(z, 0.0)))


@problem(
    Point(z=0.0),
    Point(z=37.5, label="right tail"),
    Point(z=-40.0, label="left tail"),
    why="ln(1 + exp(z)) written out overflows to the right and is 0 to the left",
    jac=lambda xp, z: 1 / (1 + xp.exp(-z)),
)
def softplus(xp: Any, z: Any) -> Any:
    """ln(exp(z) + exp(0))"""
    return xp.logaddexp(z, 0.0)


@problem(
    Point(z=1.25),
    Point(z=-3.0),
    why="a unit that gates itself: z enters both as signal and as gate",
    jac=lambda xp, z: (1 + xp.exp(-z) * (1 + z)) / (1 + xp.exp(-z)) ** 2,
)
def self_gated_unit(xp: Any, z: Any) -> Any:
    """z / (1 + exp(-z))"""
    return z / (1 + xp.exp(-z))


@problem(
    x=draws.normal(6),
    why="halves of one vector as signal and gate: the two slices' gradients must be put end to end",
)
def gated_linear_unit(xp: Any, x: Any) -> Any:
    """x[:3] sigmoid(x[3:])"""
    return x[:3] * _sigmoid(xp, x[3:])


def _neuron_vjp(xp: Any, w: Any, x: Any, b: Any, cotangent: Any) -> Any:
    y = _sigmoid(xp, xp.sum(w * x) + b)
    db = cotangent * y * (1 - y)
    return db * x, db * w, db


@problem(
    Point(w=draws.normal(3), x=draws.normal(3), b=0.25),
    Point(w=[0.5, -1.0], x=[2.0, 1.0], b=0.0, label="z=0"),
    why="dY g'(z) x for the weights, dY g'(z) w for the input: the two exchanged",
    vjp=_neuron_vjp,
)
def neuron(xp: Any, w: Any, x: Any, b: Any) -> Any:
    """g(w.x + b) with g the sigmoid"""
    return _sigmoid(xp, xp.sum(w * x) + b)


@problem(
    W=draws.normal(1, 4),
    b=draws.normal(1),
    x=draws.normal(4),
    why="a single neuron as a layer of one: dW = dY g'(z) x^T keeps the row shape (1, n)",
    vjp=lambda xp, W, b, x, cotangent: (
        (cotangent / xp.cosh(W @ x + b) ** 2)[:, None] * x,
        cotangent / xp.cosh(W @ x + b) ** 2,
        xp.matrix_transpose(W) @ (cotangent / xp.cosh(W @ x + b) ** 2),
    ),
)
def one_neuron_layer(xp: Any, W: Any, b: Any, x: Any) -> Any:
    """tanh(W x + b), W of shape (1, n)"""
    return xp.tanh(W @ x + b)


def _layer_vjp(xp: Any, W: Any, b: Any, x: Any, cotangent: Any) -> Any:
    y = _sigmoid(xp, W @ x + b)
    db = cotangent * y * (1 - y)
    return db[:, None] * x, db, xp.matrix_transpose(W) @ db


@problem(
    Point(W=draws.normal(3, 4), b=draws.normal(3), x=draws.normal(4)),
    Point(W=draws.normal(4, 2), b=draws.normal(4), x=draws.normal(2)),
    why="a layer of k neurons: dW = db x^T, dX = W^T db, with k and n different so that no transpose hides",
    vjp=_layer_vjp,
)
def layer(xp: Any, W: Any, b: Any, x: Any) -> Any:
    """g(W x + b), W of shape (k, n), g the sigmoid"""
    return _sigmoid(xp, W @ x + b)


def _batch_layer_vjp(xp: Any, W: Any, b: Any, X: Any, cotangent: Any) -> Any:
    y = _sigmoid(xp, W @ X + b[:, None])
    dz = cotangent * y * (1 - y)
    return dz @ xp.matrix_transpose(X), xp.sum(dz, axis=1), xp.matrix_transpose(W) @ dz


@problem(
    W=draws.normal(3, 4),
    b=draws.normal(3),
    X=draws.normal(4, 5),
    why="a batch in columns: dW = dz X^T sums over the batch, and so must the bias, broadcast over it",
    vjp=_batch_layer_vjp,
)
def batch_layer(xp: Any, W: Any, b: Any, X: Any) -> Any:
    """g(W X + b), one example a column, g the sigmoid"""
    return _sigmoid(xp, W @ X + b[:, None])


def _row_batch_layer_vjp(xp: Any, W: Any, b: Any, X: Any, cotangent: Any) -> Any:
    dz = cotangent / xp.cosh(X @ xp.matrix_transpose(W) + b) ** 2
    return xp.matrix_transpose(dz) @ X, xp.sum(dz, axis=0), dz @ W


@problem(
    W=draws.normal(3, 2),
    b=draws.normal(3),
    X=draws.normal(4, 2),
    why="a batch in rows: the bias sum is over axis 0, and W is used transposed",
    vjp=_row_batch_layer_vjp,
)
def row_batch_layer(xp: Any, W: Any, b: Any, X: Any) -> Any:
    """tanh(X W^T + b), one example a row"""
    return xp.tanh(X @ xp.matrix_transpose(W) + b)


@problem(
    W=np.array([[1.0, -2.0, 0.5], [0.25, 1.5, -1.0]]),
    b=[0.5, -0.25],
    x=[1.0, 0.5, -2.0],
    why="a ReLU layer with one neuron off: its row of the weights gets exactly zero",
    kinks="where an entry of W x + b is 0",
    vjp=lambda xp, W, b, x, cotangent: (
        xp.where(W @ x + b > 0, cotangent, 0.0)[:, None] * x,
        xp.where(W @ x + b > 0, cotangent, 0.0),
        xp.matrix_transpose(W) @ xp.where(W @ x + b > 0, cotangent, 0.0),
    ),
)
def relu_layer(xp: Any, W: Any, b: Any, x: Any) -> Any:
    """max(W x + b, 0)"""
    return xp.maximum(W @ x + b, 0.0)


@problem(
    z=draws.normal(4),
    why="an activation acts entry by entry, so its Jacobian is diagonal",
    jac=lambda xp, z: (1 / xp.cosh(z) ** 2)[:, None] * np.eye(4),
)
def activation_of_a_vector(xp: Any, z: Any) -> Any:
    """tanh(z), entry by entry"""
    return xp.tanh(z)


@problem(
    x=draws.normal(3),
    W1=draws.normal(4, 3),
    W2=draws.normal(3, 4),
    W3=draws.normal(2, 3),
    wrt="x",
    why="layers without activation collapse to W3 W2 W1: in any other order the product is another map",
    jac=lambda xp, x, W1, W2, W3: W3 @ (W2 @ W1),
)
def stack_of_linear_layers(xp: Any, x: Any, W1: Any, W2: Any, W3: Any) -> Any:
    """W3 (W2 (W1 x))"""
    return W3 @ (W2 @ (W1 @ x))


@problem(
    W1=draws.normal(3, 2),
    W2=draws.normal(2, 3),
    x=draws.normal(2),
    wrt=("W1", "W2"),
    why="the inner weights see the outer ones: W2^T (dY) x^T, with the outer transpose missing most often",
    vjp=lambda xp, W1, W2, x, cotangent: (
        (xp.matrix_transpose(W2) @ cotangent)[:, None] * x,
        cotangent[:, None] * (W1 @ x),
    ),
)
def two_linear_layers_in_their_weights(xp: Any, W1: Any, W2: Any, x: Any) -> Any:
    """W2 (W1 x) in W1 and W2"""
    return W2 @ (W1 @ x)


def _mlp_vjp(xp: Any, W1: Any, b1: Any, w2: Any, b2: Any, x: Any, target: Any, cotangent: Any) -> Any:
    h = xp.tanh(W1 @ x + b1)
    error = cotangent * (xp.sum(w2 * h) + b2 - target)
    delta = error * w2 / xp.cosh(W1 @ x + b1) ** 2
    return delta[:, None] * x, delta, error * h, error


@problem(
    Point(
        W1=np.array([[0.125, -0.25], [0.25, 0.375]]),
        b1=[0.0625, -0.0625],
        w2=[0.75, -0.625],
        b2=0.25,
        x=[1.0, -2.0],
        target=0.5,
    ),
    Point(
        W1=draws.normal(4, 3),
        b1=draws.normal(4),
        w2=draws.normal(4),
        b2=-0.5,
        x=draws.normal(3),
        target=1.0,
    ),
    wrt=("W1", "b1", "w2", "b2"),
    why="the smallest network: the hidden error uses the output weights and the slope at z, not at tanh z",
    vjp=_mlp_vjp,
)
def two_layer_perceptron(xp: Any, W1: Any, b1: Any, w2: Any, b2: Any, x: Any, target: Any) -> Any:
    """(w2.tanh(W1 x + b1) + b2 - t)^2 / 2"""
    return 0.5 * (xp.sum(w2 * xp.tanh(W1 @ x + b1)) + b2 - target) ** 2


def _batch_mlp_vjp(
    xp: Any, W1: Any, b1: Any, W2: Any, b2: Any, X: Any, target: Any, cotangent: Any
) -> tuple[Any, ...]:
    a1 = _sigmoid(xp, W1 @ X + b1[:, None])
    a2 = _sigmoid(xp, W2 @ a1 + b2[:, None])
    delta2 = cotangent * (a2 - target) / X.shape[1] * a2 * (1 - a2)
    delta1 = (xp.matrix_transpose(W2) @ delta2) * a1 * (1 - a1)
    return (
        delta1 @ xp.matrix_transpose(X),
        xp.sum(delta1, axis=1),
        delta2 @ xp.matrix_transpose(a1),
        xp.sum(delta2, axis=1),
    )


@problem(
    W1=draws.normal(3, 2),
    b1=draws.normal(3),
    W2=draws.normal(2, 3),
    b2=draws.normal(2),
    X=draws.normal(2, 5),
    target=draws.uniform(0, 1, 2, 5),
    wrt=("W1", "b1", "W2", "b2"),
    why="the cost's 1/(2n) belongs to the batch, not to the layer width: here they are 5 and 2",
    vjp=_batch_mlp_vjp,
)
def quadratic_cost_of_a_network(xp: Any, W1: Any, b1: Any, W2: Any, b2: Any, X: Any, target: Any) -> Any:
    """sum |y(x) - a(x)|^2 / (2 n) over the batch, a^l = g(w^l a^(l-1) + b^l)"""
    a = _sigmoid(xp, W1 @ X + b1[:, None])
    a = _sigmoid(xp, W2 @ a + b2[:, None])
    return xp.sum((target - a) ** 2) / (2 * X.shape[1])


@problem(
    W1=draws.normal(3, 2),
    W2=draws.normal(3, 3),
    W3=draws.normal(2, 3),
    x=draws.normal(2),
    why="three layers and every input: an error that grows with depth, right in the last layer only",
)
def deep_network(xp: Any, W1: Any, W2: Any, W3: Any, x: Any) -> Any:
    """tanh(W3 tanh(W2 tanh(W1 x)))"""
    return xp.tanh(W3 @ xp.tanh(W2 @ xp.tanh(W1 @ x)))


@problem(
    a=draws.normal(3),
    y=draws.normal(3),
    why="the factor 1/2 cancels the 2: the gradient is a - y, and y - a in the target",
    jac=lambda xp, a, y: (a - y, y - a),
)
def quadratic_cost(xp: Any, a: Any, y: Any) -> Any:
    """|y - a|^2 / 2"""
    return 0.5 * xp.sum((y - a) ** 2)


@problem(
    a=draws.normal(2, 3),
    y=draws.normal(2, 3),
    wrt="a",
    why="the mean over all six entries: 2 / n with n = 6, neither 2 nor 2 / 3",
    jac=lambda xp, a, y: (a - y) / 3,
)
def mean_squared_error(xp: Any, a: Any, y: Any) -> Any:
    """mean (a - y)^2"""
    return xp.mean((a - y) ** 2)


@problem(
    a=0.75,
    b=-0.5,
    x=[0.0, 1.0, 2.0, 4.0],
    y=[0.25, 0.5, 1.5, 2.0],
    wrt=("a", "b"),
    why="data fixed, line unknown: scalars broadcast over the data and summed back",
    jac=lambda xp, a, b, x, y: (2 * xp.mean((a * x + b - y) * x), 2 * xp.mean(a * x + b - y)),
)
def linear_regression(xp: Any, a: Any, b: Any, x: Any, y: Any) -> Any:
    """mean (a x + b - y)^2 in a and b"""
    return xp.mean((a * x + b - y) ** 2)


@problem(
    y=[0.25, 0.5, 1.5, 2.0],
    X=np.array([[0.0, 1.0], [1.0, 1.0], [2.0, 1.0], [4.0, 1.0]]),
    wrt="y",
    why="the fitted line as a function of the data: a derivative through a linear solve",
    jac=lambda xp, y, X: xp.linalg.inv(xp.matrix_transpose(X) @ X) @ xp.matrix_transpose(X),
)
def fitted_line(xp: Any, y: Any, X: Any) -> Any:
    """(X^T X)^-1 X^T y"""
    return xp.linalg.solve(xp.matrix_transpose(X) @ X, xp.matrix_transpose(X) @ y)


@problem(
    Point(w=draws.normal(3), X=draws.normal(6, 3), y=[0.0, 1.0, 1.0, 0.0, 1.0, 0.0]),
    Point(w=[30.0, -30.0, 30.0], X=draws.normal(6, 3), y=[0.0, 1.0, 1.0, 0.0, 1.0, 0.0], label="saturated"),
    wrt="w",
    why="cross-entropy on logits: ln of a saturated sigmoid is -infinity, this form stays finite",
    jac=lambda xp, w, X, y: xp.matrix_transpose(X) @ (_sigmoid(xp, X @ w) - y),
)
def logistic_regression(xp: Any, w: Any, X: Any, y: Any) -> Any:
    """sum ln(1 + exp(z)) - y z with z = X w"""
    z = X @ w
    return xp.sum(xp.logaddexp(z, 0.0) - y * z)


@problem(
    z=[-2.0, 0.5, 3.0],
    y=[0.0, 1.0, 0.25],
    wrt="z",
    why="the stable form has three kinks at 0 that cancel: away from it the slope is sigmoid(z) - y",
    kinks="z = 0, for a rule that differentiates the terms one by one",
    jac=lambda xp, z, y: _sigmoid(xp, z) - y,
)
def stable_binary_cross_entropy(xp: Any, z: Any, y: Any) -> Any:
    """sum max(z, 0) - z y + ln(1 + exp(-|z|))"""
    return xp.sum(xp.maximum(z, 0.0) - z * y + xp.log1p(xp.exp(-xp.abs(z))))


@problem(
    Point(Q=draws.normal(3, 4), K=draws.normal(3, 4), V=draws.normal(3, 2)),
    why="softmax over the wrong axis, or the scale 1/sqrt(d) applied after it",
)
def attention(xp: Any, Q: Any, K: Any, V: Any) -> Any:
    """softmax(Q K^T / 2) V, with keys of length 4"""
    return _softmax_of_rows(xp, 0.5 * (Q @ xp.matrix_transpose(K))) @ V


@problem(
    X=draws.normal(3, 4),
    Wq=draws.normal(4, 4, scale=0.5),
    Wk=draws.normal(4, 4, scale=0.5),
    Wv=draws.normal(4, 4, scale=0.5),
    why="self-attention: the same X feeds queries, keys and values, so its gradient has three parts",
)
def self_attention_block(xp: Any, X: Any, Wq: Any, Wk: Any, Wv: Any) -> Any:
    """softmax(X Wq (X Wk)^T / 2) X Wv + X"""
    scores = 0.5 * ((X @ Wq) @ xp.matrix_transpose(X @ Wk))
    return _softmax_of_rows(xp, scores) @ (X @ Wv) + X


@problem(
    X=draws.normal(3, 4),
    scale=draws.normal(4),
    shift=draws.normal(4),
    why="mean and variance depend on the row: treated as constants, the Jacobian's rows no longer sum to 0",
)
def layer_normalisation(xp: Any, X: Any, scale: Any, shift: Any) -> Any:
    """scale (X - mean) / sqrt(var + 2^-10) + shift, along rows"""
    centred = X - xp.mean(X, axis=1, keepdims=True)
    variance = xp.mean(centred**2, axis=1, keepdims=True)
    return scale * centred / xp.sqrt(variance + 0.0009765625) + shift


@problem(
    X=draws.normal(5, 3),
    why="normalisation over the batch: examples influence each other, axis 0 instead of axis 1",
)
def batch_normalisation(xp: Any, X: Any) -> Any:
    """(X - mean) / sqrt(var + 2^-10), along columns"""
    centred = X - xp.mean(X, axis=0)
    return centred / xp.sqrt(xp.mean(centred**2, axis=0) + 0.0009765625)


@problem(
    x=draws.normal(7),
    w=draws.normal(3),
    why="weights shared along the input: in w a correlation, in x a convolution with w reversed",
    vjp=lambda xp, x, w, cotangent: (
        xp.stack([sum(cotangent[i - j] * w[j] for j in range(3) if 0 <= i - j < 5) for i in range(7)]),
        xp.stack([xp.sum(cotangent * x[j : j + 5]) for j in range(3)]),
    ),
)
def convolution(xp: Any, x: Any, w: Any) -> Any:
    """y[i] = w0 x[i] + w1 x[i+1] + w2 x[i+2]"""
    return w[0] * x[:-2] + w[1] * x[1:-1] + w[2] * x[2:]


@problem(
    W=draws.normal(2, 2),
    U=draws.normal(2, 3),
    X=draws.normal(4, 3),
    why="weights shared through time: contributions of all four steps add up, not the last step's alone",
)
def recurrent_network(xp: Any, W: Any, U: Any, X: Any) -> Any:
    """h <- tanh(W h + U x[t]), four steps from tanh(U x[0])"""
    h = xp.tanh(U @ X[0])
    for t in range(1, 4):
        h = xp.tanh(W @ h + U @ X[t])
    return h


@problem(
    x=draws.normal(3),
    W=draws.normal(3, 3, scale=0.25),
    why="a residual block: the identity path's contribution of I lost beside the branch's",
    jac=lambda xp, x, W: (
        np.eye(3) + W / xp.cosh(W @ x)[:, None] ** 2,
        np.eye(3)[:, :, None] * x / xp.cosh(W @ x)[:, None, None] ** 2,
    ),
)
def residual_block(xp: Any, x: Any, W: Any) -> Any:
    """x + tanh(W x)"""
    return x + xp.tanh(W @ x)


@problem(
    X=draws.normal(2, 4),
    mask=np.array([[1.0, 0.0, 1.0, 1.0], [0.0, 1.0, 1.0, 0.0]]),
    keep=0.625,
    wrt="X",
    why="a dropped unit gets exactly 0, a kept one is scaled by 1 / keep in both directions",
    jac=lambda xp, X, mask, keep: np.eye(8).reshape(2, 4, 2, 4) * mask / keep,
)
def dropout_with_fixed_mask(xp: Any, X: Any, mask: Any, keep: Any) -> Any:
    """X mask / keep"""
    return X * mask / keep


@problem(
    X=np.array([[0.5, 2.0, -1.0, 0.25], [3.0, -0.5, 1.5, 1.0]]),
    why="pooling: the whole gradient goes to the winner of each pair, none to the other",
    kinks="where two entries of a pair are equal",
    jac=lambda xp, X: np.eye(8)[[1, 3, 4, 6]].reshape(2, 2, 2, 4),
)
def max_pooling(xp: Any, X: Any) -> Any:
    """Maximum of each pair of neighbouring columns"""
    return xp.max(xp.reshape(X, (2, 2, 2)), axis=2)


@problem(
    w=draws.normal(4),
    x=draws.normal(4),
    decay=0.25,
    wrt="w",
    why="the penalty and the loss share the weights: decay w must be added, not put in place of the rest",
    jac=lambda xp, w, x, decay: (_sigmoid(xp, xp.sum(w * x)) - 1) * x + decay * w,
)
def weight_decay(xp: Any, w: Any, x: Any, decay: Any) -> Any:
    """ln(1 + exp(-w.x)) + decay |w|^2 / 2"""
    return xp.log1p(xp.exp(-xp.sum(w * x))) + 0.5 * decay * xp.sum(w**2)


@problem(
    Point(error=0.5),
    Point(error=-3.0),
    why="quadratic inside, linear outside: the slope is clipped to [-1, 1] and keeps its sign",
    kinks="the second derivative jumps at |error| = 1",
    jac=lambda xp, error: xp.maximum(xp.minimum(error, 1.0), -1.0),
)
def huber_loss(xp: Any, error: Any) -> Any:
    """e^2 / 2 where |e| < 1, else |e| - 1/2"""
    return xp.where(xp.abs(error) < 1, 0.5 * error**2, xp.abs(error) - 0.5)


@problem(
    w=[0.5, -0.25],
    X=np.array([[1.0, 2.0], [0.5, -1.0], [-1.5, 1.0]]),
    y=[1.0, -1.0, 1.0],
    wrt="w",
    why="the hinge: examples beyond the margin contribute nothing, the others -y x, whatever their distance",
    kinks="where y w.x = 1",
    domain={"y": Domain(low=-1.0, high=1.0, open=False)},
    jac=lambda xp, w, X, y: -xp.sum(xp.where(y * (X @ w) < 1, y, 0.0)[:, None] * X, axis=0),
)
def hinge_loss(xp: Any, w: Any, X: Any, y: Any) -> Any:
    """sum max(0, 1 - y w.x)"""
    return xp.sum(xp.maximum(1 - y * (X @ w), 0.0))
