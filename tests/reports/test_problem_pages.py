"""Every problem has a part of the page to itself, and what is drawn of it is what was seen."""

import math
from urllib.parse import unquote

import pytest
from gradcheck_reports import Report, page, studies
from gradcheck_reports.entries import entries
from gradcheck_reports.sections.understanding import LESSONS, example
from hypothesis import example as at
from hypothesis import given
from hypothesis import strategies as st

import pages
import studied
from gradcheck import Outcome, Results, Study, Subject


def parsed(results):
    return pages.parse(page.page(Report(results)))


def articles(results):
    return parsed(results).all("article", within="problem")


def restored(held):
    """The values that a script reads from what ``levels`` wrote."""
    at, values = 0, []
    for move in held["moves"]:
        at += move or 0
        values.append(math.nan if move is None else held["low"] + at * held["level"])
    return values


def test_an_article_says_what_the_problem_is():
    told = articles(studied.everything())[0].text
    for fact in ("cube", "A suite of examples", "the exponent left", "a forum, 2019", "F-ex1, M-power"):
        assert fact in told


def test_an_article_has_its_formula_typeset():
    (formula,) = articles(studied.run(studied.cube()))[0].all("math")
    assert formula.attributes["alttext"] == "x^3"


def test_an_article_has_every_point_with_its_inputs_and_its_output():
    (told,) = articles(studied.run(studied.linear()))
    assert told.one("th", scope="rowgroup").text == "W=normal(2x3) W=2×3, x=(0.5, -2, 1) → 2"


def test_a_point_whose_name_says_its_inputs_says_them_once():
    (told,) = articles(studied.run(studied.quadratic()))
    assert told.one("th", scope="rowgroup").text == "x=3, y=2"


def test_numbers_with_many_digits_are_cut_with_an_ellipsis():
    study = Study(suite="s", problem="p", point="drawn", inputs={"x": [1 / 3, 0.25]}, output=())
    assert "x=(0.333333…, 0.25)" in articles(studied.run(study))[0].text


def test_the_truth_of_every_operator_stands_in_all_its_digits():
    true = "0.333333333333333333333333333333"
    asked = {"value": true, "gradient": true, "jvp": "4", "hessian": ""}
    cells = tuple(studied.cell("s", "p", operator=name, true=text) for name, text in asked.items())
    (told,) = articles(Results(environment={}, cells=cells))
    assert [row.text for row in told.all("tr")[1:]] == [f"value x {true}", f"gradient x {true}"]


def test_the_truth_is_that_of_the_widest_dtype():
    cells = tuple(
        studied.cell("s", "p", dtype=name, true=text)
        for name, text in (("float32", "3.1"), ("float64", "3.14"))
    )
    (one,) = entries(Report(Results(environment={}, cells=cells)))
    assert [found.true for found in one.truths("x=1")] == ["3.14"]


@pytest.mark.parametrize(
    ("outcomes", "said"),
    [
        ((Outcome.EXACT, Outcome.WRONG), "wrong"),
        ((Outcome.EXACT, Outcome.UNSUPPORTED), "exact"),
        ((Outcome.OK, Outcome.EXACT), "ok"),
    ],
)
def test_the_table_has_the_worst_outcome_of_a_problem(outcomes, said):
    cells = tuple(studied.cell("s", "p", outcome=one, backend=one.value) for one in outcomes)
    table = parsed(Results(environment={}, cells=cells)).one("table", within="problems")
    assert table.all("td")[-1].text.endswith(said)


def test_problems_of_older_runs_are_known_by_their_cells():
    (told,) = articles(Results(environment={}, cells=(studied.cell("s", "p"),)))
    assert "x=1 gradient x 3.0000" in told.text
    assert not told.all("math")


def test_a_problem_that_nobody_answered_has_its_article():
    results = Results(environment={}, cells=(), subjects=(Subject(suite="s", problem="p", why="a reason"),))
    assert "a reason" in articles(results)[0].text


def test_problems_are_sorted_as_people_count():
    results = studied.named((("s", "n10"), ("s", "n9"), ("r", "z")))
    assert [one.problem for one in entries(Report(results))] == ["z", "n9", "n10"]


def test_every_name_leads_to_one_article_of_its_own():
    made = parsed(studied.named())
    leading = [link.attributes["href"] for link in made.one("table", within="problems").all("a")]
    ids = [one.attributes["id"] for one in made.all("article", within="problem")]
    assert leading == [f"#{name}" for name in ids]
    assert len(set(ids)) == len(studied.HOSTILE)
    parts = {tuple(map(unquote, name.split("/")[1:])) for name in ids}
    assert parts == set(studied.HOSTILE)


def test_the_page_of_a_run_without_problems_is_left_out():
    assert not parsed(Results(environment={}, cells=())).all("section", id="problems")


def test_four_hundred_problems_fit_the_page():
    named = [f"problem_{n}" for n in range(50)]
    cells = tuple(
        studied.cell("suite", name, operator=operator, point=point, true="0.333333333333333333333333333333")
        for name in named
        for operator in ("value", "gradient", "hessian")
        for point in ("x=1", "x=2")
    )
    subjects = tuple(
        Subject(suite="suite", problem=name, formula="(x^2 + 1)^3", why="w" * 80) for name in named
    )
    markup = page.page(Report(Results(environment={}, cells=cells, subjects=subjects)))
    start = markup.index('<section id="problems"')
    assert markup.index("</section>", start) - start < 1_500 * len(named)


