"""What the judge needs of a framework, one file each: conversion of arrays, and its own derivative.

A framework is looked at only in a process that has loaded it already: its arrays cannot occur elsewhere.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import Any

from gradcheck.judge.frameworks.arrays import Arrays
from gradcheck.judge.frameworks.base import Framework


def frameworks() -> list[Framework]:
    """The frameworks of what this process has loaded; NumPy comes last and takes plain numbers too."""
    found: list[Framework] = []
    if "torch" in sys.modules:
        from gradcheck.judge.frameworks.torch import Torch

        found.append(Torch())
    if "jax" in sys.modules:
        from gradcheck.judge.frameworks.jax import Jax

        found.append(Jax())
    found.append(Arrays())
    return found


def owner(leaf: Any, known: Iterable[Framework]) -> Framework | None:
    """The framework a leaf belongs to; None for what is no array and no number."""
    return next((framework for framework in known if framework.owns(leaf)), None)
