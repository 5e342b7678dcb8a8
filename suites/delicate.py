"""Delicate points

Ordinary functions at points where widely used rules return something else than the derivative.
"""

from itertools import pairwise
from typing import Any

from gradcheck import Domain, Point, problem

POSITIVE = Domain(low=0.0)
PROBABILITY = Domain(low=0.0, high=1.0, open=False)


# A branch or a bound that was not chosen: its slope is infinite, and 0 * infinity is not 0 by itself.


@problem(
    Point(x=4.0),
    Point(x=-1.0, label="guarded side"),
    why="NaN of the branch that was not chosen leaking into the derivative as 0 * NaN",
    thread="TF#38349, jax#347",
    jac=lambda xp, x: xp.where(x > 0, 0.5 * xp.where(x > 0, x, 1.0) ** -0.5, 0.0),
    kinks="x = 0",
)
def guarded_square_root(xp: Any, x: Any) -> Any:
    """sqrt(x) where x > 0, else 0"""
    return xp.where(x > 0, xp.sqrt(x), 0.0)


@problem(
    x=[0.5, 0.25, 0.0],
    observed=[1, 1, 0],
    why="a padded entry is 0: ln 0 is masked out of the value, and 0 / 0 comes back in its slope",
    thread="torch#152088, TF#118674",
    kinks="where an observed entry is 0",
    jac=lambda xp, x, observed: xp.where(observed > 0, 1 / xp.where(observed > 0, x, 1.0), 0.0),
)
def log_likelihood_with_padding(xp: Any, x: Any, observed: Any) -> Any:
    """sum of ln x[i] over observed entries"""
    return xp.sum(xp.where(observed > 0, xp.log(x), 0.0))


@problem(
    x=[1.0, 2.0, 4.0],
    w=[0.0, 0.0, 0.0],
    wrt="x",
    why="a mean of nothing is 0 by the guard, but 1 / sum(w) is infinite in its slope",
    thread="torch#4132",
    kinks="nowhere, but the branch not chosen is 0 / 0",
    jac=lambda xp, x, w: 0 * x,
)
def mean_without_weights(xp: Any, x: Any, w: Any) -> Any:
    """sum w x / sum w, 0 where sum w is 0"""
    total = xp.sum(w)
    return xp.where(total > 0, xp.sum(w * x) / total, 0.0)


def _masked_softmax(xp: Any, z: Any, visible: Any) -> Any:
    weights = xp.exp(z) * xp.where(visible > 0, xp.ones_like(z), 0.0)
    total = xp.sum(weights)
    return xp.where(total > 0, weights / total, 0.0)


@problem(
    Point(z=[1.0, 2.0, 3.0], visible=[1, 1, 0], label="one hidden"),
    Point(z=[1.0, 2.0, 3.0], visible=[0, 0, 0], label="all hidden"),
    why="a row of attention that may look nowhere has weights 0 / 0 in the branch not chosen",
    thread="torch#41508",
    kinks="nowhere, but the branch not chosen may be 0 / 0",
)
def softmax_of_a_masked_row(xp: Any, z: Any, visible: Any) -> Any:
    """softmax over the visible entries, 0 where there is none"""
    return _masked_softmax(xp, z, visible)


@problem(
    x=[1.0, -1.0, 0.5],
    hidden=[0, 1, 0],
    why="a hidden logit is -infinity: -infinity minus the greatest one must not meet a 0 in the slope",
    thread="jax#23842",
    kinks="nowhere, but a hidden entry is -infinity",
)
def masked_logsumexp(xp: Any, x: Any, hidden: Any) -> Any:
    """ln sum exp of the entries that are not hidden"""
    z = xp.where(hidden > 0, -xp.inf, x)
    top = xp.max(z)
    return top + xp.log(xp.sum(xp.exp(z - top)))


@problem(
    Point(x=800.0, label="far above"),
    Point(x=-2.0),
    why="exp(x) of the branch not chosen overflows, and infinity / infinity leaks out of its slope",
    thread="torch#17455, tracel-ai/burn#5373",
    kinks="x = 30, where the two branches are 1e-13 apart",
)
def softplus_by_a_guard(xp: Any, x: Any) -> Any:
    """ln(1 + exp(x)), x itself where that is large"""
    return xp.where(x > 30.0, x, xp.log1p(xp.exp(x)))


@problem(
    Point(x=800.0, label="far above"),
    Point(x=0.0, label="joint"),
    why="expm1(x) of the branch not chosen overflows, and its slope is infinite times 0",
    thread="torch#68425, huggingface/candle#2328",
    kinks="x = 0, for the second derivative",
)
def exponential_unit_far_above(xp: Any, x: Any) -> Any:
    """x where x > 0, else exp(x) - 1"""
    return xp.where(x > 0, x, xp.expm1(x))


