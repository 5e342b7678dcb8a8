"""The public judge: what it takes, what it prints, what it counts, and that every verdict repeats."""

from dataclasses import dataclass
from functools import partial
from inspect import signature
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as effort
from hypothesis import strategies as st
from scipy import sparse

from gradcheck import Status, assert_gradients, engine, verify
from gradcheck.errors import AmbiguousTruth

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=5), RNG.normal(size=5)
W = RNG.normal(size=(4, 8))
SQUARE = RNG.normal(size=(3, 3))
Z = RNG.normal(size=3) + 1j * RNG.normal(size=3)
xp = engine.xp


@dataclass
class Layer:
    weight: Any
    bias: Any
    name: str = "tanh"


class Pair(NamedTuple):
    left: Any
    right: Any


def exact(array, *index):
    return np.array(array)


def spoilt(array, *index):
    """A copy with one entry half as large again."""
    copy = np.array(array)
    copy[index] *= 1.5
    return copy


def cosine(x, cotangent):
    return cotangent * np.cos(x)


def wrong_cosine(x, cotangent):
    return spoilt(cotangent * np.cos(x), 2)


def causes(verdict):
    return {finding.cause for finding in verdict.findings}


def modes(verdict):
    return {finding.mode for finding in verdict.findings if finding.failed}


# Arguments


def network(params, x):
    layer = params["enc"][2]
    return np.tanh(layer.weight @ x + layer.bias) * params["enc"][1].sum()


def network_vjp(slip, params, x, cotangent):
    layer = params["enc"][2]
    inner = np.tanh(layer.weight @ x + layer.bias)
    rest = cotangent * params["enc"][1].sum() * (1 - inner**2)
    in_enc = [None, np.full(5, cotangent @ inner), Layer(slip(np.outer(rest, x), 3, 7), rest, None)]
    return {"enc": in_enc, "steps": None}, layer.weight.T @ rest


# f, args, a vjp with one entry that may slip, and where that is
PLACES = {
    "bare": (lambda x: np.sin(x), X, lambda slip, x, c: slip(c * np.cos(x), 2), "x[2]"),
    "tuple": (lambda x, y: x * y, (X, Y), lambda slip, x, y, c: (c * y, slip(c * x, 1)), "y[1]"),
    "list": (lambda x, y: x * y, [X, Y], lambda slip, x, y, c: [c * y, slip(c * x, 1)], "y[1]"),
    "no names": (
        lambda *xs: xs[0] * xs[1],
        (X, Y),
        lambda slip, x, y, c: (c * y, slip(c * x, 1)),
        "args[1][1]",
    ),
    "dict": (
        lambda p: p["a"] * p["b"],
        {"a": X, "b": Y},
        lambda slip, p, c: {"a": c * p["b"], "b": slip(c * p["a"], 4)},
        "p['b'][4]",
    ),
    "integer keys": (
        lambda p: p[1] * p[2],
        ({1: X, 2: Y},),
        lambda slip, p, c: {1: slip(c * p[2], 0), 2: c * p[1]},
        "p[1][0]",
    ),
    "tuple of tuples": (
        lambda p: p[0] * p[1][0],
        ((X, (Y,)),),
        lambda slip, p, c: (c * p[1][0], (slip(c * p[0], 3),)),
        "p[1][0][3]",
    ),
    "named tuple": (
        lambda p: p.left * p.right,
        (Pair(X, Y),),
        lambda slip, p, c: Pair(slip(c * p.right, 4), c * p.left),
        "p.left[4]",
    ),
    "dataclass": (
        lambda layer, x: layer.weight @ x + layer.bias,
        (Layer(W, W[:, 0]), W[0]),
        lambda slip, layer, x, c: (Layer(np.outer(c, x), slip(c, 1), None), layer.weight.T @ c),
        "layer.bias[1]",
    ),
    "nested": (
        network,
        ({"enc": [1, X, Layer(W, W[:, 1])], "steps": 3}, W[0]),
        network_vjp,
        "params['enc'][2].weight[3, 7]",
    ),
    "number": (lambda x: x * x, 3.0, lambda slip, x, c: float(slip(2 * x * c)), "x"),
    "NumPy number": (lambda x: x * x, np.float64(3), lambda slip, x, c: slip(2 * x * c)[()], "x"),
    "0-d": (lambda x: x * x, np.array(3.0), lambda slip, x, c: slip(2 * x * c), "x"),
    "size 1": (lambda x: x * x, np.array([[3.0]]), lambda slip, x, c: slip(2 * x * c, 0, 0), "x[0, 0]"),
    "integer beside": (
        lambda n, x: x**n,
        (3, X),
        lambda slip, n, x, c: (None, slip(c * n * x ** (n - 1), 2)),
        "x[2]",
    ),
    "empty beside": (
        lambda x, y: x.sum() + y,
        (np.zeros((0, 3)), X),
        lambda slip, x, y, c: (np.zeros((0, 3)), slip(c, 2)),
        "y[2]",
    ),
}


