"""Results survive being written and read, and a file that is none is refused in one line."""

import io
import json
import math
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gradcheck import Measurement, Outcome, PublishedCheck, Results
from gradcheck.errors import BadResults
from gradcheck.results import FILE_NAME, SCHEMA, Writer, environment, read_frame

pd = pytest.importorskip("pandas")

ENVIRONMENT = {"seed": 0, "machine": {"cpu": "Ünïcode ™", "cores": 2}, "backends": {"engine": "0.1.0"}}

texts = st.text(max_size=8)
floats = st.floats(allow_nan=True, allow_infinity=True)
counts = st.integers(0, 2**40)

measurements = st.builds(
    Measurement,
    suite=texts,
    problem=texts,
    point=texts,
    backend=texts,
    device=texts,
    dtype=texts,
    operator=texts,
    outcome=st.sampled_from(Outcome),
    reason=texts,
    relative_error=floats,
    ulps=floats,
    condition=floats,
    digits=floats,
    index=texts,
    got=texts,
    true=texts,
    truth=texts,
    truth_digits=floats,
    inputs=counts,
    outputs=counts,
    first_call=floats,
    calls=counts,
    samples=st.lists(floats, max_size=3).map(tuple),
)
checks = st.builds(PublishedCheck, **dict.fromkeys(PublishedCheck.__slots__, texts))
runs = st.builds(
    Results,
    environment=st.dictionaries(texts, st.one_of(texts, counts, st.lists(texts, max_size=2)), max_size=3),
    cells=st.lists(measurements, max_size=3).map(tuple),
    published=st.lists(checks, max_size=3).map(tuple),
)


def measurement(**changed):
    given = {
        "suite": "chain_rule",
        "problem": "sine",
        "point": "x=1",
        "backend": "engine",
        "device": "cpu",
        "dtype": "float64",
        "operator": "gradient",
        "outcome": Outcome.EXACT,
    }
    return Measurement(**given | changed)


def check(**changed):
    fields = dict.fromkeys(PublishedCheck.__slots__, "text")
    return PublishedCheck(**fields | changed)


def run(*cells, published=()):
    return Results(environment=ENVIRONMENT, cells=cells, published=tuple(published))


def test_every_field_is_built_by_the_strategy():
    example = measurement()
    assert set(Measurement.__slots__) == {field for field in dir(example) if not field.startswith("_")}


@settings(max_examples=60, deadline=None)
@given(runs)
def test_run_is_read_as_it_was_written(tmp_path_factory, results):
    path = results.write(tmp_path_factory.mktemp("run") / FILE_NAME)
    found = Results.read(path)
    assert repr(found) == repr(results)  # NaN is not equal to itself, its text is
    assert found.environment == results.environment


def test_run_is_read_from_its_directory(tmp_path):
    run(measurement()).write(tmp_path / FILE_NAME)
    assert repr(Results.read(tmp_path)) == repr(run(measurement()))
    assert repr(Results.read(str(tmp_path))) == repr(run(measurement()))


def test_every_outcome_survives(tmp_path):
    cells = [measurement(outcome=outcome) for outcome in Outcome]
    found = Results.read(run(*cells).write(tmp_path / "r.jsonl"))
    assert [cell.outcome for cell in found.cells] == list(Outcome)


@pytest.mark.parametrize(
    "separator", ["\u2028", "\u2029", "\x85", "\x0b", "\x1c", "\r", "\n", "\r\n", '"', "\\"]
)
def test_text_with_a_separator_stays_on_its_line(tmp_path, separator):
    cell = measurement(reason=f"before{separator}after")
    assert Results.read(run(cell).write(tmp_path / "r.jsonl")).cells[0].reason == cell.reason


def test_file_is_one_json_object_a_line_and_valid_for_any_reader(tmp_path):
    cell = measurement(relative_error=math.nan, ulps=math.inf, samples=(1e-6, 2e-6))
    path = run(cell, published=[check()]).write(tmp_path / "r.jsonl")

    def refuse(constant):
        raise AssertionError(constant)

    lines = [json.loads(line, parse_constant=refuse) for line in path.read_text("utf-8").split("\n")[:-1]]
    assert [line["record"] for line in lines] == ["run", "cell", "published"]
    assert lines[0] == {"record": "run", "schema": SCHEMA, "environment": ENVIRONMENT}
    assert (lines[1]["ulps"], lines[1]["samples"], lines[1]["outcome"]) == ("inf", [1e-6, 2e-6], "exact")


def test_every_record_is_flushed_at_once():
    class Counting(io.StringIO):
        flushed = 0

        def flush(self):
            self.flushed += 1

    file = Counting()
    writer = Writer(file, ENVIRONMENT)
    writer.add(measurement())
    writer.add(check())
    assert file.flushed == 3
    assert file.getvalue().count("\n") == 3


# Files that are not whole, or none of ours.


@pytest.mark.parametrize("kept", [1, 20, -3, -1])
def test_truncated_last_line_is_ignored(tmp_path, kept):
    path = run(measurement(), measurement(reason="naïve ∂f/∂x")).write(tmp_path / "r.jsonl")
    lines = path.read_bytes().split(b"\n")[:-1]
    path.write_bytes(b"\n".join([*lines[:-1], lines[-1][:kept]]))
    assert repr(Results.read(path)) == repr(run(measurement()))


def test_line_cut_within_a_character_is_ignored(tmp_path):
    path = run(measurement(), measurement(reason="∂")).write(tmp_path / "r.jsonl")
    content = path.read_bytes()
    path.write_bytes(content[: content.index("∂".encode()) + 1])
    assert len(Results.read(path).cells) == 1


