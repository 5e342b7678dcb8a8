"""Linear algebra against fifty digits and closed forms at delicate points; contractions in integers."""

from functools import partial
from itertools import permutations

import mpmath
import numpy as np
import pytest
import scipy.linalg
from hypothesis import given, settings
from hypothesis import strategies as st

from gradcheck import engine
from gradcheck.engine import xp
from gradcheck.engine.rules.determinants import _minors
from gradcheck.errors import BadArgument

EPS = np.finfo(float).eps
I2, I3 = np.eye(2), np.eye(3)
ROTATION = scipy.linalg.expm(np.array([[0.0, 1.0, -0.5], [-1.0, 0.0, 2.0], [0.5, -2.0, 0.0]]))


def random(*shape, seed=0, dtype=float):
    rng = np.random.default_rng(seed)
    real = rng.normal(size=shape)
    return real if dtype is float else real + 1j * rng.normal(size=shape)


def positive(x):
    """A positive definite function of any matrix."""
    return xp.matmul(x, xp.conj(xp.matrix_transpose(x))) + np.eye(x.shape[-2])


# Against 50 digits: a function of a matrix, in the engine and in mpmath.


def mp_positive(x):
    return x * x.H + mpmath.eye(x.rows)


def symmetric(x):
    return (x + x.H) / 2


def mp_eigen(a, h):
    """``V diag(h(w)) V^H`` of the Hermitian part."""
    w, v = (mpmath.eighe if any(isinstance(e, mpmath.mpc) for e in a) else mpmath.eigsy)(symmetric(a))
    return v * mpmath.diag([h(x) for x in w]) * v.H


def mp_singular(a, h):
    wide = a.cols > a.rows
    u, s, v = mpmath.svd(a.H if wide else a, full_matrices=False)
    made = u * mpmath.diag([h(x) for x in s]) * v
    return made.H if wide else made


def mp_q(a):
    return mpmath.qr(a, mode="skinny")[0]


def squared_sizes(x):
    """Entry by entry: what does not depend on the phase of a row or column."""
    return mpmath.matrix([[abs(x[i, j]) ** 2 for j in range(x.cols)] for i in range(x.rows)])


def sizes(x):
    return xp.real(x * xp.conj(x))


def mp_pinv(a):
    return (a.H * a) ** -1 * a.H if a.rows >= a.cols else a.H * (a * a.H) ** -1


def eigen(x, h):
    w, v = xp.linalg.eigh(x)
    return xp.matmul(v * h(w)[..., None, :], xp.conj(xp.matrix_transpose(v)))


def singular(x, h):
    u, s, vh = xp.linalg.svd(x, full_matrices=False)
    return xp.matmul(u * h(s)[..., None, :], vh)


def wide_r(x):
    q, r = xp.linalg.qr(x)
    return xp.concat([sizes(q), sizes(r)], axis=-1)


def mp_wide_r(x):
    q = mp_q(x[:, : x.rows])
    left, right = squared_sizes(q), squared_sizes(q.H * x)
    joined = mpmath.matrix(x.rows, x.rows + x.cols)
    for i in range(x.rows):
        for j in range(x.rows + x.cols):
            joined[i, j] = left[i, j] if j < x.rows else right[i, j - x.rows]
    return joined


def scalar(x):
    return mpmath.matrix([[x]])


FIXED = random(3, 2, seed=9)

