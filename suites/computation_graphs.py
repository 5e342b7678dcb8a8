"""Evaluation traces and computation graphs

Functions built from elementary operations one by one, with the intermediate values documents print.
"""

from typing import Any

import numpy as np

from gradcheck import Domain, Point, Published, draws, problem

POSITIVE = Domain(low=0.0)


@problem(
    x1=2.0,
    x2=5.0,
    published=Published(
        value="11.65",
        gradient=["5.5", "1.7"],
        source="A-trace",
        note="written as 2 - cos(pi); the argument is 5",
    ),
    why="the two paths into x1 (logarithm and product) not added, or sin x2 entering with the wrong sign",
    domain={"x1": POSITIVE},
    jac=lambda xp, x1, x2: (1 / x1 + x2, x1 - xp.cos(x2)),
)
def wengert(xp: Any, x1: Any, x2: Any) -> Any:
    """ln x1 + x1 x2 - sin x2"""
    return xp.log(x1) + x1 * x2 - xp.sin(x2)


@problem(
    x1=2.0,
    x2=5.0,
    published=Published(value=["0.69", "10", "-0.95", "10.69", "11.65"], source="A-trace", note="v1 to v5"),
    why="a tangent of an intermediate off while the sum still comes out right",
    domain={"x1": POSITIVE},
    jac=lambda xp, x1, x2: (
        xp.stack([1 / x1, x2, 0 * x1, 1 / x1 + x2, 1 / x1 + x2]),
        xp.stack([0 * x2, x1, xp.cos(x2), x1, x1 - xp.cos(x2)]),
    ),
)
def wengert_trace(xp: Any, x1: Any, x2: Any) -> Any:
    """(v1, v2, v3, v4, v5) = (ln x1, x1 x2, sin x2, v1 + v2, v4 - v3)"""
    v1 = xp.log(x1)
    v2 = x1 * x2
    v3 = xp.sin(x2)
    v4 = v1 + v2
    v5 = v4 - v3
    return xp.stack([v1, v2, v3, v4, v5])


@problem(
    v1=0.6875,
    v2=10.0,
    v3=-0.953125,
    published=Published(
        gradient=["1", "1", "-1"], source="A-adjoint", note="s1, s2 and s3 of the reverse table"
    ),
    why="the adjoint of a subtrahend keeping the sign of the minuend",
    jac=lambda xp, v1, v2, v3: (0 * v1 + 1, 0 * v2 + 1, 0 * v3 - 1),
)
def wengert_adjoints(xp: Any, v1: Any, v2: Any, v3: Any) -> Any:
    """v5 = (v1 + v2) - v3 as a function of the trace"""
    return (v1 + v2) - v3


@problem(
    x=1.5,
    y=0.5,
    why="x reached by two paths, one of them through the exponent",
    jac=lambda xp, x, y: (
        (2 * x + x**2) * xp.exp(x + xp.cos(y)),
        -xp.sin(y) * x**2 * xp.exp(x + xp.cos(y)),
    ),
)
def square_times_exponential(xp: Any, x: Any, y: Any) -> Any:
    """x^2 exp(x + cos y)"""
    return x**2 * xp.exp(x + xp.cos(y))


@problem(
    Point(x=3.0, published=Published(gradient="-0.1634", source="M-power")),
    Point(x=0.5),
    why="base and exponent both functions of x: d/dexponent = k^x ln k must join d/dbase = k x^(k-1)",
    domain={"x": POSITIVE},
    jac=lambda xp, x: x ** xp.cos(x) * (xp.cos(x) / x - xp.sin(x) * xp.log(x)),
)
def power_of_cosine(xp: Any, x: Any) -> Any:
    """x^cos(x)"""
    return x ** xp.cos(x)


@problem(
    x=2.0,
    y=0.5,
    z=1.5,
    why="an exponent that is itself a product of nodes: its adjoint must pass on to two parents",
    domain={"x": POSITIVE},
    jac=lambda xp, x, y, z: (
        xp.cos(y) * z**2 * x ** (xp.cos(y) * z**2 - 1),
        -xp.sin(y) * z**2 * xp.log(x) * x ** (xp.cos(y) * z**2),
        2 * z * xp.cos(y) * xp.log(x) * x ** (xp.cos(y) * z**2),
    ),
)
def power_graph(xp: Any, x: Any, y: Any, z: Any) -> Any:
    """x^(cos(y) z^2)"""
    return x ** (xp.cos(y) * z**2)


@problem(
    x=3.0,
    y=4.0,
    published=Published(
        value=["9", "12", "108", "-0.5966"], source="O-graph", note="a1 to a4; a4 = sin 12 is -0.5366"
    ),
    why="one wrong intermediate in a worked example, which every later line inherits",
    jac=lambda xp, x, y: (
        xp.stack([2 * x, 0 * x, 6 * x * y, 0 * x]),
        xp.stack([0 * y, 0 * y + 3, 3 * x**2, 3 * xp.cos(3 * y)]),
    ),
)
def graph_trace(xp: Any, x: Any, y: Any) -> Any:
    """(a1, a2, a3, a4) = (x^2, 3 y, a1 a2, sin a2)"""
    a1 = x * x
    a2 = 3 * y
    a3 = a1 * a2
    a4 = xp.sin(a2)
    return xp.stack([a1, a2, a3, a4])


