"""What was uploaded is looked for in its destination, without keeping a cycle waiting."""

from __future__ import annotations

import pytest

from condorloop.cycle.confirmation import FIRST_WAIT, LOOKED_FOR, Confirmations
from condorloop.cycle.settings import Settings
from condorloop.dagman.plan import planned_nodes
from condorloop.ledger.store import Ledger
from condorloop.model.enums import Synchronisation, TagOutcome, TimeType, UploadOutcome
from condorloop.model.jobs import DestinationRecord, HarvestRecord
from condorloop.model.lumis import Lumis
from condorloop.model.tag_content import TagContent, TagIov
from condorloop.rundir.layout import HARVEST_RECORD, UPLOAD_RECORD, run_dir
from condorloop.rundir.records.harvest import HarvestResult, Iov
from condorloop.rundir.records.upload import DestinationResult, UploadResult
from condorloop.services.tag_readings import Reading
from tests.unit.dag_plans import own_harvest
from tests.unit.examples import KEY, RUN, START, config

DATABASE, TAG = "oracle://cms_orcon_prod/CMS_CONDITIONS", "EcalPedestals_NGTDemonstrator"
OURS, OTHER = "a" * 40, "b" * 40
HOUR = 3600.0


class Tags:
    """Reads nothing until the test says what was read."""

    def __init__(self):
        self.asked = []
        self.read = []
        self.busy = False

    def start(self, database, tag, auth_path):
        if not self.busy:
            self.asked.append(tag)
        busy, self.busy = self.busy, True
        return not busy

    def taken(self):
        read, self.read = self.read, []
        self.busy = self.busy and not read
        return read

    def close(self):
        pass

    def says(self, *iovs, synchronisation=Synchronisation.ANY, tag=TAG):
        content = TagContent.of(tag, TimeType.RUN, synchronisation, [TagIov(*i) for i in iovs])
        self.read.append(Reading(DATABASE, tag, content))

    def is_down(self):
        self.read.append(Reading(DATABASE, TAG, None, "no answer"))


class Loop:
    """A ledger with a campaign whose payload was uploaded at START."""

    def __init__(self, folder):
        loaded = config(folder)
        self.ledger = Ledger(folder / "condorloop.db")
        self.ledger.campaigns.latch(KEY, "/eos", RUN, "", START)
        self.tags = Tags()
        self.runs = run_dir(loaded.site.work_dir, KEY.calibration, KEY.run)
        settings = Settings(loaded, "ledger")
        self.confirmations = Confirmations(self.ledger, settings, self.tags)
        self.dags = []

    def upload(self, at=START, tag=TAG, digest=OURS):
        """Let the next harvest's payload be uploaded."""
        number = len(self.dags)
        [campaign] = self.ledger.campaigns.of_run(KEY.run, None)
        nodes = planned_nodes(own_harvest(KEY, number))
        dag_id = self.ledger.dags.plan(campaign.id, None, number, nodes, "", START)
        self.dags.append(dag_id)
        harvest = self.runs / f"harvestJob{number:03d}"
        harvest.mkdir(parents=True)
        HarvestResult(
            dag_id=f"ledger/{KEY.calibration}/{KEY.run}/{number}",
            inputs=(),
            left_out={},
            overlaps=(),
            lumis=Lumis.span(1, 5),
            events=5,
            iovs=(Iov("In", KEY.run, digest, "Run"),),
            time=at,
        ).write(harvest / HARVEST_RECORD)
        result = DestinationResult(
            database=DATABASE,
            tag=tag,
            outcome=TagOutcome.UPLOADED,
            answer="in",
            time=at,
            input_tag="In",
            hash=digest,
            sinces=(KEY.run,),
        )
        UploadResult(
            outcome=UploadOutcome.UPLOADED, answer="in", time=at, destinations=(result,)
        ).write(harvest / UPLOAD_RECORD)
        told = DestinationRecord(DATABASE, tag, TagOutcome.UPLOADED, "in", None, at)
        record = HarvestRecord(
            inputs=frozenset(),
            lumis=Lumis.span(1, 5),
            events=5,
            harvested_at=at,
            outcome=UploadOutcome.UPLOADED,
            answered_at=at,
            destinations=(told,),
        )
        self.ledger.payloads.record(dag_id, campaign.id, record)

    def look(self, after):
        self.confirmations.look(START + after)

    def told(self, number=0):
        [told] = self.ledger.payloads.made_by(self.dags[number], 1).destinations
        return told


