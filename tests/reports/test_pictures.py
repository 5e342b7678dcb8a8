"""What the pictures of a run draw: the rows of every chart, against small cases done by hand."""

import math
from dataclasses import replace

import pytest
from gradcheck_reports import Report
from gradcheck_reports.page import page
from gradcheck_reports.sections.accuracy import accuracy_rows
from gradcheck_reports.sections.growth import growth_rows
from gradcheck_reports.sections.precision import precision_rows
from gradcheck_reports.sections.primal import primal_rows
from gradcheck_reports.sections.profile import Record, profile_rows, records
from gradcheck_reports.sections.speed import speed_rows
from gradcheck_reports.spreads import Spread, by_suite, spread

from gradcheck import Measurement, Outcome, Results, measured_costs, project

BLANK = Measurement(
    suite="s",
    problem="p",
    point="x=1",
    backend="a",
    device="cpu",
    dtype="float64",
    operator="gradient",
    outcome=Outcome.EXACT,
)


def cell(**given):
    if "seconds" in given:
        given["samples"] = (given.pop("seconds"),) * 7
    return replace(BLANK, **given)


def report(*cells, **environment):
    return Report(Results(environment=environment, cells=cells))


# What many numbers come to


@pytest.mark.parametrize(
    ("values", "five"),
    [
        ((3.0,), (3, 3, 3, 3, 3)),
        ((5, 1, 3, 2, 4), (1, 2, 3, 4, 5)),
        ((0, 10), (0, 2.5, 5, 7.5, 10)),
        ((1.23456, 1.23456), (1.23,) * 5),
    ],
)
def test_spread_is_least_quartiles_and_most(values, five):
    assert spread(values) == Spread(*five)


def test_suites_are_told_apart_where_there_are_several():
    one, other, odd = cell(suite="a"), cell(suite="b"), cell(suite="all")
    assert list(by_suite([one])) == ["all"]
    assert by_suite([one, other]) == {"all": [one, other], "a": [one], "b": [other]}
    assert list(by_suite([one, odd])) == ["all", "a"], "a suite of that name is in the choice of all"


# Accuracy


def test_accuracy_counts_digits_of_right_answers_and_failed_cells():
    digits = [
        cell(digits=10.0),
        cell(digits=12.0, outcome=Outcome.OK),
        cell(digits=1.0, outcome=Outcome.WRONG),
        cell(digits=math.nan),
        cell(backend="b", digits=3.0, outcome=Outcome.WRONG),
        cell(backend="c", digits=6.0, outcome=Outcome.CONVENTION),
    ]
    assert list(accuracy_rows(report(*digits))) == [
        ("all", "float64", "cpu", "a", 2, 1, 10.0, 10.5, 11.0, 11.5, 12.0)
    ]


def test_accuracy_is_told_for_every_dtype_device_and_suite():
    cells = [
        cell(digits=15.0),
        cell(digits=7.0, dtype="float32"),
        cell(digits=14.0, device="cuda", suite="t"),
    ]
    assert [row[:5] for row in accuracy_rows(report(*cells))] == [
        ("all", "float64", "cpu", "a", 1),
        ("all", "float32", "cpu", "a", 1),
        ("all", "float64", "cuda", "a", 1),
        ("s", "float64", "cpu", "a", 1),
        ("s", "float32", "cpu", "a", 1),
        ("t", "float64", "cuda", "a", 1),
    ]


# Speed and precision


def test_speed_has_a_row_for_every_right_timed_answer():
    cells = [
        cell(seconds=2e-6),
        cell(backend="b", seconds=6e-6),
        cell(backend="c", seconds=1e-6, outcome=Outcome.WRONG),
        cell(backend="d"),
        cell(operator="value", seconds=1e-6),
    ]
    run = report(*cells)
    rows = {row[6] + row[3]: row for row in speed_rows(run)}
    assert set(rows) == {"agradient", "bgradient", "avalue"}
    assert rows["bgradient"][7:11] == (6e-6, 6e-6, 6e-6, 3.0)
    assert rows["avalue"][10] is None, "nobody to compare with"
    assert [run.cells[row[11]].backend for row in rows.values()] == [row[6] for row in rows.values()]


@pytest.mark.parametrize(
    ("given", "measured"),
    [
        ({"relative_error": 1e-12}, (2e-6, 1e-12, 2.0**-53)),
        ({"relative_error": 0.0, "dtype": "float32"}, (2e-6, 0.0, 2.0**-24)),
        ({"relative_error": 0.5, "dtype": "bfloat16", "outcome": Outcome.WRONG}, (2e-6, 0.5, 2.0**-8)),
        ({"relative_error": 0.25, "dtype": "posit8"}, (2e-6, 0.25, None)),
    ],
)
def test_precision_has_time_error_and_rounding_of_every_timed_answer(given, measured):
    ((*_, seconds, error, edge, number),) = precision_rows(report(cell(seconds=2e-6, **given)))
    assert (seconds, error, edge, number) == (*measured, 0)


