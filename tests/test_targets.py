"""What a target on the command line names, and what an argument written there becomes."""

import sys
from dataclasses import dataclass

import numpy as np
import pytest

from gradcheck.errors import BadTarget, MissingExtra, UnknownName
from gradcheck.targets import evaluated, load, spread

SOURCE = """
from dataclasses import dataclass

import helper_of_rules

LIMIT = 3.0


def softplus(x):
    return helper_of_rules.log1p_exp(x)


def softplus_vjp(x, cotangent):
    return cotangent


class Layer:
    @staticmethod
    def forward(x):
        return x


@dataclass
class Parameters:
    weight: float
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The current directory, with a module in it and a file beside."""
    (tmp_path / "my_rules.py").write_text(SOURCE)
    (tmp_path / "helper_of_rules.py").write_text("def log1p_exp(x):\n    return x\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", sys.path[:])
    before = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - before:
        del sys.modules[name]


def test_a_module_of_the_current_directory_is_found(folder):
    assert "softplus" == load("my_rules:softplus").__name__


def test_an_installed_module_is_found():
    assert np.sin is load("numpy:sin")
    assert np.linalg.inv is load("numpy.linalg:inv")


def test_a_file_is_found_and_may_import_its_neighbours(folder, monkeypatch, tmp_path_factory):
    monkeypatch.chdir(tmp_path_factory.mktemp("elsewhere"))
    assert 2.0 == load(f"{folder}/my_rules.py:softplus")(2.0)


def test_a_file_is_imported_once(folder):
    first = load("my_rules.py:softplus")
    assert first.__globals__ is load(f"{folder}/my_rules.py:softplus_vjp").__globals__


def test_a_dotted_function_is_found(folder):
    assert 1 == load("my_rules:Layer.forward")(1)


@pytest.mark.parametrize(
    ("target", "error", "line"),
    [
        (
            "softplus",
            BadTarget,
            "softplus: names no function; write module:function or my_file.py:function.",
        ),
        (
            "my_rules:",
            BadTarget,
            "my_rules:: names no function; write module:function or my_file.py:function.",
        ),
        (
            "my_rules:softpls",
            UnknownName,
            "no function of my_rules is called 'softpls'. Did you mean 'softplus'?",
        ),
        (
            "my_rules.py:Layer.backward",
            UnknownName,
            "no function of my_rules.py is called 'backward'. Choose from: forward.",
        ),
        (
            "my_rules:LIMIT",
            BadTarget,
            "my_rules:LIMIT: is of type float, which cannot be called; name a function.",
        ),
        ("my_ruls:softplus", UnknownName, "no module is called 'my_ruls'. Did you mean 'my_rules'?"),
        (
            "zebra:softplus",
            BadTarget,
            (
                "zebra:softplus: no module is called 'zebra'; "
                "run this where the module is, or write a file, as in my_file.py:function."
            ),
        ),
        (
            "numpy.zebra:sin",
            BadTarget,
            (
                "numpy.zebra:sin: no module is called 'numpy.zebra'; "
                "run this where the module is, or write a file, as in my_file.py:function."
            ),
        ),
        (
            "numpy:qqqq",
            BadTarget,
            "numpy:qqqq: there is no 'qqqq' in it; name one of its ",
        ),
        (
            "no/file.py:softplus",
            BadTarget,
            (
                "no/file.py:softplus: there is no file no/file.py; "
                "write module:function or my_file.py:function."
            ),
        ),
        (
            "broken.py:f",
            BadTarget,
            "broken.py:f: broken.py fails to import (SyntaxError: invalid syntax (broken.py, line 1)); ",
        ),
        (
            "broken:f",
            BadTarget,
            "broken:f: broken fails to import (SyntaxError: invalid syntax (broken.py, line 1)); ",
        ),
        (
            "needy:f",
            BadTarget,
            (
                "needy:f: needy fails to import (ModuleNotFoundError: No module named 'nonexistent_module'); "
                "run it with python to see where."
            ),
        ),
        (
            "needy.py:f",
            BadTarget,
            "needy.py:f: needy.py fails to import (ModuleNotFoundError: No module named 'nonexistent_",
        ),
        ("leaving:f", BadTarget, "leaving:f: leaving fails to import (SystemExit: 3); "),
        (":f", BadTarget, ":f: names no function; write module:function or my_file.py:function."),
        ("..:f", BadTarget, "..:f: names no function; write module:function or my_file.py:function."),
    ],
)
def test_a_wrong_target_is_one_clear_line(folder, target, error, line):
    (folder / "broken.py").write_text("def f(:\n")
    (folder / "needy.py").write_text("import nonexistent_module\n")
    (folder / "leaving.py").write_text("raise SystemExit(3)\n")
    with pytest.raises(error) as caught:
        load(target)
    assert str(caught.value).startswith(line)
    assert "\n" not in str(caught.value)


