"""What is seen of a function around a point: steps, pictures and patterns are those of calculus."""

import math
from dataclasses import fields

import numpy as np
import pytest

from gradcheck import Domain, Plan, Point, Problem, Results, Suite, draws, engine, problem, run
from gradcheck.backends.base import Backend
from gradcheck.backends.engine import EngineDifferentiator
from gradcheck.records import Study, Subject
from gradcheck.results import FILE_NAME
from gradcheck.studies import study
from gradcheck.truth import Certifier

PARTS = {"steps", "curve", "surface", "differences", "pattern"}


def studied(of: Problem, point=0) -> Study:
    instance = of.instances()[point]
    return study(instance, "suite", lambda: Certifier(instance, "float64").truth("gradient", instance.seeds))


def parts(of: Study) -> set[str]:
    return {field.name for field in fields(of) if field.name in PARTS and getattr(of, field.name)}


@problem(x1=2.0, x2=5.0)
def wengert(xp, x1, x2):
    """ln x1 + x1 x2 - sin x2"""
    return xp.log(x1) + x1 * x2 - xp.sin(x2)


@problem(x=3.0, y=2.0)
def bowl(xp, x, y):
    """2 x^2 + 2 x y + y^2"""
    return 2 * x**2 + 2 * x * y + y**2


@problem(x=1.0)
def wave(xp, x):
    """exp(sin x)"""
    return xp.exp(xp.sin(x))


@problem(W=draws.normal(3, 4), x=draws.normal(4), wrt="W")
def linear(xp, W, x):
    """W x in W"""
    return W @ x


def test_study_says_what_it_is_of():
    found = studied(linear)
    assert ("suite", "linear", "W=normal(3x4), x=normal(4)") == (found.suite, found.problem, found.point)
    assert (3,) == found.output
    assert {"W", "x"} == set(found.inputs)
    assert linear.instances()[0].arrays["W"].tolist() == found.inputs["W"]


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        (2.5, 2.5),
        (np.ones(64), [1.0] * 64),
        (np.ones(65), "65"),
        (draws.normal(9, 8), "9x8, seeded"),
        (np.array([1.0, np.inf]), [1.0, np.inf]),
    ],
)
def test_inputs_are_shown_in_numbers_and_large_ones_in_words(given, shown):
    @problem(x=given, n=np.array([1, 2]), wrt="x")
    def total(xp, x, n):
        """sum x"""
        return xp.sum(x)

    assert {"x": shown, "n": [1, 2]} == studied(total).inputs


@pytest.mark.parametrize(
    ("of", "expected"),
    [
        (wengert, {"steps", "surface"}),
        (bowl, {"steps", "surface"}),
        (wave, {"steps", "curve", "differences"}),
        (linear, {"pattern"}),
        (problem(x=[3.0, 2.0])(lambda xp, x: x[0] * x[1] ** 2), {"steps", "surface"}),
        (problem(x=[1.0])(lambda xp, x: xp.sum(x**2)), {"steps", "curve", "differences"}),
        (problem(x=np.ones(4))(lambda xp, x: xp.sum(x)), {"steps"}),
        (problem(x=1.0)(lambda xp, x: xp.stack([x, x, x])), set()),
        (problem(x=1.0)(lambda xp, x: xp.stack([x, x, x, x])), {"pattern"}),
        (problem(x=np.ones(101))(lambda xp, x: xp.sum(x) + x[:100]), set()),
        (problem(x=np.ones(100))(lambda xp, x: x + x[::-1]), {"pattern"}),
        (
            problem(x=1.0)(lambda xp, x: sum((xp.sin(x) for _ in range(19)), x)),
            {"steps", "curve", "differences"},
        ),
        (problem(x=1.0)(lambda xp, x: sum((xp.sin(x) for _ in range(20)), x)), {"curve", "differences"}),
    ],
)
def test_a_function_has_the_parts_that_make_sense(of, expected):
    assert expected == parts(studied(of))


