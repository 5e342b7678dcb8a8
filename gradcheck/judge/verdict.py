"""What the judge says: one of three states, what it rests on, and how to hear it again."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from gradcheck.errors import AmbiguousTruth

_MOST_FINDINGS = 8
_WIDTH = 96


class Status(StrEnum):
    """The three states of a verdict."""

    PASS = "pass"
    FAIL = "fail"
    INCONCLUSIVE = "inconclusive"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that was seen.

    Attributes
    ----------
    kind
        ``"value"`` for a wrong derivative, ``"contract"`` for a broken promise (shape, dtype, mutation,
        state), ``"unresolved"`` where the evidence does not decide, ``"note"`` for what is only worth
        knowing.
    mode
        Whose fault: ``"vjp"``, ``"jvp"``, ``"transpose"``, ``"batched"``, ``"linearized"``, ``"hvp"``,
        ``"function"``.
    order
        Order of the derivative: 1 for the function's, 2 for the gradient's.
    path
        The input leaf, for example ``params['enc'][2].weight``; empty where it concerns all of them.
    index
        Entry of that leaf, one index or slice per axis; None where it concerns the whole leaf.
    output
        Path and entry of the output concerned; empty where there is only one.
    expected, got
        The derivative as measured and as claimed; text for a broken promise; None where there is none.
    bar
        How far the measured derivative may be off.
    cause
        The likely mistake, in a few words: ``"sign"``, ``"factor 2"``, ``"detached (zero)"``.
    message
        One line for a person.
    """

    kind: str
    message: str
    mode: str = "vjp"
    order: int = 1
    path: str = ""
    index: tuple[Any, ...] | None = None
    output: str = ""
    expected: Any = None
    got: Any = None
    bar: float = math.nan
    cause: str = ""

    @property
    def ratio(self) -> float:
        """Claimed over measured; NaN where either is no number or the measured one is 0."""
        try:
            return float(abs(self.got) / abs(self.expected)) * (
                -1.0 if (self.got * complex(self.expected).conjugate()).real < 0 else 1.0
            )
        except (TypeError, ValueError, ZeroDivisionError):
            return math.nan

    @property
    def failed(self) -> bool:
        """Whether the derivative is wrong because of this."""
        return self.kind in ("value", "contract")

    @property
    def where(self) -> str:
        """Path and entry as one would write them in Python."""
        if self.index is None or self.index == ():
            return self.path
        return f"{self.path}[{', '.join(map(_subscript, self.index))}]"

    def __str__(self) -> str:
        parts = [part for part in (self.where, f"of {self.output}" if self.output else "") if part]
        lead = f"{self.mode}" + (f", order {self.order}" if self.order > 1 else "")
        text = f"{lead}: {' '.join(parts)}{': ' if parts else ''}{self.message}"
        if self.got is not None and self.expected is not None and self.kind == "value":
            ratio = f", ratio {_short(self.ratio)}" if math.isfinite(self.ratio) else ""
            text += f": got {_short(self.got)}, expected {_short(self.expected)} +- {self.bar:.1g}{ratio}"
        return text + (f"; likely cause: {self.cause}" if self.cause and self.cause not in text else "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What :func:`gradcheck.verify` returns. ``bool()`` of it raises, because three states are not two.

    Attributes
    ----------
    status
        ``"pass"``, ``"fail"`` or ``"inconclusive"``.
    findings
        What was seen, the gravest first; a pass may carry notes.
    detection_floor
        Smallest relative error of one typical entry of the derivative that would have been seen; NaN where
        nothing was measured.
    evaluations
        Calls of the function.
    backwards
        Calls of the derivative.
    seed
        Seed of every random draw.
    settings
        What else reproduces the verdict, as it is written in Python.
    convention
        The complex convention judged by; empty for real functions.
    evidence
        One line per kind of evidence, in the order it was taken.
    """

    status: Status
    findings: tuple[Finding, ...] = ()
    detection_floor: float = math.nan
    evaluations: int = 0
    backwards: int = 0
    seed: int = 0
    settings: str = ""
    convention: str = ""
    evidence: tuple[str, ...] = field(default=())

    @property
    def passed(self) -> bool:
        """Whether the derivative was found right."""
        return self.status is Status.PASS

    @property
    def failed(self) -> bool:
        """Whether the derivative was found wrong."""
        return self.status is Status.FAIL

    @property
    def inconclusive(self) -> bool:
        """Whether the evidence does not decide."""
        return self.status is Status.INCONCLUSIVE

    @property
    def replay(self) -> str:
        """The call that gives this verdict again, bit for bit."""
        settings = f", {self.settings}" if self.settings else ""
        return f"verify(f, args, ...{settings}, seed={self.seed})"

    def __bool__(self) -> bool:
        raise AmbiguousTruth

    def __str__(self) -> str:
        head = f"{self.status.value.upper()}: {self._summary()}"
        shown = [f"  {finding}" for finding in self.findings[:_MOST_FINDINGS]]
        more = len(self.findings) - len(shown)
        return "\n".join(
            [
                head,
                *shown,
                *([f"  and {more} more"] if more > 0 else []),
                *(f"  {line}" for line in self.evidence),
                f"  {self.evaluations} evaluations, {self.backwards} derivatives; again: {self.replay}",
                *([f"  complex convention: {self.convention}"] if self.convention else []),
            ]
        )

    def _summary(self) -> str:
        if self.status is Status.PASS:
            floor = self.detection_floor
            seen = f"would have seen a relative error above {floor:.0e} in a typical entry"
            if math.isfinite(floor):
                return seen
            here = "the claim is one of the derivatives that exist at this point"
            return here if self.evidence else "there is no entry to differentiate, and every promise is kept"
        grave = [f for f in self.findings if f.failed == (self.status is Status.FAIL) and f.kind != "note"]
        causes = list(dict.fromkeys(finding.cause or finding.message for finding in grave))
        return "; ".join(causes[:3]) + (" ..." if len(causes) > 3 else "")


def _subscript(index: Any) -> str:
    if isinstance(index, slice):
        ends = (index.start, index.stop)
        return ":".join("" if end is None else str(end) for end in ends)
    return str(index)


def _short(number: Any) -> str:
    if isinstance(number, complex) or getattr(getattr(number, "dtype", None), "kind", "") == "c":
        return f"{complex(number):.8g}"
    try:
        return f"{float(number):.8g}"
    except (TypeError, ValueError):
        return str(number)
