"""The references for the pages of docs/: every key of every file, every command.

Knows how schemas and commands read to people; what a key means stands in its model, what a command
does in itself. mkdocs calls it as a hook.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

import click

from condorloop.cli.group import SECTIONS
from condorloop.cli.json_schemas import schema
from condorloop.cli.main import cli

_FILES = (
    ("calibration", "else", "A calibration's file"),
    ("calibration", "then", "A calibration's file that names its stream"),
    ("stream", "", "A stream's file"),
    ("site", "", "The site file"),
    ("parameters", "", "ngtParameters.jsn"),
)
"""The files by the names of their schemas, each with the form that is described."""

_WORDS = {
    "integer": "whole number",
    "number": "number",
    "boolean": "`true` or `false`",
    "string": "text",
    "object": "mapping",
    "null": "null",
}
_UNITS = (("h", 3600), ("min", 60))


def on_page_markdown(markdown: str, **_: object) -> str:
    """Put the references where a page wants them; mkdocs calls this with each page."""
    for what, made in _REFERENCES.items():
        mark = f"<!-- reference of {what} -->"
        if mark in markdown:
            markdown = markdown.replace(mark, made())
    return markdown


def configuration() -> str:
    """Describe every key of every file that people write, section by section, in Markdown."""
    lines: list[str] = []
    places: dict[str, str] = {}
    for name, form, title in _FILES:
        whole = schema(name)
        lines += [f"## {title}", ""]
        described = whole[form] if form else whole
        own = "shared." if form == "then" else ""
        lines += _Sections(whole.get("$defs", {}), places, own=own).describe(described)
    return "\n".join(lines)


def status() -> str:
    """Describe every key of ``status.json``, section by section, in Markdown."""
    whole = schema("status")
    sections = _Sections(whole["$defs"], written_by_people=False)
    return "\n".join(["## Keys", "", *sections.describe(whole)])


def commands() -> str:
    """Describe every command, with its examples, as blocks that mkdocs-click fills."""
    lines: list[str] = []
    context, titles = click.Context(cli), {n: t for t, names in SECTIONS.items() for n in names}
    for title, names in groupby(cli.list_commands(context), lambda name: titles.get(name, "More")):
        lines += [f"## {title}", ""]
        for name in names:
            if command := cli.get_command(context, name):
                lines += _command(f"condorloop {name}", command)
    return "\n".join(lines)


def _command(path: str, command: click.Command) -> Iterator[str]:
    function = command.callback
    yield from ("::: mkdocs-click", f"    :module: {getattr(function, '__module__', '')}")
    yield from (f"    :command: {getattr(function, '__name__', '')}", f"    :prog_name: {path}")
    yield from ("    :depth: 2", "    :style: plain", "")
    if command.epilog:
        title, _, examples = inspect.cleandoc(command.epilog.replace("\b", "")).partition("\n")
        yield from (f"**{title}**", "", "```", inspect.cleandoc(examples), "```", "")


_REFERENCES = {"configuration": configuration, "status.json": status, "commands": commands}


@dataclass(frozen=True, slots=True)
class _Sections:
    """The sections of one file; `places` tells where one is described that several keys hold."""

    definitions: Mapping[str, Any]
    places: dict[str, str] = field(default_factory=dict)
    written_by_people: bool = True
    own: str = ""
    """What the anchors of the file begin with, where another one has the same sections."""

    def describe(self, section: Mapping[str, Any], path: str = "") -> Iterator[str]:
        """Describe a section, then those in it that are not described elsewhere."""
        if path:
            yield from (f"### {path} {{ #{_anchor(self.own + path)} }}", "")
        yield from (section["description"], "")
        inner = {}
        for key, value in _required_first(section):
            name = self._section_in(value)
            if name and name not in self.places:
                place = f"{path}.{key}" if path else key
                place += ".KIND" if "additionalProperties" in value else ""
                self.places[name] = self.own + place
                inner[name] = place
        rows = [self._row(key, value, section) for key, value in _required_first(section)]
        columns = [i for i in range(4) if any(row[i] for row in rows)]
        for row in (("key", "value", "default", "meaning"), ("---",) * 4, *rows):
            yield f"| {' | '.join(row[i] for i in columns)} |"
        yield ""
        for name, place in inner.items():
            yield from self.describe(self.definitions[name], place)

    def _row(
        self, key: str, value: Mapping[str, Any], section: Mapping[str, Any]
    ) -> tuple[str, str, str, str]:
        meaning, default, name = value.get("description", ""), "", self._section_in(value)
        if self.written_by_people:
            meaning = meaning or self.definitions[name]["description"]
            required = key in section.get("required", ())
            default = "required" if required else "" if name else _default(value)
        return f"`{key}`", self._kind(value), default, meaning.replace("|", r"\|")

    def _section_in(self, value: Mapping[str, Any]) -> str:
        """Give the name of the section that a key holds, or many of; '' if it holds values."""
        inner = (value, value.get("items"), value.get("additionalProperties"))
        for some in (*inner, *_forms(value)):
            name = _referred(some) if isinstance(some, dict) else ""
            if "properties" in self.definitions.get(name, ()):
                return name
        return ""

    def _kind(self, value: Mapping[str, Any]) -> str:
        """Say in words what a key takes."""
        if _is_duration(value):
            return "time"
        if forms := _forms(value):
            kinds = [self._kind(v) for v in forms if _referred(v) != "Variable"]
            if self.written_by_people:
                kinds = [kind for kind in kinds if kind != "null"]
            return " or ".join(dict.fromkeys(kinds))
        if "items" in value:
            return f"list of {self._kind(value['items'])}"
        if name := self._section_in(value):
            return f"[section](#{_anchor(self.places[name])})"
        if name := _referred(value):
            return self._kind(self.definitions[name])
        if "const" in value:
            return f"`{value['const']}`"
        if "enum" in value:
            return " or ".join(f"`{v}`" for v in value["enum"])
        return "path" if value.get("format") == "path" else _WORDS[value["type"]]


def _required_first(section: Mapping[str, Any]) -> list[tuple[str, Mapping[str, Any]]]:
    required = section.get("required", ())
    return sorted(section["properties"].items(), key=lambda item: item[0] not in required)


def _forms(value: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    """The forms that a value can have, if it can have several."""
    return (*value.get("anyOf", ()), *value.get("oneOf", ()))


def _referred(value: Mapping[str, Any]) -> str:
    return str(value.get("$ref", "")).rpartition("/")[2]


def _is_duration(value: Mapping[str, Any]) -> bool:
    types = [v.get("type") for v in value.get("anyOf", ())]
    return "number" in types and "string" in types


def _default(value: Mapping[str, Any]) -> str:
    default = value.get("default")
    if default in (None, "", [], {}):
        return ""
    if isinstance(default, bool):
        return f"`{str(default).lower()}`"
    if _is_duration(value):
        unit, size = next((u for u in _UNITS if default >= u[1] and not default % u[1]), ("s", 1))
        return f"`{default / size:g} {unit}`"
    if isinstance(default, list):
        return ", ".join(f"`{each}`" for each in default)
    return f"`{default:g}`" if isinstance(default, float) else f"`{default}`"


def _anchor(place: str) -> str:
    return place.replace(".", "-").lower()
