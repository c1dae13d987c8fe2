"""All prompt-calibration producers: what each reads, makes and harvests, and how it fails."""

from pathlib import Path

import pytest
import uproot

from condorloop.model.lumis import Lumis
from condorloop.testbed.cmssw.steps import faults, harvest_job
from condorloop.testbed.cmssw.steps.workflows import (
    BY_PRODUCT,
    SKIMS,
    TIME_TYPES,
    WORKFLOWS,
    paths_of,
    served_by_reco,
)
from condorloop.testbed.cmssw.workflows.workflow import Workflow
from condorloop.testbed.conditions import read_payload, sqlite_file
from condorloop.testbed.faults import Fault, Faults
from condorloop.testbed.truth import Truth, compare, counted_twice
from tests.testbed import pcl_jobs
from tests.testbed.pcl_jobs import DATABASE, RUN, TRUTH, alca, harvest, payloads, reads_from, reco

LUMIS = Lumis.span(1, 14)
EVENTS = 1000
FEW = 5
BY_CALIBRATION = {w.calibration: w for w in WORKFLOWS}
ALWAYS = {"SiPixelQuality", "LumiPCC", "SiStripHitEff", "PPSTiming", "PPSAlignment"}
"""Those that write a payload of few events too: of one hit, or of none at all."""
FOUR_CORES = ("--nThreads", "4")
EXPRESS_SKIMS = [
    "SiStripPCLHistos",
    "SiStripCalZeroBias",
    "SiStripCalMinBias",
    "SiStripCalMinBiasAAG",
    "TkAlMinBias",
    "SiPixelCalZeroBias",
    "SiPixelCalSingleMuon",
    "SiPixelCalSingleMuonTight",
    "TkAlZMuMu",
]
EXPRESS = [
    f"PromptCalibProd{name}"
    for name in (
        "",
        "SiStrip",
        "SiPixelAli",
        "SiStripGains",
        "SiStripGainsAAG",
        "SiPixel",
        "SiPixelLA",
        "SiStripHitEff",
        "SiPixelAliHG",
        "SiPixelAliHGComb",
    )
]


def every_workflow(test):
    return pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda w: w.calibration)(test)


@pytest.fixture(scope="module")
def alcareco(tmp_path_factory):
    """A folder with the files of all producers, of enough events, from one RECO and one ALCA."""
    return _made(tmp_path_factory.mktemp("enough"), LUMIS, EVENTS)


@pytest.fixture(scope="module")
def few(tmp_path_factory):
    """The same of one lumisection with few events."""
    return _made(tmp_path_factory.mktemp("few"), Lumis.of([1]), FEW)


def _made(folder: Path, lumis: Lumis, events: int) -> Path:
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        pcl_jobs.write_raw(Path("raw.root"), lumis, events)
        assert reco(SKIMS, Path("raw.root")) == 0
        own = reads_from("RERECO", WORKFLOWS)
        assert alca(BY_PRODUCT, [Path("reco.root")], skims=SKIMS, mods=own) == 0
        assert pcl_jobs.outputs() == [f"{name}.root" for name in (*SKIMS, *BY_PRODUCT)]
    return folder


@pytest.fixture(autouse=True)
def in_an_empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(faults.FAULTS, str(tmp_path / "faults"))


def test_there_are_the_eighteen_producers_of_tier0():
    assert len(BY_PRODUCT) == 18
    assert set(EXPRESS) < set(BY_PRODUCT)


@every_workflow
def test_a_producer_is_on_the_page_of_the_testbed_as_it_is(workflow):
    page = (Path(__file__).parents[2] / "docs/testbed.md").read_text()
    (row,) = [line for line in page.splitlines() if line.startswith(f"| {workflow.product} |")]
    names = [*workflow.skims, *workflow.harvests, workflow.records[0].tag]
    assert all(name in row for name in names)
    assert ("not filtered" in row) is bool(workflow.unfiltered)


@every_workflow
def test_the_constants_are_right_and_each_lumisection_is_in_once(workflow, alcareco):
    assert harvest(workflow, [alcareco / f"{workflow.product}.root"], *FOUR_CORES) == 0
    tags = sqlite_file.tags(DATABASE)
    assert tags.keys() == {record.tag for record in workflow.records}
    for record in workflow.records:
        tag, found = tags[record.tag], payloads(record.tag)
        assert (tag.object_type, tag.time_type) == (
            record.object_type,
            TIME_TYPES[record.time_type],
        )
        assert compare(record.object_type, found, TRUTH) == []
        assert compare(record.object_type, found, Truth(seed=4)) != []
        counts = {int(ls): count for each in found for ls, count in each["lumisections"].items()}
        assert counts == {ls: [EVENTS, EVENTS] for ls in LUMIS}
        assert sum(len(each["lumisections"]) for each in found) == len(LUMIS)
        since = sqlite_file.lumi_since(RUN, 1) if tag.time_type == "Lumi" else RUN
        assert sqlite_file.iovs(DATABASE, record.tag)[0].since == since
        read = read_payload.constants(DATABASE, record.tag)
        assert all(iov.channels or iov.sets or iov.numbers for iov in read.iovs)


