"""Delicate points

Ordinary functions at points where widely used rules return something else than the derivative.
"""

from typing import Any

from gradcheck import Domain, Point, problem

POSITIVE = Domain(low=0.0)


@problem(
    x=3.0,
    y=0.0,
    why="a rule that returns 0 for exponent 0 loses the mixed second derivative, which is 1/x there",
    domain={"x": POSITIVE},
    jac=lambda xp, x, y: (y * x ** (y - 1), x**y * xp.log(x)),
)
def power_at_exponent_zero(xp: Any, x: Any, y: Any) -> Any:
    """x^y at y = 0"""
    return x**y


@problem(
    Point(x=4.0),
    Point(x=-1.0, label="guarded side"),
    why="NaN of the branch that was not chosen leaking into the derivative as 0 * NaN",
    jac=lambda xp, x: xp.where(x > 0, 0.5 * xp.where(x > 0, x, 1.0) ** -0.5, 0.0),
    kinks="x = 0",
)
def guarded_square_root(xp: Any, x: Any) -> Any:
    """sqrt(x) where x > 0, else 0"""
    return xp.where(x > 0, xp.sqrt(x), 0.0)


@problem(
    p=[0.5, 0.5, 0.0],
    q=[0.25, 0.25, 0.5],
    why="0 ln(0 / q) is 0 for every q, so the slope in q is 0 there, not 0 / 0",
    kinks="where an entry of p is 0: the slope in it is -infinity",
    jac=lambda xp, p, q: (xp.log(p / q) + 1, -p / q),
)
def divergence_on_a_face(xp: Any, p: Any, q: Any) -> Any:
    """KL(p||q) = sum p ln(p / q) with an entry of p equal to 0"""
    return xp.sum(xp.xlogy(p, p / q))


@problem(
    z=20.0,
    why="1 - tanh^2 cancels in the tail: the slope there is 2e-17, not 0",
    jac=lambda xp, z: 1 / xp.cosh(z) ** 2,
)
def tanh_in_its_tail(xp: Any, z: Any) -> Any:
    """tanh(z) at z = 20"""
    return xp.tanh(z)


@problem(
    z=-40.0,
    why="a slope taken from the output as expm1(z) + 1 is 0 where exp(z) is 4e-18",
    jac=lambda xp, z: xp.exp(z),
)
def expm1_in_its_tail(xp: Any, z: Any) -> Any:
    """exp(z) - 1 at z = -40"""
    return xp.expm1(z)
