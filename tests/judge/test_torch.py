"""Torch on trial: functions, modules, rules of one's own, every mode and dtype it has."""

import warnings

import numpy as np
import pytest

from gradcheck import verify

torch = pytest.importorskip("torch")

# what torch says of its own machinery when it linearises
pytestmark = pytest.mark.filterwarnings("ignore:Attempted to insert a get_attr Node:UserWarning")

MODES = {"reverse": "vjp", "forward": "jvp", "batched": "batched", "linearized": "linearized"}
BOTH = ("reverse", "forward")
RNG = np.random.default_rng(0)


def tensor(*shape):
    return torch.from_numpy(RNG.normal(size=shape))


X, Y, W = tensor(5), tensor(5), tensor(4, 5)
Z = torch.complex(tensor(3), tensor(3))
PLACES = torch.tensor([3, 0, 0, 2])


def modes(verdict):
    return {finding.mode for finding in verdict.findings if finding.failed}


def causes(verdict):
    return {finding.cause for finding in verdict.findings if finding.failed}


def places(verdict):
    return {finding.path for finding in verdict.findings if finding.failed}


def rule(slope, slope_forward=None, dtype=None):
    """The sine with slopes of one's own; in one dtype only where that is given."""

    def times(direction, x, factor):
        usual = dtype is not None and x.dtype != dtype
        return direction * (x.cos() if usual else factor(x))

    class Sine(torch.autograd.Function):
        generate_vmap_rule = True

        @staticmethod
        def forward(x):
            return x.sin()

        @staticmethod
        def setup_context(ctx, inputs, _output):
            ctx.save_for_backward(*inputs)
            ctx.save_for_forward(*inputs)

        @staticmethod
        def backward(ctx, cotangent):
            return times(cotangent, ctx.saved_tensors[0], slope)

        @staticmethod
        def jvp(ctx, tangent):
            return times(tangent, ctx.saved_tensors[0], slope_forward or slope)

    return Sine.apply


# Functions

FUNCTIONS = {
    "sine": (torch.sin, (X,)),
    "layer": (lambda w, x: torch.tanh(w @ x), (W, X)),
    "sum": (lambda x: (x**3).sum(), (X,)),
    "indexed": (lambda x, at: x[at], (X, PLACES)),
    "integer output": (lambda x: (x.sin(), x.argmax(), x > 0), (X,)),
    "sorted": (lambda x: x.sort(), (X,)),
    "changed on a copy": (lambda x: x.clone().mul_(2).sin_(), (X,)),
    "written into": (lambda x, y: x.clone().index_put_((PLACES[2:],), y[:2]), (X, Y)),
    "expanded": (lambda x: x.expand(3, 5), (X,)),
    "transposed": (lambda w: w.T, (W,)),
    "beside NumPy": (lambda x, a: x * torch.from_numpy(a), (X, np.arange(5.0))),
    "beside a number": (lambda x, a: x * a, (X, 3.0)),
    "unused input": (lambda x, y: 2 * x, (X, Y)),
    "constant": (lambda x: torch.ones(3, dtype=x.dtype), (X,)),
    "nothing": (lambda x: 2 * x, (torch.zeros(0, 3, dtype=torch.float64),)),
    "complex": (torch.exp, (Z,)),
    "real of complex": (lambda z: (z.abs() ** 2).sum(), (Z,)),
    "complex of real": (lambda x: torch.polar(x.exp(), x), (X,)),
    "parts of complex": (lambda z: torch.view_as_real(z) * 2, (Z,)),
    "kink": (torch.relu, (torch.tensor([0.0, 1.0, -2.0], dtype=torch.float64),)),
    "rule": (rule(torch.cos), (X,)),
}


LINEARIZED = ("layer", "complex", "rule")  # linearising takes its time


@pytest.mark.parametrize(
    ("name", "mode"),
    [(name, mode) for name in FUNCTIONS for mode in MODES if mode != "linearized" or name in LINEARIZED],
)
def test_torch_is_right_in_every_mode(name, mode):
    f, args = FUNCTIONS[name]
    verdict = verify(f, args, modes=mode, seed=0)
    assert verdict.passed, str(verdict)


@pytest.mark.parametrize("mode", MODES)
def test_a_wrong_rule_is_found_in_every_mode(mode):
    verdict = verify(rule(lambda x: 2 * x.cos()), X, modes=mode, seed=0)
    assert causes(verdict) == {"factor 2"}, str(verdict)
    assert modes(verdict) == {MODES[mode]}


