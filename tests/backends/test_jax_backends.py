"""JAX compiled and JAX eager: the same answers, the dtype asked for, one compilation, a wait that waits."""

import gc
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gradcheck import available_backends, problem
from gradcheck.devices import cores
from gradcheck.operators import OPERATORS
from gradcheck.problems import Bound, Problem

from .asking import (
    ALONG,
    OF_ARRAY,
    OF_SCALAR,
    W,
    X,
    assert_whole_namespace,
    bound,
    leaves,
    plain,
    prepared,
)

jax = pytest.importorskip("jax")

from gradcheck.backends import jax_eager as module  # noqa: E402 - after the skip

BACKENDS = available_backends()
NAMES = ("jax", "jax-eager")
DTYPES = BACKENDS["jax"].dtypes


@pytest.fixture(autouse=True, scope="module")
def _precision_as_before():
    """Loading switches double precision on for the whole process, where other tests want JAX's habit."""
    before = jax.config.jax_enable_x64
    yield
    jax.config.update("jax_enable_x64", before)


@pytest.fixture(params=NAMES)
def differentiator(request):
    return BACKENDS[request.param].load("cpu")


def arrays(differentiator, dtype="float64", **values):
    return [differentiator.array(np.asarray(value, np.dtype(dtype))) for value in values.values()]


def extra(differentiator, operator, dtype, cotangent):
    if operator in ("jvp", "hvp"):
        return [[differentiator.array(v.astype(dtype)) for v in ALONG]]
    return [differentiator.array(np.asarray(cotangent, dtype))] if operator == "vjp" else []


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    ("operator", "scalar", "expected"),
    [
        *[(name, True, answer) for name, answer in OF_SCALAR.items()],
        *[(name, False, answer) for name, answer in OF_ARRAY.items()],
    ],
)
def test_every_operator_is_right_in_every_dtype_and_keeps_it(
    differentiator, operator, scalar, expected, dtype
):
    dtype = np.dtype(dtype)
    xp = differentiator.xp

    def f(w, x):
        return xp.sum(w * x**2) if scalar else w * x**2

    xs = arrays(differentiator, dtype, w=W, x=X)
    given_too = extra(differentiator, operator, dtype, 2.0 if scalar else ALONG[0])
    found = leaves(
        plain(differentiator, prepared(differentiator, operator, f, xs, *given_too)(xs, *given_too))
    )
    assert {dtype} == {leaf.dtype for leaf in found}
    for one, other in zip(found, leaves(expected), strict=True):
        np.testing.assert_array_equal(one.astype(np.float64), other, strict=True)


@jax.custom_vjp
def doubled_in_reverse_alone(x):
    return 2 * x


doubled_in_reverse_alone.defvjp(lambda x: (2 * x, None), lambda _, cotangent: (2 * cotangent,))


def doubled_in_forward_alone(x):
    return jax.lax.while_loop(lambda state: state[0] < 1, lambda state: (state[0] + 1, 2 * state[1]), (0, x))[
        1
    ]


def test_jacobian_goes_by_the_shorter_side(differentiator):
    xp = differentiator.xp
    xs = arrays(differentiator, x=X)

    def jacobian(f):
        return differentiator.jacobian(bound(differentiator, f, xs), xs)

    wide = jacobian(lambda x: doubled_in_reverse_alone(x)[1:])
    np.testing.assert_array_equal(plain(differentiator, wide)[0], 2 * np.eye(3)[1:], strict=True)
    tall = jacobian(lambda x: xp.stack([doubled_in_forward_alone(x), x**2]))
    expected = np.stack([2 * np.eye(3), np.diag(2 * X)])
    np.testing.assert_array_equal(plain(differentiator, tall)[0], expected, strict=True)


@problem(x=[0.5, 2.0], k=[0, 3], wrt="x")
def powers(xp, x, k):
    """x^k"""
    return x**k


