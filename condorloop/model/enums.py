"""The words for kinds and states, each a closed set.

Knows nothing else, so that the scripts of a DAG, which start once a node, can import it alone.
"""

from __future__ import annotations

from enum import StrEnum


class NodeKind(StrEnum):
    """The kinds of DAGMan nodes."""

    RECO = "RECO"
    ALCA = "ALCA"
    HARVEST = "HARVEST"
    UPLOAD = "UPLOAD"


class CampaignState(StrEnum):
    """The life of a campaign."""

    ACTIVE = "active"
    """Its run is taken, or files may still come."""
    CLOSING = "closing"
    """No more files are expected; the last batch and the last harvest are under way."""
    COMPLETE = "complete"
    """Closed: the last harvest covers the run within the tolerance."""
    NO_PAYLOAD = "no payload"
    """Closed: the last harvest covers the run, and the harvester made no payload of it."""
    INCOMPLETE = "incomplete"
    """Closed with too many missing lumisections, failed nodes or a refused upload."""
    EXPIRED = "expired"
    """The window ended before anything was done."""
    ABANDONED = "abandoned"
    """Given up by an operator."""

    @property
    def open(self) -> bool:
        """Whether the submitter still works on it."""
        return self in (CampaignState.ACTIVE, CampaignState.CLOSING)


class FileState(StrEnum):
    """What is known of a RAW file."""

    NEW = "new"
    """Listed; not probed, or to be tried again soon."""
    GOOD = "good"
    """Probed; its lumisections are known."""
    BAD = "bad"
    """It cannot be used as it is."""
    UNREADABLE = "unreadable"
    """It could not be opened several times, or jobs kept failing on it.

    Nothing waits for it; it is tried again until the window ends.
    """


class DagState(StrEnum):
    """The life of a DAG."""

    PLANNED = "planned"
    """Written in the ledger; not known to be in the queue."""
    ACTIVE = "active"
    """In the schedd's queue."""
    DONE = "done"
    """Every node succeeded."""
    FAILED = "failed"
    """Ended with failed nodes; it can be rescued."""
    REMOVED = "removed"
    """Taken out of the queue by a person; it is run again only when a person asks for it."""
    LOST = "lost"
    """Its directory was deleted; files of it that no ALCARECO holds wait for another DAG."""


class NodeState(StrEnum):
    """What is written down of a node of a DAG."""

    WAITING = "waiting"
    """Its output is not known to be whole."""
    DONE = "done"
    """Its output is in the run directory."""
    FAILED = "failed"
    """It was given up."""
    DROPPED = "dropped"
    """Nothing is made by it: all of its inputs were taken from it, or wait for another DAG."""


class Artifact(StrEnum):
    """What a campaign leaves on the disk, as its retention has it."""

    RECO = "reco"
    """What RECO made, as far as an uploaded payload covers it."""
    ALCARECO = "alcareco"
    """What harvests read."""
    LOGS = "logs"
    """What jobs printed, and their configurations."""
    DAGS = "dags"
    """The directories of DAGs, but for the manifests."""
    RUNS = "runs"
    """The whole run directory."""


class UploadOutcome(StrEnum):
    """What became of a payload."""

    NO_PAYLOAD = "no payload"
    """The harvester made none."""
    PENDING = "pending"
    """A tag is not to have it yet; the submitter sends it when its turn comes."""
    HELD = "held"
    """A person is to say whether it is sent."""
    SUPERSEDED = "superseded"
    """One at least as good was in the database already."""
    UPLOADED = "uploaded"
    """The service took it."""
    REFUSED = "refused"
    """The service refused it for good."""
    NO_ANSWER = "no answer"
    """The service could not be asked, or gave no usable answer: an outage, or no login."""
    FAILED = "failed"
    """The tool failed for another reason; the service may not have been asked."""

    @property
    def open(self) -> bool:
        """Whether the service is to be asked again."""
        return self in (UploadOutcome.NO_ANSWER, UploadOutcome.FAILED)

    @property
    def waits(self) -> bool:
        """Whether the payload is sent later: when its turn comes, or a person says so."""
        return self in (UploadOutcome.PENDING, UploadOutcome.HELD)

    @property
    def unfinished(self) -> bool:
        """Whether a tag is still to be served: after an outage, in its turn, or by a decision."""
        return self.open or self.waits


