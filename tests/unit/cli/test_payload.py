"""`condorloop payload` against the stand-ins of conddb and of a payload reader."""

import json
import os
import sys
from dataclasses import replace

import pytest
from click.testing import CliRunner

from condorloop.cli.main import cli
from condorloop.ledger.store import Ledger
from condorloop.model.campaign import CampaignKey
from condorloop.model.enums import TagOutcome, UploadOutcome
from condorloop.model.jobs import HarvestRecord
from condorloop.model.lumis import Lumis
from condorloop.rundir.layout import HARVEST_RECORD, PAYLOAD_DB, UPLOAD_RECORD, run_dir
from condorloop.rundir.records.harvest import HarvestResult, Iov
from condorloop.rundir.records.manifest import UploadMetadata
from condorloop.rundir.records.upload import UploadResult
from condorloop.testbed import calibrations
from condorloop.testbed.cmssw.install import install
from condorloop.testbed.conditions import sqlite_file
from condorloop.testbed.faults import Fault, Faults
from tests.unit.examples import RUN, START, site_file

ECAL, SPOT, STRIP = "EcalPedestals", "BeamSpot", "SiStripBad"
DATABASE = "oracle://cms_orcon_prod/CMS_CONDITIONS"
TYPES = {
    ECAL: ("Run", "EcalPedestals"),
    SPOT: ("Lumi", "BeamSpotObjects"),
    STRIP: ("Run", "SiStripBadStrip"),
}
FIRST = RUN.number


def tag_of(calibration):
    name = "SiStripQuality" if calibration == STRIP else calibration
    return f"{name}_NGTDemonstrator"


def pedestals(shift=0.0, **others):
    values = {str(c): 200.0 + c for c in range(128)} | {k.lstrip("c"): v for k, v in others.items()}
    return {c: {"mean": v + shift, "rms": 1.5} for c, v in values.items()}


def spot(x):
    return {"x": x, "y": -0.18, "z": 0.1, "sigma_x": 0.0015, "sigma_y": 0.0013, "sigma_z": 3.6}


def ls(number, run=FIRST):
    return run << 32 | number


class Node:
    """A calibration node whose database is that of the stand-ins."""

    def __init__(self, folder):
        self.folder = folder
        self.work_dir = folder / "work"
        self.database = folder / "conditions.db"
        install(folder / "cvmfs", sys.executable, folder / "faults", conditions=self.database)
        calibrations.write(folder / "calibrationYAML")
        self.site = site_file(folder)
        text = self.site.read_text()
        self.site.write_text(
            text.replace(f"{folder}/work/cmsset_default.sh", f"{folder}/cvmfs/cmsset_default.sh")
        )
        for calibration, kind in TYPES.items():
            sqlite_file.write(self.database, tag_of(calibration), *kind, "any", [])

    def latch(self, calibration, run=FIRST, last_ls=80):
        self.work_dir.mkdir(exist_ok=True)
        known = replace(RUN, number=run, end=START + 100, last_ls=last_ls)
        with Ledger(self.work_dir / "condorloop.db") as ledger:
            ledger.campaigns.latch(
                CampaignKey(calibration, run), "/eos/x", known, "it is the example", START
            )

    def harvest(self, calibration, number, iovs, run=FIRST, outcome=TagOutcome.UPLOADED, at=None):
        """What a HARVEST and its UPLOAD have left; the database is not touched."""
        runs = run_dir(self.work_dir, calibration, run)
        folder = runs / f"harvestJob{number:03d}"
        folder.mkdir(parents=True)
        tag = tag_of(calibration)
        data = {
            since: json.dumps({"constants": c, "run": run}).encode() for since, c in iovs.items()
        }
        kind = TYPES[calibration]
        sqlite_file.write(folder / PAYLOAD_DB, tag, *kind, "any", list(data.items()))
        found = sqlite_file.iovs(folder / PAYLOAD_DB, tag)
        HarvestResult(
            dag_id=f"x/{calibration}/{run}/{number}",
            inputs=(),
            left_out={},
            overlaps=(),
            lumis=Lumis.span(1, 80),
            events=100,
            iovs=tuple(Iov(tag, iov.since, iov.payload_hash) for iov in found),
            time=START + number,
        ).write(folder / HARVEST_RECORD)
        metadata = UploadMetadata(DATABASE, {tag: {}}, tag, None, "words")
        metadata.write(folder / f"NGTCalib{calibration}.txt")
        if outcome:
            UploadResult(
                outcome=UploadOutcome.UPLOADED,
                answer="taken",
                time=at or START + number,
                database=DATABASE,
                tags={tag: outcome},
                sinces=tuple(data),
                unanswered=outcome is TagOutcome.NOT_NAMED,
            ).write(folder / UPLOAD_RECORD)
        return [iov.payload_hash for iov in found]

    def put(self, calibration, iovs, run=FIRST):
        """Put payloads into the database, whoever has made them."""
        data = [
            (since, json.dumps({"constants": c, "run": run}).encode()) for since, c in iovs.items()
        ]
        sqlite_file.write(self.database, tag_of(calibration), *TYPES[calibration], "any", data)

    def both(self, calibration, number, iovs, run=FIRST):
        """A payload that was uploaded, and is in the database."""
        self.put(calibration, iovs, run)
        return self.harvest(calibration, number, iovs, run)

    def condorloop(self, *arguments):
        common = ["--site", self.site, "--calibrations", self.folder / "calibrationYAML"]
        return CliRunner().invoke(cli, [*map(str, [*arguments, *common])])


