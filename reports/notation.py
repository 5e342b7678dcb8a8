"""How numbers are written for people: few digits, units that fit, nothing where nothing is known."""

from __future__ import annotations

import math
import re
from decimal import Context, Decimal, InvalidOperation
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gradcheck import Outcome

UNKNOWN = "–"
THIN = "\u202f"  # a narrow space that does not break

# Nothing traps: a printed value may be any text, infinities and signalling NaNs included.
_EXACT = Context(prec=60, traps=[])

# A mantissa whose digits go on beyond the twelfth; its exponent, if any, is kept.
_LONG = re.compile(r"(?<![0-9.])((?:0\.0*|(?=[1-9][0-9]*\.))(?:[0-9]\.?){12})([0-9]+)(?![0-9.])")


def count(number: int) -> str:
    """``5012`` with a narrow space between thousands, which reads the same in every language."""
    return f"{number:,}".replace(",", THIN)


def digits(value: float, places: int = 0) -> str:
    """Correct digits, never rounded up: 15.95 digits are 15, or 15.9."""
    if not math.isfinite(value):
        return ""
    scale = 10**places
    return f"{math.floor(min(max(value, 0.0), 999.0) * scale) / scale:.{places}f}"


def magnitude(value: float) -> str:
    """Two or three significant digits: ``0.5``, ``12``, ``3.1e9``."""
    if not math.isfinite(value):
        return UNKNOWN if math.isnan(value) else ("∞" if value > 0 else "−∞")
    size = abs(value)
    if size == 0 or 0.01 <= size < 10:
        return f"{value:.2g}"
    if 10 <= size < 99_999.5:
        return f"{value:,.0f}".replace(",", THIN)
    mantissa, _, exponent = f"{value:.1e}".partition("e")
    return f"{mantissa}e{int(exponent)}"


def ratio(value: float) -> str:
    """``1.26×``, ``12.4×``, ``310×``."""
    if not math.isfinite(value):
        return UNKNOWN
    if value < 10:
        return f"{value:.2f}×"
    return f"{value:.1f}×" if value < 100 else f"{magnitude(value)}×"


def percent(value: float) -> str:
    """``0.5 %``, ``12.3 %``, of a part of 1."""
    return f"{100 * value:.3g} %" if math.isfinite(value) else UNKNOWN


def seconds(value: float) -> str:
    """Three significant digits in the unit that fits: ``41.2 µs``."""
    if not math.isfinite(value):
        return UNKNOWN
    for unit, size in (("ns", 1e-9), ("µs", 1e-6), ("ms", 1e-3)):
        if value < 999.5 * size:
            return f"{_three(value / size)} {unit}"
    return f"{_three(value)} s" if value < 999.5 else f"{count(round(value))} s"


def brief(text: str) -> str:
    """A decimal text to six significant digits, where there is little room; other text as it is."""
    number = parse(text)
    return f"{float(number):.6g}" if number is not None and number.is_finite() else text


def decimal(text: str) -> str:
    """A text with its long decimal numbers cut after twelve digits, and an ellipsis where digits follow."""
    return _LONG.sub(_cut, text)


def _cut(match: re.Match[str]) -> str:
    kept, rest = match[1], match[2]
    return f"{kept}…" if rest.strip("0") else kept.rstrip("0").rstrip(".")


def parse(text: str) -> Decimal | None:
    """The number a text is, or nothing."""
    try:
        return Decimal(text.strip())
    except InvalidOperation:
        return None


def quotient(got: str, true: str) -> str:
    """How many times the truth an answer is; nothing where that says nothing."""
    top, bottom = parse(got), parse(true)
    if top is None or bottom is None or not top.is_finite() or not bottom.is_finite() or not bottom:
        return UNKNOWN
    times = _EXACT.divide(top, bottom)
    excess = float(_EXACT.subtract(times, Decimal(1)))
    if 0 < abs(excess) < 1e-4:
        return f"1 {'+' if excess > 0 else '-'} {abs(excess):.2g}"
    return f"{float(times):.6g}" if math.isfinite(float(times)) else UNKNOWN


def tone(outcome: Outcome) -> str:
    """An outcome's class in the style sheet."""
    return outcome.name.lower().replace("_", "-")


def _three(value: float) -> str:
    """Three significant digits without an exponent, of a number below a thousand."""
    rounded = float(f"{value:.2e}")
    return f"{rounded:.2f}" if rounded < 10 else f"{rounded:.1f}" if rounded < 100 else f"{rounded:.0f}"