# name: engine, mpmath, the shapes of points
FUNCTIONS = {
    "det": (xp.linalg.det, lambda a: scalar(mpmath.det(a)), [(4, 4), (1, 1), (5, 5)]),
    "logdet": (
        lambda a: xp.linalg.slogdet(a).logabsdet,
        lambda a: scalar(mpmath.log(abs(mpmath.det(a)))),
        [(4, 4), (1, 1)],
    ),
    "inv": (xp.linalg.inv, lambda a: a**-1, [(4, 4)]),
    "solve": (
        lambda a: xp.linalg.solve(a, FIXED),
        lambda a: a**-1 * mpmath.matrix(FIXED.tolist()),
        [(3, 3)],
    ),
    "solve a vector": (
        lambda a: xp.linalg.solve(a, FIXED[:, 0]),
        lambda a: a**-1 * mpmath.matrix(FIXED[:, 0].tolist()),
        [(3, 3)],
    ),
    "pinv": (xp.linalg.pinv, mp_pinv, [(4, 2), (2, 3), (2, 2)]),
    "cube": (lambda a: xp.linalg.matrix_power(a, 3), lambda a: a**3, [(3, 3)]),
    "power -2": (lambda a: xp.linalg.matrix_power(a, -2), lambda a: a**-2, [(3, 3)]),
    "power 5": (lambda a: xp.linalg.matrix_power(a, 5), lambda a: a**5, [(2, 2)]),
    "expm": (xp.linalg.expm, mpmath.expm, [(3, 3), (1, 1)]),
    "cholesky": (
        lambda a: xp.linalg.cholesky(positive(a)),
        lambda a: mpmath.cholesky(mp_positive(a)),
        [(3, 3), (4, 2), (1, 1)],
    ),
    "Q": (
        lambda a: sizes(xp.linalg.qr(a).Q),
        lambda a: squared_sizes(mp_q(a)),
        [(3, 3), (4, 2), (2, 1)],
    ),
    "R": (
        lambda a: sizes(xp.linalg.qr(a).R),
        lambda a: squared_sizes(mp_q(a).H * a),
        [(3, 3), (4, 2), (1, 1)],
    ),
    "QR of wide": (wide_r, mp_wide_r, [(2, 3)]),
    "eigenvalues": (
        xp.linalg.eigvalsh,
        lambda a: mpmath.matrix(sorted(mpmath.eighe(symmetric(a))[0])),
        [(3, 3), (1, 1)],
    ),
    "eigenvectors": (
        lambda a: sizes(xp.linalg.eigh(a).eigenvectors),
        lambda a: squared_sizes(mpmath.eighe(symmetric(a))[1]),
        [(3, 3), (2, 2)],
    ),
    "function of a Hermitian matrix": (
        lambda a: sizes(eigen(a, xp.exp)),
        lambda a: squared_sizes(mp_eigen(a, mpmath.exp)),
        [(3, 3), (4, 4)],
    ),
    "singular values": (
        xp.linalg.svdvals,
        lambda a: mpmath.matrix(sorted(mpmath.svd(a, compute_uv=False), reverse=True)),
        [(3, 3), (4, 2), (2, 3)],
    ),
    "singular vectors": (
        lambda a: sizes(xp.linalg.svd(a, full_matrices=False).U),
        lambda a: squared_sizes(mpmath.svd(a, full_matrices=False)[0]),
        [(3, 3), (4, 2)],
    ),
    "function of singular values": (
        lambda a: sizes(singular(a, xp.exp)),
        lambda a: squared_sizes(mp_singular(a, mpmath.exp)),
        [(3, 3), (4, 2), (2, 3)],
    ),
    "nuclear norm": (
        lambda a: xp.linalg.matrix_norm(a, ord="nuc"),
        lambda a: scalar(sum(mpmath.svd(a, compute_uv=False))),
        [(3, 2)],
    ),
    "spectral norm": (
        lambda a: xp.linalg.matrix_norm(a, ord=2),
        lambda a: scalar(max(mpmath.svd(a, compute_uv=False))),
        [(2, 3)],
    ),
    "Frobenius norm": (
        lambda a: xp.linalg.matrix_norm(a),
        lambda a: scalar(mpmath.sqrt(sum(abs(e) ** 2 for e in a))),
        [(2, 3)],
    ),
}


def point(shape, dtype=float):
    """A matrix that is far from singular."""
    return random(*shape, seed=3, dtype=dtype) + 2 * np.eye(*shape)


PLACES = [
    pytest.param(*functions, shape, id=f"{name} of {'x'.join(map(str, shape))}")
    for name, (*functions, shapes) in FUNCTIONS.items()
    for shape in shapes
]


def weighed(function, weights):
    return lambda a: xp.sum(weights * xp.real(function(a)))


def entries(a):
    """Positions, and the directions in which an entry of a real or a complex matrix may move."""
    units = (1, 1j) if np.iscomplexobj(a) else (1,)
    return [(at, unit) for at in np.ndindex(a.shape) for unit in units]


def exact(function, weights, a):
    """The weighed function of a NumPy matrix plus ``steps``: pairs of a direction and a number, in mpmath."""

    def value(*steps):
        moved = mpmath.matrix(a.tolist())
        for direction, size in steps:
            for at in np.argwhere(direction):
                i, j = map(int, at)
                moved[i, j] += mpmath.mpmathify(direction[i, j].item()) * size
        return sum(float(w) * mpmath.re(y) for w, y in zip(np.ravel(weights), function(moved), strict=True))

    return value


def unit(a, at, by):
    direction = np.zeros_like(a)
    direction[at] = by
    return direction


def slope(value, *directions):
    """The mixed derivative along one or two directions, from central differences with a step of 1e-15."""
    step = mpmath.mpf(10) ** -15
    first = directions[0]
    if len(directions) == 1:
        return (value((first, step)) - value((first, -step))) / (2 * step)
    second = directions[1]
    corners = [((first, s * step), (second, t * step), s * t) for s in (1, -1) for t in (1, -1)]
    return sum(sign * value(one, other) for one, other, sign in corners) / (4 * step**2)


def gradient(value, a, *directions):
    result = np.zeros_like(a)
    for at, by in entries(a):
        result[at] += by * float(slope(value, unit(a, at, by), *directions))
    return result


def agrees(got, truth_at, a):
    """Within what a few units of rounding, relative to the whole matrix, change in the truth."""
    size = np.linalg.norm(a) * EPS
    truth = truth_at(a)
    moved = [truth_at(a + size * random(*a.shape, seed=seed, dtype=got.dtype.type)) for seed in (1, 2)]
    spread = max(np.max(np.abs(other - truth)) for other in moved)
    allowed = 16 * (spread + EPS * np.max(np.abs(truth)))
    np.testing.assert_allclose(got, truth, rtol=0, atol=allowed)
    assert allowed <= 1e-9 * max(np.max(np.abs(truth)), 1)


@pytest.fixture(autouse=True)
def fifty_digits():
    with mpmath.workdps(50):
        yield


def weights_of(function, a):
    return 1.0 + random(*np.shape(function(a)), seed=5)