@pytest.fixture
def node(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", os.environ["PATH"])
    monkeypatch.delenv("COLUMNS", raising=False)
    umask = os.umask(0o022)
    yield Node(tmp_path)
    os.umask(umask)


def ranges(node, calibration=ECAL, run=FIRST):
    done = node.condorloop("payload", run, "-c", calibration, "--json")
    [campaign] = json.loads(done.stdout)["campaigns"]
    return done.exit_code, [d for each in campaign["destinations"] for d in each["ranges"]]


def test_what_is_in_force_is_what_was_uploaded(node):
    node.latch(ECAL)
    [digest] = node.both(ECAL, 3, {FIRST: pedestals()})
    code, [found] = ranges(node)
    assert code == 0
    assert (found["first"], found["last"], found["agreement"]) == (1, 80, "same")
    assert (found["hash"], found["believed_hash"]) == (digest, digest)
    assert (found["origin"], found["believed_harvest"]) == ("harvestJob003", "harvestJob003")
    shown = node.condorloop("payload", FIRST).stdout
    assert f"EcalPedestals_NGTDemonstrator in {DATABASE} (any, time type Run)" in shown
    [line] = [line for line in shown.splitlines() if line.startswith("1-80")]
    assert line.split()[:4] == ["1-80", digest[:12], str(FIRST), "harvestJob003"]


def test_what_another_has_put_over_it_is_named_and_ends_with_1(node):
    node.latch(ECAL)
    [ours] = node.both(ECAL, 0, {FIRST: pedestals()})
    node.put(ECAL, {FIRST: pedestals(1.0)})
    done = node.condorloop("payload", FIRST)
    assert done.exit_code == 1
    assert "DIFFERS" in done.stdout
    assert (
        f"of no campaign of condorloop; condorloop believes {ours} of harvestJob000" in done.stdout
    )


def test_an_older_iov_that_was_not_stated_again_is_found_by_its_lumisections(node):
    node.latch(SPOT)
    node.put(SPOT, {ls(1): spot(0.1), ls(41): spot(0.2)})
    node.harvest(SPOT, 0, {ls(1): spot(0.1), ls(41): spot(0.2)}, at=START + 1)
    node.put(SPOT, {ls(1): spot(0.15), ls(61): spot(0.25)})
    node.harvest(SPOT, 1, {ls(1): spot(0.15), ls(61): spot(0.25)}, at=START + 2)
    believes_restated = node.work_dir / SPOT / f"run{FIRST}" / "harvestJob001" / UPLOAD_RECORD
    told = UploadResult.read(believes_restated)
    replace(told, sinces=(ls(1), ls(41), ls(61))).write(believes_restated)
    code, found = ranges(node, SPOT)
    assert code == 1
    assert [(r["first"], r["last"], r["agreement"], r["origin"]) for r in found] == [
        (1, 40, "same", "harvestJob001"),
        (41, 60, "different", "harvestJob000"),
        (61, 80, "same", "harvestJob001"),
    ]


def test_before_the_run_s_first_iov_another_run_s_payload_is_told_with_its_run(node):
    for run in (FIRST - 1, FIRST):
        node.latch(SPOT, run)
    node.both(SPOT, 7, {ls(1, FIRST - 1): spot(0.3)}, FIRST - 1)
    node.both(SPOT, 0, {ls(5): spot(0.1)})
    code, found = ranges(node, SPOT)
    assert code == 0
    assert [(r["first"], r["last"], r["agreement"]) for r in found] == [
        (1, 4, "not sent"),
        (5, 80, "same"),
    ]


def test_an_upload_without_answer_that_is_in_force_is_told_so(node):
    node.latch(ECAL)
    node.put(ECAL, {FIRST: pedestals()})
    node.harvest(ECAL, 0, {FIRST: pedestals()}, outcome=TagOutcome.NOT_NAMED)
    code, [found] = ranges(node)
    assert (code, found["agreement"]) == (0, "unanswered")


def test_without_a_reader_there_is_what_condorloop_believes(node):
    node.latch(ECAL)
    node.harvest(ECAL, 0, {FIRST: pedestals()})
    node.site.write_text(node.site.read_text() + "conditions: {conddb: null}\n")
    done = node.condorloop("payload", FIRST)
    assert done.exit_code == 0
    assert "not read back: no reader is configured" in done.stdout
    assert "harvestJob000" in done.stdout


def test_a_database_that_does_not_answer_says_nothing_of_what_is_in_force(node):
    node.latch(ECAL)
    node.both(ECAL, 0, {FIRST: pedestals()})
    Faults(node.folder / "faults").arm([Fault("conddb", "outage", times=None)], 0.0)
    done = node.condorloop("payload", FIRST)
    assert done.exit_code == 1
    assert "not read back: tag EcalPedestals_NGTDemonstrator of pro: conddb, exit 1" in done.stdout
    assert "DIFFERS" not in done.stdout


def test_a_run_that_sent_nothing_shows_what_serves_it(node):
    node.latch(ECAL)
    node.put(ECAL, {1: pedestals()})
    code, [found] = ranges(node)
    assert (code, found["agreement"], found["since"]) == (0, "not sent", 1)


def diff(node, calibration, one, other, *more):
    done = node.condorloop("payload", FIRST, "-c", calibration, "--diff", one, other, *more)
    return done


def test_the_diff_of_two_harvests_names_channels_and_their_change(node):
    node.latch(ECAL)
    node.harvest(ECAL, 0, {FIRST: pedestals()})
    node.harvest(ECAL, 1, {FIRST: pedestals(c7=210.0, c100=299.0)})
    done = diff(node, ECAL, "harvestJob000", "harvestJob001")
    assert done.exit_code == 0, done.output
    lines = done.stdout.splitlines()
    assert lines[0] == "EcalPedestals: from harvestJob000 to harvestJob001"
    assert lines[1].startswith("mean: 2 of 128 channels changed; mean change +0.0156 ADC counts")
    assert [line.split() for line in lines[3:5]] == [
        ["7", "207", "210", "+3"],
        ["100", "300", "299", "-1"],
    ]
    assert "rms: 128 channels, none changed" in done.stdout


def test_the_diff_to_what_is_in_force_reads_the_database(node):
    node.latch(ECAL)
    [digest] = node.both(ECAL, 0, {FIRST: pedestals()})
    node.put(ECAL, {FIRST: pedestals(0.5)})
    data = json.loads(diff(node, ECAL, "harvestJob000", "in-force", "--json").stdout)
    [told] = data["diffs"]
    assert told["after"] == "in force in EcalPedestals_NGTDemonstrator"
    mean = next(q for q in told["quantities"] if q["name"] == "mean")
    assert (mean["compared"], mean["changed"], mean["mean"]) == (128, 128, 0.5)
    assert len(mean["worst"]) == 10
    by_hash = diff(node, ECAL, digest[:8], "harvestJob000")
    assert "mean: 128 channels, none changed" in by_hash.stdout


def test_a_payload_that_only_the_database_has_is_found_by_its_hash(node):
    node.latch(ECAL)
    node.put(ECAL, {FIRST - 9: pedestals()})
    node.harvest(ECAL, 0, {FIRST: pedestals(1.0)})
    [iov] = sqlite_file.iovs(node.database, tag_of(ECAL))
    done = diff(node, ECAL, iov.payload_hash[:10], "harvestJob000")
    assert f"from {iov.payload_hash[:12]} of EcalPedestals_NGTDemonstrator" in done.stdout
    assert "mean: 128 of 128 channels changed; mean change +1" in done.stdout


def test_bad_strips_come_and_go(node):
    node.latch(STRIP)
    node.harvest(STRIP, 0, {FIRST: {"dead": [3, 17], "noisy": [], "events": 12000}})
    node.harvest(STRIP, 1, {FIRST: {"dead": [17, 40], "noisy": [9], "events": 12000}})
    done = diff(node, STRIP, "harvestJob000", "harvestJob001")
    shown = done.stdout
    assert done.exit_code == 0, done.output
    assert "dead: 2 before, 2 after\n  come: 40\n  gone: 3\n" in shown
    assert "noisy: 0 before, 1 after\n  come: 9\n" in shown
    assert "events: 12000, not changed" in shown


def test_the_beam_spot_is_compared_by_lumisection_also_with_another_run_s(node):
    node.latch(SPOT)
    node.harvest(SPOT, 0, {ls(1): spot(0.1), ls(41): spot(0.2)})
    node.harvest(SPOT, 4, {ls(1, FIRST - 1): spot(0.1), ls(21, FIRST - 1): spot(0.3)}, FIRST - 1)
    shown = diff(node, SPOT, "harvestJob000", f"{FIRST - 1}/harvestJob004").stdout
    assert "x: 2 of 3 intervals changed" in shown
    rows = [line.split() for line in shown.splitlines() if line.startswith("LS ")]
    assert [row[:4] for row in rows][1:] == [
        ["LS", "21-40", "0.3", "+0.2"],
        ["LS", "41-", "0.3", "+0.1"],
    ]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("harvestJob009", "EcalPedestals run 398600 has no harvestJob009"),
        ("latest", "'latest' is no payload: expected harvestJobNNN"),
        ("abcdef12", "no payload of tag EcalPedestals_NGTDemonstrator and of condorloop"),
        ("123456/harvestJob001", "EcalPedestals run 123456 has no harvestJob001"),
    ],
)
def test_what_is_no_payload_is_one_line_and_exit_1(node, words, said):
    node.latch(ECAL)
    node.both(ECAL, 0, {FIRST: pedestals()})
    done = diff(node, ECAL, "harvestJob000", words)
    assert done.exit_code == 1
    assert said in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_without_a_payload_reader_nothing_is_compared_and_the_file_is_named(node):
    node.latch(ECAL)
    node.both(ECAL, 0, {FIRST: pedestals()})
    file = node.folder / "calibrationYAML" / "EcalPedestals.yaml"
    file.write_text(file.read_text().partition("\npayload_reader")[0])
    done = diff(node, ECAL, "harvestJob000", "in-force")
    assert done.exit_code == 1
    assert f"{file}: no payload_reader" in done.stderr