def test_pictures_are_of_the_first_three_points_and_steps_of_the_first_two():
    several = problem(*(Point(x=float(n)) for n in range(1, 5)))(wave.fn)
    assert [{"steps", "curve", "differences"}] * 2 + [{"curve", "differences"}, set()] == [
        parts(studied(several, point)) for point in range(4)
    ]


# Steps.


def test_steps_of_wengerts_example_are_its_three_tables():
    found = studied(wengert).steps
    rows = [(s["name"], s["expression"], s["value"], s["tangents"]["x1"], s["adjoint"]) for s in found]
    assert [
        ("v-1", "x1", "2", "1", "5.5"),
        ("v0", "x2", "5", "0", "1.716337815"),
        ("v1", "ln v-1", "0.6931471806", "0.5", "1"),
        ("v2", "v-1 * v0", "10", "5", "1"),
        ("v3", "v1 + v2", "10.69314718", "5.5", "1"),
        ("v4", "sin(v0)", "-0.9589242747", "0", "-1"),
        ("v5", "v3 - v4", "11.65207146", "5.5", "1"),
    ] == rows
    assert [[], [], [0], [0, 1], [2, 3], [1], [4, 5]] == [step["operands"] for step in found]
    assert [[], [], ["0.5"], ["5", "2"], ["1", "1"], ["-0.2836621855"], ["1", "-1"]] == [
        s["flows"] for s in found
    ]


def test_what_flows_into_a_step_adds_up_to_its_adjoint():
    found = studied(problem(x=0.7, y=1.3)(lambda xp, x, y: x * xp.exp(x * y) + y / x - x * x)).steps
    received = [0.0] * len(found)
    for step in found:
        for operand, flow in zip(step["operands"], step["flows"], strict=True):
            received[operand] += float(flow)
    assert [float(step["adjoint"]) for step in found[:-1]] == pytest.approx(received[:-1])


@pytest.mark.parametrize(
    ("f", "name", "value", "flows"),
    [
        (lambda xp, x: xp.sum(x * 2), "v1", "(2, 4)", ["(2, 2)"]),
        (lambda xp, x: (lambda y: y**y)(x[1]), "v2", "4", ["4", "2.772588722"]),
        (lambda xp, x: xp.sum(xp.where(x > 1, x, 0.0)), "v1", "(False, True)", [""]),
        (
            lambda xp, x: xp.sum(xp.exp(xp.reshape(x, (2, 1)))),
            "v1",
            "array[2,1]",
            ["(2.718281828, 7.389056099)"],
        ),
    ],
)
def test_steps_show_arrays_and_what_sends_nothing_back(f, name, value, flows):
    steps = {step["name"]: step for step in studied(problem(x=[1.0, 2.0])(f)).steps}
    assert (value, flows) == (steps[name]["value"], steps[name]["flows"])


# Pictures.


def test_curve_goes_through_its_point_with_its_slope_at_every_zoom():
    curve = studied(wave).curve
    assert (1.0, math.exp(math.sin(1))) == (curve["at"], curve["value"])
    assert math.exp(math.sin(1)) * math.cos(1) == pytest.approx(curve["slope"], rel=1e-14)
    assert [1.0, 0.1, 0.01] == [zoom["half"] for zoom in curve["zooms"]]
    for zoom in curve["zooms"]:
        x, y = np.array(zoom["x"]), np.array(zoom["y"])
        assert 61 == len(x) == len(y)
        assert [1 - zoom["half"], 1 + zoom["half"]] == pytest.approx([x[0], x[-1]])
        assert np.exp(np.sin(x)) == pytest.approx(y, abs=1e-4 * np.ptp(y))


def test_a_curve_is_as_wide_as_its_point_is_far_out():
    curve = studied(problem(x=-200.0)(lambda xp, x: x**2)).curve
    assert [200.0, 20.0, 2.0] == [zoom["half"] for zoom in curve["zooms"]]


