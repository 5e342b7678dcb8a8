"""What a run comes to: counts, one sentence, a line for every backend, failures that are alike together.

Terminal, notebook and Markdown say the same of a run because all of them ask here.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from statistics import median
from typing import ClassVar, NamedTuple, Protocol, TypeVar

from gradcheck.operators import DTYPES, OPERATORS
from gradcheck.records import Measurement, Outcome, PublishedCheck

K = TypeVar("K", bound=Hashable)
T = TypeVar("T")

FAILED = tuple(outcome for outcome in Outcome if outcome.failed)
PASSED = tuple(outcome for outcome in Outcome if outcome.ran and not outcome.failed)
NOT_RUN = tuple(outcome for outcome in Outcome if not outcome.ran and not outcome.failed)
_NAMED = 4  # backends in the sentence
_DIGITS = (7, 10, 13, 17)


class Words(Protocol):
    """How messages are said in a reader's language."""

    def __call__(self, message: str, **values: object) -> str:
        """A message with its values put in."""

    def count(self, number: int, one: str, many: str, **values: object) -> str:
        """The message for one thing or for many, which says the number as ``%(n)s``."""


def thousands(number: int) -> str:
    """``5012`` with a narrow space between thousands, which reads the same in every language."""
    return f"{number:,}".replace(",", "\u202f")


class _English:
    def __call__(self, message: str, **values: object) -> str:
        return message % values if values else message

    def count(self, number: int, one: str, many: str, **values: object) -> str:
        return (one if number == 1 else many) % {"n": thousands(number), **values}


ENGLISH: Words = _English()


class Sentence(NamedTuple):
    """Whether the run is good (None: nothing can be said), its first words, and the rest."""

    good: bool | None
    headline: str
    rest: str

    def __str__(self) -> str:
        return self.headline + self.rest


class Who(NamedTuple):
    """Who was asked."""

    backend: str
    device: str
    dtype: str


@dataclass(frozen=True)
class Line:
    """What a backend on a device in a dtype comes to."""

    who: Who
    cells: Sequence[Measurement]

    @cached_property
    def counts(self) -> Counter[Outcome]:
        """Cells by outcome."""
        return Counter(cell.outcome for cell in self.cells)

    def count(self, outcomes: Iterable[Outcome]) -> int:
        """Cells with any of some outcomes."""
        return sum(self.counts[outcome] for outcome in outcomes)

    @property
    def digits(self) -> float:
        """Correct digits of a right answer's worst entry, the median; NaN without any."""
        right = [cell.digits for cell in self.cells if cell.outcome in (Outcome.EXACT, Outcome.OK)]
        known = [digits for digits in right if math.isfinite(digits)]
        return median(known) if known else math.nan

    @property
    def shown_digits(self) -> str:
        """Its digits as people read them: to one place, never rounded up; empty without any."""
        return f"{math.floor(10 * self.digits) / 10:.1f}" if math.isfinite(self.digits) else ""


@dataclass(frozen=True)
class Fault:
    """Failures that are alike: one outcome at one point of one problem; the worst cell first."""

    cells: Sequence[Measurement]

    @property
    def worst(self) -> Measurement:
        """The cell to look at."""
        return self.cells[0]

    @property
    def backends(self) -> list[str]:
        """Who fails."""
        return sorted({cell.backend for cell in self.cells})

    @property
    def operators(self) -> list[str]:
        """What was asked."""
        asked = {cell.operator for cell in self.cells}
        return [name for name in OPERATORS if name in asked] + sorted(asked.difference(OPERATORS))


