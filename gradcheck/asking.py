"""Putting questions to a backend: this runs beside the framework, in the worker that loaded it.

A question is an operator in a dtype. The reply is plain data: the flat answer, what was raised, whether an
input was changed, and how long the first calls took.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import ceil
from time import perf_counter
from typing import Any

import numpy as np

from gradcheck.backends.base import Answer, Backend, Differentiator, ShapeMismatch, flatten
from gradcheck.errors import NoRule, Unsupported
from gradcheck.problems import Instance

SAMPLE_SECONDS = 2e-4  # a timing sample is at least this long, a thousand ticks of the clock
_SLOW = 0.02  # seconds from which on the first call says enough about the next


@dataclass(frozen=True, slots=True)
class Question:
    """An operator in a dtype."""

    operator: str
    dtype: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What a backend answered.

    Attributes
    ----------
    flat, bars
        The flat answer and the error bars stated with it.
    raised
        Type and first line of an exception; empty when there was none.
    unsupported
        Whether the exception says that the backend does not offer this.
    fault
        A breach of contract: a wrong shape or dtype, or a changed input.
    first_call, second_call
        Seconds.
    """

    flat: np.ndarray | None = None
    bars: np.ndarray | None = None
    raised: str = ""
    unsupported: bool = False
    fault: str = ""
    first_call: float = float("nan")
    second_call: float = float("nan")


def ask(backend: Backend, device: str, instance: Instance, questions: Sequence[Question]) -> list[Reply]:
    """Put every question, one reply each; exceptions become replies."""
    differentiator = backend.load(device)
    with np.errstate(all="ignore"):
        return [_ask(differentiator, instance, question) for question in questions]


def clock(
    backend: Backend, device: str, batch: Sequence[tuple[Instance, Sequence[tuple[Question, int]]]]
) -> list[float]:
    """One timing sample a question, in order: seconds per call over the given number of calls."""
    differentiator = backend.load(device)
    samples = []
    with np.errstate(all="ignore"):
        for instance, questions in batch:
            for question, calls in questions:
                call, _ = _prepare(differentiator, instance, question)
                started = perf_counter()
                for _ in range(calls):
                    call()
                differentiator.synchronize()
                samples.append((perf_counter() - started) / calls)
    return samples


def calls_per_sample(seconds: float) -> int:
    """How many calls make a sample long enough to time."""
    return max(1, min(1000, ceil(SAMPLE_SECONDS / max(seconds, 1e-9))))


def _ask(differentiator: Differentiator, instance: Instance, question: Question) -> Reply:
    try:
        call, given = _prepare(differentiator, instance, question)
        before = [np.array(differentiator.numpy(array)) for array in given.values()]
        result, first = _timed(differentiator, call)
        changed = [
            name
            for (name, array), old in zip(given.items(), before, strict=True)
            if not np.array_equal(differentiator.numpy(array), old, equal_nan=True)
        ]
        second = first if first > _SLOW else _timed(differentiator, call)[1]
        if instance.problem.refuses:
            return Reply(fault=f"accepted what must be refused: {instance.problem.refuses}")
        flat, bars = _flat(differentiator, result, question, instance)
    except (Unsupported, NoRule) as error:
        return Reply(raised=str(error), unsupported=True)
    except ShapeMismatch as error:
        return Reply(fault=str(error))
    except Exception as error:
        text = str(error).strip().split("\n")[0]
        return Reply(raised=f"{type(error).__name__}: {text}" if text else type(error).__name__)
    fault = f"the call changed its input {', '.join(changed)}" if changed else ""
    if not fault and flat.dtype != question.dtype:
        fault = f"answered in {flat.dtype} where {question.dtype} was asked"
    return Reply(flat=flat, bars=bars, fault=fault, first_call=first, second_call=second)


def _timed(differentiator: Differentiator, call: Callable[[], Any]) -> tuple[Any, float]:
    """A call's result, and the seconds until it was there."""
    started = perf_counter()
    result = call()
    differentiator.synchronize()
    return result, perf_counter() - started


def _prepare(
    differentiator: Differentiator, instance: Instance, question: Question
) -> tuple[Callable[[], Any], dict[str, Any]]:
    """The call that answers a question, and the arrays handed to it by name."""
    arrays = instance.cast(question.dtype)
    inputs = {name: differentiator.array(array) for name, array in arrays.items()}
    f = instance.bind(differentiator.xp, inputs)
    xs = [inputs[name] for name in instance.problem.wrt]
    given = dict(inputs)
    operator = getattr(differentiator, question.operator)
    extra: list[Any] = []
    if question.operator in ("jvp", "hvp"):
        extra = [[differentiator.array(v.astype(question.dtype)) for v in instance.seeds["tangent"]]]
        given |= {f"tangent of {name}": v for name, v in zip(instance.problem.wrt, extra[0], strict=True)}
    elif question.operator == "vjp":
        extra = [differentiator.array(instance.seeds["cotangent"][0].astype(question.dtype))]
        given["cotangent"] = extra[0]
    return lambda: operator(f, xs, *extra), given


def _flat(
    differentiator: Differentiator, result: Any, question: Question, instance: Instance
) -> tuple[np.ndarray, np.ndarray | None]:
    def plain(blocks: Any) -> Any:
        nested = isinstance(blocks, (list, tuple))
        return [plain(block) for block in blocks] if nested else differentiator.numpy(blocks)

    layout = instance.layout
    if isinstance(result, Answer):
        # Differences are taken in double precision of function values in the dtype.
        flat = flatten(question.operator, plain(result.blocks), layout).astype(question.dtype)
        return flat, flatten(question.operator, plain(result.errors), layout)
    return flatten(question.operator, plain(result), layout), None
