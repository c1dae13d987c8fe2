"""Analyzing a run: its stories, what the schedd says of it, and the ends of the logs that matter.

Knows whom to ask and where logs are; what is wrong is `findings`'s to find. Where the schedd does
not answer, all else is told.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path

from condorloop.config.loader import Known
from condorloop.dagman.schedd.client import Schedd, ScheddUnavailable
from condorloop.history import findings
from condorloop.history.campaign import Story
from condorloop.history.finding import Analysis
from condorloop.history.findings import QueueSnapshot
from condorloop.history.log_excerpt import with_log
from condorloop.history.reader import tell
from condorloop.ledger.connection import LedgerError
from condorloop.model.campaign import DagOutline
from condorloop.policy import node_names


@dataclass(frozen=True, slots=True)
class Analyzed:
    """What was found, and the stories of the campaigns that it was looked for in."""

    findings: Analysis
    stories: tuple[Story, ...]


def analyze(
    config: Known, run: int, only: Collection[str] = (), node: str | None = None
) -> Analyzed:
    """Find what is wrong with the campaigns of a run that have such a node, if one is named.

    Raises
    ------
    LedgerError
        The ledger cannot be used, or knows no such campaign or node.
    """
    stories = having(node, tell(config, run, only))
    queue, silent = _queue(config, run)
    folders = {(s.campaign.key, d.label): Path(d.directory) for s in stories for d in s.dags}
    found = tuple(
        with_log(f, folders[f.key, f.dag]) if f.dag else f
        for f in findings.findings(stories, queue, node)
    )
    return Analyzed(Analysis(run=run, findings=found, silent=silent), stories)


def having(node: str | None, stories: Iterable[Story]) -> tuple[Story, ...]:
    """The stories that have a node or DAG of a name, such as ``b003`` or ``RECO_0001``.

    Raises
    ------
    LedgerError
        None has; the message names what there is.
    """
    told = tuple(stories)
    if node is None:
        return told
    outlines = [(story, _outline(story)) for story in told]
    if found := tuple(story for story, outline in outlines if node_names.meant(node, outline)):
        return found
    raise LedgerError(
        "\n".join(
            f"{s.campaign.key}: {node_names.unknown(node, outline)}" for s, outline in outlines
        )
    )


def _outline(story: Story) -> dict[str, DagOutline]:
    return {
        dag.label: DagOutline(dag.label, dag.state, tuple(n.name for n in dag.nodes))
        for dag in story.dags
    }


def _queue(config: Known, run: int) -> tuple[QueueSnapshot, str]:
    """What the schedd says, or why it says nothing."""
    schedd = Schedd(config.site.pool, config.site.name)
    try:
        queued = schedd.queued()
        dags = tuple(dag for dag in queued.dags.values() if dag.key.run == run)
        idle = tuple(schedd.idle_jobs(run))
        return QueueSnapshot(dags, queued.held_jobs, idle, time.time()), ""
    except ScheddUnavailable as error:
        return QueueSnapshot(), str(error)
    finally:
        schedd.close()
