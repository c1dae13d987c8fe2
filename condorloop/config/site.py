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

from condorloop.config.fields import Age, FileName, Line, Seconds, Section, Variables
from condorloop.config.tuning import Tuning
from condorloop.model.problem import ProblemKind


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
    """Time-out of a call to OMS; a poll takes at most twice as long."""

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
    """Time-out of one listing."""
    listings_at_once: PositiveInt = 8
    """Number of parallel listings."""
    edm_file_util: str = "edmFileUtil"
    """The command that probes RAW files, in the CMSSW environment."""
    probes_at_once: PositiveInt = 4
    """Number of parallel probes."""
    probe_timeout: Seconds = 120.0
    """Time-out of the probe of one file."""


class CmsswSite(Section):
    """How to enter CMSSW: the script that makes `scramv1` known."""

    setup: Path
    """The script that makes `scramv1` known, on this node and wherever jobs run."""


class ConditionsSite(Section):
    """How to upload, with uploadConditions.py, and how to read tags back, with conddb."""

    upload_conditions: str = "uploadConditions.py"
    """The command that uploads, in the CMSSW environment."""
    options: tuple[str, ...] = ()
    """Its options, before the name of the payload."""
    auth_path: Path | None = None
    """The folder of the `.netrc` with the machine `ConditionUploader`; the home folder, if not
    given.
    """
    timeout: Seconds = 300.0
    """Time-out of one upload."""
    conddb: Annotated[str, Field(min_length=1)] | None = "conddb"
    """The command that reads tags back, in the CMSSW environment; `null` if none is to be read."""
    conddb_options: tuple[str, ...] = ()
    """Its options, before `--db`."""
    conddb_databases: dict[str, Annotated[str, Field(min_length=1)]] = Field(default_factory=dict)
    """What it calls a database (`conddb help` lists the names), by the destination database of
    calibrations. Without an entry, `oracle://cms_orcon_prod/CMS_CONDITIONS` is `pro`,
    `oracle://cms_orcoff_prep/CMS_CONDITIONS` is `dev`, and any other has the same name.
    """
    conddb_timeout: Annotated[Seconds, Field(gt=0)] = 120.0
    """Time-out of reading one tag."""
    confirm_within: Seconds = 3600.0
    """Time after which it is a problem that an uploaded payload is not seen in its tag."""
    databases: Annotated[tuple[Line, ...], Field(min_length=1)] = (
        "oracle://cms_orcon_prod/",
        "oracle://cms_orcoff_prep/",
    )
    """How the databases begin that the command knows; a command of your own may know others."""


class DiskSite(Section):
    """When a full disk of the work_dir becomes a problem."""

    warn_below_percent: Annotated[float, Field(ge=0, le=100)] = 10.0
    """Fraction of the disk's bytes and inodes that should stay free."""
    warn_below_gb: Annotated[float, Field(ge=0)] | None = None
    """Gigabytes that should stay free, whatever the size of the disk."""
    warn_before: Seconds = 12 * 3600.0
    """Time before the disk is expected to be full at which this becomes a problem."""


class LedgerSite(Section):
    """What the ledger keeps."""

    archive_after: Annotated[Age, Field(ge=4 * 86400)] = 10 * 86400.0
    """How long after its last change a closed campaign goes into the archive of its year, a file
    beside the ledger; `show`, `find` and `report` read it there.
    """


class PoolSite(Section):
    """The HTCondor pool; without `condor_config` HTCondor finds its own.

    A schedd that does not answer within `timeout` counts as unreachable.
    """

    condor_config: Path | None = None
    """HTCondor's configuration file."""
    schedd: str | None = None
    """The name of the schedd, which must see the work_dir; this machine's own, if not given."""
    accounting_group: FileName | None = None
    """The accounting group of all jobs, such as `group_ngt.prompt`; calibrations and streams can
    say another one.
    """
    accounting_group_user: FileName | None = None
    """User in the accounting group; the account that submits, if not given."""
    timeout: Annotated[Seconds, Field(gt=0)] = 20.0
    """Time-out of a call to the schedd."""
    start_within: Annotated[Seconds, Field(gt=0)] = 1200.0
    """Time that jobs may wait without any start before it is a problem."""
    max_dags: PositiveInt = 150
    """Maximum number of active DAGs of all campaigns; HTCondor's own limit is 200 per owner."""
    pending_report_interval: Annotated[Seconds, Field(ge=1)] = 120.0
    """Time without job events after which DAGMan may ask the schedd whether the jobs are in the
    queue.
    """
    check_queue_interval: Annotated[Seconds, Field(ge=1)] = 300.0
    """How long after the last change of a DAG's nodes its DAGMan asks that; of a job that is gone
    without a word it says "lost track of node", and the DAG is rescued. The submitter asks a
    while later, if DAGMan does not.
    """
    script_wait: Annotated[Seconds, Field(ge=1)] = 60.0
    """Wait before DAGMan runs a node's script again when the machine could not run it: no
    Python, or a disk that takes no writes.
    """


