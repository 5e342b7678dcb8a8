"""PyTorch in three ways: the same answers in the dtype asked for, really compiled, timed by its events."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gradcheck import available_backends, problem
from gradcheck.devices import cores
from gradcheck.errors import Unsupported
from gradcheck.operators import OPERATORS
from gradcheck.problems import Bound, Problem

from .asking import leaves, plain, prepared
from .fake_cuda import FakeCuda

torch = pytest.importorskip("torch")
ml_dtypes = pytest.importorskip("ml_dtypes")

BACKENDS = available_backends()
EAGER = ("torch", "torch-func")
NAMES = (*EAGER, "torch-compile")
DTYPES = BACKENDS["torch"].dtypes


def compiler_is_missing():
    from torch._inductor.cpp_builder import get_cpp_compiler

    try:
        return not get_cpp_compiler()
    except RuntimeError:
        return True


needs_compiler = pytest.mark.skipif(compiler_is_missing(), reason="torch finds no C++ compiler here")
needs_cuda = pytest.mark.skipif(not torch.cuda.is_available(), reason="torch finds no CUDA device here")
compiled = pytest.param("torch-compile", marks=needs_compiler)
each = pytest.mark.parametrize("name", EAGER)


@pytest.fixture(autouse=True, scope="module")
def _threads_as_before():
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def loaded(name, device="cpu"):
    return BACKENDS[name].load(device)


def arrays(differentiator, *values, dtype="float64"):
    return [differentiator.array(np.asarray(value, np.dtype(dtype))) for value in values]


# With these numbers every step is exact in eight bits, so that a right answer is right in bfloat16 too.
X, S = np.array([1.0, -2.0, 3.0]), np.array(2.0)
ALONG = [np.array([1.0, 0.5, -1.0]), np.array(-2.0)]
WEIGHTS = np.array([1.0, 3.0, -0.5])


def of_scalar(x, s):
    """The answers for ``s sum x^2``."""
    slope, curvature = [2 * s * x, np.sum(x**2)], [[2 * s * np.eye(3), 2 * x], [2 * x, np.array(0.0)]]
    return {
        "value": s * np.sum(x**2),
        "gradient": slope,
        "vjp": [4 * part for part in slope],
        "jvp": slope[0] @ ALONG[0] + slope[1] * ALONG[1],
        "hvp": [2 * s * ALONG[0] + 2 * x * ALONG[1], 2 * x @ ALONG[0]],
        "hessian": curvature,
    }


def of_array(x, s):
    """The answers for ``s x^2``."""
    return {
        "value": s * x**2,
        "vjp": [2 * s * x * WEIGHTS, x**2 @ WEIGHTS],
        "jvp": 2 * s * x * ALONG[0] + x**2 * ALONG[1],
        "jacobian": [np.diag(2 * s * x), x**2],
    }


ASKED = [*((name, True) for name in of_scalar(X, S)), *((name, False) for name in of_array(X, S))]


def question(differentiator, operator, scalar, dtype="float64"):
    """A function, its inputs, what the operator takes beside them, and the answers at any inputs."""
    xp = differentiator.xp

    def f(x, s):
        return s * xp.sum(x**2) if scalar else s * x**2

    extra = []
    if operator in ("jvp", "hvp"):
        extra = [arrays(differentiator, *ALONG, dtype=dtype)]
    elif operator == "vjp":
        extra = arrays(differentiator, 4.0 if scalar else WEIGHTS, dtype=dtype)
    return f, arrays(differentiator, X, S, dtype=dtype), extra, of_scalar if scalar else of_array


def assert_answers(name, operator, scalar, dtype):
    differentiator = loaded(name)
    f, xs, extra, expected = question(differentiator, operator, scalar, dtype)
    call = prepared(differentiator, operator, f, xs, *extra)
    for x, s in [(X, S), (X + 1, -S), (X[::-1] * 2, S / 4)]:
        answer = leaves(plain(differentiator, call(arrays(differentiator, x, s, dtype=dtype), *extra)))
        assert {np.dtype(dtype)} == {leaf.dtype for leaf in answer}
        for one, other in zip(answer, leaves(expected(x, s)[operator]), strict=True):
            np.testing.assert_array_equal(one.astype(np.float64), other, strict=True)


@each
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("operator", "scalar"), ASKED)
def test_every_operator_is_right_in_every_dtype_and_at_other_inputs(name, operator, scalar, dtype):
    assert_answers(name, operator, scalar, dtype)


@needs_compiler
@pytest.mark.parametrize(
    ("operator", "scalar", "dtype"),
    [
        *((operator, scalar, "float64") for operator, scalar in ASKED),
        *(("gradient", True, dtype) for dtype in DTYPES if dtype != "float64"),
        *(("jacobian", False, dtype) for dtype in DTYPES if dtype != "float64"),
    ],
)
def test_every_operator_is_right_compiled(operator, scalar, dtype):
    assert_answers("torch-compile", operator, scalar, dtype)


@settings(max_examples=20)
@given(st.lists(st.floats(-100, 100), min_size=3, max_size=3), st.floats(-100, 100))
@pytest.mark.parametrize("operator", OPERATORS)
@each
def test_transforms_agree_with_formulas_anywhere(name, operator, entries, s):
    scalar = operator != "jacobian"
    differentiator = loaded(name)
    f, xs, extra, expected = question(differentiator, operator, scalar)
    call = prepared(differentiator, operator, f, xs, *extra)
    x, s = np.array(entries), np.array(s)
    answer = leaves(plain(differentiator, call(arrays(differentiator, x, s), *extra)))
    for one, other in zip(answer, leaves(expected(x, s)[operator]), strict=True):
        scale = max(1.0, np.max(np.abs(x)) ** 2) * max(1.0, abs(s))  # sums of three terms may cancel
        np.testing.assert_allclose(one, other, rtol=1e-14, atol=1e-14 * scale)


WITHOUT_X = {
    "gradient": [np.zeros(3), np.array(1.0)],
    "vjp": [np.zeros(3), np.array(4.0)],
    "jvp": ALONG[1],
    "hvp": [np.zeros(3), np.array(0.0)],
    "hessian": [[np.zeros((3, 3)), np.zeros(3)], [np.zeros(3), np.array(0.0)]],
    "jacobian": [np.zeros((3, 3)), np.ones(3)],
}


@pytest.mark.parametrize(
    ("name", "operator"),
    [
        *((name, operator) for name in EAGER for operator in WITHOUT_X),
        *(pytest.param("torch-compile", operator, marks=needs_compiler) for operator in ("gradient", "hvp")),
    ],
)
def test_what_an_output_does_not_depend_on_has_derivative_0(name, operator):
    differentiator = loaded(name)
    _, xs, extra, _ = question(differentiator, operator, operator != "jacobian")
    shape = (3,) if operator == "jacobian" else ()
    ones = differentiator.array(np.ones(shape))
    call = prepared(differentiator, operator, lambda x, s: ones + s, xs, *extra)
    answer = leaves(plain(differentiator, call(xs, *extra)))
    for one, other in zip(answer, leaves(WITHOUT_X[operator]), strict=True):
        np.testing.assert_array_equal(one, other, strict=True)


@each
@pytest.mark.parametrize("operator", ["gradient", "hvp", "jvp", "hessian"])
def test_a_constant_has_derivative_0(name, operator):
    differentiator = loaded(name)
    _, xs, extra, expected = question(differentiator, operator, scalar=True)
    one = differentiator.array(np.array(1.0))
    answer = leaves(plain(differentiator, getattr(differentiator, operator)(lambda x, s: one, xs, *extra)))
    for leaf, other in zip(answer, leaves(expected(X, S)[operator]), strict=True):
        np.testing.assert_array_equal(leaf, np.zeros_like(other), strict=True)


@each
@pytest.mark.parametrize("operator", OPERATORS)
def test_inputs_are_left_as_they_were(name, operator):
    differentiator = loaded(name)
    f, xs, extra, _ = question(differentiator, operator, operator != "jacobian")
    prepared(differentiator, operator, f, xs, *extra)(xs, *extra)
    assert [(False, None), (False, None)] == [(x.requires_grad, x.grad) for x in xs]
    for x, before in zip(xs, (X, S), strict=True):
        np.testing.assert_array_equal(before, differentiator.numpy(x), strict=True)


@problem(x=[0.5, 2.0], k=[0, 3], wrt="x")
def powers(xp, x, k):
    """x^k"""
    return x**k


@each
@pytest.mark.parametrize("operator", ["vjp", "jvp", "jacobian"])
def test_integer_constants_stay_out_of_the_derivative(name, operator):
    differentiator = loaded(name)
    [instance] = powers.instances()
    inputs = {name: differentiator.array(value) for name, value in instance.arrays.items()}
    xs, ones = [inputs["x"]], differentiator.array(np.ones(2))
    extra = {"vjp": [ones], "jvp": [[ones]], "jacobian": []}[operator]
    call = differentiator.prepare(operator, instance.bind(differentiator.xp, inputs), xs, *extra)
    found = leaves(plain(differentiator, call(xs, *extra)))[0]
    np.testing.assert_array_equal(np.diag([0.0, 12.0]) if operator == "jacobian" else [0.0, 12.0], found)


@each
def test_a_jacobian_without_rows_has_its_shape(name):
    differentiator = loaded(name)
    xs = arrays(differentiator, X, S)
    answer = plain(differentiator, differentiator.jacobian(lambda x, s: s * x[:0], xs))
    assert [(0, 3), (0,)] == [block.shape for block in answer]


def test_rows_of_autograd_are_pulled_through_one_evaluation():
    runs = []

    def f(x):
        runs.append(1)
        return x**2

    differentiator = loaded("torch")
    differentiator.jacobian(f, arrays(differentiator, X))
    assert 1 == len(runs)


@pytest.mark.parametrize(("rows", "way"), [(2, "jacrev"), (3, "jacrev"), (5, "jacfwd")])
def test_jacobian_of_torch_func_goes_by_the_shorter_side(monkeypatch, rows, way):
    taken = []
    for name in ("jacrev", "jacfwd"):
        given = getattr(torch.func, name)
        monkeypatch.setattr(
            torch.func, name, lambda *args, n=name, transform=given: taken.append(n) or transform(*args)
        )
    differentiator = loaded("torch-func")
    A = np.arange(3.0 * rows).reshape(rows, 3)
    matrix = differentiator.array(A)
    [answer] = differentiator.jacobian(lambda x: matrix @ x, arrays(differentiator, X))
    np.testing.assert_array_equal(A, differentiator.numpy(answer), strict=True)
    assert [way] == taken


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(), (3,), (2, 3), (0,)])
def test_arrays_go_there_and_back_with_every_bit(dtype, shape):
    differentiator = loaded("torch")
    rng = np.random.default_rng(1)
    array = np.asarray(rng.normal(size=shape), np.dtype(dtype))
    there = differentiator.array(array)
    assert getattr(torch, dtype) is there.dtype
    back = differentiator.numpy(there)
    assert (array.dtype, array.shape, array.tobytes()) == (back.dtype, back.shape, back.tobytes())
    for view in (array.T, array[::-1], array[..., ::2]) if shape else ():
        there = differentiator.array(view)
        assert there.is_contiguous()
        assert view.tobytes() == differentiator.numpy(there).tobytes()


@pytest.mark.parametrize("dtype", DTYPES)
def test_an_array_is_a_copy(dtype):
    differentiator = loaded("torch")
    array = np.ones(3, np.dtype(dtype))
    there = differentiator.array(array)
    array[0] = 2
    assert 1 == differentiator.numpy(there)[0]
    array.flags.writeable = False
    differentiator.array(array)  # without a warning


@pytest.mark.parametrize(("device", "expected"), [("cpu", 1), ("cpus", cores())])
def test_a_device_is_a_number_of_threads(device, expected):
    torch.set_num_threads(7)
    differentiator = loaded("torch", device)
    assert expected == torch.get_num_threads() == differentiator.settings()["threads"]
    assert "cpu" == differentiator.where(differentiator.array(X))


def test_where_is_read_from_the_array():
    assert "meta" == loaded("torch").where(torch.empty(2, device="meta"))


def test_settings_are_what_torch_says():
    differentiator = loaded("torch")
    before = torch.get_float32_matmul_precision(), torch.backends.cudnn.allow_tf32
    try:
        for precision, tf32, deterministic in [("highest", False, False), ("high", True, True)]:
            torch.set_float32_matmul_precision(precision)
            torch.backends.cudnn.allow_tf32 = tf32
            torch.use_deterministic_algorithms(deterministic)
            assert {
                "threads": 1,
                "matmul_precision": precision,
                "tf32_matmul": tf32,
                "tf32_cudnn": tf32,
                "deterministic": deterministic,
            } == differentiator.settings()
    finally:
        torch.set_float32_matmul_precision(before[0])
        torch.backends.cudnn.allow_tf32 = before[1]
        torch.use_deterministic_algorithms(False)


@pytest.mark.parametrize("name", NAMES)
def test_a_cuda_device_is_offered_where_there_is_one(monkeypatch, name):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert ("cpu", "cpus") == BACKENDS[name].devices()
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert ("cpu", "cpus", "cuda") == BACKENDS[name].devices()


@each
def test_on_cuda_time_is_between_two_events_around_all_calls(monkeypatch, name):
    cuda = FakeCuda(monkeypatch, torch, milliseconds=1500.0)
    differentiator = loaded(name, "cuda")
    seconds = differentiator.elapsed(lambda *arguments: cuda.log.append(arguments), [("a", 1), ("b", 2)])
    assert 1.5 == seconds
    record = "record on stream of cuda"
    assert [record, ("a", 1), ("b", 2), record, "wait for the event"] == cuda.log


@each
def test_on_the_cpu_time_is_the_clocks(monkeypatch, name):
    cuda = FakeCuda(monkeypatch, torch)
    differentiator = loaded(name)
    seconds = differentiator.elapsed(lambda n: sum(range(n)), [(100_000,)] * 3)
    assert seconds > 3 * differentiator.elapsed(lambda n: n, [(100_000,)]) > 0
    differentiator.synchronize(differentiator.array(X))
    assert [] == cuda.log


def test_on_cuda_the_peak_is_what_a_call_adds_to_what_is_held(monkeypatch):
    cuda = FakeCuda(monkeypatch, torch)
    differentiator = loaded("torch", "cuda")
    assert [300, 40] == [
        differentiator.peak_bytes(lambda size=size: cuda.allocate(size)) for size in (300, 40)
    ]


def test_on_the_cpu_the_peak_is_the_process(monkeypatch):
    differentiator = loaded("torch")
    size = 2**26
    peak = differentiator.peak_bytes(lambda: torch.ones(size, dtype=torch.int8))
    assert np.isnan(peak) or peak > 0.9 * size


def test_on_cuda_a_result_is_waited_for(monkeypatch):
    cuda = FakeCuda(monkeypatch, torch)
    loaded("torch", "cuda").synchronize(None)
    assert ["wait for cuda"] == cuda.log


@needs_cuda
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(("operator", "scalar"), ASKED)
def test_every_operator_is_right_on_a_cuda_device(name, operator, scalar):
    differentiator = loaded(name, "cuda")
    f, xs, extra, expected = question(differentiator, operator, scalar)
    assert {"cuda"} == {differentiator.where(x) for x in xs}
    answer = leaves(plain(differentiator, prepared(differentiator, operator, f, xs, *extra)(xs, *extra)))
    for one, other in zip(answer, leaves(expected(X, S)[operator]), strict=True):
        np.testing.assert_array_equal(one, other, strict=True)


@needs_cuda
def test_events_of_a_cuda_device_see_the_work_of_the_calls():
    differentiator = loaded("torch", "cuda")
    small, large = (differentiator.array(np.ones((n, n), np.float32)) for n in (64, 4096))
    differentiator.elapsed(lambda x: x @ x, [(large,)] * 3)
    times = [differentiator.elapsed(lambda x: x @ x, [(x,)] * 10) for x in (small, large)]
    assert 0 < 2 * times[0] < times[1]


def graphs():
    """Graphs that torch has compiled in this process so far."""
    from torch._dynamo.utils import counters

    return counters["stats"]["unique_graphs"]


@needs_compiler
def test_more_functions_than_torch_keeps_of_one_code_are_all_compiled_once_and_stay_so():
    differentiator = loaded("torch-compile")
    runs = []

    def times(factor):
        def f(x):
            runs.append(factor) if not torch.compiler.is_compiling() else None
            return factor * x

        return f

    xs, calls = arrays(differentiator, X), []
    with torch._dynamo.config.patch(recompile_limit=2):
        for factor in range(4):
            before = graphs()
            calls.append(prepared(differentiator, "value", times(float(factor)), xs))
            assert before + 1 == graphs(), "compiled before it returns"
    before, evaluated = graphs(), len(runs)
    for factor, call in enumerate(calls):
        np.testing.assert_array_equal(
            factor * (X + 1), differentiator.numpy(call(arrays(differentiator, X + 1)))
        )
    assert (before, evaluated) == (graphs(), len(runs)), "later calls run what was compiled"


@needs_compiler
def test_constants_of_compiled_code_are_data():
    differentiator = loaded("torch-compile")
    weights, x = differentiator.array(np.array([1.0, 2.0])), differentiator.array(np.array([3.0, 4.0]))
    of = Problem(name="f", fn=lambda xp, x, w: xp.sum(x * w), inputs=("x", "w"), points=(), wrt=("x",))
    f = Bound(problem=of, xp=differentiator.xp, inputs={"x": x, "w": weights})
    call, compiled_so_far = differentiator.prepare("gradient", f, [x]), graphs()
    weights.mul_(5.0)
    np.testing.assert_array_equal([5.0, 10.0], differentiator.numpy(call([x])[0]))
    assert compiled_so_far == graphs()


@needs_compiler
def test_a_step_that_depends_on_the_data_does_not_compile_and_says_so():
    differentiator = loaded("torch-compile")
    with pytest.raises(Unsupported, match=r"^does not compile: .*[Dd]ata-dependent.*$"):
        prepared(differentiator, "value", lambda x: x if x[0] > 0 else -x, arrays(differentiator, X))


@pytest.mark.parametrize("name", [*EAGER, compiled])
def test_a_mistake_of_the_function_itself_is_raised_as_such(name):
    differentiator = loaded(name)
    xs = arrays(differentiator, X)
    with pytest.raises(RuntimeError, match="size"):
        prepared(differentiator, "value", lambda x: x + differentiator.xp.ones(2), xs)(xs)


@needs_compiler
def test_a_missing_compiler_is_named():
    from torch._inductor import config

    differentiator = loaded("torch-compile")
    without = config.patch({"cpp.cxx": ("/nowhere/c++",)})
    with (
        without,
        pytest.raises(Unsupported, match=r"^does not compile: .*No working C\+\+ compiler found.*$"),
    ):
        prepared(differentiator, "value", lambda x: 3 * x + 0.375, arrays(differentiator, X))


@needs_compiler
@pytest.mark.parametrize(("device", "expected"), [("cpu", 1), ("cpus", cores())])
def test_compiled_code_uses_the_threads_of_its_device(monkeypatch, device, expected):
    given = []
    monkeypatch.setattr(torch, "compile", lambda f, **options: given.append(options) or f)
    differentiator = loaded("torch-compile", device)
    prepared(differentiator, "value", lambda x: x, arrays(differentiator, X))
    assert expected == given[-1]["options"]["cpp.threads"]


@needs_compiler
def test_settings_say_whether_compiled_graphs_outlive_a_run():
    from torch._inductor import config

    differentiator = loaded("torch-compile")
    for graphs_kept, nothing_kept in [(True, False), (False, False), (True, True)]:
        with config.patch(fx_graph_cache=graphs_kept, force_disable_caches=nothing_kept):
            kept = differentiator.settings()["compiled_graphs_kept_on_disk"]
        assert (graphs_kept and not nothing_kept) is kept


def test_compiling_takes_part_only_where_it_is_named():
    assert ["torch-compile"] == [name for name in NAMES if BACKENDS[name].on_request]


HALF_LINEAR_ALGEBRA = {
    "determinant": (lambda xp, a: xp.linalg.slogdet(a)[1], "slogdet"),
    "spectral norm": (lambda xp, a: xp.linalg.matrix_norm(a, ord=2), "matrix_norm"),
    "eigenvalues": (lambda xp, a: xp.linalg.eigvalsh(a), "not implemented for 'Half'"),
}


@each
@pytest.mark.parametrize("function", HALF_LINEAR_ALGEBRA)
def test_linear_algebra_that_torch_has_not_in_half_precision_is_lacking(name, function):
    differentiator = loaded(name)
    f, words = HALF_LINEAR_ALGEBRA[function]
    x = differentiator.array(np.eye(2, dtype=np.float16))
    with pytest.raises((RuntimeError, NotImplementedError)) as raised:
        differentiator.value(lambda a: f(differentiator.xp, a), [x])
    assert differentiator.lacks(raised.value)
    assert words in differentiator.complaint(raised.value)


@each
def test_a_failure_of_torch_is_not_lacking(name):
    differentiator = loaded(name)
    with pytest.raises(RuntimeError) as raised:
        differentiator.value(lambda a: a @ a[:1], [differentiator.array(np.ones((2, 3)))])
    assert not differentiator.lacks(raised.value)
