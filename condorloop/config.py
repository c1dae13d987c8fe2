"""Configuration: calibration YAML files, `ngtParameters.jsn` and the site file.

Knows the keys, their types and defaults, and how to say what is wrong with them. It opens
configuration files and nothing else.
"""

from __future__ import annotations

import json
import os
import re
import sysconfig
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, Self, TypeVar

import yaml
from pydantic import (
    AliasChoices,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PositiveInt,
    StringConstraints,
    ValidationError,
    model_validator,
)

from condorloop.model import NodeKind

_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*(s|min|h)")
_SECONDS = {"s": 1.0, "min": 60.0, "h": 3600.0}
_VARIABLE = re.compile(r"\$\{(\w+)(?::-([^}]*))?\}")


@dataclass(frozen=True, slots=True)
class Mistake:
    """One thing that is wrong in a configuration file."""

    file: Path
    key: str
    value: object
    expected: str

    def __str__(self) -> str:
        where = f"{self.file}: {self.key}" if self.key else f"{self.file}"
        return f"{where}: {_shown(self.value)}: {self.expected}"


class ConfigError(Exception):
    """Configuration that cannot be used; `mistakes` lists all that is wrong with it."""

    def __init__(self, mistakes: Sequence[Mistake]) -> None:
        super().__init__("\n".join(map(str, mistakes)))
        self.mistakes = tuple(mistakes)


def _seconds(value: object) -> object:
    if isinstance(value, str):
        match = _DURATION.fullmatch(value.strip())
        if not match:
            raise ValueError("a duration such as '30 s', '2 min' or '8 h'")
        return float(match[1]) * _SECONDS[match[2]]
    return value


Seconds = Annotated[float, BeforeValidator(_seconds), Field(ge=0)]
"""A duration; in YAML a number of seconds, or text such as ``30 s``, ``2 min``, ``8 h``."""

FileName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.+-]+$")]
"""A name, or a part of one, that is used for files."""

Line = Annotated[str, StringConstraints(pattern=r"^[^\r\n]*$", min_length=1)]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class RecoStep(_Section):
    """`step_2_config`: which runs to latch, and how RAW becomes RECO."""

    filltype: str
    l1hltmode: str
    min_ls: PositiveInt = Field(50, alias="minLsToProcess")
    stable_beam: bool = False
    step: Line
    proc_modifier: Line | None = Field(None, alias="procModifier")
    scenario: Line
    datatier: Line
    eventcontent: Line
    process: Line
    era: Line
    threads: PositiveInt = Field(
        8, alias="nThreads", validation_alias=AliasChoices("nThreads", "nThraeds")
    )
    streams: PositiveInt = Field(8, alias="nStreams")
    affix: FileName = Field(alias="output_filename_affix")


class AlcaDriver(_Section):
    """`step_3_config.cms_driver`: the cmsDriver.py call that makes ALCARECO from RECO."""

    step: Line
    python_affix: FileName = Field(alias="python_filename_affix")
    trigger_results_process: Line = Field(alias="triggerResultsProcess")
    witness: FileName = Field(alias="step_3_witness_suffix")
    cleanup_command: str = ""
    config_mods: tuple[Line, ...] = Field((), alias="python_config_mods")


class AlcaStep(_Section):
    """`step_3_config`: how RECO becomes ALCARECO."""

    root_suffix: FileName = Field(alias="step_2_root_suffix")
    witness_suffix: FileName = Field(alias="step_2_witness_suffix")
    cms_driver: AlcaDriver


class HarvestDriver(_Section):
    """`step_4_config.cms_driver`: the cmsDriver.py call that harvests."""

    step: Line
    scenario: Line
    python_affix: FileName = Field(alias="python_filename_affix")
    config_mods: tuple[Line, ...] = Field((), alias="python_config_mods")


