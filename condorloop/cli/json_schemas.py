"""JSON Schemas of the files that people write, for their editors, and of ``status.json``.

Knows how a model becomes a schema; it opens no file, and what a key means stands in its model.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from pydantic import AliasChoices
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from condorloop.config.calibration import OwnStreamCalibration
from condorloop.config.run_selection import RunSelection
from condorloop.config.shared_stream import (
    SharedCalibration,
    SharedStream,
    names_of_calibration,
    names_of_stream,
)
from condorloop.config.site import Parameters, Site
from condorloop.monitoring import status_file

_VARIABLE = {
    "description": "Text with variables of the environment, ${NAME} or ${NAME:-default}.",
    "type": "string",
    "pattern": r"\$\{\w+(:-[^}]*)?\}",
}
_ATTRIBUTES = "\nAttributes\n----------\n"
_DEFS = "#/$defs/"
_SELECTION = [str(f.alias or name) for name, f in RunSelection.model_fields.items()]
_REFERENCE = {"$ref": "#/$defs/Variable"}
_ANY_TEXT = {"type", "format", "description", "default"}
"""What the schema of a text may have that takes a variable of the environment as it is."""


def _calibration() -> dict[str, Any]:
    """The schema of both forms: a calibration that names its stream, and one that has its own."""
    own = OwnStreamCalibration.model_json_schema(schema_generator=_Generator)
    shared = SharedCalibration.model_json_schema(schema_generator=_Generator)
    follows = names_of_calibration("", "") | {"step_2_config": dict.fromkeys(_SELECTION)}
    follows["step_4_config"]["step_3_witness_suffix"] = ""
    _not_required(shared, follows, shared["$defs"])
    known, others = own.pop("$defs"), shared["$defs"]
    text = json.dumps(shared)
    otherwise = [name for name in others if name in known and known[name] != others[name]]
    for name in otherwise:
        text = text.replace(f'"{_DEFS}{name}"', f'"{_DEFS}Shared{name}"')
    shared = json.loads(text)
    for name, each in shared.pop("$defs").items():
        known[f"Shared{name}" if name in otherwise else name] = each
    return {
        "$defs": known,
        "if": {"required": ["stream"]},
        "then": shared,
        "else": own,
    }


def _stream() -> dict[str, Any]:
    made = SharedStream.model_json_schema(schema_generator=_Generator)
    _not_required(made, names_of_stream(""), made["$defs"])
    return made


def _not_required(
    schema: dict[str, Any], follows: Mapping[str, Any], defs: Mapping[str, Any]
) -> None:
    """Let keys be left out that follow from names, and sections that have such keys alone."""
    for key, below in follows.items():
        said = schema["properties"][key]
        section = defs[said["$ref"].removeprefix(_DEFS)] if "$ref" in said else None
        if section and isinstance(below, Mapping):
            _not_required(section, below, defs)
        if not (section and section.get("required")) and key in schema.get("required", ()):
            schema["required"].remove(key)


def _site() -> dict[str, Any]:
    schema = Site.model_json_schema(schema_generator=_Generator)
    schema["$defs"] = {
        name: _or_variable(value) if value["type"] == "object" else value
        for name, value in schema["$defs"].items()
    } | {"Variable": _VARIABLE}
    return _or_variable(schema)


def _parameters() -> dict[str, Any]:
    return Parameters.model_json_schema(schema_generator=_Generator)


def _status() -> dict[str, Any]:
    schema = status_file.json_schema()
    for section in (schema, *schema["$defs"].values()):
        section["description"], attributes = _attributes(section.get("description", ""))
        for name, said in attributes.items():
            section["properties"][name]["description"] = said
    return schema


def _attributes(docstring: str) -> tuple[str, dict[str, str]]:
    """Take a numpydoc docstring apart: the text, and what it says of each attribute.

    What Python calls None is null in JSON.
    """
    text, _, attributes = docstring.replace("None", "null").partition(_ATTRIBUTES)
    parts = re.split(r"^(\w[\w, ]*)\n(?=    )", attributes, flags=re.MULTILINE)
    said = zip(parts[1::2], parts[2::2], strict=True)
    return text, {name: what for names, what in said for name in names.split(", ")}


_MADE: Mapping[str, Callable[[], dict[str, Any]]] = {
    "calibration": _calibration,
    "stream": _stream,
    "site": _site,
    "parameters": _parameters,
    "status": _status,
}
NAMES = tuple(_MADE)
"""The files that have one: YAML of calibrations and streams, site file, ``ngtParameters.jsn``,
``status.json``.
"""


def schema(name: str) -> dict[str, Any]:
    """Give the schema of a file, by one of `NAMES`."""
    made: dict[str, Any] = _tidied(_MADE[name]())
    return {"$schema": GenerateJsonSchema.schema_dialect} | made


class _Generator(GenerateJsonSchema):
    """Schemas with every spelling of a key."""

    def field_title_should_be_set(self, schema: Any) -> bool:
        return False

    def model_schema(self, schema: core_schema.ModelSchema) -> JsonSchemaValue:
        made = super().model_schema(schema)
        for field in schema["cls"].__pydantic_fields__.values():
            if isinstance(field.validation_alias, AliasChoices):
                first, *others = map(str, field.validation_alias.choices)
                for other in others:
                    said = {"description": f"Another spelling of {first}.", "deprecated": True}
                    made["properties"][other] = made["properties"][first] | said
        return made


def _tidied(schema: Any) -> Any:
    """Put each text on one line, however it is broken in the source."""
    if isinstance(schema, list):
        return [_tidied(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    return {
        key: " ".join(value.split())
        if key == "description" and isinstance(value, str)
        else _tidied(value)
        for key, value in schema.items()
    }


def _or_variable(schema: dict[str, Any]) -> dict[str, Any]:
    """Let each single value be a variable of the environment, too."""
    if "anyOf" in schema:
        return schema | {"anyOf": [*schema["anyOf"], _REFERENCE]}
    if "properties" in schema:
        inner = {name: _or_variable(value) for name, value in schema["properties"].items()}
        return schema | {"properties": inner}
    if "items" in schema:
        return schema | {"items": _or_variable(schema["items"])}
    if schema.get("type") in (None, "object") or _takes_any_text(schema):
        return schema
    said = {key: schema[key] for key in ("description", "default") if key in schema}
    value = {key: schema[key] for key in schema if key not in said}
    return {"anyOf": [value, _REFERENCE]} | said


def _takes_any_text(schema: Mapping[str, Any]) -> bool:
    return schema["type"] == "string" and schema.keys() <= _ANY_TEXT
