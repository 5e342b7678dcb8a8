"""Jacobians and Hessians by structure: equal to those walked by rows and by columns, dense and sparse."""

import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from gradcheck.engine import compile as compiled
from gradcheck.engine import grad, hessian, hvp, jacobian, jvp, vjp, xp
from gradcheck.engine import structure_rules as rules
from gradcheck.engine.array import Array
from gradcheck.engine.core import Tape, multiply
from gradcheck.engine.places import by_rows, evenly, laid_out, picked
from gradcheck.engine.structure import accumulated, dense
from gradcheck.errors import NotTraceable

RNG = np.random.default_rng(17)
W = RNG.normal(size=(4, 3))
X = RNG.normal(size=(3, 4))
V = RNG.normal(size=3)
B = RNG.normal(size=(2, 3, 4))
U = RNG.normal(size=(5, 6))


def by_structure(f, x):
    """The Jacobian by structure, whatever it costs."""
    tape = Tape(Array)
    traced = tape.input(x)
    y = f(traced)
    terms = accumulated(tape, [traced], [y], rows=False, limited=False)
    return dense(terms[0][0], y, traced)


def by_rows_of(f, x):
    y, pullback = vjp(f, x)
    rows = [pullback(e.reshape(np.shape(y)))[0] for e in np.eye(np.size(y), dtype=np.result_type(y))]
    return np.reshape(rows, (*np.shape(y), *np.shape(x)))


def by_columns_of(f, x):
    columns = [jvp(f, [x], [e.reshape(np.shape(x))])[1] for e in np.eye(np.size(x), dtype=np.result_type(x))]
    y = np.shape(f(x))
    return (
        np.reshape(np.stack(columns, axis=-1), (*y, *np.shape(x)))
        if columns
        else np.zeros((*y, *np.shape(x)))
    )


def close(got, expected, rtol=1e-12):
    assert np.shape(got) == np.shape(expected)
    np.testing.assert_allclose(
        got, expected, rtol=rtol, atol=rtol * max(1.0, np.max(np.abs(expected), initial=0))
    )


def stencil(u):
    inside = u[1:-1, 1:-1]
    return u[2:, 1:-1] + u[:-2, 1:-1] + u[1:-1, 2:] + u[1:-1, :-2] - 4 * inside + inside**3


def rosenbrock(x):
    return xp.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)


