"""The judge on collections of known truth: right rules at many scales, kinks, promises, modes, precision."""

import numpy as np
import pytest

from cases import contract, draw, kinks, lowprecision, modes, off, right, scaled
from gradcheck import available_backends

SCALES = [(1e-12, 1e12), (1e12, 1e-12), (1e6, 1e6)]
NEEDS_TORCH = pytest.mark.skipif(not available_backends()["torch"].installed, reason="torch is not installed")


def _torch_cases(name):
    """Cases of a module that is written for torch; none where torch is not installed."""
    if not available_backends()["torch"].installed:
        return []
    from importlib import import_module

    module = import_module(f"cases.{name}")
    return module.fresh() if hasattr(module, "fresh") else module.CASES


def assert_judged(case):
    verdict = case.judged(seed=0)
    assert case.judges(verdict), f"not {' or '.join(sorted(case.expect))}; {case.note}\n{verdict}"
    if not verdict.passed:
        assert case.names(verdict), f"none of {case.causes}\n{verdict}"
        assert case.blames(verdict), f"not of {case.modes}, order {case.order}\n{verdict}"


@pytest.mark.parametrize("scales", SCALES, ids=str)
@pytest.mark.parametrize("case", right.CASES, ids=repr)
def test_right_rule_is_no_failure_at_any_scale(case, scales):
    verdict = scaled(draw(case, 3), *scales).judged(seed=1)
    assert not verdict.failed, str(verdict)


@pytest.mark.parametrize("case", right.SMOOTH, ids=repr)
def test_right_rule_of_a_smooth_function_passes(case):
    verdict = case.judged(seed=0)
    assert verdict.passed, str(verdict)


@pytest.mark.parametrize("case", [case for case in right.SMOOTH if case.name not in right.ZERO], ids=repr)
def test_rule_off_by_a_thousandth_fails(case):
    verdict = off(case, 1e-3).judged(seed=0)
    assert verdict.failed, str(verdict)


@pytest.mark.parametrize("case", kinks.CASES + kinks.SINGLE, ids=repr)
def test_kink(case):
    assert_judged(case)


@pytest.mark.parametrize("name", [case.name for case in contract.fresh()])
def test_promise(name):
    assert_judged(next(case for case in contract.fresh() if case.name == name))


@NEEDS_TORCH
@pytest.mark.parametrize("name", [case.name for case in _torch_cases("contract_torch")])
def test_promise_in_torch(name):
    assert_judged(next(case for case in _torch_cases("contract_torch") if case.name == name))


@pytest.mark.parametrize("case", modes.CASES, ids=repr)
def test_mode(case):
    assert_judged(case)


@NEEDS_TORCH
@pytest.mark.parametrize("case", _torch_cases("modes_torch"), ids=repr)
def test_mode_in_torch(case):
    assert_judged(case)


@pytest.mark.parametrize("case", lowprecision.CASES, ids=repr)
def test_low_precision(case):
    assert_judged(case)


@NEEDS_TORCH
@pytest.mark.parametrize("case", _torch_cases("lowprecision_torch"), ids=repr)
def test_low_precision_in_torch(case):
    assert_judged(case)


def test_verdict_is_the_same_again():
    case = right.CASES[0]
    assert case.judged(seed=5) == case.judged(seed=5)
    assert np.isfinite(case.judged(seed=5).detection_floor)
