"""The report in a real browser: it opens alone, leads to every cell, and is read by all, on anything."""

import re
from urllib.parse import quote

import gradcheck_reports
import pytest
from gradcheck_reports.language import languages

from gradcheck import Measurement, Outcome, PublishedCheck, Results
from runs import made_up

pytestmark = pytest.mark.browser

HOSTILE = (
    "<script>document.title='taken'</script><img src=x onerror=\"document.title='taken'\">/%2F?a=b#c'\"{{1}}"
)
BACKENDS = ("engine", "torch", "it's", "a_backend_with_a_very_long_name_indeed" * 2)


def hard_to_lay_out():
    """Two devices, two dtypes, four backends, and names that are long or look like markup."""
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
            got="25.1334567890123456",
            true="25.1234567890123456789012345678",
            calls=4,
            samples=(1e-5, 1.1e-5, 1.05e-5),
        )
        for problem in ("cube_of_quadratic", HOSTILE)
        for n, backend in enumerate(BACKENDS)
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
        environment={
            "seed": 0,
            "backends": dict.fromkeys(BACKENDS, "1.0"),
            "a": {"long": "x" * 400, HOSTILE: HOSTILE},
        },
        cells=tuple(cells),
        published=(printed,),
    )


def written(results, directory, **options):
    (path,) = gradcheck_reports.write(results, directory, **options)
    return path.as_uri()


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    return written(hard_to_lay_out(), tmp_path_factory.mktemp("hard"))


@pytest.fixture(scope="module")
def large(tmp_path_factory):
    return written(made_up(1600), tmp_path_factory.mktemp("large"))


def cell_address(problem="cube_of_quadratic", backend="torch", operator="hessian", dtype="float64"):
    where = ("chain", problem, "W=normal(4, 3), x=normal(3), b=normal(4)", backend, "cpu", dtype, operator)
    return "#cell/" + "/".join(quote(part, safe="") for part in where)


def fragment(page):
    return "#" + page.url.partition("#")[2]


def dialog(page):
    """The open dialog."""
    page.wait_for_selector("dialog#cell[open]")
    return page.locator("dialog#cell")


def shown(page):
    return page.locator(".page.shown").get_attribute("data-page")


def pages_of(page):
    return page.eval_on_selector_all(".page", "all => all.map(one => one.dataset.page)")


def go(page, name):
    page.evaluate("name => { location.hash = name }", name)
    page.wait_for_selector(f".page.shown[data-page='{name}']")


def open_details(page):
    page.evaluate("document.querySelectorAll('details').forEach(details => { details.open = true })")


# Alone and safe


def test_opens_quietly_and_alone(open_page, address):
    page = open_page(address)
    assert page.title() == "gradcheck report"
    assert "cells failed" in page.locator("#verdict .verdict").inner_text()


def test_a_script_that_is_put_in_does_not_run(browser, address):
    page = browser.new_page()
    page.goto(address)
    page.wait_for_selector("html.ready", state="attached")
    refused = []
    page.on("console", lambda message: refused.append(message.text))
    page.evaluate("""() => {
        const script = document.createElement("script");
        script.textContent = "document.title = 'taken'";
        document.body.append(script);
        const holder = document.createElement("div");
        holder.innerHTML = `<img src="x" onerror="document.title = 'taken'">`;
        document.body.append(holder);
        const frame = document.createElement("iframe");
        frame.src = "https://example.org";
        document.body.append(frame);
    }""")
    page.wait_for_timeout(200)
    assert page.title() == "gradcheck report"
    assert sum("Content Security Policy" in text for text in refused) >= 3
    page.close()


def test_hostile_names_are_shown_as_they_are(open_page, address):
    page = open_page(address, cell_address(HOSTILE))
    assert HOSTILE in dialog(page).inner_text()
    page.keyboard.press("Escape")
    for name in pages_of(page):
        go(page, name)
    assert page.title() == "gradcheck report"


# Every cell has an address


