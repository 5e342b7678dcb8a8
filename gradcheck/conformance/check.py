"""What a check is: a function that looks at a backend on trial and says what it saw.

To add one, write a function in any module of this package and put :func:`check` before it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from gradcheck.backends.base import Backend
from gradcheck.conformance.outcome import Checked, Failed, NotApplicable, Outcome, described
from gradcheck.conformance.trial import Trial
from gradcheck.errors import NoRule, Unsupported


@dataclass(frozen=True, slots=True)
class Check:
    """One property of a right backend.

    Attributes
    ----------
    name
        The function's.
    title
        The property in one line.
    examine
        Looks at a backend and returns what it looked at; raises Failed or NotApplicable.
    """

    name: str
    title: str
    examine: Callable[[Trial], str]

    def __call__(self, backend: Backend, device: str = "cpu") -> Checked:
        """Examine a backend on a device; whatever it raises is its fault, and a row."""
        try:
            with np.errstate(all="ignore"), Trial(backend, device) as trial:
                return self._row("passed", self.examine(trial))
        except (NotApplicable, Unsupported, NoRule) as reason:
            return self._row("not applicable", str(reason))
        except Failed as fault:
            return self._row("failed", str(fault))
        except Exception as error:
            return self._row("failed", f"expected no exception, got {described(error)}")

    def _row(self, outcome: Outcome, detail: str) -> Checked:
        return Checked(self.name, self.title, outcome, " ".join(detail.split()))


def check(title: str) -> Callable[[Callable[[Trial], str]], Check]:
    """Make a check of a function."""
    return lambda examine: Check(examine.__name__, title, examine)
