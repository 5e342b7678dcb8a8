"""Whatever stands in a results file is text on the page, and a file that is none is refused in one line."""

import json
import math
from dataclasses import fields

import pytest
from gradcheck_reports import Report
from gradcheck_reports.page import page
from typer.testing import CliRunner

import pages
from gradcheck import Results
from gradcheck.cli import app
from gradcheck.records import KINDS, Measurement, Outcome, PublishedCheck, Study, Subject, Worker
from gradcheck.results import FILE_NAME, SCHEMA
from runs import made_up

TEXTS = {
    "markup": "<script>document.title='taken'</script><img src=x onerror=alert(1)>\"'><b>&amp;",
    "end of script": "</script></style></title><!--<![CDATA[",
    "template": "{{ 7 * 7 }}{% raw %}{# #}%(n)s ${x}",
    "separators": "a\u2028b\u2029c\x00d\x1be\x7ff\ufeff",
    "directions": "\u202ethgir\u2066\u200f",
    "half a pair": "bad\ud800name\udfff",
    "paths": "../..//?a=b&outcome=failed#x%2F%",
    "long": "x" * 20_000,
}
FORMULAS = {"math", "mrow", "mi", "mo", "mn", "mtext", "mspace", "msup", "msub", "mfrac", "msqrt", "mover"}
NUMBERS = [math.nan, math.inf, -math.inf, 0.0, -0.0, 5e-324, 1e308, -1.0]


def filled(kind, text, number, **kept):
    """A record with one text in every field of texts and one number in every field of numbers."""
    values = {
        "str": text,
        "float": number,
        "int": 3,
        "bool": True,
        "tuple[float, ...]": (number, 1e-5, number),
        "tuple[str, ...]": (text, text),
        "tuple[int, ...]": (2, 3),
        "Mapping[str, int]": {text: 1},
        "Mapping[str, Any]": {text: [text, {text: number}]},
    }
    return kind(**{f.name: values[f.type] for f in fields(kind) if f.type in values} | kept)


def hostile(text, number=0.5):
    """A run that says one text wherever it can say anything."""
    study = Study(
        suite=text,
        problem=text,
        point=text,
        inputs={text: [number, 1.0], "x": text},
        output=(2,),
        steps=(
            {
                "name": text,
                "expression": text,
                "value": text,
                "adjoint": text,
                "operands": [],
                "flows": [],
                "tangents": {text: text},
            },
        ),
    )
    return Results(
        environment={
            text: {text: [text]},
            "python": text,
            "backends": {text: text},
            "packages": {"gradcheck": text},
            "machine": {"cpu": text},
            "seed": text,
            "seconds": number,
        },
        cells=tuple(
            filled(Measurement, text, number, outcome=outcome, operator=operator)
            for outcome, operator in zip(Outcome, (text, "gradient", "value", *"abcdefghijklm"), strict=False)
        ),
        published=tuple(
            filled(PublishedCheck, text, number, status=status, source=f"{text}{status}")
            for status in ("agrees", "disagrees", "undefined", text)
        ),
        workers=(filled(Worker, text, number),),
        subjects=(filled(Subject, text, number),),
        studies=(study,),
    )


def read(results, before=None, language="en"):
    return pages.parse(page(Report(results, before, language)))


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_text_of_a_run_stays_text(text):
    made, calm = read(hostile(text)), read(hostile("calm"))
    assert [one.tag for one in made.all("script")] == [one.tag for one in calm.all("script")]
    assert pages.scripts(made) == pages.scripts(calm)
    assert made.one("title").text == calm.one("title").text
    assert {one.tag for one in made.all()} - FORMULAS <= {one.tag for one in calm.all()} | {"wbr", "mark"}
    for one in made.all():
        assert not [name for name in one.attributes if name.startswith("on")]
        assert one.attributes.get("href", "#").startswith(("#", "data:,"))
    shown = text.encode("utf-8", "replace").decode()
    assert {told["problem"] for told in pages.cells(made)} == {shown}
    assert " ".join(text.replace("\x00", "\ufffd").split()) in pages.section(made, "grid").text.replace(
        "\x00", "\ufffd"
    )


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_hostile_run_survives_its_file(tmp_path, text):
    hostile(text).write(tmp_path / FILE_NAME)
    assert page(Report(Results.read(tmp_path))) == page(Report(hostile(text)))


def test_page_beside_an_earlier_run_keeps_text_as_text():
    text = TEXTS["markup"]
    made = read(hostile(text), before=hostile(text, 0.25))
    assert pages.scripts(made) == pages.scripts(read(hostile("calm")))
    assert not made.all("img")


