"""An address shows one backend, and leads back to all of them."""

import gradcheck_reports
import pytest

from runs import made_up

pytestmark = pytest.mark.browser

SHOWN = (
    "() => [...document.querySelectorAll('article.backend')].filter(a => a.checkVisibility()).map(a => a.id)"
)


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    (path,) = gradcheck_reports.write(made_up(400), tmp_path_factory.mktemp("report"))
    return path.as_uri()


def test_address_shows_one_backend_and_all_of_them_again(open_page, address):
    page = open_page(address, "#backend/jax")
    table = page.locator(".all-backends")
    assert page.evaluate(SHOWN) == ["backend/jax"]
    assert not table.is_visible()
    page.get_by_role("link", name="All backends").locator("visible=true").click()
    table.wait_for(state="visible")
    assert page.evaluate(SHOWN) == []
    table.get_by_role("link", name="torch", exact=True).first.click()
    table.wait_for(state="hidden")
    assert page.evaluate(SHOWN) == ["backend/torch"]


def test_address_of_an_unknown_backend_shows_the_table(open_page, address):
    page = open_page(address, "#backend/nobody")
    assert page.evaluate(SHOWN) == []
    assert page.locator(".all-backends").is_visible()


def test_suite_of_a_backend_leads_to_its_cells(open_page, address):
    page = open_page(address, "#backend/jax")
    page.locator("article.shown").get_by_role("link", name="jacobians").click()
    page.wait_for_selector("#cells table.cells")
    chosen = "() => ['suite', 'backend'].map(n => document.querySelector(`#cells select[name=${n}]`).value)"
    assert page.evaluate(chosen) == ["jacobians", "jax"]


def test_backends_stand_below_each_other_without_scripts(open_page, address):
    page = open_page(address, scripts=False)
    assert page.locator("article.backend").count() == 8
    assert page.locator("article.backend").last.is_visible()
