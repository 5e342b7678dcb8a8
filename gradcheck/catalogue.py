"""Finding things: every public module-level Problem, Backend, rule or Section of a package.

Nothing registers itself. A new file in a package is enough, and a third party's package is found by its
entry point exactly as the built-in ones are.
"""

from __future__ import annotations

import ast
import importlib.util
import pkgutil
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from importlib import import_module
from importlib.metadata import entry_points
from pathlib import Path
from types import ModuleType
from typing import TypeVar

import cloudpickle

from gradcheck.errors import BadExpression, BadPlugin, BadSuite, DuplicateName, UnknownName
from gradcheck.problems import Problem

T = TypeVar("T")


def collect(package: ModuleType, kind: type[T], *, what: str = "") -> dict[str, T]:
    """Every public module-level value of a type in a package and its direct submodules, by its name.

    Parameters
    ----------
    package
        A package, or a single module.
    kind
        The type looked for; its instances have a ``name``.
    what
        What to call one of them in an error; the type's name in lower case when not given.

    Raises
    ------
    DuplicateName
        When two different values have one name; both places are named.
    """
    found: dict[str, T] = {}
    homes: dict[str, str] = {}
    for module in _modules(package):
        for attribute, value in vars(module).items():
            if attribute.startswith("_") or not isinstance(value, kind):
                continue
            name = str(value.name)  # type: ignore[attr-defined]
            if name in found and found[name] is not value:
                raise DuplicateName(what or kind.__name__.lower(), name, homes[name], module.__name__)
            found[name] = value
            homes.setdefault(name, module.__name__)
    return found


def _modules(package: ModuleType) -> Iterator[ModuleType]:
    yield package
    for info in pkgutil.iter_modules(getattr(package, "__path__", ())):
        yield import_module(f"{package.__name__}.{info.name}")


def packages(group: str) -> dict[str, ModuleType]:
    """The packages that entry points of a group name.

    Raises
    ------
    BadPlugin
        When one of them cannot be imported.
    """
    loaded = {}
    for entry in entry_points(group=group):
        try:
            loaded[entry.name] = entry.load()
        except Exception as error:
            raise BadPlugin(group, entry.name, error) from error
    return loaded


@dataclass(frozen=True, kw_only=True)
class Suite:
    """A topic: its problems by name.

    ``on_request`` says why it takes part only where it is named; a module says so with ``ON_REQUEST``.
    """

    name: str
    title: str
    problems: Mapping[str, Problem]
    source: str
    on_request: str = ""

    def select(self, expression: str) -> Suite:
        """The suite with the problems whose name, or whose suite's name, matches an expression."""
        matches = compile_selection(expression)
        kept = {name: problem for name, problem in self.problems.items() if matches(f"{self.name}/{name}")}
        return replace(self, problems=kept)


def installed_suites() -> dict[str, Suite]:
    """The suites of every package that a ``gradcheck.suites`` entry point names, one per module."""
    suites: dict[str, Suite] = {}
    for package in packages("gradcheck.suites").values():
        for module in _modules(package):
            problems = _own_problems(module)
            if not problems:
                continue
            name = module.__name__.rpartition(".")[2]
            if name in suites:
                raise DuplicateName("suite", name, suites[name].source, module.__name__)
            suites[name] = Suite(
                name=name,
                title=_title(module),
                problems=problems,
                source=module.__name__,
                on_request=getattr(module, "ON_REQUEST", ""),
            )
    return suites


def find_suites(names: tuple[str, ...] = ()) -> list[Suite]:
    """Suites by name or by path; without names all installed ones but those on request.

    Raises
    ------
    UnknownName
        When a name is no installed suite and no file.
    BadSuite
        When a file cannot be used.
    DuplicateName
        When two of the suites have one name.
    """
    chosen: dict[str, Suite] = {}
    installed = installed_suites() if not names or any(not _is_path(name) for name in names) else {}
    for name in names or [suite.name for suite in installed.values() if not suite.on_request]:
        suite = load_suite(Path(name)) if _is_path(name) else installed.get(name)
        if suite is None:
            raise UnknownName("suite", name, installed)
        if suite.name in chosen and chosen[suite.name].source != suite.source:
            raise DuplicateName("suite", suite.name, chosen[suite.name].source, suite.source)
        chosen[suite.name] = suite
    return list(chosen.values())


