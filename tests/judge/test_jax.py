"""JAX on trial: custom rules of both kinds, trees, every mode, and single precision, which is its habit."""

from typing import Any, NamedTuple

import numpy as np
import pytest

from gradcheck import verify

jax = pytest.importorskip("jax")
jnp = pytest.importorskip("jax.numpy")

MODES = {"reverse": "vjp", "forward": "jvp", "batched": "batched", "linearized": "linearized"}
RNG = np.random.default_rng(0)
IN_DOUBLE = "judged in float64, and in its own precision against that"


class Pair(NamedTuple):
    left: Any
    right: Any


def array(*shape):
    return jnp.asarray(RNG.normal(size=shape), jnp.float32)


X, Y, W = array(5), array(5), array(4, 5)
Z = array(3) + 1j * array(3)


def modes(verdict):
    return {finding.mode for finding in verdict.findings if finding.failed}


def causes(verdict):
    return {finding.cause for finding in verdict.findings if finding.failed}


def pulled(slope):
    """The sine with a reverse rule of one's own."""

    @jax.custom_vjp
    def sine(x):
        return jnp.sin(x)

    sine.defvjp(lambda x: (jnp.sin(x), x), lambda x, cotangent: (cotangent * slope(x),))
    return sine


def pushed(slope):
    """The sine with a forward rule of one's own."""

    @jax.custom_jvp
    def sine(x):
        return jnp.sin(x)

    sine.defjvp(lambda primals, tangents: (jnp.sin(primals[0]), tangents[0] * slope(primals[0])))
    return sine


def cut(x):
    return jax.lax.stop_gradient(jnp.cos(x))


FUNCTIONS = {
    "sine": (jnp.sin, (X,), MODES),
    "compiled": (jax.jit(jnp.sin), (X,), ["reverse"]),
    "layer": (lambda p, x: jnp.tanh(p["w"] @ x + p["b"]), ({"w": W, "b": W[:, 0]}, X), ["reverse"]),
    "indexed": (lambda x, at: jnp.take(x, at), (X, jnp.array([3, 0, 0])), ["reverse"]),
    "integer output": (lambda x: (jnp.sin(x), jnp.argmax(x)), (X,), ["reverse", "forward"]),
    "unused input": (lambda x, y: 2 * x, (X, Y), ["reverse", "linearized"]),
    "beside NumPy": (lambda x, a: x * a, (X, np.arange(5.0)), ["reverse"]),
    "kink": (jax.nn.relu, (jnp.array([0.0, 1.0, -2.0]),), ["reverse"]),
    "complex": (jnp.exp, (Z,), ["reverse", "forward"]),
    "custom_vjp": (pulled(jnp.cos), (X,), ["reverse", "batched"]),
    "custom_jvp": (pushed(jnp.cos), (X,), MODES),
}


@pytest.mark.parametrize(
    ("name", "mode"), [(name, mode) for name in FUNCTIONS for mode in FUNCTIONS[name][2]]
)
def test_jax_is_right_in_every_mode(name, mode):
    f, args, _ = FUNCTIONS[name]
    verdict = verify(f, args, modes=mode, seed=0)
    assert verdict.passed, str(verdict)
    assert IN_DOUBLE in verdict.evidence


def test_a_wrong_custom_vjp_is_found():
    verdict = verify(pulled(lambda x: 2 * jnp.cos(x)), X, modes=("reverse", "batched"), seed=0)
    assert causes(verdict) == {"factor 2"}, str(verdict)
    assert modes(verdict) == {"vjp", "batched"}


def test_a_wrong_custom_jvp_is_found_in_every_mode():
    verdict = verify(pushed(lambda x: -jnp.cos(x)), X, modes=tuple(MODES), seed=0)
    assert causes(verdict) == {"sign"}, str(verdict)
    assert modes(verdict) == set(MODES.values())


def test_a_mode_that_a_rule_rules_out_is_said_to_raise():
    verdict = verify(pulled(jnp.cos), X, modes="forward", seed=0)
    assert "jvp: raises TypeError: can't apply forward-mode autodiff (jvp) to a custom_vjp" in str(verdict)


def test_a_wrong_leaf_of_a_tree_is_named():
    tree = {"enc": [W, Pair(X, 2)], "steps": 3}
    wrong = pulled(lambda x: jnp.cos(x).at[2].multiply(1.5))

    def f(params, x):
        return wrong(params["enc"][1].left) * jnp.sum(params["enc"][0]) * params["steps"] + x

    verdict = verify(f, (tree, Y), seed=0)
    assert ["params['enc'][1].left[2]"] == [finding.where for finding in verdict.findings], str(verdict)
    assert verify(f, (tree, Y), wrt="params['enc'][0]", seed=0).passed
    assert verify(f, (tree, Y), wrt="x", seed=0).passed


@pytest.mark.parametrize("path", ["x", "y"])
def test_an_input_that_is_cut_off_is_named(path):
    def f(x, y):
        kept = jax.lax.stop_gradient
        return kept(x) * y if path == "x" else x * kept(y)

    verdict = verify(f, (X, Y), seed=0)
    assert causes(verdict) == {"detached (zero)"}, str(verdict)
    assert {path} == {finding.path for finding in verdict.findings}


