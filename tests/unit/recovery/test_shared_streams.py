"""A ledger that is lost or older is rebuilt where calibrations share a stream."""

import shutil
from dataclasses import replace

import pytest

from condorloop.dagman.plan import plan_harvest, planned_nodes
from condorloop.dagman.replan import plan_of
from condorloop.dagman.rerender import renew
from condorloop.ledger.store import Ledger
from condorloop.model.campaign import CampaignKey, Probe
from condorloop.model.enums import CampaignState, DagState, FileState, NodeKind
from condorloop.model.lumis import Lumis
from condorloop.node.dag_context import DagContext
from condorloop.recovery.rebuild import open_ledger
from condorloop.rundir.durable import write_json
from condorloop.rundir.layout import (
    CONFIGURATION,
    HARVEST_RECORD,
    MANIFEST,
    RUN_END,
    UPLOAD_RECORD,
    UPLOADS_HELD,
    iso_time,
)
from condorloop.rundir.records.decisions import UploadsHeld
from condorloop.rundir.records.manifest import Manifest
from condorloop.rundir.records.witness import Witness
from tests.unit.examples import RUN, START
from tests.unit.express import STREAM
from tests.unit.shared_examples import (
    ALI,
    COMBINED,
    EXPRESS,
    GAINS,
    SHARING,
    reread,
    shared_alca,
    shared_batch,
    shared_config,
    shared_renderer,
)

LATER = START + 3600
LONG_AFTER = START + 30 * 24 * 3600


class Place:
    """A work_dir in which three calibrations share a reconstruction, and its ledger."""

    def __init__(self, folder):
        self.config = shared_config(folder)
        self.renderer = shared_renderer(folder)
        self.work_dir = self.config.site.work_dir
        self.runs = self.renderer.run_dir(EXPRESS)
        self.path = self.work_dir / "condorloop.db"
        for name in SHARING:
            self.renderer.begin_run(CampaignKey(name, RUN.number), RUN.start, EXPRESS)

    def own(self, name):
        return self.work_dir / name / f"run{RUN.number}"

    def write(self, plan, cluster=None, uploaded=None):
        file = self.renderer.write(plan, uploaded)
        if cluster:
            log = file.with_name(f"{file.name}.dagman.log")
            log.write_text(f"000 ({cluster}.000.000) 2026-09-21 14:13:20 Job submitted\n...\n")
        return self.dag(plan.number)

    def batch(self, number=0, cluster=17, **options):
        return self.write(shared_batch(self.config, number, **options), cluster)

    def dag(self, number):
        made = self.runs / f"dag{number:03d}"
        return DagContext(made, Manifest.read(made / MANIFEST))

    def harvest(self, name, number, **options):
        return self.write(plan_harvest(EXPRESS, name, number), **options)

    def harvested(self, name, number, outcome="uploaded"):
        """Let a harvest have ended, and its payload have been answered."""
        made = self.own(name) / f"harvestJob{number:03d}"
        made.mkdir()
        record = {
            "dag_id": f"ledger/{STREAM}/{RUN.number}/{number}",
            **{"inputs": ["apJob000"], "left_out": [], "lumis": "1-5", "lacking": ""},
            **{"events": 100, "iovs": [], "time": START + 60},
        }
        write_json(made / HARVEST_RECORD, record)
        answer = {"outcome": outcome, "answer": "", "time": START + 61, "unanswered": False}
        write_json(made / UPLOAD_RECORD, answer)

    def known(self, ledger, dag, cluster=17):
        """Let a ledger know a DAG that has its directory."""
        plan = plan_of(dag.manifest)
        files = {f.path: f for node in plan.nodes for f in node.files}
        path = self.config.shared_streams[STREAM].raw_path
        ledger.raw_files.add(path, RUN.number, {p: f.size for p, f in files.items()}, START)
        for file in files.values():
            probe = Probe(file.lumis, file.events)
            ledger.raw_files.probed(file.path, FileState.GOOD, probe, START)
        [campaign, *_] = ledger.campaigns.of_run(RUN.number, None)
        mine, nodes = campaign.reconstruction_id, planned_nodes(plan)
        dag_id = ledger.dags.plan(
            mine, plan.batch, plan.number, nodes, "", START, made_for=plan.made_for
        )
        if cluster:
            ledger.dags.submitted(dag_id, cluster, START)
        return dag_id

    def latch(self, ledger, *names):
        for name in names:
            key = CampaignKey(name, RUN.number)
            path = self.config.shared_streams[STREAM].raw_path
            ledger.campaigns.latch(key, path, RUN, "", START, stream=STREAM)

    def opened(self, now=LATER):
        return open_ledger(self.path, self.config, now)


