"""Programs as Python source: numbers as plain expressions, arrays as NumPy calls into reused buffers."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from gradcheck.engine.core import Primitive
from gradcheck.engine.plan.blocks import BLOCK, Region, last_uses, scheduled
from gradcheck.engine.plan.buffers import Arena
from gradcheck.engine.plan.machine import can_loop, compiled, loop
from gradcheck.engine.plan.memory import LASTING, Temporaries, hosts, is_contiguous, is_view, writes
from gradcheck.engine.plan.program import Op, Program, frozen

_OPERATORS = re.compile(r"[-+*/ abc0-9.]*")  # such a scalar expression is right for NumPy scalars too
# Views by functions that never copy.
_LOOKS: dict[str, Callable[..., Any]] = {
    "broadcast_to": np.broadcast_to,
    "getitem": lambda x, key: _at(x, key),
    "reshape": np.reshape,
}
_REUSABLE = frozenset("biufc")  # kinds of dtypes that buffers hold
LONG = 256  # operations from which names of numbers are used again, so that their floats stay in the cache
_EXTREMES = {"max": np.maximum, "min": np.minimum}


class Writer:
    """Writes the body of a function that computes a program.

    ``lines`` are its statements; ``names`` is what they refer to.
    """

    def __init__(self, program: Program, inputs: Sequence[str], *, numba: bool = False) -> None:
        self.program = program
        self.lines: list[str] = []
        self.kernels: list[str] = []  # functions for numba
        self._numba = numba
        self.names: dict[str, Any] = {name: value for name, value in vars(math).items() if name[0] != "_"}
        self.arena = Arena()
        self._text: dict[int, str] = dict(zip(map(id, program.inputs), inputs, strict=True))
        self._buffer: dict[int, int] = {}  # op to the buffer that holds it, views included
        self._base: dict[int, Op] = {}  # view to what it is a view of
        schedule = scheduled(program)
        self._ops = [op for item in schedule for op in (item.ops if isinstance(item, Region) else [item])]
        self._homes = self._wanted()
        self._contiguous: set[int] = set()  # results that a region may write as one line of entries
        self._placed: set[int] = set()  # parts that do lie there
        self._uses = self._last_uses()
        self._hosts = hosts(program, self._uses)
        self._fresh = {id(self._root(op)) for op in program.outputs} | set(map(id, program.outputs))
        self._fresh |= set(self._hosts.values())
        self._known: dict[Any, str] = {}
        self._spare: list[str] = []  # names of numbers that are no longer needed
        for item in schedule:
            if isinstance(item, Region):
                self._region(item)
            else:
                self._write(item)
                self._release(item)

    def body(self, spelled: Callable[[Sequence[str]], str]) -> list[str]:
        """All statements, the return of the results included; ``spelled`` puts them into their containers."""
        results = self._results()
        lines = list(self.lines)
        checked = self.program.checked and not self.program.scalar
        names = [f"r{at}" if "(" in text or checked else text for at, text in enumerate(results)]
        lines += [f"{name} = {text}" for name, text in zip(names, results, strict=True) if name != text]
        if self.arena.views:
            self.names |= {"pool": [], "make": self.arena.make}
            views = ", ".join(f"b{at}" for at in range(len(self.arena.views)))
            pop = ["try:", "    arena = pool.pop()", "except IndexError:", "    arena = make()"]
            lines = [*pop, f"({views},) = arena", *lines, "pool.append(arena)"]
        if checked:
            floats = [op.dtype is not None and op.dtype.kind in "fc" for op in self.program.outputs]
            checks = [f"is_finite({name})" for name, is_float in zip(names, floats, strict=True) if is_float]
            return [*lines, f"if {' and '.join(checks) or True}:", f"    return {spelled(names)}"]
        return [*lines, f"return {spelled(names)}"]

    def text(self, op: Op) -> str:
        """How a value is referred to."""
        known = self._text.get(id(op))
        if known is None:
            number = op.number
            known = repr(number) if number is not None else self.name("k", op.constant)
            self._text[id(op)] = known
        return known

    def name(self, prefix: str, value: Any) -> str:
        """A name for a value that the statements refer to."""
        key = (prefix, id(value))
        if key not in self._known:
            self._known[key] = f"{prefix}{len(self._known)}"
            self.names[self._known[key]] = value
        return self._known[key]

    def _results(self) -> list[str]:
        """The outputs: arrays that belong to the caller and to nobody else."""
        given: set[int] = set()
        texts = []
        for op in self.program.outputs:
            root = self._root(op)
            shared = root.primitive is None or id(root) in self._buffer or id(root) in given
            given.add(id(root))
            text = self.text(op)
            copied = f"{self.call(np.array)}({text})" if op.shape else f"{text}[()]"
            is_array = op.dtype is not None and op.dtype.kind in _REUSABLE
            texts.append(copied if shared and is_array else text)
        return texts

    def call(self, function: Any, params: Mapping[str, Any] | None = None) -> str:
        """A name to call a function by, its parameters bound."""
        if params:
            return self.name("f", partial(function, **params))
        name = getattr(function, "__name__", "")
        for known in (name, f"np_{name}"):
            if known.isidentifier() and self.names.setdefault(known, function) is function:
                return known
        return self.name("f", function)

    def _write(self, op: Op) -> None:
        primitive = op.primitive
        assert primitive is not None
        name = f"v{len(self._text)}"
        operands = self._operands(op)
        if op.name == "assemble":
            self._assemble(op)
            return
        if op.dtype is None:
            expression = self._number(primitive, operands, op.params)
            name = self._spare.pop() if self._spare else name
        elif (
            not op.shape
            and primitive.scalar
            and _OPERATORS.fullmatch(primitive.scalar)
            and not any(x.shape for x in op.inputs)
        ):
            expression = _filled(primitive.scalar, operands)
        elif is_view(op):
            self._view(op, name)
            return
        elif id(op) in self._hosts:
            host = self.text(next(x for x in op.inputs if id(x) == self._hosts[id(op)]))
            self._text[id(op)] = host
            self.lines.append(f"{self.call(primitive.forward)}({', '.join(operands)}, out={host})")
            return
        elif op.shape and id(op) not in self._fresh and op.dtype.kind in _REUSABLE:
            if self._into_buffer(op, operands):
                return
            expression = self._array(op, operands)
        else:
            expression = self._array(op, operands)
        self._text[id(op)] = name
        self.lines.append(f"{name} = {expression}")

    def _operands(self, op: Op) -> list[str]:
        """How operands are referred to; numbers alone, or with masks, would make float64."""
        texts = [self.text(x) for x in op.inputs]
        loose = all(x.dtype is None or x.dtype.kind == "b" for x in op.inputs)
        if op.dtype is None or op.dtype.kind not in "fc" or not loose:
            return texts
        exact = self.call(op.dtype.type)
        return [f"{exact}({t})" if x.dtype is None else t for x, t in zip(op.inputs, texts, strict=True)]

    def _number(self, primitive: Primitive, operands: Sequence[str], params: Mapping[str, Any]) -> str:
        if primitive.scalar:
            return _filled(primitive.scalar, operands)
        return f"{self.call(primitive, params)}({', '.join(operands)})"

    def _array(self, op: Op, operands: Sequence[str]) -> str:
        assert op.primitive is not None
        if op.name == "sum":
            return self._sum(op, operands[0])
        if op.name == "getitem":
            entry = f"{operands[0]}[{self.name('k', op.params['key'])}]"
            return entry if op.shape else f"{entry}[()]"  # a copy, whatever the index
        if op.name == "broadcast_to" and op.inputs[0].dtype is None:
            if op.inputs[0].number is not None:
                return self.name("k", np.broadcast_to(np.asarray(op.inputs[0].number, op.dtype), op.shape))
            return f"{self.call(np.full)}({op.shape}, {operands[0]}, {self.name('d', op.dtype)})"
        return f"{self.call(op.primitive.forward, op.params)}({', '.join(operands)})"

    def _wanted(self) -> dict[int, tuple[Op, Any]]:
        """Values that can be written where an assembled array wants them: the array, and where."""
        outputs = set(map(id, self.program.outputs))
        homes: dict[int, tuple[Op, Any]] = {}
        for op in self._ops:
            if op.name != "assemble" or id(op) in outputs:
                continue
            for part, key in zip(op.inputs, op.params["keys"], strict=True):
                taken = id(part) in homes or id(part) in outputs
                if not taken and writes(part) and part.shape and part.dtype == op.dtype:
                    homes[id(part)] = (op, key)
        return homes

    def _root(self, op: Op) -> Op:
        """Where the memory of a value belongs to: what it is a view of, or the array it is a part of."""
        while True:
            if is_view(op):
                op = op.inputs[0]
            elif id(op) in self._homes:
                op = self._homes[id(op)][0]
            else:
                return op

    def _last_uses(self) -> dict[int, int]:
        """The operation after which the memory of a value is free."""
        last: dict[int, int] = {}
        for op in self._ops:
            for x in op.inputs:
                last[id(self._root(x))] = id(op)
            last.setdefault(id(self._root(op)), id(op))
        return last | {id(self._root(op)): 0 for op in self.program.outputs}

    def _sum(self, op: Op, operand: str, out: str = "None") -> str:
        self.names["add_reduce"] = np.add.reduce
        axis = op.params.get("axis")
        if op.params.get("keepdims"):
            return f"add_reduce({operand}, {axis}, None, {out}, True)"
        return (
            f"add_reduce({operand}, {axis}, None, {out})"
            if out != "None"
            else f"add_reduce({operand}, {axis})"
        )

    def _into_buffer(self, op: Op, operands: Sequence[str]) -> bool:
        """Write the operation so that its result goes into a buffer, where NumPy offers that."""
        assert op.primitive is not None
        assert op.dtype is not None
        forward = op.primitive.forward
        inner = op.name in ("matmul", "product")
        if not (inner or op.name in ("where", "sum") or isinstance(forward, np.ufunc)):
            return False
        if id(op) in self._homes:
            self._part(op)
            forward = np.matmul if op.name == "product" else forward  # np.dot wants an array in one piece
        else:
            buffer = self._dying(op) if isinstance(forward, np.ufunc) and not inner else None
            self._put(op, self.arena.take(op.size * op.dtype.itemsize) if buffer is None else buffer)
        out = self.text(op)
        if op.name == "where":
            copy = self.call(np.copyto)
            self.lines.append(f"{copy}({out}, {operands[2]})")
            self.lines.append(f"{copy}({out}, {operands[1]}, where={operands[0]})")
        elif op.name == "sum":
            self.lines.append(self._sum(op, operands[0], out))
        else:
            keyword = "out=" if forward in (np.maximum, np.minimum) else ""
            self.lines.append(f"{self.call(forward)}({', '.join([*operands, keyword + out])})")
        return True

    def _put(self, op: Op, buffer: int) -> None:
        assert op.dtype is not None
        self._buffer[id(op)] = buffer
        self._text[id(op)] = f"b{self.arena.array(buffer, op.shape, op.dtype)}"

    def _part(self, op: Op) -> None:
        """Let a value lie where the array of which it is a part wants it."""
        home, key = self._homes[id(op)]
        self._reserve(home)
        look = partial(_at, key=key)
        self._buffer[id(op)] = self._buffer[id(home)]
        self._placed.add(id(op))
        number = self.arena.derived(int(self.text(home)[1:]), ("part", id(op)), look)
        self._text[id(op)] = f"b{number}"

    def _reserve(self, op: Op) -> None:
        """Give an assembled array its buffer, before the first of its parts is written."""
        if id(op) in self._buffer:
            return
        if id(op) in self._homes:
            self._part(op)
        else:
            assert op.dtype is not None
            self._put(op, self.arena.take(op.size * op.dtype.itemsize))
        if not op.params["full"]:
            self.lines.append(f"{self.text(op)}.fill(0)")

    def _assemble(self, op: Op) -> None:
        """Copy those parts that do not lie in place already."""
        self._reserve(op)
        for part, key in zip(op.inputs, op.params["keys"], strict=True):
            home = self._homes.get(id(part))
            lies_here = home is not None and home[0] is op and home[1] is key and id(part) in self._placed
            if not lies_here:
                number = self.arena.derived(
                    int(self.text(op)[1:]), ("key", frozen(key)), partial(_at, key=key)
                )
                self.lines.append(f"{self.call(np.copyto)}(b{number}, {self.text(part)})")

    def _dying(self, op: Op) -> int | None:
        """The buffer of an operand of the same shape and dtype that is needed for the last time here."""
        for x in op.inputs:
            buffer = self._buffer.get(id(x))
            if buffer is None or not x.like(op) or self._base.get(id(x)) is not None:
                continue
            if self._uses[id(self._root(x))] == id(op):
                self._uses[id(self._root(x))] = 0
                return buffer
        return None

    def _release(self, op: Op) -> None:
        for x in {id(self._root(x)): self._root(x) for x in op.inputs}.values():
            if self._uses.get(id(x)) != id(op):
                continue
            if id(x) in self._buffer:
                self.arena.give(self._buffer[id(x)])
            elif x.dtype is None and x.primitive is not None and len(self.program.ops) > LONG:
                self._spare.append(self.text(x))

    def _region(self, region: Region) -> None:
        """Write a loop over blocks: temporaries of a block's size, whole arrays for what is needed later."""
        inside = {id(op) for op in region.ops}
        needed = {id(x) for op in self.program.ops if id(op) not in inside for x in op.inputs}
        needed |= set(map(id, self.program.outputs))
        pointwise = [op for op in region.ops if op.shape]
        kept = [op for op in pointwise if id(op) in needed]
        streams = {id(x): x for op in region.ops for x in op.inputs if x.shape and id(x) not in inside}
        if self._numba and can_loop(region):
            self._loop(region, list(streams.values()), kept)
            self._release_all(region)
            return
        body: list[str] = []
        local: dict[int, str] = {}
        for x in streams.values():
            local[id(x)] = f"i{len(self._text)}_{len(local)}"
            body.append(f"{local[id(x)]} = {self._flat(x)}[block]")
        for op in kept:
            self._whole(op)
            local[id(op)] = f"o{len(self._text)}_{len(local)}"
            body.append(f"{local[id(op)]} = {self._flat(op)}[block]")
        last = last_uses(region, kept)
        order = {id(op): at for at, op in enumerate(region.ops)}
        scratch = {
            local[id(op)]: (op.dtype, order[id(op)])
            for op in kept
            if self._hosts.get(id(op)) not in self._contiguous
        }
        temporaries = Temporaries(scratch)
        sums = []
        for op in region.ops:
            operands = [local.get(id(x)) or self.text(x) for x in op.inputs]
            if not op.shape:
                self._text[id(op)] = f"v{len(self._text)}"
                sums.append(op)
                body.append(f"{self.text(op)}.append({self._partial(op, operands)})")
            else:
                body += self._blockwise(op, operands, local, temporaries, last, order)
            for x in op.inputs:
                if last.get(id(x)) == id(op) and id(x) in inside and local.get(id(x)) != local.get(id(op)):
                    temporaries.give(local.get(id(x), ""))
        for op in sums:
            self.lines.append(f"{self.text(op)} = []")
        spans = self.arena.spans(int(np.prod(region.shape)), BLOCK, temporaries.dtypes)
        names = "".join(f", t{at}" for at in range(len(temporaries.dtypes)))
        self.lines += [f"for block{names} in b{spans}:", *("    " + line for line in body)]
        for op in sums:
            text = self.text(op)
            reduce = (
                "add_reduce" if op.name in ("sum", "inner") else f"{self.call(_EXTREMES[op.name])}.reduce"
            )
            self.names["add_reduce"] = np.add.reduce
            self.lines.append(f"{text} = {reduce}({text})")
        self._release_all(region)

    def _loop(self, region: Region, streams: Sequence[Op], kept: Sequence[Op]) -> None:
        """Write a call of a loop in machine code."""
        for op in kept:
            self._whole(op)
        arrays, results = ([(op, self._flat(op)) for op in ops] for ops in (streams, kept))
        outside = {id(x): x for op in region.ops for x in op.inputs if not x.shape and x.number is None}
        numbers = [(x, self.text(x)) for x in outside.values()]
        name = f"loop{len(self.kernels)}"
        source = loop(name, region, arrays, results, numbers, _filled, self.text)
        self.names[name] = compiled(source, name)
        self.kernels.append("\n".join(source))
        sums = [op for op in region.ops if not op.shape]
        for op in sums:
            self._text[id(op)] = f"v{len(self._text)}"
        given = ", ".join(known for _, known in (*arrays, *results, *numbers))
        answers = "".join(f"{self.text(op)}, " for op in sums)
        self.lines.append(f"{answers and answers + '= '}{name}({given})")
        for op in sums:
            assert op.dtype is not None
            self.lines.append(f"{self.text(op)} = {self.call(op.dtype.type)}({self.text(op)})")

    def _release_all(self, region: Region) -> None:
        for op in region.ops:
            for x in op.inputs:
                root = self._root(x)
                if self._uses.get(id(root)) == id(op) and id(root) in self._buffer:
                    self._uses[id(root)] = 0
                    self.arena.give(self._buffer[id(root)])

    def _whole(self, op: Op) -> None:
        """Give a value of a region an array of its own."""
        assert op.dtype is not None
        host = self._hosts.get(id(op))
        if host in self._contiguous:
            self._text[id(op)] = self._text[host]
            self._contiguous.add(id(op))
        elif id(op) in self._fresh:
            name = f"v{len(self._text)}"
            self.lines.append(f"{name} = {self.call(np.empty)}({op.shape}, {self.name('d', op.dtype)})")
            self._text[id(op)] = name
            self._contiguous.add(id(op))
        else:
            buffer = self.arena.take(op.size * op.dtype.itemsize)
            self._buffer[id(op)] = buffer
            self._text[id(op)] = f"b{self.arena.array(buffer, op.shape, op.dtype)}"

    def _flat(self, op: Op) -> str:
        text = self.text(op)
        if len(op.shape) == 1:
            return text
        flat = f"{text}_flat"
        if f"{flat} = {text}.reshape(-1)" not in self.lines:
            self.lines.append(f"{flat} = {text}.reshape(-1)")
        return flat

    def _partial(self, op: Op, operands: Sequence[str]) -> str:
        """The part of a reduction that a block contributes."""
        if op.name == "inner":
            return f"{operands[0]}.dot({operands[1]})"
        if op.name == "sum":
            self.names["add_reduce"] = np.add.reduce
            return f"add_reduce({operands[0]})"
        return f"{self.call(_EXTREMES[op.name])}.reduce({operands[0]})"

    def _blockwise(
        self,
        op: Op,
        operands: Sequence[str],
        local: dict[int, str],
        temporaries: Temporaries,
        last: Mapping[int, int],
        order: Mapping[int, int],
    ) -> list[str]:
        """A pointwise operation on a block."""
        assert op.primitive is not None
        assert op.dtype is not None
        forward = op.primitive.forward
        if not isinstance(forward, np.ufunc) and op.name != "where":
            out = local.get(id(op))
            if out is not None:
                return [f"{out}[...] = {self.call(forward)}({', '.join(operands)})"]
            local[id(op)] = f"u{len(self._text)}_{len(local)}"
            return [f"{local[id(op)]} = {self.call(forward)}({', '.join(operands)})"]
        out = local.get(id(op))
        if out is None:
            for x in op.inputs:
                free = local.get(id(x), "")
                if last.get(id(x)) == id(op) and x.dtype == op.dtype and op.name != "where":
                    temporaries.give(free)
            out = local[id(op)] = temporaries.take(op.dtype, order[last[id(op)]])
        if op.name == "where":
            copy = self.call(np.copyto)
            if out == operands[1]:
                return [f"{copy}({out}, {operands[2]}, where={self.call(np.logical_not)}({operands[0]}))"]
            return [f"{copy}({out}, {operands[2]})", f"{copy}({out}, {operands[1]}, where={operands[0]})"]
        return [f"{self.call(forward)}({', '.join([*operands, f'out={out}'])})"]

    def _view(self, op: Op, name: str) -> None:
        (base,) = op.inputs
        assert op.primitive is not None
        look = partial(_LOOKS.get(op.name, op.primitive.forward), **op.params)
        self._base[id(op)] = base
        lasting = is_contiguous(base) if op.name == "reshape" else op.name in LASTING
        if id(base) in self._buffer and lasting:
            number = self.arena.derived(int(self.text(base)[1:]), (op.name, id(op)), look)
            self._buffer[id(op)] = self._buffer[id(base)]
            self._text[id(op)] = f"b{number}"
            return
        self._text[id(op)] = name
        source = self.text(base)
        if op.name == "reshape":
            expression = f"{source}.reshape({op.shape})"
        elif op.name == "permute_dims":
            axes = tuple(op.params["axes"])
            backwards = axes == tuple(reversed(range(len(axes))))
            expression = f"{source}.T" if backwards else f"{source}.transpose({axes})"
        elif op.name == "getitem":
            expression = f"{source}[{self.name('k', op.params['key'])}]"
        else:
            expression = f"{self.name('f', look)}({source})"
        self.lines.append(f"{name} = {expression}")


def _filled(template: str, operands: Sequence[str]) -> str:
    return re.sub(r"\b[abc]\b", lambda found: operands["abc".index(found[0])], template)


def _at(x: Any, key: Any) -> Any:
    """A view, also of a single entry."""
    keys = key if isinstance(key, tuple) else (key,)
    return x[keys] if Ellipsis in keys else x[(*keys, ...)]
