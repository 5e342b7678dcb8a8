"""Formats: their figures are those NumPy and ml_dtypes know."""

import math

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gradcheck.dtypes import FORMATS, is_floating, rounded
from gradcheck.operators import DTYPES


def test_every_dtype_of_the_harness_has_a_format():
    assert set(DTYPES) == set(FORMATS)


@pytest.mark.parametrize("name", FORMATS)
def test_figures_are_those_of_the_libraries(name):
    number, known = FORMATS[name], ml_dtypes.finfo(name)
    assert number.bits == known.nmant + 1
    assert number.epsilon == float(known.eps)
    assert number.largest == float(known.max)
    assert number.smallest == float(known.smallest_normal)
    assert number.tiniest == float(known.smallest_subnormal)


@settings(max_examples=60)
@given(st.sampled_from(sorted(FORMATS)), st.floats(-1, 1), st.integers(-1074, 1023))
def test_spacing_is_the_distance_to_the_next_number(name, mantissa, exponent):
    with np.errstate(all="ignore"):
        held = rounded(np.abs(np.ldexp(mantissa, exponent)), name)
        above = np.spacing(held)
    if math.isfinite(above):
        assert FORMATS[name].spacing(float(held)) == float(above)


@pytest.mark.parametrize("name", FORMATS)
def test_there_is_no_neighbour_beyond_the_largest(name):
    assert FORMATS[name].spacing(math.inf) == math.inf
    assert FORMATS["float16"].spacing(1e5) == math.inf


@settings(max_examples=60)
@given(st.sampled_from(sorted(FORMATS)), st.floats(-60000, 60000))
def test_rounding_changes_a_number_by_half_an_ulp_at_most(name, x):
    held = float(rounded(np.array(x), name))
    assert abs(held - x) <= FORMATS[name].half_ulp(abs(x))


@pytest.mark.parametrize(("name", "lost"), [("float16", 2.0**-25), ("bfloat16", 2.0**-126)])
def test_small_numbers_lose_half_a_step_or_all_of_themselves(name, lost):
    assert FORMATS[name].lost == lost


def test_what_a_format_cannot_hold_becomes_infinite_or_zero_in_silence():
    array = np.array([1e6, -1e6, 1e-9, 1.0])
    assert [math.inf, -math.inf, 0.0, 1.0] == rounded(array, "float16").tolist()


def test_bfloat16_is_floating_though_numpy_does_not_say_so():
    assert all(is_floating(np.dtype(name)) for name in FORMATS)
    assert not any(is_floating(np.dtype(name)) for name in ("int8", "bool", "complex64", "object"))
