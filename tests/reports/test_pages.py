"""Backends, delicate points and what changed: each page says what the run holds, and nothing it does not."""

import pytest
from gradcheck_reports import Report
from gradcheck_reports.page import page

import bare
import pages
from gradcheck import Control, Outcome, Results, Subject, Worker
from gradcheck.records import Yardstick

HOSTILE = "a/b?c=<i>&'\"#%41 é"


def cell(outcome=Outcome.EXACT, **changes):
    answer = {"got": "1.0", "true": "1", "digits": 15.9} if outcome.ran else {}
    return bare.cell(outcome, **{"backend": "torch"} | answer | changes)


def run(*cells, **rest):
    return Results(environment={"seed": 7}, cells=cells, **rest)


def section(results, name, *, before=None, language="en"):
    return pages.section(pages.parse(page(Report(results, before, language))), name)


def table(part, caption):
    """The rows of the table whose caption begins so, as texts."""
    (found,) = [one for one in part.all("table") if one.one("caption").text.startswith(caption)]
    return [[field.text for field in row.children if hasattr(field, "tag")] for row in found.all("tr")]


# One part for every backend


def article(results, name="torch"):
    part = section(results, "backends")
    (found,) = [one for one in part.all("article") if one.one("h3").text.startswith(name)]
    return found


def test_every_backend_has_a_part_where_the_table_leads():
    part = section(run(cell(), cell(backend="jax"), cell(backend=HOSTILE)), "backends")
    links = [link.attributes["href"] for link in part.one("table", within="sortable").all("a", within="name")]
    assert links == [f"#{one.attributes['id']}" for one in part.all("article")]
    assert "#backend/torch" in links
    assert HOSTILE in [one.one("h3").text for one in part.all("article")]


def test_outcomes_are_counted_by_suite_the_worst_first():
    failed = cell(Outcome.NAN, problem="square")
    made = article(run(cell(), cell(operator="value"), failed, cell(suite="tiny"), cell(backend="jax")))
    assert [["Suite", "N nan", "E exact"], ["chain", "1", "2"], ["tiny", "", "1"]] == table(
        made, "Outcomes by suite"
    )


def test_links_lead_to_the_cells_of_a_suite_and_of_an_outcome():
    made = article(run(cell(Outcome.WRONG, suite="a&b", backend="a&b")), "a&b")
    links = {one.attributes["href"] for one in made.all("a")}
    assert {
        "#cells?backend=a%26b",
        "#cells?backend=a%26b&outcome=failed",
        "#cells?backend=a%26b&outcome=wrong",
        "#cells?suite=a%26b&backend=a%26b",
    } <= links


def test_backend_without_failures_has_no_link_to_them():
    assert "outcome=failed" not in str(article(run(cell())).all("a"))


def test_worst_answers_are_failures_alike_once_then_the_fewest_digits():
    made = article(
        run(
            cell(problem="exact"),
            cell(problem="poor", digits=3.0),
            cell(Outcome.CRASH, problem="dead"),
            cell(Outcome.WRONG, problem="slight", relative_error=0.1),
            cell(Outcome.WRONG, problem="gross", relative_error=9.0, got="10.0", true="1"),
            cell(Outcome.WRONG, problem="gross", relative_error=8.0, operator="hvp"),
        )
    )
    asked = [row[1].split()[0] for row in table(made, "The worst answers")[1:]]
    assert asked == ["gross", "slight", "dead", "poor", "exact"]


def test_few_of_many_worst_answers_are_shown():
    made = article(run(*(cell(Outcome.WRONG, problem=f"p{n}") for n in range(9))))
    assert len(table(made, "The worst answers")) == 1 + 5


def test_what_a_backend_does_not_offer_is_grouped_by_reason():
    gaps = [
        cell(Outcome.UNSUPPORTED, problem=f"p{n}", operator=operator, reason="has no hvp")
        for n in range(5)
        for operator in ("hvp", "gradient")
    ]
    made = article(run(cell(), *gaps, cell(Outcome.NO_DEVICE)))
    assert table(made, "What it was not asked")[1:] == [
        ["has no hvp", "- unsupported", "10", "gradient, hvp", "p0, p1, p2 and 2 more"],
        ["the backend has no such device here", "D no device", "1", "gradient", "cube"],
    ]