def test_maps_and_trends_are_drawn_into_a_folder(node):
    for calibration in TYPES:
        node.latch(calibration)
    node.both(ECAL, 0, {FIRST: pedestals()})
    node.both(STRIP, 0, {FIRST: {"dead": [3, 17], "noisy": [5], "events": 12000}})
    node.both(SPOT, 0, {ls(n): spot(0.1 + n / 1000) for n in range(1, 80, 7)})
    done = node.condorloop("payload", FIRST, "--plot", node.folder / "plots")
    assert done.exit_code == 0, done.output
    made = {file.name: file.read_bytes() for file in (node.folder / "plots").iterdir()}
    assert {name for name in made if name.endswith(".png")} == {
        f"EcalPedestals-run{FIRST}-mean.png",
        f"EcalPedestals-run{FIRST}-rms.png",
        f"SiStripBad-run{FIRST}-sets.png",
        f"BeamSpot-run{FIRST}-trend.png",
    }
    for name, image in made.items():
        assert image.startswith(b"\x89PNG" if name.endswith("png") else b"%PDF"), name


def test_a_trend_over_runs_goes_into_one_file(node):
    for run in (FIRST - 2, FIRST - 1, FIRST):
        node.latch(SPOT, run)
    for run in (FIRST - 2, FIRST):
        node.both(SPOT, 0, {ls(n, run): spot(0.1) for n in (1, 30)}, run)
    file = node.folder / "trend.pdf"
    done = node.condorloop("payload", FIRST, "-c", SPOT, "--plot", file, "--since-run", FIRST - 2)
    assert (done.exit_code, done.stdout) == (0, f"{file}\n"), done.output
    assert file.read_bytes().startswith(b"%PDF")


