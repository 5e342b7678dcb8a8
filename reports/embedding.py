"""Data inside the page: JSON that no markup can break out of, compressed where it is long."""

from __future__ import annotations

import base64
import gzip
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from markupsafe import Markup

_LONG = 4096  # characters from which compressing pays
_AS_IT_IS = frozenset({int, bool, type(None)})
_EFFORT = 6  # the highest takes three times as long and saves three hundredths


def embedded(name: str, data: Any) -> Markup:
    """A script element of that id which holds data; ``read`` of the page's own scripts gives it back."""
    text = json.dumps(plain(data), separators=(",", ":"), ensure_ascii=True, allow_nan=False)
    if len(text) < _LONG:
        body, coding = text.replace("<", "\\u003c"), "json"
    else:
        body, coding = base64.b64encode(gzip.compress(text.encode(), _EFFORT, mtime=0)).decode(), "gzip"
    return Markup('<script type="application/json" id="{}" data-coding="{}">{}</script>').format(
        name, coding, Markup(body)
    )


def plain(value: Any) -> Any:
    """A value as JSON has it: what is no number is null, infinities are their signs."""
    if type(value) in _AS_IT_IS:
        return value
    if isinstance(value, float):
        return _number(value)
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()  # half a surrogate pair is no text
    if isinstance(value, list | tuple):
        return [inner if type(inner) in _AS_IT_IS else plain(inner) for inner in value]  # most are numbers
    if isinstance(value, Mapping):
        return {plain(str(key)): plain(inner) for key, inner in value.items()}
    return value


def _number(value: float) -> float | str | None:
    if math.isfinite(value):
        return int(value) if value.is_integer() and abs(value) < 1e15 else value
    return None if math.isnan(value) else "∞" if value > 0 else "−∞"


def rounded(value: float, figures: int) -> float:
    """A number to so many significant figures: what a picture or a cell shows of it."""
    return float(f"{value:.{figures}g}") if math.isfinite(value) else value


def coded(texts: Iterable[str]) -> dict[str, list[Any]]:
    """A column of texts that repeat: the different ones, and the number of each row's."""
    numbers: dict[str, int] = {}
    codes = [numbers.setdefault(text, len(numbers)) for text in texts]
    return {"texts": list(numbers), "codes": codes}


def columnar(rows: Sequence[Sequence[Any]], keys: Sequence[str]) -> dict[str, Any]:
    """Rows by column; columns of texts are coded."""
    columns = list(zip(*rows, strict=True)) if rows else [()] * len(keys)
    return {
        key: coded(column) if column and all(isinstance(x, str) for x in column) else list(column)
        for key, column in zip(keys, columns, strict=True)
    }
