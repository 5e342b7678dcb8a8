"""The derivative as a limit and as a linear approximation

Slopes, zooms, Taylor polynomials, and the functions on which difference quotients go astray.
"""

from typing import Any

import numpy as np

from gradcheck import Domain, Point, Published, draws, problem


@problem(
    Point(
        x=[3.0, 2.0],
        published=(
            Published(value="34", gradient=["16", "10"], source="D-level-curves"),
            Published(hessian=[["4", "2"], ["2", "2"]], source="M-taylor"),
        ),
    ),
    Point(x=[0.0, 0.0], label="minimum"),
    why="the mixed term's contribution to one of the two entries forgotten",
    jac=lambda xp, x: xp.stack([4 * x[0] + 2 * x[1], 2 * x[0] + 2 * x[1]]),
)
def level_curves(xp: Any, x: Any) -> Any:
    """2 x0^2 + 2 x0 x1 + x1^2"""
    return 2 * x[0] ** 2 + 2 * x[0] * x[1] + x[1] ** 2


@problem(
    x=3.0,
    y=2.0,
    published=Published(gradient=["16", "10"], source="O-steepest-ascent"),
    why="the same function of two arguments: gradients of separate arguments returned in the wrong order",
    jac=lambda xp, x, y: (4 * x + 2 * y, 2 * x + 2 * y),
)
def level_curves_of_two_arguments(xp: Any, x: Any, y: Any) -> Any:
    """2 x^2 + 2 x y + y^2"""
    return 2 * x**2 + 2 * x * y + y**2


@problem(
    x=[3.0, 2.0],
    t=0.0,
    wrt="t",
    why="the slope along the gradient is its squared length, 356: a step normalised by mistake gives 18.9",
    jac=lambda xp, x, t: 356.0 + 2 * t * 3752.0,
)
def steepest_ascent(xp: Any, x: Any, t: Any) -> Any:
    """f(x + t grad f(x)) for f = 2 x0^2 + 2 x0 x1 + x1^2"""
    a = x[0] + t * (4 * x[0] + 2 * x[1])
    b = x[1] + t * (2 * x[0] + 2 * x[1])
    return 2 * a**2 + 2 * a * b + b**2


@problem(
    Point(x=0.5, h=0.5),
    Point(x=0.5, h=0.0625),
    why="the slope of the secant still depends on h: both arguments share sin(x + h)",
    kinks="h = 0",
    jac=lambda xp, x, h: (
        (xp.cos(x + h) - xp.cos(x)) / h,
        xp.cos(x + h) / h - (xp.sin(x + h) - xp.sin(x)) / h**2,
    ),
)
def secant_slope(xp: Any, x: Any, h: Any) -> Any:
    """(sin(x + h) - sin(x)) / h"""
    return (xp.sin(x + h) - xp.sin(x)) / h


@problem(
    x=1.5,
    centre=0.5,
    why="the point of tangency treated as a constant: in it the derivative is f''(x0) (x - x0)",
    jac=lambda xp, x, centre: (xp.exp(centre), xp.exp(centre) * (x - centre)),
)
def tangent_line(xp: Any, x: Any, centre: Any) -> Any:
    """f(x0) + f'(x0) (x - x0) for f = exp"""
    return xp.exp(centre) + xp.exp(centre) * (x - centre)


@problem(
    x=[2.5, 1.0],
    centre=[3.0, 2.0],
    why="the tangent plane in both its point and its centre: a shared factor counted once only",
    jac=lambda xp, x, c: (
        xp.stack([4 * c[0] + 2 * c[1], 2 * c[0] + 2 * c[1]]),
        xp.stack([4 * (x[0] - c[0]) + 2 * (x[1] - c[1]), 2 * (x[0] - c[0]) + 2 * (x[1] - c[1])]),
    ),
)
def tangent_plane(xp: Any, x: Any, centre: Any) -> Any:
    """f(c) + <grad f(c), x - c> for f = 2 x0^2 + 2 x0 x1 + x1^2"""
    value = 2 * centre[0] ** 2 + 2 * centre[0] * centre[1] + centre[1] ** 2
    gradient = xp.stack([4 * centre[0] + 2 * centre[1], 2 * centre[0] + 2 * centre[1]])
    return value + xp.sum(gradient * (x - centre))


