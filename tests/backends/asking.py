"""What the tests of several backends share: functions as the harness hands them over, and right answers."""

import re
from pathlib import Path

import numpy as np

from gradcheck.problems import Bound, Problem

ROUNDING = {"rtol": 1e-14, "atol": 1e-15}

# Sums and arrays of w x^2. Every number on the way is exact in eight bits, so that a right answer is right in
# bfloat16 too.
W, X = np.array([1.0, -2.0, 0.5]), np.array([2.0, 1.0, -1.0])
ALONG = [np.array([1.0, 0.5, -1.0]), np.array([2.0, -1.0, 1.0])]
SLOPE = [X**2, 2 * W * X]
CURVATURE = [[np.zeros((3, 3)), np.diag(2 * X)], [np.diag(2 * X), np.diag(2 * W)]]
OF_SCALAR = {
    "value": np.sum(W * X**2),
    "gradient": SLOPE,
    "vjp": [2 * slope for slope in SLOPE],
    "jvp": sum(slope @ v for slope, v in zip(SLOPE, ALONG, strict=True)),
    "hvp": [sum(block @ v for block, v in zip(row, ALONG, strict=True)) for row in CURVATURE],
    "hessian": CURVATURE,
}
OF_ARRAY = {
    "value": W * X**2,
    "vjp": [slope * ALONG[0] for slope in SLOPE],
    "jvp": sum(slope * v for slope, v in zip(SLOPE, ALONG, strict=True)),
    "jacobian": [np.diag(slope) for slope in SLOPE],
}


def bound(differentiator, f, xs):
    """A function of all its inputs, as the harness hands it over."""
    names = tuple(f"x{at}" for at in range(len(xs)))
    of = Problem(name="f", fn=lambda xp, *values: f(*values), inputs=names, points=(), wrt=names)
    return Bound(problem=of, xp=differentiator.xp, inputs=dict(zip(names, xs, strict=True)))


def prepared(differentiator, operator, f, xs, *extra):
    return differentiator.prepare(operator, bound(differentiator, f, xs), xs, *extra)


def plain(differentiator, answer):
    nested = isinstance(answer, (list, tuple))
    return [plain(differentiator, part) for part in answer] if nested else differentiator.numpy(answer)


def leaves(answer):
    return [leaf for part in answer for leaf in leaves(part)] if isinstance(answer, list) else [answer]


def assert_close(answer, expected, **rounding):
    if isinstance(expected, (list, tuple)):
        for one, other in zip(answer, expected, strict=True):
            assert_close(one, other, **rounding)
    else:
        np.testing.assert_allclose(answer, np.asarray(expected), strict=True, **(rounding or ROUNDING))


def assert_right_on_numbers(differentiator, operator, *, ready):
    """An operator of x^2 sin y is right, asked plainly or prepared."""
    x, y, v, u = np.array(0.75), np.array(-1.25), np.array(0.5), np.array(2.0)
    sin, cos = np.sin(y), np.cos(y)
    slopes = [2 * x * sin, x * x * cos]
    curvature = [[2 * sin, 2 * x * cos], [2 * x * cos, -x * x * sin]]
    expected = {
        "value": x * x * sin,
        "gradient": slopes,
        "hessian": curvature,
        "jvp": slopes[0] * v + slopes[1] * u,
        "vjp": [3 * slopes[0], 3 * slopes[1]],
        "hvp": [row[0] * v + row[1] * u for row in curvature],
    }[operator]
    extra = {"jvp": [[v, u]], "hvp": [[v, u]], "vjp": [np.array(3.0)]}.get(operator, [])

    def f(x, y):
        return x**2 * differentiator.xp.sin(y)

    if ready:
        assert_close(differentiator.prepare(operator, f, [x, y], *extra)([x, y], *extra), expected)
    else:
        assert_close(getattr(differentiator, operator)(f, [x, y], *extra), expected)


def assert_whole_namespace(differentiator):
    """Every function that the catalogue calls of ``xp`` is there."""
    suites = Path(__import__("gradcheck_suites").__file__).parent
    used = {
        name
        for path in suites.glob("*.py")
        for name in re.findall(r"\bxp\.([a-z_0-9.]+)\(", path.read_text())
    }
    assert {"xlogy", "linalg.inv", "vecdot"} <= used
    for name in used:
        found = differentiator.xp
        for part in name.split("."):
            found = getattr(found, part)
        assert callable(found), name