def test_surface_of_a_bowl_is_a_grid_around_its_point():
    surface = studied(bowl).surface
    assert (["x", "y"], [3.0, 2.0], 34.0, [16.0, 10.0]) == tuple(
        surface[name] for name in ("names", "at", "value", "gradient")
    )
    x, y, z = (np.array(surface[axis]) for axis in "xyz")
    assert (0.0, 6.0, 0.0, 4.0) == (x[0], x[-1], y[0], y[-1])
    assert (41, 41) == z.shape
    assert 2 * x**2 + 2 * x * y[:, None] + y[:, None] ** 2 == pytest.approx(z, rel=1e-3)


def test_surface_of_one_input_names_its_entries():
    surface = studied(problem(x=[3.0, 2.0])(lambda xp, x: x[0] * x[1] ** 2)).surface
    assert (["x[0]", "x[1]"], 12.0, [4.0, 12.0]) == (surface["names"], surface["value"], surface["gradient"])


@pytest.mark.parametrize(
    ("domain", "low", "high", "blank"),
    [
        (Domain(low=0.5), 0.5, 2.0, 1),
        (Domain(low=0.5, open=False), 0.5, 2.0, 0),
        (Domain(high=1.5, low=0.25), 0.25, 1.5, 2),
        (Domain(), 0.0, 2.0, 0),
    ],
)
def test_pictures_stay_in_the_domain(domain, low, high, blank):
    def within(xp, x, y=0.0):
        assert domain.contains(x), "sampled outside the domain"
        return xp.sqrt(x) + y

    surface = studied(problem(x=1.0, y=1.0, domain={"x": domain})(within)).surface
    assert (low, high) == (surface["x"][0], surface["x"][-1])
    assert blank * 41 == np.isnan(surface["z"]).sum()
    (widest, *_) = studied(problem(x=1.0, domain={"x": domain})(lambda xp, x: within(xp, x))).curve["zooms"]
    outside = [not domain.contains(np.array(x)) for x in widest["x"]]
    assert outside == np.isnan(widest["y"]).tolist()


def test_numbers_that_lie_close_together_keep_the_digits_that_tell_them_apart():
    (*_, finest) = studied(problem(x=1.0)(lambda xp, x: 1e6 + x)).curve["zooms"]
    assert 61 == len(set(finest["y"]))


# Differences.


def errors(of):
    differences = studied(of).differences
    true = float(differences["true"])
    return np.array(differences["steps"]), *(
        np.abs(np.array(differences[q]) - true) for q in ("forward", "central")
    )


def test_differences_have_a_v_curve():
    steps, forward, central = errors(wave)
    assert 52 == len(steps) == len(forward) == len(central)
    assert [0.5, 2.0**-52] == pytest.approx([steps[0], steps[-1]], rel=1e-3)
    for error in (forward, central):
        assert 1e-12 < steps[error.argmin()] < 1e-2
        assert error.min() < 1e-6 * error[0]
        assert error.min() < 1e-6 * error[-1]
    long = slice(5, 15)
    assert 1 == pytest.approx(np.polyfit(np.log(steps[long]), np.log(forward[long]), 1)[0], abs=0.05)
    assert 2 == pytest.approx(np.polyfit(np.log(steps[long]), np.log(central[long]), 1)[0], abs=0.05)


def test_differences_hold_the_certified_derivative_and_what_the_harness_measures():
    differences = studied(wave).differences
    assert "1.25338076749344683697237458088" == differences["true"]
    ladder = differences["ladder"]
    assert abs(ladder["value"] - 1.25338076749344683) <= ladder["error"] < 1e-10
    assert [2.0**-3, 2.0**-25] == ladder["steps"]


