"""A chart is a drawing of the table beneath it: what the eye sees, the table says in numbers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from . import notation
from .browser import OF_CELLS
from .embedding import columnar, embedded
from .language import Words
from .markup import render

if TYPE_CHECKING:
    from markupsafe import Markup

    from gradcheck import Measurement


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a chart's table.

    Attributes
    ----------
    key
        Its name in the rows that the drawing is handed.
    label
        Its heading; an empty one keeps the column out of the table.
    kind
        How its entries are written: ``text``, ``number``, ``seconds``, ``ratio``, ``digits`` or ``percent``.
    """

    key: str
    label: str
    kind: str = "text"


def asked_columns(words: Words) -> tuple[Column, ...]:
    """What a cell was asked, and who."""
    return (
        Column("problem", words("Problem")),
        Column("point", words("Point")),
        Column("suite", words("Suite")),
        Column("operator", words("Operator")),
        Column("dtype", words("Dtype")),
        Column("device", words("Device")),
        Column("backend", words("Backend")),
    )


def asked(cell: Measurement) -> tuple[str, ...]:
    """The entries of a cell in :func:`asked_columns`."""
    return cell.problem, cell.point, cell.suite, cell.operator, cell.dtype, cell.device, cell.backend


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """A drawing and its table.

    Attributes
    ----------
    name
        Names the drawing, ``assets/drawings/NAME.js``, unless ``drawing`` names another; unique on the page.
    title, caption
        What is seen, and how it is to be read.
    columns, rows
        The table; entries are texts, numbers or None. A column ``cell`` holds numbers of cells on the page:
        what the page knows of them under the other columns' keys is not written a second time.
    facets
        Keys of columns by which a reader may choose what is drawn.
    narrow
        Those of the facets that begin with their first choice, since all at once cannot be told apart.
    drawing
        The drawing, where several charts share one.
    static
        How many rows stand in the page itself, for readers without scripts; the others are in its data.
    """

    name: str
    title: str
    caption: str
    columns: Sequence[Column]
    rows: Sequence[Sequence[Any]]
    facets: Sequence[str] = ()
    narrow: Sequence[str] = ()
    drawing: str = ""
    static: int = 40


def figure(chart: Chart, words: Words) -> Markup:
    """The chart as markup: a place for the drawing, its table, and its data."""
    shown = [(place, column) for place, column in enumerate(chart.columns) if column.label]
    keys = [column.key for column in chart.columns]
    own = [place for place, key in enumerate(keys) if "cell" not in keys or key not in OF_CELLS]
    return render(
        "chart.html",
        words,
        chart=chart,
        drawing=chart.drawing or chart.name,
        headings=[column for _, column in shown],
        rows=[
            [written(row[place], column.kind) for place, column in shown]
            for row in chart.rows[: chart.static]
        ],
        hidden=max(0, len(chart.rows) - chart.static),
        data=embedded(
            f"data-{chart.name}",
            {
                "columns": [[column.key, column.label, column.kind] for column in chart.columns],
                "facets": list(chart.facets),
                "narrow": list(chart.narrow),
                "rows": columnar([[row[n] for n in own] for row in chart.rows], [keys[n] for n in own]),
            },
        ),
    )


def written(value: Any, kind: str) -> str:
    """An entry of a table as people read it."""
    if value is None:
        return notation.UNKNOWN
    if isinstance(value, str):
        return value
    return _WRITTEN[kind](float(value))


_WRITTEN: dict[str, Callable[[float], str]] = {
    "text": "{:g}".format,
    "number": notation.magnitude,
    "seconds": notation.seconds,
    "ratio": notation.ratio,
    "digits": lambda value: notation.digits(value, 1),
    "percent": notation.percent,
}
