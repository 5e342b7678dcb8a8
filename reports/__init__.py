"""Results in, pages out: every reporter reads a run's results and nothing else.

The page is a list of sections, each a function from a report to a fragment of HTML. A new file in
``sections`` that holds a :class:`Section` is a new part of the page.
"""

if __name__ != "gradcheck_reports":
    raise ImportError("import this package as 'gradcheck_reports'; 'reports' is only its folder's name")

from .chart import Chart, Column, figure
from .page import Section, write
from .report import Report

__all__ = ["Chart", "Column", "Report", "Section", "figure", "write"]
