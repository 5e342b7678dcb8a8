"""A run of few problems that are seen around their points: something for every picture of a function."""

import math

from gradcheck import Measurement, Outcome, Results, Study, Subject

HOSTILE = (
    ("a/b", "c"),
    ("a", "b/c"),
    ("100%", "%2F"),
    ('it\'s "quoted" & <b>', "<script>document.title='taken'</script>"),
    ("a#b?c=d", "ñ ∂"),
)


def cell(suite, problem, **changes):
    facts = {
        "point": "x=1",
        "backend": "engine",
        "device": "cpu",
        "dtype": "float64",
        "operator": "gradient",
        "outcome": Outcome.EXACT,
        "digits": 15.9,
        "index": "x",
        "true": "3.00000000000000000000000000000",
    }
    return Measurement(suite=suite, problem=problem, **{**facts, **changes})


def evenly(low, high, many):
    return [low + (high - low) * place / (many - 1) for place in range(many)]


def cube(point="x=1"):
    """A study of x^3 at 1."""
    zooms = [evenly(1 - half, 1 + half, 61) for half in (1.0, 0.1, 0.01)]
    steps = [0.5**power for power in range(1, 53)]
    return Study(
        suite="suite",
        problem="cube",
        point=point,
        inputs={"x": 1.0},
        output=(),
        curve={
            "at": 1.0,
            "value": 1.0,
            "slope": 3.0,
            "zooms": [{"half": x[-1] - 1, "x": x, "y": [one**3 for one in x]} for x in zooms],
        },
        differences={
            "true": "3.00000000000000000000000000000",
            "steps": steps,
            "forward": [((1 + h) ** 3 - 1) / h for h in steps],
            "central": [((1 + h) ** 3 - (1 - h) ** 3) / (2 * h) for h in steps],
            "ladder": {"steps": [0.25, 1e-6], "value": 3.0, "error": 1e-13},
        },
    )


def quadratic(gradient=(16.0, 10.0)):
    """A study of 2 x^2 + 2 x y + y^2 at (3, 2), whose steps are left to be imagined."""
    x, y = evenly(0.0, 6.0, 41), evenly(0.0, 4.0, 41)
    return Study(
        suite="suite",
        problem="quadratic",
        point="x=3, y=2",
        inputs={"x": 3.0, "y": 2.0},
        output=(),
        surface={
            "names": ["x", "y"],
            "at": [3.0, 2.0],
            "value": 34.0,
            "gradient": list(gradient),
            "x": x,
            "y": y,
            "z": [[2 * a * a + 2 * a * b + b * b for a in x] for b in y],
        },
    )


def linear():
    """A study of W x by the entries of W."""
    x = (0.5, -2.0, 1.0)
    return Study(
        suite="suite",
        problem="linear",
        point="W=normal(2x3)",
        inputs={"W": [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]], "x": list(x)},
        output=(2,),
        pattern={
            "rows": 2,
            "blocks": [["W", 6]],
            "entries": [[row, 3 * row + place, value] for row in range(2) for place, value in enumerate(x)],
        },
    )


def product():
    """A study of x y, step by step."""

    def step(name, expression, value, adjoint, operands=(), flows=(), tangents=("0", "0")):
        along = dict(zip(("x", "y"), tangents, strict=True))
        return {
            "name": name,
            "expression": expression,
            "value": value,
            "adjoint": adjoint,
            "operands": list(operands),
            "flows": list(flows),
            "tangents": along,
        }

    return Study(
        suite="suite",
        problem="product",
        point="x=2, y=5",
        inputs={"x": 2.0, "y": 5.0},
        output=(),
        steps=(
            step("v-1", "x", "2", "5", tangents=("1", "0")),
            step("v0", "y", "5", "2", tangents=("0", "1")),
            step("v1", "v-1 * v0", "10", "1", (0, 1), ("5", "2"), ("5", "2")),
        ),
    )


def run(*studies, subjects=True):
    """A run with a cell and, unless told otherwise, a subject for every study."""
    return Results(
        environment={"seed": 0},
        cells=tuple(cell(one.suite, one.problem, point=one.point) for one in studies),
        subjects=tuple(
            Subject(
                suite=one.suite,
                problem=one.problem,
                title="A suite of examples",
                formula="x^3",
                why="the exponent left in its place",
                thread="a forum, 2019",
                kinks="none",
                code=f"def {one.problem}(xp, x):\n    return x**3",
                sources=("F-ex1", "M-power"),
            )
            for one in (studies if subjects else ())
        ),
        studies=studies,
    )


def everything():
    """A run with something for every picture, and a second point of one problem."""
    return run(cube(), cube("x=1 again"), quadratic(), linear(), product())


def named(names=HOSTILE):
    """A run of problems with such names, without subjects and studies."""
    return Results(environment={"seed": 0}, cells=tuple(cell(*name) for name in names))


NOWHERE = (math.inf, math.nan)