@pytest.mark.parametrize(
    "given", [{"seconds": 1e-6}, {"relative_error": 0.1}, {"seconds": 1e-6, "relative_error": math.inf}]
)
def test_precision_leaves_out_what_has_no_time_or_no_error(given):
    assert list(precision_rows(report(cell(**given)))) == []


# Performance profiles


def raced(**seconds):
    """One problem a column of times; 0 for an answer that is wrong."""
    return report(
        *(
            cell(
                backend=who,
                problem=f"p{n}",
                seconds=time or 1e-9,
                outcome=Outcome.EXACT if time else Outcome.WRONG,
            )
            for who, times in seconds.items()
            for n, time in enumerate(times)
        )
    )


def test_profile_is_the_part_within_a_factor_of_the_fastest():
    found = records(raced(a=(1.0, 1.0, 4.0), b=(2.0, 0, 1.0), c=(0, 3.0, 0)))
    a, b, c = found["all"]
    assert [record.races for record in (a, b, c)] == [3, 3, 3]
    assert (a.ratios, b.ratios, c.ratios) == ([1.0, 1.0, 4.0], [2.0, 1.0], [3.0])
    parts = {row[3:5]: row[5] for row in profile_rows(found)}
    assert [parts["a", factor] for factor in (1, 3, 5)] == [0.667, 0.667, 1.0]
    assert [parts["b", factor] for factor in (1, 2, 5)] == [0.333, 0.667, 0.667]
    assert [parts["c", factor] for factor in (2, 3, 5)] == [0.0, 0.333, 0.333]
    assert max(factor for _, factor in parts) == 5, "the first factor that holds all"


def test_profile_has_no_curve_for_a_backend_that_is_never_right():
    assert [record.who.backend for record in records(raced(a=(1.0,), b=(2.0,), c=(0,)))["all"]] == ["a", "b"]


def test_profile_needs_two_who_are_right():
    assert records(raced(a=(1.0, 2.0), b=(0, 0))) == {}


def test_profile_compares_within_a_dtype_and_takes_the_first_derivative():
    cells = [
        cell(backend=who, dtype=dtype, operator=operator, seconds=time)
        for who, time in (("a", 1.0), ("b", 2.0))
        for dtype in ("float64", "float32")
        for operator in ("value", "gradient", "hessian")
    ]
    found = records(report(*cells))["all"]
    assert [(*record.who, record.ratios, record.races) for record in found] == [
        (who, "cpu", dtype, [ratio], 1)
        for who, ratio in (("a", 1.0), ("b", 2.0))
        for dtype in ("float64", "float32")
    ]


@pytest.mark.parametrize(
    ("ratios", "mean"),
    [
        ((1.0, 4.0), (2.0, 2 * math.exp(-12.7062047 * math.log(2)), 2 * math.exp(12.7062047 * math.log(2)))),
        ((3.0, 3.0, 3.0), (3.0, 3.0, 3.0)),
    ],
)
def test_mean_ratio_is_geometric_with_students_interval_of_the_logarithm(ratios, mean):
    # Student's t of one degree of freedom is 12.7062; the mean of two logarithms 2 ln 2 apart is ln 2 off
    assert Record(who=None, ratios=ratios, races=9).mean == pytest.approx(mean, rel=1e-6)


def test_one_ratio_has_no_interval():
    mean, low, high = Record(who=None, ratios=(2.0,), races=1).mean
    assert mean == pytest.approx(2.0)
    assert math.isnan(low)
    assert math.isnan(high)


# The cost of a gradient


def test_a_gradient_is_counted_in_evaluations_paired_by_round():
    drifting = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0)
    cells = [
        cell(operator="value", samples=drifting),
        cell(samples=tuple(3 * second for second in drifting)),
        cell(operator="value", problem="q", seconds=2.0),
        cell(problem="q", seconds=10.0),
    ]
    assert list(primal_rows(report(*cells))) == [("all", "float64", "cpu", "a", 2, 3.0, 3.5, 4.0, 4.5, 5.0)]


@pytest.mark.parametrize(
    "changed",
    [
        {"backend": "b"},
        {"dtype": "float32"},
        {"point": "x=2"},
        {"operator": "jacobian"},
        {"outcome": Outcome.WRONG},
        {"samples": ()},
    ],
)
def test_a_gradient_without_its_function_is_not_counted(changed):
    assert (
        list(primal_rows(report(cell(operator="value", seconds=1.0), replace(cell(seconds=3.0), **changed))))
        == []
    )


# Growth