@pytest.mark.parametrize("name", PLACES)
def test_a_right_derivative_of_any_arguments_passes(name):
    f, args, vjp, _ = PLACES[name]
    verdict = verify(f, args, vjp=partial(vjp, exact), seed=0)
    assert verdict.passed, str(verdict)


@pytest.mark.parametrize("name", PLACES)
def test_a_wrong_entry_is_printed_as_one_would_write_it(name):
    f, args, vjp, where = PLACES[name]
    verdict = verify(f, args, vjp=partial(vjp, spoilt), seed=0)
    assert verdict.failed, str(verdict)
    assert where == verdict.findings[0].where
    assert f"\n  vjp: {where}" in str(verdict)


@pytest.mark.parametrize("give", [np.zeros((0, 3)), np.zeros((3, 0))], ids=["right", "wrong"])
def test_where_there_is_no_entry_shapes_are_judged(give):
    verdict = verify(lambda x: x.sum(), np.zeros((0, 3)), vjp=lambda x, cotangent: give, seed=0)
    assert verdict.passed == (give.shape == (0, 3))
    assert "there is no entry to differentiate" in str(verdict) or causes(verdict) == {"transposed"}


def test_arguments_are_left_as_they_were():
    x, layer = X.copy(), Layer(W.copy(), W[:, 0].copy())
    verify(
        lambda layer, x: layer.weight[:, :5] @ x + layer.bias,
        (layer, x),
        vjp=lambda layer, x, c: (Layer(np.zeros_like(W), c, None), layer.weight[:, :5].T @ c),
        seed=0,
    )
    assert np.array_equal(x, X)
    assert np.array_equal(layer.weight, W)


PRODUCT = (lambda x, y: x * y, (X, Y))
KEYWORDS = {"kwargs": {"scale": 3.0}}
FORMS = {
    "keyword-only cotangent": (np.sin, X, lambda x, *, cotangent: cotangent * np.cos(x), {}),
    "a tuple of one": (np.sin, X, lambda x, c: (c * np.cos(x),), {}),
    "a list of one": (np.sin, X, lambda x, c: [c * np.cos(x)], {}),
    "a dict by name": (*PRODUCT, lambda x, y, c: {"y": c * x, "x": c * y}, {}),
    "a tuple for a named tuple": (
        lambda p: p.left * p.right,
        (Pair(X, Y),),
        lambda p, c: (c * p.right, c * p.left),
        {},
    ),
    "keywords passed on": (
        lambda x, *, scale: scale * x,
        X,
        lambda x, c, *, scale: scale * c,
        KEYWORDS,
    ),
    "keywords not taken": (lambda x, *, scale: scale * x, X, lambda x, c: 3 * c, KEYWORDS),
    "wrt by name": (*PRODUCT, lambda x, y, c: (None, c * x), {"wrt": "y"}),
    "wrt, bare": (*PRODUCT, lambda x, y, c: c * x, {"wrt": "y"}),
    "wrt by position": (*PRODUCT, lambda x, y, c: (c * y, None), {"wrt": 0}),
    "wrt from the end": (*PRODUCT, lambda x, y, c: (None, c * x), {"wrt": -1}),
    "wrt by path": (
        lambda p: p["a"] * p["b"],
        {"a": X, "b": Y},
        lambda p, c: {"a": None, "b": c * p["a"]},
        {"wrt": ["p['b']"]},
    ),
    "wrt by prefix": (
        lambda p, y: p["a"][0] * p["a"][1].left * y,
        ({"a": [X, Pair(Y, 2)]}, Y),
        lambda p, y, c: (
            {"a": [c * p["a"][1].left * y, Pair(c * p["a"][0] * y, None)]},
            None,
        ),
        {"wrt": "p['a']"},
    ),
}


