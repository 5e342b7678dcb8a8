"""Functions written in plain NumPy: every spelling is the function it is in NumPy, and is differentiated."""

import copy
import math
import operator
import re

import numpy as np
import pytest
import scipy.special

from gradcheck.engine import core, grad, jacobian, jvp, value_and_grad, vjp
from gradcheck.engine.core import Primitive, elementwise, multiply
from gradcheck.engine.namespace import xp
from gradcheck.errors import NoRule, NotTraceable

X = np.array([[1.3, -0.7, 2.1], [0.4, -1.6, 0.9]])
SQUARE = np.array([[2.0, 0.3, -0.4], [0.1, 1.5, 0.2], [-0.6, 0.5, 3.0]])
CUBE = np.linspace(-1.7, 2.3, 12).reshape(2, 3, 2)
V = np.array([0.5, -1.25, 2.0])
W = np.array([1.5, 0.25, -0.75])
POSITIVE = np.array([[0.3, 0.6, 0.2], [0.7, 0.1, 0.45]])


def before(ufunc):
    return lambda x: ufunc(x, W)


def after(ufunc):
    return lambda x: ufunc(W, x)


UFUNCS = {
    **{
        name: (getattr(np, name), POSITIVE)
        for name in (
            "sin",
            "cos",
            "tan",
            "arcsin",
            "arccos",
            "arctan",
            "sinh",
            "cosh",
            "tanh",
            "arcsinh",
            "arctanh",
            "exp",
            "exp2",
            "expm1",
            "log",
            "log2",
            "log10",
            "log1p",
            "sqrt",
            "cbrt",
            "square",
            "reciprocal",
            "negative",
            "positive",
            "absolute",
            "fabs",
            "deg2rad",
            "rad2deg",
            "radians",
            "degrees",
            "conjugate",
        )
    },
    "arccosh": (np.arccosh, 1 + POSITIVE),
    **{
        f"{name} on the left": (before(getattr(np, name)), POSITIVE)
        for name in (
            "add",
            "subtract",
            "multiply",
            "divide",
            "true_divide",
            "maximum",
            "minimum",
            "logaddexp",
            "hypot",
            "arctan2",
            "copysign",
        )
    },
    **{
        f"{name} on the right": (after(getattr(np, name)), POSITIVE)
        for name in (
            "add",
            "subtract",
            "multiply",
            "divide",
            "true_divide",
            "maximum",
            "minimum",
            "logaddexp",
            "hypot",
            "arctan2",
        )
    },
    "power": (lambda x: np.power(x, 2.5), POSITIVE),
    "float_power": (lambda x: np.float_power(x, 2.5), POSITIVE),
    "power of": (lambda x: np.power(1.5, x), POSITIVE),
    "remainder": (lambda x: np.remainder(x, 0.25), POSITIVE),
    "matmul": (lambda x: np.matmul(SQUARE, x.T), X),
    "matmul of vectors": (lambda x: np.matmul(x, V), X),
    "vecdot": (lambda x: np.vecdot(x, V), X),
    "matvec": (lambda x: np.matvec(x, V), X),
    "vecmat": (lambda x: np.vecmat(V, x), SQUARE),
    "array first": (lambda x: SQUARE @ x.T + W[:, None] * x.T - np.float64(2) * x.T, X),
    "list": (lambda x: np.add(x, [1.0, 2.0, 3.0]) * [1.0, 2.0, 3.0], X),
    "add.reduce": (np.add.reduce, X),
    "add.reduce over all": (lambda x: np.add.reduce(x, axis=None), X),
    "multiply.reduce": (lambda x: np.multiply.reduce(x, 1, keepdims=True), X),
    "maximum.reduce": (lambda x: np.maximum.reduce(x, axis=1), X),
    "minimum.reduce": (lambda x: np.minimum.reduce(x), X),
    "logaddexp.reduce": (lambda x: np.logaddexp.reduce(x), X),
    "add.accumulate": (np.add.accumulate, X),
    "multiply.accumulate": (lambda x: np.multiply.accumulate(x, 1), X),
    "subtract.outer": (lambda x: np.subtract.outer(x, V), X),
    "divmod": (lambda x: np.divmod(x, 0.25)[1], POSITIVE),
    **{
        name: (getattr(scipy.special, name), POSITIVE)
        for name in ("expit", "erf", "erfc", "gammaln", "digamma", "logit")
    },
    "xlogy": (lambda x: scipy.special.xlogy(x, W**2), POSITIVE),
}

