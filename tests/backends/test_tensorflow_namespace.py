"""The view of TensorFlow means what NumPy means, keeps dtypes, and has right slopes where it is delicate."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from gradcheck import available_backends
from gradcheck.errors import Unsupported
from gradcheck.namespaces import numpy_xp

DTYPES = ("float64", "float32", "float16", "bfloat16")


@pytest.fixture(scope="module")
def tensorflow():
    pytest.importorskip("tensorflow")
    return available_backends()["tensorflow"].load("cpu")


@pytest.fixture(scope="module")
def xp(tensorflow):
    return tensorflow.xp


X = np.array([[0.5, -1.25, 2.0], [1.5, 0.25, -0.75]])
Y = np.array([[-0.5, 1.0, 2.0], [0.25, 3.0, -1.5]])
V = np.array([2.0, -0.5, 1.0])
P = np.array([[0.5, 0.25, 0.125], [0.0625, 0.75, 0.875]])  # between 0 and 1
M = np.array([[4.0, 1.0, 0.5], [1.0, 3.0, -0.25], [0.5, -0.25, 2.0]])  # symmetric, positive definite
K = np.array([2, 0, 2])
C = np.array([[True, False, True], [False, False, True]])

UNARY = {
    "X": "abs atan asinh ceil conj cos cosh exp expm1 floor isfinite isinf isnan negative positive real "
    "reciprocal round sign signbit sin sinh square tan tanh trunc",
    "P": "acos asin atanh log log10 log1p log2 sqrt",
}
BINARY = (
    "add atan2 divide equal floor_divide greater greater_equal hypot less less_equal logaddexp maximum "
    "minimum multiply not_equal remainder subtract"
)

# Every call is made on NumPy and on TensorFlow, with the same inputs.
CALLS = {
    **{name: (lambda xp, a, name=name: getattr(xp, name)(a["X"])) for name in UNARY["X"].split()},
    **{name: (lambda xp, a, name=name: getattr(xp, name)(a["P"])) for name in UNARY["P"].split()},
    **{name: (lambda xp, a, name=name: getattr(xp, name)(a["X"], a["Y"])) for name in BINARY.split()},
    "acosh": lambda xp, a: xp.acosh(a["P"] + 1),
    "pow": lambda xp, a: xp.pow(a["P"], a["Y"]),
    "xlogy": lambda xp, a: xp.xlogy(a["X"], a["P"]),
    "xlogy of 0 and 0": lambda xp, a: xp.xlogy(a["X"] * 0, a["P"] * 0),
    "maximum with a number": lambda xp, a: xp.maximum(a["X"], 0.5),
    "maximum of a number": lambda xp, a: xp.maximum(0.5, a["X"]),
    "clip": lambda xp, a: xp.clip(a["X"], -1.0, 1.0),
    "clip below": lambda xp, a: xp.clip(a["X"], min=0.0),
    "where": lambda xp, a: xp.where(a["C"], a["X"], a["Y"]),
    "where with a number": lambda xp, a: xp.where(a["X"] > 0, a["X"], 0.0),
    "where of a number": lambda xp, a: xp.where(a["X"] > 0, 0, a["X"]),
    "logical_and": lambda xp, a: xp.logical_and(a["C"], a["X"] > 0),
    "logical_or": lambda xp, a: xp.logical_or(a["C"], a["X"] > 0),
    "logical_xor": lambda xp, a: xp.logical_xor(a["C"], a["X"] > 0),
    "logical_not": lambda xp, a: xp.logical_not(a["C"]),
    "bitwise_and": lambda xp, a: xp.bitwise_and(a["K"], a["K"] + 1),
    "bitwise_invert": lambda xp, a: xp.bitwise_invert(a["K"]),
    "bitwise_left_shift": lambda xp, a: xp.bitwise_left_shift(a["K"], a["K"]),
    "sum": lambda xp, a: xp.sum(a["X"]),
    "sum along axes": lambda xp, a: xp.sum(a["X"], axis=(0, 1), keepdims=True),
    "sum along the last axis": lambda xp, a: xp.sum(a["X"], axis=-1),
    "sum of truth values": lambda xp, a: xp.sum(a["C"]),
    "sum of integers": lambda xp, a: xp.sum(a["K"]),
    "mean": lambda xp, a: xp.mean(a["X"], axis=0, keepdims=True),
    "mean along axes": lambda xp, a: xp.mean(a["X"], axis=(0, 1)),
    "prod": lambda xp, a: xp.prod(a["X"], axis=1),
    "max": lambda xp, a: xp.max(a["X"], axis=1, keepdims=True),
    "min": lambda xp, a: xp.min(a["X"]),
    "all": lambda xp, a: xp.all(a["C"], axis=0),
    "any": lambda xp, a: xp.any(a["C"], axis=1, keepdims=True),
    "any of numbers": lambda xp, a: xp.any(a["X"]),
    "var": lambda xp, a: xp.var(a["X"], axis=1),
    "var with a correction": lambda xp, a: xp.var(a["X"], correction=1.0),
    "std along axes": lambda xp, a: xp.std(a["X"], axis=(0, 1), correction=1, keepdims=True),
    "count_nonzero": lambda xp, a: xp.count_nonzero(a["K"]),
    "cumulative_sum": lambda xp, a: xp.cumulative_sum(a["X"], axis=1),
    "cumulative_sum from 0": lambda xp, a: xp.cumulative_sum(a["V"], include_initial=True),
    "cumulative_prod": lambda xp, a: xp.cumulative_prod(a["V"]),
    "cumulative_prod from 1": lambda xp, a: xp.cumulative_prod(a["X"], axis=0, include_initial=True),
    "argmax": lambda xp, a: xp.argmax(a["X"]),
    "argmax along an axis": lambda xp, a: xp.argmax(a["X"], axis=1, keepdims=True),
    "argmin": lambda xp, a: xp.argmin(a["X"], axis=0),
    "argmin keeping axes": lambda xp, a: xp.argmin(a["X"], keepdims=True),
    "reshape": lambda xp, a: xp.reshape(a["X"], (3, -1)),
    "broadcast_to": lambda xp, a: xp.broadcast_to(a["V"], (2, 3)),
    "broadcast_arrays": lambda xp, a: xp.broadcast_arrays(a["X"], a["V"])[1],
    "concat": lambda xp, a: xp.concat([a["X"], a["Y"]], axis=1),
    "concat flat": lambda xp, a: xp.concat([a["X"], a["V"]], axis=None),
    "stack": lambda xp, a: xp.stack([a["X"], a["Y"]], axis=-1),
    "unstack": lambda xp, a: xp.unstack(a["X"], axis=1)[2],
    "expand_dims": lambda xp, a: xp.expand_dims(a["X"], axis=1),
    "squeeze": lambda xp, a: xp.squeeze(a["X"][:, None, :, None], axis=(1, 3)),
    "permute_dims": lambda xp, a: xp.permute_dims(a["X"][None], (2, 0, 1)),
    "matrix_transpose": lambda xp, a: xp.matrix_transpose(a["X"][None]),
    "flip": lambda xp, a: xp.flip(a["X"]),
    "flip along an axis": lambda xp, a: xp.flip(a["X"], axis=-1),
    "roll": lambda xp, a: xp.roll(a["X"], 2),
    "roll along an axis": lambda xp, a: xp.roll(a["X"], 1, axis=1),
    "take": lambda xp, a: xp.take(a["X"], a["K"], axis=1),
    "sort": lambda xp, a: xp.sort(a["X"], axis=0),
    "sort downwards": lambda xp, a: xp.sort(a["X"], descending=True),
    "argsort": lambda xp, a: xp.argsort(a["X"]),
    "argsort downwards": lambda xp, a: xp.argsort(a["X"], axis=0, descending=True),
    "matmul": lambda xp, a: xp.matmul(a["X"], a["M"]),
    "matmul with a vector": lambda xp, a: xp.matmul(a["X"], a["V"]),
    "matmul of a vector": lambda xp, a: xp.matmul(a["V"], a["M"]),
    "matmul of vectors": lambda xp, a: xp.matmul(a["V"], a["V"]),
    "matmul of stacks": lambda xp, a: xp.matmul(a["M"][None], a["M"]),
    "vecdot": lambda xp, a: xp.vecdot(a["X"], a["Y"]),
    "vecdot along an axis": lambda xp, a: xp.vecdot(a["X"], a["Y"], axis=0),
    "vecdot of a stack": lambda xp, a: xp.vecdot(a["X"], a["V"]),
    "tensordot": lambda xp, a: xp.tensordot(a["X"], a["Y"], axes=2),
    "outer": lambda xp, a: xp.linalg.outer(a["V"], a["V"]),
    "diagonal": lambda xp, a: xp.linalg.diagonal(a["M"], offset=1),
    "trace": lambda xp, a: xp.linalg.trace(a["M"]),
    "linalg.matmul": lambda xp, a: xp.linalg.matmul(a["X"], a["V"]),
    "zeros_like": lambda xp, a: xp.zeros_like(a["X"]),
    "ones_like": lambda xp, a: xp.ones_like(a["X"]),
    "full_like": lambda xp, a: xp.full_like(a["X"], 0.5),
    "astype": lambda xp, a: xp.astype(a["X"], xp.int64),
    "x.T": lambda xp, a: a["X"].T,
    "x.mT": lambda xp, a: a["X"][None].mT,
    "x @ v": lambda xp, a: a["X"] @ a["V"],
    "v @ M": lambda xp, a: a["V"] @ a["M"],
    "v @ v": lambda xp, a: a["V"] @ a["V"],
    "x @ M": lambda xp, a: a["X"] @ a["M"],
    "x[k]": lambda xp, a: a["X"].T[a["K"]],
    "x[:, ::-1]": lambda xp, a: a["X"][:, ::-1],
    "x[..., None, 1]": lambda xp, a: a["X"][..., None, 1],
    "x[mask]": lambda xp, a: a["X"][a["C"]],
    "sinc, which is no function of the standard's": lambda xp, a: xp.sinc(a["X"]),
    "kron, which is no function of the standard's": lambda xp, a: xp.kron(a["V"], a["V"]),
}
MATRICES = {
    "det": lambda xp, a: xp.linalg.det(a["M"]),
    "slogdet": lambda xp, a: xp.linalg.slogdet(-a["M"]).logabsdet,
    "sign of slogdet": lambda xp, a: xp.linalg.slogdet(-a["M"]).sign,
    "inv": lambda xp, a: xp.linalg.inv(a["M"]),
    "solve": lambda xp, a: xp.linalg.solve(a["M"], a["M"] + 1),
    "solve for a vector": lambda xp, a: xp.linalg.solve(a["M"], a["V"]),
    "cholesky": lambda xp, a: xp.linalg.cholesky(a["M"]),
    "upper cholesky": lambda xp, a: xp.linalg.cholesky(a["M"], upper=True),
    "eigvalsh": lambda xp, a: xp.linalg.eigvalsh(a["M"]),
    "eigenvalues of eigh": lambda xp, a: xp.linalg.eigh(a["M"]).eigenvalues,
    "svdvals": lambda xp, a: xp.linalg.svdvals(a["X"]),
    "svd put together": lambda xp, a: put_together(xp, *xp.linalg.svd(a["X"], full_matrices=False)),
    "whole Vh of svd": lambda xp, a: xp.abs(xp.linalg.svd(a["X"]).Vh),
    "qr put together": lambda xp, a: xp.linalg.qr(a["X"]).Q @ xp.linalg.qr(a["X"]).R,
    "shape of a complete Q": lambda xp, a: 0 * xp.linalg.qr(a["X"].T, mode="complete").Q,
    "pinv": lambda xp, a: xp.linalg.pinv(a["X"]),
    "matrix_power": lambda xp, a: xp.linalg.matrix_power(a["M"], 3),
    "inverse matrix_power": lambda xp, a: xp.linalg.matrix_power(a["M"], -2),
    "zeroth matrix_power": lambda xp, a: xp.linalg.matrix_power(a["M"], 0),
    "matrix_rank": lambda xp, a: xp.linalg.matrix_rank(xp.linalg.outer(a["V"], a["V"])),
    "cross": lambda xp, a: xp.linalg.cross(a["X"], a["Y"]),
    "vector_norm": lambda xp, a: xp.linalg.vector_norm(a["X"]),
    "vector_norm along an axis": lambda xp, a: xp.linalg.vector_norm(a["X"], axis=1, ord=1, keepdims=True),
    "vector_norm keeping axes": lambda xp, a: xp.linalg.vector_norm(a["X"], keepdims=True),
    "largest vector_norm": lambda xp, a: xp.linalg.vector_norm(a["V"], ord=np.inf),
    "matrix_norm": lambda xp, a: xp.linalg.matrix_norm(a["M"]),
    "spectral matrix_norm": lambda xp, a: xp.linalg.matrix_norm(a["M"], ord=2),
    "nuclear matrix_norm": lambda xp, a: xp.linalg.matrix_norm(a["M"], ord="nuc", keepdims=True),
}


def put_together(xp, left, singular, right):
    return (left * singular) @ right


def rounded(dtype):
    named = {"X": X, "Y": Y, "V": V, "P": P, "M": M, "K": K, "C": C}
    return {name: x.astype(np.dtype(dtype)) if x.dtype.kind == "f" else x for name, x in named.items()}


def same_call(tensorflow, call, dtype):
    """What TensorFlow gives in a dtype, and NumPy in double precision of the same inputs."""
    inputs = rounded(dtype)
    wide = {name: x if x.dtype.kind in "ib" else x.astype(np.float64) for name, x in inputs.items()}
    with np.errstate(all="ignore"):
        expected = np.asarray(call(numpy_xp, wide))
    found = tensorflow.numpy(call(tensorflow.xp, {name: tensorflow.array(x) for name, x in inputs.items()}))
    return found, expected


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", CALLS)
def test_a_call_means_what_it_means_on_numpy_and_keeps_the_dtype(tensorflow, xp, name, dtype):
    found, expected = same_call(tensorflow, CALLS[name], dtype)
    assert found.shape == expected.shape
    if expected.dtype.kind != "f":
        assert (found.dtype, found.tolist()) == (expected.dtype, expected.tolist())
        return
    assert found.dtype == np.dtype(dtype)
    eps = float(xp.finfo(xp.asarray(found)).eps)
    np.testing.assert_allclose(found.astype(np.float64), expected, rtol=8 * eps, atol=4 * eps)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("name", MATRICES)
def test_a_call_on_matrices_means_what_it_means_on_numpy(tensorflow, name, dtype):
    found, expected = same_call(tensorflow, MATRICES[name], dtype)
    assert found.shape == expected.shape
    assert found.dtype == (np.dtype(dtype) if expected.dtype.kind == "f" else expected.dtype)
    eps = np.finfo(dtype).eps
    np.testing.assert_allclose(found, expected, rtol=64 * eps, atol=64 * eps)  # the matrix's condition is 3


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
@pytest.mark.parametrize(
    "name", ["det", "inv", "solve", "cholesky", "eigvalsh", "svdvals", "spectral matrix_norm"]
)
def test_decompositions_say_that_they_have_no_half_precision(tensorflow, name, dtype):
    with pytest.raises(Unsupported, match=f"has no decomposition of matrices in {dtype}"):
        same_call(tensorflow, MATRICES[name], dtype)


CREATED = {
    "asarray of a float": lambda xp: xp.asarray(0.1),
    "asarray of a list": lambda xp: xp.asarray([0.1, 2.0]),
    "asarray of integers": lambda xp: xp.asarray([1, 2]),
    "asarray with a dtype": lambda xp: xp.asarray([1, 2], dtype=xp.float32),
    "zeros": lambda xp: xp.zeros((2, 3)),
    "ones": lambda xp: xp.ones(3, dtype=xp.float32),
    "full": lambda xp: xp.full((2,), 0.1),
    "full of integers": lambda xp: xp.full((2,), 3),
    "arange": lambda xp: xp.arange(4),
    "arange of floats": lambda xp: xp.arange(0.0, 1.0, 0.25),
    "linspace": lambda xp: xp.linspace(0.0, 1.0, 5),
    "eye": lambda xp: xp.eye(3, 4, k=1),
    "log of a number": lambda xp: xp.log(2.0),
    "maximum of numbers": lambda xp: xp.maximum(0.1, 0.0),
    "where of numbers": lambda xp: xp.where(xp.asarray([True, False]), 0.1, 0.0),
    "pi": lambda xp: xp.asarray(xp.pi) + xp.e,
}


@pytest.mark.parametrize("name", CREATED)
def test_what_is_made_of_python_numbers_has_numpys_dtype_and_all_digits(tensorflow, xp, name):
    found, expected = tensorflow.numpy(CREATED[name](xp)), CREATED[name](numpy_xp)
    np.testing.assert_array_equal(found, expected, strict=True)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    "expression",
    [
        lambda x: 2.0 * x,
        lambda x: x**2,
        lambda x: x**0.5,
        lambda x: 2.0**x,
        lambda x: 1 / x,
        lambda x: x / 3,
        lambda x: x + 1,
        lambda x: 1 - x,
        lambda x: x % 0.5,
        lambda x: x // 0.5,
        lambda x: -x + np.pi,
        lambda x: x * x.shape[0],
    ],
)
def test_a_python_number_in_an_operator_takes_the_tensors_dtype(tensorflow, expression, dtype):
    x = np.array([0.75, 1.5]).astype(np.dtype(dtype))
    found = tensorflow.numpy(expression(tensorflow.array(x)))
    assert found.dtype == x.dtype
    eps = float(tensorflow.xp.finfo(tensorflow.array(x)).eps)
    np.testing.assert_allclose(found.astype(np.float64), expression(x.astype(np.float64)), rtol=4 * eps)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    "expression",
    [
        lambda xp, x, k: k * x,
        lambda xp, x, k: x**k,
        lambda xp, x, k: x / k,
        lambda xp, x, k: x - k,
        lambda xp, x, k: xp.maximum(x, k),
        lambda xp, x, k: xp.stack([x, k]),
        lambda xp, x, k: xp.where(x > k, x, k),
        lambda xp, x, k: x @ k,
    ],
)
def test_integers_beside_floats_become_floats_of_that_dtype(tensorflow, expression, dtype):
    x, k = np.array([0.75, 1.5]).astype(np.dtype(dtype)), np.array([1, 2])
    found = tensorflow.numpy(expression(tensorflow.xp, tensorflow.array(x), tensorflow.array(k)))
    assert found.dtype == x.dtype
    np.testing.assert_array_equal(found.astype(np.float64), expression(numpy_xp, x.astype(np.float64), k))


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("float32", "float64", "float64"),
        ("bfloat16", "float32", "float32"),
        ("float16", "int64", "float16"),
        ("int8", "uint8", "int16"),
        ("bool", "int32", "int32"),
        ("float64", "complex64", "complex128"),
    ],
)
def test_dtypes_meet_in_the_wider_one(xp, one, other, expected):
    assert xp.result_type(getattr(xp, one), getattr(xp, other)).name == expected
    assert xp.add(xp.ones(2, dtype=getattr(xp, one)), xp.ones(2, dtype=getattr(xp, other))).dtype == expected


@pytest.mark.parametrize(
    ("kind", "members"),
    [
        ("bool", {"bool"}),
        ("signed integer", {"int32"}),
        ("unsigned integer", {"uint8"}),
        ("integral", {"int32", "uint8"}),
        ("real floating", {"float16", "float64"}),
        ("complex floating", {"complex64"}),
        ("numeric", {"int32", "uint8", "float16", "float64", "complex64"}),
        (("bool", "integral"), {"bool", "int32", "uint8"}),
    ],
)
def test_kinds_of_dtypes_are_the_standards(xp, kind, members):
    names = ["bool", "int32", "uint8", "float16", "float64", "complex64"]
    assert members == {name for name in names if xp.isdtype(getattr(xp, name), kind)}
    assert xp.isdtype(xp.float64, xp.float64)
    assert xp.iinfo(xp.int32).max == 2**31 - 1


@pytest.mark.parametrize(
    "call",
    [
        lambda xp: xp.ones((2, 3)) + xp.ones(2),
        lambda xp: xp.ones((2, 3)) @ xp.ones(2),
        lambda xp: xp.ones(3) @ xp.ones(1),
        lambda xp: xp.vecdot(xp.ones((2, 3)), xp.ones((2, 1))),
        lambda xp: xp.reshape(xp.ones((2, 3)), (4,)),
        lambda xp: xp.concat([xp.ones((2, 3)), xp.ones((2, 2))]),
        lambda xp: xp.stack([xp.ones(3), xp.ones(2)]),
        lambda xp: xp.squeeze(xp.ones((2, 3)), axis=0),
        lambda xp: xp.broadcast_to(xp.ones(3), (2,)),
        lambda xp: xp.broadcast_arrays(xp.ones(3), xp.ones(2)),
        lambda xp: xp.linalg.solve(xp.eye(3), xp.ones(2)),
    ],
)
def test_shapes_that_do_not_fit_are_refused_in_these_words(xp, call):
    with pytest.raises(Exception, match=r"(?i)shape"):
        call(xp)


def test_an_unknown_name_is_an_attribute_error(xp):
    with pytest.raises(AttributeError, match="nothing_of_this_name"):
        xp.nothing_of_this_name  # noqa: B018 - the look-up is the test


@settings(max_examples=25)
@given(data=st.data())
def test_functions_of_two_arrays_broadcast_as_on_numpy(tensorflow, data):
    shapes = data.draw(hnp.mutually_broadcastable_shapes(num_shapes=2, min_side=0, max_side=3, max_dims=3))
    eighths = st.integers(-32, 32).map(lambda n: n / 8)
    x, y = (data.draw(hnp.arrays(np.float64, shape, elements=eighths)) for shape in shapes.input_shapes)
    name = data.draw(st.sampled_from(["add", "maximum", "minimum", "multiply", "subtract", "less"]))
    found = getattr(tensorflow.xp, name)(tensorflow.array(x), tensorflow.array(y))
    np.testing.assert_array_equal(tensorflow.numpy(found), getattr(np, name)(x, y), strict=True)


# A function, a point, and its gradient there.
SLOPES = {
    "logaddexp of two equal terms": (lambda xp, x: xp.logaddexp(x[0], x[1]), [2.0, 2.0], [0.5, 0.5]),
    "logaddexp with a tiny weight": (
        lambda xp, x: xp.logaddexp(x[0], x[1]),
        [0.0, -40.0],
        [1.0, 4.248354255291589e-18],
    ),
    "logaddexp with a number": (lambda xp, x: xp.logaddexp(x, 0.0), -40.0, 4.248354255291589e-18),
    "logaddexp with an infinity": (lambda xp, x: xp.logaddexp(x, -np.inf), 3.0, 1.0),
    "expm1 near 0": (lambda xp, x: xp.expm1(x), 1e-20, 1.0),
    "log1p near 0": (lambda xp, x: xp.log1p(x), 1e-20, 1.0),
    "log2": (lambda xp, x: xp.log2(x), 4.0, 0.25 / np.log(2)),
    "xlogy by its second argument at 0": (lambda xp, x: xp.xlogy(0.0 * x, x), 0.0, 0.0),
    "where beside a pole": (lambda xp, x: xp.where(x > 0, x, 0.0), -1.0, 0.0),
    "where of a square root": (
        lambda xp, x: xp.where(x > 0, xp.sqrt(xp.where(x > 0, x, 1.0)), 0.0),
        0.0,
        0.0,
    ),
    "max of equal entries": (lambda xp, x: xp.max(x), [1.0, 1.0, 0.0], [0.5, 0.5, 0.0]),
    "prod with a zero": (lambda xp, x: xp.prod(x), [2.0, 0.0, 3.0], [0.0, 6.0, 0.0]),
    "abs at 0": (lambda xp, x: xp.abs(x), 0.0, 0.0),
    "clip": (lambda xp, x: xp.sum(xp.clip(x, -1.0, 1.0)), [-2.0, 0.5, 2.0], [0.0, 1.0, 0.0]),
    "take twice": (lambda xp, x: xp.sum(xp.take(x, np.array([2, 0, 2]))), [1.0, 1.0, 1.0], [1.0, 0.0, 2.0]),
    "index twice": (lambda xp, x: xp.sum(x[np.array([2, 0, 2])]), [1.0, 1.0, 1.0], [1.0, 0.0, 2.0]),
    "mask": (lambda xp, x: xp.sum(x[x > 1] ** 2), [1.0, 2.0, 3.0], [0.0, 4.0, 6.0]),
    "reversal": (lambda xp, x: xp.vecdot(x[::-1], xp.asarray([1.0, 2.0])), [5.0, 6.0], [2.0, 1.0]),
    "vector by vector": (lambda xp, x: x @ x, [1.0, 2.0], [2.0, 4.0]),
    "vector by matrix by vector": (
        lambda xp, x: x @ xp.asarray([[1.0, 2.0], [0.0, 3.0]]) @ x,
        [1.0, 1.0],
        [4.0, 8.0],
    ),
    "cumulative_sum": (lambda xp, x: xp.sum(xp.cumulative_sum(x)), [1.0, 2.0, 3.0], [3.0, 2.0, 1.0]),
    "var": (lambda xp, x: xp.var(x), [1.0, 2.0, 6.0], [-4 / 3, -2 / 3, 2.0]),
    "concat with itself": (lambda xp, x: xp.prod(xp.concat([x, x])), [2.0, 3.0], [36.0, 24.0]),
    "solve": (lambda xp, x: xp.linalg.solve(xp.asarray([[2.0]]), x)[0], [3.0], [0.5]),
    "asarray of tensors": (lambda xp, x: xp.sum(xp.asarray([x, 2.0 * x])), 1.0, 3.0),
}


@pytest.mark.parametrize("name", SLOPES)
def test_a_delicate_slope_is_right(tensorflow, xp, name):
    f, at, expected = SLOPES[name]
    [found] = tensorflow.gradient(lambda x: f(xp, x), [tensorflow.array(np.asarray(at))])
    np.testing.assert_allclose(tensorflow.numpy(found), expected, rtol=1e-15)


def test_logaddexp_curves_where_its_terms_are_equal(tensorflow, xp):
    [[found]] = tensorflow.hessian(lambda x: xp.logaddexp(x[0], x[1]), [tensorflow.array(np.zeros(2))])
    np.testing.assert_array_equal(found, [[0.25, -0.25], [-0.25, 0.25]])