@pytest.mark.parametrize(
    ("slopes", "blamed"),
    [
        ((lambda x: -x.cos(), torch.cos), {"vjp", "batched"}),
        ((torch.cos, lambda x: -x.cos()), {"jvp", "linearized"}),
    ],
)
def test_only_the_modes_that_are_wrong_are_blamed(slopes, blamed):
    verdict = verify(rule(*slopes), X, modes=tuple(MODES), seed=0)
    assert modes(verdict) == blamed, str(verdict)


CUT_FORWARD = pytest.mark.xfail(reason="the gradient cuts the tangents of its inputs off", strict=True)


@pytest.mark.parametrize(
    ("mode", "order"),
    [
        ("reverse", 2),
        ("reverse", 3),
        ("batched", 2),
        ("batched", 3),
        ("forward", 2),
        pytest.param("linearized", 2, marks=CUT_FORWARD),
    ],
)
def test_torch_is_right_to_higher_order(mode, order):
    verdict = verify(lambda x: x * x.sin(), X, order=order, modes=mode, seed=0)
    assert verdict.passed, str(verdict)


def test_a_slope_that_is_cut_off_fails_at_order_2():
    verdict = verify(rule(lambda x: x.detach().cos()), X, order=2, seed=0)
    assert {("detached (zero)", 2)} == {(f.cause, f.order) for f in verdict.findings}, str(verdict)


CUT = {
    "all of it": (lambda x: 2 * x.detach(), (X,), "x", "detached (zero)"),
    "half of it": (lambda x: x.detach() * x, (X,), "x", "factor 1/2"),
    "one input": (lambda x, y: x * y.detach(), (X, Y), "y", "detached (zero)"),
    "through NumPy": (
        lambda x: torch.from_numpy(np.sin(x.detach().numpy())) + 0 * x,
        (X,),
        "x",
        "detached (zero)",
    ),
    "through .data": (lambda x: x * x.data.exp() / x.exp(), (X,), "x", ""),
}


@pytest.mark.parametrize("name", CUT)
def test_a_graph_that_was_cut_fails(name):
    f, args, path, cause = CUT[name]
    verdict = verify(f, args, seed=0)
    assert places(verdict) == {path}, str(verdict)
    assert not cause or causes(verdict) == {cause}


def test_an_unused_input_may_have_no_gradient_but_a_used_one_may_not():
    nothing = {
        "unused": verify(lambda x, y: 2 * x, (X, Y), seed=0),
        "used": verify(lambda x, y: 2 * x + y.detach(), (X, Y), seed=0),
    }
    assert nothing["unused"].passed, str(nothing["unused"])
    assert places(nothing["used"]) == {"y"}, str(nothing["used"])


def test_only_leaves_that_require_a_gradient_are_judged():
    x = X.clone().requires_grad_()
    verdict = verify(lambda x, y: x * y.detach(), (x, Y), seed=0)
    assert verdict.passed, str(verdict)
    assert places(verify(lambda x, y: x.detach() * y, (x, Y), seed=0)) == {"x"}
    assert places(verify(lambda x, y: x * y.detach(), (x, Y), wrt="y", seed=0)) == {"y"}


def test_tensors_are_left_as_they_were():
    x = X.clone().requires_grad_()
    verify(lambda x: (x.clone().mul_(2) * x).sum(), x, modes=BOTH, order=2, seed=0)
    assert torch.equal(x, X)
    assert x.requires_grad
    assert x.grad is None
    assert x.grad_fn is None


def test_a_function_that_changes_its_argument_is_told_so():
    verdict = verify(lambda x: x.mul_(2), X.clone(), vjp=lambda x, cotangent: 2 * cotangent, seed=0)
    assert "mutates its input" in causes(verdict)
    assert ("function", "x") in {(finding.mode, finding.path) for finding in verdict.findings}


# Derivatives given for torch functions


def cubes(x):
    return (x**3).sum()


GIVEN = {
    "vjp": (torch.sin, X, {"vjp": lambda x, c: c * x.cos()}),
    "vjp, keyword-only": (torch.sin, X, {"vjp": lambda x, *, cotangent: cotangent * x.cos()}),
    "vjp, in NumPy": (torch.sin, X, {"vjp": lambda x, c: (c * x.cos()).numpy()}),
    "vjp of two": (lambda w, x: w @ x, (W, X), {"vjp": lambda w, x, c: (torch.outer(c, x), w.T @ c)}),
    "jvp": (torch.sin, X, {"jvp": lambda x, t: t * x.cos()}),
    "grad": (cubes, X, {"grad": torch.func.grad(cubes)}),
    "grad and hvp": (cubes, X, {"grad": lambda x: 3 * x**2, "hvp": lambda x, t: 6 * x * t}),
    "hvp": (cubes, X, {"hvp": lambda x, t: torch.func.jvp(torch.func.grad(cubes), (x,), (t,))[1]}),
    "jac": (torch.sin, X, {"jac": torch.func.jacrev(torch.sin)}),
    "jac of two": (lambda w, x: w @ x, (W, X), {"jac": torch.func.jacfwd(torch.matmul, argnums=(0, 1))}),
    "complex": (torch.exp, Z, {"vjp": lambda z, c: c * z.exp().conj()}),
    "lazily conjugated": (torch.conj, Z, {"vjp": lambda z, c: c.conj()}),
}