@pytest.mark.parametrize("name", FORMS)
def test_a_derivative_may_be_given_in_several_forms(name):
    f, args, vjp, options = FORMS[name]
    verdict = verify(f, args, vjp=vjp, seed=0, **options)
    assert verdict.passed, str(verdict)


def halved(tree):
    if isinstance(tree, dict):
        return {name: halved(below) for name, below in tree.items()}
    if isinstance(tree, Pair):
        return Pair(*map(halved, tree))
    if isinstance(tree, (tuple, list)):
        return type(tree)(map(halved, tree))
    return None if tree is None else tree / 2


@pytest.mark.parametrize("name", FORMS)
def test_no_form_hides_a_wrong_derivative(name):
    f, args, vjp, options = FORMS[name]

    def half(*args, **named):
        return halved(vjp(*args, **named))

    half.__signature__ = signature(vjp)
    verdict = verify(f, args, vjp=half, seed=0, **options)
    assert verdict.failed, str(verdict)
    assert causes(verdict) == {"factor 1/2"}, str(verdict)


@pytest.mark.parametrize("wrt", ["y", 1, ("y",), ["x", "y"], None])
def test_only_what_wrt_names_is_judged(wrt):
    wrong_in_x = verify(*PRODUCT, vjp=lambda x, y, c: (2 * c * y, c * x), wrt=wrt, seed=0)
    assert wrong_in_x.passed == (wrt in ("y", 1, ("y",))), str(wrong_in_x)
    wrong_in_y = verify(*PRODUCT, vjp=lambda x, y, c: (c * y, 2 * c * x), wrt=wrt, seed=0)
    assert wrong_in_y.failed, str(wrong_in_y)


def test_tangents_of_what_wrt_leaves_out_are_zero():
    seen = []

    def jvp(x, y, in_x, in_y):
        seen.append(in_y)
        return in_x * y + in_y * x

    assert verify(*PRODUCT, jvp=jvp, wrt="x", seed=0).passed
    assert not np.any(seen)


# Derivatives of every kind


def gram_jacobian(a):
    eye = np.eye(len(a))
    return np.einsum("ia,jb->ijab", eye, a) + np.einsum("ja,ib->ijab", eye, a)


def cubes(x):
    return np.sum(x**3)


# what is given, of what, and the place of the entry that may slip
KINDS = {
    "vjp": ("vjp", np.sin, X, lambda slip, x, c: slip(c * np.cos(x), 2), "x[2]"),
    "jvp": ("jvp", np.sin, X, lambda slip, x, t: slip(t * np.cos(x), 2), "x[2]"),
    "jvp of two": ("jvp", *PRODUCT, lambda slip, x, y, a, b: slip(a * y, 2) + x * b, "x[2]"),
    "grad": ("grad", cubes, X, lambda slip, x: slip(3 * x**2, 2), "x[2]"),
    "grad of a size-1 array": ("grad", lambda x: x @ x[:, None], X, lambda slip, x: slip(2 * x, 1), "x[1]"),
    "jac, a matrix": ("jac", np.sin, X, lambda slip, x: slip(np.diag(np.cos(x)), 1, 1), "x[1]"),
    "jac, beside the diagonal": (
        "jac",
        np.sin,
        X,
        lambda slip, x: np.diag(np.cos(x)) + slip(np.ones((5, 5)), 1, 4) - 1,
        "x[4]",
    ),
    "jac, full": (
        "jac",
        lambda a: a @ a.T,
        SQUARE,
        lambda slip, a: slip(gram_jacobian(a), 0, 1, 1, 2),
        "a[1, 2]",
    ),
    "jac, of a number": ("jac", cubes, X, lambda slip, x: slip(3 * x**2, 2), "x[2]"),
    "jac, one row": ("jac", cubes, X, lambda slip, x: slip(3 * x**2, 2)[None], "x[2]"),
    "jac, two": (
        "jac",
        lambda a, x: a @ x,
        (W, W[0]),
        lambda slip, a, x: (np.einsum("ij,k->ijk", np.eye(4), x), slip(a, 2, 5)),
        "x[5]",
    ),
    "jac, sparse matrix": ("jac", np.sin, X, lambda slip, x: sparse.diags(slip(np.cos(x), 2)), "x[2]"),
    "jac, sparse array": (
        "jac",
        np.sin,
        X,
        lambda slip, x: sparse.csr_array(slip(np.diag(np.cos(x)), 3, 3)),
        "x[3]",
    ),
}