@problem(
    Point(x=800.0, label="far above"),
    Point(x=-800.0, label="far below"),
    why="each branch of the stable form overflows on the side of the other one",
    thread="TF#2540",
    kinks="nowhere, but the branch not chosen overflows",
)
def logistic_function_in_two_branches(xp: Any, x: Any) -> Any:
    """1 / (1 + exp(-x)) where x >= 0, else exp(x) / (1 + exp(x))"""
    return xp.where(x >= 0, 1 / (1 + xp.exp(-x)), xp.exp(x) / (1 + xp.exp(x)))


@problem(
    x=[-1.0, 4.0],
    why="a variance clipped at 0 is flat below, and the slope of the root there is infinite",
    thread="pyro-ppl/pyro#1273",
    kinks="x = 0",
    jac=lambda xp, x: xp.where(x > 0, 0.5 / xp.sqrt(xp.maximum(x, 1.0)), 0.0)[:, None] * xp.eye(2),
)
def root_of_a_clipped_number(xp: Any, x: Any) -> Any:
    """sqrt(max(x, 0))"""
    return xp.sqrt(xp.maximum(x, 0.0))


@problem(
    c=[1.25, 0.5],
    why="a cosine a little above 1 is clipped to 1, where the slope of acos is infinite",
    thread="torch#8069",
    kinks="c = 1 and c = -1",
)
def arc_cosine_of_a_clipped_number(xp: Any, c: Any) -> Any:
    """acos(min(max(c, -1), 1))"""
    return xp.acos(xp.minimum(xp.maximum(c, -1.0), 1.0))


@problem(
    x=[800.0, -1.0],
    why="the bound holds where exp(x) overflows: its slope 0 meets the infinite one of exp",
    thread="torch#10729",
    kinks="x = 0",
)
def exponential_below_a_bound(xp: Any, x: Any) -> Any:
    """min(exp(x), 1)"""
    return xp.minimum(xp.exp(x), 1.0)


@problem(
    x=2.0,
    y=0.0,
    why="where y is 0 the mean stays 0 whatever x does, but y / (2 sqrt(x y)) is 0 / 0",
    thread="TF#4914, deepmodeling/DMFF#50",
    kinks="x = 0 and y = 0",
)
def geometric_mean_with_a_zero(xp: Any, x: Any, y: Any) -> Any:
    """sqrt(x y)"""
    return xp.sqrt(x * y)


@problem(
    x=[[0.0, 0.0], [3.0, 4.0], [0.0, 1.0]],
    why="a point's distance to itself is 0 wherever it moves, but sqrt has an infinite slope there",
    thread="cornellius-gp/gpytorch#869",
    kinks="where two points coincide",
)
def sum_of_pairwise_distances(xp: Any, x: Any) -> Any:
    """sum over all i, j of |x[i] - x[j]|"""
    apart = x[:, None, :] - x[None, :, :]
    return xp.sum(xp.sqrt(xp.sum(apart * apart, axis=-1)))


@problem(
    x=[[0.0, 0.0], [3.0, 4.0], [0.0, 1.0]],
    other=[[0, 1, 1], [1, 0, 1], [1, 1, 0]],
    why="the energy of a point with itself is masked, but is 1/0 of a distance that is 0",
    thread="jax-md/jax-md#258",
    kinks="where two points coincide",
)
def energy_of_pairs(xp: Any, x: Any, other: Any) -> Any:
    """sum over i != j of 1 / |x[i] - x[j]|"""
    apart = x[:, None, :] - x[None, :, :]
    distance = xp.sqrt(xp.sum(apart * apart, axis=-1))
    return xp.sum(xp.where(other > 0, 1 / distance, 0.0))


# Overflow and underflow on the way to a number of ordinary size.


@problem(
    x=[-800.0, 2.0],
    why="1 / infinity is the right 0, but the slope multiplies 1 / infinity^2 by infinity",
    thread="huggingface/candle#1722, peterdsharpe/NeuralFoil#10",
    kinks="nowhere, but exp(-x) overflows",
)
def logistic_function_far_below(xp: Any, x: Any) -> Any:
    """1 / (1 + exp(-x))"""
    return 1 / (1 + xp.exp(-x))


@problem(
    x=[-800.0, 2.0],
    why="the quotient rule of x / infinity meets 0 * infinity",
    thread="trymirai/lalamo#328",
    kinks="nowhere, but exp(-x) overflows",
)
def gated_unit_far_below(xp: Any, x: Any) -> Any:
    """x / (1 + exp(-x))"""
    return x / (1 + xp.exp(-x))


@problem(
    x=[800.0, -800.0],
    why="1 / cosh(x) is 0 where cosh overflows, and so is its slope, not infinity / infinity",
    kinks="nowhere, but cosh(x) overflows",
)
def hyperbolic_secant_far_out(xp: Any, x: Any) -> Any:
    """1 / cosh(x)"""
    return 1 / xp.cosh(x)


