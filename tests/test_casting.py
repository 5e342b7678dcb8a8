"""Floating leaves get the dtype; containers, integers and everything else stay."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pytest

from gradcheck.casting import cast
from gradcheck.errors import UnknownName


@dataclass(frozen=True)
class Layer:
    weight: object
    name: str = "layer"


class Pair(NamedTuple):
    left: object
    right: object


def test_numbers_and_arrays_of_numpy():
    number, array, scalar, mixed = cast((1.5, np.ones(2), np.float64(3), np.arange(3)), "float32")
    assert [np.float32] * 3 == [number.dtype, array.dtype, scalar.dtype]
    assert np.arange(3).dtype == mixed.dtype


def test_complex_numbers_get_the_precision():
    assert ["complex64"] * 2 == [leaf.dtype.name for leaf in cast((1j, np.ones(2, complex)), "float32")]
    assert "complex128" == cast(np.ones(2, np.complex64), "float64").dtype.name


def test_containers_and_other_leaves_stay():
    given = {"a": [Layer(np.ones(2)), Pair(1.0, True)], "b": ("text", None, 3)}
    made = cast(given, "float32")
    assert np.float32 == made["a"][0].weight.dtype
    assert "layer" == made["a"][0].name
    assert isinstance(made["a"][1], Pair)
    assert made["a"][1].right is True
    assert ("text", None, 3) == made["b"]
    assert np.float64 == given["a"][0].weight.dtype


def test_tensors_of_torch():
    torch = pytest.importorskip("torch")
    given = [torch.ones(2, dtype=torch.float64), torch.ones(1, dtype=torch.complex128), torch.arange(2)]
    made = cast(given, "float32")
    assert [torch.float32, torch.complex64, torch.int64] == [tensor.dtype for tensor in made]
    assert torch.bfloat16 == cast(given[0], "bfloat16").dtype


def test_arrays_of_jax():
    jnp = pytest.importorskip("jax.numpy")
    made = cast([jnp.ones(2, jnp.float32), jnp.arange(2)], "bfloat16")
    assert ["bfloat16", "int32"] == [array.dtype.name for array in made]
    assert "float32" == cast(made[0], "float32").dtype.name


def test_an_unknown_dtype_is_named():
    with pytest.raises(UnknownName) as caught:
        cast(1.0, "flot32")
    assert str(caught.value) == "no dtype is called 'flot32'. Did you mean 'float32'?"
