"""Every message of the reports is said in every language, and no catalogue holds one that nobody says.

``python tests/specimens/messages.py`` brings the catalogues up to date; translations that are empty then are
to be written.
"""

import re
import shutil

import gradcheck_reports
import pytest
from babel.messages.pofile import read_po
from gradcheck_reports import Report, language
from gradcheck_reports.language import FOLDER, SOURCE, Words, languages
from gradcheck_reports.page import page

import messages
import pages
from gradcheck import UnknownName
from runs import made_up

TRANSLATED = [name for name in languages() if name != SOURCE]
PLACE = re.compile(r"%\(\w+\)s|%%|_[A-Z]+_|[<>]")  # what a message leaves room for
ENGLISH = re.compile(r"\b(the|of|and|is|in|to|not|which|that|with|on|all)\b", re.IGNORECASE)
SAID = messages.said()


def catalogue(name):
    with (FOLDER / f"{name}.po").open("rb") as file:
        return read_po(file, locale=name)


def forms(text):
    return (text,) if isinstance(text, str) else tuple(text)


def test_spanish_is_spoken():
    assert "es" in TRANSLATED


@pytest.mark.parametrize("name", TRANSLATED)
def test_every_message_is_translated_and_no_other(name):
    held = {forms(message.id): message for message in catalogue(name) if message.id}
    wanted = {(said.one, said.many) if said.many else (said.one,) for said in SAID}
    assert wanted - held.keys() == set(), "not in the catalogue"
    assert held.keys() - wanted == set(), "nobody says this"
    assert [said for said, message in held.items() if not all(forms(message.string))] == []
    assert [said for said, message in held.items() if message.fuzzy] == []


@pytest.mark.parametrize("name", TRANSLATED)
def test_translations_leave_room_for_the_same_values(name):
    for message in catalogue(name):
        *_, source = forms(message.id)
        for said in forms(message.string) if source else ():
            assert sorted(PLACE.findall(said)) == sorted(PLACE.findall(source)), said
            assert [end.isspace() for end in (said[0], said[-1])] == [
                end.isspace() for end in (source[0], source[-1])
            ], said


def test_one_message_is_not_both_plain_and_counted():
    counted = {said.one for said in SAID if said.many}
    assert counted.isdisjoint(said.one for said in SAID if not said.many)


def test_what_is_no_literal_is_known():
    computed = {one.expression for _, given in messages.calls() for one in given if one.literal is None}
    assert computed == set(messages.COMPUTED)


@pytest.mark.parametrize("name", TRANSLATED)
def test_scripts_are_handed_what_they_say_and_nothing_else(name):
    assert Words(name).dictionary.keys() == {said.one for said in SAID if said.file.endswith(".js")}
    assert (
        pages.data(pages.parse(page(Report(made_up(20), language=name))))["words"] == Words(name).dictionary
    )


FOUND = [
    (messages.in_python, 'report.words("a" "b", n=1)', [["ab"]]),
    (messages.in_python, 'x = words.count(3, "%(n)s one", "%(n)s many")', [["%(n)s one", "%(n)s many"]]),
    (messages.in_python, 'words.rich("<b>a</b>") + other.words("no") + "words(1)"', [["<b>a</b>"]]),
    (messages.in_python, "words(one.value)", [[None]]),
    (messages.in_template, "<p>{{ words('a') }}{% if words(\"b\") %}{% endif %}", [["a"], ["b"]]),
    (messages.in_template, "{{ words.count(n | length, 'one', 'many') }}", [["one", "many"]]),
    (messages.in_template, "{{ words(outcome.value) }} words('no') {# words('no') #}", [[None]]),
    (messages.in_script, 'f(words("a"), [words("b", { n })]); // words("no")', [["a"], ["b"]]),
    (messages.in_script, '`${words("a")} ${x}`; function words(message) {}', [["a"]]),
    (messages.in_script, "words(name)", [[None]]),
]


@pytest.mark.parametrize(("read", "source", "expected"), FOUND)
def test_messages_are_found_where_they_are_said(read, source, expected):
    assert [[one.literal for one in given] for given in read(source)] == expected


def test_update_adds_what_is_missing_and_drops_what_nobody_says(tmp_path, monkeypatch):
    shutil.copytree(FOLDER, tmp_path / "locale")
    file = tmp_path / "locale" / "es.po"
    for home in (messages, language):
        monkeypatch.setattr(home, "FOLDER", tmp_path / "locale")
    messages.update()
    before = file.read_bytes()
    messages.update()
    assert file.read_bytes() == before
    file.write_bytes(before.replace(b'msgid "Failures"', b'msgid "Nobody says this"'))
    messages.update()
    assert b"Nobody says this" not in file.read_bytes()
    assert b'msgid "Failures"\nmsgstr ""' in file.read_bytes()


@pytest.mark.parametrize(
    ("number", "said"),
    [(0, "0 celdas"), (1, "1 celda"), (2, "2 celdas"), (1_000_000, "1\u202f000\u202f000 celdas")],
)
def test_spanish_counts(number, said):
    assert Words("es").count(number, "%(n)s cell", "%(n)s cells") == said


def test_values_that_are_put_in_stay_as_they_are():
    assert Words("es").rich("What %(backend)s comes to", backend="<i>") == "Balance de &lt;i&gt;"


def test_no_message_is_the_head_of_a_catalogue():
    assert Words("es")("") == ""


def test_unknown_language_is_an_error_that_names_the_known():
    with pytest.raises(UnknownName, match=r"no language is called 'fr'.*en, es"):
        Words("fr")


def test_page_is_spanish(tmp_path):
    gradcheck_reports.write(made_up(400), tmp_path, language="es")
    read = pages.parse((tmp_path / "report.html").read_text(encoding="utf-8"))
    assert read.one("html").attributes["lang"] == "es"
    assert read.one("title").text == "Informe de gradcheck"
    assert [link.text for link in read.one("nav").all("a")][:2] == ["Veredicto", "Problemas"]
    assert "Con fallo: " in pages.section(read, "verdict").text
    labels = {one["name"]: one["label"] for one in pages.data(read)["outcomes"]}
    assert labels["wrong"] == "errónea"


def test_nothing_on_a_spanish_page_is_left_in_english():
    run, before = made_up(400), made_up(400, seed=2)
    english, spanish = (texts(pages.parse(page(Report(run, before, name)))) for name in ("en", "es"))
    told = {cell.reason for cell in run.cells}
    assert {text for text in english & spanish - told if ENGLISH.search(text)} == set()


def texts(element):
    """The texts that people read, piece by piece, and the labels and titles of elements."""
    found = {value for name, value in element.attributes.items() if name in ("title", "aria-label")}
    for child in element.children if element.tag not in ("script", "style") else ():
        found |= {child.strip()} if isinstance(child, str) else texts(child)
    return found