@pytest.fixture
def place(tmp_path):
    return Place(tmp_path)


def campaigns(ledger):
    return {c.key.calibration: c for c in ledger.campaigns.of_run(RUN.number, None)}


def reconstruction(ledger):
    [mine] = {c.reconstruction_id for c in campaigns(ledger).values()}
    return ledger.campaigns.reconstruction(mine)


def test_the_directory_of_a_stream_is_a_reconstruction_and_no_campaign(place):
    place.batch()
    place.harvest(GAINS, 1)
    with place.opened() as ledger:
        found = campaigns(ledger)
        assert found.keys() == set(SHARING)
        assert {(c.state, c.run_start) for c in found.values()} == {
            (CampaignState.ACTIVE, RUN.start)
        }
        of = reconstruction(ledger)
        assert of.key == EXPRESS
        states = {(d.label, d.calibration): (d.state, d.cluster) for d in of.dags}
        assert states == {
            ("b000", ""): (DagState.ACTIVE, 17),
            ("harvest001", GAINS): (DagState.PLANNED, None),
        }
        assert [len(found[name].dags) for name in (ALI, GAINS)] == [1, 2]
        assert of.campaigns[0].waiting == ()
        assert ledger.dags.next_numbers(of.id) == (2, 1, 1)


def test_no_lumisection_of_a_batch_is_missing_for_those_that_it_was_made_for(place):
    place.batch(made_for=(ALI, GAINS))
    with place.opened() as ledger:
        told = {name: str(c.not_made) for name, c in campaigns(ledger).items()}
        assert told == {ALI: "", GAINS: "", COMBINED: "1-5"}


def test_a_stream_that_has_no_dag_yet_is_found_by_the_directories_of_its_calibrations(place):
    shutil.rmtree(place.own(GAINS))
    with place.opened() as ledger:
        assert campaigns(ledger).keys() == {ALI, COMBINED}
        assert reconstruction(ledger).key == EXPRESS


def test_the_directory_of_a_stream_alone_makes_no_campaign(place):
    for name in SHARING:
        shutil.rmtree(place.work_dir / name)
    with place.opened() as ledger:
        assert campaigns(ledger) == {}


def test_who_has_an_alcareco_and_no_campaign_has_none_after_a_rebuilding(place):
    """Its run has too few LS or no stable beams: a payload of it must not go up."""
    shutil.rmtree(place.work_dir / COMBINED)
    place.batch(harvested_for=(ALI, GAINS))
    with place.opened() as ledger:
        assert campaigns(ledger).keys() == {ALI, GAINS}
        place.latch(ledger, COMBINED)
        assert not campaigns(ledger)[COMBINED].not_made


def test_the_stream_of_a_run_is_that_of_its_latching_whatever_is_configured_now(place, tmp_path):
    """Two of the three are switched off now; this run was latched for all of them."""
    for name in (GAINS, ALI):
        (place.config.folder / f"{name}.yaml").unlink()
    place.config = shared_config(tmp_path)
    assert GAINS not in place.config.calibrations
    with place.opened() as ledger:
        assert campaigns(ledger).keys() == set(SHARING)
        assert {c.stream for c in campaigns(ledger).values()} == {STREAM}


def test_without_its_configuration_a_campaign_is_of_the_stream_that_harvests_for_it(place):
    for name in SHARING:
        (place.own(name) / CONFIGURATION).unlink()
    place.batch()
    with place.opened() as ledger:
        assert reconstruction(ledger).key == EXPRESS


def test_batches_are_made_for_those_that_match_the_run_when_oms_has_told_of_it_again(place):
    place.batch()
    with place.opened() as ledger:
        ledger.campaigns.update_runs([RUN])
        of = reconstruction(ledger)
        assert (of.fill_type, of.l1_hlt_mode) == (RUN.fill_type, RUN.l1_hlt_mode)
        ledger.campaigns.update_runs([replace(RUN, l1_hlt_mode="cosmics2026")])
        assert reconstruction(ledger).l1_hlt_mode == RUN.l1_hlt_mode