@problem(
    Point(x=800.0, label="far above"),
    Point(x=40.0, label="tail"),
    Point(x=0.0, label="middle"),
    why="cosh(800) overflows where its logarithm is 799; the curvature in the tail is 1 - tanh^2, 7e-35",
    thread="torch#196704",
    jac=lambda xp, x: xp.tanh(x),
)
def log_of_two_cosh(xp: Any, x: Any) -> Any:
    """ln(2 cosh(x)), as ln(exp(x) + exp(-x))"""
    return xp.logaddexp(x, -x)


@problem(
    Point(x=3e-30, y=2e-30, label="squares underflow in float32"),
    Point(x=3e-170, y=2e-170, label="squares underflow in float64"),
    Point(x=3e25, y=2e25, label="squares overflow in float32"),
    why="-x / y^2 is infinite or 0 where y^2 leaves the range: -(x / y) / y does not",
    thread="TF#6562, tenstorrent/tt-metal#52376",
    domain={"y": POSITIVE},
    jac=lambda xp, x, y: (1 / y, -(x / y) / y),
)
def quotient_of_extreme_numbers(xp: Any, x: Any, y: Any) -> Any:
    """x / y"""
    return x / y


@problem(
    Point(x=3e25, y=4e25, label="squares overflow in float32"),
    Point(x=3e-30, y=4e-30, label="squares underflow in float32"),
    Point(x=3e-200, y=4e-200, label="squares underflow in float64"),
    why="the length is of ordinary size, its square is not",
    thread="TF#12071",
    kinks="the origin",
)
def hypotenuse_of_extreme_numbers(xp: Any, x: Any, y: Any) -> Any:
    """hypot(x, y)"""
    return xp.hypot(x, y)


@problem(
    Point(y=1.0, x=0.0, label="up"),
    Point(y=-1.0, x=0.0, label="down"),
    Point(y=0.0, x=2.0, label="right"),
    Point(y=2.0, x=-2.0, label="second quadrant"),
    why="the arc tangent of y / x divides by 0 on an axis, and by the wrong sign behind it",
    thread="coin-or/CppAD#120",
    kinks="the half-line y = 0, x <= 0",
)
def angle_of_a_point(xp: Any, y: Any, x: Any) -> Any:
    """atan2(y, x)"""
    return xp.atan2(y, x)


@problem(
    y=[3e-30, 3e-170],
    x=[4e-30, 4e-170],
    why="the slope x / (x^2 + y^2) is infinite where the squares underflow",
    thread="torch#98276",
    kinks="the half-line y = 0, x <= 0",
)
def angles_next_to_the_origin(xp: Any, y: Any, x: Any) -> Any:
    """atan2(y, x) of points very close to the origin"""
    return xp.atan2(y, x)


@problem(
    x=[1e25, -2.0],
    why="1 + x^2 overflows in float32, and with it 1 / sqrt(1 + x^2), which is 1 / x there",
    thread="jax#40634",
    jac=lambda xp, x: xp.eye(2) / xp.sqrt(1 + x * x),
)
def inverse_hyperbolic_sine_far_out(xp: Any, x: Any) -> Any:
    """asinh(x)"""
    return xp.asinh(x)


@problem(
    x=[1e25, 1.0 + 2.0**-23],
    why="x^2 - 1 overflows far out and cancels next to 1, sqrt(x - 1) sqrt(x + 1) does neither",
    thread="jax#40634",
    domain={"x": Domain(low=1.0)},
    kinks="x = 1",
)
def inverse_hyperbolic_cosine(xp: Any, x: Any) -> Any:
    """acosh(x)"""
    return xp.acosh(x)


# Tails: the derivative is small, and what it is computed from rounds to a constant.


@problem(
    z=20.0,
    why="1 - tanh^2 cancels in the tail: the slope there is 2e-17, not 0",
    thread="TF#126524, torch#195685, jax#40388",
    jac=lambda xp, z: 1 / xp.cosh(z) ** 2,
)
def tanh_in_its_tail(xp: Any, z: Any) -> Any:
    """tanh(z) at z = 20"""
    return xp.tanh(z)


@problem(
    z=-40.0,
    why="a slope taken from the output as expm1(z) + 1 is 0 where exp(z) is 4e-18",
    thread="torch#192406, jax#40820",
    jac=lambda xp, z: xp.exp(z),
)
def expm1_in_its_tail(xp: Any, z: Any) -> Any:
    """exp(z) - 1 at z = -40"""
    return xp.expm1(z)


@problem(
    x=40.0,
    why="a logistic function made of tanh loses s (1 - s), 4e-18 where tanh rounds to 1",
    thread="TF#126060",
    jac=lambda xp, x: 0.25 / xp.cosh(x / 2) ** 2,
)
def logistic_function_by_tanh(xp: Any, x: Any) -> Any:
    """(1 + tanh(x / 2)) / 2"""
    return 0.5 * (1 + xp.tanh(0.5 * x))


