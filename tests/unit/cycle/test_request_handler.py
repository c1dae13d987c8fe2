"""What people ask for is done and told; what was cut short, or met a silent schedd, is repeated."""

from dataclasses import replace

import pytest

from condorloop.config.resources import Resources
from condorloop.cycle.cleaner import Cleaner
from condorloop.cycle.isolation import Isolation
from condorloop.cycle.launcher import Launcher
from condorloop.cycle.request_handler import RequestHandler
from condorloop.cycle.settings import Settings
from condorloop.dagman.plan import plan_batch
from condorloop.dagman.schedd.client import ScheddUnavailable
from condorloop.ledger.store import Ledger, open_requests
from condorloop.model.campaign import Batch, CampaignKey, Probe
from condorloop.model.enums import CampaignState, DagState, FileState, NodeKind, RequestKind
from condorloop.model.jobs import FailedNode, HarvestRecord
from condorloop.model.lumis import EMPTY, Lumis
from condorloop.model.queue import JobSelector
from condorloop.model.request import ALL_RUNS
from condorloop.rundir.durable import read_json
from condorloop.rundir.layout import MANIFEST, RUN_END, dag_file
from condorloop.runtime.shutdown import Shutdown
from condorloop.runtime.wakeup import Wakeup
from tests.unit.examples import KEY, RUN, START, config, raw_file

OTHER = CampaignKey("BeamSpot", KEY.run)
HELD = "held by alice@node"
ACTING = [k for k in RequestKind if k is not RequestKind.CLEANUP]


class Queue:
    """A pool that notes what it is told, and may be silent."""

    def __init__(self):
        self.told = []
        self.silent = False

    def _note(self, *words):
        if self.silent:
            raise ScheddUnavailable("no answer in 20 s")
        self.told.append(words)
        return 2

    def hold(self, jobs, why):
        return self._note("hold", jobs, why)

    def release(self, jobs, why):
        return self._note("release", jobs, why)

    def remove(self, cluster, why):
        self._note("remove", cluster, why)

    def submit(self, dag_file, batch_name):
        self._note("submit", batch_name)
        return 99


class Place:
    """A ledger with one campaign that has a DAG in the queue, and who grants requests there."""

    def __init__(self, folder):
        self.config = config(folder)
        work_dir = self.config.site.work_dir
        work_dir.mkdir()
        self.ledger = Ledger(work_dir / "condorloop.db", "ledger")
        self.settings = Settings(self.config, self.ledger.id)
        renderer = self.settings.renderer
        stream = self.config.calibrations[KEY.calibration].stream_path
        renderer.begin_run(KEY, START)
        self.ledger.campaigns.latch(KEY, stream, RUN, "running", START)
        files = [raw_file(i, i + 1, i + 1) for i in range(3)]
        self.ledger.raw_files.add(stream, KEY.run, {f.path: f.size for f in files}, START)
        for file in files:
            good = Probe(file.lumis, file.events)
            self.ledger.raw_files.probed(file.path, FileState.GOOD, good, START)
        self.pool = Queue()
        shutdown = Shutdown(Wakeup())
        self.launcher = Launcher(self.ledger, self.settings, self.pool, shutdown)
        self.run_dir = renderer.run_dir(KEY)
        self.isolation = Isolation()
        self.others = (self.pool, shutdown, self.isolation, Cleaner(self.ledger))
        self.granting = RequestHandler(self.ledger, self.launcher, *self.others)
        plan = plan_batch(KEY, self.config.calibrations[KEY.calibration], Batch(0, files), 0, 0)
        self.launcher.carry_out(self.campaign, plan, "a test", START)
        self.pool.told.clear()

    @property
    def campaign(self):
        [campaign] = self.ledger.campaigns.of_run(KEY.run, KEY.calibration)
        return campaign

    @property
    def dag(self):
        [dag] = self.campaign.dags
        return dag

    def ask(self, kind, node=None, *, calibration=None, everything=False, reason="", accept=False):
        with open_requests(self.ledger.path) as requests:
            return requests.ask(
                kind,
                KEY.run,
                calibration,
                node=node,
                everything=everything,
                made_by="alice@node",
                now=START,
                reason=reason,
                accept_destination=accept,
            )

    def grant(self):
        for request in self.ledger.requests.waiting():
            self.granting.grant(request, START + 60)

    def answer(self, number):
        with open_requests(self.ledger.path) as requests:
            return requests.answer_to(number)

    def granted(self, *asked, **more):
        number = self.ask(*asked, **more)
        self.grant()
        return self.answer(number)


