"""TensorFlow without ``tf.function``: a GradientTape on constants that it watches, operation by operation."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext, suppress
from tempfile import TemporaryFile
from typing import Any

import numpy as np

from gradcheck.backends.base import Backend, Blocks, Call, Differentiator
from gradcheck.devices import CPU, threads
from gradcheck.problems import Bound

DTYPES = ("float64", "float32", "float16", "bfloat16")
_LOGGED = re.compile(rb"WARNING: All log messages before|[IW]\d{4} \d\d:\d\d")  # a level and a time
_IN_A_GRAPH = ("Graph execution error", "in user code")
_MARKED = re.compile(r"^\(0\)|\{\{.*?\}\}|\[Op:.*")  # a number, the node, the operation and what follows


class TensorflowDifferentiator(Differentiator):
    """``tf.GradientTape`` in reverse, ``tf.autodiff.ForwardAccumulator`` in forward mode, on one device."""

    watched = True  # whether the tape must be told what to watch
    vectorised_from: float = (
        128  # output entries from which tracing one pullback of all beats a pullback of each
    )

    def __init__(self, device: str) -> None:
        from gradcheck.tensorflow_namespace import TensorFlowNamespace

        tf = _tensorflow()
        with suppress(RuntimeError):  # once TensorFlow runs, it keeps the threads it has
            tf.config.threading.set_intra_op_parallelism_threads(threads(device))
            tf.config.threading.set_inter_op_parallelism_threads(threads(device))
        self.xp = TensorFlowNamespace()
        self._tf = tf
        self._place = "CPU:0" if device in CPU else "GPU:0"

    def array(self, x: np.ndarray) -> Any:
        with self._tf.device(self._place):
            return self._tf.constant(np.array(x))

    def numpy(self, x: Any) -> np.ndarray:
        return np.asarray(x.numpy() if hasattr(x, "numpy") else x)

    def where(self, x: Any) -> str:
        return "cuda" if "GPU" in getattr(x, "device", "") else "cpu"

    def synchronize(self, result: Any) -> None:
        if self._place == "GPU:0":  # on the CPU an operation returns when it is done
            self._tf.test.experimental.sync_devices()

    def settings(self) -> Mapping[str, Any]:
        config = self._tf.config
        return {
            "onednn": _onednn(),
            "tf32": config.experimental.tensor_float_32_execution_enabled(),
            "soft_placement": config.get_soft_device_placement(),
            "intra_op_threads": config.threading.get_intra_op_parallelism_threads(),
            "inter_op_threads": config.threading.get_inter_op_parallelism_threads(),
        }

    def complaint(self, error: Exception) -> str:
        """What is wrong; a graph's errors say it last, below the places where the graph was made."""
        said = super().complaint(error)
        if said.startswith(_IN_A_GRAPH):
            lines = [line.strip() for line in str(error).splitlines() if line.strip() and line[0] != "\t"]
            said = next((line for line in lines if line.startswith("(0)")), lines[-1])  # the first of several
        return _MARKED.sub("", said).strip().removeprefix(f"{type(error).__name__}: ")

    def prepare(self, operator: str, f: Bound, xs: Blocks, *extra: Any) -> Call:
        call = super().prepare(operator, f, xs, *extra)

        def placed(xs: Blocks, *extra: Any) -> Any:
            with self._tf.device(self._place):
                return call(xs, *extra)

        return placed

    def vjp(self, f: Bound, xs: Blocks, cotangent: Any) -> Any:
        tape, y = self._recorded(self.value, f, xs)
        return self._pulled(tape, y, xs, cotangent)

    def gradient(self, f: Bound, xs: Blocks) -> Any:
        tape, y = self._recorded(self.value, f, xs)
        return self._pulled(tape, y, xs)

    def jvp(self, f: Bound, xs: Blocks, tangents: Blocks) -> Any:
        tangents = [self._tf.convert_to_tensor(v) for v in tangents]
        with self._tf.autodiff.ForwardAccumulator(list(xs), tangents) as forward:
            y = self.value(f, xs)
        return forward.jvp(y, unconnected_gradients="zero")

    def hvp(self, f: Bound, xs: Blocks, tangents: Blocks) -> Any:
        tape, gradient = self._recorded(self.gradient, f, xs)
        return self._pulled(tape, gradient, xs, tangents)

    def jacobian(self, f: Bound, xs: Blocks) -> Any:
        tape, y = self._recorded(self.value, f, xs, persistent=True)
        return self._jacobian(tape, y, xs)

    def hessian(self, f: Bound, xs: Blocks) -> Any:
        tape, gradient = self._recorded(self.gradient, f, xs, persistent=True)
        return [self._jacobian(tape, part, xs) for part in gradient]

    def _recorded(self, operator: Call, f: Bound, xs: Blocks, *, persistent: bool = False) -> tuple[Any, Any]:
        """A tape that has seen an operator, and what the operator gave."""
        with self._tf.GradientTape(persistent=persistent) as tape:
            if self.watched:
                tape.watch(xs)
            return tape, operator(f, xs)

    def _pulled(self, tape: Any, y: Any, xs: Blocks, cotangent: Any = None) -> list[Any]:
        """The pullback; a gradient by rows that were looked up comes as their list, and is made dense."""
        parts = tape.gradient(y, list(xs), cotangent, unconnected_gradients="zero")
        return [self._tf.convert_to_tensor(part) for part in parts]

    def _jacobian(self, tape: Any, y: Any, xs: Blocks) -> list[Any]:
        count = y.shape.num_elements()
        if count == 0:
            return [self._tf.zeros((*y.shape, *x.shape), y.dtype) for x in xs]
        if count is None or count >= self.vectorised_from:
            return list(tape.jacobian(y, list(xs), unconnected_gradients="zero"))
        bases = self._tf.reshape(self._tf.eye(count, dtype=y.dtype), (count, *y.shape))
        rows = [self._pulled(tape, y, xs, basis) for basis in self._tf.unstack(bases)]
        return [
            self._tf.reshape(self._tf.stack(column), (*y.shape, *x.shape))
            for column, x in zip(zip(*rows, strict=True), xs, strict=True)
        ]


def _tensorflow() -> Any:
    """The framework, imported without its greeting, which no log level keeps back."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("TF_FORCE_GPU_ALLOW_GROWTH", "true")  # else it takes all memory of a GPU at once
    with nullcontext() if "tensorflow" in sys.modules else _ungreeted():
        import tensorflow as tf
    return tf


@contextmanager
def _ungreeted() -> Iterator[None]:
    """Hold standard error back, and pass on what is no log line of TensorFlow's."""
    sys.stderr.flush()
    standard_error = os.dup(2)
    with TemporaryFile() as heard:
        os.dup2(heard.fileno(), 2)
        try:
            yield
        finally:
            sys.stderr.flush()
            os.dup2(standard_error, 2)
            os.close(standard_error)
            heard.seek(0)
            os.write(2, b"".join(line for line in heard if not _LOGGED.match(line)))


def _onednn() -> str:
    try:
        from tensorflow.python.util import _pywrap_util_port
    except ImportError:
        return "unknown"
    return "on" if _pywrap_util_port.IsMklEnabled() else "off"


def devices() -> tuple[str, ...]:
    """The devices present."""
    return (*CPU, *(("cuda",) if _tensorflow().config.list_physical_devices("GPU") else ()))


tensorflow = Backend(
    name="tensorflow",
    title="tf.GradientTape, operation by operation",
    load=TensorflowDifferentiator,
    devices=devices,
    requires="tensorflow",
    extra="tensorflow",
    dtypes=DTYPES,
)
