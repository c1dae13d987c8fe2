"""What a person asks the running submitter for."""

from __future__ import annotations

from dataclasses import dataclass

from condorloop.model.enums import (
    RequestKind,
)

ALL_RUNS = 0
"""What a request has as its run that is about all runs."""


@dataclass(frozen=True, slots=True)
class Request:
    """What a person asked for, as it waits in the ledger.

    `calibration` None means all of the run, `run` `ALL_RUNS` all runs; `node` narrows to a DAG or a
    node, as ``b003``, ``RECO_0001`` or ``b003/RECO_0001``. With `everything` a resubmission gives
    files that were given up another try, and a hold stops jobs that run. `reason` is a person's own
    words. With `accept_destination` the DAGs of a resubmission take the configured destination.
    `begun` says in words what has been begun to be done, empty if nothing has.
    """

    id: int
    kind: RequestKind
    run: int
    calibration: str | None
    node: str | None
    everything: bool
    made_by: str
    made_at: float
    reason: str = ""
    begun: str = ""
    accept_destination: bool = False
