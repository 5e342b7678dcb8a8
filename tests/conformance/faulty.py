"""Backends that are wrong on purpose: the engine with one fault each, and the checks meant for it."""

from __future__ import annotations

import hashlib
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace

import numpy as np

from gradcheck.backends.base import Backend
from gradcheck.backends.engine import EngineDifferentiator, engine
from gradcheck.errors import Unsupported
from gradcheck.operators import OPERATORS

FIRST_ORDER = ("value", "gradient", "jacobian", "jvp", "vjp")


@dataclass(frozen=True)
class Fault:
    """A faulty backend and the names of the checks that must see its fault."""

    backend: Backend
    checks: tuple[str, ...]


FAULTS: dict[str, Fault] = {}


def caught_by(*checks, **declared):
    """Make a faulty backend of a differentiator, or of a function of the device that makes one."""

    def declare(made):
        load = (lambda device: made()) if isinstance(made, type) else made
        given = {"title": made.__doc__, "load": load} | declared
        FAULTS[made.__name__] = Fault(replace(engine, name=made.__name__.lower(), **given), checks)
        return made

    return declare


def blocks_of(answer, change):
    """An answer with every array in it changed."""
    if isinstance(answer, (list, tuple)):
        return [blocks_of(part, change) for part in answer]
    return change(answer)


def _doubled(operator):
    class Doubled(EngineDifferentiator):
        pass

    def doubled(self, f, xs, *extra):
        return blocks_of(
            getattr(EngineDifferentiator, operator)(self, f, xs, *extra), lambda block: 2 * block
        )

    setattr(Doubled, operator, doubled)
    Doubled.__name__ = f"Doubled{operator.capitalize()}"
    Doubled.__doc__ = f"Answers twice the {operator}."
    caught_by(f"{operator}_is_right")(Doubled)


for _operator in OPERATORS:
    _doubled(_operator)


# What it declares.


@caught_by("declares_itself", requires="json")
class Unversioned(EngineDifferentiator):
    """Needs something that is no package and has no version."""


@caught_by("declares_itself", title="two\nlines")
class Talkative(EngineDifferentiator):
    """Has a title of two lines."""


@caught_by("declares_itself", dtypes=("float64", "float80"))
class Dreamer(EngineDifferentiator):
    """Declares a dtype that there is not."""


@caught_by("loads")
def unloadable(device):
    """Does not load."""
    raise OSError("no such library")


@caught_by("loads", requires="no_such_package")
class Absent(EngineDifferentiator):
    """Is not installed."""


@caught_by("travels_to_a_fresh_process", devices=lambda: ("cpu", "cuda"))
def device_invented(device):
    """Declares a device on which it does not load."""
    if device == "cuda":
        raise OSError("no such device")
    return EngineDifferentiator()


_LOCK = threading.Lock()
_rooted = replace(engine, load=lambda device, lock=_LOCK: EngineDifferentiator())


@caught_by("travels_to_a_fresh_process", load=_rooted.load)
class Rooted(EngineDifferentiator):
    """Holds what cannot be pickled."""


@caught_by("prints_nothing")
class Prints(EngineDifferentiator):
    """Says on standard output what it does."""

    def vjp(self, f, xs, cotangent):
        print("pulling back")
        return super().vjp(f, xs, cotangent)


class _Unique(EngineDifferentiator):
    current = None

    def __init__(self):
        super().__init__()
        _Unique.current = self

    def value(self, f, xs):
        if _Unique.current is not self:
            raise RuntimeError("another session is open")
        return super().value(f, xs)


@caught_by("loads_again", load=lambda device: _Unique())
class Unique(EngineDifferentiator):
    """Works only until it is loaded again."""


@caught_by("records_its_settings")
class SettingsOfObjects(EngineDifferentiator):
    """Has settings that no record can hold."""

    def settings(self):
        return {"lock": _LOCK}


@caught_by("answers_what_is_declared")
class HvpPromised(EngineDifferentiator):
    """Declares hvp and has none."""

    def hvp(self, f, xs, tangents):
        raise Unsupported("offers no second derivatives")