@pytest.mark.parametrize("name", KINDS)
def test_every_kind_of_derivative_passes_when_right(name):
    kind, f, args, rule, _ = KINDS[name]
    verdict = verify(f, args, **{kind: partial(rule, exact)}, seed=0)
    assert verdict.passed, str(verdict)


@pytest.mark.parametrize("name", KINDS)
def test_every_kind_of_derivative_fails_where_one_entry_is_wrong(name):
    kind, f, args, rule, where = KINDS[name]
    verdict = verify(f, args, **{kind: partial(rule, spoilt)}, seed=0)
    assert verdict.failed, str(verdict)
    assert modes(verdict) == {kind}
    assert where == verdict.findings[0].where


@pytest.mark.parametrize(
    ("jac", "cause"),
    [
        (lambda x: W.T, "transposed"),
        (lambda x: W[:3], "wrong shape"),
        (lambda x: np.stack([W, W]), "wrong shape"),
    ],
)
def test_a_jacobian_of_another_shape_fails(jac, cause):
    verdict = verify(lambda x: W @ x, W[0], jac=jac, seed=0)
    assert causes(verdict) == {cause}, str(verdict)


def cubes_grad(x):
    return 3 * x**2 + np.array([x[1], x[0], 0, 0, 0])


def cubes_and_product(x):
    return cubes(x) + x[0] * x[1]


def cubes_hvp(x, tangent):
    return 6 * x * tangent + np.array([tangent[1], tangent[0], 0, 0, 0])


FIRST = {
    "alone": {},
    "beside grad": {"grad": cubes_grad},
    "beside vjp": {"vjp": lambda x, cotangent: cotangent * cubes_grad(x)},
    "beside jac": {"jac": cubes_grad},
}
SECOND = {
    "factor 1/2": lambda x, tangent: cubes_hvp(x, tangent) / 2,
    "sign": lambda x, tangent: -cubes_hvp(x, tangent),
    "detached (zero)": lambda x, tangent: 0 * tangent,
}


@pytest.mark.parametrize("first", FIRST)
def test_a_right_hessian_product_passes(first):
    verdict = verify(cubes_and_product, X, hvp=cubes_hvp, **FIRST[first], seed=0)
    assert verdict.passed, str(verdict)


@pytest.mark.parametrize("first", FIRST)
@pytest.mark.parametrize("cause", SECOND)
def test_a_wrong_hessian_product_fails_at_order_2(first, cause):
    verdict = verify(cubes_and_product, X, hvp=SECOND[cause], **FIRST[first], seed=0)
    assert verdict.failed, str(verdict)
    assert {("hvp", 2)} == {(finding.mode, finding.order) for finding in verdict.findings}
    assert cause in causes(verdict), str(verdict)


@pytest.mark.parametrize("first", FIRST)
def test_a_hessian_that_is_not_symmetric_fails(first):
    def skew(x, tangent):
        return 6 * x * tangent + np.array([2 * tangent[1], 0, 0, 0, 0])  # u H u is right all the same

    verdict = verify(cubes_and_product, X, hvp=skew, **FIRST[first], seed=0)
    assert verdict.failed, str(verdict)


def test_a_wrong_gradient_is_not_blamed_on_the_hessian_product():
    verdict = verify(cubes, X, grad=lambda x: 3.1 * x**2, hvp=lambda x, tangent: 6.2 * x * tangent, seed=0)
    assert modes(verdict) == {"grad"}, str(verdict)


RULES = {
    "vjp": lambda x, c: c * 3 * x**2,
    "jvp": lambda x, t: np.sum(3 * x**2 * t),
    "grad": lambda x: 3 * x**2,
    "jac": lambda x: 3 * x**2,
    "hvp": lambda x, t: 6 * x * t,
}


def test_all_derivatives_are_judged_at_once():
    verdict = verify(cubes, X, **RULES, seed=0)
    assert verdict.passed, str(verdict)


@pytest.mark.parametrize("wrong", RULES)
def test_among_all_derivatives_the_wrong_one_is_named(wrong):
    rules = {**RULES, wrong: lambda *given: 1.01 * RULES[wrong](*given)}
    verdict = verify(cubes, X, **rules, seed=0)
    assert modes(verdict) == {wrong}, str(verdict)


