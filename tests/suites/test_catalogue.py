"""The catalogue is what its names say: points, closed forms, hand-written rules and printed values."""

import math
from collections.abc import Iterator
from decimal import Decimal, InvalidOperation
from itertools import pairwise

import numpy as np
import pytest

from gradcheck import Problem, engine
from gradcheck.catalogue import installed_suites
from gradcheck.namespaces import numpy_xp
from gradcheck.problems import Instance

TOPICS = {
    "chain_rule",
    "limits_and_taylor",
    "jacobians",
    "computation_graphs",
    "backpropagation",
    "probability",
    "information",
    "vectorisation",
    "delicate",
}
SUITES = {name: suite for name, suite in installed_suites().items() if name in TOPICS}
PROBLEMS = [problem for suite in SUITES.values() for problem in suite.problems.values()]
BY_NAME = {problem.name: problem for problem in PROBLEMS}
INSTANCES = [instance for problem in PROBLEMS if not problem.refuses for instance in problem.instances()]

# Where a difference quotient in float64 cannot resolve the derivative, or there is none.
BEYOND_DIFFERENCES = {
    ("sine_of_fourth_power", "argument 614656"),
    ("absolute_value", "kink"),
    ("relu", "kink"),
    ("relu_by_choice", "kink"),
    ("greatest_entry", "tie"),
    ("entrywise_maximum", "tie"),
    ("entropy_in_bits", "certain coin"),
    ("entropy_in_nats", "certain coin"),
    ("entropy_in_nats", "nearly impossible"),
    ("divergence_on_a_face", "p=(0.5, 0.5, 0), q=(0.25, 0.25, 0.5)"),
}


def label(case: Problem | Instance) -> str:
    return case.name if isinstance(case, Problem) else f"{case.problem.name}-{case.point.label}"


def value(instance: Instance, **changed: np.ndarray) -> np.ndarray:
    inputs = {**instance.arrays, **changed}
    return np.asarray(instance.problem(numpy_xp, *inputs.values()))


def closed_form(instance: Instance) -> tuple[np.ndarray, ...]:
    assert instance.problem.jac is not None
    with np.errstate(all="ignore"):
        parts = instance.problem.jac(numpy_xp, *instance.arrays.values())
    return parts if isinstance(parts, tuple) else (parts,)