@pytest.mark.parametrize("name", GIVEN)
def test_a_right_derivative_passes(name):
    f, args, rules = GIVEN[name]
    verdict = verify(f, args, **rules, seed=0)
    assert verdict.passed, str(verdict)


@pytest.mark.parametrize("name", GIVEN)
def test_a_derivative_off_by_a_thousandth_fails(name):
    f, args, rules = GIVEN[name]
    last = list(rules)[-1]

    def off(*given, **named):
        answer = rules[last](*given, **named)
        return tuple(1.001 * a for a in answer) if isinstance(answer, tuple) else 1.001 * answer

    if name == "vjp, keyword-only":
        verdict = verify(f, args, vjp=lambda x, *, cotangent: off(x, cotangent=cotangent), seed=0)
    else:
        verdict = verify(f, args, **{**rules, last: off}, seed=0)
    assert modes(verdict) == {last}, str(verdict)


@pytest.mark.parametrize("convention", ["torch", "jax"])
def test_the_convention_is_for_what_is_given_and_torch_has_its_own(convention):
    verdict = verify(torch.exp, Z, convention=convention, seed=0)
    assert verdict.passed, str(verdict)
    verdict = verify(torch.exp, Z, vjp=lambda z, c: c * z.exp().conj(), convention=convention, seed=0)
    assert verdict.passed == (convention == "torch"), str(verdict)


# Modules


class Net(torch.nn.Module):
    """A layer whose sine may have a wrong rule, times a buffer."""

    def __init__(self, sine=torch.sin):
        super().__init__()
        self.sine = sine
        self.layers = torch.nn.ModuleList([torch.nn.Linear(5, 3), torch.nn.Linear(3, 2)])
        self.register_buffer("scale", torch.tensor([2.0, 3.0]))
        with torch.no_grad():
            for parameter in self.parameters():
                parameter.copy_(torch.from_numpy(RNG.normal(size=parameter.shape)))

    def forward(self, x, power=1):
        return self.layers[1](self.sine(self.layers[0](x))) @ torch.diag(self.scale**power)


def network(*given):
    return Net(*given).double()


@pytest.mark.parametrize("mode", ["reverse", "forward", "batched"])
def test_a_module_is_judged_in_its_parameters_and_inputs(mode):
    verdict = verify(network(), tensor(6, 5), modes=mode, seed=0)
    assert verdict.passed, str(verdict)


@pytest.mark.parametrize("kwargs", [None, {"power": 2}])
def test_parameters_are_named_as_the_module_names_them(kwargs):
    verdict = verify(network(rule(lambda x: 2 * x.cos())), tensor(6, 5), kwargs=kwargs, seed=0)
    assert places(verdict) == {"layers.0.weight", "layers.0.bias", "x"}, str(verdict)
    assert causes(verdict) == {"factor 2"}


WRT = {
    "layers.1": True,
    "layers.1.bias": True,
    "layers.0": False,
    "layers.0.weight": False,
    "layers": False,
    "x": False,
    0: False,
    -1: False,
}


@pytest.mark.parametrize("wrt", WRT)
def test_parameters_and_inputs_are_chosen_by_name_prefix_or_position(wrt):
    verdict = verify(network(rule(lambda x: 2 * x.cos())), tensor(6, 5), wrt=wrt, seed=0)
    assert verdict.passed == WRT[wrt], str(verdict)
    if isinstance(wrt, str):
        assert all(path.startswith(wrt) for path in places(verdict))
    else:
        assert places(verdict) == {"x"}


class Centred(torch.nn.Module):
    """Less the mean of the batch, which is remembered."""

    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.ones(5, dtype=torch.float64))
        self.register_buffer("running", torch.zeros(5, dtype=torch.float64))

    def forward(self, x):
        self.running.mul_(0.9).add_(0.1 * x.detach().mean(0))
        return self.weight * (x - x.mean(0))


