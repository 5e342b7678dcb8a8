"""Mistakes made on purpose: the evidence that a good verdict, or a passing test, means something.

A :class:`Saboteur` turns any right derivative into a wrong one; the modules here hold them by kind of
mistake. The backends beside them are the engine with one fault each; they are no entry point's, and a test,
or a user who wants to see the judge at work, passes them to a plan.

Examples
--------
>>> from gradcheck import collect, saboteurs
>>> wrong = collect(saboteurs, saboteurs.Saboteur)["sign"].spoil(lambda x, cotangent: 2 * x * cotangent)
>>> wrong(3.0, 1.0)
-6.0
"""

from __future__ import annotations

from gradcheck.saboteurs.backends import (
    broadcast_mean,
    doubled,
    entry_dropped,
    infinite,
    input_mutated,
    not_a_number,
    sign_flipped,
    thousandth,
    transposed,
    zeros,
)
from gradcheck.saboteurs.base import Saboteur

__all__ = [
    "Saboteur",
    "broadcast_mean",
    "doubled",
    "entry_dropped",
    "infinite",
    "input_mutated",
    "not_a_number",
    "sign_flipped",
    "thousandth",
    "transposed",
    "zeros",
]
