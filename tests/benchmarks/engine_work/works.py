"""All problems, in order."""

from engine_work import chains, curvature, densities, linear, networks, recurrence, scalars
from engine_work.work import names

_ORDER = ("P1", "P2", "P3", "P4", "P5", "P6", "P7", "P8", "P9", "P10", "P11", "P12", "P13", "P14")
_MODULES = (scalars, linear, networks, densities, curvature, chains, recurrence)
WORKS = {
    work.name: work
    for place in _ORDER
    for module in _MODULES
    for work in module.WORKS
    if names(place, work.name)
}


def chosen(words):
    """The problems that any of the words means; all when there is none."""
    return [work for work in WORKS.values() if not words or any(names(word, work.name) for word in words)]
