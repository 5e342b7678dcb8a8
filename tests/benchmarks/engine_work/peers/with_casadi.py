"""CasADi, on numbers and on what is small: every entry is a symbol of its graph."""

import casadi
import numpy as np

from engine_work.peers import Names
from engine_work.work import by_rows, names

MOST = 10_000  # entries of all inputs

xp = Names(casadi, sum=lambda x: casadi.sum1(casadi.sum2(x)), matmul=casadi.mtimes)


def regressor(_, x, targets, w1, b1, w2, b2):
    """Its arrays have two axes, and rows are not broadcast."""
    first, second = (casadi.repmat(b.T, x.shape[0], 1) for b in (b1, b2))
    error = casadi.tanh(x @ w1 + first) @ w2 + second - targets
    return casadi.sumsqr(error) / x.shape[0]


def function(work):
    if work.size > MOST or work.ask == "hvp" or names("P14", work.name):
        return None
    f = regressor if names("P7t", work.name) else work.f
    args = work.make()
    symbols = [casadi.SX.sym(f"x{at}", *np.shape(arg)) for at, arg in enumerate(args)]
    y, wanted = f(xp, *symbols), [symbols[at] for at in work.wrt]
    if work.ask == "value_and_grad":
        answers = [y, *(casadi.gradient(y, x) for x in wanted)]
    elif work.ask == "jacobian":
        answers = [casadi.jacobian(y, casadi.vec(wanted[0].T))]  # by rows
    else:
        answers = [casadi.hessian(y, wanted[0])[0]]
    if work.ask != "sparse hessian":
        answers = [casadi.densify(answer) for answer in answers]
    return casadi.Function("f", symbols, answers), args


WAYS = {"casadi": function}


def arrays(answer):
    if not isinstance(answer, (float, tuple)) and not answer.is_dense():
        return by_rows(answer.sparse())
    return [np.array(part) for part in (answer if isinstance(answer, tuple) else (answer,))]