@pytest.fixture
def loop(tmp_path):
    loop = Loop(tmp_path)
    yield loop
    loop.ledger.close()


def test_what_the_tag_has_is_confirmed_with_the_since_that_it_took(loop):
    loop.upload()
    loop.look(10)
    assert loop.tags.asked == [TAG]
    assert loop.told().confirmed_at is None
    loop.tags.says((KEY.run, START + 1, OURS))
    loop.look(20)
    assert (loop.told().confirmed_at, loop.told().since) == (START + 20, KEY.run)
    loop.look(HOUR)
    assert loop.tags.asked == [TAG], "what is confirmed is not read again"


def test_a_since_that_was_moved_up_is_the_one_that_is_kept(loop):
    loop.upload()
    loop.look(10)
    loop.tags.says((KEY.run + 5, START + 1, OURS), synchronisation=Synchronisation.HLT)
    loop.look(20)
    assert loop.told().since == KEY.run + 5


def test_a_younger_tag_without_it_is_a_contradiction(loop):
    loop.upload()
    loop.look(10)
    loop.tags.says((KEY.run, START + HOUR, OTHER))
    loop.look(HOUR)
    assert f"payload {OURS}" in loop.told().contradiction
    assert loop.told().confirmed_at is None
    loop.look(2 * HOUR)
    assert loop.tags.asked == [TAG]


def test_a_replica_that_lags_is_read_again_later_and_later(loop):
    loop.upload()
    at = []
    for after in range(10, int(HOUR), 10):
        before = len(loop.tags.asked)
        loop.look(after)
        if len(loop.tags.asked) > before:
            at.append(after)
            loop.tags.says((KEY.run, START - HOUR, OTHER))
    assert (loop.told().contradiction, loop.told().confirmed_at) == ("", None)
    assert at[:4] == [10, 10 + FIRST_WAIT, 10 + 3 * FIRST_WAIT, 10 + 7 * FIRST_WAIT]
    assert len(at) < 12


def test_an_outage_of_the_reader_says_nothing(loop):
    loop.upload()
    loop.look(10)
    loop.tags.is_down()
    loop.look(20)
    assert (loop.told().contradiction, loop.told().confirmed_at) == ("", None)


def test_a_cycle_begins_one_reading_and_waits_for_none(loop):
    loop.upload()
    loop.upload(tag="Another")
    for after in (10, 20, 30):
        loop.look(after)
    assert len(loop.tags.asked) == 1
    loop.tags.says((KEY.run, START + 1, OURS), tag=loop.tags.asked[0])
    loop.look(40)
    assert sorted(loop.tags.asked) == ["Another", TAG]


def test_only_the_last_upload_to_a_tag_is_looked_for(loop):
    """The reader may not list what a later payload hides."""
    loop.upload(digest=OTHER)
    loop.upload(at=START + 5)
    loop.look(10)
    loop.tags.says((KEY.run, START + HOUR, OURS))
    loop.look(HOUR)
    assert loop.told(1).confirmed_at
    assert (loop.told(0).confirmed_at, loop.told(0).contradiction) == (None, "")


def test_a_new_upload_is_looked_for_at_once(loop):
    loop.upload()
    for after in (10, 100, 400):
        loop.look(after)
        loop.tags.says((KEY.run, START - HOUR, OTHER))
    loop.look(405)
    asked = len(loop.tags.asked)
    loop.upload(at=START + 408)
    loop.look(410)
    assert len(loop.tags.asked) == asked + 1


def test_what_was_uploaded_long_ago_is_not_looked_for(loop):
    loop.upload()
    loop.look(LOOKED_FOR + 1)
    assert loop.tags.asked == []


def test_a_record_that_is_gone_confirms_nothing(loop):
    loop.upload()
    loop.look(10)
    (loop.runs / "harvestJob000" / HARVEST_RECORD).unlink()
    loop.tags.says((KEY.run, START + HOUR, OTHER))
    loop.look(20)
    assert (loop.told().contradiction, loop.told().confirmed_at) == ("", None)
