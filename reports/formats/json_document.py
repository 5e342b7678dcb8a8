"""A run as one JSON document, and the JSON Schema that describes it.

The document is the run itself: a key for every attribute of :class:`gradcheck.Results`, and in it an object
for every record, with a key for every attribute. A number that is not finite is null. The schema is read off
the classes, so that it cannot say anything else.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from enum import Enum
from pathlib import Path
from types import NoneType
from typing import Any, get_args, get_origin, get_type_hints

from gradcheck import Results

VERSION = 1
_SCALARS: Mapping[object, Any] = {str: "string", int: "integer", bool: "boolean", float: ["number", "null"]}


def write(
    results: Results, directory: Path, *, language: str = "en", before: Results | None = None
) -> list[Path]:
    """Write ``report.json`` and ``report.schema.json``, which says what is in it."""
    report, description = Path(directory) / "report.json", Path(directory) / "report.schema.json"
    report.write_text(_text({"version": VERSION, **_plain(results)}), encoding="ascii")
    description.write_text(_text(schema(), indent=1), encoding="ascii")
    return [report, description]


def schema() -> dict[str, Any]:
    """The JSON Schema of ``report.json``."""
    body = _object(Results)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A run of gradcheck",
        **body,
        "properties": {"version": {"const": VERSION}, **body["properties"]},
        "required": ["version", *body["required"]],
    }


def _text(content: Mapping[str, Any], indent: int | None = None) -> str:
    return json.dumps(content, ensure_ascii=True, allow_nan=False, indent=indent) + "\n"


def _plain(value: Any) -> Any:
    if isinstance(value, Enum):
        return value.value
    if is_dataclass(value):
        return {field.name: _plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Mapping):
        return {str(key): _plain(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(part) for part in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _object(kind: type[Any]) -> dict[str, Any]:
    hints = get_type_hints(kind)
    properties = {field.name: _described(hints[field.name]) for field in fields(kind)}
    return {
        "type": "object",
        "description": (kind.__doc__ or "").split("\n", maxsplit=1)[0],
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def _described(hint: Any) -> dict[str, Any]:
    """The schema of a type that a record's attribute may have."""
    if hint in _SCALARS:
        return {"type": _SCALARS[hint]}
    if is_dataclass(hint):
        return _object(hint)  # type: ignore[arg-type]
    if isinstance(hint, type) and issubclass(hint, Enum):
        return {"enum": [member.value for member in hint]}
    if get_origin(hint) is tuple:
        return {"type": "array", "items": _described(get_args(hint)[0])}
    if NoneType in get_args(hint):
        inner = [_described(part) for part in get_args(hint) if part is not NoneType]
        return {"anyOf": [*inner, {"type": "null"}]}
    return {"type": "object"} if get_origin(hint) is not None else {}
