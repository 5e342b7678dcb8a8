"""What the documentation says is so: every code block of the README and of docs/ is run or checked."""

import re
import sys

import pytest

import gradcheck
from gradcheck import Outcome, collect, engine, saboteurs
from gradcheck.catalogue import installed_suites
from gradcheck.records import KINDS
from manual import DOCS, PAGES, ROOT, blocks, links
from reader import OPTIONAL, Complaint, Reader


@pytest.fixture
def reader(tmp_path, monkeypatch):
    """Someone in an empty folder, whose modules are forgotten afterwards."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    yield Reader(tmp_path)
    for name, module in list(sys.modules.items()):
        if (getattr(module, "__file__", None) or "").startswith(str(tmp_path)):
            del sys.modules[name]


def read(reader, text, page="page.md"):
    for block in blocks(text, page):
        reader.read(block)
    if reader.absent:
        pytest.skip(", ".join(f"{place} needs {package}" for place, package in reader.absent.items()))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_page_is_as_it_says(reader, page):
    read(reader, page.read_text(encoding="utf-8"), str(page.relative_to(ROOT)))


FAULTS = {
    "python that raises": ("```python\n1 / 0\n```", "page.md:1: ZeroDivisionError"),
    "a name of a later block": ("```python\nprint(x)\n```\n```python\nx = 1\n```", "NameError"),
    "other output": ("```python\nprint(1)\n```\n\n```text\n2\n```", "page.md:5: shown is"),
    "a file that is not there": ("```python\nimport not_written\n```", "ModuleNotFoundError"),
    "a command that fails": ("```console\n$ gradcheck list nothing\n```", "exits with 2, not 0"),
    "a failure that passes": ("```console\n$ gradcheck --help\n$ echo $?\n1\n```", "exits with 0, not 1"),
    "other output of a command": ("```console\n$ gradcheck list chain_rule\nnothing\n```", "shown is"),
    "a command nobody runs": ("```console\n$ rm -r runs\n```", "nobody runs 'rm'"),
    "a command nobody checks": ("```bash\ncurl there\n```", "nobody checks 'curl'"),
    "an extra there is not": ("```bash\npip install 'gradcheck[keras]'\n```", "no extra {'keras'}"),
    "a session there is not": (
        "```bash\npip install nox && nox -s everything\n```",
        "no session {'everything'}",
    ),
    "a command there is not": ("```bash\ngradcheck race\n```", "no command 'race'"),
    "an option there is not": ("```bash\ngradcheck run --fast\n```", "No such option: --fast"),
    "a backend there is not": (
        "```bash\ngradcheck run --backend tourch\n```",
        "no backend is called 'tourch'",
    ),
    "a workflow with a wrong option": (
        "```yaml\njobs:\n  a:\n    steps:\n      - run: gradcheck compare a b --fail\n```",
        "No such option: --fail",
    ),
    "a workflow without steps": ("```yaml\njobs: {}\n```", "no step"),
    "a language nobody reads": ("```julia\n1\n```", "nobody reads a block of 'julia'"),
    "a block without a language": ("```\ngradcheck run\n```", "no language"),
    "a block that is only indented": ("Text\n\n    1 / 0\n", "no language"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_broken_page_is_noticed(reader, fault):
    text, complaint = FAULTS[fault]
    with pytest.raises(Complaint) as raised:
        read(reader, text)
    assert complaint in str(raised.value)


GOOD = {
    "output": "```python\nprint(1.5)\n```\n\n```text\n1.5\n```",
    "output in part": "```python\nprint('a', 0.25)\n```\n\n```text\na ...\n```",
    "measured times": "```python\nprint('done in 0.31 s')\n```\n\n```text\ndone in 4.2 s\n```",
    "a file, imported": "```python\n# mine.py\nx = 1\n```\n\n```python\nfrom mine import x\n```",
    "a documented failure": "```console\n$ gradcheck list nothing\n...\n$ echo $?\n2\n```",
    "a line that goes on": "```console\n$ gradcheck list \\\n    chain_rule\n...\n```",
    "a run that would take long": "```bash\ngradcheck run --device cuda\n```",
}


@pytest.mark.parametrize("page", GOOD.values(), ids=GOOD.keys())
def test_good_page_is_read_without_complaint(reader, page):
    read(reader, page)


def test_block_that_needs_an_absent_framework_is_a_visible_skip(reader, monkeypatch):
    monkeypatch.setattr("reader.find_spec", lambda name: None)
    with pytest.raises(pytest.skip.Exception) as raised:
        read(reader, "```python\nimport casadi\n```\n```console\ngradcheck run --backend casadi\n```")
    assert "page.md:1 needs casadi, page.md:4 needs casadi" == str(raised.value)
    assert "torch" in OPTIONAL


def test_block_adds_a_file_to_a_copy_of_the_packages(reader):
    page = (
        '```python\n# suites/mine.py\n"""Mine"""\nfrom gradcheck import problem\n\n'
        "@problem(x=1.0)\ndef twice(xp, x):\n    return 2 * x\n```\n"
    )
    read(reader, f"{page}```console\n$ gradcheck list mine\n...twice...\n```")
    assert not (ROOT / "suites" / "mine.py").exists()


REFERENCE = "".join(path.read_text(encoding="utf-8") for path in (DOCS / "reference").glob("*.md"))
PUBLIC = [
    *gradcheck.__all__,
    *(f"engine.{name}" for name in dir(engine) if getattr(engine, name).__class__.__name__ == "function"),
    *(f"strategies.{name}" for name in ("arrays", "points", "layouts")),
]


@pytest.mark.parametrize("name", PUBLIC)
def test_public_name_is_in_the_reference(name):
    if name == "engine":
        name = r"engine\.grad"
    assert re.search(rf"^::: gradcheck\.(records\.)?{name}$", REFERENCE, re.MULTILINE)


@pytest.mark.parametrize("outcome", Outcome, ids=lambda outcome: outcome.value)
def test_outcome_is_explained_in_the_words_of_the_program(outcome):
    assert f"| {outcome.letter} | {outcome.value} | {outcome.sentence} |" in REFERENCE


@pytest.mark.parametrize("kind", KINDS)
def test_record_is_in_the_description_of_the_results_file(kind):
    assert (
        f"| `{kind}` | [`{KINDS[kind].__name__}`](#gradcheck.records.{KINDS[kind].__name__}) |" in REFERENCE
    )


def test_links_of_the_readme_lead_somewhere():
    places = [place for place in links(PAGES[0].read_text(encoding="utf-8")) if "://" not in place]
    assert len(places) > 10
    assert [] == [place for place in places if not (ROOT / place).exists()]


def test_the_readme_counts_the_saboteurs_right():
    count = len(collect(saboteurs, saboteurs.Saboteur))
    assert f"replaces your derivative by {count} faulty ones" in PAGES[0].read_text(encoding="utf-8")


def test_the_readme_counts_the_catalogue_right():
    count = sum(len(suite.problems) for suite in installed_suites().values())
    assert f"a catalogue of {count}\nfunctions" in PAGES[0].read_text(encoding="utf-8")