@problem(
    Point(x=37.43, label="upper tail"),
    Point(x=-40.0, label="lower tail"),
    Point(x=0.0, label="tie"),
    why="the curvature is s (1 - s), 6e-17 where 1 - s rounds to 0",
    thread="jax#40387",
    jac=lambda xp, x: 1 / (1 + xp.exp(-x)),
)
def softplus_by_logaddexp(xp: Any, x: Any) -> Any:
    """ln(exp(0) + exp(x))"""
    return xp.logaddexp(0 * x, x)


@problem(
    Point(x=-800.0, label="far below"),
    Point(x=0.0, label="tie"),
    Point(x=40.0, label="upper tail"),
    why="ln s(-800) is -800, not ln 0; its slope 1 is exp(800) / (1 + exp(800)) if taken naively",
    thread="jax#2140",
    jac=lambda xp, x: 1 / (1 + xp.exp(x)),
)
def log_of_the_logistic_function(xp: Any, x: Any) -> Any:
    """-ln(1 + exp(-x))"""
    return -xp.logaddexp(0 * x, -x)


@problem(
    x=1e-20,
    why="1 - exp(-x) has no digit left near 0, where the slope is 1 / x",
    thread="ML-KULeuven/klay#17",
    domain={"x": POSITIVE},
    jac=lambda xp, x: 1 / xp.expm1(x),
)
def log_of_one_minus_exp(xp: Any, x: Any) -> Any:
    """ln(1 - exp(-x)) for x > 0"""
    return xp.log(-xp.expm1(-x))


@problem(
    Point(x=0.0, label="0"),
    Point(x=1e-9, label="next to 0"),
    Point(x=1.0, label="first zero"),
    why="cos(pi x) - sinc(x) over x is 0/0 at 0 and has no digit left next to it; the curvature is -pi^2/3",
    thread="torch#89459, torch#196703, jax#35305",
)
def sinc(xp: Any, x: Any) -> Any:
    """sin(pi x) / (pi x)"""
    return xp.sinc(x)


@problem(
    c=[1.0 - 2.0**-26, -1.0 + 2.0**-26],
    why="1 - c^2 cancels next to 1, (1 - c) (1 + c) does not",
    kinks="c = 1 and c = -1",
)
def arc_cosine_next_to_one(xp: Any, c: Any) -> Any:
    """acos(c)"""
    return xp.acos(c)


# Powers, products and logarithms with zeros.


@problem(
    x=3.0,
    y=0.0,
    why="a rule that returns 0 for exponent 0 loses the mixed second derivative, which is 1/x there",
    thread="jax#12033",
    domain={"x": POSITIVE},
    jac=lambda xp, x, y: (y * x ** (y - 1), x**y * xp.log(x)),
)
def power_at_exponent_zero(xp: Any, x: Any, y: Any) -> Any:
    """x^y at y = 0"""
    return x**y


@problem(
    x=0.0,
    k=[0.0, 1.0, 2.0, 3.0],
    wrt="x",
    why="k x^(k-1) is 0 * 0^-1 for the constant term, and k (k-1) x^(k-2) for the linear one",
    thread="TF#35011, autograd#116",
    jac=lambda xp, x, k: 1 + 2 * x + 3 * x**2,
)
def polynomial_at_zero(xp: Any, x: Any, k: Any) -> Any:
    """1 + x + x^2 + x^3, as the sum of x^k"""
    return xp.sum(x**k)


@problem(
    x=-2.0,
    k=[3.0, 2.0, -1.0],
    wrt="x",
    why="x^k = exp(k ln x) is NaN for a negative base, the power of a whole exponent is not",
    thread="chainer/chainer#194",
    jac=lambda xp, x, k: xp.stack([3 * x**2, 2 * x, -(x**-2.0)]),
)
def powers_of_a_negative_number(xp: Any, x: Any, k: Any) -> Any:
    """x^3, x^2, x^-1"""
    return x**k


@problem(
    Point(x=[2.0, 0.0, 3.0], label="one zero"),
    Point(x=[2.0, 0.0, 0.0], label="two zeros"),
    Point(x=[0.0, 0.0, 0.0], label="all zeros"),
    why="the product over x[i] is 0/0 at a zero; two zeros leave a second derivative alone",
    thread="torch#773, torch#106789, TF#61117",
)
def product_with_zeros(xp: Any, x: Any) -> Any:
    """prod x[i]"""
    return xp.prod(x)


