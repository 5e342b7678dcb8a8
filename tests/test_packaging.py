"""The wheel, not the tree: what it holds, and that it works when nothing else is there."""

import os
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
FOLDERS = PYPROJECT["tool"]["setuptools"]["package-dir"]


def _pip(*arguments):
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """Built from a copy: building leaves folders behind, and takes up what earlier builds left."""
    pytest.importorskip("setuptools", reason="setuptools, which builds the wheel, is not installed")
    tree, out = tmp_path_factory.mktemp("tree"), tmp_path_factory.mktemp("wheel")
    for folder in FOLDERS.values():
        shutil.copytree(ROOT / folder, tree / folder, ignore=shutil.ignore_patterns("__pycache__"))
    for file in ("pyproject.toml", PYPROJECT["project"]["readme"], *PYPROJECT["project"]["license-files"]):
        shutil.copy(ROOT / file, tree)
    _pip("wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", str(out), str(tree))
    (built,) = out.iterdir()
    return built


@pytest.fixture(scope="module")
def contents(wheel):
    return {Path(name) for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}


def test_wheel_holds_exactly_three_names(contents):
    assert {path.parts[0] for path in contents} == {"gradcheck", "gradcheck_suites", "gradcheck_reports"}


def test_wheel_holds_every_file_of_the_folders_and_no_other(contents):
    tree = {
        package / path.relative_to(ROOT / folder)
        for package, folder in ((Path(name), folder) for name, folder in FOLDERS.items())
        for path in (ROOT / folder).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert sorted(contents) == sorted(tree)


@pytest.mark.parametrize("package", FOLDERS)
def test_wheel_says_that_it_is_typed(contents, package):
    assert Path(package, "py.typed") in contents


def test_wheel_holds_the_page(contents):
    held = {path.name for path in contents if path.parts[0] == "gradcheck_reports"}
    assert {"report.html", "report.css"} <= held


def test_installed_wheel_works_from_elsewhere(wheel, tmp_path):
    target, elsewhere = tmp_path / "target", tmp_path / "elsewhere"
    elsewhere.mkdir()
    _pip("install", "--no-deps", "--no-index", "--target", str(target), str(wheel))
    code = """
import gradcheck, gradcheck_reports, gradcheck_suites
for package in gradcheck, gradcheck_reports, gradcheck_suites:
    print(package.__file__)
plan = gradcheck.Plan.of("chain_rule", backends=["engine"], operators=["gradient"], rounds=0)
print(plan.suites[0].source)
results = gradcheck.run(plan)
assert results.cells
assert not results.failures()
"""
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=elsewhere,
        env={**os.environ, "PYTHONPATH": str(target)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    *files, source = done.stdout.splitlines()
    assert [Path(file) for file in files] == [
        target / name / "__init__.py" for name in ("gradcheck", "gradcheck_reports", "gradcheck_suites")
    ]
    assert source == "gradcheck_suites.chain_rule"
