"""The report in a real browser: nothing is loaded, nothing overflows, dark is dark, a row opens."""

import re
import shutil

import gradcheck_reports
import pytest

from gradcheck import Measurement, Outcome, PublishedCheck, Results

sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")

CHROMIUM = shutil.which("chromium")
pytestmark = [pytest.mark.browser, pytest.mark.skipif(CHROMIUM is None, reason="no chromium on the path")]

ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture(scope="module")
def browser():
    with sync_api.sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield launched
        launched.close()


def _results():
    """Two devices, two dtypes, four backends, and names that are hard to lay out."""
    outcomes = [Outcome.EXACT, Outcome.WRONG, Outcome.OK, Outcome.NAN]
    cells = [
        Measurement(
            suite="chain",
            problem=problem,
            point="W=normal(4, 3), x=normal(3), b=normal(4)",
            backend=backend,
            device=device,
            dtype=dtype,
            operator=operator,
            outcome=outcomes[n % 4] if problem == "cube_of_quadratic" else Outcome.EXACT,
            reason="outside the rounding bound " + "of_a_long_word" * 20,
            digits=3.0,
            ulps=1e9,
            index="d f[1] / d W[2,1]",
            got="-12.5",
            true="25.1234567890123456789012345678",
            samples=(1e-5, 1.1e-5),
        )
        for problem in ("cube_of_quadratic", "<script>document.title='taken'</script>" * 3)
        for n, backend in enumerate(("engine", "torch", "jax", "a_backend_with_a_very_long_name_indeed" * 2))
        for device in ("cpu", "cuda")
        for dtype in ("float64", "float32")
        for operator in ("value", "gradient", "hessian")
    ]
    printed = PublishedCheck(
        suite="chain",
        problem="cube_of_quadratic",
        point="x=5",
        source="F-ex4",
        quantity="gradient",
        printed="11.650",
        true="11.6487209421238194723401928341" * 6,
        status="disagrees",
    )
    return Results(
        environment={"seed": 0, "a": {"long": "x" * 400}}, cells=tuple(cells), published=(printed,)
    )


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    (path,) = gradcheck_reports.write(_results(), tmp_path_factory.mktemp("report"))
    return path.as_uri()


@pytest.fixture
def opened(browser, address):
    """Open the report; fails the test when the page complains or asks for anything but itself."""
    contexts, complaints, requests = [], [], []

    def open_page(width=1280, height=900, scheme="light"):
        context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme)
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("request", lambda request: requests.append(request.url))
        page.goto(address)
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert complaints == []
    assert {url for url in requests if not url.startswith("data:")} == {address}


def test_opens_quietly_and_alone(opened):
    page = opened()
    assert page.title() == "gradcheck report"
    assert "cells failed" in page.locator("#summary .verdict").first.inner_text()


@pytest.mark.parametrize("width", [360, 768, 1280])
def test_page_never_scrolls_sideways(opened, width):
    page = opened(width=width)
    page.evaluate("document.querySelectorAll('details').forEach(details => details.open = true)")
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def _lightness(page, name="backgroundColor"):
    colour = page.evaluate(f"getComputedStyle(document.body).{name}")
    return sum(int(part) for part in re.findall(r"[0-9]+", colour)[:3]) / 3


def test_background_follows_the_preferred_scheme(opened):
    assert _lightness(opened(scheme="dark")) < 50
    assert _lightness(opened(scheme="light")) > 200


CONTRAST = """
() => {
  const lightness = ([r, g, b]) => [r, g, b].map(v => v / 255)
    .map(v => v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const numbers = colour => colour.match(/[0-9.]+/g).map(Number);
  const behind = element => {
    for (; element; element = element.parentElement) {
      const colour = numbers(getComputedStyle(element).backgroundColor);
      if (colour.length === 3 || colour[3] > 0) return colour;
    }
    return [255, 255, 255];
  };
  const poor = new Set();
  for (const element of document.querySelectorAll('body *')) {
    if (![...element.childNodes].some(node => node.nodeType === 3 && node.data.trim())) continue;
    const pair = [numbers(getComputedStyle(element).color), behind(element)].map(lightness);
    pair.sort((a, b) => b - a);
    if ((pair[0] + 0.05) / (pair[1] + 0.05) < 4.5) poor.add(`${element.tagName}.${element.className}`);
  }
  return [...poor];
}
"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_all_text_has_enough_contrast(opened, scheme):
    page = opened(scheme=scheme)
    page.evaluate("document.querySelectorAll('details').forEach(details => details.open = true)")
    assert page.evaluate(CONTRAST) == []


def test_a_row_opens_to_its_operators_by_keyboard(opened):
    page = opened()
    row = page.locator("#grid tbody", has_text="cube_of_quadratic")
    operator = row.locator("tr.op").first
    assert not operator.is_visible()
    row.locator("summary").focus()
    page.keyboard.press("Enter")
    assert operator.is_visible()


def test_a_failed_operator_leads_to_its_details(opened):
    page = opened()
    row = page.locator("#grid tbody", has_text="cube_of_quadratic")
    row.locator("summary").click()
    row.locator("a").first.click()
    target = page.url.partition("#")[2]
    assert page.locator(f"#{target}").is_visible()
    assert "got" in page.locator(f"#{target}").inner_text()


def test_first_column_stays_in_sight_when_a_table_scrolls(opened):
    page = opened(width=360)
    box = page.locator("#grid .scroll").first
    before = box.locator("tbody th").first.bounding_box()["x"]
    box.evaluate("element => element.scrollLeft = 200")
    assert box.locator("tbody th").first.bounding_box()["x"] == pytest.approx(before, abs=3)


def test_prints_in_dark_ink_without_scroll_boxes(opened):
    page = opened(scheme="dark")
    page.emulate_media(media="print")
    assert page.evaluate("getComputedStyle(document.querySelector('.scroll')).overflow") == "visible"
    assert not page.locator("nav").is_visible()
    assert _lightness(page, "color") < 80