def slope(instance: Instance, name: str, index: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Derivative by one input entry from central differences, and its error bar: truncation plus noise."""
    x = instance.arrays[name]
    best = np.full(value(instance).shape, np.nan)
    bar = np.full(best.shape, np.inf)
    for step in 2.0 ** -np.arange(2, 24, 2) * (abs(x[index]) or 1.0):
        quotients, noise = [], 0.0
        for h in (step, step / 2, step / 4):
            right, left = x.copy(), x.copy()
            right[index] += h
            left[index] -= h
            above, below = value(instance, **{name: right}), value(instance, **{name: left})
            quotients.append((above - below) / (right[index] - left[index]))
            noise = 2e-15 * (abs(above) + abs(below)) / h
        first, second = (4 * b - a for a, b in pairwise(quotients))
        estimate = (16 * second - first) / 45
        error = abs(estimate - second / 3) + noise
        better = error < bar
        best, bar = np.where(better, estimate, best), np.where(better, error, bar)
    return best, bar


def differences(instance: Instance, name: str) -> tuple[np.ndarray, np.ndarray]:
    shape = instance.arrays[name].shape
    with np.errstate(all="ignore"):
        columns = [slope(instance, name, index) for index in np.ndindex(shape)]
    best, bar = (np.stack(parts, axis=-1) for parts in zip(*columns, strict=True))
    output = best.shape[:-1]
    return best.reshape(output + shape), bar.reshape(output + shape)


def published(instance: Instance) -> Iterator[tuple[str, str, str, float]]:
    """Every printed number: source, quantity, what is printed, what is true."""
    for entry in instance.point.published:
        for quantity in ("value", "gradient", "hessian"):
            printed = getattr(entry, quantity)
            if printed is None:
                continue
            if quantity == "value":
                true = value(instance)
            elif instance.problem.jac is None:
                true = np.full(1, np.nan)
            elif quantity == "gradient":
                true = np.concatenate([np.ravel(part) for part in closed_form(instance)])
            else:
                true = engine.hessian(instance.bind(engine.xp, instance.arrays))(
                    *(instance.arrays[name] for name in instance.problem.wrt)
                )
            texts = list(flat(printed))
            assert len(texts) == np.size(true)
            for text, number in zip(texts, np.ravel(true), strict=True):
                if text is not None:
                    yield entry.source, quantity, text, float(number)


def flat(nested: object) -> Iterator[str | None]:
    if isinstance(nested, list):
        for item in nested:
            yield from flat(item)
    else:
        assert nested is None or isinstance(nested, str)
        yield nested


def agrees(printed: str, true: float) -> bool:
    """Within one unit of the last printed digit."""
    digit = Decimal(printed).as_tuple().exponent
    assert isinstance(digit, int)
    return abs(float(printed) - true) < 10.0**digit


def is_number(text: str) -> bool:
    try:
        Decimal(text)
    except InvalidOperation:
        return False
    return True


@pytest.fixture(scope="module")
def printed() -> list[tuple[str, str, str, float]]:
    return [entry for instance in INSTANCES if instance.point.published for entry in published(instance)]


def test_every_topic_is_there_with_a_title():
    assert set(SUITES) == TOPICS
    assert all(suite.title and suite.title != suite.source for suite in SUITES.values())


def test_size_and_unique_names():
    assert len(PROBLEMS) >= 60
    assert len(BY_NAME) == len(PROBLEMS)
    assert sum(problem.jac is not None for problem in PROBLEMS) >= 25
    assert sum(problem.vjp is not None for problem in PROBLEMS) >= 10


@pytest.mark.parametrize("problem", PROBLEMS, ids=label)
def test_says_what_it_is_and_why(problem):
    assert problem.formula
    assert len(problem.why.split()) >= 5
    assert set(problem.domain) <= set(problem.inputs)


def test_no_reason_is_given_twice():
    reasons = [problem.why for problem in PROBLEMS]
    assert len(set(reasons)) == len(reasons)


@pytest.mark.parametrize("instance", INSTANCES, ids=label)
def test_evaluates_inside_its_domain(instance):
    for name, domain in instance.problem.domain.items():
        assert domain.contains(instance.arrays[name])
    with np.errstate(all="ignore" if instance.problem.kinks else "raise", under="ignore"):
        y = value(instance)
    assert y.dtype == np.float64
    assert np.all(np.isfinite(y)) or instance.problem.name == "root_of_log_of_sine"


@pytest.mark.parametrize("instance", INSTANCES, ids=label)
def test_stays_small_enough_to_be_certified(instance):
    inputs = sum(math.prod(shape) for shape in instance.wrt_shapes)
    assert inputs <= 100
    with np.errstate(all="ignore"):
        assert value(instance).size <= 40


@pytest.mark.parametrize("problem", [problem for problem in PROBLEMS if problem.refuses], ids=label)
def test_refused_shapes_raise(problem):
    for instance in problem.instances():
        with pytest.raises(ValueError, match="broadcast"):
            value(instance)


@pytest.mark.parametrize("instance", [i for i in INSTANCES if i.problem.jac is not None], ids=label)
def test_closed_form_agrees_with_differences(instance):
    parts = closed_form(instance)
    assert len(parts) == len(instance.problem.wrt)
    for name, part in zip(instance.problem.wrt, parts, strict=True):
        estimate, bar = differences(instance, name)
        assert np.shape(part) == estimate.shape
        if (instance.problem.name, instance.point.label) in BEYOND_DIFFERENCES:
            continue
        scale = np.max(np.abs(part))
        assert np.all(np.abs(part - estimate) <= 1e-6 * scale + 10 * bar)
        assert np.all(bar <= 1e-5 * scale + 1e-9)


@pytest.mark.parametrize("instance", [i for i in INSTANCES if i.problem.vjp is not None], ids=label)
def test_hand_written_rule_agrees_with_differences(instance):
    assert instance.problem.vjp is not None
    (cotangent,) = instance.direction("cotangent", (value(instance).shape,))
    pulled = instance.problem.vjp(numpy_xp, *instance.arrays.values(), cotangent)
    pulled = pulled if isinstance(pulled, tuple) else (pulled,)
    assert len(pulled) == len(instance.problem.wrt)
    for name, part in zip(instance.problem.wrt, pulled, strict=True):
        jacobian, bar = differences(instance, name)
        expected = np.tensordot(cotangent, jacobian, axes=cotangent.ndim)
        assert np.shape(part) == expected.shape
        tolerance = 1e-6 * np.max(np.abs(expected)) + 10 * np.tensordot(
            np.abs(cotangent), bar, axes=cotangent.ndim
        )
        assert np.all(np.abs(part - expected) <= tolerance)


def test_every_document_is_quoted(printed):
    assert {source[0] for source, *_ in printed} == set("DAMOF")


def test_printed_errors_are_these_five(printed):
    wrong = [
        (source, quantity, text)
        for source, quantity, text, true in printed
        if is_number(text) and not agrees(text, true)
    ]
    assert sorted(wrong) == [
        ("F-3", "gradient", "-1.657"),
        ("O-cosine", "gradient", "0.978"),
        ("O-graph", "gradient", "-42.9"),
        ("O-graph", "value", "-0.5966"),
        ("O-paths", "gradient", "100.255"),
    ]


def test_one_printed_claim_has_no_number(printed):
    claims = [(source, text) for source, _, text, _ in printed if not is_number(text)]
    assert claims == [("F-5", "formula only")]


def gradient(name: str, *inputs: object) -> np.ndarray:
    problem = BY_NAME[name]
    return engine.grad(lambda *args: problem(engine.xp, *args))(*map(np.asarray, inputs))


def call(name: str, *inputs: object) -> np.ndarray:
    return np.asarray(BY_NAME[name](numpy_xp, *map(np.asarray, inputs)))


@pytest.mark.parametrize("n", [2, 5, 9])
def test_rosenbrock_has_its_minimum_at_ones(n):
    ones = np.ones(n)
    assert call("rosenbrock", ones) == 0
    assert np.all(gradient("rosenbrock", ones) == 0)
    hessian = engine.hessian(lambda x: BY_NAME["rosenbrock"](engine.xp, x))(ones)
    assert np.all(np.linalg.eigvalsh(hessian) > 0)
    assert call("rosenbrock", [-1.2, 1.0]) == pytest.approx(24.2)
    assert gradient("rosenbrock", [-1.2, 1.0]) == pytest.approx([-215.6, -88.0])


def test_himmelblau_has_a_minimum_at_three_two():
    assert call("himmelblau", 3.0, 2.0) == 0
    assert gradient("himmelblau", 3.0, 2.0) == 0


def test_trace_ends_in_the_function():
    assert call("wengert_trace", 2.0, 5.0)[-1] == call("wengert", 2.0, 5.0)
    a = call("graph_trace", 3.0, 4.0)
    assert call("graph_output", 3.0, 4.0) == a[2] * a[3] == call("graph_from_its_second_layer", a[0], a[1])


def test_iterated_sine_is_iterated_fifty_times():
    assert call("iterated_sine", 2.0) == pytest.approx(0.23500832490766167)
    assert gradient("iterated_sine", 2.0) == pytest.approx(-0.0058971963493147336)


@pytest.mark.parametrize(("name", "steps"), [("logistic_map", 5), ("logistic_map_long", 19)])
def test_logistic_map_is_a_sine_in_disguise(name, steps):
    angle = math.asin(math.sqrt(0.203125))
    assert call(name, 0.203125) == pytest.approx(math.sin(2**steps * angle) ** 2)
    expected = 2**steps * math.sin(2 ** (steps + 1) * angle) / math.sin(2 * angle)
    assert gradient(name, 0.203125) == pytest.approx(expected, rel=1e-8)


def test_griewank_and_walther_agree_with_their_book():
    assert call("griewank_walther", [1.5, 0.5]) == pytest.approx(2.0166466694282014)
    assert gradient("griewank_walther", [1.5, 0.5]) == pytest.approx(
        [3.0118433276739066, -13.723961509314075]
    )


def test_helmholtz_energy_at_the_customary_point():
    inputs = [0.2, 0.3, 0.4], [0.1, 0.2, 0.3], [[2.0, 0.5, 0.25], [0.5, 1.5, 0.75], [0.25, 0.75, 1.0]], 2**0.5
    assert call("helmholtz_energy", *inputs) == pytest.approx(-1.4050587882266282)
    expected = [-1.3405485747387487, -1.1249666251538109, -0.39019183197889683]
    assert gradient("helmholtz_energy", *inputs) == pytest.approx(expected)


def test_newton_reaches_the_square_root():
    assert call("newton_square_root", 2.0) == pytest.approx(2**0.5, rel=1e-15)
    assert gradient("newton_square_root", 2.0) == pytest.approx(0.5 / 2**0.5)


def test_mean_of_means_is_the_elliptic_one():
    assert call("arithmetic_geometric_mean", 1.0, 2.0**-0.5) == pytest.approx(0.8472130847939792, rel=1e-13)


@pytest.mark.parametrize("name", ["speelpenning", "speelpenning_loop"])
def test_product_of_numbers(name):
    assert call(name, [0.5, 1.0, 1.5, 2.0, 2.5]) == 3.75
    assert gradient(name, [2.0, 0.0, 3.0]) == pytest.approx([0.0, 6.0, 0.0])


def test_determinant_is_the_determinant():
    X = np.array([[4.0, 1.0, 2.0], [1.0, 3.0, 0.0], [2.0, 0.0, 5.0]])
    assert call("determinant_by_expansion", X) == np.linalg.det(X).round(9) == 43
    assert gradient("determinant_by_expansion", X) == pytest.approx(43 * np.linalg.inv(X).T)


def test_entropies_of_coins():
    assert call("entropy_in_bits", [0.5, 0.5], 2.0) == 1
    assert call("entropy_in_bits", [1.0, 0.0], 2.0) == 0
    assert call("entropy_in_nats", [0.5, 0.5]) == pytest.approx(math.log(2))
    assert call("perplexity", np.full(6, 1 / 6)) == pytest.approx(6)
    assert call("mutual_information", np.outer([1.0, 2.0], [3.0, 1.0, 2.0])) == pytest.approx(0, abs=1e-15)


def test_softmax_family_is_one_family():
    z = np.array([2.0, 1.0, -1.0])
    p = call("softmax", z)
    assert p.sum() == pytest.approx(1)
    assert p == pytest.approx(np.exp(call("log_softmax", z)))
    assert p == pytest.approx(call("softmax_without_shift", z))
    assert gradient("logsumexp", z) == pytest.approx(p)
    assert call("softmax_with_temperature", z, 1.0) == pytest.approx(p)
    assert call("entropy_of_softmax", z) == pytest.approx(0.71386575798862468)
    assert call("cross_entropy_from_logits", z, [1.0, 0.0, 0.0]) == pytest.approx(0.34901221676818639)
    assert call("divergence_of_softmaxes", z, [0.5, -0.5, 1.0]) == pytest.approx(0.63220179421085285)


def test_gaussian_divergence_of_the_textbook():
    assert call("gaussian_divergence", 0.0, 1.0, 1.0, 2.0) == pytest.approx(0.44314718055994531)


def test_posterior_agrees_with_bayes_rule():
    prior, sensitivity, false_positive_rate = 0.01, 0.95, 0.05
    evidence = call("positive_test", prior, sensitivity, false_positive_rate)
    by_rule = call("bayes_rule", sensitivity, prior, evidence)
    assert call("posterior", prior, sensitivity, false_positive_rate) == pytest.approx(float(by_rule))


def test_markov_chain_is_a_matrix_power():
    P = np.array([[0.5, 0.25, 0.25], [0.125, 0.75, 0.125], [0.25, 0.25, 0.5]])
    start = np.array([0.25, 0.25, 0.5])
    assert call("markov_chain", start, P) == pytest.approx(start @ np.linalg.matrix_power(P, 4))


def test_hidden_markov_likelihood_sums_over_all_paths():
    start, P = np.array([0.25, 0.75]), np.array([[0.5, 0.5], [0.125, 0.875]])
    emission = np.array([[0.5, 0.25, 0.25], [0.125, 0.375, 0.5]])
    seen = (0, 1, 0)
    total = sum(
        start[i] * emission[i, seen[0]] * P[i, j] * emission[j, seen[1]] * P[j, k] * emission[k, seen[2]]
        for i in range(2)
        for j in range(2)
        for k in range(2)
    )
    assert call("hidden_markov_likelihood", start, P, emission) == pytest.approx(math.log(total))


def test_fitted_line_is_the_least_squares_line():
    x, y = np.array([0.0, 1.0, 2.0, 4.0]), np.array([0.25, 0.5, 1.5, 2.0])
    X = np.stack([x, np.ones(4)], axis=1)
    slope_, intercept = call("fitted_line", y, X)
    assert [slope_, intercept] == pytest.approx(list(np.polyfit(x, y, 1)))
    loss = BY_NAME["linear_regression"]
    residual = engine.grad(lambda a, b: loss(engine.xp, a, b, x, y), wrt=(0, 1))(slope_, intercept)
    assert residual == pytest.approx((0, 0), abs=1e-14)


def test_percentages_of_a_column_sum_to_a_hundred():
    T = BY_NAME["column_percentages"].instances()[0].arrays["T"]
    assert call("column_percentages", T).sum(axis=0) == pytest.approx([100.0] * 4)


def test_attention_of_equal_keys_is_the_mean_of_values():
    V = np.arange(6.0).reshape(3, 2)
    assert call("attention", np.ones((3, 4)), np.ones((3, 4)), V) == pytest.approx(
        np.tile(V.mean(axis=0), (3, 1))
    )


def test_convolution_is_a_correlation():
    x, w = np.arange(7.0) ** 2, np.array([1.0, -2.0, 0.5])
    assert call("convolution", x, w) == pytest.approx(np.correlate(x, w, "valid"))


def test_smallest_network_by_hand():
    W1, b1, w2, x = [[0.1, -0.2], [0.3, 0.4]], [0.05, -0.05], [0.7, -0.6], [1.0, -2.0]
    assert call("two_layer_perceptron", W1, b1, w2, 0.2, x, 0.5) == pytest.approx(0.061486924765188687)
    assert gradient("two_layer_perceptron", W1, b1, w2, 0.2, x, 0.5) == pytest.approx(
        np.array([[0.18397727970188544, -0.36795455940377087], [-0.15769481117304466, 0.31538962234608932]])
    )
