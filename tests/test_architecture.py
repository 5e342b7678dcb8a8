"""What may know what, by reading the source; and what an import costs, by looking at ``sys.modules``."""

import ast
import inspect
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path
from typing import NamedTuple

import pytest

import gradcheck

ROOT = Path(__file__).parents[1]
SETUPTOOLS = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["setuptools"]
FOLDERS = {name: ROOT / folder for name, folder in SETUPTOOLS["package-dir"].items()}
FRAMEWORKS = {"torch", "jax", "tensorflow", "autograd", "casadi", "sympy"}
BOUND = {
    f"gradcheck.judge.frameworks.{name}" for name in ("torch", "jax")
}  # loaded where the framework is already
HEAVY = FRAMEWORKS | {"numpy", "scipy", "flint", "mpmath", "pandas", "jinja2"}

# Lowest first: a module imports from its own layer and from those above it in this table, and from no other.
# A package stands for its modules; the longest name that fits counts.
LAYERS = (
    "errors",
    "memory",
    "statistics",
    "scaling",
    "sums",
    "dtypes",
    "half",
    "folding",
    "draws",
    "targets",
    "operators",
    "devices",
    "namespaces",
    "running_error",
    "problems",
    "records",
    "summary",
    "notebook",
    "frames",
    "results",
    "costs",
    "catalogue",
    "engine.core",
    "engine.rules",
    "engine.derived",
    "engine.namespace",
    "engine.numpy_functions",
    "engine.numpy_protocol",
    "engine.array",
    "engine.trees",
    "engine.places",
    "engine.terms",
    "engine.structure_rules",
    "engine.structure",
    "engine.transforms",
    "engine.listing",
    "engine.drawing",
    "engine.graph",
    "engine.plan",
    "engine",
    "numeric",
    "balls",
    "derived_balls",
    "ranges",
    "high_precision",
    "truth",
    "backends.base",
    "casadi_namespace",
    "sympy_namespace",
    "tensorflow_namespace",
    "backends",
    "judge",
    "casting",
    "session",
    "yardstick",
    "workers",
    "plan",
    "extended",
    "keys",
    "subjects",
    "studies",
    "rows",
    "timing",
    "comparing",
    "conformance",
    "ledger",
    "environment",
    "execution",
    "saboteurs",
    "audit_watch",
    "audit_hook",
    "audit",
    "strategies",
    "",  # the public names
    "pytest_plugin",
    "reporters",
    "terminal",
    "cli",
    "__main__",
)


class Import(NamedTuple):
    """One imported thing: ``from a import b`` is ``a.b``, relative imports are resolved."""

    importer: str
    target: str
    where: str  # "module", "types" (under TYPE_CHECKING) or "function"
    place: str


def _source_files(package: str) -> Iterator[tuple[str, Path]]:
    for path in sorted(FOLDERS[package].rglob("*.py")):
        parts = path.relative_to(FOLDERS[package]).with_suffix("").parts
        yield ".".join([package, *(part for part in parts if part != "__init__")]), path


@cache
def _imports(package: str) -> list[Import]:
    return [found for name, path in _source_files(package) for found in _imports_of(name, path)]


def _imports_of(importer: str, path: Path) -> Iterator[Import]:
    home = importer.split(".") if path.name == "__init__.py" else importer.split(".")[:-1]

    def visit(node: ast.AST, where: str) -> Iterator[Import]:
        place = f"{path.relative_to(ROOT)}:{getattr(node, 'lineno', 0)}"
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Import(importer, alias.name, where, place)
        elif isinstance(node, ast.ImportFrom):
            base = home[: len(home) - node.level + 1] if node.level else []
            base = [*base, *([node.module] if node.module else [])]
            for alias in node.names:
                yield Import(importer, ".".join([*base, alias.name]), where, place)
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            where = "function"
        elif isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING"):
            for child in node.body:
                yield from visit(child, "types" if where == "module" else where)
            for child in node.orelse:
                yield from visit(child, where)
            return
        for child in ast.iter_child_nodes(node):
            yield from visit(child, where)

    return visit(ast.parse(path.read_text(encoding="utf-8")), "module")


def _packages_of(target: str) -> set[str]:
    """The distributions that importing a thing of a third party loads; array_api_compat.torch loads torch."""
    top, *rest = target.split(".")
    return {top, *(FRAMEWORKS.intersection(rest) if top == "array_api_compat" else ())}


MODULES = {name for name, _ in _source_files("gradcheck")}


def _module_of(target: str) -> str:
    """The module of gradcheck that a target is, or is a name in."""
    while target not in MODULES:
        target = target.rpartition(".")[0]
    return target


def _layer(module: str) -> int:
    name = module.partition(".")[2]
    fitting = [layer for layer in LAYERS if layer == name or (layer and name.startswith(f"{layer}."))]
    assert fitting, f"{module} is in no layer; add a row for it to LAYERS"
    return LAYERS.index(max(fitting, key=len))


def _inner_imports() -> list[Import]:
    found = [one for one in _imports("gradcheck") if one.target.partition(".")[0] == "gradcheck"]
    return [one._replace(target=_module_of(one.target)) for one in found]


def test_reader_of_imports_sees_every_kind_of_import(tmp_path, monkeypatch):
    monkeypatch.setattr(sys.modules[__name__], "ROOT", tmp_path)
    file = tmp_path / "b.py"
    file.write_text(
        "import one.two\n"
        "from . import c\n"
        "from ..d import e\n"
        "if TYPE_CHECKING:\n    from three import four\nelse:\n    import five\n"
        "class A:\n    import six\n"
        "def f():\n    import seven\n    if typing.TYPE_CHECKING:\n        import eight\n"
    )
    assert [(target, where) for _, target, where, _ in _imports_of("p.a.b", file)] == [
        ("one.two", "module"),
        ("p.a.c", "module"),
        ("p.d.e", "module"),
        ("three.four", "types"),
        ("five", "module"),
        ("six", "module"),
        ("seven", "function"),
        ("eight", "function"),
    ]