@pytest.mark.parametrize(("function", "exactly", "shape"), PLACES)
@pytest.mark.parametrize("dtype", [float, complex])
def test_gradient_and_tangent_agree_with_fifty_digits(function, exactly, shape, dtype):
    a = point(shape, dtype)
    weights = weights_of(function, a)
    f = weighed(function, weights)
    agrees(engine.grad(f)(a), lambda b: gradient(exact(exactly, weights, b), b), a)
    tangent = random(*shape, seed=4, dtype=dtype)
    pushed = engine.jvp(f, [a], [tangent])[1]
    agrees(
        np.reshape(pushed, (1, 1)),
        lambda b: np.array([[float(slope(exact(exactly, weights, b), tangent))]]),
        a,
    )


@pytest.mark.parametrize(("function", "exactly", "shape"), PLACES)
def test_second_derivatives_agree_with_fifty_digits(function, exactly, shape):
    a, v = point(shape), random(*shape, seed=4)
    weights = weights_of(function, a)
    f = weighed(function, weights)
    truth = lambda b: gradient(exact(exactly, weights, b), b, v)  # noqa: E731
    forward_over_reverse = engine.hvp(f, [a], [v])[0]
    reverse_over_reverse = engine.grad(lambda x: xp.sum(engine.grad(f)(x) * v))(a)
    agrees(forward_over_reverse, truth, a)
    agrees(reverse_over_reverse, truth, a)
    along = lambda x: engine.jvp(f, [x], [v])[1]  # noqa: E731
    agrees(engine.grad(along)(a), truth, a)


@pytest.mark.parametrize(("function", "exactly", "shape"), PLACES)
@pytest.mark.parametrize("dtype", ["float32", "complex64"])
def test_single_precision_stays_single(function, exactly, shape, dtype):
    a = point(shape, complex if dtype == "complex64" else float)
    f = weighed(function, weights_of(function, a).astype("float32"))
    small, large = engine.grad(f)(a.astype(dtype)), engine.grad(f)(a)
    assert small.dtype == dtype
    bound = np.linalg.norm(np.linalg.norm(a) * engine.grad(lambda x: xp.sum(sizes(engine.grad(f)(x))))(a))
    scale = np.linalg.norm(large) + bound / max(np.linalg.norm(large), EPS)
    assert np.max(np.abs(small - large)) <= 64 * np.finfo("float32").eps * scale


@pytest.mark.parametrize("name", FUNCTIONS)
def test_batch_is_every_matrix_for_itself(name):
    function, _, (shape, *_) = FUNCTIONS[name]
    a = random(2, 2, *shape, seed=3)
    one = lambda x: xp.sum(xp.exp(0.1 * function(x)))  # noqa: E731
    together = engine.grad(one)(a)
    for at in np.ndindex(2, 2):
        np.testing.assert_allclose(together[at], engine.grad(one)(a[at]), rtol=1e-12, atol=1e-13)
    slopes = lambda x: xp.sum(xp.sin(engine.grad(one)(x)))  # noqa: E731
    together = engine.grad(slopes)(a)
    for at in np.ndindex(2, 2):
        np.testing.assert_allclose(together[at], engine.grad(slopes)(a[at]), rtol=1e-9, atol=1e-10)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_memory_order_does_not_matter(name):
    function, _, (shape, *_) = FUNCTIONS[name]
    a = random(*shape, seed=3)
    f = lambda x: xp.sum(function(x))  # noqa: E731
    expected = engine.grad(f)(a)
    turned = np.ascontiguousarray(a[::-1, ::-1])[::-1, ::-1]
    spaced = np.zeros((2 * shape[0], 3 * shape[1]))[::2, ::3]
    spaced[...] = a
    for same in (turned, spaced, np.asfortranarray(a)):
        np.testing.assert_allclose(engine.grad(f)(same), expected, rtol=1e-13, atol=1e-14)


@pytest.mark.parametrize(
    "name",
    [
        *(
            "det",
            "logdet",
            "inv",
            "pinv",
            "cube",
            "expm",
            "cholesky",
            "Q",
            "R",
            "eigenvalues",
            "eigenvectors",
        ),
        *("singular values", "singular vectors", "nuclear norm", "Frobenius norm"),
    ],
)
@pytest.mark.parametrize("shape", [(0, 0), (2, 0, 0)])
def test_empty_matrix(name, shape):
    function, *_ = FUNCTIONS[name]
    f = lambda x: xp.sum(function(x))  # noqa: E731
    assert engine.grad(f)(np.zeros(shape)).shape == shape
    assert engine.hvp(f, [np.zeros(shape)], [np.zeros(shape)])[0].shape == shape


# Delicate points, in closed form.


@pytest.mark.parametrize(
    ("a", "expected"),
    [
        ([[1.0, 2.0], [2.0, 4.0]], [[4, -2], [-2, 1]]),
        (np.diag([0.0, 1.0, 2.0]), np.diag([2, 0, 0])),
        (np.diag([0.0, 0.0, 2.0]), np.zeros((3, 3))),
        (np.diag([0.0, 3.0, 1.0, 2.0]), np.diag([6, 0, 0, 0])),
        (np.zeros((2, 2)), np.zeros((2, 2))),
        ([[5.0]], [[1]]),
        ([[0.0]], [[1]]),
        (np.zeros((0, 0)), np.zeros((0, 0))),
    ],
)
def test_determinant_where_it_is_0(a, expected):
    np.testing.assert_array_equal(engine.grad(xp.linalg.det)(np.asarray(a)), expected)


