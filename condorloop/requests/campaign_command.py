"""Commands about campaigns: those of a run, or all open ones of a calibration.

Knows which campaigns a request means and how a step for each becomes a plan. What is decided of one
campaign, the command says.
"""

from __future__ import annotations

import re
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from condorloop.ledger.store import LedgerReader
from condorloop.model.campaign import Campaign, CampaignKey, DagOutline, MissedFile
from condorloop.model.jobs import HarvestRecord
from condorloop.model.request import ALL_RUNS, Request
from condorloop.requests.command import Command, Option, Plan, SenselessRequest, Step
from condorloop.rundir.layout import harvest_job, harvest_name
from condorloop.rundir.records.decisions import UploadsHeld

NODE = Option(
    "--node",
    "node",
    "Only a DAG or a node, as status names it: b003, RECO_0001, b003/RECO_0001.",
    metavar="NAME",
)

OF_OTHER_RUN = re.compile(r"(?P<run>[0-9]{1,9})/(?P<harvest>harvestJob[0-9]{3,9})")
"""How a payload of another run is called."""

_ARCHIVED = "it is archived: it can be looked at, and nothing more is done for it"


@dataclass(frozen=True, slots=True)
class Subject:
    """A campaign that something is asked of, with all of its DAGs and their nodes by name.

    `payloads` are what its harvests made, by the number of their DAG; `alcareco` are how many
    ALCARECO are complete; `uploads_held` is who holds its uploads alone. `of_other_run` is the
    payload of another run that the request names, or why there is none. `missed` are the RAW files
    that were reconstructed without what it needs.
    """

    campaign: Campaign
    outline: tuple[DagOutline, ...]
    payloads: Mapping[int, HarvestRecord] = field(default_factory=dict)
    alcareco: int = 0
    uploads_held: UploadsHeld | None = None
    of_other_run: HarvestRecord | str = ""
    missed: tuple[MissedFile, ...] = ()


@dataclass(frozen=True, slots=True)
class Subjects:
    """What the ledger knows of the campaigns that a request may mean.

    `campaigns` are all of its run; of a whole calibration, those that are open. `latest_runs` are
    named where the run has none. `held_by` holds the whole calibration, empty if nobody does;
    `uploads_held` are the uploads of a whole calibration.
    """

    campaigns: Sequence[Subject]
    latest_runs: Sequence[int] = ()
    held_by: str = ""
    uploads_held: UploadsHeld | None = None


class CampaignCommand(Command):
    """A command that takes one step for each campaign."""

    options: ClassVar[tuple[Option, ...]] = (NODE,)

    def validate(self, request: Request) -> None:
        """Refuse what names neither run nor calibration, or a node of no run."""
        super().validate(request)
        if request.run == ALL_RUNS and (request.calibration is None or request.node is not None):
            raise SenselessRequest(
                "which RUN? Without one it is about all open campaigns of the calibrations that "
                "-c names, and takes no --node"
            )

    @abstractmethod
    def decide(self, request: Request, subject: Subject) -> Step | str:
        """Say what is done for a campaign that is not archived, or why nothing is; it is pure."""

    def decide_for_all(self, request: Request, name: str, found: Subjects) -> Step | None:
        """Say what is done for the campaigns of a calibration that are to come; it is pure."""
        return None

    def plan(self, request: Request, ledger: LedgerReader) -> Plan:
        """Say what a request comes to by what the ledger knows."""
        return self.plan_of(request, _subjects(request, ledger))

    def plan_of(self, request: Request, found: Subjects) -> Plan:
        """Say what a request comes to; it is pure."""
        if request.calibration and request.run == ALL_RUNS:
            return self._of_calibration(request, request.calibration, found)
        if not found.campaigns:
            runs = ", ".join(map(str, found.latest_runs))
            there = f"; the latest are {runs}" if runs else ""
            return Plan((), (f"run {request.run}: no campaign of it is known here{there}",))
        name = request.calibration
        meant = [s for s in found.campaigns if name is None or _is_meant(name, s.campaign)]
        if not meant:
            there = ", ".join(s.campaign.key.calibration for s in found.campaigns)
            return Plan((), (f"run {request.run}: no campaign of {name}; there are {there}",))
        return Plan(*self._decided(request, meant))

    def _of_calibration(self, request: Request, name: str, found: Subjects) -> Plan:
        """What is asked of all open campaigns of a calibration, and of those to come."""
        steps, remarks = self._decided(request, found.campaigns)
        if to_come := self.decide_for_all(request, name, found):
            steps = (to_come, *steps)
        if steps:
            return Plan(steps)
        return Plan((), remarks or (f"{name}: no campaign of it is open",))

    def _decided(
        self, request: Request, subjects: Sequence[Subject]
    ) -> tuple[tuple[Step, ...], tuple[str, ...]]:
        """The steps for some campaigns, and why there is none for the others."""
        steps, remarks = [], []
        for subject in subjects:
            decided: Step | str = _ARCHIVED
            if not subject.campaign.archived:
                decided = self.decide(request, subject)
            if isinstance(decided, str):
                remarks.append(f"{subject.campaign.key}: {decided}")
            else:
                steps.append(decided)
        return tuple(steps), tuple(remarks)


def _is_meant(name: str, campaign: Campaign) -> bool:
    """Whether a name is that of a campaign's calibration, or of its stream."""
    return name in (campaign.key.calibration, campaign.reconstruction.stream)


def _subjects(request: Request, ledger: LedgerReader) -> Subjects:
    name = request.calibration
    if name is not None and request.run == ALL_RUNS:
        campaigns = ledger.campaigns.open_of(name)
    else:
        campaigns = ledger.campaigns.of_run(request.run, None)
    held = ledger.campaigns.held_calibrations()
    uploads = ledger.campaigns.held_uploads()
    return Subjects(
        [
            Subject(
                campaign=c,
                outline=tuple(ledger.dags.outline(c.reconstruction_id, c.id)),
                payloads=ledger.payloads.harvested(c.id),
                alcareco=len(ledger.dags.alca_of(c.id)),
                uploads_held=uploads.get((c.key.calibration, c.key.run)),
                of_other_run=_of_other_run(request, c.key, ledger),
                missed=ledger.campaigns.missed(c) if request.reprocess else (),
            )
            for c in campaigns
        ],
        ledger.campaigns.latest_runs(),
        held[name][0] if name in held else "",
        uploads.get((name or "", ALL_RUNS)),
    )


def _of_other_run(request: Request, key: CampaignKey, ledger: LedgerReader) -> HarvestRecord | str:
    """The payload of another run that a request names, or why there is none."""
    named = OF_OTHER_RUN.fullmatch(request.send_again or "")
    if named is None:
        return ""
    run, harvest = int(named["run"]), named["harvest"]
    campaigns = ledger.campaigns.of_run(run, key.calibration)
    if not campaigns:
        return f"no campaign of {key.calibration} of run {run} is known here"
    made = {n: h for n, h in ledger.payloads.harvested(campaigns[0].id).items() if h.hash}
    if found := made.get(harvest_job(harvest)):
        return found
    there = ", ".join(map(harvest_name, sorted(made))) or "none"
    return f"run {run} has no payload {harvest!r}; there are: {there}"