def test_cell_opens_to_answer_truth_and_command(open_page, address):
    page = open_page(address, cell_address(backend="it's"))
    cell = dialog(page)
    assert "O ok hessian cube_of_quadratic" in " ".join(cell.locator("h2").inner_text().split())
    assert cell.locator(".digits dd").all_inner_texts() == [
        "25.1334567890123456",
        "25.1234567890123456789012345678",
    ]
    assert cell.locator("mark").all_inner_texts() == ["3"]
    assert cell.locator("code").inner_text() == (
        "gradcheck run chain --select cube_of_quadratic --backend 'it'\"'\"'s' --device cpu --dtype float64 "
        "--operator hessian --seed 0"
    )
    assert cell.locator("svg").count() == 1
    assert cell.locator("tbody tr").count() == 16


def test_address_of_no_cell_says_so(open_page, address):
    page = open_page(address, "#cell/a/b/c/d/e/f/g")
    assert "This run has no such cell" in dialog(page).inner_text()


def test_closed_cell_leaves_the_page_behind_it(open_page, address):
    page = open_page(address, cell_address())
    assert shown(page) == "verdict"
    dialog(page).get_by_role("button", name="Close").click()
    page.wait_for_url(re.compile("#verdict$"))


def test_failure_leads_to_its_cell(open_page, address):
    page = open_page(address)
    page.locator("#failures a.name").first.click()
    assert "W wrong" in dialog(page).inner_text()


def test_back_and_forward_open_and_close(open_page, address):
    page = open_page(address, "#times")
    go(page, "backends")
    page.evaluate("address => { location.hash = address }", cell_address())
    dialog(page)
    page.go_back()
    page.wait_for_selector("dialog#cell:not([open])", state="attached")
    assert (shown(page), fragment(page)) == ("backends", "#backends")
    page.go_back()
    page.wait_for_selector(".page.shown[data-page='times']")
    page.go_forward()
    page.go_forward()
    dialog(page)


def test_escape_goes_back_past_every_cell_that_was_opened(open_page, address):
    page = open_page(address, "#cells")
    page.evaluate("scrollTo(0, 200)")
    page.locator("#cells tbody a").nth(3).click()
    dialog(page).locator("tbody a").nth(5).click()
    dialog(page).locator("tbody a").nth(2).click()
    before = page.evaluate("history.length")
    page.keyboard.press("Escape")
    page.wait_for_url(re.compile("#cells$"))
    assert page.evaluate("[scrollY, history.length]") == [200, before]
    page.go_forward()
    dialog(page)


# A choice has an address


def test_shared_choice_is_chosen_in_a_fresh_page(open_page, large):
    page = open_page(large, "#cells?backend=torch&outcome=failed")
    assert page.locator("#cells select[name=backend]").input_value() == "torch"
    rows = page.locator("#cells tbody tr")
    assert rows.count() > 5
    for row in rows.all_inner_texts():
        assert "torch" in row
        assert re.search("wrong|nan|lost-tiny|timeout|memory|crash|error", row)


def test_choice_stands_in_the_address_and_holds_on_the_grid_too(open_page, large):
    page = open_page(large, "#cells")
    page.locator("#cells select[name=suite]").select_option("delicate")
    page.locator("#cells input[type=search]").fill("problem_1")
    assert fragment(page) == "#cells?suite=delicate&text=problem_1"
    page.locator("nav a", has_text="Verdict").click()
    page.evaluate("location.hash = '#verdict?suite=delicate'")
    page.wait_for_function("document.querySelectorAll('tr[data-r]:not([hidden])').length < 6")
    captions = page.locator("table.grid:not(.totals) caption").filter(visible=True)
    assert [text.partition(":")[0] for text in captions.all_inner_texts()] == ["delicate"]
    page.locator("#grid .clear").click()
    assert fragment(page) == "#verdict"
    assert captions.count() == 5


