"""Spoils one function while its module is imported, in the processes that ``gradcheck audit`` starts.

The function is wrapped where it is defined, in the syntax tree, so that everything that holds on to it, a
decorator, a registration or a class, holds the spoilt one.
"""

from __future__ import annotations

import ast
import json
import os
import sys
from collections.abc import Callable, Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, SourceFileLoader
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any, TypedDict

VARIABLE = "GRADCHECK_AUDIT"
WORDS = ("started", "imported", "defined", "called")  # what must have happened before a test can notice
_SPOIL = "__gradcheck_spoil__"


class Task(TypedDict):
    """What the environment asks for; the place is a module or the absolute path of a file."""

    place: str
    function: str
    saboteur: str
    record: str


def install() -> None:
    """Spoil what the environment names, when it comes to be imported."""
    task: Task = json.loads(os.environ[VARIABLE])
    record = Record(Path(task["record"]))
    record("started")

    def spoil(function: Any) -> Any:
        from gradcheck.audit_watch import watched

        return watched(function, task["saboteur"], record)

    sys.meta_path.insert(0, Finder(task["place"], task["function"], spoil, record))


class Record:
    """What has happened, a word a line, in a file that several processes may add to."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._said: set[str] = set()

    def __call__(self, word: str) -> None:
        if word not in self._said:
            self._said.add(word)
            with self._path.open("a", encoding="utf-8") as file:
                file.write(f"{word}\n")


class Finder(MetaPathFinder):
    """Finds one module as everybody else does, and has it loaded with one function wrapped."""

    def __init__(
        self, place: str, function: str, spoil: Callable[[Any], Any], record: Callable[[str], None]
    ) -> None:
        self._place = place
        self._function = function
        self._spoil = spoil
        self._record = record

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if not self._may_be(fullname):
            return None
        others = (finder for finder in sys.meta_path if finder is not self)
        for spec in (finder.find_spec(fullname, path, target) for finder in others):
            if spec is not None and isinstance(spec.loader, SourceFileLoader) and self._is(fullname, spec):
                self._record("imported")
                origin = str(spec.origin)
                spec.loader = Loader(fullname, origin, self._function, self._spoil, self._record)
                return spec
        return None

    def _may_be(self, fullname: str) -> bool:
        file = Path(self._place)
        return fullname == self._place or fullname.rpartition(".")[2] in (file.stem, file.parent.name)

    def _is(self, fullname: str, spec: ModuleSpec) -> bool:
        return fullname == self._place or Path(str(spec.origin)).resolve() == Path(self._place)


class Loader(SourceFileLoader):
    """Loads a module from its source, never from bytecode, and writes none."""

    def __init__(
        self,
        fullname: str,
        path: str,
        function: str,
        spoil: Callable[[Any], Any],
        record: Callable[[str], None],
    ) -> None:
        super().__init__(fullname, path)
        self._function = function
        self._spoil = spoil
        self._record = record

    def get_code(self, fullname: str) -> CodeType:
        path = self.get_filename(fullname)
        wrapping = Wrapping(self._function.split("."))
        tree = ast.fix_missing_locations(wrapping.visit(ast.parse(self.get_data(path), path)))
        if wrapping.found:
            self._record("defined")
        code: CodeType = compile(tree, path, "exec", dont_inherit=True)
        return code

    def exec_module(self, module: ModuleType) -> None:
        vars(module)[_SPOIL] = self._spoil
        super().exec_module(module)


class Wrapping(ast.NodeTransformer):
    """Wrap the definitions of one function: in its decorators, or where a value is assigned to its name."""

    def __init__(self, names: Sequence[str]) -> None:
        self._names = names
        self._depth = 0
        self.found = False

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.AST:
        if self._depth < len(self._names) - 1 and node.name == self._names[self._depth]:
            self._depth += 1
            self.generic_visit(node)
            self._depth -= 1
        return node

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        if self._is_meant(node.name):
            node.decorator_list.append(ast.Name(_SPOIL, ast.Load()))
        return node

    def visit_Assign(self, node: ast.Assign) -> ast.AST:
        if any(isinstance(target, ast.Name) and self._is_meant(target.id) for target in node.targets):
            node.value = ast.Call(ast.Name(_SPOIL, ast.Load()), [node.value], [])
        return node

    def _is_meant(self, name: str) -> bool:
        meant = self._depth == len(self._names) - 1 and name == self._names[-1]
        self.found = self.found or meant
        return meant
