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
from condorloop.fields import FileName, Seconds, Section


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
    release: FileName = Field(alias="CMSSW_VERSION")
    global_tag: FileName = Field(alias="GLOBAL_TAG")


class OmsSite(Section):
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


class StorageSite(Section):
    """The XRootD server that holds RAW files, and the tools that list and probe them."""

    url: Annotated[str, StringConstraints(pattern=r"^root://[^/\s]+/*$")]
    xrdfs: str = "xrdfs"
    timeout: Seconds = 30.0
    edm_file_util: str = "edmFileUtil"
    probes_at_once: PositiveInt = 4
    probe_timeout: Seconds = 120.0


class CmsswSite(Section):
    """How to enter CMSSW: the script that makes `scramv1` known."""

    setup: Path


class ConditionsSite(Section):
    """How to upload: uploadConditions.py, its options, and the folder of its netrc file."""

    upload_conditions: str = "uploadConditions.py"
    options: tuple[str, ...] = ()
    auth_path: Path | None = None
    timeout: Seconds = 300.0


class PoolSite(Section):
    """The HTCondor pool; without `condor_config` HTCondor finds its own.

    A schedd that gives no answer within `timeout` is taken for one that cannot be asked.
    """

    condor_config: Path | None = None
    schedd: str | None = None
    accounting_group: FileName | None = None
    timeout: Annotated[Seconds, Field(gt=0)] = 20.0


class Site(Section):
    """A site file: all that differs between a calibration node and the testbed."""

    name: FileName
    work_dir: WorkDir
    poll_interval: Seconds = 10.0
    path: tuple[Path, ...] = ()
    oms: OmsSite
    storage: StorageSite
    cmssw: CmsswSite
    conditions: ConditionsSite = ConditionsSite()
    pool: PoolSite = PoolSite()
    defaults: Tuning = Tuning()