@problem(
    Point(x=[2.0, 0.0, 3.0], label="one zero"),
    Point(x=[0.0, 0.0, 3.0], label="two zeros"),
    why="running products over x[i] are 0/0 behind a zero, where the slope of the next ones is not 0",
    thread="TF#3862, TF#119430",
)
def running_products_with_zeros(xp: Any, x: Any) -> Any:
    """sum of x[0], x[0] x[1], x[0] x[1] x[2]"""
    return xp.sum(xp.cumulative_prod(x, axis=0))


@problem(
    p=[0.5, 0.5, 0.0],
    q=[0.25, 0.25, 0.5],
    why="0 ln(0 / q) is 0 for every q, so the slope in q is 0 there, not 0 / 0",
    thread="google-deepmind/optax#1786",
    kinks="where an entry of p is 0: the slope in it is -infinity",
    jac=lambda xp, p, q: (xp.log(p / q) + 1, -p / q),
)
def divergence_on_a_face(xp: Any, p: Any, q: Any) -> Any:
    """KL(p||q) = sum p ln(p / q) with an entry of p equal to 0"""
    return xp.sum(xp.xlogy(p, p / q))


@problem(
    Point(p=0.0, y=0.0, label="impossible and absent"),
    Point(p=1.0, y=1.0, label="certain and seen"),
    wrt="p",
    why="0 ln 0 in the value, 0 / 0 in the slope, which is 1 / (1 - p) or -1 / p",
    thread="tiny-dnn/tiny-dnn#410",
    domain={"p": PROBABILITY, "y": PROBABILITY},
    jac=lambda xp, p, y: xp.where(y > 0, -1.0, 1.0),
)
def cross_entropy_of_a_certain_outcome(xp: Any, p: Any, y: Any) -> Any:
    """-y ln p - (1 - y) ln(1 - p)"""
    return -xp.xlogy(y, p) - xp.xlogy(1 - y, 1 - p)


@problem(
    x=[0.0, 0.0, 0.0],
    b=[2.0, 0.0, 5.0],
    why="a term of weight 0 adds nothing to the value, but its weight has the slope of the others",
    thread="jax#22398, jax#37633",
    jac=lambda xp, x, b: (b / xp.sum(b), xp.ones_like(b) / xp.sum(b)),
)
def weighted_logsumexp(xp: Any, x: Any, b: Any) -> Any:
    """ln sum b exp(x)"""
    top = xp.max(x)
    return top + xp.log(xp.sum(b * xp.exp(x - top)))


@problem(
    z=[[0.0, -800.0], [0.5, -1.0]],
    why="the slope of p ln p is infinite where p = exp(-800) underflows, and infinity * 0 is NaN",
    thread="huggingface/trl#7252",
    kinks="nowhere, but p underflows to 0",
)
def entropies_of_softmaxes(xp: Any, z: Any) -> Any:
    """-sum p[i] ln p[i] of every row p = softmax(z)"""
    weights = xp.exp(z - xp.max(z, axis=1, keepdims=True))
    p = weights / xp.sum(weights, axis=1, keepdims=True)
    return -xp.sum(xp.xlogy(p, p), axis=1)


# Lengths at 0: a kink by itself, smooth inside what undoes the root.


@problem(
    x=[0.0, 0.0],
    why="x / |x| is 0/0 at 0, where every vector of length at most 1 is a subgradient",
    thread="TF#12071, jax#3058, torch#2421, autograd#151",
    kinks="x = 0",
)
def length_of_a_vector(xp: Any, x: Any) -> Any:
    """|x|"""
    return xp.linalg.vector_norm(x)


@problem(
    x=[0.0, 0.0],
    why="the same by hand: 2 x * 1 / (2 sqrt(0)) is 0 * infinity",
    thread="jax#2377",
    kinks="x = 0",
)
def root_of_a_sum_of_squares(xp: Any, x: Any) -> Any:
    """sqrt(sum x^2)"""
    return xp.sqrt(xp.sum(x * x))


@problem(
    x=[[0.0, 0.0], [3.0, 4.0]],
    why="|x|^2 is smooth at 0 and has the slope 2 x: a NaN from |x| must not reach it",
    thread="jax#4177, autograd#617",
    jac=lambda xp, x: 2 * x[None, :, :] * xp.eye(2)[:, :, None],
)
def squared_lengths_of_rows(xp: Any, x: Any) -> Any:
    """|x[i]|^2, through the norm"""
    return xp.linalg.vector_norm(x, axis=-1) ** 2


@problem(
    x=[0.0, 0.0],
    why="|x|^3 has no gradient and no curvature at 0, though |x| has neither there",
    jac=lambda xp, x: 0 * x,
)
def cube_of_a_length(xp: Any, x: Any) -> Any:
    """|x|^3"""
    return xp.linalg.vector_norm(x) ** 3


@problem(
    x=[0.0, -2.0],
    why="sqrt(x^4) is x^2: the infinite slope of the root meets the 0 of the fourth power",
    thread="TF#5562",
    jac=lambda xp, x: 2 * x[:, None] * xp.eye(2),
)
def root_of_a_fourth_power(xp: Any, x: Any) -> Any:
    """sqrt(x^4)"""
    return xp.sqrt(x**4)


