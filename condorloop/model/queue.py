"""What is in the schedd's queue: DAGs, and the held jobs of their nodes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from condorloop.model.campaign import CampaignKey, ReconstructionKey, dag_label


@dataclass(frozen=True, slots=True)
class QueuedDag:
    """A DAG in the queue, as its DAGMan job's ClassAd describes it.

    `counts` are DAGMan's own (``NodesDone``, ``JobsIdle`` …); they are missing until its first
    update. `idle` says that DAGMan itself waits to be started: for a moment after it was
    submitted, for long where an owner has as many DAGs as the schedd lets run. A person's hold has
    the `hold_code` `HELD_BY_PERSON`. `since` is when DAGMan came into its state in the queue.
    `key` has the name of its stream where it works for several calibrations.
    """

    id: str
    key: CampaignKey
    number: int
    cluster: int
    hold_reason: str | None
    counts: Mapping[str, int]
    idle: bool = False
    hold_code: int | None = None
    batch: int | None = None
    since: float | None = None
    sends: int | None = None
    stream: str = ""

    @property
    def made_from(self) -> ReconstructionKey:
        """The reconstruction that it belongs to."""
        return ReconstructionKey(self.stream or self.key.calibration, self.key.run)

    @property
    def label(self) -> str:
        """How people and `condor_q` call it."""
        return dag_label(self.number, self.batch, self.sends)

    @property
    def held(self) -> bool:
        """Whether DAGMan itself is on hold; its jobs go on, and its counts stand still."""
        return self.hold_code is not None or self.hold_reason is not None

    @property
    def works(self) -> bool:
        """Whether DAGMan runs, as far as the schedd knows."""
        return not (self.idle or self.held)

    @property
    def on_request(self) -> bool:
        """Whether `condorloop hold` put it on hold."""
        return (self.hold_reason or "").startswith(HELD_ON_REQUEST)


@dataclass(frozen=True, slots=True)
class HeldJob:
    """A job of a node that is on hold: HTCondor's codes and reason, and since when."""

    dag_id: str
    node: str
    job_id: str
    code: int
    subcode: int
    reason: str
    since: float

    @property
    def by_person(self) -> bool:
        """Whether a person put it on hold; nothing else may release it then."""
        return self.code == HELD_BY_PERSON

    @property
    def on_request(self) -> bool:
        """Whether `condorloop hold` put it on hold."""
        return self.reason.startswith(HELD_ON_REQUEST)


@dataclass(frozen=True, slots=True)
class Queued:
    """What is in the queue: DAGs by their `CondorloopId`, and the node jobs that are held."""

    dags: Mapping[str, QueuedDag] = field(default_factory=dict)
    held_jobs: tuple[HeldJob, ...] = ()


@dataclass(frozen=True, slots=True)
class JobSelector:
    """Which jobs of a DAG in the queue are meant: its DAGMan, or those of its nodes.

    `node` None means all nodes, and an empty `calibration` those of all calibrations; with `shared`
    those of none: RECO and ALCA of a stream that several share. Without `running` only those that
    wait to be run.
    """

    dag_id: str
    dagman: bool = False
    node: str | None = None
    running: bool = False
    calibration: str = ""
    shared: bool = False


HELD_BY_PERSON = 1
"""The HoldReasonCode of ``condor_hold``."""


OURS = "condorloop: "
"""What the reason of every removal and hold by condorloop begins with."""


HELD_ON_REQUEST = f"{OURS}held by "
"""What the reason of a hold begins with that a person has asked condorloop for."""


class Obstacle(StrEnum):
    """What keeps a job from running that waits for a machine."""

    NO_MACHINE = "no machine"
    """The pool has no machine that runs jobs."""
    NO_MATCH = "no match"
    """No machine of the pool can run it, be it empty."""
    FULL = "full"
    """Machines can run it, and none has room."""
    FREE = "free"
    """A machine has room for it, and the negotiator does not give it one."""
    IN_VAIN = "in vain"
    """Machines were given to it, and none began it."""
    LOCAL = "local"
    """The schedd itself is to run it, and does not."""
    UNKNOWN = "unknown"
    """The pool cannot be asked."""


@dataclass(frozen=True, slots=True)
class WaitingJob:
    """A job of a node that has waited long, and stands for those that wait as it does.

    `since` is when it came into the queue, was released or lost its machine; `words` say why it
    does not run. `key` has the name of its stream where it works for several calibrations.
    """

    dag_id: str
    key: CampaignKey
    node: str
    job_id: str
    since: float
    obstacle: Obstacle
    words: str

    @property
    def kind(self) -> str:
        """The kind of its node."""
        return self.node.partition("_")[0]


@dataclass(frozen=True, slots=True)
class Waits:
    """What waits for long in the queue: a job of each kind that waits, and whether others started.

    `started` says that a job of the site began on a machine in that time, and runs still.
    """

    jobs: tuple[WaitingJob, ...] = ()
    started: bool = False


@dataclass(frozen=True, slots=True)
class WaitingScript:
    """A script of a node that DAGMan waits for: ``PRE`` or ``POST``, since when, and what it says.

    `said` is empty where it has said nothing, or its log cannot be read.
    """

    dag: QueuedDag
    node: str
    script: str
    since: float
    said: str = ""
