"""The verdict in one sentence, and what is to be known of the run before believing it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gradcheck import Outcome

from ..markup import render
from ..notation import seconds
from ..page import Section

if TYPE_CHECKING:
    from ..report import Report


_MOODS = {True: "good", False: "bad", None: "idle"}


def _render(report: Report) -> str:
    summary = report.results.summary
    sentence = summary.sentence(report.words)
    return render(
        "summary.html",
        report.words,
        mood=_MOODS[sentence.good],
        headline=sentence.headline,
        rest=sentence.rest,
        trust=_trust(report),
        doubts=len(summary.doubtful),
        printed=summary.printed(report.words),
        legend=[(outcome, summary.counts[outcome]) for outcome in Outcome],
    )


def _trust(report: Report) -> list[str]:
    """What a reader is to know of the run before believing it."""
    results, words = report.results, report.words
    facts = []
    if not results.finished:
        facts.append(words("The run did not come to its end; what is here is what it had finished."))
    if results.controls:
        pairs = words.count(len(results.controls), "%(n)s call", "%(n)s calls")
        facts.append(
            words(
                "Noise floor %(floor)s: what %(pairs)s timed under two names differ by; "
                "no smaller difference is called one.",
                floor=f"{100 * report.floor:.1f} %",
                pairs=pairs,
            )
        )
    elif not report.laps:
        facts.append(words("Nothing was timed."))
    took = results.environment.get("seconds")
    if isinstance(took, int | float):
        facts.append(words("The run took %(time)s.", time=seconds(float(took))))
    return facts


summary = Section(name="verdict", title="Verdict", order=10, render=_render)
