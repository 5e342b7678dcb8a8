"""The page says who is right, what is wrong and where, whatever the results hold."""

import html
import itertools
import math
import re
import sys
import tempfile
import time
from pathlib import Path

import gradcheck_reports
import gradcheck_reports.sections
import pytest
from gradcheck_reports import notation, race

from gradcheck import Measurement, Outcome, PublishedCheck, Results

HOSTILE = "<script>alert('x')</script>\"&"


def cell(outcome=Outcome.EXACT, **changes):
    facts = {
        "suite": "chain",
        "problem": "cube",
        "point": "x=5",
        "backend": "engine",
        "device": "cpu",
        "dtype": "float64",
        "operator": "gradient",
        "digits": 15.9 if outcome is Outcome.EXACT else math.nan,
        "samples": (1e-5, 1.1e-5, 1.2e-5) if outcome.ran else (),
    }
    return Measurement(outcome=outcome, **{**facts, **changes})


def check(status="agrees", **changes):
    facts = {
        "suite": "chain",
        "problem": "cube",
        "point": "x=5",
        "source": "F-ex1",
        "quantity": "gradient",
        "printed": "20280",
        "true": "20280.0000000000000000000000000",
    }
    return PublishedCheck(status=status, **{**facts, **changes})


WRONG = cell(
    Outcome.WRONG,
    backend="torch",
    operator="hessian",
    digits=0.3,
    index="d2 f / d x[1] d x[0]",
    got="-12.5",
    true="25",
    reason="outside the rounding bound",
)


def render(*cells, published=(), **environment):
    """The page written for some cells."""
    return page(Results(environment={"seed": 7, **environment}, cells=cells, published=tuple(published)))


def page(results, directory=None):
    with tempfile.TemporaryDirectory() as made:
        (path,) = gradcheck_reports.write(results, Path(directory or made))
        assert path.name == "report.html"
        return path.read_text(encoding="utf-8")


def text(markup):
    """What a person reads, with single spaces."""
    body = re.sub(r"<style>.*?</style>", "", markup, flags=re.DOTALL)
    inline = re.sub(r"</?(a|b|i|span|strong|sup|wbr)\b[^>]*>", "", body)
    return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", inline)).split())


def section(markup, name):
    found = re.search(rf'<section id="{name}".*?</section>', markup, flags=re.DOTALL)
    return found[0] if found else ""


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
    assert sentence in text(section(render(*cells), "summary"))


def test_many_failing_backends_are_counted_not_listed():
    cells = [cell(Outcome.CRASH, backend=f"b{n}") for n in range(6)]
    assert "in b0 (1), b1 (1), b2 (1), b3 (1) and 2 other backends;" in text(render(*cells))


def test_failure_names_entry_answer_truth_ratio_and_how_to_repeat_it():
    said = text(section(render(cell(), WRONG), "failures"))
    assert "W wrong hessian of cube at x=5" in said
    assert "entry d2 f / d x[1] d x[0]" in said
    assert "got -12.5 true 25 got ÷ true -0.5" in said
    assert "outside the rounding bound" in said
    assert (
        "gradcheck run chain --select cube --backend torch --device cpu --dtype float64 "
        "--operator hessian --seed 7" in said
    )


def test_command_is_quoted_for_a_shell():
    said = text(section(render(cell(Outcome.WRONG, suite="my suite", problem="a'; rm")), "failures"))
    assert "gradcheck run 'my suite' --select 'a'\"'\"'; rm'" in said


def test_grid_cell_shows_the_worst_operator_and_the_fewest_digits():
    grid = section(
        render(cell(backend="torch"), WRONG, cell(Outcome.UNSUPPORTED, backend="torch", operator="hvp")),
        "grid",
    )
    assert re.search(r'<td class="wrong[^"]*" title="hessian: wrong"><b>W</b><sup>−</sup> 0</td>', grid)
    assert re.search(r'<th scope="row">gradient</th><td class="exact[^"]*">E 15.9</td>', grid)
    assert 'href="#failure-1"' in grid


def test_a_failed_grid_cell_leads_to_its_own_failure():
    markup = render(WRONG, cell(Outcome.NAN, problem="zero", index="x[3]"))
    for number in re.findall(r'href="#failure-([0-9]+)"', markup):
        assert markup.count(f'id="failure-{number}"') == 1
    assert len(re.findall(r'href="#failure-', markup)) == 2


@pytest.mark.parametrize("outcome", Outcome, ids=lambda outcome: outcome.value)
def test_every_outcome_is_in_the_legend_and_has_a_colour(outcome):
    markup = render(cell(outcome))
    legend = text(re.search(r'<dl class="legend">.*?</dl>', markup, flags=re.DOTALL)[0])
    assert f"{outcome.letter} {outcome.value} {outcome.sentence} 1 cell" in legend
    assert f".{notation.tone(outcome)}" in markup