def rounded(x):
    """Single precision hides what is wrong below it."""
    return np.float64(np.float32(np.sin(x)))


@pytest.mark.parametrize(("error", "passed"), [(0, True), (1e-8, False)])
def test_the_transpose_test_sees_below_the_noise_of_the_function(error, passed):
    def vjp(x, c):
        return c * np.cos(x) * (1 + error)

    assert verify(rounded, X, vjp=vjp, seed=0).passed
    verdict = verify(rounded, X, vjp=vjp, jvp=lambda x, t: t * np.cos(x), seed=0)
    assert verdict.passed == passed, str(verdict)
    assert modes(verdict) == (set() if passed else {"transpose"})


# Outputs


def several(x):
    return {"sine": np.sin(x), "steps": 3, "places": np.arange(5), "pair": Pair(x * x, np.sum(x)), "no": None}


def several_vjp(slip, x, c):
    return c["sine"] * np.cos(x) + slip(c["pair"].left * 2 * x, 1) + c["pair"].right


def several_jvp(slip, x, t):
    return {
        "sine": t * np.cos(x),
        "steps": None,
        "places": None,
        "pair": Pair(slip(2 * x * t, 1), np.sum(t)),
        "no": None,
    }


@pytest.mark.parametrize(("kind", "rule"), [("vjp", several_vjp), ("jvp", several_jvp)])
def test_of_several_outputs_the_wrong_one_is_named(kind, rule):
    verdict = verify(several, X, **{kind: partial(rule, exact)}, seed=0)
    assert verdict.passed, str(verdict)
    verdict = verify(several, X, **{kind: partial(rule, spoilt)}, seed=0)
    assert [("x[1]", "['pair'].left[1]")] == [(f.where, f.output) for f in verdict.findings]


def test_cotangents_of_integer_outputs_are_none():
    seen = []

    def vjp(x, c):
        seen.append((c["steps"], c["places"], c["no"]))
        return several_vjp(exact, x, c)

    verify(several, X, vjp=vjp, seed=0)
    assert {(None, None, None)} == set(seen)


@pytest.mark.parametrize("which", [0, 1])
def test_an_output_that_the_derivative_forgets_is_found(which):
    slopes = (np.cos, lambda x: -np.sin(x))

    def vjp(x, c):
        return c[which] * slopes[which](x)

    verdict = verify(lambda x: (np.sin(x), np.cos(x)), X, vjp=vjp, seed=0)
    assert verdict.failed, str(verdict)
    assert all(finding.output.startswith(f"[{1 - which}]") for finding in verdict.findings)


@pytest.mark.xfail(reason="the cause is read off the sum of all outputs, the numbers off one", strict=True)
def test_the_cause_is_that_of_the_output_that_is_named():
    def vjp(x, c):
        return c[0] * np.cos(x) + c[1] * np.sin(x)

    verdict = verify(lambda x: (np.sin(x), np.cos(x)), X, vjp=vjp, seed=0)
    assert all(finding.ratio == pytest.approx(-1) for finding in verdict.findings)
    assert causes(verdict) == {"sign"}, str(verdict)


# Complex numbers

HOLOMORPHIC = {
    "torch": {"vjp": lambda z, c: c * np.conj(np.exp(z))},
    "jax": {"vjp": lambda z, c: c * np.exp(z)},
}
REAL_OF_COMPLEX = {"torch": {"grad": lambda z: 2 * z}, "jax": {"grad": lambda z: 2 * np.conj(z)}}
COMPLEX_OF_REAL = {
    "torch": {"vjp": lambda x, c: np.real(c * np.conj(1j * np.exp(1j * x)))},
    "jax": {"vjp": lambda x, c: np.real(c * 1j * np.exp(1j * x))},
}
COMPLEX = [
    (np.exp, Z, HOLOMORPHIC),
    (lambda z: np.sum(np.abs(z) ** 2), Z, REAL_OF_COMPLEX),
    (lambda x: np.exp(1j * x), X, COMPLEX_OF_REAL),
]


