"""PyTorch's function transforms, torch.func, operation by operation."""

from __future__ import annotations

from math import prod
from typing import Any

from gradcheck.backends.base import Backend, Blocks, Call
from gradcheck.backends.torch import DTYPES, TorchDifferentiator, devices
from gradcheck.problems import Bound


class FuncDifferentiator(TorchDifferentiator):
    """Transforms composed as torch.func means them to be: forward over reverse for second derivatives."""

    def prepare(self, operator: str, f: Bound, xs: Blocks, *extra: Any) -> Call:
        if operator != "jacobian":
            return super().prepare(operator, f, xs, *extra)
        rows, columns = f(*xs).numel(), sum(prod(x.shape) for x in xs)
        by = self._torch.func.jacrev if rows <= columns else self._torch.func.jacfwd
        jacobian = by(f, _all(xs))
        return lambda xs: jacobian(*xs)

    def gradient(self, f: Bound, xs: Blocks) -> Any:
        return self._torch.func.grad(f, _all(xs))(*xs)

    def vjp(self, f: Bound, xs: Blocks, cotangent: Any) -> Any:
        return self._torch.func.vjp(f, *xs)[1](cotangent)

    def jvp(self, f: Bound, xs: Blocks, tangents: Blocks) -> Any:
        return self._torch.func.jvp(f, tuple(xs), tuple(tangents))[1]

    def jacobian(self, f: Bound, xs: Blocks) -> Any:
        return self.prepare("jacobian", f, xs)(xs)

    def hvp(self, f: Bound, xs: Blocks, tangents: Blocks) -> Any:
        return self._torch.func.jvp(self._torch.func.grad(f, _all(xs)), tuple(xs), tuple(tangents))[1]

    def hessian(self, f: Bound, xs: Blocks) -> Any:
        return self._torch.func.hessian(f, _all(xs))(*xs)


def _all(xs: Blocks) -> tuple[int, ...]:
    return tuple(range(len(xs)))


torch_func = Backend(
    name="torch-func",
    title="torch.func, operation by operation",
    load=FuncDifferentiator,
    devices=devices,
    requires="torch",
    extra="torch",
    dtypes=DTYPES,
)
