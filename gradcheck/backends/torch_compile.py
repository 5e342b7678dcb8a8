"""torch.func compiled whole by torch.compile: one graph an operator, in C++ or Triton by way of inductor.

torch keeps what it compiled on disk from one run to the next. The seconds of a first call are those of
compiling where that is off: ``TORCHINDUCTOR_FORCE_DISABLE_CACHES=1``.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from contextlib import suppress
from functools import cache
from types import FunctionType
from typing import Any

from gradcheck.backends.base import Backend, Blocks, Call
from gradcheck.backends.torch import DTYPES, devices
from gradcheck.backends.torch_func import FuncDifferentiator
from gradcheck.devices import CPU, threads
from gradcheck.errors import Unsupported
from gradcheck.problems import Bound


class CompiledDifferentiator(FuncDifferentiator):
    """The transforms of torch.func, each in one graph for the shapes at hand, or not at all."""

    def __init__(self, device: str) -> None:
        super().__init__(device)
        self._options = {"cpp.threads": threads(device)}  # else what all cores share may run on one, and back
        _warm_up("cpu" if device in CPU else device)

    def settings(self) -> Mapping[str, Any]:
        from torch._inductor import config

        kept = config.fx_graph_cache and not config.force_disable_caches
        return {**super().settings(), "compiled_graphs_kept_on_disk": kept}

    def prepare(self, operator: str, f: Bound, xs: Blocks, *extra: Any) -> Call:
        plain = super().prepare(operator, f, xs, *extra)
        plain(xs, *extra)  # what is wrong with the function itself is said by itself
        compiled: Call = self._torch.compile(
            _with_code_of_its_own(plain), fullgraph=True, dynamic=False, options=self._options
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the compiler's, about itself
            try:
                compiled(xs, *extra)  # torch compiles at the first call
            except Exception as error:
                reason = str(error).strip().partition("\n")[0]
                raise Unsupported(f"does not compile: {reason or type(error).__name__}") from error
        return compiled


def _with_code_of_its_own(call: Any) -> Call:
    """The same function: torch keeps eight compiled versions of a code object, whoever closes over it."""
    code = call.__code__.replace()
    return FunctionType(code, call.__globals__, call.__name__, call.__defaults__, call.__closure__)


@cache
def _warm_up(device: str) -> None:
    """What a process pays once, and no cell: importing the compiler, trying it out, compiling headers."""
    import torch

    with suppress(Exception), warnings.catch_warnings():  # every cell will say what is wrong
        warnings.simplefilter("ignore")
        torch.compile(torch.sin)(torch.ones(8, device=device))


torch_compile = Backend(
    name="torch-compile",
    title="torch.func, compiled whole by torch.compile",
    load=CompiledDifferentiator,
    devices=devices,
    requires="torch",
    extra="torch",
    dtypes=DTYPES,
    on_request="compiling takes seconds a cell",
)
