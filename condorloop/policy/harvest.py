"""When complete ALCARECO are harvested, for each harvest reads all of its campaign.

Knows growth of statistics, the longest wait, and when no more of a run is to come; it is pure, and
knows nothing of how a harvest is submitted.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from condorloop.config.calibration import Calibration
from condorloop.model.campaign import Alcareco, Campaign, Dag, Statistics
from condorloop.model.enums import CampaignState, DagState
from condorloop.model.lumis import EMPTY, Lumis
from condorloop.policy.rescue import can_rescue
from condorloop.policy.window import leaving

SERVED_BEFORE = 3600.0
"""Seconds before a lumisection leaves the buffer at which a harvest of it begins, at the latest."""


@dataclass(frozen=True, slots=True)
class Measure:
    """How much a campaign's statistics are, in what its calibration counts.

    A lumisection whose luminosity OMS has not told yet counts as the mean of those that it has.
    Where it has told of none, or nothing was recorded, lumisections count.
    """

    what: str
    luminosity: Mapping[int, float]

    def __call__(self, statistics: Statistics) -> float:
        """Say how much this is: lumisections, events or 1/pb."""
        if self.what == "events":
            return float(statistics.events)
        known = self.luminosity
        if self.what == "luminosity" and (total := sum(known.values())):
            mean = total / len(known)
            return sum(known.get(lumi, mean) for lumi in statistics.lumis)
        return float(len(statistics.lumis))


def batch_harvests(campaign: Campaign, calibration: Calibration) -> bool:
    """Whether the DAG of the files that wait is to harvest, too.

    It is if the run has ended, or if with it the statistics will have grown enough over what
    harvests have read, and those that are on their way are going to read.
    """
    if campaign.run_end is not None:
        return True
    moving = [d for d in campaign.dags if d.moves]
    taken = frozenset[int]().union(*(d.harvest_inputs or () for d in moving))
    to_harvest = {d.id: d for d in moving if d.harvest_inputs is None}
    last = max((d.number for d in to_harvest.values() if d.harvests), default=-1)
    read, new = [_harvested(campaign)], [_waiting(campaign)]
    for dag in to_harvest.values():
        (read if dag.number <= last else new).append(dag.holds)
    for job, made in campaign.unharvested.items():
        if last >= 0 or job in taken:
            read.append(made.holds)
        elif made.dag_id not in to_harvest:
            new.append(made.holds)
    return _has_grown(Statistics.total(read), Statistics.total(new), campaign, calibration)


def why_harvest(now: float, campaign: Campaign, calibration: Calibration) -> str | None:
    """Say why complete ALCARECO need a harvest DAG; None if they do not, or not yet.

    They do if no HARVEST has read them or is going to, and one of these holds: they have waited for
    long; a lumisection of theirs leaves the buffer soon, of a payload by lumisection, and none
    serves it; the statistics have grown enough; no more of the campaign is on its way.
    """
    left = _left(campaign)
    harvesting = [d for d in campaign.dags if _will_harvest(now, campaign, d, calibration)]
    if not left or any(dag.batch is None for dag in harvesting):
        return None
    words = f"{len(left)} complete ALCARECO that no HARVEST has read or will read"
    waited = now - min(made.done_at for made in left.values())
    if waited >= calibration.harvesting.longest_wait:
        return f"{words}, the first for {waited:.0f} s"
    if soon := _to_be_served(now, campaign, calibration, left):
        return f"{words}, and LS {soon} leave the buffer within {SERVED_BEFORE / 60:g} min"
    if harvesting:
        return None
    if _is_last(campaign):
        return f"{words}, and no more is on its way"
    new = Statistics.total(made.holds for made in left.values())
    if _has_grown(_harvested(campaign), new, campaign, calibration):
        return f"{words}, with LS {new.lumis}"
    return None


def _to_be_served(
    now: float, campaign: Campaign, calibration: Calibration, left: Mapping[int, Alcareco]
) -> Lumis:
    """The lumisections of ALCARECO that no payload serves, and that leave the buffer soon."""
    if not campaign.by_lumi:
        return EMPTY
    new = Lumis.union(made.holds.lumis for made in left.values()) - campaign.in_payload
    return new & leaving(now, SERVED_BEFORE, campaign.run_start, calibration.closing)


def _left(campaign: Campaign) -> dict[int, Alcareco]:
    """The complete ALCARECO that are worth a harvest DAG.

    A harvest DAG that failed before it could choose its inputs will read them when it is rescued;
    after its last rescue only ALCARECO that came later are worth another one. What failed in a
    batch's DAG that calibrations share is made by a harvest DAG.
    """
    left = dict(campaign.unharvested)
    for dag in campaign.dags:
        if dag.made and dag.state is DagState.FAILED:
            continue
        started = dag.harvest_inputs
        if started is not None and dag.state is not DagState.REMOVED:
            left = {job: made for job, made in left.items() if job not in started}
        elif dag.batch is None and dag.harvests:
            left = {job: m for job, m in left.items() if m.done_at > (dag.ended_at or 0.0)}
    return left


def _will_harvest(now: float, campaign: Campaign, dag: Dag, calibration: Calibration) -> bool:
    """Whether a HARVEST that has not started will do so by itself."""
    if not dag.harvests or dag.harvest_inputs is not None:
        return False
    if dag.in_flight:
        return not dag.failed_nodes and (dag.moves or dag.batch is None)
    return dag.batch is None and can_rescue(now, campaign, dag, calibration)


def _is_last(campaign: Campaign) -> bool:
    """Whether nothing of the campaign is on its way: neither files nor DAGs that move."""
    if any(dag.moves and dag.sends is None for dag in campaign.dags):
        return False
    if campaign.again:
        return False
    over = campaign.run_end is not None and not campaign.waiting and not campaign.probing
    return over or campaign.state is CampaignState.CLOSING


def _has_grown(
    read: Statistics, new: Statistics, campaign: Campaign, calibration: Calibration
) -> bool:
    measure = Measure(calibration.harvesting.statistic, campaign.luminosity)
    before = measure(read)
    return measure(read + new) - before >= before * calibration.harvesting.growth


def _harvested(campaign: Campaign) -> Statistics:
    return Statistics(campaign.harvested, campaign.events_harvested)


def _waiting(campaign: Campaign) -> Statistics:
    files = [w.file for w in campaign.waiting]
    return Statistics(Lumis.union(f.lumis for f in files), sum(f.events for f in files))