@pytest.mark.parametrize("n", [2, 3, 4, 5])
@pytest.mark.parametrize("order", [1, 2, 3])
def test_derivatives_of_the_determinant_at_any_rank(n, order):
    """The mixed derivative of det at a diagonal matrix, along matrices of one entry, by Leibniz's formula."""
    rng = np.random.default_rng(n)
    for rank in range(n + 1):
        diagonal = np.concatenate([np.zeros(n - rank), rng.integers(1, 5, rank).astype(float)])
        left, right = (np.linalg.qr(rng.normal(size=(n, n)))[0] for _ in range(2))
        sign = np.linalg.det(left) * np.linalg.det(right)
        for _ in range(4):
            at = [tuple(rng.integers(0, n, 2)) for _ in range(order)]
            units = [np.outer(np.eye(n)[i], np.eye(n)[j]) for i, j in at]
            *others, last = [left @ e @ right.T for e in units]
            if order > n:
                continue
            got = np.sum(_minors([left @ np.diag(diagonal) @ right.T, *others]) * last)
            scale = np.prod(np.maximum(diagonal, 1))
            assert abs(got - sign * mixed(diagonal, at)) <= 100 * EPS * scale


def mixed(diagonal, at):
    """Of the terms of Leibniz's formula those that take every named entry, the others from the diagonal."""
    n, rows, columns = len(diagonal), [i for i, _ in at], [j for _, j in at]
    if len(set(rows)) < len(at) or len(set(columns)) < len(at):
        return 0.0
    total = 0.0
    for order in permutations(range(n)):
        if all(order[i] == j for i, j in at):
            rest = [i for i in range(n) if i not in rows]
            if all(order[i] == i for i in rest):
                total += round(np.linalg.det(np.eye(n)[list(order)])) * np.prod([diagonal[i] for i in rest])
    return total


def test_third_derivative_of_a_determinant_is_the_sign_of_permutations():
    third = engine.jacobian(engine.hessian(xp.linalg.det))(np.diag([0.0, 0.0, 1.0]))
    levi_civita = np.zeros((3, 3, 3))
    for order in permutations(range(3)):
        levi_civita[order] = round(np.linalg.det(I3[list(order)]))
    np.testing.assert_array_equal(third, np.einsum("ace,bdf->abcdef", levi_civita, levi_civita))


def test_log_determinant_of_a_singular_matrix():
    a = np.array([[1.0, 2.0], [2.0, 4.0]])
    sign, logarithm = xp.linalg.slogdet(a)
    assert (sign, logarithm) == (0, -np.inf)
    slope = engine.grad(lambda x: xp.linalg.slogdet(x).logabsdet)(a)
    np.testing.assert_array_equal(slope, [[np.inf, -np.inf], [-np.inf, np.inf]])
    regular_beside = np.stack([a, np.diag([2.0, 4.0])])
    slopes = engine.grad(lambda x: xp.sum(xp.linalg.slogdet(x).logabsdet))(regular_beside)
    np.testing.assert_array_equal(slopes[1], np.diag([0.5, 0.25]))


def test_sign_of_a_determinant_has_no_slope():
    a = random(3, 3)
    np.testing.assert_array_equal(engine.grad(lambda x: xp.linalg.slogdet(x).sign)(a), np.zeros((3, 3)))
    assert engine.jvp(lambda x: xp.linalg.slogdet(x).sign, [a], [a])[1] == 0


def test_phase_of_a_complex_determinant():
    a = random(3, 3, seed=1, dtype=complex)
    got = engine.grad(lambda x: xp.imag(xp.linalg.slogdet(x).sign))(a)

    def phase(x):
        value = mpmath.det(x)
        return scalar(mpmath.im(value / abs(value)))

    agrees(got, lambda b: gradient(exact(phase, [1.0], b), b), a)


def spectral(h):
    """``tr(V diag(h(w)) V^T)``: smooth also where eigenvalues are equal."""

    def function(x):
        w, v = xp.linalg.eigh(x)
        return xp.trace(xp.matmul(v * h(w), xp.matrix_transpose(v)))

    return function


@pytest.mark.parametrize("a", [I2, I3, np.zeros((2, 2)), np.diag([2.0, 1.0, 1.0])])
def test_eigenvalues_that_are_equal(a):
    np.testing.assert_array_equal(engine.grad(spectral(xp.square))(a), 2 * a)
    squares = engine.grad(lambda x: xp.sum(xp.square(xp.linalg.eigvalsh(x))))(a)
    np.testing.assert_array_equal(squares, 2 * a)
    singular_squares = engine.grad(lambda x: xp.sum(xp.square(xp.linalg.svdvals(x))))(a)
    np.testing.assert_array_equal(singular_squares, 2 * a)


@pytest.mark.parametrize("h", [xp.square, xp.exp, xp.sin])
def test_eigenvalues_that_are_equal_but_for_rounding(h):
    a = ROTATION @ np.diag([1.0, 1.0, 2.0]) @ ROTATION.T
    slope = {xp.square: lambda w: 2 * w, xp.exp: np.exp, xp.sin: np.cos}[h](np.array([1.0, 1.0, 2.0]))
    expected = ROTATION @ np.diag(slope) @ ROTATION.T
    np.testing.assert_allclose(engine.grad(spectral(h))(a), expected, rtol=0, atol=50 * EPS * np.exp(2))