@caught_by("answers_what_is_declared")
class HvpUnfinished(EngineDifferentiator):
    """Declares hvp, which is not written yet."""

    def hvp(self, f, xs, tangents):
        raise NotImplementedError("hvp")


@caught_by("refuses_what_is_not_declared", operators=FIRST_ORDER)
class HessianOffhand(EngineDifferentiator):
    """Answers zeros to an operator that it does not declare."""

    def hvp(self, f, xs, tangents):
        raise Unsupported("offers no second derivatives")

    def hessian(self, f, xs):
        return [[np.zeros((*np.shape(x), *np.shape(y))) for y in xs] for x in xs]


@caught_by("refuses_what_is_not_declared", operators=FIRST_ORDER)
class HessianFalls(EngineDifferentiator):
    """Fails, without saying that it offers none, at an operator that it does not declare."""

    def hvp(self, f, xs, tangents):
        raise KeyError("hvp")


# Arrays.


@caught_by("arrays_round_trip")
class ZerosUnsigned(EngineDifferentiator):
    """Loses the sign of zero on the way in."""

    def array(self, x):
        return np.array(x) + x.dtype.type(0)


@caught_by("arrays_round_trip", "scalars_have_no_axes")
class AxisAdded(EngineDifferentiator):
    """Gives numbers an axis on the way out."""

    def numpy(self, x):
        return np.atleast_1d(x)


@caught_by("arrays_round_trip", "whole_numbers_are_constants")
class WholeNumbersFloat(EngineDifferentiator):
    """Takes whole numbers for floating-point ones."""

    def array(self, x):
        return np.array(x, np.float64 if x.dtype.kind == "i" else x.dtype)


@caught_by("arrays_are_copies")
class SourceShared(EngineDifferentiator):
    """Works on the caller's own memory."""

    def array(self, x):
        return np.asarray(x)


@caught_by("arrays_are_on_their_device")
class Elsewhere(EngineDifferentiator):
    """Has its arrays on another device than the one asked for."""

    def where(self, x):
        return "cuda"


@caught_by("any_memory_layout")
class RowsOnly(EngineDifferentiator):
    """Refuses what does not lie by rows."""

    def array(self, x):
        if not x.flags.c_contiguous:
            raise ValueError("array is not C-contiguous")
        return np.array(x)


@caught_by("any_memory_layout")
class MemoryOrder(EngineDifferentiator):
    """Takes entries in the order in which they lie in memory."""

    def array(self, x):
        return np.array(x.ravel(order="K").reshape(x.shape))


# Dtypes.


@caught_by("precision_is_kept")
class SingleInside(EngineDifferentiator):
    """Pulls back in single precision, whatever it is given and answers."""

    def vjp(self, f, xs, cotangent):
        narrow = super().vjp(f, [np.float32(x) for x in xs], np.float32(cotangent))
        return [np.asarray(block, xs[0].dtype) for block in narrow]


@caught_by("dtype_is_kept")
class AnswersInDouble(EngineDifferentiator):
    """Answers in double precision to whatever it is given."""

    def vjp(self, f, xs, cotangent):
        return blocks_of(super().vjp(f, xs, cotangent), lambda block: np.asarray(block, np.float64))


@caught_by("dtype_is_kept")
class HessianInDouble(EngineDifferentiator):
    """Answers one operator in double precision."""

    def hessian(self, f, xs):
        return blocks_of(super().hessian(f, xs), lambda block: np.asarray(block, np.float64))


# Shapes and places.


@caught_by("jacobian_has_outputs_first", "jacobian_is_right")
class JacobianTransposed(EngineDifferentiator):
    """Has the axes of the input first."""

    def jacobian(self, f, xs):
        blocks = zip(super().jacobian(f, xs), xs, strict=True)
        return [np.moveaxis(block, range(-np.ndim(x), 0), range(np.ndim(x))) for block, x in blocks]


@caught_by("jacobian_has_outputs_first")
class SquareTransposed(EngineDifferentiator):
    """Transposes the Jacobians whose shape does not show it."""

    def jacobian(self, f, xs):
        return [block.T if block.shape == block.shape[::-1] else block for block in super().jacobian(f, xs)]