def test_many_reasons_are_cut_and_counted():
    made = article(run(*(cell(Outcome.UNSUPPORTED, reason=f"reason {n:02}") for n in range(17))))
    assert len(table(made, "What it was not asked")) == 1 + 15
    assert "2 further reasons in the table of cells" in made.text


def test_processes_say_how_the_backend_was_found():
    workers = [
        Worker(
            backend="torch",
            device=device,
            version="2.1",
            title="torch.autograd",
            start=1.5,
            overhead=2e-6,
            threads={"openmp": 1},
            settings={"tf32": False, "deterministic": True} if device == "cuda" else {},
        )
        for device in ("cpu", "cuda")
    ]
    made = article(run(cell(), cell(device="cuda", dtype="float32"), workers=tuple(workers)))
    assert "torch torch.autograd" in made.text
    assert "Version 2.1 Devices cpu, cuda Dtypes float64, float32" in made.text
    assert table(made, "Its processes")[1:] == [
        ["cpu", "1.50 s", "2.00 µs", "openmp: 1", "–"],
        ["cuda", "1.50 s", "2.00 µs", "openmp: 1", "tf32: False, deterministic: True"],
    ]


@pytest.mark.parametrize(
    ("listed", "version"),
    [
        ({"torch": "2.0"}, "Version 2.0 Devices"),
        ({"jax": "1"}, "torch Devices"),
        (["torch"], "torch Devices"),
    ],
)
def test_version_without_a_process_is_that_of_the_environment(listed, version):
    made = pages.parse(page(Report(Results(environment={"backends": listed}, cells=(cell(),)))))
    text = made.one("article", id="backend/torch").text.replace("All its cells", "")
    assert version in text


# Delicate points


def delicate(*cells, **rest):
    return section(run(*cells, **rest), "delicate")


THREAD = Subject(
    suite="user", problem="norm", formula="|x|", why="the root of 0", thread="issue 7 of a framework"
)


@pytest.mark.parametrize(
    ("cells", "subjects", "shown"),
    [
        ([cell()], (), False),
        ([cell(suite="delicate")], (), True),
        ([cell(Outcome.UNSUPPORTED, suite="delicate")], (), False),
        ([cell(suite="user", problem="norm")], (THREAD,), True),
        ([cell(suite="user", problem="other")], (THREAD,), False),
    ],
    ids=["elsewhere", "delicate", "never asked", "with a thread", "beside one with a thread"],
)
def test_delicate_points_are_those_of_the_suite_or_of_a_thread(cells, subjects, shown):
    assert bool(delicate(*cells, subjects=subjects).text) is shown


def test_row_says_what_every_backend_returns_beside_the_truth():
    where = {"suite": "delicate", "problem": "sinc", "point": "x=0"}
    part = delicate(
        cell(**where, backend="engine", true="-0.25"),
        cell(Outcome.NAN, **where, backend="torch", true="-0.25", got="nan", index="d f / d x"),
        cell(Outcome.ERROR, **where, backend="jax"),
    )
    rows = part.one("table", within="grid").all("tbody")
    assert [field.text for field in rows[1].all("tr")[0].children if hasattr(field, "tag")] == [
        "sinc x=0",
        "gradient, d f / d x -0.25",
        "E",
        "!",
        "N nan",
    ]
    assert "Failures in all 0 ! 1 N 1" in rows[0].text
    assert "1 derivative that somebody fails" in part.text


def test_row_has_the_truth_of_whoever_knows_it():
    where = {"suite": "delicate", "problem": "sinc", "point": "x=0"}
    part = delicate(
        cell(**where, backend="engine", true="-0.25", index="x"), cell(Outcome.ERROR, **where, backend="jax")
    )
    assert "gradient, x -0.25" in part.one("table", within="grid").all("tbody")[1].text


def test_points_that_nobody_fails_are_listed_apart():
    part = delicate(
        cell(suite="delicate", problem="calm"),
        cell(Outcome.LOST_TINY, suite="delicate", problem="tiny"),
        cell(Outcome.UNSUPPORTED, suite="delicate", problem="never_asked"),
    )
    (agreed,) = part.all("ul", within="agreed")
    assert agreed.text == "calm x=5"
    assert "1 delicate point that nobody fails in float64" in part.text