class HeldFor(StrEnum):
    """What keeps a payload that is held from being sent."""

    PERSON = "person"
    """A person holds the uploads."""
    GATE = "gate"
    """The gate wants a person to look at it."""
    REJECTED = "rejected"
    """The gate or a person rejected it."""
    RESTORED = "restored"
    """A person has put another payload in its place."""


class Verdict(StrEnum):
    """What a person said of one payload."""

    APPROVED = "approved"
    """It is sent, whatever the gate says."""
    REJECTED = "rejected"
    """It is not sent."""


class NoPayloadCause(StrEnum):
    """Why a harvester made no payload."""

    STATISTICS = "statistics"
    """There was too little data: more may come."""
    UNCHANGED = "unchanged"
    """What it found differs too little from what is in force."""
    VETO = "veto"
    """What it found was outside of its thresholds: a person's business."""
    NOT_SAID = "not said"
    """Its log has no words that tell."""

    @property
    def normal(self) -> bool:
        """Whether nobody needs to do anything about it."""
        return self in (NoPayloadCause.STATISTICS, NoPayloadCause.UNCHANGED)


class TagOutcome(StrEnum):
    """What became of a payload in one destination tag."""

    UPLOADED = "uploaded"
    """The tool named the tag as uploaded."""
    SKIPPED = "skipped"
    """The service skipped the tag: the payload did not enter it."""
    FAILED = "failed"
    """The service refused the payload for the tag."""
    NOT_NAMED = "not named"
    """The tool said nothing of the tag, or was not asked yet: the payload may be in it or not."""
    REFUSED_BEFORE = "refused before"
    """An earlier payload of the same since was refused for the tag, so this one was not sent."""
    SUPERSEDED = "superseded"
    """The tag holds a payload of the run that is at least as good."""
    PENDING = "pending"
    """The tag's order asks for something else to be sent before it."""
    HELD = "held"
    """A gate or a person keeps it from the tag."""
    OVERTAKEN = "overtaken"
    """The tag holds a payload of a younger run, and moves a late since up over it."""

    @property
    def refused(self) -> bool:
        """Whether the tag does not take the payload, for good."""
        return self in (TagOutcome.SKIPPED, TagOutcome.FAILED, TagOutcome.REFUSED_BEFORE)


class Synchronisation(StrEnum):
    """What a destination tag is synchronised with: it decides which sinces the service takes."""

    ANY = "any"
    VALIDATION = "validation"
    MC = "mc"
    HLT = "hlt"
    EXPRESS = "express"
    PROMPT = "prompt"
    PCL = "pcl"
    OFFLINE = "offline"
    RUNMC = "runmc"

    @property
    def moves_up(self) -> bool:
        """Whether a since that comes too late is moved up to the first safe run."""
        return self in (Synchronisation.HLT, Synchronisation.EXPRESS, Synchronisation.PROMPT)

    @property
    def consequence(self) -> str:
        """What follows for payloads that come late, or after a younger run's."""
        if self.moves_up:
            return (
                "a since that comes too late is moved up; "
                "an older run is not sent once a younger one is in force"
            )
        if self in (Synchronisation.OFFLINE, Synchronisation.RUNMC):
            return "a since must come after the tag's last one; an older run is refused"
        if self is Synchronisation.PCL:
            return "a since before the first safe run is refused for good"
        if self is Synchronisation.MC:
            return "the first upload fills the tag; every later one is refused"
        return "every since is taken as it is, in any order of runs"


class TimeType(StrEnum):
    """What a since counts."""

    RUN = "Run"
    """The run number."""
    LUMI = "Lumi"
    """``run << 32 | LS``."""
    TIME = "Time"
    """Packed time: seconds since 1970 in the upper, microseconds in the lower 32 bits."""
    HASH = "Hash"
    USER = "User"


class RequestKind(StrEnum):
    """What a person asks the submitter to do."""

    RESUBMIT = "resubmit"
    """Run again what failed."""
    HOLD = "hold"
    """Begin nothing new, until it is released."""
    RELEASE = "release"
    """Go on with what is on hold."""
    ABANDON = "abandon"
    """Give a campaign up."""
    APPROVE = "approve"
    """Send a payload that the gate holds."""
    REJECT = "reject"
    """Do not send a payload that the gate holds."""
    RESTORE = "restore"
    """Put an earlier payload back."""
    CLEANUP = "cleanup"
    """Remove what the retention lets go."""