@caught_by("scalars_have_no_axes")
class NumbersInLists(EngineDifferentiator):
    """Pulls back to one axis where there is none."""

    def vjp(self, f, xs, cotangent):
        return blocks_of(super().vjp(f, xs, cotangent), np.atleast_1d)


@caught_by("empty_arrays")
class NothingRefused(EngineDifferentiator):
    """Stacks what may be nothing."""

    def jacobian(self, f, xs):
        rows = np.stack(list(f(*xs).reshape(-1)))
        assert rows.size
        return super().jacobian(f, xs)


@caught_by("broadcasting_is_summed_back")
class BroadcastDropped(EngineDifferentiator):
    """Takes one of the repeated cotangents where their sum belongs."""

    def __init__(self):
        super().__init__(unbroadcast=lambda cotangent, shape: np.resize(cotangent, shape))


@caught_by("unused_inputs_have_zeros")
class NoneForUnused(EngineDifferentiator):
    """Answers None for an input that is not used."""

    def vjp(self, f, xs, cotangent):
        return [block if np.any(block) else None for block in super().vjp(f, xs, cotangent)]


@caught_by("constant_functions_have_zeros")
class ConstantRefused(EngineDifferentiator):
    """Raises where the output does not depend on any input."""

    def vjp(self, f, xs, cotangent):
        blocks = super().vjp(f, xs, cotangent)
        if not any(np.any(block) for block in blocks):
            raise RuntimeError("the output does not require a gradient")
        return blocks


# What a call leaves behind.


@caught_by("inputs_are_kept")
class InputMutated(EngineDifferentiator):
    """Uses its input for work space."""

    def vjp(self, f, xs, cotangent):
        blocks = super().vjp(f, xs, cotangent)
        xs[0][...] += 1
        return blocks


@caught_by("constants_are_kept")
class ConstantMutated(EngineDifferentiator):
    """Uses a constant for work space."""

    def vjp(self, f, xs, cotangent):
        blocks = super().vjp(f, xs, cotangent)
        for name, array in f.inputs.items():
            if name not in f.problem.wrt:
                array[...] += 1
        return blocks


@caught_by("seeds_are_kept")
class CotangentMutated(EngineDifferentiator):
    """Accumulates in the cotangent that it is given."""

    def vjp(self, f, xs, cotangent):
        blocks = super().vjp(f, xs, cotangent)
        cotangent[...] *= 2
        return blocks


@caught_by("seeds_are_kept")
class TangentMutated(EngineDifferentiator):
    """Normalises the tangent in its place."""

    def jvp(self, f, xs, tangents):
        answer = super().jvp(f, xs, tangents)
        tangents[-1][...] /= 7
        return answer


@caught_by("repeatable")
class Unrepeatable(EngineDifferentiator):
    """Rounds another way at every second call."""

    def __init__(self):
        super().__init__()
        self._calls = 0

    def vjp(self, f, xs, cotangent):
        self._calls += 1
        factor = 1 + np.finfo(xs[0].dtype).eps * (self._calls % 2)
        return [block * factor for block in super().vjp(f, xs, cotangent)]


@caught_by("answers_are_kept")
class BufferReused(EngineDifferentiator):
    """Answers in the same memory every time."""

    def __init__(self):
        super().__init__()
        self._buffers = {}

    def vjp(self, f, xs, cotangent):
        blocks = []
        for at, block in enumerate(super().vjp(f, xs, cotangent)):
            buffer = self._buffers.setdefault((at, block.shape, block.dtype), np.empty_like(block))
            buffer[...] = block
            blocks.append(buffer)
        return blocks


# Prepared functions.


@caught_by("prepared_answers_elsewhere")
class InputsBaked(EngineDifferentiator):
    """Prepares for the inputs of the moment."""

    def prepare(self, operator, f, xs, *extra):
        answer = getattr(self, operator)
        return lambda _, *extra: answer(f, xs, *extra)


@caught_by("prepared_answers_elsewhere")
class SeedsBaked(EngineDifferentiator):
    """Prepares for the tangents and the cotangent of the moment."""

    def prepare(self, operator, f, xs, *extra):
        answer = getattr(self, operator)
        return lambda xs, *_: answer(f, xs, *extra)