@pytest.mark.parametrize("calibration", ["SiStripHitEff", "SiPixelAliHGComb", "LumiPCC"])
def test_an_input_that_goes_in_twice_shows(calibration, alcareco):
    workflow = BY_CALIBRATION[calibration]
    product = alcareco / f"{workflow.product}.root"
    assert harvest(workflow, [product, product], *FOUR_CORES) == 0
    for record in workflow.records:
        assert counted_twice(payloads(record.tag)) == LUMIS


@every_workflow
def test_below_the_minimum_statistics_there_is_no_payload(workflow, few, capfd):
    assert harvest(workflow, [few / f"{workflow.product}.root"], *FOUR_CORES) == 0
    made = DATABASE.exists() and sqlite_file.tags(DATABASE).keys()
    assert bool(made) is (workflow.calibration in ALWAYS)
    for record in workflow.records if made else ():
        assert compare(record.object_type, payloads(record.tag), TRUTH) == []
    log = capfd.readouterr().err
    gains = "%MSG-w SiStripGainsPCLHarvester:  "
    angle = "here is no new valid measurement to append!"
    words = {
        "SiStripBad": "Not Enough Events :: Total number of events is  5 ",
        "SiStripGains": gains,
        "SiStripGainsAAG": gains,
        "SiStripLA": angle,
        "SiPixelLA": angle,
        "SiPixelLAMCS": angle,
        "PPSTiming": " < 100. Skipping calibration.\n%MSG",
    }
    if workflow.calibration in words:
        assert words[workflow.calibration] in log
    else:
        assert "%MSG" not in log


FILTERED = [(w, skim) for w in WORKFLOWS for skim in dict.fromkeys(f.skim for f in w.filters)]


@pytest.fixture(scope="module")
def without(few, tmp_path_factory):
    """Gives the RECO file that has all skims but one."""
    made: dict[str, Path] = {}

    def give(skim: str) -> Path:
        if skim not in made:
            folder = tmp_path_factory.mktemp(skim)
            with pytest.MonkeyPatch.context() as patch:
                patch.chdir(folder)
                assert reco([each for each in SKIMS if each != skim], few / "raw.root") == 0
            made[skim] = folder / "reco.root"
        return made[skim]

    return give


@pytest.mark.parametrize(
    ("workflow", "skim"), FILTERED, ids=lambda x: x.calibration if isinstance(x, Workflow) else x
)
def test_a_skim_that_did_not_run_ends_the_job_of_who_filters_on_it(workflow, skim, without, capfd):
    own = reads_from("RERECO", [workflow])
    assert alca([workflow.product], [without(skim)], mods=own) == 65
    status, text = pcl_jobs.error()
    (module, path) = next((f.module, f.path) for f in workflow.filters if f.skim == skim)
    assert status == "8001"
    lines = (
        "An exception of category 'Configuration' occurred while",
        "   [0] Processing  Event run: 398600 lumi: 1 event: 1000001 stream: 0",
        f"   [1] Running path '{path}'",
        f"   [2] Calling method for module HLTHighLevel/'{module}'",
        "Exception Message:",
        f'requested HLT path "pathALCARECO{skim}" does not exist',
    )
    assert "\n".join(lines) in text
    assert lines[-1] in capfd.readouterr().err
    assert not list(Path().glob("*.root"))


def test_the_ten_of_the_express_stream_share_one_reconstruction_and_one_job(few):
    """Tier-0's process RECO, which made the RAW files, had all skims of the stream."""
    assert reco(EXPRESS_SKIMS, few / "raw.root") == 0
    assert alca(EXPRESS, [Path("reco.root")], skims=EXPRESS_SKIMS) == 0
    assert pcl_jobs.outputs() == [f"{name}.root" for name in (*EXPRESS_SKIMS, *EXPRESS)]
    for name in EXPRESS:
        with uproot.open(f"{name}.root") as file:
            assert file["Events"].num_entries == FEW