def test_arguments_are_python_with_numpy():
    array, number, nested = evaluated(["np.ones((2, 3))", "-2.5", "{'w': [1, np.zeros(2)]}"], {}, 0)
    np.testing.assert_array_equal(np.ones((2, 3)), array)
    assert -2.5 == number
    assert 2 == nested["w"][1].size


def test_a_comprehension_sees_the_names():
    (arrays,) = evaluated(["[np.ones(n) for n in (1, 2)]"], {}, 0)
    assert [1, 2] == [array.size for array in arrays]


def test_names_of_the_module_are_known_but_do_not_hide_numpy():
    @dataclass
    class Parameters:
        weight: float

    (made,) = evaluated(["Parameters(weight=np.float64(2))"], {"Parameters": Parameters, "np": None}, 0)
    assert Parameters(2.0) == made


def test_draws_are_drawn_with_the_seed_wherever_they_are():
    texts = ["draws.normal(3)", "[draws.normal(3), {'p': draws.simplex(2)}]"]
    first, (second, rest) = evaluated(texts, {}, 7)
    assert (3,) == first.shape == second.shape
    assert abs(rest["p"].sum() - 1) < 1e-6
    assert not np.array_equal(first, second)
    again = evaluated(texts, {}, 7)
    np.testing.assert_array_equal(first, again[0])
    np.testing.assert_array_equal(rest["p"], again[1][1]["p"])
    assert not np.array_equal(first, evaluated(texts, {}, 8)[0])


def test_torch_and_its_random_numbers_are_at_hand():
    torch = pytest.importorskip("torch")
    texts = ["torch.randn(3)", "np.random.normal(size=2)"]
    first, second = evaluated(texts, {}, 3), evaluated(texts, {}, 3)
    assert isinstance(first[0], torch.Tensor)
    assert torch.equal(first[0], second[0])
    np.testing.assert_array_equal(first[1], second[1])


def test_a_framework_is_imported_only_when_it_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    assert (1.0,) == evaluated(["1.0"], {}, 0)
    with pytest.raises(MissingExtra) as caught:
        evaluated(["torch.ones(3)"], {}, 0)
    assert str(caught.value) == (
        "--args 'torch.ones(3)' needs torch, which is not installed; run: pip install 'gradcheck[torch]'."
    )


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (
            "np.ones(",
            (
                "--args 'np.ones(': is no Python expression ('(' was never closed); "
                "write for example --args 'np.ones(3)' 2.0."
            ),
        ),
        ("x = 1", "--args 'x = 1': is no Python expression (invalid syntax"),
        ("", "--args '': is no Python expression (invalid syntax"),
        (
            "nmupy.ones(3)",
            (
                "--args 'nmupy.ones(3)': fails (NameError: name 'nmupy' is not defined); "
                "np, draws, torch, jnp and the names of the function's module can be used."
            ),
        ),
        ("1 / 0", "--args '1 / 0': fails (ZeroDivisionError: division by zero); "),
    ],
)
def test_a_wrong_argument_is_one_clear_line(text, line):
    with pytest.raises(BadTarget) as caught:
        evaluated([text], {}, 0)
    assert str(caught.value).startswith(line)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("m:f --args a b --seed 2", "m:f --args a --args b --seed 2"),
        ("m:f --args a -1.0 --args c d", "m:f --args a --args -1.0 --args c --args d"),
        ("m:f --seed 2 --args a", "m:f --seed 2 --args a"),
        ("m:f", "m:f"),
        ("m:f --args", "m:f"),
    ],
)
def test_an_option_of_many_values_is_repeated(words, expected):
    assert expected.split() == spread(words.split(), "--args")