def growing(law, sizes=(100, 1_000, 10_000, 100_000), **given):
    jitter = [1 + 0.002 * n for n in range(-4, 5)]
    return [cell(point=f"n={n}", size=n, samples=tuple(law(n) * j for j in jitter), **given) for n in sizes]


def test_growth_has_every_size_the_law_and_a_projection():
    (cost,) = measured_costs(report(*growing(lambda n: 1e-8 * n)).results)
    *measured, ahead = growth_rows(cost, "measured", "projection")
    assert [row[6] for row in measured] == [100, 1_000, 10_000, 100_000]
    assert [row[7] for row in measured] == pytest.approx([1e-6, 1e-5, 1e-4, 1e-3])
    assert [row[10] for row in measured] == pytest.approx([1e-6, 1e-5, 1e-4, 1e-3], rel=0.05)
    assert {row[11] for row in measured} == {"measured"}
    said = project(cost.time, 1e6)
    assert ahead[6:] == (
        1_000_000,
        *(float(f"{x:.3g}") for x in (said.value, said.low, said.high)),
        None,
        "projection",
    )
    assert ahead[8] <= 1e-2 <= ahead[9]


def test_growth_that_follows_no_law_shows_none():
    (cost,) = measured_costs(report(*growing(lambda n: (3e-8 if n > 1_000 else 1e-8) * n)).results)
    assert cost.time.bent
    assert {row[10] for row in growth_rows(cost, "measured", "projection")} == {None}


def test_growth_that_is_not_clear_is_not_projected():
    wild = dict(zip((100, 1_000, 10_000, 100_000), (1e-6, 9e-4, 2e-6, 3e-3), strict=True))
    (cost,) = measured_costs(report(*growing(wild.get)).results)
    assert not cost.time.clear
    assert {row[11] for row in growth_rows(cost, "measured", "projection")} == {"measured"}


# On the page

NAMES = ("pictures", "accuracy", "speed", "precision", "profile", "primal", "growth", "sums")


def drawn(*cells):
    text = page(report(*cells))
    return [name for name in NAMES if f'<section id="{name}"' in text]


@pytest.mark.parametrize(
    ("cells", "names"),
    [
        ([], []),
        ([cell(outcome=Outcome.UNSUPPORTED)], ["pictures"]),
        ([cell(digits=15.0)], ["pictures", "accuracy"]),
        ([cell(seconds=1.0)], ["pictures", "speed"]),
        ([cell(seconds=1.0, outcome=Outcome.WRONG)], ["pictures"]),
        ([cell(seconds=1.0, relative_error=0.0)], ["pictures", "speed", "precision"]),
        ([cell(seconds=1.0), cell(backend="b", seconds=1.0)], ["pictures", "speed", "profile"]),
        ([cell(seconds=1.0), cell(operator="value", seconds=1.0)], ["pictures", "speed", "primal"]),
        (growing(lambda n: 1e-8 * n), ["pictures", "speed", "growth"]),
    ],
)
def test_a_picture_is_there_when_it_has_something_to_show(cells, names):
    assert drawn(*cells) == names


# Sums


def dot_product(ulps, **given):
    given = {"problem": "dot_by_sum", "operator": "value", "inputs": 2_000_000, "true": "250000.0"} | given
    return cell(ulps=ulps, got="250000.00000000006", **given)


@pytest.mark.parametrize(
    ("ulps", "said"),
    [(3.0, "adding by halves"), (331.0, "adding one after the other"), (1e7, "not by rounding")],
)
def test_an_error_of_a_sum_is_explained_by_the_least_bound_that_covers_it(ulps, said):
    text = page(report(dot_product(ulps)))
    assert [
        one for one in ("adding by halves<", "adding one after the other<", "not by rounding<") if one in text
    ] == [f"{said}<"]


@pytest.mark.parametrize(
    "given",
    [
        {"problem": "sum"},
        {"operator": "gradient"},
        {"dtype": "float16"},
        {"true": ""},
        {"true": "-3"},
        {"true": "inf"},
        {"true": "nan"},
        {"true": "sNaN"},
        {"true": "0"},
        {"true": "1e300", "dtype": "float32"},
        {"inputs": 0},
        {"ulps": math.nan},
    ],
)
def test_what_is_no_sum_of_that_kind_is_left_out(given):
    assert "sums" not in drawn(dot_product(**{"ulps": 3.0} | given))


# Growth in words


@pytest.mark.parametrize("peak_bytes", [math.nan, 4096.0])
def test_the_slope_of_memory_stands_where_memory_was_measured(peak_bytes):
    text = page(report(*growing(lambda n: 1e-8 * n, peak_bytes=peak_bytes)))
    assert ("Slope of memory" in text) == math.isfinite(peak_bytes)
    assert "1.00 (" in text
    assert "Projected to n = 8.9e8" in text
