"""The floor by hand, and the engine: eager, as a plan, and as a plan in machine code."""

from functools import partial

import numpy as np
from scipy.sparse import issparse

from engine_work.work import by_rows


def question(engine, work):
    """The engine's own transform of the problem's function, as a function of the arguments."""
    f = partial(work.f, engine.xp)
    if work.ask == "value_and_grad":
        return engine.value_and_grad(f, work.positions)
    if work.ask == "jacobian":
        return engine.jacobian(f, work.positions)
    if work.ask == "hessian":
        return engine.hessian(f, work.positions)
    if work.ask == "sparse hessian":
        return engine.hessian(f, work.positions, sparse=True)

    def product(*args):
        fixed, tangents = work.split(args)
        return engine.hvp(work.of(f, fixed), [fixed[position] for position in work.wrt], tangents)

    return product


def floor(work):
    return work.floor, work.make()


def other_floor(work):
    return (work.other_floor, work.make()) if work.other_floor else None


# The engine is imported where it is asked, so that one in pieces leaves the floor and the peers.


def eager(work):
    from gradcheck import engine

    return question(engine, work), work.make()


def plan(work):
    from gradcheck import engine

    return engine.compile(question(engine, work)), work.make()


def numba(work):
    from gradcheck import engine

    return (engine.compile(question(engine, work), numba=True), work.make()) if work.numba else None


WAYS = {"floor": floor, "other floor": other_floor, "eager": eager, "plan": plan, "numba": numba}


def leaves(answer):
    """The NumPy arrays of an answer."""
    if isinstance(answer, tuple):
        return [leaf for part in answer for leaf in leaves(part)]
    answer = answer.data if issparse(answer) else answer
    return [answer] if isinstance(answer, np.ndarray) else []


def fresh(answer, call, args):
    others = leaves((*args, call(*args)))
    return not any(np.may_share_memory(one, other) for one in leaves(answer) for other in others)


def arrays(answer):
    if issparse(answer):
        return by_rows(answer)
    if isinstance(answer, (tuple, list)):
        return [leaf for part in answer for leaf in arrays(part)]
    return [np.array(answer)]
