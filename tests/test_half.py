"""Routines without half precision work in float32 and round what they give."""

import numpy as np
import pytest
from scipy import special

from gradcheck.half import in_single, lacks_half
from gradcheck.namespaces import numpy_xp

A = np.array([[4.0, 1.0], [1.0, 3.0]], np.float16)
LAPACK = {
    "cholesky": lambda a: numpy_xp.linalg.cholesky(a),
    "det": lambda a: numpy_xp.linalg.det(a),
    "eigh": lambda a: numpy_xp.linalg.eigh(a),
    "matrix_norm": lambda a: numpy_xp.linalg.matrix_norm(a, ord=2),
    "slogdet": lambda a: numpy_xp.linalg.slogdet(a),
    "solve": lambda a: numpy_xp.linalg.solve(a, a),
    "svdvals": lambda a: numpy_xp.linalg.svdvals(a),
}


@pytest.mark.parametrize(
    ("routine", "lacking"), [(np.exp, False), (special.erf, True), (np.linalg.inv, False)]
)
def test_ufuncs_without_a_loop_are_known(routine, lacking):
    assert lacks_half(routine) is lacking


@pytest.mark.parametrize("name", LAPACK)
def test_linear_algebra_of_the_plain_namespace_rounds_once(name):
    half, single = LAPACK[name](A), LAPACK[name](A.astype(np.float32))
    assert type(half) is type(single) or np.ndim(half) == 0
    for one, other in zip(half, single, strict=True) if isinstance(half, tuple) else [(half, single)]:
        np.testing.assert_array_equal(one, np.asarray(other).astype(np.float16), strict=True)


def test_x_log_y_of_the_plain_namespace_keeps_half_precision():
    x = np.array([0.0, 0.5], np.float16)
    np.testing.assert_array_equal(
        numpy_xp.xlogy(x, x), (x * np.log([1, 0.5])).astype(np.float16), strict=True
    )


def test_whole_numbers_are_not_rounded():
    assert np.asarray(numpy_xp.linalg.matrix_rank(A)).dtype.kind == "i"


@pytest.mark.parametrize("dtype", ["float32", "float64", "complex64"])
def test_other_precisions_pass_as_they_are(dtype):
    seen = []
    in_single(lambda x: seen.append(x) or x)(given := np.ones(2, dtype))
    assert seen[0] is given