def test_what_is_in_the_database_is_known_for_each_calibration(place):
    place.batch()
    place.write(plan_harvest(EXPRESS, GAINS, 1), 18, uploaded={GAINS: (Lumis.span(1, 5), 100)})
    with place.opened() as ledger:
        told = {n: str(c.in_payload) for n, c in campaigns(ledger).items()}
        assert told == {ALI: "", COMBINED: "", GAINS: "1-5"}


def test_a_calibration_that_was_taken_out_stays_so(place):
    """What an ALCA had made for it before is its own, what comes later is not."""
    first = place.batch()
    assert shared_alca(first) == 0
    second = place.batch(1, cluster=18)
    for dag in (first, second):
        renew(place.renderer, EXPRESS, dag.manifest.dag, {}, without=[COMBINED])
    assert shared_alca(reread(second)) == 0
    with place.opened() as ledger:
        of = reconstruction(ledger)
        assert [ledger.dags.taken_out(d.id) for d in of.dags] == [{COMBINED}, {COMBINED}]
        for dag in of.dags:
            ledger.dags.node_done(dag.id, "ALCA_0000", Lumis.span(1, 5), 100, LATER)
        unharvested = {n: list(c.unharvested) for n, c in campaigns(ledger).items()}
        assert unharvested == {ALI: [0, 1], GAINS: [0, 1], COMBINED: [0]}
        unfinished = {n.name for d in of.dags for n in ledger.dags.unfinished_nodes(d.id)}
        assert not {n for n in unfinished if n.endswith(f"_{COMBINED}")}


def test_an_alcareco_whose_dag_is_lost_is_of_those_that_its_witness_names(place):
    assert shared_alca(place.batch(made_for=(ALI, GAINS))) == 0
    place.harvest(GAINS, 1)
    shutil.rmtree(place.runs / "dag000")
    with place.opened() as ledger:
        unharvested = {n: list(c.unharvested) for n, c in campaigns(ledger).items()}
        assert unharvested == {ALI: [0], GAINS: [0], COMBINED: []}
        of = reconstruction(ledger)
        assert of.campaigns[0].waiting == ()
        assert [d.label for d in of.dags] == ["harvest001"]
        assert ledger.dags.next_numbers(of.id) == (2, 1, 1)


def test_a_lost_dag_made_each_alcareco_for_those_that_its_own_witness_names(place):
    """Two calibrations were taken out of it before its second ALCA was made."""
    dag = place.batch()
    assert shared_alca(dag) == 0
    first = Witness.read(place.runs / dag.manifest.nodes["ALCA_0000"].witness)
    reco = "run398600_LS0006To0010_b000_0001_step2"
    told = {"lumis": Lumis.span(6, 10), "events": 10, "dag_id": first.dag_id}
    Witness("RECO_0001", files=("/eos/f.root",), **told).write(place.runs / f"{reco}_job.txt")
    (place.runs / "apJob001").mkdir()
    Witness("ALCA_0001", files=(reco,), made_for=(ALI,), **told).write(
        place.runs / "apJob001" / "step3_job.txt"
    )
    place.harvest(GAINS, 1)
    shutil.rmtree(place.runs / "dag000")
    with place.opened() as ledger:
        unharvested = {n: list(c.unharvested) for n, c in campaigns(ledger).items()}
        assert unharvested == {ALI: [0, 1], COMBINED: [0], GAINS: [0]}


def test_campaigns_of_long_ago_are_closed_each_by_what_it_has(place):
    assert shared_alca(place.batch()) == 0
    for name in (ALI, COMBINED):
        place.harvested(name, 0)
    (place.own(ALI) / RUN_END).write_text(iso_time(START + 7200))
    with place.opened(LONG_AFTER) as ledger:
        found = campaigns(ledger)
        assert found[ALI].state is CampaignState.COMPLETE
        assert found[COMBINED].state is CampaignState.COMPLETE
        assert found[GAINS].state is CampaignState.INCOMPLETE
        closed = {s.key.calibration: s.closed_at for s in ledger.retention.settled()}
        assert closed[ALI] == pytest.approx(START + 7200, abs=1)
        assert closed[GAINS] == LONG_AFTER


def test_an_older_ledger_adopts_a_dag_of_a_stream_once(place, caplog):
    with Ledger(place.path, "ledger") as ledger:
        place.latch(ledger, *SHARING)
    place.batch()
    place.harvest(ALI, 1, cluster=19)
    with place.opened() as ledger:
        assert [(d.label, d.cluster) for d in reconstruction(ledger).dags] == [
            ("b000", 17),
            ("harvest001", 19),
        ]
    assert caplog.text.count("dag000 is adopted") == 1
    caplog.clear()
    place.opened().close()
    assert "adopted" not in caplog.text