@problem(
    x=[0.0, 0.0],
    why="the floor of the length is chosen at 0, and what was not chosen must not leak",
    thread="ml-explore/mlx#3668",
    kinks="|x| = 0.5",
    jac=lambda xp, x: 2 * xp.eye(2),
)
def normalised_vector(xp: Any, x: Any) -> Any:
    """x / max(|x|, 0.5)"""
    return x / xp.maximum(xp.linalg.vector_norm(x), 0.5)


@problem(
    w=[0.0, 0.0, 0.0],
    why="a rotation vector starts at 0, where the angle is a kink and the rotation is smooth",
    thread="kornia/kornia#1715, oarriaga/paz#383",
)
def rotation_of_a_vector(xp: Any, w: Any) -> Any:
    """Rodrigues: sin(a)/a w cross v + (1 - cos(a))/a^2 w cross (w cross v) + v with a = |w|, v = (1, 2, 3)"""
    angle = xp.linalg.vector_norm(w) / xp.pi
    across = xp.stack([3 * w[1] - 2 * w[2], w[2] - 3 * w[0], 2 * w[0] - w[1]])
    again = xp.stack(
        [
            w[1] * across[2] - w[2] * across[1],
            w[2] * across[0] - w[0] * across[2],
            w[0] * across[1] - w[1] * across[0],
        ]
    )
    return xp.sinc(angle) * across + 0.5 * xp.sinc(angle / 2) ** 2 * again


@problem(
    x=[3.0, 3.0, 3.0],
    why="the slope (x - mean) / std is 0/0 where all entries are equal",
    thread="torch#4320, jax#11716",
    kinks="where all entries are equal",
)
def standard_deviation_of_equal_numbers(xp: Any, x: Any) -> Any:
    """std(x)"""
    return xp.std(x)


@problem(
    x=[[3.0, 3.0, 3.0], [1.0, 2.0, 6.0]],
    why="the square of a deviation is smooth where the deviation has a kink",
)
def variance_through_the_standard_deviation(xp: Any, x: Any) -> Any:
    """std(x[i])^2"""
    return xp.std(x, axis=1) ** 2


@problem(
    x=0.0,
    y=0.0,
    why="the norm's own function of two numbers: 0 / 0 where it has a kink",
    thread="JuliaDiff/ForwardDiff.jl#669",
    kinks="the origin",
)
def hypotenuse_at_the_origin(xp: Any, x: Any, y: Any) -> Any:
    """hypot(x, y) at (0, 0)"""
    return xp.hypot(x, y)


@problem(
    x=0.0,
    y=0.0,
    z=2.0,
    why="at the pole the slope along the axis is 0, whatever becomes of the kink across it",
    thread="tensorflow/graphics#394",
    kinks="x = y = 0",
)
def polar_angle_at_the_pole(xp: Any, x: Any, y: Any, z: Any) -> Any:
    """atan2(hypot(x, y), z)"""
    return xp.atan2(xp.hypot(x, y), z)


# Ties and joints: pieces that are not smooth may make a function that is.


@problem(
    x=[3.0, 3.0],
    why="the greatest and the least together are the sum: both may not go to the same entry at a tie",
    thread="TF#51681, apache/mxnet#18563",
    jac=lambda xp, x: xp.ones_like(x),
)
def greatest_and_least_of_two(xp: Any, x: Any) -> Any:
    """max(x) + min(x) = x[0] + x[1]"""
    return xp.max(x) + xp.min(x)


@problem(
    a=2.0,
    b=2.0,
    why="entrywise the same: maximum and minimum of equal numbers must share alike",
    thread="torch#56734, Theano/Theano#6470",
    jac=lambda xp, a, b: (xp.ones_like(a), xp.ones_like(b)),
)
def larger_and_smaller_of_two(xp: Any, a: Any, b: Any) -> Any:
    """maximum(a, b) + minimum(a, b) = a + b"""
    return xp.maximum(a, b) + xp.minimum(a, b)


@problem(
    x=0.0,
    why="two ramps make x; their slopes at 0 must add up to 1",
    thread="torch#184572",
    jac=lambda xp, x: xp.ones_like(x),
)
def line_from_two_ramps(xp: Any, x: Any) -> Any:
    """max(x, 0) - max(-x, 0) = x"""
    return xp.maximum(x, 0.0) - xp.maximum(-x, 0.0)


@problem(
    Point(x=1.0, label="upper edge"),
    Point(x=-1.0, label="lower edge"),
    why="at its edges clip must share the slope as max does, or the two do not add up to 1",
    thread="torch#184574",
    jac=lambda xp, x: xp.ones_like(x),
)
def line_from_a_clip_and_two_ramps(xp: Any, x: Any) -> Any:
    """clip(x, -1, 1) + max(x - 1, 0) - max(-1 - x, 0) = x"""
    return xp.clip(x, -1.0, 1.0) + xp.maximum(x - 1, 0.0) - xp.maximum(-1 - x, 0.0)