def test_what_has_changed_is_drawn(node):
    node.latch(ECAL)
    node.harvest(ECAL, 0, {FIRST: pedestals()})
    node.harvest(ECAL, 1, {FIRST: pedestals(c7=210.0)})
    diff(node, ECAL, "harvestJob000", "harvestJob001", "--plot", node.folder / "plots")
    assert {file.name for file in (node.folder / "plots").glob("*.png")} == {
        f"EcalPedestals-run{FIRST}-change-of-mean.png",
        f"EcalPedestals-run{FIRST}-change-of-rms.png",
    }


def test_one_file_is_not_for_several_calibrations(node):
    for calibration in (ECAL, STRIP):
        node.latch(calibration)
    done = node.condorloop("payload", FIRST, "--plot", node.folder / "x.png")
    assert done.exit_code == 2
    assert "a file is for one calibration" in done.stderr


def test_a_report_tells_the_constants_of_each_run_if_asked(node):
    with Ledger(node_ledger(node)) as ledger:
        for run, shift in ((FIRST - 1, 0.0), (FIRST, 2.0)):
            node.harvest(ECAL, 0, {run: pedestals(shift)}, run)
            uploaded(ledger, run)
    data = json.loads(node.condorloop("report", "--constants", "--json").stdout)
    means = {c["run"]: q["mean"] for c in data["constants"] for q in c["quantities"][:1]}
    assert means == {FIRST - 1: 263.5, FIRST: 265.5}
    shown = node.condorloop("report", "--constants").stdout
    assert "Constants of the last payload of each run" in shown
    assert json.loads(node.condorloop("report", "--json").stdout)["constants"] == []


def node_ledger(node):
    for run in (FIRST - 1, FIRST):
        node.latch(ECAL, run)
    return node.work_dir / "condorloop.db"


def uploaded(ledger, run):
    [campaign] = ledger.campaigns.of_run(run, ECAL)
    dag = ledger.dags.plan(campaign.id, 0, 0, [], "because", START)
    lumis = Lumis.span(1, 80)
    record = HarvestRecord(
        frozenset(),
        lumis,
        100,
        harvested_at=START,
        outcome=UploadOutcome.UPLOADED,
        answered_at=START + 9,
    )
    ledger.payloads.record(dag, campaign.id, record)
