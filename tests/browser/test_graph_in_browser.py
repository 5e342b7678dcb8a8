"""The drawn graph in a real browser: text fits its box, and its colours follow the page, light or dark."""

import shutil

import numpy as np
import pytest

from gradcheck.engine import trace, xp

sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
pytest.importorskip("pygraphviz", reason="pygraphviz is not installed")

CHROMIUM = shutil.which("chromium")
pytestmark = [pytest.mark.browser, pytest.mark.skipif(CHROMIUM is None, reason="no chromium on the path")]

GRAPHS = {
    "wengert": trace(lambda x1, x2: xp.log(x1) + x1 * x2 - xp.sin(x2))(2.0, 5.0),
    "power": trace(lambda x, y, z: x ** (xp.cos(y) * z**2), ["x", "y", "z"])(2.0, 1.0, 1.5),
    "network": trace(lambda W, b, x: xp.mean(xp.tanh(W @ x + b)), ["W", "b", "x"])(
        np.ones((4, 3)), np.ones((4, 1)), np.ones((3, 8))
    ),
    "square": trace(lambda x: x * x)(2.0),
}

INSIDE = """() => [...document.querySelectorAll('g')].filter(g => g.querySelector('rect')).flatMap(g => {
    const box = g.querySelector('rect').getBBox();
    return [...g.querySelectorAll('text')].map(text => {
        const has = text.getBBox();
        return [text.textContent, Math.min(has.x - box.x, box.x + box.width - has.x - has.width,
                                           has.y - box.y, box.y + box.height - has.y - has.height)];
    });
})"""


@pytest.fixture(scope="module")
def browser():
    with sync_api.sync_playwright() as playwright:
        launched = playwright.chromium.launch(
            executable_path=CHROMIUM,
            args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
        )
        yield launched
        launched.close()


@pytest.fixture
def page(browser):
    opened = browser.new_page()
    yield opened
    opened.close()


@pytest.mark.parametrize("name", GRAPHS)
def test_text_fits_its_box(page, name):
    page.set_content(GRAPHS[name].svg())
    margins = page.evaluate(INSIDE)
    assert len(margins) > len(GRAPHS[name].tape.nodes)
    assert [text for text, margin in margins if margin < 1] == []


@pytest.mark.parametrize(("scheme", "colour"), [("light", "rgb(31, 35, 40)"), ("dark", "rgb(230, 237, 243)")])
def test_picture_of_its_own_follows_the_reader(page, tmp_path, scheme, colour):
    path = tmp_path / "graph.svg"
    path.write_text(GRAPHS["wengert"].svg(), encoding="utf-8")
    page.emulate_media(color_scheme=scheme)
    page.goto(path.as_uri())
    assert page.evaluate("getComputedStyle(document.querySelector('text.name')).fill") == colour


def test_picture_within_a_page_follows_the_page(page):
    page.set_content(f"<body style='background: #000; color: rgb(250, 250, 200)'>{GRAPHS['square'].svg()}")
    assert page.evaluate("getComputedStyle(document.querySelector('text.name')).fill") == "rgb(250, 250, 200)"


def test_wide_picture_shrinks_to_the_page(page):
    page.set_viewport_size({"width": 400, "height": 600})
    page.set_content(GRAPHS["wengert"].svg())
    assert page.evaluate("document.documentElement.scrollWidth") <= 400
