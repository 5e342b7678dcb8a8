"""Names that formulas know: functions, big operators, Greek letters, and letters with an index."""

from __future__ import annotations

import re

BIG = {"sum": "∑", "prod": "∏"}

_FUNCTIONS = """
sin cos tan asin acos atan atan2 sinh cosh tanh asinh acosh atanh exp expm1 ln log log2 log10 log1p sqrt
min max minimum maximum mean std var cov softmax log_softmax sigmoid relu hypot clip det tr diag vec rank
"""
FUNCTIONS = frozenset(_FUNCTIONS.split())

_GREEK = """
alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi pi rho sigma tau upsilon phi chi
psi omega Gamma Delta Theta Lambda Xi Pi Sigma Phi Psi Omega
"""
GREEK = dict(zip(_GREEK.split(), "αβγδεζηθικλμνξπρστυφχψωΓΔΘΛΞΠΣΦΨΩ", strict=True))

_LETTER = rf"{'|'.join(GREEK)}|[^\W\d_]"

# ``x0``, ``x_1``; ``p_row``; ``Wq`` and ``xn``, which are written so for want of a lower line.
INDEXED = re.compile(rf"({_LETTER})_?(\d+)|({_LETTER})_(\w+)|([u-zU-Z])([a-z])")
