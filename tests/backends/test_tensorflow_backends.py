"""TensorFlow on constants, on variables and in a graph: one answer, the dtype asked for, one tracing."""

import os
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gradcheck import available_backends, problem
from gradcheck.backends import tensorflow as module
from gradcheck.devices import cores
from gradcheck.operators import OPERATORS

from .asking import ALONG, OF_ARRAY, OF_SCALAR, W, X, leaves, plain

BACKENDS = available_backends()
NAMES = ("tensorflow", "tensorflow-variables", "tensorflow-function")
DTYPES = BACKENDS["tensorflow"].dtypes


def loaded(name):
    pytest.importorskip("tensorflow")  # here, so that collecting tests does not load it
    return BACKENDS[name].load("cpu")


@pytest.fixture(params=NAMES)
def differentiator(request):
    return loaded(request.param)


def answer(differentiator, operator, f, xs, *extra):
    """What a prepared call gives, block by block; arrays are NumPy's on both sides."""
    xs = [differentiator.array(np.asarray(x)) for x in xs]
    extra = [
        [differentiator.array(np.asarray(v)) for v in one]
        if isinstance(one, list)
        else differentiator.array(np.asarray(one))
        for one in extra
    ]
    return leaves(plain(differentiator, differentiator.prepare(operator, f, xs, *extra)(xs, *extra)))


def extra(operator, cotangent, dtype=np.float64):
    if operator in ("jvp", "hvp"):
        return [[v.astype(dtype) for v in ALONG]]
    return [np.asarray(cotangent, dtype)] if operator == "vjp" else []


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    ("operator", "scalar", "expected"),
    [
        *[(name, True, expected) for name, expected in OF_SCALAR.items()],
        *[(name, False, expected) for name, expected in OF_ARRAY.items()],
    ],
)
def test_every_operator_is_right_in_every_dtype_and_keeps_it(
    differentiator, operator, scalar, expected, dtype
):
    dtype, xp = np.dtype(dtype), differentiator.xp

    def f(w, x):
        return xp.sum(w * x**2) if scalar else w * x**2

    xs = [W.astype(dtype), X.astype(dtype)]
    found = answer(differentiator, operator, f, xs, *extra(operator, 2.0 if scalar else ALONG[0], dtype))
    assert {dtype} == {leaf.dtype for leaf in found}
    for one, other in zip(found, leaves(expected), strict=True):
        np.testing.assert_array_equal(one.astype(np.float64), other, strict=True)


def test_every_operator_is_among_those_tested():
    assert set(OPERATORS) == set(OF_SCALAR) | set(OF_ARRAY)


@settings(max_examples=5)
@given(x=st.lists(st.integers(-16, 16).map(lambda n: n / 8), min_size=2, max_size=4))
@pytest.mark.parametrize("operator", ["gradient", "jvp", "hvp", "hessian"])
def test_constants_variables_and_graph_agree(operator, x):
    along = [[np.linspace(-1, 1, len(x))]] if operator in ("jvp", "hvp") else []
    found = []
    for name in NAMES:
        one = loaded(name)
        xp = one.xp
        found.append(answer(one, operator, lambda x, xp=xp: xp.sum(xp.sin(x) * xp.exp(x[0])), [x], *along))
    for others in found[1:]:
        for first, other in zip(found[0], others, strict=True):
            np.testing.assert_allclose(other, first, rtol=4e-15, atol=4e-15)


@pytest.mark.parametrize("operator", OPERATORS)
def test_a_prepared_graph_is_traced_once_and_right_at_other_inputs(operator):
    graph, eager = loaded("tensorflow-function"), loaded("tensorflow")
    runs = []

    def f(x):
        runs.append(operator)
        y = graph.xp.tanh(x) * x
        return y if operator == "jacobian" else graph.xp.sum(y)

    def arguments(scale):
        x, v = graph.array(scale * X), graph.array(scale * ALONG[0])
        given_too = {"jvp": [[v]], "hvp": [[v]], "vjp": [graph.array(np.asarray(scale))]}
        return [[x], *given_too.get(operator, [])]

    call = graph.prepare(operator, f, *arguments(1.0))
    untraced = eager.prepare(operator, f, *arguments(1.0))
    assert runs
    for scale in (1.0, 0.5, -2.0):
        runs.clear()
        found = leaves(plain(graph, call(*arguments(scale))))
        assert not runs
        expected = leaves(plain(eager, untraced(*arguments(scale))))
        assert runs
        for one, other in zip(found, expected, strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-14, atol=1e-15)


