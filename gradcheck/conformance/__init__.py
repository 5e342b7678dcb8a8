"""A conformance kit: what every backend must do to be compared fairly, one check a property.

Examples
--------
>>> from gradcheck.backends.engine import engine
>>> from gradcheck.conformance import check_backend
>>> [row.outcome for row in check_backend(engine) if row.name == "arrays_round_trip"]
['passed']
"""

from __future__ import annotations

import sys

from gradcheck.backends.base import Backend
from gradcheck.catalogue import collect
from gradcheck.conformance.check import Check, check
from gradcheck.conformance.outcome import Checked, Failed, NotApplicable
from gradcheck.conformance.trial import Trial
from gradcheck.devices import DEVICES
from gradcheck.errors import NoDevice, UnknownName

__all__ = ["CHECKS", "Check", "Checked", "Failed", "NotApplicable", "Trial", "check", "check_backend"]

CHECKS: tuple[Check, ...] = tuple(collect(sys.modules[__name__], Check).values())


def check_backend(backend: Backend, device: str = "cpu") -> list[Checked]:
    """Put a backend to every check, in a process that has its framework to itself.

    Parameters
    ----------
    backend
        Installed; a fault of its own is a row, never an exception.
    device
        One that it declares.

    Returns
    -------
    list of Checked
        One row for each of :data:`CHECKS`, in their order.

    Raises
    ------
    UnknownName
        When there is no such device.
    NoDevice
        When the backend does not declare it.
    """
    if device not in DEVICES:
        raise UnknownName("device", device, DEVICES)
    declared = _declared(backend)
    if declared and device not in declared:
        raise NoDevice(device, [(backend.name, declared)])
    return [check(backend, device) for check in CHECKS]


def _declared(backend: Backend) -> tuple[str, ...]:
    """The devices it declares; none where it fails to say, which a check looks into."""
    try:
        return backend.devices()
    except Exception:
        return ()
