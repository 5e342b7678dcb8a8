"""Formulas typeset: the mathematics of a line in MathML, its words left in the sentence they make.

Written here because the notation is the catalogue's own (``x[i]``, ``h <- tanh(h)``, ``sum over i of``):
a library for LaTeX or AsciiMath would need the same reading first, to be told what is a word.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from markupsafe import Markup, escape

from .binding import row
from .mathml import element
from .reading import Item, Token, read
from .words import punctuates, worded

_LONGEST = 400  # characters; what is longer than a line is no formula

# Characters that no document may hold.
_FORBIDDEN = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def typeset(formula: str) -> Markup:
    """A one-line formula, ready for a page.

    Every ``math`` element carries the text it was made from as ``alttext``; put in their places, these texts
    give the formula again. Whatever cannot be read is text.

    Parameters
    ----------
    formula
        As typed, for instance the first line of a problem's docstring.

    Examples
    --------
    >>> print(typeset("Maximum of each row"))
    Maximum of each row
    >>> print(typeset("x^2"))
    <math alttext="x^2"><msup><mi>x</mi><mn>2</mn></msup></math>
    """
    formula = _FORBIDDEN.sub("\ufffd", formula)
    if len(formula) > _LONGEST:
        return escape(formula)
    result, end = Markup(), 0
    for part in _mathematics(worded(read(formula))):
        start, stop = part[0].start, part[-1].end
        result += escape(formula[end:start])
        result += element("math", row(part), alttext=formula[start:stop])
        end = stop
    return result + escape(formula[end:])


def _mathematics(items: Sequence[Item]) -> Iterator[list[Item]]:
    """The parts that are no prose; they end with their comma, so that a line may break behind it."""
    part: list[Item] = []
    for item in items:
        word = isinstance(item, Token) and item.kind == "word"
        if not word and (part or not punctuates(item)):
            part.append(item)
        if part and (word or (isinstance(item, Token) and item.text in (",", ";"))):
            if _worth(part):
                yield part
            part = []
    if _worth(part):
        yield part


def _worth(part: Sequence[Item]) -> bool:
    """Whether typesetting shows more than the text would."""
    said = [item for item in part if not punctuates(item)]
    if len(said) == 1 and isinstance(said[0], Token):
        return said[0].kind in ("name", "size")
    return not all(map(_told, said))


def _told(item: Item) -> bool:
    """Whether an item is part of a sentence: a word, a dash, words in parentheses."""
    if isinstance(item, Token):
        return item.kind in ("word", "sign")
    return item.opening.text == "(" and all(map(_told, item.items))
