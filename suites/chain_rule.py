"""Scalar chain rule

Compositions of one number: nested powers, powers in both arguments, repeated use, long chains.
"""

from typing import Any

import numpy as np

from gradcheck import Domain, Point, Published, problem

POSITIVE = Domain(low=0.0)


@problem(
    Point(
        x=5.0,
        published=(
            Published(value="17576", gradient="20280", source="F-ex1"),
            Published(
                value="17576.0", gradient="20280.0", source="F-tape", note="a float32 variable on a tape"
            ),
        ),
    ),
    Point(x=0.0),
    Point(x=-0.5),
    why="the inner derivative left out, or taken at x instead of at the inner value",
    jac=lambda xp, x: 6 * x * (x**2 + 1) ** 2,
)
def cube_of_quadratic(xp: Any, x: Any) -> Any:
    """(x^2 + 1)^3"""
    return (x**2 + 1) ** 3


@problem(
    x=2.0,
    published=Published(gradient="25", source="F-1"),
    why="a power rule through logarithms: the base is -1 here, so log of it is NaN",
    jac=lambda xp, x: 5 * (3 * x**2 - 7 * x + 1) ** 4 * (6 * x - 7),
)
def fifth_power_of_quadratic(xp: Any, x: Any) -> Any:
    """(3 x^2 - 7 x + 1)^5"""
    return (3 * x**2 - 7 * x + 1) ** 5


@problem(
    Point(x=1.0, published=Published(gradient="-108", source="F-2")),
    Point(x=1.5),
    why="the sign of a decreasing inner function lost; at x=3/2 the derivative is exactly 0",
    jac=lambda xp, x: 3 * (x**2 - 3 * x + 8) ** 2 * (2 * x - 3),
)
def cube_of_shifted_quadratic(xp: Any, x: Any) -> Any:
    """(x^2 - 3 x + 8)^3"""
    return (x**2 - 3 * x + 8) ** 3


@problem(
    Point(
        x=3.0,
        published=Published(gradient="-1.657", source="F-3", note="the power of ten, e-6, is missing there"),
    ),
    Point(x=0.5),
    Point(x=0.890625, label="near the pole"),
    why="an absolute tolerance: the derivative is 1.7e-6 at one point and 1e7 at another",
    jac=lambda xp, x: -40 * (8 * x - 7) ** -6,
    kinks="pole at x = 7/8",
)
def inverse_fifth_power(xp: Any, x: Any) -> Any:
    """(8 x - 7)^-5"""
    return (8 * x - 7) ** -5


@problem(
    Point(x=1.0, published=Published(gradient="-61.1186", source="F-4")),
    Point(x=3.0, label="argument 614656"),
    why="three nested rules multiplied in a wrong order of evaluation; a sine reduced badly at 6e5",
    jac=lambda xp, x: xp.cos((3 * x**2 + 1) ** 4) * 24 * x * (3 * x**2 + 1) ** 3,
)
def sine_of_fourth_power(xp: Any, x: Any) -> Any:
    """sin((3 x^2 + 1)^4)"""
    return xp.sin((3 * x**2 + 1) ** 4)


@problem(
    Point(
        x=0.5,
        published=Published(
            gradient="formula only",
            source="F-5",
            note="the real domain is the isolated points sin(3x) = 1, so no derivative exists anywhere",
        ),
    ),
    Point(x=float(np.pi / 6), label="x=pi/6"),
    why="a formal derivative reported where the function has no real value: the answer is 'undefined'",
    kinks="everywhere: real only at the isolated points sin(3x) = 1, where it is 0",
)
def root_of_log_of_sine(xp: Any, x: Any) -> Any:
    """sqrt(ln(sin(3 x)))"""
    return xp.sqrt(xp.log(xp.sin(3 * x)))


@problem(
    Point(x=1.0),
    Point(x=0.0),
    Point(x=2.5),
    why="the value of exp recomputed from the wrong argument instead of reused",
    jac=lambda xp, x: 2 * x * xp.cos(x**2) * xp.exp(xp.sin(x**2)),
)
def exponential_of_sine_of_square(xp: Any, x: Any) -> Any:
    """exp(sin(x^2))"""
    return xp.exp(xp.sin(x**2))