FUNCTIONS = {
    "identity": (lambda x: x, V),
    "constant": (lambda x: np.ones(3), V),
    "matrix times vector": (lambda x: xp.matmul(W, x), V),
    "vector times matrix": (lambda x: xp.matmul(x, X), V),
    "in the matrix": (lambda w: xp.matmul(w, V), W),
    "matrix times matrix": (lambda x: xp.matmul(W, x), X),
    "matrix on the right": (lambda x: xp.matmul(x, W), X),
    "both operands": (lambda x: xp.matmul(x, xp.matrix_transpose(x)), X),
    "products in a row": (lambda x: xp.matmul(xp.matmul(W, x), W), X),
    "layers": (lambda x: xp.matmul(X, xp.tanh(xp.matmul(W, x) + 1.0)), V),
    "layers in a weight": (lambda w: xp.matmul(X, xp.tanh(xp.matmul(w, V) + 1.0)), W),
    "batch of matrices": (lambda x: xp.matmul(B, x), W),
    "batch of operands": (lambda x: xp.matmul(x, W), B),
    "matrix before a batch": (lambda x: xp.matmul(W[:3], x), B),
    "einsum": (lambda x: xp.einsum("ij,jk->ki", x, W), X),
    "einsum of one twice": (lambda x: xp.einsum("ij,ij->i", x, x), X),
    "einsum in a batch": (lambda x: xp.einsum("bij,jk->bik", B, x), W),
    "tensordot": (lambda x: xp.tensordot(x, x, axes=((0,), (0,))), X),
    "kron": (lambda x: xp.kron(x, W), X),
    "outer": (lambda x: x[:, None] * x[None, :], V),
    "sum of outer": (lambda x: xp.sum(x[:, None] * x[None, :], axis=0), V),
    "neighbours": (lambda x: x[1:] * x[:-1] ** 2, V),
    "stencil": (stencil, U),
    "sum": (lambda x: xp.sum(x * x, axis=1), X),
    "sum of all": (lambda x: xp.sum(x**3), V),
    "sum that is broadcast": (lambda x: xp.sum(xp.sin(x), axis=0, keepdims=True) * x, X),
    "rows of a sum": (lambda x: xp.sum(x, axis=1)[1:] ** 2, X),
    "rows of a product": (lambda x: xp.matmul(W, xp.sum(x, axis=1))[1:] ** 2, X),
    "repeated sum": (lambda x: xp.sum(xp.broadcast_to(x[0], (5,))) * x, V),
    "mean": (lambda x: x - xp.mean(x), V),
    "variance": (lambda x: xp.var(x, axis=0), X),
    "softmax by hand": (lambda x: xp.exp(x) / xp.sum(xp.exp(x), axis=1, keepdims=True), X),
    "softmax": (lambda x: xp.softmax(x, axis=-1), X),
    "log-sum-exp": (lambda x: xp.log(xp.sum(xp.exp(x - xp.max(x)))) * x, V),
    "repeated places": (lambda x: x[np.array([0, 1, 1, 2, 0])] ** 2, V),
    "places of a slice": (lambda x: x[1:][np.array([0, 1, 1])] * x[0], V),
    "masked": (lambda x: x[np.array([True, False, True])] ** 2, V),
    "nothing left": (lambda x: x[0:0] * 2, V),
    "nothing broadcast": (lambda x: xp.sum(xp.zeros((0, 3)) * x, axis=1), V),
    "nothing left of rows": (lambda x: xp.matmul(W, x)[0:0] * 2, X),
    "nothing among others": (lambda x: xp.concat([xp.sum(xp.zeros((0, 3)) * x[0:3], axis=0), xp.sin(x)]), V),
    "some rows of a product": (lambda x: xp.tanh(xp.matmul(W, x))[np.array([2, 0, 2])] * x[0], X),
    "concat": (lambda x: xp.sin(xp.concat([x, x[1:] ** 2, np.ones(2)])), V),
    "stack": (lambda x: xp.stack([x, x**2], axis=1)[::-1], V),
    "roll": (lambda x: xp.roll(x, 1) * x, V),
    "flip": (lambda x: xp.flip(x, axis=0) * x, X),
    "permutation": (lambda x: xp.permute_dims(x, (1, 0))[1:] ** 2, X),
    "triangle": (lambda x: xp.sin(xp.tril(x)) + xp.triu(x, k=1), X),
    "diagonal": (lambda x: xp.linalg.diagonal(x) ** 2, X),
    "tile": (lambda x: xp.tile(x, (2, 2)) ** 2, X),
    "pad": (lambda x: xp.pad(x, 1) ** 2, X),
    "broadcast": (lambda x: xp.broadcast_to(x[None, :], (4, 3)) * W, V),
    "where": (lambda x: xp.where(x > 0, xp.sin(x), x**2), X),
    "maximum of each row": (lambda x: xp.max(x, axis=1), X),
    "products of columns": (lambda x: xp.prod(x * 2, axis=0), X),
    "norm": (lambda x: x / xp.linalg.vector_norm(x), V),
    "determinant": (lambda x: xp.linalg.det(x[:, :3]) * x[0], X),
    "running sum": (lambda x: xp.cumulative_sum(x**2, axis=0), X),
    "linear system": (lambda x: xp.linalg.solve(x[:, :3], np.ones(3)), X),
    "number": (lambda x: xp.sin(x) * x, np.array(0.5)),
    "one entry": (lambda x: x * x, np.ones(1)),
    "no entries": (lambda x: x * x, np.ones(0)),
    "single precision": (
        lambda x: xp.where(x > 0, x**2, 0.0) * 2.5 + xp.matmul(W.astype("f"), x)[1:],
        V.astype("f"),
    ),
    "jacobian": (lambda x: jacobian(lambda z: z[1:] ** 2 * z[:-1])(x), V),
    "hessian": (lambda x: hessian(rosenbrock)(x), V),
}
COMPLEX = {
    "holomorphic": (lambda x: x * x * 1j + xp.matmul(W, x)[1:], V + 1j * V[::-1]),
    "real parts": (lambda x: xp.abs(x) * xp.real(x) + xp.imag(x), V + 1j * V[::-1]),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_structure_rows_and_columns_agree(name):
    f, x = FUNCTIONS[name]
    expected = by_columns_of(f, x)
    rtol = 1e-5 if x.dtype == np.float32 else 1e-12
    close(by_structure(f, x), expected, rtol)
    close(by_rows_of(f, x), expected, rtol)
    got = jacobian(f)(x)
    close(got, expected, rtol)
    assert got.dtype == x.dtype


@pytest.mark.parametrize("name", COMPLEX)
def test_structure_of_complex_inputs_agrees_with_columns(name):
    f, x = COMPLEX[name]
    close(by_structure(f, x), by_columns_of(f, x))


@pytest.mark.parametrize("name", FUNCTIONS)
def test_sparse_jacobian_has_the_entries_of_the_dense_one(name):
    f, x = FUNCTIONS[name]
    got = jacobian(f, sparse=True)(x)
    assert isinstance(got, sparse.csr_array)
    assert got.has_canonical_format
    assert got.dtype == x.dtype
    expected = jacobian(f)(x)
    assert got.shape == (np.size(f(x)), x.size)
    close(got.toarray(), expected.reshape(got.shape), 1e-5 if x.dtype == np.float32 else 1e-12)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_plans_write_the_same_jacobian(name):
    f, x = FUNCTIONS[name]
    plan, sparsely = compiled(jacobian(f)), compiled(jacobian(f, sparse=True))
    for point in (x, x * 1.25):
        expected = jacobian(f)(point)
        rtol = 1e-5 if x.dtype == np.float32 else 1e-11
        close(plan(point), expected, rtol)
        close(sparsely(point).toarray(), expected.reshape(-1, x.size) if x.size else np.zeros((0, 0)), rtol)


def scalar_of(f):
    return lambda x: xp.sum(f(x) ** 2)


@pytest.mark.parametrize("name", [name for name in FUNCTIONS if FUNCTIONS[name][1].dtype == np.float64])
def test_ways_to_a_hessian_agree(name):
    f, x = FUNCTIONS[name]
    g = scalar_of(f)
    basis = [e.reshape(x.shape) for e in np.eye(x.size)]
    columns = [hvp(g, [x], [e])[0] for e in basis]
    expected = np.stack(columns, axis=-1).reshape(x.shape * 2) if columns else np.zeros(x.shape * 2)
    pulled = by_rows_of(grad(g), x)
    for got in (
        hessian(g)(x),
        by_structure(grad(g), x),
        jacobian(grad(g))(x),
        jacobian(jacobian(g))(x),
        pulled,
    ):
        close(got, expected, 1e-9)
    flat = hessian(g)(x).reshape(x.size, x.size)
    close(flat, flat.T, 1e-9)
    close(hessian(g, sparse=True)(x).toarray(), flat, 1e-9)


OPERATIONS = {
    "tail": lambda x: x[1:] if x.shape[0] > 1 else x,
    "step": lambda x: x[::2],
    "reverse": lambda x: x[::-1] * 2,
    "column": lambda x: x[:, -1:],
    "transpose": lambda x: xp.permute_dims(x, (1, 0)),
    "square": lambda x: x * x,
    "sine": xp.sin,
    "product with the sum": lambda x: x * xp.sum(x, axis=0),
    "row sums": lambda x: x + xp.sum(x, axis=1, keepdims=True),
    "gram": lambda x: xp.matmul(x, xp.permute_dims(x, (1, 0))),
    "constant matrix": lambda x: (
        xp.matmul(U[: min(5, x.shape[0]), : x.shape[0]], x) if x.shape[0] <= 6 else x
    ),
    "broadcast": lambda x: x + x[:1],
    "choice": lambda x: xp.where(x > 0.25, x, 0.5 * x * x),
    "twice": lambda x: xp.concat([x, x * 3], axis=0)[: x.shape[0] + 1],
    "indices": lambda x: x[np.arange(x.shape[0] + 1) % x.shape[0]],
    "fold": lambda x: xp.reshape(x, (1, -1)),
    "roll": lambda x: xp.roll(x, 1, axis=1) - x,
}


@settings(max_examples=40, deadline=None)
@given(
    names=st.lists(st.sampled_from(sorted(OPERATIONS)), min_size=1, max_size=5),
    shape=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    seed=st.integers(0, 99),
)
def test_structure_of_any_composition_agrees_with_columns(names, shape, seed):
    def f(x):
        for name in names:
            x = OPERATIONS[name](x)
        return x

    x = np.random.default_rng(seed).uniform(-1, 1, shape)
    expected = by_columns_of(f, x)
    close(by_structure(f, x), expected, 1e-11)
    close(jacobian(f, sparse=True)(x).toarray().reshape(expected.shape), expected, 1e-11)
    close(
        by_structure(grad(lambda z: xp.sum(xp.sin(f(z)))), x),
        jacobian(grad(lambda z: xp.sum(xp.sin(f(z)))))(x),
        1e-9,
    )


def guarded(x):
    return xp.where(x > 0, xp.sqrt(xp.where(x > 0, x, 1.0)), 0.0) + xp.where(x > 0, xp.sqrt(x), 0.0)


def test_branches_that_are_not_taken_stay_out():
    x = np.array([0.0, 4.0, 0.0])
    with np.errstate(divide="ignore", invalid="ignore"):
        close(by_structure(guarded, x), np.diag([0.0, 0.5, 0.0]))
        curvature = hessian(lambda z: xp.sum(guarded(z)))(x)
    close(curvature, np.diag([0.0, -0.0625, 0.0]))


def test_wrong_scale_is_seen(monkeypatch):
    def doubled(step, term):
        moved = rules._matrix_product(step, term)
        return rules.Term(moved.rows, moved.columns, multiply(2.0, moved.values), moved.whole)

    monkeypatch.setitem(rules._RULES, rules.matmul_matrices, doubled)
    with pytest.raises(AssertionError):
        test_structure_rows_and_columns_agree("layers")


def test_entries_in_wrong_rows_are_seen(monkeypatch):
    def shifted(step, term):
        moved = rules._scattered(step, term)
        return rules.Term(moved.rows - moved.rows.min(), moved.columns, moved.values)

    monkeypatch.setitem(rules._RULES, rules.scatter, shifted)
    with pytest.raises(AssertionError):
        test_ways_to_a_hessian_agree("neighbours")


def test_rosenbrock_has_a_tridiagonal_pattern():
    n = 50
    x = np.linspace(0.5, 1.5, n)
    got = hessian(rosenbrock, sparse=True)(x)
    assert got.nnz == 3 * n - 2
    expected = np.diag(
        np.append(1200 * x[:-1] ** 2 - 400 * x[1:] + 2, 0.0) + np.append(0.0, np.full(n - 1, 200.0))
    )
    expected += np.diag(-400 * x[:-1], 1) + np.diag(-400 * x[:-1], -1)
    close(got.toarray(), expected)
    close(hessian(rosenbrock)(x), expected)


def test_sparse_hessian_takes_memory_in_proportion():
    x = np.linspace(0.5, 1.5, 20_000)
    hessian(rosenbrock, sparse=True)(x[:10])
    tracemalloc.start()
    try:
        hessian(rosenbrock, sparse=True)(x)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 200 * x.nbytes  # a dense one takes 20000


def test_pattern_does_not_depend_on_data():
    def f(x):
        return xp.where(x > 0, x**2, 0.0) * x[::-1]

    one, two = (jacobian(f, sparse=True)(x) for x in (np.ones(4), np.zeros(4)))
    np.testing.assert_array_equal(one.indices, two.indices)
    np.testing.assert_array_equal(one.indptr, two.indptr)


@pytest.mark.parametrize("make", [lambda f: f, compiled])
def test_sparse_matrices_have_memory_of_their_own(make):
    plan = make(hessian(rosenbrock, sparse=True))
    x = np.linspace(0.5, 1.5, 5)
    first, second = plan(x), plan(x)
    expected = second.toarray()
    first.data[:] = 0.0
    first.eliminate_zeros()
    np.testing.assert_array_equal(second.toarray(), expected)
    np.testing.assert_array_equal(plan(x).toarray(), expected)


@pytest.mark.parametrize("make", [lambda f: f, compiled])
def test_jacobian_of_a_linear_function_has_memory_of_its_own(make):
    matrix = W.copy()
    got = make(jacobian(lambda w, x: xp.matmul(w, x), wrt=1))(matrix, V)
    got[:] = 0.0
    np.testing.assert_array_equal(matrix, W)


def test_sparse_blocks_come_in_containers():
    def f(p):
        return {"difference": p["a"][1:] - p["a"][:-1], "product": p["a"] * p["b"]}

    p = {"a": V, "b": 2.0 + V}
    for got in (jacobian(f, sparse=True)(p), compiled(jacobian(f, sparse=True))(p)):
        expected = jacobian(f)(p)
        assert got["difference"]["b"].nnz == 0
        for name, row in got.items():
            for other, block in row.items():
                close(block.toarray(), expected[name][other])


def test_sparse_matrix_under_an_enclosing_derivative_is_refused():
    with pytest.raises(NotTraceable, match="sparse"):
        grad(lambda x: xp.sum(hessian(rosenbrock, sparse=True)(x).data))(V)


def test_linear_functions_are_read_off():
    plan = compiled(jacobian(lambda w, x: xp.matmul(w, x), wrt=1))
    np.testing.assert_array_equal(plan(W, V), W)
    assert "matmul" not in plan.source
    assert "dot" not in plan.source


def test_derivatives_of_a_hessian_flow_through_its_layout():
    third = jacobian(hessian(rosenbrock))(V)
    expected = by_columns_of(hessian(rosenbrock), V)
    close(third, expected)
    close(
        grad(lambda x: xp.sum(hessian(rosenbrock)(x) * np.arange(9.0).reshape(3, 3)))(V),
        np.tensordot(np.arange(9.0).reshape(3, 3), expected, 2),
    )


# Places.


@settings(max_examples=60, deadline=None)
@given(
    shape=st.lists(st.integers(1, 4), min_size=0, max_size=3).map(tuple),
    seed=st.integers(0, 999),
)
def test_picked_entries_are_those_at_the_places(shape, seed):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=shape)
    key = tuple(
        slice(None, None, -1)
        if rng.random() < 0.3
        else slice(int(rng.integers(size)), None, int(rng.integers(1, 3)))
        for size in shape
    )
    places = np.arange(x.size).reshape(shape)[key].transpose(rng.permutation(len(shape)))
    for at in (places, places[..., None] + np.zeros(3, int), rng.integers(x.size, size=(2, 3))):
        np.testing.assert_array_equal(np.broadcast_to(picked(x, at), at.shape), x.reshape(-1)[at])