def test_columns_split_by_device_and_dtype_only_where_there_are_several():
    one = section(render(cell()), "grid")
    assert "float64" not in text(one)
    several = [cell(device=d, dtype=t) for d, t in itertools.product(("cuda", "cpu"), ("float32", "float64"))]
    said = text(section(render(*several), "grid"))
    assert re.search(r"engine\s*cpu\s*cuda\s*float64\s*float32\s*float64\s*float32", said)


def test_backends_keep_the_order_of_the_run():
    cells = [cell(backend=name) for name in ("a", "b", "c")]
    said = text(section(render(*cells, backends={"c": "1", "b": "1", "a": "1"}), "grid"))
    assert re.search(r"c\s*b\s*a", said)


def test_a_backend_that_is_not_installed_is_named_but_takes_no_column():
    markup = render(cell(), cell(Outcome.NOT_INSTALLED, backend="jax", reason="jax is not installed"))
    assert "Left out, because nothing ran there: jax cpu float64 (not installed)." in text(markup)
    assert "jax is not installed" in text(section(markup, "not-run"))
    assert section(markup, "grid").count("<td") == 2


def test_points_sort_by_number_not_by_letter():
    said = text(section(render(*(cell(point=f"n={n}") for n in (10, 2, 1))), "grid"))
    assert said.index("n=1 ") < said.index("n=2 ") < said.index("n=10")


def test_reasons_not_to_run_are_grouped_with_counts():
    idle = [cell(Outcome.UNSUPPORTED, problem=f"p{n}", reason="no hessian") for n in range(3)]
    said = text(section(render(cell(), *idle), "not-run"))
    assert "no hessian - unsupported 3" in said


# Times


def timed(backend, *samples, outcome=Outcome.EXACT, **changes):
    return cell(outcome, backend=backend, samples=samples, **changes)


def test_times_mark_the_fastest_and_give_ratios():
    said = section(render(timed("slow", 4e-5, 4e-5), timed("quick", 1e-5, 1e-5)), "times")
    assert '<td class="first">10.0 µs<small>fastest ±0%</small>' in said
    assert '<td class="h1">40.0 µs<small>4.00× ±0%</small>' in said


def test_a_wrong_answer_has_a_time_but_never_wins():
    said = section(
        render(timed("cheat", 1e-6, 1e-6, outcome=Outcome.WRONG), timed("a", 2.0, 2.0), timed("b", 3.0, 3.0)),
        "times",
    )
    assert '<td class="late">1.00 µs<small>W wrong</small>' in said
    assert '<td class="first">2.00 s' in said


def test_a_ratio_that_noise_may_have_decided_is_level():
    quick, slow = (1.0, 1.2, 0.9, 1.1), (1.1, 1.1, 1.1, 1.0)
    assert "level" in section(render(timed("a", *quick), timed("b", *slow)), "times")


def test_a_lone_backend_is_not_the_fastest():
    assert "fastest" not in re.sub(
        r"<p>.*?</p>", "", section(render(timed("a", 1e-5, 1e-5)), "times"), flags=re.DOTALL
    )


def test_value_first_call_and_their_relation_open_below_the_derivative():
    both = [timed("a", 6e-6, 6e-6, first_call=0.5), timed("a", 2e-6, 2e-6, operator="value")]
    said = text(section(render(*both), "times"))
    assert re.search(r"gradient ÷ value, float64\s*3\.00×", said)
    assert re.search(r"first gradient, float64\s*500 ms", said)


def test_ratios_are_paired_by_round():
    drifting = {"a": timed("a", 1.0, 2.0, 4.0), "b": timed("b", 2.0, 4.0, 8.0)}
    laps = race.race(drifting)
    assert laps["b"].ratio == 2.0
    assert not laps["b"].level


@pytest.mark.parametrize("samples", [(), (math.nan,), (0.0, -1.0), (math.inf,)])
def test_samples_that_are_no_times_give_no_time(samples):
    assert race.lap(samples) is None
    assert section(render(cell(samples=samples)), "times") == ""


@pytest.mark.parametrize(("size", "left_out"), [(1, 0), (6, 0), (9, 1), (20, 5), (100, 39), (3000, 1445)])
def test_interval_of_the_median_leaves_out_the_tabulated_ranks(size, left_out):
    made = race.lap([float(n) for n in range(1, size + 1)])
    assert (made.low, made.high) == (1.0 + left_out, size - left_out)


# Printed numbers


def test_wrong_printed_numbers_come_first_and_say_so_in_words():
    checks = [
        check(),
        check("undefined", printed="0", true="", source="C-7"),
        check("disagrees", printed="11.650", true="11.6487209421238194723401928341", source="F-ex4"),
    ]
    markup = render(cell(), published=checks)
    said = text(section(markup, "published"))
    assert said.index("disagrees") < said.index("undefined") < said.index(["agrees", "F-ex1"][1])
    assert "11.6487209421…" in said
    verdict = text(section(markup, "summary"))
    assert "1 of 3 printed numbers is wrong; 1 where no derivative exists; 1 agrees." in verdict
    assert "F-ex4 prints 11.650, the truth is 11.6487209421…" in verdict
    assert "C-7 prints 0, no derivative exists" in verdict