@problem(
    Point(x=4.0),
    Point(x=0.25),
    why="three different rules in a row: any one inverted or evaluated at the output shows",
    domain={"x": POSITIVE},
    jac=lambda xp, x: xp.cos(xp.log(xp.sqrt(x))) / (2 * x),
)
def three_deep_chain(xp: Any, x: Any) -> Any:
    """sin(ln(sqrt(x)))"""
    return xp.sin(xp.log(xp.sqrt(x)))


@problem(
    Point(x=2.0),
    Point(x=0.5),
    why="x^n with the exponent taken as a constant: the term x^x ln x goes missing",
    domain={"x": POSITIVE},
    jac=lambda xp, x: x**x * (xp.log(x) + 1),
)
def x_to_the_x(xp: Any, x: Any) -> Any:
    """x^x"""
    return x**x


@problem(
    Point(x=2.0, y=3.0),
    Point(x=0.5, y=-1.5),
    why="one of the two partial derivatives of a power missing, or the two swapped",
    domain={"x": POSITIVE},
    jac=lambda xp, x, y: (y * x ** (y - 1), x**y * xp.log(x)),
)
def power_in_both_arguments(xp: Any, x: Any, y: Any) -> Any:
    """x^y in x and in y"""
    return x**y


@problem(
    Point(x=0.0),
    Point(x=-1.5),
    why="0 * 0^(-1) = NaN from the power rule at exponent 0; the derivative is 2 at 0",
    jac=lambda xp, x: 3 * x**2 + 4 * x + 2,
)
def integer_powers(xp: Any, x: Any) -> Any:
    """x^3 + 2 x^2 + 2 x^1 + x^0"""
    return x**3 + 2 * x**2 + 2 * x**1 + x**0


@problem(
    Point(x=3.0, y=-2.0),
    Point(x=1.5, y=0.015625, label="small denominator"),
    why="the quotient's second derivative lacking its minus sign or its square",
    jac=lambda xp, x, y: (1 / y, -x / y**2),
    kinks="pole at y = 0",
)
def quotient(xp: Any, x: Any, y: Any) -> Any:
    """x / y"""
    return x / y


@problem(
    Point(x=3.0, y=-2.0),
    Point(x=0.0, y=5.0, label="a zero factor"),
    why="the product's own factor returned instead of the other one",
    jac=lambda xp, x, y: (y, x),
)
def product(xp: Any, x: Any, y: Any) -> Any:
    """x y"""
    return x * y


@problem(
    Point(x=0.75),
    Point(x=-2.0),
    why="a number on the left of an operator, differentiated as if the operands were exchanged",
    jac=lambda xp, x: -2 / x**2 + xp.log(0 * x + 2) * 2.0**x,
    kinks="pole at x = 0",
)
def reflected_operators(xp: Any, x: Any) -> Any:
    """(1 - x) (2 / x) + 2^x"""
    return (1 - x) * (2 / x) + 2.0**x


@problem(
    Point(x=0.5),
    Point(x=-2.0),
    why="uses of one variable overwritten instead of added up",
    jac=lambda xp, x: 3 * x**2 + xp.sin(x) + x * xp.cos(x) - 1,
)
def repeated_use(xp: Any, x: Any) -> Any:
    """x x x + x sin x - x"""
    return x * x * x + x * xp.sin(x) - x


@problem(
    x=1.25,
    why="fifty copies of one variable: each contribution must arrive, the mean must divide by 50",
    jac=lambda xp, x: 0 * x + 1,
)
def fan_out_fan_in(xp: Any, x: Any) -> Any:
    """Mean of 50 copies of x, so the derivative is 1"""
    return xp.mean(xp.stack([x] * 50))


