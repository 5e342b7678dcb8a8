"""The page says who is right, what is wrong and where, whatever the results hold."""

import itertools
import math
import sys
from urllib.parse import unquote

import gradcheck_reports
import gradcheck_reports.sections
import pytest
from gradcheck_reports import Report, notation, race
from gradcheck_reports.embedding import coded, columnar, embedded, plain, rounded
from gradcheck_reports.page import page

import bare
import pages
from gradcheck import Control, Outcome, Results, UnknownName, Worker
from runs import made_up


def cell(outcome=Outcome.EXACT, **changes):
    return bare.cell(outcome, **{"samples": (1e-5, 1.1e-5, 1.2e-5) if outcome.ran else ()} | changes)


def check(status="agrees", **changes):
    facts = {
        "source": "F-ex1",
        "quantity": "gradient",
        "printed": "20280",
        "true": "20280.0000000000000000000000000",
    }
    return bare.check(status, **facts | changes)


WRONG = cell(
    Outcome.WRONG,
    backend="torch",
    operator="hessian",
    digits=0.3,
    index="d2 f / d x[1] d x[0]",
    got="25.5",
    true="25",
    reason="outside the rounding bound",
)


def read(results, language="en"):
    """The page of a run, as its elements."""
    return pages.parse(page(Report(results, language=language)))


def render(*cells, published=(), **environment):
    """The page of some cells."""
    return read(Results(environment={"seed": 7, **environment}, cells=cells, published=tuple(published)))


def section(*cells, name, **rest):
    return pages.section(render(*cells, **rest), name)


VERDICTS = [
    ("empty", [], "This run holds no cells: nothing was asked"),
    ("one", [cell()], "Nothing failed in 1 cell: 1 exact; every cell ran."),
    (
        "mixed",
        [cell(), cell(Outcome.OK, backend="numeric"), WRONG, cell(Outcome.NOT_INSTALLED, backend="jax")],
        "1 of 4 cells failed (1 wrong), in torch (1); 1 exact, 1 ok; 1 did not run (1 not installed).",
    ),
    ("nothing right", [WRONG], "1 of 1 cell failed (1 wrong), in torch (1); none is right; every cell ran."),
    ("nothing ran", [cell(Outcome.NO_DEVICE, device="cuda")], "Nothing ran in 1 cell: 1 no device."),
]


@pytest.mark.parametrize(
    ("cells", "sentence"), [case[1:] for case in VERDICTS], ids=[case[0] for case in VERDICTS]
)
def test_first_sentence_is_the_verdict(cells, sentence):
    assert sentence in section(*cells, name="verdict").one("p", within="verdict").text


def test_many_failing_backends_are_counted_not_listed():
    cells = [cell(Outcome.CRASH, backend=f"b{n}") for n in range(6)]
    assert "in b0 (1), b1 (1), b2 (1), b3 (1) and 2 other backends;" in render(*cells).text


def test_a_run_that_did_not_end_says_so():
    cut = Results(environment={}, cells=(cell(),), finished=False)
    assert "did not come to its end" in pages.section(read(cut), "verdict").text
    assert "did not come to its end" not in section(cell(), name="verdict").text


def test_failure_names_entry_answer_truth_and_ratio():
    row = section(cell(), WRONG, name="failures").one("tbody").one("tr")
    assert row.text == (
        "W wrong cube x=5 hessian d2 f / d x[1] d x[0] 25.5 25 1.02 outside the rounding bound"
    )


def test_first_wrong_digit_of_a_failure_is_marked():
    assert section(WRONG, name="failures").one("mark").text == "5"
    assert section(cell(Outcome.NAN, got="nan", true="1"), name="failures").one("mark").text == "nan"
    (told,) = pages.cells(render(WRONG))
    assert (told["right"], told["wrong"]) == (3, 1)


def test_failures_beyond_a_hundred_of_a_backend_are_left_to_the_table_of_cells():
    failed = [cell(Outcome.NAN, problem=f"p{n}", backend="a b") for n in range(130)]
    shown = section(*failed, name="failures")
    assert len(shown.one("tbody").all("tr")) == 100
    link = shown.all("a")[-1]
    assert link.text == "30 further failures in the table of cells"
    assert link.attributes["href"] == "#cells?backend=a%20b&dtype=float64&device=cpu&outcome=failed"


