"""HIPS autograd: reverse and forward mode on NumPy, operation by operation."""

from __future__ import annotations

import warnings
from functools import cache
from typing import Any

import numpy as np

from gradcheck.backends.base import Backend, Blocks, Differentiator
from gradcheck.errors import Unsupported
from gradcheck.problems import Bound


class AutogradDifferentiator(Differentiator):
    """autograd's own operators; a single input goes in bare, since a tuple of it would cost time."""

    nests = True

    def __init__(self) -> None:
        import autograd

        # It warns where a slope is constant, which the slope of a linear function is.
        warnings.filterwarnings("ignore", "Output seems independent of input", UserWarning)
        self._autograd = autograd
        self.xp = _namespace()

    def vjp(self, f: Bound, xs: Blocks, cotangent: Any) -> Any:
        return _blocks(self._autograd.make_vjp(f, _argument(xs))(*xs)[0](cotangent), xs)

    def jvp(self, f: Bound, xs: Blocks, tangents: Blocks) -> Any:
        try:
            return self._autograd.make_jvp(f, _argument(xs))(*xs)(_bare(tangents))[1]
        except NotImplementedError as error:
            raise Unsupported(f"offers no forward mode here: {error}") from error

    def gradient(self, f: Bound, xs: Blocks) -> Any:
        return _blocks(self._autograd.grad(f, _argument(xs))(*xs), xs)

    def jacobian(self, f: Bound, xs: Blocks) -> Any:
        y = f(*xs)
        if not np.size(y):
            return [np.zeros((*np.shape(y), *np.shape(x)), x.dtype) for x in xs]
        return [self._autograd.jacobian(f, at)(*xs) for at in range(len(xs))]

    def hvp(self, f: Bound, xs: Blocks, tangents: Blocks) -> Any:
        return _blocks(self._autograd.make_hvp(f, _argument(xs))(*xs)[0](_bare(tangents)), xs)

    def hessian(self, f: Bound, xs: Blocks) -> Any:
        slopes = [self._autograd.grad(f, at) for at in range(len(xs))]
        return [self.jacobian(slope, xs) for slope in slopes]


def _argument(xs: Blocks) -> int | tuple[int, ...]:
    return 0 if len(xs) == 1 else tuple(range(len(xs)))


def _bare(blocks: Blocks) -> Any:
    return blocks[0] if len(blocks) == 1 else tuple(blocks)


def _blocks(answer: Any, xs: Blocks) -> Blocks:
    return [answer] if len(xs) == 1 else list(answer)


@cache
def _namespace() -> Any:
    """The NumPy of autograd, with the names of the standard that it has no derivative for, and ``xlogy``."""
    import autograd.numpy as anp
    from autograd.extend import defjvp, defvjp, primitive
    from autograd.numpy.numpy_vjps import unbroadcast_f
    from scipy import special

    from gradcheck.namespaces import Extended

    def log(x: Any, y: Any) -> Any:
        """The slope in x, in x's dtype where y is a Python float."""
        return anp.log(y + anp.zeros_like(x))

    def over(x: Any, y: Any) -> Any:
        """The slope in y, which is 0 at x = 0 for every y, also as y tends to 0."""
        return x / (y + ((x == 0) & (y == 0)))

    # SciPy's loop would widen float32 for a Python float beside it.
    xlogy = primitive(lambda x, y: special.xlogy(x, y, dtype=np.result_type(x, y)))
    defvjp(
        xlogy,
        lambda z, x, y: unbroadcast_f(x, lambda g: g * log(x, y)),
        lambda z, x, y: unbroadcast_f(y, lambda g: g * over(x, y)),
    )
    defjvp(xlogy, lambda g, z, x, y: g * log(x, y), lambda g, z, x, y: g * over(x, y))
    added = {
        "concat": anp.concatenate,
        "matrix_transpose": lambda x: anp.swapaxes(x, -1, -2),
        "take": lambda x, indices, axis=0: x[(slice(None),) * (axis % np.ndim(x)) + (indices,)],
        "vecdot": lambda x, y, axis=-1: anp.sum(x * y, axis=axis),
        "xlogy": xlogy,
    }
    return Extended(anp, added)


autograd = Backend(
    name="autograd",
    title="HIPS autograd, on NumPy",
    load=lambda device: AutogradDifferentiator(),
    requires="autograd",
    extra="autograd",
)