@pytest.mark.parametrize(
    ("skims", "products", "calibrations"),
    [
        (["TkAlMinBias"], ["PromptCalibProdBeamSpotHP"], ["BeamSpot"]),
        (["SiStripCalZeroBias", "SiStripPCLHistos"], ["PromptCalibProdSiStrip"], ["SiStripBad"]),
        (["EcalTestPulsesRaw"], [], ["EcalPedestals"]),
        (["TkAlZMuMu"], [], []),
        (
            ["TkAlMinBias", "PPSCalMaxTracks"],
            ["PromptCalibProdSiPixelAli"],
            ["SiPixelAli", "PPSTiming", "PPSAlignment"],
        ),
        (EXPRESS_SKIMS, [], [*sorted(BY_PRODUCT[n].calibration for n in EXPRESS), "BeamSpot"]),
    ],
)
def test_a_reco_job_works_for_the_producers_it_names_and_those_of_its_other_skims(
    skims, products, calibrations
):
    served = [workflow.calibration for workflow in served_by_reco(skims, products)]
    assert sorted(served) == sorted(calibrations)


def test_a_fault_of_one_calibration_hits_the_job_that_it_shares(few, tmp_path):
    fault = Fault("cmsrun", "exit_code", exit_code=85, calibration="SiPixelLA", step="step2")
    Faults(tmp_path / "faults").arm([fault], started_at=0)
    assert reco(["TkAlMinBias"], few / "raw.root") == 0
    assert reco(EXPRESS_SKIMS, few / "raw.root") == 85


def test_of_ten_in_one_job_the_exception_names_the_one_whose_skim_is_missing(few):
    skims = [skim for skim in EXPRESS_SKIMS if skim != "TkAlZMuMu"]
    assert reco(skims, few / "raw.root", process="RECO") == 0
    assert alca(EXPRESS, [Path("reco.root")], process="RECO") == 65
    _, text = pcl_jobs.error()
    assert "HLTHighLevel/'ALCARECOTkAlZMuMuFilterForSiPixelAli'" in text
    assert "Running path 'pathALCARECOPromptCalibProdSiPixelAliHGDiMu'" in text


def test_a_skim_that_ran_at_tier0_alone_has_no_products_for_a_filter_that_it_passes(few):
    assert reco(["SiStripCalMinBias"], few / "raw.root") == 0
    assert alca(["PromptCalibProdBeamSpotHP"], [Path("reco.root")]) == 70
    status, text = pcl_jobs.error()
    assert status == "8006"
    assert "Looking for TkAlMinBias in file:reco.root" in text
    assert "'ALCARECOTkAlMinBiasFilterForBSHP'" in text


def test_a_raw_file_has_nothing_for_a_producer(few):
    assert alca(["PromptCalibProdSiStrip"], [few / "raw.root"]) == 70
    assert "Looking for SiStripPCLHistos in file:" in pcl_jobs.error()[1]


UNFILTERED = [w for w in WORKFLOWS if w.unfiltered]


@pytest.mark.parametrize("workflow", UNFILTERED, ids=lambda w: w.calibration)
def test_who_has_no_filter_goes_on_without_its_skim_and_finds_nothing(workflow, without, capfd):
    (skim,) = workflow.skims
    assert alca([workflow.product], [without(skim)]) == 0
    assert harvest(workflow, [Path(f"{workflow.product}.root")]) == 0
    assert DATABASE.exists() is (workflow.calibration in ALWAYS)
    for record in workflow.records if DATABASE.exists() else ():
        (found,) = [each["constants"] for each in payloads(record.tag)]
        assert found.get("bad", []) == []
        assert found.keys() <= {"of", "kind", "bad"}
    says = "Total number of events is  0 " in capfd.readouterr().err
    assert says is (workflow.calibration == "SiStripBad")


def test_the_strip_histograms_are_filled_by_another_skim_than_the_one_that_converts_them(few):
    assert reco(["SiStripPCLHistos"], few / "raw.root") == 0
    with uproot.open("reco.root") as file:
        assert not any("SiStripPCLHistos" in name for name in file["LuminosityBlocks"])


def test_a_process_without_trigger_results_lets_no_event_pass_and_ends_no_job(few, capfd):
    mods = reads_from("rerun", [BY_CALIBRATION["SiStripGains"]])
    product = "PromptCalibProdSiStripGains"
    assert alca([product], [few / "reco.root"], mods=mods) == 0
    words = "TriggerResults product TriggerResults::rerun not found - returning result=false!"
    log = capfd.readouterr().err
    assert "%MSG-e HLTHighLevel:  HLTHighLevel:ALCARECOCalMinBiasFilterForSiStripGains " in log
    assert words in log
    with uproot.open(f"{product}.root") as file:
        assert file["Events"].num_entries == 0
    assert harvest(BY_CALIBRATION["SiStripGains"], [Path(f"{product}.root")]) == 0
    assert not DATABASE.exists()