@pytest.mark.parametrize("convention", ["torch", "jax"])
@pytest.mark.parametrize("written", ["torch", "jax"])
@pytest.mark.parametrize(("f", "z", "rules"), COMPLEX, ids=["exp", "squares", "phase"])
def test_a_complex_rule_is_right_under_one_convention(f, z, rules, written, convention):
    verdict = verify(f, z, **rules[written], convention=convention, seed=0)
    assert verdict.passed == (written == convention), str(verdict)
    assert verdict.convention == convention
    assert f"complex convention: {convention}" in str(verdict)
    if written != convention and np.iscomplexobj(z):
        assert causes(verdict) == {"conjugated"}


@pytest.mark.parametrize("convention", ["torch", "jax"])
@pytest.mark.parametrize(
    ("rules", "passed"),
    [
        ({"jvp": lambda z, t: t * np.exp(z)}, True),
        ({"jvp": lambda z, t: t * np.conj(np.exp(z))}, False),
        ({"jac": lambda z: np.diag(np.exp(z))}, True),
        ({"jac": lambda z: np.diag(np.conj(np.exp(z)))}, False),
    ],
)
def test_tangents_have_no_convention(rules, passed, convention):
    assert verify(np.exp, Z, **rules, convention=convention, seed=0).passed == passed


@pytest.mark.parametrize("convention", ["torch", "jax"])
def test_a_hessian_product_follows_the_convention_of_its_gradient(convention):
    turned = np.conj if convention == "jax" else np.array
    rules = {"grad": lambda z: turned(2 * z), "hvp": lambda z, t: turned(2 * t)}
    verdict = verify(lambda z: np.sum(np.abs(z) ** 2), Z, **rules, convention=convention, seed=0)
    assert verdict.passed, str(verdict)


def test_a_real_gradient_of_complex_numbers_fails():
    verdict = verify(lambda z: np.sum(np.abs(z) ** 2), Z, grad=lambda z: 2 * np.real(z), seed=0)
    assert "z: wrong dtype: got float64, expected complex128" in str(verdict)


# Higher order


@pytest.mark.parametrize("order", [1, 2, 3])
@pytest.mark.parametrize("f", [lambda x: xp.sum(x * xp.sin(x)), lambda x: x**3, lambda x: 2 * x])
def test_the_engine_is_right_to_any_order(f, order):
    verdict = verify(f, X, order=order, seed=0)
    assert verdict.passed, str(verdict)
    assert verdict.evaluations > 65 * order


@pytest.mark.parametrize("order", [1, 2, 3])
def test_a_mistake_is_found_at_its_order(order):
    """An exponential of which the first wrong derivative is that of a given order."""
    torch = pytest.importorskip("torch")

    class Exponential(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x, left):
            ctx.left = left
            ctx.save_for_backward(x)
            return x.exp()

        @staticmethod
        def backward(ctx, cotangent):
            (x,) = ctx.saved_tensors
            return cotangent * (Exponential.apply(x, ctx.left - 1) if ctx.left > 1 else 1.5 * x.exp()), None

    x = torch.from_numpy(X)
    assert order == 1 or verify(lambda x: Exponential.apply(x, order), x, order=order - 1, seed=0).passed
    verdict = verify(lambda x: Exponential.apply(x, order), x, order=order, seed=0)
    assert {order} == {finding.order for finding in verdict.findings if finding.failed}, str(verdict)


# The verdict itself

OUTCOMES = {
    "pass": (np.sin, X, cosine),
    "fail": (np.sin, X, wrong_cosine),
    "broken": (np.sin, X, lambda x, c: (c * np.cos(x))[:3]),
    "kink": (np.abs, np.array([0.0, 1.0, -2.0]), lambda x, c: c * np.sign(x)),
    "rounded": (rounded, X, cosine),
}


@pytest.mark.parametrize("name", OUTCOMES)
@given(seed=st.integers(0, 2**40))
@effort(max_examples=5)
def test_a_seed_repeats_a_verdict(name, seed):
    f, x, vjp = OUTCOMES[name]
    first, again = (verify(f, x, vjp=vjp, seed=seed) for _ in range(2))
    assert repr(first) == repr(again)
    assert str(first) == str(again)


def test_equal_verdicts_of_failure_compare_equal():
    first, again = (verify(np.sin, X, vjp=lambda x, c: -cosine(x, c), seed=1) for _ in range(2))
    assert first == again


def test_seeds_differ_and_are_told():
    one, other = (verify(np.sin, X, vjp=wrong_cosine, seed=seed) for seed in (1, 2))
    assert one.findings[0].bar != other.findings[0].bar
    drawn, fresh = (verify(np.sin, X, vjp=wrong_cosine) for _ in range(2))
    assert drawn.seed != fresh.seed
    assert repr(verify(np.sin, X, vjp=wrong_cosine, seed=drawn.seed)) == repr(drawn)