# TensorFlow makes single precision of Python numbers: 0.1 would be wrong by 1e-9.
NUMBERS = {
    "2.1 * x": lambda xp, x: 2.1 * x,
    "x**2.1": lambda xp, x: x**2.1,
    "0.1 / x": lambda xp, x: 0.1 / x,
    "x + 0.1": lambda xp, x: x + 0.1,
    "where": lambda xp, x: xp.where(x > 1, x, 0.1),
    "maximum": lambda xp, x: xp.maximum(0.1, -x),
    "log of a number": lambda xp, x: xp.log(2.0) * x,
    "asarray": lambda xp, x: xp.asarray([0.1, 0.2, 0.3]) * x,
    "full": lambda xp, x: xp.full((3,), 0.1) + x,
    "stack": lambda xp, x: xp.sum(xp.stack([x[0], 0.1])) * x,
    "numpy": lambda xp, x: np.array([0.1, 0.2, 0.3]) * x,
}


@pytest.mark.parametrize("name", NUMBERS)
def test_a_python_number_in_a_float64_function_keeps_all_its_digits(differentiator, name):
    x = np.array([0.7, 1.3, 2.9])
    [found] = answer(differentiator, "value", lambda x: NUMBERS[name](differentiator.xp, x), [x])
    assert found.dtype == np.float64
    with np.errstate(all="ignore"):
        np.testing.assert_allclose(found, reference(name, x), rtol=1e-15)


def reference(name, x):
    if name == "stack":
        return (x[0] + 0.1) * x
    return NUMBERS[name](np, x)


@problem(x=[0.5, 2.0], k=[0, 3], wrt="x")
def powers(xp, x, k):
    """x^k"""
    return x**k


@problem(x=[0.5, 2.0, 4.0], k=[2, 0, 2], wrt="x")
def looked_up(xp, x, k):
    """x at k, squared"""
    return xp.take(x, k) ** 2 + x[k]


def of(problem, differentiator, operator):
    """A problem's answer with constants as the backend's own arrays; tangents and cotangents are all 1."""
    [instance] = problem.instances()
    inputs = {name: differentiator.array(value) for name, value in instance.arrays.items()}
    xs, ones = [inputs["x"]], differentiator.array(np.ones(instance.arrays["x"].shape))
    given_too = {"vjp": [ones], "jvp": [[ones]]}.get(operator, [])
    call = differentiator.prepare(operator, instance.bind(differentiator.xp, inputs), xs, *given_too)
    return leaves(plain(differentiator, call(xs, *given_too)))


@pytest.mark.parametrize(
    ("operator", "expected"),
    [("value", [1.0, 8.0]), ("vjp", [0.0, 12.0]), ("jvp", [0.0, 12.0]), ("jacobian", np.diag([0.0, 12.0]))],
)
def test_integer_constants_stay_out_of_the_derivative(differentiator, operator, expected):
    [found] = of(powers, differentiator, operator)
    np.testing.assert_array_equal(found, np.array(expected), strict=True)


@pytest.mark.parametrize(
    ("operator", "expected"),
    [
        ("value", [20.0, 0.75, 20.0]),
        ("vjp", [2.0, 0.0, 18.0]),
        ("jvp", [9.0, 2.0, 9.0]),
        ("jacobian", [[0.0, 0.0, 9.0], [2.0, 0.0, 0.0], [0.0, 0.0, 9.0]]),
    ],
)
def test_slopes_of_entries_looked_up_come_dense_and_are_added_up(differentiator, operator, expected):
    [found] = of(looked_up, differentiator, operator)
    np.testing.assert_array_equal(found, np.array(expected), strict=True)


@pytest.mark.parametrize("operator", ["gradient", "jvp", "hvp", "hessian"])
def test_an_input_that_does_not_matter_has_a_slope_of_zero(differentiator, operator):
    xp = differentiator.xp
    given_too = [[np.ones(2), np.ones(2)]] if operator in ("jvp", "hvp") else []
    found = answer(differentiator, operator, lambda x, y: xp.sum(x * 3), [np.ones(2), np.ones(2)], *given_too)
    expected = {
        "gradient": [[3.0, 3.0], [0.0, 0.0]],
        "jvp": [6.0],
        "hvp": [[0.0, 0.0]] * 2,
        "hessian": [np.zeros((2, 2))] * 4,
    }
    for one, other in zip(found, expected[operator], strict=True):
        np.testing.assert_array_equal(one, np.array(other), strict=True)


