"""A call that makes no sense is one clear line: what was wrong, by its name, and what to do."""

import math

import numpy as np
import pytest
from scipy import special

from gradcheck import assert_gradients, engine, verify
from gradcheck.errors import GradcheckError

X = np.array([0.3, 0.7])
NEITHER = np.array([0.0, 1.0])
NO_FLOAT = "give at least one floating-point argument (write 3.0 rather than 3)."
INSTEAD = "give vjp=, jvp=, grad= or jac=, or torch or JAX arrays."
TREES = "return arrays or numbers, alone or in tuples, lists, dicts or dataclasses."
RULELESS = "the engine has no derivative rule for {!r}; add one to gradcheck/engine/rules"
LOST = "no derivative is given, and the engine cannot follow the function"


def sine(x):
    return np.sin(x)


def slope(x, cotangent):
    return cotangent * np.cos(x)


def slopes(x):
    return np.cos(x)


def power(x, n):
    return x**n


def scaled(x, y):
    return x * y


def total(x):
    return np.sum(x)


def doubled(p):
    return 2 * p["w"]


def failing(x):
    raise ValueError("no\n   such thing.")


def one(x):
    return x


# function, arguments, options, and the line
MISTAKES = {
    # arguments
    "an integer": (sine, 3, {"vjp": slope}, f"no argument is differentiable: x (int64); {NO_FLOAT}"),
    "integers": (
        power,
        (np.arange(3), 2),
        {},
        f"no argument is differentiable: x (int64), n (int64); {NO_FLOAT}",
    ),
    "text": (one, "hello", {}, f"no argument is differentiable: x (str); {NO_FLOAT}"),
    "objects": (one, np.array([1.0, None]), {}, f"no argument is differentiable: x (object); {NO_FLOAT}"),
    "a set": (one, {1.0}, {}, f"no argument is differentiable: x (set); {NO_FLOAT}"),
    "nothing": (sine, (), {}, f"no argument is differentiable: there is none; {NO_FLOAT}"),
    "None": (sine, None, {}, f"no argument is differentiable: there is none; {NO_FLOAT}"),
    "not a number": (
        sine,
        np.array([np.nan, 1.0]),
        {"vjp": slope},
        "x is not finite; give finite arguments.",
    ),
    "an infinity": (
        doubled,
        {"w": np.array([[np.inf, 1.0]])},
        {"vjp": lambda p, c: {"w": 2 * c}},
        "p['w'] is not finite; give finite arguments.",
    ),
    "keywords by position": (
        sine,
        X,
        {"vjp": slope, "kwargs": [1]},
        "kwargs: expected a dict of keyword arguments, got [1].",
    ),
    "unknown keyword": (
        sine,
        X,
        {"vjp": slope, "kwargs": {"scale": 2}},
        (
            "the function fails at the point (TypeError: sine() got an unexpected keyword argument 'scale'); "
            "give arguments it takes."
        ),
    ),
    # wrt
    "an integer in wrt": (
        power,
        (X, 2),
        {"wrt": "n"},
        "wrt 'n': expected a floating-point argument (write 3.0 rather than 3), got 'int64'.",
    ),
    "an integer's position": (
        power,
        (X, 2),
        {"wrt": 1},
        "wrt 'n': expected a floating-point argument (write 3.0 rather than 3), got 'int64'.",
    ),
    "a prefix of integers": (
        lambda p, x: x * p["n"],
        ({"n": 2}, X),
        {"wrt": "p"},
        f"no argument is differentiable: p['n'] (int64); {NO_FLOAT}",
    ),
    "unknown path": (
        doubled,
        {"w": X},
        {"wrt": "p['v']"},
        "no argument is called \"p['v']\". Did you mean \"p['w']\"?",
    ),
    "unknown name": (scaled, (X, X), {"wrt": "weight"}, "no argument is called 'weight'. Choose from: x, y."),
    "half a name": (
        doubled,
        {"w": X},
        {"wrt": "p['w"},
        'no argument is called "p[\'w". Did you mean "p[\'w\']"?',
    ),
    "position too large": (scaled, (X, X), {"wrt": 2}, "no argument is called '2'. Choose from: x, y."),
    "position too small": (scaled, (X, X), {"wrt": -3}, "no argument is called '-3'. Choose from: x, y."),
    "one of many": (
        lambda p, x: x,
        ([1.0] * 20, X),
        {"wrt": "weight"},
        "no argument is called 'weight'. Choose from: p, x.",
    ),
    "empty wrt": (sine, X, {"wrt": ()}, "wrt: expected at least one path or position, got ()."),
    "wrt, a number": (
        sine,
        X,
        {"wrt": 1.5},
        "wrt: expected a path or position, or a list of them, got 1.5.",
    ),
    # derivatives
    "vjp takes too few": (
        sine,
        X,
        {"vjp": slopes},
        "vjp: expected a function of (x, cotangent), got 'slopes(x)'.",
    ),
    "vjp of two takes too few": (
        scaled,
        (X, X),
        {"vjp": slope},
        "vjp: expected a function of (x, y, cotangent), got 'slope(x, cotangent)'.",
    ),
    "jvp takes too few": (
        sine,
        X,
        {"jvp": slopes},
        "jvp: expected a function of (x, tangent of x), got 'slopes(x)'.",
    ),
    "jvp takes an integer's tangent": (
        power,
        (X, 2),
        {"jvp": lambda x, n, in_x, in_n: in_x},
        ("jvp: expected a function of (x, n, tangent of x), got '<lambda>(x, n, in_x, in_n)'."),
    ),
    "grad takes too many": (
        total,
        X,
        {"grad": slope},
        "grad: expected a function of (x), got 'slope(x, cotangent)'.",
    ),
    "jac takes too many": (
        sine,
        X,
        {"jac": slope},
        "jac: expected a function of (x), got 'slope(x, cotangent)'.",
    ),
    "hvp takes too few": (
        total,
        X,
        {"hvp": slopes},
        "hvp: expected a function of (x, tangent of x), got 'slopes(x)'.",
    ),
    "hvp beside grad takes too few": (
        total,
        X,
        {"grad": np.ones_like, "hvp": slopes},
        "hvp: expected a function of (x, tangent of x), got 'slopes(x)'.",
    ),
    **{
        f"{name} is a number": (sine, X, {name: 3.0}, f"{name}: expected a function, got 3.0.")
        for name in ("vjp", "jvp", "grad", "jac", "hvp")
    },
    "grad of a vector": (
        sine,
        X,
        {"grad": slopes},
        "grad= is for a scalar function, and the output has shape (2,); give jac=, vjp= or jvp=.",
    ),
    "grad of two": (
        lambda x: (total(x), total(x)),
        X,
        {"grad": slopes},
        "grad= is for a function with one output; give vjp= or jvp=.",
    ),
    "jac of two": (
        lambda x: {"a": x, "b": x},
        X,
        {"jac": np.diag},
        "jac= is for a function with one output; give vjp= or jvp=.",
    ),
    "hvp of a vector": (
        sine,
        X,
        {"hvp": slope},
        "hvp= is for a scalar function; make the function return one number.",
    ),
    "hvp of two": (
        lambda x: (total(x), total(x)),
        X,
        {"hvp": slope},
        "hvp= is for a scalar function; make the function return one number.",
    ),
    "order 2 of vjp": (
        sine,
        X,
        {"vjp": slope, "order": 2},
        (
            "order=2 is for a framework's own derivative, not beside vjp=; "
            "give hvp= to have second derivatives judged, or let a framework differentiate."
        ),
    ),
    "order 2 of hvp": (
        total,
        X,
        {"grad": slopes, "hvp": slope, "order": 2},
        (
            "order=2 is for a framework's own derivative, not beside grad=, hvp=; "
            "leave order= out to have second derivatives judged, or let a framework differentiate."
        ),
    ),
    # the function
    "no function": (3, X, {}, "f: expected a function, got 3."),
    "raises": (
        failing,
        X,
        {"vjp": slope},
        "the function fails at the point (ValueError: no such thing); give arguments it takes.",
    ),
    "takes no argument": (
        lambda: 1.0,
        X,
        {"vjp": slope},
        (
            "the function fails at the point "
            "(TypeError: <lambda>() takes 0 positional arguments but 1 was given); give arguments it takes."
        ),
    ),
    "returns None": (
        lambda x: None,
        X,
        {"vjp": slope},
        "the function returns nothing (None); return the value that is differentiated.",
    ),
    "returns nothing": (
        lambda x: (),
        X,
        {"vjp": slope},
        "the function returns no floating-point number; return the value that is differentiated.",
    ),
    "returns text": (
        lambda x: "text",
        X,
        {"vjp": slope},
        f"the function returns str; {TREES}",
    ),
    "returns text somewhere": (
        lambda x: {"a": [x, "text"]},
        X,
        {"vjp": slope},
        f"the function returns str at ['a'][1]; {TREES}",
    ),
    "returns integers": (
        lambda x: (3, np.arange(2), x > 0),
        X,
        {"vjp": slope},
        "the function returns no floating-point number; return the value that is differentiated.",
    ),
    "returns an infinity": (
        np.log,
        NEITHER,
        {"vjp": slope},
        "the function is not finite at the point (output[0] is -inf); choose a point inside its domain.",
    ),
    "is no number": (
        lambda x: total(np.log(-x)),
        NEITHER,
        {"grad": slopes},
        "the function is not finite at the point (output is nan); choose a point inside its domain.",
    ),
    "returns an infinity somewhere": (
        lambda x: {"fine": x, "log": np.log(x)},
        NEITHER,
        {"vjp": slope},
        "the function is not finite at the point (['log'][0] is -inf); choose a point inside its domain.",
    ),
    # numbers
    **{
        f"budget {budget!r}": (
            sine,
            X,
            {"vjp": slope, "budget": budget},
            f"budget: expected a number of evaluations from 1 (about 70 are needed), got {budget!r}.",
        )
        for budget in (0, -5, "all", 10.0, True)
    },
    **{
        f"order {order!r}": (one, X, {"order": order}, f"order: expected 1, 2 or more, got {order!r}.")
        for order in (0, -1, 1.5, "2", True, None)
    },
    **{
        f"seed {seed!r}": (
            sine,
            X,
            {"vjp": slope, "seed": seed},
            f"seed: expected an integer from 0, got {seed!r}.",
        )
        for seed in (-1, 1.5, "0", True)
    },
    # modes and conventions
    "unknown mode": (one, X, {"modes": "revers"}, "no mode is called 'revers'. Did you mean 'reverse'?"),
    "mode of nowhere": (
        one,
        X,
        {"modes": ["reverse", "zebra"]},
        "no mode is called 'zebra'. Choose from: batched, forward, linearized, reverse.",
    ),
    "mode, a number": (
        one,
        X,
        {"modes": 3},
        "no mode is called '3'. Choose from: batched, forward, linearized, reverse.",
    ),
    "modes, a float": (one, X, {"modes": 1.5}, "modes: expected a mode, or a list of them, got 1.5."),
    "no mode": (
        one,
        X,
        {"modes": ()},
        "modes: expected at least one of reverse, forward, batched, linearized, got ().",
    ),
    "mode the framework lacks": (
        one,
        X,
        {"modes": "batched"},
        "modes: expected modes that NumPy has: reverse, forward, got 'batched'.",
    ),
    "mode of no derivative given": (
        sine,
        X,
        {"vjp": slope, "modes": "forward"},
        "modes: expected modes of the derivatives given: reverse, got 'forward'.",
    ),
    "one mode of no derivative given": (
        sine,
        X,
        {"vjp": slope, "modes": ("reverse", "forward")},
        "modes: expected modes of the derivatives given: reverse, got 'forward'.",
    ),
    "mode of frameworks only": (
        sine,
        X,
        {"jac": slopes, "modes": "batched"},
        "modes: expected modes of the derivatives given: reverse, forward, got 'batched'.",
    ),
    "unknown convention": (
        sine,
        X,
        {"vjp": slope, "convention": "tensorflow"},
        "no convention is called 'tensorflow'. Choose from: jax, torch.",
    ),
    "no convention": (
        sine,
        X,
        {"vjp": slope, "convention": None},
        "no convention is called 'None'. Choose from: jax, torch.",
    ),
    # what the engine cannot follow
    "a function of NumPy": (
        lambda x: np.nancumsum(x),
        X,
        {},
        f"{LOST} ({RULELESS.format('numpy.nancumsum')}); {INSTEAD}",
    ),
    "a function of SciPy": (
        lambda x: special.kolmogorov(x),
        X,
        {},
        f"{LOST} ({RULELESS.format('kolmogorov')}); {INSTEAD}",
    ),
    "several calls of NumPy": (
        lambda x: np.sin(np.asarray(x)),
        X,
        {},
        (
            f"{LOST} (a NumPy array cannot hold a traced array; write np.stack for np.array, "
            f"np.where or np.concatenate for an assignment, and no np.asarray); {INSTEAD}"
        ),
    ),
    "a function of math": (
        math.sin,
        0.3,
        {},
        (
            f"{LOST} (float() would cut the derivative of a traced array; it behaves as a number: "
            f"write np.sin(x) for math.sin(x), and np.stack for a[i] = x); {INSTEAD}"
        ),
    ),
    "a method of NumPy": (
        lambda x: x.searchsorted(0.5) * x,
        X,
        {},
        f"{LOST} ({RULELESS.format('numpy.ndarray.searchsorted')}); {INSTEAD}",
    ),
    "forward mode": (
        lambda x: np.nancumsum(x),
        X,
        {"modes": "forward"},
        f"{LOST} ({RULELESS.format('numpy.nancumsum')}); {INSTEAD}",
    ),
    "complex numbers": (
        lambda z: z * z,
        1 + 2j,
        {},
        f"no derivative is given, and that of the engine is not judged for complex numbers; {INSTEAD}",
    ),
    "complex outputs": (
        lambda x: x * 1j,
        X,
        {},
        f"no derivative is given, and that of the engine is not judged for complex numbers; {INSTEAD}",
    ),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_one_clear_line(name):
    f, args, options, line = MISTAKES[name]
    with pytest.raises(GradcheckError) as caught:
        verify(f, args, **{"seed": 0, **options})
    said = str(caught.value)
    assert line == said
    assert said.isprintable()
    assert said[-1] in ".?"
    assert not any(slip in said for slip in (".;", ".)", "..", ";;", ",,", "  "))


def test_a_mistake_in_the_call_is_no_failure_of_the_derivative():
    with pytest.raises(GradcheckError):
        assert_gradients(sine, X, vjp=slopes)


@pytest.mark.parametrize(
    ("derivative", "text"),
    [
        (lambda x, c: 1 / 0, "vjp: raises ZeroDivisionError: division by zero"),
        (lambda x, c: "text", "vjp: x: returns str, no numbers"),
        (lambda x, c: None, "vjp: x: None returned: got None, expected an array of shape (2,)"),
        (lambda x, c: (c, c, c), "vjp: x: a tuple of 3 where one array belongs"),
        (lambda x, c: {"x": {"y": c}}, "vjp: x: a dict of 1 where one array belongs"),
        (lambda x, c: np.array([None, None]), "vjp: x: returns ndarray, no numbers"),
    ],
)
def test_what_a_derivative_does_wrong_is_a_finding_and_no_error(derivative, text):
    verdict = verify(sine, X, vjp=derivative, seed=0)
    assert verdict.failed
    assert text in str(verdict)


def test_a_function_that_refuses_points_beside_its_own_is_judged():
    def guarded(x):
        if x[1] > X[1] + 2.0**-7:
            raise ValueError("too large")
        return x * x

    verdict = verify(guarded, X, seed=0)
    assert not verdict.failed, str(verdict)


def test_a_function_that_the_engine_follows_is_judged():
    assert verify(lambda x: engine.xp.log1p(x), X, seed=0).passed