@pytest.mark.parametrize("number", NUMBERS)
def test_no_number_breaks_the_page(number):
    odd = Results(
        environment={"seconds": number, "seed": number},
        cells=tuple(
            filled(Measurement, repr(number), number, outcome=outcome, backend=backend, operator="gradient")
            for outcome in (Outcome.EXACT, Outcome.WRONG)
            for backend in ("a", "b")
        ),
    )
    assert read(odd, before=odd).one("html")


def test_every_field_of_text_and_number_is_filled():
    given = {"str", "float", "int", "bool", "tuple[float, ...]", "tuple[str, ...]", "tuple[int, ...]"}
    given |= {"Mapping[str, int]", "Mapping[str, Any]", "Outcome", "Numbers", "Numbers | None"}
    given |= {"tuple[Mapping[str, Any], ...]"}
    assert {str(f.type) for kind in KINDS.values() for f in fields(kind)} <= given


# Environments that are not what a run writes


@pytest.mark.parametrize(
    "environment",
    [
        {"backends": ["a"]},
        {"backends": None, "packages": [], "machine": "x", "seconds": "long", "seed": {"a": 1}},
        {"seconds": True},
        {"deep": [[[{"a": [{}]}]]]},
    ],
)
def test_odd_environment_does_not_break_the_page(environment):
    assert read(Results(environment=environment, cells=made_up(20).cells)).one("html")


# Runs of odd sizes


@pytest.mark.parametrize("count", [0, 1, 2])
def test_run_of_few_cells_has_its_page(count):
    run = made_up(count)
    made = read(Results(environment=run.environment, cells=run.cells))
    assert len(pages.cells(made)) == count


def test_run_without_times_has_its_page():
    made = read(Results(environment={}, cells=made_up(200, rounds=0).cells))
    assert pages.section(made, "times").children == []
    assert "Nothing was timed." in pages.section(made, "verdict").text


# Files


@pytest.fixture
def report(tmp_path):
    """``gradcheck report`` of a directory that holds such a file; its exit code and what it says."""

    def called(content):
        (tmp_path / FILE_NAME).write_bytes(content)
        done = CliRunner().invoke(app, ["report", str(tmp_path)])
        assert done.exception is None or isinstance(done.exception, SystemExit)
        return done.exit_code, " ".join(done.output.split())

    return called


WHOLE = {"record": "run", "schema": SCHEMA, "environment": {}}
LINE = json.dumps(WHOLE).encode() + b"\n"

REFUSED = {
    "empty": (b"", "line 1 is not JSON"),
    "binary": (bytes(range(256)) * 50, "line 1 is not JSON"),
    "newer schema": (
        json.dumps(WHOLE | {"schema": SCHEMA + 1}).encode(),
        f"has schema {SCHEMA + 1}, this version reads {SCHEMA}",
    ),
    "a cell without an outcome": (LINE + b'{"record": "cell", "suite": "s"}\n' + LINE, "line 2 is no cell"),
    "another tool's": (b"<html></html>\n", "line 1 is not JSON"),
}


@pytest.mark.parametrize(("content", "fault"), REFUSED.values(), ids=REFUSED)
def test_file_that_is_no_run_is_refused_in_one_sentence(report, content, fault):
    code, said = report(content)
    assert code == 2
    assert fault in said
    assert "Traceback" not in said


def test_directory_without_results_is_refused_in_one_sentence(tmp_path):
    done = CliRunner().invoke(app, ["report", str(tmp_path / "none")])
    assert done.exit_code == 2
    assert "cannot be read" in done.output


@pytest.mark.parametrize("cut", [-1, -2, -40, -200])
def test_file_cut_short_is_shown_as_far_as_it_goes(tmp_path, report, cut):
    made_up(3).write(tmp_path / "whole.jsonl")
    lines = (tmp_path / "whole.jsonl").read_bytes().splitlines(keepends=True)
    told = [line for line in lines if b'"record":"cell"' in line]
    code, said = report(lines[0] + b"".join(told[:-1]) + told[-1].replace(b"ball", "∂".encode() * 9)[:cut])
    assert code == 0, said
    made = pages.parse((tmp_path / "report.html").read_text(encoding="utf-8"))
    assert len(pages.cells(made)) == len(told) - (cut < -1)
    assert "did not come to its end" in pages.section(made, "verdict").text


@pytest.mark.parametrize("text", ["half a pair", "markup", "separators"])
def test_hostile_run_is_reported_from_the_shell(tmp_path, report, text):
    hostile(TEXTS[text]).write(tmp_path / "whole.jsonl")
    code, said = report((tmp_path / "whole.jsonl").read_bytes())
    assert code == 0, said
    assert (tmp_path / "report.html").exists()
