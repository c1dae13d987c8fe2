"""What calibrations of a stream share is told once; what is one's own, of that one alone."""

from __future__ import annotations

import json
from itertools import pairwise

import pytest
from click.testing import CliRunner

from condorloop.cli.main import cli
from condorloop.history import findings as finding
from condorloop.history import provenance, reader, search, sharing
from condorloop.history.finding import Sign
from condorloop.history.findings import QueueSnapshot
from condorloop.history.prov_document import document
from condorloop.ledger.archive import archive_of, prepare_archive
from condorloop.ledger.store import Ledger
from condorloop.model.enums import DagState, NodeKind
from condorloop.model.lumi_fates import LumiState
from condorloop.model.queue import HeldJob
from condorloop.rundir.layout import LEDGER, dag_file, run_dir
from tests.unit.examples import RUN, START, config
from tests.unit.shared_story_example import ALL, ECAL, EXPRESS, SPOT, STRIP, answer, fill, uploaded

NAMES = tuple(key.calibration for key in ALL)


def written(folder, *, answered=True):
    site = config(folder)
    site.site.work_dir.mkdir()
    with Ledger(site.site.work_dir / LEDGER, "ledger") as ledger:
        fill(ledger, answered=answered)
    return site


@pytest.fixture
def site(tmp_path):
    return written(tmp_path)


def stories(site, *only):
    return reader.tell(site, RUN.number, only)


def story(site, key):
    [found] = stories(site, key.calibration)
    return found


def printed(folder, *words):
    site = str(folder / "site.yaml")
    result = CliRunner(env={"COLUMNS": "200"}).invoke(cli, [*words, "--site", site])
    return result.stdout


def test_a_story_has_its_own_harvests_and_the_reco_of_all(site):
    for key in ALL:
        told = story(site, key)
        names = {n.name for dag in told.dags for n in dag.nodes}
        others = {f"_{other.calibration}" for other in ALL if other != key}
        assert not [name for name in names if any(name.endswith(o) for o in others)]
        assert {"RECO_0000", "ALCA_0000", f"HARVEST_{key.calibration}"} <= names


def test_a_dag_that_failed_for_another_is_done_for_a_calibration(site):
    states = {key: story(site, key).dag("b000").state for key in ALL}
    assert states == {SPOT: DagState.FAILED, ECAL: DagState.DONE, STRIP: DagState.DONE}


def test_a_dag_is_called_by_its_stream(site):
    assert story(site, ECAL).dag("b000").id == f"ledger/{EXPRESS}/{RUN.number}/0"
    assert story(site, SPOT).dag("harvest003").id == f"ledger/{EXPRESS}/{RUN.number}/3"


def test_what_directories_tell_is_looked_for_where_each_has_its_own(site):
    runs = run_dir(site.site.work_dir, EXPRESS, RUN.number)
    dag_file(runs, 0).parent.mkdir(parents=True)
    told = story(site, ECAL)
    assert told.dag("b000").directory == str(dag_file(runs, 0).parent)
    assert told.dag("b000").there
    assert told.folder == str(run_dir(site.site.work_dir, ECAL.calibration, RUN.number))


def test_a_file_that_was_read_before_a_calibration_was_switched_on_is_not_made_for_it(site):
    fates = {key: {f.name: f.fate for f in story(site, key).files} for key in ALL}
    assert fates[ECAL]["a.root"] is LumiState.IN_PAYLOAD
    assert fates[STRIP]["a.root"] is LumiState.NOT_MADE
    assert fates[ECAL]["c.root"] is fates[STRIP]["c.root"] is LumiState.FAILED


def test_stories_are_put_together_by_stream(site):
    [group] = sharing.grouped(stories(site))
    assert group.shared.calibrations == NAMES
    shared = {n.kind for dag in group.shared.dags for n in dag.nodes}
    assert shared == {NodeKind.RECO, NodeKind.ALCA}
    states = {dag.label: dag.state for dag in group.shared.dags}
    assert states == {
        "b000": DagState.DONE,
        "b001": DagState.FAILED,
        "b002": DagState.ACTIVE,
    }
    for own in group.stories:
        assert {n.kind for d in own.dags for n in d.nodes} == {NodeKind.HARVEST, NodeKind.UPLOAD}


