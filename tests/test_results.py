"""Results survive being written and read, and a file that is none is refused in one line."""

import io
import json
import math
import operator
import re
from dataclasses import fields, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gradcheck import Measurement, Outcome, PublishedCheck, Results
from gradcheck.environment import describe
from gradcheck.errors import BadResults
from gradcheck.frames import Sample, read_frame
from gradcheck.records import KINDS, Control, Study, Subject, Timing, Worker, Yardstick, identity
from gradcheck.results import FILE_NAME, SCHEMA, Writer

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
    size=counts,
    key=texts,
    prepare=floats,
    first_call=floats,
    cold=floats,
    transfer=floats,
    peak_bytes=floats,
    calls=counts,
    samples=st.lists(floats, max_size=3).map(tuple),
    stationary=st.booleans(),
    stop=texts,
    group=texts,
)
checks = st.builds(PublishedCheck, **dict.fromkeys(PublishedCheck.__slots__, texts))
samples = st.lists(floats, max_size=3).map(tuple)
controls = st.builds(Control, key=texts, backend=texts, device=texts, samples=samples, twin=samples)
yardsticks = st.builds(Yardstick, group=texts, samples=samples)
workers = st.builds(
    Worker,
    backend=texts,
    device=texts,
    version=texts,
    title=texts,
    start=floats,
    overhead=floats,
    threads=st.dictionaries(texts, counts, max_size=2),
    settings=st.dictionaries(texts, st.one_of(texts, counts, st.booleans()), max_size=2),
)
subjects = st.builds(
    Subject,
    **dict.fromkeys(set(Subject.__slots__) - {"sources", "inputs", "wrt"}, texts),
    **dict.fromkeys(("sources", "inputs", "wrt"), st.lists(texts, max_size=2).map(tuple)),
)
numbers = st.dictionaries(
    texts,
    st.recursive(
        st.one_of(floats, counts, st.just("64x64, seeded")), lambda part: st.lists(part, max_size=3)
    ),
    max_size=3,
)
studies = st.builds(
    Study,
    suite=texts,
    problem=texts,
    point=texts,
    inputs=numbers,
    output=st.lists(counts, max_size=2).map(tuple),
    steps=st.lists(st.dictionaries(texts, st.one_of(texts, st.lists(counts, max_size=2))), max_size=2).map(
        tuple
    ),
    **dict.fromkeys(("curve", "surface", "differences", "pattern"), st.none() | numbers),
)


def several(of, *identity):
    """A few records, of which no two are about one thing."""
    about = operator.attrgetter(*identity)
    return st.lists(of, max_size=3, unique_by=about).map(tuple)


