"""Formulas on a page: what is mathematics, what is a sentence, and that no text breaks the page."""

import re
from xml.etree import ElementTree

import pytest
from gradcheck_reports.formula import typeset
from hypothesis import given
from hypothesis import strategies as st
from markupsafe import escape

from gradcheck.catalogue import find_suites

FORMULAS = [problem.formula for suite in find_suites() for problem in suite.problems.values()]

LAYOUT = {
    "math",
    "mrow",
    "mspace",
    "mfrac",
    "msqrt",
    "msub",
    "msup",
    "msubsup",
    "munder",
    "mtable",
    "mtr",
    "mtd",
}
TAGS = LAYOUT | {"mi", "mn", "mo"}
ATTRIBUTES = {"alttext", "mathvariant", "form", "stretchy", "lspace", "rspace", "width"}


def parsed(formula):
    return ElementTree.fromstring(f"<p>{typeset(formula)}</p>")


def typed(formula):
    """What the page says was typed: its text, and the text each piece of mathematics was made from."""
    page = parsed(formula)
    return (page.text or "") + "".join(part.attrib["alttext"] + (part.tail or "") for part in page)


def spaced(text):
    return " ".join(text.split())


def drawn(formula):
    """A page on one line: mathematics between braces, fractions as ``[a over b]``."""
    page = parsed(formula)
    return (page.text or "") + "".join("{" + line(part) + "}" + (part.tail or "") for part in page)


def line(node):
    parts = [line(child) for child in node]
    match node.tag:
        case "mspace":
            return " "
        case "mfrac":
            return f"[{parts[0]} over {parts[1]}]"
        case "msqrt":
            return f"√[{parts[0]}]"
        case "msub" | "munder":
            return f"{parts[0]}_{parts[1]}"
        case "msup":
            return f"{parts[0]}^{parts[1]}"
        case "msubsup":
            return f"{parts[0]}_{parts[1]}^{parts[2]}"
        case "mtr":
            return " & ".join(parts) + ";"
        case _:
            return re.sub("[\u2061\u2062]", "", node.text or "") + "".join(parts)


@pytest.mark.parametrize(
    ("formula", "expected"),
    [
        ("x", "{x}"),
        ("3 x y", "{3xy}"),
        ("x^2", "{x^2}"),
        ("(8 x - 7)^-5", "{(8x−7)^−5}"),
        ("e^x1", "{e^x_1}"),
        ("x^y^z", "{x^y^z}"),
        ("x^(cos(y) z^2)", "{x^cos(y) z^2}"),
        ("v ** 2", "{v^2}"),
        ("X^T X", "{X^TX}"),
        ("x0^2 + x_1 + p_row + Wq", "{x_0^2+x_1+p_row+W_q}"),
        ("x[i+1]^2", "{x_i+1^2}"),
        ("X[1:-1, ::2]", "{X_1:−1,::2}"),
        ("E[x] = sum p x", "{E[x]=∑px}"),
        ("sigma1 + mu", "{σ_1+μ}"),
        ("log2 p + log2(p)", "{log_2 p+log_2(p)}"),
        ("1 / (1 + exp(-z))", "{[1 over 1+exp(−z)]}"),
        ("2 a x / b c", "{[2ax over b]c}"),
        ("sin(a)/a w", "{[sin(a) over a]w}"),
        ("-1/2", "{−[1 over 2]}"),
        ("a / b / c", "{[[a over b] over c]}"),
        ("x / sqrt 2", "{[x over √[2]]}"),
        ("(2, 3) / (2, 1)", "{[(2,3) over (2,1)]}"),
        ("((x - m) / s)^2", "{([x−m over s])^2}"),
        ("sum w x / n", "{∑[wx over n]}"),
        ("sum w x / sum w", "{[∑wx over ∑w]}"),
        ("sum over all i, j of |x[i] - x[j]|", "{∑_i,j|x_i−x_j|}"),
        ("sum over n of ln sum over k of w[k]", "{∑_nln ∑_kw_k}"),
        ("prod x[i]", "{∏x_i}"),
        ("x |x| + |y - x|", "{x|x|+|y−x|}"),
        ("||x||^2", "{‖x‖^2}"),
        ("KL(p||q) + P(x | h)", "{KL(p∥q)+P(x∣h)}"),
        ("<grad f(c), x - c>", "{⟨∇f(c),x−c⟩}"),
        ("f'(x0) (x - x0)", "{f^′(x_0)(x−x_0)}"),
        ("x < y > z", "{x<y>z}"),
        ("x <- 4 x (1 - x), five times", "{x←4x(1−x),} five times"),
        ("x cross y", "{x×y}"),
        ("det [[1, 2], [2, 4]] = 0", "{det (1 & 2;2 & 4;)=0}"),
        ("w.x + 0.5", "{w⋅x+0.5}"),
        ("x0 x1 ... xn by a loop", "{x_0x_1 … x_n} by a loop"),
        ("(2, 3) + (2,), which is an error", "{(2,3)+(2,),} which is an error"),
        ("x^2 where x >= 1, else 2 x - 1", "{x^2} where {x≥1,} else {2x−1}"),
        ("W2 (W1 x) in W1 and W2", "{W_2(W_1x)} in {W_1} and {W_2}"),
        ("X mask / keep", "{[X mask over keep]}"),
        ("x - rate grad f(x)", "{x−rate ∇f(x)}"),
        ("sqrt(var + 1) - var x", "{√[var+1]−var x}"),
        ("P(A and B) = p q for independent events", "{P(A and B)=pq} for independent events"),
        ("100 T / (sum of each column)", "{[100T over sum of each column]}"),
        ("sum of w times the softmax of each column", "sum of {w} times the softmax of each column"),
        ("Sum of each column of a 3 x 4 table", "Sum of each column of a {3×4} table"),
        ("mean (a x + b)^2 in a and b", "{mean (ax+b)^2} in {a} and {b}"),
        ("f(n), with n parameters", "{f(n),} with {n} parameters"),
        ("w . x + w.y", "{w⋅x+w⋅y}"),
        ("Softmax cross-entropy loss of x.", "Softmax cross-entropy loss of {x.}"),
        ("sin(x", "{sin(x}"),
        ("x) + ]1[", "{x)+]1[}"),
        ("x ^", "{x^}"),
        ("/ 2", "{/2}"),
    ],
)
def test_a_formula_is_drawn_as_it_is_meant(formula, expected):
    assert expected == drawn(formula)


