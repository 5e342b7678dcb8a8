"""Verify derivatives and compare automatic-differentiation backends against a certified truth.

Every public name is loaded on first use, so that ``import gradcheck`` costs a test run nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gradcheck import draws as draws
    from gradcheck import engine as engine
    from gradcheck.backends.base import Backend as Backend
    from gradcheck.backends.base import Differentiator as Differentiator
    from gradcheck.backends.base import available_backends as available_backends
    from gradcheck.catalogue import Suite as Suite
    from gradcheck.catalogue import collect as collect
    from gradcheck.execution import Plan as Plan
    from gradcheck.execution import run as run
    from gradcheck.judge.verdict import Finding as Finding
    from gradcheck.judge.verdict import Status as Status
    from gradcheck.judge.verdict import Verdict as Verdict
    from gradcheck.judge.verification import assert_gradients as assert_gradients
    from gradcheck.judge.verification import verify as verify
    from gradcheck.problems import Domain as Domain
    from gradcheck.problems import Point as Point
    from gradcheck.problems import Problem as Problem
    from gradcheck.problems import Published as Published
    from gradcheck.problems import problem as problem
    from gradcheck.results import Measurement as Measurement
    from gradcheck.results import Outcome as Outcome
    from gradcheck.results import PublishedCheck as PublishedCheck
    from gradcheck.results import Results as Results

__version__ = "0.1.0"

_HOME = {
    "Backend": "gradcheck.backends.base",
    "Differentiator": "gradcheck.backends.base",
    "Domain": "gradcheck.problems",
    "Finding": "gradcheck.judge.verdict",
    "Measurement": "gradcheck.results",
    "Outcome": "gradcheck.results",
    "Plan": "gradcheck.execution",
    "Point": "gradcheck.problems",
    "Problem": "gradcheck.problems",
    "Published": "gradcheck.problems",
    "PublishedCheck": "gradcheck.results",
    "Results": "gradcheck.results",
    "Status": "gradcheck.judge.verdict",
    "Suite": "gradcheck.catalogue",
    "Verdict": "gradcheck.judge.verdict",
    "assert_gradients": "gradcheck.judge.verification",
    "available_backends": "gradcheck.backends.base",
    "collect": "gradcheck.catalogue",
    "draws": "gradcheck.draws",
    "engine": "gradcheck.engine",
    "problem": "gradcheck.problems",
    "run": "gradcheck.execution",
    "verify": "gradcheck.judge.verification",
}

__all__ = list(_HOME)


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'gradcheck' has no attribute {name!r}")
    module = import_module(_HOME[name])
    return module if module.__name__ == f"gradcheck.{name}" else getattr(module, name)


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOME])
