"""A site: all that differs between a calibration node and the testbed.

Knows the keys, their types and defaults; opens no file. Credentials are paths.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import (
    AfterValidator,
    ConfigDict,
    Field,
    PositiveInt,
    StringConstraints,
    model_validator,
)

from condorloop.calibration import Tuning
from condorloop.fields import FileName, Seconds, Section, Variables


def _plain_path(path: Path) -> Path:
    if not re.fullmatch(r"/[^\s,\"'$]*", str(path)):
        raise ValueError("an absolute path without blanks, commas, quotes and $: DAGMan takes none")
    return path


WorkDir = Annotated[Path, AfterValidator(_plain_path)]
"""Where everything is written."""


class Parameters(Section):
    """`ngtParameters.jsn`: the release and the global tag."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    scram_arch: FileName = Field(alias="SCRAM_ARCH")
    """The architecture of the release."""
    release: FileName = Field(alias="CMSSW_VERSION")
    """The CMSSW release that all jobs run in."""
    global_tag: FileName = Field(alias="GLOBAL_TAG")
    """The global tag: cmsDriver's `--conditions`."""


class OmsSite(Section):
    """Where OMS is and how to log in there; `client_secret_file` is read when the loop starts."""

    url: Annotated[str, StringConstraints(pattern=r"^https?://[^\s]+$")]
    """The address of OMS's API."""
    version: FileName = "v1"
    """The version of OMS's API."""
    login: Literal["none", "oidc", "krb"] = "none"
    """How to log in: not at all, with a client's secret, or with a Kerberos ticket."""
    client_id: str | None = None
    """The client's name, for the login `oidc`."""
    client_secret_file: Path | None = None
    """The file with the client's secret, for the login `oidc`; only its owner and group may
    read it.
    """
    verify_certificates: bool = True
    """Whether the certificate of OMS is checked."""
    timeout: Seconds = 20.0
    """How long a silence of OMS is waited for; a poll takes at most twice as long."""

    @model_validator(mode="after")
    def _oidc_has_credentials(self) -> Self:
        if self.login == "oidc" and not (self.client_id and self.client_secret_file):
            raise ValueError("login 'oidc' needs client_id and client_secret_file")
        return self


class StorageSite(Section):
    """The XRootD server that holds RAW files, and the tools that list and probe them."""

    url: Annotated[str, StringConstraints(pattern=r"^root://[^/\s]+/*$")]
    """The XRootD server."""
    xrdfs: str = "xrdfs"
    """The command that lists folders."""
    timeout: Seconds = 30.0
    """How long one listing may take."""
    edm_file_util: str = "edmFileUtil"
    """The command that probes RAW files, in the CMSSW environment."""
    probes_at_once: PositiveInt = 4
    """RAW files that are probed at a time."""
    probe_timeout: Seconds = 120.0
    """How long the probe of one file may take."""


class CmsswSite(Section):
    """How to enter CMSSW: the script that makes `scramv1` known."""

    setup: Path
    """The script that makes `scramv1` known, on this node and wherever jobs run."""


class ConditionsSite(Section):
    """How to upload: uploadConditions.py, its options, and the folder of its netrc file."""

    upload_conditions: str = "uploadConditions.py"
    """The command that uploads, in the CMSSW environment."""
    options: tuple[str, ...] = ()
    """Options that it gets before the name of the payload."""
    auth_path: Path | None = None
    """The folder of the `.netrc` with the machine `ConditionUploader`; the home folder, if not
    given.
    """
    timeout: Seconds = 300.0
    """How long one upload may take."""


class DiskSite(Section):
    """When a person is told that the disk of the work_dir gets full."""

    warn_below_percent: Annotated[float, Field(ge=0, le=100)] = 10.0
    """The part of the disk, of its bytes or its inodes, that is to stay free."""
    warn_below_gb: Annotated[float, Field(ge=0)] | None = None
    """The gigabytes that are to stay free, whatever part of the disk they are."""
    warn_before: Seconds = 12 * 3600.0
    """How long beforehand one is told of a disk that fills steadily."""


class PoolSite(Section):
    """The HTCondor pool; without `condor_config` HTCondor finds its own.

    A schedd that gives no answer within `timeout` is taken for one that cannot be asked.
    """

    condor_config: Path | None = None
    """HTCondor's configuration file."""
    schedd: str | None = None
    """The name of the schedd; the one of this machine, if not given."""
    accounting_group: FileName | None = None
    """The accounting group of all jobs."""
    timeout: Annotated[Seconds, Field(gt=0)] = 20.0
    """How long the schedd may take to answer."""


class Site(Section):
    """A site file: all that differs between a calibration node and the testbed."""

    name: FileName
    """The site's name, as `status` and the ClassAds of jobs tell it."""
    work_dir: WorkDir
    """The folder for everything that condorloop writes; an absolute path that DAGMan can take."""
    poll_interval: Seconds = 10.0
    """How often OMS, storage and schedd are asked."""
    path: tuple[Path, ...] = ()
    """Folders that are put before PATH, for the tools."""
    environment: Variables = Field(default_factory=dict)
    """Environment variables of condorloop itself and of the tools that it starts, such as
    `KRB5CCNAME`; jobs have those of `nodes`.
    """
    oms: OmsSite
    """Where OMS is and how to log in there."""
    storage: StorageSite
    """Where RAW files are, and the tools that list and probe them."""
    cmssw: CmsswSite
    """How to enter CMSSW."""
    conditions: ConditionsSite = ConditionsSite()
    """How to upload."""
    disk: DiskSite = DiskSite()
    """When a person is told that the disk gets full."""
    pool: PoolSite = PoolSite()
    """The HTCondor pool."""
    defaults: Tuning = Tuning()
    """Sections that hold for all calibrations; a calibration's own file wins, key by key."""
