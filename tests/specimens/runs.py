"""Runs made up for the tests of reports: every outcome and dtype, with times, of any number of cells."""

import math
import random
from itertools import islice, product

from gradcheck import Control, Measurement, Outcome, PublishedCheck, Results, Worker

BACKENDS = ("engine", "torch", "jax", "tensorflow", "autograd", "casadi", "sympy", "differences")
OPERATORS = ("value", "gradient", "jacobian", "jvp", "vjp")
SUITES = ("chain_rule", "jacobians", "information", "delicate", "vectorisation")
REASONS = {
    Outcome.WRONG: "outside the rounding bound",
    Outcome.NAN: "nan where the truth is finite",
    Outcome.UNSUPPORTED: "offers no {operator}",
    Outcome.ERROR: "RuntimeError: the output has no gradient",
    Outcome.TIMEOUT: "no answer within 60 s",
    Outcome.CRASH: "the process died of SIGSEGV",
}
ODDS = (
    [Outcome.EXACT] * 60
    + [Outcome.OK] * 12
    + [Outcome.WRONG] * 3
    + [o for o in Outcome if o not in (Outcome.EXACT, Outcome.OK, Outcome.WRONG, Outcome.NOT_INSTALLED)]
)


def made_up(cells, *, seed=1, rounds=15, devices=("cpu",), dtypes=("float64", "float32")):
    """A run of so many cells."""
    chance = random.Random(seed)
    questions = product(range(10**6), OPERATORS, BACKENDS, devices, dtypes)
    asked = [_cell(chance, rounds, *question) for question in islice(questions, cells)]
    return Results(
        environment={
            "seed": 7,
            "python": "3.11.7",
            "packages": {"gradcheck": "0.1.0", "numpy": "2.4.0"},
            "machine": {"cpu": "a processor"},
            "backends": dict.fromkeys(BACKENDS, "1.0"),
            "seconds": 123.4,
        },
        cells=tuple(asked),
        published=tuple(_printed(cell) for cell in asked if cell.operator == "gradient")[:12],
        controls=tuple(
            Control(
                key=str(n),
                backend="engine",
                device="cpu",
                samples=_samples(chance, 1e-5, 9),
                twin=_samples(chance, 1e-5, 9),
            )
            for n in range(20)
        ),
        workers=tuple(
            Worker(
                backend=name,
                device=device,
                version="1.0",
                title=f"{name} as it comes",
                start=0.5,
                overhead=1e-7,
                threads={"openblas": 1},
                settings={"x64": True},
            )
            for name in BACKENDS
            for device in devices
        ),
    )


def _samples(chance, typical, rounds):
    return tuple(typical * math.exp(chance.gauss(0, 0.04)) for _ in range(rounds))


def _cell(chance, rounds, number, operator, backend, device, dtype):
    outcome = chance.choice(ODDS)
    true = random.Random(f"{number} {operator}").uniform(-20, 20)  # one truth for all who are asked
    full = 15.9 if dtype == "float64" else 7.2
    digits = {
        Outcome.EXACT: full,
        Outcome.OK: full - chance.uniform(1, 6),
        Outcome.WRONG: chance.uniform(0, 3),
    }.get(outcome, math.nan)
    got = true * (1 + 10**-digits) if math.isfinite(digits) else math.nan
    timed = outcome.ran and operator in ("value", "gradient")
    typical = 1e-6 * (1 + 4 * BACKENDS.index(backend)) * chance.uniform(0.8, 3)
    return Measurement(
        suite=SUITES[number % len(SUITES)],
        problem=f"problem_{number // len(SUITES)}",
        point=f"x={number % 7}",
        backend=backend,
        device=device,
        dtype=dtype,
        operator=operator,
        outcome=outcome,
        reason=REASONS.get(outcome, "").format(operator=operator),
        digits=digits,
        relative_error=10**-digits if math.isfinite(digits) else math.nan,
        ulps=10 ** (full - digits) if math.isfinite(digits) else math.nan,
        condition=chance.uniform(1, 9),
        index="d f / d x[1]" if outcome.ran else "",
        got=repr(got) if outcome.ran else "",
        true=f"{true:.29f}" if outcome.ran else "",
        truth="ball",
        truth_digits=40.0,
        inputs=3,
        outputs=1,
        key=f"{number}-{operator}-{backend}-{device}-{dtype}",
        first_call=chance.uniform(1e-5, 0.1) if outcome.ran else math.nan,
        prepare=1e-4,
        samples=_samples(chance, typical, rounds) if timed else (),
        calls=16 if timed else 0,
        stop="narrow" if timed else "",
        group="0",
    )


def _printed(cell):
    agrees = len(cell.true) % 2
    return PublishedCheck(
        suite=cell.suite,
        problem=cell.problem,
        point=cell.point,
        source="F-ex1",
        quantity="gradient",
        printed=cell.true[:6] or "1",
        true=cell.true,
        status="agrees" if agrees else "disagrees",
    )
