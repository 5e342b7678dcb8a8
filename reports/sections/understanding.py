"""What a derivative is: the best example of every picture that the run has one for."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from ..markup import render
from ..page import Section

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gradcheck import Study

    from ..report import Report


class Lesson(NamedTuple):
    """A picture that teaches."""

    picture: str  # its name among the drawings
    part: str  # of a study, that it is drawn from
    best: Sequence[str]  # problems that show it best, the first choice first


LESSONS = (
    Lesson("tangent", "curve", ("power_of_cosine", "cube_of_quadratic")),
    Lesson("differences", "differences", ("power_of_cosine", "cube_of_quadratic")),
    Lesson("surface", "surface", ("level_curves_of_two_arguments", "level_curves")),
    Lesson("jacobian", "pattern", ("linear_map_in_w", "matrix_product")),
    Lesson("graph", "steps", ("wengert", "square_times_exponential")),
)


def example(lesson: Lesson, studies: Sequence[Study]) -> int | None:
    """The number of the study that shows a lesson best, or None when none does."""
    rank = {name: place for place, name in enumerate(lesson.best)}
    able = [number for number, study in enumerate(studies) if getattr(study, lesson.part)]
    return min(able, key=lambda number: rank.get(studies[number].problem, len(rank)), default=None)


def _render(report: Report) -> str:
    studies = report.results.studies
    found = [(lesson.picture, example(lesson, studies)) for lesson in LESSONS]
    examples = [(picture, number, studies[number]) for picture, number in found if number is not None]
    if not examples:
        return ""
    formulas = {(one.suite, one.problem): one.formula for one in report.results.subjects}
    return render("understanding.html", report.words, examples=examples, formulas=formulas)


understanding = Section(
    name="understanding",
    title="What a derivative is, in pictures",
    order=70,
    page="pictures",
    render=_render,
)
