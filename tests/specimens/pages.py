"""A page, read as a browser reads it: its elements, the text of its parts, and the data of its scripts."""

import base64
import gzip
import hashlib
import json
from dataclasses import dataclass, field
from html.parser import HTMLParser

VOID = {"meta", "link", "wbr", "br", "input", "col", "hr", "img"}
INLINE = {"a", "b", "i", "span", "strong", "sup", "wbr", "mark", "small"}


@dataclass
class Element:
    """An element with its children, which are elements and texts."""

    tag: str
    attributes: dict
    children: list = field(default_factory=list)

    def all(self, tag=None, **attributes):
        """Every element within, of a tag and with attributes; ``within="x"`` of a class."""
        wanted = {name.rstrip("_"): value for name, value in attributes.items()}
        kind = wanted.pop("within", None)
        found = []
        for child in self.children:
            if isinstance(child, Element):
                right = tag in (None, child.tag) and wanted.items() <= child.attributes.items()
                if right and (kind is None or kind in child.classes):
                    found.append(child)
                found += child.all(tag, **attributes)
        return found

    def one(self, tag=None, **attributes):
        (found,) = self.all(tag, **attributes)
        return found

    @property
    def classes(self):
        return (self.attributes.get("class") or "").split()

    @property
    def text(self):
        """What a person reads, with single spaces."""
        return " ".join(self._pieces().split())

    def _pieces(self):
        if self.tag in ("script", "style"):
            return ""
        inner = "".join(child if isinstance(child, str) else child._pieces() for child in self.children)
        return inner if self.tag in INLINE else f" {inner} "


class _Builder(HTMLParser):
    def __init__(self):
        super().__init__(convert_charrefs=True)
        self.root = Element("", {})
        self._open = [self.root]

    def handle_starttag(self, tag, attrs):
        made = Element(tag, dict(attrs))
        self._open[-1].children.append(made)
        if tag not in VOID:
            self._open.append(made)

    def handle_startendtag(self, tag, attrs):
        self._open[-1].children.append(Element(tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self._open[-1].tag == tag, f"</{tag}> closes <{self._open[-1].tag}>"
        self._open.pop()

    def handle_data(self, data):
        self._open[-1].children.append(data)


def parse(markup):
    """The elements of a page; fails where one is not closed."""
    builder = _Builder()
    builder.feed(markup)
    builder.close()
    assert builder._open == [builder.root]
    return builder.root


def section(page, name):
    """A section by its name; an empty element where the page has none."""
    return next(iter(page.all("section", id=name)), Element("", {}))


def data(page, name="data"):
    """What the page hands its scripts under a name."""
    holder = page.one("script", id=name)
    text = "".join(holder.children)
    if holder.attributes["data-coding"] == "gzip":
        text = gzip.decompress(base64.b64decode(text)).decode()
    return json.loads(text)


def cells(page):
    """The cells that the page hands its scripts, one mapping each."""
    columns = {
        name: [held["texts"][code] for code in held["codes"]] if isinstance(held, dict) else held
        for name, held in data(page)["cells"].items()
    }
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def scripts(page):
    """The page's own scripts, as text: those that are not data."""
    return [
        "".join(one.children)
        for one in page.all("script")
        if one.attributes.get("type") != "application/json"
    ]


def digest(script):
    return base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
