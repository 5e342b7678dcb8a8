"""Operations made of others that NumPy does in one pass."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np

from gradcheck.engine.core import Primitive, reshape
from gradcheck.engine.plan.program import Op, Program, become, made
from gradcheck.engine.rules.linear_algebra import matmul_matrices
from gradcheck.engine.rules.manipulation import permute_dims

product: Primitive = Primitive(name="product", forward=np.dot, arity=2)
row_products: Primitive = Primitive(name="row_products", forward=np.vecdot, arity=2)
inner: Primitive = Primitive(name="inner", forward=np.vdot, arity=2)


def fused(program: Program) -> Program:
    """The same program with sums as products where they are, and stacks of matrices as matrices."""
    uses = program.uses()
    for op in program.ops:
        if op.dtype is None or op.dtype.char not in "fd" or not op.size:
            continue
        if op.name == "sum":
            _sum(op, uses)
        elif op.name == "matmul" and all(x.dtype == op.dtype for x in op.inputs):
            _matmul(op)
    return Program(program.inputs, program.outputs, program.checked)


def _sum(op: Op, uses: Counter[int]) -> None:
    """A sum as a product, where it is one."""
    (x,) = op.inputs
    if not op.shape and x.name in ("multiply", "square") and uses[id(x)] == 1:
        factors = x.inputs if x.name == "multiply" else x.inputs * 2
        if all(factor.like(x) for factor in factors):
            become(op, inner, factors, {})
    elif x.name == "square" and uses[id(x)] == 1 and op.params["axis"] == len(x.shape) - 1:
        become(op, row_products, x.inputs * 2, {})
    elif len(x.shape) > 2 and op.params["axis"] == len(x.shape) - 2 and x.name != "matmul":
        become(op, matmul_matrices, (_ones(x.shape[-2], x.dtype), x), {})  # NumPy sums such an axis slowly
    elif op.params["axis"] != 0:
        return
    elif len(x.shape) == 2:
        become(op, product, (_ones(x.shape[0], x.dtype), x), {})
    elif x.name == "matmul" and len(x.shape) == 3 and uses[id(x)] == 1:
        a, b = x.inputs
        if a.name == "permute_dims" and tuple(a.params["axes"]) == (0, 2, 1) and len(b.shape) == 3:
            left = transposed(flat(a.inputs[0], op.born - 0.3), op.born - 0.2)
            become(op, product, (left, flat(b, op.born - 0.3)), {})


def _ones(count: int, dtype: Any) -> Op:
    ones = np.ones(count, dtype)
    return Op(None, (), {}, ones.shape, ones.dtype, ones, risk=0)


def _matmul(op: Op) -> None:
    """A product of matrices, of which a stack times one matrix is one."""
    a, b = op.inputs
    if len(a.shape) == len(b.shape) == 2:
        op.primitive = product
    elif len(b.shape) == 2 and a.name != "permute_dims":
        rows = flat(a, op.born - 0.3)
        answer = made(product, (rows, b), (rows.shape[0], b.shape[1]), op.born - 0.1, {})
        become(op, reshape, (answer,), {"shape": op.shape})


def flat(op: Op, born: float) -> Op:
    """A stack of matrices as one, their rows below one another."""
    shape = (op.size // op.shape[-1], op.shape[-1])
    return made(reshape, (op,), shape, born, {"shape": shape})


def transposed(op: Op, born: float) -> Op:
    """A matrix with its axes swapped."""
    return made(permute_dims, (op,), op.shape[::-1], born, {"axes": (1, 0)})