def _is_path(name: str) -> bool:
    return name.endswith(".py") or "/" in name or "\\" in name


def load_suite(path: Path) -> Suite:
    """Import a suite from a file.

    Raises
    ------
    BadSuite
        When the file is missing, does not parse, fails to import, or holds no problem.
    """
    try:
        source = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise BadSuite(str(path), f"cannot be read ({reason})", "name a Python file with problems") from error
    try:
        tree = ast.parse(source, filename=str(path))
    except SyntaxError as error:
        raise BadSuite(
            str(path), f"line {error.lineno}: {error.msg}", "mend the syntax and run again"
        ) from error
    _refuse_redefinition(path, tree)
    name = f"gradcheck_user_suite_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    cloudpickle.register_pickle_by_value(module)  # a worker process cannot import it by name
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        del sys.modules[name]
        fault = f"fails to import ({type(error).__name__}: {error})"
        raise BadSuite(str(path), fault, "run the file with python to see where") from error
    problems = _own_problems(module)
    if not problems:
        raise BadSuite(
            str(path), "holds no problem", "decorate a function f(xp, x) with @gradcheck.problem(x=1.0)"
        )
    return Suite(name=path.stem, title=_title(module), problems=problems, source=str(path))


def _refuse_redefinition(path: Path, tree: ast.Module) -> None:
    """A second decorated function of one name would silently replace the first."""
    lines: dict[str, int] = {}
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and node.decorator_list:
            if node.name in lines:
                places = f"{path} line {lines[node.name]}", f"line {node.lineno}"
                raise DuplicateName("problem", node.name, *places)
            lines[node.name] = node.lineno


def _own_problems(module: ModuleType) -> dict[str, Problem]:
    """Problems of one module; duplicate names within it are refused."""
    found: dict[str, Problem] = {}
    places: dict[str, str] = {}
    for attribute, value in vars(module).items():
        if attribute.startswith("_") or not isinstance(value, Problem):
            continue
        if value.name in found and found[value.name] is not value:
            home = module.__name__.removeprefix("gradcheck_user_suite_")
            raise DuplicateName("problem", value.name, f"{home}.{places[value.name]}", f"{home}.{attribute}")
        found[value.name] = value
        places[value.name] = attribute
    return found


def _title(module: ModuleType) -> str:
    return (module.__doc__ or module.__name__).strip().split("\n")[0].rstrip(".")


class _Selection(ast.NodeVisitor):
    """Evaluate a parsed selection on one ``suite/problem`` path."""

    def __init__(self, path: str) -> None:
        self._path = path

    def visit_Expression(self, node: ast.Expression) -> bool:
        return bool(self.visit(node.body))

    def visit_BoolOp(self, node: ast.BoolOp) -> bool:
        combine = all if isinstance(node.op, ast.And) else any
        return combine(self.visit(value) for value in node.values)

    def visit_UnaryOp(self, node: ast.UnaryOp) -> bool:
        return not self.visit(node.operand)

    def visit_Name(self, node: ast.Name) -> bool:
        return node.id in self._path


_ALLOWED = (ast.Expression, ast.BoolOp, ast.And, ast.Or, ast.UnaryOp, ast.Not, ast.Name, ast.Load)


class compile_selection:  # noqa: N801 - called like a function
    """A predicate on ``suite/problem`` paths from names joined by ``and``, ``or``, ``not``.

    A name matches every path that contains it, as in ``pytest -k``.

    Raises
    ------
    BadExpression
        When the text does not parse or holds anything else.
    """

    def __init__(self, expression: str) -> None:
        try:
            self._tree = ast.parse(expression.strip(), mode="eval")
        except (SyntaxError, ValueError) as error:
            raise BadExpression(expression) from error
        if not all(isinstance(node, _ALLOWED) for node in ast.walk(self._tree)):
            raise BadExpression(expression)

    def __call__(self, path: str) -> bool:
        """Whether the path matches."""
        return bool(_Selection(path).visit(self._tree))