FUNCTIONS = {
    "sum": (np.sum, X),
    "sum axis": (lambda x: np.sum(x, axis=0), X),
    "sum axes": (lambda x: np.sum(x, (0, -1), keepdims=True), CUBE),
    "prod": (lambda x: np.prod(x, 1), X),
    "mean": (lambda x: np.mean(x, axis=-1, keepdims=True), X),
    "std": (lambda x: np.std(x, axis=0), X),
    "std ddof": (lambda x: np.std(x, axis=1, ddof=1), X),
    "var": (lambda x: np.var(x, correction=1), X),
    "max": (lambda x: np.max(x, axis=1), X),
    "amin": (np.amin, X),
    "ptp": (lambda x: np.ptp(x, axis=0), X),
    "median": (lambda x: np.median(x, axis=1), X),
    "quantile": (lambda x: np.quantile(x, 0.3, axis=1), X),
    "percentile": (lambda x: np.percentile(x, 30.0), X),
    "average": (lambda x: np.average(x, axis=1, weights=np.array([1.0, 2.0, 5.0])), X),
    "average by itself": (lambda x: np.average(X, weights=x), POSITIVE),
    "cumsum": (np.cumsum, X),
    "cumsum axis": (lambda x: np.cumsum(x, axis=1), X),
    "cumprod": (lambda x: np.cumprod(x, axis=0), X),
    "cumulative_sum": (lambda x: np.cumulative_sum(x, axis=1), X),
    "clip": (lambda x: np.clip(x, -1.0, 1.0), X),
    "clip below": (lambda x: np.clip(x, 0.0, None), X),
    "clip by name": (lambda x: np.clip(x, max=1.0), X),
    "sinc": (np.sinc, X),
    "reshape": (lambda x: np.reshape(x, (3, -1)), X),
    "reshape to a vector": (lambda x: np.reshape(x, -1), X),
    "reshape Fortran": (lambda x: np.reshape(x, (3, 2), order="F"), X),
    "ravel": (np.ravel, X),
    "ravel Fortran": (lambda x: np.ravel(x, order="F"), X),
    "transpose": (np.transpose, CUBE),
    "transpose axes": (lambda x: np.transpose(x, (1, -1, 0)), CUBE),
    "permute_dims": (lambda x: np.permute_dims(x, (2, 0, 1)), CUBE),
    "matrix_transpose": (np.matrix_transpose, CUBE),
    "swapaxes": (lambda x: np.swapaxes(x, 0, -1), CUBE),
    "moveaxis": (lambda x: np.moveaxis(x, 0, -1), CUBE),
    "squeeze": (lambda x: np.squeeze(x[:1, :, None]), X),
    "squeeze axis": (lambda x: np.squeeze(x[:, None], axis=1), X),
    "expand_dims": (lambda x: np.expand_dims(x, 1), X),
    "expand_dims axes": (lambda x: np.expand_dims(x, (0, 2)), X),
    "broadcast_to": (lambda x: np.broadcast_to(x, (2, 2, 3)), X),
    "broadcast_arrays": (lambda x: np.broadcast_arrays(x[0], x)[0], X),
    "atleast_1d": (lambda x: np.atleast_1d(np.sum(x)), X),
    "atleast_2d": (lambda x: np.atleast_2d(x[0]), X),
    "atleast_3d": (lambda x: np.atleast_3d(x), X),
    "atleast_3d of a vector": (lambda x: np.atleast_3d(x[0]), X),
    "flip": (lambda x: np.flip(x, 1), X),
    "flipud": (np.flipud, X),
    "fliplr": (np.fliplr, X),
    "roll": (lambda x: np.roll(x, 1, axis=1), X),
    "roll all": (lambda x: np.roll(x, 2), X),
    "repeat": (lambda x: np.repeat(x, 2), X),
    "repeat axis": (lambda x: np.repeat(x, 3, axis=1), X),
    "tile": (lambda x: np.tile(x, (2, 1)), X),
    "tile once": (lambda x: np.tile(x, 2), X),
    "tril": (np.tril, SQUARE),
    "triu": (lambda x: np.triu(x, 1), SQUARE),
    "concatenate": (lambda x: np.concatenate([x, 2 * X], axis=1), X),
    "concatenate all": (lambda x: np.concatenate((x, x[0]), axis=None), X),
    "concat": (lambda x: np.concat([x, X]), X),
    "stack": (lambda x: np.stack([x, X, x * x], axis=-1), X),
    "stack numbers": (lambda x: np.stack([x[0, 0], 1.0, x[1, 2]]), X),
    "vstack": (lambda x: np.vstack([x, W]), X),
    "hstack": (lambda x: np.hstack([x, X]), X),
    "hstack vectors": (lambda x: np.hstack([x[0], W]), X),
    "dstack": (lambda x: np.dstack([x, X]), X),
    "column_stack": (lambda x: np.column_stack([x[0], W]), X),
    "append": (lambda x: np.append(x, [1.0, 2.0]), X),
    "append rows": (lambda x: np.append(x, W[None], axis=0), X),
    "split": (lambda x: np.split(x, 3, axis=1)[1], X),
    "split at": (lambda x: np.split(x, [1], axis=1)[1], X),
    "array_split": (lambda x: np.array_split(x, 2, axis=1)[0], X),
    "hsplit": (lambda x: np.hsplit(x, 3)[2], X),
    "where": (lambda x: np.where(x > 0, x, 0), X),
    "where both": (lambda x: np.where(X > 0, np.sin(x), x**2), X),
    "select": (lambda x: np.select([x > 1, x > 0], [x**2, x], default=-x), X),
    "take": (lambda x: np.take(x, [0, 2, 2], axis=1), X),
    "take flat": (lambda x: np.take(x, [5, 0]), X),
    "take_along_axis": (lambda x: np.take_along_axis(x, np.argsort(x, axis=1), axis=1), X),
    "diag of a vector": (lambda x: np.diag(x[0], -1), X),
    "diag above": (lambda x: np.diag(x[0], 2), X),
    "diag of a matrix": (lambda x: np.diag(x, 1), X),
    "diagonal": (lambda x: np.diagonal(x, axis1=0, axis2=2), CUBE),
    "diagonal of the first": (lambda x: np.diagonal(x, 1), CUBE),
    "trace": (lambda x: np.trace(x, offset=-1), SQUARE),
    "trace of the first": (np.trace, CUBE),
    "sort": (lambda x: np.sort(x, axis=0), X),
    "sort all": (lambda x: np.sort(x, axis=None), X),
    "dot": (lambda x: np.dot(x, SQUARE), X),
    "dot vectors": (lambda x: np.dot(x[0], W), X),
    "dot of tensors": (lambda x: np.dot(X, x), CUBE),
    "dot with a number": (lambda x: np.dot(2.0, x), X),
    "vdot": (lambda x: np.vdot(X, x), X),
    "inner": (lambda x: np.inner(x, X), X),
    "outer": (lambda x: np.outer(x, W), X),
    "tensordot": (lambda x: np.tensordot(CUBE, x, axes=([1, 0], [1, 0])), X),
    "tensordot one axis": (lambda x: np.tensordot(x, SQUARE, 1), X),
    "kron": (lambda x: np.kron(x, X), X),
    "cross": (lambda x: np.cross(x, W), X),
    "einsum": (lambda x: np.einsum("ij,kj->ik", x, X), X),
    "einsum diagonal": (lambda x: np.einsum("ii->i", x), SQUARE),
    "einsum of three": (lambda x: np.einsum("i,ij,j", x[:, 0], x, W, optimize=True), X),
    "norm": (np.linalg.norm, X),
    "norm of a vector": (lambda x: np.linalg.norm(x[0], 1), X),
    "norm axis": (lambda x: np.linalg.norm(x, axis=1, keepdims=True), X),
    "norm of matrices": (lambda x: np.linalg.norm(x, "nuc"), X),
    "norm of matrices along axes": (lambda x: np.linalg.norm(x, 2, axis=(2, 0), keepdims=True), CUBE),
    "multi_dot": (lambda x: np.linalg.multi_dot([x, SQUARE, W]), X),
    "det": (np.linalg.det, SQUARE),
    "inv": (np.linalg.inv, SQUARE),
    "solve": (lambda x: np.linalg.solve(x, W), SQUARE),
    "slogdet": (lambda x: np.linalg.slogdet(x)[1], SQUARE),
    "cholesky": (lambda x: np.linalg.cholesky(x @ x.T), SQUARE),
    "eigvalsh": (lambda x: np.linalg.eigvalsh(x + x.T), SQUARE),
    "svd values": (lambda x: np.linalg.svd(x, compute_uv=False), X),
    "svd": (lambda x: np.linalg.svd(x).S, SQUARE),
    "pinv": (np.linalg.pinv, X),
    "matrix_power": (lambda x: np.linalg.matrix_power(x, 3), SQUARE),
    "diff": (lambda x: np.diff(x, axis=1), X),
    "diff twice": (lambda x: np.diff(x, 2), X),
    "trapezoid": (lambda x: np.trapezoid(x, dx=0.5), X),
    "trapezoid at": (lambda x: np.trapezoid(x, V, axis=1), X),
    "trapezoid along the first axis": (lambda x: np.trapezoid(x, V[:2], axis=0), X),
    "polyval": (lambda x: np.polyval([1.0, -2.0, 0.5], x), X),
    "polyval of coefficients": (lambda x: np.polyval(x[0], W), X),
    "dot with a list": (lambda x: np.dot(x, [1, 2, 3]), X),
    "matmul with a list": (lambda x: x @ [1, 2, 3] + np.matmul([1, 2, 3], x.T), X),
    "outer with a list": (lambda x: np.outer([1, 2], x), X),
    "where with a list": (lambda x: np.where([True, False, True], x, [1, 2, 3]), X),
    "concatenate with a list": (lambda x: np.concatenate([x, [[1, 2, 3]]]), X),
    "stack with a list": (lambda x: np.stack([x[0], [1, 2, 3]]), X),
    "vstack with a list": (lambda x: np.vstack([x, [1, 2, 3]]), X),
    "solve with a list": (lambda x: np.linalg.solve(x, [1, 2, 3]), SQUARE),
    "kron with a list": (lambda x: np.kron(x, [1, 2]), X),
    "cross with a list": (lambda x: np.cross(x, [1, 2, 3]), X),
    "moveaxis with lists": (lambda x: np.moveaxis(x, [0, 1], [-1, 0]), CUBE),
    "einsum with a list": (lambda x: np.einsum("ij,j", x, [1, 2, 3]), X),
    "linspace": (lambda x: np.linspace(0.0, x[0], 4), X),
    "zeros_like": (lambda x: x + np.zeros_like(x) + np.ones_like(x) + np.full_like(x, 2.0), X),
    "meshgrid": (lambda x: np.meshgrid(x[0], W)[0], X),
    "pad": (lambda x: np.pad(x, ((1, 0), (0, 2))), X),
    "unstack": (lambda x: np.unstack(x, axis=1)[2], X),
}