@problem(
    x=12.0,
    published=Published(gradient="0.978", source="O-cosine", note="written as cos(1), where cos(12) belongs"),
    why="the cosine taken at another node's value instead of at the sine's own argument",
    jac=lambda xp, x: xp.cos(x),
)
def sine_at_a_node(xp: Any, x: Any) -> Any:
    """sin(a2) at a2 = 12"""
    return xp.sin(x)


@problem(
    x=3.0,
    y=4.0,
    published=Published(gradient=["-42.9", None], source="O-graph", note="inherits the wrong a4"),
    why="a node used by two others: a2 feeds the product and the sine",
    jac=lambda xp, x, y: (
        6 * x * y * xp.sin(3 * y),
        3 * x**2 * xp.sin(3 * y) + 9 * x**2 * y * xp.cos(3 * y),
    ),
)
def graph_output(xp: Any, x: Any, y: Any) -> Any:
    """s = (x^2 3 y) sin(3 y)"""
    a1 = x * x
    a2 = 3 * y
    a3 = a1 * a2
    a4 = xp.sin(a2)
    return a3 * a4


@problem(
    a1=9.0,
    a2=12.0,
    published=Published(
        gradient=[None, "100.255"], source="O-paths", note="two paths lead to a2: a4 a1 + a3 cos(a2) = 86.307"
    ),
    why="one of two paths to a node taken with the wrong factor: contributions add, each along its own edge",
    jac=lambda xp, a1, a2: (a2 * xp.sin(a2), a1 * xp.sin(a2) + a1 * a2 * xp.cos(a2)),
)
def graph_from_its_second_layer(xp: Any, a1: Any, a2: Any) -> Any:
    """s = (a1 a2) sin(a2)"""
    return (a1 * a2) * xp.sin(a2)


@problem(
    Point(x=1.5, y=2.0),
    Point(x=0.0, y=2.0, label="x=0"),
    why="the mixed second derivative: x^2 y^3 has 6 x y^2 off the diagonal, twice",
    jac=lambda xp, x, y: (2 * x * y**3, 3 * x**2 * y**2),
)
def mixed_second_derivative(xp: Any, x: Any, y: Any) -> Any:
    """x^2 y^3"""
    return x**2 * y**3


@problem(
    x=[1.5, 0.5],
    why="subexpressions shared by two factors: recomputed or reused, the derivative must be the same",
    kinks="x1 = 0",
)
def griewank_walther(xp: Any, x: Any) -> Any:
    """(sin u + u - e^x1) (u - e^x1) with u = x0 / x1"""
    u = x[0] / x[1]
    e = xp.exp(x[1])
    return (xp.sin(u) + u - e) * (u - e)


def _leave_one_out(xp: Any, x: Any) -> Any:
    return xp.stack([xp.prod(xp.concat([x[:i], x[i + 1 :]])) for i in range(x.shape[0])])


@problem(
    Point(x=[0.5, 1.0, 1.5, 2.0, 2.5]),
    Point(x=[2.0, 0.0, 3.0], label="one zero"),
    Point(x=[0.0, 2.0, 0.0, 3.0], label="two zeros"),
    why="the derivative of a product as y / x[i]: 0 / 0 when a factor is 0, where the answer is finite",
    jac=_leave_one_out,
)
def speelpenning(xp: Any, x: Any) -> Any:
    """x0 x1 ... xn by one reduction"""
    return xp.prod(x)


@problem(
    Point(x=[0.5, 1.0, 1.5, 2.0, 2.5]),
    Point(x=[2.0, 0.0, 3.0], label="one zero"),
    Point(x=draws.uniform(0.5, 1.5, 20)),
    why="a product accumulated in a loop: each partial product is both a result and a later factor",
    jac=_leave_one_out,
)
def speelpenning_loop(xp: Any, x: Any) -> Any:
    """x0 x1 ... xn by a loop"""
    y = x[0]
    for i in range(1, x.shape[0]):
        y = y * x[i]
    return y


def _helmholtz_jac(xp: Any, x: Any, b: Any, A: Any, root2: Any) -> Any:
    beta = b @ x
    q = x @ (A @ x)
    log_ratio = xp.log((1 + (1 + root2) * beta) / (1 + (1 - root2) * beta))
    log_ratio_slope = 2 * root2 / (1 + 2 * beta - beta**2)
    symmetric = A @ x + xp.matrix_transpose(A) @ x
    first = xp.log(x / (1 - beta)) + 1 + b * xp.sum(x) / (1 - beta)
    second = (symmetric / beta - q * b / beta**2) * log_ratio + q / beta * b * log_ratio_slope
    return first - second / (2 * root2)


HELMHOLTZ: dict[str, Any] = {
    "b": np.array([0.125, 0.25, 0.3125]),
    "A": np.array([[2.0, 0.5, 0.25], [0.5, 1.5, 0.75], [0.25, 0.75, 1.0]]),
    "root2": float(np.sqrt(2)),
}


