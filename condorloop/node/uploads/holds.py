"""Whether a person keeps a payload from being sent.

Knows the records that the commands leave in run directories; it is asked at the time of sending, so
that it stops UPLOAD jobs that are in the queue. Knows nothing of the ledger.
"""

from __future__ import annotations

from dataclasses import dataclass

from condorloop.model.enums import HeldFor
from condorloop.node.dag_context import DagContext
from condorloop.rundir.layout import UPLOADS_HELD
from condorloop.rundir.records.decisions import UploadsHeld
from condorloop.rundir.records.harvest import HarvestResult
from condorloop.rundir.records.record import RecordError, RecordGone


@dataclass(frozen=True, slots=True)
class Held:
    """What keeps a payload, and in words."""

    what: HeldFor
    words: str


def why_held(dag: DagContext, record: HarvestResult) -> Held | None:
    """Say what keeps a payload from being sent; None if nothing does."""
    for folder in (dag.run_dir, dag.run_dir.parent):
        try:
            held = UploadsHeld.read(folder / UPLOADS_HELD)
        except RecordGone:
            continue
        except (RecordError, OSError) as error:
            return Held(HeldFor.PERSON, f"who holds uploads cannot be read: {error}")
        return Held(HeldFor.PERSON, str(held))
    return None