@pytest.fixture
def place(tmp_path):
    place = Place(tmp_path)
    yield place
    place.ledger.close()


def with_other_calibrations(place, calibrations):
    """Let the submitter have read its configuration anew."""
    place.settings.replace(replace(place.config, calibrations=calibrations))


def test_a_dag_that_a_person_submits_again_gets_the_present_configuration(place):
    place.ledger.dags.ended(place.dag.id, [FailedNode("RECO_0000", 137)], START + 30)
    known = place.config.calibrations[KEY.calibration]
    nodes = {NodeKind.RECO: Resources(request_memory_mb=12345)}
    changed = known.model_copy(update={"nodes": nodes})
    with_other_calibrations(place, {KEY.calibration: changed})
    assert place.granted(RequestKind.RESUBMIT)[0]
    assert "request_memory = 12345M" in dag_file(place.run_dir, 0).read_text()
    assert place.pool.told == [("submit", f"{KEY} b000")]


def test_a_dag_of_a_calibration_that_is_not_configured_is_submitted_as_it_was_written(place):
    place.ledger.dags.ended(place.dag.id, [FailedNode("RECO_0000", 137)], START + 30)
    before = dag_file(place.run_dir, 0).read_text()
    others = {k: v for k, v in place.config.calibrations.items() if k != KEY.calibration}
    with_other_calibrations(place, others)
    assert place.granted(RequestKind.RESUBMIT)[0]
    assert dag_file(place.run_dir, 0).read_text() == before
    assert place.pool.told == [("submit", f"{KEY} b000")]


def upload_elsewhere(place, tag="Ped_prompt"):
    """Let the submitter have another tag configured."""
    known = place.config.calibrations[KEY.calibration]
    upload = known.harvest.upload.model_copy(update={"tags": {tag: {}}})
    harvest = known.harvest.model_copy(update={"upload": upload})
    changed = known.model_copy(update={"harvest": harvest})
    with_other_calibrations(place, {KEY.calibration: changed})


def tags_of(place):
    manifest = read_json(dag_file(place.run_dir, 0).with_name(MANIFEST))
    return set(manifest["upload"]["metadata"]["destinationTags"])


def test_a_dag_that_a_person_submits_again_keeps_its_destination_and_he_is_told(place):
    place.ledger.dags.ended(place.dag.id, [FailedNode("UPLOAD", 1)], START + 30)
    own = tags_of(place)
    upload_elsewhere(place)
    granted, words = place.granted(RequestKind.RESUBMIT)
    assert granted
    assert f"b000 keeps its destination {', '.join(own)} in" in words
    assert "(configured: Ped_prompt in" in words
    assert tags_of(place) == own


def test_a_rescue_keeps_the_destination(place):
    place.ledger.dags.ended(place.dag.id, [FailedNode("UPLOAD", 1)], START + 30)
    own = tags_of(place)
    upload_elsewhere(place)
    place.launcher.rescue(KEY, place.dag, "a test", {}, START + 60)
    assert tags_of(place) == own
    assert place.pool.told == [("submit", f"{KEY} b000")]


def test_on_a_persons_word_a_dag_takes_the_configured_destination(place, caplog):
    place.ledger.dags.ended(place.dag.id, [FailedNode("UPLOAD", 1)], START + 30)
    upload_elsewhere(place)
    granted, words = place.granted(RequestKind.RESUBMIT, accept=True)
    assert granted
    assert "b000 takes the destination Ped_prompt in" in words
    assert tags_of(place) == {"Ped_prompt"}
    assert any(r.levelname == "WARNING" and "Ped_prompt" in r.getMessage() for r in caplog.records)


