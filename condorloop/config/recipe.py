"""The recipe of a campaign: what of the configuration makes its constants.

Knows which keys those are, and how a configuration is put together from the recipe that a campaign
was latched with and all else as it is configured at present. It is pure. What is no recipe counts
at once: where payloads go, when batches and harvests are submitted, what jobs ask of the pool, how
often something is tried, how long files are kept.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, replace
from typing import Any

from pydantic import ValidationError

from condorloop.config.calibration import Calibration
from condorloop.config.loader import Config
from condorloop.config.site import Parameters
from condorloop.errors import CondorloopError
from condorloop.text import one_line, shown

KEYS = (
    "step_2_config.step",
    "step_2_config.procModifier",
    "step_2_config.scenario",
    "step_2_config.datatier",
    "step_2_config.eventcontent",
    "step_2_config.process",
    "step_2_config.era",
    "step_2_config.output_filename_affix",
    "step_2_config.customise",
    "step_2_config.python_config_mods",
    "step_3_config",
    "step_4_config.step_3_witness_suffix",
    "step_4_config.step_3_root_filename",
    "step_4_config.cmssw_base_path",
    "step_4_config.cms_driver",
    "step_4_config.metadata_filename",
    "step_4_config.final_db_name",
)
"""The keys of a calibration's file that belong to the recipe, with all that is below them.

Names of files are among them, because DAGs of one campaign read each other's.
"""

_DRIVER = "step_4_config.cms_driver."
_INPUT_TAG = "step_4_config.upload_metadata.inputTag"
"""It goes with the lines of `python_config_mods` that write it: where those are the ones that are
configured, another `inputTag` is a correction, which counts at once."""


class RecipeError(CondorloopError):
    """What a campaign was latched with does not go together with what is configured."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """A recipe: values by key, those of ``ngtParameters.jsn`` and of the calibration's file."""

    values: Mapping[str, Any]

    @classmethod
    def of(cls, parameters: Mapping[str, Any], calibration: Mapping[str, Any]) -> Recipe:
        """Take it from the two files as they are written, with defaults; other keys are ignored."""
        own = {key: value for key, value in _flat(calibration) if _is_recipe(key)}
        if tags := _input_tags(calibration):
            own[_INPUT_TAG] = tags
        known = _parameter_keys()
        return cls({k: v for k, v in parameters.items() if k in known} | own)

    @classmethod
    def configured(cls, config: Config, name: str) -> Recipe:
        """The recipe of a calibration that is configured at present."""
        return cls.of(dumped(config.parameters), dumped(config.calibrations[name]))

    def changes(self, other: Recipe) -> dict[str, tuple[Any, Any]]:
        """What is otherwise in another recipe: by key, this one's value and the other's.

        A key that one of them does not have says nothing.
        """
        both = (key for key in self.values if key in other.values)
        mine, theirs = self.values, other.values
        found = {key: (mine[key], theirs[key]) for key in both if mine[key] != theirs[key]}
        if not any(key.startswith(_DRIVER) for key in found):
            found.pop(_INPUT_TAG, None)
        return found

    def applied(self, config: Config, name: str) -> Config:
        """Give the configuration with this recipe for a calibration, and all else as it is.

        Raises
        ------
        RecipeError
            They do not go together.
        """
        parameters = dumped(config.parameters)
        calibration = deepcopy(dumped(config.calibrations[name]))
        changed = self.changes(Recipe.configured(config, name))
        for key, value in self.values.items():
            if key in parameters:
                parameters[key] = value
            elif key == _INPUT_TAG:
                if key in changed:
                    _put_input_tags(calibration, value)
            else:
                _put(calibration, key, value)
        try:
            checked = type(config.calibrations[name]).model_validate(calibration)
            release = Parameters.model_validate(parameters)
        except ValidationError as error:
            first = error.errors()[0]
            key, why = ".".join(map(str, first["loc"])), one_line(first["msg"])
            raise RecipeError(f"{key or name}: {why}") from error
        calibrations = {**config.calibrations, name: checked}
        return replace(config, parameters=release, calibrations=calibrations)


def dumped(section: Parameters | Calibration) -> dict[str, Any]:
    """Give a part of a configuration as it is written in its file, defaults and all."""
    data: dict[str, Any] = section.model_dump(mode="json", by_alias=True)
    return data


def in_words(changes: Mapping[str, tuple[Any, Any]]) -> dict[str, str]:
    """Say of each change what is kept, and what is configured.

    >>> in_words({"GLOBAL_TAG": ("160X_v1", "160X_v2")})
    {'GLOBAL_TAG': "'160X_v1' (configured: '160X_v2')"}
    """
    return {k: f"{shown(kept)} (configured: {shown(now)})" for k, (kept, now) in changes.items()}


def _is_recipe(key: str) -> bool:
    return any(key == one or key.startswith(f"{one}.") for one in KEYS)


def _parameter_keys() -> frozenset[str]:
    return frozenset(str(f.alias or name) for name, f in Parameters.model_fields.items())


def _flat(section: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in section.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{above}{key}.")
        else:
            yield f"{above}{key}", value


def _input_tags(calibration: Mapping[str, Any]) -> str | list[str] | None:
    """The input tag of a calibration's file, or those of its records; None if that has none."""
    upload = calibration.get("step_4_config", {}).get("upload_metadata", {})
    if isinstance(upload, list):
        return [str(record.get("inputTag")) for record in upload]
    tag: str | None = upload.get("inputTag")
    return tag


def _put_input_tags(calibration: Mapping[str, Any], tags: str | Sequence[str]) -> None:
    """Set the input tags of records; if there are more or fewer of those, they stay as they are."""
    upload = calibration["step_4_config"]["upload_metadata"]
    records = upload if isinstance(upload, list) else [upload]
    kept = [tags] if isinstance(tags, str) else tags
    if len(kept) == len(records):
        for record, tag in zip(records, kept, strict=True):
            record["inputTag"] = tag


def _put(section: dict[str, Any], key: str, value: object) -> None:
    """Set a key that is there; one that the present version does not know is left out."""
    first, _, rest = key.partition(".")
    if first not in section:
        return
    if not rest:
        section[first] = value
    elif isinstance(section[first], dict):
        _put(section[first], rest, value)