@given(st.lists(st.floats(-1e6, 1e6) | st.floats(allow_nan=False, allow_infinity=False), min_size=2))
@at([0.0, 5e-324])
@at([1e17, 1e17])
@at([-1.7e308, 1.7e308, 0.0])
def test_values_are_drawn_where_they_are_to_half_a_level(values):
    held = studies.levels(values)
    for value, drawn in zip(values, restored(held), strict=True):
        if held["low"] <= value <= held["high"]:
            assert abs(value - drawn) <= 0.51 * held["level"]
        else:
            assert not held["low"] <= drawn <= held["high"] or math.isclose(
                drawn, value, abs_tol=held["level"]
            )


@pytest.mark.parametrize(
    ("values", "window"),
    [
        ([1.0, 2.0, 3.0], (1.0, 3.0)),
        ([0.0] * 5 + [1.0] * 54 + [1e17], (0.0, 1.6)),  # a pole among sixty samples
        ([2.0, 2.0], (1.0, 3.0)),
        ([math.nan, 4.0, math.inf], (3.0, 5.0)),
        ([math.nan], (-1.0, 1.0)),
        ([0.0, 5e-324], (-1.0, 1.0)),  # less than there are levels for
        ([1e6, 1e6], (999_000.0, 1_001_000.0)),
        ([], (-1.0, 1.0)),
    ],
)
def test_a_picture_shows_all_values_unless_a_few_would_crowd_out_the_others(values, window):
    assert studies.window(values) == pytest.approx(window)


def test_what_is_no_number_is_not_drawn():
    assert studies.levels([1.0, math.nan, math.inf, 2.0])["moves"] == [0, None, None, 1000]


def _errors(true, value, ladder=None):
    found = {"true": true, "steps": [0.5], "forward": [value], "central": [math.nan], "ladder": ladder}
    return studies.drawable(
        Study(suite="s", problem="p", point="x", inputs={}, output=(), differences=found)
    )["differences"]


@pytest.mark.parametrize(
    ("true", "value", "error"),
    [
        ("0.333333333333333333333333333333", 1 / 3, 5.55e-17),  # floating point would call it 0
        ("2.00000000000000000000000000000", 2.5, 0.25),
        ("-4", 4.0, 2.0),
        ("0", 1e-9, 1e-9),
        ("1e-400", 0.0, 1.0),
    ],
)
def test_difference_quotients_are_drawn_by_their_relative_error(true, value, error):
    held = _errors(true, value)
    assert held["forward"] == [error]
    assert math.isnan(held["central"][0])
    assert held["relative"] is (true != "0")


def test_the_ladder_has_its_error_and_its_error_bar_in_the_same_terms():
    held = _errors("2", 2.0, {"steps": [1.0, 0.1], "value": 2.002, "error": 0.004})["ladder"]
    assert held == {"steps": [1.0, 0.1], "error": 0.001, "bar": 0.002}


def test_the_gap_to_the_tangent_shrinks_with_the_square_of_the_distance():
    curve = studies.drawable(studied.cube())["curve"]
    assert [zoom["gap"] for zoom in curve["zooms"]] == pytest.approx([4.0, 0.031, 0.000301])


def test_a_surface_is_drawn_row_by_row():
    surface = studies.drawable(studied.quadratic())["surface"]
    values = restored(surface["z"])
    assert surface["columns"] == 41
    assert values[40] == pytest.approx(72, abs=0.1)
    assert values[-41] == pytest.approx(16, abs=0.1)


def test_studies_are_handed_to_the_scripts():
    held = pages.data(parsed(studied.everything()), "data-problems")
    assert [bool(one["steps"]) for one in held["studies"]] == [False, False, False, False, True]
    assert held["codes"][0] == ["suite", "cube", "def cube(xp, x):\n    return x**3"]


@pytest.mark.parametrize("lesson", LESSONS, ids=lambda lesson: lesson.picture)
def test_a_lesson_takes_the_example_it_would_like_best(lesson):
    able = {lesson.part: {"some": "thing"}}
    named = [
        Study(suite="s", problem=name, point="x", inputs={}, output=(), **able)
        for name in ("any", lesson.best[0])
    ]
    without = Study(suite="s", problem=lesson.best[0], point="x", inputs={}, output=())
    assert example(lesson, [without, *named]) == 2
    assert example(lesson, [without, named[0]]) == 1
    assert example(lesson, [without]) is None


def test_a_run_teaches_what_it_has_examples_of():
    understanding = pages.section(parsed(studied.run(studied.cube(), studied.product())), "understanding")
    places = understanding.all("div", within="example-place")
    assert [place.attributes["data-picture"] for place in places] == ["tangent", "differences", "graph"]
    assert [link.attributes["href"] for link in understanding.all("a")] == [
        "#problem/suite/cube",
        "#problem/suite/cube",
        "#problem/suite/product",
    ]


def test_a_run_without_studies_teaches_nothing():
    assert not parsed(studied.named()).all("section", id="understanding")
