"""What a backend says about itself, and that it can be had where it says so."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from functools import partial

from gradcheck.backends.base import Differentiator
from gradcheck.conformance.check import check
from gradcheck.conformance.fresh import Fresh, answers_in_a_fresh_process
from gradcheck.conformance.outcome import Failed, reported
from gradcheck.conformance.trial import Posed, Trial
from gradcheck.devices import DEVICES
from gradcheck.dtypes import FORMATS
from gradcheck.operators import OPERATORS

_FEW = 2  # operators that show whether a backend works at all


@check("says its name, title, version, devices, operators and dtypes")
def declares_itself(trial: Trial) -> str:
    """What a run records, and what it chooses by."""
    backend = trial.backend
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", backend.name):
        raise Failed(f"name: expected letters, digits, '-', '_' and '.', got {backend.name!r}")
    if not backend.title.strip() or "\n" in backend.title:
        raise Failed(f"title: expected one line, got {backend.title!r}")
    if not backend.version:
        raise Failed(f"version: expected that of an installed package {backend.requires!r}, got none")
    _expect_some("devices", backend.devices(), DEVICES)
    _expect_some("operators", backend.operators, OPERATORS)
    _expect_some("dtypes", backend.dtypes, tuple(FORMATS))
    return f"{backend.name} {backend.version}: {backend.title}"


@check("loads")
def loads(trial: Trial) -> str:
    """As a Differentiator with an array namespace."""
    backend = trial.backend
    if not backend.installed:
        raise Failed(str(backend.missing()))
    with reported(f"load({trial.device!r})"):
        loaded: object = backend.load(trial.device)
    if not isinstance(loaded, Differentiator):
        raise Failed(f"load({trial.device!r}): expected a Differentiator, got {type(loaded).__name__}")
    if not hasattr(loaded, "xp"):
        raise Failed(f"load({trial.device!r}): expected an array namespace in xp, got none")
    return f"on {trial.device}"


@check("travels to a fresh process, and answers there on the devices it declares")
def travels_to_a_fresh_process(trial: Trial) -> str:
    """As to a worker; one process a device, because a framework keeps the threads of its first one."""
    trial.require()
    # What it prints is looked at in such a process on the device of this trial already.
    devices = [device for device in trial.backend.devices() if device != trial.device] or [trial.device]
    for device in devices:
        fresh = answers_in_a_fresh_process(trial.backend, device, trial.backend.operators[:_FEW])
        _expect_well(fresh, device)
    return ", ".join(devices)


@check("prints nothing on standard output")
def prints_nothing(trial: Trial) -> str:
    """From its import to its answers: standard output belongs to the command."""
    trial.require()
    fresh = answers_in_a_fresh_process(trial.backend, trial.device, trial.backend.operators)
    _expect_well(fresh, trial.device)
    if fresh.printed:
        raise Failed(f"expected nothing on standard output, got {fresh.printed[:80]!r}")
    return fresh.answered


@check("can be loaded again while it is in use")
def loads_again(trial: Trial) -> str:
    """The first one still answers, and rightly."""
    trial.require()
    operators = trial.backend.operators[:_FEW]
    with reported(f"loading it again on {trial.device}"):
        second = trial.backend.load(trial.device)
    looked = trial.every(
        partial(Posed.verify_answers, note=", by the first of two loaded"), operators=operators
    )
    del second  # held until here
    return looked


@check("its settings can be written to a record")
def records_its_settings(trial: Trial) -> str:
    """A mapping of names to what JSON has."""
    settings = trial.differentiator.settings()
    try:
        return json.dumps(dict(settings), allow_nan=False)
    except (TypeError, ValueError) as error:
        raise Failed(f"settings(): expected names and plain values, got {settings!r} ({error})") from error


def _expect_some(what: str, given: Sequence[str], choices: Sequence[str]) -> None:
    unknown = [one for one in given if one not in choices]
    if not given or unknown or len(set(given)) != len(given):
        raise Failed(
            f"{what}: expected some of {', '.join(choices)}, each once, got {', '.join(given) or 'none'}"
        )


def _expect_well(fresh: Fresh, device: str) -> None:
    if fresh.fault:
        raise Failed(f"in a fresh process on {device}: expected answers, got {fresh.fault}")