def test_second_derivatives_at_equal_eigenvalues_are_right_or_nan():
    v = np.array([[1.0, 2.0], [4.0, -1.0]])
    sum_of_values = lambda x: xp.sum(xp.linalg.eigvalsh(x))  # noqa: E731
    np.testing.assert_array_equal(engine.hvp(sum_of_values, [I2], [v])[0], np.zeros((2, 2)))
    for smooth in (spectral(xp.square), lambda x: xp.sum(xp.square(xp.linalg.eigvalsh(x)))):
        assert np.all(np.isnan(engine.hvp(smooth, [I2], [v])[0]))
        np.testing.assert_array_equal(engine.hvp(smooth, [I2], [np.diag([1.0, 3.0])])[0], np.diag([2.0, 6.0]))


def test_what_couples_equal_eigenvalues_is_not_guessed():
    weights = np.arange(4.0).reshape(2, 2)
    root = lambda x: xp.sum(weights * eigen(x, xp.sqrt))  # noqa: E731
    vectors = lambda x: xp.linalg.eigh(x).eigenvectors[0, 1] * xp.linalg.eigh(x).eigenvectors[0, 0]  # noqa: E731
    made = lambda x: xp.sum(weights * singular(x, lambda s: s))  # noqa: E731
    for function in (root, vectors, made):
        assert np.isnan(engine.grad(function)(I2)).any()
    apart = np.diag([1.0, 1.0, 3.0])
    third = lambda x: sizes(xp.linalg.eigh(x).eigenvectors)[0, 2]  # noqa: E731
    np.testing.assert_array_equal(engine.grad(third)(apart), np.zeros((3, 3)))


def test_nuclear_norm_at_equal_singular_values():
    norm = partial(xp.linalg.matrix_norm, ord="nuc")
    np.testing.assert_array_equal(engine.grad(norm)(I3), I3)
    v = random(3, 3)
    np.testing.assert_allclose(engine.hvp(norm, [I3], [v])[0], (v - v.T) / 2, rtol=1e-15, atol=1e-15)
    tall = np.array([[1.0, 0.0], [0.0, 1.0], [0.0, 0.0]])
    v = random(3, 2)
    expected = np.concatenate([(v[:2] - v[:2].T) / 2, v[2:]])  # of the polar factor
    np.testing.assert_allclose(engine.hvp(norm, [tall], [v])[0], expected, rtol=1e-15, atol=1e-15)


def test_rank_deficient_matrix_in_norms():
    a = np.outer([1.0, 2.0, 2.0], [3.0, 4.0])
    norm = engine.grad(partial(xp.linalg.matrix_norm, ord="nuc"))(a)
    unit_part = a / 15
    assert np.linalg.norm(norm, 2) <= 1 + 8 * EPS  # a subgradient
    np.testing.assert_allclose(np.sum(norm * unit_part), 1, rtol=8 * EPS)
    largest = engine.grad(partial(xp.linalg.matrix_norm, ord=2))(a)
    np.testing.assert_allclose(largest, unit_part, rtol=0, atol=8 * EPS)
    np.testing.assert_array_equal(engine.grad(xp.linalg.matrix_norm)(np.zeros((2, 3))), np.zeros((2, 3)))


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        (1, [[0, 1], [0, -1]]),
        (-1, [[1, 0], [1, 0]]),
        (np.inf, [[0, 0], [1, -1]]),
        (-np.inf, [[1, 1], [0, 0]]),
    ],
)
def test_norms_of_sums(order, expected):
    a = np.array([[1.0, 2.0], [3.0, -4.0]])
    assert xp.linalg.matrix_norm(a, ord=order) == np.linalg.norm(a, order)
    np.testing.assert_array_equal(engine.grad(partial(xp.linalg.matrix_norm, ord=order))(a), expected)
    kept = xp.linalg.matrix_norm(np.stack([a, a]), ord=order, keepdims=True)
    np.testing.assert_array_equal(kept, np.full((2, 1, 1), np.linalg.norm(a, order)))


def test_exponential_to_third_order():
    b = random(3, 3)
    power = lambda t: xp.sum(xp.linalg.expm(t * b))  # noqa: E731
    got = engine.grad(engine.grad(engine.grad(power)))(0.7)
    expected = np.sum(b @ b @ b @ scipy.linalg.expm(0.7 * b))
    np.testing.assert_allclose(got, expected, rtol=1e-12)


def test_spectral_function_to_third_order():
    a, v = np.array([[2.0, 1.0], [1.0, -1.0]]), np.array([[1.0, 2.0], [2.0, -3.0]])
    along = lambda t: spectral(lambda w: w**4)(a + t * v)  # noqa: E731
    got = engine.grad(engine.grad(engine.grad(along)))(0.0)
    assert abs(got - 24 * np.trace(a @ v @ v @ v)) <= 1e-11 * abs(got)


def test_rank_is_constant():
    assert xp.linalg.matrix_rank(np.ones((3, 3))) == 1
    f = lambda x: xp.sum(x) * xp.linalg.matrix_rank(x)  # noqa: E731
    np.testing.assert_array_equal(engine.grad(f)(I3), np.full((3, 3), 3.0))


