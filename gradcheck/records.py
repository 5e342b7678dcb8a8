"""The raw facts of a run: its cells and what else is found out, each a record that depends on no other."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

Numbers = Mapping[str, Any]
"""Numbers by name, alone or in nested lists; a text among them may be anything but ``nan`` and ``+-inf``."""


class Outcome(Enum):
    """Everything that can become of a cell; the value is the sentence people read."""

    EXACT = "exact", "E", "within the rounding bound of the dtype"
    OK = (
        "ok",
        "O",
        "right to the digits shown: within its own error bar, or half of the digits rounding leaves",
    )
    WRONG = "wrong", "W", "neither rounding nor a stated error bar explains the answer"
    NAN = "nan", "N", "not a finite number where a finite derivative exists"
    CONVENTION = "convention", "C", "a valid subgradient or one-sided value at a kink"
    LOST_TINY = "lost-tiny", "T", "a tiny nonzero derivative returned as 0"
    UNDEFINED = "undefined", "U", "no derivative exists there; the answer is shown"
    UNSUPPORTED = "unsupported", "-", "the backend does not offer this"
    NO_DEVICE = "no device", "D", "the backend has no such device here"
    NOT_INSTALLED = "not installed", "I", "the backend's package is not installed"
    TIMEOUT = "timeout", "L", "no answer within the time limit"
    MEMORY = "out of memory", "M", "more memory than the worker may have"
    CRASH = "crash", "X", "the process died"
    ERROR = "error", "!", "raised an exception"

    letter: str
    sentence: str

    def __new__(cls, code: str, letter: str, sentence: str) -> Outcome:
        member = object.__new__(cls)
        member._value_ = code
        member.letter = letter
        member.sentence = sentence
        return member

    @property
    def failed(self) -> bool:
        """Whether the cell speaks against the backend."""
        return self in _FAILED

    @property
    def ran(self) -> bool:
        """Whether an answer was obtained and judged."""
        return self in _JUDGED


_FAILED = frozenset(
    {
        Outcome.WRONG,
        Outcome.NAN,
        Outcome.LOST_TINY,
        Outcome.TIMEOUT,
        Outcome.MEMORY,
        Outcome.CRASH,
        Outcome.ERROR,
    }
)
_JUDGED = frozenset(
    {
        Outcome.EXACT,
        Outcome.OK,
        Outcome.WRONG,
        Outcome.NAN,
        Outcome.CONVENTION,
        Outcome.LOST_TINY,
        Outcome.UNDEFINED,
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """One cell: one question put to one backend, what came of it, and how long it took.

    Attributes
    ----------
    suite, problem, point, backend, device, dtype, operator
        Which cell.
    outcome, reason
        What became of it; the reason is empty only for ``exact``.
    relative_error
        Worst entry's error relative to the truth; NaN where nothing finite was compared.
    ulps
        Worst error in units in the last place of the truth, in the row's dtype.
    condition
        Rounding bound of that entry divided by half an ulp: how many roundings its value may suffer.
    digits
        Correct decimal digits of the worst entry, at most what the dtype holds.
    index, got, true
        The worst entry: its path, the answer and the truth (30 digits).
    truth, truth_digits
        Which truth judged the cell (``ball``, ``closed form``, ``differences``) and to how many
        certified digits.
    inputs, outputs
        Number of input and output entries.
    size
        The size its point declares; 0 for none.
    key
        Digest of all that the answer depends on: see :mod:`gradcheck.keys`.
    prepare
        Seconds of tracing and compiling, once.
    first_call
        Seconds from the question to the first answer, ``prepare`` included.
    cold
        The same in a process that has loaded the framework and done nothing else; NaN unless asked for.
    transfer
        Seconds to move the inputs to the device and the answer back; NaN on the CPU.
    peak_bytes
        Memory one call needs beyond what was held before; NaN where the system does not tell.
    calls
        Calls per timing sample.
    samples
        Seconds per call, one entry per interleaved round, NaN for a round missed; raw. Rounds are shared by
        all cells of one problem at one point.
    stationary
        Whether times had settled before the first sample was kept.
    stop
        Why no more samples were taken: ``narrow`` (the interval of the median), ``rounds`` or ``budget``.
    group
        The cells it shared its rounds with; see :class:`Yardstick`.
    """

    suite: str
    problem: str
    point: str
    backend: str
    device: str
    dtype: str
    operator: str
    outcome: Outcome
    reason: str = ""
    relative_error: float = math.nan
    ulps: float = math.nan
    condition: float = math.nan
    digits: float = math.nan
    index: str = ""
    got: str = ""
    true: str = ""
    truth: str = ""
    truth_digits: float = math.nan
    inputs: int = 0
    outputs: int = 0
    size: int = 0
    key: str = ""
    prepare: float = math.nan
    first_call: float = math.nan
    cold: float = math.nan
    transfer: float = math.nan
    peak_bytes: float = math.nan
    calls: int = 0
    samples: tuple[float, ...] = ()
    stationary: bool = True
    stop: str = ""
    group: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """How long the cell of a key took; the fields are those of :class:`Measurement`."""

    key: str
    cold: float = math.nan
    peak_bytes: float = math.nan
    calls: int = 0
    samples: tuple[float, ...] = ()
    stationary: bool = True
    stop: str = ""
    group: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Control:
    """One call timed under two names, in two processes, in the same rounds: what they differ by is noise.

    ``key`` is that of the cell; ``samples`` and ``twin`` are seconds per call, paired by round, raw.
    """

    key: str
    backend: str
    device: str
    samples: tuple[float, ...]
    twin: tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Yardstick:
    """How long one fixed piece of work took in the rounds of a group of cells: seconds per call, raw."""

    group: str
    samples: tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Worker:
    """A backend on a device, as it was found when its process started.

    Attributes
    ----------
    backend, device, version, title
        Which.
    start
        Seconds to load the framework.
    overhead
        Seconds that timing adds to a call; nothing is subtracted.
    threads
        Threads of its number libraries, as they report them.
    settings
        The framework's switches that change speed or accuracy.
    """

    backend: str
    device: str
    version: str = ""
    title: str = ""
    start: float = math.nan
    overhead: float = math.nan
    threads: Mapping[str, int] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedCheck:
    """One number printed in a document, beside the truth.

    ``status`` is ``agrees`` (the truth rounds or truncates to what is printed), ``disagrees``, or
    ``undefined`` (the document claims a derivative where none exists).
    """

    suite: str
    problem: str
    point: str
    source: str
    quantity: str
    printed: str
    true: str
    status: str
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """A problem as people read about it.

    Attributes
    ----------
    suite, problem
        Which.
    title
        Of the suite.
    formula, why, thread, kinks, refuses
        As the problem says them.
    code
        Its function's source; empty where that cannot be had.
    sources
        The documents that print numbers for it.
    inputs, wrt
        Names of its inputs, and of those that it is differentiated by.
    """

    suite: str
    problem: str
    title: str = ""
    formula: str = ""
    why: str = ""
    thread: str = ""
    kinks: str = ""
    refuses: str = ""
    code: str = ""
    sources: tuple[str, ...] = ()
    inputs: tuple[str, ...] = ()
    wrt: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Study:
    """What is seen of a function around a point; a part that makes no sense there, or fails, is absent.

    Numbers that only feed pictures are rounded; a number that is not finite lies outside the domain.

    Attributes
    ----------
    suite, problem, point
        Which.
    inputs
        Name of an input to its numbers, nested lists of them; of a large one in words: ``64x64, seeded``.
    output
        Shape of the output.
    steps
        The evaluation of a scalar function, step by step: ``name``, ``expression``, ``value``; ``adjoint``
        (the derivative of the output by the step) and ``tangents`` (that of the step by each input), all as
        text; ``operands`` (their positions among the steps) and ``flows`` (what the step adds to the adjoint
        of each operand, empty for nothing).
    curve
        Of a scalar function of one number: ``at``, ``value`` and ``slope``, and ``zooms``, each ``x`` and
        ``y`` within ``half`` of the point.
    surface
        Of a scalar function of two numbers: their ``names``, ``at``, ``value`` and ``gradient``, and a grid:
        ``z[j][i]`` is the value at ``x[i]``, ``y[j]``.
    differences
        Of a scalar function of one number whose derivative is certified (``true``, 30 digits): ``steps`` and
        the ``forward`` and ``central`` difference quotients; and under ``ladder`` the longest and the
        shortest of the ``steps`` by which the harness itself measures, the ``value`` it finds and its
        ``error`` bar.
    pattern
        Of a small Jacobian: how many ``rows``; ``blocks`` of columns, name and width of each input; and
        ``entries``, row, column and value of each that is not 0.
    """

    suite: str
    problem: str
    point: str
    inputs: Numbers
    output: tuple[int, ...]
    steps: tuple[Mapping[str, Any], ...] = ()
    curve: Numbers | None = None
    surface: Numbers | None = None
    differences: Numbers | None = None
    pattern: Numbers | None = None


Record = Measurement | Timing | PublishedCheck | Control | Yardstick | Worker | Subject | Study

KINDS: Mapping[str, type[Any]] = {
    "cell": Measurement,
    "timing": Timing,
    "published": PublishedCheck,
    "control": Control,
    "yardstick": Yardstick,
    "worker": Worker,
    "subject": Subject,
    "study": Study,
}
"""What a record is called in a file."""


def identity(record: Record) -> Any:
    """What tells a record from the others of its kind; a cell's key tells it from the same cell elsewhere."""
    if isinstance(record, (Timing, Control)):
        return record.key
    if isinstance(record, Yardstick):
        return record.group
    if isinstance(record, Worker):
        return record.backend, record.device
    if isinstance(record, Subject):
        return record.suite, record.problem
    where = record.suite, record.problem, record.point
    if isinstance(record, Study):
        return where
    if isinstance(record, PublishedCheck):
        return *where, record.source, record.quantity, record.printed
    return *where, record.backend, record.device, record.dtype, record.operator