@pytest.mark.parametrize(("operator", "shape"), [("gradient", (2,)), ("jvp", ()), ("hessian", (2, 2))])
def test_a_function_of_no_input_has_slopes_of_zero(differentiator, operator, shape):
    given_too = [[np.ones(2)]] if operator == "jvp" else []
    [found] = answer(differentiator, operator, lambda x: differentiator.xp.asarray(3.0), [W[:2]], *given_too)
    np.testing.assert_array_equal(found, np.zeros(shape), strict=True)


def branching(x):
    if x > 0:
        return x**3
    return -x


def looping(x):
    while x > 1:
        x = x * 0.5
    return x * x


@pytest.mark.parametrize(
    ("f", "at", "slope", "curvature"),
    [
        (branching, 2.0, 12.0, 12.0),
        (branching, -2.0, -1.0, 0.0),
        (looping, 3.0, 2 * 0.75 / 4, 2 / 16),
        (looping, 0.5, 1.0, 2.0),
    ],
)
def test_branches_and_loops_on_numbers_are_followed(differentiator, f, at, slope, curvature):
    assert slope == answer(differentiator, "gradient", f, [at])[0]
    assert slope == answer(differentiator, "jvp", f, [at], [1.0])[0]
    assert curvature == answer(differentiator, "hvp", f, [at], [1.0])[0]
    assert curvature == answer(differentiator, "hessian", f, [at])[0]


def test_a_graph_with_a_branch_takes_the_other_side_at_other_inputs():
    graph = loaded("tensorflow-function")
    call = graph.prepare("hessian", branching, [graph.array(np.asarray(2.0))])
    assert [12.0, 0.0] == [float(call([graph.array(np.asarray(at))])[0][0]) for at in (2.0, -2.0)]


def test_many_outputs_are_vectorised_to_the_same_jacobian():
    eager = loaded("tensorflow")
    x = np.linspace(-1, 1, 5)
    weights = np.sin(np.arange(5.0 * module.TensorflowDifferentiator.vectorised_from)).reshape(-1, 5)
    constant = eager.array(weights)
    [found] = answer(eager, "jacobian", lambda x: eager.xp.tanh(constant @ x), [x])
    expected = weights / np.cosh(weights @ x)[:, None] ** 2
    np.testing.assert_allclose(found, expected, rtol=1e-13, atol=1e-15)


@pytest.mark.parametrize(
    ("f", "shapes"),
    [
        (lambda xp, a, b: a + b, [(2, 3), (2,)]),
        (lambda xp, a, b: a @ b, [(2, 3), (2, 3)]),
        (lambda xp, a, b: xp.vecdot(a, b), [(3,), (2,)]),
        (lambda xp, a, b: xp.stack([a, b]), [(3,), (2,)]),
    ],
)
@pytest.mark.parametrize("operator", ["value", "vjp", "jvp", "jacobian"])
def test_a_shape_error_is_an_exception_that_says_shape(differentiator, operator, f, shapes):
    xs = [np.ones(shape) for shape in shapes]
    given_too = {"vjp": [np.ones(3)], "jvp": [xs]}.get(operator, [])
    with pytest.raises(Exception, match=r"(?i)shape"):
        answer(differentiator, operator, lambda a, b: f(differentiator.xp, a, b), xs, *given_too)


@pytest.mark.parametrize("dtype", DTYPES)
def test_an_array_is_a_copy_in_its_dtype_on_the_device(differentiator, dtype):
    given = np.array([1.0, 2.0]).astype(np.dtype(dtype))
    made = differentiator.array(given)
    given[0] = 5
    returned = differentiator.numpy(made)
    assert ([1.0, 2.0], given.dtype, "cpu") == (returned.tolist(), returned.dtype, differentiator.where(made))
    computed = differentiator.prepare("value", lambda x: 2 * x, [made])([made])
    differentiator.synchronize(computed)
    assert "cpu" == differentiator.where(computed)


def test_inputs_of_the_backend_on_variables_are_variables():
    tensorflow = pytest.importorskip("tensorflow")
    made = loaded("tensorflow-variables").array(np.ones(2))
    assert isinstance(made, tensorflow.Variable)
    assert not isinstance(loaded("tensorflow").array(np.ones(2)), tensorflow.Variable)