METHODS = {
    "sum": (lambda x: x.sum(), X),
    "sum axis": (lambda x: x.sum(0), X),
    "sum keepdims": (lambda x: x.sum(axis=1, keepdims=True), X),
    "mean": (lambda x: x.mean(axis=0), X),
    "prod": (lambda x: x.prod(), X),
    "max": (lambda x: x.max(axis=1), X),
    "min": (lambda x: x.min(), X),
    "std": (lambda x: x.std(ddof=1), X),
    "var": (lambda x: x.var(1), X),
    "reshape": (lambda x: x.reshape(2, -1, 1), X),
    "reshape tuple": (lambda x: x.reshape((3, 2), order="F"), X),
    "ravel": (lambda x: x.ravel(), X),
    "flatten": (lambda x: x.flatten(), X),
    "transpose": (lambda x: x.transpose(), CUBE),
    "transpose axes": (lambda x: x.transpose(1, 2, 0), CUBE),
    "transpose tuple": (lambda x: x.transpose((1, 2, 0)), CUBE),
    "T": (lambda x: x.T, CUBE),
    "mT": (lambda x: x.mT, CUBE),
    "dot": (lambda x: x.dot(V), X),
    "astype": (lambda x: x.astype(float), X),
    "copy": (lambda x: x.copy() * x, X),
    "squeeze": (lambda x: x[:1].squeeze(), X),
    "clip": (lambda x: x.clip(0.0, 1.0), X),
    "cumsum": (lambda x: x.cumsum(axis=1), X),
    "cumprod": (lambda x: x.cumprod(), X),
    "trace": (lambda x: x.trace(), SQUARE),
    "diagonal": (lambda x: x.diagonal(), SQUARE),
    "repeat": (lambda x: x.repeat(2, axis=0), X),
    "take": (lambda x: x.take([0, 0, 4]), X),
    "swapaxes": (lambda x: x.swapaxes(0, 1), X),
    "conj": (lambda x: x.conj(), X),
    "conjugate": (lambda x: x.conjugate(), X),
    "real": (lambda x: x.real, X),
    "mod": (lambda x: x % 0.5 + 7.9 % (x + 5), POSITIVE),
    "divmod": (lambda x: divmod(x, 0.5)[1], POSITIVE),
    "in place": (lambda x: add_one(x * 1.0), X),
}