@problem(
    step=[-0.5, 1.25],
    H=np.array([[4.0, 2.0], [2.0, 2.0]]),
    wrt="step",
    why="the factor 1/2 of the second-order term: exact for a quadratic form, so any other factor shows",
    jac=lambda xp, step, H: xp.stack([16 + 4 * step[0] + 2 * step[1], 10 + 2 * step[0] + 2 * step[1]]),
)
def second_order_taylor(xp: Any, step: Any, H: Any) -> Any:
    """34 + <(16, 10), d> + d^T H d / 2"""
    return 34 + 16 * step[0] + 10 * step[1] + 0.5 * (step @ (H @ step))


@problem(
    Point(x=draws.normal(3), A=draws.normal(3, 3)),
    Point(x=draws.normal(20), A=draws.normal(20, 20)),
    wrt="x",
    why="2 A x instead of (A + A^T) x: they differ as soon as A is not symmetric",
    jac=lambda xp, x, A: A @ x + xp.matrix_transpose(A) @ x,
)
def quadratic_form(xp: Any, x: Any, A: Any) -> Any:
    """x^T A x"""
    return x @ (A @ x)


@problem(
    Point(x=2.0),
    Point(x=1.0, label="stationary"),
    Point(x=0.0, label="inflexion"),
    why="one input, one output: a derivative returned with shape (1,) instead of ()",
    jac=lambda xp, x: 3 * x**2 - 3,
)
def scalar_function(xp: Any, x: Any) -> Any:
    """x^3 - 3 x"""
    return x**3 - 3 * x


@problem(
    x=[0.5, -1.0, 2.0],
    why="n inputs, one output: a gradient returned as a (1, n) matrix",
    jac=lambda xp, x: xp.stack([x[1] * xp.exp(x[2]), x[0] * xp.exp(x[2]), x[0] * x[1] * xp.exp(x[2])]),
)
def scalar_field(xp: Any, x: Any) -> Any:
    """x0 x1 exp(x2)"""
    return x[0] * x[1] * xp.exp(x[2])


@problem(
    Point(t=0.5),
    Point(t=0.0),
    why="one input, m outputs: a velocity returned as (m, 1), or its components added up",
    jac=lambda xp, t: xp.stack([-xp.sin(t), xp.cos(t), 0 * t + 0.25]),
)
def vector_function(xp: Any, t: Any) -> Any:
    """(cos t, sin t, t / 4)"""
    return xp.stack([xp.cos(t), xp.sin(t), t / 4])


@problem(
    x=[1.5, -0.5],
    why="a field with antisymmetric Jacobian: transposing it changes every sign",
    jac=lambda xp, x: xp.stack([xp.stack([0 * x[0], 0 * x[0] - 1]), xp.stack([0 * x[0] + 1, 0 * x[0]])]),
)
def vector_field(xp: Any, x: Any) -> Any:
    """(-x1, x0)"""
    return xp.stack([-x[1], x[0]])


@problem(
    Point(x=2.0),
    Point(x=-2.0),
    Point(x=0.0, label="kink"),
    why="the sign of the argument forgotten; at 0 any value in [-1, 1] is a subgradient",
    kinks="x = 0",
    jac=lambda xp, x: xp.where(x > 0, 1.0, xp.where(x < 0, -1.0, 0.0)),
)
def absolute_value(xp: Any, x: Any) -> Any:
    """|x|"""
    return xp.abs(x)


@problem(
    Point(x=0.5),
    Point(x=-0.125),
    why="a fixed wide stencil: Taylor's series has radius 1/5, and beyond it high-order differences diverge",
    jac=lambda xp, x: -50 * x / (1 + 25 * x**2) ** 2,
)
def runge(xp: Any, x: Any) -> Any:
    """1 / (1 + 25 x^2)"""
    return 1 / (1 + 25 * x**2)