@pytest.mark.parametrize(
    ("at", "longest", "shortest"), [(1e-4, 2.0**-15, 2.0**-25), (1e-9, 1e-9 * 2.0**-3, 1e-9 * 2.0**-25)]
)
def test_the_ladder_takes_short_steps_where_long_ones_leave_the_domain(at, longest, shortest):
    root = problem(x=at, domain={"x": Domain(low=0.0)})(lambda xp, x: xp.sqrt(x))
    ladder = studied(root).differences["ladder"]
    assert [longest, shortest] == ladder["steps"]
    assert abs(ladder["value"] - 0.5 / math.sqrt(at)) <= ladder["error"]


@pytest.mark.parametrize(
    ("why", "slope"),
    [
        ("not certified", "no certified truth: none"),
        ("a kink", None),
    ],
)
def test_no_differences_where_no_derivative_is_certified(why, slope):
    kink = problem(x=0.0)(lambda xp, x: xp.abs(x))
    instance = (wave if slope else kink).instances()[0]
    truth = Certifier(instance, "float64").truth("gradient", instance.seeds)
    found = study(instance, "suite", lambda: slope or truth)
    assert {"steps", "curve"} == parts(found)


# Pattern.


def test_pattern_of_a_linear_map_in_its_matrix_is_block_diagonal():
    found = studied(linear)
    x = found.inputs["x"]
    assert (3, [["W", 12]]) == (found.pattern["rows"], found.pattern["blocks"])
    assert [(row, 4 * row + column) for row in range(3) for column in range(4)] == [
        (row, column) for row, column, _ in found.pattern["entries"]
    ]
    assert x * 3 == pytest.approx([value for *_, value in found.pattern["entries"]], rel=1e-3)


def test_pattern_has_all_inputs_side_by_side():
    both = problem(W=[[1.0, 2.0], [3.0, 4.0]], x=[5.0, 0.0])(lambda xp, W, x: W @ x)
    pattern = studied(both).pattern
    assert [["W", 4], ["x", 2]] == pattern["blocks"]
    jacobian = np.zeros((2, 6))
    for row, column, value in pattern["entries"]:
        jacobian[row, column] = value
    assert [[5, 0, 0, 0, 1, 2], [0, 0, 5, 0, 3, 4]] == jacobian.tolist()
    assert 6 == len(pattern["entries"]), "zeros are left out"


# A study never costs a run.


def only_engine_fails(xp, x):
    if xp is engine.xp:
        raise RuntimeError("no luck")
    return xp.sin(x)


def fails_beside_its_point(xp, x):
    if x != 1.0:
        raise ValueError("only here")
    return xp.sin(x)


@pytest.mark.parametrize(
    ("f", "output", "expected"),
    [
        (lambda xp, x: missing, (), set()),  # noqa: F821
        (lambda xp, x: "text", (), set()),
        (only_engine_fails, (), {"differences"}),
        (fails_beside_its_point, (), {"steps"}),
        (lambda xp, x: xp.sqrt(xp.log(xp.sin(x))), (), {"steps"}),
    ],
)
def test_what_a_function_fails_to_give_is_left_out(f, output, expected):
    found = studied(problem(x=1.0)(f))
    assert (output, expected, {"x": 1.0}) == (found.output, parts(found), found.inputs)


def test_a_slow_function_has_no_pictures_that_take_long(monkeypatch):
    monkeypatch.setattr("gradcheck.studies._PATIENCE", 0.0)
    assert set() == parts(studied(wave)) | parts(studied(bowl)) | parts(studied(linear))
    assert () == studied(wave).output


def test_a_function_that_changes_its_inputs_changes_only_copies():
    @problem(x=1.0, c=np.ones(2), wrt="x")
    def meddling(xp, x, c):
        """sum(x c), and c changed on the way"""
        value = xp.sum(x * c)
        c *= 2.0
        return value

    instance = meddling.instances()[0]
    instance.layout  # noqa: B018 - evaluates once, on the arrays themselves
    before = instance.arrays["c"].copy()
    found = study(instance, "suite", lambda: "")
    assert before.tolist() == instance.arrays["c"].tolist()
    assert found.curve["value"] == before.sum()


# A run writes them down.