def test_choice_of_nothing_says_so(open_page, large):
    page = open_page(large, "#verdict?text=no_such_problem")
    assert page.locator("#grid .nothing").is_visible()
    assert page.locator("#grid output").inner_text() == "0 of 1\u202f600 cells"


def test_tile_follows_the_choice(open_page, address):
    page = open_page(address)
    tile = page.locator("tr[data-r='1'] td[data-c='4']")
    assert tile.inner_text().split() == ["W", "3"]
    page.locator("#grid select[name=outcome]").select_option("exact")
    assert tile.inner_text() == ""
    assert tile.get_attribute("class").startswith("none")


def test_table_of_cells_sorts(open_page, large):
    page = open_page(large, "#cells")
    column = page.locator("#cells tbody td:nth-child(8)")
    heading = page.locator("#cells thead th", has_text="Digits")
    for direction in (1, -1):
        heading.click()
        page.wait_for_selector(f"#cells th[aria-sort={'ascending' if direction > 0 else 'descending'}]")
        digits = [float(text) for text in column.all_inner_texts()]
        assert digits == sorted(digits, reverse=direction < 0)
        assert len(digits) == 50


def test_outcomes_sort_by_severity(open_page, large):
    page = open_page(large, "#cells")
    page.locator("#cells thead th", has_text="Outcome").click()
    page.wait_for_selector("#cells th[aria-sort=ascending]")
    assert set(page.locator("#cells tbody .badge").all_inner_texts()) == {"W wrong"}


def test_twenty_thousand_cells_open_sort_and_filter(open_page, tmp_path):
    page = open_page(written(made_up(20_000, rounds=1), tmp_path), "#cells")
    assert "20\u202f000" in page.locator("#cells .dt-info").inner_text()
    page.locator("#cells thead th", has_text="Time").click()
    page.locator("#cells select[name=backend]").select_option("jax")
    page.wait_for_function("document.querySelector('#cells .dt-info').textContent.includes('2\u202f500')")
    page.locator("#cells tbody a").first.click()
    assert "jax" in dialog(page).inner_text()


# By keyboard alone


def focused(page):
    return page.evaluate("[document.activeElement.tagName, document.activeElement.dataset.c ?? null]")


def tab_to_grid(page):
    for _ in range(60):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.matches('td[data-c]')"):
            return
    pytest.fail("no Tab leads to the grid")


def test_grid_is_walked_and_opened_by_keyboard(open_page, address):
    page = open_page(address)
    tab_to_grid(page)
    assert focused(page) == ["TD", "0"]
    for key in ("ArrowRight", "ArrowRight", "ArrowDown", "ArrowLeft", "ArrowUp", "ArrowDown"):
        page.keyboard.press(key)
    at = page.evaluate("[document.activeElement.dataset.c, document.activeElement.parentElement.dataset.r]")
    assert at == ["1", "1"]
    page.keyboard.press("Enter")
    assert "engine" in dialog(page).inner_text()
    page.keyboard.press("Escape")
    page.wait_for_selector("dialog#cell:not([open])", state="attached")
    assert focused(page) == ["TD", "1"]


def test_skip_link_goes_past_the_head_and_stays_on_the_page(open_page, address):
    page = open_page(address, "#times")
    page.locator(".skip").focus()
    assert page.locator(".skip").bounding_box()["x"] >= 0
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"
    assert shown(page) == "times"


# On anything


@pytest.mark.parametrize("width", [360, 768, 1280])
def test_no_page_scrolls_sideways(open_page, address, width):
    page = open_page(address, width=width)
    for name in pages_of(page):
        go(page, name)
        open_details(page)
        assert page.evaluate("document.documentElement.scrollWidth") <= width, name
    page.evaluate("address => { location.hash = address }", cell_address())
    assert dialog(page).evaluate("one => one.scrollWidth - one.clientWidth") <= 0


def lightness(page, name="backgroundColor"):
    colour = page.evaluate(f"getComputedStyle(document.body).{name}")
    return sum(int(part) for part in re.findall(r"[0-9]+", colour)[:3]) / 3