def tiles(grid):
    """The fields of the grid below the totals."""
    return [tile for table in grid.all("table")[1:] for tile in table.all("td")]


def test_grid_shows_the_worst_operator_and_the_fewest_digits():
    grid = section(
        cell(backend="torch"),
        WRONG,
        cell(Outcome.UNSUPPORTED, backend="torch", operator="hvp"),
        name="grid",
    )
    (tile,) = tiles(grid)
    assert tile.text == "W− 0"
    assert "wrong" in tile.classes


def test_grid_tells_its_scripts_which_row_and_column_a_field_is():
    grid = section(cell(problem="a"), cell(problem="b", backend="x"), cell(problem="b"), name="grid")
    rows = [row for row in grid.all("tr") if "data-r" in row.attributes]
    assert [row.attributes["data-r"] for row in rows] == ["0", "1"]
    assert [[t.attributes.get("data-c") for t in row.all("td")] for row in rows] == [["0", None], ["0", "1"]]


def test_totals_of_every_column_stand_above_the_grid():
    totals = section(cell(), WRONG, cell(Outcome.UNSUPPORTED, operator="hvp"), name="grid").all("table")[0]
    assert [row.text for row in totals.one("tbody").all("tr")] == [
        "Right 1 0",
        "Failed 0 1",
        "Not run 1 0",
        "Digits, median 15",
        "Slowdown – –",
    ]


@pytest.mark.parametrize("outcome", Outcome, ids=lambda outcome: outcome.value)
def test_every_outcome_is_in_the_legend_and_has_a_colour(outcome):
    made = render(cell(outcome))
    legend = made.one("dl", within="legend").text
    assert f"{outcome.letter} {outcome.value} {outcome.sentence} 1 cell" in legend
    assert f".{notation.tone(outcome)}" in made.one("style").children[0]


def test_columns_split_by_device_and_dtype_only_where_there_are_several():
    assert "float64" not in section(cell(), name="grid").text
    several = [cell(device=d, dtype=t) for d, t in itertools.product(("cuda", "cpu"), ("float32", "float64"))]
    head = section(*several, name="grid").all("thead")[0].text
    assert head == "Whole run engine cpu cuda float64 float32 float64 float32"


def test_backends_keep_the_order_of_the_run():
    cells = [cell(backend=name) for name in ("a", "b", "c")]
    grid = section(*cells, backends={"c": "1", "b": "1", "a": "1"}, name="grid")
    assert grid.all("thead")[0].text == "Whole run c b a"


def test_a_backend_that_is_not_installed_is_named_but_takes_no_column():
    made = render(cell(), cell(Outcome.NOT_INSTALLED, backend="jax", reason="jax is not installed"))
    assert "Left out, because nothing ran there: jax cpu float64 (not installed)." in made.text
    assert "jax is not installed" in pages.section(made, "not-run").text
    assert len(tiles(pages.section(made, "grid"))) == 1


def test_points_sort_by_number_not_by_letter():
    rows = section(*(cell(point=f"n={n}") for n in (10, 2, 1)), name="grid").all("table")[1].all("tr")
    assert [row.one("th", scope="row").text for row in rows[1:]] == ["cube n=1", "cube n=2", "cube n=10"]


def test_reasons_not_to_run_are_grouped_with_counts():
    idle = [cell(Outcome.UNSUPPORTED, problem=f"p{n}", reason="no hessian") for n in range(3)]
    (row,) = section(cell(), *idle, name="not-run").one("tbody").all("tr")
    assert row.text == "no hessian - unsupported 3 engine cpu float64 gradient"


# Times


def timed(backend, *samples, outcome=Outcome.EXACT, **changes):
    return cell(outcome, backend=backend, samples=samples, **changes)


def times(*cells, controls=()):
    """The fields of the times by what they say, and their classes."""
    made = read(Results(environment={}, cells=cells, controls=controls))
    return {entry.text: entry.classes for entry in pages.section(made, "times").all("td")}


def test_times_mark_the_fastest_and_give_ratios():
    assert times(timed("slow", 4e-5, 4e-5), timed("quick", 1e-5, 1e-5)) == {
        "10.0 µsfastest ±0%": ["first"],
        "40.0 µs4.00× ±0%": ["h1"],
    }