CALLS = {
    f"{kind}: {name}": case
    for kind, table in (("ufunc", UFUNCS), ("function", FUNCTIONS), ("method", METHODS))
    for name, case in table.items()
}


def add_one(x):
    x += 1
    x *= 2
    x @= SQUARE
    return x


def slope(f, x, direction):
    """Central differences of the eighth order."""
    step = 2.0**-7
    weights = {1: 4 / 5, 2: -1 / 5, 3: 4 / 105, 4: -1 / 280}
    return (
        sum(w * (f(x + k * step * direction) - f(x - k * step * direction)) for k, w in weights.items())
        / step
    )


SINCE_2_1 = ("matvec", "vecmat", "unstack", "cumulative_sum")


@pytest.mark.parametrize("name", CALLS)
def test_numpy_call_is_differentiated(name):
    if (word := name.partition(": ")[2]) in SINCE_2_1 and not hasattr(np, word):
        pytest.skip("this NumPy has it not")
    f, x = CALLS[name]
    draw = np.random.default_rng(0)
    value, pullback = vjp(f, x)
    np.testing.assert_allclose(value, f(x), rtol=1e-14, atol=1e-14)
    assert np.shape(value) == np.shape(f(x))
    direction, cotangent = draw.uniform(-1, 1, x.shape) / 8, draw.uniform(-1, 1, np.shape(value))
    tangent = jvp(f, [x], [direction])[1]
    np.testing.assert_allclose(tangent, slope(f, x, direction), rtol=1e-9, atol=1e-9)
    back = np.sum(pullback(cotangent)[0] * direction)
    np.testing.assert_allclose(back, np.sum(cotangent * tangent), rtol=1e-12, atol=1e-14)