class UploadMetadata(_Section):
    """`step_4_config.upload_metadata`: what uploadConditions.py is told.

    `since` is ours: ``run`` gives the payload the run number as its since, ``iov`` leaves each
    IOV its own. Without it a harvest step whose name ends in ``ByLumi`` means ``iov``.
    """

    database: Line = Field(alias="destinationDatabase")
    tags: dict[str, dict[str, Any]] = Field(alias="destinationTags", min_length=1)
    input_tag: Line = Field(alias="inputTag")
    user_text: str = Field(alias="userText")
    since: Literal["run", "iov"] | None = None


class HarvestStep(_Section):
    """`step_4_config`: how ALCARECO becomes a payload, and where that goes."""

    witness: FileName = Field(alias="step_3_witness_suffix")
    root_filename: FileName = Field(alias="step_3_root_filename")
    cmssw_base_path: str | None = None
    cms_driver: HarvestDriver
    upload: UploadMetadata = Field(alias="upload_metadata")
    metadata_filename: FileName
    final_db_name: FileName


class Batching(_Section):
    """When new files become a DAG, and how they are spread over its nodes."""

    max_files_per_job: PositiveInt = 5
    reco_per_alca: PositiveInt = 4
    batch_window: Seconds = 60.0
    max_active_dags: PositiveInt = 4

    @property
    def full_dag(self) -> int:
        """How many files fill one ALCA node."""
        return self.max_files_per_job * self.reco_per_alca


class Closing(_Section):
    """When a campaign is over."""

    quiet_time: Seconds = 60.0
    settle_time: Seconds = 1800.0
    buffer: Seconds = 8 * 3600.0
    tolerance: Annotated[float, Field(ge=0, le=1)] = 0.04


class Rescues(_Section):
    """How often a failed DAG is run again from its rescue file; the wait doubles each time."""

    max_rescues: Annotated[int, Field(ge=0)] = 3
    wait: Seconds = 120.0


class Resources(_Section):
    """What the jobs of one node kind ask of the pool; `submit` lines go in as they are."""

    request_cpus: PositiveInt | None = None
    request_memory_mb: PositiveInt | None = None
    max_memory_mb: PositiveInt | None = None
    request_disk_mb: PositiveInt | None = None
    retries: Annotated[int, Field(ge=0)] | None = None
    submit: tuple[Line, ...] = ()


class Tuning(_Section):
    """The optional sections that are condorloop's own, of a calibration or of a whole site."""

    batching: Batching = Batching()
    closing: Closing = Closing()
    rescues: Rescues = Rescues()
    nodes: dict[NodeKind, Resources] = {}


class Calibration(Tuning):
    """One calibration: a file of `calibrationYAML/`, with the 2025 and 2026 loops' keys."""

    name: FileName = Field(alias="calibration_name")
    file_in_path: Annotated[str, StringConstraints(pattern=r"^/.*[^/]/+000/*$")]
    reco: RecoStep = Field(alias="step_2_config")
    alca: AlcaStep = Field(alias="step_3_config")
    harvest: HarvestStep = Field(alias="step_4_config")

    @model_validator(mode="after")
    def _names_agree(self) -> Self:
        if not f"{self.reco.affix}.root".endswith(self.alca.root_suffix):
            raise ValueError(
                f"step_3_config.step_2_root_suffix {self.alca.root_suffix!r} must be the end of "
                f"what step_2_config.output_filename_affix makes, {self.reco.affix + '.root'!r}"
            )
        stem = self.alca.root_suffix.removesuffix(".root")
        if not self.alca.witness_suffix.startswith(stem):
            raise ValueError(
                f"step_3_config.step_2_witness_suffix {self.alca.witness_suffix!r} must begin "
                f"with {stem!r}, as step_2_root_suffix does"
            )
        if self.harvest.witness != self.alca.cms_driver.witness:
            raise ValueError(
                f"step_4_config.step_3_witness_suffix {self.harvest.witness!r} must equal "
                f"step_3_config.cms_driver.step_3_witness_suffix "
                f"{self.alca.cms_driver.witness!r}"
            )
        return self

    @property
    def stream_path(self) -> str:
        """The folder on EOS below which the run folders are, without the final ``000/``."""
        return self.file_in_path.rstrip("/").removesuffix("000").rstrip("/")

    @property
    def reco_witness_ending(self) -> str:
        """What a RECO output's witness has in place of ``.root``, such as ``_job.txt``."""
        stem = self.alca.root_suffix.removesuffix(".root")
        return self.alca.witness_suffix.removeprefix(stem)

    @property
    def since_is_run(self) -> bool:
        """Whether a payload's since is the run number; else each IOV keeps its own."""
        if self.harvest.upload.since is not None:
            return self.harvest.upload.since == "run"
        return not self.harvest.cms_driver.step.endswith("ByLumi")