@pytest.mark.parametrize("operator", ["vjp", "jvp", "jacobian"])
def test_integer_constants_stay_out_of_the_derivative(differentiator, operator):
    [instance] = powers.instances()
    inputs = {name: differentiator.array(value) for name, value in instance.arrays.items()}
    xs, ones = [inputs["x"]], differentiator.array(np.ones(2))
    extra = {"vjp": [ones], "jvp": [[ones]], "jacobian": []}[operator]
    call = differentiator.prepare(operator, instance.bind(differentiator.xp, inputs), xs, *extra)
    found = leaves(plain(differentiator, call(xs, *extra)))[0]
    np.testing.assert_array_equal(np.diag([0.0, 12.0]) if operator == "jacobian" else [0.0, 12.0], found)


@pytest.mark.parametrize("operator", ["value", "gradient", "jacobian", "vjp", "jvp"])
def test_floating_constants_are_data_to_the_compiler_and_whole_numbers_are_not(operator):
    jitted = BACKENDS["jax"].load("cpu")
    seen = []

    def powers(xp, x, weights, times):
        seen.append(isinstance(weights, jax.core.Tracer))
        terms = [x**power for power in range(int(times))]
        return xp.sum(weights * sum(terms)) if operator == "gradient" else weights * sum(terms)

    of = Problem(name="f", fn=powers, inputs=("x", "weights", "times"), points=(), wrt=("x",))
    inputs = {"x": jitted.array(X), "weights": jitted.array(W), "times": jitted.array(np.array(3))}
    extra = {"vjp": [inputs["x"] * 0 + 1], "jvp": [[inputs["x"] * 0 + 1]]}.get(operator, [])
    xs = [inputs["x"]]
    call = jitted.prepare(operator, Bound(problem=of, xp=jitted.xp, inputs=inputs), xs, *extra)
    [found] = leaves(plain(jitted, call(xs, *extra)))
    assert {True} == set(seen)
    slope = W * (1 + 2 * X)
    expected = {"value": W * (1 + X + X**2), "jacobian": np.diag(slope)}.get(operator, slope)
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("operator", [name for name in OPERATORS if name != "jacobian"])
def test_a_prepared_function_is_traced_once_and_right_at_other_inputs(operator):
    jitted, eager = (BACKENDS[name].load("cpu") for name in NAMES)
    runs = []

    def f(w, x):
        runs.append(1)
        return jitted.xp.sum(w * x**2)

    xs = arrays(jitted, w=W, x=X)
    given_too = extra(jitted, operator, "float64", 2.0)
    call = prepared(jitted, operator, f, xs, *given_too)
    traced = len(runs)
    assert traced > 0, "compiled before it returns"
    others = [arrays(jitted, w=W - shift, x=X * shift) for shift in (2.0, -0.5, 3.0)]
    answers = [leaves(plain(jitted, call(other, *given_too))) for other in others]
    assert traced == len(runs)
    for answer, other in zip(answers, others, strict=True):
        by_hand = leaves(plain(eager, getattr(eager, operator)(f, other, *given_too)))
        for one, another in zip(answer, by_hand, strict=True):
            np.testing.assert_allclose(one, another, rtol=1e-14)
    assert len(runs) >= traced + len(others), "the eager one runs the function at every call"


def test_other_shapes_are_refused_rather_than_compiled():
    jitted = BACKENDS["jax"].load("cpu")
    call = prepared(jitted, "gradient", jitted.xp.sum, arrays(jitted, x=X))
    with pytest.raises(TypeError):
        call(arrays(jitted, x=W[:2]))


SMALL = 2.0**-510  # a smaller number has a subnormal square, which XLA flushes to 0


@settings(max_examples=30)
@given(st.lists(st.floats(-1e3, 1e3).filter(lambda x: not 0 < abs(x) < SMALL), min_size=3, max_size=3))
def test_one_executable_answers_for_any_values(entries):
    jitted = BACKENDS["jax"].load("cpu")
    if not EXECUTABLE:
        xp = jitted.xp
        EXECUTABLE.append(prepared(jitted, "gradient", lambda x: xp.sum(x**3), arrays(jitted, x=X)))
    x = np.array(entries)
    np.testing.assert_allclose(plain(jitted, EXECUTABLE[0](arrays(jitted, x=x)))[0], 3 * x**2, rtol=1e-15)


EXECUTABLE = []