def header(**changed):
    return json.dumps({"record": "run", "schema": SCHEMA, "environment": {}} | changed)


@pytest.mark.parametrize(
    ("content", "fault", "remedy"),
    [
        ("", "line 1 is not JSON", "name a file gradcheck wrote"),
        ("{", "line 1 is not JSON", "name a file gradcheck wrote"),
        ("suite,problem\n1,2\n", "line 1 is not JSON", "name a file gradcheck wrote"),
        (f"{header()}\nno json\n{header()}\n", "line 2 is not JSON", "name a file gradcheck wrote"),
        ("[1, 2]\n", "line 1 is no record", "name a file gradcheck wrote"),
        ('{"a": 1}\n', "line 1 is no record", "name a file gradcheck wrote"),
        ('{"record": "cell"}\n', "does not start with a run's environment", "name a file gradcheck wrote"),
        (
            header(schema=SCHEMA + 1),
            f"has schema {SCHEMA + 1}, this version reads {SCHEMA}",
            "repeat the run, or read it with the version that wrote it",
        ),
        (
            '{"record": "run"}',
            f"has schema None, this version reads {SCHEMA}",
            "repeat the run, or read it with the version that wrote it",
        ),
    ],
)
def test_file_that_is_no_run_is_refused(tmp_path, content, fault, remedy):
    path = tmp_path / "r.jsonl"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(BadResults, match=f"^{re.escape(f'results {path}: {fault}; {remedy}.')}$"):
        Results.read(path)


def test_binary_file_is_refused(tmp_path):
    path = tmp_path / "r.jsonl"
    path.write_bytes(b"\x80\x81\x00\xff")
    with pytest.raises(BadResults, match="line 1 is not JSON"):
        Results.read(path)


def test_missing_file_is_named(tmp_path):
    path = tmp_path / "none.jsonl"
    reason = f"[Errno 2] No such file or directory: '{path}'"
    message = f"results {path}: cannot be read ({reason}); name a run's directory or file."
    with pytest.raises(BadResults, match=f"^{re.escape(message)}$"):
        Results.read(path)


# Frames.


def test_frame_is_tidy():
    cells = (measurement(samples=(1.0, 2.0), ulps=0.5), measurement(outcome=Outcome.NO_DEVICE))
    frame = run(*cells).to_frame()
    assert tuple(frame.columns) == Measurement.__slots__
    assert len(frame) == 2
    assert list(frame["outcome"]) == ["exact", "no device"]
    assert list(frame["samples"]) == [(1.0, 2.0), ()]
    floats = ["relative_error", "ulps", "condition", "digits", "truth_digits", "first_call"]
    assert all(frame[name].dtype == np.float64 for name in floats)
    assert all(frame[name].dtype == np.int64 for name in ("inputs", "outputs", "calls"))
    assert math.isnan(frame["ulps"][1])


def test_frame_of_nothing_has_all_columns():
    assert tuple(run().to_frame().columns) == Measurement.__slots__
    assert run().to_frame()["inputs"].dtype == np.int64
    assert tuple(run().published_frame().columns) == PublishedCheck.__slots__


def exported(results, directory):
    paths = results.export(directory)
    assert [path.name for path in paths] == [
        "cells.csv",
        "cells.parquet",
        "published.csv",
        "published.parquet",
    ]
    for path in paths:
        frame = results.to_frame() if path.stem == "cells" else results.published_frame()
        pd.testing.assert_frame_equal(read_frame(path), frame)


def test_export_is_read_back_equal(tmp_path):
    pytest.importorskip("pyarrow")
    cells = (
        measurement(reason='a "quoted", text', samples=(1e-7, 0.1), relative_error=1 / 3, inputs=3),
        measurement(reason="", ulps=math.inf, point="NA", got="nan", true="1e-3", index="null"),
        measurement(reason="ünïcode\nnew line", outcome=Outcome.LOST_TINY),
    )
    exported(run(*cells, published=[check(printed="11.650"), check(printed="007", note="")]), tmp_path)


def test_export_of_nothing_is_read_back_equal(tmp_path):
    pytest.importorskip("pyarrow")
    exported(run(), tmp_path)


@settings(max_examples=20, deadline=None)
@given(runs)
def test_any_export_is_read_back_equal(tmp_path_factory, results):
    pytest.importorskip("pyarrow")
    exported(results, tmp_path_factory.mktemp("run"))


def test_run_shows_itself_as_a_table():
    assert "<table" in run(measurement())._repr_html_()


# Facts about outcomes and the environment.


def test_failures_are_the_cells_that_speak_against_a_backend():
    cells = [measurement(outcome=outcome) for outcome in Outcome]
    assert {cell.outcome.value for cell in run(*cells).failures()} == {
        "wrong",
        "nan",
        "lost-tiny",
        "timeout",
        "crash",
        "error",
    }


def test_outcomes_have_distinct_letters_and_a_sentence_each():
    assert len({outcome.letter for outcome in Outcome}) == len(Outcome)
    assert all(outcome.sentence for outcome in Outcome)
    assert {outcome.value for outcome in Outcome if outcome.ran} == {
        "exact",
        "ok",
        "wrong",
        "nan",
        "convention",
        "lost-tiny",
        "undefined",
    }


def test_environment_is_json_and_names_machine_versions_and_seed(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    found = environment(7, {"engine": "0.1.0"})
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    assert found["seed"] == 7
    assert found["backends"] == {"engine": "0.1.0"}
    assert found["machine"]["cores"] >= 1
    assert found["threads"]["OMP_NUM_THREADS"] == "3"
    assert found["packages"]["numpy"] == np.__version__
