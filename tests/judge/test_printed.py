"""Printed numbers against the truth: what agrees, what does not, and what cannot be compared."""

import re

import pytest

from gradcheck import Point, Published, problem
from gradcheck.errors import BadProblem
from gradcheck.judge.printed import check_counts, check_printed


def checks(function, published, **inputs):
    declared = problem(published=published, name="example", **inputs)(function)
    return list(check_printed(declared.instances()[0], "suite"))


def statuses(function, published, **inputs):
    return [check.status for check in checks(function, published, **inputs)]


def sine(xp, x):
    return xp.sin(x)  # sin 2 = 0.909297..., cos 2 = -0.416146...


@pytest.mark.parametrize(
    ("printed", "status"),
    [
        ("0.909297426825681695", "agrees"),
        ("0.909297", "agrees"),
        ("0.90929", "agrees"),  # truncated
        ("0.90930", "agrees"),  # rounded
        ("0.9", "agrees"),
        ("1", "agrees"),
        ("0", "agrees"),
        ("9.09e-1", "agrees"),
        (0.9093, "agrees"),
        ("0.90931", "disagrees"),
        ("0.90928", "disagrees"),
        ("0.92", "disagrees"),
        ("2", "disagrees"),
        ("-0.909", "disagrees"),
        ("formula only", "disagrees"),
    ],
)
def test_number_agrees_when_the_truth_rounds_or_truncates_to_it(printed, status):
    assert statuses(sine, Published(value=printed, source="S"), x=2.0) == [status]


@pytest.mark.parametrize(("printed", "status"), [("1", "agrees"), ("0.5", "agrees"), ("1.01", "disagrees")])
def test_any_slope_between_the_one_sided_ones_agrees_at_a_kink(printed, status):
    relu = Published(gradient=printed, source="S")
    assert [status] == statuses(lambda xp, x: xp.maximum(x, 0.0), relu, x=0.0)


@pytest.mark.parametrize(
    ("printed", "status"),
    [
        ("-0.41614", "agrees"),
        ("-0.41615", "agrees"),
        ("-0.4161", "agrees"),
        ("-0.4162", "disagrees"),
        ("-0.41616", "disagrees"),
        ("-0.41613", "disagrees"),
        ("0.41615", "disagrees"),
    ],
)
def test_negative_number_is_truncated_towards_zero(printed, status):
    assert statuses(sine, Published(gradient=printed, source="S"), x=2.0) == [status]


@pytest.mark.parametrize("printed", ["20280", "20280.0", 20280, 20280.0])
def test_exact_number_agrees(printed):
    found = statuses(lambda xp, x: (x**2 + 1) ** 3, Published(gradient=printed, source="S"), x=5.0)
    assert found == ["agrees"]


def test_lost_exponent_disagrees():
    found = statuses(lambda xp, x: (8 * x - 7) ** -5, Published(gradient="-1.657", source="S"), x=3.0)
    assert found == ["disagrees"]


@pytest.mark.parametrize("printed", ["formula only", "0.5", 1.0])
def test_claim_where_nothing_exists_is_undefined(printed):
    found = statuses(
        lambda xp, x: xp.sqrt(xp.log(xp.sin(3 * x))), Published(gradient=printed, source="S"), x=0.25
    )
    assert found == ["undefined"]


def plane(xp, x, s):
    return x[0] ** 2 * s + x[1]


def test_every_printed_entry_is_a_check_of_its_own():
    published = Published(value="7", gradient=["8", None, 3], source="table 1", note="by hand")
    first, second, third = checks(plane, published, x=[2.0, -1.0], s=2.0)
    assert (first.quantity, first.printed, first.true, first.status) == ("f", "7", "7", "agrees")
    assert (second.quantity, second.printed, second.status) == ("d f / d x[0]", "8", "agrees")
    assert (third.quantity, third.printed, third.true, third.status) == ("d f / d s", "3", "4", "disagrees")
    assert {check.source for check in (first, second, third)} == {"table 1"}
    assert {check.note for check in (first, second, third)} == {"by hand"}
    assert {(check.suite, check.problem, check.point) for check in (first, third)} == {
        ("suite", "example", "x=(2, -1), s=2")
    }


def test_jacobian_and_hessian_are_named_by_their_entries():
    jacobian = Published(jacobian=[[2, 0], [0, 2]], source="S")
    found = checks(lambda xp, x: 2 * x, jacobian, x=[1.0, 1.0])
    assert [(c.quantity, c.status) for c in found][1] == ("d f[0] / d x[1]", "agrees")
    hessian = Published(hessian=[[4, 2], [2, 2]], source="S")
    found = checks(lambda xp, x: 2 * x[0] ** 2 + 2 * x[0] * x[1] + x[1] ** 2, hessian, x=[3.0, 2.0])
    assert [c.quantity for c in found][2:] == ["d2 f / d x[1] d x[0]", "d2 f / d x[1] d x[1]"]
    assert {c.status for c in found} == {"agrees"}


def test_several_documents_may_print_at_one_point():
    one, other = Published(value="0.91", source="A"), Published(value="0.90", source="B")
    found = checks(sine, (one, other), x=2.0)
    assert [(check.source, check.status) for check in found] == [("A", "agrees"), ("B", "agrees")]


def test_nothing_printed_is_nothing_checked():
    assert checks(sine, (), x=2.0) == []


@pytest.mark.parametrize(
    ("published", "fault"),
    [
        (Published(gradient=[1, 2], source="S 3"), "S 3 prints 2 numbers for the gradient, which has 3"),
        (Published(value=[1, 2], source="S 3"), "S 3 prints 2 numbers for the value, which has 1"),
        (
            Published(hessian=[[1, 2], [3, 4]], source="S 3"),
            "S 3 prints 4 numbers for the hessian, which has 9",
        ),
    ],
)
def test_wrong_count_is_refused(published, fault):
    declared = problem(Point(x=[2.0, -1.0], s=2.0, published=published), name="example")(plane)
    message = f"problem 'example': {fault}; give one per entry, None where none is printed."
    with pytest.raises(BadProblem, match=f"^{re.escape(message)}$"):
        check_counts(declared.instances()[0])


def test_right_count_is_accepted():
    published = Published(value=7, gradient=[1, None, 3], source="S")
    check_counts(problem(Point(x=[2.0, -1.0], s=2.0, published=published))(plane).instances()[0])
