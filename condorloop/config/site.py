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

from condorloop.config.calibration import Tuning
from condorloop.config.fields import Age, FileName, Seconds, Section, Variables
from condorloop.model.status import ProblemKind


def _plain_path(path: Path) -> Path:
    if not re.fullmatch(r"/[^\s,\"'$]*", str(path)):
        raise ValueError("an absolute path without blanks, commas, quotes and $: DAGMan takes none")
    return path


WorkDir = Annotated[Path, AfterValidator(_plain_path)]
"""Where everything is written."""


def _port(address: str) -> str:
    if not 0 < int(address.rpartition(":")[2]) < 1 << 16:
        raise ValueError("an address of this machine and a port, such as 127.0.0.1:9105")
    return address


Address = Annotated[
    str,
    StringConstraints(pattern=r"^(\[[0-9a-fA-F:]{2,39}\]|[0-9.]{7,15}|localhost):[0-9]{1,5}$"),
    AfterValidator(_port),
]
"""An address of this machine and a port, such as ``127.0.0.1:9105`` or ``[::1]:9105``."""

MailAddress = Annotated[str, StringConstraints(pattern=r"^[!#-'*+./0-9=?A-Z^-~-]+@[A-Za-z0-9.-]+$")]
"""An address of mail, without a name."""


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
    listings_at_once: PositiveInt = 8
    """Folders that are listed at a time."""
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


class LedgerSite(Section):
    """What the ledger keeps."""

    archive_after: Annotated[Age, Field(ge=4 * 86400)] = 10 * 86400.0
    """How long after its last change a closed campaign goes into the archive of its year, a file
    beside the ledger; `show`, `find` and `report` read it there.
    """


class PoolSite(Section):
    """The HTCondor pool; without `condor_config` HTCondor finds its own.

    A schedd that gives no answer within `timeout` is taken for one that cannot be asked.
    """

    condor_config: Path | None = None
    """HTCondor's configuration file."""
    schedd: str | None = None
    """The name of the schedd, which must see the work_dir; this machine's own, if not given."""
    accounting_group: FileName | None = None
    """The accounting group of all jobs, such as `group_ngt.prompt`."""
    accounting_group_user: FileName | None = None
    """Whom the accounting group's use is counted for; the account that submits, if not given."""
    timeout: Annotated[Seconds, Field(gt=0)] = 20.0
    """How long the schedd may take to answer."""
    start_within: Annotated[Seconds, Field(gt=0)] = 1200.0
    """How long jobs may wait for a machine while none starts; after that it is a problem."""
    max_dags: PositiveInt = 150
    """DAGs of all campaigns that may be at work at a time; HTCondor's own limit is 200 an owner."""
    pending_report_interval: Annotated[Seconds, Field(ge=1)] = 120.0
    """How long no event of a DAG's jobs must have come before its DAGMan may ask the schedd whether
    they are in the queue.
    """
    check_queue_interval: Annotated[Seconds, Field(ge=1)] = 300.0
    """How long after the last change of a DAG's nodes its DAGMan asks that; of a job that is gone
    without a word it says "lost track of node", and the DAG is rescued. The submitter asks a
    while later, if DAGMan does not.
    """
    script_wait: Annotated[Seconds, Field(ge=1)] = 60.0
    """How long DAGMan waits before it runs a script of a node again that the machine kept from its
    work: Python is not there, or the disk takes no writes.
    """


class MetricsSite(Section):
    """Where Prometheus gets its numbers; without a key it gets none."""

    listen: Address | None = None
    """The address that answers `GET /metrics`, such as `127.0.0.1:9105`; whoever reaches it may
    read.
    """
    textfile: Path | None = None
    """A file for the textfile collector of node_exporter, written anew at each cycle; its name
    ends in `.prom`.
    """

    @model_validator(mode="after")
    def _textfile_is_collected(self) -> Self:
        if self.textfile and (self.textfile.suffix != ".prom" or not self.textfile.is_absolute()):
            raise ValueError("textfile: an absolute path that ends in .prom; others are not read")
        return self


class MailSite(Section):
    """To whom messages are mailed, and by which server; it is asked for no login."""

    to: Annotated[tuple[MailAddress, ...], Field(min_length=1)]
    """Who gets them."""
    sender: MailAddress = Field(alias="from")
    """Whom they are from."""
    server: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9.:-]+$")] = "localhost"
    """The host that takes mail."""
    port: Annotated[int, Field(gt=0, lt=1 << 16)] = 25
    """Its port."""


class MessagesSite(Section):
    """Who is told of problems while nobody looks, and when."""

    webhook_file: Path | None = None
    """The file with the address of an incoming webhook of Mattermost or Slack, which is a secret:
    only its owner and group may read it.
    """
    mail: MailSite | None = None
    """To whom messages are mailed."""
    after: Seconds = 300.0
    """How long a problem must last before it is told, and be over before that is told."""
    reminder: Annotated[Seconds, Field(gt=0)] = 4 * 3600.0
    """How long after a message its problems are told again if they last."""
    kinds: tuple[ProblemKind, ...] = (
        ProblemKind.SERVICE,
        ProblemKind.CAMPAIGN,
        ProblemKind.INCOMPLETE,
        ProblemKind.HELD,
        ProblemKind.FULL,
        ProblemKind.FAILED,
        ProblemKind.UPLOAD,
        ProblemKind.DISK,
        ProblemKind.TICKET,
        ProblemKind.REFUSED,
        ProblemKind.LATE,
        ProblemKind.CONFIGURATION,
        ProblemKind.WAITING,
        ProblemKind.DEFERRED,
    )
    """The kinds of problems that are told."""

    @model_validator(mode="after")
    def _has_a_way(self) -> Self:
        if not self.webhook_file and not self.mail:
            raise ValueError("messages need webhook_file or mail")
        return self


class Site(Section):
    """A site file: all that differs between a calibration node and the testbed."""

    name: FileName
    """The site's name, as `status` and the ClassAds of jobs tell it."""
    work_dir: WorkDir
    """The folder for everything that condorloop writes; an absolute path that DAGMan can take."""
    calibrations: Path | None = None
    """The folder of calibration YAML files, relative to the folder of this file; `--calibrations`
    and `CONDORLOOP_CALIBRATIONS` go before it.
    """
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
    ledger: LedgerSite = LedgerSite()
    """What the ledger keeps."""
    pool: PoolSite = PoolSite()
    """The HTCondor pool."""
    metrics: MetricsSite = MetricsSite()
    """Where Prometheus gets its numbers."""
    messages: MessagesSite | None = None
    """Who is told of problems while nobody looks; nobody, if not given."""
    defaults: Tuning = Tuning()
    """Sections that hold for all calibrations; a calibration's own file wins, key by key."""
