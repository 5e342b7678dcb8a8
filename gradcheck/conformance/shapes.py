"""Which shape an answer has, and what goes where in it."""

from __future__ import annotations

from gradcheck.conformance.check import check
from gradcheck.conformance.examples import (
    broadcast,
    constant,
    empty_batch,
    empty_sum,
    gathered,
    scalars,
    square,
    turned,
    unused,
)
from gradcheck.conformance.trial import Posed, Trial


@check("Jacobians have the axes of the output first, also where both orders have the same shape")
def jacobian_has_outputs_first(trial: Trial) -> str:
    """A square matrix without symmetry, and an output whose axes are the input's, turned."""
    trial.every(Posed.verify_answers, square)
    return trial.every(Posed.verify_answers, turned)


@check("answers about numbers have no axes")
def scalars_have_no_axes(trial: Trial) -> str:
    """Inputs of shape () and an output of shape (), which in NumPy is no array but a number."""
    return trial.every(Posed.verify_answers, scalars)


@check("arrays without entries are arrays")
def empty_arrays(trial: Trial) -> str:
    """A batch of no rows: a sum over it, and one output for each of them."""
    return f"{trial.every(Posed.verify_answers, empty_sum)}; {trial.every(Posed.verify_answers, empty_batch)}"


@check("what broadcasting repeats is summed up again for its operand")
def broadcasting_is_summed_back(trial: Trial) -> str:
    """A row, a column and a number beside a matrix."""
    return trial.every(Posed.verify_answers, broadcast)


@check("an input that is not used has zeros of its shape for a derivative")
def unused_inputs_have_zeros(trial: Trial) -> str:
    """Neither None nor an exception."""
    return trial.every(Posed.verify_answers, unused)


@check("a function that uses none of its inputs has zeros for a derivative")
def constant_functions_have_zeros(trial: Trial) -> str:
    """Its value comes from constants alone."""
    return trial.every(Posed.verify_answers, constant)


@check("whole numbers among the inputs are constants")
def whole_numbers_are_constants(trial: Trial) -> str:
    """Entries gathered by an index, one of them twice."""
    return trial.every(Posed.verify_answers, gathered)