@pytest.mark.parametrize(
    ("options", "settings"),
    [
        ({}, ""),
        ({"wrt": "x"}, "wrt='x', "),
        ({"wrt": ["x"]}, "wrt=['x'], "),
        ({"modes": "forward"}, "modes='forward', "),
        ({"order": 2, "budget": 400}, "order=2, budget=400, "),
        ({"convention": "jax"}, "convention='jax', "),
    ],
)
def test_the_replay_names_what_differs_from_the_default(options, settings):
    verdict = verify(lambda x: x * x, X, **options, seed=7)
    assert f"verify(f, args, ..., {settings}seed=7)" == verdict.replay
    assert str(verdict).count(verdict.replay) == 1


def test_a_verdict_is_neither_true_nor_false():
    with pytest.raises(AmbiguousTruth) as caught:
        bool(verify(np.sin, X, vjp=cosine))
    assert str(caught.value) == "a verdict has three states; ask .passed, .failed or .inconclusive."


def test_exactly_one_state_holds():
    for f, x, vjp in OUTCOMES.values():
        verdict = verify(f, x, vjp=vjp, seed=0)
        assert [verdict.passed, verdict.failed, verdict.inconclusive].count(True) == 1
        assert verdict.status in (Status.PASS, Status.FAIL, Status.INCONCLUSIVE)
        assert verdict.status == str(verdict).split(":")[0].lower()


def test_assert_gradients_returns_the_verdict_of_a_right_derivative():
    assert repr(verify(np.sin, X, vjp=cosine, seed=3)) == repr(
        assert_gradients(np.sin, X, vjp=cosine, seed=3)
    )


@pytest.mark.parametrize("options", [{"vjp": wrong_cosine}, {"vjp": cosine, "budget": 20}])
def test_assert_gradients_raises_what_the_verdict_says(options):
    with pytest.raises(AssertionError) as caught:
        assert_gradients(np.sin, X, **options, seed=3)
    assert str(caught.value) == str(verify(np.sin, X, **options, seed=3))


FLOORS = {
    "sine": (np.sin, cosine),
    "squares": (lambda x: np.sum(x * x), lambda x, c: 2 * c * x),
    "exponential": (np.exp, lambda x, c: c * np.exp(x)),
    "rounded": (lambda x: np.sum(rounded(x)), lambda x, c: c * np.cos(x)),
}


@pytest.mark.parametrize("name", FLOORS)
def test_an_error_ten_times_the_detection_floor_is_found(name):
    f, vjp = FLOORS[name]
    missed = []
    for seed in range(12):
        x = np.random.default_rng(seed).normal(size=40)
        right = verify(f, x, vjp=vjp, seed=seed)
        slopes = np.abs(vjp(x, 1.0))
        typical = int(np.argmin(np.abs(slopes - np.sqrt(np.mean(slopes**2)))))
        factor = np.ones(40)
        factor[typical] += 10 * right.detection_floor
        assert 0 < right.detection_floor < 1e-2
        if not verify(f, x, vjp=lambda x, c, by=factor: by * vjp(x, c), seed=seed).failed:
            missed.append(seed)
    assert not missed


@pytest.mark.parametrize("name", FLOORS)
def test_the_detection_floor_is_no_wider_than_needed(name):
    f, vjp = FLOORS[name]
    x = np.random.default_rng(1).normal(size=40)
    floor = verify(f, x, vjp=vjp, seed=1).detection_floor
    assert floor < (2e-2 if name == "rounded" else 1e-9)


@pytest.mark.parametrize("budget", [1, 2, 5, 20, 50])
@pytest.mark.parametrize("vjp", [cosine, wrong_cosine])
def test_a_budget_that_is_used_up_is_inconclusive(vjp, budget):
    verdict = verify(np.sin, X, vjp=vjp, budget=budget, seed=0)
    assert verdict.inconclusive
    assert verdict.evaluations == budget
    assert f"INCONCLUSIVE: budget\n  function: the budget of {budget} evaluations is used up" in str(verdict)


def test_a_budget_just_large_enough_is_enough():
    needed = verify(np.sin, X, vjp=cosine, seed=0).evaluations
    assert verify(np.sin, X, vjp=cosine, budget=needed, seed=0).passed