def test_one_story_alone_stays_whole(site):
    told = story(site, ECAL)
    assert list(sharing.grouped([told])) == [sharing.StoryGroup((told,))]


def found(site, *only, queue=QueueSnapshot()):  # noqa: B008
    return finding.findings(stories(site, *only), queue)


def test_a_failed_reco_is_found_once_with_those_that_it_touches(site):
    reco, bad = found(site)
    assert (reco.node, reco.sign, reco.stream) == ("RECO_0000", Sign.FAILED, EXPRESS)
    assert reco.calibrations == bad.calibrations == NAMES
    each = " ".join(f"-c {name}" for name in NAMES)
    assert reco.commands == (f"condorloop resubmit 398600 {each} --node b001/RECO_0000",)
    assert (bad.sign, bad.stream) == (Sign.BAD_FILE, EXPRESS)


def test_a_failed_reco_names_the_others_where_one_is_asked_for(site):
    [reco, _] = found(site, ECAL.calibration)
    assert (reco.calibration, reco.calibrations) == (ECAL.calibration, NAMES)


def test_a_failed_harvest_is_found_of_its_own_until_it_is_made_up_for(tmp_path):
    site = written(tmp_path, answered=False)
    failed = {(f.calibration, f.node) for f in found(site) if not f.stream}
    assert failed == {(SPOT.calibration, "HARVEST_BeamSpot")}
    with Ledger(site.site.work_dir / LEDGER) as ledger:
        answer(ledger, 1)
    assert [f for f in found(site) if not f.stream] == []


def test_a_held_job_is_found_of_whom_its_node_works_for(site):
    dag_id = f"ledger/{EXPRESS}/{RUN.number}/2"
    held = [
        HeldJob(dag_id, node, "61.0", 26, 0, "too big", START)
        for node in ("RECO_0000", "HARVEST_EcalPedestals")
    ]
    told = [f for f in found(site, queue=QueueSnapshot(held=tuple(held))) if f.sign is Sign.HELD]
    assert [(f.node, f.calibration, f.calibrations) for f in told] == [
        ("RECO_0000", SPOT.calibration, NAMES),
        ("HARVEST_EcalPedestals", ECAL.calibration, ()),
    ]


@pytest.mark.parametrize(
    ("what", "calibrations"),
    [
        ("b001/RECO_0000", NAMES),
        ("51.0", NAMES),
        ("398600:b000", NAMES[:2]),
        ("Express run398600 b000", NAMES[:2]),
        (f"ledger/{EXPRESS}/398600/1", NAMES),
        ("50", NAMES),
        ("398600:apJob000", NAMES[:2]),
        ("c.root", NAMES),
    ],
)
def test_what_is_shared_is_found_once_with_whom_it_is_made_for(site, what, calibrations):
    hits = [h for h in search.find(site, what).hits if h.dag]
    assert [hit.calibrations for hit in hits] == [calibrations]
    assert hits[0].dag.stream == EXPRESS


@pytest.mark.parametrize(
    ("what", "key"),
    [
        ("b000/HARVEST_BeamSpot", SPOT),
        ("46.0", SPOT),
        ("harvest003", SPOT),
        ("BeamSpot run398600 harvest003", SPOT),
        (f"ledger/{EXPRESS}/398600/3", SPOT),
        ("44.0", ECAL),
        ("5eed5eed", ECAL),
    ],
)
def test_what_is_of_one_calibration_is_found_of_that(site, what, key):
    [hit] = [h for h in search.find(site, what).hits if h.dag]
    assert (hit.campaign.key, hit.calibrations) == (key, ())


