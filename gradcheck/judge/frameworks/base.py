"""The protocol of a framework.

The judge computes with NumPy arrays. A framework turns its arrays into NumPy's and back, and differentiates
functions of its own arrays where it can.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import numpy as np  # noqa: TC002 - what a signature names is imported plainly

Function = Callable[..., list[Any]]
"""Of the differentiated leaves, in order, to the floating outputs, in order; all in the framework's
arrays.
"""

_UNITS = {"float16": 2.0**-10, "bfloat16": 2.0**-7, "float32": 2.0**-23, "complex64": 2.0**-23}
DOUBLE = 2.0**-52


@lru_cache(maxsize=64)
def name_of(dtype: Any) -> str:
    """Name of a NumPy dtype; NumPy puts it together anew each time it is asked."""
    return str(dtype.name)


def unit_of(dtype: str) -> float:
    """Relative spacing of a dtype's numbers at 1, by the dtype's name."""
    return _UNITS.get(dtype, DOUBLE)


class Framework(ABC):
    """How one framework's arrays are read and made, and how it differentiates.

    Attributes
    ----------
    name
        As people call it.
    modes
        Modes of differentiation it has of its own.
    """

    name: str
    modes: tuple[str, ...] = ()

    @abstractmethod
    def owns(self, leaf: Any) -> bool:
        """Whether a leaf is an array of this framework."""

    @abstractmethod
    def dtype(self, leaf: Any) -> str:
        """Name of the dtype: ``"float32"``, ``"bfloat16"``, ``"int64"``."""

    @abstractmethod
    def to_numpy(self, leaf: Any) -> np.ndarray:
        """The leaf as a NumPy array, in the same dtype where NumPy has it; memory may be shared."""

    @abstractmethod
    def like(self, array: np.ndarray, leaf: Any, dtype: str) -> Any:
        """A NumPy array as a leaf of the kind, device and requirements of ``leaf``, in a dtype."""

    def pull(
        self,
        f: Function,
        xs: Sequence[Any],
        cotangents: Sequence[Any],
        between: Callable[[], object] | None = None,
    ) -> list[Any]:
        """Reverse mode: one array per input, None where the framework says there is no dependence.

        ``between`` is called after the function has run and before its derivative does.
        """
        raise NotImplementedError

    def push(self, f: Function, xs: Sequence[Any], tangents: Sequence[Any]) -> list[Any]:
        """Forward mode: one tangent per output."""
        raise NotImplementedError

    def batched(self, f: Function, xs: Sequence[Any], cotangents: Sequence[Sequence[Any]]) -> list[list[Any]]:
        """Reverse mode for several cotangents at once, by the framework's own vectorisation."""
        raise NotImplementedError

    def linearized(self, f: Function, xs: Sequence[Any], tangents: Sequence[Any]) -> list[Any]:
        """Forward mode through the framework's linearisation."""
        raise NotImplementedError

    def gradient(self, f: Function, cotangents: Sequence[Any]) -> Function:
        """The pulled-back cotangents as a function of the same inputs, differentiable once more."""
        raise NotImplementedError

    def wanted(self, leaf: Any) -> bool:
        """Whether a leaf is marked as one to differentiate by."""
        return False

    def differentiable(self, f: Function, xs: Sequence[Any]) -> list[bool]:
        """Which outputs the framework differentiates at all; some are declared to be without derivative."""
        return []

    def module(self, f: Any) -> tuple[Callable[..., Any], dict[str, Any]] | None:
        """For a function with parameters of its own: the function of (parameters, ...), and the
        parameters.
        """
        return None

    def precise(self) -> Any:
        """A context in which float64 arrays stay float64."""
        from contextlib import nullcontext

        return nullcontext()
