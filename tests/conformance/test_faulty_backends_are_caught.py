"""Every check sees the faults it is meant for, and is the reason that a faulty backend fails."""

import cloudpickle
import pytest

import faulty
from faulty import FAULTS
from gradcheck.backends.engine import engine
from gradcheck.conformance import CHECKS

cloudpickle.register_pickle_by_value(faulty)  # a fresh process cannot import it

BY_NAME = {check.name: check for check in CHECKS}


@pytest.mark.parametrize(
    ("fault", "check"), [(name, check) for name, fault in FAULTS.items() for check in fault.checks]
)
def test_fault_is_caught_by_the_check_meant_for_it(fault, check):
    row = BY_NAME[check](FAULTS[fault].backend)
    assert row.outcome == "failed", row


def test_every_check_has_a_fault_that_it_sees():
    assert {check for fault in FAULTS.values() for check in fault.checks} == set(BY_NAME)


def test_there_are_many_faults_and_many_checks():
    assert len(FAULTS) >= 14
    assert len(CHECKS) >= 24
    assert len(BY_NAME) == len(CHECKS)


@pytest.mark.parametrize(
    ("fault", "check", "detail"),
    [
        (
            "DoubledGradient",
            "gradient_is_right",
            "W: expected [[-3. -6. 3.] [ 3. 6. -3.]], got [[ -6. -12.",
        ),
        ("NoneForUnused", "unused_inputs_have_zeros", "unused: expected an array, got None"),
        ("AnswersInDouble", "dtype_is_kept", "expected float32, got float64"),
        ("Elsewhere", "arrays_are_on_their_device", "expected cpu, got cuda"),
        ("JacobianTransposed", "jacobian_is_right", "expected shape (2, 2, 3), got (2, 3, 2)"),
        (
            "InputMutated",
            "inputs_are_kept",
            "expected W to stay [[ 1. -1. 2.] [ 0. 2. 1.]], got [[2. 0.",
        ),
        ("ExceptionsWrapped", "exceptions_come_through", "got RuntimeError: evaluation failed"),
    ],
)
def test_detail_names_what_was_expected_and_what_was_seen(fault, check, detail):
    row = BY_NAME[check](FAULTS[fault].backend)
    assert detail in row.detail
    assert "\n" not in row.detail


def test_engine_passes_the_checks_that_see_faults_in_it():
    assert [row for row in (check(engine) for check in CHECKS) if row.outcome == "failed"] == []
