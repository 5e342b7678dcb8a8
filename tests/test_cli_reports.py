"""Reports from the command line: in the forms that are named, where they are wanted, in two languages."""

import re
from pathlib import Path

import pytest

from bare import cell
from gradcheck import Outcome, Results, reporters

from .command import call, refused

FILES = {
    "html": {"report.html"},
    "md": {"summary.md"},
    "junit": {"junit.xml"},
    "csv": {"cells.csv", "published.csv", "samples.csv"},
    "parquet": {"cells.parquet", "published.parquet", "samples.parquet"},
    "json": {"report.json", "report.schema.json"},
}


def written(directory, *cells):
    directory.mkdir()
    Results(environment={"seed": 0}, cells=cells).write(directory / "results.jsonl")
    return directory


def names(directory):
    return {path.name for path in directory.iterdir()} - {"results.jsonl"}


@pytest.fixture
def right(tmp_path):
    return written(tmp_path / "right", cell())


@pytest.fixture
def failing(tmp_path):
    return written(tmp_path / "failing", cell(Outcome.WRONG, reason="off"))


class Entry:
    """A reporter that is installed as an entry point would be."""

    def __init__(self, write):
        self._write = write

    def load(self):
        return self._write()


@pytest.fixture
def plugged(monkeypatch):
    """Put reporters in the place of, or beside, those that are installed."""

    def plug(**entries):
        found = {**reporters.available_reporters(), **{name: Entry(write) for name, write in entries.items()}}
        monkeypatch.setattr(reporters, "available_reporters", lambda: found)

    return plug


def absent():
    raise ModuleNotFoundError("No module named 'jinja2'", name="jinja2")


def test_every_form_that_is_installed_is_one_of_these():
    assert set(FILES) == set(reporters.available_reporters())


@pytest.mark.parametrize("form", FILES)
def test_a_report_is_written_in_the_form_that_is_named(right, form):
    result = call("report", right, "--to", form)
    assert 0 == result.exit_code, result.output
    assert FILES[form] == names(right)
    assert FILES[form] == {
        Path(line).name for line in re.findall(r"^wrote (.*)$", result.output, re.MULTILINE)
    }


def test_without_a_name_the_report_is_the_page(right):
    assert 0 == call("report", right).exit_code
    assert FILES["html"] == names(right)


def test_forms_may_be_repeated_and_joined_and_go_where_they_are_wanted(right, tmp_path):
    out = tmp_path / "a" / "b"
    assert 0 == call("report", right, "--to", "md, junit", "--to", "md", "--out", out).exit_code
    assert FILES["md"] | FILES["junit"] == names(out)
    assert set() == names(right)


def test_a_run_named_by_its_file_has_its_report_beside_it(right):
    assert 0 == call("report", right / "results.jsonl", "--to", "md").exit_code
    assert FILES["md"] == names(right)


def test_a_run_writes_what_it_is_asked_for(tmp_path):
    arguments = ("chain_rule", "--backend", "engine", "--select", "cube_of_quadratic", "--operator", "value")
    result = call("run", *arguments, "--rounds", "0", "--out", tmp_path, "--to", "md,json")
    assert 0 == result.exit_code, result.output
    assert FILES["md"] | FILES["json"] == names(tmp_path)


@pytest.mark.parametrize(
    ("options", "line"),
    [
        (["--to", "htm"], "no format is called 'htm'. Did you mean 'html'?"),
        (
            ["--to", "md,xyz"],
            "no format is called 'xyz'. Choose from: csv, html, json, junit, md, parquet.",
        ),
        (["--lang", "fr"], "no language is called 'fr'. Choose from: en, es."),
    ],
)
def test_an_unknown_form_or_language_is_refused_before_anything_is_done(right, tmp_path, options, line):
    out = tmp_path / "out"
    for command in (["run", "chain_rule"], ["report", right], ["compare", right, right]):
        assert f"gradcheck: {line}" == refused(*command, *options, "--out", out)
    assert not out.exists()


def test_a_report_that_lacks_its_package_is_one_line_and_the_others_are_written(right, plugged):
    plugged(html=absent)
    remedy = "run: pip install 'gradcheck[reports]'."
    assert f"gradcheck: the html report needs jinja2, which is not installed; {remedy}" == refused(
        "report", right, "--to", "html,md"
    )
    assert FILES["md"] == names(right)


def test_the_page_may_be_missing_where_nobody_named_it(right, plugged):
    plugged(html=absent)
    result = call("report", right)
    assert 0 == result.exit_code
    assert "the html report needs jinja2" in result.stderr
    assert set() == names(right)


def test_a_plugin_gets_the_run_the_language_and_the_run_before(right, failing, plugged):
    seen = {}

    def write(results, directory, **options):
        seen.update(options, cells=len(results.cells), directory=directory)
        return [directory / "mine.txt"]

    plugged(mine=lambda: write)
    result = call("report", right, "--to", "mine", "--lang", "es", "--against", failing)
    assert f"wrote {right}/mine.txt" in result.output
    assert (1, right, "es") == (seen["cells"], seen["directory"], seen["language"])
    assert Outcome.WRONG is seen["before"].cells[0].outcome


def test_a_plugin_that_does_not_load_is_one_line(right, plugged):
    plugged(mine=lambda: 1 / 0)
    line = refused("report", right, "--to", "mine")
    assert "the entry point 'mine' of gradcheck.reporters fails to load (ZeroDivisionError" in line


def test_a_directory_that_cannot_be_written_is_named(right, tmp_path):
    (tmp_path / "file").write_text("in the way")
    line = refused("report", right, "--to", "md", "--out", tmp_path / "file")
    assert f"gradcheck: --out: expected a directory that can be written, got '{tmp_path}/file: " in line


# Two runs.


def test_a_report_against_another_run_says_what_changed(right, failing):
    result = call("report", failing, "--to", "md", "--against", right)
    assert 0 == result.exit_code, result.output
    assert "1 outcomes changed, 1 for the worse" in result.output
    assert "Since the run before" in (failing / "summary.md").read_text()


def test_a_report_against_a_run_of_something_else_is_refused(right, tmp_path):
    other = written(tmp_path / "other", cell(problem="square"))
    line = refused("report", right, "--against", other)
    assert "gradcheck: results both runs: have no cell in common; " in line


def test_a_comparison_may_be_written_and_still_fails(right, failing, tmp_path):
    assert 1 == call("compare", right, failing, "--to", "md", "--out", tmp_path / "out").exit_code
    assert "1 for the worse" in (tmp_path / "out" / "summary.md").read_text()
    assert 1 == call("compare", right, failing).exit_code
    assert set() == names(right) | names(failing)


def test_a_comparison_that_cannot_be_written_is_a_mistake_in_the_call(right, plugged):
    plugged(md=absent)
    assert "the md report needs jinja2" in refused("compare", right, right, "--to", "md")