def test_a_word_that_a_silent_schedd_delays_is_kept(place):
    place.ledger.dags.ended(place.dag.id, [FailedNode("UPLOAD", 1)], START + 30)
    upload_elsewhere(place)
    place.pool.silent = True
    place.granted(RequestKind.RESUBMIT, accept=True)
    place.pool.silent = False
    place.launcher.submit_planned(KEY, place.dag, START + 90)
    assert tags_of(place) == {"Ped_prompt"}
    assert place.pool.told == [("submit", f"{KEY} b000")]


def ask_of_all(place, kind):
    """Ask something of all campaigns of a calibration."""
    with open_requests(place.ledger.path) as requests:
        number = requests.ask(
            kind,
            ALL_RUNS,
            KEY.calibration,
            **{"node": None, "everything": False, "made_by": "alice@node", "now": START},
        )
    place.grant()
    return place.answer(number)


def latch_another(place, run=KEY.run + 1):
    stream = place.config.calibrations[KEY.calibration].stream_path
    key = CampaignKey(KEY.calibration, run)
    place.ledger.campaigns.latch(key, stream, replace(RUN, number=run), "running", START + 90)
    [campaign] = place.ledger.campaigns.of_run(run, KEY.calibration)
    return campaign


def test_a_calibration_is_held_with_its_open_campaigns_and_those_to_come(place):
    granted, words = ask_of_all(place, RequestKind.HOLD)
    assert granted
    assert words.startswith(f"{KEY.calibration}: hold each campaign that is latched from now on")
    assert place.campaign.held_by == "alice@node"
    assert {told[0] for told in place.pool.told} == {"hold"}
    assert latch_another(place).held_by == "alice@node"
    assert place.ledger.campaigns.held_calibrations() == {
        KEY.calibration: ("alice@node", START + 60)
    }
    assert place.ledger.status.summary(place.campaign.id).held_at == START + 60


def test_a_calibration_that_is_released_goes_on_with_all_its_campaigns(place):
    ask_of_all(place, RequestKind.HOLD)
    latched = latch_another(place)
    assert ask_of_all(place, RequestKind.RELEASE)[0]
    assert place.ledger.campaigns.held_calibrations() == {}
    for run in (KEY.run, latched.key.run, latch_another(place, KEY.run + 2).key.run):
        [campaign] = place.ledger.campaigns.of_run(run, KEY.calibration)
        assert campaign.held_by == ""
    assert place.ledger.status.summary(latched.id).held_at is None


def test_a_hold_of_a_calibration_that_met_a_silent_schedd_is_taken_up_again(place):
    place.pool.silent = True
    assert ask_of_all(place, RequestKind.HOLD) is None
    place.pool.silent = False
    place.grant()
    [told] = {told[0] for told in place.pool.told}
    assert told == "hold"
    assert place.ledger.requests.waiting() == []
    assert KEY.calibration in place.ledger.campaigns.held_calibrations()


def test_a_calibration_that_is_held_already_and_has_no_open_campaign_says_so(place):
    ask_of_all(place, RequestKind.HOLD)
    place.ledger.campaigns.set_state(place.campaign.id, CampaignState.COMPLETE, "done", START)
    granted, words = ask_of_all(place, RequestKind.HOLD)
    assert (granted, words) == (False, f"{KEY.calibration}: no campaign of it is open")


def test_all_open_campaigns_of_a_calibration_are_given_up_and_no_other(place):
    closed = latch_another(place)
    place.ledger.campaigns.set_state(closed.id, CampaignState.COMPLETE, "done", START)
    assert ask_of_all(place, RequestKind.ABANDON)[0]
    assert place.campaign.state is CampaignState.ABANDONED
    [other] = place.ledger.campaigns.of_run(closed.key.run, KEY.calibration)
    assert other.state is CampaignState.COMPLETE
    assert latch_another(place, KEY.run + 2).state is CampaignState.ACTIVE


ID = f"ledger/{KEY.calibration}/{KEY.run}/0"


def test_hold_marks_the_campaign_and_holds_dagman_and_the_jobs_that_wait(place):
    assert place.granted(RequestKind.HOLD) == (
        True,
        f"{KEY}: held by alice@node; 4 jobs of b000 put on hold",
    )
    assert place.campaign.held_by == "alice@node"
    assert place.pool.told == [
        ("hold", JobSelector(ID, dagman=True), HELD),
        ("hold", JobSelector(ID), HELD),
    ]