runs = st.builds(
    Results,
    environment=st.dictionaries(texts, st.one_of(texts, counts, st.lists(texts, max_size=2)), max_size=3),
    cells=several(measurements, "suite", "problem", "point", "backend", "device", "dtype", "operator"),
    published=several(checks, "suite", "problem", "point", "source", "quantity", "printed"),
    controls=several(controls, "key"),
    yardsticks=several(yardsticks, "group"),
    workers=several(workers, "backend", "device"),
    subjects=several(subjects, "suite", "problem"),
    studies=several(studies, "suite", "problem", "point"),
    finished=st.booleans(),
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


def run(*cells, published=(), finished=True):
    """A run of cells, told apart by their problems' names."""
    named = [replace(cell, problem=f"{cell.problem}{number}") for number, cell in enumerate(cells)]
    return Results(environment=ENVIRONMENT, cells=tuple(named), published=tuple(published), finished=finished)


def test_every_field_is_built_by_the_strategy():
    example = measurement()
    assert set(Measurement.__slots__) == {field for field in dir(example) if not field.startswith("_")}


def test_a_run_has_a_place_for_every_kind_of_record():
    held = " ".join(str(field.type) for field in fields(Results))
    assert {kind.__name__ for kind in KINDS.values() if kind.__name__ not in held} == {"Timing"}


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
def test_a_number_that_is_not_finite_survives_wherever_it_is_nested(tmp_path, number):
    zooms = {"zooms": [{"half": 1.0, "y": [1.0, number]}], "value": number}
    study = Study(suite="s", problem="p", point="x=0", inputs={"x": [[number]]}, output=(), curve=zooms)
    (found,) = Results.read(replace(run(), studies=(study,)).write(tmp_path / "r.jsonl")).studies
    assert repr(found) == repr(study)


def test_texts_of_a_study_stay_texts(tmp_path):
    steps = ({"name": "v1", "value": "nan", "operands": [0], "tangents": {"x": "inf"}},)
    truth = {"true": "0.333333333333333333333333333333"}
    study = Study(
        suite="s", problem="p", point="", inputs={"x": "8x9"}, output=(2, 1), steps=steps, differences=truth
    )
    (found,) = Results.read(replace(run(), studies=(study,)).write(tmp_path / "r.jsonl")).studies
    assert found == study


@pytest.mark.parametrize(
    ("first", "second", "identities"),
    [
        (Subject(suite="s", problem="p", code="old"), Subject(suite="s", problem="p", code="new"), 1),
        (Subject(suite="s", problem="p"), Subject(suite="t", problem="p"), 2),
        (
            Study(suite="s", problem="p", point="x=1", inputs={}, output=()),
            Study(suite="s", problem="p", point="x=1", inputs={"x": 1.0}, output=()),
            1,
        ),
        (
            Study(suite="s", problem="p", point="x=1", inputs={}, output=()),
            Study(suite="s", problem="p", point="x=2", inputs={}, output=()),
            2,
        ),
    ],
)
def test_of_two_records_about_one_problem_or_point_the_later_counts(first, second, identities):
    assert len({identity(first), identity(second)}) == identities
    found = Results.assembled({}, [first, second])
    assert [*found.subjects, *found.studies] == [first, second][2 - identities :]


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
    assert [line["record"] for line in lines] == ["run", "cell", "published", "end"]
    assert lines[0] == {"record": "run", "schema": SCHEMA, "environment": ENVIRONMENT}
    assert (lines[1]["ulps"], lines[1]["samples"], lines[1]["outcome"]) == ("inf", [1e-6, 2e-6], "exact")


def test_every_record_is_flushed_at_once():
    class Counting(io.StringIO):
        flushed = 0

        def flush(self):
            self.flushed += 1

    file = Counting()
    writer = Writer(file)
    writer.begin(ENVIRONMENT)
    writer.add(measurement())
    writer.add(check())
    writer.end({})
    assert file.flushed == 4
    assert file.getvalue().count("\n") == 4


# Files that are not whole, or none of ours.


@pytest.mark.parametrize("kept", [1, 20, -3, -1])
def test_truncated_last_line_is_ignored(tmp_path, kept):
    cells = measurement(), measurement(reason="naïve ∂f/∂x")
    path = run(*cells, finished=False).write(tmp_path / "r.jsonl")
    lines = path.read_bytes().split(b"\n")[:-1]
    path.write_bytes(b"\n".join([*lines[:-1], lines[-1][:kept]]))
    assert repr(Results.read(path)) == repr(run(measurement(), finished=False))


def test_line_cut_within_a_character_is_ignored(tmp_path):
    path = run(measurement(), measurement(reason="∂"), finished=False).write(tmp_path / "r.jsonl")
    content = path.read_bytes()
    path.write_bytes(content[: content.index("∂".encode()) + 1])
    assert len(Results.read(path).cells) == 1


def header(**changed):
    return json.dumps({"record": "run", "schema": SCHEMA, "environment": {}} | changed)


MISSHAPEN = [
    ("end", {}, "'environment'"),
    ("cell", {"outcome": "splendid"}, "'splendid'"),
    ("cell", {"digits": "many"}, "could not convert string to float: 'many'"),
    ("cell", {"digits": 10**400}, "int too large to convert to float"),
    ("cell", {"suite": None}, "None is no str"),
    ("cell", {"inputs": "three"}, "'three' is no int"),
    ("yardstick", {"group": {}, "samples": []}, "{} is no str"),
    ("worker", {"backend": "torch", "device": "cpu", "threads": [1]}, "[1] is no dict"),
    ("subject", {"suite": "a", "problem": "b", "sources": "F-1"}, "'F-1' is no list"),
    ("study", {"inputs": 3}, "3 is no dict"),
]


@pytest.mark.parametrize("missing", ["suite", "outcome"])
def test_cell_without_what_tells_it_apart_is_refused(tmp_path, missing):
    path = run(measurement()).write(tmp_path / "r.jsonl")
    lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    del lines[1][missing]
    path.write_text("\n".join(map(json.dumps, lines)), encoding="utf-8")
    with pytest.raises(BadResults, match=f"line 2 is no cell .*{missing}"):
        Results.read(path)


def test_what_a_later_version_adds_is_passed_over(tmp_path):
    path = run(measurement()).write(tmp_path / "r.jsonl")
    lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    added = [lines[0], lines[1] | {"mood": "fine"}, {"record": "omen"}, lines[2]]
    path.write_text("\n".join(map(json.dumps, added)), encoding="utf-8")
    assert repr(Results.read(path)) == repr(run(measurement()))


def test_what_an_earlier_version_lacks_has_its_default(tmp_path):
    cell = measurement(reason="none", size=3, stop="rounds")
    path = run(cell).write(tmp_path / "r.jsonl")
    lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    lines[1] = {key: value for key, value in lines[1].items() if key not in ("reason", "size", "stop")}
    path.write_text("\n".join(map(json.dumps, lines)), encoding="utf-8")
    (back,) = Results.read(path).cells
    assert (back.reason, back.size, back.stop) == ("", 0, "")


@pytest.mark.parametrize("text", ["bad\ud800name", "\udcff", "\\ud800", "\N{OLD PERSIAN SIGN A}"])
def test_half_a_surrogate_pair_survives_in_a_file_that_any_reader_takes(tmp_path, text):
    path = run(measurement(reason=text)).write(tmp_path / "r.jsonl")
    path.read_text(encoding="utf-8")
    assert Results.read(path).cells[0].reason == text


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
        (
            f"{header()}\n{'[' * 100_000}\n{header()}\n",
            "line 2 is not JSON",
            "name a file gradcheck wrote",
        ),
        ('{"record": ["run"]}\n', "line 1 is no record", "name a file gradcheck wrote"),
        (
            header(environment=["seed"]),
            "line 1 is no run (['seed'] is no dict)",
            "name a file gradcheck wrote",
        ),
        *(
            (
                f"{header()}\n{json.dumps({'record': kind} | content)}\n{header()}\n",
                f"line 2 is no {kind} ({fault})",
                "name a file gradcheck wrote",
            )
            for kind, content, fault in MISSHAPEN
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


# A run is a book: what comes later counts.


def test_a_later_line_about_a_cell_counts_and_its_times_join_it(tmp_path):
    first, second = measurement(key="a", outcome=Outcome.TIMEOUT), measurement(key="b")
    timing = Timing(key="b", samples=(1.0, 2.0), calls=3, stop="rounds", stationary=False)
    with (tmp_path / "r.jsonl").open("w", encoding="utf-8") as file:
        writer = Writer(file)
        writer.begin(ENVIRONMENT)
        writer.add(first)
        writer.begin({"seed": 1})
        writer.add(second)
        writer.add(timing)
        writer.end({"seconds": 3.5})
    found = Results.read(tmp_path / "r.jsonl")
    (cell,) = found.cells
    assert (cell.outcome, cell.samples, cell.calls, cell.stop) == (Outcome.EXACT, (1.0, 2.0), 3, "rounds")
    assert not cell.stationary
    assert found.environment == {**ENVIRONMENT, "seconds": 3.5, "resumed": [{"seed": 1}]}
    assert found.finished


def test_the_times_of_another_key_are_left_alone():
    cell, timing = measurement(key="now"), Timing(key="before", samples=(1.0,))
    assert Results.assembled({}, [cell, timing]).cells == (cell,)


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


def test_frame_of_samples_has_a_row_per_cell_and_round():
    cells = measurement(samples=(1.0, math.nan)), measurement(samples=()), measurement(samples=(3.0,))
    frame = run(*cells).samples_frame()
    assert tuple(frame.columns) == Sample.__slots__
    assert [("sine0", 0), ("sine0", 1), ("sine2", 0)] == list(
        zip(frame["problem"], frame["round"], strict=True)
    )
    np.testing.assert_array_equal(frame["seconds"], [1.0, math.nan, 3.0])


def exported(results, directory):
    paths = results.export(directory)
    frames = {
        "cells": results.to_frame(),
        "published": results.published_frame(),
        "samples": results.samples_frame(),
    }
    assert [path.name for path in paths] == [
        f"{name}.{form}" for name in frames for form in ("csv", "parquet")
    ]
    for path in paths:
        pd.testing.assert_frame_equal(read_frame(path), frames[path.stem])


def test_export_is_read_back_equal(tmp_path):
    pytest.importorskip("pyarrow")
    cells = (
        measurement(reason='a "quoted", text', samples=(1e-7, 0.1), relative_error=1 / 3, inputs=3),
        measurement(reason="", ulps=math.inf, point="NA", got="nan", true="1e-3", index="null"),
        measurement(reason="ünïcode\nnew line", outcome=Outcome.LOST_TINY),
    )
    exported(run(*cells, published=[check(printed="11.650"), check(printed="007", note="")]), tmp_path)


def test_export_writes_only_the_forms_that_are_named(tmp_path):
    run(measurement()).export(tmp_path, ["csv"])
    assert {"cells.csv", "published.csv", "samples.csv"} == {path.name for path in tmp_path.iterdir()}


def test_export_of_nothing_is_read_back_equal(tmp_path):
    pytest.importorskip("pyarrow")
    exported(run(), tmp_path)


@settings(max_examples=20, deadline=None)
@given(runs)
def test_any_export_is_read_back_equal(tmp_path_factory, results):
    pytest.importorskip("pyarrow")
    exported(results, tmp_path_factory.mktemp("run"))


# Facts about outcomes and the environment.


def test_failures_are_the_cells_that_speak_against_a_backend():
    cells = [measurement(outcome=outcome) for outcome in Outcome]
    assert {cell.outcome.value for cell in run(*cells).failures()} == {
        "wrong",
        "nan",
        "lost-tiny",
        "timeout",
        "out of memory",
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


def test_environment_is_json_and_names_machine_versions_and_seed():
    found = describe(7, {"engine": "0.1.0"})
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    assert found["seed"] == 7
    assert found["backends"] == {"engine": "0.1.0"}
    assert found["machine"]["cores"] >= 1
    assert found["machine"]["memory"] > 2**28
    assert found["load before"] >= 0
    assert found["packages"]["numpy"] == np.__version__
