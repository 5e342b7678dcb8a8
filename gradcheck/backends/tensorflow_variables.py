"""TensorFlow as its layers use it: the inputs are variables, which a GradientTape watches by itself."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from gradcheck.backends.base import Backend, Blocks, Call
from gradcheck.backends.tensorflow import DTYPES, TensorflowDifferentiator, devices
from gradcheck.problems import Bound


class VariablesDifferentiator(TensorflowDifferentiator):
    """Reads the variables inside the tape; inputs not differentiated by are read once and stay constants."""

    watched = False

    def array(self, x: np.ndarray) -> Any:
        with self._tf.device(self._place):
            return self._tf.Variable(np.array(x))

    def prepare(self, operator: str, f: Bound, xs: Blocks, *extra: Any) -> Call:
        if isinstance(f, Bound):
            f = replace(f, inputs={name: self._tf.convert_to_tensor(x) for name, x in f.inputs.items()})
        return super().prepare(operator, f, xs, *extra)

    def value(self, f: Bound, xs: Blocks) -> Any:
        return f(*(x.value() for x in xs))


tensorflow_variables = Backend(
    name="tensorflow-variables",
    title="tf.GradientTape on variables, operation by operation",
    load=VariablesDifferentiator,
    devices=devices,
    requires="tensorflow",
    extra="tensorflow",
    dtypes=DTYPES,
)
