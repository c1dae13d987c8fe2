"""Reading configuration: calibration YAML files, `ngtParameters.jsn`, the site file.

Knows where the files are, how they are put together, and how to say what is wrong with them.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import reduce
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from condorloop.config.calibration import Calibration, OwnStreamCalibration
from condorloop.config.composition import composed
from condorloop.config.fields import ONE, SECRET, SEVERAL
from condorloop.config.shared_stream import (
    OF_CALIBRATION,
    OF_STREAM,
    SharedCalibration,
    SharedStream,
    inherited,
)
from condorloop.config.shipped_files import shipped
from condorloop.config.site import Parameters, Site
from condorloop.config.stream import STREAM_NODES, Stream
from condorloop.config.tuning import Tuning
from condorloop.config.yaml_text import dotted, lines_of, odd_texts, read_json, read_yaml
from condorloop.errors import CondorloopError
from condorloop.model.enums import NodeKind
from condorloop.rundir.records.upload_settings import LONGEST_READ
from condorloop.text import one_line, plain, shown

STREAMS = "streams"
"""The folder, below that of calibrations, of the streams that have files of their own."""

_VARIABLE = re.compile(r"\$\{(\w+)(?::-([^}]*))?\}")


def variables_of(text: str) -> list[str]:
    """Name the environment variables that the text of a file asks for, in order."""
    return list(dict.fromkeys(match[1] for match in _VARIABLE.finditer(text)))


@dataclass(frozen=True, slots=True)
class Mistake:
    """One thing that is wrong in a configuration file; `line` is None where nobody can tell."""

    file: Path
    key: str
    value: object
    expected: str
    line: int | None = None

    def __str__(self) -> str:
        file = f"{self.file}:{self.line}" if self.line else f"{self.file}"
        where = f"{file}: {self.key}" if self.key else file
        value = "missing" if self.value is None else shown(self.value)
        return f"{plain(where)}: {value}: {one_line(self.expected, 500)}"


class ConfigError(CondorloopError):
    """Configuration that cannot be used; `mistakes` lists all that is wrong with it."""

    def __init__(self, mistakes: Sequence[Mistake]) -> None:
        super().__init__("\n".join(map(str, mistakes)))
        self.mistakes = tuple(mistakes)


def located(mistakes: Iterable[Mistake]) -> list[Mistake]:
    """Give mistakes their lines; a missing key has that of the section that it belongs to."""
    lines: dict[Path, dict[str, int]] = {}
    found = []
    for mistake in mistakes:
        if mistake.file not in lines:
            lines[mistake.file] = _lines_of(mistake.file)
        line = _line_of(mistake.key, lines[mistake.file])
        found.append(replace(mistake, line=line))
    return found


def _lines_of(file: Path) -> dict[str, int]:
    try:
        return lines_of(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError):
        return {}


def _line_of(key: str, lines: Mapping[str, int]) -> int | None:
    while key and key not in lines:
        key = key.rpartition(".")[0]
    return lines.get(key)


@dataclass(frozen=True, slots=True)
class Known:
    """A site, and the calibrations that can be used: enough to look at what was done."""

    site: Site
    calibrations: Mapping[str, Calibration]
    shared_streams: Mapping[str, SharedStream] = field(default_factory=dict, kw_only=True)
    """The streams that have files of their own, by name."""

    @property
    def streams(self) -> dict[str, Stream]:
        """The streams that calibrations read, by name, as `stream_of` gives them."""
        return {c.stream_name: self.stream_of(name) for name, c in self.calibrations.items()}

    def stream_of(self, calibration: str) -> Stream:
        """Give the stream of a calibration, with all that its calibrations need of it."""
        name = self.calibrations[calibration].stream_name
        sharing = (c.name for c in self.calibrations.values() if c.stream_name == name)
        return self.stream(name, sharing)

    def stream(self, name: str, made_for: Iterable[str]) -> Stream:
        """Give a stream, with what these of its calibrations need of it."""
        own = self.calibrations.get(name)
        base = own if isinstance(own, Stream) else self.shared_streams[name]
        return composed(base, (self.calibrations[c].additions for c in sorted(made_for)))

    def tuning_of(self, calibration: str, kind: NodeKind) -> Tuning:
        """Give what is configured for the nodes of a kind: by the stream, or by the calibration."""
        if kind in STREAM_NODES:
            return self.stream_of(calibration)
        return self.calibrations[calibration]


@dataclass(frozen=True, slots=True)
class Config(Known):
    """Everything that was configured, checked."""

    parameters: Parameters
    folder: Path = Path()
    """The folder of calibration YAML files."""
    files: Mapping[str, Path] = field(default_factory=dict)
    """The file of each calibration, by name."""
    switched_off: tuple[str, ...] = ()
    """The calibrations that have files, and are switched off."""


class NotNamed(ConfigError):
    """Nobody has named the folder of calibrations."""

    def __init__(self, site: Path) -> None:
        expected = (
            "a folder of calibration YAML files, which say where payloads go: name it with"
            " --calibrations DIR, by CONDORLOOP_CALIBRATIONS, or here"
        )
        super().__init__([Mistake(site, "calibrations", None, expected)])


def load(site: Path, calibrations: Path | None, only: Iterable[str] = ()) -> Config:
    """Read and check all configuration.

    Parameters
    ----------
    site
        The site file.
    calibrations
        The folder of calibration YAML files, ``ngtParameters.jsn`` beside or in it; None for the
        one that the site file names.
    only
        Names of the calibrations to take; none means all of the folder.

    Raises
    ------
    NotNamed
        There is no folder, and the site file names none.
    ConfigError
        With every mistake of every file.
    """
    mistakes: list[Mistake] = []
    the_site = _site(site, mistakes)
    if calibrations is None:
        calibrations = _named_by(the_site, site)
    if calibrations is None:
        raise ConfigError(located(mistakes)) if mistakes else NotNamed(site)
    parameters_file = next(
        (p for p in (calibrations / "ngtParameters.jsn",) if os.path.lexists(p)),
        calibrations.parent / "ngtParameters.jsn",
    )
    parameters = _checked(Parameters, parameters_file, _read(parameters_file, mistakes), mistakes)
    wanted = frozenset(only)
    found: dict[str, Calibration] = {}
    file_of: dict[str, Path] = {}
    names: set[str] = set()
    off: list[str] = []
    streams = _streams(calibrations, the_site, mistakes)
    files = sorted(calibrations.glob("*.yaml"))
    if not files:
        mistakes.append(Mistake(calibrations, "", None, "a folder of calibration YAML files"))
    for file in files:
        data = _read(file, mistakes)
        if data is not None:
            name = shown(data.get("calibration_name")).strip("'")
            names.add(name)
            if wanted and name not in wanted:
                continue
        calibration = _calibration(file, data, the_site, streams, mistakes)
        if calibration is None:
            continue
        if calibration.name in found or calibration.name in streams:
            expected = "a name that no other file of the folder has, and no stream"
            mistakes.append(Mistake(file, "calibration_name", calibration.name, expected))
        if not calibration.enabled:
            if calibration.name in wanted:
                mistakes.append(Mistake(file, "enabled", False, "true: it is asked for by name"))
            off.append(calibration.name)
            continue
        found[calibration.name] = calibration
        file_of[calibration.name] = file.absolute()
    known = ", ".join(sorted(names)) or "none"
    for name in sorted(wanted - found.keys()) if not mistakes else ():
        mistakes.append(Mistake(calibrations, "calibration_name", name, f"one of: {known}"))
    if mistakes or the_site is None or parameters is None:
        raise ConfigError(located(mistakes))
    read = {c.stream_name for c in found.values()}
    shared = {name: stream for name, stream in streams.items() if name in read}
    folder = calibrations.absolute()
    return Config(the_site, found, parameters, folder, file_of, tuple(off), shared_streams=shared)


def shipped_known() -> tuple[dict[str, Calibration], dict[str, Stream]]:
    """Read the calibrations that ship with condorloop, and their streams, both by name.

    Whether they are switched on or not, and as they are: a site has defaults for them.
    """
    folder = shipped("calibrationYAML")
    mistakes: list[Mistake] = []
    shared = _streams(folder, None, mistakes)
    files = sorted(folder.glob("*.yaml"))
    read = (_calibration(f, _read(f, mistakes), None, shared, mistakes) for f in files)
    calibrations = {each.name: each for each in read if each}
    if mistakes:
        raise ConfigError(located(mistakes))
    streams = {c.stream_name: c for c in calibrations.values() if isinstance(c, Stream)}
    return calibrations, {**streams, **shared}


def _streams(folder: Path, site: Site | None, mistakes: list[Mistake]) -> dict[str, SharedStream]:
    """Read the streams that have files of their own, by name."""
    found: dict[str, SharedStream] = {}
    for file in sorted((folder / STREAMS).glob("*.yaml")):
        data = _read(file, mistakes)
        if data is None:
            continue
        mistakes += _misplaced(file, data, OF_CALIBRATION, "the calibrations of a stream say that")
        if site:
            data = _merged(site.defaults.model_dump(exclude_unset=True), data)
        stream = _checked(SharedStream, file, data, mistakes)
        if stream is None:
            continue
        if stream.name in found:
            expected = "a name that no other stream has"
            mistakes.append(Mistake(file, "stream_name", stream.name, expected))
        found[stream.name] = stream
    return found


def _misplaced(
    file: Path, data: Mapping[str, Any], sections: Iterable[str], expected: str
) -> Iterator[Mistake]:
    """Name the sections of a file that belong into another one."""
    for section in sections:
        if section in data:
            yield Mistake(file, section, data[section], expected)


def _named_by(site: Site | None, file: Path) -> Path | None:
    """The folder of calibrations that a site file names, relative to where that file is."""
    if site is None or site.calibrations is None:
        return None
    return file.absolute().parent / site.calibrations


def look(site: Path, calibrations: Path | None) -> Known:
    """Read a site, and of its calibrations those that can be used.

    Where nobody names a folder they are the shipped ones: to look, any will do.

    Raises
    ------
    ConfigError
        The site file has mistakes.
    """
    mistakes: list[Mistake] = []
    the_site = _site(site, mistakes)
    if mistakes or the_site is None:
        raise ConfigError(located(mistakes))
    left_out: list[Mistake] = []
    folder = calibrations or _named_by(the_site, site) or shipped("calibrationYAML")
    files = sorted(folder.glob("*.yaml"))
    streams = _streams(folder, the_site, left_out)
    read = (_calibration(f, _read(f, left_out), the_site, streams, left_out) for f in files)
    return Known(
        the_site,
        {each.name: each for each in read if each and each.enabled},
        shared_streams=streams,
    )


def _site(file: Path, mistakes: list[Mistake]) -> Site | None:
    return _checked(Site, file, _expanded(_read(file, mistakes), file, mistakes), mistakes)


def _calibration(
    file: Path,
    data: Any,
    site: Site | None,
    streams: Mapping[str, SharedStream],
    mistakes: list[Mistake],
) -> Calibration | None:
    """Check a calibration, over what its stream says and over the defaults of its site."""
    form: type[Calibration] = OwnStreamCalibration
    defaults = site.defaults.model_dump(exclude_unset=True) if site else {}
    if data is not None and "stream" in data:
        form, stream = SharedCalibration, streams.get(str(data["stream"]))
        if stream is None:
            known = ", ".join(sorted(streams)) or f"none: there is no {STREAMS}/*.yaml"
            mistakes.append(Mistake(file, "stream", data["stream"], f"a stream, of: {known}"))
            return None
        said = f"{STREAMS}/{stream.name}.yaml says that for all of its calibrations"
        mistakes += _misplaced(file, data, OF_STREAM, said)
        nodes = defaults.get("nodes", {})
        defaults["nodes"] = {k: v for k, v in nodes.items() if k not in STREAM_NODES}
        data = _merged(inherited(stream), data)
    if data is not None:
        data = _merged(defaults, data)
    calibration = _checked(form, file, data, mistakes)
    calls = sum(len(r.tags) for r in calibration.harvest.records) if calibration else 0
    if calibration and site and calls * site.conditions.timeout >= calibration.upload_limit:
        limit = f"{calibration.upload_limit:g} s"
        expected = f"longer than conditions.timeout of the site, {site.conditions.timeout:g} s"
        if calls > 1:
            expected += f", for each of {calls} destination tags"
        mistakes.append(Mistake(file, "nodes.UPLOAD.time_limit", limit, expected))
        return None
    if calibration and site and (mistake := _gate_too_long(file, calibration, site, calls)):
        mistakes.append(mistake)
        return None
    if calibration and site:
        mistakes += _unknown_databases(file, calibration, site)
    return calibration


def _gate_too_long(file: Path, calibration: Calibration, site: Site, calls: int) -> Mistake | None:
    """Say that UPLOAD is not given the time for its gate; None if it is.

    The job is put on hold then in the middle of an upload, whose answer nobody hears.
    """
    gate, reader = calibration.gate, calibration.payload_reader
    if gate is None:
        return None
    if gate.command:
        key, judging, what = "gate.timeout", gate.timeout, "gate.timeout"
    else:  # the payload is read, and what is in force
        key, judging = "payload_reader.timeout", 2 * (reader.timeout if reader else 0.0)
        what = "twice payload_reader.timeout"
    own = site.conditions.timeout
    said = f"{what} and conditions.timeout of the site ({own:g} s)"
    if site.conditions.conddb:
        reading = min(site.conditions.conddb_timeout, LONGEST_READ)
        own += 2 * reading
        said += f" and {2 * reading:g} s to read the tag back"
    if calls * (judging + own) < calibration.upload_limit:
        return None
    limit = f"nodes.UPLOAD.time_limit ({calibration.upload_limit:g} s)"
    value = judging if gate.command else judging / 2
    expected = f"{said} together less than {limit}"
    if calls > 1:
        expected += f", for each of {calls} destination tags"
    return Mistake(file, key, f"{value:g} s", expected)


def _unknown_databases(file: Path, calibration: Calibration, site: Site) -> Iterator[Mistake]:
    """Name the databases that the upload tool of the site does not know."""
    known = site.conditions.databases
    for where, record in calibration.harvest.named_records():
        if not record.database.startswith(known):
            key = reduce(dotted, ("step_4_config", *where, "destinationDatabase"), "")
            said = " or ".join(f"{start}SCHEMA" for start in known)
            yield Mistake(file, key, record.database, f"{said} (conditions.databases of the site)")


_Model = TypeVar("_Model", bound=BaseModel)


def _checked(model: type[_Model], file: Path, data: Any, mistakes: list[Mistake]) -> _Model | None:
    if data is None:
        return None
    try:
        return model.model_validate(data)
    except ValidationError as error:
        for e in error.errors():
            key = reduce(dotted, (part for part in e["loc"] if part not in (ONE, SEVERAL)), "")
            expected = e["msg"].removeprefix("Value error, ")
            if e["type"] == "string_type":
                expected = "text; what YAML takes for something else needs quotes"
            value = {"missing": None, SECRET: "…"}.get(e["type"], e["input"])
            if e["type"] == "extra_forbidden":
                expected = "no such key is known here"
            mistakes.append(Mistake(file, key, value, expected))
        return None


def _read(file: Path, mistakes: list[Mistake]) -> Any:
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        mistakes.append(Mistake(file, "", None, f"cannot be read: {reason}"))
        return None
    try:
        data, traps = read_json(text) if file.suffix == ".jsn" else read_yaml(text)
    except ValueError as error:
        mistakes.append(Mistake(file, "", None, f"not well formed: {error}"))
        return None
    mistakes += (Mistake(file, trap.key, trap.value, trap.expected) for trap in traps)
    if not isinstance(data, dict):
        mistakes.append(Mistake(file, "", data, "a mapping of keys to values"))
        return None
    mistakes += (Mistake(file, t.key, t.value, t.expected) for t in odd_texts(data))
    return data


def _expanded(data: Any, file: Path, mistakes: list[Mistake], key: str = "") -> Any:
    """Replace ``${NAME}`` and ``${NAME:-default}`` by the environment's values."""
    if isinstance(data, dict):
        return {k: _expanded(v, file, mistakes, dotted(key, k)) for k, v in data.items()}
    if isinstance(data, list):
        return [_expanded(v, file, mistakes, dotted(key, i)) for i, v in enumerate(data)]
    if not isinstance(data, str):
        return data

    def value(match: re.Match[str]) -> str:
        found = os.environ.get(match[1])
        if found or (found is not None and match[2] is None):
            return found
        if match[2] is None:
            expected = f"the environment variable {match[1]} to be set"
            mistakes.append(Mistake(file, key, data, expected))
        return match[2] or ""

    return _VARIABLE.sub(value, data)


def _merged(under: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(under)
    for key, value in over.items():
        below = merged.get(key)
        if isinstance(below, Mapping) and isinstance(value, Mapping):
            merged[key] = _merged(below, value)
        else:
            merged[key] = value
    return merged