class MetricsSite(Section):
    """Metrics for Prometheus; none without a key."""

    listen: Address | None = None
    """Address that serves `GET /metrics`, such as `127.0.0.1:9105`; whoever can reach it can
    read it.
    """
    textfile: Path | None = None
    """A file for the textfile collector of node_exporter, rewritten every cycle; its name
    ends in `.prom`.
    """

    @model_validator(mode="after")
    def _textfile_is_collected(self) -> Self:
        if self.textfile and (self.textfile.suffix != ".prom" or not self.textfile.is_absolute()):
            raise ValueError("textfile: an absolute path that ends in .prom; others are not read")
        return self


class MailSite(Section):
    """Mail: the recipients and the server, which must not ask for a login."""

    to: Annotated[tuple[MailAddress, ...], Field(min_length=1)]
    """Recipients."""
    sender: MailAddress = Field(alias="from")
    """Sender."""
    server: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9.:-]+$")] = "localhost"
    """Host of the mail server."""
    port: Annotated[int, Field(gt=0, lt=1 << 16)] = 25
    """Port of the mail server."""


class MessagesSite(Section):
    """Who gets messages about problems, and when."""

    webhook_file: Path | None = None
    """The file with the address of an incoming webhook of Mattermost or Slack, which is a secret:
    only its owner and group may read it.
    """
    mail: MailSite | None = None
    """Messages by mail."""
    after: Seconds = 300.0
    """How long a problem must last before a message, and be over before a message says so."""
    reminder: Annotated[Seconds, Field(gt=0)] = 4 * 3600.0
    """Time after which a message repeats the problems that last."""
    kinds: tuple[ProblemKind, ...] = (
        ProblemKind.SERVICE,
        ProblemKind.NOT_LATCHED,
        ProblemKind.CAMPAIGN,
        ProblemKind.INCOMPLETE,
        ProblemKind.NO_PAYLOAD,
        ProblemKind.HELD,
        ProblemKind.FULL,
        ProblemKind.FAILED,
        ProblemKind.UPLOAD,
        ProblemKind.GATE,
        ProblemKind.IN_FORCE,
        ProblemKind.UNCONFIRMED,
        ProblemKind.DISK,
        ProblemKind.TICKET,
        ProblemKind.REFUSED,
        ProblemKind.LATE,
        ProblemKind.CONFIGURATION,
        ProblemKind.WAITING,
        ProblemKind.DEFERRED,
    )
    """Kinds of problems that are sent."""

    @model_validator(mode="after")
    def _has_a_way(self) -> Self:
        if not self.webhook_file and not self.mail:
            raise ValueError("messages need webhook_file or mail")
        return self


class Site(Section):
    """A site file: everything that differs between a calibration node and the testbed."""

    name: FileName
    """The site's name in `status` and in the ClassAds of jobs."""
    work_dir: WorkDir
    """Folder for everything that condorloop writes; an absolute path that DAGMan accepts."""
    calibrations: Path | None = None
    """The folder of calibration YAML files, relative to the folder of this file;
    `--calibrations` and `CONDORLOOP_CALIBRATIONS` take precedence.
    """
    poll_interval: Annotated[Seconds, Field(gt=0)] = 10.0
    """Interval between polls of OMS, storage and schedd."""
    path: tuple[Path, ...] = ()
    """Folders prepended to PATH, for the tools."""
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
    """When a full disk becomes a problem."""
    ledger: LedgerSite = LedgerSite()
    """What the ledger keeps."""
    pool: PoolSite = PoolSite()
    """The HTCondor pool."""
    metrics: MetricsSite = MetricsSite()
    """Metrics for Prometheus."""
    messages: MessagesSite | None = None
    """Who gets messages about problems; nobody, if not given."""
    defaults: Tuning = Tuning()
    """Defaults for all calibrations; a calibration's own file takes precedence, key by key."""
