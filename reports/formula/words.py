"""Which names of a formula are words of a sentence: ``W x in W and x``, ``v repeated in 4 rows``.

Long names are words where the grammar of their clause says so; elsewhere (``rate``, ``mask``) they are
variables.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from itertools import groupby

from .names import BIG, FUNCTIONS, GREEK, INDEXED
from .reading import Group, Item, Token

# Words that make those beside them words: no variable is called like one.
_GRAMMATICAL = """
an and another any are as at be between both but by constant each else entries entry every for from has have
if in inside into is it its itself not of on one or otherwise over per so than that the their then there these
this those three through times to two up us we when where which while whose with within without
"""
_GRAMMAR = frozenset(_GRAMMATICAL.split())
_AFTER_A_LETTER = frozenset(
    ("and", "are", "as", "else", "for", "from", "if", "in", "is", "or", "when", "where", "with")
)
_PUNCTUATION = frozenset(",;:.!?")


def punctuates(item: Item) -> bool:
    """Whether a clause ends here."""
    return isinstance(item, Token) and item.text in _PUNCTUATION


def worded(items: Sequence[Item]) -> tuple[Item, ...]:
    """The same items, with the names and numbers that belong to a sentence made words."""
    result: list[Item] = []
    for _, run in groupby(items, key=punctuates):
        clause = [
            replace(item, items=worded(item.items)) if isinstance(item, Group) else item for item in run
        ]
        result.extend(_worded_clause(clause))
    return tuple(result)


def _worded_clause(clause: Sequence[Item]) -> list[Item]:
    likely = _likely_words(clause)
    plain = any(map(_grammar, clause)) and all(
        isinstance(item, Token) and item.kind != "sign" for item in clause
    )
    result: list[Item] = []
    for wordy, places in groupby(range(len(clause)), key=likely.__getitem__):
        run = [clause[place] for place in places]
        told = plain or len(run) == len(clause) or any(_grammar(item) or _capitalised(item) for item in run)
        result.extend(map(_word, run) if wordy and told else run)
    return result


def _word(item: Item) -> Item:
    return replace(item, kind="word") if isinstance(item, Token) and item.kind in ("name", "number") else item


def _grammar(item: Item | None) -> bool:
    return isinstance(item, Token) and item.text.lower() in _GRAMMAR


def _capitalised(item: Item) -> bool:
    if not isinstance(item, Token) or item.text in GREEK:
        return False
    return len(item.text) > 2 and item.text[0].isupper() and item.text[1:].islower()


def _likely_words(clause: Sequence[Item]) -> list[bool]:
    """Long names, and what stands between them as it would in a sentence."""
    nexts = [*clause[1:], None]
    long = [_long_name(item, after) for item, after in zip(clause, nexts, strict=True)]
    opened = [True, *(known or _article(item) for known, item in zip(long, clause, strict=True))]
    followed = [*long[1:], False]
    return [
        known or (before and _joins(item, after, followed=then))
        for known, before, item, after, then in zip(long, opened, clause, nexts, followed, strict=False)
    ]


def _long_name(item: Item, after: Item | None) -> bool:
    if not isinstance(item, Token) or item.kind != "name" or len(item.text) == 1 or _holds(item, after):
        return False
    known = item.text in FUNCTIONS or item.text in BIG or item.text in GREEK or INDEXED.fullmatch(item.text)
    return _grammar(item) or not (known or re.search(r"[\d_]", item.text))


def _holds(item: Token, after: Item | None) -> bool:
    """Whether a name has its argument, its index or its power right behind it."""
    if after is None or after.start != item.end:
        return False
    return isinstance(after, Group) or after.text in ("^", "**", "/", "'")


def _article(item: Item | None) -> bool:
    return isinstance(item, Token) and item.text in ("a", "A")


def _joins(item: Item, after: Item | None, *, followed: bool) -> bool:
    """Whether an item goes on with the sentence before it: ``over 8 rows``, ``by a loop``, ``mean of``."""
    if isinstance(item, Group):
        return False
    if item.kind in ("number", "size"):
        return followed
    if _article(item):
        sized = isinstance(after, Token) and after.kind == "size"
        return sized or (followed and isinstance(after, Token) and after.text not in _AFTER_A_LETTER)
    return (item.text in FUNCTIONS or item.text in BIG) and (after is None or _grammar(after))
