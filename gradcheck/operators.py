"""What is asked of a backend, and the one flat form in which every answer is compared.

Conventions: numerator layout, output shape first; several inputs are concatenated in order; flattening
is by rows. With ``k`` output entries and ``n`` input entries (all ``wrt`` inputs together) the answers are

========  ============  =============================================
value     ``(k,)``      f(x)
gradient  ``(n,)``      of a scalar function
jacobian  ``(k, n)``    of an array-valued function
hessian   ``(n, n)``    of a scalar function
jvp       ``(k,)``      J v for a seeded tangent v
vjp       ``(n,)``      w J for a seeded cotangent w
hvp       ``(n,)``      H v for a seeded tangent v
========  ============  =============================================
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

OPERATORS = ("value", "gradient", "jacobian", "hessian", "jvp", "vjp", "hvp")
DTYPES = ("float64", "float32", "float16", "bfloat16")

_OF_SCALAR = ("value", "gradient", "hessian", "jvp", "vjp", "hvp")
_OF_ARRAY = ("value", "jacobian", "jvp", "vjp")


def applicable(output_shape: tuple[int, ...]) -> tuple[str, ...]:
    """The operators that make sense for an output of this shape."""
    return _OF_SCALAR if output_shape == () else _OF_ARRAY


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """Shapes behind the flat form, to name an entry of an answer by its path.

    Attributes
    ----------
    names, inputs
        Names and shapes of the ``wrt`` inputs.
    output
        Shape of the function's output.
    """

    names: tuple[str, ...]
    inputs: tuple[tuple[int, ...], ...]
    output: tuple[int, ...]

    @property
    def n(self) -> int:
        """Number of input entries."""
        return sum(prod(shape) for shape in self.inputs)

    @property
    def k(self) -> int:
        """Number of output entries."""
        return prod(self.output)

    def shape(self, operator: str) -> tuple[int, ...]:
        """Shape of the flat answer."""
        n, k = self.n, self.k
        return {
            "value": (k,),
            "gradient": (n,),
            "jacobian": (k, n),
            "hessian": (n, n),
            "jvp": (k,),
            "vjp": (n,),
            "hvp": (n,),
        }[operator]

    def input_path(self, position: int) -> str:
        """Name of an input entry, for example ``W[2,1]``."""
        for name, shape in zip(self.names, self.inputs, strict=True):
            if position < prod(shape):
                return name + _index(position, shape)
            position -= prod(shape)
        raise IndexError(position)

    def path(self, operator: str, position: int) -> str:
        """Name of an entry of the flat answer, for example ``d y[1] / d W[2,1]``."""
        n = self.n
        if operator in ("value", "jvp"):
            return "f" + _index(position, self.output)
        if operator == "jacobian":
            return f"d f{_index(position // n, self.output)} / d {self.input_path(position % n)}"
        if operator == "hessian":
            return f"d2 f / d {self.input_path(position // n)} d {self.input_path(position % n)}"
        return self.input_path(position)


def _index(position: int, shape: tuple[int, ...]) -> str:
    if not shape:
        return ""
    index = []
    for size in reversed(shape):
        position, at = divmod(position, size)
        index.append(str(at))
    return "[" + ",".join(reversed(index)) + "]"