@pytest.mark.parametrize(
    ("line", "code", "words"),
    [
        ('HLTPaths = ["pathALCARECONo*"]', 65, 'pattern "pathALCARECONo*" does not match any HLT'),
        ('HLTPaths = ["pathALCARECOSiStripCalMin*"]', 0, ""),
        ('HLTPaths = ["pathALCARECONone"]; {}.throw = False', 0, ""),
    ],
)
def test_a_filter_wants_paths_by_name_or_pattern_and_may_tolerate_their_lack(
    line, code, words, few
):
    module = "process.ALCARECOCalMinBiasFilterForSiStripGains"
    mods = f"{module}.{line.format(module)}\n"
    assert alca(["PromptCalibProdSiStripGains"], [few / "reco.root"], mods=mods) == code
    if words:
        assert words in pcl_jobs.error()[1]


def test_an_output_of_a_skim_that_did_not_run_ends_the_job(without):
    skims = ["TkAlZMuMu"]
    assert alca(["PromptCalibProdSiStrip"], [without("TkAlZMuMu")], skims=skims) == 73
    status, text = pcl_jobs.error()
    assert status == "8009"
    assert "to request a trigger name that does not exist\nThe unknown trigger name is: " in text
    assert "PoolOutputModule/'ALCARECOStreamTkAlZMuMu'" in text


def test_a_producer_reads_the_file_of_its_skim_as_well(alcareco):
    workflow = BY_CALIBRATION["SiPixelAliHG"]
    own = reads_from("RERECO", [workflow])
    assert alca([workflow.product], [alcareco / "TkAlMinBias.root"], mods=own) == 0
    assert harvest(workflow, [Path(f"{workflow.product}.root")], *FOUR_CORES) == 0
    assert compare("Alignments", payloads("SiPixelAliHG_pcl"), TRUTH) == []


@pytest.mark.parametrize(
    ("calibration", "words"),
    [
        ("SiPixelAli", "Aborting payload creation. Exceeding maximum thresholds for movement"),
        ("SiPixelAliHG", "Alignment will NOT be updated\n%MSG"),
        ("SiPixelAliHGComb", "Alignment will NOT be updated\n%MSG"),
    ],
)
def test_an_alignment_out_of_bounds_is_vetoed(calibration, words, alcareco, capfd, tmp_path):
    fault = Fault("cmsrun", "veto", calibration=calibration, step="step4")
    Faults(tmp_path / "faults").arm([fault], started_at=0)
    workflow = BY_CALIBRATION[calibration]
    assert harvest(workflow, [alcareco / f"{workflow.product}.root"], *FOUR_CORES) == 0
    assert words in capfd.readouterr().err
    assert not DATABASE.exists()


@pytest.mark.parametrize(("threads", "slower"), [("1", 4.0), ("2", 2.0), ("4", 1.0), ("8", 1.0)])
def test_an_alignment_is_slower_on_fewer_than_four_cores(threads, slower, few, monkeypatch):
    waited: list[float] = []
    monkeypatch.setattr(harvest_job.time, "sleep", waited.append)
    workflow = BY_CALIBRATION["SiPixelAli"]
    for threads_ in (threads, "4"):
        product = few / f"{workflow.product}.root"
        assert harvest(workflow, [product], "--nThreads", threads_) == 0
    assert waited[0] / waited[1] == pytest.approx(slower)


def test_the_luminosity_leaves_a_text_file_too(alcareco):
    assert harvest(BY_CALIBRATION["LumiPCC"], [alcareco / "PromptCalibProdLumiPCC.root"]) == 0
    rows = [line.split(",") for line in Path("rawPCC.csv").read_text().splitlines()]
    assert [(int(run), int(ls)) for run, ls, _ in rows] == [(RUN, ls) for ls in LUMIS]
    assert all(float(mean) > 40 for _, _, mean in rows)


def test_a_stream_without_reconstruction_makes_its_skim_from_raw_files(few):
    """As Tier-0 does with the stream of the PPS (``do_reco=False``)."""
    content = "--datatier ALCARECO --eventcontent ALCARECO --fileout file:reco.root"
    options = f"{content} --process RERECO".split()
    assert pcl_jobs.run("ALCAPRODUCER:PPSCalMaxTracks", [few / "raw.root"], *options) == 0
    assert alca(["PromptCalibProdPPSAlignment"], [Path("reco.root")]) == 0
    assert harvest(BY_CALIBRATION["PPSAlignment"], [Path("PromptCalibProdPPSAlignment.root")]) == 0
    assert (
        compare("CTPPSRPAlignmentCorrectionsData", payloads("CTPPSRPAlignment_real_pcl"), TRUTH)
        == []
    )


def test_trigger_results_keep_what_each_process_ran(few):
    with uproot.open(few / "PromptCalibProdLumiPCC.root") as file:
        text = str(file["TriggerResults"])
    assert all(path in text for name in BY_PRODUCT for path in paths_of(name))
