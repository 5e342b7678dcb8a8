"""A key changes with everything an answer depends on, and with nothing else."""

from dataclasses import replace

import numpy as np
import pytest

from gradcheck import Point, draws, problem
from gradcheck.keys import cell_key, subject_digest

FACTOR = 2.0


def helper(xp, x):
    return FACTOR * xp.sin(x)


def declared(fn, **options):
    return problem(x=1.0, name="p", **options)(fn)


def by_helper(xp, x):
    return helper(xp, x)


def key_of(made, seed=0, suite="suite"):
    return subject_digest(suite, made.instances(seed)[0])


def test_the_same_declared_twice_has_one_key():
    assert key_of(declared(lambda xp, x: x**2)) == key_of(declared(lambda xp, x: x**2))


@pytest.mark.parametrize(
    "other",
    [
        declared(lambda xp, x: x**3),
        declared(lambda xp, x: xp.sin(x)),
        declared(lambda xp, x: x**2 + 1),
        declared(lambda xp, x: x**2, vjp=lambda xp, x, c: 2 * x * c),
        declared(lambda xp, x: x**2, jac=lambda xp, x: 2 * x),
        problem(x=1.0, name="q")(lambda xp, x: x**2),
        problem(x=1.5, name="p")(lambda xp, x: x**2),
        problem(Point(x=1.0, label="another"), name="p")(lambda xp, x: x**2),
        problem(x=np.ones(1), name="p")(lambda xp, x: x**2),
    ],
)
def test_another_function_rule_name_point_or_shape_has_another_key(other):
    assert key_of(declared(lambda xp, x: x**2)) != key_of(other)


def test_a_helper_and_a_constant_of_the_module_count(monkeypatch):
    before = key_of(declared(by_helper))
    monkeypatch.setitem(globals(), "FACTOR", 3.0)
    changed = key_of(declared(by_helper))
    monkeypatch.setitem(globals(), "helper", lambda xp, x: xp.cos(x))
    assert len({before, changed, key_of(declared(by_helper))}) == 3


def test_what_a_function_closes_over_counts():
    def power(n):
        return declared(lambda xp, x: x**n)

    assert key_of(power(2)) == key_of(power(2))
    assert key_of(power(2)) != key_of(power(3))


def test_a_docstring_does_not_count():
    def plain(xp, x):
        return x**2

    def explained(xp, x):
        """x^2"""
        return x**2

    first, second = declared(plain), declared(explained)
    assert key_of(first) == key_of(replace(second, fn=second.fn))


def test_the_seed_and_the_suite_count():
    drawn = problem(x=draws.normal(3), name="p")(lambda xp, x: xp.sum(x))
    assert key_of(drawn, seed=1) != key_of(drawn, seed=2)
    assert key_of(drawn, suite="a") != key_of(drawn, suite="b")


def test_every_fact_about_who_is_asked_counts():
    facts = ("torch", "2.13", "cpu", "float64", "gradient")
    keys = {cell_key("subject", *facts)}
    for at in range(len(facts)):
        keys.add(cell_key("subject", *(fact + "x" if i == at else fact for i, fact in enumerate(facts))))
    assert len(keys) == 1 + len(facts)
    assert cell_key("other", *facts) not in keys
