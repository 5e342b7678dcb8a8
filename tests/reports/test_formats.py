"""A run in other forms than a page: each is read back, whatever the run holds."""

import json
import math
import re
import shlex
from dataclasses import fields, replace
from xml.etree import ElementTree

import jsonschema
import junitparser
import pytest
from gradcheck_reports.formats import (
    again,
    csv_tables,
    json_document,
    junit,
    markdown,
    marking,
    parquet_tables,
)
from gradcheck_reports.language import languages
from hypothesis import example, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

import bare
from bare import check
from gradcheck import Control, Measurement, Outcome, PublishedCheck, Results, Study, Worker
from gradcheck.frames import read_frame
from gradcheck.records import Yardstick

MARKS = "a|b `c` <script>x</script> *d* _e_ [f](g) @h http://i www.j ~~k~~ $l$\n# m \\ &amp;"
HOSTILE = MARKS + "\x00\x1b\ud800\ufffe"


def cell(outcome=Outcome.EXACT, **changed):
    return bare.cell(outcome, **{"samples": (1.25e-5, 1.25e-5) if outcome.ran else ()} | changed)


def wrong(**changed):
    facts = {"backend": "torch", "index": "x[0]", "got": "2", "true": "4", "reason": "answered 2, true 4"}
    return cell(Outcome.WRONG, **facts | changed)


def run(*cells, **changed):
    return Results(**{"environment": {"seed": 7}, "cells": cells} | changed)


def hostile():
    names = {
        field.name: HOSTILE
        for field in fields(Measurement)
        if field.type == "str" and field.name != "outcome"
    }
    return run(
        cell(Outcome.WRONG, **names),
        published=(PublishedCheck(**dict.fromkeys(PublishedCheck.__slots__, HOSTILE)),),
        environment={"seed": HOSTILE},
    )


RUNS = {
    "nothing": run(),
    "one cell": run(cell()),
    "every outcome": run(*(cell(outcome, problem=outcome.name.lower()) for outcome in Outcome)),
    "no number": run(wrong(relative_error=math.nan, ulps=math.inf, samples=(math.nan, math.inf))),
    "unfinished": run(cell(), finished=False),
    "all there is": run(
        cell(),
        wrong(),
        published=(check(), check("disagrees", quantity="f"), check("undefined", quantity="g")),
        controls=(
            Control(key="k", backend="engine", device="cpu", samples=(1.0, math.nan), twin=(1.0, 1.0)),
        ),
        yardsticks=(Yardstick(group="g", samples=(1.0, math.inf)),),
        workers=(Worker(backend="engine", device="cpu", threads={"blas": 1}),),
        studies=(
            Study(suite="chain", problem="cube", point="x=5", inputs={"x": [math.nan, 1.0]}, output=()),
        ),
        environment={"seed": 7, "seconds": 12.5, "load": math.nan},
    ),
    "hostile": hostile(),
}
any_run = pytest.mark.parametrize("results", RUNS.values(), ids=RUNS)


# Markdown.


def rendered(source):
    """The text of a page of Markdown as blocks: headings, paragraphs and cells of tables."""
    tokens = MarkdownIt("commonmark").enable(["table", "strikethrough"]).parse(source)
    return [token for token in tokens if token.type == "inline"]


def plain(inline):
    """The text a reader sees, and what is not text."""
    texts = [child.content for child in inline.children if child.type in ("text", "text_special")]
    return "".join(texts), {child.type for child in inline.children} - {"text", "text_special"}


def page(results, tmp_path, **options):
    (path,) = markdown.write(results, tmp_path, **options)
    assert "summary.md" == path.name
    return path.read_text(encoding="utf-8")


@any_run
def test_markdown_says_the_verdict_of_any_run_and_is_the_same_again(results, tmp_path):
    source = page(results, tmp_path)
    paragraph = rendered(source)[1]
    said = "".join(child.content for child in paragraph.children)
    assert re.sub(r"\s+", " ", str(results.summary.sentence())).startswith(said[:40].strip())
    assert source == page(results, tmp_path)


def test_markdown_has_a_row_for_every_backend_and_for_failures_that_are_alike(tmp_path):
    source = page(run(cell(), wrong(), wrong(operator="vjp")), tmp_path)
    assert "**2 of 3 cells failed** (2 wrong), in torch (2); 1 exact; every cell ran." in source
    assert "| engine | 1 | 0 | 0 | 0 | 0 | 0 | 15.9 |" in source
    assert (
        "| wrong | chain/cube | x=5 | gradient, vjp | torch | torch, gradient: x\\[0\\] | 2 | 4 |" in source
    )
    assert "gradcheck run chain --select cube --backend torch" in source


def test_markdown_shows_the_first_fifty_of_many(tmp_path):
    source = page(run(*(wrong(problem=f"p{n:02d}") for n in range(60))), tmp_path)
    assert "50 of 60" in source
    assert 50 == source.count("| wrong |")
    assert 50 == source.count("gradcheck run chain")