@problem(
    Point(x=2.0),
    Point(x=-1.0),
    why="numerator and denominator both depending on x: the quotient rule with a nontrivial numerator",
    jac=lambda xp, x: (x**4 + 5 * x**2 - 2) / (x**2 + 1) ** 2,
)
def rational_function(xp: Any, x: Any) -> Any:
    """(x^3 - 2 x) / (x^2 + 1)"""
    return (x**3 - 2 * x) / (x**2 + 1)


def _iterated_sine_jac(xp: Any, x: Any) -> Any:
    slope = 1.0
    for _ in range(50):
        slope = slope * xp.cos(x)
        x = xp.sin(x)
    return slope


@problem(
    x=2.0,
    why="a chain fifty deep: a relative error in each link is multiplied fifty times",
    jac=_iterated_sine_jac,
)
def iterated_sine(xp: Any, x: Any) -> Any:
    """sin(sin(... sin(x))), fifty times"""
    for _ in range(50):
        x = xp.sin(x)
    return x


def _logistic_map_jac(xp: Any, x: Any) -> Any:
    slope = 1.0
    for _ in range(5):
        slope = slope * (4 - 8 * x)
        x = 4 * x * (1 - x)
    return slope


@problem(
    Point(x=0.203125),
    Point(x=0.5, label="critical point"),
    Point(x=0.9375),
    why="a name rebound in a loop: every iteration's x must stay distinct on the way back",
    jac=_logistic_map_jac,
)
def logistic_map(xp: Any, x: Any) -> Any:
    """x <- 4 x (1 - x), five times"""
    for _ in range(5):
        x = 4 * x * (1 - x)
    return x


@problem(
    x=0.203125,
    why="chaos: the slope is of order 1e5, and a difference quotient with an ordinary step sees none of it",
)
def logistic_map_long(xp: Any, x: Any) -> Any:
    """x <- 4 x (1 - x), nineteen times"""
    for _ in range(19):
        x = 4 * x * (1 - x)
    return x


@problem(
    Point(x=4.0),
    Point(x=2.0**-100, label="x=2^-100"),
    why="a square root regularised by a small constant: the slope near 0 is 2^49, not bounded",
    domain={"x": POSITIVE},
    jac=lambda xp, x: 0.5 / xp.sqrt(x),
)
def square_root(xp: Any, x: Any) -> Any:
    """sqrt(x)"""
    return xp.sqrt(x)


@problem(
    Point(x=0.5),
    Point(x=1.5703125, label="near pi/2"),
    why="a tangent's derivative by a formula that cancels: the slope is 4e6 near pi/2",
    jac=lambda xp, x: 1 / xp.cos(x) ** 2,
)
def tangent(xp: Any, x: Any) -> Any:
    """tan(x)"""
    return xp.tan(x)


@problem(
    Point(x=0.5),
    Point(x=-1.25),
    why="the sign of cosh' taken from the circular functions, where it is minus",
    jac=lambda xp, x: 2 * xp.cosh(x) + 3 * xp.sinh(x),
)
def hyperbolic_functions(xp: Any, x: Any) -> Any:
    """2 sinh(x) + 3 cosh(x)"""
    return 2 * xp.sinh(x) + 3 * xp.cosh(x)


@problem(
    Point(x=1.5),
    Point(x=2.0**-60, label="x=2^-60"),
    why="log1p and expm1 replaced by log(1 + x) and exp(x) - 1, which lose x altogether when it is small",
    domain={"x": Domain(low=-1.0)},
    jac=lambda xp, x: xp.expm1(x) / (1 + x) + xp.log1p(x) * xp.exp(x),
)
def small_argument_product(xp: Any, x: Any) -> Any:
    """log1p(x) expm1(x)"""
    return xp.log1p(x) * xp.expm1(x)


@problem(
    Point(x=8.0),
    Point(x=0.75),
    why="the factor 1/ln 2 of the binary logarithm left out",
    domain={"x": POSITIVE},
    jac=lambda xp, x: 1 / (x * xp.log(0 * x + 2)),
)
def binary_logarithm(xp: Any, x: Any) -> Any:
    """log2(x)"""
    return xp.log2(x)
