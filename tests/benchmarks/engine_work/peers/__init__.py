"""Other frameworks on the same problems, each by its fastest idiom, each in a process of its own."""

from importlib.util import find_spec

PACKAGES = ("autograd", "torch", "jax", "tensorflow", "casadi")


def sides(words=()):
    """Modules of the installed ones, by package; those that a word begins, or all."""
    return {
        name: f"engine_work.peers.with_{name}"
        for name in PACKAGES
        if find_spec(name) and (not words or any(name.startswith(word) for word in words))
    }


def leaves(answer):
    """The arrays of nested tuples and lists, in order."""
    if isinstance(answer, (tuple, list)):
        return [leaf for part in answer for leaf in leaves(part)]
    return [answer]


class Names:
    """A framework's namespace under the standard's names."""

    def __init__(self, base, **others):
        self._base = base
        self.__dict__.update(others)

    def __getattr__(self, name):
        return getattr(self._base, name)
