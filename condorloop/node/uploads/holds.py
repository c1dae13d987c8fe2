"""What keeps a payload from being sent: a person's hold, a person's decision, or the gate.

Knows the records that the commands leave in run directories; it is asked at the time of sending, so
that it stops UPLOAD jobs that are in the queue. Knows nothing of the ledger. A decision is about
one payload: the gate judges every other one by itself.
"""

from __future__ import annotations

from dataclasses import dataclass

from condorloop.model.enums import HeldFor, Verdict
from condorloop.model.gate import GateAnswer
from condorloop.node.dag_context import DagContext
from condorloop.node.uploads.sending import Tool
from condorloop.node.uploads.upload_choice import Payload
from condorloop.rundir.layout import DECISIONS, RESTORED, UPLOADS_HELD
from condorloop.rundir.records.decisions import Decision, Decisions, Restored, UploadsHeld
from condorloop.rundir.records.record import RecordError, RecordGone
from condorloop.services.cmssw import Cmssw


@dataclass(frozen=True, slots=True)
class Held:
    """What keeps a payload, and in words."""

    what: HeldFor
    words: str


def why_held(payload: Payload, tool: Tool) -> Held | None:
    """Say what keeps a payload from being sent; None if nothing does.

    Parameters
    ----------
    tool
        Copies for the gate what is in force in the destination.

    Raises
    ------
    CmsswError
        The gate needs the CMSSW environment, and there is none.
    """
    dag = payload.dag
    if by_person := _held_by_person(dag):
        return by_person
    try:
        restored = restored_in(dag)
    except (RecordError, OSError) as error:
        return Held(HeldFor.RESTORED, f"which payload was put back cannot be read: {error}")
    if restored is not None:
        is_this = dag.settings.restores and restored.harvest == payload.harvest.name
        return None if is_this else Held(HeldFor.RESTORED, str(restored))
    try:
        decision = _decision(dag, payload.record.digest)
    except (RecordError, OSError) as error:
        return Held(HeldFor.GATE, f"what was decided of it cannot be read: {error}")
    if decision is not None:
        rejected = decision.verdict is Verdict.REJECTED
        return Held(HeldFor.REJECTED, str(decision)) if rejected else None
    if dag.settings.gate is None:
        return None
    # most uploads have no gate, and it imports what compares payloads
    from condorloop.node.uploads.gate import judge

    area = dag.manifest.cmssw
    cmssw = Cmssw(area.setup, area.scram_arch, area.release, area.folder)
    judged = judge(payload, dag.settings.gate, cmssw.environment(), tool)
    print(f"gate: {judged.answer}: {judged.words}")
    if judged.answer is GateAnswer.PASS:
        return None
    what = HeldFor.REJECTED if judged.answer is GateAnswer.FAIL else HeldFor.GATE
    return Held(what, judged.words)


def _held_by_person(dag: DagContext) -> Held | None:
    for folder in (dag.made_dir, dag.made_dir.parent):
        try:
            held = UploadsHeld.read(folder / UPLOADS_HELD)
        except RecordGone:
            continue
        except (RecordError, OSError) as error:
            return Held(HeldFor.PERSON, f"who holds uploads cannot be read: {error}")
        return Held(HeldFor.PERSON, str(held))
    return None


def restored_in(dag: DagContext) -> Restored | None:
    """Which payload of a DAG's run a person has put back; None if nobody has.

    Raises
    ------
    RecordError, OSError
        The record of it cannot be read.
    """
    try:
        return Restored.read(dag.made_dir / RESTORED)
    except RecordGone:
        return None


def _decision(dag: DagContext, digest: str) -> Decision | None:
    """What a person said of a payload of this digest; None if nobody said anything."""
    try:
        return Decisions.read(dag.made_dir / DECISIONS).of(digest)
    except RecordGone:
        return None