# Higher order


def test_jax_is_right_to_order_2():
    verdict = verify(lambda x: x * jnp.sin(x), X, order=2, modes=("reverse", "forward"), seed=0)
    assert verdict.passed, str(verdict)


@pytest.mark.parametrize("made", [pulled, pushed])
def test_a_slope_that_is_cut_off_fails_at_order_2(made):
    assert verify(made(cut), X, seed=0).passed
    verdict = verify(made(cut), X, order=2, seed=0)
    assert {("detached (zero)", 2)} == {(f.cause, f.order) for f in verdict.findings}, str(verdict)


# Precision


def test_single_precision_is_judged_in_double():
    verdict = verify(pulled(lambda x: jnp.cos(x) * (1 + 1e-6)), X, seed=0)
    assert verdict.failed, str(verdict)
    assert IN_DOUBLE in verdict.evidence
    assert verify(jnp.sin, X, seed=0).detection_floor < 1e-9


def test_double_precision_stays_on_its_side():
    verify(jnp.sin, X, modes=tuple(MODES), seed=0)
    assert not jax.config.jax_enable_x64
    assert jnp.asarray(1.0).dtype == jnp.float32


def test_a_function_that_stays_in_single_precision_is_judged_there():
    verdict = verify(lambda x: jnp.sin(x.astype(jnp.float32)), X, seed=0)
    assert verdict.passed, str(verdict)
    assert "not judged in float64: the function returns float32 there" in verdict.evidence
    assert verdict.detection_floor > 1e-5


def test_double_precision_is_judged_as_it_is():
    with jax.enable_x64(True):
        x = jnp.asarray(RNG.normal(size=5))
        assert x.dtype == jnp.float64
        for mode in MODES:
            verdict = verify(jnp.sin, x, modes=mode, seed=0)
            assert verdict.passed, str(verdict)
            assert not verdict.evidence
        assert verify(pulled(lambda x: 2 * jnp.cos(x)), x, seed=0).failed
        assert verify(jnp.sin, x, vjp=lambda x, c: c * jnp.cos(x), seed=0).passed


def only_in(dtype, slope):
    """A rule that is wrong in one dtype."""
    return pulled(lambda x: slope(x) if x.dtype == dtype else jnp.cos(x))


@pytest.mark.parametrize(
    "dtype",
    [
        "float32",
        "float16",
        "bfloat16",
    ],
)
def test_a_rule_wrong_in_one_dtype_only_is_found(dtype):
    x = X.astype(dtype)
    verdict = verify(lambda x: x * jnp.tanh(x), x, modes=("reverse", "forward"), seed=0)
    assert verdict.passed, str(verdict)
    verdict = verify(only_in(dtype, lambda x: -jnp.cos(x)), x, seed=0)
    assert causes(verdict) == {f"wrong in {dtype} only"}, str(verdict)


# Derivatives given, and the convention


def cubes(x):
    return jnp.sum(x**3)


GIVEN = {
    "grad": (cubes, X, {"grad": jax.grad(cubes)}),
    "grad, hvp": (cubes, X, {"grad": jax.grad(cubes), "hvp": lambda x, t: 6 * x * t}),
    "jac": (jnp.sin, X, {"jac": jax.jacobian(jnp.sin)}),
    "vjp": (jnp.sin, X, {"vjp": lambda x, c: jax.vjp(jnp.sin, x)[1](c)}),
    "jvp": (jnp.sin, X, {"jvp": lambda x, t: jax.jvp(jnp.sin, (x,), (t,))[1]}),
}


@pytest.mark.parametrize("name", GIVEN)
def test_a_right_derivative_passes(name):
    f, x, rules = GIVEN[name]
    verdict = verify(f, x, **rules, seed=0)
    assert verdict.passed, str(verdict)


@pytest.mark.parametrize("name", GIVEN)
def test_a_derivative_off_by_a_hundredth_fails(name):
    f, x, rules = GIVEN[name]
    last = list(rules)[-1]

    def off(*given):
        return jax.tree.map(lambda a: 1.01 * a, rules[last](*given))

    verdict = verify(f, x, **{**rules, last: off}, seed=0)
    assert modes(verdict) == {last}, str(verdict)


@pytest.mark.parametrize("convention", ["torch", "jax"])
def test_the_convention_is_for_what_is_given_and_jax_has_its_own(convention):
    def squares(z):
        return jnp.sum(jnp.abs(z) ** 2)

    assert verify(squares, Z, convention=convention, seed=0).passed
    verdict = verify(squares, Z, grad=jax.grad(squares), convention=convention, seed=0)
    assert verdict.passed == (convention == "jax"), str(verdict)
    assert verdict.passed or causes(verdict) == {"conjugated"}


@pytest.mark.skipif(jax.default_backend() != "gpu", reason="JAX has no GPU here")
@pytest.mark.parametrize("mode", MODES)
def test_arrays_stay_on_their_device(mode):
    seen = set()

    def sine(x):
        if isinstance(x, jax.Array) and not isinstance(x, jax.core.Tracer):
            seen.update(device.platform for device in x.devices())
        return jnp.sin(x)

    assert verify(sine, X, modes=mode, seed=0).passed
    assert {"gpu"} == seen