def test_what_came_of_an_alcareco_is_told_by_calibration(site):
    [hit] = search.find(site, "398600:apJob000").hits
    assert {name: p.harvest for name, p in hit.payloads.items()} == {
        SPOT.calibration: "harvestJob003",
        ECAL.calibration: "harvestJob000",
    }


def test_only_what_is_asked_for_is_searched(site):
    [hit] = search.find(site, "b001/RECO_0000", (ECAL.calibration,)).hits
    assert hit.campaign.key == ECAL
    assert search.find(site, "b000/HARVEST_BeamSpot", (ECAL.calibration,)).hits == ()


def test_provenance_knows_harvest_and_upload_by_their_kind(site):
    told = story(site, ECAL)
    made = provenance.provenance(told, told.in_force)
    assert (made.harvest.name, made.upload.name) == (
        "HARVEST_EcalPedestals",
        "UPLOAD_EcalPedestals",
    )
    assert [source.name for source in made.sources] == ["apJob000"]


def test_payloads_of_a_dag_that_is_shared_have_names_of_their_own(tmp_path):
    site = written(tmp_path, answered=False)
    with Ledger(site.site.work_dir / LEDGER) as ledger:
        uploaded(ledger, ledger.dags.numbered(1, 0), SPOT, "feed" * 10)
    made = provenance.of_payload(stories(site), "latest")
    assert {each.dag_id for each in made} == {f"ledger/{EXPRESS}/{RUN.number}/0"}
    records = json.loads(document(made, "here").serialize())
    payloads = [name for name in records["entity"] if name.startswith("cl:payload/")]
    assert len(payloads) == len(set(payloads)) == 2
    harvests = [name for name in records["activity"] if "/HARVEST_" in name]
    assert len(harvests) == 2


def test_show_prints_reco_once_and_then_each_calibration(tmp_path):
    written(tmp_path)
    text = printed(tmp_path, "show", str(RUN.number))
    parts = [text.index(f"{name} run 398600") for name in (EXPRESS, *NAMES)]
    assert parts == sorted(parts)
    assert text.count("b001 RECO_0000 failed: exit 84") == 1
    whole = [text[a:b] for a, b in pairwise([*parts, len(text)])]
    assert "RECO" in whole[0]
    assert not [part for part in whole[1:] if "  RECO" in part]
    assert "LS 1-8 were reconstructed before it was switched on" in whole[3]
    assert "condorloop resubmit 398600 --reprocess -c SiStripBad" in whole[3]


def test_show_of_one_calibration_has_the_reco_and_names_the_others(tmp_path):
    written(tmp_path)
    text = printed(tmp_path, "show", str(RUN.number), "-c", STRIP.calibration)
    assert "stream   Express, shared with BeamSpot, EcalPedestals" in text
    assert "b001/RECO_0000 failed" in text


def test_analyze_tells_a_failed_reco_once(tmp_path):
    written(tmp_path)
    text = printed(tmp_path, "analyze", str(RUN.number))
    assert text.count("b001 RECO_0000 failed") == 1
    assert text.count("touches BeamSpot, EcalPedestals, SiStripBad") == 2
    assert "HARVEST_BeamSpot" not in text


def test_find_names_stream_run_and_calibrations(tmp_path):
    written(tmp_path)
    text = printed(tmp_path, "find", "51.0")
    assert "Express run 398600 (BeamSpot, EcalPedestals, SiStripBad): b001/RECO_0000" in text


def test_a_run_in_an_archive_is_told_as_before(site):
    before = stories(site)
    path = site.site.work_dir / LEDGER
    archive = archive_of(path, 2026)
    with Ledger(path) as ledger:
        prepare_archive(archive, ledger.id)
        ledger.archive.copy(RUN.number, archive)
        ledger.archive.drop(RUN.number, 2026)
    assert [story.dags for story in stories(site)] == [story.dags for story in before]
    [hit] = search.find(site, "51.0").hits
    assert hit.calibrations == NAMES
    [hit] = search.find(site, "5eed5eed").hits
    assert hit.campaign.key == ECAL