# A factorisation is computed once.


@pytest.mark.parametrize(
    ("name", "function"),
    [
        ("eigh", lambda x: xp.sum(xp.stack([p.sum() for p in map(sizes, xp.linalg.eigh(x))]))),
        ("svd", lambda x: xp.sum(singular(x, xp.square))),
        ("qr", lambda x: xp.sum(xp.matmul(*xp.linalg.qr(x)))),
        ("slogdet", lambda x: xp.multiply(*xp.linalg.slogdet(x))),
        ("cholesky", lambda x: xp.sum(xp.linalg.cholesky(positive(x)))),
    ],
)
def test_factorisation_is_computed_once(name, function, monkeypatch):
    calls = []
    original = getattr(np.linalg, name)
    monkeypatch.setattr(np.linalg, name, lambda *args, **kw: calls.append(name) or original(*args, **kw))
    engine.grad(function)(random(3, 3))
    assert calls == [name]
    engine.hvp(function, [random(3, 3)], [random(3, 3)])
    assert len(calls) == 2


# Contractions are multilinear: in small integers every derivative is exact.


def integers(data, shape, low=-4, high=4, dtype=float):
    size = int(np.prod(shape))
    numbers = data.draw(st.lists(st.integers(low, high), min_size=2 * size, max_size=2 * size))
    real = np.array(numbers[:size], float).reshape(shape)
    return real if dtype is float else real + 1j * np.array(numbers[size:], float).reshape(shape)


def check_multilinear(data, function, reference, shapes, dtype=float):
    operands = [integers(data, shape, dtype=dtype) for shape in shapes]
    tangents = [integers(data, shape, dtype=dtype) for shape in shapes]
    y, pullback = engine.vjp(function, *operands)
    np.testing.assert_array_equal(y, reference(*operands))
    _, pushed = engine.jvp(function, operands, tangents)
    terms = [reference(*operands[:at], tangents[at], *operands[at + 1 :]) for at in range(len(operands))]
    np.testing.assert_array_equal(pushed, sum(terms))
    g = integers(data, np.shape(y), dtype=dtype)
    pulled = pullback(g)
    for part, tangent, term in zip(pulled, tangents, terms, strict=True):
        assert part.shape == tangent.shape
        assert np.sum(np.conj(part) * tangent).real == np.sum(np.conj(g) * term).real
    if len(shapes) > 1 and dtype is float:
        weighed_pull = lambda *xs: sum(  # noqa: E731
            xp.sum(p * t) for p, t in zip(engine.vjp(function, *xs)[1](g), tangents, strict=True)
        )
        again = engine.grad(weighed_pull, tuple(range(len(shapes))))(*operands)
        for at, slopes in enumerate(again):
            others = [
                reference(
                    *(u if k == at else tangents[k] if k == j else operands[k] for k in range(len(shapes)))
                )
                for j in range(len(shapes))
                if j != at
                for u in [tangents[at]]
            ]
            assert np.sum(slopes * tangents[at]) == np.sum(g * sum(others))


SUBSCRIPTS = [
    ("ij,jk->ik", [(2, 3), (3, 4)]),
    ("ij,jk", [(2, 3), (3, 4)]),
    ("ij,kj->ki", [(2, 3), (4, 3)]),
    ("bij,bjk->bik", [(2, 2, 3), (2, 3, 2)]),
    ("...ij,...jk->...ik", [(2, 2, 3), (3, 2)]),
    ("...ij,jk", [(2, 2, 3), (3, 2)]),
    ("i...,i...->...", [(2, 3), (2, 3)]),
    ("i,i", [(3,), (3,)]),
    ("i,j->ji", [(2,), (3,)]),
    ("i,i->i", [(3,), (3,)]),
    ("ij->ji", [(2, 3)]),
    ("ji", [(2, 3)]),
    ("ij->", [(2, 3)]),
    ("ij->j", [(2, 3)]),
    ("ii", [(3, 3)]),
    ("ii->i", [(3, 3)]),
    ("iij->ij", [(2, 2, 3)]),
    ("iii->i", [(2, 2, 2)]),
    ("...ii->...", [(2, 3, 3)]),
    ("ii,i->i", [(3, 3), (3,)]),
    ("ij,k->i", [(2, 3), (4,)]),
    ("ij,jk,kl->il", [(2, 3), (3, 2), (2, 3)]),
    ("a,b,c->abc", [(2,), (3,), (2,)]),
    ("ij,ik,il->jkl", [(2, 2), (2, 3), (2, 2)]),
    ("ij,ij,ij->i", [(2, 3)] * 3),
    ("abc,cd,def,af->be", [(2, 2, 3), (3, 2), (2, 2, 2), (2, 2)]),
    (",i->i", [(), (3,)]),
    ("ij,jk->ik", [(2, 1), (3, 2)]),
    ("bi,bi->b", [(1, 3), (2, 3)]),
    ("ij,jk->ik", [(0, 3), (3, 2)]),
    ("ij,jk->ik", [(2, 0), (0, 2)]),
    ("i j , j k -> i k", [(2, 3), (3, 2)]),
]


