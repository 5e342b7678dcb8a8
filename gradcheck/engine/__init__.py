"""The project's own differentiation engine on NumPy: reverse and forward mode, any order."""

from gradcheck.engine.graph import Graph as Graph
from gradcheck.engine.graph import trace as trace
from gradcheck.engine.namespace import xp as xp
from gradcheck.engine.plan.compiled import compile as compile  # noqa: A004 - the public name
from gradcheck.engine.transforms import grad as grad
from gradcheck.engine.transforms import hessian as hessian
from gradcheck.engine.transforms import hvp as hvp
from gradcheck.engine.transforms import jacobian as jacobian
from gradcheck.engine.transforms import jvp as jvp
from gradcheck.engine.transforms import value_and_grad as value_and_grad
from gradcheck.engine.transforms import vjp as vjp