def test_executables_live_as_long_as_their_calls():
    jitted = BACKENDS["jax"].load("cpu")
    xs = arrays(jitted, x=X)
    client = jax.devices("cpu")[0].client

    def alive():
        gc.collect()
        return len(client.live_executables())

    def call(power):
        return prepared(jitted, "hessian", lambda x: jitted.xp.sum(x**power), xs)

    call(3)(xs)
    before = alive()
    kept = [call(power) for power in range(4, 9)]
    assert before + 5 == alive()
    kept.clear()
    assert before == alive()


def test_loading_keeps_float64_as_float64():
    jax.config.update("jax_enable_x64", False)
    differentiator = BACKENDS["jax"].load("cpu")
    assert differentiator.array(np.ones(2)).dtype == np.float64
    assert differentiator.settings()["x64"] is True


def test_an_array_is_a_finished_copy(differentiator):
    bytes_off = -(raw := np.ones(1_000_008)).ctypes.data % 64  # XLA would borrow what is aligned
    source = raw[bytes_off // 8 :][:1_000_000]
    copies = [differentiator.array(source) for _ in range(3)]
    assert all(copy.is_ready() for copy in copies)
    source[:] = 2
    assert [1e6] * 3 == [float(np.sum(differentiator.numpy(copy))) for copy in copies]


def test_synchronize_waits_for_every_array_of_a_result(differentiator):
    xp = differentiator.xp

    def f(a, b):
        for _ in range(8):
            a, b = xp.tanh(a @ b), xp.tanh(b @ a)
        return xp.sum(a) + xp.sum(b)

    matrices = np.random.default_rng(0).normal(size=(2, 600, 600))
    xs = [differentiator.array(matrix) for matrix in matrices]
    call = prepared(differentiator, "gradient", f, xs)
    answer = call(xs)
    assert not any(part.is_ready() for part in answer), "the call is over before it returns: nothing to test"
    differentiator.synchronize([xs, *answer])
    assert all(part.is_ready() for part in answer)


def test_arrays_and_answers_lie_on_the_cpu(differentiator):
    xs = arrays(differentiator, x=X)
    answer = prepared(differentiator, "gradient", lambda x: differentiator.xp.sum(x**2), xs)(xs)
    assert ["cpu"] * 2 == [differentiator.where(x) for x in (*xs, *answer)]
    assert differentiator.settings()["platform"] == "cpu"


@pytest.mark.parametrize("name", NAMES)
def test_arrays_and_answers_lie_on_a_cuda_device(name):
    if "cuda" not in BACKENDS[name].devices():
        pytest.skip("JAX finds no CUDA device here")
    differentiator = BACKENDS[name].load("cuda")
    xs = arrays(differentiator, x=X)
    answer = prepared(differentiator, "gradient", lambda x: differentiator.xp.sum(x**2), xs)(xs)
    assert ["cuda"] * 2 == [differentiator.where(x) for x in (*xs, *answer)]
    np.testing.assert_array_equal(plain(differentiator, answer)[0], 2 * X)


class Gpu:
    """A device that counts bytes as JAX's GPUs do: its mark only rises."""

    platform = "gpu"

    def __init__(self):
        self.used, self.mark = 100, 150

    def memory_stats(self):
        return {"bytes_in_use": self.used, "peak_bytes_in_use": self.mark}

    def call(self, bytes_needed):
        self.mark = max(self.mark, self.used + bytes_needed)


def test_peak_of_a_gpu_is_told_where_the_call_raised_it(differentiator, monkeypatch):
    gpu = Gpu()
    monkeypatch.setattr(differentiator, "_device", gpu)
    assert differentiator.peak_bytes(lambda: gpu.call(300)) == 300
    assert np.isnan(differentiator.peak_bytes(lambda: gpu.call(40)))


def test_peak_on_the_cpu_is_not_told(differentiator):
    assert np.isnan(differentiator.peak_bytes(lambda: np.ones(10_000_000)))


def test_namespace_has_every_function_of_the_catalogue(differentiator):
    assert_whole_namespace(differentiator)


def test_slope_of_xlogy_at_zero(differentiator):
    xs = arrays(differentiator, x=[0.0], y=[0.5])
    slopes = differentiator.gradient(lambda x, y: differentiator.xp.sum(differentiator.xp.xlogy(x, y)), xs)
    np.testing.assert_allclose([float(s[0]) for s in slopes], [np.log(0.5), 0.0], rtol=1e-15)


def fresh(code, **variables):
    """What a program prints in a process of its own that has no settings for XLA."""
    kept = {name: value for name, value in os.environ.items() if name not in ("NPROC", "XLA_FLAGS")}
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        env={**kept, **variables},
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )


WORK = """
import os, time
import numpy as np
from pathlib import Path
from gradcheck import available_backends, problem
from gradcheck.problems import Bound

@problem(x=1.0)
def cube(xp, x):
    return x @ x @ x

def ticks():
    # fields 14 and 15 of stat, counted after the name, which may hold spaces
    tasks = Path("/proc/self/task").iterdir()
    fields = {task: (task / "stat").read_text().rpartition(")")[2].split() for task in tasks}
    return {task: int(of[11]) + int(of[12]) for task, of in fields.items()}

differentiator = available_backends()["jax"].load("DEVICE")
xs = [differentiator.array(np.random.default_rng(0).normal(size=(1200, 1200)))]
call = differentiator.prepare("value", Bound(problem=cube, xp=differentiator.xp, inputs={"x": xs[0]}), xs)
differentiator.synchronize(call(xs))
before, started, spent = ticks(), time.perf_counter(), time.process_time()
for _ in range(4):
    differentiator.synchronize(call(xs))
wall, spent, after = time.perf_counter() - started, time.process_time() - spent, ticks()
grown = [after[task] - before.get(task, 0) for task in after]
print(spent / wall, sum(ticks > 0.2 * max(grown) for ticks in grown), differentiator.settings()["NPROC"])
"""


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="reads the times of threads from /proc")
@pytest.mark.parametrize("device", ["cpu", "cpus"])
def test_cpu_is_one_busy_thread_and_cpus_all(device):
    if device == "cpus" and cores() < 2:
        pytest.skip("there is one core here")
    ratio, busy, stated = fresh(WORK.replace("DEVICE", device)).stdout.split()
    if device == "cpu":
        assert float(ratio) < 1.2
        assert (1, "1") == (int(busy), stated)
    else:
        assert int(busy) > 1
        assert str(cores()) == stated


def test_threads_of_a_process_that_has_jax_already_are_left_alone(monkeypatch):
    monkeypatch.delenv("NPROC", raising=False)
    assert BACKENDS["jax"].load("cpu").settings()["NPROC"] == ""


@pytest.mark.parametrize("name", NAMES)
def test_asking_for_devices_is_silent_and_does_not_start_jax(name):
    code = f"""
import sys
from gradcheck import available_backends
print(*available_backends()[{name!r}].devices())
assert "jax" not in sys.modules
"""
    done = fresh(code)
    assert ["cpu", "cpus"] == done.stdout.split()[:2]
    assert done.stderr == ""


def test_a_driver_without_its_device_offers_the_cpu_alone(monkeypatch):
    monkeypatch.setattr(module, "_has_plugins", lambda: True)
    try:
        found = bool(jax.devices("cuda"))
    except RuntimeError:
        found = False
    assert (("cpu", "cpus", "cuda") if found else ("cpu", "cpus")) == module.devices()


def test_a_gpu_that_jax_has_no_driver_for_is_no_warning():
    if module._has_plugins():
        pytest.skip("JAX has a driver here")
    code = """
from jax._src import hardware_utils
hardware_utils.has_visible_nvidia_gpu = lambda: True
LOAD
import jax
print(jax.devices()[0].platform)
"""
    load = "from gradcheck import available_backends; available_backends()['jax'].load('cpu')"
    assert "NVIDIA" in fresh(code.replace("LOAD", "")).stderr, "JAX no longer warns: nothing to test"
    done = fresh(code.replace("LOAD", load))
    assert ("cpu\n", "") == (done.stdout, done.stderr)


def test_linear_algebra_that_jax_has_not_in_half_precision_is_lacking_in_words(differentiator):
    x = differentiator.array(np.eye(2, dtype=np.float16))
    with pytest.raises(NotImplementedError) as raised:
        prepared(differentiator, "value", differentiator.xp.linalg.inv, [x])([x])
    assert differentiator.lacks(raised.value)
    assert differentiator.complaint(raised.value).startswith("Unsupported dtype float16")
