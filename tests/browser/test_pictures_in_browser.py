"""The charts of a run in a real browser: all are drawn, choices change them, and their points open cells."""

import math
import random

import gradcheck_reports
import pytest

from gradcheck import Measurement, Outcome, Results

pytestmark = pytest.mark.browser

CHARTS = ("accuracy", "speed", "precision", "profile", "primal", "growth")
FONT_SIZES = "texts => texts.map(text => parseFloat(getComputedStyle(text).fontSize))"
SIZES = (100, 1_000, 10_000, 100_000)


def _results():
    """Three backends, two dtypes, more questions than one picture has rows, and one problem of four sizes."""
    chance = random.Random(1)
    cells = [
        _cell(chance, suite, problem, backend, dtype, operator)
        for suite, problems in (("few", ("one", "two</script>'\"")), ("many", [f"p{n}" for n in range(12)]))
        for problem in problems
        for backend in ("engine", "torch", "a_backend_with_a_very_long_name_indeed")
        for dtype in ("float64", "float32")
        for operator in ("value", "gradient")
    ]
    grown = [
        _cell(chance, "grown", "sized", backend, "float64", operator, size)
        for backend in ("engine", "torch")
        for operator in ("value", "gradient")
        for size in SIZES
    ]
    return Results(environment={"seed": 0}, cells=tuple(cells + grown))


def _cell(chance, suite, problem, backend, dtype, operator, size=0):
    typical = (2e-6 if operator == "gradient" else 1e-6) * (3 if backend == "torch" else 1) + 1e-9 * size
    return Measurement(
        suite=suite,
        problem=problem,
        point=f"n={size}" if size else "x=1",
        backend=backend,
        device="cpu",
        dtype=dtype,
        operator=operator,
        outcome=Outcome.EXACT,
        digits=chance.uniform(5, 7),
        relative_error=chance.choice((0.0, 10 ** -chance.uniform(5, 7))),
        size=size,
        samples=tuple(typical * math.exp(chance.gauss(0, 0.01)) for _ in range(9)),
    )


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    (path,) = gradcheck_reports.write(_results(), tmp_path_factory.mktemp("pictures"))
    return path.as_uri()


def drawn(page, name):
    """The drawing of a chart, once it is there."""
    figure = page.locator(f"#chart-{name}")
    figure.scroll_into_view_if_needed()
    figure.locator(".drawing svg.plot").last.wait_for()
    return figure


def choose(figure, label, value):
    figure.locator(".facets label", has_text=label).locator("select").select_option(value)


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (360, "dark")])
def test_every_chart_is_drawn_in_letters_that_can_be_read(open_page, address, width, scheme):
    page = open_page(address, "#pictures", width=width, scheme=scheme)
    for name in CHARTS:
        figure = drawn(page, name)
        sizes = figure.locator("svg.plot text").evaluate_all(FONT_SIZES)
        assert len(sizes) > 4, name
        assert min(sizes) >= 12, name
    assert page.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize("name", CHARTS)
def test_a_choice_changes_the_drawing(open_page, address, name):
    page = open_page(address, "#pictures")
    figure = drawn(page, name)
    before = figure.locator(".drawing").inner_html()
    choose(figure, *(("Operator", "value") if name == "growth" else ("Suite", "few")))
    assert figure.locator(".drawing").inner_html() != before


def test_many_questions_are_ratios_and_few_stand_one_by_one(open_page, address):
    page = open_page(address, "#pictures")
    figure = drawn(page, "speed")
    assert figure.locator(".drawing a").count() == 0
    choose(figure, "Suite", "few")
    assert figure.locator(".drawing a").count() == 2 * 2 * 2 * 3
    assert "two</script>'\" value float32" in figure.locator(".drawing").inner_text()


@pytest.mark.parametrize("name", ["speed", "precision"])
def test_a_click_on_a_point_opens_its_cell(open_page, address, name):
    page = open_page(address, "#pictures")
    figure = drawn(page, name)
    choose(figure, "Suite", "few")
    point = figure.locator(".drawing a").last
    told = point.locator("[aria-label]").get_attribute("aria-label")
    point.dispatch_event("click")
    page.locator("dialog#cell[open]").wait_for()
    backend, problem = told.split(", ")[:2]
    assert problem.removesuffix(" x=1") in page.locator("#cell-title").inner_text()
    assert backend in page.locator("dialog .point").first.inner_text()


def test_the_keyboard_walks_from_point_to_point_and_opens_one(open_page, address):
    page = open_page(address, "#pictures")
    figure = drawn(page, "precision")
    points = figure.locator(".drawing a")
    assert points.evaluate_all("links => links.filter(link => link.tabIndex === 0).length") == 1
    points.first.focus()
    page.keyboard.press("ArrowRight")
    assert points.nth(1).evaluate("link => link === document.activeElement && link.tabIndex === 0")
    page.keyboard.press("Enter")
    page.locator("dialog#cell[open]").wait_for()
    assert page.evaluate("location.hash").startswith("#cell/")


def test_the_table_of_a_chart_has_the_rows_that_are_drawn(open_page, address):
    page = open_page(address, "#pictures")
    figure = drawn(page, "speed")
    figure.locator("summary").click()
    said = figure.locator(".twin")
    said.locator("tbody tr").first.wait_for()
    assert "of 184" in said.inner_text()
    choose(figure, "Suite", "few")
    assert "of 24" in said.inner_text()
    assert said.locator("tbody a").first.get_attribute("href").startswith("#cell/few/one/")


def test_readers_without_scripts_have_the_tables(open_page, address):
    page = open_page(address, "#pictures", scripts=False)
    for name in CHARTS:
        assert page.locator(f"#chart-{name} .twin tbody tr").count() > 1
        assert not page.locator(f"#chart-{name} .drawing").is_visible()
