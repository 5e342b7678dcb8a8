"""Rules that work entry by entry: arithmetic, powers, exponentials, circular functions."""

import numpy as np

from rule_cases.case import INSIDE, MATRIX, NEAR_ZERO, POSITIVE, VECTOR, Case

KINKED = {"abs", "maximum", "minimum"}

CASES = [
    Case(
        "where",
        lambda xp, a, b: xp.where(np.array([True, False, True]), a, b),
        (VECTOR, 2.0),
        label="row",
    ),
    Case("where", lambda xp, a, b: xp.where(MATRIX > 0, a, b), (VECTOR, MATRIX), label="broadcast"),
    Case("power", lambda xp, x: xp.power(x, 3.0), (-2.0,), label="negative base"),
    Case("power", lambda xp, x: xp.power(x, 2.0), (0.0,), label="square at 0"),
    Case("power", lambda xp, x: xp.power(x, 1.0), (0.0,), label="identity at 0"),
    Case("power", lambda xp, x: xp.power(x, 0.0), (0.0,), label="constant at 0"),
]

ABOVE_ONE, STEPS = (1.0625, 8.0), (-1000.0, 1000.0)

DOMAINS: dict[str, tuple[tuple[float, float], ...]] = {
    "abs": (NEAR_ZERO,),
    "acos": (INSIDE,),
    "acosh": (ABOVE_ONE,),
    "add": (NEAR_ZERO, NEAR_ZERO),
    "asin": (INSIDE,),
    "asinh": (STEPS,),
    "atan": (NEAR_ZERO,),
    "atan2": (POSITIVE, NEAR_ZERO),
    "atanh": (INSIDE,),
    "cbrt": (POSITIVE,),
    "conj": (NEAR_ZERO,),
    "copysign": (POSITIVE, POSITIVE),
    "cos": (NEAR_ZERO,),
    "cosh": (NEAR_ZERO,),
    "divide": (NEAR_ZERO, POSITIVE),
    "exp": (NEAR_ZERO,),
    "exp2": (NEAR_ZERO,),
    "expm1": (NEAR_ZERO,),
    "fmod": ((8.25, 9.75), (2.25, 2.5)),
    "hypot": (NEAR_ZERO, POSITIVE),
    "log": (POSITIVE,),
    "log10": (POSITIVE,),
    "log1p": (INSIDE,),
    "log2": (POSITIVE,),
    "maximum": (NEAR_ZERO, NEAR_ZERO),
    "minimum": (NEAR_ZERO, NEAR_ZERO),
    "multiply": (NEAR_ZERO, NEAR_ZERO),
    "negative": (NEAR_ZERO,),
    "positive": (NEAR_ZERO,),
    "power": (POSITIVE, NEAR_ZERO),
    "remainder": ((-9.75, -8.25), (2.25, 2.5)),
    "sin": (NEAR_ZERO,),
    "sinh": (NEAR_ZERO,),
    "sqrt": (POSITIVE,),
    "square": (NEAR_ZERO,),
    "subtract": (NEAR_ZERO, NEAR_ZERO),
    "tan": ((-1.25, 1.25),),
    "tanh": ((-25.0, 25.0),),
}
