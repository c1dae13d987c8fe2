"""When a failed DAG is run again, and without which of its inputs.

Knows how long to wait and whom failed attempts blame; it is pure, and knows nothing of how many
DAGs may run.
"""

from __future__ import annotations

from condorloop.config.calibration import Calibration
from condorloop.model.campaign import Campaign, Dag
from condorloop.model.enums import DagState, NodeKind, UploadOutcome
from condorloop.policy.window import is_over

BLAMED = 3
"""After how many failed attempts that it caused an input is given up."""

RESCUES_FIRST = 2
"""How many rescues come before that: while a disk server is down, good files fail, too."""


def to_quarantine(
    campaign: Campaign, dag: Dag, calibration: Calibration
) -> dict[str, tuple[str, ...]]:
    """The inputs that are given up; none while storage is silent."""
    return guilty_inputs(dag, calibration) if storage_answered(campaign, dag) else {}


def guilty_inputs(dag: Dag, calibration: Calibration) -> dict[str, tuple[str, ...]]:
    """The inputs that have made their node fail often enough, by node.

    A HARVEST leaves out by itself what keeps failing.
    """
    if dag.state is not DagState.FAILED:
        return {}
    spent = dag.rescues >= calibration.rescues.max_rescues
    enough = 1 if spent else BLAMED if dag.rescues >= RESCUES_FIRST else None
    return {
        node: guilty
        for node, blames in dag.blames.items()
        if enough
        and not node.startswith(NodeKind.HARVEST)
        and (guilty := tuple(i for i, n in sorted(blames.items()) if n >= enough))
    }


def to_take_out(dag: Dag) -> tuple[str, ...]:
    """The calibrations that break the process which others share, as failed attempts name them.

    An attempt alone may be wrong: its input can be what broke it. Nobody is taken out of a DAG that
    works for one calibration alone.
    """
    if dag.state is not DagState.FAILED or dag.made or dag.calibration:
        return ()
    return tuple(sorted(n for n, times in dag.culprits.items() if times >= BLAMED))


def storage_answered(campaign: Campaign, dag: Dag) -> bool:
    """Whether storage has answered since a DAG ended: else a failure of RECO may be storage's."""
    if not any(name.startswith(NodeKind.RECO) for name in dag.failed_nodes):
        return True
    return campaign.listed_at is not None and campaign.listed_at > (dag.ended_at or 0.0)


def can_rescue(now: float, campaign: Campaign, dag: Dag, calibration: Calibration) -> bool:
    """Whether the submitter will run a failed DAG again by itself.

    A payload that got no answer is worth asking for as long as the campaign's window is open; a
    refusal is final. A DAG whose RECO and ALCA others share, and that are done, is not: a DAG of
    the campaign's own takes over what it has left.
    """
    if dag.state is not DagState.FAILED or is_over(now, campaign, calibration.closing):
        return False
    if dag.made:
        return False
    if dag.upload is UploadOutcome.REFUSED:
        return False
    if dag.upload is UploadOutcome.NO_ANSWER:
        return True
    if dag.upload is UploadOutcome.FAILED:
        return dag.rescues < calibration.uploads.retries
    return dag.rescues < calibration.rescues.max_rescues


def rescue_wait(dag: Dag, calibration: Calibration) -> float:
    """How long a failed DAG waits for its next rescue, in seconds; it doubles each time."""
    doubled = 2.0 ** min(dag.rescues, 20)
    if dag.upload and dag.upload.open:
        return min(calibration.uploads.wait * doubled, calibration.uploads.longest_wait)
    return calibration.rescues.wait * doubled


def why_rescue(now: float, campaign: Campaign, dag: Dag, calibration: Calibration) -> str | None:
    """Say why a DAG is to be run again; None if it is not, or not yet."""
    if not can_rescue(now, campaign, dag, calibration) or dag.ended_at is None:
        return None
    wait = rescue_wait(dag, calibration)
    if now < dag.ended_at + wait or not storage_answered(campaign, dag):
        return None
    failed = ", ".join(dag.failed_nodes) or "it ended without a result"
    return f"failed ({failed}) {wait:.0f} s ago, rescue {dag.rescues + 1}"