def test_delicate_points_are_shown_in_the_widest_dtype():
    part = delicate(
        cell(suite="delicate", problem="calm"),
        cell(Outcome.WRONG, suite="delicate", problem="calm", dtype="float32"),
    )
    assert "0 derivatives that somebody fails" in part.text
    assert part.one("ul", within="agreed").text == "calm x=5"


def test_formula_and_thread_stand_beside_a_delicate_point():
    part = delicate(cell(Outcome.WRONG, suite="user", problem="norm"), subjects=(THREAD,))
    assert "issue 7 of a framework" in part.text
    assert part.all("math")


# What changed since an earlier run


def compared(before, after):
    return section(after, "compare", before=before)


def test_page_without_an_earlier_run_compares_nothing():
    assert section(run(cell()), "compare").text == ""


def test_runs_without_a_common_cell_give_a_sentence():
    part = compared(run(cell(problem="a")), run(cell(problem="b")))
    assert "The two runs have no cell in common, so nothing can be compared." in part.text


def test_outcomes_that_changed_are_listed_the_worse_first():
    before = run(cell(Outcome.WRONG, problem="mended"), cell(problem="broken"), cell(problem="gone"), cell())
    after = run(
        cell(problem="mended"), cell(Outcome.NAN, problem="broken", reason="nan"), cell(), cell(problem="new")
    )
    part = compared(before, after)
    assert "1 outcome became worse; 2 changed in all. Cells only before: 1; only now: 1." in part.text
    assert table(part, "Outcomes that changed")[1:] == [
        ["broken x=5", "gradient", "torch cpu float64", "E exact", "N nan", "nan"],
        ["mended x=5", "gradient", "torch cpu float64", "W wrong", "E exact", ""],
    ]


def test_equal_runs_have_no_table_of_changes():
    part = compared(run(cell()), run(cell()))
    assert not part.all("table")
    assert "0 outcomes became worse" in part.text
    assert "No cell was timed in both runs." in part.text


def timed(factor, drift=1.0):
    """Two derivatives, one of them so many times as slow, on a machine that many times as slow."""
    around = [1 + n / 1000 for n in range(20)]
    return Results(
        environment={},
        cells=tuple(
            cell(problem=name, samples=tuple(1e-5 * times * drift * x for x in around), calls=1, group="g")
            for name, times in (("steady", 1.0), ("slow", factor))
        ),
        controls=(
            Control(key="k", backend="torch", device="cpu", samples=tuple(around), twin=tuple(around)),
        ),
        yardsticks=(Yardstick(group="g", samples=tuple(drift * x for x in around)),),
    )


def test_times_are_compared_in_units_of_the_yardstick():
    part = compared(timed(1.0), timed(3.0, drift=2.0))
    assert (
        "Timed in both: 2 cells, of which 1 changed beyond noise (0 % between identical calls)." in part.text
    )
    assert "By its yardstick the machine took 200 % of the time it took before" in part.text
    figure = part.one("figure")
    assert figure.attributes["data-drawing"] == "changes"
    rows = [[field.text for field in row.all("td")] for row in figure.all("tr")][1:]
    assert [(row[0], row[2], row[5]) for row in rows] == [
        ("chain/slow x=5 gradient", "3.00×", "yes"),
        ("chain/steady x=5 gradient", "1.00×", "no"),
    ]


@pytest.mark.parametrize("name", ["backends", "delicate", "compare"])
def test_names_of_a_run_are_text(name):
    hostile = cell(
        Outcome.WRONG, suite="delicate", problem=HOSTILE, point=HOSTILE, backend=HOSTILE, reason=HOSTILE
    )
    results = run(
        cell(suite="delicate"),
        hostile,
        subjects=(Subject(suite="delicate", problem=HOSTILE, thread=HOSTILE),),
    )
    before = run(
        cell(suite="delicate"), cell(suite="delicate", problem=HOSTILE, point=HOSTILE, backend=HOSTILE)
    )
    part = section(results, name, before=before)
    assert HOSTILE in part.text
    assert {one.text for one in part.all("i")} <= {"gradient"}