def test_hold_of_a_node_leaves_the_campaign_and_dagman_alone(place):
    assert place.granted(RequestKind.HOLD, "RECO_0000", everything=True)[0]
    assert place.campaign.held_by == ""
    assert place.pool.told == [("hold", JobSelector(ID, node="RECO_0000", running=True), HELD)]


def test_release_undoes_hold(place):
    place.granted(RequestKind.HOLD)
    place.pool.told.clear()
    assert place.granted(RequestKind.RELEASE)[0]
    assert place.campaign.held_by == ""
    assert [(what, jobs) for what, jobs, _ in place.pool.told] == [
        ("release", JobSelector(ID)),
        ("release", JobSelector(ID, dagman=True)),
    ]


def test_abandon_removes_the_dag_and_closes_the_campaign(place):
    granted, words = place.granted(RequestKind.ABANDON, reason="wrong menu")
    assert granted
    assert words == f"{KEY}: abandoned by alice@node: wrong menu; b000 removed"
    assert place.campaign.state is CampaignState.ABANDONED
    assert place.campaign.reason == "by alice@node: wrong menu"
    assert (place.run_dir / RUN_END).exists()
    assert place.pool.told == [("remove", 99, "abandoned by alice@node")]
    assert place.dag.removed_by == "alice@node"


def test_an_abandoned_campaign_is_followed_until_its_dags_have_left_the_queue(place):
    place.granted(RequestKind.ABANDON)
    assert [c.key for c in place.ledger.campaigns.with_work({}, START)] == [KEY]
    place.ledger.dags.ended(place.dag.id, [], START + 70, "alice@node")
    assert place.ledger.campaigns.with_work({}, START) == []


def test_resubmit_of_an_abandoned_campaign_waits_until_its_dags_have_left_the_queue(place):
    place.granted(RequestKind.ABANDON)
    number = place.ask(RequestKind.RESUBMIT, "b000")
    place.ledger.dags.ended(place.dag.id, [], START + 70, "alice@node")
    place.grant()
    assert place.answer(number)[0]
    assert place.campaign.state is CampaignState.ACTIVE
    assert not (place.run_dir / RUN_END).exists()
    assert (place.dag.state, place.dag.removed_by) == (DagState.ACTIVE, "")


def test_what_leaves_the_queue_must_be_gone_before_it_is_resubmitted(place):
    place.granted(RequestKind.ABANDON)
    number = place.ask(RequestKind.RESUBMIT)
    place.grant()
    assert place.answer(number) is None
    assert place.campaign.state is CampaignState.ABANDONED


@pytest.mark.parametrize("later", [RequestKind.HOLD, RequestKind.ABANDON], ids=str)
def test_a_later_wish_does_not_overtake_one_that_waits(place, later):
    """What a person wished last holds in the end: the campaign is not reopened after that."""
    place.granted(RequestKind.ABANDON)
    first, second = place.ask(RequestKind.RESUBMIT), place.ask(later)
    place.grant()
    assert (place.answer(first), place.answer(second)) == (None, None)
    place.ledger.dags.ended(place.dag.id, [], START + 70, "alice@node")
    place.grant()
    assert place.answer(first)[0]
    assert place.answer(second)[0]
    assert (place.campaign.state is CampaignState.ABANDONED) == (later is RequestKind.ABANDON)
    assert bool(place.campaign.held_by) == (later is RequestKind.HOLD)