@problem(
    Point(x=[0.25, 0.3125, 0.5], **HELMHOLTZ),
    Point(x=[0.03125, 0.5, 0.75], **HELMHOLTZ),
    wrt="x",
    why="an expression where the same inner products appear six times: one missed path is one lost term",
    domain={"x": POSITIVE},
    jac=_helmholtz_jac,
)
def helmholtz_energy(xp: Any, x: Any, b: Any, A: Any, root2: Any) -> Any:
    """sum x ln(x / (1 - t)) - x^T A x / (2 r t) ln((1 + (1 + r) t) / (1 + (1 - r) t)), t = b.x, r = sqrt 2"""
    beta = b @ x
    log_ratio = xp.log((1 + (1 + root2) * beta) / (1 + (1 - root2) * beta))
    return xp.sum(x * xp.log(x / (1 - beta))) - x @ (A @ x) / (2 * root2 * beta) * log_ratio


@problem(
    x=0.5,
    y=1.5,
    why="a node with three children: all three contributions must have arrived before it passes its own on",
    jac=lambda xp, x, y: (y * (2 * x * y + xp.exp(x * y) + 1), x * (2 * x * y + xp.exp(x * y) + 1)),
)
def shared_subexpression(xp: Any, x: Any, y: Any) -> Any:
    """t^2 + exp(t) + t with t = x y"""
    t = x * y
    return t * t + xp.exp(t) + t


@problem(
    x=0.75,
    why="a graph with 2^20 paths and 21 nodes: visiting paths instead of nodes never ends",
    jac=lambda xp, x: 0 * x + 1048576,
)
def doubling_chain(xp: Any, x: Any) -> Any:
    """y <- y + y, twenty times"""
    y = x
    for _ in range(20):
        y = y + y
    return y


@problem(
    x=1.5,
    y=2.5,
    why="an input the function ignores: its derivative is 0, not None and not an error",
    jac=lambda xp, x, y: (2 * x, 0 * y),
)
def unused_argument(xp: Any, x: Any, y: Any) -> Any:
    """x^2 as a function of (x, y)"""
    return x**2


@problem(
    x=draws.normal(3),
    why="an output that is the input itself: the cotangent handed back must be a copy, not an alias",
    jac=lambda xp, x: np.eye(3),
)
def identity(xp: Any, x: Any) -> Any:
    """x"""
    return x


@problem(
    Point(x=0.5),
    Point(x=2.0),
    why="both branches of a choice contributing, or the untaken one alone",
    kinks="the second derivative jumps at x = 1",
    jac=lambda xp, x: xp.where(x > 1, 2 * x, 2.0),
)
def branch(xp: Any, x: Any) -> Any:
    """x^2 where x > 1, else 2 x - 1"""
    return xp.where(x > 1, x**2, 2 * x - 1)


@problem(
    Point(a=2.0),
    Point(a=0.25),
    why="an iteration whose start is a constant: the input enters at every step, not at the first",
    domain={"a": POSITIVE},
)
def newton_square_root(xp: Any, a: Any) -> Any:
    """x <- (x + a / x) / 2 from x = 1, six times"""
    x = (1 + a) / 2
    for _ in range(5):
        x = (x + a / x) / 2
    return x


@problem(
    a=1.25,
    b=0.75,
    why="two variables exchanged in a loop: a rule that reads a value after it was rebound mixes them up",
    jac=lambda xp, a, b: (8 * a**7 * b**13, 13 * a**8 * b**12),
)
def exchanged_variables(xp: Any, a: Any, b: Any) -> Any:
    """(a, b) <- (b, a b), six times; the last b is a^8 b^13"""
    for _ in range(6):
        a, b = b, a * b
    return b


@problem(
    x=0.75,
    c=[2.0, -1.0, 0.5, 3.0],
    why="Horner's scheme reuses x at every level while each coefficient enters once",
    jac=lambda xp, x, c: (
        c[1] + 2 * c[2] * x + 3 * c[3] * x**2,
        xp.stack([0 * x + 1, x, x**2, x**3]),
    ),
)
def horner(xp: Any, x: Any, c: Any) -> Any:
    """c0 + x (c1 + x (c2 + x c3))"""
    return c[0] + x * (c[1] + x * (c[2] + x * c[3]))


@problem(
    x=1.5,
    why="a quotient nested twelve deep: each level's derivative is a product of squares of all outer values",
    domain={"x": POSITIVE},
)
def continued_fraction(xp: Any, x: Any) -> Any:
    """1 + x / (1 + x / (1 + ...)), twelve levels"""
    y = 1 + x
    for _ in range(11):
        y = 1 + x / y
    return y


@problem(
    a=1.5,
    b=0.5,
    why="two sequences that feed each other: an update done in place would use the new a in b",
    domain={"a": POSITIVE, "b": POSITIVE},
)
def arithmetic_geometric_mean(xp: Any, a: Any, b: Any) -> Any:
    """(a, b) <- ((a + b) / 2, sqrt(a b)), four times"""
    for _ in range(4):
        a, b = (a + b) / 2, xp.sqrt(a * b)
    return a
