"""How long a report takes to be written, how large it is, how long its reader waits; never asserted."""

import shutil
from time import perf_counter, process_time

import gradcheck_reports
import pytest

from gradcheck import Results
from runs import made_up
from tables import show

SIZES = (2000, 20_000)
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
GOALS = ("goals: 1 MB and 3 MB, 3 s to write, 200 ms to sort and to filter",)

# Until what a reader asked for is on the screen: two frames after the script that does it.
WAITS = """async (action) => {
    const frame = () => new Promise((done) => requestAnimationFrame(done));
    const started = performance.now();
    await ACTIONS[action]();
    await frame();
    await frame();
    return performance.now() - started;
}"""
ACTIONS = """window.ACTIONS = {
    sort: () => {
        const heading = document.querySelector("#cells thead th:nth-child(10)");
        heading.dispatchEvent(new MouseEvent("click", { bubbles: true }));
    },
    filter: () => {
        const select = document.querySelector("#cells select[name=outcome]");
        select.value = select.value === "failed" ? "" : "failed";
        select.dispatchEvent(new Event("change", { bubbles: true }));
    },
    search: () => {
        const search = document.querySelector("#cells input[type=search]");
        search.value = search.value ? "" : "problem_1";
        search.dispatchEvent(new Event("input", { bubbles: true }));
    },
    "filter of the grid": () => {
        const select = document.querySelector("#grid select[name=backend]");
        select.value = select.value === "jax" ? "" : "jax";
        select.dispatchEvent(new Event("change", { bubbles: true }));
    },
    "a cell": async () => {
        location.hash = document.querySelector("#cells tbody a").hash;
        while (!document.querySelector("dialog#cell[open]")) await new Promise((done) => setTimeout(done));
        document.getElementById("cell").close();
    },
}"""
VISITS = {
    "sort": "cells",
    "filter": "cells",
    "search": "cells",
    "a cell": "cells",
    "filter of the grid": "verdict",
}


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Runs of every size, in files."""
    folders = {size: tmp_path_factory.mktemp(str(size)) for size in SIZES}
    for size, folder in folders.items():
        made_up(size).write(folder / "results.jsonl")
    return folders


def timed(work, *arguments):
    """What comes of it, seconds, and seconds of the processor: on a busy machine these are the work's own."""
    began = perf_counter(), process_time()
    made = work(*arguments)
    return made, perf_counter() - began[0], process_time() - began[1]


def test_writing(benchmark, capsys, files):
    def write():
        rows = []
        for size, folder in files.items():
            results, *reading = timed(Results.read, folder)
            (path,), *writing = timed(gradcheck_reports.write, results, folder)
            rows.append((size, *reading, *writing, path.stat().st_size / 1e6))
        return rows

    write()  # templates are compiled once
    show(
        capsys,
        "a report of made-up cells",
        ("cells", "read s", "of cpu", "write s", "of cpu", "MB"),
        benchmark.pedantic(write, rounds=1),
        GOALS,
    )


def middle(values):
    return sorted(values)[len(values) // 2]


@pytest.mark.skipif(CHROMIUM is None, reason="no chromium on the path")
def test_reading(benchmark, capsys, files):
    sync_api = pytest.importorskip("playwright.sync_api")

    def read():
        rows = []
        with sync_api.sync_playwright() as playwright:
            browser = playwright.chromium.launch(
                executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"]
            )
            for size, folder in files.items():
                (path,) = gradcheck_reports.write(Results.read(folder), folder)
                page = browser.new_page()
                began = perf_counter()
                page.goto(path.as_uri())
                page.wait_for_selector("html.ready", state="attached")
                waits = {"open": 1e3 * (perf_counter() - began)}
                page.evaluate(ACTIONS)
                for action, place in VISITS.items():
                    page.evaluate("place => { location.hash = place }", place)
                    page.wait_for_selector(f".page.shown[data-page={place}]")
                    waits[action] = middle([page.evaluate(WAITS, action) for _ in range(9)])
                rows.append((size, *waits.values()))
            browser.close()
        return rows

    show(
        capsys,
        "milliseconds until it is seen, medians of nine",
        ("cells", "open", *VISITS),
        benchmark.pedantic(read, rounds=1),
        GOALS,
    )