@pytest.mark.parametrize(
    "prose",
    [
        "",
        "   ",
        "Maximum of each pair of neighbouring columns",
        "greatest singular value, of a singular matrix",
        "Mean over the first and the last axis",
        "Newton's method - over 8 rows; then (as told).",
        "A quick test",
    ],
)
def test_a_sentence_stays_text(prose):
    assert escape(prose) == typeset(prose)


def test_a_minus_before_an_operand_is_no_subtraction():
    signs = [sign.attrib for sign in parsed("-x + exp(-y) - z").iter("mo") if sign.text == "−"]
    assert [{"form": "prefix"}, {"form": "prefix"}, {}] == signs


def test_brackets_grow_with_a_fraction_alone():
    assert {"false"} == {sign.get("stretchy") for sign in parsed("(x)").iter("mo")}
    assert {None} == {sign.get("stretchy") for sign in parsed("(x / y)").iter("mo")}


def test_a_comma_between_words_is_no_sign_of_the_whole_row():
    assert [] == list(parsed("X * (sum of each row, kept as a column)").iter("mtext"))


@pytest.mark.parametrize("formula", FORMULAS)
def test_the_catalogue_is_typeset_without_loss(formula):
    assert formula == typed(formula)


def test_most_of_the_catalogue_is_mathematics():
    typeset_ones = sum("<math" in typeset(formula) for formula in FORMULAS)
    share = typeset_ones / len(FORMULAS)
    print(f"{typeset_ones} of {len(FORMULAS)} formulas hold mathematics ({share:.1%})")
    assert share >= 0.85


NOTATION = (
    *"()[]{}<>|^/.,;:'-+=&\"xfTE2",
    *("||", "**", "...", "<-", "!=", "y1", "0.5", "sqrt", "sum", "ln", "grad", "sigma", "p_row", "rate"),
    *("of", "where", "a", "the", "cross", "3 x 4", "sum over", "<script>alert(1)</script>", "\0", "\ufffe"),
)
PIECES = st.lists(st.sampled_from(NOTATION))
ANY_TEXT = st.text() | PIECES.map("".join) | PIECES.map(" ".join)


@given(ANY_TEXT)
def test_any_text_keeps_what_was_typed(text):
    legal = re.sub("[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]", "\ufffd", text)
    assert spaced(legal) == spaced(typed(text))


@given(ANY_TEXT)
def test_any_text_keeps_its_digits_in_their_order(text):
    shown = "".join(parsed(text).itertext())
    assert [sign for sign in text if sign.isdigit()] == [sign for sign in shown if sign.isdigit()]


@given(ANY_TEXT)
def test_no_text_becomes_anything_but_mathematics(text):
    _, *nodes = parsed(text).iter()
    assert {node.tag for node in nodes} <= TAGS
    assert {name for node in nodes for name in node.attrib} <= ATTRIBUTES


@pytest.mark.parametrize(
    "part", ["(", "[", "|", "<(", "x^", "sqrt ", "1/", "-", "f(", "sum over x", "x'", "[["]
)
@pytest.mark.parametrize("count", [10, 60, 100, 10_000])
def test_no_depth_is_too_deep(part, count):
    text = part * count
    assert spaced(text) == spaced(typed(text))


def test_brackets_beyond_twenty_levels_are_plain_signs():
    page = parsed("(" * 30 + "x" + ")" * 30)
    assert "(" * 30 + "x" + ")" * 30 == "".join(page.itertext())
    assert 40 == sum("stretchy" in sign.attrib for sign in page.iter("mo"))


def test_what_is_longer_than_a_line_is_text():
    assert "<math" in typeset("x + " * 90 + "x")
    assert "<math" not in typeset("x + " * 110 + "x")