def test_an_older_ledger_takes_up_a_stream_that_it_does_not_know(place):
    Ledger(place.path, "ledger").close()
    place.batch()
    with place.opened() as ledger:
        assert campaigns(ledger).keys() == set(SHARING)
        assert [d.cluster for d in reconstruction(ledger).dags] == [17]


@pytest.mark.parametrize("its_folder_is_there", [True, False])
def test_an_older_ledger_takes_up_who_joined_later(place, its_folder_is_there):
    with Ledger(place.path, "ledger") as ledger:
        place.latch(ledger, ALI, COMBINED)
        first = place.batch(made_for=(ALI, COMBINED))
        place.known(ledger, first)
    place.batch(1, cluster=18)
    if not its_folder_is_there:
        shutil.rmtree(place.work_dir / GAINS)
    with place.opened() as ledger:
        found = campaigns(ledger)
        assert found.keys() == set(SHARING)
        assert str(found[GAINS].not_made) == "1-5"
        assert [d.label for d in reconstruction(ledger).dags] == ["b000", "b001"]
        assert [d.label for d in found[GAINS].dags] == ["b000", "b001"]


def test_a_dag_that_was_submitted_once_more_is_followed_once(place, caplog):
    with Ledger(place.path, "ledger") as ledger:
        place.latch(ledger, *SHARING)
        place.known(ledger, place.batch(cluster=20))
    with place.opened() as ledger:
        assert [d.cluster for d in reconstruction(ledger).dags] == [20]
    assert caplog.text.count("was submitted as 20") == 1


@pytest.mark.parametrize("cluster", [17, None])
def test_who_was_taken_out_of_a_dag_since_is_known_to_an_older_ledger(place, cluster):
    dag = place.batch(cluster=20)
    with Ledger(place.path, "ledger") as ledger:
        place.latch(ledger, *SHARING)
        place.known(ledger, dag, cluster)
    renew(place.renderer, EXPRESS, 0, {}, without=[COMBINED])
    with place.opened() as ledger:
        [found] = reconstruction(ledger).dags
        assert ledger.dags.taken_out(found.id) == {COMBINED}
        unfinished = {n.name for n in ledger.dags.unfinished_nodes(found.id)}
        assert f"HARVEST_{GAINS}" in unfinished
        assert f"HARVEST_{COMBINED}" not in unfinished
        ledger.dags.node_done(found.id, "ALCA_0000", Lumis.span(1, 5), 100, LATER)
        unharvested = {n: list(c.unharvested) for n, c in campaigns(ledger).items()}
        assert unharvested == {ALI: [0], GAINS: [0], COMBINED: []}


def test_who_joined_long_ago_is_closed_by_what_it_has(place):
    with Ledger(place.path, "ledger") as ledger:
        place.latch(ledger, ALI, COMBINED)
        place.known(ledger, place.batch(made_for=SHARING, harvested_for=(ALI, COMBINED)))
    assert shared_alca(place.dag(0)) == 0
    place.harvest(GAINS, 1, cluster=18)
    place.harvested(GAINS, 1)
    with place.opened(LONG_AFTER) as ledger:
        assert campaigns(ledger)[GAINS].state is CampaignState.COMPLETE


def test_who_holds_uploads_of_a_calibration_holds_no_others(place):
    place.batch()
    UploadsHeld("bob@node", "why", START).write(place.own(ALI) / UPLOADS_HELD)
    with place.opened() as ledger:
        told = {n: c.uploads_held_by for n, c in campaigns(ledger).items()}
        assert told == {ALI: "bob@node", COMBINED: "", GAINS: ""}


def test_harvests_and_uploads_are_observed_in_the_directory_of_their_calibration(place):
    assert shared_alca(place.batch()) == 0
    place.harvested(GAINS, 0, "refused")
    with place.opened(LONG_AFTER) as ledger:
        of = reconstruction(ledger)
        kinds = {(n.kind, n.calibration) for n in ledger.dags.unfinished_nodes(of.dags[0].id)}
        assert (NodeKind.HARVEST, GAINS) not in kinds
        assert (NodeKind.HARVEST, ALI) in kinds
