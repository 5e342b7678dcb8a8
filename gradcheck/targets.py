"""What ``module:function`` and an argument written as Python stand for on the command line."""

from __future__ import annotations

import ast
import builtins
import importlib.util
import pkgutil
import sys
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

from gradcheck.errors import BadTarget, MissingExtra, UnknownName

_FORM = "write module:function or my_file.py:function"
_LAZY = {"torch": ("torch", "torch"), "jnp": ("jax.numpy", "jax")}  # name to module and extra


def load(target: str) -> Any:
    """The callable that a target names.

    Parameters
    ----------
    target
        ``module:function`` or ``path/my_file.py:function``; the function may be dotted, as
        ``module:Class.method``. Modules are looked for in the current directory first.

    Raises
    ------
    BadTarget
        When the target is not of that form, its module cannot be imported, or what it names cannot be called.
    UnknownName
        When the module has no such function.
    """
    place, _, path = target.rpartition(":")
    if not path or not (place.endswith(".py") or all(part.isidentifier() for part in place.split("."))):
        raise BadTarget(target, "names no function", _FORM)
    found: Any = load_module(target)
    for name in path.split("."):
        if not hasattr(found, name):
            raise _unknown(target, place, name, found)
        found = getattr(found, name)
    if not callable(found):
        raise BadTarget(
            target, f"is of type {type(found).__name__}, which cannot be called", "name a function"
        )
    return found


def load_module(target: str) -> ModuleType:
    """The module in which a target lies, imported once.

    Raises
    ------
    BadTarget
        When there is none of that name, or it fails to import.
    """
    place = target.rpartition(":")[0]
    if place.endswith(".py"):
        return _from_file(target, Path(place))
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)
    try:
        return import_module(place)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{place}.".startswith(f"{error.name}."):
            raise _failing(target, error) from error
        neighbours = [module.name for module in pkgutil.iter_modules([here])]
        if get_close_matches(place, neighbours, n=1):
            raise UnknownName("module", place, neighbours) from error
        remedy = "run this where the module is, or write a file, as in my_file.py:function"
        raise BadTarget(target, f"no module is called {error.name!r}", remedy) from error
    except (Exception, SystemExit) as error:
        raise _failing(target, error) from error


def evaluated(expressions: Sequence[str], names: Mapping[str, Any], seed: int) -> tuple[Any, ...]:
    """The values of arguments written as Python expressions.

    Parameters
    ----------
    expressions
        One per argument. They may use ``np``, ``draws``, ``torch``, ``jnp`` and the given names.
    names
        What else they may use.
    seed
        Seed of draws, and of NumPy's and torch's own generators.

    Raises
    ------
    BadTarget
        When an expression does not parse, or fails.
    MissingExtra
        When it uses a framework that is not installed.
    """
    import numpy as np

    np.random.seed(seed % 2**32)  # an expression may call np.random.normal
    return tuple(
        _sampled(_evaluated(text, names, seed), np.random.default_rng([seed, position]))
        for position, text in enumerate(expressions)
    )


def spread(words: Sequence[str], option: str) -> list[str]:
    """Words of a command in which an option that takes several values is repeated for each of them.

    ``--args a -1 --seed 2`` becomes ``--args a --args -1 --seed 2``.
    """
    result: list[str] = []
    inside = False
    for word in words:
        if word.startswith("--"):
            inside = word == option
            result += [] if inside else [word]
        else:
            result += [option, word] if inside else [word]
    return result


def _from_file(target: str, path: Path) -> ModuleType:
    name = f"gradcheck_target_{path.stem}"
    if name in sys.modules and sys.modules[name].__file__ == str(path.resolve()):
        return sys.modules[name]
    if not path.is_file():
        raise BadTarget(target, f"there is no file {path}", _FORM)
    spec = importlib.util.spec_from_file_location(name, path.resolve())
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    folder = str(path.resolve().parent)
    if folder not in sys.path:
        sys.path.insert(0, folder)  # the file may import its neighbours, as when Python runs it
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        del sys.modules[name]
        raise _failing(target, error) from error
    return module


def _evaluated(text: str, names: Mapping[str, Any], seed: int) -> Any:
    import numpy as np

    from gradcheck import draws

    label = f"--args {text!r}"
    try:
        tree = ast.parse(text.strip(), mode="eval")
    except (SyntaxError, ValueError) as error:
        reason = getattr(error, "msg", error)
        raise BadTarget(
            label, f"is no Python expression ({reason})", "write for example --args 'np.ones(3)' 2.0"
        ) from error
    known = {**names, "np": np, "draws": draws, "__builtins__": builtins}
    for name in sorted({node.id for node in ast.walk(tree) if isinstance(node, ast.Name)} & set(_LAZY)):
        known[name] = _framework(label, name, seed)
    try:
        return eval(compile(tree, "--args", "eval"), known)
    except Exception as error:
        known_names = "np, draws, torch, jnp and the names of the function's module can be used"
        raise BadTarget(label, f"fails ({_line(error)})", known_names) from error


def _framework(label: str, name: str, seed: int) -> ModuleType:
    module, extra = _LAZY[name]
    try:
        framework = import_module(module)
    except ModuleNotFoundError as error:
        raise MissingExtra(label, extra, extra) from error
    if name == "torch":
        framework.manual_seed(seed)
    return framework


def _sampled(value: Any, generator: Any) -> Any:
    """The value with every draw in it drawn."""
    from gradcheck.draws import Draw

    if isinstance(value, Draw):
        return value(generator)
    if type(value) is dict:
        return {key: _sampled(part, generator) for key, part in value.items()}
    if type(value) in (list, tuple):
        return type(value)(_sampled(part, generator) for part in value)
    return value


def _unknown(target: str, place: str, name: str, owner: Any) -> Exception:
    offered = [
        other for other in dir(owner) if not other.startswith("_") and callable(getattr(owner, other, None))
    ]
    if len(offered) > 12 and not get_close_matches(name, offered, n=1):
        return BadTarget(target, f"there is no {name!r} in it", f"name one of its {len(offered)} functions")
    return UnknownName(f"function of {place}", name, offered)


def _failing(target: str, error: BaseException) -> BadTarget:
    place = target.rpartition(":")[0]
    return BadTarget(target, f"{place} fails to import ({_line(error)})", "run it with python to see where")


def _line(error: BaseException) -> str:
    """An exception in one line."""
    return " ".join(f"{type(error).__name__}: {error}".split())