PLAIN = {
    "comparison": lambda x: x > 0,
    "argmax": lambda x: x.argmax(axis=1),
    "argmin": lambda x: np.argmin(x),
    "argsort": lambda x: x.argsort(axis=0),
    "any": lambda x: (x > 0).any(),
    "all": lambda x: np.all(x > 0, axis=0),
    "any of numbers": lambda x: x.any(),
    "floor": np.floor,
    "round": lambda x: x.round(),
    "round to one digit": lambda x: np.round(x, 1),
    "sign": np.sign,
    "isnan": np.isnan,
    "floor_divide": lambda x: x // 0.5,
    "count_nonzero": np.count_nonzero,
    "isclose": lambda x: np.isclose(x, X),
    "allclose": lambda x: np.allclose(x, 2 * X),
    "array_equal": lambda x: np.array_equal(x, X),
    "shape": np.shape,
    "ndim": np.ndim,
    "size": np.size,
    "result_type": lambda x: np.result_type(x, np.float32),
    "iscomplexobj": np.iscomplexobj,
    "searchsorted": lambda x: np.searchsorted(W[::-1], x[0]),
    "len": len,
    "format": lambda x: f"{x[0, 0]:.3f}",
}


@pytest.mark.parametrize("name", PLAIN)
def test_what_is_piecewise_constant_is_answered_as_numpy_does(name):
    answers = []
    grad(lambda x: answers.append(PLAIN[name](x)) or np.sum(x))(X)
    expected = PLAIN[name](X)
    np.testing.assert_array_equal(answers[0], expected)
    assert isinstance(answers[0], np.ndarray) == isinstance(expected, np.ndarray)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    "f",
    [
        lambda x: np.mean(np.tanh(x @ x.T) + 1),
        lambda x: x.std() * np.float32(2),
        lambda x: np.linalg.norm(np.concatenate([x, 2 * x])),
        lambda x: np.sum(np.where(x > 0, x, 0)),
    ],
)
def test_dtype_is_kept(f, dtype):
    x = X.astype(dtype)
    value, slope = value_and_grad(f)(x)
    assert value.dtype == f(x).dtype
    assert slope.dtype == dtype