@pytest.mark.parametrize("name", NAMES)
def test_every_operator_is_right_on_a_cuda_device(name):
    pytest.importorskip("tensorflow")
    if "cuda" not in BACKENDS[name].devices():
        pytest.skip(f"{name} finds no CUDA device here")
    differentiator = BACKENDS[name].load("cuda")
    made = differentiator.array(W)
    assert "cuda" == differentiator.where(made)
    for operator, expected in OF_SCALAR.items():
        found = answer(
            differentiator,
            operator,
            lambda w, x: differentiator.xp.sum(w * x**2),
            [W, X],
            *extra(operator, 2.0),
        )
        for one, other in zip(found, leaves(expected), strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-14)


PROBE = """
import sys
from gradcheck import available_backends
loaded = available_backends()["tensorflow-function"].load(sys.argv[1])
x = [loaded.xp.ones(2)]
loaded.numpy(loaded.prepare("value", lambda x: x @ x, x)(x))
print(loaded.settings())
"""


@pytest.mark.parametrize(("device", "onednn"), [("cpu", "0"), ("cpus", "1")])
def test_a_fresh_process_has_the_devices_threads_and_logs_nothing(device, onednn):
    pytest.importorskip("tensorflow")
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", PROBE, device],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "TF_ENABLE_ONEDNN_OPTS": onednn},
    )
    assert (0, "") == (done.returncode, done.stderr)
    expected = 1 if device == "cpu" else cores()
    assert f"'intra_op_threads': {expected}, 'inter_op_threads': {expected}" in done.stdout
    assert f"'onednn': '{'on' if onednn == '1' else 'off'}'" in done.stdout
    assert "'tf32': " in done.stdout
    assert "'soft_placement': " in done.stdout


def test_only_log_lines_are_kept_from_standard_error(capfd):
    with module._ungreeted():
        os.write(2, b"WARNING: All log messages before a level is set\nI0000 00:00:17.5  1 port.cc:1] on\n")
        os.write(2, b"file.py:1: UserWarning: a word of somebody else's\n")
    assert "file.py:1: UserWarning: a word of somebody else's\n" == capfd.readouterr().err


def test_standard_error_comes_back_after_an_import_that_fails(capfd):
    def failing():
        with module._ungreeted():
            os.write(2, b"why it failed\n")
            raise ImportError

    with pytest.raises(ImportError):
        failing()
    os.write(2, b"and after\n")
    assert "why it failed\nand after\n" == capfd.readouterr().err


SINGULAR = np.ones((2, 2))
FAILING = {
    "singular matrix": (lambda xp, x: xp.linalg.inv(x), "Input is not invertible."),
    "place": (lambda xp, x: xp.take(x, xp.asarray([5]), axis=0), "[0] = 5 is "),
}


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("what", FAILING)
def test_an_error_says_what_is_wrong_in_one_line(name, what):
    differentiator = loaded(name)
    f, words = FAILING[what]
    with pytest.raises(Exception, match=r"(?s)\n|Op:") as raised:
        answer(
            differentiator, "gradient", lambda x: differentiator.xp.sum(f(differentiator.xp, x)), [SINGULAR]
        )
    said = differentiator.complaint(raised.value)
    assert words in said
    assert "\n" not in said
    assert "{{" not in said
    assert not differentiator.lacks(raised.value)


TOLD = {
    "in user code:\n\n    File 'f.py', line 3, in f\n        g(x)\n    ValueError: no axis 2\n": "no axis 2",
    "Graph execution error:\n\nDetected at node inv defined at (most recent call last):\n  File 'f.py'\n\n"
    "2 root error(s) found.\n  (0) It is not invertible.\n\t [[{{node inv}}]]\n  (1) It is not finite.\n"
    "0 successful operations.\n0 derived errors ignored. [Op:__inference_f_7]": "It is not invertible.",
    "first line\nsecond line": "first line",
    "": "",
}


@pytest.mark.parametrize("text", TOLD)
def test_the_line_that_says_what_is_wrong_is_found(text):
    assert TOLD[text] == loaded("tensorflow").complaint(ValueError(text))


def test_a_second_derivative_that_a_graph_has_not_is_lacking_in_words():
    differentiator = loaded("tensorflow-function")
    with pytest.raises(NotImplementedError) as raised:
        answer(
            differentiator, "hessian", lambda x: differentiator.xp.linalg.matrix_norm(x, ord=2), [SINGULAR]
        )
    assert differentiator.lacks(raised.value)
    assert "SVD gradient has not been implemented" in differentiator.complaint(raised.value)
