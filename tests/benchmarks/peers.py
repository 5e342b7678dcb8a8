"""Other gradient checkers on the same cases: a NumPy function and its own pullback, wrapped for each.

Every checker runs with its defaults. ``None`` says that it has no way to be asked.
"""

from __future__ import annotations

import importlib.util
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from cases import Case, floating, leaves, mapped

Says = bool | None
Peer = Callable[[Case], Says]

RELATIVE = 1e-5  # scipy's checker returns a distance and no verdict


class Flat:
    """A case as a function of its floating leaves alone, with a tuple of arrays as output."""

    def __init__(self, case: Case) -> None:
        self.case = case
        self.args = case.args
        self.inputs = [np.asarray(leaf) for leaf in leaves(self.args) if floating(leaf)]
        self.output = case.f(*self._filled(self.inputs))
        self.outputs = [np.asarray(leaf) for leaf in leaves(self.output)]

    def _filled(self, xs: Any) -> Any:
        rest = iter(xs)
        return mapped(lambda leaf: next(rest) if floating(leaf) else leaf, self.args)

    def f(self, *xs: Any) -> list[np.ndarray]:
        return [np.asarray(leaf) for leaf in leaves(self.case.f(*self._filled(xs)))]

    def vjp(self, xs: Any, cotangents: Any) -> list[np.ndarray]:
        rest = iter(cotangents)
        cotangent = mapped(lambda leaf: np.array(next(rest)), self.output)
        return [np.asarray(leaf) for leaf in leaves(self.case.vjp(*self._filled(xs), cotangent))]

    @property
    def simple(self) -> bool:
        """Whether there is one real output."""
        return len(self.outputs) == 1 and self.outputs[0].dtype.kind == "f"

    @property
    def real(self) -> bool:
        return all(a.dtype.kind == "f" for a in (*self.inputs, *self.outputs))


@contextmanager
def quietly() -> Iterator[None]:
    """Peers warn; that is theirs."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        yield


def agreed(check: Callable[[], Any]) -> bool:
    """Whether a checker says yes; one that returns nothing says no by raising, whatever it raises."""
    try:
        with quietly():
            said = check()
    except Exception:
        return False
    return said is None or bool(said)


def torch_says(f: Callable[..., Any], xs: Sequence[Any], *, fast: bool) -> bool:
    """Torch's checker on tensors and a function of them."""
    import torch

    xs = [x.requires_grad_() for x in xs]
    return agreed(lambda: torch.autograd.gradcheck(f, xs, fast_mode=fast, raise_exception=False))


def torch_check(case: Case, *, fast: bool) -> Says:
    import torch

    flat = Flat(case)
    if not flat.inputs or any(a.size == 0 for a in flat.inputs):
        return None

    def numpy(tensors: Any) -> list[np.ndarray]:
        return [t.detach().resolve_conj().numpy() for t in tensors]

    class Rule(torch.autograd.Function):
        @staticmethod
        def forward(ctx, *xs):
            ctx.save_for_backward(*xs)
            ys = tuple(torch.from_numpy(np.array(y)) for y in flat.f(*numpy(xs)))
            return ys if len(ys) > 1 else ys[0]

        @staticmethod
        def backward(ctx, *cotangents):
            return tuple(
                torch.from_numpy(np.array(g)) for g in flat.vjp(numpy(ctx.saved_tensors), numpy(cotangents))
            )

    return torch_says(Rule.apply, [torch.from_numpy(x.copy()) for x in flat.inputs], fast=fast)


def jax_check(case: Case) -> Says:
    import jax
    from jax.test_util import check_grads

    jax.config.update("jax_enable_x64", True)  # callbacks run in a thread that no context manager reaches
    flat = Flat(case)
    if not flat.inputs:
        return None
    shapes = [jax.ShapeDtypeStruct(y.shape, y.dtype) for y in flat.outputs]
    inner = [jax.ShapeDtypeStruct(x.shape, x.dtype) for x in flat.inputs]

    def host(*xs: Any) -> list[np.ndarray]:
        return [np.asarray(y, s.dtype) for y, s in zip(flat.f(*map(np.asarray, xs)), shapes, strict=True)]

    def host_back(xs: Any, cotangents: Any) -> list[np.ndarray]:
        # JAX pulls back without conjugation
        pulled = flat.vjp([np.asarray(x) for x in xs], [np.conj(np.asarray(c)) for c in cotangents])
        return [np.asarray(np.conj(g), s.dtype) for g, s in zip(pulled, inner, strict=True)]

    @jax.custom_vjp
    def rule(*xs: Any) -> Any:
        return jax.pure_callback(host, shapes, *xs)

    def forward(*xs: Any) -> Any:
        return rule(*xs), xs

    def backward(xs: Any, cotangents: Any) -> Any:
        return tuple(jax.pure_callback(host_back, inner, xs, tuple(cotangents)))

    rule.defvjp(forward, backward)

    def check() -> None:
        check_grads(rule, tuple(map(jax.numpy.asarray, flat.inputs)), order=1, modes=["rev"])

    return agreed(check)


def autograd_check(case: Case) -> Says:
    from autograd.extend import defvjp, primitive
    from autograd.test_util import check_grads

    flat = Flat(case)
    if not flat.simple or not flat.real:
        return None

    @primitive
    def rule(*xs: Any) -> Any:
        return flat.f(*xs)[0]

    def pullback(at: int) -> Callable[..., Any]:
        return lambda answer, *xs: lambda cotangent: flat.vjp(xs, [np.asarray(cotangent)])[at]

    count = len(flat.inputs)
    defvjp(rule, *(pullback(at) for at in range(count)), argnums=range(count))
    return agreed(lambda: check_grads(rule, modes=["rev"], order=1)(*flat.inputs))


def scipy_check(case: Case) -> Says:
    from scipy.optimize import check_grad

    flat = Flat(case)
    if not flat.simple or not flat.real or flat.outputs[0].shape != () or not flat.inputs:
        return None
    cuts = np.cumsum([x.size for x in flat.inputs])[:-1]

    def parts(x: np.ndarray) -> list[np.ndarray]:
        return [p.reshape(i.shape) for p, i in zip(np.split(x, cuts), flat.inputs, strict=True)]

    def value(x: np.ndarray) -> float:
        return float(flat.f(*parts(x))[0])

    def gradient(x: np.ndarray) -> np.ndarray:
        return np.concatenate([g.ravel() for g in flat.vjp(parts(x), [np.ones(())])])

    start = np.concatenate([x.ravel() for x in flat.inputs])

    def check() -> bool:
        return check_grad(value, gradient, start) <= RELATIVE * np.linalg.norm(gradient(start))

    return agreed(check)


def found(name: str) -> bool:
    return importlib.util.find_spec(name) is not None


def peers() -> dict[str, Peer]:
    """Those that are installed, by the name of their column."""
    made: dict[str, Peer] = {}
    if found("torch"):
        made["torch slow"] = lambda case: torch_check(case, fast=False)
        made["torch fast"] = lambda case: torch_check(case, fast=True)
    if found("jax"):
        made["jax"] = jax_check
    if found("autograd"):
        made["autograd"] = autograd_check
    made["scipy"] = scipy_check
    return made


ABSENT = [name for name in ("torch", "jax", "autograd") if not found(name)]