def test_an_abandonment_that_cannot_be_written_down_removes_nothing(place, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("condorloop.cycle.request_handler.set_state", full)
    assert not place.granted(RequestKind.ABANDON)[0]
    assert place.dag.removed_by == ""
    assert place.pool.told == []


def test_abandoning_a_failed_dag_leaves_it_so_and_the_campaign_open(place):
    place.ledger.dags.ended(place.dag.id, [], START + 10)
    assert place.granted(RequestKind.ABANDON, "b000")[0]
    assert (place.dag.state, place.dag.removed_by) == (DagState.REMOVED, "alice@node")
    assert place.campaign.state is CampaignState.ACTIVE


@pytest.mark.parametrize(
    "kind", [RequestKind.HOLD, RequestKind.RELEASE, RequestKind.ABANDON], ids=str
)
def test_a_request_waits_for_a_schedd_that_does_not_answer(place, kind):
    place.pool.silent = True
    number = place.ask(kind)
    place.grant()
    place.grant()
    assert place.answer(number) is None
    place.pool.silent = False
    place.grant()
    assert place.answer(number)[0]


@pytest.mark.parametrize("kind", ACTING, ids=str)
def test_a_request_that_was_cut_short_before_its_answer_is_done_again_and_answered_alike(
    place, kind, monkeypatch
):
    def dies(*_):
        raise KeyboardInterrupt

    if kind is RequestKind.RESUBMIT:
        place.ledger.dags.ended(place.dag.id, [], START + 10)
    number = place.ask(kind)
    with monkeypatch.context() as cut:
        cut.setattr(place.ledger.requests, "answer", dies)
        with pytest.raises(KeyboardInterrupt):
            place.grant()
    if kind is RequestKind.ABANDON:
        place.ledger.dags.ended(place.dag.id, [], START + 70, "alice@node")
    again = RequestHandler(place.ledger, place.launcher, *place.others)
    for request in place.ledger.requests.waiting():
        again.grant(request, START + 80)
    assert place.answer(number)[0]


def test_what_was_done_for_one_campaign_is_told_though_another_had_to_wait(place):
    stream = place.config.calibrations[OTHER.calibration].stream_path
    place.ledger.campaigns.latch(OTHER, stream, RUN, "running", START)
    place.pool.silent = True
    number = place.ask(RequestKind.ABANDON)
    place.grant()
    assert place.answer(number) is None
    place.pool.silent = False
    place.grant()
    granted, words = place.answer(number)
    assert granted
    by = "abandoned by alice@node"
    assert words == f"{OTHER}: {by}; {KEY}: {by}; b000 removed"


def test_trouble_with_one_campaign_is_told_and_stops_no_other(place):
    stream = place.config.calibrations[OTHER.calibration].stream_path
    place.ledger.campaigns.latch(OTHER, stream, RUN, "running", START)
    blocked = place.launcher.renderer.run_dir(OTHER)
    blocked.parent.mkdir()
    blocked.write_text("a file where a folder should be")
    granted, words = place.granted(RequestKind.ABANDON)
    assert granted
    assert f"{KEY}: abandoned by alice@node" in words
    assert f"{OTHER}: FileExistsError" in words
    assert place.campaign.state is CampaignState.ABANDONED


def test_an_unknown_name_is_refused_in_words(place):
    granted, words = place.granted(RequestKind.HOLD, "b007")
    assert not granted
    assert words.startswith(f"{KEY}: no b007; there are b000 active, with RECO_0000")


def test_an_alcareco_that_was_left_out_is_set_aside_and_what_it_held_waits_again(place):
    campaign, dag = place.campaign, place.dag
    for node in ("RECO_0000", "ALCA_0000"):
        place.ledger.dags.node_done(dag.id, node, Lumis.span(1, 3), 3, START)
    without = HarvestRecord(frozenset(), EMPTY, 0, START, left_out=frozenset([0]))
    place.ledger.payloads.record(dag.id, campaign.id, without)
    place.ledger.dags.ended(dag.id, None, START)
    (place.run_dir / "apJob000").mkdir()
    [reco] = place.ledger.retries.unused(campaign.id)[0].recos.values()
    witness = place.run_dir / f"{reco.output}_job.txt"
    witness.touch()
    granted, words = place.granted(RequestKind.RESUBMIT, everything=True)
    assert granted
    assert "another try for 3 files given up" in words
    assert not (place.run_dir / "apJob000").exists()
    assert (place.run_dir / "dag000" / "apJob000.failed0").is_dir()
    assert not witness.exists()
    nodes = read_json(place.run_dir / "dag000" / MANIFEST)["nodes"]
    assert (nodes["RECO_0000"]["files"], nodes["ALCA_0000"]["inputs"]) == ([], [])
    assert len(place.campaign.waiting) == 3


def test_the_window_is_open_again_for_what_a_person_asks_to_have_again(place):
    place.ledger.dags.ended(place.dag.id, [], START)
    place.ask(RequestKind.RESUBMIT)
    place.grant()
    assert place.campaign.asked_at == START + 60