@pytest.mark.parametrize("size", [10, 100_000])
@pytest.mark.parametrize(
    ("f", "rules"),
    [(np.sin, {"vjp": cosine}), (lambda x: np.sum(x * x), {"grad": lambda x: 2 * x})],
    ids=["vector", "scalar"],
)
def test_the_cost_does_not_grow_with_the_size(f, rules, size):
    calls = [0]

    def counted(x):
        calls[0] += 1
        return f(x)

    verdict = verify(counted, np.random.default_rng(0).normal(size=size), **rules, seed=0)
    assert verdict.passed, str(verdict)
    assert verdict.evaluations == calls[0] <= 70
    assert verdict.backwards <= 9


@pytest.mark.parametrize("kind", ["vjp", "jvp", "jac"])
def test_a_hundred_wrong_entries_are_few_lines(kind):
    x = RNG.normal(size=200)
    factor = np.where(np.arange(200) % 2, RNG.uniform(1.2, 3, 200), 1)
    rules = {
        "vjp": lambda x, c: factor * c * np.cos(x),
        "jvp": lambda x, t: factor * t * np.cos(x),
        "jac": lambda x: np.diag(factor * np.cos(x)),
    }
    verdict = verify(np.sin, x, **{kind: rules[kind]}, seed=0)
    lines = str(verdict).splitlines()
    assert verdict.failed
    assert len(lines) <= 40
    assert max(map(len, lines)) <= 200
    assert all(line == line.rstrip() and line.isascii() and line.isprintable() for line in lines)
    named = [finding for finding in verdict.findings if finding.index is not None]
    assert named
    assert all(finding.index[0] % 2 == 1 for finding in named)


def test_what_is_not_shown_is_counted():
    x = RNG.normal(size=200)
    rules = {"vjp": lambda x, c: x * c, "jvp": lambda x, t: x * t, "jac": lambda x: np.diag(x)}
    verdict = verify(np.sin, x, **rules, seed=0)
    lines = str(verdict).splitlines()
    hidden = len(verdict.findings) - sum(line.startswith(("  vjp", "  jvp", "  jac")) for line in lines)
    assert hidden > 0
    assert f"  and {hidden} more" in lines
    assert len(lines) <= 12


# Functions that are not exact


def test_a_function_with_random_numbers_in_it_is_inconclusive():
    rng = np.random.default_rng(1)
    verdict = verify(lambda x: x * rng.normal(size=x.shape), X, vjp=lambda x, c: c.copy(), seed=0)
    assert verdict.inconclusive
    assert causes(verdict) == {"stateful RNG"}
    assert "fix its seed or state" in str(verdict)


@pytest.mark.parametrize("level", [1e-12, 1e-9, 1e-6])
@pytest.mark.parametrize(
    ("f", "vjp"),
    [(np.sin, cosine), (lambda x: np.sum(x * x), lambda x, c: 2 * c * x)],
    ids=["vector", "scalar"],
)
def test_a_little_noise_is_no_fault_of_the_derivative(f, vjp, level):
    for seed in range(5):
        rng = np.random.default_rng(seed)
        verdict = verify(lambda x, rng=rng: f(x) * (1 + level * rng.normal()), X, vjp=vjp, seed=seed)
        assert not verdict.failed, str(verdict)


def test_a_wrong_derivative_shows_through_the_noise():
    rng = np.random.default_rng(1)
    verdict = verify(
        lambda x: np.sin(x) * (1 + 1e-6 * rng.normal()), X, vjp=lambda x, c: 1.1 * cosine(x, c), seed=0
    )
    assert verdict.failed
    assert "value" in {finding.kind for finding in verdict.findings}


SINGLE = {
    "inside": (rounded, X, cosine),
    "returned": (lambda x: np.sin(x.astype(np.float32)), X, cosine),
    "throughout": (np.sin, X.astype(np.float32), cosine),
}


@pytest.mark.parametrize("name", SINGLE)
def test_single_precision_is_no_fault_of_the_derivative(name):
    f, x, vjp = SINGLE[name]
    verdict = verify(f, x, vjp=vjp, seed=0)
    assert verdict.passed, str(verdict)
    assert verify(f, x, vjp=lambda x, c: np.asarray(1.05 * vjp(x, c), x.dtype), seed=0).failed
