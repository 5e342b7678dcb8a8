"""Verify derivatives and compare automatic-differentiation backends against a certified truth.

Every public name is loaded on first use, so that ``import gradcheck`` costs a test run nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gradcheck import draws as draws
    from gradcheck import engine as engine
    from gradcheck import sums as sums
    from gradcheck.backends.base import Backend as Backend
    from gradcheck.backends.base import Differentiator as Differentiator
    from gradcheck.backends.base import available_backends as available_backends
    from gradcheck.catalogue import Suite as Suite
    from gradcheck.catalogue import collect as collect
    from gradcheck.comparing import Comparison as Comparison
    from gradcheck.comparing import compare as compare
    from gradcheck.comparing import noise_bound as noise_bound
    from gradcheck.comparing import noise_floor as noise_floor
    from gradcheck.costs import Cost as Cost
    from gradcheck.costs import measured_costs as measured_costs
    from gradcheck.errors import BadResults as BadResults
    from gradcheck.errors import UnknownName as UnknownName
    from gradcheck.execution import run as run
    from gradcheck.judge.verdict import Finding as Finding
    from gradcheck.judge.verdict import Status as Status
    from gradcheck.judge.verdict import Verdict as Verdict
    from gradcheck.judge.verification import assert_gradients as assert_gradients
    from gradcheck.judge.verification import verify as verify
    from gradcheck.plan import Plan as Plan
    from gradcheck.problems import Domain as Domain
    from gradcheck.problems import Point as Point
    from gradcheck.problems import Problem as Problem
    from gradcheck.problems import Published as Published
    from gradcheck.problems import problem as problem
    from gradcheck.problems import sized as sized
    from gradcheck.records import Control as Control
    from gradcheck.records import Measurement as Measurement
    from gradcheck.records import Outcome as Outcome
    from gradcheck.records import PublishedCheck as PublishedCheck
    from gradcheck.records import Study as Study
    from gradcheck.records import Subject as Subject
    from gradcheck.records import Worker as Worker
    from gradcheck.results import Results as Results
    from gradcheck.scaling import project as project
    from gradcheck.statistics import median_interval as median_interval
    from gradcheck.statistics import paired_ratio as paired_ratio
    from gradcheck.summary import Summary as Summary

__version__ = "0.1.0"

_HOME = {
    "Backend": "gradcheck.backends.base",
    "BadResults": "gradcheck.errors",
    "Comparison": "gradcheck.comparing",
    "Control": "gradcheck.records",
    "Cost": "gradcheck.costs",
    "Differentiator": "gradcheck.backends.base",
    "Domain": "gradcheck.problems",
    "Finding": "gradcheck.judge.verdict",
    "Measurement": "gradcheck.records",
    "Outcome": "gradcheck.records",
    "Plan": "gradcheck.plan",
    "Point": "gradcheck.problems",
    "Problem": "gradcheck.problems",
    "Published": "gradcheck.problems",
    "PublishedCheck": "gradcheck.records",
    "Results": "gradcheck.results",
    "Status": "gradcheck.judge.verdict",
    "Study": "gradcheck.records",
    "Subject": "gradcheck.records",
    "Suite": "gradcheck.catalogue",
    "UnknownName": "gradcheck.errors",
    "Summary": "gradcheck.summary",
    "Verdict": "gradcheck.judge.verdict",
    "Worker": "gradcheck.records",
    "assert_gradients": "gradcheck.judge.verification",
    "available_backends": "gradcheck.backends.base",
    "collect": "gradcheck.catalogue",
    "compare": "gradcheck.comparing",
    "draws": "gradcheck.draws",
    "engine": "gradcheck.engine",
    "measured_costs": "gradcheck.costs",
    "median_interval": "gradcheck.statistics",
    "noise_bound": "gradcheck.comparing",
    "noise_floor": "gradcheck.comparing",
    "paired_ratio": "gradcheck.statistics",
    "problem": "gradcheck.problems",
    "project": "gradcheck.scaling",
    "run": "gradcheck.execution",
    "sized": "gradcheck.problems",
    "sums": "gradcheck.sums",
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
