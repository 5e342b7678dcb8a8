"""How the kit itself behaves: rows for every check, clear mistakes, and judgements that are fair."""

from dataclasses import replace

import numpy as np
import pytest

from gradcheck.backends.base import Answer, Differentiator
from gradcheck.backends.complex_step import ComplexStepDifferentiator, complex_step
from gradcheck.backends.differences import DifferencesDifferentiator, differences
from gradcheck.backends.engine import EngineDifferentiator, engine
from gradcheck.conformance import CHECKS, Checked, Failed, NotApplicable, check, check_backend, examples
from gradcheck.conformance.examples import Example, loss, products, scalars, small
from gradcheck.conformance.trial import Trial
from gradcheck.dtypes import FORMATS
from gradcheck.errors import NoDevice, UnknownName, Unsupported
from gradcheck.namespaces import numpy_xp
from gradcheck.operators import OPERATORS

BY_NAME = {check.name: check for check in CHECKS}
FIRST_ORDER = ("value", "gradient", "jacobian", "jvp", "vjp")
EXAMPLES = [
    one
    for one in vars(examples).values()
    if isinstance(one, Example) and one.problem.name not in ("interrupted", "mismatched")
]
QUICK = [
    check
    for check in CHECKS
    if check.examine.__module__.rpartition(".")[2] in ("answers", "arrays", "dtypes", "shapes", "purity")
]


def backend(differentiator, **declared):
    return replace(engine, load=lambda device: differentiator(), **declared)


def failures(of, checks=QUICK):
    return [row for row in (check(of) for check in checks) if row.outcome == "failed"]


class Broken(Differentiator):
    """Raises whatever it is asked."""

    def __init__(self):
        self.xp = numpy_xp

    def __getattribute__(self, name):
        if name in ("__class__", "__dict__", "xp"):
            return super().__getattribute__(name)
        raise MemoryError(name)


def test_every_check_has_a_row_in_order_whatever_a_backend_does():
    rows = check_backend(replace(engine, load=lambda device: Broken()))
    assert [(row.name, row.title) for row in rows] == [(check.name, check.title) for check in CHECKS]
    assert {row.outcome for row in rows} <= {"passed", "failed", "not applicable"}
    assert [row.name for row in rows if row.outcome == "passed"] == ["declares_itself", "loads"]
    assert all(row.detail and "\n" not in row.detail for row in rows)


def test_a_backend_that_does_not_load_fails_where_loading_is_checked_and_is_asked_nothing_else():
    def load(device):
        raise OSError("no such library")

    rows = check_backend(replace(engine, load=load))
    assert {row.name for row in rows if row.outcome == "failed"} == {"loads"}
    assert {row.name for row in rows if row.outcome == "passed"} == {"declares_itself"}
    assert "got OSError: no such library" in next(row.detail for row in rows if row.name == "loads")


def test_a_device_that_there_is_not_is_refused():
    with pytest.raises(UnknownName, match="no device is called 'gpu'"):
        check_backend(engine, "gpu")


def test_a_device_that_a_backend_does_not_declare_is_refused():
    with pytest.raises(NoDevice, match=r"no device 'cuda' here\. Found engine: cpu, cpus"):
        check_backend(engine, "cuda")


def test_a_function_becomes_a_check():
    @check("is called engine")
    def is_called_engine(trial):
        """The engine."""
        if trial.backend.name == "jax":
            raise NotApplicable("is JAX")
        if trial.backend.name != "engine":
            raise Failed(f"expected engine,\n got {trial.backend.name}")
        return f"it is {trial.backend.name}"

    about = ("is_called_engine", "is called engine")
    assert is_called_engine(engine) == Checked(*about, "passed", "it is engine")
    assert is_called_engine(replace(engine, name="jax")) == Checked(*about, "not applicable", "is JAX")
    assert is_called_engine(replace(engine, name="x")) == Checked(*about, "failed", "expected engine, got x")


def test_titles_and_names_are_distinct_lines():
    assert len({check.title for check in CHECKS}) == len({check.name for check in CHECKS}) == len(CHECKS)
    assert [check.name for check in CHECKS if "\n" in check.title or not check.title] == []


# Fairness.


