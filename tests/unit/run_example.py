"""A run on the disk as jobs and POST scripts leave it, and in the ledger as the submitter has it.

Each batch is one RAW file of five LS and one ALCARECO; the last batch's harvest reads them all.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from condorloop.config.loader import Config
from condorloop.dagman.plan import planned_nodes
from condorloop.dagman.replan import plan_of
from condorloop.ledger.store import Ledger
from condorloop.model.campaign import Probe
from condorloop.model.enums import CampaignState, FileState, UploadOutcome
from condorloop.model.jobs import DestinationRecord, HarvestRecord
from condorloop.model.lumis import Lumis
from condorloop.node.dag_context import DagContext
from condorloop.node.post_script import finish
from condorloop.rundir.layout import HARVEST_RECORD, LEDGER, alcareco_job
from condorloop.rundir.records.harvest import HarvestResult
from tests.unit.examples import KEY, RUN, START, config
from tests.unit.node_examples import leave_reco, make_dag, run_alca, run_harvest


class RunExample:
    """A run of one campaign that is made step by step; `site` is its configuration."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.site: Config = config(folder)
        self.stream = self.site.stream_of(KEY.calibration).raw_path
        self.dags: list[DagContext] = []
        self.site.site.work_dir.mkdir(exist_ok=True)
        with self.ledger() as ledger:
            ledger.campaigns.latch(KEY, self.stream, RUN, "running", START)

    def ledger(self) -> Ledger:
        """The ledger, open for writing."""
        return Ledger(self.site.site.work_dir / LEDGER, "ledger")

    @property
    def run_dir(self) -> Path:
        """The run directory."""
        return self.dags[0].run_dir

    def file(self, path: str, lumis: str, events: int = 100, size: int = 1000) -> None:
        """Let a good RAW file appear."""
        with self.ledger() as ledger:
            ledger.raw_files.add(self.stream, RUN.number, {path: size}, START + 1)
            probe = Probe(Lumis.parse(lumis), events)
            ledger.raw_files.probed(path, FileState.GOOD, probe, START + 2)

    def batch(self, like: int | None = None, read: str = "") -> DagContext:
        """Let a batch's RECO and ALCA nodes go well, of its own RAW file or another batch's.

        `read` are the LS that its jobs read, all of the file's if not given.
        """
        number = len(self.dags)
        dag = make_dag(self.folder, number, number, like=like)
        self.dags.append(dag)
        [raw] = dag.manifest.files
        self.file(raw.path, str(raw.lumis))
        lumis = read or str(raw.lumis)
        leave_reco(dag, lumis)
        assert finish(dag, "RECO_0000", 0) == 0
        assert run_alca(dag, lumis) == 0
        with self.ledger() as ledger:
            [campaign] = ledger.campaigns.of_run(RUN.number, KEY.calibration)
            plan = plan_of(dag.manifest)
            mine = ledger.dags.plan(
                campaign.id, number, number, planned_nodes(plan), "test", START + 3
            )
            ledger.dags.submitted(mine, 10 + number, START + 4)
            for name in ("RECO_0000", "ALCA_0000"):
                ledger.dags.node_done(mine, name, Lumis.parse(lumis), 100, START + 70)
        return dag

    def harvest(
        self,
        destinations: Sequence[DestinationRecord] = (),
        outcome: UploadOutcome = UploadOutcome.UPLOADED,
    ) -> HarvestResult:
        """Let the last batch's harvest go well and its payload be uploaded.

        Where `destinations` tell what became of it in each, `outcome` is that of the whole.
        """
        dag = self.dags[-1]
        assert run_harvest(dag) == 0
        record = HarvestResult.read(self.harvest_dir / HARVEST_RECORD)
        told = HarvestRecord(
            frozenset(map(alcareco_job, record.inputs)),
            record.lumis,
            record.events,
            harvested_at=START + 80,
            outcome=outcome,
            answer=str(outcome),
            tag="EcalPedestals_hlt",
            hash="abc",
            since=RUN.number,
            answered_at=START + 90 + dag.manifest.dag,
            destinations=tuple(destinations),
        )
        with self.ledger() as ledger:
            [campaign] = ledger.campaigns.of_run(RUN.number, KEY.calibration)
            [mine] = [d for d in campaign.dags if d.number == dag.manifest.dag]
            ledger.payloads.record(mine.id, campaign.id, told)
            for name in ("HARVEST", "UPLOAD"):
                ledger.dags.node_done(mine.id, name, record.lumis, record.events, START + 90)
            ledger.dags.ended(mine.id, None, START + 91)
        return record

    @property
    def harvest_dir(self) -> Path:
        """Where the payload in force is."""
        return self.run_dir / self.dags[-1].node("HARVEST").output

    def close(self, state: CampaignState = CampaignState.COMPLETE, reason: str = "all") -> None:
        """Let the campaign be closed."""
        with self.ledger() as ledger:
            [campaign] = ledger.campaigns.of_run(RUN.number, KEY.calibration)
            ledger.campaigns.set_state(campaign.id, state, reason, START + 100)