@problem(
    z=[0.0, 0.0, -3.0],
    y=[0.0, 1.0, 1.0],
    wrt="z",
    why="the kinks of max(z, 0) and |z| cancel at 0 if both rules take the same side, or neither",
    thread="torch#2195",
    domain={"y": PROBABILITY},
    jac=lambda xp, z, y: xp.eye(3) * (0.5 * (1 + xp.tanh(0.5 * z)) - y),
)
def cross_entropies_of_logits(xp: Any, z: Any, y: Any) -> Any:
    """max(z, 0) - z y + ln(1 + exp(-|z|))"""
    return xp.maximum(z, 0.0) - z * y + xp.log1p(xp.exp(-xp.abs(z)))


@problem(
    x=[2.0, 2.0, 1.0],
    k=[1.0, 2.0, 3.0],
    wrt="x",
    why="of equal entries each has one place in the order, and one slope",
    thread="torch#185543",
    kinks="where entries are equal",
)
def weighted_order_statistics(xp: Any, x: Any, k: Any) -> Any:
    """sum of k times the k-th smallest entry"""
    return xp.sum(k * xp.sort(x))


@problem(
    x=0.0,
    why="2 |x| is the slope, 0 at 0, where the curvature jumps from -2 to 2",
    kinks="x = 0, for the second derivative",
)
def signed_square(xp: Any, x: Any) -> Any:
    """x |x|"""
    return x * xp.abs(x)


@problem(
    Point(x=1.0, label="joint"),
    Point(x=0.0, label="middle"),
    Point(x=-3.0, label="linear part"),
    why="the two pieces have one slope at the joint, where rules differ in which piece they take",
    kinks="|x| = 1, for the second derivative",
)
def huber_function(xp: Any, x: Any) -> Any:
    """x^2 / 2 where |x| <= 1, else |x| - 1/2"""
    return xp.where(xp.abs(x) <= 1, 0.5 * x * x, xp.abs(x) - 0.5)


@problem(
    Point(x=0.0, label="lower joint"),
    Point(x=1.0, label="upper joint"),
    why="the slope is 0 at both joints, whatever share clip takes there",
    kinks="x = 0 and x = 1, for the second derivative",
)
def smoothstep(xp: Any, x: Any) -> Any:
    """3 t^2 - 2 t^3 with t = x held between 0 and 1"""
    t = xp.clip(x, 0.0, 1.0)
    return t * t * (3 - 2 * t)


@problem(
    x=0.0,
    why="sqrt(x^2) is |x|: any slope in [-1, 1] will do at 0, infinity * 0 will not",
    thread="jax#2377",
    kinks="x = 0",
)
def root_of_a_square(xp: Any, x: Any) -> Any:
    """sqrt(x^2) at 0"""
    return xp.sqrt(x * x)


@problem(
    Point(x=1.0, y=1.0, label="tie"),
    Point(x=1e8, y=1e8, label="large tie"),
    Point(x=1000.0, y=999.0, label="large"),
    why="a slope through max(x, y) and |x - y| has two kinks at a tie that should cancel",
    thread="stan-dev/math#1679, keras-team/keras#23616",
    jac=lambda xp, x, y: (0.5 * (1 + xp.tanh(0.5 * (x - y))), 0.5 * (1 - xp.tanh(0.5 * (x - y)))),
)
def logaddexp_of_equal_numbers(xp: Any, x: Any, y: Any) -> Any:
    """ln(exp(x) + exp(y))"""
    return xp.logaddexp(x, y)


# Matrices that are singular, or whose eigenvalues are equal.


def _cofactors(xp: Any, a: Any) -> Any:
    return xp.stack([xp.stack([a[1, 1], -a[1, 0]]), xp.stack([-a[0, 1], a[0, 0]])])


@problem(
    a=[[1.0, 2.0], [2.0, 4.0]],
    why="det A times the inverse is 0 * infinity where the cofactors are finite",
    thread="torch#104675, TF#119477, autograd#549",
    jac=_cofactors,
)
def determinant_of_a_singular_matrix(xp: Any, a: Any) -> Any:
    """det [[1, 2], [2, 4]] = 0"""
    return xp.linalg.det(a)


@problem(
    a=[[0.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 2.0]],
    why="a zero pivot leaves one cofactor, 2, and second derivatives",
    thread="torch#80761",
)
def determinant_of_a_diagonal_matrix(xp: Any, a: Any) -> Any:
    """det diag(0, 1, 2) = 0"""
    return xp.linalg.det(a)


