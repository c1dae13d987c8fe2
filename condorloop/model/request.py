"""What a person asks the running submitter for."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass

from condorloop.model.enums import RequestKind

ALL_RUNS = 0
"""What a request has as its run that is about all runs."""


@dataclass(frozen=True, slots=True)
class Request:
    """What a person asks for; `id` is 0 until it is in the ledger.

    `calibration` None means all of the run, `run` `ALL_RUNS` all runs; `node` narrows to a DAG or a
    node, as ``b003``, ``RECO_0001`` or ``b003/RECO_0001``. `reason` is a person's own words.
    `begun` says in words what has been begun to be done, empty if nothing has.
    """

    kind: RequestKind
    run: int
    calibration: str | None = None
    node: str | None = None
    _: KW_ONLY
    include_quarantined: bool = False
    """A resubmission also retries files that were given up."""
    running: bool = False
    """A hold also stops jobs that run."""
    reason: str = ""
    accept_destination: bool = False
    """The DAGs of a resubmission take the configured destination."""
    present_recipe: bool = False
    """The campaigns of a resubmission take the present release, global tag and YAML."""
    send_again: str | None = None
    """The payload that is sent again, or put back: ``harvestJob003``; empty means the best one."""
    harvest_again: bool = False
    """A resubmission makes a payload of all ALCARECO, though nothing is new."""
    reprocess: bool = False
    """A resubmission reconstructs once more what a calibration missed."""
    only_uploads: bool = False
    """A hold or a release is about uploads alone."""
    restored: bool = False
    """A release lets the loop replace the payload that a person has put back."""
    made_by: str = ""
    made_at: float = 0.0
    begun: str = ""
    id: int = 0