def test_a_module_keeps_its_state():
    module = Centred()
    before = {name: value.clone() for name, value in module.state_dict().items()}
    verdict = verify(module, tensor(6, 5), modes=BOTH, seed=0)
    assert verdict.passed, str(verdict)
    assert all(torch.equal(value, before[name]) for name, value in module.state_dict().items())
    assert all(parameter.grad is None for parameter in module.parameters())


def test_an_integer_input_of_a_module_is_a_constant():
    verdict = verify(torch.nn.Embedding(5, 3).double(), PLACES, seed=0)
    assert verdict.passed, str(verdict)


def test_a_module_of_single_precision_is_judged_in_double():
    verdict = verify(Net(), tensor(6, 5).float(), seed=0)
    assert verdict.passed, str(verdict)
    assert "judged in float64, and in its own precision against that" in verdict.evidence
    wrong = verify(Net(rule(lambda x: x.cos() * (1 + 1e-6))), tensor(6, 5).float(), seed=0)
    assert wrong.failed, str(wrong)


# Dtypes

LOW = {torch.float16: 1.0, torch.bfloat16: 2.0, torch.float32: 1e-3}
DTYPES = pytest.mark.parametrize("dtype", LOW, ids=str)


@DTYPES
@pytest.mark.parametrize("mode", ["reverse", "forward", "batched"])
def test_low_precision_is_right_in_every_mode(dtype, mode):
    verdict = verify(lambda x: torch.tanh(x) * x, X.to(dtype), modes=mode, seed=0)
    assert verdict.passed, str(verdict)


@DTYPES
def test_a_wrong_rule_is_found_in_low_precision(dtype):
    verdict = verify(rule(lambda x: 1.001 * x.cos()), X.to(dtype), seed=0)
    assert verdict.failed, str(verdict)


@DTYPES
def test_a_rule_wrong_in_one_dtype_only_is_found(dtype):
    wrong = rule(lambda x: (1 + LOW[dtype]) * x.cos(), dtype=dtype)
    verdict = verify(wrong, X.to(dtype), seed=0)
    assert causes(verdict) == {f"wrong in {str(dtype).removeprefix('torch.')} only"}, str(verdict)
    assert verify(wrong, X, seed=0).passed


def test_a_sign_wrong_in_one_dtype_only_is_found_among_many_entries():
    wrong = rule(lambda x: -x.cos(), dtype=torch.bfloat16)
    x = torch.from_numpy(np.random.default_rng(0).normal(size=100)).to(torch.bfloat16)
    assert verify(wrong, x, seed=0).failed


@DTYPES
def test_a_derivative_given_for_low_precision(dtype):
    verdict = verify(torch.sin, X.to(dtype), vjp=lambda x, c: c * x.cos(), seed=0)
    assert verdict.passed, str(verdict)


@DTYPES
def test_a_derivative_of_another_dtype_fails(dtype):
    verdict = verify(torch.sin, X.to(dtype), vjp=lambda x, c: (c * x.cos()).double(), seed=0)
    name = str(dtype).removeprefix("torch.")
    assert f"wrong dtype: got float64, expected {name}" in str(verdict)


def test_a_function_that_stays_in_single_precision_is_judged_there():
    verdict = verify(lambda x: x.float().sin(), X, seed=0)
    assert verdict.passed, str(verdict)
    assert verify(lambda x: rule(lambda x: 1.1 * x.cos())(x.float()), X, seed=0).failed


# State


@pytest.mark.parametrize("size", [5, 100])
def test_dropout_is_inconclusive(size):
    torch.manual_seed(0)
    verdict = verify(torch.nn.Dropout(0.5), torch.ones(size, dtype=torch.float64), seed=0)
    assert verdict.inconclusive
    assert {"stateful RNG"} == {finding.cause for finding in verdict.findings}


def test_a_seed_repeats_a_verdict():
    one, again = (verify(rule(lambda x: 2 * x.cos()), X, modes=BOTH, seed=4) for _ in range(2))
    assert repr(one) == repr(again)


def test_where_warnings_are_errors_torch_may_warn_of_itself():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        verdict = verify(torch.sin, X, modes="linearized", seed=0)
    assert verdict.passed, str(verdict)


# Devices


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize("mode", MODES)
def test_tensors_stay_on_their_device(mode):
    seen = set()

    def sine(x):
        seen.add(x.device.type)
        return rule(torch.cos)(x)

    x = X.to("cuda")
    assert verify(sine, x, modes=mode, seed=0).passed
    assert {"cuda"} == seen
    assert verify(torch.sin, x, vjp=lambda x, c: c * x.cos(), seed=0).passed
    assert verify(rule(lambda x: 2 * x.cos()), x, modes=mode, seed=0).failed
    assert verify(network().cuda(), tensor(6, 5).cuda(), modes=mode, seed=0).passed