def test_markdown_says_that_a_run_is_not_finished_and_what_noise_it_has(tmp_path):
    assert "did not come to its end" in page(RUNS["unfinished"], tmp_path)
    assert "did not come to its end" not in page(RUNS["one cell"], tmp_path)
    assert "Noise floor " in page(RUNS["all there is"], tmp_path)
    assert "The run took 12.5 s." in page(RUNS["all there is"], tmp_path)


def test_markdown_names_what_is_wrong_in_print(tmp_path):
    source = page(RUNS["all there is"], tmp_path)
    assert "| F-1 | chain/cube | f | 20281 | 20280 |" in source
    assert "| F-1 | chain/cube | g | 20281 | no derivative exists |" in source


def test_markdown_says_what_changed_since_a_run_before(tmp_path):
    slow = {"samples": tuple(1e-5 + n * 1e-9 for n in range(40))}
    fast = {"samples": tuple(3e-6 + n * 1e-9 for n in range(40))}
    before = run(cell(), cell(problem="square", **fast), cell(problem="gone"))
    after = run(wrong(backend="engine"), cell(problem="square", **slow))
    source = page(after, tmp_path, before=before)
    assert "1 outcomes changed, 1 for the worse; 1 cells only before, 0 only now." in source
    assert "| chain/cube | x=5 | gradient | engine cpu float64 | exact | wrong |" in source
    assert "| chain/square | x=5 | gradient | engine cpu float64 | 3.3" in source
    assert "Since the run before" not in page(after, tmp_path)


@pytest.mark.skipif("es" not in languages(), reason="there is no Spanish catalogue of messages")
def test_markdown_speaks_spanish(tmp_path):
    source = page(RUNS["all there is"], tmp_path, language="es")
    english = {"cells failed", "Noise floor", "The run took", "Worst entry", "no derivative exists"}
    assert {phrase for phrase in english if phrase in page(RUNS["all there is"], tmp_path)} == english
    assert {phrase for phrase in english if phrase in source} == set()


def test_hostile_text_is_text_in_markdown(tmp_path):
    source = page(RUNS["hostile"], tmp_path)
    outside = re.sub(r"(`{3,}).*?\n\1", "", source, flags=re.DOTALL)
    assert "<script" not in outside
    for inline in rendered(outside):
        said, other = plain(inline)
        assert other <= {"strong", "strong_open", "strong_close", "html_inline"}, said
    tags = re.findall(r"<[^>]*>", outside)
    assert set(tags) <= {"<details>", "<summary>", "</summary>", "</details>"}
    columns = {line.replace("\\|", "").count("|") for line in outside.splitlines() if line.startswith("|")}
    backends, failures, printed = 10, 8, 5
    assert {backends + 1, failures + 1, printed + 1} == columns


@given(st.text())
@example(HOSTILE)
@example("__a__ _b_ c_d_ `` ` \\")
@example("| - | 1. # > + === http://x.y www.z.w a@b.c &lt; &#60; ![i](j)")
def test_any_text_in_a_table_is_read_as_it_was_given(text):
    table = marking.table(["h", "i"], [["x", text], [text, "y"]])
    tokens = MarkdownIt("gfm-like", {"linkify": False}).parse(table)
    inlines = [token for token in tokens if token.type == "inline"]
    said, other = zip(*(plain(inline) for inline in inlines), strict=True)
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split(" ")).strip(" ")
    expected = re.sub(" +", " ", line)
    expected = expected if len(expected) <= 200 else said[3]
    assert ("h", "i", "x", expected, expected, "y") == tuple(part.strip() for part in said)
    assert set().union(*other) == set()


@given(st.lists(st.text(alphabet="`a\n~"), max_size=3))
def test_code_stays_within_its_fence(lines):
    tokens = MarkdownIt("commonmark").parse(f"{marking.code('sh', lines)}\n\nafter")
    assert ["fence", "paragraph_open", "inline", "paragraph_close"] == [token.type for token in tokens]
    assert "\n".join(lines) + "\n" == tokens[0].content


# JUnit XML.

# What the schema that Jenkins checks against allows, and of a suite demands.
ATTRIBUTES = {
    "testsuites": {"name", "tests", "failures", "errors"},
    "testsuite": {"name", "tests", "failures", "errors", "skipped", "time"},
    "testcase": {"name", "classname", "time"},
    "failure": {"type", "message"},
    "error": {"type", "message"},
    "skipped": {"type", "message"},
}


def read_tests(results, tmp_path):
    (path,) = junit.write(results, tmp_path)
    assert "junit.xml" == path.name
    return path, ElementTree.parse(path).getroot()


