"""One cell and one printed number, whose facts a test changes where they matter to it."""

import math

from gradcheck import Measurement, Outcome, PublishedCheck


def cell(outcome=Outcome.EXACT, **changes):
    """The gradient of a cube by the engine, without a time."""
    facts = {
        "suite": "chain",
        "problem": "cube",
        "point": "x=5",
        "backend": "engine",
        "device": "cpu",
        "dtype": "float64",
        "operator": "gradient",
        "digits": 15.9 if outcome is Outcome.EXACT else math.nan,
    }
    return Measurement(outcome=outcome, **facts | changes)


def check(status="agrees", **changes):
    """A printed gradient of that cube."""
    facts = {
        "suite": "chain",
        "problem": "cube",
        "point": "x=5",
        "source": "F-1",
        "quantity": "d f / d x",
        "printed": "20281",
        "true": "20280",
    }
    return PublishedCheck(status=status, **facts | changes)