@pytest.mark.parametrize("outside", ["gradcheck_suites", "gradcheck_reports", "suites", "reports", "jinja2"])
def test_harness_never_imports(outside):
    assert [one for one in _imports("gradcheck") if outside in _packages_of(one.target)] == []


def test_harness_meets_pandas_only_in_functions_of_frames():
    users = [one for one in _imports("gradcheck") if "pandas" in _packages_of(one.target)]
    assert users, "nothing imports pandas: this test looks at the wrong tree"
    assert {one.importer for one in users if one.where != "types"} == {"gradcheck.frames"}
    assert [one for one in users if one.where == "module"] == []


@pytest.mark.parametrize("package", ["gradcheck_suites", "gradcheck_reports"])
def test_catalogue_and_reports_use_only_public_names(package):
    public = {f"gradcheck.{name}" for name in gradcheck.__all__}
    used = [one for one in _imports(package) if one.target.partition(".")[0] in {"gradcheck", *FOLDERS}]
    assert used
    assert [one for one in used if one.target not in public and one.target.partition(".")[0] != package] == []


@pytest.mark.parametrize("package", FOLDERS)
def test_frameworks_are_imported_only_in_functions(package):
    top_level = [one for one in _imports(package) if one.where != "function"]
    assert top_level
    bound = [one for one in top_level if one.importer not in BOUND]
    assert [one for one in bound if _packages_of(one.target) & FRAMEWORKS] == []
    assert [one for one in top_level if one.target.partition(":")[0] in BOUND] == []


def test_every_module_has_a_layer_and_every_layer_a_module():
    assert {_layer(module) for module in MODULES} == set(range(len(LAYERS)))


def test_lower_layers_do_not_know_higher_ones():
    found = _inner_imports()
    assert len(found) > 50
    upward = [one for one in found if _layer(one.target) > _layer(one.importer)]
    assert [f"{one.place}: {one.importer} imports {one.target}" for one in upward] == []


def test_imports_have_no_cycle():
    graph: dict[str, set[str]] = {}
    for one in _inner_imports():
        # a package imports its own modules to show their names; what they import of each other counts
        if one.importer != one.target and not one.target.startswith(f"{one.importer}."):
            graph.setdefault(one.importer, set()).add(one.target)
    assert list(TopologicalSorter(graph).static_order())


def _loaded_by(code: str, packages: set[str]) -> set[str]:
    """Which of some packages a fresh interpreter has loaded after running code."""
    script = f"{code}\nimport sys\nprint(*sorted({packages!r} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return set(done.stdout.splitlines()[-1].split())


def test_reader_of_loaded_packages_sees_them():
    assert _loaded_by("import numpy", {"numpy", "torch"}) == {"numpy"}


@pytest.mark.parametrize(
    "code",
    [
        "import gradcheck",
        "import gradcheck\ndir(gradcheck), gradcheck.__all__, gradcheck.__version__",
        "import gradcheck.pytest_plugin",
    ],
)
def test_import_is_light(code):
    assert _loaded_by(code, HEAVY) == set()


def test_help_of_the_command_line_is_light():
    code = """
import sys
sys.argv = ["gradcheck", "--help"]
from gradcheck.cli import main
try:
    main()
except SystemExit as end:
    assert not end.code, end.code
"""
    assert _loaded_by(code, HEAVY) == set()


def test_listing_backends_loads_no_framework():
    code = "import gradcheck\nassert {'engine', 'torch'} <= set(gradcheck.available_backends())"
    assert _loaded_by(code, FRAMEWORKS | {"pandas"}) == set()


@pytest.mark.parametrize("package", [gradcheck, gradcheck.engine], ids=lambda package: package.__name__)
def test_no_module_is_named_like_a_public_function(package):
    functions = {
        name
        for name in dir(package)
        if not name.startswith("_") and inspect.isfunction(getattr(package, name))
    }
    assert functions
    modules = {path.stem if path.is_file() else path.name for path in Path(package.__file__).parent.iterdir()}
    assert functions & modules == set()


@pytest.mark.parametrize("name", gradcheck.__all__)
def test_public_name_resolves_and_is_described(name):
    described = inspect.getdoc(getattr(gradcheck, name)) or ""
    assert described
    assert not described.startswith(f"{name}("), "a dataclass writes its signature where no docstring is"


def test_public_names_of_type_checkers_are_those_of_the_running_program():
    inner = [one for one in _imports("gradcheck") if (one.importer, one.where) == ("gradcheck", "types")]
    seen = {one.target.rpartition(".")[2] for one in inner}
    assert seen == set(gradcheck.__all__)


def test_unknown_public_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="module 'gradcheck' has no attribute 'gradient'"):
        gradcheck.gradient  # noqa: B018 - the look-up is the test


def test_package_list_equals_the_tree():
    tree = {
        name for package in FOLDERS for name, path in _source_files(package) if path.name == "__init__.py"
    }
    assert sorted(SETUPTOOLS["packages"]) == sorted(tree)


@pytest.mark.parametrize(("name", "folder"), [(n, f.name) for n, f in FOLDERS.items() if n != f.name])
def test_import_by_folder_name_is_refused(name, folder):
    done = subprocess.run(
        [sys.executable, "-c", f"import {folder}"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith(f"ImportError: import this package as '{name}'")
