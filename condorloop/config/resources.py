"""What the jobs of one node kind ask of the pool: the section `nodes` of a YAML file.

Knows the keys, their types, and which submit commands they stand for; knows nothing of how a
submit description is written.
"""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field, PositiveInt, StringConstraints, model_validator

from condorloop.config.fields import Expression, Line, Seconds, Section, Variables
from condorloop.model.enums import NodeKind

ConcurrencyLimit = Annotated[
    str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_.]*(:[0-9]+(\.[0-9]+)?)?$")
]
"""The name of a limit of the pool, and how much of it a job takes, such as ``eos`` or ``eos:2``."""

Image = Annotated[str, StringConstraints(pattern=r"""^[^\s"',\\]+$""")]
"""The path or the address of a container's image."""

_STANDS_FOR = {
    "request_cpus": ("request_cpus", "requestcpus"),
    "request_memory_mb": ("request_memory", "requestmemory"),
    "request_disk_mb": ("request_disk", "requestdisk"),
    "request_gpus": ("request_gpus", "requestgpus"),
    "time_limit": ("allowed_execute_duration",),
    "priority": ("priority", "prio", "jobprio"),
    "requirements": ("requirements",),
    "concurrency_limits": ("concurrency_limits", "concurrency_limits_expr"),
    "container_image": ("container_image", "docker_image"),
    "environment": ("environment", "env"),
}
"""The submit commands that a key stands for."""

_FIXED = frozenset(
    {
        "universe",
        "executable",
        "arguments",
        "args",
        "input",
        "output",
        "error",
        "log",
        "initialdir",
        "initial_dir",
        "queue",
        "should_transfer_files",
        "when_to_transfer_output",
        "transfer_executable",
        "transfer_input_files",
        "transfer_output_files",
        "transfer_output_remaps",
    }
)
"""The submit commands that the node scripts rely on."""


MB_PER_CORE = 2000
"""What a CMSSW thread of reconstruction needs."""

DEFAULT_TIME_LIMIT = {
    NodeKind.RECO: 4 * 3600,
    NodeKind.ALCA: 2 * 3600,
    NodeKind.HARVEST: 2 * 3600,
    NodeKind.UPLOAD: 3600,
}
"""Seconds, many times what a job takes: it is for jobs that hang."""

_OF_MACHINES = (
    "request_gpus",
    "requirements",
    "priority",
    "concurrency_limits",
    "container_image",
)
"""The keys that choose a machine, or say in which order jobs get one."""


class Resources(Section):
    """What the jobs of one node kind ask of the pool; `submit` lines go in as they are.

    A job that runs longer than `time_limit` is held, and only a person releases it. UPLOAD runs on
    the access point, where nothing is to be asked for but time, retries and environment.
    """

    request_cpus: PositiveInt | None = None
    """Cores; `nThreads` for RECO and ALCA and 1 for HARVEST, if not given."""
    request_memory_mb: PositiveInt | None = None
    """Memory in MB; 2000 a core, if not given."""
    max_memory_mb: PositiveInt | None = None
    """Most memory in MB that a job gets after it ran out of memory; twice the request, if not
    given.
    """
    request_disk_mb: PositiveInt | None = None
    """Disk in MB; what HTCondor estimates, if not given."""
    request_gpus: PositiveInt | None = None
    """GPUs; none, if not given."""
    requirements: Expression | None = None
    """Which machines may take the job: a ClassAd expression, such as `OpSysMajorVer == 9`."""
    priority: int | None = None
    """Priority among waiting jobs: the highest starts first; among equals, the older run. 20 for
    HARVEST, 10 for ALCA and 0 for RECO, with `priority` of calibration or stream added, if not
    given.
    """
    concurrency_limits: tuple[ConcurrencyLimit, ...] = ()
    """Concurrency limits of the pool that the job counts towards, such as `eos` or `eos:2`."""
    container_image: Image | None = None
    """The container that the job runs in: a folder such as those of `/cvmfs/unpacked.cern.ch`, a
    `.sif` file, or `docker://…`. It needs bash, and the script of `cmssw.setup`.
    """
    retries: Annotated[int, Field(ge=0)] | None = None
    """How often DAGMan retries a failed node at once; 3, and 2 for UPLOAD, if not given."""
    time_limit: Annotated[Seconds, Field(gt=0)] | None = None
    """How long a job may run before it is held; 4 h for RECO, 2 h for ALCA and HARVEST, 1 h
    for UPLOAD, if not given.
    """
    environment: Variables = Field(default_factory=dict)
    """Environment variables of the jobs, such as `KRB5CCNAME`: paths of credentials, never
    secrets.
    """
    submit: tuple[Line, ...] = ()
    """Lines added verbatim to the submit description."""

    @model_validator(mode="after")
    def _cap_is_no_less(self) -> Self:
        asked, most = self.request_memory_mb, self.max_memory_mb
        if asked is not None and most is not None and most < asked:
            raise ValueError(
                f"max_memory_mb {most} must not be less than request_memory_mb {asked}"
            )
        return self

    @model_validator(mode="after")
    def _submit_lines_contradict_nothing(self) -> Self:
        commands = {line.partition("=")[0].strip().lower() for line in self.submit}
        if fixed := sorted(commands & _FIXED):
            raise ValueError(
                f"submit: no line for {', '.join(fixed)}, which the node scripts rely on"
            )
        for key, stands_for in _STANDS_FOR.items():
            if key in self.given and commands.intersection(stands_for):
                raise ValueError(
                    f"{key} is given twice, by the key and by a submit line, which would win"
                )
        return self

    @property
    def given(self) -> frozenset[str]:
        """The keys that have a value."""
        empty: tuple[object, ...] = (None, (), {})
        return frozenset(k for k in type(self).model_fields if getattr(self, k) not in empty)

    @property
    def needs_a_machine(self) -> list[str]:
        """The keys that mean nothing to a job which runs on the access point."""
        return [key for key in _OF_MACHINES if key in self.given]
