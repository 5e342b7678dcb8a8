"""The fixture: a right suite passes, a wrong rule fails the test and is named."""

import pytest

pytest_plugins = ["pytester"]

SUITE = '''
from gradcheck import problem

@problem(x=1.5, jac=lambda xp, x: {slope})
def line(xp, x):
    """2 x"""
    return 2 * x
'''

TEST = """
def test_rules(gradcheck_run):
    results = gradcheck_run("rules.py", backends=["engine", "handwritten"], operators=["gradient"])
    assert len(results.cells) == 4
"""


@pytest.mark.parametrize("extra", [(), ("-p", "xdist", "-n", "1")], ids=["plain", "xdist"])
def test_a_right_rule_passes(pytester, extra):
    pytester.makepyfile(rules=SUITE.format(slope="2 + 0 * x"), test_it=TEST)
    pytester.runpytest_subprocess(*extra).assert_outcomes(passed=1)


def test_a_wrong_rule_fails_and_is_named(pytester):
    pytester.makepyfile(rules=SUITE.format(slope="3 + 0 * x"), test_it=TEST)
    result = pytester.runpytest_subprocess()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        ["*rules/line (x=1.5), handwritten float64 gradient: wrong, at x: answered 3.0, true 2*"]
    )