def test_a_ratio_within_the_noise_floor_is_level():
    row = timed("slow", *[1.2e-5] * 8), timed("quick", *[1e-5] * 8)
    twin = Control(key="k", backend="a", device="cpu", samples=(1.3,) * 8, twin=(1.0,) * 8)
    assert "12.0 µs1.20× ±0%" in times(*row)
    assert "12.0 µs1.20× level ±0%" in times(*row, controls=(twin,))


def test_workers_and_the_noise_floor_stand_with_the_environment():
    worker = Worker(
        backend="torch",
        device="cpu",
        version="2.13",
        start=1.5,
        threads={"openmp": 1},
        settings={"TF32": False},
    )
    twin = Control(key="k", backend="a", device="cpu", samples=(1.3,) * 8, twin=(1.0,) * 8)
    results = Results(environment={}, cells=(), workers=(worker,), controls=(twin,))
    said = pages.section(read(results), "environment").text
    assert "noise floor 30.0% (1 identical calls, a bound for 50 % of others)" in said
    assert "workers › torch on cpu › loads in 1.50 s" in said
    assert "workers › torch on cpu › threads › openmp 1" in said
    assert "workers › torch on cpu › TF32 False" in said


def test_a_wrong_answer_has_a_time_but_never_wins():
    said = times(
        timed("cheat", 1e-6, 1e-6, outcome=Outcome.WRONG), timed("a", 2.0, 2.0), timed("b", 3.0, 3.0)
    )
    assert said["1.00 µsW wrong"] == ["late"]
    assert said["2.00 sfastest ±0%"] == ["first"]


def test_a_ratio_that_noise_may_have_decided_is_level():
    quick, slow = (1.0, 1.2, 0.9, 1.1), (1.1, 1.1, 1.1, 1.0)
    assert any("level" in said for said in times(timed("a", *quick), timed("b", *slow)))


def test_a_lone_backend_is_not_the_fastest():
    assert times(timed("a", 1e-5, 1e-5)) == {"10.0 µs±0%": []}


def test_ratios_are_paired_by_round():
    drifting = {"a": timed("a", 1.0, 2.0, 4.0), "b": timed("b", 2.0, 4.0, 8.0)}
    laps = race.race(drifting)
    assert laps["b"].ratio == 2.0
    assert not laps["b"].level


@pytest.mark.parametrize("samples", [(), (math.nan,), (0.0, -1.0), (math.inf,)])
def test_samples_that_are_no_times_give_no_time(samples):
    assert race.lap(samples) is None
    made = render(cell(samples=samples))
    assert pages.section(made, "times").children == []
    assert [(one["median"], one["samples"]) for one in pages.cells(made)] == [(None, None)]


@pytest.mark.parametrize(("size", "left_out"), [(1, 0), (6, 0), (9, 1), (20, 5), (100, 39), (3000, 1445)])
def test_interval_of_the_median_leaves_out_the_tabulated_ranks(size, left_out):
    made = race.lap([float(n) for n in range(1, size + 1)])
    assert (made.low, made.high) == (1.0 + left_out, size - left_out)


def test_samples_reach_the_scripts_as_thousandths_of_the_median():
    (told,) = pages.cells(render(timed("a", 0.98, 1.0, math.nan, 1.05, first_call=0.12345)))
    assert (told["median"], told["samples"], told["first_call"]) == (1, [-20, 0, None, 50], 0.1235)


# Printed numbers


def test_wrong_printed_numbers_come_first_and_say_so_in_words():
    checks = [
        check(),
        check("undefined", printed="0", true="", source="C-7"),
        check("disagrees", printed="11.650", true="11.6487209421238194723401928341", source="F-ex4"),
    ]
    made = render(cell(), published=checks)
    rows = [row.text for body in pages.section(made, "printed").all("tbody") for row in body.all("tr")]
    assert rows == [
        "disagrees cube x=5 gradient 11.650 11.6487209421… F-ex4",
        "undefined cube x=5 gradient 0 no derivative C-7",
        "agrees cube x=5 gradient 20280 20280 F-ex1",
    ]
    link = pages.section(made, "verdict").one("a", href="#printed")
    assert link.text == (
        "3 printed numbers: 1 wrong, 1 where no derivative exists, 1 in agreement with the truth."
    )