@problem(
    x=0.75,
    why="a step longer than the period sees the trend 1 instead of the slope",
    jac=lambda xp, x: 1 + 1024 * xp.cos(1024 * x),
)
def rapid_oscillation(xp: Any, x: Any) -> Any:
    """x + sin(1024 x)"""
    return x + xp.sin(1024 * x)


@problem(
    x=0.75,
    why="a large constant in front of a small variation: differences lose six digits, derivatives none",
    jac=lambda xp, x: xp.cos(x),
)
def sine_on_an_offset(xp: Any, x: Any) -> Any:
    """2^20 + sin(x)"""
    return 1048576 + xp.sin(x)


@problem(
    x=0.0009765625,
    why="a derivative of 7e-21 is not 0: tolerances in absolute terms pass anything here",
    jac=lambda xp, x: 8 * x**7,
)
def flat_power(xp: Any, x: Any) -> Any:
    """x^8 at 2^-10"""
    return x**8


@problem(
    Point(x=0.125),
    Point(x=-0.5),
    why="all Taylor coefficients at 0 vanish: smooth, yet its tiny slope of 1e-25 is not zero",
    kinks="x = 0, where the function is continued by 0",
    jac=lambda xp, x: 2 * xp.exp(-1 / x**2) / x**3,
)
def smooth_and_flat(xp: Any, x: Any) -> Any:
    """exp(-1 / x^2)"""
    return xp.exp(-1 / x**2)


@problem(
    x=67108864.0,
    why="a step not scaled with x: 2^26 + 1e-8 is 2^26, and the difference quotient is 0",
    domain={"x": Domain(low=0.0)},
    jac=lambda xp, x: xp.log(x) + 1,
)
def large_argument(xp: Any, x: Any) -> Any:
    """x ln(x) at 2^26"""
    return x * xp.log(x)


def _rosenbrock_jac(xp: Any, x: Any) -> Any:
    inner = x[1:] - x[:-1] ** 2
    first = xp.concat([-400 * x[:-1] * inner - 2 * (1 - x[:-1]), 0 * x[:1]])
    return first + xp.concat([0 * x[:1], 200 * inner])


@problem(
    Point(x=[-1.25, 1.0]),
    Point(x=[1.0, 1.0], label="minimum"),
    Point(x=[-1.25, 1.0, -1.25, 1.0]),
    Point(x=draws.normal(20)),
    why="overlapping slices of one vector: the inner entries collect contributions from both neighbours",
    jac=_rosenbrock_jac,
)
def rosenbrock(xp: Any, x: Any) -> Any:
    """sum 100 (x[i+1] - x[i]^2)^2 + (1 - x[i])^2"""
    return xp.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)


@problem(
    Point(x=0.5, y=-1.0),
    Point(x=3.0, y=2.0, label="minimum"),
    why="a sum of squares at its zero: the gradient is exactly 0 and the Hessian is not",
    jac=lambda xp, x, y: (
        4 * x * (x**2 + y - 11) + 2 * (x + y**2 - 7),
        2 * (x**2 + y - 11) + 4 * y * (x + y**2 - 7),
    ),
)
def himmelblau(xp: Any, x: Any, y: Any) -> Any:
    """(x^2 + y - 11)^2 + (x + y^2 - 7)^2"""
    return (x**2 + y - 11) ** 2 + (x + y**2 - 7) ** 2


@problem(
    x=[0.5, 0.25],
    rate=0.0625,
    why="three gradient-descent steps unrolled: the learning rate enters each step, the start only the first",
)
def unrolled_gradient_descent(xp: Any, x: Any, rate: Any) -> Any:
    """f(x3) with x[k+1] = x[k] - rate grad f(x[k]), f = 2 x0^2 + 2 x0 x1 + x1^2"""
    a, b = x[0], x[1]
    for _ in range(3):
        a, b = a - rate * (4 * a + 2 * b), b - rate * (2 * a + 2 * b)
    return 2 * a**2 + 2 * a * b + b**2
