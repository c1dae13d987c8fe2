"""What the version before has told is not told again, and its end is."""

import pytest

from condorloop.ledger.store import Ledger
from condorloop.model.enums import UploadOutcome
from condorloop.model.notification import Notified
from condorloop.model.service import Service
from condorloop.monitoring.notifications import keys, sender
from condorloop.monitoring.notifications.policy import Rules
from condorloop.monitoring.notifications.sender import Sender
from condorloop.monitoring.problems.campaigns import of_campaigns
from condorloop.monitoring.problems.disk import of_disk
from condorloop.monitoring.problems.services import of_services
from tests.unit.examples import START, campaign_status, loop_status
from tests.unit.monitoring.test_rewording import Recorder, at_once

SILENT = Service("OMS", START, "refused", START)
CAMPAIGNS = (
    campaign_status(failed_nodes=("b001 RECO_0001",), last_outcome=UploadOutcome.REFUSED),
    campaign_status(calibration="BeamSpot", last_outcome=UploadOutcome.NO_ANSWER),
    campaign_status(calibration="SiStripBad", last_outcome=UploadOutcome.FAILED),
)
OPEN = (*of_services([SILENT]), *of_campaigns(CAMPAIGNS), *of_disk("nearly full", {}))
BEFORE = {
    "service|||OMS does not answer": "service|||OMS",
    "failed|EcalPedestals|398600|": "failed|EcalPedestals|398600|",
    "upload|EcalPedestals|398600|condorloop analyze 398600 -c EcalPedestals": (
        "upload|EcalPedestals|398600|"
    ),
    "upload|BeamSpot|398600|condorloop doctor": "upload|BeamSpot|398600|conditions",
    "upload|SiStripBad|398600|condorloop analyze 398600 -c SiStripBad": (
        "upload|SiStripBad|398600|"
    ),
    "disk|||": "disk|||",
}
"""The keys that the version before wrote of these problems, and those of this one."""
WANTED = Rules(300.0, 4 * 3600.0, {problem.kind for problem in OPEN})


@pytest.fixture
def ledger(tmp_path):
    with Ledger(tmp_path / "condorloop.db") as ledger:
        yield ledger


@pytest.fixture
def ours(ledger, monkeypatch):
    """A sender of this version, whose ledger has what the version before has told an hour ago."""
    monkeypatch.setattr(sender, "in_background", at_once)
    told = {key: Notified("words", START - 4000, START - 3600) for key in BEFORE}
    ledger.notifications.remember(Recorder.name, told)
    return Sender(Recorder(), WANTED, ledger.notifications)


def look(ours, problems, seconds):
    ours.look(loop_status(*CAMPAIGNS, time=START + seconds, problems=tuple(problems)))
    return ours._transport.messages


def test_what_is_open_is_told_once_and_remembered_by_the_present_keys(ours, ledger):
    for seconds in (0, 301, 602):
        assert look(ours, OPEN, seconds) == []
    rows = ledger.notifications.told(Recorder.name)
    assert set(rows) == set(BEFORE.values())
    assert {(t.since, t.told_at) for t in rows.values()} == {(START - 4000, START - 3600)}


def test_its_end_is_told_and_so_is_that_it_lasts(ours):
    [reminder] = (look(ours, OPEN, 0), look(ours, OPEN, 3 * 3600))[1]
    assert set(reminder.lasting) == {problem.topic for problem in OPEN}
    for seconds in (11_000, 11_301, 11_302):
        messages = look(ours, [], seconds)
    assert [set(m.over) for m in messages[1:]] == [{problem.topic for problem in OPEN}]


def test_of_two_keys_of_one_problem_the_last_telling_counts():
    first, last = Notified("a", START, START + 5), Notified("b", START, START + 9)
    untold = Notified("c", START + 1)
    for rows in (
        {"service|||OMS does not answer": first, "service|||OMS": last},
        {"service|||OMS does not answer": last, "service|||OMS": first},
        {"service|||OMS does not answer": last, "service|||OMS": untold},
    ):
        assert list(keys.read(rows).values()) == [last]


def test_what_is_no_key_is_left_out():
    assert keys.read({"": Notified("x", START), "new kind|||": Notified("x", START)}) == {}


def test_a_key_is_read_as_it_was_written():
    memory = {problem.topic: Notified(problem.text, START) for problem in OPEN}
    assert keys.read(keys.written(memory)) == memory
