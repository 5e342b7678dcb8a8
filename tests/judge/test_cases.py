"""The collections themselves: what they call right is right, by a derivative that knows no rule."""

import numpy as np
import pytest

from cases import FAIL, PASS, draw, floating, kinks, leaves, mapped, right, scaled

LADDER = 2.0 ** -np.arange(2, 42, 2)


def real_entries(tree):
    """All floating entries of a nest as one real vector, real parts before imaginary ones leaf by leaf."""
    found = [np.asarray(leaf) for leaf in leaves(tree) if floating(leaf)]
    parts = [
        half.ravel()
        for leaf in found
        for half in ((leaf.real, leaf.imag) if leaf.dtype.kind == "c" else (leaf,))
    ]
    return np.concatenate([np.zeros(0), *parts])


def with_entries(tree, vector):
    """The inverse: a nest of the same structure, with the entries of a vector in its floating leaves."""
    rest = [vector]

    def take(count):
        taken, rest[0] = rest[0][:count], rest[0][count:]
        return taken

    def filled(leaf):
        leaf = np.asarray(leaf)
        if not floating(leaf):
            return leaf
        parts = take(leaf.size), (take(leaf.size) if leaf.dtype.kind == "c" else 0)
        return np.reshape(parts[0] + 1j * parts[1] if leaf.dtype.kind == "c" else parts[0], leaf.shape)

    return mapped(filled, tree)


def extrapolated(phi, size, dtype):
    """Central differences, extrapolated; the entry of the table that settled best."""
    rows = []
    best, error = None, np.inf
    for h in size * LADDER.astype(dtype):
        row = [(phi(h) - phi(-h)) / (2 * h)]
        for order, before in enumerate(rows[-1][:6] if rows else [], start=1):
            row.append(row[-1] + (row[-1] - before) / (16**order - 1))
        if rows:
            change = np.max(abs(row[-1] - rows[-1][-1]), initial=0)
            if change < error:
                best, error = row[-1], change
        rows.append(row)
    return best


def widest(f, args):
    """Extended precision where the function takes it; linear algebra and special functions do not."""
    try:
        f(*with_entries(args, real_entries(args).astype(np.longdouble)))
    except TypeError:
        return np.float64
    return np.longdouble


def jacobian_by_values(case):
    """Every column from values of the function alone."""
    args, f = case.args, case.exact or case.f
    at = real_entries(args)
    dtype = widest(f, args)
    columns = []
    for index, entry in enumerate(at):
        if case.analytic:
            stepped = at.astype(complex)
            stepped[index] += 1e-30j
            columns.append(real_parts(f(*with_entries(args, stepped))) / 1e-30)
        else:
            wide = at.astype(dtype)

            def phi(h, index=index, wide=wide):
                return real_entries(
                    f(*with_entries(args, np.where(np.arange(len(wide)) == index, wide + h, wide)))
                )

            columns.append(extrapolated(phi, abs(entry) / 4 or 0.1, dtype))
    return np.stack(columns, axis=1).astype(float)


def real_parts(tree):
    return np.concatenate([np.zeros(0), *[np.asarray(leaf).imag.ravel() for leaf in leaves(tree)]])


def jacobian_by_vjp(case):
    """Every row from the claimed rule."""
    args = case.args
    output = case.f(*args)
    size = real_entries(output).size
    rows = [case.vjp(*args, with_entries(output, unit)) for unit in np.eye(size)]
    return np.array([real_entries(row) for row in rows]).reshape(size, real_entries(args).size)


def jacobian_by_jvp(case):
    args = case.args
    columns = []
    for unit in np.eye(real_entries(args).size):
        tangents = with_entries(args, unit)
        kept = [
            t for t, arg in zip(tangents, args, strict=True) if any(floating(leaf) for leaf in leaves(arg))
        ]
        columns.append(real_entries(case.jvp(*args, *kept)))
    return np.stack(columns, axis=1)


def assert_close(claimed, measured):
    assert claimed.shape == measured.shape
    if claimed.size:
        scale = np.max(abs(measured), axis=1, keepdims=True)
        np.testing.assert_array_less(abs(claimed - measured), 1e-8 * abs(measured) + 1e-9 * scale + 1e-300)


def test_there_are_enough_and_each_has_its_name():
    names = [case.name for case in right.CASES]
    assert len(names) == len(set(names)) >= 70


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("case", right.CASES, ids=repr)
def test_right_rule_is_right(case, seed):
    case = draw(case, seed)
    measured = jacobian_by_values(case) if real_entries(case.args).size else jacobian_by_vjp(case)
    assert_close(jacobian_by_vjp(case), measured)
    if case.jvp:
        assert_close(jacobian_by_jvp(case), measured)


@pytest.mark.parametrize("case", right.CASES, ids=repr)
def test_scaled_case_has_the_slope_times_the_ratio(case):
    there = scaled(case, 1e-3, 1e5)
    first, second = jacobian_by_vjp(case), jacobian_by_vjp(there)
    np.testing.assert_allclose(second, first * 1e8, rtol=1e-6, atol=1e-6 * np.max(abs(second), initial=0))


def test_points_are_drawn_afresh_and_alike():
    case = right.CASES[0]
    assert np.array_equal(case.args[0], case.args[0])
    assert not np.array_equal(case.args[0], draw(case, 1).args[0])
    case.args[0][...] = 0
    assert np.any(case.args[0])


def directions(args):
    """Every axis, and random signs with random magnitudes."""
    count = real_entries(args).size
    generator = np.random.default_rng(0)
    signs = generator.choice([-1.0, 1.0], (200, count)) * generator.uniform(0.5, 1.5, (200, count))
    return [*np.eye(count), *signs]


def outside(case):
    """How far the claimed slope lies outside the one-sided ones at most, over outputs and directions."""
    args = case.args
    dtype = widest(case.f, args)
    at = real_entries(args).astype(dtype)
    h = dtype(1e-8 if dtype is np.longdouble else 1e-6)
    claimed = jacobian_by_vjp(case)
    worst = 0.0
    for u in directions(args):
        with np.errstate(invalid="ignore"):  # beyond an edge there is no value, and that side says nothing
            ahead, here, behind = (
                real_entries(case.f(*with_entries(args, at + s * h * u))) for s in (1, 0, -1)
            )
        sides = (ahead - here) / h, (here - behind) / h
        slope = claimed @ u
        beyond = np.maximum(slope - np.fmax(*sides), np.fmin(*sides) - slope)
        worst = max(worst, np.max(np.where(np.isnan(slope), np.inf, np.nan_to_num(beyond))))
    return worst


def test_there_are_enough_kinks_and_each_has_its_name():
    names = [case.name for case in (*kinks.CASES, *kinks.SINGLE)]
    assert len(names) == len(set(names))
    assert len(kinks.CASES) >= 60


@pytest.mark.parametrize("case", [case for case in kinks.KINKS if case.expect == PASS], ids=repr)
def test_right_slope_lies_between_the_one_sided_ones(case):
    assert outside(case) < 2e-3


@pytest.mark.parametrize("case", [case for case in kinks.KINKS if case.expect == FAIL], ids=repr)
def test_wrong_slope_lies_outside_the_one_sided_ones(case):
    assert outside(case) > 5e-3
