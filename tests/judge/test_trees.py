"""Nested arguments: their leaves, the paths one would write, and the same nest with other leaves."""

from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gradcheck.judge.trees import Named, is_leaf, leaves, rebuild, shape_of


class Pair(NamedTuple):
    left: Any
    right: Any


@dataclass
class Layer:
    weight: Any
    bias: Any = None
    size: int = field(init=False, default=0)

    def __post_init__(self):
        self.size = 2


@dataclass(frozen=True)
class Frozen:
    inner: Any


ARRAY = np.ones(2)

# a tree called p, and the paths of its leaves
TREES = {
    "number": (1.5, ["p"]),
    "array": (ARRAY, ["p"]),
    "text": ("text", ["p"]),
    "None": (None, []),
    "empty": ([{}, (), None], []),
    "tuple": ((1, 2), ["p[0]", "p[1]"]),
    "list": ([1, [2, 3]], ["p[0]", "p[1][0]", "p[1][1]"]),
    "dict": ({"a": 1, 2: 3}, ["p['a']", "p[2]"]),
    "ordered dict": (OrderedDict(b=1, a=2), ["p['b']", "p['a']"]),
    "quoted": ({"it's": 1}, ['p["it\'s"]']),
    "key of two": ({("a", 1): 1}, ["p[('a', 1)]"]),
    "named tuple": (Pair(1, (2,)), ["p.left", "p.right[0]"]),
    "dataclass": (Layer(1, 2), ["p.weight", "p.bias"]),
    "dataclass without bias": (Layer(1), ["p.weight"]),
    "frozen": (Frozen([1]), ["p.inner[0]"]),
    "leaves under names": (Named({"layer.weight": 1, "bias": 2}), ["p.layer.weight", "p.bias"]),
    "nested": (
        {"enc": [1, None, Layer(Pair(2, 3), {"x": 4})]},
        ["p['enc'][0]", "p['enc'][2].weight.left", "p['enc'][2].weight.right", "p['enc'][2].bias['x']"],
    ),
}


@pytest.mark.parametrize("name", TREES)
def test_paths_are_what_one_would_write(name):
    tree, paths = TREES[name]
    assert paths == [path for path, _ in leaves(tree, "p")]


@pytest.mark.parametrize("name", [name for name in TREES if name not in ("text", "leaves under names")])
def test_a_path_leads_to_its_leaf(name):
    tree, _ = TREES[name]
    for path, leaf in leaves(tree, "p"):
        assert eval(path, {"p": tree}) is leaf


def test_without_a_name_a_path_begins_with_what_is_inside():
    assert ["['a'][0]"] == [path for path, _ in leaves({"a": (1,)})]
    assert ["left", "right"] == [path for path, _ in leaves(Pair(1, 2))]
    assert ["layer.weight"] == [path for path, _ in leaves(Named({"layer.weight": 1}))]
    assert [""] == [path for path, _ in leaves(1.0)]


@pytest.mark.parametrize("name", TREES)
def test_the_same_leaves_make_the_same_tree(name):
    tree, _ = TREES[name]
    again = rebuild(tree, [leaf for _, leaf in leaves(tree)])
    assert type(again) is type(tree)
    assert repr(again) == repr(tree)


def test_other_leaves_take_the_same_places():
    tree = {"a": [1, Layer(2, None)], "b": Pair(3, Frozen((4, 5)))}
    made = rebuild(tree, "vwxyz")
    assert made == {"a": ["v", Layer("w", None)], "b": Pair("x", Frozen(("y", "z")))}
    assert tree == {"a": [1, Layer(2, None)], "b": Pair(3, Frozen((4, 5)))}


def test_a_class_is_a_leaf_and_not_a_tree_of_its_fields():
    assert ["p"] == [path for path, _ in leaves(Layer, "p")]
    assert is_leaf(Layer)


@pytest.mark.parametrize(
    ("tree", "expected"),
    [(1.0, True), (ARRAY, True), ("text", True), (None, False), ((), False), ({}, False), (Layer(1), False)],
)
def test_containers_and_none_are_no_leaves(tree, expected):
    assert is_leaf(tree) == expected


@pytest.mark.parametrize(
    ("tree", "words"),
    [
        (None, "None"),
        (ARRAY, "ndarray"),
        ((1, 2), "tuple of 2"),
        ({"a": 1}, "dict of 1"),
        (Pair(1, 2), "Pair of 2"),
        (Layer(1), "Layer of 2"),
        ([], "list of 0"),
    ],
)
def test_the_shape_of_a_tree_in_words(tree, words):
    assert words == shape_of(tree)


LEAVES = st.integers() | st.floats(allow_nan=False) | st.none()
NESTS = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.lists(inner, max_size=3).map(tuple)
        | st.dictionaries(st.text(max_size=3) | st.integers(), inner, max_size=3)
        | st.builds(Pair, inner, inner)
        | st.builds(Layer, inner, inner)
    ),
    max_leaves=12,
)


@given(tree=NESTS)
def test_any_tree_comes_apart_and_together(tree):
    found = list(leaves(tree, "p"))
    assert len({path for path, _ in found}) == len(found)
    assert rebuild(tree, [leaf for _, leaf in found]) == tree
    assert all(eval(path, {"p": tree, "inf": float("inf")}) is leaf for path, leaf in found)
    assert [leaf for _, leaf in leaves(rebuild(tree, range(len(found))))] == list(range(len(found)))