def test_dtype_of_a_reduction_is_that_asked_for():
    value, slope = value_and_grad(lambda x: np.sum(x, dtype="float64"))(X.astype("float32"))
    assert value.dtype == "float64"
    assert slope.dtype == "float32"


def test_a_number_stays_a_number():
    value, slope = value_and_grad(lambda x: np.tanh(x) * np.exp(x) + np.maximum(x, 0.0))(0.5)
    assert type(value) is type(slope) is float
    assert slope == pytest.approx(np.exp(0.5) * (np.tanh(0.5) + 1 / np.cosh(0.5) ** 2) + 1, rel=1e-15)


def test_derivatives_of_numpy_code_nest():
    third = grad(grad(grad(np.sin)))
    assert third(0.3) == pytest.approx(-np.cos(0.3), rel=1e-15)
    np.testing.assert_allclose(jacobian(grad(lambda x: np.sum(x**3)))(V), np.diag(6 * V), rtol=1e-15)


def test_branch_is_taken_for_the_value():
    def relu_squared(x):
        if x > 0:
            return x * x
        return 0.0 * x

    assert grad(relu_squared)(3.0) == 6.0
    assert grad(relu_squared)(-3.0) == 0.0


def test_indices_may_come_from_the_values():
    np.testing.assert_array_equal(grad(lambda x: np.sum(x[x > 0]))(V), [1, 0, 1])
    np.testing.assert_array_equal(grad(lambda x: x[np.argmax(x)])(V), [0, 0, 1])


def test_new_rule_of_a_ufunc_needs_no_entry_for_numpy(monkeypatch):
    rule: Primitive = elementwise("exotic", scipy.special.exp1, lambda y, x: multiply(-1.0, core.add(x, 2.0)))
    monkeypatch.setitem(vars(xp), "exotic", rule)
    assert grad(scipy.special.exp1)(1.0) == -3.0


