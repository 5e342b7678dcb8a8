"""Formulas as people type them on a line, typeset for a page."""

from .typesetting import typeset

__all__ = ["typeset"]