def test_right_printed_numbers_are_said_to_agree():
    said = section(published=[check(), check(source="F-ex2")], name="verdict").text
    assert "2 printed numbers: 2 in agreement with the truth." in said


# Stability


def test_equal_results_give_equal_bytes(tmp_path):
    results = Results(environment={"seed": 1}, cells=(cell(), WRONG), published=(check(),))
    results.write(tmp_path / "results.jsonl")
    (first,) = gradcheck_reports.write(results, tmp_path / "a")
    (again,) = gradcheck_reports.write(Results.read(tmp_path), tmp_path / "b")
    assert first.name == "report.html"
    assert first.read_bytes() == again.read_bytes()


def test_order_of_the_cells_does_not_matter():
    cells = [
        cell(problem=p, backend=b, operator=o) for p in "ba" for b in "dc" for o in ("value", "gradient")
    ]
    written = [page(Report(Results(environment={}, cells=order))) for order in (cells, cells[::-1])]
    assert written[0] == written[1]


def test_nothing_is_loaded_from_anywhere():
    made = render(cell(), WRONG, cell(Outcome.NOT_INSTALLED, backend="jax"), published=[check()])
    policy = made.one("meta", **{"http-equiv": "Content-Security-Policy"}).attributes["content"]
    rules = dict(rule.split(" ", 1) for rule in policy.split("; "))
    allowed = pages.data(made, "libraries"), *pages.scripts(made)
    assert rules == {
        "default-src": "'none'",
        "script-src": " ".join(f"'sha256-{pages.digest(script)}'" for script in allowed),
        "style-src": "'unsafe-inline'",
        "img-src": "data:",
        "base-uri": "'none'",
        "form-action": "'none'",
    }
    for one in made.all():
        assert not {"src", "srcset", "action", "data", "poster"} & one.attributes.keys()
        assert not [name for name in one.attributes if name.startswith("on")]
        assert one.attributes.get("href", "#").startswith(("#", "data:,"))
    style = made.one("style").children[0]
    assert "url(" not in style
    assert "@import" not in style


def test_every_link_within_the_page_has_a_target():
    made = render(cell(), WRONG, published=[check("disagrees")])
    names = {one.attributes["id"] for one in made.all() if "id" in one.attributes}
    targets = {link.attributes["href"][1:].partition("?")[0] for link in made.all("a")}
    cells = {target for target in targets if target.startswith("cell/")}
    assert targets - cells - names - {unquote(name) for name in names} == set()
    assert cells == {
        f"cell/chain/cube/x%3D5/{who}" for who in ("torch/cpu/float64/hessian", "engine/cpu/float64/gradient")
    }


def test_every_table_has_a_caption_and_headings_with_a_scope():
    made = read(made_up(300))
    for table in made.all("table"):
        assert table.one("caption").text
        assert all(heading.attributes.get("scope") for heading in table.all("th"))


def test_no_two_elements_share_an_id():
    named = [one.attributes["id"] for one in read(made_up(300)).all() if "id" in one.attributes]
    assert len(named) == len(set(named))


def test_a_new_file_in_the_sections_folder_is_a_new_section(tmp_path, monkeypatch):
    source = """
from gradcheck_reports import Section

extra = Section(name="extra", title="More", order=15, render=lambda report: f"<p>{len(report.cells)}</p>")
silent = Section(name="silent", title="Silent", order=16, render=lambda report: "")
guest = Section(name="guest", title="Guest", order=17, render=lambda report: "<p>here</p>", page="verdict")
"""
    (tmp_path / "an_extra_section.py").write_text(source)
    home = gradcheck_reports.sections
    monkeypatch.setattr(home, "__path__", [*home.__path__, str(tmp_path)])
    try:
        made = render(cell())
    finally:
        sys.modules.pop(f"{home.__name__}.an_extra_section", None)
    shown = [
        (one.attributes["data-page"], [part.attributes["id"] for part in one.all("section")])
        for one in made.all("div", within="page")
    ]
    assert shown[:2] == [("verdict", ["verdict", "guest", "grid"]), ("extra", ["extra"])]
    assert "1" in pages.section(made, "extra").text
    assert "Silent" not in made.text
    assert [link.text for link in made.one("nav").all("a")][:2] == ["Verdict", "More"]


