"""TensorFlow as it is meant: every operator one graph, traced by ``tf.function`` before the first call."""

from __future__ import annotations

from copy import copy
from math import inf
from typing import Any

from gradcheck.backends.base import Backend, Blocks, Call
from gradcheck.backends.tensorflow import DTYPES, TensorflowDifferentiator, devices
from gradcheck.problems import Bound


class FunctionDifferentiator(TensorflowDifferentiator):
    """The tape inside a graph for the shapes at hand, which is never traced again."""

    vectorised_from: float = 0

    def prepare(self, operator: str, f: Bound, xs: Blocks, *extra: Any) -> Call:
        try:
            return self._graph(operator, f, xs, *extra)
        except self._tf.errors.OperatorNotAllowedInGraphError:  # f branches or loops on a number
            by_rows = copy(self)
            by_rows.vectorised_from = inf  # TensorFlow cannot vectorise the second derivative of a branch
            return by_rows._graph(operator, f, xs, *extra, autograph=True)

    def _graph(self, operator: str, f: Bound, xs: Blocks, *extra: Any, autograph: bool = False) -> Call:
        call = super().prepare(operator, f, xs, *extra)
        tf = self._tf
        given = tf.nest.map_structure(lambda x: tf.TensorSpec(x.shape, x.dtype), (list(xs), *extra))
        graph: Call = tf.function(call, autograph=autograph).get_concrete_function(*given)
        return graph


tensorflow_function = Backend(
    name="tensorflow-function",
    title="tf.GradientTape in a graph, by tf.function",
    load=FunctionDifferentiator,
    devices=devices,
    requires="tensorflow",
    extra="tensorflow",
    dtypes=DTYPES,
)