@dataclass(frozen=True)
class Summary:
    """What a run comes to.

    Attributes
    ----------
    cells, published
        What the run holds.
    backends
        Their names in the order they are shown; those not named come last, by name.
    groups
        The outcomes that are counted together, by what they are called.
    """

    groups: ClassVar[Mapping[str, tuple[Outcome, ...]]] = {
        "exact": (Outcome.EXACT,),
        "ok": (Outcome.OK,),
        "convention": (Outcome.CONVENTION,),
        "undefined": (Outcome.UNDEFINED,),
        "failed": FAILED,
        "not run": NOT_RUN,
    }

    cells: Sequence[Measurement]
    published: Sequence[PublishedCheck] = ()
    backends: Sequence[str] = ()

    @cached_property
    def counts(self) -> Counter[Outcome]:
        """Cells by outcome."""
        return Counter(cell.outcome for cell in self.cells)

    @cached_property
    def lines(self) -> list[Line]:
        """A line for every backend on every device in every dtype, in order."""
        found = _grouped(self.cells, lambda cell: Who(cell.backend, cell.device, cell.dtype))
        return [Line(who, found[who]) for who in sorted(found, key=self._order)]

    def label(self, who: Who) -> str:
        """The backend, with device and dtype where the run has several."""
        several = [at for at in (1, 2) if len({line.who[at] for line in self.lines}) > 1]
        return " ".join(who[at] for at in (0, *several))

    @cached_property
    def faults(self) -> list[Fault]:
        """Failures that are alike together, the worst first."""
        failed = sorted((cell for cell in self.cells if cell.outcome.failed), key=_badness)
        found = _grouped(failed, lambda cell: (cell.outcome, cell.suite, cell.problem, cell.point))
        return [Fault(cells) for cells in found.values()]

    @property
    def doubtful(self) -> list[PublishedCheck]:
        """Printed numbers that do not agree with the truth: wrong ones, then those without a derivative."""
        doubts = [check for check in self.published if check.status != "agrees"]
        return sorted(doubts, key=lambda check: check.status != "disagrees")

    def sentence(self, words: Words = ENGLISH) -> Sentence:
        """The verdict on the run."""
        if not self.cells:
            rest = words(": nothing was asked, so nothing is known.")
            return Sentence(None, words("This run holds no cells"), rest)
        total = words.count(len(self.cells), "%(n)s cell", "%(n)s cells")
        passed, idle, kinds = (self._listed(outcomes, words) for outcomes in (PASSED, NOT_RUN, FAILED))
        skipped = sum(self.counts[outcome] for outcome in NOT_RUN)
        end = (
            words("; %(n)s did not run (%(why)s).", n=thousands(skipped), why=idle)
            if skipped
            else words("; every cell ran.")
        )
        if kinds:
            failed = sum(self.counts[outcome] for outcome in FAILED)
            where = words(" (%(kinds)s), in %(backends)s; ", kinds=kinds, backends=self._failing(words))
            headline = words("%(n)s of %(total)s failed", n=thousands(failed), total=total)
            return Sentence(False, headline, where + (passed or words("none is right")) + end)
        if not passed:
            return Sentence(
                None, words("Nothing ran"), words(" in %(total)s: %(idle)s.", total=total, idle=idle)
            )
        rest = words(" in %(total)s: %(passed)s", total=total, passed=passed)
        return Sentence(True, words("Nothing failed"), rest + end)

    def printed(self, words: Words = ENGLISH) -> str:
        """What becomes of the numbers that documents print; empty without any."""
        if not self.published:
            return ""
        counts = Counter(check.status for check in self.published)
        numbers = words.count(len(self.published), "%(n)s printed number", "%(n)s printed numbers")
        kinds = {
            "disagrees": "%(n)s wrong",
            "undefined": "%(n)s where no derivative exists",
            "agrees": "%(n)s in agreement with the truth",
        }
        parts = [words(message, n=thousands(counts[kind])) for kind, message in kinds.items() if counts[kind]]
        return f"{numbers}: {', '.join(parts)}."

    def _listed(self, outcomes: Iterable[Outcome], words: Words) -> str:
        found = [(outcome, self.counts[outcome]) for outcome in outcomes if self.counts[outcome]]
        return ", ".join(
            words("%(n)s %(outcome)s", n=thousands(number), outcome=words(outcome.value))
            for outcome, number in found
        )

    def _failing(self, words: Words) -> str:
        """The backends that failed, most failures first."""
        failed = Counter(cell.backend for cell in self.cells if cell.outcome.failed)
        ranked = sorted(failed.items(), key=lambda item: (-item[1], item[0]))
        named = ", ".join(f"{name} ({thousands(number)})" for name, number in ranked[:_NAMED])
        others = len(ranked) - _NAMED
        if others <= 0:
            return named
        return words.count(
            others,
            "%(named)s and %(n)s other backend",
            "%(named)s and %(n)s other backends",
            named=named,
        )

    def _order(self, who: Who) -> tuple[object, ...]:
        rank = {name: position for position, name in enumerate(self.backends)}
        width = DTYPES.index(who.dtype) if who.dtype in DTYPES else len(DTYPES)
        return (
            rank.get(who.backend, len(rank)),
            who.backend,
            who.device != "cpu",
            who.device,
            width,
            who.dtype,
        )


def beside(got: str, true: str) -> tuple[str, str]:
    """An answer and the truth, to so few digits that they still differ; text as it is."""
    try:
        numbers = float(got), float(true)
    except ValueError:
        return got, true
    for digits in _DIGITS:
        first, second = (f"{number:.{digits}g}" for number in numbers)
        if first != second:
            return first, second
    return got, true


def shortened(number: str) -> str:
    """A long decimal to 7 digits; text as it is."""
    try:
        return f"{float(number):.7g}"
    except ValueError:
        return number


def _grouped(items: Iterable[T], key: Callable[[T], K]) -> dict[K, list[T]]:
    groups: dict[K, list[T]] = {}
    for item in items:
        groups.setdefault(key(item), []).append(item)
    return groups


def _badness(cell: Measurement) -> tuple[float, float]:
    """A wrong number before one that is none, both before silence; larger errors first."""
    error = cell.relative_error
    return FAILED.index(cell.outcome), -error if math.isfinite(error) else 0.0