def test_second_order_is_not_asked_of_a_backend_that_declares_none():
    first_order = replace(complex_step, operators=FIRST_ORDER)
    assert failures(first_order, [check for check in QUICK if check.name != "empty_arrays"]) == []
    assert BY_NAME["hessian_is_right"](first_order).outcome == "not applicable"
    assert BY_NAME["hvp_is_right"](first_order).detail == "does not declare hvp"


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_rounding_of_low_precision_is_no_fault(dtype):
    class Low(ComplexStepDifferentiator):
        """Right to the last bit but two of a low precision."""

        def jvp(self, f, xs, tangents):
            wide = super().jvp(f, *([x.astype(np.float64) for x in part] for part in (xs, tangents)))
            return np.asarray(wide).astype(dtype) * np.asarray(1 + 2 * FORMATS[dtype].epsilon).astype(dtype)

    low = backend(Low, operators=FIRST_ORDER, dtypes=(dtype,))
    names = ("gradient_is_right", "jacobian_is_right", "jvp_is_right", "vjp_is_right")
    assert failures(low, [BY_NAME[name] for name in names]) == []


def test_an_approximate_answer_is_judged_within_its_bars():
    class Rough(DifferencesDifferentiator):
        bar = 0.5

        def jvp(self, f, xs, tangents):
            right = super().jvp(f, xs, tangents)
            return Answer(right.blocks + 0.25, np.full_like(right.errors, self.bar))

    class Bold(Rough):
        bar = 0.125

    class Vague(Rough):
        bar = np.inf

    outcomes = [BY_NAME["jvp_is_right"](backend(of)).outcome for of in (Rough, Bold, Vague)]
    assert outcomes == ["passed", "failed", "failed"]


def test_differences_pass_within_their_bars():
    assert failures(differences, [check for check in QUICK if check.name != "empty_arrays"]) == []


def test_a_backend_of_scalars_alone_is_judged_on_scalars():
    class ScalarsOnly(EngineDifferentiator):
        def vjp(self, f, xs, cotangent):
            if any(np.ndim(x) for x in xs):
                raise Unsupported("differentiates scalar problems only")
            return super().vjp(f, xs, cotangent)

        def jvp(self, f, xs, tangents):
            self.vjp(f, xs, np.ones(()))
            return super().jvp(f, xs, tangents)

        def hvp(self, f, xs, tangents):
            self.vjp(f, xs, np.ones(()))
            return super().hvp(f, xs, tangents)

        def jacobian(self, f, xs):
            raise Unsupported("differentiates scalar problems only")

    class WrongScalars(ScalarsOnly):
        def hvp(self, f, xs, tangents):
            return [2 * block for block in super().hvp(f, xs, tangents)]

    operators = tuple(name for name in OPERATORS if name != "jacobian")
    assert failures(backend(ScalarsOnly, operators=operators)) == []
    row = BY_NAME["gradient_is_right"](backend(ScalarsOnly, operators=operators))
    assert row.outcome == "not applicable"
    assert row.detail.endswith(": differentiates scalar problems only")
    wrong = failures(backend(WrongScalars, operators=operators))
    assert "scalars_have_no_axes" in {row.name for row in wrong}


# The closed forms the answers are compared with.


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda one: one.problem.name)
def test_closed_forms_are_what_complex_steps_give(example):
    trial = Trial(replace(complex_step, operators=FIRST_ORDER), "cpu")
    for at in range(len(example.problem.points)):
        posed = trial.pose(example, "jvp", at=at)
        assert np.allclose(posed.plain(), posed.expected[0], rtol=1e-14, atol=0)


@pytest.mark.parametrize(
    "example", [one for one in EXAMPLES if one.hessian is not None], ids=lambda one: one.problem.name
)
def test_second_derivatives_are_what_differences_of_the_first_ones_are(example):
    arrays, wrt = example.at(0).arrays, example.problem.wrt
    tangents = [small(arrays[name].shape) for name in wrt]
    step = 2.0**-10

    def gradient(sign):
        moved = {name: arrays[name] + sign * step * v for name, v in zip(wrt, tangents, strict=True)}
        return example.expected("gradient", {**arrays, **moved}, [])

    slopes = [(up - down) / (2 * step) for up, down in zip(gradient(1), gradient(-1), strict=True)]
    for slope, product in zip(slopes, example.expected("hvp", arrays, tangents), strict=True):
        assert np.allclose(slope, product, rtol=0, atol=1e-4)


def test_whole_numbers_on_the_way_are_exact_in_the_coarsest_dtype():
    for example in (loss, products, scalars):
        for at in range(2):
            arrays = example.at(at).arrays
            for operator in example.operators:
                seeds = {
                    "vjp": [small(example.at(at).layout.output, at)],
                    "jvp": [small(x.shape, at + i) for i, x in enumerate(arrays.values())],
                }
                seeds["hvp"] = seeds["jvp"]
                for block in example.expected(operator, arrays, seeds.get(operator, [])):
                    assert np.array_equal(block * 2, np.round(block * 2))
                    assert np.max(np.abs(block)) < 256
