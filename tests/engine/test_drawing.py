"""The drawn graph: DOT text, and a picture that any page can show."""

import re
import sys
from xml.etree import ElementTree

import numpy as np
import pytest

from gradcheck.engine import trace, xp
from gradcheck.errors import MissingExtra

SVG = "{http://www.w3.org/2000/svg}"


def example(x1, x2):
    return xp.log(x1) + x1 * x2 - xp.sin(x2)


def network(params, x):
    hidden = xp.tanh(params["W1"] @ x + params["b1"])
    return xp.mean((params["W2"] @ hidden) ** 2)


PARAMS = {"W1": np.ones((4, 3)), "b1": np.ones((4, 1)), "W2": np.ones((2, 4))}
GRAPHS = {
    "wengert": trace(example)(2.0, 5.0),
    "power": trace(lambda x, y, z: x ** (xp.cos(y) * z**2), ["x", "y", "z"])(2.0, 1.0, 1.5),
    "network": trace(network, ["params", "x"])(PARAMS, np.ones((3, 8))),
    "identity": trace(lambda x: x)(2.0),
    "square": trace(lambda x: x * x)(2.0),
}


def test_dot_has_inputs_operations_and_output_from_left_to_right():
    assert (
        GRAPHS["wengert"].dot()
        == r"""digraph {
  rankdir=LR;
  n0 [shape=ellipse, label="v-1 = x1\n2\ndy/dv-1 = 5.5"];
  n1 [shape=ellipse, label="v0 = x2\n5\ndy/dv0 = 1.71634"];
  n2 [shape=box, label="v1 = ln v-1\n0.693147\ndy/dv1 = 1"];
  n3 [shape=box, label="v2 = v-1 * v0\n10\ndy/dv2 = 1"];
  n4 [shape=box, label="v3 = v1 + v2\n10.6931\ndy/dv3 = 1"];
  n5 [shape=box, label="v4 = sin(v0)\n-0.958924\ndy/dv4 = -1"];
  n6 [shape=box, label="v5 = v3 - v4\n11.6521\ndy/dv5 = 1"];
  n7 [shape=doubleoctagon, label="y\n11.6521"];
  n0 -> n2 [label="0.5"];
  n0 -> n3 [label="5"];
  n1 -> n3 [label="2"];
  n2 -> n4 [label="1"];
  n3 -> n4 [label="1"];
  n1 -> n5 [label="0.283662"];
  n4 -> n6 [label="1"];
  n5 -> n6 [label="-1"];
  n6 -> n7;
}
"""
    )


def test_dot_quotes_what_the_user_wrote():
    graph = trace(lambda p: p['say "a\\b"'] * 2, ["p"])({'say "a\\b"': 1.0})
    assert r'''label="v0 = p['say \"a\\\\b\"']\n1\ndy/dv0 = 2"''' in graph.dot()


def test_dot_shows_comparisons_and_dead_ends_dashed():
    def f(x):
        xp.exp(x)
        return xp.where(x > 1, x, 0.5)

    lines = trace(f)(2.0).dot().splitlines()
    dashed = [line.strip() for line in lines if "dashed" in line]
    assert dashed == [
        r'n1 [shape=box, label="v1 = exp(v0)\n7.38906", style=dashed];',
        r'n2 [shape=box, label="v2 = v0 > 1\nTrue", style=dashed];',
        'n0 -> n1 [label="7.38906", style=dashed];',
        "n0 -> n2 [style=dashed];",
        "n2 -> n3 [style=dashed];",
    ]


def test_picture_without_its_library_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "pygraphviz", None)
    message = "the drawn graph needs pygraphviz, which is not installed; run: pip install 'gradcheck[graph]'."
    with pytest.raises(MissingExtra, match=f"^{re.escape(message)}$"):
        GRAPHS["wengert"].svg()
    assert GRAPHS["wengert"]._repr_svg_() is None


@pytest.fixture(params=GRAPHS)
def picture(request):
    pytest.importorskip("pygraphviz", reason="pygraphviz is not installed")
    return GRAPHS[request.param], ElementTree.fromstring(GRAPHS[request.param].svg())