@problem(
    a=[[1.0, 2.0, 3.0], [2.0, 4.0, 6.0], [3.0, 6.0, 9.0]],
    why="of rank 1 all cofactors are 0 and the second derivatives are not",
    thread="torch#67767",
)
def determinant_of_rank_one(xp: Any, a: Any) -> Any:
    """det of (1, 2, 3)^T (1, 2, 3)"""
    return xp.linalg.det(a)


@problem(
    a=[[0.0, 2.0], [1.0, 0.0]],
    why="the first pivot is 0 and the determinant negative: neither enters the slope, the inverse",
    jac=lambda xp, a: _cofactors(xp, a) / (a[0, 0] * a[1, 1] - a[0, 1] * a[1, 0]),
)
def log_of_a_negative_determinant(xp: Any, a: Any) -> Any:
    """ln |det A| with a zero pivot"""
    return xp.linalg.slogdet(a)[1]


def _symmetrised(xp: Any, a: Any) -> Any:
    return 0.5 * (a + xp.matrix_transpose(a))


def _projector(xp: Any, a: Any, value: Any) -> Any:
    """On the eigenvector of a single eigenvalue: the cofactors of A - value I, over their trace."""
    b = a - value * xp.eye(3)
    cofactors = xp.stack(
        [
            xp.stack([x[1] * y[2] - x[2] * y[1], x[2] * y[0] - x[0] * y[2], x[0] * y[1] - x[1] * y[0]])
            for x, y in pairwise([b[1], b[2], b[0], b[1]])
        ]
    )
    return cofactors / (cofactors[0, 0] + cofactors[1, 1] + cofactors[2, 2])


def _polar_factor(xp: Any, a: Any, sign: int) -> Any:
    """Slope of the sum (1), or the difference (-1), of the two singular values, for det A >= 0."""
    cofactors = sign * _cofactors(xp, a)
    return (a + cofactors) / xp.sqrt(xp.sum(a * a) + xp.sum(a * cofactors))


def _moment_slopes(xp: Any, a: Any) -> Any:
    return xp.stack([xp.eye(3), a + xp.matrix_transpose(a)])


@problem(
    a=[[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]],
    why="1 / (w[j] - w[i]) is infinite for equal eigenvalues, but the sums do not depend on eigenvectors",
    thread="torch#23133",
    jac=_moment_slopes,
)
def moments_of_equal_eigenvalues(xp: Any, a: Any) -> Any:
    """tr A and tr A^2, through eigenvalues and eigenvectors, at A = I"""
    values, vectors = xp.linalg.eigh(_symmetrised(xp, a))
    squared = (vectors * values**2) @ xp.matrix_transpose(vectors)
    return xp.stack([xp.sum(values), xp.linalg.trace(squared)])


@problem(
    a=[[1.0, 0.0], [0.0, 1.0]],
    why="the sum of equal eigenvalues is smooth where each of them has a kink",
    thread="casadi/casadi#2815",
    jac=lambda xp, a: xp.eye(2),
)
def sum_of_equal_eigenvalues(xp: Any, a: Any) -> Any:
    """sum of eigenvalues = tr A, at A = I"""
    return xp.sum(xp.linalg.eigvalsh(_symmetrised(xp, a)))


@problem(
    a=[[1.0, 0.0, 0.0], [0.0, 2.0, 0.0], [0.0, 0.0, 2.0]],
    why="the least eigenvalue is smooth: two others that are equal must not make its curvature NaN",
    thread="jax#21896",
    jac=lambda xp, a: _projector(xp, _symmetrised(xp, a), xp.linalg.eigvalsh(_symmetrised(xp, a))[0]),
)
def least_eigenvalue_beside_equal_ones(xp: Any, a: Any) -> Any:
    """least eigenvalue, at diag(1, 2, 2)"""
    return xp.linalg.eigvalsh(_symmetrised(xp, a))[0]


@problem(
    a=[[1.0, 0.0], [0.0, 1.0]],
    why="1 / (s[j]^2 - s[i]^2) is infinite for equal singular values; their sum has the slope U V^T",
    thread="jax#8732, jax#2311",
    jac=lambda xp, a: _polar_factor(xp, a, 1),
)
def nuclear_norm_of_the_identity(xp: Any, a: Any) -> Any:
    """sum of singular values, at A = I"""
    return xp.linalg.matrix_norm(a, ord="nuc")


@problem(
    a=[[1.0, 2.0], [2.0, 4.0]],
    why="the other singular value is 0, and 1 / s of it infinite, where the greatest one is smooth",
    thread="torch#49886",
    jac=lambda xp, a: 0.5 * (_polar_factor(xp, a, 1) + _polar_factor(xp, a, -1)),
)
def spectral_norm_of_rank_one(xp: Any, a: Any) -> Any:
    """greatest singular value, of a singular matrix"""
    return xp.linalg.matrix_norm(a, ord=2)