def test_right_printed_numbers_are_said_to_agree():
    assert "All 2 printed numbers agree with the truth." in text(
        render(published=[check(), check(source="F-ex2")])
    )


def test_only_some_wrong_printed_numbers_are_on_the_first_screen():
    checks = [check("disagrees", source=f"F-{n}") for n in range(9)]
    markup = render(published=checks)
    assert '<a href="#published">3 more</a>' in section(markup, "summary")
    assert text(section(markup, "published")).count("disagrees") == 9


# Safety and stability


def test_hostile_names_are_escaped_everywhere():
    names = (
        "suite",
        "problem",
        "point",
        "backend",
        "device",
        "dtype",
        "operator",
        "reason",
        "index",
        "got",
        "true",
    )
    hostile = {name: HOSTILE + name for name in names}
    cells = [cell(outcome, **hostile) for outcome in Outcome]
    fields = ("suite", "problem", "point", "source", "quantity", "printed", "true", "note")
    checks = [check(s, **{name: HOSTILE + name for name in fields}) for s in ("agrees", "disagrees", HOSTILE)]
    markup = render(
        *cells, published=checks, **{HOSTILE: {HOSTILE: [HOSTILE]}}, python=HOSTILE, backends=HOSTILE
    )
    assert "<script" not in markup
    assert "alert('x')" not in markup
    assert markup.count("&lt;script&gt;") > 30


def test_a_name_that_is_no_unicode_text_does_not_cost_the_page():
    assert "bad?name" in render(cell(problem="bad\ud800name"))


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, 0.0, 5e-324, 1e308])
@pytest.mark.parametrize("outcome", [Outcome.EXACT, Outcome.WRONG])
def test_no_number_breaks_the_page(value, outcome):
    numbers = dict.fromkeys(
        ("relative_error", "ulps", "condition", "digits", "truth_digits", "first_call"), value
    )
    odd = cell(outcome, samples=(value, value), got=repr(value), true=repr(value), **numbers)
    assert "</html>" in render(odd, cell(backend="b"))


def test_equal_results_give_equal_bytes(tmp_path):
    results = Results(environment={"seed": 1}, cells=(cell(), WRONG), published=(check(),))
    results.write(tmp_path / "results.jsonl")
    first, again = page(results, tmp_path / "a"), page(Results.read(tmp_path), tmp_path / "b")
    assert first == again


def test_order_of_the_cells_does_not_matter():
    cells = [
        cell(problem=p, backend=b, operator=o) for p in "ba" for b in "dc" for o in ("value", "gradient")
    ]
    assert render(*cells) == render(*reversed(cells))


def test_nothing_is_loaded_from_anywhere():
    markup = render(cell(), WRONG, cell(Outcome.NOT_INSTALLED, backend="jax"), published=[check()])
    assert "default-src 'none'" in markup
    assert "http://" not in markup
    assert "https://" not in markup
    assert "<script" not in markup
    assert not re.search(
        r"(src|url\(|@import)",
        markup.replace("default-src", "").replace("style-src", "").replace("img-src", ""),
    )
    assert all(link.startswith(("#", "data:,")) for link in re.findall(r'href="([^"]*)"', markup))


def test_every_link_within_the_page_has_a_target():
    markup = render(cell(), WRONG, published=[check("disagrees")])
    for target in re.findall(r'href="#([^"]*)"', markup):
        assert f'id="{target}"' in markup


def test_a_new_file_in_the_sections_folder_is_a_new_section(tmp_path, monkeypatch):
    source = """
from gradcheck_reports import Section

extra = Section(name="extra", title="More", order=15, render=lambda results: f"<p>{len(results.cells)}</p>")
silent = Section(name="silent", title="Silent", order=16, render=lambda results: "")
"""
    (tmp_path / "an_extra_section.py").write_text(source)
    home = gradcheck_reports.sections
    monkeypatch.setattr(home, "__path__", [*home.__path__, str(tmp_path)])
    try:
        markup = render(cell())
    finally:
        sys.modules.pop(f"{home.__name__}.an_extra_section", None)
    assert "<p>1</p>" in section(markup, "extra")
    assert markup.index('id="summary"') < markup.index('id="extra"') < markup.index('id="grid"')
    assert "Silent" not in markup


def test_an_empty_run_leaves_out_what_it_cannot_show():
    markup = page(Results(environment={}, cells=()))
    assert re.findall(r'<section id="([^"]*)"', markup) == ["summary"]


def test_a_full_run_is_quick_and_small():
    names = [
        (f"suite{n % 5}", f"problem_number_{n}", b) for n in range(100) for b in ("a", "b", "c", "d", "e")
    ]
    cells = [
        cell(suite=s, problem=p, backend=b, dtype=t, operator=o, ulps=0.5, samples=(1e-5, 1.1e-5) * 10)
        for s, p, b in names
        for t in ("float64", "float32")
        for o in ("value", "gradient", "hessian", "jvp", "vjp")
    ]
    start = time.perf_counter()
    markup = render(*cells)
    assert time.perf_counter() - start < 3
    assert len(markup.encode()) < 1_500_000


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
        (4000.0, "4,000 s"),
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