def boxes(picture):
    """Left, top, right and bottom of every box, by what its first line says."""
    found = {}
    for group in picture.iter(f"{SVG}g"):
        rect = group.find(f"{SVG}rect")
        if rect is not None:
            x, y, w, h = (float(rect.get(key)) for key in ("x", "y", "width", "height"))
            found[group.find(f"{SVG}text").text] = (x, y, x + w, y + h)
    return found


def test_picture_shows_every_node_once_and_every_use(picture):
    graph, root = picture
    assert len(boxes(root)) == len(graph.tape.nodes) + 1
    paths = root.findall(f".//{SVG}path")
    assert len(paths) == sum(len(parents) for *_, parents, _ in graph.tape.nodes) + 1


def test_boxes_lie_within_the_picture_and_apart(picture):
    _, root = picture
    width, height = float(root.get("width")), float(root.get("height"))
    places = list(boxes(root).values())
    for at, (left, top, right, bottom) in enumerate(places):
        assert 0 <= left < right <= width
        assert 0 <= top < bottom <= height
        for other in places[:at]:
            assert right < other[0] or other[2] < left or bottom < other[1] or other[3] < top


def test_operands_lie_left_of_what_uses_them(picture):
    graph, root = picture
    places = list(boxes(root).values())
    for index, (*_, parents, _) in enumerate(graph.tape.nodes):
        for _, parent in parents:
            assert places[parent][2] < places[index][0]
    assert places[graph.output][2] < places[-1][0]


def test_arrows_start_and_end_at_their_boxes(picture):
    graph, root = picture
    places = list(boxes(root).values())
    ends = [(p, i) for i, (*_, parents, _) in enumerate(graph.tape.nodes) for _, p in parents]
    for (tail, head), path in zip([*ends, (graph.output, -1)], root.findall(f".//{SVG}path"), strict=True):
        numbers = [float(number) for number in re.findall(r"-?[\d.]+", path.get("d"))]
        assert numbers[0] == pytest.approx(places[tail][2], abs=12)
        assert numbers[-2] == pytest.approx(places[head][0], abs=14)


def texts(graph):
    return [text.text for text in ElementTree.fromstring(graph.svg()).iter(f"{SVG}text")]


def test_picture_says_name_operation_value_and_slopes():
    pytest.importorskip("pygraphviz", reason="pygraphviz is not installed")
    said = texts(GRAPHS["wengert"])
    for text in ("v₋₁ = x1", "dy/dv₋₁ = 5.5", "v₂ = v₋₁ * v₀", "10", "0.283662", "y", "11.6521"):
        assert text in said


def test_picture_leaves_the_users_own_names_alone():
    pytest.importorskip("pygraphviz", reason="pygraphviz is not installed")
    assert "v₀ = v2" in texts(trace(lambda x: x * 2, ["v2"])(1.0))


def test_picture_shortens_long_text_and_tells_it_whole():
    pytest.importorskip("pygraphviz", reason="pygraphviz is not installed")
    key = "<the weights of the very first & widest layer>"
    graph = trace(lambda p: p[key] * 2, ["p"])({key: 1.0})
    assert "v₀ = p['<the weights of the very …" in texts(graph)
    titles = [title.text for title in ElementTree.fromstring(graph.svg()).iter(f"{SVG}title")]
    assert any(key in title for title in titles)


def test_picture_is_the_same_every_time_and_loads_nothing():
    pytest.importorskip("pygraphviz", reason="pygraphviz is not installed")
    text = GRAPHS["network"].svg()
    assert text == GRAPHS["network"].svg()
    assert not re.search(r"href|url\(|@import|<script", text)


def test_notebook_draws_a_small_graph_and_lists_a_large_one():
    pytest.importorskip("pygraphviz", reason="pygraphviz is not installed")
    assert GRAPHS["square"]._repr_svg_() == GRAPHS["square"].svg()

    def long(x):
        for _ in range(300):
            x = x + 1.0
        return x

    assert trace(long)(0.0)._repr_svg_() is None