def test_containers_of_traced_arrays_are_walked():
    np.testing.assert_array_equal(grad(lambda x: sum(row[0] for row in x))(X), [[1, 0, 0], [1, 0, 0]])
    np.testing.assert_array_equal(grad(lambda x: next(reversed(x)))(V), [0, 0, 1])
    np.testing.assert_array_equal(grad(lambda x: np.sum(np.stack([*x])))(V), [1, 1, 1])


def test_copies_stay_under_differentiation():
    assert grad(lambda x: copy.deepcopy(x) * copy.copy(x))(3.0) == 6.0


def writes_into_an_array(x):
    a = np.zeros(3)
    a[:] = x


def writes_an_entry(x):
    a = np.zeros(3)
    a[0] = x[0]


def adds_in_place(x):
    a = np.zeros(3)
    a += x


def assigns(x):
    x[0] = 1.0


def deletes(x):
    del x[0]


A_NUMBER = "it behaves as a number: write np.sin(x) for math.sin(x), and np.stack for a[i] = x."
HOLD = (
    "a NumPy array cannot hold a traced array; write np.stack for np.array, np.where or np.concatenate "
    "for an assignment, and no np.asarray."
)
ANEW = "build the result with np.where or np.concatenate."
CUT = "would cut the derivative of a traced array;"
INDICES = "has a shape that depends on the values of a traced array; choose with np.where(condition, x, y)."


@pytest.mark.parametrize(
    ("f", "message"),
    [
        (
            assigns,
            "cannot assign into a traced array; build the result with np.where, np.concatenate or np.stack.",
        ),
        (deletes, "cannot delete from a traced array; select what is kept, x[keep]."),
        (writes_into_an_array, HOLD),
        (lambda x: np.asarray(x), HOLD),
        (lambda x: np.array([x[0], x[1]]), HOLD),
        (lambda x: np.asarray([x, x]), HOLD),
        (lambda x: np.sum([x[0], x[1]]), HOLD),
        (lambda x: float(x[0]), f"float() {CUT} {A_NUMBER}"),
        (lambda x: int(x[0]), f"int() {CUT} {A_NUMBER}"),
        (lambda x: complex(x[0]), f"complex() {CUT} {A_NUMBER}"),
        (lambda x: math.sin(x[0]), f"float() {CUT} {A_NUMBER}"),
        (lambda x: x[0].item(), f"item() {CUT} {A_NUMBER}"),
        (lambda x: x.tolist(), f"tolist() {CUT} iterate over the array, list(x)."),
        (lambda x: [1, 2][x[0]], f"an index or a count {CUT} derive it from shapes or from constants."),
        (lambda x: x.fill(0.0), "fill() would change a traced array; write np.full_like(x, value)."),
        (lambda x: x.sort(), "sort() would change a traced array; write np.sort(x)."),
        (lambda x: x.resize(2), "resize() would change a traced array; write np.reshape(x, shape)."),
        (
            lambda x: np.add.at(np.zeros(3), 0, x[0]),
            "numpy.add.at would change a traced array; build the result with np.where or np.concatenate.",
        ),
        (
            adds_in_place,
            "out= of numpy.add cannot take a traced array; use what it returns; write a = a + x for a += x.",
        ),
        (
            lambda x: np.sum(x, out=np.zeros(())),
            "out= of numpy.sum cannot take a traced array; use what it returns; write a = a + x for a += x.",
        ),
        (
            lambda x: np.sin(x, where=V > 0),
            "where= of numpy.sin leaves out entries of a traced array; choose them with np.where.",
        ),
        (
            lambda x: np.sum(x, where=V > 0),
            "where= of numpy.sum leaves out entries of a traced array; choose them with np.where.",
        ),
        (
            lambda x: np.copyto(np.zeros(3), x),
            f"np.copyto writes in place, which {CUT} {ANEW}",
        ),
        (
            lambda x: np.put_along_axis(x, V.argsort(), 0.0, 0),
            f"np.put_along_axis writes in place, which {CUT} {ANEW}",
        ),
        (lambda x: np.nonzero(x), f"np.nonzero {INDICES}"),
        (lambda x: x.nonzero(), f"np.nonzero {INDICES}"),
        (lambda x: np.where(x), f"np.where(condition) {INDICES}"),
    ],
)
def test_what_would_cut_the_derivative_is_refused(f, message):
    with pytest.raises(NotTraceable, match=f"^{re.escape(message)}$"):
        grad(f)(V)


