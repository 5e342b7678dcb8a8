"""Every operator against the closed form of its answer, in each dtype, asked plainly and prepared."""

from __future__ import annotations

from gradcheck.conformance.check import check
from gradcheck.conformance.examples import Example, loss, products, scalars
from gradcheck.conformance.outcome import Failed, NotApplicable, described, raised_by
from gradcheck.conformance.trial import Trial
from gradcheck.errors import NoRule, Unsupported
from gradcheck.operators import OPERATORS, applicable


@check("f(x) of two inputs of different shapes, with and without axes in the output")
def value_is_right(trial: Trial) -> str:
    """By evaluation."""
    return _right(trial, "value", loss, products)


@check("the gradient by two inputs of different shapes")
def gradient_is_right(trial: Trial) -> str:
    """Of a scalar."""
    return _right(trial, "gradient", loss)


@check("the Jacobian by two inputs of different shapes")
def jacobian_is_right(trial: Trial) -> str:
    """Of an array."""
    return _right(trial, "jacobian", products)


@check("the Hessian by two inputs of different shapes, blocks of mixed derivatives included")
def hessian_is_right(trial: Trial) -> str:
    """Of a scalar."""
    return _right(trial, "hessian", loss)


@check("J v along tangents of two inputs of different shapes")
def jvp_is_right(trial: Trial) -> str:
    """Of a scalar and of an array."""
    return _right(trial, "jvp", loss, products)


@check("w J by two inputs of different shapes")
def vjp_is_right(trial: Trial) -> str:
    """Of a scalar and of an array."""
    return _right(trial, "vjp", loss, products)


@check("H v along tangents of two inputs of different shapes")
def hvp_is_right(trial: Trial) -> str:
    """Of a scalar."""
    return _right(trial, "hvp", loss)


@check("answers every operator that it declares, and rightly where no array has an axis")
def answers_what_is_declared(trial: Trial) -> str:
    """Not even Unsupported will do here: what is declared is promised."""
    trial.require()
    for operator in trial.backend.operators:
        example = scalars if operator in applicable(()) else products
        try:
            trial.pose(example, operator).verify_answers()
        except NotApplicable as refusal:
            raise Failed(f"{operator}: expected an answer, got Unsupported, {refusal}") from refusal
    return ", ".join(trial.backend.operators)


@check("raises Unsupported for every operator that it does not declare")
def refuses_what_is_not_declared(trial: Trial) -> str:
    """An answer no one vouches for is worse than none."""
    others = [operator for operator in OPERATORS if operator not in trial.backend.operators]
    if not others:
        raise NotApplicable("declares every operator")
    for operator in others:
        posed = trial.pose(scalars if operator in applicable(()) else products, operator)
        for way, attempt in posed.attempts():
            error = raised_by(way, attempt, "Unsupported, because it is not declared")
            if not isinstance(error, (Unsupported, NoRule)):
                raise Failed(f"{way}: expected Unsupported, got {described(error)}") from error
    return ", ".join(others)


def _right(trial: Trial, operator: str, *examples: Example) -> str:
    if operator not in trial.backend.operators:
        raise NotApplicable(f"does not declare {operator}")
    for dtype in trial.dtypes:
        for example in examples:
            trial.pose(example, operator, dtype=dtype).verify_answers()
    return ", ".join(trial.dtypes)