@pytest.mark.parametrize("dtype", [float, complex])
@pytest.mark.parametrize(("subscripts", "shapes"), SUBSCRIPTS, ids=[f"{s} {x}" for s, x in SUBSCRIPTS])
def test_einsum(subscripts, shapes, dtype):
    @settings(max_examples=4, deadline=None)
    @given(st.data())
    def check(data):
        check_multilinear(
            data,
            lambda *xs: xp.einsum(subscripts, *xs),
            lambda *xs: np.einsum(subscripts, *xs),
            shapes,
            dtype,
        )

    check()


@st.composite
def contractions(draw):
    """Any einsum of up to four operands, with repeated letters."""
    letters = "abcd"
    size = {letter: draw(st.integers(1, 3)) for letter in letters}
    terms = draw(st.lists(st.text(letters, min_size=0, max_size=3), min_size=1, max_size=4))
    there = sorted(set("".join(terms)))
    out = draw(st.lists(st.sampled_from(there), unique=True, max_size=3)) if there else []
    shapes = [tuple(size[letter] for letter in term) for term in terms]
    return f"{','.join(terms)}->{''.join(out)}", shapes


@settings(max_examples=60, deadline=None)
@given(contractions(), st.data())
def test_einsum_of_anything(contraction, data):
    subscripts, shapes = contraction
    check_multilinear(
        data, lambda *xs: xp.einsum(subscripts, *xs), lambda *xs: np.einsum(subscripts, *xs), shapes
    )


MULTILINEAR = {
    "tensordot by 2": (lambda m, a, b: m.tensordot(a, b, axes=2), [(2, 3, 2), (3, 2, 2)]),
    "tensordot by 0": (lambda m, a, b: m.tensordot(a, b, axes=0), [(2,), (3,)]),
    "tensordot by pairs": (lambda m, a, b: m.tensordot(a, b, axes=((0, -1), (1, 0))), [(2, 2, 3), (3, 2)]),
    "vecdot": (lambda m, a, b: m.vecdot(a, b), [(2, 3), (3,)]),
    "vecdot of columns": (lambda m, a, b: m.vecdot(a, b, axis=-2), [(3, 2), (3, 2)]),
    "inner": (lambda m, a, b: m.inner(a, b), [(2, 3), (4, 3)]),
    "inner of numbers": (lambda m, a, b: m.inner(a, b), [(), (2,)]),
    "outer": (lambda m, a, b: m.outer(a, b), [(2,), (3,)]),
    "kron": (lambda m, a, b: m.kron(a, b), [(2, 2), (1, 3)]),
    "kron of ranks": (lambda m, a, b: m.kron(a, b), [(2,), (2, 3)]),
    "cross": (lambda m, a, b: m.linalg.cross(a, b), [(2, 3), (3,)]),
    "cross of columns": (lambda m, a, b: m.linalg.cross(a, b, axis=0), [(3, 2), (3, 2)]),
    "trace": (lambda m, a: m.linalg.trace(a), [(2, 3, 3)]),
    "trace above": (lambda m, a: m.linalg.trace(a, offset=1), [(2, 3)]),
    "diagonal": (lambda m, a: m.linalg.diagonal(a, offset=-1), [(2, 3, 2)]),
    "matmul": (lambda m, a, b: m.matmul(a, b), [(2, 2, 3), (3,)]),
    "broadcast_arrays": (lambda m, a, b: a * m.stack(m.broadcast_arrays(a, b))[1], [(2, 1), (3,)]),
    "concat without axis": (lambda m, a: m.concat([a, a[:1]], axis=None), [(2, 3)]),
    "diagonal, as NumPy": (lambda m, a: m.diagonal(a, 1, 0, 1), [(2, 3, 2)]),
    "expand_dims": (lambda m, a: m.expand_dims(a, axis=(0, 2)), [(2, 3)]),
    "flip": (lambda m, a: m.flip(a, axis=(0, -1)), [(2, 3)]),
    "moveaxis": (lambda m, a: m.moveaxis(a, 0, -1), [(2, 3, 2)]),
    "moveaxis of two": (lambda m, a: m.moveaxis(a, (0, 1), (-1, 0)), [(2, 3, 2)]),
    "pad": (lambda m, a: m.pad(a, ((1, 0), (0, 2))), [(2, 3)]),
    "pad by 1": (lambda m, a: m.pad(a, 1), [(2, 3)]),
    "permute_dims": (lambda m, a: m.permute_dims(a, (-1, 0, 1)), [(2, 3, 1)]),
    "repeat": (lambda m, a: m.repeat(a, 2), [(2, 3)]),
    "repeat along an axis": (lambda m, a: m.repeat(a, 3, axis=-1), [(2, 3)]),
    "repeat unequally": (lambda m, a: m.repeat(a, [2, 0, 1], axis=1), [(2, 3)]),
    "repeat not at all": (lambda m, a: m.repeat(a, 0, axis=0), [(2, 3)]),
    "roll": (lambda m, a: m.roll(a, (1, -2), axis=(0, 1)), [(2, 3)]),
    "swapaxes": (lambda m, a: m.swapaxes(a, 0, -1), [(2, 3, 2)]),
    "tile": (lambda m, a: m.tile(a, (2, 1, 3)), [(2, 3)]),
    "tile less": (lambda m, a: m.tile(a, 2), [(2, 3)]),
    "tril": (lambda m, a: m.tril(a, k=1), [(2, 3, 3)]),
    "triu": (lambda m, a: m.triu(a, k=-1), [(3, 2)]),
    "unstack": (lambda m, a: m.stack(m.unstack(a, axis=1)[1:]), [(2, 3)]),
    "meshgrid": (lambda m, a: m.stack(m.meshgrid(a, np.ones(3)))[0], [(2,)]),
    "meshgrid ij": (lambda m, a: m.stack(m.meshgrid(np.ones(3), a, indexing="ij"))[1], [(2,)]),
    "meshgrid of three": (lambda m, a: m.stack(m.meshgrid(np.ones(3), a, np.ones(4)))[1], [(2,)]),
}


