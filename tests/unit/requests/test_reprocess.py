"""What a calibration of a shared stream missed, made because a person asks for it."""

from dataclasses import replace

import pytest

from condorloop.dagman.plan import plan_batch
from condorloop.dagman.replan import plan_of
from condorloop.ledger.store import Ledger
from condorloop.model.campaign import Batch, CampaignKey, MissedFile, Probe
from condorloop.model.enums import Artifact, CampaignState, FileState, RequestKind
from condorloop.model.request import ALL_RUNS, Request
from condorloop.requests.command import SenselessRequest, command_of
from condorloop.rundir.layout import MANIFEST, dag_dir
from condorloop.rundir.records.manifest import Manifest
from tests.unit.examples import RUN, START, raw_file
from tests.unit.express import STREAM
from tests.unit.requests.place import Requests
from tests.unit.requests.subjects import asked, remark, step, subject
from tests.unit.shared_examples import EXPRESS, SHARING, shared_config

RESUBMIT = RequestKind.RESUBMIT
LATE = SHARING[2]
REPROCESS = {"reprocess": True, "calibration": LATE}


def missed(number, **changes):
    file = raw_file(number, 5 * number + 1, 5 * number + 5)
    return replace(MissedFile(file, f"b{number:03d}/RECO_0000"), **changes)


def of(*files, **changes):
    """A campaign of a shared stream that missed these files."""
    it = subject((), key=CampaignKey(LATE, RUN.number), stream=STREAM, **changes)
    return [replace(it, missed=files)]


def test_it_says_which_files_are_reconstructed_once_more():
    assert str(step(RESUBMIT, of=of(missed(0), missed(1)), **REPROCESS)) == (
        f"{LATE} run398600: reconstruct 2 RAW files (LS 1-10) once more for it alone, "
        "which were 2 RECO"
    )


def test_it_says_what_cannot_be_read_and_what_is_opened_again():
    files = missed(0), missed(1, gone=True)
    it = step(RESUBMIT, of=of(*files, state=CampaignState.INCOMPLETE), **REPROCESS)
    assert "1 RAW file (LS 1-5)" in str(it)
    assert "1 RAW file of what it missed cannot be read" in str(it)
    assert str(it).endswith("reopen the campaign, which is incomplete")


def test_it_is_refused_where_nothing_was_missed():
    said = remark(RESUBMIT, of=of(), **REPROCESS)
    assert said.endswith("it has missed nothing that was reconstructed")


def test_it_is_refused_where_storage_has_lost_all_of_it():
    said = remark(RESUBMIT, of=of(missed(0, gone=True)), **REPROCESS)
    assert "what it missed (LS 1-5) cannot be read: its RAW files are gone" in said


def test_it_is_refused_for_a_calibration_whose_stream_is_its_own():
    said = remark(RESUBMIT, of=[subject(())], reprocess=True, calibration="EcalPedestals")
    assert "its stream is its own" in said


@pytest.mark.parametrize("artifact", [Artifact.ALCARECO, Artifact.DAGS, Artifact.RUNS])
def test_it_is_refused_where_its_harvest_could_not_read_all(artifact):
    said = remark(RESUBMIT, of=of(missed(0), cleaned=frozenset({artifact})), **REPROCESS)
    assert f"its {artifact} were cleaned up" in said


def test_a_stream_does_not_name_whom_it_is_for():
    said = remark(RESUBMIT, of=of(missed(0)), reprocess=True, calibration=STREAM)
    assert said.endswith(f"name it, -c {LATE}")


def test_a_campaign_that_is_held_is_released_first():
    said = remark(RESUBMIT, of=of(missed(0), held_by="bob@node"), **REPROCESS)
    assert "bob@node holds it" in said


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"calibration": None}, "one RUN and one -c CALIBRATION"),
        ({"run": ALL_RUNS}, "one RUN and one -c CALIBRATION"),
        ({"harvest_again": True}, "exclude each other"),
        ({"include_quarantined": True}, "exclude each other"),
        ({"node": "b000"}, "exclude each other"),
    ],
)
def test_it_is_about_one_campaign_and_nothing_else(changes, why):
    request = replace(Request(RESUBMIT, RUN.number, LATE, reprocess=True), **changes)
    with pytest.raises(SenselessRequest, match=why):
        command_of(RESUBMIT).validate(request)