def test_entry_of_an_array_cannot_be_traced():
    """NumPy has words of its own for what does not turn into a float, and gives ours as the cause."""
    with pytest.raises(ValueError, match="setting an array element") as caught:
        grad(writes_an_entry)(V)
    assert str(caught.value.__cause__) == f"float() {CUT} {A_NUMBER}"


RULE = "; add one to gradcheck/engine/rules."


@pytest.mark.parametrize(
    ("f", "name"),
    [
        (lambda x: np.unique(x), "numpy.unique"),
        (lambda x: np.fft.fft(x), "numpy.fft.fft"),
        (lambda x: np.linalg.eig(x), "numpy.linalg.eig"),
        (lambda x: np.heaviside(x, 0.5), "numpy.heaviside"),
        (lambda x: scipy.special.jv(1.5, x), "jv"),
        (lambda x: np.divide.accumulate(x), "numpy.divide.accumulate"),
        (lambda x: np.add.reduceat(x, [0, 1]), "numpy.add.reduceat"),
        (lambda x: np.sum(x, initial=1.0), "numpy.sum(initial=)"),
        (lambda x: np.quantile(x, [0.25, 0.5]), "numpy.quantile(q=array)"),
        (lambda x: np.einsum(x, [0], x, [0]), "numpy.einsum(operand, axes)"),
        (lambda x: np.sin(x, dtype="float32"), "numpy.sin(dtype=)"),
        (lambda x: np.frompyfunc(abs, 1, 1)(x), "abs (vectorized)"),
        (lambda x: x.partition(1), "numpy.ndarray.partition"),
    ],
)
def test_what_has_no_rule_is_named(f, name):
    with pytest.raises(
        NoRule, match=f"^{re.escape(f'the engine has no derivative rule for {name!r}{RULE}')}"
    ):
        grad(f)(V)


def test_unknown_attribute_is_an_attribute_error():
    with pytest.raises(AttributeError, match="'Array' object has no attribute 'sine'"):
        grad(lambda x: x.sine())(V)
    assert grad(lambda x: 0.0 * x if hasattr(x, "tobytes") else x)(1.0) == 1.0


def test_traced_array_has_no_hash():
    with pytest.raises(TypeError, match="unhashable type: 'Array'"):
        grad(lambda x: {x: 1})(1.0)


@pytest.mark.parametrize("f", [lambda x: x @ V, lambda x: V @ x, lambda x: np.matmul(x, x)])
def test_product_with_a_number_has_the_error_of_numpy(f):
    with pytest.raises(ValueError, match="does not have enough dimensions"):
        grad(f)(2.0)


def test_number_has_no_length():
    with pytest.raises(TypeError, match="len"):
        grad(lambda x: len(x))(1.0)


@pytest.mark.parametrize("op", [operator.add, operator.mul, operator.sub, operator.truediv, operator.pow])
@pytest.mark.parametrize("other", [np.array([2.0, 3.0, 4.0]), np.float64(2.0), 2, np.array(2.0)])
def test_operators_with_numpy_on_either_side(op, other):
    x = np.abs(V)
    for f in (lambda x: op(x, other), lambda x: op(other, x)):
        value, tangent = jvp(f, [x], [W])
        np.testing.assert_allclose(value, f(x), rtol=1e-15)
        np.testing.assert_allclose(tangent, slope(f, x, W / 8) * 8, rtol=1e-9)