class _Cached(EngineDifferentiator):
    def __init__(self):
        super().__init__()
        self._calls = {}

    def key(self, f):
        raise NotImplementedError

    def prepare(self, operator, f, xs, *extra):
        shapes = tuple(np.shape(x) for x in xs)
        made = super().prepare(operator, f, xs, *extra)
        return self._calls.setdefault((operator, self.key(f), shapes), made)


@caught_by("namesakes_are_told_apart")
class CachedByName(_Cached):
    """Takes functions of one name for one."""

    def key(self, f):
        return f.problem.name


@caught_by("closures_are_told_apart")
class CachedByCode(_Cached):
    """Takes functions of one body for one."""

    def key(self, f):
        return f.problem.fn.__code__


@caught_by("constants_are_told_apart")
class CachedByFunction(_Cached):
    """Takes a function to have the same constants always."""

    def key(self, f):
        return f.problem.fn


# Exceptions.


@caught_by("exceptions_come_through")
class ExceptionsSwallowed(EngineDifferentiator):
    """Answers zeros where the function raises."""

    def vjp(self, f, xs, cotangent):
        try:
            return super().vjp(f, xs, cotangent)
        except Exception:
            return [np.zeros_like(x) for x in xs]


@caught_by("exceptions_come_through")
class ExceptionsWrapped(EngineDifferentiator):
    """Raises something of its own where the function raises."""

    def prepare(self, operator, f, xs, *extra):
        call = super().prepare(operator, f, xs, *extra)

        def wrapped(xs, *extra):
            try:
                return call(xs, *extra)
            except Exception as error:
                raise RuntimeError("evaluation failed") from error

        return wrapped


@caught_by("works_after_an_exception")
class BrokenAfterwards(EngineDifferentiator):
    """Leaves its tape open where the function raises."""

    def __init__(self):
        super().__init__()
        self._open = False

    def vjp(self, f, xs, cotangent):
        if self._open:
            raise RuntimeError("the tape is open already")
        self._open = True
        blocks = super().vjp(f, xs, cotangent)
        self._open = False
        return blocks


@caught_by("shape_errors_are_raised")
class ShapesForgiven(EngineDifferentiator):
    """Answers NaN where shapes do not fit."""

    def value(self, f, xs):
        try:
            return super().value(f, xs)
        except ValueError:
            return np.asarray(np.nan)


# Time.


class Handle:
    """A result that may not be there yet."""

    def __init__(self, future: Future) -> None:
        self.future = future


@caught_by("waits_for_its_result", "elapsed_ends_with_the_results")
class Unsynchronised(EngineDifferentiator):
    """Hands the work to a thread, and waits for it only where the result is read."""

    def __init__(self):
        super().__init__()
        self._thread = ThreadPoolExecutor(1)

    def numpy(self, x):
        return np.asarray(x.future.result() if isinstance(x, Handle) else x)

    def prepare(self, operator, f, xs, *extra):
        call = super().prepare(operator, f, xs, *extra)
        if operator != "gradient":
            return call

        def start(xs, *extra):
            blocks = self._thread.submit(call, xs, *extra)
            return [Handle(self._thread.submit(lambda at=at: blocks.result()[at])) for at in range(len(xs))]

        return start


@caught_by("elapsed_ends_with_the_results")
class ElapsedOfLaunch(EngineDifferentiator):
    """Stops its clock before the calls."""

    def elapsed(self, call, pool):
        for arguments in pool:
            call(*arguments)
        return 1e-6


@caught_by("elapsed_counts_every_call")
class ElapsedOfOne(EngineDifferentiator):
    """Times one call, however many it makes."""

    def elapsed(self, call, pool):
        each = [super(ElapsedOfOne, self).elapsed(call, [arguments]) for arguments in pool]
        return min(each)


@caught_by("keeps_to_its_threads")
class ManyThreads(EngineDifferentiator):
    """Uses many threads on a device of one."""

    def value(self, f, xs):
        self._burn()
        return super().value(f, xs)

    def vjp(self, f, xs, cotangent):
        self._burn()
        return super().vjp(f, xs, cotangent)

    def _burn(self):
        with ThreadPoolExecutor(4) as threads:
            list(threads.map(lambda _: hashlib.sha256(bytes(40_000_000)).digest(), range(4)))