def test_even_places_are_found():
    assert evenly(np.arange(12).reshape(3, 4)[:, ::2]) == (4, 2)
    assert evenly(np.array([0, 1, 3])) is None
    assert evenly(np.array([[0, 1], [2, 4]])) is None


def test_hessian_of_an_empty_operand_has_its_shape():
    def f(a, b):
        return xp.sum(a * b + a / b)

    (aa, ab), (ba, bb) = hessian(f, (0, 1))(np.ones((0, 3)), V)
    assert (aa.shape, ab.shape, ba.shape) == ((0, 3, 0, 3), (0, 3, 3), (3, 0, 3))
    np.testing.assert_array_equal(bb, np.zeros((3, 3)))


@settings(max_examples=60, deadline=None)
@given(
    parts=st.lists(st.lists(st.integers(0, 7), min_size=1, max_size=8), min_size=1, max_size=4),
    seed=st.integers(0, 99),
)
def test_values_add_up_where_places_are_named_again(parts, seed):
    rng = np.random.default_rng(seed)
    places = [np.array(part) for part in parts]
    values = [rng.normal(size=at.shape) for at in places]
    expected = np.zeros(8)
    for at, value in zip(places, values, strict=True):
        np.add.at(expected, at, value)
    close(laid_out(values, places, (2, 4)), expected.reshape(2, 4))
    data, pattern = by_rows(values, places, (2, 4), np.float64)
    close(pattern.matrix(data).toarray(), expected.reshape(2, 4))
    assert len(data) == len({place for part in parts for place in part})