class Parameters(_Section):
    """`ngtParameters.jsn`: the release and the global tag."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    scram_arch: FileName = Field(alias="SCRAM_ARCH")
    release: FileName = Field(alias="CMSSW_VERSION")
    global_tag: FileName = Field(alias="GLOBAL_TAG")


class OmsSite(_Section):
    """Where OMS is and how to log in there; `client_secret_file` is read when the loop starts."""

    url: Annotated[str, StringConstraints(pattern=r"^https?://[^\s]+$")]
    version: FileName = "v1"
    login: Literal["none", "oidc", "krb"] = "none"
    client_id: str | None = None
    client_secret_file: Path | None = None
    verify_certificates: bool = True
    timeout: Seconds = 20.0

    @model_validator(mode="after")
    def _oidc_has_credentials(self) -> Self:
        if self.login == "oidc" and not (self.client_id and self.client_secret_file):
            raise ValueError("login 'oidc' needs client_id and client_secret_file")
        return self


class StorageSite(_Section):
    """The XRootD server that holds RAW files, and the tools that list and probe them."""

    url: Annotated[str, StringConstraints(pattern=r"^root://[^/\s]+/*$")]
    xrdfs: str = "xrdfs"
    timeout: Seconds = 30.0
    edm_file_util: str = "edmFileUtil"
    probes_at_once: PositiveInt = 4
    probe_timeout: Seconds = 120.0


class CmsswSite(_Section):
    """How to enter CMSSW: the script that makes `scramv1` known."""

    setup: Path


class ConditionsSite(_Section):
    """How to upload: uploadConditions.py, its options, and the folder of its netrc file."""

    upload_conditions: str = "uploadConditions.py"
    options: tuple[str, ...] = ()
    auth_path: Path | None = None
    timeout: Seconds = 300.0


class PoolSite(_Section):
    """The HTCondor pool; without `condor_config` HTCondor finds its own."""

    condor_config: Path | None = None
    schedd: str | None = None
    accounting_group: FileName | None = None


class Site(_Section):
    """A site file: all that differs between a calibration node and the testbed."""

    name: FileName
    work_dir: Path
    poll_interval: Seconds = 10.0
    path: tuple[Path, ...] = ()
    oms: OmsSite
    storage: StorageSite
    cmssw: CmsswSite
    conditions: ConditionsSite = ConditionsSite()
    pool: PoolSite = PoolSite()
    defaults: Tuning = Tuning()

    @model_validator(mode="after")
    def _work_dir_is_absolute(self) -> Self:
        if not self.work_dir.is_absolute():
            raise ValueError(f"work_dir must be an absolute path, not {str(self.work_dir)!r}")
        return self


@dataclass(frozen=True, slots=True)
class Config:
    """Everything that was configured, checked."""

    site: Site
    parameters: Parameters
    calibrations: Mapping[str, Calibration]


def shipped(folder: str) -> Path:
    """Find a folder that ships with condorloop: `templates`, `calibrationYAML`, `sites`.

    In a checkout it stands at the top of the tree, in an installed wheel under the
    environment's ``share/condorloop``.
    """
    checkout = Path(__file__).resolve().parent.parent / folder
    if checkout.is_dir():
        return checkout
    return Path(sysconfig.get_path("data")) / "share" / "condorloop" / folder


def shipped_calibrations() -> list[Calibration]:
    """Read the calibrations that ship with condorloop, as they are."""
    files = sorted(shipped("calibrationYAML").glob("*.yaml"))
    return [Calibration.model_validate(yaml.safe_load(f.read_text("utf-8"))) for f in files]


def load(site: Path, calibrations: Path, only: Iterable[str] = ()) -> Config:
    """Read and check all configuration.

    Parameters
    ----------
    site
        The site file.
    calibrations
        The folder of calibration YAML files, ``ngtParameters.jsn`` beside or in it.
    only
        Names of the calibrations to take; none means all of the folder.

    Raises
    ------
    ConfigError
        With every mistake of every file.
    """
    mistakes: list[Mistake] = []
    the_site = _checked(Site, site, _expanded(_read(site, mistakes), site, mistakes), mistakes)
    parameters_file = next(
        (p for p in (calibrations / "ngtParameters.jsn",) if p.exists()),
        calibrations.parent / "ngtParameters.jsn",
    )
    parameters = _checked(Parameters, parameters_file, _read(parameters_file, mistakes), mistakes)
    wanted = frozenset(only)
    defaults = the_site.defaults.model_dump(exclude_unset=True) if the_site else {}
    found: dict[str, Calibration] = {}
    files = sorted(calibrations.glob("*.yaml"))
    if not files:
        mistakes.append(Mistake(calibrations, "", None, "a folder of calibration YAML files"))
    for file in files:
        data = _read(file, mistakes)
        if wanted and isinstance(data, dict) and data.get("calibration_name") not in wanted:
            continue
        if isinstance(data, dict):
            data = _merged(defaults, data)
        calibration = _checked(Calibration, file, data, mistakes)
        if calibration is None:
            continue
        if calibration.name in found:
            expected = "a name that no other file of the folder has"
            mistakes.append(Mistake(file, "calibration_name", calibration.name, expected))
        found[calibration.name] = calibration
    known = ", ".join(sorted({file.stem for file in files})) or "none"
    for name in sorted(wanted - found.keys()) if not mistakes else ():
        mistakes.append(Mistake(calibrations, "calibration_name", name, f"one of: {known}"))
    if mistakes or the_site is None or parameters is None:
        raise ConfigError(mistakes)
    return Config(the_site, parameters, found)


_Model = TypeVar("_Model", bound=BaseModel)


def _checked(model: type[_Model], file: Path, data: Any, mistakes: list[Mistake]) -> _Model | None:
    if data is None:
        return None
    try:
        return model.model_validate(data)
    except ValidationError as error:
        for e in error.errors():
            key = ".".join(str(k) for k in e["loc"])
            expected = e["msg"].removeprefix("Value error, ")
            value = None if e["type"] == "missing" else e["input"]
            if e["type"] == "extra_forbidden":
                expected = "no such key is known here"
            mistakes.append(Mistake(file, key, value, expected))
        return None


def _read(file: Path, mistakes: list[Mistake]) -> Any:
    try:
        text = file.read_text(encoding="utf-8")
        data: object = json.loads(text) if file.suffix == ".jsn" else yaml.safe_load(text)
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        mistakes.append(Mistake(file, "", None, f"cannot be read: {reason}"))
        return None
    except (yaml.YAMLError, ValueError) as error:
        mistakes.append(Mistake(file, "", None, f"not well formed: {' '.join(str(error).split())}"))
        return None
    if not isinstance(data, dict):
        mistakes.append(Mistake(file, "", data, "a mapping of keys to values"))
        return None
    return data


def _expanded(data: Any, file: Path, mistakes: list[Mistake], key: str = "") -> Any:
    """Replace ``${NAME}`` and ``${NAME:-default}`` by the environment's values."""
    if isinstance(data, dict):
        return {k: _expanded(v, file, mistakes, f"{key}.{k}".strip(".")) for k, v in data.items()}
    if isinstance(data, list):
        return [_expanded(v, file, mistakes, f"{key}.{i}") for i, v in enumerate(data)]
    if not isinstance(data, str):
        return data

    def value(match: re.Match[str]) -> str:
        if (found := os.environ.get(match[1])) is not None:
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


def _shown(value: object) -> str:
    if value is None:
        return "missing"
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."