ANTILINEAR = {"vecdot", "vecdot of columns"}  # in the first operand, when it is complex


@pytest.mark.parametrize(
    ("name", "dtype"),
    [(name, float) for name in MULTILINEAR]
    + [(name, complex) for name in MULTILINEAR if name not in ANTILINEAR],
)
def test_multilinear_function(name, dtype):
    function, shapes = MULTILINEAR[name]

    @settings(max_examples=4, deadline=None)
    @given(st.data())
    def check(data):
        check_multilinear(data, partial(function, xp), partial(function, np), shapes, dtype)

    check()


def test_complex_vecdot_conjugates_its_first_operand():
    a, b = random(2, 3, dtype=complex), random(3, seed=1, dtype=complex)
    np.testing.assert_allclose(xp.vecdot(a, b), np.vecdot(a, b), rtol=1e-14)
    squared = engine.grad(lambda z: xp.real(xp.vecdot(z, z)))(b)
    np.testing.assert_allclose(squared, 2 * b, rtol=1e-14)


def test_pad_with_another_constant():
    x = np.ones((2, 2), "float32")
    got = xp.pad(x, 1, constant_values=2.5)
    assert got.dtype == "float32"
    np.testing.assert_array_equal(got, np.pad(x, 1, constant_values=2.5))
    np.testing.assert_array_equal(engine.grad(lambda x: xp.sum(xp.pad(x, 1, constant_values=2.5)))(x), x)


def test_plain_matrix_product_is_one_primitive():
    graph = engine.trace(lambda a, b: xp.einsum("ij,jk->ik", a, b), ["a", "b"])(I2, I2)
    assert str(graph).count("@") == 1


@pytest.mark.parametrize(
    "key",
    [
        np.array([0, 1, 0]),
        (np.array([0, 1, 1]), np.array([2, 0, 0])),
        (slice(None), np.array([1, 1, 2])),
        (np.array([[0], [1]]), np.array([1, 1])),
        (0, np.array([2, 2])),
        np.array([True, False]),
        np.array([[True, False, True], [False, False, True]]),
        (np.array([True, False]), slice(1, None)),
        (Ellipsis, -1),
        (None, slice(None, None, -1), None, 1),
        [1, 1],
        np.int64(1),
    ],
    ids=str,
)
def test_indexing_adds_up_what_is_taken_twice(key):
    x = np.arange(6.0).reshape(2, 3)
    y, pullback = engine.vjp(lambda x: x[key], x)
    np.testing.assert_array_equal(y, x[key])
    g = np.arange(1.0, 1.0 + y.size).reshape(y.shape)
    expected = np.zeros_like(x)
    np.add.at(expected, key, g)
    np.testing.assert_array_equal(pullback(g)[0], expected)
    back = engine.grad(lambda g: xp.sum(engine.vjp(lambda x: x[key], x)[1](g)[0] * x))(g)
    np.testing.assert_array_equal(back, y)


def test_index_may_come_from_what_is_differentiated():
    x = np.array([3.0, -1.0, 2.0])
    np.testing.assert_array_equal(engine.grad(lambda x: xp.sum(x[x > 0] ** 2))(x), [6, 0, 4])
    np.testing.assert_array_equal(engine.grad(lambda x: x[xp.argmax(x)] ** 2)(x), [6, 0, 0])
    np.testing.assert_array_equal(np.diagonal(engine.hessian(lambda x: xp.sum(x[x > 0] ** 2))(x)), [2, 0, 2])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda x: xp.linalg.svd(x), "full_matrices of svd: expected False for a matrix that is not square"),
        (lambda x: xp.linalg.qr(x, mode="complete"), "mode of qr: expected 'reduced', got 'complete'"),
        (lambda x: xp.linalg.matrix_norm(x, ord=3), "ord of matrix_norm: expected 'fro', 'nuc', 1, 2, inf"),
        (lambda x: xp.pad(x, 1, mode="edge"), "mode of pad: expected 'constant', got 'edge'"),
        (lambda x: xp.einsum("ijk->i", x), "subscripts of einsum: expected letters for operands of shapes"),
        (lambda x: xp.einsum("ij,jk", x), "subscripts of einsum: expected letters for operands of shapes"),
        (lambda x: xp.einsum("ij->k", x), "subscripts of einsum: expected each letter of the result once"),
        (lambda x: xp.einsum("ij->ii", x), "subscripts of einsum: expected each letter of the result once"),
        (lambda x: xp.tensordot(x, x, axes=1), "axes of tensordot: expected axes of equal size"),
    ],
)
def test_what_cannot_be_done_says_so(call, message):
    with pytest.raises(BadArgument) as error:
        engine.vjp(lambda x: xp.sum(call(x)[0]), np.ones((3, 2)))
    assert str(error.value).startswith(message)