def test_background_follows_the_preferred_scheme(open_page, address):
    assert lightness(open_page(address, scheme="dark")) < 50
    assert lightness(open_page(address, scheme="light")) > 200


def test_first_column_stays_in_sight_when_a_table_scrolls(open_page, address):
    page = open_page(address, width=360)
    box = page.locator("#grid .scroll").nth(1)
    before = box.locator("tbody th").first.bounding_box()["x"]
    box.evaluate("element => { element.scrollLeft = 200 }")
    assert box.locator("tbody th").first.bounding_box()["x"] == pytest.approx(before, abs=3)


def test_prints_every_page_in_dark_ink_without_scroll_boxes(open_page, address):
    page = open_page(address, scheme="dark")
    page.emulate_media(media="print")
    for name in pages_of(page):
        assert page.locator(f".page[data-page='{name}']").is_visible(), name
    assert page.evaluate("getComputedStyle(document.querySelector('.scroll')).overflow") == "visible"
    assert not page.locator("nav").first.is_visible()
    assert not page.locator("form.filter").first.is_visible()
    assert lightness(page, "color") < 80


def test_paper_holds_the_whole_grid_and_every_picture(open_page, large):
    page = open_page(large, width=703)  # of A4 between margins
    page.emulate_media(media="print")
    ends = "all => all.map(one => one.getBoundingClientRect().right)"
    assert max(page.eval_on_selector_all("table.grid", ends)) <= 703
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    figures = page.locator("figure[data-drawing]")
    assert figures.count() > 3
    assert page.locator("figure[data-drawing] .drawing svg").count() >= figures.count()


def test_is_read_without_scripts(open_page, address):
    page = open_page(address, scripts=False)
    for name in pages_of_markup(page):
        assert page.locator(f".page[data-page='{name}']").is_visible(), name
    assert "cells failed" in page.locator("#verdict .verdict").inner_text()
    assert page.locator("#grid td.wrong").first.is_visible()
    assert page.locator("#failures tbody tr").first.is_visible()
    assert "This table of 96 rows needs scripts" in page.locator("#cells").text_content()
    assert not page.locator("dialog").is_visible()


def pages_of_markup(page):
    return [one.get_attribute("data-page") for one in page.locator(".page").all()]


# For everyone


@pytest.mark.parametrize(
    ("scheme", "language", "options"),
    [
        ("light", "en", {}),
        ("dark", "es", {"runOnly": ["color-contrast", "html-lang-valid", "label", "button-name"]}),
    ],
    ids=["light", "dark and Spanish"],
)
def test_nothing_bars_a_reader(open_page, tmp_path, scheme, language, options):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe is not installed").Axe()
    page = open_page(written(made_up(64), tmp_path, language=language), scheme=scheme)
    options = {"resultTypes": ["violations"], **options}
    complaints = []

    def ask(where, context):
        for found in axe.run(page, context, options).response["violations"]:
            if found["impact"] in ("serious", "critical"):
                targets = [node["target"] for node in found["nodes"]][:3]
                complaints.append((where, found["id"], targets))

    for name in pages_of(page):
        go(page, name)
        open_details(page)
        page.wait_for_timeout(300)
        ask(name, f".page[data-page={name}]")
    ask("head", "header")
    go(page, "cells")
    page.locator("#cells tbody a").first.click()
    dialog(page)
    ask("cell", "dialog")
    assert complaints == []


@pytest.mark.skipif("es" not in languages(), reason="no Spanish catalogue")
def test_page_speaks_spanish(open_page, tmp_path):
    page = open_page(written(made_up(200), tmp_path, language="es"), "#cells")
    assert page.evaluate("document.documentElement.lang") == "es"
    assert page.title() != "gradcheck report"
    assert "celdas" in page.locator("#cells output").inner_text()
    page.locator("#cells tbody a").first.click()
    assert "correct digits" not in dialog(page).inner_text()
