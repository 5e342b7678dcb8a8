"""Where an answer leaves the truth, digit under digit."""

from decimal import Decimal

import pytest
from gradcheck_reports.aligned import compare_digits
from hypothesis import given
from hypothesis import strategies as st

TRUE = "0.707106781186547524400844362105"


@pytest.mark.parametrize(
    ("got", "true", "common", "wrong", "rest"),
    [
        ("0.70710678118654752", TRUE, "0.70710678118654752", "", ""),
        ("0.70710678118654757", TRUE, "0.7071067811865475", "7", ""),
        ("0.7071067", TRUE, "0.7071067", "", ""),
        ("0.7071068", TRUE, "0.7071068", "", ""),
        ("0.7071069", TRUE, "0.707106", "9", ""),
        ("0.7081067", TRUE, "0.70", "8", "1067"),
        ("7.081067e-1", TRUE, "7.0", "8", "1067e-1"),
        ("7081067E-7", TRUE, "70", "8", "1067E-7"),
        ("1.2345678e-09", "1.2345670e-9", "1.234567", "8", "e-09"),
        ("1.2345678e-09", "0.0000000012345670", "1.234567", "8", "e-09"),
        ("1.5e-3", "1.5e-4", "", "1", ".5e-3"),
        ("1.5E+3", "1500", "1.5E+3", "", ""),
        ("1.0000000001", "0.9999999999", "1.000000000", "1", ""),
        ("1.9", "2.1", "1.", "9", ""),
        ("2", "1.4", "", "2", ""),
        ("5", "1005", "", "5", ""),
        ("123", "0.00123", "", "1", "23"),
        ("0.00123", "123", "", "0", ".00123"),
        ("0.12", "0.1251", "0.12", "", ""),
        ("12.50", "12.5", "12.50", "", ""),
        ("+2.5", "2.5", "+2.5", "", ""),
        ("-2.5", "-2.6", "-2.", "5", ""),
        ("-2.5", "2.5", "", "-2.5", ""),
        ("2.5", "-2.5", "", "2.5", ""),
        (" 2.5 ", "2.6", " 2.", "5", " "),
        (".5", ".6", ".", "5", ""),
        ("5.", "6", "", "5", "."),
        ("1_001", "1000", "1_00", "1", ""),
        ("0", "1e-30", "", "0", ""),
        ("1e-17", "0", "", "1", "e-17"),
        ("-0.0", "0", "-0.0", "", ""),
        ("nan", "1", "", "nan", ""),
        ("1", "nan", "", "1", ""),
        ("nan", "nan", "nan", "", ""),
        ("inf", "Infinity", "inf", "", ""),
        ("-inf", "inf", "", "-inf", ""),
        ("sNaN", "1", "", "sNaN", ""),
        ("1e400", "1e-400", "", "1", "e400"),
        ("1e99999999", "1e-99999999", "", "1", "e99999999"),
        ("", "1", "", "", ""),
        ("1", "", "1", "", ""),
        ("refused", "1", "refused", "", ""),
        ("1", "formula only", "1", "", ""),
    ],
)
def test_an_answer_is_cut_at_its_first_wrong_digit(got, true, common, wrong, rest):
    assert (common, wrong, rest) == compare_digits(got, true)


NUMBERS = st.floats(width=64) | st.decimals(allow_nan=True, allow_infinity=True)


@given(NUMBERS.map(str) | st.text(), NUMBERS.map(str) | st.text())
def test_the_parts_make_the_answer_again(got, true):
    assert got == "".join(compare_digits(got, true))


@given(NUMBERS.map(str))
def test_nothing_is_wrong_with_the_truth(true):
    assert (true, "", "") == compare_digits(true, true)


@given(st.decimals(allow_nan=False, allow_infinity=False, places=12, min_value=1, max_value=1000))
def test_one_unit_in_the_last_place_makes_the_last_digit_wrong(true):
    got = str(true + Decimal("1e-12"))
    assert (got[:-1], got[-1], "") == compare_digits(got, str(true))
