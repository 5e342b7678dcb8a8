"""`gradcheck explain` beyond its tables: steps, sentences, DOT text and a picture."""

import sys

import pytest
from typer.testing import CliRunner

from gradcheck.cli import app


def call(*arguments):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def test_steps_replace_the_tables():
    result = call("explain", "wengert", "--steps")
    assert result.exit_code == 0, result.output
    assert "at x1=2, x2=5\n\nforward\nv-1 = x1 = 2\n" in result.output
    assert "dy/dv0 += dy/dv2 * dv2/dv0 = 1 * 2 = 2, in all 1.71634\n" in result.output
    assert result.output.endswith("dy/dx1 = dy/dv-1 = 5.5\ndy/dx2 = dy/dv0 = 1.71634\n")
    assert "forward primal" not in result.output


def test_sentences_replace_the_tables():
    output = call("explain", "wengert", "--words").output
    assert "\n1. Take the natural logarithm of x1: v1 = 0.693147.\n" in output
    assert output.endswith("The answer is y = v5 = 11.6521.\n")


def test_sentences_come_before_the_steps():
    output = call("explain", "wengert", "--words", "--steps").output
    assert output.index("The answer is") < output.index("\nforward\n")


def test_dot_is_the_graph_and_nothing_else():
    output = call("explain", "wengert", "--dot").stdout
    assert output.startswith("digraph {\n  rankdir=LR;\n")
    assert output.endswith("  n6 -> n7;\n}\n")


def test_picture_is_written(tmp_path):
    pytest.importorskip("pygraphviz", reason="pygraphviz is not installed")
    path = tmp_path / "wengert.svg"
    result = call("explain", "wengert", "--svg", path)
    assert result.exit_code == 0, result.output
    assert f"wrote {path}" in result.output
    assert "dy/dx1 = 5.5" in result.output
    assert path.read_text(encoding="utf-8").startswith("<svg ")


def test_picture_beside_dot_leaves_the_output_clean(tmp_path):
    pytest.importorskip("pygraphviz", reason="pygraphviz is not installed")
    result = call("explain", "wengert", "--dot", "--svg", tmp_path / "w.svg")
    assert result.stdout.endswith("}\n")
    assert result.stderr == f"wrote {tmp_path / 'w.svg'}\n"


def test_picture_that_cannot_be_written_is_one_line(tmp_path):
    pytest.importorskip("pygraphviz", reason="pygraphviz is not installed")
    path = tmp_path / "absent" / "w.svg"
    result = call("explain", "wengert", "--svg", path)
    assert result.exit_code == 2
    expected = (
        f"gradcheck: --svg: expected a file that can be written, got '{path}: No such file or directory'."
    )
    assert result.stderr.strip() == expected


def test_picture_without_its_library_is_one_line(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pygraphviz", None)
    result = call("explain", "wengert", "--svg", tmp_path / "w.svg")
    assert result.exit_code == 2
    expected = (
        "the drawn graph needs pygraphviz, which is not installed; run: pip install 'gradcheck[graph]'."
    )
    assert result.stderr.strip() == f"gradcheck: {expected}"