def test_an_empty_run_leaves_out_what_it_cannot_show():
    made = read(Results(environment={}, cells=()))
    assert [one.attributes["id"] for one in made.all("section")] == ["verdict"]


def test_a_language_that_is_not_there_is_named(tmp_path):
    with pytest.raises(UnknownName, match="no language is called 'xx'"):
        gradcheck_reports.write(Results(environment={}, cells=()), tmp_path, language="xx")


@pytest.mark.parametrize(("cells", "most"), [(2000, 1_000_000), (20_000, 3_000_000)])
def test_page_is_small(cells, most):
    assert len(page(Report(made_up(cells))).encode()) <= most


# Data for the page's scripts


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (math.nan, None),
        (math.inf, "∞"),
        (-math.inf, "−∞"),
        (2.0, 2),
        (1e300, 1e300),
        (True, True),
        (None, None),
        ({"a": (1.5, [math.nan])}, {"a": [1.5, [None]]}),
        ({1: "bad\ud800name"}, {"1": "bad?name"}),
    ],
)
def test_data_are_what_json_has(value, told):
    assert repr(plain(value)) == repr(told)


@pytest.mark.parametrize("text", ["</script><script>", "<!--", "\u2028", "\"'&", "x" * 5000 + "</script>"])
def test_data_cannot_leave_their_element(text):
    made = pages.parse(f"<main>{embedded('it', {'text': text})}</main>")
    assert len(made.one("main").children) == 1
    assert pages.data(made, "it") == {"text": text}


@pytest.mark.parametrize(
    ("value", "figures", "kept"),
    [(1234.5, 3, 1230.0), (9.996e-7, 3, 1e-6), (math.inf, 3, math.inf), (-0.0, 2, -0.0)],
)
def test_rounded_keeps_so_many_figures(value, figures, kept):
    assert rounded(value, figures) == kept


def test_columns_of_texts_are_coded_others_are_not():
    rows = [("a", 1), ("b", None), ("a", 2)]
    assert columnar(rows, ("name", "n")) == {
        "name": {"texts": ["a", "b"], "codes": [0, 1, 0]},
        "n": [1, None, 2],
    }
    assert columnar([], ("name",)) == {"name": []}
    assert coded([]) == {"texts": [], "codes": []}


# Notation


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (1e-10, "0.10 ns"),
        (9.996e-7, "1.00 µs"),
        (41.23e-6, "41.2 µs"),
        (0.9996e-3, "1.00 ms"),
        (0.123, "123 ms"),
        (1.5, "1.50 s"),
        (4000.0, "4\N{NARROW NO-BREAK SPACE}000 s"),
        (math.nan, "–"),
    ],
)
def test_seconds_have_three_digits_in_the_unit_that_fits(value, written):
    assert notation.seconds(value) == written


@pytest.mark.parametrize(
    ("written", "short"),
    [
        ("17576", "17576"),
        ("20280.0000000000000000000000000", "20280"),
        ("-0.000001234567890123456", "-0.00000123456789012…"),
        ("1.40129846432481707092372958329E-45", "1.40129846432…E-45"),
        ("[0.1, 0.0900305731703804]", "[0.1, 0.0900305731703…]"),
        ("formula only", "formula only"),
        ("nan", "nan"),
    ],
)
def test_long_numbers_are_cut_never_rounded(written, short):
    assert notation.decimal(written) == short


@pytest.mark.parametrize(
    ("got", "true", "written"),
    [
        ("-1", "1", "-1"),
        ("2.0000000001", "2", "1 + 5e-11"),
        ("3", "0", "–"),
        ("nan", "1", "–"),
        ("1e999999999", "1e-999999999", "–"),
        ("[1, 2]", "1", "–"),
    ],
)
def test_quotient_says_how_far_or_nothing(got, true, written):
    assert notation.quotient(got, true) == written


@pytest.mark.parametrize(("value", "written"), [(15.95, "15"), (0.99, "0"), (-3.0, "0"), (math.nan, "")])
def test_digits_are_never_rounded_up(value, written):
    assert notation.digits(value) == written
