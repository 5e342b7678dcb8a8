"""A declared dtype is the dtype of inputs, of answers, and of the arithmetic between them."""

from __future__ import annotations

from functools import partial

import numpy as np

from gradcheck.backends.base import Answer
from gradcheck.conformance.check import check
from gradcheck.conformance.examples import squares
from gradcheck.conformance.outcome import Failed, reported
from gradcheck.conformance.trial import Posed, Trial
from gradcheck.dtypes import FORMATS

_OF_MODES = ("value", "gradient", "jvp", "hvp")  # one of each kind of computation


@check("inputs and answers have the dtype that was asked for, in every declared one")
def dtype_is_kept(trial: Trial) -> str:
    """Numbers written in a function, as 2 in x^2, must not widen or narrow it."""
    for dtype in trial.dtypes:
        trial.every(_dtypes_of, dtype=dtype)
    return ", ".join(trial.dtypes)


@check("computes in the dtype that was asked for, and in no coarser one")
def precision_is_kept(trial: Trial) -> str:
    """The slope of x^2 a few spacings above 1: a coarser dtype would lose them."""
    for dtype in trial.dtypes:
        near_one = partial(_near_one, 64 * FORMATS[dtype].epsilon)
        trial.every(Posed.verify_answers, squares, operators=_OF_MODES, dtype=dtype, change=near_one)
    return ", ".join(trial.dtypes)


def _near_one(spacing: float, x: np.ndarray) -> np.ndarray:
    return 1 + spacing * x.astype(np.float64)


def _dtypes_of(posed: Posed) -> None:
    for name, array in posed.inputs.items():
        _expect(posed.dtype, posed.differentiator.numpy(array), f"{posed}, the input {name}")
    for way, answer in posed.answers():
        if isinstance(answer, Answer):
            continue  # stated with error bars, in whatever dtype its estimate is made
        with reported(f"reading {way}"):
            blocks = posed.read(answer)
        for block in blocks:
            _expect(posed.dtype, block.array, f"{way}, {block.name}")


def _expect(dtype: str, array: np.ndarray, what: str) -> None:
    if array.dtype.name != dtype:
        raise Failed(f"{what}: expected {dtype}, got {array.dtype.name}")
