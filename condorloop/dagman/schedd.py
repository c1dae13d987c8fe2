"""The schedd: what is in its queue, and how a DAG gets into it.

Knows HTCondor's Python bindings; knows nothing of campaigns. No answer of the schedd is told
from an empty queue.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from condorloop.dagman.quoting import classad
from condorloop.model import CampaignKey, QueuedDag
from condorloop.site import PoolSite

_HELD = 5
_PROJECTION = [
    "ClusterId",
    "CondorloopId",
    "CondorloopCalibration",
    "CondorloopRun",
    "CondorloopDag",
    "JobStatus",
    "HoldReason",
    *(f"DAG_Nodes{n}" for n in ("Total", "Done", "Failed", "Futile", "Queued")),
    *(f"DAG_Jobs{n}" for n in ("Idle", "Running", "Held")),
]


class ScheddUnavailable(Exception):
    """The schedd did not answer, or would not take a DAG: it says nothing about the queue."""


class Schedd:
    """The schedd of a site.

    Parameters
    ----------
    site
        Which pool; None in it means HTCondor's own configuration.
    name
        The site's name, the value of `CondorloopSite` in the DAGs' ClassAds.
    """

    def __init__(self, site: PoolSite, name: str) -> None:
        if site.condor_config:
            os.environ["CONDOR_CONFIG"] = str(site.condor_config)
        # The bindings read HTCondor's configuration when they are imported.
        import htcondor2

        self._htcondor = htcondor2
        self._schedd_name = site.schedd
        self._name = name

    def _schedd(self) -> Any:
        if self._schedd_name is None:
            return self._htcondor.Schedd()
        ad = self._htcondor.Collector().locate(self._htcondor.DaemonType.Schedd, self._schedd_name)
        return self._htcondor.Schedd(ad)

    def dags(self) -> dict[str, QueuedDag]:
        """Ask for all of the site's DAGs that are in the queue, by their `CondorloopId`.

        Raises
        ------
        ScheddUnavailable
            There was no answer.
        """
        constraint = f"CondorloopSite =?= {classad(self._name)} && CondorloopKind =?= undefined"
        try:
            ads = self._schedd().query(constraint=constraint, projection=_PROJECTION)
        except (self._htcondor.HTCondorException, OSError) as error:
            raise ScheddUnavailable(f"schedd: {error}") from error
        return {dag.id: dag for dag in map(_queued_dag, ads) if dag}

    def submit(self, dag_file: Path, batch_name: str) -> int:
        """Submit a DAG; from its newest rescue file, if it has one.

        Returns
        -------
        int
            The cluster id of the DAGMan job.

        Raises
        ------
        ScheddUnavailable
            The schedd did not answer or refused.
        """
        options = {"UpdateSubmit": True, "BatchName": batch_name}
        try:
            description = self._htcondor.Submit.from_dag(str(dag_file), options)
            description["initialdir"] = str(dag_file.parent)
            return int(self._schedd().submit(description).cluster())
        except (self._htcondor.HTCondorException, OSError) as error:
            raise ScheddUnavailable(f"submitting {dag_file.name}: {error}") from error


def _queued_dag(ad: Mapping[str, Any]) -> QueuedDag | None:
    counts = {
        name.removeprefix("DAG_"): int(ad[name])
        for name in _PROJECTION
        if name.startswith("DAG_") and isinstance(ad.get(name), int)
    }
    try:
        return QueuedDag(
            id=str(ad["CondorloopId"]),
            key=CampaignKey(str(ad["CondorloopCalibration"]), int(ad["CondorloopRun"])),
            number=int(ad["CondorloopDag"]),
            cluster=int(ad["ClusterId"]),
            hold_reason=str(ad.get("HoldReason", "held")) if ad["JobStatus"] == _HELD else None,
            counts=counts,
        )
    except (KeyError, TypeError, ValueError):
        return None
