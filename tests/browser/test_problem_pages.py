"""The problems' own parts of the page in a real browser: addresses, pictures, hostile names, phones."""

from urllib.parse import quote

import gradcheck_reports
import pytest

import studied

pytestmark = pytest.mark.browser

PICTURES = {
    "cube": ["tangent", "differences"],
    "quadratic": ["surface"],
    "linear": ["jacobian"],
    "product": ["graph"],
}


@pytest.fixture(scope="module")
def write(tmp_path_factory):
    def written(results):
        (path,) = gradcheck_reports.write(results, tmp_path_factory.mktemp("problems"))
        return path.as_uri()

    return written


@pytest.fixture(scope="module")
def address(write):
    return write(studied.everything())


def shown(page):
    """The names of the problems whose parts are seen."""
    return [one.inner_text().split()[0] for one in page.locator("article.problem:visible h3").all()]


def drawn(page):
    """The pictures that are seen, once they are drawn."""
    pictures = page.locator("article.problem:visible figure.picture")
    for place in range(pictures.count()):
        pictures.nth(place).locator(".drawing svg").first.wait_for()
    return [one.get_attribute("data-picture") for one in pictures.all()]


def go(page, fragment):
    page.evaluate("fragment => { location.hash = fragment; }", fragment)
    page.locator("article.problem:visible table.answers").wait_for()


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (360, "dark")])
def test_a_problem_opens_with_its_pictures_and_no_other(open_page, address, width, scheme):
    page = open_page(address, "#problem/suite/cube", width=width, scheme=scheme)
    for problem, pictures in PICTURES.items():
        go(page, f"#problem/suite/{problem}")
        assert shown(page) == [problem]
        assert drawn(page) == pictures
        assert not page.locator("table.problems").is_visible()
        page.evaluate("document.querySelectorAll('details').forEach(details => details.open = true)")
        assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_a_picture_says_its_numbers_when_asked(open_page, address):
    page = open_page(address, "#problem/suite/linear")
    twin = page.locator("figure.picture .twin")
    assert twin.locator("tr").count() == 0
    twin.locator("summary").click()
    twin.locator("tbody tr").first.wait_for()
    assert twin.locator("tbody tr").first.inner_text().split() == ["0", "0", "0.5"]
    assert twin.locator("tbody tr").count() == 6


def test_a_trace_sums_what_comes_back(open_page, address):
    page = open_page(address, "#problem/suite/product")
    page.locator("figure.picture .twin summary").click()
    row = page.locator("figure.picture .twin tbody tr").first
    row.wait_for()
    first = row.inner_text().split("\t")
    assert first == ["v₋₁", "x", "2", "1", "0", "5", "5 (v₁)"]


def test_a_problem_is_found_in_the_table_and_left_for_it(open_page, address):
    page = open_page(address, "#problems")
    assert shown(page) == []
    row = page.locator("table.problems tbody tr", has_text="cube")
    assert "the exponent left in its place" in row.inner_text()
    assert row.locator("math").count() == 1
    row.locator("a").click()
    assert shown(page) == ["cube"]
    page.locator("article.problem:visible").get_by_text("All problems").click()
    assert shown(page) == []
    assert page.locator("table.problems").is_visible()


def test_another_point_has_answers_of_its_own(open_page, address):
    page = open_page(address, "#problem/suite/cube")
    page.locator("article.problem:visible .facets select").select_option(label="x=1 again")
    page.locator("article.problem:visible table.answers a").click()
    assert "x=1 again" in page.locator("dialog .point").first.inner_text()


def test_the_source_and_the_inputs_are_there(open_page, address):
    page = open_page(address, "#problem/suite/linear")
    assert "return x**3" in page.locator("article.problem:visible pre").first.text_content()
    assert "W = [[1,2,3],[4,5,6]]" in page.locator("article.problem:visible pre").last.text_content()


def test_a_hostile_name_leads_to_its_problem_and_no_other(open_page, write):
    page = open_page(write(studied.named()), "#problems")
    for suite, problem in studied.HOSTILE:
        go(page, f"#problem/{quote(suite, safe='')}/{quote(problem, safe='')}")
        (article,) = page.locator("article.problem:visible").all()
        assert article.locator("h3").text_content() == f"{problem} {suite}"
        assert article.locator("table.answers td a").count() == 1
    assert page.title() == "gradcheck report"


def test_an_unknown_problem_leads_to_the_table(open_page, address):
    page = open_page(address, "#problem/suite/no_such")
    assert shown(page) == []
    assert page.locator("table.problems").is_visible()


def test_a_run_without_studies_has_answers_and_no_pictures(open_page, write):
    page = open_page(write(studied.named()), "#problem/a/b%2Fc")
    page.locator("article.problem:visible table.answers").wait_for()
    assert drawn(page) == []


def test_where_there_is_no_gradient_there_is_no_plane(open_page, write):
    page = open_page(write(studied.run(studied.quadratic(studied.NOWHERE))), "#problem/suite/quadratic")
    assert drawn(page) == ["surface"]
    assert page.locator("svg.surface .plane").count() == 0
    assert "no finite gradient" in page.locator("figure.picture figcaption").inner_text()


def test_what_a_derivative_is_is_drawn(open_page, address):
    page = open_page(address, "#understanding", width=360)
    places = page.locator(".example-place")
    assert places.count() == 5
    for place in range(5):
        places.nth(place).scroll_into_view_if_needed()
        places.nth(place).locator(".drawing svg").first.wait_for()
    assert page.evaluate("document.documentElement.scrollWidth") <= 360


def test_without_scripts_every_problem_is_told(open_page, address):
    page = open_page(address, scripts=False)
    assert len(shown(page)) == 4
    assert page.locator("article.problem math").count() == 4
    assert page.locator("article.problem", has_text="cube").get_by_text("3.0000000000").first.is_visible()