def test_without_it_nothing_that_was_missed_is_made():
    assert asked(RESUBMIT, of=of(missed(0)), calibration=LATE).steps == ()


# As it is carried out.


class Stream(Requests):
    """A ledger with calibrations that share a stream, and a batch that was made without one."""

    def __init__(self, folder):
        settings = shared_config(folder)
        settings.site.work_dir.mkdir(exist_ok=True)
        super().__init__(settings, Ledger(settings.site.work_dir / "condorloop.db", "ledger"))
        raw_path = self.config.stream_of(LATE).raw_path
        for name in SHARING:
            key = CampaignKey(name, RUN.number)
            self.renderer.begin_run(key, START, EXPRESS)
            self.ledger.campaigns.latch(key, raw_path, RUN, "running", START, stream=STREAM)
        file = raw_file(0, 1, 5)
        self.ledger.raw_files.add(raw_path, RUN.number, {file.path: file.size}, START)
        good = Probe(file.lumis, file.events)
        self.ledger.raw_files.probed(file.path, FileState.GOOD, good, START)
        self.submit(file, SHARING[:2])
        self.pool.told.clear()

    def submit(self, file, names, again_for=""):
        number, batch, job = self.ledger.dags.next_numbers(self.campaign(LATE).reconstruction_id)
        plan = plan_batch(
            EXPRESS,
            self.config.stream_of(LATE),
            Batch(batch, (file,)),
            number,
            job,
            made_for=names,
            harvested_for=names,
            again_for=again_for,
        )
        self.launcher.carry_out([self.campaign(n) for n in names], plan, "a test", START)
        return plan

    def campaign(self, name):
        [campaign] = self.ledger.campaigns.of_run(RUN.number, name)
        return campaign

    def manifest(self, number):
        return Manifest.read(dag_dir(self.renderer.run_dir(EXPRESS), number) / MANIFEST)


@pytest.fixture
def stream(tmp_path):
    made = Stream(tmp_path)
    yield made
    made.ledger.close()


def test_its_files_wait_for_it_and_its_window_is_open_again(stream):
    for state in (CampaignState.CLOSING, CampaignState.INCOMPLETE):
        stream.ledger.campaigns.set_state(stream.campaign(LATE).id, state, "over", START)
    done, words = stream.answered(RESUBMIT, **REPROCESS)
    assert done, words
    late = stream.campaign(LATE)
    assert (late.state, late.asked_at) == (CampaignState.ACTIVE, START + 60)
    assert len(late.again) == 1
    assert [stream.campaign(n).again for n in SHARING[:2]] == [(), ()]
    assert [stream.campaign(n).asked_at for n in SHARING[:2]] == [None, None]


def test_asked_twice_it_is_made_once(stream):
    for _ in range(2):
        stream.answered(RESUBMIT, **REPROCESS)
    assert len(stream.campaign(LATE).again) == 1


def test_once_its_batch_is_there_it_has_missed_nothing(stream):
    stream.answered(RESUBMIT, **REPROCESS)
    [waiting] = stream.campaign(LATE).again
    plan = stream.submit(waiting.file, (LATE,), again_for=LATE)
    assert stream.pool.told == [("submit", f"{LATE} run398600 b001")]
    done, words = stream.answered(RESUBMIT, **REPROCESS)
    assert not done
    assert "it has missed nothing" in words
    manifest = stream.manifest(1)
    assert (tuple(manifest.made_for), manifest.again_for) == ((LATE,), LATE)
    assert plan_of(manifest).again_for == plan.again_for == LATE
    assert stream.renderer.attributes(plan)["CondorloopCalibration"] == LATE


def test_its_batch_stays_its_own_when_it_is_written_anew(stream):
    stream.answered(RESUBMIT, **REPROCESS)
    [waiting] = stream.campaign(LATE).again
    stream.submit(waiting.file, (LATE,), again_for=LATE)
    [dag] = [d for d in stream.campaign(LATE).dags if d.calibration]
    of = stream.ledger.campaigns.reconstruction(stream.campaign(LATE).reconstruction_id)
    stream.ledger.dags.ended(dag.id, [], START + 9)
    stream.launcher.rescue(of, dag, "a test", {}, START + 10)
    assert stream.manifest(1).again_for == LATE
    assert stream.pool.told[-1] == ("submit", f"{LATE} run398600 b001")
