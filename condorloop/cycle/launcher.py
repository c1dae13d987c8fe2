"""The launcher: from a plan to a DAG in the queue.

Knows the order of effects: the ledger, the DAG's directory, the schedd. What it began and did not
finish stands in the ledger as planned, and is carried on by the tracker.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace

from condorloop.cycle.ports import JobQueue
from condorloop.cycle.settings import Settings
from condorloop.dagman import written_destination
from condorloop.dagman.adoption import free_numbers
from condorloop.dagman.plan import DagPlan, planned_nodes
from condorloop.dagman.render import Renderer
from condorloop.dagman.rerender import renew
from condorloop.dagman.schedd.client import ScheddUnavailable
from condorloop.ledger.store import Ledger
from condorloop.model.campaign import (
    Campaign,
    CampaignKey,
    Dag,
    Reconstruction,
    ReconstructionKey,
)
from condorloop.model.enums import UploadOutcome
from condorloop.model.queue import QueuedDag
from condorloop.model.service import Service
from condorloop.rundir.layout import ASK_AGAIN, dag_file, harvest_name, made_in
from condorloop.rundir.records.manifest import Manifest
from condorloop.rundir.work_dir import check_dag
from condorloop.runtime.logs import say
from condorloop.runtime.shutdown import Shutdown
from condorloop.text import one_line


class Launcher:
    """Submits the DAGs of one ledger."""

    def __init__(
        self,
        ledger: Ledger,
        settings: Settings,
        schedd: JobQueue,
        shutdown: Shutdown,
    ) -> None:
        self.service = Service("submission of DAGs", trouble="failing")
        self._ledger = ledger
        self._settings = settings
        self._schedd = schedd
        self._shutdown = shutdown
        self._silent_at: float | None = None
        self._refused: dict[int, str] = {}

    @property
    def renderer(self) -> Renderer:
        """What writes DAGs by the present configuration."""
        return self._settings.renderer

    def carry_out(
        self,
        campaigns: Sequence[Campaign],
        plan: DagPlan,
        reason: str,
        now: float,
        *,
        again: bool = False,
        restores: bool = False,
        turn: bool = False,
        piece: int | None = None,
        accept_destination: bool = False,
    ) -> None:
        """Write a plan into the ledger, then onto the disk, then submit it.

        Parameters
        ----------
        campaigns
            Those for which it harvests or sends, the one by whose recipe RECO and ALCA go first.
        turn
            Whether the turn has come of a payload that the order of its tags kept back.
        piece
            The last lumisection that is awaited no more, if a piece of its payload is to go up.
        again
            Whether a person wants its payload sent where one as good is, or one was refused.
        restores
            Whether a person wants its payload in the place of the one that is there.
        accept_destination
            Whether what another DAG made goes to the configured destination, whatever that had.

        Raises
        ------
        OSError
            The DAG's directory cannot be written; the plan is dropped in the next cycle.
        Untrusted
            Another account could change what would be run; nothing is planned.
        """
        keys = [campaign.key for campaign in campaigns]
        for folder in {self.renderer.run_dir(plan.key), *map(self.renderer.run_dir, keys)}:
            check_dag(self.renderer.work_dir, folder)
        for key in keys:
            self.renderer.keep_configuration(key)
        renderer = self._settings.renderer_for(keys)
        mine = campaigns[0].reconstruction_id
        nodes = planned_nodes(plan)
        dag_id = self._ledger.dags.plan(
            mine,
            plan.batch,
            plan.number,
            nodes,
            reason,
            now,
            made_for=plan.made_for,
            again_for=plan.again_for,
        )
        settle = written_destination.settled(renderer, plan, accept=accept_destination)
        uploaded = self._ledger.campaigns.uploaded
        sent = Sent(again=again, turn=turn, piece=piece, restores=restores)
        renderer.write(
            plan,
            {c.key.calibration: uploaded(c.id) for c in campaigns},
            lambda present: sent.told_to(settle(present)),
        )
        about = about_plan(plan)
        say(about, f"{plan.label} ({_detail(plan)}): {reason}")
        self._submit(about, plan.key, dag_id, plan.number, plan.label, now)

    def next_numbers(self, campaign: Campaign, queued: Iterable[QueuedDag]) -> tuple[int, int, int]:
        """The next DAG, batch and ALCARECO numbers that neither disk nor queue has."""
        key = campaign.reconstruction
        runs = self.renderer.run_dir(key)
        known = self._ledger.dags.next_numbers(campaign.reconstruction_id)
        calibrations = self.renderer.config.calibrations.values()
        sharing = {campaign.key.calibration}
        sharing |= {c.name for c in calibrations if c.stream_name == key.stream}
        harvests = [made_in(runs, name) for name in sharing] if campaign.shares else []
        dag, batch, job = free_numbers(runs, *known, made_in=harvests)
        in_queue = (d.number for d in queued if d.made_from == key)
        return max(dag, 1 + max(in_queue, default=-1)), batch, job

    def rescue(
        self,
        reconstruction: Reconstruction,
        dag: Dag,
        reason: str,
        without: Mapping[str, tuple[str, ...]],
        now: float,
        *,
        taken_out: Iterable[str] = (),
    ) -> None:
        """Submit a failed DAG again, from its rescue file."""
        say(reconstruction.about(dag), f"{dag.label} is rescued: {reason}")
        self._ledger.dags.plan_rescue(dag.id, without, taken_out)
        self.submit_planned(reconstruction, dag, now)

    def resubmit(
        self,
        reconstruction: Reconstruction,
        dag: Dag,
        now: float,
        *,
        asked_for: CampaignKey,
        accept_destination: bool = False,
    ) -> None:
        """Submit a DAG again because a person wants it; a refused upload is asked for again.

        It takes the configured destination of the campaign that is `asked_for`, if that is
        accepted, before it is planned: what is planned already is carried on without a person's
        word.
        """
        if accept_destination and (renderer := self._renderer_of(reconstruction, dag)):
            dropped, accepted = self._ledger.dags.dropped(dag.id), [asked_for.calibration]
            renew(renderer, reconstruction.key, dag.number, dropped, accept_destination=accepted)
        if dag.upload is UploadOutcome.REFUSED:
            harvest = self.renderer.run_dir(asked_for) / harvest_name(dag.harvest)
            harvest.mkdir(parents=True, exist_ok=True)
            (harvest / ASK_AGAIN).touch()
        self._ledger.dags.plan_resubmission(dag.id)
        self.submit_planned(reconstruction, dag, now)

    def submit_planned(self, reconstruction: Reconstruction, dag: Dag, now: float) -> None:
        """Submit a DAG that the ledger has as planned and whose directory is there.

        It gets the present configuration of its calibrations, with the recipe that each campaign
        keeps; where none is configured, it stays as it was written, or waits if it is to go on
        without some of its inputs.

        Raises
        ------
        OSError, RecordError
            Its directory cannot be brought up to date.
        Untrusted
            Another account could change what would be run.
        """
        key, about = reconstruction.key, reconstruction.about(dag)
        check_dag(self.renderer.work_dir, self.renderer.run_dir(key), dag.number)
        dropped = self._ledger.dags.dropped(dag.id)
        if renderer := self._renderer_of(reconstruction, dag):
            taken_out = self._ledger.dags.taken_out(dag.id)
            if renew(renderer, key, dag.number, dropped, without=taken_out):
                say(about, f"{dag.label} rewritten with the present configuration")
        elif dropped:
            return
        self._submit(about, key, dag.id, dag.number, dag.label, now)

    def _renderer_of(self, reconstruction: Reconstruction, dag: Dag) -> Renderer | None:
        """What writes a DAG anew; None if nothing that it works for is configured."""
        run = reconstruction.key.run
        wanted = self._ledger.dags.calibrations(dag.id) & self.renderer.config.calibrations.keys()
        keys = [CampaignKey(name, run) for name in sorted(wanted)]
        return self._settings.renderer_for(keys) if keys else None

    def _submit(
        self,
        about: CampaignKey | ReconstructionKey,
        key: ReconstructionKey,
        dag_id: int,
        number: int,
        label: str,
        now: float,
    ) -> None:
        if self._silent_at == now:
            return  # no use to wait for the schedd for each DAG
        file = dag_file(self.renderer.run_dir(key), number)
        try:
            with self._shutdown.outside():
                cluster = self._schedd.submit(file, f"{about} {label}")
        except ScheddUnavailable as error:
            self.service.failed(error, now)
            self._refused[dag_id] = one_line(str(error))
            if isinstance(error.__cause__, TimeoutError):
                self._silent_at = now
            return
        self.service.good(now)
        self._refused.pop(dag_id, None)
        self._ledger.dags.submitted(dag_id, cluster, now)
        say(about, f"{label} submitted as {cluster}")
        for other, why in self._refused.items():  # it is not the schedd that does not answer
            self._ledger.dags.set_refused(other, why)
        self._refused.clear()


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """How the payload of a DAG's one calibration is sent; see `HarvestSettings`."""

    again: bool = False
    restores: bool = False
    turn: bool = False
    piece: int | None = None

    def told_to(self, manifest: Manifest) -> Manifest:
        """Give a manifest that says so."""
        if self == Sent():
            return manifest
        told = {name: replace(own, **asdict(self)) for name, own in manifest.settings.items()}
        return replace(manifest, settings=told)


def about_plan(plan: DagPlan) -> CampaignKey | ReconstructionKey:
    """Whose a DAG is, as logs say it."""
    own = plan.calibrations
    if plan.again_for:
        return CampaignKey(plan.again_for, plan.key.run)
    shares = plan.batch is not None and plan.made_for != (plan.key.stream,)
    return plan.key if shares else CampaignKey(own[0] if own else plan.key.stream, plan.key.run)


def _detail(plan: DagPlan) -> str:
    if plan.sends is not None:
        return f"UPLOAD of {harvest_name(plan.sends)}"
    if plan.batch is None:
        return "HARVEST and UPLOAD"
    return f"LS {plan.lumis}" if plan.harvests else f"LS {plan.lumis}, no HARVEST"