ENGINE = Backend(name="engine", title="", load=lambda device: EngineDifferentiator())


def plan_for(*problems, **options):
    suite = Suite(name="suite", title="A topic", problems={p.name: p for p in problems}, source="test")
    given = {"backends": [ENGINE], "operators": ("value",), "dtypes": ("float64",), "rounds": 0}
    return Plan(suites=[suite], **given | options)


def kinds(directory):
    lines = (directory / FILE_NAME).read_text(encoding="utf-8").splitlines()
    return [line.split('"')[3] for line in lines]


several = problem(Point(x=1.0), Point(x=2.0), name="several")(wave.fn)


def test_a_run_writes_a_subject_once_and_a_study_of_every_point_before_its_cells(tmp_path):
    results = run(plan_for(several, bowl), out=tmp_path)
    assert [("several", "A topic"), ("bowl", "A topic")] == [(s.problem, s.title) for s in results.subjects]
    assert [("several", "x=1"), ("several", "x=2"), ("bowl", "x=3, y=2")] == [
        (s.problem, s.point) for s in results.studies
    ]
    written = kinds(tmp_path)
    assert ["subject", "study", "study", "subject", "study"] == [
        k for k in written if k in ("subject", "study")
    ]
    assert max(n for n, kind in enumerate(written) if kind == "study") < written.index("cell")


def test_a_run_in_memory_holds_the_same_studies_as_one_in_a_file(tmp_path):
    kept, read = run(plan_for(several)), run(plan_for(several), out=tmp_path)
    assert (kept.subjects, kept.studies) == (read.subjects, read.studies)


def test_a_run_gone_on_with_writes_them_once(tmp_path):
    first = run(plan_for(several, bowl), out=tmp_path)
    again = run(plan_for(several, bowl), out=tmp_path, resume=True)
    assert (first.subjects, first.studies) == (again.subjects, again.studies)
    assert (2, 3) == (kinds(tmp_path).count("subject"), kinds(tmp_path).count("study"))


def test_a_problem_that_changed_is_described_anew_when_a_run_is_gone_on_with(tmp_path):
    run(plan_for(several), out=tmp_path)
    changed = problem(*several.points, name="several", why="another")(lambda xp, x: xp.cos(x))
    again = run(plan_for(changed), out=tmp_path, resume=True)
    assert ["another"] == [subject.why for subject in again.subjects]
    assert [math.cos(1), math.cos(2)] == pytest.approx([one.curve["value"] for one in again.studies])


def test_a_point_that_is_there_for_its_size_is_not_studied():
    grown = problem(Point(size=8, x=draws.normal(8)), jac=lambda xp, x: x)(lambda xp, x: xp.sum(x**2) / 2)
    results = run(plan_for(grown))
    assert (1, ()) == (len(results.subjects), results.studies)


def test_studies_have_the_truth_in_float64_whatever_dtypes_are_asked():
    (low,) = run(plan_for(wave, dtypes=("float32",))).studies
    assert studied(wave).differences["true"] == low.differences["true"]


def test_a_broken_problem_has_a_subject_and_a_bare_study_and_the_run_goes_on():
    broken = problem(x=1.0, name="broken")(lambda xp, x: missing)  # noqa: F821
    results = run(plan_for(broken, wave))
    assert ["broken", "wave"] == [subject.problem for subject in results.subjects]
    assert [set(), {"steps", "curve", "differences"}] == [parts(one) for one in results.studies]


def test_a_run_with_studies_is_read_as_it_was_written(tmp_path):
    within = problem(x=1.0, domain={"x": Domain(low=0.5)})(lambda xp, x: xp.log(x))
    results = run(plan_for(within, wengert, linear))
    assert any(math.isnan(y) for y in results.studies[0].curve["zooms"][0]["y"])
    assert repr(Results.read(results.write(tmp_path / FILE_NAME)).studies) == repr(results.studies)
    assert all(isinstance(subject, Subject) for subject in results.subjects)