@any_run
def test_junit_holds_what_its_readers_allow_and_nothing_else(results, tmp_path):
    path, root = read_tests(results, tmp_path)
    for element in root.iter():
        assert set(element.attrib) == ATTRIBUTES[element.tag]
        if "time" in element.attrib:
            assert re.fullmatch(r"[0-9]+\.[0-9]+", element.attrib["time"])
    assert len(results.cells) == len(root.findall("./testsuite/testcase"))
    assert len(results.cells) == sum(len(list(suite)) for suite in junitparser.JUnitXml.fromfile(str(path)))


def test_junit_counts_and_tells_failures_from_silence_and_from_what_did_not_run(tmp_path):
    _, root = read_tests(RUNS["every outcome"], tmp_path)
    ends = {test.find("*").tag: 0 for test in root.iter("testcase") if test.find("*") is not None}
    for test in root.iter("testcase"):
        if test.find("*") is not None:
            ends[test.find("*").tag] += 1
    assert {"failure": 3, "error": 4, "skipped": 3} == ends
    (suite,) = root
    assert {"tests": "14", "failures": "3", "errors": "4", "skipped": "3"} == {
        name: suite.get(name) for name in ("tests", "failures", "errors", "skipped")
    }


def test_a_junit_test_is_named_like_its_cell_and_says_what_is_wrong(tmp_path):
    _, root = read_tests(run(wrong()), tmp_path)
    (test,) = root.iter("testcase")
    assert ("cube at x=5: gradient", "torch.cpu.float64", "0.000012500") == (
        test.get("name"),
        test.get("classname"),
        test.get("time"),
    )
    failure = test.find("failure")
    assert ("wrong", "answered 2, true 4") == (failure.get("type"), failure.get("message"))
    assert ["entry: x[0]", "got: 2", "true: 4"] == failure.text.splitlines()[1:4]
    assert "again: gradcheck run chain --select cube" in failure.text


@given(st.text(alphabet=st.characters()))
def test_any_text_makes_xml_that_can_be_read(tmp_path_factory, text):
    _, root = read_tests(run(wrong(problem=text, reason=text, got=text)), tmp_path_factory.mktemp("junit"))
    assert 1 == len(root.findall("./testsuite/testcase/failure"))


# JSON.


def refuse(constant):
    raise AssertionError(constant)


def document(results, tmp_path):
    report, description = json_document.write(results, tmp_path)
    assert ("report.json", "report.schema.json") == (report.name, description.name)
    return [json.loads(path.read_text("ascii"), parse_constant=refuse) for path in (report, description)]


@any_run
def test_json_document_is_as_its_schema_says(results, tmp_path):
    content, schema = document(results, tmp_path)
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(content, schema)
    assert len(results.cells) == len(content["cells"])
    assert results.finished == content["finished"]


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("version",), 0),
        (("cells", 0, "outcome"), "fine"),
        (("cells", 0, "samples"), ["1"]),
        (("cells", 0, "extra"), 1),
        (("published", 0, "printed"), 1.0),
        (("studies", 0, "inputs"), []),
    ],
)
def test_schema_notices_what_is_wrong(path, value, tmp_path):
    content, schema = document(RUNS["all there is"], tmp_path)
    place = content
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(content, schema)


def test_numbers_that_are_none_are_null_in_json(tmp_path):
    content, _ = document(RUNS["all there is"], tmp_path)
    assert content["environment"] == {"seed": 7, "seconds": 12.5, "load": None}
    assert content["yardsticks"] == [{"group": "g", "samples": [1.0, None]}]
    assert content["studies"][0]["inputs"] == {"x": [None, 1.0]}
    assert "wrong" == content["cells"][1]["outcome"]


# Tables.


@any_run
@pytest.mark.parametrize("form", [csv_tables, parquet_tables], ids=["csv", "parquet"])
def test_tables_are_read_back_with_a_row_per_cell_and_per_sample(results, form, tmp_path):
    if results is RUNS["hostile"]:
        results = replace(results, cells=(wrong(problem=HOSTILE.replace("\ud800", "")),), published=())
    paths = form.write(results, tmp_path)
    assert ["cells", "published", "samples"] == [path.stem for path in paths]
    cells, published, samples = (read_frame(path) for path in paths)
    assert [cell.problem for cell in results.cells] == list(cells["problem"])
    assert len(results.published) == len(published)
    assert sum(len(cell.samples) for cell in results.cells) == len(samples)


# The command that asks again.


def test_the_command_quotes_what_a_shell_would_read_otherwise():
    asked = wrong(problem="a b; rm -rf /", suite="-x")
    words = shlex.split(again.command(asked, {"seed": 3}))
    assert ["gradcheck", "run", "-x", "--select", "a b; rm -rf /"] == words[:5]
    assert ["--seed", "3"] == words[-2:]
    assert "--seed" not in again.command(asked, {})


def test_the_command_names_a_suite_by_the_file_it_was_run_from():
    environment = {"plan": {"suites": ["delicate", "tests/chain.py"]}}
    assert again.command(wrong(), environment).startswith("gradcheck run tests/chain.py ")
